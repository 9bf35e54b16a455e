//! `gospect run` and processes that come and go: what it counts of them, and what it says at its end.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::{Value, json};

use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::running::Scratch;

fn brief_path(go: &'static str, variant: Variant) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("brief", go, variant).on(arch))
}

/// What a map held at the end.
pub fn map(all: &[Value], name: &str) -> Value {
    let maps = all.iter().filter(|object| object["type"] == "map");
    maps.filter_map(|object| object["data"].get(name)).next_back().cloned().unwrap_or(Value::Null)
}

#[test]
fn calls_that_have_not_returned_are_open_at_the_end() {
    let path = need!(brief_path("1.26", Variant::Plain));
    let text = "goret:main.stay /elapsed > 0/ { @stay = count() } goret:main.hit /elapsed > 0/ { @hit = count() }";
    for way in WAYS {
        let args = ["run", "--json", "--way", way, "-e", text, "--", path.to_str().unwrap(), "100", "7"];
        let all = objects(&crate::gospect(&args[..]).without_its("100\n"));
        assert_eq!((map(&all, "@hit"), map(&all, "@stay")), (json!(100), Value::Null), "{way}");
        // Seven goroutines, each in 21 calls: more than a head holds without chunks.
        assert_eq!(summary(&all)["open"], json!(7 * 21), "{way} {:?}", summary(&all));
        let none = ["unpaired", "unended", "foreign", "no_g", "unreadable", "no_scratch", "damaged", "lost", "missed"];
        assert!(none.iter().all(|field| summary(&all)[field] == json!(0)), "{way} {:?}", summary(&all));
        assert_eq!((&summary(&all)["full"], &summary(&all)["detached"]), (&json!([]), &json!([])));
    }
}

#[test]
fn a_command_counts_on_whichever_of_its_threads_executes_it_anew() {
    // Regression: the kernel's link knows a process by its first thread, which is another one afterwards.
    let path = need!(brief_path("1.26", Variant::Plain));
    for way in WAYS {
        let text = "go:main.hit { @ = count() }";
        let args = ["run", "--json", "--way", way, "-e", text, "--", path.to_str().unwrap(), "10", "0", "3"];
        let all = objects(&crate::gospect(&args[..]).without_its("10\n10\n10\n10\n"));
        assert_eq!(map(&all, "@"), json!(40), "{way} {:?}", summary(&all));
    }
}

#[test]
fn a_call_that_ended_before_the_probes_were_there_is_unpaired() {
    let path = need!(counter_path(Variant::Plain));
    for way in WAYS {
        let mut counter = Counter::start(&path);
        let text = "goret:main.main { @ = sum(elapsed) }";
        let tracing = Tracing::start(&["-p", &counter.pid(), "--way", way, "--json", "-e", text]);
        counter.end();
        let all = objects(&tracing.ended());
        assert_eq!((&summary(&all)["unpaired"], &summary(&all)["open"]), (&json!(1), &json!(0)), "{way}");
    }
}

