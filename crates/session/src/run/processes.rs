//! The processes whose hits count: which they are, where their programs are loaded, and the process table that tells the
//! engine.
//!
//! Processes that start while probes are attached enter the table by themselves, through a program at the first
//! instruction of each executable ([`program::StartProgram`]). This module adds the processes that were running
//! already, and removes those that have ended.

mod files;
mod filter;
mod locations;
mod strays;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use engine::{Admitted, Engine, Error, Feature, Pid, Tables};
use kernel::FileId;
use plan::BinaryNo;
use program::MapId;

use super::compile::{Compiled, identify};
use crate::group::Admission;
use crate::machine::{Host, Process};
use crate::refusal::Refusal;
use files::ProbedFiles;
pub(super) use files::is_stale;
pub(super) use filter::ProcessFilter;
use locations::Locations;
use strays::Strays;

/// The processes of a run.
pub(super) struct Processes {
    host: Rc<dyn Host>,
    filter: ProcessFilter,
    /// How programs decide that a process which starts belongs to the group, if they can.
    admission: Option<Admission>,
    files: ProbedFiles,
    /// Processes in the table: their numbers there, and when they started.
    known: HashMap<Pid, (u32, u64)>,
    locations: Locations,
    strays: Strays,
    /// Numbers of processes that execute something else since.
    departed: HashSet<u32>,
    /// Processes of a group whose hits cannot be told from those of others.
    unidentified: HashSet<Pid>,
    /// Executables in processes that were running when they were added, until they are taken.
    running: Vec<RunningBinary>,
    notes: Vec<String>,
}

/// An executable in a running process.
#[derive(Clone, Copy)]
pub(super) struct RunningBinary {
    pub pid: Pid,
    /// The process's number in the table.
    pub number: u32,
    /// The build of the executables that it runs.
    pub build: usize,
    /// The executable's number in the plan.
    pub binary: u32,
    /// The difference between addresses in the process and in the file.
    pub bias: u64,
}

