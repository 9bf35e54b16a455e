//! The machine that a run happens on: its processes, its clocks, its engines, and the files that hold programs.
//!
//! The run loop asks for all of these here, so that tests can run it on a made-up machine: an engine without a kernel, processes
//! that come and go on command, and a clock that moves only when the loop sleeps.

mod linux;

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

use engine::{Engine, Error, Pid};
use kernel::proc::{Mapping, Stat, Status};
use kernel::signal::Order;
use kernel::{FileId, Login};

use crate::executable::{Executable, Stamp};
use crate::refusal::Refusal;
use crate::target::Target;

/// The processes of a machine.
pub(crate) trait Host {
    /// All processes.
    fn pids(&self) -> Vec<Pid>;
    /// One process.
    fn process(&self, pid: Pid) -> io::Result<Box<dyn Process>>;
    /// Starts a command, as another user if one is given, and holds it before its first instruction.
    fn hold(&self, command: Command, user: Option<Login>) -> io::Result<Box<dyn HeldCommand>>;
    /// The signal, if any, by which gospect was asked to end.
    fn order(&self) -> Option<Order>;
    /// The kernel's function at an address.
    fn kernel_function(&self, address: u64) -> Option<String>;

    /// When a process was started, unless it has ended.
    fn started(&self, pid: Pid) -> Option<u64> {
        let stat = self.process(pid).ok()?.stat().ok()?;
        (!stat.has_ended()).then_some(stat.start_ticks)
    }
}

/// One process. Everything is answered by that very process, even if another one has got its number since.
pub(crate) trait Process {
    /// The file that it executes.
    fn executable(&self) -> io::Result<FileId>;
    /// The path of that file, as the process would name it.
    fn executable_path(&self) -> io::Result<PathBuf>;
    /// The file that it executes, with its time and size; cheaper than [`Process::executable`].
    fn executable_stamp(&self) -> io::Result<Stamp>;
    /// Its state.
    fn stat(&self) -> io::Result<Stat>;
    /// Its users and numbers.
    fn status(&self) -> io::Result<Status>;
    /// The control groups that it is in, as `/proc` lists them.
    fn cgroups(&self) -> io::Result<String>;
    /// The address at which its program began.
    fn entry_point(&self) -> io::Result<u64>;
    /// Where the code of a file is mapped.
    fn code_of(&self, file: FileId) -> io::Result<Option<Mapping>>;
    /// Its memory.
    fn memory(&self) -> io::Result<Box<dyn Memory>>;
    /// Its threads: their numbers here, and in their own pid namespace.
    fn threads(&self) -> io::Result<Vec<(Pid, Pid)>>;
}

/// The memory of a process.
pub(crate) trait Memory {
    /// Fills all of `bytes` from an address.
    fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Reads a word.
    fn word(&self, address: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// A command whose process exists and whose program has not begun. Dropped, it never begins.
pub(crate) trait HeldCommand {
    /// Its process.
    fn pid(&self) -> Pid;
    /// Lets the program begin.
    fn release(self: Box<Self>) -> io::Result<Box<dyn RunningCommand>>;
}

/// A command that runs.
pub(crate) trait RunningCommand {
    /// How it ended, if it has.
    fn exit_status(&mut self) -> io::Result<Option<ExitStatus>>;
    /// Asks it to end.
    fn terminate(&mut self);
    /// Ends it.
    fn kill(&mut self) -> io::Result<ExitStatus>;
}

/// The clocks of a machine.
pub(crate) trait Clock {
    /// Nanoseconds since boot, by which records are stamped.
    fn since_boot(&self) -> u64;
    /// Nanoseconds since 1970.
    fn unix(&self) -> u64;
    /// The difference between nanoseconds since 1970 and nanoseconds since boot.
    fn unix_less_boot(&self) -> i64;
    /// CPU time of this thread.
    fn spent_here(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration);

    /// Time that has passed, suspension left out: what the run measures durations by.
    fn now(&self) -> Duration;
}

/// An engine, by the name that users choose it by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineName {
    /// Uprobes.
    #[default]
    Kernel,
}

impl EngineName {
    /// All of them.
    pub const ALL: [EngineName; 1] = [EngineName::Kernel];
    /// Their names.
    pub const NAMES: [&str; 1] = ["kernel"];

    /// The engine of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<EngineName> {
        EngineName::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EngineName::Kernel => EngineName::NAMES[0],
        }
    }
}

/// Which engine attaches probes, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineChoice {
    /// The engine.
    pub name: EngineName,
    /// The kernel engine attaches by events in tracefs even where the kernel has links.
    pub by_tracefs: bool,
}

/// Opens an engine.
type OpenEngine = dyn Fn(EngineChoice) -> Result<Box<dyn Engine>, Error>;
/// Opens a program's file.
type OpenFile = dyn Fn(&Target) -> Result<Executable, Refusal>;

/// A machine.
#[derive(Clone)]
pub(crate) struct Machine {
    pub host: Rc<dyn Host>,
    pub clock: Rc<dyn Clock>,
    open_engine: Rc<OpenEngine>,
    open_file: Rc<OpenFile>,
}

impl Machine {
    /// The machine that gospect runs on.
    pub fn this() -> Machine {
        linux::machine()
    }

    /// The same with other executables.
    pub fn with_files(self, open: impl Fn(&Target) -> Result<Executable, Refusal> + 'static) -> Machine {
        Machine { open_file: Rc::new(open), ..self }
    }

    /// Opens an engine.
    pub fn engine(&self, choice: EngineChoice) -> Result<Box<dyn Engine>, Error> {
        (self.open_engine)(choice)
    }

    /// Opens the file of a target.
    pub fn open(&self, target: &Target) -> Result<Executable, Refusal> {
        (self.open_file)(target)
    }

    /// A machine made of other parts.
    #[cfg(test)]
    pub fn made_of(
        host: Rc<dyn Host>,
        clock: Rc<dyn Clock>,
        open_engine: impl Fn(EngineChoice) -> Result<Box<dyn Engine>, Error> + 'static,
    ) -> Machine {
        Machine { host, clock, open_engine: Rc::new(open_engine), ..Machine::this() }
    }
}
