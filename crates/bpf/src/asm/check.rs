//! What the verifier refuses whatever registers hold: said here by name.

use super::AsmError;
use crate::insn::{AluOp, AtomicOp, Insn, Operand, Reg, Size, Wide, Width, slots};
use crate::map::{Entries, MapId, MapKind, Maps};
use crate::notes::Function;

/// `MAX_BPF_STACK`, of one frame and of a chain of calls.
const MAX_STACK: u32 = 512;
/// `MAX_CALL_FRAMES`.
const MAX_FRAMES: usize = 8;
/// To what the kernel rounds each frame of a chain, where it is strictest.
const FRAME_UNIT: u32 = 32;

/// The function to which an instruction belongs. The first one starts at 0.
pub(super) fn function_at(functions: &[Function], at: usize) -> &Function {
    let after = functions.partition_point(|function| function.start <= at);
    &functions[after.saturating_sub(1)]
}

/// Where each function ends.
fn ranges<'a>(functions: &'a [Function], insns: &'a [Insn]) -> impl Iterator<Item = (&'a Function, &'a [Insn])> {
    functions.iter().enumerate().map(|(n, function)| {
        let end = functions.get(n + 1).map_or(insns.len(), |next| next.start);
        (function, &insns[function.start..end])
    })
}

/// The index of the instruction at a distance in slots from the end of another one.
struct Places {
    slots: Vec<usize>,
}

impl Places {
    fn of(insns: &[Insn]) -> Places {
        Places { slots: slots(insns).collect() }
    }

    fn from(&self, at: usize, distance: i64) -> Option<usize> {
        let slot = self.slots[at] as i64 + 1 + distance;
        self.slots.binary_search(&usize::try_from(slot).ok()?).ok()
    }
}

/// The index of the function that an instruction calls or takes the address of.
fn callee(insn: &Insn, at: usize, places: &Places, functions: &[Function]) -> Option<usize> {
    let distance = match insn {
        Insn::CallLocal { off } | Insn::LoadWide { value: Wide::Function(off), .. } => *off,
        _ => return None,
    };
    let start = places.from(at, i64::from(distance))?;
    functions.iter().position(|function| function.start == start)
}

/// Every instruction can be reached, and none is followed by another function's or by nothing.
pub(super) fn flow(insns: &[Insn], functions: &[Function]) -> Result<(), AsmError> {
    for (function, body) in ranges(functions, insns) {
        if body.last().is_none_or(Insn::falls_through) {
            return Err(AsmError::FallsOff { function: function.name.clone() });
        }
    }
    let reached = reached(insns, functions);
    match reached.iter().position(|reached| !reached) {
        None => Ok(()),
        Some(at) => {
            let function = function_at(functions, at).name.clone();
            Err(AsmError::Unreachable { function, insn: crate::disasm::bare(&insns[at]) })
        }
    }
}

fn reached(insns: &[Insn], functions: &[Function]) -> Vec<bool> {
    let places = Places::of(insns);
    let mut reached = vec![false; insns.len()];
    let mut open = vec![0];
    while let Some(at) = open.pop() {
        let Some(insn) = insns.get(at) else { continue };
        if std::mem::replace(&mut reached[at], true) {
            continue;
        }
        open.extend(insn.falls_through().then_some(at + 1));
        open.extend(insn.jump().and_then(|off| places.from(at, i64::from(off))));
        open.extend(callee(insn, at, &places, functions).map(|n| functions[n].start));
    }
    reached
}

/// Numbers in instructions that no kernel takes.
pub(super) fn operands(insns: &[Insn], functions: &[Function]) -> Result<(), AsmError> {
    for (at, insn) in insns.iter().enumerate() {
        let function = || function_at(functions, at).name.clone();
        if written(insn) == Some(Reg::R10) {
            return Err(AsmError::FramePointerWritten { function: function() });
        }
        let Insn::Alu { width, op, src: Operand::Imm(imm), .. } = *insn else { continue };
        let bits = if width == Width::W64 { 64 } else { 32 };
        if op.is_division() && imm == 0 {
            return Err(AsmError::DivisionByZero { function: function() });
        }
        if op.is_shift() && !(0..bits).contains(&imm) {
            return Err(AsmError::ShiftTooFar { function: function(), by: imm });
        }
    }
    Ok(())
}

