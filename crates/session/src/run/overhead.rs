//! The overhead budget: weighs what the probes cost, and detaches functions that cost too much.
//!
//! Programs count their hits by place, the engine knows what a hit costs at each class of site, and the `policy` decides.
//! What a script does at a hit comes on top, and is not weighed.

mod policy;
mod weigh;

use std::time::Duration;

use event::run::{Budgeted, Detached, Load};
use event::stream::Sink;
use plan::{FuncNo, On};
use program::frames::MOST_GONE;

use super::control::Control;
use super::goroutines::GoroutineTracker;
use super::probes::Probes;
use super::script::Stopped;
use super::summary;
use crate::machine::Clock;
use policy::{Breaker, Verdict, dearest};
pub(super) use weigh::Spent;
use weigh::{Counted, count, hits_since, price};

/// How often the load is weighed.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// No hit costs more, in seconds: fewer hits than make half of the budget at this price need no closer look.
const AT_MOST: f64 = 50e-6;
/// Places times lanes that may be read as often; with more of them the load is weighed less often.
const FEW: usize = 1 << 14;
const SELDOM: Duration = Duration::from_secs(1);

/// What the probes cost, and what was done about it.
pub(super) struct OverheadBudget {
    /// How much of a CPU is allowed.
    limit: Option<f64>,
    breaker: Option<Breaker>,
    /// When the load was last weighed, and what had been counted then.
    last: Duration,
    hits: u64,
    places: Counted,
    /// When the load began to exceed the budget, and what had been counted then.
    since: Option<(Duration, Counted)>,
    /// How many functions may be detached next time.
    most: usize,
    detached: Vec<DetachedPart>,
    /// The plan's unders that are not tracked any more, by bit.
    unders_untracked: u32,
    printed: NotesPrinted,
}

/// Notes that are printed once.
#[derive(Default)]
struct NotesPrinted {
    hopeless: bool,
    empty: bool,
}

/// A function, or the hooks that watch goroutines, that the budget detached.
struct DetachedPart {
    function: Option<FuncNo>,
    why: String,
    overhead: u64,
}

/// A function, or the hooks that watch goroutines, and how much of a CPU it costs.
type Cost = (Option<FuncNo>, f64);

/// The budget, the load, and over how much time it was measured.
#[derive(Clone, Copy)]
struct Excess {
    limit: f64,
    all: f64,
    took: Duration,
}

/// What the budget acts on.
pub(super) struct Watched<'r> {
    pub probes: &'r mut Probes,
    pub control: &'r mut Control,
    pub goroutines: &'r mut GoroutineTracker,
    pub clock: &'r dyn Clock,
}

impl OverheadBudget {
    /// A budget of so much of a CPU; none for no limit.
    pub fn new(limit: Option<f64>, now: Duration) -> OverheadBudget {
        OverheadBudget {
            limit,
            breaker: limit.map(Breaker::new),
            last: now,
            hits: 0,
            places: Vec::new(),
            since: None,
            most: 1,
            detached: Vec::new(),
            unders_untracked: 0,
            printed: NotesPrinted::default(),
        }
    }

    /// How much of a CPU is allowed.
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// Begins to measure here. Hits so far are not weighed.
    pub fn begin(&mut self, now: Duration) {
        self.last = now;
    }

    /// The same, with everything counted so far.
    pub fn begin_anew(&mut self, probes: &Probes, now: Duration) -> Result<(), Stopped> {
        self.places = count(probes)?;
        self.begin(now);
        Ok(())
    }

    /// Measures what was spent since the last time, once `each` has passed: the time, and the cost if it is known.
    pub fn measure(
        &mut self,
        probes: &mut Probes,
        now: Duration,
        (each, is_shown): (Duration, bool),
    ) -> Result<Option<(Duration, Option<Spent>)>, Stopped> {
        let took = now.saturating_sub(self.last);
        if took < each || (self.limit.is_none() && !is_shown) || took < least(probes) {
            return Ok(None);
        }
        self.last += took;
        Ok(Some((took, self.spent(probes, took, is_shown)?)))
    }

    /// The load, for a status line. `took` includes the rest that follows, if any.
    pub fn load(&mut self, probes: &Probes, took: Duration, spent: Option<&Spent>) -> Result<Load, Stopped> {
        let first = probes.first();
        let hits = summary::hits(first.plan(), first.program(), probes.tables())?;
        let since = hits.saturating_sub(std::mem::replace(&mut self.hits, hits));
        let seconds = took.as_secs_f64();
        let share = spent.map(|spent| spent.all() / seconds);
        Ok(Load { hits: since as f64 / seconds, share, limit: self.limit })
    }

