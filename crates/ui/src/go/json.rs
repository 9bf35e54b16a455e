//! Captured Go values as JSON that programs can use without knowing Go.
//!
//! What JSON has no form for is an object whose first key begins with `@`, as docs/json.md lists them.

use event::go::value::{Bytes, GoValue, Is, Known, Link, List, Missing};
use event::go::{GoKind, Types};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{REDACTED, hex, is_raw, is_text, quote};
use crate::number::Whole;

/// A value on its way to JSON.
pub struct Json<'a> {
    /// It.
    pub value: &'a GoValue,
    /// The types of it and of what is in it.
    pub types: &'a Types,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.value.is {
            Is::Bool(is) => to.serialize_bool(*is),
            Is::Int(number) => Whole((*number).into()).serialize(to),
            Is::Uint(number) if is_raw(self.value, self.types) => to.collect_str(&format_args!("{number:#x}")),
            Is::Uint(number) => Whole((*number).into()).serialize(to),
            Is::Float(number) => self.float(*number, to),
            Is::Complex(re, im) => to.collect_str(&format_args!("({re}{im:+}i)")),
            Is::String(text) => string(text, to),
            Is::Bytes(bytes) => self::bytes(bytes, to),
            Is::List(list) => cut(list.is_cut(), nothing(list), list.len, &Items { list, types: self.types }, to),
            Is::Struct(words) if is_raw(self.value, self.types) => {
                to.collect_seq(words.iter().map(|word| self.of(word)))
            }
            Is::Struct(fields) => self.strct(fields, to),
            Is::Map(map) => cut(map.is_cut(), nothing(map), map.len, &Map { map, of: self }, to),
            Is::Pointer(inner) | Is::Holds { value: inner, .. } => self.of(inner).serialize(to),
            Is::Interface(inner) => self.interface(inner, to),
            Is::Nil => to.serialize_unit(),
            Is::Chan { len, cap } => self.chan(*len, *cap, to),
            Is::Func { name: Some(name), .. } => object(to, [("@func", name)]),
            Is::Func { address, name: None } => object(to, [("@func", &format!("{address:#x}"))]),
            Is::Address(address) => to.collect_str(&format_args!("{address:#x}")),
            Is::Known(Known { number: Some(number), .. }) => Whole(*number).serialize(to),
            Is::Known(known) => to.serialize_str(&known.text),
            Is::Context(links) => self.context(links, to),
            Is::Missing(why) => Unreadable(*why).serialize(to),
            Is::Redacted => to.serialize_str(REDACTED),
        }
    }
}

impl<'a> Json<'a> {
    fn of(&self, value: &'a GoValue) -> Json<'a> {
        Json { value, types: self.types }
    }

    fn type_name(&self, value: &GoValue) -> &'a str {
        self.types.get(value.ty).map_or("?", |ty| &ty.name)
    }

    fn float<S: Serializer>(&self, number: f64, to: S) -> Result<S::Ok, S::Error> {
        let single = self.types.get(self.value.ty).is_some_and(|ty| ty.size == 4);
        match number.is_finite() {
            true if single => to.serialize_f32(number as f32),
            true => to.serialize_f64(number),
            false => to.serialize_str(&quote::float(number, single)),
        }
    }

    fn strct<S: Serializer>(&self, fields: &'a [GoValue], to: S) -> Result<S::Ok, S::Error> {
        let names = match self.types.get(self.value.ty).map(|ty| &ty.kind) {
            Some(GoKind::Struct(names)) => &names[..],
            _ => &[],
        };
        let named = names.iter().zip(fields).filter(|(name, _)| name.name != "_" && !name.hidden);
        let mut map = to.serialize_map(None)?;
        if names.iter().any(|name| name.hidden) {
            map.serialize_entry("@opaque", self.type_name(self.value))?;
        }
        named.into_iter().try_for_each(|(name, field)| map.serialize_entry(&name.name, &self.of(field)))?;
        map.end()
    }

    fn interface<S: Serializer>(&self, inner: &'a GoValue, to: S) -> Result<S::Ok, S::Error> {
        if let Is::Context(_) | Is::Redacted = inner.is {
            return self.of(inner).serialize(to);
        }
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("@type", self.type_name(inner))?;
        map.serialize_entry("value", &self.of(inner))?;
        map.end()
    }

