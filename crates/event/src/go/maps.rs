//! Maps, in both of the ways in which Go's runtimes lay them out.
//!
//! A map may have been written to while it was read: its count is only believed where it is greater than what was
//! found, and what leads in circles is followed once.

use std::cmp::Ordering;

use super::decode::Decoder;
use super::kinds::Read;
use super::span::Span;
use super::value::{GoValue, Is, List, Missing};
use super::{GoMap, MapLayout, TypeRow};

/// Eight entries are together.
// +rtype 1.21-1.22 const abi.MapBucketCount = 8 | 1.23 const abi.MapBucketCount = 8
// +rtype 1.24-1.25 const internal/abi.SwissMapGroupSlots = 8 | 1.26- const internal/abi.MapGroupSlots = 8
pub(super) const SLOTS: usize = 8;
/// Bytes of the header, of which no more than that is looked at.
const HEADER: usize = 48;
/// So many groups or buckets of a map are looked at.
const GROUPS: usize = 4096;

impl GoMap {
    /// The row of its groups or buckets.
    pub(super) fn group(&self) -> TypeRow {
        match self.layout {
            MapLayout::Swiss { group, .. } => group,
            MapLayout::Buckets { bucket, .. } => bucket,
        }
    }

    /// Whether the byte of an entry at the start of a group or bucket says that it is in use.
    pub(super) fn in_use(&self, byte: u8) -> bool {
        match self.layout {
            MapLayout::Swiss { .. } => byte < 0x80,
            MapLayout::Buckets { .. } => byte >= MIN_TOP_HASH,
        }
    }
}

/// A map.
pub(super) fn read(decoder: &mut Decoder<'_>, map: &GoMap, span: Span<'_>) -> Read {
    let start = span.word(0)?;
    if start == 0 {
        return Ok(Is::Nil);
    }
    decoder.follow(start, map.header, |decoder| {
        let header = decoder.memory(start, map.header, HEADER)?;
        // In both layouts the number of entries comes first.
        let len = header.word(0)?;
        let mut found = Found { decoder, map, entries: vec![], rest: None, groups: 0 };
        match map.layout {
            MapLayout::Swiss { .. } => found.swiss(header)?,
            MapLayout::Buckets { bucket, size } => found.buckets(header, bucket, size as usize)?,
        }
        let Found { mut entries, rest, .. } = found;
        sort(&mut entries);
        let rest = rest.or(Some(Missing::Torn));
        let len = if len > 1 << 47 { entries.len() as u64 } else { len.max(entries.len() as u64) };
        Ok(Is::Map(List { items: entries, len, rest }))
    })
}

struct Found<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    map: &'d GoMap,
    entries: Vec<(GoValue, GoValue)>,
    /// Why some could not be found.
    rest: Option<Missing>,
    groups: usize,
}

