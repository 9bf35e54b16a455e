//! Comments with claims about Go, and the questions to check them.

use std::fmt;

use super::SHORT;
use super::table::{Row, Table};

/// A release of Go: minor and patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) minor: u32,
    pub(super) patch: u32,
}

/// The place of a comment.
#[derive(Clone, Debug)]
pub(super) struct Place {
    file: String,
    line: usize,
}

/// A comment with its claims.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) place: Place,
    /// The experiment of the build; none for the release's default.
    pub(super) experiment: Option<String>,
    parts: Vec<Part>,
}

/// An alternative of a comment.
#[derive(Debug)]
struct Part {
    since: u32,
    until: u32,
    says: Says,
}

/// A number that may depend on the version.
#[derive(Clone, Debug)]
enum Number {
    Fixed(u64),
    InRow(Row),
}

#[derive(Clone, Debug)]
enum Says {
    Field { strct: String, path: String, ty: String, offset: Option<Number> },
    Size { name: String, size: Number },
    Const { name: String, value: Number },
    Func { name: String, signature: String },
    Users { name: String, by: String },
    List { name: String, texts: Vec<(String, Row)> },
}

/// A question to Go, and the right answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) text: String,
    want: Want,
}

#[derive(Debug, PartialEq, Eq)]
enum Want {
    Exactly(String),
    /// Type, and offset if claimed.
    Field(String, Option<u64>),
    /// Texts in order.
    List(String),
    /// Go must not have the name.
    Nothing,
}

/// Reads the comments of all files.
pub(super) fn read_all(files: &[(String, String)]) -> Result<Vec<Claim>, String> {
    let mut claims = Vec::new();
    for (file, text) in files {
        read(file, text, &mut claims)?;
    }
    Ok(claims)
}

fn read(file: &str, text: &str, claims: &mut Vec<Claim>) -> Result<(), String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut table = Table::default();
    for (i, line) in lines.iter().enumerate() {
        table.see(line);
        let place = Place { file: file.to_owned(), line: i + 1 };
        let damaged = |why: String| format!("{place}: {why}");
        let Some((before, comment)) = line.split_once("// +rtype ") else { continue };
        let (experiment, comment) = match comment.strip_prefix("X:").and_then(|comment| comment.split_once(' ')) {
            Some((experiment, comment)) => (Some(experiment.to_owned()), comment),
            None => (None, comment),
        };
        let row = Row::read(before);
        let part = |text: &str| Part::parse(text, row.as_ref(), table.strct(), &lines[i + 1..]);
        let parts = comment.split(" | ").map(part).collect::<Result<_, _>>().map_err(damaged)?;
        claims.push(Claim { place, experiment, parts });
    }
    Ok(())
}

impl Version {
    /// `1.26.6`, `1.26`.
    pub(super) fn parse(text: &str) -> Option<Version> {
        let mut numbers = text.strip_prefix("1.")?.split('.').map(|n| n.parse().ok());
        Some(Version { minor: numbers.next()??, patch: numbers.next().unwrap_or(Some(0))? })
    }
}

impl Claim {
    /// The questions for a release.
    pub(super) fn questions(&self, version: Version) -> Vec<Question> {
        let holds = |p: &&Part| (p.since..=p.until).contains(&version.minor);
        self.parts.iter().filter(holds).filter_map(|p| p.says.question(version)).collect()
    }
}

