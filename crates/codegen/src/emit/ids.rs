//! Process and thread, by the numbers of the namespace that the control map names ([`engine_control`]).

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, Helper, Label, MapId};

use super::body::{R0, R1, R2, R3, R4};
use bpf::Reg::R10;
use program::engine_control;

/// Whose numbers they are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers {
    /// The kernel's own.
    Kernel,
    /// Those of the pid namespace that the engine's words name.
    Namespace {
        /// These words.
        engine: MapId,
        /// Programs may follow the kernel's structures ([`program::ProcessIds::Walk`]).
        walk: bool,
    },
}

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    pub(super) numbers: Numbers,
    /// Two words of the stack to read into.
    pub(super) words: i32,
    /// One more.
    pub(super) task: i32,
    /// Where both numbers come to stand, the thread first.
    pub(super) ids: i32,
}

impl Ids {
    /// `R0 =` both numbers, which stand in their place, too; out if the process has none there.
    pub(super) fn find(self, asm: &mut Assembler, out: Label) {
        asm.comment("pid, tid");
        match self.numbers {
            Numbers::Kernel => _ = asm.helper(Helper::GET_CURRENT_PID_TGID),
            Numbers::Namespace { engine, walk } => self.in_namespace(asm, engine, walk, out),
        }
        asm.store(Size::U64, R10, self.ids, R0);
    }

    /// The same in `R0`, by the numbers of the namespace, or the kernel's if the engine names none.
    fn in_namespace(self, asm: &mut Assembler, engine: MapId, walk: bool, out: Label) {
        let (plain, have) = (asm.label("own_numbers"), asm.label("have_ids"));
        asm.map_value(R3, engine, 0);
        asm.load(Size::U64, R1, R3, engine_control::NAMESPACE_DEVICE as i32).jump_if(Cond::Eq, R1, 0, plain);
        asm.load(Size::U64, R2, R3, engine_control::NAMESPACE_INODE as i32).frame(R3, self.words).mov(R4, 8);
        let (below, own) = (asm.label("below"), asm.label("kernels_numbers"));
        let elsewhere = if walk { below } else { out };
        // Older kernels want to see that it was written.
        asm.store(Size::U64, R10, self.words, 0);
        asm.helper(Helper::GET_NS_CURRENT_PID_TGID).jump_if(Cond::Ne, R0, 0, elsewhere);
        asm.load(Size::U32, R0, R10, self.words + 4).alu(AluOp::Lsh, R0, 32);
        asm.load(Size::U32, R1, R10, self.words).alu(AluOp::Or, R0, R1).jump(have);
        asm.place(plain);
        if walk {
            asm.load(Size::U64, R1, R3, engine_control::NAMESPACE as i32).jump_if(Cond::Eq, R1, 0, own);
            asm.place(below);
            self.walk(asm, engine, out);
            asm.jump(have);
        }
        asm.place(own).helper(Helper::GET_CURRENT_PID_TGID).place(have);
    }

    /// The same out of the kernel's structures, in `R0`; out if the process is in no namespace below that one.
    fn walk(self, asm: &mut Assembler, engine: MapId, out: Label) {
        asm.comment("pid, tid from above").map_value(R1, engine, 0);
        asm.load(Size::U64, R1, R1, engine_control::NAMESPACE as i32).jump_if(Cond::Eq, R1, 0, out);
        asm.helper(Helper::GET_CURRENT_TASK).store(Size::U64, R10, self.task, R0);
        // The thread, then the first one of its process.
        for half in [0, 4] {
            if half > 0 {
                self.peek(asm, engine, self.task, (engine_control::TASK_LEADER, 8), out);
                asm.load(Size::U64, R1, R10, self.words).store(Size::U64, R10, self.task, R1);
            }
            self.peek(asm, engine, self.task, (engine_control::TASK_PID, 8), out);
            self.peek(asm, engine, self.words, (engine_control::PID_NUMBER, 16), out);
            asm.map_value(R2, engine, 0).load(Size::U64, R2, R2, engine_control::NAMESPACE as i32);
            asm.load(Size::U64, R1, R10, self.words + 8).jump_if(Cond::Ne, R1, R2, out);
            asm.load(Size::U32, R1, R10, self.words).store(Size::U32, R10, self.ids + half, R1);
        }
        asm.load(Size::U64, R0, R10, self.ids);
    }

    /// Reads the kernel's memory behind the address that stands there, so far as the control map says.
    fn peek(self, asm: &mut Assembler, engine: MapId, base: i32, (offset, bytes): (u32, i32), out: Label) {
        asm.map_value(R1, engine, 0).load(Size::U32, R3, R1, offset as i32);
        asm.load(Size::U64, R1, R10, base).alu(AluOp::Add, R3, R1).frame(R1, self.words).mov(R2, bytes);
        asm.helper(Helper::PROBE_READ_KERNEL).jump_if(Cond::Ne, R0, 0, out);
    }
}
