//! The ELF container: segments, sections, symbols and the pointers that a loader would have filled in.
//!
//! Everything Go-specific is found through program headers first, so that a file whose section headers were cut off
//! reads the same. Sections serve where the loader maps nothing: symbols and DWARF.
//!
//! Not a loader and not a general ELF library: little-endian ELF64 for the two machines that gospect probes.

use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

use object::elf;
use object::endian::LittleEndian as Le;
use object::pod;

use crate::addr::{FileOff, VAddr};
use crate::error::Error;

/// The machine that the code is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64, little-endian.
    Arm64,
}

impl Arch {
    /// Go's own name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }
}

/// Whether the loader may choose where the file goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// `ET_EXEC`: mapped at the addresses that it names.
    Fixed,
    /// `ET_DYN`: position independent executable or shared library.
    Movable,
}

/// A `PT_LOAD` segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Where it is mapped.
    pub addr: VAddr,
    /// Its size in memory; what lies behind `file_size` is zero.
    pub size: u64,
    /// Where its bytes stand in the file.
    pub offset: FileOff,
    /// How many of them the file has.
    pub file_size: u64,
    /// Whether code may run in it.
    pub executable: bool,
    /// Whether the program may write to it.
    pub writable: bool,
}

/// A named section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name, as far as it is UTF-8.
    pub name: String,
    /// Where it is mapped; 0 if it is not.
    pub addr: VAddr,
    /// Where its bytes stand in the file.
    pub offset: FileOff,
    /// How many bytes it has in the file (0 for `.bss`).
    pub size: u64,
    /// `SHF_COMPRESSED`.
    pub compressed: bool,
}

/// An entry of `.symtab` or `.dynsym`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'d> {
    /// Its name.
    pub name: &'d str,
    /// Where it points.
    pub addr: VAddr,
    /// Its size as the linker gave it.
    pub size: u64,
    /// Whether it is a function (`STT_FUNC`).
    pub function: bool,
}

/// An ELF file, with its bytes.
pub struct Elf {
    data: Box<dyn AsRef<[u8]> + Send + Sync>,
    /// The machine that it is for.
    pub arch: Arch,
    /// Fixed or movable.
    pub placement: Placement,
    /// Where it starts.
    pub entry: VAddr,
    /// Its `PT_LOAD` segments, by address.
    pub segments: Vec<Segment>,
    /// Its sections in file order; the null section included, so that symbols' indices fit. Empty if cut off.
    pub sections: Vec<Section>,
    /// `PT_INTERP`: the file asks for a dynamic loader.
    pub interpreter: bool,
    dynamic: Option<(u64, u64)>,
    relocations: OnceLock<Vec<(u64, u64)>>,
}

/// The loader maps a handful of segments; each costs a search through it.
const MOST_SEGMENTS: usize = 64;
/// No section's name is longer.
const LONGEST_SECTION_NAME: usize = 256;
/// No name of a function, file or type is longer. Without a limit, names that all run to the same far end cost the
/// square of the file.
const LONGEST_NAME: usize = 1 << 16;
/// No section decompresses to more than so many times the whole file, but for small ones. The compression would allow
/// a thousand times.
const MAX_EXPANSION: u64 = 4;
const SMALL_SECTION: u64 = 1 << 20;

