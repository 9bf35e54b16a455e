//! Numbers that the runtime gives to states and reasons, and their names, by version.
//!
//! Compared in full with Go's sources by `cargo xtask rtype`: every list, every constant, every version.

/// The minor versions that the columns are for.
pub(super) const MINORS: [u32; 9] = [19, 20, 21, 22, 23, 24, 25, 26, 27];

/// Columns as [`MINORS`].
type Row = [u8; MINORS.len()];

/// Names with their numbers.
pub(super) type List = [(&'static str, Row)];

/// This version does not have it.
const __: u8 = u8::MAX;

const fn all(number: u8) -> Row {
    [number; MINORS.len()]
}

/// The bit of `g.atomicstatus` that says that the collector scans the stack.
// +rtype const _Gscan = 0x1000
pub const G_SCAN: u32 = 0x1000;

/// What is at `number` in a list, in a Go version.
pub(super) fn name(list: &List, minor: u32, number: u8) -> Option<&'static str> {
    let column = column(minor)?;
    list.iter().find(|(_, row)| number != __ && row[column] == number).map(|(name, _)| *name)
}

/// The whole list of a Go version, by number.
pub(super) fn list(list: &List, minor: u32) -> Vec<&'static str> {
    (0..__).map_while(|number| name(list, minor, number)).collect()
}

fn column(minor: u32) -> Option<usize> {
    MINORS.iter().position(|&m| m == minor)
}

/// `_Gidle` and on, without `_G`.
#[rustfmt::skip]
pub(super) static G_STATES: &List = &[
    ("idle",             all(0)), // +rtype const _Gidle
    ("runnable",         all(1)), // +rtype const _Grunnable
    ("running",          all(2)), // +rtype const _Grunning
    ("syscall",          all(3)), // +rtype const _Gsyscall
    ("waiting",          all(4)), // +rtype const _Gwaiting
    ("moribund_unused",  all(5)), // +rtype const _Gmoribund_unused
    ("dead",             all(6)), // +rtype const _Gdead
    ("enqueue_unused",   all(7)), // +rtype const _Genqueue_unused
    ("copystack",        all(8)), // +rtype const _Gcopystack
    ("preempted",        all(9)), // +rtype const _Gpreempted
    ("leaked",           [__, __, __, __, __, __, __, 10, 10]), // +rtype const _Gleaked
    ("deadextra",        [__, __, __, __, __, __, __, 11, 11]), // +rtype const _Gdeadextra
];

/// `_Pidle` and on, without `_P`.
#[rustfmt::skip]
pub(super) static P_STATES: &List = &[
    ("idle",             all(0)), // +rtype const _Pidle
    ("running",          all(1)), // +rtype const _Prunning
    ("syscall",          [ 2,  2,  2,  2,  2,  2,  2, __, __]), // +rtype const _Psyscall
    ("syscall_unused",   [__, __, __, __, __, __, __,  2,  2]), // +rtype const _Psyscall_unused
    ("gcstop",           all(3)), // +rtype const _Pgcstop
    ("dead",             all(4)), // +rtype const _Pdead
];

