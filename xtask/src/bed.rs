//! The test bed of all measurements: programs under test, gospect and other tracers on them.
//!
//! Dropping a value kills its child process, so a failed measurement leaves no process behind.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use gospect_fixtures::{Arch, Fixture, Variant};

use crate::cargo::cargo;
use crate::root;

/// Time for a tracer to attach, and to end after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(60);
/// Poll interval while a tracer attaches.
pub const GLANCE: Duration = Duration::from_millis(20);

/// Puts the name of the object before an error.
pub fn named<E: Display>(name: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{name}: {error}")
}

/// Builds the release gospect.
pub fn gospect() -> Result<PathBuf, String> {
    cargo(&["build", "--release", "--locked", "--package", "gospect"], &[])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let path = target.join("release/gospect");
    path.canonicalize().map_err(named(path.display()))
}

/// The Go release of fixtures.
pub const FIXTURE_GO: &str = "1.26";

/// Builds a fixture.
pub fn fixture(name: &'static str, variant: Variant) -> Result<PathBuf, String> {
    let arch = Arch::native().ok_or("no Go fixtures for this machine")?;
    gospect_fixtures::build(&Fixture::new(name, FIXTURE_GO, variant).on(arch)).map_err(|missing| missing.why)
}

/// Builds a Go package in a new module, without cgo and so without a C compiler. Later calls reuse the build.
pub fn go_program(package: &str, ldflags: &str) -> Result<PathBuf, String> {
    let (path, _) = package.split_once('@').unwrap_or((package, ""));
    let name = path.rsplit('/').find(|part| !is_version(part)).unwrap_or(path);
    let folder = std::env::temp_dir().join("gospect-survey").join(package.replace('/', "_"));
    let file = folder.join(if ldflags.is_empty() { "plain" } else { "stripped" }).join(name);
    if file.exists() {
        return Ok(file);
    }
    eprintln!("building {package} {ldflags}");
    std::fs::create_dir_all(&folder).map_err(named(folder.display()))?;
    if !folder.join("go.mod").exists() {
        go(&folder, &["mod", "init", "survey"])?;
        if package.contains('@') {
            go(&folder, &["get", package])?;
        }
    }
    go(&folder, &["build", "-mod=mod", "-ldflags", ldflags, "-o", &file.to_string_lossy(), path])?;
    Ok(file)
}

/// The `v3` of a module path.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

