//! `gospect states --snapshot`: what every goroutine is doing now, read from memory, without a probe.

use event::census::{Census, Goroutine};
use gobin::pattern::Pattern;
use session::Subject;
use session::ready::States;
use session::snapshot::{Ask, Meant, census, running};
use ui::Format;
use ui::goroutines::{View, sentence, show};

use crate::failure::{Failure, Message};
use crate::typed::Overhead;
use crate::{Run, say};

/// Looks at all processes, and shows what was seen.
pub(super) fn run(run: &mut Run, subject: Option<Subject>) -> Result<(), Failure> {
    let subject = subject.ok_or_else(|| {
        let sentence = "`--snapshot` shows what runs already, not a command that is about to begin";
        Failure::usage(sentence, "start it, and name it by `-p PID` or its path")
    })?;
    possible(run)?;
    let (programs, mut notes) = running(&subject)?;
    let only = Only::of(&run.typed.states);
    let ask = Ask { stack: run.typed.snapshot.stack };
    let (mut all, mut refusals): (Vec<Census>, Vec<_>) = (Vec::new(), Vec::new());
    for program in &programs {
        match census(program, ask, |one| only.means(one)) {
            Ok(census) => all.push(census),
            Err(refusal) => refusals.push(refusal),
        }
    }
    match refusals.into_iter().next() {
        Some(refusal) if all.is_empty() => return Err(refusal.into()),
        Some(refusal) => notes.push(refusal.sentence),
        None => {}
    }
    let view = View { each: run.typed.snapshot.each, parent: run.typed.states.parent };
    show(&all, view, run.format, &mut run.out)?;
    run.out.finish()?;
    if run.format != Format::Json {
        notes.extend(all.iter().map(sentence));
    }
    if !run.typed.run.quiet {
        notes.iter().for_each(|note| say(note, None));
    }
    match all.iter().all(|census| census.goroutines.is_empty()) {
        true => Err(Failure::Said(Message::nothing("no goroutine is as asked for", None))),
        false => Ok(()),
    }
}

/// Which goroutines are meant, by the flags that choose changes of them.
struct Only<'t> {
    typed: &'t States,
    reasons: Vec<Pattern>,
    functions: Vec<Pattern>,
}

impl Only<'_> {
    fn of(typed: &States) -> Only<'_> {
        let patterns = |all: &[String]| all.iter().map(|text| Pattern::new(text)).collect();
        Only { typed, reasons: patterns(&typed.reasons), functions: patterns(&typed.functions) }
    }

    /// The runtime's own are meant where a goroutine or a function is named.
    fn means(&self, one: &Goroutine) -> Meant {
        let States { goids, states, least, .. } = self.typed;
        let like = |patterns: &[Pattern], is: &str| patterns.is_empty() || patterns.iter().any(|glob| glob.matches(is));
        let is_like_that = (goids.is_empty() || goids.contains(&one.goid))
            && (states.is_empty() || states.iter().any(|state| state == one.state))
            && like(&self.reasons, one.reason.as_deref().unwrap_or_default())
            && like(&self.functions, &one.function)
            && least.is_none_or(|least| one.since_ns.is_some_and(|since| since >= least));
        match is_like_that {
            true if one.system && goids.is_empty() && self.functions.is_empty() => Meant::Own,
            true => Meant::Yes,
            false => Meant::No,
        }
    }
}

/// Refuses what has no meaning without probes.
fn possible(run: &Run) -> Result<(), Failure> {
    let typed = &run.typed.run;
    let probing = [
        (run.typed.show_program, "--show-program"),
        (run.typed.summary, "--summary"),
        (run.typed.tree, "--tree"),
        (run.typed.times_by.is_some(), "--by"),
        (typed.as_root, "--as-root"),
        (typed.duration.is_some(), "--duration"),
        (typed.printed.is_some(), "-n"),
        (typed.overhead != Overhead::default(), "--max-overhead"),
        (typed.ready.is_some(), "--ready-fd"),
        (typed.engine.by_tracefs, "--way"),
    ];
    match probing.iter().find(|(typed, _)| *typed) {
        Some((_, flag)) => {
            let sentence = format!("`{flag}` has no meaning with `--snapshot`, which places no probe and ends at once");
            Err(Failure::usage(sentence, "leave one of them out"))
        }
        None => Ok(()),
    }
}

/// Refuses what has no meaning without `--snapshot`.
pub(super) fn needed(run: &Run) -> Result<(), Failure> {
    let snapshot = &run.typed.snapshot;
    match [(snapshot.each, "--each"), (snapshot.stack.is_some(), "--stack")].iter().find(|(typed, _)| *typed) {
        Some((_, flag)) => {
            let sentence = format!("`{flag}` is about what goroutines are doing now, and `--snapshot` is missing");
            Err(Failure::usage(sentence, format!("`gospect states … --snapshot {flag}`")))
        }
        None => Ok(()),
    }
}
