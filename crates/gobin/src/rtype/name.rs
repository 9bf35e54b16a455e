//! Names as descriptors have them, and names with import paths as DWARF and the function table write them.

use std::cell::Cell;
use std::fmt::Write;

use crate::addr::VAddr;
use crate::elf::Elf;

use super::{Descriptor, FuncType, NAMED, RuntimeTypes};
use crate::types::{Field, Kind, TypeRef};

/// `abi.Name`: a byte of flags, a length in base 128, the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'d> {
    /// The text.
    pub(super) text: &'d str,
    /// For a struct's field: it is embedded.
    pub(super) embedded: bool,
}

pub(super) const EMBEDDED: u8 = 8;

/// Types are written out to this depth; then the runtime's own name stands.
const DEPTH: u32 = 8;

/// No more types are written into one name, nor any whose own name is longer.
const MOST: u32 = 256;
const LONGEST: usize = 4096;

impl<'d> Name<'d> {
    pub(super) fn read(elf: &'d Elf, at: VAddr) -> Option<Name<'d>> {
        let (&flags, rest) = elf.tail(at)?.split_first()?;
        let (len, rest) = length(rest)?;
        let text = std::str::from_utf8(rest.get(..len)?).ok()?;
        Some(Name { text, embedded: flags & EMBEDDED != 0 })
    }
}

/// A number in base 128 of at most three bytes: no name is longer.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut len = 0usize;
    for (i, byte) in bytes.iter().take(3).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((len, &bytes[i + 1..]));
        }
    }
    None
}

/// Writes names with import paths.
pub(super) struct Writer<'t, 'd> {
    types: &'t RuntimeTypes<'d>,
    /// How many types may still be written: some refer to each other so that their number doubles at each level.
    left: Cell<u32>,
}

impl<'t, 'd> Writer<'t, 'd> {
    pub(super) fn new(types: &'t RuntimeTypes<'d>) -> Writer<'t, 'd> {
        Writer { types, left: Cell::new(MOST) }
    }

    pub(super) fn full(&self, at: VAddr, depth: u32) -> Option<String> {
        let descriptor = self.types.descriptor(at)?;
        let own = self.types.name_of(&descriptor)?;
        if descriptor.flags & NAMED != 0 {
            let package = self.types.package_of(&descriptor).filter(|p| !p.is_empty());
            return Some(package.map_or(own.to_owned(), |package| format!("{}.{}", escaped(package), bare(own))));
        }
        let affordable = depth < DEPTH && self.left.get() > 0 && own.len() <= LONGEST;
        self.left.set(self.left.get().saturating_sub(1));
        let written = if affordable { self.written(&descriptor, own, depth + 1) } else { None };
        Some(written.unwrap_or_else(|| own.to_owned()))
    }

    /// A type without a name, put together from what it refers to; `None` for those that only the runtime writes out.
    fn written(&self, descriptor: &Descriptor, own: &str, depth: u32) -> Option<String> {
        let of = |ty: TypeRef| if let TypeRef::Runtime(at) = ty { self.full(at, depth) } else { None };
        match self.types.kind(descriptor)? {
            Kind::Pointer(elem) => Some(format!("*{}", of(elem?)?)),
            Kind::Slice(elem) => Some(format!("[]{}", of(elem)?)),
            Kind::Array { elem, len } => Some(format!("[{len}]{}", of(elem)?)),
            Kind::Map { key, elem } => Some(format!("map[{}]{}", of(key)?, of(elem)?)),
            Kind::Chan(elem) => {
                let direction = ["<-chan ", "chan<- ", "chan "].into_iter().find(|d| own.starts_with(d))?;
                Some(format!("{direction}{}", of(elem?)?))
            }
            Kind::Func => function(&self.types.func(descriptor.at)?, &of),
            Kind::Struct(fields) => structure(&fields, own, &of),
            _ => None,
        }
    }
}

/// Only with exported fields and without tags: other fields are written differently in different places.
fn structure(fields: &[Field], own: &str, of: &dyn Fn(TypeRef) -> Option<String>) -> Option<String> {
    let plain = fields.iter().all(|f| f.name.starts_with(char::is_uppercase)) && !own.contains('"');
    if fields.is_empty() || fields.len() > MOST as usize || !plain {
        return None;
    }
    let field = |f: &Field| {
        let ty = of(f.ty)?;
        Some(if f.embedded { ty } else { format!("{} {ty}", f.name) })
    };
    let fields = fields.iter().map(field).collect::<Option<Vec<_>>>()?;
    Some(format!("struct {{ {} }}", fields.join("; ")))
}

fn function(func: &FuncType, of: &dyn Fn(TypeRef) -> Option<String>) -> Option<String> {
    if func.params.len() + func.results.len() > MOST as usize {
        return None;
    }
    let list = |refs: &[TypeRef]| refs.iter().map(|&ty| of(ty)).collect::<Option<Vec<_>>>();
    let mut params = list(&func.params)?;
    if let Some(last) = params.last_mut().filter(|_| func.variadic) {
        *last = format!("...{}", last.strip_prefix("[]")?);
    }
    let results = list(&func.results)?;
    let results = match &results[..] {
        [] => String::new(),
        [one] => format!(" {one}"),
        several => format!(" ({})", several.join(", ")),
    };
    Some(format!("func({}){results}", params.join(", ")))
}

/// An import path as it stands in the linker's names and in DWARF: there no dot may follow the last slash. Follows
/// `PathToPrefix` of cmd/internal/objabi.
fn escaped(path: &str) -> String {
    let slash = path.rfind('/').map_or(0, |at| at + 1);
    let mut out = String::with_capacity(path.len());
    for (i, &b) in path.as_bytes().iter().enumerate() {
        if b <= b' ' || b == b'.' && i >= slash || b == b'%' || b == b'"' || b >= 0x7f {
            let _ = write!(out, "%{b:02x}");
        } else {
            out.push(char::from(b));
        }
    }
    out
}

/// A named type's name without its package: what follows the last dot outside brackets.
fn bare(name: &str) -> &str {
    let mut depth = 0u32;
    for (i, c) in name.char_indices().rev() {
        match c {
            ']' => depth += 1,
            '[' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => return &name[i + 1..],
            _ => {}
        }
    }
    name
}
