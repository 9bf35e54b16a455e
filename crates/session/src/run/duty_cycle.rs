//! A duty cycle: how a run that only sums up goroutine states keeps to its budget.
//!
//! Where watching goroutines all the time would exceed the budget, the hooks are attached for a short turn, and detached until
//! turn and rest together have cost a quarter of the budget. A turn begins as a run does, with the goroutines that there are,
//! and ends as a run does: of the states in which goroutines are then, the part counts that lies in the turn.
//!
//! Both the traps and the programs count here, since the rest makes up for them. Their effect on the processor's caches is not
//! measured, and costs about as much again on a busy service. Hence the quarter.

use std::time::Duration;

use event::run::{self, Budgeted};
use event::stream::Sink;
use event::totals::FinalState;

use super::control::Control;
use super::goroutines::{GoroutineTracker, counted_during};
use super::leftovers::Leftovers;
use super::overhead::{LOOK, OverheadBudget, Spent, percent};
use super::probes::Probes;
use super::processes::Processes;
use super::script::Stopped;
use crate::machine::Machine;

/// The shortest turn after a rest.
const TURN: Duration = Duration::from_millis(100);
/// The share of the budget that is spent.
const PART: f64 = 0.25;
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(60);

/// The turns so far, and the rest in progress.
#[derive(Default)]
pub(super) struct DutyCycle {
    /// For how long hook programs had run when they were last asked.
    ran: Duration,
    /// CPU time that it took to end the last turn and to begin this one, until it is paid for.
    changing: Duration,
    /// When the rest in progress ends.
    rest_until: Option<Duration>,
    has_rested: bool,
    /// What watching costs, as a share of a CPU, as last measured.
    load: f64,
    turns: u64,
    watched: Duration,
    /// When the first turn began, in nanoseconds since boot.
    first: u64,
}

/// What a duty cycle starts and stops.
pub(super) struct Cycled<'r> {
    pub probes: &'r mut Probes,
    pub control: &'r mut Control,
    pub goroutines: &'r mut GoroutineTracker,
    pub processes: &'r mut Processes,
    pub machine: &'r Machine,
}

/// How long to rest after a turn that cost so many seconds of CPU time, if that was too much.
fn rest(took: Duration, spent: f64, limit: f64) -> Option<Duration> {
    let is_enough = spent > limit * took.as_secs_f64();
    let until_paid = (spent / (limit * PART)).min(LONGEST.as_secs_f64());
    is_enough.then(|| Duration::from_secs_f64(until_paid).saturating_sub(took))
}

impl DutyCycle {
    /// Whether goroutines are not watched for a while.
    pub fn rests(&self) -> bool {
        self.rest_until.is_some()
    }

    /// How often the load is weighed.
    pub fn look(&self) -> Duration {
        if self.has_rested { TURN } else { LOOK }
    }

    /// How long to rest after a turn of that length, to keep within the budget. Nothing if this run has no duty cycle, or
    /// need not rest.
    pub fn rest_after(
        &mut self,
        probes: &mut Probes,
        took: Duration,
        spent: Option<&Spent>,
        limit: Option<f64>,
    ) -> Option<Duration> {
        let limit = limit?;
        let programs = self.programs_took(probes);
        let Some(spent) = spent else {
            // The cost of a hit is being measured, so there are enough hits to be worth it.
            probes.engine.time_hooks();
            self.ran = probes.engine.hook_time().unwrap_or_default();
            return None;
        };
        // Without the right to time programs, they are taken to run as long as their traps take.
        let spent = spent.goroutines + programs.unwrap_or(spent.goroutines) + self.changing.as_secs_f64();
        self.changing = Duration::ZERO;
        self.load = spent / took.as_secs_f64();
        let rest = rest(took, spent, limit);
        self.has_rested = rest.is_some();
        rest
    }

    /// Seconds that hook programs have run since this was last asked, if they are timed.
    fn programs_took(&mut self, probes: &Probes) -> Option<f64> {
        let ran = probes.engine.hook_time()?;
        Some(ran.saturating_sub(std::mem::replace(&mut self.ran, ran)).as_secs_f64())
    }

