//! Measures what a hit costs on this machine, in a process of gospect's own, on a thread beside the run.

use std::fs::File;
use std::thread::JoinHandle;
use std::time::Duration;

use ::engine::{Pid, SiteCosts};
use bpf::Caps;

use crate::loader::{Loader, Site, Uprobes};
use crate::proc::Process;
use crate::specimen::{self, CHECK, FRAME, Specimen};

/// How often each class is measured.
const ROUNDS: usize = 7;
/// Calls in a round, at an emulated and at a stepped site.
const CALLS: u64 = 400;
const STEPPED_CALLS: u64 = 40;
/// The functions: without a probe, with an emulated site, with a stepped site.
const BARE: usize = 0;
const EMULATED: usize = 1;
const STEPPED: usize = 2;

/// The costs, as far as they are measured.
#[derive(Debug, Default)]
pub(super) enum Calibration {
    /// The measurement has not begun.
    #[default]
    NotYet,
    /// A thread measures them.
    Measuring(JoinHandle<Option<SiteCosts>>),
    /// They are measured.
    Known(SiteCosts),
}

impl Calibration {
    /// The costs, once they are measured. The first call starts the measurement.
    pub fn costs(&mut self, caps: Caps) -> Option<SiteCosts> {
        match std::mem::take(self) {
            Calibration::NotYet => {
                let measuring = std::thread::Builder::new().spawn(move || measure(caps));
                *self = measuring.map_or(Calibration::Known(SiteCosts::ASSUMED), Calibration::Measuring);
            }
            Calibration::Measuring(thread) if thread.is_finished() => {
                *self = Calibration::Known(thread.join().ok().flatten().unwrap_or(SiteCosts::ASSUMED));
            }
            other => *self = other,
        }
        match self {
            Calibration::Known(costs) => Some(*costs),
            _ => None,
        }
    }

    /// Waits until the measurement has detached its probes.
    pub fn end(&mut self) {
        if let Calibration::Measuring(thread) = std::mem::take(self) {
            // The result is not needed any more.
            let _ = thread.join();
        }
    }
}

/// Measures them. A failure needs no message: it keeps the run's own probes from working too, and they report it.
fn measure(caps: Caps) -> Option<SiteCosts> {
    if !specimen::exists() {
        return None;
    }
    let engine = Loader::open().ok()?.limited_to(caps);
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
    let costs = SiteCosts { emulated: median(emulated), stepped: median(stepped) };
    (costs.emulated > 0.0 && costs.stepped > 0.0).then_some(costs)
}

/// The offset in gospect's file of an address in its memory.
fn offset(address: u64) -> Option<u64> {
    let maps = Process::open(Pid(std::process::id())).ok()?.maps().ok()?;
    let mapping = maps.into_iter().find(|map| (map.start..map.end).contains(&address))?;
    Some(address - mapping.start + mapping.offset)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_stepped_hit_costs_more_than_an_emulated_one_and_it_takes_little_to_know() {
        let Ok(engine) = Loader::open() else { return };
        for caps in [engine.caps(), engine.without_links().caps()] {
            let began = Instant::now();
            let costs = measure(caps).expect("probes work here");
            println!("{costs:?} in {:?}", began.elapsed());
            assert!(costs.emulated > 50.0 && costs.stepped > costs.emulated, "{costs:?}");
        }
    }
}
