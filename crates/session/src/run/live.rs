//! One run: loads, attaches, does what records ask for, ends.
//!
//! Whatever ends it, [`Live`] is dropped or closed, and with it go the probes: everything in the kernel is held by what
//! stands in it.

mod clocks;
mod life;

use std::cell::OnceCell;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use event::run::{Attached, Reason, Summary};
use event::{Event, Snapshot, What};
use kernel::engine::{self, Engine, Map, Maps, Ring, Site, Uprobes, attach};
use kernel::kallsyms::Symbols;
use kernel::{clock, signal};
use probe::plan::{BinaryNo, On, Period};
use probe::program::{HookProgram, StartProgram, UserProgram, exit};

use super::maps::UserMaps;
use super::names::Known;
use super::watch::{Control, Watch, Whose};
use super::world::Executable;
use super::{Compiled, Ended, Limits, Show, Stopped};
use super::{remains, tally};
use crate::refusal::Refusal;
use crate::target::Target;
use clocks::Intervals;
use life::Life;

/// How often the ring is looked at.
const TICK: Duration = Duration::from_millis(1);
/// How often it is looked whether the target is still there, and whether the script has asked for the end.
const GLANCE: Duration = Duration::from_millis(10);
/// How often it is looked which processes have ended.
const LOOK: Duration = Duration::from_millis(200);
/// Looking takes no more than one part in so many of the time.
const LOOKING: u32 = 20;
/// When nothing was hit for that long after the start, it is said.
const SILENCE: Duration = Duration::from_secs(5);

pub(super) fn run(compiled: &Compiled, limits: Limits, show: &mut dyn Show) -> Result<Ended, Stopped> {
    let mut life = Life::begin(&compiled.script)?;
    let mut live = Live::load(compiled, limits, &life)?;
    live.once(On::Begin)?;
    if !live.asked_for_exit()? {
        live.attach(&life)?;
        live.arm(true)?;
    }
    let mut shown = live.show(&mut life, show);
    let unshown = no_room(&mut shown);
    shown?;
    if unshown.is_some() {
        // What was gathered is not lost because there was no room for something else.
        show.rescue(true);
    }
    let ended = live.close(&mut life, show)?;
    unshown.map_or(Ok(ended), |error| Err(error.into()))
}

/// What is in the kernel, and what is known of it.
struct Live<'r> {
    compiled: &'r Compiled,
    engine: &'r Engine,
    limits: Limits,
    binaries: Vec<&'r Executable>,
    watch: Watch,
    control: Control,
    attached: Attached,
    kernel: OnceCell<Option<Symbols>>,
    unix_less_boot: i64,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    in_place: Vec<attach::Attached>,
    users: Vec<engine::Program>,
    hooks: Vec<engine::Program>,
    starts: Vec<engine::Program>,
    /// Calls in which processes have ended.
    open: u64,
    events: Vec<engine::Program>,
    ring: Ring,
    maps: Maps,
}

