//! Names as descriptors have them, and names with import paths as DWARF and the function table write them.

use std::fmt::Write;

use crate::addr::VAddr;
use crate::elf::Elf;

use super::{NAMED, RuntimeTypes, kind};
use crate::types::{Field, Kind, TypeRef};

/// `abi.Name`: a byte of flags, a length in base 128, the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'d> {
    /// The text.
    pub(super) text: &'d str,
    /// For a struct's field: it is embedded.
    pub(super) embedded: bool,
}

const EMBEDDED: u8 = 8;

/// Types are written out to this depth; then the runtime's own name stands.
const DEPTH: u32 = 8;

/// A written name is no longer than this: types that refer to each other make it double with every level.
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

/// The name with import paths.
pub(super) fn full(types: &RuntimeTypes, at: VAddr, depth: u32) -> Option<String> {
    let descriptor = types.descriptor(at)?;
    let own = types.name_of(&descriptor)?;
    if descriptor.flags & NAMED != 0 {
        let package = types.package_of(&descriptor).filter(|p| !p.is_empty());
        return Some(package.map_or(own.to_owned(), |package| format!("{}.{}", escaped(package), bare(own))));
    }
    let written = if depth < DEPTH { written(types, at, depth + 1) } else { None };
    Some(written.filter(|w| w.len() <= LONGEST).unwrap_or_else(|| own.to_owned()))
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

/// A type without a name, put together from what it refers to; `None` for those that only the runtime writes out.
fn written(types: &RuntimeTypes, at: VAddr, depth: u32) -> Option<String> {
    let descriptor = types.descriptor(at)?;
    let of = |ty: TypeRef| if let TypeRef::Runtime(at) = ty { full(types, at, depth) } else { None };
    match types.kind(&descriptor)? {
        Kind::Pointer(elem) => Some(format!("*{}", of(elem?)?)),
        Kind::Slice(elem) => Some(format!("[]{}", of(elem)?)),
        Kind::Array { elem, len } => Some(format!("[{len}]{}", of(elem)?)),
        Kind::Map { key, elem } => Some(format!("map[{}]{}", of(key)?, of(elem)?)),
        Kind::Chan(elem) => {
            let own = types.name_of(&descriptor)?;
            let direction = ["<-chan ", "chan<- ", "chan "].into_iter().find(|d| own.starts_with(d))?;
            Some(format!("{direction}{}", of(elem?)?))
        }
        Kind::Func => function(types, at, &of),
        Kind::Struct(fields) => structure(&fields, types.name_of(&descriptor)?, &of),
        _ => None,
    }
}

/// Only with exported fields and without tags: other fields are written differently in different places.
fn structure(fields: &[Field], own: &str, of: &dyn Fn(TypeRef) -> Option<String>) -> Option<String> {
    if fields.is_empty() || own.contains('"') || !fields.iter().all(|f| f.name.starts_with(char::is_uppercase)) {
        return None;
    }
    let field = |f: &Field| {
        let ty = of(f.ty)?;
        Some(if f.embedded { ty } else { format!("{} {ty}", f.name) })
    };
    let fields = fields.iter().map(field).collect::<Option<Vec<_>>>()?;
    Some(format!("struct {{ {} }}", fields.join("; ")))
}

fn function(types: &RuntimeTypes, at: VAddr, of: &dyn Fn(TypeRef) -> Option<String>) -> Option<String> {
    debug_assert_eq!(types.descriptor(at)?.kind, kind::FUNC);
    let func = types.func(at)?;
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
