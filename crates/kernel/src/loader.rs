//! Runs eBPF programs on probes: makes maps, loads programs, attaches them, reads what they say.
//!
//! ```text
//! Loader::open ── what can this kernel do (caps), which way of attaching
//!    ├─ maps      Map: get, put, entries, clear            ├─ ring     Ring: drain
//!    ├─ load      Program, or what the verifier said        ├─ run      BEGIN, END, interval
//!    └─ attach    uprobes (one multi link, or one tracefs event), tracepoints, clocks
//! ```
//!
//! Everything is held by file descriptors: when gospect dies, however it dies, the kernel takes the probes out. Events
//! in tracefs are the exception; they carry the name of the process that made them, and [`Loader::open`] sweeps out
//! what dead ones have left (harmless by then: nothing is attached to it).
//!
//! Knows nothing of Go. It trusts the sites it is given: the kernel takes an offset in the middle of an instruction and
//! ruins the program, so only a complete decoder may name them.

pub mod attach;
mod caps;
pub(crate) mod cpus;
mod load;
mod map;
mod numbers;
mod ring;
pub mod sys;
mod tracefs;
pub mod tracepoint;

#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::Duration;

use bpf::{Assembler, Caps, Feature, MapId, Reg, Source};
use engine::{Error, Interface, Table, Tracepoint};

use sys::Sys;
use tracefs::Tracefs;

pub use attach::{Attached, RefusedSite, Site, Uprobes, Way};
pub use load::Program;
pub use map::{Map, Maps};
pub use numbers::{Numbers, Walk};
pub use ring::Ring;
pub use sys::linux;

/// Programs are timed while it is there.
#[derive(Debug)]
pub struct Timing {
    _fd: OwnedFd,
}

/// A kernel that was asked what it can do, and is able to run gospect's programs.
pub struct Loader {
    sys: Sys,
    caps: Caps,
    tracefs: OnceLock<Tracefs>,
}

