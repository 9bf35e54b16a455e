//! Secrets, taken out of values before anybody makes text of them.
//!
//! Whether something is a secret is told by its name alone: that of an argument, a field, a key of a map or of a context.

use std::cell::RefCell;
use std::sync::Arc;

use super::value::{GoValue, Is, Known, Link};
use super::{GoKind, TypeRow, Types};

/// Names of what is not to be shown, unless somebody says otherwise.
pub const SECRETS: [&str; 10] = [
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*token*",
    "*secret*",
    "*authorization*",
    "*cookie*",
    "*api_key*",
    "*private_key*",
    "*credential*",
];

/// What is a secret among values of one run: names in types are looked at once.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    globs: Vec<Vec<u8>>,
    /// What has fewer characters is none.
    least: usize,
    /// By type row, as far as they were met.
    types: RefCell<Vec<Option<OfType>>>,
}

/// What the names in a type say.
#[derive(Clone, Debug, Default)]
struct OfType {
    /// What it is the key to is a secret.
    key: bool,
    /// Which fields are.
    fields: Arc<[bool]>,
}

impl Secrets {
    /// Names like these: `*` is any run of characters, `?` any character. Case does not matter, nor do `_` and `-`.
    pub fn like<'g>(globs: impl IntoIterator<Item = &'g str>) -> Secrets {
        let globs: Vec<_> = globs.into_iter().map(|glob| folded(glob.as_bytes())).collect();
        let least = globs.iter().map(|glob| glob.iter().filter(|&&c| c != b'*').count()).min();
        Secrets { globs, least: least.unwrap_or(usize::MAX), types: RefCell::default() }
    }

    /// Whether what has that name is one.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        // Folding makes none longer.
        if name.len() < self.least {
            return false;
        }
        let name = folded(name);
        self.globs.iter().any(|glob| matches(glob, &name))
    }

    /// Takes secrets out of a value that has a name.
    pub fn redact(&self, name: &str, value: &mut GoValue, types: &Types) {
        if self.globs.is_empty() {
            return;
        }
        if self.is(name.as_bytes()) {
            hide(value);
        } else {
            self.inside(value, types);
        }
    }

    fn inside(&self, value: &mut GoValue, types: &Types) {
        match &mut value.is {
            Is::Struct(fields) => {
                let hidden = self.of_type(value.ty, types).fields;
                for (n, field) in fields.iter_mut().enumerate() {
                    if hidden.get(n).is_some_and(|hidden| *hidden) { hide(field) } else { self.inside(field, types) }
                }
            }
            Is::List(list) => list.items.iter_mut().for_each(|item| self.inside(item, types)),
            Is::Map(map) => map.items.iter_mut().for_each(|(key, elem)| self.entry(key, elem, types)),
            Is::Pointer(inner) | Is::Interface(inner) | Is::Holds { value: inner, .. } => self.inside(inner, types),
            Is::Context(links) => links.iter_mut().for_each(|link| self.link(link, types)),
            _ => {}
        }
    }

    fn of_type(&self, row: TypeRow, types: &Types) -> OfType {
        let (mut known, at) = (self.types.borrow_mut(), row.0 as usize);
        if known.len() <= at {
            known.resize(types.len().max(at + 1), None);
        }
        known.get_mut(at).map_or_else(OfType::default, |of| of.get_or_insert_with(|| self.look(row, types)).clone())
    }

    fn look(&self, row: TypeRow, types: &Types) -> OfType {
        let Some(ty) = types.get(row) else { return OfType::default() };
        let key = self.is(ty.name.rsplit('.').next().unwrap_or_default().as_bytes());
        let fields = match &ty.kind {
            GoKind::Struct(fields) => fields.iter().map(|field| self.is(field.name.as_bytes())).collect(),
            _ => Arc::default(),
        };
        OfType { key, fields }
    }

    fn entry(&self, key: &mut GoValue, elem: &mut GoValue, types: &Types) {
        self.inside(key, types);
        if self.is_named_by(key, types) { hide(elem) } else { self.inside(elem, types) }
    }

    fn link(&self, link: &mut Link, types: &Types) {
        match link {
            Link::Value(key, elem) => self.entry(key, elem, types),
            Link::Other(value) => self.inside(value, types),
            _ => {}
        }
    }

    /// Whether a key is such a name, or of a type with such a name: contexts have keys like `tokenKey{}`.
    fn is_named_by(&self, key: &GoValue, types: &Types) -> bool {
        let of_type = self.of_type(key.ty, types).key;
        match &key.is {
            Is::String(text) | Is::Bytes(text) => of_type || self.is(&text.bytes),
            Is::Known(Known { text, .. }) => of_type || self.is(text.as_bytes()),
            Is::Interface(inner) | Is::Pointer(inner) => self.is_named_by(inner, types),
            _ => of_type,
        }
    }
}

/// Nothing is no secret, and neither is whether there is one.
fn hide(value: &mut GoValue) {
    if !matches!(value.is, Is::Nil | Is::Bool(_) | Is::Missing(_)) {
        value.is = Is::Redacted;
    }
}

fn folded(name: &[u8]) -> Vec<u8> {
    name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase).collect()
}

/// Greedy matching with one point to go back to: linear but for the last star.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut back = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                back = Some((g, n));
                g += 1;
            }
            Some(&c) if c == b'?' || Some(&c) == name.get(n) => (g, n) = (g + 1, n + 1),
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                (g, n) = (star + 1, from + 1);
            }
        }
    }
    glob.get(g..).unwrap_or_default().iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_joints() {
        let secrets = Secrets::like(SECRETS);
        for name in
            ["password", "PASSWORD", "userPassword", "api_key", "X-Api-Key", "apiKey", "Set-Cookie", "refreshToken"]
        {
            assert!(secrets.is(name.as_bytes()), "{name}");
        }
        for name in ["pass", "key", "apikind", "", "name", "cook"] {
            assert!(!secrets.is(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn stars_and_question_marks() {
        let is = |glob, name: &str| Secrets::like([glob]).is(name.as_bytes());
        assert!(is("a*b*c", "axxbyyc") && is("*", "") && is("p?n", "pin") && is("a*", "a"));
        assert!(!is("a*b*c", "axxbyy") && !is("p?n", "pn") && !is("a", "ab") && !is("", "a"));
    }
}
