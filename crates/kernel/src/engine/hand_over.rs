//! Detaches some functions while the probes of the others stay: a second link without them takes over, step by step, so
//! that no hit of the others is missed or counted twice ([`Phase`]).
//!
//! A link's sites cannot change, hence the second link. Each step occupies the kernel for up to a tenth of a second, and
//! records are read between steps. No hit may see two steps. Where the kernel guards all running programs together,
//! detaching a link that does nothing waits for them; elsewhere a fixed time has to do.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ::engine::{Error, Progress, Table};
use plan::{BinaryNo, FuncNo};
use program::{Phase, engine_control};

use super::KernelEngine;
use super::build::{FunctionLink, LoadedBuild};
use crate::loader::{Loader, Map, Numbers, Site};

/// The longest time that a program runs, where it cannot be waited for.
const LONGEST: Duration = Duration::from_millis(100);

/// The functions to detach, and the hand-over in progress.
#[derive(Default)]
pub(super) struct HandOver {
    dropped: BTreeSet<FuncNo>,
    /// Links that have sites of them: their builds, and their places there.
    waiting: VecDeque<(usize, usize)>,
    current: Option<Transfer>,
}

/// One program in two links.
struct Transfer {
    build: usize,
    user: usize,
    other: FunctionLink,
    next: Phase,
    /// The next step is not taken earlier.
    at: Instant,
}

impl HandOver {
    /// Drops the second link of a hand-over in progress in some executables of a build, and begins no other in that build.
    pub fn stop(&mut self, build: usize, binaries: impl Fn(BinaryNo) -> bool) {
        self.waiting.retain(|(of, _)| *of != build);
        let stops = |transfer: &Transfer| transfer.build == build && binaries(transfer.other.binary);
        self.current = self.current.take().filter(|transfer| !stops(transfer));
    }

    /// The functions that are detached, or about to be.
    pub fn dropped(&self) -> &BTreeSet<FuncNo> {
        &self.dropped
    }

    /// Takes more functions to detach.
    pub fn begin(&mut self, functions: &[FuncNo], builds: &[LoadedBuild]) {
        self.dropped.extend(functions);
        let links = builds.iter().enumerate();
        let links = links.flat_map(|(build, of)| of.users.iter().enumerate().map(move |(n, user)| (build, n, user)));
        let affected = |link: &FunctionLink| link.sites.iter().any(|site| self.dropped.contains(&site.function));
        let waiting = links.filter(|(_, _, link)| link.is_attached() && affected(link));
        self.waiting = waiting.map(|(build, n, _)| (build, n)).collect();
    }

    fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }
}

/// The engine's words in the kernel, and the numbers of links.
pub(super) struct Links {
    words: [u8; engine_control::SIZE as usize],
    last: u32,
}

impl Default for Links {
    fn default() -> Links {
        Links { words: [0; engine_control::SIZE as usize], last: 0 }
    }
}

impl Links {
    /// Has programs know processes by the numbers of our own `/proc`.
    pub fn set_numbers(&mut self, numbers: Numbers) {
        if let Some((device, inode)) = numbers.namespace {
            self.set(engine_control::NAMESPACE_DEVICE, &device.to_le_bytes());
            self.set(engine_control::NAMESPACE_INODE, &inode.to_le_bytes());
        }
        if let Some(walk) = numbers.walk {
            self.set(engine_control::NAMESPACE, &walk.namespace.to_le_bytes());
            self.set(engine_control::TASK_LEADER, &walk.leader.to_le_bytes());
            self.set(engine_control::TASK_PID, &walk.pid.to_le_bytes());
            self.set(engine_control::PID_NUMBER, &walk.number.to_le_bytes());
        }
    }

    /// A number that no link had before.
    pub fn next_number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// Tells programs which link hands over to which, and how far that is.
    fn tell(&mut self, [old, new]: [u32; 2], phase: Phase, map: &Map) -> Result<(), Error> {
        self.set(engine_control::LINK_OLD, &old.to_le_bytes());
        self.set(engine_control::LINK_NEW, &new.to_le_bytes());
        self.set(engine_control::PHASE, &(phase as u32).to_le_bytes());
        self.write(map)
    }

    /// Writes all words.
    pub fn write(&self, map: &Map) -> Result<(), Error> {
        map.put(&0u32.to_ne_bytes(), &self.words)
    }

    fn set(&mut self, at: u32, word: &[u8]) {
        self.words[at as usize..][..word.len()].copy_from_slice(word);
    }
}

