//! Maps, from inside a program and from outside.

use super::*;

/// Calls a helper on a map with a key, a value of 8 bytes and flags.
fn on_map(asm: &mut Assembler, helper: Helper, map: MapId, key: i32, value: i32, flags: i32) {
    asm.store(Size::U32, R10, -4, key).store(Size::U64, R10, -16, value);
    asm.map(R1, map).frame(R2, -4).frame(R3, -16).mov(R4, flags).helper(helper);
}

fn update(map: MapId, key: i32, value: i32, flags: i32) -> impl FnOnce(&mut Assembler) {
    move |asm| {
        on_map(asm, Helper::MAP_UPDATE_ELEM, map, key, value, flags);
        asm.exit();
    }
}

fn delete(map: MapId, key: i32) -> impl FnOnce(&mut Assembler) {
    move |asm| {
        on_map(asm, Helper::MAP_DELETE_ELEM, map, key, 0, 0);
        asm.exit();
    }
}

/// The 32 bits at an offset of a value; -1 if there is none.
fn look_up(map: MapId, key: i32, off: i32) -> impl FnOnce(&mut Assembler) {
    move |asm| {
        let missing = asm.label("missing");
        on_map(asm, Helper::MAP_LOOKUP_ELEM, map, key, 0, 0);
        asm.mov(R1, R0).mov(R0, -1).jump_if(Cond::Eq, R1, 0, missing).load(Size::U32, R0, R1, off);
        asm.place(missing).exit();
    }
}

#[test]
fn a_map_holds_its_contents_from_the_start() {
    check(look_up(CONFIG, 0, 4), expect!["0x8070605"]);
    check(look_up(TABLE, 1, 0), expect!["0x6070809"]);
    check(|asm| drop_it(asm.map_value(R1, CONFIG, 8).load(Size::U64, R0, R1, 0).exit()), expect!["0x100f0e0d0c0b0a09"]);
}

#[test]
fn an_array_has_all_its_values_and_no_others() {
    check(look_up(ROWS, 3, 0), expect!["0x0"]);
    check(look_up(ROWS, 4, 0), expect!["-1"]);
    check(update(ROWS, 4, 1, 0), expect!["-7"]);
    check(update(ROWS, 1, 1, 1), expect!["-17"]);
    check(update(ROWS, 1, 1, 2), expect!["0x0"]);
    check(update(ROWS, 1, 1, 3), expect!["-22"]);
    check(delete(ROWS, 1), expect!["-22"]);
}

#[test]
fn a_hash_answers_as_the_kernels() {
    let vm = &mut machine();
    check_on(vm, update(TABLE, 1, 1, 1), expect!["-17"]);
    check_on(vm, update(TABLE, 2, 1, 2), expect!["-2"]);
    check_on(vm, update(TABLE, 2, 77, 0), expect!["0x0"]);
    check_on(vm, update(TABLE, 3, 1, 0), expect!["-7"]);
    check_on(vm, update(TABLE, 1, 5, 2), expect!["0x0"]);
    check_on(vm, delete(TABLE, 3), expect!["-2"]);
    check_on(vm, delete(TABLE, 1), expect!["0x0"]);
    check_on(vm, look_up(TABLE, 1, 0), expect!["-1"]);
    check_on(vm, look_up(TABLE, 2, 0), expect!["0x4d"]);
}

#[test]
fn a_value_ends_where_it_ends() {
    check(look_up(ROWS, 1, 8), expect!["0x0"]);
    check(look_up(ROWS, 1, 12), expect!["fault at 14: out of bounds: rows[1] +12, size 4"]);
    check(look_up(ROWS, 1, 10), expect!["fault at 14: out of bounds: rows[1] +10, size 4"]);
    check(look_up(ROWS, 1, -4), expect!["fault at 14: out of bounds: rows[1] -4, size 4"]);
    check(look_up(ROWS, 0, -4), expect!["fault at 14: out of bounds: rows[0] -4, size 4"]);
    check(look_up(ROWS, 3, 32), expect!["fault at 14: out of bounds: rows[4] +0, size 4"]);
}

#[test]
fn a_map_for_reading_is_not_written() {
    check(
        |asm| drop_it(asm.map_value(R1, CONFIG, 8).store(Size::U64, R1, 0, 1).exit()),
        expect!["fault at 3: only for reading: config"],
    );
}

