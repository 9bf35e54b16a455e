//! Foreign bytes as numbers, and why they are not what they should be.

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// There are fewer than must be.
    Short {
        /// So many must be.
        need: usize,
        /// So many are.
        have: usize,
    },
    /// The schema has no such row.
    NoRow(u32),
    /// The schema has no such map, format or text.
    NoEntry(&'static str, u32),
    /// A string says that it is longer than it can be.
    TextTooLong {
        /// What it says.
        len: u32,
        /// What it can be.
        cap: u32,
    },
    /// The scale of the map has no such bucket.
    NoBucket(u64),
    /// `print` of several values at once, or of none.
    NotOneValue(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Short { need, have } => write!(f, "{have} bytes where {need} must be"),
            DecodeError::NoRow(row) => write!(f, "its row {row} is not described"),
            DecodeError::NoEntry(what, index) => write!(f, "its {what} {index} is not described"),
            DecodeError::TextTooLong { len, cap } => write!(f, "a string of {len} bytes where {cap} is the most"),
            DecodeError::NoBucket(bucket) => write!(f, "there is no bucket {bucket}"),
            DecodeError::NotOneValue(n) => write!(f, "{n} values where one must be"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// So many bytes at a place.
pub(crate) fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8], DecodeError> {
    let short = || DecodeError::Short { need: at.saturating_add(len), have: bytes.len() };
    bytes.get(at..).and_then(|rest| rest.get(..len)).ok_or_else(short)
}

/// The `u64` at a place.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, DecodeError> {
    slice(bytes, at, 8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i])))
}

/// The `u32` at a place.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, DecodeError> {
    slice(bytes, at, 4).map(|b| u32::from_le_bytes(std::array::from_fn(|i| b[i])))
}

/// The next multiple of 8.
#[must_use]
pub const fn round8(n: usize) -> usize {
    n.div_ceil(8) * 8
}
