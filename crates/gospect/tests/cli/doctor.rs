//! `gospect doctor`, with rights and without. Which of its lines explain what other commands refuse is in `confined`.

use gospect_fixtures::need;
use session::check::Line;

use crate::run::permitted;
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
    let expected = ["rights", "programs", "attaching", "link", "event", "cost", "processes"];
    assert!(not_ok.starts_with(&expected), "{not_ok:?}");
}

#[test]
fn each_line_is_there_once_and_in_order() {
    let (checks, _) = examined(&mut command(&["doctor", "--json"]));
    let place = |name: &str| Line::ALL.iter().position(|line| line.name() == name);
    let places: Vec<usize> = checks.iter().map(|(name, _)| place(name).unwrap()).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{checks:?}");
    // Not every kernel has a lockdown, nor every `/proc` says what the others say.
    assert!(places.starts_with(&(0..=Line::Tracefs as usize).collect::<Vec<_>>()), "{checks:?}");
    let docs = include_str!("../../../../docs/json.md");
    for line in Line::ALL {
        assert!(docs.contains(&format!("| `{line}` | ")), "docs/json.md does not tell of {line}");
    }
}

#[test]
fn probes_are_tried_by_each_way_and_what_a_hit_costs_is_said() {
    need!(permitted());
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let ran = crate::gospect(&["doctor"]);
    let line = |name: &str| ran.stdout.lines().find(|line| line.starts_with(&format!("ok  {name} "))).unwrap();
    let calls = "in a process of gospect's own saw all its 12500 calls";
    assert!(line("event").ends_with(&format!("probes by an event in tracefs {calls}")), "{}", ran.stdout);
    let link = line("link");
    assert!(link.ends_with(calls) || link.contains("not tried: this kernel has none"), "{link}");
    let cost = line("cost");
    let micros: Vec<f64> = cost.split(" µs").filter_map(|part| part.rsplit(' ').next()?.parse().ok()).collect();
    assert!(micros.len() == 2 && micros.iter().all(|&cost| 0.0 < cost && cost < 1000.0), "{cost}");
}
