//! Where the runtime of a program keeps what is read of goroutines.

use std::io;

use gobin::Image;
use gobin::layout::{G_SCAN, RuntimeLayout, Unknown};
use plan::target::NO_WAITS;

use super::memory::Live;

/// Nobody has more goroutines.
const MOST: u64 = 1 << 24;
/// No version's is larger.
pub(super) const LARGEST_G: usize = 1024;

/// Where everything is.
pub(super) struct Places {
    /// Where the list of goroutines is named, and its length.
    list: u64,
    count: u64,
    /// Where in a thread its number stands.
    pub tid: u64,
    fields: Fields,
    /// Names of states by number.
    states: Vec<Option<&'static str>>,
    /// Names of reasons to wait by number.
    reasons: Vec<String>,
    /// The program may switch coroutines.
    pub has_coroutines: bool,
}

/// Offsets in `runtime.g`.
#[derive(Clone, Copy, Debug)]
struct Fields {
    status: usize,
    goid: usize,
    reason: usize,
    since: usize,
    start: usize,
    parent: usize,
    created: usize,
    m: usize,
    locked: usize,
    transitions: usize,
    hi: usize,
    sp: usize,
    pc: usize,
    lr: usize,
    syscall_sp: usize,
    syscall_pc: usize,
}

/// What is read of a goroutine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct G {
    status: u32,
    reason: u8,
    transitions: u8,
    pub goid: u64,
    pub since: u64,
    pub start: u64,
    pub parent: u64,
    pub created: u64,
    pub m: u64,
    pub locked: u64,
    pub hi: u64,
    pub sp: u64,
    pub pc: u64,
    pub lr: u64,
    pub syscall_sp: u64,
    pub syscall_pc: u64,
}

/// What a goroutine's state says about what else is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// There is no goroutine.
    None,
    Running,
    Syscall,
    Waiting,
    /// Any other: it stands where it left off.
    Other,
}

impl G {
    /// Whether it has not moved between two readings. The collector may have come by.
    pub fn stands_where(&self, before: &G) -> bool {
        let clear = |g: &G| G { status: g.status & !G_SCAN, since: 0, ..g.clone() };
        clear(self) == clear(before)
    }
}

impl Places {
    /// Looks everything up. DWARF, which takes a while to open, is asked only if nothing else answers.
    pub fn of(image: &Image) -> Result<Places, Unknown> {
        Places::by(image, &image.runtime_by_version()).or_else(|_| Places::by(image, &image.runtime()))
    }

    fn by(image: &Image, layout: &RuntimeLayout<'_>) -> Result<Places, Unknown> {
        let field = |name: &str| layout.offset("runtime.g", name).map(|at| at.value as usize);
        let fields = Fields {
            status: field("atomicstatus")?,
            goid: field("goid")?,
            reason: field("waitreason")?,
            since: field("waitsince")?,
            start: field("startpc")?,
            parent: field("parentGoid")?,
            created: field("gopc")?,
            m: field("m")?,
            locked: field("lockedm")?,
            transitions: field("trackingSeq")?,
            hi: field("stack.hi")?,
            sp: field("sched.sp")?,
            pc: field("sched.pc")?,
            lr: field("sched.lr")?,
            syscall_sp: field("syscallsp")?,
            syscall_pc: field("syscallpc")?,
        };
        Ok(Places {
            list: layout.global("runtime.allgptr")?.addr.0,
            count: layout.global("runtime.allglen")?.addr.0,
            tid: layout.offset("runtime.m", "procid")?.value,
            fields,
            states: (0..).map_while(|n| layout.g_state(n).map(Some)).collect(),
            reasons: (0..u8::MAX).map_while(|n| layout.wait_reason(n).map(str::to_owned)).collect(),
            has_coroutines: image.runtime_function("runtime.coroswitch_m").is_some(),
        })
    }

    /// Where goroutines are, and were.
    pub fn listed(&self, live: &Live<'_>, bias: u64) -> io::Result<Vec<u64>> {
        let word = |at: u64| {
            let mut bytes = [0; 8];
            live.read(at.wrapping_add(bias), &mut bytes).map(|()| u64::from_le_bytes(bytes))
        };
        // In this order: a list is never shorter than its length was before.
        let count = word(self.count)?.min(MOST);
        let list = word(self.list)?;
        let mut bytes = vec![0; 8 * count as usize];
        live.read(list, &mut bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    /// How much of a goroutine is read.
    pub fn size(&self) -> usize {
        let f = &self.fields;
        let all = [f.status, f.goid, f.reason, f.since, f.start, f.parent, f.created, f.m, f.locked, f.transitions];
        let stack = [f.hi, f.sp, f.pc, f.lr, f.syscall_sp, f.syscall_pc];
        all.into_iter().chain(stack).max().unwrap_or(0) + 8
    }

    /// Takes a goroutine out of its bytes.
    pub fn read(&self, bytes: &[u8]) -> Option<G> {
        let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let f = &self.fields;
        Some(G {
            status: word(f.status)? as u32,
            reason: *bytes.get(f.reason)?,
            transitions: *bytes.get(f.transitions)?,
            goid: word(f.goid)?,
            since: word(f.since)?,
            start: word(f.start)?,
            parent: word(f.parent)?,
            created: word(f.created)?,
            m: word(f.m)?,
            locked: word(f.locked)?,
            hi: word(f.hi)?,
            sp: word(f.sp)?,
            pc: word(f.pc)?,
            lr: word(f.lr)?,
            syscall_sp: word(f.syscall_sp)?,
            syscall_pc: word(f.syscall_pc)?,
        })
    }

    fn name(&self, g: &G) -> Option<&'static str> {
        *self.states.get((g.status & !G_SCAN) as usize)?
    }

    /// What a goroutine is doing; nothing if that makes no sense.
    pub fn state(&self, g: &G) -> Option<State> {
        Some(match self.name(g)? {
            "idle" | "dead" | "deadextra" => State::None,
            // Its stack is being enlarged by itself.
            "running" | "copystack" => State::Running,
            "syscall" => State::Syscall,
            // It runs on, on the system stack.
            "waiting" | "leaked" if self.reason(g).is_some_and(|reason| NO_WAITS.contains(&reason)) => State::Running,
            "waiting" | "leaked" => State::Waiting,
            "runnable" | "preempted" => State::Other,
            _ => return None,
        })
    }

    /// The word for a state.
    pub fn word(&self, g: &G, state: &State) -> &'static str {
        match state {
            State::Running => "running",
            _ => self.name(g).unwrap_or_default(),
        }
    }

    /// Why it waits.
    pub fn reason(&self, g: &G) -> Option<&str> {
        self.reasons.get(usize::from(g.reason)).map(String::as_str).filter(|reason| !reason.is_empty())
    }

    /// Whether it waits for another coroutine.
    pub fn is_coroutine(&self, g: &G) -> bool {
        self.reason(g) == Some("coroutine")
    }
}
