//! Addresses by the space they live in, so that one is never taken for another.

use std::fmt;

/// An address as the file's own headers count it, before the loader moves anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VAddr(pub u64);

/// A position in the file; what the kernel wants to be told for a probe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileOff(pub u64);

impl VAddr {
    /// The address `n` bytes on, wrapping: callers check the result against a segment, never the sum.
    #[must_use]
    pub fn plus(self, n: u64) -> VAddr {
        VAddr(self.0.wrapping_add(n))
    }

    /// How far `self` lies behind `base`, or `None` where it lies before it.
    #[must_use]
    pub fn since(self, base: VAddr) -> Option<u64> {
        self.0.checked_sub(base.0)
    }
}

impl fmt::Debug for VAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for VAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for FileOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}", self.0)
    }
}
