//! A captured Go value: a tree that text, JSON and whatever else shows values share.
//!
//! It says what was read and, wherever something was not, why; it does not say how any of that looks. Types are rows of
//! [`Types`](super::Types), which a reader needs beside it: names of types and fields stand only there.

use std::fmt;

use super::TypeRow;

/// A value with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct GoValue {
    /// Its type; of what an interface holds, the dynamic one.
    pub ty: TypeRow,
    /// What it is.
    pub is: Is,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Is {
    /// `true`, `false`.
    Bool(bool),
    /// A number with a sign.
    Int(i64),
    /// A number without.
    Uint(u64),
    /// A number with a fraction; of four bytes if the type has as many.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// A string.
    String(Bytes),
    /// `[]byte`, `[N]byte`.
    Bytes(Bytes),
    /// Any other array or slice.
    List(List<GoValue>),
    /// The fields, in the order of the type.
    Struct(Vec<GoValue>),
    /// Keys with elements; in the order of the keys where they have one.
    Map(List<(GoValue, GoValue)>),
    /// A pointer that is not nil, and what it points at.
    Pointer(Box<GoValue>),
    /// An interface that is not nil, and what it holds.
    Interface(Box<GoValue>),
    /// No pointer, slice, map, channel, function or interface.
    Nil,
    /// A channel: how much waits in it, and how much can.
    Chan {
        /// `len(c)`.
        len: u64,
        /// `cap(c)`.
        cap: u64,
    },
    /// A function.
    Func {
        /// Where its code is.
        address: u64,
        /// Its name, if there is one.
        name: Option<String>,
    },
    /// An address that leads to nothing that has a type.
    Address(u64),
    /// A value of a type that people know in another form, in that form.
    Known(Known),
    /// What stands in a value that is only there to hold it: of `atomic.Int64` the number.
    Holds {
        /// What makes such values, if that is how they are shown: `errors.New`.
        made_by: Option<&'static str>,
        /// What stands in it.
        value: Box<GoValue>,
    },
    /// A context, from the root on.
    Context(Vec<Link>),
    /// It is not there.
    Missing(Missing),
    /// It may be a secret, and was taken out.
    Redacted,
}

/// Bytes, perhaps not all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Those that are there.
    pub bytes: Vec<u8>,
    /// How many it has.
    pub len: u64,
    /// Why some are missing.
    pub rest: Option<Missing>,
}

/// Several, perhaps not all.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T> {
    /// Those that are there.
    pub items: Vec<T>,
    /// How many it has.
    pub len: u64,
    /// Why some are missing.
    pub rest: Option<Missing>,
}

/// A value in the form that people know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// That form.
    pub text: String,
    /// The text says the type as well.
    pub typed: bool,
    /// The number that it is to programs.
    pub number: Option<i128>,
    /// What people may want to know besides.
    pub note: Option<String>,
}

impl Known {
    /// A form that does not say the type.
    pub fn new(text: impl Into<String>) -> Known {
        Known { text: text.into(), typed: false, number: None, note: None }
    }
}

/// One of the contexts that a context is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// The root, by the name of the function that gives it: `Background`, `TODO`.
    Root(&'static str),
    /// A context of some other type.
    Other(GoValue),
    /// `WithValue`.
    Value(GoValue, GoValue),
    /// `WithCancel`.
    Cancel {
        /// It is over.
        done: bool,
    },
    /// `WithDeadline`, `WithTimeout`.
    Deadline {
        /// When it ends by itself.
        at: GoValue,
        /// It is over.
        done: bool,
    },
    /// `WithoutCancel`, `AfterFunc` and their like, by name.
    Named(&'static str),
    /// What is above is not there.
    Missing(Missing),
}

/// Why a value is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Its memory could not be read.
    Unreadable,
    /// No memory has its address.
    NoMemory,
    /// In floating point registers, which probes do not see; the type.
    Register(&'static str),
    /// Nobody says where it is.
    NoPlace,
    /// The call was inlined, and nothing says where it is there.
    NotLocated,
    /// Too far up the stack.
    BeyondStack,
    /// It may have been lost when the stack grew before the function began.
    Lost,
    /// Behind more pointers than were to be followed.
    Depth,
    /// The record had no room for it.
    Room,
    /// One of these two.
    DepthOrRoom,
    /// Too much was waiting to be followed, or it took too many steps.
    Work,
    /// It is larger than what is read of one value.
    Large,
    /// It was not asked for.
    NotFollowed,
    /// Its type was first seen with this value.
    NewType,
    /// What an interface's first word leads to.
    UnknownType(u64),
    /// The type is not described.
    NoType,
    /// What is there makes no sense: it changed while it was read, or the memory is none of its type.
    Torn,
    /// It would stand inside of itself.
    Cycle,
    /// It stands in too many others.
    Nested,
    /// It is of a type that is not shown.
    Opaque(&'static str),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Missing::Unreadable => "unreadable: page not present",
            Missing::NoMemory => "unreadable: no memory has that address",
            Missing::Register(ty) => return write!(f, "{ty} in a register"),
            Missing::NoPlace => "unknown: place not described",
            Missing::NotLocated => "inlined: not located",
            Missing::BeyondStack => "not captured: far up the stack",
            Missing::Lost => "unknown: lost when the stack grew",
            Missing::Depth => "not captured: depth",
            Missing::Room => "not captured: no room",
            Missing::DepthOrRoom => "not captured: depth or room",
            Missing::Work => "not captured: too much to follow",
            Missing::Large => "not captured: too large",
            Missing::NotFollowed => "not captured",
            Missing::NewType => "not captured: type was new",
            Missing::UnknownType(word) => return write!(f, "unknown type {word:#x}"),
            Missing::NoType => "unknown: type not described",
            Missing::Torn => "unreadable: makes no sense",
            Missing::Cycle => "cycle",
            Missing::Nested => "not captured: nested too deep",
            Missing::Opaque(ty) => return write!(f, "{ty} not shown"),
        })
    }
}

impl<T> List<T> {
    /// Whether some are missing.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        (self.items.len() as u64) < self.len
    }
}

impl Bytes {
    /// All of them.
    pub fn whole(bytes: impl Into<Vec<u8>>) -> Bytes {
        let bytes = bytes.into();
        Bytes { len: bytes.len() as u64, bytes, rest: None }
    }

    /// Whether some are missing.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        (self.bytes.len() as u64) < self.len
    }
}
