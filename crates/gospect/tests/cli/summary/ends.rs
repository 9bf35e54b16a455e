//! `gospect states`, lines and summary, where the target becomes another program, starts others, is stopped, or dies, and
//! where nobody reads: what happened until then is told exactly, and no longer than it lasted.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use super::*;
use crate::running::Scratch;
use crate::states::{assert_adds_up, assert_chained};

/// That something became of a process is noticed five times a second.
const NOTICED: Duration = Duration::from_millis(250);
/// A while in which states last.
const WHILE: Duration = Duration::from_millis(400);

/// Both ways of looking, at one target, named by its PID or its path.
struct Both {
    lines: Tracing,
    summary: Tracing,
    since: Instant,
}

/// What both have told.
struct Told {
    lines: Vec<Value>,
    totals: Vec<Value>,
    ended_by: Value,
    notes: String,
}

/// A copy of the program, which no other test runs.
fn copy() -> Result<(Scratch, PathBuf), Missing> {
    let (scratch, path) = (Scratch::new(), path("times", "1.26")?);
    let path = scratch.copy(&path, "times");
    Ok((scratch, path))
}

fn by_path(path: &Path) -> [String; 1] {
    [path.to_string_lossy().into_owned()]
}

fn by_pid(times: &Counter) -> [String; 2] {
    ["-p".to_owned(), times.pid()]
}

impl Both {
    fn of(target: &[String]) -> Both {
        let target: Vec<&str> = target.iter().map(String::as_str).collect();
        let fixed = ["states", "--json", "--ready-fd", "1", "--max-overhead", "off"];
        let watch = |flags: &[&str]| Tracing::of(&mut command(&[&fixed, flags, &target].concat()));
        let lines = watch(&[]);
        let since = Instant::now();
        Both { lines, summary: watch(&["--summary"]), since }
    }

    fn stop(self) -> Told {
        Both::told(self.lines.stop(), self.summary.stop())
    }

    fn ended(self) -> Told {
        Both::told(self.lines.ended(), self.summary.ended())
    }

    fn told(lines: Ran, totals: Ran) -> Told {
        assert_eq!((lines.status, totals.status, &lines.stderr), (0, 0, &totals.stderr));
        let (lines, totals) = (objects(&lines), (objects(&totals), totals.stderr));
        assert_adds_up(&lines, "ends");
        let ((totals, notes), ended_by) = (totals, summary(&lines)["ended_by"].clone());
        assert_eq!(summary(&totals)["ended_by"], ended_by);
        let totals = totals.into_iter().filter(|object| object["type"] == "state_total").collect();
        Told { lines, totals, ended_by, notes }
    }
}

impl Told {
    /// How many goroutines of a function there were, were created, and are finished. Lines and summary say the same.
    fn goroutines(&self, function: &str) -> [u64; 3] {
        let changes = |which: &str, what: &str| {
            let of = |line: &&Value| line["type"] == "state" && line["function"] == function && line[which] == what;
            self.lines.iter().filter(of).count() as u64
        };
        let all = by_function(&self.totals);
        let total = all.get(function).unwrap_or_else(|| panic!("{function}: {:?}", self.totals));
        let counts = ["goroutines", "created", "finished"].map(|name| total[name].as_u64().unwrap());
        assert_eq!([changes("from", "dead"), changes("to", "dead")], counts[1..], "{function}: {total}");
        counts
    }

    /// How long each goroutine of the crowd has waited.
    fn each_waited(&self, crowd: u64) -> Duration {
        let waited = by_function(&self.totals)["main.stays"]["waiting_ns"]["chan receive"].as_u64().unwrap();
        Duration::from_nanos(waited / crowd)
    }
}

/// Makes it do something that has no answer but this.
fn becomes(times: &mut Counter, order: &str, answer: &str) {
    writeln!(times.orders.as_ref().unwrap(), "{order}").unwrap();
    assert_eq!(times.answer(), answer);
}

/// It is another program at once, or soon.
fn becomes_cat(times: &mut Counter) {
    writeln!(times.orders.as_ref().unwrap(), "become").unwrap();
    while fs::read_to_string(format!("/proc/{}/comm", times.pid())).unwrap() != "cat\n" {
        sleep(Duration::from_millis(1));
    }
    becomes(times, "what it is now repeats what it reads", "what it is now repeats what it reads");
}

