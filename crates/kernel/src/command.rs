//! A command that has been started and has not yet begun: its process exists, its program is not loaded. Probes that are
//! attached now are in place before its first instruction.
//!
//! No ptrace: between fork and exec the child waits for a byte from us. Where we die it gets the end of the pipe
//! instead, and ends without a word.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use crate::child::become_before_exec;
use crate::login::Login;
use ::engine::Pid;

/// A process that waits for being let go. Dropped, it ends without having run the command.
#[derive(Debug)]
pub struct Held {
    pid: Pid,
    /// Nothing once it was opened or shut.
    gate: Option<PipeWriter>,
    /// `spawn` comes back only when the child has executed the command, so it waits in a thread of its own. Nothing
    /// once that was waited for.
    spawning: Option<JoinHandle<io::Result<Child>>>,
}

/// Starts a command and holds it before its first instruction. Once it is let go it becomes `user`, if that is somebody
/// else than we are.
///
/// # Errors
/// When no process can be made. That the command cannot be executed, or not by that user, shows in [`Held::release`].
pub fn hold(mut command: Command, user: Option<Login>) -> io::Result<Held> {
    let (gate_reader, gate) = io::pipe()?;
    let (mut pid_reader, pid_writer) = io::pipe()?;
    wait_before_exec(&mut command, &gate, gate_reader, pid_writer);
    if let Some(user) = user {
        become_before_exec(&mut command, user);
    }
    let spawning = std::thread::Builder::new().name("spawn".to_owned()).spawn(move || command.spawn())?;
    let mut pid = [0; 4];
    // The writing end goes with the command, so that this does not wait for a fork that failed.
    match pid_reader.read_exact(&mut pid) {
        Ok(()) => Ok(Held { pid: Pid(u32::from_ne_bytes(pid)), gate: Some(gate), spawning: Some(spawning) }),
        Err(error) => Err(joined(spawning).err().unwrap_or(error)),
    }
}

impl Held {
    /// Its number; the command will have the same.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Lets it run.
    ///
    /// # Errors
    /// When the command cannot be executed.
    pub fn release(mut self) -> io::Result<Child> {
        let gone = self.gate.take().map_or(Ok(()), |mut gate| gate.write_all(&[1]));
        self.spawned().map_err(|error| gone.err().unwrap_or(error))
    }

    fn spawned(&mut self) -> io::Result<Child> {
        self.spawning.take().map_or_else(|| Err(io::ErrorKind::NotFound.into()), joined)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Shut, so that the child ends; and it is waited for, so that nothing of it is left.
        if self.gate.take().is_some() {
            let _ = self.spawned().and_then(|mut child| child.wait());
        }
    }
}

fn joined(spawning: JoinHandle<io::Result<Child>>) -> io::Result<Child> {
    spawning.join().unwrap_or_else(|_| Err(io::Error::other("the thread that spawns has panicked")))
}

#[allow(unsafe_code, reason = "pre_exec runs between fork and exec")]
fn wait_before_exec(command: &mut Command, gate: &PipeWriter, reader: PipeReader, pid: PipeWriter) {
    let gate = gate.as_raw_fd();
    let wait = move || {
        // The child has a copy of our end of the gate, and would keep it from ever being at its end.
        // SAFETY: only closes the copy of a descriptor that nothing in the child uses.
        unsafe { libc::close(gate) };
        (&pid).write_all(&std::process::id().to_ne_bytes())?;
        if (&reader).read_exact(&mut [0]).is_err() {
            // An error would be told to a parent that may be gone, and std aborts with a message if it is.
            // SAFETY: _exit(2) ends the process and returns to nobody.
            unsafe { libc::_exit(0) }
        }
        Ok(())
    };
    // SAFETY: what runs between fork and exec are close(2), getpid(2), write(2), read(2) and _exit(2): no memory is allocated and
    // no lock taken, also where they fail (the error of a read that ends early is a constant).
    unsafe { command.pre_exec(wait) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::Process;

    #[test]
    fn a_held_command_has_its_number_and_has_not_begun() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$"]).stdout(std::process::Stdio::piped());
        let held = hold(command, None).unwrap();
        let process = Process::open(held.pid()).unwrap();
        assert_eq!(process.exe_path().unwrap().path, std::env::current_exe().unwrap());
        let pid = held.pid();
        let output = held.release().unwrap().wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{pid}\n"));
    }

    #[test]
    fn a_command_that_is_not_released_never_runs_and_says_nothing() {
        let file = std::env::temp_dir().join(format!("gospect-held-{}", std::process::id()));
        let (mut said, stderr) = io::pipe().unwrap();
        let mut command = Command::new("touch");
        command.arg(&file).stderr(stderr);
        let held = hold(command, None).unwrap();
        let pid = held.pid();
        drop(held);
        assert!(!file.exists() && Process::open(pid).is_err());
        let mut text = String::new();
        said.read_to_string(&mut text).unwrap();
        assert_eq!(text, "");
    }

    #[test]
    fn a_command_that_does_not_exist_says_so_when_it_is_released() {
        let held = hold(Command::new("/nonexistent/command"), None).unwrap();
        assert_eq!(held.release().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
