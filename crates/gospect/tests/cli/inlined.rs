//! Calls that the compiler replaced by the functions' code: where they are is told, and what is shown of them is what the
//! program counts, or refused with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use expect_test::expect;
use gospect_fixtures::load::Service;
use gospect_fixtures::{Arch, Fixture, Variant, build, need, versions};
use serde_json::Value;

use crate::handed_around::{is_unharmed, program};
use crate::run::{Tracing, WAYS, objects, permitted, summary};
use crate::running::Scratch;
use crate::{command, contract, gospect};

mod twins;

const ROUNDS: i64 = 40;

/// How often the fixture `inlined` says that it called a function, and the sum of what with.
type Counted = BTreeMap<String, (i64, i64)>;

fn counted(said: &str) -> Counted {
    let one = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        Some((name, (words.next()?.parse().ok()?, words.next()?.parse().ok()?)))
    };
    said.lines().filter(|line| line.starts_with("main.")).filter_map(one).collect()
}

/// Runs the fixture under `gospect trace`: what it counts, and all that was shown.
fn traced(path: &Path, flags: &[&str]) -> (Counted, Vec<Value>) {
    let rounds = ROUNDS.to_string();
    let all = [&["trace", "--json"], flags, &["--", path.to_str().unwrap(), &rounds]].concat();
    let ran = gospect(&all);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let own = ran.stdout.lines().map(contract::documented);
    (counted(&ran.stderr), own.collect())
}

