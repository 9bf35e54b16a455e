//! Scripts that are handed around for tracing Go programs with bpftrace, as they are written there apart from paths and
//! addresses, on such programs under load: what they print is held against what the programs count and measure.
//!
//! With bpftrace those of them that have a `uretprobe` kill the program (`docs/bpftrace.md`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::load::{Served, Service};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::Value;

use crate::run::{Tracing, WAYS, bars, permitted};
use crate::running::Scratch;
use crate::{Ran, contract, gospect};

/// The method that statements go through.
const EXECUTE: &str = "github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute";

const LATENCY_BT: &str = r#"
BEGIN {
  printf("Hit CTRL+C to end profiling\n");
}


uprobe:/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server:runtime.execute {
	// map thread id to goroutine id
	@gids[tid] = reg("ax")
}

tracepoint:sched:sched_process_exit {
  delete(@gids[tid]);
}




uprobe:/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server:"github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute" {
	$gid = @gids[tid];
	@start0[$gid, pid] = nsecs;
}

uprobe:/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server:"github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute.func1" {
	$gid = @gids[tid];
	if (@start0[$gid, pid]) {
		printf("gid=%d tid=%d pid=%d...takes %d us\n", $gid, tid, pid, (nsecs - @start0[$gid, pid]) / 1000);
		@durations["dispatch"] = hist((nsecs - @start0[$gid, pid])/1000);
	}
}

uprobe:/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server:0x1732d60 {
	$gid = @gids[tid];
	if (@start0[$gid, pid]) {
		printf("gid=%d tid=%d pid=%d...takes %d us\n", $gid, tid, pid, (nsecs - @start0[$gid, pid]) / 1000);
		@durations["tso"] = hist((nsecs - @start0[$gid, pid])/1000);
		delete(@start0[$gid, pid]);
	}
}
"#;

pub fn program(name: &'static str, variant: Variant, scratch: &Scratch) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "no Go fixtures for this machine".into() })?;
    // Probes on a path are in all its processes: those of other tests are to be others.
    build(&Fixture::new(name, "1.26", variant).on(arch)).map(|path| scratch.copy(&path, name))
}

/// The fixture `statements`, running.
struct Database {
    child: Child,
    address: String,
}

impl Database {
    fn start(path: &Path) -> Database {
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Database { child, address: address.trim().to_owned() }
    }

