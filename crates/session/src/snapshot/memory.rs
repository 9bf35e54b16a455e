//! The memory of a process that goes on while it is read.

use std::io;

use kernel::{Memory, Process};

use crate::refusal::Refusal;
use crate::target::{Program, ended, refused_memory};

/// Bytes of a stack that are read at once, the first time and from then on.
const FIRST: usize = 2048;
const NEXT: usize = 16 << 10;

/// A process's memory.
pub(super) struct Live<'p> {
    name: &'p str,
    process: &'p Process,
    memory: Memory,
}

impl Live<'_> {
    /// Opens it.
    pub fn open<'p>(program: &'p Program, process: &'p Process) -> Result<Live<'p>, Refusal> {
        let memory = process.memory().map_err(|e| refused_memory(&program.name, &e))?;
        Ok(Live { name: &program.name, process, memory })
    }

    /// Fills `bytes` with what stands at `at`.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read(at, bytes)
    }

    /// The word at `at`.
    pub fn word(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes).ok().map(|()| u64::from_le_bytes(bytes))
    }

    /// Refuses if the process has ended meanwhile.
    pub fn is_there(&self) -> Result<(), Refusal> {
        match self.process.stat() {
            Ok(stat) if !stat.has_ended() => Ok(()),
            _ => Err(ended(self.name)),
        }
    }

    /// Why what must be there could not be read.
    pub fn refused(&self, error: &io::Error) -> Refusal {
        self.is_there().err().unwrap_or_else(|| refused_memory(self.name, error))
    }
}

/// A piece of a stack.
#[derive(Default)]
pub(super) struct Piece {
    from: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// Lets the next word be read anew.
    pub fn forget(&mut self) {
        self.bytes.clear();
    }

    /// The word at `at` of a stack that ends at `end`.
    pub fn word(&mut self, live: &Live<'_>, at: u64, end: u64) -> Option<u64> {
        if let Some(word) = self.kept(at) {
            return Some(word);
        }
        let most = if self.bytes.is_empty() { FIRST } else { NEXT };
        let len = usize::try_from(end.checked_sub(at)?).unwrap_or(most).min(most);
        self.bytes.resize(len, 0);
        self.from = at;
        if live.read(at, &mut self.bytes).is_err() {
            self.bytes.clear();
        }
        self.kept(at)
    }

    fn kept(&self, at: u64) -> Option<u64> {
        let offset = usize::try_from(at.checked_sub(self.from)?).ok()?;
        self.bytes.get(offset..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }
}
