//! Instructions as the 8-byte slots of which programs consist, and back.

use std::fmt;

use super::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Operand, Reg, Size, Wide, Width};
use crate::helper::Helper;

impl AluOp {
    /// Opcode bits, and the `off` field that tells signed division from unsigned.
    const fn code(self) -> (u8, i16) {
        match self {
            AluOp::Add => (0x00, 0),
            AluOp::Sub => (0x10, 0),
            AluOp::Mul => (0x20, 0),
            AluOp::Div => (0x30, 0),
            AluOp::SDiv => (0x30, 1),
            AluOp::Or => (0x40, 0),
            AluOp::And => (0x50, 0),
            AluOp::Lsh => (0x60, 0),
            AluOp::Rsh => (0x70, 0),
            AluOp::Mod => (0x90, 0),
            AluOp::SMod => (0x90, 1),
            AluOp::Xor => (0xa0, 0),
            AluOp::Mov => (0xb0, 0),
            AluOp::Arsh => (0xc0, 0),
        }
    }
}

impl Cond {
    const fn code(self) -> u8 {
        match self {
            Cond::Eq => 0x10,
            Cond::Gt => 0x20,
            Cond::Ge => 0x30,
            Cond::Set => 0x40,
            Cond::Ne => 0x50,
            Cond::SGt => 0x60,
            Cond::SGe => 0x70,
            Cond::Lt => 0xa0,
            Cond::Le => 0xb0,
            Cond::SLt => 0xc0,
            Cond::SLe => 0xd0,
        }
    }
}

impl AtomicOp {
    const fn code(self) -> i32 {
        match self {
            AtomicOp::Add => 0x00,
            AtomicOp::Or => 0x40,
            AtomicOp::And => 0x50,
            AtomicOp::Xor => 0xa0,
            AtomicOp::FetchAdd => 0x01,
            AtomicOp::FetchOr => 0x41,
            AtomicOp::FetchAnd => 0x51,
            AtomicOp::FetchXor => 0xa1,
            AtomicOp::Exchange => 0xe1,
            AtomicOp::CompareExchange => 0xf1,
        }
    }
}

impl Insn {
    /// The first slot's opcode, as verifier logs show it.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.encode().0.opcode
    }

    /// The slots that stand for it; the second only for [`Insn::LoadWide`].
    #[must_use]
    pub fn encode(&self) -> (Slot, Option<Slot>) {
        let slot = match *self {
            Insn::Alu { width, op, dst, src } => {
                let (code, off) = op.code();
                Slot::with_operand(alu_class(width) | code, dst, src, off)
            }
            Insn::Neg { width, dst } => Slot::new(alu_class(width) | NEG, dst.number(), 0, 0, 0),
            Insn::SignExtend { width, from, dst, src } => {
                let opcode = alu_class(width) | AluOp::Mov.code().0;
                Slot::with_operand(opcode, dst, src.into(), from.bits() as i16)
            }
            Insn::ByteOrder { to, size, dst } => {
                let opcode = match to {
                    ByteOrder::Little => ALU | END,
                    ByteOrder::Big => ALU | END | X,
                    ByteOrder::Swap => ALU64 | END,
                };
                Slot::new(opcode, dst.number(), 0, 0, size.bits() as i32)
            }
            Insn::LoadWide { dst, value } => return encode_wide(dst, value),
            Insn::Load { size, signed, dst, base, off } => {
                let mode = if signed { MEMSX } else { MEM };
                Slot::new(LDX | mode | size_code(size), dst.number(), base.number(), off, 0)
            }
            Insn::Store { size, base, off, value: Operand::Reg(src) } => {
                Slot::new(STX | MEM | size_code(size), base.number(), src.number(), off, 0)
            }
            Insn::Store { size, base, off, value: Operand::Imm(imm) } => {
                Slot::new(ST | MEM | size_code(size), base.number(), 0, off, imm)
            }
            Insn::Atomic { op, width, base, off, src } => {
                let size = if width == Width::W64 { Size::U64 } else { Size::U32 };
                Slot::new(STX | ATOMIC | size_code(size), base.number(), src.number(), off, op.code())
            }
            Insn::Jump { off } => Slot::new(JMP, 0, 0, off, 0),
            Insn::Branch { width, cond, left, right, off } => {
                Slot::with_operand(jmp_class(width) | cond.code(), left, right, off)
            }
            Insn::Call { helper } => Slot::new(JMP | CALL, 0, 0, 0, helper.0 as i32),
            Insn::CallLocal { off } => Slot::new(JMP | CALL, 0, PSEUDO_CALL, 0, off),
            Insn::Exit => Slot::new(JMP | EXIT, 0, 0, 0, 0),
        };
        (slot, None)
    }

    /// Reads the instruction at the start of `slots`.
    ///
    /// # Errors
    /// If it is not one of this set, or a field that must be zero is not.
    pub fn decode(slots: &[Slot]) -> Result<Insn, DecodeError> {
        let first = slots.first().ok_or(DecodeError::Truncated)?;
        let insn = match first.opcode & 7 {
            LD => decode_wide(first, slots.get(1).ok_or(DecodeError::Truncated)?),
            LDX => decode_load(first),
            ST | STX => decode_store(first),
            ALU | ALU64 => decode_alu(first),
            _ => decode_jump(first),
        };
        let insn = insn.ok_or(DecodeError::Unknown(*first))?;
        let (one, two) = insn.encode();
        // Fields that the decoders above did not look at must be what the encoder writes: zero.
        if one == *first && two.is_none_or(|two| slots.get(1) == Some(&two)) {
            Ok(insn)
        } else {
            Err(DecodeError::Reserved(*first))
        }
    }
}

