//! Go's types and captured calls: what a record of a whole call is on both sides of the ring.
//!
//! The compiler makes [`Types`] and [`Call`]s next to the tables by which the program in the kernel follows pointers;
//! decoders make values of the bytes. Nothing here reads an executable.
//!
//! ```text
//! head │ call │ registers │ words of the stack │ chunk, chunk, …
//! ```
//!
//! A chunk is memory that was read: where it was, what type row it was read as, and its bytes. Decoders link by that:
//! a pointer of type `*T` with value *p* finds the chunk (*p*, row of `T`). There are no offsets and no parents, so that
//! what is shared is there once, and cycles need no care in the kernel. Several chunks may have one key; the longest
//! wins.

mod civil;
mod decode;
mod encoding;
pub mod interfaces;
mod kinds;
mod known;
mod maps;
mod memory;
pub mod redact;
mod span;
pub mod value;

pub use civil::Civil;
pub use decode::{Limits, World, decode, printed};
pub use known::duration_text;
pub use value::GoValue;

use known::Form;
use std::collections::HashMap;

/// The payload of a record of a call, as offsets from the start of the record.
pub mod call {
    use crate::record;

    /// `u64`: the call, the same number at its entry and its end; unique for a process and goroutine.
    pub const ID: usize = record::PAYLOAD;
    /// `u64`: when it began, in nanoseconds since boot.
    pub const STARTED: usize = ID + 8;
    /// `u32`: how many calls that are paired were open on that goroutine when it began.
    pub const DEPTH: usize = STARTED + 8;
    /// `u32`: how it ended, the number of an [`super::End`]; 0 at the entry.
    pub const END: usize = DEPTH + 4;
    /// `u64`: how often probes fired on the call's stack between its entry and its end: each entry and each return of a
    /// paired call once; 0 at the entry.
    pub const INNER_HITS: usize = END + 4;
    /// `u64`: the instruction at which the probe is, as the program counts its addresses.
    pub const PC: usize = INNER_HITS + 8;
    /// `u64`: the stack that called, as in [`crate::value::IdKind::UserStack`]; 0 if none was asked for.
    pub const STACK: usize = PC + 8;
    /// `u64`: SP.
    pub const SP: usize = STACK + 8;
    /// `u64`: the closure's context register.
    pub const CONTEXT: usize = SP + 8;
    /// `u64` each: the integer registers that carry arguments, in Go's order; [`super::Call::registers`] of them. The
    /// words of the stack, from the first argument's place on, follow them, then the chunks.
    pub const REGISTERS: usize = CONTEXT + 8;

    /// Bytes in front of the registers that take no room from values where a record's size is limited.
    pub const UNLIMITED: usize = record::ORIGIN + 8;

    /// What the bits of [`crate::record::STAT`] say: not all that could be followed was.
    pub mod stat {
        /// Deeper than asked for.
        pub const DEPTH: u32 = 1;
        /// No room left in the record.
        pub const BUDGET: u32 = 2;
        /// Too much waited to be followed.
        pub const QUEUE: u32 = 4;
        /// Memory could not be read.
        pub const FAULT: u32 = 8;
        /// A dynamic type was met that the tables did not have.
        pub const UNKNOWN: u32 = 16;
        /// It took too many steps.
        pub const TURNS: u32 = 32;
        /// Something could be read only after its page was fetched.
        pub const RETRIED: u32 = 128;
    }
}

/// The payload of a short record: of a call that ended without results, or that nobody wants after all.
pub mod short {
    use super::call;

    /// As in the record of its beginning.
    pub const ID: usize = call::ID;
    /// As there.
    pub const STARTED: usize = call::STARTED;
    /// As there.
    pub const DEPTH: usize = call::DEPTH;
    /// `u32`: how it ended, the number of an [`super::End`].
    pub const END: usize = call::END;
    /// As in the record of a return.
    pub const INNER_HITS: usize = call::INNER_HITS;
    /// `u64`: the function, a [`super::Call::function`].
    pub const FUNCTION: usize = INNER_HITS + 8;
    /// `u64`: of a call that was unwound, the call of `runtime.gopanic` whose panic was recovered from, by its number on
    /// this goroutine, if that is recorded; else anything.
    pub const PANIC: usize = FUNCTION + 8;
    /// Bytes of the whole record.
    pub const SIZE: usize = PANIC + 8;
}

