//! Compares the cost of gospect with that of other tracers of Go programs, on this machine, in one run.
//!
//! There are two targets: a loop around one function, and a web service under load, traced for its calls and for its
//! goroutines. Each round runs all tracers, so other load on the machine slows all of them; figures are medians of rounds,
//! ratios compare figures of the same round. Each tracer gets a fresh process and ends by Ctrl-C. Its events are compared
//! with the target's own counts. The tables name tracers that are missing, refuse, or end their target.
//!
//! A tracer is a [`rows::Row`]. The tables stand between marks in `docs/performance.md`.

mod attach;
mod capture;
mod report;
mod rows;
mod targets;
mod tracer;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rows::Row;
use targets::{KINDS, Kind, Measured, Target};
use tracer::Names;

use crate::args::Args;
use crate::bed::{self, go_program, named};
use crate::{page, root};

/// Measurements of each tracer.
const ROUNDS: usize = 5;
/// Length of a measurement.
const SECONDS: f64 = 2.0;
/// Built if PATH has no delve; distributions have no delve for recent Go.
const DELVE: &str = "github.com/go-delve/delve/cmd/dlv@v1.27.2";
const PAGE: &str = "docs/performance.md";

/// The outcome of one tracer in one round.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Fine(Sample),
    /// The target ended, with this status.
    Dead(String),
    /// The tracer could not attach, with its own error message.
    Refused(String),
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    /// Calls, or requests, a second.
    per_second: f64,
    /// 99th percentile of the response time.
    p99: Option<Duration>,
    /// Events shown or counted by the tracer.
    seen: u64,
    /// Events counted by the target.
    truth: u64,
    /// Events lost, according to the tracer.
    lost: u64,
    remark: Option<&'static str>,
}

/// Tools and extent of a comparison.
struct Setup {
    rounds: usize,
    time: Duration,
    gospect: PathBuf,
    dlv: Result<PathBuf, String>,
}

/// `cargo xtask compare [--rounds N] [--seconds N] [TABLE...]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let mut args = Args::new(args);
    let rounds = args.number("--rounds", ROUNDS)?;
    let time = args.time("--seconds", Duration::from_secs(1), SECONDS)?;
    let tables = args.words(&KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>())?;
    let setup = Setup { rounds, time, gospect: bed::gospect()?, dlv: delve() };
    let scratch = root().join("target/compare");
    std::fs::create_dir_all(&scratch).map_err(named(scratch.display()))?;
    let scratch = scratch.canonicalize().map_err(named(scratch.display()))?;
    let mut parts = vec![report::about(&setup)];
    for kind in KINDS.iter().filter(|kind| tables.is_empty() || tables.iter().any(|table| table == kind.name)) {
        // A path of its own: gospect counts in all processes of a file.
        let path = scratch.join(kind.fixture);
        std::fs::copy(bed::fixture(kind.fixture, kind.variant)?, &path).map_err(named(path.display()))?;
        parts.push(report::table(kind, &measure(&setup, kind, &path)?));
    }
    if !tables.is_empty() {
        println!("{}", parts.join("\n"));
        return Ok(true);
    }
    parts.push(attach::measure(&setup.gospect, &scratch, rounds)?);
    parts.push(report::bench(&setup.gospect)?);
    parts.push(capture::measure(&setup.gospect, rounds)?);
    let text = std::fs::read_to_string(root().join(PAGE)).map_err(named(PAGE))?;
    page::publish(PAGE, &page::between_marks(&text, "compare", &parts.join("\n"))?, true)?;
    Ok(true)
}

/// The delve in PATH, or a build of [`DELVE`].
fn delve() -> Result<PathBuf, String> {
    let version = Command::new("dlv").arg("version").output();
    if version.is_ok_and(|output| output.status.success()) { Ok("dlv".into()) } else { go_program(DELVE, "") }
}

/// The outcome of each row in each round.
fn measure(setup: &Setup, kind: &Kind, path: &Path) -> Result<Vec<Vec<Outcome>>, String> {
    let names = Names::of(&setup.gospect, path, kind.function)?;
    let mut outcomes = vec![Vec::new(); kind.rows.len()];
    for round in 1..=setup.rounds {
        for (row, outcomes) in kind.rows.iter().zip(&mut outcomes) {
            let outcome = once(setup, kind, path, row, &names)?;
            eprintln!("{} {round}/{}: {}: {outcome:?}", kind.fixture, setup.rounds, row.name);
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// A fresh process, a tracer on it, load, and the end of both.
fn once(setup: &Setup, kind: &Kind, path: &Path, row: &'static Row, names: &Names) -> Result<Outcome, String> {
    let mut target = Target::start(kind, path)?;
    let tracer = match tracer::command(setup, row, names, target.pid()) {
        Ok(None) => None,
        Ok(Some(command)) => match tracer::attach(command, row, names, &mut target) {
            Ok(tracer) => Some(tracer),
            Err(why) => return Ok(target.death().map_or(Outcome::Refused(why), Outcome::Dead)),
        },
        Err(why) => return Ok(Outcome::Refused(why)),
    };
    let measured = target.measure(setup.time * kind.times);
    let ended = tracer.map(|(tracer, unseen)| Ok::<_, String>((tracer.stop()?, unseen))).transpose()?;
    if let Some(how) = target.death() {
        return Ok(Outcome::Dead(how));
    }
    let Measured { per_second, p99 } = measured?;
    let calls = target.calls()?;
    Ok(Outcome::Fine(match ended {
        None => Sample { per_second, p99, seen: 0, truth: calls * row.events, lost: 0, remark: None },
        Some((ended, unseen)) => Sample {
            per_second,
            p99,
            seen: ended.state.seen,
            truth: (calls - unseen) * row.events,
            lost: ended.state.lost + ended.count("lost"),
            remark: (!ended.in_time).then_some("did not end at Ctrl-C"),
        },
    }))
}
