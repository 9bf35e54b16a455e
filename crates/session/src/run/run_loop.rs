//! One run: loads, attaches, does what records ask for until something ends it, detaches, and tells how it went.
//!
//! Whatever ends a run, [`Run`] is dropped or closed, and with it go the probes.

mod intervals;

use std::time::Duration;

use engine::Progress;
use event::Snapshot;
use event::run::{Cause, Summary};
use event::stream::{Extra, Item, Sink};
use kernel::signal::Order;
use plan::On;

use super::compile::{Compiled, Prepared};
use super::control::Control;
use super::deployments::{Deployed, Deployments};
use super::duty_cycle::{Cycled, DutyCycle};
use super::goroutines::GoroutineTracker;
use super::leftovers::Leftovers;
use super::lifetime::Lifetime;
use super::maps::UserMaps;
use super::output::{Output, Rest, asked_for_exit, take_write_error};
use super::overhead::{OverheadBudget, Watched};
use super::probes::Probes;
use super::processes::{ProcessFilter, Processes};
use super::script::{Ended, Limits, Stopped};
use super::summary;
use crate::machine::Machine;
use crate::subject::Subject;
use intervals::Intervals;

/// How often the ring is read, and how often at least where nothing came for a while: rare records may wait, and waking up
/// costs.
const TICK: Duration = Duration::from_millis(1);
const IDLE_TICK: Duration = Duration::from_millis(8);
/// How often the run asks whether the target is still there, and whether the script has asked for the end.
const GLANCE: Duration = Duration::from_millis(10);
/// How often the run looks for processes that have started or ended.
const LOOK: Duration = Duration::from_millis(200);
/// Looking takes no more than one part in so many of the time.
const LOOKING: u32 = 20;
/// After so long without a hit since the start, the run says so.
const SILENCE: Duration = Duration::from_secs(5);
/// So many functions are named that were only called where they were inlined, if at all.
const UNSEEN: usize = 5;

/// Runs a script to its end.
pub(super) fn run(prepared: Prepared, limits: Limits, sink: &mut dyn Sink) -> Result<Ended, Stopped> {
    let mut life = Lifetime::begin(&prepared.compiled.script, &prepared.machine)?;
    let mut run = Run::load(prepared, limits, &life, sink.wants(Extra::Goroutines))?;
    run.probes.run_events(&On::Begin)?;
    if !run.asked_for_exit()? {
        run.attach(&life)?;
        run.arm(true)?;
    }
    let mut cause = Cause::Output;
    let mut shown = run.show(&mut life, limits.duration, sink).map(|other| cause = other);
    let unshown = take_write_error(&mut shown);
    shown?;
    if unshown.is_some() {
        // What was gathered is not lost because something else could not be written.
        sink.rescue(true);
    }
    let ended = run.close(&mut life, cause, sink)?;
    unshown.map_or(Ok(ended), |error| Err(error.into()))
}

/// A run: what is loaded, and the parts that take care of it.
pub(super) struct Run {
    machine: Machine,
    probes: Probes,
    control: Control,
    processes: Processes,
    goroutines: GoroutineTracker,
    overhead: OverheadBudget,
    duty_cycle: DutyCycle,
    deployments: Deployments,
    output: Output,
    /// Sentences to print.
    notes: Vec<String>,
}

impl Run {
    /// Loads a script. No probe is attached.
    pub fn load(prepared: Prepared, limits: Limits, life: &Lifetime, wants_goroutines: bool) -> Result<Run, Stopped> {
        let (machine, script) = (prepared.machine.clone(), prepared.compiled.script.clone());
        let filter = filter(&prepared.compiled, life);
        // The kernel's filter of links goes by a process's first thread (Linux 6.18, `uprobe_multi_link_filter`). A command
        // of ours may execute its program on another one.
        let only = filter.only().filter(|_| script.command.is_empty());
        let notes = prepared.compiled.executables.left_out.clone();
        let mut probes = prepared.load(only)?;
        let mut processes = Processes::new(filter, machine.host.clone());
        processes.add_build(&probes.first().compiled, probes.engine.as_ref());
        processes.find(probes.engine.as_mut())?;
        if let Some(refusal) = processes.none_identified(probes.engine.as_ref()) {
            return Err(refusal.into());
        }
        let mut control = Control::new(&processes);
        control.arm(false, 0, probes.control_table()?)?;
        Ok(Run {
            output: Output::new(&script.values, limits.printed, &machine),
            overhead: OverheadBudget::new(limits.overhead, machine.clock.now()),
            goroutines: GoroutineTracker::new(wants_goroutines),
            duty_cycle: DutyCycle::default(),
            deployments: Deployments::default(),
            machine,
            probes,
            control,
            processes,
            notes,
        })
    }