    /// Ends a turn.
    pub fn rest(
        &mut self,
        rest: Duration,
        cycled: &mut Cycled<'_>,
        limit: Option<f64>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let Cycled { probes, control, goroutines, processes, machine } = cycled;
        let began = machine.clock.spent_here();
        if self.turns == 0 {
            self.first = control.armed_at();
            self.tell_turns(limit, sink);
        }
        let end = goroutines.freeze(probes, control, machine.clock.since_boot())?;
        probes.rest_goroutines();
        let left = Leftovers { probes, host: processes.host() }.take_all_goroutines()?;
        goroutines.keep(&left, control, end);
        self.turns += 1;
        self.watched += turn(control, end);
        self.rest_until = Some(machine.clock.now() + rest);
        self.changing = machine.clock.spent_here() - began;
        Ok(())
    }

    /// Begins another turn once the rest is over. Gives back the states in which the last one has ended, and whether goroutines
    /// are gone now.
    pub fn resume(
        &mut self,
        cycled: &mut Cycled<'_>,
        overhead: &mut OverheadBudget,
        sink: &mut dyn Sink,
    ) -> Result<Option<Vec<(FinalState, bool)>>, Stopped> {
        let Cycled { probes, control, goroutines, processes, machine } = cycled;
        if self.rest_until.is_none_or(|until| machine.clock.now() < until) {
            return Ok(None);
        }
        let began = machine.clock.spent_here();
        if let Err(why) = probes.resume_goroutines() {
            // The process may have ended just now. What was gathered is kept.
            probes.rest_goroutines();
            self.rest_until = Some(machine.clock.now() + LONGEST);
            let why = first_line(&Stopped::from(why).to_string());
            sink.note(&format!("goroutines cannot be watched at the moment: {why}"));
            return Ok(None);
        }
        self.rest_until = None;
        control.unfreeze_goroutines(probes.control_table()?)?;
        let there = GoroutineTracker::fill_again(probes, processes, machine)?;
        let last = goroutines.take_turn(&there);
        control.arm(true, machine.clock.since_boot(), probes.control_table()?)?;
        self.changing += machine.clock.spent_here() - began;
        overhead.begin_anew(probes, machine.clock.now())?;
        Ok(Some(last))
    }

    /// For how long hits counted until then.
    pub fn counted_until(&self, control: &Control, end: u64) -> Duration {
        self.watched + if self.rests() { Duration::ZERO } else { turn(control, end) }
    }

    /// What the summary says of turns.
    pub fn summary(&self, counted: Duration, end: u64) -> Option<run::Turns> {
        (self.turns > 0).then(|| run::Turns {
            turns: self.turns + u64::from(!self.rests()),
            watched_ns: counted.as_nanos() as u64,
            of_ns: end.saturating_sub(self.first),
        })
    }

    fn tell_turns(&self, limit: Option<f64>, sink: &mut dyn Sink) {
        let Some(limit) = limit else { return };
        let cost = percent(self.load);
        let enough = (cost * 5 / 4).next_multiple_of(50);
        sink.note(&format!(
            "watching goroutines costs about {cost}% of a CPU, the budget is {}: it is done by turns from here on, and counts \
             and times are of those (`--max-overhead {enough}%` or `--max-overhead off` watches all the time)",
            Budgeted(limit)
        ));
    }
}

/// How long the last turn was, or is until then.
fn turn(control: &Control, end: u64) -> Duration {
    let counted = counted_during(control, end);
    Duration::from_nanos(counted.end.saturating_sub(counted.start))
}

/// The first line of a message, without its prefix.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(took: u64, spent: f64, limit: f64, want: Option<u64>) {
        let rest = rest(Duration::from_millis(took), spent, limit);
        assert_eq!(rest, want.map(Duration::from_millis), "{took} ms, {spent} s of {limit}");
    }

    #[test]
    fn a_rest_lasts_until_a_quarter_of_the_budget_was_spent() {
        check(250, 0.125, 0.5, None);
        check(250, 0.1875, 0.5, Some(1250));
        check(250, 0.5, 0.5, Some(3750));
        check(100, 0.0625, 0.5, Some(400));
    }

    #[test]
    fn no_rest_is_longer_than_a_minute() {
        check(250, 400.0, 0.01, Some(59_750));
    }
}
