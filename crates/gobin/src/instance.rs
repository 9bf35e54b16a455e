//! Where calls begin that the compiler replaced by the callee's code: an instruction that runs exactly once for each.
//!
//! The function table says of each instruction which inlined call it came from, and the compiler moves instructions about.
//! What it must not do tells which of them are where the call is:
//!
//! * **Marks.** Where a call was, cmd/compile leaves a mark, so that tracebacks find the line; if no other instruction has
//!   that line, the mark is a `nop` of its own. It stays in its block. From Go 1.26 on it may be worked out in advance
//!   together with a value that a conditional move then takes or not; blocks with such instructions are refused.
//! * **What is bound.** Writes to memory, calls, and branches are neither moved out of their block nor done in vain. The
//!   block that all of the call's code runs through first (dominates it) is where the call begins, if something of the
//!   call is bound to it. A block that is jumped back to may run more than once in a call, and is refused.
//!
//! All else is refused: a sum or a load may have been moved to where its value is used, or out of a loop (Go 1.27), or be
//! shared with others. Follows cmd/compile/internal/ssa (tighten.go, branchelim.go, licm.go) and ssagen (inline marks).

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use crate::addr::VAddr;
use crate::elf::Arch;
use crate::insn::{self, Class, Effect, Flow, Insn, Undecodable};
use crate::pclntab::InlinedCall;

mod ends;

pub(crate) use ends::STOPPING;
pub use ends::{Endless, LEVELS};

/// A function whose code contains inlined calls.
pub(crate) struct Around<'a> {
    pub arch: Arch,
    pub entry: VAddr,
    pub bytes: &'a [u8],
    /// Its inline tree.
    pub calls: Vec<InlinedCall<'a>>,
    /// From which call each instruction came, up to the offset that goes with it.
    pub steps: Vec<(i32, u32)>,
    /// Functions that never return.
    pub stops: &'a HashSet<VAddr>,
}

/// Why it is not known where an inlined call begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unclear {
    /// Only amd64's instructions are looked at closely enough.
    Machine,
    /// Some bytes of the function around it are no instruction.
    Undecodable(Undecodable),
    /// The function around it jumps by a table, so that it is not known what runs after what.
    Table,
    /// Nothing is left of it.
    Gone,
    /// All that is left of it may have been moved.
    Moved,
    /// It may be worked out where nobody calls it.
    InAdvance,
    /// It begins where a loop does.
    Loop,
    /// Its code begins in several places.
    Scattered,
    /// The kernel refuses the instruction there.
    Unprobeable(insn::Unprobeable),
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclear::Machine => f.write_str("where inlined calls begin is known on amd64 only"),
            Unclear::Undecodable(bytes) => bytes.fmt(f),
            Unclear::Table => f.write_str("the function around it jumps by a table"),
            Unclear::Gone => f.write_str("no instruction is left of it"),
            Unclear::Moved => {
                f.write_str("nothing of it is bound to its place, so its code may run where it is not called")
            }
            Unclear::InAdvance => f.write_str("the compiler may have it worked out whether it is called or not"),
            Unclear::Loop => {
                f.write_str("it begins with a loop, so its first instruction may run more than once in a call")
            }
            Unclear::Scattered => f.write_str("its code begins in several places"),
            Unclear::Unprobeable(why) => why.fmt(f),
        }
    }
}

/// An instruction that runs once for each call, where it begins or where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    /// How far behind the first byte of the function around it.
    pub offset: u32,
    /// What a probe costs there.
    pub class: Class,
}

/// A straight line of instructions: all run if the first one does.
struct Block {
    /// Its instructions, by their numbers.
    from: usize,
    to: usize,
    next: Vec<usize>,
    before: Vec<usize>,
}

/// The function, decoded.
pub(crate) struct Decoded<'a> {
    around: Around<'a>,
    insns: Vec<Insn>,
    blocks: Vec<Block>,
    /// For each block the nearest other one that everything runs through on the way to it; itself for the first one.
    /// `None` where nothing leads to.
    over: Vec<Option<usize>>,
    /// Each block's place in an order in which blocks come before those that they lead to, but for jumps back.
    rank: Vec<usize>,
    has_table: bool,
    /// For each call its instructions, and those of calls within it, by their numbers.
    own: Vec<Vec<u32>>,
    /// Instructions that stand for calls, by offset.
    marks: HashSet<u32>,
}

