//! The programs that are traced, and the load on them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::Variant;
use gospect_fixtures::load::Service;

use super::rows::{CALLS, GOROUTINES, Row};

/// At the same time.
const CONNECTIONS: u64 = 4;
/// The calls of an order take about so long.
const ORDER: Duration = Duration::from_millis(50);

/// A program and the function of it that is traced.
pub struct Kind {
    /// What its table is asked for by.
    pub name: &'static str,
    /// Which program.
    pub fixture: &'static str,
    /// How it is built.
    pub variant: Variant,
    /// Which function.
    pub function: &'static str,
    /// What stands above its table.
    pub about: &'static str,
    /// What its throughput is of.
    pub unit: &'static str,
    /// Whether a unit is a call, so that what a call costs can be told.
    pub is_call: bool,
    /// Whether each request calls the function once; else the program counts.
    pub each_request: bool,
    /// Its rounds are so many times as long as others': a budget needs a while.
    pub times: u32,
    /// The tracers on it.
    pub rows: &'static [Row],
}

/// All of them.
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

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Calls, or requests, a second.
    pub per_second: f64,
    /// The time that one request in a hundred exceeds.
    pub p99: Option<Duration>,
}

/// One that runs.
pub enum Bed {
    /// `fixtures/go/counter`
    Loop(Loop),
    /// `fixtures/go/gin`, and how often it was asked where each request is a call.
    Service(Service, Option<u64>),
}

impl Bed {
    /// Starts it.
    pub fn start(kind: &Kind, path: &Path) -> Result<Bed, String> {
        match kind.is_call {
            true => Loop::start(path).map(Bed::Loop),
            false => {
                let service = Service::start_quietly(path).map_err(|e| format!("the service does not start: {e}"))?;
                Ok(Bed::Service(service, kind.each_request.then_some(0)))
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        match self {
            Bed::Loop(of) => of.child.id(),
            Bed::Service(service, _) => service.pid(),
        }
    }

    /// Has the function called once.
    pub fn poke(&mut self) -> Result<(), String> {
        match self {
            Bed::Loop(of) => of.order(1).map(|_| ()),
            Bed::Service(service, requests) => {
                *requests = requests.map(|n| n + 1);
                service.ask_once().map_err(|e| e.to_string())
            }
        }
    }

    /// How often the function was called.
    pub fn calls(&mut self) -> Result<u64, String> {
        match self {
            Bed::Loop(of) => of.order(0),
            Bed::Service(_, Some(requests)) => Ok(*requests),
            Bed::Service(service, None) => service.counters().map(|counters| counters.calls).map_err(|e| e.to_string()),
        }
    }

    /// Puts load on it for that long.
    pub fn measure(&mut self, time: Duration) -> Result<Measured, String> {
        match self {
            Bed::Loop(of) => of.measure(time),
            Bed::Service(service, requests) => {
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

    /// How it ended, if it did.
    pub fn death(&mut self) -> Option<String> {
        // Whoever is ending it may not be done yet.
        std::thread::sleep(Duration::from_millis(50));
        match self {
            Bed::Loop(of) => of.child.try_wait().ok().flatten().map(|status| status.to_string()),
            Bed::Service(service, _) => service.ended(),
        }
    }
}

/// The program that calls a function as often as it is told.
pub struct Loop {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Loop {
    fn start(path: &Path) -> Result<Loop, String> {
        // What it says when it dies is told by how it ends.
        let mut command = Command::new(path);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", path.display()))?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(answers)) = (orders, answers) else { return Err("it has no pipes".to_owned()) };
        let mut of = Loop { child, orders, answers: BufReader::new(answers) };
        match of.answer()?.as_str() {
            "ready" => Ok(of),
            other => Err(format!("it is not ready, but says {other}")),
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).map_err(|e| e.to_string())?;
        if read == 0 { Err("it says nothing more".to_owned()) } else { Ok(line.trim().to_owned()) }
    }

    /// Has the function called so often; how often it was in all.
    fn order(&mut self, calls: u64) -> Result<u64, String> {
        writeln!(self.orders, "1 {calls}").map_err(|e| e.to_string())?;
        let answer = self.answer()?;
        let calls = answer.split(' ').next().and_then(|number| number.parse().ok());
        calls.ok_or_else(|| format!("that is no number of calls: {answer}"))
    }

    fn measure(&mut self, time: Duration) -> Result<Measured, String> {
        let (start, mut calls, mut order) = (Instant::now(), 0, 8);
        while start.elapsed() < time {
            let ordered = Instant::now();
            self.order(order)?;
            calls += order;
            order = if ordered.elapsed() < ORDER { order * 2 } else { order };
        }
        Ok(Measured { per_second: calls as f64 / start.elapsed().as_secs_f64(), p99: None })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
