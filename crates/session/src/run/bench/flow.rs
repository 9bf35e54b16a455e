//! Records at the pace of their reader: never more of them under way than the ring has room for.

use std::io;
use std::time::{Duration, Instant};

use event::stream::{Extra, Item, Sink, Tally};
use kernel::specimen::Specimen;

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
    sink: &'s mut dyn Sink,
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
    pub fn new(sink: &'s mut dyn Sink, flow: Flow<'s>) -> Paced<'s> {
        Paced { sink, flow, start: Instant::now(), shown: 0, took: Duration::ZERO, lost: 0 }
    }

    fn go_on(&mut self) -> io::Result<()> {
        self.flow.fill(self.shown).map_err(|e| io::Error::other(gone(&e)))
    }
}

impl Sink for Paced<'_> {
    fn take(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Attached(_) => {
                self.start = Instant::now();
                self.go_on()
            }
            Item::Summary(summary) => {
                self.lost = summary.lost;
                Ok(())
            }
            item => self.sink.take(item),
        }
    }

    fn pause(&mut self) -> io::Result<()> {
        self.sink.pause()?;
        (self.took, self.shown) = (self.start.elapsed(), self.sink.tally().shown);
        self.go_on()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }

    fn rescue(&mut self, kept: bool) {
        self.sink.rescue(kept);
    }

    fn tally(&self) -> Tally {
        self.sink.tally()
    }

    fn wants(&self, extra: Extra) -> bool {
        self.sink.wants(extra)
    }
}
