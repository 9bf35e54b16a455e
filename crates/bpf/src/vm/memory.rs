//! What addresses mean, and reading and writing what they point into.
//!
//! The upper 16 bits of an address name a space, the others a place in it, counted from the middle, so that a step below
//! the first byte stays in the space. Between frames and between map values lie gaps, so that stepping out of one does not
//! end in the next. Addresses of the traced process have their upper bits 0 and can only be read by helpers.

use std::fmt;

use super::fault::Reason;
use super::maps::Store;

const SHIFT: u32 = 48;
pub(super) const CONTEXT: u64 = 1;
pub(super) const STACK: u64 = 2;
pub(super) const RECORDS: u64 = 3;
pub(super) const MAP_OBJECTS: u64 = 4;
pub(super) const FUNCTIONS: u64 = 5;
/// The values of map n are space `VALUES + n`.
pub(super) const VALUES: u64 = 16;
/// More maps than that have no space.
pub(super) const MAX_MAPS: usize = 0x8000;

/// A value that no program may use: as an address it leads nowhere.
pub(super) const POISON: u64 = 0xbad0_bad0_bad0_bad0;
/// What fresh stack and fresh records are filled with.
pub(super) const STALE: u8 = 0xa5;

pub(super) const FRAME: usize = 512;
pub(super) const MAX_FRAMES: usize = 8;
const FRAME_SHIFT: u32 = 16;

/// Where places are counted from.
const ORIGIN: u64 = 1 << (SHIFT - 1);

/// The address of a place in a space.
pub(super) const fn address(space: u64, place: u64) -> u64 {
    (space << SHIFT) + ORIGIN + place
}

/// The space and the place; a place below the first is a large number.
#[inline]
pub(super) const fn split(addr: u64) -> (u64, u64) {
    (addr >> SHIFT, (addr & (2 * ORIGIN - 1)).wrapping_sub(ORIGIN))
}

/// An address by what it points into.
pub(super) fn describe(addr: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (space, place) = split(addr);
    let signed = place as i64;
    match space {
        0 => write!(f, "user address {addr:#x}"),
        CONTEXT => write!(f, "context {signed:+}"),
        STACK => {
            // The nearest frame is the one that was meant.
            let frame = (signed + (1 << (FRAME_SHIFT - 1))) >> FRAME_SHIFT;
            write!(f, "frame {frame} {:+}", signed - (frame << FRAME_SHIFT) - FRAME as i64)
        }
        RECORDS => {
            let record = (signed + (1 << 31)) >> 32;
            write!(f, "record {record} {:+}", signed - (record << 32))
        }
        MAP_OBJECTS => write!(f, "map {signed}"),
        FUNCTIONS => write!(f, "function {signed}"),
        _ => write!(f, "{addr:#x}"),
    }
}

/// The stacks of all frames.
pub(super) struct Stack {
    bytes: Box<[u8; FRAME * MAX_FRAMES]>,
}

impl Default for Stack {
    fn default() -> Stack {
        Stack { bytes: Box::new([STALE; FRAME * MAX_FRAMES]) }
    }
}

/// All that a program can reach during a run.
pub struct Memory<'r> {
    context: &'r mut [u8],
    writable_context: bool,
    stack: &'r mut Stack,
    frames: usize,
    store: &'r mut Store,
}

