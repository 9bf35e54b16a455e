//! Runs all tests and counts them. A test that could not run here says so in a file (see `gospect_fixtures`), and is
//! taken off the passed ones, for which the test harness holds it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use gospect_fixtures::SKIPPED_FILE;

use crate::ci::{cargo, said};

/// How many tests passed, failed, and could not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Runs the tests of the workspace and fills `counts`. What they printed is the error if one failed.
pub fn run(counts: &mut Counts) -> Result<String, String> {
    let file = std::env::temp_dir().join(format!("gospect-skipped-{}", std::process::id()));
    let name = file.to_str().ok_or("the directory for temporary files has a name that is no text")?;
    let tested =
        cargo(&["test", "--workspace", "--no-fail-fast", "--locked"], &[(SKIPPED_FILE, name), ("RUST_BACKTRACE", "0")]);
    let tested = tested.map(|output| said(&output));
    let reasons = reasons(&read_and_remove(&file)?);
    let (Ok(printed) | Err(printed)) = &tested;
    *counts = count(printed, reasons.values().sum(), tested.is_ok());
    tested.map(|_| note(counts, &reasons))
}

/// The skips that were written down; no file means none.
fn read_and_remove(file: &Path) -> Result<String, String> {
    match std::fs::read_to_string(file) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.and_then(|text| std::fs::remove_file(file).map(|()| text)),
    }
    .map_err(|err| format!("{}: {err}", file.display()))
}

/// How many tests were skipped for each reason.
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
running 22 tests
test result: ok. 22 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.53s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_of_all_binaries_are_added_and_skips_taken_off_the_passed() {
        assert_eq!(count(PRINTED, 4, false).to_string(), "21 passed, 2 failed, 5 skipped");
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
