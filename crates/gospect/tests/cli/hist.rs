//! `gospect hist`: distributions, held against what a program that measures its own calls says of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use event::bucket::{Log, Scale};
use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};
use serde_json::{Value, json};

use crate::run::{Counter, Tracing, WAYS, objects, permitted, summary};
use crate::{Ran, command, gospect};

fn path(go: &'static str, variant: Variant) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("durations", go, variant).on(arch))
}

fn durations(go: &'static str, variant: Variant) -> Result<Counter, Missing> {
    Ok(Counter::start(&path(go, variant)?))
}

/// What it says of calls of one of its functions.
struct Own {
    returned: u64,
    failed: u64,
    panicked: u64,
    p50: u64,
    p99: u64,
    max: u64,
    total: u64,
}

/// Makes it call its functions.
fn ordered(durations: &mut Counter, goroutines: u32, calls: u32) -> BTreeMap<String, Own> {
    writeln!(durations.orders.as_ref().unwrap(), "{goroutines} {calls}").unwrap();
    let lines: Vec<String> = (0..4).map(|_| durations.answer()).collect();
    let own = lines.iter().map(|line| {
        let (name, numbers) = line.split_once(' ').unwrap();
        let numbers: Vec<u64> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
        let [returned, failed, panicked, _, p50, p99, max, total] = numbers[..] else { panic!("{line}") };
        (name.to_owned(), Own { returned, failed, panicked, p50, p99, max, total })
    });
    own.collect()
}

/// Whatever it costs, since all is to be seen.
fn measuring(durations: &Counter, args: &[&str]) -> Tracing {
    let pid = durations.pid();
    let fixed = ["hist", "--ready-fd", "1", "--max-overhead", "off", "-p", &pid];
    Tracing::of(&mut command(&[&fixed, args].concat()))
}

fn hists(ran: &Ran) -> BTreeMap<String, Value> {
    let all = objects(ran).into_iter().filter(|object| object["type"] == "func_hist");
    all.map(|hist| (hist["func"].as_str().unwrap().to_owned(), hist)).collect()
}

fn bucket(ns: u64) -> u64 {
    Scale::Log(Log::PLAIN).bucket(i64::try_from(ns).unwrap())
}

/// The program measures around each call: what it finds is never less than what is found within, which is never more
/// than 6.25 % too high; and in the middle both are in the same bucket, or side by side.
fn agrees(hist: &Value, own: &Own, what: &str) {
    let number = |name: &str| hist[name].as_u64().unwrap_or_else(|| panic!("{name}: {hist}"));
    let counts = (number("count"), number("errors"), number("unwound"));
    assert_eq!(counts, (own.returned, own.failed, own.panicked), "{what}");
    let buckets = hist["buckets"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap());
    assert_eq!(buckets.sum::<u64>(), own.returned, "{what}");
    for (name, own) in [("p50_ns", own.p50), ("p99_ns", own.p99), ("max_ns", own.max)] {
        assert!(number(name) <= own + own / 16 + 1, "{what}: {name} of {hist} is more than {own}");
    }
    assert!(number("mean_ns") * own.returned <= own.total, "{what}: {hist}");
    // What the probes take is in the program's own measurement, and most of it not in ours.
    let (seen, least) = (bucket(number("p50_ns")), bucket(own.p50.saturating_sub(2 * number("floor_ns"))));
    assert!(seen + 1 >= least, "{what}: the middle of {hist} is far below {}", own.p50);
}

#[test]
fn distributions_are_those_of_the_program_on_every_release_by_either_way() {
    need!(permitted());
    for go in versions() {
        for way in WAYS {
            let mut durations = need!(durations(go, Variant::Plain));
            let functions = ["main.spin", "main.wait", "main.try", "main.count"];
            let measuring = measuring(&durations, &[&["--way", way, "--json"], &functions[..]].concat());
            let own = ordered(&mut durations, 4, 100);
            let ran = measuring.stop();
            let hists = hists(&ran);
            assert_eq!(hists.len(), functions.len(), "{}", ran.seen());
            own.iter().for_each(|(name, own)| agrees(&hists[name], own, &format!("{go} {way} {name}")));
            let all = objects(&ran);
            let sum = summary(&all);
            assert_eq!(
                sum["unwound_by"],
                json!([{"func": "main.try", "unwound": own["main.try"].panicked, "goexit": 0}])
            );
            let hits: u64 = own.values().map(|own| own.returned).sum();
            assert_eq!((&sum["hits"], &sum["lost"], &sum["open"]), (&json!(hits), &json!(0), &json!(0)), "{go} {way}");
        }
    }
}

