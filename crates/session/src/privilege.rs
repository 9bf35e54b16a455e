//! Which of gospect's commands the kernel would let run, and what is missing.

use kernel::privilege::{Capability, Privileges};

use crate::check::Line;

/// What is in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// What `gospect doctor` says about it.
    pub line: Line,
    /// What it is, in words.
    pub why: String,
    /// How to get it out of the way.
    pub fix: &'static str,
}

/// How to get out of a user namespace.
pub(crate) const OUTSIDE: &str =
    "run gospect outside of the container, or in one that shares the host's user namespace";

/// Why this gospect may not load and attach probes, if it may not.
#[must_use]
pub fn to_probe(own: Privileges) -> Option<Obstacle> {
    if !own.initial_user_namespace {
        let why = "gospect runs in a user namespace, where the kernel allows no eBPF".to_owned();
        return Some(Obstacle { line: Line::Namespace, why, fix: OUTSIDE });
    }
    // What CAP_BPF and CAP_PERFMON allow was part of CAP_SYS_ADMIN before Linux 5.8, and still is.
    let missing = [Capability::Bpf, Capability::Perfmon].into_iter().filter(|&c| !own.has(c));
    let missing: Vec<String> = missing.map(|c| c.to_string()).collect();
    let allowed = missing.is_empty() || own.has(Capability::SysAdmin);
    (!allowed).then(|| Obstacle {
        line: Line::Rights,
        why: format!("gospect lacks {}", missing.join(" and ")),
        fix: "run as root, or give gospect cap_bpf,cap_perfmon",
    })
}

/// What would let this gospect look into other users' processes, and why it cannot; only asked when it was refused.
#[must_use]
pub fn to_look(own: Privileges) -> Obstacle {
    // The kernel asks for the first, and the files of `/proc`, which belong to the process's user, for the second.
    let reads = own.has(Capability::DacReadSearch) || own.has(Capability::DacOverride);
    let (why, fix) = match (own.has(Capability::SysPtrace), reads) {
        (false, false) => (
            "gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
            "run as root, or give gospect cap_sys_ptrace,cap_dac_read_search",
        ),
        (false, true) => ("gospect lacks CAP_SYS_PTRACE", "run as root, or give gospect cap_sys_ptrace"),
        (true, false) => ("gospect lacks CAP_DAC_READ_SEARCH", "run as root, or give gospect cap_dac_read_search"),
        (true, true) if !own.initial_user_namespace => (
            "gospect has CAP_SYS_PTRACE only in its own user namespace",
            "run as root outside of the container, or in a container that shares the host's user namespace",
        ),
        (true, true) => (
            "the kernel forbids it in spite of CAP_SYS_PTRACE, for a reason that it does not tell",
            "a security module may do so (Landlock, SELinux, AppArmor, an eBPF program); if it confines gospect, run \
             gospect outside of it",
        ),
    };
    Obstacle { line: Line::Processes, why: why.to_owned(), fix }
}

/// Whether this gospect may look into other users' processes, as far as rights go.
#[must_use]
pub fn may_look(own: Privileges) -> bool {
    let reads = own.has(Capability::DacReadSearch) || own.has(Capability::DacOverride);
    own.has(Capability::SysPtrace) && reads && own.initial_user_namespace
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(capabilities: &[Capability], initial_user_namespace: bool, expect: Expect) {
        let effective = capabilities.iter().fold(0, |set, &c| set | 1 << c as u8);
        let own = Privileges { effective, initial_user_namespace };
        let told = |obstacle: Obstacle| format!("{}: {}", obstacle.line, obstacle.why);
        expect.assert_eq(&format!("{:?}, {:?}", to_probe(own).map(told), told(to_look(own))));
    }

    #[test]
    fn what_is_missing_is_named() {
        use Capability::{Bpf, DacReadSearch, Perfmon, SysAdmin, SysPtrace};
        check(
            &[],
            true,
            expect![[
                r#"Some("rights: gospect lacks CAP_BPF and CAP_PERFMON"), "processes: gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH""#
            ]],
        );
        check(
            &[Bpf],
            true,
            expect![[
                r#"Some("rights: gospect lacks CAP_PERFMON"), "processes: gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH""#
            ]],
        );
        check(
            &[Bpf, Perfmon],
            true,
            expect![[r#"None, "processes: gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH""#]],
        );
        check(
            &[SysAdmin, SysPtrace, DacReadSearch],
            true,
            expect![[
                r#"None, "processes: the kernel forbids it in spite of CAP_SYS_PTRACE, for a reason that it does not tell""#
            ]],
        );
    }

    #[test]
    fn rights_in_another_user_namespace_do_not_count() {
        use Capability::{Bpf, DacReadSearch, Perfmon, SysPtrace};
        check(
            &[Bpf, Perfmon, SysPtrace, DacReadSearch],
            false,
            expect![[
                r#"Some("namespace: gospect runs in a user namespace, where the kernel allows no eBPF"), "processes: gospect has CAP_SYS_PTRACE only in its own user namespace""#
            ]],
        );
    }
}
