//! The words of a run that tell programs what to do ([`program::control`]).

use engine::Error;
use engine::Table;
use program::control;

use super::processes::Processes;

/// The words, as they were last written.
pub(super) struct Control {
    words: [u8; control::SIZE as usize],
    /// When the table of goroutines was frozen.
    frozen_at: Option<u64>,
}

impl Control {
    /// Not armed.
    pub fn new(processes: &Processes) -> Control {
        let mut control = Control { words: [0; control::SIZE as usize], frozen_at: None };
        control.set(control::UNFILTERED, processes.unfiltered());
        let admission = processes.admission();
        control.set(control::STARTS, if admission.is_some() { 0 } else { control::KNOWN });
        let admission = admission.unwrap_or_default();
        control.set(control::USER, admission.user.map_or(0, |uid| u64::from(uid) + 1));
        control.set(control::CGROUP, admission.cgroup.unwrap_or(0));
        control
    }

    fn set(&mut self, at: u32, word: u64) {
        self.words[at as usize..][..8].copy_from_slice(&word.to_le_bytes());
    }

    fn set_half(&mut self, at: u32, word: u32) {
        self.words[at as usize..][..4].copy_from_slice(&word.to_le_bytes());
    }

    fn half(&self, at: u32) -> u32 {
        self.words[at as usize..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
    }

    fn write(&self, table: &dyn Table) -> Result<(), Error> {
        table.put(&0u32.to_ne_bytes(), &self.words)
    }

    /// Lets hits count from `now` on, or not count.
    pub fn arm(&mut self, armed: bool, now: u64, table: &dyn Table) -> Result<(), Error> {
        self.set_half(control::ARMED, armed.into());
        if armed {
            self.set(control::ARMED_AT, now);
        }
        self.write(table)
    }

    /// Since when hits count, in nanoseconds since boot; 0 if they never did.
    pub fn armed_at(&self) -> u64 {
        self.words[control::ARMED_AT as usize..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
    }

    /// Tells programs that processes were removed from their table.
    pub fn processes_removed(&mut self, table: &dyn Table) -> Result<(), Error> {
        self.set_half(control::REPLACED, self.half(control::REPLACED).wrapping_add(1));
        self.write(table)
    }

    /// Tells programs that these `under` conditions are not tracked any more ([`control::UNDER_GONE`]).
    pub fn unders_untracked(&mut self, unders: u32, table: &dyn Table) -> Result<(), Error> {
        self.set_half(control::UNDER_GONE, unders);
        self.write(table)
    }

    /// Freezes the table of goroutines, unless it is frozen. Returns since when it is.
    pub fn freeze_goroutines(&mut self, now: u64, table: &dyn Table) -> Result<u64, Error> {
        if let Some(since) = self.frozen_at {
            return Ok(since);
        }
        self.frozen_at = Some(now);
        self.set_half(control::OVER, 1);
        self.write(table)?;
        Ok(now)
    }

    /// Since when the table of goroutines is frozen.
    pub fn frozen_at(&self) -> Option<u64> {
        self.frozen_at
    }

    /// Keeps the table of goroutines up to date again. Hits do not count yet.
    pub fn unfreeze_goroutines(&mut self, table: &dyn Table) -> Result<(), Error> {
        self.frozen_at = None;
        self.set_half(control::OVER, 0);
        self.arm(false, 0, table)
    }
}