#[test]
fn each_cpu_has_its_value() {
    let vm = &mut machine();
    vm.task.cpu = 1;
    check_on(vm, update(BY_CPU, 6, 5, 0), expect!["0x0"]);
    check_on(vm, look_up(BY_CPU, 6, 0), expect!["0x5"]);
    vm.task.cpu = 2;
    check_on(vm, look_up(BY_CPU, 6, 0), expect!["0x0"]);
    assert_eq!(vm.get(BY_CPU, &6_u32.to_le_bytes()).unwrap(), [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    let sixteen: Vec<u8> = (0..16).collect();
    vm.put(COUNTS, &[0; 4], &sixteen).unwrap();
    check_on(vm, look_up(COUNTS, 0, 4), expect!["0x7060504"]);
    assert_eq!(vm.entries(COUNTS), [(vec![0; 4], sixteen)]);
}

#[test]
fn a_new_key_does_not_show_what_a_freed_one_had() {
    let vm = &mut machine();
    vm.task.cpu = 1;
    check_on(vm, update(BY_CPU, 6, 5, 0), expect!["0x0"]);
    check_on(vm, delete(BY_CPU, 6), expect!["0x0"]);
    vm.task.cpu = 0;
    check_on(vm, update(BY_CPU, 7, 9, 0), expect!["0x0"]);
    assert_eq!(vm.get(BY_CPU, &7_u32.to_le_bytes()).unwrap()[8..], [0; 8]);
}

#[test]
fn of_a_full_lru_the_unused_goes() {
    let vm = &mut machine();
    check_on(vm, update(RECENT, 1, 10, 0), expect!["0x0"]);
    check_on(vm, update(RECENT, 2, 20, 0), expect!["0x0"]);
    check_on(vm, look_up(RECENT, 1, 0), expect!["0xa"]);
    check_on(vm, update(RECENT, 3, 30, 0), expect!["0x0"]);
    let keys: Vec<u8> = vm.entries(RECENT).iter().map(|(key, _)| key[0]).collect();
    assert_eq!(keys, [1, 3]);
}

#[test]
fn user_space_sees_the_sizes_that_the_kernel_checks() {
    let vm = &mut machine();
    assert_eq!(vm.put(TABLE, &[0; 4], &[0; 7]), Err(Errno::Invalid));
    assert_eq!(vm.put(TABLE, &[0; 3], &[0; 8]), Err(Errno::Invalid));
    assert_eq!(vm.put(ROWS, &9_u32.to_le_bytes(), &[0; 12]), Err(Errno::TooBig));
    assert_eq!(vm.get(TABLE, &[0; 3]), None);
    assert_eq!(vm.remove(TABLE, &[9; 4]), Err(Errno::NoEnt));
    assert_eq!(vm.remove(TABLE, &[1, 0, 0, 0]), Ok(()));
    assert_eq!(vm.entries(TABLE), []);
    assert_eq!(vm.put(RING, &[], &[]), Err(Errno::Invalid));
}

#[test]
fn helpers_take_only_their_kinds_of_maps() {
    check(
        |asm| drop_it(asm.map(R1, RING).frame(R2, -4).helper(Helper::MAP_LOOKUP_ELEM).exit()),
        expect!["fault at 5: map ring is of a kind that this helper does not take"],
    );
    check(
        |asm| {
            asm.map(R1, TABLE).mov(R2, 8).mov(R3, 0).helper(Helper::RINGBUF_RESERVE).exit();
        },
        expect!["fault at 5: map table is of a kind that this helper does not take"],
    );
    check(
        |asm| drop_it(asm.mov(R1, 5).frame(R2, -4).helper(Helper::MAP_LOOKUP_ELEM).exit()),
        expect!["fault at 4: user address 0x5 is not a map"],
    );
}

/// Records as texts.
fn drained(vm: &mut Vm) -> Vec<String> {
    let mut records = Vec::new();
    vm.drain(RING, |record| records.push(format!("{record:02x?}")));
    records
}

fn reserve(asm: &mut Assembler, size: i32) {
    asm.map(R1, RING).mov(R2, size).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
}

#[test]
fn records_come_in_the_order_in_which_they_were_reserved() {
    let vm = &mut machine();
    let two = |asm: &mut Assembler| {
        reserve(asm, 2);
        asm.mov(R6, R0);
        reserve(asm, 3);
        asm.mov(R1, R0).store(Size::U16, R1, 0, 0x0202).mov(R2, 0).helper(Helper::RINGBUF_SUBMIT);
        asm.map(R1, RING).mov(R2, 3).helper(Helper::RINGBUF_QUERY).store(Size::U64, R10, -8, R0);
        asm.store(Size::U16, R6, 0, 0x0101).mov(R1, R6).mov(R2, 0).helper(Helper::RINGBUF_SUBMIT);
        asm.map(R1, RING).frame(R2, -8).mov(R3, 8).mov(R4, 1).helper(Helper::RINGBUF_OUTPUT).exit();
    };
    check_on(vm, two, expect!["0x0"]);
    assert_eq!(drained(vm), ["[01, 01]", "[02, 02, a5]", "[20, 00, 00, 00, 00, 00, 00, 00]"]);
    assert_eq!(drained(vm), [""; 0]);
}

#[test]
fn a_discarded_record_is_skipped_but_takes_room() {
    let vm = &mut machine();
    let discard = |asm: &mut Assembler| {
        reserve(asm, 4000);
        asm.mov(R1, R0).mov(R2, 0).helper(Helper::RINGBUF_DISCARD);
        asm.map(R1, RING).frame(R2, -128).mov(R3, 128).mov(R4, 0).helper(Helper::RINGBUF_OUTPUT).exit();
    };
    check_on(vm, discard, expect!["-11"]);
    assert_eq!(drained(vm), [""; 0]);
    let vm = &mut machine();
    check_on(
        vm,
        |asm| {
            reserve(asm, 4088);
            asm.exit();
        },
        expect!["0x0"],
    );
}

#[test]
fn a_record_ends_where_it_ends_and_when_it_is_given_back() {
    let write = |off| {
        move |asm: &mut Assembler| {
            reserve(asm, 16);
            asm.mov(R6, R0).store(Size::U64, R6, off, 1).mov(R1, R6).mov(R2, 0).helper(Helper::RINGBUF_SUBMIT);
            asm.store(Size::U64, R6, 0, 1).mov(R0, 0).exit();
        }
    };
    check(write(9), expect!["fault at 7: out of bounds: record 0 +9, size 8"]);
    check(write(-8), expect!["fault at 7: out of bounds: record 0 -8, size 8"]);
    check(write(8), expect!["fault at 11: out of bounds: record 0 +0, size 8"]);
}

#[test]
fn a_record_is_given_back_once_and_whole() {
    let vm = &mut machine();
    check_on(
        vm,
        |asm| {
            reserve(asm, 8);
            asm.mov(R0, 0).exit();
        },
        expect!["fault at 7: the program ended with a record neither submitted nor discarded"],
    );
    assert_eq!(drained(vm), [""; 0]);
    check_on(
        vm,
        |asm| {
            reserve(asm, 8);
            asm.mov(R1, R0).add(R1, 1).mov(R2, 0).helper(Helper::RINGBUF_SUBMIT).exit();
        },
        expect!["fault at 9: record 0 +1 is not the start of a reserved record"],
    );
    assert_eq!(drained(vm), [""; 0]);
}

#[test]
fn a_ring_is_found_in_an_array_of_maps() {
    let vm = &mut machine();
    let by_number = |key: i32| {
        move |asm: &mut Assembler| {
            let missing = asm.label("missing");
            on_map(asm, Helper::MAP_LOOKUP_ELEM, RINGS, key, 3, 0);
            asm.mov(R1, R0).mov(R0, -1).jump_if(Cond::Eq, R1, 0, missing);
            asm.frame(R2, -16).mov(R3, 8).mov(R4, 0).helper(Helper::RINGBUF_OUTPUT).place(missing).exit();
        }
    };
    check_on(vm, by_number(0), expect!["0x0"]);
    check_on(vm, by_number(1), expect!["-1"]);
    assert_eq!(drained(vm), ["[03, 00, 00, 00, 00, 00, 00, 00]"]);
}
