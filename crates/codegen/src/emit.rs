//! Makes programs of plans: instructions, maps, and the schema of what comes back.
//!
//! Pure: the same plan and the same [`Caps`] give the same bytes. Nothing here knows the text or the executable; what
//! a plan asks for and this does not make is [`Refused`], never made wrong.
//!
//! ```text
//! program of a binary: entry ── armed? ours? ── which site ── which goroutine ── dispatch ──► body, body, …
//! program of an event: entry ── armed? ─────────────────────────────────────── dispatch ──► body, body, …
//! ```
//!
//! Each variant is a static function `(context, hit)` of its program; the `hit` lies on the stack of the entry and
//! says what all bodies want to know. In a body `R6` is the context, `R7` the hit, `R8` the record that is being
//! written, `R9` scratch memory if the body needs any. Expressions leave numbers in `R0`; what must outlive another
//! expression is in a slot of the stack. Text is never in registers but in a place, in the layout of
//! [`event::schema::text`].
//!
//! **What cannot be read.** A failed read sets the word *fault* of the value that is being computed to 1 and gives 0 or
//! "". Whoever puts the value into a record, a key, a map or a variable takes the word along. Which values can fail at
//! all is known before (`taint`), so that what cannot costs nothing.

mod aggregate;
mod body;
mod bucket;
mod calls;
mod capture;
mod ends;
mod entry;
mod expr;
mod flip;
mod goroutines;
mod hit;
mod ids;
mod keys;
mod memory;
mod pairs;
mod place;
mod record;
mod restrain;
mod scratch;
mod shapes;
mod stacks;
mod start;
mod syscalls;
mod taint;
mod text;
mod threads;
mod weight;

#[cfg(test)]
mod tests;

use std::fmt;

use bpf::{AsmError, Caps, Entries, Feature, Kind, MapError, MapFlags, MapId, MapKind, MapSpec, Maps};
use event::schema::MapValue;
use event::{MapIndex, MapSchema, Schema};

use crate::capture::Captures;
use plan::{Group, Plan, Pos};
use program::{
    EngineNeeds, ProcessIds, Program, SiteIds, Tables, control, counter, drops, engine_control, exit, firing, process,
    site, stack,
};
use taint::Taints;

pub use restrain::Restraint;
pub use weight::{Weight, weigh};
pub(crate) use weight::{together, variants};

/// What is chosen for a run and is none of the plan's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Bytes of the ring: a power of two, at least a page.
    pub ring: u32,
    /// What programs do for the engine that runs them.
    pub engine: EngineNeeds,
    /// What is held back.
    pub restraint: Restraint,
}

impl Options {
    /// Bytes of a ring, unless more is known about the records.
    pub const RING: u32 = 4 << 20;

    /// The usual ones for the kernel engine.
    #[must_use]
    pub fn of_kernel(caps: Caps) -> Options {
        Options { ring: Options::RING, engine: EngineNeeds::of_kernel(caps), restraint: Restraint::default() }
    }
}

