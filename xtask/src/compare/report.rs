//! The tables of `docs/performance.md`.

use std::path::Path;
use std::process::Command;

use super::rows::BPFTRACE_COUNTS;
use super::targets::Kind;
use super::{Outcome, Sample, Setup};
use crate::bed::{median, named};
use crate::page::{self, Machine, first_line};

/// The machine, the date and the tools of a measurement.
pub fn about(setup: &Setup) -> String {
    let Machine { date, cores, model, kernel, load } = Machine::now();
    let version = |program: &Path, args: &[&str], start| first_line(&program.display().to_string(), args, start);
    let bpftrace = Some(version(Path::new("bpftrace"), &["--version"], "")).filter(|version| !version.is_empty());
    let tools = [
        version(&setup.gospect, &["--version"], ""),
        bpftrace.unwrap_or_else(|| "no bpftrace".to_owned()),
        match &setup.dlv {
            Ok(dlv) => format!("dlv {}", version(dlv, &["version"], "Version: ")),
            Err(why) => format!("no dlv ({why})"),
        },
    ];
    format!(
        "{date}: {cores} × {model}, Linux {kernel}, {}; {} rounds of {:.1} s each; load {load} from elsewhere when it began.\n",
        tools.join(", "),
        setup.rounds,
        setup.time.as_secs_f64(),
    )
}

