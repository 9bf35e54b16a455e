//! What processes leave behind that have ended: their goroutines and threads, the heads and chunks of calls. They are taken
//! out, so that a program that starts others all day does not fill the maps, and the calls are counted that their
//! processes ended in.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use event::go::End;
use kernel::engine::{Error, Map, Maps};
use plan::target::PANIC;
use plan::{FuncNo, Plan};
use program::FRAME_RECORDED;
use program::frames::{Heads, OpenCall};
use program::{MapId, Program};

use super::watch::{Watch, numbers};

/// Calls without an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// Those whose end would have been seen.
    pub calls: u64,
    /// Those of functions that have lost their probes.
    pub detached: u64,
    /// What becomes of those of both that are recorded whole.
    pub recorded: HashMap<Which, End>,
    /// Panics on their way that are recorded.
    pub panics: HashSet<Which>,
}

/// A key and a value.
type Entry = (Vec<u8>, Vec<u8>);

/// A call: its goroutine, its number there, and when it began.
pub(super) type Which = (u64, u64, u64);

impl AddAssign for Open {
    fn add_assign(&mut self, other: Open) {
        self.calls += other.calls;
        self.detached += other.detached;
        self.recorded.extend(other.recorded);
        self.panics.extend(other.panics);
    }
}

/// Takes out what no process owns any more. Says which calls were open in it.
pub(super) fn clear(
    plans: &[&Plan],
    program: &Program,
    maps: &Maps,
    gone: &dyn Fn(FuncNo) -> bool,
) -> Result<Open, Error> {
    let met = program.tables.captures.map(|tables| tables.met);
    for table in [program.tables.threads, program.tables.syscalls, met].into_iter().flatten() {
        forget(table, program, maps)?;
    }
    let Some(tables) = &program.tables.frames else { return Ok(Open::default()) };
    let all = [tables.heads, tables.chunks, program.tables.processes].map(|id| maps.get(id));
    let [Some(heads), Some(chunks), Some(processes)] = all else { return Ok(Open::default()) };
    let before = numbers(processes)?;
    let heads_left = heads.entries_where(|key| !before.contains(&number(key)))?;
    // A process is in its table before it has anything here, so who came meanwhile is there by now.
    let now = numbers(processes)?;
    let over: HashSet<u32> = heads_left.iter().map(|(key, _)| number(key)).collect();
    let over: HashSet<u32> = over.into_iter().filter(|&number| Watch::is_over(number, &now)).collect();
    if over.is_empty() {
        return Ok(Open::default());
    }
    let heads_left: Vec<_> = heads_left.into_iter().filter(|(key, _)| over.contains(&number(key))).collect();
    let chunks_left = chunks.entries_where(|key| over.contains(&number(key)))?;
    remove(heads, &heads_left)?;
    remove(chunks, &chunks_left)?;
    Ok(open(plans, &Heads::new(tables, heads_left, chunks_left), gone))
}

/// The goroutines that no process owns any more; they are taken out.
pub(super) fn goroutines(program: &Program, maps: &Maps) -> Result<Vec<Entry>, Error> {
    program.tables.gos.map_or(Ok(Vec::new()), |gos| forget(gos, program, maps))
}

/// The goroutines of processes with these numbers; they are taken out.
pub(super) fn goroutines_of(numbers: &HashSet<u32>, program: &Program, maps: &Maps) -> Result<Vec<Entry>, Error> {
    let gos = program.tables.gos.and_then(|gos| maps.get(gos)).filter(|_| !numbers.is_empty());
    let Some(gos) = gos else { return Ok(Vec::new()) };
    let theirs = gos.entries_where(|key| numbers.contains(&number(key)))?;
    remove(gos, &theirs)?;
    Ok(theirs)
}

/// All goroutines; they are taken out.
pub(super) fn all_goroutines(program: &Program, maps: &Maps) -> Result<Vec<Entry>, Error> {
    let Some(gos) = program.tables.gos.and_then(|gos| maps.get(gos)) else { return Ok(Vec::new()) };
    let all = gos.entries()?;
    remove(gos, &all)?;
    Ok(all)
}

/// Takes out of a table what no process owns any more.
fn forget(table: MapId, program: &Program, maps: &Maps) -> Result<Vec<Entry>, Error> {
    let (Some(table), Some(processes)) = (maps.get(table), maps.get(program.tables.processes)) else {
        return Ok(Vec::new());
    };
    let before = numbers(processes)?;
    let left = table.entries_where(|key| !before.contains(&number(key)))?;
    let now = numbers(processes)?;
    let left: Vec<_> = left.into_iter().filter(|(key, _)| Watch::is_over(number(key), &now)).collect();
    remove(table, &left)?;
    Ok(left)
}

/// Which calls have no end. Exact once no probe is in place any more.
pub(super) fn still_open(
    plans: &[&Plan],
    program: &Program,
    maps: &Maps,
    gone: &dyn Fn(FuncNo) -> bool,
) -> Result<Open, Error> {
    let Some(tables) = &program.tables.frames else { return Ok(Open::default()) };
    let both = (maps.get(tables.heads), maps.get(tables.chunks));
    let (Some(heads), Some(chunks)) = both else { return Ok(Open::default()) };
    Ok(open(plans, &Heads::new(tables, heads.entries()?, chunks.entries()?), gone))
}

/// Of calls that the user asked for. The last plan has all functions.
fn open(plans: &[&Plan], heads: &Heads<'_>, gone: &dyn Fn(FuncNo) -> bool) -> Open {
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
        let (count, end) = match gone(FuncNo(call.row)) {
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

fn remove(map: &Map, entries: &[Entry]) -> Result<(), Error> {
    entries.iter().try_for_each(|(key, _)| map.remove(key).map(|_| ()))
}

/// The process's number, with which all keys begin.
fn number(key: &[u8]) -> u32 {
    key.first_chunk().map_or(0, |number| u32::from_le_bytes(*number))
}
