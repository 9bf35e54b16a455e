//! What maps are made of: the parts that lead from a map to its entries, for those that follow and those that decode.

use event::go::{GoMap, MapLayout, Slots, TypeRow};
use gobin::maps::{HEADER, LARGEST, Maps, SLOTS, buckets, swiss};
use gobin::types::TypeRef;

use super::build::{Builder, Listed, plain};
use program::capture::{Count, Kind, Mask, Op, flag};

/// Parts of a map are as deep as the map.
const INNER: u8 = flag::FREE | flag::NO_DEPTH;
/// Most tables of one map.
const TABLES: u16 = 8;
/// Bytes of a pointer.
const WORD: u64 = 8;

/// A part of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// What a map points at.
    SwissHeader { directory: TypeRow, group: TypeRow, size: u32 },
    /// A pointer to a table.
    Directory { table: TypeRow },
    /// A table.
    Table { group: TypeRow, size: u32 },
    /// What an older map points at.
    BucketsHeader { bucket: TypeRow, size: u32 },
    /// A group or bucket, with what goes through its entries.
    Entries { keys: TypeRow, elems: Option<TypeRow>, size: u32, overflow: Option<TypeRow> },
    /// The keys, the elements, or both, of one entry.
    Slot { key: Option<Held>, elem: Option<Held>, mask: Mask, stride: u32 },
}

/// A key or an element, as it lies in a group or bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    row: TypeRow,
    at: u32,
    /// Bytes, of the pointer if it is behind one.
    size: u64,
    align: u64,
    behind_pointer: bool,
}

impl Builder<'_> {
    /// How a map of these lies in memory. All parts have rows before any is gone through: a map may hold itself.
    pub(super) fn map(&mut self, binary: u32, key: TypeRef, elem: TypeRef) -> Option<GoMap> {
        let maps = self.target(binary)?.maps()?;
        let (key, elem) = (self.held(binary, key)?, self.held(binary, elem)?);
        let slots = slots(maps, key, elem);
        let (key, elem) = (Held { at: slots.keys, ..key }, Held { at: slots.elems, ..elem });
        let (header, layout) = match maps {
            Maps::Swiss { split } => self.swiss(binary, key, elem, slots, split),
            Maps::Buckets => self.buckets(binary, key, elem, slots),
        };
        Some(GoMap { key: key.row, elem: elem.row, header, layout, slots })
    }

    fn held(&mut self, binary: u32, at: TypeRef) -> Option<Held> {
        let (size, align) = self.extent(binary, at)?;
        let row = self.row(binary, at);
        let behind_pointer = size > LARGEST;
        let (size, align) = if behind_pointer { (WORD, WORD) } else { (size, align) };
        Some(Held { row, at: 0, size, align, behind_pointer })
    }

    fn swiss(&mut self, binary: u32, key: Held, elem: Held, slots: Slots, split: bool) -> (TypeRow, MapLayout) {
        let group = self.entries(binary, key, elem, slots, split, Mask::Group, false);
        let size = slots.size;
        let table = self.part(binary, "map table", swiss::TABLE as u32, Part::Table { group, size });
        let directory = self.part(binary, "map directory", WORD as u32, Part::Directory { table });
        let header = Part::SwissHeader { directory, group, size };
        let header = self.part(binary, "map header", HEADER as u32, header);
        (header, MapLayout::Swiss { directory, table, group })
    }

    fn buckets(&mut self, binary: u32, key: Held, elem: Held, slots: Slots) -> (TypeRow, MapLayout) {
        let size = slots.size;
        let bucket = self.entries(binary, key, elem, slots, true, Mask::Bucket, true);
        let header = self.part(binary, "map header", HEADER as u32, Part::BucketsHeader { bucket, size });
        (header, MapLayout::Buckets { bucket, size })
    }

    /// A group or bucket.
    #[allow(clippy::too_many_arguments, reason = "two callers, which say in what the two layouts differ")]
    fn entries(
        &mut self,
        binary: u32,
        key: Held,
        elem: Held,
        slots: Slots,
        apart: bool,
        mask: Mask,
        chained: bool,
    ) -> TypeRow {
        let mut slot = |key: Option<Held>, elem: Option<Held>, stride| {
            self.part(binary, "map slot", stride, Part::Slot { key, elem, mask, stride })
        };
        let (keys, elems) = match apart {
            true => (slot(Some(key), None, slots.key_stride), Some(slot(None, Some(elem), slots.elem_stride))),
            false => (slot(Some(key), Some(elem), slots.key_stride), None),
        };
        let name = if chained { "map bucket" } else { "map group" };
        let row = self.part(binary, name, slots.size, Part::Entries { keys, elems, size: slots.size, overflow: None });
        if chained {
            self.set_part(row, Part::Entries { keys, elems, size: slots.size, overflow: Some(row) });
        }
        row
    }

    /// Whether something in a part is followed.
    pub(super) fn part_leads_on(&mut self, part: Part) -> bool {
        match part {
            Part::Entries { overflow: Some(_), .. } => true,
            Part::Entries { keys, elems, .. } => self.leads_on(keys) || elems.is_some_and(|elems| self.leads_on(elems)),
            Part::Slot { key, elem, .. } => [key, elem].into_iter().flatten().any(|held| self.held_leads_on(held)),
            _ => true,
        }
    }

    fn held_leads_on(&mut self, held: Held) -> bool {
        held.size > 0 && (held.behind_pointer || self.leads_on(held.row))
    }

    /// How a part is gone through.
    pub(super) fn list_part(&mut self, part: Part) -> Listed {
        match part {
            Part::SwissHeader { directory, group, size } => {
                let only = Op { count: Count::Only, ..self.inner(swiss::DIRECTORY, group, size) };
                let tables = self.inner(swiss::DIRECTORY, directory, WORD as u32);
                let tables = Op { count: Count::Length, max: TABLES, ..tables };
                one_of(vec![only, tables], HEADER as u32)
            }
            Part::Directory { table } => {
                let table = self.inner(0, table, swiss::TABLE as u32);
                one_of(vec![Op { flags: table.flags | flag::VISIT, ..table }], WORD as u32)
            }
            Part::Table { group, size } => {
                let groups = self.inner(swiss::GROUPS, group, size);
                one_of(vec![Op { count: Count::Mask, max: self.most_of(size), ..groups }], swiss::TABLE as u32)
            }
            Part::BucketsHeader { bucket, size } => {
                let max = self.most_of(size);
                let now = Op { count: Count::Buckets, max, ..self.inner(buckets::BUCKETS, bucket, size) };
                let before = Op { count: Count::OldBuckets, max, ..self.inner(buckets::OLD_BUCKETS, bucket, size) };
                one_of(vec![now, before], HEADER as u32)
            }
            Part::Entries { keys, elems, size, overflow } => {
                let inside = [Some(keys), elems].into_iter().flatten();
                let mut ops: Vec<Op> = inside.filter_map(|row| self.inside(row)).collect();
                if let Some(bucket) = overflow {
                    let next = self.inner(u64::from(size) - WORD, bucket, size);
                    ops.push(Op { flags: next.flags | flag::VISIT, ..next });
                }
                one_of(ops, size)
            }
            Part::Slot { key, elem, mask, stride } => {
                let held = [key, elem].into_iter().flatten();
                Listed { ops: held.flat_map(|held| self.list_held(held)).collect(), mask, stride }
            }
        }
    }

    /// A pointer from one part to another one.
    fn inner(&mut self, at: u64, row: TypeRow, size: u32) -> Op {
        let flags = INNER | self.leaf(row);
        Op { size, row, flags, ..plain(at) }
    }

    /// The entries of a group or bucket.
    fn inside(&mut self, slots: TypeRow) -> Option<Op> {
        let leads = self.leads_on(slots);
        leads.then(|| {
            self.want(slots);
            Op { kind: Kind::Inside, max: SLOTS as u16, row: slots, ..plain(0) }
        })
    }

    fn list_held(&mut self, held: Held) -> Vec<Op> {
        let (at, mut ops) = (u64::from(held.at), Vec::new());
        if held.behind_pointer {
            let op = self.to(held.row, at);
            ops.extend(op.map(|op| Op { flags: op.flags | INNER, ..op }));
        } else {
            self.list(held.row, at, at + held.size, 0, &mut ops);
        }
        ops
    }

    /// How many groups or buckets of that size are read at once.
    fn most_of(&self, size: u32) -> u16 {
        let wanted = u32::from(self.limits.elements).div_ceil(SLOTS as u32) + 1;
        (self.chunk() / size.max(1)).min(wanted).max(1) as u16
    }
}

