//! The programs of one build: loaded, attached, detached.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use ::engine::{Attached, Error, Pid, RefusedSite, Source};
use bpf::MapId;
use plan::target::HookKind;
use plan::{BinaryNo, FuncNo};
use program::{Program, ProgramSite, UserProgram};

use super::hand_over::Links;
use crate::loader::{self, Loader, Maps, Site, Uprobes, attach};

/// The programs of a build, and the links that hold them. Dropping it detaches them.
pub(super) struct LoadedBuild {
    pub program: Arc<Program>,
    pub maps: Maps,
    files: Vec<Arc<File>>,
    only: Option<Pid>,
    /// In the order of [`Program::users`].
    pub users: Vec<FunctionLink>,
    /// In the order of [`Program::hooks`].
    hooks: Vec<FixedLink>,
    /// In the order of [`Program::starts`].
    starts: Vec<FixedLink>,
    /// Programs that handed over to others. Their misses still count.
    replaced: Vec<loader::Program>,
}

/// A program whose sites never change.
struct FixedLink {
    binary: BinaryNo,
    program: loader::Program,
    attached: Option<attach::Attached>,
    /// Detached for a while ([`LoadedBuild::rest`]).
    rests: bool,
}

/// A program at sites of functions.
pub(super) struct FunctionLink {
    pub binary: BinaryNo,
    program: loader::Program,
    /// The number by which programs tell links apart during a hand-over.
    pub number: u32,
    /// Where it is attached.
    pub sites: Vec<ProgramSite>,
    attached: Option<attach::Attached>,
}

impl LoadedBuild {
    /// Loads all programs of a build.
    pub fn load(loader: &Loader, source: Source, maps: Maps, links: &mut Links) -> Result<LoadedBuild, Error> {
        let Source { program, files, only } = source;
        let users = program.users.iter().map(|user| FunctionLink::load(loader, &program, user, &maps, links));
        let hooks = program.hooks.iter().map(|hook| FixedLink::load(loader, hook.binary, &hook.program, &maps));
        let starts = program.starts.iter().map(|start| FixedLink::load(loader, start.binary, &start.program, &maps));
        Ok(LoadedBuild {
            users: users.collect::<Result<_, _>>()?,
            hooks: hooks.collect::<Result<_, _>>()?,
            starts: starts.collect::<Result<_, _>>()?,
            replaced: Vec::new(),
            program: program.clone(),
            maps,
            files,
            only,
        })
    }

    /// Attaches everything: the hooks that keep pairs of calls and returns right before the sites that make pairs, and
    /// process starts last, so that hits of a process count when all sites see them.
    pub fn attach(&mut self, loader: &Loader, dropped: &BTreeSet<FuncNo>) -> Result<Attached, Error> {
        let mut refused = Vec::new();
        self.attach_hooks(loader, |_, _| true)?;
        for n in 0..self.users.len() {
            refused.extend(self.attach_user(loader, n, dropped)?);
        }
        for n in 0..self.starts.len() {
            let Some(start) = self.program.starts.get(n) else { continue };
            let (sites, why) = ([Site { offset: start.site.0, cookie: 0 }], "new processes cannot be noticed");
            let attached = self.attach_all(loader, start.binary, &self.starts[n].program, &sites, why)?;
            self.starts[n].attached = attached;
        }
        Ok(Attached { refused })
    }

    fn attach_user(
        &mut self,
        loader: &Loader,
        n: usize,
        dropped: &BTreeSet<FuncNo>,
    ) -> Result<Vec<RefusedSite>, Error> {
        let Some(user) = self.program.users.get(n) else { return Ok(Vec::new()) };
        let sites = user.sites.iter().filter(|site| !dropped.contains(&site.function)).copied().collect();
        (self.users[n].attached, self.users[n].sites) = (None, sites);
        let Some(attached) = self.attach_link(loader, n, &self.users[n])? else { return Ok(Vec::new()) };
        let refused = attached.refused.iter().map(|refused| {
            let site = user.sites.iter().find(|site| site.cookie == refused.site.cookie);
            RefusedSite { function: site.map_or(FuncNo(u32::MAX), |site| site.function), why: refused.to_string() }
        });
        let refused = refused.collect();
        self.users[n].take(attached);
        Ok(refused)
    }

