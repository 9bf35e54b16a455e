//! `gospect states`: what becomes of goroutines, a line for each change of a state.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at it, which `gospect run` has too.

mod mistakes;
mod snapshot;
mod summary;

use crate::failure::Failure;
use crate::{Run, script, trace};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (subject, words) = trace::target(run, "states")?;
    if let Some(word) = words.first() {
        return Err(Failure::usage(
            format!("`{}` is one word too many: the target is named already", word.display()),
            "leave it out, or `-p` and `--`",
        ));
    }
    if run.typed.snapshot.now {
        return snapshot::run(run, subject);
    }
    snapshot::needed(run)?;
    let (text, fold) = match summary::asked(&run.typed)? {
        Some(totals) => (totals.to_string(), Some(summary::fold(totals, run.format))),
        None => (run.typed.states.to_string(), None),
    };
    let typed = mistakes::Typed::of(run, subject.as_ref());
    let script = trace::script(run, text.clone(), subject);
    let done = if run.typed.show_program { trace::show(run, script) } else { script::go(run, script, fold) };
    done.map_err(|failure| typed.named(failure, &text))
}
