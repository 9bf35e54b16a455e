//! From the record of a call to its values.
//!
//! All bytes are foreign, and the memory that they were copied from changed meanwhile: lengths and counts are taken for
//! what they are only as far as chunks reach. What is not there is [`Missing`], with the reason; never 0 or "".

use super::kinds::{self, Read};
use super::memory::{Found, Memory, u32_at, u64_at};
use super::span::{Hole, Span, as_it_stands};
use super::value::{GoValue, Is, Missing};
use super::{Call, Dynamic, LEAST_ADDRESS, Printed, Root, Start, TypeRow, Types, call};
use crate::record;

/// What only those know who look at the process.
pub trait World {
    /// By how much its addresses are greater than those of the binary's file.
    fn bias(&self) -> u64;

    /// The name of the function whose code is there.
    fn function(&self, address: u64) -> Option<String>;

    /// Where the type is that an itab is about which the file does not have: the runtime made it.
    fn itab(&self, address: u64) -> Option<u64>;

    /// The executable of a function, by its number, where that is not plain from its name.
    fn program(&self, _function: u64) -> Option<String> {
        None
    }

    /// The process's number, as in [`Types::runtime_type`]; 0 if it has none.
    fn process(&self) -> u32 {
        0
    }

    /// Nobody knows the type at that address of the process.
    fn unknown(&self, _type_address: u64) {}

    /// The functions on a recorded stack, the innermost first.
    fn stack(&self, _id: u64) -> Vec<String> {
        Vec::new()
    }

    /// The same with places in the sources.
    fn frames(&self, _stack: u64) -> Vec<super::Frame> {
        Vec::new()
    }

    /// Memory that never changes, as the file has it: at most so many bytes.
    fn constant(&self, address: u64, most: usize) -> Option<&[u8]>;
}

/// How records were to be made, which they do not say themselves.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many pointers were to be followed.
    pub depth: Option<u32>,
    /// Bytes of a string to take from the file, where the record lacks it.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: None, text: 256 }
    }
}

/// So deep one value may stand in others: many readers of JSON take no more than 128 levels, and a value may make three.
const NESTED: usize = 32;
/// So many pointers may lead to a value; of the links of a context, which stand beside each other, there are more.
const PATH: usize = 96;
/// So many values one call may have, with what is in them. What is shared stands in the tree once for each that has it.
const VALUES: usize = 20_000;

/// The values of a call, in the order of its signature, with their names.
///
/// `bytes` is the whole record.
pub fn decode<'a>(
    types: &Types,
    call: &'a Call,
    bytes: &[u8],
    world: &dyn World,
    limits: Limits,
) -> Vec<(&'a str, GoValue)> {
    let chunks = call::REGISTERS + (usize::from(call.registers) + usize::from(call.stack)) * 8;
    let mut decoder = Decoder::new((types, call.binary), (bytes, chunks), world, limits);
    let bias = decoder.process.bias;
    let second = u64_at(bytes, call::REGISTERS + 8).map(|word| word.wrapping_sub(bias));
    let lost = |root: &Root| root.lost_if.is_some() && root.lost_if == second;
    let value = |root: &'a Root| {
        let value = if lost(root) { missing(root.ty, Missing::Lost) } else { decoder.root(root, bytes) };
        (&*root.name, value)
    };
    call.values.iter().map(value).collect()
}

/// The whole values of a record that is none of a call, with their names.
///
/// `bytes` is the whole record, of which chunks begin at `chunks`.
pub fn printed<'a>(
    types: &Types,
    printed: &'a Printed,
    (bytes, chunks): (&[u8], usize),
    world: &dyn World,
    limits: Limits,
) -> Vec<(&'a str, GoValue)> {
    let mut decoder = Decoder::new((types, printed.binary), (bytes, chunks), world, limits);
    let bias = decoder.process.bias;
    let value = |start: &'a Start| match start {
        Start::Here(root) => (&*root.name, decoder.root(root, bytes)),
        Start::At { name, ty, word } => {
            let address = u64_at(bytes, *word as usize);
            (&**name, address.map_or_else(|| missing(*ty, Missing::NoMemory), |address| decoder.at(address, *ty)))
        }
    };
    let dictionary = u64_at(bytes, Printed::FROM + printed.bytes.saturating_sub(8) as usize);
    let instance = dictionary.and_then(|at| printed.instances.get(&at.wrapping_sub(bias)));
    instance.unwrap_or(&printed.values).iter().map(value).collect()
}

