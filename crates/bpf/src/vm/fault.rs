//! Why a run ended before the program did.

use std::fmt;

/// Where a program did something that it may not, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The slot of the instruction, as in listings and verifier logs.
    pub pc: usize,
    /// What it did.
    pub reason: Reason,
}

/// What a program may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "`Display` says what the fields are")]
pub enum Reason {
    OutOfBounds { addr: u64, len: usize },
    OutsideValue { map: String, index: i64, offset: i64, len: usize },
    ReadOnly { addr: u64 },
    ReadOnlyMap { map: String },
    Misaligned { addr: u64, len: usize },
    MisalignedValue { map: String, offset: i64, len: usize },
    UnknownHelper { helper: u32 },
    NotAMap { addr: u64 },
    WrongMap { map: String },
    NotARecord { addr: u64 },
    RecordLeft,
    NotAFunction { addr: u64 },
    NoSuchMap { map: u32 },
    TooManyFrames,
    BudgetSpent,
    NoInstruction,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::OutOfBounds { addr, len } => write!(f, "out of bounds: {}, size {len}", Shown(*addr)),
            Reason::OutsideValue { map, index, offset, len } => {
                write!(f, "out of bounds: {map}[{index}] {offset:+}, size {len}")
            }
            Reason::ReadOnly { addr } => write!(f, "only for reading: {}", Shown(*addr)),
            Reason::ReadOnlyMap { map } => write!(f, "only for reading: {map}"),
            Reason::Misaligned { addr, len } => write!(f, "misaligned: {}, size {len}", Shown(*addr)),
            Reason::MisalignedValue { map, offset, len } => {
                write!(f, "misaligned: a value of {map} {offset:+}, size {len}")
            }
            Reason::UnknownHelper { helper } => write!(f, "there is no helper {helper}"),
            Reason::NotAMap { addr } => write!(f, "{} is not a map", Shown(*addr)),
            Reason::WrongMap { map } => write!(f, "map {map} is of a kind that this helper does not take"),
            Reason::NotARecord { addr } => write!(f, "{} is not the start of a reserved record", Shown(*addr)),
            Reason::RecordLeft => write!(f, "the program ended with a record neither submitted nor discarded"),
            Reason::NotAFunction { addr } => write!(f, "{} is not a function", Shown(*addr)),
            Reason::NoSuchMap { map } => write!(f, "there is no map {map}"),
            Reason::TooManyFrames => write!(f, "more than 8 frames"),
            Reason::BudgetSpent => write!(f, "the budget of instructions is spent"),
            Reason::NoInstruction => write!(f, "there is no instruction"),
        }
    }
}

/// An address by what it points into.
struct Shown(u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::memory::describe(self.0, f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.pc, self.reason)
    }
}

impl std::error::Error for Fault {}
