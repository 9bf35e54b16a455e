//! Where DWARF says that a parameter is when its function is entered.
//!
//! Read only to be compared with the places that `abi` works out: Go describes results not at all, arguments without
//! a name by the slot they are spilled to later, and a few that the function overwrites at once by the new value's
//! register.

use std::fmt;

use gimli::{
    AttributeValue, DebugLoc, DebugLocLists, Encoding, Expression, LittleEndian, LocationLists, LocationListsOffset,
    Operation,
};

use super::section::{Id, Reader};
use super::unit::{Unit, truncated};
use super::{Dwarf, Function, Param};
use crate::abi::Register;
use crate::addr::VAddr;
use crate::elf::Arch;

/// What a `DW_AT_location` refers to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Claim<'d> {
    /// Nothing, or something in a form that Go does not use.
    #[default]
    None,
    /// An expression that holds everywhere.
    Everywhere(&'d [u8]),
    /// A list by address, at this offset in its section.
    List(usize),
}

impl<'d> Claim<'d> {
    pub(super) fn of(value: &AttributeValue<Reader<'d>>) -> Claim<'d> {
        match value {
            AttributeValue::Block(bytes) => Claim::Everywhere(bytes.slice()),
            AttributeValue::Exprloc(expression) => Claim::Everywhere(expression.0.slice()),
            AttributeValue::SecOffset(at) => Claim::List(*at),
            _ => Claim::None,
        }
    }
}

/// Where a parameter is when its function is entered, if DWARF is to be believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// Nothing is said.
    Silent,
    /// In these registers, in the order of its parts; `None` for a part that has no place, and for padding.
    Registers(Vec<Option<Register>>),
    /// In the frame, this many bytes behind the first stack argument; negative in the function's own part.
    Stack(i64),
    /// Something else: partly here and partly there, a register that no argument is passed in, unreadable.
    Other,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Silent => f.write_str("nowhere"),
            Location::Stack(offset) => write!(f, "stack{offset:+}"),
            Location::Registers(registers) => {
                let names = registers.iter().map(|r| r.map_or("?", Register::name));
                f.write_str(&names.collect::<Vec<_>>().join(", "))
            }
            Location::Other => f.write_str("several kinds of places"),
        }
    }
}

/// Lists are of one variable in one function, and take far fewer bytes than these.
const MAX_LIST: usize = 1 << 12;
/// A parameter has no more parts than this.
const MAX_PARTS: usize = 256;

impl Dwarf {
    /// Where DWARF says that the parameter is when the function is entered.
    #[must_use]
    pub fn entry_location(&self, function: &Function<'_>, param: &Param<'_>) -> Location {
        let Some(unit) = self.units().at(function.unit) else { return Location::Silent };
        let claimed = self.claimed(unit, param.claim, function.entry);
        claimed.map_or(Location::Silent, |bytes| self.read_expression(bytes, unit.encoding))
    }

    /// The expression that holds at `pc`.
    pub(super) fn claimed<'d>(&'d self, unit: &Unit, claim: Claim<'d>, pc: VAddr) -> Option<&'d [u8]> {
        match claim {
            Claim::None => None,
            Claim::Everywhere(bytes) => Some(bytes),
            Claim::List(at) => self.in_list(unit, at, pc.0),
        }
    }

    /// Where the parts of a value are that an expression describes, each with its bytes; none if it is not one of Go's.
    pub(super) fn read_spots(&self, bytes: &[u8], encoding: Encoding) -> Vec<(u64, Spot)> {
        let arch = self.sections.elf().arch;
        self.parts(bytes, encoding, Register::of_value_from_dwarf)
            .map_or_else(Vec::new, |parts| parts.iter().map(|part| part.spot(arch)).collect())
    }

    /// The expression of the list at `at` that holds at `pc`.
    fn in_list(&self, unit: &Unit, at: usize, pc: u64) -> Option<&[u8]> {
        let cut = |id| {
            let bytes = if (id == Id::Loc) == (unit.encoding.version < 5) { self.sections.bytes(id) } else { &[] };
            Reader::new(truncated(bytes, at.saturating_add(MAX_LIST)), LittleEndian)
        };
        let lists = LocationLists::new(DebugLoc::from(cut(Id::Loc)), DebugLocLists::from(cut(Id::LocLists)));
        let addresses = self.sections.addresses();
        let at = LocationListsOffset(at);
        let mut list = lists.locations(at, unit.encoding, unit.low_pc, &addresses, unit.addr_base).ok()?;
        while let Ok(Some(entry)) = list.next() {
            if (entry.range.begin..entry.range.end).contains(&pc) {
                return Some(entry.data.0.slice());
            }
        }
        None
    }

