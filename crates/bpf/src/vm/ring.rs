//! A ring buffer's order and room, without its bytes being a ring.

use std::collections::VecDeque;

/// Each record has a header of that many bytes.
const HEADER: usize = 8;

enum Record {
    /// Reserved, and still being written.
    Busy,
    Ready(Vec<u8>),
    Discarded,
}

/// Records in the order in which they were reserved.
pub(super) struct Ring {
    size: usize,
    used: usize,
    /// The number of the first record in `records`.
    first: u64,
    records: VecDeque<(Record, usize)>,
    produced: u64,
    consumed: u64,
}

impl Ring {
    pub(super) fn new(size: usize) -> Ring {
        Ring { size, used: 0, first: 0, records: VecDeque::new(), produced: 0, consumed: 0 }
    }

    /// Takes room for a record, if there is enough; the answer is its number.
    pub(super) fn reserve(&mut self, len: usize) -> Option<u64> {
        let room = len.checked_add(HEADER)?.checked_next_multiple_of(8)?;
        // As in __bpf_ringbuf_reserve: the ring is never full to the last byte.
        if self.used.checked_add(room)? > self.size - 1 {
            return None;
        }
        self.used += room;
        self.produced += room as u64;
        self.records.push_back((Record::Busy, room));
        Some(self.first + self.records.len() as u64 - 1)
    }

    /// Finishes a record: with bytes, or with none to discard it.
    pub(super) fn finish(&mut self, number: u64, bytes: Option<Vec<u8>>) {
        if let Some(record) = self.records.get_mut((number - self.first) as usize) {
            record.0 = bytes.map_or(Record::Discarded, Record::Ready);
        }
    }

    /// Gives out what is ready, up to the first record that is still being written.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        while self.records.front().is_some_and(|(record, _)| !matches!(record, Record::Busy)) {
            let Some((record, room)) = self.records.pop_front() else { return };
            if let Record::Ready(bytes) = record {
                each(&bytes);
            }
            self.used -= room;
            self.consumed += room as u64;
            self.first += 1;
        }
    }

    /// `BPF_RB_…`: data to read, size, positions of consumer and producer.
    pub(super) fn query(&self, what: u64) -> u64 {
        match what {
            0 => self.used as u64,
            1 => self.size as u64,
            2 => self.consumed,
            3 => self.produced,
            _ => 0,
        }
    }
}
