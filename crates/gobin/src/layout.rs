//! Where Go's runtime keeps what gospect reads of it: fields of goroutines, threads, channels and maps, the lists of
//! all of them, and what its numbers mean.
//!
//! Every answer has its [`Source`]. DWARF is asked first: it was written by the compiler that laid the structs out.
//! Without it the version table answers, and the code of two functions that are in every program, stripped or not,
//! must agree with it; where they disagree, the table is not believed at all. Without a version that the table knows
//! the code alone answers the little it can. What nobody answers is [`Unknown`], with the reason in words.
//!
//! Not a reader of running programs, and no promise about them: whoever reads one checks what it reads (the first
//! goroutine has goid 1, a state is one of the known).

mod code;

use std::fmt;

use crate::addr::VAddr;
use crate::buildinfo::GoVersion;
use crate::dwarf::Dwarf;
use crate::elf::Elf;
use crate::release::{self, Release, fields, names};
use crate::types::{Kind, TypeSource};

pub use crate::release::names::G_SCAN;
pub use code::Code;

/// What knows structs by name because the compiler wrote them down: DWARF.
pub trait Structs {
    /// Where in `strct` the field at a dotted path starts.
    fn field_offset(&self, strct: &str, field: &str) -> Option<u64>;

    /// Where a package variable is.
    fn variable(&self, name: &str) -> Option<VAddr>;
}

/// Finds something by its name.
pub type Lookup<'a, T> = Box<dyn Fn(&str) -> Option<T> + 'a>;

/// What is asked about an executable.
pub struct Inputs<'a> {
    /// The file.
    pub elf: &'a Elf,
    /// The Go version of the build information.
    pub version: Option<&'a GoVersion>,
    /// DWARF, if the file has it.
    pub structs: Option<&'a dyn Structs>,
    /// Code of functions by name.
    pub code: Lookup<'a, Code<'a>>,
    /// Package variables by name, from the symbol table.
    pub symbol: Lookup<'a, VAddr>,
}

/// A number and who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The number.
    pub value: u64,
    /// Who said it.
    pub source: Source,
}

/// An address and who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    /// Where the variable is, before the loader moves it.
    pub addr: VAddr,
    /// Who said so.
    pub source: Source,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file's DWARF.
    Dwarf,
    /// The file's symbol table.
    Symbol,
    /// The version table, with the offsets that hold since this release.
    Table {
        /// The `24` of `go1.24.6`.
        minor: u32,
        /// The `6`.
        patch: u32,
    },
    /// The code of this function in the file.
    Code(&'static str),
}

/// Why something about the runtime is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The build information names no release of Go.
    NoVersion {
        /// What it says instead.
        text: String,
    },
    /// A release candidate or a development version: its structs are those of no release.
    Unreleased {
        /// The version.
        text: String,
    },
    /// A release that the table does not have.
    Untested {
        /// The version.
        text: String,
    },
    /// An experiment that nobody has compared with the table.
    Experiment {
        /// Its name.
        name: String,
    },
    /// The file's code contradicts the table.
    Conflict {
        /// The field of `runtime.g`.
        field: &'static str,
        /// What the table says.
        table: u64,
        /// What the code says.
        code: u64,
        /// Which code.
        function: &'static str,
    },
    /// This version has no such thing, or the table has no row for it.
    Absent {
        /// What was asked for.
        what: String,
        /// The version.
        text: String,
    },
    /// A variable without symbol and DWARF, and no function names it in the way that is known.
    Stripped {
        /// The variable.
        what: String,
    },
}

/// What is known about the runtime in one executable.
pub struct RuntimeLayout<'a> {
    inputs: Inputs<'a>,
    table: Result<Table<'a>, Unknown>,
    status: Option<u64>,
    wait_reason: Option<u64>,
    reasons: Reasons,
}

/// The version table in a release that it covers.
struct Table<'a> {
    version: &'a GoVersion,
    /// Minor and patch number.
    number: (u32, u32),
    release: Release,
}

