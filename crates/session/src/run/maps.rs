//! What user space does with the maps of a script: shows them, empties them.

use engine::{Error, Program, Table, Tables};
use event::schema::MapSchema;
use event::{MapIndex, Snapshot};

/// The maps of a script, by their numbers in its schema.
#[derive(Clone, Copy)]
pub(super) struct UserMaps<'r> {
    /// What was compiled.
    pub program: &'r Program,
    /// The tables of the run.
    pub tables: &'r Tables,
}

impl<'r> UserMaps<'r> {
    fn find(&self, index: MapIndex) -> Option<(&'r MapSchema, &'r dyn Table)> {
        let id = self.program.user_maps.get(index.0 as usize)?;
        Some((self.program.schema.map(index)?, self.tables.find(*id)?))
    }

    /// A map as it is now.
    pub fn snapshot(&self, index: MapIndex) -> Result<Option<Snapshot>, Error> {
        let Some((schema, map)) = self.find(index) else { return Ok(None) };
        Ok(Some(Snapshot::fold(&self.program.schema, schema, map.entries()?)))
    }

    /// One entry of a map.
    pub fn entry(&self, index: MapIndex, key: &[u8]) -> Result<Option<Snapshot>, Error> {
        let Some((schema, _)) = self.find(index) else { return Ok(None) };
        Ok(self.snapshot(index)?.map(|all| all.only(&self.program.schema, schema, key)))
    }

    /// All maps.
    pub fn all(&self) -> Result<Vec<Snapshot>, Error> {
        let numbers = (0..self.program.schema.maps().len() as u32).map(MapIndex);
        let all: Result<Vec<_>, _> = numbers.map(|n| self.snapshot(n)).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// Takes all entries out.
    pub fn clear(&self, index: MapIndex) -> Result<(), Error> {
        self.find(index).map_or(Ok(()), |(_, map)| map.clear())
    }

    /// Makes all values 0, of all CPUs.
    pub fn zero(&self, index: MapIndex) -> Result<(), Error> {
        let Some((_, map)) = self.find(index) else { return Ok(()) };
        for (key, value) in map.entries()? {
            map.put(&key, &vec![0; value.len()])?;
        }
        Ok(())
    }
}
