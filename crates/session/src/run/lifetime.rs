//! The processes or the command that a run lasts as long as.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

use engine::Pid;
use event::run::Cause;

use super::script::{Script, Stopped};
use crate::executable::located;
use crate::invoker;
use crate::machine::{Clock, HeldCommand, Machine, Process, RunningCommand};
use crate::refusal::Refusal;
use crate::subject::Subject;
use crate::target::no_such_process;

/// How long a command has to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// What a run ends with: named processes, or a command that gospect starts. Dropping it ends the command.
pub(super) struct Lifetime {
    name: String,
    /// Whom the command is run as, if that is not who we are.
    user: Option<String>,
    /// The processes that were named, as far as they live.
    processes: Vec<(Pid, Box<dyn Process>)>,
    /// Sentences to print.
    notes: Vec<String>,
    held: Option<Box<dyn HeldCommand>>,
    command: Option<Box<dyn RunningCommand>>,
    exit: Option<ExitStatus>,
    clock: Rc<dyn Clock>,
}

/// A file that was found here is not looked for in PATH.
fn started_as(found: PathBuf) -> PathBuf {
    let here = found.parent() == Some(Path::new("")) && found.is_file();
    if here { Path::new(".").join(found) } else { found }
}

impl Lifetime {
    /// Takes hold of the process, or makes one for the command that does not begin yet.
    pub fn begin(script: &Script, machine: &Machine) -> Result<Lifetime, Stopped> {
        let mut life = Lifetime {
            name: String::new(),
            user: None,
            processes: Vec::new(),
            notes: Vec::new(),
            held: None,
            command: None,
            exit: None,
            clock: machine.clock.clone(),
        };
        if let Some(Subject::Processes(pids)) = &script.subject {
            let open = |&pid: &Pid| Ok((pid, machine.host.process(pid).map_err(|_| no_such_process(pid))?));
            life.processes = pids.iter().map(open).collect::<Result<_, Refusal>>()?;
            life.name = pids.iter().map(|pid| format!("PID {pid}")).collect::<Vec<_>>().join(" and ");
        }
        if let Some((program, args)) = script.command.split_first() {
            life.name = program.display().to_string();
            let mut command = Command::new(started_as(located(&life.name)));
            command.args(args);
            let user = invoker::of_command(script.as_root).map_err(|e| life.unstarted(&e))?;
            life.user = user.as_ref().map(|user| user.name.clone());
            life.notes.extend(user.as_ref().map(|user| life.changes_hands(&user.name)));
            user.iter().for_each(|user| invoker::introduce(&mut command, user));
            life.held = Some(machine.host.hold(command, user).map_err(|e| life.unstarted(&e))?);
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

    /// Sentences to print, each once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The process of a command that has not begun.
    pub fn held(&self) -> Option<Pid> {
        self.held.as_ref().map(|held| held.pid())
    }

    /// Lets the command begin.
    pub fn start(&mut self) -> Result<(), Stopped> {
        if let Some(held) = self.held.take() {
            self.command = Some(held.release().map_err(|e| self.unstarted(&e))?);
        }
        Ok(())
    }

    /// Whether the command or the process has ended.
    pub fn is_over(&mut self) -> Result<Option<Cause>, Stopped> {
        if let Some(command) = &mut self.command {
            self.exit = command.exit_status()?;
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
            self.notes.push(format!("PID {} has ended", gone.0));
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
        let Some(command) = &mut self.command else { return Ok(None) };
        if self.exit.is_none() {
            self.exit = Some(stop(command.as_mut(), self.clock.as_ref())?);
        }
        Ok(self.exit.and_then(|exit| exit.code().or_else(|| exit.signal().map(|signal| 128 + signal))))
    }
}

fn is_gone((_, process): &(Pid, Box<dyn Process>)) -> bool {
    process.stat().map_or(true, |stat| stat.has_ended())
}

fn stop(command: &mut dyn RunningCommand, clock: &dyn Clock) -> io::Result<ExitStatus> {
    command.terminate();
    let start = clock.now();
    while clock.now() - start < GRACE {
        if let Some(status) = command.exit_status()? {
            return Ok(status);
        }
        clock.sleep(Duration::from_millis(1));
    }
    command.kill()
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        if let (Some(command), None) = (&mut self.command, self.exit) {
            // An error could not be reported any more.
            let _ = stop(command.as_mut(), self.clock.as_ref());
        }
    }
}
