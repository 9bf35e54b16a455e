//! Why a file could not be read, with the facts as fields. The wording is lower case and names no file: whoever
//! opened it knows the name and puts it in front.

use std::fmt;

/// Why bytes are no Go executable that gospect can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The file has no bytes.
    Empty,
    /// The first four bytes are not those of ELF; `what` names what they are, where that is known.
    NotElf {
        /// What the file seems to be.
        what: &'static str,
    },
    /// ELF, but for another machine or word size.
    Foreign {
        /// What it is, in words: `a program for RISC-V`.
        what: String,
    },
    /// ELF that is neither an executable nor a shared object.
    NotExecutable {
        /// What it is instead, in words.
        what: &'static str,
    },
    /// A header points behind the end of the file.
    Truncated {
        /// What was to be read.
        what: &'static str,
        /// Where it would end.
        need: u64,
        /// Where the file ends.
        have: u64,
    },
    /// A whole ELF file in which nothing was made by the Go toolchain.
    NotGo,
    /// A structure contradicts itself.
    Malformed {
        /// Which structure.
        what: &'static str,
        /// What about it cannot be.
        why: String,
    },
    /// Something that is known but deliberately not read.
    Unsupported {
        /// What it is, and what would be readable instead.
        what: String,
    },
}

impl Error {
    /// Shorthand for [`Error::Malformed`].
    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Error {
        Error::Malformed { what, why: why.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Empty => write!(f, "the file is empty"),
            Error::NotElf { what } => write!(f, "not an ELF executable ({what})"),
            Error::Foreign { what } => write!(f, "{what}; gospect reads 64-bit programs for x86-64 and arm64"),
            Error::NotExecutable { what } => write!(f, "an ELF file, but {what}, not a program or shared library"),
            Error::Truncated { what, need, have } => {
                write!(f, "the file is cut short: {what} ends at byte {need}, the file at {have}")
            }
            Error::NotGo => write!(f, "not a Go program: it has neither Go build information nor a Go function table"),
            Error::Malformed { what, why } => write!(f, "damaged {what}: {why}"),
            Error::Unsupported { what } => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Error {}
