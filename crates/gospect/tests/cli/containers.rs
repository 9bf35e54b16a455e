//! `gospect run` and namespaces: what it traces in containers, and from within one.
//!
//! What makes a container is made with `unshare` and an overlay of mounts, by root; where that is not allowed the tests are
//! skipped. Processes are seen from outside by the numbers that the host's `/proc` has.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::json;

use crate::groups::Cgroup;
use crate::processes::map;
use crate::run::{Counter, Tracing, WAYS, counter_path, objects, permitted, summary};
use crate::running::Scratch;
use crate::several::other_counter;
use crate::{Ran, command};

/// Nothing where namespaces and overlays can be made.
fn root() -> Result<(), Missing> {
    permitted()?;
    let script = "mkdir $1/a $1/b $1/c && mount -t tmpfs t $1/b && mkdir $1/b/u $1/b/w && \
                  mount -t overlay o -o lowerdir=$1/a,upperdir=$1/b/u,workdir=$1/b/w $1/c";
    let scratch = Scratch::new();
    let mut command = Command::new("unshare");
    command.args(["-m", "-p", "-f", "sh", "-c", script, "sh"]).arg(&scratch.0);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Missing { why: String::from_utf8_lossy(&output.stderr).trim().to_owned() }),
        Err(error) => Err(Missing { why: format!("unshare cannot be run: {error}") }),
    }
}

/// An image with the program `/counter` in it.
fn image(scratch: &Scratch, variant: Variant) -> Result<PathBuf, Missing> {
    let image = scratch.0.join("image");
    fs::create_dir_all(&image).unwrap();
    scratch.copy(&counter_path(variant)?, "image/counter");
    // A program that can be loaded anywhere wants somebody to load it.
    for (directory, loader) in [("lib64", "ld-linux-x86-64.so.2"), ("lib", "ld-linux-aarch64.so.1")] {
        let path = Path::new("/").join(directory).join(loader);
        if path.exists() {
            fs::create_dir_all(image.join(directory)).unwrap();
            scratch.copy(&path, &format!("image/{directory}/{loader}"));
        }
    }
    Ok(image)
}

/// A command that runs `/counter` in a container of an image: with its own mounts and processes, an overlay as its root, and
/// nothing there that an image does not have.
fn container(image: &Path, name: &str, more: &[&str]) -> Command {
    let script = "mkdir -p $1 && mount -t tmpfs t $1 && mkdir $1/u $1/w $1/root && \
                  mount -t overlay o -o lowerdir=$2,upperdir=$1/u,workdir=$1/w $1/root && \
                  cd $1/root && pivot_root . . && exec /counter";
    let mut command = Command::new("unshare");
    command.args(["-m", "-p", "-f", "--kill-child"]).args(more);
    command.args(["sh", "-c", script, "sh"]).arg(image.with_file_name(name)).arg(image);
    command
}

