//! What is called while another function is open on the same goroutine: as often as the program counts that itself,
//! through recursion, panics, ends of goroutines, coroutines, and stacks that move.

use std::collections::BTreeMap;
use std::io::Write;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};
use serde_json::Value;

use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::{Ran, command};

/// What the fixture `stress` counts its calls under, each with its place in the lines.
const OUTERS: [(&str, usize); 3] = [("main.catchFar", 5), ("main.frame", 6), ("main.grow", 7)];

/// Its functions, and the numbers that it tells of each.
type Counted = BTreeMap<String, Vec<u64>>;

fn ordered(stress: &mut Counter, order: &str) -> Counted {
    writeln!(stress.orders.as_ref().unwrap(), "{order}").unwrap();
    let lines = std::iter::from_fn(|| Some(stress.answer()).filter(|line| line != "done"));
    let function = |line: String| {
        let mut words = line.split(' ');
        (words.next().unwrap().to_owned(), std::iter::once(0).chain(words.map(|n| n.parse().unwrap())).collect())
    };
    lines.map(function).collect()
}

/// Has it make calls; how many of each function by one of its numbers.
fn counted(stress: &mut Counter, before: &Counted) -> impl Fn(&str, usize) -> u64 {
    let (before, after) = (before.clone(), ordered(stress, "16 6"));
    move |function, n| after[function][n] - before[function][n]
}

fn stress(go: &'static str, variant: Variant) -> Result<(Counter, Counted), Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    let mut stress = Counter::start(&build(&Fixture::new("stress", go, variant).on(arch))?);
    let before = ordered(&mut stress, "64 4");
    Ok((stress, before))
}

#[test]
fn calls_under_a_function_are_those_that_the_program_makes_there_on_every_release() {
    need!(permitted());
    for go in versions() {
        for (way, variant) in [(WAYS[0], Variant::Plain), (WAYS[1], Variant::Plain), (WAYS[0], Variant::Pie)] {
            let (mut stress, before) = need!(stress(go, variant));
            let points: Vec<String> = before.iter().filter(|(_, n)| n[1] > 0).map(|(f, _)| format!("go:{f}")).collect();
            let points = points.join(", ");
            let clause = |(n, (outer, _)): (usize, &(&str, usize))| {
                format!("{points} /under(\"{outer}\")/ {{ @under{n}[func] = count() }} ")
            };
            let text: String = OUTERS.iter().enumerate().map(clause).collect();
            let any = "{ if (under(\"main.catchFar*\") || under(\"main.frame\")) { @any = count() } }";
            // It jumps back to where it begins: as calls, not as turns, it counts where it is paired.
            let turn = "goret:main.turn /elapsed > 0/ { @turn = count() }";
            let text = format!("{text} {points} {any} {turn}");
            let tracing = Tracing::start(&["-p", &stress.pid(), "--way", way, "--json", "-e", &text]);
            let counted = counted(&mut stress, &before);
            let all = objects(&tracing.stop());
            let map = |name: &str| all.iter().find_map(|object| object["data"].get(name)).cloned().unwrap_or_default();
            let mut sum = 0;
            for (n, (outer, place)) in OUTERS.into_iter().enumerate() {
                let seen = map(&format!("@under{n}"));
                for function in before.keys().filter(|function| before[*function][1] > 0) {
                    let (seen, counted) = (seen[function].as_u64().unwrap_or(0), counted(function, place));
                    assert_eq!(seen, counted, "{function} under {outer}, {go} {way} {variant:?}");
                    sum += counted;
                }
            }
            let none = ["unended", "unpaired", "lost", "missed", "open"];
            assert!(none.iter().all(|field| summary(&all)[field] == 0), "{go} {way} {}", summary(&all));
            let (far, frame) = (map("@under0"), map("@under1"));
            let of = |map: &Value| map.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
            let any = map("@any").as_u64().unwrap();
            assert!(any >= of(&far).max(of(&frame)) && any <= of(&far) + of(&frame), "{any}");
            assert!(sum > 10_000, "{go} {way}: {sum} calls");
        }
    }
}

