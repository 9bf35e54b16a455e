//! Every word of the language, each on one row: kinds of probes, words that stand for a value, functions, actions,
//! aggregations.
//!
//! The parser knows kinds of probes from here, the checker names, arguments and places, `docs/language.md` and
//! `gospect help language` everything else; the emitter knows each row by its [`Meaning`]. A word that has no row does
//! not exist.

use plan::Word;

mod reference;
mod table;

pub use reference::{part, parts, reference};
pub use table::{PROBES, ROWS};

/// A kind of probe.
#[derive(Debug)]
pub struct Probe {
    /// What is typed before the first colon; the first one is shown.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does, in whole sentences.
    pub doc: &'static str,
    /// One that could be written.
    pub example: &'static str,
    /// The release of gospect that brought it.
    pub since: &'static str,
    /// What stands behind the kind.
    pub form: Form,
}

/// What stands behind the kind of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `BEGIN`
    Begin,
    /// `END`
    End,
    /// `interval:UNIT:N`
    Interval,
    /// `profile:UNIT:N`
    Profile,
    /// `tracepoint:CATEGORY:NAME`
    Tracepoint,
    /// `uprobe:BIN:CODE`
    User {
        /// Where it returns.
        ret: bool,
    },
    /// `go:FUNC`
    Short {
        /// Where it returns.
        ret: bool,
    },
    /// `inlined:FUNC`
    Inlined,
    /// `goroutine:EVENT`
    Goroutine,
    /// `gc:EVENT`
    Collector,
    /// `syscall:EVENT`
    Syscall,
}

/// A word that stands for a value, or is called.
#[derive(Debug)]
pub struct Row {
    /// As it is typed.
    pub name: &'static str,
    /// How it is written: `str(POINTER [, LENGTH])`.
    pub usage: &'static str,
    /// What it does, in whole sentences.
    pub doc: &'static str,
    /// A script that uses it, on the program of the reference.
    pub example: &'static str,
    /// The release of gospect that brought it.
    pub since: &'static str,
    /// Where it means something.
    pub places: Places,
    /// What it takes, if it is called.
    pub params: Params,
    /// What it is made into.
    pub meaning: Meaning,
}

/// Where a word means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Places {
    /// In every probe.
    Everywhere,
    /// In probes on programs.
    User,
    /// In probes on programs where a call begins.
    Entries,
    /// Where a call ends.
    Returns,
    /// Where a call of a Go function ends.
    GoReturns,
    /// Where a call of a Go function ends, or a system call does.
    Ends,
    /// In probes on Go functions, and on single instructions of them.
    GoCode,
    /// Where a call of a Go function begins or ends.
    GoCalls,
    /// In probes on Go code, tracepoints and profiles.
    Goroutines,
    /// Wherever some program runs: probes on programs, tracepoints, profiles.
    Programs,
    /// In probes that have arguments: on Go functions, tracepoints, runtime events.
    Arguments,
}

/// What a function takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// In order.
    pub of: &'static [Param],
    /// How many of them must be there.
    pub least: usize,
    /// Any number of values may follow.
    pub more: bool,
}

/// What one argument may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Param {
    /// A value of any type.
    Value,
    /// An integer.
    Int,
    /// An integer known when the script is read.
    Number,
    /// A text known when the script is read.
    Text,
    /// A value that is text.
    Str,
    /// A map: `@m`.
    Map,
    /// An entry of a map, or a map of one entry: `@m[k]`.
    Entry,
}

/// What a word is made into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// A value.
    Value(Value),
    /// A function that gives a value.
    Function(Function),
    /// A function that does something.
    Action(Action),
    /// What is assigned to a map and added up there.
    Aggregation(Aggregation),
}

/// A word that stands for a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// One that a plan has as it is.
    Word(Word),
    /// `args`
    Args,
    /// `ret`
    Ret,
    /// `rets`
    Rets,
    /// `failed`
    Failed,
    /// `retval`
    RetVal,
    /// `arg0` and so on.
    Arg,
    /// `sarg0` and so on.
    StackArg,
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
}

/// A function that gives a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the rows of the table say what each does")]
pub enum Function {
    Str,
    Buf,
    Hex,
    Len,
    Reg,
    Ksym,
    Usym,
    UStack,
    Strftime,
    Strncmp,
    Under,
}

/// A function that does something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the rows of the table say what each does")]
pub enum Action {
    Printf,
    Print,
    Clear,
    Zero,
    Delete,
    Exit,
    Time,
    Call,
    Event,
}

