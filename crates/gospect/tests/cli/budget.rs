//! What probes may cost: a program under probes that cost too much is soon as quick as it was, and of the others no call
//! is missed.
//!
//! The fixture `busy` calls `main.hot` so often that its probe alone would take several CPUs. How much of a CPU it gets is
//! up to the machine, so budgets are small here, and its speed is what it does in a second of its own CPU time.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::Value;

use crate::run::{Counter, Tracing, WAYS, objects, permitted, summary};
use crate::{Ran, gospect};

/// How long anything may take on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(60);

fn busy() -> Result<Counter, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    Ok(Counter::start(&build(&Fixture::new("busy", "1.26", Variant::Plain).on(arch))?))
}

/// Gives it an order; how often it had called its functions by then, if it says so.
fn order(busy: &mut Counter, order: &str) -> BTreeMap<String, u64> {
    writeln!(busy.orders.as_ref().unwrap(), "{order}").unwrap();
    if order.starts_with("start") {
        return BTreeMap::new();
    }
    let line = busy.answer();
    let words: Vec<&str> = line.split(' ').collect();
    words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect()
}

/// Clock ticks of CPU time that a process has had.
fn ticks(busy: &Counter) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", busy.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Calls of `main.hot` in a tick of its CPU time, over some of them.
fn speed(busy: &mut Counter) -> f64 {
    let (calls, before) = (order(busy, "count")["main.hot"], ticks(busy));
    while ticks(busy) < before + 50 {
        sleep(Duration::from_millis(50));
    }
    (order(busy, "count")["main.hot"] - calls) as f64 / (ticks(busy) - before) as f64
}

/// What it says on standard error until it has said that so often.
fn until_it_says(tracing: &mut Tracing, what: &str, times: usize) -> Vec<String> {
    let (mut said, start) = (Vec::new(), Instant::now());
    while said.iter().filter(|line: &&String| line.contains(what)).count() < times {
        assert!(start.elapsed() < LONG, "{said:?}");
        said.push(tracing.says());
        assert_ne!(said.last().unwrap(), "", "it has ended: {said:?}");
    }
    said
}

/// Of a map that it has shown.
fn counts<'o>(all: &'o [Value], map: &str) -> BTreeMap<&'o str, u64> {
    let found = all.iter().find_map(|object| object["data"][map].as_object());
    found.into_iter().flatten().map(|(key, n)| (key.as_str(), n.as_u64().unwrap())).collect()
}

#[test]
fn a_probe_that_costs_too_much_goes_and_the_program_is_as_quick_as_before() {
    let mut busy = need!(busy());
    for way in WAYS {
        order(&mut busy, "start 2");
        let before = speed(&mut busy);
        let text = "go:main.hot, go:main.cool { @[func] = count() }";
        let args = ["-p", &busy.pid(), "--way", way, "--max-overhead", "2%", "--json", "-e", text];
        let mut tracing = Tracing::within(&args);
        let under = speed(&mut busy);
        let said = until_it_says(&mut tracing, "not probed any more", 1);
        // The other link has to take over.
        sleep(Duration::from_secs(1));
        let after = speed(&mut busy);
        let all = objects(&tracing.stop());
        order(&mut busy, "stop");
        assert!(under < before / 2.0, "its probe costs next to nothing: {before} {under} {after}");
        assert!(after > before * 0.7, "{before} {under} {after}");
        let detached = summary(&all)["detached"].as_array().unwrap();
        let of = |field: &str| &detached[0][field];
        assert_eq!((detached.len(), of("func")), (1, &Value::from("main.hot")), "{detached:?}");
        assert!(of("overhead").as_u64().unwrap() > 2 && said[0].contains(of("why").as_str().unwrap()), "{said:?}");
        assert_eq!(of("hits").as_u64(), counts(&all, "@").get("main.hot").copied());
    }
}

#[test]
fn when_the_last_probe_has_gone_that_is_said_and_the_budget_is_shown_as_it_was_given() {
    let mut busy = need!(busy());
    order(&mut busy, "start 1");
    let text = "go:main.hot { @ = count() } END { printf(\"end\\n\") }";
    let mut tracing = Tracing::within(&["-p", &busy.pid(), "--max-overhead", "0.1%", "--json", "-e", text]);
    let said = until_it_says(&mut tracing, "nothing is probed any more", 1);
    assert!(said[0].contains("of a CPU; the budget is 0.1% (`--max-overhead"), "{said:?}");
    let last = "gospect: nothing is probed any more: what was gathered is shown when the run ends, as by Ctrl-C";
    assert_eq!(said.last().unwrap(), last);
    let all = objects(&tracing.stop());
    assert_eq!(summary(&all)["detached"].as_array().unwrap().len(), 1);
    order(&mut busy, "stop");
}

