//! An engine that runs programs in [`bpf::vm`], on hits that its owner makes.
//!
//! It needs no kernel and no process, so that the behaviour of a run can be tested without either: the owner of a
//! [`Simulation`] decides when which site is hit, with which registers and memory. Programs, tables and records are those
//! that any other engine gets.

mod tables;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bpf::vm::{Image, Segments, Task, Vm};
use bpf::{Caps, MapId};
use engine::{
    Admitted, Attached, Build, Capabilities, Engine, EngineNeeds, Error, Part, Pid, ProcessIds, Program, Progress,
    SiteCosts, SiteIds, Source, Tables, Tracepoint,
};
use gobin::Arch;
use plan::machine::Register;
use plan::target::HookKind;
use plan::{BinaryNo, FuncNo, On};

/// CPUs of the simulated machine.
const CPUS: u32 = 2;
/// Bytes of `struct pt_regs` of amd64.
const PT_REGS: usize = 168;

/// What a program finds when it is hit.
#[derive(Clone, Debug, Default)]
pub struct Hit {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// When, in nanoseconds since boot.
    pub time: u64,
    /// The address of the instruction.
    pub ip: u64,
    /// Registers by name. All others are 0.
    pub registers: Vec<(&'static str, u64)>,
    /// The memory of the process.
    pub memory: Segments,
}

/// A machine without a kernel. Clones share it.
#[derive(Clone, Default)]
pub struct Simulation {
    state: Arc<Mutex<State>>,
}

/// What engine and owner share.
#[derive(Default)]
struct State {
    vm: Option<Vm>,
    builds: Vec<LoadedBuild>,
    dropped: BTreeSet<FuncNo>,
    costs: Option<SiteCosts>,
    /// Steps that a detach of functions takes, and that are left of the last one.
    steps: u32,
    left: u32,
    /// Why the next detach of functions fails.
    abandons: Option<String>,
}

/// The programs of a build, and which of them are attached.
struct LoadedBuild {
    program: Arc<Program>,
    /// The machine's ids of its tables.
    ids: Vec<MapId>,
    /// Attached executables.
    binaries: BTreeSet<BinaryNo>,
    /// Kinds of hooks that are detached for a while.
    resting: Vec<HookKind>,
    events: bool,
}

impl Simulation {
    /// An engine on this machine.
    #[must_use]
    pub fn engine(&self) -> Box<dyn Engine> {
        Box::new(Simulator { state: self.state.clone(), dropped: BTreeSet::new() })
    }

    /// Lets hits cost the target so much.
    pub fn set_site_costs(&self, costs: SiteCosts) {
        self.lock().costs = Some(costs);
    }

    /// The sites of a function, by their places in the plan. The first one is its entry, if that is probed.
    #[must_use]
    pub fn sites(&self, build: usize, function: FuncNo) -> Vec<u64> {
        self.lock().sites(build, function)
    }

    /// Hits the first site of a function. Says whether it is attached.
    pub fn hit_entry(&self, build: usize, function: FuncNo, hit: &Hit) -> bool {
        self.sites(build, function).first().is_some_and(|&cookie| self.hit_site(build, cookie, hit))
    }

    /// Lets each detach of functions take so many steps.
    pub fn set_steps(&self, steps: u32) {
        self.lock().steps = steps;
    }

    /// Lets the next detach of functions fail, which leaves them attached.
    pub fn abandon(&self, why: &str) {
        self.lock().abandons = Some(why.to_owned());
    }

    /// Whether anything is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.lock().builds.iter().any(|build| build.events || !build.binaries.is_empty())
    }

    /// Hits one site of a build, by its place in the plan. Says whether it is attached.
    pub fn hit_site(&self, build: usize, cookie: u64, hit: &Hit) -> bool {
        let mut state = self.lock();
        let Some(code) = state.code_at(build, cookie) else { return false };
        state.run(build, &code, cookie, hit);
        true
    }

    /// Hits the attached hooks of a kind.
    pub fn hit_hooks(&self, build: usize, kind: HookKind, hit: &Hit) -> usize {
        let mut state = self.lock();
        let hooks = state.hooks_at(build, kind);
        hooks.iter().for_each(|(code, cookie)| state.run(build, code, *cookie, hit));
        hooks.len()
    }

