use event::bucket::{Linear, Log, Scale};
use expect_test::expect;

use super::sketch::*;
use super::*;
use plan::{MapValue, *};

const WHOLE: Type = I64;

fn ax() -> Expr {
    cast(true, 8, reg("ax"))
}

#[test]
fn a_map_is_written_read_and_deleted() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@m", vec![WHOLE, Type::Str { max: 8 }], MapValue::Plain(WHOLE));
    let name = sketch.literal("n");
    let key = |n| vec![int(n), name.clone()];
    let read = |n| expr(ExprKind::Map { map, key: key(n) }, WHOLE);
    sketch.stmt(StmtKind::SetMap { map, key: key(1), value: ax() });
    sketch.stmt(StmtKind::SetMap {
        map,
        key: key(1),
        value: crate::emit::tests::sketch::binary(plan::BinaryOp::Mul, read(1), int(2)),
    });
    sketch.stmt(StmtKind::SetMap { map, key: key(2), value: int(-1) });
    sketch.stmt(StmtKind::SetMap { map, key: key(3), value: int(5) });
    sketch.stmt(StmtKind::Delete { map, key: key(2) });
    sketch.printf("%d %d", vec![read(1), read(2)]);
    check(
        &sketch.plan(),
        &World::with(&[("ax", 21)]),
        expect![[r#"
            42 0
            @m[3, n] = 5
            @m[1, n] = 42"#]],
    );
}

#[test]
fn additions_give_the_value_before_or_after() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@n", vec![], MapValue::Plain(WHOLE));
    let add = |by, before| expr(ExprKind::MapAdd { map, key: vec![], by: Box::new(int(by)), before }, WHOLE);
    sketch.stmt(StmtKind::Do(add(1, true)));
    sketch.printf("%d %d %d", vec![add(1, true), add(10, false), add(-5, false)]);
    check(
        &sketch.plan(),
        &World::default(),
        expect![[r#"
            1 12 7
            @n[] = 7"#]],
    );
}

#[test]
fn texts_and_tuples_are_values_of_maps_and_variables() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let pair = || Type::Tuple(vec![WHOLE, Type::Str { max: 8 }]);
    let texts = sketch.map("@text", vec![WHOLE], MapValue::Plain(Type::Str { max: 8 }));
    let tuples = sketch.map("@pair", vec![], MapValue::Plain(pair()));
    let var = sketch.var("p", pair());
    let text = str_at(reg("bx"), None, 8);
    sketch.stmt(StmtKind::SetMap { map: texts, key: vec![int(1)], value: text.clone() });
    sketch.stmt(StmtKind::SetMap { map: texts, key: vec![int(2)], value: str_at(reg("cx"), None, 8) });
    sketch.stmt(StmtKind::SetVar { var, value: tuple(vec![ax(), text]) });
    let value = sketch.var_expr(var);
    sketch.stmt(StmtKind::SetMap { map: tuples, key: vec![], value });
    let read = |map, key, ty| expr(ExprKind::Map { map, key }, ty);
    let at = |n| read(texts, vec![int(n)], Type::Str { max: 8 });
    sketch.printf("%s|%s|%s", vec![at(1), at(2), at(3)]);
    sketch.stmt(StmtKind::Print(read(tuples, vec![], pair())));
    check(
        &sketch.plan(),
        &World::with(&[("ax", 3), ("bx", 0x5000)]).memory(0x5000, b"abc\0"),
        expect![[r#"
            abc|<unreadable>|
            print (3, abc)
            @text[1] = abc
            @text[2] = <unreadable>
            @pair[] = (3, abc)
            unreadable: 1"#]],
    );
}

#[test]
fn an_unreadable_part_of_a_key_says_so_and_is_one_key() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@n", vec![WHOLE, WHOLE], MapValue::Count);
    let read = |name| expr(ExprKind::Read(Box::new(reg(name))), WHOLE);
    for name in ["ax", "bx", "cx"] {
        sketch.stmt(StmtKind::Aggregate { map, key: vec![int(1), read(name)], value: None });
    }
    check(
        &sketch.plan(),
        &World::with(&[("cx", 0x5000)]).words(0x5000, &[0]),
        expect![[r#"
            @n[1, 0] = 1
            @n[1, <unreadable>] = 2
            unreadable: 2"#]],
    );
}

fn aggregated(value: MapValue, keyed: bool) -> Plan {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let key = if keyed { vec![Type::Id(Id::Func)] } else { vec![] };
    let map = sketch.map("@a", key, value.clone());
    let key = if keyed { vec![word(Word::Func)] } else { vec![] };
    let value = if value == MapValue::Count { None } else { Some(ax()) };
    sketch.stmt(StmtKind::Aggregate { map, key, value });
    sketch.plan()
}

fn check_aggregate(value: MapValue, expect: Expect) {
    let mut answers = Vec::new();
    for (caps, keyed) in [(Caps::linux_7_0(), false), (Caps::linux_5_10(), false), (Caps::linux_6_1(), true)] {
        let plan = aggregated(value.clone(), keyed);
        let mut run = Trial::new(&plan, caps);
        for (n, x) in [5, -3, 9, 9].into_iter().enumerate() {
            run.vm.task.cpu = n as u32 % CPUS;
            run.hit(&plan, &World::with(&[("ax", x as u64)]));
        }
        answers.push(run.outcome().replace("Func(0x0)", ""));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    expect.assert_eq(&answers[0]);
}

#[test]
fn what_is_kept_by_cpu_adds_up() {
    check_aggregate(MapValue::Count, expect!["@a[] = 4"]);
    check_aggregate(MapValue::Sum { signed: true }, expect!["@a[] = 20"]);
    check_aggregate(MapValue::Min { signed: true }, expect!["@a[] = -3"]);
    check_aggregate(MapValue::Max { signed: true }, expect!["@a[] = 9"]);
    check_aggregate(MapValue::Min { signed: false }, expect!["@a[] = 5"]);
    check_aggregate(MapValue::Max { signed: false }, expect!["@a[] = 18446744073709551613"]);
    check_aggregate(
        MapValue::Avg { signed: true },
        expect![
            "@a[] = Avg(Tally { count: 4, total: Int { bits: 20, kind: IntType { signed: true, bits: 64 } }, div: 1 })"
        ],
    );
    check_aggregate(
        MapValue::Stats { signed: true },
        expect![
            "@a[] = Stats(Tally { count: 4, total: Int { bits: 20, kind: IntType { signed: true, bits: 64 } }, div: 1 })"
        ],
    );
}

/// The buckets that emitted code puts values into.
fn buckets(value: MapValue, values: &[i64]) -> Vec<u64> {
    let plan = aggregated(value, false);
    values
        .iter()
        .map(|&x| {
            let mut run = Trial::new(&plan, Caps::linux_5_10());
            run.hit(&plan, &World::with(&[("ax", x as u64)]));
            let entries = run.vm.entries(run.program.user_maps[0]);
            assert_eq!(entries.len(), 1);
            u64::from_le_bytes(entries[0].0.clone().try_into().unwrap())
        })
        .collect()
}

fn interesting() -> Vec<i64> {
    let powers = (0..64).flat_map(|bit| [-1, 0, 1].map(|d| (1_i64 << bit).wrapping_add(d)));
    let mut seed = 7_u64;
    let random = std::iter::repeat_with(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed ^ seed >> 29) as i64) >> (seed >> 58)
    });
    powers.chain(-3..40).chain([i64::MIN, i64::MAX, 99, 100, 101]).chain(random.take(200)).collect()
}

#[test]
fn buckets_are_those_that_user_space_reads() {
    let linear =
        |min, max, step| (MapValue::LinearHist { min, max, step }, Scale::Linear(Linear::new(min, max, step).unwrap()));
    let scales = [
        (MapValue::Hist { bits: 0 }, Scale::Log(Log::PLAIN)),
        (MapValue::Hist { bits: 3 }, Scale::Log(Log::new(3).unwrap())),
        (MapValue::Quantiles, Scale::Log(Log::FINE)),
        linear(0, 100, 10),
        linear(-1000, 1000, 7),
        linear(i64::MIN, i64::MAX, (i64::MAX / 300) as u64),
    ];
    let values = interesting();
    for (value, scale) in scales {
        let wanted: Vec<u64> = values.iter().map(|&x| scale.bucket(x)).collect();
        assert_eq!(buckets(value, &values), wanted, "{scale:?}");
    }
}

#[test]
fn a_key_of_a_histogram_is_deleted_with_all_its_buckets() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@h", vec![WHOLE], MapValue::Hist { bits: 0 });
    for x in [1, 100, 10_000] {
        sketch.stmt(StmtKind::Aggregate { map, key: vec![int(1)], value: Some(int(x)) });
        sketch.stmt(StmtKind::Aggregate { map, key: vec![int(2)], value: Some(int(x)) });
    }
    sketch.stmt(StmtKind::Delete { map, key: vec![int(1)] });
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_5_10());
    run.hit(&plan, &World::default());
    assert_eq!(run.vm.entries(run.program.user_maps[0]).len(), 3);
}

