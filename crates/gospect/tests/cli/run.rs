//! `gospect run` on real programs, held against what those count themselves.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::{Value, json};

use crate::running::Scratch;
use crate::{Ran, command, contract, gospect};

/// The ways of attaching, as flags.
pub const WAYS: [&str; 2] = ["best", "tracefs"];

/// Nothing where eBPF is permitted.
pub fn permitted() -> Result<(), Missing> {
    let ran = gospect(&["run", "-q", "-e", "BEGIN { exit() }"]);
    if ran.status == 0 { Ok(()) } else { Err(Missing { why: ran.stderr.trim().to_owned() }) }
}

pub fn counter_path(variant: Variant) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("counter", "1.26", variant).on(arch))
}

/// The fixture `counter`, running.
pub struct Counter {
    pub child: Child,
    pub orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Counter {
    pub fn start(path: &Path) -> Counter {
        Counter::of(&mut Command::new(path))
    }

    /// The same by a command that comes to it in the end.
    pub fn of(command: &mut Command) -> Counter {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut counter = Counter { child, orders, answers };
        assert_eq!(counter.answer(), "ready");
        counter
    }

    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Makes its calls; how often it has called `hit` and `deep` by then.
    pub fn calls(&mut self, goroutines: u32, calls: u32) -> (u64, u64) {
        writeln!(self.orders.as_ref().unwrap(), "{goroutines} {calls}").unwrap();
        let line = self.answer();
        let (hits, deeps) = line.split_once(' ').unwrap();
        (hits.parse().unwrap(), deeps.parse().unwrap())
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Lets it end.
    pub fn end(&mut self) {
        self.orders = None;
        self.child.wait().unwrap();
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `gospect run` whose probes are in place.
pub struct Tracing {
    pub child: Child,
    /// Read as it comes: a full pipe would hold gospect up.
    stdout: Option<JoinHandle<Vec<u8>>>,
}

impl Tracing {
    /// Whatever it costs, since all is to be seen.
    pub fn start(args: &[&str]) -> Tracing {
        Tracing::within(&[&["--max-overhead", "off"], args].concat())
    }

    /// Within the budget that the arguments say, or the usual one.
    pub fn within(args: &[&str]) -> Tracing {
        Tracing::of(&mut command(&[&["run", "--ready-fd", "1"], args].concat()))
    }

    /// The same by a command that comes to such a run in the end.
    pub fn of(command: &mut Command) -> Tracing {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut tracing = Tracing { child, stdout: None };
        let mut stdout = BufReader::new(tracing.child.stdout.take().unwrap());
        let mut line = String::new();
        // With --json the object `attached` may come before.
        while line != "\n" {
            line.clear();
            if stdout.read_line(&mut line).unwrap() == 0 {
                let mut said = String::new();
                tracing.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{command:?} ended before its probes were in place: {said}");
            }
            assert!(line == "\n" || line.ends_with("}\n"), "half an object: {line}");
        }
        let read = move || {
            let mut all = Vec::new();
            stdout.read_to_end(&mut all).unwrap();
            all
        };
        tracing.stdout = Some(spawn(read));
        tracing
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// The next line on standard error.
    pub fn says(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while self.child.stderr.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// What it has shown, after it ended by itself.
    pub fn ended(mut self) -> Ran {
        let (stdout, mut stderr) = (self.stdout.take().unwrap().join().unwrap(), Vec::new());
        self.child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Ran::of(Output { status: self.child.wait().unwrap(), stdout, stderr })
    }

    /// What it has shown, after Ctrl-C.
    pub fn stop(self) -> Ran {
        self.signal("-INT");
        self.ended()
    }
}

impl Drop for Tracing {
    /// A test that fails leaves no gospect behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The objects, each as documented.
pub fn objects(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(contract::documented).collect()
}

pub fn summary(objects: &[Value]) -> &Value {
    objects.last().filter(|last| last["type"] == "summary").expect("the last object is the summary")
}

#[test]
fn counts_are_those_of_the_program_by_either_way_and_wherever_it_is_loaded() {
    for variant in [Variant::Plain, Variant::Pie] {
        let mut counter = Counter::start(&need!(counter_path(variant)));
        for way in WAYS {
            let text =
                "go:main.hit { @hit = count() } goret:main.hit { @ret[func] = count() } go:main.deep { @deep++ }";
            let tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, "--json", "-e", text]);
            let before = counter.calls(0, 0);
            let after = counter.calls(4, 2000);
            let (hits, deeps) = (after.0 - before.0, after.1 - before.1);
            let all = objects(&tracing.stop());
            assert!(all.contains(&json!({"type": "map", "data": {"@hit": hits}})), "{way} {variant:?} {all:?}");
            assert!(all.contains(&json!({"type": "map", "data": {"@ret": {"main.hit": hits}}})), "{way} {all:?}");
            assert!(all.contains(&json!({"type": "map", "data": {"@deep": deeps}})), "{way} {all:?}");
            assert_eq!(summary(&all)["hits"], json!(2 * hits + deeps), "{way}");
            assert_eq!((&summary(&all)["lost"], &summary(&all)["exit"]), (&json!(0), &Value::Null));
        }
    }
}

#[test]
fn returns_know_their_calls_by_either_way() {
    let mut counter = Counter::start(&need!(counter_path(Variant::Plain)));
    for way in WAYS {
        let text = "goret:main.hit /elapsed > 0/ { @hit = count(); @sum = sum(args.n) } \
                    goret:main.deep { @deep[args.n] = count(); @least = min(elapsed) }";
        let tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, "--json", "-e", text]);
        counter.calls(4, 1000);
        let all = objects(&tracing.stop());
        let map = |name: &str| {
            let mut maps = all.iter().filter(|object| object["type"] == "map" || object["type"] == "stats");
            maps.find_map(|object| object["data"].get(name)).cloned().unwrap_or_default()
        };
        assert_eq!((map("@hit"), map("@sum")), (json!(4000), json!(4 * 499_500)), "{way} {all:?}");
        let deep = map("@deep");
        assert!((0..=100).all(|n| deep[n.to_string()] == json!(40)), "{way} {deep}");
        assert!(map("@least").as_u64() > Some(0), "{way}");
        assert_eq!(summary(&all)["hits"], json!(8040), "{way}");
    }
}

#[test]
fn only_the_process_that_was_named_counts() {
    let path = need!(counter_path(Variant::Plain));
    let (mut named, mut other) = (Counter::start(&path), Counter::start(&path));
    for way in WAYS {
        let text = "go:main.hit { @[pid] = count() }";
        let tracing = Tracing::start(&["-p", &named.pid(), "--way", way, "--json", "-e", text]);
        other.calls(2, 100);
        named.calls(2, 50);
        let all = objects(&tracing.stop());
        assert!(all.contains(&json!({"type": "map", "data": {"@": {named.pid(): 100}}})), "{way} {all:?}");
    }
}

#[test]
fn of_a_file_every_process_counts_also_one_that_comes_later() {
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    for way in WAYS {
        let mut first = Counter::start(&path);
        let text = "go:main.hit { @[pid] = count() }";
        let tracing = Tracing::start(&["-t", path.to_str().unwrap(), "--way", way, "--json", "-e", text]);
        let mut second = Counter::start(&path);
        first.calls(1, 100);
        second.calls(3, 100);
        let all = objects(&tracing.stop());
        let each = json!({first.pid(): 100, second.pid(): 300});
        assert!(all.contains(&json!({"type": "map", "data": {"@": each}})), "{way} {all:?}");
    }
}

#[test]
fn a_command_begins_when_its_probes_are_in_place_and_ends_the_run() {
    let path = need!(counter_path(Variant::Plain));
    for way in WAYS {
        let text = "go:main.main { @main = count() } go:main.hit { @[comm] = count() }";
        let args = ["run", "--json", "--way", way, "-e", text, "--", path.to_str().unwrap()];
        let mut child = command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"2 250\n").unwrap();
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.status, 0);
        let (own, ours): (Vec<&str>, Vec<&str>) = ran.stdout.lines().partition(|line| !line.starts_with('{'));
        assert_eq!(own, ["ready", "500 606"]);
        let all: Vec<Value> = ours.into_iter().map(contract::documented).collect();
        assert!(all.contains(&json!({"type": "map", "data": {"@main": 1}})), "{way} {all:?}");
        assert_eq!(summary(&all)["hits"], json!(501), "{way}");
        assert_eq!(summary(&all)["exit"], json!(0));
    }
}

#[test]
fn a_command_is_the_file_that_is_probed_though_it_is_not_in_the_path() {
    let (path, scratch) = (need!(counter_path(Variant::Plain)), Scratch::new());
    let _ = scratch.copy(&path, "counter");
    let mut run = command(&["run", "-q", "-e", "go:main.main { @ = count() }", "--", "counter"]);
    let run = run.current_dir(&scratch.0).stdin(Stdio::null()).output();
    assert_eq!(Ran::of(run.unwrap()).seen(), "ready\n\n@: 1\n(exit status 0)");
}

#[test]
fn a_target_that_ends_ends_the_run() {
    let path = need!(counter_path(Variant::Plain));
    for way in WAYS {
        let mut counter = Counter::start(&path);
        let tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, "-e", "go:main.hit { @ = count() }"]);
        counter.calls(1, 7);
        counter.end();
        let ran = tracing.ended();
        expect![[r#"

            @: 7
            attached 1 probe at 1 site
            7 hits, 0 printed
            ended with the process
            (exit status 0)"#]]
        .assert_eq(&ran.seen());
    }
}

#[test]
fn two_gospects_see_the_same() {
    let mut counter = Counter::start(&need!(counter_path(Variant::Plain)));
    for ways in [["best", "best"], ["best", "tracefs"], ["tracefs", "tracefs"]] {
        let pid = counter.pid();
        let start = |way| Tracing::start(&["-p", &pid, "--way", way, "-q", "-e", "go:main.hit { @ = count() }"]);
        let both = ways.map(start);
        counter.calls(3, 40);
        for ran in both.map(Tracing::stop) {
            assert_eq!(ran.seen(), "\n@: 120\n(exit status 0)", "{ways:?}");
        }
    }
}

/// The code of a process as it is in memory.
pub fn code(pid: u32, program: &Path) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let name = program.to_str().unwrap();
    let line = maps.lines().find(|line| line.contains(" r-xp ") && line.ends_with(name)).unwrap();
    let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
    let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
    let mut bytes = vec![0; (end - start) as usize];
    File::open(format!("/proc/{pid}/mem")).unwrap().read_exact_at(&mut bytes, start).unwrap();
    bytes
}

