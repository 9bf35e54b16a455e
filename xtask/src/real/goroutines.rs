//! `gospect states --summary --by goid` on one of the programs, compared with the start and end of its goroutines as
//! reported by a script in another gospect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{self, Tracer, named};

/// Prints when goroutines begin and end.
const SCRIPT: &str = "goroutine:create { printf(\"c %d %d %d\\n\", pid, args.goid, nsecs) } \
                      goroutine:exit { printf(\"x %d %d %d\\n\", pid, args.goid, nsecs) }";
/// Tolerance in nanoseconds: two probes at one place are hit one after the other.
const APART: u64 = 20_000;
/// One goroutine in this number may exceed the tolerance, because the thread may be preempted between two probes.
const INTERRUPTED: u64 = 1000;
/// Relative tolerance: one part in this number.
const PART: u64 = 100;
/// Maximum number of faults shown.
const SHOWN: usize = 5;

/// A goroutine: its process and number.
type Id = (u64, u64);

/// Goroutines, and how their times by state compare with their lives.
#[derive(Debug, Default)]
pub struct Lifetimes {
    /// Goroutines that began and ended meanwhile.
    pub whole: u64,
    /// Goroutines that lived all the time.
    pub throughout: u64,
    /// State transitions.
    pub changes: u64,
    /// Goroutines beyond the tolerance, and the largest difference.
    pub apart: u64,
    /// Nanoseconds.
    pub furthest: u64,
    /// Faults, one sentence each.
    pub wrong: Vec<String>,
}

impl Lifetimes {
    /// Whether there were goroutines, and no faults.
    pub fn add_up(&self) -> bool {
        let few = self.apart <= (self.whole / INTERRUPTED).max(1);
        self.whole + self.throughout > 0 && self.changes > 0 && few && self.wrong.is_empty()
    }
}

/// Two gospects at work: one adds up times by state, one prints when goroutines begin and end.
pub struct Watching {
    totals: Tracer<()>,
    events: Tracer<()>,
    scratch: PathBuf,
    ready: Instant,
}

impl Watching {
    /// Attaches both to the target of these flags.
    pub fn start(gospect: &Path, target: [&str; 2], scratch: &Path) -> Result<Watching, String> {
        let mut states = Command::new(gospect);
        states.args(["states", "--summary", "--by", "goid", "--json"]);
        states.args(if target[0] == "--target" { &target[1..] } else { &target[..] });
        let totals = attach(&mut states, &scratch.join(TOTALS))?;
        // Starts later and ends earlier, so `totals` includes all reported lifetimes.
        let mut run = Command::new(gospect);
        let events = attach(run.arg("run").args(target).args(["-e", SCRIPT]), &scratch.join(EVENTS))?;
        Ok(Watching { totals, events, scratch: scratch.to_owned(), ready: Instant::now() })
    }

    /// Ends both, and compares.
    pub fn stop(self) -> Result<Lifetimes, String> {
        let read = |file: &str| std::fs::read_to_string(self.scratch.join(file)).map_err(named(file));
        self.events.stop()?.complete()?;
        let seen = self.ready.elapsed();
        self.totals.stop()?.succeeded()?;
        compare(&read(TOTALS)?, &read(EVENTS)?, seen)
    }
}

const TOTALS: &str = "totals";
const EVENTS: &str = "events";

fn attach(command: &mut Command, file: &Path) -> Result<Tracer<()>, String> {
    command.args(["--max-overhead", "off", "--ready-fd", "1", "-o"]).arg(file);
    Tracer::attach(command, (), bed::is_attached)
}

/// Lifetimes of the goroutines with known start and end.
fn lives(events: &str) -> BTreeMap<Id, u64> {
    let (mut begun, mut lives) = (BTreeMap::new(), BTreeMap::new());
    for line in events.lines() {
        let mut words = line.split(' ');
        let kind = words.next();
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        match (kind, &numbers[..]) {
            (Some("c"), &[pid, goid, at]) => drop(begun.insert((pid, goid), at)),
            (Some("x"), &[pid, goid, at]) => {
                if let Some(since) = begun.remove(&(pid, goid)) {
                    lives.insert((pid, goid), at - since);
                }
            }
            _ => {}
        }
    }
    lives
}

