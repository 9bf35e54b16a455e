//! Panics, and what each was about: for the calls that they end.
//!
//! A panic is a call of `runtime.gopanic`, which never returns: it ends when a caller recovers from it, or from one that has
//! taken its place, or with its goroutine. The records of calls that are unwound name the panic that was recovered from.

use std::collections::HashMap;

use super::{Calls, Key, Record, Room};
use crate::decode::Header;
use crate::go::{End, Short};

/// So many panics are kept that have not ended, and of so many goroutines the last one that was recovered from.
const MOST: usize = 1 << 14;

/// Panics on their way, and those that were recovered from.
#[derive(Debug)]
pub struct Panics {
    open: Calls,
    recovered: HashMap<(u32, u64), (u64, Record)>,
}

impl Default for Panics {
    fn default() -> Panics {
        let room = Room { calls: MOST, bytes: 16 << 20 };
        Panics { open: Calls::new(room), recovered: HashMap::new() }
    }
}

impl Panics {
    /// One begins: the record of the call of `runtime.gopanic`.
    pub fn begins(&mut self, header: Header, record: Record) {
        self.open.begins(header, record);
    }

    /// A call has ended; it may be one of a panic.
    pub fn ends(&mut self, header: Header, short: &Short) {
        let end = End::numbered(short.end).unwrap_or(End::Lost);
        let key = Key { pid: header.pid, goid: header.goid, id: short.id };
        if self.open.get(key).is_none() {
            return;
        }
        let over = self.open.ends(header, short, end);
        // One that another has taken the place of was not recovered from.
        if let Some(over) = over.filter(|_| end == End::Unwound && short.panic == short.id) {
            if self.recovered.len() >= MOST {
                self.recovered.clear();
            }
            self.recovered.insert((key.pid, key.goid), (key.id, over.begun));
        }
    }

    /// What has unwound a call, by the number that its end has.
    #[must_use]
    pub fn of(&self, key: Key, panic: u64) -> Option<Record> {
        let (id, record) = self.recovered.get(&(key.pid, key.goid))?;
        (*id == panic).then(|| record.clone())
    }

    /// The last one on its way on each goroutine, of those of which that is so.
    pub fn on_their_way(&mut self, is_open: impl Fn(&Key, u64) -> bool) -> HashMap<(u32, u64), (u64, Record)> {
        let mut last: HashMap<(u32, u64), (u64, Record)> = HashMap::new();
        for panic in self.open.close(End::Open, |_, _| true) {
            let of = (panic.key.pid, panic.key.goid);
            let is_later = last.get(&of).is_none_or(|(id, _)| *id < panic.key.id);
            if is_later && is_open(&panic.key, panic.started) {
                last.insert(of, (panic.key.id, panic.begun));
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::call;
    use crate::schema::RowId;

    fn header(goid: u64) -> Header {
        Header { time: 9, pid: 1, tid: 2, goid, row: RowId(0), stat: 0, process: 1, place: None, g: 0 }
    }

    fn record(id: u64) -> Record {
        let mut bytes = vec![0; call::REGISTERS];
        bytes[call::ID..][..8].copy_from_slice(&id.to_le_bytes());
        Record { call: 0, bytes }
    }

    fn end(id: u64, end: End, panic: u64) -> Short {
        Short { id, started: 0, depth: 0, end: end as u32, inner_hits: 0, function: 0, panic }
    }

    #[test]
    fn what_took_the_place_of_a_panic_is_what_was_recovered_from() {
        let (mut panics, key) = (Panics::default(), Key { pid: 1, goid: 7, id: 1 });
        panics.begins(header(7), record(5));
        panics.begins(header(7), record(8));
        panics.ends(header(7), &end(8, End::Unwound, 8));
        panics.ends(header(7), &end(6, End::Unwound, 8));
        panics.ends(header(7), &end(5, End::Unwound, 8));
        assert_eq!(panics.of(key, 8), Some(record(8)));
        assert_eq!([panics.of(key, 5), panics.of(Key { goid: 6, ..key }, 8)], [None, None]);
    }

    #[test]
    fn a_panic_whose_beginning_was_lost_is_none_at_all() {
        let (mut panics, key) = (Panics::default(), Key { pid: 1, goid: 7, id: 1 });
        panics.begins(header(7), record(5));
        panics.ends(header(7), &end(5, End::Unwound, 8));
        assert_eq!(panics.of(key, 8), None);
    }

    #[test]
    fn of_those_on_their_way_the_last_one_is_told() {
        let mut panics = Panics::default();
        for (goid, id) in [(7, 5), (7, 8), (7, 9), (6, 2), (5, 3)] {
            panics.begins(header(goid), record(id));
        }
        panics.ends(header(6), &end(2, End::Goexit, 0));
        let last = panics.on_their_way(|key, _| key.id != 9);
        assert_eq!(last, HashMap::from([((1, 7), (8, record(8))), ((1, 5), (3, record(3)))]));
    }
}
