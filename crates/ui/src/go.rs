//! Captured Go values as people know them from Go's own source and from `%+v`, and as JSON.
//!
//! Text is on one line, has types where they say something, and shows what was cut with how much is missing:
//! `[]string{"a", "b", …+7}`. What is not there says why: `<not captured: depth>`.

mod fit;
mod json;
mod name;
mod quote;

use std::borrow::Cow;
use std::fmt::{self, Write};

use event::go::value::{Bytes, GoValue, Is, Known, Link, List, Missing};
use event::go::{GoKind, GoType, Types};

pub use json::Json;
pub use name::short;
pub(crate) use quote::{hex, is_text};

/// What stands for a secret.
pub const REDACTED: &str = "<redacted>";

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Bytes of a string.
    pub strlen: usize,
    /// Elements of a slice, an array or a map.
    pub elems: usize,
    /// About so many columns of a whole value; all that are needed, if there is no limit.
    pub width: Option<usize>,
}

impl Default for Style {
    fn default() -> Style {
        Style { strlen: 64, elems: 16, width: None }
    }
}

/// A value in Go's syntax; where it stands its type is known.
#[must_use]
pub fn text(value: &GoValue, types: &Types, style: Style) -> String {
    let mut out = String::new();
    write(value, types, style, &mut out);
    out
}

