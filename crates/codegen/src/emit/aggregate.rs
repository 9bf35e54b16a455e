//! What is added to a map of each CPU: `count()`, `sum(x)`, `hist(x)` and their like.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Feature, Label, MapId};
use event::bucket::Scale;
use event::schema::{Aggregate, extreme, tally};
use event::{MapSchema, MapValue};

use super::Refused;
use super::body::{Code, R0, R1, R2, R3, R4};
use super::memory::Place;
use plan::{Expr, MapNo};

/// `BPF_NOEXIST`.
const NEW: i32 = 1;
/// How often a word is exchanged before it is given up; each time but the last, another thread was faster.
const TRIES: i32 = 4;

impl Code<'_, '_> {
    /// A value that cannot be read is not added.
    pub(super) fn aggregate(&mut self, map: MapNo, key: &[Expr], value: Option<&Expr>) -> Result<(), Refused> {
        let described = self.described(map)?;
        let MapValue::PerCpu(aggregate) = described.value else {
            return self.refuse("this map holds plain values");
        };
        let id = self.user_map(map)?;
        let done = self.asm.label("aggregated");
        let value = match value {
            Some(value) => self.sure_number(value, done)?,
            None => self.memory.take(8),
        };
        let key = self.key(map, key)?;
        if let Some(scale) = aggregate.scale() {
            self.bucket_into(scale, &described, key, value)?;
        }
        self.value_of_this_cpu(map, id, key, aggregate.size(), done);
        self.add_to(map, aggregate, value);
        self.asm.place(done);
        Ok(())
    }

    /// A number in a slot; without one on to `none`.
    fn sure_number(&mut self, value: &Expr, none: Label) -> Result<Place, Refused> {
        if !self.is_tainted(value) {
            self.number(value)?;
            return Ok(self.keep());
        }
        self.zero(self.fault, 8);
        self.number(value)?;
        let slot = self.keep();
        self.asm.load(Size::U64, R1, self.fault.base, self.fault.off).jump_if(Cond::Ne, R1, 0, none);
        Ok(slot)
    }

    fn bucket_into(&mut self, scale: Scale, map: &MapSchema, key: Place, value: Place) -> Result<(), Refused> {
        let Some(at) = map.bucket_offset() else { return self.refuse("a histogram without a bucket in its key") };
        self.asm.load(Size::U64, R0, value.base, value.off);
        self.bucket(scale);
        let at = key.plus(at);
        self.asm.store(Size::U64, at.base, at.off, R0);
        Ok(())
    }

    /// `R0 =` the address of this CPU's value, made if need be; on to `done` if the map is full.
    fn value_of_this_cpu(&mut self, map: MapNo, id: MapId, key: Place, size: usize, done: Label) {
        let found = self.asm.label("found");
        let zero = self.memory.take(size);
        self.look_up(id, key);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.zero(zero, size);
        self.update(id, key, zero, NEW);
        self.look_up(id, key);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.dropped(map);
        self.asm.jump(done).place(found);
    }

    /// Adds to the value at `R0`.
    fn add_to(&mut self, map: MapNo, aggregate: Aggregate, value: Place) {
        match aggregate {
            Aggregate::Count | Aggregate::Hist(_) | Aggregate::Lhist(_) | Aggregate::Quantiles => self.add_one(0),
            Aggregate::Sum(_) => self.add_value(0, value),
            Aggregate::Avg(_) | Aggregate::Stats(_) => {
                self.add_one(tally::COUNT as i32);
                self.add_value(tally::TOTAL as i32, value);
            }
            Aggregate::Min(int) => self.keep_extreme(map, value, extreme::blank(true, int.signed)),
            Aggregate::Max(int) => self.keep_extreme(map, value, extreme::blank(false, int.signed)),
        }
    }

    fn add_one(&mut self, off: i32) {
        self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, off, R1);
    }

    fn add_value(&mut self, off: i32, value: Place) {
        self.asm.load(Size::U64, R1, value.base, value.off).atomic(AtomicOp::Add, Width::W64, R0, off, R1);
    }

    /// Keeps the greater of two words. From Linux 5.12 on the word is exchanged at once and looked at again until it is
    /// not less than ours, since another thread may have got the CPU between; who has to give up is counted. Before,
    /// programs on probes keep their CPU until they are done.
    fn keep_extreme(&mut self, map: MapNo, value: Place, blank: u64) {
        let (again, kept, set) = (self.asm.label("again"), self.asm.label("kept"), self.memory.take_word_of_stack());
        let at = extreme::VALUE as i32;
        self.asm.store(Size::U64, set.base, set.off, R0).mov(R3, R0).mov(R4, 0);
        self.asm.load(Size::U64, R1, value.base, value.off).number(R2, blank).alu(AluOp::Xor, R1, R2).place(again);
        let turn = self.loops.start(self.asm);
        self.asm.load(Size::U64, R0, R3, at).jump_if(Cond::Le, R1, R0, kept);
        if self.shared.caps.has(Feature::Atomics) {
            self.asm.atomic(AtomicOp::CompareExchange, Width::W64, R3, at, R1);
            self.asm.add(R4, 1).jump_if(Cond::Lt, R4, TRIES, again);
            self.loops.end(self.asm, turn, TRIES as u64);
            // The last exchange may have been ours.
            self.asm.load(Size::U64, R0, R3, at).jump_if(Cond::Le, R1, R0, kept);
            self.dropped(map);
        } else {
            self.asm.store(Size::U64, R3, at, R1);
        }
        self.asm.place(kept).load(Size::U64, R3, set.base, set.off);
        self.asm.store(Size::U64, R3, extreme::SET as i32, 1);
    }
}
