//! `gospect run -- COMMAND` under sudo: the command belongs to whoever called it.
//!
//! Sudo itself is not needed: what it leaves in the environment is set here, by root.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;
use gospect_fixtures::{Missing, Variant, need};
use serde_json::{Value, json};

use crate::run::{counter_path, objects, permitted, summary};
use crate::running::{Scratch, is_root};
use crate::{Ran, command};

/// Nobody's number, and a group that nobody is in by its entry.
const NOBODY: &str = "65534";
const GROUP: &str = "60001";

/// As sudo runs it for nobody, in a group.
fn for_nobody(args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("SUDO_UID", NOBODY).env("SUDO_GID", GROUP).env("SUDO_USER", "nobody").env("HOME", "/root");
    command
}

fn root() -> Result<(), Missing> {
    permitted()?;
    if is_root() { Ok(()) } else { Err(Missing { why: "only root can become somebody else".into() }) }
}

/// Who a shell is, and what it could do.
const WHO: &str = "echo $(id -u) $(id -ru) $(id -g) $(id -G) $HOME $USER $LOGNAME; grep Cap[PE] /proc/self/status";

#[test]
fn a_command_is_run_as_the_user_who_called_sudo() {
    need!(root());
    let ran = Ran::of(for_nobody(&["run", "-e", "BEGIN { }", "--", "sh", "-c", WHO]).output().unwrap());
    expect![[r#"
        65534 65534 60001 60001 /nonexistent nobody nobody
        CapPrm:	0000000000000000
        CapEff:	0000000000000000
        attached 1 probe at 0 sites
        gospect: sh is run as nobody, who called sudo; `--as-root` runs it as root
        0 hits, 0 printed
        ended with the command
        the command exited with status 0
        (exit status 0)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn who_called_sudo_without_a_number_is_not_taken_for_root() {
    need!(root());
    let run = |args: &[&str]| {
        let mut command = command(&[&["run", "-q", "-e", "BEGIN { exit() }"][..], args].concat());
        Ran::of(command.env("SUDO_USER", "web").env("SUDO_UID", "").output().unwrap())
    };
    expect![[r"
        gospect: id cannot be started: web called sudo, as SUDO_USER says, and SUDO_UID and SUDO_GID are not the numbers of a user (`--as-root` starts it as root)
        (exit status 3)"]]
    .assert_eq(&run(&["--", "id"]).seen());
    expect![[r"
        gospect: whose processes are meant is not known: web called sudo, as SUDO_USER says, and SUDO_UID and SUDO_GID are not the numbers of a user
        hint: name the user by `--user`
        (exit status 3)"]]
    .assert_eq(&run(&["--all"]).seen());
    assert_eq!(run(&["--as-root", "--", "id"]).seen(), "(exit status 0)");
}

#[test]
fn as_root_it_stays_root() {
    need!(root());
    let ran = Ran::of(for_nobody(&["run", "--as-root", "-e", "BEGIN { }", "--", "id", "-u"]).output().unwrap());
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "0\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("sudo"), "{}", ran.stderr);
}

#[test]
fn the_users_further_groups_come_along() {
    need!(root());
    let scratch = Scratch::new();
    let group = scratch.0.join("group");
    fs::write(&group, "root:x:0:\nextra:x:60002:nobody\nothers:x:60003:root\n").unwrap();
    // Nobody gets a further group in a namespace of mounts that ends with the test.
    let script = format!("mount --bind {} /etc/group && exec \"$@\"", group.display());
    let inner = for_nobody(&["run", "-q", "-e", "BEGIN { }", "--", "id", "-G"]);
    let mut outer = Command::new("unshare");
    outer.args(["-m", "sh", "-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    outer.env("SUDO_UID", NOBODY).env("SUDO_GID", GROUP);
    let ran = Ran::of(outer.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.stdout, "60001 60002\n", "{}", ran.stderr);
}

#[test]
fn a_traced_command_of_another_user_is_counted_from_its_start() {
    need!(root());
    let scratch = Scratch::new();
    let path = scratch.copy(&need!(counter_path(Variant::Plain)), "counter");
    let text = "go:main.main { @main = count() } go:main.hit { @[comm] = count() }";
    let mut traced = for_nobody(&["run", "-q", "--json", "-e", text, "--", path.to_str().unwrap()]);
    let mut child = traced.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"2 250\n").unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let ran = ran.without_its("ready\n").without_its("500 606\n");
    let all = objects(&ran);
    let has = |data: Value| all.contains(&json!({"type": "map", "data": data}));
    assert!(has(json!({"@main": 1})) && has(json!({"@": {"counter": 500}})), "{all:?}");
    assert_eq!(summary(&all)["exit"], json!(0));
}

#[test]
fn what_the_user_may_not_run_is_not_run() {
    need!(root());
    let scratch = Scratch::new();
    let path = scratch.copy("/bin/true".as_ref(), "closed");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let ran = Ran::of(for_nobody(&["run", "-q", "-e", "BEGIN { }", "--", path.to_str().unwrap()]).output().unwrap());
    expect![[r"
        gospect: CLOSED cannot be started as nobody: Permission denied (os error 13)
        hint: it is run as the user who called sudo; `--as-root` runs it as root
        (exit status 3)"]]
    .assert_eq(&ran.seen().replace(path.to_str().unwrap(), "CLOSED"));
}
