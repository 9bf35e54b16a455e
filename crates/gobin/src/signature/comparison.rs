//! The algorithm's places against DWARF's locations at entry.

use super::{Compiled, Signatures, is_made_up};
use crate::abi::{Piece, Place, Register};
use crate::dwarf::{Location, Param};

/// How many arguments of a function are where DWARF says that they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Both say the same.
    pub equal: usize,
    /// Both say the same of the first part, and DWARF gives another part's register for the rest: the function begins
    /// with `s = s[:cap(s)]`, and DWARF describes what `s` is then.
    pub resliced: usize,
    /// DWARF says nothing, or only where an argument without a name is kept later.
    pub silent: usize,
    /// They differ.
    pub different: Vec<Disagreement>,
}

/// An argument that DWARF places elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The argument's name.
    pub arg: String,
    /// Where the algorithm puts it.
    pub place: Place,
    /// Where DWARF does.
    pub location: Location,
}

/// What the two say of one argument.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Equal,
    Resliced,
    Silent,
    Different,
}

impl Signatures<'_> {
    /// Compares the places of a function's arguments with DWARF's locations; `None` if DWARF does not describe it.
    /// Of places that are not certain, as where
    /// arguments are missing, nothing is said.
    #[must_use]
    pub fn compare(&self, of: &Compiled) -> Option<Comparison> {
        let function = self.dwarf.function_at(of.entry)?;
        let mut places = self.places(&function, of);
        if let Some(remaining) = self.remaining_if_omitted(of, &function, &places) {
            places.frame.args = remaining.args;
        }
        let mut counts = Comparison::default();
        for (param, place) in function.args.iter().zip(&places.frame.args) {
            let location = self.dwarf.entry_location(&function, param);
            match verdict(param, place, &location) {
                Verdict::Equal => counts.equal += 1,
                Verdict::Resliced => counts.resliced += 1,
                Verdict::Silent => counts.silent += 1,
                Verdict::Different => {
                    let arg = param.name.to_owned();
                    counts.different.push(Disagreement { arg, place: place.clone(), location });
                }
            }
        }
        Some(counts)
    }
}

fn verdict(param: &Param<'_>, place: &Place, location: &Location) -> Verdict {
    let same = match (place, location) {
        (Place::Empty | Place::Unknown, _) | (_, Location::Silent) => return Verdict::Silent,
        (Place::Registers(_), Location::Stack(_)) if is_made_up(param.name) => return Verdict::Silent,
        (Place::Registers(pieces), Location::Registers(found)) if is_resliced(pieces, found) => {
            return Verdict::Resliced;
        }
        (Place::Registers(pieces), Location::Registers(found)) => agree(pieces, found),
        (Place::Stack(offset), Location::Stack(found)) => i64::try_from(*offset).is_ok_and(|o| o == *found),
        _ => false,
    };
    if same { Verdict::Equal } else { Verdict::Different }
}

/// A slice or string that begins where we say, with its own registers for the rest but one of them twice.
fn is_resliced(pieces: &[Piece], registers: &[Option<Register>]) -> bool {
    let own = |r: &Option<Register>| pieces.iter().any(|p| Some(p.register) == *r);
    let same = |(p, r): (&Piece, &Option<Register>)| Some(p.register) == *r;
    let mut pairs = pieces.iter().zip(registers);
    pieces.len() == registers.len() && pairs.next().is_some_and(same) && !pairs.all(same) && registers.iter().all(own)
}

/// Whether all parts that DWARF places are where we say.
fn agree(pieces: &[Piece], registers: &[Option<Register>]) -> bool {
    let ours = || pieces.iter().map(|p| p.register);
    let used = ours().zip(registers).all(|(own, r)| r.is_none_or(|r| r == own));
    used && pieces.len() == registers.len() || ours().eq(distinct(registers))
}

/// The registers without padding, which unoptimised code describes, and without those that Go up to 1.21 lists again.
fn distinct(registers: &[Option<Register>]) -> Vec<Register> {
    let mut found = Vec::new();
    for register in registers.iter().flatten() {
        if !found.contains(register) {
            found.push(*register);
        }
    }
    found
}

/// Whether a location speaks for a place, or at least not against it. `kept` is where the words say that the argument
/// is kept: DWARF has that too for some which are in registers at entry.
pub(super) fn allows(location: &Location, place: &Place, kept: Option<u64>) -> bool {
    match (location, place) {
        (Location::Silent | Location::Other, _) => true,
        (Location::Registers(found), Place::Registers(pieces)) => is_resliced(pieces, found) || agree(pieces, found),
        (Location::Registers(_), _) => false,
        (&Location::Stack(found), Place::Stack(offset)) => found < 0 || u64::try_from(found) == Ok(*offset),
        (&Location::Stack(found), _) => found < 0 || kept.is_none_or(|kept| u64::try_from(found) == Ok(kept)),
    }
}
