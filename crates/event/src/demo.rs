//! The service that `gospect demo` shows things on, as whoever started it tells of it.

use serde::Serialize;

/// A service that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "demo")]
pub struct Demo {
    /// Its PID.
    pub pid: u32,
    /// Where it answers.
    pub url: String,
    /// What it is made with: `gin`, or `net/http` alone.
    pub framework: &'static str,
    /// Which Go built it.
    pub go: String,
    /// Its executable.
    pub path: String,
}
