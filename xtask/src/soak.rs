//! Traces a service under load for a long time: every answer must be right, gospect's counts must be the service's, and
//! gospect's memory must not grow.
//!
//! A test does the same for a minute. `docs/soak.md` has the result of half an hour.

use std::time::{Duration, Instant};

use gospect_fixtures::Variant;
use gospect_fixtures::load::{Counters, Served, Service};

use crate::args::Args;
use crate::bed::{self, Stream, Tracer, named};

/// Connections at the same time.
const CONNECTIONS: u64 = 8;

/// Pause between an answer and the next request of a connection.
const PAUSE: Duration = Duration::from_millis(2);

/// Memory samples.
const LOOKS: u32 = 10;

/// Prints each call and return of the requested function, as common bpftrace scripts do, and counts returns of a function
/// with deep calls on growing stacks.
const SCRIPT: &str = r#"
uprobe::main.Fibonacci { printf("%d \n", reg("ax")); @calls = count(); @arguments = sum(reg("ax")); }
uretprobe::main.Fibonacci { printf("ret %d\n", retval); @returns = count(); @results = sum(retval); }
goret:github.com/gin-gonic/gin.(*Engine).ServeHTTP { @requests = count(); @ns = hist(elapsed); }
"#;

/// `cargo xtask soak [--minutes N]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let mut args = Args::new(args);
    let time = args.time("--minutes", Duration::from_secs(60), 30.0)?;
    args.words(&[])?;
    let gospect = bed::gospect()?;
    let program = bed::fixture("gin", Variant::NoInline)?;
    let mut service = Service::start(&program).map_err(named("the service"))?;
    let mut command = bed::trace_command(&gospect, "run", service.pid());
    let tracer = Tracer::attach(command.args(["-e", SCRIPT]), Seen::default(), Seen::take)?;

    let (mut memory, mut served) = (Vec::new(), Served::default());
    for _ in 0..LOOKS {
        match resident_kilobytes(tracer.pid()) {
            0 => return Err(format!("gospect ended by itself: {}", tracer.wait()?.stderr)),
            kilobytes => memory.push(kilobytes),
        }
        let part = service.load(CONNECTIONS, PAUSE, Instant::now() + time / LOOKS);
        served = served.and(part);
    }
    memory.push(resident_kilobytes(tracer.pid()));
    let counted = service.counters().map_err(named("the service does not answer"))?;
    let died = service.ended();
    let ended = tracer.stop()?;
    println!("| {} minutes, {CONNECTIONS} connections | | |\n|---|---|---|", time.as_secs_f64() / 60.0);
    println!("| requests, wrong answers | {} | {} |", served.requests + 1, served.wrong.len());
    let equal = print_counts(&served, counted, &ended.state);
    let memory_shown: Vec<String> = memory.iter().map(ToString::to_string).collect();
    println!("\nMemory of gospect, in kB, from its start to its end: {}.", memory_shown.join(", "));
    println!("The longest that an answer took: {:.0?}.\n\n```\n{}```", served.longest, ended.stderr);
    served.wrong.iter().take(10).for_each(|wrong| println!("WRONG: {wrong}"));
    died.iter().for_each(|how| println!("DIED: {how}"));
    let flat = flat(&memory);
    println!("{}", if equal { "All counts are equal." } else { "COUNTS DIFFER" });
    println!("{}", if flat { "Memory is flat." } else { "MEMORY GROWS" });
    Ok(equal && flat && served.wrong.is_empty() && died.is_none())
}

/// Resident memory of a process; 0 after its end.
fn resident_kilobytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// The script's output.
#[derive(Debug, Default)]
struct Seen {
    entries: u64,
    arguments: u64,
    returns: u64,
    results: u64,
    /// Maps, printed at the end.
    rest: Vec<String>,
}

impl Seen {
    fn take(&mut self, stream: Stream, line: &str) -> bool {
        let (ret, number) = line.strip_prefix("ret ").map_or((false, line.trim_end()), |number| (true, number));
        match (ret, number.parse::<u64>()) {
            (true, Ok(number)) => {
                self.returns += 1;
                self.results += number;
            }
            (false, Ok(number)) => {
                self.entries += 1;
                self.arguments += number;
            }
            (_, Err(_)) => self.rest.push(line.to_owned()),
        }
        bed::is_attached(self, stream, line)
    }

    fn map(&self, name: &str) -> u64 {
        let line = self.rest.iter().find_map(|line| line.strip_prefix(&format!("@{name}: ")));
        line.and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// Prints the counts of the service and of gospect. Returns whether they are equal.
fn print_counts(served: &Served, counted: Counters, seen: &Seen) -> bool {
    let map = |name| seen.map(name);
    // One more for `/counters`.
    let requests = served.requests + 1;
    let rows = [
        ("calls: asked for, counted by the service", served.counters.calls, counted.calls),
        ("calls: counted by the service, `count()` at the entry", counted.calls, map("calls")),
        ("calls: counted by the service, lines printed at the entry", counted.calls, seen.entries),
        ("returns: counted by the service, `count()` at the RETs", counted.calls, map("returns")),
        ("returns: counted by the service, lines printed at the RETs", counted.calls, seen.returns),
        ("sum of arguments: of the service, `sum(reg(\"ax\"))`", counted.arguments, map("arguments")),
        ("sum of arguments: of the service, lines printed", counted.arguments, seen.arguments),
        ("sum of results: of the service, `sum(retval)`", counted.results, map("results")),
        ("sum of results: of the service, lines printed", counted.results, seen.results),
        ("requests: asked, returns of `gin.(*Engine).ServeHTTP`", requests, map("requests")),
    ];
    rows.iter().for_each(|(name, theirs, ours)| println!("| {name} | {theirs} | {ours} |"));
    rows.iter().all(|(_, theirs, ours)| theirs == ours)
}

/// Whether the last third is at most a tenth above what it was after the first.
fn flat(memory: &[u64]) -> bool {
    let settled = memory.get(memory.len() / 3).copied().unwrap_or(0);
    memory.last().is_some_and(|&last| last > 0 && last <= settled + settled / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_is_seen() {
        assert!(flat(&[10_000, 12_000, 12_500, 12_600, 12_600, 12_700]));
        assert!(!flat(&[10_000, 12_000, 12_500, 13_000, 13_600, 14_700]));
        assert!(!flat(&[]));
    }
}
