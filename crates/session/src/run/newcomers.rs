//! Programs that processes of a group run, and nobody of it did before.
//!
//! Nothing tells of them, so all processes are looked at, again and again. What is no program of Go, or was looked at and
//! is known or refused, is recognised by what `stat` says of its file, which is all that is asked of most processes.

use std::collections::HashSet;

use kernel::{FileId, Pid, Process, proc};

use super::world::Stamp;
use crate::group::Group;
use crate::processes;

/// No more programs than that are probed in a run: each one is compiled together with all before it.
pub(super) const MOST: usize = 64;

/// What was found out so far.
#[derive(Default)]
pub(super) struct Newcomers {
    judged: HashSet<Stamp>,
}

/// A process that runs such a program.
pub(super) struct Newcomer {
    /// Its number.
    pub pid: Pid,
    /// Its program's path, as itself would name it.
    pub path: String,
    /// Whether that can be traced; if not, why.
    pub traceable: Result<(), String>,
    stamp: Stamp,
}

impl Newcomers {
    /// The next one, if there is any.
    pub fn next(&mut self, group: &Group, is_known: impl Fn(FileId) -> bool) -> Option<Newcomer> {
        let pids = proc::pids().unwrap_or_default();
        pids.into_iter().find_map(|pid| self.look_at(&Process::open(pid).ok()?, group, &is_known))
    }

    fn look_at(&mut self, process: &Process, group: &Group, is_known: &impl Fn(FileId) -> bool) -> Option<Newcomer> {
        let file = process.exe_metadata().ok()?;
        let stamp = (FileId::of(&file), file.modified().ok()?, file.len());
        if self.judged.contains(&stamp) || !group.has(process) {
            return None;
        }
        let found = if is_known(process.exe_id().ok()?) { None } else { processes::go(process) };
        let Some(found) = found else {
            self.judged.insert(stamp);
            return None;
        };
        let path = found.exe.path.display().to_string();
        Some(Newcomer { pid: found.pid, path, traceable: found.traceable, stamp })
    }

    /// Does not ask about its program again.
    pub fn judge(&mut self, newcomer: &Newcomer) {
        self.judged.insert(newcomer.stamp);
    }

    /// Asks about all programs again.
    pub fn forget(&mut self) {
        self.judged.clear();
    }
}
