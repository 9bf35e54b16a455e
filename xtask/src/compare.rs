//! Puts what gospect costs beside what other tracers of Go programs cost, on this machine, in one run.
//!
//! Two programs are traced: one that does nothing but call a function, and a web service under load, this for its calls
//! and for its goroutines. Each round goes through all tracers, so that a machine that does other things at times slows
//! them all; figures are medians of rounds, ratios those of the same round. A tracer starts on a fresh process, measures,
//! and is asked to end as by Ctrl-C; what it has seen is held against what the program itself has counted. What is not
//! there, refuses, or ends its target is shown as that.
//!
//! A tracer is a [`rows::Row`]. The tables stand between marks in `docs/performance.md`.

mod bed;
mod capture;
mod delve;
mod report;
mod rows;
mod tracer;
mod whole;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bed::{Bed, Measured};
use gospect_fixtures::{Arch, Fixture, build};
use rows::{Row, Tool};
use tracer::{Ended, Names, Tracer};

use crate::cargo::cargo;
use crate::root;

/// How often each tracer is measured.
const ROUNDS: usize = 5;
/// How long each time.
const SECONDS: Duration = Duration::from_secs(2);

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

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Asked {
    rounds: usize,
    time: Duration,
    /// Tables to be printed; none for the whole page.
    tables: Vec<String>,
}

/// `cargo xtask compare [--rounds N] [--seconds N] [TABLE...]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let Asked { rounds, time, tables } = asked(args)?;
    cargo(&["build", "--release", "--locked", "--package", "gospect"], &[])?;
    let gospect = root().join("target/release/gospect");
    let scratch = root().join("target/compare");
    std::fs::create_dir_all(&scratch).map_err(|e| format!("{}: {e}", scratch.display()))?;
    let scratch = scratch.canonicalize().map_err(|e| format!("{}: {e}", scratch.display()))?;
    let setup = Setup { rounds, time, gospect, dlv: delve::dlv(&scratch) };
    let about = report::about(&setup);
    let mut parts = vec![about];
    let wanted = |bed: &&bed::Kind| tables.is_empty() || tables.iter().any(|table| table == bed.name);
    for bed in bed::KINDS.iter().filter(wanted) {
        // A path of its own: what counts in all processes of a file counts in this one alone.
        let path = scratch.join(bed.fixture);
        std::fs::copy(fixture(bed)?, &path).map_err(|e| format!("{}: {e}", path.display()))?;
        let outcomes = rounds_of(&setup, bed, &path)?;
        parts.push(report::table(bed, &outcomes));
    }
    if !tables.is_empty() {
        println!("{}", parts.join("\n"));
        return Ok(true);
    }
    parts.push(whole::measure(&setup.gospect, &scratch, setup.rounds)?);
    parts.push(report::bench(&setup.gospect)?);
    parts.push(capture::measure(&setup.gospect, setup.rounds)?);
    let page = root().join("docs/performance.md");
    let text = std::fs::read_to_string(&page).map_err(|e| format!("{}: {e}", page.display()))?;
    let text = report::between_marks(&text, &parts.join("\n"))?;
    std::fs::write(&page, text).map_err(|e| format!("{}: {e}", page.display()))?;
    println!("{}", page.display());
    Ok(true)
}

fn asked(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked { rounds: ROUNDS, time: SECONDS, tables: Vec::new() };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => asked.rounds = number(words.next(), "rounds", |&n| n > 0)?,
            "--seconds" => {
                asked.time = Duration::from_secs_f64(number(words.next(), "seconds", |n| (0.1..1e4).contains(n))?)
            }
            name if bed::KINDS.iter().any(|bed| bed.name == name) => asked.tables.push(name.to_owned()),
            other => {
                let names: Vec<&str> = bed::KINDS.iter().map(|bed| bed.name).collect();
                return Err(format!("`--rounds N`, `--seconds N` or tables ({}), not `{other}`", names.join(", ")));
            }
        }
    }
    Ok(asked)
}

fn number<N: std::str::FromStr>(word: Option<&String>, of: &str, right: fn(&N) -> bool) -> Result<N, String> {
    let number = word.and_then(|word| word.parse().ok()).filter(right);
    number.ok_or_else(|| format!("`{}` is no number of {of}", word.map_or("", String::as_str)))
}

fn fixture(bed: &bed::Kind) -> Result<PathBuf, String> {
    let arch = Arch::native().ok_or("no Go fixtures for this machine")?;
    build(&Fixture::new(bed.fixture, "1.26", bed.variant).on(arch)).map_err(|missing| missing.why)
}

/// What came of each row in each round.
fn rounds_of(setup: &Setup, bed: &bed::Kind, path: &Path) -> Result<Vec<Vec<Outcome>>, String> {
    let names = Names::of(&setup.gospect, path, bed.function)?;
    let mut outcomes = vec![Vec::new(); bed.rows.len()];
    for round in 1..=setup.rounds {
        for (row, outcomes) in bed.rows.iter().zip(&mut outcomes) {
            let outcome = once(setup, bed, path, row, &names)?;
            eprintln!("{} {round}/{}: {}: {outcome:?}", bed.fixture, setup.rounds, row.name);
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// A fresh process, a tracer on it, load, and the end of both.
fn once(setup: &Setup, kind: &bed::Kind, path: &Path, row: &Row, names: &Names) -> Result<Outcome, String> {
    let mut bed = Bed::start(kind, path)?;
    let program = match row.tool {
        Tool::Nothing => None,
        Tool::Gospect => Some(setup.gospect.clone()),
        Tool::Bpftrace => Some(PathBuf::from("bpftrace")),
        Tool::Dlv => match &setup.dlv {
            Ok(path) => Some(path.clone()),
            Err(why) => return Ok(Outcome::Refused(why.clone())),
        },
    };
    let tracer = match program.map(|program| Tracer::start(&program, row, names, &mut bed)).transpose() {
        Ok(tracer) => tracer,
        Err(why) => return Ok(bed.death().map_or(Outcome::Refused(why), Outcome::Dead)),
    };
    let measured = bed.measure(setup.time * kind.times);
    let none = Ended { seen: 0, lost: 0, unseen: 0, remark: None };
    let Ended { seen, lost, unseen, remark } = tracer.map_or(none, Tracer::end);
    if let Some(how) = bed.death() {
        return Ok(Outcome::Dead(how));
    }
    let Measured { per_second, p99 } = measured?;
    let truth = (bed.calls()? - unseen) * row.events;
    Ok(Outcome::Fine(Sample { per_second, p99, seen, truth, lost, remark }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rounds_can_be_asked_for() {
        let words = |text: &str| asked(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let all = |rounds, time| Ok(Asked { rounds, time, tables: Vec::new() });
        assert_eq!(words(""), all(ROUNDS, SECONDS));
        assert_eq!(words("--rounds 3 --seconds 0.5"), all(3, Duration::from_millis(500)));
        assert_eq!(words("goroutines").map(|asked| asked.tables), Ok(vec!["goroutines".to_owned()]));
        assert_eq!(words("--rounds 0"), Err("`0` is no number of rounds".to_owned()));
        assert!(words("--seconds -1").is_err() && words("--rounds").is_err() && words("all").is_err());
    }
}
