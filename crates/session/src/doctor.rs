//! What works on this machine, and how to get what does not.
//!
//! Each [`Check`] is one thing that probes need or are better with, in words. They are made from facts that were read and
//! from what the kernel did when it was tried, so that all of them can be tested without such a machine.

use event::check::{Check, Need};
use kernel::engine::{Engine, Error, Feature, Way};
use kernel::machine::Machine;
use kernel::privilege::{Capability, Privileges};

/// Looks and tries.
#[must_use]
pub fn examine() -> Vec<Check> {
    let mut machine = Machine::read();
    let tried = Engine::open().map(|engine| {
        // It may be found, or mounted, where nobody else looks.
        machine.tracefs = engine.tracepoints().err().map(|error| error.to_string());
        Tried { way: engine.way(), lacks: lacks(&engine) }
    });
    checks(&machine, std::env::consts::ARCH, &tried)
}

/// What the kernel can do, found by trying.
struct Tried {
    way: Way,
    lacks: Vec<Feature>,
}

fn lacks(engine: &Engine) -> Vec<Feature> {
    Feature::all().filter(|&feature| !engine.caps().has(feature)).collect()
}

fn checks(machine: &Machine, arch: &str, tried: &Result<Tried, Error>) -> Vec<Check> {
    let mut all =
        vec![cpu(arch), kernel(machine, tried), rights(machine), namespace(machine), programs(machine, tried)];
    all.extend(tried.as_ref().ok().map(|tried| way(tried, machine)));
    all.extend([processes(machine), tracefs(machine)]);
    all.extend(clock(machine));
    all.extend(memory(machine, tried));
    all.extend(seccomp(machine));
    all.extend(lockdown(machine));
    all
}

fn good(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, ok: true, need: Need::Probes, detail: detail.into(), fix: None }
}

fn bad(name: &'static str, need: Need, detail: impl Into<String>, fix: &str) -> Check {
    Check { name, ok: false, need, detail: detail.into(), fix: Some(fix.to_owned()) }
}

fn cpu(arch: &str) -> Check {
    match arch {
        "x86_64" => good("machine", "amd64"),
        "aarch64" => good("machine", "arm64, on which gospect was never tested"),
        other => bad("machine", Need::Probes, other, "gospect knows the instructions of amd64 and arm64 only"),
    }
}

fn kernel(machine: &Machine, tried: &Result<Tried, Error>) -> Check {
    let linux = format!("Linux {}", machine.release);
    match tried {
        Err(Error::TooOld { missing, .. }) => {
            let detail = format!("{linux} has no {}", missing.join(", no "));
            bad("kernel", Need::Probes, detail, "run Linux 5.10 or later; 6.10 or later has all that gospect uses")
        }
        Ok(tried) if !tried.lacks.is_empty() => {
            let lacks: Vec<String> = tried.lacks.iter().map(Feature::to_string).collect();
            good("kernel", format!("{linux}; gospect manages without: {}", lacks.join(", ")))
        }
        _ => good("kernel", linux),
    }
}

fn rights(machine: &Machine) -> Check {
    let Some(own) = machine.privileges else {
        return bad("rights", Need::Probes, "/proc is not mounted", "mount -t proc proc /proc");
    };
    if own.has(Capability::SysAdmin) {
        return good("rights", "CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON");
    }
    let missing = [Capability::Bpf, Capability::Perfmon].into_iter().filter(|&right| !own.has(right));
    let missing: Vec<String> = missing.map(|right| right.to_string()).collect();
    match missing.is_empty() {
        true => good("rights", "CAP_BPF and CAP_PERFMON"),
        false => bad(
            "rights",
            Need::Probes,
            format!("gospect lacks {}", missing.join(" and ")),
            "run as root, or give gospect both: setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep \"$(command -v gospect)\"",
        ),
    }
}

fn namespace(machine: &Machine) -> Check {
    let initial = |own: Privileges| own.initial_user_namespace;
    match machine.privileges.is_none_or(initial) {
        true => good("namespace", "the machine's own user namespace"),
        false => bad(
            "namespace",
            Need::Probes,
            "a user namespace of a container, where rights do not count for eBPF",
            "run gospect outside of the container, or in one that shares the host's user namespace",
        ),
    }
}

fn programs(machine: &Machine, tried: &Result<Tried, Error>) -> Check {
    match tried {
        Ok(_) => good("programs", "the kernel takes eBPF programs and maps of gospect"),
        Err(error) => {
            let known = matches!(error, Error::TooOld { .. });
            let fix = match machine.privileges.and_then(crate::privilege::to_probe) {
                _ if known => "the check `kernel` says what is missing",
                Some(_) => "the checks above say what is missing",
                None => "a container's seccomp profile, a security module or the kernel's lockdown may forbid bpf(2)",
            };
            bad("programs", Need::Probes, error.to_string(), fix)
        }
    }
}