    /// Executes statements on so many connections at the same time; what was measured around each, by connection.
    fn load(&self, connections: u64, statements: u64, locked: bool) -> Vec<Vec<Took>> {
        std::thread::scope(|scope| {
            let one = |n| scope.spawn(move || self.load_one(n, statements, locked));
            let all: Vec<_> = (0..connections).map(one).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn load_one(&self, connection: u64, statements: u64, locked: bool) -> Vec<Took> {
        let mut stream = BufReader::new(TcpStream::connect(&self.address).unwrap());
        if locked {
            stream.get_mut().write_all(b"lock\n").unwrap();
        }
        let mut execute = |statement| {
            let micros = 200 + 700 * connection + 90 * (statement % 7);
            stream.get_mut().write_all(format!("{micros}\n").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_line(&mut answer).unwrap();
            let (waited, took) = answer.trim().split_once(' ').unwrap();
            Took { waited: waited.parse().unwrap(), all: took.parse().unwrap() }
        };
        (0..statements).map(&mut execute).collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program itself measured of a statement, in nanoseconds: what lies within all that probes can see, and what
/// lies around it.
#[derive(Clone, Copy, Debug)]
struct Took {
    waited: u64,
    all: u64,
}

impl Took {
    /// Whether that can be what a probe measured, in whole microseconds.
    fn allows(self, micros: u64) -> bool {
        self.waited / 1000 <= micros && micros <= self.all / 1000
    }
}

/// Whether each of the goroutines can be a connection of its own.
fn can_be(goroutines: &[Vec<u64>], connections: &[Vec<Took>]) -> bool {
    let Some((first, rest)) = goroutines.split_first() else { return connections.is_empty() };
    (0..connections.len()).any(|n| {
        let fits = first.len() == connections[n].len() && first.iter().zip(&connections[n]).all(|(m, t)| t.allows(*m));
        let mut others = connections.to_vec();
        others.remove(n);
        fits && can_be(rest, &others)
    })
}

/// What `gospect list` says of a function.
fn listed(path: &Path, function: &str) -> Value {
    contract::documented(gospect(&["list", path.to_str().unwrap(), function, "--json", "--sites"]).stdout.trim())
}

#[test]
fn latency_bt_measures_each_statement_on_its_goroutine() {
    let scratch = Scratch::new();
    let path = need!(program("statements", Variant::Plain, &scratch));
    let finish = listed(&path, "github.com/pingcap/tidb/server.(*clientConn).finishCommand");
    let script = LATENCY_BT
        .replace("/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server", path.to_str().unwrap())
        .replace("0x1732d60", finish["entry"].as_str().unwrap());
    let file = scratch.0.join("latency.bt");
    std::fs::write(&file, script).unwrap();

    for way in WAYS {
        let database = Database::start(&path);
        let tracing = Tracing::start(&["--way", way, file.to_str().unwrap()]);
        let connections = database.load(5, 30, false);
        are_those_of(&tracing.stop(), &database, &connections);
    }
}

/// Each statement is shown on its goroutine, and in both histograms.
fn are_those_of(ran: &Ran, database: &Database, connections: &[Vec<Took>]) {
    let (first, rest) = ran.stdout.split_once('\n').unwrap();
    assert_eq!((first, ran.status), ("Hit CTRL+C to end profiling", 0), "{}", ran.stderr);
    let (mut dispatch, mut tso) = (BTreeMap::<&str, Vec<u64>>::new(), BTreeMap::<&str, Vec<u64>>::new());
    for line in rest.lines().take_while(|line| line.starts_with("gid=")) {
        let [gid, _, pid, _, micros, "us"] = line.split([' ', '.']).filter(|w| !w.is_empty()).collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        assert_eq!(pid, format!("pid={}", database.child.id()));
        let (all, done) = (dispatch.entry(gid).or_default(), tso.entry(gid).or_default());
        // The closure comes first, then what is called behind the method.
        let of = if all.len() == done.len() { all } else { done };
        of.push(micros.parse().unwrap());
    }
    for each in [&dispatch, &tso] {
        let goroutines: Vec<Vec<u64>> = each.values().cloned().collect();
        assert!(can_be(&goroutines, connections), "{goroutines:?} {connections:?} {}", ran.seen());
    }
    let earlier = dispatch.values().flatten().zip(tso.values().flatten());
    assert!(earlier.clone().all(|(dispatch, tso)| dispatch <= tso), "{}", ran.seen());
    assert_eq!(earlier.count(), 150);
    for name in ["@durations[dispatch]:", "@durations[tso]:"] {
        assert_eq!(bars(ran.stdout.split_once(name).unwrap().1.split("\n\n").next().unwrap()), 150, "{}", ran.seen());
    }
    assert!(!ran.stdout.contains("@start0"), "every statement was finished: {}", ran.seen());
}

/// Runs a one-liner while statements are executed on goroutines that keep to their threads.
fn on_threads(script: &str, path: &Path, way: &str) -> (Ran, Vec<Took>) {
    let database = Database::start(path);
    let tracing = Tracing::start(&["--way", way, "-e", script]);
    let connections = database.load(3, 40, true);
    let ran = tracing.stop();
    assert!(!ran.stdout.contains("@start"), "all are deleted: {}", ran.seen());
    (ran, connections.into_iter().flatten().collect())
}

/// The range of a bar: `[512, 1K)`.
fn range(bar: &str) -> (u64, u64) {
    let number = |text: &str| {
        let digits = text.trim_end_matches(['K', 'M', 'G']);
        let unit = match &text[digits.len()..] {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => 1,
        };
        digits.parse::<u64>().unwrap() * unit
    };
    let (from, to) = bar.trim_start_matches('[').split_once(", ").unwrap();
    (number(from), number(to.split(')').next().unwrap()))
}

/// Every statement is in the histogram, and none where it cannot be.
fn is_histogram_of(ran: &Ran, path: &Path, took: &[Took]) {
    let comm: String = path.file_name().unwrap().to_str().unwrap().chars().take(15).collect();
    assert!(ran.stdout.contains(&format!("@ns[{comm}]:")), "{}", ran.seen());
    assert_eq!(bars(&ran.stdout), took.len() as u64, "{}", ran.seen());
    let bars = ran.stdout.lines().filter(|line| line.ends_with('|')).map(range);
    let (from, to) = bars.clone().fold((u64::MAX, 0), |(from, to), bar| (from.min(bar.1), to.max(bar.0)));
    let shortest = took.iter().map(|took| took.waited).min().unwrap();
    let longest = took.iter().map(|took| took.all).max().unwrap();
    assert!(from > shortest && to <= longest, "{shortest} to {longest}: {}", ran.seen());
}

#[test]
fn durations_by_uretprobe_are_those_of_the_statements() {
    let scratch = Scratch::new();
    let path = need!(program("statements", Variant::Plain, &scratch));
    let script = "uprobe:myproc:func { @start[tid] = nsecs; } uretprobe:myproc:func /@start[tid]/ \
                  { @ns[comm] = hist(nsecs - @start[tid]); delete(@start[tid]); }";
    let script = script.replace("myproc", path.to_str().unwrap()).replace("func", EXECUTE);
    for way in WAYS {
        let (ran, took) = on_threads(&script, &path, way);
        is_histogram_of(&ran, &path, &took);
    }
}

#[test]
fn durations_by_the_deferred_closure_are_those_of_the_statements() {
    let scratch = Scratch::new();
    let path = need!(program("statements", Variant::Plain, &scratch));
    let script = "uprobe:myproc:f { @start[tid] = nsecs; } uprobe:myproc:f.func1 /@start[tid]/ \
                  { @ns[comm] = hist(nsecs - @start[tid]); delete(@start[tid]); }";
    let script = script.replace("myproc:f", &format!("{}:{EXECUTE}", path.display()));
    for way in WAYS {
        let (ran, took) = on_threads(&script, &path, way);
        is_histogram_of(&ran, &path, &took);
    }
}

#[test]
fn an_offset_is_the_instruction_there() {
    let scratch = Scratch::new();
    let path = need!(program("statements", Variant::Plain, &scratch));
    let function = listed(&path, EXECUTE);
    let offset = |site: &Value| site["offset"].as_u64().unwrap();
    let returns: Vec<u64> = function["sites"]["returns"].as_array().unwrap().iter().map(offset).collect();
    let (hellos, all) = hellos_at(&path, offset(&function["entry_site"]));
    assert_eq!(hellos, all);
    // A statement leaves by one of them.
    let left = returns.iter().map(|&offset| hellos_at(&path, offset));
    assert_eq!(left.fold(0, |left, (hellos, _)| left + hellos), all, "{returns:?}");
}

/// How often an instruction of the method is hit, and how many statements there were.
fn hellos_at(path: &Path, offset: u64) -> (usize, usize) {
    let line =
        r#"u:./tidb-server:"github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute"+2919 {printf("hello")}"#;
    let script = line.replace("./tidb-server", path.to_str().unwrap()).replace("2919", &offset.to_string());
    let (ran, took) = on_threads(&script, path, "best");
    (ran.stdout.matches("hello").count(), took.len())
}

const FIBONACCI: &str = r#"uprobe:/root/ebpf-study/fibonacci/main:main.Fibonacci { printf("%d \n", reg("ax")); }  uretprobe:/root/ebpf-study/fibonacci/main:main.Fibonacci {printf("ret %d\n", retval)}"#;

/// What the lines of [`FIBONACCI`] say: how many they are, and the sum of their numbers.
fn lines(stdout: &str, returns: bool) -> (u64, u64) {
    let lines = stdout.lines().filter(|line| line.starts_with("ret ") == returns);
    lines
        .map(|line| line.trim_start_matches("ret ").trim().parse::<u64>().unwrap())
        .fold((0, 0), |(n, s), x| (n + 1, s + x))
}

/// Every answer was right, and the service lives and counts what it was asked for.
pub fn is_unharmed(service: &mut Service, served: &Served) {
    assert_eq!((&served.wrong[..], service.ended()), (&[][..], None));
    assert_eq!(service.counters().unwrap(), served.counters);
}

#[test]
fn arguments_and_results_are_those_that_the_service_counts() {
    let scratch = Scratch::new();
    let path = need!(program("gin", Variant::NoInline, &scratch));
    let both = FIBONACCI.replace("/root/ebpf-study/fibonacci/main", path.to_str().unwrap());
    let (entry, exit) = both.split_once("  ").unwrap();
    let both = both.as_str();
    let scripts = [("best", entry, true, false), ("best", exit, false, true), ("best", both, true, true)];
    for (way, script, entries, returns) in scripts.into_iter().chain([("tracefs", both, true, true)]) {
        let mut service = Service::start(&path).unwrap();
        let tracing = Tracing::start(&["--way", way, "-e", script]);
        let served = service.load(8, Duration::ZERO, Instant::now() + Duration::from_secs(1));
        let ran = tracing.stop();
        is_unharmed(&mut service, &served);
        let counters = served.counters;
        let expected = |there: bool, sum: u64| if there { (counters.calls, sum) } else { (0, 0) };
        assert_eq!(lines(&ran.stdout, false), expected(entries, counters.arguments), "{}", ran.stderr);
        assert_eq!(lines(&ran.stdout, true), expected(returns, counters.results), "{}", ran.stderr);
    }
}

#[test]
fn a_minute_of_load_with_probes_on_returns_harms_nobody() {
    let scratch = Scratch::new();
    let path = need!(program("gin", Variant::NoInline, &scratch));
    let script = FIBONACCI.replace("/root/ebpf-study/fibonacci/main", path.to_str().unwrap());
    let mut service = Service::start(&path).unwrap();
    let pid = service.pid().to_string();
    let tracing = Tracing::start(&["-e", &script]);
    // Returns from frames whose stacks grow and move below them, by another gospect.
    let deep =
        "goret:github.com/gin-gonic/gin.* { @[func] = count() } goret:net/http.(*conn).* { @ns = hist(elapsed) }";
    let other = Tracing::start(&["-p", &pid, "-e", deep]);
    let served = service.load(8, Duration::from_millis(4), Instant::now() + Duration::from_secs(60));
    let (ran, other) = (tracing.stop(), other.stop());
    is_unharmed(&mut service, &served);
    assert_eq!(lines(&ran.stdout, false), (served.counters.calls, served.counters.arguments), "{}", ran.stderr);
    assert_eq!(lines(&ran.stdout, true), (served.counters.calls, served.counters.results), "{}", ran.stderr);
    let requests = format!("@[github.com/gin-gonic/gin.(*Engine).ServeHTTP]: {}\n", served.requests);
    assert!(other.stdout.contains(&requests), "{requests}{}", other.seen());
}
