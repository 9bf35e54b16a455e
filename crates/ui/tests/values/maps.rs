//! Maps, as Go lays them out from 1.24 on and as it did before.

use expect_test::expect;

use crate::record::{Case, words};

const EMPTY: u8 = 0x80;
const DELETED: u8 = 0xfe;

/// A group or bucket: eight bytes that say what is in use, and what follows.
fn group(in_use: [u8; 8], rest: &[u64]) -> Vec<u8> {
    [&in_use[..], &words(rest)].concat()
}

#[test]
fn a_small_map_is_one_group() {
    let mut slots = [0; 16];
    slots[..6].copy_from_slice(&[3, 30, 1, 10, 2, 20]);
    Case::new("func f(m map[int]int; n map[int]int; e map[int]int)")
        .args(&[0xc000, 0, 0xc100])
        .chunk(0xc000, "header of map[int]int", words(&[2, 0, 0xc200, 0, 0, 0]))
        .chunk(0xc200, "group of map[int]int", group([5, DELETED, 7, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY], &slots))
        .chunk(0xc100, "header of map[int]int", words(&[0, 0, 0, 0, 0, 0]))
        .check(expect![[r#"
            m = map[int]int{2: 20, 3: 30}
                [[2,20],[3,30]]
            n = nil
                null
            e = map[int]int{}
                []
        "#]]);
}

#[test]
fn a_large_map_is_a_directory_of_tables_of_groups() {
    let slots = |first: u64| (0..8).flat_map(|n| [first + n, 1]).collect::<Vec<_>>();
    let full = [1; 8];
    let groups =
        [group(full, &slots(0)), group([1, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY], &slots(8))].concat();
    let mut case = Case::new("func f(m map[int]int)")
        .args(&[0xc000])
        .chunk(0xc000, "header of map[int]int", words(&[20, 0, 0xc100, 4, 0, 0]))
        // Two places have the same table.
        .chunk(0xc100, "directory of map[int]int", words(&[0xc200, 0xc200, 0xc300, 0xc300]))
        .chunk(0xc200, "table of map[int]int", words(&[0, 0, 0xd000, 1]))
        .chunk(0xc300, "table of map[int]int", words(&[0, 0, 0xe000, 0]))
        .chunk(0xd000, "group of map[int]int", groups)
        .failed(0xe000, "group of map[int]int");
    case.style.elems = 100;
    case.check(expect![[r#"
        m = map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, …+11}
            {"@cut":[[0,1],[1,1],[2,1],[3,1],[4,1],[5,1],[6,1],[7,1],[8,1]],"len":20}
    "#]]);
}

#[test]
fn large_keys_and_elements_are_behind_pointers() {
    let go = "type main.Big struct{A [20]int}
              func f(m map[main.Big]main.Big)";
    let slots = [&[0xd000, 0xd100][..], &[0; 14]].concat();
    let mut case = Case::new(go)
        .args(&[0xc000])
        .chunk(0xc000, "header of map[main.Big]main.Big", words(&[1, 0, 0xc200, 0, 0, 0]))
        .chunk(
            0xc200,
            "group of map[main.Big]main.Big",
            group([1, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY], &slots),
        )
        .chunk(0xd000, "main.Big", words(&[7; 20]))
        .failed(0xd100, "main.Big");
    case.style.elems = 2;
    case.check(expect![[r#"
        m = map[main.Big]main.Big{{A: [20]int{7, 7, …+18}}: <unreadable: page not present>}
            [[{"A":[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7]},{"@unreadable":"unreadable: page not present"}]]
    "#]]);
}

#[test]
fn keys_that_are_no_text_make_pairs() {
    let go = "type main.K struct{A int8; B int8}
              func f(m map[main.K]string)";
    let slots = [&[0x0201, 0xc300, 1][..], &[0; 21]].concat();
    Case::new(go)
        .args(&[0xc000])
        .chunk(0xc000, "header of map[main.K]string", words(&[1, 0, 0xc200, 0, 0, 0]))
        .chunk(
            0xc200,
            "group of map[main.K]string",
            group([1, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY], &slots),
        )
        .chunk(0xc300, "byte", "x")
        .check(expect![[r#"
            m = map[main.K]string{{A: 1, B: 2}: "x"}
                [[{"A":1,"B":2},"x"]]
        "#]]);
}

/// The words of a bucket: eight keys, eight elements, the next one.
fn bucket(hashes: [u8; 8], first: u64, next: u64) -> Vec<u8> {
    let rest: Vec<u64> = (first..first + 8).chain((first..first + 8).map(|n| n * 10)).chain([next]).collect();
    group(hashes, &rest)
}

#[test]
fn buckets_and_those_behind_them() {
    Case::before_1_24("func f(m map[int]int; n map[int]int)")
        .args(&[0xc000, 0])
        // Two buckets, the first of which goes on elsewhere, in a circle.
        .chunk(0xc000, "header of map[int]int", words(&[4, 1 << 8, 0xd000, 0, 0, 0]))
        .chunk(
            0xd000,
            "bucket of map[int]int",
            [bucket([9, 1, 0, 0, 0, 0, 0, 0], 1, 0xe000), bucket([0, 0, 77, 0, 0, 0, 0, 0], 20, 0)].concat(),
        )
        .chunk(0xe000, "bucket of map[int]int", bucket([5, 255, 0, 0, 0, 0, 0, 0], 40, 0))
        .check(expect![[r#"
            m = map[int]int{1: 10, 22: 220, 40: 400, 41: 410}
                [[1,10],[22,220],[40,400],[41,410]]
            n = nil
                null
        "#]]);
}

#[test]
fn a_map_that_grows_has_its_entries_in_two_places() {
    let old = [bucket([2, 2, 3, 3, 4, 4, 4, 4], 1, 0), bucket([8, 9, 0, 0, 0, 0, 0, 0], 20, 0)].concat();
    let new = [
        bucket([7, 0, 0, 0, 0, 0, 0, 0], 1, 0),
        bucket([0; 8], 0, 0),
        bucket([6, 0, 0, 0, 0, 0, 0, 0], 3, 0),
        bucket([0; 8], 0, 0),
    ]
    .concat();
    Case::before_1_24("func f(m map[int]int)")
        .args(&[0xc000])
        .chunk(0xc000, "header of map[int]int", words(&[4, 2 << 8, 0xd000, 0xe000, 1, 0]))
        .chunk(0xd000, "bucket of map[int]int", new)
        .chunk(0xe000, "bucket of map[int]int", old)
        .check(expect![[r#"
            m = map[int]int{1: 10, 3: 30, 20: 200, 21: 210}
                [[1,10],[3,30],[20,200],[21,210]]
        "#]]);
}

#[test]
fn counts_that_do_not_fit_what_is_there() {
    let slots = [&[1, 10, 2, 20][..], &[0; 12]].concat();
    let in_use = [1, 1, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY];
    for used in [0, 1, 2, 3, u64::MAX] {
        let case = Case::new("func f(m map[int]int)")
            .args(&[0xc000])
            .chunk(0xc000, "header of map[int]int", words(&[used, 0, 0xc200, 0, 0, 0]))
            .chunk(0xc200, "group of map[int]int", group(in_use, &slots));
        let (text, _) = case.shown(&case.record());
        let more = if used == 3 { ", …+1" } else { "" };
        assert_eq!(text, format!("main.f(m=map[int]int{{1: 10, 2: 20{more}}})"), "{used}");
    }
}
