//! What works on this machine, and how to get what does not.
//!
//! Each [`Check`] is one thing that probes need or are better with, in words. They are made from facts that were read and
//! from what the kernel did when it was tried, so that all of them can be tested without such a machine.
//!
//! What is tried last is the whole of it: the programs of a script, put in place in a process of gospect's own by each
//! way of attaching, have to see every call ([`bench::trial`]).

use engine::{Engine, Error, Feature, Interface, SiteIds};
use kernel::machine::{Limit, Machine};
use kernel::privilege::{Capability, Privileges};
use kernel::specimen;

use crate::check::{Check, Line, Need};
use crate::privilege;
use crate::refusal::{CLOCK, EVENTS, FILES, FORBIDDEN, LOCKED, Refusal, TRACEFS, UNLOCKED};
use crate::run::bench::{self, Trial};

/// Looks and tries.
#[must_use]
pub fn examine() -> Vec<Check> {
    let engine = crate::machine::Machine::this().engine(crate::machine::EngineChoice::default());
    // Limits are raised by then, where they may be.
    let mut machine = Machine::read();
    let tried = engine.map(|engine| {
        // It may be found, or mounted, where nobody else looks.
        machine.tracefs = engine.tracepoints().err().map(|error| error.to_string());
        let by =
            |by_tracefs| specimen::exists().then(|| bench::trial(by_tracefs).map_err(|stopped| stopped.to_string()));
        let sites = engine.capabilities().needs.sites;
        let link = if sites == SiteIds::Cookie { by(false) } else { None };
        Tried { sites, lacks: lacks(engine.as_ref()), link, event: by(true) }
    });
    checks(&machine, std::env::consts::ARCH, &tried)
}

/// What the kernel can do, found by trying.
struct Tried {
    sites: SiteIds,
    lacks: Vec<Feature>,
    /// What came of probes by a link, where that could be tried.
    link: Option<Result<Trial, String>>,
    /// And by an event in tracefs.
    event: Option<Result<Trial, String>>,
}

fn lacks(engine: &dyn Engine) -> Vec<Feature> {
    Feature::all().filter(|&feature| !engine.capabilities().caps.has(feature)).collect()
}

fn checks(machine: &Machine, arch: &str, tried: &Result<Tried, Error>) -> Vec<Check> {
    let mut all =
        vec![cpu(arch), kernel(machine, tried), rights(machine), namespace(machine), programs(machine, tried)];
    match tried {
        Ok(tried) => all.extend([way(tried, machine), link(tried), event(tried, machine), cost(tried)]),
        Err(_) => all.extend([Line::Attaching, Line::Link, Line::Event, Line::Cost].map(unknown)),
    }
    all.extend([processes(machine), tracefs(machine)]);
    all.extend(clock(machine));
    all.extend(memory(machine, tried));
    all.extend(machine.files.map(files));
    all.extend(seccomp(machine));
    all.extend(lockdown(machine));
    all
}

fn good(name: Line, detail: impl Into<String>) -> Check {
    Check { name, ok: true, need: Need::Probes, detail: detail.into(), fix: None }
}

fn bad(name: Line, need: Need, detail: impl Into<String>, fix: &str) -> Check {
    Check { name, ok: false, need, detail: detail.into(), fix: Some(fix.to_owned()) }
}

/// What can be tried only where programs can be loaded.
fn unknown(name: Line) -> Check {
    bad(name, Need::Nothing, "not known, since no program can be loaded", "the line `programs` says what is in the way")
}

fn cpu(arch: &str) -> Check {
    match arch {
        "x86_64" => good(Line::Machine, "amd64"),
        "aarch64" => good(Line::Machine, "arm64, on which gospect was never tested"),
        other => bad(Line::Machine, Need::Probes, other, "gospect knows the instructions of amd64 and arm64 only"),
    }
}

fn kernel(machine: &Machine, tried: &Result<Tried, Error>) -> Check {
    let linux = format!("Linux {}", machine.release);
    match tried {
        Err(Error::TooOld { missing, .. }) => {
            let detail = format!("{linux} has no {}", missing.join(", no "));
            bad(Line::Kernel, Need::Probes, detail, "run Linux 5.10 or later; 6.10 or later has all that gospect uses")
        }
        Ok(tried) if !tried.lacks.is_empty() => {
            let lacks: Vec<String> = tried.lacks.iter().map(Feature::to_string).collect();
            good(Line::Kernel, format!("{linux}; gospect manages without: {}", lacks.join(", ")))
        }
        _ => good(Line::Kernel, linux),
    }
}

