//! `gospect states`, held against what a program says of its own goroutines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Stdio;

use expect_test::expect;
use gospect_fixtures::{Variant, need, on_every_go};
use serde_json::Value;

use crate::goroutines::{Did, States, states};
use crate::run::{Tracing, summary};
use crate::{Ran, command, contract, gospect};

/// `gospect states`, whatever it costs, since all is to be seen.
fn watching(args: &[&str]) -> Tracing {
    Tracing::of(&mut command(&[&["states", "--ready-fd", "1", "--max-overhead", "off"], args].concat()))
}

fn objects(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(contract::documented).collect()
}

/// The changes, goroutine by goroutine.
fn by_goroutine(objects: &[Value]) -> BTreeMap<u64, Vec<&Value>> {
    let mut all: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for object in objects.iter().filter(|object| object["type"] == "state") {
        all.entry(object["goid"].as_u64().unwrap()).or_default().push(object);
    }
    all
}

/// What gospect says that goroutines did which began with functions of the program's own, but for main.
fn seen(objects: &[Value]) -> Did {
    let mut did = Did::default();
    for change in objects.iter().filter(|object| object["type"] == "state") {
        let Some(function) = change["function"].as_str().filter(|name| name.starts_with("main.")) else { continue };
        let reason = change["reason"].as_str().unwrap_or_default();
        match (change["from"].as_str().unwrap(), change["to"].as_str().unwrap()) {
            ("dead", _) => {
                assert_eq!(change["for_ns"], 0, "{change}");
                did.born.insert(format!("{} {} {function}", change["goid"], change["parent"]));
            }
            (_, "waiting") => *did.waits.entry(format!("{function},{reason}")).or_default() += 1,
            (_, "syscall") => *did.syscalls.entry(function.to_owned()).or_default() += 1,
            (_, "dead") => *did.over.entry(function.to_owned()).or_default() += 1,
            ("waiting", _) if reason == "sleep" => {
                *did.slept.entry(function.to_owned()).or_default() += change["for_ns"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    // Only the waits for its mutex are known beforehand.
    did.waits.remove("main.locks,chan receive");
    did
}

/// Each change of a goroutine begins where the one before ended, in state and in time.
pub fn assert_chained(objects: &[Value], what: &str) {
    for (goid, changes) in by_goroutine(objects) {
        for pair in changes.windows(2) {
            let [before, after] = pair else { unreachable!("these are windows of two") };
            if before["to"] == "dead" {
                continue;
            }
            assert_eq!(before["to"], after["from"], "{what}: goroutine {goid}: {before} {after}");
            let took = after["ts"].as_i64().unwrap() - before["ts"].as_i64().unwrap();
            assert_eq!(after["for_ns"].as_i64(), Some(took), "{what}: goroutine {goid}: {before} {after}");
            assert_eq!(before["function"], after["function"], "{what}: goroutine {goid}");
        }
    }
}

/// No line is missing: they are all that was not held back.
pub fn assert_adds_up(objects: &[Value], what: &str) {
    let (summary, shown) = (summary(objects), objects.iter().filter(|object| object["type"] == "state").count());
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!((count("printed"), count("lost"), count("missed")), (shown as u64, 0, 0), "{what}: {summary}");
    assert_eq!(count("hits"), count("printed") + count("filtered"), "{what}: {summary}");
}

fn lines_are_what_the_program_says_of_itself(go: &'static str) {
    for variant in [Variant::Plain, Variant::PieStripped] {
        let mut states = States::start(&need!(states(go, variant)));
        for way in ["best", "tracefs"] {
            let what = format!("go{go} {} {way}", variant.name());
            let watching = watching(&["-p", &states.pid(), "--way", way, "--json", "--parent"]);
            let did = states.did("rounds 20");
            let ran = watching.stop();
            assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{what}");
            let objects = objects(&ran);
            let mut seen = seen(&objects);
            for (function, slept) in &did.slept {
                let time = seen.slept.get(function).copied().unwrap_or(0);
                assert!(time >= *slept, "{what}: {function} slept {slept} ns, and was seen sleeping {time} ns");
            }
            seen.slept.clone_from(&did.slept);
            assert_eq!(seen, did, "{what}");
            assert_chained(&objects, &what);
            assert_adds_up(&objects, &what);
        }
    }
}
on_every_go!(lines_are_what_the_program_says_of_itself);

fn what_was_there_before_is_known_but_for_how_long(go: &'static str) {
    let mut states = States::start(&need!(states(go, Variant::Plain)));
    states.did("rounds 1");
    let watching = watching(&["-p", &states.pid(), "--json", "--goid", "1", "--parent"]);
    states.did("rounds 1");
    let objects = objects(&watching.stop());
    let main = &by_goroutine(&objects)[&1];
    let first = main.first().unwrap();
    assert_eq!((&first["function"], &first["for_ns"]), (&"runtime.main".into(), &Value::Null), "go{go}: {first}");
    assert_eq!((&first["parent"], &first["created_at"]), (&Value::Null, &Value::Null), "go{go}: {first}");
    assert!(main.iter().skip(1).all(|change| change["for_ns"].is_u64()), "go{go}");
    assert_chained(&objects, go);
    assert_adds_up(&objects, go);
}
on_every_go!(what_was_there_before_is_known_but_for_how_long);

#[test]
fn changes_are_chosen_in_the_kernel() {
    let mut states = States::start(&need!(states("1.26", Variant::Plain)));
    let pid = states.pid();
    let mut chosen = |args: &[&str]| {
        let watching = watching(&[&["-p", &pid, "--json"], args].concat());
        states.did("rounds 5");
        let objects = objects(&watching.stop());
        assert_adds_up(&objects, &args.join(" "));
        let told = |change: &Value| format!("{} {} {}", change["function"], change["to"], change["reason"]);
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for change in objects.iter().filter(|object| object["type"] == "state") {
            *all.entry(told(change).replace('"', "")).or_default() += 1;
        }
        all.into_iter().map(|(change, n)| format!("{n} {change}")).collect::<Vec<_>>()
    };
    let waits = ["5 main.receives waiting chan receive", "5 main.sends waiting chan send"];
    let args = ["--func", "main.receives", "--func", "main.sends", "--state", "WAITING", "--reason", "chan *"];
    assert_eq!(chosen(&args), waits);
    assert_eq!(
        chosen(&["--func", "main.sl*", "--reason", "sleep", "--state", "waiting"]),
        ["5 main.sleeps waiting sleep"]
    );
    // It sleeps two milliseconds each time.
    let slept = ["5 main.sleeps runnable sleep"];
    assert_eq!(chosen(&["--func", "main.sleeps", "--min", "2ms", "--reason", "sleep"]), slept);
    assert_eq!(chosen(&["--goid", "4000000000"]), Vec::<String>::new());
}

#[test]
fn who_started_a_goroutine_is_told_with_the_place() {
    for go in ["1.21", "1.27"] {
        let mut states = States::start(&need!(states(go, Variant::Plain)));
        let watching = watching(&["-p", &states.pid(), "--json", "--parent", "--func", "main.child"]);
        let did = states.did("rounds 3");
        let objects = objects(&watching.stop());
        let source = include_str!("../../../../fixtures/go/states/main.go");
        let line = 1 + source.lines().position(|line| line.contains("go child(")).unwrap();
        let changes: Vec<&Value> = objects.iter().filter(|object| object["type"] == "state").collect();
        let places: BTreeSet<&str> = changes.iter().map(|change| change["created_at"].as_str().unwrap()).collect();
        assert_eq!(places.len(), 1, "{places:?}");
        assert!(places.iter().all(|place| place.ends_with(&format!("/main.go:{line}"))), "go{go}: {places:?} {line}");
        let told = |change: &&Value| format!("{} {} main.child", change["goid"], change["parent"]);
        let born: BTreeSet<String> = did.born.into_iter().filter(|born| born.ends_with(" main.child")).collect();
        assert_eq!(changes.iter().map(told).collect::<BTreeSet<_>>(), born, "go{go}");
    }
}

#[test]
fn the_program_that_is_shown_gives_the_same_lines() {
    let mut states = States::start(&need!(states("1.26", Variant::Plain)));
    let pid = states.pid();
    let args = ["-p", &pid, "--func", "main.*", "--reason", "chan *", "--reason", "sel*", "--parent"];
    let shown = gospect(&[&["states", "--show-program"], &args[..]].concat());
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""));
    assert_eq!(
        shown.stdout,
        "goroutine:state /(args.reason == \"chan *\" || args.reason == \"sel*\") && args.startfunc == \"main.*\"/ \
         { event(args.parent); }\n"
    );
    // One is told to do what the other one sees, too.
    let ready = watching(&[&args[..], &["--json"]].concat());
    let script = Tracing::start(&["-p", &pid, "--json", "-e", &shown.stdout]);
    states.did("rounds 4");
    let both = [ready.stop(), script.stop()].map(|ran| objects(&ran));
    let told = |objects: &[Value]| -> Vec<Value> {
        let changes = objects.iter().filter(|object| object["type"] == "state").cloned();
        let mut changes: Vec<Value> = changes.collect();
        for change in &mut changes {
            let change = change.as_object_mut().unwrap();
            // Their clocks are read one after the other.
            ["ts", "for_ns"].iter().for_each(|field| _ = change.remove(*field));
        }
        changes.sort_by_key(|change| change["goid"].as_u64());
        changes
    };
    assert!(!told(&both[0]).is_empty());
    assert_eq!(told(&both[0]), told(&both[1]));
}

#[test]
fn goroutines_are_seen_from_the_first_on_and_the_first_five_columns_are_those_that_scripts_know() {
    let path = need!(states("1.27", Variant::Plain));
    let ran = gospect(&["states", "--max-overhead", "off", "--goid", "1", "--", path.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line| line.len() > 1).collect();
    assert_eq!(lines[0], ["TIME", "STATE", "GOID", "PID", "TGID", "FOR", "REASON", "FUNCTION"]);
    let [_, state, goid, tid, pid, _, _, function] = lines[1][..] else { panic!("{:?}", lines[1]) };
    assert_eq!((state, goid, function), ("RUNNABLE(1)", "1", "runtime.main"));
    assert_eq!(tid, pid, "the first thread makes the first goroutine");
    let numbers = HashMap::from([("RUNNABLE", 1), ("RUNNING", 2), ("SYSCALL", 3), ("WAITING", 4), ("COPYSTACK", 8)]);
    for line in &lines[1..] {
        let (name, number) = line[1].trim_end_matches(')').split_once('(').unwrap();
        assert_eq!(numbers.get(name).map(ToString::to_string).as_deref(), Some(number), "{line:?}");
    }
}

#[test]
fn a_word_that_is_none_is_told_with_those_that_are() {
    let path = need!(states("1.26", Variant::Plain));
    let path = path.to_str().unwrap();
    for (flag, value, hint) in [
        ("--state", "waitng", "did you mean `waiting`?"),
        ("--reason", "chan recieve", "did you mean `chan receive`?"),
        ("--func", "main.recieves", "did you mean `main.receives`"),
        ("--func", "nope.*", "no function is called like `nope.*`"),
    ] {
        let ran = gospect(&["states", path, flag, value]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        // Nobody typed the program.
        assert!(ran.stderr.starts_with(&format!("gospect: `{flag} {value}`: ")), "{}", ran.stderr);
        assert!(!ran.stderr.contains("goroutine:state"), "{}", ran.stderr);
    }
    let ran = gospect(&["states", path, "--summary", "--by", "reason", "--reason", "nope", "--func", "main.recieves"]);
    expect![[r#"
        gospect: `--reason nope`: `nope` is no reason to wait of this Go version
        hint: there are `GC assist marking`, `IO wait`, `dumping heap`, `garbage collection`, `garbage collection scan`, `panicwait`, `GC assist wait`, `GC sweep wait`, `GC scavenge wait`, `finalizer wait`, `force gc (idle)`, `GOMAXPROCS updater (idle)`, `semacquire`, `sleep`, `chan receive (nil chan)`, `chan send (nil chan)`, `select (no cases)`, `select`, `chan receive`, `chan send`, `sync.Cond.Wait`, `sync.Mutex.Lock`, `sync.RWMutex.RLock`, `sync.RWMutex.Lock`, `sync.WaitGroup.Wait`, `trace reader (blocked)`, `wait for GC cycle`, `GC worker (idle)`, `GC worker (active)`, `preempted`, `debug call`, `GC mark termination`, `stopping the world`, `flushing proc caches`, `trace goroutine status`, `trace proc status`, `page trace flush`, `coroutine`, `GC weak to strong wait`, `synctest.Run`, `synctest.Wait`, `chan receive (durable)`, `chan send (durable)`, `select (durable)`, `sync.WaitGroup.Wait (durable)` and `cleanup wait`
        gospect: `--func main.recieves`: there is no function `main.recieves`
        hint: did you mean `main.receives`?
        (exit status 2)"#]].assert_eq(&ran.seen());
}

#[test]
fn whatever_ends_it_the_lines_until_then_are_whole() {
    let path = need!(states("1.26", Variant::Plain));
    // The target is killed.
    let mut states = States::start(&path);
    let killed = watching(&["-p", &states.pid(), "--json"]);
    states.did("rounds 2");
    drop(states);
    let ran = killed.ended();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let objects = objects(&ran);
    assert_eq!(summary(&objects)["ended_by"], "process");
    assert_chained(&objects, "killed");
    assert_adds_up(&objects, "killed");
    // Nobody reads any more.
    let script = "\"$0\" states -q -- \"$1\" | head -n 3; echo \"${PIPESTATUS[0]}\"";
    let program = command(&[]).get_program().to_owned();
    let mut bash = std::process::Command::new("bash");
    let ran = Ran::of(bash.args(["-c", script]).arg(program).arg(&path).stdin(Stdio::null()).output().unwrap());
    assert_eq!((ran.stdout.lines().last(), ran.stderr.as_str()), (Some("0"), ""), "{}", ran.stdout);
    // There are no goroutines at all.
    for flags in [&[][..], &["--summary", "--tree"], &["--show-program"]] {
        let ran = gospect(&[&["states", "/bin/true"], flags].concat());
        assert_eq!(ran.seen(), "gospect: /bin/true is no Go program, it has no goroutines\n(exit status 1)");
    }
    // One word too many.
    let ran = gospect(&["states", "-p", "1", "main.f"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("`main.f` is one word too many"), "{}", ran.stderr);
}
