//! The processes whose probes count: which they are, where their programs are loaded, and the table that tells the
//! programs in the kernel.
//!
//! Processes that begin while probes are in place come into the table by themselves, with a program at the first
//! instruction of each executable ([`program::StartProgram`]). Here those are put in that were there before, and
//! what has ended is taken out again.

use std::collections::{HashMap, HashSet, VecDeque};

use kernel::engine::{Error, Feature, Map, Numbers};
use kernel::{FileId, Pid, Process, clock};
use program::{Phase, control, engine_control, process};

use super::world::Executable;
use super::{Compiled, reached};
use crate::group::{Admission, Group};
use crate::refusal::Refusal;

/// How many processes that have ended are remembered, to name addresses that they have left behind.
const REMEMBERED: usize = 4096;

/// Whose hits count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// Those of these processes.
    These(Vec<Pid>),
    /// Those of a group that run the executables.
    Group(Group),
    /// Those of all that run the executables; of libraries only what processes do that run the target.
    Running,
    /// Those of all that run the executables, and of libraries those of all that map them.
    All,
}

/// An executable of the plan, by its number there.
struct Watched {
    file: FileId,
    entry: u64,
    /// Its processes come into the table by themselves.
    starts: bool,
    /// The segment with code: where in the file, and at which address.
    code: Option<(u64, u64)>,
}

/// What a process executes.
#[derive(Clone, Copy)]
struct Image {
    /// Its number in the table.
    number: u32,
    /// Where its stack begins.
    stack: u64,
    /// That had become another one, though the number had not, when it was looked at: it may come to its first instruction
    /// still.
    moved: bool,
    /// So it was for longer: its hits are not seen.
    lost: bool,
}

/// What is known of processes.
pub(super) struct Watch {
    whose: Whose,
    /// By which numbers programs in the kernel know processes.
    numbers: Numbers,
    /// Those of a group whose hits cannot be told from others'; and what there is to say of them.
    unreached: HashSet<Pid>,
    notes: Vec<String>,
    /// How the kernel tells who belongs to the group, if it can.
    admission: Option<Admission>,
    /// The executables, in each build of theirs.
    builds: Vec<Vec<Watched>>,
    /// The targets, in each build of theirs.
    targets: Vec<FileId>,
    /// Of the processes that alone count, those that were seen in a target.
    inside: HashSet<Pid>,
    /// The processes in the table: their numbers there, and when they started.
    known: HashMap<Pid, (u32, u64)>,
    /// Which build each of them runs.
    runs: HashMap<Pid, usize>,
    /// How far behind the file's addresses: by process and the executable's number in the plan.
    loaded: HashMap<(Pid, u32), u64>,
    /// Those that have ended, in that order.
    ended: VecDeque<Pid>,
    /// The numbers of those that have executed something else since, in which no executable is.
    left: HashSet<u32>,
    /// Of those that alone count: what they execute, as it was last looked at.
    images: HashMap<Pid, Image>,
    /// Those that ran already when they were put in, until somebody asks.
    found: Vec<Found>,
}

/// An executable in a process that runs.
pub(super) struct Found {
    pub pid: Pid,
    /// Its number in the table.
    pub number: u32,
    /// Which build of the executables it runs.
    pub build: usize,
    /// The executable's number in the plan.
    pub binary: u32,
    /// How far behind the file's addresses it is.
    pub bias: u64,
}

/// A line of the table.
struct Row {
    pid: Pid,
    binary: u32,
    number: u32,
    bias: u64,
}

impl Image {
    fn of(number: u32, stack: u64) -> Image {
        Image { number, stack, moved: false, lost: false }
    }

    /// Whether that it is lost is known from now on.
    fn is_lost(&mut self, number: u32, stack: u64) -> bool {
        if self.number != number {
            *self = Image::of(number, stack);
        }
        let moved = self.stack != stack;
        let is_news = moved && self.moved && !self.lost;
        (self.moved, self.lost) = (moved, self.lost || is_news);
        is_news
    }
}

