//! Names for the numbers of records.

use crate::go::{GoValue, Types};
use crate::value::Id;

/// What user space knows about numbers that the kernel sends.
pub trait Names {
    /// The name of that thing; `None` if there is none. A stack's is one line for each frame, without indentation.
    fn name(&self, id: Id) -> Option<String>;

    /// The same of a function that goroutines begin with, without the program that it is in where there are several.
    fn start(&self, id: Id) -> Option<String> {
        self.name(id)
    }

    /// The whole value of Go with that number, [`crate::Value::Go`], and the types that it speaks of.
    fn go(&self, _value: u32) -> Option<(&GoValue, &Types)> {
        None
    }

    /// The time of day at so many nanoseconds since boot, in the time zone of the traced machine.
    fn moment(&self, boot: u64) -> Moment;
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds since 1970.
    pub unix: i64,
    /// Seconds that the time zone is east of UTC then.
    pub east: i32,
}
