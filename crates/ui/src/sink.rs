//! The items of a run as output: decodes records and shows everything in the layout of one output format.
//!
//! Each format is one [`Layout`] in a file of its own. What goes beside the results, and where results go, is the business of
//! the [`Place`].

mod json;
mod pages;
mod text;

use std::io::{self, Write};

use event::Names;
use event::calls::Finished;
use event::go::redact::Secrets;
use event::run::Load;
use event::stream::{Decoder, Extra, Item, Output, Sink, Tally};

use crate::call::View;
use crate::go::Style;
use crate::run;

pub use json::json;
pub use text::text;

/// How calls and values are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How calls are shown.
    pub view: View,
    /// How much of values is shown.
    pub style: Style,
    /// Calls are of several processes, so that each says from the start which process it is of.
    pub several: bool,
}

/// Makes the layout of a format.
pub type Open = fn(Options) -> Box<dyn Layout>;

/// An output format.
pub trait Layout {
    /// Shows what a record says.
    ///
    /// # Errors
    /// The writer's.
    fn output(&mut self, output: &Output, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()>;

    /// Shows an item that is no record, if it is a result.
    ///
    /// # Errors
    /// The writer's.
    fn item(&mut self, item: &Item<'_>, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()>;

    /// Shows how a run began or ended: here, or as text that goes beside the results.
    ///
    /// # Errors
    /// The writer's.
    fn frame(&mut self, item: &Item<'_>, out: &mut dyn Write) -> io::Result<Option<String>>;

    /// Shows what was held back: nothing follows for the moment.
    ///
    /// # Errors
    /// The writer's.
    fn pause(&mut self, _: &Decoder, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Whether it shows that calls begin whose ends will follow.
    fn shows_beginnings(&self) -> bool {
        false
    }

    /// Fits values into so many columns from now on, or shows them whole.
    fn fit(&mut self, _: Option<usize>) {}
}

/// A way to look at the maps of a program that a command has made, in place of what a layout makes of them.
pub trait Fold {
    /// Takes an item, and shows what there is to show. Says whether the layout has nothing more to do with it.
    ///
    /// # Errors
    /// The writer's.
    fn item(&mut self, item: &Item<'_>, names: &dyn Names, out: &mut dyn Write) -> io::Result<bool>;

    /// Whether it can use such items.
    fn wants(&self, _: Extra) -> bool {
        false
    }
}

/// Where output goes, and what goes beside it.
pub trait Place: Write {
    /// The columns that values are to fit into.
    fn columns(&self) -> Option<usize>;

    /// Takes away what stands where the next line goes.
    fn clear(&mut self);

    /// Says something that is no result, in a sentence.
    fn note(&mut self, note: &str);

    /// Writes text beside the results.
    fn aside(&mut self, text: &str);

    /// The probes are in place.
    fn ready(&mut self);

    /// Writes what is buffered, unless that may wait.
    ///
    /// # Errors
    /// It could not be written.
    fn pause(&mut self) -> io::Result<()>;

    /// Whether [`Place::load`] does anything.
    fn shows_load(&self) -> bool;

    /// Shows what probes cost now.
    fn load(&mut self, load: &Load);

    /// Writes elsewhere from now on; first what is `kept` from before.
    fn turn_away(&mut self, kept: bool);
}

/// Shows the items of a run in some layout.
pub struct Screen<P: Place> {
    layout: Box<dyn Layout>,
    fold: Option<Box<dyn Fold>>,
    place: P,
    decoder: Decoder,
    tally: Tally,
    /// Calls that had not ended when the run was over: shown once more where something could not be written.
    unended: Option<Vec<Finished>>,
    /// Columns were looked at since the last pause: a terminal may become larger.
    fits: bool,
}

impl<P: Place> Screen<P> {
    /// Shows values without such secrets.
    pub fn new(layout: Box<dyn Layout>, place: P, secrets: Secrets) -> Screen<P> {
        Screen {
            layout,
            fold: None,
            place,
            decoder: Decoder::new(secrets),
            tally: Tally::default(),
            unended: None,
            fits: false,
        }
    }

    /// Looks at maps in this way.
    #[must_use]
    pub fn with(self, fold: Option<Box<dyn Fold>>) -> Screen<P> {
        Screen { fold, ..self }
    }

    /// Where it shows.
    pub fn place(&mut self) -> &mut P {
        &mut self.place
    }

    fn fit(&mut self) {
        if !self.fits {
            self.layout.fit(self.place.columns());
            self.fits = true;
        }
    }

    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let output = match self.decoder.read(bytes) {
            Ok(Some(output)) => output,
            Ok(None) => return Ok(()),
            Err(_) => {
                self.tally.damaged += 1;
                return Ok(());
            }
        };
        match output {
            Output::Begins(_) if self.layout.shows_beginnings() => self.show(&output),
            Output::Begins(_) => Ok(()),
            Output::Drops(..) => self.layout.output(&output, &self.decoder, &mut self.place),
            output => {
                self.show(&output)?;
                self.tally.shown += 1;
                Ok(())
            }
        }
    }

    fn show(&mut self, output: &Output) -> io::Result<()> {
        self.place.clear();
        self.fit();
        self.layout.output(output, &self.decoder, &mut self.place)
    }

    fn item(&mut self, item: &Item<'_>) -> io::Result<()> {
        let (names, out) = (self.decoder.names(), &mut self.place);
        let is_done = self.fold.as_mut().map_or(Ok(false), |fold| fold.item(item, names, out));
        if is_done? { Ok(()) } else { self.layout.item(item, &self.decoder, out) }
    }

    fn frame(&mut self, item: &Item<'_>) -> io::Result<()> {
        if let Some(text) = self.layout.frame(item, &mut self.place)? {
            self.place.clear();
            self.place.aside(&text);
        }
        Ok(())
    }

    fn end(&mut self, item: &Item<'_>) -> io::Result<()> {
        let Item::Summary(summary) = item else { return Ok(()) };
        self.item(item)?;
        // Results stand before what is said of them.
        self.place.flush()?;
        run::troubles(summary).iter().for_each(|trouble| self.place.note(trouble));
        self.frame(item)
    }
}

impl<P: Place> Sink for Screen<P> {
    fn take(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Record(bytes) => return self.record(bytes),
            Item::Attached(_) => {
                self.place.clear();
                self.item(item)?;
                self.frame(item)?;
                // Others that write to the same file must not meet a line that is half written.
                self.place.flush()?;
                self.place.ready();
            }
            Item::Program(program) => {
                self.place.note(&run::program(program));
                self.item(item)?;
            }
            Item::Map(_) => {
                self.place.clear();
                self.item(item)?;
                self.tally.shown += 1;
            }
            Item::Maps(_) => {
                self.place.clear();
                self.item(item)?;
            }
            Item::Open(open) => {
                let calls = self.unended.take().unwrap_or_else(|| self.decoder.end(open));
                let mut each = calls.iter().map(|call| Output::Ends(Box::new(call.clone())));
                let shown = each.try_for_each(|output| self.show(&output));
                self.unended = Some(calls);
                shown?;
            }
            Item::Load(load) => {
                // What was printed before stands above it.
                self.place.flush()?;
                self.place.load(load);
            }
            Item::Note(note) => self.place.note(note),
            Item::Summary(_) => self.end(item)?,
            Item::Goroutines(_) | Item::Gap(_) => self.item(item)?,
            item => self.decoder.learn(item),
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        self.layout.pause(&self.decoder, &mut self.place)?;
        self.fits = false;
        self.place.pause()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.place.clear();
        self.place.flush()
    }

    fn rescue(&mut self, kept: bool) {
        self.place.turn_away(kept);
    }

    fn tally(&self) -> Tally {
        Tally { calls: self.decoder.finished(), ..self.tally }
    }

    fn wants(&self, extra: Extra) -> bool {
        match extra {
            Extra::Load => self.place.shows_load(),
            Extra::Goroutines => self.fold.as_ref().is_some_and(|fold| fold.wants(extra)),
        }
    }
}

#[cfg(test)]
mod tests;
