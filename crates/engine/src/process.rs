//! Processes, as engines and programs know them.

use std::fmt;

use bpf::MapId;
use plan::BinaryNo;
use program::process;

use crate::{Entry, Error, Tables};

/// A process, by the number that gospect's own `/proc` has for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pid(pub u32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An executable of the plan in a process whose hits count: a row of the process table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admitted {
    /// The process.
    pub pid: Pid,
    /// The executable.
    pub binary: BinaryNo,
    /// A number for each image that a process has executed ([`process::NUMBER`]).
    pub number: u32,
    /// The difference between addresses in the process and in the file.
    pub bias: u64,
}

impl Admitted {
    /// The key of the row.
    #[must_use]
    pub fn key(pid: Pid, binary: BinaryNo) -> [u8; process::KEY as usize] {
        let mut key = [0; process::KEY as usize];
        key[process::TGID as usize..][..4].copy_from_slice(&pid.0.to_le_bytes());
        key[process::BINARY as usize..][..4].copy_from_slice(&binary.0.to_le_bytes());
        key
    }

    /// The value of the row.
    #[must_use]
    pub fn value(&self) -> [u8; process::SIZE as usize] {
        let mut value = [0; process::SIZE as usize];
        value[process::NUMBER as usize..][..4].copy_from_slice(&self.number.to_le_bytes());
        value[process::BIAS as usize..][..8].copy_from_slice(&self.bias.to_le_bytes());
        value
    }

    fn parse((key, value): &Entry) -> Option<Admitted> {
        let half = |bytes: &[u8], at: u32| Some(u32::from_le_bytes(*bytes.get(at as usize..)?.first_chunk()?));
        let bias = value.get(process::BIAS as usize..)?.first_chunk()?;
        Some(Admitted {
            pid: Pid(half(key, process::TGID)?),
            binary: BinaryNo(half(key, process::BINARY)?),
            number: half(value, process::NUMBER)?,
            bias: u64::from_le_bytes(*bias),
        })
    }
}

/// The process table of engines whose programs keep one.
impl Tables {
    /// Adds a row that is not there yet. Says whether it was added.
    ///
    /// # Errors
    /// When the table is full or cannot be written.
    pub fn admit(&self, processes: MapId, row: &Admitted) -> Result<bool, Error> {
        self.get(processes)?.add(&Admitted::key(row.pid, row.binary), &row.value())
    }

    /// Reads one row.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn admitted_as(&self, processes: MapId, pid: Pid, binary: BinaryNo) -> Result<Option<Admitted>, Error> {
        let key = Admitted::key(pid, binary);
        let value = self.get(processes)?.get(&key)?;
        Ok(value.and_then(|value| Admitted::parse(&(key.to_vec(), value))))
    }

    /// Reads all rows.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn admitted(&self, processes: MapId) -> Result<Vec<Admitted>, Error> {
        Ok(self.get(processes)?.entries()?.iter().filter_map(Admitted::parse).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let row = Admitted { pid: Pid(7), binary: BinaryNo(1), number: 3 << process::PID_BITS | 7, bias: 0x5000 };
        let entry = (Admitted::key(row.pid, row.binary).to_vec(), row.value().to_vec());
        assert_eq!(Admitted::parse(&entry), Some(row));
        assert_eq!(Admitted::parse(&(vec![0; 3], row.value().to_vec())), None);
    }
}
