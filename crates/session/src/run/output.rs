//! Does what the records of a run ask for: decodes them, and hands them to the output.

use std::cell::RefCell;
use std::io;

use engine::Table;
use event::calls::Finished;
use event::run::{Cause, Summary};
use event::totals::Goroutines;
use event::{Event, Snapshot, What};
use program::exit;

use super::calls::{Joined, Telling, Values};
use super::leftovers::Open;
use super::maps::UserMaps;
use super::names::{Clock, Known};
use super::probes::{Build, Probes};
use super::processes::{ProcessRows, Processes};
use super::script::Stopped;
use super::show::Show;
use super::summary;
use crate::machine::Machine;

/// What was put out so far, and the calls in progress.
pub(super) struct Output {
    calls: Joined,
    /// Units of output after which nothing more is shown.
    most: Option<u64>,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    /// Calls that were open when their process ended, or when the run did.
    pub open: Open,
    values: Values,
    unix_less_boot: i64,
    zone: Clock,
}

/// What is shown when everything is detached.
pub(super) struct Rest {
    pub unended: Vec<Finished>,
    pub goroutines: Goroutines,
    pub maps: Vec<Snapshot>,
    pub summary: Summary,
}

impl Output {
    /// Nothing so far.
    pub fn new(values: &Values, most: Option<u64>, machine: &Machine) -> Output {
        Output {
            calls: Joined::new(values),
            most,
            printed: 0,
            exit: None,
            damaged: 0,
            open: Open::default(),
            values: values.clone(),
            unix_less_boot: machine.clock.unix_less_boot(),
            zone: Clock::default(),
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
        self.most.is_some_and(|most| self.printed >= most)
    }

    fn known<'r>(&'r self, builds: &'r [Build], processes: &'r Processes) -> Known<'r> {
        known(builds, processes, (self.unix_less_boot, &self.zone))
    }

    /// Does what the records that are ready ask for. Says whether there were any.
    pub fn act(&mut self, probes: &mut Probes, processes: &Processes, show: &mut dyn Show) -> Result<bool, Stopped> {
        let (engine, builds) = probes.parts();
        let mut acting = Acting {
            maps: UserMaps { program: builds[builds.len() - 1].program(), tables: &builds[0].tables },
            known: known(builds, processes, (self.unix_less_boot, &self.zone)),
            calls: &mut self.calls,
            most: self.most.unwrap_or(u64::MAX),
            printed: self.printed,
            exit: self.exit,
            damaged: self.damaged,
            show,
        };
        let (mut outcome, mut unshown) = (Ok(()), None);
        let count = engine.drain(&mut |record| {
            if outcome.is_ok() {
                outcome = acting.record(record);
            }
            if let Some(error) = take_write_error(&mut outcome) {
                // The other records are as good as this one, and may be shown elsewhere.
                acting.show.rescue(true);
                unshown.get_or_insert(error);
                outcome = acting.record(record);
            }
        });
        let Acting { printed, exit, damaged, show, .. } = acting;
        (self.printed, self.exit, self.damaged) = (printed, exit, damaged);
        outcome?;
        unshown.map_or(Ok(()), |error| Err(Stopped::from(error)))?;
        if count > 0 {
            show.pause(&self.known(builds, processes))?;
        }
        Ok(count > 0)
    }

    /// Learns types that records mentioned and no table knows. Returns a sentence if there is no room for more.
    pub fn learn_types(&mut self, probes: &Probes, processes: &Processes) -> Result<Option<String>, Stopped> {
        let known = known(probes.builds(), processes, (self.unix_less_boot, &self.zone));
        Ok(self.calls.meet(&known, &self.values, probes.tables())?)
    }

    /// Completes the counters of a summary with what was put out.
    pub fn summarize(&self, probes: &Probes, summary: &mut Summary) -> Result<(), Stopped> {
        summary.printed = self.printed;
        summary.damaged = self.damaged;
        let latest = probes.latest().plan();
        summary.unwound_by = summary::unwound_by(latest, probes.first().program(), probes.tables())?;
        summary.measured = summary::measured(latest);
        Ok(())
    }

    /// The calls that have begun and not ended. The summary learns how many were lost, so that all counts add up.
    pub fn unended(&mut self, probes: &Probes, summary: &mut Summary) -> Result<Vec<Finished>, Stopped> {
        let (plan, program) = (probes.latest().plan(), probes.first().program());
        let of_calls = summary::of_calls(plan, program, probes.tables(), self.calls.alone())?;
        let told = self.calls.finished() + self.open.recorded.len() as u64;
        let untold = of_calls.wanted.saturating_sub(told);
        if self.is_full() {
            // They came too late to be shown.
            summary.limited += untold;
            return Ok(Vec::new());
        }
        summary.lost = summary.lost.saturating_sub(of_calls.lost_records) + untold;
        Ok(self.calls.unended(&self.open))
    }

    /// Shows what is left.
    pub fn show_rest(
        &self,
        rest: &Rest,
        probes: &Probes,
        processes: &Processes,
        show: &mut dyn Show,
    ) -> io::Result<()> {
        let (schema, known) = (&probes.latest().program().schema, &self.known(probes.builds(), processes));
        for call in &rest.unended {
            self.calls.tell(call, &mut Telling { schema, known, show }, false)?;
        }
        show.goroutines(&rest.goroutines)?;
        show.rest(&rest.maps, known)?;
        show.finish()?;
        show.summary(&rest.summary)?;
        show.finish()
    }
}