    fn attach_hooks(&mut self, loader: &Loader, wanted: impl Fn(HookKind, &FixedLink) -> bool) -> Result<(), Error> {
        for n in 0..self.hooks.len() {
            let Some(hook) = self.program.hooks.get(n).filter(|hook| wanted(hook.kind, &self.hooks[n])) else {
                continue;
            };
            let sites = hook.sites.iter().map(|site| Site { offset: site.file.0, cookie: site.cookie });
            let sites: Vec<Site> = sites.collect();
            let attached = self.attach_all(loader, hook.binary, &self.hooks[n].program, &sites, hook.purpose())?;
            (self.hooks[n].attached, self.hooks[n].rests) = (attached, false);
        }
        Ok(())
    }

    /// Attaches a program at all of these sites or nowhere.
    fn attach_all(
        &self,
        loader: &Loader,
        binary: BinaryNo,
        program: &loader::Program,
        sites: &[Site],
        otherwise: &str,
    ) -> Result<Option<attach::Attached>, Error> {
        let attached = self.attach_at(loader, binary, program, sites, false)?;
        match attached.as_ref().and_then(|attached| attached.refused.first()) {
            Some(refused) => Err(Error::wrong(otherwise, refused.to_string())),
            None => Ok(attached),
        }
    }

    /// Attaches a link of [`Program::users`] at its sites, as far as the kernel takes them.
    pub fn attach_link(
        &self,
        loader: &Loader,
        n: usize,
        link: &FunctionLink,
    ) -> Result<Option<attach::Attached>, Error> {
        let sites = link.sites.iter().map(|site| Site { offset: site.file.0, cookie: site.cookie });
        let returning = self.program.users.get(n).is_some_and(|user| user.returning);
        self.attach_at(loader, link.binary, &link.program, &sites.collect::<Vec<_>>(), returning)
    }

    /// Attaches any program at sites of an executable.
    pub fn attach_at(
        &self,
        loader: &Loader,
        binary: BinaryNo,
        program: &loader::Program,
        sites: &[Site],
        returning: bool,
    ) -> Result<Option<attach::Attached>, Error> {
        let Some(file) = self.files.get(binary.index()) else { return Ok(None) };
        let uprobes = Uprobes { file, sites, pid: self.only, returning };
        loader.uprobes(program, &uprobes).map(Some)
    }

    /// All programs, for what the kernel counts of them.
    pub fn programs(&self) -> impl Iterator<Item = &loader::Program> {
        let users = self.users.iter().map(|user| &user.program);
        users.chain(self.hooks.iter().chain(&self.starts).map(|link| &link.program)).chain(&self.replaced)
    }

    /// Programs at runtime hooks.
    pub fn hooks(&self) -> impl Iterator<Item = &loader::Program> {
        self.hooks.iter().map(|link| &link.program)
    }

    /// Detaches hooks of a kind until [`LoadedBuild::resume`]. Says whether any was attached.
    pub fn rest(&mut self, kind: HookKind) -> bool {
        let hooks = self.program.hooks.iter().zip(&mut self.hooks).filter(|(hook, _)| hook.kind == kind);
        hooks.fold(false, |any, (_, link)| {
            let was_attached = link.attached.take().is_some();
            link.rests |= was_attached;
            any | was_attached
        })
    }

    /// Attaches hooks of a kind that rest.
    pub fn resume(&mut self, loader: &Loader, kind: HookKind) -> Result<(), Error> {
        self.attach_hooks(loader, |of, link| of == kind && link.rests)
    }

