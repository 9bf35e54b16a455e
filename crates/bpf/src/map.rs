//! What maps a program wants: kind, sizes, flags, and what they hold from the start.
//!
//! A specification is the same on every machine; what depends on the machine (how many CPUs) is said as such and
//! resolved by whoever makes the map. Checked here by the kernel's own rules, so that making the map cannot fail for a
//! reason that was known before.

use std::fmt;

use crate::caps::Feature;

/// A map by its place in [`Maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId(pub u32);

impl MapId {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The kinds of maps that gospect uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapKind {
    /// Values by number, all there from the start.
    Array,
    /// The same, one value for each CPU.
    PerCpuArray,
    /// Values by key.
    Hash,
    /// The same, one value for each CPU.
    PerCpuHash,
    /// Values by key; when full, the ones not used for long go.
    LruHash,
    /// Records on their way to user space.
    RingBuf,
    /// Maps by number.
    ArrayOfMaps,
}

impl MapKind {
    /// `BPF_MAP_TYPE_…`.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            MapKind::Hash => 1,
            MapKind::Array => 2,
            MapKind::PerCpuHash => 5,
            MapKind::PerCpuArray => 6,
            MapKind::LruHash => 9,
            MapKind::ArrayOfMaps => 12,
            MapKind::RingBuf => 27,
        }
    }

    /// Whether each CPU has its own values.
    #[must_use]
    pub const fn is_per_cpu(self) -> bool {
        matches!(self, MapKind::PerCpuArray | MapKind::PerCpuHash)
    }

    /// Whether keys are numbers below the count of entries.
    #[must_use]
    pub const fn is_array(self) -> bool {
        matches!(self, MapKind::Array | MapKind::PerCpuArray | MapKind::ArrayOfMaps)
    }

    /// Whether keys are bytes.
    #[must_use]
    pub const fn is_hash(self) -> bool {
        matches!(self, MapKind::Hash | MapKind::PerCpuHash | MapKind::LruHash)
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MapKind::Array => "array",
            MapKind::PerCpuArray => "percpu_array",
            MapKind::Hash => "hash",
            MapKind::PerCpuHash => "percpu_hash",
            MapKind::LruHash => "lru_hash",
            MapKind::RingBuf => "ringbuf",
            MapKind::ArrayOfMaps => "array_of_maps",
        })
    }
}

/// How many entries a map has; for a ring, how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entries {
    /// That many.
    Fixed(u32),
    /// That many for each CPU that the machine may have.
    PerCpu(u32),
}

impl Entries {
    /// The number on a machine with so many possible CPUs.
    #[must_use]
    pub const fn on(self, cpus: u32) -> u32 {
        match self {
            Entries::Fixed(n) => n,
            Entries::PerCpu(n) => n.saturating_mul(cpus),
        }
    }
}

/// `BPF_F_…` of map creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MapFlags(pub u32);

impl MapFlags {
    /// A hash allocates as it fills.
    pub const NO_PREALLOC: MapFlags = MapFlags(1);
    /// Programs may only read.
    pub const READ_ONLY: MapFlags = MapFlags(1 << 7);
    /// User space may map an array's memory.
    pub const MMAPABLE: MapFlags = MapFlags(1 << 10);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn has(self, other: MapFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for MapFlags {
    type Output = MapFlags;

    fn bitor(self, other: MapFlags) -> MapFlags {
        MapFlags(self.0 | other.0)
    }
}

/// What one map shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// How the program's text calls it.
    pub name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many entries.
    pub entries: Entries,
    /// Flags of creation.
    pub flags: MapFlags,
    /// What it holds from the start: of an array the first values one after the other, of a hash keys each followed
    /// by its value. Not for maps with values by CPU.
    pub contents: Vec<u8>,
    /// The maps that an array of maps holds, all made alike.
    pub inner: Vec<MapId>,
}

impl MapSpec {
    fn of(name: &str, kind: MapKind, key_size: u32, value_size: u32, entries: Entries) -> MapSpec {
        let (flags, contents, inner) = (MapFlags::default(), Vec::new(), Vec::new());
        MapSpec { name: name.to_owned(), kind, key_size, value_size, entries, flags, contents, inner }
    }

    /// Values by number.
    #[must_use]
    pub fn array(name: &str, value_size: u32, entries: Entries) -> MapSpec {
        MapSpec::of(name, MapKind::Array, 4, value_size, entries)
    }

    /// Values by number and CPU.
    #[must_use]
    pub fn per_cpu_array(name: &str, value_size: u32, entries: u32) -> MapSpec {
        MapSpec::of(name, MapKind::PerCpuArray, 4, value_size, Entries::Fixed(entries))
    }