/// What numbers in records mean.
fn known<'r>(builds: &'r [Build], processes: &'r Processes, (unix_less_boot, clock): (i64, &'r Clock)) -> Known<'r> {
    let (tables, ids) = (&builds[0].tables, &builds[0].program().tables);
    Known {
        builds,
        processes,
        rows: ProcessRows { tables, id: ids.processes },
        stacks: tables.find_any(ids.stacks),
        unix_less_boot,
        clock,
        biases: RefCell::default(),
    }
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
    calls: &'r mut Joined,
    /// Units of output after which nothing more is shown.
    most: u64,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    show: &'s mut dyn Show,
}

impl Acting<'_, '_> {
    fn record(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        match event::decode::event(&self.maps.program.schema, bytes) {
            Ok(event) => self.event(event),
            Err(_) => {
                self.damaged += 1;
                Ok(())
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Stopped> {
        let schema = &self.maps.program.schema;
        match event.what {
            What::Clear(map) => return Ok(self.maps.clear(map)?),
            What::Zero(map) => return Ok(self.maps.zero(map)?),
            What::Exit(status) => {
                self.exit.get_or_insert(status);
                return Ok(());
            }
            _ if self.printed >= self.most => return Ok(()),
            What::Printf { format, args, whole } => {
                if let Some(form) = schema.format(format) {
                    let named = self.calls.named(event.header, whole.as_ref(), schema, &self.known);
                    self.show.printf(form, &args, &named)?;
                }
            }
            What::Call { .. } | What::CallStart { .. } | What::CallEnd(_) | What::CallDropped(_) => {
                let mut telling = Telling { schema, known: &self.known, show: &mut *self.show };
                if !self.calls.record(event.header, event.what, &mut telling)? {
                    return Ok(());
                }
            }
            What::PrintValue { value, whole } => {
                let named = self.calls.named(event.header, whole.as_ref(), schema, &self.known);
                self.show.value(&value, &named)?;
            }
            What::State(change) => self.show.state(&self.known.told(event.header, change), &self.known)?,
            What::Time(form) => {
                self.show.time(schema.text(form).unwrap_or_default(), event.header.time, &self.known)?;
            }
            What::PrintMap { map, top, div } => {
                if let Some(map) = self.maps.snapshot(map)? {
                    self.damaged += map.damaged.len() as u64;
                    self.show.map(&map.top(top).divided(div), &self.known)?;
                }
            }
            What::PrintEntry { map, key, div } => {
                if let Some(map) = self.maps.entry(map, &key)? {
                    self.show.map(&map.divided(div), &self.known)?;
                }
            }
        }
        self.printed += 1;
        Ok(())
    }
}
