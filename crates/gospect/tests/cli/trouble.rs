//! `gospect run` where something is in its way: rights, room, readers and targets that go away. What it says then, its
//! exit status, and that no probe stays.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::{Expect, expect};
use gospect_fixtures::{Missing, Variant, need};

use crate::run::{Counter, Tracing, WAYS, code, counter_path, permitted};
use crate::running::{Scratch, as_nobody, is_root};
use crate::{Ran, command};

/// What a gospect with fewer rights says: `confine` is a command that takes rights away and runs what stands behind it.
fn check_confined(confine: &[&str], args: &[&str], expect: Expect) {
    let mut command = Command::new(confine[0]);
    let output =
        command.args(&confine[1..]).arg(env!("CARGO_BIN_EXE_gospect")).args(args).stdin(Stdio::null()).output();
    expect.assert_eq(&Ran::of(output.unwrap()).seen());
}

/// Nothing where rights can be taken away.
fn confinable() -> Result<(), Missing> {
    permitted()?;
    let tried = Command::new("setpriv").args(["--bounding-set", "-bpf", "true"]).status();
    match is_root() && tried.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(Missing { why: "there is no setpriv that takes rights away".into() }),
    }
}

#[test]
fn without_rights_nothing_is_measured() {
    need!(confinable());
    check_confined(
        &["setpriv", "--bounding-set", "-sys_admin,-perfmon"],
        &["bench"],
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]],
    );
}

const BEGIN: [&str; 3] = ["run", "-e", "BEGIN { exit() }"];

#[test]
fn without_rights_the_missing_ones_are_named() {
    need!(confinable());
    let without = |capabilities: &'static str| ["setpriv", "--bounding-set", capabilities];
    check_confined(
        &without("-sys_admin,-bpf"),
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]],
    );
    check_confined(
        &without("-sys_admin,-perfmon"),
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]],
    );
    check_confined(
        &without("-sys_admin,-perfmon,-bpf"),
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]],
    );
}

#[test]
fn in_a_user_namespace_no_right_helps() {
    need!(confinable());
    if !Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|status| status.success()) {
        return Missing { why: "this machine allows no user namespaces".into() }.skip();
    }
    check_confined(
        &["unshare", "-Ur"],
        &BEGIN,
        expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect runs in a user namespace, where the kernel allows no eBPF: Operation not permitted (os error 1)
        hint: run gospect outside of the container, or in one that shares the host's user namespace
        (exit status 3)"#]],
    );
}

#[test]
fn nobody_may_trace_nothing_and_hears_why() {
    need!(permitted());
    let scratch = Scratch::new();
    let gospect = scratch.copy(Path::new(env!("CARGO_BIN_EXE_gospect")), "gospect");
    let mut command = Command::new(gospect);
    let ran = Ran::of(as_nobody(command.args(BEGIN).stdin(Stdio::null())).output().unwrap());
    expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]].assert_eq(&ran.seen());
}

