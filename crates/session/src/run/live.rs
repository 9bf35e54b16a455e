//! One run: loads, attaches, does what records ask for, ends.
//!
//! Whatever ends it, [`Live`] is dropped or closed, and with it go the probes: everything in the kernel is held by what
//! stands in it.

mod clocks;
mod flip;
mod life;
mod overhead;
mod probes;
mod replaced;
mod turns;

use std::cell::{OnceCell, RefCell};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use event::calls::Finished;
use event::run::{Attached, Cause, Summary};
use event::totals::Goroutines;
use event::{Event, Snapshot, What};
use kernel::engine::{self, Engine, Map, Maps, Ring, attach};
use kernel::kallsyms::Symbols;
use kernel::signal::Order;
use kernel::{clock, signal};
use plan::Plan;
use plan::{On, Period};
use program::{Phase, exit};

use super::before::Before;
use super::calls::{Joined, Telling};
use super::lasting;
use super::maps::UserMaps;
use super::names::{Clock, Known};
use super::newcomers::Newcomers;
use super::remains::{self, Open};
use super::tally;
use super::watch::{Control, Watch, Whose};
use super::world::Executables;
use super::{Compiled, Ended, Limits, Show, Stopped};
use crate::refusal::Refusal;
use crate::subject::Subject;
use clocks::Intervals;
use flip::Flips;
pub(super) use life::Life;
use overhead::Overhead;
use probes::{Placing, Probes};
use replaced::Unfit;
use turns::Turns;

/// How often the ring is looked at, and how often at least where nothing came for a while: nobody waits for what is rare,
/// and waking up costs.
const TICK: Duration = Duration::from_millis(1);
const IDLE_TICK: Duration = Duration::from_millis(8);
/// How often it is looked whether the target is still there, and whether the script has asked for the end.
const GLANCE: Duration = Duration::from_millis(10);
/// How often it is looked which processes have ended.
const LOOK: Duration = Duration::from_millis(200);
/// Looking takes no more than one part in so many of the time.
const LOOKING: u32 = 20;
/// When nothing was hit for that long after the start, it is said.
const SILENCE: Duration = Duration::from_secs(5);
/// So many functions are named that were only called where they were inlined, if at all.
const UNSEEN: usize = 5;