/// The same, behind what is there.
pub fn write(value: &GoValue, types: &Types, style: Style, out: &mut String) {
    match style.width {
        Some(width) => out.push_str(&fit::fitting(value, types, style, width)),
        None => Writer { types, style, levels: usize::MAX, most: usize::MAX, start: out.len(), out }.whole(value),
    }
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

struct Writer<'a, 'o> {
    types: &'a Types,
    style: Style,
    /// So many values may stand in one another; those that stand in more are `…`.
    levels: usize,
    /// Of several values those are left out before which so many bytes were written.
    most: usize,
    /// Where the value begins.
    start: usize,
    out: &'o mut String,
}

impl<'a> Writer<'a, '_> {
    fn whole(&mut self, value: &GoValue) {
        // Writing to a String does not fail.
        let _ = self.value(value, Type::Known);
    }

    fn value(&mut self, value: &GoValue, known: Type) -> fmt::Result {
        match &value.is {
            Is::Bool(is) => self.literal(value, known, "bool", |out| write!(out, "{is}")),
            Is::Int(number) => self.literal(value, known, "int", |out| write!(out, "{number}")),
            Is::Uint(number) if self.is_named(value, "uintptr") => {
                self.converted(value, known, &format!("{number:#x}"))
            }
            Is::Uint(number) if is_raw(value, self.types) => write!(self.out, "{number:#x}"),
            Is::Uint(number) => self.literal(value, known, "", |out| write!(out, "{number}")),
            Is::Float(number) => self.float(value, known, *number),
            Is::Complex(re, im) => {
                let text = self.complex(value, *re, *im);
                self.literal(value, known, "complex128", |out| out.write_str(&text))
            }
            Is::String(text) => {
                let most = self.style.strlen;
                self.literal(value, known, "string", |out| string(text, most, out))
            }
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

    fn is_named(&self, value: &GoValue, name: &str) -> bool {
        self.types.get(value.ty).is_some_and(|ty| ty.name == name)
    }

    /// The type's name as code would have it.
    fn name(&self, value: &GoValue) -> Cow<'a, str> {
        self.types.get(value.ty).map_or(Cow::Borrowed("?"), |ty| short(&ty.name))
    }

    fn plain(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(&crate::text::visible(text))
    }

    /// What Go takes for a value of type `usual` where nothing else says its type.
    fn literal(
        &mut self,
        value: &GoValue,
        known: Type,
        usual: &str,
        write: impl FnOnce(&mut String) -> fmt::Result,
    ) -> fmt::Result {
        if known == Type::Open && self.types.get(value.ty).is_none_or(|ty| ty.name != usual) {
            return self.conversion(value, write);
        }
        write(self.out)
    }

    /// `T(text)`, unless the type is known.
    fn converted(&mut self, value: &GoValue, known: Type, text: &str) -> fmt::Result {
        if known != Type::Open {
            return self.plain(text);
        }
        self.conversion(value, |out| out.write_str(&crate::text::visible(text)))
    }

    /// `T(text)`.
    fn conversion(&mut self, value: &GoValue, write: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
        let name = self.name(value);
        let open = ["*", "func", "chan", "<-"].iter().any(|start| name.starts_with(start));
        let (from, to) = if open { ("(", ")") } else { ("", "") };
        write!(self.out, "{from}{name}{to}(")?;
        write(self.out)?;
        self.out.write_char(')')
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
        self.literal(value, known, usual, |out| out.write_str(&text))
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

    fn bytes(&mut self, value: &GoValue, bytes: &Bytes) -> fmt::Result {
        let name = self.name(value);
        if bytes.len == 0 {
            return write!(self.out, "{name}{{}}");
        }
        let most = self.style.strlen;
        write!(self.out, "{name}(")?;
        if let Some(missing) = nothing(bytes.bytes.is_empty(), bytes.len, bytes.rest) {
            self.out.write_str(&missing)?;
        } else if is_text(&bytes.bytes, bytes.is_cut()) {
            quote_head(bytes, most, self.out)?;
        } else {
            let shown = bytes.bytes.get(..most).unwrap_or(&bytes.bytes);
            write!(self.out, "0x{}", hex(shown))?;
            more(bytes.len, shown.len(), self.out)?;
        }
        self.out.write_char(')')
    }

    /// `T{…}` with what `write` writes, or no more than that where it would stand in too many others.
    fn braces(&mut self, value: &GoValue, known: Type, write: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        let name = self.name(value);
        // The fields follow.
        let name = if name.starts_with("struct {") { "struct" } else { &name };
        if known != Type::Repeated {
            self.out.push_str(name);
        }
        self.out.push('{');
        match self.levels.checked_sub(1) {
            None => self.out.push('…'),
            Some(fewer) => {
                let levels = std::mem::replace(&mut self.levels, fewer);
                write(self)?;
                self.levels = levels;
            }
        }
        self.out.write_char('}')
    }

    fn list(&mut self, value: &GoValue, known: Type, list: &List<GoValue>) -> fmt::Result {
        if list.len == 0 {
            return self.empty(value, known);
        }
        self.braces(value, known, |writer| writer.items(list, |writer, item| writer.value(item, Type::Repeated)))
    }

    fn map(&mut self, value: &GoValue, known: Type, map: &List<(GoValue, GoValue)>) -> fmt::Result {
        if map.len == 0 {
            return self.empty(value, known);
        }
        let entry = |writer: &mut Self, (key, elem): &(GoValue, GoValue)| {
            writer.value(key, Type::Repeated)?;
            writer.out.write_str(": ")?;
            writer.value(elem, Type::Repeated)
        };
        self.braces(value, known, |writer| writer.items(map, entry))
    }

    /// What takes no room is shown at any depth.
    fn empty(&mut self, value: &GoValue, known: Type) -> fmt::Result {
        let levels = std::mem::replace(&mut self.levels, usize::MAX);
        self.braces(value, known, |_| Ok(()))?;
        self.levels = levels;
        Ok(())
    }

    /// Whether no more of several values fit.
    fn is_full(&self) -> bool {
        self.out.len() - self.start >= self.most
    }

    fn items<T>(&mut self, list: &List<T>, write: impl Fn(&mut Self, &T) -> fmt::Result) -> fmt::Result {
        if let Some(missing) = nothing(list.items.is_empty(), list.len, list.rest) {
            return self.out.write_str(&missing);
        }
        let mut shown = 0;
        for item in list.items.iter().take(self.style.elems) {
            if self.is_full() {
                break;
            }
            if shown > 0 {
                self.out.write_str(", ")?;
            }
            write(self, item)?;
            shown += 1;
        }
        self.others(list.len, shown)
    }

    /// How many of several are not shown, behind those that are.
    fn others(&mut self, len: u64, shown: usize) -> fmt::Result {
        if shown > 0 && len > shown as u64 {
            self.out.write_str(", ")?;
        }
        more(len, shown, self.out)
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
        let types = self.types;
        let names = match types.get(value.ty).map(|ty| &ty.kind) {
            Some(GoKind::Struct(names)) => &names[..],
            _ => &[],
        };
        // What has no name cannot be used either.
        let named = || names.iter().zip(fields).filter(|(name, _)| name.name != "_" && !name.hidden);
        let hides = names.iter().any(|name| name.hidden);
        if named().next().is_none() && !hides {
            return self.empty(value, known);
        }
        self.braces(value, known, |writer| {
            for (n, (name, field)) in named().enumerate() {
                if writer.is_full() {
                    return writer.others(named().count() as u64, n);
                }
                let comma = if n > 0 { ", " } else { "" };
                write!(writer.out, "{comma}{}: ", crate::text::visible(&name.name))?;
                writer.value(field, Type::Known)?;
            }
            match (hides, named().count()) {
                (false, _) => Ok(()),
                (true, 0) => writer.out.write_str("…"),
                (true, _) => writer.out.write_str(", …"),
            }
        })
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

fn string(text: &Bytes, most: usize, out: &mut String) -> fmt::Result {
    match nothing(text.bytes.is_empty(), text.len, text.rest) {
        Some(missing) => out.write_str(&missing),
        None => quote_head(text, most, out),
    }
}

/// The first bytes in quotes, and how many more there are.
fn quote_head(text: &Bytes, most: usize, out: &mut String) -> fmt::Result {
    let shown = head(&text.bytes, most, text.len);
    quote::quote(shown, out);
    more(text.len, shown.len(), out)
}

/// What to show where nothing of several is there.
fn nothing(empty: bool, len: u64, why: Option<Missing>) -> Option<String> {
    (empty && len > 0).then(|| format!("<{}>…+{len}", why.unwrap_or(Missing::NotFollowed)))
}

/// How many are not shown.
fn more(len: u64, shown: usize, out: &mut String) -> fmt::Result {
    match len.saturating_sub(shown as u64) {
        0 => Ok(()),
        more => write!(out, "…+{more}"),
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
