//! Lines of `gospect trace`, held one by one against those that a program writes of its own calls: none too many, none
//! missing, none with another call's values.

use std::collections::HashMap;
use std::io::Write;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};

use crate::command;
use crate::run::{Counter, Tracing, permitted};
use crate::running::Scratch;
use crate::trace::untimed;

/// All that the program writes of.
const FUNCTIONS: [&str; 10] = [
    "main.plain",
    "main.(*account).add",
    "main.answer",
    "main.pointed",
    "main.untouched",
    "main.climb",
    "main.guarded",
    "main.risky",
    "main.outer",
    "main.leave",
];

fn fixture(go: &'static str) -> Result<std::path::PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("ledger", go, Variant::Plain).on(arch))
}

/// Lets the program make calls; what it writes of them.
fn calls(ledger: &mut Counter, goroutines: usize, calls: usize) -> Vec<String> {
    writeln!(ledger.orders.as_ref().unwrap(), "{goroutines} {calls}").unwrap();
    let mut lines = Vec::new();
    loop {
        match ledger.answer() {
            line if line == "done" => return lines,
            line => lines.push(line),
        }
    }
}

/// What one has more of than the other.
fn differ(said: &[String], seen: &[String]) -> Vec<String> {
    let mut balance: HashMap<&str, i64> = HashMap::new();
    said.iter().for_each(|line| *balance.entry(line).or_default() += 1);
    seen.iter().for_each(|line| *balance.entry(line).or_default() -= 1);
    let differ = balance.into_iter().filter(|(_, n)| *n != 0).map(|(line, n)| format!("{n:+} {line}"));
    let mut differ: Vec<String> = differ.take(20).collect();
    differ.sort();
    differ
}

/// Traces so many calls as lines in a file, and holds them against the program's own; how many they were.
fn lines_are_the_programs_own(go: &'static str, goroutines: usize, each: usize) -> Result<usize, Missing> {
    let (mut ledger, scratch) = (Counter::start(&fixture(go)?), Scratch::new());
    let (out, pid) = (scratch.0.join("out"), ledger.pid());
    let flags = ["trace", "-p", &pid, "--max-overhead", "off", "--ready-fd", "1", "-o", out.to_str().unwrap()];
    let tracing = Tracing::of(command(&flags).args(FUNCTIONS));
    let said = calls(&mut ledger, goroutines, each);
    let ran = tracing.stop();
    let seen = untimed(&std::fs::read_to_string(out).unwrap());
    assert_eq!(differ(&said, &seen), <[String; 0]>::default(), "{go}: {}", ran.stderr);
    let hits = format!("{0} hits, {0} printed", said.len());
    assert!(ran.stderr.lines().any(|line| line.starts_with(&hits)), "{go}: {}", ran.stderr);
    assert!(!ran.stderr.contains("lost"), "{go}: {}", ran.stderr);
    Ok(said.len())
}

#[test]
fn a_hundred_thousand_calls_are_as_many_lines_each_with_its_own_values() {
    let mut all = need!(lines_are_the_programs_own("1.26", 4, 16_000));
    for go in versions() {
        all += need!(lines_are_the_programs_own(go, 2, 3_000));
    }
    println!("{all} calls");
    assert!(all > 100_000);
}

/// The calls of a round of the program, as flags say.
fn shown(flags: &[&str]) -> Result<Vec<String>, Missing> {
    let mut ledger = Counter::start(&fixture("1.26")?);
    let pid = ledger.pid();
    let functions = ["main.pointed", "main.answer", "main.plain"];
    let tracing = Tracing::of(command(&["trace", "-p", &pid, "--ready-fd", "1"]).args(flags).args(functions));
    calls(&mut ledger, 1, 1);
    Ok(untimed(&tracing.stop().stdout))
}

#[test]
fn values_have_the_columns_that_one_gives_them() {
    let narrow = need!(shown(&["--width", "20"]));
    expect_test::expect![[r#"
        main.plain(w=0, id=1, s="") = (1, nil)
        main.answer(w=0, id=4, r=main.request{Path: "", …+2}) = []string{"", "4"}
        main.pointed(w=0, id=5, r=&main.request{Path: "", …+2}) = (&main.request{Path: "", …+2}, 5)"#]]
    .assert_eq(&narrow.join("\n"));
    let full = need!(shown(&["--full"]));
    assert_eq!(full, need!(shown(&[])), "a pipe has everything");
    let answer = r#"r=main.request{Path: "", Sizes: []int{0, 0}, Tags: map[string]bool{"": true}}"#;
    assert!(full[1].contains(answer), "{}", full[1]);
}