/// The register that an instruction other than a call gives a new value.
fn written(insn: &Insn) -> Option<Reg> {
    match *insn {
        Insn::Alu { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::SignExtend { dst, .. }
        | Insn::ByteOrder { dst, .. }
        | Insn::LoadWide { dst, .. }
        | Insn::Load { dst, .. } => Some(dst),
        Insn::Atomic { op: AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor, .. } => None,
        Insn::Atomic { op: AtomicOp::CompareExchange, .. } => Some(Reg::R0),
        Insn::Atomic { src, .. } => Some(src),
        _ => None,
    }
}

/// Every map is there, and addresses of values are inside an array's only value.
pub(super) fn maps(insns: &[Insn], maps: &Maps) -> Result<(), AsmError> {
    for insn in insns {
        let Insn::LoadWide { value: Wide::Map(map) | Wide::MapValue { map, .. }, .. } = *insn else { continue };
        let spec = maps.get(MapId(map)).ok_or(AsmError::UnknownMap { map: MapId(map) })?;
        let Insn::LoadWide { value: Wide::MapValue { offset, .. }, .. } = *insn else { continue };
        if spec.kind != MapKind::Array || spec.entries != Entries::Fixed(1) {
            return Err(AsmError::NoSingleValue { map: spec.name.clone() });
        }
        if offset >= spec.value_size {
            return Err(AsmError::BeyondValue { map: spec.name.clone(), offset });
        }
    }
    Ok(())
}

/// Finds out how much stack each function uses, and whether that is too much for it or for a chain of calls.
pub(super) fn stack(insns: &[Insn], functions: &mut [Function]) -> Result<(), AsmError> {
    let depths: Result<Vec<u32>, AsmError> = ranges(functions, insns).map(|(f, body)| depth(&f.name, body)).collect();
    for (function, depth) in functions.iter_mut().zip(depths?) {
        function.stack = depth;
    }
    let places = Places::of(insns);
    let mut calls = vec![Vec::new(); functions.len()];
    for (at, insn) in insns.iter().enumerate() {
        if let Some(callee) = callee(insn, at, &places, functions) {
            let caller = functions.partition_point(|function| function.start <= at).saturating_sub(1);
            calls[caller].push(callee);
        }
    }
    calls.iter_mut().for_each(|callees| {
        callees.sort_unstable();
        callees.dedup();
    });
    chain(0, &calls, functions, &mut Vec::new())
}

/// Follows every chain of calls. Chains are at most eight long, so their number is small.
fn chain(at: usize, calls: &[Vec<usize>], functions: &[Function], above: &mut Vec<usize>) -> Result<(), AsmError> {
    if above.contains(&at) {
        return Err(AsmError::CallsItself { function: functions[at].name.clone() });
    }
    above.push(at);
    let names = || above.iter().map(|&n| functions[n].name.as_str()).collect::<Vec<_>>().join(" → ");
    let bytes = above.iter().map(|&n| functions[n].stack.max(1).next_multiple_of(FRAME_UNIT)).sum();
    if above.len() > MAX_FRAMES {
        return Err(AsmError::CallsTooDeep { chain: names() });
    }
    if bytes > MAX_STACK {
        return Err(AsmError::StackChainTooDeep { chain: names(), bytes });
    }
    for &callee in &calls[at] {
        chain(callee, calls, functions, above)?;
    }
    above.pop();
    Ok(())
}

/// The deepest byte that a function uses: by accesses off `r10` and by addresses made of it.
fn depth(function: &str, body: &[Insn]) -> Result<u32, AsmError> {
    let mut deepest = 0;
    for (at, insn) in body.iter().enumerate() {
        let made = at.checked_sub(1).and_then(|before| frame_address(&body[before], insn));
        let Some((offset, size)) = frame_access(insn).or(made) else { continue };
        let function = || function.to_owned();
        if !(-(MAX_STACK as i32)..=-size).contains(&offset) {
            return Err(AsmError::StackTooDeep { function: function(), offset });
        }
        if offset % size != 0 {
            return Err(AsmError::StackMisaligned { function: function(), offset });
        }
        deepest = deepest.max(offset.unsigned_abs());
    }
    Ok(deepest)
}

fn frame_access(insn: &Insn) -> Option<(i32, i32)> {
    let (size, off) = match *insn {
        Insn::Load { size, base: Reg::R10, off, .. } | Insn::Store { size, base: Reg::R10, off, .. } => (size, off),
        Insn::Atomic { width: Width::W32, base: Reg::R10, off, .. } => (Size::U32, off),
        Insn::Atomic { width: Width::W64, base: Reg::R10, off, .. } => (Size::U64, off),
        _ => return None,
    };
    Some((i32::from(off), size.bytes() as i32))
}

/// `rN = r10; rN += offset`.
fn frame_address(before: &Insn, insn: &Insn) -> Option<(i32, i32)> {
    let (width, op) = (Width::W64, AluOp::Mov);
    match (*before, *insn) {
        (
            Insn::Alu { width: w, op: o, dst: a, src: Operand::Reg(Reg::R10) },
            Insn::Alu { width: Width::W64, op: AluOp::Add, dst: b, src: Operand::Imm(offset) },
        ) if (w, o, a) == (width, op, b) => Some((offset, 1)),
        _ => None,
    }
}
