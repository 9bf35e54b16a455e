//! What `--help` and `gospect help` show, made from the table.

use std::ffi::OsStr;
use std::io::Write;

use crate::Run;
use crate::failure::{Failure, NOTHING, REFUSED, USAGE};
use crate::table::{COMMANDS, Command, Flag, GLOBAL, Value};

/// No line of help is longer, so that it fits beside something else.
pub const WIDTH: usize = 100;

/// Pages on more than a command are laid out for any terminal.
const PAGE: usize = 80;

/// What gospect is, for who reads no more.
pub(crate) const DESCRIPTION: &str = "\
gospect shows what a Go program does while it runs: its calls with arguments, results and durations, the states and waits of
its goroutines, and whatever a script of probes asks for. The program is not rebuilt, restarted, stopped or changed but for
probes of the kernel, which are gone when gospect is. It needs root, or CAP_BPF and CAP_PERFMON, to place probes; nothing to
read what is in a program's file.";

/// What exit statuses mean everywhere.
pub(crate) const EXITS: &[(u8, &str)] = &[
    (0, "done; also when the reader of the output went away"),
    (NOTHING, "there was nothing: no process, no function that matched"),
    (USAGE, "the command line or the text of a script is wrong"),
    (REFUSED, "the system, or a file, did not let us"),
];

/// What gospect takes from its environment.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "If it is not empty there are no colours, unless --color asks for them."),
    ("TERM", "If it is dumb there are no colours either."),
    ("SUDO_USER, SUDO_UID, SUDO_GID", "Who called sudo: commands that gospect starts are run by that user."),
    ("PATH", "Where COMMAND is looked for; by demo, where go is."),
    ("XDG_CACHE_HOME, HOME", "Where demo keeps what it builds."),
];

/// Something that there is to say beside the commands.
pub struct Topic {
    /// What is typed.
    pub name: &'static str,
    /// What it is about: no full stop.
    pub brief: &'static str,
    /// All of it, as Markdown.
    text: fn() -> String,
}

/// All topics, in the order of the overview.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: "language",
        brief: "The probe language; `gospect help language WORD` for a word or a section of it",
        text: session::reference::whole,
    },
    Topic { name: "probes", brief: "Where scripts can look: the kinds of probes", text: probes },
    Topic { name: "targets", brief: "How to say which programs and processes are meant", text: targets },
    Topic { name: "values", brief: "How arguments and results are shown, and what is left out", text: values },
    Topic { name: "budget", brief: "What probes cost, and what keeps it small", text: budget },
    Topic { name: "json", brief: "What --json writes: the objects and their fields", text: json },
    Topic { name: "exit-status", brief: "What the exit status of gospect means", text: exit_status },
];

/// `gospect help [COMMAND|TOPIC [WORD]]`
pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let text = match run.typed.words.as_slice() {
        [] => overview(),
        [name] => named(name).ok_or_else(|| unknown(name))?,
        [name, word, ..] if name == "language" => ui::page::lay_out(&part(word)?, PAGE),
        [_, word, ..] => return Err(too_many(word)),
    };
    Ok(run.out.write_all(text.as_bytes())?)
}

fn named(name: &OsStr) -> Option<String> {
    let topic = || TOPICS.iter().find(|topic| topic.name == name);
    let page = || Some(ui::page::lay_out(&(topic()?.text)(), PAGE));
    Command::named(name).map(of).or_else(page)
}

fn too_many(word: &OsStr) -> Failure {
    let sentence = format!("`{}` is one argument too many", word.display());
    Failure::usage(sentence, "`gospect help help` shows what can be typed")
}

/// A section or a word of the language.
fn part(word: &OsStr) -> Result<String, Failure> {
    let name = word.to_string_lossy();
    session::reference::part(&name).ok_or_else(|| {
        let parts = session::reference::parts();
        let near = gobin::pattern::suggest(&name, parts.iter().map(String::as_str), 1);
        let hint = near.first().map(|near| format!("did you mean `{near}`?"));
        let hint = hint.unwrap_or_else(|| "`gospect help language` shows all of it".to_owned());
        Failure::usage(format!("the probe language has no `{name}`"), hint)
    })
}

fn targets() -> String {
    include_str!("help/targets.md").to_owned()
}

