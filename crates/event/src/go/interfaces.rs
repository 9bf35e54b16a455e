//! Interfaces in a record, wherever they stand in it: found by its types, without following pointers.
//!
//! The first word of an interface leads to a type. A process may have made that type, or the table in between, so that it is
//! in no file; whoever can look into the process has to, before the record is decoded.

use std::collections::HashMap;

use super::maps::SLOTS;
use super::memory::{Memory, u64_at};
use super::span::{Hole, as_it_stands};
use super::{Call, GoKind, GoMap, Printed, Root, Start, TypeRow, Types, call};

/// Which types hold interfaces, as far as somebody has asked.
#[derive(Debug, Default)]
pub struct Interfaces {
    holds: Vec<Option<bool>>,
    /// By the row of their groups or buckets.
    maps: HashMap<TypeRow, GoMap>,
    /// How many types were looked at for maps.
    known: usize,
}

/// An interface that is not nil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Its first word.
    pub word: u64,
    /// It has no methods: the word is the address of its type, and not of a table.
    pub empty: bool,
}

impl Interfaces {
    /// Finds those of a record of a call.
    pub fn in_call(&mut self, types: &Types, of: &Call, bytes: &[u8], found: &mut dyn FnMut(Interface)) {
        self.grow(types);
        of.values.iter().for_each(|root| self.in_root(types, root, bytes, found));
        let chunks = call::REGISTERS + (usize::from(of.registers) + usize::from(of.stack)) * 8;
        self.in_chunks(types, bytes.get(chunks..).unwrap_or_default(), found);
    }

    /// Finds those of a record with whole values, of which chunks begin at `chunks`.
    pub fn in_printed(
        &mut self,
        types: &Types,
        of: &Printed,
        (bytes, chunks): (&[u8], usize),
        found: &mut dyn FnMut(Interface),
    ) {
        self.grow(types);
        for start in of.values.iter().chain(of.instances.values().flatten()) {
            if let Start::Here(root) = start {
                self.in_root(types, root, bytes, found);
            }
        }
        self.in_chunks(types, bytes.get(chunks..).unwrap_or_default(), found);
    }

    /// Takes in types that were added.
    fn grow(&mut self, types: &Types) {
        for ty in types.rows.get(self.known..).unwrap_or_default() {
            if let GoKind::Map(map) = &ty.kind {
                self.maps.insert(map.group(), (**map).clone());
            }
        }
        self.known = types.len();
        self.holds.resize(types.len(), None);
    }

    fn in_root(&mut self, types: &Types, root: &Root, record: &[u8], found: &mut dyn FnMut(Interface)) {
        if !self.holds(types, root.ty) {
            return;
        }
        let size = types.get(root.ty).map_or(0, |ty| ty.size as usize);
        if let Some(bytes) = as_it_stands(root, size, record) {
            return self.in_value(types, root.ty, bytes, found);
        }
        // What is missing stays 0, which is no interface.
        let mut bytes = vec![0; size.min(record.len())];
        Hole::fill(&mut bytes, root, record);
        self.in_value(types, root.ty, &bytes, found);
    }

    fn in_chunks(&mut self, types: &Types, chunks: &[u8], found: &mut dyn FnMut(Interface)) {
        for (row, bytes) in Memory::each(chunks) {
            if let Some(map) = self.maps.get(&row).cloned() {
                let size = (map.slots.size as usize).max(SLOTS);
                bytes.chunks(size).for_each(|group| self.in_group(types, &map, group, found));
            } else if self.holds(types, row) {
                let size = types.get(row).map_or(0, |ty| ty.size as usize);
                bytes.chunks(size.max(1)).for_each(|bytes| self.in_value(types, row, bytes, found));
            }
        }
    }

    fn in_group(&mut self, types: &Types, map: &GoMap, group: &[u8], found: &mut dyn FnMut(Interface)) {
        let slots = map.slots;
        let keys = (map.key, slots.keys, slots.key_stride, slots.key_behind_pointer);
        let elems = (map.elem, slots.elems, slots.elem_stride, slots.elem_behind_pointer);
        // What is behind a pointer is a chunk of its own.
        for (ty, first, stride, _) in [keys, elems].into_iter().filter(|(.., behind_pointer)| !behind_pointer) {
            if !self.holds(types, ty) {
                continue;
            }
            for n in (0..SLOTS).filter(|&n| group.get(n).is_some_and(|&byte| map.in_use(byte))) {
                let at = (first as usize).saturating_add(n * stride as usize);
                self.in_value(types, ty, group.get(at..).unwrap_or_default(), found);
            }
        }
    }

