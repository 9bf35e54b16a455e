//! The probe language: bpftrace's, for Go. Text in; what to attach, and what to run there, out.
//!
//! Pure: what has to be known of executables and of the kernel is asked through [`plan::world::World`]. The same text,
//! executables and parameters make the same [`plan::Plan`] on every machine.
//!
//! ```text
//! text ── lex, parse ──► ast::Script ── check(World) ──► plan::Plan
//!                └──────── diagnostic ────────┘
//! ```

pub mod ast;
mod check;
pub mod diagnostic;
#[cfg(test)]
mod fakes;
mod lex;
mod parse;
pub mod words;

pub use check::{Checked, check, compile};
pub use diagnostic::{Diagnostic, Severity, render};
pub use parse::parse;
