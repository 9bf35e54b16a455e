//! Go's types from Go's own declarations, laid out as the compiler does it.

use std::collections::HashMap;

use event::go::{BYTES, GoField, GoKind, GoMap, GoType, MapLayout, Slots, TypeRow, Types};

/// The types of a test, by name.
pub struct Declared {
    pub types: Types,
    rows: HashMap<String, TypeRow>,
    /// How to align them.
    aligns: HashMap<TypeRow, u32>,
    /// Maps as up to Go 1.23.
    pub old_maps: bool,
}

impl Declared {
    /// Reads lines such as `type main.Point struct{X int; Y int}`.
    pub fn new(lines: &[&str], old_maps: bool) -> Declared {
        let rows = HashMap::from([("byte".to_owned(), BYTES), ("uint8".to_owned(), BYTES)]);
        let mut declared = Declared { types: Types::default(), rows, aligns: HashMap::from([(BYTES, 1)]), old_maps };
        let named = lines.iter().filter_map(|line| line.strip_prefix("type ")?.split_once(' '));
        let named: Vec<_> = named.map(|(name, of)| (name, of, declared.reserve(name))).collect();
        // Twice, so that sizes of types that are declared further down are known.
        for _ in 0..2 {
            for (name, of, row) in &named {
                let under = declared.ty(of);
                let ty = declared.types.get(under).unwrap().clone();
                declared.types.set(*row, GoType { name: (*name).to_owned(), ..ty });
                declared.aligns.insert(*row, declared.align(under));
            }
        }
        declared
    }

    fn reserve(&mut self, name: &str) -> TypeRow {
        let row = self.types.add(GoType { name: name.to_owned(), size: 0, kind: GoKind::Unknown });
        self.rows.insert(name.to_owned(), row);
        row
    }

    fn align(&self, row: TypeRow) -> u32 {
        self.aligns.get(&row).copied().unwrap_or(8)
    }

    pub fn size(&self, row: TypeRow) -> u32 {
        self.types.get(row).unwrap().size
    }

    /// The type with that name or of that form; parts of maps are `header of map[K]V` and so on.
    pub fn ty(&mut self, text: &str) -> TypeRow {
        let text = text.trim();
        // Structs are laid out anew, since what they are made of may have become known.
        if let Some(row) = self.rows.get(text).filter(|_| !text.starts_with('[') && !text.starts_with("struct{")) {
            return *row;
        }
        let (size, align, kind) = self.described(text);
        let ty = GoType { name: text.to_owned(), size, kind };
        let row = match self.rows.get(text) {
            Some(row) => {
                self.types.set(*row, ty);
                *row
            }
            None => self.types.add(ty),
        };
        self.rows.insert(text.to_owned(), row);
        self.aligns.insert(row, align);
        row
    }

    fn described(&mut self, text: &str) -> (u32, u32, GoKind) {
        if let Some(basic) = basic(text) {
            return basic;
        }
        if let Some(to) = text.strip_prefix('*') {
            return (8, 8, GoKind::Pointer(Some(self.ty(to))));
        }
        if let Some(elem) = text.strip_prefix("[]") {
            return (24, 8, GoKind::Slice(self.ty(elem)));
        }
        if let Some((len, elem)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let (len, elem) = (len.parse().unwrap(), self.ty(elem));
            return (self.size(elem) * len, self.align(elem), GoKind::Array { elem, len });
        }
        if let Some(fields) = text.strip_prefix("struct{").and_then(|rest| rest.strip_suffix('}')) {
            return self.strct(fields);
        }
        if text.starts_with("map[") {
            return (8, 8, GoKind::Map(Box::new(self.map(text))));
        }
        match text.split(['(', ' ']).next() {
            Some("func") => (8, 8, GoKind::Func),
            Some("chan") => (8, 8, GoKind::Chan),
            _ => panic!("no type: {text}"),
        }
    }

