//! The project's chores, as `cargo xtask COMMAND`. What `.ci/run` does is `cargo xtask ci`, and nothing else decides
//! whether the tree is good.

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
    /// `Ok(false)`: it did its work and what it found is not good. `Err`: it could not do its work.
    run: fn(&[String]) -> Result<bool, String>,
}

/// All of them. A new chore is a module with such a function and a row here.
const COMMANDS: &[Command] = &[
    Command { name: "ci", args: "", about: "Check everything that a commit must keep", run: ci::run },
    Command {
        name: "compare",
        args: "[--rounds N] [--seconds N] [TABLE...]",
        about: "Put what gospect costs beside bpftrace and dlv, and write docs/performance.md",
        run: compare::run,
    },
    Command {
        name: "dist",
        args: "",
        about: "Make one static file that runs on any Linux, in target/dist",
        run: dist::run,
    },
    Command {
        name: "fixtures",
        args: "[GO...]",
        about: "Build the Go programs of the tests ahead, for all Go releases or those named",
        run: fixtures::run,
    },
    Command {
        name: "fuzz",
        args: "[TARGET] [--seconds N]",
        about: "Damage programs at random and look that gobin answers, longer than the tests do",
        run: fuzz::run,
    },
    Command {
        name: "generate",
        args: "[--check]",
        about: "Write the files that are made from code, or say which are stale",
        run: generate::run,
    },
    Command {
        name: "pace",
        args: "[FILE...]",
        about: "Time `gospect list` against `go tool nm`, on the Go compiler or on files named",
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
        about: "Run the commands of README.md and docs/scripts.md on the demo, and write what they say",
        run: readme::run,
    },
    Command {
        name: "real",
        args: "[NAME...]",
        about: "Trace real programs under load, all or those named, and write docs/real.md",
        run: real::run,
    },
    Command {
        name: "survey",
        args: "[FILE...]",
        about: "Hold gobin against Go's own tools, on large programs or those named",
        run: survey::run,
    },
    Command {
        name: "rtype",
        args: "[GO...]",
        about: "Hold what we assume of Go's runtime against the sources of every Go at hand, or those named",
        run: rtype::run,
    },
    Command {
        name: "soak",
        args: "[--minutes N]",
        about: "Hold probes on a service under load, for half an hour or so long",
        run: soak::run,
    },
    Command {
        name: "vm",
        args: "[--short] [--scripts N] [KERNEL...]",
        about: "Boot Debian's kernels under qemu and hold the verifier, the ways of attaching and scripts on them",
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

/// Where the workspace lies.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Refuses arguments, for commands that have none.
fn no_args(args: &[String]) -> Result<(), String> {
    args.first().map_or(Ok(()), |arg| Err(format!("unexpected argument `{arg}`")))
}
