//! `gospect trace`: every call once, with the values that it had.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Variant, build, need, source};
use serde_json::{Value, json};

use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::{Ran, command};

/// `main.hit` of the fixture `counter`.
fn hit(n: i64) -> i64 {
    let leaf = |n: i64| n.wrapping_mul(2_654_435_761) + 1;
    match n % 3 {
        0 => leaf(n) + 1,
        1 => leaf(n + 1) - leaf(n),
        _ => leaf(n),
    }
}

/// What a number of the contract says, which is a string where it is large.
fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| value.as_str().and_then(|text| text.parse().ok()).expect("a number"))
}

/// Lines of calls, without moment, goroutine and duration.
pub fn untimed(shown: &str) -> Vec<String> {
    let calls = shown.lines().skip(1).map(|line| line.get(24..).unwrap_or_default());
    calls.map(|call| call.rsplit_once("  ").map_or(call, |(call, _)| call).to_owned()).collect()
}

/// Begins to trace.
fn tracing(args: &[&str]) -> Tracing {
    Tracing::of(&mut command(&[&["trace", "--ready-fd", "1"], args].concat()))
}

#[test]
fn each_call_is_shown_once_with_its_argument_and_its_own_result() {
    need!(permitted());
    for variant in [Variant::Plain, Variant::Pie] {
        let path = need!(counter_path(variant));
        for way in WAYS {
            let mut counter = Counter::start(&path);
            let (pid, flags) = (counter.pid(), ["--way", way, "--json", "main.hit", "main.deep"]);
            let tracing = tracing(&[&["-p", &pid][..], &flags].concat());
            let (hits, deeps) = counter.calls(4, 500);
            let all = objects(&tracing.stop());
            let calls = |of: &str| -> Vec<&Value> { all.iter().filter(|call| call["func"] == of).collect() };
            assert_eq!((calls("main.hit").len() as u64, calls("main.deep").len() as u64), (hits, deeps), "{way}");
            let mut seen = BTreeMap::new();
            for call in calls("main.hit") {
                let n = number(&call["args"]["n"]);
                assert_eq!(number(&call["rets"]["~r0"]), hit(n), "{call}");
                *seen.entry(n).or_insert(0) += 1;
            }
            assert_eq!(seen, (0..500).map(|n| (n, 4)).collect(), "{way}");
            // Each stands in the one that called it, of its goroutine.
            let by_depth = calls("main.deep").into_iter().all(|call| {
                (number(&call["args"]["n"]) + number(&call["depth"])) == 100 && call["rets"]["~r0"] == call["args"]["n"]
            });
            assert!(by_depth && calls("main.deep").iter().all(|call| call["end"] == "return"), "{way}");
            let sum = summary(&all);
            assert_eq!((&sum["hits"], &sum["printed"]), (&json!(hits + deeps), &json!(hits + deeps)), "{way}");
            assert_eq!((&sum["lost"], &sum["open"], &sum["unpaired"]), (&json!(0), &json!(0), &json!(0)), "{way}");
        }
    }
}