    /// Values by key; `kind` is one of the hashes.
    #[must_use]
    pub fn hash(name: &str, kind: MapKind, key_size: u32, value_size: u32, entries: u32) -> MapSpec {
        MapSpec::of(name, kind, key_size, value_size, Entries::Fixed(entries))
    }

    /// A ring of that many bytes.
    #[must_use]
    pub fn ringbuf(name: &str, bytes: Entries) -> MapSpec {
        MapSpec::of(name, MapKind::RingBuf, 0, 0, bytes)
    }

    /// Maps by number.
    #[must_use]
    pub fn array_of_maps(name: &str, inner: Vec<MapId>) -> MapSpec {
        let entries = Entries::Fixed(u32::try_from(inner.len()).unwrap_or(u32::MAX));
        MapSpec { inner, ..MapSpec::of(name, MapKind::ArrayOfMaps, 4, 4, entries) }
    }

    /// The same with these flags.
    #[must_use]
    pub fn flags(self, flags: MapFlags) -> MapSpec {
        MapSpec { flags, ..self }
    }

    /// The same with these contents.
    #[must_use]
    pub fn contents(self, contents: Vec<u8>) -> MapSpec {
        MapSpec { contents, ..self }
    }

    /// The name as the kernel takes it: 15 letters, digits, dots and underscores.
    #[must_use]
    pub fn kernel_name(&self) -> String {
        kernel_name(&self.name)
    }

    /// The pieces of [`MapSpec::contents`]: of an array one value each, of a hash key and value together.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.contents.chunks_exact(self.piece().max(1))
    }

    fn piece(&self) -> usize {
        let key = if self.kind.is_array() { 0 } else { self.key_size };
        key as usize + self.value_size as usize
    }

    fn check(&self, before: &[MapSpec]) -> Result<(), &'static str> {
        self.check_sizes()?;
        self.check_flags()?;
        self.check_contents()?;
        self.check_inner(before)
    }

    fn check_sizes(&self) -> Result<(), &'static str> {
        let (Entries::Fixed(entries) | Entries::PerCpu(entries)) = self.entries;
        match self.kind {
            MapKind::RingBuf if self.key_size != 0 || self.value_size != 0 => Err("a ring has neither key nor value"),
            MapKind::RingBuf if !entries.is_power_of_two() || entries < PAGE => {
                Err("a ring is a power of two of pages")
            }
            _ if entries == 0 => Err("a map has at least one entry"),
            MapKind::RingBuf => Ok(()),
            kind if kind.is_array() && self.key_size != 4 => Err("an array's key has 4 bytes"),
            _ if self.key_size == 0 || self.value_size == 0 => Err("key and value have at least one byte"),
            _ if self.key_size > MAX_KEY => Err("a key is built on the stack, so it has at most 512 bytes"),
            _ if self.value_size > MAX_VALUE => Err("a value has at most 32 MiB"),
            kind if kind.is_per_cpu() && self.value_size > MAX_PER_CPU => Err("a value by CPU has at most 32 KiB"),
            _ => Ok(()),
        }
    }

    fn check_flags(&self) -> Result<(), &'static str> {
        let allowed = match self.kind {
            MapKind::Array => MapFlags::READ_ONLY | MapFlags::MMAPABLE,
            MapKind::Hash | MapKind::PerCpuHash => MapFlags::NO_PREALLOC | MapFlags::READ_ONLY,
            MapKind::PerCpuArray | MapKind::LruHash => MapFlags::READ_ONLY,
            MapKind::RingBuf | MapKind::ArrayOfMaps => MapFlags::default(),
        };
        if allowed.has(self.flags) { Ok(()) } else { Err("a flag that this kind of map does not take") }
    }

    fn check_contents(&self) -> Result<(), &'static str> {
        if self.contents.is_empty() {
            return Ok(());
        }
        if self.kind.is_per_cpu() || matches!(self.kind, MapKind::RingBuf | MapKind::ArrayOfMaps) {
            return Err("this kind of map holds nothing from the start");
        }
        let (whole, Entries::Fixed(entries)) = (self.contents.len().is_multiple_of(self.piece()), self.entries) else {
            return Err("contents need a fixed number of entries");
        };
        match whole {
            false => Err("the contents are no whole number of entries"),
            true if self.contents.len() / self.piece() > entries as usize => Err("more contents than entries"),
            true => Ok(()),
        }
    }

    fn check_inner(&self, before: &[MapSpec]) -> Result<(), &'static str> {
        if self.kind != MapKind::ArrayOfMaps {
            return if self.inner.is_empty() { Ok(()) } else { Err("only an array of maps holds maps") };
        }
        let inner: Option<Vec<&MapSpec>> = self.inner.iter().map(|id| before.get(id.index())).collect();
        let inner = inner.ok_or("an inner map stands before the map that holds it")?;
        let alike = |a: &MapSpec, b: &MapSpec| {
            (a.kind, a.key_size, a.value_size, a.entries, a.flags)
                == (b.kind, b.key_size, b.value_size, b.entries, b.flags)
        };
        match inner.first() {
            Some(first) if first.kind == MapKind::ArrayOfMaps => Err("maps are held one level deep"),
            Some(first) if inner.iter().all(|map| alike(first, map)) => Ok(()),
            Some(_) => Err("inner maps are all made alike"),
            None => Err("an array of maps holds at least one"),
        }
    }

    /// What the kernel must have for it beyond Linux 5.10, in a program that may sleep or not.
    #[must_use]
    pub fn needs(&self, sleepable: bool) -> Option<Feature> {
        let late = self.kind.is_hash() && self.flags.has(MapFlags::NO_PREALLOC);
        (late && sleepable).then_some(Feature::NoPreallocInTracing)
    }
}

