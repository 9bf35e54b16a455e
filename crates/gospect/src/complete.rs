//! `gospect completions`: scripts that complete gospect's command lines in a shell, and what they ask gospect.
//!
//! The scripts know nothing. At each TAB they give gospect the words that stand there, and it answers from the table,
//! from the processes that run and from the target that was typed, a line for each word that could stand there; none
//! where files may. Shells differ in who splits the line and who quotes: zsh and fish do both, for bash we do.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;

use gobin::Image;
use gobin::name::Origin;
use session::{Pid, Target};

use crate::Run;
use crate::failure::Failure;
use crate::help::TOPICS;
use crate::table::{COMMANDS, Command, Flag, GLOBAL, Value};
use crate::typed;

/// The shells that there are scripts for.
pub(crate) const SHELLS: [(&str, &str); 3] = [
    ("bash", include_str!("complete/gospect.bash")),
    ("zsh", include_str!("complete/gospect.zsh")),
    ("fish", include_str!("complete/gospect.fish")),
];

/// The states that goroutines enter.
const STATES: [&str; 7] = ["runnable", "running", "syscall", "waiting", "preempted", "copystack", "dead"];

/// With more functions than that only their packages are offered.
const MANY: usize = 200;

/// A word that could stand there, and what it is.
type Candidate = (String, String);

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let shell = run.typed.words.first();
    let known = |shell: &OsStr| SHELLS.iter().find(|(name, _)| shell == *name);
    let Some((name, script)) = shell.and_then(|shell| known(shell)) else {
        let names = SHELLS.map(|(name, _)| format!("`{name}`")).join(", ");
        let sentence = match shell {
            Some(shell) => format!("there are no completions for `{}`", shell.display()),
            None => "`gospect completions` needs a shell".to_owned(),
        };
        return Err(Failure::usage(sentence, format!("it is one of {names}")));
    };
    let words: Vec<String> = run.typed.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let text = match words.is_empty() {
        true => (*script).to_owned(),
        false if *name == "bash" => for_bash(&words[0]),
        false => lines(&candidates(&words)),
    };
    Ok(run.out.write_all(text.as_bytes())?)
}

/// Candidates and what they are.
fn lines(candidates: &[Candidate]) -> String {
    let line = |(word, about): &Candidate| match about.is_empty() {
        true => format!("{word}\n"),
        false => format!("{word}\t{about}\n"),
    };
    candidates.iter().map(line).collect()
}

/// As bash wants them: quoted as the word is that they take the place of, and without what it takes for an earlier word.
fn for_bash(line: &str) -> String {
    let typed = split(line);
    let (before, last) = (&typed.words[1.min(typed.words.len())..], typed.last);
    let words: Vec<String> = before.iter().cloned().chain([last.clone()]).collect();
    let breaks = if typed.quote.is_none() { last.rfind(['=', ':']).map_or(0, |at| at + 1) } else { 0 };
    let quoted = |word: &str| if typed.quote.is_none() { escaped(word) } else { word.to_owned() };
    let reply = |(word, _): &Candidate| word.get(breaks..).map(|rest| quoted(rest) + "\n");
    candidates(&words).iter().filter_map(reply).collect()
}

/// A line up to the cursor.
struct Line {
    /// The words that are complete.
    words: Vec<String>,
    /// The one that the cursor stands in.
    last: String,
    /// The quote that is open there.
    quote: Option<char>,
}

/// Takes a line apart as bash does.
fn split(line: &str) -> Line {
    let (mut words, mut last, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => (quote, begun) = (Some(c), true),
            ('\\', None | Some('"')) => last.extend(chars.next()),
            (c, None) if c.is_whitespace() => {
                if begun || !last.is_empty() {
                    words.push(std::mem::take(&mut last));
                }
                begun = false;
            }
            (c, _) => last.push(c),
        }
    }
    Line { words, last, quote }
}

