//! What the checker asks about everything outside the text: executables, the kernel's tracepoints, and numbers that an
//! earlier plan has given.

use crate::capture;
use crate::code::FieldForm;
use crate::plan::Function;
use crate::target::Target;

/// Everything outside the text.
pub trait World {
    /// The machine that programs run on.
    fn arch(&self) -> gobin::Arch;

    /// The executable that the text calls `path`; empty is the target of the command line. The same file is the same
    /// reference, whatever it is called: no two programs can share a site.
    ///
    /// # Errors
    /// Why there is none, in a sentence without full stop.
    fn binary(&self, path: &str) -> Result<&dyn Target, String>;

    /// What to ask [`World::binary`] for where an executable has no name in the text. Where the target of the command
    /// line is several programs, each has a name of its own, the same one each time.
    fn targets(&self) -> Vec<String> {
        vec![String::new()]
    }

    /// The record of a tracepoint.
    ///
    /// # Errors
    /// Why it is not known, in a sentence without full stop.
    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String>;

    /// The numbers that are given away already, if the text was checked before, for other builds of executables or for
    /// fewer of them. The plan keeps to them, so that what records, keys of maps and frames say means the same in both.
    fn numbered(&self) -> Option<Numbered<'_>> {
        None
    }

    /// How much of the values of recorded calls is wanted.
    fn captured(&self) -> capture::Limits {
        capture::Limits::default()
    }
}

/// What has numbers.
#[derive(Clone, Debug)]
pub struct Numbered<'p> {
    /// The executables, by what to ask [`World::binary`] for.
    pub binaries: Vec<String>,
    /// The functions. Those that are there no more keep their places.
    pub functions: &'p [Function],
}

/// A field of a tracepoint's record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type, as the kernel's format file has it.
    pub type_name: String,
    /// Where in the record it is.
    pub offset: u32,
    /// How many bytes it takes.
    pub bytes: u32,
    /// How it is stored; `None` for what the language has no type for.
    pub form: Option<FieldForm>,
    /// Whether it has a sign.
    pub signed: bool,
}
