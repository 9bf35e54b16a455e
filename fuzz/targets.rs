//! What the fuzzers do with their bytes. One file for two users: libFuzzer (`fuzz/fuzz_targets`), and the replay of the
//! saved corpus with a run of mutations on stable Rust (`crates/gobin/tests/foreign_bytes.rs`).
//!
//! A Go executable is too large to be a fuzzer's input. So most inputs are *patches*: which bytes of a small real
//! program to overwrite, inside the part that the target is about. They are short, keep their meaning when the seed is
//! built anew, and reach the code behind the headers, which random bytes never do.

use std::ops::Range;

use gobin::abi::Place;
use gobin::describe::Descriptions;
use gobin::generic::Generics;
use gobin::pattern::{Pattern, suggest};
use gobin::rtype::RuntimeTypes;
use gobin::sites::{self, Written};
use gobin::types::{Kind, TypeRef, TypeSource};
use gobin::{Arch, Elf, Image, VAddr, ability, arginfo, dwarf, insn, name};

/// What a target does with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It is a whole file.
    File,
    /// It overwrites bytes of a part of the seed program.
    Patch(Part),
    /// It says where the seed program is cut off.
    Cut,
    /// It is machine code.
    Code,
    /// It is a pattern and names.
    Names,
}

/// A part of the seed program that a target overwrites bytes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// ELF, program and section headers, section names, dynamic section and relocations.
    Headers,
    /// Build information.
    BuildInfo,
    /// The function table.
    Pclntab,
    /// Moduledata and everything that it points to: types, itabs, function data.
    Types,
    /// The sections of DWARF.
    Dwarf,
    /// Machine code.
    Text,
}

/// All targets by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("file", Target::File),
    ("elf", Target::Patch(Part::Headers)),
    ("buildinfo", Target::Patch(Part::BuildInfo)),
    ("pclntab", Target::Patch(Part::Pclntab)),
    ("types", Target::Patch(Part::Types)),
    ("dwarf", Target::Patch(Part::Dwarf)),
    ("text", Target::Patch(Part::Text)),
    ("cut", Target::Cut),
    ("code", Target::Code),
    ("names", Target::Names),
];

