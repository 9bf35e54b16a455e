//! `gospect demo`: what it shows of its service, and that nothing of it stays.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use expect_test::expect;
use gospect_fixtures::{Missing, cache_dir, need, toolchain};
use serde_json::Value;

use crate::run::permitted;
use crate::running::{Scratch, as_nobody};
use crate::{Ran, command, contract};

/// The demo, with a cache that tests share; built once, though it may be built at the same time.
pub fn demo(args: &[&str]) -> Result<Command, Missing> {
    static BUILT: Once = Once::new();
    toolchain("local")?;
    BUILT.call_once(|| {
        let _ = Serving::start(&mut cached(&["--serve", "--json"])).ends("-TERM");
    });
    Ok(cached(args))
}

fn cached(args: &[&str]) -> Command {
    let mut command = command(&[&["demo"], args].concat());
    command.env("XDG_CACHE_HOME", cache_dir().join("demo"));
    command
}

/// The same where no module can be had.
fn offline(modules: &Scratch) -> Result<Command, Missing> {
    toolchain("local")?;
    let mut command = command(&["demo", "--serve", "--json"]);
    command.env("XDG_CACHE_HOME", cache_dir().join("demo-offline"));
    command.env("GOPROXY", "off").env("GOMODCACHE", &modules.0);
    Ok(command)
}

/// `gospect demo --serve --json`, and what it said first.
pub struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub demo: Value,
}

impl Serving {
    pub fn start(command: &mut Command) -> Serving {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        stdout.read_line(&mut line).unwrap();
        let demo = contract::documented(&line);
        Serving { child, stdout, demo }
    }

    fn url(&self) -> &str {
        self.demo["url"].as_str().unwrap()
    }

    /// What it said to `signal`.
    pub fn ends(mut self, signal: &str) -> Ran {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).unwrap();
        Ran { stdout, ..Ran::of(self.child.wait_with_output().unwrap()) }
    }
}

/// Status and body of what it answers.
fn asked(url: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {}", head.split(' ').nth(1).unwrap(), body.trim())
}

/// The processes that run this executable, and have this among their arguments if it is not the service itself.
fn of_the_demo(demo: &Value) -> Vec<PathBuf> {
    let (pid, url) = (demo["pid"].to_string(), demo["url"].as_str().unwrap());
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let is_one = |process: &PathBuf| {
        let args = fs::read(process.join("cmdline")).unwrap_or_default();
        let args = String::from_utf8_lossy(&args).into_owned();
        // One that has ended and is not waited for yet has no arguments.
        !args.is_empty() && (process.ends_with(&pid) || args.contains(url))
    };
    processes.filter(is_one).collect()
}

