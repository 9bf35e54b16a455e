//! What DWARF says about a Go executable: functions with their arguments, types, package variables.
//!
//! Go's linker writes one unit per package, one table of abbreviations for all of them, names in place, and nearly
//! all types into the unit of package `runtime`; DWARF 4 up to Go 1.24, DWARF 5 from 1.25. Units that other compilers
//! made (cgo) are passed over.
//!
//! Sections are decompressed when first needed, and nothing is read that was not asked for: of a unit only the
//! addresses of its functions are kept. All of it can be used from several threads.
//!
//! Not an authority for argument places: see `abi` for those. Locations are here only to be compared with them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::addr::VAddr;
use crate::elf::Elf;
use crate::error::Error;
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

mod find;
mod function;
mod inlined;
mod location;
mod section;
mod types;
mod unit;

pub use function::{Function, Param};
pub use inlined::{InlinedArg, InlinedCall};
pub use location::{Location, Spot};

use section::{Id, Sections};
use unit::{Unit, Units};

#[cfg(test)]
mod tests;

/// The DWARF sections of an executable.
pub struct Dwarf {
    sections: Sections,
    units: OnceLock<Units>,
    types: RwLock<Known>,
}

/// Types that were read before, by the number that stands for each.
#[derive(Default)]
pub(crate) struct Known {
    types: HashMap<u64, Option<Arc<Type>>>,
    /// Bytes that they take, roughly.
    weight: usize,
}

/// When types weigh more than this and more than twice the file, they are dropped and read again: no real program
/// comes near.
const MAX_KNOWN: usize = 16 << 20;

impl Dwarf {
    /// The DWARF sections of `elf`, none of them read yet; `None` if it has no `.debug_info`.
    #[must_use]
    pub fn of(elf: Arc<Elf>) -> Option<Dwarf> {
        elf.section(".debug_info")?;
        Some(Dwarf { sections: Sections::of(elf), units: OnceLock::new(), types: RwLock::default() })
    }

    /// Why nothing can be read, where the sections themselves are damaged. Reads them.
    #[must_use]
    pub fn damage(&self) -> Option<&Error> {
        [Id::Info, Id::Abbrev].into_iter().find_map(|id| self.sections.damage(id))
    }

    /// The function that starts at `entry`, if Go compiled it.
    #[must_use]
    pub fn function_at(&self, entry: VAddr) -> Option<Function<'_>> {
        self.units().around(entry).find_map(|unit| {
            let offset = self.index(unit).function(entry)?;
            self.read_function(unit, offset)
        })
    }

    /// The entries of all functions that Go compiled, unit by unit.
    pub fn functions(&self) -> impl Iterator<Item = VAddr> {
        self.units().all().iter().flat_map(|unit| self.index(unit).functions())
    }

    fn units(&self) -> &Units {
        self.units.get_or_init(|| Units::read(&self.sections))
    }

    fn index<'d>(&'d self, unit: &'d Unit) -> &'d unit::Index {
        unit.index(&self.sections)
    }
}

/// The version of DWARF that `elf` has, from the very first bytes: 4 up to Go 1.24, 5 from 1.25 on. An error says why
/// even those cannot be read.
///
/// # Errors
/// What is wrong with the section, or that there is none.
pub fn version(elf: &Elf) -> Result<u16, Error> {
    let section = elf.section(".debug_info").ok_or_else(|| Error::malformed("DWARF", "there is no .debug_info"))?;
    let head = elf.section_head(section, 6)?;
    match *head {
        [a, b, c, d, lo, hi] if [a, b, c, d] != [0xff; 4] => Ok(u16::from_le_bytes([lo, hi])),
        _ => Err(Error::malformed("DWARF", "its first unit has no header")),
    }
}

impl TypeSource for Dwarf {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        let TypeRef::Dwarf(offset) = at else { return None };
        if let Some(known) = self.types.read().unwrap_or_else(PoisonError::into_inner).get(offset) {
            return known;
        }
        let ty = self.read_type(offset).map(Arc::new);
        let file = self.sections.file_size();
        self.types.write().unwrap_or_else(PoisonError::into_inner).keep(offset, ty.clone(), file);
        ty
    }
}

impl Known {
    pub(crate) fn get(&self, number: u64) -> Option<Option<Arc<Type>>> {
        self.types.get(&number).cloned()
    }

    /// Keeps one of a file of so many bytes.
    pub(crate) fn keep(&mut self, number: u64, ty: Option<Arc<Type>>, file: usize) {
        if self.weight > MAX_KNOWN.max(2 * file) {
            *self = Known::default();
        }
        self.weight += size_of::<(u64, Type)>() + ty.as_deref().map_or(0, weight);
        self.types.insert(number, ty);
    }
}

/// Bytes that a type takes besides those of its struct.
fn weight(ty: &Type) -> usize {
    let fields = if let Kind::Struct(fields) = &ty.kind { fields.as_slice() } else { &[] };
    ty.name.len() + fields.iter().map(|f| size_of::<Field>() + f.name.len()).sum::<usize>()
}
