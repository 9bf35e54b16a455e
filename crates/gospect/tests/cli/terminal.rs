//! What only a terminal sees: colours, and that something goes on which takes long.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, toolchain};

use crate::Ran;

use crate::run::{Counter, permitted};
use crate::running::Scratch;

/// A shell's line on a terminal of its own, `gospect` being the built one; both streams, as they came.
fn on_terminal(line: &str, variables: &[(&str, &str)]) -> Result<String, Missing> {
    let line = line.replace("gospect ", concat!(env!("CARGO_BIN_EXE_gospect"), " "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm");
    let output = script.envs(variables.iter().copied()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Missing { why: format!("script(1), which makes terminals: {error}") })?;
    Ok(Ran::of(output).stdout)
}

/// Whether a colour or a style begins somewhere.
fn is_colored(text: &str) -> bool {
    let codes = text.split("\x1b[").skip(1);
    codes
        .map(|code| code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'))
        .any(|rest| rest.starts_with('m'))
}

fn compiler() -> Result<PathBuf, Missing> {
    let path = toolchain("local")?.root.join("pkg/tool/linux_amd64/compile");
    if path.is_file() { Ok(path) } else { Err(Missing { why: format!("{} is not there", path.display()) }) }
}

#[test]
fn colours_are_there_on_a_terminal_and_not_where_somebody_says_so() {
    let go = need!(compiler());
    let go = go.display();
    // Each has colours where they are wanted.
    let lines = [format!("gospect explain {go} main.main"), "gospect doctor".to_owned(), "gospect ps --jsn".to_owned()];
    for line in &lines {
        assert!(is_colored(&need!(on_terminal(line, &[]))), "{line}");
        assert!(
            is_colored(&need!(on_terminal(&format!("{line} --color=always 2>&1 | cat"), &[("NO_COLOR", "1")]))),
            "{line}"
        );
    }
    let plain = [
        format!("gospect info {go}"),
        format!("gospect list {go} main.main"),
        "gospect help".to_owned(),
        "gospect ps".to_owned(),
    ];
    for line in lines.iter().chain(&plain) {
        for (more, variable) in [("", ("NO_COLOR", "1")), ("", ("TERM", "dumb")), (" --color=never", ("A", "B"))] {
            let text = need!(on_terminal(&format!("{line}{more}"), &[variable]));
            assert!(!is_colored(&text), "{line}{more} {variable:?}: {text:?}");
        }
        assert!(!is_colored(&need!(on_terminal(&format!("{line} 2>&1 | cat"), &[]))), "{line}");
    }
}

#[test]
fn what_takes_over_a_second_is_said_to_go_on_and_the_line_is_gone_then() {
    need!(permitted());
    let go = need!(compiler());
    // Many places take long that way.
    let line = format!("gospect run -t {} --way tracefs -e 'go:* {{ @ = count() }}' --duration 10ms", go.display());
    let (start, text) = (Instant::now(), need!(on_terminal(&line, &[])));
    // Taking them out again counts, too.
    let long = start.elapsed() > Duration::from_secs(5);
    let said = text.rfind("putting probes in place… ");
    assert!(said.is_some() || !long, "{text}");
    if let Some(said) = said {
        let (before, behind) = text[said..].split_once("\r\x1b[K").expect("the line is taken away");
        assert!(!before.contains('\n') && behind.contains("attached "), "{text:?}");
    }
    // Quiet, and for a program that reads JSON, nothing of the kind is written.
    let line = format!("{line} -q --json | tail -n 1");
    let text = need!(on_terminal(&line, &[]));
    assert!(!text.contains("putting") && text.starts_with("{\"type\":\"summary\""), "{text:?}");
}

#[test]
fn values_take_the_columns_that_the_terminal_has_by_then() {
    need!(permitted());
    let arch = need!(Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() }));
    let path = need!(build(&Fixture::new("captured", "1.26", Variant::Plain).on(arch)));
    let scratch = Scratch::new();
    let [ready, narrow] = ["ready", "narrow"].map(|name| scratch.0.join(name));
    let mut captured = Counter::start(&path);
    let line = format!(
        "stty rows 24 cols 300; gospect trace -q -n 2 --ready-fd 9 -p {} main.handle 9>{} & \
         until [ -e {narrow} ]; do sleep 0.02; done; stty cols 60; touch {narrow}.done; wait",
        captured.pid(),
        ready.display(),
        narrow = narrow.display()
    );
    let shown = std::thread::spawn(move || on_terminal(&line, &[]));
    let await_file = |path: &Path| {
        let start = Instant::now();
        while std::fs::metadata(path).map_or(true, |file| file.len() == 0 && path == ready) {
            assert!(start.elapsed() < Duration::from_secs(60), "{} is not there", path.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    await_file(&ready);
    let mut handle = || {
        writeln!(captured.orders.as_ref().unwrap(), "handle 1").unwrap();
        captured.answer();
    };
    handle();
    // It is shown in wide lines by then.
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(&narrow, "").unwrap();
    await_file(&narrow.with_extension("done"));
    handle();
    let text = need!(shown.join().unwrap());
    let calls: Vec<&str> = text.lines().filter(|line| line.contains("main.handle")).collect();
    let [wide, narrow] = calls[..] else { panic!("{text}") };
    assert!(wide.contains(r#"Tags: []string{"one", "two", "three"}"#), "{wide}");
    assert!(narrow.contains(r#"Name: "a name", Tags: []string{…}"#), "{narrow}");
}