    fn spent(&mut self, probes: &mut Probes, took: Duration, is_shown: bool) -> Result<Option<Spent>, Stopped> {
        let before = std::mem::replace(&mut self.places, count(probes)?);
        let hits = hits_since(&self.places, &before);
        let most = hits as f64 * AT_MOST / took.as_secs_f64();
        let is_noticed = self.limit.is_some_and(|limit| most > limit / 2.0) || (is_shown && hits > 0);
        if !is_noticed {
            return Ok(Some(Spent::default()));
        }
        let costs = probes.engine.site_costs();
        Ok(costs.map(|costs| price(probes.builds(), &self.places, &before, costs)))
    }

    /// Detaches what is too dear, if it was for too long.
    pub fn keep(
        &mut self,
        watched: &mut Watched<'_>,
        took: Duration,
        spent: Option<&Spent>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let (Some(breaker), Some(spent)) = (&mut self.breaker, spent) else { return Ok(()) };
        match breaker.sample(took, spent.all()) {
            Verdict::Within => self.since = None,
            Verdict::Begins => self.since = Some((watched.clock.now(), self.places.clone())),
            Verdict::Above => {}
            Verdict::Enough => self.lighten(watched, sink)?,
        }
        Ok(())
    }

    /// Detaches the dearest functions, or the hooks that watch goroutines if nothing else would help.
    fn lighten(&mut self, watched: &mut Watched<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let (Some((since, before)), Some(limit)) = (self.since.take(), self.limit) else { return Ok(()) };
        self.breaker.iter_mut().for_each(Breaker::begin_anew);
        let Some(costs) = watched.probes.engine.site_costs() else { return Ok(()) };
        let took = watched.clock.now().saturating_sub(since);
        let spent = price(watched.probes.builds(), &self.places, &before, costs);
        let (dropped, all) = self.choose(&spent, limit, took);
        let excess = Excess { limit, all, took };
        match dropped.first() {
            Some((None, _)) if !stop_goroutines(watched)? => self.tell_hopeless(excess, sink),
            _ => self.tell_detached(watched.probes, &dropped, &before, excess, sink),
        }
        self.most *= 2;
        let functions: Vec<FuncNo> = dropped.into_iter().filter_map(|(function, _)| function).collect();
        watched.probes.engine.drop_functions(&functions);
        self.tell_nothing_left(watched.probes, sink);
        self.lose_unders(watched, sink)
    }

    /// What is detached next, and the whole load.
    fn choose(&self, spent: &Spent, limit: f64, took: Duration) -> (Vec<Cost>, f64) {
        let share = |spent: f64| spent / took.as_secs_f64();
        let (functions, loads): (Vec<FuncNo>, Vec<f64>) =
            spent.functions.iter().map(|(function, spent)| (*function, share(*spent))).unzip();
        let goroutines = share(spent.goroutines);
        let room = (MOST_GONE as usize).saturating_sub(self.detached.len());
        let dropped = dearest(&loads, share(spent.rest) + goroutines, limit, self.most.min(room));
        // If hooks that stay are the larger part, detaching functions would not help.
        let nothing_helps = goroutines > limit && goroutines >= loads.iter().sum();
        let dropped = match dropped.is_empty() || nothing_helps {
            false => dropped.into_iter().map(|n| (Some(functions[n]), loads[n])).collect(),
            true => vec![(None, goroutines)],
        };
        (dropped, share(spent.all()))
    }

    /// The run goes on: a command would end with it, and what was gathered is shown when it does.
    fn tell_nothing_left(&mut self, probes: &Probes, sink: &mut dyn Sink) {
        let functions = &probes.latest().plan().functions;
        // Panics are recorded for the calls that they end, and no call is seen then.
        let is_ours = |function: FuncNo| functions.get(function.index()).is_some_and(|function| function.panics);
        let stays = |function: &FuncNo| !probes.dropped().contains(function) && !is_ours(*function);
        let mut builds = probes.builds().iter();
        let any = builds.any(|build| probes.engine.attached_functions(build.id).iter().any(stays));
        if any || probes.watch_goroutines() || std::mem::replace(&mut self.printed.empty, true) {
            return;
        }
        let mut events = probes.first().program().events.iter();
        let events = events.any(|event| !matches!(event.on, On::Begin | On::End));
        let rest = if events { ", only what needs no place in a program goes on" } else { "" };
        sink.note(&format!(
            "nothing is probed any more{rest}: what was gathered is shown when the run ends, as by Ctrl-C"
        ));
    }

