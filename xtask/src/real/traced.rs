//! `gospect trace` on one of the programs, and what it has told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use super::programs::{OUTPUT, Program, go_env};

/// What was told of a program's calls.
#[derive(Debug, Default)]
pub struct Told {
    /// Functions and sites that were probed.
    pub probes: u64,
    /// See there.
    pub sites: u64,
    /// From the summary.
    pub hits: u64,
    /// See there.
    pub printed: u64,
    /// By name: `lost`, `still open` and so on.
    pub rest: BTreeMap<String, u64>,
    /// What was counted here.
    pub lines: Lines,
    /// What gospect said besides.
    pub notes: Vec<String>,
}

/// Lines of calls.
#[derive(Debug, Default)]
pub struct Lines {
    /// How many.
    pub calls: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What of their values is not there, by reason.
    pub missing: BTreeMap<String, u64>,
    /// Ends that are none of a return.
    pub ends: BTreeMap<String, u64>,
}

impl Told {
    /// Whether every call was shown or counted, and no more was said to be shown than was.
    pub fn adds_up(&self) -> bool {
        // Those that panicked or ended with their goroutine are among the printed ones.
        let of = |name: &str| self.rest.get(name).copied().unwrap_or(0);
        let sum = self.printed + of("filtered") + of("over the limit") + of("still open") + of("lost");
        // Of some that are lost it is known how they began.
        let begun = self.lines.ends.get("end not seen").copied().unwrap_or(0);
        let shown = self.printed + of("still open") + begun;
        self.hits > 0 && self.hits == sum && begun <= of("lost") && shown == self.lines.calls
    }
}

/// gospect at work.
pub struct Tracing {
    child: Child,
    lines: JoinHandle<Lines>,
    asides: JoinHandle<String>,
}

impl Tracing {
    /// On a process, when the probes are in place.
    pub fn of_process(gospect: &Path, program: &Program, pid: u32) -> Result<Tracing, String> {
        let mut command = Command::new(gospect);
        command.args(["trace", "--max-overhead", "off", "--ready-fd", "1", "-p", &pid.to_string()]);
        functions(&mut command, program);
        let mut tracing = Tracing::start(command, true)?;
        match tracing.child.try_wait() {
            Ok(None) => Ok(tracing),
            _ => Err(tracing.asides.join().unwrap_or_default()),
        }
    }

    /// On a command, whose own output goes into a file.
    pub fn of_command(
        gospect: &Path,
        program: &Program,
        path: &Path,
        args: &[&str],
        scratch: &Path,
    ) -> Result<Tracing, String> {
        let mut command = Command::new("sh");
        let redirected = format!("exec \"$@\" 3>&1 >{OUTPUT}");
        command.args(["-c", &redirected, "sh"]).arg(gospect).args([
            "trace",
            "--max-overhead",
            "off",
            "-o",
            "/dev/fd/3",
        ]);
        functions(&mut command, program);
        command.arg("--").arg(path).args(args).current_dir(scratch).envs(go_env()?);
        Tracing::start(command, false)
    }

    fn start(mut command: Command, ready: bool) -> Result<Tracing, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(mut stderr)) = (stdout, stderr) else { return Err("gospect has no pipes".to_owned()) };
        let asides = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut stdout = BufReader::with_capacity(1 << 20, stdout);
        if ready {
            stdout.read_line(&mut String::new()).map_err(|e| e.to_string())?;
        }
        let lines = std::thread::spawn(move || read(stdout));
        Ok(Tracing { child, lines, asides })
    }

    /// Asks it to end.
    pub fn stop(self) -> Result<Told, String> {
        let stopped = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        stopped.map_err(|e| format!("kill: {e}"))?;
        self.ended()
    }

    /// What it has told, once it ends by itself.
    pub fn ended(mut self) -> Result<Told, String> {
        self.child.wait().map_err(|e| e.to_string())?;
        let asides = self.asides.join().map_err(|_| "what gospect says is no text")?;
        let lines = self.lines.join().map_err(|_| "what gospect shows cannot be read")?;
        Ok(Told { lines, ..said(&asides) })
    }
}

fn functions(command: &mut Command, program: &Program) {
    command.args(program.functions);
    program.except.iter().for_each(|pattern| {
        command.args(["-x", pattern]);
    });
}

/// What stands on standard error: `attached 9 probes at 20 sites`, `12 hits, 10 printed, 2 still open`, and notes.
fn said(asides: &str) -> Told {
    let mut told = Told::default();
    let first = |text: &str| text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    for line in asides.lines() {
        if let Some(rest) = line.strip_prefix("attached ") {
            told.probes = first(rest).unwrap_or(0);
            told.sites = rest.split_once(" at ").and_then(|(_, sites)| first(sites)).unwrap_or(0);
        } else if let (Some(hits), true) = (first(line), line.contains(" printed")) {
            told.hits = hits;
            told.printed = line.split_once(", ").and_then(|(_, rest)| first(rest)).unwrap_or(0);
            for (n, what) in line.split(", ").skip(1).filter_map(|part| part.split_once(' ')) {
                told.rest.insert(what.to_owned(), n.parse().unwrap_or(0));
            }
        } else if let Some(note) = line.strip_prefix("gospect: ") {
            told.notes.push(note.to_owned());
        }
    }
    told
}

/// Words in place of a result.
const ENDS: [&str; 7] =
    ["left by a jump", "panicked", "goexit", "switched away", "end not seen", "still open", "detached"];

/// Beginnings of what stands in place of a value.
const MISSING: [&str; 6] =
    ["not captured", "unreadable: ", "unknown: ", "unknown type", "cycle>", "reflect.Value not shown"];

fn read(mut stdout: BufReader<ChildStdout>) -> Lines {
    let (mut all, mut line) = (Lines::default(), Vec::new());
    while stdout.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        if line.first().is_some_and(u8::is_ascii_digit) {
            all.count(&line);
        }
        line.clear();
    }
    all
}

impl Lines {
    fn count(&mut self, line: &[u8]) {
        self.calls += 1;
        self.bytes += line.len() as u64;
        let line = line.trim_ascii_end();
        // How a call ended stands near the end, before its duration.
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
                    None => {
                        self.missing.insert(why.to_owned(), 1);
                    }
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
    fn what_gospect_says_is_understood() {
        let told = said(
            "attached 13 of 14 probes at 38 sites\nskipped f: it is C\ngospect: 2 returns whose calls were not seen\n\
             9 hits, 6 printed, 1 still open, 3 unwound by panics, 2 lost\nended by Ctrl-C (SIGINT)\n",
        );
        assert_eq!((told.probes, told.sites, told.hits, told.printed), (13, 38, 9, 6));
        assert_eq!(told.rest["lost"] + told.rest["still open"], 3);
        assert_eq!(told.notes, ["2 returns whose calls were not seen"]);
    }

    #[test]
    fn lines_that_are_missing_are_seen() {
        let mut told = said("3 hits, 2 printed, 1 lost");
        assert!(!told.adds_up());
        told.lines
            .count(b"12:00:00.000000  1      main.f(a=<not captured: depth>, b=&<cycle>, c=\"<b>\")  panicked  1ns\n");
        told.lines.count(b"12:00:00.000000  1      main.f(a=<unknown type 0x77>) = 1  1ns\n");
        assert!(told.adds_up());
        let missing: Vec<&str> = told.lines.missing.keys().map(String::as_str).collect();
        assert_eq!(missing, ["cycle", "not captured: depth", "unknown type"]);
        assert_eq!(told.lines.ends, BTreeMap::from([("panicked".to_owned(), 1)]));
    }
}
