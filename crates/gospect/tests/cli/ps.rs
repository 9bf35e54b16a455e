//! `gospect ps` next to real Go programs that run.
//!
//! Other Go programs may run on the machine at the same time, so only those from a directory of the test's own count.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use gospect_fixtures::{Missing, Variant, need, toolchain};
use serde_json::Value;

use crate::contract::documented;
use crate::running::{Running, Scratch, as_nobody, is_root, server};
use crate::{Ran, gospect};

/// What the fixture's go.mod says.
const MODULE: &str = "example.com/server";

/// What `gospect ps --json` found that runs from `here`; every line is held against the documentation.
fn rows(here: &Scratch, ran: &Ran) -> Vec<Value> {
    let all = ran.stdout.lines().map(documented);
    all.filter(|row| Path::new(row["path"].as_str().unwrap()).starts_with(&here.0)).collect()
}

/// What a program says that was built by the Go of this release.
fn version(go: &str) -> String {
    toolchain(go).expect("it has built the fixture").version
}

/// As many fields as a test wants to compare, in a form that sorts.
fn facts(row: &Value) -> String {
    ["pid", "go", "module", "stripped", "deleted"].map(|field| row[field].to_string()).join(" ")
}

#[test]
fn exactly_the_go_programs_that_run_are_shown() {
    let plain = need!(server("1.26", Variant::Plain));
    let stripped = need!(server("1.26", Variant::Stripped));
    let old = need!(server("1.21", Variant::PieStripped));
    let here = Scratch::new();
    let mut wanted = Vec::new();
    let (new_go, old_go) = (version("1.26"), version("1.21"));
    let mut start = |path: &Path, go: &str, stripped: bool| {
        let running = Running::server(&mut Command::new(path));
        wanted.push(format!("{} \"{go}\" \"{MODULE}\" {stripped} false", running.pid()));
        running
    };
    let plain = here.copy(&plain, "plain");
    let _running = [
        start(&plain, &new_go, false),
        start(&plain, &new_go, false),
        start(&here.copy(&stripped, "stripped"), &new_go, true),
        start(&here.copy(&old, "old"), &old_go, true),
        Running(Command::new(here.copy(Path::new("/bin/sleep"), "sleep")).arg("600").spawn().unwrap()),
    ];
    let ran = gospect(&["ps", "--json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let found: Vec<String> = rows(&here, &ran).iter().map(facts).collect();
    wanted.sort_by_key(|w| w.split(' ').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(found, wanted);
}

#[test]
fn the_table_has_a_line_for_each_process() {
    let path = need!(server("1.26", Variant::Plain));
    let here = Scratch::new();
    let running = Running::server(&mut Command::new(here.copy(&path, "server")));
    let ran = gospect(&["ps"]);
    assert!(ran.stdout.starts_with(' ') || ran.stdout.starts_with("PID"), "{}", ran.stdout);
    let pid = running.pid().to_string();
    let words = |line: &str| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let line = ran.stdout.lines().map(words).find(|w| w.first() == Some(&pid)).expect("a line");
    assert!(line.contains(&version("1.26")) && line.contains(&MODULE.to_owned()), "{line:?}");
    assert!(gospect(&["ps", "--color", "always"]).stdout.contains("\x1b[1m"), "bold headings");
    assert!(!ran.stdout.contains('\x1b'), "a pipe has no colours");
}

#[test]
fn a_program_whose_file_is_gone_is_still_known() {
    let path = need!(server("1.26", Variant::Stripped));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let running = Running::server(&mut Command::new(&path));
    fs::remove_file(&path).unwrap();
    let rows = rows(&here, &gospect(&["ps", "--json"]));
    let found: Vec<String> = rows.iter().map(facts).collect();
    assert_eq!(found, [format!("{} \"{}\" \"{MODULE}\" true true", running.pid(), version("1.26"))]);
    assert_eq!((&rows[0]["path"], &rows[0]["replaced"]), (&path.to_str().unwrap().into(), &false.into()));
    let text = || {
        let text = gospect(&["ps"]).stdout;
        let line = text.lines().find(|l| l.trim_start().starts_with(&running.pid().to_string()));
        line.unwrap_or_default().to_owned()
    };
    assert!(text().contains("  example.com/server (deleted)  "), "{}", text());
    fs::write(&path, "a new build").unwrap();
    let row = self::rows(&here, &gospect(&["ps", "--json"])).remove(0);
    assert_eq!((&row["deleted"], &row["replaced"]), (&true.into(), &true.into()));
    assert!(text().contains("  example.com/server (replaced)  "), "{}", text());
}

#[test]
fn programs_that_start_and_end_meanwhile_do_no_harm() {
    let path = need!(server("1.26", Variant::Stripped));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let stays = Running::server(&mut Command::new(&path));
    let over = AtomicBool::new(false);
    let runs: Vec<Ran> = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The server ends by itself when it has no input.
            let mut short = Command::new(&path);
            short.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            while !over.load(Ordering::Relaxed) {
                short.status().unwrap();
            }
        });
        let runs = (0..30).map(|_| gospect(&["ps", "--json"])).collect();
        over.store(true, Ordering::Relaxed);
        runs
    });
    for ran in &runs {
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let pids: Vec<Value> = rows(&here, ran).iter().map(|row| row["pid"].clone()).collect();
        assert!(pids.contains(&stays.pid().into()), "{pids:?}");
    }
}

