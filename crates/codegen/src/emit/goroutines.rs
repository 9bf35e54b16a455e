//! The runtime prelude: a program for each Go runtime, at all places where it changes the state of a goroutine; two where
//! the kernel has to step over some of these.
//!
//! Every place says which g goes from which state to which. What the table `gos` knew of that g, by process and
//! address, tells how long it was in the state that it leaves; then the bodies of `goroutine:*` run. The table is kept
//! whether hits count or not, since a change that it misses would make the next time wrong.
//!
//! ```text
//! place ── which g, from, to ──► gos ── armed? ──► bodies of create, state, park, ready, exit
//! ```
//!
//! **What is no change.** `casgstatus` is also called for a g that waits only so that the collector leaves its stack
//! alone while it runs on ([`Scheduler::no_waits`]), and for memory that becomes a g. Where the runtime first tries
//! without it (coroutines, and system calls since Go 1.26) and then calls it after all, the same change is seen twice:
//! the first sighting marks its entry [`gos::DIRECT`], the second one is dropped.
//!
//! Only one thread at a time changes the state of a g, so entries need no locks. Once the run is over they stay as they
//! are: they say which states had not ended then.

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Caps, Helper, Label, MapError, MapKind, MapSpec, Maps, Reg};
use gobin::insn::Class;

use super::body::{CONTEXT, R0, R1, R2, R3, R4};
use super::entry::{Entry, HIT, WORD};
use super::{Refused, Shared, hit, late_hash, refused, taint};
use plan::machine::Register;
use plan::target::{HookKind, Scheduler};
use plan::{BinaryNo, GoroutineEvent, GroupNo, On, Plan};
use program::{HookProgram, control, drops, gos};

/// The g that is concerned.
const G: Reg = Reg::R8;
/// What happens to it: from and to as in the hit, [`DIRECT_BIT`] and [`CREATED_BIT`], the reason above.
const WHAT: Reg = Reg::R9;
/// The g that begins to run where this one ceases to; 0 if that is none of this hit's business.
const NEXT: Reg = Reg::R7;

/// In [`WHAT`]: seen where the runtime changes the state by itself.
const DIRECT_BIT: i32 = gos::DIRECT as i32;
/// In [`WHAT`]: a new goroutine.
const CREATED_BIT: i32 = 1 << 9;
/// Where the state entered is in [`WHAT`].
const TO_AT: i32 = 16;
/// Where the reason is.
const REASON_AT: i32 = 32;
/// The same in [`gos::FLAGS`], in bytes.
const FLAGS_REASON: i32 = gos::REASON_AT as i32 / 8;

/// The new value of an entry, below the words for keys; its first words are the body's too.
const VALUE: i32 = HIT + hit::EVENT_GOID;

/// `BPF_ANY`.
const ANY: i32 = 0;

/// The map of goroutines.
pub(super) fn table(caps: Caps, maps: &mut Maps) -> Result<bpf::MapId, MapError> {
    let (sizes, entries) = ([gos::KEY, gos::SIZE], [gos::ENTRIES, gos::ENTRIES_ALLOCATED]);
    maps.add(late_hash(caps, "gos", sizes, entries))
}

/// The map of what stands for wrappers, if anybody asks for start functions and there are wrappers.
pub(super) fn wrappers(plan: &Plan) -> Option<MapSpec> {
    let asked = plan.needs.goroutines || plan.bodies.iter().any(taint::asks_start);
    let mut contents = Vec::new();
    for (binary, number) in plan.binaries.iter().zip(0_u64..).filter(|_| asked) {
        for start in binary.runtime.iter().flat_map(|runtime| &runtime.starts) {
            for at in [start.wrapper, start.shown] {
                contents.extend((at.0 | number << 48).to_le_bytes());
            }
        }
    }
    let entries = contents.len() / 16;
    (entries > 0).then(|| MapSpec::hash("wrappers", MapKind::Hash, 8, 8, entries as u32).contents(contents))
}

