//! Signals that ask gospect to end: kept in mind, so that whoever runs probes can take them out in order.
//!
//! A second one of them ends gospect at once: the kernel takes the probes out then.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::Pid;

/// The first one that came; 0 is no signal.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// A signal that asks for the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Ctrl-C, `SIGINT`
    Interrupt,
    /// `SIGTERM`
    Terminate,
    /// The terminal went away, `SIGHUP`
    HangUp,
}

/// From now on Ctrl-C, `SIGTERM` and `SIGHUP` only show in [`asked_to_end`], each once.
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

/// Which of those signals came first, if one did.
#[must_use]
pub fn asked_to_end() -> Option<Order> {
    match ASKED.load(Ordering::Relaxed) {
        libc::SIGINT => Some(Order::Interrupt),
        libc::SIGTERM => Some(Order::Terminate),
        libc::SIGHUP => Some(Order::HangUp),
        _ => None,
    }
}

/// Does nothing that a signal handler may not do.
extern "C" fn on_signal(signal: libc::c_int) {
    let _ = ASKED.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
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
