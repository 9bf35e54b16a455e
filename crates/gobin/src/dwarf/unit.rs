//! Units: which there are, which code each has, and where in it the functions are described.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use gimli::{
    Abbreviation, Abbreviations, Attribute, AttributeSpecification, AttributeValue, DebugAbbrev, DebugAbbrevOffset,
    DebugAddrBase, DebugAddrIndex, DebugInfo, DebugRanges, DebugRngLists, Encoding, EntriesRaw, LittleEndian,
    RangeLists, RangeListsOffset, UnitHeader, UnitOffset, constants,
};

use super::section::{Id, Reader, Sections};
use crate::addr::VAddr;

/// Reads the entries of a unit in the order in which they stand.
pub(super) type Entries<'d> = EntriesRaw<'d, Reader<'d>>;

/// A unit; all offsets are those in `.debug_info`.
pub(super) struct Unit {
    pub(super) start: usize,
    root: usize,
    end: usize,
    pub(super) encoding: Encoding,
    pub(super) addr_base: DebugAddrBase,
    /// What the addresses in its lists are relative to.
    pub(super) low_pc: u64,
    go: bool,
    abbreviations: Arc<Abbreviations>,
    index: OnceLock<Index>,
}

/// What is kept of a unit once something in it was asked for.
#[derive(Default)]
pub(super) struct Index {
    /// Entries of its functions, sorted, and where they are described, from the unit's start.
    functions: Vec<(u64, u32)>,
    /// Some offsets from the unit's start at which an entry begins, in ascending order.
    marks: Vec<u32>,
}

/// One mark in so many bytes.
const MARK_EVERY: usize = 4096;

impl Unit {
    /// The entries from the one at `offset` on, to the end of the unit.
    pub(super) fn entries<'d>(&'d self, info: &'d [u8], offset: usize) -> Option<Entries<'d>> {
        let offset = offset.max(self.root);
        let input = Reader::new(info.get(offset..self.end)?, LittleEndian);
        Some(EntriesRaw::new(input, self.encoding, &self.abbreviations, UnitOffset(offset)))
    }

    /// What the attribute's value is as an address.
    pub(super) fn address(&self, value: &AttributeValue<Reader<'_>>, sections: &Sections) -> Option<u64> {
        match *value {
            AttributeValue::Addr(address) => Some(address),
            AttributeValue::DebugAddrIndex(index) => self.indexed_address(index, sections),
            _ => None,
        }
    }

    pub(super) fn indexed_address(&self, index: DebugAddrIndex, sections: &Sections) -> Option<u64> {
        sections.addresses().get_address(self.encoding.address_size, self.addr_base, index).ok()
    }

    /// The offset in `.debug_info` that the attribute's value refers to.
    pub(super) fn reference(&self, value: &AttributeValue<Reader<'_>>) -> Option<usize> {
        match *value {
            AttributeValue::DebugInfoRef(offset) => Some(offset.0),
            AttributeValue::UnitRef(offset) => self.start.checked_add(offset.0),
            _ => None,
        }
    }

    pub(super) fn index(&self, sections: &Sections) -> &Index {
        self.index.get_or_init(|| Index::of(self, sections).unwrap_or_default())
    }
}