fn nothing_stays(demo: &Value) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !of_the_demo(demo).is_empty() {
        assert!(Instant::now() < deadline, "{:?}", of_the_demo(demo));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_tour_shows_each_command_and_what_it_says() {
    need!(permitted());
    let ran = Ran::of(need!(demo(&[])).output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.seen());
    let prompt = format!("\n$ {} ", env!("CARGO_BIN_EXE_gospect"));
    let steps: Vec<&str> = ran.stdout.split(&prompt).skip(1).collect();
    let named: Vec<&str> = steps.iter().map(|step| step.split(' ').next().unwrap()).collect();
    assert_eq!(named, ["states", "states", "states", "trace", "hist"], "{}", ran.stdout);
    let calls = |name: &str| steps[3].lines().filter(|line| line.contains(name)).count();
    assert!(steps[2].contains("  waiting  chan receive  main.forgotten\n"), "{}", ran.stdout);
    assert_eq!(calls(" main.Fibonacci(n=") + calls(" main.Query(sql=\"SELECT * FROM users\", id="), 8);
    assert!(steps[4].contains("\nmain.Query\n") && steps[4].contains("\ncount "), "{}", ran.stdout);
    assert!(ran.stdout.contains(" demo --serve` leaves it running"), "{}", ran.stdout);
}

#[test]
fn what_it_runs_writes_json_to_where_it_writes() {
    need!(permitted());
    let scratch = Scratch::new();
    let file = scratch.0.join("out");
    let ran = Ran::of(need!(demo(&["--json", "-o", file.to_str().unwrap()])).output().unwrap());
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    let text = fs::read_to_string(&file).unwrap();
    let all: Vec<Value> = text.lines().map(contract::documented).collect();
    let mut types: Vec<&str> = all.iter().map(|object| object["type"].as_str().unwrap()).collect();
    types.dedup();
    assert_eq!(
        types,
        [
            "demo",
            "attached",
            "state_total",
            "summary",
            "attached",
            "state",
            "summary",
            "goroutine",
            "snapshot",
            "attached",
            "call",
            "summary",
            "attached",
            "func_hist",
            "summary"
        ]
    );
    nothing_stays(&all[0]);
}

#[test]
fn served_it_answers_until_it_is_asked_to_end() {
    let serving = Serving::start(&mut need!(demo(&["--serve", "--json"])));
    let demo = serving.demo.clone();
    assert!(Path::new(demo["path"].as_str().unwrap()).is_file(), "{demo}");
    assert_eq!(asked(serving.url(), "/fib?n=10"), r#"200 {"answer":55}"#);
    assert_eq!(asked(serving.url(), "/user?n=7"), r#"500 {"error":"sql: no rows in result set"}"#);
    assert!(asked(serving.url(), "/risky?text=").starts_with(r#"500 {"error":"recovered: runtime error: index out"#));
    assert_eq!(of_the_demo(&demo).len(), 2);
    let ran = serving.ends("-INT");
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    nothing_stays(&demo);
}

#[test]
fn what_is_to_be_tried_by_hand_works() {
    need!(permitted());
    let mut child = need!(demo(&["--serve"])).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let gospect = format!("  {} ", env!("CARGO_BIN_EXE_gospect"));
    let lines = stdout.lines().map(|line| line.unwrap());
    let commands = lines.filter_map(|line| line.strip_prefix(&gospect).map(str::to_owned)).take(16);
    let commands: Vec<String> = commands.collect();
    for line in &commands {
        let bounded = !["list ", "explain ", "--snapshot"].iter().any(|once| line.contains(once));
        let args = gospect::typed::split(line).unwrap();
        let args = args.iter().map(|arg| arg.to_str().unwrap());
        let args: Vec<&str> = args.chain(bounded.then_some("--duration=500ms")).collect();
        let ran = Ran::of(command(&args).output().unwrap());
        assert_eq!(ran.status, 0, "{line}: {}", ran.seen());
    }
    assert!(commands.last().unwrap().starts_with("explain "), "{commands:?}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn nothing_stays_when_it_is_killed() {
    let serving = Serving::start(&mut need!(demo(&["--serve", "--json"])));
    let demo = serving.demo.clone();
    assert_eq!(serving.ends("-KILL").status, -1);
    nothing_stays(&demo);
}

#[test]
fn without_modules_a_twin_is_built_that_needs_none() {
    let modules = Scratch::new();
    let serving = Serving::start(&mut need!(offline(&modules)));
    let demo = serving.demo.clone();
    assert_eq!(demo["framework"], "net/http");
    assert_eq!(asked(serving.url(), "/fib?n=10"), r#"200 {"answer":55}"#);
    assert_eq!(asked(serving.url(), "/user?n=7"), r#"500 {"error":"sql: no rows in result set"}"#);
    let ran = serving.ends("-TERM");
    assert!(ran.stderr.contains("; the same service is built with net/http alone\n"), "{}", ran.stderr);
    nothing_stays(&demo);
}

#[test]
fn who_may_not_probe_is_told_what_helps() {
    let mut command = command(&["demo"]);
    let ran = Ran::of(as_nobody(&mut command).env_remove("SUDO_USER").output().unwrap());
    expect![[r"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: `sudo GOSPECT demo` runs it as root; `demo --serve` needs no rights; run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"]]
    .assert_eq(&ran.seen().replace(env!("CARGO_BIN_EXE_gospect"), "GOSPECT"));
}

#[test]
fn without_a_place_for_what_it_builds_it_says_so() {
    let mut command = need!(demo(&["--serve"]));
    let ran = Ran::of(command.env_remove("XDG_CACHE_HOME").env_remove("HOME").output().unwrap());
    expect![[r"
        gospect: the demo has no place to keep what it builds
        hint: set HOME, or XDG_CACHE_HOME
        (exit status 3)"]]
    .assert_eq(&ran.seen());
}