    /// From the start to what ends it.
    fn show(&mut self, life: &mut Lifetime, duration: Option<Duration>, sink: &mut dyn Sink) -> Result<Cause, Stopped> {
        self.probes.attached.ts = self.machine.clock.unix();
        sink.take(&Item::Attached(&self.probes.attached))?;
        self.probes.first().plan().cautions().iter().for_each(|caution| sink.note(caution));
        self.notes.extend(life.take_notes());
        self.act(sink)?;
        if let Some(cause) = self.output.is_over() {
            return Ok(cause);
        }
        life.start()?;
        self.follow(life, duration, sink)
    }

    /// Lets hits count, or not count.
    pub fn arm(&mut self, armed: bool) -> Result<(), Stopped> {
        let table = self.probes.control_table()?;
        Ok(self.control.arm(armed, self.machine.clock.since_boot(), table)?)
    }

    /// Attaches everything.
    pub fn attach(&mut self, life: &Lifetime) -> Result<(), Stopped> {
        self.probes.attach(0).map_err(|error| life.explain(error.into()))?;
        // Processes that started before the start probes were attached.
        self.processes.find(self.probes.engine.as_mut())?;
        self.probes.attach_events()?;
        self.catch_up()
    }

    /// Detaches all sites.
    pub fn detach(&mut self) {
        self.probes.detach();
    }

    /// Throws away the records that are ready, and says how many there were.
    pub fn discard(&mut self) -> usize {
        self.probes.engine.drain(&mut |_| {})
    }

    /// Fills in what processes did before the attach.
    fn catch_up(&mut self) -> Result<(), Stopped> {
        if self.duty_cycle.rests() {
            // Nothing counts during a rest, and the next turn begins with all goroutines that there are then.
            self.processes.take_running();
            return Ok(());
        }
        let (probes, machine) = (&self.probes, &self.machine);
        let notes = self.goroutines.catch_up(probes, &mut self.processes, &self.control, machine)?;
        self.notes.extend(notes);
        Ok(())
    }

    fn asked_for_exit(&self) -> Result<bool, Stopped> {
        Ok(asked_for_exit(self.probes.table(self.probes.first().program().tables.exit)?)?)
    }

    /// Goes on until something ends it, and returns what that was.
    fn follow(
        &mut self,
        life: &mut Lifetime,
        duration: Option<Duration>,
        sink: &mut dyn Sink,
    ) -> Result<Cause, Stopped> {
        let start = self.machine.clock.now();
        self.overhead.begin(start);
        let mut intervals = Intervals::new(&self.probes.first().program().events, start);
        let (mut glanced, mut look, mut is_told, mut tick) = (start, start + LOOK, false, TICK);
        loop {
            tick = if self.act(sink)? { TICK } else { IDLE_TICK.min(tick + tick / 8) };
            let now = self.machine.clock.now();
            let late = || duration.filter(|&most| now - start >= most).map(|_| Cause::Duration);
            if let Some(cause) = self.output.is_over().or_else(|| self.ordered()).or_else(late) {
                return Ok(cause);
            }
            for due in intervals.due(now) {
                self.probes.engine.run(due)?;
            }
            self.weigh(sink)?;
            if now >= look {
                self.look(sink)?;
                let done = self.machine.clock.now();
                look = done + LOOK.max((done - now) * LOOKING);
            }
            if now - glanced >= GLANCE {
                glanced = now;
                let asked = self.asked_for_exit()?.then_some(Cause::Exit);
                if let Some(cause) = asked.or(life.is_over()?) {
                    return Ok(cause);
                }
                self.notes.extend(life.take_notes());
                self.resume_turns(sink)?;
            }
            if !is_told && now - start >= SILENCE {
                is_told = true;
                self.tell_silence(sink)?;
            }
            self.machine.clock.sleep(intervals.until_next(now).map_or(tick, |next| next.min(tick)));
        }
    }

    /// Whether a signal asked for the end.
    fn ordered(&self) -> Option<Cause> {
        self.machine.host.order().map(|order| match order {
            Order::Interrupt => Cause::Interrupt,
            Order::Terminate => Cause::Terminate,
            Order::HangUp => Cause::HangUp,
        })
    }

