//! `gospect states --summary` and `--tree`: time by state, and who creates whom, as the kernel adds it up.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at its maps.

use std::io::{self, Write};

use event::run::Summary;
use event::totals::Goroutines;
use event::{Names, Snapshot};
use session::ready::Totals;
use ui::tree::Tree;
use ui::{Format, totals};

use crate::failure::Failure;
use crate::fold::Fold;
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
        _ if typed.states.conditions().is_some() => Err(Failure::usage(
            format!("`--goid`, `--state`, `--reason`, `--func` and `--min` choose lines, and `{wanted}` shows none"),
            "leave one out; `--summary --by` tells times apart",
        )),
        by => Ok(Some(Totals { times: summary.then(|| by.unwrap_or_default()), tree })),
    }
}

/// A way to look at what its program has gathered.
pub(super) fn fold(asked: Totals) -> Box<dyn Fold> {
    Box::new(Gathered { asked, goroutines: Goroutines::default(), times: None, tree: None })
}

/// What is gathered until it is shown.
struct Gathered {
    asked: Totals,
    goroutines: Goroutines,
    times: Option<totals::Totals>,
    tree: Option<Tree>,
}

impl Fold for Gathered {
    fn wants_goroutines(&self) -> bool {
        true
    }

    fn goroutines(&mut self, goroutines: &Goroutines) {
        self.goroutines = goroutines.clone();
    }

    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) {
        let Goroutines { earlier, lasting } = &self.goroutines;
        self.times = self.asked.times.map(|by| totals::Totals::read(by, maps, lasting, names));
        self.tree = self.asked.tree.then(|| Tree::read(maps, earlier, names));
    }

    fn summary(&mut self, _: &Summary, to: Format, out: &mut dyn Write) -> io::Result<()> {
        self.times.iter().try_for_each(|times| times.show(to, out))?;
        if self.times.is_some() && self.tree.is_some() && to != Format::Json {
            writeln!(out)?;
        }
        self.tree.iter().try_for_each(|tree| tree.show(to, out))
    }
}