/// Reads instructions from the bytes of a program.
///
/// # Errors
/// If the bytes are no whole slots or one of them is not of this set.
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Insn>, DecodeError> {
    let (chunks, []) = bytes.as_chunks::<8>() else { return Err(DecodeError::Truncated) };
    let slots: Vec<Slot> = chunks.iter().map(|&c| Slot::from_bytes(c)).collect();
    let mut insns = Vec::with_capacity(slots.len());
    let mut rest = slots.as_slice();
    while !rest.is_empty() {
        let insn = Insn::decode(rest)?;
        rest = rest.get(insn.slots()..).unwrap_or_default();
        insns.push(insn);
    }
    Ok(insns)
}

/// The bytes of a program.
#[must_use]
pub fn encode_all(insns: &[Insn]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(insns.len() * 8);
    for insn in insns {
        let (one, two) = insn.encode();
        bytes.extend(one.to_bytes());
        bytes.extend(two.into_iter().flat_map(Slot::to_bytes));
    }
    bytes
}

/// The 8 bytes of which programs consist: opcode, two registers in one byte, offset, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Class in the low three bits, meaning of the others by class.
    pub opcode: u8,
    /// Destination in the low half, source in the high one.
    pub regs: u8,
    /// Distance of a jump or in memory.
    pub off: i16,
    /// Number.
    pub imm: i32,
}

impl Slot {
    const fn new(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Slot {
        Slot { opcode, regs: src << 4 | dst, off, imm }
    }

    const fn with_operand(opcode: u8, dst: Reg, src: Operand, off: i16) -> Slot {
        match src {
            Operand::Reg(src) => Slot::new(opcode | X, dst.number(), src.number(), off, 0),
            Operand::Imm(imm) => Slot::new(opcode, dst.number(), 0, off, imm),
        }
    }

    /// As they lie in memory.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let ([o0, o1], [i0, i1, i2, i3]) = (self.off.to_le_bytes(), self.imm.to_le_bytes());
        [self.opcode, self.regs, o0, o1, i0, i1, i2, i3]
    }

    /// From memory.
    #[must_use]
    pub const fn from_bytes([opcode, regs, o0, o1, i0, i1, i2, i3]: [u8; 8]) -> Slot {
        Slot { opcode, regs, off: i16::from_le_bytes([o0, o1]), imm: i32::from_le_bytes([i0, i1, i2, i3]) }
    }

    fn dst(&self) -> Option<Reg> {
        Reg::ALL.get(usize::from(self.regs & 15)).copied()
    }

    fn src(&self) -> Option<Reg> {
        Reg::ALL.get(usize::from(self.regs >> 4)).copied()
    }

    fn operand(&self) -> Option<Operand> {
        if self.opcode & X == 0 { Some(Operand::Imm(self.imm)) } else { self.src().map(Operand::Reg) }
    }
}

/// Why bytes are no instruction of this set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end inside an instruction.
    Truncated,
    /// No such instruction here.
    Unknown(Slot),
    /// A known instruction with something in a field that must be zero.
    Reserved(Slot),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated => write!(f, "the program ends inside an instruction"),
            DecodeError::Unknown(slot) => write!(f, "no instruction: {:02x?}", slot.to_bytes()),
            DecodeError::Reserved(slot) => write!(f, "a field that must be zero is not: {:02x?}", slot.to_bytes()),
        }
    }
}

impl std::error::Error for DecodeError {}

// Classes, modes and single operations, as in include/uapi/linux/bpf.h and bpf_common.h.
const LD: u8 = 0;
const LDX: u8 = 1;
const ST: u8 = 2;
const STX: u8 = 3;
const ALU: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;
const ALU64: u8 = 7;
const X: u8 = 0x08;
const MEM: u8 = 0x60;
const MEMSX: u8 = 0x80;
const ATOMIC: u8 = 0xc0;
const NEG: u8 = 0x80;
const END: u8 = 0xd0;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;
const LD_IMM64: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;
const PSEUDO_FUNC: u8 = 4;
const PSEUDO_CALL: u8 = 1;

const fn alu_class(width: Width) -> u8 {
    if matches!(width, Width::W64) { ALU64 } else { ALU }
}

const fn jmp_class(width: Width) -> u8 {
    if matches!(width, Width::W64) { JMP } else { JMP32 }
}

const fn size_code(size: Size) -> u8 {
    match size {
        Size::U32 => 0x00,
        Size::U16 => 0x08,
        Size::U8 => 0x10,
        Size::U64 => 0x18,
    }
}

