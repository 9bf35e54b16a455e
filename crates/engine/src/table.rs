//! Tables that programs and user space share.

use std::sync::Arc;

use bpf::MapId;

use crate::Error;

/// A key and its value. The value of a per-CPU table holds all lanes ([`Table::lanes`]).
pub type Entry = (Vec<u8>, Vec<u8>);

/// A table. Keys and values are bytes; the program defines what they mean.
///
/// Methods fail when the engine below cannot do it.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Table {
    /// Its name in the text of the program.
    fn name(&self) -> &str;

    /// How many entries fit.
    fn capacity(&self) -> u32;

    /// Bytes of one lane of a value, if there is one value for each CPU or block.
    fn lane(&self) -> Option<usize>;

    /// Whether keys are indexes that are always there.
    fn is_array(&self) -> bool;

    /// Reads the value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Writes a value: all lanes of it, each padded to 8 bytes. [`Error::is_full`] when there is no room.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error>;

    /// Writes the value of a key that is not there yet. Says whether it was written.
    fn add(&self, key: &[u8], value: &[u8]) -> Result<bool, Error>;

    /// Removes a key. Says whether it was there.
    fn remove(&self, key: &[u8]) -> Result<bool, Error>;

    /// All entries with a wanted key. A table that changes meanwhile yields each key that stayed, and some of the others.
    fn entries_where(&self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Entry>, Error>;

    /// All entries.
    fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.entries_where(&|_| true)
    }

    /// Removes all keys of a hash; sets all values of an array to zeros.
    fn clear(&self) -> Result<(), Error> {
        for (key, value) in self.entries()? {
            if self.is_array() {
                self.put(&key, &vec![0; value.len()])?;
            } else {
                self.remove(&key)?;
            }
        }
        Ok(())
    }

    /// The lanes of a value of this table.
    fn lanes<'v>(&self, value: &'v [u8]) -> Lanes<'v> {
        Lanes { rest: value, size: self.lane().unwrap_or(value.len()).max(1) }
    }
}

/// The values of all CPUs or blocks in one value of a table.
#[derive(Clone, Debug)]
pub struct Lanes<'v> {
    rest: &'v [u8],
    size: usize,
}

impl<'v> Iterator for Lanes<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<&'v [u8]> {
        let (lane, rest) = self.rest.split_at_checked(self.size)?;
        self.rest = rest;
        Some(lane)
    }
}

/// The tables of a build, by the ids that its programs use.
#[derive(Clone, Default)]
pub struct Tables {
    tables: Vec<Arc<dyn Table>>,
}

impl Tables {
    /// A table by its id.
    ///
    /// # Errors
    /// When the build has no such table.
    pub fn get(&self, id: MapId) -> Result<&dyn Table, Error> {
        let missing = || Error::wrong("reading a table of the program", format!("table {} was not made", id.0));
        self.find(id).ok_or_else(missing)
    }

    /// A table by its id, if the build has it.
    #[must_use]
    pub fn find(&self, id: MapId) -> Option<&dyn Table> {
        self.tables.get(id.index()).map(Arc::as_ref)
    }

    /// A table that not every program has.
    #[must_use]
    pub fn find_any(&self, id: Option<MapId>) -> Option<&dyn Table> {
        id.and_then(|id| self.find(id))
    }
}

impl FromIterator<Arc<dyn Table>> for Tables {
    fn from_iter<T: IntoIterator<Item = Arc<dyn Table>>>(tables: T) -> Tables {
        Tables { tables: tables.into_iter().collect() }
    }
}
