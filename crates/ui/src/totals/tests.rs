use event::bucket::{Log, Scale};
use event::schema::Aggregate;
use event::value::IntType;
use event::{Fields, MapSchema, MapValue, Schema, Shape};
use expect_test::{Expect, expect};

use super::*;

/// Names of the fake runtime.
struct Known;

const STATES: [(&str, u64); 7] =
    [("runnable", 1), ("running", 2), ("syscall", 3), ("waiting", 4), ("dead", 6), ("copystack", 8), ("preempted", 9)];
const REASONS: [(&str, u64); 4] = [("", 0), ("chan receive", 19), ("sleep", 14), ("preempted", 30)];
const FUNCTIONS: [(&str, u64); 4] =
    [("main.worker", 0x40), ("runtime.main", 0x50), ("runtime.bgsweep", 0x60), ("main.idle", 0x70)];

impl Names for Known {
    fn name(&self, id: Id) -> Option<String> {
        let all: &[(&str, u64)] = match id.kind {
            IdKind::GoState => &STATES,
            IdKind::WaitReason => &REASONS,
            IdKind::StartFunc => &FUNCTIONS,
            _ => &[],
        };
        all.iter().find(|(_, number)| *number == id.number).map(|(name, _)| (*name).to_owned())
    }

    fn moment(&self, _: u64) -> event::Moment {
        event::Moment { unix: 0, east: 0 }
    }
}

fn number(of: &[(&str, u64)], name: &str) -> u64 {
    of.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}?")).1
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn head(by: By) -> Vec<Shape> {
    let u64 = Shape::Int(IntType::U64);
    match by {
        By::Function => vec![Shape::Id(IdKind::StartFunc)],
        By::Goid => vec![u64.clone(), u64, Shape::Id(IdKind::StartFunc)],
        By::Reason | By::State => vec![],
    }
}

fn snapshot(name: &str, of: Aggregate, key: Vec<Shape>, raw: Vec<(Vec<u64>, Vec<u64>)>) -> Snapshot {
    let map = MapSchema { name: name.to_owned(), key: Fields::sure(key), value: MapValue::PerCpu(of) };
    Snapshot::fold(&Schema::new(), &map, raw.iter().map(|(key, value)| (words(key), words(value))))
}

/// What the program's maps hold after these changes, each so and so often and so long in all:
/// `main.worker 34: running > waiting (chan receive) 2 × 300`.
fn maps(by: By, changes: &str) -> Vec<Snapshot> {
    let (mut time, mut latency) = (Vec::new(), Vec::new());
    for line in changes.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, change) = line.split_once(": ").unwrap();
        let (function, goid) = who.split_once(' ').unwrap();
        let (from, rest) = change.split_once(" > ").unwrap();
        let (to, rest) = rest.split_once(" (").unwrap();
        let (reason, rest) = rest.split_once(") ").unwrap();
        let (times, ns) = rest.split_once(" × ").unwrap();
        let [goid, times, ns] = [goid, times, ns].map(|n| n.parse::<u64>().unwrap());
        let function = number(&FUNCTIONS, function);
        let head = match by {
            By::Function => vec![function],
            By::Goid => vec![7, goid, function],
            By::Reason | By::State => vec![],
        };
        let states = [number(&STATES, from), number(&STATES, to), number(&REASONS, reason)];
        time.push(([&head[..], &states].concat(), vec![times, ns]));
        if (from, to) == ("runnable", "running") {
            let bucket = Scale::Log(Log::FINE).bucket((ns / times) as i64);
            latency.push(([&head[..], &[bucket]].concat(), vec![times]));
        }
    }
    let ids = [Shape::Id(IdKind::GoState), Shape::Id(IdKind::GoState), Shape::Id(IdKind::WaitReason)];
    vec![
        snapshot(map::TIME, Aggregate::Stats(IntType::U64), [&head(by)[..], &ids].concat(), time),
        snapshot(map::LATENCY, Aggregate::Quantiles, head(by), latency),
    ]
}

fn lasting(function: &str, goid: u64, state: &str, reason: &str, spent: u64) -> FinalState {
    let id = |kind, number| Id { kind, number, process: 0 };
    FinalState {
        pid: 7,
        goid,
        start: id(IdKind::StartFunc, number(&FUNCTIONS, function)),
        state: id(IdKind::GoState, number(&STATES, state)),
        reason: id(IdKind::WaitReason, number(&REASONS, reason)),
        spent,
    }
}

