//! How a run with probes began and how it ended, as values: whoever runs makes them, whoever shows or records takes them.
//!
//! The fields are those of the JSON objects `attached` and `summary`, in their order; docs/json.md says what each means.
//! Which words a person gets to read is not decided here.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The probes are in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "attached")]
pub struct Attached {
    /// Probes that the program asks for, wildcards counted by what they match.
    pub matched: u64,
    /// Those that are in place.
    pub attached: u64,
    /// Places in the code that are probed for them.
    pub sites: u64,
    /// The others, with the reasons.
    pub skipped: Vec<Reason>,
    /// Where functions that are probed were inlined, and are not seen: the first places.
    pub inlined: Vec<Inlined>,
    /// How many functions have such places.
    pub inlined_functions: u64,
    /// How many such places there are.
    pub inlined_places: u64,
    /// When, in nanoseconds since 1970.
    pub ts: u64,
    /// Functions whose returns are probed, for who measures their calls. Not in JSON.
    #[serde(skip)]
    pub measured: Vec<Measured>,
}

/// A place where a function was inlined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inlined {
    /// Its name.
    pub func: String,
    /// Where.
    #[serde(flatten)]
    pub at: crate::go::Inlined,
}

/// A program that came while others were probed already: a new build in the place of one of them, or, in a group of
/// processes, a further one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "program")]
pub struct Program {
    /// Its file, as its process would name it.
    pub path: String,
    /// The process by which it was found, if it was by one.
    pub pid: Option<u32>,
    /// It stands where the file of another one did.
    pub replaces: bool,
    /// It is probed as well.
    pub probed: bool,
    /// Why it is not.
    pub why: Option<String>,
    /// Places in its code that are probed.
    pub sites: u64,
    /// When, in nanoseconds since 1970.
    pub ts: u64,
}

/// What there is to know about measurements of a function's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its name.
    pub func: String,
    /// The instruction where calls begin is stepped over, which takes long.
    pub stepped: bool,
    /// The text asks whether calls failed, and the executable does not say what they return.
    pub unknown_results: bool,
}

/// A function about which something has to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Its name.
    pub func: String,
    /// What, in words.
    pub why: String,
}

/// Functions, or events of goroutines, whose probes were taken away because they cost too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detached {
    /// The function's name; [`Detached::GOROUTINES`] for what is no function.
    pub func: String,
    /// What it cost, in words.
    pub why: String,
    /// How often its sites were hit until then.
    pub hits: u64,
    /// What that cost in the end, in percent of one CPU.
    pub overhead: u64,
}

impl Detached {
    /// All probes of goroutines' events.
    pub const GOROUTINES: &'static str = "goroutine:*";
}

/// What probes cost while they are in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Hits in a second.
    pub hits: f64,
    /// How much of a CPU they take, if that is known by now.
    pub share: Option<f64>,
    /// How much they may take.
    pub limit: Option<f64>,
}

/// A part of one CPU that probes may take, as people write it: `25%`, `0.1%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budgeted(pub f64);

impl fmt::Display for Budgeted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nobody gives more digits than that, and binary fractions have more.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

/// A probe of which records found no room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The probe, as it stands in the text.
    pub probe: String,
    /// How many records.
    pub records: u64,
}

/// A probe that could not read values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// The probe, as it stands in the text.
    pub probe: String,
    /// How many values.
    pub values: u64,
    /// Why some can never be read there, in words; nothing if that depends on what is met.
    pub why: Option<String>,
}

/// A function of which calls ended without returning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unwound {
    /// Its name.
    pub func: String,
    /// By a panic.
    pub unwound: u64,
    /// With their goroutine.
    pub goexit: u64,
}

/// A map in which there was no room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Full {
    /// Its name; [`Full::CALLS`], [`Full::PROCESSES`], [`Full::STACKS`], [`Full::GOROUTINES`] or
    /// [`Full::SYSCALLS`] for what is no map of the text.
    pub map: String,
    /// How often.
    pub times: u64,
}

