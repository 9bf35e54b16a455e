//! What was typed, and what it means.
//!
//! [`Typed`] is filled by the flags of the table, one field each, without looking at anything else: the order of flags
//! means nothing, and the last of several counts. What follows from them together is asked of its methods.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use event::totals::By;
use session::ready::{Hist, States, Trace};
use session::run::{EngineChoice, Restraint, Stage, Values};
use session::{Choice, Group, Pid, Target};
use ui::call::View;
use ui::hist::Unit;

use crate::failure::Failure;

/// The values of all flags and words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// `--json`
    pub json: bool,
    /// `-o FILE`
    pub output: Option<PathBuf>,
    /// `--color WHEN`
    pub color: Color,
    /// `-h`
    pub help: bool,
    /// `-V`
    pub version: bool,
    /// `-p PID`, each
    pub pids: Vec<Pid>,
    /// `--all`, `--user NAME`, `--cgroup PATH`, `--container ID`
    pub choice: Choice,
    /// `--inlined`
    pub inlined: bool,
    /// `--sites`
    pub sites: bool,
    /// `--by-name`
    pub by_name: bool,
    /// What only `gospect run` takes.
    pub run: TypedRun,
    /// What only `gospect trace` takes; the functions are among the words.
    pub trace: Trace,
    /// What only `gospect hist` takes; functions, `-x` and `--if` are those of `trace`.
    pub hist: TypedHist,
    /// What only `gospect states` takes.
    pub states: States,
    /// `--summary`
    pub summary: bool,
    /// `--tree`
    pub tree: bool,
    /// `--by KEY` of `gospect states`
    pub times_by: Option<By>,
    /// What only `gospect states --snapshot` takes.
    pub snapshot: TypedSnapshot,
    /// `--show-program`
    pub show_program: bool,
    /// What only `gospect bench` takes.
    pub bench: TypedBench,
    /// `--serve`
    pub serve: bool,
    /// What stands behind `--`.
    pub command: Vec<OsString>,
    /// What stands there without a flag, in order.
    pub words: Vec<OsString>,
}

/// The values of the flags of `gospect run`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedRun {
    /// `-e TEXT`
    pub text: Option<String>,
    /// `-t PATH`
    pub target: Option<PathBuf>,
    /// `-c CMD`
    pub command: Vec<OsString>,
    /// `--as-root`
    pub as_root: bool,
    /// `-l`
    pub list: bool,
    /// `--emit STAGE`
    pub emit: Option<Stage>,
    /// `--engine ENGINE`, `--way WAY`
    pub engine: EngineChoice,
    /// `--ready-fd N`
    pub ready: Option<u32>,
    /// `--duration TIME`
    pub duration: Option<Duration>,
    /// `-n N`
    pub printed: Option<u64>,
    /// `-q`
    pub quiet: bool,
    /// `--format NAME` other than JSON, as its place among the formats.
    pub format: usize,
    /// `-B full`
    pub buffered: bool,
    /// `--depth N`, `--strlen N`, `--capture BYTES`, `--redact GLOB`, `--no-redact`
    pub values: Values,
    /// `--entry`, `--graph`, `--max-depth N`
    pub view: View,
    /// `--width N`, `--full`
    pub width: Width,
    /// `--max-overhead N%`
    pub overhead: Overhead,
    /// `--rate N/s`, `--sample 1/N`
    pub restraint: Restraint,
}

/// How much of a value a line of text has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// On a terminal as much as a line of it; elsewhere all.
    #[default]
    Line,
    /// About so many columns.
    Columns(usize),
    /// All.
    All,
}

impl Width {
    /// In columns, where text goes to a terminal of that width, or to none.
    #[must_use]
    pub fn columns(self, terminal: Option<usize>) -> Option<usize> {
        match self {
            Width::Line => terminal.map(|columns| columns.max(NARROW)),
            Width::Columns(columns) => Some(columns),
            Width::All => None,
        }
    }
}

/// With fewer columns nothing is to be seen of a value.
const NARROW: usize = 40;

/// How much of a CPU probes may take before some are taken out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overhead(pub Option<f64>);

impl Default for Overhead {
    fn default() -> Overhead {
        Overhead(Some(0.25))
    }
}

