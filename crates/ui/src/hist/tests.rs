use event::bucket::{Linear, Log, Scale};
use event::schema::Aggregate;
use event::value::{IdKind, IntType};
use event::{Fields, MapSchema, MapValue, Schema, Shape};
use expect_test::{Expect, expect};

use super::*;
use crate::value::tests::Known;

fn words(words: &[i64]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn snapshot(name: &str, of: Aggregate, by: &[Shape], raw: &[(Vec<i64>, Vec<i64>)]) -> Snapshot {
    let key = [&[Shape::Id(IdKind::Func)], by].concat();
    let map = MapSchema { name: name.to_owned(), key: Fields::sure(key), value: MapValue::PerCpu(of) };
    Snapshot::fold(&Schema::new(), &map, raw.iter().map(|(key, value)| (words(key), words(value))))
}

/// The maps of calls: what they are told apart by, their function first, and the value of each.
fn maps(by: &[Shape], calls: &[(&[i64], i64)]) -> Vec<Snapshot> {
    let fine = Scale::Log(Log::FINE);
    let bucket = |(key, value): &(&[i64], i64)| ([key, &[fine.bucket(*value) as i64][..]].concat(), vec![1]);
    // Each call on a CPU of its own would be one entry of many values; here each key has one CPU.
    let mut by_bucket = std::collections::BTreeMap::<Vec<i64>, i64>::new();
    calls.iter().map(bucket).for_each(|(key, _)| *by_bucket.entry(key).or_default() += 1);
    let mut totals = std::collections::BTreeMap::<Vec<i64>, (i64, i64, i64)>::new();
    for (key, value) in calls {
        let total = totals.entry(key.to_vec()).or_default();
        *total = (total.0 + 1, total.1 + value, total.2.max(*value));
    }
    let values: Vec<_> = by_bucket.into_iter().map(|(key, n)| (key, vec![n])).collect();
    let total: Vec<_> = totals.iter().map(|(key, (n, sum, _))| (key.clone(), vec![*n, *sum])).collect();
    let max: Vec<_> = totals.iter().map(|(key, (.., max))| (key.clone(), vec![1, max ^ i64::MIN])).collect();
    vec![
        snapshot(map::VALUES, Aggregate::Quantiles, by, &values),
        snapshot(map::TOTAL, Aggregate::Stats(IntType::I64), by, &total),
        snapshot(map::MAX, Aggregate::Max(IntType::I64), by, &max),
    ]
}

fn rows(maps: &[Snapshot]) -> Rows {
    let mut rows = Rows::read(maps, &Known);
    rows.took = Duration::from_secs(3);
    rows
}

fn check(rows: &Rows, to: Format, expect: Expect) {
    let mut out = Vec::new();
    rows.show(to, &mut out).unwrap();
    expect.assert_eq(&String::from_utf8(out).unwrap());
}

const TEXT: Format = Format::Text(Look { color: false, width: None });

#[test]
fn a_function_has_a_histogram_with_real_units_and_what_there_is_to_say_below_it() {
    let mut rows = rows(&maps(&[], &[(&[1], 900), (&[1], 5_000), (&[1], 5_100), (&[1], 70_000)]));
    rows.unwound(&[Unwound { func: "main.work".into(), unwound: 2, goexit: 1 }]);
    rows.about(|_| Some(1_100), |_| false);
    check(
        &rows,
        TEXT,
        expect![[r#"
        main.work
        [512ns, 1.02µs)        1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          | ~
        [1.02µs, 2.05µs)       0 |                                                    |
        [2.05µs, 4.1µs)        0 |                                                    |
        [4.1µs, 8.19µs)        2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [8.19µs, 16.4µs)       0 |                                                    |
        [16.4µs, 32.8µs)       0 |                                                    |
        [32.8µs, 65.5µs)       0 |                                                    |
        [65.5µs, 131µs)        1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
        count 4  1.33/s  mean 20.2µs  p50 5.12µs  p90 70µs  p99 70µs  p99.9 70µs  max 70µs  errors 0  unwound 2

        ~ near what probing itself takes: a call that does nothing is measured as 1.1µs here
    "#]],
    );
    check(
        &rows,
        Format::Json,
        expect![[r#"
        {"type":"func_hist","func":"main.work","key":null,"of":null,"count":4,"errors":0,"unwound":2,"mean_ns":20250,"p50_ns":5119,"p90_ns":70000,"p99_ns":70000,"p999_ns":70000,"max_ns":70000,"floor_ns":1100,"seconds":3.0,"buckets":[{"min":512,"max":1023,"count":1},{"min":1024,"max":2047,"count":0},{"min":2048,"max":4095,"count":0},{"min":4096,"max":8191,"count":2},{"min":8192,"max":16383,"count":0},{"min":16384,"max":32767,"count":0},{"min":32768,"max":65535,"count":0},{"min":65536,"max":131071,"count":1}]}
    "#]],
    );
}

#[test]
fn calls_that_are_in_no_row_are_told_of() {
    let of = |func: &str, unwound, goexit| Unwound { func: func.into(), unwound, goexit };
    let unwound = [of("main.work", 10, 2), of("main.(*Server).Serve", 0, 1), of("main.none", 3, 0)];
    let end = |rows: &mut Rows| {
        let mut out = Vec::new();
        rows.unwound(&unwound);
        rows.show(TEXT, &mut out).unwrap();
        let shown = String::from_utf8(out).unwrap();
        shown.lines().filter(|line| line.contains("in no row")).collect::<Vec<_>>().join("\n")
    };
    let by_key = maps(&[Shape::Int(IntType::I64)], &[(&[1, 7], 20), (&[2, 7], 1)]);
    expect![[r#"
        in no row: 10 calls of main.work that a panic ended, 2 that ended with their goroutine
        in no row: 1 call of main.(*Server).Serve that ended with their goroutine
        in no row: 3 calls of main.none that a panic ended"#]]
    .assert_eq(&end(&mut rows(&by_key)));
    expect!["in no row: 3 calls of main.none that a panic ended"]
        .assert_eq(&end(&mut rows(&maps(&[], &[(&[1], 20), (&[2], 1)]))));
}

#[test]
fn several_rows_stand_in_a_table_too_the_greatest_sum_last() {
    let calls: [(&[i64], i64); 3] = [(&[1, 7], 2_000_000_000), (&[2, 7], 1), (&[1, 8], 30)];
    check(
        &rows(&maps(&[Shape::Int(IntType::I64)], &calls)),
        TEXT,
        expect![[r#"
        main.(*Server).Serve[7]
        [1ns, 2ns)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        count 1  0.333/s  mean 1ns  p50 1ns  p90 1ns  p99 1ns  p99.9 1ns  max 1ns  errors 0

        main.work[8]
        [16ns, 32ns)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        count 1  0.333/s  mean 30ns  p50 30ns  p90 30ns  p99 30ns  p99.9 30ns  max 30ns  errors 0

        main.work[7]
        [1.07s, 2.15s)         1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        count 1  0.333/s  mean 2s  p50 2s  p90 2s  p99 2s  p99.9 2s  max 2s  errors 0

        COUNT  PER S  MEAN   P50   P90   P99  P99.9   MAX  ERRORS  FUNCTION
            1  0.333   1ns   1ns   1ns   1ns    1ns   1ns       0  main.(*Server).Serve[7]
            1  0.333  30ns  30ns  30ns  30ns   30ns  30ns       0  main.work[8]
            1  0.333    2s    2s    2s    2s     2s    2s       0  main.work[7]
    "#]],
    );
}

#[test]
fn numbers_that_are_no_durations_have_no_unit() {
    let mut rows = rows(&maps(&[], &[(&[1], 10), (&[1], 250)]));
    (rows.unit, rows.of) = (Unit::None, Some("len(args.b)".into()));
    check(
        &rows,
        TEXT,
        expect![[r#"
        main.work
        [8, 16)                1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [16, 32)               0 |                                                    |
        [32, 64)               0 |                                                    |
        [64, 128)              0 |                                                    |
        [128, 256)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        count 2  0.667/s  mean 130  p50 10  p90 250  p99 250  p99.9 250  max 250  errors 0

    "#]],
    );
    check(
        &rows,
        Format::Json,
        expect![[r#"
        {"type":"func_hist","func":"main.work","key":null,"of":"len(args.b)","count":2,"errors":0,"unwound":null,"mean":130,"p50":10,"p90":250,"p99":250,"p999":250,"max":250,"floor_ns":null,"seconds":3.0,"buckets":[{"min":8,"max":15,"count":1},{"min":16,"max":31,"count":0},{"min":32,"max":63,"count":0},{"min":64,"max":127,"count":0},{"min":128,"max":255,"count":1}]}
    "#]],
    );
}

#[test]
fn buckets_of_equal_width_stand_in_place_of_powers_of_two() {
    let linear = Linear::new(0, 20_000, 10_000).unwrap();
    let scale = Scale::Linear(linear);
    let bars = [12_000, 40_000].map(|value| (vec![1, scale.bucket(value) as i64], vec![1]));
    let mut maps = maps(&[], &[(&[1], 12_000), (&[1], 40_000)]);
    maps.push(snapshot(map::BARS, Aggregate::Lhist(linear), &[], &bars));
    let mut rows = rows(&maps);
    rows.unit = Unit::of("us").unwrap();
    check(
        &rows,
        TEXT,
        expect![[r#"
        main.work
        [10µs, 20µs)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [20µs, ...)            1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        count 2  0.667/s  mean 26µs  p50 12.3µs  p90 40µs  p99 40µs  p99.9 40µs  max 40µs  errors 0

    "#]],
    );
}

#[test]
fn three_digits_count() {
    let shown = [0, 999, 1_000, 1_024, 65_536, 131_072, 1_048_576, 1_000_000_000, 75_000_000_000]
        .map(|ns| Unit::Fitting.show(ns));
    assert_eq!(shown, ["0ns", "999ns", "1µs", "1.02µs", "65.5µs", "131µs", "1.05ms", "1s", "75s"]);
    assert_eq!(
        (Unit::Fixed("ms", 1_000_000).show(1_500), Unit::None.show(-3)),
        ("0.0015ms".to_owned(), "-3".to_owned())
    );
}
