//! What the kernel is given: programs, maps, sites, and what the bytes that come back mean.
//!
//! A [`Program`] is plain data, the same for the same plan and [`bpf::Caps`]. Whoever loads it makes [`Program::maps`],
//! loads the programs, fills in [`Tables::processes`], and then:
//!
//! 1. runs the programs of [`On::Begin`];
//! 2. attaches each of [`Program::hooks`], then each of [`Program::users`] with its sites, in their order and with their
//!    cookies, then each of [`Program::starts`], and each of [`Program::events`];
//! 3. sets [`control::ARMED`] to 1: from here on what is hit counts. Before the detach it becomes 0 again;
//! 4. takes records out of [`Tables::ring`] and does what [`event::Row`] says, in their order; runs the programs of
//!    [`On::Interval`] when it is time;
//! 5. ends when [`exit::ASKED`] is not 0 (a record says the same, but a full ring may have lost it), and runs the
//!    programs of [`On::End`] after the detach.
//!
//! The offsets that loader and programs share are constants here: [`control`], [`engine_control`], [`exit`], [`process`],
//! [`counter`], [`site`], [`stack`], [`gos`], [`threads`].

pub mod capture;
pub mod frames;
mod needs;

use std::fmt;

use bpf::Maps;
use event::Schema;
use gobin::FileOff;
use gobin::insn::Class;
use plan::target::HookKind;
use plan::{BinaryNo, FuncNo, On};

pub use bpf::{Caps, MapId};
pub use needs::{EngineNeeds, ProcessIds, SiteIds};

/// The only value of [`Tables::control`]: the words of the run. Programs only read it.
pub mod control {
    /// `u32`: 0 while probes come and go; programs other than `BEGIN` and `END` do nothing then.
    pub const ARMED: u32 = 0;
    /// `u32`: not 0 once the run is over: the table of goroutines stays as it is then ([`super::gos`]).
    pub const OVER: u32 = 4;
    /// `u64`: since when hits count, in nanoseconds since boot.
    pub const ARMED_AT: u32 = 8;
    /// `u64`: bit *n* is set if processes that are not in the table are let through at probes in binary *n*, with their
    /// PID for a number; binaries from 64 on never are.
    pub const UNFILTERED: u32 = 16;
    /// `u64`: the flags with which processes that begin are put into the table: 0, or [`KNOWN`].
    pub const STARTS: u32 = 24;
    /// Only those that are there already (`BPF_EXIST`).
    pub const KNOWN: u64 = 2;
    /// `u64`: of processes that begin only those of this user come into the table, whose number is one less; 0 for all.
    pub const USER: u32 = 32;
    /// `u64`: only those in the control group of this id, or below it; 0 for all.
    pub const CGROUP: u32 = 40;
    /// `u32`: bit *n* is set once nobody sees any more whether [`plan::Plan::unders`] *n* is so: it is not.
    pub const UNDER_GONE: u32 = 48;
    /// `u32`: how often user space has taken processes out of their table. With [`super::starts::COUNT`], which says how
    /// often others came in the place of those that were there, it tells whether what was found in it still holds.
    pub const REPLACED: u32 = 52;
    /// Bytes of it.
    pub const SIZE: u32 = 56;
}

/// The only value of [`Tables::engine`]: the words of the engine that runs the programs. Programs only read it.
pub mod engine_control {
    /// `u64`: the device of the pid namespace whose numbers identify processes; 0 for the kernel's own numbers.
    pub const NAMESPACE_DEVICE: u32 = 0;
    /// `u64`: its inode.
    pub const NAMESPACE_INODE: u32 = 8;
    /// `u64`: the address of the pid namespace whose numbers identify the processes that the two words above do not
    /// cover, where programs follow the kernel's structures (`codegen::ProcessIds::Walk`).
    pub const NAMESPACE: u32 = 16;
    /// `u32`: the offset of `group_leader` in `task_struct`.
    pub const TASK_LEADER: u32 = 24;
    /// `u32`: the offset of `thread_pid` in `task_struct`.
    pub const TASK_PID: u32 = 28;
    /// `u32`: the offset in `struct pid` of the number in that namespace; the namespace's address follows 8 bytes later.
    pub const PID_NUMBER: u32 = 32;
    /// `u32`: during a hand-over between two links, the number of the link that goes; else 0. See [`super::Flip`].
    pub const LINK_OLD: u32 = 36;
    /// `u32`: the number of the link that comes; else 0.
    pub const LINK_NEW: u32 = 40;
    /// `u32`: the step of the hand-over, a [`super::Phase`].
    pub const PHASE: u32 = 44;
    /// Bytes of it.
    pub const SIZE: u32 = 48;
}

