//! Where inlined calls end: instructions of which exactly one runs, and runs once, when nothing of the call is left to do.
//!
//! A call goes on as long as something bound to it may still run. What runs next where that is over is an end, if nothing
//! but the call leads there, none of the ends leads to another one or to itself unless by way of the next call, and nothing
//! runs meanwhile that is not the call's. What only computes may be done earlier or later: that takes no time to speak of.
//! Calls that panic do not come back: those are ended by whoever sees the frames go.

use std::collections::BTreeSet;
use std::fmt;

use super::{Block, Decoded, Point};
use crate::insn::{self, Flow, Unprobeable};

/// Functions of the runtime that never return to where they are called.
// +rtype func gopanic func(e any)
// +rtype func goPanicIndex func(x int, y int)
pub(crate) const STOPPING: [&str; 24] = [
    "runtime.gopanic",
    "runtime.panicBounds",
    "runtime.panicIndex",
    "runtime.panicIndexU",
    "runtime.panicSlice3Acap",
    "runtime.panicSlice3Alen",
    "runtime.panicSlice3B",
    "runtime.panicSlice3C",
    "runtime.panicSliceAcap",
    "runtime.panicSliceAcapU",
    "runtime.panicSliceAlen",
    "runtime.panicSliceAlenU",
    "runtime.panicSliceB",
    "runtime.panicSliceBU",
    "runtime.panicSliceConvert",
    "runtime.panicdivide",
    "runtime.panicdottypeE",
    "runtime.panicdottypeI",
    "runtime.panicmakeslicecap",
    "runtime.panicmakeslicelen",
    "runtime.panicnildottype",
    "runtime.panicshift",
    "runtime.panicwrap",
    "runtime.throw",
];

/// Why it is not seen how long an inlined call takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endless {
    /// The function around it jumps by a table, so that it is not known what runs after what.
    Table,
    /// It neither calls, nor branches, nor writes: it has no time of its own.
    Brief,
    /// Code of it, or of what is around it, stands among the other's.
    Mixed,
    /// Where it ends others come by, too, or it itself more than once.
    Shared,
    /// It ends nowhere but by panics.
    Never,
    /// SP is not where it was, or where is not known.
    Moved,
    /// It stands in too many others.
    Deep,
    /// The kernel refuses the instruction there.
    Unprobeable(Unprobeable),
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endless::Table => f.write_str("the function around it jumps by a table"),
            Endless::Brief => f.write_str("it only computes"),
            Endless::Mixed => f.write_str("its code and that around it are mixed"),
            Endless::Shared => f.write_str("where it ends others come by, too"),
            Endless::Never => f.write_str("it ends by panics only"),
            Endless::Moved => f.write_str("the stack pointer is another one where it ends"),
            Endless::Deep => f.write_str("it stands in too many other inlined calls"),
            Endless::Unprobeable(why) => why.fmt(f),
        }
    }
}

/// The calls within one another that are told apart: the frames of a function's callees are a word deeper.
pub const LEVELS: u8 = 7;

/// An inlined call's code.
struct Extent {
    /// The instruction where it begins, and its block.
    start: usize,
    first: usize,
    /// Its instructions, those that are bound to it, and the calls that it stands in.
    own: BTreeSet<usize>,
    bound: BTreeSet<usize>,
    around: Vec<usize>,
    /// The blocks at whose beginning something of it is still to come.
    open: BTreeSet<usize>,
}