impl<'r> Memory<'r> {
    pub(super) fn new(
        context: &'r mut [u8],
        writable_context: bool,
        stack: &'r mut Stack,
        store: &'r mut Store,
    ) -> Memory<'r> {
        Memory { context, writable_context, stack, frames: 0, store }
    }

    pub(super) fn store(&mut self) -> &mut Store {
        self.store
    }

    /// A fresh frame; the answer is its top.
    pub(super) fn push_frame(&mut self) -> Result<u64, Reason> {
        let start = self.frames * FRAME;
        let bytes = self.stack.bytes.get_mut(start..start + FRAME).ok_or(Reason::TooManyFrames)?;
        bytes.fill(STALE);
        self.frames += 1;
        Ok(address(STACK, ((self.frames as u64 - 1) << FRAME_SHIFT) + FRAME as u64))
    }

    pub(super) fn pop_frame(&mut self) {
        self.frames = self.frames.saturating_sub(1);
    }

    fn stack_range(&self, place: u64, len: usize) -> Option<std::ops::Range<usize>> {
        let (frame, inside) = ((place >> FRAME_SHIFT) as usize, (place & 0xffff) as usize);
        (frame < self.frames && inside + len <= FRAME).then(|| frame * FRAME + inside..frame * FRAME + inside + len)
    }

    /// The bytes at an address.
    ///
    /// # Errors
    /// If not all of them are the program's.
    pub fn bytes(&self, addr: u64, len: usize) -> Result<&[u8], Reason> {
        let (space, place) = split(addr);
        let found = match space {
            STACK => self.stack_range(place, len).and_then(|range| self.stack.bytes.get(range)),
            CONTEXT => span(place, len).and_then(|range| self.context.get(range)),
            RECORDS => self.store.record(place, len),
            space => self.store.values(space.wrapping_sub(VALUES), place, len),
        };
        found.ok_or(Reason::OutOfBounds { addr, len })
    }

    /// The bytes at an address, to be written.
    ///
    /// # Errors
    /// If not all of them are the program's, or it may only read them.
    pub fn bytes_mut(&mut self, addr: u64, len: usize) -> Result<&mut [u8], Reason> {
        let (space, place) = split(addr);
        let found = match space {
            STACK => self.stack_range(place, len).and_then(|range| self.stack.bytes.get_mut(range)),
            CONTEXT if !self.writable_context => return Err(Reason::ReadOnly { addr }),
            CONTEXT => span(place, len).and_then(|range| self.context.get_mut(range)),
            RECORDS => self.store.record_mut(place, len),
            space if self.store.is_read_only(space.wrapping_sub(VALUES)) => return Err(Reason::ReadOnly { addr }),
            space => self.store.values_mut(space.wrapping_sub(VALUES), place, len),
        };
        found.ok_or(Reason::OutOfBounds { addr, len })
    }

    /// A reason with the name of the map in it, if it is about one.
    #[cold]
    pub(super) fn explain(&self, reason: Reason) -> Reason {
        let (addr, len) = match reason {
            Reason::OutOfBounds { addr, len } | Reason::Misaligned { addr, len } => (addr, len),
            Reason::ReadOnly { addr } => (addr, 0),
            other => return other,
        };
        let (space, place) = split(addr);
        let Some((map, index, offset)) = self.store.describe(space.wrapping_sub(VALUES), place) else { return reason };
        match reason {
            Reason::OutOfBounds { .. } => Reason::OutsideValue { map, index, offset, len },
            Reason::Misaligned { .. } => Reason::MisalignedValue { map, offset, len },
            _ => Reason::ReadOnlyMap { map },
        }
    }

    /// The number at an address.
    #[inline]
    pub(super) fn load<const N: usize>(&self, addr: u64) -> Result<u64, Reason> {
        aligned::<N>(addr)?;
        let mut word = [0; 8];
        word[..N].copy_from_slice(self.bytes(addr, N)?);
        Ok(u64::from_le_bytes(word))
    }

    #[inline]
    pub(super) fn store_number<const N: usize>(&mut self, addr: u64, value: u64) -> Result<(), Reason> {
        aligned::<N>(addr)?;
        self.bytes_mut(addr, N)?.copy_from_slice(&value.to_le_bytes()[..N]);
        Ok(())
    }
}

/// The verifier lets nobody use stack or context across words, on any architecture.
#[inline]
fn aligned<const N: usize>(addr: u64) -> Result<(), Reason> {
    if !addr.is_multiple_of(N as u64) && matches!(addr >> SHIFT, STACK | CONTEXT) {
        return Err(Reason::Misaligned { addr, len: N });
    }
    Ok(())
}

pub(super) fn span(place: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(place).ok()?;
    Some(start..start.checked_add(len)?)
}
