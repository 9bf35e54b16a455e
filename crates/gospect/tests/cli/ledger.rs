//! Lines of `gospect trace`, held one by one against those that a program writes of its own calls: none too many, none
//! missing, none with another call's values.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};

use crate::command;
use crate::run::{Counter, Tracing, objects, permitted};
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

/// A text of the program's lines, as JSON shows it in a key.
fn in_a_key(quoted: &str) -> String {
    match quoted.split_once("\"…") {
        Some((start, _)) => format!("{}…", start.trim_start_matches('"')),
        None => {
            serde_json::from_str(&quoted.replace("\\xff\\xfe", "\u{fffd}\u{fffd}").replace("\\x00", "\\u0000")).unwrap()
        }
    }
}

#[test]
fn what_a_call_began_with_tells_its_duration_apart() {
    for go in versions() {
        let mut ledger = Counter::start(&need!(fixture(go)));
        let pid = ledger.pid();
        let flags = ["hist", "-p", &pid, "--max-overhead", "off", "--ready-fd", "1", "--json", "--by", "args.s"];
        let tracing = Tracing::of(command(&flags).arg("main.plain"));
        let said = calls(&mut ledger, 2, 3_000);
        let ran = tracing.stop();
        let mut counts = BTreeMap::<String, u64>::new();
        for line in said.iter().filter_map(|line| line.strip_prefix("main.plain(")) {
            let text = line.split_once("s=").unwrap().1.rsplit_once(") = ").unwrap().0;
            *counts.entry(in_a_key(text)).or_default() += 1;
        }
        let hists = objects(&ran).into_iter().filter(|object| object["type"] == "func_hist");
        let seen = hists.map(|hist| (hist["key"].as_str().unwrap().to_owned(), hist["count"].as_u64().unwrap()));
        assert_eq!(seen.collect::<BTreeMap<_, _>>(), counts, "{go}");
        assert!(counts.len() == 7 && counts.values().sum::<u64>() > 200, "{counts:?}");
    }
}

#[test]
fn a_return_tells_texts_and_numbers_that_its_own_call_began_with() {
    let mut ledger = Counter::start(&need!(fixture("1.26")));
    let pid = ledger.pid();
    let script = "goret:main.answer /args.r.Path != \"\" && str(args.r.Path, 3) == \"two\"/ \
                  { printf(\"%d %d %s\\n\", args.w, args.id, args.r.Path); }";
    let tracing = Tracing::of(&mut command(&["run", "-p", &pid, "--ready-fd", "1", "-e", script]));
    let said = calls(&mut ledger, 2, 1_000);
    let ran = tracing.stop();
    let mut own: Vec<String> = said
        .iter()
        .filter(|line| line.starts_with("main.answer(") && line.contains(r#"Path: "two words""#))
        .map(|line| {
            let number = |name: &str| line.split_once(name).unwrap().1.split(',').next().unwrap().to_owned();
            format!("{} {} two words", number("w="), number("id="))
        })
        .collect();
    let mut seen: Vec<String> = ran.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    own.sort();
    seen.sort();
    assert_eq!((seen, own.len() > 10), (own, true));
}
