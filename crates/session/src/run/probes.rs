//! The builds of a run, and the engine that runs them.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::{Engine, Error, Part, Pid, Program, Source, Table, Tables};
use event::run::{Attached, Reason};
use plan::Plan;
use plan::target::HookKind;
use plan::{FuncNo, On};
use program::MapId;

use super::compile::{Compiled, Prepared};
use super::initial_state::InitialState;
use super::script::Stopped;
use super::summary;
use crate::refusal::Refusal;

/// Everything that is loaded: the first build, and those for executables that came later.
pub(super) struct Probes {
    pub engine: Box<dyn Engine>,
    builds: Vec<Build>,
    /// What matched and what is attached, for the user.
    pub attached: Attached,
}

/// One compilation, loaded.
pub(super) struct Build {
    pub compiled: Compiled,
    pub id: engine::Build,
    /// The tables that its programs use. All builds share them, except for their own.
    pub tables: Tables,
    /// How to read the state of processes that were running before the attach, by executable.
    pub initial: Vec<InitialState>,
}

impl Build {
    /// Its plan.
    pub fn plan(&self) -> &Plan {
        &self.compiled.plan
    }

    /// Its programs.
    pub fn program(&self) -> &Program {
        &self.compiled.program
    }
}

impl Probes {
    /// Loads a compiled script. `only` is the process whose hits count, if it is one.
    pub fn load(compiled: Compiled, mut engine: Box<dyn Engine>, only: Option<Pid>) -> Result<Probes, Stopped> {
        let build = Build::load(compiled, engine.as_mut(), only)?.ok_or_else(differs)?;
        let attached = summary::planned(build.plan(), build.program());
        Ok(Probes { engine, builds: vec![build], attached })
    }

    /// The first build.
    pub fn first(&self) -> &Build {
        &self.builds[0]
    }

    /// The last build, whose plan knows all functions of those before.
    pub fn latest(&self) -> &Build {
        self.builds.last().unwrap_or(&self.builds[0])
    }

    /// All builds, in order.
    pub fn builds(&self) -> &[Build] {
        &self.builds
    }

    /// The engine and the builds, for callers that read the builds while the engine works.
    pub fn parts(&mut self) -> (&mut dyn Engine, &[Build]) {
        (self.engine.as_mut(), &self.builds)
    }

    /// The plans of all builds.
    pub fn plans(&self) -> Vec<&Plan> {
        self.builds.iter().map(Build::plan).collect()
    }

    /// The tables that all builds share.
    pub fn tables(&self) -> &Tables {
        &self.first().tables
    }

    /// A shared table.
    pub fn table(&self, id: MapId) -> Result<&dyn Table, Error> {
        self.tables().get(id)
    }

    /// The table of the run's words ([`super::control`]).
    pub fn control_table(&self) -> Result<&dyn Table, Error> {
        self.table(self.first().program().tables.control)
    }

    /// Functions without probes: the overhead budget took them.
    pub fn dropped(&self) -> &BTreeSet<FuncNo> {
        self.engine.dropped()
    }

    /// Attaches the sites of a build, and notes which were refused.
    pub fn attach(&mut self, build: usize) -> Result<(), Error> {
        let Some(of) = self.builds.get(build) else { return Ok(()) };
        let refused = self.engine.attach(of.id, Part::Sites)?.refused;
        self.attached.sites = self.attached.sites.saturating_sub(refused.len() as u64);
        for site in refused {
            let function = of.plan().functions.get(site.function.index());
            let func = function.map_or_else(String::new, |function| function.name.clone());
            if !self.attached.skipped.iter().any(|known| known.func == func) {
                self.attached.attached = self.attached.attached.saturating_sub(1);
            }
            self.attached.skipped.push(Reason { func, why: site.why });
        }
        Ok(())
    }

    /// Attaches what runs at no site.
    pub fn attach_events(&mut self) -> Result<(), Error> {
        let first = self.first().id;
        self.engine.attach(first, Part::Events).map(drop)
    }

    /// Detaches everything that runs at no site.
    pub fn detach_events(&mut self) {
        let first = self.first().id;
        self.engine.detach(first, Part::Events);
    }

    /// Detaches all sites. When it returns none of their programs runs any more.
    pub fn detach(&mut self) {
        for build in self.builds.iter().rev() {
            self.engine.detach(build.id, Part::Sites);
        }
    }

