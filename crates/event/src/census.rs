//! What the goroutines of a process did at one moment, as values: whoever looks makes them, whoever shows takes them.
//!
//! Names are shared, since thousands of goroutines have the same ones.

use std::rc::Rc;

use crate::go::Frame;

/// All goroutines of a process, read one after the other while it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// The process.
    pub pid: u32,
    /// When it was looked at, in nanoseconds since 1970.
    pub ts: u64,
    /// Those that were asked for.
    pub goroutines: Vec<Goroutine>,
    /// How many others there were.
    pub others: u64,
    /// How many of those are left out because they are the runtime's own.
    pub own: u64,
    /// How many could not be read: they ended meanwhile, or their memory made no sense.
    pub unread: u64,
}

/// A goroutine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goroutine {
    /// Its number.
    pub goid: u64,
    /// The runtime's word for its state.
    pub state: &'static str,
    /// Why it waits, in the runtime's words.
    pub reason: Option<Rc<str>>,
    /// For how many nanoseconds it has been waiting, or been in a system call, at least.
    pub since_ns: Option<u64>,
    /// The function that the `go` statement named.
    pub function: Rc<str>,
    /// The goroutine that created it.
    pub parent: Option<u64>,
    /// Where.
    pub created: Option<Rc<Frame>>,
    /// The thread that runs it, or is in its system call.
    pub tid: Option<u32>,
    /// No other thread may run it.
    pub locked: bool,
    /// It is the runtime's own.
    pub system: bool,
    /// The calls that it is in, the innermost first, as far as they are known and were asked for.
    pub stack: Option<Rc<[Frame]>>,
    /// Why they are not known, or not all of them.
    pub cut: Option<Rc<str>>,
}