#[test]
fn a_trace_shows_only_what_is_called_under_a_function_and_the_function_if_it_is_asked_for() {
    need!(permitted());
    for way in WAYS {
        let (mut stress, before) = need!(stress("1.26", Variant::Plain));
        let only = ["--only-under", "main.catchFar", "--json", "--max-overhead", "off", "--way", way];
        let functions = ["main.catchFar", "main.dig", "main.leaf", "main.boom"];
        let pid = stress.pid();
        let args = [&["trace", "--ready-fd", "1", "-p", &pid][..], &functions, &only].concat();
        let tracing = Tracing::of(&mut command(&args));
        let counted = counted(&mut stress, &before);
        let all = objects(&tracing.stop());
        for function in functions {
            let seen = all.iter().filter(|call| call["type"] == "call" && call["func"] == function).count() as u64;
            assert_eq!(seen, counted(function, 5), "{function} {way}");
        }
        let sum = summary(&all);
        let of = |name: &str| sum[name].as_u64().unwrap();
        assert_eq!(of("hits"), functions.iter().map(|f| counted(f, 1)).sum::<u64>(), "{way} {sum}");
        assert_eq!(of("hits"), of("printed") + of("filtered"), "{way} {sum}");
    }
}

#[test]
fn its_program_run_by_itself_shows_the_same() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let typed = ["main.leaf", "--only-under", "main.hit", "--if", "args.n > 1"];
    let lines = |ran: Ran| -> Vec<String> {
        let calls = ran.stdout.lines().skip(1).map(|line| line.get(24..).unwrap_or_default());
        calls.map(|call| call.rsplit_once("  ").map_or(call, |(call, _)| call).to_owned()).collect()
    };
    let mut by_trace = Counter::start(&path);
    let shown =
        Ran::of(command(&[&["trace", "-p", &by_trace.pid(), "--show-program"], &typed[..]].concat()).output().unwrap());
    assert_eq!(shown.stdout, "goret:main.leaf /under(\"main.hit\") && (args.n > 1)/ { call(); }\n");
    let tracing =
        Tracing::of(&mut command(&[&["trace", "--ready-fd", "1", "-p", &by_trace.pid()], &typed[..]].concat()));
    by_trace.calls(1, 4);
    let traced = lines(tracing.stop());
    let mut by_run = Counter::start(&path);
    let tracing = Tracing::start(&["-p", &by_run.pid(), "-e", &shown.stdout]);
    by_run.calls(1, 4);
    assert_eq!(lines(tracing.stop()), traced);
    let leaf = |n: i64| format!("main.leaf(n={n}) = {}", n.wrapping_mul(2_654_435_761) + 1);
    assert_eq!(traced, [2, 2, 3].map(leaf));
}

#[test]
fn calls_stand_in_the_outermost_one_as_they_happen() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let args = ["trace", "--ready-fd", "1", "-p", &counter.pid(), "main.*", "--only-under", "main.hit", "--graph"];
    let tracing = Tracing::of(&mut command(&args));
    counter.calls(1, 2);
    let ran = tracing.stop();
    let calls: Vec<&str> = ran.stdout.lines().skip(1).map(|line| line[24..].split("  =").next().unwrap()).collect();
    let named: Vec<&str> = calls.iter().map(|call| call.split(" = ").next().unwrap()).collect();
    let want = [
        "main.hit(n=0) {",
        "  main.leaf(n=0)",
        "} main.hit",
        "main.hit(n=1) {",
        "  main.leaf(n=2)",
        "  main.leaf(n=1)",
        "} main.hit",
    ];
    assert_eq!(named, want, "{}", ran.stdout);
}

#[test]
fn whoever_names_no_function_is_told() {
    let path = need!(counter_path(Variant::Plain));
    let ran = Ran::of(
        command(&["trace", path.to_str().unwrap(), "main.leaf", "--only-under", "main.hitt"]).output().unwrap(),
    );
    expect_test::expect![[r#"
        error: there is no function `main.hitt`
         --> 1:24
          |
        1 | goret:main.leaf /under("main.hitt")/ { call(); }
          |                        ^^^^^^^^^^^
          = help: did you mean `main.hit`?
        (exit status 1)"#]]
    .assert_eq(&ran.seen());
}