/// The smallest page that kernels have.
const PAGE: u32 = 4096;
/// A key fits on the stack.
const MAX_KEY: u32 = 512;
/// Well below the kernel's `KMALLOC_MAX_SIZE`-bound, and enough.
const MAX_VALUE: u32 = 32 << 20;
/// `PCPU_MIN_UNIT_SIZE`.
const MAX_PER_CPU: u32 = 32 << 10;

/// A name as kernel objects may have it: at most 15 of the characters that are allowed, from the start of `name`.
#[must_use]
pub fn kernel_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    name.trim_start_matches('@').chars().map(plain).take(15).collect()
}

impl fmt::Display for MapSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        let (number, each) = match self.entries {
            Entries::Fixed(n) => (n, ""),
            Entries::PerCpu(n) => (n, " per cpu"),
        };
        match self.kind {
            MapKind::RingBuf => write!(f, " {number} bytes{each}")?,
            _ => write!(f, " key {} value {} entries {number}{each}", self.key_size, self.value_size)?,
        }
        for (flag, name) in FLAG_NAMES {
            if self.flags.has(flag) {
                write!(f, " {name}")?;
            }
        }
        match self.pieces().count() {
            0 => Ok(()),
            n => write!(f, " holds {n}"),
        }
    }
}

const FLAG_NAMES: [(MapFlags, &str); 3] =
    [(MapFlags::NO_PREALLOC, "no_prealloc"), (MapFlags::READ_ONLY, "read_only"), (MapFlags::MMAPABLE, "mmapable")];

/// A map that cannot be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    /// Its name.
    pub map: String,
    /// What is wrong, in words.
    pub why: &'static str,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map {}: {}", self.map, self.why)
    }
}

impl std::error::Error for MapError {}

/// The maps of a run. All its programs are made with the same table, so that an id means the same map in each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maps {
    specs: Vec<MapSpec>,
}

impl Maps {
    /// No maps yet.
    #[must_use]
    pub fn new() -> Maps {
        Maps::default()
    }

    /// Adds a map.
    ///
    /// # Errors
    /// If the kernel would not make it, or the name is taken.
    pub fn add(&mut self, spec: MapSpec) -> Result<MapId, MapError> {
        let taken = if self.find(&spec.name).is_some() { Err("the name is taken") } else { Ok(()) };
        match taken.and_then(|()| spec.check(&self.specs)) {
            Ok(()) => {
                self.specs.push(spec);
                Ok(MapId(self.specs.len() as u32 - 1))
            }
            Err(why) => Err(MapError { map: spec.name, why }),
        }
    }

    /// The map with that id.
    #[must_use]
    pub fn get(&self, id: MapId) -> Option<&MapSpec> {
        self.specs.get(id.index())
    }

