//! What the table of goroutines says when a run, or a process, is over: the states that no change has ended.

use std::ops::Range;

use event::totals::FinalState;
use event::value::{Id, IdKind};
use program::{gos, process};

/// An entry of the table, of which that counts which lies within the run. Nothing of one that is damaged.
pub(super) fn of(key: &[u8], value: &[u8], run: Range<u64>) -> Option<FinalState> {
    let id = |kind, number| Id { kind, number, process: 0 };
    let (start, since) = (word(value, gos::START)?, word(value, gos::SINCE)?);
    let reason = u64::from(half(value, gos::FLAGS)? >> gos::REASON_AT);
    Some(FinalState {
        pid: half(key, gos::PROCESS)? & ((1 << process::PID_BITS) - 1),
        goid: word(value, gos::GOID)?,
        start: id(IdKind::StartFunc, start),
        state: id(IdKind::GoState, half(value, gos::STATE)?.into()),
        // Of the same executable.
        reason: id(IdKind::WaitReason, start >> 48 << 32 | reason),
        spent: run.end.saturating_sub(since.max(run.start)),
    })
}

fn word(bytes: &[u8], at: u32) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at as usize..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: u32) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at as usize..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a chan receive, reason 19, of the second executable since 1000.
    fn entry() -> (Vec<u8>, Vec<u8>) {
        let (mut key, mut value) = (vec![0; gos::KEY as usize], vec![0; gos::SIZE as usize]);
        key[gos::PROCESS as usize..][..4].copy_from_slice(&(7_u32 | 3 << process::PID_BITS).to_le_bytes());
        for (at, number) in [(gos::GOID, 34), (gos::START, 1 << 48 | 0x40_1000), (gos::SINCE, 1000_u64)] {
            value[at as usize..][..8].copy_from_slice(&number.to_le_bytes());
        }
        for (at, number) in [(gos::STATE, 4), (gos::FLAGS, 19 << gos::REASON_AT | gos::DIRECT)] {
            value[at as usize..][..4].copy_from_slice(&number.to_le_bytes());
        }
        (key, value)
    }

    #[test]
    fn an_entry_is_a_state_that_lasts() {
        let (key, value) = entry();
        let id = |kind, number| Id { kind, number, process: 0 };
        let lasting = FinalState {
            pid: 7,
            goid: 34,
            start: id(IdKind::StartFunc, 1 << 48 | 0x40_1000),
            state: id(IdKind::GoState, 4),
            reason: id(IdKind::WaitReason, 1 << 32 | 19),
            spent: 500,
        };
        assert_eq!(of(&key, &value, 200..1500), Some(lasting));
    }

    #[test]
    fn only_what_lies_within_the_run_counts() {
        let (key, value) = entry();
        let spent = |run| of(&key, &value, run).map(|lasting| lasting.spent);
        assert_eq!([spent(1200..1500), spent(0..900), spent(0..1000)], [Some(300), Some(0), Some(0)]);
        assert_eq!(of(&key[..2], &value, 0..1), None);
        assert_eq!(of(&key, &value[..20], 0..1), None);
    }
}
