//! What a helper finds when it is called: memory, the thread, the process.

use super::fault::Reason;
use super::memory::{MAP_OBJECTS, Memory, split};
use super::user::UserMemory;
use crate::map::MapId;

/// The thread and the probe that a program runs for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Process.
    pub tgid: u32,
    /// Thread.
    pub pid: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The thread's name.
    pub comm: String,
    /// The CPU it runs on; taken modulo the machine's.
    pub cpu: u32,
    /// What the attach gave this site.
    pub cookie: u64,
    /// The address of the probed instruction.
    pub ip: u64,
    /// The id of its cgroup.
    pub cgroup: u64,
    /// The ids of the cgroups that it is in, from the root down.
    pub cgroups: Vec<u64>,
    /// Where its `task_struct` is.
    pub address: u64,
    /// Nanoseconds since boot without suspend.
    pub ktime_ns: u64,
    /// Nanoseconds since boot.
    pub boot_ns: u64,
    /// The pid namespace that the thread lives in.
    pub namespace: Namespace,
    /// Return addresses, innermost first, as the kernel's walk would find them.
    pub stack: Vec<u64>,
    /// The state of the random numbers.
    pub random: u64,
}

/// A pid namespace and the thread's numbers in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the type's description says it")]
pub struct Namespace {
    pub device: u64,
    pub inode: u64,
    pub tgid: u32,
    pub pid: u32,
}

/// All that helpers work on.
pub struct Machine<'r> {
    /// What the program can reach.
    pub memory: Memory<'r>,
    /// The thread.
    pub task: &'r mut Task,
    /// The process's memory.
    pub user: &'r mut dyn UserMemory,
}

impl<'r> Machine<'r> {
    pub(super) fn new(memory: Memory<'r>, task: &'r mut Task, user: &'r mut dyn UserMemory) -> Machine<'r> {
        Machine { memory, task, user }
    }

    /// The map that an argument is.
    ///
    /// # Errors
    /// If it is not one.
    pub fn map(&mut self, addr: u64) -> Result<MapId, Reason> {
        match split(addr) {
            (MAP_OBJECTS, id) if (id as usize) < self.memory.store().len() => Ok(MapId(id as u32)),
            _ => Err(Reason::NotAMap { addr }),
        }
    }

    /// Reads memory of the process into the program's; what cannot be read leaves zeros.
    ///
    /// # Errors
    /// If the buffer is not the program's.
    pub fn copy_in(&mut self, buffer: u64, len: usize, addr: u64, wait: bool) -> Result<bool, Reason> {
        let buffer = self.memory.bytes_mut(buffer, len)?;
        let read = if wait { self.user.read_waiting(addr, buffer) } else { self.user.read(addr, buffer) };
        if read.is_err() {
            buffer.fill(0);
        }
        Ok(read.is_ok())
    }
}