pub(super) fn run(compiled: &Compiled, limits: Limits, show: &mut dyn Show) -> Result<Ended, Stopped> {
    let mut life = Life::begin(&compiled.script)?;
    let mut live = Live::load(compiled, limits, &life)?;
    live.goroutines = show.wants_goroutines().then(Goroutines::default);
    live.once(On::Begin)?;
    if !live.asked_for_exit()? {
        live.attach(&life)?;
        live.arm(true)?;
    }
    let mut cause = Cause::Output;
    let mut shown = live.show(&mut life, show).map(|other| cause = other);
    let unshown = no_room(&mut shown);
    shown?;
    if unshown.is_some() {
        // What was gathered is not lost because there was no room for something else.
        show.rescue(true);
    }
    let ended = live.close(&mut life, cause, show)?;
    unshown.map_or(Ok(ended), |error| Err(error.into()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What is left to show when all is taken out.
struct Left {
    unended: Vec<Finished>,
    goroutines: Goroutines,
    maps: Vec<Snapshot>,
    summary: Summary,
}

/// What is in the kernel, and what is known of it.
pub(super) struct Live<'r> {
    compiled: &'r Compiled,
    engine: &'r Engine,
    limits: Limits,
    /// For executables that have replaced those that were there at first.
    later: Vec<Compiled>,
    /// Why the last replacement was not probed.
    unfit: Option<Unfit>,
    /// Of a group, programs that nobody of it ran before.
    newcomers: Newcomers,
    watch: Watch,
    control: Control,
    attached: Attached,
    kernel: OnceCell<Option<Symbols>>,
    unix_less_boot: i64,
    clock: Clock,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    calls: Joined,
    probes: Vec<Probes>,
    /// What the processes of each build's executables did before, where somebody wants to know.
    before: Vec<Vec<Before>>,
    /// What could not be done meanwhile, in sentences.
    notes: Vec<String>,
    in_place: Vec<attach::Attached>,
    /// Calls in which processes have ended.
    open: Open,
    /// The goroutines that there were at first, and the states in which processes have ended, if anybody wants them.
    goroutines: Option<Goroutines>,
    overhead: Overhead,
    turns: Turns,
    flips: Flips,
    events: Vec<engine::Program>,
    ring: Ring,
    maps: Maps,
}

impl<'r> Live<'r> {
    pub(super) fn load(compiled: &'r Compiled, limits: Limits, life: &Life) -> Result<Live<'r>, Stopped> {
        let (engine, program) = (&compiled.engine, &compiled.program);
        let maps = engine.maps(&program.maps)?;
        let probes = vec![Probes::load(engine, program, &maps)?];
        let events = program.events.iter().map(|event| engine.load(&event.program, &maps));
        let events = events.collect::<Result<_, _>>()?;
        let ring = engine.ring(maps.get(program.tables.ring).ok_or_else(no_map)?)?;
        let mut watch = Watch::new(whose(compiled, life), compiled.numbers);
        watch.add(compiled);
        watch.find(maps.get(program.tables.processes).ok_or_else(no_map)?)?;
        if let Some(refusal) = watch.nobody_in_reach() {
            return Err(refusal.into());
        }
        let mut control = Control::new(&watch, compiled.numbers);
        control.arm(false, maps.get(program.tables.control).ok_or_else(no_map)?)?;
        control.links([0, 0], Phase::Coming, maps.get(program.tables.engine).ok_or_else(no_map)?)?;
        Ok(Live {
            compiled,
            engine,
            limits,
            later: Vec::new(),
            unfit: None,
            newcomers: Newcomers::default(),
            before: vec![Before::all(compiled)],
            notes: compiled.executables.left_out.clone(),
            watch,
            control,
            attached: tally::planned(&compiled.plan, program),
            kernel: OnceCell::new(),
            unix_less_boot: clock::unix_less_boot(),
            clock: Clock::default(),
            printed: 0,
            exit: None,
            damaged: 0,
            calls: Joined::new(&compiled.script.values),
            probes,
            in_place: Vec::new(),
            open: Open::default(),
            goroutines: None,
            overhead: Overhead::new(limits.overhead),
            turns: Turns::default(),
            flips: Flips::default(),
            events,
            ring,
            maps,
        })
    }

    /// From the start to what ends it.
    fn show(&mut self, life: &mut Life, show: &mut dyn Show) -> Result<Cause, Stopped> {
        self.attached.ts = clock::unix();
        show.attached(&self.attached)?;
        self.compiled.plan.cautions().iter().for_each(|caution| show.note(caution));
        self.notes.extend(life.news());
        self.act(show)?;
        if let Some(cause) = self.is_over() {
            return Ok(cause);
        }
        life.start()?;
        self.follow(life, show)
    }

    /// What was compiled last: it knows all functions that those before it do.
    fn latest(&self) -> &Compiled {
        self.later.last().unwrap_or(self.compiled)
    }

    fn table(&self, id: program::MapId) -> Result<&Map, Stopped> {
        self.maps.get(id).ok_or_else(|| no_map().into())
    }

    pub(super) fn arm(&mut self, armed: bool) -> Result<(), Stopped> {
        let table = self.maps.get(self.compiled.program.tables.control).ok_or_else(no_map)?;
        Ok(self.control.arm(armed, table)?)
    }

    /// Runs what the text says about the start or the end.
    fn once(&self, when: On) -> Result<(), Stopped> {
        for (event, program) in self.compiled.program.events.iter().zip(&self.events) {
            if event.on == when {
                self.engine.run(program, &[])?;
            }
        }
        Ok(())
    }

    /// What was compiled, the first for the executables that there were at first.
    fn builds(&self) -> impl Iterator<Item = &Compiled> {
        std::iter::once(self.compiled).chain(&self.later)
    }

    /// What they mean; the last one has all functions.
    fn plans(&self) -> Vec<&Plan> {
        self.builds().map(|build| &build.plan).collect()
    }

    /// The process that links are asked to keep to, so that others of the same file do not pay. Not a command of ours: the
    /// kernel knows it by its first thread (Linux 6.18, `uprobe_multi_link_filter`), which is another one once a further
    /// thread has executed a program.
    fn link_pid(&self, compiled: &Compiled) -> Option<kernel::Pid> {
        self.watch.pid().filter(|_| compiled.numbers.own && compiled.script.command.is_empty())
    }

    pub(super) fn attach(&mut self, life: &Life) -> Result<(), Stopped> {
        let compiled = self.compiled;
        let placing = Placing { engine: self.engine, compiled, pid: self.link_pid(compiled) };
        for probes in &mut self.probes {
            probes.attach(&placing, &|_| false, &mut self.attached).map_err(|error| life.explain(error))?;
        }
        // Who came before the probes that see him come.
        self.watch.find(self.maps.get(compiled.program.tables.processes).ok_or_else(no_map)?)?;
        for (n, event) in compiled.program.events.iter().enumerate() {
            let attached = self.attach_event(n, &event.on)?;
            self.in_place.extend(attached);
        }
        self.catch_up()
    }

    /// Throws the records away that are in the ring; how many they were.
    pub(super) fn discard(&mut self) -> usize {
        self.ring.drain(|_| {})
    }

    /// Takes out what is at sites.
    pub(super) fn detach(&mut self) {
        self.probes.iter_mut().rev().for_each(Probes::detach);
    }

    /// Puts in what processes did before the probes saw them.
    fn catch_up(&mut self) -> Result<(), Stopped> {
        let tables = &self.compiled.program.tables;
        // Of a rest nothing counts, and the next turn begins with all that there are then.
        for found in self.watch.take_found().into_iter().filter(|_| !self.turns.rests()) {
            let before = self.before.get(found.build).and_then(|of_build| of_build.get(found.binary as usize));
            if let Some(before) = before {
                let filled = before.fill(&found, tables, &self.maps)?;
                self.notes.extend(filled.notes);
                // Once hits count, those that a program in the kernel knows already may have been seen to begin.
                let is_running = self.control.armed_at() != 0;
                let earlier = filled.earlier.into_iter().filter(|(_, is_new)| *is_new || !is_running);
                if let Some(kept) = &mut self.goroutines {
                    kept.earlier.extend(earlier.map(|(earlier, _)| earlier));
                }
            }
        }
        Ok(())
    }

    fn attach_event(&self, n: usize, on: &On) -> Result<Option<attach::Attached>, Stopped> {
        let Some(program) = self.events.get(n) else { return Ok(None) };
        Ok(match on {
            On::Tracepoint { category, name } => {
                Some(self.engine.on_tracepoint(program, &self.engine.tracepoint(category, name)?)?)
            }
            On::Profile { period } => Some(self.engine.on_clock(program, hertz(*period))?),
            On::Begin | On::End | On::Interval { .. } | On::Goroutine { .. } => None,
        })
    }

    /// Until something ends it: what that was.
    fn follow(&mut self, life: &mut Life, show: &mut dyn Show) -> Result<Cause, Stopped> {
        let start = Instant::now();
        self.overhead.begin();
        let mut intervals = Intervals::new(&self.compiled.program.events, start);
        let (mut glanced, mut look, mut said, mut tick) = (start, start + LOOK, false, TICK);
        loop {
            tick = if self.act(show)? { TICK } else { IDLE_TICK.min(tick + tick / 8) };
            let now = Instant::now();
            let late = || self.limits.duration.filter(|&most| now - start >= most).map(|_| Cause::Duration);
            if let Some(cause) = self.is_over().or_else(ordered).or_else(late) {
                return Ok(cause);
            }
            for due in intervals.due(now) {
                if let Some(program) = self.events.get(due) {
                    self.engine.run(program, &[])?;
                }
            }
            self.weigh(show)?;
            self.go_on_with_flips()?;
            if now >= look {
                self.look()?;
                self.renew(show)?;
                self.welcome(show)?;
                self.release(show)?;
                look = Instant::now() + LOOK.max(now.elapsed() * LOOKING);
            }
            if now - glanced >= GLANCE {
                glanced = now;
                let asked = self.asked_for_exit()?.then_some(Cause::Exit);
                if let Some(cause) = asked.or(life.is_over()?) {
                    return Ok(cause);
                }
                self.notes.extend(life.news());
                self.take_turns(show)?;
            }
            if !said && now - start >= SILENCE {
                said = true;
                self.tell_silence(show)?;
            }
            sleep(intervals.until_next(now).map_or(tick, |next| next.min(tick)));
        }
    }

    /// What became of processes.
    fn look(&mut self) -> Result<(), Stopped> {
        let program = &self.compiled.program;
        if self.watch.look(self.maps.get(program.tables.processes).ok_or_else(no_map)?)? {
            self.control.processes_gone(self.maps.get(program.tables.control).ok_or_else(no_map)?)?;
            let left = remains::goroutines(program, &self.maps)?;
            self.keep_lasting(&left, clock::since_boot());
            self.open += remains::clear(&self.plans(), program, &self.maps, &|f| self.flips.has(f))?;
        }
        if program.tables.gos.is_some() {
            let left = remains::goroutines_of(&self.watch.left(), program, &self.maps)?;
            self.keep_lasting(&left, clock::since_boot());
        }
        self.notes.extend(self.watch.strayed());
        self.notes.extend(self.watch.news());
        self.catch_up()
    }

    /// Puts probes into those executables that have none yet. In how many places.
    fn probe_anew(&mut self, executables: Executables) -> Result<u64, Stopped> {
        let other = || Refusal::refused("the script means something else there");
        let mut compiled = self.compiled.script.clone().compile_after(self.latest(), executables)?;
        let Compiled { plan, program: first, .. } = self.compiled;
        // What runs without sites is there once, for all builds.
        let is_alike = (&compiled.program.tables, &compiled.program.events) == (&first.tables, &first.events);
        if !is_alike || compiled.plan.unders != plan.unders {
            return Err(other().into());
        }
        let binaries = compiled.binaries().into_iter().enumerate();
        let new: Vec<bool> = binaries.map(|(n, executable)| !self.is_probed(n, executable)).collect();
        compiled.program.only_in(|binary| new.get(binary.index()).is_some_and(|&new| new));
        let (program, sites) = (&compiled.program, tally::sites(&compiled.program));
        // Libraries count in processes of the targets, whatever those are.
        if sites == 0 && !compiled.has_libraries() {
            return Err(Refusal::refused("nothing in it matches").into());
        }
        let maps = self.engine.maps_beside(&program.maps, &self.maps, &program.own())?.ok_or_else(other)?;
        let mut probes = Probes::load(self.engine, program, &maps)?;
        let placing = Placing { engine: self.engine, compiled: &compiled, pid: None };
        let mut told = self.attached.clone();
        probes.attach(&placing, &|function| self.flips.has(function), &mut told)?;
        let known = self.attached.skipped.len();
        for reason in told.skipped.drain(..).skip(known) {
            if !self.attached.skipped.contains(&reason) {
                self.attached.skipped.push(reason);
            }
        }
        // All know of the new build before anything can go wrong.
        self.watch.add(&compiled);
        self.probes.push(probes);
        self.before.push(Before::all(&compiled));
        self.later.push(compiled);
        if self.turns.rests() {
            self.stop_watching();
        }
        self.watch.find(self.maps.get(first.tables.processes).ok_or_else(no_map)?)?;
        Ok(sites)
    }

    fn is_over(&self) -> Option<Cause> {
        let enough = || self.limits.printed.filter(|&most| self.printed >= most).map(|_| Cause::Printed);
        self.exit.map(|_| Cause::Exit).or_else(enough)
    }

    fn asked_for_exit(&self) -> Result<bool, Stopped> {
        let value = self.table(self.compiled.program.tables.exit)?.get(&0u32.to_ne_bytes())?.unwrap_or_default();
        let word = value.get(exit::ASKED as usize..).and_then(|rest| rest.get(..4));
        Ok(word.is_some_and(|word| word != [0; 4]))
    }

    fn tell_silence(&self, show: &mut dyn Show) -> Result<(), Stopped> {
        let so_far = self.summary()?;
        if so_far.hits + so_far.filtered == 0 && !self.compiled.program.users.is_empty() {
            let nobody = match (self.watch.whose(), self.watch.is_empty()) {
                (Whose::All | Whose::Running, true) => "; no process that runs the target was found",
                _ => "",
            };
            show.note(&format!("nothing was hit in the first {} seconds{nobody}", SILENCE.as_secs()));
        }
        let unseen = tally::unseen_so_far(&self.compiled.plan, &self.compiled.program, &self.maps)?;
        unseen.iter().take(UNSEEN).for_each(|note| show.note(note));
        Ok(())
    }

    /// Does what the records in the ring ask for; says whether there were any.
    fn act(&mut self, show: &mut dyn Show) -> Result<bool, Stopped> {
        std::mem::take(&mut self.notes).iter().for_each(|note| show.note(note));
        let (compiled, maps) = (self.compiled, &self.maps);
        // What was compiled last knows all that records can be.
        let program = &self.later.last().unwrap_or(compiled).program;
        let known = Known {
            first: compiled,
            later: &self.later,
            watch: &self.watch,
            processes: maps.get(compiled.program.tables.processes),
            stacks: compiled.program.tables.stacks.and_then(|id| maps.get(id)),
            kernel: &self.kernel,
            unix_less_boot: self.unix_less_boot,
            clock: &self.clock,
            biases: RefCell::default(),
        };
        let mut acting = Acting {
            maps: UserMaps { program, maps },
            known,
            calls: &mut self.calls,
            most: self.limits.printed.unwrap_or(u64::MAX),
            printed: self.printed,
            exit: self.exit,
            damaged: self.damaged,
            show,
        };
        let (mut outcome, mut unshown) = (Ok(()), None);
        let count = self.ring.drain(|record| {
            if outcome.is_ok() {
                outcome = acting.record(record);
            }
            if let Some(error) = no_room(&mut outcome) {
                // The others are as good as this one, and it may be shown where they are.
                acting.show.rescue(true);
                unshown.get_or_insert(error);
                outcome = acting.record(record);
            }
        });
        let Acting { printed, exit, damaged, show, .. } = acting;
        (self.printed, self.exit, self.damaged) = (printed, exit, damaged);
        outcome?;
        if count > 0 {
            self.meet()?;
            show.pause(&self.known())?;
        }
        unshown.map_or(Ok(count > 0), |error| Err(error.into()))
    }

    /// Learns the types that records told of and nobody knew.
    fn meet(&mut self) -> Result<(), Stopped> {
        let mut calls = std::mem::take(&mut self.calls);
        let said = calls.meet(&self.known(), &self.compiled.script.values, &self.maps);
        self.calls = calls;
        self.notes.extend(said?);
        Ok(())
    }

    pub(super) fn summary(&self) -> Result<Summary, Stopped> {
        let Compiled { plan, program, .. } = self.compiled;
        let mut summary = tally::summary(plan, program, &self.maps, &self.attached)?;
        summary.firings += self.firings_at_sites()?;
        let programs = self.probes.iter().flat_map(Probes::programs).chain(&self.events);
        summary.missed = programs.map(|program| self.engine.missed(program).unwrap_or(0)).sum();
        summary.printed = self.printed;
        // Of all builds: the last plan knows the functions of those before.
        let latest = &self.latest().plan;
        summary.unwound_by = tally::unwound_by(latest, program, &self.maps)?;
        summary.measured = tally::measured(latest);
        summary.detached = self.detached()?;
        summary.damaged = self.damaged;
        Ok(summary)
    }

    /// What numbers mean.
    fn known(&self) -> Known<'_> {
        let tables = &self.compiled.program.tables;
        Known {
            first: self.compiled,
            later: &self.later,
            watch: &self.watch,
            processes: self.maps.get(tables.processes),
            stacks: tables.stacks.and_then(|id| self.maps.get(id)),
            kernel: &self.kernel,
            unix_less_boot: self.unix_less_boot,
            clock: &self.clock,
            biases: RefCell::default(),
        }
    }

    /// From now on what is known of goroutines stays as it is. Since when that is so.
    fn keep_goroutines(&mut self) -> Result<u64, Stopped> {
        let table = self.maps.get(self.compiled.program.tables.control).ok_or_else(no_map)?;
        Ok(self.control.keep_goroutines(table)?)
    }

    /// When hits counted, in nanoseconds since boot.
    fn counted_during(&self, end: u64) -> std::ops::Range<u64> {
        self.control.armed_at()..self.control.over().map_or(end, |over| end.min(over))
    }

    /// Takes down the states that goroutines were in at a moment, if anybody wants them.
    fn keep_lasting(&mut self, goroutines: &[(Vec<u8>, Vec<u8>)], end: u64) {
        let run = self.counted_during(end);
        if let Some(kept) = &mut self.goroutines {
            kept.lasting.extend(goroutines.iter().filter_map(|(key, value)| lasting::of(key, value, run.clone())));
        }
    }

    /// What there is to tell of goroutines, with those that are left.
    fn last_goroutines(&mut self, end: u64) -> Result<Goroutines, Stopped> {
        if let (Some(gos), Some(_)) = (self.compiled.program.tables.gos, &self.goroutines) {
            let left = self.table(gos)?.entries()?;
            self.keep_lasting(&left, end);
        }
        Ok(self.goroutines.take().unwrap_or_default())
    }

    /// The calls that have begun and not ended; the summary learns how many were lost, so that all add up.
    fn unended(&mut self, summary: &mut Summary) -> Result<Vec<Finished>, Stopped> {
        let of_calls = tally::of_calls(&self.latest().plan, &self.compiled.program, &self.maps, self.calls.alone())?;
        let told = self.calls.finished() + self.open.recorded.len() as u64;
        let untold = of_calls.wanted.saturating_sub(told);
        if self.limits.printed.is_some_and(|most| self.printed >= most) {
            // They came too late to be shown.
            summary.limited += untold;
            return Ok(Vec::new());
        }
        summary.lost = summary.lost.saturating_sub(of_calls.lost_records) + untold;
        Ok(self.calls.unended(&self.open))
    }

    /// What is left to show.
    fn last(&self, left: &Left, show: &mut dyn Show) -> io::Result<()> {
        let (schema, known) = (&self.latest().program.schema, &self.known());
        for call in &left.unended {
            self.calls.tell(call, &mut Telling { schema, known, show }, false)?;
        }
        show.goroutines(&left.goroutines)?;
        show.rest(&left.maps, known)?;
        show.finish()?;
        show.summary(&left.summary)?;
        show.finish()
    }

    /// All maps of the text as they are now.
    pub(super) fn snapshots(&self) -> Result<Vec<Snapshot>, Stopped> {
        Ok(UserMaps { program: &self.compiled.program, maps: &self.maps }.all()?)
    }

    /// Takes everything out, and tells how it went.
    fn close(mut self, life: &mut Life, cause: Cause, show: &mut dyn Show) -> Result<Ended, Stopped> {
        let Compiled { program, .. } = self.compiled;
        let (over, end) = (clock::since_boot(), self.keep_goroutines()?);
        self.arm(false)?;
        self.overhead.calibration.end();
        self.in_place.clear();
        self.flips = self.flips.over();
        self.detach();
        let exit = life.end()?;
        self.act(show)?;
        self.once(On::End)?;
        self.act(show)?;
        self.open += remains::still_open(&self.plans(), program, &self.maps, &|f| self.flips.has(f))?;
        let mut so_far = self.summary()?;
        let unended = self.unended(&mut so_far)?;
        let (open, calls_detached) = (self.open.calls, so_far.calls_detached + self.open.detached);
        let counted = self.counted_until(end);
        let turns = self.turns_of(counted, over);
        let summary = Summary { counted, turns, exit, open, calls_detached, ended_by: Some(cause), ..so_far };
        let left = Left { unended, goroutines: self.last_goroutines(end)?, maps: self.snapshots()?, summary };
        let mut before = show.finish().map_err(Stopped::Show);
        let no_room_before = no_room(&mut before);
        before?;
        if no_room_before.is_some() {
            show.rescue(true);
        }
        let mut shown = self.last(&left, show).map_err(Stopped::Show);
        let no_room_then = no_room(&mut shown);
        shown?;
        if no_room_then.is_some() {
            show.rescue(false);
            self.last(&left, show)?;
        }
        if let Some(error) = no_room_before.or(no_room_then) {
            return Err(error.into());
        }
        Ok(Ended { status: self.exit.unwrap_or(0) })
    }
}

/// Whether a signal asked for the end.
fn ordered() -> Option<Cause> {
    signal::asked_to_end().map(|order| match order {
        Order::Interrupt => Cause::Interrupt,
        Order::Terminate => Cause::Terminate,
        Order::HangUp => Cause::HangUp,
    })
}

/// Whose hits count.
fn whose(compiled: &Compiled, life: &Life) -> Whose {
    match (&compiled.script.subject, life.held()) {
        (Some(Subject::Processes(pids)), _) => Whose::These(pids.clone()),
        (Some(Subject::Group(group)), _) => Whose::Group(group.clone()),
        (None, Some(pid)) => Whose::These(vec![pid]),
        (Some(Subject::Path(_)), _) => Whose::Running,
        (None, None) => Whose::All,
    }
}

/// Takes the error out that something could not be written, unless that is because its reader went away.
fn no_room(outcome: &mut Result<(), Stopped>) -> Option<io::Error> {
    match std::mem::replace(outcome, Ok(())) {
        Err(Stopped::Show(error)) if error.kind() != io::ErrorKind::BrokenPipe => Some(error),
        other => {
            *outcome = other;
            None
        }
    }
}

fn hertz(period: Period) -> u64 {
    match period {
        Period::Hz(hz) => hz,
        Period::Nanos(nanos) => (1_000_000_000 / nanos.max(1)).max(1),
    }
}

fn no_map() -> Refusal {
    Refusal::refused("a map of the program was not made")
}

/// What it takes to do what a record asks for.
struct Acting<'r, 's> {
    maps: UserMaps<'r>,
    known: Known<'r>,
    calls: &'r mut Joined,
    /// Units of output after which nothing more is shown.
    most: u64,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    show: &'s mut dyn Show,
}

impl Acting<'_, '_> {
    fn record(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        match event::decode::event(&self.maps.program.schema, bytes) {
            Ok(event) => self.event(event),
            Err(_) => {
                self.damaged += 1;
                Ok(())
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Stopped> {
        let schema = &self.maps.program.schema;
        match event.what {
            What::Clear(map) => return Ok(self.maps.clear(map)?),
            What::Zero(map) => return Ok(self.maps.zero(map)?),
            What::Exit(status) => {
                self.exit.get_or_insert(status);
                return Ok(());
            }
            _ if self.printed >= self.most => return Ok(()),
            What::Printf { format, args, whole } => {
                if let Some(form) = schema.format(format) {
                    let named = self.calls.named(event.header, whole.as_ref(), schema, &self.known);
                    self.show.printf(form, &args, &named)?;
                }
            }
            What::Call { .. } | What::CallStart { .. } | What::CallEnd(_) | What::CallDropped(_) => {
                let mut telling = Telling { schema, known: &self.known, show: &mut *self.show };
                if !self.calls.record(event.header, event.what, &mut telling)? {
                    return Ok(());
                }
            }
            What::PrintValue { value, whole } => {
                let named = self.calls.named(event.header, whole.as_ref(), schema, &self.known);
                self.show.value(&value, &named)?;
            }
            What::State(change) => self.show.state(&self.known.told(event.header, change), &self.known)?,
            What::Time(form) => {
                self.show.time(schema.text(form).unwrap_or_default(), event.header.time, &self.known)?;
            }
            What::PrintMap { map, top, div } => {
                if let Some(map) = self.maps.snapshot(map)? {
                    self.damaged += map.damaged.len() as u64;
                    self.show.map(&map.top(top).divided(div), &self.known)?;
                }
            }
            What::PrintEntry { map, key, div } => {
                if let Some(map) = self.maps.entry(map, &key)? {
                    self.show.map(&map.divided(div), &self.known)?;
                }
            }
        }
        self.printed += 1;
        Ok(())
    }
}