#[test]
fn each_full_map_is_named_with_what_it_had_no_room_for() {
    need!(permitted());
    // Regression: only the first map of a text was looked at.
    let text = "let @a = hash(2); let @b = hash(3); BEGIN { @a[1] = 1; unroll(8) { @i++; @b[@i] = @i; } exit() }";
    let all = objects(&crate::gospect(&["run", "--json", "-q", "-e", text]));
    assert_eq!(summary(&all)["full"], json!([{"map": "@b", "times": 5}]));
    let ran = crate::gospect(&["run", "-e", text]);
    expect_test::expect![[r#"
        attached 1 probe at 0 sites
        gospect: @b is full: 5 times there was no room for a new key
        0 hits, 0 printed
        ended by exit()
    "#]]
    .assert_eq(&ran.stderr);
}

/// Runs a program so often, two at a time, each with no input; what all of them have counted.
fn in_turn(path: &Path, args: &[&str], times: u64) -> u64 {
    let one = || Command::new(path).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let counted = |child: Child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    (0..times / 2).map(|_| [one(), one()].map(counted).iter().sum::<u64>()).sum()
}

#[test]
fn programs_that_live_for_moments_are_counted_wherever_they_are_loaded_and_leave_nothing_behind() {
    for (variant, way, times) in
        [(Variant::Pie, "best", 300), (Variant::Plain, "best", 60), (Variant::Pie, "tracefs", 60)]
    {
        let path = need!(brief_path("1.26", variant));
        let scratch = Scratch::new();
        let path = scratch.copy(&path, "brief");
        let text = "goret:main.hit /elapsed > 0/ { @ = count(); @pids[pid] = count() } \
                    goret:main.stay /elapsed > 0/ { @stay = count() }";
        let args = ["-t", path.to_str().unwrap(), "--way", way, "--json", "-e", text];
        let tracing = Tracing::start(&args);
        let empty = heads_bytes(tracing.child.id());
        // All of them have their first goroutines at the same addresses.
        let counted = in_turn(&path, &["20", "2"], times);
        assert_eq!(counted, 20 * times);
        std::thread::sleep(Duration::from_millis(800));
        let left = heads_bytes(tracing.child.id()) - empty;
        in_turn(&path, &["2", "1"], 2);
        let all = objects(&tracing.stop());
        assert_eq!(map(&all, "@"), json!(counted + 4), "{variant:?} {way} {:?}", summary(&all));
        assert_eq!(map(&all, "@pids").as_object().unwrap().len() as u64, times + 2, "{variant:?} {way}");
        // The calls that each process ended in.
        assert_eq!(summary(&all)["open"], json!(21 * (2 * times + 2)), "{variant:?} {way}");
        assert_eq!(
            (&summary(&all)["unpaired"], &summary(&all)["unended"]),
            (&json!(0), &json!(0)),
            "{variant:?} {way}"
        );
        // What the last few leave is taken out a moment later.
        assert!(left < 10_000, "{left} bytes are kept, {variant:?} {way}");
    }
}

/// How much memory the heads of goroutines take in a gospect, by what the kernel says of its maps.
fn heads_bytes(gospect: u32) -> u64 {
    let fds = fs::read_dir(format!("/proc/{gospect}/fdinfo")).unwrap();
    let texts = fds.filter_map(|fd| fs::read_to_string(fd.ok()?.path()).ok());
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.trim().parse::<u64>().ok())
    };
    // Of the maps with such keys it is the one with most room.
    let maps = texts.filter(|text| field(text, "key_size") == Some(16));
    maps.filter_map(|text| Some((field(&text, "max_entries")?, field(&text, "memlock")?))).max().expect("a map").1
}

/// Where this machine has its C library.
fn libc() -> Result<PathBuf, Missing> {
    permitted()?;
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps.lines().find_map(|line| Some(&line[line.find('/')?..]).filter(|path| path.contains("/libc.so")));
    path.map(PathBuf::from).ok_or_else(|| Missing { why: "the tests were built without a shared C library".into() })
}

#[test]
fn a_library_counts_in_every_process_that_maps_it_unless_a_target_is_named() {
    let (libc, scratch) = (need!(libc()), Scratch::new());
    let [mine, other] = ["gospect-mine", "gospect-other"].map(|name| scratch.copy(Path::new("/bin/uname"), name));
    let ours = r#"comm == "gospect-mine" || comm == "gospect-other""#;
    let text = format!("uprobe:{}:uname /{ours}/ {{ @[comm] = count() }}", libc.display());
    let run = |path: &Path, times: u32| {
        for _ in 0..times {
            assert!(Command::new(path).stdout(Stdio::null()).status().unwrap().success());
        }
    };
    for way in WAYS {
        let tracing = Tracing::start(&["--json", "--way", way, "-e", &text]);
        run(&mine, 3);
        run(&other, 2);
        let all = objects(&tracing.stop());
        assert_eq!(map(&all, "@"), json!({"gospect-mine": 3, "gospect-other": 2}), "{way} {:?}", summary(&all));

        let args = ["--json", "--way", way, "-e", &text, "--", mine.to_str().unwrap()];
        let ran = crate::gospect(&[&["run"], &args[..]].concat()).without_its("Linux\n");
        assert_eq!(map(&objects(&ran), "@"), json!({"gospect-mine": 1}), "{way}");
    }
}

/// A shell that calls `kill` of the C library for each line.
struct Caller(Child);

