//! The bytes of a value in a record, of which some may be missing.

use super::value::Missing;
use super::{Piece, Root, Source, memory};

/// Some bytes, and why there are no more.
#[derive(Clone, Copy)]
pub(super) struct Span<'s> {
    bytes: &'s [u8],
    /// Where they start within what the holes count from.
    at: usize,
    holes: &'s [Hole],
    /// Why there is nothing behind the last byte.
    short: Missing,
}

/// Bytes of an argument or result that are not in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    from: usize,
    to: usize,
    why: Missing,
}

/// The bytes of an argument that stand in the record as they do in a value, as most do: side by side and all of them.
pub(super) fn as_it_stands<'r>(root: &Root, size: usize, record: &'r [u8]) -> Option<&'r [u8]> {
    let Source::Record(start) = root.pieces.first()?.from else { return None };
    let end = root.pieces.iter().try_fold(0, |end: u32, piece| {
        let follows = piece.at == end && piece.from == Source::Record(start.checked_add(end)?);
        if follows { end.checked_add(piece.size) } else { None }
    })?;
    let whole = end as usize == size;
    if whole { record.get(start as usize..)?.get(..size) } else { None }
}

impl Hole {
    /// Copies the pieces of an argument together and gives back what is missing.
    pub fn fill(value: &mut [u8], root: &Root, record: &[u8]) -> Vec<Hole> {
        let mut pieces: Vec<&Piece> = root.pieces.iter().collect();
        pieces.sort_unstable_by_key(|piece| piece.at);
        let mut holes = Vec::new();
        let mut end = 0;
        for piece in pieces {
            let (from, to) = (piece.at as usize, piece.at.saturating_add(piece.size) as usize);
            holes.extend((end < from).then_some(Hole { from: end, to: from, why: Missing::NoPlace }));
            holes.extend(copy(value, piece, record).map(|why| Hole { from, to, why }));
            end = end.max(to);
        }
        holes.extend((end < value.len()).then_some(Hole { from: end, to: value.len(), why: Missing::NoPlace }));
        holes
    }
}

/// Copies a piece, or says why it cannot.
fn copy(value: &mut [u8], piece: &Piece, record: &[u8]) -> Option<Missing> {
    let from = match piece.from {
        Source::Record(from) => from as usize,
        Source::FloatRegister if piece.size == 4 => return Some(Missing::Register("float32")),
        Source::FloatRegister => return Some(Missing::Register("float64")),
        Source::NoPlace => return Some(Missing::NoPlace),
        Source::NotLocated => return Some(Missing::NotLocated),
        Source::BeyondStack => return Some(Missing::BeyondStack),
    };
    let size = piece.size as usize;
    let place = value.get_mut(piece.at as usize..).and_then(|rest| rest.get_mut(..size));
    match (place, record.get(from..).and_then(|rest| rest.get(..size))) {
        (Some(place), Some(bytes)) => place.copy_from_slice(bytes),
        _ => return Some(Missing::Torn),
    }
    None
}

impl<'s> Span<'s> {
    /// An argument or result.
    pub fn root(bytes: &'s [u8], holes: &'s [Hole]) -> Span<'s> {
        Span { bytes, at: 0, holes, short: Missing::BeyondStack }
    }

    /// Memory that was read.
    pub fn memory(bytes: &'s [u8], short: Missing) -> Span<'s> {
        Span { bytes, at: 0, holes: &[], short }
    }

    /// A part of it.
    pub fn part(self, offset: usize, size: usize) -> Span<'s> {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        let bytes = rest.get(..size).unwrap_or(rest);
        Span { bytes, at: self.at.saturating_add(offset), ..self }
    }

    /// An unsigned number of 1, 2, 4 or 8 bytes.
    pub fn number(self, offset: usize, size: usize) -> Result<u64, Missing> {
        self.whole(offset, size)?;
        memory::number(self.bytes, offset, size).ok_or(self.short)
    }

    /// A word.
    pub fn word(self, offset: usize) -> Result<u64, Missing> {
        self.number(offset, 8)
    }

    /// Whether all of these bytes are there.
    pub fn whole(self, offset: usize, size: usize) -> Result<(), Missing> {
        let (from, to) = (self.at.saturating_add(offset), self.at.saturating_add(offset).saturating_add(size));
        match self.holes.iter().find(|hole| hole.from < to && from < hole.to) {
            Some(hole) => Err(hole.why),
            None if offset.saturating_add(size) <= self.bytes.len() => Ok(()),
            None => Err(self.short),
        }
    }

    /// What is there up to the first hole.
    pub fn bytes(self) -> &'s [u8] {
        let hole =
            self.holes.iter().filter(|hole| self.at < hole.to).map(|hole| hole.from.saturating_sub(self.at)).min();
        self.bytes.get(..hole.unwrap_or(usize::MAX)).unwrap_or(self.bytes)
    }

    /// Why there is nothing there, or nothing more.
    pub fn why(self, offset: usize) -> Missing {
        self.whole(offset, 1).err().unwrap_or(self.short)
    }

    /// How many bytes there are, holes among them.
    pub fn len(self) -> usize {
        self.bytes.len()
    }
}
