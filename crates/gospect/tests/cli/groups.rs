//! Groups of processes: of a user, of a control group, of a container.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect;
use gospect_fixtures::{Missing, Variant, need};
use serde_json::json;

use crate::processes::map;
use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::running::{Running, Scratch, is_root, server};
use crate::several::other_counter;
use crate::{Ran, command, gospect};

/// A user whom nobody else's processes belong to.
const USER: u32 = 60_123;

/// A control group, gone at the end.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Of version 2 or of version 1, where this machine has it.
    pub fn new(hierarchy: &str, name: &str) -> Result<Cgroup, Missing> {
        permitted()?;
        let mount = ["/sys/fs/cgroup".to_owned(), format!("/sys/fs/cgroup/{hierarchy}")];
        let mount = mount.into_iter().rev().find(|path| Path::new(path).join("cgroup.procs").exists());
        let Some(path) = mount.map(|mount| Path::new(&mount).join(name)) else {
            return Err(Missing { why: format!("there are no control groups at /sys/fs/cgroup/{hierarchy}") });
        };
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Cgroup(path)),
            Err(error) => Err(Missing { why: format!("{} cannot be made: {error}", path.display()) }),
        }
    }

    /// A program in it, from its start.
    fn run(&self, path: &Path) -> Command {
        self.enter(&Command::new(path))
    }

    /// The same of a command.
    pub fn enter(&self, inner: &Command) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > $0/cgroup.procs && exec \"$@\""]).arg(&self.0);
        command.arg(inner.get_program()).args(inner.get_args());
        command
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel takes a moment to see that nobody is in it any more.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn of_a_user_every_process_counts_whatever_it_runs_and_no_one_elses() {
    let paths = [need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Pie))];
    if !is_root() {
        return Missing { why: "only root can become somebody else".into() }.skip();
    }
    let scratch = Scratch::new();
    let paths = [scratch.copy(&paths[0], "one"), scratch.copy(&paths[1], "two")];
    let start = |path: &Path| Counter::of(Command::new(path).uid(USER).gid(USER).current_dir("/"));
    let user = USER.to_string();
    for way in WAYS {
        let [mut one, mut two] = [&paths[0], &paths[1]].map(|path| start(path));
        let mut others = Counter::start(&paths[0]);
        let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() }";
        let tracing = Tracing::start(&["--user", &user, "--way", way, "--json", "-e", text]);
        let mut later = [start(&paths[0]), Counter::start(&paths[0])];
        one.calls(1, 100);
        two.calls(2, 100);
        others.calls(3, 100);
        later.iter_mut().for_each(|counter| _ = counter.calls(4, 100));
        let all = objects(&tracing.stop());
        let hits = json!({one.pid(): 100, two.pid(): 200, later[0].pid(): 400});
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
        assert_eq!(summary(&all)["full"], json!([]), "{way}");
    }
    let none = gospect(&["run", "--user", &user, "-e", "go:main.hit { }"]);
    expect![[r"
        gospect: there is no Go process of user 60123
        hint: `gospect ps` shows the Go processes that are running
        (exit status 1)"]]
    .assert_eq(&none.seen());
}

#[test]
fn programs_that_nobody_in_a_group_ran_before_are_probed_once_somebody_does() {
    let [plain, pie] = [need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Pie))];
    if !is_root() {
        return Missing { why: "only root can become somebody else".into() }.skip();
    }
    let user = USER + 2;
    let start = |path: &Path| Counter::of(Command::new(path).uid(user).gid(user).current_dir("/"));
    for way in WAYS {
        let scratch = Scratch::new();
        let paths = [scratch.copy(&plain, "one"), scratch.copy(&pie, "two"), scratch.copy(&plain, "none")];
        let mut one = start(&paths[0]);
        let text = "goret:main.hit /elapsed > 0 && args.n >= 0/ { @[pid, func] = count(); @all++ } \
                    go:main.deep { @deep = count() } goroutine:exit { @ends[args.startfunc] = count() } \
                    go:main.hit /func == \"main.hit\"/ { @named = count() }";
        let user = user.to_string();
        let mut tracing = Tracing::start(&["--user", &user, "--way", way, "--json", "-e", text]);
        one.calls(2, 100);
        // Nobody else's counts, now or later.
        let mut others = Counter::start(&paths[2]);
        others.calls(3, 100);
        let mut two = start(&paths[1]);
        let said =
            format!("gospect: PID {} runs a further program, {}, which is probed too", two.pid(), paths[1].display());
        assert_eq!(tracing.says(), said, "{way}");
        let mut again = start(&paths[1]);
        for (calls, counter) in (1..).zip([&mut one, &mut two, &mut again]) {
            counter.calls(3, 100 * calls);
        }
        let pids = [one.pid(), two.pid(), again.pid()];
        again.end();
        let all = objects(&tracing.stop());
        let at = paths.each_ref().map(|path| path.to_str().unwrap());
        let hits = json!({
            format!("{},main.hit in {}", pids[0], at[0]): 500,
            format!("{},main.hit in {}", pids[1], at[1]): 600,
            format!("{},main.hit in {}", pids[2], at[1]): 900,
        });
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
        assert_eq!(
            (map(&all, "@all"), map(&all, "@named"), map(&all, "@deep")),
            (json!(2000), json!(2000), json!(2020)),
            "{way}"
        );
        // Goroutines of each, also of those that ran before the probes were there.
        let ends = json!({format!("main.main.func1 in {}", at[0]): 5, format!("main.main.func1 in {}", at[1]): 6});
        assert_eq!(map(&all, "@ends"), ends, "{way}");
        let program = all.iter().find(|object| object["type"] == "program").unwrap();
        let told = [&program["path"], &program["pid"], &program["replaces"], &program["probed"], &program["why"]];
        assert_eq!(
            told.map(Clone::clone),
            [json!(at[1]), json!(two.child.id()), json!(false), json!(true), json!(null)]
        );
        let none = ["lost", "unpaired", "unended", "missed", "open"];
        assert!(none.iter().all(|field| summary(&all)[field] == json!(0)), "{way} {:?}", summary(&all));
    }
}

