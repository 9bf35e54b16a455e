//! `gospect bench`: that every figure is there and makes sense. How large they are is not tested: machines differ, and
//! what else they do.

use std::fs;
use std::process::Command;

use expect_test::expect;
use gospect_fixtures::{Missing, need};
use serde_json::Value;

use crate::run::permitted;
use crate::running::Scratch;
use crate::{Ran, command, gospect, objects};

/// Nothing where there is something to measure with.
fn measurable() -> Result<(), Missing> {
    permitted()?;
    match cfg!(target_arch = "x86_64") {
        true => Ok(()),
        false => Err(Missing { why: "gospect bench is for amd64".into() }),
    }
}

/// What a line is about.
fn about(line: &Value) -> String {
    let fields = ["what", "site", "body", "tool", "sites"].map(|field| &line[field]);
    let fields = fields.into_iter().filter(|field| !field.is_null());
    fields.map(|field| field.as_str().map_or_else(|| field.to_string(), str::to_owned)).collect::<Vec<_>>().join(" ")
}

/// Each figure is a number above zero, each loss zero.
fn check_figures(lines: &[Value]) {
    for line in lines {
        let object = line.as_object().unwrap();
        let figures = ["ns", "ratio", "times", "ms", "events_per_s"].iter().filter_map(|name| object.get(*name));
        let figures: Vec<f64> = figures.map(|figure| figure.as_f64().unwrap()).collect();
        assert!(!figures.is_empty() && figures.iter().all(|figure| *figure > 0.0), "{line}");
        assert!(object.get("lost").is_none_or(|lost| lost == 0), "{line}");
    }
}

const ALL: &str = "\
hit emulated empty
hit emulated count
hit emulated event4
hit emulated hist
hit emulated words
hit emulated struct
hit emulated handler
hit stepped empty
hit stepped count
hit stepped event4
hit stepped hist
attach 1
attach 1000
attach 10000
detach 1
detach 1000
detach 10000
ring
text";

#[test]
fn every_figure_is_there_once() {
    need!(measurable());
    let lines = objects(&["bench", "--quick", "--seconds", "1"]);
    assert_eq!(lines.iter().map(about).collect::<Vec<_>>().join("\n"), ALL);
    check_figures(&lines);
    assert_eq!(lines[0]["ratio"], 1.0);
}

#[test]
fn text_has_a_table_for_each_kind_of_figure() {
    need!(measurable());
    let ran = gospect(&["bench", "--seconds", "1"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let words = |line: &str| line.split_whitespace().filter(|word| !digits(word)).collect::<Vec<_>>().join(" ");
    let text: Vec<String> = ran.stdout.lines().map(words).collect();
    expect![[r#"
        engine: kernel
        SITE BODY NS A HIT RATIO
        emulated empty
        emulated count
        emulated event4
        emulated hist
        emulated words
        emulated struct
        emulated handler
        stepped empty
        stepped count
        stepped event4
        stepped hist

        CHANGE SITES MS
        attach
        attach
        attach
        detach
        detach
        detach

        EVENTS A SECOND LOST
        through the ring
        written as text"#]]
    .assert_eq(&text.join("\n"));
}

/// One after the other: bpftrace 0.17 counts in every process of a file, so also what another of these tests has called.
#[test]
fn bpftrace_is_measured_beside_it_or_it_is_said_why_not() {
    need!(measurable());
    let ran = Ran::of(command(&["bench", "--vs", "bpftrace"]).env("PATH", "/nonexistent").output().unwrap());
    expect![[r#"
        gospect: bpftrace cannot be started: No such file or directory (os error 2)
        (exit status 3)"#]]
    .assert_eq(&ran.seen());
    let ran = with_bpftrace("#!/bin/sh\necho No probes to attach >&2\n");
    expect![[r#"
        gospect: bpftrace ended before its probe was in place
        hint: it said: No probes to attach
        (exit status 3)"#]]
    .assert_eq(&ran.seen());
    let ran = with_bpftrace("#!/bin/sh\n[ \"$1\" = --version ] && exit\necho @: 7\nexec /bin/sleep 60\n");
    let (why, _) = ran.stderr.split_once(" were made").unwrap();
    let why = why.trim_end_matches(|c: char| c.is_ascii_digit());
    assert_eq!((why, ran.status), ("gospect: bpftrace counted 7 calls where ", 3));
    let there_is = Command::new("bpftrace").arg("--version").output().is_ok();
    need!(if there_is { Ok(()) } else { Err(Missing { why: "there is no bpftrace".into() }) });
    let lines = objects(&["bench", "--seconds", "1", "--vs", "bpftrace"]);
    let versus = &lines[11];
    assert!(about(versus).starts_with("vs bpftrace v"), "{versus}");
    let without: Vec<String> = lines.iter().filter(|line| line["what"] != "vs").map(about).collect();
    assert_eq!(without.join("\n"), ALL);
    check_figures(&lines);
}

/// What comes of it with this program as bpftrace.
fn with_bpftrace(text: &str) -> Ran {
    let scratch = Scratch::new();
    let written = scratch.0.join("written");
    fs::write(&written, text).unwrap();
    scratch.copy(&written, "bpftrace");
    let mut command = command(&["bench", "--seconds", "1", "--vs", "bpftrace"]);
    Ran::of(command.env("PATH", &scratch.0).output().unwrap())
}

#[test]
fn times_are_in_bounds() {
    let ran = gospect(&["bench", "--seconds", "51"]);
    expect![[r#"
        gospect: `51` cannot be the value of `--seconds`: it is not from 1 to 50
        hint: `gospect help bench` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&ran.seen());
    let ran = gospect(&["bench", "main.f"]);
    expect![[r#"
        gospect: `main.f` is one argument too many
        hint: `gospect help bench` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&ran.seen());
    let ran = gospect(&["bench", "--vs", "dtrace"]);
    expect![[r#"
        gospect: `dtrace` cannot be the value of `--vs`
        hint: it takes `bpftrace`
        (exit status 2)"#]]
    .assert_eq(&ran.seen());
}

#[cfg(not(target_arch = "x86_64"))]
#[test]
fn on_other_machines_it_says_so() {
    expect![[r#"
        gospect: gospect carries nothing to measure probes with for this machine, only for amd64
        (exit status 3)"#]]
    .assert_eq(&gospect(&["bench"]).seen());
}
