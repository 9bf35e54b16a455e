//! From a plan to the programs that the kernel runs.
//!
//! Pure: the same plan and the same [`bpf::Caps`] give the same bytes. Nothing here knows the text or the executable.
//!
//! ```text
//! plan::Plan ── Captures::of(World) ──► the tables by which values are followed
//!     ├──────── too_heavy ────────────► what the verifier would not follow, with its place in the text
//!     └──────── emit ─────────────────► program::Program
//! ```

mod capture;
mod emit;
#[cfg(test)]
mod fakes;
pub mod frames;
mod weight;

pub use capture::{Captures, Grown, Met};
pub use emit::{Options, Refused, Restraint, emit, emit_after, weigh};
pub use weight::{TooHeavy, too_heavy};