/// The only value of [`Tables::exit`]. Programs write it.
pub mod exit {
    /// `u32`: not 0 after `exit()`; programs other than `END` do nothing then.
    pub const ASKED: u32 = 0;
    /// `i64`: what `exit()` was given.
    pub const CODE: u32 = 8;
    /// Bytes of it.
    pub const SIZE: u32 = 16;
}

/// An entry of [`Tables::processes`]: which processes are ours. One that has none is not.
pub mod process {
    /// In the key, `u32`: the process, by the numbers of the namespace that [`super::engine_control`] names.
    pub const TGID: u32 = 0;
    /// In the key, `u32`: the binary, a [`plan::BinaryNo`].
    pub const BINARY: u32 = 4;
    /// Bytes of the key.
    pub const KEY: u32 = 8;
    /// In the value, `u32`: a number of its own for each image that a process has executed: the PID in the lower
    /// [`PID_BITS`], above it 0 where user space put it here, else 1 to [`STARTS`].
    pub const NUMBER: u32 = 0;
    /// How many bits no PID goes beyond (`PID_MAX_LIMIT` of the kernel).
    pub const PID_BITS: u32 = 22;
    /// After how many starts numbers come again, for a process with the same PID.
    pub const STARTS: u32 = 1023;
    /// In the value, `u64`: how far behind the file's addresses this binary is loaded, wrapping. Where probes have
    /// cookies nobody needs it; see [`super::site::ADDRESS`].
    pub const BIAS: u32 = 8;
    /// Bytes of the value.
    pub const SIZE: u32 = 16;
    /// Room for so many.
    pub const ENTRIES: u32 = 16384;
}

/// The only value of [`Tables::starts`].
pub mod starts {
    /// `u64`: how often executables began.
    pub const COUNT: u32 = 0;
    /// `u64`: how often there was no room in the table of processes.
    pub const UNKNOWN: u32 = 8;
    /// Bytes of it.
    pub const SIZE: u32 = 16;
}

/// A value of [`Tables::counters`], each field a `u64` for each CPU: entry 0 is for the whole run, entry 1 + *n* for
/// attach point *n* of the plan.
pub mod counter {
    /// How often programs ran while armed, those aside that run at the sites of a plan: their places count that
    /// ([`firing`](super::firing)). Whole run only.
    pub const FIRINGS: u32 = 0;
    /// How often a clause's code began.
    pub const HITS: u32 = 8;
    /// How often its predicate was not met.
    pub const FILTERED: u32 = 16;
    /// How often it was held back by a limit.
    pub const LIMITED: u32 = 24;
    /// Records that were put into the ring.
    pub const PRINTED: u32 = 32;
    /// Records that did not fit into the ring.
    pub const LOST: u32 = 40;
    /// Values that could not be read.
    pub const UNREADABLE: u32 = 48;
    /// How often the code did not run because all scratch memory was in use.
    pub const NO_SCRATCH: u32 = 56;
    /// Bytes of it.
    pub const SIZE: u32 = 64;
}

/// A value of [`Tables::firings`].
pub mod firing {
    /// `u64`: how often.
    pub const COUNT: u32 = 0;
    /// `u64`: whose the last hit was, which is the program's own business.
    pub const WHOSE: u32 = 8;
    /// Bytes of it.
    pub const SIZE: u32 = 16;
}

/// How far it is that a link takes over from another one at the same sites ([`Flip`]).
///
/// No hit may see two changes: between them every program that runs must have ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Phase {
    /// The old one handles hits, the new one comes.
    Coming = 0,
    /// The same, with the new one in place.
    Both = 1,
    /// The new one handles hits and marks them; the old one handles those without a mark: where the new one is not.
    Handing = 2,
    /// The new one handles hits, the old one goes.
    Going = 3,
}