impl Elf {
    /// Reads the headers.
    ///
    /// # Errors
    /// Whatever makes the file not an ELF64 little-endian x86-64 or arm64 program or library that is whole.
    pub fn parse(data: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Elf, Error> {
        let bytes = data.as_ref();
        check_identity(bytes)?;
        let header = at::<elf::FileHeader64<Le>>(bytes, 0, "the ELF header")?;
        let arch = match header.e_machine.get(Le) {
            elf::EM_X86_64 => Arch::Amd64,
            elf::EM_AARCH64 => Arch::Arm64,
            other => return Err(Error::Foreign { what: format!("a program for {}", machine_name(other)) }),
        };
        let placement = match header.e_type.get(Le) {
            elf::ET_EXEC => Placement::Fixed,
            elf::ET_DYN => Placement::Movable,
            elf::ET_REL => return Err(Error::NotExecutable { what: "an object file (not linked yet)" }),
            elf::ET_CORE => return Err(Error::NotExecutable { what: "a core dump" }),
            _ => return Err(Error::NotExecutable { what: "of an unknown kind" }),
        };
        let entry = VAddr(header.e_entry.get(Le));
        let Programs { segments, interpreter, dynamic } = read_programs(bytes, header)?;
        let sections = read_sections(bytes, header)?;
        Ok(Elf {
            data: Box::new(data),
            arch,
            placement,
            entry,
            segments,
            sections,
            interpreter,
            dynamic,
            relocations: OnceLock::new(),
        })
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        (*self.data).as_ref()
    }

    /// The segment that `addr` lies in.
    #[must_use]
    pub fn segment(&self, addr: VAddr) -> Option<&Segment> {
        self.segments.iter().find(|s| addr.since(s.addr).is_some_and(|n| n < s.size))
    }

    /// The `len` bytes at `addr`, if the file has them all.
    #[must_use]
    pub fn read(&self, addr: VAddr, len: u64) -> Option<&[u8]> {
        self.tail(addr)?.get(..usize::try_from(len).ok()?)
    }

    /// The bytes from `addr` to the end of its segment's part of the file.
    #[must_use]
    pub fn tail(&self, addr: VAddr) -> Option<&[u8]> {
        let segment = self.segment(addr)?;
        self.segment_bytes(segment).get(usize::try_from(addr.since(segment.addr)?).ok()?..)
    }

    /// What the file has of a segment.
    #[must_use]
    pub fn segment_bytes(&self, segment: &Segment) -> &[u8] {
        range(self.bytes(), segment.offset.0, segment.file_size).unwrap_or_default()
    }

    /// Where in the file the byte of `addr` stands.
    #[must_use]
    pub fn file_offset(&self, addr: VAddr) -> Option<FileOff> {
        let segment = self.segment(addr)?;
        let n = addr.since(segment.addr)?;
        (n < segment.file_size).then(|| FileOff(segment.offset.0 + n))
    }

    /// A 64-bit word as the loader would leave it in an image that it did not move.
    #[must_use]
    pub fn word(&self, addr: VAddr) -> Option<u64> {
        let relocations = self.relocations();
        if let Ok(i) = relocations.binary_search_by_key(&addr.0, |r| r.0) {
            return Some(relocations[i].1);
        }
        self.read(addr, 8).map(u64_at)
    }

    /// [`Elf::word`] as an address; 0 is `None`.
    #[must_use]
    pub fn pointer(&self, addr: VAddr) -> Option<VAddr> {
        self.word(addr).filter(|&a| a != 0).map(VAddr)
    }

    /// A 32-bit word.
    #[must_use]
    pub fn half(&self, addr: VAddr) -> Option<u32> {
        self.read(addr, 4).map(u32_at)
    }

    /// The first section of this name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// A section's bytes, decompressed where they are compressed.
    ///
    /// # Errors
    /// A section that reaches behind the end of the file, or a compressed one that is damaged or not zlib.
    pub fn section_data(&self, section: &Section) -> Result<Cow<'_, [u8]>, Error> {
        let raw = self.raw_section_data(section)?;
        if section.compressed { self.decompress(raw, None).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// The first `len` bytes of a section, without decompressing the rest.
    ///
    /// # Errors
    /// As [`Elf::section_data`].
    pub fn section_head(&self, section: &Section, len: usize) -> Result<Vec<u8>, Error> {
        let raw = self.raw_section_data(section)?;
        if section.compressed { self.decompress(raw, Some(len)) } else { Ok(raw[..len.min(raw.len())].to_vec()) }
    }

    /// All that a compressed section holds, or its first `most` bytes.
    fn decompress(&self, raw: &[u8], most: Option<usize>) -> Result<Vec<u8>, Error> {
        let damaged = |why: &str| Error::malformed("compressed section", why);
        let (header, body) = raw.split_at_checked(24).ok_or_else(|| damaged("too short for its header"))?;
        if u32_at(header) != elf::ELFCOMPRESS_ZLIB.0 {
            return Err(Error::Unsupported { what: "a section compressed with something other than zlib".into() });
        }
        let size = u64_at(&header[8..]);
        if size > SMALL_SECTION.max(self.bytes().len() as u64 * MAX_EXPANSION) {
            return Err(damaged("it claims far more bytes than the file has"));
        }
        let size = most.map_or(size, |most| size.min(most as u64));
        let mut out = Vec::with_capacity(usize::try_from(size).map_err(|_| damaged("its size"))?);
        let read = flate2::read::ZlibDecoder::new(body).take(size).read_to_end(&mut out);
        read.map_err(|e| damaged(&e.to_string()))?;
        if out.len() as u64 == size { Ok(out) } else { Err(damaged("it ends early")) }
    }

    fn raw_section_data(&self, section: &Section) -> Result<&[u8], Error> {
        range(self.bytes(), section.offset.0, section.size).ok_or_else(|| Error::Truncated {
            what: "a section",
            need: section.offset.0.saturating_add(section.size),
            have: self.bytes().len() as u64,
        })
    }

    /// The entries of `.symtab`; none in a stripped file. Entries with broken names are left out.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.symbols_in(".symtab", ".strtab")
    }

    /// The entries of `.dynsym`, which stripping leaves: what other files call here, and what is called in others, whose
    /// address is 0.
    pub fn dynamic_symbols(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.symbols_in(".dynsym", ".dynstr")
    }

    fn symbols_in(&self, table: &str, names: &str) -> impl Iterator<Item = Symbol<'_>> + use<'_> {
        let (table, names) = (self.raw_section(table), self.raw_section(names));
        let count = table.len() / size_of::<elf::Sym64<Le>>();
        let entries = pod::slice_from_bytes::<elf::Sym64<Le>>(table, count).map_or(&[][..], |(s, _)| s);
        entries.iter().filter_map(move |s| {
            Some(Symbol {
                name: c_str(names, s.st_name.get(Le) as usize)?,
                addr: VAddr(s.st_value.get(Le)),
                size: s.st_size.get(Le),
                function: s.st_info.0 & 0xf == elf::STT_FUNC.0,
            })
        })
    }

    /// Every word that the loader adds its bias to, with its value before, sorted by address.
    pub fn relocations(&self) -> &[(u64, u64)] {
        self.relocations.get_or_init(|| self.read_relocations().unwrap_or_default())
    }

    fn raw_section(&self, name: &str) -> &[u8] {
        self.section(name).and_then(|s| range(self.bytes(), s.offset.0, s.size)).unwrap_or_default()
    }

    /// `DT_RELA`'s relative entries. `DT_RELR` needs none of this: it keeps its addends in place.
    fn read_relocations(&self) -> Option<Vec<(u64, u64)>> {
        let (offset, size) = self.dynamic?;
        let dynamic = range(self.bytes(), offset, size)?;
        let tag = |wanted: elf::DynamicTag| {
            let mut pairs = dynamic.chunks_exact(16).map(|p| (u64_at(p), u64_at(&p[8..])));
            pairs.find(|&(tag, _)| tag == wanted.0 as u64).map(|(_, value)| value)
        };
        let table = self.read(VAddr(tag(elf::DT_RELA)?), tag(elf::DT_RELASZ)?)?;
        let relative = match self.arch {
            Arch::Amd64 => elf::R_X86_64_RELATIVE,
            Arch::Arm64 => elf::R_AARCH64_RELATIVE,
        };
        let mut found: Vec<(u64, u64)> = table
            .chunks_exact(24)
            .filter(|r| u64_at(&r[8..]) & 0xffff_ffff == u64::from(relative.0))
            .map(|r| (u64_at(r), u64_at(&r[16..])))
            .collect();
        if !found.is_sorted_by_key(|r| r.0) {
            found.sort_unstable_by_key(|r| r.0);
        }
        Some(found)
    }
}

/// `&data[offset..][..len]` for numbers that come from the file.
pub(crate) fn range(data: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    data.get(usize::try_from(offset).ok()?..)?.get(..usize::try_from(len).ok()?)
}

/// The first eight bytes as a number; 0 where there are fewer.
pub(crate) fn u64_at(data: &[u8]) -> u64 {
    data.first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

/// The first four bytes as a number; 0 where there are fewer.
pub(crate) fn u32_at(data: &[u8]) -> u32 {
    data.first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

/// The NUL-terminated UTF-8 text at `offset`.
pub(crate) fn c_str(data: &[u8], offset: usize) -> Option<&str> {
    short_c_str(data, offset, LONGEST_NAME)
}

/// The same, if it is no longer than `most`.
fn short_c_str(data: &[u8], offset: usize, most: usize) -> Option<&str> {
    let tail = data.get(offset..)?;
    let tail = &tail[..tail.len().min(most + 1)];
    std::str::from_utf8(&tail[..memchr::memchr(0, tail)?]).ok()
}

fn check_identity(bytes: &[u8]) -> Result<(), Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(Error::NotElf { what: looks_like(bytes) });
    }
    if bytes.len() < 64 {
        return Err(Error::Truncated { what: "the ELF header", need: 64, have: bytes.len() as u64 });
    }
    if bytes[4] != elf::ELFCLASS64.0 {
        return Err(Error::Foreign { what: format!("a 32-bit program, for {}", machine_of(bytes)) });
    }
    if bytes[5] != elf::ELFDATA2LSB.0 {
        return Err(Error::Foreign { what: format!("a big-endian program, for {}", machine_of(bytes)) });
    }
    Ok(())
}

fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'#', b'!', ..] => "a script",
        [b'M', b'Z', ..] => "a Windows program",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program",
        [0, b'a', b's', b'm', ..] => "WebAssembly",
        [0x1f, 0x8b, ..] => "gzip data",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        _ if bytes.iter().take(512).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        _ => "unknown data",
    }
}