impl Index {
    fn of(unit: &Unit, sections: &Sections) -> Option<Index> {
        let mut index = Index::default();
        if !unit.go {
            return Some(index);
        }
        let mut entries = unit.entries(sections.bytes(Id::Info), unit.root)?;
        let mut next_mark = 0;
        while !entries.is_empty() {
            let at = u32::try_from(entries.next_offset().0 - unit.start).ok()?;
            if at as usize >= next_mark {
                index.marks.push(at);
                next_mark = at as usize + MARK_EVERY;
            }
            match low_pc_or_skip(&mut entries, unit, sections) {
                Ok(Some(entry)) => index.functions.push((entry, at)),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        index.functions.sort_unstable();
        Some(index)
    }

    /// Where the function that starts at `entry` is described, from the unit's start.
    pub(super) fn function(&self, entry: VAddr) -> Option<usize> {
        let i = self.functions.binary_search_by_key(&entry.0, |f| f.0).ok()?;
        Some(self.functions[i].1 as usize)
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = VAddr> {
        self.functions.iter().map(|f| VAddr(f.0))
    }

    /// The last known beginning of an entry that is not behind `offset`, both from the unit's start.
    pub(super) fn mark_before(&self, offset: usize) -> Option<usize> {
        let behind = self.marks.partition_point(|&m| m as usize <= offset);
        Some(*self.marks.get(behind.checked_sub(1)?)? as usize)
    }
}

/// Passes over the next entry; of a function with code of its own it gives the address.
fn low_pc_or_skip(entries: &mut Entries<'_>, unit: &Unit, sections: &Sections) -> gimli::Result<Option<u64>> {
    let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(None) };
    if abbreviation.tag() != constants::DW_TAG_subprogram {
        skip(entries, abbreviation)?;
        return Ok(None);
    }
    let mut low_pc = None;
    attributes(entries, abbreviation, |attribute| {
        if attribute.name() == constants::DW_AT_low_pc {
            low_pc = unit.address(&attribute.raw_value(), sections);
        }
    })?;
    Ok(low_pc)
}

/// Hands all attributes of the entry just begun to `take`.
pub(super) fn attributes<'d>(
    entries: &mut Entries<'d>,
    abbreviation: &Abbreviation,
    mut take: impl FnMut(&Attribute<Reader<'d>>),
) -> gimli::Result<()> {
    for &spec in few_attributes(abbreviation)? {
        take(&entries.read_attribute(spec)?);
    }
    Ok(())
}

/// Passes over all attributes of the entry just begun.
pub(super) fn skip(entries: &mut Entries<'_>, abbreviation: &Abbreviation) -> gimli::Result<()> {
    entries.skip_attributes(few_attributes(abbreviation)?)
}

/// No entry has more attributes. They need not take any bytes, so that an entry of one byte could have any number.
const MAX_ATTRIBUTES: usize = 128;

fn few_attributes(abbreviation: &Abbreviation) -> gimli::Result<&[AttributeSpecification]> {
    let all = abbreviation.attributes();
    if all.len() > MAX_ATTRIBUTES { Err(gimli::Error::TooManyIterations) } else { Ok(all) }
}

/// In no real file there is more than a unit or two of whose extent nothing is known.
const MAX_ELSEWHERE: usize = 64;

/// Units take many times their smallest size in memory. A large program has some thousands.
const MAX_UNITS: usize = 1 << 16;
/// Tables of abbreviations too; those of all units together are a hundredth of a real file.
const SMALL_TABLES: usize = 1 << 20;
const TABLES_PER_FILE: usize = 16;

/// All units.
pub(super) struct Units {
    /// In the order in which they stand.
    all: Vec<Unit>,
    /// Code and the number of the unit that has it, by address.
    code: Vec<(u64, u64, usize)>,
    /// Units of whose code only the beginning is known.
    elsewhere: Vec<usize>,
}

impl Units {
    pub(super) fn read(sections: &Sections) -> Units {
        let headers = headers(sections.bytes(Id::Info));
        let most = SMALL_TABLES.max(sections.file_size() / TABLES_PER_FILE);
        let tables = abbreviation_tables(truncated(sections.bytes(Id::Abbrev), most), &headers);
        let read = |header: &UnitHeader<Reader<'_>>| {
            let abbreviations = tables.get(&header.debug_abbrev_offset().0)?.clone();
            Unit::read(header, abbreviations, sections)
        };
        let (all, extents): (Vec<Unit>, Vec<Extent>) = headers.iter().filter_map(read).unzip();
        let mut units = Units { all, code: Vec::new(), elsewhere: Vec::new() };
        units.place(&extents, sections);
        units
    }

    pub(super) fn all(&self) -> &[Unit] {
        &self.all
    }

    /// The unit that the byte at this offset in `.debug_info` belongs to.
    pub(super) fn at(&self, offset: usize) -> Option<&Unit> {
        let behind = self.all.partition_point(|u| u.start <= offset);
        self.all.get(behind.checked_sub(1)?).filter(|u| offset < u.end)
    }

    /// The units that may have code at `pc`, the likely one first.
    pub(super) fn around(&self, pc: VAddr) -> impl Iterator<Item = &Unit> {
        let behind = self.code.partition_point(|c| c.0 <= pc.0);
        let likely = self.code[..behind].last().filter(|c| pc.0 < c.1).map(|c| c.2);
        likely.into_iter().chain(self.elsewhere.iter().copied()).filter_map(|i| self.all.get(i))
    }

    /// Notes which code belongs to which unit. No list of ranges is read twice, so that units that all claim one
    /// long list cost no more than reading it.
    fn place(&mut self, extents: &[Extent], sections: &Sections) {
        let starts: BTreeSet<usize> = extents.iter().filter_map(Extent::list).collect();
        let mut unread = starts.clone();
        for (i, (unit, extent)) in self.all.iter().zip(extents).enumerate().filter(|(_, (unit, _))| unit.go) {
            let before = self.code.len();
            match *extent {
                Extent::None => continue,
                Extent::To(end) => self.code.push((unit.low_pc, end, i)),
                Extent::List(at) if unread.remove(&at) => {
                    let next = (Bound::Excluded(at), Bound::Unbounded);
                    let end = starts.range(next).next().copied().unwrap_or(usize::MAX);
                    self.code.extend(unit.ranges(at, end, sections).into_iter().map(|(from, to)| (from, to, i)));
                }
                Extent::List(_) | Extent::Unknown => {}
            }
            if self.code.len() == before && self.elsewhere.len() < MAX_ELSEWHERE {
                self.elsewhere.push(i);
            }
        }
        self.code.sort_unstable();
    }
}

/// How far a unit's code reaches.
enum Extent {
    None,
    Unknown,
    To(u64),
    List(usize),
}

impl Extent {
    fn list(&self) -> Option<usize> {
        if let Extent::List(at) = *self { Some(at) } else { None }
    }
}

impl Unit {
    fn read(
        header: &UnitHeader<Reader<'_>>,
        abbreviations: Arc<Abbreviations>,
        sections: &Sections,
    ) -> Option<(Unit, Extent)> {
        let start = header.debug_info_offset()?.0;
        let mut unit = Unit {
            start,
            root: start.checked_add(header.size_of_header())?,
            end: start.checked_add(header.length_including_self())?,
            encoding: header.encoding(),
            addr_base: DebugAddrBase(0),
            low_pc: 0,
            go: false,
            abbreviations,
            index: OnceLock::new(),
        };
        let extent = unit.read_root(sections)?;
        Some((unit, extent))
    }

