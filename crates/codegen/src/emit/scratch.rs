//! Scratch memory: several slots for each CPU, since a thread may lose its CPU to another one while it uses one.

use bpf::insn::{AtomicOp, Cond, Size, Width};
use bpf::{AluOp, Assembler, Caps, Feature, Helper, Label, MapId, Reg};

use super::memory::{Place, SCRATCH_SLOTS};

/// Takes the first slot of this CPU that is free, and goes on to `taken` with its address in `slot` and its number in
/// `number`; falls through if none is. The slot is given back by a store of 0 into its first word. `key` is where the
/// number may be put on the stack.
///
/// Without atomic exchange (before Linux 5.12) there is one slot only, and programs cannot lose their CPU there.
pub(super) fn take(asm: &mut Assembler, caps: Caps, map: MapId, key: Place, number: Reg, slot: Reg, taken: Label) {
    let has_atomics = caps.has(Feature::Atomics);
    asm.helper(Helper::GET_SMP_PROCESSOR_ID).mov(number, Reg::R0).alu(AluOp::Mul, number, SCRATCH_SLOTS);
    for n in 0..if has_atomics { SCRATCH_SLOTS } else { 1 } {
        if n > 0 {
            asm.add(number, 1);
        }
        let next = asm.label("scratch_in_use");
        asm.store(Size::U32, key.base, key.off, number).map(Reg::R1, map).mov(Reg::R2, key.base).add(Reg::R2, key.off);
        asm.helper(Helper::MAP_LOOKUP_ELEM).jump_if(Cond::Eq, Reg::R0, 0, next).mov(slot, Reg::R0);
        if has_atomics {
            asm.mov(Reg::R1, 1).atomic(AtomicOp::Exchange, Width::W64, slot, 0, Reg::R1);
            asm.jump_if(Cond::Eq, Reg::R1, 0, taken);
        } else {
            asm.jump(taken);
        }
        asm.place(next);
    }
}
