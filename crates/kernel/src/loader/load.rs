//! Loading programs. The verifier is asked without a log first; only when it says no is it asked to explain itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bpf::map::kernel_name;
use bpf::{Kind, MapId};

use super::sys::{Code, Sys};
use engine::{Error, Interface, Rejection};

/// `BPF_F_SLEEPABLE`.
const SLEEPABLE: u32 = 1 << 4;
/// A log that most rejections fit into, and one for the others. Before Linux 6.4 a log that does not fit is cut off
/// at its end, which is the part that matters.
const LOG_SIZES: [usize; 2] = [1 << 20, 32 << 20];
/// How much of a log is kept.
const LOG_KEPT: usize = 64 << 10;

/// A loaded program.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
    name: String,
    kind: Kind,
}

impl Program {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it can be attached to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(crate) fn load(sys: &Sys, program: &bpf::Program, fd: impl Fn(MapId) -> Option<u32>) -> Result<Program, Error> {
    let (name, doing) = (program.name(), || format!("loading {}", program.name()));
    if let Some(missing) = program.used_maps().into_iter().find(|&id| fd(id).is_none()) {
        return Err(Error::wrong(doing(), format!("map {} was not made", missing.0)));
    }
    let insns = program.linked(|id| fd(id).unwrap_or(u32::MAX));
    let types = sys
        .btf_load(&program.btf().types)
        .map_err(|error| Error::of(Interface::Programs, format!("{}: its types", doing()), error))?;
    let code = Code {
        name: &kernel_name(name),
        kind: program.kind().number(),
        attach_type: program.kind().attach_type(),
        flags: if program.sleepable() { SLEEPABLE } else { 0 },
        insns: &insns,
        btf: Some((types.as_fd(), program.btf())),
    };
    match sys.prog_load(&code, None) {
        Ok(fd) => Ok(Program { fd, name: name.to_owned(), kind: program.kind() }),
        Err(error) => Err(explained(sys, name, &code, error)),
    }
}

/// Asks again, with a log. Without a word of the verifier it was not about the program.
fn explained(sys: &Sys, name: &str, code: &Code<'_>, error: io::Error) -> Error {
    let log = LOG_SIZES.into_iter().find_map(|size| {
        let mut log = vec![0; size];
        let again = sys.prog_load(code, Some(&mut log)).err()?;
        (again.raw_os_error() != Some(libc::ENOSPC)).then_some(log)
    });
    let log = text(&log.unwrap_or_default());
    if log.trim().is_empty() {
        return Error::of(Interface::Programs, format!("loading {name}"), error);
    }
    Error::Rejected(Box::new(Rejection::of(name, error, log)))
}

/// The text before the first zero, or the end of it, from the start of a line.
pub(super) fn text(log: &[u8]) -> String {
    let written = log.split(|&b| b == 0).next().unwrap_or_default();
    let end = &written[written.len().saturating_sub(LOG_KEPT)..];
    let cut = if end.len() < written.len() { end.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1) } else { 0 };
    String::from_utf8_lossy(&end[cut..]).into_owned()
}
