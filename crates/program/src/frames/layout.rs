//! What the maps hold, byte by byte: shared by the programs that write them and the code that reads them.

use bpf::{Caps, Entries, Feature, MapError, MapFlags, MapId, MapKind, MapSpec, Maps};
use event::go::End;
use plan::limits;

// A head.
/// `u64`: the goroutine whose calls these are; 0 on system stacks.
pub const HEAD_GOID: i32 = 0;
/// `u32`: how many frames there are.
pub const HEAD_COUNT: i32 = 8;
/// `u32`: the depth of the top frame; 0 if there is none.
pub const HEAD_TOP: i32 = 12;
/// `u64`: the last call's id: how many there were, and on a system stack where that began to count.
pub const HEAD_CALLS: i32 = 16;
/// `u64`: `g.stack.hi`; 0 when what was read of g no longer holds.
pub const HEAD_HI: i32 = 24;
/// `u64`: `g.stack.lo`.
pub const HEAD_LO: i32 = 32;
/// Where nobody asks for the goroutine, instead of [`HEAD_HI`]: what depths count from while there are frames; 0 when
/// the stack has moved.
pub const HEAD_BASE: i32 = HEAD_HI;
/// And instead of [`HEAD_LO`]: how far above `g.stack.hi` that was before the stack moved.
pub const HEAD_SHIFT: i32 = HEAD_LO;
/// `u32` and `u32`: down to which depth frames are yet to end, and how; 0 if none are.
pub const HEAD_PENDING: i32 = 40;
/// `u32`: the number of the last chunk that there is; the first one is 1.
pub const HEAD_CHUNKS: i32 = 48;
/// `u8`: the [marks](Site::marks) of all frames together.
pub const HEAD_MARKS: i32 = 52;
/// `u16`: how many of the frames are [hidden](Site::hidden).
pub const HEAD_HIDDEN: i32 = 54;
/// `u64`: the call that was the top one when a panic was last recovered from: that of `runtime.gopanic`, if that is probed.
pub const HEAD_PANIC: i32 = 56;
/// `u64`: how often probes fired on this stack: each entry and each return of a paired call counts once.
pub const HEAD_HITS: i32 = 64;
/// The first frames.
pub const HEAD_FRAMES: i32 = 72;

// A frame.
/// `u32`: stack.hi − SP at the function's first byte.
pub const FRAME_DEPTH: i32 = 0;
/// `u32`: [`Site::row`] of its entry.
pub const FRAME_ROW: i32 = 4;
/// `u32`: the depth of the frame below.
pub const FRAME_BELOW: i32 = 8;
/// `u32`: the lower 4 bits are the shadow stack's; the next 4 are 0 at first, and the emitter's to set; the next 8 are
/// the marks of the frames below, the others say how many those are that are not hidden.
pub const FRAME_FLAGS: i32 = 12;
/// `u64`: nanoseconds since boot at the entry.
pub const FRAME_TIME: i32 = 16;
/// `u64`: a number that no other call of this g has.
pub const FRAME_CALL: i32 = 24;
/// `u64`: [`HEAD_HITS`] with the entry; once the call has returned how often probes fired between entry and return.
pub const FRAME_HITS: i32 = 32;
/// `u64`s: what the entry saves for the return. Holds anything until it does.
pub const FRAME_SAVED: i32 = 40;

/// In [`FRAME_FLAGS`]: [`Site::switches`].
pub const FRAME_SWITCHES: i32 = 1;
/// In [`FRAME_FLAGS`]: [`Site::hidden`].
pub const FRAME_HIDDEN: i32 = 2;

/// Where in [`FRAME_FLAGS`] the marks of the frames below are.
pub const FRAME_MARKS_AT: i32 = 8;

/// Where in [`FRAME_FLAGS`] the number of frames below is, as far as 16 bits hold it.
pub const FRAME_NUMBER_AT: i32 = 16;

/// How many frames stand together.
pub const CHUNK: i32 = 16;

// What the functions for sites tell, in the caller's stack frame.
/// `u64`: the address of the frame, or 0.
pub const SEEN_FRAME: i32 = 0;
/// `u64`: the goroutine whose code runs, or on whose behalf a system stack is in use; 0 if there is none.
pub const SEEN_GOID: i32 = 8;
/// `u64`: the address of that goroutine's g, or 0.
pub const SEEN_G: i32 = 16;
/// All of it.
pub const SEEN_BYTES: i32 = 24;

