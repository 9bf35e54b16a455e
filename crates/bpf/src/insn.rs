//! One eBPF instruction as a value, and the 8-byte slots that stand for it.
//!
//! The set is what gospect emits: everything of Linux 5.10, atomics with fetch (5.12) and the sign-extending and signed
//! instructions of "cpu v4" (6.6); [`Insn::needs`] says which is which. Absent are packet loads, tail calls and the long
//! jump. Jumps count slots, as in the kernel: names for places belong to [`crate::asm`].
//!
//! Encoding is exact in both directions: what decodes encodes to the same bytes, and what would not is refused.

use std::fmt;

use crate::caps::Feature;
use crate::helper::Helper;

/// A register. `R0` holds results, `R1` to `R5` arguments (lost in a call), `R6` to `R9` survive calls, `R10` is the
/// top of the frame and cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the numbers say it")]
pub enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

impl Reg {
    /// All registers, by number.
    pub const ALL: [Reg; 11] =
        [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7, Reg::R8, Reg::R9, Reg::R10];

    /// The register's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The second operand: a register, or a number that is sign-extended to the width of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A register's value.
    Reg(Reg),
    /// A number in the instruction.
    Imm(i32),
}

impl From<Reg> for Operand {
    fn from(reg: Reg) -> Operand {
        Operand::Reg(reg)
    }
}

impl From<i32> for Operand {
    fn from(imm: i32) -> Operand {
        Operand::Imm(imm)
    }
}

/// How many bits arithmetic and comparison use. 32-bit results clear the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the numbers say it")]
pub enum Width {
    W32,
    W64,
}

/// How many bits a memory access moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the numbers say it")]
pub enum Size {
    U8,
    U16,
    U32,
    U64,
}

impl Size {
    /// All sizes, small first.
    pub const ALL: [Size; 4] = [Size::U8, Size::U16, Size::U32, Size::U64];

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << self as u8
    }

    /// In bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        8 << self as u8
    }
}

/// Arithmetic. Division by zero gives 0, the remainder by zero leaves the left side as it is, shifts use the low bits
/// of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum AluOp {
    Add,
    Sub,
    Mul,
    Div,
    SDiv,
    Mod,
    SMod,
    Or,
    And,
    Xor,
    Lsh,
    Rsh,
    Arsh,
    Mov,
}

impl AluOp {
    /// All operations.
    pub const ALL: [AluOp; 14] = [
        AluOp::Add,
        AluOp::Sub,
        AluOp::Mul,
        AluOp::Div,
        AluOp::SDiv,
        AluOp::Mod,
        AluOp::SMod,
        AluOp::Or,
        AluOp::And,
        AluOp::Xor,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Arsh,
        AluOp::Mov,
    ];

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

    /// Whether the right side is a shift count.
    #[must_use]
    pub const fn is_shift(self) -> bool {
        matches!(self, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh)
    }

    /// Whether the right side is a divisor.
    #[must_use]
    pub const fn is_division(self) -> bool {
        matches!(self, AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod)
    }
}

/// What a conditional jump asks. `S…` compare as signed numbers, `Set` asks whether the two share a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Cond {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    SGt,
    SGe,
    SLt,
    SLe,
    Set,
}

impl Cond {
    /// All conditions.
    pub const ALL: [Cond; 11] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Gt,
        Cond::Ge,
        Cond::Lt,
        Cond::Le,
        Cond::SGt,
        Cond::SGe,
        Cond::SLt,
        Cond::SLe,
        Cond::Set,
    ];

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

    /// The condition that holds when this one does not; `None` for `Set`, which has no opposite.
    #[must_use]
    pub const fn opposite(self) -> Option<Cond> {
        Some(match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::Gt => Cond::Le,
            Cond::Le => Cond::Gt,
            Cond::Ge => Cond::Lt,
            Cond::Lt => Cond::Ge,
            Cond::SGt => Cond::SLe,
            Cond::SLe => Cond::SGt,
            Cond::SGe => Cond::SLt,
            Cond::SLt => Cond::SGe,
            Cond::Set => return None,
        })
    }
}

/// A read-modify-write of 32 or 64 bits of memory that nobody else can come between. The `Fetch…` forms and `Exchange`
/// leave the old value in the source register, `CompareExchange` in `R0`, where it takes the expected value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum AtomicOp {
    Add,
    Or,
    And,
    Xor,
    FetchAdd,
    FetchOr,
    FetchAnd,
    FetchXor,
    Exchange,
    CompareExchange,
}

