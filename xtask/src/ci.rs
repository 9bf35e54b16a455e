//! All checks of a commit, one step after the other, each with its time. A failed step does not stop the run, so one
//! run reports all failures. The names of failed steps and tests come at the end; the last line counts the tests.

use std::io::Write;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::cargo::{cargo, output, output_text};
use crate::tests_run::{self, Counts};
use crate::{dist, generate, no_args, root, vm, walls};

/// Time budget of a run on two cores, with toolchains and fixtures in the cache.
const BUDGET: Duration = Duration::from_secs(600);

/// The note of a passed step, or the output of a failed one.
type Outcome = Result<String, String>;

type Step = (&'static str, fn() -> Outcome);

/// The steps before and after the tests, cheap ones first.
const BEFORE_TESTS: &[Step] =
    &[("fmt", fmt), ("gofmt", gofmt), ("walls", check_walls), ("generated", generated), ("clippy", clippy)];
const AFTER_TESTS: &[Step] =
    &[("docs", docs), ("check", check), ("check again", check_again), ("static", check_static)];

/// `cargo xtask ci`.
pub fn run(args: &[String]) -> Result<bool, String> {
    no_args(args)?;
    let start = Instant::now();
    let (mut failed, mut failed_tests) = (Vec::new(), Vec::new());
    let mut counts = Counts::default();
    BEFORE_TESTS.iter().for_each(|&(name, run)| step(name, run, &mut failed));
    step("test", || tests_run::run(&mut counts, &mut failed_tests), &mut failed);
    step("kernels", || kernels(&mut counts), &mut failed);
    AFTER_TESTS.iter().for_each(|&(name, run)| step(name, run, &mut failed));

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
    // Shows the name while the step runs. A failure to flush is harmless.
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

/// The short run on other kernels. An unavailable kernel is skipped.
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

/// A second check must rebuild nothing. Otherwise a build script or a flag that differs between commands slows every
/// build down.
fn check_again() -> Outcome {
    let output = output_text(&cargo(&CHECK, &[])?);
    let rebuilt = |line: &&str| ["Compiling", "Checking"].contains(&line.split_whitespace().next().unwrap_or_default());
    let lines: Vec<&str> = output.lines().filter(rebuilt).collect();
    if lines.is_empty() {
        return Ok("rebuilds nothing".to_owned());
    }
    Err(format!("a second `cargo check` did this again:\n{}", lines.join("\n")))
}

/// Checks the build of `cargo xtask dist` without linking, which takes minutes.
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
    Err(format!("stale (`cargo xtask generate` writes them): {}", stale.join(", ")))
}

/// Folders of Go programs.
const GO: [&str; 2] = ["fixtures/go", "crates/session/src/demo/service"];

/// Checks the format of the Go programs. Skipped without Go.
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