fn rights(machine: &Machine) -> Check {
    let Some(own) = machine.privileges else {
        return bad(Line::Rights, Need::Probes, "/proc is not mounted", "mount -t proc proc /proc");
    };
    // What counts for eBPF where is the next line's.
    match privilege::to_probe(Privileges { initial_user_namespace: true, ..own }) {
        None if own.has(Capability::SysAdmin) => {
            good(Line::Rights, "CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON")
        }
        None => good(Line::Rights, "CAP_BPF and CAP_PERFMON"),
        Some(obstacle) => bad(
            Line::Rights,
            Need::Probes,
            obstacle.why,
            "run as root, or give gospect all: setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep \"$(command -v gospect)\"",
        ),
    }
}

fn namespace(machine: &Machine) -> Check {
    match machine.privileges.is_none_or(|own| own.initial_user_namespace) {
        true => good(Line::Namespace, "the machine's own user namespace"),
        false => bad(
            Line::Namespace,
            Need::Probes,
            "gospect runs in a user namespace, where rights do not count for eBPF",
            privilege::OUTSIDE,
        ),
    }
}

fn programs(machine: &Machine, tried: &Result<Tried, Error>) -> Check {
    let Err(error) = tried else { return good(Line::Programs, "the kernel takes eBPF programs and maps of gospect") };
    let refusal = Refusal::of_kernel(error, machine.privileges);
    let fix = match (refusal.line, refusal.hint) {
        (Some(line), _) if line != Line::Programs => format!("the line `{line}` says how"),
        (_, hint) => hint.unwrap_or_else(|| FORBIDDEN.to_owned()),
    };
    bad(Line::Programs, Need::Probes, error.to_string(), &fix)
}

fn way(tried: &Tried, machine: &Machine) -> Check {
    match (tried.sites, &machine.tracefs) {
        (SiteIds::Cookie, _) => {
            good(Line::Attaching, "engine kernel: all probes of a program by one uprobe_multi link")
        }
        (SiteIds::Address, None) => good(
            Line::Attaching,
            "by an event in tracefs, since the kernel has no uprobe_multi that filters by process",
        ),
        (SiteIds::Address, Some(why)) => bad(
            Line::Attaching,
            Need::Probes,
            format!("this kernel needs tracefs for probes, and it cannot be read: {why}"),
            unlocked_or(machine, EVENTS),
        ),
    }
}

/// What is said where there is nothing to try probes on.
const UNTRIED: &str = "gospect carries nothing to try probes on for this machine, only for amd64";

fn link(tried: &Tried) -> Check {
    match (&tried.link, tried.sites) {
        (None, SiteIds::Address) => good(Line::Link, "not tried: this kernel has none that filters by process"),
        (trial, SiteIds::Cookie | SiteIds::Address) => {
            let fix = "gospect run --way tracefs does without; please report it";
            came_of(Line::Link, "a uprobe_multi link", trial.as_ref(), Need::Probes, fix)
        }
    }
}

fn event(tried: &Tried, machine: &Machine) -> Check {
    let need = if tried.sites == SiteIds::Address { Need::Probes } else { Need::Nothing };
    came_of(Line::Event, "an event in tracefs", tried.event.as_ref(), need, unlocked_or(machine, EVENTS))
}

/// Where tracefs is locked, nothing else helps.
fn unlocked_or<'f>(machine: &Machine, otherwise: &'f str) -> &'f str {
    if machine.lockdown.as_deref() == Some("confidentiality") { UNLOCKED } else { otherwise }
}

fn came_of(name: Line, what: &str, trial: Option<&Result<Trial, String>>, need: Need, fix: &str) -> Check {
    match trial {
        None => good(name, format!("not tried: {UNTRIED}")),
        Some(Ok(trial)) => {
            good(name, format!("probes by {what} in a process of gospect's own saw all its {} calls", trial.calls))
        }
        Some(Err(why)) => bad(name, need, format!("probes by {what} did not work: {why}"), fix),
    }
}

