//! The seam between the engine and the kernel: everything that the engine asks for goes through [`Syscall`], so that each
//! refusal can be tested without a kernel that refuses.
//!
//! The methods are safe whatever they are given: a [`MapFd`] knows the sizes of its keys and values, and buffers of other
//! sizes are refused here, because the kernel would read or write beyond them.

mod attr;
#[cfg(test)]
pub(crate) mod fake;
#[allow(unsafe_code, reason = "bpf(2), perf_event_open(2), ioctl(2) and setrlimit(2) have no safe form")]
mod linux;
#[allow(unsafe_code, reason = "the kernel writes to this memory while we read it")]
mod memory;

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use bpf::MapKind;

use ::engine::Pid;

pub use memory::{RingMemory, Witness};

/// A kernel, as the engine sees it.
pub type Sys = Arc<dyn Syscall>;

/// The kernel that we run on.
#[must_use]
pub fn linux() -> Sys {
    Arc::new(linux::Linux::new())
}

/// What a map shall be, resolved for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapShape {
    /// At most 15 letters, digits, dots and underscores.
    pub name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value; of one CPU's, if each has its own.
    pub value_size: u32,
    /// How many entries, or bytes of a ring.
    pub entries: u32,
    /// `BPF_F_…`.
    pub flags: u32,
}

/// A map that was made, and how many bytes its keys and values have on the way to and from user space.
#[derive(Debug)]
pub struct MapFd {
    fd: OwnedFd,
    kind: MapKind,
    key: usize,
    value: usize,
    entries: u32,
}

impl MapFd {
    /// Bytes of a key.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.key
    }

    /// Bytes of what lookups give: of a map by CPU, all values, each padded to 8 bytes.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        self.value
    }

    /// How many entries fit.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    pub(crate) fn as_raw_fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.fd)
    }

    fn takes(&self, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        let fits = key.len() == self.key && value.is_none_or(|value| value.len() == self.value);
        if fits { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) }
    }
}

/// What is loaded as a program.
pub struct Code<'a> {
    /// At most 15 letters, digits, dots and underscores.
    pub name: &'a str,
    /// `BPF_PROG_TYPE_…`.
    pub kind: u32,
    /// `BPF_…` of attachment.
    pub attach_type: u32,
    /// `BPF_F_SLEEPABLE` or 0.
    pub flags: u32,
    /// Instructions, 8 bytes each.
    pub insns: &'a [u8],
    /// Functions and lines, with the types they speak of.
    pub btf: Option<(BorrowedFd<'a>, &'a bpf::btf::Btf)>,
}

/// Many uprobes at once.
pub struct MultiLink<'a> {
    /// The file; resolved once, to its inode.
    pub path: &'a CStr,
    /// Where in it.
    pub offsets: &'a [u64],
    /// A number of ours for each.
    pub cookies: &'a [u64],
    /// For this process only.
    pub pid: Option<i32>,
    /// When the functions return, by replaced return addresses.
    pub returning: bool,
}

/// Something for perf to count, with a program on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A tracepoint or a uprobe event, by the number in tracefs; of all processes or of one.
    Trace {
        /// The number.
        id: u64,
        /// The process.
        pid: Option<Pid>,
    },
    /// A clock on one CPU.
    Clock {
        /// Ticks a second.
        hz: u64,
        /// The CPU.
        cpu: u32,
    },
}

/// What a batch of lookups gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many entries.
    pub count: usize,
    /// Whether there are more.
    pub more: bool,
}

/// What the engine asks of a kernel. Errors are the kernel's own.
#[allow(clippy::missing_errors_doc, reason = "all of them give the kernel's error")]
pub trait Syscall: Send + Sync {
    /// How many CPUs the machine may ever have: maps by CPU have so many values.
    fn possible_cpus(&self) -> u32;
    /// Makes a map; `inner` is a map like those that an array of maps will hold.
    fn map_create(&self, shape: &MapShape, inner: Option<&MapFd>) -> io::Result<MapFd>;
    /// The value of a key.
    fn map_lookup(&self, map: &MapFd, key: &[u8], value: &mut [u8]) -> io::Result<()>;
    /// Sets the value of a key.
    fn map_update(&self, map: &MapFd, key: &[u8], value: &[u8], flags: u64) -> io::Result<()>;
    /// Puts a map into an array of maps.
    fn map_put_map(&self, map: &MapFd, index: u32, inner: &MapFd) -> io::Result<()>;
    /// Takes a key out.
    fn map_delete(&self, map: &MapFd, key: &[u8]) -> io::Result<()>;
    /// The key after that one, or the first.
    fn map_next_key(&self, map: &MapFd, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<()>;
    /// As many keys and values as fit. `position` is where the last batch ended, of a key's length or 4 bytes if that
    /// is more; `first` starts from the beginning.
    fn map_lookup_batch(
        &self,
        map: &MapFd,
        first: bool,
        position: &mut [u8],
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch>;
    /// Sets many values.
    fn map_update_batch(&self, map: &MapFd, keys: &[u8], values: &[u8]) -> io::Result<()>;
    /// User space may change it no more.
    fn map_freeze(&self, map: &MapFd) -> io::Result<()>;
    /// Maps a ring into memory.
    fn map_ring(&self, map: &MapFd) -> io::Result<RingMemory>;
    /// Loads types.
    fn btf_load(&self, types: &[u8]) -> io::Result<OwnedFd>;
    /// Loads a program, and has the verifier explain itself in `log`, if there is one.
    fn prog_load(&self, code: &Code<'_>, log: Option<&mut [u8]>) -> io::Result<OwnedFd>;
    /// Runs a raw tracepoint program with these arguments.
    fn prog_run(&self, program: BorrowedFd<'_>, args: &[u64]) -> io::Result<u32>;
    /// How often a program should have run and did not, because its CPU was running it or another one already.
    fn prog_misses(&self, program: BorrowedFd<'_>) -> io::Result<u64>;
    /// For how many nanoseconds a program has run while somebody had programs timed.
    fn prog_run_time(&self, program: BorrowedFd<'_>) -> io::Result<u64>;
    /// Has all programs timed, as long as the descriptor is there.
    fn time_programs(&self) -> io::Result<OwnedFd>;
    /// How many instructions the verifier looked at, one in a loop once for each turn.
    fn prog_verified(&self, program: BorrowedFd<'_>) -> io::Result<u32>;
    /// Makes a link of many uprobes.
    fn link_uprobes(&self, program: BorrowedFd<'_>, link: &MultiLink<'_>) -> io::Result<OwnedFd>;
    /// Tries to make a link of a perf event that does not exist: the error says whether there are such links.
    fn link_no_event(&self, program: BorrowedFd<'_>) -> io::Error;
    /// Opens an event, disabled if it is a clock.
    fn event_open(&self, event: Event) -> io::Result<OwnedFd>;
    /// Sets the program of an event and enables it.
    fn event_run(&self, event: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()>;
    /// Raises the limit of locked memory as far as it goes.
    fn raise_memlock(&self) -> io::Result<()>;
    /// Mounts tracefs where nobody but the holder of the descriptor sees it.
    fn mount_tracefs(&self) -> io::Result<OwnedFd>;
    /// The text of a file of the kernel.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Writes text to the end of a file of the kernel, at once.
    fn append(&self, path: &Path, text: &str) -> io::Result<()>;
    /// Maps a file as a program that runs it does. Nobody runs or reads it.
    fn map_privately(&self, file: &File) -> io::Result<Witness>;
    /// The kernel's release, as `uname -r`.
    fn release(&self) -> String;
}
