//! The order of a crate's top-level modules: each may use only modules below it.
//!
//! A reference is a path that starts with `crate::`, or with enough `super::` to reach the root of the crate. A name
//! re-exported by the root counts as its module. Items of the root itself do not count: they lie below all modules.

use std::collections::{BTreeMap, BTreeSet};

use super::{SourceFile, Violation};
use crate::source::{self, Kind, Path, Token};

/// References between the top-level modules of one crate, each with an example file.
pub struct ModuleGraph {
    name: String,
    modules: BTreeSet<String>,
    arrows: BTreeMap<(String, String), String>,
}

impl ModuleGraph {
    /// Reads the product code of a crate.
    pub fn read(name: &str, files: &[SourceFile]) -> ModuleGraph {
        let modules: BTreeSet<String> = files.iter().filter_map(|file| top_module(&file.name)).collect();
        let mut exports = BTreeMap::new();
        for root in files.iter().filter(|file| top_module(&file.name).is_none()) {
            exports.extend(re_exports(&root.code, &modules));
        }
        let mut graph = ModuleGraph { name: name.to_owned(), modules, arrows: BTreeMap::new() };
        for file in files {
            let Some(from) = top_module(&file.name) else { continue };
            for name in root_names(file) {
                let to = graph.modules.get(name).or_else(|| exports.get(name));
                if let Some(to) = to.filter(|to| **to != from) {
                    graph.arrows.entry((from.clone(), to.clone())).or_insert_with(|| file.name.clone());
                }
            }
        }
        graph
    }

    /// Modules from bottom to top, those of one layer use only lower ones. Excepted references do not count.
    pub fn layers(&self, exceptions: &[&str]) -> Vec<Vec<&str>> {
        let pruned = self.without(exceptions);
        let mut above: BTreeSet<&str> = self.modules.iter().map(String::as_str).collect();
        let mut layers = Vec::new();
        while !above.is_empty() {
            let free = |from: &&str| !above.iter().any(|to| pruned.contains(&(*from, *to)));
            let mut layer: Vec<&str> = above.iter().copied().filter(free).collect();
            if layer.is_empty() {
                layer = above.iter().copied().collect();
            }
            above.retain(|module| !layer.contains(module));
            layers.push(layer);
        }
        layers
    }

    /// References in cycles: all references of a cycle without exceptions, and the exceptions without which there would
    /// be a cycle.
    pub fn violations(&self, exceptions: &[&str]) -> Vec<Violation> {
        let pruned = self.without(exceptions);
        let arrows = self.arrows.iter().filter(|((from, to), _)| reaches(&pruned, to, from));
        arrows
            .map(|((from, to), file)| Violation {
                key: self.key(from, to),
                text: format!("{}: {from} uses {to} in {file}, but {to} depends on {from}", self.name),
            })
            .collect()
    }

    fn key(&self, from: &str, to: &str) -> String {
        format!("{}: {from} uses {to}", self.name)
    }

    fn without(&self, exceptions: &[&str]) -> BTreeSet<(&str, &str)> {
        let pairs = self.arrows.keys().map(|(from, to)| (from.as_str(), to.as_str()));
        pairs.filter(|(from, to)| !exceptions.contains(&self.key(from, to).as_str())).collect()
    }
}

fn reaches(arrows: &BTreeSet<(&str, &str)>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(module) = next.pop() {
        next.extend(arrows.iter().filter(|(from, to)| *from == module && seen.insert(to)).map(|(_, to)| to));
    }
    seen.contains(to)
}

/// `elf` for `src/elf.rs` and `src/elf/segment.rs`; none for the root.
fn top_module(file: &str) -> Option<String> {
    let first = file.strip_prefix("src/")?.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

/// Names of the root imported from its modules.
fn re_exports(root: &[Token], modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let uses = (0..root.len()).filter(|&at| source::starts_with(&root[at..], &["use"]));
    let paths = uses.flat_map(|at| source::paths(&root[at + 1..]));
    let module_of = |path: &Path| {
        let first = path.segments.iter().find(|segment| !["crate", "self"].contains(segment))?;
        modules.get(*first).cloned()
    };
    let pairs = paths.filter_map(|path| Some((path.name.to_owned(), module_of(&path)?)));
    pairs.filter(|(name, _)| !modules.contains(name)).collect()
}

/// First segments of all paths from the root in a file.
fn root_names<'a>(file: &SourceFile<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let depth = file.name.split('/').count() - 1;
    let (mut inner, mut at) = (Vec::new(), 0);
    while let Some(rest) = file.code.get(at..).filter(|rest| !rest.is_empty()) {
        inner.retain(|end| at < *end);
        if let Some(length) = inline_module(rest) {
            inner.push(at + length);
        }
        let mut supers = 0;
        while source::starts_with(&file.code[at..], &["super", "::"]) {
            (supers, at) = (supers + 1, at + 2);
        }
        if source::starts_with(&file.code[at..], &["crate", "::"]) {
            (supers, at) = (depth + inner.len(), at + 2);
        }
        if supers > 0 && supers == depth + inner.len() {
            let paths = source::paths(&file.code[at..]);
            names.extend(paths.iter().filter_map(|path| path.segments.first()));
        }
        at += usize::from(supers == 0);
    }
    names
}

/// The length of `mod name { … }`.
fn inline_module(tokens: &[Token]) -> Option<usize> {
    let named = source::starts_with(tokens, &["mod"]) && tokens.get(1)?.kind == Kind::Ident;
    (named && tokens.get(2)?.text == "{").then(|| 2 + source::group_length(&tokens[2..]))
}

#[cfg(test)]
mod tests;
