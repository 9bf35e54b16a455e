//! The goroutine of a thread, where no Go code is probed: in tracepoints and profiles.
//!
//! There no register holds g. What a thread of Go keeps for its whole life is its m, and that knows the goroutine it
//! runs: so a table leads from threads to their m. Two places of the runtime keep it, hit once in the life of a thread;
//! threads that were there before us are put in by user space.
//!
//! A thread that is not in the table runs no goroutine, or belongs to nobody's target.

use bpf::insn::{Cond, Size};
use bpf::{Caps, Helper, MapError, Maps, Reg};

use super::body::{R0, R1, R2, R3, R4};
use super::entry::{Entry, HIT, WORD};
use super::{Refused, Shared, hit, late_hash, refused};
use plan::target::{Hook, HookKind};
use plan::{BinaryNo, Plan};
use program::{HookProgram, process, threads};

/// A new value, below the words for keys.
const VALUE: i32 = WORD - threads::SIZE as i32;

/// `BPF_ANY`.
const ANY: i32 = 0;

/// The executable whose goroutines tracepoints and profiles see: the only Go program there is.
pub(super) fn binary(plan: &Plan) -> Option<BinaryNo> {
    let mut go = (0..).zip(&plan.binaries).filter(|(_, binary)| plan.needs.g_of_thread && binary.go);
    go.next().map(|(number, _)| BinaryNo(number))
}

/// The map of threads.
pub(super) fn table(caps: Caps, maps: &mut Maps) -> Result<bpf::MapId, MapError> {
    let (sizes, entries) = ([threads::KEY, threads::SIZE], [threads::ENTRIES, threads::ENTRIES_ALLOCATED]);
    maps.add(late_hash(caps, "threads", sizes, entries))
}

/// The programs that keep the table.
pub(super) fn hooks(shared: &mut Shared<'_>) -> Result<Vec<HookProgram>, Refused> {
    let Some(binary) = binary(shared.plan) else { return Ok(Vec::new()) };
    let runtime = shared.plan.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
    let Some(runtime) = runtime else { return refused("threads are known only where the Go runtime is", None) };
    let kinds = [HookKind::ThreadStart, HookKind::ThreadEnd];
    kinds.into_iter().map(|kind| hook(shared, binary, kind, runtime.hooks(kind))).collect()
}

fn hook<'h>(
    shared: &mut Shared<'_>,
    binary: BinaryNo,
    kind: HookKind,
    at: impl Iterator<Item = &'h Hook>,
) -> Result<HookProgram, Refused> {
    let starts = kind == HookKind::ThreadStart;
    let mut entry = Entry::at_hooks(shared, if starts { "thread_start" } else { "thread_end" }, binary);
    if starts {
        entry.thread_starts(binary)?;
    } else {
        entry.thread_key();
        let map = entry.threads();
        entry.asm.map(R1, map).frame(R2, WORD).helper(Helper::MAP_DELETE_ELEM);
    }
    entry.hooked(kind, &at.collect::<Vec<_>>(), |_| 0)
}

impl Entry<'_, '_> {
    fn threads(&self) -> bpf::MapId {
        self.shared.tables.threads.unwrap_or(self.shared.tables.sites)
    }

    pub(super) fn field_of(&self, binary: BinaryNo, name: &str) -> Result<i32, Refused> {
        let runtime = self.shared.plan.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
        let offset = runtime.map_or_else(|| Err("no Go runtime".to_owned()), |runtime| runtime.field(name));
        let offset = offset.and_then(|at| i32::try_from(at).map_err(|_| format!("it is at {at:#x}")));
        offset.or_else(|why| refused(format!("where {name} is is not known: {why}"), None))
    }

    /// The system stack that this runs on belongs to the thread's m.
    fn thread_starts(&mut self, binary: BinaryNo) -> Result<(), Refused> {
        let m = self.field_of(binary, "g.m")?;
        self.own_g(R3);
        self.read_word(m, self.out);
        self.asm.store(Size::U64, Reg::R10, VALUE, R0);
        self.thread_key();
        let map = self.threads();
        self.asm.map(R1, map).frame(R2, WORD).frame(R3, VALUE).mov(R4, ANY).helper(Helper::MAP_UPDATE_ELEM);
        Ok(())
    }

    /// What this thread is known by, in [`WORD`].
    fn thread_key(&mut self) {
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PROCESS).store(Size::U32, Reg::R10, WORD, R1);
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PID_TGID);
        self.asm.store(Size::U32, Reg::R10, WORD + threads::TID as i32, R1);
    }

    /// The goroutine that this thread runs, if any.
    pub(super) fn goroutine_of_thread(&mut self, binary: BinaryNo) -> Result<(), Refused> {
        let (curg, goid) = (self.field_of(binary, "m.curg")?, self.field_of(binary, "g.goid")?);
        let (none, done) = (self.asm.label("no_goroutine"), self.asm.label("goroutine"));
        self.asm.comment("which goroutine runs on this thread?");
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PID_TGID + 4).store(Size::U32, Reg::R10, WORD, R1);
        self.asm.store(Size::U32, Reg::R10, WORD + process::BINARY as i32, binary.0 as i32);
        self.look_up(self.shared.tables.processes, WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, done);
        self.put_process();
        self.thread_key();
        self.look_up(self.threads(), WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, done).load(Size::U64, R3, R0, 0);
        self.read_word(curg, done);
        self.put(hit::G, R0);
        self.asm.mov(R3, R0);
        self.read_word(goid, none);
        self.put(hit::GOID, R0);
        self.asm.jump(done).place(none);
        self.put(hit::G, 0);
        self.asm.place(done);
        Ok(())
    }
}