/// Major and minor of a release such as `6.18.44-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl Loader {
    /// Takes the kernel that we run on.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without privilege, [`Error::TooOld`] below Linux 5.10.
    pub fn open() -> Result<Loader, Error> {
        Loader::on(sys::linux())
    }

    /// Takes any kernel.
    ///
    /// # Errors
    /// As [`Loader::open`].
    pub fn on(sys: Sys) -> Result<Loader, Error> {
        // Before Linux 5.11 maps are locked memory. Where the limit cannot be raised they may still fit.
        let _ = sys.raise_memlock();
        let caps = caps::probe(&sys)?;
        Ok(Loader { sys, caps, tracefs: OnceLock::new() })
    }

    /// What the kernel has beyond Linux 5.10.
    #[must_use]
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// Treats the kernel as if it had no more than that: programs and ways of attaching are chosen accordingly. Without
    /// [`Feature::UprobeMulti`] everything goes through tracefs.
    #[must_use]
    pub fn limited_to(self, caps: Caps) -> Loader {
        let both = Feature::all().filter(|&f| caps.has(f) && self.caps.has(f)).collect();
        Loader { caps: both, ..self }
    }

    /// Attaches by tracefs, even where there are links.
    #[must_use]
    pub fn without_links(self) -> Loader {
        let caps = self.caps.without(Feature::UprobeMulti);
        self.limited_to(caps)
    }

    /// How uprobes are attached here.
    #[must_use]
    pub fn way(&self) -> Way {
        Way::best(self.caps)
    }

    /// Whether taking one link out waits until no program runs any more at any site, as the kernel guards all of them
    /// together since Linux 6.12.
    #[must_use]
    pub fn waits_for_all(&self) -> bool {
        self.way() == Way::Multi && version(&self.sys.release()).is_some_and(|version| version >= (6, 12))
    }

    /// How many CPUs the machine may have, which is how many values a map by CPU has.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        self.sys.possible_cpus()
    }

    /// Makes all maps of a run and fills in what they hold from the start.
    ///
    /// # Errors
    /// The kernel's, with the map's name.
    pub fn maps(&self, maps: &bpf::Maps) -> Result<Maps, Error> {
        map::create(&self.sys, self.caps, maps)
    }

    /// Makes the maps in `own`, and takes all others from another run of the same kind of program, so that both write
    /// into the same ones. Nothing if those are not alike.
    ///
    /// # Errors
    /// The kernel's, with the map's name.
    pub fn maps_beside(&self, maps: &bpf::Maps, first: &Maps, own: &[MapId]) -> Result<Option<Maps>, Error> {
        map::create_beside(&self.sys, self.caps, maps, first, own)
    }

    /// Loads a program.
    ///
    /// # Errors
    /// [`Error::Lacking`] when it needs what the kernel does not have, [`Error::Rejected`] with the verifier's words.
    pub fn load(&self, program: &bpf::Program, maps: &Maps) -> Result<Program, Error> {
        let lacking = program.lacking(self.caps);
        if !lacking.is_empty() {
            return Err(Error::Lacking { program: program.name().to_owned(), features: lacking });
        }
        load::load(&self.sys, program, |id| maps.fd(id))
    }

    /// A program that does nothing, for uprobes: what it costs is what being probed costs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn load_nothing(&self) -> Result<Program, Error> {
        let mut asm = Assembler::new("nothing", self.way().kind(), Source::default());
        asm.mov(Reg::R0, 0).exit();
        let program = asm.finish(&bpf::Maps::new());
        let program =
            program.map_err(|error| Error::wrong("making the program that does nothing", error.to_string()))?;
        load::load(&self.sys, &program, |_| None)
    }

    /// Runs a raw tracepoint program here and now, with these arguments.
    ///
    /// # Errors
    /// The kernel's.
    pub fn run(&self, program: &Program, args: &[u64]) -> Result<u32, Error> {
        let result = self.sys.prog_run(program.fd(), args);
        result.map_err(|error| Error::of(Interface::Programs, format!("running {}", program.name()), error))
    }

    /// How often a program should have run and did not, because another one was running on that CPU. Kernels before
    /// Linux 5.12 do not count it, and those up to 6.6 not for uprobes.
    ///
    /// # Errors
    /// The kernel's.
    pub fn missed(&self, program: &Program) -> Result<u64, Error> {
        let misses = self.sys.prog_misses(program.fd());
        misses.map_err(|error| {
            Error::of(Interface::Programs, format!("asking how often {} was missed", program.name()), error)
        })
    }

    /// Has the kernel take down for how long programs run, all of them, until what this answers is dropped. That costs each
    /// run some nanoseconds.
    ///
    /// # Errors
    /// The kernel's.
    pub fn time_programs(&self) -> Result<Timing, Error> {
        let timing = self.sys.time_programs().map(|fd| Timing { _fd: fd });
        timing.map_err(|error| Error::of(Interface::Programs, "having programs timed", error))
    }

    /// For how long a program has run while programs were timed.
    ///
    /// # Errors
    /// The kernel's.
    pub fn run_time(&self, program: &Program) -> Result<Duration, Error> {
        let run_time = self.sys.prog_run_time(program.fd());
        run_time.map(Duration::from_nanos).map_err(|error| {
            Error::of(Interface::Programs, format!("asking for how long {} has run", program.name()), error)
        })
    }

    /// How many instructions the verifier looked at before it took a program, one in a loop once for each turn; it gives
    /// up at a million. 0 before Linux 5.16, which does not tell.
    ///
    /// # Errors
    /// The kernel's.
    pub fn verified(&self, program: &Program) -> Result<u32, Error> {
        let verified = self.sys.prog_verified(program.fd());
        verified.map_err(|error| {
            Error::of(Interface::Programs, format!("asking what the verifier did with {}", program.name()), error)
        })
    }

    /// The records of a ring.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ring(&self, map: &Map) -> Result<Ring, Error> {
        let memory = self.sys.map_ring(map.raw());
        memory.map(Ring::of).map_err(|error| Error::of(Interface::Maps, format!("mapping ring {}", map.name()), error))
    }

    /// Attaches a program to places in a file. Which way is the program's: [`bpf::Kind::UprobeMulti`] by a link of many
    /// uprobes, [`bpf::Kind::Uprobe`] by an event in tracefs.
    ///
    /// # Errors
    /// The kernel's, unless it is about single sites: those are in [`Attached::refused`].
    pub fn uprobes(&self, program: &Program, uprobes: &Uprobes<'_>) -> Result<Attached, Error> {
        attach::uprobes(&self.sys, || self.tracefs(), program, uprobes)
    }

    /// A tracepoint's number and fields.
    ///
    /// # Errors
    /// When there is none of that name, or tracefs cannot be read.
    pub fn tracepoint(&self, category: &str, name: &str) -> Result<Tracepoint, Error> {
        tracepoint::read(self.tracefs()?, category, name)
    }

    /// Category and name of every tracepoint, sorted.
    ///
    /// # Errors
    /// When tracefs cannot be read.
    pub fn tracepoints(&self) -> Result<Vec<(String, String)>, Error> {
        tracepoint::all(self.tracefs()?)
    }

    /// Attaches a program to a tracepoint.
    ///
    /// # Errors
    /// The kernel's.
    pub fn on_tracepoint(&self, program: &Program, point: &Tracepoint) -> Result<Attached, Error> {
        attach::tracepoint(&self.sys, program, point)
    }

    /// Runs a program so many times a second on each CPU.
    ///
    /// # Errors
    /// The kernel's.
    pub fn on_clock(&self, program: &Program, hz: u64) -> Result<Attached, Error> {
        attach::clock(&self.sys, program, hz)
    }

    fn tracefs(&self) -> Result<&Tracefs, Error> {
        if let Some(tracefs) = self.tracefs.get() {
            return Ok(tracefs);
        }
        let opened = Tracefs::open(&self.sys)?;
        opened.sweep();
        Ok(self.tracefs.get_or_init(|| opened))
    }
}