/// An entry of [`Flip::marks`]: a hit that a new link has handled.
pub mod mark {
    /// The key, a `u64`: process and thread, by the kernel's numbers.
    pub const KEY: u32 = 8;
    /// In the value, `u64`: the instruction.
    pub const AT: u32 = 0;
    /// In the value, `u64`: the number of the link.
    pub const LINK: u32 = 8;
    /// Bytes of the value.
    pub const SIZE: u32 = 16;
    /// Room for so many.
    pub const ENTRIES: u32 = 1 << 16;
    /// The same where all of it is allocated from the start.
    pub const ENTRIES_ALLOCATED: u32 = 1 << 12;
}

/// Counters from [`Tables::drops`] on, behind those of the maps of the text: `u64`, entries without room in a table.
pub mod drops {
    /// [`Tables::stacks`](super::Tables::stacks).
    pub const STACKS: u32 = 0;
    /// [`Tables::gos`](super::Tables::gos).
    pub const GOROUTINES: u32 = 1;
    /// [`Tables::syscalls`](super::Tables::syscalls).
    pub const SYSCALLS: u32 = 2;
    /// How many there are.
    pub const OTHERS: u32 = 3;
}

/// A value of [`Tables::sites`], by the site's place in the plan. Filled in from the start.
pub mod site {
    /// `u32`: the function, a [`plan::FuncNo`].
    pub const FUNCTION: u32 = 0;
    /// `u32`: which code runs.
    pub const DISPATCH: u32 = 4;
    /// `u32`: SP is this far below its value at entry.
    pub const SP_ADJUST: u32 = 8;
    /// `u16`: the argument registers that survive a growth of the stack, by bit.
    pub const RESTORED: u32 = 12;
    /// `u16`: [`LOOP_HEAD`], [`TAIL`] or 0.
    pub const FLAGS: u32 = 14;
    /// `u64`: the return address, as the file counts, that shows that the stack has just grown; 0 if nothing does.
    pub const GROWN: u32 = 16;
    /// `u64`: the word of [`crate::frames::Site`] of this entry, if its calls are paired.
    pub const ENTER: u32 = 24;
    /// `u64`: the same of this exit.
    pub const LEAVE: u32 = 32;
    /// `u64`: where the instruction is, as the file counts.
    pub const ADDRESS: u32 = 40;
    /// Bytes of it.
    pub const SIZE: u32 = 48;
    /// The function may jump back to this entry.
    pub const LOOP_HEAD: u16 = 1;
    /// This exit is a jump to another function.
    pub const TAIL: u16 = 2;
}

/// A value of [`Tables::stacks`]; the key, a `u64`, is the number of [`event::value::Id`].
///
/// The process of such an id, and of an address in a program, is what `pid` says.
pub mod stack {
    /// `u64`: process in the upper half, thread in the lower.
    pub const PID_TGID: u32 = 0;
    /// `u64`: the return address that the kernel's walk misses because the frame was not complete, to be put behind
    /// the first address; 0 if it misses none.
    pub const CALLER: u32 = 8;
    /// `u32`: how many addresses there are.
    pub const COUNT: u32 = 16;
    /// `u32`: how many are wanted, with the one that the walk misses.
    pub const WANTED: u32 = 20;
    /// `u64` each: the addresses, innermost first.
    pub const FRAMES: u32 = 24;
    /// How many at most.
    pub const MAX_FRAMES: u32 = plan::limits::FRAMES;
    /// Bytes of it.
    pub const SIZE: u32 = FRAMES + 8 * MAX_FRAMES;
}

/// An entry of [`Tables::gos`]: what is known of a goroutine.
///
/// The prelude writes it. Whoever attaches may put in the goroutines that were there before, never over an entry that
/// there is, and takes out those of processes that are gone.
pub mod gos {
    /// In the key, `u32`: the process's number.
    pub const PROCESS: u32 = 0;
    /// In the key, `u64`: the address of its g. The word before it is 0.
    pub const G: u32 = 8;
    /// Bytes of the key.
    pub const KEY: u32 = 16;
    /// In the value, `u64`: the goroutine.
    pub const GOID: u32 = 0;
    /// In the value, `u64`: its start function, as [`plan::Id::StartFunc`] has it.
    pub const START: u32 = 8;
    /// In the value, `u64`: since when it is in its state, in nanoseconds since boot.
    pub const SINCE: u32 = 16;
    /// In the value, `u32`: its state, as the runtime numbers them.
    pub const STATE: u32 = 24;
    /// In the value, `u32`: [`DIRECT`] or [`BEFORE`], or 0; above [`REASON_AT`] why it waits.
    pub const FLAGS: u32 = 28;
    /// In [`FLAGS`]: the runtime may say the same once more, by `casgstatus`.
    pub const DIRECT: u32 = 1 << 8;
    /// In [`FLAGS`]: it was in that state before anybody looked; [`SINCE`] is when that was.
    pub const BEFORE: u32 = 1;
    /// In [`FLAGS`]: where the number of the reason begins, as the runtime numbers them.
    pub const REASON_AT: u32 = 16;
    /// Bytes of the value.
    pub const SIZE: u32 = 32;
    /// Room for so many.
    pub const ENTRIES: u32 = 1 << 18;
    /// The same where all of it is allocated from the start.
    pub const ENTRIES_ALLOCATED: u32 = 1 << 14;
}

