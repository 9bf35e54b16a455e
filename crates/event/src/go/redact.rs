//! Secrets, taken out of values before anybody makes text of them.
//!
//! Whether something is a secret is told by its name alone: that of an argument, a field, a key of a map or of a context.

use super::value::{GoValue, Is, Known, Link};
use super::{GoKind, Types};

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

/// What is a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    globs: Vec<Vec<u8>>,
}

impl Secrets {
    /// Names like these: `*` is any run of characters, `?` any character. Case does not matter, nor do `_` and `-`.
    pub fn like<'g>(globs: impl IntoIterator<Item = &'g str>) -> Secrets {
        Secrets { globs: globs.into_iter().map(|glob| folded(glob.as_bytes())).collect() }
    }

    /// Whether what has that name is one.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
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
                let names = match types.get(value.ty).map(|ty| &ty.kind) {
                    Some(GoKind::Struct(names)) => &names[..],
                    _ => &[],
                };
                for (n, field) in fields.iter_mut().enumerate() {
                    self.redact(names.get(n).map_or("", |name| &name.name), field, types);
                }
            }
            Is::List(list) => list.items.iter_mut().for_each(|item| self.inside(item, types)),
            Is::Map(map) => map.items.iter_mut().for_each(|(key, elem)| self.entry(key, elem, types)),
            Is::Pointer(inner) | Is::Interface(inner) | Is::Holds { value: inner, .. } => self.inside(inner, types),
            Is::Context(links) => links.iter_mut().for_each(|link| self.link(link, types)),
            _ => {}
        }
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
        let of_type =
            types.get(key.ty).is_some_and(|ty| self.is(ty.name.rsplit('.').next().unwrap_or_default().as_bytes()));
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
