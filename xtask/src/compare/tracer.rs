//! Tracers on the targets: their command lines, and attaching.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Setup;
use super::rows::{Events, Row, Tool};
use super::targets::Target;
use crate::bed::{GLANCE, Tracer, named, trace_command};

/// Time for a single call to be shown.
const SHOWN: Duration = Duration::from_millis(500);
/// Makes bpftrace report its probes attached.
const BPFTRACE_READY: &str = "interval:ms:200 { printf(\"ready\\n\"); }";

/// Values of the placeholders in rows.
pub struct Names {
    path: String,
    function: String,
    returns: String,
}

impl Names {
    /// Asks gospect for the returns of the function.
    pub fn of(gospect: &Path, path: &Path, function: &str) -> Result<Names, String> {
        let listed = Command::new(gospect).args(["list", "--json", "--sites"]).arg(path).arg(function).output();
        let listed = listed.map_err(named(gospect.display()))?;
        let line = String::from_utf8_lossy(&listed.stdout).into_owned();
        let returns = returns(&line).ok_or_else(|| format!("gospect list tells no returns of {function}: {line}"))?;
        let path = path.display().to_string();
        let returns = returns.into_iter().map(|at| format!("uprobe:{path}:{at:#x}")).collect::<Vec<_>>().join(", ");
        Ok(Names { path, function: function.to_owned(), returns })
    }

    fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn fill(&self, text: &str) -> String {
        let text = text.replace("{path}", &self.path);
        text.replace("{func}", &self.function).replace("{returns}", &self.returns)
    }
}

/// The addresses of a function's returns, out of a line of `gospect list --json --sites`.
fn returns(line: &str) -> Option<Vec<u64>> {
    let entry = line.split_once("\"entry\":\"0x")?.1.split('"').next()?;
    let entry = u64::from_str_radix(entry, 16).ok()?;
    let list = line.split_once("\"returns\":[")?.1.split(']').next()?;
    let offsets = list.split("\"offset\":").skip(1).map(|rest| rest.split([',', '}']).next()?.parse::<u64>().ok());
    offsets.map(|offset| Some(entry + offset?)).collect()
}

/// The command of a row's tracer on a process; none without a tracer.
pub fn command(setup: &Setup, row: &Row, names: &Names, pid: u32) -> Result<Option<Command>, String> {
    let fill = |text: &str| names.fill(text);
    let mut command = match row.tool {
        Tool::Nothing => return Ok(None),
        Tool::Script(_) => trace_command(&setup.gospect, "run", pid),
        Tool::Gospect(name, _) => trace_command(&setup.gospect, name, pid),
        Tool::GospectInBudget(name, _) => {
            let mut command = Command::new(&setup.gospect);
            command.args([name, "--ready-fd", "1", "-p", &pid.to_string()]);
            command
        }
        Tool::Bpftrace(_) => Command::new("bpftrace"),
        Tool::Dlv => Command::new(setup.dlv.as_ref()?),
    };
    match row.tool {
        Tool::Nothing => &mut command,
        Tool::Script(script) => command.args(["-e", &fill(script)]),
        Tool::Gospect(_, args) | Tool::GospectInBudget(_, args) => command.args(args.iter().map(|arg| fill(arg))),
        Tool::Bpftrace(script) => command.args(["-e", &format!("{} {BPFTRACE_READY}", fill(script))]),
        Tool::Dlv => command.args(["trace", "-p", &pid.to_string(), &fill("^{func}$")]),
    };
    Ok(Some(command))
}

/// Attaches a row's tracer. Also returns the number of calls made before.
pub fn attach(
    mut command: Command,
    row: &'static Row,
    names: &Names,
    target: &mut Target,
) -> Result<(Tracer<Events>, u64), String> {
    let mut tracer = Tracer::start(&mut command, Events::new(row), Events::take)?;
    let waited = match row.tool {
        Tool::Dlv => tracer.wait_until_attached(SHOWN, || target.poke()),
        _ => tracer.wait_until_attached(GLANCE, || Ok(())).map(|_| 0),
    };
    match waited {
        Ok(unseen) => Ok((tracer, unseen)),
        Err(why) => Err(tracer.give_up(&why).replace(&names.path, names.file())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_where_the_list_says() {
        let line = r#"{"entry":"0x4aa780","sites":{"returns":[{"offset":181,"class":"stepped"},{"offset":192,"class":"stepped"}],"tail_jumps":[]}}"#;
        assert_eq!(returns(line), Some(vec![0x4a_a835, 0x4a_a840]));
        assert_eq!(returns("{}"), None);
    }
}
