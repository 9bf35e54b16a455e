//! A script from its text to its output: opens what it names, compiles it, attaches its probes, does what its records ask
//! for until something ends it, detaches, and tells how it went.
//!
//! ```text
//! Script ── Script::compile ──► Prepared ── Prepared::run(Sink) ──► Ended
//! ```
//!
//! Nothing is printed: everything goes to an [`event::stream::Sink`] as items, in the order in which it happened.

pub mod bench;
mod compile;
mod control;
mod deployments;
mod duty_cycle;
mod executables;
mod feed;
mod final_state;
mod goroutines;
mod initial_state;
mod leftovers;
mod lifetime;
mod maps;
mod names;
mod output;
mod overhead;
mod probes;
mod processes;
mod run_loop;
mod runtime_types;
mod script;
mod summary;
mod tracepoints;
mod values;
mod world;

pub use crate::machine::{EngineChoice, EngineName};
pub use codegen::Restraint;
pub use compile::Prepared;
pub use plan::capture::Opaque;
pub use script::{Ended, Limits, Mistake, Script, Stage, Stopped, Wrong};
pub use values::Values;
