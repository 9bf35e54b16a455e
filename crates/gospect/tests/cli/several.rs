//! `gospect run` on several processes at once, of one program or of many.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::{Value, json};

use crate::processes::map;
use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::running::{Running, Scratch, server};
use crate::{Ran, command};

/// The fixture `counter` of another Go.
pub fn other_counter(variant: Variant) -> Result<PathBuf, Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("counter", "1.25", variant).on(arch))
}

/// `-p` for each.
fn each(pids: &[String]) -> Vec<&str> {
    pids.iter().flat_map(|pid| ["-p", pid]).collect()
}

#[test]
fn of_one_program_those_processes_count_that_are_named_each_once() {
    for variant in [Variant::Plain, Variant::Pie] {
        let path = need!(counter_path(variant));
        for way in WAYS {
            let mut counters: Vec<Counter> = (0..4).map(|_| Counter::start(&path)).collect();
            let pids: Vec<String> = counters.iter().map(Counter::pid).collect();
            let named = [pids[0].clone(), pids[1].clone(), pids[0].clone(), pids[3].clone()];
            let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() }";
            let tracing = Tracing::start(&[&["--way", way, "--json", "-e", text][..], &each(&named)].concat());
            // One that comes later is none of them.
            counters.push(Counter::start(&path));
            for (calls, counter) in (1..).zip(&mut counters) {
                counter.calls(2, 100 * calls);
            }
            let all = objects(&tracing.stop());
            let hits = json!({pids[0].clone(): 200, pids[1].clone(): 400, pids[3].clone(): 800});
            assert_eq!(map(&all, "@"), hits, "{variant:?} {way} {:?}", summary(&all));
            assert_eq!((&summary(&all)["full"], &summary(&all)["unpaired"]), (&json!([]), &json!(0)), "{way}");
        }
    }
}

#[test]
fn processes_of_several_programs_share_the_maps_of_a_script() {
    let paths = [need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Pie))];
    for way in WAYS {
        let [mut one, mut other] = [&paths[0], &paths[1]].map(|path| Counter::start(path));
        let pids = [one.pid(), other.pid()];
        let text = "goret:main.hit /elapsed > 0/ { @[pid, func] = count(); @all++ } go:main.deep { @deep = count() } \
                    goroutine:exit { @ends[args.startfunc] = count() }";
        let tracing = Tracing::start(&[&["--way", way, "--json", "-e", text][..], &each(&pids)].concat());
        one.calls(2, 100);
        other.calls(3, 100);
        let all = objects(&tracing.stop());
        let at = [&paths[0], &paths[1]].map(|path| path.to_str().unwrap());
        let hits = [0, 1].map(|n| (format!("{},main.hit in {}", pids[n], at[n]), json!(200 + 100 * n)));
        assert_eq!(map(&all, "@"), Value::Object(hits.into_iter().collect()), "{way} {:?}", summary(&all));
        assert_eq!((map(&all, "@all"), map(&all, "@deep")), (json!(500), json!(505)), "{way}");
        let ends = [0, 1].map(|n| (format!("main.main.func1 in {}", at[n]), json!(2 + n)));
        assert_eq!(map(&all, "@ends"), Value::Object(ends.into_iter().collect()), "{way}");
    }
}

#[test]
fn a_call_says_of_which_program_it_is_where_several_have_the_function() {
    let (one, other) = (need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Plain)));
    let (mut one, mut other) = (Counter::start(&one), Counter::start(&other));
    let text = "goret:main.hit { call() }";
    let tracing = Tracing::start(&["-p", &one.pid(), "-p", &other.pid(), "--json", "-e", text]);
    one.calls(1, 3);
    other.calls(1, 5);
    let all = objects(&tracing.stop());
    let of = |counter: &Counter| -> Vec<&Value> {
        let own = all.iter().filter(|call| call["type"] == "call" && call["pid"] == counter.child.id());
        own.map(|call| &call["program"]).collect()
    };
    let (one, other) = (of(&one), of(&other));
    assert_eq!((one.len(), other.len()), (3, 5));
    assert!(one.iter().all(|program| *program == one[0]) && other.iter().all(|program| *program == other[0]));
    assert!(one[0].is_string() && other[0].is_string() && one[0] != other[0], "{} {}", one[0], other[0]);
}