/// Where sites are told apart by their address: which kind is at those of the prelude.
pub(super) fn addresses(plan: &Plan) -> Vec<u8> {
    let mut contents = Vec::new();
    for (binary, number) in plan.binaries.iter().zip(0_u32..).filter(|_| plan.needs.goroutines) {
        let scheduler = binary.runtime.as_ref().and_then(|runtime| Scheduler::of(runtime).ok());
        for hook in scheduler.iter().flat_map(|scheduler| &scheduler.hooks) {
            contents.extend(hook.at.0.to_le_bytes());
            contents.extend(number.to_le_bytes());
            contents.extend(super::entry::OF_A_HOOK.to_le_bytes());
            contents.extend((hook.kind as u32).to_le_bytes());
        }
    }
    contents
}

/// The preludes of all executables whose goroutines somebody wants to see.
pub(super) fn preludes(shared: &mut Shared<'_>) -> Result<Vec<HookProgram>, Refused> {
    let plan = shared.plan;
    let on =
        |number: u32| plan.events.iter().any(|e| matches!(e.on, On::Goroutine { binary, .. } if binary.0 == number));
    let wanted = (0..plan.binaries.len() as u32).filter(|&number| on(number));
    // Apart, since one place costs ten times what another does, and each program counts its hits.
    let both = wanted.flat_map(|number| [Class::Emulated, Class::Stepped].map(|class| (BinaryNo(number), class)));
    both.filter_map(|(binary, class)| prelude(shared, binary, class).transpose()).collect()
}

/// That at the places of a class, if there are any.
fn prelude(shared: &mut Shared<'_>, binary: BinaryNo, class: Class) -> Result<Option<HookProgram>, Refused> {
    let plan = shared.plan;
    let runtime = plan.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
    let Some(runtime) = runtime else { return refused("goroutines are seen only where the Go runtime is known", None) };
    let mut scheduler = Scheduler::of(runtime).or_else(|why| refused(why, None))?;
    scheduler.hooks.retain(|hook| hook.class == class);
    if scheduler.hooks.is_empty() {
        return Ok(None);
    }
    let mut entry = Entry::at_hooks(shared, "goroutines", binary);
    let (changes, next) = (entry.asm.label("changes"), entry.asm.label("next"));
    entry.asm.comment("over?").map_value(R1, entry.shared.tables.control, control::OVER);
    entry.asm.load(Size::U32, R0, R1, 0).jump_if(Cond::Ne, R0, 0, entry.out);
    entry.places(binary, &scheduler, changes);
    entry.asm.place(changes);
    entry.keep(binary, &scheduler, next);
    entry.tell(binary, &scheduler, next)?;
    entry.asm.place(next).comment("who runs instead?").jump_if(Cond::Eq, NEXT, 0, entry.out);
    entry.asm.mov(G, NEXT).mov(NEXT, 0);
    entry.what_happens(scheduler.states.waiting, scheduler.states.running, DIRECT_BIT);
    entry.reason(scheduler.coroutine);
    entry.asm.jump(changes);
    let hooked = entry.hooked(HookKind::Status, &scheduler.hooks.iter().collect::<Vec<_>>(), Entry::cookie_of_hook);
    hooked.map(Some)
}

impl Entry<'_, '_> {
    /// What each kind of place says; on to `changes`, or out.
    fn places(&mut self, binary: BinaryNo, scheduler: &Scheduler, changes: Label) {
        self.which_hook(binary);
        let mut kinds: Vec<HookKind> = scheduler.hooks.iter().map(|hook| hook.kind).collect();
        kinds.dedup();
        for kind in kinds {
            let other = self.asm.label("other_place");
            self.asm.jump_if(Cond::Ne, R0, kind as i32, other).comment(format!("{kind:?}")).mov(NEXT, 0);
            self.place(kind, scheduler);
            self.asm.jump(changes).place(other);
        }
        self.asm.jump(self.out);
    }

