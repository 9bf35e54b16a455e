//! `gospect run` where something is in its way: room, readers and targets that go away. What it says then, its exit
//! status, and that no probe stays. What rights have to do with it is in `confined`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::{Expect, expect};
use gospect_fixtures::{Variant, need};

use crate::confined::confinable;
use crate::run::{Counter, Tracing, WAYS, code, counter_path, permitted};
use crate::running::Scratch;
use crate::{Ran, command};

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
    // A copy, which no other test probes.
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
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
    // A copy, which no other test probes.
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
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
        "gospect: PID PID ended while it was looked at\n\
         hint: `gospect ps` shows the Go processes that are running\n(exit status 3)",
        "gospect: PID PID ended before the probes were in place\n(exit status 3)",
        "attached 8 probes at 12 sites\n0 hits, 0 printed\nended with the process\n(exit status 0)",
    ];
    assert!(told.iter().all(|told| known.contains(&told.as_str())), "{told:#?}");
}
