//! Maps with what they hold, behaving as the kernel's do.

use super::fault::Reason;
use super::keys::Keys;
use super::memory::{self, MAX_MAPS, RECORDS, STALE, VALUES, address};
use super::ring::Ring;
use crate::map::{MapError, MapFlags, MapId, MapKind, MapSpec, Maps};

/// An error number of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the kernel's")]
#[repr(i64)]
pub enum Errno {
    NoEnt = 2,
    TooBig = 7,
    Again = 11,
    Fault = 14,
    Exists = 17,
    Invalid = 22,
}

impl Errno {
    /// As helpers return it.
    #[must_use]
    pub const fn returned(self) -> u64 {
        -(self as i64) as u64
    }
}

const NO_EXIST: u64 = 1;
const EXIST: u64 = 2;

/// What a map is besides its values.
enum Content {
    Array,
    Hash(Keys),
    /// Keys, whether they were used since the hand last came by, and the hand.
    Lru(Keys, Vec<bool>, usize),
    Ring(Ring),
    Maps(Vec<MapId>),
}

struct Map {
    spec: MapSpec,
    capacity: usize,
    content: Content,
}

/// The values of one map. Each lies in its own stretch of addresses, of which more than half is a gap.
#[derive(Default)]
struct Values {
    bytes: Vec<u8>,
    size: usize,
    shift: u32,
    read_only: bool,
}

impl Values {
    fn of(spec: &MapSpec) -> Values {
        let size = spec.value_size as usize;
        let shift = (usize::BITS - size.leading_zeros()).max(3) + 1;
        Values { bytes: Vec::new(), size, shift, read_only: spec.flags.has(MapFlags::READ_ONLY) }
    }

    fn grow(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len().max(count * self.size), 0);
    }

    #[inline]
    fn range(&self, place: u64, len: usize) -> Option<std::ops::Range<usize>> {
        let (index, inside) = ((place >> self.shift) as usize, (place & ((1 << self.shift) - 1)) as usize);
        let start = index.checked_mul(self.size)?.checked_add(inside)?;
        (inside + len <= self.size).then(|| start..start + len)
    }

    fn value(&self, index: usize) -> &[u8] {
        self.bytes.get(index * self.size..(index + 1) * self.size).unwrap_or_default()
    }

    fn value_mut(&mut self, index: usize) -> &mut [u8] {
        self.bytes.get_mut(index * self.size..(index + 1) * self.size).unwrap_or_default()
    }
}

/// A reserved record that is still the program's.
struct Pending {
    ring: MapId,
    number: u64,
    bytes: Vec<u8>,
}

/// All maps of a machine.
pub(super) struct Store {
    cpus: usize,
    maps: Vec<Map>,
    values: Vec<Values>,
    pending: Vec<Option<Pending>>,
}

impl Store {
    pub(super) fn new(maps: &Maps, cpus: u32) -> Result<Store, MapError> {
        let mut store = Store { cpus: cpus as usize, maps: Vec::new(), values: Vec::new(), pending: Vec::new() };
        maps.iter().try_for_each(|(_, spec)| store.add(spec).map(drop))?;
        Ok(store)
    }

    /// Adds a map, filled with what it holds from the start.
    pub(super) fn add(&mut self, spec: &MapSpec) -> Result<MapId, MapError> {
        if self.maps.len() >= MAX_MAPS {
            return Err(MapError { map: spec.name.clone(), why: "there are more than 32768 maps" });
        }
        let id = MapId(self.maps.len() as u32);
        self.make(spec, self.cpus as u32);
        self.fill(id, spec);
        Ok(id)
    }

    fn make(&mut self, spec: &MapSpec, cpus: u32) {
        let capacity = spec.entries.on(cpus) as usize;
        let keys = || Keys::new(spec.key_size as usize);
        let content = match spec.kind {
            MapKind::Array | MapKind::PerCpuArray => Content::Array,
            MapKind::Hash | MapKind::PerCpuHash => Content::Hash(keys()),
            MapKind::LruHash => Content::Lru(keys(), Vec::new(), 0),
            MapKind::RingBuf => Content::Ring(Ring::new(capacity)),
            MapKind::ArrayOfMaps => Content::Maps(spec.inner.clone()),
        };
        let mut values = Values::of(spec);
        if matches!(content, Content::Array) {
            values.grow(capacity * self.width(spec.kind));
        }
        let spec = MapSpec { contents: Vec::new(), ..spec.clone() };
        self.maps.push(Map { spec, capacity, content });
        self.values.push(values);
    }

