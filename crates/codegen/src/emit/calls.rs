//! `call()` in a body, and what stands around the bodies that say it.
//!
//! Of every call whose beginning is in the ring exactly one record follows, or it is open: its return, its end of another
//! kind, that nobody wants it, or, where there was no room, one more in the count of lost ones. The frame remembers
//! which calls these are.

use bpf::insn::{AluOp, Cond, Size};
use event::go::End;

use super::body::{CONTEXT, Code, HIT, R0, R1, R2, R3, R4, RECORD};
use super::{Refused, capture, hit};
use plan::Recording;
use program::frames::FRAME_FLAGS;
use program::{FRAME_RECORDED, counter};

impl Code<'_, '_> {
    /// The body of a return runs only for calls whose beginning is recorded.
    pub(super) fn only_recorded(&mut self, out: bpf::Label) {
        self.asm.comment("recorded?").load(Size::U64, R0, HIT, hit::FRAME).jump_if(Cond::Eq, R0, 0, out);
        self.asm.load(Size::U32, R1, R0, FRAME_FLAGS).alu(AluOp::And, R1, FRAME_RECORDED as i32);
        self.asm.jump_if(Cond::Eq, R1, 0, out);
    }

    /// `call()`
    pub(super) fn call(&mut self, recording: Recording, stack: u32) -> Result<(), Refused> {
        match recording {
            Recording::Start => {
                self.capture(0, stack)?;
                self.count_outcome();
                Ok(())
            }
            Recording::Begin => self.call_begins(stack),
            Recording::Return if self.subject.variant.jump => self.call_ends(End::Tail),
            Recording::Return => self.call_returns(),
            Recording::End => self.call_ends(End::Return),
        }
    }

    /// `R0 =` 0 if the record is in the ring.
    fn capture(&mut self, end: i32, stack: u32) -> Result<(), Refused> {
        capture::of(self.shared.captured)?;
        self.asm.mov(R0, 0);
        if stack > 0 {
            self.user_stack(stack)?;
        }
        let capture = self.capture.get_or_insert_with(|| capture::Functions::declare(self.asm)).capture(self.asm);
        self.asm.mov(R4, R0).mov(R1, CONTEXT).mov(R2, HIT).mov(R3, end).call(capture);
        Ok(())
    }

    /// Counts what `R0` says as printed or lost.
    pub(super) fn count_outcome(&mut self) {
        let (lost, done) = (self.asm.label("lost"), self.asm.label("counted"));
        self.asm.jump_if(Cond::Ne, R0, 0, lost);
        self.count(counter::PRINTED);
        self.asm.jump(done).place(lost);
        self.count(counter::LOST);
        self.asm.place(done);
    }

    /// What has no frame cannot be told to be over.
    fn call_begins(&mut self, stack: u32) -> Result<(), Refused> {
        let (lost, done) = (self.asm.label("lost"), self.asm.label("begun"));
        self.asm.load(Size::U64, R1, HIT, hit::FRAME).jump_if(Cond::Eq, R1, 0, lost);
        self.capture(0, stack)?;
        self.asm.jump_if(Cond::Ne, R0, 0, lost).load(Size::U64, R1, HIT, hit::FRAME);
        self.asm.load(Size::U32, R2, R1, FRAME_FLAGS).alu(AluOp::Or, R2, FRAME_RECORDED as i32);
        self.asm.store(Size::U32, R1, FRAME_FLAGS, R2).jump(done).place(lost);
        self.count(counter::LOST);
        self.asm.place(done);
        Ok(())
    }

    fn call_returns(&mut self) -> Result<(), Refused> {
        let done = self.asm.label("told");
        self.settle_call(done);
        self.capture(End::Return as i32, 0)?;
        self.count_outcome();
        self.asm.place(done);
        Ok(())
    }

    /// A call ends without results.
    fn call_ends(&mut self, end: End) -> Result<(), Refused> {
        let (full, done) = (self.asm.label("ring_full"), self.asm.label("told"));
        self.settle_call(done);
        let shorts = self.shorts()?;
        shorts.of_hit(self.asm, HIT, RECORD, end, false, full);
        self.count(counter::PRINTED);
        self.asm.jump(done).place(full);
        self.count(counter::LOST);
        self.asm.place(done);
        Ok(())
    }

    /// On to `settled` if the end of this call is told already; else it is from here on.
    fn settle_call(&mut self, settled: bpf::Label) {
        self.asm.load(Size::U64, R2, HIT, hit::FRAME).load(Size::U32, R1, R2, FRAME_FLAGS);
        self.asm.mov(R3, R1).alu(AluOp::And, R3, FRAME_RECORDED as i32).jump_if(Cond::Eq, R3, 0, settled);
        self.asm.alu(AluOp::Xor, R1, R3).store(Size::U32, R2, FRAME_FLAGS, R1);
    }

    /// At the end of a return's body: if it did not say `call()`, nobody wants this call.
    pub(super) fn drop_call(&mut self) -> Result<(), Refused> {
        let settled = self.asm.label("settled");
        self.settle_call(settled);
        self.count(counter::FILTERED);
        let shorts = self.shorts()?;
        shorts.of_hit(self.asm, HIT, RECORD, End::Return, true, settled);
        self.asm.place(settled);
        Ok(())
    }

    fn shorts(&self) -> Result<capture::Shorts, Refused> {
        capture::of(self.shared.captured)?;
        match self.shared.shorts() {
            Some(shorts) => Ok(shorts),
            None => self.refuse("the plan records calls and does not say how"),
        }
    }
}
