//! Runs cargo in the workspace, as if `cargo run` had not started xtask.

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Child, Command, Output};

use crate::root;

/// Runs cargo; the error is its output.
pub fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<Output, String> {
    let output = output(&mut command(args, env))?;
    if output.status.success() { Ok(output) } else { Err(output_text(&output)) }
}

/// Runs cargo with both streams as one, in the order of writing. `show` gets each line as it comes.
pub fn cargo_shown(args: &[&str], env: &[(&str, &str)], show: impl Fn(&str)) -> Result<String, String> {
    let mut cargo = command(args, env);
    let (stream, mut child) =
        both_streams(&mut cargo).map_err(|err| format!("{cargo:?} could not be started: {err}"))?;
    // The command holds the writing ends of the pipe, and the pipe has no end while they are open.
    drop(cargo);
    let mut printed = String::new();
    for line in BufReader::new(stream).split(b'\n') {
        let line = line.map_err(|err| format!("the output of cargo cannot be read: {err}"))?;
        let line = String::from_utf8_lossy(&line);
        show(&line);
        printed.extend([&line, "\n"]);
    }
    let status = child.wait().map_err(|err| format!("cargo is lost: {err}"))?;
    if status.success() { Ok(printed) } else { Err(printed) }
}

fn both_streams(command: &mut Command) -> std::io::Result<(PipeReader, Child)> {
    let (reader, writer) = std::io::pipe()?;
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    Ok((reader, child))
}

fn command(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(args).env("CARGO_TERM_COLOR", "never");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_the_outer_cargo(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.envs(env.iter().copied());
    cargo
}

/// Variables that `cargo run` set for xtask. A build script that watches one would run again inside and outside.
fn is_of_the_outer_cargo(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
}

/// Runs any command to its end.
pub fn output(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|err| format!("{command:?} could not be started: {err}"))
}

/// Both streams of a command, one after the other.
pub fn output_text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}
