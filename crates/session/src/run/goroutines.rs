//! The goroutines of watched processes: those that were there when the run began, and the states in which they end.

use std::collections::HashSet;
use std::ops::Range;

use engine::{Entry, Error};
use event::totals::{FinalState, Goroutines};

use super::control::Control;
use super::final_state;
use super::initial_state::Filled;
use super::leftovers::Leftovers;
use super::probes::Probes;
use super::processes::{Processes, RunningBinary};
use crate::machine::{Clock, Machine};

/// Keeps what has to be told about goroutines at the end of a run.
#[derive(Default)]
pub(super) struct GoroutineTracker {
    /// Nothing if the output does not want it.
    kept: Option<Goroutines>,
}

/// When hits counted, in nanoseconds since boot.
pub(super) fn counted_during(control: &Control, end: u64) -> Range<u64> {
    control.armed_at()..control.frozen_at().map_or(end, |frozen| end.min(frozen))
}

/// Reads the initial state of a process into the tables.
fn fill(found: &RunningBinary, probes: &Probes, machine: &Machine) -> Result<Option<Filled>, Error> {
    let build = probes.builds().get(found.build);
    let initial = build.and_then(|build| build.initial.get(found.binary as usize));
    let ids = &probes.first().program().tables;
    initial.map(|initial| initial.fill(found, ids, probes.tables(), machine)).transpose()
}

impl GoroutineTracker {
    /// Keeps goroutines, if the output wants them.
    pub fn new(is_wanted: bool) -> GoroutineTracker {
        GoroutineTracker { kept: is_wanted.then(Goroutines::default) }
    }

    /// Whether the output wants goroutines.
    pub fn is_wanted(&self) -> bool {
        self.kept.is_some()
    }

    /// Fills the tables with the initial states of processes that were found since the last call. Returns sentences about
    /// what could not be read.
    pub fn catch_up(
        &mut self,
        probes: &Probes,
        processes: &mut Processes,
        control: &Control,
        machine: &Machine,
    ) -> Result<Vec<String>, Error> {
        let mut notes = Vec::new();
        for found in processes.take_running() {
            let Some(filled) = fill(&found, probes, machine)? else { continue };
            notes.extend(filled.notes);
            // Once hits count, programs may have seen the start of goroutines that they know already.
            let is_armed = control.armed_at() != 0;
            let earlier = filled.earlier.into_iter().filter(|(_, is_new)| *is_new || !is_armed);
            if let Some(kept) = &mut self.kept {
                kept.earlier.extend(earlier.map(|(earlier, _)| earlier));
            }
        }
        Ok(notes)
    }

    /// Fills the tables anew after a rest, and returns the goroutines that there are: process and number. What cannot be
    /// read was told at first.
    pub fn fill_again(probes: &Probes, processes: &Processes, machine: &Machine) -> Result<HashSet<(u32, u64)>, Error> {
        let mut there = HashSet::new();
        for found in processes.all_running(probes.engine.as_ref())? {
            let filled = fill(&found, probes, machine)?;
            there.extend(filled.iter().flat_map(|filled| &filled.earlier).map(|(one, _)| (one.pid, one.goid)));
        }
        Ok(there)
    }

    /// Keeps the states that goroutines were in at a moment.
    pub fn keep(&mut self, goroutines: &[Entry], control: &Control, end: u64) {
        let run = counted_during(control, end);
        if let Some(kept) = &mut self.kept {
            kept.lasting.extend(goroutines.iter().filter_map(|(key, value)| final_state::of(key, value, run.clone())));
        }
    }

    /// Keeps the states in which goroutines of ended processes were.
    pub fn keep_ended(&mut self, leftovers: Leftovers<'_>, control: &Control, clock: &dyn Clock) -> Result<(), Error> {
        let goroutines = leftovers.take_goroutines()?;
        self.keep(&goroutines, control, clock.since_boot());
        Ok(())
    }

    /// The states that a turn of a duty cycle has ended, and whether their goroutines are gone by now.
    pub fn take_turn(&mut self, there: &HashSet<(u32, u64)>) -> Vec<(FinalState, bool)> {
        let Some(kept) = &mut self.kept else { return Vec::new() };
        let is_gone = |state: &FinalState| !there.contains(&(state.pid, state.goid));
        std::mem::take(&mut kept.lasting).into_iter().map(|state| (state, is_gone(&state))).collect()
    }

    /// Freezes the table of goroutines. Returns since when it is frozen.
    pub fn freeze(&self, probes: &Probes, control: &mut Control, now: u64) -> Result<u64, Error> {
        control.freeze_goroutines(now, probes.control_table()?)
    }

    /// Everything kept, with the goroutines that are left in the table.
    pub fn finish(&mut self, probes: &Probes, control: &Control, end: u64) -> Result<Goroutines, Error> {
        if let (Some(gos), true) = (probes.first().program().tables.gos, self.is_wanted()) {
            let left = probes.table(gos)?.entries()?;
            self.keep(&left, control, end);
        }
        Ok(self.kept.take().unwrap_or_default())
    }
}
