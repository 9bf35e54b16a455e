//! The traced programs, and the load on them.

use std::path::Path;
use std::time::{Duration, Instant};

use gospect_fixtures::Variant;
use gospect_fixtures::load::Service;

use super::rows::{CALLS, GOROUTINES, Row};
use crate::bed::{Dialog, named};

/// Connections at the same time.
const CONNECTIONS: u64 = 4;
/// Aimed duration of one order of calls.
const ORDER: Duration = Duration::from_millis(50);

/// A program and its traced function.
pub struct Kind {
    /// The name of the table on the command line.
    pub name: &'static str,
    pub fixture: &'static str,
    pub variant: Variant,
    pub function: &'static str,
    /// The text above the table.
    pub about: &'static str,
    /// The unit of throughput.
    pub unit: &'static str,
    /// Whether the unit is a call; then the table has the cost of a call.
    pub is_call: bool,
    /// Whether each request calls the function once; otherwise the program counts the calls.
    pub each_request: bool,
    /// Factor of the length of rounds: a budget takes time to act.
    pub times: u32,
    pub rows: &'static [Row],
}

/// All targets.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "loop",
        fixture: "counter",
        variant: Variant::Plain,
        function: "main.hit",
        about: "A loop that does nothing but call `main.hit`, which has a frame, one argument and three returns, on one \
                thread",
        unit: "calls",
        is_call: true,
        each_request: false,
        times: 1,
        rows: CALLS,
    },
    Kind {
        name: "calls",
        fixture: "gin",
        variant: Variant::NoInline,
        function: "main.Fibonacci",
        about: "A service on gin, asked on 4 connections as fast as it answers; each request calls `main.Fibonacci` once, \
                but one in sixteen that is refused. The load shares the machine with the service and the tracer",
        unit: "requests",
        is_call: false,
        each_request: false,
        times: 1,
        rows: CALLS,
    },
    Kind {
        name: "goroutines",
        fixture: "gin",
        variant: Variant::NoInline,
        function: "main.main.func1",
        about: "The same service, its goroutines and its handler, `main.main.func1`, which each request calls once and \
                which has a frame and two returns. `--max-overhead off` is in force but where a row says otherwise; rounds are three \
                times as long here",
        unit: "requests",
        is_call: false,
        each_request: true,
        times: 3,
        rows: GOROUTINES,
    },
];

/// The result under load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Calls, or requests, a second.
    pub per_second: f64,
    /// 99th percentile of the response time.
    pub p99: Option<Duration>,
}

/// A running program.
pub enum Target {
    /// `fixtures/go/counter`
    Loop(Dialog),
    /// `fixtures/go/gin`, and the number of its requests if each is a call.
    Service(Service, Option<u64>),
}

impl Target {
    pub fn start(kind: &Kind, path: &Path) -> Result<Target, String> {
        if kind.is_call {
            return Dialog::start(path).map(Target::Loop);
        }
        let service = Service::start_quietly(path).map_err(named("the service does not start"))?;
        Ok(Target::Service(service, kind.each_request.then_some(0)))
    }

    pub fn pid(&self) -> u32 {
        match self {
            Target::Loop(program) => program.process.pid(),
            Target::Service(service, _) => service.pid(),
        }
    }

    /// Calls the function once.
    pub fn poke(&mut self) -> Result<(), String> {
        match self {
            Target::Loop(program) => order(program, 1).map(|_| ()),
            Target::Service(service, requests) => {
                *requests = requests.map(|n| n + 1);
                service.ask_once().map_err(|e| e.to_string())
            }
        }
    }

    /// The number of calls so far.
    pub fn calls(&mut self) -> Result<u64, String> {
        match self {
            Target::Loop(program) => order(program, 0),
            Target::Service(_, Some(requests)) => Ok(*requests),
            Target::Service(service, None) => {
                service.counters().map(|counters| counters.calls).map_err(|e| e.to_string())
            }
        }
    }

    /// Applies load.
    pub fn measure(&mut self, time: Duration) -> Result<Measured, String> {
        match self {
            Target::Loop(program) => measure_loop(program, time),
            Target::Service(service, requests) => {
                let start = Instant::now();
                let served = service.load(CONNECTIONS, Duration::ZERO, start + time);
                *requests = requests.map(|n| n + served.requests);
                let per_second = served.requests as f64 / start.elapsed().as_secs_f64();
                match served.wrong.first() {
                    Some(wrong) => Err(format!("an answer was wrong: {wrong}")),
                    None => Ok(Measured { per_second, p99: served.latencies.quantile(0.99) }),
                }
            }
        }
    }

    /// The exit status of an ended target.
    pub fn death(&mut self) -> Option<String> {
        // A signal may still be on its way.
        std::thread::sleep(Duration::from_millis(50));
        match self {
            Target::Loop(program) => program.process.ended().map(|status| status.to_string()),
            Target::Service(service, _) => service.ended(),
        }
    }
}

/// Makes the loop call the function. Returns the number of all calls so far.
fn order(program: &mut Dialog, calls: u64) -> Result<u64, String> {
    let answer = program.ask(&format!("1 {calls}"))?;
    let calls = answer.split(' ').next().and_then(|number| number.parse().ok());
    calls.ok_or_else(|| format!("that is no number of calls: {answer}"))
}

fn measure_loop(program: &mut Dialog, time: Duration) -> Result<Measured, String> {
    let (start, mut calls, mut next) = (Instant::now(), 0, 8);
    while start.elapsed() < time {
        let ordered = Instant::now();
        order(program, next)?;
        calls += next;
        next = if ordered.elapsed() < ORDER { next * 2 } else { next };
    }
    Ok(Measured { per_second: calls as f64 / start.elapsed().as_secs_f64(), p99: None })
}
