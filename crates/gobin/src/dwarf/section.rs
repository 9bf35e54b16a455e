//! The sections, each decompressed when it is first asked for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gimli::{DebugAddr, EndianSlice, LittleEndian};

use crate::elf::Elf;
use crate::error::Error;

/// How gimli reads: little-endian, from memory.
pub(super) type Reader<'d> = EndianSlice<'d, LittleEndian>;

/// A section that something here reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Id {
    Info,
    Abbrev,
    Addr,
    Ranges,
    RngLists,
    Loc,
    LocLists,
    Str,
}

const NAMES: [&str; 8] = [
    ".debug_info",
    ".debug_abbrev",
    ".debug_addr",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_loc",
    ".debug_loclists",
    ".debug_str",
];

/// All of them.
pub(super) struct Sections {
    elf: Arc<Elf>,
    loaded: [OnceLock<Bytes>; NAMES.len()],
}

/// Where a section's bytes are.
enum Bytes {
    InFile(Range<usize>),
    Decompressed(Vec<u8>),
    Damaged(Error),
}

impl Sections {
    pub(super) fn of(elf: Arc<Elf>) -> Sections {
        Sections { elf, loaded: Default::default() }
    }

    pub(super) fn elf(&self) -> &Elf {
        &self.elf
    }

    /// Bytes of the whole file: what is kept in memory is measured by it.
    pub(super) fn file_size(&self) -> usize {
        self.elf.bytes().len()
    }

    /// A section's bytes; none if it is missing or damaged.
    pub(super) fn bytes(&self, id: Id) -> &[u8] {
        match self.load(id) {
            Bytes::InFile(range) => self.elf.bytes().get(range.clone()).unwrap_or_default(),
            Bytes::Decompressed(bytes) => bytes,
            Bytes::Damaged(_) => &[],
        }
    }

    /// Why a section has no bytes.
    pub(super) fn damage(&self, id: Id) -> Option<&Error> {
        match self.load(id) {
            Bytes::Damaged(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn reader(&self, id: Id) -> Reader<'_> {
        EndianSlice::new(self.bytes(id), LittleEndian)
    }

    pub(super) fn addresses(&self) -> DebugAddr<Reader<'_>> {
        DebugAddr::from(self.reader(Id::Addr))
    }

    fn load(&self, id: Id) -> &Bytes {
        self.loaded[id as usize].get_or_init(|| self.read(NAMES[id as usize]))
    }

    fn read(&self, name: &str) -> Bytes {
        let Some(section) = self.elf.section(name) else { return Bytes::InFile(0..0) };
        match self.elf.section_data(section) {
            Ok(Cow::Owned(bytes)) => Bytes::Decompressed(bytes),
            Ok(Cow::Borrowed(bytes)) => {
                let start = usize::try_from(section.offset.0).unwrap_or(usize::MAX);
                Bytes::InFile(start..start.saturating_add(bytes.len()))
            }
            Err(error) => Bytes::Damaged(error),
        }
    }
}
