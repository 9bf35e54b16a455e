//! Records that others than calls begin, and that have whole values of Go: `print(args.r)`.
//!
//! Whoever prints takes a slot, writes the record's head, what each value starts with and the other fields straight into
//! it, says from where on pointers are followed, and has the rest done.

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, FunctionId, Helper, Label, Linkage, MapId, Reg};
use event::go::Printed;

use super::{Captured, Making, PRINTED, R0, R1, R2, R6, R7, R8, R9, R10, beginning, hit, put_out, slot};
use crate::emit::memory::Place;
use crate::emit::scratch;
use plan::BinaryNo;
use program::capture::{BINARY_AT, Function, layout};

/// The functions for that.
#[derive(Clone, Copy, Debug)]
pub(in crate::emit) struct Print {
    pub(in crate::emit) take: FunctionId,
    pub(in crate::emit) rest: FunctionId,
}

impl Print {
    pub(super) fn declare(asm: &mut Assembler) -> Print {
        let take = asm.declare("capture_take", Linkage::Static, &[]);
        let rest = asm.declare("capture_rest", Linkage::Static, &["slot", "hit"]);
        Print { take, rest }
    }

    pub(super) fn make(self, asm: &mut Assembler, of: Making, run: FunctionId) {
        asm.begin(self.take);
        take(asm, of);
        asm.begin(self.rest);
        rest(asm, of, run);
    }
}

/// Where a record is in a slot whose address is in that register.
pub(in crate::emit) fn record(slot: Reg) -> Place {
    Place::at(slot, slot::RECORD)
}

/// Says where the chunks of a record begin, and how its values are followed.
pub(in crate::emit) fn begin(asm: &mut Assembler, slot: Reg, by: &Function, chunks: u32, most: u32) {
    let words = [
        (slot::POS, chunks),
        (slot::BUDGET, most),
        (slot::LEFT, by.depth),
        (slot::OP, by.first),
        (slot::OPS_END, by.first.saturating_add(u32::from(by.ops))),
        (slot::AT, Printed::FROM as u32),
    ];
    for (field, value) in words {
        asm.store(Size::U32, slot, field, value.cast_signed());
    }
}

/// Goes on as the dictionary says whose address is in `R0`, if that is one of a print that has such; on to `not` if not.
/// `key` is where a key may be.
pub(in crate::emit) fn instance(
    asm: &mut Assembler,
    [slot, hit]: [Reg; 2],
    captured: Captured,
    (binary, number): (BinaryNo, usize),
    key: Place,
    not: Label,
) {
    let Some(instances) = captured.tables.instances else { return };
    asm.load(Size::U64, R1, hit, hit::BIAS).alu(AluOp::Sub, R0, R1);
    asm.number(R1, u64::from(binary.0) << BINARY_AT).add(R0, R1);
    asm.store(Size::U64, key.base, key.off + layout::DICTIONARY_AT, R0).number(R1, PRINTED + number as u64);
    asm.store(Size::U64, key.base, key.off + layout::DICTIONARY_OF, R1);
    let look_up = |asm: &mut Assembler, map: MapId| {
        asm.map(R1, map).mov(R2, key.base).add(R2, key.off).helper(Helper::MAP_LOOKUP_ELEM).jump_if(
            Cond::Eq,
            R0,
            0,
            not,
        );
    };
    look_up(asm, instances);
    asm.load(Size::U32, R1, R0, 0).alu(AluOp::Lsh, R1, 1).store(Size::U32, key.base, key.off, R1);
    look_up(asm, captured.tables.functions);
    asm.load(Size::U32, R1, R0, layout::FIRST).store(Size::U32, slot, slot::OP, R1);
    asm.load(Size::U16, R2, R0, layout::OPS).add(R1, R2).store(Size::U32, slot, slot::OPS_END, R1);
}

/// `R0 =` the address of a slot, 0 if none is free.
fn take(asm: &mut Assembler, of: Making) {
    let taken = asm.label("slot_taken");
    asm.comment("memory for a record");
    scratch::take(asm, of.caps, of.captured.tables.slots, Place::at(R10, -8), R8, R9, taken);
    asm.mov(R0, 0).exit().place(taken).store(Size::U32, R9, slot::NUMBER, R8).mov(R0, R9).exit();
}

/// Answers 0 if the record is in the ring.
fn rest(asm: &mut Assembler, of: Making, run: FunctionId) {
    let release = asm.label("release");
    asm.comment("the rest of a record").mov(R6, R1).mov(R7, Reg::R2);
    beginning(asm, R6, R7, of.binary);
    asm.load(Size::U32, R1, R6, slot::NUMBER).call(run);
    put_out(asm, of.ring, R6, release);
    asm.place(release).store(Size::U64, R6, 0, 0).exit();
}