/// Why there is no program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// What is not made, in words.
    pub why: String,
    /// Where the text asks for it.
    pub at: Option<Pos>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(pos) => write!(f, "{}:{}: {}", pos.line, pos.column, self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Refused {}

impl From<AsmError> for Refused {
    fn from(error: AsmError) -> Refused {
        Refused { why: format!("the program is not one that kernels take: {error}"), at: None }
    }
}

impl From<MapError> for Refused {
    fn from(error: MapError) -> Refused {
        Refused { why: error.to_string(), at: None }
    }
}

fn refused<T>(why: impl Into<String>, at: Option<Pos>) -> Result<T, Refused> {
    Err(Refused { why: why.into(), at })
}

/// Makes the program of a plan, with the tables for what it records ([`Captures::of`]).
///
/// # Errors
/// What the plan asks for and is not made, or not on kernels with those `caps`.
pub fn emit(plan: &Plan, captures: &Captures, caps: Caps, options: &Options) -> Result<Program, Refused> {
    emit_after(plan, captures, caps, options, Schema::new())
}

/// The same for a plan whose numbers are those of an earlier one ([`plan::world::World::numbered`]): what records and
/// maps of that are keeps its numbers, and what is new follows, so that both programs can share a ring and their maps.
///
/// # Errors
/// As [`emit`], and that a map of the text holds something else than before.
pub fn emit_after(
    plan: &Plan,
    captures: &Captures,
    caps: Caps,
    options: &Options,
    before: Schema,
) -> Result<Program, Refused> {
    let mut shared = Shared::new((plan, captures), caps, options, before)?;
    shared.try_bodies()?;
    let users = entry::users(&mut shared)?;
    let mut hooks = pairs::hooks(&mut shared)?;
    hooks.extend(goroutines::preludes(&mut shared)?);
    hooks.extend(threads::hooks(&mut shared)?);
    let events = entry::events(&mut shared)?;
    let starts = start::programs(&mut shared)?;
    let Shared { maps: MadeMaps { all: maps, user: user_maps, scratch, .. }, tables, schema, .. } = shared;
    Ok(Program { maps, tables, scratch, schema, user_maps, starts, users, hooks, events })
}

/// What all programs of a run have in common.
struct Shared<'p> {
    plan: &'p Plan,
    captures: &'p Captures,
    caps: Caps,
    options: Options,
    maps: MadeMaps,
    tables: Tables,
    schema: Schema,
    taints: Taints,
    /// What each variant comes to, known once all bodies were tried.
    weights: Vec<Weight>,
    /// Whether there is an `exit()`, so that later bodies must look.
    exits: bool,
    /// What records of whole calls need, if there are any.
    captured: Option<capture::Captured>,
    /// How many programs at places of the runtime there are so far.
    hooks: u32,
}

/// The maps so far.
struct MadeMaps {
    all: Maps,
    /// The map of each of the text's.
    user: Vec<MapId>,
    /// Memory for what does not fit on the stack; sized once all bodies were tried.
    scratch: Option<MapId>,
    /// What each attach point has had in this second, if there is a limit to that.
    rates: Option<MapId>,
}

/// How many programs at places of the runtime there are of a binary at most.
const MOST_HOOKS: usize = 7;

