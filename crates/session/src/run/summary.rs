//! How a run went, out of the counters that its programs keep.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::{Error, Table, Tables};
use event::go::{self, End};
use event::run::{Attached, Full, Inlined, Lost, Measured, Reason, Summary, Unread, Unwound};
use gobin::insn::Class;
use plan::target::{self, HookKind, InlinedPlaces, NAMED};
use plan::{Event, FuncNo, On, Plan, Point, PointNo};
use program::Program;
use program::frames::Counters;
use program::{counter, firing, starts};

use super::probes::Build;

/// What the plan found, before anything is attached.
pub(super) fn planned(plan: &Plan, program: &Program) -> Attached {
    let points = || plan.points.iter().filter(|point| !point.ours);
    // Patterns may overlap.
    let mut told = BTreeSet::new();
    let skipped = points().flat_map(|point| &point.skipped).filter(|s| told.insert((&s.function, &s.why)));
    let skipped = skipped.map(|s| Reason { func: s.function.clone(), why: s.why.clone() }).collect();
    let places = unseen(plan);
    Attached {
        matched: points().map(|point| probes(point, point.matched)).sum(),
        attached: points().map(|point| probes(point, point.attached)).sum(),
        sites: sites(program),
        skipped,
        inlined: places.iter().flat_map(|of| &of.first).take(NAMED).map(inlined).collect(),
        inlined_functions: places.iter().map(|of| of.functions as u64).sum(),
        inlined_places: places.iter().map(|of| of.places as u64).sum(),
        ts: 0,
        measured: measured(plan),
    }
}

/// Where functions were inlined that are probed, and not seen there; the same once.
fn unseen(plan: &Plan) -> Vec<&InlinedPlaces> {
    let mut all: Vec<&InlinedPlaces> = Vec::new();
    for of in plan.points.iter().map(|point| &point.inlined).filter(|of| of.places > 0) {
        if !all.contains(&of) {
            all.push(of);
        }
    }
    all
}

fn inlined(of: &target::Inlined) -> Inlined {
    let target::Inlined { name, into, file, line, .. } = of.clone();
    Inlined { func: name, at: go::Inlined { into, file, line } }
}

/// The attach points whose functions were not called so far, but may have been where they were inlined.
pub(super) fn unseen_so_far(plan: &Plan, program: &Program, tables: &Tables) -> Result<Vec<String>, Error> {
    let Some(counters) = tables.find(program.tables.counters) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (n, point) in (0..).zip(&plan.points) {
        if let Some(first) = point.inlined.first.first()
            && Words::read(counters, 1 + n)?.at(counter::HITS) == 0
        {
            let more = match point.inlined.places - 1 {
                0 => String::new(),
                more => format!(", and in {more} more place{}", if more == 1 { "" } else { "s" }),
            };
            all.push(format!("{}: no call so far; it was {first}{more}, where its calls are not seen", first.name));
        }
    }
    all.dedup();
    Ok(all)
}

/// The places that are probed.
pub(super) fn sites(program: &Program) -> u64 {
    program.users.iter().map(|user| user.sites.len() as u64).sum::<u64>() + watched(program)
}

/// The functions whose returns run code of the text.
pub(super) fn measured(plan: &Plan) -> Vec<Measured> {
    let (mut stepped, mut returns) = (BTreeSet::new(), BTreeSet::new());
    for site in &plan.sites {
        if site.entry.is_some() && site.class == Some(Class::Stepped) {
            stepped.insert(site.function);
        }
        // At a jump to another function results are not there yet.
        if site.exit.as_ref().is_some_and(|exit| !exit.tail && exit.group.is_some()) {
            returns.insert(site.function);
        }
    }
    let unknown: BTreeSet<FuncNo> = plan.unknown_failures().into_iter().map(|(_, function)| function).collect();
    let measured = returns.into_iter().filter_map(|row| {
        let func = plan.function_name(row.0.into())?;
        Some(Measured { func, stepped: stepped.contains(&row), unknown_results: unknown.contains(&row) })
    });
    measured.collect()
}

/// The places where goroutines are watched.
fn watched(program: &Program) -> u64 {
    let hooks = program.hooks.iter().filter(|hook| hook.kind == HookKind::Status);
    hooks.map(|hook| hook.sites.len() as u64).sum()
}

/// A point that is about no function is one probe. Names of functions stand behind a colon.
fn probes(point: &Point, functions: u32) -> u64 {
    if point.matched == 0 && !point.prefix.ends_with(':') { 1 } else { u64::from(functions) }
}

