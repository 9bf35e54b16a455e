//! Traces real programs under load, a hundred and more functions of each at once: the programs must work as without
//! probes, and every call must be shown or counted. Then traces their goroutines: the times by state of each goroutine must
//! add up to its lifetime.
//!
//! `cargo xtask real` builds the programs through the Go module proxy, as `cargo xtask survey` does, and writes
//! `docs/real.md`. With names, traces only these programs and prints the page.

mod calls;
mod goroutines;
mod programs;
mod text;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::load::Connection;

use crate::args::Args;
use crate::bed::{self, Process, named};
use crate::page;
use calls::Report;
use goroutines::{Lifetimes, Watching};
use programs::{Kind, PROGRAMS, Program};

/// Connections at the same time.
const CONNECTIONS: u64 = 4;
/// Time under load without probes, and again with probes.
const LOAD: Duration = Duration::from_secs(5);
/// Time under load with goroutines traced: each goroutine takes several map entries.
const WATCHED: Duration = Duration::from_secs(1);
/// Time for a service to start.
const START: Duration = Duration::from_secs(60);

/// The results of one program.
pub struct Row {
    program: &'static Program,
    work: Work,
    report: Report,
    watched: Watched,
}

/// Its goroutines, and whether it worked meanwhile.
struct Watched {
    lives: Lifetimes,
    right: bool,
}

/// The work of a program.
enum Work {
    /// Answered requests.
    Served {
        /// Without probes.
        before: Served,
        /// With probes.
        during: Served,
        /// After detaching.
        after: Served,
    },
    /// Made a file.
    Made {
        /// Without and with probes.
        times: [Duration; 2],
        /// Whether both files were equal.
        same: bool,
    },
}

/// Requests and their answers.
#[derive(Clone, Copy, Default)]
struct Served {
    requests: u64,
    right: u64,
    time: Duration,
}

/// `cargo xtask real [NAME...]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let chosen = Args::new(args).words(&PROGRAMS.iter().map(|program| program.name).collect::<Vec<_>>())?;
    let gospect = bed::gospect()?;
    let is_chosen = |program: &&Program| chosen.is_empty() || chosen.iter().any(|name| name == program.name);
    let mut rows = Vec::new();
    for program in PROGRAMS.iter().filter(is_chosen) {
        eprintln!("{}", program.name);
        rows.push(trace(&gospect, program)?);
    }
    page::publish("docs/real.md", &text::render(&rows), chosen.is_empty())?;
    Ok(rows.iter().all(Row::is_good))
}

impl Row {
    fn is_good(&self) -> bool {
        let worked = match &self.work {
            Work::Served { before, during, after } => {
                [before, during, after].iter().all(|served| served.requests > 0 && served.requests == served.right)
            }
            Work::Made { same, .. } => *same,
        };
        worked && self.report.adds_up() && self.watched.right && self.watched.lives.add_up()
    }
}

fn trace(gospect: &Path, program: &'static Program) -> Result<Row, String> {
    let path = (program.path)()?;
    let scratch = std::env::temp_dir().join("gospect-real").join(program.name);
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).map_err(named(scratch.display()))?;
    match &program.kind {
        Kind::Service { .. } => serve(gospect, program, &path, &scratch),
        Kind::Command { .. } => make(gospect, program, &path, &scratch),
    }
}

/// A running service.
struct Service {
    process: Process,
    address: String,
}

fn serve(gospect: &Path, program: &'static Program, path: &Path, scratch: &Path) -> Result<Row, String> {
    let service = start(program, path, scratch)?;
    let pid = service.process.pid();
    let before = load(program, &service, LOAD);
    let tracer = calls::trace_process(gospect, program, pid)?;
    let during = load(program, &service, LOAD);
    let report = Report::new(tracer.stop()?);
    let after = load(program, &service, LOAD / 4);
    let watching = Watching::start(gospect, ["-p", &pid.to_string()], scratch)?;
    let served = load(program, &service, WATCHED);
    let watched = Watched { lives: watching.stop()?, right: served.requests > 0 && served.requests == served.right };
    Ok(Row { program, work: Work::Served { before, during, after }, report, watched })
}

