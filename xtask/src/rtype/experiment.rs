//! What experiments (`GOEXPERIMENT`) do to the tables: every one that a release knows must be listed, and what it moves
//! must be among what the table of moves says.

use std::fs;
use std::path::PathBuf;

use gospect_fixtures::Toolchain;

use super::ask::Asker;
use super::claim::{Claim, Question, Version};
use super::table::between;

/// A row of the table of moves.
struct Moved<'t> {
    experiment: &'t str,
    strct: &'t str,
    from: u64,
}

/// Experiments of a release that our list does not have are wrong.
pub(super) fn names(
    go: &Toolchain,
    release: &str,
    files: &[(PathBuf, String)],
    wrong: &mut Vec<String>,
) -> Result<(), String> {
    let listed = section(files, "static EXPERIMENTS")?;
    let known: Vec<&str> = listed.lines().filter_map(|line| between(line, "\"", "\"")).collect();
    for name in flags(go)?.iter().filter(|name| !known.contains(&name.as_str())) {
        wrong.push(format!("go{release}: the experiment {name} is not in the list of experiments"));
    }
    Ok(())
}

/// Every field that an experiment moves in a release, switched on or off, must be among the moves.
pub(super) fn moves(
    go: &Toolchain,
    release: &str,
    claims: &[Claim],
    files: &[(PathBuf, String)],
    wrong: &mut Vec<String>,
) -> Result<(), String> {
    let version = Version::parse(release).ok_or_else(|| format!("`{release}` is no release of Go"))?;
    let asker = Asker::build(go, release)?;
    let listed = section(files, "static MOVED")?;
    let moved: Vec<Moved> = listed.lines().filter_map(Moved::read).collect();
    let asked: Vec<Question> = claims
        .iter()
        .filter(|c| c.experiment.is_none())
        .flat_map(|c| c.questions(version))
        .filter(|q| q.about().is_some())
        .collect();
    let texts: Vec<&str> = asked.iter().map(|q| q.text.as_str()).collect();
    let flags = flags(go)?;
    for experiment in flags.iter().flat_map(|name| [name.clone(), format!("no{name}")]) {
        let answers = asker.ask("amd64", Some(&experiment), &texts)?;
        for (question, answer) in asked.iter().zip(&answers) {
            let Some((strct, offset)) = question.about() else { continue };
            let covers = |m: &Moved| {
                m.experiment == experiment && m.strct == strct && offset.is_none_or(|offset| offset >= m.from)
            };
            if question.wrong(answer).is_some() && !moved.iter().any(covers) {
                wrong.push(format!("go{release}: {experiment} changes {}: {answer}", question.text));
            }
        }
    }
    Ok(())
}

impl<'t> Moved<'t> {
    /// `moved("greenteagc", "runtime.p", 9392),`
    fn read(line: &'t str) -> Option<Moved<'t>> {
        let mut parts = between(line, "moved(", ")")?.split(", ");
        let experiment = parts.next()?.trim_matches('"');
        let strct = parts.next()?.trim_matches('"');
        Some(Moved { experiment, strct, from: parts.next()?.parse().ok()? })
    }
}

/// The experiments of a release, as its version text spells them.
fn flags(go: &Toolchain) -> Result<Vec<String>, String> {
    let path = go.root.join("src/internal/goexperiment/flags.go");
    let text = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let flag = |line: &str| {
        let mut words = line.strip_prefix('\t')?.split_whitespace();
        let name = words.next().filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))?;
        (words.next() == Some("bool")).then(|| name.to_lowercase())
    };
    Ok(text.lines().filter_map(flag).collect())
}

/// The list that begins with these words, in whichever file it is.
fn section<'t>(files: &'t [(PathBuf, String)], words: &str) -> Result<&'t str, String> {
    let list = files.iter().find_map(|(_, text)| between(text, words, "\n];"));
    list.ok_or_else(|| format!("no list begins with `{words}`"))
}