#[test]
fn a_program_that_comes_into_a_group_and_cannot_be_probed_is_told_of_once() {
    let path = need!(counter_path(Variant::Plain));
    let served = need!(server("1.26", Variant::Plain));
    let name = format!("gospect-unfit-{}", std::process::id());
    let cgroup = need!(Cgroup::new("unified", &name));
    let mut counter = Counter::of(&mut cgroup.run(&path));
    let text = "go:main.hit { @ = count(); @n[args.n >= 0] = count() }";
    let mut tracing = Tracing::start(&["--cgroup", &name, "--json", "-e", text]);
    // What is not Go is nobody's business.
    let mut sleep = cgroup.enter(Command::new("sleep").arg("60")).spawn().unwrap();
    let servers = [(); 2].map(|()| Running::server(&mut cgroup.run(&served)));
    let pid = servers.iter().map(Running::pid).min().unwrap();
    let why = "which is not probed: nothing in it matches";
    let said = format!("gospect: PID {pid} runs a further program, {}, {why}", served.display());
    assert_eq!(tracing.says(), said);
    std::thread::sleep(std::time::Duration::from_millis(700));
    counter.calls(2, 100);
    let ran = tracing.stop();
    assert_eq!(ran.stderr.matches("further program").count(), 0, "{}", ran.stderr);
    let all = objects(&ran);
    let told: Vec<_> = all.iter().filter(|object| object["type"] == "program").collect();
    assert_eq!((told.len(), &told[0]["probed"], map(&all, "@")), (1, &json!(false), json!(200)));
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

#[test]
fn a_group_without_a_go_process_is_waited_for_if_there_are_others() {
    let path = need!(counter_path(Variant::Plain));
    let name = format!("gospect-first-{}", std::process::id());
    let cgroup = need!(Cgroup::new("unified", &name));
    let mut sleep = cgroup.enter(Command::new("sleep").arg("60")).spawn().unwrap();
    while fs::read_to_string(cgroup.0.join("cgroup.procs")).unwrap().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut inner = cgroup.run(&path);
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        Counter::of(&mut inner)
    });
    let mut tracing = Tracing::start(&["--cgroup", &name, "--json", "-e", "go:main.hit { @[pid] = count() }"]);
    let said = format!("gospect: there is no Go process in control group {name} yet, the first one is waited for");
    assert_eq!(tracing.says(), said);
    let mut counter = late.join().unwrap();
    counter.calls(2, 100);
    assert_eq!(map(&objects(&tracing.stop()), "@"), json!({counter.pid(): 200}));
    // It is waited for no longer than all may take.
    drop(counter);
    let none = gospect(&["run", "--cgroup", &name, "--duration", "300ms", "-e", "go:main.hit { }"]);
    let said = format!("{said}\ngospect: there is no Go process in control group {name}\n");
    let hint = "hint: `gospect ps` shows the Go processes that are running\n(exit status 1)";
    assert_eq!(none.seen(), said + hint);
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

