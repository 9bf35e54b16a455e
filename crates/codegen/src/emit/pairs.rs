//! Calls paired with their returns: what sites ask of the shadow stacks, what entries keep, and what returns find.
//!
//! A return whose call was not recorded (it was open when we attached, or there was no room) is counted as unpaired
//! there; bodies that ask for `elapsed` or an argument do not run then, others do.

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, Caps, Helper, Label, Linkage, Maps, Reg};

use super::body::{CONTEXT, Code, HIT as BODY_HIT, R0, R1, R2, R3, R4, Subject};
use super::entry::{Entry, HIT, ROW};
use super::memory::{Mode, Place};
use super::{Refused, Shared, capture, hit, refused, taint};
use crate::frames::{Frames, Gs, switches};
use plan::Span;
use plan::limits;
use plan::target::{Hook, HookKind};
use plan::{Access, BinaryNo, Body, BodyNo, FuncNo, Kept, Plan, Prelude, SaveNo, Site, Variant};
use program::frames::{self, Capacity, FRAME_SAVED, FRAME_TIME, MARKS_AT, Outcome};
use program::{HookProgram, site};

/// The frame, in the function that saves.
const FRAME: Reg = Reg::R8;

/// What runs at an entry without being anybody's code.
static AT_ENTRY: Body = Body {
    clause: 0,
    prelude: Prelude::GoEntry,
    vars: Vec::new(),
    accesses: Vec::new(),
    predicate: None,
    code: Vec::new(),
    span: Span { start: 0, end: 0 },
};
static NO_ACCESSES: Variant = Variant { body: BodyNo(0), accesses: Vec::new(), jump: false };

/// How many words an entry keeps at most.
fn most(plan: &Plan) -> u32 {
    plan.saves.iter().map(|kept| kept.iter().map(Kept::words).sum()).max().unwrap_or(0)
}

/// Where frames say which of the values could not be read, by the bit of their first word: behind all of them.
fn faults(plan: &Plan) -> i32 {
    FRAME_SAVED + 8 * most(plan) as i32
}

/// The maps of the shadow stacks.
pub(super) fn tables(plan: &Plan, caps: Caps, maps: &mut Maps) -> Result<frames::Tables, Refused> {
    let words = match most(plan) {
        0 => 0,
        words => words + 1,
    };
    let words = words + u32::from(capture::has_returns(plan));
    Ok(frames::Tables::add(maps, caps, Capacity::by(caps, words), words)?.marking(!plan.unders.is_empty()))
}

/// [`site::ENTER`] and [`site::LEAVE`] of a site.
pub(super) fn words(plan: &Plan, one: &Site) -> [u64; 2] {
    let function = plan.functions.get(one.function.index());
    let word = word_of(plan, one.function);
    let enter = one.entry.as_ref().filter(|_| word.level == 0).map_or(word, |entry| frames::Site {
        loop_head: entry.loop_head,
        switches: function.is_some_and(|function| switches(&function.name)),
        hidden: function.is_some_and(|function| !function.frames),
        marks: function.map_or(0, |function| function.marks),
        sp_adjust: entry.sp_adjust,
        ..word
    });
    let leave = frames::Site { tail: one.exit.as_ref().is_some_and(|exit| exit.tail), ..word };
    [enter.word(), leave.word()]
}

fn word_of(plan: &Plan, function: FuncNo) -> frames::Site {
    let inlined = plan.functions.get(function.index()).and_then(|function| function.inlined.as_ref());
    frames::Site { row: function.0, level: inlined.map_or(0, |of| of.level), ..frames::Site::default() }
}

/// The programs that see calls end where no return does, and stacks move.
pub(super) fn hooks(shared: &mut Shared<'_>) -> Result<Vec<HookProgram>, Refused> {
    let plan = shared.plan;
    let mut programs = Vec::new();
    for (binary, n) in plan.binaries.iter().zip(0..).map(|(binary, n)| (binary, BinaryNo(n))) {
        let Some(runtime) = binary.runtime.as_ref().filter(|_| plan.pairs_calls_of(n)) else { continue };
        for &kind in kinds(plan, n) {
            let found: Vec<&Hook> = runtime.hooks(kind).collect();
            if !found.is_empty() {
                programs.push(hook(shared, n, kind, &found)?);
            }
        }
    }
    Ok(programs)
}

/// What must be seen of goroutines: all of their ends is what costs each of them, whatever is probed.
fn kinds(plan: &Plan, binary: BinaryNo) -> &'static [HookKind] {
    use HookKind::{CopyStack, CoroutineEnd, Goexit, GoroutineEnd, Recovery};
    match plan.pairs_anonymously(binary) {
        true => &[Recovery, Goexit, CoroutineEnd, CopyStack],
        false => &[Recovery, GoroutineEnd, CopyStack],
    }
}