/// An entry of [`Tables::syscalls`]: what the kernel was asked, until it has answered.
pub mod syscalls {
    /// Bytes of the key: the process's number, `u32`; the thread's, the kernel's own, `u32`; and the stack pointer.
    pub const KEY: u32 = 16;
    /// In the value, `u64`: when, in nanoseconds since boot.
    pub const SINCE: u32 = 0;
    /// In the value, `u64`: for which system call.
    pub const NR: u32 = 8;
    /// Bytes of the value.
    pub const SIZE: u32 = 16;
    /// Room for so many: threads that are in a system call, and those that were killed in one.
    pub const ENTRIES: u32 = 1 << 18;
    /// The same where all of it is allocated from the start.
    pub const ENTRIES_ALLOCATED: u32 = 1 << 14;
}

/// An entry of [`Tables::threads`]: a thread that runs goroutines. Whoever attaches puts in those that were there
/// before, and takes out those of processes that are gone.
pub mod threads {
    /// In the key, `u32`: the process's number.
    pub const PROCESS: u32 = 0;
    /// In the key, `u32`: the thread, by the numbers of the namespace that [`super::engine_control`] names.
    pub const TID: u32 = 4;
    /// Bytes of the key.
    pub const KEY: u32 = 8;
    /// Bytes of the value, a `u64`: the address of its m.
    pub const SIZE: u32 = 8;
    /// Room for so many.
    pub const ENTRIES: u32 = 1 << 16;
    /// The same where all of it is allocated from the start.
    pub const ENTRIES_ALLOCATED: u32 = 1 << 13;
}

/// Everything that the kernel is given, and how to read what comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The maps of all programs.
    pub maps: Maps,
    /// Those with a fixed purpose.
    pub tables: Tables,
    /// Memory for what does not fit on the stacks of programs, if any needs it: the last of the maps.
    pub scratch: Option<MapId>,
    /// What records, and keys and values of maps, are.
    pub schema: Schema,
    /// The map of each of [`Schema::maps`], by its number there.
    pub user_maps: Vec<MapId>,
    /// What runs where executables begin: attached when all their sites are, so that nobody is known whose calls are
    /// seen by halves.
    pub starts: Vec<StartProgram>,
    /// What runs at sites.
    pub users: Vec<UserProgram>,
    /// What sees the Go runtime at work: keeps pairs of calls and returns right, watches goroutines and threads.
    /// Attached before [`Program::users`], detached after them.
    pub hooks: Vec<HookProgram>,
    /// What runs without sites, in the order of the text.
    pub events: Vec<EventProgram>,
}

