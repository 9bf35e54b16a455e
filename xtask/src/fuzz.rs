//! Mutates the saved inputs of `fuzz/corpus` for as long as one likes, on stable Rust: the same run as
//! `crates/gobin/tests/foreign_bytes.rs` makes on every `cargo test`, but from another beginning each time. Inputs that
//! fail are kept, and the test says where; in `fuzz/corpus` under a name of their own they are tried on every run.
//!
//! libFuzzer, which finds its way by what the code does, needs nightly Rust: `cargo +nightly fuzz run -s none TARGET`.

use std::process::{Command, Stdio};

use crate::root;

/// How long a target runs if nobody says.
const SECONDS: u64 = 60;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    /// All of them if none is named.
    target: Option<String>,
    seconds: u64,
}

/// `cargo xtask fuzz [TARGET] [--seconds N]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let asked = Asked::parse(args)?;
    let mut chosen = Vec::new();
    for (target, test) in tests()? {
        if asked.target.as_ref().is_none_or(|name| *name == target) {
            chosen.push(test);
        }
    }
    if chosen.is_empty() {
        let names: Vec<String> = tests()?.into_iter().map(|(target, _)| target).collect();
        return Err(format!("there is no such target; there are {}", names.join(", ")));
    }
    // One after the other: each input's memory is measured.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["test", "--package", "gobin", "--test", "foreign_bytes", "--locked", "--"]);
    cargo.args(["--exact", "--nocapture", "--test-threads=1"]).args(&chosen);
    cargo.env("GOSPECT_FUZZ_SECONDS", asked.seconds.to_string()).stdin(Stdio::null());
    let status = cargo.status().map_err(|err| format!("cargo could not be started: {err}"))?;
    Ok(status.success())
}

/// Every target with its test, as the tests' source has them.
fn tests() -> Result<Vec<(String, String)>, String> {
    let path = root().join("crates/gobin/tests/foreign_bytes.rs");
    let text = std::fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(calls(&text))
}

/// Lines such as `check("a_test", "target", 100);`.
fn calls(text: &str) -> Vec<(String, String)> {
    let call = |line: &str| {
        let (test, rest) = line.trim().strip_prefix("check(\"")?.split_once("\", \"")?;
        Some((rest.split_once('"')?.0.to_owned(), test.to_owned()))
    };
    text.lines().filter_map(call).collect()
}

impl Asked {
    fn parse(args: &[String]) -> Result<Asked, String> {
        let mut asked = Asked { target: None, seconds: SECONDS };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let number = args.next().and_then(|n| n.parse().ok());
                    asked.seconds = number.ok_or("`--seconds` takes a number")?;
                }
                name if asked.target.is_none() && !name.starts_with('-') => asked.target = Some(name.to_owned()),
                other => return Err(format!("unexpected argument `{other}`")),
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_are_read_in_any_order() {
        let parse = |text: &str| Asked::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let dwarf = Ok(Asked { target: Some("dwarf".to_owned()), seconds: 5 });
        assert_eq!((parse("dwarf --seconds 5"), parse("--seconds 5 dwarf")), (dwarf.clone(), dwarf));
        assert_eq!(parse(""), Ok(Asked { target: None, seconds: SECONDS }));
        assert_eq!(parse("--seconds x"), Err("`--seconds` takes a number".to_owned()));
        assert_eq!(parse("a b"), Err("unexpected argument `b`".to_owned()));
    }

    #[test]
    fn the_targets_are_found_in_the_tests() {
        let all: Vec<String> = tests().expect("the source is there").into_iter().map(|(target, _)| target).collect();
        assert!(all.contains(&"dwarf".to_owned()) && all.contains(&"names".to_owned()), "{all:?}");
        assert_eq!(calls("    check(\"a_b\", \"x\", 10);\n  check(y)\n"), [("x".to_owned(), "a_b".to_owned())]);
    }
}
