//! bpftrace, counting the calls of a function of the specimen at its first byte.
//!
//! It says nothing when its probe is in place, and a breakpoint in memory is there before the program that counts. So it
//! is made to say its count ten times a second, and the function is called until it has seen one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use kernel::specimen::{SYMBOL, Specimen};
use kernel::{Pid, signal};

use super::{THEIRS, gone};
use crate::refusal::Refusal;

/// How long bpftrace may take to put its probe in place, or to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(20);

/// bpftrace, with its probe in place.
pub struct Rival {
    child: Child,
    version: String,
    /// The counts that it says.
    counts: Receiver<u64>,
    /// The last of them.
    counted: u64,
    /// How many calls may have been made before it counted.
    before: u64,
}

impl Rival {
    /// Starts it and waits for its probe.
    pub fn start(specimen: &mut Specimen) -> Result<Rival, Refusal> {
        let version = Command::new("bpftrace").arg("--version").output().map_err(|e| unstarted(&e))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let exe = std::env::current_exe().map_err(|e| Refusal::refused(format!("gospect has no path: {e}")))?;
        let count = format!("uprobe:\"{}\":{SYMBOL} {{ @ = count(); }}", exe.display());
        let script = format!("{count} interval:ms:100 {{ print(@); }}");
        let mut command = Command::new("bpftrace");
        command.args(["-p", &specimen.pid().to_string(), "-e", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| unstarted(&e))?;
        let counts = child.stdout.take().map_or_else(|| channel().1, counts);
        let mut rival = Rival { child, version, counts, counted: 0, before: 0 };
        rival.wait_for_probe(specimen)?;
        Ok(rival)
    }

    fn wait_for_probe(&mut self, specimen: &mut Specimen) -> Result<(), Refusal> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            specimen.calls(THEIRS, 1).map_err(|e| gone(&e))?;
            self.before += 1;
            self.counted = self.counts.try_iter().last().unwrap_or(0);
            if self.counted > 0 {
                return Ok(());
            }
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Err(self.failed("ended before its probe was in place"));
            }
            sleep(GLANCE);
        }
        Err(self.failed("did not put its probe in place"))
    }

    /// Ends it. What it calls itself, if it has counted as many calls as were made since it began.
    pub fn end(mut self, called: u64) -> Result<String, Refusal> {
        // If it is gone already, that shows in what it has said.
        let _ = signal::terminate(Pid(self.child.id()));
        let start = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && start.elapsed() < PATIENCE {
            sleep(GLANCE);
        }
        // Else its output would never be at its end.
        let _ = self.child.kill();
        let counted = self.counts.iter().last().unwrap_or(self.counted);
        match (called..=called + self.before).contains(&counted) {
            true => Ok(std::mem::take(&mut self.version)),
            false => Err(self.failed(&format!("counted {counted} calls where {called} were made"))),
        }
    }

    fn failed(&mut self, how: &str) -> Refusal {
        let (mut said, refusal) = (String::new(), Refusal::refused(format!("bpftrace {how}")));
        let _ = self.child.kill();
        let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        match said.lines().find(|line| !line.trim().is_empty()) {
            Some(line) => refusal.hint(format!("it said: {line}")),
            None => refusal,
        }
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unstarted(error: &std::io::Error) -> Refusal {
    Refusal::refused(format!("bpftrace cannot be started: {error}"))
}

/// Reads the counts as they come, until there are no more.
fn counts(stdout: ChildStdout) -> Receiver<u64> {
    let (sender, receiver) = channel();
    spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // Whoever no longer listens has what he wanted.
        lines.filter_map(|line| count(&line)).all(|count| sender.send(count).is_ok())
    });
    receiver
}

/// `@: 42`
fn count(line: &str) -> Option<u64> {
    line.strip_prefix("@: ")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_in_what_bpftrace_says() {
        assert_eq!(["Attaching 2 probes...", "", "@: 42"].map(count), [None, None, Some(42)]);
    }
}
