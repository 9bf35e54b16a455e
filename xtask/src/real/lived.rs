//! `gospect states --summary --by goid` on one of the programs, held against when its goroutines began and ended as
//! another gospect tells, by a script of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What tells when goroutines begin and end.
const SCRIPT: &str = "goroutine:create { printf(\"c %d %d %d\\n\", pid, args.goid, nsecs) } \
                      goroutine:exit { printf(\"x %d %d %d\\n\", pid, args.goid, nsecs) }";
/// Two probes at one place are not hit in the same moment.
const APART: u64 = 20_000;
/// And now and then the machine does something else between them: for one goroutine in so many.
const INTERRUPTED: u64 = 1000;
/// One part in so many is as good as the whole.
const PART: u64 = 100;
/// So many that are wrong are shown.
const SHOWN: usize = 5;

/// A goroutine: its process and number.
type Id = (u64, u64);

/// What came of it.
#[derive(Debug, Default)]
pub struct Lives {
    /// Goroutines that began and ended meanwhile.
    pub whole: u64,
    /// Those that were there all the time.
    pub throughout: u64,
    /// Changes of states.
    pub changes: u64,
    /// Those of which they are further apart than the two probes usually are, and how far at most.
    pub apart: u64,
    /// In nanoseconds.
    pub furthest: u64,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

impl Lives {
    /// Whether there is something to be said, and nothing is wrong.
    pub fn add_up(&self) -> bool {
        let few = self.apart <= (self.whole / INTERRUPTED).max(1);
        self.whole + self.throughout > 0 && self.changes > 0 && few && self.wrong.is_empty()
    }
}

/// Both at work.
pub struct Watching {
    totals: Watcher,
    events: Watcher,
    ready: Instant,
}

impl Watching {
    /// On what such flags name; when both have their probes in place.
    pub fn of(gospect: &Path, target: [&str; 2], scratch: &Path) -> Result<Watching, String> {
        let positional = |[flag, what]: [&str; 2]| {
            if flag == "--target" { vec![what.to_owned()] } else { vec![flag.to_owned(), what.to_owned()] }
        };
        let states = ["states", "--summary", "--by", "goid", "--json"].map(str::to_owned);
        let totals = Watcher::start(gospect, [states.to_vec(), positional(target)].concat(), scratch.join("totals"))?;
        let run = ["run", target[0], target[1], "-e", SCRIPT].map(str::to_owned);
        // It begins later and ends earlier, so that whatever it tells of lies within what the other one has seen.
        let events = Watcher::start(gospect, run.to_vec(), scratch.join("events"))?;
        Ok(Watching { totals, events, ready: Instant::now() })
    }

    /// Asks both to end, and compares.
    pub fn stop(self) -> Result<Lives, String> {
        let (events, asides) = self.events.stop()?;
        if asides.contains(" lost") {
            return Err(format!("records of goroutines were lost: {asides}"));
        }
        let seen = self.ready.elapsed();
        let (totals, _) = self.totals.stop()?;
        compare(&totals, &events, seen)
    }
}

/// One of them.
struct Watcher {
    child: Child,
    file: PathBuf,
}

impl Watcher {
    fn start(gospect: &Path, args: Vec<String>, file: PathBuf) -> Result<Watcher, String> {
        let mut command = Command::new(gospect);
        command.args(args).args(["--max-overhead", "off", "--ready-fd", "1", "-o"]).arg(&file).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", gospect.display()))?;
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut String::new()).map_err(|e| e.to_string())?;
        }
        Ok(Watcher { child, file })
    }

    /// What it has written, and what it has said.
    fn stop(self) -> Result<(String, String), String> {
        let stopped = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        stopped.map_err(|e| format!("kill: {e}"))?;
        let output = self.child.wait_with_output().map_err(|e| e.to_string())?;
        let asides = String::from_utf8_lossy(&output.stderr).into_owned();
        let text =
            std::fs::read_to_string(&self.file).map_err(|e| format!("{}: {e}: {asides}", self.file.display()))?;
        if output.status.success() { Ok((text, asides)) } else { Err(asides) }
    }
}

/// How long goroutines lived, of which beginning and end were seen.
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

fn compare(totals: &str, events: &str, seen: Duration) -> Result<Lives, String> {
    let (expected, mut lives, mut found) = (lives(events), Lives::default(), BTreeSet::new());
    let seen = u64::try_from(seen.as_nanos()).unwrap_or(u64::MAX);
    for line in totals.lines() {
        let object: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
        match object["type"].as_str() {
            Some("state_total") => {
                let id = (number(&object["by"]["pid"]), number(&object["by"]["goid"]));
                found.insert(id);
                lives.judge(id, &object, expected.get(&id).copied(), seen);
            }
            Some("summary") => {
                lives.changes = number(&object["hits"]);
                // Of times until they ran less is asked here.
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

impl Lives {
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
            // It was there while both watched, and somewhat longer.
            (None, 0, 0) => {
                self.throughout += 1;
                sum >= seen
            }
            // It began or ended while only one of them watched.
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

    fn compared(lines: &[String]) -> Lives {
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
