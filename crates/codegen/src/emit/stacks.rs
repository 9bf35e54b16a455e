//! User stacks: kept once per content, known by a number made of it.

use bpf::Helper;
use bpf::insn::{AluOp, Cond, Size};

use super::Refused;
use super::body::{CONTEXT, Code, HIT, R0, R1, R2, R3, R4, R5};
use super::hit;
use plan::{MapNo, Prelude, SyscallEvent};
use program::{drops, stack};

/// `BPF_F_USER_STACK`.
const USER_STACK: i32 = 1 << 8;
/// The multiplier of FNV-1a, 64 bits.
const MIX: u64 = 0x0100_0000_01b3;

impl Code<'_, '_> {
    /// `R0 =` the number of this thread's stack; 0 if there is none.
    pub(super) fn user_stack(&mut self, frames: u32) -> Result<(), Refused> {
        let Some(stacks) = self.shared.tables.stacks else {
            return self.refuse("the plan asks for a stack and says that it needs none");
        };
        let frames = frames.clamp(1, stack::MAX_FRAMES);
        let value = self.memory.take(stack::SIZE as usize);
        let key = self.memory.take(8);
        let (none, done, known) = (self.asm.label("no_stack"), self.asm.label("stack"), self.asm.label("known"));
        self.zero(value, stack::SIZE as usize);
        self.asm.load(Size::U64, R1, HIT, hit::PID_TGID).store(Size::U64, value.base, value.off, R1);
        self.asm.mov(R1, CONTEXT);
        self.address(R2, value.plus(stack::FRAMES as usize));
        self.asm.mov(R3, (8 * frames) as i32).mov(R4, USER_STACK).helper(Helper::GET_STACK);
        self.asm.jump_if(Cond::SLe, R0, 0, none).alu(AluOp::Rsh, R0, 3);
        self.asm.store(Size::U32, value.base, value.off + stack::COUNT as i32, R0);
        self.asm.store(Size::U32, value.base, value.off + stack::WANTED as i32, frames as i32);
        self.missed_caller(value);
        self.digest(value, frames);
        self.asm.store(Size::U64, key.base, key.off, R0);
        self.look_up(stacks, key);
        self.asm.jump_if(Cond::Ne, R0, 0, known);
        self.update(stacks, key, value, 0);
        self.asm.jump_if(Cond::Eq, R0, 0, known);
        self.dropped(MapNo(self.shared.plan.maps.len() as u32 + drops::STACKS));
        self.asm.place(known).load(Size::U64, R0, key.base, key.off).jump(done);
        self.asm.place(none).mov(R0, 0).place(done);
        Ok(())
    }

    /// Where a function begins and where it returns its frame is not there, so the kernel's walk, which follows frames,
    /// misses who called it.
    fn missed_caller(&mut self, value: super::memory::Place) {
        let below = match self.subject.body.prelude {
            Prelude::GoEntry | Prelude::GoReturn => 0,
            // Of system calls the hit has SP as it was before the call.
            Prelude::Syscall(SyscallEvent::Exit) => 8,
            _ => return,
        };
        if self.shared.plan.arch != gobin::Arch::Amd64 {
            return;
        }
        self.address(R1, value.plus(stack::CALLER as usize));
        self.asm.mov(R2, 8).load(Size::U64, R3, HIT, hit::SP).add(R3, -below).helper(Helper::PROBE_READ_USER);
    }

    /// `R0 =` a number made of process and addresses, never 0.
    fn digest(&mut self, value: super::memory::Place, frames: u32) {
        self.asm.number(R5, MIX).load(Size::U32, R0, value.base, value.off + 4);
        for at in (stack::CALLER..stack::FRAMES + 8 * frames).step_by(8) {
            self.asm.load(Size::U64, R1, value.base, value.off + at as i32);
            self.asm.alu(AluOp::Xor, R0, R1).alu(AluOp::Mul, R0, R5).mov(R1, R0).alu(AluOp::Rsh, R1, 29);
            self.asm.alu(AluOp::Xor, R0, R1);
        }
        self.asm.alu(AluOp::Or, R0, 1);
    }
}
