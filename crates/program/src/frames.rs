//! The open calls of a run, as tables: a shadow stack for every goroutine.
//!
//! A call is known by its depth, the distance from the high end of its goroutine's stack to SP at the function's first
//! byte. Stacks move, depths do not; callees are deeper than their callers.
//!
//! ```text
//! heads   {process, g}         → goid, number of frames, depth of the top one, marks, stack.lo and hi, hits, the first 16
//!                                frames
//! chunks  {process, g, number} → 16 further frames
//! frame   depth, row, depth of the frame below, flags, marks below, time, call id, hits until its entry, what the entry
//!         saved for the return
//! ```
//!
//! Marks are bits that a call puts upon whatever is called while it is open. The head has those of all open calls, each
//! frame those of the frames below it, so that what ends a frame knows what is left without a look at another one.

mod layout;
mod read;

pub use event::go::End;
pub use layout::{
    CHUNK, COUNT_FOREIGN, COUNT_FULL, COUNT_NO_G, COUNT_UNPAIRED, Capacity, Counters, FRAME_BELOW, FRAME_CALL,
    FRAME_DEPTH, FRAME_FLAGS, FRAME_HIDDEN, FRAME_HITS, FRAME_MARKS_AT, FRAME_NUMBER_AT, FRAME_ROW, FRAME_SAVED,
    FRAME_SWITCHES, FRAME_TIME, HEAD_BASE, HEAD_CALLS, HEAD_CHUNKS, HEAD_COUNT, HEAD_FRAMES, HEAD_GOID, HEAD_HI,
    HEAD_HIDDEN, HEAD_HITS, HEAD_LO, HEAD_MARKS, HEAD_PANIC, HEAD_PENDING, HEAD_SHIFT, HEAD_TOP, MARKS_AT, MOST_GONE,
    Outcome, SEEN_BYTES, SEEN_FRAME, SEEN_G, SEEN_GOID, SITE_ADJUST_AT, SITE_FLAGS_AT, SITE_HIDDEN, SITE_LOOP,
    SITE_MARKS_AT, SITE_SWITCHES, SITE_TAIL, Site, Tables,
};
pub use read::{Heads, OpenCall};