impl KernelEngine {
    /// Takes one step, if one is due.
    pub(super) fn advance_hand_over(&mut self) -> Result<Progress, Error> {
        let next = match (self.hand_over.current.take(), self.hand_over.waiting.is_empty()) {
            (None, true) => return Ok(Progress::Idle),
            (Some(transfer), _) if transfer.at > Instant::now() => Ok(Some(transfer)),
            (Some(transfer), _) => self.step(transfer),
            (None, false) => {
                let (build, user) = self.hand_over.waiting.pop_front().unwrap_or_default();
                self.begin_transfer(build, user)
            }
        };
        match next {
            Ok(current) => self.hand_over.current = current,
            Err(why) => {
                // Links that could not be replaced stay as they are.
                self.hand_over.waiting.clear();
                self.tell_links([0, 0], Phase::Going)?;
                return Ok(Progress::Abandoned(why));
            }
        }
        Ok(if self.hand_over.is_idle() { Progress::Idle } else { Progress::Busy })
    }

    /// Attaches a second link beside the one of a program, or only detaches that one if no site of it is left.
    fn begin_transfer(&mut self, build: usize, user: usize) -> Result<Option<Transfer>, Error> {
        let Some(of) = self.builds.get(build) else { return Ok(None) };
        let Some(old) = of.users.get(user).filter(|old| old.is_attached()) else { return Ok(None) };
        let dropped = &self.hand_over.dropped;
        let sites: Vec<_> = old.sites.iter().filter(|site| !dropped.contains(&site.function)).copied().collect();
        if sites.is_empty() {
            self.forget_calls()?;
            self.builds[build].replace(user, None);
            return Ok(None);
        }
        let (number, program) = (old.number, of.program.clone());
        let Some(source) = program.users.get(user) else { return Ok(None) };
        let mut other = FunctionLink::load(&self.loader, &program, source, &of.maps, &mut self.links)?;
        other.sites = sites;
        self.tell_links([0, 0], Phase::Coming)?;
        self.tell_links([number, other.number], Phase::Coming)?;
        let attached = self.builds[build].attach_link(&self.loader, user, &other)?;
        other.take(attached.unwrap_or_default());
        self.pass(build, user, other, Phase::Both).map(Some)
    }

    /// Waits, or schedules a wait, until all programs that run by now have ended.
    fn pass(&self, build: usize, user: usize, other: FunctionLink, next: Phase) -> Result<Transfer, Error> {
        let mut at = Instant::now();
        match (self.loader.waits_for_all(), other.sites.first(), self.builds.get(build)) {
            (true, Some(site), Some(of)) => wait_for_programs(&self.loader, of, user, site.file.0, site.cookie)?,
            _ => at += LONGEST,
        }
        Ok(Transfer { build, user, other, next, at })
    }

    fn step(&mut self, transfer: Transfer) -> Result<Option<Transfer>, Error> {
        let Transfer { build, user, other, next, .. } = transfer;
        let old = self.builds.get(build).and_then(|of| of.users.get(user)).map_or(0, |link| link.number);
        if next == Phase::Going {
            self.forget_calls()?;
        }
        self.tell_links([old, other.number], next)?;
        let then = match next {
            Phase::Coming | Phase::Both => Phase::Handing,
            Phase::Handing => Phase::Going,
            Phase::Going => {
                self.builds[build].replace(user, Some(other));
                // The phase stays for programs that have read a link's number already.
                self.tell_links([0, 0], Phase::Going)?;
                return Ok(None);
            }
        };
        self.pass(build, user, other, then).map(Some)
    }

    fn tell_links(&mut self, links: [u32; 2], phase: Phase) -> Result<(), Error> {
        let missing = || Error::wrong("handing over between links", "no program is loaded");
        let first = self.builds.first().ok_or_else(missing)?;
        let map = first.program.tables.engine.and_then(|id| first.maps.get(id)).ok_or_else(missing)?;
        self.links.tell(links, phase, map)
    }

    /// Tells programs that the ends of calls of dropped functions are not seen from now on.
    fn forget_calls(&self) -> Result<(), Error> {
        let first = self.first()?;
        let Some(gone) = first.program.tables.frames.as_ref().and_then(|tables| first.maps.get(tables.gone)) else {
            return Ok(());
        };
        let mut dropped = self.hand_over.dropped.iter();
        dropped.try_for_each(|function| gone.put(&function.0.to_ne_bytes(), &1u32.to_ne_bytes()))
    }
}

/// Attaches and detaches a program that does nothing.
fn wait_for_programs(loader: &Loader, build: &LoadedBuild, user: usize, offset: u64, cookie: u64) -> Result<(), Error> {
    let program = loader.load_nothing()?;
    let Some(of) = build.program.users.get(user) else { return Ok(()) };
    build.attach_at(loader, of.binary, &program, &[Site { offset, cookie }], of.returning).map(drop)
}
