//! Offsets in the structs of Go's runtime and library, by version.
//!
//! One row a field, one column a version, from which it held; `__` where there is no such field. Dotted paths go into
//! nested structs. Each row is checked by `cargo xtask rtype` against the sources of every toolchain at hand, for both
//! machines: the number in every column, and the type behind `+rtype`. Types have package names, those of package
//! runtime none; where the type changed, the versions that had it stand before it.
//!
//! No row stands here for what differs between amd64 and arm64, nor for what a patch release moved and nobody needs.

/// The first release, as minor and patch number, that each column is for.
pub(super) const VERSIONS: [(u32, u32); 11] =
    [(19, 0), (20, 0), (21, 0), (22, 0), (23, 0), (23, 12), (24, 0), (24, 6), (25, 0), (26, 0), (27, 0)];

/// The last release of each minor version that was compared with the table.
pub(super) const COMPARED: [(u32, u32); 9] =
    [(19, 13), (20, 14), (21, 13), (22, 12), (23, 12), (24, 11), (25, 5), (26, 8), (27, 3)];

/// A number for each of [`VERSIONS`], or [`__`].
pub(super) type Row = [u16; VERSIONS.len()];

/// This version does not have it.
pub(super) const __: u16 = u16::MAX;

/// Offsets in one struct.
pub(super) struct Struct {
    /// Import path and name, as DWARF has them.
    pub(super) name: &'static str,
    /// Its size.
    pub(super) size: Row,
    /// Its fields.
    pub(super) fields: &'static [(&'static str, Row)],
}

const fn all(offset: u16) -> Row {
    [offset; VERSIONS.len()]
}

