//! `gospect hist`: how long calls of functions take, as distributions that the kernel keeps.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at its maps.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread::JoinHandle;
use std::time::Instant;

use event::run::{Measured, Summary};
use event::stream::Item;
use event::{Names, Snapshot};
use session::ready::Hist;
use session::run::bench::{self, Floor};
use ui::hist::{Rows, Unit, map};
use ui::sink::Fold;
use ui::{Format, Look};

use crate::failure::Failure;
use crate::typed::TypedHist;
use crate::{Run, script, trace};

/// The maps that `--live` prints each time, without those of `--lhist`.
const PRINTED: u64 = 4;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (subject, functions) = trace::subject(run, "hist")?;
    let (typed, calls) = (run.typed.hist.clone(), &run.typed.trace);
    let hist = Hist { functions, except: calls.except.clone(), condition: calls.conditions(), ..typed.hist.clone() };
    let prints = PRINTED + u64::from(hist.linear.is_some());
    run.typed.run.printed = run.typed.run.printed.map(|times| times.saturating_mul(prints));
    let script = trace::script(run, hist.to_string(), subject);
    if run.typed.show_program {
        return trace::show(run, script);
    }
    let distributions = Distributions::new(typed, run.format);
    script::go(run, script, Some(Box::new(distributions)))
}

/// What is gathered until it is shown.
pub(crate) struct Distributions {
    typed: TypedHist,
    to: Format,
    begun: Instant,
    measuring: Option<JoinHandle<Option<Floor>>>,
    floor: Option<Floor>,
    measured: BTreeMap<String, Measured>,
    maps: BTreeMap<String, Snapshot>,
    rows: Rows,
}

impl Distributions {
    fn new(typed: TypedHist, to: Format) -> Distributions {
        let durations = typed.hist.of.is_none();
        let measuring = durations.then(|| std::thread::spawn(|| bench::floor().ok()));
        let (begun, maps, measured) = (Instant::now(), BTreeMap::new(), BTreeMap::new());
        Distributions { typed, to, begun, measuring, floor: None, measured, maps, rows: Rows::default() }
    }

    fn measured(&mut self, measured: &[Measured]) {
        self.measured = measured.iter().map(|of| (of.func.clone(), of.clone())).collect();
    }

    /// Adds what is known of the functions to their rows.
    fn judge(&mut self) {
        let of = |func: &str| self.measured.get(func);
        let floor = |func: &str| {
            let floor = self.floor?;
            Some(if of(func)?.stepped { floor.stepped } else { floor.emulated })
        };
        self.rows.about(floor, |func| of(func).is_some_and(|of| of.unknown_results));
    }

    /// One of the maps as it is now; the last one of a round is shown with all others.
    fn map(&mut self, map: &Snapshot, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
        self.maps.insert(map.name.clone(), map.clone());
        if map.name != map::VALUES {
            return Ok(());
        }
        let maps: Vec<Snapshot> = self.maps.values().cloned().collect();
        self.rest(&maps, names);
        self.judge();
        // A screen is cleared before it is shown again.
        if let Format::Text(Look { width: Some(_), .. }) = self.to {
            out.write_all(b"\x1b[H\x1b[2J")?;
        }
        self.rows.show(self.to, out)
    }

    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) {
        self.floor = self.measuring.take().map_or(self.floor, |thread| thread.join().ok().flatten());
        let unit = if self.typed.hist.of.is_some() { Unit::None } else { self.typed.unit };
        let mut rows = Rows::read(maps, names);
        (rows.took, rows.unit) = (self.begun.elapsed(), unit);
        rows.of.clone_from(&self.typed.hist.of);
        self.rows = rows;
    }

    fn summary(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        self.measured(&summary.measured);
        self.judge();
        self.rows.took = summary.counted;
        // Calls of others are paired too: of those that calls have to be under.
        let own = summary.unwound_by.iter().filter(|of| self.measured.contains_key(&of.func));
        self.rows.unwound(&own.cloned().collect::<Vec<_>>());
        self.rows.show(self.to, out)
    }
}

impl Fold for Distributions {
    fn item(&mut self, item: &Item<'_>, names: &dyn Names, out: &mut dyn Write) -> io::Result<bool> {
        match item {
            Item::Attached(attached) => {
                self.begun = Instant::now();
                self.measured(&attached.measured);
                return Ok(false);
            }
            Item::Map(map) => self.map(map, names, out)?,
            Item::Maps(left) => self.rest(left, names),
            Item::Summary(summary) => self.summary(summary, out)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
