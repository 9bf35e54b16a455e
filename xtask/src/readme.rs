//! Samples in README.md and docs/scripts.md: real output of commands on the service of `gospect demo`.
//!
//! A sample is a code block behind a comment with the command: `<!-- real: hist -p PID main.Query -->`. The chore runs each
//! command and replaces the block by its output. A test of the command line checks that the samples are current: commands,
//! columns and fields, but not times and numbers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cargo::cargo;
use crate::{no_args, root};

/// The pages with samples.
const PAGES: [&str; 2] = ["README.md", "docs/scripts.md"];

/// Start and end of a sample's comment.
const MARK: (&str, &str) = ("<!-- real: ", " -->");

/// Maximum width of a line.
const WIDEST: usize = 150;

/// Maximum number of lines; of longer output, the first and last lines are shown.
const LONGEST: usize = 36;

/// `cargo xtask readme`.
pub fn run(args: &[String]) -> Result<bool, String> {
    no_args(args)?;
    cargo(&["build", "-p", "gospect", "--locked"], &[])?;
    let demo = Demo::start()?;
    for page in PAGES {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).map_err(|err| format!("{page}: {err}"))?;
        let renewed = renewed(&text, |command| demo.says(command)).map_err(|err| format!("{page}: {err}"))?;
        std::fs::write(&path, renewed).map_err(|err| format!("{page}: {err}"))?;
    }
    Ok(true)
}

/// The text with the result of `run` in each sample.
fn renewed(text: &str, mut run: impl FnMut(&str) -> Result<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.extend([line, "\n"]);
        let Some(command) = line.strip_prefix(MARK.0).and_then(|rest| rest.strip_suffix(MARK.1)) else { continue };
        if lines.next() != Some("```") {
            return Err(format!("there is no block of code behind `{line}`"));
        }
        lines.by_ref().find(|line| *line == "```").ok_or_else(|| format!("the block behind `{line}` does not end"))?;
        out += &format!("```\n{}```\n", run(command)?);
    }
    Ok(out)
}

/// The running service.
struct Demo {
    child: Child,
    pid: String,
}

impl Demo {
    fn start() -> Result<Demo, String> {
        let lost = |err: std::io::Error| format!("gospect demo: {err}");
        let mut child = gospect(&["demo", "--serve", "--json"]).stdout(Stdio::piped()).spawn().map_err(lost)?;
        let mut line = String::new();
        child.stdout.take().map_or(Ok(0), |stdout| BufReader::new(stdout).read_line(&mut line)).map_err(lost)?;
        let pid = line.split_once("\"pid\":").and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
        let pid = pid.to_owned();
        let demo = Demo { child, pid };
        if demo.pid.is_empty() { Err("gospect demo does not start".to_owned()) } else { Ok(demo) }
    }

    /// A command as at a prompt, and its output on both streams.
    fn says(&self, command: &str) -> Result<String, String> {
        println!("gospect {command}");
        let line = command.replace("PID", &self.pid);
        // The command may contain quotes of the shell.
        let output =
            Command::new("sh").args(["-c", &format!("exec \"$0\" {line} 2>&1"), PROGRAM]).current_dir(root()).output();
        let output = output.map_err(|err| format!("{command}: {err}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{command}: {}\n{text}", output.status));
        }
        let mut lines: Vec<String> = text.trim_end().lines().map(cut).collect();
        if lines.len() > LONGEST {
            lines.splice(LONGEST / 2..lines.len() - LONGEST / 2, ["…".to_owned()]);
        }
        Ok(format!("$ sudo gospect {line}\n{}\n", lines.join("\n")))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // At this signal, gospect ends its service, too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/gospect");

fn gospect(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args);
    command
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_sample_is_replaced_and_nothing_else() {
        let text = "a\n<!-- real: ps -->\n```\nold\n```\nb\n```\nkept\n```\n";
        let renewed = |text: &str| renewed(text, |command| Ok(format!("$ {command}\nnew\n")));
        let wanted = "a\n<!-- real: ps -->\n```\n$ ps\nnew\n```\nb\n```\nkept\n```\n";
        assert_eq!(renewed(text), Ok(wanted.to_owned()));
        assert_eq!(renewed(wanted), Ok(wanted.to_owned()));
        assert!(renewed("<!-- real: ps -->\ntext\n").is_err() && renewed("<!-- real: ps -->\n```\n").is_err());
    }
}
