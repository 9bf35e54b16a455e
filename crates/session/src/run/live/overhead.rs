//! Weighs what the probes cost, tells it, and takes those out that cost too much.
//!
//! Which place was hit how often the programs count; what a hit costs the calibration says, which begins when there is
//! anything worth knowing; what follows is decided by [`Breaker`] and [`dearest`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event::run::{Budgeted, Detached, Load};
use plan::target::HookKind;
use plan::{FuncNo, On};
use program::ProgramSite;
use program::frames::MOST_GONE;

use super::{Live, Show, no_map};
use crate::run::budget::{Breaker, Calibration, Costs, Verdict, dearest};
use crate::run::{Compiled, Stopped, tally};

/// How often it is looked.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// No hit costs more: with fewer than that would make half of the budget, nobody needs to know more of them.
const AT_MOST: f64 = 50e-6;
/// Places times CPUs that may be read as often; if there are more, it is looked less often.
const FEW: usize = 1 << 14;
const SELDOM: Duration = Duration::from_secs(1);

/// What is known of it.
pub(super) struct Overhead {
    /// How much of a CPU is allowed.
    limit: Option<f64>,
    breaker: Option<Breaker>,
    pub calibration: Calibration,
    /// The last look: when, and what had been counted.
    last: Instant,
    hits: u64,
    places: Counted,
    /// What had been counted when the load began to be above the budget, and when that was.
    since: Option<(Instant, Counted)>,
    /// How many functions go next time.
    most: usize,
    /// What was taken out: functions, and names for what is none.
    gone: Vec<Gone>,
    /// Which of the plan's unders are not known any more, by bit.
    unders_gone: u32,
    told_hopeless: bool,
    told_empty: bool,
}

/// What was taken out, and why.
struct Gone {
    function: Option<FuncNo>,
    why: String,
    overhead: u64,
}

/// How often each place was hit, by build.
type Counted = Vec<Vec<u64>>;

/// Seconds of CPU time, by whom they were spent for.
#[derive(Default)]
pub(super) struct Spent {
    functions: BTreeMap<FuncNo, f64>,
    /// For what cannot be taken out one by one.
    rest: f64,
    pub goroutines: f64,
}

impl Spent {
    fn all(&self) -> f64 {
        self.functions.values().sum::<f64>() + self.rest + self.goroutines
    }
}

impl Overhead {
    pub fn new(limit: Option<f64>) -> Overhead {
        Overhead {
            limit,
            breaker: limit.map(Breaker::new),
            calibration: Calibration::default(),
            last: Instant::now(),
            hits: 0,
            places: Vec::new(),
            since: None,
            most: 1,
            gone: Vec::new(),
            unders_gone: 0,
            told_hopeless: false,
            told_empty: false,
        }
    }

    /// From now on.
    pub fn begin(&mut self) {
        self.last = Instant::now();
    }

    /// How much of a CPU is allowed.
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }
}