fn values() -> String {
    include_str!("help/values.md").to_owned()
}

fn budget() -> String {
    include_str!("help/budget.md").to_owned()
}

fn json() -> String {
    include_str!("../../../docs/json.md").to_owned()
}

fn probes() -> String {
    session::reference::part("probes").unwrap_or_default()
}

fn exit_status() -> String {
    let mut text = "# Exit status\n\n| status | means |\n|---|---|\n".to_owned();
    text.extend(EXITS.iter().map(|(status, what)| format!("| {status} | {what} |\n")));
    for command in COMMANDS.iter().filter(|command| !command.exits.is_empty()) {
        text += &format!("\n## gospect {}\n\n| status | means |\n|---|---|\n", command.name);
        text.extend(command.exits.iter().map(|(status, what)| format!("| {status} | {what} |\n")));
    }
    text
}

fn unknown(name: &OsStr) -> Failure {
    let hint = nearest(&name.to_string_lossy()).map(|near| format!("did you mean `{near}`?"));
    let hint = hint.unwrap_or_else(|| "`gospect help` lists commands and topics".to_owned());
    Failure::usage(format!("unknown command or topic `{}`", name.display()), hint)
}

/// The command or topic that was probably meant: one that begins so, or is few edits away, or has the same letters.
fn nearest(wanted: &str) -> Option<&'static str> {
    let names = || COMMANDS.iter().map(|command| command.name).chain(TOPICS.iter().map(|topic| topic.name));
    let letters = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    let begins = names().find(|name| wanted.len() > 1 && name.starts_with(wanted));
    let near = || gobin::pattern::suggest(wanted, names(), 1).first().copied();
    begins.or_else(near).or_else(|| names().find(|name| letters(name) == letters(wanted)))
}

/// The help of gospect itself.
#[must_use]
pub fn overview() -> String {
    let commands = COMMANDS.iter().map(|c| (c.name.to_owned(), c.brief.to_owned())).collect();
    [
        "Show what a running, unmodified Go program is doing, from outside\n\n".to_owned(),
        "Usage: gospect COMMAND [OPTIONS] [ARGUMENTS]\n\n".to_owned(),
        section("Commands", commands),
        section("Topics of help", TOPICS.iter().map(|t| (t.name.to_owned(), t.brief.to_owned())).collect()),
        section("Options of every command", GLOBAL.iter().map(|f| row(f)).collect()),
        "`gospect help COMMAND` shows all about a command, `gospect help TOPIC` about something else.\n".to_owned(),
    ]
    .concat()
}

/// The help of a command.
#[must_use]
pub fn of(command: &Command) -> String {
    let words = command.words.iter().map(|w| (w.usage.to_owned(), w.brief.to_owned())).collect();
    let examples = command.examples.iter().map(|(line, what)| ((*line).to_owned(), (*what).to_owned())).collect();
    let done = [(0, "done; also when the reader of the output went away")];
    let exits = done.iter().chain(command.exits).map(|(status, what)| (status.to_string(), (*what).to_owned()));
    let about = if command.about.is_empty() { String::new() } else { format!("{}\n\n", command.about) };
    let text = [
        format!("{}\n\nUsage: gospect {}\n\n", command.brief, usage(command)),
        about,
        section("Arguments", words),
        section("Options", command.all_flags().map(row).collect()),
        section("Examples", examples),
        section("Exit status", exits.collect()),
    ]
    .concat();
    text.trim_end().to_owned() + "\n"
}

pub(crate) fn usage(command: &Command) -> String {
    let words = command.words.iter().map(|w| w.usage);
    [command.name, "[OPTIONS]"].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// A flag as it is typed, and what it does.
pub(crate) fn row(flag: &Flag) -> (String, String) {
    let short = flag.short.map_or("    ".to_owned(), |c| format!("-{c}, "));
    let value = match flag.value {
        Value::None => String::new(),
        Value::Maybe(name) => format!("[={name}]"),
        Value::Any(name) | Value::OneOf(name, _) => format!(" {name}"),
    };
    (format!("{short}--{}{value}", flag.long), flag.brief.to_owned())
}

fn section(title: &str, rows: Vec<(String, String)>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let line = |(left, right): &(String, String)| format!("  {left:<width$}  {right}\n");
    format!("{title}:\n{}\n", rows.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests;
