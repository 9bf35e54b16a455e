//! Calls that ended where no return saw it, by function and end: such ends are rare, so that counting each costs nothing.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Assembler, Caps, Helper, MapError, MapId, Maps, Reg};

use super::capture::look_up;
use super::late_hash;
use crate::frames::Ended;
use program::ends;
use program::frames::{FRAME_FLAGS, FRAME_HIDDEN, FRAME_ROW};

use Reg::{R0, R1, R2, R3, R4, R10};

/// `BPF_NOEXIST`: another CPU may have been faster.
const IF_NONE: i32 = 1;

/// [`ends`]
pub(super) fn table(caps: Caps, maps: &mut Maps) -> Result<MapId, MapError> {
    maps.add(late_hash(caps, "ends", [ends::KEY, ends::SIZE], [1 << 16, 1 << 12]))
}

/// Counts a call that has ended, unless it is there for others only. What finds no room is counted with all others only.
pub(super) fn count(asm: &mut Assembler, table: MapId, ended: Ended) {
    let (known, full) = (asm.label("ends_known"), asm.label("ends_uncounted"));
    let (key, zero) = (ended.stack - 8, ended.stack - 16);
    asm.load(Size::U32, R1, ended.frame, FRAME_FLAGS).alu(AluOp::And, R1, FRAME_HIDDEN);
    asm.jump_if(Cond::Ne, R1, 0, full);
    asm.load(Size::U32, R1, ended.frame, FRAME_ROW).store(Size::U32, R10, key, R1);
    asm.store(Size::U32, R10, key + 4, ended.end);
    look_up(asm, table, key);
    asm.jump_if(Cond::Ne, R0, 0, known);
    asm.store(Size::U64, R10, zero, 0).map(R1, table).frame(R2, key).frame(R3, zero).mov(R4, IF_NONE);
    asm.helper(Helper::MAP_UPDATE_ELEM);
    look_up(asm, table, key);
    asm.jump_if(Cond::Eq, R0, 0, full);
    asm.place(known).mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, 0, R1).place(full);
}