    fn strct(&mut self, text: &str) -> (u32, u32, GoKind) {
        let (mut size, mut most) = (0_u32, 1);
        let mut fields = Vec::new();
        for field in text.split(';').map(str::trim).filter(|field| !field.is_empty()) {
            let (name, ty) = field.split_once(' ').unwrap_or((field.rsplit('.').next().unwrap(), field));
            let ty = self.ty(ty);
            let align = self.align(ty);
            size = size.next_multiple_of(align);
            most = most.max(align);
            fields.push(GoField {
                name: name.to_owned(),
                ty,
                offset: size,
                embedded: !field.contains(' '),
                hidden: false,
            });
            size += self.size(ty);
        }
        (size.next_multiple_of(most), most, GoKind::Struct(fields))
    }

    fn map(&mut self, text: &str) -> GoMap {
        let (key, elem) = text.strip_prefix("map[").and_then(|rest| rest.split_once(']')).unwrap();
        let (key, elem) = (self.ty(key), self.ty(elem));
        let slots = if self.old_maps { self.bucket_slots(key, elem) } else { self.group_slots(key, elem) };
        let (size, old) = (slots.size, self.old_maps);
        let mut part = |what: &str| self.reserve(&format!("{what} of {text}"));
        let header = part("header");
        let layout = if old {
            MapLayout::Buckets { bucket: part("bucket"), size }
        } else {
            MapLayout::Swiss { directory: part("directory"), table: part("table"), group: part("group") }
        };
        GoMap { key, elem, header, layout, slots }
    }

    /// What is larger is behind a pointer.
    fn stored(&self, ty: TypeRow) -> (u32, u32, bool) {
        if self.size(ty) > 128 { (8, 8, true) } else { (self.size(ty), self.align(ty), false) }
    }

    fn group_slots(&self, key: TypeRow, elem: TypeRow) -> Slots {
        let ((key, key_align, key_behind_pointer), (elem, elem_align, elem_behind_pointer)) =
            (self.stored(key), self.stored(elem));
        let at = key.next_multiple_of(elem_align);
        let slot = (at + elem).next_multiple_of(key_align.max(elem_align));
        Slots {
            keys: 8,
            key_stride: slot,
            key_behind_pointer,
            elems: 8 + at,
            elem_stride: slot,
            elem_behind_pointer,
            size: 8 + 8 * slot,
        }
    }

    fn bucket_slots(&self, key: TypeRow, elem: TypeRow) -> Slots {
        let ((key, _, key_behind_pointer), (elem, _, elem_behind_pointer)) = (self.stored(key), self.stored(elem));
        Slots {
            keys: 8,
            key_stride: key,
            key_behind_pointer,
            elems: 8 + 8 * key,
            elem_stride: elem,
            elem_behind_pointer,
            size: (8 + 8 * key + 8 * elem).next_multiple_of(8) + 8,
        }
    }
}

fn basic(text: &str) -> Option<(u32, u32, GoKind)> {
    let int = |size, signed| (size, size, GoKind::Int { signed });
    Some(match text {
        "bool" => (1, 1, GoKind::Bool),
        "int8" => int(1, true),
        "int16" => int(2, true),
        "int32" => int(4, true),
        "int" | "int64" => int(8, true),
        "uint16" => int(2, false),
        "uint32" => int(4, false),
        "uint" | "uint64" | "uintptr" => int(8, false),
        "float32" => (4, 4, GoKind::Float),
        "float64" => (8, 8, GoKind::Float),
        "complex64" => (8, 4, GoKind::Complex),
        "complex128" => (16, 8, GoKind::Complex),
        "string" => (16, 8, GoKind::String),
        "unsafe.Pointer" => (8, 8, GoKind::UnsafePointer),
        "any" => (16, 8, GoKind::Interface { empty: true }),
        "error" | "context.Context" => (16, 8, GoKind::Interface { empty: false }),
        _ => return None,
    })
}