#[test]
fn sizes_are_counted_instead_and_calls_told_apart_as_asked_for() {
    let mut durations = need!(durations("1.26", Variant::Plain));
    let args = ["--of", "len(args.b)", "--lhist", "0,100,10", "--by", "caller", "--json", "main.count"];
    let measuring = measuring(&durations, &args);
    ordered(&mut durations, 3, 100);
    let ran = measuring.stop();
    let hist = &hists(&ran)["main.count"];
    assert_eq!(
        (&hist["key"], &hist["of"], &hist["count"]),
        (&json!("main.work.func4"), &json!("len(args.b)"), &json!(300))
    );
    let bars: Vec<u64> = hist["buckets"].as_array().unwrap().iter().map(|bar| bar["count"].as_u64().unwrap()).collect();
    assert_eq!((bars, &hist["mean"], &hist["max"]), (vec![30; 10], &json!(49), &json!(99)), "{hist}");
}

#[test]
fn a_condition_chooses_calls_by_what_they_return() {
    let mut durations = need!(durations("1.26", Variant::Plain));
    let measuring = measuring(&durations, &["--if", "rets.1 != nil", "--by", "rets.0", "--json", "main.try"]);
    let own = ordered(&mut durations, 2, 100);
    let ran = measuring.stop();
    let hist = &hists(&ran)["main.try"];
    let failed = own["main.try"].failed;
    assert_eq!((&hist["count"], &hist["errors"], &hist["key"]), (&json!(failed), &json!(failed), &json!(0)), "{hist}");
    assert_eq!(summary(&objects(&ran))["filtered"], json!(own["main.try"].returned - failed));
}

#[test]
fn calls_that_have_no_key_since_they_did_not_return_are_counted_below_the_rows() {
    let mut durations = need!(durations("1.26", Variant::Plain));
    let measuring = measuring(&durations, &["--by", "goid", "main.try", "main.wait"]);
    let own = ordered(&mut durations, 2, 50);
    let shown = measuring.stop().stdout;
    let panicked = own["main.try"].panicked;
    assert!(panicked > 0);
    let told: Vec<&str> = shown.lines().filter(|line| line.contains("in no row")).collect();
    assert_eq!(told, [format!("in no row: {panicked} calls of main.try that a panic ended")], "{shown}");
}

#[test]
fn whether_calls_of_a_stripped_program_fail_is_not_known() {
    let mut durations = need!(durations("1.26", Variant::Stripped));
    let measuring = measuring(&durations, &["--json", "main.try"]);
    let own = ordered(&mut durations, 2, 50);
    let hist = &hists(&measuring.stop())["main.try"];
    let own = &own["main.try"];
    assert_eq!((&hist["count"], &hist["unwound"]), (&json!(own.returned), &json!(own.panicked)), "{hist}");
    assert_eq!(hist["errors"], Value::Null);
}