#[test]
fn a_new_build_in_a_group_takes_the_place_of_the_one_before() {
    let [plain, new] = [need!(counter_path(Variant::Plain)), need!(other_counter(Variant::Plain))];
    for way in WAYS {
        let name = format!("gospect-deploy-{way}-{}", std::process::id());
        let cgroup = need!(Cgroup::new("unified", &name));
        let scratch = Scratch::new();
        let path = scratch.copy(&plain, "app");
        let shown = path.display();
        let mut first = Counter::of(&mut cgroup.run(&path));
        let text = "goret:main.hit /elapsed > 0/ { @[pid, func] = count(); @all++ }";
        let mut tracing = Tracing::start(&["--cgroup", &name, "--way", way, "--json", "-e", text]);
        first.calls(2, 100);
        fs::rename(scratch.copy(&new, "next"), &path).unwrap();
        let mut second = Counter::of(&mut cgroup.run(&path));
        assert_eq!(tracing.says(), format!("gospect: {shown} was replaced, its new file is probed too"), "{way}");
        second.calls(3, 100);
        first.calls(1, 100);
        let pids = [first.pid(), second.pid()];
        first.end();
        let gone =
            format!("gospect: no process runs the file any more that {shown} was before, its probes are taken out");
        assert_eq!(tracing.says(), gone, "{way}");
        // The first build once more: it was let go of, and is probed again.
        fs::rename(scratch.copy(&plain, "back"), &path).unwrap();
        let mut third = Counter::of(&mut cgroup.run(&path));
        assert_eq!(tracing.says(), format!("gospect: {shown} was replaced, its new file is probed too"), "{way}");
        third.calls(4, 100);
        let all = objects(&tracing.stop());
        let hits = json!({
            format!("{},main.hit", pids[0]): 300,
            format!("{},main.hit", pids[1]): 300,
            format!("{},main.hit", third.pid()): 400,
        });
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
        assert_eq!((map(&all, "@all"), &summary(&all)["unpaired"]), (json!(1000), &json!(0)), "{way}");
    }
}

#[test]
fn all_are_those_of_the_user_who_called_sudo() {
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    if !is_root() {
        return Missing { why: "only root can become somebody else".into() }.skip();
    }
    let (user, number) = (USER + 1, (USER + 1).to_string());
    let mut own = Counter::of(Command::new(&path).uid(user).gid(user).current_dir("/"));
    let mut others = Counter::start(&path);
    let mut gospect = command(&["run", "--ready-fd", "1", "--all", "--json", "-e", "go:main.hit { @[pid] = count() }"]);
    let tracing = Tracing::of(gospect.env("SUDO_UID", &number).env("SUDO_GID", &number));
    own.calls(1, 100);
    others.calls(1, 100);
    assert_eq!(map(&objects(&tracing.stop()), "@"), json!({own.pid(): 100}));
}

