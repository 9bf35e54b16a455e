//! `gospect run`: a script of probes on a program.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use event::go::redact::Secrets;
use event::stream::Sink as _;
use session::run::{Limits, Script, Stopped, Values};
use session::{Group, Subject};
use ui::go::Style;
use ui::sink::{Fold, Options, Screen};

use crate::console::Console;
use crate::failure::{Failure, Message};
use crate::line::Line;
use crate::output::Output;
use crate::patience::Patience;
use crate::table::layout;
use crate::{Run, say};

/// No script is longer; who names a larger file has named the wrong one.
const LONGEST: u64 = 16 << 20;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let script = script(run)?;
    if let Some(stage) = run.typed.run.emit {
        return Ok(run.out.write_all(script.stage(stage)?.as_bytes())?);
    }
    if run.typed.run.list {
        return Ok(run.out.write_all(script.list()?.as_bytes())?);
    }
    go(run, script, None)
}

/// Runs a script, whoever wrote it, as the flags say that all probing commands have.
pub(crate) fn go(run: &mut Run, script: Script, fold: Option<Box<dyn Fold>>) -> Result<(), Failure> {
    let has_command = !script.command.is_empty();
    if let (Some(Subject::Group(group)), false) = (&script.subject, has_command) {
        let (duration, quiet) = (run.typed.run.duration, run.typed.run.quiet);
        group.await_go(duration, |note| {
            if !quiet {
                say(note, None);
            }
        });
    }
    let typed = &run.typed.run;
    let patient = run.is_looked_on();
    let reading = Patience::with(patient, "reading programs and writing probes");
    let prepared = script.compile();
    drop(reading);
    let prepared = prepared?;
    if !typed.quiet {
        // With standard error closed there is nobody to tell.
        let _ = io::stderr().write_all(prepared.warnings.as_bytes());
    }
    session::wait_for_orders();
    let limits = Limits { duration: typed.duration, printed: typed.printed, overhead: typed.overhead.0 };
    // What a command prints on the same terminal would go into the line.
    let live = !typed.quiet && io::stderr().is_terminal() && !has_command;
    let options = Options { view: typed.view, style: style(&typed.values), several: names_several(run) };
    let secrets = Secrets::like(typed.values.secrets.iter().map(String::as_str));
    let console = Console {
        width: typed.width,
        quiet: typed.quiet,
        buffered: typed.buffered,
        ready: typed.ready,
        line: Line::new(live),
        attaching: Some(Patience::with(patient, "putting probes in place")),
        ..Console::of(&mut run.out)
    };
    let mut screen = Screen::new(layout(&run.typed)(options), console, secrets).with(fold);
    let ended = prepared.run(limits, &mut screen);
    screen.place().attaching = None;
    if let Err(Stopped::Show(error)) = &ended
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        screen.note("ended because nobody reads the output any more");
    }
    drop(screen);
    let ended = ended.map_err(|stopped| unshown(stopped, &run.out))?;
    match ended.status {
        0 => Ok(()),
        status => {
            run.out.finish()?;
            Err(Failure::Asked((status & 0xff) as u8))
        }
    }
}

/// Whether flags name more than one process, or a group, which may have more at any time.
fn names_several(run: &Run) -> bool {
    let pids = &run.typed.pids;
    run.typed.choice.is_some() || pids.iter().any(|pid| *pid != pids[0])
}

/// More than usual is shown of strings if more than usual is taken.
fn style(values: &Values) -> Style {
    let (usual, strlen) = (Style::default(), usize::from(values.strlen));
    let strlen = if values.strlen == Values::default().strlen { usual.strlen } else { strlen };
    Style { strlen, ..usual }
}

/// Says where the rest is if something could not be written.
fn unshown(stopped: Stopped, out: &Output) -> Failure {
    match (stopped, out.turned_to()) {
        (Stopped::Show(error), Some(elsewhere)) => Failure::Said(Message {
            hint: Some(format!("what was gathered and had no room there is on {elsewhere}")),
            ..Message::refused(error.to_string())
        }),
        (stopped, _) => stopped.into(),
    }
}

/// What was typed as a script.
fn script(run: &Run) -> Result<Script, Failure> {
    let typed = &run.typed;
    let (name, text, params) = match (&typed.run.text, typed.words.split_first()) {
        (Some(text), _) => (String::new(), text.clone(), typed.words.as_slice()),
        (None, Some((points, rest))) if typed.run.list => (String::new(), points.to_string_lossy().into_owned(), rest),
        (None, Some((file, params))) => (file.display().to_string(), read(file)?, params),
        (None, None) => {
            return Err(Failure::usage(
                "`gospect run` needs a script: its file, `-` for standard input, or `-e TEXT`",
                "`gospect help run` shows what can be typed",
            ));
        }
    };
    Ok(Script {
        name,
        text,
        params: params.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        subject: subject(run)?,
        command: command(run)?,
        as_root: typed.run.as_root,
        engine: typed.run.engine,
        values: typed.run.values.clone(),
        restraint: typed.run.restraint,
    })
}

fn read(file: &std::ffi::OsStr) -> Result<String, Failure> {
    let unread = |e: io::Error| Failure::Said(Message::refused(format!("{} cannot be read: {e}", file.display())));
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().take(LONGEST).read_to_string(&mut text),
        _ => File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
    };
    read.map(|_| text).map_err(unread)
}

/// The processes that flags name.
pub(crate) fn subject(run: &Run) -> Result<Option<Subject>, Failure> {
    if run.typed.choice.is_some() {
        if !run.typed.pids.is_empty() || run.typed.run.target.is_some() {
            let both = "a group of processes, and `-p` or `--target`, cannot both name the target";
            return Err(Failure::usage(both, "leave one out"));
        }
        return Ok(Some(Subject::Group(Group::chosen(&run.typed.choice)?)));
    }
    match (run.typed.pids.as_slice(), &run.typed.run.target) {
        ([_, ..], Some(_)) => Err(Failure::usage("`-p` and `--target` cannot both name the target", "leave one out")),
        (pids @ [_, ..], None) => Ok(Some(Subject::processes(pids))),
        ([], Some(path)) => Ok(Some(Subject::Path(path.clone()))),
        ([], None) => Ok(None),
    }
}

pub(crate) fn command(run: &Run) -> Result<Vec<std::ffi::OsString>, Failure> {
    let (by_flag, behind) = (&run.typed.run.command, &run.typed.command);
    match (by_flag.is_empty(), behind.is_empty()) {
        (false, false) => Err(Failure::usage("`-c` and `--` cannot both name the command", "leave one out")),
        (_, true) => Ok(by_flag.clone()),
        (true, false) => Ok(behind.clone()),
    }
}
