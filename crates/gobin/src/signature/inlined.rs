//! The signature of a call that was inlined: its arguments where DWARF's lists say that they are.

use super::{Arg, Gaps, PlacedBy, Signature, Source};
use crate::abi::{Abi, Piece, Place};
use crate::dwarf::{Dwarf, InlinedArg, Spot};
use crate::types::TypeSource;

/// The signature, with SP `depth` bytes below its value at entry, and by how much higher SP is taken to be, so that no
/// place on the stack is before the first argument's.
pub(crate) fn of_inlined(dwarf: &Dwarf, args: &[InlinedArg<'_>], depth: Option<u32>) -> (Signature, u32) {
    let stack = |arg: &InlinedArg<'_>| on_stack(arg, depth);
    let adjust = args.iter().filter_map(stack).min().and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
    let arg = |of: &InlinedArg<'_>| {
        let ty = dwarf.resolve(of.ty);
        let size = ty.as_ref().map_or(0, |ty| ty.size);
        let in_frame = stack(of).and_then(|at| at.checked_sub(u64::from(adjust))).map(Place::Stack);
        Arg {
            name: of.name.to_owned().into(),
            type_name: ty.map_or("?".into(), |ty| ty.name.clone().into()),
            ty: Some(of.ty),
            place: if size == 0 {
                Place::Empty
            } else {
                in_frame.or_else(|| in_registers(of, size)).unwrap_or(Place::Unknown)
            },
            placed_by: PlacedBy::Lists,
            guess: None,
            dictionary_index: None,
        }
    };
    let signature = Signature {
        args: args.iter().map(arg).collect(),
        rets: Vec::new(),
        receiver: false,
        dictionary: None,
        abi: Abi::Internal,
        omitted: Gaps::None,
        rets_omitted: true,
        source: Source::Dwarf,
    };
    (signature, adjust)
}

/// Where a value is that is on the stack as a whole, from where the first argument would be if the function were entered
/// with SP as it is now.
fn on_stack(arg: &InlinedArg<'_>, depth: Option<u32>) -> Option<u64> {
    let mut from = None;
    let mut before = 0i64;
    for &(bytes, spot) in &arg.spots {
        let Spot::Stack(at) = spot else { return None };
        let begin = at.checked_sub(before)?;
        if *from.get_or_insert(begin) != begin {
            return None;
        }
        before = before.checked_add_unsigned(bytes)?;
    }
    u64::try_from(from?.checked_add(i64::from(depth?))?).ok()
}

fn in_registers(arg: &InlinedArg<'_>, size: u64) -> Option<Place> {
    let mut offset = 0;
    let mut pieces = Vec::new();
    for &(bytes, spot) in &arg.spots {
        let Spot::Register(register) = spot else { return None };
        let bytes = if bytes == 0 { size } else { bytes };
        pieces.push(Piece { register, offset, size: bytes });
        offset = offset.checked_add(bytes)?;
    }
    (offset == size && pieces.iter().all(|piece| piece.size <= 8)).then_some(Place::Registers(pieces))
}