impl Full {
    /// The name of what keeps calls until they return.
    pub const CALLS: &'static str = "calls";
    /// The name of what keeps user stacks until they are shown.
    pub const STACKS: &'static str = "stacks";
    /// The name of what keeps the states of goroutines.
    pub const GOROUTINES: &'static str = "goroutines";
    /// The name of what keeps system calls until they are answered.
    pub const SYSCALLS: &'static str = "syscalls";
    /// The name of what processes are known by.
    pub const PROCESSES: &'static str = "processes";
}

/// The probes are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "summary")]
pub struct Summary {
    /// As in [`Attached`].
    pub matched: u64,
    /// As in [`Attached`].
    pub attached: u64,
    /// As in [`Attached`].
    pub skipped: Vec<Reason>,
    /// How long hits counted.
    #[serde(skip)]
    pub counted: Duration,
    /// How often probes ran while hits counted, those too that gospect itself needs.
    pub firings: u64,
    /// How often those ran that the program asks for, those of its own clock not among them.
    pub hits: u64,
    /// Units of output.
    pub printed: u64,
    /// Hits that a condition refused.
    pub filtered: u64,
    /// Hits that a limit refused.
    pub limited: u64,
    /// Calls that had not returned.
    pub open: u64,
    /// Calls that a panic ended, recovered from by a caller.
    pub unwound: u64,
    /// Calls that ended with their goroutine.
    pub goexit: u64,
    /// Of which functions those two were, the most first.
    pub unwound_by: Vec<Unwound>,
    /// Calls that left their stack and never came back, as parts of the scheduler do.
    pub switched: u64,
    /// Records for which there was no room.
    pub lost: u64,
    /// Of which probes they were.
    pub lost_by: Vec<Lost>,
    /// Hits that the kernel skipped.
    pub missed: u64,
    /// Returns whose calls were not seen.
    pub unpaired: u64,
    /// Calls whose ends were not seen, though they must have ended.
    pub unended: u64,
    /// Hits on a stack that is not the goroutine's.
    pub foreign: u64,
    /// Hits where there was no goroutine.
    pub no_g: u64,
    /// Values that could not be read.
    pub unreadable: u64,
    /// By which probes, and why.
    pub unreadable_by: Vec<Unread>,
    /// Hits that found no memory to work in.
    pub no_scratch: u64,
    /// Records and entries of maps that made no sense.
    pub damaged: u64,
    /// Maps in which there was no room.
    pub full: Vec<Full>,
    /// Functions whose probes were taken away before the end.
    pub detached: Vec<Detached>,
    /// Calls that were open in those when that was done.
    pub calls_detached: u64,
    /// If goroutines were watched by turns, for how long that was.
    pub turns: Option<Turns>,
    /// The exit status of the command that was started, 128 and the signal if one ended it; `None` if none was.
    pub exit: Option<i32>,
    /// What ended the run; `None` while it goes on.
    pub ended_by: Option<Cause>,
    /// As in [`Attached`], with functions of programs that came later. Not in JSON.
    #[serde(skip)]
    pub measured: Vec<Measured>,
}

/// Goroutines were not watched all the time, to keep within the budget: what is told of them is of these turns alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Turns {
    /// How many there were.
    pub turns: u64,
    /// How long all of them were, in nanoseconds.
    pub watched_ns: u64,
    /// How long the run was.
    pub of_ns: u64,
}

/// What ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Cause {
    /// `exit()` in the program.
    #[serde(rename = "exit")]
    Exit,
    /// Ctrl-C.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// Somebody's `kill`.
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// The terminal went away.
    #[serde(rename = "SIGHUP")]
    HangUp,
    /// It had been as long as it was to be.
    #[serde(rename = "duration")]
    Duration,
    /// As much was printed as was asked for.
    #[serde(rename = "printed")]
    Printed,
    /// The command that gospect started was over.
    #[serde(rename = "command")]
    Command,
    /// The process that was looked at was over.
    #[serde(rename = "process")]
    Process,
    /// Something could not be written.
    #[serde(rename = "output")]
    Output,
}