impl<'a> Decoded<'a> {
    pub(crate) fn of(around: Around<'a>) -> Result<Decoded<'a>, Unclear> {
        if around.arch != Arch::Amd64 {
            return Err(Unclear::Machine);
        }
        let decoded: Result<Vec<Insn>, Undecodable> = insn::decode(around.arch, around.entry, around.bytes).collect();
        let insns = decoded.map_err(Unclear::Undecodable)?;
        let has_table = insns.iter().any(|i| i.flow == Flow::Switch);
        let (blocks, over, rank) = (Vec::new(), Vec::new(), Vec::new());
        let marks = around.calls.iter().map(|call| call.parent_pc).collect();
        let mut decoded = Decoded { around, insns, blocks, over, rank, has_table, own: Vec::new(), marks };
        decoded.split();
        decoded.find_dominators();
        decoded.own = decoded.instructions_of_calls();
        Ok(decoded)
    }

    fn inside(&self, target: VAddr) -> Option<usize> {
        let offset = u32::try_from(target.since(self.around.entry)?).ok()?;
        self.insns.binary_search_by_key(&offset, |i| i.at).ok()
    }

    fn target(&self, insn: &Insn) -> Option<usize> {
        match insn.flow {
            Flow::Jump(to) | Flow::Branch(to) => self.inside(to),
            _ => None,
        }
    }

    fn split(&mut self) {
        let mut leaders = BTreeSet::from([0]);
        for (n, insn) in self.insns.iter().enumerate() {
            leaders.extend(self.target(insn));
            if !matches!(insn.flow, Flow::Next | Flow::Call(_) | Flow::IndirectCall) {
                leaders.insert(n + 1);
            }
        }
        leaders.remove(&self.insns.len());
        let starts: Vec<usize> = leaders.into_iter().collect();
        let ends = starts.iter().copied().skip(1).chain([self.insns.len()]);
        let block = |at: usize| starts.binary_search(&at).ok();
        let made = starts.iter().copied().zip(ends).filter(|(from, to)| from < to).map(|(from, to)| {
            let last = &self.insns[to - 1];
            let falls = matches!(last.flow, Flow::Next | Flow::Call(_) | Flow::IndirectCall | Flow::Branch(_));
            let on = if falls { block(to) } else { None };
            let next = self.target(last).and_then(block).into_iter().chain(on).collect();
            Block { from, to, next, before: Vec::new() }
        });
        let mut blocks: Vec<Block> = made.collect();
        for n in 0..blocks.len() {
            for next in blocks[n].next.clone() {
                blocks[next].before.push(n);
            }
        }
        self.blocks = blocks;
    }

    /// The algorithm of Cooper, Harvey and Kennedy.
    fn find_dominators(&mut self) {
        let order = self.in_order();
        self.rank = vec![usize::MAX; self.blocks.len()];
        order.iter().enumerate().for_each(|(n, &block)| self.rank[block] = n);
        self.over = vec![None; self.blocks.len()];
        let Some((&first, others)) = order.split_first() else { return };
        self.over[first] = Some(first);
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for &block in others {
                let known = self.blocks[block].before.iter().copied().filter(|&b| self.over[b].is_some());
                let new = known.reduce(|a, b| self.meet(a, b));
                changed |= new != self.over[block];
                self.over[block] = new;
            }
        }
    }

