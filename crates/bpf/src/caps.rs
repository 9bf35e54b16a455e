//! What a kernel can do beyond Linux 5.10, the oldest one that gospect runs on.
//!
//! Plain data. Whoever may ask the kernel finds out by trying; version numbers lie, since distributions port features
//! back. The constructors by version are for tests and for compiling without a kernel at hand: what such a release was
//! seen to have, measured on distribution kernels.

use std::fmt;

/// Something that not every kernel from 5.10 on has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Feature {
    /// Atomic operations that return the old value, exchange, and all but addition.
    Atomics,
    /// Maps are charged to the memory cgroup: RLIMIT_MEMLOCK no longer matters.
    MemcgAccounting,
    /// Functions of a program can be handed to helpers.
    Callbacks,
    /// A number of one's own with each attached site (`bpf_get_attach_cookie`).
    Cookies,
    /// Links for perf events, with which cookies come.
    PerfLink,
    /// Tracing programs are told the control groups above that of a thread (`bpf_get_current_ancestor_cgroup_id`).
    AncestorCgroup,
    /// `bpf_loop`.
    Loop,
    /// `bpf_strncmp`.
    Strncmp,
    /// Uprobe programs that may sleep, so that they can fault pages in.
    SleepableUprobes,
    /// Hash maps that allocate as they fill, in sleepable programs and without a warning.
    NoPreallocInTracing,
    /// One link for many uprobes.
    UprobeMulti,
    /// ... whose filter is by process, not by thread.
    UprobeMultiPidFilter,
    /// Signed loads, moves and division, byte swap.
    CpuV4,
    /// Uprobe programs may write the registers they are shown.
    RegisterWrite,
}

/// One line of the table behind [`Feature`].
struct Row {
    feature: Feature,
    name: &'static str,
    since: (u32, u32),
}

const ROWS: [Row; 14] = [
    Row { feature: Feature::Atomics, name: "atomics with fetch", since: (5, 12) },
    Row { feature: Feature::MemcgAccounting, name: "maps without RLIMIT_MEMLOCK", since: (5, 11) },
    Row { feature: Feature::Callbacks, name: "callbacks", since: (5, 13) },
    Row { feature: Feature::Cookies, name: "attach cookies", since: (5, 15) },
    Row { feature: Feature::PerfLink, name: "links for perf events", since: (5, 15) },
    Row { feature: Feature::AncestorCgroup, name: "ancestors of control groups", since: (5, 15) },
    Row { feature: Feature::Loop, name: "bpf_loop", since: (5, 17) },
    Row { feature: Feature::Strncmp, name: "bpf_strncmp", since: (5, 17) },
    Row { feature: Feature::SleepableUprobes, name: "sleepable uprobes", since: (6, 0) },
    Row { feature: Feature::NoPreallocInTracing, name: "hash maps without preallocation in tracing", since: (6, 1) },
    Row { feature: Feature::UprobeMulti, name: "uprobe_multi", since: (6, 6) },
    Row { feature: Feature::UprobeMultiPidFilter, name: "uprobe_multi filtered by process", since: (6, 10) },
    Row { feature: Feature::CpuV4, name: "cpu v4 instructions", since: (6, 6) },
    Row { feature: Feature::RegisterWrite, name: "writable registers", since: (7, 0) },
];

impl Feature {
    /// All features.
    pub fn all() -> impl Iterator<Item = Feature> {
        ROWS.iter().map(|row| row.feature)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.feature == self).expect("a test goes through all features")
    }

    /// The Linux release that brought it.
    #[must_use]
    pub fn since(self) -> (u32, u32) {
        self.row().since
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

/// What one kernel can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caps {
    bits: u32,
}

impl Caps {
    /// Nothing beyond the oldest kernel.
    #[must_use]
    pub const fn linux_5_10() -> Caps {
        Caps { bits: 0 }
    }

    /// Ubuntu 22.04's first kernel.
    #[must_use]
    pub fn linux_5_15() -> Caps {
        Caps::since(5, 15)
    }

    /// Debian 12's kernel.
    #[must_use]
    pub fn linux_6_1() -> Caps {
        Caps::since(6, 1)
    }

    /// Ubuntu 24.04's first kernel: `uprobe_multi`, but its filter is broken.
    #[must_use]
    pub fn linux_6_8() -> Caps {
        Caps::since(6, 8)
    }

    /// Debian 13's kernel.
    #[must_use]
    pub fn linux_6_12() -> Caps {
        Caps::since(6, 12)
    }

    /// Everything that this crate knows of.
    #[must_use]
    pub fn linux_7_0() -> Caps {
        Caps::since(7, 0)
    }

    /// What an unpatched kernel of that release has.
    #[must_use]
    pub fn since(major: u32, minor: u32) -> Caps {
        Feature::all().filter(|f| f.since() <= (major, minor)).collect()
    }

    /// Whether the kernel has it.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.bits & feature.bit() != 0
    }

    /// The same kernel with it.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Caps {
        Caps { bits: self.bits | feature.bit() }
    }

    /// The same kernel without it.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Caps {
        Caps { bits: self.bits & !feature.bit() }
    }

    /// What it has, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::all().filter(move |&f| self.has(f))
    }
}

impl FromIterator<Feature> for Caps {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Caps {
        features.into_iter().fold(Caps::linux_5_10(), Caps::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// What a release has that the one before had not.
    fn check(before: Caps, caps: Caps, expect: Expect) {
        assert!(before.iter().all(|f| caps.has(f)));
        let names: Vec<String> = caps.iter().filter(|&f| !before.has(f)).map(|f| f.to_string()).collect();
        expect.assert_eq(&names.join("\n"));
    }

    #[test]
    fn each_release_has_what_the_ones_before_had_and_more() {
        check(
            Caps::linux_5_10(),
            Caps::linux_5_15(),
            expect![[r#"
                atomics with fetch
                maps without RLIMIT_MEMLOCK
                callbacks
                attach cookies
                links for perf events
                ancestors of control groups"#]],
        );
        check(
            Caps::linux_5_15(),
            Caps::linux_6_1(),
            expect![[r#"
            bpf_loop
            bpf_strncmp
            sleepable uprobes
            hash maps without preallocation in tracing"#]],
        );
        check(
            Caps::linux_6_1(),
            Caps::linux_6_8(),
            expect![[r#"
            uprobe_multi
            cpu v4 instructions"#]],
        );
        check(Caps::linux_6_8(), Caps::linux_6_12(), expect!["uprobe_multi filtered by process"]);
        check(Caps::linux_6_12(), Caps::linux_7_0(), expect!["writable registers"]);
        assert_eq!(Caps::linux_5_10().iter().count(), 0);
    }

    #[test]
    fn every_feature_has_its_row_and_its_bit() {
        let all: Caps = Feature::all().collect();
        assert_eq!(all, Caps::linux_7_0());
        assert_eq!(all.bits.count_ones() as usize, ROWS.len());
        assert_eq!(all.bits, (1 << (Feature::RegisterWrite as u32 + 1)) - 1, "a feature without a row");
    }

    #[test]
    fn features_are_added_and_taken_away_one_by_one() {
        let caps = Caps::linux_6_12().without(Feature::UprobeMulti).with(Feature::RegisterWrite);
        assert!(!caps.has(Feature::UprobeMulti) && caps.has(Feature::RegisterWrite) && caps.has(Feature::Cookies));
    }
}