impl Part {
    fn parse(text: &str, row: Option<&(String, Row)>, strct: Option<&str>, below: &[&str]) -> Result<Part, String> {
        let (since, until, text) = versions(text.trim());
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let number = |text: Option<&str>| match (text, row) {
            (Some(n), _) => integer(n).map(Number::Fixed).ok_or_else(|| format!("`{n}` is no number")),
            (None, Some((_, row))) => Ok(Number::InRow(row.clone())),
            (None, None) => Err("no number follows `=`, and none stands in a row before it".to_owned()),
        };
        let assigned = |text: &str| {
            let (name, value) = text.split_once(" = ").map_or((text, None), |(n, v)| (n, Some(v)));
            Ok::<_, String>((qualified(name.trim()), number(value)?))
        };
        let says = match word {
            "const" => assigned(rest).map(|(name, value)| Says::Const { name, value })?,
            "size" => assigned(rest).map(|(name, size)| Says::Size { name, size })?,
            "func" => {
                let (name, signature) = rest.split_once(' ').ok_or("no signature")?;
                Says::Func { name: qualified(name), signature: signature.to_owned() }
            }
            "users" => {
                let (name, by) = rest.split_once(" = ").ok_or("no functions follow `=`")?;
                // A field is asked for behind its struct.
                let mut name = qualified(name);
                if let [_, field] = dots(&name)[..] {
                    name.replace_range(field..=field, " ");
                }
                Says::Users { name, by: by.to_owned() }
            }
            "list" => Says::List { name: qualified(rest), texts: Row::read_all(below) },
            _ => match (row, strct) {
                (Some((path, row)), Some(strct)) => Says::Field {
                    strct: strct.to_owned(),
                    path: path.clone(),
                    ty: text.to_owned(),
                    offset: Some(Number::InRow(row.clone())),
                },
                _ if rest.starts_with("= ") => assigned(text).map(|(name, value)| Says::Const { name, value })?,
                _ => field(word, rest)?,
            },
        };
        Ok(Part { since, until, says })
    }
}

/// A field outside a table: `g.goid uint64`, `internal/abi.Type.Str abi.NameOff @40`.
fn field(name: &str, ty: &str) -> Result<Says, String> {
    let (ty, offset) = match ty.rsplit_once(" @") {
        Some((ty, n)) => (ty, Some(integer(n).map(Number::Fixed).ok_or_else(|| format!("`{n}` is no offset"))?)),
        None => (ty, None),
    };
    let whole = qualified(name);
    let [_, end, ..] = dots(&whole)[..] else { return Err(format!("`{name}` has no struct and field")) };
    if ty.is_empty() {
        return Err(format!("`{name}` has no type"));
    }
    let (strct, path) = (whole[..end].to_owned(), whole[end + 1..].to_owned());
    Ok(Says::Field { strct, path, ty: ty.to_owned(), offset })
}

impl Says {
    /// The question of a release; none without a number for the release.
    fn question(&self, version: Version) -> Option<Question> {
        Some(match self {
            Says::Field { strct, path, ty, offset } => {
                let offset = match offset {
                    None => None,
                    Some(number) => match number.at(version)? {
                        Some(offset) => Some(offset),
                        None => return Some(Question::absent(format!("field {strct} {path}"))),
                    },
                };
                Question { text: format!("field {strct} {path}"), want: Want::Field(ty.clone(), offset) }
            }
            Says::Size { name, size } => Question::exactly(format!("size {name}"), size.at(version)??),
            Says::Const { name, value } => match value.at(version)? {
                Some(value) => Question::exactly(format!("const {name}"), value),
                None => Question::absent(format!("const {name}")),
            },
            Says::Func { name, signature } => {
                Question { text: format!("func {name}"), want: Want::Exactly(signature.clone()) }
            }
            Says::Users { name, by } => {
                Question { text: format!("users {name}"), want: Want::List(by.replace(' ', "\t")) }
            }
            Says::List { name, texts } => {
                let mut texts: Vec<(u64, &str)> =
                    texts.iter().filter_map(|(text, row)| Some((row.at(version)??, text.as_str()))).collect();
                texts.sort_unstable();
                let gap = texts.iter().zip(0..).any(|((at, _), i)| *at != i);
                let list = texts.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\t");
                let want = if gap { "a list without gaps".to_owned() } else { list };
                Question { text: format!("array {name}"), want: Want::List(want) }
            }
        })
    }
}

impl Number {
    /// `None` when the table does not cover the release, `Some(None)` when the release lacks the name.
    fn at(&self, version: Version) -> Option<Option<u64>> {
        match self {
            Number::Fixed(n) => Some(Some(*n)),
            Number::InRow(row) => row.at(version),
        }
    }
}

impl Question {
    fn exactly(text: String, want: u64) -> Question {
        Question { text, want: Want::Exactly(want.to_string()) }
    }