#[test]
fn what_does_not_fit_into_a_map_is_counted() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let plain = sketch.map("@m", vec![WHOLE], MapValue::Plain(WHOLE));
    let count = sketch.map("@n", vec![WHOLE], MapValue::Count);
    for map in [plain, count] {
        sketch.plan.maps[map.index()].capacity = 1;
    }
    for n in 0..3 {
        sketch.stmt(StmtKind::SetMap { map: plain, key: vec![int(n)], value: int(n) });
        sketch.stmt(StmtKind::Aggregate { map: count, key: vec![int(n)], value: None });
    }
    let add = ExprKind::MapAdd { map: plain, key: vec![int(9)], by: Box::new(int(1)), before: true };
    sketch.stmt(StmtKind::Do(expr(add, WHOLE)));
    check(
        &sketch.plan(),
        &World::default(),
        expect![[r#"
            @m[0] = 0
            @n[0] = 1
            dropped of map 0: 3
            dropped of map 1: 2"#]],
    );
}

#[test]
fn an_unreadable_value_is_not_aggregated() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@s", vec![], MapValue::Sum { signed: true });
    for name in ["ax", "bx"] {
        let value = Some(expr(ExprKind::Read(Box::new(reg(name))), WHOLE));
        sketch.stmt(StmtKind::Aggregate { map, key: vec![], value });
    }
    check(
        &sketch.plan(),
        &World::with(&[("bx", 0x5000)]).words(0x5000, &[4]),
        expect![[r#"
            @s[] = 4
            unreadable: 1"#]],
    );
}

#[test]
fn keys_over_128_bytes_are_built_in_scratch_memory() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let text = || Type::Str { max: 64 };
    let map = sketch.map("@n", vec![text(), text(), text()], MapValue::Count);
    let key = ["ax", "bx", "ax"].map(|name| str_at(reg(name), None, 64)).to_vec();
    sketch.stmt(StmtKind::Aggregate { map, key, value: None });
    check(
        &sketch.plan(),
        &World::with(&[("ax", 0x5000), ("bx", 0x6000)]).memory(0x5000, b"one\0").memory(0x6000, b"two\0"),
        expect!["@n[one, two, one] = 1"],
    );
}
