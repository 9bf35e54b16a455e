//! Takes records out of a ring. No system call is needed and nobody is woken: whoever reads looks in every millisecond.

use super::sys::RingMemory;

/// A record that is being written.
const BUSY: u32 = 1 << 31;
/// A record that was given up; it takes its place all the same.
const DISCARDED: u32 = 1 << 30;
/// Bytes before each record.
const HEADER: u64 = 8;

/// The reading end of a ring.
#[derive(Debug)]
pub struct Ring {
    memory: RingMemory,
}

impl Ring {
    pub(crate) fn of(memory: RingMemory) -> Ring {
        Ring { memory }
    }

    /// Gives all records that are there by now, oldest first, and makes room. Answers how many they were.
    ///
    /// It stops at a record that is still being written, and does not run after a writer: what is added during the call
    /// is for the next one.
    pub fn drain(&mut self, mut record: impl FnMut(&[u8])) -> usize {
        let (end, mut at) = (self.memory.produced(), self.memory.consumed());
        // Room is made in steps: early enough for writers not to starve, seldom enough not to fight over the word.
        let step = self.memory.size() as u64 / 8;
        let (mut count, mut freed) = (0, at);
        while at < end {
            let header = self.memory.header(at);
            let len = header & !(BUSY | DISCARDED);
            if header & BUSY != 0 {
                break;
            }
            if header & DISCARDED == 0 {
                // A length beyond the ring can only be a broken header: nothing behind it can be found.
                let Some(bytes) = self.memory.bytes(at + HEADER, len as usize) else { break };
                record(bytes);
                count += 1;
            }
            at += (u64::from(len) + HEADER).next_multiple_of(8);
            if at - freed >= step {
                self.memory.consume(at);
                freed = at;
            }
        }
        self.memory.consume(at);
        count
    }

    /// How many bytes wait, headers included.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.memory.produced().saturating_sub(self.memory.consumed())
    }

    /// How many bytes fit.
    #[must_use]
    pub fn size(&self) -> usize {
        self.memory.size()
    }
}
