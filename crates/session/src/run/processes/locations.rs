//! Where executables are loaded, also in processes that have ended.

use std::collections::{HashMap, VecDeque};

use engine::Pid;

/// How many processes that have ended are remembered, to name addresses that they left behind.
const REMEMBERED: usize = 4096;

/// Where executables are loaded, and which build a process runs.
#[derive(Default)]
pub(super) struct Locations {
    /// Differences between addresses in a process and in a file, by the executable's number in the plan.
    biases: HashMap<(Pid, u32), u64>,
    builds: HashMap<Pid, usize>,
    /// Processes that have ended, in that order.
    ended: VecDeque<Pid>,
}

impl Locations {
    /// Remembers where an executable is loaded.
    pub fn set_bias(&mut self, pid: Pid, binary: u32, bias: u64) {
        self.biases.insert((pid, binary), bias);
    }

    /// Where an executable is loaded, unless it is not known or at its own addresses.
    pub fn bias(&self, pid: Pid, binary: u32) -> Option<u64> {
        self.biases.get(&(pid, binary)).copied().filter(|&bias| bias != 0)
    }

    /// Remembers which build a process runs.
    pub fn set_build(&mut self, pid: Pid, build: usize) {
        self.builds.insert(pid, build);
    }

    /// Which build a process runs, or ran.
    pub fn build(&self, pid: Pid) -> Option<usize> {
        self.builds.get(&pid).copied()
    }

    /// Notes that a process has ended, and forgets the one that ended longest ago unless its number is in use again.
    pub fn end(&mut self, pid: Pid, is_in_use: impl Fn(Pid) -> bool) {
        self.ended.push_back(pid);
        if self.ended.len() > REMEMBERED
            && let Some(oldest) = self.ended.pop_front()
            && !is_in_use(oldest)
        {
            self.biases.retain(|(pid, _), _| *pid != oldest);
            self.builds.remove(&oldest);
        }
    }
}
