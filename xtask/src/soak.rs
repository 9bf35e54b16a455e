//! Probes on a service under load for as long as one wants: the service must answer every request rightly, and gospect
//! must count what the service counts, in memory that does not grow.
//!
//! A test does the same for a minute; this is for longer, and its result stands in `docs/soak.md`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::load::{Counters, Served, Service};
use gospect_fixtures::{Arch, Fixture, Variant, build};

use crate::cargo::cargo;
use crate::root;

/// At the same time.
const CONNECTIONS: u64 = 8;

/// Between an answer and the next request of a connection.
const PAUSE: Duration = Duration::from_millis(2);

/// How often the memory is looked at, in one soak.
const LOOKS: u32 = 10;

/// Entry and RETs of the function that requests are for, each call printed, as people do it with bpftrace; and behind
/// it returns from deep below, on stacks that grow.
const SCRIPT: &str = r#"
uprobe::main.Fibonacci { printf("%d \n", reg("ax")); @calls = count(); @arguments = sum(reg("ax")); }
uretprobe::main.Fibonacci { printf("ret %d\n", retval); @returns = count(); @results = sum(retval); }
goret:github.com/gin-gonic/gin.(*Engine).ServeHTTP { @requests = count(); @ns = hist(elapsed); }
"#;

/// `cargo xtask soak [--minutes N]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let minutes = minutes(args)?;
    cargo(&["build", "--release", "--locked", "--package", "gospect"], &[])?;
    let arch = Arch::native().ok_or("no Go fixtures for this machine")?;
    let program = build(&Fixture::new("gin", "1.26", Variant::NoInline).on(arch)).map_err(|missing| missing.why)?;
    let said = |what: &str, err: std::io::Error| format!("{what}: {err}");
    let service = Service::start(&program).map_err(|err| said("the service does not start", err))?;
    let gospect = Gospect::start(&root().join("target/release/gospect"), service.pid())?;

    let mut memory = Vec::new();
    let (mut served, mut service) = (Served::default(), service);
    for _ in 0..LOOKS {
        match gospect.memory() {
            0 => return Err(format!("gospect ended by itself: {}", gospect.stop()?.aside)),
            memory_now => memory.push(memory_now),
        }
        let part = service.load(CONNECTIONS, PAUSE, Instant::now() + minutes / LOOKS);
        served = served.and(part);
    }
    memory.push(gospect.memory());
    let counted = service.counters().map_err(|err| said("the service does not answer", err))?;
    // `/counters` was one more request.
    let requests = served.requests + 1;
    let died = service.ended();
    let seen = gospect.stop()?;
    Ok(report(minutes, &served, requests, counted, died, &seen, &memory))
}

fn minutes(args: &[String]) -> Result<Duration, String> {
    let minutes = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(30.0),
        ["--minutes", number] => number.parse().ok().filter(|n: &f64| *n > 0.0),
        _ => None,
    };
    let duration = minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
    duration.ok_or_else(|| format!("`--minutes N` or nothing, not `{}`", args.join(" ")))
}

/// gospect with the script, whose output is counted as it comes.
struct Gospect {
    child: Child,
    counting: std::thread::JoinHandle<Seen>,
}

/// What gospect has shown.
#[derive(Debug, Default)]
struct Seen {
    entries: u64,
    arguments: u64,
    returns: u64,
    results: u64,
    rest: Vec<String>,
    aside: String,
}

impl Gospect {
    fn start(gospect: &Path, pid: u32) -> Result<Gospect, String> {
        let mut command = Command::new(gospect);
        command.args(["run", "--max-overhead", "off", "--ready-fd", "1", "-p", &pid.to_string(), "-e", SCRIPT]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let mut stdout = child.stdout.take().map(BufReader::new).ok_or("gospect has no output")?;
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(|err| err.to_string())?;
        if line != "\n" {
            return Err("gospect ended before its probes were in place".to_owned());
        }
        Ok(Gospect { child, counting: std::thread::spawn(move || count(stdout)) })
    }

    /// Kilobytes of memory that it holds; none once it has ended.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    fn stop(mut self) -> Result<Seen, String> {
        let stopped = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        stopped.map_err(|err| format!("kill: {err}"))?;
        let mut aside = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut aside).map_err(|err| err.to_string())?;
        }
        self.child.wait().map_err(|err| err.to_string())?;
        let seen = self.counting.join().map_err(|_| "what gospect printed is not what the script prints")?;
        Ok(Seen { aside, ..seen })
    }
}

fn count(stdout: BufReader<ChildStdout>) -> Seen {
    let mut seen = Seen::default();
    for line in stdout.lines().map_while(Result::ok) {
        let (ret, number) = line.strip_prefix("ret ").map_or((false, line.trim_end()), |number| (true, number));
        match (ret, number.parse::<u64>()) {
            (true, Ok(number)) => {
                seen.returns += 1;
                seen.results += number;
            }
            (false, Ok(number)) => {
                seen.entries += 1;
                seen.arguments += number;
            }
            (_, Err(_)) => seen.rest.push(line),
        }
    }
    seen
}

fn report(
    long: Duration,
    served: &Served,
    requests: u64,
    counted: Counters,
    died: Option<String>,
    seen: &Seen,
    memory: &[u64],
) -> bool {
    let map = |name: &str| {
        let line = seen.rest.iter().find_map(|line| line.strip_prefix(&format!("@{name}: ")));
        line.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
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
    println!("| {} minutes, {CONNECTIONS} connections | | |\n|---|---|---|", long.as_secs_f64() / 60.0);
    println!("| requests, wrong answers | {requests} | {} |", served.wrong.len());
    rows.iter().for_each(|(what, theirs, ours)| println!("| {what} | {theirs} | {ours} |"));
    let memory_shown: Vec<String> = memory.iter().map(ToString::to_string).collect();
    println!("\nMemory of gospect, in kB, from its start to its end: {}.", memory_shown.join(", "));
    println!("The longest that an answer took: {:.0?}.\n\n```\n{}```", served.longest, seen.aside);
    served.wrong.iter().take(10).for_each(|wrong| println!("WRONG: {wrong}"));
    died.iter().for_each(|how| println!("DIED: {how}"));
    let equal = rows.iter().all(|(_, theirs, ours)| theirs == ours);
    let flat = flat(memory);
    println!("{}", if equal { "All counts are equal." } else { "COUNTS DIFFER" });
    println!("{}", if flat { "Memory is flat." } else { "MEMORY GROWS" });
    equal && flat && served.wrong.is_empty() && died.is_none()
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

    #[test]
    fn minutes_are_thirty_unless_said() {
        let of = |args: &[&str]| minutes(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert_eq!((of(&[]), of(&["--minutes", "0.5"])), (Ok(Duration::from_secs(1800)), Ok(Duration::from_secs(30))));
        assert_eq!(of(&["--minutes", "-1"]), Err("`--minutes N` or nothing, not `--minutes -1`".to_owned()));
    }
}
