//! `capture_step`: some turns of the machine that follows pointers, each the same as in the interpreter of the tests.

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, Helper, Label, Reg};
use event::go::{call, chunk};

use super::{Captured, QUEUE, TURNS, VISITED, field, look_up, or_stat, slot};
use program::capture::{Count, Kind, LEAST_ADDRESS, MOST_BYTES, MOST_CHUNK, Mask, flag, layout};

use Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};

/// `capture_step`: R6 is the slot, R7 where a pointer is, R8 its op, R9 the turns left.
pub(super) struct Step<'a> {
    asm: &'a mut Assembler,
    captured: Captured,
    /// This turn is over.
    next: Label,
}

// The stack of `capture_step`.
/// A number, as key.
const KEY: i32 = -8;
/// What an interface's first word is looked up by.
const DYNAMIC: i32 = -16;
const ADDRESS: i32 = -24;
/// How deep what is behind the pointer may go on.
const LEFT: i32 = -32;
const COUNT: i32 = -40;
/// What a type that a process has made is looked up by.
const MET: i32 = -56;

impl<'a> Step<'a> {
    pub(super) fn new(asm: &'a mut Assembler, captured: Captured) -> Step<'a> {
        let next = asm.label("next");
        Step { asm, captured, next }
    }

    pub(super) fn make(mut self) {
        let (turn, over) = (self.asm.label("turn"), self.asm.label("over"));
        self.asm.comment("follows some pointers").store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.slots, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, over).mov(R6, R0).mov(R9, TURNS);
        self.asm.place(turn);
        self.value(over);
        self.op();
        self.pointer();
        self.visited();
        self.room();
        self.read();
        self.push();
        self.asm.place(self.next).add(R9, -1).jump_if(Cond::Ne, R9, 0, turn).mov(R0, 0).exit();
        self.asm.place(over).mov(R0, 1).exit();
    }

    fn get(&mut self, dst: Reg, field: i32) {
        self.asm.load(Size::U32, dst, R6, field);
    }

    fn set(&mut self, field: i32, value: impl Into<bpf::Operand>) {
        self.asm.store(Size::U32, R6, field, value);
    }

    fn stat(&mut self, bit: u32) {
        or_stat(self.asm, R6, bit);
    }

    /// `dst =` the address of the byte of the record whose number is in `at`; an access adds [`slot::RECORD`].
    fn byte(&mut self, dst: Reg, at: Reg) {
        self.asm.mov(dst, R6).add(dst, at);
    }

    /// The number of the next op in `R1`: of this value, of the one behind it, or of the next that waits.
    fn value(&mut self, over: Label) {
        let [have, behind, begin, there] = ["op", "behind", "begin", "there"].map(|name| self.asm.label(name));
        self.get(R1, slot::OP);
        self.get(R2, slot::OPS_END);
        self.asm.jump_if(Cond::Ne, R1, R2, have);
        self.get(R3, slot::MORE);
        self.asm.jump_if(Cond::Ne, R3, 0, behind);
        self.waiting(over);
        self.asm.jump(begin);
        self.asm.place(behind).add(R3, -1);
        self.set(slot::MORE, R3);
        self.get(R1, slot::AT);
        self.get(R2, slot::STRIDE);
        self.asm.add(R1, R2);
        self.set(slot::AT, R1);
        self.asm.place(begin);
        self.masked(there);
        self.asm.place(there);
        self.get(R1, slot::FIRST);
        self.get(R2, slot::END);
        self.set(slot::OP, R1);
        self.set(slot::OPS_END, R2);
        self.asm.jump_if(Cond::Eq, R1, R2, self.next).place(have);
    }