/// With a backslash before whatever a shell would take for its own.
fn escaped(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./-:@%+,=·".contains(c);
    word.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

/// What could stand in place of the last of these words, behind `gospect`.
fn candidates(words: &[String]) -> Vec<Candidate> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let at = before.iter().position(|word| Command::named(word.as_ref()).is_some());
    let command = at.and_then(|at| Command::named(before[at].as_ref()));
    let behind = at.map_or(before, |at| &before[at + 1..]);
    let flags: Vec<&Flag> = command.map_or_else(|| GLOBAL.to_vec(), |command| command.all_flags().collect());
    let all = if command.is_some_and(|command| command.starts) && behind.iter().any(|word| word == "--") {
        Vec::new()
    } else if let Some((flag, begun)) = last.split_once('=').filter(|(flag, _)| flag.starts_with("--")) {
        let values = named(&flags, flag).map_or_else(Vec::new, |flag| values(flag, begun, &Typed::of(&flags, behind)));
        values.into_iter().map(|(value, about)| (format!("{flag}={value}"), about)).collect()
    } else if let Some(flag) = behind.last().and_then(|word| named(&flags, word)).filter(|flag| takes_word(flag)) {
        values(flag, last, &Typed::of(&flags, &behind[..behind.len() - 1]))
    } else if last.starts_with('-') {
        flags.iter().flat_map(|flag| names(flag)).collect()
    } else {
        command.map_or_else(commands, |command| positional(command, last, &Typed::of(&flags, behind)))
    };
    all.into_iter().filter(|(word, _)| word.starts_with(last.as_str())).collect()
}

/// What was typed before, as far as it says what may follow.
struct Typed<'w> {
    pids: Vec<&'w str>,
    /// What stands there without a flag.
    words: Vec<&'w str>,
}

impl<'w> Typed<'w> {
    fn of(flags: &[&Flag], words: &'w [String]) -> Typed<'w> {
        let mut typed = Typed { pids: Vec::new(), words: Vec::new() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            match named(flags, name) {
                Some(flag) => {
                    let value = value.or_else(|| takes_word(flag).then(|| rest.next().map(String::as_str)).flatten());
                    typed.pids.extend(value.filter(|_| flag.long == "pid"));
                }
                None if word.starts_with('-') => {}
                None => typed.words.push(word),
            }
        }
        typed
    }

    /// The program that it is about.
    fn target(&self) -> Option<Target> {
        match (self.pids.first(), self.words.first()) {
            (Some(pid), _) => typed::pid(OsStr::new(pid)).ok().map(Target::Pid),
            (None, path) => path.map(|path| Target::Path(at_home(path))),
        }
    }
}

/// Shells leave `~` as it stands.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

fn named<'f>(flags: &[&'f Flag], word: &str) -> Option<&'f Flag> {
    let is = |flag: &&&'f Flag| names(flag).iter().any(|(name, _)| name == word);
    flags.iter().find(is).copied()
}

/// A flag as it can be typed.
fn names(flag: &Flag) -> Vec<Candidate> {
    let long = [(format!("--{}", flag.long), flag.brief.to_owned())];
    long.into_iter().chain(flag.short.map(|short| (format!("-{short}"), flag.brief.to_owned()))).collect()
}

/// Whether the word behind it is its value.
fn takes_word(flag: &Flag) -> bool {
    matches!(flag.value, Value::Any(_) | Value::OneOf(..))
}

fn values(flag: &Flag, last: &str, typed: &Typed<'_>) -> Vec<Candidate> {
    match flag.value {
        Value::OneOf(_, words) => words.iter().map(|word| ((*word).to_owned(), String::new())).collect(),
        Value::Any("PID") => processes(),
        Value::Any("FUNC" | "PATTERN") => functions(typed, last),
        Value::Any("GLOB") if flag.long == "func" => functions(typed, last),
        Value::Any("GLOB") if flag.long == "reason" => reasons(typed),
        Value::Any("STATE") => STATES.iter().map(|state| ((*state).to_owned(), String::new())).collect(),
        _ => Vec::new(),
    }
}

/// Why goroutines of the target may wait, in the words of its version of Go.
fn reasons(typed: &Typed<'_>) -> Vec<Candidate> {
    let Some(program) = typed.target().and_then(|target| target.open().ok()) else { return Vec::new() };
    let layout = program.image.runtime_by_version();
    let all = (0..=u8::MAX).filter_map(|number| layout.wait_reason(number)).filter(|reason| !reason.is_empty());
    all.map(|reason| (reason.to_owned(), String::new())).collect()
}

fn commands() -> Vec<Candidate> {
    COMMANDS.iter().map(|command| (command.name.to_owned(), command.brief.to_owned())).collect()
}

