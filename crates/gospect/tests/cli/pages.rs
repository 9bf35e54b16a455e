//! README.md and docs/scripts.md: that what they show can be typed, and that what it writes has the form that is shown.
//!
//! Times, numbers and values are none of this test's business: columns, fields and names of maps are.

use std::collections::BTreeSet;
use std::ffi::OsString;

use gospect_fixtures::need;

use crate::demo::{Serving, demo};
use crate::run::permitted;
use crate::{Ran, command};

const PAGES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../../README.md")),
    ("docs/scripts.md", include_str!("../../../../docs/scripts.md")),
];

/// A command whose output is shown, and what is shown.
struct Sample {
    command: String,
    shown: String,
}

fn samples(text: &str) -> Vec<Sample> {
    let parts = text.split("<!-- real: ").skip(1);
    let sample = |part: &str| {
        let (command, rest) = part.split_once(" -->\n```\n").expect("a block of code is behind it");
        let (shown, _) = rest.split_once("\n```\n").expect("the block ends");
        Sample { command: command.to_owned(), shown: shown.to_owned() }
    };
    parts.map(sample).collect()
}

/// The commands that stand behind a prompt, which may go on on the lines below.
fn prompted(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let typed = line.strip_prefix("$ ").map(|line| line.strip_prefix("sudo ").unwrap_or(line));
        let Some(typed) = typed.filter(|typed| typed.starts_with("gospect ")) else { continue };
        let mut whole = typed.to_owned();
        while gospect::typed::split(&whole).is_err() {
            whole += &format!("\n{}", lines.next().expect("a quote is closed"));
        }
        commands.push(whole);
    }
    commands
}

/// Up to what the shell does with it.
fn words(line: &str) -> Vec<OsString> {
    let words = gospect::typed::split(line).unwrap();
    words.into_iter().take_while(|word| word != "|" && word != "…").collect()
}

/// What stays of an output when its times, numbers and values change.
fn form(output: &str) -> BTreeSet<String> {
    output.lines().filter_map(form_of_line).collect()
}

fn form_of_line(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_heading =
        |word: &&str| word.chars().all(|c| c.is_ascii_uppercase() || "/%_.()".contains(c) || c.is_ascii_digit());
    let is_field = |word: &&&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let fields = || words.iter().filter(is_field).copied().collect::<Vec<_>>();
    if words.len() > 1 && words.iter().all(is_heading) && words[0].starts_with(|c: char| c.is_ascii_uppercase()) {
        return Some(words.join(" "));
    }
    if line.starts_with("count ") {
        return Some(fields().join(" "));
    }
    line.starts_with('@').then(|| line.split(['[', ':']).next().unwrap_or_default().to_owned())
}

#[test]
fn what_is_shown_can_be_typed() {
    for (page, text) in PAGES {
        let shown = prompted(text);
        assert!(shown.len() > 5, "{page}: {shown:?}");
        for line in shown {
            let (command, _) =
                gospect::parse::parse(words(&line)).unwrap_or_else(|why| panic!("{page}: {line}: {why:?}"));
            assert!(command.is_some(), "{page}: {line}");
        }
    }
}

#[test]
fn samples_are_of_what_they_say_and_have_the_form_of_today() {
    need!(permitted());
    let serving = Serving::start(&mut need!(demo(&["--serve", "--json"])));
    let pid = serving.demo["pid"].to_string();
    let samples: Vec<Sample> = PAGES.iter().flat_map(|(_, text)| samples(text)).collect();
    assert!(samples.len() > 10);
    // A few at a time: all of them would take minutes one by one, and nobody's time to himself together.
    for some in samples.chunks(4) {
        std::thread::scope(|scope| {
            some.iter().for_each(|sample| {
                scope.spawn(|| holds(sample, &pid));
            });
        });
    }
    assert_eq!(serving.ends("-INT").status, 0);
}

fn holds(sample: &Sample, pid: &str) {
    let Sample { command: line, shown } = sample;
    let (prompt, output) = shown.split_once('\n').unwrap_or((shown, ""));
    let shown_pid: String =
        prompt.split("-p ").nth(1).unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(prompt, format!("$ sudo gospect {}", line.replace("PID", &shown_pid)));
    let args = gospect::typed::split(&line.replace("PID", pid)).unwrap();
    let args: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
    assert!(!output.is_empty(), "{line}");
    let run = || Ran::of(command(&args).output().unwrap());
    // What a script deletes may be there or not when it ends.
    let form = |output: &str| {
        let stays = |part: &String| !line.contains(&format!("delete({part}["));
        form(output).into_iter().filter(stays).collect::<BTreeSet<String>>()
    };
    // What comes within seconds is not always of every kind that the sample shows.
    let ran = (0..3).map(|_| run()).find(|ran| form(output) == form(&ran.stdout)).unwrap_or_else(run);
    assert_eq!(ran.status, 0, "{line}: {}", ran.seen());
    assert_eq!(form(output), form(&ran.stdout), "{line}: `cargo xtask readme` writes it anew\n{}", ran.seen());
}

#[test]
fn the_form_of_an_output_is_what_does_not_change() {
    let output =
        "TIME  GOID  CALL\n12:00 7 main.F(n=1) = 2\ncount 12  3/s  mean 1ms  p50 ~2µs\n@n[3]: 7\n@n[4]: 8\nTIME\n";
    let form: Vec<String> = form(output).into_iter().collect();
    assert_eq!(form, ["@n", "TIME GOID CALL", "count mean p50"]);
}