    /// Takes what waits next.
    fn waiting(&mut self, over: Label) {
        self.get(R1, slot::NEXT);
        self.get(R2, slot::WAITING);
        self.asm.jump_if(Cond::Eq, R1, R2, over).jump_if(Cond::Ge, R1, QUEUE as i32, over).mov(R8, R1).add(R1, 1);
        self.set(slot::NEXT, R1);
        self.asm.alu(AluOp::Lsh, R8, 4).add(R8, R6);
        self.asm.load(Size::U32, R1, R8, slot::QUEUED + 4).store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.types, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, self.next);
        self.asm.load(Size::U32, R2, R8, slot::QUEUED + 8).add(R2, -1);
        self.set(slot::MORE, R2);
        self.asm.load(Size::U32, R2, R8, slot::QUEUED + 12);
        self.set(slot::LEFT, R2);
        self.asm.load(Size::U32, R2, R0, layout::FIRST);
        self.set(slot::FIRST, R2);
        self.asm.load(Size::U16, R3, R0, layout::OPS).add(R3, R2);
        self.set(slot::END, R3);
        self.asm.load(Size::U8, R2, R0, layout::MASK);
        self.set(slot::MASK, R2);
        self.asm.load(Size::U32, R2, R0, layout::STRIDE);
        self.set(slot::STRIDE, R2);
        self.asm.load(Size::U32, R1, R8, slot::QUEUED);
        self.set(slot::AT, R1);
        self.asm.jump_if(Cond::Gt, R1, MOST_BYTES as i32, self.next);
        self.byte(R2, R1);
        self.asm.load(Size::U64, R1, R2, slot::RECORD).store(Size::U64, R6, slot::CONTROL, R1);
    }

    /// On to `there` if there is a value, else this turn is over.
    fn masked(&mut self, there: Label) {
        let bucket = self.asm.label("bucket");
        let least = i32::from(gobin::maps::buckets::LEAST_USED);
        self.get(R3, slot::MASK);
        self.asm.jump_if(Cond::Eq, R3, Mask::None as i32, there);
        self.asm.load(Size::U64, R1, R6, slot::CONTROL).mov(R2, R1).alu(AluOp::Rsh, R1, 8);
        self.asm.store(Size::U64, R6, slot::CONTROL, R1).alu(AluOp::And, R2, 0xff);
        self.asm.jump_if(Cond::Ne, R3, Mask::Group as i32, bucket);
        self.asm.jump_if(Cond::Ge, R2, 128, self.next).jump(there);
        self.asm.place(bucket).jump_if(Cond::Lt, R2, least, self.next);
    }

    /// The op with the number in `R1`: in `R8`, where its pointer is in `R7`. Values that are in the record already are
    /// put among those that wait.
    fn op(&mut self) {
        let pointer = self.asm.label("pointer");
        self.asm.mov(R2, R1).add(R2, 1);
        self.set(slot::OP, R2);
        self.op_number();
        self.get(R7, slot::AT);
        self.asm.load(Size::U16, R1, R8, layout::AT).add(R7, R1);
        self.asm.jump_if(Cond::Gt, R7, MOST_BYTES as i32, self.next);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Ne, R1, Kind::Inside as i32, pointer);
        self.get(R4, slot::LEFT);
        self.asm.load(Size::U16, R3, R8, layout::MAX);
        self.wait();
        self.asm.jump(self.next).place(pointer);
    }

    /// `R8 =` the op with the number in `R1`.
    fn op_number(&mut self) {
        self.asm.store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.ops, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, self.next).mov(R8, R0);
    }

    /// Whether the pointer is followed; then its value is in [`ADDRESS`], and how many values are behind it in `R3`.
    fn pointer(&mut self) {
        let [deep, kept, plain] = ["deep_enough", "kept", "plain"].map(|name| self.asm.label(name));
        self.byte(R1, R7);
        self.asm.load(Size::U64, R2, R1, slot::RECORD).jump_if(Cond::Lt, R2, LEAST_ADDRESS as i32, self.next);
        self.asm.store(Size::U64, R10, ADDRESS, R2);
        self.asm.load(Size::U8, R3, R8, layout::FLAGS);
        self.get(R4, slot::LEFT);
        self.asm.jump_if(Cond::Ne, R4, 0, deep).mov(R5, R3).alu(AluOp::And, R5, i32::from(flag::FREE));
        self.asm.jump_if(Cond::Ne, R5, 0, deep);
        self.stat(call::stat::DEPTH);
        self.asm.jump(self.next).place(deep);
        self.asm.alu(AluOp::And, R3, i32::from(flag::NO_DEPTH)).jump_if(Cond::Ne, R3, 0, kept);
        self.asm.jump_if(Cond::Eq, R4, 0, kept).add(R4, -1);
        self.asm.place(kept).store(Size::U64, R10, LEFT, R4);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Lt, R1, Kind::Eface as i32, plain);
        self.dynamic();
        self.asm.place(plain);
        self.count();
    }

    /// Finds the op of what an interface holds; where its pointer is in `R7`.
    fn dynamic(&mut self) {
        let [found, met, unknown] = ["found", "met", "unknown"].map(|name| self.asm.label(name));
        self.look_up_dynamic(ADDRESS);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.asm.load(Size::U64, R1, R10, ADDRESS).store(Size::U64, R10, MET + layout::MET_ADDRESS, R1);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Ne, R1, Kind::Iface as i32, met);
        let read = self.asm.label("itab");
        self.itab(Helper::PROBE_READ_USER);
        self.asm.jump_if(Cond::Eq, R0, 0, read);
        if self.captured.sleepable {
            self.itab(Helper::COPY_FROM_USER);
            self.asm.jump_if(Cond::Eq, R0, 0, read);
        }
        self.asm.jump(unknown).place(read);
        self.asm.load(Size::U64, R1, R10, DYNAMIC).store(Size::U64, R10, MET + layout::MET_ADDRESS, R1);
        self.look_up_dynamic(DYNAMIC);
        self.asm.jump_if(Cond::Ne, R0, 0, found).place(met);
        self.get(R1, slot::PROCESS);
        self.asm.store(Size::U64, R10, MET + layout::MET_PROCESS, R1);
        look_up(self.asm, self.captured.tables.met, MET);
        self.asm.jump_if(Cond::Ne, R0, 0, found).place(unknown);
        self.stat(call::stat::UNKNOWN);
        self.asm.jump(self.next).place(found).load(Size::U32, R1, R0, 0);
        self.op_number();
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Eq, R1, Kind::Nothing as i32, self.next);
        self.asm.add(R7, 8);
        self.byte(R1, R7);
        self.asm.load(Size::U64, R2, R1, slot::RECORD).jump_if(Cond::Lt, R2, LEAST_ADDRESS as i32, self.next);
        self.asm.store(Size::U64, R10, ADDRESS, R2);
    }

    /// Looks up the address that stands there in the stack.
    fn look_up_dynamic(&mut self, at: i32) {
        self.asm.load(Size::U64, R2, R10, at).load(Size::U64, R1, R6, slot::BIAS).alu(AluOp::Sub, R2, R1);
        self.asm.load(Size::U64, R1, R6, slot::BINARY).add(R2, R1).store(Size::U64, R10, DYNAMIC, R2);
        look_up(self.asm, self.captured.tables.dynamic, DYNAMIC);
    }

    /// The type that an itab is about.
    // +rtype 1.21-1.22 itab._type *abi.Type @8 | 1.23- internal/abi.ITab.Type *abi.Type @8
    fn itab(&mut self, by: Helper) {
        self.asm.load(Size::U64, R3, R10, ADDRESS).add(R3, 8).mov(R2, 8).frame(R1, DYNAMIC).helper(by);
    }

    /// How many values there are, in `R3`.
    fn count(&mut self) {
        let [counted, buckets, old, few] =
            ["counted", "buckets", "old_buckets", "few"].map(|name| self.asm.label(name));
        let is = |count: Count| count as i32;
        self.byte(R1, R7);
        self.asm.load(Size::U8, R2, R8, layout::COUNT).mov(R3, 1).jump_if(Cond::Eq, R2, is(Count::One), counted);
        self.asm.jump_if(Cond::Eq, R2, is(Count::Buckets), buckets);
        self.asm.jump_if(Cond::Eq, R2, is(Count::OldBuckets), old);
        self.asm.load(Size::U64, R4, R1, slot::RECORD + 8);
        let many = self.asm.label("many");
        self.asm.jump_if(Cond::Ne, R2, is(Count::Only), many);
        self.asm.jump_if(Cond::Ne, R4, 0, self.next).jump(counted);
        self.asm.place(many).mov(R3, R4).jump_if(Cond::Eq, R2, is(Count::Length), counted).add(R3, 1).jump(counted);
        self.asm.place(buckets).load(Size::U8, R4, R1, slot::RECORD - 7);
        self.asm.alu(AluOp::And, R4, 63).alu(AluOp::Lsh, R3, R4).jump(counted);
        self.asm.place(old).load(Size::U8, R4, R1, slot::RECORD - 15);
        self.asm.alu(AluOp::And, R4, 63).alu(AluOp::Lsh, R3, R4).load(Size::U8, R4, R1, slot::RECORD - 16);
        let same = gobin::maps::buckets::SAME_SIZE;
        self.asm.alu(AluOp::And, R4, i32::from(same)).jump_if(Cond::Ne, R4, 0, counted).alu(AluOp::Rsh, R3, 1);
        self.asm.place(counted).load(Size::U16, R1, R8, layout::MAX).jump_if(Cond::Le, R3, R1, few).mov(R3, R1);
        self.asm.place(few).store(Size::U64, R10, COUNT, R3);
    }

    /// Their bytes in `R7`; over if there are none, or they were read before.
    fn visited(&mut self) {
        let [fresh, unvisited] = ["fresh", "unvisited"].map(|name| self.asm.label(name));
        self.asm.load(Size::U32, R7, R8, layout::SIZE).alu(AluOp::Mul, R7, R3).jump_if(Cond::Eq, R7, 0, self.next);
        self.asm.load(Size::U8, R1, R8, layout::FLAGS).alu(AluOp::And, R1, i32::from(flag::VISIT));
        self.asm.jump_if(Cond::Eq, R1, 0, unvisited);
        self.asm.load(Size::U64, R1, R10, ADDRESS).load(Size::U32, R5, R8, layout::OP_ROW);
        self.asm.mov(R2, R1).alu(AluOp::Rsh, R2, 3).mov(R4, R5).alu(AluOp::Mul, R4, 31).add(R2, R4);
        self.asm.mov(R4, R2).alu(AluOp::Rsh, R4, 8).alu(AluOp::Xor, R2, R4);
        self.asm.alu(AluOp::And, R2, VISITED as i32 - 1).alu(AluOp::Lsh, R2, 4).add(R2, R6);
        self.get(R3, slot::EPOCH);
        self.asm.load(Size::U64, R4, R2, slot::SEEN).jump_if(Cond::Ne, R4, R1, fresh);
        self.asm.load(Size::U32, R4, R2, slot::SEEN + 8).jump_if(Cond::Ne, R4, R5, fresh);
        self.asm.load(Size::U32, R4, R2, slot::SEEN + 12).jump_if(Cond::Eq, R4, R3, self.next);
        self.asm.place(fresh).store(Size::U64, R2, slot::SEEN, R1).store(Size::U32, R2, slot::SEEN + 8, R5);
        self.asm.store(Size::U32, R2, slot::SEEN + 12, R3).place(unvisited);
    }

    /// Cuts what is read to what fits, in whole values.
    fn room(&mut self) {
        let [some, fits] = ["some_room", "fits"].map(|name| self.asm.label(name));
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32);
        self.get(R2, slot::BUDGET);
        self.asm.mov(R3, 0).jump_if(Cond::Lt, R2, R1, some).mov(R3, R2).alu(AluOp::Sub, R3, R1).place(some);
        self.asm.jump_if(Cond::Le, R7, R3, fits);
        self.stat(call::stat::BUDGET);
        self.asm.load(Size::U32, R2, R8, layout::SIZE).alu(AluOp::Div, R3, R2).store(Size::U64, R10, COUNT, R3);
        self.asm.mov(R7, R3).alu(AluOp::Mul, R7, R2).jump_if(Cond::Eq, R7, 0, self.next).place(fits);
        self.asm.jump_if(Cond::Gt, R7, MOST_CHUNK as i32, self.next);
    }

    /// `R1 =` where the record ends, less [`slot::RECORD`].
    fn end(&mut self) {
        self.get(R1, slot::POS);
        self.asm.jump_if(Cond::Gt, R1, MOST_BYTES as i32, self.next).add(R1, R6);
    }

    /// Adds a chunk of `R7` bytes; over if nothing in it is followed.
    fn read(&mut self) {
        let fine = self.asm.label("read");
        self.end();
        self.asm.load(Size::U64, R2, R10, ADDRESS).store(Size::U64, R1, field(chunk::ADDRESS), R2);
        self.asm.store(Size::U32, R1, field(chunk::LENGTH), R7);
        self.asm.load(Size::U32, R2, R8, layout::OP_ROW).store(Size::U32, R1, field(chunk::ROW), R2);
        // The last word may be only partly overwritten.
        self.asm.mov(R2, R7).add(R2, -1).alu(AluOp::And, R2, MOST_CHUNK as i32 - 8).add(R2, R1);
        self.asm.store(Size::U64, R2, field(chunk::BYTES), 0);
        self.read_by(Helper::PROBE_READ_USER);
        self.asm.jump_if(Cond::Eq, R0, 0, fine);
        if self.captured.sleepable {
            let failed = self.asm.label("failed");
            self.end();
            self.read_by(Helper::COPY_FROM_USER);
            self.asm.jump_if(Cond::Ne, R0, 0, failed);
            self.stat(call::stat::RETRIED);
            self.asm.jump(fine).place(failed);
        }
        self.stat(call::stat::FAULT);
        self.end();
        self.asm.mov(R2, R7).number(R3, u64::from(chunk::FAILED)).alu(AluOp::Or, R2, R3);
        self.asm.store(Size::U32, R1, field(chunk::LENGTH), R2);
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32);
        self.set(slot::POS, R1);
        self.asm.jump(self.next).place(fine);
        self.asm.add(R7, 7).alu(AluOp::And, R7, -8);
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32).add(R7, R1);
        self.set(slot::POS, R7);
        self.asm.mov(R7, R1);
        self.asm.load(Size::U8, R2, R8, layout::FLAGS).alu(AluOp::And, R2, i32::from(flag::LEAF));
        self.asm.jump_if(Cond::Ne, R2, 0, self.next);
    }

    /// Reads `R7` bytes to where the record ends, which is in `R1`.
    fn read_by(&mut self, helper: Helper) {
        self.asm.add(R1, slot::RECORD + chunk::BYTES as i32).mov(R2, R7).load(Size::U64, R3, R10, ADDRESS);
        self.asm.helper(helper);
    }

    /// Puts the chunk, whose bytes begin at `R7`, among what waits.
    fn push(&mut self) {
        self.asm.load(Size::U64, R3, R10, COUNT).load(Size::U64, R4, R10, LEFT);
        self.wait();
    }

    /// Puts values at `R7`, as many as `R3` says, among what waits; `R4` is how deep they may go on.
    fn wait(&mut self) {
        let [fits, done] = ["waits", "queued"].map(|name| self.asm.label(name));
        self.get(R1, slot::WAITING);
        self.asm.jump_if(Cond::Lt, R1, QUEUE as i32, fits);
        self.stat(call::stat::QUEUE);
        self.asm.jump(done).place(fits).mov(R5, R1).add(R1, 1);
        self.set(slot::WAITING, R1);
        self.asm.alu(AluOp::Lsh, R5, 4).add(R5, R6).store(Size::U32, R5, slot::QUEUED, R7);
        self.asm.load(Size::U32, R1, R8, layout::OP_ROW).store(Size::U32, R5, slot::QUEUED + 4, R1);
        self.asm.store(Size::U32, R5, slot::QUEUED + 8, R3).store(Size::U32, R5, slot::QUEUED + 12, R4);
        self.asm.place(done);
    }
}