#[test]
fn why_a_condition_never_knows_whether_calls_failed_is_said_with_a_way_out() {
    let path = need!(path("1.26", Variant::Stripped));
    let traced = |function: &str| {
        let mut durations = Counter::start(&path);
        let args = ["trace", "--ready-fd", "1", "--if", "failed", function, "-p", &durations.pid()];
        let tracing = Tracing::of(&mut command(&args));
        let own = ordered(&mut durations, 2, 50);
        (tracing.stop(), own["main.try"].returned, own["main.try"].failed)
    };
    let (ran, returned, _) = traced("main.try");
    let said = ran.stderr.lines().filter(|line| line.contains("whether calls")).collect::<Vec<_>>().join("\n");
    expect![[r#"
        gospect: whether calls of main.try fail is not known, since nothing says what it returns; a signature behind the name does: 'main.try(n int) error'
        gospect: RETURNED values of goret:main.try could not be read: whether calls of main.try fail is not known, since nothing says what it returns; a signature behind the name does: 'main.try(n int) error'"#]].assert_eq(&said.replace(&returned.to_string(), "RETURNED"));
    let (ran, _, failed) = traced("main.try(n int) (int, error)");
    // What a panic ended is shown whatever the condition says.
    let returned = ran.stdout.lines().filter(|line| line.contains("main.try(") && line.contains(" = ("));
    assert_eq!(returned.count() as u64, failed, "{}", ran.stdout);
    assert!(!ran.stderr.contains("whether calls"), "{}", ran.stderr);
}

#[test]
fn numbers_below_zero_and_numbers_of_frames_stand_behind_a_blank() {
    let path = need!(path("1.26", Variant::Plain));
    let shown =
        |args: &[&str]| gospect(&[args, &["--show-program", path.to_str().unwrap(), "main.try"]].concat()).seen();
    expect![[r#"
        goret:main.try {
            $of = -args.n;
            @values[func] = quantiles($of);
            @bars[func] = lhist($of, -3, 10, 2);
            @total[func] = stats($of);
            @max[func] = max($of);
            if (failed) { @errors[func] = count(); }
        }
        (exit status 0)"#]]
    .assert_eq(&shown(&["hist", "--of", "-args.n", "--lhist", "-3,10,2"]));
    expect![[r#"
        goret:main.try /-args.n < 0/ { call(ustack(3)); }
        (exit status 0)"#]]
    .assert_eq(&shown(&["trace", "--stack", "3", "--if", "-args.n < 0"]));
    expect![[r#"
        gospect: `--lhist` needs a value
        hint: `gospect help hist` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&shown(&["hist", "--lhist", "--live"]));
}

#[test]
fn what_it_runs_can_be_run_by_itself_and_counts_the_same() {
    let path = need!(path("1.26", Variant::Plain));
    let (mut durations, path) = (Counter::start(&path), path.to_str().unwrap());
    let shown = gospect(&["hist", path, "main.wait", "-x", "*.func*", "--by", "goid", "--live", "--show-program"]);
    expect![[r#"
        goret:main.wait, !*.func* {
            $took = elapsed;
            $by1 = goid;
            @values[func, $by1] = quantiles($took);
            @total[func, $by1] = stats($took);
            @max[func, $by1] = max($took);
            if (failed) { @errors[func, $by1] = count(); }
        }
        interval:s:1 { print(@total); print(@max); print(@errors); print(@values); }
        (exit status 0)"#]]
    .assert_eq(&shown.seen());
    let text = gospect(&["hist", path, "main.wait", "--show-program"]).stdout;
    let script = Tracing::start(&["-p", &durations.pid(), "--json", "-e", &text]);
    let measuring = measuring(&durations, &["--json", "main.wait"]);
    let own = ordered(&mut durations, 2, 50);
    let (script, hist) = (objects(&script.stop()), &hists(&measuring.stop())["main.wait"]);
    let of = |map: &str| script.iter().find_map(|object| object["data"][map].get("main.wait")).unwrap().clone();
    assert_eq!((&of("@values")["count"], &hist["count"]), (&json!(own["main.wait"].returned), &of("@total")["count"]));
}

#[test]
fn what_is_wrong_is_said_once() {
    let path = need!(path("1.26", Variant::Plain));
    let path = path.to_str().unwrap();
    let wrong = gospect(&["hist", path, "main.count", "--of", "args.n", "--by", "args.m"]);
    expect![[r#"
        error: `main.count` has no argument `n`
         --> 2:16
          |
        2 |     $of = args.n;
          |                ^
          = help: it has `b` []uint8

        error: `main.count` has no argument `m`
         --> 3:17
          |
        3 |     $by1 = args.m;
          |                 ^
          = help: it has `b` []uint8
        (exit status 2)"#]]
    .assert_eq(&wrong.seen());
    expect![[r#"
        gospect: `1,2` cannot be the value of `--lhist`: it is not least, greatest and width, such as 0,10ms,500us
        hint: `gospect help hist` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&gospect(&["hist", path, "main.count", "--lhist", "1,2"]).seen());
    expect![[r#"
        gospect: `gospect hist` needs a function: a name as Go prints it, or a pattern such as 'main.*'
        hint: `gospect list TARGET` shows every function
        (exit status 2)"#]]
    .assert_eq(&gospect(&["hist", path]).seen());
}