    /// Reads what the root says about the whole unit.
    fn read_root(&mut self, sections: &Sections) -> Option<Extent> {
        let abbreviations = self.abbreviations.clone();
        let input = Reader::new(sections.bytes(Id::Info).get(self.root..self.end)?, LittleEndian);
        let mut entries = EntriesRaw::new(input, self.encoding, &abbreviations, UnitOffset(self.root));
        let abbreviation = entries.read_abbreviation().ok()??;
        let (mut low, mut high, mut list) = (None, None, None);
        attributes(&mut entries, abbreviation, |attribute| match (attribute.name(), attribute.value()) {
            (constants::DW_AT_language, AttributeValue::Language(language)) => {
                self.go = language == constants::DW_LANG_Go;
            }
            (constants::DW_AT_addr_base, AttributeValue::DebugAddrBase(base)) => self.addr_base = base,
            (constants::DW_AT_low_pc, value) => low = Some(value),
            (constants::DW_AT_high_pc, value) => high = Some(value),
            (constants::DW_AT_ranges, AttributeValue::RangeListsRef(at)) => list = Some(at.0),
            _ => {}
        })
        .ok()?;
        let Some(low) = low else { return Some(list.map_or(Extent::None, Extent::List)) };
        self.low_pc = self.address(&low, sections)?;
        let length = high.and_then(|h| h.udata_value());
        let end = length.and_then(|n| self.low_pc.checked_add(n)).or_else(|| self.address(&high?, sections));
        Some(list.map(Extent::List).or(end.map(Extent::To)).unwrap_or(Extent::Unknown))
    }

    /// The ranges of a short list at `at`: that of an inlined call.
    pub(super) fn ranges_from(&self, at: usize, sections: &Sections) -> Vec<(u64, u64)> {
        self.ranges(at, at.saturating_add(MAX_RANGES), sections)
    }

    /// The ranges of the list at `at`, which ends before `end`.
    fn ranges(&self, at: usize, end: usize, sections: &Sections) -> Vec<(u64, u64)> {
        let cut = |id| Reader::new(truncated(sections.bytes(id), end), LittleEndian);
        let (old, new) = if self.encoding.version < 5 {
            (cut(Id::Ranges), Reader::default())
        } else {
            (Reader::default(), cut(Id::RngLists))
        };
        let lists = RangeLists::new(DebugRanges::from(old), DebugRngLists::from(new));
        let addresses = sections.addresses();
        let list = lists.ranges(RangeListsOffset(at), self.encoding, self.low_pc, &addresses, self.addr_base);
        let Ok(mut list) = list else { return Vec::new() };
        let mut ranges = Vec::new();
        while let Ok(Some(range)) = list.next() {
            ranges.push((range.begin, range.end));
        }
        ranges
    }
}

/// Bytes of the list of an inlined call.
const MAX_RANGES: usize = 1 << 14;

pub(super) fn truncated(bytes: &[u8], end: usize) -> &[u8] {
    bytes.get(..end).unwrap_or(bytes)
}

fn headers(info: &[u8]) -> Vec<UnitHeader<Reader<'_>>> {
    let mut units = DebugInfo::new(info, LittleEndian).units();
    let mut headers = Vec::new();
    while let (Ok(Some(header)), true) = (units.next(), headers.len() < MAX_UNITS) {
        headers.push(header);
    }
    headers
}

/// The tables that the units use, by offset. Each is taken to end where the next one begins, so that units that
/// point into one long table cost no more than reading it.
fn abbreviation_tables(section: &[u8], headers: &[UnitHeader<Reader<'_>>]) -> HashMap<usize, Arc<Abbreviations>> {
    let starts: BTreeSet<usize> = headers.iter().map(|h| h.debug_abbrev_offset().0).collect();
    let ends = starts.iter().copied().skip(1).chain([usize::MAX]);
    let table = |(&start, end)| {
        let section = DebugAbbrev::new(truncated(section, end), LittleEndian);
        Some((start, Arc::new(section.abbreviations(DebugAbbrevOffset(start)).ok()?)))
    };
    starts.iter().zip(ends).filter_map(table).collect::<BTreeMap<_, _>>().into_iter().collect()
}