    fn chan<S: Serializer>(&self, len: u64, cap: u64, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(3))?;
        map.serialize_entry("@chan", self.type_name(self.value))?;
        map.serialize_entry("len", &len)?;
        map.serialize_entry("cap", &cap)?;
        map.end()
    }

    fn context<S: Serializer>(&self, links: &'a [Link], to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        let links: Vec<_> = links.iter().map(|link| LinkJson { link, of: self }).collect();
        map.serialize_entry("@context", &links)?;
        map.end()
    }
}

fn object<S: Serializer>(to: S, fields: [(&str, &String); 1]) -> Result<S::Ok, S::Error> {
    to.collect_map(fields)
}

/// Why something is not there.
struct Unreadable(Missing);

impl Serialize for Unreadable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, [("@unreadable", &self.0.to_string())])
    }
}

fn string<S: Serializer>(text: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    cut(
        text.is_cut(),
        none(text),
        text.len,
        &String::from_utf8_lossy(super::head(&text.bytes, usize::MAX, text.len)),
        to,
    )
}

fn bytes<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    if is_text(&bytes.bytes, bytes.is_cut()) {
        return string(bytes, to);
    }
    cut(bytes.is_cut(), none(bytes), bytes.len, &Hex(&bytes.bytes), to)
}

struct Hex<'a>(&'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        object(to, [("@hex", &hex(self.0))])
    }
}

/// Why nothing at all of a text is there.
fn none(bytes: &Bytes) -> Option<Missing> {
    if bytes.bytes.is_empty() { bytes.rest } else { None }
}

/// Why nothing at all of several is there.
fn nothing<T>(list: &List<T>) -> Option<Missing> {
    if list.items.is_empty() { list.rest } else { None }
}

/// What is there, with how much that should be if it is not all; or why there is nothing.
fn cut<S: Serializer>(
    is_cut: bool,
    nothing: Option<Missing>,
    len: u64,
    what: &impl Serialize,
    to: S,
) -> Result<S::Ok, S::Error> {
    if !is_cut {
        return what.serialize(to);
    }
    let mut map = to.serialize_map(Some(2))?;
    match nothing {
        Some(why) => map.serialize_entry("@unreadable", &why.to_string())?,
        None => map.serialize_entry("@cut", what)?,
    }
    map.serialize_entry("len", &len)?;
    map.end()
}

struct Items<'a> {
    list: &'a List<GoValue>,
    types: &'a Types,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.list.items.iter().map(|value| Json { value, types: self.types }))
    }
}

struct Map<'a> {
    map: &'a List<(GoValue, GoValue)>,
    of: &'a Json<'a>,
}

impl Map<'_> {
    /// Whether the type has text as keys.
    fn has_text_keys(&self) -> bool {
        let types = self.of.types;
        let key = match types.get(self.of.value.ty).map(|ty| &ty.kind) {
            Some(GoKind::Map(map)) => types.get(map.key),
            _ => None,
        };
        key.is_some_and(|key| key.kind == GoKind::String)
    }
}

/// A key that an object can have, and that is not taken for a mark of ours.
fn as_key(key: &GoValue) -> Option<&str> {
    match &key.is {
        Is::String(text) if !text.is_cut() => std::str::from_utf8(&text.bytes).ok().filter(|key| !key.starts_with('@')),
        _ => None,
    }
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Map { map, of } = self;
        let keys: Option<Vec<&str>> = map.items.iter().map(|(key, _)| as_key(key)).collect();
        match keys.filter(|_| self.has_text_keys()) {
            Some(keys) => to.collect_map(keys.into_iter().zip(map.items.iter().map(|(_, elem)| of.of(elem)))),
            None => to.collect_seq(map.items.iter().map(|(key, elem)| (of.of(key), of.of(elem)))),
        }
    }
}

struct LinkJson<'a> {
    link: &'a Link,
    of: &'a Json<'a>,
}

impl Serialize for LinkJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let of = |value| self.of.of(value);
        match self.link {
            Link::Root(name) | Link::Named(name) => to.serialize_str(name),
            Link::Missing(why) => Unreadable(*why).serialize(to),
            Link::Other(value) => self.of.interface(value, to),
            Link::Cancel { done } => to.collect_map([("cancel", true), ("done", *done)]),
            Link::Deadline { at, done } => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("deadline", &of(at))?;
                map.serialize_entry("done", done)?;
                map.end()
            }
            Link::Value(key, value) => {
                let mut map = to.serialize_map(Some(2))?;
                map.serialize_entry("key", &of(key))?;
                map.serialize_entry("value", &of(value))?;
                map.end()
            }
        }
    }
}