    /// Those of a value, of which some bytes may be missing at its end.
    fn in_value(&self, types: &Types, row: TypeRow, bytes: &[u8], found: &mut dyn FnMut(Interface)) {
        match types.get(row).map(|ty| &ty.kind) {
            Some(&GoKind::Interface { empty }) => {
                let word = u64_at(bytes, 0).filter(|&word| word != 0);
                word.into_iter().for_each(|word| found(Interface { word, empty }));
            }
            Some(GoKind::Struct(fields)) => {
                for field in fields.iter().filter(|field| self.holds.get(field.ty.0 as usize) == Some(&Some(true))) {
                    let Some(bytes) = bytes.get(field.offset as usize..) else { continue };
                    self.in_value(types, field.ty, bytes, found);
                }
            }
            Some(&GoKind::Array { elem, len }) => {
                let size = types.get(elem).map_or(0, |ty| ty.size as usize).max(1);
                bytes.chunks(size).take(len as usize).for_each(|bytes| self.in_value(types, elem, bytes, found));
            }
            _ => {}
        }
    }

    /// Whether values of a type hold interfaces, without following pointers.
    fn holds(&mut self, types: &Types, row: TypeRow) -> bool {
        match self.holds.get_mut(row.0 as usize) {
            Some(Some(known)) => return *known,
            // No type stands in itself; damaged ones may.
            Some(unknown) => *unknown = Some(false),
            None => return false,
        }
        let holds = match types.get(row).map(|ty| &ty.kind) {
            Some(GoKind::Interface { .. }) => true,
            // All fields are asked, so that all answers are there when values are read.
            Some(GoKind::Struct(fields)) => fields.iter().fold(false, |any, field| self.holds(types, field.ty) | any),
            Some(GoKind::Array { elem, .. }) => self.holds(types, *elem),
            _ => false,
        };
        self.holds[row.0 as usize] = Some(holds);
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GoField, GoType, MapLayout, Slots, chunk};
    use super::*;

    const EMPTY: TypeRow = TypeRow(1);
    const ERROR: TypeRow = TypeRow(2);

    fn types() -> Types {
        let mut types = Types::default();
        let mut add = |name: &str, size, kind| types.add(GoType { name: name.into(), size, kind });
        let empty = add("any", 16, GoKind::Interface { empty: true });
        let error = add("error", 16, GoKind::Interface { empty: false });
        assert_eq!((empty, error), (EMPTY, ERROR));
        let field = |ty, offset| GoField { name: "f".into(), ty, offset, embedded: false, hidden: false };
        let inner = add("main.T", 24, GoKind::Struct(vec![field(TypeRow(0), 0), field(error, 8)]));
        add("[2]main.T", 48, GoKind::Array { elem: inner, len: 2 });
        let group = add("group", 8 + 8 * 24, GoKind::Unknown);
        let slots = Slots {
            keys: 8,
            key_stride: 24,
            key_behind_pointer: false,
            elems: 16,
            elem_stride: 24,
            elem_behind_pointer: false,
            size: 200,
        };
        let layout = MapLayout::Swiss { directory: TypeRow(0), table: TypeRow(0), group };
        let map = GoMap { key: TypeRow(0), elem: empty, header: TypeRow(0), layout, slots };
        add("map[uint8]any", 8, GoKind::Map(Box::new(map)));
        types
    }

    /// A chunk of such words.
    fn chunk(row: u32, words: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0; chunk::BYTES];
        bytes[chunk::LENGTH..][..4].copy_from_slice(&(words.len() as u32 * 8).to_le_bytes());
        bytes[chunk::ROW..][..4].copy_from_slice(&row.to_le_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    fn check(chunks: &[Vec<u8>], want: &[(u64, bool)]) {
        let (mut interfaces, types, mut found) = (Interfaces::default(), types(), Vec::new());
        interfaces.grow(&types);
        interfaces.in_chunks(&types, &chunks.concat(), &mut |one| found.push((one.word, one.empty)));
        assert_eq!(found, want);
    }

    #[test]
    fn interfaces_are_found_in_fields_and_elements() {
        check(&[chunk(1, &[0x10, 1, 0, 0, 0x20, 2])], &[(0x10, true), (0x20, true)]);
        check(&[chunk(4, &[9, 0x30, 9, 9, 0x40, 9])], &[(0x30, false), (0x40, false)]);
        // What was cut has those that are whole.
        check(&[chunk(3, &[9]), chunk(0, &[5]), chunk(3, &[9, 0x50])], &[(0x50, false)]);
    }

    #[test]
    fn entries_of_maps_count_where_they_are_in_use() {
        // The first and the third.
        let control = u64::from_le_bytes([0x01, 0x80, 0x7f, 0xfe, 0x80, 0x80, 0x80, 0x80]);
        let words: Vec<u64> = std::iter::once(control).chain((0..8).flat_map(|n| [n, 0x100 + n, 0])).collect();
        check(&[chunk(5, &words)], &[(0x100, true), (0x102, true)]);
    }
}