impl Caller {
    fn start(path: &Path) -> Caller {
        let script = "while read line; do kill -0 $$; echo done; done";
        let piped = |command: &mut Command| command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Caller(piped(Command::new(path).args(["-c", script])))
    }

    fn calls(&mut self, times: usize) {
        self.0.stdin.as_mut().unwrap().write_all("\n".repeat(times).as_bytes()).unwrap();
        let mut done = vec![0; "done\n".len() * times];
        self.0.stdout.as_mut().unwrap().read_exact(&mut done).unwrap();
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn of_libraries_only_what_the_target_does_counts() {
    let (libc, scratch) = (need!(libc()), Scratch::new());
    let paths = ["gospect-this", "gospect-that"].map(|name| scratch.copy(Path::new("/bin/sh"), name));
    let [mut this, mut that] = [&paths[0], &paths[1]].map(|path| Caller::start(path));
    let text = format!("uprobe:{}:kill {{ @[comm] = count() }}", libc.display());
    let pid = this.0.id().to_string();
    for target in [["-t", paths[0].to_str().unwrap()], ["-p", &pid]] {
        for way in WAYS {
            let args = [&["--json", "--way", way, "-e", &text][..], &target].concat();
            let tracing = Tracing::start(&args);
            this.calls(4);
            that.calls(3);
            let all = objects(&tracing.stop());
            assert_eq!(map(&all, "@"), json!({"gospect-this": 4}), "{target:?} {way} {:?}", summary(&all));
        }
    }
}

#[test]
fn a_file_that_is_replaced_is_probed_anew_and_the_old_ones_processes_are_still_traced() {
    for (variant, way) in [(Variant::Plain, "best"), (Variant::Pie, "best"), (Variant::Plain, "tracefs")] {
        let old = need!(counter_path(variant));
        let new = need!(build(&Fixture::new("counter", "1.25", variant).on(Arch::native().unwrap())));
        let scratch = Scratch::new();
        let path = scratch.copy(&old, "counter");
        let text = "goret:main.hit /elapsed > 0 && args.n >= 0/ { @[pid, func] = count(); @all++ } \
                    go:main.deep { @deep[func] = count() } goret:main.main /elapsed > 0/ { @main = count() }";
        let args = ["-t", path.to_str().unwrap(), "--way", way, "--json", "-e", text];
        let mut first = Counter::start(&path);
        let mut tracing = Tracing::start(&args);
        first.calls(2, 100);
        fs::rename(scratch.copy(&new, "next"), &path).unwrap();
        let said = format!("gospect: {} was replaced, its new file is probed too", path.display());
        assert_eq!(tracing.says(), said, "{variant:?} {way}");
        let mut second = Counter::start(&path);
        first.calls(3, 100);
        second.calls(4, 100);
        let pids = [first.pid(), second.pid()];
        second.end();
        let all = objects(&tracing.stop());
        let hits = json!({format!("{},main.hit", pids[0]): 500, format!("{},main.hit", pids[1]): 400});
        assert_eq!(map(&all, "@"), hits, "{variant:?} {way} {:?}", summary(&all));
        assert_eq!(
            (map(&all, "@all"), map(&all, "@deep")),
            (json!(900), json!({"main.deep": 909})),
            "{variant:?} {way}"
        );
        // The second one's main, seen from its beginning.
        assert_eq!(map(&all, "@main"), json!(1), "{variant:?} {way}");
        assert_eq!((&summary(&all)["unpaired"], &summary(&all)["open"]), (&json!(0), &json!(0)), "{variant:?} {way}");
    }
}

/// What holds programs in place in a gospect: links, or perf events by the tracefs way.
fn links(gospect: u32) -> usize {
    let fds = fs::read_dir(format!("/proc/{gospect}/fd")).unwrap();
    let names = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let held = ["anon_inode:bpf_link", "anon_inode:bpf-link", "anon_inode:[perf_event]"];
    names.filter(|name| held.contains(&name.to_str().unwrap_or_default())).count()
}

#[test]
fn probes_leave_a_replaced_file_when_nobody_runs_it_and_come_back_with_it() {
    for way in WAYS {
        let old = need!(counter_path(Variant::Plain));
        let new = need!(build(&Fixture::new("counter", "1.25", Variant::Plain).on(Arch::native().unwrap())));
        let scratch = Scratch::new();
        let path = scratch.copy(&old, "counter");
        let kept = scratch.0.join("kept");
        fs::hard_link(&path, &kept).unwrap();
        let shown = path.display();
        let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() }";
        let mut first = Counter::start(&path);
        let mut tracing = Tracing::start(&["-t", path.to_str().unwrap(), "--way", way, "--json", "-e", text]);
        let one_build = links(tracing.child.id());
        assert!(one_build >= 3, "{one_build} links: {way}");
        first.calls(1, 100);
        fs::rename(scratch.copy(&new, "next"), &path).unwrap();
        assert_eq!(tracing.says(), format!("gospect: {shown} was replaced, its new file is probed too"));
        assert_eq!(links(tracing.child.id()), 2 * one_build, "{way}");
        let mut second = Counter::start(&path);
        second.calls(1, 200);
        let pids = [first.pid(), second.pid()];
        first.end();
        let gone =
            format!("gospect: no process runs the file any more that {shown} was before, its probes are taken out");
        assert_eq!(tracing.says(), gone, "{way}");
        assert_eq!(links(tracing.child.id()), one_build, "{way}");
        // Nothing is left in the old file, and what is left of it is what was counted.
        Counter::start(&kept).calls(1, 50);
        fs::rename(&kept, &path).unwrap();
        assert_eq!(tracing.says(), format!("gospect: {shown} was replaced, its new file is probed too"), "{way}");
        let mut third = Counter::start(&path);
        third.calls(1, 300);
        second.end();
        assert_eq!(tracing.says(), gone, "{way}");
        let all = objects(&tracing.stop());
        let hits = json!({pids[0].clone(): 100, pids[1].clone(): 200, third.pid(): 300});
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
        assert_eq!((&summary(&all)["unpaired"], &summary(&all)["open"]), (&json!(0), &json!(0)), "{way}");
    }
}

#[test]
fn a_file_that_is_written_over_where_it_stands_is_probed_anew() {
    let old = need!(counter_path(Variant::Plain));
    let new = need!(build(&Fixture::new("counter", "1.25", Variant::Plain).on(Arch::native().unwrap())));
    for way in WAYS {
        let scratch = Scratch::new();
        let path = scratch.copy(&old, "counter");
        let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() }";
        let mut first = Counter::start(&path);
        let mut tracing = Tracing::start(&["-t", path.to_str().unwrap(), "--way", way, "--json", "-e", text]);
        let in_place = links(tracing.child.id());
        first.calls(2, 100);
        let pids = [first.pid()];
        first.end();
        assert!(Command::new("cp").arg(&new).arg(&path).status().unwrap().success());
        let shown = path.display();
        let said = [(); 2].map(|()| tracing.says());
        assert!(said.contains(&format!("gospect: {shown} was written over, its probes are taken out")), "{said:?}");
        assert!(said.contains(&format!("gospect: {shown} was replaced, its new file is probed too")), "{said:?}");
        assert_eq!(links(tracing.child.id()), in_place, "{way}");
        let mut second = Counter::start(&path);
        second.calls(3, 100);
        let all = objects(&tracing.stop());
        let hits = json!({pids[0].clone(): 200, second.pid(): 300});
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
        assert_eq!(summary(&all)["unpaired"], json!(0), "{way}");
    }
}

#[test]
fn a_file_that_is_replaced_by_something_else_is_told_of() {
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    let mut first = Counter::start(&path);
    let mut tracing = Tracing::start(&["-t", path.to_str().unwrap(), "--json", "-e", "go:main.hit { @ = count() }"]);
    fs::rename(scratch.copy(&need!(brief_path("1.26", Variant::Plain)), "next"), &path).unwrap();
    assert_eq!(tracing.says(), format!("gospect: {} was replaced, its new file is probed too", path.display()));
    assert!(Command::new(&path).arg("6").stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
    fs::rename(scratch.copy(Path::new("/bin/true"), "next"), &path).unwrap();
    let why = "there is no function `main.hit`";
    let said = format!("gospect: {} was replaced, and its new file is not probed: {why}", path.display());
    assert_eq!(tracing.says(), said);
    first.calls(1, 10);
    assert_eq!(map(&objects(&tracing.stop()), "@"), json!(16));
}
