//! `gospect states --summary`: times and counts, held against what a program measures of its own goroutines.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::spawn;
use std::time::Duration;

use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};
use serde_json::{Value, json};

use crate::run::{Counter, Tracing, objects, permitted, summary};
use crate::{Ran, command, gospect};

mod ends;
mod turns;

fn path(program: &'static str, go: &'static str) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new(program, go, Variant::Plain).on(arch))
}

/// What the program says that goroutines of a function spent, by its clock.
#[derive(Debug)]
struct Spent {
    state: String,
    reason: String,
    times: u64,
    ns: u64,
    lived: Option<u64>,
}

/// Makes it do something; what it says of that.
fn ordered(times: &mut Counter, order: &str) -> BTreeMap<String, Spent> {
    writeln!(times.orders.as_ref().unwrap(), "{order}").unwrap();
    let mut all = BTreeMap::<String, Spent>::new();
    loop {
        let line = times.answer();
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["done"] => return all,
            ["spent", function, state, reason, n, ns] => {
                let (times, ns) = (n.parse().unwrap(), ns.parse().unwrap());
                let spent = Spent { state: state.into(), reason: reason.into(), times, ns, lived: None };
                assert!(all.insert(function.to_owned(), spent).is_none());
            }
            ["lived", function, ns] => all.get_mut(function).unwrap().lived = Some(ns.parse().unwrap()),
            _ => panic!("{line}"),
        }
    }
}

/// Whatever it costs, since all is to be seen.
fn watching(times: &Counter, args: &[&str]) -> Tracing {
    let pid = times.pid();
    let fixed = ["states", "--summary", "--json", "--ready-fd", "1", "--max-overhead", "off", "-p", &pid];
    Tracing::of(&mut command(&[&fixed, args].concat()))
}

fn totals(ran: &Ran) -> Vec<Value> {
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let all = objects(ran);
    assert_eq!(
        (&summary(&all)["lost"], &summary(&all)["missed"], &summary(&all)["full"]),
        (&json!(0), &json!(0), &json!([]))
    );
    all.into_iter().filter(|object| object["type"] == "state_total").collect()
}

fn by_function(totals: &[Value]) -> BTreeMap<&str, &Value> {
    totals.iter().map(|total| (total["by"]["function"].as_str().unwrap(), total)).collect()
}

fn ns(total: &Value, state: &str) -> u64 {
    total[format!("{state}_ns")].as_u64().unwrap()
}

fn waiting(total: &Value) -> u64 {
    total["waiting_ns"].as_object().unwrap().values().map(|ns| ns.as_u64().unwrap()).sum()
}

/// All the time that goroutines were there.
fn lived(total: &Value) -> u64 {
    ["running", "runnable", "syscall"].map(|state| ns(total, state)).iter().sum::<u64>() + waiting(total)
}

/// 2 % or 1 ms.
fn slack(ns: u64) -> u64 {
    (ns / 50).max(1_000_000)
}

/// What is not as the program says, as far as it is about time. By its clock a wait ends when the goroutine runs again,
/// so what it was runnable for may belong to it, or not.
fn wrong(function: &str, own: &Spent, total: &Value) -> Option<String> {
    let (runnable, slack) = (ns(total, "runnable"), slack(own.ns));
    let (seen, besides) = match own.state.as_str() {
        "waiting" => (total["waiting_ns"][&own.reason].as_u64().unwrap_or(0), runnable),
        "runnable" => (runnable, 0),
        state => (ns(total, state), runnable),
    };
    let agrees = seen <= own.ns + slack && seen + besides + slack >= own.ns;
    // It is runnable before its first statement.
    let lives = own.lived.is_none_or(|lived_by_clock| {
        let lived = lived(total);
        lived + slack >= lived_by_clock && lived <= lived_by_clock + runnable + slack
    });
    (!agrees || !lives).then(|| format!("{function}: {own:?}, but {total}"))
}

/// What there is to count is exact.
fn counts(own: &Spent, total: &Value, what: &str) {
    let goroutines = if own.state == "runnable" { own.times } else { 1 };
    let seen = ["goroutines", "created", "finished"].map(|name| total[name].as_u64().unwrap());
    assert_eq!(seen, [goroutines; 3], "{what}: {total}");
    let waits = total["waits"][&own.reason].as_u64().unwrap_or(0);
    match own.state.as_str() {
        "waiting" => assert_eq!(waits, own.times, "{what}: {total}"),
        "syscall" => assert!(total["syscalls"].as_u64().unwrap() >= own.times, "{what}: {total}"),
        _ => {}
    }
}