fn hook(shared: &mut Shared<'_>, binary: BinaryNo, kind: HookKind, at: &[&Hook]) -> Result<HookProgram, Refused> {
    let name = match kind {
        HookKind::Recovery => "recovery",
        HookKind::GoroutineEnd => "goroutine_end",
        HookKind::Goexit => "goexit",
        HookKind::CoroutineEnd => "coroutine_end",
        _ => "copystack",
    };
    let mut entry = Entry::at_hooks(shared, name, binary);
    // Where returns are not seen any more what they would have ended must not seem to have ended otherwise.
    entry.if_armed(entry.out);
    entry.pair(binary)?;
    entry.asm.mov(R1, CONTEXT).load(Size::U64, R2, Reg::R10, HIT + hit::PROCESS);
    if let Some(frames) = &mut entry.frames {
        match kind {
            HookKind::Recovery => frames.recovery(&mut entry.asm),
            HookKind::GoroutineEnd | HookKind::CoroutineEnd => frames.goroutine_end(&mut entry.asm),
            HookKind::Goexit => frames.goexit(&mut entry.asm),
            _ => frames.copystack(&mut entry.asm),
        }
    }
    entry.hooked(kind, at, |_| 0)
}

impl Entry<'_, '_> {
    /// Makes the shadow stacks ready to be asked.
    pub(super) fn pair(&mut self, binary: BinaryNo) -> Result<(), Refused> {
        let plan = self.shared.plan;
        let runtime = plan.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
        let (Some(tables), Some(runtime)) = (self.shared.tables.frames, runtime) else {
            return refused("calls can be paired only where the Go runtime is known", None);
        };
        let gs = Gs::of(plan.arch, runtime).or_else(|why| refused(format!("calls cannot be paired: {why}"), None))?;
        let gs = gs.anonymous(plan.pairs_anonymously(binary));
        self.put(hit::GOID, 0);
        self.put(hit::G, 0);
        self.frames = Some(Frames::declare(&mut self.asm, tables, gs));
        Ok(())
    }

    fn ask(&mut self, word: u32) {
        self.asm.mov(R1, CONTEXT).load(Size::U64, R2, Reg::R10, HIT + hit::PROCESS);
        self.asm.load(Size::U64, R3, ROW, word as i32).frame(R4, HIT + hit::FRAME);
    }

    /// A call begins; on to `again` if it only seems so.
    pub(super) fn enter(&mut self, saves: Option<SaveNo>, again: Label) {
        self.ask(site::ENTER);
        if let Some(frames) = &mut self.frames {
            frames.enter(&mut self.asm);
        }
        self.keep_marks();
        self.asm.jump_if(Cond::Eq, R0, Outcome::Again as i32, again);
        let Some(saves) = saves else { return };
        let saved = self.asm.label("saved");
        let asm = &mut self.asm;
        let declare = || asm.declare(&format!("save_{}", saves.0), Linkage::Static, &["ctx", "hit", "frame"]);
        let function = *self.saves.entry(saves).or_insert_with(declare);
        self.asm.load(Size::U64, R3, Reg::R10, HIT + hit::FRAME).jump_if(Cond::Eq, R3, 0, saved);
        self.asm.mov(R1, CONTEXT).frame(R2, HIT).call(function).place(saved);
    }

    /// A call ends.
    pub(super) fn leave(&mut self) {
        self.ask(site::LEAVE);
        if let Some(frames) = &mut self.frames {
            frames.exit(&mut self.asm);
        }
        self.keep_marks();
    }

    /// A call that was inlined begins, or has ended, at a site of another function.
    pub(super) fn inlined(&mut self, function: FuncNo, begins: bool) {
        let word = word_of(self.shared.plan, function).word();
        self.asm.mov(R1, CONTEXT).load(Size::U64, R2, Reg::R10, HIT + hit::PROCESS).number(R3, word);
        self.asm.frame(R4, HIT + hit::FRAME);
        match &mut self.frames {
            Some(frames) if begins => frames.enter(&mut self.asm),
            Some(frames) => frames.exit(&mut self.asm),
            None => {}
        }
        self.keep_marks();
    }

    /// Puts the marks in `R0` where bodies find them, and leaves the answer there.
    fn keep_marks(&mut self) {
        if self.shared.plan.unders.is_empty() {
            return;
        }
        self.asm.mov(R1, R0).alu(AluOp::Rsh, R1, MARKS_AT).store(Size::U32, Reg::R10, HIT + hit::MARKS, R1);
        self.asm.alu(AluOp::And, R0, (1 << MARKS_AT) - 1);
    }

    /// The goroutine, where calls neither begin nor end.
    pub(super) fn ask_goid(&mut self) {
        if !self.shared.plan.needs.goid && self.shared.plan.unders.is_empty() {
            return;
        }
        self.asm.mov(R1, CONTEXT).load(Size::U64, R2, Reg::R10, HIT + hit::PROCESS).frame(R3, HIT + hit::FRAME);
        if let Some(frames) = &mut self.frames {
            frames.goid(&mut self.asm);
        }
        self.keep_marks();
    }
}