    /// The map with that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<MapId> {
        self.specs.iter().position(|spec| spec.name == name).map(|at| MapId(at as u32))
    }

    /// All maps in the order of their ids; inner maps stand before those that hold them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (MapId, &MapSpec)> {
        self.specs.iter().enumerate().map(|(at, spec)| (MapId(at as u32), spec))
    }

    /// The same, with room for so many entries in tables that are empty at the start. To see whether kernels take
    /// programs: the verifier does not care how large tables are, and making them takes longer than it does.
    #[must_use]
    pub fn with_room_for(&self, most: u32) -> Maps {
        let small = |spec: &MapSpec| match (spec.kind, spec.entries) {
            (MapKind::Hash | MapKind::PerCpuHash, Entries::Fixed(n)) if spec.contents.is_empty() => {
                MapSpec { entries: Entries::Fixed(n.min(most)), ..spec.clone() }
            }
            _ => spec.clone(),
        };
        Maps { specs: self.specs.iter().map(small).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(spec: MapSpec, expect: Expect) {
        let mut maps = Maps::new();
        let ring = || MapSpec::ringbuf("ring0", Entries::Fixed(4096));
        maps.add(ring()).unwrap();
        maps.add(MapSpec { name: "ring1".into(), ..ring() }).unwrap();
        maps.add(MapSpec { name: "big".into(), entries: Entries::Fixed(8192), ..ring() }).unwrap();
        let said = spec.to_string();
        expect.assert_eq(&maps.add(spec).map_or_else(|e| e.to_string(), |_| said));
    }

    #[test]
    fn a_map_is_shown_with_all_that_the_kernel_is_told() {
        check(
            MapSpec::array("rows", 16, Entries::Fixed(3)).contents(vec![1; 32]).flags(MapFlags::MMAPABLE),
            expect!["rows array key 4 value 16 entries 3 mmapable holds 2"],
        );
        check(
            MapSpec::array("scratch", 32768, Entries::PerCpu(4)),
            expect!["scratch array key 4 value 32768 entries 4 per cpu"],
        );
        check(
            MapSpec::hash("@n", MapKind::PerCpuHash, 8, 8, 4096).flags(MapFlags::NO_PREALLOC),
            expect!["@n percpu_hash key 8 value 8 entries 4096 no_prealloc"],
        );
        check(MapSpec::ringbuf("events", Entries::Fixed(1 << 20)), expect!["events ringbuf 1048576 bytes"]);
        check(
            MapSpec::array_of_maps("rings", vec![MapId(0), MapId(1)]),
            expect!["rings array_of_maps key 4 value 4 entries 2"],
        );
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_with_the_reason() {
        check(MapSpec::array("empty", 16, Entries::Fixed(0)), expect!["map empty: a map has at least one entry"]);
        check(
            MapSpec::array("nothing", 0, Entries::Fixed(1)),
            expect!["map nothing: key and value have at least one byte"],
        );
        check(MapSpec::ringbuf("ring", Entries::Fixed(5000)), expect!["map ring: a ring is a power of two of pages"]);
        check(MapSpec::per_cpu_array("large", 40_000, 1), expect!["map large: a value by CPU has at most 32 KiB"]);
        check(
            MapSpec::hash("key", MapKind::Hash, 600, 8, 1),
            expect!["map key: a key is built on the stack, so it has at most 512 bytes"],
        );
        check(
            MapSpec::per_cpu_array("mapped", 8, 1).flags(MapFlags::MMAPABLE),
            expect!["map mapped: a flag that this kind of map does not take"],
        );
        check(MapSpec::ringbuf("ring0", Entries::Fixed(4096)), expect!["map ring0: the name is taken"]);
    }

    #[test]
    fn contents_are_whole_entries_and_not_too_many() {
        check(
            MapSpec::hash("sites", MapKind::Hash, 8, 4, 2).contents(vec![0; 13]),
            expect!["map sites: the contents are no whole number of entries"],
        );
        check(
            MapSpec::hash("sites", MapKind::Hash, 8, 4, 2).contents(vec![0; 36]),
            expect!["map sites: more contents than entries"],
        );
        check(
            MapSpec::hash("sites", MapKind::PerCpuHash, 8, 4, 2).contents(vec![0; 12]),
            expect!["map sites: this kind of map holds nothing from the start"],
        );
    }

    #[test]
    fn inner_maps_are_alike_and_stand_before() {
        check(
            MapSpec::array_of_maps("rings", vec![MapId(0), MapId(2)]),
            expect!["map rings: inner maps are all made alike"],
        );
        check(
            MapSpec::array_of_maps("rings", vec![MapId(7)]),
            expect!["map rings: an inner map stands before the map that holds it"],
        );
        check(MapSpec::array_of_maps("rings", vec![]), expect!["map rings: a map has at least one entry"]);
    }

    #[test]
    fn only_empty_tables_become_smaller() {
        let mut maps = Maps::new();
        maps.add(MapSpec::hash("large", MapKind::PerCpuHash, 8, 8, 4096)).unwrap();
        maps.add(MapSpec::hash("full", MapKind::Hash, 4, 4, 100).contents(vec![0; 8])).unwrap();
        maps.add(MapSpec::array("array", 8, Entries::Fixed(200))).unwrap();
        let entries: Vec<_> = maps.with_room_for(64).iter().map(|(_, spec)| spec.entries).collect();
        assert_eq!(entries, [Entries::Fixed(64), Entries::Fixed(100), Entries::Fixed(200)]);
    }

    #[test]
    fn a_kernel_name_keeps_what_it_may() {
        assert_eq!(kernel_name("@start0"), "start0");
        assert_eq!(kernel_name("latency by goroutine"), "latency_by_goro");
    }
}
