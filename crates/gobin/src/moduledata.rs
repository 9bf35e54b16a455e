//! `runtime.firstmoduledata`: where the linker put everything.
//!
//! The structure has no name in a stripped file. It starts with the addresses of the function table and of the names
//! in it, a pair that stands nowhere else. Its later fields move from release to release; one set of offsets is
//! believed only if what it gives is consistent.

use crate::addr::VAddr;
use crate::elf::Elf;
use crate::pclntab::Header;
use crate::release::{RELEASES, fields};

/// The fields that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moduledata {
    /// Where it stands itself.
    pub addr: VAddr,
    /// How it was found, in words.
    pub found_by: &'static str,
    /// Start of the Go code: what function offsets count from.
    pub text: VAddr,
    /// End of the Go code.
    pub etext: VAddr,
    /// The rest, if its layout is known.
    pub data: Option<DataLayout>,
}

/// The part of `moduledata` whose place depends on the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLayout {
    /// Start of the type descriptors: what type and name offsets count from.
    pub types: VAddr,
    /// Their end.
    pub etypes: VAddr,
    /// What funcdata offsets count from.
    pub gofunc: VAddr,
    /// Up to 1.26: the list of type offsets, and how many.
    pub typelinks: Option<(VAddr, u64)>,
    /// Up to 1.26: the list of itab addresses, and how many.
    pub itablinks: Option<(VAddr, u64)>,
    /// From 1.27: bytes of type descriptors, one behind the other, from `types + 8` on.
    pub typedesc_len: Option<u64>,
    /// From 1.27: offset of the itabs from `types`, and their size in bytes.
    pub itabs: Option<(u64, u64)>,
}

// +rtype moduledata.text uintptr @176
const TEXT: u64 = 176;
// +rtype moduledata.etext uintptr @184
const ETEXT: u64 = 184;

/// Finds and reads it. `release` is the minor and patch number of the Go version; without one every layout is tried.
#[must_use]
pub fn find(elf: &Elf, table: &Header, release: Option<(u32, u32)>) -> Option<Moduledata> {
    let named = elf.section(".go.module").map(|s| (s.addr, "section .go.module"));
    let by_pattern = || search(elf, table).map(|at| (at, "the pointer to the function table"));
    named.and_then(|at| read(elf, table, at, release)).or_else(|| read(elf, table, by_pattern()?, release))
}

/// The address of a word that points to the table and is followed by one that points to its names.
fn search(elf: &Elf, table: &Header) -> Option<VAddr> {
    let moved = elf
        .relocations()
        .windows(2)
        .find(|w| w[0].1 == table.addr.0 && w[1] == (w[0].0.wrapping_add(8), table.names_addr().0));
    if let Some(pair) = moved {
        return Some(VAddr(pair[0].0));
    }
    let pattern = [table.addr.0.to_le_bytes(), table.names_addr().0.to_le_bytes()].concat();
    let finder = memchr::memmem::Finder::new(&pattern);
    let likely_first = elf.segments.iter().filter(|s| s.writable).chain(elf.segments.iter().filter(|s| !s.writable));
    likely_first.into_iter().find_map(|s| Some(s.addr.plus(finder.find(elf.segment_bytes(s))? as u64)))
}

fn read(
    elf: &Elf,
    table: &Header,
    (addr, found_by): (VAddr, &'static str),
    release: Option<(u32, u32)>,
) -> Option<Moduledata> {
    let points_to_table = elf.word(addr)? == table.addr.0 && elf.word(addr.plus(8))? == table.names_addr().0;
    let (text, etext) = (elf.pointer(addr.plus(TEXT))?, elf.pointer(addr.plus(ETEXT))?);
    let code = elf.segment(text).is_some_and(|s| s.executable) && text < etext;
    if !points_to_table || !code {
        return None;
    }
    let data = match release {
        Some(release) => read_data(elf, addr, release),
        None => RELEASES.iter().rev().find_map(|known| read_data(elf, addr, (known.minor, u32::MAX))),
    };
    Some(Moduledata { addr, found_by, text, etext, data })
}

fn read_data(elf: &Elf, at: VAddr, release: (u32, u32)) -> Option<DataLayout> {
    let field = |name| fields::offset("runtime.moduledata", name, release).map(|offset| at.plus(offset));
    let word = |name| elf.word(field(name)?);
    let pointer = |name| elf.pointer(field(name)?);
    let list = |name| field(name).and_then(|slice| Some((VAddr(elf.word(slice)?), elf.word(slice.plus(8))?)));
    let data = DataLayout {
        types: pointer("types")?,
        etypes: pointer("etypes")?,
        gofunc: pointer("gofunc")?,
        typelinks: list("typelinks"),
        itablinks: list("itablinks"),
        typedesc_len: word("typedesclen"),
        itabs: word("itaboffset").zip(word("itabsize")),
    };
    consistent(elf, &data).then_some(data)
}

/// Types lie in one loaded segment, their lists are no longer than the file, and their parts no longer than they.
fn consistent(elf: &Elf, data: &DataLayout) -> bool {
    let Some(span) = data.etypes.since(data.types) else { return false };
    let list_fits = |list: Option<(VAddr, u64)>, width: u64| {
        list.is_none_or(|(at, n)| n == 0 || n.checked_mul(width).is_some_and(|len| elf.read(at, len).is_some()))
    };
    elf.read(data.types, span).is_some()
        && elf.segment(data.gofunc).is_some()
        && list_fits(data.typelinks, 4)
        && list_fits(data.itablinks, 8)
        && data.typedesc_len.is_none_or(|len| len <= span)
        && data.itabs.is_none_or(|(at, len)| at.checked_add(len).is_some_and(|end| end <= span))
}