    fn fill(&mut self, id: MapId, spec: &MapSpec) {
        for (n, piece) in spec.pieces().enumerate() {
            let index = (n as u32).to_le_bytes();
            let key = if spec.kind.is_array() { 0 } else { spec.key_size as usize };
            let (key, value) = piece.split_at(key);
            let key = if spec.kind.is_array() { &index } else { key };
            // The specification was checked: there is room, and pieces are whole.
            let _ = self.update(id, key, value, 0, 0);
        }
    }

    /// How many values an entry has.
    fn width(&self, kind: MapKind) -> usize {
        if kind.is_per_cpu() { self.cpus } else { 1 }
    }

    pub(super) fn cpus(&self) -> u32 {
        self.cpus as u32
    }

    pub(super) fn len(&self) -> usize {
        self.maps.len()
    }

    pub(super) fn spec(&self, map: MapId) -> Option<&MapSpec> {
        self.maps.get(map.index()).map(|map| &map.spec)
    }

    #[inline]
    pub(super) fn values(&self, map: u64, place: u64, len: usize) -> Option<&[u8]> {
        let values = self.values.get(map as usize)?;
        values.bytes.get(values.range(place, len)?)
    }

    #[inline]
    pub(super) fn values_mut(&mut self, map: u64, place: u64, len: usize) -> Option<&mut [u8]> {
        let values = self.values.get_mut(map as usize).filter(|values| !values.read_only)?;
        let range = values.range(place, len)?;
        values.bytes.get_mut(range)
    }

    pub(super) fn is_read_only(&self, map: u64) -> bool {
        self.values.get(map as usize).is_some_and(|values| values.read_only)
    }

    /// The map, the nearest value and the distance from it, if a place is one of a map's.
    pub(super) fn describe(&self, map: u64, place: u64) -> Option<(String, i64, i64)> {
        let (spec, values) = (&self.maps.get(map as usize)?.spec, self.values.get(map as usize)?);
        let index = (place as i64 + (1 << (values.shift - 1)) - values.size as i64 / 2) >> values.shift;
        Some((spec.name.clone(), index, place as i64 - (index << values.shift)))
    }

    /// The address of a value.
    pub(super) fn value_address(&self, map: MapId, index: usize) -> u64 {
        let shift = self.values.get(map.index()).map_or(0, |values| values.shift);
        address(VALUES + u64::from(map.0), (index as u64) << shift)
    }

    /// The entry of a key.
    #[inline]
    pub(super) fn find(&self, map: MapId, key: &[u8]) -> Option<usize> {
        let map = self.maps.get(map.index())?;
        match &map.content {
            Content::Array => index(key).filter(|&n| n < map.capacity),
            Content::Hash(keys) | Content::Lru(keys, ..) => keys.find(key),
            Content::Maps(maps) => index(key).filter(|&n| n < maps.len()),
            Content::Ring(_) => None,
        }
    }

    /// What `map_lookup_elem` answers for an entry on that CPU: the address of the value or the map, or 0.
    pub(super) fn found(&mut self, map: MapId, entry: Option<usize>, cpu: usize) -> Result<u64, Reason> {
        let Some(found) = self.maps.get_mut(map.index()).filter(|map| !matches!(map.content, Content::Ring(_))) else {
            return Err(self.wrong(map));
        };
        let Some(entry) = entry else { return Ok(0) };
        match &mut found.content {
            Content::Maps(maps) => return Ok(address(memory::MAP_OBJECTS, u64::from(maps[entry].0))),
            Content::Lru(_, used, _) => used[entry] = true,
            _ => {}
        }
        let kind = found.spec.kind;
        let (width, cpu) = (self.width(kind), if kind.is_per_cpu() { cpu % self.cpus } else { 0 });
        Ok(self.value_address(map, entry * width + cpu))
    }

    pub(super) fn wrong(&self, map: MapId) -> Reason {
        Reason::WrongMap { map: self.spec(map).map_or_else(String::new, |spec| spec.name.clone()) }
    }

