//! The loop that runs operations.

use super::fault::{Fault, Reason};
use super::helpers::Helpers;
use super::image::{Code, FRAME_POINTER, Image, Op, REGISTERS};
use super::machine::Machine;
use super::maps::Errno;
use super::memory::{CONTEXT, MAX_FRAMES, Memory, POISON, address};
use crate::insn::AtomicOp;

/// Numbers in registers; those above `R10` are 0.
type Registers = [u64; REGISTERS];

/// What a caller gets back when its callee exits.
#[derive(Clone, Copy, Default)]
struct Caller {
    /// The operation to go on with.
    back: usize,
    /// `R6` to `R10`.
    saved: [u64; 5],
    /// The loop of which the callee was a turn.
    turns: Option<Turns>,
}

/// A running `bpf_loop`.
#[derive(Clone, Copy)]
struct Turns {
    done: u64,
    all: u64,
    function: usize,
    context: u64,
}

/// `BPF_MAX_LOOPS`.
const MAX_TURNS: u64 = 1 << 23;

struct Cpu<'m, 'r> {
    registers: Registers,
    callers: [Caller; MAX_FRAMES],
    depth: usize,
    machine: &'m mut Machine<'r>,
}

/// Runs until the first frame exits.
pub(super) fn run(machine: &mut Machine<'_>, image: &Image, helpers: &Helpers, mut budget: u64) -> Result<u64, Fault> {
    let mut cpu = Cpu { registers: [0; REGISTERS], callers: Default::default(), depth: 0, machine };
    cpu.registers[..FRAME_POINTER].fill(POISON);
    cpu.registers[1] = address(CONTEXT, 0);
    let mut pc = 0;
    cpu.registers[FRAME_POINTER] = cpu.machine.memory.push_frame().map_err(|reason| Fault { pc, reason })?;
    loop {
        let op = image.ops.get(pc).ok_or(Reason::NoInstruction);
        let left = budget.checked_sub(1).ok_or(Reason::BudgetSpent);
        let next = left.and_then(|left| {
            budget = left;
            cpu.step(op?, pc + 1, image, helpers)
        });
        match next {
            Ok(Next::Op(next)) => pc = next,
            Ok(Next::End(result)) => return Ok(result),
            Err(reason) => return Err(Fault { pc: image.slot(pc), reason: cpu.machine.memory.explain(reason) }),
        }
    }
}

/// Where to go on.
enum Next {
    Op(usize),
    End(u64),
}

