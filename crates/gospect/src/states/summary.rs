//! `gospect states --summary`: time by state, as the kernel adds it up.
//!
//! A program in the probe language, which `--show-program` prints, and a way to look at its maps.

use std::io::{self, Write};

use event::run::Summary;
use event::totals::{By, Lasting};
use event::{Names, Snapshot};
use session::ready;
use ui::Format;
use ui::totals::Totals;

use crate::failure::Failure;
use crate::fold::Fold;
use crate::typed::Typed;

/// What to gather, if lines are not what is wanted.
pub(super) fn asked(typed: &Typed) -> Result<Option<ready::Totals>, Failure> {
    match (typed.summary, typed.times_by) {
        (false, Some(_)) => {
            Err(Failure::usage("`--by` tells times apart, and there are none without `--summary`", "add it"))
        }
        (false, None) => Ok(None),
        (true, _) if typed.states.parent => {
            Err(Failure::usage("`--parent` is about lines, and `--summary` shows none", "leave one out"))
        }
        (true, _) if typed.states.conditions().is_some() => Err(Failure::usage(
            "`--goid`, `--state`, `--reason`, `--func` and `--min` choose lines, and `--summary` shows none",
            "leave one out; `--by` tells times apart",
        )),
        (true, by) => Ok(Some(ready::Totals { by: by.unwrap_or_default(), condition: None })),
    }
}

/// A way to look at what its program has gathered.
pub(super) fn fold(by: By) -> Box<dyn Fold> {
    Box::new(Gathered { by, lasting: Vec::new(), totals: Totals::default() })
}

/// What is gathered until it is shown.
struct Gathered {
    by: By,
    lasting: Vec<Lasting>,
    totals: Totals,
}

impl Fold for Gathered {
    fn wants_lasting(&self) -> bool {
        true
    }

    fn lasting(&mut self, states: &[Lasting]) {
        self.lasting = states.to_vec();
    }

    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) {
        self.totals = Totals::read(self.by, maps, &self.lasting, names);
    }

    fn summary(&mut self, _: &Summary, to: Format, out: &mut dyn Write) -> io::Result<()> {
        self.totals.show(to, out)
    }
}
