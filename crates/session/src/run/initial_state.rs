//! The goroutines and threads of a process that was running before the attach: read from its memory, and put into the
//! tables that programs keep up to date from then on.
//!
//! The memory changes while it is read, so an entry that a program has written is newer and stays. Everything that is
//! read is foreign: lists are bounded here, whatever their lengths say.

use std::collections::HashMap;
use std::io;

use engine::{Entry, Error, Pid, Table, Tables};
use event::totals::Earlier;
use event::value::{Id, IdKind};
use gobin::VAddr;
use gobin::layout::{G_SCAN, RuntimeLayout};
use plan::Plan;
use plan::target::{Runtime, Scheduler};
use program::{gos, threads};

use super::compile::Compiled;
use super::processes::RunningBinary;
use crate::executable::Executable;
use crate::machine::Machine;

/// Bounds for what a damaged process may make us read.
const MOST: u64 = 1 << 22;
const MOST_THREADS: usize = 1 << 16;

/// How to read the state of processes that run one executable of a plan.
pub(super) struct InitialState {
    goroutines: Option<Result<Goroutines, String>>,
    threads: Option<Result<Threads, String>>,
}

/// Where goroutines are.
struct Goroutines {
    binary: u64,
    list: u64,
    count: u64,
    status: usize,
    goid: usize,
    reason: usize,
    start: usize,
    parent: usize,
    created_at: usize,
    starts: HashMap<VAddr, VAddr>,
    scheduler: Scheduler,
    /// The state of a g that belongs to no goroutine, besides `idle` and `dead`.
    dead_extra: Option<u32>,
}

/// Where threads are.
struct Threads {
    list: u64,
    next: u64,
    tid: u64,
}

impl InitialState {
    /// Of all executables of a build.
    pub fn of_all(compiled: &Compiled) -> Vec<InitialState> {
        let of = |(n, executable)| InitialState::of(executable, &compiled.plan, n, &compiled.program.tables);
        (0..).zip(compiled.binaries()).map(of).collect()
    }

    /// Finds out where everything is, as far as the tables ask for it.
    fn of(executable: &Executable, plan: &Plan, binary: u32, tables: &program::Tables) -> InitialState {
        let runtime = plan.binaries.get(binary as usize).and_then(|binary| binary.runtime.as_ref());
        let Some(runtime) = runtime.filter(|_| tables.gos.is_some() || tables.threads.is_some()) else {
            return InitialState { goroutines: None, threads: None };
        };
        let Some(image) = executable.go() else { return InitialState { goroutines: None, threads: None } };
        let layout = image.runtime();
        InitialState {
            goroutines: tables.gos.map(|_| Goroutines::of(runtime, &layout, binary)),
            threads: tables.threads.map(|_| Threads::of(&layout)),
        }
    }

    /// Reads a process and fills the tables.
    pub fn fill(
        &self,
        of: &RunningBinary,
        ids: &program::Tables,
        tables: &Tables,
        machine: &Machine,
    ) -> Result<Filled, Error> {
        let pid = of.pid;
        let (mut earlier, mut news) = (Vec::new(), Vec::new());
        let read = |known: &Goroutines| known.read(of, machine, &mut earlier);
        let goroutines = put(&self.goroutines, tables.find_any(ids.gos), read, |is_new| news.push(is_new))?;
        let threads = put(&self.threads, tables.find_any(ids.threads), |known| known.read(of, machine), |_| ())?;
        let is_gone = machine.host.started(pid).is_none();
        let notes =
            [goroutines.map(|why| goroutines_unknown(pid, &why)), threads.map(|why| threads_unknown(pid, &why))];
        let notes = notes.into_iter().flatten().filter(|_| !is_gone).collect();
        Ok(Filled { notes, earlier: earlier.into_iter().zip(news).collect() })
    }
}

/// The outcome of [`InitialState::fill`].
pub(super) struct Filled {
    /// Sentences about what could not be read.
    pub notes: Vec<String>,
    /// The goroutines that there were, and whether no program in the kernel had seen them.
    pub earlier: Vec<(Earlier, bool)>,
}

fn goroutines_unknown(pid: Pid, why: &str) -> String {
    format!("how long goroutines of PID {pid} have been in their states is not known until they leave them: {why}")
}

