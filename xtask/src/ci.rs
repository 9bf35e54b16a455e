//! Everything that a commit must keep, one step after the other, each with its time. All steps run, also after one
//! failed, so that one run says all there is to say. At the end stand the names of what failed; the last line counts
//! the tests.

use std::io::Write;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::cargo::{cargo, output, output_text};
use crate::tests_run::{self, Counts};
use crate::{dist, generate, no_args, root, vm, walls};

/// What the whole should take on a machine with two cores, with toolchains and fixtures at hand.
const BUDGET: Duration = Duration::from_secs(600);

/// What a step that holds says besides, or all that a failing one has to say.
type Outcome = Result<String, String>;

/// A step by its name.
type Step = (&'static str, fn() -> Outcome);

/// The steps except the tests, which come between: cheap ones first.
const BEFORE: &[Step] =
    &[("fmt", fmt), ("gofmt", gofmt), ("walls", check_walls), ("generated", generated), ("clippy", clippy)];
const AFTER: &[Step] = &[("docs", docs), ("check", check), ("check again", check_again), ("static", check_static)];

/// `cargo xtask ci`.
pub fn run(args: &[String]) -> Result<bool, String> {
    no_args(args)?;
    let start = Instant::now();
    let (mut failed, mut failed_tests) = (Vec::new(), Vec::new());
    let mut counts = Counts::default();
    BEFORE.iter().for_each(|&(name, run)| step(name, run, &mut failed));
    step("test", || tests_run::run(&mut counts, &mut failed_tests), &mut failed);
    step("kernels", || kernels(&mut counts), &mut failed);
    AFTER.iter().for_each(|&(name, run)| step(name, run, &mut failed));

    let (took, budget) = (start.elapsed().as_secs(), BUDGET.as_secs());
    let verdict = if took > budget { ": OVER BUDGET" } else { "" };
    println!("\ntook {took} s of a budget of {budget} s{verdict}");
    if !failed.is_empty() {
        println!("FAILED: {}", failed.join(", "));
    }
    failed_tests.iter().for_each(|test| println!("  {test}"));
    println!("{counts}");
    Ok(failed.is_empty())
}

fn step(name: &'static str, run: impl FnOnce() -> Outcome, failed: &mut Vec<&'static str>) {
    print!("{name:<12}");
    // Only so that the name is seen while the step runs.
    let _ = std::io::stdout().flush();
    let start = Instant::now();
    let outcome = run();
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(note) => println!("{}", format!("{seconds:6.1} s  {note}").trim_end()),
        Err(output) => {
            println!("{seconds:6.1} s  FAILED\n\n{}\n", output.trim_end());
            failed.push(name);
        }
    }
}

fn fmt() -> Outcome {
    cargo(&["fmt", "--all", "--check"], &[]).map(quiet)
}

fn clippy() -> Outcome {
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[]).map(quiet)
}

/// Other kernels than this one, in short. One that cannot be had is skipped.
fn kernels(counts: &mut Counts) -> Outcome {
    let (note, skipped) = vm::short()?;
    counts.skip(skipped);
    Ok(note)
}

fn docs() -> Outcome {
    cargo(&["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")]).map(quiet)
}

const CHECK: [&str; 4] = ["check", "--workspace", "--all-targets", "--locked"];

fn check() -> Outcome {
    cargo(&CHECK, &[]).map(quiet)
}

/// What was just checked must not be checked again: a build script or a flag that differs between two commands would
/// make every build slow, and nobody would know why.
fn check_again() -> Outcome {
    let output = output_text(&cargo(&CHECK, &[])?);
    let rebuilt = |line: &&str| ["Compiling", "Checking"].contains(&line.split_whitespace().next().unwrap_or_default());
    let lines: Vec<&str> = output.lines().filter(rebuilt).collect();
    if lines.is_empty() {
        return Ok("rebuilds nothing".to_owned());
    }
    Err(format!("a second `cargo check` did this again:\n{}", lines.join("\n")))
}

/// That what `cargo xtask dist` makes compiles; linking it would take minutes.
fn check_static() -> Outcome {
    if !dist::is_installed() {
        return Ok(format!("not done: `rustup target add {}`", dist::TARGET));
    }
    cargo(&["check", "-p", "gospect", "--locked", "--target", dist::TARGET], &[]).map(quiet)
}

fn check_walls() -> Outcome {
    let broken = walls::violations(&root())?;
    if broken.is_empty() { Ok(String::new()) } else { Err(broken.join("\n")) }
}

fn generated() -> Outcome {
    let stale = generate::stale()?;
    if stale.is_empty() {
        return Ok(String::new());
    }
    Err(format!("stale, `cargo xtask generate` writes them anew: {}", stale.join(", ")))
}

/// Where Go programs are.
const GO: [&str; 2] = ["fixtures/go", "crates/session/src/demo/service"];

/// The Go programs too are formatted. Without Go nobody can have changed them for the better, so it is only said.
fn gofmt() -> Outcome {
    let Ok(go) = gospect_fixtures::toolchain("local") else {
        return Ok("not done: there is no Go here".to_owned());
    };
    let sources = GO.map(|dir| root().join(dir));
    let output = output(Command::new(go.root.join("bin/gofmt")).arg("-l").args(sources))?;
    let said = output_text(&output);
    if output.status.success() && said.is_empty() {
        Ok(String::new())
    } else {
        Err(format!("not as gofmt has it:\n{said}"))
    }
}

fn quiet(_: Output) -> String {
    String::new()
}