/// The maps with a fixed purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tables {
    /// Records on their way to user space.
    pub ring: MapId,
    /// [`control`]: an array of one value.
    pub control: MapId,
    /// [`engine_control`]: an array of one value, if programs do anything for their engine.
    pub engine: Option<MapId>,
    /// [`exit`]: an array of one value.
    pub exit: MapId,
    /// [`process`]: a hash.
    pub processes: MapId,
    /// [`counter`]: an array by CPU, and behind these the counters from [`Tables::drops`] on.
    pub counters: MapId,
    /// How often programs ran while armed, by place: an array by CPU, a [`firing`] for each of the plan's sites, then one
    /// for each of [`Program::hooks`] ([`HookProgram::place`]), which count whether armed or not.
    pub firings: MapId,
    /// If there are [`Program::users`], and one link may take over from another one.
    pub flip: Option<Flip>,
    /// The first entry of [`Tables::counters`] that counts entries without room in a map: one for each of
    /// [`Program::user_maps`], then [`drops`]. They are no table of their own, since a program may use 64 at most.
    pub drops: u32,
    /// [`site`]: an array.
    pub sites: MapId,
    /// Where there are no cookies: which site is at an address of a binary (`u64` as the file counts, `u32` binary,
    /// `u32` 0), as `u32`; with 1 in place of the 0, the kind of a hook. Filled in from the start.
    pub addresses: Option<MapId>,
    /// [`stack`]: a hash, if user stacks are asked for.
    pub stacks: Option<MapId>,
    /// The calls that are open, if calls are paired.
    pub frames: Option<crate::frames::Tables>,
    /// [`ends`]: a hash, if calls are paired.
    pub ends: Option<MapId>,
    /// [`starts`]: an array of one value, if there are any [`Program::starts`].
    pub starts: Option<MapId>,
    /// [`gos`]: a hash, if goroutines are watched.
    pub gos: Option<MapId>,
    /// [`syscalls`]: a hash, if somebody asks what the kernel has answered.
    pub syscalls: Option<MapId>,
    /// What stands for a wrapper that a goroutine starts in: a hash of [`plan::Id::StartFunc`]s, if start
    /// functions are asked for. Filled in from the start.
    pub wrappers: Option<MapId>,
    /// [`threads`]: a hash, if goroutines are asked for where no Go code is probed.
    pub threads: Option<MapId>,
    /// What whole calls are recorded by, if any are.
    pub captures: Option<CaptureTables>,
}

/// How many calls have ended where no return saw it.
pub mod ends {
    /// Bytes of a key: the `u32` row of the function, and the `u32` end.
    pub const KEY: u32 = 8;
    /// Bytes of a value: how many.
    pub const SIZE: u32 = 8;
}

/// The maps by which values are followed, filled in from the start, laid out as [`capture::layout`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CaptureTables {
    /// An array: twice the number of the plan's function, one more where it returns. Behind them the same for functions
    /// with type arguments.
    pub functions: MapId,
    /// A hash, if there are such: [`capture::layout::instance`] → `u32`, half the place in `functions`.
    pub instances: Option<MapId>,
    /// An array, by type row.
    pub types: MapId,
    /// An array.
    pub ops: MapId,
    /// A hash: [`capture::dynamic_key`] → `u32`.
    pub dynamic: MapId,
    /// A hash: [`capture::layout::met`] → `u32`. What runs adds to it, and to types and ops, while it runs.
    pub met: MapId,
    /// Where records are made: an array of slots.
    pub slots: MapId,
}

/// In [`crate::frames::FRAME_FLAGS`]: the beginning of the call is in the ring, and its end is not.
pub const FRAME_RECORDED: u32 = 1 << 4;

/// What it takes for a second link of a program to take over from the first one, so that every hit at a site of both
/// counts once ([`Phase`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flip {
    /// The number of this link, a `u32`, not 0: an array of one value. Each time that a program is loaded it has one of
    /// its own.
    pub link: MapId,
    /// [`mark`]: a hash.
    pub marks: MapId,
}

/// What runs where an executable begins, whether armed or not: puts its process into [`Tables::processes`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartProgram {
    /// The executable.
    pub binary: BinaryNo,
    /// The code.
    pub program: bpf::Program,
    /// Where in the file.
    pub site: FileOff,
}

/// What runs at sites of one executable.
///
/// There may be more than one of a binary; no site is in two of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserProgram {
    /// The executable.
    pub binary: BinaryNo,
    /// The sites are functions, and their returns are meant, by a real uretprobe: only in code that is not Go.
    pub returning: bool,
    /// The code. Its kind says how it is attached: by one link, or by one event in tracefs.
    pub program: bpf::Program,
    /// Where, in the order to attach.
    pub sites: Vec<ProgramSite>,
}

/// One place for a [`UserProgram`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramSite {
    /// Where in the file.
    pub file: FileOff,
    /// What the kernel shall hand to the program: the site's place in the plan.
    pub cookie: u64,
    /// The function it is in, for messages.
    pub function: FuncNo,
}

/// What runs at places of the Go runtime of an executable: whether armed or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookProgram {
    /// The executable.
    pub binary: BinaryNo,
    /// What happens there; [`HookKind::Status`] stands for all changes of goroutines' states.
    pub kind: HookKind,
    /// The code.
    pub program: bpf::Program,
    /// Its place in [`Tables::firings`].
    pub place: u32,
    /// What the dearest of its places costs.
    pub class: Class,
    /// Where.
    pub sites: Vec<HookSite>,
}

