//! What the fuzzers do with their bytes. One file for three users: libFuzzer (`fuzz/fuzz_targets`), the replay of the
//! saved corpus on every test run, and the short run of mutations on stable Rust next to it.
//!
//! A Go executable is too large to be a fuzzer's input. So most inputs are *patches*: which bytes of a small real
//! program to overwrite, inside the part that the target is about. They are short, keep their meaning when saved, and
//! reach the code behind the headers, which random bytes never do.

use std::ops::Range;

use gobin::pattern::{Pattern, suggest};
use gobin::{Elf, Image};

/// A part of the seed program that a target overwrites bytes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// ELF, program and section headers.
    Headers,
    /// The function table.
    Pclntab,
    /// Moduledata and everything that it points to: types, itabs, function data.
    Types,
    /// The sections of DWARF.
    Dwarf,
    /// Machine code.
    Text,
}

/// All parts, with the names of their targets.
pub const PARTS: [(&str, Part); 5] = [
    ("elf", Part::Headers),
    ("pclntab", Part::Pclntab),
    ("types", Part::Types),
    ("dwarf", Part::Dwarf),
    ("text", Part::Text),
];

/// One overwritten place: a position within the part as a share of its size, and the bytes to put there. Encoded as
/// three bytes of position, one of length (low two bits) and the bytes.
fn apply(seed: &mut [u8], ranges: &[Range<usize>], mut input: &[u8]) {
    let total: usize = ranges.iter().map(Range::len).sum();
    while let [a, b, c, n, rest @ ..] = input {
        let share = u64::from(u32::from_le_bytes([*a, *b, *c, 0]));
        let mut at = (share * total as u64 >> 24) as usize;
        let len = usize::from(n & 3) + 1;
        let (bytes, next) = rest.split_at(len.min(rest.len()));
        for range in ranges {
            if at < range.len() {
                let start = range.start + at;
                let end = seed.len().min(start + bytes.len());
                seed[start..end].copy_from_slice(&bytes[..end - start]);
                break;
            }
            at -= range.len();
        }
        input = next;
    }
}

/// The bytes of the file that belong to a part.
fn ranges(seed: &[u8], part: Part) -> Vec<Range<usize>> {
    let image = Image::parse(seed.to_vec()).expect("the seed is a Go program");
    let elf = image.elf();
    let section = |s: &gobin::elf::Section| s.offset.0 as usize..(s.offset.0 + s.size) as usize;
    let named = |wanted: &dyn Fn(&str) -> bool| elf.sections.iter().filter(|s| wanted(&s.name)).map(section).collect();
    match part {
        Part::Headers => {
            let table = u64::from_le_bytes(*seed[40..].first_chunk().expect("the seed has a header")) as usize;
            vec![0..0x400, table..(table + 64 * elf.sections.len()).min(seed.len())]
        }
        Part::Pclntab => named(&|n| n.ends_with(".gopclntab")),
        Part::Types => {
            let mut all: Vec<_> = named(&|n| {
                [".rodata", ".typelink", ".itablink", ".go.type", ".go.func", ".go.module"].contains(&n)
            });
            let module = image.module().and_then(|m| elf.file_offset(m.addr)).map_or(0, |at| at.0 as usize);
            all.push(module..module + 600);
            all
        }
        Part::Dwarf => named(&|n| n.starts_with(".debug_") && n != ".debug_frame" && n != ".debug_line"),
        Part::Text => named(&|n| n == ".text"),
    }
}

/// A seed with the ranges of one part worked out once.
pub struct Patcher {
    seed: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Patcher {
    /// Prepares `seed`, a whole small Go program with uncompressed DWARF.
    pub fn new(seed: Vec<u8>, part: Part) -> Patcher {
        let ranges = ranges(&seed, part);
        Patcher { seed, ranges }
    }

    /// Overwrites what `input` says and reads the result as far as it can be read.
    pub fn run(&self, input: &[u8]) {
        let mut bytes = self.seed.clone();
        apply(&mut bytes, &self.ranges, input);
        if let Ok(image) = Image::parse(bytes) {
            walk(&image);
        }
    }
}

/// Asks an image for everything that it can tell. It must answer or refuse, and soon.
pub fn walk(image: &Image) {
    let count = image.table().map_or(0, |t| t.len());
    for index in (0..count).step_by((count as usize / 300).max(1)) {
        let Some(f) = image.function(index) else { continue };
        let _ = (f.parts(), f.place(), f.file_line(f.entry().plus(9)), f.origin(), f.arg_info(), f.row().deferreturn());
        let _ = f.inlined_calls();
        let _ = image.function_at(f.entry().plus(1));
    }
    let _ = image.inlined_only();
}

/// Bytes as a whole file.
pub fn elf(input: &[u8]) {
    if let Ok(elf) = Elf::parse(input.to_vec()) {
        let _ = elf.symbols().count();
        for section in &elf.sections {
            let _ = elf.section_data(section);
        }
    }
    if let Ok(image) = Image::parse(input.to_vec()) {
        walk(&image);
    }
}

/// A pattern and names, separated by line ends.
pub fn pattern(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return };
    let pattern = Pattern::new(first);
    let names: Vec<&str> = lines.collect();
    for name in &names {
        let parts = gobin::name::Name::parse(name);
        let _ = (parts.origin(), parts.import_path(), pattern.matches(name));
        assert!(Pattern::new(name).matches(name), "a name matches itself: {name:?}");
    }
    let _ = suggest(first, names.into_iter(), 3);
}
