//! Probes that come and go many times while a service is under load: every answer is compared, and in the end its code
//! is what it was before and nothing is left in tracefs.
//!
//! In CI that is a dozen times; the variable GOSPECT_CYCLES says how often.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gospect_fixtures::load::{Served, Service};
use gospect_fixtures::{Variant, need};

use crate::handed_around::{is_unharmed, program};
use crate::run::{WAYS, code, objects, summary};
use crate::running::Scratch;
use crate::{Ran, command};

const CYCLES: &str = "GOSPECT_CYCLES";

/// Some two thousand sites: entries and returns, from the connection to the handler.
const TEXT: &str = "go:main.*, go:github.com/gin-gonic/gin.*, go:net/http.* { @in = count() } \
                    goret:main.*, goret:github.com/gin-gonic/gin.*, goret:net/http.* /elapsed > 0/ { @out = count() }";

/// How a cycle ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// By itself, after some time.
    Duration,
    /// By Ctrl-C, wherever it is by then.
    Interrupt,
    /// By `kill -9`, wherever it is by then.
    Kill,
}

#[test]
fn probes_that_come_and_go_under_load_harm_nobody() {
    let scratch = Scratch::new();
    let path = need!(program("gin", Variant::NoInline, &scratch));
    let cycles: u64 = std::env::var(CYCLES).map_or(12, |n| n.parse().expect("a number"));
    let mut service = Service::start(&path).unwrap();
    let before = code(service.pid(), &path);
    let over = AtomicBool::new(false);
    let (served, (hits, gospects)) = std::thread::scope(|scope| {
        let load = scope.spawn(|| load(&service, &over));
        let seen = scope.spawn(|| go_through(&service, cycles));
        let seen = seen.join();
        over.store(true, Ordering::Relaxed);
        (load.join().unwrap(), seen.unwrap())
    });
    is_unharmed(&mut service, &served);
    assert!(hits > 0 && served.requests > 0, "{hits} hits in {} requests", served.requests);
    assert!(code(service.pid(), &path) == before, "probes are still there");
    let events = std::fs::read_to_string("/sys/kernel/tracing/uprobe_events").unwrap_or_default();
    let left = gospects.iter().filter(|pid| events.contains(&format!("_{pid}_")));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&u32>::new(), "{events}");
    println!("{cycles} cycles: {hits} hits, {} requests, the longest took {:?}", served.requests, served.longest);
}

/// Asks the service until it is over.
fn load(service: &Service, over: &AtomicBool) -> Served {
    let mut served = Served::default();
    while !over.load(Ordering::Relaxed) {
        served = served.and(service.load(4, Duration::from_millis(2), Instant::now() + Duration::from_millis(500)));
    }
    served
}

/// How many hits all saw together, and the numbers of all gospects.
fn go_through(service: &Service, cycles: u64) -> (u64, Vec<u32>) {
    let (mut hits, mut gospects) = (0, Vec::new());
    // The last ones take out what killed ones have left in tracefs.
    for n in 0..cycles.next_multiple_of(12) {
        let way = WAYS[n as usize % WAYS.len()];
        let end = match n % 12 {
            3 | 6 => End::Interrupt,
            4 | 9 => End::Kill,
            _ => End::Duration,
        };
        let child = start(service.pid(), way);
        gospects.push(child.id());
        hits += ended(child, end, n).unwrap_or_else(|wrong| panic!("cycle {n} by {way}, {end:?}: {wrong}"));
    }
    (hits, gospects)
}

fn start(pid: u32, way: &str) -> Child {
    let pid = pid.to_string();
    let mut command = command(&["run", "-p", &pid, "--way", way, "--duration", "40ms", "--json", "-e", TEXT]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends it; its hits, if all is as it should be.
fn ended(mut child: Child, end: End, n: u64) -> Result<u64, String> {
    if end != End::Duration {
        // At all sorts of moments: while it compiles, attaches, counts, detaches.
        std::thread::sleep(Duration::from_millis(n * 37 % 500));
        let signal = if end == End::Kill { "-KILL" } else { "-INT" };
        let _ =
            std::process::Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
    }
    if end == End::Kill {
        child.wait().map_err(|e| e.to_string())?;
        return Ok(0);
    }
    let ran = Ran::of(child.wait_with_output().map_err(|e| e.to_string())?);
    // A signal that comes before anything is there to end is the end.
    if end == End::Interrupt && ran.stdout.is_empty() {
        return Ok(0);
    }
    let all = objects(&ran);
    let of = |name: &str| summary(&all)[name].as_u64().unwrap_or(u64::MAX);
    let map = |name: &str| all.iter().find_map(|object| object["data"].get(name)?.as_u64()).unwrap_or(0);
    let (calls, returns) = (map("@in"), map("@out"));
    // Some calls are under way when probes come (their returns are `unpaired`), others when they go.
    let wrong = ["lost", "missed", "foreign", "no_g", "unended"].map(of) != [0; 5];
    let ends = returns + ["open", "unwound", "goexit"].map(of).iter().sum::<u64>();
    match (ran.status, wrong, calls == ends) {
        (0, false, true) => Ok(of("hits")),
        _ => Err(format!("{} {}", ran.seen(), summary(&all))),
    }
}