fn way(tried: &Tried, machine: &Machine) -> Check {
    match (tried.way, &machine.tracefs) {
        (Way::Multi, _) => good("attaching", "all probes of a program by one uprobe_multi link"),
        (Way::Tracefs, None) => {
            good("attaching", "by an event in tracefs, since the kernel has no uprobe_multi that filters by process")
        }
        (Way::Tracefs, Some(why)) => bad(
            "attaching",
            Need::Probes,
            format!("this kernel needs tracefs for probes, and it cannot be read: {why}"),
            TRACEFS,
        ),
    }
}

/// How to get at tracefs.
const TRACEFS: &str = "run as root; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing";

fn processes(machine: &Machine) -> Check {
    let own = machine.privileges.unwrap_or(Privileges { effective: 0, initial_user_namespace: true });
    match own.has(Capability::SysPtrace) {
        true => good("processes", "CAP_SYS_PTRACE: those of all users"),
        false => bad(
            "processes",
            Need::Others,
            "only those of your own user, since gospect lacks CAP_SYS_PTRACE",
            "run as root, or give gospect cap_sys_ptrace",
        ),
    }
}

fn tracefs(machine: &Machine) -> Check {
    match &machine.tracefs {
        None => good("tracefs", "tracepoints can be looked up"),
        Some(why) => bad("tracefs", Need::Tracepoints, format!("tracepoints cannot be looked up: {why}"), TRACEFS),
    }
}

fn clock(machine: &Machine) -> Option<Check> {
    let paranoid = machine.paranoid?;
    let allowed = machine.privileges.is_some_and(|own| own.has(Capability::Perfmon) || own.has(Capability::SysAdmin));
    Some(match allowed || paranoid < 1 {
        true => good("clock", format!("`profile` works (kernel.perf_event_paranoid is {paranoid})")),
        false => bad(
            "clock",
            Need::Clock,
            format!("`profile` is refused: kernel.perf_event_paranoid is {paranoid} and gospect lacks CAP_PERFMON"),
            "run as root, or give gospect cap_perfmon",
        ),
    })
}

/// Before Linux 5.11 maps are locked memory.
fn memory(machine: &Machine, tried: &Result<Tried, Error>) -> Option<Check> {
    let limit = machine.memlock?;
    let counts = tried.as_ref().ok()?.lacks.contains(&Feature::MemcgAccounting);
    Some(match (counts, limit) {
        (false, _) => good("memory", "maps are charged to the memory cgroup"),
        (true, None) => good("memory", "locked memory has no limit"),
        (true, Some(bytes)) => bad(
            "memory",
            Need::Room,
            format!("maps are locked memory on this kernel, of which gospect may have {} KiB", bytes >> 10),
            "ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit of systemd",
        ),
    })
}

fn seccomp(machine: &Machine) -> Option<Check> {
    Some(match machine.seccomp? {
        0 => good("seccomp", "no filter"),
        _ => good("seccomp", "a filter is in force; whether it forbids bpf(2) the check `programs` says"),
    })
}