/// How often times may differ because the machine had something else to do between two looks at a clock.
const ATTEMPTS: usize = 5;

fn times_are_those_that_the_program_measures(go: &'static str) {
    let mut times = Counter::start(&need!(path("times", go)));
    let mut last = Vec::new();
    for _ in 0..ATTEMPTS {
        let watching = watching(&times, &[]);
        let own = ordered(&mut times, "round 10");
        let totals = totals(&watching.stop());
        let seen = by_function(&totals);
        let total = |function: &String| *seen.get(function.as_str()).unwrap_or_else(|| panic!("go{go}: no {function}"));
        own.iter().for_each(|(function, own)| counts(own, total(function), &format!("go{go} {function}")));
        last = own.iter().filter_map(|(function, own)| wrong(function, own, total(function))).collect();
        if last.is_empty() {
            return;
        }
    }
    panic!("go{go}: {}", last.join("\n"));
}
on_every_go!(times_are_those_that_the_program_measures);

fn times_of_a_goroutine_add_up_to_how_long_it_was_watched(go: &'static str) {
    let mut states = Counter::start(&need!(path("times", go)));
    let watching = watching(&states, &["--by", "goid"]);
    ordered(&mut states, "crowd 20");
    ordered(&mut states, "round 3");
    let totals = totals(&watching.stop());
    let old: Vec<&Value> = totals.iter().filter(|total| total["created"] == 0 && total["finished"] == 0).collect();
    let run = old.iter().map(|total| lived(total)).max().unwrap();
    // The runtime's own are there too, and never ran.
    assert!(old.len() > 3, "{totals:?}");
    for total in old {
        let off = run - lived(total);
        assert!(off <= run / 100, "go{go}: {off} of {run} ns are missing: {total}");
    }
    let stays: Vec<&Value> = totals.iter().filter(|total| total["by"]["function"] == "main.stays").collect();
    assert_eq!(stays.len(), 20);
    for total in stays {
        assert_eq!((&total["created"], &total["finished"], &total["goroutines"]), (&json!(1), &json!(0), &json!(1)));
        assert!(total["waiting_ns"]["chan receive"].as_u64().unwrap() < run, "{total}");
    }
    ordered(&mut states, "leave");
}
on_every_go!(times_of_a_goroutine_add_up_to_how_long_it_was_watched);

#[test]
fn reasons_and_states_add_up_to_the_same() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    let watching = ["func", "reason", "state"].map(|by| watching(&times, &["--by", by]));
    ordered(&mut times, "round 3");
    let [functions, reasons, states] = watching.map(|watching| totals(&watching.stop()));
    let waits = |totals: &[Value], reason: &str| -> u64 {
        totals.iter().filter_map(|total| total["waits"][reason].as_u64()).sum()
    };
    for reason in ["chan send", "select", "sync.Mutex.Lock"] {
        assert_eq!((waits(&functions, reason), waits(&reasons, reason), waits(&states, reason)), (3, 3, 3), "{reason}");
    }
    let names: Vec<&str> = states.iter().map(|total| total["by"]["state"].as_str().unwrap()).collect();
    assert!(["running", "runnable", "syscall", "waiting"].iter().all(|state| names.contains(state)), "{names:?}");
}

/// The most memory that a process has taken so far, in bytes.
fn most_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

