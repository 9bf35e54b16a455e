//! Goroutines as `gospect run` sees them, held against what a program says of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};
use serde_json::Value;

use crate::run::{Tracing, permitted, summary};
use crate::{contract, gospect};

/// The fixture `states`, running.
pub struct States {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

pub fn states(go: &'static str, variant: Variant) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("states", go, variant).on(arch))
}

impl States {
    pub fn start(path: &Path) -> States {
        States::with(&mut Command::new(path))
    }

    pub fn with(command: &mut Command) -> States {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut states = States { child, orders, answers };
        assert_eq!(states.answer(), "ready");
        states
    }

    pub fn order(&mut self, order: &str) {
        writeln!(self.orders.as_ref().unwrap(), "{order}").unwrap();
    }

    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Does as it is told, and says what it did.
    pub fn did(&mut self, order: &str) -> Did {
        self.order(order);
        let mut did = Did::default();
        loop {
            let line = self.answer();
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["waits", function, reason, n] => did.waits.insert(key(&[function, reason]), n.parse().unwrap()),
                ["syscalls", function, n] => did.syscalls.insert(function.to_owned(), n.parse().unwrap()),
                ["slept", function, n] => did.slept.insert(function.to_owned(), n.parse().unwrap()),
                ["born", function, goid, parent] => {
                    did.born.insert(format!("{goid} {parent} {function}"));
                    did.over.entry(function.to_owned()).and_modify(|n| *n += 1).or_insert(1);
                    None
                }
                ["done"] => return did,
                _ => panic!("{line}"),
            };
        }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for States {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program says that its goroutines did.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Did {
    pub waits: BTreeMap<String, u64>,
    pub syscalls: BTreeMap<String, u64>,
    pub slept: BTreeMap<String, u64>,
    pub born: BTreeSet<String>,
    pub over: BTreeMap<String, u64>,
}

fn key(parts: &[&str]) -> String {
    parts.join(",")
}

/// What a map holds for functions of the program's own, but for main.
fn map(objects: &[Value], name: &str) -> BTreeMap<String, u64> {
    let found = objects.iter().find_map(|object| object["data"].get(name).filter(|_| object["type"] == "map"));
    let entries = found.and_then(Value::as_object).into_iter().flatten();
    let ours = entries.filter(|(key, _)| key.starts_with("main."));
    ours.map(|(key, value)| (key.clone(), value.as_u64().unwrap())).collect()
}

const EVERYTHING: &str = r#"
    goroutine:state /args.to == "waiting"/ { @waits[args.startfunc, args.reason] = count(); }
    goroutine:state /args.to == "syscall"/ { @syscalls[args.startfunc] = count(); }
    goroutine:state /args.from == "waiting" && args.reason == "sleep"/ { @slept[args.startfunc] = sum(args.for); }
    goroutine:create { printf("%d %d %s\n", args.goid, args.parent, args.startfunc); }
    goroutine:exit { @over[args.startfunc] = count(); }"#;

/// What gospect says that they did. Of `main.locks` only the waits for its mutex are known beforehand.
fn seen(objects: &[Value]) -> Did {
    let mut waits = map(objects, "@waits");
    waits.remove("main.locks,chan receive");
    let printed = objects.iter().filter(|object| object["type"] == "printf");
    let lines = printed.map(|object| object["data"].as_str().unwrap().trim().to_owned());
    Did {
        waits,
        syscalls: map(objects, "@syscalls"),
        slept: map(objects, "@slept"),
        born: lines.filter(|line| line.contains(" main.")).collect(),
        over: map(objects, "@over"),
    }
}

fn compare(did: &Did, objects: &[Value], what: &str) {
    let mut seen = seen(objects);
    for (function, slept) in &did.slept {
        let time = seen.slept.get(function).copied().unwrap_or(0);
        assert!(time >= *slept, "{what}: {function} slept {slept} ns, and was seen sleeping {time} ns");
    }
    seen.slept.clone_from(&did.slept);
    assert_eq!(seen, *did, "{what}");
    assert_eq!((&summary(objects)["lost"], &summary(objects)["missed"]), (&0.into(), &0.into()), "{what}");
}

fn goroutines_do_what_the_program_says(go: &'static str) {
    for variant in [Variant::Plain, Variant::PieStripped] {
        let mut states = States::start(&need!(states(go, variant)));
        for way in ["best", "tracefs"] {
            let tracing = Tracing::start(&["-p", &states.pid(), "--way", way, "--json", "-e", EVERYTHING]);
            let did = states.did("rounds 20");
            let ran = tracing.stop();
            assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go} {way}");
            let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
            compare(&did, &objects, &format!("go{go} {} {way}", variant.name()));
        }
    }
}
on_every_go!(goroutines_do_what_the_program_says);

fn waits_are_ended_by_whom_the_program_says(go: &'static str) {
    let text = "goroutine:park { @parked[args.startfunc, args.reason] = count(); }
        goroutine:ready { @ready[args.startfunc, args.reason] = count(); }
        goroutine:ready { @by[args.startfunc, args.reason, args.by] = count(); }";
    let mut states = States::start(&need!(states(go, Variant::Plain)));
    let tracing = Tracing::start(&["-p", &states.pid(), "--json", "-e", text]);
    let did = states.did("rounds 20");
    let ran = tracing.stop();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
    let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
    let [mut parked, mut ready, by] = ["@parked", "@ready", "@by"].map(|name| map(&objects, name));
    // What it does while the mutex is held is not known beforehand.
    [&mut parked, &mut ready].into_iter().for_each(|waits| _ = waits.remove("main.locks,chan receive"));
    assert_eq!((&parked, &ready), (&did.waits, &did.waits), "go{go}");
    // The first goroutine lets the others go on, timers those that sleep.
    for waits in
        ["main.receives,chan receive,1", "main.sends,chan send,1", "main.selects,select,1", "main.sleeps,sleep,0"]
    {
        assert_eq!(by.get(waits), Some(&20), "go{go}: {waits} in {by:?}");
    }
    let others = by.keys().filter(|key| key.starts_with("main.pulls,coroutine,")).count();
    assert_eq!(others, usize::from(did.waits.contains_key("main.pulls,coroutine")), "go{go}: {by:?}");
}
on_every_go!(waits_are_ended_by_whom_the_program_says);

#[test]
fn a_collector_that_always_runs_adds_and_hides_nothing() {
    for go in ["1.22", "1.23", "1.26"] {
        let mut states = States::with(Command::new(need!(states(go, Variant::Plain))).env("LITTER", "1"));
        let tracing = Tracing::start(&["-p", &states.pid(), "--json", "-e", EVERYTHING]);
        let mut did = states.did("rounds 200");
        let ran = tracing.stop();
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
        let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
        let mut waits = map(&objects, "@waits");
        // It is one that waits for other reasons too: until it has collected, or has let others be looked at.
        let other: Vec<String> = waits.keys().filter(|key| !did.waits.contains_key(*key)).cloned().collect();
        other.iter().for_each(|key| _ = waits.remove(key));
        let reasons: BTreeSet<&str> = other.iter().filter_map(|key| Some(key.rsplit_once(',')?.1)).collect();
        let no_waits = ["stopping the world", "GC assist marking", "garbage collection scan", "GC worker (active)"];
        assert!(no_waits.iter().all(|reason| !reasons.contains(reason)), "go{go}: {reasons:?}");
        did.slept.clear();
        let seen = Did { waits, slept: BTreeMap::new(), ..seen(&objects) };
        assert_eq!(seen, did, "go{go}");
    }
}

/// The keys of a map.
fn keys(objects: &[Value], name: &str) -> BTreeSet<String> {
    let found = objects.iter().find_map(|object| object["data"].get(name).filter(|_| object["type"] == "map"));
    found.and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn goid_in_tracepoints_is_whose_thread_it_is(go: &'static str) {
    for variant in [Variant::Plain, Variant::PieStripped] {
        let mut states = States::start(&need!(states(go, variant)));
        let text = "tracepoint:syscalls:sys_enter_write { @[goid, args.fd, startfunc] = count(); }";
        let tracing = Tracing::start(&["-p", &states.pid(), "--json", "-e", text]);
        states.order("write 5000");
        let writer = states.answer();
        let [_, goid, _, fd] = writer.split(' ').collect::<Vec<_>>()[..] else { panic!("{writer}") };
        assert_eq!(states.answer(), "done");
        let ran = tracing.stop();
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
        let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
        let written = objects.iter().find_map(|object| object["data"].get("@")).unwrap();
        let key = format!("{goid},{fd},main.write");
        assert_eq!(written[&key], 5000, "go{go} {}: {key} in {written}", variant.name());
    }
}
on_every_go!(goid_in_tracepoints_is_whose_thread_it_is);

fn goid_in_a_profile_is_who_computes(go: &'static str) {
    let mut states = States::start(&need!(states(go, Variant::Plain)));
    states.order("burn");
    let burner = states.answer();
    let [_, goid, tid] = burner.split(' ').collect::<Vec<_>>()[..] else { panic!("{burner}") };
    // Between two turns its thread runs nobody.
    let text = r#"profile:hz:499 /tid == $1 && goid != 0/ { @ticks[goid, startfunc, parent_goid] = count(); }
        tracepoint:sched:sched_switch /tid == $1 && goid != 0/ { @switches[goid, startfunc, parent_goid] = count(); }
        profile:hz:499 /pid == $2 && tid != $1 && goid == $3/ { @elsewhere = count(); }"#;
    let pid = states.pid();
    let args = ["-p", &pid, "--json", "--duration", "1s", "-e", text, tid, &pid, goid];
    let ran = Tracing::start(&args).ended();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
    states.order("");
    assert_eq!(states.answer(), "done");
    let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
    let only = BTreeSet::from([format!("{goid},main.burn,1")]);
    assert_eq!((keys(&objects, "@ticks"), keys(&objects, "@switches")), (only.clone(), only), "go{go}");
    assert!(objects.iter().all(|object| object["data"].get("@elsewhere").is_none()), "go{go}");
}
on_every_go!(goid_in_a_profile_is_who_computes);

#[test]
fn of_a_command_all_goroutines_are_seen_from_the_first_on() {
    for (go, variant) in [("1.21", Variant::Plain), ("1.27", Variant::Plain)] {
        let path = need!(states(go, variant));
        let text = r#"goroutine:create { @born = count(); }
            goroutine:create /args.goid == 1/ { printf("%s by %d\n", args.startfunc, args.parent); }"#;
        let ran = gospect(&["run", "-q", "-e", text, "--", path.to_str().unwrap()]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let said: BTreeSet<&str> = ran.stdout.lines().filter(|line| !line.starts_with("@born")).collect();
        assert_eq!(said, BTreeSet::from(["ready", "runtime.main by 0", ""]), "go{go}");
    }
}

#[test]
fn processes_of_one_file_have_goroutines_of_their_own() {
    let text = r#"goroutine:state /args.to == "waiting"/ { @[pid, args.startfunc, args.reason] = count(); }"#;
    let path = need!(states("1.26", Variant::Plain));
    let mut before = [States::start(&path), States::start(&path)];
    let tracing = Tracing::start(&["--target", path.to_str().unwrap(), "--json", "-e", text]);
    // Its goroutines have the same addresses, and nobody has looked for it yet.
    let mut after = States::start(&path);
    let mut wanted = BTreeMap::new();
    for (states, order) in before.iter_mut().chain([&mut after]).zip(["rounds 3", "rounds 4", "rounds 5"]) {
        let pid = states.pid();
        wanted.extend(states.did(order).waits.into_iter().map(|(key, n)| (format!("{pid},{key}"), n)));
    }
    let ran = tracing.stop();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let objects: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
    let seen = objects.iter().find_map(|object| object["data"].get("@")).unwrap();
    let seen = wanted.keys().filter_map(|key| Some((key.clone(), seen.get(key)?.as_u64()?)));
    assert_eq!(seen.collect::<BTreeMap<_, _>>(), wanted);
}
