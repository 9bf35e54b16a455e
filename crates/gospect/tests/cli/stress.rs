//! Every call, every return, every call that a panic ended: those of a program that does everything at once, as it
//! counts them itself.
//!
//! The program is the fixture `stress`: recursion with growing stacks, panics recovered far away, `Goexit`, coroutines,
//! wrappers that leave by a jump, garbage collected all the time, a CPU profile. In CI each Go release makes some ten
//! thousand calls by each way of attaching; the variable GOSPECT_STRESS_CALLS says how many each run makes at least.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use gospect_fixtures::{Arch, Fixture, Variant, build, need, versions};
use serde_json::{Value, json};

use crate::contract::documented;
use crate::gospect;
use crate::run::{Counter, Tracing, WAYS, objects, permitted, summary};

/// How many calls each run makes at least, if more than a few.
const CALLS: &str = "GOSPECT_STRESS_CALLS";

/// Whose calls are paired, as a condition: without asking for the goroutine this is done in another way.
const ANYBODY: &str = "1";
const SOMEBODY: &str = "goid > 0";

/// What the program counts for a function, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    calls: u64,
    returned: u64,
    unwound: u64,
    exited: u64,
}

impl Ends {
    fn plus(self, other: &Ends) -> Ends {
        Ends {
            calls: self.calls + other.calls,
            returned: self.returned + other.returned,
            unwound: self.unwound + other.unwound,
            exited: self.exited + other.exited,
        }
    }
}

#[test]
fn calls_and_their_ends_are_those_of_the_program_on_every_release() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    let least = std::env::var(CALLS).map_or(10_000, |n| n.parse().expect("a number"));
    for go in versions() {
        let path = need!(build(&Fixture::new("stress", go, Variant::Plain).on(arch)));
        for (way, known) in [(WAYS[0], ANYBODY), (WAYS[1], ANYBODY), (WAYS[0], SOMEBODY)] {
            let mut stress = Counter::start(&path);
            let began = Instant::now();
            let sum = probed(&mut stress, way, known, least);
            println!("{go} {way} {known}: {sum:?} as counted, {} s", began.elapsed().as_secs());
        }
    }
}

/// Where the runtime lets ends be seen is found without symbols, too, and where the kernel has put the program.
#[test]
fn calls_and_their_ends_are_those_of_programs_without_symbols_and_of_ones_that_are_moved() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    for (go, variant) in [("1.21", Variant::Stripped), ("1.24", Variant::Pie), ("1.27", Variant::Stripped)] {
        let mut stress = Counter::start(&need!(build(&Fixture::new("stress", go, variant).on(arch))));
        probed(&mut stress, WAYS[0], ANYBODY, 10_000);
    }
}

/// Has it make that many calls under probes; what they came to, if gospect saw the same.
fn probed(stress: &mut Counter, way: &str, known: &str, least: u64) -> Ends {
    // Which functions this release has, and which of them return at all, the program knows once it has called them.
    let before = ordered(stress, "64 4");
    // A coroutine ends by Goexit, and whoever waits for it, too.
    assert!(["main.body", "main.coroutine"].iter().all(|f| (before[*f].exited > 0) == (before[*f].calls > 0)));
    let points = |kind: &str, has: fn(&Ends) -> u64| {
        let functions = before.iter().filter(|(_, ends)| has(ends) > 0);
        functions.map(|(f, _)| format!("{kind}:{f}")).collect::<Vec<_>>().join(", ")
    };
    let (calls, returns) = (points("go", |ends| ends.calls), points("goret", |ends| ends.returned));
    let text = format!(
        "{calls} {{ @calls[func] = count() }} {returns} {{ @returned[func] = count() }} \
         {returns} /elapsed > 0 && {known}/ {{ @paired[func] = count() }}"
    );
    let tracing = Tracing::start(&["-p", &stress.pid(), "--way", way, "--json", "-e", &text]);
    let mut counted = ordered(stress, "8 4");
    while since(&before, &counted).values().map(|ends| ends.calls).sum::<u64>() < least {
        counted = ordered(stress, "64 4");
    }
    let (counted, all) = (since(&before, &counted), objects(&tracing.stop()));
    let map = |name: &str| all.iter().find_map(|object| object["data"].get(name)).cloned().unwrap_or_default();
    let (calls, returned, paired) = (map("@calls"), map("@returned"), map("@paired"));
    let of = |map: &Value, function: &str| map[function].as_u64().unwrap_or(0);
    for (function, ends) in &counted {
        let seen = [of(&calls, function), of(&returned, function), of(&paired, function)];
        assert_eq!(seen, [ends.calls, ends.returned, ends.returned], "{function} {way} {}", summary(&all));
    }
    // Calls are remembered of functions that return.
    let paired = counted.iter().filter(|(f, _)| before[*f].returned > 0);
    let sum = paired.fold(Ends::default(), |sum, (_, ends)| sum.plus(ends));
    let ends = ["unwound", "goexit", "open", "unended", "unpaired", "lost", "missed"];
    let ends = ends.map(|end| summary(&all)[end].as_u64().unwrap());
    assert_eq!(ends, [sum.unwound, sum.exited, 0, 0, 0, 0, 0], "{way} {}", summary(&all));
    counted.values().fold(Ends::default(), Ends::plus)
}

