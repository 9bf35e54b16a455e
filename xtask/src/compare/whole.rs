//! All functions of a large program at once: how long it takes until the probes are in place, and until they are gone.
//!
//! The program is Go's own compiler, which waits for its source meanwhile: a pipe that nobody writes to.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gospect_fixtures::{Arch, toolchain};

/// Ends what is left of a child.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sentence with the medians.
pub fn measure(gospect: &Path, scratch: &Path, rounds: usize) -> Result<String, String> {
    let said = |e: std::io::Error| e.to_string();
    let machine = Arch::native().ok_or("no Go fixtures for this machine")?.goarch();
    let go = toolchain("1.26").map_err(|missing| missing.why)?;
    let compiler = go.root.join("pkg/tool").join(format!("linux_{machine}/compile"));
    let source = scratch.join("source.go");
    let _ = std::fs::remove_file(&source);
    Command::new("mkfifo").arg(&source).status().map_err(said)?;
    let mut compile = Command::new(&compiler);
    compile.args(["-p", "p", "-o", "/dev/null"]).arg(&source).stdin(Stdio::null());
    let target = Ended(compile.spawn().map_err(said)?);
    // Until it waits.
    sleep(Duration::from_millis(500));
    let runs = (0..rounds).map(|_| once(gospect, target.0.id())).collect::<Result<Vec<_>, _>>()?;
    let middle = |of: fn(&Run) -> Duration| {
        let mut times: Vec<Duration> = runs.iter().map(of).collect();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64()
    };
    let attached = runs.first().map_or(0, |run| run.attached);
    Ok(format!(
        "Every function of the Go compiler, while it runs ({attached} of them, `gospect run -p PID -e 'go:* {{ @ = count() }}'`): \
         {:.2} s from the start of gospect until all probes are in place, reading the program included, {:.2} s from \
         Ctrl-C until they are gone and gospect has ended; medians of {rounds}.\n",
        middle(|run| run.came),
        middle(|run| run.went),
    ))
}

struct Run {
    came: Duration,
    went: Duration,
    attached: u64,
}

fn once(gospect: &Path, pid: u32) -> Result<Run, String> {
    let said = |e: std::io::Error| e.to_string();
    let mut command = Command::new(gospect);
    command.args([
        "run",
        "--max-overhead",
        "off",
        "--json",
        "--ready-fd",
        "1",
        "-p",
        &pid.to_string(),
        "-e",
        "go:* { @ = count() }",
    ]);
    let start = Instant::now();
    let mut child = Ended(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(said)?);
    let mut stdout = child.0.stdout.take().map(BufReader::new).ok_or("gospect has no output")?;
    let (mut line, mut first) = (String::new(), String::new());
    while line != "\n" {
        line.clear();
        if stdout.read_line(&mut line).map_err(said)? == 0 {
            return Err("gospect ended before its probes were in place".to_owned());
        }
        first += &line;
    }
    let came = start.elapsed();
    sleep(Duration::from_millis(200));
    let asked = Instant::now();
    Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().map_err(said)?;
    stdout.read_to_string(&mut line).map_err(said)?;
    child.0.wait().map_err(said)?;
    let attached = first.split_once("\"attached\":").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    Ok(Run { came, went: asked.elapsed(), attached: attached.unwrap_or(0) })
}
