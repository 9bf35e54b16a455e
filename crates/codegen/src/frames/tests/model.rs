//! Random calls, returns, panics, ends and stack copies of several goroutines, held against a model that keeps lists.

use event::go::End;
use program::frames::*;

use super::*;

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

#[derive(Clone, Copy)]
struct Call {
    row: u32,
    depth: u64,
    call: u64,
}

/// A goroutine as it should be seen. Unprobed calls have no `call`.
struct Goroutine {
    g: u64,
    goid: u64,
    lo: u64,
    hi: u64,
    calls: u64,
    stack: Vec<Call>,
}

/// The marks of a row: some have none.
fn marks(row: u32) -> u8 {
    if row < 6 { 1 << row } else { 0 }
}

impl Goroutine {
    /// The marks of all its calls.
    fn marks(&self) -> u64 {
        self.stack.iter().fold(0, |all, call| all | u64::from(marks(call.row)))
    }

    fn depth(&self) -> u64 {
        self.stack.last().map_or(48, |call| call.depth)
    }

    /// The ends of all calls from a depth on.
    fn cut(&mut self, depth: u64, end: End) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(&Call { row, depth: at, call }) = self.stack.last().filter(|call| call.depth >= depth) {
            let _ = at;
            told.push(Told { goid: self.goid, row, end, call, saved: 1000 * call });
            self.stack.pop();
        }
        told
    }
}

struct World {
    bench: Bench,
    /// Nobody asks for goroutines.
    anonymous: bool,
    dice: Dice,
    goroutines: Vec<Goroutine>,
    next_goid: u64,
    next_stack: u64,
    expected: Vec<Told>,
    happened: HashMap<&'static str, u64>,
}

const ROOM: u64 = 0x10_0000;

impl World {
    fn new(seed: u64, arch: Arch, anonymous: bool) -> World {
        let bench = match anonymous {
            true => Bench::anonymous(arch),
            false => Bench::marking(arch, Capacity { heads: 64, chunks: 4096 }, true, true),
        };
        let mut world = World {
            bench,
            anonymous,
            dice: Dice(seed),
            goroutines: Vec::new(),
            next_goid: 1,
            next_stack: 0x1000_0000,
            expected: Vec::new(),
            happened: HashMap::new(),
        };
        for n in 0..6 {
            let (g, calls, stack) = (0xc000_0000 + 0x1000 * n, 0, Vec::new());
            world.goroutines.push(Goroutine { g, goid: 0, lo: 0, hi: 0, calls, stack });
            world.start(n as usize);
        }
        world
    }

    fn start(&mut self, n: usize) {
        if !self.anonymous {
            self.goroutines[n].goid = self.next_goid;
            self.next_goid += 1;
        }
        self.relocate(n);
    }

    /// Somewhere else, sometimes overlapping what was there.
    fn relocate(&mut self, n: usize) {
        self.next_stack += ROOM * self.dice.below(3) + 0x2000;
        let goroutine = &mut self.goroutines[n];
        (goroutine.lo, goroutine.hi) = (self.next_stack, self.next_stack + ROOM);
        self.bench.g(goroutine.g, goroutine.goid, goroutine.lo, goroutine.hi);
    }

    fn step(&mut self) {
        let n = self.dice.below(self.goroutines.len() as u64) as usize;
        let what = match self.dice.below(1000) {
            0..=2 => self.over(n),
            3..=12 => self.copy(n),
            13..=32 => self.panic(n),
            33..=42 if !self.anonymous => self.stray(n),
            43..=92 => self.tail(n),
            93..=109 => self.dive(n),
            roll if roll % 2 == 0 => self.call(n),
            _ => self.back(n),
        };
        *self.happened.entry(what).or_default() += 1;
        assert_eq!(self.bench.told(), std::mem::take(&mut self.expected), "{what}");
    }

