//! Which of the kernel's rights this process has.

use std::fmt;
use std::io;

/// A right that gospect needs for something, by its number in `linux/capability.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Capability {
    /// Open any file whatever its permissions, to write as well.
    DacOverride = 1,
    /// Read any file: in `/proc` a process's memory belongs to its user.
    DacReadSearch = 2,
    /// Look into processes of other users.
    SysPtrace = 19,
    /// Nearly everything; before Linux 5.8 the only way to eBPF.
    SysAdmin = 21,
    /// Attach to performance events, uprobes among them.
    Perfmon = 38,
    /// Load eBPF programs.
    Bpf = 39,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::DacOverride => "CAP_DAC_OVERRIDE",
            Capability::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Capability::SysPtrace => "CAP_SYS_PTRACE",
            Capability::SysAdmin => "CAP_SYS_ADMIN",
            Capability::Perfmon => "CAP_PERFMON",
            Capability::Bpf => "CAP_BPF",
        })
    }
}

/// What a process may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Privileges {
    /// The effective set, one bit for each capability.
    pub effective: u64,
    /// Whether that set counts for the whole machine. In another user namespace (a rootless container) it counts only
    /// there, and the kernel's own interfaces, eBPF among them, stay closed.
    pub initial_user_namespace: bool,
}

/// The inode of the first user namespace, the same on every machine (`PROC_USER_INIT_INO` of `linux/proc_ns.h`).
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

impl Privileges {
    /// Nothing, as where `/proc` cannot be asked.
    pub const NONE: Privileges = Privileges { effective: 0, initial_user_namespace: true };

    /// What this process may do.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn own() -> io::Result<Privileges> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        // A kernel without user namespaces has no such link, and only one namespace.
        let namespace = std::fs::read_link("/proc/self/ns/user");
        Ok(Privileges {
            effective: effective(&status).unwrap_or(0),
            initial_user_namespace: namespace.map_or(true, |n| n.as_os_str() == INITIAL_USER_NAMESPACE),
        })
    }

    /// Whether it has this capability.
    #[must_use]
    pub fn has(self, capability: Capability) -> bool {
        self.effective & (1 << capability as u8) != 0
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_is_the_one_that_counts() {
        let status = "CapPrm:\t000001ffffffffff\nCapEff:\t000000c000080000\nCapBnd:\t000001ffffffffff\n";
        let privileges = Privileges { effective: effective(status).unwrap(), initial_user_namespace: true };
        let has = |c| privileges.has(c);
        use Capability::{Bpf, Perfmon, SysAdmin, SysPtrace};
        assert_eq!([has(SysPtrace), has(Perfmon), has(Bpf), has(SysAdmin)], [true, true, true, false]);
        assert_eq!(effective("Name: x\n"), None);
    }

    #[test]
    fn this_process_has_a_set() {
        Privileges::own().unwrap();
    }
}