/// What is added up in a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the rows of the table say what each does")]
pub enum Aggregation {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Stats,
    Hist,
    LinearHist,
    Quantiles,
}

/// Kinds of probes that bpftrace has and gospect does not.
pub(crate) const FOREIGN_PROBES: [&str; 26] = [
    "kprobe",
    "k",
    "kretprobe",
    "kr",
    "fentry",
    "kfunc",
    "f",
    "fexit",
    "kretfunc",
    "fr",
    "rawtracepoint",
    "rt",
    "usdt",
    "U",
    "software",
    "s",
    "hardware",
    "h",
    "watchpoint",
    "w",
    "asyncwatchpoint",
    "iter",
    "it",
    "bench",
    "test",
    "self",
];

/// Words and functions that bpftrace has and gospect does not, and what comes nearest.
pub(crate) const FOREIGN_WORDS: [(&str, &str); 32] = [
    ("kstack", "`ustack` is the program's stack"),
    ("kaddr", "write the address: `0x…`; `/proc/kallsyms` has those of the kernel"),
    ("uaddr", "write the address: `0x…`; `gospect list` shows those of functions"),
    ("cpid", "in probes on programs only the command that was started counts, with `-c` or `--`"),
    ("uid", PROCESS),
    ("gid", PROCESS),
    ("username", PROCESS),
    ("cgroup", PROCESS),
    ("cgroupid", PROCESS),
    ("cgroup_path", PROCESS),
    ("curtask", "`tid` tells threads apart, `goid` goroutines"),
    ("numaid", "`cpu` is the CPU"),
    ("jiffies", "`nsecs` is the time"),
    ("rand", "`nsecs % 100 == 0` picks some of many"),
    ("join", "`str(…)` is one text"),
    ("ntop", BYTES),
    ("pton", BYTES),
    ("macaddr", BYTES),
    ("bswap", BYTES),
    ("path", "`str(…)` is the text at an address"),
    ("strcontains", "`strncmp(…, \"text\", 4) == 0` compares beginnings"),
    ("strcap", "`str(…, LENGTH)` cuts"),
    ("sizeof", "fields have names: `args.r.ID`"),
    ("offsetof", "fields have names: `args.r.ID`"),
    ("has_key", "an entry that is not there reads as 0: `@m[k] != 0`"),
    ("tseries", "`interval:s:1 { print(@m); clear(@m); }` shows a map each second"),
    ("system", OUTPUT),
    ("cat", OUTPUT),
    ("errorf", "`printf` prints"),
    ("warnf", "`printf` prints"),
    ("signal", LOOKS),
    ("override", LOOKS),
];

const PROCESS: &str = "`pid` and `comm` tell processes apart";
const BYTES: &str = "`printf(\"%rh\", buf(ADDRESS, LENGTH))` shows bytes";
const OUTPUT: &str = "scripts print and run nothing: what reads their output can";
const LOOKS: &str = "scripts look at programs and change nothing";

/// What comes nearest to a word or function of bpftrace that there is not.
pub(crate) fn instead_of(foreign: &str) -> Option<&'static str> {
    FOREIGN_WORDS.iter().find(|(name, _)| *name == foreign).map(|(_, instead)| *instead)
}

/// The kind of probe of this name.
#[must_use]
pub fn probe(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.names.contains(&name))
}

/// The word of this name; `called` where it stands before parentheses.
#[must_use]
pub fn word(name: &str, called: bool) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.is_called() == called && row.covers(name))
}

impl Row {
    /// Whether it stands before parentheses.
    #[must_use]
    pub fn is_called(&self) -> bool {
        !matches!(self.meaning, Meaning::Value(_))
    }

    /// Whether `name` is it: `arg0` is covered by `argN`.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('N') {
            Some(stem) => numbered(name, stem).is_some(),
            None => self.name == name,
        }
    }
}

/// The number of `arg3`, if the stem is `arg`.
pub(crate) fn numbered(name: &str, stem: &str) -> Option<usize> {
    let digits = name.strip_prefix(stem)?;
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if number { digits.parse().ok() } else { None }
}

/// The names of all kinds of probes.
pub(crate) fn probe_names() -> impl Iterator<Item = &'static str> {
    PROBES.iter().filter_map(|probe| probe.names.first().copied())
}

/// `did you mean `x`?`, if something comes near.
pub(crate) fn near<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    // Of two letters everything is near.
    let near = if wanted.len() > 2 { gobin::pattern::suggest(wanted, names, 2) } else { Vec::new() };
    if near.is_empty() {
        return None;
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("did you mean {}?", near.join(" or ")))
}

/// ``a`, `b` and `c``
pub(crate) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}