fn positional(command: &Command, last: &str, typed: &Typed<'_>) -> Vec<Candidate> {
    let takes = |what: &str| command.words.iter().any(|word| word.usage.contains(what));
    match typed.words.as_slice() {
        _ if takes("FUNC") || takes("PATTERN") => functions(typed, last),
        [] if takes("TOPIC") => commands().into_iter().chain(topics()).collect(),
        ["language"] if takes("TOPIC") => {
            session::reference::parts().iter().map(|part| (part.clone(), String::new())).collect()
        }
        [] if takes("SHELL") => SHELLS.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect(),
        _ => Vec::new(),
    }
}

fn topics() -> impl Iterator<Item = Candidate> {
    TOPICS.iter().map(|topic| (topic.name.to_owned(), topic.brief.to_owned()))
}

/// The Go processes that run.
fn processes() -> Vec<Candidate> {
    let Ok(processes) = session::processes() else { return Vec::new() };
    let one = |process: &session::processes::Process| {
        let Pid(pid) = process.pid;
        (pid.to_string(), process.program.module.clone().unwrap_or_default())
    };
    processes.go.iter().map(one).collect()
}

/// The functions of the target that begin so, or their packages where they are many.
fn functions(typed: &Typed<'_>, last: &str) -> Vec<Candidate> {
    let opened = typed.target().and_then(|target| target.open().ok());
    opened.map_or_else(Vec::new, |program| of_image(&program.image, last))
}

fn of_image(image: &Image, begin: &str) -> Vec<Candidate> {
    let written = |origin| matches!(origin, Origin::Go | Origin::Asm) || begin.contains(".func");
    let fitting = image.functions().filter(|f| f.name().starts_with(begin) && written(f.origin()));
    let names: BTreeSet<&str> = fitting.map(|f| f.name()).collect();
    let package = |name: &&str| gobin::name::Name::parse(name).package.to_owned();
    let packages: BTreeSet<String> = names.iter().map(package).filter(|package| !package.is_empty()).collect();
    let whole: Vec<String> = match names.len() > MANY && packages.len() > 1 {
        true => packages.into_iter().map(|package| package + ".").collect(),
        false => names.into_iter().map(str::to_owned).collect(),
    };
    whole.into_iter().map(|name| (name, String::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// What could stand at the end of a line that is split at blanks.
    fn check(line: &str, expect: Expect) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let all = candidates(&words);
        expect.assert_eq(&all.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn commands_flags_and_their_words_are_those_of_the_table() {
        check("h", expect!["hist help"]);
        check("--co", expect!["--color"]);
        check("bench --", expect!["--seconds --quick --vs --engine --way --json --output --color --help --version"]);
        check("ps --color ", expect!["auto always never"]);
        check("ps --color=a", expect!["--color=auto --color=always"]);
        check("--json hist -p 1 --unit m", expect!["ms"]);
        check("completions ", expect!["bash zsh fish"]);
        check("states -p 1 --state r", expect!["runnable running"]);
        check("states -p 1 --state=de", expect!["--state=dead"]);
        check("completions bash --j", expect![""]);
        check("help language qua", expect!["quantiles"]);
        check("help ex", expect!["explain exit-status"]);
    }

    #[test]
    fn where_files_may_stand_nothing_is_said() {
        for line in ["info ", "ps -o ", "trace -- -", "run ", "trace ./none main.", "trace -p x main."] {
            check(line, expect![""]);
        }
    }

    #[test]
    fn a_line_is_split_as_bash_does() {
        let check = |line: &str, words: &[&str], last: &str, quote| {
            let split = split(line);
            assert_eq!(
                (split.words, split.last.as_str(), split.quote),
                (words.iter().map(|w| (*w).to_owned()).collect(), last, quote)
            );
        };
        check("gospect ", &["gospect"], "", None);
        check(r"gospect a\ b '' main.\(\*S", &["gospect", "a b", ""], "main.(*S", None);
        check("gospect 'main.(*S", &["gospect"], "main.(*S", Some('\''));
        check("gospect \"a b\" x", &["gospect", "a b"], "x", None);
    }

    #[test]
    fn what_bash_takes_for_an_earlier_word_is_not_said_again() {
        assert_eq!(for_bash("gospect ps --color=al"), "always\n");
        assert_eq!(for_bash("gospect ps --color al"), "always\n");
        assert_eq!(escaped("main.(*Store[...]).Get"), r"main.\(\*Store\[...\]\).Get");
    }
}
