//! What the entry of a program finds out once and all bodies may ask for: words on the entry's stack, to which `R7`
//! points in bodies.

use program::frames;

/// The function of the site, a [`plan::FuncNo`]; [`NO_FUNCTION`] without a site.
pub(super) const FUNCTION: i32 = 0;
/// `u32`: the attach point on whose behalf the body runs.
pub(super) const POINT: i32 = 8;
/// `u32`: the site in the plan that was hit, [`event::record::NO_PLACE`] if none was.
pub(super) const PLACE: i32 = 12;
/// Process in the upper half, thread in the lower.
pub(super) const PID_TGID: i32 = 16;
/// The frame of the call that ends here, 0 if there is none. This and the next two are what [`crate::frames`] tells.
pub(super) const FRAME: i32 = 24;
/// The goroutine, 0 if there is none or it is not asked for.
pub(super) const GOID: i32 = FRAME + frames::SEEN_GOID;
/// The address of its `g`, 0 as above.
pub(super) const G: i32 = FRAME + frames::SEEN_G;
/// SP as it is at the function's first byte.
pub(super) const SP: i32 = 48;
/// How far behind the file's addresses the binary is loaded.
pub(super) const BIAS: i32 = 56;
/// The process's number.
pub(super) const PROCESS: i32 = 64;
/// `u32`: the argument registers that hold what the caller put there, by bit.
pub(super) const LIVE: i32 = 72;
/// `u32`: which of [`plan::Plan::unders`] are so, by bit; above 8 bits anything.
pub(super) const MARKS: i32 = 76;
/// Bytes of it.
pub(super) const SIZE: i32 = 80;

// What bodies of `goroutine:*` find. They have neither a call with its stack nor argument registers, so some of it
// stands where those are told elsewhere; the rest stands in front of the hit.
/// The address of the `g` that is concerned.
pub(super) const EVENT_G: i32 = FRAME;
/// `u8`: the state that it leaves.
pub(super) const EVENT_FROM: i32 = SP;
/// `u8`: the state that it enters.
pub(super) const EVENT_TO: i32 = SP + 2;
/// `u8`: what of [`program::gos::FLAGS`] its entry said until then.
pub(super) const EVENT_FLAGS: i32 = SP + 3;
/// `u32`: why it waits, or waited.
pub(super) const EVENT_REASON: i32 = SP + 4;
/// Nanoseconds in the state that it leaves; [`UNKNOWN`] if nobody saw it enter that.
pub(super) const EVENT_FOR: i32 = LIVE;
/// Its goid.
pub(super) const EVENT_GOID: i32 = -48;
/// Its start function, as [`plan::Id::StartFunc`] has it.
pub(super) const EVENT_START: i32 = -40;
/// When it changed, in nanoseconds since boot.
pub(super) const EVENT_SINCE: i32 = -32;

// What bodies of `syscall:*` find in front of the hit: the key of [`program::Tables::syscalls`] and its value.
/// Process and thread by the kernel's numbers, and SP where the call is made.
pub(super) const SYSCALL_KEY: i32 = -48;
/// When the kernel was asked, in nanoseconds since boot.
pub(super) const SYSCALL_SINCE: i32 = -32;
/// For which system call.
pub(super) const SYSCALL_NR: i32 = -24;

/// A time that is not known.
pub(super) const UNKNOWN: i32 = -1;

/// The lower half of a probe's id without a function.
pub(super) const NO_FUNCTION: i32 = -1;

/// The most that an entry uses of the stack; the rest of the kernel's 512 bytes is the body's.
pub(super) const ENTRY_STACK: i32 = 128;