/// The names of wait reasons.
enum Reasons {
    /// As the file itself spells them.
    Own(Vec<String>),
    /// As the version's sources do.
    Listed(Vec<&'static str>),
    None,
}

const CASGSTATUS: &str = "runtime.casgstatus";
const GOPARK: &str = "runtime.gopark";

/// From `g.atomicstatus` to `g.goid` and `g.waitreason`, in every release of the table.
const GOID_AFTER_STATUS: u64 = 8;
const REASON_AFTER_STATUS: u64 = 32;

/// No list of reasons is longer, and none of their names.
const MOST_REASONS: u64 = 200;
const LONGEST_REASON: u64 = 100;

impl<'a> RuntimeLayout<'a> {
    /// Finds out what there is to ask; reads the code of a few functions.
    #[must_use]
    pub fn new(inputs: Inputs<'a>) -> RuntimeLayout<'a> {
        let status = (inputs.code)(CASGSTATUS).and_then(code::status_offset);
        let wait_reason = (inputs.code)(GOPARK).and_then(code::wait_reason_offset);
        let table = Table::of(inputs.version).and_then(|table| table.agreeing(status, wait_reason));
        let reasons = reasons(&inputs);
        RuntimeLayout { inputs, table, status, wait_reason, reasons }
    }

    /// Where a field starts; `field` may be a dotted path.
    ///
    /// # Errors
    /// Why nobody says.
    pub fn offset(&self, strct: &str, field: &str) -> Result<Offset, Unknown> {
        if let Some(value) = self.inputs.structs.and_then(|s| s.field_offset(strct, field)) {
            return Ok(Offset { value, source: Source::Dwarf });
        }
        let from_table = self.table.as_ref().map_err(Clone::clone).and_then(|table| table.offset(strct, field));
        from_table.or_else(|why| self.decoded(strct, field).ok_or(why))
    }

    /// Where a package variable is: `runtime.allgs`, `runtime.allglen`, `runtime.allgptr` and `runtime.allm` also in a
    /// stripped file.
    ///
    /// # Errors
    /// That it is not to be found.
    pub fn global(&self, name: &str) -> Result<Global, Unknown> {
        let found = |addr, source| Global { addr, source };
        let symbol = || (self.inputs.symbol)(name).map(|at| found(at, Source::Symbol));
        let dwarf = || self.inputs.structs.and_then(|s| s.variable(name)).map(|at| found(at, Source::Dwarf));
        let code = || self.named_by_code(name).map(|(at, by)| found(at, Source::Code(by)));
        symbol().or_else(dwarf).or_else(code).ok_or_else(|| Unknown::Stripped { what: name.to_owned() })
    }

    /// Why a goroutine waits, by `g.waitreason`.
    #[must_use]
    pub fn wait_reason(&self, number: u8) -> Option<&str> {
        match &self.reasons {
            Reasons::Own(names) => names.get(usize::from(number)).map(String::as_str),
            Reasons::Listed(names) => names.get(usize::from(number)).copied(),
            Reasons::None => None,
        }
    }

    /// The name of a goroutine's state, without [`G_SCAN`].
    #[must_use]
    pub fn g_state(&self, number: u32) -> Option<&'static str> {
        let release = self.inputs.version?.release()?;
        names::name(names::G_STATES, &release, u8::try_from(number & !G_SCAN).ok()?)
    }

    /// The fields that the version table knows in this version, by struct and path.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        fields::all().filter(|(strct, field)| self.table.as_ref().is_ok_and(|table| table.offset(strct, field).is_ok()))
    }

    /// What keeps the version table from answering, if it does not.
    #[must_use]
    pub fn why_no_table(&self) -> Option<&Unknown> {
        self.table.as_ref().err()
    }

    /// Three fields of `g`, if both functions show that what lies between them is as it always was.
    fn decoded(&self, strct: &str, field: &str) -> Option<Offset> {
        if matches!(self.table, Err(Unknown::Conflict { .. })) || strct != "runtime.g" {
            return None;
        }
        let (status, reason) = (self.status?, self.wait_reason?);
        let (value, function) = match field {
            "atomicstatus" => (status, CASGSTATUS),
            "waitreason" => (reason, GOPARK),
            "goid" => (status.checked_add(GOID_AFTER_STATUS)?, CASGSTATUS),
            _ => return None,
        };
        (status.checked_add(REASON_AFTER_STATUS) == Some(reason))
            .then_some(Offset { value, source: Source::Code(function) })
    }

