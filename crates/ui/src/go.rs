//! Captured Go values as people know them from Go's own source and from `%+v`, and as JSON.
//!
//! Text is on one line, has types where they say something, and shows what was cut with how much is missing:
//! `[]string{"a", "b", …+7}`. What is not there says why: `<not captured: depth>`.

mod json;
mod name;
mod quote;

use std::borrow::Cow;
use std::fmt::{self, Write};

use event::go::value::{Bytes, GoValue, Is, Known, Link, List, Missing};
use event::go::{GoKind, GoType, Types};

pub use json::Json;
pub use name::short;
pub(crate) use quote::{hex, is_text, quoted};

/// What stands for a secret.
pub const REDACTED: &str = "<redacted>";

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Bytes of a string.
    pub strlen: usize,
    /// Elements of a slice, an array or a map.
    pub elems: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style { strlen: 64, elems: 16 }
    }
}

/// A value in Go's syntax; where it stands its type is known.
#[must_use]
pub fn text(value: &GoValue, types: &Types, style: Style) -> String {
    let mut writer = Writer { types, style, out: String::new() };
    // Writing to a String does not fail.
    let _ = writer.value(value, Type::Known);
    writer.out
}

/// Whether a reader knows the type of what is to be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    /// From a signature, or from what it stands in.
    Known,
    /// So well that literals need not say it: it is an element.
    Repeated,
    /// Not at all: what an interface holds.
    Open,
}

struct Writer<'a> {
    types: &'a Types,
    style: Style,
    out: String,
}

impl<'a> Writer<'a> {
    fn value(&mut self, value: &GoValue, known: Type) -> fmt::Result {
        match &value.is {
            Is::Bool(is) => self.literal(value, known, "bool", &is.to_string()),
            Is::Int(number) => self.literal(value, known, "int", &number.to_string()),
            Is::Uint(number) if self.name(value) == "uintptr" => self.converted(value, known, &format!("{number:#x}")),
            Is::Uint(number) if is_raw(value, self.types) => write!(self.out, "{number:#x}"),
            Is::Uint(number) => self.literal(value, known, "", &number.to_string()),
            Is::Float(number) => self.float(value, known, *number),
            Is::Complex(re, im) => self.literal(value, known, "complex128", &self.complex(value, *re, *im)),
            Is::String(text) => self.literal(value, known, "string", &self.string(text)),
            Is::Bytes(bytes) => self.bytes(value, bytes),
            Is::List(list) => self.list(value, known, list),
            Is::Struct(fields) => self.strct(value, known, fields),
            Is::Map(map) => self.map(value, known, map),
            Is::Pointer(inner) => self.pointer(value, known, inner),
            Is::Interface(inner) => self.value(inner, Type::Open),
            Is::Nil => self.converted(value, known, "nil"),
            Is::Chan { len, cap } => write!(self.out, "{}(len {len}, cap {cap})", self.name(value)),
            Is::Func { name: Some(name), .. } if self.name(value).starts_with("func") => self.plain(name),
            Is::Func { name: Some(name), .. } => self.converted(value, known, name),
            Is::Func { address, name: None } => write!(self.out, "func({address:#x})"),
            Is::Address(address) => self.converted(value, known, &format!("{address:#x}")),
            Is::Known(form) => self.known(value, known, form),
            Is::Holds { made_by, value: inner } => self.holds(value, known, *made_by, inner),
            Is::Context(links) => self.context(links),
            Is::Missing(why) => self.converted(value, known, &format!("<{why}>")),
            Is::Redacted => self.plain(REDACTED),
        }
    }