fn missing(ty: TypeRow, why: Missing) -> GoValue {
    GoValue { ty, is: Is::Missing(why) }
}

/// The process that a record comes from.
#[derive(Clone, Copy)]
struct Process<'a> {
    world: &'a dyn World,
    binary: u32,
    bias: u64,
}

/// What is shared while the values of one record are read.
pub(super) struct Decoder<'a> {
    pub types: &'a Types,
    process: Process<'a>,
    memory: Memory<'a>,
    stat: u32,
    limits: Limits,
    /// The pointers that lead to where we are: what is met again here is a cycle.
    path: Vec<(u64, TypeRow)>,
    nested: usize,
    values: usize,
    /// How many of them count towards the depth that was asked for.
    depth: u32,
}

impl<'a> Decoder<'a> {
    fn new(
        (types, binary): (&'a Types, u32),
        (bytes, chunks): (&'a [u8], usize),
        world: &'a dyn World,
        limits: Limits,
    ) -> Decoder<'a> {
        let memory = Memory::new(bytes.get(chunks..).unwrap_or_default());
        let stat = u32_at(bytes, record::STAT).unwrap_or_default();
        let process = Process { world, binary, bias: world.bias() };
        Decoder { types, process, memory, stat, limits, path: vec![], nested: 0, values: 0, depth: 0 }
    }

    /// The value at an address that no pointer leads to: nothing counts towards the depth yet.
    fn at(&mut self, address: u64, ty: TypeRow) -> GoValue {
        let size = self.types.get(ty).map_or(0, |ty| ty.size as usize);
        self.path.push((address, ty));
        let value = match self.memory(address, ty, size) {
            Ok(span) => self.value(ty, span),
            Err(why) => missing(ty, why),
        };
        self.path.pop();
        value
    }

    fn root(&mut self, root: &Root, record: &[u8]) -> GoValue {
        let size = self.types.get(root.ty).map_or(0, |ty| ty.size as usize);
        if let Some(bytes) = as_it_stands(root, size, record) {
            return self.value(root.ty, Span::root(bytes, &[]));
        }
        // No value is larger than the record that all its pieces are in.
        let mut bytes = vec![0; size.min(record.len())];
        let holes = Hole::fill(&mut bytes, root, record);
        self.value(root.ty, Span::root(&bytes, &holes))
    }

    /// The value of that type whose bytes these are.
    pub fn value(&mut self, ty: TypeRow, span: Span<'_>) -> GoValue {
        if self.nested >= NESTED || self.values >= VALUES {
            return missing(ty, Missing::Nested);
        }
        self.nested += 1;
        self.values += 1;
        let is = kinds::read(self, ty, span).unwrap_or_else(Is::Missing);
        self.nested -= 1;
        GoValue { ty, is }
    }

    /// What a pointer leads to.
    pub fn pointee(&mut self, address: u64, ty: TypeRow) -> GoValue {
        let size = self.types.get(ty).map_or(0, |ty| ty.size as usize);
        let value = self.follow(address, ty, |decoder| {
            let span = decoder.memory(address, ty, size)?;
            Ok(decoder.value(ty, span))
        });
        value.unwrap_or_else(|why| missing(ty, why))
    }

    /// Reads what is behind a pointer that counts towards the depth, unless we are there already.
    pub fn follow<T>(&mut self, address: u64, row: TypeRow, read: impl FnOnce(&mut Decoder<'a>) -> Read<T>) -> Read<T> {
        if self.path.contains(&(address, row)) {
            return Err(Missing::Cycle);
        }
        if self.path.len() >= PATH {
            return Err(Missing::Nested);
        }
        self.path.push((address, row));
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        self.path.pop();
        value
    }

    /// Reads as if the last pointer had not counted: what is there stands beside the value that we are in.
    pub fn beside<T>(&mut self, read: impl FnOnce(&mut Decoder<'a>) -> T) -> T {
        let (depth, nested) = (self.depth, self.nested);
        (self.depth, self.nested) = (depth.saturating_sub(1), nested.saturating_sub(2));
        let value = read(self);
        (self.depth, self.nested) = (depth, nested);
        value
    }

    /// Memory that was read as that type: fewer bytes than asked for if there are no more.
    pub fn memory(&self, address: u64, row: TypeRow, size: usize) -> Read<Span<'a>> {
        if size == 0 {
            return Ok(Span::memory(&[], Missing::Torn));
        }
        match self.memory.find(address, row) {
            Found::Bytes(bytes) => Ok(Span::memory(bytes, self.cut())),
            Found::Failed => self.constant(address, size).ok_or(Missing::Unreadable),
            Found::Not if address < LEAST_ADDRESS => Err(Missing::NoMemory),
            Found::Not => Err(self.not_captured()),
        }
    }

    /// What could not be read may stand in the file.
    fn constant(&self, address: u64, size: usize) -> Option<Span<'a>> {
        let bytes = self.process.world.constant(address, size.min(self.limits.text));
        bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| Span::memory(bytes, Missing::Large))
    }

