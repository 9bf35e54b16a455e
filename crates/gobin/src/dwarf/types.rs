//! Types: entries of DWARF as values of [`Type`].
//!
//! Go marks what it means with attributes of its own, so that a string is not just a structure of two words. The
//! names that the linker makes up for the runtime's data (`hchan<int>`) carry kind 0 and are what their tag says.

use gimli::{Attribute, AttributeValue, DwAt, DwTag, constants};

use super::Dwarf;
use super::section::{Id, Reader};
use super::unit::{Entries, Unit, attributes};
use crate::types::{Field, Kind, Type, TypeRef};

const DW_AT_GO_KIND: DwAt = DwAt(0x2900);
const DW_AT_GO_KEY: DwAt = DwAt(0x2901);
const DW_AT_GO_ELEM: DwAt = DwAt(0x2902);
const DW_AT_GO_EMBEDDED_FIELD: DwAt = DwAt(0x2903);
const DW_AT_GO_RUNTIME_TYPE: DwAt = DwAt(0x2904);
const DW_AT_GO_DICT_INDEX: DwAt = DwAt(0x2906);

/// A chain of typedefs longer than this is damage.
const MAX_TYPEDEFS: usize = 16;
/// A struct of more fields than this, or with more text in their names, is damage.
const MAX_FIELDS: usize = 1 << 14;
const MAX_FIELD_NAMES: usize = 1 << 20;

/// The attributes of a type's entry, or of a field's.
#[derive(Default)]
struct Entry<'d> {
    name: Option<&'d str>,
    size: Option<u64>,
    encoding: Option<constants::DwAte>,
    ty: Option<TypeRef>,
    go_kind: Option<u64>,
    key: Option<TypeRef>,
    elem: Option<TypeRef>,
    embedded: bool,
    runtime_type: Option<u64>,
    dict_index: Option<u64>,
    offset: Option<u64>,
    count: Option<u64>,
}

/// An entry with a reader that stands before its first child.
struct Opened<'d> {
    tag: DwTag,
    says: Entry<'d>,
    unit: &'d Unit,
    entries: Entries<'d>,
    has_children: bool,
}

impl Dwarf {
    pub(super) fn read_type(&self, offset: u64) -> Option<Type> {
        let mut opened = self.open(offset)?;
        let name = opened.says.name?.to_owned();
        let runtime_offset = opened.says.runtime_type.filter(|&at| at != 0);
        let mut kind = self.own_kind(&opened);
        for _ in 0..MAX_TYPEDEFS {
            if kind.is_some() || opened.tag != constants::DW_TAG_typedef {
                break;
            }
            opened = self.open_ref(opened.says.ty?)?;
            kind = self.own_kind(&opened);
        }
        let kind = kind.or_else(|| self.kind_by_tag(&mut opened)).unwrap_or(Kind::Unknown);
        let (kind, size) = match size_of_kind(&kind).or(opened.says.size) {
            Some(size) => (kind, size),
            None => (Kind::Unknown, 0),
        };
        let runtime_offset = runtime_offset.or(opened.says.runtime_type.filter(|&at| at != 0));
        Some(Type { name: as_in_code(opened.concrete_name(name)), size, kind, runtime_offset })
    }

    /// The word in a generic function's dictionary that refers to the actual type, where `ty` is the type of a
    /// parameter that depends on type arguments.
    #[must_use]
    pub fn dictionary_index(&self, ty: TypeRef) -> Option<u64> {
        let opened = self.open_ref(ty)?;
        opened.says.dict_index.filter(|_| opened.tag == constants::DW_TAG_typedef)
    }

