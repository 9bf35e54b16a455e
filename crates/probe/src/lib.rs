//! The probe language: bpftrace's, for Go. Text in; what to attach, and what to run there, out.
//!
//! Pure: what has to be known of executables and of the kernel is asked through [`target::World`]. The same text,
//! executables and parameters make the same [`Plan`] on every machine.
//!
//! ```text
//! text ── lex, parse ──► ast::Script ── check(World) ──► plan::Plan
//!                └──────── diagnostic ────────┘
//! ```

pub mod ast;
pub mod capture;
mod check;
pub mod diagnostic;
pub mod emit;
pub mod frames;
mod lex;
pub mod limits;
pub mod machine;
mod parse;
pub mod plan;
pub mod program;
pub mod target;
pub mod words;

pub use bpf::{Caps, MapId, Source};
pub use check::{Checked, check, compile};
pub use diagnostic::{Diagnostic, Severity, render};
pub use emit::{Options, Refused, emit, emit_after};
pub use parse::parse;
pub use plan::Plan;
pub use program::Program;