    /// Lets a process begin to execute an executable. Says whether a program noticed.
    pub fn start(&self, build: usize, binary: BinaryNo, hit: &Hit) -> bool {
        let mut state = self.lock();
        let Some(code) = state.start_at(build, binary) else { return false };
        state.run(build, &code, 0, hit);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn sites(&self, build: usize, function: FuncNo) -> Vec<u64> {
        let users = self.builds.get(build).into_iter().flat_map(|build| &build.program.users);
        let sites = users.flat_map(|user| &user.sites).filter(|site| site.function == function);
        let mut sites: Vec<u64> = sites.map(|site| site.cookie).collect();
        sites.sort_unstable();
        sites
    }

    fn code_at(&self, build: usize, cookie: u64) -> Option<bpf::Program> {
        let of = self.builds.get(build)?;
        let user = of.program.users.iter().find(|user| user.sites.iter().any(|site| site.cookie == cookie))?;
        let site = user.sites.iter().find(|site| site.cookie == cookie)?;
        let is_attached = of.binaries.contains(&user.binary) && !self.dropped.contains(&site.function);
        is_attached.then(|| user.program.clone())
    }

    fn hooks_at(&self, build: usize, kind: HookKind) -> Vec<(bpf::Program, u64)> {
        let Some(of) = self.builds.get(build) else { return Vec::new() };
        let hooks = of.program.hooks.iter();
        let hooks = hooks.filter(|hook| of.binaries.contains(&hook.binary) && !of.resting.contains(&hook.kind));
        let sites = hooks.flat_map(|hook| hook.sites.iter().map(|site| (hook.program.clone(), site.cookie)));
        // The lower byte of a hook's cookie says what happens there.
        sites.filter(|(_, cookie)| cookie & 0xff == kind as u64).collect()
    }

    fn start_at(&self, build: usize, binary: BinaryNo) -> Option<bpf::Program> {
        let of = self.builds.get(build).filter(|of| of.binaries.contains(&binary))?;
        of.program.starts.iter().find(|start| start.binary == binary).map(|start| start.program.clone())
    }

    fn run(&mut self, build: usize, code: &bpf::Program, cookie: u64, hit: &Hit) {
        let ids = self.builds.get(build).map(|build| build.ids.clone()).unwrap_or_default();
        let Some(vm) = &mut self.vm else { return };
        let image: Image = vm.load_with(code, &ids).expect("an emitted program loads");
        let &Hit { pid, tid, time, ip, .. } = hit;
        vm.task = Task { tgid: pid, pid: tid, boot_ns: time, cookie, ip, comm: "app".into(), ..Task::default() };
        let ran = vm.run(&image, &mut hit.context(), &mut hit.memory.clone());
        ran.expect("an emitted program does nothing that is forbidden");
    }
}

impl Hit {
    /// `struct pt_regs` of amd64.
    fn context(&self) -> Vec<u8> {
        let mut bytes = vec![0; PT_REGS];
        for (name, value) in self.registers.iter().chain([&("ip", self.ip)]) {
            if let Some(register) = Register::named(Arch::Amd64, name) {
                bytes[usize::from(register.offset)..][..8].copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes
    }
}

/// The engine of a [`Simulation`].
struct Simulator {
    state: Arc<Mutex<State>>,
    dropped: BTreeSet<FuncNo>,
}

fn wrong(why: &str) -> Error {
    Error::wrong("simulating", why)
}

impl Simulator {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn first(&self) -> Result<Arc<Program>, Error> {
        let state = self.lock();
        state.builds.first().map(|build| build.program.clone()).ok_or_else(|| wrong("no program is loaded"))
    }

    fn with_build<T>(&self, build: Build, with: impl FnOnce(&mut LoadedBuild) -> T) -> Option<T> {
        self.lock().builds.get_mut(build.0).map(with)
    }

    /// Tells programs that the ends of calls of these functions are not seen any more.
    fn forget_calls(&self, functions: &[FuncNo]) -> Result<(), Error> {
        let Some(frames) = self.first()?.tables.frames else { return Ok(()) };
        let tables = self.tables(Build(0));
        let gone = tables.get(frames.gone)?;
        functions.iter().try_for_each(|function| gone.put(&function.0.to_ne_bytes(), &1u32.to_ne_bytes()))
    }
}

impl Engine for Simulator {
    fn capabilities(&self) -> Capabilities {
        let needs = EngineNeeds { hand_over: false, sites: SiteIds::Cookie, process_ids: ProcessIds::Kernel };
        Capabilities { caps: Caps::linux_6_12(), needs, knows_pids: true, lanes: CPUS }
    }

    fn tracepoints(&self) -> Result<Vec<(String, String)>, Error> {
        Ok(Vec::new())
    }

    fn tracepoint(&self, _: &str, _: &str) -> Result<Tracepoint, Error> {
        Err(wrong("there are no tracepoints"))
    }

    fn can_identify(&self, _: Pid) -> bool {
        true
    }

    fn load(&mut self, source: Source) -> Result<Option<Build>, Error> {
        let (program, mut state) = (source.program, self.lock());
        let made = match &mut state.vm {
            None => Vm::new(&program.maps, CPUS).map(|vm| {
                state.vm = Some(vm);
                program.maps.iter().map(|(id, _)| id).collect()
            }),
            Some(vm) => vm.extend(&program.maps, &program.own()),
        };
        let ids = made.map_err(|error| wrong(&error.to_string()))?;
        let (binaries, resting) = (BTreeSet::new(), Vec::new());
        state.builds.push(LoadedBuild { program, ids, binaries, resting, events: false });
        Ok(Some(Build(state.builds.len() - 1)))
    }

    fn unload_last(&mut self) {
        self.lock().builds.pop();
    }

    fn tables(&self, build: Build) -> Tables {
        self.with_build(build, |of| tables::of(&self.state, &of.program, &of.ids)).unwrap_or_default()
    }

    fn admit(&mut self, process: Admitted) -> Result<bool, Error> {
        self.tables(Build(0)).admit(self.first()?.tables.processes, &process)
    }

    fn dismiss(&mut self, pid: Pid, binary: BinaryNo) -> Result<(), Error> {
        let key = Admitted::key(pid, binary);
        self.tables(Build(0)).get(self.first()?.tables.processes)?.remove(&key).map(drop)
    }

    fn processes(&self) -> Result<Vec<Admitted>, Error> {
        self.tables(Build(0)).admitted(self.first()?.tables.processes)
    }

    fn attach(&mut self, build: Build, part: Part) -> Result<Attached, Error> {
        let attached = self.with_build(build, |of| match part {
            Part::Sites => (of.binaries, of.resting) = (of.binaries_with_sites(), Vec::new()),
            Part::Binary(_) => {}
            Part::Hooks(kind) => of.resting.retain(|resting| *resting != kind),
            Part::Events => of.events = true,
        });
        attached.map(|()| Attached::default()).ok_or_else(|| wrong("there is no such build"))
    }

    fn detach(&mut self, build: Build, part: Part) -> bool {
        let was_attached = self.is_attached(build, part);
        self.with_build(build, |of| match part {
            Part::Sites => of.binaries.clear(),
            Part::Binary(binary) => _ = of.binaries.remove(&binary),
            Part::Hooks(kind) if was_attached => of.resting.push(kind),
            Part::Hooks(_) => {}
            Part::Events => of.events = false,
        });
        was_attached
    }

    fn is_attached(&self, build: Build, part: Part) -> bool {
        let attached = self.with_build(build, |of| match part {
            Part::Sites => !of.binaries.is_empty(),
            Part::Binary(binary) => of.binaries.contains(&binary),
            Part::Hooks(kind) => {
                let has = |binary| of.binaries.contains(&binary) && !of.resting.contains(&kind);
                of.program.hooks.iter().any(|hook| hook.kind == kind && has(hook.binary))
            }
            Part::Events => of.events,
        });
        attached.unwrap_or(false)
    }

    fn attached_functions(&self, build: Build) -> BTreeSet<FuncNo> {
        let functions = self.with_build(build, |of| {
            let users = of.program.users.iter().filter(|user| of.binaries.contains(&user.binary));
            users.flat_map(|user| &user.sites).map(|site| site.function).collect::<BTreeSet<_>>()
        });
        functions.unwrap_or_default().difference(&self.dropped).copied().collect()
    }

    fn drop_functions(&mut self, functions: &[FuncNo]) {
        self.dropped.extend(functions);
        // Without a frame table no call is open.
        let _ = self.forget_calls(functions);
        let mut state = self.lock();
        (state.dropped, state.left) = (self.dropped.clone(), state.steps);
    }

    fn dropped(&self) -> &BTreeSet<FuncNo> {
        &self.dropped
    }

    fn advance(&mut self) -> Result<Progress, Error> {
        let mut state = self.lock();
        if let Some(why) = state.abandons.take() {
            state.dropped.clear();
            return Ok(Progress::Abandoned(wrong(&why)));
        }
        state.left = state.left.saturating_sub(1);
        Ok(if state.left == 0 { Progress::Idle } else { Progress::Busy })
    }

    fn run(&mut self, event: usize) -> Result<(), Error> {
        let program = self.first()?;
        let of = program.events.get(event).ok_or_else(|| wrong("there is no such event"))?;
        debug_assert!(matches!(of.on, On::Begin | On::End | On::Interval { .. }), "only these run by request");
        self.lock().run(0, &of.program, 0, &Hit::default());
        Ok(())
    }

    fn drain(&mut self, record: &mut dyn FnMut(&[u8])) -> usize {
        let Ok(program) = self.first() else { return 0 };
        // Reading a record may read tables, so the machine must not be locked then.
        let mut records = Vec::new();
        if let Some(vm) = &mut self.lock().vm {
            vm.drain(program.tables.ring, |bytes| records.push(bytes.to_vec()));
        }
        records.iter().for_each(|bytes| record(bytes));
        records.len()
    }

    fn missed(&self) -> u64 {
        0
    }

    fn site_costs(&mut self) -> Option<SiteCosts> {
        self.lock().costs
    }

    fn stop_measuring(&mut self) {}

    fn time_hooks(&mut self) {}

    fn hook_time(&self) -> Option<Duration> {
        None
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for build in &mut self.lock().builds {
            (build.binaries, build.events) = (BTreeSet::new(), false);
        }
    }
}

impl LoadedBuild {
    /// The executables that have anything to attach.
    fn binaries_with_sites(&self) -> BTreeSet<BinaryNo> {
        let users = self.program.users.iter().map(|user| user.binary);
        let hooks = self.program.hooks.iter().map(|hook| hook.binary);
        users.chain(hooks).chain(self.program.starts.iter().map(|start| start.binary)).collect()
    }
}
