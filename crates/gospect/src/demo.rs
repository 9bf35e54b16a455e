//! `gospect demo`: a service with load on it, and what gospect shows of it.
//!
//! Each step is a command that can be typed: it is shown as at a prompt, and run as it stands there by another gospect,
//! whose output is ours.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use session::demo::{Demo, Service};

use crate::failure::Failure;
use crate::typed::Color;
use crate::{Format, Run, say, typed};

/// What is shown, each with what it is.
const STEPS: &[(&str, &str)] = &[
    (
        "Where the time of goroutines went, by the function that they began with.",
        "states -p PID --summary --duration 4s",
    ),
    (
        "What becomes of goroutines: each change of state, how long it was in the last one, why it waits.",
        "states -p PID -n 12 --duration 10s",
    ),
    (
        "What all goroutines are doing now, read from memory without a probe: so a leak is seen.",
        "states -p PID --snapshot",
    ),
    (
        "Each call of two functions: arguments, results, how long it took.",
        "trace -p PID main.Fibonacci main.Query -n 8 --duration 10s",
    ),
    (
        "How long calls take, counted in the kernel: most queries are quick, one in twenty is not.",
        "hist -p PID main.Query --duration 4s",
    ),
];

/// What there is to try besides.
const MORE: &[(&str, &str)] = &[
    ("only slow calls, and who called", "trace -p PID main.Query --if 'elapsed > 20ms' --stack"),
    ("calls that fail, with the error", "trace -p PID 'main.*' --if failed"),
    ("where the leaked goroutines wait, and who started them", "states -p PID --snapshot --stack --parent"),
    ("who creates whom", "states -p PID --tree"),
    ("calls within calls of one goroutine", "trace -p PID 'main.*' -x main.main --graph"),
    ("calls that a panic ends", "trace -p PID main.Parse"),
    ("the slow queries and the others apart", "hist -p PID main.Query --by 'args.id % 20 == 0'"),
    ("a script: numbers that were asked for", "run -p PID -e 'go:main.Fibonacci { @n = lhist(args.n, 0, 60, 10) }'"),
    (
        "what goroutines waited for, in ms",
        "run -p PID -e 'goroutine:state /args.from == \"waiting\"/ { @[args.startfunc, args.reason] = sum(args.for / 1000000) }'",
    ),
    ("its functions, and what a probe on one does", "list -p PID 'main.*'"),
    ("", "explain -p PID main.Fibonacci"),
];

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    if !run.typed.serve {
        session::demo::may_probe().map_err(|refusal| {
            let as_root = format!("`sudo {} demo` runs it as root; `demo --serve` needs no rights", name());
            let advice = refusal.advice().map_or(as_root.clone(), |advice| format!("{as_root}; {advice}"));
            session::Refusal { hint: Some(advice), line: None, ..refusal }
        })?;
    }
    session::wait_for_orders();
    let Some(mut service) = Service::start(&mut |note| say(note, None))? else { return Ok(()) };
    let demo = service.demo().clone();
    introduce(run, &demo)?;
    if run.typed.serve {
        by_hand(run, &demo)?;
        return Ok(service.wait()?);
    }
    for &(about, line) in STEPS {
        if !step(run, about, &line.replace("PID", &demo.pid.to_string()))? {
            return Ok(());
        }
    }
    by_hand(run, &demo)
}

fn introduce(run: &mut Run, demo: &Demo) -> Result<(), Failure> {
    let Demo { pid, url, framework, go, path } = demo;
    ui::demo::show(&ui::demo::Demo { pid: *pid, url, framework, go, path }, run.format, &mut run.out)?;
    Ok(run.out.finish()?)
}

/// Shows a command and runs it. False where Ctrl-C came.
fn step(run: &mut Run, about: &str, line: &str) -> Result<bool, Failure> {
    if let Format::Text(look) = run.format {
        let prompt = format!("$ {} {line}", name());
        writeln!(run.out, "\n{about}\n{}", ui::text::paint(&prompt, "1", look.color))?;
    }
    let args = typed::split(line).map_err(|why| Failure::usage(why, line))?;
    let mut command = Command::new("/proc/self/exe");
    command.args(args).args(passed_on(run)).stdin(Stdio::null()).stdout(run.out.share()?);
    let unrun = |error| Failure::Said(crate::failure::Message::refused(format!("`{line}` cannot be run: {error}")));
    let Some(status) = session::demo::follow(&mut command).map_err(unrun)? else { return Ok(false) };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(true),
        (Some(status), _) => Err(Failure::Asked((status & 0xff) as u8)),
        (None, signal) => Err(unrun(std::io::Error::other(format!("it was ended by signal {}", signal.unwrap_or(0))))),
    }
}

/// What was typed for all of it goes for each command.
fn passed_on(run: &Run) -> Vec<OsString> {
    let color = match run.typed.color {
        Color::Auto => None,
        Color::Always => Some("--color=always"),
        Color::Never => Some("--color=never"),
    };
    run.typed.json.then_some("--json").into_iter().chain(color).map(OsString::from).collect()
}

fn by_hand(run: &mut Run, demo: &Demo) -> Result<(), Failure> {
    let Format::Text(_) = run.format else { return Ok(()) };
    let (intro, pid) = match run.typed.serve {
        true => ("It runs until Ctrl-C. To try in another terminal:".to_owned(), demo.pid.to_string()),
        false => (
            format!("`{} demo --serve` leaves it running and says its PID. To try then in another terminal:", name()),
            "PID".to_owned(),
        ),
    };
    writeln!(run.out, "\n{intro}\n")?;
    let steps = STEPS.iter().filter(|_| run.typed.serve).map(|&(about, line)| (about, line));
    for (about, line) in steps.chain(MORE.iter().copied()) {
        if !about.is_empty() {
            writeln!(run.out, "  # {}", about.trim_end_matches('.'))?;
        }
        writeln!(run.out, "  {} {}", name(), line.replace("PID", &pid))?;
    }
    Ok(run.out.finish()?)
}

/// How gospect is to be typed here: as it was.
fn name() -> String {
    let typed = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    let name = typed.filter(|name| name.contains('/')).unwrap_or_else(|| "gospect".to_owned());
    if std::env::var_os("SUDO_USER").is_some() { format!("sudo {name}") } else { name }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::parse::parse;

    #[test]
    fn every_command_that_is_shown_can_be_typed() {
        for (_, line) in STEPS.iter().chain(MORE) {
            let words = typed::split(&format!("gospect {}", line.replace("PID", "42"))).unwrap();
            let (command, typed) = parse(words).unwrap_or_else(|failure| panic!("{line}: {failure:?}"));
            assert_eq!(Some(OsStr::new(command.unwrap().name)), line.split(' ').next().map(OsStr::new));
            assert_eq!(typed.pids, [session::Pid(42)], "{line}");
        }
    }
}