fn threads_unknown(pid: Pid, why: &str) -> String {
    format!("which goroutines run on the threads that PID {pid} has now is not known, they are shown as 0: {why}")
}

/// Puts what is read where nothing stands yet, and tells of each whether that was so. Answers why it could not be read.
fn put<T>(
    known: &Option<Result<T, String>>,
    map: Option<&dyn Table>,
    read: impl FnOnce(&T) -> io::Result<Vec<Entry>>,
    mut added: impl FnMut(bool),
) -> Result<Option<String>, Error> {
    let (Some(known), Some(map)) = (known, map) else { return Ok(None) };
    let entries = known.as_ref().map_err(Clone::clone).and_then(|known| read(known).map_err(|e| e.to_string()));
    let entries = match entries {
        Ok(entries) => entries,
        Err(why) => return Ok(Some(why)),
    };
    for (key, value) in entries {
        match map.add(&key, &value) {
            Ok(is_new) => added(is_new),
            Err(error) if error.is_full() => return Ok(Some("there is no room for more".to_owned())),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Goroutines {
    fn of(runtime: &Runtime, layout: &RuntimeLayout<'_>, binary: u32) -> Result<Goroutines, String> {
        let field = |name| offset(layout, "runtime.g", name).map(|at| at as usize);
        let dead_extra = runtime.g_states.iter().position(|state| state == "deadextra");
        Ok(Goroutines {
            binary: u64::from(binary),
            list: global(layout, "runtime.allgptr")?,
            count: global(layout, "runtime.allglen")?,
            status: field("atomicstatus")?,
            goid: field("goid")?,
            reason: field("waitreason")?,
            start: field("startpc")?,
            parent: field("parentGoid")?,
            created_at: field("gopc")?,
            starts: runtime.starts.iter().map(|start| (start.wrapper, start.shown)).collect(),
            scheduler: Scheduler::of(runtime)?,
            dead_extra: dead_extra.and_then(|n| u32::try_from(n).ok()),
        })
    }

    fn read(&self, of: &RunningBinary, machine: &Machine, earlier: &mut Vec<Earlier>) -> io::Result<Vec<Entry>> {
        let (&RunningBinary { pid, bias, .. }, now) = (of, machine.clock.since_boot());
        let memory = machine.host.process(pid)?.memory()?;
        // In this order, as the runtime itself (proc.go, `atomicAllG`): a list is never shorter than an earlier count.
        let count = memory.word(self.count.wrapping_add(bias))?.min(MOST);
        let list = memory.word(self.list.wrapping_add(bias))?;
        let fields = [self.status, self.goid, self.reason, self.start, self.parent, self.created_at];
        let mut g = vec![0; fields.into_iter().max().unwrap_or(0) + 8];
        let mut found = Vec::new();
        for n in 0..count {
            let at = memory.word(list.wrapping_add(8 * n))?;
            // A g that is new may not be there yet.
            if memory.read(at, &mut g).is_ok() {
                let entry = self.entry(of, at, now, &g);
                earlier.extend(entry.as_ref().and_then(|(_, value)| self.earlier(pid, &g, value)));
                found.extend(entry);
            }
        }
        Ok(found)
    }

    /// What there is to tell of a g besides its entry.
    fn earlier(&self, pid: Pid, g: &[u8], value: &[u8]) -> Option<Earlier> {
        let word = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let id = |kind, number, process| Id { kind, number, process };
        Some(Earlier {
            pid: pid.0,
            goid: word(value, gos::GOID as usize)?,
            start: id(IdKind::StartFunc, word(value, gos::START as usize)?, 0),
            parent: word(g, self.parent)?,
            created_at: id(IdKind::UserSymbol, word(g, self.created_at)?, pid.0.into()),
        })
    }

    /// The entry of a g, if a goroutine is in it.
    fn entry(&self, of: &RunningBinary, at: u64, now: u64, g: &[u8]) -> Option<Entry> {
        let states = self.scheduler.states;
        let mut state = u32::from_le_bytes(*g.get(self.status..)?.first_chunk()?) & !G_SCAN;
        let reason = u32::from(*g.get(self.reason)?);
        if [states.idle, states.dead].contains(&(state as i32)) || Some(state) == self.dead_extra {
            return None;
        }
        let no_wait = self.scheduler.no_waits.checked_shr(reason).is_some_and(|bits| bits & 1 == 1);
        if state as i32 == states.waiting && no_wait {
            state = states.running as u32;
        }
        let word = |at: usize| Some(u64::from_le_bytes(*g.get(at..)?.first_chunk()?));
        // Nobody started what a thread of C brings.
        let start = match word(self.start)? {
            0 => VAddr(0),
            pc => VAddr(pc.wrapping_sub(of.bias) << 16 >> 16),
        };
        let start = self.starts.get(&start).copied().unwrap_or(start).0 | self.binary << 48;
        let (mut key, mut value) = (vec![0; gos::KEY as usize], vec![0; gos::SIZE as usize]);
        set(&mut key, gos::PROCESS, &of.number.to_le_bytes());
        set(&mut key, gos::G, &at.to_le_bytes());
        set(&mut value, gos::GOID, &word(self.goid)?.to_le_bytes());
        set(&mut value, gos::START, &start.to_le_bytes());
        set(&mut value, gos::SINCE, &now.to_le_bytes());
        set(&mut value, gos::STATE, &state.to_le_bytes());
        let reason = if state as i32 == states.waiting { reason } else { 0 };
        set(&mut value, gos::FLAGS, &(gos::BEFORE | reason << gos::REASON_AT).to_le_bytes());
        Some((key, value))
    }
}

impl Threads {
    fn of(layout: &RuntimeLayout<'_>) -> Result<Threads, String> {
        let field = |name| offset(layout, "runtime.m", name);
        Ok(Threads { list: global(layout, "runtime.allm")?, next: field("alllink")?, tid: field("procid")? })
    }

    /// The threads that run goroutines, and the m of each.
    fn read(&self, of: &RunningBinary, machine: &Machine) -> io::Result<Vec<Entry>> {
        let &RunningBinary { pid, number, bias, .. } = of;
        let process = machine.host.process(pid)?;
        let memory = process.memory()?;
        // Go knows threads by their numbers in its own namespace.
        let numbers: HashMap<u64, Pid> =
            process.threads()?.into_iter().map(|(ours, own)| (u64::from(own.0), ours)).collect();
        let mut found = Vec::new();
        let mut m = memory.word(self.list.wrapping_add(bias))?;
        while m != 0 && found.len() < MOST_THREADS {
            let tid = memory.word(m.wrapping_add(self.tid))?;
            found.push((numbers.get(&tid).copied(), m));
            m = memory.word(m.wrapping_add(self.next))?;
        }
        Ok(found.into_iter().filter_map(|(tid, m)| Some(Threads::entry(number, tid?, m))).collect())
    }

    fn entry(number: u32, tid: Pid, m: u64) -> Entry {
        let (mut key, mut value) = (vec![0; threads::KEY as usize], vec![0; threads::SIZE as usize]);
        set(&mut key, threads::PROCESS, &number.to_le_bytes());
        set(&mut key, threads::TID, &tid.0.to_le_bytes());
        set(&mut value, 0, &m.to_le_bytes());
        (key, value)
    }
}

fn set(bytes: &mut [u8], at: u32, number: &[u8]) {
    bytes[at as usize..][..number.len()].copy_from_slice(number);
}

fn global(layout: &RuntimeLayout<'_>, name: &str) -> Result<u64, String> {
    layout.global(name).map(|global| global.addr.0).map_err(|why| why.to_string())
}

fn offset(layout: &RuntimeLayout<'_>, strct: &str, field: &str) -> Result<u64, String> {
    layout.offset(strct, field).map(|offset| offset.value).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_told_with_its_consequence() {
        let why = "Operation not permitted (os error 1)";
        let told = [goroutines_unknown(Pid(7), why), threads_unknown(Pid(7), why)];
        expect_test::expect![[r#"
            how long goroutines of PID 7 have been in their states is not known until they leave them: Operation not permitted (os error 1)
            which goroutines run on the threads that PID 7 has now is not known, they are shown as 0: Operation not permitted (os error 1)"#]]
        .assert_eq(&told.join("\n"));
    }
}
