//! Times `gospect list` of a large program against `go tool nm`, which lists the same functions in less detail.
//!
//! Both run in turns, without output, and the medians are compared, so other load slows both.
//! `cargo xtask pace` takes the Go compiler; other files can be named.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::bed::{self, go, median, named};
use crate::root;

/// Runs of each.
const RUNS: usize = 15;

/// Prints a line for each file. Succeeds whatever the times are.
pub fn run(args: &[String]) -> Result<bool, String> {
    let gospect = bed::gospect()?;
    let nm = go(&root(), &["tool", "-n", "nm"])?;
    let files = if args.is_empty() { vec![go(&root(), &["env", "GOTOOLDIR"])? + "/compile"] } else { args.to_vec() };
    for file in &files {
        let list = || time(Command::new(&gospect).args(["list", file]));
        let tool = || time(Command::new("go").args(["tool", "nm", file]));
        let nm = || time(Command::new(&nm).arg(file));
        println!("{file}: {}", report(medians([&list, &tool, &nm])?));
    }
    Ok(true)
}

/// `gospect list 40.1 ms, go tool nm 95.0 ms (0.42), nm itself 50.2 ms (0.80)`
fn report([list, tool, nm]: [f64; 3]) -> String {
    let (of_tool, of_nm) = (list / tool, list / nm);
    format!("gospect list {list:.1} ms, go tool nm {tool:.1} ms ({of_tool:.2}), nm itself {nm:.1} ms ({of_nm:.2})")
}

/// The median of each; the first runs, which fill the page cache, do not count.
fn medians<const N: usize>(commands: [&dyn Fn() -> Result<f64, String>; N]) -> Result<[f64; N], String> {
    let mut times = [(); N].map(|()| Vec::new());
    for round in 0..=RUNS {
        for (times, command) in times.iter_mut().zip(commands) {
            let time = command()?;
            times.extend((round > 0).then_some(time));
        }
    }
    Ok(times.map(median))
}

/// Milliseconds.
fn time(command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).status().map_err(named(format!("{command:?}")))?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    if status.success() { Ok(time) } else { Err(format!("{command:?}: {status}")) }
}
