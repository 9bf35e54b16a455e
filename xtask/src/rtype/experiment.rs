//! Experiments (`GOEXPERIMENT`): our list must have all experiments of a release, and no experiment may change a claimed
//! layout.

use gospect_fixtures::Toolchain;

use super::ask::Asker;
use super::claim::{Claim, Question, Version};
use super::table::between;
use crate::files::read;

/// Reports experiments of a release missing from our list.
pub(super) fn names(
    go: &Toolchain,
    release: &str,
    files: &[(String, String)],
    wrong: &mut Vec<String>,
) -> Result<(), String> {
    let listed = section(files, "static EXPERIMENTS")?;
    let known: Vec<&str> = listed.lines().filter_map(|line| between(line, "\"", "\"")).collect();
    for name in flags(go)?.iter().filter(|name| !known.contains(&name.as_str())) {
        wrong.push(format!("go{release}: the experiment {name} is not in the list of experiments"));
    }
    Ok(())
}

/// Reports layouts changed by an experiment of a release, switched on or off.
pub(super) fn moves(go: &Toolchain, release: &str, claims: &[Claim], wrong: &mut Vec<String>) -> Result<(), String> {
    let version = Version::parse(release).ok_or_else(|| format!("`{release}` is no release of Go"))?;
    let asker = Asker::build(go, release)?;
    let asked: Vec<Question> = claims
        .iter()
        .filter(|c| c.experiment.is_none())
        .flat_map(|c| c.questions(version))
        .filter(|q| q.is_layout())
        .collect();
    let texts: Vec<&str> = asked.iter().map(|q| q.text.as_str()).collect();
    let flags = flags(go)?;
    for experiment in flags.iter().flat_map(|name| [name.clone(), format!("no{name}")]) {
        let answers = asker.ask("amd64", Some(&experiment), &texts)?;
        for (question, answer) in asked.iter().zip(&answers) {
            if question.wrong(answer).is_some() {
                wrong.push(format!("go{release}: {experiment} changes {}: {answer}", question.text));
            }
        }
    }
    Ok(())
}

/// The experiments of a release, as its version text spells them.
fn flags(go: &Toolchain) -> Result<Vec<String>, String> {
    let path = go.root.join("src/internal/goexperiment/flags.go");
    let text = read(&path)?;
    let flag = |line: &str| {
        let mut words = line.strip_prefix('\t')?.split_whitespace();
        let name = words.next().filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))?;
        (words.next() == Some("bool")).then(|| name.to_lowercase())
    };
    Ok(text.lines().filter_map(flag).collect())
}

/// The text of the list with this start, in any file.
fn section<'t>(files: &'t [(String, String)], words: &str) -> Result<&'t str, String> {
    let list = files.iter().find_map(|(_, text)| between(text, words, "\n];"));
    list.ok_or_else(|| format!("no list begins with `{words}`"))
}
