//! The built command, run as users run it.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

mod bad_input;
mod bench;
mod budget;
mod collector;
mod confined;
mod containers;
mod contract;
mod cycles;
mod demo;
mod doctor;
mod explain;
mod goroutines;
mod groups;
mod handed_around;
mod hist;
mod info;
mod inlined;
mod ledger;
mod list;
mod made;
mod many;
mod not_go;
mod pages;
mod panics;
mod processes;
mod ps;
mod run;
mod running;
mod several;
mod shell;
mod snapshot;
mod states;
mod stress;
mod sudo;
mod summary;
mod syscalls;
mod terminal;
mod trace;
mod trouble;
mod under;
mod usage;
mod values;
mod words;

use std::process::{Command, Output, Stdio};

/// What a run of gospect came to.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Without what the command that it started wrote itself.
    fn without_its(mut self, text: &str) -> Ran {
        assert!(self.stdout.contains(text), "{}", self.stdout);
        self.stdout = self.stdout.replacen(text, "", 1);
        self
    }

    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("gospect writes UTF-8");
        // A signal shows as -1.
        Ran { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Everything that a user sees, for a snapshot.
    fn seen(&self) -> String {
        format!("{}{}(exit status {})", self.stdout, self.stderr, self.status)
    }
}

/// The built binary with these arguments, not run yet. It sees none of our environment that could change its output.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gospect"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// The objects that it writes, each as `docs/json.md` describes it.
fn objects(args: &[&str]) -> Vec<serde_json::Value> {
    let ran = gospect(&[args, &["--json"]].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    ran.stdout.lines().map(contract::documented).collect()
}

fn gospect(args: &[&str]) -> Ran {
    Ran::of(command(args).output().expect("gospect starts"))
}
