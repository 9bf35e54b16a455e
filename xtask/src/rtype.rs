//! Checks assumptions about Go's runtime against Go's own sources, for every available Go release.
//!
//! An assumption is a comment next to its code, in one of these forms:
//!
//! ```text
//! +rtype g.goid uint64                          a field and its type
//! +rtype internal/abi.Type.Str abi.NameOff @40  a field, its type and its offset
//! +rtype size internal/abi.Method = 16          the size of a type
//! +rtype const _Gwaiting = 4                    a constant; `const` may be left out
//! +rtype func casgstatus func(gp *g, oldval uint32, newval uint32)
//! +rtype users goexit0 = goexit1                the functions of its package that name a function, sorted
//! +rtype users g.atomicstatus = casgstatus      the functions that name a field
//! +rtype list waitReasonStrings                 an array of strings, equal to the rows that follow
//! ```
//!
//! Go versions at the start restrict an assumption: `1.22`, `1.19-1.22`, or `1.26-` for 1.26 and later. ` | ` separates
//! alternatives for different versions. `X:noswissmap` before all applies to a build with this experiment. Names without
//! import path are in package runtime, or in a package of [`SHORT`]. Types are compared with package names except runtime.
//!
//! In a table, a comment behind a row refers to the row: `// +rtype uint64` behind `("goid", &[since(19, 152), …])`
//! checks type and offset in every release; `// +rtype const _Gidle` behind `("idle", &[since(19, 0)])` the number.
//!
//! A Go program ([`SOURCE`]) gives the answers: it type-checks the toolchain's sources and lays out structs as the compiler
//! does, for both machines.

mod ask;
mod claim;
mod experiment;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use gobin::release::{RELEASES, Release};
use gospect_fixtures::{Toolchain, VERSIONS, toolchain};

use ask::Asker;
use claim::{Claim, Question, Version};

use crate::args::Args;
use crate::{files, root};

/// The Go program with the answers.
const SOURCE: &str = include_str!("rtype/source.go");

/// Packages with short names in assumptions.
const SHORT: [(&str, &str); 6] = [
    ("abi", "internal/abi"),
    ("context", "context"),
    ("errors", "errors"),
    ("reflect", "reflect"),
    ("sync", "sync"),
    ("time", "time"),
];

/// The flag of the slow part.
const EXPERIMENTS: &str = "--experiments";

/// Machines with compared layouts.
const MACHINES: [&str; 2] = ["amd64", "arm64"];

/// `cargo xtask rtype [--experiments] [GO...]`, with full versions. `--experiments` also compares layouts under each
/// experiment, which takes minutes.
pub fn run(args: &[String]) -> Result<bool, String> {
    let mut files = files::below(&root(), "rs")?;
    files.retain(|(name, _)| name.starts_with("crates/"));
    let claims = claim::read_all(&files)?;
    let mut args = Args::new(args);
    let with_experiments = args.flag(EXPERIMENTS);
    let named: BTreeSet<String> = args.rest().into_iter().collect();
    let releases = if named.is_empty() { all_versions() } else { named };
    let mut wrong = Vec::new();
    for release in &releases {
        match toolchain(release) {
            Ok(go) => {
                println!("go{release}: {} claims hold", compare(&go, release, &claims, &mut wrong)?);
                experiment::names(&go, release, &files, &mut wrong)?;
                if with_experiments {
                    experiment::moves(&go, release, &claims, &mut wrong)?;
                }
            }
            Err(missing) => println!("go{release}: skipped, {missing}"),
        }
    }
    wrong.iter().for_each(|w| println!("{w}"));
    println!("{} comments in {} files, {} wrong", claims.len(), files.len(), wrong.len());
    Ok(wrong.is_empty())
}

/// The versions of the tests, the newest compared patch release of each row of [`RELEASES`], and both sides of every patch
/// release with a changed layout.
fn all_versions() -> BTreeSet<String> {
    let built = VERSIONS.iter().map(|(_, full)| (*full).to_owned());
    let covered = RELEASES.iter().filter(|release| !release.layouts.is_empty());
    let newest = covered.map(|release| format!("1.{}.{}", release.minor, release.compared));
    built.chain(newest).chain(RELEASES.iter().flat_map(around_moves)).collect()
}

/// Both sides of the patch releases with a changed layout, and the first release.
fn around_moves(release: &Release) -> Vec<String> {
    let moved = release.layouts.iter().filter(|&&patch| patch > 0);
    moved.flat_map(|&patch| [0, patch - 1, patch]).map(|patch| format!("1.{}.{patch}", release.minor)).collect()
}

/// Whether a newer patch release was compared, too. Lists may be shorter in an older one: patch releases append to lists.
fn has_newer_patch(version: Version) -> bool {
    RELEASES.iter().any(|release| release.minor == version.minor && version.patch < release.compared)
}

/// The number of true claims in a release. Adds false ones to `wrong`.
fn compare(go: &Toolchain, release: &str, claims: &[Claim], wrong: &mut Vec<String>) -> Result<usize, String> {
    let version = Version::parse(release).ok_or_else(|| format!("`{release}` is no release of Go"))?;
    let asker = Asker::build(go, release)?;
    let experiments: BTreeSet<Option<&str>> = claims.iter().map(|c| c.experiment.as_deref()).collect();
    let mut held = 0;
    for experiment in experiments {
        let about = claims.iter().filter(|c| c.experiment.as_deref() == experiment);
        let asked: Vec<(&Claim, Question)> =
            about.flat_map(|c| c.questions(version).into_iter().map(move |q| (c, q))).collect();
        let texts: Vec<&str> = asked.iter().map(|(_, q)| q.text.as_str()).collect();
        for machine in MACHINES.iter().filter(|_| !texts.is_empty()) {
            let answers = asker.ask(machine, experiment, &texts)?;
            for ((claim, question), answer) in asked.iter().zip(&answers) {
                match question.wrong(answer) {
                    None => held += 1,
                    Some(_) if question.appended(answer) && has_newer_patch(version) => held += 1,
                    Some(why) => {
                        wrong.push(format!("{}: go{release} {machine}: {}: {why}", claim.place, question.text))
                    }
                }
            }
        }
    }
    Ok(held / MACHINES.len())
}