    fn absent(text: String) -> Question {
        Question { text, want: Want::Nothing }
    }

    /// Whether the answer is a size or an offset.
    pub(super) fn is_layout(&self) -> bool {
        matches!(self.want, Want::Field(..)) || self.text.starts_with("size ")
    }

    /// Whether the claimed list starts with the answer.
    pub(super) fn appended(&self, answer: &str) -> bool {
        matches!(&self.want, Want::List(want) if want.strip_prefix(answer).is_some_and(|more| more.starts_with('\t')))
    }

    /// The fault of an answer.
    pub(super) fn wrong(&self, answer: &str) -> Option<String> {
        let missing = answer.strip_prefix("! ");
        match (&self.want, missing) {
            (Want::Nothing, Some(_)) => None,
            (Want::Nothing, None) => Some(format!("is said to be absent, is {answer}")),
            (_, Some(why)) => Some(why.to_owned()),
            (Want::List(want), None) => list_wrong(want, answer),
            (Want::Exactly(want), None) => {
                let (want, answer) = (short(want), short(answer));
                (want != answer).then(|| format!("is said to be {want}, is {answer}"))
            }
            (Want::Field(ty, offset), None) => {
                let (at, answer) = answer.split_once('\t').unwrap_or(("", answer));
                let (want, is) = (short(ty), short(answer));
                let offset = offset.map(|o| o.to_string()).filter(|o| o != at);
                match offset {
                    Some(offset) => Some(format!("is said to be at {offset}, is at {at}")),
                    None => (want != is).then(|| format!("is said to be {want}, is {is}")),
                }
            }
        }
    }
}

/// The first difference between two lists.
fn list_wrong(want: &str, answer: &str) -> Option<String> {
    let (want, is): (Vec<&str>, Vec<&str>) = (want.split('\t').collect(), answer.split('\t').collect());
    let at = (0..want.len().max(is.len())).find(|&i| want.get(i) != is.get(i))?;
    let text = |list: &[&str]| list.get(at).map_or("at its end".to_owned(), |text| format!("`{text}`"));
    Some(format!("is said to be {} at {at}, is {}", text(&want), text(&is)))
}

/// The text of a type with package names instead of import paths, and none for package runtime.
fn short(text: &str) -> String {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_path) {
        let len = rest[start..].find(|c| !is_path(c)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + len];
        let dots = word.len() - word.trim_start_matches('.').len();
        let name = word[dots..].rsplit('/').next().unwrap_or(word);
        out.push_str(&rest[..start + dots]);
        out.push_str(name.strip_prefix("runtime.").unwrap_or(name));
        rest = &rest[start + len..];
    }
    (out + rest).replace("interface{}", "any")
}

/// The dots of a qualified name behind the import path.
fn dots(name: &str) -> Vec<usize> {
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    name[slash..].match_indices('.').map(|(at, _)| slash + at).collect()
}

/// A name with the import path of its package.
fn qualified(name: &str) -> String {
    if name.contains('/') || name.starts_with("runtime.") {
        return name.to_owned();
    }
    let first = name.split('.').next().unwrap_or(name);
    match SHORT.iter().find(|(short, _)| *short == first) {
        Some((short, path)) => format!("{path}{}", &name[short.len()..]),
        None => format!("runtime.{name}"),
    }
}

/// The versions before a claim: `1.22 `, `1.19-1.22 `, `1.26- `.
fn versions(text: &str) -> (u32, u32, &str) {
    let all = (0, u32::MAX, text);
    let Some((first, rest)) = text.split_once(' ') else { return all };
    let (from, to) = first.split_once('-').map_or((first, None), |(from, to)| (from, Some(to)));
    let minor = |text: &str| Version::parse(text).map(|v| v.minor);
    match (minor(from), to) {
        (Some(from), None) => (from, from, rest),
        (Some(from), Some("")) => (from, u32::MAX, rest),
        (Some(from), Some(to)) => minor(to).map_or(all, |to| (from, to, rest)),
        (None, _) => all,
    }
}

fn integer(text: &str) -> Option<u64> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
