//! `gospect states --summary` where watching all the time would cost more than is allowed: what it says is true of the time
//! in which it watched.

use std::time::Instant;

use super::*;

/// Those that stay, whatever the others do.
const CROWD: u64 = 20;
/// So long goroutines come and go.
const BUSY: Duration = Duration::from_secs(8);

/// So little is allowed that nobody could watch all the time.
fn within(target: &[&str], flags: &[&str]) -> Tracing {
    let fixed = ["states", "--summary", "--json", "--ready-fd", "1", "--max-overhead", "30%"];
    Tracing::of(&mut command(&[&fixed, flags, target].concat()))
}

/// Makes goroutines that end at once, for a while; how many.
fn pass(times: &mut Counter) -> u64 {
    const MANY: u64 = 20_000;
    let (start, mut all) = (Instant::now(), 0);
    while start.elapsed() < BUSY {
        ordered(times, &format!("pass {MANY}"));
        all += MANY;
    }
    all
}

/// What it told, and for how long it watched, by its own account.
fn told(ran: &Ran) -> (Vec<Value>, u64) {
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let said = |what: &str| ran.stderr.lines().filter(|line| line.contains(what)).count();
    let once =
        ["% of a CPU, the budget is 30%: it is done by turns from here on", "goroutines were watched for "].map(said);
    assert_eq!(once, [1, 1], "{}", ran.stderr);
    let all = objects(ran);
    let summary = summary(&all);
    let of = |name: &str| summary["turns"][name].as_u64().unwrap();
    assert!(of("turns") >= 2 && of("watched_ns") < of("of_ns") / 2, "{summary}");
    assert_eq!((&summary["detached"], &summary["full"], &summary["lost"]), (&json!([]), &json!([]), &json!(0)));
    let watched = of("watched_ns");
    (all.into_iter().filter(|object| object["type"] == "state_total").collect(), watched)
}

/// 1 %, or what may pass in each turn before all that there is was put in.
fn is_as_long(seen: u64, watched: u64) -> bool {
    seen <= watched + watched / 100 && seen + watched / 100 + 20_000_000 >= watched
}

#[test]
fn each_function_has_the_times_of_the_turns() {
    for go in ["1.21", "1.27"] {
        let mut times = Counter::start(&need!(path("times", go)));
        ordered(&mut times, &format!("crowd {CROWD}"));
        let watching = within(&["-p", &times.pid()], &[]);
        let passed = pass(&mut times);
        let (totals, watched) = told(&watching.stop());
        let all = by_function(&totals);
        let of = |function: &str, what: &str| all[function][what].as_u64().unwrap();
        let stay = all["main.stays"];
        let waited = stay["waiting_ns"]["chan receive"].as_u64().unwrap();
        assert!(is_as_long(waited / CROWD, watched), "go{go}: {watched} ns, {stay}");
        assert_eq!(["goroutines", "created"].map(|what| of("main.stays", what)), [CROWD, 0], "go{go}: {stay}");
        assert!(is_as_long(lived(all["runtime.main"]), watched), "go{go}: {watched} ns, {}", all["runtime.main"]);
        let created = of("main.passes", "created");
        assert!(created > 0 && created < passed / 2, "go{go}: {created} of {passed}");
        // Where a turn begins and ends some are on their way.
        assert!(of("main.passes", "finished").abs_diff(created) < created / 4, "go{go}: {}", all["main.passes"]);
    }
}

/// Such processes are known to programs by other numbers than those that were there before.
#[test]
fn a_process_that_comes_later_is_watched_by_turns_too_goroutine_by_goroutine() {
    let path = need!(path("times", "1.26"));
    let watching = within(&[path.to_str().unwrap()], &["--by", "goid", "--func", "main.stays"]);
    let mut times = Counter::start(&path);
    ordered(&mut times, &format!("crowd {CROWD}"));
    pass(&mut times);
    let (totals, watched) = told(&watching.stop());
    assert_eq!(totals.len() as u64, CROWD, "{totals:?}");
    for total in &totals {
        assert!(is_as_long(lived(total), watched), "{watched} ns, {total}");
        assert_eq!((&total["goroutines"], &total["created"]), (&json!(1), &json!(1)), "{total}");
    }
}