    /// Whether hooks of a kind are attached.
    pub fn hooks_are_attached(&self, kind: HookKind) -> bool {
        let mut hooks = self.program.hooks.iter().zip(&self.hooks);
        hooks.any(|(hook, link)| hook.kind == kind && link.attached.is_some())
    }

    /// Whether anything is attached in some executable.
    pub fn is_in(&self, wanted: impl Fn(BinaryNo) -> bool) -> bool {
        let fixed = self.hooks.iter().chain(&self.starts).map(|link| (link.binary, &link.attached));
        let mut all = fixed.chain(self.users.iter().map(|user| (user.binary, &user.attached)));
        all.any(|(binary, attached)| wanted(binary) && attached.is_some())
    }

    /// Functions with attached sites.
    pub fn attached_functions(&self) -> BTreeSet<FuncNo> {
        let attached = self.users.iter().filter(|user| user.is_attached());
        attached.flat_map(|user| &user.sites).map(|site| site.function).collect()
    }

    /// Detaches what is in some executables, in the opposite order of the attach. Says whether anything was attached.
    pub fn detach(&mut self, wanted: impl Fn(BinaryNo) -> bool) -> bool {
        let was_attached = self.is_in(&wanted);
        let detach = |link: &mut FixedLink| {
            let stays = !wanted(link.binary);
            link.attached = link.attached.take().filter(|_| stays);
            link.rests &= stays;
        };
        self.starts.iter_mut().rev().for_each(detach);
        let users = self.users.iter_mut().rev().filter(|user| wanted(user.binary));
        users.for_each(|user| user.attached = None);
        self.hooks.iter_mut().rev().for_each(detach);
        was_attached
    }

    /// Detaches a link of [`Program::users`]. `other`, if any, has taken over from it.
    pub fn replace(&mut self, n: usize, other: Option<FunctionLink>) {
        let Some(link) = self.users.get_mut(n) else { return };
        link.attached = None;
        link.sites.clear();
        if let Some(other) = other {
            self.replaced.push(std::mem::replace(link, other).program);
        }
    }
}

impl Drop for LoadedBuild {
    fn drop(&mut self) {
        self.detach(|_| true);
    }
}

impl FixedLink {
    fn load(loader: &Loader, binary: BinaryNo, program: &bpf::Program, maps: &Maps) -> Result<FixedLink, Error> {
        Ok(FixedLink { binary, program: loader.load(program, maps)?, attached: None, rests: false })
    }
}

impl FunctionLink {
    /// Loads it, with a number of its own where another link may have to take over.
    pub fn load(
        loader: &Loader,
        program: &Program,
        user: &UserProgram,
        maps: &Maps,
        links: &mut Links,
    ) -> Result<FunctionLink, Error> {
        let (binary, sites, attached) = (user.binary, user.sites.clone(), None);
        let Some(flip) = program.tables.flip.filter(|_| sites.len() > 1) else {
            let program = loader.load(&user.program, maps)?;
            return Ok(FunctionLink { binary, program, number: u32::MAX, sites, attached });
        };
        let missing = || Error::wrong("making the tables of a link", "they differ");
        let own = loader.maps_beside(&program.maps, maps, &[flip.link])?.ok_or_else(missing)?;
        let number = links.next_number();
        write_word(&own, flip.link, number)?;
        Ok(FunctionLink { binary, program: loader.load(&user.program, &own)?, number, sites, attached })
    }

    /// Keeps what is attached, and forgets the sites that the kernel refused.
    pub fn take(&mut self, attached: attach::Attached) {
        let refused = |site: &ProgramSite| attached.refused.iter().any(|refused| refused.site.offset == site.file.0);
        self.sites.retain(|site| !refused(site));
        self.attached = Some(attached);
    }

    /// Whether it is attached.
    pub fn is_attached(&self) -> bool {
        self.attached.is_some()
    }
}

fn write_word(maps: &Maps, id: MapId, word: u32) -> Result<(), Error> {
    maps.tables().get(id)?.put(&0u32.to_ne_bytes(), &word.to_ne_bytes())
}