    /// Kinds that Go's own attributes tell, whatever the tag.
    fn own_kind(&self, opened: &Opened<'_>) -> Option<Kind> {
        let says = &opened.says;
        Some(match (says.go_kind?, opened.tag) {
            (1, _) => Kind::Bool,
            (2..=6, _) => Kind::Int { signed: true },
            (7..=12, _) => Kind::Int { signed: false },
            (13 | 14, _) => Kind::Float,
            (15 | 16, _) => Kind::Complex,
            (18, _) => Kind::Chan(says.elem),
            (19, _) => Kind::Func,
            (20, _) => Kind::Interface { empty: self.is_eface(says.ty?) },
            (21, _) => Kind::Map { key: says.key?, elem: says.elem? },
            (22, _) => Kind::Pointer(says.ty),
            (23, constants::DW_TAG_structure_type) => Kind::Slice(says.elem?),
            (24, constants::DW_TAG_structure_type) => Kind::String,
            (26, _) => Kind::UnsafePointer,
            _ => return None,
        })
    }

    /// Arrays, structs, and what has no kind of Go's.
    fn kind_by_tag<'d>(&'d self, opened: &mut Opened<'d>) -> Option<Kind> {
        Some(match opened.tag {
            constants::DW_TAG_structure_type => Kind::Struct(self.fields(opened)?),
            constants::DW_TAG_array_type => Kind::Array { elem: opened.says.ty?, len: self.array_len(opened)? },
            constants::DW_TAG_pointer_type => opened.says.ty.map_or(Kind::UnsafePointer, |ty| Kind::Pointer(Some(ty))),
            constants::DW_TAG_subroutine_type => Kind::Func,
            constants::DW_TAG_base_type => match opened.says.encoding? {
                constants::DW_ATE_boolean => Kind::Bool,
                constants::DW_ATE_signed => Kind::Int { signed: true },
                constants::DW_ATE_unsigned => Kind::Int { signed: false },
                constants::DW_ATE_float => Kind::Float,
                constants::DW_ATE_complex_float => Kind::Complex,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn fields<'d>(&'d self, opened: &mut Opened<'d>) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        let mut names = 0;
        while let Some((tag, says)) = self.next_child(opened) {
            if tag == constants::DW_TAG_member {
                let (name, ty) = (says.name?.to_owned(), says.ty?);
                names += name.len();
                if fields.len() == MAX_FIELDS || names > MAX_FIELD_NAMES {
                    return None;
                }
                fields.push(Field { name, ty, offset: says.offset?, embedded: says.embedded });
            }
        }
        Some(fields)
    }

    fn array_len<'d>(&'d self, opened: &mut Opened<'d>) -> Option<u64> {
        while let Some((tag, says)) = self.next_child(opened) {
            if tag == constants::DW_TAG_subrange_type {
                return says.count;
            }
        }
        None
    }

    /// Whether an interface is kept as `runtime.eface`, a pair of type and data.
    fn is_eface(&self, mut ty: TypeRef) -> bool {
        for _ in 0..MAX_TYPEDEFS {
            let Some(opened) = self.open_ref(ty) else { return false };
            match opened.says.ty {
                Some(next) if opened.tag == constants::DW_TAG_typedef => ty = next,
                _ => return opened.says.name == Some("runtime.eface"),
            }
        }
        false
    }

    fn open_ref(&self, ty: TypeRef) -> Option<Opened<'_>> {
        let TypeRef::Dwarf(offset) = ty else { return None };
        self.open(offset)
    }

    fn open(&self, offset: u64) -> Option<Opened<'_>> {
        let offset = usize::try_from(offset).ok()?;
        let unit = self.units().at(offset)?;
        let mut entries = unit.entries(self.sections.bytes(Id::Info), offset)?;
        let abbreviation = entries.read_abbreviation().ok()??;
        let mut says = Entry::default();
        attributes(&mut entries, abbreviation, |a| says.note(self, unit, a)).ok()?;
        Some(Opened { tag: abbreviation.tag(), says, unit, entries, has_children: abbreviation.has_children() })
    }

    /// The next child; those of Go's types have no children themselves.
    fn next_child<'d>(&'d self, opened: &mut Opened<'d>) -> Option<(DwTag, Entry<'d>)> {
        if !opened.has_children {
            return None;
        }
        let abbreviation = opened.entries.read_abbreviation().ok()?.filter(|a| !a.has_children())?;
        let mut says = Entry::default();
        attributes(&mut opened.entries, abbreviation, |a| says.note(self, opened.unit, a)).ok()?;
        Some((abbreviation.tag(), says))
    }

    /// The text that an attribute's value is.
    pub(super) fn text<'d>(&'d self, value: &AttributeValue<Reader<'d>>) -> Option<&'d str> {
        match value {
            AttributeValue::String(text) => std::str::from_utf8(text.slice()).ok(),
            AttributeValue::DebugStrRef(at) => crate::elf::c_str(self.sections.bytes(Id::Str), at.0),
            _ => None,
        }
    }
}