    /// The type's name as code would have it.
    fn name(&self, value: &GoValue) -> Cow<'a, str> {
        self.types.get(value.ty).map_or(Cow::Borrowed("?"), |ty| short(&ty.name))
    }

    fn plain(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(&crate::text::visible(text))
    }

    /// What Go takes for a value of type `usual` where nothing else says its type.
    fn literal(&mut self, value: &GoValue, known: Type, usual: &str, text: &str) -> fmt::Result {
        if known == Type::Open && self.types.get(value.ty).is_some_and(|ty| ty.name == usual) {
            return self.out.write_str(text);
        }
        self.converted(value, known, text)
    }

    /// `T(text)`, unless the type is known.
    fn converted(&mut self, value: &GoValue, known: Type, text: &str) -> fmt::Result {
        if known != Type::Open {
            return self.plain(text);
        }
        let name = self.name(value);
        let open = ["*", "func", "chan", "<-"].iter().any(|start| name.starts_with(start));
        let (from, to) = if open { ("(", ")") } else { ("", "") };
        write!(self.out, "{from}{name}{to}({})", crate::text::visible(text))
    }

    fn known(&mut self, value: &GoValue, known: Type, form: &Known) -> fmt::Result {
        let note = form.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        let text = format!("{}{note}", form.text);
        if form.typed { self.plain(&text) } else { self.converted(value, known, &text) }
    }

    fn float(&mut self, value: &GoValue, known: Type, number: f64) -> fmt::Result {
        let text = self.digits(value, number, 4);
        // A whole number alone would be an int.
        let usual = if text.contains(['.', 'e']) { "float64" } else { "" };
        self.literal(value, known, usual, &text)
    }

    /// The fewest digits that tell the number; `single` is the size of a type of single precision.
    fn digits(&self, value: &GoValue, number: f64, single: u32) -> String {
        let small = self.types.get(value.ty).is_some_and(|ty| ty.size == single);
        quote::float(number, small)
    }

    fn complex(&self, value: &GoValue, re: f64, im: f64) -> String {
        let (re, im) = (self.digits(value, re, 8), self.digits(value, im, 8));
        let sign = if im.starts_with(['-', '+']) { "" } else { "+" };
        format!("({re}{sign}{im}i)")
    }

    fn string(&self, text: &Bytes) -> String {
        if let Some(missing) = nothing(text.bytes.is_empty(), text.len, text.rest) {
            return missing;
        }
        let bytes = head(&text.bytes, self.style.strlen, text.len);
        format!("{}{}", quoted(bytes), more(text.len, bytes.len()))
    }

    fn bytes(&mut self, value: &GoValue, bytes: &Bytes) -> fmt::Result {
        let name = self.name(value);
        if bytes.len == 0 {
            return write!(self.out, "{name}{{}}");
        }
        if let Some(missing) = nothing(bytes.bytes.is_empty(), bytes.len, bytes.rest) {
            return write!(self.out, "{name}({missing})");
        }
        let shown = if is_text(&bytes.bytes, bytes.is_cut()) {
            let shown = head(&bytes.bytes, self.style.strlen, bytes.len);
            format!("{}{}", quoted(shown), more(bytes.len, shown.len()))
        } else {
            let shown = bytes.bytes.get(..self.style.strlen).unwrap_or(&bytes.bytes);
            format!("0x{}{}", hex(shown), more(bytes.len, shown.len()))
        };
        write!(self.out, "{name}({shown})")
    }

    /// `T{`, or `{` where everybody knows.
    fn open(&mut self, value: &GoValue, known: Type) -> fmt::Result {
        let name = self.name(value);
        // The fields follow.
        let name = if name.starts_with("struct {") { Cow::Borrowed("struct") } else { name };
        if known == Type::Repeated { self.out.write_char('{') } else { write!(self.out, "{name}{{") }
    }

    fn list(&mut self, value: &GoValue, known: Type, list: &List<GoValue>) -> fmt::Result {
        self.open(value, known)?;
        self.items(list, |writer, item| writer.value(item, Type::Repeated))?;
        self.out.write_char('}')
    }

    fn map(&mut self, value: &GoValue, known: Type, map: &List<(GoValue, GoValue)>) -> fmt::Result {
        self.open(value, known)?;
        self.items(map, |writer, (key, elem)| {
            writer.value(key, Type::Repeated)?;
            writer.out.write_str(": ")?;
            writer.value(elem, Type::Repeated)
        })?;
        self.out.write_char('}')
    }

    fn items<T>(&mut self, list: &List<T>, write: impl Fn(&mut Self, &T) -> fmt::Result) -> fmt::Result {
        if let Some(missing) = nothing(list.items.is_empty(), list.len, list.rest) {
            return self.out.write_str(&missing);
        }
        for (n, item) in list.items.iter().take(self.style.elems).enumerate() {
            if n > 0 {
                self.out.write_str(", ")?;
            }
            write(self, item)?;
        }
        match more(list.len, list.items.len().min(self.style.elems)) {
            more if more.is_empty() => Ok(()),
            more => write!(self.out, ", {more}"),
        }
    }

    fn raw(&mut self, words: &[GoValue]) -> fmt::Result {
        self.out.write_char('{')?;
        for (n, word) in words.iter().enumerate() {
            self.out.write_str(if n > 0 { ", " } else { "" })?;
            self.value(word, Type::Known)?;
        }
        self.out.write_char('}')
    }

    fn strct(&mut self, value: &GoValue, known: Type, fields: &[GoValue]) -> fmt::Result {
        if is_raw(value, self.types) {
            return self.raw(fields);
        }
        self.open(value, known)?;
        let types = self.types;
        let names = match types.get(value.ty).map(|ty| &ty.kind) {
            Some(GoKind::Struct(names)) => &names[..],
            _ => &[],
        };
        // What has no name cannot be used either.
        let named = names.iter().zip(fields).filter(|(name, _)| name.name != "_");
        for (n, (name, field)) in named.enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            write!(self.out, "{comma}{}: ", crate::text::visible(&name.name))?;
            self.value(field, Type::Known)?;
        }
        self.out.write_char('}')
    }

    fn pointer(&mut self, value: &GoValue, known: Type, inner: &GoValue) -> fmt::Result {
        match inner.is {
            Is::Missing(why) => self.converted(value, known, &format!("&<{why}>")),
            _ => {
                self.out.write_char('&')?;
                self.value(inner, Type::Open)
            }
        }
    }

    fn holds(&mut self, value: &GoValue, known: Type, made_by: Option<&'static str>, inner: &GoValue) -> fmt::Result {
        let open = match made_by {
            Some(name) => Cow::Borrowed(name),
            None if known == Type::Open => self.name(value),
            None => return self.value(inner, Type::Known),
        };
        write!(self.out, "{open}(")?;
        self.value(inner, Type::Known)?;
        self.out.write_char(')')
    }

    fn context(&mut self, links: &[Link]) -> fmt::Result {
        for (n, link) in links.iter().enumerate() {
            let dot = if n > 0 { "." } else { "" };
            match link {
                Link::Root(name) => write!(self.out, "context.{name}"),
                Link::Other(value) => self.value(value, Type::Open),
                Link::Missing(why) => write!(self.out, "<{why}>"),
                Link::Named(name) => write!(self.out, "{dot}{name}"),
                Link::Cancel { done: false } => write!(self.out, "{dot}WithCancel"),
                Link::Cancel { done: true } => write!(self.out, "{dot}WithCancel(done)"),
                Link::Deadline { at, done } => {
                    write!(self.out, "{dot}WithDeadline(")?;
                    self.value(at, Type::Known)?;
                    self.out.write_str(if *done { ", done)" } else { ")" })
                }
                Link::Value(key, value) => {
                    write!(self.out, "{dot}WithValue(")?;
                    self.value(key, Type::Known)?;
                    self.out.write_str(", ")?;
                    self.value(value, Type::Known)?;
                    self.out.write_char(')')
                }
            }?;
        }
        Ok(())
    }
}

