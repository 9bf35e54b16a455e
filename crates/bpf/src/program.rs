//! A program as it is made: instructions, the maps they name, functions, notes, type information.
//!
//! The same text makes the same program on every machine. Only [`Program::linked`] depends on one: it puts in the file
//! descriptors of maps that were made.

use crate::btf::Btf;
use crate::caps::{Caps, Feature};
use crate::insn::{Insn, Wide, encode_all, slots};
use crate::map::{MapId, MapSpec, Maps};
use crate::notes::{Function, Note, Source};

/// What a program is attached to, as far as the kernel must know when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A link with many uprobes.
    UprobeMulti,
    /// A uprobe event.
    Uprobe,
    /// A tracepoint with its fields.
    Tracepoint,
    /// Run by request only.
    RawTracepoint,
    /// A sampling clock.
    PerfEvent,
}

impl Kind {
    /// `BPF_PROG_TYPE_…`.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Kind::UprobeMulti | Kind::Uprobe => 2,
            Kind::Tracepoint => 5,
            Kind::PerfEvent => 7,
            Kind::RawTracepoint => 17,
        }
    }

    /// `expected_attach_type` for loading.
    #[must_use]
    pub const fn attach_type(self) -> u32 {
        match self {
            Kind::UprobeMulti => 48,
            _ => 0,
        }
    }

    /// Its name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::UprobeMulti => "uprobe_multi",
            Kind::Uprobe => "uprobe",
            Kind::Tracepoint => "tracepoint",
            Kind::RawTracepoint => "raw_tracepoint",
            Kind::PerfEvent => "perf_event",
        }
    }
}

/// A program, ready for any kernel that has what it [needs](Program::needs). Made by
/// [`Assembler::finish`](crate::asm::Assembler::finish) and not changed after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) sleepable: bool,
    pub(crate) insns: Vec<Insn>,
    pub(crate) functions: Vec<Function>,
    pub(crate) notes: Vec<(usize, Note)>,
    pub(crate) source: Source,
    pub(crate) maps: Maps,
    pub(crate) btf: Btf,
}

impl Program {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is attached to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it may sleep (`BPF_F_SLEEPABLE`).
    #[must_use]
    pub fn sleepable(&self) -> bool {
        self.sleepable
    }

    /// Its instructions; maps are ids.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// Its functions, by where they start; the first is the program itself.
    #[must_use]
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What is said about instructions, by index.
    #[must_use]
    pub fn notes(&self) -> &[(usize, Note)] {
        &self.notes
    }

    /// The text it was made from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The table its map ids point into, with maps that only other programs of the run use.
    #[must_use]
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// Type and line information for the kernel.
    #[must_use]
    pub fn btf(&self) -> &Btf {
        &self.btf
    }