impl Opened<'_> {
    /// Parameters of generic functions have types called `.param3`, made to carry an index: these mean their target.
    fn concrete_name(&self, name: String) -> String {
        match self.says.name {
            Some(target) if name.starts_with(".param") => target.to_owned(),
            _ => name,
        }
    }
}

impl<'d> Entry<'d> {
    fn note(&mut self, dwarf: &'d Dwarf, unit: &Unit, attribute: &Attribute<Reader<'d>>) {
        let value = attribute.raw_value();
        let reference = || unit.reference(&value).map(|at| TypeRef::Dwarf(at as u64));
        match attribute.name() {
            constants::DW_AT_name => self.name = dwarf.text(&value),
            constants::DW_AT_byte_size => self.size = value.udata_value(),
            constants::DW_AT_type => self.ty = reference(),
            constants::DW_AT_data_member_location => self.offset = value.udata_value(),
            constants::DW_AT_count => self.count = value.udata_value(),
            constants::DW_AT_encoding => self.encoding = value.u8_value().map(constants::DwAte),
            DW_AT_GO_KIND => self.go_kind = value.udata_value(),
            DW_AT_GO_KEY => self.key = reference(),
            DW_AT_GO_ELEM => self.elem = reference(),
            DW_AT_GO_EMBEDDED_FIELD => self.embedded = value == AttributeValue::Flag(true),
            DW_AT_GO_RUNTIME_TYPE => self.runtime_type = unit.address(&value, &dwarf.sections),
            DW_AT_GO_DICT_INDEX => self.dict_index = value.udata_value(),
            _ => {}
        }
    }
}

/// The size of kinds that have only one.
fn size_of_kind(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Pointer(_) | Kind::UnsafePointer | Kind::Map { .. } | Kind::Chan(_) | Kind::Func => Some(8),
        Kind::String | Kind::Interface { .. } => Some(16),
        Kind::Slice(_) => Some(24),
        _ => None,
    }
}

/// The linker puts the package before fields that are not exported: `struct { main.name string }`. Nobody writes that.
fn as_in_code(name: String) -> String {
    if !name.contains("struct { ") {
        return name;
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(at) = ["{ ", "; "].iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min() {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let word = tail.split([' ', ';']).next().unwrap_or_default();
        let behind = tail.get(word.len()..).unwrap_or_default();
        let is_field = behind.starts_with(' ') && !behind.starts_with(" }") && !word.contains(['(', '[', '*', '"']);
        let package = word.rfind('.').filter(|_| is_field).map_or(0, |dot| dot + 1);
        rest = tail.get(package..).unwrap_or_default();
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::as_in_code;

    #[test]
    fn fields_have_no_packages() {
        for (linker, code) in [
            ("struct { A int; main.b string }", "struct { A int; b string }"),
            ("[]struct { net/http.a struct { main.x int }; main.T }", "[]struct { a struct { x int }; main.T }"),
            ("map[string]struct {}", "map[string]struct {}"),
            ("struct { F func(struct { main.y *main.T }) }", "struct { F func(struct { y *main.T }) }"),
            ("main.T", "main.T"),
        ] {
            assert_eq!(as_in_code(linker.to_owned()), code);
        }
    }
}
