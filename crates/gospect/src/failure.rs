//! How a command ends when it does not end well.

use std::ffi::OsStr;
use std::io;

use session::run::{Stopped, Wrong};
use session::{Class, Refusal};

/// Exit status: everything worked, and there was nothing.
pub const NOTHING: u8 = 1;
/// Exit status: the command line or a program's text is wrong.
pub const USAGE: u8 = 2;
/// Exit status: the system did not let us.
pub const REFUSED: u8 = 3;

/// What ended a command.
#[derive(Debug)]
pub enum Failure {
    /// Something to tell.
    Said(Message),
    /// A script is wrong.
    Text(Wrong),
    /// A script asked for this exit status.
    Asked(u8),
    /// Only `gospect` was typed.
    NoCommand,
    /// Whoever read our output went away (`| head`): they have what they want, and that is success.
    ReaderGone,
}

/// What to tell, and with which exit status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// One sentence, lower case, with the object's name and the cause last.
    pub sentence: String,
    /// What would help.
    pub hint: Option<String>,
    /// The exit status.
    pub status: u8,
}

impl Message {
    /// Something that the file or the system does not have.
    #[must_use]
    pub fn refused(sentence: impl Into<String>) -> Message {
        Message { sentence: sentence.into(), hint: None, status: REFUSED }
    }

    /// Nothing of what was asked for.
    #[must_use]
    pub fn nothing(sentence: impl Into<String>, hint: Option<String>) -> Message {
        Message { sentence: sentence.into(), hint, status: NOTHING }
    }

    /// Tells it to the user, while the command goes on.
    pub fn say(&self) {
        crate::say(&self.sentence, self.hint.as_deref());
    }
}

impl Failure {
    /// A mistake in the command line.
    #[must_use]
    pub fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Said(Message { sentence: sentence.into(), hint: Some(hint.into()), status: USAGE })
    }

    /// A word that the command has no use for.
    #[must_use]
    pub fn too_many(word: &OsStr, command: &str) -> Failure {
        Failure::usage(
            format!("`{}` is one argument too many", word.display()),
            format!("`gospect help {command}` shows what can be typed"),
        )
    }

    /// Nothing of what was asked for.
    #[must_use]
    pub fn nothing(sentence: impl Into<String>, hint: Option<String>) -> Failure {
        Failure::Said(Message::nothing(sentence, hint))
    }
}

/// The exit status for a kind of failure.
#[must_use]
pub fn status(class: Class) -> u8 {
    match class {
        Class::NothingMatched => NOTHING,
        Class::Usage => USAGE,
        Class::Refused => REFUSED,
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let (status, hint) = (status(refusal.class), refusal.advice());
        Failure::Said(Message { sentence: refusal.sentence, hint, status })
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Failure {
        match stopped {
            Stopped::Text(wrong) => Failure::Text(wrong),
            Stopped::Refused(refusal) => refusal.into(),
            Stopped::Show(error) => error.into(),
        }
    }
}

/// The only errors of this type here come from [`crate::output::Output`], which words them.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::Said(Message { sentence: error.to_string(), hint: None, status: REFUSED }),
        }
    }
}
