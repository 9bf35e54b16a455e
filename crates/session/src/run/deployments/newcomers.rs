//! Programs that processes of a group run, and no process of it ran before.
//!
//! No event announces them, so all processes are looked at again and again. A file that is no Go program, or was judged
//! before, is recognized by `stat` alone.

use std::collections::HashSet;

use engine::Pid;
use kernel::FileId;

use crate::executable::Stamp;
use crate::group::Group;
use crate::machine::Host;
use crate::processes;

/// The most programs that a run probes: each one is compiled together with all before it.
pub(super) const MOST: usize = 64;

/// The programs that were judged so far.
#[derive(Default)]
pub(super) struct Newcomers {
    judged: HashSet<Stamp>,
}

/// A process that runs a new program.
pub(super) struct Newcomer {
    pub pid: Pid,
    /// Its program's path, as the process would name it.
    pub path: String,
    /// Why the program cannot be traced, if so.
    pub traceable: Result<(), String>,
    stamp: Stamp,
}

impl Newcomers {
    /// The next one, if there is any.
    pub fn next(&mut self, group: &Group, host: &dyn Host, is_known: impl Fn(FileId) -> bool) -> Option<Newcomer> {
        host.pids().into_iter().find_map(|pid| self.look_at(pid, group, host, &is_known))
    }

    fn look_at(
        &mut self,
        pid: Pid,
        group: &Group,
        host: &dyn Host,
        is_known: &impl Fn(FileId) -> bool,
    ) -> Option<Newcomer> {
        let process = host.process(pid).ok()?;
        let stamp = process.executable_stamp().ok()?;
        if self.judged.contains(&stamp) || !group.has(process.as_ref()) {
            return None;
        }
        let found = if is_known(process.executable().ok()?) { None } else { processes::go(pid) };
        let Some(found) = found else {
            self.judged.insert(stamp);
            return None;
        };
        let path = found.exe.path.display().to_string();
        Some(Newcomer { pid: found.pid, path, traceable: found.traceable, stamp })
    }

    /// Does not report its program again.
    pub fn judge(&mut self, newcomer: &Newcomer) {
        self.judged.insert(newcomer.stamp);
    }

    /// Reports all programs again.
    pub fn forget(&mut self) {
        self.judged.clear();
    }
}
