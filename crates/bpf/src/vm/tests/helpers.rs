//! What the other helpers answer.

use super::*;

fn answer(helper: Helper) -> impl FnOnce(&mut Assembler) {
    move |asm| drop_it(asm.helper(helper).exit())
}

/// Calls a helper on a buffer of 16 bytes and answers 8 of them.
fn into_buffer(helper: Helper, size: i32, from: u64, shown: i32) -> impl FnOnce(&mut Assembler) {
    move |asm| {
        asm.frame(R1, -16).mov(R2, size).number(R3, from).helper(helper).load(Size::U64, R0, R10, shown - 16).exit();
    }
}

fn result_of(helper: Helper, size: i32, from: u64) -> impl FnOnce(&mut Assembler) {
    move |asm| drop_it(asm.frame(R1, -16).mov(R2, size).number(R3, from).helper(helper).exit())
}

#[test]
fn the_thread_and_the_probe_are_as_they_were_set() {
    check(answer(Helper::GET_CURRENT_PID_TGID), expect!["0x700000008"]);
    check(answer(Helper::GET_CURRENT_UID_GID), expect!["0x64000003e8"]);
    check(answer(Helper::GET_SMP_PROCESSOR_ID), expect!["0x0"]);
    check(answer(Helper::GET_CURRENT_CGROUP_ID), expect!["0x5"]);
    check(answer(Helper::KTIME_GET_NS), expect!["0x3e8"]);
    check(answer(Helper::KTIME_GET_BOOT_NS), expect!["0x7d0"]);
    check(answer(Helper::GET_ATTACH_COOKIE), expect!["0x2a"]);
    check(answer(Helper::GET_FUNC_IP), expect!["0x401000"]);
}

#[test]
fn random_numbers_differ_and_repeat_with_their_seed() {
    let numbers = |seed| {
        let mut vm = machine();
        vm.task.random = seed;
        [(); 4].map(|()| run(&mut vm, answer(Helper::GET_PRANDOM_U32)).unwrap())
    };
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(1000));
    let [a, b, c, d] = numbers(1);
    assert!(a != b && b != c && c != d && [a, b, c, d].iter().all(|n| *n >> 32 == 0));
}

#[test]
fn a_name_is_cut_to_its_buffer_and_ends_with_a_zero() {
    check(into_buffer(Helper::GET_CURRENT_COMM, 16, 0, 8), expect!["0x676e6f6c207327"]);
    check(into_buffer(Helper::GET_CURRENT_COMM, 8, 0, 0), expect!["0x61657268742061"]);
}

#[test]
fn memory_that_cannot_be_read_is_zero_and_an_error() {
    check(into_buffer(Helper::PROBE_READ_USER, 8, 0x5000, 0), expect!["0x6f77006f6c6c6568"]);
    check(into_buffer(Helper::PROBE_READ_USER, 8, 0x5008, 0), expect!["0x0"]);
    check(result_of(Helper::PROBE_READ_USER, 8, 0x5000), expect!["0x0"]);
    check(result_of(Helper::PROBE_READ_USER, 8, 0x5008), expect!["-14"]);
    check(result_of(Helper::PROBE_READ_USER, 0, 0x9000), expect!["0x0"]);
    check(result_of(Helper::PROBE_READ_USER, 17, 0x5000), expect!["fault at 5: out of bounds: frame 0 -16, size 17"]);
}

#[test]
fn a_program_that_waits_reads_more() {
    check(result_of(Helper::PROBE_READ_USER, 4, 0x7000), expect!["-14"]);
    check(result_of(Helper::COPY_FROM_USER, 4, 0x7000), expect!["0x0"]);
    check(result_of(Helper::COPY_FROM_USER, 8, 0x7000), expect!["-14"]);
}

