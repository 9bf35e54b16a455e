//! Takes the probes of some functions out while those of the others stay: a second link without them takes over, step by
//! step, so that no hit of the others is missed or counts twice ([`program::Phase`]).
//!
//! Each step takes the kernel up to a tenth of a second, and records are read between them. No hit may see two steps.
//! Where the kernel guards all running programs together, taking out a link that does nothing waits for them; elsewhere
//! some time has to do.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use kernel::engine::Site;
use plan::FuncNo;
use program::Phase;

use super::probes::{Placing, User};
use super::{Live, no_map};
use crate::run::watch::started;
use crate::run::{Compiled, Stopped};

/// How long a program runs at most, where it cannot be waited for.
const LONGEST: Duration = Duration::from_millis(100);

/// What is to be taken out, and how far that is.
#[derive(Default)]
pub(super) struct Flips {
    /// The functions that lose their probes.
    functions: BTreeSet<FuncNo>,
    /// The programs that have sites of them: their builds, and their places there.
    waiting: VecDeque<(usize, usize)>,
    now: Option<Flip>,
}

/// One program in two links.
struct Flip {
    build: usize,
    user: usize,
    other: User,
    next: Phase,
    /// Not before that.
    at: Instant,
}

impl Flips {
    /// The end of it, however far it is: what is in place for it goes.
    pub fn over(&mut self) -> Flips {
        Flips { functions: std::mem::take(&mut self.functions), ..Flips::default() }
    }

    /// Whether there is nothing to do.
    pub fn is_over(&self) -> bool {
        self.now.is_none() && self.waiting.is_empty()
    }

    /// The functions that have lost their probes, or are about to.
    pub fn has(&self, function: FuncNo) -> bool {
        self.functions.contains(&function)
    }
}

impl Live<'_> {
    /// The functions are to lose their probes.
    pub(super) fn begin_flips(&mut self, functions: impl IntoIterator<Item = FuncNo>) {
        self.flips.functions.extend(functions);
        let builds = self.probes.iter().enumerate();
        let users = builds.flat_map(|(build, probes)| probes.users.iter().zip(0..).map(move |user| (build, user)));
        let affected = |user: &User| user.sites.iter().any(|site| self.flips.functions.contains(&site.function));
        let waiting = users.filter(|(_, (user, _))| user.is_in_place() && affected(user));
        self.flips.waiting = waiting.map(|(build, (_, n))| (build, n)).collect();
    }

    /// Goes one step on, if there is anything to do.
    pub(super) fn go_on_with_flips(&mut self) -> Result<(), Stopped> {
        let went = match (self.flips.now.take(), self.flips.waiting.is_empty()) {
            (None, true) => return Ok(()),
            (Some(flip), _) if flip.at > Instant::now() => Ok(Some(flip)),
            (Some(flip), _) => self.step(flip),
            (None, false) => {
                let (build, user) = self.flips.waiting.pop_front().unwrap_or_default();
                self.flip(build, user)
            }
        };
        match went {
            Ok(now) => self.flips.now = now,
            Err(why) => self.give_up(&why)?,
        }
        Ok(())
    }

    /// What could not be taken out stays. Mostly there is nobody any more who would run it.
    fn give_up(&mut self, why: &Stopped) -> Result<(), Stopped> {
        self.flips.waiting.clear();
        self.tell_links([0, 0], Phase::Going)?;
        if self.watch.pid().is_none_or(|pid| started(pid).is_some()) {
            self.notes.push(format!("probes that cost too much could not be taken out: {why}"));
        }
        Ok(())
    }

    /// Puts another link beside the one of a program; only takes it out if nothing is left of it.
    fn flip(&mut self, build: usize, user: usize) -> Result<Option<Flip>, Stopped> {
        let old = self.probes.get(build).and_then(|probes| probes.users.get(user));
        let Some(old) = old.filter(|old| old.is_in_place()) else { return Ok(None) };
        let sites: Vec<_> = old.sites.iter().filter(|site| !self.flips.has(site.function)).copied().collect();
        if sites.is_empty() {
            self.forget_calls()?;
            self.probes[build].replace(user, None);
            return Ok(None);
        }
        let (old, program) = (old.link, &self.compiled_as(build).program);
        let mut other = User::load(self.engine, program, &program.users[user], self.probes[build].maps())?;
        other.sites = sites;
        self.tell_links([0, 0], Phase::Coming)?;
        self.tell_links([old, other.link], Phase::Coming)?;
        let placing = self.placing(build);
        let attached = placing.user(&placing.compiled.program.users[user], &other)?;
        other.take(attached.unwrap_or_default());
        self.pass(build, user, other, Phase::Both).map(Some)
    }

    /// Whoever runs by now has ended when the step is done.
    fn pass(&self, build: usize, user: usize, other: User, next: Phase) -> Result<Flip, Stopped> {
        let mut at = Instant::now();
        match (self.engine.waits_for_all(), other.sites.first()) {
            (true, Some(site)) => {
                let (placing, program) = (self.placing(build), self.engine.load_nothing()?);
                let user = &placing.compiled.program.users[user];
                let site = Site { offset: site.file.0, cookie: site.cookie };
                drop(placing.at(user.binary, &program, &[site], user.returning)?);
            }
            _ => at += LONGEST,
        }
        Ok(Flip { build, user, other, next, at })
    }

    fn step(&mut self, flip: Flip) -> Result<Option<Flip>, Stopped> {
        let Flip { build, user, other, next, .. } = flip;
        let old = self.probes[build].users[user].link;
        if next == Phase::Going {
            self.forget_calls()?;
        }
        self.tell_links([old, other.link], next)?;
        let then = match next {
            Phase::Coming | Phase::Both => Phase::Handing,
            Phase::Handing => Phase::Going,
            Phase::Going => {
                self.probes[build].replace(user, Some(other));
                // The phase stays: who has read a number still finds it.
                self.tell_links([0, 0], Phase::Going)?;
                return Ok(None);
            }
        };
        self.pass(build, user, other, then).map(Some)
    }

    fn tell_links(&mut self, links: [u32; 2], phase: Phase) -> Result<(), Stopped> {
        let table = self.maps.get(self.compiled.program.tables.engine).ok_or_else(no_map)?;
        Ok(self.control.links(links, phase, table)?)
    }

    /// From now on nobody sees how calls of those functions end.
    fn forget_calls(&self) -> Result<(), Stopped> {
        let Some(gone) = self.compiled.program.tables.frames.and_then(|tables| self.maps.get(tables.gone)) else {
            return Ok(());
        };
        for function in &self.flips.functions {
            gone.put(&function.0.to_ne_bytes(), &1u32.to_ne_bytes())?;
        }
        Ok(())
    }

    pub(super) fn compiled_as(&self, build: usize) -> &Compiled {
        self.builds().nth(build).unwrap_or(self.compiled)
    }

    fn placing(&self, build: usize) -> Placing<'_> {
        let compiled = self.compiled_as(build);
        Placing { engine: self.engine, compiled, pid: self.link_pid(compiled) }
    }
}

#[cfg(test)]
mod tests;
