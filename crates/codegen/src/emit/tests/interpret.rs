//! What emitted programs do with the tables of whole values, in Rust: the same steps in the same order. Both must bring
//! back the same bytes.

use event::go::{call, chunk};
use event::record;

use program::capture::{BINARY_AT, Count, Kind, LEAST_ADDRESS, MOST_BYTES, MOST_CHUNK, Mask, Op, Type, flag};

use crate::capture::Tables;
use crate::emit::capture::{QUEUE, VISITED, turns};

/// Whoever reads the memory of the process.
pub trait Memory {
    /// Reads all of those bytes, or says that it cannot.
    fn read(&mut self, address: u64, into: &mut [u8]) -> bool;
}

impl<F: FnMut(u64, &mut [u8]) -> bool> Memory for F {
    fn read(&mut self, address: u64, into: &mut [u8]) -> bool {
        self(address, into)
    }
}

/// Where the process has the binary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    /// Its number.
    pub binary: u32,
    /// That of the process.
    pub process: u32,
    /// How far behind the file's addresses.
    pub bias: u64,
}

/// Adds to a record that ends with its registers and words of the stack what their pointers lead to.
///
/// `function` is a row of [`Tables::functions`].
pub fn capture(tables: &Tables, function: u32, loaded: Loaded, record: &mut Vec<u8>, memory: &mut dyn Memory) {
    let Some(of) = tables.functions.get(function as usize) else { return };
    let mut machine = Machine {
        tables,
        loaded,
        record,
        memory,
        bytes: of.bytes.min(MOST_BYTES) as usize,
        ops: of.first..of.first + u32::from(of.ops),
        left: of.depth,
        ty: Type { first: of.first, ops: 0, mask: Mask::None, stride: 0 },
        at: call::REGISTERS,
        more: 0,
        control: 0,
        queue: Vec::new(),
        next: 0,
        visited: vec![(0, 0); VISITED as usize],
        stat: 0,
    };
    if !(0..turns(of.bytes)).any(|_| machine.turn().is_none()) {
        machine.stat |= call::stat::TURNS;
    }
    let stat = machine.stat;
    if let Some(place) = record.get_mut(record::STAT..record::STAT + 4) {
        place.copy_from_slice(&stat.to_le_bytes());
    }
}

/// Values that were read and are yet to be gone through.
#[derive(Clone, Copy)]
struct Waiting {
    at: usize,
    row: u32,
    count: u32,
    left: u32,
}

struct Machine<'m> {
    tables: &'m Tables,
    loaded: Loaded,
    record: &'m mut Vec<u8>,
    memory: &'m mut dyn Memory,
    bytes: usize,
    /// The ops of this value that are yet to do.
    ops: std::ops::Range<u32>,
    left: u32,
    ty: Type,
    /// The value, and how many come behind it.
    at: usize,
    more: u32,
    control: u64,
    queue: Vec<Waiting>,
    next: usize,
    visited: Vec<(u64, u32)>,
    stat: u32,
}

