//! The bucket of a number, computed as [`event::bucket`] does.

use bpf::insn::{AluOp, Cond};
use event::bucket::{Linear, Log, Scale};

use super::body::{Code, R0, R1, R2, R3};

impl Code<'_, '_> {
    /// `R0 =` the bucket of `R0`.
    pub(super) fn bucket(&mut self, scale: Scale) {
        match scale {
            Scale::Log(log) => self.log(log),
            Scale::Linear(linear) => self.linear(linear),
        }
    }

    fn log(&mut self, log: Log) {
        let bits = log.bits() as i32;
        let (negative, small, done) = (self.asm.label("negative"), self.asm.label("small"), self.asm.label("bucket"));
        self.asm.jump_if(Cond::SLt, R0, 0, negative).jump_if(Cond::Lt, R0, 1 << bits, small);
        self.logarithm();
        // R1 is the highest bit's number. shift = R1 - bits; bucket = (shift << bits) + (value >> shift) + 1
        self.asm.add(R1, -bits).alu(AluOp::And, R1, 63).alu(AluOp::Rsh, R0, R1).alu(AluOp::Lsh, R1, bits);
        self.asm.add(R0, R1).place(small).add(R0, 1).jump(done);
        self.asm.place(negative).mov(R0, 0).place(done);
    }

    /// `R1 =` the number of the highest bit of `R0`, which is positive. Without branches: the verifier would follow
    /// each of 64 ways. `limit - value` is negative where the value is above it.
    fn logarithm(&mut self) {
        self.asm.mov(R1, 0).mov(R3, R0);
        for step in (0..6).rev() {
            let width = 1_i32 << step;
            self.asm.number(R2, (1_u64 << width) - 1).alu(AluOp::Sub, R2, R3).alu(AluOp::Rsh, R2, 63);
            self.asm.alu(AluOp::Lsh, R2, step).alu(AluOp::Add, R1, R2);
            if step > 0 {
                self.asm.alu(AluOp::Rsh, R3, R2);
            }
        }
    }

    fn linear(&mut self, linear: Linear) {
        let (below, above, done) = (self.asm.label("below"), self.asm.label("above"), self.asm.label("bucket"));
        self.asm.number(R1, linear.min() as u64).jump_if(Cond::SLt, R0, R1, below);
        self.asm.number(R2, linear.max() as u64).jump_if(Cond::SGe, R0, R2, above);
        self.asm.alu(AluOp::Sub, R0, R1).number(R1, linear.step()).alu(AluOp::Div, R0, R1).add(R0, 1).jump(done);
        self.asm.place(below).mov(R0, 0).jump(done);
        self.asm.place(above).number(R0, linear.buckets() - 1).place(done);
    }
}
