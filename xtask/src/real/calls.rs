//! `gospect trace` on one of the programs: its lines and its summary.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::programs::{OUTPUT, Program, go_env};
use crate::bed::{self, Ended, Stream, Tracer};

/// The calls of a program, as gospect reports them.
#[derive(Debug, Default)]
pub struct Report {
    pub probes: u64,
    pub sites: u64,
    pub hits: u64,
    pub printed: u64,
    /// The other counts of the summary by name: `lost`, `still open` and so on.
    pub rest: BTreeMap<String, u64>,
    pub lines: Lines,
    pub notes: Vec<String>,
}

/// The lines of calls that were read.
#[derive(Debug, Default)]
pub struct Lines {
    pub calls: u64,
    pub bytes: u64,
    /// Values that are absent, by reason.
    pub missing: BTreeMap<String, u64>,
    /// Calls that ended otherwise than by a return.
    pub ends: BTreeMap<String, u64>,
}

impl Report {
    /// Whether every call was shown or counted, and no more was reported as shown than was read.
    pub fn adds_up(&self) -> bool {
        // Calls unwound by a panic or by `Goexit` are among the printed calls.
        let of = |name: &str| self.rest.get(name).copied().unwrap_or(0);
        let sum = self.printed + of("filtered") + of("over the limit") + of("still open") + of("lost");
        // Of some lost calls the entry is known.
        let begun = self.lines.ends.get("end not seen").copied().unwrap_or(0);
        let shown = self.printed + of("still open") + begun;
        self.hits > 0 && self.hits == sum && begun <= of("lost") && shown == self.lines.calls
    }

    pub fn new(ended: Ended<Lines>) -> Report {
        Report { lines: ended.state, ..Report::read(&ended.stderr) }
    }

    /// Reads standard error: `attached 9 probes at 20 sites`, the summary, and notes.
    fn read(stderr: &str) -> Report {
        let mut report = Report::default();
        let first = |text: &str| text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        for line in stderr.lines() {
            if let Some(rest) = line.strip_prefix("attached ") {
                report.probes = first(rest).unwrap_or(0);
                report.sites = rest.split_once(" at ").and_then(|(_, sites)| first(sites)).unwrap_or(0);
            }
            report.notes.extend(line.strip_prefix("gospect: ").map(str::to_owned));
        }
        for (count, name) in bed::summary(stderr) {
            match name {
                "hits" => report.hits = count,
                "printed" => report.printed = count,
                _ => drop(report.rest.insert(name.to_owned(), count)),
            }
        }
        report
    }
}

/// Traces a running process.
pub fn trace_process(gospect: &Path, program: &Program, pid: u32) -> Result<Tracer<Lines>, String> {
    let mut command = bed::trace_command(gospect, "trace", pid);
    functions(&mut command, program);
    Tracer::attach(&mut command, Lines::default(), Lines::take)
}

/// Traces a command from its start to its end, with its own output in a file.
pub fn trace_to_end(
    gospect: &Path,
    program: &Program,
    path: &Path,
    args: &[&str],
    scratch: &Path,
) -> Result<Report, String> {
    let mut command = Command::new("sh");
    let redirected = format!("exec \"$@\" 3>&1 >{OUTPUT}");
    command.args(["-c", &redirected, "sh"]).arg(gospect);
    command.args(["trace", "--max-overhead", "off", "-o", "/dev/fd/3"]);
    functions(&mut command, program);
    command.arg("--").arg(path).args(args).current_dir(scratch).envs(go_env()?);
    Tracer::start(&mut command, Lines::default(), Lines::take)?.wait().map(Report::new)
}

fn functions(command: &mut Command, program: &Program) {
    command.args(program.functions);
    program.except.iter().for_each(|pattern| {
        command.args(["-x", pattern]);
    });
}

/// Words in place of a result.
const ENDS: [&str; 7] =
    ["left by a jump", "panicked", "goexit", "switched away", "end not seen", "still open", "detached"];

/// Beginnings of texts in place of a value.
const MISSING: [&str; 6] =
    ["not captured", "unreadable: ", "unknown: ", "unknown type", "cycle>", "reflect.Value not shown"];

impl Lines {
    fn take(&mut self, stream: Stream, line: &str) -> bool {
        if stream == Stream::Out && line.starts_with(|c: char| c.is_ascii_digit()) {
            self.count(line.as_bytes());
        }
        bed::is_attached(self, stream, line)
    }

    fn count(&mut self, line: &[u8]) {
        self.calls += 1;
        self.bytes += line.len() as u64 + 1;
        // The end of a call stands near the end of the line, before its duration.
        let tail = String::from_utf8_lossy(line.get(line.len().saturating_sub(TAIL)..).unwrap_or(line));
        if let Some(end) = ENDS.iter().find(|end| tail.contains(&format!(")  {end}"))) {
            *self.ends.entry((*end).to_owned()).or_default() += 1;
        }
        for at in memchr::memchr_iter(b'<', line) {
            let from = line.get(at + 1..).unwrap_or_default();
            if MISSING.iter().any(|start| from.starts_with(start.as_bytes())) {
                let end = memchr::memchr(b'>', from).unwrap_or(from.len());
                let why = String::from_utf8_lossy(from.get(..end).unwrap_or_default());
                let why = why.split(" 0x").next().unwrap_or_default();
                match self.missing.get_mut(why) {
                    Some(n) => *n += 1,
                    None => drop(self.missing.insert(why.to_owned(), 1)),
                }
            }
        }
    }
}

/// An end and a duration have no more bytes.
const TAIL: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_is_understood() {
        let report = Report::read(
            "attached 13 of 14 probes at 38 sites\nskipped f: it is C\ngospect: 2 returns whose calls were not seen\n\
             9 hits, 6 printed, 1 still open, 3 unwound by panics, 2 lost\nended by Ctrl-C (SIGINT)\n",
        );
        assert_eq!((report.probes, report.sites, report.hits, report.printed), (13, 38, 9, 6));
        assert_eq!(report.rest["lost"] + report.rest["still open"], 3);
        assert_eq!(report.notes, ["2 returns whose calls were not seen"]);
    }

    #[test]
    fn lines_that_are_missing_are_seen() {
        let mut report = Report::read("3 hits, 2 printed, 1 lost");
        assert!(!report.adds_up());
        let lines = [
            "12:00:00.000000  1      main.f(a=<not captured: depth>, b=&<cycle>, c=\"<b>\")  panicked  1ns",
            "12:00:00.000000  1      main.f(a=<unknown type 0x77>) = 1  1ns",
            "",
        ];
        assert_eq!(lines.map(|line| report.lines.take(Stream::Out, line)), [false, false, true]);
        assert!(report.adds_up());
        let missing: Vec<&str> = report.lines.missing.keys().map(String::as_str).collect();
        assert_eq!(missing, ["cycle", "not captured: depth", "unknown type"]);
        assert_eq!(report.lines.ends, BTreeMap::from([("panicked".to_owned(), 1)]));
    }
}
