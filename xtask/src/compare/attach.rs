//! The time to attach to all functions of a large program, and to detach.
//!
//! The program is Go's own compiler, waiting for its source from a silent pipe.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gospect_fixtures::{Arch, toolchain};

use crate::bed::{self, FIXTURE_GO, Process, Tracer, median, named, trace_command};

/// A sentence with the medians.
pub fn measure(gospect: &Path, scratch: &Path, rounds: usize) -> Result<String, String> {
    let machine = Arch::native().ok_or("no Go fixtures for this machine")?.goarch();
    let go = toolchain(FIXTURE_GO).map_err(|missing| missing.why)?;
    let compiler = go.root.join("pkg/tool").join(format!("linux_{machine}/compile"));
    let source = scratch.join("source.go");
    let _ = std::fs::remove_file(&source);
    Command::new("mkfifo").arg(&source).status().map_err(named("mkfifo"))?;
    let mut compile = Command::new(&compiler);
    compile.args(["-p", "p", "-o", "/dev/null"]).arg(&source).stdin(Stdio::null());
    let target = Process::start(&mut compile)?;
    // For the compiler to reach the pipe.
    sleep(Duration::from_millis(500));
    let runs = (0..rounds).map(|_| once(gospect, target.pid())).collect::<Result<Vec<_>, _>>()?;
    let middle = |of: fn(&Run) -> Duration| median(runs.iter().map(|run| of(run).as_secs_f64()).collect());
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
    let mut command = trace_command(gospect, "run", pid);
    let start = Instant::now();
    let tracer =
        Tracer::attach(command.args(["--json", "-e", "go:* { @ = count() }"]), String::new(), |text, stream, line| {
            *text += line;
            bed::is_attached(text, stream, line)
        })?;
    let came = start.elapsed();
    sleep(Duration::from_millis(200));
    let asked = Instant::now();
    let text = tracer.stop()?.state;
    let went = asked.elapsed();
    let attached = text.split_once("\"attached\":").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    Ok(Run { came, went, attached: attached.unwrap_or(0) })
}
