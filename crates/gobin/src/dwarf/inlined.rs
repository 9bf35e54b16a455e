//! Calls that were inlined: which arguments they had, and where those are at an instruction.
//!
//! Other than at a function's entry there is no rule to work places out by: DWARF's lists are all that is known. They
//! leave out what the compiler did away with, constants above all.

use gimli::{AttributeValue, DwTag, constants};

use super::function::Described;
use super::location::{Claim, Spot};
use super::section::Id;
use super::unit::{Unit, attributes, skip};
use super::{Dwarf, Function, Param};
use crate::addr::VAddr;
use crate::types::TypeRef;

/// A call that was inlined.
pub struct InlinedCall<'d> {
    dwarf: &'d Dwarf,
    unit: &'d Unit,
    params: Vec<Param<'d>>,
}

/// An argument of an inlined call.
#[derive(Clone, Debug)]
pub struct InlinedArg<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its type.
    pub ty: TypeRef,
    /// Where its parts are, each with its bytes, in order; empty if nothing is said.
    pub spots: Vec<(u64, Spot)>,
}

impl InlinedArg<'_> {
    /// Whether all of it is somewhere.
    #[must_use]
    pub fn is_located(&self) -> bool {
        !self.spots.is_empty() && self.spots.iter().all(|(_, spot)| *spot != Spot::Nowhere)
    }
}

/// No function has so many entries, but in damage.
const MAX_ENTRIES: usize = 1 << 20;

impl Dwarf {
    /// The innermost call that was inlined into the function at `entry` and whose code contains `pc`; `None` if that is
    /// no call of `name`.
    #[must_use]
    pub fn inlined_call(&self, entry: VAddr, name: &str, pc: VAddr) -> Option<InlinedCall<'_>> {
        let (unit, origin, copies) = self.inlined_entry(entry, pc)?;
        let original = self.subprogram(self.units().at(origin)?, origin)?;
        let own = original.own.name.filter(|own| *own == name)?;
        let mut made = Function::unplaced(entry, own, unit.start);
        let mut params = Vec::new();
        for param in &original.params {
            let before = made.args.len();
            made.add(&param.says);
            let Some(added) = made.args.get(before) else { continue };
            let copy = copies.iter().find(|copy| copy.origin == Some(param.offset));
            params.push(Param { claim: copy.map_or(Claim::None, |copy| copy.claim), ..*added });
        }
        Some(InlinedCall { dwarf: self, unit, params })
    }

    /// The unit, the entry of the function that was inlined, and its parameters as they stand in this copy.
    fn inlined_entry(&self, entry: VAddr, pc: VAddr) -> Option<(&Unit, usize, Vec<Described<'_>>)> {
        let mut units = self.units().around(entry);
        let (unit, offset) = units.find_map(|unit| Some((unit, self.index(unit).function(entry)?)))?;
        let start = unit.start.checked_add(offset)?;
        let mut entries = unit.entries(self.sections.bytes(Id::Info), start)?;
        let outermost = entries.next_depth();
        let mut innermost: Option<(isize, usize, Vec<Described<'_>>)> = None;
        for _ in 0..MAX_ENTRIES {
            let (at, depth) = (entries.next_offset().0, entries.next_depth());
            let within = innermost.as_ref().map_or(outermost, |(of, ..)| *of);
            if at > start && depth <= within {
                break; // behind the last child of the function, or of the call
            }
            let Ok(abbreviation) = entries.read_abbreviation() else { break };
            let Some(abbreviation) = abbreviation else { continue };
            match abbreviation.tag() {
                constants::DW_TAG_inlined_subroutine => {
                    let mut call = Call::default();
                    attributes(&mut entries, abbreviation, |a| call.note(unit, self, a)).ok()?;
                    // What contains it and comes later stands within the one before.
                    if call.contains(unit, self, pc.0) {
                        innermost = Some((depth, call.origin?, Vec::new()));
                    }
                }
                tag => match &mut innermost {
                    Some((of, _, params)) if is_parameter(tag) && depth == *of + 1 => {
                        let mut says = Described::default();
                        attributes(&mut entries, abbreviation, |a| says.note(self, unit, a)).ok()?;
                        params.push(says);
                    }
                    _ => skip(&mut entries, abbreviation).ok()?,
                },
            }
        }
        innermost.map(|(_, origin, params)| (unit, origin, params))
    }
}

impl<'d> InlinedCall<'d> {
    /// Its arguments, with their places where `at` runs.
    #[must_use]
    pub fn args(&self, at: VAddr) -> Vec<InlinedArg<'d>> {
        let spots = |param: &Param<'d>| {
            let claimed = self.dwarf.claimed(self.unit, param.claim, at);
            claimed.map_or_else(Vec::new, |bytes| self.dwarf.read_spots(bytes, self.unit.encoding))
        };
        self.params.iter().map(|param| InlinedArg { name: param.name, ty: param.ty, spots: spots(param) }).collect()
    }
}

fn is_parameter(tag: DwTag) -> bool {
    tag == constants::DW_TAG_formal_parameter
}

/// What the entry of an inlined call says.
#[derive(Default)]
struct Call {
    origin: Option<usize>,
    low: Option<u64>,
    /// Behind its last byte, or how many bytes.
    high: Option<u64>,
    high_is_length: bool,
    ranges: Option<usize>,
}

impl Call {
    fn note(&mut self, unit: &Unit, dwarf: &Dwarf, attribute: &gimli::Attribute<super::section::Reader<'_>>) {
        let value = attribute.raw_value();
        match attribute.name() {
            constants::DW_AT_abstract_origin => self.origin = unit.reference(&value),
            constants::DW_AT_low_pc => self.low = unit.address(&value, &dwarf.sections),
            constants::DW_AT_high_pc => {
                let address = unit.address(&value, &dwarf.sections);
                (self.high, self.high_is_length) = (address.or_else(|| value.udata_value()), address.is_none());
            }
            constants::DW_AT_ranges => {
                if let AttributeValue::SecOffset(at) = value {
                    self.ranges = Some(at);
                }
            }
            _ => {}
        }
    }

    fn contains(&self, unit: &Unit, dwarf: &Dwarf, pc: u64) -> bool {
        if let Some(at) = self.ranges {
            return unit.ranges_from(at, &dwarf.sections).iter().any(|&(from, to)| (from..to).contains(&pc));
        }
        let (Some(low), Some(high)) = (self.low, self.high) else { return false };
        let high = if self.high_is_length { low.saturating_add(high) } else { high };
        (low..high).contains(&pc)
    }
}