/// One place for a [`HookProgram`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HookSite {
    /// Where in the file.
    pub file: FileOff,
    /// What the kernel shall hand to the program.
    pub cookie: u64,
}

impl HookProgram {
    /// What cannot be done if it cannot be attached, in words.
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        match self.kind {
            HookKind::Recovery
            | HookKind::GoroutineEnd
            | HookKind::Goexit
            | HookKind::CoroutineEnd
            | HookKind::CopyStack => "calls cannot be paired",
            HookKind::ThreadStart | HookKind::ThreadEnd => "the goroutines of threads cannot be known",
            _ => "goroutines cannot be watched",
        }
    }
}

/// What runs without a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventProgram {
    /// When.
    pub on: On,
    /// The code. `BEGIN`, `END` and intervals are raw tracepoints to be run by request, clocks perf events.
    pub program: bpf::Program,
}

impl Program {
    /// All programs, those at sites first.
    pub fn programs(&self) -> impl Iterator<Item = &bpf::Program> {
        let users = self.users.iter().map(|user| &user.program);
        let hooks = self.hooks.iter().map(|hook| &hook.program);
        let starts = self.starts.iter().map(|start| &start.program);
        users.chain(hooks).chain(self.events.iter().map(|event| &event.program)).chain(starts)
    }

    /// The maps that are this program's alone: what stands in them is about its sites and its executables. All others
    /// can be shared with those of other builds (`codegen::emit_after`).
    #[must_use]
    pub fn own(&self) -> Vec<MapId> {
        let Tables { sites, firings, addresses, wrappers, captures, .. } = self.tables;
        let instances = captures.and_then(|of| of.instances);
        let captures = captures.map(|of| [of.functions, of.types, of.ops, of.dynamic, of.met]);
        let maybe = [addresses, wrappers, self.scratch, instances].into_iter().flatten();
        [sites, firings].into_iter().chain(maybe).chain(captures.into_iter().flatten()).collect()
    }

    /// Leaves only the sites of functions, with code that does nothing: what a hit costs by itself.
    ///
    /// # Errors
    /// When such code cannot be assembled.
    pub fn empty(&mut self) -> Result<(), bpf::AsmError> {
        for user in &mut self.users {
            let mut asm = bpf::Assembler::new("nothing", user.program.kind(), bpf::Source::default());
            asm.mov(bpf::Reg::R0, 0).exit();
            user.program = asm.finish(&Maps::new())?;
        }
        (self.hooks, self.starts, self.events) = (Vec::new(), Vec::new(), Vec::new());
        Ok(())
    }

    /// Leaves only what is to be put into some executables.
    pub fn only_in(&mut self, wanted: impl Fn(BinaryNo) -> bool) {
        self.users.retain(|user| wanted(user.binary));
        self.hooks.retain(|hook| wanted(hook.binary));
        self.starts.retain(|start| wanted(start.binary));
    }

    /// The map that the text calls so, with its sign.
    #[must_use]
    pub fn user_map(&self, name: &str) -> Option<MapId> {
        self.user_maps.get(self.schema.find_map(name)?.0 as usize).copied()
    }
}

impl fmt::Display for Program {
    /// `--emit=bpf`: the maps, then each program with its sites and its listing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, spec) in self.maps.iter() {
            writeln!(f, "map {spec}")?;
        }
        for user in &self.users {
            let returning = if user.returning { " returns" } else { "" };
            writeln!(f, "\nbinary {}{returning}, {} sites", user.binary.0, user.sites.len())?;
            for site in &user.sites {
                writeln!(f, "site {} at {:#x} in function {}", site.cookie, site.file.0, site.function.0)?;
            }
            write!(f, "{}", user.program)?;
        }
        for hook in &self.hooks {
            write!(f, "\nbinary {} hook {:?}\n{}", hook.binary.0, hook.kind, hook.program)?;
        }
        for start in &self.starts {
            write!(f, "\nbinary {} begins at {:#x}\n{}", start.binary.0, start.site.0, start.program)?;
        }
        for event in &self.events {
            write!(f, "\non {:?}\n{}", event.on, event.program)?;
        }
        Ok(())
    }
}