/// A chunk; everything is at multiples of 8.
pub mod chunk {
    /// `u64`: where the memory is in the process.
    pub const ADDRESS: usize = 0;
    /// `u32`: how many bytes follow; [`FAILED`] is set if none could be read and none follow.
    pub const LENGTH: usize = 8;
    /// `u32`: the [`super::TypeRow`] that it was read as; of several values one after the other that of each.
    pub const ROW: usize = 12;
    /// The bytes, with zeros behind them up to the next multiple of 8.
    pub const BYTES: usize = 16;
    /// In [`LENGTH`]: it could not be read.
    pub const FAILED: u32 = 1 << 31;
}

/// Below this no address is.
pub const LEAST_ADDRESS: u64 = 4096;

/// A type of [`Types`]. Number 0 is that of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeRow(pub u32);

/// The bytes of a string, or whatever has no row of its own.
pub const BYTES: TypeRow = TypeRow(0);

/// A Go type, one level deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoType {
    /// In Go syntax, with whole import paths if they are known.
    pub name: String,
    /// Bytes of a value.
    pub size: u32,
    /// What it is made of.
    pub kind: GoKind,
}

impl GoType {
    /// Words of which nothing but the size is known: `word8`, `{word, word}`. Where they are is a guess, too.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.name.starts_with('{') || self.name.starts_with("word") && !self.name.contains('.')
    }
}

/// What a type is made of, names resolved away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoKind {
    /// `bool`.
    Bool,
    /// An integer.
    Int {
        /// Whether it has a sign.
        signed: bool,
    },
    /// `float32`, `float64`.
    Float,
    /// `complex64`, `complex128`.
    Complex,
    /// `string`.
    String,
    /// `unsafe.Pointer`.
    UnsafePointer,
    /// `*T`.
    Pointer(Option<TypeRow>),
    /// `[]T`.
    Slice(TypeRow),
    /// `[len]T`.
    Array {
        /// `T`.
        elem: TypeRow,
        /// How many.
        len: u32,
    },
    /// `struct{…}`.
    Struct(Vec<GoField>),
    /// `interface{…}`: two words, the first a type's address if it has no methods, else an itab's.
    Interface {
        /// It has no methods.
        empty: bool,
    },
    /// `map[K]V`: a pointer to the runtime's header.
    Map(Box<GoMap>),
    /// `chan T`: a pointer to the runtime's header, of which the first two words, length and capacity, are captured
    /// as [`BYTES`].
    Chan,
    /// A function value: a pointer to a closure, whose first word, the code's address, is captured as [`BYTES`].
    Func,
    /// Not described.
    Unknown,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: TypeRow,
    /// Where in the struct.
    pub offset: u32,
    /// Embedded.
    pub embedded: bool,
    /// Its type is one into which nobody wants to look: it is not shown.
    pub hidden: bool,
}

/// How a map lies in memory. The rows are those of its parts, [`GoKind::Unknown`] in [`Types`]: the decoder knows them
/// by what stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoMap {
    /// `K`.
    pub key: TypeRow,
    /// `V`.
    pub elem: TypeRow,
    /// What a map points at: 48 bytes.
    pub header: TypeRow,
    /// How entries are found from there.
    pub layout: MapLayout,
    /// Where keys and elements are in a group or bucket.
    pub slots: Slots,
}

/// Go's two kinds of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapLayout {
    /// Go 1.24 and later: header, pointers to tables, table, groups one after the other.
    Swiss {
        /// The pointers to tables; `dirPtr` of the header leads to them, unless `dirLen` is 0: then to one group.
        directory: TypeRow,
        /// A table; its groups are at 16, and their number less one at 24.
        table: TypeRow,
        /// A group of eight: eight bytes of control first.
        group: TypeRow,
    },
    /// Up to Go 1.23: header, buckets one after the other, further ones by their last word.
    Buckets {
        /// A bucket of eight: eight bytes of hashes first.
        bucket: TypeRow,
        /// Its size.
        size: u32,
    },
}

