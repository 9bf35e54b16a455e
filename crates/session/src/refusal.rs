//! What could not be done, in the words that the user reads.

use std::fmt;

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// One sentence, lower case, with the object's name and the cause last.
    pub sentence: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// What kind of failure it is.
    pub class: Class,
}

/// What kind of failure a [`Refusal`] is; the command's exit status follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Everything worked, but there is nothing of what was asked for.
    NothingMatched,
    /// What the user wrote does not make sense.
    Usage,
    /// It makes sense, and the system, the file or the process does not let us.
    Refused,
}

impl Refusal {
    /// A refusal by the system, without a hint.
    #[must_use]
    pub fn refused(sentence: impl Into<String>) -> Refusal {
        Refusal { sentence: sentence.into(), hint: None, class: Class::Refused }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Refusal {}