#[test]
fn a_target_that_is_named_twice_is_told_of() {
    let path = need!(counter_path(Variant::Plain));
    let shown = path.to_str().unwrap();
    let run = |args: &[&str]| crate::gospect(&[&["trace"], args].concat()).seen().replace(shown, "./app");
    expect![[r"
        gospect: `./app` is a file, not a function: the target is the command behind `--`, `./app`
        hint: `gospect trace main.hit -- ./app -v`
        (exit status 2)"]]
    .assert_eq(&run(&[shown, "main.hit", "--", shown, "-v"]));
    expect![[r"
        gospect: `./app` is a file, not a function: the target is named already
        hint: leave it out: `gospect trace … main.hit`
        (exit status 2)"]]
    .assert_eq(&run(&["-p", "1", shown, "main.hit"]));
    expect![[r"
        gospect: `main.hit` is no file, and `./app` is: TARGET comes before FUNC
        hint: `gospect trace ./app main.hit`
        (exit status 2)"]]
    .assert_eq(&run(&["main.hit", shown]));
}

#[test]
fn what_a_condition_refuses_is_counted_whether_it_was_known_at_once_or_at_the_end() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    for (condition, wanted) in [
        ("args.n < 10", (0..10).collect::<Vec<i64>>()),
        ("rets.0 % 2 == 0", (0..100).filter(|&n| hit(n) % 2 == 0).collect()),
        ("args.n < 50 && ret % 2 == 0", (0..50).filter(|&n| hit(n) % 2 == 0).collect()),
    ] {
        let mut counter = Counter::start(&path);
        let tracing = tracing(&["-p", &counter.pid(), "--json", "main.hit", "--if", condition]);
        counter.calls(1, 100);
        let all = objects(&tracing.stop());
        let calls = all.iter().filter(|call| call["type"] == "call");
        assert_eq!(calls.map(|call| number(&call["args"]["n"])).collect::<Vec<_>>(), wanted, "{condition}");
        let sum = summary(&all);
        let [hits, printed, filtered, lost] = ["hits", "printed", "filtered", "lost"].map(|name| number(&sum[name]));
        assert_eq!((printed, lost), (wanted.len() as i64, 0), "{condition}");
        assert_eq!((hits, printed + filtered), (100, 100), "{condition}: {sum}");
    }
}

#[test]
fn when_more_comes_than_can_be_kept_all_calls_are_accounted_for() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let tracing = tracing(&["-p", &counter.pid(), "--json", "--max-overhead", "off", "main.hit", "--if", "ret != 1"]);
    // Nobody takes records out of the ring meanwhile.
    tracing.signal("-STOP");
    let (hits, _) = counter.calls(4, 50_000);
    tracing.signal("-CONT");
    let all = objects(&tracing.stop());
    let sum = summary(&all);
    let [printed, filtered, limited, open, lost] =
        ["printed", "filtered", "limited", "open", "lost"].map(|name| number(&sum[name]));
    assert_eq!(number(&sum["hits"]), hits as i64, "{sum}");
    assert_eq!(printed + filtered + limited + open + lost, hits as i64, "{sum}");
    assert!(lost > 0 && printed > 0, "{sum}");
    let ends = |end: &str| all.iter().filter(|call| call["end"] == end).count() as i64;
    assert_eq!((ends("return"), ends("open")), (printed, 0), "{sum}");
    assert!(ends("lost") <= lost, "{sum}");
}

#[test]
fn who_called_is_told_where_that_is_asked_for() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let tracing = tracing(&["-p", &counter.pid(), "--json", "main.hit", "--stack"]);
    counter.calls(2, 50);
    let all = objects(&tracing.stop());
    let stacks: Vec<&Value> = all.iter().filter(|call| call["type"] == "call").map(|call| &call["stack"]).collect();
    let names = |stack: &Value| -> Vec<String> {
        let frames = stack.as_array().expect("a stack").iter().map(|frame| frame.as_str().unwrap_or_default());
        frames.map(|frame| frame.split('+').next().unwrap_or_default().to_owned()).collect()
    };
    let whole = ["main.hit", "main.work", "main.main.func1", "runtime.goexit"];
    let inlined = ["main.hit", "main.work (inlined)", "main.main.func1", "runtime.goexit"];
    assert_eq!(stacks.len(), 100);
    let known = |stack: &&Value| [whole, inlined].iter().any(|known| names(stack) == known);
    assert!(stacks.iter().all(known), "{:?}", stacks[0]);
    // The same with places: those where the source has these calls.
    let source = std::fs::read_to_string(source("counter").join("main.go")).unwrap();
    let line = |of: &str| source.lines().position(|line| line.contains(of)).unwrap() + 1;
    let framed = |call: &Value| -> Vec<(String, u64, bool)> {
        let frames = call["frames"].as_array().expect("frames").iter();
        assert!(frames.clone().take(3).all(|frame| frame["file"].as_str().unwrap().ends_with("/main.go")), "{call}");
        let one = |frame: &Value| {
            let inlined = frame["inlined"].as_bool().unwrap();
            (frame["func"].as_str().unwrap().to_owned(), frame["line"].as_u64().unwrap(), inlined)
        };
        frames.take(3).map(one).collect()
    };
    for call in all.iter().filter(|call| call["type"] == "call") {
        let frames = framed(call);
        let inlined = frames[1].2;
        let places = [
            ("main.hit", "func hit(", false),
            ("main.work", "\t\thit(n)", inlined),
            ("main.main.func1", "work(calls)", false),
        ];
        let want = places.map(|(func, at, inlined)| (func.to_owned(), line(at) as u64, inlined));
        // Where it is entered, the line is that of the function or one of its first.
        assert_eq!((&frames[0].0, &frames[1..]), (&want[0].0, &want[1..]), "{call}");
    }
}

#[test]
fn who_called_stands_below_a_call_with_file_and_line() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let tracing = tracing(&["-p", &counter.pid(), "main.leaf", "--stack"]);
    counter.calls(1, 1);
    let shown = tracing.stop().stdout;
    let lines: Vec<&str> = shown.lines().skip(2).map(str::trim_start).collect();
    let functions: Vec<&str> = lines.iter().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(functions, ["main.leaf", "main.hit", "main.work", "main.main.func1", "runtime.goexit"], "{shown}");
    assert!(lines[1].ends_with("  main.go:32") && lines[4].contains("  asm_amd64.s:"), "{shown}");
    for (wanted, last) in [("--stack=1", "main.leaf"), ("--stack=2", "main.hit")] {
        let tracing =
            Tracing::of(command(&["trace", "-p", &counter.pid(), "--ready-fd", "1"]).args(["main.leaf", wanted]));
        counter.calls(1, 1);
        let shown = tracing.stop().stdout;
        assert!(shown.lines().last().unwrap().trim_start().starts_with(last), "{wanted}: {shown}");
    }
}

#[test]
fn its_program_run_by_itself_shows_the_same() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    // When these end, and whether that is seen, depends on when we do.
    let except = ["-x", "main.work*", "-x", "main.main*"];
    let args = [&["trace", path.to_str().unwrap(), "main.*", "--show-program"], &except[..]].concat();
    let shown = Ran::of(command(&args).output().unwrap());
    assert_eq!(shown.stdout, "goret:main.*, !main.work*, !main.main* { call(); }\n");
    let lines = |ran: Ran| untimed(&ran.stdout);
    let mut by_trace = Counter::start(&path);
    let tracing = tracing(&[&["-p", &by_trace.pid(), "main.*"], &except[..]].concat());
    by_trace.calls(1, 5);
    let traced = lines(tracing.stop());
    let mut by_run = Counter::start(&path);
    let text = shown.stdout.trim();
    let tracing = Tracing::start(&["-p", &by_run.pid(), "-e", text]);
    by_run.calls(1, 5);
    assert_eq!(lines(tracing.stop()), traced);
    assert!(traced.contains(&format!("main.hit(n=4) = {}", hit(4))), "{traced:?}");
}

#[test]
fn how_its_program_is_to_be_looked_at_stands_below_it() {
    let path = need!(counter_path(Variant::Plain));
    let said = |flags: &[&str]| {
        let args = [&["trace", path.to_str().unwrap(), "main.hit", "--show-program"], flags].concat();
        Ran::of(command(&args).output().unwrap()).seen()
    };
    let flags = ["--max-depth", "3", "--strlen", "9", "--redact", "key*", "--sample", "1/5"];
    expect![[r#"
        goret:main.hit { call(); }
        // with: gospect run --max-depth 3 --strlen 9 --sample 1/5 --redact 'key*'
        (exit status 0)"#]]
    .assert_eq(&said(&flags));
    expect![[r#"
        goret:main.hit { call(); }
        // with: gospect run --entry --no-redact
        (exit status 0)"#]]
    .assert_eq(&said(&["--entry", "--no-redact"]));
    expect![[r#"
        error: `main.hit` has no argument `m`
         --> 1:22
          |
        1 | goret:main.hit /args.m > 1/ { call(); }
          |                      ^
          = help: it has `n` int
        (exit status 2)"#]]
    .assert_eq(&said(&["--if", "args.m > 1"]));
    // What stands below is a remark to whoever reads the program.
    let text = said(&["--graph"]);
    let checked = command(&["run", "--emit", "ast", "-e", text.rsplit_once('(').unwrap().0]).output().unwrap();
    assert!(checked.status.success(), "{text}");
}

#[test]
fn functions_that_a_condition_does_not_fit_are_left_out_once() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    let path = need!(build(&Fixture::new("panics", "1.26", Variant::Plain).on(arch)));
    let mut program = Counter::start(&path);
    let (pid, functions) = (program.pid(), ["main.inner", "main.re*", "main.*e"]);
    let tracing = tracing(&[&["-p", &pid, "--json", "--if", "args.way == \"text\""][..], &functions].concat());
    program.end();
    let all = objects(&tracing.ended());
    let skipped = all[0]["skipped"].as_array().unwrap();
    let told: Vec<String> =
        skipped.iter().map(|skipped| format!("{}: {}\n", skipped["func"], skipped["why"])).collect();
    expect![[r#"
        "main.replace": "`main.replace` has no argument `way`"
        "main.repeat": "`main.repeat` has no argument `way`"
        "main.replace": "another attach point of the same clause has it already"
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn calls_stand_within_calls_as_they_happen() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let tracing = tracing(&["-p", &counter.pid(), "main.deep", "--max-depth", "2"]);
    counter.calls(1, 1);
    let shown = tracing.stop().stdout;
    let calls = untimed(&shown);
    assert_eq!(calls, ["main.deep(n=100) {", "  main.deep(n=99) = 99", "} main.deep = 100"], "{shown}");
}

#[test]
fn whoever_asks_for_nothing_is_told_what_to_type() {
    let said = |args: &[&str]| Ran::of(command(args).output().unwrap()).seen();
    assert_eq!(
        said(&["trace"]),
        "gospect: `gospect trace` needs a TARGET: the path of a program, `-p PID`, or a command behind `--`\n\
         hint: `gospect ps` shows the Go processes that are running\n(exit status 2)"
    );
    assert_eq!(
        said(&["trace", "./app"]),
        "gospect: `gospect trace` needs a function: a name as Go prints it, or a pattern such as 'main.*'\n\
         hint: `gospect list TARGET` shows every function\n(exit status 2)"
    );
    assert_eq!(
        said(&["trace", "./app", "main.f", "--strlen", "5000"]),
        "gospect: `5000` cannot be the value of `--strlen`: it is not a number from 1 to 4000\n\
         hint: `gospect help trace` shows what can be typed\n(exit status 2)"
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    need!(permitted());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let mut command = command(&["trace", "-p", &counter.pid(), "main.hit", "--ready-fd", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut ready = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    drop(child.stdout.take());
    counter.calls(1, 1000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    std::io::stdout().flush().unwrap();
    assert_eq!(counter.calls(1, 10).0, 1010);
}
