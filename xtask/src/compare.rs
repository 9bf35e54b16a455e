//! Puts what gospect costs beside what other tracers of Go programs cost, on this machine, in one run.
//!
//! Two programs are traced: one that does nothing but call a function, and a web service under load, this for its calls
//! and for its goroutines. Each round goes through all tracers, so that a machine that does other things at times slows
//! them all; figures are medians of rounds, ratios those of the same round. A tracer starts on a fresh process, measures,
//! and is asked to end as by Ctrl-C; what it has seen is held against what the program itself has counted. What is not
//! there, refuses, or ends its target is shown as that.
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

/// How often each tracer is measured.
const ROUNDS: usize = 5;
/// How long each time.
const SECONDS: f64 = 2.0;
/// Installed where PATH has no delve; distributions have none that knows recent Go.
const DELVE: &str = "github.com/go-delve/delve/cmd/dlv@v1.27.2";
const PAGE: &str = "docs/performance.md";

/// What came of one tracer in one round.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// It measured.
    Fine(Sample),
    /// Its target ended: how, and after how many calls.
    Dead(String),
    /// It could not be used, in its own words.
    Refused(String),
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    /// Calls, or requests, a second.
    per_second: f64,
    /// The time that one request in a hundred exceeds.
    p99: Option<Duration>,
    /// Events that the tracer has shown or counted.
    seen: u64,
    /// Events that there were.
    truth: u64,
    /// Events that the tracer owns up to having lost.
    lost: u64,
    /// What is to be said besides.
    remark: Option<&'static str>,
}

/// What is to be measured, and with what.
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

/// The delve in PATH, else one that is built.
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