    /// Does what records ask for. Says whether there were any.
    fn act(&mut self, sink: &mut dyn Sink) -> Result<bool, Stopped> {
        std::mem::take(&mut self.notes).iter().for_each(|note| sink.note(note));
        let any = self.output.act(&mut self.probes, &self.processes, sink)?;
        if any {
            self.notes.extend(self.output.learn_types(&self.probes, &self.processes, sink)?);
        }
        Ok(any)
    }

    /// Goes on with a detach in progress, weighs the load once it is time for that, and acts on it.
    fn weigh(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let is_idle = self.advance()?;
        if self.duty_cycle.rests() {
            return Ok(());
        }
        let (now, is_shown) = (self.machine.clock.now(), sink.wants(Extra::Load));
        let each = (self.duty_cycle.look(), is_shown);
        let Some((took, spent)) = self.overhead.measure(&mut self.probes, now, each)? else { return Ok(()) };
        let (limit, cycles) = (self.overhead.limit(), self.goroutines.is_wanted());
        let limit_of_cycle = limit.filter(|_| cycles);
        let rest = self.duty_cycle.rest_after(&mut self.probes, took, spent.as_ref(), limit_of_cycle);
        if is_shown {
            let load = self.overhead.load(&self.probes, took + rest.unwrap_or_default(), spent.as_ref())?;
            sink.take(&Item::Load(&load))?;
        }
        let Run { probes, control, goroutines, processes, machine, overhead, duty_cycle, .. } = self;
        if let Some(rest) = rest {
            let mut cycled = Cycled { probes, control, goroutines, processes, machine };
            return duty_cycle.rest(rest, &mut cycled, limit, sink);
        }
        if !is_idle {
            return Ok(());
        }
        let mut watched = Watched { probes, control, goroutines, clock: machine.clock.as_ref() };
        overhead.keep(&mut watched, took, spent.as_ref(), sink)
    }

    /// Goes on with a detach in progress. Says whether there is none.
    fn advance(&mut self) -> Result<bool, Stopped> {
        let why = match self.probes.engine.advance()? {
            Progress::Idle => return Ok(true),
            Progress::Busy => return Ok(false),
            Progress::Abandoned(why) => why,
        };
        // Mostly the process has ended meanwhile, and the links are of no use any more.
        if self.processes.filter().only().is_none_or(|pid| self.machine.host.started(pid).is_some()) {
            self.notes.push(format!("probes that cost too much could not be taken out: {}", Stopped::from(why)));
        }
        Ok(true)
    }

    fn resume_turns(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let Run { probes, control, goroutines, processes, machine, overhead, duty_cycle, .. } = self;
        let last =
            duty_cycle.resume(&mut Cycled { probes, control, goroutines, processes, machine }, overhead, sink)?;
        Ok(last.map_or(Ok(()), |last| self.output.gap(&last, &self.probes, &self.processes, sink))?)
    }

    /// Looks for processes that have started or ended, and for files that were replaced.
    fn look(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        if self.processes.look(self.probes.engine.as_mut())? {
            self.control.processes_removed(self.probes.control_table()?)?;
            let leftovers = Leftovers { probes: &self.probes, host: self.processes.host() };
            self.goroutines.keep_ended(leftovers, &self.control, self.machine.clock.as_ref())?;
            self.output.open += leftovers.clear()?;
        }
        if self.probes.first().program().tables.gos.is_some() {
            let departed = self.processes.take_departed();
            let leftovers = Leftovers { probes: &self.probes, host: self.processes.host() };
            let left = leftovers.take_goroutines_of(&departed)?;
            self.goroutines.keep(&left, &self.control, self.machine.clock.since_boot());
        }
        self.notes.extend(self.processes.look_for_strays());
        self.notes.extend(self.processes.take_notes());
        self.catch_up()?;
        self.look_for_deployments(sink)
    }

    fn look_for_deployments(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let rests = self.duty_cycle.rests();
        let Run { probes, processes, machine, deployments, notes, .. } = self;
        let mut deployed = Deployed { probes, processes, machine, rests };
        deployments.probe_replaced(&mut deployed, notes, sink)?;
        deployments.probe_newcomer(&mut deployed, sink)?;
        deployments.release_replaced(&mut deployed, sink);
        Ok(())
    }

