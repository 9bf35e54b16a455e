//! Entries that ended processes leave in tables: goroutines, threads, shadow stacks. They are removed, so that a program
//! that starts others all day does not fill the tables, and calls that were open when their process ended are counted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::AddAssign;

use engine::{Entry, Error, Pid, Table};
use event::go::End;
use event::stream::CallId;
use plan::target::PANIC;
use plan::{FuncNo, Plan};
use program::FRAME_RECORDED;
use program::MapId;
use program::frames::{Heads, OpenCall};

use super::probes::Probes;
use super::processes::is_stale;
use crate::machine::Host;

/// Calls without an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// Calls whose end would have been seen.
    pub calls: u64,
    /// Calls of functions that the overhead budget detached.
    pub detached: u64,
    /// The ends of those that are recorded whole.
    pub recorded: HashMap<CallId, End>,
    /// Recorded panics in progress.
    pub panics: HashSet<CallId>,
}

impl AddAssign for Open {
    fn add_assign(&mut self, other: Open) {
        self.calls += other.calls;
        self.detached += other.detached;
        self.recorded.extend(other.recorded);
        self.panics.extend(other.panics);
    }
}

/// Finds entries of ended processes.
#[derive(Clone, Copy)]
pub(super) struct Leftovers<'r> {
    pub probes: &'r Probes,
    pub host: &'r dyn Host,
}

impl Leftovers<'_> {
    fn find(&self, id: Option<MapId>) -> Option<&dyn Table> {
        self.probes.tables().find_any(id)
    }

    /// The numbers in the process table.
    fn numbers(&self) -> Result<HashSet<u32>, Error> {
        Ok(self.probes.engine.processes()?.into_iter().map(|row| row.number).collect())
    }

    fn is_stale(&self, number: u32, now: &HashSet<u32>) -> bool {
        is_stale(number, now.contains(&number), || self.host.started(Pid(number)).is_some())
    }

    /// Entries of a table whose processes have ended.
    fn stale(&self, table: &dyn Table) -> Result<Vec<Entry>, Error> {
        let before = self.numbers()?;
        let left = table.entries_where(&|key| !before.contains(&number(key)))?;
        // A process is in its table before it writes here, so processes that came meanwhile are there by now.
        let now = self.numbers()?;
        let numbers: HashSet<u32> = left.iter().map(|(key, _)| number(key)).collect();
        let stale: HashSet<u32> = numbers.into_iter().filter(|&number| self.is_stale(number, &now)).collect();
        Ok(left.into_iter().filter(|(key, _)| stale.contains(&number(key))).collect())
    }

    /// Removes entries of ended processes, except for goroutines. Returns the calls that were open in them.
    pub fn clear(&self) -> Result<Open, Error> {
        let ids = &self.probes.first().program().tables;
        let met = ids.captures.map(|tables| tables.met);
        for table in [ids.threads, ids.syscalls, met].into_iter().filter_map(|id| self.find(id)) {
            remove(table, &self.stale(table)?)?;
        }
        let Some(frames) = &ids.frames else { return Ok(Open::default()) };
        let (Some(heads), Some(chunks)) = (self.find(Some(frames.heads)), self.find(Some(frames.chunks))) else {
            return Ok(Open::default());
        };
        let stale = self.stale(heads)?;
        if stale.is_empty() {
            return Ok(Open::default());
        }
        let over: HashSet<u32> = stale.iter().map(|(key, _)| number(key)).collect();
        let of_them = chunks.entries_where(&|key| over.contains(&number(key)))?;
        remove(heads, &stale)?;
        remove(chunks, &of_them)?;
        Ok(open(&self.probes.plans(), &Heads::new(frames, stale, of_them), self.probes.dropped()))
    }

    /// Calls that are open. Exact once no probe is attached any more.
    pub fn open_calls(&self) -> Result<Open, Error> {
        let Some(frames) = &self.probes.first().program().tables.frames else { return Ok(Open::default()) };
        let (Some(heads), Some(chunks)) = (self.find(Some(frames.heads)), self.find(Some(frames.chunks))) else {
            return Ok(Open::default());
        };
        let heads = Heads::new(frames, heads.entries()?, chunks.entries()?);
        Ok(open(&self.probes.plans(), &heads, self.probes.dropped()))
    }

    fn goroutines(&self) -> Option<&dyn Table> {
        self.find(self.probes.first().program().tables.gos)
    }

    /// Removes and returns goroutines of ended processes.
    pub fn take_goroutines(&self) -> Result<Vec<Entry>, Error> {
        let Some(table) = self.goroutines() else { return Ok(Vec::new()) };
        let stale = self.stale(table)?;
        remove(table, &stale)?;
        Ok(stale)
    }

    /// Removes and returns goroutines of the processes with these numbers.
    pub fn take_goroutines_of(&self, numbers: &HashSet<u32>) -> Result<Vec<Entry>, Error> {
        let Some(table) = self.goroutines().filter(|_| !numbers.is_empty()) else { return Ok(Vec::new()) };
        let theirs = table.entries_where(&|key| numbers.contains(&number(key)))?;
        remove(table, &theirs)?;
        Ok(theirs)
    }

    /// Removes and returns all goroutines.
    pub fn take_all_goroutines(&self) -> Result<Vec<Entry>, Error> {
        let Some(table) = self.goroutines() else { return Ok(Vec::new()) };
        let all = table.entries()?;
        remove(table, &all)?;
        Ok(all)
    }
}

/// The open calls that the user asked for. The last plan has all functions.
fn open(plans: &[&Plan], heads: &Heads<'_>, dropped: &BTreeSet<FuncNo>) -> Open {
    let function = |row: u32| plans.last()?.functions.get(row as usize);
    let is_ours = |row: u32| function(row).is_some_and(|function| function.panics);
    let is_panic = |row: u32| function(row).is_some_and(|function| function.name == PANIC);
    let is_paired = |row: u32| function(row).is_some_and(|function| function.frames);
    let recorded =
        |row: u32| plans.iter().find_map(|plan| plan.recorded.get(&FuncNo(row))).filter(|calls| !calls.alone);
    // Of a function whose calls are recorded those count that were wanted.
    let counts = |call: &OpenCall| match recorded(call.row) {
        Some(_) => call.flags & FRAME_RECORDED != 0,
        None => is_paired(call.row),
    };
    let mut open = Open::default();
    for call in heads.open() {
        let which = (call.goid, call.call, call.time);
        if is_panic(call.row) {
            open.panics.insert(which);
        }
        if is_ours(call.row) || !counts(&call) {
            continue;
        }
        let (count, end) = match dropped.contains(&FuncNo(call.row)) {
            true => (&mut open.detached, End::Detached),
            false => (&mut open.calls, End::Open),
        };
        *count += 1;
        if recorded(call.row).is_some() {
            open.recorded.insert(which, end);
        }
    }
    open
}

fn remove(table: &dyn Table, entries: &[Entry]) -> Result<(), Error> {
    entries.iter().try_for_each(|(key, _)| table.remove(key).map(drop))
}

/// The process's number, with which all keys begin.
fn number(key: &[u8]) -> u32 {
    key.first_chunk().map_or(0, |number| u32::from_le_bytes(*number))
}