fn lockdown(machine: &Machine) -> Option<Check> {
    let mode = machine.lockdown.as_deref()?;
    Some(match mode {
        "confidentiality" => bad(
            "lockdown",
            Need::Probes,
            "the kernel is locked down for confidentiality: no program may read memory",
            "boot with lockdown=integrity or none; Secure Boot often sets it",
        ),
        mode => good("lockdown", mode),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(machine: &Machine, tried: Result<Tried, Error>, want: Expect) {
        let line = |c: &Check| {
            let fix = c.fix.as_ref().map(|fix| format!("\n    {fix}")).unwrap_or_default();
            format!("{} {}: {}{fix}\n", if c.ok { "ok" } else { "no" }, c.name, c.detail)
        };
        want.assert_eq(&checks(machine, "x86_64", &tried).iter().map(line).collect::<String>());
    }

    fn machine(rights: &[Capability]) -> Machine {
        let effective = rights.iter().fold(0, |set, &right| set | 1 << right as u8);
        Machine {
            release: "6.18.0".to_owned(),
            privileges: Some(Privileges { effective, initial_user_namespace: true }),
            seccomp: Some(0),
            lockdown: Some("none".to_owned()),
            memlock: Some(Some(8 << 20)),
            paranoid: Some(2),
            tracefs: None,
        }
    }

    #[test]
    fn everything_works_for_root_on_a_new_kernel() {
        let root = machine(&[Capability::SysAdmin, Capability::SysPtrace, Capability::Bpf, Capability::Perfmon]);
        check(
            &root,
            Ok(Tried { way: Way::Multi, lacks: vec![Feature::RegisterWrite] }),
            expect![[r#"
            ok machine: amd64
            ok kernel: Linux 6.18.0; gospect manages without: writable registers
            ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
            ok namespace: the machine's own user namespace
            ok programs: the kernel takes eBPF programs and maps of gospect
            ok attaching: all probes of a program by one uprobe_multi link
            ok processes: CAP_SYS_PTRACE: those of all users
            ok tracefs: tracepoints can be looked up
            ok clock: `profile` works (kernel.perf_event_paranoid is 2)
            ok memory: maps are charged to the memory cgroup
            ok seccomp: no filter
            ok lockdown: none
        "#]],
        );
    }

    #[test]
    fn each_thing_that_is_missing_has_a_way_to_get_it() {
        let nobody = Machine { tracefs: Some("Permission denied (os error 13)".to_owned()), ..machine(&[]) };
        let error = io::Error::from_raw_os_error(1);
        check(
            &nobody,
            Err(Error::NotPermitted { doing: "loading an eBPF program".to_owned(), error }),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0
                no rights: gospect lacks CAP_BPF and CAP_PERFMON
                    run as root, or give gospect both: setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep "$(command -v gospect)"
                ok namespace: the machine's own user namespace
                no programs: loading an eBPF program was not permitted: Operation not permitted (os error 1)
                    the checks above say what is missing
                no processes: only those of your own user, since gospect lacks CAP_SYS_PTRACE
                    run as root, or give gospect cap_sys_ptrace
                no tracefs: tracepoints cannot be looked up: Permission denied (os error 13)
                    run as root; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing
                no clock: `profile` is refused: kernel.perf_event_paranoid is 2 and gospect lacks CAP_PERFMON
                    run as root, or give gospect cap_perfmon
                ok seccomp: no filter
                ok lockdown: none
            "#]],
        );
    }

    #[test]
    fn an_old_kernel_in_a_locked_container() {
        let container = Machine {
            release: "5.10.0".to_owned(),
            privileges: Some(Privileges { effective: u64::MAX, initial_user_namespace: false }),
            seccomp: Some(2),
            lockdown: Some("confidentiality".to_owned()),
            tracefs: Some("No such file or directory (os error 2)".to_owned()),
            ..machine(&[])
        };
        check(
            &container,
            Ok(Tried { way: Way::Tracefs, lacks: Feature::all().collect() }),
            expect![[r#"
            ok machine: amd64
            ok kernel: Linux 5.10.0; gospect manages without: atomics with fetch, maps without RLIMIT_MEMLOCK, callbacks, attach cookies, links for perf events, bpf_loop, bpf_strncmp, sleepable uprobes, hash maps without preallocation in tracing, uprobe_multi, uprobe_multi filtered by process, cpu v4 instructions, writable registers
            ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
            no namespace: a user namespace of a container, where rights do not count for eBPF
                run gospect outside of the container, or in one that shares the host's user namespace
            ok programs: the kernel takes eBPF programs and maps of gospect
            no attaching: this kernel needs tracefs for probes, and it cannot be read: No such file or directory (os error 2)
                run as root; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing
            ok processes: CAP_SYS_PTRACE: those of all users
            no tracefs: tracepoints cannot be looked up: No such file or directory (os error 2)
                run as root; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing
            ok clock: `profile` works (kernel.perf_event_paranoid is 2)
            no memory: maps are locked memory on this kernel, of which gospect may have 8192 KiB
                ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit of systemd
            ok seccomp: a filter is in force; whether it forbids bpf(2) the check `programs` says
            no lockdown: the kernel is locked down for confidentiality: no program may read memory
                boot with lockdown=integrity or none; Secure Boot often sets it
        "#]],
        );
    }

    #[test]
    fn a_kernel_that_is_too_old_is_told_what_it_lacks() {
        let old = Machine { release: "5.4.0".to_owned(), ..machine(&[Capability::SysAdmin]) };
        let error = Error::TooOld { missing: vec!["ring buffers"], release: "5.4.0".to_owned() };
        check(
            &old,
            Err(error),
            expect![[r#"
                ok machine: amd64
                no kernel: Linux 5.4.0 has no ring buffers
                    run Linux 5.10 or later; 6.10 or later has all that gospect uses
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                ok namespace: the machine's own user namespace
                no programs: Linux 5.10 or later is needed: this kernel (5.4.0) has no ring buffers
                    the check `kernel` says what is missing
                no processes: only those of your own user, since gospect lacks CAP_SYS_PTRACE
                    run as root, or give gospect cap_sys_ptrace
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                ok seccomp: no filter
                ok lockdown: none
            "#]],
        );
    }
}
