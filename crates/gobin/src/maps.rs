//! How Go's maps lie in memory, by version.
//!
//! In older releases a map is a header and buckets, eight entries in each, further ones in a chain; later it is a
//! header, a directory of tables, and groups of eight entries (*Swiss* tables). Descriptors of maps say neither: the
//! places are the runtime's and the compiler's own.

use crate::buildinfo::GoVersion;

/// How the maps of a program are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maps {
    /// Header, directory, tables, groups.
    Swiss {
        /// In a group all keys stand before all elements, and not one of each by turns.
        split: bool,
    },
    /// Header, buckets, chains of them.
    Buckets,
}

/// Entries of a group or a bucket.
// +rtype 1.21-1.23 const internal/abi.MapBucketCount = 8 | 1.24-1.25 const internal/abi.SwissMapGroupSlots = 8
// +rtype 1.26- const internal/abi.MapGroupSlots = 8
pub const SLOTS: u64 = 8;

/// Keys and elements with more bytes are kept behind pointers.
// +rtype 1.21-1.23 const internal/abi.MapMaxKeyBytes = 128 | 1.24-1.25 const internal/abi.SwissMapMaxKeyBytes = 128
// +rtype 1.26- const internal/abi.MapMaxKeyBytes = 128
// +rtype 1.21-1.23 const internal/abi.MapMaxElemBytes = 128 | 1.24-1.25 const internal/abi.SwissMapMaxElemBytes = 128
// +rtype 1.26- const internal/abi.MapMaxElemBytes = 128
pub const LARGEST: u64 = 128;

/// Bytes of a header that matter, of either layout.
pub const HEADER: u64 = 48;

/// Places in what a Swiss map is made of.
pub mod swiss {
    /// In the header: the directory, or, without one, the only group. Behind it the number of tables, 0 without a
    /// directory.
    // +rtype 1.24- internal/runtime/maps.Map.dirPtr unsafe.Pointer @16
    // +rtype 1.24- internal/runtime/maps.Map.dirLen int @24
    pub const DIRECTORY: u64 = 16;
    /// Bytes of a table.
    // +rtype 1.24- size internal/runtime/maps.table = 32
    pub const TABLE: u64 = 32;
    /// In a table: its groups. Behind them their number, less one.
    // +rtype 1.24- internal/runtime/maps.table.groups maps.groupsReference @16
    // +rtype 1.24- internal/runtime/maps.groupsReference.data unsafe.Pointer @0
    // +rtype 1.24- internal/runtime/maps.groupsReference.lengthMask uint64 @8
    pub const GROUPS: u64 = 16;
    /// In a group: the first key. A byte for each entry stands before it, 128 or more where there is none.
    pub const KEYS: u64 = 8;
}

/// Places in what a map of the older layout is made of.
pub mod buckets {
    /// In the header, `u8`: flags.
    // +rtype 1.21-1.23 hmap.flags uint8 @8
    // +rtype X:noswissmap 1.24-1.25 hmap.flags uint8 @8
    pub const FLAGS: u64 = 8;
    /// One of the flags: it grows to the same size.
    // +rtype 1.21-1.23 const sameSizeGrow = 8
    // +rtype X:noswissmap 1.24-1.25 const sameSizeGrow = 8
    pub const SAME_SIZE: u8 = 8;
    /// In the header, `u8`: there are 2 to this power of buckets.
    // +rtype 1.21-1.23 hmap.B uint8 @9
    // +rtype X:noswissmap 1.24-1.25 hmap.B uint8 @9
    pub const B: u64 = 9;
    /// In the header: the buckets.
    // +rtype 1.21-1.23 hmap.buckets unsafe.Pointer @16
    // +rtype X:noswissmap 1.24-1.25 hmap.buckets unsafe.Pointer @16
    pub const BUCKETS: u64 = 16;
    /// In the header: the buckets that are not all moved yet while the map grows.
    // +rtype 1.21-1.23 hmap.oldbuckets unsafe.Pointer @24
    // +rtype X:noswissmap 1.24-1.25 hmap.oldbuckets unsafe.Pointer @24
    pub const OLD_BUCKETS: u64 = 24;
    /// In a bucket: the first key. A byte for each entry stands before it.
    // +rtype 1.21-1.23 bmap.tophash [8]uint8 @0
    // +rtype X:noswissmap 1.24-1.25 bmap.tophash [8]uint8 @0
    pub const KEYS: u64 = 8;
    /// Bytes of that kind below this say that there is no entry.
    // +rtype 1.21-1.23 const minTopHash = 5
    // +rtype X:noswissmap 1.24-1.25 const minTopHash = 5
    pub const LEAST_USED: u8 = 5;
    /// The size of a map type's descriptor.
    // +rtype X:noswissmap 1.24-1.25 size internal/abi.OldMapType = 88
    pub(crate) const DESCRIPTOR: u64 = 88;
}

impl Maps {
    /// Those of programs that this release made; nothing if it is not known.
    #[must_use]
    pub fn of(go: &GoVersion) -> Option<Maps> {
        let swiss = go.release()?.swiss_maps && !go.has_experiment("noswissmap");
        Some(if swiss { Maps::Swiss { split: go.has_experiment("mapsplitgroup") } } else { Maps::Buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_those_of_the_release_and_its_experiments() {
        let of = |version: &str| Maps::of(&GoVersion::parse(version));
        let swiss = |split| Some(Maps::Swiss { split });
        assert_eq!(["go1.23.12", "go1.24.11 X:noswissmap"].map(of), [Some(Maps::Buckets); 2]);
        assert_eq!(
            ["go1.24.11", "go1.27.3-X:mapsplitgroup", "go1.28"].map(of),
            [swiss(false), swiss(true), swiss(false)]
        );
        assert_eq!(of("weekly"), None);
    }
}
