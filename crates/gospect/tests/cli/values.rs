//! The values of recorded calls, held against what a program says that it called its functions with and what they gave
//! back.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};

use crate::command;
use crate::contract::documented;
use crate::run::permitted;
use crate::running::Scratch;

/// Pointers that are followed, bytes of a string and elements that are shown.
struct Limits {
    depth: u8,
    strlen: u16,
    elems: u16,
}

/// What is usual.
const USUAL: Limits = Limits { depth: 2, strlen: 64, elems: 16 };

/// Longer than it takes to look at the last record.
const LOOKED_UP: Duration = Duration::from_millis(500);

/// What a program writes of its own calls.
fn said(mut program: Command, limits: &Limits) -> Vec<String> {
    let Limits { depth, strlen, elems } = limits;
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{depth} {strlen} {elems}").unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines = lines.take_while(|line| line != "done true").filter(|line| line.starts_with("main.")).collect();
    // What its runtime has made is looked up in its memory while it is there.
    std::thread::sleep(LOOKED_UP);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    lines
}

/// The name of the function: parentheses may be part of it.
fn function(line: &str) -> &str {
    let from = if line.starts_with("main.(*") { line.find(')').unwrap() } else { 0 };
    &line[..from + line[from..].find('(').unwrap()]
}

fn fixture(go: &'static str, variant: Variant) -> Result<std::path::PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("values", go, variant).on(arch))
}

fn values_are_what_the_program_says(path: &Path, limits: &Limits, flags: &[&str]) {
    let functions: BTreeSet<String> =
        said(Command::new(path), limits).iter().map(|line| function(line).to_owned()).collect();
    assert!(functions.len() > 200, "{}", functions.len());
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    let mut gospect = command(&["trace", "-q", "--json", "--no-redact", "--as-root", "-o", out.to_str().unwrap()]);
    gospect.args(flags).args(&functions).arg("--").arg(path);
    let said = said(gospect, limits);
    let lines = std::fs::read_to_string(out).unwrap();
    let objects: Vec<_> = lines.lines().map(documented).collect();
    let calls = objects.iter().filter(|object| object["type"] == "call");
    let seen: Vec<&str> = calls.map(|call| call["text"].as_str().unwrap()).collect();
    let differ =
        said.iter().zip(&seen).filter(|(said, seen)| said != *seen).map(|(said, seen)| format!("-{said}\n+{seen}"));
    let differ: Vec<String> = differ.take(10).collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert_eq!(said.len(), seen.len());
    let summary = objects.last().unwrap();
    let count = |field: &str| summary[field].as_u64().unwrap();
    assert_eq!(["lost", "damaged", "open", "unended"].map(count), [0; 4]);
    assert_eq!([count("hits"), count("printed")], [said.len() as u64; 2]);
}

fn values_of_every_shape(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie] {
        values_are_what_the_program_says(&need!(fixture(go, variant)), &USUAL, &[]);
    }
}
on_every_go!(values_of_every_shape);

/// The layout of maps before and after, and every depth at which something else is left out.
#[test]
fn values_as_deep_as_asked_for() {
    for go in ["1.23", "1.27"] {
        let path = need!(fixture(go, Variant::Plain));
        for depth in [0, 1, 3, 6] {
            let (limits, typed) = (Limits { depth, ..USUAL }, depth.to_string());
            values_are_what_the_program_says(&path, &limits, &["--capture", "16000", "--depth", &typed]);
        }
        let limits = Limits { strlen: 20, ..USUAL };
        values_are_what_the_program_says(&path, &limits, &["--strlen", "20"]);
    }
}

/// What gospect shows of a stripped program, without moments and durations.
fn seen_of_stripped(path: &Path, flags: &[&str]) -> (Vec<String>, Vec<String>) {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    let mut gospect = command(&["trace", "-q", "--json", "--no-redact", "--as-root", "-o", out.to_str().unwrap()]);
    gospect.args(flags).arg("--").arg(path);
    let said = said(gospect, &USUAL);
    let lines = std::fs::read_to_string(out).unwrap();
    let calls = lines.lines().map(documented).filter(|object| object["type"] == "call");
    let shown = |call: &serde_json::Value| {
        assert_eq!(call["guess"], call["text"].as_str().unwrap().contains("?"));
        call["text"].as_str().unwrap().to_owned()
    };
    (said, calls.map(|call| shown(&call)).collect())
}

/// Methods that the runtime knows have types, other functions words.
#[test]
fn stripped_programs_show_what_is_known() {
    let path = need!(fixture("1.26", Variant::Stripped));
    let functions = ["main.(*tree).Insert", "main.twoResults", "main.color.String", "main.(*codeError).Error"];
    let (_, seen) = seen_of_stripped(&path, &functions);
    let typed: Vec<&String> = seen.iter().filter(|line| !line.contains("?")).collect();
    expect_test::expect![[r#"
        [
            "main.color.String(arg0=1) = \"color1\"",
            "main.(*codeError).Error(arg0=&main.codeError{Code: 1, Text: \"one\"}) = \"one\"",
        ]
    "#]]
    .assert_debug_eq(&typed);
    let [words, _, _, method] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(words, "main.twoResults(arg0=0x5?) = (…)");
    assert!(method.starts_with("main.(*tree).Insert(arg0=0x") && method.ends_with("?, arg1=0x9?) = (…)"), "{method}");
}

/// `-1` as the words of so many bytes have it.
fn raw(number: &str, bytes: u32) -> String {
    let number: i128 = number.parse().unwrap();
    format!("{:#x}", number as u128 & ((1 << (8 * bytes)) - 1))
}

fn raw_words_are_the_arguments(go: &'static str) {
    let path = need!(fixture(go, Variant::Stripped));
    let sizes =
        [("main.oneInt", 8), ("main.oneInt8", 1), ("main.oneInt16", 2), ("main.oneInt32", 4), ("main.oneUint64", 8)];
    let (said, seen) = seen_of_stripped(&path, &sizes.map(|(name, _)| name));
    let words = said.iter().filter_map(|line| {
        let (name, size) = sizes.into_iter().find(|(name, _)| function(line) == *name)?;
        let (_, number) = line.split_once("(a=")?;
        Some(format!("{name}(arg0={}?) = (…)", raw(number.split_once(')')?.0, size)))
    });
    assert_eq!(seen, words.collect::<Vec<_>>(), "{go}");
    assert_eq!(seen.len(), 11, "{seen:?}");
}
on_every_go!(raw_words_are_the_arguments);
