//! What the checker asks about an executable: functions, sites, signatures, types, its Go runtime.
//!
//! Questions only. Whoever has files at hand answers them; for Go programs and other ELF files [`GoTarget`] and
//! [`ElfTarget`] do.

use std::fmt;
use std::sync::Arc;

use gobin::declare::{Declaration, Wrong};
use gobin::generic::Instantiation;
use gobin::insn::Class;
use gobin::maps::Maps;
use gobin::pattern::Pattern;
use gobin::release::Release;
use gobin::signature::Signature;
use gobin::sites::Sites;
use gobin::types::{Type, TypeRef};
use gobin::{FileOff, VAddr};

mod elf;
mod go;
mod hooks;
mod scheduler;

pub use elf::ElfTarget;
pub use go::GoTarget;
pub use scheduler::{NO_WAITS, Scheduler};

/// Where panics begin, in whatever way.
// +rtype func gopanic func(e any)
pub const PANIC: &str = "runtime.gopanic";

/// The first instruction that a process executes of an executable's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// Where it is.
    pub at: VAddr,
    /// Where in the file.
    pub file: FileOff,
}

/// An executable.
pub trait Target {
    /// Whether it is a Go program.
    fn is_go(&self) -> bool;

    /// What is known of its Go runtime. Asked only where it is needed, since finding out takes a while.
    fn runtime(&self) -> Runtime;

    /// The functions that the pattern matches, by address.
    fn matching(&self, pattern: &Pattern) -> Vec<Found>;

    /// The function whose code contains an address.
    fn function_at(&self, at: VAddr) -> Option<Found>;

    /// Where functions matching the pattern were inlined, where a probe on the function itself does not see them.
    fn inlined(&self, _: &Pattern) -> InlinedPlaces {
        InlinedPlaces::default()
    }

    /// The same, to be probed: each is a function of its own, and [`Target::sites`] has the one place where its calls
    /// begin, and as returns those where they end, if that is seen.
    fn instances(&self, _: &Pattern) -> Vec<Found> {
        Vec::new()
    }

    /// Names close to what was meant, best first.
    fn suggest(&self, wanted: &str) -> Vec<String>;

    /// Where probes go in a function; `None` if it is no Go program.
    fn sites(&self, function: &Found) -> Option<Sites>;

    /// What a probe on an instruction of a function costs.
    ///
    /// # Errors
    /// Why there can be none: outside, not where an instruction starts, refused by the kernel.
    fn instruction(&self, function: &Found, offset: u64) -> Result<Option<Class>, String>;

    /// What a function takes and gives.
    ///
    /// # Errors
    /// Why that is not known, in a sentence without full stop.
    fn signature(&self, function: &Found) -> Result<Arc<Signature>, String>;

    /// Takes what somebody says that a function takes and gives, for [`Target::signature`] to answer.
    ///
    /// # Errors
    /// What is wrong with it: with the types that it names, or since the function is known to be another one.
    fn declare(&self, _: &Found, declaration: &Declaration) -> Result<(), Wrong> {
        Err(Wrong { at: declaration.at.clone(), why: "only functions of Go have such signatures".into(), help: None })
    }

    /// What a generic function takes and gives for each list of type arguments, as far as the program says.
    fn instantiations(&self, _: &Found) -> Vec<Instantiation> {
        Vec::new()
    }

    /// A type that a signature, or another type, refers to.
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>>;

    /// The runtime's own description of a type, so that it is the same wherever it is referred to; none where the
    /// program has no such description.
    fn described(&self, _: &Type) -> Option<TypeRef> {
        None
    }

    /// A type's name with whole import paths, where its description has only those of packages.
    fn full_name(&self, _: TypeRef) -> Option<String> {
        None
    }

    /// What interfaces can hold. Asked only where it is needed, since finding out takes a while.
    fn dynamic_types(&self) -> Vec<DynamicType> {
        Vec::new()
    }

    /// How maps lie in memory, if that is known.
    fn maps(&self) -> Option<Maps> {
        None
    }

    /// Where its own code makes system calls. Asked only where it is needed, since finding out takes a while.
    ///
    /// # Errors
    /// Why that is not known, in a sentence without full stop.
    fn system_calls(&self) -> Result<SystemCalls, String> {
        Err("the target is no Go program".to_owned())
    }

    /// Where a process that executes it begins; `None` for a library.
    fn start(&self) -> Option<Start>;

