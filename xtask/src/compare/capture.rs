//! What it costs to record what a function is called with: a few words, a large struct, what a handler gets.
//!
//! Only entries, which are emulated, so that what is added is what gospect does itself. Calls come in bursts that the ring
//! holds, with time in between to take them out: what finds no room would cost less.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use gospect_fixtures::{Arch, Fixture, Variant, build};

/// Functions of the program `captured`, and what they take.
const FUNCTIONS: [(&str, &str); 3] = [
    ("pair", "an `int` and a `string`"),
    ("block", "a pointer to a struct of 1 KiB, with 7 pointers to strings"),
    ("handle", "a context with two values, a request with strings, slice, map and error, and a `[]byte`"),
];
/// What is done at each entry; the first is what others are held against.
const BODIES: [(&str, &str); 2] = [("counted", "{ @ = count(); }"), ("recorded", "{ call(); }")];
/// Calls of a burst: records of the largest kind fit into a ring.
const BURST: u64 = 5_000;
/// Bursts of a round.
const BURSTS: u32 = 10;
/// Between bursts.
const PAUSE: Duration = Duration::from_millis(150);

/// A table.
pub fn measure(gospect: &Path, rounds: usize) -> Result<String, String> {
    let arch = Arch::native().ok_or("no Go fixtures for this machine")?;
    let path = build(&Fixture::new("captured", "1.26", Variant::Plain).on(arch)).map_err(|missing| missing.why)?;
    let mut text = "What it costs to record a function's arguments, its entry alone, in nanoseconds a call above no probe:\n\n\
                    | arguments | counted | recorded, with all that pointers lead to | times counted |\n|---|---:|---:|---:|\n"
        .to_owned();
    for (function, about) in FUNCTIONS {
        let mut all = Vec::new();
        for _ in 0..rounds {
            let nothing = Program::start(&path)?.bursts(function)?;
            let mut added = [0.0; BODIES.len()];
            for (added, (_, body)) in added.iter_mut().zip(BODIES) {
                *added = traced(gospect, &path, function, body)? - nothing;
            }
            eprintln!("captured {function}: {nothing:.0} ns, added {added:.0?}");
            all.push(added);
        }
        let median = |of: &dyn Fn(&[f64; BODIES.len()]) -> f64| {
            let mut values: Vec<f64> = all.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (counted, recorded) = (median(&|added| added[0]), median(&|added| added[1]));
        let ratio = median(&|added| added[1] / added[0]);
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {about} | {counted:.0} | {recorded:.0} | {ratio:.2} |");
    }
    Ok(text)
}

/// Nanoseconds of a call while gospect does that at its entry.
fn traced(gospect: &Path, path: &Path, function: &str, body: &str) -> Result<f64, String> {
    let mut program = Program::start(path)?;
    let mut command = Command::new(gospect);
    command.args(["run", "--max-overhead", "off", "-o", "/dev/null", "--ready-fd", "1"]);
    command.args(["-p", &program.child.id().to_string(), "-e", &format!("go:main.{function} {body}")]);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut tracer = spawned.map_err(|e| format!("{}: {e}", gospect.display()))?;
    let stdout = tracer.stdout.take().ok_or("gospect has no output")?;
    BufReader::new(stdout).read_line(&mut String::new()).map_err(|e| e.to_string())?;
    let nanos = program.bursts(function)?;
    drop(program);
    let output = tracer.wait_with_output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains(" lost") {
        return Err(format!("gospect on {function}: {said}"));
    }
    Ok(nanos)
}

/// The program `captured`.
struct Program {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &Path) -> Result<Program, String> {
        let child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", path.display()))?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(answers)) = (orders, answers) else { return Err("it has no pipes".to_owned()) };
        let mut program = Program { child, orders, answers: BufReader::new(answers) };
        program.answer().map(|_| program)
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|e| e.to_string())?;
        Ok(line)
    }

    /// Nanoseconds of a call: the fastest burst's, since others use the machine too.
    fn bursts(&mut self, function: &str) -> Result<f64, String> {
        let mut least = f64::INFINITY;
        for _ in 0..BURSTS {
            std::thread::sleep(PAUSE);
            writeln!(self.orders, "{function} {BURST}").map_err(|e| e.to_string())?;
            let answer = self.answer()?;
            let nanos: f64 = answer.trim().parse().map_err(|_| format!("it says {answer}"))?;
            least = least.min(nanos / BURST as f64);
        }
        Ok(least)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
