//! The algorithm's places against DWARF's locations at entry.

use super::{Arg, LAST_THAT_OMITS, PlacedBy, Places, Signature, Signatures, is_made_up};
use crate::abi::{Abi, Piece, Place, Register, Shape};
use crate::addr::VAddr;
use crate::dwarf::{Function, Location, Param};

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
    /// What [`Signatures::at`] corrects by them counts as equal.
    #[must_use]
    pub fn compare(&self, entry: VAddr, name: &str, assembly: bool) -> Option<Comparison> {
        let function = self.dwarf.function_at(entry)?;
        let places = self.places(&function, name, assembly);
        let moved = self.moved(&function, &places);
        let mut counts = Comparison::default();
        for (i, (param, place)) in function.args.iter().zip(&places.frame.args).enumerate() {
            let location = self.dwarf.entry_location(&function, param);
            match verdict(param, place, &location) {
                Verdict::Equal => counts.equal += 1,
                Verdict::Resliced => counts.resliced += 1,
                Verdict::Silent => counts.silent += 1,
                Verdict::Different if moved.as_ref().is_some_and(|m| m[i].is_some()) => counts.equal += 1,
                Verdict::Different => {
                    let arg = param.name.to_owned();
                    counts.different.push(Disagreement { arg, place: place.clone(), location });
                }
            }
        }
        Some(counts)
    }

    /// Where arguments are behind those that DWARF leaves out: a place for each that is not where the algorithm says,
    /// [`Place::Unknown`] where DWARF is silent too. `None` if none was left out, as far as can be seen.
    pub(super) fn moved(&self, function: &Function<'_>, places: &Places) -> Option<Vec<Option<Place>>> {
        if self.minor.is_none_or(|m| m > LAST_THAT_OMITS) || places.abi == Abi::Zero {
            return None;
        }
        let mut shift = Shift::default();
        let mut moved = Vec::new();
        for (param, place) in function.args.iter().zip(&places.frame.args) {
            let location = self.dwarf.entry_location(function, param);
            let shape = self.shapes.of(param.ty, self.dwarf)?;
            moved.push(shift.follow(verdict(param, place, &location), place, &location, &shape)?);
        }
        shift.seen.then_some(moved)
    }
}

/// What is known of omitted arguments while going through the others: they can only push them to later places.
#[derive(Default)]
struct Shift {
    seen: bool,
    /// The next integer and floating point register that is free.
    next: [u8; 2],
}

impl Shift {
    /// The argument's place if it is not `place`; the outer `None` if DWARF's story does not hold together.
    fn follow(&mut self, verdict: Verdict, place: &Place, location: &Location, shape: &Shape) -> Option<Option<Place>> {
        match (verdict, location) {
            (Verdict::Equal | Verdict::Resliced, _) => {
                if let Place::Registers(pieces) = place {
                    pieces.iter().try_for_each(|p| self.take(p.register))?;
                }
                Some(None)
            }
            (Verdict::Silent, _) => Some((self.seen && *place != Place::Empty).then_some(Place::Unknown)),
            (Verdict::Different, Location::Registers(registers)) => {
                let registers = distinct(registers);
                registers.iter().try_for_each(|&r| self.take(r))?;
                self.seen = true;
                shape.fits(&registers).then(|| Some(shape.in_registers(&registers)))
            }
            (Verdict::Different, &Location::Stack(offset)) if self.seen => {
                Some(Some(Place::Stack(u64::try_from(offset).ok()?)))
            }
            (Verdict::Different, _) => None,
        }
    }

    /// Registers are given out in order.
    fn take(&mut self, register: Register) -> Option<()> {
        let next = &mut self.next[usize::from(register.float)];
        (register.index >= *next).then(|| *next = register.index + 1)
    }
}

impl Signature {
    /// Puts arguments where DWARF says; with arguments missing, nothing is known about results on the stack.
    pub(super) fn correct(&mut self, moved: Vec<Option<Place>>) {
        for (arg, place) in self.args.iter_mut().zip(moved) {
            if let Some(place) = place {
                (arg.place, arg.placed_by) = (place, PlacedBy::Location);
            }
        }
        self.rets
            .iter_mut()
            .filter(|r| matches!(r.place, Place::Stack(_)))
            .for_each(|r: &mut Arg| r.place = Place::Unknown);
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
