//! Types and package variables by name.
//!
//! Go has no index of names in its DWARF, but writes them in place: so the bytes of the name are looked for, and
//! where they stand right behind the beginning of an entry of the right kind, that is it. Whether an entry begins
//! there is certain only when reading from an earlier one arrives there.

use gimli::{DwTag, Expression, Operation, constants};
use memchr::memmem;

use super::Dwarf;
use super::section::{Id, Reader};
use super::unit::{Unit, attributes, skip};
use crate::addr::VAddr;
use crate::types::TypeRef;

/// Abbreviations have small numbers: one byte, in large tables two.
const MAX_CODE_LEN: usize = 2;

/// Places that look like an entry of the name and are none: in a real file hardly one, and each costs some reading.
const MAX_CANDIDATES: usize = 64;

impl Dwarf {
    /// The type of exactly this name, package path included: `runtime.g`.
    #[must_use]
    pub fn find_type(&self, name: &str) -> Option<TypeRef> {
        self.find(name, is_type).map(|(_, at)| TypeRef::Dwarf(at as u64))
    }

    /// Where the package variable of exactly this name is: `runtime.allgs`.
    #[must_use]
    pub fn find_variable(&self, name: &str) -> Option<(VAddr, TypeRef)> {
        let (unit, at) = self.find(name, |tag| tag == constants::DW_TAG_variable)?;
        let mut entries = unit.entries(self.sections.bytes(Id::Info), at)?;
        let abbreviation = entries.read_abbreviation().ok()??;
        let (mut address, mut ty) = (None, None);
        attributes(&mut entries, abbreviation, |a| match a.name() {
            constants::DW_AT_location => address = a.exprloc_value().and_then(|e| self.static_address(unit, e)),
            constants::DW_AT_type => ty = unit.reference(&a.raw_value()),
            _ => {}
        })
        .ok()?;
        Some((address?, TypeRef::Dwarf(ty? as u64)))
    }

    /// The first entry of this name with a tag that is `wanted`.
    fn find(&self, name: &str, wanted: impl Fn(DwTag) -> bool) -> Option<(&Unit, usize)> {
        let info = self.sections.bytes(Id::Info);
        let text = [name.as_bytes(), &[0]].concat();
        let finder = memmem::Finder::new(&text);
        let candidates = finder.find_iter(info).filter_map(|at| {
            let unit = self.units().at(at)?;
            let begins = |&start: &usize| self.may_begin(unit, start, at, &wanted);
            let starts = (1..=MAX_CODE_LEN).filter_map(move |n| at.checked_sub(n));
            Some((unit, starts.filter(begins).collect::<Vec<_>>()))
        });
        let candidates = candidates.flat_map(|(unit, starts)| starts.into_iter().map(move |start| (unit, start)));
        candidates.take(MAX_CANDIDATES).find(|&(unit, start)| self.is_boundary(unit, start))
    }

    /// Whether the bytes at `start` read as an entry that has a wanted tag and its name at `name`.
    fn may_begin(&self, unit: &Unit, start: usize, name: usize, wanted: impl Fn(DwTag) -> bool) -> bool {
        let info = self.sections.bytes(Id::Info);
        let Some(mut entries) = unit.entries(info, start) else { return false };
        let Ok(Some(abbreviation)) = entries.read_abbreviation() else { return false };
        let first = abbreviation.attributes().first();
        let named = first.is_some_and(|a| a.name() == constants::DW_AT_name && a.form() == constants::DW_FORM_string);
        named && wanted(abbreviation.tag()) && entries.next_offset().0 == name
    }

    /// Whether reading entries from a known one on arrives at `offset`.
    fn is_boundary(&self, unit: &Unit, offset: usize) -> bool {
        let mark = self.index(unit).mark_before(offset - unit.start).map(|m| unit.start + m);
        let Some(mut entries) = mark.and_then(|m| unit.entries(self.sections.bytes(Id::Info), m)) else {
            return false;
        };
        while entries.next_offset().0 < offset {
            let skipped = entries.read_abbreviation().and_then(|a| match a {
                Some(a) => skip(&mut entries, a),
                None => Ok(()),
            });
            if skipped.is_err() {
                return false;
            }
        }
        entries.next_offset().0 == offset
    }

    /// The address that an expression of nothing else says.
    fn static_address(&self, unit: &Unit, expression: Expression<Reader<'_>>) -> Option<VAddr> {
        let mut operations = expression.operations(unit.encoding);
        let address = match operations.next().ok()?? {
            Operation::Address { address } => address,
            Operation::AddressIndex { index } => unit.indexed_address(index, &self.sections)?,
            _ => return None,
        };
        matches!(operations.next(), Ok(None)).then_some(VAddr(address))
    }
}

fn is_type(tag: DwTag) -> bool {
    use constants::{
        DW_TAG_array_type, DW_TAG_base_type, DW_TAG_pointer_type, DW_TAG_structure_type, DW_TAG_subroutine_type,
        DW_TAG_typedef,
    };
    [
        DW_TAG_base_type,
        DW_TAG_structure_type,
        DW_TAG_typedef,
        DW_TAG_pointer_type,
        DW_TAG_array_type,
        DW_TAG_subroutine_type,
    ]
    .contains(&tag)
}
