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

/// Runs a chore: `Ok(false)` when the chore found a fault, `Err` when it could not run.
type Run = fn(&[String]) -> Result<bool, String>;

/// Name, arguments and purpose of each chore. A new one is a module with a `run` function and a row here.
#[rustfmt::skip]
const CHORES: &[(&str, &str, &str, Run)] = &[
    ("ci", "", "Run every check of a commit", ci::run),
    ("compare", "[--rounds N] [--seconds N] [TABLE...]", "Measure the cost of gospect, bpftrace and dlv side by side, and write docs/performance.md", compare::run),
    ("dist", "", "Build a static gospect for any Linux, in target/dist", dist::run),
    ("fixtures", "[GO...]", "Build the Go programs of the tests ahead, for all or some Go releases", fixtures::run),
    ("fuzz", "[TARGET] [--seconds N]", "Feed damaged programs to gobin for longer than the tests do", fuzz::run),
    ("generate", "[--check]", "Write generated files, or list stale ones", generate::run),
    ("pace", "[FILE...]", "Time `gospect list` against `go tool nm`, on the Go compiler or other files", pace::run),
    ("prose", "[--top N] [PART-OF-A-PATH...]", "Count stand-in words in comments, docs and messages, and print the worst sentences", prose::run),
    ("readme", "", "Run the commands of README.md and docs/scripts.md on the demo, and write their output", readme::run),
    ("real", "[NAME...]", "Trace real programs under load, and write docs/real.md", real::run),
    ("survey", "[FILE...]", "Compare gobin with Go's own tools on large programs, and write docs/survey.md", survey::run),
    ("rtype", "[GO...]", "Check assumptions about Go's runtime against the sources of Go releases", rtype::run),
    ("soak", "[--minutes N]", "Trace a service under load for half an hour or N minutes", soak::run),
    ("vm", "[--short] [--scripts N] [KERNEL...]", "Test the verifier, attaching and scripts on Debian's kernels under qemu", vm::run),
    ("walls", "", "Print the module order of each crate; check it, the crates' dependencies, and sizes", walls::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    let Some((.., run)) = CHORES.iter().find(|(chore, ..)| chore == name) else {
        eprint!("xtask: there is no `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match run(rest) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let row =
        |(name, args, about, _): &(&str, &str, &str, Run)| format!("  {:<46} {about}\n", format!("{name} {args}"));
    format!("usage: cargo xtask COMMAND\n\n{}", CHORES.iter().map(row).collect::<String>())
}

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Refuses arguments of a command without any.
fn no_args(args: &[String]) -> Result<(), String> {
    args.first().map_or(Ok(()), |arg| Err(format!("unexpected argument `{arg}`")))
}
