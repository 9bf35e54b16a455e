use std::collections::HashMap;

use bpf::vm::{Image, Unreadable, UserMemory, Vm};
use bpf::{Assembler, Caps, Entries, Helper, Kind, MapId, MapSpec, Maps, Reg, Size, Source};
use expect_test::{Expect, expect};
use gobin::insn::Class;
use gobin::{Arch, FileOff, VAddr};

use event::go::End;
use program::frames::*;

use super::*;
use plan::target::{FIELDS, Hook, HookKind, Runtime};

mod model;
mod places;

/// The fields' places in these tests; not those of any version of Go.
const PLACES: [(&str, u64); 6] =
    [("g.stack.lo", 8), ("g.stack.hi", 16), ("g.m", 40), ("g.sched.sp", 64), ("g.goid", 120), ("m.curg", 200)];

fn word_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

fn place(field: &str) -> u64 {
    PLACES.iter().find(|place| place.0 == field).unwrap().1
}

fn runtime(hooks: bool) -> Runtime {
    let field = |name: &&'static str| {
        let place = PLACES.iter().find(|place| place.0 == *name);
        (*name, place.map(|place| place.1).ok_or_else(|| "it is not asked for".to_owned()))
    };
    let hook = |kind| Hook {
        kind,
        function: String::new(),
        at: VAddr(0),
        file: FileOff(0),
        class: Class::Emulated,
        sp_adjust: 0,
    };
    let kinds: &[HookKind] = if hooks { &[HookKind::GoroutineEnd, HookKind::CopyStack] } else { &[] };
    let (fields, hooks) = (FIELDS.iter().map(field).collect(), kinds.iter().map(|&kind| hook(kind)).collect());
    Runtime { fields, hooks, ..Runtime::default() }
}

/// Words by address. Others cannot be read.
#[derive(Default)]
struct Words {
    words: HashMap<u64, u64>,
    reads: u64,
}

impl UserMemory for Words {
    fn read(&mut self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.reads += 1;
        for (n, word) in buf.chunks_exact_mut(8).enumerate() {
            let at = addr.wrapping_add(8 * n as u64);
            word.copy_from_slice(&self.words.get(&at).ok_or(Unreadable)?.to_le_bytes());
        }
        Ok(())
    }
}

/// What the program under test has told about a hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    answer: u64,
    goid: u64,
    call: u64,
    time: u64,
    saved: u64,
    marks: u64,
}

/// A call of which the function for ended calls was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Told {
    goid: u64,
    row: u32,
    end: End,
    call: u64,
    saved: u64,
}

struct Programs {
    enter: Image,
    exit: Image,
    goid: Image,
    hooks: [Image; 4],
}

/// Probed processes in a machine.
struct Bench {
    arch: Arch,
    vm: Vm,
    tables: Tables,
    answers: MapId,
    ring: MapId,
    programs: Programs,
    memory: Words,
    process: u32,
}

/// What programs leave in the map `answers`, and the room that they have on their stack for it.
const ANSWER_BYTES: i32 = 48;
const SAVED: u32 = 1;

impl Bench {
    fn new() -> Bench {
        Bench::with(Arch::Amd64, Capacity { heads: 64, chunks: 4096 }, true)
    }

    fn with(arch: Arch, capacity: Capacity, hooks: bool) -> Bench {
        Bench::marking(arch, capacity, hooks, false)
    }

    fn marking(arch: Arch, capacity: Capacity, hooks: bool, marks: bool) -> Bench {
        Bench::of(Gs::of(arch, &runtime(hooks)).unwrap(), capacity, marks)
    }

    /// Where nobody asks for goroutines.
    fn anonymous(arch: Arch) -> Bench {
        let gs = Gs::of(arch, &runtime(true)).unwrap().anonymous(true);
        Bench::of(gs, Capacity { heads: 64, chunks: 4096 }, false)
    }

    fn of(gs: Gs, capacity: Capacity, marks: bool) -> Bench {
        let mut maps = Maps::new();
        let tables = Tables::add(&mut maps, Caps::linux_7_0(), capacity, SAVED).unwrap().marking(marks);
        let answers = maps.add(MapSpec::array("answers", ANSWER_BYTES as u32, Entries::Fixed(1))).unwrap();
        let ring = maps.add(MapSpec::ringbuf("ring", Entries::Fixed(1 << 22))).unwrap();
        let vm = Vm::new(&maps, 2).unwrap();
        let program = |name: &str, body: &dyn Fn(&mut Assembler, &mut Frames)| {
            let program = assemble(name, &maps, tables, gs, Some(ring), body);
            vm.load(&program).unwrap()
        };
        let hook = |name: &str, call: fn(&mut Frames, &mut Assembler)| program(name, &|asm, frames| call(frames, asm));
        let programs = Programs {
            enter: program("enter", &|asm, frames| entering(asm, frames, answers)),
            exit: program("exit", &|asm, frames| exiting(asm, frames, answers)),
            goid: program("goid", &|asm, frames| asking(asm, frames, answers)),
            hooks: [
                hook("recovery", Frames::recovery),
                hook("goroutine_end", Frames::goroutine_end),
                hook("copystack", Frames::copystack),
                hook("goexit", Frames::goexit),
            ],
        };
        let arch = gs.arch();
        Bench { arch, vm, tables, answers, ring, programs, memory: Words::default(), process: 7 }
    }

