use super::*;
use crate::asm::Assembler;
use crate::caps::Caps;
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Reg, Size, Width};
use crate::map::{Entries, MapFlags, MapKind, MapSpec};
use crate::notes::{Linkage, Source};
use crate::program::Kind;
use expect_test::{Expect, expect};

mod helpers;
mod maps;
mod model;

const R0: Reg = Reg::R0;
const R1: Reg = Reg::R1;
const R2: Reg = Reg::R2;
const R3: Reg = Reg::R3;
const R4: Reg = Reg::R4;
const R6: Reg = Reg::R6;
const R10: Reg = Reg::R10;

const CONFIG: MapId = MapId(0);
const ROWS: MapId = MapId(1);
const TABLE: MapId = MapId(2);
const BY_CPU: MapId = MapId(3);
const RECENT: MapId = MapId(4);
const RING: MapId = MapId(5);
const RINGS: MapId = MapId(6);
const COUNTS: MapId = MapId(7);

fn maps() -> Maps {
    let mut maps = Maps::new();
    let specs = [
        MapSpec::array("config", 16, Entries::Fixed(1)).flags(MapFlags::READ_ONLY).contents((1..=16).collect()),
        MapSpec::array("rows", 12, Entries::PerCpu(2)),
        MapSpec::hash("table", MapKind::Hash, 4, 8, 2).contents(vec![1, 0, 0, 0, 9, 8, 7, 6, 5, 4, 3, 2]),
        MapSpec::hash("by_cpu", MapKind::PerCpuHash, 4, 4, 2),
        MapSpec::hash("recent", MapKind::LruHash, 4, 4, 2),
        MapSpec::ringbuf("ring", Entries::Fixed(4096)),
        MapSpec::array_of_maps("rings", vec![RING]),
        MapSpec::per_cpu_array("counts", 8, 1),
    ];
    for spec in specs {
        maps.add(spec).unwrap();
    }
    maps
}

fn machine() -> Vm {
    let mut vm = Vm::new(&maps(), 2).unwrap();
    vm.task = Task {
        tgid: 7,
        pid: 8,
        uid: 1000,
        gid: 100,
        comm: "a thread's long name".into(),
        cookie: 42,
        ip: 0x401_000,
        cgroup: 5,
        ktime_ns: 1_000,
        boot_ns: 2_000,
        namespace: Namespace { device: 4, inode: 4026, tgid: 1, pid: 2 },
        stack: vec![0x11, 0x22, 0x33],
        ..Task::default()
    };
    vm
}

