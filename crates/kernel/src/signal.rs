//! Signals that ask gospect to end: kept in mind, so that whoever runs probes can take them out in order.
//!
//! A second one of them ends gospect at once: the kernel takes the probes out then.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Pid;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, `SIGTERM` and `SIGHUP` only make [`asked_to_end`] true, each once.
pub fn wait_for_orders() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: a zeroed sigaction is a valid one (an empty mask), and is filled in with a function of the signature
        // that handlers without SA_SIGINFO have.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Whether one of those signals came.
#[must_use]
pub fn asked_to_end() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Does nothing that a signal handler may not do.
extern "C" fn on_signal(_: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// Asks a process to end.
///
/// # Errors
/// The kernel's: it is gone, or somebody else's.
pub fn terminate(pid: Pid) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid.0).map_err(io::Error::other)?;
    // SAFETY: kill(2) touches no memory of ours.
    match unsafe { libc::kill(pid, libc::SIGTERM) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