/// Why a goroutine waits: `runtime.waitReasonStrings`.
// +rtype list waitReasonStrings
#[rustfmt::skip]
pub(super) static WAIT_REASONS: &List = &[
    //                                 1.19  20  21  22  23  24  25  26  27
    ("",                                all(0)),
    ("GC assist marking",               all(1)),
    ("IO wait",                         all(2)),
    ("dumping heap",                    [ 5,  5,  5,  5,  5,  5,  5,  3,  3]),
    ("garbage collection",              [ 6,  6,  6,  6,  6,  6,  6,  4,  4]),
    ("garbage collection scan",         [ 7,  7,  7,  7,  7,  7,  7,  5,  5]),
    ("panicwait",                       [ 8,  8,  8,  8,  8,  8,  8,  6,  6]),
    ("GC assist wait",                  [11, 11, 11, 11, 11, 11, 11,  7,  7]),
    ("GC sweep wait",                   [12, 12, 12, 12, 12, 12, 12,  8,  8]),
    ("GC scavenge wait",                [13, 13, 13, 13, 13, 13, 13,  9,  9]),
    ("finalizer wait",                  [16, 16, 16, 16, 16, 16, 16, 10, 10]),
    ("force gc (idle)",                 [17, 17, 17, 17, 17, 17, 17, 11, 11]),
    ("GOMAXPROCS updater (idle)",       [__, __, __, __, __, __, 18, 12, 12]),
    ("semacquire",                      [18, 18, 18, 18, 18, 18, 19, 13, 13]),
    ("sleep",                           [19, 19, 19, 19, 19, 19, 20, 14, 14]),
    ("chan receive (nil chan)",         [ 3,  3,  3,  3,  3,  3,  3, 15, 15]),
    ("chan send (nil chan)",            [ 4,  4,  4,  4,  4,  4,  4, 16, 16]),
    ("select (no cases)",               [10, 10, 10, 10, 10, 10, 10, 17, 17]),
    ("select",                          [ 9,  9,  9,  9,  9,  9,  9, 18, 18]),
    ("chan receive",                    [14, 14, 14, 14, 14, 14, 14, 19, 19]),
    ("chan send",                       [15, 15, 15, 15, 15, 15, 15, 20, 20]),
    ("sync.Cond.Wait",                  [20, 20, 20, 20, 20, 20, 21, 21, 21]),
    ("sync.Mutex.Lock",                 [__, 21, 21, 21, 21, 21, 22, 22, 22]),
    ("sync.RWMutex.RLock",              [__, 22, 22, 22, 22, 22, 23, 23, 23]),
    ("sync.RWMutex.Lock",               [__, 23, 23, 23, 23, 23, 24, 24, 24]),
    ("sync.WaitGroup.Wait",             [__, __, __, __, __, 24, 25, 25, 25]),
    ("trace reader (blocked)",          [22, 24, 24, 24, 24, 25, 26, 26, 26]),
    ("wait for GC cycle",               [23, 25, 25, 25, 25, 26, 27, 27, 27]),
    ("GC worker (idle)",                [24, 26, 26, 26, 26, 27, 28, 28, 28]),
    ("GC worker (active)",              [__, 27, 27, 27, 27, 28, 29, 29, 29]),
    ("preempted",                       [25, 28, 28, 28, 28, 29, 30, 30, 30]),
    ("debug call",                      [26, 29, 29, 29, 29, 30, 31, 31, 31]),
    ("GC mark termination",             [__, 30, 30, 30, 30, 31, 32, 32, 32]),
    ("stopping the world",              [__, 31, 31, 31, 31, 32, 33, 33, 33]),
    ("flushing proc caches",            [__, __, __, 32, 32, 33, 34, 34, 34]),
    ("trace goroutine status",          [__, __, __, 33, 33, 34, 35, 35, 35]),
    ("trace proc status",               [__, __, __, 34, 34, 35, 36, 36, 36]),
    ("page trace flush",                [__, __, __, 35, 35, 36, 37, 37, 37]),
    ("coroutine",                       [__, __, __, 36, 36, 37, 38, 38, 38]),
    ("GC weak to strong wait",          [__, __, __, __, 37, 38, 39, 39, 39]),
    ("synctest.Run",                    [__, __, __, __, __, 39, 40, 40, 40]),
    ("synctest.Wait",                   [__, __, __, __, __, 40, 41, 41, 41]),
    ("chan receive (durable)",          [__, __, __, __, __, __, 42, 42, 42]),
    ("chan send (durable)",             [__, __, __, __, __, __, 43, 43, 43]),
    ("select (durable)",                [__, __, __, __, __, __, 44, 44, 44]),
    ("sync.WaitGroup.Wait (durable)",   [__, __, __, __, __, __, 45, 45, 45]),
    ("cleanup wait",                    [__, __, __, __, __, __, 46, 46, 46]),
    ("chan receive (synctest)",         [__, __, __, __, __, 41, __, __, __]),
    ("chan send (synctest)",            [__, __, __, __, __, 42, __, __, __]),
    ("select (synctest)",               [__, __, __, __, __, 43, __, __, __]),
    ("timer goroutine (idle)",          [21, __, __, __, __, __, __, __, __]),
];

/// Why the world was stopped: `runtime.stwReasonStrings`, there since 1.21.
// +rtype 1.21- list stwReasonStrings
#[rustfmt::skip]
pub(super) static STOP_REASONS: &List = &[
    ("unknown",                         [__, __,  0,  0,  0,  0,  0,  0,  0]),
    ("GC mark termination",             [__, __,  1,  1,  1,  1,  1,  1,  1]),
    ("GC sweep termination",            [__, __,  2,  2,  2,  2,  2,  2,  2]),
    ("write heap dump",                 [__, __,  3,  3,  3,  3,  3,  3,  3]),
    ("goroutine profile",               [__, __,  4,  4,  4,  4,  4,  4,  4]),
    ("goroutine profile cleanup",       [__, __,  5,  5,  5,  5,  5,  5,  5]),
    ("all goroutines stack trace",      [__, __,  6,  6,  6,  6,  6,  6,  6]),
    ("read mem stats",                  [__, __,  7,  7,  7,  7,  7,  7,  7]),
    ("AllThreadsSyscall",               [__, __,  8,  8,  8,  8,  8,  8,  8]),
    ("GOMAXPROCS",                      [__, __,  9,  9,  9,  9,  9,  9,  9]),
    ("start trace",                     [__, __, 10, 10, 10, 10, 10, 10, 10]),
    ("stop trace",                      [__, __, 11, 11, 11, 11, 11, 11, 11]),
    ("CountPagesInUse (test)",          [__, __, 12, 12, 12, 12, 12, 12, 12]),
    ("ReadMetricsSlow (test)",          [__, __, 13, 13, 13, 13, 13, 13, 13]),
    ("ReadMemStatsSlow (test)",         [__, __, 14, 14, 14, 14, 14, 14, 14]),
    ("PageCachePagesLeaked (test)",     [__, __, 15, 15, 15, 15, 15, 15, 15]),
    ("ResetDebugLog (test)",            [__, __, 16, 16, 16, 16, 16, 16, 16]),
];

