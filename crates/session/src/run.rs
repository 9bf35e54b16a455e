//! A script from its text to its output: opens what it names, compiles it, attaches its probes, does what its records ask
//! for until something ends it, detaches, and tells how it went.
//!
//! ```text
//! Script ── Script::compile ──► Prepared ── Prepared::run(Show) ──► Ended
//! ```
//!
//! Nothing is printed: what there is to show is given to a [`Show`] as values, in the order in which it happened.

pub mod bench;
mod calls;
mod compile;
mod control;
mod deployments;
mod duty_cycle;
mod executables;
mod goroutines;
mod initial_state;
mod lasting;
mod leftovers;
mod lifetime;
mod maps;
mod met;
mod names;
mod output;
mod overhead;
mod probes;
mod processes;
mod run_loop;
mod script;
mod show;
mod summary;
mod tracepoints;
mod world;

pub use crate::machine::{EngineChoice, EngineName};
pub use calls::{Call, Values};
pub use codegen::Restraint;
pub use compile::Prepared;
pub use plan::capture::Opaque;
pub use script::{Limits, Mistake, Script, Stage, Stopped, Wrong};
pub use show::{Ended, Show};
