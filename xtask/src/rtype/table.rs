//! Reads rows of tables in our sources: `("goid", &[since(19, 152), since(23, 160)]), // +rtype uint64`.

use super::claim::Version;

/// The table of the current line.
#[derive(Default)]
pub(super) struct Table {
    strct: Option<String>,
}

/// A number by release, oldest first; `None` from releases without the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    since: Vec<(Version, Option<u64>)>,
}

/// The first release in the tables.
const OLDEST: Version = Version { minor: 19, patch: 0 };

impl Table {
    /// Moves to a line.
    pub(super) fn see(&mut self, line: &str) {
        if let Some(name) = between(line, "name: \"", "\",") {
            self.strct = Some(name.to_owned());
        } else if line.contains("static ") {
            self.strct = None;
        }
    }

    /// The struct whose fields are listed.
    pub(super) fn strct(&self) -> Option<&str> {
        self.strct.as_deref()
    }
}

impl Row {
    /// The name and numbers of a row.
    pub(super) fn read(line: &str) -> Option<(String, Row)> {
        let (name, numbers) = line.trim().strip_prefix("(\"")?.split_once("\",")?;
        let steps = between(numbers, "&[", "]")?.split_inclusive(')').map(step).collect::<Option<_>>()?;
        Some((name.to_owned(), Row { since: steps }))
    }

    /// All rows up to the end of the list.
    pub(super) fn read_all(below: &[&str]) -> Vec<(String, Row)> {
        below.iter().take_while(|line| line.trim() != "];").filter_map(|line| Row::read(line)).collect()
    }

    /// The number in a release; outer `None` for a release before the tables.
    pub(super) fn at(&self, version: Version) -> Option<Option<u64>> {
        let number = || self.since.iter().rfind(|(since, _)| *since <= version).and_then(|(_, number)| *number);
        (version >= OLDEST).then(number)
    }
}

/// `since(19, 152)`, `patched(23, 12, 352)`, `gone(27)`.
fn step(text: &str) -> Option<(Version, Option<u64>)> {
    let (kind, numbers) = text.trim_matches([',', ' ', ')']).split_once('(')?;
    let numbers: Vec<u32> = numbers.split(", ").map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let version = |minor, patch| Version { minor, patch };
    match (kind, &numbers[..]) {
        ("since", &[minor, number]) => Some((version(minor, 0), Some(number.into()))),
        ("patched", &[minor, patch, number]) => Some((version(minor, patch), Some(number.into()))),
        ("gone", &[minor]) => Some((version(minor, 0), None)),
        _ => None,
    }
}

pub(super) fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}
