//! What hits cost on this machine: measured on a process of our own, beside the run, once somebody wants to know.

use std::fs::File;
use std::thread::JoinHandle;
use std::time::Duration;

use kernel::engine::{Engine, Site, Uprobes};
use kernel::specimen::{self, CHECK, FRAME, Specimen};
use kernel::{Pid, Process};
use program::Caps;

use super::super::bench::median;
use super::Costs;

/// How often each kind is measured.
const ROUNDS: usize = 7;
/// Calls in a round, and calls that are stepped over.
const CALLS: u64 = 400;
const STEPPED_CALLS: u64 = 40;
/// The functions: without a probe, with one that is emulated, with one that is stepped over.
const BARE: usize = 0;
const EMULATED: usize = 1;
const STEPPED: usize = 2;

/// The costs, as far as they are known.
#[derive(Debug, Default)]
pub(in crate::run) enum Calibration {
    /// Nobody has asked.
    #[default]
    NotYet,
    /// They are being measured.
    Measuring(JoinHandle<Option<Costs>>),
    /// They are known.
    Known(Costs),
}

impl Calibration {
    /// The costs. If they are not known they will be: at first, nothing.
    pub fn costs(&mut self, caps: Caps) -> Option<Costs> {
        match std::mem::take(self) {
            Calibration::NotYet => {
                let measuring = std::thread::Builder::new().spawn(move || measure(caps));
                *self = measuring.map_or(Calibration::Known(Costs::ASSUMED), Calibration::Measuring);
            }
            Calibration::Measuring(thread) if thread.is_finished() => {
                *self = Calibration::Known(thread.join().ok().flatten().unwrap_or(Costs::ASSUMED));
            }
            other => *self = other,
        }
        match self {
            Calibration::Known(costs) => Some(*costs),
            _ => None,
        }
    }

    /// Waits until nothing of it is in place any more.
    pub fn end(&mut self) {
        if let Calibration::Measuring(thread) = std::mem::take(self) {
            // Its outcome is of no use now.
            let _ = thread.join();
        }
    }
}

/// Whatever keeps it from being measured also keeps probes from being in place, or will be told by those.
fn measure(caps: Caps) -> Option<Costs> {
    if !specimen::exists() {
        return None;
    }
    let engine = Engine::open().ok()?.limited_to(caps);
    let mut specimen = Specimen::start().ok()?;
    let file = File::open("/proc/self/exe").ok()?;
    let at = [specimen::hot(EMULATED) + u64::from(FRAME), specimen::hot(STEPPED) + u64::from(CHECK)];
    let sites = at.map(|address| offset(address).map(|offset| Site { offset, cookie: 0 }));
    let sites: Vec<Site> = sites.into_iter().collect::<Option<_>>()?;
    let program = engine.load_nothing().ok()?;
    let uprobes = Uprobes { file: &file, sites: &sites, pid: Some(specimen.pid()), returning: false };
    let attached = engine.uprobes(&program, &uprobes).ok()?;
    if !attached.refused.is_empty() {
        return None;
    }
    let mut call = |which: usize, calls: u64| {
        let took: Duration = specimen.calls(which, calls).ok()?;
        Some(took.as_nanos() as f64 / calls as f64)
    };
    let (mut emulated, mut stepped) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = call(BARE, CALLS)?;
        emulated.push(call(EMULATED, CALLS)? - bare);
        stepped.push(call(STEPPED, STEPPED_CALLS)? - bare);
    }
    let costs = Costs { emulated: median(emulated), stepped: median(stepped) };
    (costs.emulated > 0.0 && costs.stepped > 0.0).then_some(costs)
}

/// Where in our file an address of our memory is.
fn offset(address: u64) -> Option<u64> {
    let maps = Process::open(Pid(std::process::id())).ok()?.maps().ok()?;
    let mapping = maps.into_iter().find(|map| (map.start..map.end).contains(&address))?;
    Some(address - mapping.start + mapping.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_stepped_hit_costs_more_than_an_emulated_one_and_it_takes_little_to_know() {
        let Ok(engine) = Engine::open() else { return };
        for caps in [engine.caps(), engine.without_links().caps()] {
            let began = Instant::now();
            let costs = measure(caps).expect("probes work here");
            println!("{costs:?} in {:?}", began.elapsed());
            assert!(costs.emulated > 50.0 && costs.stepped > costs.emulated, "{costs:?}");
        }
    }
}