impl<'a> Found<'_, 'a> {
    // +rtype 1.24- internal/runtime/maps.Map.used uint64 @0
    // +rtype 1.24- internal/runtime/maps.Map.dirPtr unsafe.Pointer @16
    // +rtype 1.24- internal/runtime/maps.Map.dirLen int @24
    fn swiss(&mut self, header: Span<'_>) -> Read<()> {
        let MapLayout::Swiss { directory, table, group } = self.map.layout else { return Ok(()) };
        let (start, tables) = (header.word(16)?, header.word(24)?);
        if start == 0 {
            return Ok(());
        }
        if tables == 0 {
            self.groups_at(start, group, 1);
            return Ok(());
        }
        let directory = self.decoder.memory(start, directory, 8)?;
        let there = (directory.len() / 8).min(usize::try_from(tables).unwrap_or(usize::MAX));
        if (there as u64) < tables {
            self.rest = Some(directory.why(there * 8));
        }
        let mut tables: Vec<u64> = (0..there).filter_map(|n| directory.word(n * 8).ok()).collect();
        // Several places of the directory may have the same table.
        tables.sort_unstable();
        tables.dedup();
        tables.into_iter().for_each(|start| self.table(start, table, group));
        Ok(())
    }

    // +rtype 1.24- internal/runtime/maps.table.groups internal/runtime/maps.groupsReference @16
    // +rtype 1.24- internal/runtime/maps.groupsReference.data unsafe.Pointer @0
    // +rtype 1.24- internal/runtime/maps.groupsReference.lengthMask uint64 @8
    fn table(&mut self, start: u64, table: TypeRow, group: TypeRow) {
        let groups = self.decoder.memory(start, table, 32).and_then(|table| Ok((table.word(16)?, table.word(24)?)));
        match groups {
            Ok((start, mask)) => self.groups_at(start, group, mask.saturating_add(1)),
            Err(why) => self.rest = Some(why),
        }
    }

    fn groups_at(&mut self, start: u64, group: TypeRow, count: u64) {
        let size = (self.map.slots.size as usize).max(SLOTS);
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(size);
        let groups = match self.decoder.memory(start, group, wanted) {
            Ok(groups) => groups,
            Err(why) => return self.rest = Some(why),
        };
        let there = (groups.len() / size).min(usize::try_from(count).unwrap_or(usize::MAX));
        if (there as u64) < count {
            self.rest = Some(groups.why(there * size));
        }
        (0..there).for_each(|n| self.group(groups.part(n * size, size)));
    }

    // +rtype 1.21-1.23 runtime.hmap.count int @0
    // +rtype 1.21-1.23 runtime.hmap.flags uint8 @8
    // +rtype 1.21-1.23 runtime.hmap.B uint8 @9
    // +rtype 1.21-1.23 runtime.hmap.buckets unsafe.Pointer @16
    // +rtype 1.21-1.23 runtime.hmap.oldbuckets unsafe.Pointer @24
    fn buckets(&mut self, header: Span<'_>, bucket: TypeRow, size: usize) -> Read<()> {
        let (flags, log) = (header.number(8, 1)?, header.number(9, 1)?);
        let count = 1_u64.checked_shl(log as u32).ok_or(Missing::Torn)?;
        let (new, old) = (header.word(16)?, header.word(24)?);
        if old != 0 {
            // While it grows, what was not moved yet is where it was. Buckets that only get tidier are as many as before.
            let before = if flags & SAME_SIZE_GROW == 0 { count >> 1 } else { count };
            self.bucket_array(old, bucket, size, before, true);
        }
        if new != 0 {
            self.bucket_array(new, bucket, size, count, false);
        }
        Ok(())
    }

    fn bucket_array(&mut self, start: u64, row: TypeRow, size: usize, count: u64, old: bool) {
        let size = size.max(SLOTS);
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(size);
        let buckets = match self.decoder.memory(start, row, wanted) {
            Ok(buckets) => buckets,
            Err(why) => return self.rest = Some(why),
        };
        let there = (buckets.len() / size).min(usize::try_from(count).unwrap_or(usize::MAX));
        if (there as u64) < count {
            self.rest = Some(buckets.why(there * size));
        }
        for n in 0..there {
            let bucket = buckets.part(n * size, size);
            let moved = old && bucket.number(0, 1).is_ok_and(|hash| EVACUATED.contains(&hash));
            if !moved {
                self.bucket(bucket, row, size);
            }
        }
    }

    /// A bucket, and those that its last word leads to.
    fn bucket(&mut self, first: Span<'a>, row: TypeRow, size: usize) {
        let mut bucket = first;
        while self.groups < GROUPS {
            self.group(bucket);
            let Ok(next @ 1..) = bucket.word(size - 8) else { return };
            match self.decoder.memory(next, row, size) {
                Ok(further) => bucket = further.part(0, size),
                Err(why) => return self.rest = Some(why),
            }
        }
    }

    /// Eight entries, of which those are in use whose byte at the start says so.
    fn group(&mut self, group: Span<'_>) {
        self.groups += 1;
        let slots = self.map.slots;
        for n in 0..SLOTS {
            match group.number(n, 1) {
                Ok(byte) if self.map.in_use(byte as u8) => {}
                Ok(_) => continue,
                Err(why) => return self.rest = Some(why),
            }
            let at = |first: u32, stride: u32| first as usize + n * stride as usize;
            let key = self.slot(self.map.key, group, at(slots.keys, slots.key_stride), slots.key_behind_pointer);
            let elem = self.slot(self.map.elem, group, at(slots.elems, slots.elem_stride), slots.elem_behind_pointer);
            self.entries.push((key, elem));
        }
    }

    fn slot(&mut self, ty: TypeRow, group: Span<'_>, at: usize, behind_pointer: bool) -> GoValue {
        if !behind_pointer {
            let size = self.decoder.types.get(ty).map_or(0, |ty| ty.size as usize);
            return self.decoder.value(ty, group.part(at, size));
        }
        match group.word(at) {
            // Pointers inside of a map do not count towards the depth.
            Ok(start) => self.decoder.beside(|decoder| decoder.pointee(start, ty)),
            Err(why) => GoValue { ty, is: Is::Missing(why) },
        }
    }
}

/// Smaller numbers are marks and not hashes.
// +rtype 1.21-1.23 const minTopHash = 5
const MIN_TOP_HASH: u8 = 5;
/// The marks of a bucket that was moved.
// +rtype 1.21-1.23 const evacuatedX = 2
// +rtype 1.21-1.23 const evacuatedEmpty = 4
const EVACUATED: std::ops::RangeInclusive<u64> = 2..=4;
/// The flag of a map that grows only to be tidier.
// +rtype 1.21-1.23 const sameSizeGrow = 8
const SAME_SIZE_GROW: u64 = 8;

/// Maps have no order; where keys have one, it is easier to read.
fn sort(entries: &mut [(GoValue, GoValue)]) {
    entries.sort_by(|(a, _), (b, _)| compare(a, b));
}

fn compare(a: &GoValue, b: &GoValue) -> Ordering {
    match (&a.is, &b.is) {
        (Is::Bool(a), Is::Bool(b)) => a.cmp(b),
        (Is::Int(a), Is::Int(b)) => a.cmp(b),
        (Is::Uint(a), Is::Uint(b)) => a.cmp(b),
        (Is::Float(a), Is::Float(b)) => a.total_cmp(b),
        (Is::String(a), Is::String(b)) => (&a.bytes, a.len).cmp(&(&b.bytes, b.len)),
        (Is::Interface(a), Is::Interface(b)) => a.ty.cmp(&b.ty).then_with(|| compare(a, b)),
        (Is::Struct(a), Is::Struct(b)) => in_turn(a, b),
        (Is::List(a), Is::List(b)) => in_turn(&a.items, &b.items),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn in_turn(a: &[GoValue], b: &[GoValue]) -> Ordering {
    let differs = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
    differs.unwrap_or(a.len().cmp(&b.len()))
}

/// What has no order of its own comes last, as it was found.
fn rank(is: &Is) -> u8 {
    match is {
        Is::Bool(_) => 0,
        Is::Int(_) => 1,
        Is::Uint(_) => 2,
        Is::Float(_) => 3,
        Is::String(_) => 4,
        Is::Interface(_) => 5,
        Is::Struct(_) => 6,
        Is::List(_) => 7,
        _ => 8,
    }
}
