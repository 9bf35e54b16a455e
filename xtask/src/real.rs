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

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::load::Connection;

use crate::args::Args;
use crate::bed::{self, Process, named};
use crate::page;
use calls::Report;
use goroutines::{Lifetimes, Watching};
use programs::{Ask, Kind, OneShot, PROGRAMS, Program, Service};

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
        rows.push(Trial::new(&gospect, program)?.run()?);
    }
    page::publish("docs/real.md", &text::render(&rows), chosen.is_empty())?;
    Ok(rows.iter().all(Row::is_good))
}

impl Served {
    fn is_right(&self) -> bool {
        self.requests > 0 && self.requests == self.right
    }
}

impl Row {
    fn is_good(&self) -> bool {
        let worked = match &self.work {
            Work::Served { before, during, after } => [before, during, after].iter().all(|served| served.is_right()),
            Work::Made { same, .. } => *same,
        };
        worked && self.report.adds_up() && self.watched.right && self.watched.lives.add_up()
    }
}

/// One program in a scratch folder.
struct Trial<'a> {
    gospect: &'a Path,
    program: &'static Program,
    path: PathBuf,
    scratch: PathBuf,
}

impl Trial<'_> {
    fn new<'a>(gospect: &'a Path, program: &'static Program) -> Result<Trial<'a>, String> {
        let scratch = std::env::temp_dir().join("gospect-real").join(program.name);
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).map_err(named(scratch.display()))?;
        Ok(Trial { gospect, program, path: (program.path)()?, scratch })
    }

    fn run(&self) -> Result<Row, String> {
        match &self.program.kind {
            Kind::Service(service) => self.serve(service),
            Kind::Command(command) => self.make(command),
        }
    }

    fn serve(&self, service: &Service) -> Result<Row, String> {
        let service = self.start(service)?;
        let pid = service.process.pid();
        let before = service.load(LOAD);
        let tracer = calls::trace_process(self.gospect, self.program, pid)?;
        let during = service.load(LOAD);
        let report = Report::new(tracer.stop()?);
        let after = service.load(LOAD / 4);
        let watching = Watching::start(self.gospect, ["-p", &pid.to_string()], &self.scratch)?;
        let right = service.load(WATCHED).is_right();
        let watched = Watched { lives: watching.stop()?, right };
        Ok(Row { program: self.program, work: Work::Served { before, during, after }, report, watched })
    }

    fn start(&self, service: &Service) -> Result<Running, String> {
        let ports = [free_port()?, free_port()?];
        (service.prepare)(&self.scratch, ports).map_err(named(self.program.name))?;
        let mut command = Command::new(&self.path);
        command.args((service.args)(ports)).current_dir(&self.scratch).env("HOME", &self.scratch);
        let process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let running = Running { process, address: format!("127.0.0.1:{}", ports[0]), ask: service.ask };
        let begun = Instant::now();
        while !running.is_ready() {
            if begun.elapsed() > START {
                return Err(format!("{} does not answer", self.program.name));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(running)
    }

    fn make(&self, command: &OneShot) -> Result<Row, String> {
        let begun = Instant::now();
        let untraced = self.run_untraced(command)?;
        let alone = begun.elapsed();
        (command.prepare)(&self.scratch).map_err(named(self.program.name))?;
        let begun = Instant::now();
        let report = calls::trace_to_end(self.gospect, self.program, &self.path, command.args, &self.scratch)?;
        let (times, same) = ([alone, begun.elapsed()], self.take_result(command)? == untraced);
        let watching = Watching::start(self.gospect, ["--target", &self.path.display().to_string()], &self.scratch)?;
        let right = self.run_untraced(command)? == untraced;
        let watched = Watched { lives: watching.stop()?, right };
        Ok(Row { program: self.program, work: Work::Made { times, same }, report, watched })
    }

    /// The result of a run outside of `gospect trace`.
    fn run_untraced(&self, command: &OneShot) -> Result<Vec<u8>, String> {
        let name = self.program.name;
        (command.prepare)(&self.scratch).map_err(named(name))?;
        let file = std::fs::File::create(self.scratch.join(programs::OUTPUT)).map_err(named(name))?;
        let mut run = Command::new(&self.path);
        run.args(command.args).current_dir(&self.scratch).envs(programs::go_env()?).stdout(file);
        match run.status().map_err(named(name))?.success() {
            true => self.take_result(command),
            false => Err(format!("{name} fails by itself")),
        }
    }

    /// Moves the result out of the scratch folder.
    fn take_result(&self, command: &OneShot) -> Result<Vec<u8>, String> {
        let file = self.scratch.join(command.made);
        let result = std::fs::read(&file).map_err(named(file.display()));
        let _ = std::fs::remove_file(file);
        result
    }
}

/// A running service.
struct Running {
    process: Process,
    address: String,
    ask: Ask,
}

impl Running {
    fn is_ready(&self) -> bool {
        Connection::open(&self.address).and_then(|mut connection| (self.ask)(&mut connection, 0)).unwrap_or(false)
    }

    fn load(&self, time: Duration) -> Served {
        let begun = Instant::now();
        let one = |seed: u64| {
            let mut served = Served::default();
            let mut connection = Connection::open(&self.address).ok();
            // No two connections ask the same question.
            for n in (seed..).step_by(CONNECTIONS as usize).take_while(|_| begun.elapsed() < time) {
                let answer = connection.as_mut().and_then(|connection| (self.ask)(connection, n).ok());
                served.requests += 1;
                served.right += u64::from(answer == Some(true));
                if answer.is_none() {
                    connection = Connection::open(&self.address).ok();
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
}

/// A port that is free at the moment.
fn free_port() -> Result<u16, String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|e| e.to_string())
}
