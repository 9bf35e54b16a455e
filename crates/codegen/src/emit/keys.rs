//! The text's maps that hold plain values: keys, reading, writing, adding, deleting.

use bpf::Helper;
use bpf::insn::{AtomicOp, Cond, Size, Width};
use bpf::{Feature, MapId};
use event::{Fields, MapSchema, MapValue};

use super::Refused;
use super::body::{Code, R0, R1, R2, R3, R4, RECORD};
use super::memory::Place;
use plan::{Expr, MapNo, Type};

/// `BPF_ANY`, `BPF_NOEXIST`.
const ANY: i32 = 0;
const NEW: i32 = 1;

impl<'p> Code<'_, 'p> {
    pub(super) fn described(&self, map: MapNo) -> Result<MapSchema, Refused> {
        match self.shared.schema.map(event::MapIndex(map.0)) {
            Some(schema) => Ok(schema.clone()),
            None => self.refuse(format!("the plan has no map {}", map.0)),
        }
    }

    /// The layout of a map's plain values.
    pub(super) fn plain_fields(&self, map: MapNo) -> Result<Fields, Refused> {
        match self.described(map)?.value {
            MapValue::Plain(fields) if fields.shapes.len() == 1 => Ok(fields),
            _ => self.refuse("this map holds no plain values"),
        }
    }

    fn planned(&self, map: MapNo) -> Result<&'p plan::Map, Refused> {
        match self.shared.plan.maps.get(map.index()) {
            Some(map) => Ok(map),
            None => self.refuse(format!("the plan has no map {}", map.0)),
        }
    }

    /// Builds a key, with 0 for a bucket's number. The fault of the value that is being computed stays as it is.
    pub(super) fn key(&mut self, map: MapNo, parts: &[Expr]) -> Result<Place, Refused> {
        let described = self.described(map)?;
        let types: Vec<&Type> = self.planned(map)?.key.iter().collect();
        if types.len() != parts.len() {
            return self.refuse(format!(
                "{} takes {} parts of a key, not {}",
                described.name,
                types.len(),
                parts.len()
            ));
        }
        let place = self.memory.take(described.key_size());
        let parts: Vec<&Expr> = parts.iter().collect();
        let outer = self.fault;
        if described.key.faults {
            self.fault = self.memory.take(8);
        }
        self.write_fields(&parts, &types, &described.key, place)?;
        self.fault = outer;
        match described.bucket_offset() {
            Some(at) => self.zero(place.plus(at), 8),
            None if !described.is_keyed() => self.zero(place, 8),
            None => {}
        }
        Ok(place)
    }

    /// `R0 =` the address of the value, or 0.
    pub(super) fn look_up(&mut self, map: MapId, key: Place) {
        self.asm.map(R1, map);
        self.address(R2, key);
        self.asm.helper(Helper::MAP_LOOKUP_ELEM);
    }

    /// `R0 =` 0, or an error.
    pub(super) fn update(&mut self, map: MapId, key: Place, value: Place, flags: i32) {
        self.asm.map(R1, map);
        self.address(R2, key);
        self.address(R3, value);
        self.asm.mov(R4, flags).helper(Helper::MAP_UPDATE_ELEM);
    }

    /// Counts an entry that did not fit into its map.
    pub(super) fn dropped(&mut self, map: MapNo) {
        let (slot, done) = (self.memory.take(8), self.asm.label("dropped"));
        let entry = self.shared.tables.drops + map.0;
        self.asm.store(Size::U32, slot.base, slot.off, entry as i32);
        self.look_up(self.shared.tables.counters, slot);
        self.asm.jump_if(Cond::Eq, R0, 0, done);
        self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, 0, R1).place(done);
    }

    /// `R0 =` the number under a key, 0 if there is none.
    pub(super) fn map_number(&mut self, map: MapNo, key: &[Expr]) -> Result<(), Refused> {
        let fields = self.plain_fields(map)?;
        let id = self.user_map(map)?;
        let key = self.key(map, key)?;
        let none = self.asm.label("none");
        self.look_up(id, key);
        self.asm.jump_if(Cond::Eq, R0, 0, none);
        // R0 is the address first and the number then.
        self.load_kept(Place::at(R0, 0), fields.faults);
        self.asm.place(none);
        Ok(())
    }

    /// The value under a key with its word of faults, zeros if there is none.
    pub(super) fn map_copy(&mut self, map: MapNo, key: &[Expr], to: Place, bytes: usize) -> Result<(), Refused> {
        let id = self.user_map(map)?;
        let key = self.key(map, key)?;
        let (none, done) = (self.asm.label("none"), self.asm.label("copied"));
        self.look_up(id, key);
        self.asm.jump_if(Cond::Eq, R0, 0, none);
        self.copy(Place::at(R0, 0), to, bytes);
        self.asm.jump(done).place(none);
        self.zero(to, bytes);
        self.asm.place(done);
        Ok(())
    }

    pub(super) fn set_map(&mut self, map: MapNo, key: &[Expr], value: &Expr) -> Result<(), Refused> {
        let fields = self.plain_fields(map)?;
        let id = self.user_map(map)?;
        let plan::MapValue::Plain(ty) = &self.planned(map)?.value else {
            return self.refuse("this map holds no plain values");
        };
        let place = self.memory.take(fields.size());
        self.write_fields(&[value], &[ty], &fields, place)?;
        let key = self.key(map, key)?;
        let done = self.asm.label("set");
        if fields.size() == 8 {
            self.overwrite(id, key, place, done);
        }
        self.update(id, key, place, ANY);
        self.asm.jump_if(Cond::Eq, R0, 0, done);
        self.dropped(map);
        self.asm.place(done);
        Ok(())
    }

    /// A word that is there already is written in place, at once for all readers.
    fn overwrite(&mut self, id: MapId, key: Place, value: Place, done: bpf::Label) {
        let new = self.asm.label("new");
        self.look_up(id, key);
        self.asm.jump_if(Cond::Eq, R0, 0, new);
        self.asm.load(Size::U64, R1, value.base, value.off).store(Size::U64, R0, 0, R1).jump(done).place(new);
    }

    /// `@m[k] += n`; `R0 =` the value before or after, if asked for.
    pub(super) fn map_add(&mut self, map: MapNo, key: &[Expr], by: &Expr, before: Option<bool>) -> Result<(), Refused> {
        let fields = self.plain_fields(map)?;
        let id = self.user_map(map)?;
        self.number(by)?;
        let added = self.keep();
        let key = self.key(map, key)?;
        let fresh = self.memory.take(fields.size());
        let (found, done) = (self.asm.label("found"), self.asm.label("added"));
        self.look_up(id, key);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.zero(fresh, fields.size());
        self.copy(added, fresh.plus(fields.start()), 8);
        self.update(id, key, fresh, NEW);
        let lost = self.asm.label("raced");
        self.asm.jump_if(Cond::Ne, R0, 0, lost);
        self.result_of_add(added, before);
        self.asm.jump(done).place(lost);
        // Another CPU may have been faster, or the map is full.
        self.look_up(id, key);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.dropped(map);
        self.asm.mov(R0, 0).jump(done).place(found);
        self.add_at(fields.start() as i32, added, before);
        self.asm.place(done);
        Ok(())
    }

    /// The value of an addition to nothing.
    fn result_of_add(&mut self, added: Place, before: Option<bool>) {
        match before {
            Some(false) => self.asm.load(Size::U64, R0, added.base, added.off),
            _ => self.asm.mov(R0, 0),
        };
    }

    /// Adds at `R0 + off`; `R0 =` the value before or after, if asked for.
    fn add_at(&mut self, off: i32, added: Place, before: Option<bool>) {
        self.asm.load(Size::U64, R1, added.base, added.off);
        let Some(before) = before else {
            self.asm.atomic(AtomicOp::Add, Width::W64, R0, off, R1);
            return;
        };
        if self.shared.caps.has(Feature::Atomics) {
            self.asm.atomic(AtomicOp::FetchAdd, Width::W64, R0, off, R1).mov(R0, R1);
        } else {
            self.asm.load(Size::U64, R2, R0, off).atomic(AtomicOp::Add, Width::W64, R0, off, R1).mov(R0, R2);
        }
        if !before {
            self.asm.load(Size::U64, R1, added.base, added.off).add(R0, R1);
        }
    }

    /// `delete(@m[k])`: of a histogram all buckets.
    pub(super) fn delete(&mut self, map: MapNo, key: &[Expr]) -> Result<(), Refused> {
        let described = self.described(map)?;
        let id = self.user_map(map)?;
        let key = self.key(map, key)?;
        let (Some(at), Some(scale)) = (described.bucket_offset(), described.value.scale()) else {
            self.delete_at(id, key);
            return Ok(());
        };
        let (again, bucket, turn) = (self.asm.label("bucket"), key.plus(at), self.loops.start(self.asm));
        self.asm.mov(RECORD, 0).place(again).store(Size::U64, bucket.base, bucket.off, RECORD);
        self.delete_at(id, key);
        self.asm.add(RECORD, 1).jump_if(Cond::Lt, RECORD, scale.buckets() as i32, again);
        self.loops.end(self.asm, turn, scale.buckets());
        Ok(())
    }

    fn delete_at(&mut self, map: MapId, key: Place) {
        self.asm.map(R1, map);
        self.address(R2, key);
        self.asm.helper(Helper::MAP_DELETE_ELEM);
    }
}