/// Keys and elements in a group or bucket: entry *n*'s key at `keys + n * key_stride`, its element likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Where the first key is.
    pub keys: u32,
    /// From key to key.
    pub key_stride: u32,
    /// There are pointers to keys.
    pub key_behind_pointer: bool,
    /// Where the first element is.
    pub elems: u32,
    /// From element to element.
    pub elem_stride: u32,
    /// There are pointers to elements.
    pub elem_behind_pointer: bool,
    /// Bytes of a group or bucket.
    pub size: u32,
}

/// A type that an interface's first word can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// The type.
    pub ty: TypeRow,
    /// The second word is the value itself, and not its address.
    pub direct: bool,
}

/// All types of a run. Only grows, as [`crate::Schema`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types {
    rows: Vec<GoType>,
    /// For each row the form that people know its type in: values have types more often than types are added.
    forms: Vec<Option<Form>>,
    /// By binary, and by the address of a type or an itab as the file counts.
    dynamic: HashMap<(u32, u64), Dynamic>,
    /// By process, and by the address of a type as the process counts.
    runtime: HashMap<(u32, u64), Dynamic>,
}

impl Default for Types {
    /// Knows bytes.
    fn default() -> Types {
        Types {
            rows: vec![GoType { name: "uint8".into(), size: 1, kind: GoKind::Int { signed: false } }],
            forms: vec![None],
            dynamic: HashMap::new(),
            runtime: HashMap::new(),
        }
    }
}

impl Types {
    /// Adds a type that is not there yet.
    pub fn add(&mut self, ty: GoType) -> TypeRow {
        self.forms.push(Form::of(&ty.name));
        self.rows.push(ty);
        TypeRow(self.rows.len() as u32 - 1)
    }

    /// Says what a row is that was added before what it refers to.
    pub fn set(&mut self, row: TypeRow, ty: GoType) {
        let row = row.0 as usize;
        if let (Some(place), Some(form)) = (self.rows.get_mut(row), self.forms.get_mut(row)) {
            *form = Form::of(&ty.name);
            *place = ty;
        }
    }

    /// The form of its own that a type has.
    fn form(&self, row: TypeRow) -> Option<Form> {
        self.forms.get(row.0 as usize).copied().flatten()
    }

    /// A type by its number.
    #[must_use]
    pub fn get(&self, row: TypeRow) -> Option<&GoType> {
        self.rows.get(row.0 as usize)
    }

    /// Says what an interface holds whose first word is that address of that binary, as its file counts.
    pub fn add_dynamic(&mut self, binary: u32, address: u64, dynamic: Dynamic) {
        self.dynamic.insert((binary, address), dynamic);
    }

    /// What an interface holds.
    #[must_use]
    pub fn dynamic(&self, binary: u32, address: u64) -> Option<Dynamic> {
        self.dynamic.get(&(binary, address)).copied()
    }

    /// Says what an interface holds whose type a process has made itself, at that address of its own. No two processes
    /// of a run have the same number.
    pub fn add_runtime_type(&mut self, process: u32, address: u64, dynamic: Dynamic) {
        self.runtime.insert((process, address), dynamic);
    }

    /// What an interface of a process holds.
    #[must_use]
    pub fn runtime_type(&self, process: u32, address: u64) -> Option<Dynamic> {
        self.runtime.get(&(process, address)).copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: bytes are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What a record of a call holds: one for the entry of a function, another for its returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The binary that has it, as [`Types::dynamic`] numbers it.
    pub binary: u32,
    /// The function, as [`crate::value::IdKind::Func`] numbers it.
    pub function: u64,
    /// Its name as Go prints it.
    pub name: String,
    /// Whether this is its end, and `values` are results.
    pub returns: bool,
    /// Integer registers in the record.
    pub registers: u8,
    /// Words of the stack in the record.
    pub stack: u16,
    /// Arguments or results, in the order of the signature.
    pub values: Vec<Root>,
    /// Names or types are missing from what is known of the signature.
    pub incomplete: bool,
    /// Where it was inlined: its result is not to be had, and its end is not always seen.
    pub inlined: Option<Inlined>,
    /// Its type arguments, where they are known.
    pub type_args: Vec<String>,
}

/// Where a function was inlined.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Inlined {
    /// The function around it.
    pub into: String,
    /// The file of the call, as the compiler recorded it.
    pub file: String,
    /// And the line.
    pub line: u32,
}