    /// What `map_update_elem` does on that CPU.
    pub(super) fn update(&mut self, map: MapId, key: &[u8], value: &[u8], flags: u64, cpu: usize) -> Result<(), Errno> {
        let (entry, fresh) = self.entry(map, key, flags)?;
        let kind = self.maps[map.index()].spec.kind;
        let (width, cpu) = (self.width(kind), if kind.is_per_cpu() { cpu % self.cpus } else { 0 });
        let values = &mut self.values[map.index()];
        if fresh {
            values.grow((entry + 1) * width);
            (0..width).for_each(|cpu| values.value_mut(entry * width + cpu).fill(0));
        }
        values.value_mut(entry * width + cpu).copy_from_slice(value);
        Ok(())
    }

    /// The entry to write for a key, and whether it is a new one.
    fn entry(&mut self, map: MapId, key: &[u8], flags: u64) -> Result<(usize, bool), Errno> {
        let map = self.maps.get_mut(map.index()).ok_or(Errno::Invalid)?;
        if flags > EXIST {
            return Err(Errno::Invalid);
        }
        let capacity = map.capacity;
        let (keys, lru) = match &mut map.content {
            Content::Array => {
                let at = index(key).filter(|&n| n < capacity).ok_or(Errno::TooBig)?;
                return if flags == NO_EXIST { Err(Errno::Exists) } else { Ok((at, false)) };
            }
            Content::Hash(keys) => (keys, None),
            Content::Lru(keys, used, hand) => (keys, Some((used, hand))),
            Content::Ring(_) | Content::Maps(_) => return Err(Errno::Invalid),
        };
        match (keys.find(key), flags) {
            (Some(_), NO_EXIST) => return Err(Errno::Exists),
            (None, EXIST) => return Err(Errno::NoEnt),
            (Some(slot), _) => return Ok((slot, false)),
            (None, _) => {}
        }
        let Some((used, hand)) = lru else {
            return if keys.len() < capacity { Ok((keys.insert(key), true)) } else { Err(Errno::TooBig) };
        };
        if keys.len() >= capacity {
            evict(keys, used, hand);
        }
        let slot = keys.insert(key);
        used.resize(used.len().max(slot + 1), false);
        used[slot] = false;
        Ok((slot, true))
    }

    pub(super) fn delete(&mut self, map: MapId, key: &[u8]) -> Result<(), Errno> {
        match self.maps.get_mut(map.index()).map(|map| &mut map.content) {
            Some(Content::Hash(keys) | Content::Lru(keys, ..)) => keys.remove(key).map(|_| ()).ok_or(Errno::NoEnt),
            _ => Err(Errno::Invalid),
        }
    }

    /// How long keys and values are, as helpers take them.
    pub(super) fn sizes(&self, map: MapId) -> (usize, usize) {
        self.spec(map).map_or((0, 0), |spec| (spec.key_size as usize, spec.value_size as usize))
    }

    // As user space sees them.

    pub(super) fn get(&self, map: MapId, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.maps.get(map.index())?;
        let entry = match &found.content {
            Content::Array => index(key).filter(|&n| n < found.capacity),
            Content::Hash(keys) | Content::Lru(keys, ..) if key.len() == found.spec.key_size as usize => keys.find(key),
            _ => None,
        };
        Some(self.all_values(map, entry?))
    }

    fn all_values(&self, map: MapId, entry: usize) -> Vec<u8> {
        let (kind, values) = (self.maps[map.index()].spec.kind, &self.values[map.index()]);
        if !kind.is_per_cpu() {
            return values.value(entry).to_vec();
        }
        let mut all = Vec::new();
        for cpu in 0..self.cpus {
            all.extend(values.value(entry * self.cpus + cpu));
            all.resize(all.len().next_multiple_of(8), 0);
        }
        all
    }

    pub(super) fn put(&mut self, map: MapId, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        let spec = self.spec(map).ok_or(Errno::Invalid)?;
        let (key_size, size) = (spec.key_size as usize, spec.value_size as usize);
        let (width, per_cpu) = (self.width(spec.kind), spec.kind.is_per_cpu());
        let stride = if per_cpu { size.next_multiple_of(8) } else { size };
        if stride == 0 || key.len() != key_size || value.len() != stride * width {
            return Err(Errno::Invalid);
        }
        for (cpu, value) in value.chunks_exact(stride).enumerate() {
            self.update(map, key, &value[..size], 0, cpu)?;
        }
        Ok(())
    }

