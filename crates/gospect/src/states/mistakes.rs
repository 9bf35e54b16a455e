//! What is wrong with the program of `gospect states`, in terms of what was typed: nobody typed the program.

use session::Subject;
use session::ready::States;
use session::run::{Mistake, Wrong};

use crate::Run;
use crate::failure::{Failure, Message, status};

/// What names the target, and which goroutines and changes are meant.
pub(super) struct Typed {
    target: String,
    states: States,
}

impl Typed {
    pub(super) fn of(run: &Run, subject: Option<&Subject>) -> Typed {
        let target = match (subject, run.typed.command.first()) {
            (Some(Subject::Path(path)), _) => path.display().to_string(),
            (None, Some(command)) => command.display().to_string(),
            _ => "the target".to_owned(),
        };
        Typed { target, states: run.typed.states.clone() }
    }

    /// The same failure, by the names of flags and files, if each mistake is about one.
    pub(super) fn named(&self, failure: Failure, text: &str) -> Failure {
        let Failure::Text(wrong) = failure else { return failure };
        let named: Option<Vec<Message>> = wrong.mistakes.iter().map(|one| self.message(one, &wrong, text)).collect();
        let mut messages = named.unwrap_or_default();
        // A program may name the target more than once.
        messages.dedup();
        match messages.pop() {
            Some(last) => {
                messages.iter().for_each(Message::say);
                Failure::Said(last)
            }
            None => Failure::Text(wrong),
        }
    }

    fn message(&self, mistake: &Mistake, wrong: &Wrong, text: &str) -> Option<Message> {
        let Mistake { sentence, at, help } = mistake;
        let (before, place) = (text.get(..at.start)?, text.get(at.clone())?);
        let sentence = match (before.ends_with("goroutine:"), sentence.strip_prefix("the target ")) {
            (true, Some(of_target)) => format!("{} {of_target}", self.target),
            (true, None) => format!("{}: {sentence}", self.target),
            (false, _) => format!("`{}`: {sentence}", self.flag(before, place)?),
        };
        let hint = (!help.is_empty()).then(|| help.join("; "));
        Some(Message { sentence, hint, status: status(wrong.class) })
    }

    /// The flag that became a comparison, with its value.
    fn flag(&self, before: &str, value: &str) -> Option<String> {
        let States { states, reasons, functions, .. } = &self.states;
        let flags = [
            ("args.to", "--state", states),
            ("args.reason", "--reason", reasons),
            ("args.startfunc", "--func", functions),
        ];
        let (_, flag, typed) = flags.into_iter().find(|(field, ..)| before.ends_with(&format!("{field} == ")))?;
        let typed = typed.iter().find(|typed| format!("{typed:?}") == value)?;
        Some(format!("{flag} {typed}"))
    }
}
