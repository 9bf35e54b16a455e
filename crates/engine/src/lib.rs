//! The contract between what to probe and how a probe fires.
//!
//! Everything above an [`Engine`] speaks of programs, functions, tables and records. Everything below it speaks of links,
//! patches and threads: file descriptors, cookies, pid namespaces, hand-over between links.
//!
//! ```text
//! Program ──load──► Build ──attach──► hits ──► tables (shared by all builds) and one stream of records
//! ```
//!
//! One engine owns all Go sites and hooks of a run. A run calls an engine in this order: [`Engine::load`], process table
//! filled by [`Engine::admit`], [`Engine::run`] for `BEGIN`, [`Engine::attach`], then [`Engine::drain`] and
//! [`Engine::advance`] until the end, [`Engine::detach`], [`Engine::run`] for `END`. Dropping an engine detaches
//! everything that is still attached.
//!
//! Pure: data and traits only. The engine that uses the kernel's uprobes is `kernel::engine`; `simulator` runs the same
//! programs in [`bpf::vm`] for tests of the run loop.

mod cost;
mod error;
mod process;
mod table;
mod tracepoint;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

pub use bpf::{Caps, Feature};
pub use cost::SiteCosts;
pub use error::{Error, Interface, Rejection};
pub use process::{Admitted, Pid};
pub use program::{EngineNeeds, ProcessIds, Program, SiteIds};
pub use table::{Entry, Lanes, Table, Tables};
pub use tracepoint::{Field, Tracepoint};

use plan::target::HookKind;
use plan::{BinaryNo, FuncNo};

/// What an engine can do on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// What instructions and helpers its programs may use.
    pub caps: Caps,
    /// The services that its programs do for it.
    pub needs: EngineNeeds,
    /// PIDs of gospect's `/proc` are those that the engine understands, so that it can attach to a command before its
    /// first instruction.
    pub knows_pids: bool,
    /// Values of a per-CPU table: one for each CPU, or each block of an engine without CPUs.
    pub lanes: u32,
}

/// A program that an engine has loaded, by its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Build(pub usize);

/// A program to load, and where its sites are.
pub struct Source {
    /// The program.
    pub program: Arc<Program>,
    /// The executables of the plan, by [`BinaryNo`]. An engine without a file system needs none.
    pub files: Vec<Arc<File>>,
    /// The only process whose hits count. The engine may use this to spare other processes of the same file.
    pub only: Option<Pid>,
}

/// A part of a build that is attached and detached as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Everything at places of executables: runtime hooks first, then functions, then process starts. Detached in the
    /// opposite order.
    Sites,
    /// The part of [`Part::Sites`] that is in one executable.
    Binary(BinaryNo),
    /// Runtime hooks of one kind.
    Hooks(HookKind),
    /// Tracepoints and clocks.
    Events,
}

/// What became of an attach.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attached {
    /// Sites that could not be probed. All other sites of their functions are attached.
    pub refused: Vec<RefusedSite>,
}

/// How far [`Engine::drop_functions`] is.
#[derive(Debug)]
pub enum Progress {
    /// No detach is in progress.
    Idle,
    /// Steps are left.
    Busy,
    /// The functions keep their probes, for this reason.
    Abandoned(Error),
}

/// A site that could not be probed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedSite {
    /// The function of the site.
    pub function: FuncNo,
    /// The reason, in words.
    pub why: String,
}

/// Runs programs of gospect at sites.
///
/// Methods fail when the system below refuses; each error says what was attempted.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Engine {
    /// What it can do here.
    fn capabilities(&self) -> Capabilities;

    /// Category and name of each tracepoint, sorted.
    fn tracepoints(&self) -> Result<Vec<(String, String)>, Error>;

    /// The fields of a tracepoint.
    fn tracepoint(&self, category: &str, name: &str) -> Result<Tracepoint, Error>;

    /// Whether hits of a process can be told from those of other processes.
    fn can_identify(&self, pid: Pid) -> bool;

    /// Loads a program. The first build makes all tables; later builds share them, except for their own
    /// ([`Program::own`]). `None` if the tables of the program and of the first build differ.
    fn load(&mut self, source: Source) -> Result<Option<Build>, Error>;

    /// Detaches and unloads the last build.
    fn unload_last(&mut self);

    /// The tables that programs of a build use.
    fn tables(&self, build: Build) -> Tables;

    /// Adds an executable of a process to the process table, unless it is there already. Says whether it was added.
    fn admit(&mut self, process: Admitted) -> Result<bool, Error>;

    /// Removes an executable of a process from the process table.
    fn dismiss(&mut self, pid: Pid, binary: BinaryNo) -> Result<(), Error>;

    /// The process table: processes that were admitted, and processes that were noticed when they started.
    fn processes(&self) -> Result<Vec<Admitted>, Error>;

    /// Attaches a part of a build. Functions in [`Engine::dropped`] stay without probes.
    fn attach(&mut self, build: Build, part: Part) -> Result<Attached, Error>;

    /// Detaches a part of a build. When it returns none of the programs of that part runs any more. Says whether
    /// anything was attached.
    fn detach(&mut self, build: Build, part: Part) -> bool;

    /// Whether any of a part is attached.
    fn is_attached(&self, build: Build, part: Part) -> bool;

    /// The functions of a build that have probes.
    fn attached_functions(&self, build: Build) -> BTreeSet<FuncNo>;

    /// Begins to detach functions for good, in all builds. No hit of another function is missed or counted twice.
    fn drop_functions(&mut self, functions: &[FuncNo]);

    /// The functions that were detached by [`Engine::drop_functions`], or are about to be.
    fn dropped(&self) -> &BTreeSet<FuncNo>;

    /// Takes the next step of a detach in progress, which never takes long.
    fn advance(&mut self) -> Result<Progress, Error>;

    /// Runs the program of an event of the first build: `BEGIN`, `END` or an interval.
    fn run(&mut self, event: usize) -> Result<(), Error>;

    /// Takes the records that are ready, oldest first, and says how many there were.
    fn drain(&mut self, record: &mut dyn FnMut(&[u8])) -> usize;

    /// How often programs of all builds should have run and did not.
    fn missed(&self) -> u64;

    /// What a hit costs the target at each class of site. The first call starts a measurement, which ends by itself.
    fn site_costs(&mut self) -> Option<SiteCosts>;

    /// Ends a measurement that [`Engine::site_costs`] started.
    fn stop_measuring(&mut self);

    /// Starts to time programs at runtime hooks, where that is permitted. It costs each run some nanoseconds.
    fn time_hooks(&mut self);

    /// For how long programs at runtime hooks have run since they are timed.
    fn hook_time(&self) -> Option<Duration>;
}