impl Live<'_> {
    /// Weighs what has been hit since the last look, once it is time for that.
    pub(super) fn weigh(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        let took = self.overhead.last.elapsed();
        let is_shown = show.wants_load();
        if took < self.weighed_each() || self.turns.rests() || (self.overhead.limit.is_none() && !is_shown) {
            return Ok(());
        }
        self.overhead.last += took;
        let spent = self.spent(took, is_shown)?;
        let rest = self.rest_after(took, spent.as_ref());
        if is_shown {
            self.tell_load(took + rest.unwrap_or_default(), spent.as_ref(), show)?;
        }
        if let Some(rest) = rest {
            return self.rest(rest, show);
        }
        if !self.flips.is_over() {
            return Ok(());
        }
        let verdict = match (&mut self.overhead.breaker, &spent) {
            (Some(breaker), Some(spent)) => breaker.sample(took, spent.all()),
            _ => return Ok(()),
        };
        match verdict {
            Verdict::Within => self.overhead.since = None,
            Verdict::Begins => self.overhead.since = Some((Instant::now(), self.overhead.places.clone())),
            Verdict::Above => {}
            Verdict::Enough => self.lighten(show)?,
        }
        Ok(())
    }

    /// What was hit until now has been weighed, or is not to be.
    pub(super) fn look_from_here(&mut self) -> Result<(), Stopped> {
        self.overhead.places = self.counted()?;
        self.overhead.begin();
        Ok(())
    }

    fn tell_load(&mut self, took: Duration, spent: Option<&Spent>, show: &mut dyn Show) -> Result<(), Stopped> {
        let hits = tally::hits(&self.compiled.plan, &self.compiled.program, &self.maps)?;
        let since = hits.saturating_sub(std::mem::replace(&mut self.overhead.hits, hits));
        let seconds = took.as_secs_f64();
        let share = spent.map(|spent| spent.all() / seconds);
        Ok(show.load(&Load { hits: since as f64 / seconds, share, limit: self.overhead.limit })?)
    }

    /// What was spent meanwhile, if that is worth knowing and known.
    fn spent(&mut self, took: Duration, is_shown: bool) -> Result<Option<Spent>, Stopped> {
        let now = self.counted()?;
        let before = std::mem::replace(&mut self.overhead.places, now);
        let hits = self.hits_since(&before);
        let most = hits as f64 * AT_MOST / took.as_secs_f64();
        let is_noticed = self.overhead.limit.is_some_and(|limit| most > limit / 2.0) || (is_shown && hits > 0);
        if !is_noticed {
            return Ok(Some(Spent::default()));
        }
        let costs = self.overhead.calibration.costs(self.engine.caps());
        Ok(costs.map(|costs| self.price(&before, costs)))
    }

    fn counted(&self) -> Result<Counted, Stopped> {
        let builds = self.probes.iter().enumerate();
        let counted = builds.map(|(n, probes)| tally::firings_by_place(&self.compiled_as(n).program, probes.maps()));
        Ok(counted.collect::<Result<_, _>>()?)
    }

    /// How often places were hit since then.
    fn hits_since(&self, before: &Counted) -> u64 {
        let builds = self.overhead.places.iter().enumerate();
        let hits = |(build, places): (usize, &Vec<u64>)| {
            (0..places.len()).map(|place| since(&self.overhead.places, before, (build, place))).sum::<u64>()
        };
        builds.map(hits).sum()
    }

    /// How often programs have run at the sites of the plans.
    pub(super) fn firings_at_sites(&self) -> Result<u64, Stopped> {
        let builds = self.counted()?.into_iter().enumerate();
        let at_sites = builds.map(|(n, places)| places.iter().take(self.compiled_as(n).plan.sites.len()).sum::<u64>());
        Ok(at_sites.sum())
    }

    /// How often it is looked. To read what many places have counted costs, too.
    fn weighed_each(&self) -> Duration {
        let places: usize = (0..self.probes.len()).map(|build| self.compiled_as(build).plan.sites.len()).sum();
        if places * self.engine.cpus() as usize > FEW { SELDOM } else { self.turns.look() }
    }

    fn price(&self, before: &Counted, costs: Costs) -> Spent {
        let mut spent = Spent::default();
        let seconds = |hits: u64, ns: f64| hits as f64 * ns / 1e9;
        for build in 0..self.probes.len() {
            let Compiled { plan, program, .. } = self.compiled_as(build);
            for (place, site) in plan.sites.iter().enumerate() {
                let hits = since(&self.overhead.places, before, (build, place));
                if hits > 0 {
                    let cost = seconds(hits, costs.of(site.class, site.native_return));
                    *spent.functions.entry(site.function).or_default() += cost;
                }
            }
            for hook in &program.hooks {
                let cost = seconds(
                    since(&self.overhead.places, before, (build, hook.place as usize)),
                    costs.of(Some(hook.class), false),
                );
                *if hook.kind == HookKind::Status { &mut spent.goroutines } else { &mut spent.rest } += cost;
            }
        }
        spent
    }

    /// Takes probes out: the dearest functions, or what watches goroutines if nothing else would help.
    fn lighten(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        let (Some((since, before)), Some(limit)) = (self.overhead.since.take(), self.overhead.limit) else {
            return Ok(());
        };
        self.overhead.breaker.iter_mut().for_each(Breaker::begin_anew);
        let Some(costs) = self.overhead.calibration.costs(self.engine.caps()) else { return Ok(()) };
        let (spent, took) = (self.price(&before, costs), since.elapsed());
        let share = |spent: f64| spent / took.as_secs_f64();
        let (functions, loads): (Vec<FuncNo>, Vec<f64>) =
            spent.functions.iter().map(|(function, spent)| (*function, share(*spent))).unzip();
        let goroutines = share(spent.goroutines);
        let room = (MOST_GONE as usize).saturating_sub(self.overhead.gone.len());
        let dropped = dearest(&loads, share(spent.rest) + goroutines, limit, self.overhead.most.min(room));
        // If what cannot be taken out is all there is to it, functions would go for nothing.
        let nothing_helps = goroutines > limit && goroutines >= loads.iter().sum();
        let dropped: Vec<Whom> = match dropped.is_empty() || nothing_helps {
            false => dropped.into_iter().map(|n| (Some(functions[n]), loads[n])).collect(),
            true => vec![(None, goroutines)],
        };
        let budget = Budget { limit, all: share(spent.all()), took };
        match dropped.first() {
            Some((None, _)) if !self.lose_goroutines()? => self.tell_hopeless(budget, show),
            _ => self.tell_gone(&dropped, &before, budget, show),
        }
        self.overhead.most *= 2;
        self.begin_flips(dropped.into_iter().filter_map(|(function, _)| function));
        self.tell_nothing_left(show);
        self.lose_unders(show)
    }

    /// The run goes on: a command would end with it, and what was gathered is shown when it does.
    fn tell_nothing_left(&mut self, show: &mut dyn Show) {
        let functions = &self.latest().plan.functions;
        // What is recorded of panics is told of calls, which nobody sees then.
        let is_ours = |function: FuncNo| functions.get(function.index()).is_some_and(|function| function.panics);
        let stays = |site: &ProgramSite| !self.flips.has(site.function) && !is_ours(site.function);
        let users = self.probes.iter().flat_map(|probes| &probes.users).filter(|user| user.is_in_place());
        let watched = self.probes.iter().zip(self.builds()).any(|(probes, build)| probes.watch(&build.program));
        let events = self.compiled.program.events.iter().any(|event| !matches!(event.on, On::Begin | On::End));
        if users.flat_map(|user| &user.sites).any(stays)
            || watched
            || std::mem::replace(&mut self.overhead.told_empty, true)
        {
            return;
        }
        let rest = if events { ", only what needs no place in a program goes on" } else { "" };
        show.note(&format!(
            "nothing is probed any more{rest}: what was gathered is shown when the run ends, as by Ctrl-C"
        ));
    }

    /// What others are called under is not known any more if a function is not probed that it is about.
    fn lose_unders(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        let functions = self.latest().plan.functions.iter().zip(0..);
        let gone = functions.filter(|(_, number)| self.flips.has(FuncNo(*number)));
        let marks = gone.fold(0, |marks, (function, _)| marks | u32::from(function.marks));
        let new = marks & !std::mem::replace(&mut self.overhead.unders_gone, marks);
        if new == 0 {
            return Ok(());
        }
        let unders = self.compiled.plan.unders.iter().enumerate().filter(|(n, _)| new >> n & 1 != 0);
        for (_, under) in unders {
            show.note(&format!("under({:?}) is 0 from here on, since that is not probed any more", under.pattern));
        }
        let table = self.maps.get(self.compiled.program.tables.control).ok_or_else(no_map)?;
        Ok(self.control.unders_gone(marks, table)?)
    }

    /// Nobody watches goroutines from now on; whether anybody did.
    fn lose_goroutines(&mut self) -> Result<bool, Stopped> {
        self.keep_goroutines()?;
        Ok(self.stop_watching())
    }

    fn tell_gone(&mut self, dropped: &[Whom], before: &Counted, budget: Budget, show: &mut dyn Show) {
        let (seconds, limit) = (budget.took.as_secs_f64(), Budgeted(budget.limit));
        for &(function, load) in dropped {
            let (hits, cost) = (self.hits_of(function, &self.overhead.places, before), percent(load));
            let why = format!("its {hits} hits in {seconds:.0} s cost about {cost}% of a CPU; the budget is {limit}");
            self.overhead.gone.push(Gone { function, why, overhead: cost });
        }
        let told = self.overhead.gone.len() - dropped.len();
        let Some(first) = self.overhead.gone.get(told) else { return };
        let (name, why) = (self.name_of(first.function), &first.why);
        let others = match dropped.len() - 1 {
            0 => "is not probed any more".to_owned(),
            others => format!("and {others} more are not probed any more"),
        };
        let enough = (percent(budget.all) * 5 / 4).next_multiple_of(50);
        show.note(&format!(
            "{name} {others}: {why} (`--max-overhead {enough}%` or `--max-overhead off` allows it, a narrower pattern \
             avoids it)"
        ));
    }

    fn tell_hopeless(&mut self, budget: Budget, show: &mut dyn Show) {
        if !std::mem::replace(&mut self.overhead.told_hopeless, true) {
            let (all, limit) = (percent(budget.all), Budgeted(budget.limit));
            show.note(&format!(
                "the probes cost about {all}% of a CPU, the budget is {limit}, and none is left that could be taken out"
            ));
        }
    }

    fn name_of(&self, function: Option<FuncNo>) -> String {
        let function = function.and_then(|function| self.latest().plan.functions.get(function.index()));
        function.map_or_else(|| Detached::GOROUTINES.to_owned(), |function| function.name.clone())
    }

    /// How often the sites of a function were hit between then and now; without one, those where goroutines are watched.
    fn hits_of(&self, function: Option<FuncNo>, now: &Counted, before: &Counted) -> u64 {
        let of_build = |build: usize| {
            let Compiled { plan, program, .. } = self.compiled_as(build);
            let sites = plan.sites.iter().enumerate().filter(|(_, site)| Some(site.function) == function);
            let hooks = program.hooks.iter().filter(|hook| function.is_none() && hook.kind == HookKind::Status);
            let places = sites.map(|(place, _)| place).chain(hooks.map(|hook| hook.place as usize));
            places.map(|place| since(now, before, (build, place))).sum::<u64>()
        };
        (0..self.probes.len()).map(of_build).sum()
    }

    /// What was taken out, with all its hits.
    pub(super) fn detached(&self) -> Result<Vec<Detached>, Stopped> {
        if self.overhead.gone.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.counted()?;
        let detached = |gone: &Gone| Detached {
            func: self.name_of(gone.function),
            why: gone.why.clone(),
            hits: self.hits_of(gone.function, &now, &Counted::new()),
            overhead: gone.overhead,
        };
        Ok(self.overhead.gone.iter().map(detached).collect())
    }
}

/// A function, or what watches goroutines, and how much of a CPU it costs.
type Whom = (Option<FuncNo>, f64);

/// What is allowed, what it is, and for how long it has been that.
#[derive(Clone, Copy)]
struct Budget {
    limit: f64,
    all: f64,
    took: Duration,
}

pub(super) fn percent(share: f64) -> u64 {
    (share * 100.0).round() as u64
}

/// How often a place of a build was hit between then and now.
fn since(now: &Counted, before: &Counted, (build, place): (usize, usize)) -> u64 {
    let at = |counted: &Counted| counted.get(build).and_then(|places| places.get(place)).copied().unwrap_or(0);
    at(now).saturating_sub(at(before))
}
