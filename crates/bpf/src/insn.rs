//! One eBPF instruction as a value, and the 8-byte slots that stand for it.
//!
//! The set is what gospect emits: everything of Linux 5.10, atomics with fetch (5.12) and the sign-extending and signed
//! instructions of "cpu v4" (6.6); [`Insn::needs`] says which is which. Absent are packet loads, tail calls and the long
//! jump. Jumps count slots, as in the kernel: names for places belong to [`crate::asm`].
//!
//! Encoding is exact in both directions: what decodes encodes to the same bytes, and what would not is refused.

mod slot;

pub use slot::{DecodeError, Slot, decode_all, encode_all};

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
}

/// The slot at which each instruction starts.
pub(crate) fn slots(insns: &[Insn]) -> impl Iterator<Item = usize> {
    insns.iter().scan(0, |next, insn| {
        let slot = *next;
        *next += insn.slots();
        Some(slot)
    })
}

#[cfg(test)]
mod tests;
