//! Processes that end with gospect, however it ends: a signal comes to them when the thread dies that started them.
//!
//! The kernel forgets that signal where a program with rights of its own is executed; what must end all the same needs
//! another reason to, such as a pipe whose other end gospect has.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use crate::login::Login;

/// Starts a command that is killed when the thread that calls this ends. It becomes `user` first, if that is somebody
/// else than we are.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(command: &mut Command, user: Option<Login>) -> io::Result<Child> {
    if let Some(user) = user {
        become_before_exec(command, user);
    }
    // Last, since the kernel forgets it where a process becomes another user's.
    die_with_us(command);
    command.spawn()
}

pub(crate) fn become_before_exec(command: &mut Command, user: Login) {
    // SAFETY: what runs there are setgroups(2), setgid(2) and setuid(2) on numbers that are there already. Where there are
    // other threads the C library would tell them too; between fork and exec there is one.
    unsafe { command.pre_exec(move || user.assume()) };
}

fn die_with_us(command: &mut Command) {
    let us = std::process::id();
    let ask = move || {
        // SAFETY: prctl(2) takes numbers here, and getppid(2) takes nothing.
        let (asked, parent) = unsafe { (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL), libc::getppid()) };
        if asked != 0 {
            return Err(io::Error::last_os_error());
        }
        // We may have died before it was asked for, and somebody else may be its parent.
        if u32::try_from(parent).is_ok_and(|parent| parent == us) {
            return Ok(());
        }
        Err(io::ErrorKind::NotFound.into())
    };
    // SAFETY: what runs between fork and exec are prctl(2) and getppid(2); no memory is allocated and no lock taken.
    unsafe { command.pre_exec(ask) };
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_ends_with_the_thread_that_started_it() {
        let start = || spawn(Command::new("sleep").arg("60").stdin(Stdio::null()), None).unwrap();
        let mut child = std::thread::spawn(start).join().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    child.kill().unwrap();
                    panic!("it lives on");
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
    }
}
