//! What a limit holds back: only so many hits of a probe in a second, or one out of so many.
//!
//! It is asked for behind the predicate, so that it bounds what is shown, and it counts what it refuses. Where calls are
//! paired the entry notes in the frame what became of it, and the return follows: both are shown, or none.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Entries, Helper, Label, MapError, MapId, MapSpec, Maps};

use super::body::{Code, HIT, R0, R1, R2};
use super::hit;
use plan::{Plan, Prelude, Recording};
use program::frames::FRAME_FLAGS;

/// What is held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restraint {
    /// More hits than that in a second.
    pub rate: Option<u32>,
    /// All but one in so many, chosen at random.
    pub sample: Option<u32>,
}

/// In a frame's flags: the call was shown.
const SHOWN: i32 = 1 << 5;
/// It was held back.
const HELD: i32 = 1 << 6;

/// In a value of the map, `u64`: the second, since boot; behind it, `u64`: how many hits it has had.
const SECOND: i32 = 0;
const HITS: i32 = 8;

impl Restraint {
    /// Whether anything is.
    #[must_use]
    pub fn any(&self) -> bool {
        self.rate.is_some() || self.sample.is_some()
    }

    /// Whether it applies to code that runs on that: where places in programs are hit.
    #[must_use]
    pub fn applies(prelude: Prelude) -> bool {
        match prelude {
            Prelude::GoEntry
            | Prelude::GoInlined
            | Prelude::GoReturn
            | Prelude::GoCode
            | Prelude::NativeCode
            | Prelude::NativeReturn => true,
            Prelude::Tracepoint
            | Prelude::Profile
            | Prelude::Interval
            | Prelude::Once
            | Prelude::Goroutine(_)
            | Prelude::Syscall(_) => false,
        }
    }

    /// The map of rates, by attach point.
    pub(super) fn table(self, plan: &Plan, maps: &mut Maps) -> Result<Option<MapId>, MapError> {
        let points = Entries::Fixed(plan.points.len().max(1) as u32);
        self.rate.map(|_| maps.add(MapSpec::array("rates", 16, points))).transpose()
    }
}

impl Code<'_, '_> {
    /// Whether hits of this code may be held back. Of recorded calls those are whose beginnings are.
    pub(super) fn is_restrained(&self) -> bool {
        let follows = self.subject.records().is_some_and(Recording::ends);
        let ours = self.shared.plan.points.iter().any(|point| point.ours && point.clause == self.subject.body.clause);
        self.shared.options.restraint.any() && Restraint::applies(self.subject.body.prelude) && !follows && !ours
    }

    /// On to `held` with what is held back.
    pub(super) fn restrain(&mut self, held: Label) {
        self.asm.comment("held back?");
        let Restraint { rate, sample } = self.shared.options.restraint;
        let (refused, shown) = (self.asm.label("refused"), self.asm.label("not_held"));
        let (enters, leaves) = self.pairs();
        if leaves {
            self.follow_the_entry(held, shown);
        }
        if let Some(one_in) = sample {
            self.asm.helper(Helper::GET_PRANDOM_U32).number(R1, u64::from(one_in)).alu(AluOp::Mod, R0, R1);
            self.asm.jump_if(Cond::Ne, R0, 0, refused);
        }
        if let (Some(most), Some(rates)) = (rate, self.shared.maps.rates) {
            self.only_so_many(most, rates, refused);
        }
        if enters {
            self.note(SHOWN);
        }
        self.asm.jump(shown).place(refused);
        if enters {
            self.note(HELD);
        }
        self.asm.jump(held).place(shown);
    }

    /// Whether this begins, or ends, calls that have frames.
    fn pairs(&self) -> (bool, bool) {
        let paired = self.shared.tables.frames.is_some();
        (
            paired && self.subject.body.prelude == Prelude::GoEntry,
            paired && self.subject.body.prelude == Prelude::GoReturn,
        )
    }

    /// What became of the entry, if there was code at it.
    fn follow_the_entry(&mut self, held: Label, shown: Label) {
        let own = self.asm.label("no_entry");
        self.asm.load(Size::U64, R1, HIT, hit::FRAME).jump_if(Cond::Eq, R1, 0, own);
        self.asm.load(Size::U32, R2, R1, FRAME_FLAGS).mov(R0, R2);
        self.asm.alu(AluOp::And, R0, SHOWN).jump_if(Cond::Ne, R0, 0, shown);
        self.asm.alu(AluOp::And, R2, HELD).jump_if(Cond::Ne, R2, 0, held).place(own);
    }

    /// Keeps in the frame what became of this entry.
    fn note(&mut self, what: i32) {
        let none = self.asm.label("no_frame");
        self.asm.load(Size::U64, R1, HIT, hit::FRAME).jump_if(Cond::Eq, R1, 0, none);
        self.asm.load(Size::U32, R2, R1, FRAME_FLAGS).alu(AluOp::Or, R2, what);
        self.asm.store(Size::U32, R1, FRAME_FLAGS, R2).place(none);
    }

    /// Threads that begin a second at the same moment may let a few more through.
    fn only_so_many(&mut self, most: u32, rates: MapId, refused: Label) {
        let (key, same) = (self.fault, self.asm.label("same_second"));
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).number(R1, 1_000_000_000).alu(AluOp::Div, R0, R1);
        let second = self.keep();
        self.asm.load(Size::U32, R1, HIT, hit::POINT).store(Size::U32, key.base, key.off, R1).map(R1, rates);
        self.address(R2, key);
        self.asm.helper(Helper::MAP_LOOKUP_ELEM).jump_if(Cond::Eq, R0, 0, refused);
        self.asm.load(Size::U64, R1, second.base, second.off).load(Size::U64, R2, R0, SECOND);
        self.asm.jump_if(Cond::Eq, R1, R2, same);
        self.asm.store(Size::U64, R0, SECOND, R1).store(Size::U64, R0, HITS, 0).place(same);
        self.asm.load(Size::U64, R1, R0, HITS).number(R2, u64::from(most)).jump_if(Cond::Ge, R1, R2, refused);
        self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, HITS, R1);
    }
}