// Read from digits, so it is never what is unequal to itself.
impl Eq for Overhead {}

/// The values of the flags of `gospect bench`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedBench {
    /// `--quick`, `--seconds N`
    pub time: Option<Duration>,
    /// `--vs bpftrace`
    pub bpftrace: bool,
}

/// The values of the flags of `gospect hist`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedHist {
    /// `--by KEY`, `--of VALUE`, `--lhist A,B,STEP`, `--live`
    pub hist: Hist,
    /// `--unit UNIT`
    pub unit: Unit,
}

/// The values of the flags of `gospect states --snapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedSnapshot {
    /// `--snapshot`
    pub now: bool,
    /// `--each`
    pub each: bool,
    /// `--stack[=N]`
    pub stack: Option<usize>,
}

/// When to write colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// The values of `--color`.
    pub const WORDS: &[&str] = &["auto", "always", "never"];

    /// One of [`Color::WORDS`].
    #[must_use]
    pub fn of(word: &OsStr) -> Option<Color> {
        match word.to_str()? {
            "auto" => Some(Color::Auto),
            "always" => Some(Color::Always),
            "never" => Some(Color::Never),
            _ => None,
        }
    }
}

impl Typed {
    /// The target, and the words behind it: with `-p` all words, else those after the first.
    ///
    /// # Errors
    /// A usage error when there is neither `-p` nor a word, or an empty one, or more than one process.
    pub fn target(&self, command: &str) -> Result<(Target, &[OsString]), Failure> {
        if self.choice.is_some() {
            return Ok((self.one_of_group(command)?, &self.words));
        }
        match (self.pids.as_slice(), self.words.split_first()) {
            ([pid, others @ ..], _) if others.iter().all(|other| other == pid) => Ok((Target::Pid(*pid), &self.words)),
            ([_, ..], _) => Err(Failure::usage(
                format!("`gospect {command}` looks at one program, and `-p` names several processes"),
                "leave all but one out",
            )),
            ([], Some((path, _))) if path.is_empty() => {
                Err(Failure::usage("TARGET is empty", "it is the path of a program, or `-p PID` in its place"))
            }
            ([], Some((path, rest))) => Ok((Target::Path(path.into()), rest)),
            ([], None) => Err(Failure::usage(
                format!("`gospect {command}` needs a TARGET: the path of a program, or `-p PID`"),
                "`gospect ps` shows the Go processes that are running",
            )),
        }
    }
}

impl Typed {
    /// The only process of a group, for a command that looks at one program.
    fn one_of_group(&self, command: &str) -> Result<Target, Failure> {
        if !self.pids.is_empty() {
            return Err(Failure::usage("`-p` and `--container` cannot both name the target", "leave one out"));
        }
        let (pids, _) = Group::chosen(&self.choice)?.members()?;
        match pids.as_slice() {
            [pid] => Ok(Target::Pid(*pid)),
            several => {
                let named: Vec<String> = several.iter().take(10).map(Pid::to_string).collect();
                Err(Failure::usage(
                    format!("`gospect {command}` looks at one program, and {} Go processes are meant", several.len()),
                    format!("name one of them by `-p`: {}", named.join(", ")),
                ))
            }
        }
    }
}

/// Takes the path of a file.
///
/// # Errors
/// That there is none.
pub fn path(word: &OsStr) -> Result<PathBuf, String> {
    if word.is_empty() { Err("it is empty".to_owned()) } else { Ok(word.into()) }
}