/// Structs as the toolchain builds them if nobody asks for an experiment.
#[rustfmt::skip]
pub(super) static STRUCTS: &[Struct] = &[
    Struct {
        name: "runtime.g",
        size: [ 392,  392,  408,  424,  432,  432,  440,  440,  440,  456,  456],
        fields: &[
            //                    1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("stack.lo",         all(0)), // +rtype uintptr
            ("stack.hi",         all(8)), // +rtype uintptr
            ("stackguard0",      all(16)), // +rtype uintptr
            ("stackguard1",      all(24)), // +rtype uintptr
            ("_panic",           all(32)), // +rtype *_panic
            ("_defer",           all(40)), // +rtype *_defer
            ("m",                all(48)), // +rtype *m
            ("sched.sp",         all(56)), // +rtype uintptr
            ("sched.pc",         all(64)), // +rtype uintptr
            ("sched.ctxt",       all(80)), // +rtype unsafe.Pointer
            ("sched.lr",         [  96,   96,   96,   96,   96,   96,   96,   96,   88,   88,   88]), // +rtype uintptr
            ("sched.bp",         [ 104,  104,  104,  104,  104,  104,  104,  104,   96,   96,   96]), // +rtype uintptr
            ("syscallsp",        [ 112,  112,  112,  112,  112,  112,  112,  112,  104,  104,  104]), // +rtype uintptr
            ("syscallpc",        [ 120,  120,  120,  120,  120,  120,  120,  120,  112,  112,  112]), // +rtype uintptr
            ("syscallbp",        [  __,   __,   __,   __,  128,  128,  128,  128,  120,  120,  120]), // +rtype uintptr
            ("stktopsp",         [ 128,  128,  128,  128,  136,  136,  136,  136,  128,  128,  128]), // +rtype uintptr
            ("param",            [ 136,  136,  136,  136,  144,  144,  144,  144,  136,  136,  136]), // +rtype unsafe.Pointer
            ("atomicstatus",     [ 144,  144,  144,  144,  152,  152,  152,  152,  144,  144,  144]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Uint32
            ("goid",             [ 152,  152,  152,  152,  160,  160,  160,  160,  152,  152,  152]), // +rtype 1.19 int64 | 1.20-1.27 uint64
            ("schedlink",        [ 160,  160,  160,  160,  168,  168,  168,  168,  160,  160,  160]), // +rtype guintptr
            ("waitsince",        [ 168,  168,  168,  168,  176,  176,  176,  176,  168,  168,  168]), // +rtype int64
            ("waitreason",       [ 176,  176,  176,  176,  184,  184,  184,  184,  176,  176,  176]), // +rtype waitReason
            ("preempt",          [ 177,  177,  177,  177,  185,  185,  185,  185,  177,  177,  177]), // +rtype bool
            ("preemptStop",      [ 178,  178,  178,  178,  186,  186,  186,  186,  178,  178,  178]), // +rtype bool
            ("parkingOnChan",    [ 185,  185,  185,  185,  193,  193,  193,  193,  185,  185,  185]), // +rtype 1.19 uint8 | 1.20-1.27 atomic.Bool
            ("activeStackChans", [ 184,  184,  184,  184,  192,  192,  192,  192,  184,  184,  184]), // +rtype bool
            ("inMarkAssist",     [  __,   __,   __,  186,  194,  194,  194,  194,  186,  186,  186]), // +rtype bool
            ("coroexit",         [  __,   __,   __,  187,  195,  195,  195,  195,  187,  187,  187]), // +rtype bool
            ("tracking",         [ 188,  188,  187,  190,  198,  198,  198,  198,  190,  190,  190]), // +rtype bool
            ("trackingSeq",      [ 189,  189,  188,  191,  199,  199,  199,  199,  191,  191,  191]), // +rtype uint8
            ("trackingStamp",    [  __,  192,  192,  192,  200,  200,  200,  200,  192,  192,  192]), // +rtype int64
            ("runnableTime",     [ 200,  200,  200,  200,  208,  208,  208,  208,  200,  200,  200]), // +rtype int64
            ("lockedm",          [ 232,  232,  208,  208,  216,  216,  216,  216,  208,  208,  208]), // +rtype muintptr
            ("sig",              [ 240,  240,  216,  216,  224,  224,  228,  228,  220,  224,  224]), // +rtype uint32
            ("parentGoid",       [  __,   __,  272,  272,  280,  280,  280,  280,  272,  280,  280]), // +rtype uint64
            ("gopc",             [ 296,  296,  280,  280,  288,  288,  288,  288,  280,  288,  288]), // +rtype uintptr
            ("ancestors",        [ 304,  304,  288,  288,  296,  296,  296,  296,  288,  296,  296]), // +rtype *[]ancestorInfo
            ("startpc",          [ 312,  312,  296,  296,  304,  304,  304,  304,  296,  304,  304]), // +rtype uintptr
            ("waiting",          [ 328,  328,  312,  312,  320,  320,  320,  320,  312,  320,  320]), // +rtype *sudog
            ("cgoCtxt",          [ 336,  336,  320,  320,  328,  328,  328,  328,  320,  328,  328]), // +rtype []uintptr
            ("labels",           [ 360,  360,  344,  344,  352,  352,  352,  352,  344,  352,  352]), // +rtype unsafe.Pointer
            ("timer",            [ 368,  368,  352,  352,  360,  360,  360,  360,  352,  360,  360]), // +rtype *timer
            ("sleepWhen",        [  __,   __,   __,   __,  368,  368,  368,  368,  360,  368,  368]), // +rtype int64
            ("selectDone",       [ 376,  376,  360,  360,  376,  376,  376,  376,  368,  376,  376]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Uint32
            ("coroarg",          [  __,   __,   __,  368,  384,  384,  384,  384,  376,  384,  384]), // +rtype *coro
            ("bubble",           [  __,   __,   __,   __,   __,   __,   __,   __,  384,  392,  392]), // +rtype *synctestBubble
            ("syncGroup",        [  __,   __,   __,   __,   __,   __,  392,  392,   __,   __,   __]), // +rtype *synctestGroup
            ("gcAssistBytes",    [ 384,  384,  400,  416,  424,  424,  432,  432,  424,  440,  440]), // +rtype int64
        ],
    },
    Struct {
        name: "runtime.m",
        size: [1008, 1000, 1008, 2024, 1760, 1784, 1808, 1832, 1816, 1824, 1832],
        fields: &[
            //                        1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("g0",                   all(0)), // +rtype *g
            ("procid",               [  72,   72,   72,   72,   72,   72,   72,   72,   64,   64,   64]), // +rtype uint64
            ("gsignal",              [  80,   80,   80,   80,   80,   80,   80,   80,   72,   72,   72]), // +rtype *g
            ("tls",                  [ 136,  136,  136,  136,  136,  136,  136,  136,  128,  128,  128]), // +rtype [6]uintptr
            ("curg",                 [ 192,  192,  192,  192,  192,  192,  192,  192,  184,  184,  184]), // +rtype *g
            ("p",                    [ 208,  208,  208,  208,  208,  208,  208,  208,  200,  208,  208]), // +rtype puintptr
            ("nextp",                [ 216,  216,  216,  216,  216,  216,  216,  216,  208,  216,  216]), // +rtype puintptr
            ("oldp",                 [ 224,  224,  224,  224,  224,  224,  224,  224,  216,  224,  224]), // +rtype puintptr
            ("id",                   [ 232,  232,  232,  232,  232,  232,  232,  232,  224,  232,  232]), // +rtype int64
            ("mallocing",            [ 240,  240,  240,  240,  240,  240,  240,  240,  232,  240,  240]), // +rtype int32
            ("throwing",             [ 244,  244,  244,  244,  244,  244,  244,  244,  236,  244,  244]), // +rtype throwType
            ("preemptoff",           [ 248,  248,  248,  248,  248,  248,  248,  248,  240,  248,  248]), // +rtype string
            ("locks",                [ 264,  264,  264,  264,  264,  264,  264,  264,  256,  264,  264]), // +rtype int32
            ("dying",                [ 268,  268,  268,  268,  268,  268,  268,  268,  260,  268,  268]), // +rtype int32
            ("spinning",             [ 276,  276,  276,  276,  276,  276,  276,  276,  268,  276,  276]), // +rtype bool
            ("blocked",              [ 277,  277,  277,  277,  277,  277,  277,  277,  269,  277,  277]), // +rtype bool
            ("incgo",                [ 280,  280,  280,  280,  280,  280,  280,  280,  272,  280,  280]), // +rtype bool
            ("isextra",              [  __,  281,  281,  281,  281,  281,  281,  281,  273,  281,  281]), // +rtype bool
            ("ncgocall",             [ 304,  304,  304,  296,  296,  320,  296,  320,  312,  320,  320]), // +rtype uint64
            ("ncgo",                 [ 312,  312,  312,  304,  304,  328,  304,  328,  320,  328,  328]), // +rtype int32
            ("park",                 [ 328,  328,  328,  320,  320,  344,  320,  344,  336,  344,  344]), // +rtype note
            ("alllink",              [ 336,  336,  336,  328,  328,  352,  328,  352,  344,  352,  352]), // +rtype *m
            ("schedlink",            [ 344,  344,  344,  336,  336,  360,  336,  360,  352,  360,  360]), // +rtype muintptr
            ("lockedg",              [ 352,  352,  352,  344,  344,  368,  344,  368,  360,  384,  384]), // +rtype guintptr
            ("lockedExt",            [ 616,  616,  616,  608,  608,  632,  608,  632,  624,  648,  648]), // +rtype uint32
            ("lockedInt",            [ 620,  620,  620,  612,  612,  636,  612,  636,  628,  652,  652]), // +rtype uint32
            ("waitunlockf",          [ 632,  632,  632,  920,  712,  736,  712,  736,  728,  760,  760]), // +rtype func(*g, unsafe.Pointer) bool
            ("waitlock",             [ 640,  640,  640,  928,  720,  744,  720,  744,  736,  768,  768]), // +rtype unsafe.Pointer
            ("waitTraceBlockReason", [  __,   __,  648,  936,  736,  760,  736,  760,  752,  784,  784]), // +rtype traceBlockReason
            ("syscalltick",          [ 668,  668,  664,  952,  740,  764,  740,  764,  756,  788,  788]), // +rtype uint32
            ("libcallpc",            [ 728,  728,  736, 1048,  832,  856,  856,  880,  872,  872,  872]), // +rtype uintptr
            ("libcallsp",            [ 736,  736,  744, 1056,  840,  864,  864,  888,  880,  880,  880]), // +rtype uintptr
            ("libcallg",             [ 744,  744,  752, 1064,  848,  872,  872,  896,  888,  888,  888]), // +rtype guintptr
            ("vdsoSP",               [ 800,  800,  808, 1120,  856,  880,  880,  904,  896,  896,  896]), // +rtype uintptr
            ("vdsoPC",               [ 808,  808,  816, 1128,  864,  888,  888,  912,  904,  904,  904]), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.p",
        size: all(__),
        fields: &[
            //                    1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("id",               all(0)), // +rtype int32
            ("status",           all(4)), // +rtype uint32
            ("link",             all(8)), // +rtype puintptr
            ("schedtick",        all(16)), // +rtype uint32
            ("syscalltick",      all(20)), // +rtype uint32
            ("sysmontick",       all(24)), // +rtype sysmontick
            ("m",                [  56,   56,   56,   56,   48,   48,   48,   48,   48,   48,   48]), // +rtype muintptr
            ("runqhead",         [ 400,  400,  400,  400,  392,  392,  392,  392,  392,  400,  400]), // +rtype uint32
            ("runqtail",         [ 404,  404,  404,  404,  396,  396,  396,  396,  396,  404,  404]), // +rtype uint32
            ("runq",             [ 408,  408,  408,  408,  400,  400,  400,  400,  400,  408,  408]), // +rtype [256]guintptr
            ("runnext",          [2456, 2456, 2456, 2456, 2448, 2448, 2448, 2448, 2448, 2456, 2456]), // +rtype guintptr
            ("gFree",            [2464, 2464, 2464, 2464, 2456, 2456, 2456, 2456, 2456, 2464, 2464]), // +rtype 1.19-1.24 struct{gList; n int32} | 1.25-1.27 gList
            ("timers",           [8840, 8832, 8840, 8872, 8840, 8840, 8840, 8840, 9392, 13672, 13672]), // +rtype 1.19-1.22 []*timer | 1.23-1.27 timers
            ("gcMarkWorkerMode", [4656, 4648, 4656, 4688, 4664, 4664, 4664, 4664, 4664, 4672, 4672]), // +rtype gcMarkWorkerMode
            ("preempt",          [8904, 8896, 8904, 8936, 8928, 8928, 8936, 8936, 9496, 13776, 13776]), // +rtype bool
        ],
    },
    Struct {
        name: "runtime.schedt",
        size: [6080, 1632, 1632, 6824, 6824, 6824, 6824, 6824, 6848, 6872, 6872],
        fields: &[
            //                    1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("goidgen",          all(0)), // +rtype 1.19 uint64 | 1.20-1.27 atomic.Uint64
            ("lastpoll",         all(8)), // +rtype 1.19 uint64 | 1.20-1.27 atomic.Int64
            ("lock",             [  24,   24,   24,   24,   24,   24,   24,   24,   32,   32,   32]), // +rtype mutex
            ("midle",            [  32,   32,   32,   32,   32,   32,   32,   32,   40,   40,   40]), // +rtype 1.19-1.25 muintptr | 1.26-1.27 listHeadManual
            ("nmidle",           [  40,   40,   40,   40,   40,   40,   40,   40,   48,   64,   64]), // +rtype int32
            ("nmidlelocked",     [  44,   44,   44,   44,   44,   44,   44,   44,   52,   68,   68]), // +rtype int32
            ("mnext",            [  48,   48,   48,   48,   48,   48,   48,   48,   56,   72,   72]), // +rtype int64
            ("maxmcount",        [  56,   56,   56,   56,   56,   56,   56,   56,   64,   80,   80]), // +rtype int32
            ("nmsys",            [  60,   60,   60,   60,   60,   60,   60,   60,   68,   84,   84]), // +rtype int32
            ("nmfreed",          [  64,   64,   64,   64,   64,   64,   64,   64,   72,   88,   88]), // +rtype int64
            ("ngsys",            [  72,   72,   72,   72,   72,   72,   72,   72,   80,   96,   96]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Int32
            ("nGsyscallNoP",     [  __,   __,   __,   __,   __,   __,   __,   __,   __,  100,  100]), // +rtype atomic.Int32
            ("pidle",            [  80,   80,   80,   80,   80,   80,   80,   80,   88,  104,  104]), // +rtype puintptr
            ("npidle",           [  88,   88,   88,   88,   88,   88,   88,   88,   96,  112,  112]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Int32
            ("nmspinning",       [  92,   92,   92,   92,   92,   92,   92,   92,  100,  116,  116]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Int32
            ("runq.head",        [  96,  104,  104,  104,  104,  104,  104,  104,  112,  128,  128]), // +rtype guintptr
            ("runq.tail",        [ 104,  112,  112,  112,  112,  112,  112,  112,  120,  136,  136]), // +rtype guintptr
            ("runq.size",        [  __,   __,   __,   __,   __,   __,   __,   __,  128,  144,  144]), // +rtype int32
            ("runqsize",         [ 112,  120,  120,  120,  120,  120,  120,  120,   __,   __,   __]), // +rtype int32
            ("gFree.n",          [ 176,  184,  184,  184,  184,  184,  184,  184,   __,   __,   __]), // +rtype int32
            ("gFree.stack.size", [  __,   __,   __,   __,   __,   __,   __,   __,  184,  200,  200]), // +rtype int32
            ("freem",            [ 216,  224,  224,  224,  224,  224,  224,  224,  240,  256,  256]), // +rtype *m
            ("gcwaiting",        [ 224,  232,  232,  232,  232,  232,  232,  232,  248,  264,  264]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Bool
            ("stopwait",         [ 228,  236,  236,  236,  236,  236,  236,  236,  252,  268,  268]), // +rtype int32
            ("sysmonwait",       [ 240,  248,  248,  248,  248,  248,  248,  248,  264,  280,  280]), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Bool
        ],
    },
    Struct {
        name: "runtime.stack",
        size: all(16),
        fields: &[
            ("lo", all(0)), // +rtype uintptr
            ("hi", all(8)), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.gobuf",
        size: [  56,   56,   56,   56,   56,   56,   56,   56,   48,   48,   48],
        fields: &[
            //        1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("sp",   all(0)), // +rtype uintptr
            ("pc",   all(8)), // +rtype uintptr
            ("g",    all(16)), // +rtype guintptr
            ("ctxt", all(24)), // +rtype unsafe.Pointer
            ("lr",   [  40,   40,   40,   40,   40,   40,   40,   40,   32,   32,   32]), // +rtype uintptr
            ("bp",   [  48,   48,   48,   48,   48,   48,   48,   48,   40,   40,   40]), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.sudog",
        size: [  88,   88,   88,   88,   88,   88,   88,   88,   88,  104,  104],
        fields: &[
            //               1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("g",           all(0)), // +rtype *g
            ("next",        all(8)), // +rtype *sudog
            ("prev",        all(16)), // +rtype *sudog
            ("elem",        all(24)), // +rtype 1.19-1.25 unsafe.Pointer | 1.26-1.27 maybeTraceablePtr
            ("elem.vp",     [  __,   __,   __,   __,   __,   __,   __,   __,   __,   24,   24]), // +rtype unsafe.Pointer
            ("acquiretime", [  32,   32,   32,   32,   32,   32,   32,   32,   32,   40,   40]), // +rtype int64
            ("releasetime", [  40,   40,   40,   40,   40,   40,   40,   40,   40,   48,   48]), // +rtype int64
            ("ticket",      [  48,   48,   48,   48,   48,   48,   48,   48,   48,   56,   56]), // +rtype uint32
            ("isSelect",    [  52,   52,   52,   52,   52,   52,   52,   52,   52,   60,   60]), // +rtype bool
            ("success",     [  53,   53,   53,   53,   53,   53,   53,   53,   53,   61,   61]), // +rtype bool
            ("waiters",     [  __,   __,   __,   54,   54,   54,   54,   54,   54,   62,   62]), // +rtype uint16
            ("parent",      [  56,   56,   56,   56,   56,   56,   56,   56,   56,   64,   64]), // +rtype *sudog
            ("waitlink",    [  64,   64,   64,   64,   64,   64,   64,   64,   64,   72,   72]), // +rtype *sudog
            ("waittail",    [  72,   72,   72,   72,   72,   72,   72,   72,   72,   80,   80]), // +rtype *sudog
            ("c",           [  80,   80,   80,   80,   80,   80,   80,   80,   80,   88,   88]), // +rtype 1.19-1.25 *hchan | 1.26-1.27 maybeTraceableChan
        ],
    },
    Struct {
        name: "runtime.hchan",
        size: [  96,   96,   96,   96,  104,  104,  104,  104,  112,  112,  112],
        fields: &[
            //               1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("qcount",      all(0)), // +rtype uint
            ("dataqsiz",    all(8)), // +rtype uint
            ("buf",         all(16)), // +rtype unsafe.Pointer
            ("elemsize",    all(24)), // +rtype uint16
            ("closed",      all(28)), // +rtype uint32
            ("timer",       [  __,   __,   __,   __,   32,   32,   32,   32,   32,   32,   32]), // +rtype *timer
            ("elemtype",    [  32,   32,   32,   32,   40,   40,   40,   40,   40,   40,   40]), // +rtype 1.19-1.20 *_type | 1.21-1.22 *abi.Type | 1.23-1.27 *_type
            ("sendx",       [  40,   40,   40,   40,   48,   48,   48,   48,   48,   48,   48]), // +rtype uint
            ("recvx",       [  48,   48,   48,   48,   56,   56,   56,   56,   56,   56,   56]), // +rtype uint
            ("recvq.first", [  56,   56,   56,   56,   64,   64,   64,   64,   64,   64,   64]), // +rtype *sudog
            ("recvq.last",  [  64,   64,   64,   64,   72,   72,   72,   72,   72,   72,   72]), // +rtype *sudog
            ("sendq.first", [  72,   72,   72,   72,   80,   80,   80,   80,   80,   80,   80]), // +rtype *sudog
            ("sendq.last",  [  80,   80,   80,   80,   88,   88,   88,   88,   88,   88,   88]), // +rtype *sudog
            ("lock.key",    [  88,   88,   88,   88,   96,   96,   96,   96,  104,  104,  104]), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.waitq",
        size: all(16),
        fields: &[
            ("first", all(0)), // +rtype *sudog
            ("last",  all(8)), // +rtype *sudog
        ],
    },
    Struct {
        name: "runtime.scase",
        size: all(16),
        fields: &[
            ("c",    all(0)), // +rtype *hchan
            ("elem", all(8)), // +rtype unsafe.Pointer
        ],
    },
    Struct {
        name: "runtime.semaRoot",
        size: all(24),
        fields: &[
            ("lock.key", all(0)), // +rtype uintptr
            ("treap",    all(8)), // +rtype *sudog
            ("nwait",    all(16)), // +rtype 1.19 uint32 | 1.20-1.27 atomic.Uint32
        ],
    },
    Struct {
        name: "runtime.pollDesc",
        size: all(__),
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("fd",         all(8)), // +rtype uintptr
            ("fdseq",      [  __,   __,   16,   16,   16,   16,   16,   16,   16,   16,   16]), // +rtype atomic.Uintptr
            ("atomicInfo", [  16,   16,   24,   24,   24,   24,   24,   24,   24,   24,   24]), // +rtype atomic.Uint32
            ("rg",         [  24,   24,   32,   32,   32,   32,   32,   32,   32,   32,   32]), // +rtype atomic.Uintptr
            ("wg",         [  32,   32,   40,   40,   40,   40,   40,   40,   40,   40,   40]), // +rtype atomic.Uintptr
        ],
    },
    Struct {
        name: "runtime._defer",
        size: [  72,   72,   72,   48,   48,   48,   48,   48,   48,   48,   48],
        fields: &[
            //             1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("started",   [   0,    0,    0,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype bool
            ("heap",      [   1,    1,    1,    0,    0,    0,    0,    0,    0,    0,    0]), // +rtype bool
            ("openDefer", [   2,    2,    2,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype bool
            ("rangefunc", [  __,   __,   __,    1,    1,    1,    1,    1,    1,    1,    1]), // +rtype bool
            ("sp",        all(8)), // +rtype uintptr
            ("pc",        all(16)), // +rtype uintptr
            ("fn",        all(24)), // +rtype func()
            ("_panic",    [  32,   32,   32,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype *_panic
            ("link",      [  40,   40,   40,   32,   32,   32,   32,   32,   32,   32,   32]), // +rtype *_defer
            ("fd",        [  48,   48,   48,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype unsafe.Pointer
            ("varp",      [  56,   56,   56,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uintptr
            ("framepc",   [  64,   64,   64,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uintptr
            ("head",      [  __,   __,   __,   40,   40,   40,   40,   40,   40,   40,   40]), // +rtype *atomic.Pointer[_defer]
        ],
    },
    Struct {
        name: "runtime._panic",
        size: [  56,   56,   56,  104,  104,  104,  104,  104,  104,  104,   96],
        fields: &[
            //               1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("argp",        [   0,    0,    0,    0,    0,    0,    0,    0,    0,   __,   __]), // +rtype unsafe.Pointer
            ("arg",         [   8,    8,    8,    8,    8,    8,    8,    8,    8,    0,    0]), // +rtype any
            ("link",        [  24,   24,   24,   24,   24,   24,   24,   24,   24,   16,   16]), // +rtype *_panic
            ("startPC",     [  __,   __,   __,   32,   32,   32,   32,   32,   32,   24,   24]), // +rtype uintptr
            ("startSP",     [  __,   __,   __,   40,   40,   40,   40,   40,   40,   32,   32]), // +rtype unsafe.Pointer
            ("pc",          [  32,   32,   32,   __,   __,   __,   __,   __,   __,   __,   40]), // +rtype uintptr
            ("sp",          [  40,   40,   40,   48,   48,   48,   48,   48,   48,   40,   48]), // +rtype unsafe.Pointer
            ("lr",          [  __,   __,   __,   56,   56,   56,   56,   56,   56,   48,   __]), // +rtype uintptr
            ("fp",          [  __,   __,   __,   64,   64,   64,   64,   64,   64,   56,   56]), // +rtype unsafe.Pointer
            ("retpc",       [  __,   __,   __,   72,   72,   72,   72,   72,   72,   64,   64]), // +rtype uintptr
            ("recovered",   [  48,   48,   48,   96,   96,   96,   96,   96,   96,   88,   88]), // +rtype bool
            ("aborted",     [  49,   49,   49,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype bool
            ("repanicked",  [  __,   __,   __,   __,   __,   __,   __,   __,   97,   89,   89]), // +rtype bool
            ("goexit",      [  50,   50,   50,   97,   97,   97,   97,   97,   98,   90,   90]), // +rtype bool
            ("deferreturn", [  __,   __,   __,   98,   98,   98,   98,   98,   99,   91,   91]), // +rtype bool
        ],
    },
    Struct {
        name: "runtime.coro",
        size: [  __,   __,   __,   16,   32,   32,   32,   32,   32,   32,   32],
        fields: &[
            //             1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("gp",        [  __,   __,   __,    0,    0,    0,    0,    0,    0,    0,    0]), // +rtype guintptr
            ("f",         [  __,   __,   __,    8,    8,    8,    8,    8,    8,    8,    8]), // +rtype func(*coro)
            ("mp",        [  __,   __,   __,   __,   16,   16,   16,   16,   16,   16,   16]), // +rtype *m
            ("lockedExt", [  __,   __,   __,   __,   24,   24,   24,   24,   24,   24,   24]), // +rtype uint32
            ("lockedInt", [  __,   __,   __,   __,   28,   28,   28,   28,   28,   28,   28]), // +rtype uint32
        ],
    },
    Struct {
        name: "runtime.timer",
        size: all(__),
        fields: &[
            //            1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("pp",       [   0,    0,    0,    0,   __,   __,   __,   __,   __,   __,   __]), // +rtype puintptr
            ("mu",       [  __,   __,   __,   __,    0,    0,    0,    0,    0,    0,    0]), // +rtype mutex
            ("when",     [   8,    8,    8,    8,   16,   16,   16,   16,   24,   24,   24]), // +rtype int64
            ("period",   [  16,   16,   16,   16,   24,   24,   24,   24,   32,   32,   32]), // +rtype int64
            ("f",        [  24,   24,   24,   24,   32,   32,   32,   32,   40,   40,   40]), // +rtype 1.19-1.22 func(any, uintptr) | 1.23-1.27 func(arg any, seq uintptr, delay int64)
            ("arg",      [  32,   32,   32,   32,   40,   40,   40,   40,   48,   48,   48]), // +rtype any
            ("seq",      [  48,   48,   48,   48,   56,   56,   56,   56,   64,   64,   64]), // +rtype uintptr
            ("nextwhen", [  56,   56,   56,   56,   __,   __,   __,   __,   __,   __,   __]), // +rtype int64
            ("status",   [  64,   64,   64,   64,   __,   __,   __,   __,   __,   __,   __]), // +rtype 1.19 uint32 | 1.20-1.22 atomic.Uint32
            ("astate",   [  __,   __,   __,   __,    8,    8,    8,    8,    8,    8,    8]), // +rtype atomic.Uint8
            ("state",    [  __,   __,   __,   __,    9,    9,    9,    9,    9,    9,    9]), // +rtype uint8
            ("isChan",   [  __,   __,   __,   __,   10,   10,   10,   10,   10,   10,   10]), // +rtype bool
            ("isFake",   [  __,   __,   __,   __,   __,   __,   11,   11,   11,   11,   11]), // +rtype bool
            ("blocked",  [  __,   __,   __,   __,   12,   12,   12,   12,   12,   12,   12]), // +rtype uint32
            ("ts",       [  __,   __,   __,   __,   64,   64,   64,   64,   72,   72,   72]), // +rtype *timers
        ],
    },
    Struct {
        name: "runtime.timers",
        size: [  __,   __,   __,   __,   64,   64,   72,   72,   64,   64,   64],
        fields: &[
            //                   1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("mu",              [  __,   __,   __,   __,    0,    0,    0,    0,    0,    0,    0]), // +rtype mutex
            ("heap",            [  __,   __,   __,   __,    8,    8,    8,    8,    8,    8,    8]), // +rtype []timerWhen
            ("len",             [  __,   __,   __,   __,   32,   32,   32,   32,   32,   32,   32]), // +rtype atomic.Uint32
            ("zombies",         [  __,   __,   __,   __,   36,   36,   36,   36,   36,   36,   36]), // +rtype atomic.Int32
            ("minWhenHeap",     [  __,   __,   __,   __,   48,   48,   48,   48,   48,   48,   48]), // +rtype atomic.Int64
            ("minWhenModified", [  __,   __,   __,   __,   56,   56,   56,   56,   56,   56,   56]), // +rtype atomic.Int64
        ],
    },
    Struct {
        name: "runtime.funcval",
        size: all(8),
        fields: &[
            ("fn", all(0)), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.stringStruct",
        size: all(16),
        fields: &[
            ("str", all(0)), // +rtype unsafe.Pointer
            ("len", all(8)), // +rtype int
        ],
    },
    Struct {
        name: "runtime.slice",
        size: all(24),
        fields: &[
            ("array", all(0)), // +rtype unsafe.Pointer
            ("len",   all(8)), // +rtype int
            ("cap",   all(16)), // +rtype int
        ],
    },
    Struct {
        name: "runtime.eface",
        size: all(16),
        fields: &[
            ("_type", all(0)), // +rtype 1.19-1.20 *_type | 1.21-1.22 *abi.Type | 1.23-1.27 *_type
            ("data",  all(8)), // +rtype unsafe.Pointer
        ],
    },
    Struct {
        name: "runtime.iface",
        size: all(16),
        fields: &[
            ("tab",  all(0)), // +rtype *itab
            ("data", all(8)), // +rtype unsafe.Pointer
        ],
    },
    Struct {
        name: "runtime.itab",
        size: all(32),
        fields: &[
            //         1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("inter", [   0,    0,    0,    0,   __,   __,   __,   __,   __,   __,   __]), // +rtype 1.19-1.20 *interfacetype | 1.21-1.22 *abi.InterfaceType
            ("_type", [   8,    8,    8,    8,   __,   __,   __,   __,   __,   __,   __]), // +rtype 1.19-1.20 *_type | 1.21-1.22 *abi.Type
            ("hash",  [  16,   16,   16,   16,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint32
            ("fun",   [  24,   24,   24,   24,   __,   __,   __,   __,   __,   __,   __]), // +rtype [1]uintptr
        ],
    },
    Struct {
        name: "internal/abi.ITab",
        size: [  __,   __,   __,   __,   32,   32,   32,   32,   32,   32,   32],
        fields: &[
            //         1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Inter", [  __,   __,   __,   __,    0,    0,    0,    0,    0,    0,    0]), // +rtype *abi.InterfaceType
            ("Type",  [  __,   __,   __,   __,    8,    8,    8,    8,    8,    8,    8]), // +rtype *abi.Type
            ("Hash",  [  __,   __,   __,   __,   16,   16,   16,   16,   16,   16,   16]), // +rtype uint32
            ("Fun",   [  __,   __,   __,   __,   24,   24,   24,   24,   24,   24,   24]), // +rtype [1]uintptr
        ],
    },
    Struct {
        name: "runtime.mutex",
        size: all(8),
        fields: &[
            ("key", all(0)), // +rtype uintptr
        ],
    },
    Struct {
        name: "runtime.hmap",
        size: [  48,   48,   48,   48,   48,   48,   __,   __,   __,   __,   __],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("count",      [   0,    0,    0,    0,    0,    0,   __,   __,   __,   __,   __]), // +rtype int
            ("flags",      [   8,    8,    8,    8,    8,    8,   __,   __,   __,   __,   __]), // +rtype uint8
            ("B",          [   9,    9,    9,    9,    9,    9,   __,   __,   __,   __,   __]), // +rtype uint8
            ("noverflow",  [  10,   10,   10,   10,   10,   10,   __,   __,   __,   __,   __]), // +rtype uint16
            ("hash0",      [  12,   12,   12,   12,   12,   12,   __,   __,   __,   __,   __]), // +rtype uint32
            ("buckets",    [  16,   16,   16,   16,   16,   16,   __,   __,   __,   __,   __]), // +rtype unsafe.Pointer
            ("oldbuckets", [  24,   24,   24,   24,   24,   24,   __,   __,   __,   __,   __]), // +rtype unsafe.Pointer
            ("nevacuate",  [  32,   32,   32,   32,   32,   32,   __,   __,   __,   __,   __]), // +rtype uintptr
            ("extra",      [  40,   40,   40,   40,   40,   40,   __,   __,   __,   __,   __]), // +rtype *mapextra
        ],
    },
    Struct {
        name: "runtime.bmap",
        size: [   8,    8,    8,    8,    8,    8,   __,   __,   __,   __,   __],
        fields: &[
            //           1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("tophash", [   0,    0,    0,    0,    0,    0,   __,   __,   __,   __,   __]), // +rtype [8]uint8
        ],
    },
    Struct {
        name: "runtime.maptype",
        size: [  88,   88,   88,   88,   88,   88,  112,  112,  112,   __,   __],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("typ",        [   0,    0,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype _type
            ("key",        [  48,   48,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype *_type
            ("elem",       [  56,   56,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype *_type
            ("bucket",     [  64,   64,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype *_type
            ("hasher",     [  72,   72,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype func(unsafe.Pointer, uintptr) uintptr
            ("keysize",    [  80,   80,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint8
            ("elemsize",   [  81,   81,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint8
            ("bucketsize", [  82,   82,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint16
            ("flags",      [  84,   84,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint32
        ],
    },
    Struct {
        name: "internal/abi.MapType",
        size: [  __,   __,   88,   88,   88,   88,   __,   __,   __,  112,  136],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Type",       [  __,   __,    0,    0,    0,    0,   __,   __,   __,    0,    0]), // +rtype abi.Type
            ("Key",        [  __,   __,   48,   48,   48,   48,   __,   __,   __,   48,   48]), // +rtype *abi.Type
            ("Elem",       [  __,   __,   56,   56,   56,   56,   __,   __,   __,   56,   56]), // +rtype *abi.Type
            ("Bucket",     [  __,   __,   64,   64,   64,   64,   __,   __,   __,   __,   __]), // +rtype *abi.Type
            ("Hasher",     [  __,   __,   72,   72,   72,   72,   __,   __,   __,   72,   72]), // +rtype func(unsafe.Pointer, uintptr) uintptr
            ("KeySize",    [  __,   __,   80,   80,   80,   80,   __,   __,   __,   __,   __]), // +rtype uint8
            ("ValueSize",  [  __,   __,   81,   81,   81,   81,   __,   __,   __,   __,   __]), // +rtype uint8
            ("BucketSize", [  __,   __,   82,   82,   82,   82,   __,   __,   __,   __,   __]), // +rtype uint16
            ("Group",      [  __,   __,   __,   __,   __,   __,   __,   __,   __,   64,   64]), // +rtype *abi.Type
            ("GroupSize",  [  __,   __,   __,   __,   __,   __,   __,   __,   __,   80,   80]), // +rtype uintptr
            ("SlotSize",   [  __,   __,   __,   __,   __,   __,   __,   __,   __,   88,   __]), // +rtype uintptr
            ("KeysOff",    [  __,   __,   __,   __,   __,   __,   __,   __,   __,   __,   88]), // +rtype uintptr
            ("KeyStride",  [  __,   __,   __,   __,   __,   __,   __,   __,   __,   __,   96]), // +rtype uintptr
            ("ElemsOff",   [  __,   __,   __,   __,   __,   __,   __,   __,   __,   __,  104]), // +rtype uintptr
            ("ElemStride", [  __,   __,   __,   __,   __,   __,   __,   __,   __,   __,  112]), // +rtype uintptr
            ("ElemOff",    [  __,   __,   __,   __,   __,   __,   __,   __,   __,   96,  120]), // +rtype uintptr
            ("Flags",      [  __,   __,   84,   84,   84,   84,   __,   __,   __,  104,  128]), // +rtype uint32
        ],
    },
    Struct {
        name: "internal/abi.SwissMapType",
        size: [  __,   __,   __,   __,   __,   __,  112,  112,  112,   __,   __],
        fields: &[
            //             1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Type",      [  __,   __,   __,   __,   __,   __,    0,    0,    0,   __,   __]), // +rtype abi.Type
            ("Key",       [  __,   __,   __,   __,   __,   __,   48,   48,   48,   __,   __]), // +rtype *abi.Type
            ("Elem",      [  __,   __,   __,   __,   __,   __,   56,   56,   56,   __,   __]), // +rtype *abi.Type
            ("Group",     [  __,   __,   __,   __,   __,   __,   64,   64,   64,   __,   __]), // +rtype *abi.Type
            ("Hasher",    [  __,   __,   __,   __,   __,   __,   72,   72,   72,   __,   __]), // +rtype func(unsafe.Pointer, uintptr) uintptr
            ("GroupSize", [  __,   __,   __,   __,   __,   __,   80,   80,   80,   __,   __]), // +rtype uintptr
            ("SlotSize",  [  __,   __,   __,   __,   __,   __,   88,   88,   88,   __,   __]), // +rtype uintptr
            ("ElemOff",   [  __,   __,   __,   __,   __,   __,   96,   96,   96,   __,   __]), // +rtype uintptr
            ("Flags",     [  __,   __,   __,   __,   __,   __,  104,  104,  104,   __,   __]), // +rtype uint32
        ],
    },
    Struct {
        name: "internal/runtime/maps.Map",
        size: [  __,   __,   __,   __,   __,   __,   48,   48,   48,   48,   48],
        fields: &[
            //                     1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("used",              [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype uint64
            ("seed",              [  __,   __,   __,   __,   __,   __,    8,    8,    8,    8,    8]), // +rtype uintptr
            ("dirPtr",            [  __,   __,   __,   __,   __,   __,   16,   16,   16,   16,   16]), // +rtype unsafe.Pointer
            ("dirLen",            [  __,   __,   __,   __,   __,   __,   24,   24,   24,   24,   24]), // +rtype int
            ("globalDepth",       [  __,   __,   __,   __,   __,   __,   32,   32,   32,   32,   32]), // +rtype uint8
            ("globalShift",       [  __,   __,   __,   __,   __,   __,   33,   33,   33,   33,   33]), // +rtype uint8
            ("writing",           [  __,   __,   __,   __,   __,   __,   34,   34,   34,   34,   34]), // +rtype uint8
            ("tombstonePossible", [  __,   __,   __,   __,   __,   __,   __,   __,   35,   35,   35]), // +rtype bool
            ("clearSeq",          [  __,   __,   __,   __,   __,   __,   40,   40,   40,   40,   40]), // +rtype uint64
        ],
    },
    Struct {
        name: "internal/runtime/maps.table",
        size: [  __,   __,   __,   __,   __,   __,   32,   32,   32,   32,   32],
        fields: &[
            //                     1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("used",              [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype uint16
            ("capacity",          [  __,   __,   __,   __,   __,   __,    2,    2,    2,    2,    2]), // +rtype uint16
            ("growthLeft",        [  __,   __,   __,   __,   __,   __,    4,    4,    4,    4,    4]), // +rtype uint16
            ("localDepth",        [  __,   __,   __,   __,   __,   __,    6,    6,    6,    6,    6]), // +rtype uint8
            ("index",             [  __,   __,   __,   __,   __,   __,    8,    8,    8,    8,    8]), // +rtype int
            ("groups.data",       [  __,   __,   __,   __,   __,   __,   16,   16,   16,   16,   16]), // +rtype unsafe.Pointer
            ("groups.lengthMask", [  __,   __,   __,   __,   __,   __,   24,   24,   24,   24,   24]), // +rtype uint64
        ],
    },
    Struct {
        name: "internal/runtime/maps.groupsReference",
        size: [  __,   __,   __,   __,   __,   __,   16,   16,   16,   16,   16],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("data",       [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype unsafe.Pointer
            ("lengthMask", [  __,   __,   __,   __,   __,   __,    8,    8,    8,    8,    8]), // +rtype uint64
        ],
    },
    Struct {
        name: "internal/runtime/maps.groupReference",
        size: [  __,   __,   __,   __,   __,   __,    8,    8,    8,    8,    8],
        fields: &[
            //        1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("data", [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype unsafe.Pointer
        ],
    },
    Struct {
        name: "internal/sync.Mutex",
        size: [  __,   __,   __,   __,   __,   __,    8,    8,    8,    8,    8],
        fields: &[
            //         1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("state", [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype int32
            ("sema",  [  __,   __,   __,   __,   __,   __,    4,    4,    4,    4,    4]), // +rtype uint32
        ],
    },
    Struct {
        name: "sync.Mutex",
        size: all(8),
        fields: &[
            //            1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("state",    [   0,    0,    0,    0,    0,    0,   __,   __,   __,   __,   __]), // +rtype int32
            ("sema",     [   4,    4,    4,    4,    4,    4,   __,   __,   __,   __,   __]), // +rtype uint32
            ("mu.state", [  __,   __,   __,   __,   __,   __,    0,    0,    0,    0,    0]), // +rtype int32
            ("mu.sema",  [  __,   __,   __,   __,   __,   __,    4,    4,    4,    4,    4]), // +rtype uint32
        ],
    },
    Struct {
        name: "sync.RWMutex",
        size: all(24),
        fields: &[
            //                 1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("w",             all(0)), // +rtype sync.Mutex
            ("writerSem",     all(8)), // +rtype uint32
            ("readerSem",     all(12)), // +rtype uint32
            ("readerCount.v", [  __,   16,   16,   16,   16,   16,   16,   16,   16,   16,   16]), // +rtype int32
            ("readerWait.v",  [  __,   20,   20,   20,   20,   20,   20,   20,   20,   20,   20]), // +rtype int32
            ("readerCount",   all(16)), // +rtype 1.19 int32 | 1.20-1.27 atomic.Int32
            ("readerWait",    all(20)), // +rtype 1.19 int32 | 1.20-1.27 atomic.Int32
        ],
    },
    Struct {
        name: "sync.WaitGroup",
        size: all(16),
        fields: &[
            //           1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("state1",  [   0,   __,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint64
            ("state2",  [   8,   __,   __,   __,   __,   __,   __,   __,   __,   __,   __]), // +rtype uint32
            ("state.v", [  __,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0]), // +rtype uint64
            ("state",   [  __,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0]), // +rtype atomic.Uint64
            ("sema",    [  __,    8,    8,    8,    8,    8,    8,    8,    8,    8,    8]), // +rtype uint32
        ],
    },
    Struct {
        name: "sync.Once",
        size: all(12),
        fields: &[
            ("done", all(0)), // +rtype 1.19-1.21 uint32 | 1.22-1.24 atomic.Uint32 | 1.25-1.27 atomic.Bool
            ("m",    all(4)), // +rtype sync.Mutex
        ],
    },
    Struct {
        name: "sync.Cond",
        size: all(56),
        fields: &[
            ("L",             all(0)), // +rtype sync.Locker
            ("notify.wait",   all(16)), // +rtype uint32
            ("notify.notify", all(20)), // +rtype uint32
            ("notify.head",   all(32)), // +rtype unsafe.Pointer
        ],
    },
    Struct {
        name: "time.Time",
        size: all(24),
        fields: &[
            ("wall", all(0)), // +rtype uint64
            ("ext",  all(8)), // +rtype int64
            ("loc",  all(16)), // +rtype *time.Location
        ],
    },
    Struct {
        name: "time.Location",
        size: all(104),
        fields: &[
            ("name", all(0)), // +rtype string
        ],
    },
    Struct {
        name: "runtime/pprof.label",
        size: [  32,   32,   32,   32,   32,   32,   32,   32,   32,   __,   __],
        fields: &[
            //         1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("key",   [   0,    0,    0,    0,    0,    0,    0,    0,    0,   __,   __]), // +rtype string
            ("value", [  16,   16,   16,   16,   16,   16,   16,   16,   16,   __,   __]), // +rtype string
        ],
    },
    Struct {
        name: "internal/runtime/pprof/label.Label",
        size: [  __,   __,   __,   __,   __,   __,   __,   __,   __,   32,   32],
        fields: &[
            //         1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Key",   [  __,   __,   __,   __,   __,   __,   __,   __,   __,    0,    0]), // +rtype string
            ("Value", [  __,   __,   __,   __,   __,   __,   __,   __,   __,   16,   16]), // +rtype string
        ],
    },
    Struct {
        name: "runtime/pprof.LabelSet",
        size: all(24),
        fields: &[
            ("list", all(0)), // +rtype 1.19-1.25 []pprof.label | 1.26-1.27 []label.Label
        ],
    },
    Struct {
        name: "context.cancelCtx",
        size: [  64,   80,   80,   80,   80,   80,   80,   80,   80,   80,   80],
        fields: &[
            //            1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Context",  all(0)), // +rtype context.Context
            ("mu",       all(16)), // +rtype sync.Mutex
            ("done",     all(24)), // +rtype atomic.Value
            ("children", all(40)), // +rtype map[context.canceler]struct{}
            ("err",      all(48)), // +rtype 1.19-1.24 error | 1.25-1.27 atomic.Value
            ("cause",    [  __,   64,   64,   64,   64,   64,   64,   64,   64,   64,   64]), // +rtype error
        ],
    },
    Struct {
        name: "context.timerCtx",
        size: [  96,   40,  112,  112,  112,  112,  112,  112,  112,  112,  112],
        fields: &[
            //             1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("cancelCtx", all(0)), // +rtype 1.19 context.cancelCtx | 1.20 *context.cancelCtx | 1.21-1.27 context.cancelCtx
            ("timer",     [  64,    8,   80,   80,   80,   80,   80,   80,   80,   80,   80]), // +rtype *time.Timer
            ("deadline",  [  72,   16,   88,   88,   88,   88,   88,   88,   88,   88,   88]), // +rtype time.Time
        ],
    },
    Struct {
        name: "context.valueCtx",
        size: all(48),
        fields: &[
            ("Context", all(0)), // +rtype context.Context
            ("key",     all(16)), // +rtype any
            ("val",     all(32)), // +rtype any
        ],
    },
    Struct {
        name: "errors.errorString",
        size: all(16),
        fields: &[
            ("s", all(0)), // +rtype string
        ],
    },
    Struct {
        name: "fmt.wrapError",
        size: all(32),
        fields: &[
            ("msg", all(0)), // +rtype string
            ("err", all(16)), // +rtype error
        ],
    },
    Struct {
        name: "fmt.wrapErrors",
        size: [  __,   40,   40,   40,   40,   40,   40,   40,   40,   40,   40],
        fields: &[
            //        1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("msg",  [  __,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0]), // +rtype string
            ("errs", [  __,   16,   16,   16,   16,   16,   16,   16,   16,   16,   16]), // +rtype []error
        ],
    },
    Struct {
        name: "io/fs.PathError",
        size: all(48),
        fields: &[
            ("Op",   all(0)), // +rtype string
            ("Path", all(16)), // +rtype string
            ("Err",  all(32)), // +rtype error
        ],
    },
    Struct {
        name: "os.SyscallError",
        size: all(32),
        fields: &[
            ("Syscall", all(0)), // +rtype string
            ("Err",     all(16)), // +rtype error
        ],
    },
    Struct {
        name: "net.OpError",
        size: all(80),
        fields: &[
            ("Op",     all(0)), // +rtype string
            ("Net",    all(16)), // +rtype string
            ("Source", all(32)), // +rtype net.Addr
            ("Addr",   all(48)), // +rtype net.Addr
            ("Err",    all(64)), // +rtype error
        ],
    },
    Struct {
        name: "internal/poll.FD",
        size: all(56),
        fields: &[
            //                 1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("fdmu.state",    all(0)), // +rtype uint64
            ("Sysfd",         all(16)), // +rtype int
            ("pd.runtimeCtx", [  24,   24,   32,   32,   32,   32,   32,   32,   32,   32,   32]), // +rtype uintptr
            ("csema",         all(40)), // +rtype uint32
            ("IsStream",      all(48)), // +rtype bool
        ],
    },
    Struct {
        name: "net.netFD",
        size: all(128),
        fields: &[
            ("pfd.Sysfd",   all(16)), // +rtype int
            ("family",      all(56)), // +rtype int
            ("sotype",      all(64)), // +rtype int
            ("isConnected", all(72)), // +rtype bool
            ("net",         all(80)), // +rtype string
            ("laddr",       all(96)), // +rtype net.Addr
            ("raddr",       all(112)), // +rtype net.Addr
        ],
    },
];

/// What takes the place of the structs of the same names with `GOEXPERIMENT=noswissmap`.
#[rustfmt::skip]
pub(super) static NOSWISSMAP: &[Struct] = &[
    Struct {
        name: "runtime.hmap",
        size: [  __,   __,   __,   __,   __,   __,   56,   56,   56,   __,   __],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("count",      [  __,   __,   __,   __,   __,   __,    0,    0,    0,   __,   __]), // +rtype int
            ("flags",      [  __,   __,   __,   __,   __,   __,    8,    8,    8,   __,   __]), // +rtype uint8
            ("B",          [  __,   __,   __,   __,   __,   __,    9,    9,    9,   __,   __]), // +rtype uint8
            ("noverflow",  [  __,   __,   __,   __,   __,   __,   10,   10,   10,   __,   __]), // +rtype uint16
            ("hash0",      [  __,   __,   __,   __,   __,   __,   12,   12,   12,   __,   __]), // +rtype uint32
            ("buckets",    [  __,   __,   __,   __,   __,   __,   16,   16,   16,   __,   __]), // +rtype unsafe.Pointer
            ("oldbuckets", [  __,   __,   __,   __,   __,   __,   24,   24,   24,   __,   __]), // +rtype unsafe.Pointer
            ("nevacuate",  [  __,   __,   __,   __,   __,   __,   32,   32,   32,   __,   __]), // +rtype uintptr
            ("extra",      [  __,   __,   __,   __,   __,   __,   48,   48,   48,   __,   __]), // +rtype *mapextra
        ],
    },
    Struct {
        name: "runtime.bmap",
        size: [  __,   __,   __,   __,   __,   __,    8,    8,    8,   __,   __],
        fields: &[
            //           1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("tophash", [  __,   __,   __,   __,   __,   __,    0,    0,    0,   __,   __]), // +rtype [8]uint8
        ],
    },
    Struct {
        name: "internal/abi.OldMapType",
        size: [  __,   __,   __,   __,   __,   __,   88,   88,   88,   __,   __],
        fields: &[
            //              1.19  1.20  1.21  1.22  1.23 23.12  1.24  24.6  1.25  1.26  1.27
            ("Type",       [  __,   __,   __,   __,   __,   __,    0,    0,    0,   __,   __]), // +rtype abi.Type
            ("Key",        [  __,   __,   __,   __,   __,   __,   48,   48,   48,   __,   __]), // +rtype *abi.Type
            ("Elem",       [  __,   __,   __,   __,   __,   __,   56,   56,   56,   __,   __]), // +rtype *abi.Type
            ("Bucket",     [  __,   __,   __,   __,   __,   __,   64,   64,   64,   __,   __]), // +rtype *abi.Type
            ("Hasher",     [  __,   __,   __,   __,   __,   __,   72,   72,   72,   __,   __]), // +rtype func(unsafe.Pointer, uintptr) uintptr
            ("KeySize",    [  __,   __,   __,   __,   __,   __,   80,   80,   80,   __,   __]), // +rtype uint8
            ("ValueSize",  [  __,   __,   __,   __,   __,   __,   81,   81,   81,   __,   __]), // +rtype uint8
            ("BucketSize", [  __,   __,   __,   __,   __,   __,   82,   82,   82,   __,   __]), // +rtype uint16
            ("Flags",      [  __,   __,   __,   __,   __,   __,   84,   84,   84,   __,   __]), // +rtype uint32
        ],
    },
];

/// From which offset on an experiment moves fields of a struct.
pub(super) struct Moved {
    /// The experiment as the version text spells it.
    pub(super) experiment: &'static str,
    /// The struct.
    pub(super) strct: &'static str,
    /// Fields from this offset on are not where the table says; at 0, nothing of it is.
    pub(super) from: u16,
}

const fn moved(experiment: &'static str, strct: &'static str, from: u16) -> Moved {
    Moved { experiment, strct, from }
}

/// Checked with `GOEXPERIMENT` set, in every version that knows it.
pub(super) static MOVED: &[Moved] = &[
    moved("greenteagc", "runtime.p", 9392),
    moved("nogreenteagc", "runtime.p", 13672),
    moved("noexectracer2", "runtime.m", 1048),
    moved("noexectracer2", "runtime.p", 4688),
    moved("nospinbitmutex", "runtime.m", 712),
    moved("noswissmap", "internal/abi.SwissMapType", 0),
    moved("noswissmap", "internal/runtime/maps.Map", 0),
    moved("noswissmap", "internal/runtime/maps.groupReference", 0),
    moved("noswissmap", "internal/runtime/maps.groupsReference", 0),
    moved("noswissmap", "internal/runtime/maps.table", 0),
    moved("noswissmap", "runtime.maptype", 0),
    moved("staticlockranking", "runtime.hchan", 88),
    moved("staticlockranking", "runtime.mutex", 0),
    moved("staticlockranking", "runtime.p", 8832),
    moved("staticlockranking", "runtime.schedt", 32),
    moved("staticlockranking", "runtime.semaRoot", 0),
    moved("staticlockranking", "runtime.timer", 8),
    moved("staticlockranking", "runtime.timers", 8),
    moved("staticlockranking", "sync.Cond", 32),
];

/// Every experiment up to Go 1.27. Those that [`MOVED`] does not name leave the table as it is, switched on or off.
pub(super) static EXPERIMENTS: &[&str] = &[
    "aliastypeparams",
    "allocheaders",
    "arenas",
    "boringcrypto",
    "cacheprog",
    "cgocheck2",
    "coverageredesign",
    "dwarf5",
    "exectracer2",
    "fieldtrack",
    "goroutineleakprofile",
    "greenteagc",
    "heapminimum512kib",
    "jsonv2",
    "loopvar",
    "mapsplitgroup",
    "newinliner",
    "pagetrace",
    "preemptibleloops",
    "randomizedheapbase64",
    "range",
    "rangefunc",
    "regabiargs",
    "regabiwrappers",
    "runtimefreegc",
    "runtimesecret",
    "simd",
    "sizespecializedmalloc",
    "spinbitmutex",
    "staticlockranking",
    "swissmap",
    "synchashtriemap",
    "synctest",
    "unified",
];
