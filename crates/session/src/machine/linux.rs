//! The machine that gospect runs on: `/proc`, the system's clocks, the kernel engine.

use std::cell::OnceCell;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

use engine::{Engine, Error, Pid};
use kernel::command::{self, Held};
use kernel::engine::{KernelEngine, Method};
use kernel::kallsyms::Symbols;
use kernel::proc::{Mapping, Stat, Status};
use kernel::signal::{self, Order};
use kernel::{FileId, Login, clock, proc};

use super::{Clock, EngineChoice, EngineName, HeldCommand, Host, Machine, Memory, Process, RunningCommand};
use crate::executable::{Executable, Stamp};

pub(super) fn machine() -> Machine {
    Machine {
        host: Rc::new(Linux::default()),
        clock: Rc::new(SystemClock),
        open_engine: Rc::new(open_engine),
        open_file: Rc::new(Executable::open),
    }
}

/// The one place that knows which engines there are.
fn open_engine(choice: EngineChoice) -> Result<Box<dyn Engine>, Error> {
    match choice.name {
        EngineName::Kernel => {
            let method = if choice.by_tracefs { Method::Tracefs } else { Method::Best };
            Ok(Box::new(KernelEngine::open(method)?))
        }
    }
}

/// Processes by `/proc`.
#[derive(Default)]
struct Linux {
    /// Read once they are asked for; nothing if the kernel hides them.
    symbols: OnceCell<Option<Symbols>>,
}

impl Host for Linux {
    fn pids(&self) -> Vec<Pid> {
        proc::pids().unwrap_or_default()
    }

    fn process(&self, pid: Pid) -> io::Result<Box<dyn Process>> {
        Ok(Box::new(kernel::Process::open(pid)?))
    }

    fn hold(&self, command: Command, user: Option<Login>) -> io::Result<Box<dyn HeldCommand>> {
        Ok(Box::new(command::hold(command, user)?))
    }

    fn order(&self) -> Option<Order> {
        signal::asked_to_end()
    }

    fn kernel_function(&self, address: u64) -> Option<String> {
        let symbols = self.symbols.get_or_init(|| Symbols::read().ok()).as_ref()?;
        symbols.at(address).map(|(name, _)| name.to_owned())
    }
}

impl Process for kernel::Process {
    fn executable(&self) -> io::Result<FileId> {
        self.exe_id()
    }

    fn executable_path(&self) -> io::Result<PathBuf> {
        Ok(self.exe_path()?.path)
    }

    fn executable_stamp(&self) -> io::Result<Stamp> {
        let file = self.exe_metadata()?;
        Ok((FileId::of(&file), file.modified()?, file.len()))
    }

    fn stat(&self) -> io::Result<Stat> {
        self.stat()
    }

    fn status(&self) -> io::Result<Status> {
        self.status()
    }

    fn cgroups(&self) -> io::Result<String> {
        self.cgroups()
    }

    fn entry_point(&self) -> io::Result<u64> {
        self.entry_point()
    }

    fn code_of(&self, file: FileId) -> io::Result<Option<Mapping>> {
        self.code_of(file)
    }

    fn memory(&self) -> io::Result<Box<dyn Memory>> {
        Ok(Box::new(self.memory()?))
    }

    fn threads(&self) -> io::Result<Vec<(Pid, Pid)>> {
        self.threads()
    }
}

impl Memory for kernel::Memory {
    fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read(address, bytes)
    }
}

impl HeldCommand for Held {
    fn pid(&self) -> Pid {
        self.pid()
    }

    fn release(self: Box<Self>) -> io::Result<Box<dyn RunningCommand>> {
        Ok(Box::new((*self).release()?))
    }
}

impl RunningCommand for Child {
    fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.try_wait()
    }

    fn terminate(&mut self) {
        // If it is gone already, waiting for it is all that is left to do.
        let _ = signal::terminate(Pid(self.id()));
    }

    fn kill(&mut self) -> io::Result<ExitStatus> {
        Child::kill(self)?;
        self.wait()
    }
}

/// The clocks of the system.
struct SystemClock;

impl Clock for SystemClock {
    fn since_boot(&self) -> u64 {
        clock::since_boot()
    }

    fn unix(&self) -> u64 {
        clock::unix()
    }

    fn unix_less_boot(&self) -> i64 {
        clock::unix_less_boot()
    }

    fn spent_here(&self) -> Duration {
        Duration::from_nanos(clock::spent_here())
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(clock::monotonic())
    }
}
