//! Whole calls: what the program in the kernel records is what the same tables give when Rust goes by them, whatever is
//! in memory; and each call whose beginning is recorded has exactly one end.

use bpf::Caps;
use bpf::vm::{Segments, UserMemory};
use event::go::{call, chunk};
use event::record;
use gobin::Arch;
use gobin::maps::Maps;

use super::interpret::{Loaded, capture};
use super::{BIAS, Restraint, Trial, World, compiled};
use crate::capture::Captures;
use crate::emit::capture::IN_CLOSURE;
use crate::fakes::Fake;
use plan::Plan;
use program::capture::MOST_BYTES;

/// Functions with arguments of every kind.
const FUNCTIONS: [&str; 8] =
    ["main.handle", "main.many", "main.wide", "main.(*Server).Serve", "main.small", "main.fib", GENERIC, CLOSURE];
/// One of them, with type arguments; the closure in it; and where there are dictionaries.
const GENERIC: &str = "main.Map[...]";
const CLOSURE: &str = "main.Map[...].func1";
const DICTIONARY: u64 = 0x48_0000;
const LAYOUTS: [Maps; 3] = [Maps::Swiss { split: false }, Maps::Swiss { split: true }, Maps::Buckets];
/// Where memory is, and how much of it.
const MEMORY: u64 = 0x1000_0000;
const WORDS: u64 = 4096;
/// The words that lead from interfaces to types, as the process has them; and a dictionary.
const TYPES: [u64; 8] = [0x50_0000, 0x50_0040, 0x50_0080, 0x50_00c0, 0x50_1000, 0x50_1040, 0x50_9000, DICTIONARY];

fn recording(function: &str, maps: Maps) -> (Plan, Captures) {
    compiled(&format!("go:{function} {{ call(); }}"), &Fake::hooked(Arch::Amd64).with_maps(maps))
}

/// A row of numbers that looks random (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// What may stand in memory: pointers, mostly; lengths, types, small numbers, anything.
    fn word(&mut self) -> u64 {
        match self.below(16) {
            0..8 => MEMORY + 8 * self.below(WORDS + 64),
            8..10 => self.below(20),
            10..12 => BIAS + TYPES[self.below(TYPES.len() as u64) as usize],
            12 => self.below(10_000),
            13 => 0,
            14 => 0x0102_8004_0607_0809 ^ self.below(0xff) << 8,
            _ => self.next(),
        }
    }
}

fn records(run: &mut Trial) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    run.vm.drain(run.program.tables.ring, |bytes| all.push(bytes.to_vec()));
    all
}

