//! `gospect trace`: the calls of functions, each with its arguments, results and duration.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at it, which `gospect run` has too.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use session::Subject;
use session::ready::Trace;
use session::run::{Opaque, Script, Stage, Values};
use ui::call::View;

use crate::failure::Failure;
use crate::typed::{Typed, TypedRun, Width};
use crate::{Run, choose, script};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (subject, functions) = subject(run, "trace")?;
    let trace = Trace { functions, inlined: run.typed.inlined, ..run.typed.trace.clone() };
    let script = script(run, trace.to_string(), subject);
    if run.typed.show_program {
        return show(run, script);
    }
    script::go(run, script, None)
}

/// What is run for a text that was made here.
pub(crate) fn script(run: &Run, text: String, subject: Option<Subject>) -> Script {
    let typed = &run.typed.run;
    Script {
        text,
        subject,
        command: run.typed.command.clone(),
        as_root: typed.as_root,
        engine: typed.engine,
        restraint: typed.restraint,
        values: typed.values.clone(),
        ..Script::default()
    }
}

/// The program, if it means something, and what `gospect run` has to be told besides.
pub(crate) fn show(run: &mut Run, script: Script) -> Result<(), Failure> {
    let text = script.text.clone();
    script.stage(Stage::Plan)?;
    run.out.write_all(text.as_bytes())?;
    let flags = flags(&run.typed.run);
    if !flags.is_empty() {
        writeln!(run.out, "// with: gospect run{flags}")?;
    }
    Ok(())
}

/// How calls are looked at, as flags.
fn flags(typed: &TypedRun) -> String {
    let (values, usual, restraint) = (&typed.values, Values::default(), typed.restraint);
    let view = match typed.view {
        View::Ends => None,
        View::Both => Some(" --entry".to_owned()),
        View::Graph { depth: None } => Some(" --graph".to_owned()),
        View::Graph { depth: Some(depth) } => Some(format!(" --max-depth {depth}")),
    };
    let number = |flag: &str, is: u32, usual: u32| (is != usual).then(|| format!(" {flag} {is}"));
    let shown = values.secrets.is_empty().then(|| " --no-redact".to_owned());
    let hidden = values.secrets.iter().filter(|name| !usual.secrets.contains(name));
    let all = [
        view,
        number("--depth", values.depth.into(), usual.depth.into()),
        number("--capture", values.bytes, usual.bytes),
        number("--strlen", values.strlen.into(), usual.strlen.into()),
        shown,
        restraint.rate.map(|rate| format!(" --rate {rate}/s")),
        restraint.sample.map(|one_in| format!(" --sample 1/{one_in}")),
    ];
    let width = match typed.width {
        Width::Line => None,
        Width::Columns(columns) => Some(format!(" --width {columns}")),
        Width::All => Some(" --full".to_owned()),
    };
    let hidden = hidden.map(|name| format!(" --redact '{name}'"));
    all.into_iter().chain([width]).flatten().chain(values.opaque.iter().map(opaque)).chain(hidden).collect()
}

fn opaque(one: &Opaque) -> String {
    match &one.fields {
        None => format!(" --follow '{}'", one.types),
        Some(fields) if fields.is_empty() => format!(" --opaque '{}'", one.types),
        Some(fields) => format!(" --opaque '{}:{}'", one.types, fields.join(",")),
    }
}

/// The target, unless a command is to be started, and the words that do not name it.
pub(crate) fn target<'r>(run: &'r Run, command: &str) -> Result<(Option<Subject>, &'r [OsString]), Failure> {
    let typed = &run.typed;
    Ok(match (script::subject(run)?, typed.command.is_empty(), typed.words.split_first()) {
        (Some(_), false, _) => {
            return Err(Failure::usage("processes and a command behind `--` cannot both be traced", "leave one out"));
        }
        (subject, false, _) | (subject @ Some(_), true, _) => (subject, typed.words.as_slice()),
        (None, true, Some((path, words))) => (Some(Subject::Path(path.into())), words),
        (None, true, None) => {
            return Err(Failure::usage(
                format!(
                    "`gospect {command}` needs a TARGET: the path of a program, `-p PID`, or a command behind `--`"
                ),
                "`gospect ps` shows the Go processes that are running",
            ));
        }
    })
}

/// The target, unless a command is to be started, and the functions.
pub(crate) fn subject(run: &Run, command: &str) -> Result<(Option<Subject>, Vec<String>), Failure> {
    let (subject, words) = target(run, command)?;
    if words.is_empty() {
        return Err(Failure::usage(
            format!("`gospect {command}` needs a function: a name as Go prints it, or a pattern such as 'main.*'"),
            "`gospect list TARGET` shows every function",
        ));
    }
    if let Some(Subject::Path(first)) = &subject {
        is_target_first(first, &words[0], command)?;
    }
    is_no_target(&words[0], &run.typed, command)?;
    choose::patterns(words)?;
    Ok((subject, words.iter().map(text).collect()))
}

/// Who names the function before the target is told.
fn is_target_first(first: &Path, second: &OsString, command: &str) -> Result<(), Failure> {
    if first.exists() || !Path::new(second).is_file() || !text(second).contains('/') {
        return Ok(());
    }
    let (first, second) = (first.display(), text(second));
    let hint = format!("`gospect {command} {second} {first}`");
    Err(Failure::usage(format!("`{first}` is no file, and `{second}` is: TARGET comes before FUNC"), hint))
}

/// Where the target is named by something else, the first word is a function; who names the target there as well is told.
fn is_no_target(word: &OsString, typed: &Typed, command: &str) -> Result<(), Failure> {
    let name = text(word);
    // A Go function has a package.
    if !Path::new(word).is_file() || !name.contains('/') && name.contains('.') {
        return Ok(());
    }
    let named = match typed.command.first() {
        Some(started) => format!("the command behind `--`, `{}`", started.display()),
        None => "named already".to_owned(),
    };
    let sentence = format!("`{name}` is a file, not a function: the target is {named}");
    let functions: Vec<String> = typed.words.iter().skip(1).map(text).collect();
    let functions = if functions.is_empty() { "FUNC".to_owned() } else { functions.join(" ") };
    let behind: Vec<String> = typed.command.iter().map(text).collect();
    let hint = match behind.is_empty() {
        true => format!("leave it out: `gospect {command} … {functions}`"),
        false => format!("`gospect {command} {functions} -- {}`", behind.join(" ")),
    };
    Err(Failure::usage(sentence, hint))
}

fn text(word: &OsString) -> String {
    word.to_string_lossy().into_owned()
}
