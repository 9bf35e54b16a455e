//! What goroutines do at one moment, held against what the program's own runtime says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};
use serde_json::Value;

use crate::running::Scratch;
use crate::{contract, gospect};

/// The fixture `parked`, running.
struct Parked {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn parked(go: &'static str, variant: Variant) -> Result<std::path::PathBuf, Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("parked", go, variant).on(arch))
}

impl Parked {
    fn start(path: &Path, args: &[&str]) -> Parked {
        let mut child = Command::new(path).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut parked = Parked { child, orders, answers };
        assert_eq!(parked.line(), "ready");
        parked
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        assert_eq!(self.line(), "done");
    }

    /// What it says of its own goroutines, but for the one that says it.
    fn told(&mut self) -> BTreeMap<u64, Told> {
        writeln!(self.orders, "tell").unwrap();
        let mut text = String::new();
        while self.answers.read_line(&mut text).unwrap() > 0 && !text.ends_with("told\n") {}
        let all = text.trim_end_matches("told\n").trim_end().split("\n\n").map(Told::parse);
        all.filter(|(_, told)| told.state != "running").collect()
    }

    /// The same, and what gospect says, at a time when nothing changes.
    fn told_and_seen(&mut self) -> (BTreeMap<u64, Told>, (Vec<Value>, Value)) {
        let start = Instant::now();
        loop {
            let (before, seen) = (self.told(), looked(&self.pid(), &["--stack"]));
            if self.told() == before {
                return (before, seen);
            }
            assert!(start.elapsed() < Duration::from_secs(60), "its goroutines do not come to rest");
        }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A goroutine, in words that both a traceback and gospect have.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    /// Why it waits, else its state.
    state: String,
    locked: bool,
    /// `FUNCTION FILE:LINE`, the innermost call first.
    stack: Vec<String>,
    /// `FILE:LINE` and the goroutine.
    created: Option<(String, u64)>,
}

impl Told {
    /// A part of a traceback. Of what is left out in the middle of long ones it says how many.
    fn parse(text: &str) -> (u64, Told) {
        let mut lines = text.lines();
        let head = lines.next().unwrap().strip_prefix("goroutine ").unwrap();
        let (goid, state) = head.split_once(" [").unwrap();
        let state = state.trim_end_matches("]:");
        let locked = state.ends_with(", locked to thread");
        let mut told = Told {
            state: state.trim_end_matches(", locked to thread").to_owned(),
            locked,
            stack: Vec::new(),
            created: None,
        };
        while let Some(line) = lines.next() {
            if line.starts_with("...") {
                told.stack.push(line.to_owned());
                continue;
            }
            let place = lines.next().unwrap().trim().split(" +").next().unwrap();
            match line.strip_prefix("created by ") {
                Some(by) => {
                    let parent = by.rsplit_once(" in goroutine ").unwrap().1.parse().unwrap();
                    told.created = Some((place.to_owned(), parent));
                }
                None => told.stack.push(format!("{} {place}", call(line))),
            }
        }
        (goid.parse().unwrap(), told)
    }

    /// An object of gospect's.
    fn of(object: &Value) -> (u64, Told) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let place = |frame: &Value| format!("{}:{}", text(&frame["file"]), frame["line"]);
        let frames = object["frames"].as_array().unwrap_or_else(|| panic!("{object}"));
        let created = Some(&object["created_at"]).filter(|_| object["goid"] != 1);
        let told = Told {
            state: text(if object["reason"].is_null() { &object["state"] } else { &object["reason"] }),
            locked: object["locked"] == true,
            stack: frames.iter().map(|f| format!("{} {}", printed(f["func"].as_str().unwrap()), place(f))).collect(),
            created: created.map(|place| (text(place), object["parent"].as_u64().unwrap())),
        };
        assert_eq!(object["cut"], Value::Null, "{object}");
        (object["goid"].as_u64().unwrap(), told)
    }

