//! Sizes of files, functions and structs.
//!
//! A function counts from its `fn` to its closing brace. A struct is plain data, and may have any number of fields, when
//! it derives a trait and no method takes it by `&mut self`: code makes, compares and reads such values, and they keep no
//! state.

use std::collections::BTreeSet;

use super::{SourceFile, Violation};
use crate::source::{self, Kind, Token};

/// Lines of a file; a table may have more.
const FILE: usize = 900;
/// Lines that 99 of 100 functions do not exceed.
const FUNCTION: usize = 40;
/// Fields of a struct that is not plain data.
const FIELDS: usize = 12;

/// Tables: their length says nothing about structure.
pub const TABLES: &[(&str, &str)] = &[];

/// A function and its length in lines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Function {
    pub lines: usize,
    pub place: String,
}

/// Lengths of all functions.
pub struct FunctionSizes(Vec<Function>);

impl FunctionSizes {
    pub fn new(mut all: Vec<Function>) -> FunctionSizes {
        all.sort();
        FunctionSizes(all)
    }

    /// `functions: 4165, median 6 lines, p99 36`
    pub fn summary(&self) -> String {
        format!("functions: {}, median {} lines, p99 {}", self.0.len(), self.percentile(50), self.percentile(99))
    }

    pub fn violation(&self) -> Option<Violation> {
        let longest: Vec<String> = self.0.iter().rev().take(10).map(|f| format!("{} ({})", f.place, f.lines)).collect();
        (self.percentile(99) > FUNCTION).then(|| Violation {
            key: "functions".to_owned(),
            text: format!("{}, over {FUNCTION}; the longest: {}", self.summary(), longest.join(", ")),
        })
    }

    fn percentile(&self, percent: usize) -> usize {
        self.0.get(self.0.len() * percent / 100).map_or(0, |function| function.lines)
    }
}

/// Long files outside of `tables`, and needless entries of `tables`.
pub fn long_files(files: impl Iterator<Item = (String, usize)>, tables: &[(&str, &str)]) -> Vec<Violation> {
    let (mut found, mut stale): (Vec<Violation>, BTreeSet<&str>) = (Vec::new(), tables.iter().map(|t| t.0).collect());
    for (file, lines) in files.filter(|(_, lines)| *lines > FILE) {
        if !stale.remove(&*file) {
            let text = format!("{file} has {lines} lines, over {FILE}");
            found.push(Violation { key: file, text });
        }
    }
    let delete =
        |file| format!("{file} has no more than {FILE} lines: delete its line in TABLES of xtask/src/walls/sizes.rs");
    found.extend(stale.into_iter().map(|file| Violation { key: format!("table {file}"), text: delete(file) }));
    found
}

/// Functions of the product code; one inside another belongs to it.
pub fn functions(dir: &str, files: &[SourceFile]) -> Vec<Function> {
    let mut found = Vec::new();
    for file in files {
        let mut at = 0;
        while let Some(rest) = file.code.get(at..).filter(|rest| !rest.is_empty()) {
            let body = source::head_length(rest);
            let named = source::starts_with(rest, &["fn"]) && rest.get(1).is_some_and(|t| t.kind == Kind::Ident);
            if !named || !source::starts_with(&rest[body..], &["{"]) {
                at += 1;
                continue;
            }
            let length = body + source::group_length(&rest[body..]);
            let lines = rest[length - 1].line - rest[0].line + 1;
            found.push(Function { lines, place: format!("{dir}/{}:{} {}", file.name, rest[0].line, rest[1].text) });
            at += length;
        }
    }
    found
}

/// Large structs of a crate, except plain data.
pub fn large_structs(name: &str, files: &[SourceFile]) -> Vec<Violation> {
    let changing: BTreeSet<&str> = files.iter().flat_map(|file| changing_types(&file.code)).collect();
    let mut found = Vec::new();
    for (file, (type_name, fields, derives)) in
        files.iter().flat_map(|f| structs(&f.code).into_iter().map(move |s| (f, s)))
    {
        if fields <= FIELDS || derives && !changing.contains(type_name) {
            continue;
        }
        let why = if derives { "has methods with &mut self" } else { "derives nothing" };
        let text = format!("{name}: {type_name} in {} has {fields} fields, over {FIELDS}, and {why}", file.name);
        found.push(Violation { key: format!("{name}::{type_name}"), text });
    }
    found
}

/// Name, fields, and whether it derives a trait.
fn structs<'a>(code: &[Token<'a>]) -> Vec<(&'a str, usize, bool)> {
    let (mut found, mut derives) = (Vec::new(), false);
    for at in 0..code.len() {
        let rest = &code[at..];
        derives |= source::starts_with(rest, &["#", "[", "derive"]);
        derives &= !source::starts_with(rest, &["enum"]);
        if source::starts_with(rest, &["struct"]) {
            let body = &rest[source::head_length(rest)..];
            let fields =
                if source::starts_with(body, &["{"]) { fields(&body[1..source::group_length(body)]) } else { 0 };
            found.extend(rest.get(1).map(|name| (name.text, fields, derives)));
            derives = false;
        }
    }
    found
}

/// Colons outside all brackets: one for each named field.
fn fields(body: &[Token]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < body.len() {
        count += usize::from(source::starts_with(&body[at..], &[":"]));
        at += source::group_length(&body[at..]).max(1);
    }
    count
}

/// Types with a method that takes `&mut self`.
fn changing_types<'a>(code: &[Token<'a>]) -> Vec<&'a str> {
    let impls = (0..code.len()).map(|at| &code[at..]).filter(|rest| source::starts_with(rest, &["impl"]));
    impls
        .filter_map(|rest| {
            let (head, body) = rest.split_at(source::head_length(rest));
            let body = &body[..source::group_length(body)];
            let changes = source::find(body, &["&", "mut", "self"]).is_some();
            changes.then(|| implemented(&head[1..])).flatten()
        })
        .collect()
}

/// The type of `impl<T> Trait for module::Type<T> where …`.
fn implemented<'a>(head: &[Token<'a>]) -> Option<&'a str> {
    let (mut depth, mut name) = (0i32, None);
    for (at, token) in head.iter().enumerate() {
        match token.text {
            "<" => depth += 1,
            // Not the arrow of a return type.
            ">" if head[at - 1].text != "-" => depth -= 1,
            "where" => break,
            _ if depth == 0 && token.kind == Kind::Ident => name = Some(token.text),
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests;
