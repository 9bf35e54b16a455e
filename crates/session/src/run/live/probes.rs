//! The programs at sites of one build of what is probed: loaded, put in place, taken out.

use event::run::{Attached, Reason};
use kernel::Pid;
use kernel::engine::{self, Engine, Maps, Site, Uprobes, attach};
use probe::plan::BinaryNo;
use probe::program::UserProgram;

use super::super::world::Executable;
use super::super::{Compiled, Stopped};
use crate::refusal::Refusal;

/// Programs at sites. Dropped, they are taken out.
pub(super) struct Probes {
    users: Vec<engine::Program>,
    hooks: Vec<engine::Program>,
    starts: Vec<engine::Program>,
    in_place: Vec<(BinaryNo, attach::Attached)>,
}

/// What it takes to put them in place.
pub(super) struct Placing<'r> {
    pub engine: &'r Engine,
    pub compiled: &'r Compiled,
    /// The executables by their numbers; nothing for one that has its probes already.
    pub executables: Vec<Option<&'r Executable>>,
    /// Whose hits count alone.
    pub pid: Option<Pid>,
}

impl Probes {
    /// Loads what was compiled.
    pub fn load(engine: &Engine, program: &probe::Program, maps: &Maps) -> Result<Probes, engine::Error> {
        let users = program.users.iter().map(|user| engine.load(&user.program, maps));
        let hooks = program.hooks.iter().map(|hook| engine.load(&hook.program, maps));
        let starts = program.starts.iter().map(|start| engine.load(&start.program, maps));
        Ok(Probes {
            users: users.collect::<Result<_, _>>()?,
            hooks: hooks.collect::<Result<_, _>>()?,
            starts: starts.collect::<Result<_, _>>()?,
            in_place: Vec::new(),
        })
    }

    /// All programs.
    pub fn programs(&self) -> impl Iterator<Item = &engine::Program> {
        self.users.iter().chain(&self.hooks).chain(&self.starts)
    }

    /// Puts them in place: what keeps pairs right before what makes them, and what makes processes known last, so that
    /// hits of those count when all sites see them.
    pub fn attach(&mut self, placing: &Placing<'_>, told: &mut Attached) -> Result<(), Stopped> {
        let program = &placing.compiled.program;
        for (hook, loaded) in program.hooks.iter().zip(&self.hooks) {
            let site = |site: &probe::program::HookSite| Site { offset: site.file.0, cookie: site.cookie };
            let sites: Vec<Site> = hook.sites.iter().map(site).collect();
            let attached = placing.all(hook.binary, loaded, &sites, hook.purpose())?;
            self.in_place.extend(attached.map(|attached| (hook.binary, attached)));
        }
        for (user, loaded) in program.users.iter().zip(&self.users) {
            let site = |site: &probe::program::ProgramSite| Site { offset: site.file.0, cookie: site.cookie };
            let sites: Vec<Site> = user.sites.iter().map(site).collect();
            if let Some(attached) = placing.at(user.binary, loaded, &sites, user.returning)? {
                placing.refuse(user, &attached, told);
                self.in_place.push((user.binary, attached));
            }
        }
        for (start, loaded) in program.starts.iter().zip(&self.starts) {
            let why = "new processes cannot be noticed";
            let site = [Site { offset: start.site.0, cookie: 0 }];
            let attached = placing.all(start.binary, loaded, &site, why)?;
            self.in_place.extend(attached.map(|attached| (start.binary, attached)));
        }
        Ok(())
    }

    /// Takes them out, the last ones first. When it comes back none of them runs any more.
    pub fn detach(&mut self) {
        while self.in_place.pop().is_some() {}
    }

    /// Whether some are in place in an executable.
    pub fn are_in(&self, binary: BinaryNo) -> bool {
        self.in_place.iter().any(|(of, _)| *of == binary)
    }

    /// Takes those out that are in an executable, the last ones first.
    pub fn release(&mut self, binary: BinaryNo) {
        let (of_it, others) = self.in_place.drain(..).partition(|(of, _)| *of == binary);
        self.in_place = others;
        let mut of_it: Vec<_> = of_it;
        while of_it.pop().is_some() {}
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.detach();
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

    fn at(
        &self,
        binary: BinaryNo,
        program: &engine::Program,
        sites: &[Site],
        returning: bool,
    ) -> Result<Option<attach::Attached>, Stopped> {
        let Some(executable) = self.executables.get(binary.index()).copied().flatten() else { return Ok(None) };
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
