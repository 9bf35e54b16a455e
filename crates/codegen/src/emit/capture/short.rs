//! Short records: calls that end without results, and those that nobody wants.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Assembler, Helper, Label, MapId, Reg};
use event::RowId;
use event::go::{End, short};
use event::record;

use super::{Captured, NO_WAKEUP, hit, look_up};
use crate::emit::ids::{Ids, Numbers};
use crate::emit::memory::Place;
use crate::frames::Ended;
use program::capture::layout;
use program::frames::{
    FRAME_CALL, FRAME_FLAGS, FRAME_HITS, FRAME_NUMBER_AT, FRAME_ROW, FRAME_TIME, HEAD_GOID, HEAD_HITS, HEAD_PANIC,
};
use program::{FRAME_RECORDED, counter};

use Reg::{R0, R1, R2, R3, R5, R10};

/// What the short records of a program need.
#[derive(Clone, Copy)]
pub(in crate::emit) struct Shorts {
    pub(in crate::emit) captured: Captured,
    pub(in crate::emit) ring: MapId,
    pub(in crate::emit) counters: MapId,
    pub(in crate::emit) numbers: Numbers,
}

impl Shorts {
    /// A call has ended that no exit site saw: tells it, if its beginning is in the ring.
    pub(in crate::emit) fn ended(self, asm: &mut Assembler, ended: Ended) {
        let (over, full) = (asm.label("not_recorded"), asm.label("ring_full"));
        let (counters, ids, key) = (ended.stack - 8, ended.stack - 16, ended.stack - 24);
        asm.load(Size::U32, R1, ended.frame, FRAME_FLAGS).mov(R2, R1).alu(AluOp::And, R2, FRAME_RECORDED as i32);
        asm.jump_if(Cond::Eq, R2, 0, over).alu(AluOp::Xor, R1, R2).store(Size::U32, ended.frame, FRAME_FLAGS, R1);
        self.find_counters(asm, ended, key, over);
        asm.store(Size::U64, R10, counters, R0);
        let (words, task) = (ended.stack - 40, ended.stack - 48);
        Ids { numbers: self.numbers, words, task, ids }.find(asm, full);
        asm.map(R1, self.ring).mov(R2, short::SIZE as i32).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
        asm.jump_if(Cond::Eq, R0, 0, full).mov(ended.free, R0);
        time(asm, ended.free);
        fill(asm, ended.free, ended.frame, self.captured.end);
        // The process is the one that the goroutine is of; the thread is whichever runs here.
        asm.load(Size::U64, R1, R10, ids).store(Size::U64, ended.free, record::PID_TGID as i32, R1);
        goroutine(asm, ended);
        asm.load(Size::U64, R1, ended.head, HEAD_HITS).load(Size::U64, R2, ended.frame, FRAME_HITS);
        asm.alu(AluOp::Sub, R1, R2).store(Size::U64, ended.free, short::INNER_HITS as i32, R1);
        asm.load(Size::U64, R1, ended.head, HEAD_PANIC).store(Size::U64, ended.free, short::PANIC as i32, R1);
        asm.store(Size::U32, ended.free, short::END as i32, ended.end);
        submit(asm, ended.free);
        count(asm, R10, counters, counter::PRINTED);
        asm.jump(over).place(full);
        count(asm, R10, counters, counter::LOST);
        asm.place(over);
    }

    /// The counters of the attach point that records the function's calls.
    fn find_counters(self, asm: &mut Assembler, ended: Ended, key: i32, over: Label) {
        asm.load(Size::U32, R1, ended.frame, FRAME_ROW).alu(AluOp::Lsh, R1, 1).store(Size::U32, R10, key, R1);
        look_up(asm, self.captured.tables.functions, key);
        asm.jump_if(Cond::Eq, R0, 0, over).load(Size::U32, R1, R0, layout::COUNTERS).store(Size::U32, R10, key, R1);
        look_up(asm, self.counters, key);
        asm.jump_if(Cond::Eq, R0, 0, over);
    }

