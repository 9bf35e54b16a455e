//! The tables of the virtual machine, for user space.

use std::io;
use std::sync::{Arc, Mutex};

use bpf::vm::{Errno, Vm};
use bpf::{MapId, MapKind};
use engine::{Entry, Error, Interface, Program, Table, Tables};

use crate::{CPUS, State, lock};

/// One of them.
struct SimulatedTable {
    state: Arc<Mutex<State>>,
    id: MapId,
    name: String,
    kind: MapKind,
    capacity: u32,
    /// Bytes of one CPU's value, with its padding.
    each: usize,
}

/// The tables of a program, which have these ids in the machine.
pub(crate) fn of(state: &Arc<Mutex<State>>, program: &Program, ids: &[MapId]) -> Tables {
    let table = |((_, spec), &id): ((MapId, &bpf::MapSpec), &MapId)| {
        let table = SimulatedTable {
            state: state.clone(),
            id,
            name: spec.name.clone(),
            kind: spec.kind,
            capacity: spec.entries.on(CPUS),
            each: (spec.value_size as usize).next_multiple_of(8),
        };
        Arc::new(table) as Arc<dyn Table>
    };
    program.maps.iter().zip(ids).map(table).collect()
}

impl SimulatedTable {
    fn with<T>(&self, with: impl FnOnce(&mut Vm) -> T) -> Result<T, Error> {
        let missing = || Error::wrong(format!("reading map {}", self.name), "no program is loaded");
        lock(&self.state).vm.as_mut().map(with).ok_or_else(missing)
    }

    fn error(&self, errno: Errno) -> Error {
        let error = io::Error::from_raw_os_error(errno as i32);
        Error::of(Interface::Maps, format!("writing map {}", self.name), error)
    }
}

impl Table for SimulatedTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn lane(&self) -> Option<usize> {
        self.kind.is_per_cpu().then_some(self.each)
    }

    fn is_array(&self) -> bool {
        self.kind.is_array()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.with(|vm| vm.get(self.id, key))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.with(|vm| vm.put(self.id, key, value))?.map_err(|errno| self.error(errno))
    }

    fn add(&self, key: &[u8], value: &[u8]) -> Result<bool, Error> {
        if self.get(key)?.is_some() {
            return Ok(false);
        }
        self.put(key, value).map(|()| true)
    }

    fn remove(&self, key: &[u8]) -> Result<bool, Error> {
        Ok(self.with(|vm| vm.remove(self.id, key))?.is_ok())
    }

    fn entries_where(&self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Entry>, Error> {
        let entries = self.with(|vm| vm.entries(self.id))?;
        Ok(entries.into_iter().filter(|(key, _)| wanted(key)).collect())
    }
}