    /// Where in the file an address is.
    fn file_offset(&self, at: VAddr) -> Option<FileOff>;
}

/// Where system calls are seen, in instructions that the kernel emulates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemCalls {
    /// The function through which they go.
    pub through: Found,
    /// Every call of it. The first argument register holds the system call's number.
    pub calls: Vec<VAddr>,
    /// Where the kernel has answered: the same register holds what it said, and SP has its value at entry.
    pub answered: VAddr,
}

impl SystemCalls {
    /// All the instructions.
    pub fn places(&self) -> impl Iterator<Item = VAddr> {
        self.calls.iter().copied().chain([self.answered])
    }
}

/// What the first word of an interface may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DynamicType {
    /// That word, as the file counts: where the type's description or an itab is.
    pub address: VAddr,
    /// The type of the value.
    pub ty: TypeRef,
    /// The second word is the value itself, and not its address.
    pub direct: bool,
}

/// A function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The target's own number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its first byte; of one that was inlined that of the function around it.
    pub entry: VAddr,
    /// Where it was inlined, if it is no function but such a place.
    pub inlined: Option<Inlined>,
}

/// Places where functions were inlined.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InlinedPlaces {
    /// The first ones, those of one function side by side.
    pub first: Vec<Inlined>,
    /// How many functions they are of.
    pub functions: usize,
    /// How many there are.
    pub places: usize,
}

/// So many of them are named.
pub const NAMED: usize = 64;

/// A place where a function was inlined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inlined {
    /// The function's name.
    pub name: String,
    /// That of the function around it.
    pub into: String,
    /// The file of the call, as the compiler recorded it.
    pub file: String,
    /// And the line.
    pub line: u32,
    /// In how many such places it stands, itself among them, where that matters: where its end is seen.
    pub level: u8,
}

impl fmt::Display for Inlined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.rsplit('/').next().unwrap_or_default();
        write!(f, "inlined into {} at {file}:{}", self.into, self.line)
    }
}

/// What the emitted programs must know of a Go runtime.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Runtime {
    /// The Go release that built it, if known.
    pub release: Option<Release>,
    /// Where fields are, by struct and path (`g.goid`), for each of [`FIELDS`]; or why that is not known.
    pub fields: Vec<(&'static str, Result<u64, String>)>,
    /// Where the runtime's own events are seen.
    pub hooks: Vec<Hook>,
    /// Why others of the known kinds are not seen; those that the version does not have are not among them.
    pub missing: Vec<(HookKind, String)>,
    /// The runtime's reasons to wait, by number.
    pub wait_reasons: Vec<String>,
    /// The names of a goroutine's states, by number; empty for numbers that are no state.
    pub g_states: Vec<String>,
    /// What stands for the wrappers that goroutines start in, by address.
    pub starts: Vec<gobin::Start>,
}

/// The fields that [`Runtime::fields`] has an answer for.
pub const FIELDS: [&str; 16] = [
    "g.stack.lo",
    "g.stack.hi",
    "g.m",
    "g.sched.sp",
    "g.sched.pc",
    "g.atomicstatus",
    "g.goid",
    "g.waitreason",
    "g.parentGoid",
    "g.gopc",
    "g.startpc",
    "g.coroarg",
    "g.coroexit",
    "coro.gp",
    "m.curg",
    "m.procid",
];

impl Runtime {
    /// Where a field of [`FIELDS`] is.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn field(&self, name: &str) -> Result<u64, String> {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map_or_else(|| Err(format!("nobody asked where {name} is")), |(_, answer)| answer.clone())
    }

    /// The address that stands for a goroutine's start function.
    #[must_use]
    pub fn start(&self, at: VAddr) -> VAddr {
        let found = self.starts.binary_search_by_key(&at, |start| start.wrapper);
        found.ok().and_then(|n| self.starts.get(n)).map_or(at, |start| start.shown)
    }

    /// What stands at such an address, if that is a wrapper that stands for a function that is nowhere else.
    #[must_use]
    pub fn start_name(&self, shown: VAddr) -> Option<&str> {
        self.starts.iter().find(|start| start.shown == shown).map(|start| start.name.as_str())
    }

    /// Whether every way out of calls is seen where it is taken, so that it need not be known when a goroutine without
    /// any is over. A program in which nobody calls `Goexit`, or makes coroutines, has no place for them.
    #[must_use]
    pub fn sees_exits(&self) -> bool {
        use HookKind::{CopyStack, CoroutineEnd, Goexit, GoroutineEnd, Recovery};
        let has = |kind| self.hooks(kind).next().is_some();
        let lacks = |kind| self.missing.iter().any(|(missing, _)| *missing == kind);
        self.release.is_some_and(|release| release.is_tested())
            && [Recovery, GoroutineEnd, CopyStack].into_iter().all(has)
            && !lacks(Goexit)
            && !lacks(CoroutineEnd)
    }

    /// The hooks of a kind: one, but for the returns of a function.
    pub fn hooks(&self, kind: HookKind) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |hook| hook.kind == kind)
    }
}