/// The output of `gospect bench`.
pub fn bench(gospect: &Path) -> Result<String, String> {
    let output = Command::new(gospect).arg("bench").output().map_err(named(gospect.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.success() {
        true => Ok(format!("What one probe costs where, by `gospect bench`:\n\n```\n{}```\n", text)),
        false => Err(format!("gospect bench: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A table: a row for each tracer.
pub fn table(kind: &Kind, outcomes: &[Vec<Outcome>]) -> String {
    let per_second = format!(">{}/s", kind.unit);
    let cost: &[&str] = if kind.is_call { &[">ns added a call", ">times bpftrace's count"] } else { &[">p99"] };
    let columns = [&["", &per_second, ">min..max", ">of nothing"], cost, &["events seen of true"]].concat();
    let of = |name: &str| kind.rows.iter().position(|row| row.name == name).and_then(|at| outcomes.get(at));
    let none = Vec::new();
    let bases = Bases { nothing: outcomes.first().unwrap_or(&none), unit: of(BPFTRACE_COUNTS.name).unwrap_or(&none) };
    let rows = kind.rows.iter().zip(outcomes);
    let rows = rows.map(|(row, outcomes)| [vec![row.name.to_owned()], cells(kind, outcomes, &bases)].concat());
    format!("{}:\n\n{}", kind.about, page::table(&columns, rows))
}

/// The figures of each round to which other rows are compared.
struct Bases<'o> {
    nothing: &'o [Outcome],
    unit: &'o [Outcome],
}

fn cells(kind: &Kind, outcomes: &[Outcome], bases: &Bases<'_>) -> Vec<String> {
    let samples: Vec<&Sample> = outcomes.iter().filter_map(fine).collect();
    let columns = if kind.is_call { 5 } else { 4 };
    let mut cells = vec!["–".to_owned(); columns];
    if !samples.is_empty() {
        let rates: Vec<f64> = samples.iter().map(|sample| sample.per_second).collect();
        let (least, most) = rates.iter().fold((f64::MAX, 0.0_f64), |(least, most), &r| (r.min(least), r.max(most)));
        let ratio = |of: &Sample, nothing: &Sample| of.per_second / nothing.per_second;
        cells = vec![count(median(rates)), format!("{}..{}", count(least), count(most))];
        cells.push(part(by_round(outcomes, bases.nothing, ratio)));
        match kind.is_call {
            true => {
                let own = added(outcomes, bases.nothing);
                let unit = added(bases.unit, bases.nothing);
                let times = own.iter().zip(&unit).filter_map(|(own, unit)| Some((*own)? / (*unit)?));
                cells.push(shown(own.iter().flatten().copied().collect(), 0));
                cells.push(shown(times.collect(), 2));
            }
            false => {
                let p99 = samples.iter().filter_map(|sample| Some(sample.p99?.as_secs_f64() * 1e3));
                cells.push(format!("{} ms", shown(p99.collect(), 1)));
            }
        }
    }
    cells.push(remarks(outcomes, &samples));
    cells
}

fn fine(outcome: &Outcome) -> Option<&Sample> {
    match outcome {
        Outcome::Fine(sample) => Some(sample),
        Outcome::Dead(_) | Outcome::Refused(_) => None,
    }
}

/// A figure of each round with both measurements.
fn by_round(outcomes: &[Outcome], bases: &[Outcome], of: impl Fn(&Sample, &Sample) -> f64) -> Vec<f64> {
    outcomes.iter().zip(bases).filter_map(|(outcome, base)| Some(of(fine(outcome)?, fine(base)?))).collect()
}

/// Nanoseconds added to each call by the tracer, by round.
fn added(outcomes: &[Outcome], nothing: &[Outcome]) -> Vec<Option<f64>> {
    let nanos = |sample: &Sample| 1e9 / sample.per_second;
    let rounds = outcomes.iter().zip(nothing);
    rounds.map(|(outcome, base)| Some(nanos(fine(outcome)?) - nanos(fine(base)?))).collect()
}

/// The share of events seen, and failures.
fn remarks(outcomes: &[Outcome], samples: &[&Sample]) -> String {
    let (seen, truth) = samples.iter().fold((0, 0), |(seen, truth), s| (seen + s.seen, truth + s.truth));
    let mut parts = Vec::new();
    if truth > 0 {
        parts.push(match seen == truth {
            true => format!("all {seen}"),
            false => format!("{seen} of {truth} ({:+.2} %)", (seen as f64 / truth as f64 - 1.0) * 100.0),
        });
    }
    match samples.iter().map(|sample| sample.lost).sum::<u64>() {
        0 => {}
        lost => parts.push(format!("says that {lost} were lost")),
    }
    let dead = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Dead(_))).count();
    if let Some(Outcome::Dead(how)) = outcomes.iter().find(|outcome| matches!(outcome, Outcome::Dead(_))) {
        parts.push(format!("**target dead** in {dead} of {} rounds ({how})", outcomes.len()));
    }
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused(_))).count();
    if let Some(Outcome::Refused(why)) = outcomes.iter().find(|outcome| matches!(outcome, Outcome::Refused(_))) {
        let how_often = if refused < outcomes.len() {
            format!(" in {refused} of {} rounds", outcomes.len())
        } else {
            String::new()
        };
        parts.push(format!("refused{how_often}: {}", why.replace('|', "\\|")));
    }
    parts.extend(samples.iter().find_map(|sample| sample.remark).map(str::to_owned));
    parts.join("; ")
}

/// The median, which may be very small.
fn part(figures: Vec<f64>) -> String {
    match median(figures) {
        none if none.is_nan() => "–".to_owned(),
        much if much >= 0.01 => format!("{much:.3}"),
        little => format!("1 in {}", count(1.0 / little)),
    }
}

/// The median with this number of decimals.
fn shown(figures: Vec<f64>, digits: usize) -> String {
    if figures.is_empty() { "–".to_owned() } else { format!("{:.digits$}", median(figures)) }
}

fn count(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).unwrap_or_default()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::super::targets::KINDS;
    use super::*;

    fn sample(per_second: f64, seen: u64, truth: u64) -> Outcome {
        let p99 = Some(Duration::from_micros(4200));
        Outcome::Fine(Sample { per_second, p99, seen, truth, lost: truth - seen, remark: None })
    }

    #[test]
    fn a_row_says_what_came_of_it() {
        let mut outcomes = vec![vec![Outcome::Refused("no | such tool".to_owned()); 3]; KINDS[0].rows.len()];
        outcomes[0] = vec![sample(10e6, 0, 0), sample(9e6, 0, 0), sample(11e6, 0, 0)];
        outcomes[1] = vec![sample(1e6, 100, 100), sample(1.2e6, 120, 120), sample(0.9e6, 90, 90)];
        outcomes[2] =
            vec![sample(1e6, 99, 100), Outcome::Dead("signal: 11 (SIGSEGV)".to_owned()), sample(1e6, 99, 100)];
        let unit = KINDS[0].rows.iter().position(|row| row.name == BPFTRACE_COUNTS.name).expect("it is a row");
        outcomes[unit] = vec![sample(1e5, 100, 100), sample(1e5, 120, 120), sample(1e5, 90, 90)];
        let rows = |kind: &Kind| {
            let table = table(kind, &outcomes);
            table
                .lines()
                .take(7)
                .chain(table.lines().nth(4 + unit))
                .map(|line| line.to_owned() + "\n")
                .collect::<String>()
        };
        expect![[r#"
            A loop that does nothing but call `main.hit`, which has a frame, one argument and three returns, on one thread:

            | | calls/s | min..max | of nothing | ns added a call | times bpftrace's count | events seen of true |
            |---|---:|---:|---:|---:|---:|---|
            | nothing | 10 000 000 | 9 000 000..11 000 000 | 1.000 | 0 | 0.00 | |
            | gospect run: count of calls | 1 000 000 | 900 000..1 200 000 | 0.100 | 900 | 0.09 | all 310 |
            | gospect run: each call printed, with its argument | 1 000 000 | 1 000 000..1 000 000 | 0.095 | 905 | 0.09 | 198 of 200 (-1.00 %); says that 2 were lost; **target dead** in 1 of 3 rounds (signal: 11 (SIGSEGV)) |
            | bpftrace: count of calls, at the first byte | 100 000 | 100 000..100 000 | 0.010 | 9900 | 1.00 | all 310 |
        "#]].assert_eq(&rows(&KINDS[0]));
        expect![[r#"
            A service on gin, asked on 4 connections as fast as it answers; each request calls `main.Fibonacci` once, but one in sixteen that is refused. The load shares the machine with the service and the tracer:

            | | requests/s | min..max | of nothing | p99 | events seen of true |
            |---|---:|---:|---:|---:|---|
            | nothing | 10 000 000 | 9 000 000..11 000 000 | 1.000 | 4.2 ms | |
            | gospect run: count of calls | 1 000 000 | 900 000..1 200 000 | 0.100 | 4.2 ms | all 310 |
            | gospect run: each call printed, with its argument | 1 000 000 | 1 000 000..1 000 000 | 0.095 | 4.2 ms | 198 of 200 (-1.00 %); says that 2 were lost; **target dead** in 1 of 3 rounds (signal: 11 (SIGSEGV)) |
            | bpftrace: count of calls, at the first byte | 100 000 | 100 000..100 000 | 0.010 | 4.2 ms | all 310 |
        "#]].assert_eq(&rows(&KINDS[1]));
    }

    #[test]
    fn numbers_are_in_groups_of_three() {
        assert_eq!([7.4, 999.6, 12_435_930.0].map(count), ["7", "1 000", "12 435 930"]);
        let parts = [vec![0.4, 0.5, 0.9], vec![0.000_005], vec![]].map(part);
        assert_eq!(parts, ["0.500", "1 in 200 000", "–"]);
    }
}
