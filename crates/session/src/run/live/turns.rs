//! Goroutines watched by turns: what a run does about its budget that only adds up what goroutines do.
//!
//! Where watching all the time would cost more than the budget allows, nothing is taken out for good. The probes are in place
//! until the next look at what they cost, and then out until turn and rest together have cost a quarter of the budget. A turn
//! begins as a run does, with the goroutines that there are, and ends as a run does: of the states in which goroutines are
//! then that counts which lies in the turn.
//!
//! Both the traps and what programs do at them are counted here, since the rest makes up for as much as was spent. What
//! is not seen is what it costs that both push other things out of the processor's caches: about as much again where a
//! service is busy. Hence so little.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use event::run::{self, Budgeted};
use event::totals::Lasting;
use kernel::clock;
use kernel::engine::Timing;
use plan::target::HookKind;

use super::overhead::{LOOK, Spent, percent};
use super::probes::{Placing, Probes};
use super::{Live, Show, first_line, no_map};
use crate::run::{Stopped, remains};

/// How long one is at least, after a rest.
const TURN: Duration = Duration::from_millis(100);
/// So much of the budget is spent.
const PART: f64 = 0.25;
/// Nobody rests for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// What is known of them.
#[derive(Default)]
pub(super) struct Turns {
    /// Programs are timed.
    timing: Option<Timing>,
    /// For how long those that watch goroutines had run when they were last asked.
    ran: Duration,
    /// What it took of a CPU to end the last turn and to begin this one, until that is paid for.
    changing: Duration,
    /// Nobody watches until then.
    rest: Option<Instant>,
    /// There was a rest before this one.
    rested: bool,
    /// How much of a CPU it takes to watch, as last looked at.
    load: f64,
    /// How many turns are over, and for how long those were.
    over: u64,
    watched: Duration,
    /// When the first one began.
    first: u64,
}

impl Turns {
    /// Whether nobody watches.
    pub fn rests(&self) -> bool {
        self.rest.is_some()
    }

    /// When it is time to look what has been spent.
    pub fn look(&self) -> Duration {
        if self.rested { TURN } else { LOOK }
    }
}

/// For how long nobody watches after so much of CPU time was spent in a turn, if it is too much.
fn rest(took: Duration, spent: f64, limit: f64) -> Option<Duration> {
    let is_enough = spent > limit * took.as_secs_f64();
    let until_paid = (spent / (limit * PART)).min(LONGEST.as_secs_f64());
    is_enough.then(|| Duration::from_secs_f64(until_paid).saturating_sub(took))
}

