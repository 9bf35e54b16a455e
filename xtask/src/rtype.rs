//! Holds what our sources assume about Go's runtime against Go's own sources, for every Go release at hand.
//!
//! An assumption stands as a comment next to the code that makes it, and is one of these:
//!
//! ```text
//! +rtype g.goid uint64                          a field and its type
//! +rtype internal/abi.Type.Str abi.NameOff @40  a field, its type and its offset
//! +rtype size internal/abi.Method = 16          the size of a type
//! +rtype const _Gwaiting = 4                    a constant; `const` may be left out
//! +rtype func casgstatus func(gp *g, oldval uint32, newval uint32)
//! +rtype users goexit0 = goexit1                the functions of its package that name a function, sorted
//! +rtype users g.atomicstatus = casgstatus      those that name a field
//! +rtype list waitReasonStrings                 an array of strings, equal to the rows that follow
//! ```
//!
//! Go versions before it say when it holds: `1.22`, `1.19-1.22`, or `1.26-` for all from there on. Several that take
//! each other's place are separated by ` | `. `X:noswissmap` before all asks with that experiment. What has no import path is of package runtime, or of one of [`SHORT`].
//! Types are compared with package names, those of runtime left out.
//!
//! In a table, a comment behind a row is about the row: `// +rtype uint64` behind `("goid", &[since(19, 152), …])`
//! checks type and offset in every release; `// +rtype const _Gidle` behind `("idle", &[since(19, 0)])` the number.
//!
//! Go answers itself, by a program ([`SOURCE`]) that type-checks the toolchain's sources and lays structs out as its
//! compiler does, for both machines.

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

/// The Go program that answers.
const SOURCE: &str = include_str!("rtype/source.go");

/// Package names that need no import path.
const SHORT: [(&str, &str); 6] = [
    ("abi", "internal/abi"),
    ("context", "context"),
    ("errors", "errors"),
    ("reflect", "reflect"),
    ("sync", "sync"),
    ("time", "time"),
];

/// The flag for what takes long.
const EXPERIMENTS: &str = "--experiments";

/// The machines whose layout is compared.
const MACHINES: [&str; 2] = ["amd64", "arm64"];

/// `cargo xtask rtype [--experiments] [GO...]`: all releases, or those named by full version. With `--experiments`
/// what each experiment moves is looked at too, which takes minutes.
///
/// # Errors
/// When our own comments cannot be read, or Go does not answer.
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

/// The versions that the tests build with, the newest compared patch release of each row of [`RELEASES`], and both
/// sides of every patch release that moved something.
fn all_versions() -> BTreeSet<String> {
    let built = VERSIONS.iter().map(|(_, full)| (*full).to_owned());
    let covered = RELEASES.iter().filter(|release| !release.layouts.is_empty());
    let newest = covered.map(|release| format!("1.{}.{}", release.minor, release.compared));
    built.chain(newest).chain(RELEASES.iter().flat_map(around_moves)).collect()
}

/// Both sides of the patch releases that moved something, and the first patch release before them.
fn around_moves(release: &Release) -> Vec<String> {
    let moved = release.layouts.iter().filter(|&&patch| patch > 0);
    moved.flat_map(|&patch| [0, patch - 1, patch]).map(|patch| format!("1.{}.{patch}", release.minor)).collect()
}

/// Whether a newer patch release was compared too. Lists may be shorter here: patch releases append to them.
fn has_newer_patch(version: Version) -> bool {
    RELEASES.iter().any(|release| release.minor == version.minor && version.patch < release.compared)
}

/// How many claims hold in a release; those that do not are added to `wrong`.
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