/// Takes a text.
///
/// # Errors
/// That it is none, or no text.
pub fn text(word: &OsStr) -> Result<String, String> {
    let text = word.to_str().ok_or("it is not valid UTF-8")?;
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// Reads a PID.
///
/// # Errors
/// What is wrong with it.
pub fn pid(word: &OsStr) -> Result<Pid, String> {
    let number = word.to_str().and_then(|w| w.parse().ok()).filter(|&n| n > 0);
    number.map(Pid).ok_or_else(|| "it is not a process number".to_owned())
}

/// Reads a time such as `10`, `1.5s`, `200ms`, `1h30m`, as Go's `time.ParseDuration` does; without unit, seconds. A day is
/// `d`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(word: &OsStr) -> Result<Duration, String> {
    let wrong = || "it is not a time such as 10, 1.5s, 200ms or 1h30m".to_owned();
    let mut rest = word.to_str().ok_or_else(wrong)?;
    let mut nanos = 0_u128;
    let is_alone = rest.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    while !rest.is_empty() {
        let (number, behind) =
            rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len()));
        let (unit, behind) =
            behind.split_at(behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len()));
        let of = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "" if is_alone => SECOND,
            "m" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            "d" => 24 * 3_600 * SECOND,
            _ if number.is_empty() => return Err(wrong()),
            "" => return Err(format!("`{number}` in it has no unit: one of {UNITS}")),
            _ => return Err(format!("`{unit}` in it is not one of {UNITS}")),
        };
        nanos = parts(number, of).and_then(|part| nanos.checked_add(part)).ok_or_else(wrong)?;
        rest = behind;
    }
    let nanos = u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).ok_or_else(wrong)?;
    Ok(Duration::from_nanos(nanos))
}

/// A second in nanoseconds.
const SECOND: u128 = 1_000_000_000;
/// All units, as they are told.
const UNITS: &str = "ns, us, ms, s, m, h and d";

/// So many times, and parts of, a whole; what is less than one is left out.
fn parts(number: &str, whole: u128) -> Option<u128> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    // No digit behind the fifteenth makes a nanosecond of a day.
    let fraction = fraction.get(..15).unwrap_or(fraction);
    let read = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok().map(u128::from) };
    let below = read(fraction)? * whole / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    (read(integer)? * whole).checked_add(below)
}

/// Reads how much of a CPU, such as `25%`, `350%`, or `off`.
///
/// # Errors
/// What is wrong with it.
pub fn overhead(word: &OsStr) -> Result<Overhead, String> {
    let word = word.to_str().unwrap_or_default();
    if word == "off" {
        return Ok(Overhead(None));
    }
    let digits = word.strip_suffix('%').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    let percent: Option<f64> = digits.and_then(|digits| digits.parse().ok()).filter(|&p| p > 0.0 && p <= 1e6);
    let wrong = || "it is not a share of a CPU such as 25% or 350%, or off".to_owned();
    percent.map(|percent| Overhead(Some(percent / 100.0))).ok_or_else(wrong)
}

/// Reads how many in a second, such as `100/s`.
///
/// # Errors
/// What is wrong with it.
pub fn rate(word: &OsStr) -> Result<u32, String> {
    let digits = word.to_str().and_then(|word| word.strip_suffix("/s")).unwrap_or_default();
    number(digits.as_ref()).map_err(|_| "it is not a rate such as 100/s".to_owned())
}

/// Reads one in how many, such as `1/100`.
///
/// # Errors
/// What is wrong with it.
pub fn sample(word: &OsStr) -> Result<u32, String> {
    let digits = word.to_str().and_then(|word| word.strip_prefix("1/")).unwrap_or_default();
    number(digits.as_ref()).map_err(|_| "it is not a share of hits such as 1/100".to_owned())
}

/// Takes three numbers of the language, such as `0,10ms,500us`, as arguments of `lhist`.
///
/// # Errors
/// That they are not three.
pub fn bounds(word: &OsStr) -> Result<String, String> {
    let word = word.to_str().unwrap_or_default();
    let parts: Vec<&str> = word.split(',').map(str::trim).collect();
    let is_number = |part: &&str| part.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    let is_plain = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if parts.len() == 3 && parts.iter().all(is_number) && parts.iter().all(is_plain) {
        return Ok(parts.join(", "));
    }
    Err("it is not least, greatest and width, such as 0,10ms,500us".to_owned())
}

/// Reads a number above zero.
///
/// # Errors
/// What is wrong with it.
pub fn number<T: FromStr + PartialOrd + From<u8>>(word: &OsStr) -> Result<T, String> {
    let number = word.to_str().and_then(|w| w.parse().ok()).filter(|n| *n > T::from(0));
    number.ok_or_else(|| "it is not a number above zero".to_owned())
}

