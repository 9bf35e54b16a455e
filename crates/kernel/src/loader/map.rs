//! Maps: making them, and what user space does with what they hold.
//!
//! Keys and values are bytes; what they mean is the business of whoever wrote the program.

use std::io;
use std::sync::Arc;

use bpf::{Caps, Feature, MapFlags, MapId, MapKind, MapSpec};

use super::sys::{MapFd, MapShape, Sys};
use engine::{Entry, Error, Interface, Table, Tables};

/// How many entries go over in one call.
const BATCH: usize = 1024;
/// How much memory a batch may take: values by CPU are large on large machines.
const BATCH_BYTES: usize = 4 << 20;
/// How often a batch is given twice the room, because one bucket of a hash did not fit.
const DOUBLINGS: u32 = 12;

/// `BPF_NOEXIST`: only where there is no value yet.
const NOEXIST: u64 = 1;

/// The maps of a run, by the ids that its programs use.
#[derive(Clone)]
pub struct Maps {
    maps: Vec<Arc<Map>>,
}

impl Maps {
    /// A map by its id.
    #[must_use]
    pub fn get(&self, id: MapId) -> Option<&Map> {
        self.maps.get(id.index()).map(Arc::as_ref)
    }

    pub(crate) fn fd(&self, id: MapId) -> Option<u32> {
        self.get(id).map(|map| map.fd.as_raw_fd() as u32)
    }

    /// The maps as the tables of an engine.
    #[must_use]
    pub fn tables(&self) -> Tables {
        self.maps.iter().map(|map| map.clone() as Arc<dyn Table>).collect()
    }
}

/// A map.
pub struct Map {
    sys: Sys,
    fd: MapFd,
    shape: MapShape,
    name: String,
    /// Bytes of one CPU's value, with its padding.
    each: usize,
}

pub(crate) fn create(sys: &Sys, caps: Caps, specs: &bpf::Maps) -> Result<Maps, Error> {
    let mut made = Maps { maps: Vec::with_capacity(specs.iter().len()) };
    for (_, spec) in specs.iter() {
        let map = create_filled(sys, caps, spec, &made)?;
        made.maps.push(Arc::new(map));
    }
    Ok(made)
}

/// Makes those in `own`, and takes all others from another run; nothing if those are not alike.
pub(crate) fn create_beside(
    sys: &Sys,
    caps: Caps,
    specs: &bpf::Maps,
    first: &Maps,
    own: &[MapId],
) -> Result<Option<Maps>, Error> {
    let mut made = Maps { maps: Vec::with_capacity(specs.iter().len()) };
    for (id, spec) in specs.iter() {
        let alike = |one: &&Arc<Map>| one.shape == shape(spec, caps, sys.possible_cpus()) && one.name == spec.name;
        let map = match first.maps.get(id.index()).filter(alike) {
            _ if own.contains(&id) => Arc::new(create_filled(sys, caps, spec, &made)?),
            Some(shared) => shared.clone(),
            None => return Ok(None),
        };
        made.maps.push(map);
    }
    Ok(Some(made))
}

fn create_filled(sys: &Sys, caps: Caps, spec: &MapSpec, before: &Maps) -> Result<Map, Error> {
    let map = create_one(sys, caps, spec, before)
        .map_err(|e| Error::of(Interface::Maps, format!("making map {}", spec.name), e))?;
    map.fill(spec, before).map_err(|e| Error::of(Interface::Maps, format!("filling map {}", spec.name), e))?;
    Ok(map)
}

fn create_one(sys: &Sys, caps: Caps, spec: &MapSpec, before: &Maps) -> io::Result<Map> {
    let inner = spec.inner.first().and_then(|&id| before.get(id)).map(|map| &map.fd);
    let shape = shape(spec, caps, sys.possible_cpus());
    let fd = sys.map_create(&shape, inner)?;
    let each = (spec.value_size as usize).next_multiple_of(8);
    Ok(Map { sys: sys.clone(), fd, shape, name: spec.name.clone(), each })
}

/// What depends on the machine. A kernel that is afraid of allocating in probes gets a map that allocates beforehand.
fn shape(spec: &MapSpec, caps: Caps, cpus: u32) -> MapShape {
    let entries = match spec.kind {
        MapKind::RingBuf => spec.entries.on(cpus).checked_next_power_of_two().unwrap_or(1 << 31),
        _ => spec.entries.on(cpus),
    };
    let late = caps.has(Feature::NoPreallocInTracing);
    let flags = if late { spec.flags.0 } else { spec.flags.0 & !MapFlags::NO_PREALLOC.0 };
    let (kind, key_size, value_size) = (spec.kind, spec.key_size, spec.value_size);
    MapShape { name: spec.kernel_name(), kind, key_size, value_size, entries, flags }
}

impl Map {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MapKind {
        self.fd.kind()
    }

    pub(crate) fn raw(&self) -> &MapFd {
        &self.fd
    }