fn lasted(waited: Duration, at_least: Duration, since: Instant, what: &str) {
    assert!((at_least..since.elapsed()).contains(&waited), "{what}: {waited:?}, at least {at_least:?}");
}

fn signal(times: &Counter, signal: &str) {
    assert!(Command::new("kill").args([signal, &times.pid()]).status().unwrap().success());
}

/// The program with twenty goroutines that were there before and fifty that came and went, and both that watch it.
fn busy(path: &Path, by_its_path: bool) -> (Counter, Both) {
    let mut times = Counter::start(path);
    ordered(&mut times, "crowd 20");
    let both = if by_its_path { Both::of(&by_path(path)) } else { Both::of(&by_pid(&times)) };
    ordered(&mut times, "pass 50");
    sleep(WHILE);
    (times, both)
}

#[test]
fn states_end_where_another_program_takes_the_place() {
    let (_scratch, path) = need!(copy());
    for by_its_path in [false, true] {
        let (mut times, both) = busy(&path, by_its_path);
        becomes_cat(&mut times);
        let until = both.since.elapsed() + NOTICED;
        sleep(4 * WHILE);
        let told = both.stop();
        assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([50; 3], [20, 0, 0]));
        assert_eq!(told.goroutines("runtime.main"), [1, 0, 0]);
        let waited = told.each_waited(20);
        assert!((WHILE..until).contains(&waited), "{waited:?}, {until:?}");
        assert_chained(&told.lines, "become");
        let note = format!("gospect: PID {} executes another program now (", times.pid());
        assert_eq!((told.notes.starts_with(&note), told.notes.lines().count()), (!by_its_path, !by_its_path as usize));
    }
}

#[test]
fn goroutines_of_a_program_that_executes_itself_are_others() {
    let (_scratch, path) = need!(copy());
    let mut times = Counter::start(&path);
    ordered(&mut times, "crowd 20");
    let both = Both::of(&by_path(&path));
    ordered(&mut times, "pass 50");
    becomes(&mut times, "exec", "ready");
    ordered(&mut times, "pass 30");
    ordered(&mut times, "crowd 5");
    let told = both.stop();
    assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([80; 3], [25, 5, 0]));
    assert_eq!((told.goroutines("runtime.main"), told.notes.as_str()), ([2, 1, 0], ""));
}

#[test]
fn a_process_that_the_kernel_does_not_know_any_more_is_told_of() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    ordered(&mut times, "crowd 20");
    let both = Both::of(&by_pid(&times));
    ordered(&mut times, "pass 50");
    sleep(WHILE);
    becomes(&mut times, "exec 1", "ready");
    // It is looked at twice before that is believed.
    let until = both.since.elapsed() + 2 * NOTICED + NOTICED;
    ordered(&mut times, "pass 30");
    sleep(4 * WHILE);
    let told = both.stop();
    assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([50; 3], [20, 0, 0]));
    let waited = told.each_waited(20);
    assert!((WHILE..until).contains(&waited), "{waited:?}, {until:?}");
    let note = format!(
        "gospect: PID {} executes a program anew, on a thread that the kernel does not know it by: what it does from here on \
         is not seen\n",
        times.pid()
    );
    assert_eq!(told.notes, note);
}

