//! What the machine and this process's surroundings say about themselves, as far as it decides whether probes work: a
//! few lines of `/proc` and `/sys`. Nothing is tried here; that is the [`engine`](crate::engine)'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::privilege::Privileges;

/// How much there may be of something; nothing for without limit.
pub type Limit = Option<u64>;

/// Everything that was read; nothing where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Linux's release, as `uname -r` says it.
    pub release: String,
    /// What processes may do that are like this one.
    pub privileges: Option<Privileges>,
    /// `Seccomp` of `/proc/self/status`: 0 is none, 2 a filter, as containers have.
    pub seccomp: Option<u32>,
    /// The lockdown in force: `none`, `integrity` or `confidentiality`.
    pub lockdown: Option<String>,
    /// `RLIMIT_MEMLOCK`: how much memory may be locked, in bytes.
    pub memlock: Option<Limit>,
    /// `RLIMIT_NOFILE`: how many files may be open.
    pub files: Option<Limit>,
    /// `kernel.perf_event_paranoid`.
    pub paranoid: Option<i32>,
    /// `kernel.yama.ptrace_scope`: from 1 on a process's memory is closed to others of the same user.
    pub ptrace_scope: Option<i32>,
    /// Why tracefs cannot be read, if it cannot.
    pub tracefs: Option<String>,
}

impl Machine {
    /// Reads them all.
    #[must_use]
    pub fn read() -> Machine {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Machine {
            release: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            privileges: Privileges::own().ok(),
            seccomp: field(&status, "Seccomp:").and_then(|n| n.parse().ok()),
            lockdown: fs::read_to_string("/sys/kernel/security/lockdown").ok().as_deref().and_then(chosen),
            memlock: limit(&limits, "Max locked memory"),
            files: limit(&limits, "Max open files"),
            paranoid: number("/proc/sys/kernel/perf_event_paranoid"),
            ptrace_scope: number("/proc/sys/kernel/yama/ptrace_scope"),
            tracefs: tracefs().err().map(|error| error.to_string()),
        }
    }
}

/// Where tracefs may be mounted.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The list of tracepoints, if it may be read. The error is that of the first place where there is any.
fn tracefs() -> io::Result<PathBuf> {
    let tried = TRACEFS.map(|path| {
        let events = Path::new(path).join("events");
        fs::read_dir(&events).map(|_| events)
    });
    let [first, second] = tried;
    first.or_else(|error| second.map_err(|_| error))
}

fn field<'t>(status: &'t str, name: &str) -> Option<&'t str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The word in brackets: `none [integrity] confidentiality`.
fn chosen(text: &str) -> Option<String> {
    let (_, behind) = text.split_once('[')?;
    behind.split_once(']').map(|(word, _)| word.to_owned())
}

/// `Max locked memory         8388608              8388608              bytes`
fn limit(limits: &str, name: &str) -> Option<Limit> {
    let soft = field(limits, name)?.split_ascii_whitespace().next()?;
    if soft == "unlimited" { Some(None) } else { soft.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lockdown_in_force_stands_in_brackets() {
        assert_eq!(chosen("none [integrity] confidentiality\n").as_deref(), Some("integrity"));
        assert_eq!(chosen("nonsense"), None);
    }

    #[test]
    fn limits_are_numbers_or_none() {
        let line =
            |soft: &str| format!("Limit  Soft  Hard\nMax locked memory         {soft}              max  bytes\n");
        let locked = |limits: &str| limit(limits, "Max locked memory");
        assert_eq!(locked(&line("8388608")), Some(Some(8_388_608)));
        assert_eq!(locked(&line("unlimited")), Some(None));
        assert_eq!(locked("nothing of the kind"), None);
    }

    #[test]
    fn this_machine_can_be_read() {
        let machine = Machine::read();
        assert!(machine.release.starts_with(|c: char| c.is_ascii_digit()), "{machine:?}");
        assert!(machine.privileges.is_some() && machine.memlock.is_some() && machine.files.is_some(), "{machine:?}");
    }
}
