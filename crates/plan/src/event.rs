//! What code runs on: calls, instructions, and whatever fires without a site.

use crate::numbers::{BinaryNo, GroupNo};

/// Something that fires without a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What.
    pub on: On,
    /// What runs.
    pub group: GroupNo,
}

/// What fires without a site.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum On {
    /// Before anything is attached.
    Begin,
    /// When everything is detached.
    End,
    /// From gospect's own loop.
    Interval {
        /// How often.
        period_ns: u64,
    },
    /// On every CPU.
    Profile {
        /// How often.
        period: Period,
    },
    /// A tracepoint of the kernel.
    Tracepoint {
        /// Its category.
        category: String,
        /// Its name.
        name: String,
    },
    /// An event of an executable's Go runtime.
    Goroutine {
        /// The executable.
        binary: BinaryNo,
        /// Which.
        event: GoroutineEvent,
    },
}

/// A profile's rhythm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Period {
    /// That many a second.
    Hz(u64),
    /// One in that many nanoseconds.
    Nanos(u64),
}

/// An event of Go's runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum GoroutineEvent {
    /// `goroutine:create`
    Create,
    /// `goroutine:state`
    State,
    /// `goroutine:exit`
    Exit,
    /// `goroutine:park`
    Park,
    /// `goroutine:ready`
    Ready,
}

/// What becomes of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum SyscallEvent {
    /// `syscall:enter`
    Enter,
    /// `syscall:exit`
    Exit,
}

/// What a body runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Prelude {
    /// A call of a Go function begins.
    GoEntry,
    /// A call of a Go function ends.
    GoReturn,
    /// A call of a Go function begins that was inlined.
    GoInlined,
    /// Some instruction of Go code.
    GoCode,
    /// A call of another function begins, or some instruction of it.
    NativeCode,
    /// A call of another function has returned.
    NativeReturn,
    /// A tracepoint's record.
    Tracepoint,
    /// A tick of a profile, in whatever runs there.
    Profile,
    /// A tick of gospect's own clock.
    Interval,
    /// Before anything fires, or after everything did.
    Once,
    /// A runtime event.
    Goroutine(GoroutineEvent),
    /// A system call.
    Syscall(SyscallEvent),
}

impl Prelude {
    /// Whether Go's code runs there, of a known function.
    #[must_use]
    pub fn is_go_code(self) -> bool {
        matches!(self, Prelude::GoEntry | Prelude::GoInlined | Prelude::GoReturn | Prelude::GoCode)
    }
}