/// Three registers as context.
fn context() -> Vec<u8> {
    [10_u64, 20, u64::MAX].iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// The start of a program that keeps its context in `R6`; what is written follows, and `exit`.
fn program(write: impl FnOnce(&mut Assembler)) -> Program {
    let mut asm = Assembler::new("main", Kind::Uprobe, Source::default());
    asm.mov(R6, R1);
    write(&mut asm);
    asm.finish(&maps()).unwrap()
}

fn run(vm: &mut Vm, write: impl FnOnce(&mut Assembler)) -> Result<u64, Fault> {
    let image = vm.load(&program(write))?;
    let mut user = Segments::default().with(0x5000, b"hello\0world").with_cold(0x7000, b"cold");
    vm.run(&image, &mut context(), &mut user)
}

/// What a run answers, or where and why it ended.
fn check(write: impl FnOnce(&mut Assembler), expect: Expect) {
    check_on(&mut machine(), write, expect);
}

fn check_on(vm: &mut Vm, write: impl FnOnce(&mut Assembler), expect: Expect) {
    expect.assert_eq(&match run(vm, write) {
        Ok(result) if (result as i64) < 0 => format!("{}", result as i64),
        Ok(result) => format!("{result:#x}"),
        Err(fault) => format!("fault {fault}"),
    });
}

#[test]
fn the_context_is_read_in_place() {
    check(
        |asm| {
            asm.load(Size::U64, R0, R6, 8).load(Size::U64, R1, R6, 0).alu(AluOp::Add, R0, R1).exit();
        },
        expect!["0x1e"],
    );
}

#[test]
fn stack_and_context_end_where_they_end() {
    let load = |reg, off| move |asm: &mut Assembler| drop_it(asm.mov(R2, reg).load(Size::U64, R0, R2, off).exit());
    check(load(R6, 24), expect!["fault at 2: out of bounds: context +24, size 8"]);
    check(load(R6, -8), expect!["fault at 2: out of bounds: context -8, size 8"]);
    check(load(R6, 4), expect!["fault at 2: misaligned: context +4, size 8"]);
    check(load(R10, 0), expect!["fault at 2: out of bounds: frame 0 +0, size 8"]);
    check(load(R10, -520), expect!["fault at 2: out of bounds: frame 0 -520, size 8"]);
    check(load(R10, -12), expect!["fault at 2: misaligned: frame 0 -12, size 8"]);
    check(load(R10, -8), expect!["-6510615555426900571"]);
}

/// For closures that end with a call of the assembler and answer nothing.
fn drop_it(_: &mut Assembler) {}

#[test]
fn the_context_can_be_written_where_the_kernel_lets_it_be() {
    let write = |asm: &mut Assembler| drop_it(asm.store(Size::U64, R6, 8, 5).load(Size::U64, R0, R6, 8).exit());
    check(write, expect!["fault at 1: only for reading: context +8"]);
    let mut vm = machine();
    vm.writable_context = true;
    check_on(&mut vm, write, expect!["0x5"]);
}

#[test]
fn the_memory_of_the_process_is_not_the_programs() {
    check(
        |asm| drop_it(asm.number(R1, 0x5000).load(Size::U8, R0, R1, 0).exit()),
        expect!["fault at 2: out of bounds: user address 0x5000, size 1"],
    );
    check(
        |asm| drop_it(asm.number(R1, 0).store(Size::U64, R1, 0, 1).mov(R0, 0).exit()),
        expect!["fault at 2: out of bounds: user address 0x0, size 8"],
    );
}

#[test]
fn a_caller_keeps_its_registers_and_its_frame() {
    check(
        |asm| {
            let callee = asm.declare("callee", Linkage::Static, &["a"]);
            asm.store(Size::U64, R10, -8, 5).mov(R6, 7).mov(R1, 3).call(callee);
            asm.load(Size::U64, R1, R10, -8).alu(AluOp::Mul, R0, R1).alu(AluOp::Add, R0, R6).exit();
            asm.begin(callee).store(Size::U64, R10, -8, 1000).mov(R6, 1000).mov(R0, R1).exit();
        },
        expect!["0x16"],
    );
}

#[test]
fn a_callee_can_use_its_callers_frame_but_not_the_other_way_round() {
    check(
        |asm| {
            let callee = asm.declare("callee", Linkage::Static, &["a"]);
            asm.store(Size::U64, R10, -8, 5).frame(R1, -8).call(callee).load(Size::U64, R0, R10, -8).exit();
            asm.begin(callee).store(Size::U64, R1, 0, 9).mov(R0, 0).exit();
        },
        expect!["0x9"],
    );
    check(
        |asm| {
            let callee = asm.declare("callee", Linkage::Static, &[]);
            asm.call(callee).load(Size::U64, R0, R0, -8).exit();
            asm.begin(callee).store(Size::U64, R10, -8, 9).mov(R0, R10).exit();
        },
        expect!["fault at 2: out of bounds: frame 1 -8, size 8"],
    );
}

#[test]
fn nothing_stays_in_argument_registers_after_a_call() {
    check(|asm| drop_it(asm.helper(Helper::KTIME_GET_NS).mov(R0, R3).exit()), expect!["-4985279381848933680"]);
    check(
        |asm| drop_it(asm.helper(Helper::KTIME_GET_NS).load(Size::U64, R0, R3, 0).exit()),
        expect!["fault at 2: out of bounds: 0xbad0bad0bad0bad0, size 8"],
    );
}

#[test]
fn a_loop_without_end_uses_its_budget_up() {
    check(
        |asm| {
            let again = asm.label("again");
            asm.place(again).jump(again);
        },
        expect!["fault at 1: the budget of instructions is spent"],
    );
}

#[test]
fn a_callback_is_called_until_it_says_so() {
    let sum = |turns: u64, end: i32| {
        move |asm: &mut Assembler| {
            let (turn, go_on) = (asm.declare("turn", Linkage::Static, &["index", "sum"]), asm.label("go_on"));
            asm.store(Size::U64, R10, -8, 0).number(R1, turns).function(R2, turn).frame(R3, -8).mov(R4, 0);
            asm.helper(Helper::LOOP).mov(R6, R0).load(Size::U64, R0, R10, -8);
            asm.alu(AluOp::Mul, R0, 1000).add(R0, R6).exit();
            asm.begin(turn).load(Size::U64, R3, R2, 0).add(R3, R1).store(Size::U64, R2, 0, R3);
            asm.mov(R0, 0).jump_if(Cond::Ne, R1, end, go_on).mov(R0, 1).place(go_on).exit();
        }
    };
    let in_decimal = |turns, end| run(&mut machine(), sum(turns, end)).unwrap();
    assert_eq!(in_decimal(10, 99), 45_010);
    assert_eq!(in_decimal(10, 3), 6_004);
    assert_eq!(in_decimal(0, 3), 0);
    assert_eq!(in_decimal(1 << 24, 3) as i64, -7);
}

#[test]
fn sign_extension_and_byte_order() {
    let extend = |width, from| {
        move |asm: &mut Assembler| {
            asm.number(R1, 0x1234_5678_9abc_de80);
            drop_it(asm.push(Insn::SignExtend { width, from, dst: R0, src: R1 }).exit());
        }
    };
    check(extend(Width::W64, Size::U8), expect!["-128"]);
    check(extend(Width::W32, Size::U8), expect!["0xffffff80"]);
    check(extend(Width::W64, Size::U32), expect!["-1698898304"]);
    let order = |to, size| {
        move |asm: &mut Assembler| drop_it(asm.number(R0, 0x1234_5678_9abc_de80).byte_order(R0, to, size).exit())
    };
    check(order(ByteOrder::Big, Size::U16), expect!["0x80de"]);
    check(order(ByteOrder::Little, Size::U32), expect!["0x9abcde80"]);
    check(order(ByteOrder::Swap, Size::U64), expect!["-9160677220395109358"]);
}

#[test]
fn atomics_leave_the_old_value_where_they_say() {
    let atomic = |op, width, expected: i32| {
        move |asm: &mut Assembler| {
            asm.store(Size::U64, R10, -8, -2).mov(R0, expected).mov(R1, 3).atomic(op, width, R10, -8, R1);
            // The old value or R0, the source and the new value, each in its place.
            asm.load(Size::U64, R2, R10, -8).alu(AluOp::And, R2, 0xffff).alu(AluOp::Lsh, R2, 32);
            asm.alu(AluOp::And, R1, 0xffff).alu(AluOp::Lsh, R1, 16).alu(AluOp::And, R0, 0xffff);
            asm.alu(AluOp::Or, R0, R1).alu(AluOp::Or, R0, R2).exit();
        }
    };
    check(atomic(AtomicOp::Add, Width::W64, 0), expect!["0x100030000"]);
    check(atomic(AtomicOp::FetchAdd, Width::W64, 0), expect!["0x1fffe0000"]);
    check(atomic(AtomicOp::FetchAnd, Width::W32, 0), expect!["0x2fffe0000"]);
    check(atomic(AtomicOp::Exchange, Width::W32, 0), expect!["0x3fffe0000"]);
    check(atomic(AtomicOp::CompareExchange, Width::W64, 0), expect!["0xfffe0003fffe"]);
    check(atomic(AtomicOp::CompareExchange, Width::W64, -2), expect!["0x30003fffe"]);
}

#[test]
fn an_atomic_is_aligned() {
    check(
        |asm| {
            asm.map(R1, ROWS).store(Size::U32, R10, -4, 0).frame(R2, -4).helper(Helper::MAP_LOOKUP_ELEM);
            asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, 4, R1).exit();
        },
        expect!["fault at 8: misaligned: a value of rows +4, size 8"],
    );
}

