//! Runs all tests and counts them. The test harness counts a skipped test as passed; such tests write their reason to a
//! file (see `gospect_fixtures`) and are subtracted.
//!
//! Tests that trace real programs share the machine with other tests and processes. Up to three failed tests run once
//! more, alone. A test that fails again has failed; one that passes is *unsteady* and listed at the end of the run. The
//! output of the first failure is shown in both cases.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use gospect_fixtures::SKIPPED_FILE;

use crate::cargo::cargo_shown;

/// Numbers of tests passed, failed, and skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    /// Adds skipped tests.
    pub fn skip(&mut self, more: usize) {
        self.skipped += more;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// With more failed tests than this, none is repeated.
const UNSTEADY: usize = 3;

/// Runs the tests of the workspace, fills `counts` and the names of the `failed` tests, and prints each test binary as
/// cargo starts it. The error is the output of the tests, if one failed.
pub fn run(counts: &mut Counts, failed: &mut Vec<String>) -> Result<String, String> {
    let file = std::env::temp_dir().join(format!("gospect-skipped-{}", std::process::id()));
    let name = file.to_str().ok_or("the directory for temporary files has a name that is no text")?;
    println!();
    let env = [(SKIPPED_FILE, name), ("RUST_BACKTRACE", "0")];
    let tested = cargo_shown(&TESTS, &env, print_binary);
    let skips = read_and_remove(&file)?;
    let reasons = reasons(&skips);
    let (Ok(printed) | Err(printed)) = &tested;
    *counts = count(printed, reasons.values().sum(), tested.is_ok());
    *failed = failures(printed);
    if tested.is_err() && again(counts, failed, printed, &env) {
        // The first run has written the reasons for skipping.
        read_and_remove(&file)?;
        print!("{:<12}", "");
        let unsteady = failed.drain(..).map(|test| format!("\n            UNSTEADY, passed alone: {test}"));
        return Ok(note(counts, &reasons) + &unsteady.collect::<String>());
    }
    print!("{:<12}", "");
    tested.map(|_| note(counts, &reasons))
}

const TESTS: [&str; 4] = ["test", "--workspace", "--no-fail-fast", "--locked"];

/// Repeats the `failed` tests if they are few, one at a time. Returns whether all pass; they count as passed then.
fn again(counts: &mut Counts, failed: &[String], printed: &str, env: &[(&str, &str)]) -> bool {
    if failed.len() > UNSTEADY || failed.len() != counts.failed {
        return false;
    }
    println!("{}\n              again, alone", complaints(printed));
    let names = failed.iter().filter_map(|test| test.rsplit(": ").next());
    let args: Vec<&str> = TESTS.into_iter().chain(["--", "--test-threads=1", "--exact"]).chain(names).collect();
    let (Ok(alone) | Err(alone)) = &cargo_shown(&args, env, |_| ());
    let then = count(alone, 0, true);
    // More when another binary has a test of the same name.
    let steady = then.failed == 0 && then.passed >= failed.len();
    if steady {
        (counts.passed, counts.failed) = (counts.passed + counts.failed, 0);
    } else {
        println!("{}", complaints(alone));
    }
    steady
}

/// The output of failed tests.
fn complaints(printed: &str) -> String {
    let mut output = String::new();
    let mut within = false;
    for line in printed.lines() {
        within = (within || line.starts_with("---- ")) && line != "failures:";
        if within {
            output.extend([line, "\n"]);
        }
    }
    output
}

/// Prints a line for each test binary started by cargo.
fn print_binary(line: &str) {
    if let Some(binary) = binary(line) {
        println!("              {binary}");
    }
}

/// `gobin src/lib.rs` of cargo's `     Running unittests src/lib.rs (target/debug/deps/gobin-0123456789abcdef)`, and
/// `gobin docs` of `   Doc-tests gobin`.
fn binary(line: &str) -> Option<String> {
    if let Some(of) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(format!("{of} docs"));
    }
    let (what, file) = line.trim_start().strip_prefix("Running ")?.strip_suffix(')')?.split_once(" (")?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
    Some(format!("{name} {}", what.strip_prefix("unittests ").unwrap_or(what)))
}