/// A place in the runtime where something is seen that no probe of the user shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// What is seen.
    pub kind: HookKind,
    /// The function that it is in.
    pub function: String,
    /// The instruction.
    pub at: VAddr,
    /// Where in the file that is.
    pub file: FileOff,
    /// What it costs.
    pub class: Class,
    /// SP is this far below its value at the function's first byte. Not for [`HookKind::Recovery`].
    pub sp_adjust: u32,
}

/// What is seen at a hook.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum HookKind {
    /// The `call runtime.gogo` in `runtime.recovery`: frames below a recovered panic are gone.
    Recovery,
    /// `runtime.gdestroy` (`goexit0` in Go 1.21): a goroutine, the first argument, is over.
    GoroutineEnd,
    /// The `call runtime.goexit1` in `runtime.Goexit`: the goroutine whose code this is will be over, whatever calls are
    /// open. One that returns from its first function has none.
    Goexit,
    /// The `call runtime.gdestroy` in `runtime.coroswitch_m`: a coroutine, the first argument, is over, also by `Goexit`.
    CoroutineEnd,
    /// `runtime.copystack`: the stack of a goroutine, the first argument, moves.
    CopyStack,
    /// `runtime.casgstatus(gp, old, new)`
    Status,
    /// `runtime.casGToPreemptScan(gp, …)`: running → preempted.
    PreemptScan,
    /// `runtime.casGFromPreempted(gp, …)`: preempted → waiting.
    FromPreempted,
    /// `runtime.coroswitch_m(gp)`: waiting and running change places without `casgstatus`.
    CoroSwitch,
    /// `runtime.reentersyscall`: running → syscall without `casgstatus`.
    SyscallEnter,
    /// `runtime.exitsyscall`: syscall → running without `casgstatus`.
    SyscallExit,
    /// A return of `runtime.newproc1`, whose result is a new g with its goid.
    Created,
    /// `runtime.minit`: a thread, whose system stack this is, begins to run goroutines.
    ThreadStart,
    /// `runtime.unminitSignals`: it has ceased to. Its caller `unminit` is inlined.
    ThreadEnd,
}

/// Whether a release needs a hook.
type Need = fn(&Release) -> bool;

/// Every kind of hook, the function or functions that it may be in, and the releases that need it.
const HOOKS: [(HookKind, &[&str], Need); 14] = [
    (HookKind::Recovery, &["runtime.recovery"], |_| true),
    (HookKind::GoroutineEnd, &["runtime.gdestroy", "runtime.goexit0"], |_| true),
    (HookKind::Goexit, &["runtime.Goexit"], Release::is_tested),
    (HookKind::CoroutineEnd, &["runtime.coroswitch_m"], |release| release.is_tested() && release.coroutines),
    (HookKind::CopyStack, &["runtime.copystack"], |_| true),
    (HookKind::Status, &["runtime.casgstatus"], |_| true),
    (HookKind::PreemptScan, &["runtime.casGToPreemptScan"], |_| true),
    (HookKind::FromPreempted, &["runtime.casGFromPreempted"], |_| true),
    (HookKind::CoroSwitch, &["runtime.coroswitch_m"], |release| release.coroutines),
    (HookKind::SyscallEnter, &["runtime.reentersyscall"], |release| release.syscalls_without_casgstatus),
    (HookKind::SyscallExit, &["runtime.exitsyscall"], |release| release.syscalls_without_casgstatus),
    (HookKind::Created, &["runtime.newproc1"], |release| release.late_goid),
    (HookKind::ThreadStart, &["runtime.minit"], |_| true),
    (HookKind::ThreadEnd, &["runtime.unminitSignals"], |_| true),
];

impl HookKind {
    /// Whether the runtime of a release needs it.
    #[must_use]
    pub fn is_of(self, release: &Release) -> bool {
        HOOKS.iter().any(|(kind, _, needed)| *kind == self && needed(release))
    }
}