    /// The maps that its instructions name, each once, in the order of their ids.
    #[must_use]
    pub fn used_maps(&self) -> Vec<MapId> {
        let mut ids: Vec<MapId> = self.insns.iter().filter_map(map_of).map(MapId).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Where maps are named: slot and map, in the order of slots.
    #[must_use]
    pub fn relocations(&self) -> Vec<(usize, MapId)> {
        let at = self.insns.iter().zip(slots(&self.insns));
        at.filter_map(|(insn, slot)| Some((slot, MapId(map_of(insn)?)))).collect()
    }

    /// The bytes to load, with map ids replaced by what `fd` gives for them.
    pub fn linked(&self, mut fd: impl FnMut(MapId) -> u32) -> Vec<u8> {
        let linked: Vec<Insn> = self.insns.iter().map(|insn| with_map(insn, &mut fd)).collect();
        encode_all(&linked)
    }

    /// Its instructions, with other ids of maps.
    pub(crate) fn with_maps(&self, mut id: impl FnMut(MapId) -> MapId) -> Vec<Insn> {
        self.insns.iter().map(|insn| with_map(insn, &mut |map| id(map).0)).collect()
    }

    /// What the kernel must have beyond Linux 5.10, each once.
    #[must_use]
    pub fn needs(&self) -> Vec<Feature> {
        let maps = self.used_maps();
        let specs = maps.iter().filter_map(|&id| self.maps.get(id));
        let mut needs: Vec<Feature> = self.insns.iter().filter_map(Insn::needs).collect();
        needs.extend(specs.filter_map(|map: &MapSpec| map.needs(self.sleepable)));
        needs.extend(self.sleepable.then_some(Feature::SleepableUprobes));
        needs.extend((self.kind == Kind::UprobeMulti).then_some(Feature::UprobeMulti));
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// What it needs that such a kernel lacks.
    #[must_use]
    pub fn lacking(&self, caps: Caps) -> Vec<Feature> {
        self.needs().into_iter().filter(|&f| !caps.has(f)).collect()
    }

    /// All of it as bytes: the same for the same program, different for different ones. For comparing and keeping, not
    /// for reading back.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = Writer { bytes: b"gospect bpf 1\n".to_vec() };
        out.text(&self.name);
        out.number(self.kind.number() | self.kind.attach_type() << 8 | u32::from(self.sleepable) << 16);
        out.blob(&encode_all(&self.insns));
        out.list(&self.functions, Writer::function);
        out.list(&self.notes, |out, (at, note)| out.note(*at, note));
        out.text(&self.source.name);
        out.text(&self.source.text);
        out.number(self.maps.iter().len() as u32);
        self.maps.iter().for_each(|(_, spec)| out.map(spec));
        out.blob(&self.btf.types);
        out.blob(&self.btf.func_info);
        out.blob(&self.btf.line_info);
        out.bytes
    }
}

fn map_of(insn: &Insn) -> Option<u32> {
    match insn {
        Insn::LoadWide { value: Wide::Map(map) | Wide::MapValue { map, .. }, .. } => Some(*map),
        _ => None,
    }
}

fn with_map(insn: &Insn, fd: &mut impl FnMut(MapId) -> u32) -> Insn {
    match *insn {
        Insn::LoadWide { dst, value: Wide::Map(map) } => Insn::LoadWide { dst, value: Wide::Map(fd(MapId(map))) },
        Insn::LoadWide { dst, value: Wide::MapValue { map, offset } } => {
            Insn::LoadWide { dst, value: Wide::MapValue { map: fd(MapId(map)), offset } }
        }
        other => other,
    }
}

/// Numbers little-endian, everything of variable size behind its length.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, n: u32) {
        self.bytes.extend(n.to_le_bytes());
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.bytes.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Writer, &T)) {
        self.number(items.len() as u32);
        items.iter().for_each(|item| each(self, item));
    }

    fn function(&mut self, function: &Function) {
        self.text(&function.name);
        self.number(function.start as u32);
        self.number(function.linkage as u32);
        self.number(function.stack);
        self.list(&function.args, |out, arg| out.text(arg));
    }

    fn note(&mut self, at: usize, note: &Note) {
        self.number(at as u32);
        let (tag, text) = match note {
            Note::Label(name) => (0, name.clone()),
            Note::Comment(text) => (1, text.clone()),
            Note::Pos(Some(pos)) => (2, format!("{}:{}", pos.line, pos.column)),
            Note::Pos(None) => (2, String::new()),
        };
        self.number(tag);
        self.text(&text);
    }

    fn map(&mut self, spec: &MapSpec) {
        let (per_cpu, entries) = match spec.entries {
            crate::map::Entries::Fixed(n) => (0, n),
            crate::map::Entries::PerCpu(n) => (1, n),
        };
        self.text(&spec.name);
        [spec.kind.number(), spec.key_size, spec.value_size, per_cpu, entries, spec.flags.0]
            .into_iter()
            .for_each(|n| self.number(n));
        self.blob(&spec.contents);
        self.list(&spec.inner, |out, id| out.number(id.0));
    }
}

#[cfg(test)]
mod tests;