/// Where in the answers of the functions for sites the [marks](Site::marks) of all open calls are, if frames carry any:
/// with those of the call that begins or ends there.
pub const MARKS_AT: i32 = 8;

/// What the functions for entries answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Outcome {
    /// A call, but there is no frame for it: no goroutine here, or no room. Its end will not be paired.
    Unrecorded = 0,
    /// A call.
    Recorded = 1,
    /// The function has jumped back to its entry: no call.
    Again = 2,
}

/// A place that sees calls begin or end, as one word: the row, flags, and how far SP is below its value at the
/// function's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Site {
    /// What the call is known as.
    pub row: u32,
    /// Of an entry: the function may jump back to it.
    pub loop_head: bool,
    /// Of an exit: a jump to another function.
    pub tail: bool,
    /// Of an entry: the call may end by a switch to a goroutine (`codegen::frames::switches`).
    pub switches: bool,
    /// Of an entry: nobody asked for these calls. They are not counted, unless they are lost.
    pub hidden: bool,
    /// Of an entry: bits that callees may ask for while the call is open ([`Tables::marking`]).
    pub marks: u8,
    /// It was inlined, in so many other such calls, itself counted, which tells it from these; 0 if it was not. Its depth
    /// is that of SP where it begins.
    pub level: u8,
    /// In bytes; a multiple of 8, below 2^19.
    pub sp_adjust: u32,
}

/// Flag in a site's word: [`Site::loop_head`].
pub const SITE_LOOP: i32 = 1;
/// Flag in a site's word: [`Site::tail`].
pub const SITE_TAIL: i32 = 2;
/// Flag in a site's word: [`Site::switches`].
pub const SITE_SWITCHES: i32 = 4;
/// Flag in a site's word: [`Site::hidden`].
pub const SITE_HIDDEN: i32 = 8;
/// First bit of the flags in a site's word.
pub const SITE_FLAGS_AT: i32 = 32;
/// First bit of the marks in a site's word.
pub const SITE_MARKS_AT: i32 = 36;
/// First bit in a site's word of how far above SP the call begins, with its sign.
pub const SITE_ADJUST_AT: i32 = 44;

impl Site {
    /// The word that the functions take.
    #[must_use]
    pub fn word(self) -> u64 {
        let flag = |set: bool, flag: i32| if set { u64::from(flag.unsigned_abs()) } else { 0 };
        let flags = flag(self.loop_head, SITE_LOOP) | flag(self.tail, SITE_TAIL);
        let flags = flags | flag(self.switches, SITE_SWITCHES) | flag(self.hidden, SITE_HIDDEN);
        let marks = u64::from(self.marks) << SITE_MARKS_AT;
        let above = i64::from(self.sp_adjust.min(limits::FRAME)) - i64::from(self.level);
        u64::from(self.row) | flags << SITE_FLAGS_AT | marks | above.cast_unsigned() << SITE_ADJUST_AT
    }
}

/// What has been counted, over all goroutines of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Calls below recovered panics.
    pub unwound: u64,
    /// Calls that ended with their goroutine.
    pub goexit: u64,
    /// Calls that ended by a switch.
    pub switched: u64,
    /// Calls of which nobody saw the end. Not 0: a hook is missing or wrong.
    pub lost: u64,
    /// Calls that were open when the probes of their function were taken out.
    pub detached: u64,
    /// Exits of calls whose entries were not seen: open when we attached, or not recorded.
    pub unpaired: u64,
    /// Calls that were not recorded because a map was full.
    pub full: u64,
    /// Hits on a stack that is not the goroutine's: signal handlers.
    pub foreign: u64,
    /// Hits where the g register led to no g.
    pub no_g: u64,
}

// The counters. Those of ends stand at the ends' numbers.
/// `u64`: [`Counters::unpaired`].
pub const COUNT_UNPAIRED: u32 = 64;
/// `u64`: [`Counters::full`].
pub const COUNT_FULL: u32 = 72;
/// `u64`: [`Counters::foreign`].
pub const COUNT_FOREIGN: u32 = 80;
/// `u64`: [`Counters::no_g`].
pub const COUNT_NO_G: u32 = 88;
const COUNTERS_BYTES: u32 = 96;

