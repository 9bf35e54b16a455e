use event::bucket::Log;
use event::schema::Aggregate;
use event::value::{IdKind, IntType};
use event::{Fields, MapSchema, MapValue, Schema, Shape};
use expect_test::{Expect, expect};

use super::*;
use crate::Look;
use crate::value::tests::Known;

/// Words of 8 bytes.
fn words(words: &[i64]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// A string of at most 8 bytes.
fn string(text: &str) -> Vec<u8> {
    let padding = vec![0; 8 - text.len()];
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &padding].concat()
}

fn snapshot(name: &str, key: Vec<Shape>, value: MapValue, raw: &[(Vec<u8>, Vec<u8>)]) -> Snapshot {
    let map = MapSchema { name: name.to_owned(), key: Fields::sure(key), value };
    let raw = raw.iter().map(|(key, value)| (key, value));
    let snapshot = Snapshot::fold(&Schema::new(), &map, raw);
    assert_eq!(snapshot.damaged, []);
    snapshot
}

/// A histogram of values that all CPUs together saw, under one key or none.
fn hist(name: &str, key: Option<IdKind>, aggregate: Aggregate, values: &[(i64, i64, i64)]) -> Snapshot {
    let scale = aggregate.scale().unwrap();
    let raw = values.iter().map(|&(id, value, count)| {
        let bucket = scale.bucket(value) as i64;
        let key = if key.is_some() { words(&[id, bucket]) } else { words(&[bucket]) };
        (key, words(&[count - 1, 1]))
    });
    let key = key.map(Shape::Id).into_iter().collect();
    snapshot(name, key, MapValue::PerCpu(aggregate), &raw.collect::<Vec<_>>())
}