/// Lines of calls by the word in a column of theirs, and headings with how often each stands there.
fn by_column(shown: &str, column: usize) -> (Vec<&str>, BTreeMap<String, usize>) {
    let (heads, lines): (Vec<&str>, Vec<&str>) = shown.lines().partition(|line| line.starts_with("TIME"));
    let mut of = BTreeMap::new();
    lines.iter().filter_map(|line| line.split_ascii_whitespace().nth(column)).for_each(|word| {
        *of.entry(word.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
    });
    (heads, of)
}

#[test]
fn calls_of_several_processes_say_whose_they_are_in_lines_too() {
    let path = need!(counter_path(Variant::Plain));
    let several = ["TIME             PID      GOID   CALL"];
    for view in [&[][..], &["--graph"]] {
        let [mut one, mut other] = [&path, &path].map(|path| Counter::start(path));
        let pids = [one.pid(), other.pid()];
        let tracing = |target: &[&str]| {
            Tracing::of(&mut command(&[&["trace", "--ready-fd", "1"], view, target, &["main.hit"]].concat()))
        };
        let traced = tracing(&each(&pids));
        one.calls(1, 3);
        other.calls(1, 5);
        let shown = traced.stop().stdout;
        let (heads, of) = by_column(&shown, 1);
        assert_eq!((&heads[..], &of), (&several[..], &BTreeMap::from([(one.pid(), 3), (other.pid(), 5)])), "{shown}");
        // Of one process there is nothing to tell, until another one comes.
        let traced = tracing(&["-p", &pids[0], "-p", &pids[0]]);
        one.calls(1, 3);
        let shown = traced.stop().stdout;
        assert_eq!(
            by_column(&shown, 2),
            (vec!["TIME             GOID   CALL"], BTreeMap::from([("main.hit".into(), 3)]))
        );
        let traced = tracing(&[path.to_str().unwrap()]);
        one.calls(1, 3);
        other.calls(1, 5);
        let shown = traced.stop().stdout;
        let (first, rest) = shown.split_at(shown.rfind("TIME").unwrap());
        assert_eq!(
            by_column(first, 2),
            (vec!["TIME             GOID   CALL"], BTreeMap::from([("main.hit".into(), 3)]))
        );
        assert_eq!(by_column(rest, 1), (several.to_vec(), BTreeMap::from([(other.pid(), 5)])));
    }
}

#[test]
fn a_function_that_only_some_programs_have_is_probed_there() {
    let [path, served] = [need!(counter_path(Variant::Plain)), need!(server("1.26", Variant::Plain))];
    let (counter, server) = (Counter::start(&path), Running::server(&mut Command::new(&served)));
    let pids = [counter.pid(), server.pid().to_string()];
    let run = |text: &str| Ran::of(command(&[&["run", "-l", text][..], &each(&pids)].concat()).output().unwrap());
    assert_eq!(run("go:main.hit").seen(), "go:main.hit\n(exit status 0)");
    let at = [path.display(), served.display()].map(|path| format!("go:main.main in {path}\n"));
    assert_eq!(run("go:main.main").stdout, at.concat());
    expect![[r#"
        error: there is no function `main.nowhere`
         --> 1:4
          |
        1 | go:main.nowhere { }
          |    ^^^^^^^^^^^^
        (exit status 1)"#]]
    .assert_eq(&run("go:main.nowhere").seen());
}

#[test]
fn of_several_programs_the_goroutine_of_a_thread_is_not_known() {
    let paths = [need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Pie))];
    let counters = [&paths[0], &paths[1]].map(|path| Counter::start(path));
    let pids = [counters[0].pid(), counters[1].pid()];
    let text = "tracepoint:sched:sched_switch { @[goid] = count() }";
    let ran = Ran::of(command(&[&["run", "-e", text][..], &each(&pids)].concat()).output().unwrap());
    expect![[r#"
        error: `goid` means nothing here: several Go programs are being looked at
         --> 1:35
          |
        1 | tracepoint:sched:sched_switch { @[goid] = count() }
          |                                   ^^^^
          = help: look at one of them
        (exit status 2)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn one_hundred_processes_of_a_file_are_counted_exactly() {
    // Of its own: processes of other tests would count.
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    let mut counters: Vec<Counter> = (0..100).map(|_| Counter::start(&path)).collect();
    let pids: Vec<String> = counters.iter().map(Counter::pid).collect();
    let text = "goret:main.hit /elapsed > 0/ { @[pid] = count(); @all++ }";
    let file = ["-t", path.to_str().unwrap()];
    for target in [each(&pids), file.to_vec()] {
        let tracing = Tracing::start(&[&["--json", "-e", text][..], &target].concat());
        for (calls, counter) in (1..).zip(&mut counters) {
            counter.calls(1, calls);
        }
        let all = objects(&tracing.stop());
        assert_eq!(map(&all, "@all"), json!(5050), "{:?}", summary(&all));
        let counted = map(&all, "@");
        assert!((1..).zip(&pids).all(|(calls, pid)| counted[pid] == json!(calls)), "{counted}");
        let none = ["lost", "unpaired", "unended", "missed", "open"];
        assert!(none.iter().all(|field| summary(&all)[field] == json!(0)), "{:?}", summary(&all));
    }
}

#[test]
fn it_goes_on_until_the_last_of_several_processes_has_ended() {
    let path = need!(counter_path(Variant::Plain));
    let [mut first, mut last] = [(); 2].map(|()| Counter::start(&path));
    let pids = [first.pid(), last.pid()];
    let text = "go:main.hit { @ = count() }";
    let mut tracing = Tracing::start(&[&["--json", "-e", text][..], &each(&pids)].concat());
    first.calls(1, 10);
    first.end();
    assert_eq!(tracing.says(), format!("gospect: PID {} has ended", pids[0]));
    last.calls(1, 30);
    last.end();
    let all = objects(&tracing.ended());
    assert_eq!((map(&all, "@"), &summary(&all)["ended_by"]), (json!(40), &json!("process")));
}

/// A shell that executes another program when it is told to.
fn changeling(path: &Path) -> Child {
    let mut command = Command::new(path);
    command.args(["-c", "read line; exec sleep 60"]).stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_process_that_executes_another_program_is_told_of() {
    need!(permitted());
    let scratch = Scratch::new();
    let path = scratch.copy(Path::new("/bin/sh"), "gospect-changeling");
    let mut shell = changeling(&path);
    let pid = shell.id().to_string();
    let mut tracing = Tracing::start(&["-p", &pid, "-e", "BEGIN { }"]);
    tracing.says();
    // It has to be seen as what it was.
    std::thread::sleep(std::time::Duration::from_millis(500));
    shell.stdin.take().unwrap().write_all(b"\n").unwrap();
    let sleep = fs::canonicalize("/bin/sleep").unwrap();
    let said =
        format!("gospect: PID {pid} executes another program now ({}), in which nothing is probed", sleep.display());
    assert_eq!(tracing.says(), said);
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert!(tracing.ended().stderr.ends_with("ended with the process\n"));
}

#[test]
fn one_of_several_that_cannot_be_probed_is_named() {
    let counter = Counter::start(&need!(counter_path(Variant::Plain)));
    let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
    let (pid, gone) = (counter.pid(), sleep.id().to_string());
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    let run = |args: &[&str]| {
        let ran = Ran::of(command(&[&["run", "-e", "go:main.hit { }"][..], args].concat()).output().unwrap());
        ran.seen().replace(&gone, "GONE").replace(&pid, "PID")
    };
    expect![[r"
        gospect: there is no process with PID GONE
        hint: `gospect ps` shows the Go processes that are running
        (exit status 3)"]]
    .assert_eq(&run(&["-p", &pid, "-p", &gone]));
    expect![[r"
        gospect: `-p` and `--target` cannot both name the target
        hint: leave one out
        (exit status 2)"]]
    .assert_eq(&run(&["-p", &pid, "-t", "./app"]));
    let info = Ran::of(command(&["info", "-p", &pid, "-p", &gone]).output().unwrap());
    expect![[r"
        gospect: `gospect info` looks at one program, and `-p` names several processes
        hint: leave all but one out
        (exit status 2)"]]
    .assert_eq(&info.seen());
}
