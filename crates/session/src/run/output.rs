//! Does what the records of a run ask for, and sends everything else to the sink.

use std::io;

use engine::Table;
use event::run::{Cause, Summary};
use event::stream::{Extra, Item, OpenCalls, Sink, Tally};
use event::totals::{FinalState, Goroutines};
use event::{Row, Snapshot, What};
use program::exit;

use super::feed::Feed;
use super::leftovers::Open;
use super::maps::UserMaps;
use super::names::Known;
use super::probes::{Build, Probes};
use super::processes::{ProcessRows, Processes};
use super::script::Stopped;
use super::summary;
use super::values::Values;
use crate::machine::Machine;

/// The output of a run so far.
pub(super) struct Output {
    feed: Feed,
    /// Units of output after which nothing more is shown.
    most: Option<u64>,
    /// What the sink has made of records.
    tally: Tally,
    exit: Option<i64>,
    damaged: u64,
    /// Calls that were open when their process ended, or when the run did.
    pub open: Open,
}

/// What is shown when everything is detached.
pub(super) struct Rest {
    pub open: Option<OpenCalls>,
    pub goroutines: Goroutines,
    pub maps: Vec<Snapshot>,
    pub summary: Summary,
}

impl Output {
    /// Nothing so far.
    pub fn new(values: &Values, most: Option<u64>, machine: &Machine) -> Output {
        Output {
            feed: Feed::new(values, machine.clock.unix_less_boot()),
            most,
            tally: Tally::default(),
            exit: None,
            damaged: 0,
            open: Open::default(),
        }
    }

    /// The status that `exit()` was given.
    pub fn exit_status(&self) -> Option<i64> {
        self.exit
    }

    /// Why the output is complete, if it is.
    pub fn is_over(&self) -> Option<Cause> {
        let enough = || self.is_full().then_some(Cause::Printed);
        self.exit.map(|_| Cause::Exit).or_else(enough)
    }

    fn is_full(&self) -> bool {
        self.most.is_some_and(|most| self.tally.shown >= most)
    }

    /// Does what the records that are ready ask for. Says whether there were any.
    pub fn act(&mut self, probes: &mut Probes, processes: &Processes, sink: &mut dyn Sink) -> Result<bool, Stopped> {
        let (engine, builds) = probes.parts();
        let known = known(builds, processes);
        self.feed.batch(&known, sink)?;
        let mut acting = Acting {
            maps: UserMaps { program: builds[builds.len() - 1].program(), tables: &builds[0].tables },
            known,
            feed: &mut self.feed,
            most: self.most.unwrap_or(u64::MAX),
            exit: self.exit,
            damaged: self.damaged,
            sink,
        };
        let (mut outcome, mut unshown) = (Ok(()), None);
        let count = engine.drain(&mut |record| {
            if outcome.is_ok() {
                outcome = acting.record(record);
            }
            if let Some(error) = take_write_error(&mut outcome) {
                // The other records are as good as this one, and may be shown elsewhere.
                acting.sink.rescue(true);
                unshown.get_or_insert(error);
                outcome = acting.record(record);
            }
        });
        let Acting { exit, damaged, sink, .. } = acting;
        (self.tally, self.exit, self.damaged) = (sink.tally(), exit, damaged);
        outcome?;
        if count > 0 {
            sink.pause()?;
        }
        unshown.map_or(Ok(count > 0), |error| Err(Stopped::from(error)))
    }

    /// Learns types that records mentioned and no table knows. Returns a sentence if there is no room for more.
    pub fn learn_types(
        &mut self,
        probes: &Probes,
        processes: &Processes,
        sink: &mut dyn Sink,
    ) -> Result<Option<String>, Stopped> {
        self.feed.learn_types(&known(probes.builds(), processes), probes.tables(), sink)
    }

    /// Completes the counters of a summary with what was put out.
    pub fn summarize(&self, probes: &Probes, summary: &mut Summary) -> Result<(), Stopped> {
        summary.printed = self.tally.shown;
        summary.damaged = self.damaged + self.tally.damaged;
        let latest = probes.latest().plan();
        summary.unwound_by = summary::unwound_by(latest, probes.first().program(), probes.tables())?;
        summary.measured = summary::measured(latest);
        Ok(())
    }

    /// The calls that have begun and not ended. The summary learns how many were lost, so that all counts add up.
    pub fn open_calls(&mut self, probes: &Probes, summary: &mut Summary) -> Result<Option<OpenCalls>, Stopped> {
        let (plan, program) = (probes.latest().plan(), probes.first().program());
        let of_calls = summary::of_calls(plan, program, probes.tables(), self.feed.alone())?;
        let told = self.tally.calls + self.open.recorded.len() as u64;
        let untold = of_calls.wanted.saturating_sub(told);
        if self.is_full() {
            // They came too late to be shown.
            summary.limited += untold;
            return Ok(None);
        }
        summary.lost = summary.lost.saturating_sub(of_calls.lost_records) + untold;
        Ok(Some(OpenCalls { calls: self.open.recorded.clone(), panics: self.open.panics.clone() }))
    }