/// Two workers, one of which is over, the main goroutine, and one that only waits.
const CHANGES: &str = "
    main.worker 34: dead > runnable () 1 × 0
    main.worker 34: runnable > running () 3 × 30000
    main.worker 34: running > waiting (chan receive) 2 × 4000000
    main.worker 34: waiting > runnable (chan receive) 2 × 50000000
    main.worker 34: running > dead () 1 × 1000000
    main.worker 35: running > syscall () 5 × 500000
    main.worker 35: syscall > running () 5 × 700000
    main.worker 35: running > preempted () 1 × 1000
    main.worker 35: preempted > waiting (preempted) 1 × 2000
    main.worker 35: waiting > runnable (preempted) 1 × 3000
    runtime.main 1: running > waiting (sleep) 1 × 1000000
    runtime.main 1: running > copystack () 1 × 500
    runtime.main 1: copystack > running () 1 × 700";

fn left() -> Vec<FinalState> {
    vec![
        lasting("main.worker", 35, "runnable", "", 400_000),
        lasting("runtime.main", 1, "waiting", "sleep", 20_000_000),
        lasting("runtime.bgsweep", 3, "waiting", "", 99_000_000),
    ]
}

fn check(by: By, to: Format, expect: Expect) {
    let mut out = Vec::new();
    Totals::read(by, &Only::default(), &maps(by, CHANGES), &Turns::default(), &left(), &Known)
        .show(to, &mut out)
        .unwrap();
    expect.assert_eq(&String::from_utf8(out).unwrap());
}

const TEXT: Format = Format::Text(Look { color: false, width: None });

#[test]
fn a_function_has_its_goroutines_times_by_state_and_reason() {
    check(
        By::Function,
        TEXT,
        expect![[r#"
        runtime.bgsweep  1 goroutine
          waiting               99ms 100.0% |@@@@@@@@@@@@@@@@@@@@@@|

        runtime.main  1 goroutine
          sleep                 20ms  95.2% |@@@@@@@@@@@@@@@@@@@@@ | once
          running                1ms   4.8% |@                     |

        main.worker  2 goroutines, 1 created, 1 finished
          chan receive          50ms  88.3% |@@@@@@@@@@@@@@@@@@@   | 2 times
          running              5.5ms   9.7% |@@                    | 8 times
          syscall              700µs   1.2% |                      | 5 times
          runnable             430µs   0.8% |                      | 4 times, p50 10.2µs, p99 10.2µs
          preempted              5µs   0.0% |                      | once

        COUNT  NEW  OVER  RUNNING  RUNNABLE  SYSCALL  WAITING  SCHED P50     P99  FUNCTION
            1    0     0        -         -        -     99ms          -       -  runtime.bgsweep
            1    0     0      1ms         -        -     20ms          -       -  runtime.main
            2    1     1    5.5ms     430µs    700µs     50ms     10.2µs  10.2µs  main.worker
    "#]],
    );
}

#[test]
fn a_goroutine_has_its_own_times() {
    check(
        By::Goid,
        Format::Json,
        expect![[r#"
        {"type":"state_total","by":{"goid":3,"pid":7,"function":"runtime.bgsweep"},"goroutines":1,"created":0,"finished":0,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"waiting":99000000},"waits":{"waiting":0},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"goid":35,"pid":7,"function":"main.worker"},"goroutines":1,"created":0,"finished":0,"running_ns":501000,"runnable_ns":400000,"syscall_ns":700000,"waiting_ns":{"preempted":5000},"waits":{"preempted":1},"syscalls":5,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"goid":1,"pid":7,"function":"runtime.main"},"goroutines":1,"created":0,"finished":0,"running_ns":1001200,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"sleep":20000000},"waits":{"sleep":1},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"goid":34,"pid":7,"function":"main.worker"},"goroutines":1,"created":1,"finished":1,"running_ns":5000000,"runnable_ns":30000,"syscall_ns":0,"waiting_ns":{"chan receive":50000000},"waits":{"chan receive":2},"syscalls":0,"sched_p50_ns":10239,"sched_p99_ns":10239}
    "#]],
    );
}