    fn run(&mut self, which: fn(&Programs) -> &Image, site: Site, registers: &[(&str, u64)]) -> u64 {
        let mut context = vec![0; 272];
        for (name, value) in registers {
            let at = usize::from(plan::machine::Register::named(self.arch, name).unwrap().offset);
            context[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        self.vm.task.cookie = site.word();
        self.vm.task.tgid = self.process;
        self.vm.task.boot_ns += 10;
        let image = which(&self.programs).clone();
        self.vm.run(&image, &mut context, &mut self.memory).unwrap()
    }

    fn hit(&mut self, which: fn(&Programs) -> &Image, g: u64, sp: u64, site: Site) -> Seen {
        let g_register = if self.arch == Arch::Amd64 { "r14" } else { "r28" };
        self.run(which, site, &[(g_register, g), ("sp", sp)]);
        let value = self.vm.get(self.answers, &[0; 4]).unwrap();
        let word = |n: usize| word_at(&value, 8 * n);
        Seen { answer: word(0), goid: word(1), call: word(2), time: word(3), saved: word(4), marks: word(5) }
    }

    fn enter(&mut self, g: u64, sp: u64, site: Site) -> Seen {
        self.hit(|p| &p.enter, g, sp, site)
    }

    fn exit(&mut self, g: u64, sp: u64, site: Site) -> Seen {
        self.hit(|p| &p.exit, g, sp, site)
    }

    fn goid(&mut self, g: u64, sp: u64) -> u64 {
        let g_register = if self.arch == Arch::Amd64 { "r14" } else { "r28" };
        let seen = self.run(|p| &p.goid, Site::default(), &[(g_register, g), ("sp", sp)]);
        let of_g = self.memory.words.get(&(seen + place("g.goid"))).copied();
        if seen == 0 { 0 } else { of_g.expect("what is seen is the address of a g") }
    }

    /// The marks that the last hit has seen.
    fn marks(&self) -> u64 {
        word_at(&self.vm.get(self.answers, &[0; 4]).unwrap(), 40)
    }

    /// A panic is recovered, and g goes on at `sp`.
    fn recover(&mut self, g: u64, sp: u64) {
        let system_sp = 0x10_0000;
        let argument = if self.arch == Arch::Amd64 { system_sp } else { system_sp + 8 };
        self.memory.words.insert(argument, g + place("g.sched.sp"));
        self.memory.words.insert(g + place("g.sched.sp"), sp);
        self.run(|p| &p.hooks[0], Site::default(), &[("sp", system_sp)]);
    }

    fn end(&mut self, g: u64) {
        self.of_argument(|p| &p.hooks[1], g);
    }

    fn goexit(&mut self, g: u64) {
        let register = if self.arch == Arch::Amd64 { "r14" } else { "r28" };
        self.run(|p| &p.hooks[3], Site::default(), &[(register, g)]);
    }

    fn copystack(&mut self, g: u64) {
        self.of_argument(|p| &p.hooks[2], g);
    }

    fn of_argument(&mut self, which: fn(&Programs) -> &Image, g: u64) {
        let argument = if self.arch == Arch::Amd64 { "ax" } else { "r0" };
        self.run(which, Site::default(), &[(argument, g)]);
    }

    /// Makes a g.
    fn g(&mut self, g: u64, goid: u64, lo: u64, hi: u64) {
        for (field, value) in [("g.stack.lo", lo), ("g.stack.hi", hi), ("g.goid", goid)] {
            self.memory.words.insert(g + place(field), value);
        }
    }

    fn told(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        self.vm.drain(self.ring, |record| {
            let word = |n: usize| word_at(record, 8 * n);
            let end = End::numbered(word(2) as u32).unwrap();
            told.push(Told { goid: word(0), row: word(1) as u32, end, call: word(3), saved: word(4) });
        });
        told
    }

    fn counters(&self) -> Counters {
        Counters::read(&self.vm.get(self.tables.counters, &[0; 4]).unwrap())
    }

    fn open(&self) -> Vec<OpenCall> {
        let (heads, chunks) = (self.vm.entries(self.tables.heads), self.vm.entries(self.tables.chunks));
        Heads::new(&self.tables, heads, chunks).open().collect()
    }
}

fn assemble(
    name: &str,
    maps: &Maps,
    tables: Tables,
    gs: Gs,
    ring: Option<MapId>,
    body: &dyn Fn(&mut Assembler, &mut Frames),
) -> bpf::Program {
    let mut asm = Assembler::new(name, Kind::UprobeMulti, Source::default());
    let mut frames = Frames::declare(&mut asm, tables, gs);
    // The process's number is its tgid here.
    asm.mov(Reg::R6, Reg::R1).helper(Helper::GET_CURRENT_PID_TGID).alu(bpf::AluOp::Rsh, Reg::R0, 32);
    asm.mov(Reg::R2, Reg::R0).mov(Reg::R1, Reg::R6);
    body(&mut asm, &mut frames);
    asm.exit();
    match ring {
        Some(ring) => frames.finish(&mut asm, Some(&mut |asm, ended| telling(asm, ended, ring))),
        None => frames.finish(&mut asm, None),
    }
    asm.finish(maps).unwrap()
}

/// Sends what [`Told`] says.
fn telling(asm: &mut Assembler, ended: Ended, ring: MapId) {
    let at = |n: i32| ended.stack - 40 + 8 * n;
    let fields = [
        (ended.head, HEAD_GOID, Size::U64),
        (ended.frame, FRAME_ROW, Size::U32),
        (ended.frame, FRAME_CALL, Size::U64),
        (ended.frame, FRAME_SAVED, Size::U64),
    ];
    for ((base, offset, size), slot) in fields.into_iter().zip([0, 1, 3, 4]) {
        asm.load(size, Reg::R1, base, offset).store(Size::U64, Reg::R10, at(slot), Reg::R1);
    }
    asm.store(Size::U64, Reg::R10, at(2), ended.end);
    asm.map(Reg::R1, ring).frame(Reg::R2, at(0)).mov(Reg::R3, 40).mov(Reg::R4, 0).helper(Helper::RINGBUF_OUTPUT);
}

/// Where the frames' answers stand in the stack frame of the tests' programs.
const SEEN: i32 = -SEEN_BYTES;

fn call_with_site(asm: &mut Assembler, call: impl FnOnce(&mut Assembler)) {
    asm.store(Size::U64, Reg::R10, SEEN - 8, Reg::R2).mov(Reg::R1, Reg::R6).helper(Helper::GET_ATTACH_COOKIE);
    asm.mov(Reg::R1, Reg::R6).load(Size::U64, Reg::R2, Reg::R10, SEEN - 8).mov(Reg::R3, Reg::R0);
    asm.frame(Reg::R4, SEEN);
    call(asm);
}

/// Answers with the g, whose goid must be the one that is told.
fn asking(asm: &mut Assembler, frames: &mut Frames, answers: MapId) {
    let same = asm.label("same");
    asm.frame(Reg::R3, SEEN);
    frames.goid(asm);
    keep_marks(asm, answers);
    asm.load(Size::U64, Reg::R0, Reg::R10, SEEN + SEEN_G).jump_if(bpf::Cond::Eq, Reg::R0, 0, same);
    asm.mov(Reg::R3, Reg::R0).add(Reg::R3, place("g.goid") as i32).frame(Reg::R1, SEEN - 8).mov(Reg::R2, 8);
    asm.mov(Reg::R6, Reg::R0).helper(Helper::PROBE_READ_USER).mov(Reg::R0, Reg::R6);
    asm.load(Size::U64, Reg::R1, Reg::R10, SEEN - 8).load(Size::U64, Reg::R2, Reg::R10, SEEN + SEEN_GOID);
    asm.jump_if(bpf::Cond::Eq, Reg::R1, Reg::R2, same).mov(Reg::R0, 1);
    asm.place(same);
}

/// Leaves the marks of an answer beside the others, and the answer without them.
fn keep_marks(asm: &mut Assembler, answers: MapId) {
    asm.mov(Reg::R1, Reg::R0).alu(bpf::AluOp::Rsh, Reg::R1, MARKS_AT).map_value(Reg::R7, answers, 0);
    asm.store(Size::U64, Reg::R7, 40, Reg::R1).alu(bpf::AluOp::And, Reg::R0, (1 << MARKS_AT) - 1);
}

/// Enters, saves a word that depends on the call, and leaves the answers.
fn entering(asm: &mut Assembler, frames: &mut Frames, answers: MapId) {
    let none = asm.label("none");
    call_with_site(asm, |asm| frames.enter(asm));
    keep_marks(asm, answers);
    asm.map_value(Reg::R7, answers, 0).store(Size::U64, Reg::R7, 0, Reg::R0);
    asm.jump_if(bpf::Cond::Ne, Reg::R0, Outcome::Recorded as i32, none);
    asm.load(Size::U64, Reg::R8, Reg::R10, SEEN + SEEN_FRAME).jump_if(bpf::Cond::Eq, Reg::R8, 0, none);
    asm.load(Size::U64, Reg::R1, Reg::R8, FRAME_CALL).alu(bpf::AluOp::Mul, Reg::R1, 1000);
    asm.store(Size::U64, Reg::R8, FRAME_SAVED, Reg::R1);
    answering(asm, none);
}

fn exiting(asm: &mut Assembler, frames: &mut Frames, answers: MapId) {
    let none = asm.label("none");
    call_with_site(asm, |asm| frames.exit(asm));
    keep_marks(asm, answers);
    asm.map_value(Reg::R7, answers, 0).store(Size::U64, Reg::R7, 0, Reg::R0);
    asm.load(Size::U64, Reg::R8, Reg::R10, SEEN + SEEN_FRAME).jump_if(bpf::Cond::Eq, Reg::R8, 0, none);
    answering(asm, none);
}

/// What is in the frame, if there is one, and the goid.
fn answering(asm: &mut Assembler, none: bpf::Label) {
    let done = asm.label("answered");
    for (n, field) in [(2, FRAME_CALL), (3, FRAME_TIME), (4, FRAME_SAVED)] {
        asm.load(Size::U64, Reg::R1, Reg::R8, field).store(Size::U64, Reg::R7, 8 * n, Reg::R1);
    }
    asm.jump(done);
    asm.place(none);
    for n in 2..5 {
        asm.store(Size::U64, Reg::R7, 8 * n, 0);
    }
    asm.place(done).load(Size::U64, Reg::R1, Reg::R10, SEEN + SEEN_GOID).store(Size::U64, Reg::R7, 8, Reg::R1);
    asm.mov(Reg::R0, 0);
}

#[test]
fn marks_of_a_goroutine_are_those_of_the_system_stack_that_works_for_it() {
    let mut bench = Bench::marking(Arch::Amd64, Capacity { heads: 8, chunks: 8 }, true, true);
    bench.g(G, 42, LO, HI);
    let (g0, m) = (0x9000, 0xa000);
    bench.g(g0, 0, 0xf000, 0x1_0000);
    bench.memory.words.extend([(g0 + place("g.m"), m), (m + place("m.curg"), G)]);
    let marking = |row, marks| Site { row, marks, ..Site::default() };
    assert_eq!(bench.enter(G, HI - 64, marking(1, 1)).marks, 1);
    assert_eq!(bench.enter(g0, 0xff00, marking(2, 2)).marks, 3);
    assert_eq!(bench.enter(g0, 0xfe00, row(3)).marks, 3);
    bench.goid(g0, 0xfd00);
    assert_eq!(bench.marks(), 3);
    // Another goroutine's turn: its calls are others.
    bench.memory.words.insert(m + place("m.curg"), 0);
    assert_eq!(bench.exit(g0, 0xfe00, row(3)).marks, 2);
    assert_eq!(bench.exit(g0, 0xff00, row(2)).marks, 2);
    assert_eq!(bench.exit(G, HI - 64, row(1)).marks, 1);
    bench.goid(G, HI - 64);
    assert_eq!(bench.marks(), 0);
}

#[test]
fn calls_that_were_inlined_into_each_other_are_told_apart_though_sp_is_the_same() {
    let mut bench = bench();
    bench.g(G, 42, LO, HI);
    let inlined = |number, level| Site { level, ..row(number) };
    let (sp, frame) = (HI - 128, 64);
    assert_eq!(bench.enter(G, sp, Site { sp_adjust: frame, ..row(1) }).answer, Outcome::Recorded as u64);
    assert_eq!(bench.enter(G, sp, inlined(2, 1)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.enter(G, sp, inlined(3, 7)).answer, Outcome::Recorded as u64);
    // What they call has the return address below.
    assert_eq!(bench.enter(G, sp - 8, row(4)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.exit(G, sp - 8, row(4)).answer, End::Return as u64);
    assert_eq!(bench.exit(G, sp, inlined(3, 7)).answer, End::Return as u64);
    // A second one in the same place, which panics; what it stands in is recovered by the function around.
    assert_eq!(bench.enter(G, sp, inlined(3, 7)).answer, Outcome::Recorded as u64);
    bench.recover(G, sp);
    assert_eq!((bench.counters().unwound, bench.open().len()), (2, 1));
    assert_eq!(bench.enter(G, sp, inlined(2, 1)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.exit(G, sp, inlined(2, 1)).answer, End::Return as u64);
    assert_eq!(bench.exit(G, sp + u64::from(frame), row(1)).answer, End::Return as u64);
    assert_eq!(bench.counters(), Counters { unwound: 2, ..Counters::default() });
}

#[test]
fn what_is_seen_without_a_frame_has_the_marks_of_those_above_it() {
    let mut bench = Bench::marking(Arch::Amd64, Capacity { heads: 1, chunks: 1 }, true, true);
    bench.g(G, 42, LO, HI);
    assert_eq!(bench.enter(G, HI - 64, Site { marks: 0x80, ..row(1) }).marks, 0x80);
    let seen = bench.exit(G, HI - 128, row(2));
    assert_eq!((seen.answer, seen.marks, bench.counters().unpaired), (0, 0x80, 1));
    // Behind a call that was left unseen nothing of it is left.
    assert_eq!(bench.enter(G, HI - 256, Site { marks: 1, ..row(3) }).marks, 0x81);
    bench.goid(G, HI - 128);
    assert_eq!((bench.marks(), bench.counters().lost), (0x80, 1));
    // Nobody is known to be under anything on a stack that is none of a goroutine's.
    assert_eq!(bench.enter(G, 0x4000, row(2)).marks, 0);
    assert_eq!(bench.exit(G + 8, HI - 64, row(2)).marks, 0);
}

const G: u64 = 0xc000_0000;
const LO: u64 = 0x7000_0000;
const HI: u64 = 0x7000_8000;

fn row(row: u32) -> Site {
    Site { row, ..Site::default() }
}

/// A goroutine 42 with a stack.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.g(G, 42, LO, HI);
    bench
}

fn rows(told: &[Told]) -> Vec<(u32, &'static str)> {
    told.iter().map(|told| (told.row, told.end.word())).collect()
}

#[test]
fn a_call_that_returns_is_paired_with_what_its_entry_saved() {
    let mut bench = bench();
    let entered = bench.enter(G, HI - 64, row(3));
    assert_eq!(entered, Seen { answer: 1, goid: 42, call: 1, time: 10, saved: 1000, marks: 0 });
    let inner = bench.enter(G, HI - 128, row(4));
    assert_eq!((inner.call, inner.time), (2, 20));
    assert_eq!(bench.exit(G, HI - 128, row(4)), Seen { answer: End::Return as u64, ..inner });
    assert_eq!(bench.exit(G, HI - 64, row(3)), Seen { answer: End::Return as u64, ..entered });
    assert_eq!((bench.open(), bench.counters()), (vec![], Counters::default()));
}

#[test]
fn memory_of_the_target_is_read_once_and_after_the_hooks_again() {
    let mut bench = bench();
    let reads = |bench: &mut Bench| {
        bench.enter(G, HI - 64, row(1));
        bench.exit(G, HI - 64, row(1));
        std::mem::take(&mut bench.memory.reads)
    };
    assert_eq!([reads(&mut bench), reads(&mut bench)], [2, 0]);
    bench.copystack(G);
    assert_eq!([reads(&mut bench), reads(&mut bench)], [2, 0]);
    bench.end(G);
    assert_eq!([reads(&mut bench), reads(&mut bench)], [2, 0]);
}

#[test]
fn sp_is_adjusted_to_what_it_was_at_the_first_byte() {
    let mut bench = bench();
    bench.enter(G, HI - 256, Site { row: 1, sp_adjust: 192, ..Site::default() });
    assert_eq!(bench.open()[0].depth, 64);
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, End::Return as u64);
}

#[test]
fn recursion_over_chunks_and_stack_copies_is_paired_call_by_call() {
    let mut bench = bench();
    let mut hi = HI;
    let depth = |n: u64| 64 * (n + 1);
    for n in 0..100 {
        assert_eq!(bench.enter(G, hi - depth(n), row(1)).call, n + 1);
        if n % 30 == 29 {
            hi += 0x10_0000;
            bench.g(G, 42, hi - 0x8000, hi);
            bench.copystack(G);
        }
    }
    assert_eq!(bench.vm.entries(bench.tables.chunks).len(), 6);
    assert_eq!(bench.open().iter().map(|call| call.call).collect::<Vec<u64>>(), (1..=100).collect::<Vec<u64>>());
    for n in (0..100).rev() {
        let seen = bench.exit(G, hi - depth(n), row(1));
        assert_eq!((seen.call, seen.saved), (n + 1, 1000 * (n + 1)));
    }
    // The chunk next to the one in use is kept, until none is.
    assert_eq!(bench.vm.entries(bench.tables.chunks).len(), 0);
    assert_eq!(bench.counters(), Counters::default());
}

#[test]
fn a_recovered_panic_unwinds_what_was_below_and_leaves_the_recovering_call() {
    let mut bench = bench();
    for n in 0..21 {
        bench.enter(G, HI - 64 * (n + 1), row(n as u32));
    }
    // The body of the recovering function has its SP below the one that it was entered with.
    bench.recover(G, HI - 64 - 40);
    let told = bench.told();
    assert_eq!(rows(&told), (1..21).rev().map(|n| (n, "unwound")).collect::<Vec<_>>());
    assert!(told.iter().all(|told| told.saved == 1000 * told.call && told.goid == 42));
    assert_eq!(bench.exit(G, HI - 64, row(0)).answer, End::Return as u64);
    assert_eq!(bench.counters(), Counters { unwound: 20, ..Counters::default() });
}

#[test]
fn more_frames_than_one_hit_can_end_are_ended_at_the_next_one_as_what_they_are() {
    let mut bench = bench();
    bench.g(G, 42, LO - (1 << 24), HI);
    let frames = 20_000;
    for n in 0..frames {
        bench.enter(G, HI - 64 * (n + 1), row(1));
    }
    bench.recover(G, HI - 64 - 40);
    assert_eq!(bench.counters().unwound, 32 * 512);
    // Even a call that stands deeper than anything before.
    assert_eq!(bench.enter(G, HI - 64 * (frames + 1), row(2)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.open().iter().map(|call| call.row).collect::<Vec<u32>>(), [1, 2]);
    assert_eq!(bench.counters(), Counters { unwound: frames - 1, ..Counters::default() });
}

#[test]
fn goexit_ends_all_calls_and_the_g_is_used_again() {
    let mut bench = bench();
    bench.enter(G, HI - 64, row(1));
    bench.enter(G, HI - 128, row(2));
    bench.end(G);
    assert_eq!(rows(&bench.told()), [(2, "goexit"), (1, "goexit")]);
    bench.g(G, 43, LO, HI);
    assert_eq!(bench.enter(G, HI - 96, row(1)), Seen { answer: 1, goid: 43, call: 3, time: 40, saved: 3000, marks: 0 });
    assert_eq!(bench.counters(), Counters { goexit: 2, ..Counters::default() });
}

#[test]
fn a_jump_to_another_function_ends_one_call_and_begins_another_at_the_same_depth() {
    let mut bench = bench();
    bench.enter(G, HI - 64, row(1));
    assert_eq!(bench.exit(G, HI - 64, Site { tail: true, ..row(1) }).answer, End::Tail as u64);
    assert_eq!(bench.enter(G, HI - 64, row(2)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.exit(G, HI - 64, row(2)).answer, End::Return as u64);
    assert_eq!(bench.counters(), Counters::default());
}

#[test]
fn a_loop_through_the_entry_is_one_call() {
    let mut bench = bench();
    let site = Site { loop_head: true, ..row(1) };
    let answers: Vec<u64> = (0..5).map(|_| bench.enter(G, HI - 64, site).answer).collect();
    assert_eq!(answers, [1, 2, 2, 2, 2]);
    // Another function's frame at that depth is another call's.
    assert_eq!(bench.enter(G, HI - 64, Site { row: 2, ..site }).answer, 1);
    assert_eq!(rows(&bench.told()), [(1, "lost")]);
    assert_eq!(bench.exit(G, HI - 64, row(2)).answer, 1);
}

#[test]
fn an_exit_of_a_call_that_was_open_before_is_counted_and_disturbs_nothing() {
    let mut bench = bench();
    assert_eq!(bench.exit(G, HI - 128, row(2)), Seen { answer: 0, goid: 42, call: 0, time: 0, saved: 0, marks: 0 });
    bench.enter(G, HI - 64, row(1));
    assert_eq!(bench.exit(G, HI - 64, row(9)).answer, 0);
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, 1);
    assert_eq!(bench.exit(G, HI - 32, row(1)).answer, 0);
    assert_eq!(bench.counters(), Counters { unpaired: 3, ..Counters::default() });
}

#[test]
fn without_hooks_calls_still_pair_and_ends_that_nobody_saw_are_lost() {
    let mut bench = Bench::with(Arch::Amd64, Capacity { heads: 8, chunks: 8 }, false);
    bench.g(G, 42, LO, HI);
    for n in 1..=4 {
        bench.enter(G, HI - 64 * n, row(n as u32));
    }
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, 1);
    assert_eq!(rows(&bench.told()), [(4, "lost"), (3, "lost"), (2, "lost")]);
    bench.enter(G, HI - 64, row(1));
    bench.g(G, 43, LO, HI);
    assert_eq!(bench.goid(G, HI - 64), 43);
    assert_eq!(bench.enter(G, HI - 128, row(1)).goid, 43);
    assert_eq!(bench.told().iter().map(|t| (t.goid, t.row, t.end)).collect::<Vec<_>>(), [(42, 1, End::Lost)]);
}

#[test]
fn a_stack_that_is_not_the_goroutines_is_left_alone() {
    let mut bench = bench();
    bench.enter(G, HI - 64, row(1));
    assert_eq!(bench.enter(G, 0x5000, row(2)), Seen { answer: 0, goid: 0, call: 0, time: 0, saved: 0, marks: 0 });
    assert_eq!(bench.exit(G, HI, row(1)).answer, 0);
    assert_eq!(bench.goid(G, HI + 8), 0);
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, 1);
    assert_eq!(bench.counters(), Counters { foreign: 3, ..Counters::default() });
}

#[test]
fn a_register_that_leads_to_no_g_is_no_goroutine() {
    let mut bench = bench();
    assert_eq!(bench.enter(8, HI - 64, row(1)), Seen { answer: 0, goid: 0, call: 0, time: 0, saved: 0, marks: 0 });
    assert_eq!(bench.exit(8, HI - 64, row(1)).answer, 0);
    assert_eq!(bench.goid(8, HI - 64), 0);
    // A stack of 2 GiB is none.
    bench.g(G, 42, 0, 1 << 31);
    assert_eq!(bench.enter(G, HI - 64, row(1)).answer, 0);
    assert_eq!(bench.counters(), Counters { no_g: 4, ..Counters::default() });
}

/// A system stack and the goroutine that it works for.
fn system_stack(bench: &mut Bench, g0: u64, m: u64) {
    bench.g(g0, 0, 0x9000, 0x1_0000);
    bench.memory.words.insert(g0 + place("g.m"), m);
    bench.memory.words.insert(m + place("m.curg"), G);
}

#[test]
fn on_a_system_stack_calls_pair_and_the_goroutine_is_the_one_it_works_for() {
    let (mut bench, g0, m) = (bench(), 0xd000_0000, 0xe000_0000);
    system_stack(&mut bench, g0, m);
    let call = (g0 << 16) + 1;
    assert_eq!(bench.enter(g0, 0xff00, row(1)).goid, 42);
    assert_eq!(bench.goid(g0, 0xfe00), 42);
    assert_eq!(
        bench.exit(g0, 0xff00, row(1)),
        Seen { answer: 1, goid: 42, call, time: 10, saved: 1000 * call, marks: 0 }
    );
    // Another one may work for it as well: its calls are others.
    let (other, call) = (0xd800_0000, (0xd800_0000 << 16) + 1);
    system_stack(&mut bench, other, 0xf000_0000);
    assert_eq!(bench.enter(other, 0xff00, row(1)).call, call);
    assert_eq!(bench.exit(other, 0xff00, row(1)).call, call);
    bench.memory.words.insert(m + place("m.curg"), 0);
    assert_eq!(bench.enter(g0, 0xff00, row(1)).goid, 0);
    assert_eq!(bench.counters(), Counters::default());
}

#[test]
fn calls_left_by_a_switch_end_as_switched() {
    let (mut bench, g0) = (bench(), 0xd000_0000);
    system_stack(&mut bench, g0, 0xe000_0000);
    bench.enter(g0, 0xff00, Site { switches: true, ..row(1) });
    bench.enter(g0, 0xfe00, Site { switches: true, ..row(2) });
    bench.enter(g0, 0xff10, row(3));
    assert_eq!(rows(&bench.told()), [(2, "switched"), (1, "switched")]);
    assert_eq!(bench.counters(), Counters { switched: 2, ..Counters::default() });
}

#[test]
fn the_same_g_in_two_processes_is_two_goroutines() {
    let mut bench = bench();
    bench.enter(G, HI - 64, row(1));
    bench.process = 8;
    bench.g(G, 5, LO, HI);
    assert_eq!(bench.enter(G, HI - 32, row(2)).goid, 5);
    assert_eq!(bench.exit(G, HI - 32, row(2)).answer, 1);
    bench.process = 7;
    assert_eq!(bench.exit(G, HI - 64, row(1)).goid, 42);
    assert_eq!(bench.counters(), Counters::default());
}

#[test]
fn full_tables_refuse_calls_and_keep_those_that_they_have() {
    let mut bench = Bench::with(Arch::Amd64, Capacity { heads: 1, chunks: 1 }, true);
    bench.g(G, 42, LO, HI);
    bench.g(G + 0x1000, 43, LO, HI);
    let answers: Vec<u64> = (1..=40).map(|n| bench.enter(G, HI - 64 * n, row(1)).answer).collect();
    assert_eq!(answers.iter().sum::<u64>(), 32);
    assert_eq!(
        bench.enter(G + 0x1000, HI - 64, row(1)),
        Seen { answer: 0, goid: 43, call: 0, time: 0, saved: 0, marks: 0 }
    );
    assert_eq!(bench.exit(G + 0x1000, HI - 64, row(1)).goid, 43);
    assert_eq!(bench.goid(G + 0x1000, HI - 64), 43);
    let paired: u64 = (1..=40).rev().map(|n| bench.exit(G, HI - 64 * n, row(1)).answer).sum();
    assert_eq!(paired, 32);
    assert_eq!(bench.counters(), Counters { full: 9, unpaired: 9, ..Counters::default() });
}

/// A goroutine whose number nobody asks for.
fn anonymous() -> Bench {
    let mut bench = Bench::anonymous(Arch::Amd64);
    bench.g(G, 42, LO, HI);
    bench
}

#[test]
fn where_nobody_asks_for_goroutines_no_memory_is_read_unless_a_stack_moves_with_calls_open() {
    let mut bench = anonymous();
    bench.copystack(G);
    assert_eq!(bench.enter(G, HI - 64, row(1)), Seen { answer: 1, goid: 0, call: 1, time: 20, saved: 1000, marks: 0 });
    bench.enter(G, HI - 128, row(2));
    assert_eq!(bench.memory.reads, 0);
    bench.copystack(G);
    bench.copystack(G);
    let hi = HI + 0x10_0000;
    bench.g(G, 42, LO, hi);
    assert_eq!(bench.exit(G, hi - 128, row(2)).answer, End::Return as u64);
    assert_eq!(bench.exit(G, hi - 64, row(1)).answer, End::Return as u64);
    assert_eq!(bench.memory.reads, 2);
    // There is nothing to keep then.
    bench.copystack(G);
    bench.g(G, 43, 0x1000, 0x2000);
    bench.enter(G, 0x1800, row(1));
    assert_eq!(bench.exit(G, 0x1800, row(1)).answer, End::Return as u64);
    assert_eq!((bench.memory.reads, bench.counters()), (2, Counters::default()));
}

#[test]
fn a_panic_recovered_after_a_stack_has_moved_unwinds_what_was_below_whoevers_it_is() {
    let mut bench = anonymous();
    // Nothing is open: nothing to unwind.
    bench.recover(G, HI - 40);
    for n in 0..21 {
        bench.enter(G, HI - 64 * (n + 1), row(n as u32));
    }
    bench.copystack(G);
    let hi = HI + 0x10_0000;
    bench.g(G, 42, LO, hi);
    bench.recover(G, hi - 64 - 40);
    assert_eq!(rows(&bench.told()), (1..21).rev().map(|n| (n, "unwound")).collect::<Vec<_>>());
    assert_eq!(bench.exit(G, hi - 64, row(0)).answer, End::Return as u64);
    assert_eq!(bench.counters(), Counters { unwound: 20, ..Counters::default() });
}

#[test]
fn calls_left_in_a_g_that_is_another_goroutines_end_when_they_cannot_be_callers() {
    let mut bench = anonymous();
    let far = [HI + (1 << 33), HI - 64 + (1 << 30), HI];
    for sp in far {
        bench.enter(G, HI - 64, row(1));
        bench.enter(G, HI - 128, row(2));
        // The same g on another stack.
        assert_eq!(bench.enter(G, sp, row(3)).answer, Outcome::Recorded as u64);
        assert_eq!(rows(&bench.told()), [(2, "lost"), (1, "lost")]);
        assert_eq!(bench.exit(G, sp + (1 << 32), row(9)).answer, 0);
        assert_eq!(bench.exit(G, sp, row(3)).answer, End::Return as u64);
    }
    assert_eq!((bench.open(), bench.counters()), (vec![], Counters { lost: 6, unpaired: 3, ..Counters::default() }));
}

#[test]
fn more_frames_than_one_hit_can_end_end_with_their_goroutine_though_it_is_not_known() {
    let mut bench = anonymous();
    let frames = 20_000;
    for n in 0..frames {
        bench.enter(G, HI - 64 * (n + 1), row(1));
    }
    bench.goexit(G);
    assert_eq!(bench.counters().goexit, 32 * 512);
    bench.g(G, 43, LO, HI);
    assert_eq!(bench.enter(G, HI - 64, row(2)).answer, Outcome::Recorded as u64);
    assert_eq!(bench.exit(G, HI - 64, row(2)).answer, End::Return as u64);
    assert_eq!((bench.open(), bench.counters()), (vec![], Counters { goexit: frames, ..Counters::default() }));
}

#[test]
fn what_asks_for_a_goroutine_all_the_same_reads_it() {
    let mut bench = anonymous();
    bench.enter(G, HI - 64, row(1));
    assert_eq!(bench.goid(G, HI - 64), 42);
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, End::Return as u64);
}

#[test]
fn on_arm64_the_same_is_read_from_other_registers() {
    let mut bench = Bench::with(Arch::Arm64, Capacity { heads: 8, chunks: 8 }, true);
    bench.g(G, 42, LO, HI);
    for n in 1..=4 {
        bench.enter(G, HI - 64 * n, row(n as u32));
    }
    bench.copystack(G);
    // A callee's SP at entry is the caller's, so the frame that begins where the body stands is gone.
    bench.recover(G, HI - 128);
    assert_eq!(rows(&bench.told()), [(4, "unwound"), (3, "unwound"), (2, "unwound")]);
    assert_eq!(bench.exit(G, HI - 64, row(1)).answer, 1);
    bench.enter(G, HI - 64, row(5));
    bench.end(G);
    assert_eq!(rows(&bench.told()), [(5, "goexit")]);
}

#[test]
fn without_anybody_to_tell_ends_are_counted() {
    let mut maps = Maps::new();
    let tables = Tables::add(&mut maps, Caps::linux_5_10(), Capacity::by(Caps::linux_5_10(), 0), 0).unwrap();
    let gs = Gs::of(Arch::Amd64, &runtime(true)).unwrap();
    let program = assemble("end", &maps, tables, gs, None, &|asm, frames| frames.goroutine_end(asm));
    let functions: Vec<&str> = program.functions().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(functions, ["end", "frames_goroutine_end", "frames_pop_all", "frames_pop"]);
    assert_eq!(program.lacking(Caps::linux_5_10()), [bpf::Feature::UprobeMulti]);
}

#[test]
fn a_runtime_whose_fields_are_not_known_is_refused() {
    let refusal = |name: &str, answer: Result<u64, String>| {
        let mut runtime = runtime(true);
        runtime.fields.iter_mut().find(|field| field.0 == name).unwrap().1 = answer;
        Gs::of(Arch::Amd64, &runtime).unwrap_err()
    };
    assert_eq!(refusal("g.goid", Err("nobody says".into())), "nobody says");
    assert_eq!(refusal("g.stack.hi", Ok(40)), "g.stack.hi does not follow g.stack.lo");
    assert_eq!(refusal("m.curg", Ok(1 << 20)), "m.curg cannot be at 0x100000");
}

fn check_maps(caps: Caps, expect: Expect) {
    let mut maps = Maps::new();
    Tables::add(&mut maps, caps, Capacity::by(caps, 3), 3).unwrap();
    let lines: Vec<String> = maps.iter().map(|(_, spec)| spec.to_string()).collect();
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn maps_allocate_as_they_fill_where_the_kernel_lets_them() {
    check_maps(
        Caps::linux_6_12(),
        expect![[r#"
            frame_heads hash key 16 value 1096 entries 262144 no_prealloc
            frame_chunks hash key 16 value 1024 entries 131072 no_prealloc
            frame_counters array key 4 value 96 entries 1
            frame_gone hash key 4 value 4 entries 1024
            frame_blank array key 4 value 1096 entries 1"#]],
    );
    check_maps(
        Caps::linux_5_10(),
        expect![[r#"
            frame_heads hash key 16 value 1096 entries 8192
            frame_chunks hash key 16 value 1024 entries 4096
            frame_counters array key 4 value 96 entries 1
            frame_gone hash key 4 value 4 entries 1024
            frame_blank array key 4 value 1096 entries 1"#]],
    );
}

#[test]
fn every_end_has_its_number_and_word() {
    assert!(End::SEEN.iter().all(|&end| End::numbered(end as u32) == Some(end)));
    assert_eq!(End::SEEN.map(End::word).join(" "), "return tail unwound goexit switched lost detached");
    assert_eq!(End::numbered(0), None);
}

#[test]
fn calls_of_a_function_without_probes_end_as_detached_however_they_do() {
    let mut bench = bench();
    for n in 1..=5 {
        bench.enter(G, HI - 64 * n, row(n as u32));
    }
    let gone = |bench: &mut Bench, row: u32| {
        bench.vm.put(bench.tables.gone, &row.to_le_bytes(), &1_u32.to_le_bytes()).unwrap();
    };
    [1, 3, 5].into_iter().for_each(|row| gone(&mut bench, row));
    // Its caller returns.
    assert_eq!(bench.exit(G, HI - 256, row(4)).answer, End::Return as u64);
    assert_eq!(rows(&bench.told()), [(5, "detached")]);
    // A recovered panic, the goroutine's end.
    bench.recover(G, HI - 128 - 8);
    assert_eq!(rows(&bench.told()), [(3, "detached")]);
    bench.end(G);
    assert_eq!(rows(&bench.told()), [(2, "goexit"), (1, "detached")]);
    assert_eq!(bench.counters(), Counters { detached: 3, goexit: 1, ..Counters::default() });
}

#[test]
fn a_call_after_the_probes_of_another_one_went_is_paired_at_the_same_depth() {
    let mut bench = bench();
    bench.enter(G, HI - 64, row(1));
    bench.vm.put(bench.tables.gone, &1_u32.to_le_bytes(), &1_u32.to_le_bytes()).unwrap();
    // It has returned, unseen.
    let call = bench.enter(G, HI - 64, row(2)).call;
    let exit = bench.exit(G, HI - 64, row(2));
    assert_eq!((exit.answer, exit.call), (End::Return as u64, call));
    assert_eq!(bench.counters(), Counters { detached: 1, ..Counters::default() });
}