    /// `under` conditions about detached functions are not tracked any more.
    fn lose_unders(&mut self, watched: &mut Watched<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let Watched { probes, control, .. } = watched;
        let functions = probes.latest().plan().functions.iter().zip(0..);
        let gone = functions.filter(|(_, number)| probes.dropped().contains(&FuncNo(*number)));
        let marks = gone.fold(0, |marks, (function, _)| marks | u32::from(function.marks));
        let new = marks & !std::mem::replace(&mut self.unders_untracked, marks);
        if new == 0 {
            return Ok(());
        }
        let unders = probes.first().plan().unders.iter().enumerate().filter(|(n, _)| new >> n & 1 != 0);
        for (_, under) in unders {
            sink.note(&format!("under({:?}) is 0 from here on, since that is not probed any more", under.pattern));
        }
        let table = probes.control_table()?;
        Ok(control.unders_untracked(marks, table)?)
    }

    fn tell_detached(
        &mut self,
        probes: &Probes,
        dropped: &[Cost],
        before: &Counted,
        excess: Excess,
        sink: &mut dyn Sink,
    ) {
        let (seconds, limit) = (excess.took.as_secs_f64(), Budgeted(excess.limit));
        for &(function, load) in dropped {
            let (hits, cost) = (weigh::hits_of(probes.builds(), function, &self.places, before), percent(load));
            let why = format!("its {hits} hits in {seconds:.0} s cost about {cost}% of a CPU; the budget is {limit}");
            self.detached.push(DetachedPart { function, why, overhead: cost });
        }
        let told = self.detached.len() - dropped.len();
        let Some(first) = self.detached.get(told) else { return };
        let (name, why) = (name_of(probes, first.function), &first.why);
        let others = match dropped.len() - 1 {
            0 => "is not probed any more".to_owned(),
            others => format!("and {others} more are not probed any more"),
        };
        let enough = (percent(excess.all) * 5 / 4).next_multiple_of(50);
        sink.note(&format!(
            "{name} {others}: {why} (`--max-overhead {enough}%` or `--max-overhead off` allows it, a narrower pattern \
             avoids it)"
        ));
    }

    fn tell_hopeless(&mut self, excess: Excess, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.printed.hopeless, true) {
            let (all, limit) = (percent(excess.all), Budgeted(excess.limit));
            sink.note(&format!(
                "the probes cost about {all}% of a CPU, the budget is {limit}, and none is left that could be taken out"
            ));
        }
    }

    /// What the budget detached, with all hits of it.
    pub fn detached(&self, probes: &Probes) -> Result<Vec<Detached>, Stopped> {
        if self.detached.is_empty() {
            return Ok(Vec::new());
        }
        let now = count(probes)?;
        let detached = |part: &DetachedPart| Detached {
            func: name_of(probes, part.function),
            why: part.why.clone(),
            hits: weigh::hits_of(probes.builds(), part.function, &now, &Counted::new()),
            overhead: part.overhead,
        };
        Ok(self.detached.iter().map(detached).collect())
    }
}

/// Stops to watch goroutines for good. Says whether any were watched.
fn stop_goroutines(watched: &mut Watched<'_>) -> Result<bool, Stopped> {
    watched.goroutines.freeze(watched.probes, watched.control, watched.clock.since_boot())?;
    Ok(watched.probes.rest_goroutines())
}

fn name_of(probes: &Probes, function: Option<FuncNo>) -> String {
    let function = function.and_then(|function| probes.latest().plan().functions.get(function.index()));
    function.map_or_else(|| Detached::GOROUTINES.to_owned(), |function| function.name.clone())
}

/// Reading the counts of many places costs, too.
fn least(probes: &Probes) -> Duration {
    let places: usize = probes.builds().iter().map(|build| build.plan().sites.len()).sum();
    let lanes = probes.engine.capabilities().lanes as usize;
    if places * lanes > FEW { SELDOM } else { Duration::ZERO }
}

/// A share of a CPU in percent.
pub(super) fn percent(share: f64) -> u64 {
    (share * 100.0).round() as u64
}
