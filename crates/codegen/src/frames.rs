//! Calls paired with their ends inside the probes: a shadow stack for every goroutine.
//!
//! A call is known by its depth, the distance from the high end of its goroutine's stack to SP at the function's first
//! byte. Stacks move, depths do not; callees are deeper than their callers. So entries push, exits pop, and whatever
//! stands deeper than what is seen now has ended. Three places in the runtime say how, where no return instruction
//! does ([`HookKind`](plan::target::HookKind)): frames below a recovered panic, frames of a goroutine that is over, and that a stack has moved.
//!
//! [`program::frames`] has the tables.
//!
//! What was read of a g is kept in its head until one of the hooks says that it changes: a hit reads no memory of the
//! target at all, and everything that wants to know its goroutine asks here ([`Frames::goid`]). Only the thread that
//! runs a g touches its head (hooks run on the thread that ran g, or while g is stopped), so there are no locks.
//!
//! Where nobody asks for the goroutine ([`Gs::anonymous`]), no more is needed of a g than its address. Depths count from
//! anywhere above the first call that is open, as long as one is, and no hit reads anything. A goroutine that ends with
//! no call open leaves nothing behind that would have to be forgotten, so that only other ends are hooked: those by
//! `Goexit`, which are rare, where each end of a goroutine would cost it a trap. When a stack moves under open calls it is
//! kept how far its end was from where depths count.
//!
//! This is code for the emitter to call, not a program: [`Frames`] declares functions in its [`Assembler`], and makes
//! those that were called at the end. Whom ended calls interest is the emitter's business too ([`Frames::finish`]).
//!
//! The programs of an executable share [`Tables`](program::frames::Tables). Those at sites call [`Frames::enter`], then [`Frames::exit`] where a
//! site is both, and [`Frames::goid`] elsewhere; one of its own, attached first, detached last and never disarmed, calls
//! [`Frames::recovery`], [`Frames::goroutine_end`], [`Frames::goexit`] and [`Frames::copystack`] at their hooks. An entry that was hit
//! before the exits were in place is a lost frame, so sites are armed when all of them are there.
//!
//! [`Assembler`]: bpf::Assembler

mod code;
mod gs;

pub use code::{Ended, EndedCode, Frames};
pub use gs::Gs;

/// Functions of the runtime that leave the system stack by switching to a goroutine and never return, at least at times:
/// those in proc.go, stack.go, panic.go and coro.go that end in `schedule`, `execute` or `gogo`, and what only calls
/// them. Their frames end at the next event on that stack, as [`End::Switched`](event::go::End::Switched).
pub const SWITCHING: [&str; 18] = [
    // What it gives to mcall, since Go 1.26.
    "runtime.asyncPreempt2.func1",
    "runtime.coroswitch_m",
    "runtime.execute",
    "runtime.exitsyscall0",
    "runtime.exitsyscallNoP",
    "runtime.gdestroy",
    "runtime.goexit0",
    "runtime.gopreempt_m",
    "runtime.gosched_m",
    "runtime.goschedImpl",
    "runtime.goschedguarded_m",
    "runtime.goyield_m",
    "runtime.mstart1",
    "runtime.newstack",
    "runtime.park_m",
    "runtime.preemptPark",
    "runtime.recovery",
    "runtime.schedule",
];

/// Whether calls of a function may end by a switch ([`Site::switches`](program::frames::Site::switches)).
#[must_use]
pub fn switches(function: &str) -> bool {
    SWITCHING.contains(&function)
}

#[cfg(test)]
mod tests;
