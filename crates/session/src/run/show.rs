//! Where the output of a run goes.

use std::io;

use event::calls::Key;
use event::goroutine::Told;
use event::run::{Attached, Load, Summary};
use event::totals::{Goroutines, Lasting};
use event::{Names, Snapshot, Value};

use super::calls::Call;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What `exit()` was given; 0 if something else ended it.
    pub status: i64,
}

/// Whoever shows what a script puts out. The first error ends the run.
pub trait Show {
    /// The probes are in place.
    ///
    /// # Errors
    /// The writer's, as of all others.
    fn attached(&mut self, attached: &Attached) -> io::Result<()>;
    /// Another program, or another build of one, came while the run went on.
    ///
    /// # Errors
    /// The writer's.
    fn program(&mut self, program: &event::run::Program) -> io::Result<()>;
    /// `printf`
    ///
    /// # Errors
    /// The writer's.
    fn printf(&mut self, form: &event::Format, args: &[Value], names: &dyn Names) -> io::Result<()>;
    /// `print` of a value
    ///
    /// # Errors
    /// The writer's.
    fn value(&mut self, value: &Value, names: &dyn Names) -> io::Result<()>;
    /// `time`
    ///
    /// # Errors
    /// The writer's.
    fn time(&mut self, form: &str, boot: u64, names: &dyn Names) -> io::Result<()>;
    /// `call()`: a call has ended, or, where that is all that was asked for, begins.
    ///
    /// # Errors
    /// The writer's.
    fn call(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()>;
    /// A call begins whose end will be shown, if that is wanted.
    ///
    /// # Errors
    /// The writer's.
    fn begins(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()>;
    /// A call that began has ended, and a condition does not want it: it will not be shown.
    ///
    /// # Errors
    /// The writer's.
    fn drops(&mut self, call: Key, boot: u64, names: &dyn Names) -> io::Result<()>;
    /// Whether [`Show::begins`] is wanted.
    fn wants_beginnings(&self) -> bool;
    /// `event()`: a goroutine has changed its state.
    ///
    /// # Errors
    /// The writer's.
    fn state(&mut self, told: &Told, names: &dyn Names) -> io::Result<()>;
    /// `print` of a map
    ///
    /// # Errors
    /// The writer's.
    fn map(&mut self, map: &Snapshot, names: &dyn Names) -> io::Result<()>;
    /// Whether [`Show::goroutines`] is wanted.
    fn wants_goroutines(&self) -> bool {
        false
    }
    /// The goroutines that there were when the run began, and the states that they are in when it ends, or their process,
    /// where goroutines are watched. Comes before [`Show::rest`].
    ///
    /// # Errors
    /// The writer's.
    fn goroutines(&mut self, _: &Goroutines) -> io::Result<()> {
        Ok(())
    }
    /// Where goroutines are watched by turns: the states in which one of these has ended, and whether goroutines are gone
    /// now that another one begins.
    fn turn(&mut self, _: &[(Lasting, bool)]) {}
    /// The maps that are left at the end
    ///
    /// # Errors
    /// The writer's.
    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) -> io::Result<()>;
    /// There is nothing more for the moment.
    ///
    /// # Errors
    /// The writer's.
    fn pause(&mut self, names: &dyn Names) -> io::Result<()>;
    /// There is nothing more of this kind: all of it has to be where it belongs.
    ///
    /// # Errors
    /// The writer's.
    fn finish(&mut self) -> io::Result<()>;
    /// Everything is taken out.
    ///
    /// # Errors
    /// The writer's.
    fn summary(&mut self, summary: &Summary) -> io::Result<()>;
    /// Something could not be shown: from now on shows elsewhere, first what is `kept` from before.
    fn rescue(&mut self, kept: bool);
    /// Whether [`Show::load`] is wanted.
    fn wants_load(&self) -> bool {
        false
    }
    /// What the probes cost now, several times a second.
    ///
    /// # Errors
    /// The writer's.
    fn load(&mut self, _: &Load) -> io::Result<()> {
        Ok(())
    }
    /// Something that is no result, in a sentence.
    fn note(&mut self, note: &str);
}
