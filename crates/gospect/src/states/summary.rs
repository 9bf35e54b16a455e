//! `gospect states --summary` and `--tree`: time by state, and who creates whom, as the kernel adds it up.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at its maps.

use std::io::{self, Write};

use event::stream::{Extra, Item};
use event::totals::{By, Goroutines, Turns};
use event::{Names, Snapshot};
use gobin::pattern::Pattern;
use session::ready::{States, Totals};
use ui::sink::Fold;
use ui::totals::Only;
use ui::tree::Tree;
use ui::{Format, totals};

use crate::failure::Failure;
use crate::typed::Typed;

/// What to gather, if lines are not what is wanted.
pub(super) fn asked(typed: &Typed) -> Result<Option<Totals>, Failure> {
    let (summary, tree) = (typed.summary, typed.tree);
    let wanted = if summary { "--summary" } else { "--tree" };
    match typed.times_by {
        Some(_) if !summary => {
            Err(Failure::usage("`--by` tells times apart, and there are none without `--summary`", "add it"))
        }
        _ if !summary && !tree => Ok(None),
        _ if typed.states.parent => {
            Err(Failure::usage(format!("`--parent` is about lines, and `{wanted}` shows none"), "leave one out"))
        }
        _ if typed.states.least.is_some() => Err(Failure::usage(
            format!("`--min` chooses changes by how long each took, and `{wanted}` adds all of them up"),
            "leave one out",
        )),
        by => {
            let times = summary.then(|| by.unwrap_or_default());
            rows(&typed.states, times, tree)?;
            Ok(Some(Totals { times, tree, only: typed.states.clone() }))
        }
    }
}

/// Refuses what chooses rows that there are not.
fn rows(only: &States, times: Option<By>, tree: bool) -> Result<(), Failure> {
    let flags = [("--state", By::State, only.states.is_empty()), ("--reason", By::Reason, only.reasons.is_empty())];
    for (flag, by, _) in flags.into_iter().filter(|(.., none)| !none) {
        let word = by.word();
        if tree {
            let sentence = format!("`{flag}` chooses changes of states, and `--tree` shows who created whom");
            return Err(Failure::usage(sentence, "leave one out; `--func` and `--goid` choose goroutines"));
        }
        if let Some(times) = times.filter(|times| *times != by) {
            let sentence = format!("`{flag}` chooses rows by {word}, and rows by {} have all of them", times.word());
            return Err(Failure::usage(sentence, format!("`--summary --by {word} {flag} …`")));
        }
    }
    let is_none = |state: &&String| !totals::STATES.iter().any(|known| Pattern::new(state).matches(known));
    match only.states.iter().find(is_none) {
        Some(state) => Err(Failure::usage(
            format!("`--state {state}`: `--summary --by state` has no such row"),
            format!("there are `{}`", totals::STATES.join("`, `")),
        )),
        None => Ok(()),
    }
}

/// A way to look at what its program has gathered.
pub(super) fn fold(asked: Totals, to: Format) -> Box<dyn Fold> {
    let (goroutines, turns) = (Goroutines::default(), Turns::default());
    Box::new(Gathered { asked, to, goroutines, turns, times: None, tree: None })
}

/// What is gathered until it is shown.
struct Gathered {
    asked: Totals,
    to: Format,
    goroutines: Goroutines,
    turns: Turns,
    times: Option<totals::Totals>,
    tree: Option<Tree>,
}

impl Gathered {
    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) {
        let Goroutines { earlier, lasting } = &self.goroutines;
        let patterns = |all: &[String]| all.iter().map(|text| Pattern::new(text)).collect();
        let States { goids, states, reasons, functions, .. } = &self.asked.only;
        let (functions, states, reasons) = (patterns(functions), patterns(states), patterns(reasons));
        let only = Only { goids: goids.clone(), functions, states, reasons };
        self.times = self.asked.times.map(|by| totals::Totals::read(by, &only, maps, &self.turns, lasting, names));
        self.tree = self.asked.tree.then(|| Tree::read(&only, maps, earlier, names));
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        self.times.iter().try_for_each(|times| times.show(self.to, out))?;
        if self.times.is_some() && self.tree.is_some() && self.to != Format::Json {
            writeln!(out)?;
        }
        self.tree.iter().try_for_each(|tree| tree.show(self.to, out))
    }
}

impl Fold for Gathered {
    fn item(&mut self, item: &Item<'_>, names: &dyn Names, out: &mut dyn Write) -> io::Result<bool> {
        match item {
            Item::Goroutines(goroutines) => self.goroutines = (*goroutines).clone(),
            Item::Gap(last) => self.turns.add(self.asked.times.unwrap_or_default(), &self.asked.only.goids, last),
            Item::Maps(left) => self.rest(left, names),
            Item::Summary(_) => self.show(out)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn wants(&self, extra: Extra) -> bool {
        extra == Extra::Goroutines
    }
}
