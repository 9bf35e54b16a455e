//! `gospect doctor`, with rights and without.

use crate::running::as_nobody;
use crate::{Ran, command, contract};

/// What it says of each thing, and how it ends.
fn examined(command: &mut std::process::Command) -> (Vec<(String, bool)>, i32) {
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.stderr, "");
    let checks = ran.stdout.lines().map(contract::documented);
    let told = checks.map(|check| {
        assert_eq!(check["fix"].is_null(), check["ok"] == true, "{check}");
        (check["name"].as_str().unwrap().to_owned(), check["ok"] == true)
    });
    (told.collect(), ran.status)
}

#[test]
fn probes_work_exactly_where_nothing_that_they_need_is_missing() {
    let (checks, status) = examined(&mut command(&["doctor", "--json"]));
    // `run` is the proof.
    let runs = crate::gospect(&["run", "-q", "-e", "BEGIN { exit() }"]).status;
    assert_eq!(status, runs, "{checks:?}");
}

#[test]
fn a_user_without_rights_is_told_which() {
    let mut command = command(&["doctor", "--json"]);
    let (checks, status) = examined(as_nobody(&mut command));
    let not_ok: Vec<&str> = checks.iter().filter(|(_, ok)| !ok).map(|(name, _)| name.as_str()).collect();
    assert_eq!(status, 3);
    assert!(not_ok.starts_with(&["rights", "programs", "processes"]), "{not_ok:?}");
}
