//! Where a body keeps what does not fit into registers: slots of its stack, and scratch memory once those are used up.
//!
//! A body is made for its stack alone first. If that overflows, or if many values depend on conditions, it is made again
//! with scratch memory for everything but single words; only then it pays for taking and returning that. The verifier
//! remembers what is on the stack, and looks anew at what comes behind a condition if that differs; of scratch memory it
//! remembers nothing, so ways that part come together again.

use bpf::Reg;

use super::hit;

/// `MAX_BPF_STACK` less what the entry uses.
const STACK: i32 = 512 - hit::ENTRY_STACK;
/// Without scratch memory nothing on the stack is larger: keys, mostly.
const LARGEST: i32 = 128;
/// Offsets in instructions have 16 bits.
const SCRATCH: i32 = 32_000;
/// Scratch memory is taken from one of so many for each CPU: a thread may lose its CPU to another one meanwhile.
pub(super) const SCRATCH_SLOTS: i32 = 4;
/// In front of scratch memory, `u64`: whether it is in use.
pub(super) const SCRATCH_HEAD: i32 = 8;

/// Bytes at an address: a register and an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) base: Reg,
    pub(super) off: i32,
}

impl Place {
    pub(super) fn at(base: Reg, off: i32) -> Place {
        Place { base, off }
    }

    /// So many bytes behind it.
    pub(super) fn plus(self, bytes: usize) -> Place {
        Place { off: self.off + bytes as i32, ..self }
    }
}

/// Whether there is scratch memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Stack,
    Scratch,
}

/// How much was in use at some point.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    stack: i32,
    scratch: i32,
}

/// What is in use.
pub(super) struct Memory {
    pub(super) mode: Mode,
    /// Bytes of stack.
    room: i32,
    now: Mark,
    most_scratch: i32,
    overflow: bool,
}

impl Memory {
    /// `called` bytes of the stack are for functions that the body calls.
    pub(super) fn new(mode: Mode, called: i32) -> Memory {
        let now = Mark { stack: 0, scratch: SCRATCH_HEAD };
        Memory { mode, room: STACK - called, now, most_scratch: SCRATCH_HEAD, overflow: false }
    }

    pub(super) fn mark(&self) -> Mark {
        self.now
    }

    pub(super) fn release(&mut self, mark: Mark) {
        self.now = mark;
    }

    /// So many bytes, 8 at a time. After an overflow the place is any.
    pub(super) fn take(&mut self, bytes: usize) -> Place {
        let bytes = i32::try_from(bytes.next_multiple_of(8)).unwrap_or(SCRATCH);
        let fits = self.now.stack + bytes <= self.room;
        match self.mode {
            Mode::Stack if fits && bytes <= LARGEST => self.on_stack(bytes),
            Mode::Scratch => self.in_scratch(bytes),
            Mode::Stack => self.overflowed(),
        }
    }

    /// The same for what lives as long as the body.
    pub(super) fn take_lasting(&mut self, bytes: usize) -> Place {
        match self.mode {
            Mode::Stack => self.take(bytes),
            Mode::Scratch => self.in_scratch(bytes.next_multiple_of(8) as i32),
        }
    }

    /// A word of the stack, which can hold an address too.
    pub(super) fn take_word_of_stack(&mut self) -> Place {
        if self.now.stack + 8 <= self.room { self.on_stack(8) } else { self.overflowed() }
    }

    fn on_stack(&mut self, bytes: i32) -> Place {
        self.now.stack += bytes;
        Place::at(Reg::R10, -self.now.stack)
    }

    fn in_scratch(&mut self, bytes: i32) -> Place {
        if self.now.scratch.saturating_add(bytes) > SCRATCH {
            return self.overflowed();
        }
        let place = Place::at(Reg::R9, self.now.scratch);
        self.now.scratch += bytes;
        self.most_scratch = self.most_scratch.max(self.now.scratch);
        place
    }

    fn overflowed(&mut self) -> Place {
        self.overflow = true;
        Place::at(Reg::R10, -8)
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.overflow
    }

    /// Bytes of scratch memory in all, its head included; 0 if none is used.
    pub(super) fn scratch(&self) -> u32 {
        if self.mode == Mode::Scratch { self.most_scratch as u32 } else { 0 }
    }
}