fn size_of(opcode: u8) -> Option<Size> {
    Size::ALL.into_iter().find(|&s| size_code(s) == opcode & 0x18)
}

fn size_of_bits(bits: i32) -> Option<Size> {
    Size::ALL.into_iter().find(|s| i64::from(s.bits()) == i64::from(bits))
}

fn encode_wide(dst: Reg, value: Wide) -> (Slot, Option<Slot>) {
    let (src, low, high) = match value {
        Wide::Number(n) => (0, n as u32, (n >> 32) as u32),
        Wide::Map(map) => (PSEUDO_MAP_FD, map, 0),
        Wide::MapValue { map, offset } => (PSEUDO_MAP_VALUE, map, offset),
        Wide::Function(off) => (PSEUDO_FUNC, off as u32, 0),
    };
    (Slot::new(LD_IMM64, dst.number(), src, 0, low as i32), Some(Slot::new(0, 0, 0, 0, high as i32)))
}

fn decode_wide(one: &Slot, two: &Slot) -> Option<Insn> {
    let (low, high) = (one.imm as u32, two.imm as u32);
    let value = match one.regs >> 4 {
        0 => Wide::Number(u64::from(high) << 32 | u64::from(low)),
        PSEUDO_MAP_FD => Wide::Map(low),
        PSEUDO_MAP_VALUE => Wide::MapValue { map: low, offset: high },
        PSEUDO_FUNC => Wide::Function(one.imm),
        _ => return None,
    };
    (one.opcode == LD_IMM64).then_some(Insn::LoadWide { dst: one.dst()?, value })
}

fn decode_load(slot: &Slot) -> Option<Insn> {
    let signed = match slot.opcode & 0xe0 {
        MEM => false,
        MEMSX => true,
        _ => return None,
    };
    let size = size_of(slot.opcode)?;
    // There is nothing to extend a whole register with.
    if signed && size == Size::U64 {
        return None;
    }
    Some(Insn::Load { size, signed, dst: slot.dst()?, base: slot.src()?, off: slot.off })
}

fn decode_store(slot: &Slot) -> Option<Insn> {
    let (class, mode) = (slot.opcode & 7, slot.opcode & 0xe0);
    let (size, base, off) = (size_of(slot.opcode)?, slot.dst()?, slot.off);
    match (class, mode) {
        (ST, MEM) => Some(Insn::Store { size, base, off, value: slot.imm.into() }),
        (STX, MEM) => Some(Insn::Store { size, base, off, value: slot.src()?.into() }),
        (STX, ATOMIC) => {
            let op = AtomicOp::ALL.into_iter().find(|op| op.code() == slot.imm)?;
            let width = if size == Size::U64 { Width::W64 } else { Width::W32 };
            Some(Insn::Atomic { op, width, base, off, src: slot.src()? })
        }
        _ => None,
    }
}

fn decode_alu(slot: &Slot) -> Option<Insn> {
    let width = if slot.opcode & 7 == ALU64 { Width::W64 } else { Width::W32 };
    let (code, dst) = (slot.opcode & 0xf0, slot.dst()?);
    if code == NEG {
        return Some(Insn::Neg { width, dst });
    }
    if code == END {
        return decode_byte_order(slot, dst);
    }
    if code == AluOp::Mov.code().0 && slot.off != 0 {
        let from = size_of_bits(i32::from(slot.off))?;
        let wider = from.bits() < if width == Width::W64 { 64 } else { 32 };
        return wider.then_some(Insn::SignExtend { width, from, dst, src: slot.src()? });
    }
    let op = AluOp::ALL.into_iter().find(|op| op.code() == (code, slot.off))?;
    Some(Insn::Alu { width, op, dst, src: slot.operand()? })
}

fn decode_byte_order(slot: &Slot, dst: Reg) -> Option<Insn> {
    let to = match (slot.opcode & 7, slot.opcode & X) {
        (ALU, 0) => ByteOrder::Little,
        (ALU, _) => ByteOrder::Big,
        (_, 0) => ByteOrder::Swap,
        _ => return None,
    };
    let size = size_of_bits(slot.imm).filter(|&s| s != Size::U8)?;
    Some(Insn::ByteOrder { to, size, dst })
}

fn decode_jump(slot: &Slot) -> Option<Insn> {
    let width = if slot.opcode & 7 == JMP { Width::W64 } else { Width::W32 };
    match (width, slot.opcode & 0xf0) {
        (Width::W64, 0) => Some(Insn::Jump { off: slot.off }),
        (Width::W64, CALL) if slot.regs >> 4 == PSEUDO_CALL => Some(Insn::CallLocal { off: slot.imm }),
        (Width::W64, CALL) => Some(Insn::Call { helper: Helper(slot.imm as u32) }),
        (Width::W64, EXIT) => Some(Insn::Exit),
        (width, code) => {
            let cond = Cond::ALL.into_iter().find(|c| c.code() == code)?;
            Some(Insn::Branch { width, cond, left: slot.dst()?, right: slot.operand()?, off: slot.off })
        }
    }
}
