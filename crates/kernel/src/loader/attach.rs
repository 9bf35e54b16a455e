//! Puts programs where they run: at places in files, on tracepoints, on clocks.

mod bisect;
mod clock;
mod event;
mod multi;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use bpf::{Caps, Feature, Kind};

use super::load::Program;
use super::map::ENOTSUPP;
use super::sys::Sys;
use super::tracefs::{Tracefs, UprobeEvent};
use ::engine::Pid;
use engine::Tracepoint;
use engine::{Error, Interface};

/// A place in a file, at the start of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    /// Where in the file; not an address.
    pub offset: u64,
    /// What the program gets to know the place by (`bpf_get_attach_cookie`), if it is attached by [`Way::Multi`].
    pub cookie: u64,
}

/// How uprobes are attached, which decides what kind the program is and how it learns where it was hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// One link of many uprobes; the cookie is the program's to ask for.
    Multi,
    /// One event in tracefs; there are no cookies, and the program looks its instruction pointer up in a map that
    /// gospect fills: address to cookie, with the process's number where programs are loaded anywhere (PIE).
    Tracefs,
}

impl Way {
    /// The better one of those that the kernel has. Links whose filter goes by thread are worse than none: they lose
    /// hits.
    #[must_use]
    pub fn best(caps: Caps) -> Way {
        let multi = caps.has(Feature::UprobeMulti) && caps.has(Feature::UprobeMultiPidFilter);
        if multi { Way::Multi } else { Way::Tracefs }
    }

    /// What programs for it are.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Way::Multi => Kind::UprobeMulti,
            Way::Tracefs => Kind::Uprobe,
        }
    }
}

/// Where a program shall run in a file.
pub struct Uprobes<'a> {
    /// The file, open: it is this inode, whatever its name is by now.
    pub file: &'a File,
    /// The places, no two alike. The kernel keeps their order, both coming and going.
    pub sites: &'a [Site],
    /// In this process alone, or in all that run the file now and later.
    pub pid: Option<Pid>,
    /// When the function that begins there returns, by a replaced return address. **Never on Go code**: it kills the
    /// program at the next growth of a stack.
    ///
    /// By [`Way::Tracefs`] the program cannot tell one place from another then: its instruction pointer is where the
    /// function returns to. So each place wants a program of its own.
    pub returning: bool,
}

/// Programs in place, until this goes.
#[derive(Default)]
pub struct Attached {
    /// The places that the kernel does not take, and its reason.
    pub refused: Vec<RefusedSite>,
    parts: Vec<Part>,
}

/// A place that the kernel does not take.
#[derive(Debug)]
pub struct RefusedSite {
    /// The place.
    pub site: Site,
    /// The kernel's error.
    pub error: io::Error,
}

impl fmt::Display for RefusedSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.site.offset;
        match self.error.raw_os_error() {
            Some(ENOTSUPP | libc::EOPNOTSUPP | libc::ENOEXEC) => {
                write!(f, "the kernel cannot step over the instruction at offset {offset:#x}")
            }
            _ => write!(f, "the kernel does not take the site at offset {offset:#x}: {}", self.error),
        }
    }
}

/// What holds a program in place. The order of fields is that of dropping: an event cannot go while it is in use.
struct Part {
    _held: OwnedFd,
    _event: Option<UprobeEvent>,
}

impl Attached {
    /// Takes the programs out. When it comes back none of them runs any more.
    pub fn detach(self) {}

    /// In how many pieces it is attached: one, unless places were refused.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.parts.len()
    }

    fn held(fd: OwnedFd) -> Attached {
        Attached { refused: Vec::new(), parts: vec![Part { _held: fd, _event: None }] }
    }
}