impl Decoded<'_> {
    /// In how many inlined calls this one stands, itself among them.
    pub(crate) fn level(&self, call: u32) -> Option<u8> {
        let level = 1 + self.calls_around(call as usize).count();
        u8::try_from(level).ok().filter(|level| *level <= LEVELS)
    }

    fn calls_around(&self, call: usize) -> impl Iterator<Item = usize> {
        let up = |&n: &usize| self.around.calls.get(n)?.parent.map(|up| up as usize).filter(|&up| up < n);
        std::iter::successors(up(&call), up)
    }

    /// The instructions of which one runs once for each call that begins there and does not panic.
    pub(crate) fn ends(&self, call: u32, begins: &Point) -> Result<Vec<Point>, Endless> {
        if self.has_table {
            return Err(Endless::Table);
        }
        let of = self.extent(call as usize, begins)?;
        let ends = self.ends_of(&of, false).or_else(|why| self.ends_of(&of, true).or(Err(why)))?;
        let point = |&n: &usize| {
            let offset = self.insns[n].at;
            let bytes = self.around.bytes.get(offset as usize..).unwrap_or_default();
            let class = insn::price(self.around.arch, bytes).map_err(Endless::Unprobeable)?;
            Ok(Point { offset, class })
        };
        ends.iter().map(point).collect()
    }

    /// At once, or where its ways come together.
    fn ends_of(&self, of: &Extent, together: bool) -> Result<BTreeSet<usize>, Endless> {
        let mut ends = BTreeSet::new();
        for block in of.open.iter().copied().chain([of.first]) {
            ends.extend(self.ends_in(block, of, together)?);
        }
        if ends.is_empty() {
            return Err(Endless::Never);
        }
        self.are_apart(&ends, of)?;
        Ok(ends)
    }

    /// Where what runs of a block ends in a call that does not return.
    fn stop(&self, block: usize) -> Option<usize> {
        let stops = |n: &usize| matches!(self.insns[*n].flow, Flow::Call(to) if self.around.stops.contains(&to));
        Some((self.blocks[block].from..self.blocks[block].to).find(stops)? + 1)
    }

    fn extent(&self, call: usize, begins: &Point) -> Result<Extent, Endless> {
        let start = self.insns.binary_search_by_key(&begins.offset, |i| i.at).map_err(|_| Endless::Mixed)?;
        let first = self.block_of(start);
        let all = self.own.get(call).into_iter().flatten().map(|&n| n as usize);
        let own: BTreeSet<usize> = all.filter(|&n| self.over[self.block_of(n)].is_some()).collect();
        let bound: BTreeSet<usize> = own.iter().copied().filter(|&n| self.is_bound(&self.insns[n])).collect();
        if bound.is_empty() {
            return Err(Endless::Brief);
        }
        // What the call only computes may stand before it, but not where a call within it begins.
        let within = |n: usize| self.owner(&self.insns[n]) != Some(call) || self.marks.contains(&self.insns[n].at);
        if own.range(self.blocks[first].from..start).any(|&n| bound.contains(&n) || within(n)) {
            return Err(Endless::Mixed);
        }
        let mut open = BTreeSet::new();
        let mut todo: Vec<usize> = bound.iter().map(|&n| self.block_of(n)).collect();
        while let Some(block) = todo.pop() {
            if block == first || self.over[block].is_none() || !open.insert(block) {
                continue;
            }
            if !self.dominates(first, block) {
                return Err(Endless::Mixed);
            }
            todo.extend(self.blocks[block].before.iter().filter(|before| self.stop(**before).is_none()));
        }
        Ok(Extent { start, first, own, bound, around: self.calls_around(call).collect(), open })
    }

    /// Where a call ends that is in a block; nowhere if it goes on behind it whatever happens, or stops there.
    fn ends_in(&self, block: usize, of: &Extent, together: bool) -> Result<Vec<usize>, Endless> {
        let Block { from, to, next, .. } = &self.blocks[block];
        let stop = self.stop(block);
        let from = if block == of.first { of.start } else { *from };
        let to = stop.unwrap_or(*to).max(from);
        let goes_on = stop.is_none() && next.iter().any(|next| of.open.contains(next));
        let last = of.bound.range(from..to).next_back().map_or(from, |n| n + 1);
        let is_clear = |from: usize, to: usize| (from..to).all(|n| of.own.contains(&n) || !self.is_foreign(n, of));
        let until = if goes_on || together && is_clear(last, to) { to } else { last };
        if !is_clear(from, until) {
            return Err(Endless::Mixed);
        }
        if stop.is_some() {
            return Ok(Vec::new());
        }
        if until < to {
            return Ok(vec![until]);
        }
        Ok(next.iter().filter(|next| !of.open.contains(next)).map(|&next| self.blocks[next].from).collect())
    }

    /// Whether an instruction that is not the call's does something, or belongs to a call beside it.
    fn is_foreign(&self, n: usize, of: &Extent) -> bool {
        let insn = &self.insns[n];
        let beside = |owner: usize| !of.around.contains(&owner);
        let begins = n != of.start && self.marks.contains(&insn.at);
        begins || !matches!(insn.flow, Flow::Next | Flow::Jump(_)) || self.owner(insn).is_some_and(beside)
    }

    /// Nothing leads to an end but the block where calls begin, and from there on no second one comes.
    fn are_apart(&self, ends: &BTreeSet<usize>, of: &Extent) -> Result<(), Endless> {
        let first = of.first;
        let blocks: BTreeSet<usize> = ends.iter().map(|&n| self.block_of(n)).collect();
        let before = ends.range(self.blocks[first].from..=of.start).next().is_some();
        if before || blocks.len() < ends.len() || blocks.iter().any(|&block| !self.dominates(first, block)) {
            return Err(Endless::Shared);
        }
        let mut seen = BTreeSet::from([first]);
        let behind = |block: usize| self.blocks[block].next.iter().copied();
        let mut todo: Vec<usize> =
            blocks.iter().filter(|block| **block != first).flat_map(|&block| behind(block)).collect();
        while let Some(block) = todo.pop() {
            if block != first && blocks.contains(&block) {
                return Err(Endless::Shared);
            }
            if seen.insert(block) {
                todo.extend(behind(block));
            }
        }
        Ok(())
    }
}
