//! Programs in the form in which they run: one operation per instruction, jumps as indices, maps as addresses.
//!
//! The second operand is always `register + number`: for a register the number is 0, for a number the register is one
//! that is always 0. So there is one operation where the instruction set has two.

use super::fault::{Fault, Reason};
use super::maps::Store;
use super::memory::{FUNCTIONS, MAP_OBJECTS, address, split};
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Operand, Reg, Size, Wide, Width, slots};
use crate::map::MapId;

/// The register that is always 0.
pub(super) const ZERO: u8 = 15;
/// How many registers there are, real or not.
pub(super) const REGISTERS: usize = 16;

/// What to do; the numbers at the end are widths in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Code {
    Add64, Sub64, Mul64, Div64, SDiv64, Mod64, SMod64, Or64, And64, Xor64, Lsh64, Rsh64, Arsh64, Mov64,
    Add32, Sub32, Mul32, Div32, SDiv32, Mod32, SMod32, Or32, And32, Xor32, Lsh32, Rsh32, Arsh32, Mov32,
    Neg64, Neg32,
    /// Sign extension from the width in `target`.
    Extend64, Extend32,
    /// Byte swap of the low bits, which are all that stays.
    Swap16, Swap32, Swap64,
    Load8, Load16, Load32, Load64, LoadS8, LoadS16, LoadS32,
    Store8, Store16, Store32, Store64,
    /// The operation is number `imm` of `AtomicOp::ALL`.
    Atomic64, Atomic32,
    Jump,
    Eq64, Ne64, Gt64, Ge64, Lt64, Le64, SGt64, SGe64, SLt64, SLe64, Set64,
    Eq32, Ne32, Gt32, Ge32, Lt32, Le32, SGt32, SGe32, SLt32, SLe32, Set32,
    Call,
    /// `bpf_loop`, which runs a function of the program.
    Loop,
    CallLocal,
    Exit,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) code: Code,
    pub(super) dst: u8,
    pub(super) src: u8,
    /// Where a jump goes, as an index; for memory, the offset.
    pub(super) target: i32,
    pub(super) imm: u64,
}

/// A program made ready by [`Vm::load`](super::Vm::load), for machines with the same maps.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) ops: Vec<Op>,
    slots: Vec<usize>,
}

impl Image {
    pub(super) fn of(insns: &[Insn], store: &Store) -> Result<Image, Fault> {
        let slots: Vec<usize> = slots(insns).collect();
        let convert = |(at, insn): (usize, &Insn)| {
            let place = |distance: i64| {
                let slot = usize::try_from(slots[at] as i64 + 1 + distance).ok()?;
                slots.binary_search(&slot).ok()
            };
            convert(insn, store, &place).map_err(|reason| Fault { pc: slots[at], reason })
        };
        let ops: Result<Vec<Op>, Fault> = insns.iter().enumerate().map(convert).collect();
        Ok(Image { ops: ops?, slots })
    }

    /// The slot of an operation.
    pub(super) fn slot(&self, at: usize) -> usize {
        self.slots.get(at).copied().unwrap_or_else(|| self.last_slot() + 1)
    }

    pub(super) fn last_slot(&self) -> usize {
        self.slots.last().copied().unwrap_or_default()
    }

    /// The index of a function by its address.
    pub(super) fn function(&self, addr: u64) -> Result<usize, Reason> {
        match split(addr) {
            (FUNCTIONS, at) if (at as usize) < self.ops.len() => Ok(at as usize),
            _ => Err(Reason::NotAFunction { addr }),
        }
    }
}

fn convert(insn: &Insn, store: &Store, place: &dyn Fn(i64) -> Option<usize>) -> Result<Op, Reason> {
    let target = |distance: i64| place(distance).map(|at| at as i32).ok_or(Reason::NoInstruction);
    Ok(match *insn {
        Insn::Alu { width, op, dst, src } => Op { dst: dst.number(), ..with(alu(width, op), src) },
        Insn::Neg { width: Width::W64, dst } => Op { dst: dst.number(), ..plain(Code::Neg64) },
        Insn::Neg { width: Width::W32, dst } => Op { dst: dst.number(), ..plain(Code::Neg32) },
        Insn::SignExtend { width, from, dst, src } => {
            let code = if width == Width::W64 { Code::Extend64 } else { Code::Extend32 };
            Op { dst: dst.number(), target: from.bits() as i32, ..with(code, src.into()) }
        }
        Insn::ByteOrder { to, size, dst } => Op { dst: dst.number(), ..byte_order(to, size) },
        Insn::LoadWide { dst, value } => {
            Op { dst: dst.number(), imm: wide(value, store, &target)?, ..plain(Code::Mov64) }
        }
        Insn::Load { size, signed, dst, base, off } => {
            Op { dst: dst.number(), target: i32::from(off), ..with(load(size, signed), base.into()) }
        }
        Insn::Store { size, base, off, value } => {
            Op { dst: base.number(), target: i32::from(off), ..with(store_code(size), value) }
        }
        Insn::Atomic { op, width, base, off, src } => {
            let code = if width == Width::W64 { Code::Atomic64 } else { Code::Atomic32 };
            let number = AtomicOp::ALL.iter().position(|&o| o == op).unwrap_or_default();
            Op { code, dst: base.number(), src: src.number(), target: i32::from(off), imm: number as u64 }
        }
        Insn::Jump { off } => Op { target: target(i64::from(off))?, ..plain(Code::Jump) },
        Insn::Branch { width, cond, left, right, off } => {
            Op { dst: left.number(), target: target(i64::from(off))?, ..with(branch(width, cond), right) }
        }
        Insn::Call { helper: Helper::LOOP } => plain(Code::Loop),
        Insn::Call { helper } => Op { imm: u64::from(helper.0), ..plain(Code::Call) },
        Insn::CallLocal { off } => Op { target: target(i64::from(off))?, ..plain(Code::CallLocal) },
        Insn::Exit => plain(Code::Exit),
    })
}