fn start(program: &Program, path: &Path, scratch: &Path) -> Result<Service, String> {
    let Kind::Service { prepare, args, .. } = &program.kind else { return Err("it is no service".to_owned()) };
    let ports = [free_port()?, free_port()?];
    prepare(scratch, ports).map_err(named(program.name))?;
    let mut command = Command::new(path);
    command.args(args(ports)).current_dir(scratch).env("HOME", scratch);
    let process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let service = Service { process, address: format!("127.0.0.1:{}", ports[0]) };
    let begun = Instant::now();
    while ask(program, &service, 0).is_none_or(|right| !right) {
        if begun.elapsed() > START {
            return Err(format!("{} does not answer", program.name));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(service)
}

/// A port that is free at the moment.
fn free_port() -> Result<u16, String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|e| e.to_string())
}

/// Whether the answer to one request was right; none without an answer.
fn ask(program: &Program, service: &Service, n: u64) -> Option<bool> {
    let Kind::Service { ask, .. } = &program.kind else { return None };
    Connection::open(&service.address).and_then(|mut connection| ask(&mut connection, n)).ok()
}

fn load(program: &'static Program, service: &Service, time: Duration) -> Served {
    let begun = Instant::now();
    let one = |seed: u64| {
        let Kind::Service { ask, .. } = &program.kind else { return Served::default() };
        let mut served = Served::default();
        let mut connection = Connection::open(&service.address).ok();
        // No two connections ask the same question.
        for n in (seed..).step_by(CONNECTIONS as usize).take_while(|_| begun.elapsed() < time) {
            let answer = connection.as_mut().and_then(|connection| ask(connection, n).ok());
            served.requests += 1;
            served.right += u64::from(answer == Some(true));
            if answer.is_none() {
                connection = Connection::open(&service.address).ok();
            }
        }
        served
    };
    let served: Vec<Served> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..CONNECTIONS).map(|seed| scope.spawn(move || one(seed))).collect();
        all.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let sum = |of: fn(&Served) -> u64| served.iter().map(of).sum();
    Served { requests: sum(|s| s.requests), right: sum(|s| s.right), time: begun.elapsed() }
}

fn make(gospect: &Path, program: &'static Program, path: &Path, scratch: &Path) -> Result<Row, String> {
    let Kind::Command { prepare, args, .. } = &program.kind else { return Err("it makes nothing".to_owned()) };
    let begun = Instant::now();
    let untraced = made(program, path, scratch)?;
    let alone = begun.elapsed();
    prepare(scratch).map_err(named(program.name))?;
    let begun = Instant::now();
    let report = calls::trace_to_end(gospect, program, path, args, scratch)?;
    let (times, same) = ([alone, begun.elapsed()], result(program, scratch)? == untraced);
    let watching = Watching::start(gospect, ["--target", &path.display().to_string()], scratch)?;
    let right = made(program, path, scratch)? == untraced;
    let watched = Watched { lives: watching.stop()?, right };
    Ok(Row { program, work: Work::Made { times, same }, report, watched })
}

/// The result of an untraced run.
fn made(program: &Program, path: &Path, scratch: &Path) -> Result<Vec<u8>, String> {
    let Kind::Command { prepare, args, .. } = &program.kind else { return Err("it makes nothing".to_owned()) };
    prepare(scratch).map_err(named(program.name))?;
    let file = std::fs::File::create(scratch.join(programs::OUTPUT)).map_err(named(program.name))?;
    let mut command = Command::new(path);
    command.args(*args).current_dir(scratch).envs(programs::go_env()?).stdout(file);
    match command.status().map_err(named(program.name))?.success() {
        true => result(program, scratch),
        false => Err(format!("{} fails by itself", program.name)),
    }
}

/// Takes the result out of the scratch folder.
fn result(program: &Program, scratch: &Path) -> Result<Vec<u8>, String> {
    let Kind::Command { made, .. } = &program.kind else { return Err("it makes nothing".to_owned()) };
    let file = scratch.join(made);
    let result = std::fs::read(&file).map_err(named(file.display()));
    let _ = std::fs::remove_file(file);
    result
}
