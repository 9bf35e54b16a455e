//! Records of calls, joined: what a call began with, how it ended, and what it gave back.
//!
//! Whoever reads records says here what each of them is, and gets back whole calls. What a call began with stays as it
//! was captured until then, since for most calls nobody may want it. There is room for so much and no more: of what does
//! not fit the oldest is forgotten, and counted.

use std::collections::{HashMap, VecDeque};

use crate::bytes::u64_at;
use crate::decode::Header;
use crate::go::call::{DEPTH, END, ID, INNER_HITS, STACK, STARTED};
use crate::go::redact::Secrets;
use crate::go::{Call, End, Frame, GoKind, GoValue, Inlined, Limits, Short, Types, World, decode};

mod panics;

pub use panics::Panics;

/// How much is kept of calls that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// So many calls.
    pub calls: usize,
    /// Bytes of what they began with.
    pub bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { calls: 1 << 18, bytes: 256 << 20 }
    }
}

/// So many ended calls stay among the keys before it is tidied up.
const ENDED: usize = 1 << 10;

/// Calls that have begun and not ended.
#[derive(Debug, Default)]
pub struct Calls {
    room: Room,
    open: HashMap<Key, Open>,
    /// The keys in the order in which they came, with those of calls that have ended since among them.
    order: VecDeque<(u64, Key)>,
    arrived: u64,
    bytes: usize,
    tally: Tally,
}

/// Which call: its number, on its goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The process.
    pub pid: u32,
    /// The goroutine; 0 if none.
    pub goid: u64,
    /// The call's number there.
    pub id: u64,
}

/// On a system stack calls count on from its g's address, shifted by as many bits; the first one that there can be is at
/// 4 MiB.
pub const SYSTEM_CALLS_AT: u32 = 16;
const SYSTEM_CALLS: u64 = 1 << (22 + SYSTEM_CALLS_AT);

impl Key {
    /// By what beginning and end of a call find each other. A system stack may have come to work for another goroutine
    /// meanwhile; its calls have numbers that no other stack's have.
    #[must_use]
    pub fn found_by(self) -> Key {
        if self.id < SYSTEM_CALLS { self } else { Key { goid: 0, ..self } }
    }
}

#[derive(Debug)]
struct Open {
    arrived: u64,
    header: Header,
    begun: Record,
}

/// A record of a whole call as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which [`Call`] says what is in it.
    pub call: u32,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// A call from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which one.
    pub key: Key,
    /// Where and when it began.
    pub header: Header,
    /// When it began, in nanoseconds since boot.
    pub started: u64,
    /// How long it was; `None` while it is open.
    pub elapsed: Option<u64>,
    /// How often probes fired on its stack while it was open; 0 unless its end was recorded.
    pub inner_hits: u64,
    /// How many calls were open on its goroutine when it began.
    pub depth: u32,
    /// How it ended.
    pub end: End,
    /// Only its beginning was to be seen: that it is open says nothing.
    pub alone: bool,
    /// What it began with.
    pub begun: Record,
    /// What it gave back; `None` where it did not return, or nobody captured it.
    pub returned: Option<Record>,
    /// The panic that has ended it, or that was on its way when the run or its process ended: what `runtime.gopanic`
    /// began with; `None` where there is none, or nobody captured it.
    pub panic: Option<Record>,
}

/// What has become of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They were given back whole.
    pub finished: u64,
    /// A condition did not want them when they ended.
    pub dropped: u64,
    /// There was no room to keep them.
    pub forgotten: u64,
    /// Ends of calls that are not known: their beginnings were lost, or forgotten.
    pub unknown: u64,
}

impl Calls {
    /// Keeps at most so much.
    #[must_use]
    pub fn new(room: Room) -> Calls {
        Calls { room, ..Calls::default() }
    }