    fn place(&mut self, kind: HookKind, scheduler: &Scheduler) {
        let states = scheduler.states;
        match kind {
            HookKind::Status => self.status(scheduler),
            HookKind::PreemptScan => {
                self.argument(G, 0);
                self.what_happens(states.running, states.preempted, 0);
            }
            HookKind::FromPreempted => {
                self.argument(G, 0);
                // Others may try the same, and one of them succeeds.
                self.read_status(scheduler);
                self.asm.jump_if(Cond::Ne, R0, states.preempted, self.out);
                self.what_happens(states.preempted, states.waiting, 0);
                self.reason(scheduler.preempted);
            }
            HookKind::CoroSwitch => self.switch(scheduler),
            HookKind::SyscallEnter => {
                self.own_g(G);
                self.what_happens(states.running, states.syscall, DIRECT_BIT);
            }
            HookKind::SyscallExit => {
                self.own_g(G);
                self.what_happens(states.syscall, states.running, DIRECT_BIT);
            }
            HookKind::Created => {
                self.argument(G, 0);
                self.read_status(scheduler);
                self.asm.mov(WHAT, R0).alu(AluOp::Lsh, WHAT, TO_AT);
                self.asm.alu(AluOp::Or, WHAT, states.dead | CREATED_BIT);
                self.reason_if_waiting(scheduler);
            }
            _ => {}
        }
    }

    /// `casgstatus(gp, old, new)`
    fn status(&mut self, scheduler: &Scheduler) {
        let states = scheduler.states;
        self.argument(G, 0);
        self.argument(R1, 1);
        self.argument(R2, 2);
        // Of both only the lower half is given.
        self.asm.alu(AluOp::And, R1, 0xff).alu(AluOp::And, R2, 0xff);
        self.asm.comment("memory becomes a g").jump_if(Cond::Eq, R1, states.idle, self.out);
        self.asm.mov(WHAT, R2).alu(AluOp::Lsh, WHAT, TO_AT).alu(AluOp::Or, WHAT, R1);
        let (old, runs_on) = (self.asm.label("old_one"), self.asm.label("no_end_of_a_wait"));
        self.asm.comment("a new goroutine?").jump_if(Cond::Ne, R1, states.dead, old);
        let made = self.asm.label("made");
        self.asm.jump_if(Cond::Eq, R2, states.runnable, made).jump_if(Cond::Ne, R2, states.waiting, old).place(made);
        match scheduler.late_goid {
            true => self.asm.jump(self.out),
            false => self.asm.alu(AluOp::Or, WHAT, CREATED_BIT),
        };
        self.asm.place(old).comment("the end of what was no wait").jump_if(Cond::Ne, R1, states.waiting, runs_on);
        self.asm.jump_if(Cond::Eq, R2, states.running, self.out).place(runs_on);
        self.reason_if_waiting(scheduler);
        self.leave_no_waits(scheduler);
    }

    /// Out where a g waits for nothing but runs on.
    fn leave_no_waits(&mut self, scheduler: &Scheduler) {
        let (states, waits) = (scheduler.states, self.asm.label("it_waits"));
        self.asm.comment("no wait?").mov(R1, WHAT).alu(AluOp::And, R1, 0x00ff_00ff);
        self.asm.jump_if(Cond::Ne, R1, states.running | states.waiting << TO_AT, waits);
        self.asm.mov(R2, WHAT).alu(AluOp::Rsh, R2, REASON_AT).jump_if(Cond::Ge, R2, 64, waits);
        self.asm.number(R1, scheduler.no_waits).alu(AluOp::Rsh, R1, R2).alu(AluOp::And, R1, 1);
        self.asm.jump_if(Cond::Ne, R1, 0, self.out).place(waits);
    }

