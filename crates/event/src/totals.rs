//! What is told of goroutines besides what a program gathers of their changes: those that were there before it ran, and the
//! states that have not ended when it is over.

use std::collections::BTreeMap;

use crate::value::Id;

/// What a run knows of goroutines when it is over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Goroutines {
    /// Those that were there before, as far as processes tell.
    pub earlier: Vec<Earlier>,
    /// The states that have not ended; where goroutines are watched by turns, with the last one.
    pub lasting: Vec<FinalState>,
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FinalState {
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

/// The states in which turns of watching have ended, added up as far as they are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// For how long, and how many goroutines were gone when the next turn began.
    lasted: BTreeMap<FinalState, (u64, u64)>,
}

impl Turns {
    /// Adds those of a turn, each with whether its goroutine is gone; of named goroutines, if any are.
    pub fn add(&mut self, by: By, goids: &[u64], lasting: &[(FinalState, bool)]) {
        for (state, gone) in lasting.iter().filter(|(state, _)| goids.is_empty() || goids.contains(&state.goid)) {
            let is_told_apart = by == By::Goid || !goids.is_empty();
            let (pid, goid) = if is_told_apart { (state.pid, state.goid) } else { (0, 0) };
            let (spent, all_gone) = self.lasted.entry(FinalState { pid, goid, spent: 0, ..*state }).or_default();
            *spent += state.spent;
            *all_gone += u64::from(*gone);
        }
    }

    /// What came of it: a state each, and how many goroutines are gone of which no turn saw the end.
    pub fn lasted(&self) -> impl Iterator<Item = (FinalState, u64)> {
        self.lasted.iter().map(|(state, (spent, gone))| (FinalState { spent: *spent, ..*state }, *gone))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::IdKind;

    fn lasting(goid: u64, spent: u64) -> FinalState {
        let id = |kind, number| Id { kind, number, process: 0 };
        let (start, state) = (id(IdKind::StartFunc, 0x40), id(IdKind::GoState, 4));
        FinalState { pid: 7, goid, start, state, reason: id(IdKind::WaitReason, 19), spent }
    }

    fn check(by: By, goids: &[u64], want: &[(u64, u64, u64)]) {
        let mut turns = Turns::default();
        turns.add(by, goids, &[(lasting(34, 10), false), (lasting(35, 20), true)]);
        turns.add(by, goids, &[(lasting(34, 30), true)]);
        let seen: Vec<_> = turns.lasted().map(|(state, gone)| (state.goid, state.spent, gone)).collect();
        assert_eq!(seen, want, "{by:?} {goids:?}");
    }

    #[test]
    fn goroutines_are_told_apart_only_where_somebody_asks() {
        check(By::Function, &[], &[(0, 60, 2)]);
        check(By::Goid, &[], &[(34, 40, 1), (35, 20, 1)]);
        check(By::State, &[35], &[(35, 20, 1)]);
    }
}