/// The machine that a header of any word size and byte order names.
fn machine_of(bytes: &[u8]) -> String {
    let raw = [bytes[18], bytes[19]];
    let big = bytes[5] != elf::ELFDATA2LSB.0;
    machine_name(elf::Machine(if big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }))
}

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_386 => "x86".into(),
        elf::EM_ARM => "ARM".into(),
        elf::EM_X86_64 => "x86-64".into(),
        elf::EM_AARCH64 => "arm64".into(),
        elf::EM_RISCV => "RISC-V".into(),
        elf::EM_PPC64 => "64-bit PowerPC".into(),
        elf::EM_S390 => "S/390".into(),
        elf::EM_MIPS => "MIPS".into(),
        elf::EM_LOONGARCH => "LoongArch".into(),
        other => format!("ELF machine {}", other.0),
    }
}

struct Programs {
    segments: Vec<Segment>,
    interpreter: bool,
    dynamic: Option<(u64, u64)>,
}

fn read_programs(bytes: &[u8], header: &elf::FileHeader64<Le>) -> Result<Programs, Error> {
    let table: &[elf::ProgramHeader64<Le>] =
        slice_at(bytes, header.e_phoff.get(Le), header.e_phnum.get(Le), "the program headers")?;
    let mut segments = Vec::new();
    for p in table.iter().filter(|p| p.p_type.get(Le) == elf::PT_LOAD) {
        let (offset, file_size) = (p.p_offset.get(Le), p.p_filesz.get(Le));
        let end = offset.saturating_add(file_size);
        if end > bytes.len() as u64 {
            return Err(Error::Truncated { what: "a loaded segment", need: end, have: bytes.len() as u64 });
        }
        let flags = p.p_flags.get(Le);
        segments.push(Segment {
            addr: VAddr(p.p_vaddr.get(Le)),
            size: p.p_memsz.get(Le).max(file_size),
            offset: FileOff(offset),
            file_size,
            executable: flags.contains(elf::PF_X),
            writable: flags.contains(elf::PF_W),
        });
    }
    check_amount(&segments, bytes.len() as u64)?;
    segments.sort_by_key(|s| s.addr);
    let find = |kind| table.iter().find(|p| p.p_type.get(Le) == kind);
    let dynamic = find(elf::PT_DYNAMIC).map(|p| (p.p_offset.get(Le), p.p_filesz.get(Le)));
    Ok(Programs { segments, interpreter: find(elf::PT_INTERP).is_some(), dynamic })
}