#[test]
fn children_that_run_the_same_program_count_where_that_is_named() {
    let (_scratch, path) = need!(copy());
    let mut times = Counter::start(&path);
    let (by_pid, by_path) = (Both::of(&by_pid(&times)), Both::of(&by_path(&path)));
    ordered(&mut times, "fork 3");
    ordered(&mut times, "pass 7");
    let (alone, all) = (by_pid.stop(), by_path.stop());
    assert_eq!((alone.goroutines("runtime.main"), alone.goroutines("main.passes")), ([1, 0, 0], [7; 3]));
    // They end as a whole: none of their goroutines does by itself.
    assert_eq!((all.goroutines("runtime.main"), all.goroutines("main.passes")), ([4, 3, 0], [7; 3]));
    let pids = |told: &Told| {
        let lines = told.lines.iter().filter(|line| line["type"] == "state");
        lines.map(|line| line["pid"].as_u64().unwrap()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((pids(&alone), pids(&all)), (1, 4));
    assert_chained(&alone.lines, "fork");
}

#[test]
fn a_target_that_is_stopped_goes_on_whether_anybody_watches_or_not() {
    let mut times = Counter::start(&need!(path("times", "1.26")));
    ordered(&mut times, "crowd 20");
    // It goes on while it is watched: states last as long as it stood still.
    let both = Both::of(&by_pid(&times));
    let since = both.since;
    ordered(&mut times, "pass 50");
    signal(&times, "-STOP");
    sleep(WHILE);
    signal(&times, "-CONT");
    ordered(&mut times, "pass 9");
    let told = both.stop();
    assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([59; 3], [20, 0, 0]));
    lasted(told.each_waited(20), WHILE, since, "continued");
    assert_chained(&told.lines, "continued");
    // Nobody watches any more when it goes on.
    let both = Both::of(&by_pid(&times));
    let since = both.since;
    ordered(&mut times, "pass 50");
    signal(&times, "-STOP");
    sleep(WHILE);
    let told = both.stop();
    assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([50; 3], [20, 0, 0]));
    lasted(told.each_waited(20), WHILE, since, "stopped");
    signal(&times, "-CONT");
    ordered(&mut times, "pass 3");
    ordered(&mut times, "leave");
}

#[test]
fn a_target_that_is_killed_leaves_what_it_did_until_then() {
    let (_scratch, path) = need!(copy());
    for by_its_path in [false, true] {
        let (mut times, both) = busy(&path, by_its_path);
        signal(&times, "-KILL");
        times.child.wait().unwrap();
        let until = both.since.elapsed() + NOTICED;
        let told = if by_its_path {
            sleep(2 * WHILE);
            both.stop()
        } else {
            both.ended()
        };
        assert_eq!(told.ended_by, if by_its_path { "SIGINT" } else { "process" });
        assert_eq!((told.goroutines("main.passes"), told.goroutines("main.stays")), ([50; 3], [20, 0, 0]));
        let waited = told.each_waited(20);
        assert!((WHILE..until).contains(&waited), "{waited:?}, {until:?}");
        assert_chained(&told.lines, "killed");
        assert_eq!(told.notes, "");
    }
}

#[test]
fn a_summary_that_nobody_reads_is_no_failure() {
    let times = Counter::start(&need!(path("times", "1.26")));
    let script = "\"$0\" states -q --summary --duration 300ms -p \"$1\" | true; echo \"${PIPESTATUS[0]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).arg(command(&[]).get_program()).arg(times.pid()).stdin(Stdio::null());
    assert_eq!(Ran::of(bash.output().unwrap()).seen(), "0\n(exit status 0)");
}

fn waits_for_network_and_pipes_are_those_that_the_program_counts(go: &'static str) {
    let path = need!(path("times", go));
    let mut last = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut times = Counter::start(&path);
        let both = Both::of(&by_pid(&times));
        let own = ordered(&mut times, "round 10");
        let told = both.stop();
        assert_chained(&told.lines, "waits");
        let seen = by_function(&told.totals);
        last.clear();
        for function in ["main.reads", "main.pipes"] {
            let (own, total) = (&own[function], seen[function]);
            assert_eq!(
                (own.reason.as_str(), total["waits"]["IO wait"].as_u64()),
                ("IO wait", Some(own.times)),
                "go{go}"
            );
            last.extend(wrong(function, own, total));
            let waits = told.lines.iter().filter(|line| line["function"] == function && line["reason"] == "IO wait");
            let (begun, over): (Vec<&Value>, Vec<&Value>) = waits.partition(|line| line["to"] == "waiting");
            assert_eq!((begun.len() as u64, over.len() as u64), (own.times, own.times), "go{go} {function}");
            let lines: u64 = over.iter().map(|line| line["for_ns"].as_u64().unwrap()).sum();
            let total = total["waiting_ns"]["IO wait"].as_u64().unwrap();
            // Both saw the same, each by its own clock.
            last.extend((lines.abs_diff(total) > slack(own.ns)).then(|| format!("{function}: {lines}, {total}")));
        }
        if last.is_empty() {
            return;
        }
    }
    panic!("go{go}: {}", last.join("\n"));
}
on_every_go!(waits_for_network_and_pipes_are_those_that_the_program_counts);
