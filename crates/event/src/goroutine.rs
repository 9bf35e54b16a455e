//! What becomes of goroutines: the record that `event()` makes of a change of state, and what is told of it.

use crate::bytes::{DecodeError, slice, u32_at, u64_at};
use crate::go::Frame;
use crate::schema::state;
use crate::value::{Id, IdKind};

/// A goroutine leaves a state and enters another one, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The goroutine.
    pub goid: u64,
    /// The state left, as the runtime numbers them.
    pub from: u8,
    /// The state entered.
    pub to: u8,
    /// Why it waits, or has waited; none if it does neither.
    pub reason: Option<Id>,
    /// Nanoseconds in the state left, if somebody saw it enter that.
    pub elapsed: Option<u64>,
    /// Its start function; none if a thread of C brought it.
    pub start: Option<Id>,
    /// The goroutine that started it, if that was asked for and there is one.
    pub parent: Option<u64>,
    /// Where that was: a return address.
    pub created_at: Option<u64>,
}

impl Change {
    /// Reads the payload of a record.
    ///
    /// # Errors
    /// If the bytes are too few.
    pub fn read(binary: u32, has_parent: bool, bytes: &[u8]) -> Result<Change, DecodeError> {
        let head: [u8; state::REASON] = std::array::from_fn(|n| bytes.get(n).copied().unwrap_or_default());
        let (reason, elapsed) = (u32_at(bytes, state::REASON)?, u64_at(bytes, state::FOR)?);
        let start = u64_at(bytes, state::START)?;
        slice(bytes, 0, if has_parent { state::SIZE_WITH_PARENT } else { state::SIZE })?;
        let told = |at| u64_at(bytes, at).ok().filter(|&word| has_parent && word != 0);
        let id = |kind, number| Id { kind, number, process: 0 };
        let before = head[state::FLAGS] & state::BEFORE != 0;
        Ok(Change {
            goid: u64_at(bytes, state::GOID)?,
            from: head[state::FROM],
            to: head[state::TO],
            reason: (reason != 0).then(|| id(IdKind::WaitReason, u64::from(binary) << 32 | u64::from(reason))),
            elapsed: Some(elapsed).filter(|&elapsed| elapsed != state::UNKNOWN && !before),
            start: (start != 0).then(|| id(IdKind::StartFunc, start)),
            parent: told(state::PARENT),
            created_at: told(state::GOPC),
        })
    }
}

/// The same in names, for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When, in nanoseconds since boot.
    pub boot: u64,
    /// The same since 1970.
    pub ts: i64,
    /// The process.
    pub pid: u32,
    /// The thread that made the change.
    pub tid: u32,
    /// The change.
    pub change: Change,
    /// The state left.
    pub from: String,
    /// The state entered.
    pub to: String,
    /// Why it waits, or has waited.
    pub reason: Option<String>,
    /// The function that it began with.
    pub function: Option<String>,
    /// The program, where several are looked at.
    pub program: Option<String>,
    /// Where it was started.
    pub created_at: Option<Frame>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(flags: u8, elapsed: u64, more: &[u64]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 4, flags];
        bytes.extend(19_u32.to_le_bytes());
        for word in [elapsed, 42, 0x2_0000_0040_1000].iter().chain(more) {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_change_is_read_with_what_is_known_of_it() {
        let change = Change::read(1, false, &record(0, 1500, &[])).unwrap();
        assert_eq!((change.goid, change.from, change.to, change.elapsed), (42, 2, 4, Some(1500)));
        let id = |kind, number| Some(Id { kind, number, process: 0 });
        assert_eq!(change.reason, id(IdKind::WaitReason, 1 << 32 | 19));
        assert_eq!(change.start, id(IdKind::StartFunc, 0x2_0000_0040_1000));
        assert_eq!((change.parent, change.created_at), (None, None));
        let change = Change::read(1, true, &record(0, 1500, &[7, 0x40_1234])).unwrap();
        assert_eq!((change.parent, change.created_at), (Some(7), Some(0x40_1234)));
        let main = Change::read(1, true, &record(0, 1500, &[0, 0])).unwrap();
        assert_eq!((main.parent, main.created_at), (None, None));
    }

    #[test]
    fn a_time_that_nobody_saw_begin_is_not_known() {
        let elapsed = |flags, elapsed| Change::read(0, false, &record(flags, elapsed, &[])).unwrap().elapsed;
        assert_eq!([elapsed(0, state::UNKNOWN), elapsed(state::BEFORE, 1500), elapsed(0, 0)], [None, None, Some(0)]);
    }

    #[test]
    fn bytes_that_are_missing_are_an_error() {
        let whole = record(0, 1, &[7, 8]);
        for len in 0..whole.len() {
            assert!(Change::read(0, true, &whole[..len]).is_err(), "{len}");
            assert_eq!(Change::read(0, false, &whole[..len]).is_err(), len < state::SIZE, "{len}");
        }
    }
}