/// The names of failed tests, each with its binary.
fn failures(printed: &str) -> Vec<String> {
    let mut running = String::new();
    let mut failures = Vec::new();
    for line in printed.lines() {
        running = binary(line).unwrap_or(running);
        let name = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        failures.extend(name.map(|name| format!("{running}: {name}")));
    }
    failures
}

/// The skipped tests with their reasons; none without a file.
fn read_and_remove(file: &Path) -> Result<String, String> {
    match std::fs::read_to_string(file) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.and_then(|text| std::fs::remove_file(file).map(|()| text)),
    }
    .map_err(|err| format!("{}: {err}", file.display()))
}

/// The number of skipped tests by reason.
fn reasons(skipped: &str) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for line in skipped.lines() {
        *reasons.entry(line.rsplit('\t').next().unwrap_or(line).to_owned()).or_default() += 1;
    }
    reasons
}

/// Adds up the harness's `test result: ok. 22 passed; 0 failed; 1 ignored; …` of all test binaries.
fn count(printed: &str, skipped: usize, ok: bool) -> Counts {
    let mut counts = Counts { skipped, ..Counts::default() };
    for line in printed.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        counts.passed += number_before(line, " passed");
        counts.failed += number_before(line, " failed");
        counts.skipped += number_before(line, " ignored");
    }
    counts.passed = counts.passed.saturating_sub(skipped);
    if !ok && counts.failed == 0 {
        counts.failed = 1; // Something did not compile, or a test binary died before it could count.
    }
    counts
}

fn number_before(line: &str, word: &str) -> usize {
    let before = line.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn note(counts: &Counts, reasons: &BTreeMap<String, usize>) -> String {
    let each = |(why, count): (&String, &usize)| format!("\n            {count} skipped: {why}");
    counts.to_string() + &reasons.iter().map(each).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
     Running unittests src/lib.rs (target/debug/deps/gobin-0123456789abcdef)
running 22 tests
test elf::tests::one ... ok
test result: ok. 22 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.53s
     Running tests/cli/main.rs (/home/me/gospect/target/debug/deps/cli-0123456789abcdef)
test list::three ... FAILED
test list::four ... FAILED
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_of_all_binaries_are_added_and_skips_taken_off_the_passed() {
        assert_eq!(count(PRINTED, 4, false).to_string(), "21 passed, 2 failed, 5 skipped");
    }

    #[test]
    fn failed_tests_are_named_with_their_binary() {
        assert_eq!(failures(PRINTED), ["cli tests/cli/main.rs: list::three", "cli tests/cli/main.rs: list::four"]);
    }

    #[test]
    fn what_failed_tests_said_is_taken_out_of_the_rest() {
        let printed =
            "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\nleft: 1\n\n\nfailures:\n    a\n\ntest result";
        assert_eq!(complaints(printed), "---- a stdout ----\nleft: 1\n\n\n");
    }

    #[test]
    fn test_binaries_are_told_by_what_cargo_says() {
        assert_eq!(binary(PRINTED.lines().next().unwrap_or_default()).as_deref(), Some("gobin src/lib.rs"));
        assert_eq!(binary("   Doc-tests gobin").as_deref(), Some("gobin docs"));
        for other in ["running 22 tests", "   Compiling gobin v0.1.0 (/home)", "Running", "test Running ... ok", ""] {
            assert_eq!(binary(other), None);
        }
    }

    #[test]
    fn a_run_that_dies_uncounted_is_a_failure() {
        assert_eq!(count("error: could not compile `gobin`", 0, false).to_string(), "0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn reasons_for_skips_are_counted_together() {
        let skipped = "/t/a\tx\tno Go 1.22\n/t/a\ty\tno Go 1.22\n/t/b\tx\tno C compiler\n";
        let reasons = reasons(skipped);
        let counts = count(PRINTED, reasons.values().sum(), true);
        assert_eq!(
            note(&counts, &reasons),
            "22 passed, 2 failed, 4 skipped\n            1 skipped: no C compiler\n            2 skipped: no Go 1.22"
        );
    }
}