#[test]
fn calls_of_other_functions_are_exact_though_one_after_the_other_goes() {
    let mut busy = need!(busy());
    let each = "go:main.hot, go:main.warm, go:main.nest, go:main.cool, go:main.inner { @calls[func] = count() } \
                goret:main.hot, goret:main.warm, goret:main.nest, goret:main.cool, goret:main.inner \
                /elapsed + 1 > 0/ { @paired[func] = count() }";
    for way in WAYS {
        let before = order(&mut busy, "count");
        let args = ["-p", &busy.pid(), "--way", way, "--max-overhead", "1%", "--json", "-e", each];
        let mut tracing = Tracing::within(&args);
        order(&mut busy, "start 2");
        until_it_says(&mut tracing, "not probed any more", 2);
        sleep(Duration::from_secs(1));
        let after = order(&mut busy, "stop");
        let all = objects(&tracing.stop());
        let (calls, paired, summary) = (counts(&all, "@calls"), counts(&all, "@paired"), summary(&all));
        let called = |f: &str| after[f] - before[f];
        for f in ["main.cool", "main.inner"] {
            assert_eq!((calls[f], paired[f]), (called(f), called(f)), "{f} {way} {summary}");
        }
        let gone: Vec<&str> =
            summary["detached"].as_array().unwrap().iter().map(|d| d["func"].as_str().unwrap()).collect();
        assert!(gone.contains(&"main.hot") && gone.len() >= 2 && !gone.contains(&"main.cool"), "{gone:?}");
        // What was open ends as detached and as nothing else.
        let without_end: u64 = gone.iter().map(|f| calls[f] - paired[f]).sum();
        let trouble = ["open", "unwound", "goexit", "unended", "unpaired", "lost", "missed"];
        assert_eq!(summary["calls_detached"].as_u64(), Some(without_end), "{way} {summary}");
        assert_eq!(trouble.map(|end| summary[end].as_u64().unwrap()), [0; 7], "{way} {summary}");
    }
}

#[test]
fn nothing_is_under_a_function_any_more_that_is_not_probed_and_that_is_said() {
    let mut busy = need!(busy());
    let before = order(&mut busy, "count");
    let text = "go:main.hot /under(\"main.hot\")/ { @hot = count() } \
                go:main.inner /under(\"main.hot\")/ { @never = count() } \
                go:main.inner /under(\"main.cool\")/ { @inner = count() }";
    let mut tracing = Tracing::within(&["-p", &busy.pid(), "--max-overhead", "2%", "--json", "-e", text]);
    order(&mut busy, "start 2");
    let said = until_it_says(&mut tracing, "under(\"main.hot\") is 0 from here on", 1);
    sleep(Duration::from_secs(1));
    let after = order(&mut busy, "stop");
    let all = objects(&tracing.stop());
    let count = |map: &str| all.iter().find_map(|object| object["data"].get(map)).and_then(Value::as_u64);
    assert!(said.iter().any(|line| line.contains("main.hot is not probed any more")), "{said:?}");
    let cools = after["main.cool"] - before["main.cool"];
    assert_eq!((count("@inner"), count("@never")), (Some(cools), None), "{}", summary(&all));
    assert!(count("@hot").is_some_and(|hot| hot > 0 && hot < after["main.hot"] - before["main.hot"]));
}

#[test]
fn without_a_budget_everything_stays() {
    let mut busy = need!(busy());
    let text = "go:main.hot, go:main.cool { @[func] = count() }";
    let tracing = Tracing::within(&["-p", &busy.pid(), "--max-overhead", "off", "--json", "-e", text]);
    order(&mut busy, "start 2");
    sleep(Duration::from_secs(6));
    let after = order(&mut busy, "stop");
    let ran = tracing.stop();
    assert_eq!(ran.stderr, "");
    let all = objects(&ran);
    let calls = counts(&all, "@");
    assert_eq!((calls["main.hot"], calls["main.cool"]), (after["main.hot"], after["main.cool"]));
    assert_eq!(summary(&all)["detached"].as_array().unwrap().len(), 0);
}

#[test]
fn goroutines_that_cost_too_much_are_not_watched_any_more() {
    need!(permitted());
    let arch = need!(Arch::native().ok_or_else(|| Missing { why: "no machine that gospect knows".into() }));
    let states = Counter::start(&need!(build(&Fixture::new("states", "1.26", Variant::Plain).on(arch))));
    let text = "goroutine:state { @ = count() }";
    let args = ["-p", &states.pid(), "--max-overhead", "0.01%", "--json", "-e", text];
    let mut tracing = Tracing::within(&args);
    // As many as it takes.
    writeln!(states.orders.as_ref().unwrap(), "rounds 1000000").unwrap();
    until_it_says(&mut tracing, "goroutine:* is not probed any more", 1);
    let all = objects(&tracing.stop());
    assert_eq!(summary(&all)["detached"][0]["func"], "goroutine:*", "{}", summary(&all));
}

#[test]
fn what_is_no_budget_is_refused() {
    for wrong in ["", "25", "%", "0%", "nan%", "inf%", "1e9%", "OFF", "1/2"] {
        let Ran { status, stdout, stderr } = gospect(&["run", "--max-overhead", wrong, "-e", "BEGIN { exit() }"]);
        assert_eq!((status, stdout.as_str()), (2, ""), "{wrong}");
        assert!(stderr.contains("--max-overhead") && stderr.contains("such as 25% or 350%, or off"), "{stderr}");
    }
}