/// Runs `go` and returns its standard output; the error is the last line of the other stream.
pub fn go(folder: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("go");
    command.args(args).current_dir(folder).env("GOFLAGS", "").env("CGO_ENABLED", "0").env("GOWORK", "off");
    let output = command.output().map_err(named("go"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().last().unwrap_or("go failed without a message").to_owned())
}

/// Runs a command with this standard input, and returns the lines of its output.
pub fn filter(command: &mut Command, input: String) -> Result<Vec<String>, String> {
    let name = command.get_program().display().to_string();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(named(&name))?;
    let mut stdin = child.stdin.take().ok_or("a command has no standard input")?;
    let writer = spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(named(&name))?;
    // Writing fails when the command ends before it has read all.
    let _ = writer.join();
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    if output.status.success() { Ok(lines) } else { Err(format!("{name}: {}", output.status)) }
}

/// A child process, killed on drop.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Result<Process, String> {
        command.spawn().map(Process).map_err(named(command.get_program().display()))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that prints "ready" and then answers each line with a line.
pub struct Dialog {
    pub process: Process,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Dialog {
    pub fn start(path: &Path) -> Result<Dialog, String> {
        let mut command = Command::new(path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        let (questions, answers) = (process.0.stdin.take(), process.0.stdout.take());
        let (Some(questions), Some(answers)) = (questions, answers) else { return Err("it has no pipes".to_owned()) };
        let mut dialog = Dialog { process, questions, answers: BufReader::new(answers) };
        match dialog.answer()?.as_str() {
            "ready" => Ok(dialog),
            other => Err(format!("{} is not ready, but says {other}", path.display())),
        }
    }

    pub fn ask(&mut self, question: &str) -> Result<String, String> {
        writeln!(self.questions, "{question}").map_err(|e| e.to_string())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line).map_err(|e| e.to_string())? {
            0 => Err("the program ended".to_owned()),
            _ => Ok(line.trim().to_owned()),
        }
    }
}

/// The stream of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Out,
    Err,
}

/// Adds a line to the state. Returns true for the line by which the tracer reports its probes attached.
pub type TakeLine<S> = fn(&mut S, Stream, &str) -> bool;

/// Recognizes the line of `--ready-fd 1`, and keeps nothing.
pub fn is_attached<S>(_: &mut S, stream: Stream, line: &str) -> bool {
    stream == Stream::Out && line.is_empty()
}

/// `gospect COMMAND` on a process, without a budget, ready for [`is_attached`].
pub fn trace_command(gospect: &Path, command: &str, pid: u32) -> Command {
    let mut trace = Command::new(gospect);
    trace.args([command, "--max-overhead", "off", "--ready-fd", "1", "-p", &pid.to_string()]);
    trace
}

/// A running tracer. Threads read its output into a state.
pub struct Tracer<S> {
    process: Process,
    state: Arc<Mutex<S>>,
    ready: Receiver<()>,
    /// Threads returning the text of standard error.
    readers: Vec<JoinHandle<String>>,
}

/// The result of a tracer's run.
pub struct Ended<S> {
    pub state: S,
    pub stderr: String,
    pub status: ExitStatus,
    /// Whether the tracer ended at Ctrl-C.
    pub in_time: bool,
}

impl<S: Send + 'static> Tracer<S> {
    /// Starts a tracer, without waiting for its probes.
    pub fn start(command: &mut Command, state: S, take: TakeLine<S>) -> Result<Tracer<S>, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(command)?;
        let (state, (attached, ready)) = (Arc::new(Mutex::new(state)), channel());
        let mut readers = Vec::new();
        if let Some(stdout) = process.0.stdout.take() {
            readers.push(reader(stdout, Stream::Out, Arc::clone(&state), take, attached.clone()));
        }
        if let Some(stderr) = process.0.stderr.take() {
            readers.push(reader(stderr, Stream::Err, Arc::clone(&state), take, attached));
        }
        Ok(Tracer { process, state, ready, readers })
    }

    /// Starts a tracer and waits for its probes.
    pub fn attach(command: &mut Command, state: S, take: TakeLine<S>) -> Result<Tracer<S>, String> {
        let mut tracer = Tracer::start(command, state, take)?;
        match tracer.wait_until_attached(GLANCE, || Ok(())) {
            Ok(_) => Ok(tracer),
            Err(why) => Err(tracer.give_up(&why)),
        }
    }

    /// Waits for the probes, and calls `provoke` before each wait. Returns the number of waits before the last one.
    pub fn wait_until_attached(
        &mut self,
        wait: Duration,
        mut provoke: impl FnMut() -> Result<(), String>,
    ) -> Result<u64, String> {
        let (start, mut waits) = (Instant::now(), 0);
        while start.elapsed() < PATIENCE {
            provoke()?;
            if self.ready.recv_timeout(wait).is_ok() {
                return Ok(waits);
            }
            waits += 1;
            if self.process.ended().is_some() {
                return Err("it ended before its probes were in place".to_owned());
            }
        }
        Err("its probes were not in place in time".to_owned())
    }

    /// Kills the tracer. Returns its own error message, else the reason given.
    pub fn give_up(mut self, why: &str) -> String {
        let _ = self.process.0.kill();
        let stderr = self.wait().map_or_else(|why| why, |ended| ended.stderr);
        // bpftrace prints the latter in any case.
        let lines = || stderr.lines().filter(|line| !line.is_empty() && !line.contains("RLIMIT_MEMLOCK"));
        let error = lines().find(|line| line.to_lowercase().contains("error"));
        error.or_else(|| lines().next()).unwrap_or(why).to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends the tracer as by Ctrl-C; kills it if necessary.
    pub fn stop(mut self) -> Result<Ended<S>, String> {
        // The signal fails when the tracer has ended by itself.
        let _ = Command::new("kill").args(["-INT", &self.pid().to_string()]).stderr(Stdio::null()).status();
        let start = Instant::now();
        while self.process.ended().is_none() && start.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1));
        }
        let in_time = self.process.ended().is_some();
        let _ = self.process.0.kill();
        Ok(Ended { in_time, ..self.wait()? })
    }

    /// Waits for the end of the tracer.
    pub fn wait(mut self) -> Result<Ended<S>, String> {
        let status = self.process.0.wait().map_err(|e| e.to_string())?;
        let stderr = self.readers.drain(..).map(|reader| reader.join().unwrap_or_default()).collect();
        let state = Arc::into_inner(self.state).ok_or("a reader of the tracer's output still runs")?;
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Ended { state, stderr, status, in_time: true })
    }
}

