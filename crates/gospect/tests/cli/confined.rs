//! gospect with fewer rights than it needs, one of them missing at a time: what it says then, that it names the line of
//! `gospect doctor` which explains it, that this line says so too where doctor runs with the same rights, the exit
//! status, and that nothing is left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

use expect_test::{Expect, expect};
use gospect_fixtures::{Missing, Variant, need};

use crate::run::{Counter, WAYS, code, counter_path, permitted};
use crate::running::{Scratch, is_root};
use crate::{Ran, contract};

/// Nothing where rights can be taken away.
pub fn confinable() -> Result<(), Missing> {
    permitted()?;
    if is_root() {
        static TRACEFS: Once = Once::new();
        // As systems do when they start. Without it every answer here would be that it is not there.
        TRACEFS.call_once(|| {
            let mount = "test -e /sys/kernel/tracing/uprobe_events || mount -t tracefs tracefs /sys/kernel/tracing";
            let _ = Command::new("sh").args(["-c", mount]).status();
        });
    }
    let tried = Command::new("setpriv").args(["--bounding-set", "-bpf", "true"]).status();
    match is_root() && tried.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(Missing { why: "there is no setpriv that takes rights away".into() }),
    }
}

/// A way to start gospect with fewer rights: a command that takes them away and runs what stands behind it.
struct Confined {
    by: Vec<String>,
    /// Where it is a copy that everybody can read.
    gospect: PathBuf,
    _scratch: Scratch,
}

impl Confined {
    fn by(command: &[&str]) -> Confined {
        let scratch = Scratch::new();
        let gospect = scratch.copy(Path::new(env!("CARGO_BIN_EXE_gospect")), "gospect");
        Confined { by: command.iter().map(|&word| word.to_owned()).collect(), gospect, _scratch: scratch }
    }

    /// Root without these.
    fn root_without(capabilities: &str) -> Confined {
        Confined::by(&["setpriv", "--bounding-set", capabilities])
    }

    /// Nobody, with these.
    fn nobody_with(capabilities: &str) -> Confined {
        let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
        Confined::by(&[&nobody[..], &["--inh-caps", capabilities, "--ambient-caps", capabilities]].concat())
    }

    /// With mounts of its own, changed by this command of a shell.
    fn mounted(change: &str, then: &[&str]) -> Confined {
        let script = format!("{change}; exec \"$@\"");
        Confined::by(&[&["unshare", "-m", "sh", "-ec", &script, "sh"], then].concat())
    }

    fn ran(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(&self.by[0]);
        command.args(&self.by[1..]).arg(&self.gospect).args(args).current_dir("/").stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // All that takes rights away becomes what stands behind it, so this is gospect's own number.
        let events = format!("_{}_", child.id());
        let ran = Ran::of(child.wait_with_output().unwrap());
        let left = fs::read_to_string("/sys/kernel/tracing/uprobe_events").unwrap_or_default();
        assert!(!left.contains(&events), "{args:?} left events: {left}");
        ran
    }

    /// What it says, if `gospect doctor` agrees: what a refusal names is a line of its, which is not as it should be.
    fn check(&self, args: &[&str], expect: Expect) {
        let ran = self.ran(args);
        expect.assert_eq(&ran.seen());
        let named = ran.stderr.split_once("see the line `").map(|(_, rest)| rest.split('`').next().unwrap());
        let doctor = self.ran(&["doctor", "--json"]);
        let checks: Vec<_> = doctor.stdout.lines().map(contract::documented).collect();
        if let Some(name) = named {
            let line = checks.iter().find(|check| check["name"] == name);
            assert_eq!(line.map(|line| &line["ok"]), Some(&false.into()), "{name}: {}", doctor.stdout);
        }
        assert_eq!((ran.status == 3, doctor.stderr.as_str()), (named.is_some(), ""), "{args:?} {}", doctor.stdout);
        // Whether anything can be probed, both know.
        assert_eq!(doctor.status, self.ran(&BEGIN).status, "{}", doctor.stdout);
    }
}

const BEGIN: [&str; 4] = ["run", "-q", "-e", "BEGIN { exit() }"];