impl Machine<'_> {
    /// One step; nothing if all is done.
    fn turn(&mut self) -> Option<()> {
        if self.ops.is_empty() && !self.next_value()? {
            return Some(());
        }
        let number = self.ops.start;
        self.ops.start += 1;
        let Some(op) = self.tables.ops.get(number as usize) else { return Some(()) };
        let at = self.at + usize::from(op.at);
        if at <= MOST_BYTES as usize {
            self.follow(*op, at);
        }
        Some(())
    }

    /// Goes on with the next value; says whether it is there and has ops.
    fn next_value(&mut self) -> Option<bool> {
        if self.more == 0 {
            let waiting = *self.queue.get(self.next)?;
            self.next += 1;
            let Some(ty) = self.tables.types.get(waiting.row as usize) else { return Some(false) };
            (self.ty, self.at, self.left) = (*ty, waiting.at, waiting.left);
            self.more = waiting.count.wrapping_sub(1);
            self.control = self.word(self.at);
        } else {
            self.more -= 1;
            self.at += self.ty.stride as usize;
        }
        let control = self.control & 0xff;
        let there = match self.ty.mask {
            Mask::None => true,
            Mask::Group => control < 128,
            Mask::Bucket => control >= u64::from(gobin::maps::buckets::LEAST_USED),
        };
        if self.ty.mask != Mask::None {
            self.control >>= 8;
        }
        if there {
            self.ops = self.ty.first..self.ty.first + u32::from(self.ty.ops);
        }
        Some(there && !self.ops.is_empty())
    }

    fn word(&self, at: usize) -> u64 {
        self.record.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
    }

    fn byte(&self, at: usize) -> u64 {
        self.record.get(at).copied().unwrap_or(0).into()
    }

    fn follow(&mut self, op: Op, mut at: usize) {
        if op.kind == Kind::Inside {
            return self.wait(at, op.row.0, u32::from(op.max), self.left);
        }
        let mut address = self.word(at);
        if address < LEAST_ADDRESS {
            return;
        }
        if self.left == 0 && op.flags & flag::FREE == 0 {
            self.stat |= call::stat::DEPTH;
            return;
        }
        let left = if op.flags & flag::NO_DEPTH == 0 { self.left.saturating_sub(1) } else { self.left };
        let mut inner = op;
        if matches!(op.kind, Kind::Eface | Kind::Iface) {
            let Some(found) = self.dynamic(address, op.kind == Kind::Iface) else {
                self.stat |= call::stat::UNKNOWN;
                return;
            };
            inner = found;
            at += 8;
            address = self.word(at);
            if inner.kind == Kind::Nothing || address < LEAST_ADDRESS {
                return;
            }
        }
        let count = self.count(inner.count, at).min(u64::from(inner.max)) as u32;
        self.read(inner, address, count, left);
    }

    fn dynamic(&mut self, address: u64, is_itab: bool) -> Option<Op> {
        let key = |address: u64| (u64::from(self.loaded.binary) << BINARY_AT) + address.wrapping_sub(self.loaded.bias);
        let mut found = self.tables.dynamic.get(&key(address));
        if found.is_none() {
            let mut ty = address.to_le_bytes();
            if is_itab && !self.memory.read(address.wrapping_add(8), &mut ty) {
                return None;
            }
            let ty = u64::from_le_bytes(ty);
            let of_file = self.tables.dynamic.get(&key(ty)).filter(|_| is_itab);
            found = of_file.or_else(|| self.tables.met.get(&(self.loaded.process, ty)));
        }
        self.tables.ops.get(*found? as usize).copied()
    }

    fn count(&self, count: Count, at: usize) -> u64 {
        let power = |at: usize| 1_u64.wrapping_shl(self.byte(at) as u32);
        match count {
            Count::One => 1,
            Count::Length => self.word(at + 8),
            Count::Buckets => power(at - 7),
            Count::Mask => self.word(at + 8).wrapping_add(1),
            Count::Only => u64::from(self.word(at + 8) == 0),
            Count::OldBuckets if self.byte(at - 16) & u64::from(gobin::maps::buckets::SAME_SIZE) != 0 => power(at - 15),
            Count::OldBuckets => power(at - 15) >> 1,
        }
    }

    fn read(&mut self, op: Op, address: u64, mut count: u32, left: u32) {
        let mut len = u64::from(count) * u64::from(op.size);
        if len == 0 || op.flags & flag::VISIT != 0 && self.was_here(address, op.row.0) {
            return;
        }
        let room = self.bytes.saturating_sub(self.record.len() + chunk::BYTES) as u64;
        if len > room {
            self.stat |= call::stat::BUDGET;
            count = (room / u64::from(op.size)) as u32;
            len = u64::from(count) * u64::from(op.size);
        }
        if len == 0 || len > u64::from(MOST_CHUNK) || self.record.len() > MOST_BYTES as usize {
            return;
        }
        let at = self.record.len() + chunk::BYTES;
        let mut bytes = vec![0; len as usize];
        let fine = self.memory.read(address, &mut bytes);
        let failed = if fine { 0 } else { chunk::FAILED };
        self.record.extend(address.to_le_bytes());
        self.record.extend((len as u32 | failed).to_le_bytes());
        self.record.extend(op.row.0.to_le_bytes());
        if !fine {
            self.stat |= call::stat::FAULT;
            return;
        }
        self.record.extend(&bytes);
        self.record.resize(self.record.len().next_multiple_of(8), 0);
        if op.flags & flag::LEAF == 0 {
            self.wait(at, op.row.0, count, left);
        }
    }

    fn was_here(&mut self, address: u64, row: u32) -> bool {
        let place = &mut self.visited[visited_at(address, row)];
        std::mem::replace(place, (address, row)) == (address, row)
    }

    fn wait(&mut self, at: usize, row: u32, count: u32, left: u32) {
        if self.queue.len() < QUEUE as usize {
            self.queue.push(Waiting { at, row, count, left });
        } else {
            self.stat |= call::stat::QUEUE;
        }
    }
}

/// Where it is remembered that a pointer was followed. Two that have the same place make each other forgotten, which
/// costs a second chunk.
fn visited_at(address: u64, row: u32) -> usize {
    let sum = (address >> 3).wrapping_add(u64::from(row).wrapping_mul(31));
    ((sum ^ sum >> 8) & u64::from(VISITED - 1)) as usize
}