/// Whether a value is words of which no more is known.
pub(crate) fn is_raw(value: &GoValue, types: &Types) -> bool {
    types.get(value.ty).is_some_and(GoType::is_raw)
}

/// What to show where nothing of several is there.
fn nothing(empty: bool, len: u64, why: Option<Missing>) -> Option<String> {
    (empty && len > 0).then(|| format!("<{}>{}", why.unwrap_or(Missing::NotFollowed), more(len, 0)))
}

/// How many are not shown.
fn more(len: u64, shown: usize) -> String {
    match len.saturating_sub(shown as u64) {
        0 => String::new(),
        more => format!("…+{more}"),
    }
}

/// The first bytes of a text; what is left out does not begin within a character.
fn head(bytes: &[u8], most: usize, len: u64) -> &[u8] {
    let cut = bytes.get(..most).unwrap_or(bytes);
    if cut.len() as u64 == len {
        return cut;
    }
    let whole = (0..4).map_while(|n| cut.len().checked_sub(n)).find(|&end| {
        // A character that goes on behind the end, unless it is no character at all.
        cut.get(..end).is_some_and(|head| std::str::from_utf8(head).map_or_else(|e| e.error_len().is_some(), |_| true))
    });
    cut.get(..whole.unwrap_or(cut.len())).unwrap_or(cut)
}
