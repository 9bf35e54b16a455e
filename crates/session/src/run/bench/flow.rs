//! Records at the pace of their reader: never more of them under way than the ring has room for.

use std::io;
use std::time::{Duration, Instant};

use event::calls::Key;
use event::goroutine::Told;
use event::run::{Attached, Program, Summary};
use event::{Format, Names, Snapshot, Value};
use kernel::specimen::Specimen;

use super::super::{Call, Show};
use super::{BUSY, gone};

/// Calls that are ordered at once.
const BATCH: u64 = 1 << 10;
/// Calls under way at most: their records take less than half of the ring.
const UNDER_WAY: u64 = 1 << 14;

/// Calls that make records.
pub(super) struct Flow<'s> {
    specimen: &'s mut Specimen,
    ordered: u64,
}

impl<'s> Flow<'s> {
    /// None yet.
    pub fn new(specimen: &'s mut Specimen) -> Flow<'s> {
        Flow { specimen, ordered: 0 }
    }

    /// Has as many more made as there is room for, when so many were taken out of the ring.
    pub fn fill(&mut self, taken: u64) -> io::Result<()> {
        while self.ordered + BATCH <= taken + UNDER_WAY {
            self.specimen.order(BUSY, BATCH)?;
            self.ordered += BATCH;
        }
        Ok(())
    }
}

/// Has more calls made as their records are shown.
pub(super) struct Paced<'s> {
    show: &'s mut dyn Show,
    flow: Flow<'s>,
    start: Instant,
    /// How many were.
    pub shown: u64,
    /// In how much time.
    pub took: Duration,
    /// How many there was no room for.
    pub lost: u64,
}

impl<'s> Paced<'s> {
    /// Shows there.
    pub fn new(show: &'s mut dyn Show, flow: Flow<'s>) -> Paced<'s> {
        Paced { show, flow, start: Instant::now(), shown: 0, took: Duration::ZERO, lost: 0 }
    }

    fn go_on(&mut self) -> io::Result<()> {
        self.flow.fill(self.shown).map_err(|e| io::Error::other(gone(&e)))
    }
}

impl Show for Paced<'_> {
    fn attached(&mut self, _: &Attached) -> io::Result<()> {
        self.start = Instant::now();
        self.go_on()
    }

    fn program(&mut self, program: &Program) -> io::Result<()> {
        self.show.program(program)
    }

    fn printf(&mut self, form: &Format, args: &[Value], names: &dyn Names) -> io::Result<()> {
        self.shown += 1;
        self.show.printf(form, args, names)
    }

    fn value(&mut self, value: &Value, names: &dyn Names) -> io::Result<()> {
        self.show.value(value, names)
    }

    fn call(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()> {
        self.show.call(call, names)
    }

    fn begins(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()> {
        self.show.begins(call, names)
    }

    fn drops(&mut self, call: Key, boot: u64, names: &dyn Names) -> io::Result<()> {
        self.show.drops(call, boot, names)
    }

    fn wants_beginnings(&self) -> bool {
        self.show.wants_beginnings()
    }

    fn time(&mut self, form: &str, boot: u64, names: &dyn Names) -> io::Result<()> {
        self.show.time(form, boot, names)
    }

    fn state(&mut self, told: &Told, names: &dyn Names) -> io::Result<()> {
        self.show.state(told, names)
    }

    fn map(&mut self, map: &Snapshot, names: &dyn Names) -> io::Result<()> {
        self.show.map(map, names)
    }

    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) -> io::Result<()> {
        self.show.rest(maps, names)
    }

    fn pause(&mut self, names: &dyn Names) -> io::Result<()> {
        self.show.pause(names)?;
        self.took = self.start.elapsed();
        self.go_on()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.show.finish()
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        self.lost = summary.lost;
        Ok(())
    }

    fn rescue(&mut self, kept: bool) {
        self.show.rescue(kept);
    }

    fn note(&mut self, note: &str) {
        self.show.note(note);
    }
}