/// A function's name as the fixture counts it: whatever its type arguments are.
fn plain(name: &str) -> String {
    name.split_once('[').map_or(name.to_owned(), |(name, _)| format!("{name}[...]"))
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// Of each function that was probed wherever it is called, and not refused anywhere, the calls must be those that were
/// counted, and the arguments too where all of them are known. Says how many those are.
fn is_exact(counted: &Counted, all: &[Value], what: &str) -> (BTreeSet<String>, usize) {
    let attached = &all[0];
    let refused =
        attached["skipped"].as_array().unwrap().iter().map(|skipped| plain(skipped["func"].as_str().unwrap()));
    let refused: BTreeSet<String> = refused.collect();
    let calls: Vec<&Value> = all.iter().filter(|object| object["type"] == "call").collect();
    let (mut exact, mut known) = (BTreeSet::new(), 0);
    for (name, &(times, sum)) in counted.iter().filter(|(name, _)| !refused.contains(*name)) {
        let own: Vec<&&Value> = calls.iter().filter(|call| plain(call["func"].as_str().unwrap()) == *name).collect();
        assert_eq!(own.len() as i64, times, "{what}: {name}");
        let args: Option<Vec<i64>> =
            own.iter().map(|call| number(call["args"].as_object()?.values().next()?)).collect();
        if let Some(args) = args {
            assert_eq!(args.iter().sum::<i64>(), sum, "{what}: {name}");
            known += 1;
        }
        exact.insert(name.clone());
    }
    (exact, known)
}

#[test]
fn each_inlined_call_is_shown_once_or_its_place_is_refused() {
    need!(permitted());
    let Some(arch) = Arch::native().filter(|arch| *arch == Arch::Amd64) else { return };
    let mut ever = BTreeSet::new();
    for go in versions() {
        for variant in [Variant::Plain, Variant::Pie] {
            let path = need!(build(&Fixture::new("inlined", go, variant).on(arch)));
            for way in WAYS {
                let what = format!("go{go} {variant:?} {way}");
                let (counted, all) = traced(&path, &["--inlined", "--way", way, "main.*"]);
                assert_eq!(counted.len(), 18, "{what}");
                let (exact, _) = is_exact(&counted, &all, &what);
                assert!(exact.len() >= 6, "{what}: {exact:?}");
                // What begins with a loop, or is worked out in advance, is never shown.
                let shown = |name: &str| all.iter().any(|call| call["type"] == "call" && call["func"] == name);
                assert!(!shown("main.spin"), "{what}");
                let sum = summary(&all);
                assert_eq!((&sum["lost"], &sum["hits"]), (&Value::from(0), &sum["printed"]), "{what}");
                ever.extend(exact);
            }
        }
    }
    assert!(["main.sum", "main.push", "main.logged", "main.guard"].iter().all(|name| ever.contains(*name)), "{ever:?}");
}

#[test]
fn a_service_built_as_usual_shows_its_requests() {
    let scratch = Scratch::new();
    let path = need!(program("gin", Variant::Plain, &scratch));
    let target = path.to_str().unwrap();
    let silent = gospect(&["trace", target, "main.Fibonacci"]);
    assert_eq!(silent.status, 1);
    expect![[r#"
        error: `main.Fibonacci` is inlined wherever it is called, there is no function to probe
         --> 1:7
          |
        1 | goret:main.Fibonacci { call(); }
          |       ^^^^^^^^^^^^^^
          = help: it is inlined into main.main.func1 at main.go:55
          = help: `inlined:main.Fibonacci` sees its calls there; for `gospect trace` that is --inlined
    "#]]
    .assert_eq(&silent.stderr);
    for way in WAYS {
        let mut service = Service::start(&path).unwrap();
        let flags = ["trace", target, "main.Fibonacci", "--inlined", "--json", "--way", way, "--ready-fd", "1"];
        let tracing = Tracing::of(&mut command(&flags));
        let served = service.load(8, Duration::ZERO, Instant::now() + Duration::from_secs(1));
        let all = objects(&tracing.stop());
        is_unharmed(&mut service, &served);
        let calls: Vec<&Value> = all.iter().filter(|object| object["type"] == "call").collect();
        assert_eq!(calls.len() as u64, served.counters.calls, "{way}");
        assert!(calls.iter().all(|call| call["inlined"]["into"] == "main.main.func1" && call["rets"].is_null()));
        let arguments: Option<i64> = calls.iter().map(|call| call["args"]["n"].as_i64()).sum();
        assert_eq!(arguments, Some(served.counters.arguments as i64), "{way}: {}", calls[0]);
        assert_eq!(summary(&all)["lost"], 0, "{way}");
    }
}

/// What the fixture `lasting` says of a call: nanoseconds around it and within it, and how it ended.
type Measured = (u64, u64, String);

/// The calls of each function on each goroutine, in order.
fn measured(said: &str) -> BTreeMap<(u64, String), Vec<Measured>> {
    let one = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [goid, name, around, within, end] = words[..] else { return None };
        let number = |word: &str| word.parse().ok();
        Some(((number(goid)?, name.to_owned()), (number(around)?, number(within)?, end.to_owned())))
    };
    let mut all: BTreeMap<(u64, String), Vec<Measured>> = BTreeMap::new();
    said.lines().filter_map(one).for_each(|(of, call)| all.entry(of).or_default().push(call));
    all
}

#[test]
fn an_inlined_call_lasts_no_longer_than_around_it_and_no_shorter_than_within() {
    need!(permitted());
    let Some(arch) = Arch::native().filter(|arch| *arch == Arch::Amd64) else { return };
    for go in versions() {
        for variant in [Variant::Plain, Variant::Pie] {
            let path = need!(build(&Fixture::new("lasting", go, variant).on(arch)));
            for way in WAYS {
                let what = format!("go{go} {variant:?} {way}");
                let trace = ["trace", "--inlined", "--json", "--way", way, "main.*", "--"];
                let ran = gospect(&[&trace[..], &[path.to_str().unwrap(), "30"]].concat());
                assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
                let all: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
                lasts_as_measured(&measured(&ran.stderr), &all, &what);
                let sum = summary(&all);
                for none in ["lost", "unpaired"] {
                    assert_eq!(sum[none], 0, "{what}: {none}");
                }
            }
        }
    }
}

fn lasts_as_measured(measured: &BTreeMap<(u64, String), Vec<Measured>>, all: &[Value], what: &str) {
    let mut calls: BTreeMap<(u64, String), Vec<&Value>> = BTreeMap::new();
    for call in all.iter().filter(|object| object["type"] == "call" && object["inlined"] != Value::Null) {
        let of = (call["goid"].as_u64().unwrap(), call["func"].as_str().unwrap().to_owned());
        calls.entry(of).or_default().push(call);
    }
    assert!(measured.keys().eq(calls.keys()), "{what}: {measured:?}");
    for (of, own) in measured {
        let shown = calls.get_mut(of).unwrap();
        shown.sort_by_key(|call| call["ts"].as_i64());
        assert_eq!(shown.len(), own.len(), "{what}: {of:?}");
        for (call, (around, within, end)) in shown.iter().zip(own) {
            assert_eq!(call["end"], *end, "{what}: {of:?}");
            assert!(call["rets"].is_null(), "{what}: {of:?}");
            let elapsed = call["elapsed_ns"].as_u64().unwrap();
            // A panic is over when it was recovered, which the program sees sooner.
            let most = if end == "return" { *around } else { u64::MAX };
            assert!((*within..=most).contains(&elapsed), "{what}: {of:?}: {within} <= {elapsed} <= {around} {end}");
        }
    }
}

#[test]
fn how_an_inlined_call_ended_and_how_long_it_took_is_shown() {
    need!(permitted());
    let scratch = Scratch::new();
    let path = need!(program("lasting", Variant::Plain, &scratch));
    let trace = ["trace", "-q", "--inlined", "--depth", "0", "main.guard", "main.inner", "main.outer"];
    let ran = gospect(&[&trace[..], &["--", path.to_str().unwrap(), "2"]].concat());
    let untimed = |line: &String| {
        let (line, took) = line.rsplit_once("  ").unwrap();
        assert!(took.ends_with('s') && took.starts_with(|first: char| first.is_ascii_digit()), "{line}: {took}");
        line.to_owned()
    };
    let lines: BTreeSet<String> = calls(&ran.stdout).iter().map(untimed).collect();
    expect![[r#"
        main.guard(m=&<not captured: depth>, n=0)  panicked: string(<not captured: depth>)
        main.guard(m=&<not captured: depth>, n=1) = <inlined: not available>
        main.inner(m=&<not captured: depth>, n=0) = <inlined: not available>
        main.inner(m=&<not captured: depth>, n=1) = <inlined: not available>
        main.outer(m=&<not captured: depth>, n=0) = <inlined: not available>
        main.outer(m=&<not captured: depth>, n=1) = <inlined: not available>"#]]
    .assert_eq(&lines.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_inlined_call_that_is_open_in_the_end_is_shown_as_open() {
    need!(permitted());
    let scratch = Scratch::new();
    let path = need!(program("lasting", Variant::Plain, &scratch));
    let trace = ["trace", "-q", "--inlined", "--depth", "0", "--duration", "2", "main.stay", "main.sleeps"];
    let ran = gospect(&[&trace[..], &["--", path.to_str().unwrap(), "0", "stay"]].concat());
    expect![[r#"
        main.sleeps(n=1)  still open
        main.stay(m=&<not captured: depth>, n=<inlined: not located>)  still open"#]]
    .assert_eq(&calls(&ran.stdout).join("\n"));
}

#[test]
fn who_only_counts_inlined_calls_leaves_their_ends_to_others() {
    let scratch = Scratch::new();
    let path = need!(program("lasting", Variant::Plain, &scratch));
    for clauses in [
        "inlined:main.guard { @ = count() } inlined:main.guard { call(); }",
        "inlined:main.guard { call(); @ = count() }",
    ] {
        let run = ["run", "--json", "-e", clauses, "--", path.to_str().unwrap(), "30"];
        let ran = gospect(&run);
        let all: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
        let calls: Vec<&Value> = all.iter().filter(|object| object["type"] == "call").collect();
        let sum = summary(&all);
        assert_eq!((&sum["lost"], &sum["unpaired"]), (&Value::from(0), &Value::from(0)), "{clauses}: {sum}");
        assert!(
            !calls.is_empty() && calls.iter().all(|call| call["end"] != "lost" && call["end"] != "open"),
            "{calls:?}"
        );
    }
}

/// Lines of calls without what differs from run to run.
fn calls(stdout: &str) -> Vec<String> {
    stdout.lines().skip(1).filter_map(|line| line.get(24..)).map(str::to_owned).collect()
}

#[test]
fn the_program_that_is_shown_does_the_same() {
    let scratch = Scratch::new();
    let path = need!(program("inlined", Variant::Plain, &scratch));
    let run = [path.to_str().unwrap(), "3"];
    let trace = ["trace", "main.sum", "main.note", "--inlined", "--if", "args.a != 1 || goid == 0", "-q"];
    let refused = gospect(&[&trace[..], &["--"], &run].concat());
    // Only one of them has an `a`.
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    let trace = ["trace", "main.sum", "--inlined", "--if", "args.a != 1", "-q"];
    let shown = gospect(&[&trace[..], &["--show-program", "--"], &run].concat());
    expect![[r#"
        goret:main.sum, inlined:main.sum /args.a != 1/ { call(); }
    "#]]
    .assert_eq(&shown.stdout);
    let traced = gospect(&[&trace[..], &["--"], &run].concat());
    let again = gospect(&[&["run", "-q", "-e", &shown.stdout, "--"][..], &run].concat());
    expect![[r#"
        main.sum(a=0, b=<inlined: not located>) = <inlined: not available>
        main.sum(a=2, b=<inlined: not located>) = <inlined: not available>"#]]
    .assert_eq(&calls(&traced.stdout).join("\n"));
    assert_eq!(calls(&traced.stdout), calls(&again.stdout), "{}{}", traced.stderr, again.stderr);
}

#[test]
fn a_function_that_was_only_called_where_it_was_inlined_is_told_at_the_start_and_after_a_while() {
    let scratch = Scratch::new();
    let path = need!(program("inlined", Variant::Plain, &scratch));
    let target = path.to_str().unwrap();
    let ran = gospect(&["trace", target, "main.sum", "--duration", "6s"]);
    expect![[r#"
        attached 1 probe at 3 sites
        main.sum: inlined into main.round at main.go:163
        hint: `gospect trace --inlined`, or `inlined:FUNC` in a script, shows the calls there
        gospect: nothing was hit in the first 5 seconds; no process that runs the target was found
        gospect: main.sum: no call so far; it was inlined into main.round at main.go:163, where its calls are not seen
        0 hits, 0 printed
        ended by --duration
    "#]]
    .assert_eq(&ran.stderr.replace(target, "PATH"));
}

#[test]
fn explain_shows_where_calls_are_seen_and_why_not() {
    let scratch = Scratch::new();
    let path = need!(program("inlined", Variant::Plain, &scratch));
    let explained = |name: &str| gospect(&["explain", path.to_str().unwrap(), name]).stdout;
    let shown: Vec<String> = ["main.scale", "main.seldom", "main.spin"].map(explained).into();
    let places = shown.concat();
    let untold = |line: &str| line.split(" at ").next().unwrap_or_default().to_owned();
    expect![[r#"
        main.scale inlined into main.round
          probe
          no duration: it only computes
          n int: rax
        main.seldom inlined into main.maybe
          no probe: the compiler may have it worked out whether it is called or not
        main.spin inlined into main.second
          no probe: it begins with a loop, so its first instruction may run more than once in a call"#]]
    .assert_eq(&places.lines().map(untold).collect::<Vec<_>>().join("\n"));
    let json = gospect(&["explain", path.to_str().unwrap(), "main.scale", "--json"]);
    let instance = contract::documented(json.stdout.trim());
    assert_eq!((&instance["type"], &instance["class"]), (&"instance".into(), &"emulated".into()));
}

#[test]
fn calls_in_made_up_programs_are_those_that_their_twins_count() {
    need!(permitted());
    if Arch::native() != Some(Arch::Amd64) {
        return;
    }
    let scratch = Scratch::new();
    let programs = std::env::var("GOSPECT_TWINS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let (mut exact, mut refused) = (0, 0);
    for (seed, go) in (1..=programs).flat_map(|seed| versions().map(move |go| (seed, go))) {
        let twins = twins::made_up(seed);
        let path = need!(twins.build(go, &scratch, &format!("{seed}-{go}")));
        let patterns = ["main.f*", "main.b*", "main.v*", "main.p*"];
        let ran =
            gospect(&[&["trace", "--inlined", "--json"], &patterns[..], &["--", path.to_str().unwrap()]].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let all: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
        // Whatever is seen to end, ends once.
        let sum = summary(&all);
        assert_eq!((&sum["lost"], &sum["unpaired"]), (&0.into(), &0.into()), "seed {seed}, go{go}");
        let unended = |call: &&Value| !["return", "open"].contains(&call["end"].as_str().unwrap());
        assert_eq!(all.iter().filter(|object| object["type"] == "call").find(unended), None, "seed {seed}, go{go}");
        let site = |call: &Value| {
            let at = &call["inlined"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&at["into"]), at["line"].as_u64().unwrap_or_default() as u32, text(&call["func"]))
        };
        let mut seen = BTreeMap::new();
        let calls = all.iter().filter(|object| object["type"] == "call" && object["inlined"] != Value::Null);
        calls.for_each(|call| *seen.entry(site(call)).or_insert(0) += 1);
        // Of a call that left no instruction nothing is known; those that did are refused, or seen.
        let left = gospect(&["list", path.to_str().unwrap(), "main.*", "--inlined", "--json"]);
        let left: BTreeSet<twins::Site> = left
            .stdout
            .lines()
            .map(contract::documented)
            .filter_map(|of| {
                let text = |name: &str| Some(of[name].as_str()?.to_owned());
                Some((text("into")?, of["line"].as_u64()? as u32, text("name")?))
            })
            .collect();
        let skipped: Vec<String> = all[0]["skipped"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of| format!("{} {}", of["func"].as_str().unwrap(), of["why"].as_str().unwrap()))
            .collect();
        for (site, times) in twins.counted(&ran.stderr) {
            let start = format!("{} inlined into {} at main.go:{}:", site.2, site.0, site.1);
            if !left.contains(&site) || skipped.iter().any(|why| why.starts_with(&start)) {
                refused += 1;
                continue;
            }
            assert_eq!(seen.get(&site).copied().unwrap_or(0), times, "seed {seed}, go{go}: {site:?}");
            exact += 1;
        }
    }
    assert!(exact * 3 > refused, "{exact} exact, {refused} refused or gone");
}