    /// A call begins. What is said of it can be known at once, see [`Calls::get`].
    pub fn begins(&mut self, header: Header, record: Record) -> Option<Key> {
        let key = key(&header, word(&record.bytes, ID)?);
        self.take(key);
        self.arrived += 1;
        self.bytes += record.bytes.len();
        self.order.push_back((self.arrived, key));
        self.open.insert(key.found_by(), Open { arrived: self.arrived, header, begun: record });
        while self.open.len() > self.room.calls || self.bytes > self.room.bytes {
            let Some((arrived, oldest)) = self.order.pop_front() else { break };
            if self.is_open(arrived, oldest) {
                self.take(oldest);
                self.tally.forgotten += 1;
            }
        }
        if self.order.len() > ENDED + 2 * self.open.len() {
            let mut order = std::mem::take(&mut self.order);
            order.retain(|&(arrived, key)| self.is_open(arrived, key));
            self.order = order;
        }
        Some(key)
    }

    /// Whether the call that came as that one has not ended; one with its key may have come later.
    fn is_open(&self, arrived: u64, key: Key) -> bool {
        self.open.get(&key.found_by()).is_some_and(|open| open.arrived == arrived)
    }

    /// A call that began, of which nothing more will be heard.
    #[must_use]
    pub fn begun(header: Header, record: Record) -> Option<Finished> {
        let key = key(&header, word(&record.bytes, ID)?);
        Some(Finished { alone: true, ..finished(key, header, record, End::Open) })
    }

    /// A call returns.
    pub fn returns(&mut self, header: Header, record: Record) -> Option<Finished> {
        let key = key(&header, word(&record.bytes, ID)?);
        let end = word(&record.bytes, END).and_then(|end| End::numbered(end as u32)).unwrap_or(End::Return);
        let inner_hits = word(&record.bytes, INNER_HITS).unwrap_or_default();
        let call = self.finish(key, header.time, end)?;
        Some(Finished { inner_hits, returned: Some(record), ..call })
    }

    /// A call ends otherwise.
    pub fn ends(&mut self, header: Header, short: &Short, end: End) -> Option<Finished> {
        let call = self.finish(key(&header, short.id), header.time, end)?;
        Some(Finished { inner_hits: short.inner_hits, ..call })
    }

    /// A call has ended, and a condition does not want it. Gives back which one, if it was open.
    pub fn dropped(&mut self, header: Header, id: u64) -> Option<Key> {
        let key = key(&header, id);
        if self.take(key).is_none() {
            self.tally.unknown += 1;
            return None;
        }
        self.tally.dropped += 1;
        Some(key)
    }

    /// A call that is open: as it would be if the run ended now.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Finished> {
        let Open { header, begun, .. } = self.open.get(&key.found_by())?;
        Some(finished(key, *header, begun.clone(), End::Open))
    }

    /// The open calls for which that is so end here, oldest first: the run is over, or their process, or their
    /// function's probes were taken out.
    pub fn close(&mut self, end: End, which: impl Fn(&Key, &Record) -> bool) -> Vec<Finished> {
        let open = self.order.iter().filter(|(arrived, key)| self.is_open(*arrived, *key)).map(|(_, key)| *key);
        let chosen = open.filter(|key| self.open.get(&key.found_by()).is_some_and(|open| which(key, &open.begun)));
        let chosen: Vec<Key> = chosen.collect();
        let taken = chosen.into_iter().filter_map(|key| Some((key, self.take(key)?)));
        taken.map(|(key, open)| finished(key, open.header, open.begun, end)).collect()
    }

    /// How many calls are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// What has become of the others.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn finish(&mut self, key: Key, time: u64, end: End) -> Option<Finished> {
        let Some(Open { header, begun, .. }) = self.take(key) else {
            self.tally.unknown += 1;
            return None;
        };
        self.tally.finished += 1;
        let key = Key { goid: header.goid, ..key };
        let call = finished(key, header, begun, end);
        Some(Finished { elapsed: Some(time.saturating_sub(call.started)), ..call })
    }

    fn take(&mut self, key: Key) -> Option<Open> {
        let open = self.open.remove(&key.found_by())?;
        self.bytes = self.bytes.saturating_sub(open.begun.bytes.len());
        while self.order.front().is_some_and(|&(arrived, key)| !self.is_open(arrived, key)) {
            self.order.pop_front();
        }
        Some(open)
    }
}