impl<'r> Live<'r> {
    fn load(compiled: &'r Compiled, limits: Limits, life: &Life) -> Result<Live<'r>, Stopped> {
        let (engine, program) = (&compiled.engine, &compiled.program);
        let maps = engine.maps(&program.maps)?;
        let users = program.users.iter().map(|user| engine.load(&user.program, &maps));
        let users = users.collect::<Result<_, _>>()?;
        let hooks = program.hooks.iter().map(|hook| engine.load(&hook.program, &maps));
        let hooks = hooks.collect::<Result<_, _>>()?;
        let starts = program.starts.iter().map(|start| engine.load(&start.program, &maps));
        let starts = starts.collect::<Result<_, _>>()?;
        let events = program.events.iter().map(|event| engine.load(&event.program, &maps));
        let events = events.collect::<Result<_, _>>()?;
        let ring = engine.ring(maps.get(program.tables.ring).ok_or_else(no_map)?)?;
        let binaries = compiled.binaries();
        let starting = |n: u32| program.starts.iter().any(|start| start.binary.0 == n);
        let watched = binaries.iter().copied().zip((0..).map(starting));
        let mut watch = Watch::new(whose(compiled, life), watched);
        watch.find(maps.get(program.tables.processes).ok_or_else(no_map)?)?;
        let mut control = Control::new(watch.unfiltered());
        control.arm(false, maps.get(program.tables.control).ok_or_else(no_map)?)?;
        Ok(Live {
            compiled,
            engine,
            limits,
            binaries,
            watch,
            control,
            attached: tally::planned(&compiled.plan, program),
            kernel: OnceCell::new(),
            unix_less_boot: clock::unix_less_boot(),
            printed: 0,
            exit: None,
            damaged: 0,
            in_place: Vec::new(),
            users,
            hooks,
            starts,
            open: 0,
            events,
            ring,
            maps,
        })
    }

    /// From the start to what ends it.
    fn show(&mut self, life: &mut Life, show: &mut dyn Show) -> Result<(), Stopped> {
        self.attached.ts = clock::unix();
        show.attached(&self.attached)?;
        self.act(show)?;
        if self.is_over() {
            return Ok(());
        }
        life.start()?;
        self.follow(life, show)
    }

    fn table(&self, id: probe::MapId) -> Result<&Map, Stopped> {
        self.maps.get(id).ok_or_else(|| no_map().into())
    }

    fn arm(&mut self, armed: bool) -> Result<(), Stopped> {
        let table = self.maps.get(self.compiled.program.tables.control).ok_or_else(no_map)?;
        Ok(self.control.arm(armed, table)?)
    }

    /// Runs what the text says about the start or the end.
    fn once(&self, when: On) -> Result<(), Stopped> {
        for (event, program) in self.compiled.program.events.iter().zip(&self.events) {
            if event.on == when {
                self.engine.run(program, &[])?;
            }
        }
        Ok(())
    }

    fn attach(&mut self, life: &Life) -> Result<(), Stopped> {
        let compiled = self.compiled;
        for (n, start) in compiled.program.starts.iter().enumerate() {
            let attached = self.attach_start(n, start).map_err(|error| life.explain(error))?;
            self.in_place.push(attached);
        }
        // Who came before the probes that see him come.
        self.watch.find(self.maps.get(compiled.program.tables.processes).ok_or_else(no_map)?)?;
        for (n, hook) in compiled.program.hooks.iter().enumerate() {
            let attached = self.attach_hook(n, hook).map_err(|error| life.explain(error))?;
            self.in_place.push(attached);
        }
        for (n, user) in compiled.program.users.iter().enumerate() {
            let attached = self.attach_user(n, user).map_err(|error| life.explain(error))?;
            self.refuse(user, &attached);
            self.in_place.push(attached);
        }
        for (n, event) in compiled.program.events.iter().enumerate() {
            let attached = self.attach_event(n, &event.on)?;
            self.in_place.extend(attached);
        }
        Ok(())
    }

    fn attach_user(&self, n: usize, user: &UserProgram) -> Result<attach::Attached, Stopped> {
        let sites: Vec<Site> =
            user.sites.iter().map(|site| Site { offset: site.file.0, cookie: site.cookie }).collect();
        self.attach_sites(user.binary, self.users.get(n), &sites, user.returning)
    }

    fn attach_start(&self, n: usize, start: &StartProgram) -> Result<attach::Attached, Stopped> {
        let site = Site { offset: start.site.0, cookie: 0 };
        let attached = self.attach_sites(start.binary, self.starts.get(n), &[site], false)?;
        match attached.refused.first() {
            Some(refused) => Err(Refusal::refused(format!("new processes cannot be noticed: {refused}")).into()),
            None => Ok(attached),
        }
    }

    fn attach_hook(&self, n: usize, hook: &HookProgram) -> Result<attach::Attached, Stopped> {
        let sites: Vec<Site> = hook.sites.iter().map(|site| Site { offset: site.0, cookie: 0 }).collect();
        let attached = self.attach_sites(hook.binary, self.hooks.get(n), &sites, false)?;
        match attached.refused.first() {
            Some(refused) => Err(Refusal::refused(format!("calls cannot be paired: {refused}")).into()),
            None => Ok(attached),
        }
    }

    fn attach_sites(
        &self,
        binary: BinaryNo,
        program: Option<&engine::Program>,
        sites: &[Site],
        returning: bool,
    ) -> Result<attach::Attached, Stopped> {
        let missing = || Refusal::refused("the plan has no such executable");
        let executable = self.binaries.get(binary.index()).ok_or_else(missing)?;
        let program = program.ok_or_else(missing)?;
        let pid = match self.watch.whose() {
            Whose::One(pid) => Some(pid),
            Whose::Running(_) | Whose::All => None,
        };
        let uprobes = Uprobes { file: &executable.file, sites, pid, returning };
        Ok(self.engine.uprobes(program, &uprobes)?)
    }

    /// Functions of which the kernel does not take every site.
    fn refuse(&mut self, user: &UserProgram, attached: &attach::Attached) {
        self.attached.sites = self.attached.sites.saturating_sub(attached.refused.len() as u64);
        for refused in &attached.refused {
            let site = user.sites.iter().find(|site| site.cookie == refused.site.cookie);
            let function = site.and_then(|site| self.compiled.plan.functions.get(site.function.index()));
            let func = function.map_or_else(String::new, |function| function.name.clone());
            if !self.attached.skipped.iter().any(|known| known.func == func) {
                self.attached.attached = self.attached.attached.saturating_sub(1);
            }
            self.attached.skipped.push(Reason { func, why: refused.to_string() });
        }
    }

    fn attach_event(&self, n: usize, on: &On) -> Result<Option<attach::Attached>, Stopped> {
        let Some(program) = self.events.get(n) else { return Ok(None) };
        Ok(match on {
            On::Tracepoint { category, name } => {
                Some(self.engine.on_tracepoint(program, &self.engine.tracepoint(category, name)?)?)
            }
            On::Profile { period } => Some(self.engine.on_clock(program, hertz(*period))?),
            On::Begin | On::End | On::Interval { .. } | On::Goroutine { .. } => None,
        })
    }

    /// Until something ends it.
    fn follow(&mut self, life: &mut Life, show: &mut dyn Show) -> Result<(), Stopped> {
        let start = Instant::now();
        let mut intervals = Intervals::new(&self.compiled.program.events, start);
        let (mut glanced, mut look, mut said) = (start, start + LOOK, false);
        loop {
            self.act(show)?;
            let now = Instant::now();
            let late = self.limits.duration.is_some_and(|most| now - start >= most);
            if self.is_over() || late || signal::asked_to_end() {
                return Ok(());
            }
            for due in intervals.due(now) {
                if let Some(program) = self.events.get(due) {
                    self.engine.run(program, &[])?;
                }
            }
            if now >= look {
                self.look()?;
                look = Instant::now() + LOOK.max(now.elapsed() * LOOKING);
            }
            if now - glanced >= GLANCE {
                glanced = now;
                if life.is_over()? || self.asked_for_exit()? {
                    return Ok(());
                }
            }
            if !said && now - start >= SILENCE {
                said = true;
                self.tell_silence(show)?;
            }
            sleep(intervals.until_next(now).map_or(TICK, |next| next.min(TICK)));
        }
    }

    /// What became of processes.
    fn look(&mut self) -> Result<(), Stopped> {
        let Compiled { plan, program, .. } = self.compiled;
        if self.watch.look(self.maps.get(program.tables.processes).ok_or_else(no_map)?)? {
            self.open += remains::clear(plan, program, &self.maps)?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.exit.is_some() || self.limits.printed.is_some_and(|most| self.printed >= most)
    }

    fn asked_for_exit(&self) -> Result<bool, Stopped> {
        let value = self.table(self.compiled.program.tables.exit)?.get(&0u32.to_ne_bytes())?.unwrap_or_default();
        let word = value.get(exit::ASKED as usize..).and_then(|rest| rest.get(..4));
        Ok(word.is_some_and(|word| word != [0; 4]))
    }

    fn tell_silence(&self, show: &mut dyn Show) -> Result<(), Stopped> {
        let so_far = self.summary()?;
        if so_far.hits + so_far.filtered == 0 && !self.compiled.program.users.is_empty() {
            let nobody = match (self.watch.whose(), self.watch.is_empty()) {
                (Whose::All | Whose::Running(_), true) => "; no process that runs the target was found",
                _ => "",
            };
            show.note(&format!("nothing was hit in the first {} seconds{nobody}", SILENCE.as_secs()));
        }
        Ok(())
    }

    /// Does what the records in the ring ask for.
    fn act(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        let (compiled, maps) = (self.compiled, &self.maps);
        let known = Known {
            plan: &compiled.plan,
            binaries: &self.binaries,
            watch: &self.watch,
            processes: maps.get(compiled.program.tables.processes),
            stacks: compiled.program.tables.stacks.and_then(|id| maps.get(id)),
            kernel: &self.kernel,
            unix_less_boot: self.unix_less_boot,
        };
        let mut acting = Acting {
            maps: UserMaps { program: &compiled.program, maps },
            known,
            most: self.limits.printed.unwrap_or(u64::MAX),
            printed: self.printed,
            exit: self.exit,
            damaged: self.damaged,
            show,
        };
        let (mut outcome, mut unshown) = (Ok(()), None);
        let count = self.ring.drain(|record| {
            if outcome.is_ok() {
                outcome = acting.record(record);
            }
            if let Some(error) = no_room(&mut outcome) {
                // The others are as good as this one, and it may be shown where they are.
                acting.show.rescue(true);
                unshown.get_or_insert(error);
                outcome = acting.record(record);
            }
        });
        let Acting { printed, exit, damaged, show, .. } = acting;
        (self.printed, self.exit, self.damaged) = (printed, exit, damaged);
        outcome?;
        if count > 0 {
            show.pause()?;
        }
        unshown.map_or(Ok(()), |error| Err(error.into()))
    }

    fn summary(&self) -> Result<Summary, Stopped> {
        let Compiled { plan, program, .. } = self.compiled;
        let mut summary = tally::summary(plan, program, &self.maps, &self.attached)?;
        let programs = self.users.iter().chain(&self.hooks).chain(&self.starts).chain(&self.events);
        summary.missed = programs.map(|program| self.engine.missed(program).unwrap_or(0)).sum();
        summary.printed = self.printed;
        summary.damaged = self.damaged;
        Ok(summary)
    }

    /// What is left to show.
    fn last(&self, maps: &[Snapshot], summary: &Summary, show: &mut dyn Show) -> io::Result<()> {
        let program = &self.compiled.program;
        let known = Known {
            plan: &self.compiled.plan,
            binaries: &self.binaries,
            watch: &self.watch,
            processes: self.maps.get(program.tables.processes),
            stacks: program.tables.stacks.and_then(|id| self.maps.get(id)),
            kernel: &self.kernel,
            unix_less_boot: self.unix_less_boot,
        };
        show.rest(maps, &known)?;
        show.finish()?;
        show.summary(summary)?;
        show.finish()
    }

    /// Takes everything out, and tells how it went.
    fn close(mut self, life: &mut Life, show: &mut dyn Show) -> Result<Ended, Stopped> {
        let Compiled { program, .. } = self.compiled;
        self.arm(false)?;
        // What makes processes known and keeps pairs right stands first and goes last.
        while self.in_place.pop().is_some() {}
        let exit = life.end()?;
        self.act(show)?;
        self.once(On::End)?;
        self.act(show)?;
        let open = self.open + remains::still_open(&self.compiled.plan, program, &self.maps)?;
        let summary = Summary { exit, open, ..self.summary()? };
        let maps = UserMaps { program, maps: &self.maps }.all()?;
        let mut before = show.finish().map_err(Stopped::Show);
        let no_room_before = no_room(&mut before);
        before?;
        if no_room_before.is_some() {
            show.rescue(true);
        }
        let mut shown = self.last(&maps, &summary, show).map_err(Stopped::Show);
        let no_room_then = no_room(&mut shown);
        shown?;
        if no_room_then.is_some() {
            show.rescue(false);
            self.last(&maps, &summary, show)?;
        }
        if let Some(error) = no_room_before.or(no_room_then) {
            return Err(error.into());
        }
        Ok(Ended { status: self.exit.unwrap_or(0) })
    }
}

/// Whose hits count.
fn whose(compiled: &Compiled, life: &Life) -> Whose {
    let target = compiled.executables.target().map(|executable| executable.id);
    match (&compiled.script.target, life.held()) {
        (Some(Target::Pid(pid)), _) => Whose::One(*pid),
        (None, Some(pid)) => Whose::One(pid),
        (Some(Target::Path(_)), _) => target.map_or(Whose::All, Whose::Running),
        (None, None) => Whose::All,
    }
}

/// Takes the error out that something could not be written, unless that is because its reader went away.
fn no_room(outcome: &mut Result<(), Stopped>) -> Option<io::Error> {
    match std::mem::replace(outcome, Ok(())) {
        Err(Stopped::Show(error)) if error.kind() != io::ErrorKind::BrokenPipe => Some(error),
        other => {
            *outcome = other;
            None
        }
    }
}

fn hertz(period: Period) -> u64 {
    match period {
        Period::Hz(hz) => hz,
        Period::Nanos(nanos) => (1_000_000_000 / nanos.max(1)).max(1),
    }
}

fn no_map() -> Refusal {
    Refusal::refused("a map of the program was not made")
}

/// What it takes to do what a record asks for.
struct Acting<'r, 's> {
    maps: UserMaps<'r>,
    known: Known<'r>,
    /// Units of output after which nothing more is shown.
    most: u64,
    printed: u64,
    exit: Option<i64>,
    damaged: u64,
    show: &'s mut dyn Show,
}

impl Acting<'_, '_> {
    fn record(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        match event::decode::event(&self.maps.program.schema, bytes) {
            Ok(event) => self.event(event),
            Err(_) => {
                self.damaged += 1;
                Ok(())
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Stopped> {
        let schema = &self.maps.program.schema;
        match event.what {
            What::Clear(map) => return Ok(self.maps.clear(map)?),
            What::Zero(map) => return Ok(self.maps.zero(map)?),
            What::Exit(status) => {
                self.exit.get_or_insert(status);
                return Ok(());
            }
            _ if self.printed >= self.most => return Ok(()),
            What::Printf { format, args } => {
                if let Some(form) = schema.format(format) {
                    self.show.printf(form, &args, &self.known)?;
                }
            }
            What::PrintValue(value) => self.show.value(&value, &self.known)?,
            What::Time(form) => {
                self.show.time(schema.text(form).unwrap_or_default(), event.header.time, &self.known)?;
            }
            What::PrintMap { map, top, div } => {
                if let Some(map) = self.maps.snapshot(map)? {
                    self.damaged += map.damaged.len() as u64;
                    self.show.map(&map.top(top).divided(div), &self.known)?;
                }
            }
            What::PrintEntry { map, key, div } => {
                if let Some(map) = self.maps.entry(map, &key)? {
                    self.show.map(&map.divided(div), &self.known)?;
                }
            }
        }
        self.printed += 1;
        Ok(())
    }
}