impl Processes {
    /// Knows no process yet.
    pub fn new(filter: ProcessFilter, host: Rc<dyn Host>) -> Processes {
        Processes {
            admission: filter.group().and_then(|group| group.admission()),
            host,
            filter,
            files: ProbedFiles::default(),
            known: HashMap::new(),
            locations: Locations::default(),
            strays: Strays::default(),
            departed: HashSet::new(),
            unidentified: HashSet::new(),
            running: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds the executables of a build.
    pub fn add_build(&mut self, compiled: &Compiled, engine: &dyn Engine) {
        self.files.add(compiled);
        // Programs can tell a control group only where the kernel tells them the groups above a process's own.
        let tells_groups = engine.capabilities().caps.has(Feature::AncestorCgroup);
        self.admission = self.admission.filter(|admission| tells_groups || admission.cgroup.is_none());
    }

    /// The machine's processes.
    pub fn host(&self) -> &dyn Host {
        self.host.as_ref()
    }

    /// Which processes count.
    pub fn filter(&self) -> &ProcessFilter {
        &self.filter
    }

    /// Which processes enter the table by themselves; none of them if that is nothing.
    pub fn admission(&self) -> Option<Admission> {
        match &self.filter {
            ProcessFilter::Named(_) => None,
            ProcessFilter::Group(_) => self.admission,
            ProcessFilter::Target | ProcessFilter::Any => Some(Admission::default()),
        }
    }

    /// The bits of [`program::control::UNFILTERED`].
    pub fn unfiltered(&self) -> u64 {
        self.files.unfiltered(&self.filter)
    }

    /// Whether no process was found.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether a file is a target, in any build.
    pub fn is_target(&self, file: FileId) -> bool {
        self.files.is_target(file)
    }

    /// Treats a file as no target any more: no process runs it, and nothing is probed in it.
    pub fn remove_target(&mut self, file: FileId) {
        self.files.remove_target(file);
    }

    /// Sentences to print.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Executables in processes that were running when they were added, each once.
    pub fn take_running(&mut self) -> Vec<RunningBinary> {
        std::mem::take(&mut self.running)
    }

    /// Adds running processes to the table. Rows that are there already stay as they are.
    pub fn find(&mut self, engine: &mut dyn Engine) -> Result<(), Error> {
        let pids = match &self.filter {
            ProcessFilter::Named(pids) => pids.clone(),
            _ => self.host.pids(),
        };
        for pid in pids {
            let found = self.look_at(pid);
            if !found.is_empty() && self.is_unidentified(pid, engine) {
                continue;
            }
            for (binary, bias) in found {
                // An executable that is not loaded yet has done nothing so far.
                let row = Admitted { pid, binary: BinaryNo(binary), number: pid.0, bias: bias.unwrap_or(0) };
                if engine.admit(row)? {
                    let build = self.build_now(pid).unwrap_or(0);
                    self.running.extend(bias.map(|bias| RunningBinary { pid, number: pid.0, build, binary, bias }));
                }
            }
        }
        Ok(())
    }

    /// Whether hits of a process of a group cannot be told from those of others. Named processes were refused before.
    fn is_unidentified(&mut self, pid: Pid, engine: &dyn Engine) -> bool {
        let Some(why) = self.filter.group().and_then(|_| identify(engine, pid).err()) else { return false };
        if self.unidentified.insert(pid) {
            self.notes.push(format!("its hits are not counted: {}", why.sentence));
        }
        true
    }

    /// Why no process of a group can be identified, if that is so.
    pub fn none_identified(&self, engine: &dyn Engine) -> Option<Refusal> {
        let pid = self.unidentified.iter().next().filter(|_| self.running.is_empty())?;
        identify(engine, *pid).err()
    }

    /// All executables in running processes of the table.
    pub fn all_running(&self, engine: &dyn Engine) -> Result<Vec<RunningBinary>, Error> {
        let running = |row: Admitted| {
            let Admitted { pid, binary: BinaryNo(binary), number, bias } = row;
            let is_there = self.look_at(pid).contains(&(binary, Some(bias)));
            let build = self.build_now(pid).filter(|_| is_there && !self.strays.is_lost(pid))?;
            Some(RunningBinary { pid, number, build, binary, bias })
        };
        Ok(engine.processes()?.into_iter().filter_map(running).collect())
    }

    /// The build that a process runs; the first one if that is not known.
    pub fn build_of(&self, pid: Pid) -> usize {
        // It may have started just now.
        let is_new = self.files.builds() > 1 && !self.known.contains_key(&pid);
        self.locations.build(pid).or_else(|| is_new.then(|| self.build_now(pid))?).unwrap_or(0)
    }

    fn main_of(&self, pid: Pid) -> Option<FileId> {
        self.host.process(pid).ok()?.executable().ok()
    }

    fn build_now(&self, pid: Pid) -> Option<usize> {
        self.files.build_of(self.main_of(pid))
    }

    /// Whether a process counts, by the file that it executes.
    fn counts(&self, process: Option<&dyn Process>, main: Option<FileId>) -> bool {
        let runs_target = || main.is_some_and(|main| self.files.is_target(main));
        match &self.filter {
            ProcessFilter::Named(_) => true,
            ProcessFilter::Group(group) => runs_target() && process.is_some_and(|process| group.has(process)),
            ProcessFilter::Target => {
                runs_target() || self.files.all().any(|file| file.announces_itself && Some(file.id) == main)
            }
            // Reading the maps of all processes would take too long.
            ProcessFilter::Any => self.files.all().any(|file| Some(file.id) == main),
        }
    }

    /// The executables in a process, and where they are loaded; none if the process cannot be read or does not count.
    fn look_at(&self, pid: Pid) -> Vec<(u32, Option<u64>)> {
        let process = self.host.process(pid).ok();
        let process = process.as_deref();
        let main = process.and_then(|process| process.executable().ok());
        if !self.counts(process, main) {
            return Vec::new();
        }
        let build = self.files.of(self.files.build_of(main).unwrap_or(0));
        // An executable that is not loaded yet is found where its file says, or announces itself.
        (0..).zip(build).map(|(n, file)| (n, process.and_then(|process| file.bias(process, main)))).collect()
    }

    /// Looks for processes that have started or ended, and removes those from the table that have ended. Says whether any
    /// has.
    pub fn look(&mut self, engine: &mut dyn Engine) -> Result<bool, Error> {
        let by_hand = self.filter.group().is_some() && self.admission.is_none();
        if by_hand || self.filter == ProcessFilter::Target && self.files.no_target_announces_itself() {
            self.find(engine)?;
        }
        let (mut any, mut ended) = (false, HashSet::new());
        for row in engine.processes()? {
            self.locations.set_bias(row.pid, row.binary.0, row.bias);
            if ended.contains(&row.pid) || self.has_ended(row.pid, row.number, &mut any) {
                ended.insert(row.pid);
                engine.dismiss(row.pid, row.binary)?;
            }
        }
        for pid in ended {
            self.known.remove(&pid);
            self.locations.end(pid, |pid| self.known.contains_key(&pid));
        }
        Ok(any)
    }

    /// Whether a process has ended. Sets `any` if it has, or if its number has changed since the last look.
    fn has_ended(&mut self, pid: Pid, number: u32, any: &mut bool) -> bool {
        let now = self.host.started(pid);
        let before = self.known.insert(pid, (number, now.unwrap_or(0)));
        let is_new = before.is_none_or(|(known, _)| known != number);
        if is_new
            && self.files.builds() > 1
            && let Some(build) = self.build_now(pid)
        {
            self.locations.set_build(pid, build);
        }
        let ended = match (now, before) {
            // A run of one process ends with it, and reports then what the process left.
            (None, _) => self.filter.only() != Some(pid),
            (Some(now), Some((known, then))) => known == number && now != then,
            (Some(_), None) => false,
        };
        *any |= ended || before.is_some_and(|(known, _)| known != number);
        ended
    }

    /// Numbers of live processes that execute something else since the last call. They keep their rows, but what they
    /// did before is over.
    pub fn take_departed(&mut self) -> HashSet<u32> {
        let files: HashSet<FileId> = self.files.all().map(|file| file.id).collect();
        let is_elsewhere =
            |pid: Pid| self.main_of(pid).is_some_and(|main| !files.contains(&main)) || self.strays.is_lost(pid);
        let numbers = self.known.iter().filter(|(_, (number, _))| !self.departed.contains(number));
        let new: HashSet<u32> = numbers.filter(|(pid, _)| is_elsewhere(**pid)).map(|(_, (n, _))| *n).collect();
        self.departed.extend(&new);
        new
    }

    /// Sentences about named processes that have left the targets since the last look.
    pub fn look_for_strays(&mut self) -> Vec<String> {
        let ProcessFilter::Named(pids) = &self.filter else { return Vec::new() };
        let number = |pid| self.known.get(&pid).map(|(number, _)| *number);
        self.strays.look(pids, self.host.as_ref(), &self.files, number)
    }

    /// Whether a process runs this file. Processes of the table are asked first.
    pub fn is_run(&self, file: FileId) -> bool {
        let runs = |pid: Pid| self.main_of(pid) == Some(file);
        // A process that has not come to its first instruction yet is in no table.
        self.known.keys().copied().any(runs) || self.host.pids().into_iter().any(runs)
    }

    /// The number of the image that a process executes, or executed last.
    pub fn number(&self, pid: Pid, rows: &ProcessRows<'_>) -> Option<u32> {
        let binaries = self.files.of(0).len() as u32;
        let row = |binary| Some(rows.get(pid, binary)?.number);
        (0..binaries).find_map(row).or_else(|| self.known.get(&pid).map(|(number, _)| *number))
    }

    /// Where an executable is loaded in a process, or was.
    pub fn bias(&self, pid: Pid, binary: u32, rows: &ProcessRows<'_>) -> u64 {
        let row = || rows.get(pid, binary).map(|row| row.bias).filter(|&bias| bias != 0);
        self.locations.bias(pid, binary).or_else(row).or_else(|| self.mapped(pid, binary)).unwrap_or(0)
    }

    /// The same by the process's memory map.
    fn mapped(&self, pid: Pid, binary: u32) -> Option<u64> {
        let process = self.host.process(pid).ok()?;
        self.files.of(self.build_of(pid)).get(binary as usize)?.bias(process.as_ref(), None)
    }
}

/// Rows of the process table, read one by one.
#[derive(Clone, Copy)]
pub(super) struct ProcessRows<'t> {
    pub tables: &'t Tables,
    pub id: MapId,
}

impl ProcessRows<'_> {
    fn get(&self, pid: Pid, binary: u32) -> Option<Admitted> {
        self.tables.admitted_as(self.id, pid, BinaryNo(binary)).ok().flatten()
    }
}