impl<'p> Shared<'p> {
    fn new(
        (plan, captures): (&'p Plan, &'p Captures),
        caps: Caps,
        options: &Options,
        mut schema: Schema,
    ) -> Result<Shared<'p>, Refused> {
        let mut maps = Maps::new();
        let mut tables = tables(plan, caps, options, &mut maps)?;
        let taints = Taints::of(plan);
        let mut user_maps = Vec::new();
        for (n, map) in plan.maps.iter().enumerate() {
            let described = shapes::map(plan, map, n, &taints, &mut schema)?;
            user_maps.push(maps.add(spec(map.capacity, &described, caps))?);
            match schema.map(MapIndex(n as u32)) {
                None => _ = schema.add_map(described),
                Some(before) if *before == described => {}
                Some(_) => return refused(format!("{} would hold something else there", map.name), None),
            }
        }
        let captured = capture::Captured::add(
            (plan, captures),
            sleepable(caps, options.engine),
            tables.frames.as_ref(),
            &mut maps,
            &mut schema,
        )?;
        tables.captures = captured.map(|captured| captured.tables);
        tables.starts = start::table(plan, &mut maps)?;
        let rates = options.restraint.table(plan, &mut maps)?;
        Ok(Shared {
            plan,
            captures,
            caps,
            options: *options,
            maps: MadeMaps { all: maps, user: user_maps, scratch: None, rates },
            tables,
            schema,
            taints,
            weights: Vec::new(),
            exits: taint::exits(plan),
            captured,
            hooks: 0,
        })
    }

    /// Tries all bodies, and makes the map of scratch memory if one of them needs it.
    fn try_bodies(&mut self) -> Result<(), Refused> {
        let mut most = 0;
        for n in 0..self.plan.variants.len() {
            let (scratch, weight) = body::tried(self, n)?;
            most = most.max(scratch);
            self.weights.push(weight);
        }
        if most > 0 {
            let spec = MapSpec::array("scratch", most, Entries::PerCpu(memory::SCRATCH_SLOTS as u32));
            self.maps.scratch = Some(self.maps.all.add(spec)?);
        }
        Ok(())
    }

    /// What short records need, if calls are recorded.
    fn shorts(&self) -> Option<capture::Shorts> {
        let captured = self.captured.filter(|captured| captured.records)?;
        let (ring, counters) = (self.tables.ring, self.tables.counters);
        Some(capture::Shorts { captured, ring, counters, numbers: self.numbers() })
    }

    fn group(&self, group: plan::GroupNo) -> Result<&'p Group, Refused> {
        let missing = || Refused { why: format!("the plan has no group {}", group.0), at: None };
        self.plan.groups.get(group.index()).ok_or_else(missing)
    }

    /// In [`Tables::firings`], where one more program at places of the runtime counts.
    fn place_of_hook(&mut self) -> u32 {
        self.hooks += 1;
        self.plan.sites.len() as u32 + self.hooks - 1
    }

    /// Whether each hit comes with the number of its site.
    fn has_cookies(&self) -> bool {
        self.options.engine.sites == SiteIds::Cookie
    }

    /// The kind of the programs at instructions.
    fn kind(&self) -> Kind {
        if self.has_cookies() { Kind::UprobeMulti } else { Kind::Uprobe }
    }

    /// Whose numbers processes have.
    fn numbers(&self) -> ids::Numbers {
        let ids = self.options.engine.process_ids;
        match self.tables.engine.filter(|_| ids != ProcessIds::Kernel) {
            Some(engine) => ids::Numbers::Namespace { engine, walk: ids == ProcessIds::Walk },
            None => ids::Numbers::Kernel,
        }
    }
}

/// Whether programs that record calls may sleep, so that they can wait for pages.
fn sleepable(caps: Caps, engine: EngineNeeds) -> bool {
    let features = [Feature::SleepableUprobes, Feature::NoPreallocInTracing];
    engine.sites == SiteIds::Cookie && features.into_iter().all(|feature| caps.has(feature))
}

/// A hash map with room for many entries where it can allocate as it fills, for few where it allocates all beforehand.
fn late_hash(caps: Caps, name: &str, [key, value]: [u32; 2], [many, few]: [u32; 2]) -> MapSpec {
    match caps.has(Feature::NoPreallocInTracing) {
        true => MapSpec::hash(name, MapKind::Hash, key, value, many).flags(MapFlags::NO_PREALLOC),
        false => MapSpec::hash(name, MapKind::Hash, key, value, few),
    }
}

