//! The life of what is watched: a process that may end, or a command that gospect starts.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use event::run::Cause;
use kernel::engine::{Held, command};
use kernel::{Pid, Process, signal};

use super::super::{Script, Stopped, world};
use crate::invoker;
use crate::refusal::Refusal;
use crate::subject::Subject;
use crate::target::no_such_process;

/// How long a command has to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the run ends with.
pub(in crate::run) struct Life {
    name: String,
    /// Whom the command is run as, if that is not who we are.
    user: Option<String>,
    /// The processes that were named, as far as they live.
    processes: Vec<Process>,
    /// What is worth knowing of it, in sentences.
    notes: Vec<String>,
    held: Option<Held>,
    /// The command that runs.
    child: Option<Child>,
    exit: Option<ExitStatus>,
}

/// A file that was found here is not looked for in PATH.
fn started_as(found: PathBuf) -> PathBuf {
    let here = found.parent() == Some(Path::new("")) && found.is_file();
    if here { Path::new(".").join(found) } else { found }
}

impl Life {
    /// Takes hold of the process, or makes one for the command that does not begin yet.
    pub fn begin(script: &Script) -> Result<Life, Stopped> {
        let mut life = Life {
            name: String::new(),
            user: None,
            processes: Vec::new(),
            notes: Vec::new(),
            held: None,
            child: None,
            exit: None,
        };
        if let Some(Subject::Processes(pids)) = &script.subject {
            let open = |pid: &Pid| Process::open(*pid).map_err(|_| no_such_process(*pid));
            life.processes = pids.iter().map(open).collect::<Result<_, _>>()?;
            life.name = pids.iter().map(|pid| format!("PID {pid}")).collect::<Vec<_>>().join(" and ");
        }
        if let Some((program, args)) = script.command.split_first() {
            life.name = program.display().to_string();
            let mut command = Command::new(started_as(world::located(&life.name)));
            command.args(args);
            let user = invoker::of_command(script.as_root).map_err(|e| life.unstarted(&e))?;
            life.user = user.as_ref().map(|user| user.name.clone());
            life.notes.extend(user.as_ref().map(|user| life.changes_hands(&user.name)));
            user.iter().for_each(|user| invoker::introduce(&mut command, user));
            life.held = Some(command::hold(command, user).map_err(|e| life.unstarted(&e))?);
        }
        Ok(life)
    }

    fn unstarted(&self, error: &io::Error) -> Refusal {
        match &self.user {
            Some(user) => Refusal::refused(format!("{} cannot be started as {user}: {error}", self.name))
                .hint("it is run as the user who called sudo; `--as-root` runs it as root"),
            None => Refusal::refused(format!("{} cannot be started: {error}", self.name)),
        }
    }

    fn changes_hands(&self, user: &str) -> String {
        format!("{} is run as {user}, who called sudo; `--as-root` runs it as root", self.name)
    }

    /// What is worth knowing of it and was not told yet, in sentences.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The process of a command that has not begun.
    pub fn held(&self) -> Option<Pid> {
        self.held.as_ref().map(Held::pid)
    }

    /// Lets the command begin.
    pub fn start(&mut self) -> Result<(), Stopped> {
        if let Some(held) = self.held.take() {
            self.child = Some(held.release().map_err(|e| self.unstarted(&e))?);
        }
        Ok(())
    }

    /// Whether the command or the process has ended.
    pub fn is_over(&mut self) -> Result<Option<Cause>, Stopped> {
        if let Some(child) = &mut self.child {
            self.exit = child.try_wait()?;
        }
        let gone = self.all_are_gone().then_some(Cause::Process);
        Ok(self.exit.map(|_| Cause::Command).or(gone))
    }

    /// Whether processes were named and have all ended. Of the others it is noted which have.
    fn all_are_gone(&mut self) -> bool {
        if self.processes.is_empty() || !self.processes.iter().any(is_gone) {
            return false;
        }
        if self.processes.iter().all(is_gone) {
            return true;
        }
        for gone in self.processes.extract_if(.., |process| is_gone(process)) {
            self.notes.push(format!("PID {} has ended", gone.pid));
        }
        false
    }

    /// The better reason for an error, if the process went away meanwhile.
    pub fn explain(&self, error: Stopped) -> Stopped {
        match !self.processes.is_empty() && self.processes.iter().all(is_gone) {
            true => Refusal::refused(format!("{} ended before the probes were in place", self.name)).into(),
            false => error,
        }
    }

    /// Ends the command if it still runs. Its exit status; 128 and the signal if one ended it.
    pub fn end(&mut self) -> Result<Option<i32>, Stopped> {
        let Some(child) = &mut self.child else { return Ok(None) };
        if self.exit.is_none() {
            self.exit = Some(stop(child)?);
        }
        Ok(self.exit.and_then(|exit| exit.code().or_else(|| exit.signal().map(|signal| 128 + signal))))
    }
}

fn is_gone(process: &Process) -> bool {
    process.stat().map_or(true, |stat| stat.has_ended())
}

fn stop(child: &mut Child) -> io::Result<ExitStatus> {
    // If it is gone already, waiting for it is all that is left to do.
    let _ = signal::terminate(Pid(child.id()));
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()
}

impl Drop for Life {
    /// A run that failed leaves no command behind.
    fn drop(&mut self) {
        if let (Some(child), None) = (&mut self.child, self.exit) {
            // Nobody is left to tell.
            let _ = stop(child);
        }
    }
}
