//! The service of `gospect demo`: built with the user's Go, started with load on it, and gone when gospect is.
//!
//! Its sources are part of gospect (`build`). Two processes run it: the service, and a client that asks it for
//! something a hundred times a second. Both end when their standard input does, which gospect holds, and are killed
//! when gospect dies. Under sudo all of it belongs to whoever called sudo: what is built, what is kept, what runs.

mod build;

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kernel::{Login, Pid, child, signal};

use crate::invoker;
use crate::machine::{EngineChoice, Machine};
use crate::refusal::Refusal;

/// How often is looked whether something has ended.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a process has to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How to reach the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// Its PID.
    pub pid: u32,
    /// Its address.
    pub url: String,
    /// Its web framework: `gin`, or `net/http` alone.
    pub framework: &'static str,
    /// The Go that built it.
    pub go: String,
    /// Its executable.
    pub path: String,
}

/// The service and its client. Dropped, both end.
#[derive(Debug)]
pub struct Service {
    service: Running,
    client: Running,
    demo: Demo,
}

/// Whether gospect may do at all what the demo is to show.
///
/// # Errors
/// Why not.
pub fn may_probe() -> Result<(), Refusal> {
    Machine::this().engine(EngineChoice::default()).map(drop).map_err(|error| Refusal::from(&error))
}

impl Service {
    /// Builds it, unless that was done before, and starts it. What takes time is told. Nothing if Ctrl-C came first.
    ///
    /// # Errors
    /// There is no Go, or it refuses to build, or the system does.
    pub fn start(tell: &mut dyn FnMut(&str)) -> Result<Option<Service>, Refusal> {
        let user = user()?;
        let Some(built) = build::built(user.as_ref(), tell)? else { return Ok(None) };
        let unstarted =
            |error: io::Error| Refusal::refused(format!("{} cannot be started: {error}", built.path.display()));
        let mut service =
            Running::start(Command::new(&built.path).stdout(Stdio::piped()), user.as_ref()).map_err(unstarted)?;
        let url = service.line().map_err(unstarted)?;
        let mut client = Command::new(&built.path);
        let client =
            Running::start(client.arg("load").arg(&url).stdout(Stdio::null()), user.as_ref()).map_err(unstarted)?;
        let (pid, path) = (service.0.id(), built.path.display().to_string());
        let demo = Demo { pid, url, framework: built.framework, go: built.go, path };
        Ok(Some(Service { service, client, demo }))
    }

    /// What there is to know of it.
    #[must_use]
    pub fn demo(&self) -> &Demo {
        &self.demo
    }

    /// Waits until Ctrl-C.
    ///
    /// # Errors
    /// It ended by itself.
    pub fn wait(&mut self) -> Result<(), Refusal> {
        while signal::asked_to_end().is_none() {
            for (name, running) in [("service", &mut self.service), ("client", &mut self.client)] {
                if let Ok(Some(status)) = running.0.try_wait() {
                    return Err(Refusal::refused(format!("the demo's {name} has ended by itself: {status}")));
                }
            }
            sleep(GLANCE);
        }
        Ok(())
    }
}

/// Runs a command that ends with us, until it has ended. Nothing if Ctrl-C came meanwhile: then it was asked to end, too.
///
/// # Errors
/// It cannot be started, or is lost.
pub fn follow(command: &mut Command) -> io::Result<Option<ExitStatus>> {
    await_end(&mut child::spawn(command, None)?)
}

fn await_end(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    while signal::asked_to_end().is_none() {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        sleep(GLANCE);
    }
    end(child);
    Ok(None)
}

/// Asks a process to end, and ends it if it does not.
fn end(child: &mut Child) {
    // Where the terminal has told it already it takes this for the same.
    let _ = signal::terminate(Pid(child.id()));
    let deadline = Instant::now() + PATIENCE;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        sleep(GLANCE);
    }
}

/// Whose all this is to be, if that is somebody else than we are.
fn user() -> Result<Option<Login>, Refusal> {
    invoker::of_command(false).map_err(|why| Refusal::refused(format!("the demo cannot be started: {why}")))
}

/// A process that runs until its standard input is closed.
#[derive(Debug)]
struct Running(Child);

impl Running {
    fn start(command: &mut Command, user: Option<&Login>) -> io::Result<Running> {
        user.into_iter().for_each(|user| invoker::introduce(command, user));
        // Ctrl-C is for us, who end it in order.
        child::spawn(command.stdin(Stdio::piped()).process_group(0), user.cloned()).map(Running)
    }

    /// The line that it prints.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if let Some(stdout) = self.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line.trim_end().to_owned()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        end(&mut self.0);
    }
}