/// The maps with a fixed purpose.
fn tables(plan: &Plan, caps: Caps, options: &Options, maps: &mut Maps) -> Result<Tables, Refused> {
    let one = Entries::Fixed(1);
    let has_places = !plan.sites.is_empty() || plan.needs.goroutines;
    let addressed = has_places && options.engine.sites == SiteIds::Address;
    let sites = entry::site_rows(plan);
    let first_drop = 1 + plan.points.len() as u32;
    let counters = first_drop + plan.maps.len() as u32 + drops::OTHERS;
    let rows = plan.sites.len().max(1) as u32;
    let places = plan.sites.len() + plan.binaries.len() * MOST_HOOKS;
    Ok(Tables {
        ring: maps.add(MapSpec::ringbuf("ring", Entries::Fixed(options.ring)))?,
        control: maps.add(MapSpec::array("control", control::SIZE, one))?,
        engine: if options.engine.has_words() {
            Some(maps.add(MapSpec::array("engine", engine_control::SIZE, one))?)
        } else {
            None
        },
        exit: maps.add(MapSpec::array("exit", exit::SIZE, one))?,
        processes: maps.add(MapSpec::hash(
            "processes",
            MapKind::Hash,
            process::KEY,
            process::SIZE,
            process::ENTRIES,
        ))?,
        counters: maps.add(MapSpec::per_cpu_array("counters", counter::SIZE, counters))?,
        firings: maps.add(MapSpec::per_cpu_array("firings", firing::SIZE, places.max(1) as u32))?,
        flip: if !options.engine.hand_over || plan.sites.is_empty() { None } else { Some(flip::tables(caps, maps)?) },
        drops: first_drop,
        sites: maps.add(MapSpec::array("sites", site::SIZE, Entries::Fixed(rows)).contents(sites))?,
        addresses: if addressed { Some(maps.add(addresses(plan))?) } else { None },
        stacks: if plan.needs.stacks { Some(maps.add(stacks())?) } else { None },
        frames: if plan.needs.frames { Some(pairs::tables(plan, caps, maps)?) } else { None },
        ends: if plan.needs.frames { Some(ends::table(caps, maps)?) } else { None },
        starts: None,
        gos: if plan.needs.goroutines { Some(goroutines::table(caps, maps)?) } else { None },
        syscalls: if syscalls::asked(plan) { Some(maps.add(syscalls::table(caps))?) } else { None },
        wrappers: goroutines::wrappers(plan).map(|wrappers| maps.add(wrappers)).transpose()?,
        threads: if plan.needs.g_of_thread { Some(threads::table(caps, maps)?) } else { None },
        captures: None,
    })
}

fn addresses(plan: &Plan) -> MapSpec {
    let mut contents = Vec::new();
    for (n, site) in plan.sites.iter().enumerate().filter(|(_, site)| !site.native_return) {
        let Some(function) = plan.functions.get(site.function.index()) else { continue };
        contents.extend(site.at.0.to_le_bytes());
        contents.extend(u64::from(function.binary.0).to_le_bytes());
        contents.extend((n as u32).to_le_bytes());
    }
    contents.extend(goroutines::addresses(plan));
    let entries = (contents.len() / ADDRESS).max(1) as u32;
    MapSpec::hash("addresses", MapKind::Hash, 16, 4, entries).contents(contents)
}

/// Bytes of a key and a value of [`Tables::addresses`].
const ADDRESS: usize = 20;

/// How many different stacks are kept.
const STACKS: u32 = 16384;

fn stacks() -> MapSpec {
    MapSpec::hash("stacks", MapKind::Hash, 8, stack::SIZE, STACKS)
}

/// The kernel's map for one of the text.
fn spec(capacity: u32, map: &MapSchema, caps: Caps) -> MapSpec {
    let (key, value) = (map.key_size() as u32, map.value.size() as u32);
    let Some(scale) = map.value.scale() else {
        let kind = if matches!(map.value, MapValue::Plain(_)) { MapKind::Hash } else { MapKind::PerCpuHash };
        return MapSpec::hash(&map.name, kind, key, value, if map.is_keyed() { capacity.max(1) } else { 1 });
    };
    let buckets = u32::try_from(scale.buckets()).unwrap_or(u32::MAX);
    if !map.is_keyed() {
        return MapSpec::hash(&map.name, MapKind::PerCpuHash, key, value, buckets);
    }
    // Few keys use many of their buckets. What is there before it is needed costs memory on every CPU.
    let lazy = caps.has(Feature::NoPreallocInTracing);
    let entries = capacity.max(1).saturating_mul(buckets).min(if lazy { 1 << 20 } else { 1 << 16 });
    let spec = MapSpec::hash(&map.name, MapKind::PerCpuHash, key, value, entries);
    if lazy { spec.flags(MapFlags::NO_PREALLOC) } else { spec }
}
