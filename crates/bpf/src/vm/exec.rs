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
pub(super) struct Caller {
    /// The operation to go on with.
    back: usize,
    /// `R6` to `R10`.
    saved: [u64; 5],
    /// The loop of which the callee was a turn.
    turns: Option<Turns>,
}

/// Room for as many callers as there can be.
pub(super) type Callers = [Caller; MAX_FRAMES];

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
    callers: &'m mut Callers,
    depth: usize,
    machine: &'m mut Machine<'r>,
}

/// Runs until the first frame exits.
pub(super) fn run(
    machine: &mut Machine<'_>,
    callers: &mut Callers,
    image: &Image,
    helpers: &Helpers,
    budget: u64,
) -> Result<u64, Fault> {
    let mut cpu = Cpu { registers: [0; REGISTERS], callers, depth: 0, machine };
    cpu.registers[..FRAME_POINTER].fill(POISON);
    cpu.registers[1] = address(CONTEXT, 0);
    cpu.registers[FRAME_POINTER] = cpu.machine.memory.push_frame().map_err(|reason| Fault { pc: 0, reason })?;
    cpu.run(image, helpers, budget)
}

impl Cpu<'_, '_> {
    /// The loop itself: a table, so it is long. Every arm ends with a number for the destination, or goes on somewhere,
    /// or breaks with the reason.
    fn run(&mut self, image: &Image, helpers: &Helpers, mut budget: u64) -> Result<u64, Fault> {
        let mut pc = 0;
        let reason = loop {
            let Some(op) = image.ops.get(pc) else { break Reason::NoInstruction };
            let Some(left) = budget.checked_sub(1) else { break Reason::BudgetSpent };
            budget = left;
            let next = pc + 1;
            macro_rules! go_on {
                ($to:expr) => {
                    match $to {
                        Ok(to) => {
                            pc = to;
                            continue;
                        }
                        Err(reason) => break reason,
                    }
                };
            }
            macro_rules! jump_if {
                ($taken:expr) => {{
                    pc = if $taken { op.target as usize } else { next };
                    continue;
                }};
            }
            macro_rules! load {
                ($size:literal, $addr:expr) => {
                    match self.machine.memory.load::<$size>($addr) {
                        Some(number) => number,
                        None => break self.machine.memory.why($addr, $size, false),
                    }
                };
            }
            macro_rules! store {
                ($size:literal, $addr:expr, $number:expr) => {{
                    if self.machine.memory.store_number::<$size>($addr, $number).is_none() {
                        break self.machine.memory.why($addr, $size, true);
                    }
                    pc = next;
                    continue;
                }};
            }
            let a = self.registers[usize::from(op.dst & 15)];
            let b = self.registers[usize::from(op.src & 15)].wrapping_add(op.imm);
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
                Code::Load8 => load!(1, offset(b, op)),
                Code::Load16 => load!(2, offset(b, op)),
                Code::Load32 => load!(4, offset(b, op)),
                Code::Load64 => load!(8, offset(b, op)),
                Code::LoadS8 => extend(load!(1, offset(b, op)), 8),
                Code::LoadS16 => extend(load!(2, offset(b, op)), 16),
                Code::LoadS32 => extend(load!(4, offset(b, op)), 32),
                Code::Store8 => store!(1, offset(a, op), b),
                Code::Store16 => store!(2, offset(a, op), b),
                Code::Store32 => store!(4, offset(a, op), b),
                Code::Store64 => store!(8, offset(a, op), b),
                Code::Atomic64 => go_on!(atomic::<8>(&mut self.machine.memory, &mut self.registers, op).map(|()| next)),
                Code::Atomic32 => go_on!(atomic::<4>(&mut self.machine.memory, &mut self.registers, op).map(|()| next)),
                Code::Jump => go_on!(Ok(op.target as usize)),
                Code::Eq64 => jump_if!(a == b),
                Code::Ne64 => jump_if!(a != b),
                Code::Gt64 => jump_if!(a > b),
                Code::Ge64 => jump_if!(a >= b),
                Code::Lt64 => jump_if!(a < b),
                Code::Le64 => jump_if!(a <= b),
                Code::SGt64 => jump_if!(a as i64 > b as i64),
                Code::SGe64 => jump_if!(a as i64 >= b as i64),
                Code::SLt64 => jump_if!((a as i64) < b as i64),
                Code::SLe64 => jump_if!(a as i64 <= b as i64),
                Code::Set64 => jump_if!(a & b != 0),
                Code::Eq32 => jump_if!(a32 == b32),
                Code::Ne32 => jump_if!(a32 != b32),
                Code::Gt32 => jump_if!(a32 > b32),
                Code::Ge32 => jump_if!(a32 >= b32),
                Code::Lt32 => jump_if!(a32 < b32),
                Code::Le32 => jump_if!(a32 <= b32),
                Code::SGt32 => jump_if!(a32 as i32 > b32 as i32),
                Code::SGe32 => jump_if!(a32 as i32 >= b32 as i32),
                Code::SLt32 => jump_if!((a32 as i32) < b32 as i32),
                Code::SLe32 => jump_if!(a32 as i32 <= b32 as i32),
                Code::Set32 => jump_if!(a32 & b32 != 0),
                Code::Call => go_on!(self.call_helper(op.imm as u32, helpers).map(|()| next)),
                Code::Loop => go_on!(self.start_loop(next, image)),
                Code::CallLocal => go_on!(self.enter(op.target as usize, next, None)),
                Code::Exit => match self.exit() {
                    Some(back) => go_on!(Ok(back)),
                    None => return Ok(self.registers[0]),
                },
            };
            self.registers[usize::from(op.dst & 15)] = result;
            pc = next;
        };
        Err(Fault { pc: image.slot(pc), reason })
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
    fn enter(&mut self, function: usize, back: usize, turns: Option<Turns>) -> Result<usize, Reason> {
        let caller = self.callers.get_mut(self.depth).ok_or(Reason::TooManyFrames)?;
        let [_, _, _, _, _, _, saved @ .., _, _, _, _, _] = self.registers;
        *caller = Caller { back, saved, turns };
        self.registers[FRAME_POINTER] = self.machine.memory.push_frame()?;
        self.registers[6..FRAME_POINTER].fill(POISON);
        self.registers[0] = POISON;
        self.depth += 1;
        Ok(function)
    }