#[test]
fn a_tracepoint_that_may_not_be_read_is_a_refusal() {
    need!(confinable());
    let scratch = Scratch::new();
    let gospect = scratch.copy(Path::new(env!("CARGO_BIN_EXE_gospect")), "gospect");
    let ran = |capabilities: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", capabilities]);
        command.args(["--ambient-caps", capabilities]).arg(&gospect).current_dir("/").stdin(Stdio::null());
        let text = "tracepoint:sched:sched_process_exit { @ = count() }";
        Ran::of(command.args(["run", "-e", text]).output().unwrap()).seen()
    };
    expect![[r#"
        error: reading tracepoint sched:sched_process_exit was not permitted: Permission denied (os error 13)
         --> 1:12
          |
        1 | tracepoint:sched:sched_process_exit { @ = count() }
          |            ^^^^^^^^^^^^^^^^^^^^^^^^
        (exit status 3)"#]]
    .assert_eq(&ran("+bpf,+perfmon"));
    expect![[r#"
        gospect: loading an eBPF program was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
        hint: run as root, or give gospect cap_bpf,cap_perfmon
        (exit status 3)"#]].assert_eq(&ran("+bpf"));
}

#[test]
fn what_is_not_needed_is_not_missed() {
    need!(confinable());
    let path = need!(counter_path(Variant::Plain));
    // No right to lock memory either.
    let confine = ["prlimit", "--memlock=0:0", "setpriv", "--bounding-set", "-sys_admin,-sys_ptrace,-sys_resource"];
    for way in WAYS {
        let args = ["run", "--way", way, "-e", "go:main.main { @ = count() }", "--", path.to_str().unwrap()];
        check_confined(
            &confine,
            &args,
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

#[test]
fn a_full_disk_does_not_swallow_what_was_gathered() {
    need!(permitted());
    let check = |args: &[&str], expect: Expect| expect.assert_eq(&crate::gospect(args).seen());
    let text = "BEGIN { printf(\"x\\n\"); @n = 3 } interval:ms:1 { exit() } END { printf(\"end\\n\") }";
    check(
        &["run", "-q", "-o", "/dev/full", "-e", text],
        expect![[r#"
        x
        end

        @n: 3
        gospect: /dev/full cannot be written to: No space left on device (os error 28)
        hint: what was gathered and had no room there is on standard output
        (exit status 3)"#]],
    );
    check(
        &["run", "-o", "/dev/full", "-e", "BEGIN { @n = 3; exit() }"],
        expect![[r#"

            @n: 3
            attached 1 probe at 0 sites
            0 hits, 0 printed
            ended by exit()
            gospect: /dev/full cannot be written to: No space left on device (os error 28)
            hint: what was gathered and had no room there is on standard output
            (exit status 3)"#]],
    );
    check(
        &["run", "-B", "full", "-o", "/dev/full", "-e", text],
        expect![[r#"
            x
            end

            @n: 3
            attached 3 probes at 0 sites
            0 hits, 2 printed
            ended by exit()
            gospect: /dev/full cannot be written to: No space left on device (os error 28)
            hint: what was gathered and had no room there is on standard output
            (exit status 3)"#]],
    );
    let mut command = command(&["run", "-e", text]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap());
    expect![[r#"
        attached 3 probes at 0 sites
        x
        end

        @n: 3
        0 hits, 2 printed
        ended because something could not be written
        gospect: standard output cannot be written to: No space left on device (os error 28)
        hint: what was gathered and had no room there is on standard error
        (exit status 3)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn what_has_no_room_on_a_small_disk_is_shown_from_where_it_was_full() {
    need!(confinable());
    let scratch = Scratch::new();
    let text =
        "interval:us:500 { @n++; printf(\"line %d of them all, with some words behind it to fill the disk\\n\", @n) }";
    // A file system of four pages that only this shell sees.
    let script =
        "mkdir small && mount -t tmpfs -o size=16k small small && \"$0\" \"$@\"; echo $? >status; cp small/out out";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_gospect")]);
    command.args(["run", "-q", "-o", "small/out", "-e", text]).current_dir(&scratch.0).stdin(Stdio::null());
    let ran = Ran::of(command.output().unwrap());
    let file = fs::read_to_string(scratch.0.join("out")).unwrap();
    assert_eq!((file.len(), fs::read_to_string(scratch.0.join("status")).unwrap().as_str()), (16 << 10, "3\n"));
    expect![[r#"
        gospect: small/out cannot be written to: No space left on device (os error 28)
        hint: what was gathered and had no room there is on standard output
    "#]]
    .assert_eq(&ran.stderr);
    let all = file + &ran.stdout;
    let lines: Vec<&str> = all.lines().take_while(|line| !line.is_empty()).collect();
    for (n, line) in (1..).zip(&lines) {
        assert_eq!(*line, format!("line {n} of them all, with some words behind it to fill the disk"));
    }
    assert!(all.ends_with(&format!("\n\n@n: {}\n", lines.len())), "{} lines, then {:.200}", lines.len(), ran.stdout);
}

#[test]
fn a_reader_that_goes_away_takes_the_probes_with_it() {
    let path = need!(counter_path(Variant::Plain));
    for way in WAYS {
        let mut counter = Counter::start(&path);
        let before = code(counter.child.id(), &path);
        let text = "go:main.hit { printf(\"%d\\n\", args.n); @ = count() } END { printf(\"end\\n\") }";
        let mut child = command(&["run", "--way", way, "-p", &counter.pid(), "--ready-fd", "1", "-e", text]);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "");
        counter.calls(1, 10);
        assert_eq!(lines.next().unwrap().unwrap(), "0");
        drop(lines);
        counter.calls(1, 10);
        let ran = Ran::of(child.wait_with_output().unwrap());
        expect![[r#"
            attached 2 probes at 1 site
            gospect: ended because nobody reads the output any more
            (exit status 0)"#]]
        .assert_eq(&ran.seen());
        assert!(code(counter.child.id(), &path) == before, "{way}: probes are still there");
    }
}

#[test]
fn whoever_asks_it_to_end_gets_the_whole_end() {
    let path = need!(counter_path(Variant::Plain));
    for (signal, said) in [("-INT", "Ctrl-C (SIGINT)"), ("-TERM", "SIGTERM"), ("-HUP", "SIGHUP")] {
        let mut counter = Counter::start(&path);
        let before = code(counter.child.id(), &path);
        let tracing =
            Tracing::start(&["-p", &counter.pid(), "-e", "go:main.hit { @ = count() } END { printf(\"end\\n\") }"]);
        counter.calls(2, 30);
        tracing.signal(signal);
        let ran = tracing.ended();
        assert_eq!(
            ran.seen(),
            format!("end\n\n@: 60\nattached 2 probes at 1 site\n60 hits, 1 printed\nended by {said}\n(exit status 0)")
        );
        assert!(code(counter.child.id(), &path) == before, "{signal}: probes are still there");
    }
}

#[test]
fn a_target_that_ends_while_probes_are_put_in_place_is_told_of() {
    let path = need!(counter_path(Variant::Plain));
    let mut told = std::collections::BTreeSet::new();
    for n in 0..24 {
        let counter = Counter::start(&path);
        let pid = counter.pid();
        let mut child = command(&["run", "-p", &pid, "-e", "go:main.hit, goret:main.* { @ = count() }"]);
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(4 * n));
        drop(counter);
        told.insert(Ran::of(child.wait_with_output().unwrap()).seen().replace(&pid, "PID"));
    }
    let known = [
        "gospect: there is no process with PID PID\n\
         hint: `gospect ps` shows the Go processes that are running\n(exit status 3)",
        "gospect: PID PID has ended and waits for its parent to notice (zombie), it has no program file any more\n\
         (exit status 3)",
        "gospect: PID PID ended before the probes were in place\n(exit status 3)",
        "attached 8 probes at 12 sites\n0 hits, 0 printed\nended with the process\n(exit status 0)",
    ];
    assert!(told.iter().all(|told| known.contains(&told.as_str())), "{told:#?}");
}
