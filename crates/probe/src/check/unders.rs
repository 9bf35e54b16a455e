//! `under("FUNC")`: the functions whose calls are watched for it.

use std::collections::BTreeSet;
use std::rc::Rc;

use gobin::VAddr;
use gobin::pattern::Pattern;
use gobin::sites::Sites;

use crate::ast::Span;
use crate::diagnostic::Diagnostic;
use plan::limits;
use plan::target::Found;
use plan::{BinaryNo, Under};

use super::resolve::{Resolved, exact_first, no_function, unprobeable};

/// What a text asks about, each name or pattern once.
#[derive(Default)]
pub(super) struct Unders {
    all: Vec<Asked>,
}

struct Asked {
    pattern: String,
    span: Span,
    /// The executables in whose code that is asked.
    binaries: BTreeSet<u32>,
}

/// A function whose calls others are called under.
#[derive(Clone)]
pub(super) struct Marked {
    pub found: Found,
    pub sites: Rc<Sites>,
    /// Which of the unders means it.
    pub under: u8,
    binary: BinaryNo,
}

impl Marked {
    /// How rows know it.
    pub(super) fn key(&self) -> (BinaryNo, VAddr, u32) {
        (self.binary, self.found.entry, self.found.index)
    }
}

impl Unders {
    /// The number of a name or pattern; none if there are too many of them.
    pub(super) fn add(&mut self, pattern: &str, span: Span, binary: Option<u32>) -> Option<u8> {
        let known = self.all.iter().position(|asked| asked.pattern == pattern);
        if known.is_none() && self.all.len() == limits::UNDERS {
            return None;
        }
        let at = known.unwrap_or_else(|| {
            self.all.push(Asked { pattern: pattern.to_owned(), span, binaries: BTreeSet::new() });
            self.all.len() - 1
        });
        self.all[at].binaries.extend(binary);
        u8::try_from(at).ok()
    }

    /// What plans have of them.
    pub(super) fn all(&self) -> Vec<Under> {
        self.all.iter().map(|asked| Under { pattern: asked.pattern.clone() }).collect()
    }
}

/// The functions that are meant; says of which that is none, and what is not seen of the others.
pub(super) fn find(unders: &Unders, resolved: &Resolved<'_>, messages: &mut Vec<Diagnostic>) -> Vec<Marked> {
    let all = unders.all.iter().zip(0..).flat_map(|(asked, under)| asked.find(under, resolved, messages));
    all.collect()
}

impl Asked {
    fn find(&self, under: u8, resolved: &Resolved<'_>, messages: &mut Vec<Diagnostic>) -> Vec<Marked> {
        let (mut marked, mut unseen, mut unknown) = (Vec::new(), Vec::new(), None);
        let pattern = Pattern::new(&self.pattern);
        for binary in self.binaries.iter().map(|&binary| BinaryNo(binary)) {
            let Some(target) = resolved.binaries.get(binary.index()).map(|binary| binary.target) else { continue };
            let found = exact_first(target.matching(&pattern), &self.pattern);
            let inlined = target.inlined(&pattern);
            if found.is_empty() {
                unknown.get_or_insert_with(|| no_function(target, &self.pattern, Some(&inlined), self.span));
            } else if let Some(first) = inlined.first.first().filter(|_| pattern.is_literal()) {
                messages.push(self.also_inlined(&first.into));
            }
            for found in found {
                let Some(sites) = target.sites(&found) else { continue };
                match unprobeable(&sites, true, true) {
                    Some(why) => unseen.push((found.name, why)),
                    None => marked.push(Marked { binary, found, sites: Rc::new(sites), under }),
                }
            }
        }
        messages.extend(self.unseen(&marked, &unseen).or_else(|| unknown.filter(|_| marked.is_empty())));
        marked
    }

    fn also_inlined(&self, into: &str) -> Diagnostic {
        let message = format!("`{}` is also inlined, as in {into}: what is called there is not under it", self.pattern);
        Diagnostic::warning(self.span, message)
    }

    fn unseen(&self, marked: &[Marked], unseen: &[(String, String)]) -> Option<Diagnostic> {
        let first = unseen.first()?;
        if marked.is_empty() {
            let message = format!("what is called under `{}` cannot be seen: {}", first.0, first.1);
            return Some(Diagnostic::nothing_matched(self.span, message));
        }
        let more = match unseen.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let message = format!("what is called under `{}`{more} is not seen: {}", first.0, first.1);
        Some(Diagnostic::warning(self.span, message))
    }
}