#[test]
fn a_text_ends_with_its_zero_or_its_buffer() {
    check(result_of(Helper::PROBE_READ_USER_STR, 16, 0x5000), expect!["0x6"]);
    check(result_of(Helper::PROBE_READ_USER_STR, 4, 0x5000), expect!["0x4"]);
    check(into_buffer(Helper::PROBE_READ_USER_STR, 4, 0x5000, 0), expect!["-6510615558198893208"]);
    check(result_of(Helper::PROBE_READ_USER_STR, 16, 0x5006), expect!["-14"]);
    check(result_of(Helper::PROBE_READ_USER_STR, 5, 0x5006), expect!["0x5"]);
}

#[test]
fn kernel_memory_is_what_the_program_has() {
    let own = |helper: Helper, len: i32| {
        move |asm: &mut Assembler| {
            asm.number(R1, 0x0063_6261).store(Size::U64, R10, -8, R1);
            asm.frame(R1, -16).mov(R2, len).frame(R3, -8).helper(helper).mov(R6, R0);
            asm.load(Size::U32, R0, R10, -16).alu(AluOp::Lsh, R0, 8).add(R0, R6).exit();
        }
    };
    check(own(Helper::PROBE_READ_KERNEL, 8), expect!["0x63626100"]);
    check(own(Helper::PROBE_READ_KERNEL_STR, 8), expect!["0x63626104"]);
    check(result_of(Helper::PROBE_READ_KERNEL, 8, 0x5000), expect!["-14"]);
}

#[test]
fn numbers_in_a_namespace_are_given_for_that_namespace_only() {
    let ids = |device: i32, size: i32| {
        move |asm: &mut Assembler| {
            asm.store(Size::U64, R10, -8, 0).mov(R1, device).mov(R2, 4026).frame(R3, -8).mov(R4, size);
            asm.helper(Helper::GET_NS_CURRENT_PID_TGID).load(Size::U64, R1, R10, -8).add(R0, R1).exit();
        }
    };
    check(ids(4, 8), expect!["0x100000002"]);
    check(ids(5, 8), expect!["-22"]);
    check(ids(4, 4), expect!["-22"]);
}

#[test]
fn return_addresses_are_skipped_and_cut() {
    let stack = |size: i32, flags: i32, shown: i32| {
        move |asm: &mut Assembler| {
            asm.store(Size::U64, R10, -8, 0).mov(R1, R6).frame(R2, -16).mov(R3, size).mov(R4, flags);
            asm.helper(Helper::GET_STACK).load(Size::U8, R1, R10, shown - 16).alu(AluOp::Lsh, R1, 8).add(R0, R1).exit();
        }
    };
    check(stack(16, 256, 0), expect!["0x1110"]);
    check(stack(16, 256 + 2, 0), expect!["0x3308"]);
    check(stack(16, 256 + 3, 0), expect!["-14"]);
    check(stack(16, 0, 0), expect!["-14"]);
    check(stack(12, 256, 0), expect!["-22"]);
}

#[test]
fn texts_are_compared_up_to_a_zero() {
    let compare = |text: u64| {
        move |asm: &mut Assembler| {
            asm.number(R1, text).store(Size::U64, R10, -8, R1).number(R1, 0x62_61).store(Size::U64, R10, -16, R1);
            asm.frame(R1, -8).mov(R2, 8).frame(R3, -16).helper(Helper::STRNCMP).exit();
        }
    };
    check(compare(0x7777_0000_6261), expect!["0x0"]);
    check(compare(0x63_6261), expect!["0x1"]);
    check(compare(0x61_61), expect!["-1"]);
}

#[test]
fn helpers_can_be_added_and_taken_away() {
    const OWN: Helper = Helper(200);
    check(answer(OWN), expect!["fault at 1: there is no helper 200"]);
    let mut vm = machine();
    vm.helpers.set(OWN, |machine, [a, ..]| Ok(machine.memory.bytes(a, 8)?.len() as u64 + machine.task.cookie));
    vm.helpers.remove(Helper::GET_ATTACH_COOKIE);
    check_on(&mut vm, answer(OWN), expect!["0x32"]);
    check_on(&mut vm, answer(Helper::GET_ATTACH_COOKIE), expect!["fault at 1: there is no helper 174"]);
}