impl Watch {
    /// Knows no process yet.
    pub fn new(whose: Whose, numbers: Numbers) -> Watch {
        Watch {
            numbers,
            unreached: HashSet::new(),
            notes: Vec::new(),
            admission: if let Whose::Group(group) = &whose { group.admission() } else { None },
            whose,
            builds: Vec::new(),
            targets: Vec::new(),
            inside: HashSet::new(),
            known: HashMap::new(),
            runs: HashMap::new(),
            loaded: HashMap::new(),
            ended: VecDeque::new(),
            left: HashSet::new(),
            images: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// Watches another build.
    pub fn add(&mut self, compiled: &Compiled) {
        let starts = |n: u32| compiled.program.starts.iter().any(|start| start.binary.0 == n);
        let binaries = compiled.binaries().into_iter().zip((0..).map(starts));
        self.builds.push(binaries.map(|(executable, starts)| watched(executable, starts)).collect());
        self.targets.extend(compiled.executables.targets().iter().map(|target| target.id));
        // Of a control group the kernel can tell only if it knows those above a process's own.
        let tells_groups = compiled.engine.caps().has(Feature::AncestorCgroup);
        self.admission = self.admission.filter(|admission| tells_groups || admission.cgroup.is_none());
    }

    fn binaries(&self) -> impl Iterator<Item = &Watched> {
        self.builds.iter().flatten()
    }

    /// Which build a process runs; the first one if that is not known.
    pub fn build_of(&self, pid: Pid) -> usize {
        let known = self.runs.get(&pid).copied();
        // It may have come just now.
        let is_new = self.builds.len() > 1 && !self.known.contains_key(&pid);
        known.or_else(|| is_new.then(|| self.build_now(pid))?).unwrap_or(0)
    }

    fn build_by(&self, main: Option<FileId>) -> Option<usize> {
        self.builds.iter().rposition(|build| build.iter().any(|binary| Some(binary.file) == main))
    }

    /// The process, if only one counts.
    pub fn pid(&self) -> Option<Pid> {
        match &self.whose {
            Whose::These(pids) if pids.len() == 1 => pids.first().copied(),
            _ => None,
        }
    }

    /// Whose hits count.
    pub fn whose(&self) -> &Whose {
        &self.whose
    }

    /// Whether files that replace others are looked for: not where processes were named.
    pub fn is_open(&self) -> bool {
        matches!(self.whose, Whose::Running | Whose::All)
    }

    /// Whose processes come into the table by themselves; nobody's if that is nothing.
    fn admitted(&self) -> Option<Admission> {
        match &self.whose {
            Whose::These(_) => None,
            Whose::Group(_) => self.admission,
            Whose::Running | Whose::All => Some(Admission::default()),
        }
    }

    /// Whether any process was found.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The bits of [`control::UNFILTERED`]: files of which every process counts, whether it was found or not.
    fn unfiltered(&self) -> u64 {
        let open = |binary: &Watched| match self.whose {
            Whose::These(_) | Whose::Group(_) => false,
            Whose::Running => !binary.starts && self.targets.contains(&binary.file),
            Whose::All => !binary.starts,
        };
        let open = self.builds.iter().flat_map(|build| build.iter().zip(0..64u32)).filter(|(binary, _)| open(binary));
        open.fold(0, |bits, (_, n)| bits | 1 << n)
    }

    /// The group that counts, if it is one.
    pub fn group(&self) -> Option<&Group> {
        match &self.whose {
            Whose::Group(group) => Some(group),
            _ => None,
        }
    }

    /// Whether a file is a target, in any build.
    pub fn is_target(&self, file: FileId) -> bool {
        self.targets.contains(&file)
    }

    /// It is none any more: no process runs it, and nothing is probed in it.
    pub fn let_go(&mut self, file: FileId) {
        self.targets.retain(|target| *target != file);
    }

    /// Puts those into the table that run already. Who comes while this looks, or has come by itself, is not changed.
    pub fn find(&mut self, table: &Map) -> Result<(), Error> {
        let pids = match &self.whose {
            Whose::These(pids) => pids.clone(),
            _ => kernel::proc::pids().unwrap_or_default(),
        };
        for pid in pids {
            let found = self.look_at(pid);
            if !found.is_empty() && self.is_out_of_reach(pid) {
                continue;
            }
            for (binary, bias) in found {
                // What is not loaded yet has done nothing before.
                if table.add(&key(pid, binary), &value(pid.0, bias.unwrap_or(0)))? {
                    let build = self.build_now(pid).unwrap_or(0);
                    self.found.extend(bias.map(|bias| Found { pid, number: pid.0, build, binary, bias }));
                }
            }
        }
        Ok(())
    }

    /// Whether hits of a process of a group cannot be told from others'. Who was named is refused before.
    fn is_out_of_reach(&mut self, pid: Pid) -> bool {
        let Some(why) = self.group().and_then(|_| reached(self.numbers, pid).err()) else { return false };
        if self.unreached.insert(pid) {
            self.notes.push(format!("its hits are not counted: {}", why.sentence));
        }
        true
    }

    /// If nobody else is there, why those of a group are not whose hits can be counted.
    pub fn nobody_in_reach(&self) -> Option<Refusal> {
        let pid = self.unreached.iter().next().filter(|_| self.found.is_empty())?;
        reached(self.numbers, *pid).err()
    }

    /// What there is to say, in sentences.
    pub fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Those that ran already when they were put into the table, under their PID as number: each with its build, an
    /// executable, and how far behind the file's addresses that is.
    pub fn take_found(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.found)
    }

    /// All of which the table says that they are in a process, and that are.
    pub fn all(&self, table: &Map) -> Result<Vec<Found>, Error> {
        let is_lost = |pid| self.images.get(&pid).is_some_and(|image| image.lost);
        let of = |Row { pid, binary, number, bias }| {
            let is_there = self.look_at(pid).contains(&(binary, Some(bias)));
            let build = self.build_now(pid).filter(|_| is_there && !is_lost(pid))?;
            Some(Found { pid, number, build, binary, bias })
        };
        Ok(rows(table)?.into_iter().filter_map(of).collect())
    }

    /// Which build of the executables a process executes now, if any.
    fn build_now(&self, pid: Pid) -> Option<usize> {
        self.build_by(Process::open(pid).ok().as_ref().and_then(main_of))
    }

    /// Which executables are in a process, and where. Nothing if it cannot be looked at, or is none of ours.
    fn look_at(&self, pid: Pid) -> Vec<(u32, Option<u64>)> {
        let process = Process::open(pid).ok();
        let main = process.as_ref().and_then(main_of);
        let is_ours = match &self.whose {
            Whose::These(_) => true,
            Whose::Group(group) => {
                main.is_some_and(|main| self.targets.contains(&main)) && process.as_ref().is_some_and(|p| group.has(p))
            }
            Whose::Running => {
                main.is_some_and(|main| self.targets.contains(&main))
                    || self.binaries().any(|b| b.starts && Some(b.file) == main)
            }
            // All maps of all processes would be too much to read.
            Whose::All => self.binaries().any(|b| Some(b.file) == main),
        };
        if !is_ours {
            return Vec::new();
        }
        let build = self.builds.get(self.build_by(main).unwrap_or(0));
        let all = (0..).zip(build.into_iter().flatten());
        // What is not loaded yet is found where its file says, or by what comes into the table by itself.
        all.map(|(n, b)| (n, process.as_ref().and_then(|p| bias(p, b, main)))).collect()
    }

    /// Looks what became of the table: learns of those that have come, and takes those out that have ended. Says whether
    /// any has.
    pub fn look(&mut self, table: &Map) -> Result<bool, Error> {
        let by_hand = matches!(self.whose, Whose::Group(_)) && self.admission.is_none();
        if by_hand || self.whose == Whose::Running && self.binaries().all(|b| !self.targets.contains(&b.file)) {
            self.find(table)?;
        }
        let (mut any, mut ended) = (false, HashSet::new());
        for row in rows(table)? {
            self.loaded.insert((row.pid, row.binary), row.bias);
            if ended.contains(&row.pid) || self.has_ended(row.pid, row.number, &mut any) {
                ended.insert(row.pid);
                table.remove(&key(row.pid, row.binary))?;
            }
        }
        ended.into_iter().for_each(|pid| self.forget(pid));
        Ok(any)
    }

    /// Whether a process has ended. `any` becomes true if it has, or if it was another one when it was last looked at.
    fn has_ended(&mut self, pid: Pid, number: u32, any: &mut bool) -> bool {
        let now = started(pid);
        let before = self.known.insert(pid, (number, now.unwrap_or(0)));
        if before.is_none_or(|(known, _)| known != number) && self.builds.len() > 1 {
            let main = Process::open(pid).ok().as_ref().and_then(main_of);
            self.runs.extend(self.build_by(main).map(|build| (pid, build)));
        }
        let ended = match (now, before) {
            // When the only one ends the run does, and what it has left is told then.
            (None, _) => self.pid() != Some(pid),
            (Some(now), Some((known, then))) => known == number && now != then,
            (Some(_), None) => false,
        };
        *any |= ended || before.is_some_and(|(known, _)| known != number);
        ended
    }

    /// The numbers of processes that live and have left the executables since this was last asked, by executing something
    /// else: what was theirs is over, though they keep their places in the table.
    pub fn left(&mut self) -> HashSet<u32> {
        let files: HashSet<FileId> = self.binaries().map(|binary| binary.file).collect();
        let is_elsewhere = |pid: Pid| {
            let main = Process::open(pid).ok().as_ref().and_then(main_of);
            main.is_some_and(|main| !files.contains(&main)) || self.images.get(&pid).is_some_and(|image| image.lost)
        };
        let numbers = self.known.iter().filter(|(_, (number, _))| !self.left.contains(number));
        let left: HashSet<u32> = numbers.filter(|(pid, _)| is_elsewhere(**pid)).map(|(_, (n, _))| *n).collect();
        self.left.extend(&left);
        left
    }

    /// Whether a process runs this file; of those in the table it is asked first.
    pub fn is_run(&self, file: FileId) -> bool {
        let runs = |pid: &Pid| Process::open(*pid).ok().as_ref().and_then(main_of) == Some(file);
        // Who has not come to its first instruction yet is in no table.
        self.known.keys().any(runs) || kernel::proc::pids().unwrap_or_default().iter().any(runs)
    }

    fn forget(&mut self, pid: Pid) {
        self.known.remove(&pid);
        self.ended.push_back(pid);
        if self.ended.len() > REMEMBERED
            && let Some(oldest) = self.ended.pop_front()
            && !self.known.contains_key(&oldest)
        {
            self.loaded.retain(|(pid, _), _| *pid != oldest);
            self.runs.remove(&oldest);
        }
    }

    /// Which of the processes that alone count have left the targets since they were last looked at, by executing another
    /// program, in sentences.
    pub fn strayed(&mut self) -> Vec<String> {
        let Whose::These(pids) = &self.whose else { return Vec::new() };
        let mut strayed = Vec::new();
        for pid in pids {
            let Ok(process) = Process::open(*pid) else { continue };
            match main_of(&process) {
                Some(main) if self.targets.contains(&main) => {
                    self.inside.insert(*pid);
                    let number = self.known.get(pid).map(|(number, _)| *number);
                    if let (Some(number), Ok(stat)) = (number, process.stat())
                        && self.images.entry(*pid).or_insert(Image::of(number, stat.stack)).is_lost(number, stat.stack)
                    {
                        strayed.push(format!(
                            "PID {pid} executes a program anew, on a thread that the kernel does not know it by: what it does \
                             from here on is not seen"
                        ));
                    }
                }
                Some(_) if self.inside.remove(pid) => {
                    let path = process.exe_path().map(|exe| format!(" ({})", exe.path.display())).unwrap_or_default();
                    strayed.push(format!("PID {pid} executes another program now{path}, in which nothing is probed"));
                }
                _ => {}
            }
        }
        strayed
    }

    /// The number of the image that a process executes; once it has ended, the last one that was seen.
    pub fn number(&self, pid: Pid, table: Option<&Map>) -> Option<u32> {
        let binaries = self.builds.first().map_or(0, Vec::len) as u32;
        let row = |binary| table?.get(&key(pid, binary)).ok()?.map(|bytes| half(&bytes, process::NUMBER));
        (0..binaries).find_map(row).or_else(|| self.known.get(&pid).map(|(number, _)| *number))
    }

    /// How far behind the file's addresses an executable is, or was, in a process.
    pub fn bias(&self, pid: Pid, binary: u32, table: Option<&Map>) -> u64 {
        let from_table = || table?.get(&key(pid, binary)).ok()?.map(|bytes| word(&bytes, process::BIAS));
        let known = self.loaded.get(&(pid, binary)).copied().filter(|&bias| bias != 0);
        known.or_else(|| from_table().filter(|&bias| bias != 0)).or_else(|| self.mapped(pid, binary)).unwrap_or(0)
    }

    /// The same by the process's memory map.
    fn mapped(&self, pid: Pid, binary: u32) -> Option<u64> {
        let process = Process::open(pid).ok()?;
        bias(&process, self.builds.get(self.build_of(pid))?.get(binary as usize)?, None)
    }

    /// Whether what is kept under a process's number may go: it is none of those in the table, nor, without being
    /// there, that of a process that lives.
    pub fn is_over(number: u32, table: &HashSet<u32>) -> bool {
        let by_itself = number >> process::PID_BITS != 0;
        !table.contains(&number) && (by_itself || started(Pid(number)).is_none())
    }
}

/// The numbers in the table.
pub(super) fn numbers(table: &Map) -> Result<HashSet<u32>, Error> {
    Ok(rows(table)?.into_iter().map(|row| row.number).collect())
}

fn rows(table: &Map) -> Result<Vec<Row>, Error> {
    let row = |(key, value): (Vec<u8>, Vec<u8>)| Row {
        pid: Pid(half(&key, process::TGID)),
        binary: half(&key, process::BINARY),
        number: half(&value, process::NUMBER),
        bias: word(&value, process::BIAS),
    };
    Ok(table.entries()?.into_iter().map(row).collect())
}

/// When a process was started; nothing if it has ended.
pub(super) fn started(pid: Pid) -> Option<u64> {
    let stat = Process::open(pid).ok()?.stat().ok()?;
    (!stat.has_ended()).then_some(stat.start_ticks)
}

/// The file of its program.
fn main_of(process: &Process) -> Option<FileId> {
    process.exe_id().ok()
}

fn watched(executable: &Executable, starts: bool) -> Watched {
    let elf = executable.elf();
    let code = elf.segment(elf.entry).map(|s| (s.offset.0, s.addr.0));
    Watched { file: executable.id, entry: elf.entry.0, starts, code }
}

fn bias(process: &Process, binary: &Watched, main: Option<FileId>) -> Option<u64> {
    if main == Some(binary.file) {
        return Some(process.entry_point().ok()?.wrapping_sub(binary.entry));
    }
    let mapping = process.code_of(binary.file).ok()??;
    let (offset, address) = binary.code?;
    Some(mapping.start.wrapping_sub(mapping.offset).wrapping_sub(address.wrapping_sub(offset)))
}

fn key(pid: Pid, binary: u32) -> [u8; process::KEY as usize] {
    let mut key = [0; process::KEY as usize];
    key[process::TGID as usize..][..4].copy_from_slice(&pid.0.to_le_bytes());
    key[process::BINARY as usize..][..4].copy_from_slice(&binary.to_le_bytes());
    key
}

fn value(number: u32, bias: u64) -> [u8; process::SIZE as usize] {
    let mut value = [0; process::SIZE as usize];
    value[process::NUMBER as usize..][..4].copy_from_slice(&number.to_le_bytes());
    value[process::BIAS as usize..][..8].copy_from_slice(&bias.to_le_bytes());
    value
}

fn half(bytes: &[u8], at: u32) -> u32 {
    word(bytes, at) as u32
}

/// The word at an offset, as far as there are bytes for it.
fn word(bytes: &[u8], at: u32) -> u64 {
    bytes.iter().skip(at as usize).take(8).rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// The words that tell programs what to do.
pub(super) struct Control {
    bytes: [u8; control::SIZE as usize],
    engine: [u8; engine_control::SIZE as usize],
    /// When it became known that goroutines are not watched any more.
    over: Option<u64>,
}

impl Control {
    /// Not armed; processes are known by the numbers that our own `/proc` has for them.
    pub fn new(watch: &Watch, numbers: Numbers) -> Control {
        let (bytes, engine) = ([0; control::SIZE as usize], [0; engine_control::SIZE as usize]);
        let mut control = Control { bytes, engine, over: None };
        if let Some((device, inode)) = numbers.namespace {
            control.set_engine(engine_control::NAMESPACE_DEVICE, &device.to_le_bytes());
            control.set_engine(engine_control::NAMESPACE_INODE, &inode.to_le_bytes());
        }
        if let Some(walk) = numbers.walk {
            control.set_engine(engine_control::NAMESPACE, &walk.namespace.to_le_bytes());
            control.set_engine(engine_control::TASK_LEADER, &walk.leader.to_le_bytes());
            control.set_engine(engine_control::TASK_PID, &walk.pid.to_le_bytes());
            control.set_engine(engine_control::PID_NUMBER, &walk.number.to_le_bytes());
        }
        control.set(control::UNFILTERED, watch.unfiltered());
        let admitted = watch.admitted();
        control.set(control::STARTS, if admitted.is_some() { 0 } else { control::KNOWN });
        let Admission { user, cgroup } = admitted.unwrap_or_default();
        control.set(control::USER, user.map_or(0, |uid| u64::from(uid) + 1));
        control.set(control::CGROUP, cgroup.unwrap_or(0));
        control
    }

    fn set(&mut self, at: u32, word: u64) {
        self.bytes[at as usize..][..8].copy_from_slice(&word.to_le_bytes());
    }

    fn set_engine(&mut self, at: u32, word: &[u8]) {
        self.engine[at as usize..][..word.len()].copy_from_slice(word);
    }

    /// How far it is that one link takes over from another.
    pub fn links(&mut self, [old, new]: [u32; 2], phase: Phase, table: &Map) -> Result<(), Error> {
        self.set_engine(engine_control::LINK_OLD, &old.to_le_bytes());
        self.set_engine(engine_control::LINK_NEW, &new.to_le_bytes());
        self.set_engine(engine_control::PHASE, &(phase as u32).to_le_bytes());
        table.put(&0u32.to_ne_bytes(), &self.engine)
    }

    /// Processes were taken out of their table.
    pub fn processes_gone(&mut self, table: &Map) -> Result<(), Error> {
        let times = half(&self.bytes, control::REPLACED).wrapping_add(1);
        self.bytes[control::REPLACED as usize..][..4].copy_from_slice(&times.to_le_bytes());
        table.put(&0u32.to_ne_bytes(), &self.bytes)
    }

    /// Nobody sees any more whether those are so ([`control::UNDER_GONE`]).
    pub fn unders_gone(&mut self, unders: u32, table: &Map) -> Result<(), Error> {
        self.bytes[control::UNDER_GONE as usize..][..4].copy_from_slice(&unders.to_le_bytes());
        table.put(&0u32.to_ne_bytes(), &self.bytes)
    }

    /// From now on hits count, or do not.
    pub fn arm(&mut self, armed: bool, table: &Map) -> Result<(), Error> {
        self.bytes[control::ARMED as usize..][..4].copy_from_slice(&u32::from(armed).to_le_bytes());
        if armed {
            self.set(control::ARMED_AT, clock::since_boot());
        }
        table.put(&0u32.to_ne_bytes(), &self.bytes)
    }

    /// Since when hits count, in nanoseconds since boot.
    pub fn armed_at(&self) -> u64 {
        word(&self.bytes, control::ARMED_AT)
    }

    /// The table of goroutines is kept again, and hits do not count yet.
    pub fn watch_again(&mut self, table: &Map) -> Result<(), Error> {
        self.over = None;
        self.bytes[control::OVER as usize..][..4].copy_from_slice(&0u32.to_le_bytes());
        self.arm(false, table)
    }

    /// Since when the table of goroutines stays as it is.
    pub fn over(&self) -> Option<u64> {
        self.over
    }

    /// From now on the table of goroutines stays as it is. Since when that is so.
    pub fn keep_goroutines(&mut self, table: &Map) -> Result<u64, Error> {
        if let Some(over) = self.over {
            return Ok(over);
        }
        let now = clock::since_boot();
        self.over = Some(now);
        self.bytes[control::OVER as usize..][..4].copy_from_slice(&1u32.to_le_bytes());
        table.put(&0u32.to_ne_bytes(), &self.bytes)?;
        Ok(now)
    }
}
