//! The command line: from what was typed, through one call of `session`, to one call of `ui`.
//!
//! [`table`] says what can be typed; parser, help and usage errors are made from it, in [`parse`] and [`help`]. Each
//! command has a module with one `run`. This file is the only place that prints what went wrong.
//!
//! Knows nothing about Go, eBPF or files: what a command finds out it gets from `session` as values.

mod bench;
mod choose;
mod complete;
mod console;
mod demo;
mod doctor;
mod explain;
pub mod failure;
pub mod help;
mod hist;
mod info;
mod line;
mod list;
mod man;
pub mod output;
pub mod parse;
mod patience;
mod ps;
mod script;
mod states;
pub mod table;
mod trace;
pub mod typed;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use session::{Program, Target};
use ui::Format;
use ui::text::{paint, visible};

use crate::failure::Failure;
use crate::output::{Output, Readers};
use crate::patience::Patience;
use crate::table::{Action, Command};
use crate::typed::Typed;

/// What a command runs with.
pub struct Run {
    /// What was typed.
    pub typed: Typed,
    /// How to show what was found.
    pub format: Format,
    /// Where to.
    pub out: Output,
}

impl Run {
    /// Whether somebody who is not busy reading sees what goes on.
    pub(crate) fn is_looked_on(&self) -> bool {
        let piped_json = self.format == Format::Json && !self.out.is_terminal();
        io::stderr().is_terminal() && !self.typed.run.quiet && !piped_json
    }

    /// Opens what the command is to look at.
    ///
    /// # Errors
    /// Why it cannot be, also that results would be written over it.
    pub(crate) fn open(&self, target: &Target) -> Result<Program, Failure> {
        let reading = Patience::with(self.is_looked_on(), &format!("reading {target}"));
        let opened = target.open();
        drop(reading);
        let program = opened?;
        if self.out.id()? == program.file {
            return Err(Failure::usage(
                format!("what is found in {} would be written over it", program.name),
                "write to another file",
            ));
        }
        Ok(program)
    }
}

/// What is said when a file is made shorter while it is read: all that can still be done then.
const SHRANK: &str = "gospect: a program's file became shorter, or its disk failed, while it was looked at\n\
                      hint: try again when nothing writes to it\n";

/// Whether what is said to the user, and is no result, has colours.
static COLORED: AtomicBool = AtomicBool::new(false);

/// Runs the command line `args`, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    session::say_before_sigbus(SHRANK, failure::REFUSED);
    let args: Vec<OsString> = args.into_iter().collect();
    // Before it is known what they mean: that they mean nothing is said in colours, too.
    COLORED.store(output::colors_of_notes(&args), Ordering::Relaxed);
    match run(args) {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::Said(message)) => {
            say(&message.sentence, message.hint.as_deref());
            ExitCode::from(message.status)
        }
        Err(Failure::Text(wrong)) => {
            // With standard error closed there is nobody to tell.
            let _ = std::io::stderr().write_all(wrong.shown.as_bytes());
            ExitCode::from(failure::status(wrong.class))
        }
        Err(Failure::Asked(status)) => ExitCode::from(status),
        Err(Failure::NoCommand) => {
            // With standard error closed there is nobody to tell.
            let _ = std::io::stderr().write_all(help::overview().as_bytes());
            ExitCode::from(failure::USAGE)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let (command, typed) = parse::parse(args)?;
    if typed.version {
        return print(&typed, concat!("gospect ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    match command {
        None if typed.help => print(&typed, &help::overview()),
        None => Err(Failure::NoCommand),
        Some(command) if typed.help => print(&typed, &help::of(command)),
        Some(command) => start(command, typed),
    }
}

fn start(command: &Command, typed: Typed) -> Result<(), Failure> {
    let readers = if command.starts { Readers::Owner } else { Readers::All };
    let out = Output::open(typed.output.as_deref(), readers)?;
    let format = if typed.json { Format::Json } else { Format::Text(out.look(typed.color)) };
    let mut run = Run { typed, format, out };
    perform(command.action, &mut run)?;
    Ok(run.out.finish()?)
}

fn perform(action: Action, run: &mut Run) -> Result<(), Failure> {
    match action {
        Action::Demo => demo::run(run),
        Action::Ps => ps::run(run),
        Action::Doctor => doctor::run(run),
        Action::Info => info::run(run),
        Action::List => list::run(run),
        Action::Explain => explain::run(run),
        Action::Run => script::run(run),
        Action::States => states::run(run),
        Action::Trace => trace::run(run),
        Action::Hist => hist::run(run),
        Action::Bench => bench::run(run),
        Action::Complete => complete::run(run),
        Action::Man => man::run(run),
        Action::Help => help::run(run),
    }
}

fn print(typed: &Typed, text: &str) -> Result<(), Failure> {
    let mut out = Output::open(typed.output.as_deref(), Readers::All)?;
    out.write_all(text.as_bytes())?;
    Ok(out.finish()?)
}

/// Tells the user something that is no result, in the form of every message of gospect.
pub fn say(sentence: &str, hint: Option<&str>) {
    let color = COLORED.load(Ordering::Relaxed);
    let (name, advice) = (paint("gospect:", "1", color), paint("hint:", "36", color));
    let hint = hint.map(|h| format!("{advice} {}\n", visible(h))).unwrap_or_default();
    // In one piece, so that it is not mixed with what a traced program writes. With standard error closed there is
    // nobody to tell.
    let _ = std::io::stderr().write_all(format!("{name} {}\n{hint}", visible(sentence)).as_bytes());
}
