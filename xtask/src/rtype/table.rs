//! Reads the rows of our tables as they are written: `("goid", [152, 152, __]), // +rtype uint64`.

use super::claim::Version;

/// The table that a line stands in.
#[derive(Default)]
pub(super) struct Table {
    columns: Vec<Version>,
    strct: Option<String>,
    experiment: Option<String>,
}

/// Numbers by version; `None` is `__`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    columns: Vec<Version>,
    numbers: Vec<Option<u64>>,
}

impl Table {
    /// Takes note of what a line begins.
    pub(super) fn see(&mut self, line: &str) {
        let line = line.trim();
        if let Some(list) = between(line, "[(", ")];").filter(|_| self.columns.is_empty()) {
            self.columns = list.split("), (").filter_map(pair).collect();
        } else if line.starts_with("pub(super) const MINORS") {
            let list = between(line, "= [", "]").unwrap_or_default();
            self.columns =
                list.split(", ").filter_map(|n| Some(Version { minor: n.parse().ok()?, patch: 0 })).collect();
        } else if let Some(name) = between(line, "name: \"", "\",") {
            self.strct = Some(name.to_owned());
        } else if let Some(list) = between(line, "pub(super) static ", ":") {
            self.strct = None;
            self.experiment = Some(list.to_ascii_lowercase()).filter(|name| name.starts_with("no"));
        }
    }

    /// The experiment that the table is about, which is then its name.
    pub(super) fn experiment(&self) -> Option<&str> {
        self.experiment.as_deref()
    }

    /// The struct whose fields are listed.
    pub(super) fn strct(&self) -> Option<&str> {
        self.strct.as_deref()
    }

    /// The struct and its size, on the line that has it.
    pub(super) fn size_on(&self, line: &str) -> Option<(String, Row)> {
        let numbers = line.trim().strip_prefix("size: ")?;
        let row = self.numbers(numbers.strip_suffix(',')?)?;
        row.numbers.iter().any(Option::is_some).then_some((self.strct.clone()?, row))
    }

    /// The name and numbers of a row.
    pub(super) fn row(&self, line: &str) -> Option<(String, Row)> {
        let (name, numbers) = line.trim().strip_prefix("(\"")?.split_once("\",")?;
        Some((name.to_owned(), self.numbers(numbers.trim().strip_suffix("),")?)?))
    }

    /// All rows up to the end of the list.
    pub(super) fn rows(&self, below: &[&str]) -> Vec<(String, Row)> {
        below.iter().take_while(|line| line.trim() != "];").filter_map(|line| self.row(line)).collect()
    }

    fn numbers(&self, text: &str) -> Option<Row> {
        let number = |n: &str| if n == "__" { Some(None) } else { n.parse().ok().map(Some) };
        let numbers = match between(text, "all(", ")") {
            Some(n) => vec![number(n)?; self.columns.len()],
            None => between(text, "[", "]")?.split(',').map(|n| number(n.trim())).collect::<Option<_>>()?,
        };
        (numbers.len() == self.columns.len()).then(|| Row { columns: self.columns.clone(), numbers })
    }
}

impl Row {
    /// The number for a release; outside `None` where no column is for it.
    pub(super) fn at(&self, version: Version) -> Option<Option<u64>> {
        let column = self.columns.iter().rposition(|c| c.minor == version.minor && *c <= version)?;
        self.numbers.get(column).copied()
    }
}

pub(super) fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

fn pair(text: &str) -> Option<Version> {
    let (minor, patch) = text.split_once(", ")?;
    Some(Version { minor: minor.parse().ok()?, patch: patch.parse().ok()? })
}
