//! The memory of the process that a program looks into.

use std::collections::BTreeMap;

/// The memory is not there, or not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The memory of a process.
pub trait UserMemory {
    /// Fills all of `buf`, or none of it counts.
    ///
    /// # Errors
    /// If a byte of it cannot be read without waiting.
    fn read(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable>;

    /// The same, but pages may be brought in, as sleepable programs can ask for.
    ///
    /// # Errors
    /// If a byte of it is not there.
    fn read_waiting(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.read(addr, buf)
    }
}

/// A process without memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl UserMemory for NoMemory {
    fn read(&mut self, _: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if buf.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

/// Pieces of memory given by hand.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// By start: the bytes, and whether a read without waiting finds them.
    pieces: BTreeMap<u64, (Vec<u8>, bool)>,
}

impl Segments {
    /// Adds memory that is there.
    #[must_use]
    pub fn with(mut self, addr: u64, bytes: &[u8]) -> Segments {
        self.pieces.insert(addr, (bytes.to_vec(), true));
        self
    }

    /// Adds memory that is there only for those who wait.
    #[must_use]
    pub fn with_cold(mut self, addr: u64, bytes: &[u8]) -> Segments {
        self.pieces.insert(addr, (bytes.to_vec(), false));
        self
    }

    fn find(&self, addr: u64, len: usize, wait: bool) -> Option<&[u8]> {
        let (start, (bytes, warm)) = self.pieces.range(..=addr).next_back()?;
        let from = usize::try_from(addr - start).ok()?;
        let found = bytes.get(from..from.checked_add(len)?)?;
        (*warm || wait).then_some(found)
    }

    fn copy(&self, addr: u64, buf: &mut [u8], wait: bool) -> Result<(), Unreadable> {
        if !buf.is_empty() {
            buf.copy_from_slice(self.find(addr, buf.len(), wait).ok_or(Unreadable)?);
        }
        Ok(())
    }
}

impl UserMemory for Segments {
    fn read(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.copy(addr, buf, false)
    }

    fn read_waiting(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.copy(addr, buf, true)
    }
}
