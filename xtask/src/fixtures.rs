//! Builds the Go programs of the tests ahead, and reports missing toolchains.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use gospect_fixtures::{Fixture, build, versions};

/// Builds at the same time; each `go build` uses several cores.
const PARALLEL: usize = 2;

/// The outcome of one build.
enum Fate {
    Built,
    Missing(String),
    Broken,
}

/// `cargo xtask fixtures [GO...]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let releases = releases(args)?;
    let columns: Vec<Vec<Fixture>> = releases.iter().map(|go| Fixture::all(go)).collect();
    let all: Vec<Fixture> = columns.iter().flatten().copied().collect();
    let fates = build_all(&all);
    print!("{}", table(&releases, &columns, &fates));
    let reasons: BTreeSet<&str> = fates.iter().filter_map(Fate::reason).collect();
    reasons.iter().for_each(|why| println!("missing: {why}"));
    Ok(fates.iter().all(|fate| matches!(fate, Fate::Built)))
}

fn releases(args: &[String]) -> Result<Vec<&'static str>, String> {
    if args.is_empty() {
        return Ok(versions().collect());
    }
    let known = |arg: &String| versions().chain(["local"]).find(|go| go == arg);
    args.iter().map(|arg| known(arg).ok_or_else(|| format!("`{arg}` is none of the Go releases tested here"))).collect()
}

fn build_all(all: &[Fixture]) -> Vec<Fate> {
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(Vec::new());
    let work = || {
        while let Some((at, fixture)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, all.get(at)?)))
        {
            let fate = build_one(fixture);
            fates.lock().unwrap_or_else(PoisonError::into_inner).push((at, fate));
        }
    };
    std::thread::scope(|scope| (0..PARALLEL).for_each(|_| drop(scope.spawn(work))));
    let mut fates = fates.into_inner().unwrap_or_else(PoisonError::into_inner);
    fates.sort_by_key(|&(at, _)| at);
    fates.into_iter().map(|(_, fate)| fate).collect()
}

/// Building panics when Go refuses a program, and Go's messages are on standard error.
fn build_one(fixture: &Fixture) -> Fate {
    match catch_unwind(AssertUnwindSafe(|| build(fixture))) {
        Ok(Ok(_)) => Fate::Built,
        Ok(Err(missing)) => Fate::Missing(missing.why),
        Err(_) => Fate::Broken,
    }
}

impl Fate {
    fn word(&self) -> &'static str {
        match self {
            Fate::Built => "ok",
            Fate::Missing(_) => "missing",
            Fate::Broken => "BROKEN",
        }
    }

    fn reason(&self) -> Option<&str> {
        if let Fate::Missing(why) = self { Some(why) } else { None }
    }
}

/// One row per program, variant and machine, one column per release.
fn table(releases: &[&str], columns: &[Vec<Fixture>], fates: &[Fate]) -> String {
    let height = columns.first().map_or(0, Vec::len);
    let head: String = releases.iter().map(|go| format!("{go:>8}")).collect();
    let mut text = format!("{:<30}{head}\n", "");
    for (row, fixture) in columns.iter().flatten().take(height).enumerate() {
        let name = format!("{} {} {}", fixture.program, fixture.variant.name(), fixture.arch.goarch());
        let cells = fates.iter().skip(row).step_by(height).map(|fate| format!("{:>8}", fate.word()));
        text += &format!("{name:<30}{}\n", cells.collect::<String>());
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use gospect_fixtures::Variant;

    use super::*;

    #[test]
    fn table_has_a_row_per_build_and_a_column_per_release() {
        let column = |go| vec![Fixture::new("shapes", go, Variant::Plain), Fixture::new("cgo", go, Variant::Cgo)];
        let fates = [Fate::Built, Fate::Missing("no C".to_owned()), Fate::Broken, Fate::Built];
        expect![[r#"
                                              1.21    1.22
            shapes plain amd64                  ok  BROKEN
            cgo cgo amd64                  missing      ok
        "#]]
        .assert_eq(&table(&["1.21", "1.22"], &[column("1.21"), column("1.22")], &fates));
    }
}
