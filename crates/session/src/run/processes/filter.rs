//! Which processes a run is about.

use engine::Pid;

use crate::group::Group;

/// The processes whose hits count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::run) enum ProcessFilter {
    /// These processes.
    Named(Vec<Pid>),
    /// Processes of a group that run the executables.
    Group(Group),
    /// Processes that run a target. Hits in libraries count in these processes only.
    Target,
    /// Processes that run the executables, and for libraries all processes that map them.
    Any,
}

impl ProcessFilter {
    /// The process, if only one counts.
    pub fn only(&self) -> Option<Pid> {
        match self {
            ProcessFilter::Named(pids) if pids.len() == 1 => pids.first().copied(),
            _ => None,
        }
    }

    /// The group, if it is one.
    pub fn group(&self) -> Option<&Group> {
        match self {
            ProcessFilter::Group(group) => Some(group),
            _ => None,
        }
    }

    /// Whether a run follows files that replace others: not where processes were named.
    pub fn follows_files(&self) -> bool {
        matches!(self, ProcessFilter::Target | ProcessFilter::Any)
    }
}
