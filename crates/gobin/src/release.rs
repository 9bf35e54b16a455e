//! Go releases: what gospect knows of each, and what differs between them.
//!
//! [`RELEASES`] has one row per release; a row states only its differences from the row before. The other modules ask
//! a [`Release`] for a property and never compare version numbers. `fields` and `names` hold the offsets and the
//! numbered names of the runtime; each of their rows lists the releases in which its value changed, so a release that
//! changes nothing there needs no entry.
//!
//! Facts that a file states itself (magic numbers, the list of wait reasons, DWARF) have no place here.

pub(crate) mod fields;
pub(crate) mod names;

use std::ops::RangeInclusive;

/// A Go release, as in Go 1.26, and the properties of the programs that it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The `26` of Go 1.26.
    pub minor: u32,
    /// Whether gospect traces its programs.
    pub support: Support,
    /// The patch releases that changed structs of the runtime, 0 included. Empty if the tables were never compared with
    /// the release.
    pub layouts: &'static [u32],
    /// The newest patch release that `cargo xtask rtype` compared with the tables.
    pub compared: u32,
    /// DWARF describes unnamed parameters too.
    pub describes_unnamed_parameters: bool,
    /// A generic method takes its dictionary behind the receiver, not in front of it.
    pub dictionary_behind_receiver: bool,
    /// Maps are Swiss tables, unless `GOEXPERIMENT=noswissmap` brings the buckets back.
    pub swiss_maps: bool,
    /// The size of a map type's descriptor, with the maps of the release.
    // +rtype 1.19-1.20 size maptype = 88 | 1.21-1.23 size internal/abi.MapType = 88
    // +rtype 1.24-1.25 size internal/abi.SwissMapType = 112 | 1.26 size internal/abi.MapType = 112
    // +rtype 1.27- size internal/abi.MapType = 136
    pub map_descriptor: Option<u64>,
    /// A type descriptor marks a type that interfaces hold directly in `TFlag`, not in `Kind_`.
    pub direct_in_tflag: bool,
    /// `abi.FuncIDWrapper`, which depends on the number of special functions before it.
    // +rtype 1.19-1.20 funcID_wrapper = 21 | 1.21 abi.FuncIDWrapper = 21
    // +rtype 1.22-1.24 abi.FuncIDWrapper = 22
    // +rtype 1.25- abi.FuncIDWrapper = 23
    pub wrapper_id: Option<u8>,
    /// The function through which the standard library makes system calls on amd64.
    // +rtype 1.21-1.22 func runtime/internal/syscall.Syscall6 func(num uintptr, a1 uintptr, a2 uintptr, a3 uintptr, a4 uintptr, a5 uintptr, a6 uintptr) (r1 uintptr, r2 uintptr, errno uintptr)
    // +rtype 1.23-1.25 func internal/runtime/syscall.Syscall6 func(num uintptr, a1 uintptr, a2 uintptr, a3 uintptr, a4 uintptr, a5 uintptr, a6 uintptr) (r1 uintptr, r2 uintptr, errno uintptr)
    // +rtype 1.26- func internal/runtime/syscall/linux.Syscall6 func(num uintptr, a1 uintptr, a2 uintptr, a3 uintptr, a4 uintptr, a5 uintptr, a6 uintptr) (r1 uintptr, r2 uintptr, errno uintptr)
    pub syscall6: Option<&'static str>,
    /// The runtime has coroutines, which change states without `casgstatus` (`iter.Pull`).
    pub coroutines: bool,
    /// `runtime.newproc1` makes a goroutine runnable before it has its goid.
    pub late_goid: bool,
    /// System calls change states without `casgstatus`.
    pub syscalls_without_casgstatus: bool,
}

/// Whether gospect traces the programs of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Older than the oldest tested release. `info`, `list` and `explain` show its programs.
    Older,
    /// Every test runs with it.
    Tested,
    /// Newer than the newest row of [`RELEASES`].
    Newer,
}

/// Every known release, the oldest first.
pub const RELEASES: &[Release] =
    &[GO_1_18, GO_1_19, GO_1_20, GO_1_21, GO_1_22, GO_1_23, GO_1_24, GO_1_25, GO_1_26, GO_1_27];

