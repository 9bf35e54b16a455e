//! The processes whose probes count: which they are, where their programs are loaded, and the table that tells the
//! programs in the kernel.
//!
//! Processes are found by looking at `/proc` again and again. One that lives shorter than that is seen only where it
//! need not be known: where every process that runs the file counts, and the file names the addresses that it runs at.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use kernel::engine::{Error, Map};
use kernel::{FileId, Pid, Process};
use probe::program::{control, process};

use super::world::Executable;

/// Whose hits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// Those of this process.
    One(Pid),
    /// Those of all that run the file.
    All,
}

/// An executable of the plan, by its number there.
struct Watched {
    file: FileId,
    entry: u64,
    is_fixed: bool,
    is_go: bool,
    /// The segment with code: where in the file, and at which address.
    code: Option<(u64, u64)>,
}

/// A process, and where one executable is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Loaded {
    /// A number that no other process of the run has.
    pub number: u32,
    /// How far behind the file's addresses.
    pub bias: u64,
}

/// What is known of processes.
pub(super) struct Watch {
    whose: Whose,
    binaries: Vec<Watched>,
    numbers: HashMap<Pid, u32>,
    /// By process and the executable's number in the plan.
    pub loaded: HashMap<(Pid, u32), Loaded>,
}

impl Watch {
    /// Knows no process yet.
    pub fn new<'e>(whose: Whose, binaries: impl IntoIterator<Item = &'e Executable>) -> Watch {
        let binaries = binaries.into_iter().map(watched).collect();
        Watch { whose, binaries, numbers: HashMap::new(), loaded: HashMap::new() }
    }

    /// Whose hits count.
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// The bits of [`control::UNFILTERED`]: files of which every process counts, whether it was found yet or not.
    pub fn unfiltered(&self) -> u64 {
        let all = self.whose == Whose::All;
        let open = self.binaries.iter().zip(0..64u32).filter(|(b, _)| all && (b.is_fixed || !b.is_go));
        open.fold(0, |bits, (_, n)| bits | 1 << n)
    }

    /// Takes a process whose program is not loaded yet for what it will be: found where its file says.
    pub fn expect(&mut self, pid: Pid, table: &Map) -> Result<(), Error> {
        let fixed = (0..).zip(&self.binaries).filter(|(_, b)| b.is_fixed).map(|(n, _)| n);
        for binary in fixed.collect::<Vec<u32>>() {
            self.enter(pid, binary, 0, table)?;
        }
        Ok(())
    }

    /// Looks which processes there are now, and tells the table. Says whether any is there.
    pub fn look(&mut self, table: &Map) -> Result<bool, Error> {
        let pids = match self.whose {
            Whose::One(pid) => vec![pid],
            Whose::All => kernel::proc::pids().unwrap_or_default(),
        };
        let mut seen = HashSet::new();
        for pid in pids {
            for (binary, bias) in self.look_at(pid) {
                seen.insert(pid);
                self.enter(pid, binary, bias, table)?;
            }
        }
        if self.whose == Whose::All {
            self.forget(&seen, table)?;
        }
        Ok(!seen.is_empty())
    }

    /// Which executables are in a process, and where. Nothing if it cannot be looked at.
    fn look_at(&self, pid: Pid) -> Vec<(u32, u64)> {
        let Ok(process) = Process::open(pid) else { return Vec::new() };
        let main = process.exe().and_then(|file| file.metadata()).map(|m| FileId::of(&m)).ok();
        let is_alone = self.whose == Whose::All && self.binaries.iter().all(|b| Some(b.file) != main);
        // All maps of all processes would be too much to read.
        if main.is_none() || is_alone {
            return Vec::new();
        }
        (0..).zip(&self.binaries).filter_map(|(n, b)| Some((n, bias(&process, b, main)?))).collect()
    }

    fn enter(&mut self, pid: Pid, binary: u32, bias: u64, table: &Map) -> Result<(), Error> {
        let next = self.numbers.len() as u32 + 1;
        let number = *self.numbers.entry(pid).or_insert(next);
        let now = Loaded { number, bias };
        if self.loaded.insert((pid, binary), now) == Some(now) {
            return Ok(());
        }
        let mut value = [0; process::SIZE as usize];
        value[process::NUMBER as usize..][..4].copy_from_slice(&number.to_le_bytes());
        value[process::BIAS as usize..][..8].copy_from_slice(&bias.to_le_bytes());
        table.put(&key(pid, binary), &value)
    }

    fn forget(&mut self, seen: &HashSet<Pid>, table: &Map) -> Result<(), Error> {
        let gone: Vec<_> = self.loaded.keys().filter(|(pid, _)| !seen.contains(pid)).copied().collect();
        for (pid, binary) in gone {
            self.loaded.remove(&(pid, binary));
            // A later process with this PID is another one.
            if let Some(number) = self.numbers.remove(&pid) {
                self.numbers.insert(Pid(u32::MAX - number), number);
            }
            table.remove(&key(pid, binary))?;
        }
        Ok(())
    }
}

fn watched(executable: &Executable) -> Watched {
    let elf = executable.image().elf();
    let code = elf.segment(elf.entry).map(|s| (s.offset.0, s.addr.0));
    let (is_fixed, is_go) = (executable.is_fixed(), executable.is_go());
    Watched { file: executable.program.file, entry: executable.entry().0, is_fixed, is_go, code }
}

fn bias(process: &Process, binary: &Watched, main: Option<FileId>) -> Option<u64> {
    if main == Some(binary.file) {
        return Some(process.entry_point().ok()?.wrapping_sub(binary.entry));
    }
    let mapping = process.maps().ok()?.into_iter().find(|m| m.executable && m.inode == binary.file.inode)?;
    let (offset, address) = binary.code?;
    Some(mapping.start.wrapping_sub(mapping.offset).wrapping_sub(address.wrapping_sub(offset)))
}

fn key(pid: Pid, binary: u32) -> [u8; process::KEY as usize] {
    let mut key = [0; process::KEY as usize];
    key[process::TGID as usize..][..4].copy_from_slice(&pid.0.to_le_bytes());
    key[process::BINARY as usize..][..4].copy_from_slice(&binary.to_le_bytes());
    key
}

/// The word that tells programs what to do.
pub(super) struct Control {
    bytes: [u8; control::SIZE as usize],
}

/// The inode of the first pid namespace (`PROC_PID_INIT_INO`), whose numbers are the kernel's own.
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFC;

impl Control {
    /// Not armed; processes are known by the numbers that our own `/proc` has for them.
    pub fn new(unfiltered: u64) -> Control {
        let mut control = Control { bytes: [0; control::SIZE as usize] };
        if let Some(own) = fs::metadata("/proc/self/ns/pid").ok().filter(|own| own.ino() != FIRST_NAMESPACE) {
            control.set(control::NAMESPACE_DEVICE, own.dev());
            control.set(control::NAMESPACE_INODE, own.ino());
        }
        control.set(control::UNFILTERED, unfiltered);
        control
    }

    fn set(&mut self, at: u32, word: u64) {
        self.bytes[at as usize..][..8].copy_from_slice(&word.to_le_bytes());
    }

    /// From now on hits count, or do not.
    pub fn arm(&mut self, armed: bool, table: &Map) -> Result<(), Error> {
        self.bytes[control::ARMED as usize..][..4].copy_from_slice(&u32::from(armed).to_le_bytes());
        table.put(&0u32.to_ne_bytes(), &self.bytes)
    }
}