    /// Sends the states in which a turn of watching goroutines has ended.
    pub fn gap(
        &mut self,
        last: &[(FinalState, bool)],
        probes: &Probes,
        processes: &Processes,
        sink: &mut dyn Sink,
    ) -> io::Result<()> {
        self.feed.of_states(last.iter().map(|(state, _)| state), &known(probes.builds(), processes), sink)?;
        sink.take(&Item::Gap(last))
    }

    /// Sends what is left.
    pub fn finish(
        &mut self,
        rest: &Rest,
        probes: &Probes,
        processes: &Processes,
        sink: &mut dyn Sink,
    ) -> io::Result<()> {
        let known = known(probes.builds(), processes);
        self.feed.of_earlier(&rest.goroutines.earlier, &known, sink)?;
        self.feed.of_states(rest.goroutines.lasting.iter(), &known, sink)?;
        self.feed.of_maps(&rest.maps, &known, sink)?;
        rest.open.iter().try_for_each(|open| sink.take(&Item::Open(open)))?;
        if sink.wants(Extra::Goroutines) {
            sink.take(&Item::Goroutines(&rest.goroutines))?;
        }
        sink.take(&Item::Maps(&rest.maps))?;
        sink.finish()?;
        sink.take(&Item::Lost(&rest.summary.lost_by))?;
        sink.take(&Item::Summary(&rest.summary))?;
        sink.finish()
    }
}

/// What numbers in records mean.
fn known<'r>(builds: &'r [Build], processes: &'r Processes) -> Known<'r> {
    let (tables, ids) = (&builds[0].tables, &builds[0].program().tables);
    let rows = ProcessRows { tables, id: ids.processes };
    Known { builds, processes, rows, stacks: tables.find_any(ids.stacks) }
}

/// Whether the script has asked for the end. A full ring may have lost the record that says so.
pub(super) fn asked_for_exit(table: &dyn Table) -> Result<bool, engine::Error> {
    let value = table.get(&0u32.to_ne_bytes())?.unwrap_or_default();
    let word = value.get(exit::ASKED as usize..).and_then(|rest| rest.get(..4));
    Ok(word.is_some_and(|word| word != [0; 4]))
}

/// Takes out the error that something could not be written, unless that is because its reader went away.
pub(super) fn take_write_error(outcome: &mut Result<(), Stopped>) -> Option<io::Error> {
    match std::mem::replace(outcome, Ok(())) {
        Err(Stopped::Show(error)) if error.kind() != io::ErrorKind::BrokenPipe => Some(error),
        other => {
            *outcome = other;
            None
        }
    }
}

/// What it takes to do what a record asks for.
struct Acting<'r, 's> {
    maps: UserMaps<'r>,
    known: Known<'r>,
    feed: &'r mut Feed,
    /// Units of output after which nothing more is shown.
    most: u64,
    exit: Option<i64>,
    damaged: u64,
    sink: &'s mut dyn Sink,
}

impl Acting<'_, '_> {
    fn record(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let schema = &self.maps.program.schema;
        let row = event::decode::header(bytes).ok().and_then(|header| schema.row(header.row));
        let is_enough = self.sink.tally().shown >= self.most;
        match row {
            Some(Row::Clear(_) | Row::Zero(_) | Row::Exit) => self.request(bytes),
            Some(_) if is_enough => Ok(()),
            Some(Row::PrintMap { .. } | Row::PrintEntry { .. }) => self.request(bytes),
            Some(row) => {
                if let Row::CallStart(call) = row {
                    schema.call(*call).into_iter().for_each(|of| self.feed.begins_alone(of.function));
                }
                match self.feed.prepare(bytes, &self.known, self.sink)? {
                    true => Ok(self.sink.take(&Item::Record(bytes))?),
                    false => self.damaged(),
                }
            }
            None => self.damaged(),
        }
    }

    fn damaged(&mut self) -> Result<(), Stopped> {
        self.damaged += 1;
        Ok(())
    }

    /// Does what a record asks of user space.
    fn request(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let Ok(event) = event::decode::event(&self.maps.program.schema, bytes) else { return self.damaged() };
        let map = match event.what {
            What::Clear(map) => return Ok(self.maps.clear(map)?),
            What::Zero(map) => return Ok(self.maps.zero(map)?),
            What::Exit(status) => {
                self.exit.get_or_insert(status);
                return Ok(());
            }
            What::PrintMap { map, top, div } => self.maps.snapshot(map)?.map(|map| {
                self.damaged += map.damaged.len() as u64;
                map.top(top).divided(div)
            }),
            What::PrintEntry { map, key, div } => self.maps.entry(map, &key)?.map(|map| map.divided(div)),
            _ => None,
        };
        Ok(map.map_or(Ok(()), |map| self.feed.map(&map, &self.known, self.sink))?)
    }
}
