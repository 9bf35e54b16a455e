//! Times `gospect list` of a large program against `go tool nm` of the same, which lists its functions with less.
//!
//! Both run in turns, with their output thrown away, and the medians are compared: so a machine that does other things
//! at times slows both. `cargo xtask pace` takes the Go compiler; other files can be named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of each.
const RUNS: usize = 15;

/// Prints a line for each file; the outcome is that it could be measured, however long it took.
pub fn run(args: &[String]) -> Result<bool, String> {
    let gospect = build()?;
    let nm = PathBuf::from(go(&["tool", "-n", "nm"])?);
    let files = if args.is_empty() { vec![go(&["env", "GOTOOLDIR"])? + "/compile"] } else { args.to_vec() };
    for file in &files {
        let list = || once(Command::new(&gospect).args(["list", file]));
        let tool = || once(Command::new("go").args(["tool", "nm", file]));
        let nm = || once(Command::new(&nm).arg(file));
        println!("{file}: {}", report(median_of([&list, &tool, &nm])?));
    }
    Ok(true)
}

/// `gospect list 40.1 ms, go tool nm 95.0 ms (0.42), nm itself 50.2 ms (0.80)`
fn report([list, tool, nm]: [Duration; 3]) -> String {
    let ms = |d: Duration| format!("{:.1} ms", d.as_secs_f64() * 1e3);
    let ratio = |of: Duration| list.as_secs_f64() / of.as_secs_f64();
    let (of_tool, of_nm) = (ratio(tool), ratio(nm));
    format!("gospect list {}, go tool nm {} ({of_tool:.2}), nm itself {} ({of_nm:.2})", ms(list), ms(tool), ms(nm))
}

/// The median of each; the first runs, which fill the page cache, do not count.
fn median_of<const N: usize>(commands: [&dyn Fn() -> Result<Duration, String>; N]) -> Result<[Duration; N], String> {
    let mut times = [(); N].map(|()| Vec::new());
    for round in 0..=RUNS {
        for (times, command) in times.iter_mut().zip(commands) {
            let time = command()?;
            times.extend((round > 0).then_some(time));
        }
    }
    Ok(times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    }))
}

fn once(command: &mut Command) -> Result<Duration, String> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).status().map_err(|e| format!("{command:?}: {e}"))?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{command:?}: {status}")) }
}

/// The release build of gospect.
fn build() -> Result<PathBuf, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status =
        cargo.args(["build", "--quiet", "--release", "--package", "gospect"]).current_dir(crate::root()).status();
    match status {
        Ok(status) if status.success() => Ok(target().join("release/gospect")),
        Ok(status) => Err(format!("cargo build: {status}")),
        Err(why) => Err(format!("cargo build: {why}")),
    }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join(Path::new("target")), PathBuf::from)
}

fn go(args: &[&str]) -> Result<String, String> {
    let output = Command::new("go").args(args).output().map_err(|e| format!("go: {e}"))?;
    if !output.status.success() {
        return Err(format!("go {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