impl Live<'_> {
    /// For how long nobody has to watch goroutines after a turn of that length, to keep within the budget. Nothing if that
    /// is not how this run does it, or it need not rest.
    pub(super) fn rest_after(&mut self, took: Duration, spent: Option<&Spent>) -> Option<Duration> {
        let (limit, _) = (self.overhead.limit()?, self.goroutines.as_ref()?);
        let programs = self.programs_took();
        let Some(spent) = spent else {
            // What hits cost is being measured, so there are some that may be worth it.
            self.time_programs();
            return None;
        };
        let spent = spent.goroutines + programs.unwrap_or(spent.goroutines) + self.turns.changing.as_secs_f64();
        self.turns.changing = Duration::ZERO;
        self.turns.load = spent / took.as_secs_f64();
        let rest = rest(took, spent, limit);
        self.turns.rested = rest.is_some();
        rest
    }

    /// Without the right to that, programs are taken to run as long as the traps to them take.
    fn time_programs(&mut self) {
        if self.turns.timing.is_none() {
            self.turns.timing = self.engine.time_programs().ok();
            self.turns.ran = self.programs_ran();
        }
    }

    /// How many seconds programs that watch goroutines have taken since this was last asked, if anybody knows.
    fn programs_took(&mut self) -> Option<f64> {
        self.turns.timing.as_ref()?;
        let ran = self.programs_ran();
        Some(ran.saturating_sub(std::mem::replace(&mut self.turns.ran, ran)).as_secs_f64())
    }

    fn programs_ran(&self) -> Duration {
        let hooks = self.probes.iter().flat_map(Probes::hooks);
        hooks.map(|program| self.engine.run_time(program).unwrap_or_default()).sum()
    }

    /// Ends a turn.
    pub(super) fn rest(&mut self, rest: Duration, show: &mut dyn Show) -> Result<(), Stopped> {
        let began = clock::spent_here();
        if self.turns.over == 0 {
            self.turns.first = self.control.armed_at();
            self.tell_turns(show);
        }
        let over = self.keep_goroutines()?;
        self.stop_watching();
        let left = remains::all_goroutines(&self.compiled.program, &self.maps)?;
        self.keep_lasting(&left, over);
        self.turns.over += 1;
        self.turns.watched += self.turn(over);
        self.turns.rest = Some(Instant::now() + rest);
        self.turns.changing = Duration::from_nanos(clock::spent_here() - began);
        Ok(())
    }

    /// Nobody watches goroutines any more, until the next turn if there is one; whether anybody did.
    pub(super) fn stop_watching(&mut self) -> bool {
        let programs = std::iter::once(self.compiled).chain(&self.later).map(|build| &build.program);
        let rest = |(probes, program): (&mut Probes, _)| probes.rest(program, |hook| hook.kind == HookKind::Status);
        self.probes.iter_mut().zip(programs).map(rest).fold(false, |any, one| any | one)
    }

    /// Begins another turn once there was rest enough.
    pub(super) fn take_turns(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        if self.turns.rest.is_none_or(|until| Instant::now() < until) {
            return Ok(());
        }
        let began = clock::spent_here();
        if let Err(why) = self.watch_again() {
            // It may have ended just now. What was gathered is there, whatever becomes of it.
            self.stop_watching();
            self.turns.rest = Some(Instant::now() + LONGEST);
            show.note(&format!("goroutines cannot be watched at the moment: {}", first_line(&why.to_string())));
            return Ok(());
        }
        self.turns.rest = None;
        let table = self.maps.get(self.compiled.program.tables.control).ok_or_else(no_map)?;
        self.control.watch_again(table)?;
        let there = self.fill_again()?;
        if let Some(kept) = &mut self.goroutines {
            let is_gone = |state: &Lasting| !there.contains(&(state.pid, state.goid));
            let ended = std::mem::take(&mut kept.lasting).into_iter().map(|state| (state, is_gone(&state)));
            show.turn(&ended.collect::<Vec<_>>());
        }
        self.arm(true)?;
        self.turns.changing += Duration::from_nanos(clock::spent_here() - began);
        self.look_from_here()
    }

    /// Puts probes in place again that rest.
    fn watch_again(&mut self) -> Result<(), Stopped> {
        let pid = self.link_pid(self.compiled);
        let builds = std::iter::once((self.compiled, pid)).chain(self.later.iter().map(|build| (build, None)));
        for (probes, (compiled, pid)) in self.probes.iter_mut().zip(builds) {
            probes.resume(&Placing { engine: self.engine, compiled, pid })?;
        }
        Ok(())
    }

    /// Puts in the goroutines that there are, and answers which these are: process and number. Who could not be read was
    /// told at first.
    fn fill_again(&self) -> Result<HashSet<(u32, u64)>, Stopped> {
        let tables = &self.compiled.program.tables;
        let mut there = HashSet::new();
        for found in self.watch.all(self.table(tables.processes)?)? {
            let before = self.before.get(found.build).and_then(|of_build| of_build.get(found.binary as usize));
            let filled = before.map(|before| before.fill(&found, tables, &self.maps)).transpose()?;
            there.extend(filled.iter().flat_map(|filled| &filled.earlier).map(|(one, _)| (one.pid, one.goid)));
        }
        Ok(there)
    }

    /// How long the last turn was, or is until then.
    fn turn(&self, end: u64) -> Duration {
        let counted = self.counted_during(end);
        Duration::from_nanos(counted.end.saturating_sub(counted.start))
    }

    /// For how long hits counted.
    pub(super) fn counted_until(&self, end: u64) -> Duration {
        self.turns.watched + if self.turns.rests() { Duration::ZERO } else { self.turn(end) }
    }

    /// What is told of turns when the run is over.
    pub(super) fn turns_of(&self, counted: Duration, end: u64) -> Option<run::Turns> {
        (self.turns.over > 0).then(|| run::Turns {
            turns: self.turns.over + u64::from(!self.turns.rests()),
            watched_ns: counted.as_nanos() as u64,
            of_ns: end.saturating_sub(self.turns.first),
        })
    }

    fn tell_turns(&self, show: &mut dyn Show) {
        let Some(limit) = self.overhead.limit() else { return };
        let cost = percent(self.turns.load);
        let enough = (cost * 5 / 4).next_multiple_of(50);
        show.note(&format!(
            "watching goroutines costs about {cost}% of a CPU, the budget is {}: it is done by turns from here on, and counts \
             and times are of those (`--max-overhead {enough}%` or `--max-overhead off` watches all the time)",
            Budgeted(limit)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(took: u64, spent: f64, limit: f64, want: Option<u64>) {
        let rest = rest(Duration::from_millis(took), spent, limit);
        assert_eq!(rest, want.map(Duration::from_millis), "{took} ms, {spent} s of {limit}");
    }

    #[test]
    fn one_rests_until_a_quarter_of_the_budget_was_spent() {
        check(250, 0.125, 0.5, None);
        check(250, 0.1875, 0.5, Some(1250));
        check(250, 0.5, 0.5, Some(3750));
        check(100, 0.0625, 0.5, Some(400));
    }

    #[test]
    fn what_costs_far_too_much_is_still_looked_at_each_minute() {
        check(250, 400.0, 0.01, Some(59_750));
    }
}