    pub(super) fn entries(&self, map: MapId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(found) = self.maps.get(map.index()) else { return Vec::new() };
        let key = |entry: usize| match &found.content {
            Content::Array => Some((entry as u32).to_le_bytes().to_vec()),
            Content::Hash(keys) | Content::Lru(keys, ..) => keys.key(entry).map(<[u8]>::to_vec),
            Content::Ring(_) | Content::Maps(_) => None,
        };
        let slots = match &found.content {
            Content::Hash(keys) | Content::Lru(keys, ..) => keys.slots(),
            _ => found.capacity,
        };
        (0..slots).filter_map(|entry| Some((key(entry)?, self.all_values(map, entry)))).collect()
    }

    // Rings.

    fn ring(&mut self, map: MapId) -> Result<&mut Ring, Reason> {
        let wrong = self.wrong(map);
        match self.maps.get_mut(map.index()).map(|map| &mut map.content) {
            Some(Content::Ring(ring)) => Ok(ring),
            _ => Err(wrong),
        }
    }

    /// A record to be written, at the answered address; 0 if there is no room.
    pub(super) fn reserve(&mut self, map: MapId, len: usize) -> Result<u64, Reason> {
        let Some(number) = self.ring(map)?.reserve(len) else { return Ok(0) };
        let at = self.pending.iter().position(Option::is_none).unwrap_or(self.pending.len());
        if at == self.pending.len() {
            self.pending.push(None);
        }
        self.pending[at] = Some(Pending { ring: map, number, bytes: vec![STALE; len] });
        Ok(address(RECORDS, (at as u64) << 32))
    }

    /// Gives a reserved record back, to be read or to be skipped.
    pub(super) fn finish(&mut self, addr: u64, submit: bool) -> Result<(), Reason> {
        let (space, place) = memory::split(addr);
        let slot = self.pending.get_mut((place >> 32) as usize).filter(|_| space == RECORDS && place as u32 == 0);
        let pending = slot.and_then(Option::take).ok_or(Reason::NotARecord { addr })?;
        self.ring(pending.ring)?.finish(pending.number, submit.then_some(pending.bytes));
        Ok(())
    }

    /// Puts a whole record in.
    pub(super) fn output(&mut self, map: MapId, bytes: Vec<u8>) -> Result<bool, Reason> {
        let ring = self.ring(map)?;
        let number = ring.reserve(bytes.len());
        if let Some(number) = number {
            ring.finish(number, Some(bytes));
        }
        Ok(number.is_some())
    }

    pub(super) fn query(&mut self, map: MapId, what: u64) -> Result<u64, Reason> {
        self.ring(map).map(|ring| ring.query(what))
    }

    pub(super) fn record(&self, place: u64, len: usize) -> Option<&[u8]> {
        let pending = self.pending.get((place >> 32) as usize)?.as_ref()?;
        pending.bytes.get(memory::span(place & 0xffff_ffff, len)?)
    }

    pub(super) fn record_mut(&mut self, place: u64, len: usize) -> Option<&mut [u8]> {
        let pending = self.pending.get_mut((place >> 32) as usize)?.as_mut()?;
        pending.bytes.get_mut(memory::span(place & 0xffff_ffff, len)?)
    }

    /// Discards what a run left reserved; whether there was anything.
    pub(super) fn abandon_records(&mut self) -> bool {
        if self.pending.iter().all(Option::is_none) {
            return false;
        }
        let left: Vec<Pending> = self.pending.drain(..).flatten().collect();
        for pending in &left {
            if let Ok(ring) = self.ring(pending.ring) {
                ring.finish(pending.number, None);
            }
        }
        true
    }

    pub(super) fn drain(&mut self, map: MapId, each: impl FnMut(&[u8])) {
        if let Ok(ring) = self.ring(map) {
            ring.drain(each);
        }
    }
}

fn index(key: &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(key.try_into().ok()?) as usize)
}

/// Takes out the first key from the hand on that was not used since it last came by.
fn evict(keys: &mut Keys, used: &mut [bool], hand: &mut usize) {
    loop {
        let at = *hand % keys.slots().max(1);
        *hand = at + 1;
        let Some(key) = keys.key(at) else { continue };
        if !std::mem::take(&mut used[at]) {
            let key = key.to_vec();
            keys.remove(&key);
            return;
        }
    }
}
