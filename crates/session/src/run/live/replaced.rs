//! Files that come while the run goes on: those that take the place of others, and those that somebody of a group is the
//! first one to run. Probes of what was replaced go once nobody runs it any more.
//!
//! The files themselves stay open until the run ends, so that no other file gets their number, and what was gathered can
//! still be named.

use event::run::Program;
use kernel::{FileId, clock};
use plan::BinaryNo;

use super::super::newcomers::{MOST, Newcomer};
use super::super::watch::started;
use super::super::world::{Executable, Stamp};
use super::super::{Show, Stopped};
use super::{Live, first_line};
use crate::refusal::Refusal;
use crate::target::Target;

impl Live<'_> {
    /// Takes the probes out of files that something else was written into: they would stand anywhere in it.
    fn leave_written_over(&mut self) {
        let builds = std::iter::once(self.compiled).chain(&self.later);
        for (build, probes) in builds.zip(&mut self.probes) {
            for (n, executable) in build.binaries().into_iter().enumerate() {
                if executable.is_written_over() && probes.are_in(number(n)) {
                    probes.release(number(n));
                    self.notes.push(format!("{} was written over, its probes are taken out", executable.name));
                }
            }
        }
    }

    /// Whether an executable of this number has its probes already.
    pub(super) fn is_probed(&self, n: usize, executable: &Executable) -> bool {
        let has = |build: &Vec<&Executable>| build.get(n).is_some_and(|known| known.id == executable.id);
        let in_place = self.builds().zip(&self.probes).filter(|(build, _)| has(&build.binaries()));
        in_place.into_iter().any(|(_, probes)| probes.are_in(number(n)))
    }

    /// Where a path leads to another file by now, puts probes into that one too.
    pub(super) fn renew(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        self.leave_written_over();
        let replaced = self.latest().executables.replaced().filter(|_| self.watch.is_open());
        let Some((path, stamp)) = replaced else { return Ok(()) };
        let came = |probed| Program { path: path.display().to_string(), replaces: true, ..came(probed) };
        if let Some(unfit) = self.unfit.as_mut().filter(|unfit| unfit.stamp == stamp) {
            // The first time it may not have been whole.
            if !std::mem::replace(&mut unfit.said, true) {
                show.program(&came(Err(unfit.why.clone())))?;
            }
            return Ok(());
        }
        let probed = self.compiled.script.opened().map_err(Stopped::from).and_then(|all| self.probe_anew(all));
        match probed {
            Ok(sites) => show.program(&came(Ok(sites)))?,
            Err(why) => self.unfit = Some(Unfit { stamp, why: first_line(&why.to_string()), said: false }),
        }
        Ok(())
    }

    /// Where somebody of a group runs a program that nobody of it did before, puts probes into that one too.
    pub(super) fn welcome(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        let Some(group) = self.watch.group() else { return Ok(()) };
        let Some(newcomer) = self.newcomers.next(group, |file| self.watch.is_target(file)) else { return Ok(()) };
        let (replaces, probed) = self.take_in(&newcomer);
        // Who has ended again could not be looked at.
        if probed.is_err() && started(newcomer.pid).is_none() {
            return Ok(());
        }
        self.newcomers.judge(&newcomer);
        let probed = probed.map_err(|why| first_line(&why.to_string()));
        Ok(show.program(&Program { path: newcomer.path, pid: Some(newcomer.pid.0), replaces, ..came(probed) })?)
    }

    /// Says whether its program stands where that of another one did, and in how many places it is probed.
    fn take_in(&mut self, newcomer: &Newcomer) -> (bool, Result<u64, Stopped>) {
        if let Err(why) = &newcomer.traceable {
            return (false, Err(Refusal::refused(why).into()));
        }
        let executable = match Executable::open(&Target::Pid(newcomer.pid)) {
            Ok(executable) => executable,
            Err(why) => return (false, Err(why.into())),
        };
        let known = &self.latest().executables;
        let place = known.place_for(&executable);
        if place.is_none() && known.targets().len() >= MOST {
            return (false, Err(Refusal::refused(format!("{MOST} are, and no more can be")).into()));
        }
        let executables = known.with(executable, place);
        (place.is_some(), self.probe_anew(executables))
    }

    /// Takes the probes out of files that were replaced and that no process runs any more.
    pub(super) fn release(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        for (build, n, file, path) in self.left_behind() {
            if let Some(probes) = self.probes.get_mut(build) {
                probes.release(number(n));
            }
            if self.watch.group().is_some() {
                // Should it come back, it is one that nobody runs by now.
                self.watch.let_go(file);
                self.newcomers.forget();
            }
            show.note(&format!("no process runs the file any more that {path} was before, its probes are taken out"));
        }
        Ok(())
    }

    /// By build and number: those with probes that are not what their paths lead to, and that nobody runs.
    fn left_behind(&self) -> Vec<(usize, usize, FileId, String)> {
        let latest = self.latest().binaries();
        let mut found = Vec::new();
        for (build, (compiled, probes)) in self.builds().zip(&self.probes).enumerate() {
            for (n, executable) in compiled.binaries().into_iter().enumerate() {
                let is_old = latest.get(n).is_some_and(|now| now.id != executable.id) && probes.are_in(number(n));
                // Who maps a library is not known without reading the maps of all processes.
                let program = executable.go().is_some() || self.is_target(build, executable);
                if is_old && program && !self.watch.is_run(executable.id) {
                    found.push((build, n, executable.id, executable.name.clone()));
                }
            }
        }
        found
    }

    fn is_target(&self, build: usize, executable: &Executable) -> bool {
        let targets = self.builds().nth(build).map(|build| build.executables.targets()).unwrap_or_default();
        targets.iter().any(|target| target.id == executable.id)
    }
}

/// A file that has replaced another one and was not probed.
pub(super) struct Unfit {
    stamp: Stamp,
    why: String,
    said: bool,
}

/// What is told of a program that came now: in how many places it is probed, or why it is not.
fn came(probed: Result<u64, String>) -> Program {
    let (sites, why) = probed.map_or_else(|why| (0, Some(why)), |sites| (sites, None));
    let probed = why.is_none();
    Program { path: String::new(), pid: None, replaces: false, probed, why, sites, ts: clock::unix() }
}

fn number(n: usize) -> BinaryNo {
    BinaryNo(n as u32)
}