/// `GOSPECT_CROWD=1000000` makes it a million, of which a tenth stays.
#[test]
fn a_crowd_of_goroutines_is_counted_exactly_in_little_memory() {
    let all = std::env::var("GOSPECT_CROWD").map_or(100_000, |all| all.parse::<u64>().unwrap());
    let stay = all / 10;
    let mut times = Counter::start(&need!(path("times", "1.26")));
    let watching = watching(&times, &[]);
    let pid = watching.child.id();
    let most = spawn(move || {
        let mut most = 0;
        while let Some(now) = most_memory(pid) {
            most = now;
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    ordered(&mut times, &format!("crowd {stay}"));
    ordered(&mut times, &format!("pass {}", all - stay));
    let totals = totals(&watching.stop());
    let seen = by_function(&totals);
    let counts =
        |function: &str| ["goroutines", "created", "finished"].map(|name| seen[function][name].as_u64().unwrap());
    assert_eq!(counts("main.stays"), [stay, stay, 0]);
    assert_eq!(counts("main.passes"), [all - stay; 3]);
    let most = most.join().unwrap();
    assert!(most > 0 && most < 200 << 20, "{most} bytes");
    println!("{all} goroutines, of which {stay} stay: {} MB", most >> 20);
}

#[test]
fn what_it_runs_can_be_run_by_itself() {
    let path = need!(path("times", "1.26"));
    let shown = gospect(&["states", path.to_str().unwrap(), "--summary", "--by", "state", "--show-program"]);
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""));
    let mut times = Counter::start(&path);
    let tracing = Tracing::start(&["-p", &times.pid(), "--json", "-e", &shown.stdout]);
    ordered(&mut times, "round 1");
    let ran = tracing.stop();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("running,waiting,select"), "{}", ran.stdout);
}

#[test]
fn what_people_read_fits_a_terminal() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    let pid = times.pid();
    let args = ["states", "--summary", "-q", "--ready-fd", "1", "--max-overhead", "off", "-p", &pid];
    let tracing = Tracing::of(&mut command(&args));
    ordered(&mut times, "round 1");
    let ran = tracing.stop();
    // Which functions are shown state by state depends on how long all took.
    assert!(ran.stdout.contains("  1 goroutine, 1 created, 1 finished\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("main.sleeps\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("COUNT  NEW  OVER  RUNNING  RUNNABLE"), "{}", ran.stdout);
    let longest = ran.stdout.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 100, "{}", ran.stdout);
}

#[test]
fn who_created_whom_is_counted_and_who_was_there_before() {
    for go in ["1.21", "1.27"] {
        let mut times = Counter::start(&need!(path("times", go)));
        ordered(&mut times, "crowd 20");
        let pid = times.pid();
        let args = ["states", "--tree", "--json", "--ready-fd", "1", "--max-overhead", "off", "-p", &pid];
        let tracing = Tracing::of(&mut command(&args));
        ordered(&mut times, "pass 50");
        let ran = tracing.stop();
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
        let edges: Vec<Value> = objects(&ran).into_iter().filter(|object| object["type"] == "state_tree").collect();
        let edge = |function: &str| {
            let found: Vec<&Value> = edges.iter().filter(|edge| edge["function"] == function).collect();
            let [edge] = found[..] else { panic!("go{go}: {function}: {edges:?}") };
            (edge["parent"].as_str(), edge["before"].as_u64().unwrap(), edge["created"].as_u64().unwrap())
        };
        assert_eq!(edge("runtime.main"), (None, 1, 0), "go{go}");
        assert_eq!(edge("main.stays"), (Some("runtime.main"), 20, 0), "go{go}");
        assert_eq!(edge("main.passes"), (Some("runtime.main"), 0, 50), "go{go}");
    }
}

fn only_those_goroutines_count_that_are_chosen(go: &'static str) {
    let mut times = Counter::start(&need!(path("times", go)));
    ordered(&mut times, "crowd 20");
    let flags: [&[&str]; 4] = [
        &["--func", "main.stays", "--func", "main.pass*"],
        &["--func", "main.s*", "--by", "state", "--state", "wait*"],
        &["--goid", "1", "--by", "goid"],
        &["--goid", "1", "--func", "main.*"],
    ];
    let watching = flags.map(|flags| watching(&times, flags));
    ordered(&mut times, "pass 50");
    let own = ordered(&mut times, "round 10");
    let [functions, waiting, first, nobody] = watching.map(|watching| totals(&watching.stop()));
    let seen = by_function(&functions);
    let counts =
        |function: &str| ["goroutines", "created", "finished"].map(|name| seen[function][name].as_u64().unwrap());
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ["main.passes", "main.stays"], "go{go}");
    assert_eq!((counts("main.passes"), counts("main.stays")), ([50; 3], [20, 0, 0]), "go{go}");
    // Those of the crowd wait all the time, of the others each as often as it says.
    let [waiting] = &waiting[..] else { panic!("go{go}: {waiting:?}") };
    assert_eq!((&waiting["by"]["state"], &waiting["goroutines"]), (&json!("waiting"), &json!(20)), "go{go}");
    for function in ["main.sleeps", "main.sends", "main.selects"] {
        let Spent { reason, times, .. } = &own[function];
        assert_eq!(waiting["waits"][reason].as_u64(), Some(*times), "go{go} {function}: {waiting}");
    }
    let [first] = &first[..] else { panic!("go{go}: {first:?}") };
    assert_eq!((&first["by"]["goid"], &first["by"]["function"]), (&json!(1), &json!("runtime.main")), "go{go}");
    assert_eq!(nobody, <[Value; 0]>::default(), "go{go}");
}
on_every_go!(only_those_goroutines_count_that_are_chosen);

