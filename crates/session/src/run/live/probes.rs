//! The programs at sites of one build of what is probed: loaded, put in place, taken out.

use std::sync::atomic::{AtomicU32, Ordering};

use event::run::{Attached, Reason};
use kernel::Pid;
use kernel::engine::{self, Engine, Maps, Site, Uprobes, attach};
use plan::target::HookKind;
use plan::{BinaryNo, FuncNo};
use program::{HookProgram, ProgramSite, UserProgram};

use super::super::{Compiled, Stopped};
use super::no_map;
use crate::refusal::Refusal;

/// Programs at sites. Dropped, they are taken out.
pub(super) struct Probes {
    maps: Maps,
    /// What the text asks for, in the order of [`program::Program::users`].
    pub users: Vec<User>,
    hooks: Vec<Held>,
    starts: Vec<Held>,
    /// Programs that others have taken over from: how often they were missed is still asked.
    over: Vec<engine::Program>,
}

/// A program and what holds it in place.
struct Held {
    binary: BinaryNo,
    program: engine::Program,
    attached: Option<attach::Attached>,
    /// Nothing does, for a while.
    rests: bool,
}

/// A program at the user's sites and what holds it in place.
pub(super) struct User {
    binary: BinaryNo,
    program: engine::Program,
    /// The number of its link.
    pub link: u32,
    /// Where it is.
    pub sites: Vec<ProgramSite>,
    attached: Option<attach::Attached>,
}

/// What it takes to put them in place.
pub(super) struct Placing<'r> {
    pub engine: &'r Engine,
    pub compiled: &'r Compiled,
    /// Whose hits count alone.
    pub pid: Option<Pid>,
}

impl Probes {
    /// Loads what was compiled.
    pub fn load(engine: &Engine, program: &program::Program, maps: &Maps) -> Result<Probes, Stopped> {
        let held = |binary, program| {
            Ok::<_, engine::Error>(Held { binary, program: engine.load(program, maps)?, attached: None, rests: false })
        };
        let users = program.users.iter().map(|user| User::load(engine, program, user, maps));
        let hooks = program.hooks.iter().map(|hook| held(hook.binary, &hook.program));
        let starts = program.starts.iter().map(|start| held(start.binary, &start.program));
        Ok(Probes {
            users: users.collect::<Result<_, _>>()?,
            hooks: hooks.collect::<Result<_, _>>()?,
            starts: starts.collect::<Result<_, _>>()?,
            over: Vec::new(),
            maps: maps.clone(),
        })
    }

    /// All programs.
    pub fn programs(&self) -> impl Iterator<Item = &engine::Program> {
        let users = self.users.iter().map(|user| &user.program);
        users.chain(self.hooks.iter().chain(&self.starts).map(|held| &held.program)).chain(&self.over)
    }

    /// Those at places of the runtime.
    pub fn hooks(&self) -> impl Iterator<Item = &engine::Program> {
        self.hooks.iter().map(|held| &held.program)
    }

    /// The maps that they use.
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// Puts them in place: what keeps pairs right before what makes them, and what makes processes known last, so that
    /// hits of those count when all sites see them. Functions that are `gone` have no probes.
    pub fn attach(
        &mut self,
        placing: &Placing<'_>,
        gone: &dyn Fn(FuncNo) -> bool,
        told: &mut Attached,
    ) -> Result<(), Stopped> {
        let program = &placing.compiled.program;
        self.attach_hooks(placing, |_| true)?;
        for (user, held) in program.users.iter().zip(&mut self.users) {
            held.attached = None;
            held.sites = user.sites.iter().filter(|site| !gone(site.function)).copied().collect();
            if let Some(attached) = placing.user(user, held)? {
                placing.refuse(user, &attached, told);
                held.take(attached);
            }
        }
        for (start, held) in program.starts.iter().zip(&mut self.starts) {
            let (sites, why) = ([Site { offset: start.site.0, cookie: 0 }], "new processes cannot be noticed");
            held.attached = placing.all(start.binary, &held.program, &sites, why)?;
        }
        Ok(())
    }

    /// Puts programs at places of the runtime.
    fn attach_hooks(&mut self, placing: &Placing<'_>, which: impl Fn(&Held) -> bool) -> Result<(), Stopped> {
        let hooks = placing.compiled.program.hooks.iter().zip(&mut self.hooks);
        for (hook, held) in hooks.filter(|(_, held)| which(held)) {
            let site = |site: &program::HookSite| Site { offset: site.file.0, cookie: site.cookie };
            let sites: Vec<Site> = hook.sites.iter().map(site).collect();
            held.attached = placing.all(hook.binary, &held.program, &sites, hook.purpose())?;
            held.rests = false;
        }
        Ok(())
    }

    /// Takes programs at places of the runtime out that are in place, until [`Probes::resume`]; whether there were any.
    pub fn rest(&mut self, program: &program::Program, which: impl Fn(&HookProgram) -> bool) -> bool {
        let wanted = program.hooks.iter().zip(&mut self.hooks).filter(|(hook, _)| which(hook));
        wanted.fold(false, |any, (_, held)| {
            let was_in_place = held.attached.take().is_some();
            held.rests |= was_in_place;
            any | was_in_place
        })
    }

    /// Puts those in place again that rest.
    pub fn resume(&mut self, placing: &Placing<'_>) -> Result<(), Stopped> {
        self.attach_hooks(placing, |held| held.rests)
    }