fn out(map: &Snapshot, format: Format) -> String {
    let mut out = Vec::new();
    show(map, &Known, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn check(map: &Snapshot, expect: Expect) {
    expect.assert_eq(&out(map, Format::Text(Look::default())));
}

fn check_json(map: &Snapshot, expect: Expect) {
    expect.assert_eq(&out(map, Format::Json));
}

const INT: Shape = Shape::Int(IntType::I64);
const HIST: Aggregate = Aggregate::Hist(Log::PLAIN);

fn steps(min: i64, max: i64, step: u64) -> Aggregate {
    Aggregate::Lhist(Linear::new(min, max, step).unwrap())
}

#[test]
fn a_histogram_has_the_columns_and_bars_of_bpftrace() {
    let values = [(1, 300, 3), (1, 600, 12), (1, 1024, 1), (1, 5000, 4)];
    let lat = hist("@lat", Some(IdKind::Func), HIST, &values);
    check(
        &lat,
        expect![[r#"
        @lat[main.work]:
        [256, 512)             3 |@@@@@@@@@@@@@                                       |
        [512, 1K)             12 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [1K, 2K)               1 |@@@@                                                |
        [2K, 4K)               0 |                                                    |
        [4K, 8K)               4 |@@@@@@@@@@@@@@@@@                                   |

    "#]],
    );
    check_json(
        &lat,
        expect![[r#"
        {"type":"hist","data":{"@lat":{"main.work":[{"min":256,"max":511,"count":3},{"min":512,"max":1023,"count":12},{"min":1024,"max":2047,"count":1},{"min":2048,"max":4095,"count":0},{"min":4096,"max":8191,"count":4}]}}}
    "#]],
    );
}

/// The values and rows are those of a run of bpftrace 0.17, which ends at 2³² though.
#[test]
fn rows_go_from_negative_values_to_the_greatest() {
    let values = [(0, -1, 2), (0, 0, 1), (0, 1, 1), (0, 2, 2), (0, 4, 1), (0, 512, 1), (0, 1024, 2), (0, 1 << 20, 1)];
    check(
        &hist("@h", None, HIST, &values),
        expect![[r#"
        @h:
        (..., 0)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        [1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        [2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        [8, 16)                0 |                                                    |
        [16, 32)               0 |                                                    |
        [32, 64)               0 |                                                    |
        [64, 128)              0 |                                                    |
        [128, 256)             0 |                                                    |
        [256, 512)             0 |                                                    |
        [512, 1K)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        [1K, 2K)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [2K, 4K)               0 |                                                    |
        [4K, 8K)               0 |                                                    |
        [8K, 16K)              0 |                                                    |
        [16K, 32K)             0 |                                                    |
        [32K, 64K)             0 |                                                    |
        [64K, 128K)            0 |                                                    |
        [128K, 256K)           0 |                                                    |
        [256K, 512K)           0 |                                                    |
        [512K, 1M)             0 |                                                    |
        [1M, 2M)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |

    "#]],
    );
    check(
        &hist("@h", None, HIST, &[(0, 1 << 61, 1), (0, i64::MAX, 2)]),
        expect![[r#"
        @h:
        [2E, 4E)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        [4E, 8E)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
    check_json(
        &hist("@h", None, HIST, &[(0, -5, 1), (0, 0, 1)]),
        expect![[r#"
        {"type":"hist","data":{"@h":[{"max":-1,"count":1},{"min":0,"max":0,"count":1}]}}
    "#]],
    );
    check_json(
        &hist("@h", None, HIST, &[(0, 1 << 52, 1), (0, 1 << 53, 2)]),
        expect![[r#"
        {"type":"hist","data":{"@h":[{"min":4503599627370496,"max":9007199254740991,"count":1},{"min":9007199254740992,"max":"18014398509481983","count":2}]}}
    "#]],
    );
}

#[test]
fn parts_of_a_power_of_two_are_in_units_that_they_are_multiples_of() {
    let quarters = Aggregate::Hist(Log::new(2).unwrap());
    let values =
        [(0, 7, 1), (0, 8, 1), (0, 1023, 1), (0, 1024, 1), (0, 1100, 1), (0, 4095, 1), (0, 4096, 1), (0, 5500, 1)];
    let rows = out(&hist("@h", None, quarters, &values), Format::Text(Look::default()));
    let labels: Vec<&str> = rows.lines().filter_map(|row| row.split("  ").next()).collect();
    expect![[r#"
        @h:
        [7]
        [8, 10)
        [10, 12)
        [12, 14)
        [14, 16)
        [16, 20)
        [20, 24)
        [24, 28)
        [28, 32)
        [32, 40)
        [40, 48)
        [48, 56)
        [56, 64)
        [64, 80)
        [80, 96)
        [96, 112)
        [112, 128)
        [128, 160)
        [160, 192)
        [192, 224)
        [224, 256)
        [256, 320)
        [320, 384)
        [384, 448)
        [448, 512)
        [512, 640)
        [640, 768)
        [768, 896)
        [896, 1024)
        [1024, 1280)
        [1280, 1536)
        [1536, 1792)
        [1792, 2048)
        [2048, 2560)
        [2560, 3072)
        [3072, 3584)
        [3584, 4K)
        [4K, 5K)
        [5K, 6K)
    "#]]
    .assert_eq(&labels.join("\n"));
}

/// But for the last step the rows are those of a run of bpftrace 0.17; it counts 94 to 99 among those above.
#[test]
fn steps_are_open_at_both_ends() {
    let l = hist("@l", None, steps(10, 100, 7), &[(0, 3, 1), (0, 17, 1), (0, 99, 1), (0, 100, 1)]);
    check(
        &l,
        expect![[r#"
        @l:
        (..., 10)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [10, 17)               0 |                                                    |
        [17, 24)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [24, 31)               0 |                                                    |
        [31, 38)               0 |                                                    |
        [38, 45)               0 |                                                    |
        [45, 52)               0 |                                                    |
        [52, 59)               0 |                                                    |
        [59, 66)               0 |                                                    |
        [66, 73)               0 |                                                    |
        [73, 80)               0 |                                                    |
        [80, 87)               0 |                                                    |
        [87, 94)               0 |                                                    |
        [94, 100)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [100, ...)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
    check_json(
        &l,
        expect![[r#"
        {"type":"hist","data":{"@l":[{"max":9,"count":1},{"min":10,"max":16,"count":0},{"min":17,"max":23,"count":1},{"min":24,"max":30,"count":0},{"min":31,"max":37,"count":0},{"min":38,"max":44,"count":0},{"min":45,"max":51,"count":0},{"min":52,"max":58,"count":0},{"min":59,"max":65,"count":0},{"min":66,"max":72,"count":0},{"min":73,"max":79,"count":0},{"min":80,"max":86,"count":0},{"min":87,"max":93,"count":0},{"min":94,"max":99,"count":1},{"min":100,"count":1}]}}
    "#]],
    );
    check(
        &hist("@k", None, steps(-1024, 2 << 20, 1 << 20), &[(0, -2000, 1), (0, 0, 1), (0, 3 << 20, 1)]),
        expect![[r#"
        @k:
        (..., -1K)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [-1K, 1023K)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [1023K, 2047K)         0 |                                                    |
        [2047K, 2M)            0 |                                                    |
        [2M, ...)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
    check(
        &hist("@k", None, steps(0, 10240, 1024), &[(0, 0, 1), (0, 3000, 1), (0, 10240, 1)]),
        expect![[r#"
        @k:
        [0, 1K)                1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [1K, 2K)               0 |                                                    |
        [2K, 3K)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [3K, 4K)               0 |                                                    |
        [4K, 5K)               0 |                                                    |
        [5K, 6K)               0 |                                                    |
        [6K, 7K)               0 |                                                    |
        [7K, 8K)               0 |                                                    |
        [8K, 9K)               0 |                                                    |
        [9K, 10K)              0 |                                                    |
        [10K, ...)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
    check(
        &hist("@one", None, steps(0, 10, 1), &[(0, 1, 1)]),
        expect![[r#"
            @one:
            [1, 2)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

        "#]],
    );
    check(
        &hist("@wide", None, steps(0, 2_000_000, 500_000), &[(0, 1_500_000, 1)]),
        expect![[r#"
        @wide:
        [1500000, 2000000)       1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
}

#[test]
fn histograms_by_key_end_with_blank_lines_and_the_fullest_is_last() {
    let by_func = hist("@hk", Some(IdKind::Func), HIST, &[(1, 100, 3), (2, 6, 2)]);
    check(
        &by_func,
        expect![[r#"
        @hk[main.(*Server).Serve]:
        [4, 8)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

        @hk[main.work]:
        [64, 128)              3 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
    check_json(
        &by_func,
        expect![[r#"
        {"type":"hist","data":{"@hk":{"main.(*Server).Serve":[{"min":4,"max":7,"count":2}],"main.work":[{"min":64,"max":127,"count":3}]}}}
    "#]],
    );
    check(
        &by_func.clone().top(1).divided(2),
        expect![[r#"
        @hk[main.work]:
        [64, 128)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

    "#]],
    );
}

#[test]
fn scalars_stand_behind_their_names_with_keys_between() {
    let count = MapValue::PerCpu(Aggregate::Count);
    check(
        &snapshot("@c", vec![], count.clone(), &[(words(&[0]), words(&[1, 0]))]),
        expect![[r#"
        @c: 1
    "#]],
    );
    let raw = [(words(&[1]), words(&[1, 0])), (words(&[2]), words(&[1, 1])), (words(&[3]), words(&[0, 1]))];
    let by_number = snapshot("@c2", vec![INT], count, &raw);
    check(
        &by_number,
        expect![[r#"
        @c2[1]: 1
        @c2[3]: 1
        @c2[2]: 2
    "#]],
    );
    check_json(
        &by_number,
        expect![[r#"
        {"type":"map","data":{"@c2":{"1":1,"3":1,"2":2}}}
    "#]],
    );
    check_json(
        &by_number.top(1),
        expect![[r#"
        {"type":"map","data":{"@c2":{"2":2}}}
    "#]],
    );
}

/// Keys and values are those of a run of bpftrace 0.17.
#[test]
fn keys_of_several_parts_have_no_parentheses() {
    let key = || vec![INT, Shape::Str { cap: 8 }];
    let raw = [([1, 5], "abc"), ([2, -7], "d"), ([1, 5], "zz")];
    let raw = raw.map(|([number, sum], text)| ([words(&[number]), string(text)].concat(), words(&[sum, 0])));
    let sums = MapValue::PerCpu(Aggregate::Sum(IntType::I64));
    let parts = snapshot("@s", key(), sums.clone(), &raw);
    check(
        &parts,
        expect![[r#"
        @s[2, d]: -7
        @s[1, abc]: 5
        @s[1, zz]: 5
    "#]],
    );
    check_json(
        &parts,
        expect![[r#"
        {"type":"map","data":{"@s":{"2,d":-7,"1,abc":5,"1,zz":5}}}
    "#]],
    );
    let tuple = snapshot("@s", vec![Shape::Tuple(key())], sums, &raw);
    assert_eq!(out(&tuple, Format::Json), out(&parts, Format::Json));
}

#[test]
fn assigned_values_are_shown_as_what_they_are() {
    let tuple = Fields::fallible(vec![Shape::Tuple(vec![INT, Shape::Str { cap: 8 }, Shape::Bool])]);
    let value = |faults, text: &str| [words(&[faults, 1]), string(text), words(&[1])].concat();
    let raw = [(words(&[9]), value(0, "a\nb")), (words(&[-9]), value(2, ""))];
    let tuples = snapshot("@t", vec![INT], MapValue::Plain(tuple), &raw);
    check(
        &tuples,
        expect![[r#"
        @t[-9]: (1, <unreadable>, true)
        @t[9]: (1, a
        b, true)
    "#]],
    );
    check_json(
        &tuples,
        expect![[r#"
        {"type":"map","data":{"@t":{"-9":[1,"<unreadable>",true],"9":[1,"a\nb",true]}}}
    "#]],
    );
    let big = Fields::sure(vec![Shape::Int(IntType::U64)]);
    let big = snapshot("@u", vec![], MapValue::Plain(big), &[(words(&[0]), words(&[-1]))]);
    check(
        &big,
        expect![[r#"
        @u: 18446744073709551615
    "#]],
    );
    check_json(
        &big,
        expect![[r#"
        {"type":"map","data":{"@u":"18446744073709551615"}}
    "#]],
    );
}

#[test]
fn stacks_in_keys_have_lines_of_their_own() {
    let raw = [([words(&[7, 4242]), string("x")].concat(), words(&[1, 0]))];
    let key = vec![Shape::Id(IdKind::UserStack), Shape::Str { cap: 8 }];
    let stacks = snapshot("@", key, MapValue::PerCpu(Aggregate::Count), &raw);
    check(
        &stacks,
        expect![[r#"
        @[
            main.work+4
            main.main+30
        , x]: 1
    "#]],
    );
    check_json(
        &stacks,
        expect![[r#"
        {"type":"map","data":{"@":{"\n    main.work+4\n    main.main+30\n,x":1}}}
    "#]],
    );
}

#[test]
fn averages_and_statistics_are_those_of_bpftrace() {
    let raw = [(words(&[1]), words(&[2, 1003, 0, 0])), (words(&[2]), words(&[1, 3, 1, -10]))];
    let stats = snapshot("@st", vec![INT], MapValue::PerCpu(Aggregate::Stats(IntType::I64)), &raw);
    check(
        &stats,
        expect![[r#"
        @st[2]: count 2, average -3, total -7
        @st[1]: count 2, average 501, total 1003
    "#]],
    );
    check_json(
        &stats,
        expect![[r#"
        {"type":"stats","data":{"@st":{"2":{"count":2,"average":-3,"total":-7},"1":{"count":2,"average":501,"total":1003}}}}
    "#]],
    );
    let avg = snapshot("@a", vec![INT], MapValue::PerCpu(Aggregate::Avg(IntType::I64)), &raw);
    check(
        &avg,
        expect![[r#"
        @a[2]: -3
        @a[1]: 501
    "#]],
    );
    check_json(
        &avg,
        expect![[r#"
        {"type":"stats","data":{"@a":{"2":-3,"1":501}}}
    "#]],
    );
    let one = snapshot("@a", vec![], MapValue::PerCpu(Aggregate::Avg(IntType::I64)), &[(words(&[0]), words(&[2, 15]))]);
    check(
        &one,
        expect![[r#"
        @a: 7
    "#]],
    );
    check_json(
        &one,
        expect![[r#"
        {"type":"stats","data":{"@a":7}}
    "#]],
    );
}

#[test]
fn percentiles_say_how_far_they_can_be_off() {
    let values = [(1, 10, 500), (1, 20, 480), (1, 1000, 19), (1, 2 << 60, 1), (2, 3, 1)];
    let by_func = hist("@q", Some(IdKind::Func), Aggregate::Quantiles, &values);
    check(
        &by_func,
        expect![[r#"
        @q[main.(*Server).Serve]: count 1, p50 3, p90 3, p99 3, p99.9 3, max 3
        @q[main.work]: count 1000, p50 10, p90 20, p99 1023, p99.9 1023, max 2449958197289549823 (at most 6.25% too high)
    "#]],
    );
    check_json(
        &by_func,
        expect![[r#"
        {"type":"quantiles","data":{"@q":{"main.(*Server).Serve":{"count":1,"p50":3,"p90":3,"p99":3,"p99.9":3,"max":3},"main.work":{"count":1000,"p50":10,"p90":20,"p99":1023,"p99.9":1023,"max":"2449958197289549823"}}}}
    "#]],
    );
    let negative = hist("@q", None, Aggregate::Quantiles, &[(0, -3, 9), (0, 5, 1)]);
    check(
        &negative,
        expect![[r#"
            @q: count 10, p50 <0, p90 <0, p99 5, p99.9 5, max 5
        "#]],
    );
    check_json(
        &negative,
        expect![[r#"
        {"type":"quantiles","data":{"@q":{"count":10,"p50":null,"p90":null,"p99":5,"p99.9":5,"max":5}}}
    "#]],
    );
}

#[test]
fn what_is_empty_is_not_shown_and_the_rest_stands_behind_a_blank_line() {
    let count = |name, raw: &[(Vec<u8>, Vec<u8>)]| snapshot(name, vec![INT], MapValue::PerCpu(Aggregate::Count), raw);
    let entry = [(words(&[1]), words(&[1, 0]))];
    let maps = [count("@z", &entry), count("@empty", &[]), count("@a", &entry)];
    assert_eq!(out(&maps[1], Format::Json), "");
    let rest = |maps: &[Snapshot], format| {
        let mut out = Vec::new();
        show_rest(maps, &Known, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    expect![[r#"

        @a[1]: 1
        @z[1]: 1
    "#]]
    .assert_eq(&rest(&maps, Format::Text(Look::default())));
    expect![[r#"
        {"type":"map","data":{"@a":{"1":1}}}
        {"type":"map","data":{"@z":{"1":1}}}
    "#]]
    .assert_eq(&rest(&maps, Format::Json));
    assert_eq!(rest(&maps[1..2], Format::Text(Look::default())), "");
}

/// `zero()` leaves buckets behind that count nothing.
#[test]
fn a_histogram_that_was_zeroed_has_no_rows() {
    let raw = [(words(&[3]), words(&[0, 0]))];
    let zeroed = snapshot("@zh", vec![], MapValue::PerCpu(HIST), &raw);
    check(
        &zeroed,
        expect![[r#"
        @zh:

    "#]],
    );
    check_json(
        &zeroed,
        expect![[r#"
        {"type":"hist","data":{"@zh":[]}}
    "#]],
    );
}
