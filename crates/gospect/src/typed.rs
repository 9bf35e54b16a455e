//! What was typed, and what it means.
//!
//! [`Typed`] is filled by the flags of the table, one field each, without looking at anything else: the order of flags
//! means nothing, and the last of several counts. What follows from them together is asked of its methods.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use session::{Pid, Target};

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
    /// `-p PID`
    pub pid: Option<Pid>,
    /// `--inlined`
    pub inlined: bool,
    /// `--sites`
    pub sites: bool,
    /// `--by-name`
    pub by_name: bool,
    /// What stands there without a flag, in order.
    pub words: Vec<OsString>,
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
    /// A usage error when there is neither `-p` nor a word, or an empty one.
    pub fn target(&self, command: &str) -> Result<(Target, &[OsString]), Failure> {
        match (self.pid, self.words.split_first()) {
            (Some(pid), _) => Ok((Target::Pid(pid), &self.words)),
            (None, Some((path, _))) if path.is_empty() => {
                Err(Failure::usage("TARGET is empty", "it is the path of a program, or `-p PID` in its place"))
            }
            (None, Some((path, rest))) => Ok((Target::Path(path.into()), rest)),
            (None, None) => Err(Failure::usage(
                format!("`gospect {command}` needs a TARGET: the path of a program, or `-p PID`"),
                "`gospect ps` shows the Go processes that are running",
            )),
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

/// Reads a PID.
///
/// # Errors
/// What is wrong with it.
pub fn pid(word: &OsStr) -> Result<Pid, String> {
    let number = word.to_str().and_then(|w| w.parse().ok()).filter(|&n| n > 0);
    number.map(Pid).ok_or_else(|| "it is not a process number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(pid: Option<u32>, words: &[&str], expect: Expect) {
        let words = words.iter().map(Into::into).collect();
        let typed = Typed { pid: pid.map(Pid), words, ..Typed::default() };
        expect.assert_eq(&match typed.target("list") {
            Ok((target, rest)) => format!("{target:?} {rest:?}"),
            Err(failure) => format!("{failure:?}"),
        });
    }

    #[test]
    fn the_first_word_is_the_target_unless_a_process_is_named() {
        check(None, &["./app", "main.*"], expect![[r#"Path("./app") ["main.*"]"#]]);
        check(Some(7), &["main.*"], expect![[r#"Pid(Pid(7)) ["main.*"]"#]]);
        check(
            None,
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
}