/// The oldest release with a function table that gospect reads.
const GO_1_18: Release = Release {
    minor: 18,
    support: Support::Older,
    layouts: &[],
    compared: 0,
    describes_unnamed_parameters: false,
    dictionary_behind_receiver: false,
    swiss_maps: false,
    map_descriptor: Some(88),
    direct_in_tflag: false,
    wrapper_id: None,
    syscall6: None,
    coroutines: false,
    late_goid: true,
    syscalls_without_casgstatus: false,
};
const GO_1_19: Release = Release { minor: 19, layouts: &[0], compared: 13, wrapper_id: Some(21), ..GO_1_18 };
const GO_1_20: Release = Release { minor: 20, compared: 14, dictionary_behind_receiver: true, ..GO_1_19 };
const GO_1_21: Release = Release {
    minor: 21,
    support: Support::Tested,
    compared: 13,
    syscall6: Some("runtime/internal/syscall.Syscall6"),
    ..GO_1_20
};
const GO_1_22: Release = Release {
    minor: 22,
    compared: 12,
    describes_unnamed_parameters: true,
    wrapper_id: Some(22),
    coroutines: true,
    ..GO_1_21
};
const GO_1_23: Release = Release {
    minor: 23,
    layouts: &[0, 12],
    compared: 12,
    syscall6: Some("internal/runtime/syscall.Syscall6"),
    ..GO_1_22
};
const GO_1_24: Release = Release {
    minor: 24,
    layouts: &[0, 6],
    compared: 11,
    swiss_maps: true,
    map_descriptor: Some(112),
    late_goid: false,
    ..GO_1_23
};
const GO_1_25: Release = Release { minor: 25, layouts: &[0], compared: 5, wrapper_id: Some(23), ..GO_1_24 };
const GO_1_26: Release = Release {
    minor: 26,
    compared: 8,
    direct_in_tflag: true,
    syscall6: Some("internal/runtime/syscall/linux.Syscall6"),
    syscalls_without_casgstatus: true,
    ..GO_1_25
};
const GO_1_27: Release = Release { minor: 27, compared: 3, map_descriptor: Some(136), ..GO_1_26 };

/// A release newer than all of [`RELEASES`]: facts that are dangerous to guess are unknown, the others are taken to be
/// those of the newest known release.
const NEWER: Release = Release {
    support: Support::Newer,
    layouts: &[],
    compared: 0,
    map_descriptor: None,
    wrapper_id: None,
    syscall6: None,
    ..RELEASES[RELEASES.len() - 1]
};

impl Release {
    /// The release Go 1.`minor`, known or not.
    #[must_use]
    pub fn of(minor: u32) -> Release {
        let known = RELEASES.iter().find(|known| known.minor >= minor);
        Release { minor, ..known.copied().unwrap_or(NEWER) }
    }

    /// Whether gospect traces its programs.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.support == Support::Tested
    }
}

/// The minor numbers of the tested releases.
#[must_use]
pub fn tested() -> RangeInclusive<u32> {
    span(Release::is_tested)
}

/// The minor numbers of the releases that `fields` and `names` cover.
#[must_use]
pub(crate) fn covered() -> RangeInclusive<u32> {
    span(|release| !release.layouts.is_empty())
}

fn span(of: impl Fn(&Release) -> bool) -> RangeInclusive<u32> {
    let mut minors = RELEASES.iter().filter(|release| of(release)).map(|release| release.minor);
    let first = minors.next().unwrap_or_default();
    first..=minors.last().unwrap_or(first)
}

/// A span as text: `1.21 to 1.27`.
#[must_use]
pub fn to_text(minors: &RangeInclusive<u32>) -> String {
    format!("1.{} to 1.{}", minors.start(), minors.end())
}

/// A value that holds from a release on, given by minor and patch number.
pub(crate) struct Since<T> {
    release: (u32, u32),
    /// `None` where the release dropped the thing.
    value: Option<T>,
}

/// A value in the course of the releases, oldest first; before the first entry there is none.
pub(crate) type Row<T> = &'static [Since<T>];

const fn since<T: Copy>(minor: u32, value: T) -> Since<T> {
    patched(minor, 0, value)
}

const fn patched<T: Copy>(minor: u32, patch: u32, value: T) -> Since<T> {
    Since { release: (minor, patch), value: Some(value) }
}

const fn gone<T: Copy>(minor: u32) -> Since<T> {
    Since { release: (minor, 0), value: None }
}

fn value_in<T: Copy>(row: Row<T>, release: (u32, u32)) -> Option<T> {
    row.iter().rfind(|since| since.release <= release)?.value
}

#[cfg(test)]
mod tests;