    fn tell_silence(&self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let so_far = self.summary()?;
        let first = self.probes.first();
        if so_far.hits + so_far.filtered == 0 && !first.program().users.is_empty() {
            let none = self.processes.filter().follows_files() && self.processes.is_empty();
            let none = if none { "; no process that runs the target was found" } else { "" };
            sink.note(&format!("nothing was hit in the first {} seconds{none}", SILENCE.as_secs()));
        }
        let unseen = summary::unseen_so_far(first.plan(), first.program(), self.probes.tables())?;
        unseen.iter().take(UNSEEN).for_each(|note| sink.note(note));
        Ok(())
    }

    /// How it went so far.
    pub fn summary(&self) -> Result<Summary, Stopped> {
        let (first, tables) = (self.probes.first(), self.probes.tables());
        let mut summary = summary::of(first.plan(), first.program(), tables, &self.probes.attached)?;
        summary.firings += summary::firings_at_sites(self.probes.builds())?;
        summary.missed = self.probes.engine.missed();
        summary.detached = self.overhead.detached(&self.probes)?;
        self.output.summarize(&self.probes, &mut summary)?;
        Ok(summary)
    }

    /// All maps of the text as they are now.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Stopped> {
        Ok(UserMaps { program: self.probes.first().program(), tables: self.probes.tables() }.all()?)
    }

    /// Calls that have not ended. Exact once no probe is attached any more.
    pub fn open_calls(&self) -> Result<super::leftovers::Open, Stopped> {
        Ok(Leftovers { probes: &self.probes, host: self.processes.host() }.open_calls()?)
    }

    /// Detaches everything, and collects what is left to show.
    fn collect(&mut self, life: &mut Lifetime, cause: Cause, sink: &mut dyn Sink) -> Result<Rest, Stopped> {
        let over = self.machine.clock.since_boot();
        let end = self.goroutines.freeze(&self.probes, &mut self.control, over)?;
        self.arm(false)?;
        self.probes.engine.stop_measuring();
        self.probes.detach_events();
        self.detach();
        let exit = life.end()?;
        self.act(sink)?;
        self.probes.run_events(&On::End)?;
        self.act(sink)?;
        self.output.open += self.open_calls()?;
        let mut so_far = self.summary()?;
        let calls = self.output.open_calls(&self.probes, &mut so_far)?;
        let open = self.output.open.calls;
        let calls_detached = so_far.calls_detached + self.output.open.detached;
        let counted = self.duty_cycle.counted_until(&self.control, end);
        let turns = self.duty_cycle.summary(counted, over);
        let summary = Summary { counted, turns, exit, open, calls_detached, ended_by: Some(cause), ..so_far };
        let goroutines = self.goroutines.finish(&self.probes, &self.control, end)?;
        Ok(Rest { open: calls, goroutines, maps: self.snapshots()?, summary })
    }

    /// Detaches everything, and tells how it went.
    fn close(mut self, life: &mut Lifetime, cause: Cause, sink: &mut dyn Sink) -> Result<Ended, Stopped> {
        let rest = self.collect(life, cause, sink)?;
        let mut before = sink.finish().map_err(Stopped::Show);
        let unwritten_before = take_write_error(&mut before);
        before?;
        if unwritten_before.is_some() {
            sink.rescue(true);
        }
        let mut finish = |sink: &mut dyn Sink| self.output.finish(&rest, &self.probes, &self.processes, sink);
        let mut shown = finish(sink).map_err(Stopped::Show);
        let unwritten_then = take_write_error(&mut shown);
        shown?;
        if unwritten_then.is_some() {
            sink.rescue(false);
            finish(sink)?;
        }
        if let Some(error) = unwritten_before.or(unwritten_then) {
            return Err(error.into());
        }
        Ok(Ended { status: self.output.exit_status().unwrap_or(0) })
    }
}

/// Which processes count.
fn filter(compiled: &Compiled, life: &Lifetime) -> ProcessFilter {
    match (&compiled.script.subject, life.held()) {
        (Some(Subject::Processes(pids)), _) => ProcessFilter::Named(pids.clone()),
        (Some(Subject::Group(group)), _) => ProcessFilter::Group(group.clone()),
        (None, Some(pid)) => ProcessFilter::Named(vec![pid]),
        (Some(Subject::Path(_)), _) => ProcessFilter::Target,
        (None, None) => ProcessFilter::Any,
    }
}

#[cfg(test)]
mod tests;
