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
use crate::running::{Scratch, is_root};
use crate::several::other_counter;
use crate::{Ran, command, gospect};

/// A user whom nobody else's processes belong to.
const USER: u32 = 60_123;

/// A control group, gone at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Of version 2 or of version 1, where this machine has it.
    fn new(hierarchy: &str, name: &str) -> Result<Cgroup, Missing> {
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

    /// A command in it, from its start.
    fn run(&self, path: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > $1/cgroup.procs && exec $2", "sh"]).arg(&self.0).arg(path);
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
