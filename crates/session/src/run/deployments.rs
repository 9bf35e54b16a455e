//! Files that appear while a run goes on: new builds at the path of a target, and programs that a process of a group is the
//! first to run. Probes of a replaced file are detached when its last process has ended.
//!
//! Replaced files stay open until the run ends, so that no other file gets their number, and what was gathered can still
//! be named.

mod newcomers;

use engine::{Part, Pid};
use event::run::Program;
use event::stream::{Item, Sink};
use kernel::FileId;

use super::duty_cycle::first_line;
use super::executables::Executables;
use super::probes::{Probes, number};
use super::processes::Processes;
use super::script::Stopped;
use crate::executable::Stamp;
use crate::machine::Machine;
use crate::refusal::Refusal;
use crate::target::Target;
use newcomers::{MOST, Newcomer, Newcomers};

/// What is known of such files.
#[derive(Default)]
pub(super) struct Deployments {
    /// The last file that could not be probed.
    unfit: Option<Unfit>,
    newcomers: Newcomers,
}

/// A file that replaced another one and could not be probed.
struct Unfit {
    stamp: Stamp,
    why: String,
    is_told: bool,
}

/// What deployments change.
pub(super) struct Deployed<'r> {
    pub probes: &'r mut Probes,
    pub processes: &'r mut Processes,
    pub machine: &'r Machine,
    /// Goroutines are not watched at the moment.
    pub rests: bool,
}

impl Deployed<'_> {
    /// Probes executables that have no probes yet. In how many places.
    fn probe(&mut self, executables: Executables) -> Result<u64, Stopped> {
        let compiled = self.probes.latest().compiled.again(executables, self.probes.engine.as_ref())?;
        let sites = self.probes.add(compiled)?;
        self.processes.add_build(&self.probes.latest().compiled, self.probes.engine.as_ref());
        if self.rests {
            self.probes.rest_goroutines();
        }
        self.processes.find(self.probes.engine.as_mut())?;
        Ok(sites)
    }

    /// Detaches probes from files that were written over: they could be anywhere in the new contents.
    fn leave_overwritten(&mut self, notes: &mut Vec<String>) {
        let (engine, builds) = self.probes.parts();
        for build in builds {
            for (n, executable) in build.compiled.binaries().into_iter().enumerate() {
                if executable.is_written_over() && engine.detach(build.id, Part::Binary(number(n))) {
                    notes.push(format!("{} was written over, its probes are taken out", executable.name));
                }
            }
        }
    }

    /// Says whether the newcomer's file replaces another one, and in how many places it is probed.
    fn take_in(&mut self, newcomer: &Newcomer) -> (bool, Result<u64, Stopped>) {
        if let Err(why) = &newcomer.traceable {
            return (false, Err(Refusal::refused(why).into()));
        }
        let executable = match self.machine.open(&Target::Pid(newcomer.pid)) {
            Ok(executable) => executable,
            Err(why) => return (false, Err(why.into())),
        };
        let known = &self.probes.latest().compiled.executables;
        let place = known.place_for(&executable);
        if place.is_none() && known.targets().len() >= MOST {
            return (false, Err(Refusal::refused(format!("{MOST} are, and no more can be")).into()));
        }
        let executables = known.with(executable, place);
        (place.is_some(), self.probe(executables))
    }

    /// Probed files that are not at their paths any more and that no process runs: build, number, file and name.
    fn left_behind(&self) -> Vec<(engine::Build, usize, FileId, String)> {
        let latest = self.probes.latest().compiled.binaries();
        let mut found = Vec::new();
        for build in self.probes.builds() {
            let targets = build.compiled.executables.targets();
            for (n, executable) in build.compiled.binaries().into_iter().enumerate() {
                let is_old = latest.get(n).is_some_and(|now| now.id != executable.id)
                    && self.probes.engine.is_attached(build.id, Part::Binary(number(n)));
                // Which processes map a library is not known without reading the maps of all processes.
                let is_program = executable.go().is_some() || targets.iter().any(|target| target.id == executable.id);
                if is_old && is_program && !self.processes.is_run(executable.id) {
                    found.push((build.id, n, executable.id, executable.name.clone()));
                }
            }
        }
        found
    }

    fn program(&self, path: String, pid: Option<Pid>, replaces: bool, probed: Result<u64, String>) -> Program {
        let (sites, why) = probed.map_or_else(|why| (0, Some(why)), |sites| (sites, None));
        let (pid, ts) = (pid.map(|pid| pid.0), self.machine.clock.unix());
        Program { path, pid, replaces, probed: why.is_none(), why, sites, ts }
    }
}

impl Deployments {
    /// Probes a file that has replaced a target. Adds sentences to print to `notes`.
    pub fn probe_replaced(
        &mut self,
        deployed: &mut Deployed<'_>,
        notes: &mut Vec<String>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        deployed.leave_overwritten(notes);
        let compiled = &deployed.probes.latest().compiled;
        let follows = deployed.processes.filter().follows_files();
        let Some((path, stamp)) = compiled.executables.replaced().filter(|_| follows) else { return Ok(()) };
        let path = path.display().to_string();
        if let Some(unfit) = self.unfit.as_mut().filter(|unfit| unfit.stamp == stamp) {
            // The first time it may not have been complete.
            if !std::mem::replace(&mut unfit.is_told, true) {
                sink.take(&Item::Program(&deployed.program(path, None, true, Err(unfit.why.clone()))))?;
            }
            return Ok(());
        }
        let opened = compiled.script.opened(deployed.machine).map_err(Stopped::from);
        match opened.and_then(|all| deployed.probe(all)) {
            Ok(sites) => sink.take(&Item::Program(&deployed.program(path, None, true, Ok(sites))))?,
            Err(why) => self.unfit = Some(Unfit { stamp, why: first_line(&why.to_string()), is_told: false }),
        }
        Ok(())
    }

    /// Probes a program that a process of the group is the first to run.
    pub fn probe_newcomer(&mut self, deployed: &mut Deployed<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let host = deployed.machine.host.as_ref();
        let Some(group) = deployed.processes.filter().group() else { return Ok(()) };
        let next = self.newcomers.next(group, host, |file| deployed.processes.is_target(file));
        let Some(newcomer) = next else { return Ok(()) };
        let (replaces, probed) = deployed.take_in(&newcomer);
        // A process that has ended again could not be opened.
        if probed.is_err() && deployed.machine.host.started(newcomer.pid).is_none() {
            return Ok(());
        }
        self.newcomers.judge(&newcomer);
        let probed = probed.map_err(|why| first_line(&why.to_string()));
        Ok(sink.take(&Item::Program(&deployed.program(newcomer.path, Some(newcomer.pid), replaces, probed)))?)
    }

    /// Detaches probes from replaced files that no process runs any more.
    pub fn release_replaced(&mut self, deployed: &mut Deployed<'_>, sink: &mut dyn Sink) {
        for (build, n, file, path) in deployed.left_behind() {
            deployed.probes.engine.detach(build, Part::Binary(number(n)));
            if deployed.processes.filter().group().is_some() {
                // Should the file come back, it is one that no process runs by now.
                deployed.processes.remove_target(file);
                self.newcomers.forget();
            }
            sink.note(&format!("no process runs the file any more that {path} was before, its probes are taken out"));
        }
    }
}