#[test]
fn rows_are_chosen_by_reason_and_are_the_same_without_the_others() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    let flags: [&[&str]; 3] = [&[], &["--reason", "chan *"], &["--reason", "chan *", "--func", "main.sends"]];
    let watching = flags.map(|flags| watching(&times, &[&["--by", "reason"], flags].concat()));
    ordered(&mut times, "round 7");
    let [all, chans, sends] = watching.map(|watching| totals(&watching.stop()));
    let rows = |totals: &[Value]| -> BTreeMap<String, Value> {
        let row = |total: &Value| (total["by"]["reason"].as_str().unwrap().to_owned(), total["waits"].clone());
        totals.iter().map(row).filter(|(reason, _)| reason.starts_with("chan ")).collect()
    };
    assert!(all.len() > chans.len() && chans.len() == 2, "{chans:?}");
    assert_eq!(rows(&chans), rows(&all));
    assert_eq!(rows(&sends), BTreeMap::from([("chan send".to_owned(), json!({"chan send": 7}))]));
}

#[test]
fn a_tree_has_only_what_is_chosen_and_who_created_that() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    ordered(&mut times, "crowd 20");
    let pid = times.pid();
    let fixed = ["states", "--tree", "--json", "--ready-fd", "1", "--max-overhead", "off", "-p", &pid];
    let tracing = Tracing::of(&mut command(&[&fixed[..], &["--func", "main.st*"]].concat()));
    ordered(&mut times, "pass 50");
    let edges: Vec<Value> = objects(&tracing.stop()).into_iter().filter(|one| one["type"] == "state_tree").collect();
    let [edge] = &edges[..] else { panic!("{edges:?}") };
    assert_eq!(
        [&edge["function"], &edge["parent"], &edge["before"], &edge["created"]],
        [&json!("main.stays"), &json!("runtime.main"), &json!(20), &json!(0)]
    );
}

#[test]
fn flags_that_mean_nothing_together_are_refused() {
    let refused = |args: &[&str]| gospect(&[&["states", "/bin/true"], args].concat()).seen();
    expect![[r#"
        gospect: `--by` tells times apart, and there are none without `--summary`
        hint: add it
        (exit status 2)"#]]
    .assert_eq(&refused(&["--by", "goid"]));
    expect![[r#"
        gospect: `--parent` is about lines, and `--tree` shows none
        hint: leave one out
        (exit status 2)"#]]
    .assert_eq(&refused(&["--tree", "--parent"]));
    expect![[r#"
        gospect: `--min` chooses changes by how long each took, and `--summary` adds all of them up
        hint: leave one out
        (exit status 2)"#]]
    .assert_eq(&refused(&["--summary", "--min", "1ms"]));
    expect![[r#"
        gospect: `--state` chooses changes of states, and `--tree` shows who created whom
        hint: leave one out; `--func` and `--goid` choose goroutines
        (exit status 2)"#]]
    .assert_eq(&refused(&["--tree", "--summary", "--by", "state", "--state", "waiting"]));
    expect![[r#"
        gospect: `--reason` chooses rows by reason, and rows by func have all of them
        hint: `--summary --by reason --reason …`
        (exit status 2)"#]]
    .assert_eq(&refused(&["--summary", "--reason", "chan *"]));
    expect![[r#"
        gospect: `--state dead`: `--summary --by state` has no such row
        hint: there are `running`, `runnable`, `syscall`, `waiting`
        (exit status 2)"#]]
    .assert_eq(&refused(&["--summary", "--by", "state", "--state", "dead"]));
}