/// Gives it an order, and reads what all its calls came to.
fn ordered(stress: &mut Counter, order: &str) -> BTreeMap<String, Ends> {
    writeln!(stress.orders.as_ref().unwrap(), "{order}").unwrap();
    let lines = std::iter::from_fn(|| Some(stress.answer()).filter(|line| line != "done"));
    lines.map(|line| function(&line)).collect()
}

fn function(line: &str) -> (String, Ends) {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |n: usize| words[n].parse().unwrap();
    let ends = Ends { calls: number(1), returned: number(2), unwound: number(3), exited: number(4) };
    (words[0].to_owned(), ends)
}

/// What was counted meanwhile.
fn since(before: &BTreeMap<String, Ends>, after: &BTreeMap<String, Ends>) -> BTreeMap<String, Ends> {
    let less = |a: &Ends, b: &Ends| Ends {
        calls: a.calls - b.calls,
        returned: a.returned - b.returned,
        unwound: a.unwound - b.unwound,
        exited: a.exited - b.exited,
    };
    after.iter().map(|(function, ends)| (function.clone(), less(ends, &before[function]))).collect()
}

#[test]
fn a_wrapper_that_leaves_by_a_jump_ends_as_often_as_it_begins() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    let path = need!(build(&Fixture::new("stress", "1.26", Variant::Plain).on(arch)));
    let wrapper = "main.(*outer).touch";
    let listed = gospect(&["list", path.to_str().unwrap(), wrapper, "--json", "--sites"]);
    let sites = &documented(listed.stdout.trim())["sites"];
    assert_eq!(sites["tail_jumps"].as_array().unwrap().len(), 1, "{sites}");
    for way in WAYS {
        let mut stress = Counter::start(&path);
        let text = format!(
            "go:{wrapper} {{ @in = count() }} goret:{wrapper} {{ @out = count() }} \
             goret:{wrapper} /elapsed > 0/ {{ @paired = count() }}"
        );
        let tracing = Tracing::start(&["-p", &stress.pid(), "--way", way, "--json", "-e", &text]);
        let calls = ordered(&mut stress, "8 8")[wrapper].calls;
        let all = objects(&tracing.stop());
        let map = |name: &str| all.iter().find_map(|object| object["data"].get(name)).and_then(Value::as_u64);
        assert_eq!([map("@in"), map("@out"), map("@paired")], [Some(calls); 3], "{way} {}", summary(&all));
        let none = ["open", "unended", "unpaired", "foreign", "no_g", "lost", "missed"];
        assert!(none.iter().all(|field| summary(&all)[field] == 0), "{way} {}", summary(&all));
    }
}

#[test]
fn calls_that_assembly_makes_are_paired_on_their_goroutines() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    // What the first instructions of a program call, by wrappers, before there is a goroutine; and what assembly calls on
    // one: R14 is anything there until the wrapper has loaded g.
    let text = "goret:runtime.check, goret:runtime.args, goret:runtime.osinit, goret:runtime.schedinit \
                /elapsed > 0/ { @start[func, goid] = count() } \
                goret:main.leaf /elapsed > 0 && args.a == 3 && args.b == 4/ { @leaf[goid] = count() }";
    for (go, way) in [("1.21", "best"), ("1.27", "best"), ("1.27", "tracefs")] {
        let path = need!(build(&Fixture::new("shapes", go, Variant::Plain).on(arch)));
        let ran = gospect(&["run", "--json", "--way", way, "-e", text, "--", path.to_str().unwrap()]);
        let all = objects(&ran.without_its("shapes done true true true true\n"));
        let map = |name: &str| all.iter().find_map(|object| object["data"].get(name)).cloned().unwrap_or_default();
        let once = ["check", "args", "osinit", "schedinit"].map(|f| (format!("runtime.{f},0"), Value::from(1)));
        assert_eq!(map("@start"), Value::from_iter(once), "{go} {way}");
        assert_eq!(map("@leaf"), json!({"1": 1}), "{go} {way}");
        let none = ["open", "unended", "unpaired", "foreign", "no_g", "lost", "missed"];
        assert!(none.iter().all(|field| summary(&all)[field] == 0), "{go} {way} {}", summary(&all));
    }
}
