//! `gospect states --summary` where watching all the time would cost more than is allowed: what it says is true of the time
//! in which it watched.

use std::thread::sleep;
use std::time::Instant;

use super::*;
use crate::running::Scratch;

/// Those that stay, whatever the others do.
const CROWD: u64 = 20;
/// How long anything may take on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(60);

/// So little is allowed that nobody could watch all the time.
fn within(target: &[&str], flags: &[&str]) -> Tracing {
    let fixed = ["states", "--json", "--ready-fd", "1", "--max-overhead", "30%"];
    Tracing::of(&mut command(&[&fixed, flags, target].concat()))
}

/// How many links of probes it holds: one less, or some, while it rests.
fn links(watching: &Tracing) -> usize {
    let all = fs::read_dir(format!("/proc/{}/fdinfo", watching.child.id())).unwrap();
    let texts = all.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    texts.filter(|text| text.contains("uprobe_multi") || text.contains("link_type:\tperf")).count()
}

/// Whether it rests.
#[derive(PartialEq, Clone, Copy)]
enum Does {
    Watch,
    Rest,
}

/// Makes goroutines that end at once until it does that; how many.
fn pass_until(does: Does, watching: &Tracing, times: &mut Counter) -> u64 {
    const MANY: u64 = 20_000;
    let (start, watched, mut all) = (Instant::now(), links(watching), 0);
    while (links(watching) < watched) != (does == Does::Rest) || all == 0 {
        assert!(start.elapsed() < LONG);
        ordered(times, &format!("pass {MANY}"));
        all += MANY;
        if does == Does::Watch && links(watching) > watched {
            break;
        }
    }
    all
}

/// As long as it takes for a turn, a rest and another turn, which goes on.
fn pass(watching: &Tracing, times: &mut Counter) -> u64 {
    pass_until(Does::Rest, watching, times) + pass_until(Does::Watch, watching, times)
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
    assert!(of("turns") >= 1 && of("watched_ns") < of("of_ns"), "{summary}");
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
        let watching = within(&["-p", &times.pid()], &["--summary"]);
        let passed = pass(&watching, &mut times);
        let (totals, watched) = told(&watching.stop());
        let all = by_function(&totals);
        let of = |function: &str, what: &str| all[function][what].as_u64().unwrap();
        let stay = all["main.stays"];
        let waited = stay["waiting_ns"]["chan receive"].as_u64().unwrap();
        assert!(is_as_long(waited / CROWD, watched), "go{go}: {watched} ns, {stay}");
        assert_eq!(["goroutines", "created"].map(|what| of("main.stays", what)), [CROWD, 0], "go{go}: {stay}");
        assert!(is_as_long(lived(all["runtime.main"]), watched), "go{go}: {watched} ns, {}", all["runtime.main"]);
        let created = of("main.passes", "created");
        assert!(created > 0 && created < passed, "go{go}: {created} of {passed}");
        let all_passed = of("main.passes", "goroutines");
        assert!(all_passed >= created && all_passed < passed, "go{go}: {}", all["main.passes"]);
    }
}

/// Such processes are known to programs by other numbers than those that were there before.
#[test]
fn a_process_that_comes_later_is_watched_by_turns_too_goroutine_by_goroutine() {
    let path = need!(path("times", "1.26"));
    let watching = within(&[path.to_str().unwrap()], &["--summary", "--by", "goid", "--func", "main.stays"]);
    let mut times = Counter::start(&path);
    let pid: u64 = times.pid().parse().unwrap();
    ordered(&mut times, &format!("crowd {CROWD}"));
    pass(&watching, &mut times);
    let (totals, watched) = told(&watching.stop());
    // Other tests may run the same program.
    let own: Vec<&Value> = totals.iter().filter(|total| total["by"]["pid"] == json!(pid)).collect();
    assert_eq!(own.len() as u64, CROWD, "{totals:?}");
    for total in own {
        let before = watched - lived(total).min(watched);
        assert!(lived(total) <= watched + watched / 100 && before < 1_000_000_000, "{watched} ns, {total}");
        assert_eq!((&total["goroutines"], &total["created"]), (&json!(1), &json!(1)), "{total}");
    }
}

/// A copy of the program that is another file, though its addresses are the same.
fn other(scratch: &Scratch, path: &Path) -> PathBuf {
    let other = scratch.copy(path, "other");
    fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"\n").unwrap();
    other
}

#[test]
fn each_of_several_programs_has_its_own_goroutines_in_every_turn() {
    let (scratch, path) = (Scratch::new(), need!(path("times", "1.26")));
    let mut both = [scratch.copy(&path, "times"), other(&scratch, &path)].map(|path| Counter::start(&path));
    both.iter_mut().for_each(|times| assert!(ordered(times, &format!("crowd {CROWD}")).is_empty()));
    let pids = [both[0].pid(), both[1].pid()];
    let watching = within(&["-p", &pids[0], "-p", &pids[1]], &["--summary", "--by", "goid", "--func", "main.stays"]);
    pass(&watching, &mut both[0]);
    let (totals, watched) = told(&watching.stop());
    for pid in pids.map(|pid| pid.parse::<u64>().unwrap()) {
        let own: Vec<&Value> = totals.iter().filter(|total| total["by"]["pid"] == json!(pid)).collect();
        assert_eq!(own.len() as u64, CROWD, "{totals:?}");
        assert!(own.iter().all(|total| is_as_long(lived(total), watched)), "{watched} ns, {own:?}");
    }
}

#[test]
fn a_program_that_is_gone_is_not_probed_in_later_turns() {
    let (scratch, path) = (Scratch::new(), need!(path("times", "1.26")));
    let file = scratch.copy(&path, "times");
    let mut first = Counter::start(&file);
    ordered(&mut first, &format!("crowd {CROWD}"));
    let watching = within(&[file.to_str().unwrap()], &["--summary"]);
    pass_until(Does::Rest, &watching, &mut first);
    // Another file in its place, of which a process comes while nobody watches.
    fs::rename(other(&scratch, &path), &file).unwrap();
    let mut second = Counter::start(&file);
    ordered(&mut second, &format!("crowd {CROWD}"));
    first.end();
    let (start, rests) = (Instant::now(), links(&watching));
    while links(&watching) <= rests {
        assert!(start.elapsed() < LONG);
        ordered(&mut second, "pass 20000");
    }
    sleep(Duration::from_millis(400));
    let ran = watching.stop();
    assert_eq!(ran.stderr.matches("its probes are taken out").count(), 1, "{}", ran.stderr);
    let (totals, _) = told(&ran);
    let left = by_function(&totals)["main.stays"]["goroutines"].as_u64().unwrap();
    assert_eq!(left, CROWD, "{totals:?}");
}

#[test]
fn a_run_that_ends_while_it_rests_tells_of_the_last_turn() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    ordered(&mut times, &format!("crowd {CROWD}"));
    let watching = within(&["-p", &times.pid()], &["--summary", "--tree"]);
    pass_until(Does::Rest, &watching, &mut times);
    times.end();
    let ran = watching.ended();
    let (totals, watched) = told(&ran);
    let stay = by_function(&totals)["main.stays"];
    assert_eq!(stay["goroutines"], json!(CROWD), "{stay}");
    assert!(is_as_long(lived(stay) / CROWD, watched), "{watched} ns, {stay}");
    let all = objects(&ran);
    assert_eq!(summary(&all)["ended_by"], "process");
    assert!(all.iter().any(|object| object["type"] == "state_tree"), "{all:?}");
}