impl Counters {
    /// Reads the only value of [`Tables::counters`]; what it does not have is 0.
    #[must_use]
    pub fn read(value: &[u8]) -> Counters {
        let at = |offset: u32| super::read::word(value, offset as usize);
        let end = |end: End| at(end as u32 * 8);
        Counters {
            unwound: end(End::Unwound),
            goexit: end(End::Goexit),
            switched: end(End::Switched),
            lost: end(End::Lost),
            detached: end(End::Detached),
            unpaired: at(COUNT_UNPAIRED),
            full: at(COUNT_FULL),
            foreign: at(COUNT_FOREIGN),
            no_g: at(COUNT_NO_G),
        }
    }
}

/// For how many goroutines at once there is room, and for how many chunks of calls nested deeper than 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Goroutines; their heads are used again, and deleted once their process has ended.
    pub heads: u32,
    /// Chunks of 16 frames.
    pub chunks: u32,
}

impl Capacity {
    /// Much, where maps allocate as they fill (16 bytes for each head that there is not); where they allocate
    /// beforehand, what 8 MB hold, or some more where frames keep so many words.
    #[must_use]
    pub fn by(caps: Caps, saved: u32) -> Capacity {
        let share = (saved / FEW_SAVED).max(1);
        match caps.has(Feature::NoPreallocInTracing) {
            true => Capacity { heads: 1 << 18, chunks: 1 << 17 },
            false => Capacity { heads: (1 << 13) / share, chunks: (1 << 12) / share },
        }
    }
}

/// The maps of a run. Programs of all executables share them: keys start with the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tables {
    /// By process and g.
    pub heads: MapId,
    /// By process, number and g.
    pub chunks: MapId,
    /// One value, [`Counters`].
    pub counters: MapId,
    /// Which rows nobody sees the exits of any more, `u32` to `u32`: whatever ends their calls, it says nothing of how.
    /// User space puts them in.
    pub gone: MapId,
    /// An empty head, to copy.
    pub blank: MapId,
    /// How many words each frame saves.
    pub saved: u32,
    /// Frames carry marks.
    pub marks: bool,
}

/// How many rows may be in [`Tables::gone`].
pub const MOST_GONE: u32 = 1024;

/// As many words make frames no matter of memory.
const FEW_SAVED: u32 = 8;
/// Most words that a frame can save.
const MOST_SAVED: u32 = 64;

impl Tables {
    /// Adds the maps, with frames that save so many words each.
    ///
    /// # Errors
    /// If a name is taken, or a frame shall save more than 64 words.
    pub fn add(maps: &mut Maps, caps: Caps, capacity: Capacity, saved: u32) -> Result<Tables, MapError> {
        if saved > MOST_SAVED {
            return Err(MapError { map: "frame_heads".into(), why: "a frame saves at most 64 words" });
        }
        let frames = Tables::frame_bytes_of(saved) * CHUNK as u32;
        let head = HEAD_FRAMES as u32 + frames;
        let late = caps.has(Feature::NoPreallocInTracing);
        let flags = if late { MapFlags::NO_PREALLOC } else { MapFlags::default() };
        let hash = |name, value, entries| MapSpec::hash(name, MapKind::Hash, 16, value, entries).flags(flags);
        Ok(Tables {
            heads: maps.add(hash("frame_heads", head, capacity.heads))?,
            chunks: maps.add(hash("frame_chunks", frames, capacity.chunks))?,
            counters: maps.add(MapSpec::array("frame_counters", COUNTERS_BYTES, Entries::Fixed(1)))?,
            gone: maps.add(MapSpec::hash("frame_gone", MapKind::Hash, 4, 4, MOST_GONE))?,
            blank: maps.add(MapSpec::array("frame_blank", head, Entries::Fixed(1)))?,
            saved,
            marks: false,
        })
    }

    /// The same with [marks](Site::marks): who asks at a site learns those of all calls that are open there.
    #[must_use]
    pub const fn marking(self, marks: bool) -> Tables {
        Tables { marks, ..self }
    }

    const fn frame_bytes_of(saved: u32) -> u32 {
        FRAME_SAVED as u32 + 8 * saved
    }

    /// Where the last word is that a frame saves.
    #[must_use]
    pub const fn last_saved(&self) -> i32 {
        self.frame_bytes() as i32 - 8
    }

    /// The size of a frame.
    #[must_use]
    pub const fn frame_bytes(&self) -> u32 {
        Tables::frame_bytes_of(self.saved)
    }
}