/// The function that keeps in a frame what returns ask for.
pub(super) fn write_saves(
    asm: &mut Assembler,
    shared: &mut Shared<'_>,
    save: SaveNo,
    binary: Option<BinaryNo>,
) -> Result<(), Refused> {
    let plan = shared.plan;
    let Some(values) = plan.saves.get(save.index()) else {
        return refused(format!("the plan has no saves {}", save.0), None);
    };
    let mut code = Code::of(asm, shared, Subject::saving(&NO_ACCESSES, &AT_ENTRY, binary), Mode::Stack);
    let faults = faults(plan);
    code.asm.mov(CONTEXT, R1).mov(BODY_HIT, R2).mov(FRAME, R3).store(Size::U64, FRAME, faults, 0);
    let mut word = 0;
    for value in values {
        let (bad, done, slot) = (code.asm.label("unreadable"), code.asm.label("kept"), FRAME_SAVED + 8 * word as i32);
        if code.save(value, slot, bad)? {
            code.asm.jump(done).place(bad).load(Size::U64, R0, FRAME, faults).number(R1, 1 << word);
            code.asm.alu(AluOp::Or, R0, R1).store(Size::U64, FRAME, faults, R0).store(Size::U64, FRAME, slot, 0);
        }
        code.asm.place(done);
        word += value.words();
    }
    if code.memory.has_overflowed() {
        return refused("what entries keep for returns is too far to reach", None);
    }
    asm.mov(R0, 0).exit();
    Ok(())
}

impl Code<'_, '_> {
    /// Whether the code runs only for calls that were recorded.
    pub(super) fn needs_frame(&self) -> bool {
        let is_saved = |access: &Access| matches!(access, Access::Saved(_) | Access::SavedText(_));
        let saved = self.subject.variant.accesses.iter().any(is_saved);
        self.shared.tables.frames.is_some() && (saved || taint::asks_elapsed(self.subject.body))
    }

    /// `R0 =` the time since the call began.
    pub(super) fn elapsed(&mut self) -> Result<(), Refused> {
        self.must_pair()?;
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).load(Size::U64, R1, BODY_HIT, hit::FRAME);
        self.asm.load(Size::U64, R1, R1, FRAME_TIME).alu(AluOp::Sub, R0, R1);
        Ok(())
    }

    /// Puts a value into the frame; whether it may be that this goes on to `bad`.
    fn save(&mut self, value: &Kept, slot: i32, bad: Label) -> Result<bool, Refused> {
        match value {
            Kept::Int(value) => {
                let can_fail = self.locate(value, bad)?;
                self.asm.store(Size::U64, FRAME, slot, R0);
                Ok(can_fail)
            }
            Kept::Text { data, len, most } => {
                let (place, mark) = (Place::at(FRAME, slot), self.mark());
                self.zero(place, 8 * value.words() as usize);
                self.read_go_text((data, len), *most, limits::KEPT_STRING, place, bad)?;
                self.release(mark);
                Ok(true)
            }
        }
    }

    /// `R0 =` the integer that the entry has kept.
    pub(super) fn saved(&mut self, word: u32) -> Result<(), Refused> {
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("kept"));
        let kept = self.kept(word, bad)?;
        self.asm.load(Size::U64, R0, kept.base, kept.off).jump(done).place(bad);
        self.mark_fault();
        self.asm.mov(R0, 0).place(done);
        Ok(())
    }

    /// The text that the entry has kept, into a place that is all zero.
    pub(super) fn saved_text(&mut self, word: u32, cap: u32, place: Place) -> Result<(), Refused> {
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("kept"));
        let kept = self.kept(word, bad)?;
        self.copy_text(kept, limits::KEPT_STRING, place, cap);
        self.asm.jump(done).place(bad);
        self.mark_fault();
        self.asm.place(done);
        Ok(())
    }

    /// Where the entry has kept something, in `R3`; on to `bad` if that could not be read.
    fn kept(&mut self, word: u32, bad: Label) -> Result<Place, Refused> {
        self.must_pair()?;
        let plan = self.shared.plan;
        if word >= most(plan) {
            return self.refuse(format!("no entry keeps a value {word}"));
        }
        self.asm.load(Size::U64, R3, BODY_HIT, hit::FRAME).load(Size::U64, R1, R3, faults(plan));
        self.asm.number(R2, 1 << word).alu(AluOp::And, R1, R2).jump_if(Cond::Ne, R1, 0, bad);
        Ok(Place::at(R3, FRAME_SAVED + 8 * word as i32))
    }

    fn must_pair(&self) -> Result<(), Refused> {
        match self.shared.tables.frames {
            Some(_) => Ok(()),
            None => self.refuse("the plan asks for the begin of a call and says that calls are not paired"),
        }
    }
}
