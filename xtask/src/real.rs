//! Traces programs that others wrote, under load, on a hundred and more of their functions at once: they must work as
//! they do without, and every call must be shown or counted. Then their goroutines are watched, and for each the times by
//! state must add up to how long it was there.
//!
//! `cargo xtask real` builds them through the Go module proxy, as `cargo xtask survey` does, and writes `docs/real.md`;
//! with names it traces those and prints the page.

mod lived;
mod page;
mod programs;
mod traced;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::load::Connection;

use crate::cargo::cargo;
use crate::root;
use lived::{Lives, Watching};
use programs::{Kind, PROGRAMS, Program};
use traced::{Told, Tracing};

/// Connections at the same time.
const CONNECTIONS: u64 = 4;
/// A service is under load for so long without probes, then with them.
const LOAD: Duration = Duration::from_secs(5);
/// And for so long while its goroutines are watched: each has several entries in a table.
const WATCHED: Duration = Duration::from_secs(1);
/// So long a service may take until it answers.
const START: Duration = Duration::from_secs(60);

/// What came of one program.
pub struct Row {
    program: &'static Program,
    work: Work,
    told: Told,
    watched: Watched,
}

/// What came of its goroutines, and what it did meanwhile.
struct Watched {
    lives: Lives,
    right: bool,
}

/// What a program did meanwhile.
enum Work {
    /// It answered.
    Served {
        /// Without probes.
        before: Served,
        /// With them.
        during: Served,
        /// When they were gone again.
        after: Served,
    },
    /// It made something.
    Made {
        /// Without probes, and with them.
        times: [Duration; 2],
        /// Whether it was the same both times.
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
    cargo(&["build", "--release", "--locked", "--package", "gospect"], &[])?;
    let gospect = root().join("target/release/gospect");
    let gospect = gospect.canonicalize().map_err(|e| format!("{}: {e}", gospect.display()))?;
    if let Some(unknown) = args.iter().find(|name| PROGRAMS.iter().all(|program| program.name != **name)) {
        let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        return Err(format!("there is no `{unknown}`, but {}", names.join(", ")));
    }
    let asked = |program: &&Program| args.is_empty() || args.iter().any(|name| name == program.name);
    let mut rows = Vec::new();
    for program in PROGRAMS.iter().filter(asked) {
        eprintln!("{}", program.name);
        rows.push(trace(&gospect, program)?);
    }
    let text = page::render(&rows);
    if args.is_empty() {
        let file = root().join("docs/real.md");
        std::fs::write(&file, &text).map_err(|e| format!("{}: {e}", file.display()))?;
        println!("docs/real.md written");
    } else {
        print!("{text}");
    }
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
        worked && self.told.adds_up() && self.watched.right && self.watched.lives.add_up()
    }
}

fn trace(gospect: &Path, program: &'static Program) -> Result<Row, String> {
    let path = (program.path)()?;
    let scratch = std::env::temp_dir().join("gospect-real").join(program.name);
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).map_err(|e| format!("{}: {e}", scratch.display()))?;
    match &program.kind {
        Kind::Service { .. } => serve(gospect, program, &path, &scratch),
        Kind::Command { .. } => make(gospect, program, &path, &scratch),
    }
}

/// A service that runs, until it is dropped.
struct Service {
    child: Child,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(gospect: &Path, program: &'static Program, path: &Path, scratch: &Path) -> Result<Row, String> {
    let service = start(program, path, scratch)?;
    let before = load(program, &service, LOAD);
    let tracing = Tracing::of_process(gospect, program, service.child.id())?;
    let during = load(program, &service, LOAD);
    let told = tracing.stop()?;
    let after = load(program, &service, LOAD / 4);
    let watching = Watching::of(gospect, ["-p", &service.child.id().to_string()], scratch)?;
    let served = load(program, &service, WATCHED);
    let watched = Watched { lives: watching.stop()?, right: served.requests > 0 && served.requests == served.right };
    Ok(Row { program, work: Work::Served { before, during, after }, told, watched })
}

fn start(program: &Program, path: &Path, scratch: &Path) -> Result<Service, String> {
    let Kind::Service { prepare, args, .. } = &program.kind else { return Err("it is no service".to_owned()) };
    let said = |e: std::io::Error| format!("{}: {e}", program.name);
    let ports = [free_port()?, free_port()?];
    prepare(scratch, ports).map_err(said)?;
    let mut command = Command::new(path);
    command.args(args(ports)).current_dir(scratch).env("HOME", scratch);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(said)?;
    let service = Service { child, address: format!("127.0.0.1:{}", ports[0]) };
    let begun = Instant::now();
    while ask(program, &service, 0).is_none_or(|right| !right) {
        if begun.elapsed() > START {
            return Err(format!("{} does not answer", program.name));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(service)
}

/// A port that nobody has at the moment.
fn free_port() -> Result<u16, String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|e| e.to_string())
}

/// Whether the answer to one request was right; nothing if there was none.
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
        // Each connection has questions of its own.
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
    prepare(scratch).map_err(|e| format!("{}: {e}", program.name))?;
    let begun = Instant::now();
    let told = Tracing::of_command(gospect, program, path, args, scratch)?.ended()?;
    let (times, same) = ([alone, begun.elapsed()], result(program, scratch)? == untraced);
    let watching = Watching::of(gospect, ["--target", &path.display().to_string()], scratch)?;
    let right = made(program, path, scratch)? == untraced;
    let watched = Watched { lives: watching.stop()?, right };
    Ok(Row { program, work: Work::Made { times, same }, told, watched })
}

/// What it makes when nobody starts it but us.
fn made(program: &Program, path: &Path, scratch: &Path) -> Result<Vec<u8>, String> {
    let Kind::Command { prepare, args, .. } = &program.kind else { return Err("it makes nothing".to_owned()) };
    let said = |e: std::io::Error| format!("{}: {e}", program.name);
    prepare(scratch).map_err(said)?;
    let file = std::fs::File::create(scratch.join(programs::OUTPUT)).map_err(said)?;
    let mut command = Command::new(path);
    command.args(*args).current_dir(scratch).envs(programs::go_env()?).stdout(file);
    match command.status().map_err(said)?.success() {
        true => result(program, scratch),
        false => Err(format!("{} fails by itself", program.name)),
    }
}

/// What it has made, which is not left there.
fn result(program: &Program, scratch: &Path) -> Result<Vec<u8>, String> {
    let Kind::Command { made, .. } = &program.kind else { return Err("it makes nothing".to_owned()) };
    let file = scratch.join(made);
    let result = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()));
    let _ = std::fs::remove_file(file);
    result
}

/// Where a fixture or another program of ours stands.
fn fixture(name: &'static str, variant: gospect_fixtures::Variant) -> Result<PathBuf, String> {
    let arch = gospect_fixtures::Arch::native().ok_or("no Go fixtures for this machine")?;
    let fixture = gospect_fixtures::Fixture::new(name, "1.26", variant).on(arch);
    gospect_fixtures::build(&fixture).map_err(|missing| missing.why)
}