impl<S> Ended<S> {
    /// Fails if the tracer failed.
    pub fn succeeded(self) -> Result<Ended<S>, String> {
        if self.status.success() { Ok(self) } else { Err(self.stderr) }
    }

    /// Fails if the tracer failed or lost records.
    pub fn complete(self) -> Result<Ended<S>, String> {
        if self.count("lost") > 0 { Err(self.stderr) } else { self.succeeded() }
    }

    /// A count of gospect's summary, such as `lost` in `9 hits, 6 printed, 2 lost`.
    pub fn count(&self, name: &str) -> u64 {
        summary(&self.stderr).find(|(_, counted)| *counted == name).map_or(0, |(count, _)| count)
    }
}

/// The counts of gospect's summary on standard error.
pub fn summary(stderr: &str) -> impl Iterator<Item = (u64, &str)> {
    let is_summary = |line: &&str| line.split(", ").next().and_then(count).is_some_and(|(_, name)| name == "hits");
    let line = stderr.lines().find(is_summary).unwrap_or_default();
    line.split(", ").filter_map(count)
}

/// `9 hits`
fn count(part: &str) -> Option<(u64, &str)> {
    let (number, name) = part.split_once(' ')?;
    Some((number.parse().ok()?, name))
}

fn reader<S: Send + 'static>(
    stream: impl Read + Send + 'static,
    kind: Stream,
    state: Arc<Mutex<S>>,
    take: TakeLine<S>,
    attached: Sender<()>,
) -> JoinHandle<String> {
    spawn(move || {
        let (mut stream, mut line, mut stderr) = (BufReader::with_capacity(1 << 20, stream), Vec::new(), String::new());
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            if kind == Stream::Err {
                stderr += &text;
            }
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if take(&mut state, kind, text.trim_end_matches('\n')) {
                // Sending fails after the end of the tracer.
                let _ = attached.send(());
            }
            drop(state);
            line.clear();
        }
        stderr
    })
}

/// The median; not a number for an empty list.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = [figures.len().saturating_sub(1) / 2, figures.len() / 2];
    middle.iter().map(|&at| figures.get(at).copied().unwrap_or(f64::NAN)).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_summary() {
        let stderr = "attached 13 of 14 probes at 38 sites\ngospect: 2 returns, 3 lost\n9 hits, 6 printed, 1 still open, 2 lost\n";
        let counts: Vec<_> = summary(stderr).collect();
        assert_eq!(counts, [(9, "hits"), (6, "printed"), (1, "still open"), (2, "lost")]);
    }

    #[test]
    fn a_tracer_is_read_and_stopped() {
        let script = "echo; echo 7; echo why >&2; trap 'echo 8; exit 3' INT; while :; do sleep 0.01; done";
        let take: TakeLine<Vec<String>> = |lines, stream, line| {
            lines.push(format!("{stream:?} {line}"));
            line == "7"
        };
        let tracer = Tracer::attach(Command::new("sh").args(["-c", script]), Vec::new(), take).unwrap();
        let ended = tracer.stop().unwrap();
        let mut lines = ended.state;
        lines.sort();
        assert_eq!(lines, ["Err why", "Out ", "Out 7", "Out 8"]);
        assert_eq!((ended.stderr.as_str(), ended.status.code(), ended.in_time), ("why\n", Some(3), true));
    }

    #[test]
    fn a_tracer_that_ends_early_says_why() {
        let refused = |script: &str| Tracer::attach(Command::new("sh").args(["-c", script]), (), is_attached).err();
        assert_eq!(refused("echo a >&2; echo 'Error: b' >&2").as_deref(), Some("Error: b"));
        assert_eq!(refused("exit 1").as_deref(), Some("it ended before its probes were in place"));
    }

    #[test]
    fn medians_of_even_numbers_are_means() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (2.0, 2.5));
        assert!(median(Vec::new()).is_nan());
    }
}