    fn named_by_code(&self, name: &str) -> Option<(VAddr, &'static str)> {
        let locks: Vec<VAddr> = code::LOCKS.iter().filter_map(|l| (self.inputs.code)(l)).map(|c| c.entry).collect();
        let by = |function: &'static str, rule: &dyn Fn(Code<'_>) -> Option<VAddr>| {
            Some(((self.inputs.code)(function).and_then(rule)?, function))
        };
        let (addr, function) = match name {
            "runtime.allgs" => by("runtime.allgadd", &|c| code::appended_slice(c, &locks)),
            "runtime.allgptr" => by("runtime.allgadd", &|c| Some(code::published(c)?.0)),
            "runtime.allglen" => by("runtime.allgadd", &|c| Some(code::published(c)?.1)),
            "runtime.allm" => by("runtime.mexit", &|c| code::address_behind_lock(c, &locks)),
            _ => None,
        }?;
        self.inputs.elf.segment(addr).filter(|s| !s.executable).map(|_| (addr, function))
    }
}

impl<'a> Table<'a> {
    fn of(version: Option<&'a GoVersion>) -> Result<Table<'a>, Unknown> {
        let version = version.ok_or_else(|| Unknown::NoVersion { text: String::new() })?;
        let text = version.text.clone();
        let (Some(release), Some(number)) = (version.release(), version.number()) else {
            return Err(Unknown::NoVersion { text });
        };
        if ["rc", "beta", "devel"].iter().any(|word| version.short().contains(word)) {
            return Err(Unknown::Unreleased { text });
        }
        if let Some(name) = version.experiments.iter().find(|e| !is_compared(e)) {
            return Err(Unknown::Experiment { name: name.clone() });
        }
        if release.layouts.is_empty() {
            return Err(Unknown::Untested { text });
        }
        Ok(Table { version, number, release })
    }

    /// Itself, unless the code says otherwise.
    fn agreeing(self, status: Option<u64>, wait_reason: Option<u64>) -> Result<Table<'a>, Unknown> {
        for (field, code, function) in [("atomicstatus", status, CASGSTATUS), ("waitreason", wait_reason, GOPARK)] {
            let table = self.offset("runtime.g", field)?.value;
            if let Some(code) = code.filter(|&code| code != table) {
                return Err(Unknown::Conflict { field, table, code, function });
            }
        }
        Ok(self)
    }

    fn offset(&self, strct: &str, field: &str) -> Result<Offset, Unknown> {
        let absent = || Unknown::Absent { what: format!("{strct}.{field}"), text: self.version.text.clone() };
        let value = fields::offset(strct, field, self.number).ok_or_else(absent)?;
        let (minor, patch) = self.number;
        let since = self.release.layouts.iter().rfind(|&&since| since <= patch).copied();
        Ok(Offset { value, source: Source::Table { minor, patch: since.unwrap_or(0) } })
    }
}

/// Whether an experiment, on or off, was compared with the table.
fn is_compared(experiment: &str) -> bool {
    let known = |name: &str| fields::EXPERIMENTS.contains(&name);
    known(experiment) || experiment.strip_prefix("no").is_some_and(known)
}

const REASON_STRING: &str = "runtime.waitReason.String";

/// The file's own list, else the version's.
fn reasons(inputs: &Inputs<'_>) -> Reasons {
    let own = (inputs.code)(REASON_STRING).and_then(code::string_table);
    if let Some(names) = own.and_then(|(table, count)| strings(inputs.elf, table, count)) {
        return Reasons::Own(names);
    }
    match inputs.version.and_then(GoVersion::release).map(|release| names::list(names::WAIT_REASONS, &release)) {
        Some(names) if !names.is_empty() => Reasons::Listed(names),
        _ => Reasons::None,
    }
}