/// Whether a generic function has a dictionary that is known: in the first register, a closure behind its code.
fn has_dictionary(function: &str, recorded: &[u8], memory: &Segments) -> bool {
    let is_known = |word: u64| [DICTIONARY, DICTIONARY + 8].contains(&word.wrapping_sub(BIAS));
    let word = |at: usize| u64::from_le_bytes(recorded[at..][..8].try_into().unwrap());
    let kept = |number: u64| {
        let mut bytes = [0; 8];
        memory.clone().read(word(call::CONTEXT).wrapping_add(8 * number), &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    match function {
        GENERIC => is_known(word(call::REGISTERS)),
        CLOSURE => (1..=u64::from(IN_CLOSURE)).map_while(kept).any(is_known),
        _ => false,
    }
}

fn row_of(recorded: &[u8]) -> u32 {
    u32::from_le_bytes(recorded[record::ROW..][..4].try_into().unwrap())
}

/// The record that Rust makes of what a record begins with.
fn interpreted(captures: &Captures, recorded: &[u8], memory: &Segments, waiting: bool) -> Vec<u8> {
    let row = |call: u32| captures.calls[call as usize].clone();
    // Rows of the schema are in the order of the calls.
    let number = row_of(recorded);
    let of = row(number);
    let head = call::REGISTERS + 8 * (usize::from(of.registers) + usize::from(of.stack));
    let mut made = recorded[..head].to_vec();
    let mut memory = memory.clone();
    let mut read = |at: u64, into: &mut [u8]| match waiting {
        true => memory.read_waiting(at, into).is_ok(),
        false => memory.read(at, into).is_ok(),
    };
    capture(&captures.tables, number, Loaded { binary: 0, process: 0, bias: BIAS }, &mut made, &mut read);
    made
}

/// What the chunks of a record are, for messages.
fn chunks(record: &[u8], captures: &Captures) -> String {
    let number = row_of(record);
    let of = &captures.calls[number as usize];
    let mut at = call::REGISTERS + 8 * (usize::from(of.registers) + usize::from(of.stack));
    let mut out =
        format!("{} stat {:#x}\n", of.name, u32::from_le_bytes(record[record::STAT..][..4].try_into().unwrap()));
    while at + chunk::BYTES <= record.len() {
        let half = |from: usize| u32::from_le_bytes(record[at + from..][..4].try_into().unwrap());
        let len = half(chunk::LENGTH);
        let address = u64::from_le_bytes(record[at..][..8].try_into().unwrap());
        out += &format!("{at}: {address:#x} {len:#x} row {}\n", half(chunk::ROW));
        at += chunk::BYTES + if len & chunk::FAILED == 0 { (len as usize).next_multiple_of(8) } else { 0 };
    }
    out
}

fn limited(captures: &mut Captures, random: &mut Random) {
    let bytes = [200, 300, 700, 2048, 4096, MOST_BYTES][random.below(6) as usize];
    let depth = random.below(5) as u32;
    for function in &mut captures.tables.functions {
        (function.bytes, function.depth) = (bytes.max(200 + 8 * u32::from(function.stack)), depth);
    }
}

/// Calls of a function in random worlds; what their records say was not followed, the length of the longest, and how
/// many had a dictionary that is known.
fn equal(function: &str, maps: Maps, caps: Caps, seed: u64) -> (u32, usize, u32) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (plan, mut captures) = recording(function, maps);
    limited(&mut captures, &mut random);
    let mut run = Trial::recording(&plan, &captures, caps, Restraint::default());
    let (mut stats, mut longest, mut dictionaries) = (0, 0, 0);
    for _ in 0..8 {
        let words: Vec<u64> = (0..WORDS).map(|_| random.word()).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        // Some of it is there only for those who wait.
        let (warm, cold) = bytes.split_at(bytes.len() / 8 * 7);
        let memory = Segments::default().with(MEMORY, warm).with_cold(MEMORY + warm.len() as u64, cold);
        let mut registers: Vec<(&'static str, u64)> =
            ["ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11", "dx"].map(|name| (name, random.word())).to_vec();
        if random.below(2) == 0 {
            // One of three is no function's.
            registers[0].1 = BIAS + DICTIONARY + 8 * random.below(3);
        }
        registers.push(("sp", MEMORY + 8 * random.below(WORDS / 8)));
        let world = World { registers, memory: memory.clone(), ..World::default() };
        run.hit(&plan, &world);
        let recorded = records(&mut run);
        let [recorded] = recorded.as_slice() else { panic!("{} records", recorded.len()) };
        let known = has_dictionary(function, recorded, &memory);
        dictionaries += u32::from(known);
        assert_eq!(captures.calls[row_of(recorded) as usize].type_args.is_empty(), !known, "{function} seed {seed}");
        let sleepable = run.program.users.iter().any(|user| user.program.sleepable());
        let mut made = interpreted(&captures, recorded, &memory, sleepable);
        // Rust never reads twice.
        let retried = recorded[record::STAT] & call::stat::RETRIED as u8;
        made[record::STAT] |= retried;
        assert!(recorded.len() <= captures.tables.functions[0].bytes as usize + 7);
        assert!(
            made == *recorded,
            "{function} {maps:?} seed {seed}\n{}\n{}",
            chunks(recorded, &captures),
            chunks(&made, &captures)
        );
        stats |= u32::from_le_bytes(made[record::STAT..][..4].try_into().unwrap());
        longest = longest.max(made.len());
    }
    (stats, longest, dictionaries)
}

#[test]
fn the_program_and_rust_go_the_same_way() {
    let (mut stats, mut longest, mut dictionaries) = (0, 0, [0; 2]);
    for seed in 1..=40 {
        let caps = [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()][seed as usize % 3];
        for function in FUNCTIONS {
            for maps in LAYOUTS {
                let (stat, length, found) = equal(function, maps, caps, seed);
                (stats, longest) = (stats | stat, longest.max(length));
                dictionaries[usize::from(function == CLOSURE)] += found;
            }
        }
    }
    assert!(dictionaries.iter().all(|found| *found > 50), "{dictionaries:?}");
    use call::stat::{BUDGET, DEPTH, FAULT, RETRIED, UNKNOWN};
    let all = DEPTH | BUDGET | FAULT | UNKNOWN | RETRIED;
    assert_eq!((stats & all, longest > 8_000), (all, true), "{stats:#x}, {longest} bytes");
}

/// How many records there are of a call while other threads use all scratch memory.
fn without_scratch(function: &str, caps: Caps) -> usize {
    let (plan, captures) = recording(function, Maps::Buckets);
    let mut run = Trial::recording(&plan, &captures, caps, Restraint::default());
    let slots = run.program.tables.captures.unwrap().slots;
    for (key, mut slot) in run.vm.entries(slots) {
        slot[0] = 1;
        run.vm.put(slots, &key, &slot).unwrap();
    }
    run.hit(&plan, &World::with(&[("sp", MEMORY)]).words(MEMORY, &[0; 16]));
    records(&mut run).len()
}

#[test]
fn what_has_registers_alone_is_recorded_without_scratch_memory() {
    assert_eq!(["main.fib", "main.handle"].map(|function| without_scratch(function, Caps::linux_7_0())), [1, 0]);
    // There nothing is in use when a program begins, since none loses its CPU.
    assert_eq!(["main.fib", "main.handle"].map(|function| without_scratch(function, Caps::linux_5_10())), [1, 1]);
}