/// Reads the counters. Of firings those that no place counts.
pub(super) fn of(plan: &Plan, program: &Program, tables: &Tables, attached: &Attached) -> Result<Summary, Error> {
    let Attached { matched, attached, skipped, .. } = attached.clone();
    let mut summary = Summary { matched, attached, skipped, ..Summary::default() };
    let Some(counters) = tables.find(program.tables.counters) else { return Ok(summary) };
    let whole = Words::read(counters, 0)?;
    summary.firings = whole.at(counter::FIRINGS);
    for (n, _) in plan.points.iter().enumerate().filter(|(_, point)| !point.ours) {
        let point = Words::read(counters, 1 + n as u32)?;
        if !is_our_own(plan, n) {
            summary.hits += point.at(counter::HITS);
        }
        summary.filtered += point.at(counter::FILTERED);
        summary.limited += point.at(counter::LIMITED);
        let lost = point.at(counter::LOST);
        summary.lost += lost;
        if lost > 0 {
            summary.lost_by.push(Lost { probe: plan.points[n].text.clone(), records: lost });
        }
        let values = point.at(counter::UNREADABLE);
        summary.unreadable += values;
        if values > 0 {
            let why = unread(plan, PointNo(n as u32));
            summary.unreadable_by.push(Unread { probe: plan.points[n].text.clone(), values, why });
        }
        summary.no_scratch += point.at(counter::NO_SCRATCH);
    }
    pairs(program, tables, &mut summary)?;
    summary.full.extend(unknown(program, tables)?);
    summary.full.extend(drops(program, tables)?);
    Ok(summary)
}

/// Why code of an attach point can never read some values; nothing if that depends on what it meets.
fn unread(plan: &Plan, point: PointNo) -> Option<String> {
    let of_point = plan.unknown_failures().into_iter().filter(|(of, _)| *of == point);
    plan.unknown_failure(&of_point.map(|(_, function)| function).collect())
}

/// Calls that are recorded whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfCalls {
    /// Those that no condition and no limit held back.
    pub wanted: u64,
    /// Records of them that did not fit into the ring.
    pub lost_records: u64,
}

/// What became of calls that are recorded whole; `alone` says by function of how many only the beginning was recorded,
/// as it is where a function was inlined and its end is not seen.
pub(super) fn of_calls(
    plan: &Plan,
    program: &Program,
    tables: &Tables,
    alone: &HashMap<u64, u64>,
) -> Result<OfCalls, Error> {
    let Some(counters) = tables.find(program.tables.counters) else { return Ok(OfCalls::default()) };
    let points = plan.recorded.values().filter(|of| !of.alone).map(|of| of.point.index());
    let points = points.filter(|&point| plan.points.get(point).is_some_and(|point| !point.ours));
    let points: BTreeSet<usize> = points.collect();
    let beside = plan.recorded.iter().filter(|(_, of)| of.alone && points.contains(&of.point.index()));
    let beside: u64 = beside.filter_map(|(function, _)| alone.get(&u64::from(function.0))).sum();
    let mut all = OfCalls::default();
    for point in points {
        let point = Words::read(counters, 1 + point as u32)?;
        let refused = point.at(counter::FILTERED) + point.at(counter::LIMITED);
        all.wanted += point.at(counter::HITS).saturating_sub(refused);
        all.lost_records += point.at(counter::LOST);
    }
    all.wanted = all.wanted.saturating_sub(beside);
    Ok(all)
}

/// How often clauses' code began, but for that which gospect itself wants to run.
pub(super) fn hits(plan: &Plan, program: &Program, tables: &Tables) -> Result<u64, Error> {
    let Some(counters) = tables.find(program.tables.counters) else { return Ok(0) };
    let points = (0..plan.points.len()).filter(|&n| !is_our_own(plan, n));
    points.map(|n| Ok(Words::read(counters, 1 + n as u32)?.at(counter::HITS))).sum()
}

/// How often programs ran, by place ([`program::Tables::firings`]): at the sites of a plan while armed, behind those
/// at places of the runtime.
pub(super) fn firings_by_place(program: &Program, tables: &Tables) -> Result<Vec<u64>, Error> {
    let Some(firings) = tables.find(program.tables.firings) else { return Ok(Vec::new()) };
    let mut places = vec![0; firings.capacity() as usize];
    for (key, value) in firings.entries()? {
        let place = key.first_chunk().map_or(0, |key| u32::from_ne_bytes(*key));
        if let Some(sum) = places.get_mut(place as usize) {
            *sum = Words::of(firings, &value).at(firing::COUNT);
        }
    }
    Ok(places)
}

/// How often programs have run at the sites of all builds.
pub(super) fn firings_at_sites(builds: &[Build]) -> Result<u64, Error> {
    let of_build = |build: &Build| {
        let places = firings_by_place(build.program(), &build.tables)?;
        Ok(places.iter().take(build.plan().sites.len()).sum::<u64>())
    };
    builds.iter().map(of_build).sum()
}