fn cost(tried: &Tried) -> Check {
    let of_way = if tried.sites == SiteIds::Cookie { &tried.link } else { &tried.event };
    match of_way {
        None => good(Line::Cost, format!("not tried: {UNTRIED}")),
        Some(Ok(trial)) => {
            let [emulated, stepped] = [trial.emulated, trial.stepped].map(|ns| ns / 1e3);
            let where_else = "where it has to step over it, as at most returns";
            good(
                Line::Cost,
                format!(
                    "counting a hit takes {emulated:.2} µs where the kernel emulates the instruction, {stepped:.2} µs \
                     {where_else}"
                ),
            )
        }
        Some(Err(_)) => bad(Line::Cost, Need::Nothing, "not known, since no probe worked", "the lines above say why"),
    }
}

fn processes(machine: &Machine) -> Check {
    let own = machine.privileges.unwrap_or(Privileges::NONE);
    if privilege::may_look(own) {
        let all = "CAP_SYS_PTRACE and a right to read: those of all users, unless a security module forbids it";
        return good(Line::Processes, all);
    }
    let obstacle = privilege::to_look(own);
    let whose = match machine.ptrace_scope {
        _ if own.has(Capability::SysPtrace) => {
            "of other users neither their memory nor files that not all may read".to_owned()
        }
        Some(scope) if scope > 0 => {
            format!("only those of your own user, and not their memory (kernel.yama.ptrace_scope is {scope})")
        }
        _ => "only those of your own user".to_owned(),
    };
    let detail = format!("{whose}, since {}", obstacle.why);
    bad(Line::Processes, Need::Others, detail, obstacle.fix)
}

fn tracefs(machine: &Machine) -> Check {
    match &machine.tracefs {
        None => good(Line::Tracefs, "tracepoints can be looked up"),
        Some(why) => bad(
            Line::Tracefs,
            Need::Tracepoints,
            format!("tracepoints cannot be looked up: {why}"),
            unlocked_or(machine, TRACEFS),
        ),
    }
}

fn clock(machine: &Machine) -> Option<Check> {
    let paranoid = machine.paranoid?;
    let allowed = machine.privileges.is_some_and(|own| own.has(Capability::Perfmon) || own.has(Capability::SysAdmin));
    Some(match allowed || paranoid < 1 {
        true => good(Line::Clock, format!("`profile` works (kernel.perf_event_paranoid is {paranoid})")),
        false => bad(
            Line::Clock,
            Need::Clock,
            format!("`profile` is refused: kernel.perf_event_paranoid is {paranoid} and gospect lacks CAP_PERFMON"),
            CLOCK,
        ),
    })
}

/// Before Linux 5.11 maps are locked memory.
fn memory(machine: &Machine, tried: &Result<Tried, Error>) -> Option<Check> {
    let limit = machine.memlock?;
    let counts = match tried {
        Ok(tried) => tried.lacks.contains(&Feature::MemcgAccounting),
        Err(Error::NotPermitted { interface: Interface::Maps, .. }) => true,
        Err(_) => return None,
    };
    Some(match (counts, limit) {
        (false, _) => good(Line::Memory, "maps are charged to the memory cgroup"),
        (true, None) => good(Line::Memory, "locked memory has no limit"),
        (true, Some(bytes)) => bad(
            Line::Memory,
            Need::Room,
            format!("maps are locked memory on this kernel, of which gospect may have {} KiB", bytes >> 10),
            LOCKED,
        ),
    })
}

/// What a run of a large script has open, with room to spare.
const ENOUGH_FILES: u64 = 256;

fn files(limit: Limit) -> Check {
    match limit {
        None => good(Line::Files, "any number may be open"),
        Some(most) if most >= ENOUGH_FILES => good(Line::Files, format!("{most} may be open")),
        Some(most) => {
            bad(Line::Files, Need::Room, format!("only {most} may be open: each program and map is one"), FILES)
        }
    }
}

fn seccomp(machine: &Machine) -> Option<Check> {
    Some(match machine.seccomp? {
        0 => good(Line::Seccomp, "no filter"),
        _ => good(Line::Seccomp, "a filter is in force; whether it forbids bpf(2) the line `programs` says"),
    })
}