/// A target ready to run.
pub struct Runner {
    target: Target,
    seed: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Runner {
    /// Prepares a target; `seed` is a whole small Go program with uncompressed DWARF.
    pub fn new(target: Target, seed: Vec<u8>) -> Runner {
        let ranges = if let Target::Patch(part) = target { ranges(&seed, part) } else { Vec::new() };
        Runner { target, seed, ranges }
    }

    /// How many bytes the target looks at for this input.
    #[allow(dead_code, reason = "libFuzzer has a limit of its own")]
    pub fn size(&self, input: &[u8]) -> usize {
        if matches!(self.target, Target::Patch(_) | Target::Cut) { self.seed.len() } else { input.len() }
    }

    /// Does what the target does. It must come back, and soon.
    pub fn run(&self, input: &[u8]) {
        match self.target {
            Target::File => file(input),
            Target::Patch(_) => whole(self.patched(input), salt(input)),
            Target::Cut => whole(self.cut(input), salt(input)),
            Target::Code => code(input),
            Target::Names => names(input),
        }
    }

    /// The seed with the bytes overwritten that `input` says: each place as three bytes of position, as a share of the
    /// part's size, one of length (its low three bits) and the bytes to put there.
    fn patched(&self, mut input: &[u8]) -> Vec<u8> {
        let mut bytes = self.seed.clone();
        let total: usize = self.ranges.iter().map(Range::len).sum();
        while let [a, b, c, n, rest @ ..] = input {
            let share = u64::from(u32::from_le_bytes([*a, *b, *c, 0]));
            let at = (share * total as u64).div_ceil(1 << 24) as usize;
            let (new, next) = rest.split_at((usize::from(n & 7) + 1).min(rest.len()));
            overwrite(&mut bytes, &self.ranges, at, new);
            input = next;
        }
        bytes
    }

    /// The seed up to the byte that the first four of `input` name.
    fn cut(&self, input: &[u8]) -> Vec<u8> {
        let len = input.first_chunk().map_or(0, |b| u32::from_le_bytes(*b)) as usize;
        self.seed[..len % (self.seed.len() + 1)].to_vec()
    }

    /// Positions in the seed where something begins or ends.
    #[allow(dead_code, reason = "libFuzzer finds them by itself")]
    pub fn boundaries(&self) -> Vec<usize> {
        let elf = Elf::parse(self.seed.clone()).expect("the seed is whole");
        let segments = elf.segments.iter().flat_map(|s| [s.offset.0, s.offset.0 + s.file_size]);
        let sections = elf.sections.iter().flat_map(|s| [s.offset.0, s.offset.0 + s.size]);
        let table = u64_at(&self.seed, 40);
        let headers = (0..64).chain((0..10).map(|i| 64 + 56 * i)).chain((0..30).map(|i| table + 64 * i));
        let all = segments.chain(sections).chain(headers).map(|at| at as usize);
        all.flat_map(|at| [at.saturating_sub(1), at, at + 1]).filter(|&at| at < self.seed.len()).collect()
    }

    /// An input that puts `new` at `at` of the part, counted in bytes.
    #[allow(dead_code, reason = "for the corpus")]
    pub fn patch(&self, at: usize, new: &[u8]) -> Vec<u8> {
        let total: usize = self.ranges.iter().map(Range::len).sum();
        let share = ((at as u64) << 24) / total as u64;
        let [a, b, c, ..] = share.to_le_bytes();
        [&[a, b, c, new.len() as u8 - 1], new].concat()
    }
}

fn overwrite(bytes: &mut [u8], ranges: &[Range<usize>], mut at: usize, new: &[u8]) {
    for range in ranges {
        if at < range.len() {
            let start = range.start + at;
            let end = bytes.len().min(start + new.len());
            bytes[start..end].copy_from_slice(&new[..end - start]);
            return;
        }
        at -= range.len();
    }
}

/// Of large parts only a sample of functions is looked at, another one for each input.
fn salt(input: &[u8]) -> u32 {
    input.iter().fold(0x811c_9dc5, |hash: u32, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the seed has a header"))
}

/// The bytes of the file that belong to a part.
fn ranges(seed: &[u8], part: Part) -> Vec<Range<usize>> {
    let image = Image::parse(seed.to_vec()).expect("the seed is a Go program");
    let elf = image.elf();
    let section = |s: &gobin::elf::Section| s.offset.0 as usize..(s.offset.0 + s.size) as usize;
    let named = |wanted: &dyn Fn(&str) -> bool| -> Vec<Range<usize>> {
        elf.sections.iter().filter(|s| wanted(&s.name)).map(section).collect()
    };
    match part {
        Part::Headers => {
            let table = u64_at(seed, 40) as usize;
            let mut all = vec![0..0x240, table..(table + 64 * elf.sections.len()).min(seed.len())];
            all.extend(named(&|n| [".shstrtab", ".dynamic"].contains(&n)));
            all
        }
        Part::BuildInfo => named(&|n| n == ".go.buildinfo"),
        Part::Pclntab => named(&|n| n.ends_with(".gopclntab")),
        Part::Types => {
            let lists = [".rodata", ".typelink", ".itablink", ".go.type", ".go.func", ".go.module"];
            let mut all = named(&|n| lists.contains(&n));
            let module = image.module().and_then(|m| elf.file_offset(m.addr)).map_or(0, |at| at.0 as usize);
            // Often, since it is small and everything hangs on it.
            all.extend(std::iter::repeat_n(module..module + 600, 100));
            all
        }
        Part::Dwarf => {
            let mut all = named(&|n| n.starts_with(".debug_") && n != ".debug_frame" && n != ".debug_line");
            let abbreviations = named(&|n| n == ".debug_abbrev");
            all.extend(abbreviations.iter().cycle().take(100).cloned());
            all
        }
        Part::Text => named(&|n| n == ".text"),
    }
}

/// Bytes as a whole file.
fn file(input: &[u8]) {
    if let Ok(elf) = Elf::parse(input.to_vec()) {
        let _ = (elf.symbols().count(), elf.relocations().len(), dwarf::version(&elf));
        for section in &elf.sections {
            let _ = (elf.section_data(section), elf.section_head(section, 6));
        }
    }
    whole(input.to_vec(), 0);
}

fn whole(bytes: Vec<u8>, salt: u32) {
    match Image::parse(bytes) {
        Ok(image) => walk(&image, salt),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Asks an image for everything that it can tell.
fn walk(image: &Image, salt: u32) {
    let places: Vec<_> = image.inlined_first(|_| true, 50).places.into_values().flatten().collect();
    let instances = image.instances(&places);
    assert!(instances.iter().flatten().all(|of| of.signature.as_ref().is_none_or(|of| !of.to_string().is_empty())));
    let _ = (image.summary(), image.inlined().len(), ability::abilities(image), ability::form(image));
    let _ = (image.elf().symbols().count(), image.build_info().map(|b| b.setting("-buildmode")));
    runtime(image);
    let refs = functions(image, salt);
    if let Some(dwarf) = image.dwarf() {
        let _ = (dwarf.damage(), dwarf.functions().count(), dwarf.find_variable("runtime.allgs"));
        follow(dwarf, refs.into_iter().chain(dwarf.find_type("runtime.g")));
    }
    if let Some(types) = image.module().and_then(|m| RuntimeTypes::new(image.elf(), m, image.go())) {
        runtime_types(&types);
    }
}

/// How many functions of an image are looked at closely.
const SAMPLE: u32 = 150;

/// Some of the functions, with everything about each; the types of their arguments.
fn functions(image: &Image, salt: u32) -> Vec<TypeRef> {
    let count = image.table().map_or(0, |t| t.len());
    let step = (count / SAMPLE).max(1);
    let (descriptions, generics) = (Descriptions::of(image), Generics::of(image));
    let signatures = image.dwarf_signatures();
    let mut refs = Vec::new();
    for f in (salt % step..count).step_by(step as usize).filter_map(|i| image.function(i)) {
        let inside = f.entry().plus(9);
        let _ = (f.parts().import_path(), f.place(), f.file_line(inside), f.inlined_at(inside), f.origin());
        let _ = (f.row().args(), f.row().start_line(), f.row().flags(), f.inlined_calls());
        assert!(image.function_at(f.entry()).is_none_or(|at| at.entry() <= f.entry()));
        if let Ok(params) = f.arg_info().map(arginfo::words).unwrap_or(Ok(Vec::new())) {
            let _ = arginfo::guess(&params, arginfo::Known { registers: 9, hidden: Some(0), spilled_from: Some(0) });
        }
        let _ = image.sites(&f);
        insn::disassemble(image.arch(), f.entry(), f.code(), |at| Some(image.function_at(at)?.name().to_owned()), drop);
        let _ = signatures.as_ref().and_then(|s| s.compare(&f.compiled()));
        let Some(signature) = descriptions.signature(&f) else { continue };
        let _ = (signature.to_string(), generics.instantiations(f.name(), &signature));
        for arg in signature.args.iter().chain(&signature.rets) {
            assert!(matches!(arg.place, Place::Registers(_)) || !arg.place.to_string().is_empty());
            refs.extend(arg.ty);
        }
    }
    refs
}

/// Types that are followed from the first ones.
const FOLLOWED: usize = 500;

/// Types and those that they are made of.
fn follow(source: &dyn TypeSource, first: impl Iterator<Item = TypeRef>) {
    let mut waiting: Vec<TypeRef> = first.collect();
    for _ in 0..FOLLOWED {
        let Some(ty) = waiting.pop().and_then(|at| source.resolve(at)) else { continue };
        match &ty.kind {
            Kind::Pointer(Some(to)) | Kind::Chan(Some(to)) | Kind::Slice(to) | Kind::Array { elem: to, .. } => {
                waiting.push(*to);
            }
            Kind::Map { key, elem } => waiting.extend([key, elem]),
            Kind::Struct(fields) => waiting.extend(fields.iter().take(100).map(|f| f.ty)),
            _ => {}
        }
        waiting.truncate(2 * FOLLOWED);
    }
}

fn runtime(image: &Image) {
    for layout in [image.runtime(), image.runtime_by_version()] {
        for (strct, field) in [("runtime.g", "goid"), ("runtime.g", "sched.sp"), ("runtime.m", "curg")] {
            let _ = layout.offset(strct, field);
        }
        for field in ["atomicstatus", "waitreason"] {
            let _ = layout.offset("runtime.g", field);
        }
        let globals = ["allgs", "allglen", "allgptr", "allm"];
        let _ = globals.map(|name| layout.global(&format!("runtime.{name}")));
        let _ = (layout.wait_reason(1), layout.g_state(1), layout.why_no_table());
    }
}

fn runtime_types(types: &RuntimeTypes) {
    let all = types.all();
    let step = (all.len() / 300).max(1);
    for &at in all.iter().step_by(step) {
        let _ = (types.full_name(at), types.package(at), types.is_direct(at), types.methods(at));
        let _ = (types.interface_methods(at), types.func(at));
    }
    follow(types, all.iter().step_by(step).map(|&at| TypeRef::Runtime(at)));
    let _ = (types.itabs(), types.method_signatures(None));
}

/// Machine code: the first byte says for which machine and what it was written in.
fn code(input: &[u8]) {
    let Some((&how, bytes)) = input.split_first() else { return };
    let arch = if how & 1 == 0 { Arch::Amd64 } else { Arch::Arm64 };
    let written = [Written::Go, Written::Assembly, Written::C, Written::Go][usize::from(how >> 1 & 3)];
    // Near the end of what can be addressed, where sums wrap.
    let entry = VAddr(if how & 8 == 0 { 0x40_1000 } else { u64::MAX - 0xfff });
    let morestack = [entry.plus(0x40), entry.plus(0x2000)];
    let deferreturn = Some(entry.plus(0x1000));
    let found = sites::find(&sites::Code { arch, entry, bytes, written, deferreturn, morestack: &morestack });
    assert!(found.decoded_to as usize <= bytes.len());
    assert!(found.entry.is_err() || found.entry.is_ok_and(|e| (e.offset as usize) < bytes.len()), "a site outside");
    let decoded: usize = insn::decode(arch, entry, bytes).flatten().map(|i| i.len as usize).sum();
    assert!(decoded <= bytes.len(), "instructions overlap");
    let _ = (insn::price(arch, bytes), insn::prologue(arch, bytes));
    insn::disassemble(arch, entry, bytes, |at| (at.0 & 1 == 0).then(|| "name".to_owned()), drop);
}

/// A pattern and names, separated by line ends.
fn names(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return };
    let pattern = Pattern::new(first);
    let names: Vec<&str> = lines.collect();
    for one in &names {
        let parts = name::Name::parse(one);
        let _ = (parts.origin(), parts.import_path(), parts.generic(), pattern.matches(one), pattern.is_literal());
        // In a file a zero byte ends a name.
        assert!(one.contains('\0') || Pattern::new(one).matches(one), "a name matches itself: {one:?}");
    }
    let _ = (suggest(first, names.into_iter(), 3), gobin::buildinfo::GoVersion::parse(first));
}