    /// Writes many values, given as keys and values one after the other.
    ///
    /// # Errors
    /// The kernel's. Some values may have been written.
    pub fn put_all<'e>(&self, entries: impl IntoIterator<Item = (&'e [u8], &'e [u8])>) -> Result<(), Error> {
        let (mut keys, mut values, mut count) = (Vec::new(), Vec::new(), 0);
        for (key, value) in entries {
            keys.extend_from_slice(key);
            values.extend_from_slice(value);
            count += 1;
            if count % BATCH == 0 {
                self.put_batch(&keys, &values)?;
                (keys, values) = (Vec::new(), Vec::new());
            }
        }
        if keys.is_empty() { Ok(()) } else { self.put_batch(&keys, &values) }
    }

    /// In one call, or one by one where the kernel has none for this kind of map.
    fn put_batch(&self, keys: &[u8], values: &[u8]) -> Result<(), Error> {
        match self.sys.map_update_batch(&self.fd, keys, values) {
            Err(error) if is_unsupported(&error) => {
                let (key, value) = (self.fd.key_bytes(), self.fd.value_bytes());
                let mut pairs = keys.chunks_exact(key).zip(values.chunks_exact(value));
                pairs.try_for_each(|(key, value)| self.put(key, value))
            }
            result => result.map_err(|error| self.error("writing", error)),
        }
    }

    /// Keeps user space from changing it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn freeze(&self) -> Result<(), Error> {
        self.sys.map_freeze(&self.fd).map_err(|error| self.error("freezing", error))
    }

    fn error(&self, doing: &str, error: io::Error) -> Error {
        Error::of(Interface::Maps, format!("{doing} map {}", self.name), error)
    }

    fn fill(&self, spec: &MapSpec, made: &Maps) -> io::Result<()> {
        for (index, inner) in (0..).zip(spec.inner.iter().filter_map(|&id| made.get(id))) {
            self.sys.map_put_map(&self.fd, index, &inner.fd)?;
        }
        for (index, piece) in (0u32..).zip(spec.pieces()) {
            let index = index.to_ne_bytes();
            let key = if spec.kind.is_array() { 0 } else { spec.key_size as usize };
            let (key, value) = piece.split_at(key);
            let key = if key.is_empty() { &index[..] } else { key };
            self.sys.map_update(&self.fd, key, value, 0)?;
        }
        // Only what nobody can change any more is a constant to the verifier.
        if spec.flags.has(MapFlags::READ_ONLY) { self.sys.map_freeze(&self.fd) } else { Ok(()) }
    }

    fn batches(&self, wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<Vec<Entry>> {
        let (key, value) = (self.fd.key_bytes().max(1), self.fd.value_bytes().max(1));
        let mut room = BATCH.min(BATCH_BYTES / (key + value)).max(16);
        let (mut keys, mut values) = (vec![0; room * key], vec![0; room * value]);
        let (mut position, mut first) = (vec![0; key.max(4)], true);
        let (mut entries, mut doublings) = (Vec::new(), 0);
        loop {
            let batch = self.sys.map_lookup_batch(&self.fd, first, &mut position, &mut keys, &mut values);
            match batch {
                Ok(batch) => {
                    let found = keys.chunks_exact(key).zip(values.chunks_exact(value)).take(batch.count);
                    let found = found.filter(|(key, _)| wanted(key));
                    entries.extend(found.map(|(key, value)| (key.to_vec(), value.to_vec())));
                    first = false;
                    if !batch.more {
                        return Ok(entries);
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && doublings < DOUBLINGS => {
                    (room, doublings) = (room * 2, doublings + 1);
                    (keys, values) = (vec![0; room * key], vec![0; room * value]);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Key by key. A key that is taken out under us sends the kernel back to the start, so the steps are counted.
    fn walk(&self, wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<Vec<Entry>> {
        let (mut entries, mut before): (Vec<Entry>, Option<Vec<u8>>) = (Vec::new(), None);
        for _ in 0..u64::from(self.fd.entries()) * 2 {
            let mut key = vec![0; self.fd.key_bytes()];
            if missing(self.sys.map_next_key(&self.fd, before.as_deref(), &mut key))?.is_none() {
                break;
            }
            let mut value = vec![0; self.fd.value_bytes()];
            if wanted(&key) && missing(self.sys.map_lookup(&self.fd, &key, &mut value))?.is_some() {
                entries.push((key.clone(), value));
            }
            before = Some(key);
        }
        entries.sort();
        entries.dedup_by(|a, b| a.0 == b.0);
        Ok(entries)
    }
}

impl Table for Map {
    fn name(&self) -> &str {
        &self.name
    }

    fn capacity(&self) -> u32 {
        self.fd.entries()
    }

    fn lane(&self) -> Option<usize> {
        self.kind().is_per_cpu().then_some(self.each)
    }

    fn is_array(&self) -> bool {
        self.kind().is_array()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut value = vec![0; self.fd.value_bytes()];
        let found = missing(self.sys.map_lookup(&self.fd, key, &mut value)).map_err(|e| self.error("reading", e))?;
        Ok(found.map(|()| value))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.sys.map_update(&self.fd, key, value, 0).map_err(|error| self.error("writing", error))
    }

    fn add(&self, key: &[u8], value: &[u8]) -> Result<bool, Error> {
        match self.sys.map_update(&self.fd, key, value, NOEXIST) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
            result => result.map(|()| true).map_err(|error| self.error("writing", error)),
        }
    }

    fn remove(&self, key: &[u8]) -> Result<bool, Error> {
        let removed = missing(self.sys.map_delete(&self.fd, key)).map_err(|error| self.error("writing", error))?;
        Ok(removed.is_some())
    }

    fn entries_where(&self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Entry>, Error> {
        let entries = match self.batches(wanted) {
            Err(error) if is_unsupported(&error) => self.walk(wanted),
            result => result,
        };
        entries.map_err(|error| self.error("reading", error))
    }
}

/// Tells "there is no such key" from other errors.
fn missing(result: io::Result<()>) -> io::Result<Option<()>> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        result => result.map(Some),
    }
}

/// No batches for this kind of map in this kernel.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP | ENOTSUPP))
}

/// An errno of the kernel's own that it should not give to us, and does.
pub(crate) const ENOTSUPP: i32 = 524;