    fn read_expression(&self, bytes: &[u8], encoding: Encoding) -> Location {
        if bytes.is_empty() {
            return Location::Silent;
        }
        let Some(parts) = self.parts(bytes, encoding, Register::from_dwarf) else { return Location::Other };
        let arch = self.sections.elf().arch;
        in_registers(&parts).or_else(|| in_frame(arch, &parts)).unwrap_or(Location::Other)
    }

    fn parts(&self, bytes: &[u8], encoding: Encoding, register: Numbers) -> Option<Vec<Part>> {
        let arch = self.sections.elf().arch;
        let mut operations = Expression(Reader::new(bytes, LittleEndian)).operations(encoding);
        let mut parts = Vec::new();
        let mut part = Part::default();
        while let Ok(Some(step)) = operations.next() {
            if parts.len() == MAX_PARTS {
                return None;
            }
            part.take(arch, &step, register)?;
            if let Operation::Piece { .. } = step {
                parts.push(std::mem::take(&mut part));
            }
        }
        if parts.is_empty() {
            parts.push(part);
        }
        Some(parts)
    }
}

/// Which registers DWARF's numbers are.
type Numbers = fn(Arch, u16) -> Option<Register>;

/// Where a part of a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// Nowhere.
    Nowhere,
    /// In a register.
    Register(Register),
    /// In the frame, this many bytes behind the first stack argument; negative in the function's own part.
    Stack(i64),
}

/// Where a part of a value is: nowhere, in a register, or in the frame.
#[derive(Default)]
struct Part {
    register: Option<Register>,
    /// From the canonical frame address, which Go uses as frame base.
    frame: Option<i64>,
    constant: i64,
    bytes: i64,
}

impl Part {
    /// Follows one step of an expression; `None` if Go writes no such step.
    fn take(&mut self, arch: Arch, step: &Operation<Reader<'_>>, numbers: Numbers) -> Option<()> {
        match *step {
            Operation::Register { register } => self.register = Some(numbers(arch, register.0)?),
            Operation::FrameOffset { offset } => self.frame = Some(offset),
            Operation::CallFrameCFA => self.frame = Some(0),
            Operation::SignedConstant { value } => self.constant = value,
            Operation::PlusConstant { value } => self.frame = Some(self.frame?.checked_add_unsigned(value)?),
            Operation::Plus => self.frame = Some(self.frame?.checked_add(self.constant)?),
            Operation::Piece { size_in_bits, .. } => self.bytes = i64::try_from(size_in_bits / 8).ok()?,
            _ => return None,
        }
        Some(())
    }
}

impl Part {
    /// Its bytes, 0 if it is the whole value, and where it is.
    fn spot(&self, arch: Arch) -> (u64, Spot) {
        let spot = match (self.register, self.frame) {
            (Some(register), None) => Spot::Register(register),
            (None, Some(frame)) => Spot::Stack(frame.saturating_sub(args_from_cfa(arch))),
            _ => Spot::Nowhere,
        };
        (self.bytes.cast_unsigned(), spot)
    }
}

fn in_registers(parts: &[Part]) -> Option<Location> {
    let some = parts.iter().any(|p| p.register.is_some());
    let none_elsewhere = parts.iter().all(|p| p.frame.is_none());
    (some && none_elsewhere).then(|| Location::Registers(parts.iter().map(|p| p.register).collect()))
}

/// The first part that has a place tells where the value begins.
fn in_frame(arch: Arch, parts: &[Part]) -> Option<Location> {
    let first = parts.iter().position(|p| p.frame.is_some())?;
    if parts.iter().any(|p| p.register.is_some()) {
        return None;
    }
    let before = parts[..first].iter().try_fold(0i64, |sum, p| sum.checked_add(p.bytes))?;
    let from_cfa = parts[first].frame?.checked_sub(before)?;
    Some(Location::Stack(from_cfa.checked_sub(args_from_cfa(arch))?))
}

/// The first stack argument stands behind the return address: that is before the canonical frame address on amd64,
/// where the call pushed it, and behind it on arm64, where the caller left a word for it.
fn args_from_cfa(arch: Arch) -> i64 {
    match arch {
        Arch::Amd64 => 0,
        Arch::Arm64 => 8,
    }
}