/// Reads a number in a range.
///
/// # Errors
/// What is wrong with it.
pub fn within<T: FromStr + PartialOrd + Display>(word: &OsStr, range: RangeInclusive<T>) -> Result<T, String> {
    let number = word.to_str().and_then(|w| w.parse().ok()).filter(|n| range.contains(n));
    number.ok_or_else(|| format!("it is not a number from {} to {}", range.start(), range.end()))
}

/// Splits a command line at blanks, but for those in quotes or behind a backslash.
///
/// # Errors
/// What is wrong with it.
pub fn split(line: &str) -> Result<Vec<OsString>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, None) if c.is_whitespace() => words.extend(word.take().map(OsString::from)),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(OsString::from));
    match (quote, words.is_empty()) {
        (Some(_), _) => Err("a quote in it is not closed".to_owned()),
        (None, true) => Err("there is no command in it".to_owned()),
        (None, false) => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(pids: &[u32], words: &[&str], expect: Expect) {
        let words = words.iter().map(Into::into).collect();
        let pids = pids.iter().copied().map(Pid).collect();
        let typed = Typed { pids, words, ..Typed::default() };
        expect.assert_eq(&match typed.target("list") {
            Ok((target, rest)) => format!("{target:?} {rest:?}"),
            Err(failure) => format!("{failure:?}"),
        });
    }

    #[test]
    fn the_first_word_is_the_target_unless_a_process_is_named() {
        check(&[], &["./app", "main.*"], expect![[r#"Path("./app") ["main.*"]"#]]);
        check(&[7, 7], &["main.*"], expect![[r#"Pid(Pid(7)) ["main.*"]"#]]);
        check(
            &[7, 8],
            &[],
            expect![[
                r#"Said(Message { sentence: "`gospect list` looks at one program, and `-p` names several processes", hint: Some("leave all but one out"), status: 2 })"#
            ]],
        );
        check(
            &[],
            &[],
            expect![[
                r#"Said(Message { sentence: "`gospect list` needs a TARGET: the path of a program, or `-p PID`", hint: Some("`gospect ps` shows the Go processes that are running"), status: 2 })"#
            ]],
        );
    }

    #[test]
    fn a_pid_is_a_number_above_zero() {
        assert_eq!(pid("42".as_ref()), Ok(Pid(42)));
        for wrong in ["0", "-1", "x", "", "4294967296"] {
            assert!(pid(wrong.as_ref()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_units() {
        let shown = |word: &str| duration(word.as_ref()).map(|d| format!("{d:?}"));
        let all =
            ["10", "1.5s", "200ms", "5m", "3us", ".5", "7µs", "7μs", "9ns", "1."].map(|word| shown(word).unwrap());
        assert_eq!(all, ["10s", "1.5s", "200ms", "300s", "3µs", "500ms", "7µs", "7µs", "9ns", "1s"]);
        let all =
            ["1h30m", "1d", "1m30s", "1h1m1.5s", "1m0.25s", "0.1ms", "1.5d", "100d"].map(|word| shown(word).unwrap());
        assert_eq!(all, ["5400s", "86400s", "90s", "3661.5s", "60.25s", "100µs", "129600s", "8640000s"]);
        assert_eq!(shown("0.1000000000000000000000000001s"), Ok("100ms".to_owned()));
        for wrong in
            ["", "s", "-1", "0", "0h0m", "nan", "1e400", ".", ".s", "1..5s", "1.5.s", "9999999999999d", "1 s", "1h-30m"]
        {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
        let why = ["1h30", "5w", "1h30w", "ten"].map(|wrong| shown(wrong).unwrap_err());
        expect![[r#"
            `30` in it has no unit: one of ns, us, ms, s, m, h and d
            `w` in it is not one of ns, us, ms, s, m, h and d
            `w` in it is not one of ns, us, ms, s, m, h and d
            it is not a time such as 10, 1.5s, 200ms or 1h30m"#]]
        .assert_eq(&why.join("\n"));
    }

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        assert_eq!(
            split(r#" ./app  -x 'a b' "c \"d" e\ f '' "#),
            Ok(["./app", "-x", "a b", "c \"d", "e f", ""].map(Into::into).to_vec())
        );
        assert_eq!(split("a 'b"), Err("a quote in it is not closed".to_owned()));
        assert_eq!(split("  "), Err("there is no command in it".to_owned()));
    }
}