    /// Runs what the text says about the start or the end.
    pub fn run_events(&mut self, when: &On) -> Result<(), Error> {
        let program = self.first().compiled.program.clone();
        let events = program.events.iter().enumerate().filter(|(_, event)| event.on == *when);
        events.into_iter().try_for_each(|(n, _)| self.engine.run(n))
    }

    /// Whether any goroutine is watched.
    pub fn watch_goroutines(&self) -> bool {
        self.builds.iter().any(|build| self.engine.is_attached(build.id, Part::Hooks(HookKind::Status)))
    }

    /// Detaches the hooks that watch goroutines, until [`Probes::resume_goroutines`]. Says whether any was attached.
    pub fn rest_goroutines(&mut self) -> bool {
        let builds = self.builds.iter();
        builds.fold(false, |any, build| any | self.engine.detach(build.id, Part::Hooks(HookKind::Status)))
    }

    /// Attaches the hooks again that watch goroutines.
    pub fn resume_goroutines(&mut self) -> Result<(), Error> {
        let builds = self.builds.iter();
        builds.into_iter().try_for_each(|build| self.engine.attach(build.id, Part::Hooks(HookKind::Status)).map(drop))
    }

    /// Adds and attaches a build for executables that came later. In how many places it is attached.
    pub fn add(&mut self, mut compiled: Compiled) -> Result<u64, Stopped> {
        let first = self.first();
        // Programs without sites are loaded once, for all builds.
        let is_alike =
            (&compiled.program.tables, &compiled.program.events) == (&first.program().tables, &first.program().events);
        if !is_alike || compiled.plan.unders != first.plan().unders {
            return Err(differs().into());
        }
        let binaries = compiled.binaries().into_iter().enumerate();
        let new: Vec<bool> = binaries.map(|(n, executable)| !self.is_probed(n, executable.id)).collect();
        Arc::make_mut(&mut compiled.program).only_in(|binary| new.get(binary.index()).is_some_and(|&new| new));
        let sites = summary::sites(&compiled.program);
        // Libraries count in processes of the targets, whatever those are.
        if sites == 0 && !compiled.has_libraries() {
            return Err(Refusal::refused("nothing in it matches").into());
        }
        let build = Build::load(compiled, self.engine.as_mut(), None)?.ok_or_else(differs)?;
        self.builds.push(build);
        let attached = self.attached.clone();
        if let Err(why) = self.attach(self.builds.len() - 1) {
            self.builds.pop();
            self.engine.unload_last();
            self.attached = attached;
            return Err(why.into());
        }
        let mut reasons = std::mem::replace(&mut self.attached, attached).skipped;
        reasons.drain(..self.attached.skipped.len());
        for reason in reasons {
            if !self.attached.skipped.contains(&reason) {
                self.attached.skipped.push(reason);
            }
        }
        Ok(sites)
    }

    /// Whether an executable of this number is probed already.
    fn is_probed(&self, n: usize, file: kernel::FileId) -> bool {
        let of_file = |build: &&Build| build.compiled.binaries().get(n).is_some_and(|known| known.id == file);
        let mut builds = self.builds.iter().filter(of_file);
        builds.any(|build| self.engine.is_attached(build.id, Part::Binary(number(n))))
    }
}

impl Build {
    fn load(compiled: Compiled, engine: &mut dyn Engine, only: Option<Pid>) -> Result<Option<Build>, Stopped> {
        let files = compiled.binaries().into_iter().map(|executable| executable.file.clone()).collect();
        let Some(id) = engine.load(Source { program: compiled.program.clone(), files, only })? else { return Ok(None) };
        let initial = InitialState::of_all(&compiled);
        Ok(Some(Build { tables: engine.tables(id), id, initial, compiled }))
    }
}

impl Prepared {
    /// Loads it.
    pub(super) fn load(self, only: Option<Pid>) -> Result<Probes, Stopped> {
        Probes::load(self.compiled, self.engine, only)
    }
}

fn differs() -> Refusal {
    Refusal::refused("the script means something else there")
}

/// An executable's number in a plan.
pub(super) fn number(n: usize) -> plan::BinaryNo {
    plan::BinaryNo(n as u32)
}
