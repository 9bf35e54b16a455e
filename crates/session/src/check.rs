//! Things that probes need of a machine, one by one, as `gospect doctor` examines them and refusals name them.

use std::fmt;

/// What a [`Check`] is about. A refusal names the one that explains it, so there is one list for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// The processor.
    Machine,
    /// What the kernel has.
    Kernel,
    /// What gospect may do.
    Rights,
    /// The user namespace.
    Namespace,
    /// Whether the kernel takes programs.
    Programs,
    /// By what probes are attached.
    Attaching,
    /// What came of a uprobe_multi link.
    Link,
    /// What came of an event in tracefs.
    Event,
    /// What a hit costs.
    Cost,
    /// Whose processes may be looked into.
    Processes,
    /// Whether tracepoints can be looked up.
    Tracefs,
    /// Whether programs may run at times.
    Clock,
    /// Room for maps.
    Memory,
    /// How many files may be open.
    Files,
    /// A container's filter.
    Seccomp,
    /// What Secure Boot forbids.
    Lockdown,
}

impl Line {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Line; 16] = [
        Line::Machine,
        Line::Kernel,
        Line::Rights,
        Line::Namespace,
        Line::Programs,
        Line::Attaching,
        Line::Link,
        Line::Event,
        Line::Cost,
        Line::Processes,
        Line::Tracefs,
        Line::Clock,
        Line::Memory,
        Line::Files,
        Line::Seccomp,
        Line::Lockdown,
    ];

    /// Its name, one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Line::Machine => "machine",
            Line::Kernel => "kernel",
            Line::Rights => "rights",
            Line::Namespace => "namespace",
            Line::Programs => "programs",
            Line::Attaching => "attaching",
            Line::Link => "link",
            Line::Event => "event",
            Line::Cost => "cost",
            Line::Processes => "processes",
            Line::Tracefs => "tracefs",
            Line::Clock => "clock",
            Line::Memory => "memory",
            Line::Files => "files",
            Line::Seccomp => "seccomp",
            Line::Lockdown => "lockdown",
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that probes need, or are better with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is.
    pub name: Line,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What does not work without it.
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
    /// Nothing that there is no other way for.
    Nothing,
}

impl Check {
    /// Whether nothing can be traced because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !self.ok && self.need == Need::Probes
    }
}