    /// `coroswitch_m(gp)`: gp waits from here on, unless it ends, and the other one of its pair runs.
    fn switch(&mut self, scheduler: &Scheduler) {
        let Some((arg, exits, other)) = scheduler.fields.coroutine else { return };
        self.argument(G, 0);
        self.asm.mov(R3, G);
        self.read_word(arg, self.out);
        self.asm.mov(R3, R0);
        self.read_word(other, self.out);
        self.asm.mov(NEXT, R0).mov(R3, G);
        self.read_word(exits, self.out);
        let (stays, done) = (self.asm.label("it_stays"), self.asm.label("it_waits"));
        self.asm.alu(AluOp::And, R0, 0xff).jump_if(Cond::Eq, R0, 0, stays);
        // Its end is seen where it happens.
        self.asm.mov(G, NEXT).mov(NEXT, 0);
        self.what_happens(scheduler.states.waiting, scheduler.states.running, DIRECT_BIT);
        self.asm.jump(done).place(stays);
        self.what_happens(scheduler.states.running, scheduler.states.waiting, DIRECT_BIT);
        self.asm.place(done);
        self.reason(scheduler.coroutine);
    }

    fn argument(&mut self, dst: Reg, n: usize) {
        let register = Register::argument(self.shared.plan.arch, true, n);
        self.asm.load(Size::U64, dst, CONTEXT, register.map_or(0, |register| i32::from(register.offset)));
    }

    fn read_status(&mut self, scheduler: &Scheduler) {
        self.asm.mov(R3, G);
        self.read_word(scheduler.fields.status, self.out);
        // Without _Gscan, and without what stands behind it.
        self.asm.alu(AluOp::And, R0, 0xff);
    }

    fn what_happens(&mut self, from: i32, to: i32, bits: i32) {
        self.asm.mov(WHAT, from | to << TO_AT | bits);
    }

    fn reason(&mut self, reason: u32) {
        self.asm.number(R1, u64::from(reason) << REASON_AT).alu(AluOp::Or, WHAT, R1);
    }

    /// Adds why it waits, if it does from now on. Why it has waited says its entry.
    fn reason_if_waiting(&mut self, scheduler: &Scheduler) {
        let done = self.asm.label("have_reason");
        self.asm.comment("reason");
        self.to(R1);
        self.asm.jump_if(Cond::Ne, R1, scheduler.states.waiting, done).mov(R3, G);
        self.read_word(scheduler.fields.wait_reason, done);
        self.asm.alu(AluOp::And, R0, 0xff).alu(AluOp::Lsh, R0, REASON_AT).alu(AluOp::Or, WHAT, R0).place(done);
    }