    /// The nearest block that both come through; each of the two may be it.
    fn meet(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            let later = if self.rank[a] > self.rank[b] { &mut a } else { &mut b };
            match self.over[*later] {
                Some(up) if up != *later => *later = up,
                _ => break,
            }
        }
        if self.rank[a] < self.rank[b] { a } else { b }
    }

    /// The blocks that something leads to, each before those that it leads to, but for jumps back.
    fn in_order(&self) -> Vec<usize> {
        let mut seen = vec![false; self.blocks.len()];
        let (mut order, mut open) = (Vec::new(), Vec::new());
        if !self.blocks.is_empty() {
            seen[0] = true;
            open.push((0, 0));
        }
        while let Some((block, n)) = open.pop() {
            match self.blocks[block].next.get(n) {
                Some(&next) => {
                    open.push((block, n + 1));
                    if !std::mem::replace(&mut seen[next], true) {
                        open.push((next, 0));
                    }
                }
                None => order.push(block),
            }
        }
        order.reverse();
        order
    }

    /// Whether everything on the way to `block` runs through `over`; nothing if nothing leads there.
    fn dominates(&self, over: usize, block: usize) -> bool {
        self.over[block].is_some() && self.meet(over, block) == over
    }

    fn block_of(&self, insn: usize) -> usize {
        self.blocks.partition_point(|block| block.from <= insn).saturating_sub(1)
    }

    /// From which call an instruction came.
    fn owner(&self, insn: &Insn) -> Option<usize> {
        let steps = &self.around.steps;
        let (index, _) = steps.get(steps.partition_point(|&(_, end)| end <= insn.at))?;
        usize::try_from(*index).ok()
    }

    /// For each call its instructions. A call stands in one that has a lower number, but in damage.
    fn instructions_of_calls(&self) -> Vec<Vec<u32>> {
        let mut own = vec![Vec::new(); self.around.calls.len()];
        let up = |&n: &usize| self.around.calls.get(n)?.parent.map(|up| up as usize).filter(|&up| up < n);
        for (n, insn) in (0..).zip(&self.insns) {
            for call in std::iter::successors(self.owner(insn), up).take(MOST_NESTED) {
                own.get_mut(call).into_iter().for_each(|own| own.push(n));
            }
        }
        own
    }

    fn effect(&self, insn: &Insn) -> Effect {
        let at = insn.at as usize;
        let bytes = self.around.bytes.get(at..).unwrap_or_default();
        insn::effect(self.around.arch, self.around.entry.plus(u64::from(insn.at)), bytes)
    }

    /// Whether an instruction is in its block because its call is.
    fn is_bound(&self, insn: &Insn) -> bool {
        match insn.flow {
            Flow::Branch(_) | Flow::Call(_) | Flow::IndirectCall => true,
            Flow::Next => self.effect(insn) == Effect::Writes,
            _ => false,
        }
    }

    /// The instructions, each of which runs once for each call of that number: from where it begins to its first own one.
    /// The first of them is the best but for what is known of arguments there.
    pub(crate) fn beginnings(&self, call: u32) -> Result<Vec<Point>, Unclear> {
        let call = call as usize;
        let own: Vec<usize> = self.own.get(call).into_iter().flatten().map(|&n| n as usize).collect();
        let (start, block) = match self.mark(call) {
            Some(mark) => (mark, self.marked(mark, &own)?),
            None => self.bound(&own)?,
        };
        let line = start..self.blocks[block].to;
        let first_own = own.iter().copied().find(|n| line.contains(n)).unwrap_or(start);
        let straight = (start..first_own).take_while(|&n| !self.calls(n)).count();
        let mut refused = Unclear::Gone;
        let mut all = Vec::new();
        for insn in &self.insns[start..=start + straight] {
            let bytes = self.around.bytes.get(insn.at as usize..).unwrap_or_default();
            match insn::price(self.around.arch, bytes) {
                Ok(class) => all.push(Point { offset: insn.at, class }),
                Err(why) => refused = Unclear::Unprobeable(why),
            }
        }
        if all.is_empty() { Err(refused) } else { Ok(all) }
    }

    /// The `nop` that stands for a call, if that is what does.
    fn mark(&self, call: usize) -> Option<usize> {
        let at = self.around.calls.get(call)?.parent_pc;
        let shared = self.around.calls.iter().filter(|c| c.parent_pc == at).count() > 1;
        let n = self.insns.binary_search_by_key(&at, |i| i.at).ok()?;
        let insn = &self.insns[n];
        (!shared && insn.len == 1 && self.effect(insn) == Effect::Nothing).then_some(n)
    }

    /// The block of a mark.
    fn marked(&self, mark: usize, own: &[usize]) -> Result<usize, Unclear> {
        let block = self.block_of(mark);
        let behind = mark..self.blocks[block].to;
        let mut bound = own.iter().filter(|&&n| self.is_bound(&self.insns[n])).peekable();
        let here = bound.peek().is_some_and(|n| behind.contains(n));
        let chooses = || self.insns[behind.clone()].iter().any(|insn| self.effect(insn) == Effect::Chooses);
        if !here && chooses() {
            return Err(Unclear::InAdvance);
        }
        let elsewhere = |n: &usize| self.over[self.block_of(*n)].is_some() && !self.dominates(block, self.block_of(*n));
        if !self.has_table && bound.any(elsewhere) { Err(Unclear::Scattered) } else { Ok(block) }
    }

    /// The block that all code of a call runs through first, and its first instruction of the call.
    fn bound(&self, own: &[usize]) -> Result<(usize, usize), Unclear> {
        if self.has_table {
            return Err(Unclear::Table);
        }
        let mut blocks: BTreeSet<usize> = own.iter().map(|&n| self.block_of(n)).collect();
        blocks.retain(|&block| self.over[block].is_some());
        if blocks.is_empty() {
            return Err(Unclear::Gone);
        }
        let first = blocks.iter().copied().reduce(|a, b| self.meet(a, b));
        let block = first.filter(|first| blocks.contains(first)).ok_or(Unclear::Scattered)?;
        let here = |n: &&usize| self.block_of(**n) == block;
        let bound = own.iter().filter(here).copied().find(|&n| self.is_bound(&self.insns[n])).ok_or(Unclear::Moved)?;
        if self.blocks[block].before.iter().any(|&before| self.dominates(block, before)) {
            return Err(Unclear::Loop);
        }
        // What stands before another call may have been put there, and that call need not come back.
        let calls = (self.blocks[block].from..bound).rev().take_while(|&n| !self.calls(n));
        let first = own.iter().copied().find(|n| calls.clone().any(|c| c == *n)).unwrap_or(bound);
        Ok((first, block))
    }

    fn calls(&self, insn: usize) -> bool {
        matches!(self.insns[insn].flow, Flow::Call(_) | Flow::IndirectCall)
    }
}

/// Calls nest no deeper in each other.
const MOST_NESTED: usize = 64;