#[test]
fn a_map_of_another_machine_is_refused_when_the_program_is_loaded() {
    let other = Vm::new(&Maps::new(), 1).unwrap();
    let fault = other.load(&program(|asm| drop_it(asm.mov(R0, 0).map(R1, RING).exit()))).unwrap_err();
    assert_eq!(fault.to_string(), "at 2: there is no map 5");
}

#[test]
fn random_programs_run_to_their_end() {
    for seed in 0..500 {
        let caps = if seed % 2 == 0 { Caps::linux_7_0() } else { Caps::linux_5_10() };
        let program = random_program(seed, caps);
        assert_eq!(program.lacking(caps), [], "seed {seed}");
        let mut vm = Vm::new(program.maps(), 2).unwrap();
        let image = vm.load(&program).unwrap();
        if let Err(fault) = vm.run(&image, &mut context(), &mut NoMemory) {
            panic!("seed {seed}: {fault}\n{program}");
        }
    }
}

#[test]
fn damaged_programs_end_in_a_fault_or_an_answer() {
    let mut random = Random::new(3);
    let (mut faults, mut answers) = (0, 0);
    let programs: Vec<Program> = (0..50).map(|seed| random_program(seed, Caps::linux_7_0())).collect();
    for round in 0..20_000 {
        let program = &programs[round % 50];
        let mut insns = program.insns().to_vec();
        for _ in 0..random.below(6) + 1 {
            let (a, b) = (random.below(insns.len() as u64) as usize, random.below(insns.len() as u64) as usize);
            match random.below(3) {
                0 => insns.swap(a, b),
                1 => insns[a] = insns[b],
                _ => drop(insns.remove(a)),
            }
        }
        let mut vm = Vm::new(program.maps(), 1).unwrap();
        vm.budget = 10_000;
        let result = Image::of(&insns, &vm.store).and_then(|image| vm.run(&image, &mut context(), &mut NoMemory));
        *if result.is_ok() { &mut answers } else { &mut faults } += 1;
    }
    assert!(faults > 1_000 && answers > 1_000, "{faults} faults, {answers} answers");
}