/// What a short record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// The call, as its beginning has it.
    pub id: u64,
    /// When it began, in nanoseconds since boot.
    pub started: u64,
    /// How many calls that are paired were open when it began.
    pub depth: u32,
    /// How it ended.
    pub end: u32,
    /// How often probes fired inside it.
    pub inner_hits: u64,
    /// The function.
    pub function: u64,
    /// If it was unwound, the number of the panic that did so, if that was recorded.
    pub panic: u64,
}

/// A call on a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function's name, or an address if there is none.
    pub func: String,
    /// The file of its source.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
    /// It is inlined in the next one.
    pub inlined: bool,
}

/// The whole values that a record has which is none of a call: `print(args.r)`.
///
/// ```text
/// head │ what each value starts with │ the dictionary, of a generic function │ fields │ chunk, chunk, …
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The binary that they are of, as [`Types::dynamic`] numbers it.
    pub binary: u32,
    /// How many bytes they start with, all together, from [`Printed::FROM`] on.
    pub bytes: u32,
    /// The values, in the order of the fields that stand for them.
    pub values: Vec<Start>,
    /// The same with type arguments, by the address of the dictionary as the file counts. If there are any, the last word
    /// of what values start with is that address, or 0.
    pub instances: HashMap<u64, Vec<Start>>,
}

impl Printed {
    /// Where in the record they start.
    pub const FROM: usize = crate::record::PAYLOAD;
}

/// What a record has of a whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Its bytes.
    Here(Root),
    /// The word at which its address is; the value itself is a chunk.
    At {
        /// What it is called.
        name: String,
        /// Its type.
        ty: TypeRow,
        /// So many bytes behind the record's start.
        word: u32,
    },
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name; `~r0` and so on for results without one.
    pub name: String,
    /// Its type.
    pub ty: TypeRow,
    /// Where its bytes are in the record.
    pub pieces: Vec<Piece>,
    /// The pieces may be garbage where the call came through a growth of the stack, see [`Root::pieces`]; then
    /// [`Call`]'s record has this value in the second register: the address, as the file counts, behind the call that
    /// grows the stack.
    pub lost_if: Option<u64>,
}

/// Some bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the value.
    pub at: u32,
    /// How many.
    pub size: u32,
    /// Where in the record.
    pub from: Source,
}

/// Where bytes of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// So many bytes behind the record's start.
    Record(u32),
    /// In a floating point register, which probes do not see.
    FloatRegister,
    /// Nobody says where.
    NoPlace,
    /// DWARF does not say where it is, where the call was inlined.
    NotLocated,
    /// Behind the words of the stack that a record holds.
    BeyondStack,
}

/// How a call ended. Up to [`End::Lost`] programs in the kernel say so; the others are known when a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum End {
    /// By a return instruction.
    Return = 1,
    /// By a jump to another function, which returns to the caller.
    Tail = 2,
    /// By a panic that a caller recovered from.
    Unwound = 3,
    /// By `runtime.Goexit`, or its goroutine was a coroutine that is over.
    Goexit = 4,
    /// By a switch from the system stack to a goroutine.
    Switched = 5,
    /// Nobody saw how: something less deep happened while it was open. Never, if all hooks are in place.
    Lost = 6,
    /// Nobody saw how, because the probes of its function were taken out while it was open.
    Detached = 7,
    /// Not before the run ended.
    Open = 8,
}

impl End {
    /// Those that programs in the kernel tell, by number.
    pub const SEEN: [End; 7] =
        [End::Return, End::Tail, End::Unwound, End::Goexit, End::Switched, End::Lost, End::Detached];

    /// The end with that number.
    #[must_use]
    pub fn numbered(number: u32) -> Option<End> {
        End::SEEN.into_iter().chain([End::Open]).find(|end| *end as u32 == number)
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            End::Return => "return",
            End::Tail => "tail",
            End::Unwound => "unwound",
            End::Goexit => "goexit",
            End::Switched => "switched",
            End::Lost => "lost",
            End::Open => "open",
            End::Detached => "detached",
        }
    }
}