    /// With as much left out as a traceback leaves out: all but 50 calls at both ends.
    fn shortened(mut self) -> Told {
        if self.stack.len() > 100 {
            let more = self.stack.len() - 100;
            self.stack.splice(50..50 + more, [format!("...{more} frames elided...")]);
        }
        self
    }
}

/// The function of `main.f(0x1, {0x2?})`.
fn call(line: &str) -> String {
    let name = line.strip_suffix(')').unwrap();
    let mut open = 1;
    let at = name.rfind(|c: char| {
        open += match c {
            ')' => 1,
            '(' => -1,
            _ => 0,
        };
        open == 0
    });
    name[..at.unwrap()].to_owned()
}

/// A name as tracebacks have it.
fn printed(name: &str) -> String {
    match (name, name.find('['), name.rfind(']')) {
        ("runtime.gopanic", ..) => "panic".to_owned(),
        (_, Some(open), Some(close)) => format!("{}[...]{}", &name[..open], &name[close + 1..]),
        _ => name.to_owned(),
    }
}

/// All objects of a snapshot with stacks, and the last one.
fn looked(pid: &str, args: &[&str]) -> (Vec<Value>, Value) {
    let ran = gospect(&[&["states", "-p", pid, "--snapshot", "--json"], args].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let mut all: Vec<Value> = ran.stdout.lines().map(contract::documented).collect();
    let last = all.pop().unwrap();
    assert_eq!(last["type"], "snapshot");
    assert_eq!(last["goroutines"], all.len());
    (all, last)
}

fn snapshots_are_what_tracebacks_say(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie, Variant::Stripped] {
        let mut parked = Parked::start(&need!(parked(go, variant)), &[]);
        let (told, (seen, last)) = parked.told_and_seen();
        assert_eq!(last["unread"], 0);
        let mut seen: BTreeMap<u64, Told> = seen.iter().map(Told::of).collect();
        // It waits for orders now.
        let first = seen.remove(&1).unwrap();
        assert!(first.stack.last().unwrap().starts_with("main.main "), "{first:?}");
        let seen: BTreeMap<u64, Told> = seen.into_iter().map(|(goid, told)| (goid, told.shortened())).collect();
        let reasons: BTreeSet<&str> = told.values().map(|told| &*told.state).collect();
        assert!(told.len() >= 32 && reasons.len() >= 13, "go{go}: {} {reasons:?}", told.len());
        for (goid, told) in &told {
            assert_eq!(seen.get(goid), Some(told), "goroutine {goid} of go{go} {}", variant.name());
        }
        assert_eq!(seen.len(), told.len());
    }
}
on_every_go!(snapshots_are_what_tracebacks_say);

/// The rows of a table, its heading first, without what is said beside it.
fn rows(args: &[&str]) -> Vec<Vec<String>> {
    let ran = gospect(&[&["states", "--snapshot"], args].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let words =
        |line: &str| line.split("  ").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    ran.stdout.lines().map(words).collect()
}

fn a_leak_is_one_line(go: &'static str) {
    let mut parked = Parked::start(&need!(parked(go, Variant::Stripped)), &["plain"]);
    parked.order("leak 10000");
    let (all, last) = looked(&parked.pid(), &[]);
    assert_eq!((all.len(), &last["unread"]), (10_001, &Value::from(0)));
    let leaked = all.iter().filter(|one| one["reason"] == "chan send" && one["parent"] == 1);
    let functions: BTreeSet<&str> = leaked.clone().map(|one| one["function"].as_str().unwrap()).collect();
    // Up to Go 1.21 its wrapper calls what only its goroutine knows.
    let function = if go == "1.21" { "main.leak.func2" } else { "main.leak.func1" };
    assert_eq!((leaked.count(), functions), (10_000, BTreeSet::from([function])));

    let told = &rows(&["-p", &parked.pid(), "--stack", "--parent"])[1..5];
    assert_eq!(told[0][..3], ["10000", "waiting", "chan send"]);
    assert!(told[0].last().unwrap().starts_with("main.go:"), "{told:?}");
    assert_eq!(told[1][0], "main.leaks");
    assert!(told[2][0].starts_with("main.leak.func1"), "{told:?}");
    assert_eq!(told[3][0], "1");
}
on_every_go!(a_leak_is_one_line);

/// The collector notes down since when goroutines wait; before it has come by nobody knows.
#[test]
fn since_when_is_told_once_the_collector_has_come_by() {
    let mut parked = Parked::start(&need!(parked("1.26", Variant::Plain)), &["plain"]);
    // Only a program without coroutines has such notes, and iter.Pull is in this one.
    parked.order("leak 3");
    parked.order("stamp");
    let (all, _) = looked(&parked.pid(), &[]);
    assert!(all.iter().all(|one| one["since_ns"].is_null()), "{all:?}");

    // Go 1.22 has none.
    let path = need!(self::parked("1.22", Variant::Plain));
    let start = Instant::now();
    let mut parked = Parked::start(&path, &["plain"]);
    parked.order("leak 3");
    let leaked = |all: Vec<Value>| all.into_iter().filter(|one| one["reason"] == "chan send").collect::<Vec<_>>();
    parked.order("stamp");
    let after = leaked(looked(&parked.pid(), &[]).0);
    let took = start.elapsed().as_nanos() as u64;
    assert!(
        after.len() == 3 && after.iter().all(|one| one["since_ns"].as_u64().is_some_and(|since| since <= took)),
        "{took} {after:?}"
    );
}

/// A goroutine that a signal took from its processor stands at any instruction of its loop.
fn frames_that_signals_hit_have_the_right_callers(go: &'static str) {
    let mut parked = Parked::start(&need!(parked(go, Variant::Pie)), &["plain"]);
    parked.order("spin 3");
    let (mut stopped, mut running, start) = (0, 0, Instant::now());
    while (stopped < 20 || running < 3) && start.elapsed() < Duration::from_secs(60) {
        for one in looked(&parked.pid(), &["--stack"]).0.iter().filter(|one| one["function"] == "main.spin") {
            let names: Vec<&str> =
                one["stack"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
            match (one["state"].as_str().unwrap(), one["cut"].as_str()) {
                ("running", Some(why)) => {
                    assert_eq!((why, names.len()), ("it is running", 0));
                    let thread = format!("/proc/{}/task/{}", parked.pid(), one["tid"]);
                    assert!(Path::new(&thread).exists(), "{one}");
                    running += 1;
                }
                // One that has not begun has nothing but its wrapper, if any.
                ("runnable", None) if names == ["main.spin"] || names.last() == Some(&"runtime.goexit") => {}
                (state, None) => {
                    assert_eq!((names, state), (vec!["main.turn", "main.round", "main.spin"], "runnable"), "{one}");
                    stopped += 1;
                }
                (_, Some(why)) => assert_eq!(why, "it moved while it was read", "{one}"),
            }
        }
    }
    assert!(stopped >= 20 && running >= 3, "{stopped} {running}");
}
on_every_go!(frames_that_signals_hit_have_the_right_callers);

/// What it looks like when nothing changes any more.
fn at_rest(pid: &str) -> (Vec<Value>, Value) {
    let start = Instant::now();
    loop {
        let (before, after) = (looked(pid, &[]), looked(pid, &[]));
        if before.0 == after.0 && before.0.iter().all(|one| one["state"] != "running" && one["state"] != "runnable") {
            return after;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "its goroutines do not come to rest");
    }
}

/// Those that flags choose are as many as there are, and the others are counted.
#[test]
fn flags_choose_among_them() {
    let parked = Parked::start(&need!(parked("1.26", Variant::Stripped)), &[]);
    let pid = parked.pid();
    let (all, last) = at_rest(&pid);
    let check = |args: &[&str], is: &dyn Fn(&Value) -> bool| {
        let (chosen, summary) = looked(&pid, args);
        let wanted: Vec<&Value> = all.iter().filter(|one| is(one)).collect();
        assert!(!wanted.is_empty() && chosen.iter().eq(wanted), "{args:?}: {chosen:?}");
        let left_out = all.len() - chosen.len();
        assert_eq!(summary["others"], last["others"].as_u64().unwrap() + left_out as u64, "{args:?}");
    };
    check(&["--goid", "1"], &|one| one["goid"] == 1);
    check(&["--state", "syscall"], &|one| one["state"] == "syscall");
    check(&["--reason", "*Mutex*", "--reason", "sleep"], &|one| {
        one["reason"].as_str().is_some_and(|reason| reason.contains("Mutex") || reason == "sleep")
    });
    check(&["--func", "main.*", "--state", "waiting"], &|one| {
        one["function"].as_str().unwrap().starts_with("main.") && one["state"] == "waiting"
    });
    // Those of the runtime are counted apart, and what shows them is said.
    let (everything, summary) = looked(&pid, &["--func", "*"]);
    let own = everything.iter().filter(|one| one["system"] == true).count();
    assert!(own > 0 && last["own"] == own && last["others"] == own, "{last}");
    assert_eq!((&summary["own"], &summary["others"]), (&0.into(), &0.into()));
    let said = gospect(&["states", "-p", &pid, "--snapshot"]).stderr;
    assert!(said.ends_with(&format!(", {own} of the runtime's own, which --func '*' shows\n")), "{said}");
    let (own, _) = looked(&pid, &["--func", "runtime.forcegchelper"]);
    assert!(own.len() == 1 && own[0]["system"] == true, "{own:?}");
    let ran = gospect(&["states", "-p", &pid, "--snapshot", "--goid", "123456789", "-q"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "gospect: no goroutine is as asked for\n"));
}

#[test]
fn every_process_of_a_file_is_looked_at() {
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(parked("1.26", Variant::Stripped)), "twice");
    let name = path.to_str().unwrap();
    let ran = gospect(&["states", name, "--snapshot"]);
    let told = format!(
        "gospect: no process runs {name}\nhint: `gospect ps` shows the Go processes that are running\n(exit status 1)"
    );
    assert_eq!(ran.seen(), told);

    let mut both = [Parked::start(&path, &["plain"]), Parked::start(&path, &["plain"])];
    both[0].order("leak 2");
    both[1].order("leak 5");
    let table = rows(&[name]);
    assert_eq!(table[0][..2], ["COUNT", "PID"]);
    for (parked, leaked) in both.iter().zip(["2", "5"]) {
        assert!(table.iter().any(|row| row[..2] == [leaked.to_owned(), parked.pid()]), "{table:?}");
    }
    let pids: BTreeSet<String> = table[1..].iter().map(|row| row[1].clone()).collect();
    assert_eq!(pids, both.iter().map(Parked::pid).collect());
}

#[test]
fn what_has_no_meaning_is_refused() {
    let check =
        |args: &[&str], told: expect_test::Expect| told.assert_eq(&gospect(&[&["states"], args].concat()).seen());
    check(
        &["-p", "1", "--snapshot", "--duration", "1s"],
        expect![[r#"
        gospect: `--duration` has no meaning with `--snapshot`, which places no probe and ends at once
        hint: leave one of them out
        (exit status 2)"#]],
    );
    check(
        &["-p", "1", "--snapshot", "--tree"],
        expect![[r#"
        gospect: `--tree` has no meaning with `--snapshot`, which places no probe and ends at once
        hint: leave one of them out
        (exit status 2)"#]],
    );
    check(
        &["-p", "1", "--each"],
        expect![[r#"
        gospect: `--each` is about what goroutines are doing now, and `--snapshot` is missing
        hint: `gospect states … --snapshot --each`
        (exit status 2)"#]],
    );
    check(
        &["--snapshot", "--", "true"],
        expect![[r#"
        gospect: `--snapshot` shows what runs already, not a command that is about to begin
        hint: start it, and name it by `-p PID` or its path
        (exit status 2)"#]],
    );
    check(
        &["-p", "999999999", "--snapshot"],
        expect![[r#"
        gospect: there is no process with PID 999999999
        hint: `gospect ps` shows the Go processes that are running
        (exit status 3)"#]],
    );
}
