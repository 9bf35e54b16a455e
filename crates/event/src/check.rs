//! What was found out about a machine, one thing at a time: whoever examines it makes these, whoever shows it takes them.

use serde::Serialize;

/// One thing that probes need, or are better with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "check")]
pub struct Check {
    /// Its name, one word.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What does not work without it.
    #[serde(skip)]
    pub need: Need,
    /// How it is, in words.
    pub detail: String,
    /// How to get it, where it is not.
    pub fix: Option<String>,
}

/// What does not work where a [`Check`] is not ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// All probes.
    Probes,
    /// Processes of other users.
    Others,
    /// `tracepoint:`.
    Tracepoints,
    /// `profile:`.
    Clock,
    /// Large maps.
    Room,
}

impl Check {
    /// Whether nothing can be traced because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !self.ok && self.need == Need::Probes
    }
}
