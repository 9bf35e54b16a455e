//! Hits by place, and what they cost.

use std::collections::BTreeMap;

use engine::{Error, SiteCosts};
use plan::FuncNo;
use plan::target::HookKind;

use super::super::probes::{Build, Probes};
use super::super::summary;

/// How often each place was hit, by build.
pub(super) type Counted = Vec<Vec<u64>>;

/// Seconds of CPU time that hits cost.
#[derive(Default)]
pub(in crate::run) struct Spent {
    pub functions: BTreeMap<FuncNo, f64>,
    /// For runtime hooks that are never detached one by one.
    pub rest: f64,
    pub goroutines: f64,
}

impl Spent {
    /// The whole.
    pub fn all(&self) -> f64 {
        self.functions.values().sum::<f64>() + self.rest + self.goroutines
    }
}

/// Reads all counts.
pub(super) fn count(probes: &Probes) -> Result<Counted, Error> {
    let builds = probes.builds().iter();
    builds.map(|build| summary::firings_by_place(build.program(), &build.tables)).collect()
}

/// Hits at all places between two counts.
pub(super) fn hits_since(now: &Counted, before: &Counted) -> u64 {
    let builds = now.iter().enumerate();
    let hits = |(build, places): (usize, &Vec<u64>)| {
        (0..places.len()).map(|place| since(now, before, (build, place))).sum::<u64>()
    };
    builds.map(hits).sum()
}

/// What the hits between two counts cost.
pub(super) fn price(builds: &[Build], now: &Counted, before: &Counted, costs: SiteCosts) -> Spent {
    let mut spent = Spent::default();
    let seconds = |hits: u64, ns: f64| hits as f64 * ns / 1e9;
    for (n, build) in builds.iter().enumerate() {
        for (place, site) in build.plan().sites.iter().enumerate() {
            let hits = since(now, before, (n, place));
            if hits > 0 {
                let cost = seconds(hits, costs.of(site.class, site.native_return));
                *spent.functions.entry(site.function).or_default() += cost;
            }
        }
        for hook in &build.program().hooks {
            let hits = since(now, before, (n, hook.place as usize));
            let cost = seconds(hits, costs.of(Some(hook.class), false));
            *if hook.kind == HookKind::Status { &mut spent.goroutines } else { &mut spent.rest } += cost;
        }
    }
    spent
}

/// Hits at the sites of a function between two counts; without a function, at the hooks that watch goroutines.
pub(super) fn hits_of(builds: &[Build], function: Option<FuncNo>, now: &Counted, before: &Counted) -> u64 {
    let of_build = |(n, build): (usize, &Build)| {
        let sites = build.plan().sites.iter().enumerate().filter(|(_, site)| Some(site.function) == function);
        let hooks = build.program().hooks.iter();
        let hooks = hooks.filter(|hook| function.is_none() && hook.kind == HookKind::Status);
        let places = sites.map(|(place, _)| place).chain(hooks.map(|hook| hook.place as usize));
        places.map(|place| since(now, before, (n, place))).sum::<u64>()
    };
    builds.iter().enumerate().map(of_build).sum()
}

/// Hits at one place between two counts.
fn since(now: &Counted, before: &Counted, (build, place): (usize, usize)) -> u64 {
    let at = |counted: &Counted| counted.get(build).and_then(|places| places.get(place)).copied().unwrap_or(0);
    at(now).saturating_sub(at(before))
}