/// Calls and returns of which the other one was not seen.
fn pairs(program: &Program, tables: &Tables, summary: &mut Summary) -> Result<(), Error> {
    let Some(map) = tables.find_any(program.tables.frames.map(|frames| frames.counters)) else { return Ok(()) };
    let value = map.get(&0u32.to_ne_bytes())?.unwrap_or_default();
    let Counters { unwound, goexit, switched, unpaired, full, lost, detached, foreign, no_g } = Counters::read(&value);
    summary.calls_detached = detached;
    summary.full.extend((full > 0).then(|| Full { map: Full::CALLS.to_owned(), times: full }));
    (summary.unwound, summary.goexit, summary.switched) = (unwound, goexit, switched);
    (summary.unpaired, summary.unended, summary.foreign, summary.no_g) = (unpaired, lost, foreign, no_g);
    Ok(())
}

/// Calls that did not return, by function.
pub(super) fn unwound_by(plan: &Plan, program: &Program, tables: &Tables) -> Result<Vec<Unwound>, Error> {
    let Some(ends) = tables.find_any(program.tables.ends) else { return Ok(Vec::new()) };
    let mut by_row: BTreeMap<u32, Unwound> = BTreeMap::new();
    for (key, value) in ends.entries()? {
        let words: Vec<u32> = key.chunks_exact(4).filter_map(|w| Some(u32::from_ne_bytes(*w.first_chunk()?))).collect();
        let (&[row, end], Some(times)) = (&words[..], value.first_chunk().map(|times| u64::from_ne_bytes(*times)))
        else {
            continue;
        };
        let Some(func) = plan.function_name(u64::from(row)) else { continue };
        let of = by_row.entry(row).or_insert(Unwound { func, unwound: 0, goexit: 0 });
        match End::numbered(end) {
            Some(End::Unwound) => of.unwound += times,
            Some(End::Goexit) => of.goexit += times,
            _ => {}
        }
    }
    let mut all: Vec<Unwound> = by_row.into_values().filter(|of| of.unwound + of.goexit > 0).collect();
    all.sort_by_key(|of| std::cmp::Reverse(of.unwound + of.goexit));
    Ok(all)
}

/// Processes that nobody knows because there was no room for them.
fn unknown(program: &Program, tables: &Tables) -> Result<Option<Full>, Error> {
    let Some(map) = tables.find_any(program.tables.starts) else { return Ok(None) };
    let times = Words::read(map, 0)?.at(starts::UNKNOWN);
    Ok((times > 0).then(|| Full { map: Full::PROCESSES.to_owned(), times }))
}

/// What did not fit into the maps of the text.
fn drops(program: &Program, tables: &Tables) -> Result<Vec<Full>, Error> {
    let Some(counters) = tables.find(program.tables.counters) else { return Ok(Vec::new()) };
    let mut full = Vec::new();
    let names = program.schema.maps().iter().map(|map| map.name.as_str()).chain([
        Full::STACKS,
        Full::GOROUTINES,
        Full::SYSCALLS,
    ]);
    for (name, n) in names.zip(program.tables.drops..) {
        let times = Words::read(counters, n)?.at(0);
        full.extend((times > 0).then(|| Full { map: name.to_owned(), times }));
    }
    Ok(full)
}

/// Whether a point fires when gospect itself wants it to.
fn is_our_own(plan: &Plan, point: usize) -> bool {
    if plan.points.get(point).is_some_and(|point| point.ours) {
        return true;
    }
    let of_point = |event: &&Event| {
        let group = plan.groups.get(event.group.index());
        group.is_some_and(|group| group.runs.iter().any(|run| run.point.index() == point))
    };
    let mut events = plan.events.iter().filter(of_point);
    events.any(|event| matches!(event.on, On::Begin | On::End | On::Interval { .. }))
}

/// The words of one entry, of all CPUs added.
struct Words(Vec<u64>);

impl Words {
    fn read(map: &dyn Table, entry: u32) -> Result<Words, Error> {
        Ok(Words::of(map, &map.get(&entry.to_ne_bytes())?.unwrap_or_default()))
    }

    fn of(map: &dyn Table, value: &[u8]) -> Words {
        let mut words: Vec<u64> = Vec::new();
        for cpu in map.lanes(value) {
            words.resize(cpu.len() / 8, 0);
            for (sum, word) in words.iter_mut().zip(cpu.chunks_exact(8)) {
                *sum = sum.wrapping_add(word.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)));
            }
        }
        Words(words)
    }

    /// The word at an offset.
    fn at(&self, offset: u32) -> u64 {
        self.0.get(offset as usize / 8).copied().unwrap_or(0)
    }
}