impl Cpu<'_, '_> {
    /// Runs one operation; `next` is the one behind it. A table, so it is long.
    #[inline(always)]
    fn step(&mut self, op: &Op, next: usize, image: &Image, helpers: &Helpers) -> Result<Next, Reason> {
        let memory = &mut self.machine.memory;
        let registers = &mut self.registers;
        let a = registers[usize::from(op.dst & 15)];
        let b = registers[usize::from(op.src & 15)].wrapping_add(op.imm);
        let (a32, b32) = (a as u32, b as u32);
        let result = match op.code {
            Code::Add64 => a.wrapping_add(b),
            Code::Sub64 => a.wrapping_sub(b),
            Code::Mul64 => a.wrapping_mul(b),
            Code::Div64 => a.checked_div(b).unwrap_or(0),
            Code::Mod64 => a.checked_rem(b).unwrap_or(a),
            Code::SDiv64 => signed_div(a as i64, b as i64) as u64,
            Code::SMod64 => signed_mod(a as i64, b as i64) as u64,
            Code::Or64 => a | b,
            Code::And64 => a & b,
            Code::Xor64 => a ^ b,
            Code::Lsh64 => a.wrapping_shl(b32),
            Code::Rsh64 => a.wrapping_shr(b32),
            Code::Arsh64 => (a as i64).wrapping_shr(b32) as u64,
            Code::Mov64 => b,
            Code::Neg64 => a.wrapping_neg(),
            Code::Add32 => u64::from(a32.wrapping_add(b32)),
            Code::Sub32 => u64::from(a32.wrapping_sub(b32)),
            Code::Mul32 => u64::from(a32.wrapping_mul(b32)),
            Code::Div32 => u64::from(a32.checked_div(b32).unwrap_or(0)),
            Code::Mod32 => u64::from(a32.checked_rem(b32).unwrap_or(a32)),
            Code::SDiv32 => u64::from(signed_div32(a32 as i32, b32 as i32) as u32),
            Code::SMod32 => u64::from(signed_mod32(a32 as i32, b32 as i32) as u32),
            Code::Or32 => u64::from(a32 | b32),
            Code::And32 => u64::from(a32 & b32),
            Code::Xor32 => u64::from(a32 ^ b32),
            Code::Lsh32 => u64::from(a32.wrapping_shl(b32)),
            Code::Rsh32 => u64::from(a32.wrapping_shr(b32)),
            Code::Arsh32 => u64::from((a32 as i32).wrapping_shr(b32) as u32),
            Code::Mov32 => u64::from(b32),
            Code::Neg32 => u64::from(a32.wrapping_neg()),
            Code::Extend64 => extend(b, op.target),
            Code::Extend32 => u64::from(extend(b, op.target) as u32),
            Code::Swap16 => u64::from((a as u16).swap_bytes()),
            Code::Swap32 => u64::from(a32.swap_bytes()),
            Code::Swap64 => a.swap_bytes(),
            Code::Load8 => memory.load::<1>(offset(b, op))?,
            Code::Load16 => memory.load::<2>(offset(b, op))?,
            Code::Load32 => memory.load::<4>(offset(b, op))?,
            Code::Load64 => memory.load::<8>(offset(b, op))?,
            Code::LoadS8 => extend(memory.load::<1>(offset(b, op))?, 8),
            Code::LoadS16 => extend(memory.load::<2>(offset(b, op))?, 16),
            Code::LoadS32 => extend(memory.load::<4>(offset(b, op))?, 32),
            Code::Store8 => return memory.store_number::<1>(offset(a, op), b).map(|()| Next::Op(next)),
            Code::Store16 => return memory.store_number::<2>(offset(a, op), b).map(|()| Next::Op(next)),
            Code::Store32 => return memory.store_number::<4>(offset(a, op), b).map(|()| Next::Op(next)),
            Code::Store64 => return memory.store_number::<8>(offset(a, op), b).map(|()| Next::Op(next)),
            Code::Atomic64 => return atomic::<8>(memory, registers, op).map(|()| Next::Op(next)),
            Code::Atomic32 => return atomic::<4>(memory, registers, op).map(|()| Next::Op(next)),
            Code::Jump => return Ok(Next::Op(op.target as usize)),
            Code::Eq64 => return branch(a == b, op, next),
            Code::Ne64 => return branch(a != b, op, next),
            Code::Gt64 => return branch(a > b, op, next),
            Code::Ge64 => return branch(a >= b, op, next),
            Code::Lt64 => return branch(a < b, op, next),
            Code::Le64 => return branch(a <= b, op, next),
            Code::SGt64 => return branch(a as i64 > b as i64, op, next),
            Code::SGe64 => return branch(a as i64 >= b as i64, op, next),
            Code::SLt64 => return branch((a as i64) < b as i64, op, next),
            Code::SLe64 => return branch(a as i64 <= b as i64, op, next),
            Code::Set64 => return branch(a & b != 0, op, next),
            Code::Eq32 => return branch(a32 == b32, op, next),
            Code::Ne32 => return branch(a32 != b32, op, next),
            Code::Gt32 => return branch(a32 > b32, op, next),
            Code::Ge32 => return branch(a32 >= b32, op, next),
            Code::Lt32 => return branch(a32 < b32, op, next),
            Code::Le32 => return branch(a32 <= b32, op, next),
            Code::SGt32 => return branch(a32 as i32 > b32 as i32, op, next),
            Code::SGe32 => return branch(a32 as i32 >= b32 as i32, op, next),
            Code::SLt32 => return branch((a32 as i32) < b32 as i32, op, next),
            Code::SLe32 => return branch(a32 as i32 <= b32 as i32, op, next),
            Code::Set32 => return branch(a32 & b32 != 0, op, next),
            Code::Call => return self.call_helper(op.imm as u32, helpers).map(|()| Next::Op(next)),
            Code::Loop => return self.start_loop(next, image),
            Code::CallLocal => return self.enter(op.target as usize, next, None),
            Code::Exit => return Ok(self.exit()),
        };
        registers[usize::from(op.dst & 15)] = result;
        Ok(Next::Op(next))
    }

    fn arguments(&self) -> [u64; 5] {
        let [_, a, b, c, d, e, ..] = self.registers;
        [a, b, c, d, e]
    }

    /// A call leaves nothing in the argument registers.
    fn forget_arguments(&mut self) {
        self.registers[1..6].fill(POISON);
    }

    fn call_helper(&mut self, number: u32, helpers: &Helpers) -> Result<(), Reason> {
        let helper = helpers.get(number).ok_or(Reason::UnknownHelper { helper: number })?;
        let result = helper(self.machine, self.arguments())?;
        self.forget_arguments();
        self.registers[0] = result;
        Ok(())
    }

