//! The engine that probes by uprobes: programs run in the kernel, records come through its ring buffer.
//!
//! Below the contract ([`::engine::Engine`]) lie links and events in tracefs, the numbers of processes in pid namespaces, the
//! hand-over between two links of one program, and the measurement of what a hit costs here.
//!
//! Knows no Go.

mod build;
mod calibration;
mod hand_over;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::time::Duration;

use ::engine::{
    Admitted, Attached, Build, Capabilities, Engine, EngineNeeds, Error, Part, Pid, ProcessIds, Progress, SiteCosts,
    Source, Tables, Tracepoint,
};
use bpf::MapId;
use plan::{BinaryNo, FuncNo, On, Period};

use crate::loader::{self, Loader, Maps, Numbers, Ring, Timing, attach};
use build::LoadedBuild;
use calibration::Calibration;
use hand_over::{HandOver, Links};

/// How probes are attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Method {
    /// By the best way that the kernel has.
    #[default]
    Best,
    /// By events in tracefs, also where the kernel has links of many uprobes.
    Tracefs,
}

/// The engine.
pub struct KernelEngine {
    loader: Loader,
    /// Found once they are needed: that may take a program in the kernel.
    numbers: OnceCell<Numbers>,
    builds: Vec<LoadedBuild>,
    hand_over: HandOver,
    links: Links,
    events: Vec<Event>,
    ring: Option<Ring>,
    calibration: Calibration,
    timing: Option<Timing>,
}

/// A program that runs at no site.
struct Event {
    on: On,
    program: loader::Program,
    attached: Option<attach::Attached>,
}

impl KernelEngine {
    /// Uses the kernel that gospect runs on.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without privilege, [`Error::TooOld`] below Linux 5.10.
    pub fn open(method: Method) -> Result<KernelEngine, Error> {
        let loader = Loader::open()?;
        let loader = if method == Method::Tracefs { loader.without_links() } else { loader };
        Ok(KernelEngine {
            loader,
            builds: Vec::new(),
            hand_over: HandOver::default(),
            links: Links::default(),
            numbers: OnceCell::new(),
            events: Vec::new(),
            ring: None,
            calibration: Calibration::default(),
            timing: None,
        })
    }

    fn numbers(&self) -> Numbers {
        *self.numbers.get_or_init(|| Numbers::find(&self.loader))
    }

    /// The first build, whose tables all builds share.
    fn first(&self) -> Result<&LoadedBuild, Error> {
        self.builds.first().ok_or_else(|| Error::wrong("using an engine", "no program is loaded"))
    }

    fn processes_table(&self) -> Result<(Tables, MapId), Error> {
        let first = self.first()?;
        Ok((first.maps.tables(), first.program.tables.processes))
    }

    /// Loads what later builds share: events, the ring, and the words of the engine.
    fn load_shared(&mut self, program: &::engine::Program, maps: &Maps) -> Result<(), Error> {
        for event in &program.events {
            let loaded = self.loader.load(&event.program, maps)?;
            self.events.push(Event { on: event.on.clone(), program: loaded, attached: None });
        }
        let missing = || Error::wrong("making the tables of a program", "one is missing");
        self.ring = Some(self.loader.ring(maps.get(program.tables.ring).ok_or_else(missing)?)?);
        self.links.set_numbers(self.numbers());
        self.links.write(program.tables.engine.and_then(|id| maps.get(id)).ok_or_else(missing)?)
    }

    fn attach_event(&self, event: &Event) -> Result<Option<attach::Attached>, Error> {
        Ok(match &event.on {
            On::Tracepoint { category, name } => {
                Some(self.loader.on_tracepoint(&event.program, &self.loader.tracepoint(category, name)?)?)
            }
            On::Profile { period } => Some(self.loader.on_clock(&event.program, hertz(*period))?),
            On::Begin | On::End | On::Interval { .. } | On::Goroutine { .. } => None,
        })
    }

    fn attach_events(&mut self) -> Result<(), Error> {
        for n in 0..self.events.len() {
            self.events[n].attached = self.attach_event(&self.events[n])?;
        }
        Ok(())
    }
}

fn hertz(period: Period) -> u64 {
    match period {
        Period::Hz(hz) => hz,
        Period::Nanos(nanos) => (1_000_000_000 / nanos.max(1)).max(1),
    }
}

impl Engine for KernelEngine {
    fn capabilities(&self) -> Capabilities {
        let caps = self.loader.caps();
        let process_ids = if self.numbers().walk.is_some() { ProcessIds::Walk } else { ProcessIds::Namespace };
        Capabilities {
            caps,
            needs: EngineNeeds { process_ids, ..EngineNeeds::of_kernel(caps) },
            knows_pids: self.numbers().own,
            lanes: self.loader.cpus(),
        }
    }