fn lockdown(machine: &Machine) -> Option<Check> {
    let mode = machine.lockdown.as_deref()?;
    Some(match mode {
        "confidentiality" => bad(
            Line::Lockdown,
            Need::Tracepoints,
            "confidentiality: no program may read the kernel's memory, and tracefs is closed",
            UNLOCKED,
        ),
        mode => good(Line::Lockdown, mode),
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

    fn tried(sites: SiteIds, lacks: Vec<Feature>, link: Option<Result<Trial, String>>) -> Result<Tried, Error> {
        let event = Some(Ok(Trial { calls: 12_500, emulated: 612.4, stepped: 9871.6 }));
        Ok(Tried { sites, lacks, link, event })
    }

    const TRIAL: Trial = Trial { calls: 12_500, emulated: 589.9, stepped: 9412.0 };

    fn machine(rights: &[Capability]) -> Machine {
        let effective = rights.iter().fold(0, |set, &right| set | 1 << right as u8);
        Machine {
            release: "6.18.0".to_owned(),
            privileges: Some(Privileges { effective, initial_user_namespace: true }),
            seccomp: Some(0),
            lockdown: Some("none".to_owned()),
            memlock: Some(Some(8 << 20)),
            files: Some(Some(1024)),
            paranoid: Some(2),
            ptrace_scope: Some(1),
            tracefs: None,
        }
    }

    #[test]
    fn everything_works_for_root_on_a_new_kernel() {
        let root = machine(&[
            Capability::SysAdmin,
            Capability::SysPtrace,
            Capability::DacOverride,
            Capability::Bpf,
            Capability::Perfmon,
        ]);
        check(
            &root,
            tried(SiteIds::Cookie, vec![Feature::RegisterWrite], Some(Ok(TRIAL))),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0; gospect manages without: writable registers
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                ok namespace: the machine's own user namespace
                ok programs: the kernel takes eBPF programs and maps of gospect
                ok attaching: engine kernel: all probes of a program by one uprobe_multi link
                ok link: probes by a uprobe_multi link in a process of gospect's own saw all its 12500 calls
                ok event: probes by an event in tracefs in a process of gospect's own saw all its 12500 calls
                ok cost: counting a hit takes 0.59 µs where the kernel emulates the instruction, 9.41 µs where it has to step over it, as at most returns
                ok processes: CAP_SYS_PTRACE and a right to read: those of all users, unless a security module forbids it
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                ok memory: maps are charged to the memory cgroup
                ok files: 1024 may be open
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
            Err(Error::NotPermitted {
                doing: "loading an eBPF program".to_owned(),
                interface: Interface::Programs,
                error,
            }),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0
                no rights: gospect lacks CAP_BPF and CAP_PERFMON
                    run as root, or give gospect all: setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep "$(command -v gospect)"
                ok namespace: the machine's own user namespace
                no programs: loading an eBPF program was not permitted: Operation not permitted (os error 1)
                    the line `rights` says how
                no attaching: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no link: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no event: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no cost: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no processes: only those of your own user, and not their memory (kernel.yama.ptrace_scope is 1), since gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH
                    run as root, or give gospect cap_sys_ptrace,cap_dac_read_search
                no tracefs: tracepoints cannot be looked up: Permission denied (os error 13)
                    run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing
                no clock: `profile` is refused: kernel.perf_event_paranoid is 2 and gospect lacks CAP_PERFMON
                    run as root, or give gospect cap_perfmon
                ok files: 1024 may be open
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
            tried(SiteIds::Address, Feature::all().collect(), None),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 5.10.0; gospect manages without: atomics with fetch, maps without RLIMIT_MEMLOCK, callbacks, attach cookies, links for perf events, ancestors of control groups, bpf_loop, bpf_strncmp, sleepable uprobes, hash maps without preallocation in tracing, uprobe_multi, uprobe_multi filtered by process, cpu v4 instructions, writable registers
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                no namespace: gospect runs in a user namespace, where rights do not count for eBPF
                    run gospect outside of the container, or in one that shares the host's user namespace
                ok programs: the kernel takes eBPF programs and maps of gospect
                no attaching: this kernel needs tracefs for probes, and it cannot be read: No such file or directory (os error 2)
                    boot with lockdown=integrity or none; Secure Boot often sets it
                ok link: not tried: this kernel has none that filters by process
                ok event: probes by an event in tracefs in a process of gospect's own saw all its 12500 calls
                ok cost: counting a hit takes 0.61 µs where the kernel emulates the instruction, 9.87 µs where it has to step over it, as at most returns
                no processes: of other users neither their memory nor files that not all may read, since gospect has CAP_SYS_PTRACE only in its own user namespace
                    run as root outside of the container, or in a container that shares the host's user namespace
                no tracefs: tracepoints cannot be looked up: No such file or directory (os error 2)
                    boot with lockdown=integrity or none; Secure Boot often sets it
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                no memory: maps are locked memory on this kernel, of which gospect may have 8192 KiB
                    ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit of systemd
                ok files: 1024 may be open
                ok seccomp: a filter is in force; whether it forbids bpf(2) the line `programs` says
                no lockdown: confidentiality: no program may read the kernel's memory, and tracefs is closed
                    boot with lockdown=integrity or none; Secure Boot often sets it
            "#]],
        );
    }

    #[test]
    fn probes_that_see_not_every_call_are_no_probes() {
        let root = machine(&[Capability::SysAdmin, Capability::SysPtrace]);
        let why = "what probes cost cannot be said: 3 of 5 calls of emulated.1 were seen".to_owned();
        check(
            &root,
            tried(SiteIds::Cookie, Vec::new(), Some(Err(why))),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                ok namespace: the machine's own user namespace
                ok programs: the kernel takes eBPF programs and maps of gospect
                ok attaching: engine kernel: all probes of a program by one uprobe_multi link
                no link: probes by a uprobe_multi link did not work: what probes cost cannot be said: 3 of 5 calls of emulated.1 were seen
                    gospect run --way tracefs does without; please report it
                ok event: probes by an event in tracefs in a process of gospect's own saw all its 12500 calls
                no cost: not known, since no probe worked
                    the lines above say why
                no processes: of other users neither their memory nor files that not all may read, since gospect lacks CAP_DAC_READ_SEARCH
                    run as root, or give gospect cap_dac_read_search
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                ok memory: maps are charged to the memory cgroup
                ok files: 1024 may be open
                ok seccomp: no filter
                ok lockdown: none
            "#]],
        );
        let untried = Tried { sites: SiteIds::Cookie, lacks: Vec::new(), link: None, event: None };
        check(
            &root,
            Ok(untried),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                ok namespace: the machine's own user namespace
                ok programs: the kernel takes eBPF programs and maps of gospect
                ok attaching: engine kernel: all probes of a program by one uprobe_multi link
                ok link: not tried: gospect carries nothing to try probes on for this machine, only for amd64
                ok event: not tried: gospect carries nothing to try probes on for this machine, only for amd64
                ok cost: not tried: gospect carries nothing to try probes on for this machine, only for amd64
                no processes: of other users neither their memory nor files that not all may read, since gospect lacks CAP_DAC_READ_SEARCH
                    run as root, or give gospect cap_dac_read_search
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                ok memory: maps are charged to the memory cgroup
                ok files: 1024 may be open
                ok seccomp: no filter
                ok lockdown: none
            "#]],
        );
    }

    #[test]
    fn a_process_that_may_open_nothing_is_told_of_it() {
        let few = Machine { files: Some(Some(8)), ..machine(&[Capability::SysAdmin, Capability::SysPtrace]) };
        let error = io::Error::from_raw_os_error(24);
        let doing = "making a ring buffer".to_owned();
        check(
            &few,
            Err(Error::Refused { doing, interface: Interface::Maps, error }),
            expect![[r#"
                ok machine: amd64
                ok kernel: Linux 6.18.0
                ok rights: CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON
                ok namespace: the machine's own user namespace
                no programs: making a ring buffer failed: Too many open files (os error 24)
                    the line `files` says how
                no attaching: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no link: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no event: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no cost: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no processes: of other users neither their memory nor files that not all may read, since gospect lacks CAP_DAC_READ_SEARCH
                    run as root, or give gospect cap_dac_read_search
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                no files: only 8 may be open: each program and map is one
                    ulimit -n 1024, or LimitNOFILE=1024 in a unit of systemd
                ok seccomp: no filter
                ok lockdown: none
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
                    the line `kernel` says how
                no attaching: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no link: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no event: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no cost: not known, since no program can be loaded
                    the line `programs` says what is in the way
                no processes: only those of your own user, and not their memory (kernel.yama.ptrace_scope is 1), since gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH
                    run as root, or give gospect cap_sys_ptrace,cap_dac_read_search
                ok tracefs: tracepoints can be looked up
                ok clock: `profile` works (kernel.perf_event_paranoid is 2)
                ok files: 1024 may be open
                ok seccomp: no filter
                ok lockdown: none
            "#]],
        );
    }
}
