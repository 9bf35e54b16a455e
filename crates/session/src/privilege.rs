//! Which of gospect's commands the kernel would let run, and what is missing.

use kernel::privilege::{Capability, Privileges};

/// Why this gospect may not load and attach probes, if it may not.
#[must_use]
pub fn to_probe(own: Privileges) -> Option<String> {
    if !own.initial_user_namespace {
        return Some("gospect runs in a user namespace, where the kernel allows no eBPF".to_owned());
    }
    // What CAP_BPF and CAP_PERFMON allow was part of CAP_SYS_ADMIN before Linux 5.8, and still is.
    let missing = [Capability::Bpf, Capability::Perfmon].into_iter().filter(|&c| !own.has(c));
    let missing: Vec<String> = missing.map(|c| c.to_string()).collect();
    let allowed = missing.is_empty() || own.has(Capability::SysAdmin);
    (!allowed).then(|| format!("gospect lacks {}", missing.join(" and ")))
}

/// What would let this gospect look into other users' processes, and why it cannot; only asked when it was refused.
#[must_use]
pub fn to_look(own: Privileges) -> (&'static str, &'static str) {
    match own.has(Capability::SysPtrace) {
        false => ("gospect lacks CAP_SYS_PTRACE", "run as root, or give gospect cap_sys_ptrace"),
        true if !own.initial_user_namespace => (
            "gospect has CAP_SYS_PTRACE only in its own user namespace",
            "run as root outside of the container, or in a container that shares the host's user namespace",
        ),
        true => (
            "the kernel forbids it in spite of CAP_SYS_PTRACE, for a reason that it does not tell",
            "a security module may do so (Landlock, SELinux, AppArmor, an eBPF program); if it confines gospect, run \
             gospect outside of it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(capabilities: &[Capability], initial_user_namespace: bool, expect: Expect) {
        let effective = capabilities.iter().fold(0, |set, &c| set | 1 << c as u8);
        let own = Privileges { effective, initial_user_namespace };
        expect.assert_eq(&format!("{:?}, {:?}", to_probe(own), to_look(own).0));
    }

    #[test]
    fn what_is_missing_is_named() {
        use Capability::{Bpf, Perfmon, SysAdmin, SysPtrace};
        let none = expect![[r#"Some("gospect lacks CAP_BPF and CAP_PERFMON"), "gospect lacks CAP_SYS_PTRACE""#]];
        check(&[], true, none);
        check(&[Bpf], true, expect![[r#"Some("gospect lacks CAP_PERFMON"), "gospect lacks CAP_SYS_PTRACE""#]]);
        check(&[Bpf, Perfmon], true, expect![[r#"None, "gospect lacks CAP_SYS_PTRACE""#]]);
        let module = expect![[
            r#"None, "the kernel forbids it in spite of CAP_SYS_PTRACE, for a reason that it does not tell""#
        ]];
        check(&[SysAdmin, SysPtrace], true, module);
    }

    #[test]
    fn rights_in_another_user_namespace_do_not_count() {
        use Capability::{Bpf, Perfmon, SysPtrace};
        check(
            &[Bpf, Perfmon, SysPtrace],
            false,
            expect![[
                r#"Some("gospect runs in a user namespace, where the kernel allows no eBPF"), "gospect has CAP_SYS_PTRACE only in its own user namespace""#
            ]],
        );
    }
}
