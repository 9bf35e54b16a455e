//! The project's chores, as `cargo xtask COMMAND`. `.ci/run` runs `cargo xtask ci`, and nothing else decides whether the
//! tree is good.

mod args;
mod bed;
mod cargo;
mod ci;
mod compare;
mod dist;
mod files;
mod fixtures;
mod fuzz;
mod generate;
mod pace;
mod page;
mod prose;
mod readme;
mod real;
mod rtype;
mod soak;
mod source;
mod survey;
mod tests_run;
mod vm;
mod walls;

use std::path::PathBuf;
use std::process::ExitCode;

/// A word after `cargo xtask`.
struct Command {
    name: &'static str,
    args: &'static str,
    about: &'static str,
    /// `Ok(false)` when the chore found a fault, `Err` when it could not run.
    run: fn(&[String]) -> Result<bool, String>,
}

/// All chores. A new one is a module with a `run` function and a row here.
const COMMANDS: &[Command] = &[
    Command { name: "ci", args: "", about: "Run every check of a commit", run: ci::run },
    Command {
        name: "compare",
        args: "[--rounds N] [--seconds N] [TABLE...]",
        about: "Measure the cost of gospect, bpftrace and dlv side by side, and write docs/performance.md",
        run: compare::run,
    },
    Command { name: "dist", args: "", about: "Build a static gospect for any Linux, in target/dist", run: dist::run },
    Command {
        name: "fixtures",
        args: "[GO...]",
        about: "Build the Go programs of the tests ahead, for all or some Go releases",
        run: fixtures::run,
    },
    Command {
        name: "fuzz",
        args: "[TARGET] [--seconds N]",
        about: "Feed damaged programs to gobin for longer than the tests do",
        run: fuzz::run,
    },
    Command {
        name: "generate",
        args: "[--check]",
        about: "Write generated files, or list stale ones",
        run: generate::run,
    },
    Command {
        name: "pace",
        args: "[FILE...]",
        about: "Time `gospect list` against `go tool nm`, on the Go compiler or other files",
        run: pace::run,
    },
    Command {
        name: "prose",
        args: "[--top N] [PART-OF-A-PATH...]",
        about: "Count stand-in words in comments, docs and messages, and print the worst sentences",
        run: prose::run,
    },
    Command {
        name: "readme",
        args: "",
        about: "Run the commands of README.md and docs/scripts.md on the demo, and write their output",
        run: readme::run,
    },
    Command {
        name: "real",
        args: "[NAME...]",
        about: "Trace real programs under load, and write docs/real.md",
        run: real::run,
    },
    Command {
        name: "survey",
        args: "[FILE...]",
        about: "Compare gobin with Go's own tools on large programs, and write docs/survey.md",
        run: survey::run,
    },
    Command {
        name: "rtype",
        args: "[GO...]",
        about: "Check assumptions about Go's runtime against the sources of Go releases",
        run: rtype::run,
    },
    Command {
        name: "soak",
        args: "[--minutes N]",
        about: "Trace a service under load for half an hour or N minutes",
        run: soak::run,
    },
    Command {
        name: "vm",
        args: "[--short] [--scripts N] [KERNEL...]",
        about: "Test the verifier, attaching and scripts on Debian's kernels under qemu",
        run: vm::run,
    },
    Command {
        name: "walls",
        args: "",
        about: "Print the module order of each crate; check it, the crates' dependencies, and sizes",
        run: walls::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("xtask: there is no `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let row = |c: &Command| format!("  {:<28} {}\n", format!("{} {}", c.name, c.args), c.about);
    format!("usage: cargo xtask COMMAND\n\n{}", COMMANDS.iter().map(row).collect::<String>())
}

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Refuses arguments of a command without any.
fn no_args(args: &[String]) -> Result<(), String> {
    args.first().map_or(Ok(()), |arg| Err(format!("unexpected argument `{arg}`")))
}
