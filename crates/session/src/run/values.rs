//! How much of values is captured and shown.

use event::go::redact::SECRETS;
use plan::capture::{Limits, Opaque};

/// How much of values is read, and what of them is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// How many pointers are followed, one behind the other.
    pub depth: u8,
    /// Bytes of a record of a call.
    pub bytes: u32,
    /// Bytes of a string.
    pub strlen: u16,
    /// What has such a name is not shown.
    pub secrets: Vec<String>,
    /// Types into which nobody wants to look, or into which somebody does, besides those that are usual; what comes last
    /// counts.
    pub opaque: Vec<Opaque>,
}

impl Default for Values {
    fn default() -> Values {
        let Limits { depth, bytes, string: strlen, .. } = Limits::default();
        Values { depth, bytes, strlen, secrets: SECRETS.map(str::to_owned).to_vec(), opaque: Vec::new() }
    }
}

impl Values {
    /// The same for the compiler.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits { depth: self.depth, bytes: self.bytes, string: self.strlen, ..Limits::default() };
        limits.opaque.extend(self.opaque.iter().cloned());
        limits
    }
}