/// What a terminal gets on standard error, by script(1).
#[test]
fn a_terminal_shows_the_load_and_nothing_of_it_stays() {
    let mut busy = need!(busy());
    if !Command::new("script").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        return Missing { why: "there is no script(1)".into() }.skip();
    }
    order(&mut busy, "start 2");
    let shown = |more: &str| {
        let gospect = env!("CARGO_BIN_EXE_gospect");
        let run = format!(
            "{gospect} run {more} -p {} --max-overhead off --duration 2 -e 'go:main.cool {{ @ = count() }}' >/dev/null",
            busy.pid()
        );
        let ran = Command::new("script").args(["-qec", &run, "/dev/null"]).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    let loud = shown("");
    assert!(loud.contains(" hits/s, ") && loud.contains("% of a CPU"), "{loud:?}");
    let (_, last) = loud.rsplit_once(" hits/s").unwrap();
    assert!(last.contains("\r\x1b[K") && !shown("-q").contains("hits/s"), "{loud:?}");
}

/// hits, printed, filtered, limited and lost of a script on so many calls of the fixture `counter`.
fn sums(restraint: [&str; 2], way: &str, text: &str) -> ([u64; 5], Vec<Value>) {
    let mut counter = Counter::start(&crate::run::counter_path(Variant::Plain).unwrap());
    let [flag, value] = restraint;
    let tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, flag, value, "--json", "-e", text]);
    counter.calls(2, 2000);
    let all = objects(&tracing.stop());
    let of = |field: &str| summary(&all)[field].as_u64().unwrap();
    (["hits", "printed", "filtered", "limited", "lost"].map(of), all)
}

#[test]
fn a_sample_of_hits_is_shown_and_all_are_counted() {
    need!(permitted());
    for way in WAYS {
        let text = "go:main.hit /args.n % 2 == 0/ { printf(\"%d\\n\", args.n) }";
        let ([hits, printed, filtered, limited, lost], _) = sums(["--sample", "1/10"], way, text);
        assert_eq!((hits, filtered, printed + limited, lost), (4000, 2000, 2000, 0), "{way}");
        assert!((100..400).contains(&printed), "{printed} {way}");
        // A call is shown with its return or not at all.
        let text = "go:main.hit { printf(\"%d %d\\n\", goid, args.n) } \
                    goret:main.hit /elapsed >= 0/ { printf(\"%d %d\\n\", goid, args.n) }";
        let ([hits, printed, _, limited, lost], all) = sums(["--sample", "1/10"], way, text);
        assert_eq!((hits, printed + limited, lost), (8000, 8000, 0), "{way}");
        let lines = all.iter().filter_map(|object| object["data"].as_str());
        let mut each: BTreeMap<&str, u64> = BTreeMap::new();
        lines.for_each(|line| *each.entry(line).or_default() += 1);
        assert!(each.len() > 200 && each.values().all(|&times| times == 2), "{each:?} {way}");
    }
}

#[test]
fn no_more_than_a_rate_is_shown_and_all_are_counted() {
    need!(permitted());
    for way in WAYS {
        let start = Instant::now();
        let text = "go:main.hit { printf(\"%d\\n\", args.n) }";
        let ([hits, printed, _, limited, lost], _) = sums(["--rate", "50/s"], way, text);
        assert_eq!((hits, printed + limited, lost), (4000, 4000, 0), "{way}");
        // A few more where two threads begin a second together.
        let most = 50 * (start.elapsed().as_secs() + 2) + 4;
        assert!(printed >= 50 && printed <= most, "{printed} of {most} {way}");
    }
}

#[test]
fn limits_that_are_none_or_have_nothing_to_limit_are_refused() {
    let refused = |args: &[&str]| {
        let Ran { status, stdout, stderr } = gospect(&[&["run"], args].concat());
        assert_eq!((status, stdout.as_str()), (2, ""), "{args:?} {stderr}");
        stderr
    };
    for wrong in ["", "0/s", "5", "5/m", "1.5/s", "x/s", "99999999999/s"] {
        assert!(refused(&["--rate", wrong, "-e", "go:f { }"]).contains("it is not a rate such as 100/s"));
    }
    for wrong in ["", "0", "1/0", "2/3", "0.1", "1/x", "1/99999999999"] {
        assert!(refused(&["--sample", wrong, "-e", "go:f { }"]).contains("it is not a share of hits such as 1/100"));
    }
    if permitted().is_ok() {
        let said = refused(&["--sample", "1/2", "-e", "BEGIN { } interval:s:1 { }"]);
        expect_test::expect![[r#"
            gospect: `--rate` and `--sample` hold back hits of functions, and the script has no probe on any
            hint: they apply to go:, goret:, uprobe: and uretprobe:; `interval` and `profile` have a rate of their own
        "#]]
        .assert_eq(&said);
    }
}
