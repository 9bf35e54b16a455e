//! The stream of a run: everything that its sinks show or keep, in the order in which it happened.
//!
//! ```text
//!                   ┌─ text, JSON: Decoder ── Output
//! producer ── Item ─┤
//!                   └─ recorder
//! ```
//!
//! A record comes as the bytes that programs wrote. Whatever is needed to decode it is in the stream before it: schemas, types
//! that were made at run time, names, processes, stacks. So a stream can be kept and decoded later, elsewhere, or in another
//! thread. What a record needs says [`Needs`], and a [`Decoder`] takes all of it.

mod context;
mod decoder;
mod needs;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

pub use context::{Context, Named};
pub use decoder::{Captured, Decoder, Output};
pub use needs::{Need, Needs, RuntimeType};

use crate::fold::Snapshot;
use crate::go::{End, Frame, Limits, Types};
use crate::run::{Attached, Load, Lost, Program, Summary};
use crate::schema::Schema;
use crate::totals::{FinalState, Goroutines};
use crate::value::Id;

/// One thing that a run tells.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// The shape of all records from here on. A later schema has all that earlier ones have, by the same numbers.
    Schema {
        /// The shape.
        schema: Arc<Schema>,
        /// How much of values records were to hold.
        limits: Limits,
    },
    /// What makes boot time the time of day.
    Clock(Clock),
    /// An executable that functions, constants and lines are read from.
    Image {
        /// The build of the script that the executable belongs to: the first, or one for executables that came later.
        build: usize,
        /// Its number there.
        binary: u32,
        /// The executable.
        image: Arc<dyn Image>,
    },
    /// A process, as it is from here on.
    Process(Process),
    /// The name of a number; nothing if it has none, or none any more.
    Name(Id, Option<Name>),
    /// A stack that records name by its number.
    Stack {
        /// Its number.
        id: u64,
        /// Its addresses.
        stack: Stack,
    },
    /// An interface table that a runtime has made.
    Itab {
        /// The process's own number, see [`Process::number`].
        process: u32,
        /// Where it is.
        address: u64,
        /// Where its type is; nothing if that could not be read.
        ty: Option<u64>,
    },
    /// Go types with those that were made at run time.
    Types {
        /// Whose types these are, as [`Schema::addition`] counts them.
        addition: usize,
        /// All of them.
        types: Arc<Types>,
    },
    /// The probes are in place.
    Attached(&'a Attached),
    /// Another program, or another build of one, came while the run went on.
    Program(&'a Program),
    /// What a probe has sent.
    Record(&'a [u8]),
    /// `print` of a map.
    Map(&'a Snapshot),
    /// What the probes cost now, several times a second; only for sinks that want [`Extra::Load`].
    Load(&'a Load),
    /// Goroutines were not watched for a while: the states in which they were last seen, and whether they are gone now.
    Gap(&'a [(FinalState, bool)]),
    /// The run is over, and these calls have not ended.
    Open(&'a OpenCalls),
    /// Goroutines from before the run, and the states that have not ended; only for sinks that want [`Extra::Goroutines`].
    Goroutines(&'a Goroutines),
    /// The maps that are left at the end.
    Maps(&'a [Snapshot]),
    /// Records for which there was no room.
    Lost(&'a [Lost]),
    /// Everything is detached.
    Summary(&'a Summary),
    /// A sentence for people, which is no result.
    Note(&'a str),
}

/// What not every sink can use, and what takes work to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// [`Item::Load`].
    Load,
    /// [`Item::Goroutines`].
    Goroutines,
}

/// What a sink has made of records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Units of output.
    pub shown: u64,
    /// Calls from their beginning to their end.
    pub calls: u64,
    /// Records that made no sense.
    pub damaged: u64,
}

/// Takes the items of a run. Methods fail when the underlying writer does; the first error ends the run.
pub trait Sink {
    /// Takes the next item.
    ///
    /// # Errors
    /// The item could not be written.
    fn take(&mut self, item: &Item<'_>) -> io::Result<()>;

    /// Writes what was held back: nothing follows for the moment.
    ///
    /// # Errors
    /// It could not be written.
    fn pause(&mut self) -> io::Result<()>;

    /// Writes everything to where it belongs.
    ///
    /// # Errors
    /// It could not be written.
    fn finish(&mut self) -> io::Result<()>;

    /// Writes elsewhere from now on, since something could not be written; first what is `kept` from before.
    fn rescue(&mut self, kept: bool);

    /// What it has made of records.
    fn tally(&self) -> Tally;

    /// Whether it can use such items.
    fn wants(&self, _: Extra) -> bool {
        false
    }

    /// Takes a note. A sentence that cannot be said ends no run.
    fn note(&mut self, note: &str) {
        let _ = self.take(&Item::Note(note));
    }
}

/// What makes boot time the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds since 1970 less those since boot.
    pub unix_less_boot: i64,
    /// How many seconds the traced machine's time zone is east of UTC, at a second since 1970.
    pub east_of_utc: fn(i64) -> i32,
}

/// An executable: what its file says.
pub trait Image: std::fmt::Debug + Send + Sync {
    /// The function at an address, as the file counts.
    fn function(&self, at: u64) -> Option<Function<'_>>;

    /// The calls that an address stands for, the innermost first: of more than one all but the last are inlined.
    fn frames(&self, at: u64) -> Vec<Frame>;

    /// Memory that never changes: at most so many bytes.
    fn constant(&self, at: u64, most: usize) -> Option<&[u8]>;
}

/// A function of an [`Image`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it begins.
    pub entry: u64,
    /// The function inlined at the address that was asked for.
    pub inlined: Option<&'a str>,
}

/// A process whose hits count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its PID.
    pub pid: u32,
    /// A number that no other process of the run has; 0 if it is not known.
    pub number: u32,
    /// The build of the script that it runs.
    pub build: usize,
    /// By how much the addresses of executables are greater than those of their files, by their numbers; 0 where it is not
    /// said.
    pub biases: Vec<(u32, u64)>,
}

/// The name of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The name itself.
    pub text: String,
    /// The executable that it belongs to, where several have one of that name.
    pub program: Option<String>,
    /// A function that gospect records itself, for what it tells of other calls.
    pub own: bool,
}

/// The addresses of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The process.
    pub pid: u32,
    /// The address that runs, then those that calls return to.
    pub pcs: Vec<u64>,
}

/// A call: its goroutine, its number there, and when it began.
pub type CallId = (u64, u64, u64);

/// Calls that have not ended when a run is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenCalls {
    /// How each of them stands. Of others that a decoder still has as open the end was lost.
    pub calls: HashMap<CallId, End>,
    /// Panics on their way.
    pub panics: HashSet<CallId>,
}

#[cfg(test)]
mod tests;
