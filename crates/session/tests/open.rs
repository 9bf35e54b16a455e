//! Targets opened for real: Go programs as files and as processes.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use session::{Pid, Target};

/// The fixture `server`, running until it is dropped.
struct Server(Child);

impl Server {
    fn start(path: &Path) -> Server {
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        Server(child)
    }

    fn target(&self) -> Target {
        Target::Pid(Pid(self.0.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server(variant: Variant) -> Result<std::path::PathBuf, Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "there are no fixtures for this machine".into() })?;
    build(&Fixture::new("server", "1.26", variant).on(arch))
}

/// The code of many functions, as the process has it, is the code of the file, wherever the loader put it.
fn memory_is_the_file(variant: Variant) {
    let path = need!(server(variant));
    let running = Server::start(&path);
    let program = running.target().open().unwrap();
    assert_eq!(program.name, format!("PID {} ({})", running.0.id(), path.display()));
    let mut compared = 0;
    for function in program.image.functions().step_by(50) {
        let mut live = vec![0; function.code().len()];
        program.live(function.entry(), &mut live).unwrap().unwrap();
        assert!(live == function.code(), "{}", function.name());
        compared += live.len();
    }
    assert!(compared > 10_000, "{compared} bytes");
}

#[test]
fn the_memory_of_a_process_is_read_by_the_addresses_of_its_file() {
    memory_is_the_file(Variant::Plain);
}

#[test]
fn the_memory_of_a_process_that_was_moved_is_read_by_the_addresses_of_its_file() {
    memory_is_the_file(Variant::PieStripped);
}

#[test]
fn a_file_has_no_memory() {
    let program = Target::Path(need!(server(Variant::Plain))).open().unwrap();
    assert!(program.pid().is_none() && program.live(program.image.elf().entry, &mut [0]).is_none());
}

#[test]
fn a_process_that_ends_after_it_was_opened_is_refused_in_words() {
    let running = Server::start(&need!(server(Variant::Plain)));
    let program = running.target().open().unwrap();
    drop(running);
    let refusal = program.live(program.image.elf().entry, &mut [0]).unwrap().unwrap_err();
    let sentence = refusal.sentence.replace(&program.name, "<it>");
    assert!(sentence.starts_with("the memory of <it> cannot be read: "), "{sentence}");
}

/// The variable with the process that this test, run once more as another user, is to open.
const OPEN: &str = "GOSPECT_TEST_OPEN";

/// Runs itself once more, as a user who may not.
#[test]
fn a_process_of_another_user_is_refused_with_what_is_missing() {
    if let Some(pid) = std::env::var(OPEN).ok().and_then(|pid| pid.parse().ok()) {
        let refusal = Target::Pid(Pid(pid)).open().err().unwrap();
        println!("{}\nhint: {}", refusal.sentence, refusal.hint.unwrap());
        return;
    }
    let copy = std::env::temp_dir().join(format!("gospect-open-{}", std::process::id()));
    assert!(Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap().success());
    let mut again = Command::new(&copy);
    again.args(["--exact", "a_process_of_another_user_is_refused_with_what_is_missing", "--nocapture"]);
    let pid = std::process::id().to_string();
    let output = again.env(OPEN, &pid).current_dir("/").uid(65534).gid(65534).output();
    std::fs::remove_file(&copy).unwrap();
    let Ok(output) = output else { return Missing { why: "this test needs root".into() }.skip() };
    let text = String::from_utf8(output.stdout).unwrap().replace(&pid, "<pid>");
    let text: String =
        text.lines().filter(|l| l.contains("PID <pid>") || l.starts_with("hint")).collect::<Vec<_>>().join("\n");
    expect_test::expect![[r#"
        the program of PID <pid> may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
        hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing"#]]
    .assert_eq(&text);
}