/// Segments share at most a page with each other, so together they are no larger than the file, or only a little.
fn check_amount(segments: &[Segment], file: u64) -> Result<(), Error> {
    let total: u64 = segments.iter().map(|s| s.file_size).fold(0, u64::saturating_add);
    if segments.len() > MOST_SEGMENTS {
        return Err(Error::malformed("program headers", format!("there are {} loaded segments", segments.len())));
    }
    if total > file.saturating_mul(2) {
        return Err(Error::malformed("program headers", "the loaded segments are larger than the file"));
    }
    Ok(())
}

fn read_sections(bytes: &[u8], header: &elf::FileHeader64<Le>) -> Result<Vec<Section>, Error> {
    let table: &[elf::SectionHeader64<Le>] =
        slice_at(bytes, header.e_shoff.get(Le), header.e_shnum.get(Le), "the section headers")?;
    let names = table
        .get(usize::from(header.e_shstrndx.get(Le).0))
        .and_then(|s| range(bytes, s.sh_offset.get(Le), s.sh_size.get(Le)))
        .unwrap_or_default();
    let section = |s: &elf::SectionHeader64<Le>| Section {
        name: short_c_str(names, s.sh_name.get(Le) as usize, LONGEST_SECTION_NAME).unwrap_or_default().to_owned(),
        addr: VAddr(s.sh_addr.get(Le)),
        offset: FileOff(s.sh_offset.get(Le)),
        size: if s.sh_type.get(Le) == elf::SHT_NOBITS { 0 } else { s.sh_size.get(Le) },
        compressed: s.sh_flags.get(Le).contains(elf::SHF_COMPRESSED),
    };
    Ok(table.iter().map(section).collect())
}

fn at<'d, T: pod::Pod>(bytes: &'d [u8], offset: u64, what: &'static str) -> Result<&'d T, Error> {
    slice_at(bytes, offset, 1, what).map(|s: &[T]| &s[0])
}

fn slice_at<'d, T: pod::Pod>(bytes: &'d [u8], offset: u64, count: u16, what: &'static str) -> Result<&'d [T], Error> {
    if count == 0 || offset == 0 && size_of::<T>() != 64 {
        return Ok(&[]);
    }
    let len = size_of::<T>() as u64 * u64::from(count);
    range(bytes, offset, len)
        .and_then(|raw| pod::slice_from_bytes(raw, usize::from(count)).ok())
        .map(|(slice, _)| slice)
        .ok_or(Error::Truncated { what, need: offset.saturating_add(len), have: bytes.len() as u64 })
}

/// A base-128 number as Go writes it, with the bytes that it took.
pub(crate) fn uvarint(data: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (i, &byte) in data.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests;
