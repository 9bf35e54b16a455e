//! The tables by which programs follow the pointers of Go values, byte by byte: filled in with the programs, added to
//! while they run.
//!
//! ```text
//! funcs[row]  → the ops of a function's arguments (or results), the words of the stack to copy, limits
//! types[row]  → the ops of a value of that type; rows are those of event::go::Types
//! ops[n]      → one pointer: where in the value it is, how much there is to read behind it, as which type
//! dynamic     → the op for what an interface holds, by its first word
//! instances   → the row of a generic function with type arguments, by its number and its dictionary
//! ```
//!
//! Wrong tables make wrong values, never a read outside of the record: programs check every place.

pub use event::go::LEAST_ADDRESS;
use event::go::TypeRow;

/// A record has no more bytes than this.
pub const MOST_BYTES: u32 = 16 << 10;
/// Nor has a chunk.
pub const MOST_CHUNK: u32 = 4096;
/// Words of the stack in a record.
pub const MOST_STACK: u16 = 128;

/// Where a dictionary is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hidden {
    /// It is an argument.
    Passed {
        /// Where it is in the record of a beginning, in bytes behind the context register.
        at: u16,
        /// As [`event::go::Root::lost_if`] says it of others.
        lost_if: Option<u64>,
    },
    /// A closure has it: one of the first [`IN_CLOSURE`] words behind its code.
    InClosure,
}

/// So many words of a closure are looked at.
pub const IN_CLOSURE: u32 = 15;

/// The key of an address, as its file counts, of a binary.
#[must_use]
pub const fn dynamic_key(binary: u32, address: u64) -> u64 {
    (binary as u64) << BINARY_AT | address
}

/// Where the number of the binary is in [`dynamic_key`].
pub const BINARY_AT: u32 = 48;

/// What is captured of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    /// Its first op; places count from the registers of the record.
    pub first: u32,
    /// How many.
    pub ops: u16,
    /// Words of the stack to copy.
    pub stack: u16,
    /// Bytes of the record.
    pub bytes: u32,
    /// How many pointers are followed one behind the other.
    pub depth: u32,
}

/// How a value of a type is gone through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Type {
    /// Its first op; places count from the value.
    pub first: u32,
    /// How many.
    pub ops: u16,
    /// Which of several values are there.
    pub mask: Mask,
    /// From value to value.
    pub stride: u32,
}

/// Whether a byte for each value says if it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Mask {
    /// All are.
    #[default]
    None = 0,
    /// The first eight bytes do: 128 or more where none is.
    Group = 1,
    /// They do: less than [`gobin::maps::buckets::LEAST_USED`] where none is.
    Bucket = 2,
}

/// A pointer, and what is behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    /// What it is.
    pub kind: Kind,
    /// [`flag`]s.
    pub flags: u8,
    /// Where it is.
    pub at: u16,
    /// How many values are read at most.
    pub max: u16,
    /// How many there are.
    pub count: Count,
    /// Bytes of one.
    pub size: u32,
    /// What they are.
    pub row: TypeRow,
}

/// What an op does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Nothing: there is nothing behind it.
    Nothing = 0,
    /// Reads.
    Pointer = 1,
    /// Goes through values that were read with this one.
    Inside = 2,
    /// Looks up what the type is whose address is in the first word; the second is the pointer.
    Eface = 3,
    /// The same of an itab.
    Iface = 4,
}

/// What else an op says.
pub mod flag {
    /// What is read holds no pointers.
    pub const LEAF: u8 = 1;
    /// What is behind it is as deep as the pointer.
    pub const NO_DEPTH: u8 = 2;
    /// Read it once for each record.
    pub const VISIT: u8 = 4;
    /// Followed at any depth.
    pub const FREE: u8 = 8;
}

/// How many values there are behind a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Count {
    /// One.
    One = 0,
    /// As the word behind the pointer says.
    Length = 1,
    /// Two to the power of the byte seven before the pointer: the buckets of a map.
    Buckets = 2,
    /// One more than the word behind the pointer says: the groups of a table.
    Mask = 3,
    /// One, if the word behind the pointer is 0: the only group of a map.
    Only = 4,
    /// The buckets that a map had before it grew.
    OldBuckets = 5,
}

/// The tables as bytes, for maps of the kernel.
pub mod layout {
    use super::{Function, Hidden, Op, Type};

    /// Bytes of a row of functions.
    pub const FUNCTION: u32 = 40;
    /// In it: `u32`, the first op.
    pub const FIRST: i32 = 0;
    /// `u16`: how many ops.
    pub const OPS: i32 = 4;
    /// `u16`: words of the stack.
    pub const STACK: i32 = 6;
    /// `u32`: bytes of the record.
    pub const BYTES: i32 = 8;
    /// `u32`: how many pointers one behind the other.
    pub const DEPTH: i32 = 12;
    /// `u32`: the row of the schema.
    pub const ROW: i32 = 16;
    /// `u32`: the entry in the counters of whoever asked for it.
    pub const COUNTERS: i32 = 20;
    /// `u32`: where the dictionary is, as [`Hidden::Passed`] says; 0 if there are no instances.
    pub const DICTIONARY: i32 = 24;
    /// What stands there instead if it is [`Hidden::InClosure`].
    pub const IN_CLOSURE: u32 = 1;
    /// `u64`: when it is lost, or 0.
    pub const LOST_IF: i32 = 32;