    /// Goes on in a function, coming back to `back`.
    fn enter(&mut self, function: usize, back: usize, turns: Option<Turns>) -> Result<Next, Reason> {
        let caller = self.callers.get_mut(self.depth).ok_or(Reason::TooManyFrames)?;
        let [_, _, _, _, _, _, saved @ .., _, _, _, _, _] = self.registers;
        *caller = Caller { back, saved, turns };
        self.registers[FRAME_POINTER] = self.machine.memory.push_frame()?;
        self.registers[6..FRAME_POINTER].fill(POISON);
        self.registers[0] = POISON;
        self.depth += 1;
        Ok(Next::Op(function))
    }

    fn exit(&mut self) -> Next {
        let result = self.registers[0];
        let Some(depth) = self.depth.checked_sub(1) else { return Next::End(result) };
        let caller = &mut self.callers[depth];
        self.registers[1..6].fill(POISON);
        if let Some(turns) = &mut caller.turns {
            turns.done += 1;
            if result == 0 && turns.done < turns.all {
                (self.registers[1], self.registers[2]) = (turns.done, turns.context);
                return Next::Op(turns.function);
            }
            self.registers[0] = turns.done;
        }
        self.depth = depth;
        self.registers[6..=FRAME_POINTER].copy_from_slice(&caller.saved);
        self.machine.memory.pop_frame();
        Next::Op(caller.back)
    }

    /// `bpf_loop(turns, function, context, flags)`: the function is called with the turn's number until it says 1.
    fn start_loop(&mut self, back: usize, image: &Image) -> Result<Next, Reason> {
        let [all, function, context, flags, _] = self.arguments();
        let function = image.function(function)?;
        let all = u64::from(all as u32);
        self.forget_arguments();
        self.registers[0] = match (flags, all) {
            (0, 0) => 0,
            (0, 1..=MAX_TURNS) => {
                (self.registers[1], self.registers[2]) = (0, context);
                return self.enter(function, back, Some(Turns { done: 0, all, function, context }));
            }
            (0, _) => Errno::TooBig.returned(),
            _ => Errno::Invalid.returned(),
        };
        Ok(Next::Op(back))
    }
}

#[inline(always)]
fn branch(taken: bool, op: &Op, next: usize) -> Result<Next, Reason> {
    Ok(Next::Op(if taken { op.target as usize } else { next }))
}

#[inline(always)]
fn offset(base: u64, op: &Op) -> u64 {
    base.wrapping_add_signed(i64::from(op.target))
}

/// The low `bits` of a number with their sign.
#[inline(always)]
fn extend(value: u64, bits: i32) -> u64 {
    let by = 64 - bits as u32;
    ((value << by) as i64 >> by) as u64
}

// By zero as the unsigned ones; the smallest number by −1 wraps.

fn signed_div(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

fn signed_mod(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { a.wrapping_rem(b) }
}

fn signed_div32(a: i32, b: i32) -> i32 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

fn signed_mod32(a: i32, b: i32) -> i32 {
    if b == 0 { a } else { a.wrapping_rem(b) }
}

/// Nothing else runs at the same time, so reading and writing one after the other is atomic.
fn atomic<const N: usize>(memory: &mut Memory<'_>, registers: &mut Registers, op: &Op) -> Result<(), Reason> {
    let addr = offset(registers[usize::from(op.dst & 15)], op);
    if !addr.is_multiple_of(N as u64) {
        return Err(Reason::Misaligned { addr, len: N });
    }
    let mask = u64::MAX >> (64 - 8 * N as u32);
    let value = registers[usize::from(op.src & 15)] & mask;
    let old = memory.load::<N>(addr)?;
    let operation = AtomicOp::ALL.get(op.imm as usize).copied().unwrap_or(AtomicOp::Add);
    let new = match operation {
        AtomicOp::Add | AtomicOp::FetchAdd => old.wrapping_add(value),
        AtomicOp::Or | AtomicOp::FetchOr => old | value,
        AtomicOp::And | AtomicOp::FetchAnd => old & value,
        AtomicOp::Xor | AtomicOp::FetchXor => old ^ value,
        AtomicOp::Exchange => value,
        AtomicOp::CompareExchange if old == registers[0] & mask => value,
        AtomicOp::CompareExchange => old,
    };
    memory.store_number::<N>(addr, new)?;
    match operation {
        AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => {}
        AtomicOp::CompareExchange => registers[0] = old,
        _ => registers[usize::from(op.src & 15)] = old,
    }
    Ok(())
}
