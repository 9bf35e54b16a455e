use expect_test::{Expect, expect};

use super::*;
use crate::bucket::{Linear, Log};
use crate::schema::Shape;

/// The values of the CPUs under keys of one number each.
type Raw<'a> = &'a [(i64, &'a [&'a [i64]])];

fn words(words: &[i64]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn map(value: MapValue, keyed: bool) -> MapSchema {
    let shapes = if keyed { vec![Shape::Int(IntType::I64)] } else { vec![] };
    MapSchema { name: "@m".into(), key: Fields::sure(shapes), value }
}

fn fold(value: MapValue, raw: Raw<'_>) -> Snapshot {
    let entries =
        raw.iter().map(|(key, cpus)| (words(&[*key]), cpus.iter().flat_map(|cpu| words(cpu)).collect::<Vec<u8>>()));
    Snapshot::fold(&Schema::new(), &map(value, true), entries)
}

/// Histograms: entries are key, bucket's value and counts by CPU.
fn fold_buckets(aggregate: Aggregate, raw: &[(i64, i64, &[i64])]) -> Snapshot {
    let scale = aggregate.scale().unwrap();
    let entries = raw.iter().map(|(key, value, cpus)| (words(&[*key, scale.bucket(*value) as i64]), words(cpus)));
    Snapshot::fold(&Schema::new(), &map(MapValue::PerCpu(aggregate), true), entries)
}

fn value(value: &Folded) -> String {
    match value {
        Folded::Value(Value::Int(int)) => int.value().to_string(),
        Folded::Value(value) => format!("{value:?}"),
        Folded::Avg(tally) => tally.average().value().to_string(),
        Folded::Stats(t) => format!("{} × {} = {}", t.count, t.average().value(), t.total.value()),
        Folded::Hist(hist) => {
            let bar = |bar: &Bar| format!("{:?}..={:?} {}", bar.range.first, bar.range.last, bar.count);
            hist.bars().iter().map(bar).collect::<Vec<_>>().join(", ").replace("Some(", "").replace(')', "")
        }
        Folded::Quantiles(q, _) => format!("{q:?}"),
    }
}

fn check(snapshot: &Snapshot, expect: Expect) {
    let line = |entry: &Entry| {
        let key = entry.key.iter().map(|part| match part {
            Value::Int(int) => int.value().to_string(),
            other => format!("{other:?}"),
        });
        format!("[{}] {}\n", key.collect::<Vec<_>>().join(" "), value(&entry.value))
    };
    let damaged = snapshot.damaged.iter().map(|error| format!("damaged: {error}\n"));
    expect.assert_eq(&snapshot.entries.iter().map(line).chain(damaged).collect::<String>());
}

const SIGNED: IntType = IntType::I64;

#[test]
fn counts_and_sums_of_all_cpus_are_added_and_the_least_comes_first() {
    let raw: Raw<'_> = &[(1, &[&[5], &[2]]), (2, &[&[0], &[3]]), (4, &[&[1], &[2]]), (3, &[&[3], &[0]])];
    check(
        &fold(MapValue::PerCpu(Aggregate::Count), raw),
        expect![[r#"
        [2] 3
        [3] 3
        [4] 3
        [1] 7
    "#]],
    );
    let raw: Raw<'_> = &[(1, &[&[5], &[-12]]), (2, &[&[i64::MAX], &[1]])];
    check(
        &fold(MapValue::PerCpu(Aggregate::Sum(SIGNED)), raw),
        expect![[r#"
        [2] -9223372036854775808
        [1] -7
    "#]],
    );
    check(
        &fold(MapValue::PerCpu(Aggregate::Sum(IntType::U64)), raw),
        expect![[r#"
        [2] 9223372036854775808
        [1] 18446744073709551609
    "#]],
    );
}

#[test]
fn only_cpus_that_have_a_value_count_for_minimum_and_maximum() {
    const fn least(n: i64) -> i64 {
        n ^ i64::MAX
    }
    const fn greatest(n: i64) -> i64 {
        n ^ i64::MIN
    }
    let none: &[&[i64]] = &[&[0, 0], &[0, 0], &[0, 0]];
    let raw: Raw<'_> = &[
        (1, &[&[0, 0], &[1, least(-3)], &[1, least(-7)]]),
        (2, &[&[1, least(9)], &[1, least(4)], &[0, 0]]),
        (3, none),
        (4, &[&[1, least(i64::MAX)], &[0, 0], &[0, 0]]),
    ];
    check(
        &fold(MapValue::PerCpu(Aggregate::Min(SIGNED)), raw),
        expect![[r#"
        [1] -7
        [3] 0
        [2] 4
        [4] 9223372036854775807
    "#]],
    );
    let raw: Raw<'_> = &[
        (1, &[&[0, 0], &[1, greatest(-3)], &[1, greatest(-7)]]),
        (2, &[&[1, greatest(9)], &[1, greatest(4)], &[0, 0]]),
        (3, none),
    ];
    check(
        &fold(MapValue::PerCpu(Aggregate::Max(SIGNED)), raw),
        expect![[r#"
        [1] -3
        [3] 0
        [2] 9
    "#]],
    );
    let raw: Raw<'_> = &[(1, &[&[0, 0], &[1, -3], &[1, -7]]), (2, &[&[1, 9], &[1, 4], &[0, 0]]), (3, none)];
    check(
        &fold(MapValue::PerCpu(Aggregate::Max(IntType::U64)), raw),
        expect![[r#"
        [3] 0
        [2] 9
        [1] 18446744073709551613
    "#]],
    );
}

#[test]
fn averages_go_towards_zero_and_order_the_entries() {
    let raw: Raw<'_> =
        &[(1, &[&[3, 30], &[0, 0]]), (2, &[&[1, 20], &[0, 0]]), (3, &[&[1, -3], &[1, -4]]), (4, &[&[0, 0], &[0, 0]])];
    check(
        &fold(MapValue::PerCpu(Aggregate::Avg(SIGNED)), raw),
        expect![[r#"
        [3] -3
        [4] 0
        [1] 10
        [2] 20
    "#]],
    );
    check(
        &fold(MapValue::PerCpu(Aggregate::Stats(SIGNED)), raw),
        expect![[r#"
        [3] 2 × -3 = -7
        [4] 0 × 0 = 0
        [1] 3 × 10 = 30
        [2] 1 × 20 = 20
    "#]],
    );
}

#[test]
fn buckets_become_histograms_ordered_by_how_many_values_they_have() {
    let raw: &[(i64, i64, &[i64])] =
        &[(1, 4, &[3, 1]), (1, 40, &[1, 0]), (2, -5, &[1, 0]), (2, 0, &[0, 1]), (3, 7, &[0, 0])];
    check(
        &fold_buckets(Aggregate::Hist(Log::PLAIN), raw),
        expect![[r#"
        [3] 
        [2] None..=-1 1, 0..=0 1
        [1] 4..=7 4, 8..=15 0, 16..=31 0, 32..=63 1
    "#]],
    );
    let steps = Linear::new(0, 20, 10).unwrap();
    check(
        &fold_buckets(Aggregate::Lhist(steps), raw),
        expect![[r#"
        [3] 
        [2] None..=-1 1, 0..=9 1
        [1] 0..=9 4, 10..=19 0, 20..=None 1
    "#]],
    );
}

#[test]
fn fine_buckets_become_percentiles() {
    let raw: &[(i64, i64, &[i64])] = &[(1, 10, &[50, 0]), (1, 20, &[0, 45]), (1, 1000, &[5, 0]), (2, -1, &[1, 0])];
    check(
        &fold_buckets(Aggregate::Quantiles, raw),
        expect![[r#"
        [2] Quantiles { count: 1, p50: None, p90: None, p99: None, p999: None, max: None }
        [1] Quantiles { count: 100, p50: Some(10), p90: Some(20), p99: Some(1023), p999: Some(1023), max: Some(1023) }
    "#]],
    );
}

#[test]
fn top_keeps_the_greatest_and_div_divides_what_is_shown() {
    let raw: Raw<'_> = &[(1, &[&[500], &[2000]]), (2, &[&[0], &[1]]), (3, &[&[-3000], &[0]])];
    let sums = fold(MapValue::PerCpu(Aggregate::Sum(SIGNED)), raw);
    check(
        &sums.clone().top(2).divided(1000),
        expect![[r#"
        [2] 0
        [1] 2
    "#]],
    );
    assert_eq!((sums.clone().top(0).divided(0), sums.clone().top(9).divided(1)), (sums.clone(), sums));
    let raw: Raw<'_> = &[(1, &[&[2, 70]])];
    check(
        &fold(MapValue::PerCpu(Aggregate::Stats(SIGNED)), raw).divided(10),
        expect![[r#"
        [1] 2 × 3 = 70
    "#]],
    );
    let raw: &[(i64, i64, &[i64])] = &[(1, 4, &[30, 1]), (1, 9, &[5, 0])];
    check(
        &fold_buckets(Aggregate::Hist(Log::PLAIN), raw).divided(10),
        expect![[r#"
        [1] 4..=7 3, 8..=15 0
    "#]],
    );
}

#[test]
fn one_entry_is_found_by_the_bytes_of_its_key() {
    let raw: Raw<'_> = &[(1, &[&[5]]), (2, &[&[6]])];
    let (map, schema) = (map(MapValue::PerCpu(Aggregate::Count), true), Schema::new());
    let counts = || fold(MapValue::PerCpu(Aggregate::Count), raw);
    check(
        &counts().only(&schema, &map, &words(&[2])),
        expect![[r#"
        [2] 6
    "#]],
    );
    check(&counts().only(&schema, &map, &words(&[7])), expect![]);
    check(
        &counts().only(&schema, &map, &[1]),
        expect![[r#"
        damaged: 1 bytes where 8 must be
    "#]],
    );
}

#[test]
fn assigned_values_that_are_no_numbers_go_by_their_keys() {
    let tuple = Fields::sure(vec![Shape::Tuple(vec![Shape::Int(SIGNED), Shape::Bool])]);
    let raw: Raw<'_> = &[(2, &[&[1, 0]]), (-1, &[&[2, 1]]), (1, &[&[3, 1]])];
    check(
        &fold(MapValue::Plain(tuple), raw),
        expect![[r#"
        [-1] Tuple([Int(Int { bits: 2, kind: IntType { signed: true, bits: 64 } }), Bool(true)])
        [1] Tuple([Int(Int { bits: 3, kind: IntType { signed: true, bits: 64 } }), Bool(true)])
        [2] Tuple([Int(Int { bits: 1, kind: IntType { signed: true, bits: 64 } }), Bool(false)])
    "#]],
    );
}

#[test]
fn an_entry_that_is_damaged_is_left_out_and_told() {
    let entries =
        [(words(&[1]), words(&[4])), (vec![1, 2], words(&[1])), (words(&[2]), vec![1]), (words(&[3]), vec![])];
    check(
        &Snapshot::fold(&Schema::new(), &map(MapValue::PerCpu(Aggregate::Count), true), entries),
        expect![[r#"
        [1] 4
        damaged: 2 bytes where 8 must be
        damaged: 1 bytes where 8 must be
        damaged: 0 bytes where 8 must be
    "#]],
    );
    let buckets = [(words(&[1, 2]), words(&[4])), (words(&[1, 1 << 40]), words(&[4])), (words(&[1, -1]), words(&[4]))];
    check(
        &Snapshot::fold(&Schema::new(), &map(MapValue::PerCpu(Aggregate::Hist(Log::PLAIN)), true), buckets),
        expect![[r#"
        [1] 1..=1 4
        damaged: there is no bucket 1099511627776
        damaged: there is no bucket 18446744073709551615
    "#]],
    );
}

#[test]
fn a_map_without_keys_has_one_entry() {
    let entries = [(words(&[0]), words(&[4, 5]))];
    let snapshot = Snapshot::fold(&Schema::new(), &map(MapValue::PerCpu(Aggregate::Count), false), entries);
    assert!(!snapshot.keyed);
    check(
        &snapshot,
        expect![[r#"
        [] 9
    "#]],
    );
    let buckets = [(words(&[3]), words(&[4, 5]))];
    check(
        &Snapshot::fold(&Schema::new(), &map(MapValue::PerCpu(Aggregate::Hist(Log::PLAIN)), false), buckets),
        expect![[r#"
        [] 2..=3 9
    "#]],
    );
}