    /// A short record of the hit in `hit`, whose frame is there; on to `full` if there is no room. `to` is lost.
    pub(in crate::emit) fn of_hit(self, asm: &mut Assembler, hit: Reg, to: Reg, end: End, dropped: bool, full: Label) {
        let row = if dropped { self.captured.dropped } else { self.captured.end };
        asm.map(R1, self.ring).mov(R2, short::SIZE as i32).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
        asm.jump_if(Cond::Eq, R0, 0, full).mov(to, R0);
        time(asm, to);
        asm.load(Size::U64, R5, hit, hit::FRAME);
        fill(asm, to, R5, row);
        asm.load(Size::U64, R1, R5, FRAME_HITS).store(Size::U64, to, short::INNER_HITS as i32, R1);
        origin(asm, hit, Place::at(to, 0));
        asm.store(Size::U64, to, short::PANIC as i32, 0).store(Size::U32, to, short::END as i32, end as i32);
        submit(asm, to);
    }
}

/// Writes into the head of a record where the hit comes from: the process, the site and the goroutine.
pub(in crate::emit) fn origin(asm: &mut Assembler, hit: Reg, to: Place) {
    let fields = [
        (Size::U64, hit::PID_TGID, record::PID_TGID),
        (Size::U64, hit::GOID, record::GOID),
        (Size::U32, hit::PROCESS, record::PROCESS),
        (Size::U32, hit::PLACE, record::PLACE),
        (Size::U64, hit::G, record::G),
    ];
    for (size, from, field) in fields {
        asm.load(size, R1, hit, from).store(size, to.base, to.off + field as i32, R1);
    }
}

/// The same where no site saw the call end. A system stack is no goroutine's.
fn goroutine(asm: &mut Assembler, ended: Ended) {
    let none = asm.label("no_goroutine");
    asm.load(Size::U32, R1, R10, ended.key).store(Size::U32, ended.free, record::PROCESS as i32, R1);
    asm.store(Size::U32, ended.free, record::PLACE as i32, -1);
    asm.load(Size::U64, R1, ended.head, HEAD_GOID).store(Size::U64, ended.free, record::GOID as i32, R1);
    asm.jump_if(Cond::Eq, R1, 0, none).load(Size::U64, R1, R10, ended.key + 8);
    asm.place(none).store(Size::U64, ended.free, record::G as i32, R1);
}

fn time(asm: &mut Assembler, to: Reg) {
    asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, to, record::TIME as i32, R0);
}

/// All of a short record but for time, ids, goroutine, panic and end.
fn fill(asm: &mut Assembler, to: Reg, frame: Reg, row: RowId) {
    asm.store(Size::U32, to, record::ROW as i32, row.0 as i32).store(Size::U32, to, record::STAT as i32, 0);
    asm.load(Size::U64, R1, frame, FRAME_CALL).store(Size::U64, to, short::ID as i32, R1);
    asm.load(Size::U64, R1, frame, FRAME_TIME).store(Size::U64, to, short::STARTED as i32, R1);
    asm.load(Size::U32, R1, frame, FRAME_FLAGS).alu(AluOp::Rsh, R1, FRAME_NUMBER_AT);
    asm.store(Size::U32, to, short::DEPTH as i32, R1);
    asm.load(Size::U32, R1, frame, FRAME_ROW).store(Size::U64, to, short::FUNCTION as i32, R1);
}

fn submit(asm: &mut Assembler, record: Reg) {
    asm.mov(R1, record).mov(R2, NO_WAKEUP).helper(Helper::RINGBUF_SUBMIT);
}

/// Adds one to a counter of the counters whose address stands there.
fn count(asm: &mut Assembler, base: Reg, at: i32, counter: u32) {
    asm.load(Size::U64, R1, base, at).mov(R2, 1).atomic(AtomicOp::Add, Width::W64, R1, counter as i32, R2);
}