    /// What an interface with that first word holds, which is a type if it has no methods, and else an itab.
    pub fn dynamic(&self, word: u64, empty: bool) -> Option<Dynamic> {
        let Process { world, binary, bias } = self.process;
        let of_file = |address: u64| self.types.dynamic(binary, address.wrapping_sub(bias));
        if let Some(known) = of_file(word) {
            return Some(known);
        }
        let ty = if empty { word } else { world.itab(word)? };
        let known = of_file(ty).or_else(|| self.types.runtime_type(world.process(), ty));
        if known.is_none() {
            world.unknown(ty);
        }
        known
    }

    /// The name of the function whose code is there.
    pub fn function(&self, address: u64) -> Option<String> {
        self.process.world.function(address)
    }

    /// Bytes that were read as that: of several strings that start there the longest was taken.
    pub fn text(&self, address: u64, row: TypeRow, len: u64) -> Read<&'a [u8]> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = self.memory(address, row, len)?.bytes();
        Ok(bytes.get(..len).unwrap_or(bytes))
    }

    /// Why memory was read only in part.
    pub fn cut(&self) -> Missing {
        if self.stat & call::stat::BUDGET == 0 { Missing::Large } else { Missing::Room }
    }

    /// Whether this is as deep as interfaces are looked into.
    pub fn is_deepest(&self) -> bool {
        self.stat & call::stat::DEPTH != 0 && self.limits.depth == Some(self.depth)
    }

    /// Why memory was not read at all.
    fn not_captured(&self) -> Missing {
        use call::stat;
        let is = |bit| self.stat & bit != 0;
        // Depth is counted from the arguments, as in the kernel; where it is known to suffice it is not the reason.
        let deep = is(stat::DEPTH) && self.limits.depth.is_none_or(|depth| self.depth > depth);
        let surely = deep && self.limits.depth.is_some();
        match (deep, is(stat::BUDGET)) {
            _ if surely => Missing::Depth,
            (true, true) => Missing::DepthOrRoom,
            (true, false) => Missing::Depth,
            (false, true) => Missing::Room,
            _ if is(stat::QUEUE | stat::TURNS) => Missing::Work,
            _ if is(stat::UNKNOWN) => Missing::NewType,
            _ => Missing::NotFollowed,
        }
    }
}
