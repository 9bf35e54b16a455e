//! What guards and counts: the state that it is in, not the words that it keeps.

use super::{field, field_number, field_value, shown};
use crate::go::decode::Decoder;
use crate::go::kinds::Read;
use crate::go::span::Span;
use crate::go::value::{Is, Missing};
use crate::go::{GoKind, GoType};

// +rtype 1.21-1.23 const sync.mutexLocked = 1 | 1.24- const internal/sync.mutexLocked = 1
const LOCKED: i64 = 1;
// +rtype 1.21-1.23 const sync.mutexWaiterShift = 3 | 1.24- const internal/sync.mutexWaiterShift = 3
const WAITERS: u32 = 3;
// +rtype 1.21- const sync.rwmutexMaxReaders = 1073741824
const MAX_READERS: i64 = 1 << 30;

/// `sync.Mutex`; from Go 1.24 on it holds that of `internal/sync`.
// +rtype 1.21-1.23 sync.Mutex.state int32 @0
// +rtype 1.24- sync.Mutex.mu internal/sync.Mutex @0
// +rtype 1.24- internal/sync.Mutex.state int32 @0
pub(super) fn mutex(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    shown(mutex_state(decoder, ty, span).map(|state| state.map(mutex_text)))
}

fn mutex_state(decoder: &Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read<i64>> {
    field_number(decoder, ty, span, &["state"]).or_else(|| field_number(decoder, ty, span, &["mu", "state"]))
}

fn mutex_text(state: i64) -> String {
    let held = if state & LOCKED == 0 { "unlocked" } else { "locked" };
    match state >> WAITERS {
        0 => held.to_owned(),
        waiting => format!("{held}, {waiting} waiting"),
    }
}

/// `sync.RWMutex`.
// +rtype 1.21- sync.RWMutex.w sync.Mutex @0
// +rtype 1.21- sync.RWMutex.readerCount sync/atomic.Int32 @16
// +rtype 1.21- sync.RWMutex.readerWait sync/atomic.Int32 @20
pub(super) fn rw_mutex(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let readers = field_number(decoder, ty, span, &["readerCount", "v"])?;
    let awaited = field_number(decoder, ty, span, &["readerWait", "v"])?;
    shown(Some(readers.and_then(|readers| Ok(rw_text(readers, awaited?)))))
}

/// A writer takes away more than all readers that there can be, then waits for those that are there.
fn rw_text(readers: i64, awaited: i64) -> String {
    match (readers, awaited) {
        (0, _) => "unlocked".to_owned(),
        (1.., _) => format!("locked by {readers} to read"),
        (_, 1..) => format!("locked by {awaited} to read, a writer waiting"),
        (_, _) if readers == -MAX_READERS => "locked to write".to_owned(),
        (_, _) => format!("locked to write, {} waiting to read", readers.saturating_add(MAX_READERS)),
    }
}

/// `sync.Once`.
// +rtype 1.21 sync.Once.done uint32 | 1.22-1.24 sync.Once.done sync/atomic.Uint32 | 1.25- sync.Once.done sync/atomic.Bool
pub(super) fn once(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let done = field_number(decoder, ty, span, &["done", "v"])?;
    shown(Some(done.map(|done| if done == 0 { "not done" } else { "done" }.to_owned())))
}

/// The numbers of `sync/atomic`, and its `Value`.
pub(super) fn atomic(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let value = field_value(decoder, ty, span, "v")?;
    Some(match value.is {
        // What could not be read could not be read, whatever holds it.
        Is::Missing(why) => Err(why),
        _ => Ok(Is::Holds { made_by: None, value: Box::new(value) }),
    })
}

/// `atomic.Bool`, which keeps a number.
// +rtype 1.21- sync/atomic.Bool.v uint32 @0
pub(super) fn atomic_bool(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let number = field_number(decoder, ty, span, &["v"])?;
    Some(number.map(|number| Is::Bool(number != 0)))
}

/// Whether an interface, or the one in an `atomic.Value`, is not nil.
// +rtype 1.21-1.24 context.cancelCtx.err error | 1.25- context.cancelCtx.err sync/atomic.Value
pub(super) fn is_set(decoder: &Decoder<'_>, ty: &GoType, span: Span<'_>, name: &str) -> Read<bool> {
    let (of, _, inner) = field(decoder, ty, span, name).ok_or(Missing::NoType)?;
    match of.kind {
        GoKind::Interface { .. } => inner.word(0).map(|word| word != 0),
        GoKind::Struct(_) if name != "v" => is_set(decoder, of, inner, "v"),
        _ => Err(Missing::NoType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_locks_in_words() {
        assert_eq!(
            [0, 1, 8 | 1, 16 | 2].map(mutex_text),
            ["unlocked", "locked", "locked, 1 waiting", "unlocked, 2 waiting"]
        );
        let all = [(0, 0), (2, 0), (-MAX_READERS, 0), (-MAX_READERS + 3, 0), (-MAX_READERS + 3, 2), (i64::MIN, 0)];
        assert_eq!(
            all.map(|(readers, awaited)| rw_text(readers, awaited))[..5],
            [
                "unlocked",
                "locked by 2 to read",
                "locked to write",
                "locked to write, 3 waiting to read",
                "locked by 2 to read, a writer waiting"
            ]
        );
    }
}
