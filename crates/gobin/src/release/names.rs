//! Numbers that the runtime gives to goroutine states and wait reasons, and their names, by release.
//!
//! `cargo xtask rtype` compares the lists in full with Go's sources: every constant, every release.

use super::{Release, Row, gone, since, value_in};

/// Names with their numbers.
pub(crate) type List = [(&'static str, Row<u8>)];

/// The bit of `g.atomicstatus` that says that the collector scans the stack.
// +rtype const _Gscan = 0x1000
pub const G_SCAN: u32 = 0x1000;

/// `_Gidle` and on, without `_G`.
#[rustfmt::skip]
pub(crate) static G_STATES: &List = &[
    ("idle",            &[since(19, 0)]), // +rtype const _Gidle
    ("runnable",        &[since(19, 1)]), // +rtype const _Grunnable
    ("running",         &[since(19, 2)]), // +rtype const _Grunning
    ("syscall",         &[since(19, 3)]), // +rtype const _Gsyscall
    ("waiting",         &[since(19, 4)]), // +rtype const _Gwaiting
    ("moribund_unused", &[since(19, 5)]), // +rtype const _Gmoribund_unused
    ("dead",            &[since(19, 6)]), // +rtype const _Gdead
    ("enqueue_unused",  &[since(19, 7)]), // +rtype const _Genqueue_unused
    ("copystack",       &[since(19, 8)]), // +rtype const _Gcopystack
    ("preempted",       &[since(19, 9)]), // +rtype const _Gpreempted
    ("leaked",          &[since(26, 10)]), // +rtype const _Gleaked
    ("deadextra",       &[since(26, 11)]), // +rtype const _Gdeadextra
];

/// Why a goroutine waits: `runtime.waitReasonStrings`.
// +rtype list waitReasonStrings
#[rustfmt::skip]
pub(crate) static WAIT_REASONS: &List = &[
    ("",                              &[since(19, 0)]),
    ("GC assist marking",             &[since(19, 1)]),
    ("IO wait",                       &[since(19, 2)]),
    ("dumping heap",                  &[since(19, 5), since(26, 3)]),
    ("garbage collection",            &[since(19, 6), since(26, 4)]),
    ("garbage collection scan",       &[since(19, 7), since(26, 5)]),
    ("panicwait",                     &[since(19, 8), since(26, 6)]),
    ("GC assist wait",                &[since(19, 11), since(26, 7)]),
    ("GC sweep wait",                 &[since(19, 12), since(26, 8)]),
    ("GC scavenge wait",              &[since(19, 13), since(26, 9)]),
    ("finalizer wait",                &[since(19, 16), since(26, 10)]),
    ("force gc (idle)",               &[since(19, 17), since(26, 11)]),
    ("GOMAXPROCS updater (idle)",     &[since(25, 18), since(26, 12)]),
    ("semacquire",                    &[since(19, 18), since(25, 19), since(26, 13)]),
    ("sleep",                         &[since(19, 19), since(25, 20), since(26, 14)]),
    ("chan receive (nil chan)",       &[since(19, 3), since(26, 15)]),
    ("chan send (nil chan)",          &[since(19, 4), since(26, 16)]),
    ("select (no cases)",             &[since(19, 10), since(26, 17)]),
    ("select",                        &[since(19, 9), since(26, 18)]),
    ("chan receive",                  &[since(19, 14), since(26, 19)]),
    ("chan send",                     &[since(19, 15), since(26, 20)]),
    ("sync.Cond.Wait",                &[since(19, 20), since(25, 21)]),
    ("sync.Mutex.Lock",               &[since(20, 21), since(25, 22)]),
    ("sync.RWMutex.RLock",            &[since(20, 22), since(25, 23)]),
    ("sync.RWMutex.Lock",             &[since(20, 23), since(25, 24)]),
    ("sync.WaitGroup.Wait",           &[since(24, 24), since(25, 25)]),
    ("trace reader (blocked)",        &[since(19, 22), since(20, 24), since(24, 25), since(25, 26)]),
    ("wait for GC cycle",             &[since(19, 23), since(20, 25), since(24, 26), since(25, 27)]),
    ("GC worker (idle)",              &[since(19, 24), since(20, 26), since(24, 27), since(25, 28)]),
    ("GC worker (active)",            &[since(20, 27), since(24, 28), since(25, 29)]),
    ("preempted",                     &[since(19, 25), since(20, 28), since(24, 29), since(25, 30)]),
    ("debug call",                    &[since(19, 26), since(20, 29), since(24, 30), since(25, 31)]),
    ("GC mark termination",           &[since(20, 30), since(24, 31), since(25, 32)]),
    ("stopping the world",            &[since(20, 31), since(24, 32), since(25, 33)]),
    ("flushing proc caches",          &[since(22, 32), since(24, 33), since(25, 34)]),
    ("trace goroutine status",        &[since(22, 33), since(24, 34), since(25, 35)]),
    ("trace proc status",             &[since(22, 34), since(24, 35), since(25, 36)]),
    ("page trace flush",              &[since(22, 35), since(24, 36), since(25, 37)]),
    ("coroutine",                     &[since(22, 36), since(24, 37), since(25, 38)]),
    ("GC weak to strong wait",        &[since(23, 37), since(24, 38), since(25, 39)]),
    ("synctest.Run",                  &[since(24, 39), since(25, 40)]),
    ("synctest.Wait",                 &[since(24, 40), since(25, 41)]),
    ("chan receive (durable)",        &[since(25, 42)]),
    ("chan send (durable)",           &[since(25, 43)]),
    ("select (durable)",              &[since(25, 44)]),
    ("sync.WaitGroup.Wait (durable)", &[since(25, 45)]),
    ("cleanup wait",                  &[since(25, 46)]),
    ("chan receive (synctest)",       &[since(24, 41), gone(25)]),
    ("chan send (synctest)",          &[since(24, 42), gone(25)]),
    ("select (synctest)",             &[since(24, 43), gone(25)]),
    ("timer goroutine (idle)",        &[since(19, 21), gone(20)]),
];

/// The name with this number in a release; none where the lists were not compared with it.
pub(crate) fn name(list: &List, release: &Release, number: u8) -> Option<&'static str> {
    if release.layouts.is_empty() {
        return None;
    }
    let newest_patch = (release.minor, u32::MAX);
    list.iter().find(|(_, row)| value_in(row, newest_patch) == Some(number)).map(|(name, _)| *name)
}

/// The whole list of a release, by number.
pub(crate) fn list(list: &List, release: &Release) -> Vec<&'static str> {
    (0..=u8::MAX).map_while(|number| name(list, release, number)).collect()
}