/// The attachments of [`Loader::uprobes`](super::Loader::uprobes).
pub(super) fn uprobes<'t>(
    sys: &Sys,
    tracefs: impl FnOnce() -> Result<&'t Tracefs, Error>,
    program: &Program,
    uprobes: &Uprobes<'_>,
) -> Result<Attached, Error> {
    let by = if program.kind() == Kind::Uprobe { " by an event in tracefs" } else { "" };
    let doing = || format!("attaching {}{by}", program.name());
    let size = uprobes.file.metadata().map_err(|error| Error::of(Interface::Programs, doing(), error))?.len();
    check(uprobes.sites, size).map_err(|why| Error::wrong(doing(), why))?;
    if uprobes.sites.is_empty() {
        return Ok(Attached::default());
    }
    // The kernel looks at instructions only where they are mapped. With our own mapping it does even if nobody runs the
    // file yet, instead of passing them over in silence when somebody does.
    let _witness = uprobes.pid.is_none().then(|| sys.map_privately(uprobes.file));
    let (interface, found) = match program.kind() {
        Kind::UprobeMulti => (Interface::Programs, multi::attach(sys, program, uprobes)),
        Kind::Uprobe => (Interface::Events, event::attach(sys, tracefs()?, program, uprobes)),
        other => return Err(Error::wrong(doing(), format!("a {} program runs at no place in a file", other.name()))),
    };
    let found = found.map_err(|error| Error::of(interface, doing(), error))?;
    Ok(Attached { refused: found.refused, parts: found.parts })
}

pub(super) fn tracepoint(sys: &Sys, program: &Program, point: &Tracepoint) -> Result<Attached, Error> {
    let doing = format!("attaching {} to tracepoint {}:{}", program.name(), point.category, point.name);
    if program.kind() != Kind::Tracepoint {
        return Err(Error::wrong(doing, format!("it is a {} program", program.kind().name())));
    }
    let attached = event::run(sys, program, super::sys::Event::Trace { id: point.id, pid: None });
    attached.map(Attached::held).map_err(|error| Error::of(Interface::Tracefs, doing, error))
}

pub(super) fn clock(sys: &Sys, program: &Program, hz: u64) -> Result<Attached, Error> {
    let doing = format!("running {} {hz} times a second", program.name());
    if program.kind() != Kind::PerfEvent {
        return Err(Error::wrong(doing, format!("it is a {} program", program.kind().name())));
    }
    clock::attach(sys, program, hz).map_err(|error| Error::of(Interface::Clock, doing, error))
}

/// What the kernel would take, to nobody's use, or refuse without saying which place it was.
fn check(sites: &[Site], size: u64) -> Result<(), String> {
    if let Some(site) = sites.iter().find(|site| site.offset >= size) {
        return Err(format!("a site at {:#x} is behind the end of the file ({size:#x})", site.offset));
    }
    let mut offsets: Vec<u64> = sites.iter().map(|site| site.offset).collect();
    offsets.sort_unstable();
    let twice = offsets.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map_or(Ok(()), |pair| Err(format!("there are two sites at {:#x}", pair[0])))
}

/// A name for an open file that works for whoever asks in our process, without blanks, and for files that were removed.
fn path_of(file: &File) -> PathBuf {
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_twice_or_behind_the_end_are_refused_before_the_kernel_sees_them() {
        let site = |offset| Site { offset, cookie: 0 };
        assert_eq!(check(&[site(8), site(4)], 9), Ok(()));
        assert_eq!(check(&[site(8), site(4), site(8)], 9).unwrap_err(), "there are two sites at 0x8");
        let behind = "a site at 0x9 is behind the end of the file (0x9)";
        assert_eq!(check(&[site(9)], 9).unwrap_err(), behind);
    }

    #[test]
    fn a_refused_site_is_a_sentence() {
        let refused = |error| {
            let error = io::Error::from_raw_os_error(error);
            RefusedSite { site: Site { offset: 0x40, cookie: 0 }, error }.to_string()
        };
        assert_eq!(refused(ENOTSUPP), "the kernel cannot step over the instruction at offset 0x40");
        let io = "the kernel does not take the site at offset 0x40: Input/output error (os error 5)";
        assert_eq!(refused(libc::EIO), io);
    }

    #[test]
    fn a_link_whose_filter_goes_by_thread_is_not_used() {
        let ways = [Caps::linux_5_10(), Caps::linux_6_8(), Caps::linux_6_12()].map(Way::best);
        assert_eq!(ways, [Way::Tracefs, Way::Tracefs, Way::Multi]);
        assert_eq!(ways.map(Way::kind), [Kind::Uprobe, Kind::Uprobe, Kind::UprobeMulti]);
    }
}