/// Runs gospect as a user without privileges, from a place where that user may read it.
pub fn unprivileged(here: &Scratch, args: &[&str]) -> Ran {
    let mut command = Command::new(here.copy(Path::new(env!("CARGO_BIN_EXE_gospect")), "gospect"));
    command.args(args).stdin(Stdio::null());
    Ran::of(as_nobody(&mut command).output().unwrap())
}

#[test]
fn without_privileges_ones_own_processes_are_shown_with_what_is_missing() {
    let path = need!(server("1.26", Variant::Plain));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let own = Running::server(as_nobody(&mut Command::new(&path)));
    let other = Running::server(&mut Command::new(&path));
    let ran = unprivileged(&here, &["ps", "--json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let rows = rows(&here, &ran);
    let row = rows.iter().find(|row| row["pid"] == own.pid()).expect("its own process");
    assert_eq!(row["traceable"], false);
    assert!(row["why"].as_str().unwrap().contains("gospect lacks CAP_BPF and CAP_PERFMON"), "{row}");
    if is_root() {
        assert!(rows.iter().all(|row| row["pid"] != other.pid()), "root's process cannot be looked at");
        let (count, why) = ran.stderr.split_once(" processes of ").expect("it is told whose");
        assert!(count.starts_with("gospect: ") && why.starts_with("root"), "{}", ran.stderr);
        assert!(
            why.contains(" were not looked at: gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH\n"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.ends_with("hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search\n"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn with_privileges_everything_that_is_tested_can_be_traced() {
    let path = need!(server("1.26", Variant::Plain));
    if !is_root() {
        return Missing { why: "this test needs root".into() }.skip();
    }
    let here = Scratch::new();
    let running = Running::server(as_nobody(&mut Command::new(here.copy(&path, "server"))));
    let rows = rows(&here, &gospect(&["ps", "--json"]));
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["pid"], &rows[0]["traceable"]), (&running.pid().into(), &Value::Bool(true)), "{}", rows[0]);
}

#[test]
fn no_go_process_is_said_in_words() {
    // A pid namespace with nothing in it but gospect.
    let apart = |args: &[&str]| -> std::io::Result<Output> {
        let mut command = Command::new("unshare");
        command.stdin(Stdio::null());
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]).args(args).output()
    };
    match apart(&["true"]) {
        Ok(output) if output.status.success() => {}
        _ => return Missing { why: "pid namespaces cannot be made here".into() }.skip(),
    }
    let ran = Ran::of(apart(&[env!("CARGO_BIN_EXE_gospect"), "ps"]).unwrap());
    expect_test::expect![[r#"
        gospect: no Go process was found
        (exit status 1)"#]]
    .assert_eq(&ran.seen());
}
