//! Offsets in the structs of Go's runtime, by release.
//!
//! Dotted paths go into nested structs. `cargo xtask rtype` holds each row against the sources of every toolchain at
//! hand, for both machines: the offset, and the type behind `+rtype`. Types have package names, those of package
//! runtime none; where the type changed, the releases that had it stand before it.
//!
//! A field has a row only if gospect asks for it, and its offset is the same on amd64 and arm64.

use super::{Row, gone, patched, since, value_in};

/// Offsets in one struct.
struct Struct {
    /// Import path and name, as DWARF has them.
    name: &'static str,
    fields: &'static [(&'static str, Row<u16>)],
}

/// Structs as the toolchain builds them with and without any experiment of [`EXPERIMENTS`].
#[rustfmt::skip]
static STRUCTS: &[Struct] = &[
    Struct {
        name: "runtime.g",
        fields: &[
            ("stack.lo",     &[since(19, 0)]), // +rtype uintptr
            ("stack.hi",     &[since(19, 8)]), // +rtype uintptr
            ("m",            &[since(19, 48)]), // +rtype *m
            ("sched.sp",     &[since(19, 56)]), // +rtype uintptr
            ("sched.pc",     &[since(19, 64)]), // +rtype uintptr
            ("sched.lr",     &[since(19, 96), since(25, 88)]), // +rtype uintptr
            ("syscallsp",    &[since(19, 112), since(25, 104)]), // +rtype uintptr
            ("syscallpc",    &[since(19, 120), since(25, 112)]), // +rtype uintptr
            ("atomicstatus", &[since(19, 144), since(23, 152), since(25, 144)]), // +rtype 1.19 uint32 | 1.20- atomic.Uint32
            ("goid",         &[since(19, 152), since(23, 160), since(25, 152)]), // +rtype 1.19 int64 | 1.20- uint64
            ("waitsince",    &[since(19, 168), since(23, 176), since(25, 168)]), // +rtype int64
            ("waitreason",   &[since(19, 176), since(23, 184), since(25, 176)]), // +rtype waitReason
            ("coroexit",     &[since(22, 187), since(23, 195), since(25, 187)]), // +rtype bool
            ("trackingSeq",  &[since(19, 189), since(21, 188), since(22, 191), since(23, 199), since(25, 191)]), // +rtype uint8
            ("lockedm",      &[since(19, 232), since(21, 208), since(23, 216), since(25, 208)]), // +rtype muintptr
            ("parentGoid",   &[since(21, 272), since(23, 280), since(25, 272), since(26, 280)]), // +rtype uint64
            ("gopc",         &[since(19, 296), since(21, 280), since(23, 288), since(25, 280), since(26, 288)]), // +rtype uintptr
            ("startpc",      &[since(19, 312), since(21, 296), since(23, 304), since(25, 296), since(26, 304)]), // +rtype uintptr
            ("coroarg",      &[since(22, 368), since(23, 384), since(25, 376), since(26, 384)]), // +rtype *coro
        ],
    },
    Struct {
        name: "runtime.m",
        fields: &[
            ("procid",  &[since(19, 72), since(25, 64)]), // +rtype uint64
            ("curg",    &[since(19, 192), since(25, 184)]), // +rtype *g
            ("alllink", &[since(19, 336), since(22, 328), patched(23, 12, 352), since(24, 328), patched(24, 6, 352), since(25, 344), since(26, 352)]), // +rtype *m
        ],
    },
    Struct {
        name: "runtime.coro",
        fields: &[
            ("gp", &[since(22, 0)]), // +rtype guintptr
        ],
    },
    Struct {
        name: "runtime.moduledata",
        fields: &[
            ("types",       &[since(18, 280), since(20, 296)]), // +rtype uintptr
            ("etypes",      &[since(18, 288), since(20, 304), since(27, 312)]), // +rtype uintptr
            ("gofunc",      &[since(18, 304), since(20, 320), since(27, 344)]), // +rtype uintptr
            ("typelinks",   &[since(18, 336), since(20, 352), since(26, 360), gone(27)]), // +rtype []int32
            ("itablinks",   &[since(18, 360), since(20, 376), since(26, 384), gone(27)]), // +rtype []*itab
            ("typedesclen", &[since(27, 304)]), // +rtype uintptr
            ("itaboffset",  &[since(27, 320)]), // +rtype uintptr
            ("itabsize",    &[since(27, 328)]), // +rtype uintptr
        ],
    },
];

/// Every experiment up to the newest release. None moves a field of [`STRUCTS`], switched on or off.
pub(crate) static EXPERIMENTS: &[&str] = &[
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

/// Where a field is in a release, given by minor and patch number.
pub(crate) fn offset(strct: &str, field: &str, release: (u32, u32)) -> Option<u64> {
    let fields = STRUCTS.iter().find(|known| known.name == strct)?.fields;
    let row = fields.iter().find(|(name, _)| *name == field)?.1;
    value_in(row, release).map(u64::from)
}

#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = Row<u16>> {
    STRUCTS.iter().flat_map(|known| known.fields.iter().map(|(_, row)| *row))
}

/// Every struct and field, in whichever releases they are.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    STRUCTS.iter().flat_map(|known| known.fields.iter().map(move |(field, _)| (known.name, *field)))
}
