//! Ways to look at the maps of a program that a command has made: in place of what `gospect run` would print of them.

use std::io::{self, Write};

use event::run::{Attached, Summary};
use event::totals::{Goroutines, Lasting};
use event::{Names, Snapshot};
use ui::Format;

/// Gathers what a run tells of its maps until it is shown.
pub(crate) trait Fold {
    /// The probes are in place.
    fn attached(&mut self, _: &Attached) {}

    /// The program prints one of its maps.
    fn map(&mut self, _: &Snapshot, _: &dyn Names, _: Format, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`Fold::goroutines`] is wanted.
    fn wants_goroutines(&self) -> bool {
        false
    }

    /// Those of before the run, and the states that have not ended. Comes before [`Fold::rest`].
    fn goroutines(&mut self, _: &Goroutines) {}

    /// Goroutines are watched by turns, and one of these has ended in such states; whether they are gone.
    fn turn(&mut self, _: &[(Lasting, bool)]) {}

    /// The maps as they are at the end.
    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names);

    /// Shows what was gathered.
    fn summary(&mut self, summary: &Summary, to: Format, out: &mut dyn Write) -> io::Result<()>;
}
