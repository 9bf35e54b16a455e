//! The chunks of a record: what memory was read, found again by where it was and what it was read as.

use super::{TypeRow, chunk};
use crate::bytes::round8;

/// All chunks of a record.
pub(super) struct Memory<'a> {
    /// By address, row and length.
    chunks: Vec<Chunk<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Chunk<'a> {
    address: u64,
    row: TypeRow,
    /// What could not be read has none and comes first.
    length: usize,
    read: bool,
    bytes: &'a [u8],
}

/// What is known of some memory.
pub(super) enum Found<'a> {
    /// Its bytes, perhaps fewer than asked for.
    Bytes(&'a [u8]),
    /// It could not be read.
    Failed,
    /// It was not read.
    Not,
}

impl<'a> Memory<'a> {
    /// Takes the bytes behind the words of the stack. What does not look like a chunk ends it.
    pub fn new(mut bytes: &'a [u8]) -> Memory<'a> {
        let mut chunks = Vec::with_capacity(bytes.len() / 64);
        while let Some((one, rest)) = first(bytes) {
            chunks.push(one);
            bytes = rest;
        }
        chunks.sort_unstable();
        Memory { chunks }
    }

    /// The bytes that were read, and what they were read as.
    pub fn each(mut bytes: &'a [u8]) -> impl Iterator<Item = (TypeRow, &'a [u8])> {
        std::iter::from_fn(move || {
            let (one, rest) = first(bytes)?;
            bytes = rest;
            Some((one.row, one.bytes))
        })
    }

    /// The longest that was read there as that.
    pub fn find(&self, address: u64, row: TypeRow) -> Found<'a> {
        let behind = self.chunks.partition_point(|chunk| (chunk.address, chunk.row) <= (address, row));
        match behind.checked_sub(1).and_then(|at| self.chunks.get(at)) {
            Some(chunk) if (chunk.address, chunk.row) != (address, row) => Found::Not,
            Some(chunk) if chunk.read => Found::Bytes(chunk.bytes),
            Some(_) => Found::Failed,
            None => Found::Not,
        }
    }
}

fn first(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(chunk::BYTES)?;
    let length = u32_at(head, chunk::LENGTH)?;
    let read = length & chunk::FAILED == 0;
    let length = if read { length as usize } else { 0 };
    let (bytes, _) = rest.split_at_checked(length)?;
    // The last chunk may lack what fills it up.
    let rest = rest.get(round8(length)..).unwrap_or_default();
    let row = TypeRow(u32_at(head, chunk::ROW)?);
    Some((Chunk { address: u64_at(head, chunk::ADDRESS)?, row, length, read, bytes }, rest))
}

/// A number of that many bytes, at most 8.
pub(super) fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..size)?.copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
    Some(u64::from_le_bytes(word))
}

/// A `u64`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at, 8)
}

/// A `u32`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at, 4).map(|word| word as u32)
}