/// What the function table calls special: `abi.FuncID`.
#[rustfmt::skip]
pub(super) static FUNC_IDS: &List = &[
    ("normal",                          all(0)), // +rtype 1.19-1.20 const funcID_normal | 1.21- const internal/abi.FuncIDNormal
    ("abort",                           all(1)), // +rtype 1.19-1.20 const funcID_abort | 1.21- const internal/abi.FuncID_abort
    ("asmcgocall",                      all(2)), // +rtype 1.19-1.20 const funcID_asmcgocall | 1.21- const internal/abi.FuncID_asmcgocall
    ("asyncPreempt",                    all(3)), // +rtype 1.19-1.20 const funcID_asyncPreempt | 1.21- const internal/abi.FuncID_asyncPreempt
    ("cgocallback",                     all(4)), // +rtype 1.19-1.20 const funcID_cgocallback | 1.21- const internal/abi.FuncID_cgocallback
    ("corostart",                       [__, __, __,  5,  5,  5,  5,  5,  5]), // +rtype const internal/abi.FuncID_corostart
    ("debugCallV2",                     [ 5,  5,  5,  6,  6,  6,  6,  6,  6]), // +rtype 1.19-1.20 const funcID_debugCallV2 | 1.21- const internal/abi.FuncID_debugCallV2
    ("gcBgMarkWorker",                  [ 6,  6,  6,  7,  7,  7,  7,  7,  7]), // +rtype 1.19-1.20 const funcID_gcBgMarkWorker | 1.21- const internal/abi.FuncID_gcBgMarkWorker
    ("goexit",                          [ 7,  7,  7,  8,  8,  8,  8,  8,  8]), // +rtype 1.19-1.20 const funcID_goexit | 1.21- const internal/abi.FuncID_goexit
    ("gogo",                            [ 8,  8,  8,  9,  9,  9,  9,  9,  9]), // +rtype 1.19-1.20 const funcID_gogo | 1.21- const internal/abi.FuncID_gogo
    ("gopanic",                         [ 9,  9,  9, 10, 10, 10, 10, 10, 10]), // +rtype 1.19-1.20 const funcID_gopanic | 1.21- const internal/abi.FuncID_gopanic
    ("handleAsyncEvent",                [10, 10, 10, 11, 11, 11, 11, 11, 11]), // +rtype 1.19-1.20 const funcID_handleAsyncEvent | 1.21- const internal/abi.FuncID_handleAsyncEvent
    ("mcall",                           [11, 11, 11, 12, 12, 12, 12, 12, 12]), // +rtype 1.19-1.20 const funcID_mcall | 1.21- const internal/abi.FuncID_mcall
    ("morestack",                       [12, 12, 12, 13, 13, 13, 13, 13, 13]), // +rtype 1.19-1.20 const funcID_morestack | 1.21- const internal/abi.FuncID_morestack
    ("mstart",                          [13, 13, 13, 14, 14, 14, 14, 14, 14]), // +rtype 1.19-1.20 const funcID_mstart | 1.21- const internal/abi.FuncID_mstart
    ("panicwrap",                       [14, 14, 14, 15, 15, 15, 15, 15, 15]), // +rtype 1.19-1.20 const funcID_panicwrap | 1.21- const internal/abi.FuncID_panicwrap
    ("rt0_go",                          [15, 15, 15, 16, 16, 16, 16, 16, 16]), // +rtype 1.19-1.20 const funcID_rt0_go | 1.21- const internal/abi.FuncID_rt0_go
    ("runtime_main",                    [17, 17, 17, 18, 18, 18, 17, 17, 17]), // +rtype 1.19-1.20 const funcID_runtime_main | 1.21- const internal/abi.FuncID_runtime_main
    ("runFinalizers",                   [__, __, __, __, __, __, 18, 18, 18]), // +rtype const internal/abi.FuncID_runFinalizers
    ("runCleanups",                     [__, __, __, __, __, __, 19, 19, 19]), // +rtype const internal/abi.FuncID_runCleanups
    ("sigpanic",                        [18, 18, 18, 19, 19, 19, 20, 20, 20]), // +rtype 1.19-1.20 const funcID_sigpanic | 1.21- const internal/abi.FuncID_sigpanic
    ("systemstack",                     [19, 19, 19, 20, 20, 20, 21, 21, 21]), // +rtype 1.19-1.20 const funcID_systemstack | 1.21- const internal/abi.FuncID_systemstack
    ("systemstack_switch",              [20, 20, 20, 21, 21, 21, 22, 22, 22]), // +rtype 1.19-1.20 const funcID_systemstack_switch | 1.21- const internal/abi.FuncID_systemstack_switch
    ("wrapper",                         [21, 21, 21, 22, 22, 22, 23, 23, 23]), // +rtype 1.19-1.20 const funcID_wrapper | 1.21- const internal/abi.FuncIDWrapper
    ("runfinq",                         [16, 16, 16, 17, 17, 17, __, __, __]), // +rtype 1.19-1.20 const funcID_runfinq | 1.21-1.24 const internal/abi.FuncID_runfinq
];