impl AtomicOp {
    /// All operations.
    pub const ALL: [AtomicOp; 10] = [
        AtomicOp::Add,
        AtomicOp::Or,
        AtomicOp::And,
        AtomicOp::Xor,
        AtomicOp::FetchAdd,
        AtomicOp::FetchOr,
        AtomicOp::FetchAnd,
        AtomicOp::FetchXor,
        AtomicOp::Exchange,
        AtomicOp::CompareExchange,
    ];

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

/// Which byte order a value is turned into. eBPF on amd64 and arm64 is little-endian, so `Little` only cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ByteOrder {
    Little,
    Big,
    /// Whatever it was, the other one (cpu v4).
    Swap,
}

/// What a two-slot instruction loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wide {
    /// A 64-bit number.
    Number(u64),
    /// A map: its id in a program as made, its file descriptor in a linked one.
    Map(u32),
    /// The address inside the only value of a map.
    MapValue {
        /// The map, as in [`Wide::Map`].
        map: u32,
        /// Bytes from the value's start.
        offset: u32,
    },
    /// The address of a function of the same program, for helpers that call back; counted as calls are.
    Function(i32),
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields' types say what they are")]
pub enum Insn {
    /// `dst = dst op src`.
    Alu { width: Width, op: AluOp, dst: Reg, src: Operand },
    /// `dst = -dst`.
    Neg { width: Width, dst: Reg },
    /// `dst = src`, of which only the low `from` bits are taken, with their sign.
    SignExtend { width: Width, from: Size, dst: Reg, src: Reg },
    /// `dst` in another byte order; only its low `size` bits stay.
    ByteOrder { to: ByteOrder, size: Size, dst: Reg },
    /// `dst = value`; two slots.
    LoadWide { dst: Reg, value: Wide },
    /// `dst = *(size *)(base + off)`; with `signed`, extended with its sign.
    Load { size: Size, signed: bool, dst: Reg, base: Reg, off: i16 },
    /// `*(size *)(base + off) = value`.
    Store { size: Size, base: Reg, off: i16, value: Operand },
    /// `*(base + off) op= src`, atomically.
    Atomic { op: AtomicOp, width: Width, base: Reg, off: i16, src: Reg },
    /// Goes on `off` slots behind the next one.
    Jump { off: i16 },
    /// The same, if the condition holds.
    Branch { width: Width, cond: Cond, left: Reg, right: Operand, off: i16 },
    /// Calls the kernel.
    Call { helper: Helper },
    /// Calls a function of this program, `off` slots behind the next one.
    CallLocal { off: i32 },
    /// Returns `R0`.
    Exit,
}

impl Insn {
    /// How many 8-byte slots it takes.
    #[must_use]
    pub const fn slots(&self) -> usize {
        match self {
            Insn::LoadWide { .. } => 2,
            _ => 1,
        }
    }

    /// What the kernel must have for it beyond Linux 5.10.
    #[must_use]
    pub fn needs(&self) -> Option<Feature> {
        match self {
            Insn::Atomic { op: AtomicOp::Add, .. } => None,
            Insn::Atomic { .. } => Some(Feature::Atomics),
            Insn::SignExtend { .. }
            | Insn::Load { signed: true, .. }
            | Insn::ByteOrder { to: ByteOrder::Swap, .. }
            | Insn::Alu { op: AluOp::SDiv | AluOp::SMod, .. } => Some(Feature::CpuV4),
            Insn::LoadWide { value: Wide::Function(_), .. } => Some(Feature::Callbacks),
            Insn::Call { helper } => helper.needs(),
            _ => None,
        }
    }

    /// The distance to where it may go on, if it is a jump.
    #[must_use]
    pub const fn jump(&self) -> Option<i16> {
        match self {
            Insn::Jump { off } | Insn::Branch { off, .. } => Some(*off),
            _ => None,
        }
    }

    /// Whether the next instruction can be reached from it.
    #[must_use]
    pub const fn falls_through(&self) -> bool {
        !matches!(self, Insn::Jump { .. } | Insn::Exit)
    }

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

#[cfg(test)]
mod tests;