#[test]
fn states_and_reasons_have_a_row_each() {
    check(
        By::State,
        TEXT,
        expect![[r#"
        NOW IN IT  TIMES   TIME  SHARE  SCHED P50     P99  STATE
                1      4  430µs   0.2%     10.2µs  10.2µs  runnable
                0      5  700µs   0.4%          -       -  syscall
                0      8  6.5ms   3.7%          -       -  running
                2      4  169ms  95.7%          -       -  waiting
    "#]],
    );
    check(
        By::Reason,
        TEXT,
        expect![[r#"
        NOW IN IT  TIMES  TIME  SHARE  REASON
                0      1   5µs   0.0%  preempted
                1      1  20ms  11.8%  sleep
                0      2  50ms  29.6%  chan receive
                1      0  99ms  58.6%  waiting
    "#]],
    );
}

#[test]
fn what_programs_read_has_every_field() {
    check(
        By::Function,
        Format::Json,
        expect![[r#"
        {"type":"state_total","by":{"function":"runtime.bgsweep"},"goroutines":1,"created":0,"finished":0,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"waiting":99000000},"waits":{"waiting":0},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"function":"runtime.main"},"goroutines":1,"created":0,"finished":0,"running_ns":1001200,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"sleep":20000000},"waits":{"sleep":1},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"function":"main.worker"},"goroutines":2,"created":1,"finished":1,"running_ns":5501000,"runnable_ns":430000,"syscall_ns":700000,"waiting_ns":{"chan receive":50000000,"preempted":5000},"waits":{"chan receive":2,"preempted":1},"syscalls":5,"sched_p50_ns":10239,"sched_p99_ns":10239}
    "#]],
    );
    check(
        By::Reason,
        Format::Json,
        expect![[r#"
        {"type":"state_total","by":{"reason":"preempted"},"goroutines":0,"created":null,"finished":null,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"preempted":5000},"waits":{"preempted":1},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"reason":"sleep"},"goroutines":1,"created":null,"finished":null,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"sleep":20000000},"waits":{"sleep":1},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"reason":"chan receive"},"goroutines":0,"created":null,"finished":null,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"chan receive":50000000},"waits":{"chan receive":2},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
        {"type":"state_total","by":{"reason":"waiting"},"goroutines":1,"created":null,"finished":null,"running_ns":0,"runnable_ns":0,"syscall_ns":0,"waiting_ns":{"waiting":99000000},"waits":{"waiting":0},"syscalls":0,"sched_p50_ns":null,"sched_p99_ns":null}
    "#]],
    );
}

#[test]
fn nothing_is_shown_where_nothing_was_seen() {
    let mut out = Vec::new();
    Totals::read(By::Function, &Only::default(), &[], &Turns::default(), &[], &Known).show(TEXT, &mut out).unwrap();
    assert_eq!(out, b"");
}

#[test]
fn states_in_which_a_turn_has_ended_are_time_and_goroutines_only_once_they_are_gone() {
    let mut turns = Turns::default();
    for (waited, gone) in [(1_000_000, false), (2_000_000, true)] {
        turns.add(By::Function, &[], &[(lasting("main.worker", 36, "waiting", "chan receive", waited), gone)]);
    }
    let mut out = Vec::new();
    let last = [lasting("main.worker", 37, "waiting", "chan receive", 4_000_000)];
    Totals::read(By::Function, &Only::default(), &[], &turns, &last, &Known).show(TEXT, &mut out).unwrap();
    expect![[r#"
        main.worker  2 goroutines
          chan receive           7ms 100.0% |@@@@@@@@@@@@@@@@@@@@@@|

    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn goroutines_of_several_processes_may_have_the_same_number() {
    let of =
        |pid: u32| FinalState { pid, ..lasting("main.worker", 36, "waiting", "chan receive", u64::from(pid) * 1_000) };
    let mut out = Vec::new();
    let last = [of(7), of(8)];
    Totals::read(By::Goid, &Only::default(), &[], &Turns::default(), &last, &Known).show(TEXT, &mut out).unwrap();
    expect![[r#"
        goroutine 36 of PID 7 main.worker  1 goroutine
          chan receive           7µs 100.0% |@@@@@@@@@@@@@@@@@@@@@@|

        goroutine 36 of PID 8 main.worker  1 goroutine
          chan receive           8µs 100.0% |@@@@@@@@@@@@@@@@@@@@@@|

        COUNT  NEW  OVER  WAITING  GOID  PID  FUNCTION
            1    0     0      7µs    36    7  main.worker
            1    0     0      8µs    36    8  main.worker
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}