    fn tracepoints(&self) -> Result<Vec<(String, String)>, Error> {
        self.loader.tracepoints()
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Tracepoint, Error> {
        self.loader.tracepoint(category, name)
    }

    fn can_identify(&self, pid: Pid) -> bool {
        self.numbers().reach(pid)
    }

    fn load(&mut self, source: Source) -> Result<Option<Build>, Error> {
        let program = &source.program;
        let maps = match self.builds.first() {
            None => self.loader.maps(&program.maps)?,
            Some(first) => match self.loader.maps_beside(&program.maps, &first.maps, &program.own())? {
                Some(maps) => maps,
                None => return Ok(None),
            },
        };
        let only = source.only.filter(|_| self.numbers().own);
        let program = source.program.clone();
        let build = LoadedBuild::load(&self.loader, Source { only, ..source }, maps.clone(), &mut self.links)?;
        if self.builds.is_empty() {
            self.load_shared(&program, &maps)?;
        }
        self.builds.push(build);
        Ok(Some(Build(self.builds.len() - 1)))
    }

    fn unload_last(&mut self) {
        if let Some(last) = self.builds.len().checked_sub(1) {
            self.hand_over.stop(last, |_| true);
            self.builds.pop();
        }
    }

    fn tables(&self, build: Build) -> Tables {
        self.builds.get(build.0).map(|build| build.maps.tables()).unwrap_or_default()
    }

    fn admit(&mut self, process: Admitted) -> Result<bool, Error> {
        let (tables, id) = self.processes_table()?;
        tables.admit(id, &process)
    }

    fn dismiss(&mut self, pid: Pid, binary: BinaryNo) -> Result<(), Error> {
        let (tables, id) = self.processes_table()?;
        tables.get(id)?.remove(&Admitted::key(pid, binary)).map(drop)
    }

    fn processes(&self) -> Result<Vec<Admitted>, Error> {
        let (tables, id) = self.processes_table()?;
        tables.admitted(id)
    }

    fn attach(&mut self, build: Build, part: Part) -> Result<Attached, Error> {
        let dropped = self.hand_over.dropped();
        let missing = || Error::wrong("attaching a program", "there is no such build");
        match (part, self.builds.get_mut(build.0)) {
            (Part::Events, _) => self.attach_events().map(|()| Attached::default()),
            (Part::Sites, Some(build)) => build.attach(&self.loader, dropped),
            (Part::Binary(_), Some(_)) => Err(Error::wrong("attaching a program", "executables are attached together")),
            (Part::Hooks(kind), Some(build)) => build.resume(&self.loader, kind).map(|()| Attached::default()),
            (_, None) => Err(missing()),
        }
    }

    fn detach(&mut self, build: Build, part: Part) -> bool {
        match (part, self.builds.get_mut(build.0)) {
            (Part::Events, _) => self.events.iter_mut().fold(false, |any, event| any | event.attached.take().is_some()),
            (Part::Sites, Some(of)) => {
                self.hand_over.stop(build.0, |_| true);
                of.detach(|_| true)
            }
            (Part::Binary(binary), Some(of)) => {
                self.hand_over.stop(build.0, |link| link == binary);
                of.detach(|link| link == binary)
            }
            (Part::Hooks(kind), Some(build)) => build.rest(kind),
            (_, None) => false,
        }
    }

    fn is_attached(&self, build: Build, part: Part) -> bool {
        match (part, self.builds.get(build.0)) {
            (Part::Events, _) => self.events.iter().any(|event| event.attached.is_some()),
            (Part::Sites, Some(build)) => build.is_in(|_| true),
            (Part::Binary(binary), Some(build)) => build.is_in(|of| of == binary),
            (Part::Hooks(kind), Some(build)) => build.hooks_are_attached(kind),
            (_, None) => false,
        }
    }

    fn attached_functions(&self, build: Build) -> BTreeSet<FuncNo> {
        self.builds.get(build.0).map(LoadedBuild::attached_functions).unwrap_or_default()
    }

    fn drop_functions(&mut self, functions: &[FuncNo]) {
        self.hand_over.begin(functions, &self.builds);
    }

    fn dropped(&self) -> &BTreeSet<FuncNo> {
        self.hand_over.dropped()
    }

    fn advance(&mut self) -> Result<Progress, Error> {
        self.advance_hand_over()
    }

    fn run(&mut self, event: usize) -> Result<(), Error> {
        let missing = || Error::wrong("running an event", "there is no such event");
        let event = self.events.get(event).ok_or_else(missing)?;
        self.loader.run(&event.program, &[]).map(drop)
    }

    fn drain(&mut self, record: &mut dyn FnMut(&[u8])) -> usize {
        self.ring.as_mut().map_or(0, |ring| ring.drain(record))
    }

    fn missed(&self) -> u64 {
        let programs = self.builds.iter().flat_map(LoadedBuild::programs);
        let all = programs.chain(self.events.iter().map(|event| &event.program));
        all.map(|program| self.loader.missed(program).unwrap_or(0)).sum()
    }

    fn site_costs(&mut self) -> Option<SiteCosts> {
        self.calibration.costs(self.loader.caps())
    }

    fn stop_measuring(&mut self) {
        self.calibration.end();
    }

    fn time_hooks(&mut self) {
        if self.timing.is_none() {
            self.timing = self.loader.time_programs().ok();
        }
    }

    fn hook_time(&self) -> Option<Duration> {
        self.timing.as_ref()?;
        let hooks = self.builds.iter().flat_map(LoadedBuild::hooks);
        Some(hooks.map(|program| self.loader.run_time(program).unwrap_or_default()).sum())
    }
}