#[test]
fn of_a_container_those_count_that_are_in_it_also_such_as_start_later() {
    let path = need!(counter_path(Variant::Plain));
    // Version 2 tells the kernel's programs, version 1 is looked at from outside.
    for (hierarchy, tells) in [("unified", true), ("memory", false)] {
        let id = format!("{}{:056x}", if tells { "5a5a0001" } else { "5a5a0002" }, std::process::id());
        let cgroup = need!(Cgroup::new(hierarchy, &format!("gospect-{id}.scope")));
        let mut inside = Counter::of(&mut cgroup.run(&path));
        let mut outside = Counter::start(&path);
        let name = format!("gospect-{id}.scope");
        for target in [["--container", &id[..8]], ["--cgroup", &name], ["--cgroup", cgroup.0.to_str().unwrap()]] {
            let text = "go:main.hit { @[pid] = count() }";
            let tracing = Tracing::start(&[&["--json", "-e", text][..], &target].concat());
            let mut later = Counter::of(&mut cgroup.run(&path));
            if !tells {
                std::thread::sleep(std::time::Duration::from_millis(1000));
            }
            inside.calls(1, 100);
            outside.calls(2, 100);
            later.calls(3, 100);
            let all = objects(&tracing.stop());
            let hits = json!({inside.pid(): 100, later.pid(): 300});
            assert_eq!(map(&all, "@"), hits, "{hierarchy} {target:?} {:?}", summary(&all));
        }
        let listed = objects(&gospect(&["ps", "--container", &id, "--json"]));
        assert_eq!(listed.iter().map(|row| row["pid"].to_string()).collect::<Vec<_>>(), [inside.pid()]);
        let info = gospect(&["list", "--container", &id[..8], "main.hit", "--json"]);
        assert_eq!((info.status, info.stderr.as_str()), (0, ""));
    }
}

#[test]
fn a_container_is_found_by_the_name_that_its_runtime_has_written_down() {
    let path = need!(counter_path(Variant::Plain));
    let id = format!("5a5a0003{:056x}", std::process::id());
    let cgroup = need!(Cgroup::new("unified", &id));
    let mut inside = Counter::of(&mut cgroup.run(&path));
    let script = "mount -t tmpfs t /var/lib && mkdir -p /var/lib/docker/containers/$1 && \
                  echo '{\"ID\":\"x\",\"Name\":\"/web-1\"}' > /var/lib/docker/containers/$1/config.v2.json && shift && exec \"$@\"";
    let args = ["run", "--ready-fd", "1", "--json", "-e", "go:main.hit { @ = count() }", "--container", "web-1"];
    let gospect = command(&args);
    let mut inner = Command::new("unshare");
    inner.args(["-m", "sh", "-c", script, "sh", &id]).arg(gospect.get_program()).args(gospect.get_args());
    let tracing = Tracing::of(&mut inner);
    inside.calls(1, 100);
    assert_eq!(map(&objects(&tracing.stop()), "@"), json!(100));
}

#[test]
fn what_is_no_group_is_said() {
    let run =
        |args: &[&str]| Ran::of(command(&[&["run", "-e", "go:main.hit { }"][..], args].concat()).output().unwrap());
    expect![[r"
        gospect: there is no user no-such-user on this machine
        hint: users of a container or a directory service are named by number
        (exit status 2)"]]
    .assert_eq(&run(&["--user", "no-such-user"]).seen());
    expect![[r"
        gospect: a group of processes, and `-p` or `--target`, cannot both name the target
        hint: leave one out
        (exit status 2)"]]
    .assert_eq(&run(&["--all", "-p", "1"]).seen());
    expect![[r"
        gospect: there is no Go process in control group /no/such/group
        hint: `gospect ps` shows the Go processes that are running
        (exit status 1)"]]
    .assert_eq(&run(&["--cgroup", "/no/such/group/"]).seen());
    let container = run(&["--container", "no-such-name"]);
    assert!(container.stderr.starts_with("gospect: no container no-such-name runs here"), "{}", container.stderr);
    assert_eq!(container.status, 1);
}