    /// Takes them out, the last ones first. When it comes back none of them runs any more.
    pub fn detach(&mut self) {
        self.detach_where(|_| true);
    }

    /// Takes one of [`Probes::users`] out; in its place is, if there is any, the one that has taken over from it.
    pub fn replace(&mut self, user: usize, other: Option<User>) {
        let Some(held) = self.users.get_mut(user) else { return };
        held.attached = None;
        held.sites.clear();
        if let Some(other) = other {
            self.over.push(std::mem::replace(held, other).program);
        }
    }

    /// Whether goroutines are watched.
    pub fn watch(&self, program: &program::Program) -> bool {
        let mut hooks = program.hooks.iter().zip(&self.hooks);
        hooks.any(|(hook, held)| hook.kind == HookKind::Status && held.attached.is_some())
    }

    /// Whether some are in place in an executable.
    pub fn are_in(&self, binary: BinaryNo) -> bool {
        let held = self.hooks.iter().chain(&self.starts).map(|held| (held.binary, &held.attached));
        let mut all = held.chain(self.users.iter().map(|user| (user.binary, &user.attached)));
        all.any(|(of, attached)| of == binary && attached.is_some())
    }

    /// Takes those out that are in an executable, the last ones first.
    pub fn release(&mut self, binary: BinaryNo) {
        self.detach_where(|of| of == binary);
    }

    fn detach_where(&mut self, which: impl Fn(BinaryNo) -> bool) {
        let held = |held: &mut Held| {
            let stays = !which(held.binary);
            held.attached = held.attached.take().filter(|_| stays);
            held.rests &= stays;
        };
        self.starts.iter_mut().rev().for_each(held);
        let users = self.users.iter_mut().rev().filter(|user| which(user.binary));
        users.for_each(|user| user.attached = None);
        self.hooks.iter_mut().rev().for_each(held);
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.detach();
    }
}

impl User {
    /// Loads it, with a number of its own where another link may have to take over.
    pub fn load(engine: &Engine, program: &program::Program, user: &UserProgram, maps: &Maps) -> Result<User, Stopped> {
        static LINKS: AtomicU32 = AtomicU32::new(1);
        let (binary, sites, attached) = (user.binary, user.sites.clone(), None);
        let Some(flip) = program.tables.flip.filter(|_| sites.len() > 1) else {
            return Ok(User { binary, program: engine.load(&user.program, maps)?, link: u32::MAX, sites, attached });
        };
        let own = engine.maps_beside(&program.maps, maps, &[flip.link])?.ok_or_else(no_map)?;
        let link = LINKS.fetch_add(1, Ordering::Relaxed);
        own.get(flip.link).ok_or_else(no_map)?.put(&0u32.to_ne_bytes(), &link.to_ne_bytes())?;
        Ok(User { binary, program: engine.load(&user.program, &own)?, link, sites, attached })
    }

    /// Holds what is in place.
    pub fn take(&mut self, attached: attach::Attached) {
        let refused = |site: &ProgramSite| attached.refused.iter().any(|refused| refused.site.offset == site.file.0);
        self.sites.retain(|site| !refused(site));
        self.attached = Some(attached);
    }

    /// Whether it is in place.
    pub fn is_in_place(&self) -> bool {
        self.attached.is_some()
    }
}

impl Placing<'_> {
    /// At all these places or nowhere.
    fn all(
        &self,
        binary: BinaryNo,
        program: &engine::Program,
        sites: &[Site],
        otherwise: &str,
    ) -> Result<Option<attach::Attached>, Stopped> {
        let attached = self.at(binary, program, sites, false)?;
        match attached.as_ref().and_then(|attached| attached.refused.first()) {
            Some(refused) => Err(Refusal::refused(format!("{otherwise}: {refused}")).into()),
            None => Ok(attached),
        }
    }

    /// At its sites, as far as the kernel takes them.
    pub fn user(&self, user: &UserProgram, held: &User) -> Result<Option<attach::Attached>, Stopped> {
        let sites: Vec<Site> =
            held.sites.iter().map(|site| Site { offset: site.file.0, cookie: site.cookie }).collect();
        self.at(user.binary, &held.program, &sites, user.returning)
    }

    /// A program at some places.
    pub fn at(
        &self,
        binary: BinaryNo,
        program: &engine::Program,
        sites: &[Site],
        returning: bool,
    ) -> Result<Option<attach::Attached>, Stopped> {
        let Some(executable) = self.compiled.binary(binary.0) else { return Ok(None) };
        let uprobes = Uprobes { file: &executable.file, sites, pid: self.pid, returning };
        Ok(Some(self.engine.uprobes(program, &uprobes)?))
    }

    /// Functions of which the kernel does not take every site.
    fn refuse(&self, user: &UserProgram, attached: &attach::Attached, told: &mut Attached) {
        told.sites = told.sites.saturating_sub(attached.refused.len() as u64);
        for refused in &attached.refused {
            let site = user.sites.iter().find(|site| site.cookie == refused.site.cookie);
            let function = site.and_then(|site| self.compiled.plan.functions.get(site.function.index()));
            let func = function.map_or_else(String::new, |function| function.name.clone());
            if !told.skipped.iter().any(|known| known.func == func) {
                told.attached = told.attached.saturating_sub(1);
            }
            told.skipped.push(Reason { func, why: refused.to_string() });
        }
    }
}
