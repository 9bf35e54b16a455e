//! What is told of goroutines besides what a program gathers of their changes: those that were there before it ran, and the
//! states that have not ended when it is over.

use crate::value::Id;

/// What a run knows of goroutines when it is over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Goroutines {
    /// Those that were there before, as far as processes tell.
    pub earlier: Vec<Earlier>,
    /// The states that have not ended.
    pub lasting: Vec<Lasting>,
}

/// A goroutine that was there before the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Earlier {
    /// Its process.
    pub pid: u32,
    /// The goroutine.
    pub goid: u64,
    /// What it was started with.
    pub start: Id,
    /// Who started it; 0 if nobody did.
    pub parent: u64,
    /// Where that was.
    pub created_at: Id,
}

/// A goroutine is in a state, and nobody saw it leave that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lasting {
    /// Its process.
    pub pid: u32,
    /// The goroutine.
    pub goid: u64,
    /// What it was started with.
    pub start: Id,
    /// The state.
    pub state: Id,
    /// Why it waits, if it does.
    pub reason: Id,
    /// For how many nanoseconds of the run.
    pub spent: u64,
}

/// What times are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The function that goroutines began with.
    #[default]
    Function,
    /// The goroutine.
    Goid,
    /// Why they wait.
    Reason,
    /// The state.
    State,
}

impl By {
    /// The values of `--by`.
    pub const WORDS: &[&str] = &["func", "goid", "reason", "state"];

    /// One of [`By::WORDS`].
    #[must_use]
    pub fn of(word: &str) -> Option<By> {
        Some(match word {
            "func" => By::Function,
            "goid" => By::Goid,
            "reason" => By::Reason,
            "state" => By::State,
            _ => return None,
        })
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            By::Function => "func",
            By::Goid => "goid",
            By::Reason => "reason",
            By::State => "state",
        }
    }

    /// How many parts of a key stand before the states.
    #[must_use]
    pub const fn parts(self) -> usize {
        match self {
            By::Function => 1,
            By::Goid => 3,
            By::Reason | By::State => 0,
        }
    }
}