    /// Why it has waited, if a wait ends and the place does not say so by itself. The runtime sets the reason before it has
    /// a g wait and changes it no more, so an entry of the wait has it; only where the beginning was not seen it is read.
    /// `entry`: there is one, at `R0`, whose state is in `R1`.
    fn reason_of_wait(&mut self, scheduler: &Scheduler, entry: bool) {
        let [read, unreadable, have, done] =
            ["read_reason", "no_reason", "reason_of_wait", "no_wait_ends"].map(|name| self.asm.label(name));
        let waiting = scheduler.states.waiting;
        self.asm.comment("why has it waited?").mov(R2, WHAT).alu(AluOp::And, R2, 0xff);
        self.asm.jump_if(Cond::Ne, R2, waiting, done).mov(R2, WHAT).alu(AluOp::Rsh, R2, REASON_AT);
        self.asm.jump_if(Cond::Ne, R2, 0, done);
        if entry {
            self.asm.jump_if(Cond::Ne, R1, waiting, read).load(Size::U16, R2, R0, gos::FLAGS as i32 + FLAGS_REASON);
            self.asm.jump_if(Cond::Ne, R2, 0, have).place(read);
            self.put(hit::POINT, R0);
        }
        self.asm.store(Size::U64, Reg::R10, WORD, 0).mov(R3, G);
        self.read_word(scheduler.fields.wait_reason, unreadable);
        self.asm.place(unreadable).load(Size::U8, R2, Reg::R10, WORD);
        // The key again.
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PROCESS).store(Size::U64, Reg::R10, WORD, R1);
        if entry {
            self.asm.load(Size::U64, R0, Reg::R10, HIT + hit::POINT).load(Size::U32, R1, R0, gos::STATE as i32);
        }
        self.asm.place(have).store(Size::U32, Reg::R10, HIT + hit::EVENT_REASON, R2);
        self.asm.store(Size::U16, Reg::R10, VALUE + gos::FLAGS as i32 + FLAGS_REASON, R2).place(done);
    }

    /// The state entered.
    fn to(&mut self, dst: Reg) {
        self.asm.mov(dst, WHAT).alu(AluOp::Rsh, dst, TO_AT).alu(AluOp::And, dst, 0xff);
    }

    /// Brings the table up to date, and the event's words with it; on to `next` if this is no change.
    fn keep(&mut self, binary: BinaryNo, scheduler: &Scheduler, next: Label) {
        let [fresh, unseen, describe, known] =
            ["fresh", "unseen", "describe", "known"].map(|name| self.asm.label(name));
        self.asm.comment("what was known of it?");
        self.put(hit::EVENT_G, G);
        self.put(hit::EVENT_FROM, WHAT);
        self.new_value();
        self.asm.mov(R1, WHAT).alu(AluOp::And, R1, CREATED_BIT).jump_if(Cond::Ne, R1, 0, fresh);
        self.look_up(self.gos(), WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, unseen);
        self.drop_second_sight(scheduler, next);
        self.reason_of_wait(scheduler, true);
        self.renew();
        self.asm.jump(known).place(unseen);
        self.reason_of_wait(scheduler, false);
        self.put(hit::EVENT_FOR, hit::UNKNOWN);
        // How long one was dead is no time of a goroutine's.
        self.asm.mov(R1, WHAT).alu(AluOp::And, R1, 0xff).jump_if(Cond::Ne, R1, scheduler.states.dead, describe);
        self.asm.place(fresh);
        self.put(hit::EVENT_FOR, 0);
        self.asm.place(describe);
        self.describe(binary, scheduler, next);
        self.asm.place(known);
        self.forget_dead(scheduler);
    }

    fn gos(&self) -> bpf::MapId {
        self.shared.tables.gos.unwrap_or(self.shared.tables.sites)
    }

    /// The key, and what the entry says from now on.
    fn new_value(&mut self) {
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PROCESS).store(Size::U32, Reg::R10, WORD, R1);
        self.asm.store(Size::U32, Reg::R10, WORD + 4, 0).store(Size::U64, Reg::R10, WORD + gos::G as i32, G);
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, Reg::R10, VALUE + gos::SINCE as i32, R0);
        self.to(R1);
        self.asm.store(Size::U32, Reg::R10, VALUE + gos::STATE as i32, R1).mov(R1, WHAT);
        self.asm.alu(AluOp::And, R1, DIRECT_BIT).mov(R2, WHAT).alu(AluOp::Rsh, R2, REASON_AT);
        self.asm.alu(AluOp::Lsh, R2, gos::REASON_AT as i32).alu(AluOp::Or, R1, R2);
        self.asm.store(Size::U32, Reg::R10, VALUE + gos::FLAGS as i32, R1);
    }

    /// What `casgstatus` says of a change that was seen already where the runtime first tried without it. Its entry is
    /// at `R0`; its state is left in `R1`.
    fn drop_second_sight(&mut self, scheduler: &Scheduler, next: Label) {
        let (states, first) = (scheduler.states, self.asm.label("first_sight"));
        self.asm.load(Size::U32, R1, R0, gos::STATE as i32).load(Size::U32, R2, R0, gos::FLAGS as i32);
        self.asm.comment("seen already?").alu(AluOp::And, R2, DIRECT_BIT).jump_if(Cond::Eq, R2, 0, first);
        self.asm.mov(R2, WHAT).alu(AluOp::And, R2, DIRECT_BIT).jump_if(Cond::Ne, R2, 0, first);
        self.to(R2);
        self.asm.jump_if(Cond::Eq, R1, R2, next).jump_if(Cond::Ne, R1, states.running, first);
        // waiting → runnable → running, instead of waiting → running.
        self.asm.mov(R2, WHAT).alu(AluOp::And, R2, 0xff).jump_if(Cond::Eq, R2, states.waiting, next);
        self.asm.jump_if(Cond::Eq, R2, states.runnable, next).place(first);
    }

    /// The entry at `R0`, whose state is in `R1`, becomes what is new.
    fn renew(&mut self) {
        let unknown = self.asm.label("since_when");
        // The lower byte has what the record tells of it.
        self.asm.load(Size::U8, R2, R0, gos::FLAGS as i32).store(Size::U8, Reg::R10, HIT + hit::EVENT_FLAGS, R2);
        self.asm.mov(R2, WHAT).alu(AluOp::And, R2, 0xff).mov(R3, hit::UNKNOWN).jump_if(Cond::Ne, R1, R2, unknown);
        self.asm.load(Size::U64, R3, Reg::R10, VALUE + gos::SINCE as i32).load(Size::U64, R2, R0, gos::SINCE as i32);
        self.asm.alu(AluOp::Sub, R3, R2).place(unknown);
        self.put(hit::EVENT_FOR, R3);
        for (from, to, field) in [
            (Reg::R10, R0, gos::SINCE),
            (Reg::R10, R0, gos::STATE),
            (R0, Reg::R10, gos::GOID),
            (R0, Reg::R10, gos::START),
        ] {
            let at = |base: Reg| if base == R0 { field as i32 } else { VALUE + field as i32 };
            self.asm.load(Size::U64, R2, from, at(from)).store(Size::U64, to, at(to), R2);
        }
    }

    /// A new entry, for what is read of g.
    fn describe(&mut self, binary: BinaryNo, scheduler: &Scheduler, next: Label) {
        for (field, at) in [(gos::GOID, scheduler.fields.goid), (gos::START, scheduler.fields.start_pc)] {
            self.asm.frame(R1, VALUE + field as i32).mov(R2, 8).mov(R3, G).add(R3, at);
            self.asm.helper(Helper::PROBE_READ_USER).jump_if(Cond::Ne, R0, 0, next);
        }
        let (start, nowhere) = (VALUE + gos::START as i32, self.asm.label("of_a_c_thread"));
        self.asm.load(Size::U64, R0, Reg::R10, start).jump_if(Cond::Eq, R0, 0, nowhere);
        self.asm.load(Size::U64, R1, Reg::R10, HIT + hit::BIAS);
        self.asm.alu(AluOp::Sub, R0, R1).alu(AluOp::Lsh, R0, 16).alu(AluOp::Rsh, R0, 16);
        self.asm.number(R1, u64::from(binary.0) << 48).alu(AluOp::Or, R0, R1).store(Size::U64, Reg::R10, start, R0);
        if let Some(wrappers) = self.shared.tables.wrappers {
            let itself = self.asm.label("no_wrapper");
            self.look_up(wrappers, start);
            self.asm.jump_if(Cond::Eq, R0, 0, itself).load(Size::U64, R0, R0, 0);
            self.asm.store(Size::U64, Reg::R10, start, R0).place(itself);
        }
        self.asm.place(nowhere);
        let gos = self.gos();
        self.asm.map(R1, gos).frame(R2, WORD).frame(R3, VALUE).mov(R4, ANY).helper(Helper::MAP_UPDATE_ELEM);
        self.count_if_full();
    }

    /// A full table is no reason to be silent. But then the time until the next change is not known, and a second sight
    /// of this one cannot be told from a change.
    fn count_if_full(&mut self) {
        let kept = self.asm.label("kept");
        self.asm.jump_if(Cond::Eq, R0, 0, kept);
        self.count_drop(drops::GOROUTINES);
        // The key again.
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PROCESS).store(Size::U32, Reg::R10, WORD, R1).place(kept);
    }

    fn forget_dead(&mut self, scheduler: &Scheduler) {
        let alive = self.asm.label("alive");
        self.to(R1);
        let gos = self.gos();
        self.asm.jump_if(Cond::Ne, R1, scheduler.states.dead, alive);
        self.asm.map(R1, gos).frame(R2, WORD).helper(Helper::MAP_DELETE_ELEM).place(alive);
    }

    /// Runs the bodies, if hits count.
    fn tell(&mut self, binary: BinaryNo, scheduler: &Scheduler, next: Label) -> Result<(), Refused> {
        let group = |wanted: GoroutineEvent| {
            let is_it =
                |on: &On| matches!(on, On::Goroutine { binary: of, event } if *of == binary && *event == wanted);
            self.shared.plan.events.iter().find(|e| is_it(&e.on)).map(|e| e.group)
        };
        let [create, state, exit] = [GoroutineEvent::Create, GoroutineEvent::State, GoroutineEvent::Exit].map(group);
        let [park, ready] = [GoroutineEvent::Park, GoroutineEvent::Ready].map(group);
        self.if_armed(next);
        self.count_firing();
        self.goroutine(binary)?;
        self.no_site();
        if let Some(create) = create {
            let old = self.asm.label("old_one");
            self.asm.mov(R1, WHAT).alu(AluOp::And, R1, CREATED_BIT).jump_if(Cond::Eq, R1, 0, old);
            self.group(create)?;
            self.asm.place(old);
        }
        state.map_or(Ok(()), |state| self.group(state))?;
        park.map_or(Ok(()), |park| self.waits(park, scheduler))?;
        ready.map_or(Ok(()), |ready| self.waited(ready, scheduler))?;
        exit.map_or(Ok(()), |exit| self.over(exit, scheduler))
    }

    /// It begins to wait, be it from its creation on.
    fn waits(&mut self, park: GroupNo, scheduler: &Scheduler) -> Result<(), Refused> {
        let goes_on = self.asm.label("does_not_wait");
        self.to(R1);
        self.asm.jump_if(Cond::Ne, R1, scheduler.states.waiting, goes_on);
        self.group(park)?;
        self.asm.place(goes_on);
        Ok(())
    }

    /// It has waited, and may run now or does so at once, as a coroutine.
    fn waited(&mut self, ready: GroupNo, scheduler: &Scheduler) -> Result<(), Refused> {
        let (states, goes_on, may_run) = (scheduler.states, self.asm.label("did_not_wait"), self.asm.label("may_run"));
        self.asm.mov(R1, WHAT).alu(AluOp::And, R1, 0xff).jump_if(Cond::Ne, R1, states.waiting, goes_on);
        self.to(R1);
        self.asm.jump_if(Cond::Eq, R1, states.runnable, may_run).jump_if(Cond::Ne, R1, states.running, goes_on);
        self.asm.place(may_run);
        self.group(ready)?;
        self.asm.place(goes_on);
        Ok(())
    }

    /// A goroutine is over when it dies running; others only leave a thread of C.
    fn over(&mut self, exit: GroupNo, scheduler: &Scheduler) -> Result<(), Refused> {
        let (states, goes_on) = (scheduler.states, self.asm.label("goes_on"));
        self.asm.mov(R1, WHAT).alu(AluOp::And, R1, 0x00ff_00ff);
        self.asm.jump_if(Cond::Ne, R1, states.running | states.dead << TO_AT, goes_on);
        self.group(exit)?;
        self.asm.place(goes_on);
        Ok(())
    }
}