    /// Bytes of a row of types, which begins as one of functions does.
    pub const TYPE: u32 = 16;
    /// In it: `u8`, the mask.
    pub const MASK: i32 = 6;
    /// `u32`: from value to value.
    pub const STRIDE: i32 = 8;

    /// Bytes of an op.
    pub const OP: u32 = 16;
    /// In it: `u8`, its kind.
    pub const KIND: i32 = 0;
    /// `u8`: flags.
    pub const FLAGS: i32 = 1;
    /// `u16`: where.
    pub const AT: i32 = 2;
    /// `u16`: how many at most.
    pub const MAX: i32 = 4;
    /// `u8`: how they are counted.
    pub const COUNT: i32 = 6;
    /// `u32`: bytes of one.
    pub const SIZE: i32 = 8;
    /// `u32`: what they are.
    pub const OP_ROW: i32 = 12;

    /// In the key of [`crate::CaptureTables::met`]: `u32`, the process.
    pub const MET_PROCESS: i32 = 0;
    /// `u64`: the address. The word before it is 0 in its upper half.
    pub const MET_ADDRESS: i32 = 8;
    /// Bytes of that key.
    pub const MET: u32 = 16;

    /// A key of [`crate::CaptureTables::met`].
    #[must_use]
    pub fn met(process: u32, address: u64) -> [u8; MET as usize] {
        let mut bytes = [0; MET as usize];
        put(&mut bytes, MET_PROCESS, &process.to_le_bytes());
        put(&mut bytes, MET_ADDRESS, &address.to_le_bytes());
        bytes
    }

    /// In the key of [`crate::CaptureTables::instances`], as the kernel has it: `u64`, [`super::dynamic_key`] of the dictionary.
    pub const DICTIONARY_AT: i32 = 0;
    /// `u64`: the number of the function, or what stands for values that are printed.
    pub const DICTIONARY_OF: i32 = 8;
    /// Bytes of that key.
    pub const INSTANCE: u32 = 16;

    /// A key of instances.
    #[must_use]
    pub fn instance(function: u64, dictionary: u64) -> [u8; INSTANCE as usize] {
        let mut bytes = [0; INSTANCE as usize];
        put(&mut bytes, DICTIONARY_AT, &dictionary.to_le_bytes());
        put(&mut bytes, DICTIONARY_OF, &function.to_le_bytes());
        bytes
    }

    /// A row of functions.
    #[must_use]
    pub fn function(of: &Function, row: u32, counters: u32, hidden: Option<Hidden>) -> [u8; FUNCTION as usize] {
        let mut bytes = [0; FUNCTION as usize];
        put(&mut bytes, FIRST, &of.first.to_le_bytes());
        put(&mut bytes, OPS, &of.ops.to_le_bytes());
        put(&mut bytes, STACK, &of.stack.to_le_bytes());
        put(&mut bytes, BYTES, &of.bytes.to_le_bytes());
        put(&mut bytes, DEPTH, &of.depth.to_le_bytes());
        put(&mut bytes, ROW, &row.to_le_bytes());
        put(&mut bytes, COUNTERS, &counters.to_le_bytes());
        match hidden {
            Some(Hidden::Passed { at, lost_if }) => {
                put(&mut bytes, DICTIONARY, &u32::from(at).to_le_bytes());
                put(&mut bytes, LOST_IF, &lost_if.unwrap_or(0).to_le_bytes());
            }
            Some(Hidden::InClosure) => put(&mut bytes, DICTIONARY, &IN_CLOSURE.to_le_bytes()),
            None => {}
        }
        bytes
    }

    /// A row of types.
    #[must_use]
    pub fn ty(of: &Type) -> [u8; TYPE as usize] {
        let mut bytes = [0; TYPE as usize];
        put(&mut bytes, FIRST, &of.first.to_le_bytes());
        put(&mut bytes, OPS, &of.ops.to_le_bytes());
        put(&mut bytes, MASK, &[of.mask as u8]);
        put(&mut bytes, STRIDE, &of.stride.to_le_bytes());
        bytes
    }

    /// An op.
    #[must_use]
    pub fn op(of: &Op) -> [u8; OP as usize] {
        let mut bytes = [0; OP as usize];
        put(&mut bytes, KIND, &[of.kind as u8, of.flags]);
        put(&mut bytes, AT, &of.at.to_le_bytes());
        put(&mut bytes, MAX, &of.max.to_le_bytes());
        put(&mut bytes, COUNT, &[of.count as u8]);
        put(&mut bytes, SIZE, &of.size.to_le_bytes());
        put(&mut bytes, OP_ROW, &of.row.0.to_le_bytes());
        bytes
    }

    fn put(bytes: &mut [u8], at: i32, what: &[u8]) {
        let at = at as usize;
        if let Some(place) = bytes.get_mut(at..at + what.len()) {
            place.copy_from_slice(what);
        }
    }
}