    /// Leaves the frame; where to go on, if it was not the last.
    fn exit(&mut self) -> Option<usize> {
        let result = self.registers[0];
        let depth = self.depth.checked_sub(1)?;
        let caller = &mut self.callers[depth];
        self.registers[1..6].fill(POISON);
        if let Some(turns) = &mut caller.turns {
            turns.done += 1;
            if result == 0 && turns.done < turns.all {
                (self.registers[1], self.registers[2]) = (turns.done, turns.context);
                return Some(turns.function);
            }
            self.registers[0] = turns.done;
        }
        self.depth = depth;
        self.registers[6..=FRAME_POINTER].copy_from_slice(&caller.saved);
        self.machine.memory.pop_frame();
        Some(caller.back)
    }

    /// `bpf_loop(turns, function, context, flags)`: the function is called with the turn's number until it says 1.
    fn start_loop(&mut self, back: usize, image: &Image) -> Result<usize, Reason> {
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
        Ok(back)
    }
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
    let loaded = memory.load::<N>(addr).filter(|_| addr.is_multiple_of(N as u64));
    let old = loaded.ok_or_else(|| memory.why(addr, N, false))?;
    let mask = u64::MAX >> (64 - 8 * N as u32);
    let value = registers[usize::from(op.src & 15)] & mask;
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
    memory.store_number::<N>(addr, new).ok_or_else(|| memory.why(addr, N, true))?;
    match operation {
        AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => {}
        AtomicOp::CompareExchange => registers[0] = old,
        _ => registers[usize::from(op.src & 15)] = old,
    }
    Ok(())
}