fn compare(totals: &str, events: &str, seen: Duration) -> Result<Lifetimes, String> {
    let (expected, mut lives, mut found) = (lives(events), Lifetimes::default(), BTreeSet::new());
    let seen = u64::try_from(seen.as_nanos()).unwrap_or(u64::MAX);
    for line in totals.lines() {
        let object: Value = serde_json::from_str(line).map_err(named(line))?;
        match object["type"].as_str() {
            Some("state_total") => {
                let id = (number(&object["by"]["pid"]), number(&object["by"]["goid"]));
                found.insert(id);
                lives.judge(id, &object, expected.get(&id).copied(), seen);
            }
            Some("summary") => {
                lives.changes = number(&object["hits"]);
                // A full map of latencies does not matter here.
                let full = object["full"].as_array().into_iter().flatten();
                full.filter(|full| full["map"] == "@time").for_each(|full| lives.wrong.push(full.to_string()));
            }
            _ => {}
        }
    }
    let missing = expected.keys().filter(|id| !found.contains(id));
    lives.wrong.extend(missing.map(|(pid, goid)| format!("nothing is said of goroutine {goid} of {pid}")));
    let more = lives.wrong.len().saturating_sub(SHOWN);
    lives.wrong.truncate(SHOWN);
    lives.wrong.extend((more > 0).then(|| format!("and {more} more")));
    Ok(lives)
}

impl Lifetimes {
    fn judge(&mut self, (pid, goid): Id, total: &Value, lived: Option<u64>, seen: u64) {
        let waiting = total["waiting_ns"].as_object().into_iter().flatten().map(|(_, ns)| number(ns)).sum::<u64>();
        let sum =
            ["running_ns", "runnable_ns", "syscall_ns"].iter().map(|&name| number(&total[name])).sum::<u64>() + waiting;
        let [created, finished] = ["created", "finished"].map(|name| number(&total[name]));
        let right = match (lived, created, finished) {
            (Some(lived), 1, 1) => {
                let apart = sum.abs_diff(lived);
                self.whole += 1;
                if apart > (lived / PART).max(APART) {
                    (self.apart, self.furthest) = (self.apart + 1, self.furthest.max(apart));
                }
                true
            }
            (Some(_), ..) => false,
            // Lived throughout, and somewhat longer.
            (None, 0, 0) => {
                self.throughout += 1;
                sum >= seen
            }
            // Started or ended while only one gospect was attached.
            (None, ..) => return,
        };
        if !right {
            let lived = lived.unwrap_or(seen);
            let counts = format!("created {created}, finished {finished}");
            self.wrong.push(format!("goroutine {goid} of {pid}: {sum} ns by state, {lived} ns in all, {counts}"));
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "c 1 7 1000\nc 1 8 2000\nx 1 7 2001000\nx 1 9 2100\n";

    fn total(goid: u64, running: u64, waiting: u64, whole: u64) -> String {
        format!(
            r#"{{"type":"state_total","by":{{"goid":{goid},"pid":1}},"created":{whole},"finished":{whole},"running_ns":{running},"runnable_ns":0,"syscall_ns":0,"waiting_ns":{{"select":{waiting}}}}}"#
        )
    }

    fn compared(lines: &[String]) -> Lifetimes {
        let summary = r#"{"type":"summary","hits":9,"full":[{"map":"@latency","times":1}]}"#;
        let lines: String = lines.iter().map(|line| line.clone() + "\n").collect();
        compare(&(lines + summary), EVENTS, Duration::from_micros(5000)).unwrap()
    }

    #[test]
    fn times_that_add_up_are_told_from_those_that_do_not() {
        let good = compared(&[total(7, 1_500_000, 510_000, 1), total(2, 5_000_000, 700_000, 0)]);
        assert_eq!((good.whole, good.throughout, good.changes, good.add_up()), (1, 1, 9, true));
        let short = compared(&[total(7, 1_500_000, 400_000, 1), total(2, 4_000_000, 700_000, 0)]);
        assert_eq!((short.apart, short.furthest, short.wrong.len(), short.add_up()), (1, 100_000, 1, false));
        assert_eq!(compared(&[]).wrong, ["nothing is said of goroutine 7 of 1"]);
    }
}
