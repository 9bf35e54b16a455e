//! Where arguments, results and their parts are, in terms of registers, the stack and pointers.

use gobin::VAddr;
use gobin::types::TypeRef;

use crate::code::Type;
use crate::limits;
use crate::machine::Register;
use crate::numbers::BinaryNo;

/// Where a part of an argument or result is.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Access {
    /// An integer.
    Int(Value),
    /// The bytes at the address in `data`, as many as `len` says, up to the type's maximum: what is cut there says so.
    Str {
        /// Where the address of the bytes is.
        data: Value,
        /// Where their number is: a signed word, nothing to read if it is not positive.
        len: Value,
        /// How many the script asks for, if it says so: the rest is not wanted, so that is no cut.
        most: Option<u32>,
    },
    /// The integer that the entry kept in this word of its frame. The body does not run if the call was open already
    /// when we attached.
    Saved(u32),
    /// The text that it kept from this word on.
    SavedText(u32),
    /// A whole value of Go.
    Go(Whole),
    /// Never to be had here, as results are not at a jump to another function: unreadable.
    Unreadable,
    /// Always 0: the function has nothing of the kind.
    Zero,
}

/// What an entry keeps for a return.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Kept {
    /// An integer, in one word.
    Int(Value),
    /// The first bytes of a text, as [`Access::Str`] has it, in as many words as [`limits::KEPT_STRING`] bytes take.
    Text {
        /// Where the address of the bytes is.
        data: Value,
        /// Where their number is.
        len: Value,
        /// How many the script asks for.
        most: Option<u32>,
    },
}

impl Kept {
    /// How many words of the frame it takes.
    #[must_use]
    pub fn words(&self) -> u32 {
        match self {
            Kept::Int(_) => 1,
            Kept::Text { .. } => Type::Str { max: limits::KEPT_STRING }.stored() / 8,
        }
    }
}

/// A whole value of Go, for the tables of captures.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Whole {
    /// Whose types these are.
    pub binary: BinaryNo,
    /// What it is.
    pub ty: TypeRef,
    /// What it is called, where secrets are told by that.
    pub name: String,
    /// Where it is.
    pub at: WholeAt,
    /// What else it may be, if it is an argument whose type depends on type arguments.
    pub generic: Option<Generic>,
}

/// The types of an argument, by the dictionary that its function is called with.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Generic {
    /// Where that is passed.
    pub dictionary: Base,
    /// The types, by its address.
    pub types: Vec<(VAddr, TypeRef)>,
}

impl Generic {
    /// The type for a dictionary.
    #[must_use]
    pub fn with(&self, dictionary: VAddr) -> Option<TypeRef> {
        self.types.iter().find(|(at, _)| *at == dictionary).map(|(_, ty)| *ty)
    }
}

impl Whole {
    /// How many bytes a record has of it itself: the registers that it is in, or its address.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        match &self.at {
            WholeAt::Registers(parts) => 8 * parts.iter().filter(|part| part.base.is_some()).count() as u32,
            WholeAt::Stack(_) | WholeAt::Memory(_) => 8,
        }
    }
}

/// Where a whole value is.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum WholeAt {
    /// In registers.
    Registers(Vec<RegisterPart>),
    /// In the caller's frame: this far behind the first stack argument.
    Stack(u64),
    /// In memory: at the address of what the location would load.
    Memory(Value),
}

/// Bytes of a value that are in a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RegisterPart {
    /// Where in the value.
    pub offset: u32,
    /// How many.
    pub size: u32,
    /// The register; nothing if it is one for floating point numbers, which probes do not see.
    pub base: Option<Base>,
}

/// Where an integer is, if all the slices on the way to it are long enough.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Value {
    /// Checked first, in order: unreadable if one fails.
    pub bounds: Vec<Bound>,
    /// Where it is.
    pub location: Location,
}

/// An index that must be below a slice's length.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Bound {
    /// Where the length is: a word.
    pub len: Location,
    /// The index.
    pub index: u64,
}

/// Where an integer is: it starts with a register or a word of the stack and follows pointers.
///
/// Without `hops` the value is the base itself, its low `bytes` bytes. Otherwise the base is a pointer (8 bytes), and
/// each hop adds its offset to the pointer and loads what is there: 8 bytes, the next pointer, but for the last one,
/// which loads `bytes` bytes. Where a pointer on the way is nil the value is unreadable; reading it again at another
/// place of the plan with an equal prefix may be spared.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Location {
    /// Where it starts.
    pub base: Base,
    /// Offsets, pointer by pointer.
    pub hops: Vec<u64>,
    /// Its width: 1, 2, 4 or 8.
    pub bytes: u8,
    /// Whether it is extended by its sign.
    pub signed: bool,
}

/// Where a location starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Base {
    /// A register. `argument` is its place among the integer argument registers, if it is read as one: where that bit
    /// is not in [`Restored::registers`](gobin::sites::Restored::registers) of the entry, it holds garbage after the stack has grown.
    Register {
        /// Which.
        register: Register,
        /// Its bit.
        argument: Option<u8>,
    },
    /// The caller's frame: this far behind the first stack argument, which is at SP + 8 when SP has its value at entry.
    Stack(u64),
}
