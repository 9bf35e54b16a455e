//! What to run, and how a run goes wrong.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::time::Duration;

use codegen::Restraint;

use super::values::Values;
use crate::machine::EngineChoice;
use crate::refusal::{Class, Refusal};
use crate::subject::Subject;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What to call the text in messages; nothing if it was typed.
    pub name: String,
    /// The text.
    pub text: String,
    /// `$1` and so on.
    pub params: Vec<String>,
    /// What `go:` and an empty file name mean, and whose hits count.
    pub subject: Option<Subject>,
    /// What to start once the probes are in place. Without a subject its program is the target, and only its hits count.
    pub command: Vec<OsString>,
    /// Start it as root, even if somebody else has become root to run us.
    pub as_root: bool,
    /// Which engine attaches probes.
    pub engine: EngineChoice,
    /// How much of values is read.
    pub values: Values,
    /// What is held back of user probes.
    pub restraint: Restraint,
}

/// When a run, or a part of it, ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// After that long.
    pub duration: Option<Duration>,
    /// After so many units of output.
    pub printed: Option<u64>,
    /// How much of a CPU the probes may take before some are taken out; nothing for as much as they like.
    pub overhead: Option<f64>,
}

/// A stage of compilation, as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// What was read.
    Ast,
    /// What it means.
    Plan,
    /// Instructions, maps and sites.
    Bpf,
    /// What comes back.
    Schema,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What `exit()` was given; 0 if something else ended it.
    pub status: i64,
}

/// Why there was no run, or no more of it.
#[derive(Debug)]
pub enum Stopped {
    /// The text is wrong.
    Text(Wrong),
    /// Something else refused.
    Refused(Refusal),
    /// Whoever shows could not.
    Show(io::Error),
}

/// What is wrong with a text.
#[derive(Debug)]
pub struct Wrong {
    /// The diagnostics, to be shown as they are.
    pub shown: String,
    /// The same, one by one, for whoever has made the text out of something else.
    pub mistakes: Vec<Mistake>,
    /// What kind of failure it is.
    pub class: Class,
}

/// One thing that is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What it is: a sentence in lower case without full stop.
    pub sentence: String,
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What helps.
    pub help: Vec<String>,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Refused(refusal)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Show(error)
    }
}

impl From<engine::Error> for Stopped {
    fn from(error: engine::Error) -> Stopped {
        Stopped::Refused(Refusal::from(&error))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Text(wrong) => f.write_str(&wrong.shown),
            Stopped::Refused(refusal) => refusal.fmt(f),
            Stopped::Show(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stopped {}
