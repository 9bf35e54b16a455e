//! What the user points at: a program's file or a running process.
//!
//! A process's program is opened through `/proc/PID/exe`, which is the file that runs even when its path leads
//! elsewhere: in a container, or after a new build took its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gobin::{Image, VAddr};
use kernel::privilege::Privileges;
use kernel::proc::{Exe, Stat};
use kernel::{FileId, Pid, Process};

use crate::refusal::Refusal;
use crate::{library, privilege};

/// The hint where a process is none that gospect can look at.
pub(crate) const RUNNING: &str = "`gospect ps` shows the Go processes that are running";

/// What a command is to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A file.
    Path(PathBuf),
    /// A process.
    Pid(Pid),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Path(path) => path.display().fmt(f),
            Target::Pid(pid) => write!(f, "PID {pid}"),
        }
    }
}

/// A target that was opened.
pub struct Program {
    /// How to call it in a sentence: its path, or `PID 42 (/usr/bin/app)`, with what became of that file.
    pub name: String,
    /// The path of its file; of a process as itself would name it.
    pub path: PathBuf,
    /// Which file that is, whatever it is called.
    pub file: FileId,
    /// What its file says.
    pub image: Image,
    /// The process, if the target is one.
    process: Option<Process>,
}

impl Target {
    /// The path, if it is named by one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Target::Path(path) => Some(path),
            Target::Pid(_) => None,
        }
    }

    /// Opens and reads it.
    ///
    /// # Errors
    /// A [`Refusal`] for everything that can be wrong with a file or a process.
    pub fn open(&self) -> Result<Program, Refusal> {
        match self {
            Target::Path(path) => open_path(path),
            Target::Pid(pid) => open_pid(*pid),
        }
    }
}

impl Program {
    /// The process, if the target is one.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().map(|p| p.pid)
    }

    /// The process itself.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// How far the process has the program from where its file counts addresses: where the kernel put the entry point,
    /// less where the file has it. `None` where the target is a file.
    #[must_use]
    pub fn bias(&self) -> Option<Result<u64, Refusal>> {
        let entry = self.process.as_ref()?.entry_point();
        let bias = entry.map(|entry| entry.wrapping_sub(self.image.elf().entry.0));
        Some(bias.map_err(|e| refused_memory(&self.name, &e)))
    }

    /// Fills `bytes` with what the process has in memory for the address `at` of its file; `None` where the target is
    /// a file.
    #[must_use]
    pub fn live(&self, at: VAddr, bytes: &mut [u8]) -> Option<Result<(), Refusal>> {
        let (process, bias) = (self.process.as_ref()?, self.bias()?);
        Some(bias.and_then(|bias| {
            let read = process.memory().and_then(|memory| memory.read(at.plus(bias).0, bytes));
            read.map_err(|e| refused_memory(&self.name, &e))
        }))
    }
}

fn open_path(path: &Path) -> Result<Program, Refusal> {
    let name = path.display().to_string();
    let file = kernel::map_file(path).map_err(|e| refused_path(path, &e))?;
    let id = file.id();
    let image = Image::parse(file).map_err(|e| unreadable(&name, &e))?;
    Ok(Program { name, path: path.to_owned(), file: id, image, process: None })
}

fn open_pid(pid: Pid) -> Result<Program, Refusal> {
    let process = Process::open(pid).map_err(|_| no_such_process(pid))?;
    if let Ok(tgid) = process.status().map(|s| s.tgid)
        && tgid != pid
    {
        return Err(Refusal::refused(format!("PID {pid} is a thread, not a process"))
            .hint(format!("it belongs to the process with PID {tgid}")));
    }
    let exe = process.exe_path().map_err(|e| refused_exe(&process, &e))?;
    let name = format!("PID {pid} ({}{})", exe.path.display(), since(&exe));
    let path = exe.path;
    let file = process.exe().and_then(|f| kernel::map(&f));
    let file = file.map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => closed(&format!("the program of {name} may not be read"), &e),
        _ => Refusal::refused(format!("the program of {name} cannot be read: {e}")),
    })?;
    let id = file.id();
    let image = Image::parse(file).map_err(|error| {
        let library = if error == gobin::Error::NotGo { library::of_go(&process) } else { None };
        let hint = library.map_or_else(|| RUNNING.to_owned(), |path| library::hint(&path));
        unreadable(&name, &error).hint(hint)
    })?;
    Ok(Program { name, path, file: id, image, process: Some(process) })
}

/// What stands behind the path of a program that it no longer leads to.
fn since(exe: &Exe) -> &'static str {
    match exe {
        Exe { replaced: true, .. } => ", replaced since it was started",
        Exe { deleted: true, .. } => ", deleted since it was started",
        _ => "",
    }
}

fn unreadable(name: &str, error: &gobin::Error) -> Refusal {
    let refusal = Refusal::refused(format!("{name} cannot be read: {error}"));
    match error {
        gobin::Error::NotElf { what: "a script" } => refusal.hint("name the program that it starts"),
        _ => refusal,
    }
}

fn refused_path(path: &Path, error: &io::Error) -> Refusal {
    let refusal = Refusal::refused(format!("{} cannot be opened: {error}", path.display()));
    let number = path.to_str().filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    match (error.kind(), number) {
        (io::ErrorKind::NotFound, Some(pid)) => refusal.hint(format!("if it is a process, write `-p {pid}`")),
        (io::ErrorKind::IsADirectory, _) => refusal.hint("name the program's file in it"),
        _ => refusal,
    }
}

/// What to say of a number that no process has.
pub(crate) fn no_such_process(pid: Pid) -> Refusal {
    Refusal::refused(format!("there is no process with PID {pid}")).hint(RUNNING)
}

/// Why `/proc/PID/exe` leads nowhere.
fn refused_exe(process: &Process, error: &io::Error) -> Refusal {
    let pid = process.pid;
    match process.stat() {
        Err(_) => no_such_process(pid),
        Ok(Stat { kernel_thread: true, .. }) => {
            Refusal::refused(format!("PID {pid} is a kernel thread, it has no program file"))
        }
        Ok(stat) if stat.has_ended() => Refusal::refused(format!(
            "PID {pid} has ended and waits for its parent to notice (zombie), it has no program file any more"
        )),
        Ok(_) if error.kind() == io::ErrorKind::PermissionDenied => {
            closed(&format!("the program of PID {pid} may not be opened"), error)
        }
        // It is about to end, and has let go of its memory already.
        Ok(_) if error.kind() == io::ErrorKind::NotFound => ended(&format!("PID {pid}")),
        Ok(_) => Refusal::refused(format!("the program of PID {pid} cannot be opened: {error}")),
    }
}

/// What to say of a process that has gone while it was looked at.
pub(crate) fn ended(name: &str) -> Refusal {
    Refusal::refused(format!("{name} ended while it was looked at")).hint(RUNNING)
}

/// Why its memory cannot be read.
pub(crate) fn refused_memory(name: &str, error: &io::Error) -> Refusal {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Refusal::refused(format!("the memory of {name} cannot be read: {error}"));
    }
    closed(&format!("the memory of {name} may not be read"), error)
}

/// What gospect lacks to look at the process, and how to get it. A process of the same user is open without it.
fn closed(what: &str, error: &io::Error) -> Refusal {
    let obstacle = privilege::to_look(Privileges::own().unwrap_or(Privileges::NONE));
    let fix = format!("{}; a user's own processes need nothing", obstacle.fix);
    obstacle.refuse(what, error).hint(fix)
}

#[cfg(test)]
mod tests;