#[test]
fn after_kill_9_the_code_is_as_it_was() {
    // A copy, which no other test probes.
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    for way in WAYS {
        let mut counter = Counter::start(&path);
        let before = code(counter.child.id(), &path);
        let text = "go:main.hit { @ = count() } goret:main.* { @r = count() }";
        let mut tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, "-e", text]);
        counter.calls(1, 10);
        assert!(code(counter.child.id(), &path) != before, "{way}: probes show in the code");
        tracing.signal("-KILL");
        tracing.child.wait().unwrap();
        let start = Instant::now();
        while code(counter.child.id(), &path) != before {
            assert!(start.elapsed() < Duration::from_secs(10), "{way}: probes are still there");
            std::thread::sleep(Duration::from_millis(10));
        }
        counter.calls(2, 100);
    }
}

#[test]
fn what_a_script_prints_is_shown_in_its_order() {
    need!(permitted());
    let text = r#"
        BEGIN { printf("%s %d %x\n", str($1), $2, 255); @a[1, "x"] = 5; @h = hist(3); @h = hist(100); print(@a); clear(@a); }
        interval:ms:20 { @n++; if (@n == 3) { exit() } }
        END { printf("end\n"); }"#;
    let ran = gospect(&["run", "-q", "-e", text, "first", "2"]);
    expect![[r#"
        first 2 ff
        @a[1, x]: 5
        end

        @h:
        [2, 4)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
        [4, 8)                 0 |                                                    |
        [8, 16)                0 |                                                    |
        [16, 32)               0 |                                                    |
        [32, 64)               0 |                                                    |
        [64, 128)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

        @n: 3
        (exit status 0)"#]]
    .assert_eq(&ran.seen());
    let ran = gospect(&["run", "-f", "json", "-e", text, "first", "2"]);
    let kinds: Vec<Value> = objects(&ran).iter().map(|object| object["type"].clone()).collect();
    assert_eq!(kinds, ["attached", "printf", "map", "printf", "hist", "map", "summary"]);
}

#[test]
fn who_keeps_things_by_thread_is_told_of_goroutines_once() {
    need!(permitted());
    let mut counter = Counter::start(&need!(counter_path(Variant::Plain)));
    let text = "go:main.hit { @start[tid] = nsecs } goret:main.hit /@start[tid]/ { @ = count(); delete(@start[tid]) }";
    let tracing = Tracing::start(&["-p", &counter.pid(), "-e", text]);
    counter.calls(2, 50);
    let said = tracing.stop().stderr;
    let told: Vec<&str> = said.lines().filter(|line| line.contains("`tid`")).collect();
    expect!["gospect: @start is kept by `tid`, and a goroutine may return on another thread than it called on: `goid` stays the same, and `elapsed` needs no map"].assert_eq(&told.join("\n"));
    let tracing = Tracing::start(&["-p", &counter.pid(), "-e", &text.replace("tid", "goid")]);
    counter.calls(2, 50);
    assert!(!tracing.stop().stderr.contains("thread"));
}

/// Runs a script on a process while that makes its calls.
fn traced(counter: &mut Counter, way: &str, script: &str, goroutines: u32, calls: u32) -> Ran {
    let tracing = Tracing::start(&["-q", "--way", way, "-p", &counter.pid(), "-e", script]);
    counter.calls(goroutines, calls);
    tracing.stop()
}

/// Counts of all bars of a histogram, as text has them.
pub fn bars(text: &str) -> u64 {
    let bars = text.lines().filter(|line| line.ends_with('|'));
    bars.map(|line| line.split(['|', ')', ']']).nth(1).unwrap().trim().parse::<u64>().unwrap()).sum()
}

#[test]
fn arguments_and_results_by_register_are_those_of_the_program() {
    let path = need!(counter_path(Variant::Plain));
    let path = path.display();
    let script = format!(
        r#"uprobe:{path}:main.hit {{ printf("%d \n", reg("ax")); }} uretprobe:{path}:main.hit {{printf("ret %d\n", retval)}}"#
    );
    let mut counter = Counter::start(Path::new(&path.to_string()));
    for way in WAYS {
        let ran = traced(&mut counter, way, &script, 1, 3);
        expect![[r#"
            0 
            ret 2
            1 
            ret 2654435761
            2 
            ret 5308871523
            (exit status 0)"#]]
        .assert_eq(&ran.seen());
    }
}

#[test]
fn durations_by_uretprobe_harm_no_go_program() {
    let path = need!(counter_path(Variant::Plain));
    let script = format!(
        "uprobe:{0}:main.work {{ @start[tid] = nsecs; }} uretprobe:{0}:main.work /@start[tid]/ \
         {{ @ns[comm] = hist(nsecs - @start[tid]); delete(@start[tid]); }}",
        path.display()
    );
    let mut counter = Counter::start(&path);
    for way in WAYS {
        // One after the other, since threads are no goroutines.
        let tracing = Tracing::start(&["-q", "--way", way, "-p", &counter.pid(), "-e", &script]);
        for _ in 0..20 {
            counter.calls(1, 200);
        }
        let ran = tracing.stop();
        let bars = bars(&ran.stdout);
        assert!(ran.stdout.contains("@ns[counter") && bars <= 20 && bars > 10, "{way} {}", ran.seen());
    }
}

#[test]
fn a_script_that_finds_goroutines_by_the_scheduler_runs_as_it_is() {
    let path = need!(counter_path(Variant::Plain));
    let listed = gospect(&["list", path.to_str().unwrap(), "sync.(*WaitGroup).Add", "--json"]);
    let address = contract::documented(listed.stdout.trim())["entry"].as_str().unwrap().to_owned();
    let script = r#"
        BEGIN {
          printf("Hit CTRL+C to end profiling\n");
        }

        uprobe:BIN:runtime.execute {
            // map thread id to goroutine id
            @gids[tid] = reg("ax")
        }

        tracepoint:sched:sched_process_exit {
          delete(@gids[tid]);
        }

        uprobe:BIN:"main.main.func1" {
            $gid = @gids[tid];
            @start0[$gid, pid] = nsecs;
        }

        uprobe:BIN:"main.main.func1.deferwrap1" {
            $gid = @gids[tid];
            if (@start0[$gid, pid]) {
                printf("gid=%d tid=%d pid=%d...takes %d us\n", $gid, tid, pid, (nsecs - @start0[$gid, pid]) / 1000);
                @durations["dispatch"] = hist((nsecs - @start0[$gid, pid])/1000);
            }
        }

        uprobe:BIN:ADDRESS {
            $gid = @gids[tid];
            if (@start0[$gid, pid]) {
                @durations["tso"] = hist((nsecs - @start0[$gid, pid])/1000);
                delete(@start0[$gid, pid]);
            }
        }"#;
    let script = script.replace("BIN", path.to_str().unwrap()).replace("ADDRESS", &address);
    for way in WAYS {
        let mut counter = Counter::start(&path);
        let ran = traced(&mut counter, way, &script, 8, 100);
        assert_eq!((ran.status, ran.stdout.matches(" us\n").count()), (0, 8), "{way} {}", ran.seen());
        assert!(ran.stdout.starts_with("Hit CTRL+C to end profiling\n"), "{way} {}", ran.seen());
        assert_eq!(bars(&ran.stdout), 16, "{way} {}", ran.seen());
    }
}

#[test]
fn a_stack_has_every_caller_once() {
    let path = need!(counter_path(Variant::Plain));
    for way in WAYS {
        let ran = traced(&mut Counter::start(&path), way, "go:main.hit { @[ustack] = count() }", 2, 50);
        let lines = ran.stdout.lines();
        let functions: Vec<&str> = lines.filter_map(|line| line.trim().split_once('+')).map(|f| f.0).collect();
        assert_eq!(functions, ["main.hit", "main.work", "main.main.func1", "runtime.goexit"], "{way} {}", ran.seen());
    }
}

fn check(args: &[&str], expect: Expect) {
    expect.assert_eq(&gospect(&[&["run"], args].concat()).seen());
}

#[test]
fn a_command_that_nothing_is_asked_of_may_be_anything() {
    need!(permitted());
    let args = ["-e", "END { printf(\"end\\n\") }"];
    check(
        &[&args[..], &["-c", "sh -c 'echo out; exit 5'"]].concat(),
        expect![[r#"
            out
            end
            attached 1 probe at 0 sites
            0 hits, 1 printed
            ended with the command
            the command exited with status 5
            (exit status 0)"#]],
    );
    check(
        &["-e", "go:main.f { @ = count() }", "--", "/nonexistent"],
        expect![[r#"
            gospect: /nonexistent cannot be opened: No such file or directory (os error 2)
            (exit status 3)"#]],
    );
    check(
        &["-e", "END { }", "--", "/nonexistent"],
        expect![[r#"
        attached 1 probe at 0 sites
        gospect: /nonexistent cannot be started: No such file or directory (os error 2)
        (exit status 3)"#]],
    );
    check(
        &["-e", "END { }", "-p", "4194304"],
        expect![[r#"
        gospect: there is no process with PID 4194304
        hint: `gospect ps` shows the Go processes that are running
        (exit status 3)"#]],
    );
}

#[test]
fn a_script_may_choose_the_exit_status() {
    need!(permitted());
    check(
        &["-q", "-e", "BEGIN { exit(7) } END { printf(\"end\\n\") }"],
        expect![[r#"
            end
            (exit status 7)"#]],
    );
}

#[test]
fn probes_are_listed_without_being_attached() {
    let path = need!(counter_path(Variant::Plain));
    let listed = |point: &str| gospect(&["run", "-l", "-t", path.to_str().unwrap(), point]).seen();
    expect![[r#"
        go:main.deep
        goret:main.hit
        (exit status 0)"#]]
    .assert_eq(&listed("go:main.*ep, goret:main.hit"));
    expect![[r#"
        error: there is no function `main.nothing`
         --> 1:4
          |
        1 | go:main.nothing { }
          |    ^^^^^^^^^^^^
        (exit status 1)"#]]
    .assert_eq(&listed("go:main.nothing"));
    expect![[r#"
        tracepoint:sched:sched_process_exec
        tracepoint:sched:sched_process_exit
        interval:s:1
        (exit status 0)"#]]
    .assert_eq(&listed("tracepoint:sched:sched_process_ex*, interval:s:1"));
    expect![[r#"
        error: reading tracepoint sched:nosuch*: there is none that matches
         --> 1:12
          |
        1 | tracepoint:sched:nosuch* { }
          |            ^^^^^^^^^^^^^
        (exit status 1)"#]]
    .assert_eq(&listed("tracepoint:sched:nosuch*"));
}

#[test]
fn limits_end_a_run() {
    need!(permitted());
    check(
        &["-q", "-n", "2", "-e", "interval:ms:1 { printf(\"x\\n\") }"],
        expect![[r#"
            x
            x
            (exit status 0)"#]],
    );
    check(&["-q", "--duration", "30ms", "-e", "interval:s:1 { @ = count() }"], expect!["(exit status 0)"]);
}

#[test]
fn what_ended_a_run_is_said() {
    need!(permitted());
    let ended_by = |args: &[&str]| {
        let all = objects(&gospect(&[&["run", "-f", "json"], args].concat()));
        summary(&all)["ended_by"].as_str().unwrap().to_owned()
    };
    assert_eq!(ended_by(&["-e", "BEGIN { exit() }"]), "exit");
    assert_eq!(ended_by(&["-e", "interval:ms:1 { exit() }"]), "exit");
    // What the end of the script asks for is not what ended it.
    assert_eq!(ended_by(&["-n", "2", "-e", "interval:ms:1 { print(1) } END { exit() }"]), "printed");
    assert_eq!(ended_by(&["--duration", "20ms", "-e", "interval:s:1 { }"]), "duration");
    assert_eq!(ended_by(&["-e", "END { }", "-c", "true"]), "command");
    for (signal, name) in [("-INT", "SIGINT"), ("-TERM", "SIGTERM"), ("-HUP", "SIGHUP")] {
        let tracing = Tracing::start(&["--json", "-e", "interval:s:1 { }"]);
        tracing.signal(signal);
        assert_eq!(summary(&objects(&tracing.ended()))["ended_by"], name);
    }
    let mut counter = Counter::start(&need!(counter_path(Variant::Plain)));
    let tracing = Tracing::start(&["-p", &counter.pid(), "--json", "-e", "go:main.hit { }"]);
    counter.end();
    assert_eq!(summary(&objects(&tracing.ended()))["ended_by"], "process");
}

#[test]
fn all_mistakes_of_a_script_are_shown_at_once() {
    let path = need!(counter_path(Variant::Plain));
    let text = "go:main.hti { @ = count() } go:main.hit { printf(\"%d\\n\", args.m) }";
    check(
        &["-t", path.to_str().unwrap(), "-e", text],
        expect![[r#"
            error: there is no function `main.hti`
             --> 1:4
              |
            1 | go:main.hti { @ = count() } go:main.hit { printf("%d\n", args.m) }
              |    ^^^^^^^^
              = help: did you mean `main.hit`?

            error: `main.hit` has no argument `m`
             --> 1:63
              |
            1 | go:main.hti { @ = count() } go:main.hit { printf("%d\n", args.m) }
              |                                                               ^
              = help: it has `n` int
            (exit status 2)"#]],
    );
    check(
        &["-t", path.to_str().unwrap(), "-e", "go:main.hti { @ = count() }"],
        expect![[r#"
        error: there is no function `main.hti`
         --> 1:4
          |
        1 | go:main.hti { @ = count() }
          |    ^^^^^^^^
          = help: did you mean `main.hit`?
        (exit status 1)"#]],
    );
    check(
        &["-e", "go:main.hit { @ = count() }"],
        expect![[r#"
            error: there is no target: name one with -p PID, --target PATH or -- COMMAND
             --> 1:4
              |
            1 | go:main.hit { @ = count() }
              |    ^^^^^^^^
            (exit status 2)"#]],
    );
}

#[test]
fn a_command_line_without_a_script_is_a_mistake() {
    check(
        &[],
        expect![[r#"
        gospect: `gospect run` needs a script: its file, `-` for standard input, or `-e TEXT`
        hint: `gospect help run` shows what can be typed
        (exit status 2)"#]],
    );
    check(
        &["-p", "1", "-t", "x", "-e", "BEGIN { exit() }"],
        expect![[r#"
        gospect: `-p` and `--target` cannot both name the target
        hint: leave one out
        (exit status 2)"#]],
    );
    check(
        &["-c", "'", "-e", "BEGIN { exit() }"],
        expect![[r#"
        gospect: `'` cannot be the value of `--command`: a quote in it is not closed
        hint: `gospect help run` shows what can be typed
        (exit status 2)"#]],
    );
    check(
        &["/nonexistent/script.bt"],
        expect![[r#"
        gospect: /nonexistent/script.bt cannot be read: No such file or directory (os error 2)
        (exit status 3)"#]],
    );
}

#[test]
fn what_comes_while_gospect_is_stopped_is_counted_as_lost_by_probe() {
    let mut counter = Counter::start(&need!(counter_path(Variant::Plain)));
    let text = "go:main.hit { printf(\"%d\\n\", args.n) } go:main.deep { @deep = count() }";
    let tracing = Tracing::start(&["-p", &counter.pid(), "--json", "-e", text]);
    let before = counter.calls(0, 0).0;
    tracing.signal("-STOP");
    // Each record takes 40 bytes at least, of the 4 MiB that there are.
    let hits = counter.calls(4, 40_000).0 - before;
    tracing.signal("-CONT");
    let all = objects(&tracing.stop());
    let summary = summary(&all);
    let (printed, lost) = (summary["printed"].as_u64().unwrap(), summary["lost"].as_u64().unwrap());
    assert_eq!(printed + lost, hits, "{summary}");
    assert!(lost > hits / 4, "{summary}");
    assert_eq!(summary["lost_by"], json!([{"probe": "go:main.hit", "records": lost}]));
}

#[test]
fn what_a_script_gathers_is_for_its_owner_alone() {
    need!(permitted());
    let scratch = Scratch::new();
    let path = scratch.0.join("gathered");
    let ran = gospect(&["run", "-q", "-e", "BEGIN { printf(\"x\"); exit() }", "-o", path.to_str().unwrap()]);
    assert_eq!((ran.seen().as_str(), fs::read_to_string(&path).unwrap().as_str()), ("(exit status 0)", "x"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