fn plain(code: Code) -> Op {
    Op { code, dst: 0, src: ZERO, target: 0, imm: 0 }
}

fn with(code: Code, operand: Operand) -> Op {
    match operand {
        Operand::Reg(src) => Op { src: src.number(), ..plain(code) },
        Operand::Imm(imm) => Op { imm: i64::from(imm) as u64, ..plain(code) },
    }
}

fn wide(value: Wide, store: &Store, target: &dyn Fn(i64) -> Result<i32, Reason>) -> Result<u64, Reason> {
    let known = |map: u32| store.spec(MapId(map)).map(|_| MapId(map)).ok_or(Reason::NoSuchMap { map });
    Ok(match value {
        Wide::Number(n) => n,
        Wide::Map(map) => address(MAP_OBJECTS, u64::from(known(map)?.0)),
        Wide::MapValue { map, offset } => store.value_address(known(map)?, 0) + u64::from(offset),
        Wide::Function(off) => address(FUNCTIONS, target(i64::from(off))? as u64),
    })
}

fn byte_order(to: ByteOrder, size: Size) -> Op {
    let code = match (to, size) {
        (ByteOrder::Little, _) => Code::And64,
        (_, Size::U8 | Size::U16) => Code::Swap16,
        (_, Size::U32) => Code::Swap32,
        (_, Size::U64) => Code::Swap64,
    };
    Op { imm: u64::MAX >> (64 - size.bits()), ..plain(code) }
}

fn load(size: Size, signed: bool) -> Code {
    match (size, signed) {
        (Size::U8, false) => Code::Load8,
        (Size::U16, false) => Code::Load16,
        (Size::U32, false) => Code::Load32,
        (Size::U64, _) => Code::Load64,
        (Size::U8, true) => Code::LoadS8,
        (Size::U16, true) => Code::LoadS16,
        (Size::U32, true) => Code::LoadS32,
    }
}

fn store_code(size: Size) -> Code {
    match size {
        Size::U8 => Code::Store8,
        Size::U16 => Code::Store16,
        Size::U32 => Code::Store32,
        Size::U64 => Code::Store64,
    }
}

fn alu(width: Width, op: AluOp) -> Code {
    let (wide, narrow) = match op {
        AluOp::Add => (Code::Add64, Code::Add32),
        AluOp::Sub => (Code::Sub64, Code::Sub32),
        AluOp::Mul => (Code::Mul64, Code::Mul32),
        AluOp::Div => (Code::Div64, Code::Div32),
        AluOp::SDiv => (Code::SDiv64, Code::SDiv32),
        AluOp::Mod => (Code::Mod64, Code::Mod32),
        AluOp::SMod => (Code::SMod64, Code::SMod32),
        AluOp::Or => (Code::Or64, Code::Or32),
        AluOp::And => (Code::And64, Code::And32),
        AluOp::Xor => (Code::Xor64, Code::Xor32),
        AluOp::Lsh => (Code::Lsh64, Code::Lsh32),
        AluOp::Rsh => (Code::Rsh64, Code::Rsh32),
        AluOp::Arsh => (Code::Arsh64, Code::Arsh32),
        AluOp::Mov => (Code::Mov64, Code::Mov32),
    };
    if width == Width::W64 { wide } else { narrow }
}

fn branch(width: Width, cond: Cond) -> Code {
    let (wide, narrow) = match cond {
        Cond::Eq => (Code::Eq64, Code::Eq32),
        Cond::Ne => (Code::Ne64, Code::Ne32),
        Cond::Gt => (Code::Gt64, Code::Gt32),
        Cond::Ge => (Code::Ge64, Code::Ge32),
        Cond::Lt => (Code::Lt64, Code::Lt32),
        Cond::Le => (Code::Le64, Code::Le32),
        Cond::SGt => (Code::SGt64, Code::SGt32),
        Cond::SGe => (Code::SGe64, Code::SGe32),
        Cond::SLt => (Code::SLt64, Code::SLt32),
        Cond::SLe => (Code::SLe64, Code::SLe32),
        Cond::Set => (Code::Set64, Code::Set32),
    };
    if width == Width::W64 { wide } else { narrow }
}

/// The number of the frame pointer.
pub(super) const FRAME_POINTER: usize = Reg::R10 as usize;