/// `count` Go strings that stand side by side, the first of them empty as that of no reason is.
fn strings(elf: &Elf, table: VAddr, count: u64) -> Option<Vec<String>> {
    let string = |i: u64| {
        let header = table.plus(16 * i);
        let len = elf.word(header.plus(8)).filter(|&len| len <= LONGEST_REASON)?;
        let bytes = if len == 0 { &[][..] } else { elf.read(elf.pointer(header)?, len)? };
        String::from_utf8(bytes.to_vec()).ok()
    };
    let names: Vec<String> = (0..count.min(MOST_REASONS)).map(string).collect::<Option<_>>()?;
    (names.len() > 1 && names[0].is_empty() && names[1..].iter().all(|n| !n.is_empty())).then_some(names)
}

impl Structs for Dwarf {
    fn field_offset(&self, strct: &str, path: &str) -> Option<u64> {
        let mut at = self.find_type(strct)?;
        let mut offset = 0u64;
        for step in path.split('.') {
            let Kind::Struct(fields) = &self.resolve(at)?.kind else { return None };
            let field = fields.iter().find(|f| f.name == step)?;
            offset = offset.checked_add(field.offset)?;
            at = field.ty;
        }
        Some(offset)
    }

    fn variable(&self, name: &str) -> Option<VAddr> {
        self.find_variable(name).map(|(at, _)| at)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Dwarf => write!(f, "DWARF"),
            Source::Symbol => write!(f, "the symbol table"),
            Source::Table { minor, patch: 0 } => write!(f, "the table for go1.{minor}"),
            Source::Table { minor, patch } => write!(f, "the table for go1.{minor}.{patch}"),
            Source::Code(function) => write!(f, "the code of {function}"),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::NoVersion { text } if text.is_empty() => write!(f, "the file has no Go version and no DWARF"),
            Unknown::NoVersion { text } => write!(f, "`{text}` names no release of Go, and there is no DWARF"),
            Unknown::Unreleased { text } => {
                write!(f, "{text} is no release: only DWARF can say how its runtime is laid out")
            }
            Unknown::Untested { text } => {
                let covered = release::to_text(&release::covered());
                write!(f, "{text} is not one of Go {covered}: only DWARF can say how its runtime is laid out")
            }
            Unknown::Experiment { name } => {
                write!(f, "the experiment {name} is not known: only DWARF can say how it lays out the runtime")
            }
            Unknown::Conflict { field, table, code, function } => write!(
                f,
                "the file is not what its version says: g.{field} is at {table} in that version, {function} has {code}"
            ),
            Unknown::Absent { what, text } => write!(f, "{what} is not in {text}, or was never looked up there"),
            Unknown::Stripped { what } => {
                write!(f, "{what} has no symbol here, and no function in the file names it in a known way")
            }
        }
    }
}

impl std::error::Error for Unknown {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_swaps_just_below_its_pointer_is_no_reason_to_overflow() {
        let elf = crate::elf::tests::loaded(&[]);
        let elf = Elf::parse(elf).expect("an ELF file");
        // lock cmpxchg [rax-1],ecx and mov [rax+31],cl
        let code = |name: &str| {
            let bytes: &[u8] = match name {
                CASGSTATUS => &[0xf0, 0x0f, 0xb1, 0x48, 0xff],
                GOPARK => &[0x88, 0x48, 0x1f],
                _ => return None,
            };
            Some(Code { arch: crate::elf::Arch::Amd64, entry: VAddr(0x1000), bytes })
        };
        let (version, symbol) = (None, Box::new(|_: &str| None));
        let layout = RuntimeLayout::new(Inputs { elf: &elf, version, structs: None, code: Box::new(code), symbol });
        assert_eq!(layout.status, Some(u64::MAX));
        for field in ["goid", "atomicstatus", "waitreason"] {
            assert_eq!(layout.offset("runtime.g", field), Err(Unknown::NoVersion { text: String::new() }));
        }
    }
}