fn one_of(ops: Vec<Op>, size: u32) -> Listed {
    Listed { ops, mask: Mask::None, stride: size }
}

/// Where keys and elements are. The compiler lays groups and buckets out as structs.
fn slots(maps: Maps, key: Held, elem: Held) -> Slots {
    let (keys, align) = (swiss::KEYS, key.align.max(elem.align));
    // A struct that ends with nothing has a byte more, so that a pointer there points into it.
    let end = |elem_at: u64| if elem.size == 0 && key.size > 0 { elem_at + 1 } else { elem_at + elem.size };
    let (key_stride, elems, elem_stride, size) = match maps {
        Maps::Swiss { split: false } => {
            let elem_at = key.size.next_multiple_of(elem.align);
            let slot = end(elem_at).next_multiple_of(align);
            (slot, keys + elem_at, slot, keys + SLOTS * slot)
        }
        Maps::Swiss { split: true } => {
            let elems = (keys + SLOTS * key.size).next_multiple_of(elem.align);
            let size = if elem.size == 0 { elems + 1 } else { elems + SLOTS * elem.size };
            (key.size, elems, elem.size, size.next_multiple_of(align.max(WORD)))
        }
        Maps::Buckets => {
            let elems = keys + SLOTS * key.size;
            (key.size, elems, elem.size, (elems + SLOTS * elem.size).next_multiple_of(WORD) + WORD)
        }
    };
    Slots {
        keys: keys as u32,
        key_stride: key_stride as u32,
        key_behind_pointer: key.behind_pointer,
        elems: elems as u32,
        elem_stride: elem_stride as u32,
        elem_behind_pointer: elem.behind_pointer,
        size: size as u32,
    }
}
