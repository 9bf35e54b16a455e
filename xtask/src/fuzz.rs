//! Mutates the saved inputs of `fuzz/corpus`, on stable Rust: the test `crates/gobin/tests/foreign_bytes.rs` with more
//! time and another random seed each time. The test keeps failing inputs and prints their path; copied to `fuzz/corpus`,
//! such an input is part of every run.
//!
//! libFuzzer, which is guided by coverage, needs nightly Rust: `cargo +nightly fuzz run -s none TARGET`.

use std::process::{Command, Stdio};

use crate::args::Args;
use crate::{bed, root};

/// The usual time of a target.
const SECONDS: u64 = 60;

/// `cargo xtask fuzz [TARGET] [--seconds N]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let mut args = Args::new(args);
    let seconds = args.number("--seconds", SECONDS)?;
    let tests = tests()?;
    let named = args.words(&tests.iter().map(|(target, _)| target.as_str()).collect::<Vec<_>>())?;
    let chosen = tests.iter().filter(|(target, _)| named.is_empty() || named.contains(target)).map(|(_, test)| test);
    // One thread, because the test measures the memory for each input.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["test", "--package", "gobin", "--test", "foreign_bytes", "--locked", "--"]);
    cargo.args(["--exact", "--nocapture", "--test-threads=1"]).args(chosen);
    cargo.env("GOSPECT_FUZZ_SECONDS", seconds.to_string()).stdin(Stdio::null());
    let status = cargo.status().map_err(bed::named("cargo"))?;
    Ok(status.success())
}

/// Every target with its test, read from the source of the tests.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_found_in_the_tests() {
        let all: Vec<String> = tests().expect("the source is there").into_iter().map(|(target, _)| target).collect();
        assert!(all.contains(&"dwarf".to_owned()) && all.contains(&"names".to_owned()), "{all:?}");
        assert_eq!(calls("    check(\"a_b\", \"x\", 10);\n  check(y)\n"), [("x".to_owned(), "a_b".to_owned())]);
    }
}
