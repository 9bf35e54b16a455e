//! The service of `gospect demo`: a sentence for people, an object for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::{Format, json_line};

/// A service that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "demo")]
pub struct Demo<'a> {
    /// Its PID.
    pub pid: u32,
    /// Its address.
    pub url: &'a str,
    /// Its web framework: `gin`, or `net/http` alone.
    pub framework: &'a str,
    /// The Go that built it.
    pub go: &'a str,
    /// Its executable.
    pub path: &'a str,
}

/// Introduces the service.
///
/// # Errors
/// The writer's.
pub fn show(demo: &Demo<'_>, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let Demo { pid, url, framework, go, .. } = demo;
    match format {
        Format::Json => json_line(out, demo),
        Format::Text(_) => writeln!(
            out,
            "A service on {framework}, built by {go}, runs as PID {pid} and answers about a hundred requests a second, as it \
             does yours: curl '{url}/fib?n=10'"
        ),
    }
}