/// The numbers of the process that a command has led to: ours first, its own last.
fn numbers(command: &Child) -> Vec<String> {
    let mut pid = command.id().to_string();
    // `unshare` and `nsenter` have one child, which may have executed several programs by now.
    while let Ok(children) = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        && let Some(child) = children.split_whitespace().next()
    {
        child.clone_into(&mut pid);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    numbers.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn from_the_host_containers_of_one_image_are_one_program_of_which_those_count_that_are_named() {
    need!(root());
    for variant in [Variant::Plain, Variant::Pie] {
        let scratch = Scratch::new();
        let image = need!(image(&scratch, variant));
        for way in WAYS {
            let names = ["one", "two", "three"].map(|name| format!("{name}-{way}"));
            let mut counters = names.each_ref().map(|name| Counter::of(&mut container(&image, name, &[])));
            let pids = counters.each_ref().map(|counter| numbers(&counter.child)[0].clone());
            let text = "goret:main.hit /elapsed > 0/ { @[pid] = count(); @at[ustack(1), pid == tid] = count() }";
            let args = ["--way", way, "--json", "-e", text, "-p", &pids[0], "-p", &pids[1]];
            let tracing = Tracing::start(&args);
            (1..).zip(&mut counters).for_each(|(calls, counter)| _ = counter.calls(2, 100 * calls));
            let all = objects(&tracing.stop());
            let hits = json!({pids[0].clone(): 200, pids[1].clone(): 400});
            assert_eq!(map(&all, "@"), hits, "{variant:?} {way} {:?}", summary(&all));
            assert_eq!(summary(&all)["matched"], json!(1), "{variant:?} {way} {:?}", summary(&all));
            let at = map(&all, "@at").to_string();
            assert!(at.contains("main.hit+") && !at.contains("0x"), "{variant:?} {way} {at}");
        }
    }
}

#[test]
fn in_a_container_of_a_group_a_program_of_another_image_is_another_program() {
    need!(root());
    let scratch = Scratch::new();
    let [first, second] = [Scratch::new(), Scratch::new()];
    let images = [need!(image(&first, Variant::Plain)), need!(image(&second, Variant::Plain))];
    // Both have it at the same path.
    fs::rename(scratch.copy(&need!(other_counter(Variant::Plain)), "next"), images[1].join("counter")).unwrap();
    let name = format!("gospect-images-{}", std::process::id());
    let cgroup = need!(Cgroup::new("unified", &name));
    let start = |image: &Path, name: &str| Counter::of(&mut cgroup.enter(&container(image, name, &[])));
    for way in WAYS {
        let mut one = start(&images[0], &format!("one-{way}"));
        let text = "goret:main.hit /elapsed > 0/ { @[pid, func] = count() }";
        let mut tracing = Tracing::start(&["--cgroup", &name, "--way", way, "--json", "-e", text]);
        let mut two = start(&images[1], &format!("two-{way}"));
        let pids = [&one, &two].map(|counter| numbers(&counter.child)[0].clone());
        let said = format!("gospect: PID {} runs a further program, /counter, which is probed too", pids[1]);
        assert_eq!(tracing.says(), said, "{way}");
        // Of the first image once more, in a container of its own.
        let mut three = start(&images[0], &format!("three-{way}"));
        let last = numbers(&three.child)[0].clone();
        for (calls, counter) in (1..).zip([&mut one, &mut two, &mut three]) {
            counter.calls(2, 100 * calls);
        }
        let all = objects(&tracing.stop());
        let hits = json!({
            format!("{0},main.hit in /counter (PID {0})", pids[0]): 200,
            format!("{0},main.hit in /counter (PID {0})", pids[1]): 400,
            format!("{last},main.hit in /counter (PID {})", pids[0]): 600,
        });
        assert_eq!(map(&all, "@"), hits, "{way} {:?}", summary(&all));
    }
}

#[test]
fn a_container_is_traced_whose_program_is_removed_or_that_has_users_of_its_own() {
    need!(root());
    let scratch = Scratch::new();
    let image = need!(image(&scratch, Variant::Pie));
    for (name, more) in [("removed", &[][..]), ("users", &["-U", "-r"])] {
        for way in WAYS {
            let mut counter = Counter::of(&mut container(&image, &format!("{name}-{way}"), more));
            let pid = numbers(&counter.child)[0].clone();
            if more.is_empty() {
                fs::remove_file(format!("/proc/{pid}/root/counter")).unwrap();
            }
            let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() }";
            let tracing = Tracing::start(&["--way", way, "--json", "-e", text, "-p", &pid]);
            counter.calls(2, 100);
            let all = objects(&tracing.stop());
            assert_eq!(map(&all, "@"), json!({ pid: 200 }), "{name} {way} {:?}", summary(&all));
        }
    }
}

/// Namespaces of processes and mounts that live as long as this.
struct Pod(Child);

impl Pod {
    fn new() -> Pod {
        let mut command = Command::new("unshare");
        command.args(["-p", "-m", "-f", "--mount-proc", "--kill-child", "sh", "-c", "echo; exec sleep 600"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        Pod(child)
    }

    /// A command in these namespaces.
    fn enter(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["-t", &numbers(&self.0)[0], "-p", "-m"]).arg(command.get_program()).args(command.get_args());
        inside.stdin(Stdio::null());
        inside
    }

    fn trace(&self, args: &[&str]) -> Tracing {
        Tracing::of(&mut self.enter(&command(&[&["run", "--ready-fd", "1"], args].concat())))
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a gospect that runs in other namespaces: whoever entered them for it does not pass signals on.
fn stop(tracing: Tracing) -> Ran {
    let pid = numbers(&tracing.child)[0].clone();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    tracing.ended()
}

#[test]
fn from_a_pid_namespace_what_lives_in_it_and_below_it_counts_by_the_numbers_seen_there() {
    need!(root());
    let path = need!(counter_path(Variant::Pie));
    let pod = Pod::new();
    let mut beside = Counter::of(&mut pod.enter(&Command::new(&path)));
    let mut below = Counter::of(&mut pod.enter(Command::new("unshare").args(["-p", "-f"]).arg(&path)));
    let mut outside = Counter::start(&path);
    let pids = [&beside, &below].map(|counter| numbers(&counter.child)[1].clone());
    let text = "goret:main.hit /elapsed > 0/ { @[pid] = count() } tracepoint:sched:sched_switch /goid > 0/ { @on++ }";
    for way in WAYS {
        for target in [vec!["-p", &pids[0], "-p", &pids[1]], vec!["-p", &pids[1]], vec!["-t", path.to_str().unwrap()]] {
            let tracing = pod.trace(&[&["--way", way, "--json", "-e", text][..], &target].concat());
            beside.calls(1, 100);
            below.calls(2, 100);
            outside.calls(3, 100);
            // One that comes later, and one that comes later below.
            let later = Counter::of(&mut pod.enter(&Command::new(&path)));
            let mut later = [later, Counter::of(&mut pod.enter(Command::new("unshare").args(["-p", "-f"]).arg(&path)))];
            let more: Vec<String> = later.each_ref().map(|counter| numbers(&counter.child)[1].clone()).into();
            later.iter_mut().for_each(|counter| _ = counter.calls(4, 100));
            let all = objects(&stop(tracing));
            let mut hits = json!({});
            target.iter().filter(|pid| pids.contains(&(**pid).to_owned())).for_each(|pid| {
                hits[*pid] = json!(if *pid == pids[0] { 100 } else { 200 });
            });
            if target[0] == "-t" {
                hits = json!({pids[0].clone(): 100, pids[1].clone(): 200, more[0].clone(): 400, more[1].clone(): 400});
            }
            assert_eq!(map(&all, "@"), hits, "{way} {target:?} {:?}", summary(&all));
            assert!(map(&all, "@on").as_u64() > Some(0), "{way} {target:?}");
        }
    }
}

#[test]
fn of_a_group_whose_numbers_are_not_told_those_are_named_that_do_not_count() {
    need!(root());
    let path = need!(counter_path(Variant::Plain));
    let pod = Pod::new();
    let below = || Counter::of(&mut pod.enter(Command::new("unshare").args(["-p", "-f"]).arg(&path)));
    let mut below = below();
    let args = ["run", "--ready-fd", "1", "--json", "--all", "-e", "go:main.hit { @[pid] = count() }"];
    // A kernel that does not describe its structures.
    let hidden = |args: &[&str]| {
        let gospect = command(args);
        let mut inner = Command::new("sh");
        inner.args(["-c", "mount -t tmpfs t /sys/kernel/btf && exec \"$0\" \"$@\""]);
        inner.arg(gospect.get_program()).args(gospect.get_args());
        let mut outer = Command::new("unshare");
        outer.arg("-m").arg(inner.get_program()).args(inner.get_args());
        pod.enter(&outer)
    };
    let number = numbers(&below.child)[1].clone();
    let why = format!(
        "PID {number} lives in another pid namespace than gospect, and its number there cannot be found: the kernel does \
         not tell its structures (/sys/kernel/btf/vmlinux), or forbids to read them"
    );
    let ran = Ran::of(hidden(&args).output().unwrap());
    let hint = "run gospect on the host, or in the pid namespace of the process";
    assert_eq!(ran.seen(), format!("gospect: {why}\nhint: {hint}\n(exit status 3)"));
    let mut beside = Counter::of(&mut pod.enter(&Command::new(&path)));
    let mut tracing = Tracing::of(&mut hidden(&args));
    assert_eq!(tracing.says(), format!("gospect: its hits are not counted: {why}"));
    below.calls(1, 100);
    beside.calls(2, 100);
    let all = objects(&stop(tracing));
    assert_eq!(map(&all, "@"), json!({numbers(&beside.child)[1].clone(): 200}), "{:?}", summary(&all));
}

#[test]
fn from_a_pid_namespace_calls_below_it_that_a_panic_ends_find_their_beginnings() {
    need!(root());
    let arch = need!(Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() }));
    let path = need!(build(&Fixture::new("panics", "1.26", Variant::Plain).on(arch)));
    let pod = Pod::new();
    let mut below = Counter::of(&mut pod.enter(Command::new("unshare").args(["-p", "-f"]).arg(&path)));
    let pid = numbers(&below.child)[1].clone();
    let number: u32 = pid.parse().unwrap();
    for way in WAYS {
        let text = "goret:main.inner, goret:main.outer, goret:main.try { call() }";
        let tracing = pod.trace(&["--way", way, "--json", "-e", text, "-p", &pid]);
        for ending in ["text", "goexit"] {
            writeln!(below.orders.as_ref().unwrap(), "{ending}").unwrap();
            assert_eq!(below.answer(), "done");
        }
        let all = objects(&stop(tracing));
        let calls = all.iter().filter(|object| object["type"] == "call" && object["pid"] == json!(number));
        let ends: Vec<&str> = calls.map(|call| call["end"].as_str().unwrap()).collect();
        assert_eq!(ends, ["unwound", "unwound", "return", "goexit", "goexit", "goexit"], "{way} {}", summary(&all));
    }
}

#[test]
fn with_the_hosts_processes_in_view_its_numbers_are_shown() {
    need!(root());
    let path = need!(counter_path(Variant::Plain));
    let mut counter = Counter::start(&path);
    let pid = counter.pid();
    let text = "go:main.hit { @[pid] = count() }";
    // A pid namespace of its own, but the /proc of the host.
    let gospect = command(&["run", "--ready-fd", "1", "--json", "-e", text, "-p", &pid]);
    let mut inner = Command::new("unshare");
    inner.args(["-p", "-f"]).arg(gospect.get_program()).args(gospect.get_args()).stdin(Stdio::null());
    let tracing = Tracing::of(&mut inner);
    counter.calls(2, 100);
    let all = objects(&stop(tracing));
    assert_eq!(map(&all, "@"), json!({ pid: 200 }), "{:?}", summary(&all));
    // A command would have a number that this /proc does not know.
    let gospect = command(&["run", "-e", "BEGIN { }", "--", "true"]);
    let mut inner = Command::new("unshare");
    inner.args(["-p", "-f"]).arg(gospect.get_program()).args(gospect.get_args());
    let said = "gospect: true cannot be traced from its start, its number is not known: /proc is that of another pid \
                namespace than gospect's\nhint: start it first, and name it by -p; or mount a /proc of gospect's own\n";
    assert_eq!(Ran::of(inner.output().unwrap()).seen(), format!("{said}(exit status 3)"));
}

#[test]
fn in_a_pod_three_capabilities_are_enough_for_another_users_process() {
    need!(root());
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    let pod = Pod::new();
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]).arg(&path);
    let mut counter = Counter::of(&mut pod.enter(&other));
    let pid = numbers(&counter.child)[1].clone();
    let run = |capabilities: &str| {
        let gospect =
            command(&["run", "--ready-fd", "1", "--json", "-e", "go:main.hit { @[pid] = count() }", "-p", &pid]);
        let mut confined = Command::new("setpriv");
        confined.arg(format!("--bounding-set=-all{capabilities}")).arg(format!("--inh-caps=-all{capabilities}"));
        confined.arg("--no-new-privs").arg(gospect.get_program()).args(gospect.get_args());
        pod.enter(&confined)
    };
    let tracing = Tracing::of(&mut run(",+bpf,+perfmon,+sys_ptrace"));
    counter.calls(2, 100);
    assert_eq!(map(&objects(&stop(tracing)), "@"), json!({ pid.clone(): 200 }));
    for (capabilities, lacks) in [
        (",+perfmon,+sys_ptrace", "CAP_BPF"),
        (",+bpf,+sys_ptrace", "CAP_PERFMON"),
        (",+bpf,+perfmon", "CAP_SYS_PTRACE"),
    ] {
        let ran = Ran::of(run(capabilities).output().unwrap());
        assert!(
            ran.status == 3 && ran.stderr.contains(&format!("gospect lacks {lacks}")),
            "{capabilities} {}",
            ran.seen()
        );
    }
}