fn key(header: &Header, id: u64) -> Key {
    Key { pid: header.pid, goid: header.goid, id }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    u64_at(bytes, at).ok()
}

fn finished(key: Key, header: Header, begun: Record, end: End) -> Finished {
    let started = word(&begun.bytes, STARTED).unwrap_or(header.time);
    let depth = word(&begun.bytes, DEPTH).unwrap_or_default() as u32;
    let (elapsed, inner_hits, alone, returned, panic) = (None, 0, false, None, None);
    Finished { key, header, started, elapsed, inner_hits, depth, end, alone, begun, returned, panic }
}

/// A call in values.
#[derive(Clone, Debug, PartialEq)]
pub struct CallValues<'a> {
    /// Its function's name.
    pub function: &'a str,
    /// The executable that has it, where several have one of that name.
    pub program: Option<String>,
    /// Its type arguments, where they are known.
    pub type_args: &'a [String],
    /// What it was called with.
    pub args: Vec<(&'a str, GoValue)>,
    /// Arguments are missing there, or may be.
    pub args_omitted: bool,
    /// What it gave back; `None` where it did not return, or nobody captured it.
    pub rets: Option<Vec<(&'a str, GoValue)>>,
    /// Results are missing there, or may be.
    pub rets_omitted: bool,
    /// What the panic was about that ended it, or was on its way in the end.
    pub panic: Option<GoValue>,
    /// Who called, the innermost first, where that was recorded.
    pub stack: Vec<String>,
    /// Where it was inlined, if so: then there is nothing to know of its results.
    pub inlined: Option<&'a Inlined>,
    /// The same with places in the sources.
    pub frames: Vec<Frame>,
}

/// What records of calls are read with.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The types that its records speak of.
    pub types: &'a Types,
    /// All kinds of records.
    pub calls: &'a [Call],
    /// What is not to be shown.
    pub secrets: &'a Secrets,
    /// How the records were to be made.
    pub limits: Limits,
}

impl<'a> Reader<'a> {
    /// The call in values, without its secrets; `None` if its record is of no known kind.
    pub fn read(&self, call: &Finished, world: &dyn World) -> Option<CallValues<'a>> {
        let (of, args) = self.values(&call.begun, world)?;
        let returned = call.returned.as_ref().and_then(|record| self.values(record, world));
        let panic = call.panic.as_ref().and_then(|record| self.panic(record, world));
        let stack = word(&call.begun.bytes, STACK).filter(|&id| id != 0);
        Some(CallValues {
            stack: stack.map_or_else(Vec::new, |id| world.stack(id)),
            frames: stack.map_or_else(Vec::new, |id| world.frames(id)),
            function: &of.name,
            type_args: &of.type_args,
            inlined: of.inlined.as_ref(),
            program: world.program(of.function),
            args,
            args_omitted: of.incomplete,
            rets_omitted: returned.as_ref().is_some_and(|(of, _)| of.incomplete),
            rets: returned.map(|(_, values)| values),
            panic,
        })
    }

    /// What `runtime.gopanic` was given, if it is known to be an interface.
    fn panic(&self, record: &Record, world: &dyn World) -> Option<GoValue> {
        let (of, mut values) = self.values(record, world)?;
        let [given] = &of.values[..] else { return None };
        let kind = &self.types.get(given.ty)?.kind;
        values.pop().map(|(_, value)| value).filter(|_| matches!(kind, GoKind::Interface { .. }))
    }

    fn values(&self, record: &Record, world: &dyn World) -> Option<(&'a Call, Vec<(&'a str, GoValue)>)> {
        let call = self.calls.get(record.call as usize)?;
        let mut values = decode(self.types, call, &record.bytes, world, self.limits);
        for (name, value) in &mut values {
            self.secrets.redact(name, value, self.types);
        }
        Some((call, values))
    }
}

#[cfg(test)]
mod tests;
