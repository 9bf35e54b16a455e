//! Shows facts: as text for people, and as JSON, one object a line, for programs.
//!
//! Takes values and a place to write to, and gives back nothing but the writer's own errors. Opens no file, asks no
//! terminal, attaches to nothing: what is shown of a recording is what was shown live.
//!
//! A module for each kind of fact; [`source`], [`table`] and [`text`] are what they share.

pub mod bench;
pub mod call;
pub mod check;
pub mod demo;
pub mod explain;
mod frame;
pub mod function;
pub mod go;
pub mod goroutines;
pub mod graph;
pub mod hist;
pub mod info;
pub mod instance;
pub mod maps;
mod number;
pub mod page;
pub mod printf;
pub mod process;
pub mod run;
pub mod sink;
pub mod source;
pub mod state;
pub mod strftime;
pub mod table;
pub mod text;
pub mod totals;
pub mod tree;
pub mod value;

use std::io::{self, Write};

use serde::Serialize;

/// How to show something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Text(Look),
    /// For programs: one object a line, each with its `"type"`.
    Json,
}

/// What the reader of a text can do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Whether colours are wanted.
    pub color: bool,
    /// Columns of the screen; `None` where lines may have any length.
    pub width: Option<usize>,
}

/// Writes one object on a line of its own.
///
/// # Errors
/// The writer's.
pub fn json_line(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")
}
