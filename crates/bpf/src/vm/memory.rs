//! What addresses mean, and reading and writing what they point into.
//!
//! The upper 16 bits of an address name a space, the others a place in it, counted from the middle, so that a step below
//! the first byte stays in the space. Between frames and between map values lie gaps, so that stepping out of one does not
//! end in the next. Addresses of the traced process have their upper bits 0 and can only be read by helpers.

use std::fmt;

use super::fault::Reason;
use super::maps::Store;
use crate::map::MapId;

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

    /// What `map_lookup_elem` answers for the key at an address.
    pub(super) fn look_up(&mut self, map: MapId, key: u64, cpu: usize) -> Result<u64, Reason> {
        let (key_size, _) = self.store.sizes(map);
        let entry = self.store.find(map, self.bytes(key, key_size)?);
        self.store.found(map, entry, cpu)
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
        self.find(addr, len).ok_or_else(|| self.why(addr, len, false))
    }

    /// The bytes at an address, to be written.
    ///
    /// # Errors
    /// If not all of them are the program's, or it may only read them.
    pub fn bytes_mut(&mut self, addr: u64, len: usize) -> Result<&mut [u8], Reason> {
        if self.find_mut(addr, len).is_none() {
            return Err(self.why(addr, len, true));
        }
        self.find_mut(addr, len).ok_or(Reason::OutOfBounds { addr, len })
    }

    #[inline]
    fn find(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let (space, place) = split(addr);
        match space {
            STACK => self.stack.bytes.get(self.stack_range(place, len)?),
            CONTEXT => self.context.get(span(place, len)?),
            RECORDS => self.store.record(place, len),
            space => self.store.values(space.wrapping_sub(VALUES), place, len),
        }
    }

    #[inline]
    fn find_mut(&mut self, addr: u64, len: usize) -> Option<&mut [u8]> {
        let (space, place) = split(addr);
        match space {
            STACK => {
                let range = self.stack_range(place, len)?;
                self.stack.bytes.get_mut(range)
            }
            CONTEXT if !self.writable_context => None,
            CONTEXT => self.context.get_mut(span(place, len)?),
            RECORDS => self.store.record_mut(place, len),
            space => self.store.values_mut(space.wrapping_sub(VALUES), place, len),
        }
    }

    /// Why an access failed.
    #[cold]
    pub(super) fn why(&self, addr: u64, len: usize, write: bool) -> Reason {
        let (space, place) = split(addr);
        let (there, value) = (self.find(addr, len).is_some(), self.store.describe(space.wrapping_sub(VALUES), place));
        match value {
            Some((map, _, _)) if there && write && self.store.is_read_only(space - VALUES) => {
                Reason::ReadOnlyMap { map }
            }
            Some((map, _, offset)) if there => Reason::MisalignedValue { map, offset, len },
            Some((map, index, offset)) => Reason::OutsideValue { map, index, offset, len },
            None if there && !addr.is_multiple_of(len as u64) => Reason::Misaligned { addr, len },
            None if there => Reason::ReadOnly { addr },
            None => Reason::OutOfBounds { addr, len },
        }
    }

    /// The number at an address, if it may be read.
    #[inline]
    pub(super) fn load<const N: usize>(&self, addr: u64) -> Option<u64> {
        if !aligned::<N>(addr) {
            return None;
        }
        let mut word = [0; 8];
        word[..N].copy_from_slice(self.find(addr, N)?);
        Some(u64::from_le_bytes(word))
    }

    /// Writes a number, if it may be written.
    #[inline]
    pub(super) fn store_number<const N: usize>(&mut self, addr: u64, value: u64) -> Option<()> {
        if !aligned::<N>(addr) {
            return None;
        }
        self.find_mut(addr, N)?.copy_from_slice(&value.to_le_bytes()[..N]);
        Some(())
    }
}

/// The verifier lets nobody use stack or context across words, on any architecture.
#[inline]
fn aligned<const N: usize>(addr: u64) -> bool {
    addr.is_multiple_of(N as u64) || !matches!(addr >> SHIFT, STACK | CONTEXT)
}

pub(super) fn span(place: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(place).ok()?;
    Some(start..start.checked_add(len)?)
}