#[test]
fn without_rights_nothing_is_measured() {
    need!(confinable());
    Confined::root_without("-sys_admin,-perfmon").check(&["bench"], expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
}

#[test]
fn without_rights_the_missing_ones_are_named() {
    need!(confinable());
    Confined::root_without("-sys_admin,-bpf").check(
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]],
    );
    Confined::root_without("-sys_admin,-perfmon").check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::root_without("-sys_admin,-perfmon,-bpf").check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::root_without("-all").check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::by(&["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]).check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::nobody_with("+bpf").check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::nobody_with("+perfmon").check(
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`
        (exit status 3)"#]],
    );
    Confined::nobody_with("+bpf,+perfmon").check(&BEGIN, expect!["(exit status 0)"]);
}

#[test]
fn in_a_user_namespace_no_right_helps() {
    need!(confinable());
    if !Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|status| status.success()) {
        return Missing { why: "this machine allows no user namespaces".into() }.skip();
    }
    Confined::by(&["unshare", "-Ur"]).check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect runs in a user namespace, where the kernel allows no eBPF: Operation not permitted (os error 1)
        hint: run gospect outside of the container, or in one that shares the host's user namespace; see the line `namespace` of `gospect doctor`
        (exit status 3)"#]]);
    let target = std::process::id().to_string();
    let there = Confined::by(&["unshare", "-U"]);
    let pid = |text: &str| text.replace(&target, "PID");
    let ran = there.ran(&["info", "-p", &target]);
    expect![[r#"
        gospect: the program of PID PID may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
        hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
        (exit status 3)"#]].assert_eq(&pid(&ran.seen()));
}

/// Processes of another user: those that may be probed by right may still not be looked into.
#[test]
fn processes_of_others_are_closed_without_cap_sys_ptrace() {
    need!(confinable());
    // A copy, which no other test probes.
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    let counter = Counter::start(&path);
    let before = code(counter.child.id(), &path);
    let confined = Confined::nobody_with("+bpf,+perfmon");
    let check = |args: &[&str], expect: Expect| {
        let ran = confined.ran(args);
        expect.assert_eq(&ran.seen().replace(&counter.pid(), "PID"));
        let doctor = confined.ran(&["doctor", "--json"]);
        let checks: Vec<_> = doctor.stdout.lines().map(contract::documented).collect();
        assert!(checks.iter().any(|check| check["name"] == "processes" && check["ok"] == false), "{}", doctor.stdout);
    };
    let run = ["run", "-p", &counter.pid(), "-e", "go:main.hit { @ = count() }"];
    check(
        &run,
        expect![[r#"
            gospect: the program of PID PID may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
            hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
            (exit status 3)"#]],
    );
    check(
        &["info", "-p", &counter.pid()],
        expect![[r#"
            gospect: the program of PID PID may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
            hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
            (exit status 3)"#]],
    );
    check(
        &["list", "-p", &counter.pid()],
        expect![[r#"
            gospect: the program of PID PID may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
            hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
            (exit status 3)"#]],
    );
    check(
        &["explain", "-p", &counter.pid(), "main.hit"],
        expect![[r#"
            gospect: the program of PID PID may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
            hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
            (exit status 3)"#]],
    );
    assert!(code(counter.child.id(), &path) == before, "probes are there");
    // With it, they are open, but for what belongs to their user.
    let confined = Confined::nobody_with("+bpf,+perfmon,+sys_ptrace");
    let explain = ["explain", "-p", &counter.pid(), "main.hit"];
    let ran = confined.ran(&explain);
    expect![[r#"
        gospect: the memory of PID PID (COUNTER) may not be read, gospect lacks CAP_DAC_READ_SEARCH: Permission denied (os error 13)
        hint: run as root, or give gospect cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
    "#]].assert_eq(&ran.stderr.replace(&counter.pid(), "PID").replace(path.to_str().unwrap(), "COUNTER"));
    assert_eq!(ran.status, 3);
    let confined = Confined::nobody_with("+bpf,+perfmon,+sys_ptrace,+dac_read_search");
    let run = ["run", "-p", &counter.pid(), "--duration", "1s", "-e", "go:main.hit { @ = count() }"];
    for args in [&explain[..], &run] {
        let ran = confined.ran(args);
        assert_eq!(ran.status, 0, "{}", ran.seen());
    }
    let mut counter = counter;
    counter.end();
}

#[test]
fn tracefs_that_may_not_be_read_closes_tracepoints_and_its_way_of_attaching() {
    need!(confinable());
    let path = need!(counter_path(Variant::Plain));
    let tracepoint = ["run", "-q", "--duration", "1s", "-e", "tracepoint:sched:sched_process_exit { exit() }"];
    let target = path.display().to_string();
    let by_event = ["run", "-q", "--way", "tracefs", "--target", &target, "-e", "go:main.hit { @ = count() }"];
    let nobody = Confined::nobody_with("+bpf,+perfmon");
    nobody.check(
        &tracepoint,
        expect![[r#"
            error: reading tracepoint sched:sched_process_exit was not permitted: Permission denied (os error 13)
             --> 1:12
              |
            1 | tracepoint:sched:sched_process_exit { exit() }
              |            ^^^^^^^^^^^^^^^^^^^^^^^^
            hint: run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing; see the line `tracefs` of `gospect doctor`
            (exit status 3)"#]],
    );
    let reader = Confined::nobody_with("+bpf,+perfmon,+dac_read_search");
    reader.check(&tracepoint, expect!["(exit status 0)"]);
    // It reads, and does not write.
    let said = reader.ran(&by_event);
    expect![[r#"
        gospect: attaching sites_0 by an event in tracefs was not permitted: Permission denied (os error 13)
        hint: run as root; in a container mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing; see the line `event` of `gospect doctor`
        (exit status 3)"#]].assert_eq(&said.seen());
}

#[test]
fn tracefs_that_is_not_there_is_mounted_by_whoever_may() {
    need!(confinable());
    let path = need!(counter_path(Variant::Plain));
    let target = path.display().to_string();
    let tracepoint = ["run", "-q", "--duration", "1s", "-e", "tracepoint:sched:sched_process_exit { exit() }"];
    let by_event = ["run", "-q", "--way", "tracefs", "-e", "go:main.hit { @ = count() }", "--", &target];
    let gone = "umount -l /sys/kernel/debug/tracing 2>/dev/null || :; umount -l /sys/kernel/tracing";
    let covered = "mount -t tmpfs none /sys/kernel";
    for change in [gone, covered] {
        let whoever = Confined::mounted(change, &[]);
        assert_eq!((whoever.ran(&tracepoint).status, whoever.ran(&by_event).status), (0, 0), "{change}");
        let ran = whoever.ran(&by_event);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{change}");
        let not = Confined::mounted(change, &["setpriv", "--bounding-set", "-sys_admin"]);
        not.check(&tracepoint, expect![[r#"
            error: mounting tracefs was not permitted: Operation not permitted (os error 1)
             --> 1:12
              |
            1 | tracepoint:sched:sched_process_exit { exit() }
              |            ^^^^^^^^^^^^^^^^^^^^^^^^
            hint: run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing; see the line `tracefs` of `gospect doctor`
            (exit status 3)"#]]);
        not.check(&by_event, expect![[r#"
            gospect: mounting tracefs was not permitted: Operation not permitted (os error 1)
            hint: run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing; see the line `tracefs` of `gospect doctor`
            (exit status 3)"#]]);
    }
}

/// A filter as containers have it: bpf(2) is not permitted, or not there. Installed by Perl, which most systems have.
const FILTER: &str = r#"
my ($errno, @command) = @ARGV;
my @code = ([0x20, 0, 0, 0], [0x15, 0, 1, 321], [0x06, 0, 0, 0x50000 + $errno], [0x06, 0, 0, 0x7fff0000]);
my $code = join "", map { pack "SCCL", @$_ } @code;
my $filter = pack "Sx6P", scalar(@code), $code;
syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, $filter) == 0 or die "no filter: $!";
exec @command or die;
"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn a_filter_that_forbids_bpf_is_named() {
    need!(confinable());
    if !Command::new("perl").args(["-e", FILTER, "1", "true"]).status().is_ok_and(|status| status.success()) {
        return Missing { why: "there is no Perl that installs filters".into() }.skip();
    }
    Confined::by(&["perl", "-e", FILTER, "1"]).check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program was not permitted: Operation not permitted (os error 1)
        hint: a container's seccomp profile, a security module or the kernel's lockdown may forbid it; see the line `programs` of `gospect doctor`
        (exit status 3)"#]]);
    Confined::by(&["perl", "-e", FILTER, "38"]).check(&BEGIN, expect![[r#"
        gospect: loading an eBPF program failed: Function not implemented (os error 38)
        hint: a container's seccomp profile, a security module or the kernel's lockdown may forbid it; see the line `programs` of `gospect doctor`
        (exit status 3)"#]]);
}

#[test]
fn too_few_files_are_said_to_be_too_few() {
    need!(confinable());
    Confined::by(&["prlimit", "--nofile=8:8"]).check(
        &BEGIN,
        expect![[r#"
        gospect: making map processes failed: Too many open files (os error 24)
        hint: ulimit -n 1024, or LimitNOFILE=1024 in a unit of systemd; see the line `files` of `gospect doctor`
        (exit status 3)"#]],
    );
}

#[test]
fn what_is_not_needed_is_not_missed() {
    need!(confinable());
    let path = need!(counter_path(Variant::Plain));
    // No right to lock memory either.
    let confine = ["prlimit", "--memlock=0:0", "setpriv", "--bounding-set", "-sys_admin,-sys_ptrace,-sys_resource"];
    for way in WAYS {
        Confined::by(&confine).check(
            &["run", "--way", way, "-e", "go:main.main { @ = count() }", "--", path.to_str().unwrap()],
            expect![[r#"
                ready

                @: 1
                attached 1 probe at 1 site
                1 hit, 0 printed
                ended with the command
                the command exited with status 0
                (exit status 0)"#]],
        );
    }
}