    fn call(&mut self, n: usize) -> &'static str {
        let (row, room, adjust) = (self.dice.below(9) as u32, self.dice.below(40), 8 * self.dice.below(9) as u32);
        let looped = self.dice.below(4) == 0;
        let anonymous = self.anonymous;
        let goroutine = &mut self.goroutines[n];
        let depth = goroutine.depth() + 8 + 8 * room;
        if depth > ROOM - 0x1000 {
            return "stack full";
        }
        goroutine.calls += 1;
        let call = goroutine.calls;
        goroutine.stack.push(Call { row, depth, call });
        let site = Site { row, sp_adjust: adjust, loop_head: looped, marks: marks(row), ..Site::default() };
        let under = if anonymous { 0 } else { goroutine.marks() };
        let (g, goid, sp) = (goroutine.g, goroutine.goid, goroutine.hi - depth - u64::from(adjust));
        let seen = self.bench.enter(g, sp, site);
        assert_eq!((seen.answer, seen.goid, seen.call, seen.marks), (Outcome::Recorded as u64, goid, call, under));
        if looped {
            assert_eq!(self.bench.enter(g, sp, site).answer, Outcome::Again as u64);
        }
        "call"
    }

    fn back(&mut self, n: usize) -> &'static str {
        self.leave(n, false)
    }

    fn leave(&mut self, n: usize, tail: bool) -> &'static str {
        let anonymous = self.anonymous;
        let goroutine = &mut self.goroutines[n];
        let under = if anonymous { 0 } else { goroutine.marks() };
        let Some(Call { row, depth, call }) = goroutine.stack.pop() else { return "nothing to leave" };
        let seen = self.bench.exit(goroutine.g, goroutine.hi - depth, Site { row, tail, ..Site::default() });
        let end = if tail { End::Tail } else { End::Return };
        let expected = (end as u64, goroutine.goid, call, 1000 * call, under);
        assert_eq!((seen.answer, seen.goid, seen.call, seen.saved, seen.marks), expected);
        "return"
    }

    /// Leaves by a jump, and the other function is entered at the same depth.
    fn tail(&mut self, n: usize) -> &'static str {
        let Some(&Call { depth, .. }) = self.goroutines[n].stack.last() else { return "nothing to leave" };
        self.leave(n, true);
        let goroutine = &mut self.goroutines[n];
        goroutine.calls += 1;
        let call = goroutine.calls;
        goroutine.stack.push(Call { row: 77, depth, call });
        assert_eq!(self.bench.enter(goroutine.g, goroutine.hi - depth, row(77)).call, call);
        "tail"
    }

    /// Recurses deep.
    fn dive(&mut self, n: usize) -> &'static str {
        (0..self.dice.below(80)).for_each(|_| {
            self.call(n);
        });
        "dive"
    }

    /// A panic that some call recovers from, perhaps one that is not probed.
    fn panic(&mut self, n: usize) -> &'static str {
        let len = self.goroutines[n].stack.len();
        let at = self.dice.below(len as u64 + 1) as usize;
        let goroutine = &mut self.goroutines[n];
        let keep = if at == len { goroutine.depth() } else { goroutine.stack[at].depth };
        // The body of the recovering call has SP below its entry, but above those that it called.
        let sp = goroutine.hi - keep - 8;
        self.expected = goroutine.cut(keep + 8, End::Unwound);
        self.bench.recover(goroutine.g, sp);
        "panic"
    }

    fn over(&mut self, n: usize) -> &'static str {
        self.expected = self.goroutines[n].cut(0, End::Goexit);
        let g = self.goroutines[n].g;
        match self.dice.below(2) {
            // One that has nothing to end is not told of.
            _ if self.anonymous && self.expected.is_empty() => {}
            0 if self.anonymous => self.bench.goexit(g),
            _ => self.bench.end(g),
        }
        self.start(n);
        "over"
    }

    fn copy(&mut self, n: usize) -> &'static str {
        let g = self.goroutines[n].g;
        self.bench.copystack(g);
        self.relocate(n);
        "copy"
    }

    /// A signal handler on a stack of its own, with g still in its register.
    fn stray(&mut self, n: usize) -> &'static str {
        let goroutine = &self.goroutines[n];
        let before = self.bench.open().len();
        assert_eq!(self.bench.enter(goroutine.g, 0x4000, row(8)).answer, Outcome::Unrecorded as u64);
        assert_eq!(self.bench.exit(goroutine.g, goroutine.hi + 8, row(8)).answer, 0);
        let here = goroutine.hi - goroutine.depth() - 8;
        assert_eq!((self.bench.goid(goroutine.g, here), self.bench.marks()), (goroutine.goid, goroutine.marks()));
        assert_eq!(self.bench.open().len(), before);
        "stray"
    }

    /// Everything that is open is open in the tables too.
    fn compare(&self) {
        let depth = |call: &OpenCall| if self.anonymous { 0 } else { u64::from(call.depth) };
        let mut open: Vec<(u64, u64, u32, u64, u64)> =
            (self.bench.open().iter()).map(|call| (call.g, call.goid, call.row, depth(call), call.call)).collect();
        open.sort_unstable_by_key(|call| (call.0, call.4));
        let model = self.goroutines.iter().flat_map(|goroutine| {
            let depth = |call: &Call| if self.anonymous { 0 } else { call.depth };
            goroutine.stack.iter().map(move |call| (goroutine.g, goroutine.goid, call.row, depth(call), call.call))
        });
        assert_eq!(open, model.collect::<Vec<_>>());
    }
}

fn check(seed: u64, arch: Arch, anonymous: bool, events: u64) {
    let mut world = World::new(seed, arch, anonymous);
    for n in 0..events {
        world.step();
        if n % 1000 == 0 {
            world.compare();
        }
    }
    world.compare();
    let counters = world.bench.counters();
    let strays = 2 * world.happened.get("stray").copied().unwrap_or(0);
    let expected =
        Counters { unwound: counters.unwound, goexit: counters.goexit, foreign: strays, ..Counters::default() };
    assert_eq!(counters, expected, "seed {seed}");
    assert!(["call", "return", "tail", "panic", "over", "copy", "dive"].iter().all(|what| world.happened[what] > 20));
    assert!(counters.unwound > 1000 && counters.goexit > 100, "{counters:?}");
}

#[test]
fn a_hundred_thousand_events_are_seen_as_they_happen() {
    check(1, Arch::Amd64, false, 100_000);
}

#[test]
fn other_seeds_and_the_other_machine_agree() {
    for seed in 2..5 {
        check(seed, Arch::Arm64, false, 10_000);
    }
}

#[test]
fn whoevers_calls_they_are_they_are_seen_as_they_happen() {
    check(5, Arch::Amd64, true, 100_000);
    check(6, Arch::Arm64, true, 10_000);
}
