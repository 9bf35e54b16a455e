//! A kernel for tests: it says yes to everything that it was not told to refuse, and remembers what it was asked.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bpf::{Insn, MapKind};

use super::{Batch, Code, Event, MapFd, MapShape, MultiLink, RingMemory, Sys, Syscall, Witness};

/// What a refusal is about: a part of the call's text, its errno, and what the verifier says.
struct Refusal {
    call: &'static str,
    errno: i32,
    log: &'static str,
}

#[derive(Default)]
pub(crate) struct Fake {
    refusals: Vec<Refusal>,
    files: Vec<(&'static str, &'static str)>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    /// A kernel that has everything.
    pub(crate) fn new() -> Fake {
        Fake::default()
            .refusing("link_uprobes / pid", libc::EINVAL)
            .refusing("link_uprobes /", libc::EBADF)
            .refusing("link_no_event", libc::EBADF)
            .with("/proc/self/mounts", "tracefs /t tracefs rw 0 0\n")
            .with("/current_tracer", "nop\n")
            .with("/id", "42\n")
            .with("/online", "0-2\n")
    }

    /// Calls whose text has that in it fail so. The first refusal that fits counts.
    pub(crate) fn refusing(mut self, call: &'static str, errno: i32) -> Fake {
        self.refusals.push(Refusal { call, errno, log: "" });
        self
    }

    /// As `refusing`, before all others.
    pub(crate) fn rather_refusing(mut self, call: &'static str, errno: i32) -> Fake {
        self.refusals.insert(0, Refusal { call, errno, log: "" });
        self
    }

    /// The verifier refuses such programs with these words.
    pub(crate) fn rejecting(mut self, call: &'static str, log: &'static str) -> Fake {
        self.refusals.push(Refusal { call, errno: libc::EINVAL, log });
        self
    }

    /// Files whose path ends so have that text.
    pub(crate) fn with(mut self, path: &'static str, text: &'static str) -> Fake {
        self.files.insert(0, (path, text));
        self
    }

    pub(crate) fn sys(self) -> (Sys, Arc<Fake>) {
        let fake = Arc::new(self);
        (fake.clone(), fake)
    }

    /// What it was asked since the last time, one line each.
    pub(crate) fn asked(&self) -> String {
        std::mem::take(&mut *self.asked.lock().unwrap()).join("\n")
    }

    fn ask(&self, call: String) -> Result<(), &Refusal> {
        let refusal = self.refusals.iter().find(|refusal| call.contains(refusal.call));
        self.asked.lock().unwrap().push(call);
        refusal.map_or(Ok(()), Err)
    }

    fn done(&self, call: String) -> io::Result<()> {
        self.ask(call).map_err(|refusal| io::Error::from_raw_os_error(refusal.errno))
    }

    fn fd(&self, call: String) -> io::Result<OwnedFd> {
        self.done(call)?;
        Ok(File::open("/dev/null").unwrap().into())
    }
}

fn helpers(code: &Code<'_>) -> String {
    let insns = bpf::insn::decode_all(code.insns).unwrap();
    let calls = insns.into_iter().filter_map(|insn| match insn {
        Insn::Call { helper } => Some(format!(" call {}", helper.0)),
        Insn::Atomic { .. } => Some(" atomic".to_owned()),
        Insn::SignExtend { .. } => Some(" sign-extend".to_owned()),
        Insn::Store { base: bpf::Reg::R1, .. } => Some(" write-context".to_owned()),
        _ => None,
    });
    calls.collect()
}

impl Syscall for Fake {
    fn possible_cpus(&self) -> u32 {
        3
    }

    fn map_create(&self, shape: &MapShape, inner: Option<&MapFd>) -> io::Result<MapFd> {
        let MapShape { name, kind, key_size, value_size, entries, flags } = shape;
        let holds = if inner.is_some() { " holds maps" } else { "" };
        let fd =
            self.fd(format!("map_create {name} {kind} {key_size}→{value_size} × {entries} flags {flags}{holds}"))?;
        let value = match kind {
            kind if kind.is_per_cpu() => (*value_size as usize).next_multiple_of(8) * 3,
            MapKind::ArrayOfMaps => 4,
            _ => *value_size as usize,
        };
        Ok(MapFd { fd, kind: *kind, key: *key_size as usize, value, entries: *entries })
    }

    fn map_lookup(&self, _: &MapFd, key: &[u8], _: &mut [u8]) -> io::Result<()> {
        self.done(format!("map_lookup {key:?}"))
    }

    fn map_update(&self, map: &MapFd, key: &[u8], value: &[u8], _: u64) -> io::Result<()> {
        map.takes(key, Some(value))?;
        self.done(format!("map_update {key:?} {value:?}"))
    }

    fn map_put_map(&self, _: &MapFd, index: u32, _: &MapFd) -> io::Result<()> {
        self.done(format!("map_put_map {index}"))
    }

    fn map_delete(&self, _: &MapFd, key: &[u8]) -> io::Result<()> {
        self.done(format!("map_delete {key:?}"))
    }

    /// Keys count up for ever, as if somebody always put in another one.
    fn map_next_key(&self, _: &MapFd, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<()> {
        next[0] = key.map_or(0, |key| key[0].wrapping_add(1));
        self.done("map_next_key".to_owned())
    }

    fn map_lookup_batch(
        &self,
        map: &MapFd,
        first: bool,
        _: &mut [u8],
        keys: &mut [u8],
        _: &mut [u8],
    ) -> io::Result<Batch> {
        self.done(format!("map_lookup_batch first {first} room {}", keys.len() / map.key))?;
        Ok(Batch { count: 1, more: first })
    }

    fn map_update_batch(&self, map: &MapFd, keys: &[u8], _: &[u8]) -> io::Result<()> {
        self.done(format!("map_update_batch {}", keys.len() / map.key))
    }

    fn map_freeze(&self, _: &MapFd) -> io::Result<()> {
        self.done("map_freeze".to_owned())
    }

    fn map_ring(&self, map: &MapFd) -> io::Result<RingMemory> {
        self.done("map_ring".to_owned())?;
        let (memory, _) = ring_memory(map.entries as usize, &[]);
        Ok(memory)
    }

    fn btf_load(&self, types: &[u8]) -> io::Result<OwnedFd> {
        self.fd(format!("btf_load {}", if types.is_empty() { "nothing" } else { "types" }))
    }

    fn prog_load(&self, code: &Code<'_>, log: Option<&mut [u8]>) -> io::Result<OwnedFd> {
        let Code { name, kind, attach_type, flags, .. } = code;
        let size = log.as_ref().map_or(0, |log| log.len());
        let call = format!("prog_load {name} {kind}/{attach_type}/{flags} log {size}{}", helpers(code));
        match self.ask(call) {
            Ok(()) => Ok(File::open("/dev/null").unwrap().into()),
            Err(refusal) => {
                let said = refusal.log.as_bytes();
                log.into_iter().for_each(|log| log[..said.len()].copy_from_slice(said));
                Err(io::Error::from_raw_os_error(refusal.errno))
            }
        }
    }

    fn prog_run(&self, _: BorrowedFd<'_>, args: &[u64]) -> io::Result<u32> {
        self.done(format!("prog_run {args:?}")).map(|()| 0)
    }

    fn prog_misses(&self, _: BorrowedFd<'_>) -> io::Result<u64> {
        self.done("prog_misses".to_owned()).map(|()| 7)
    }

    fn prog_run_time(&self, _: BorrowedFd<'_>) -> io::Result<u64> {
        self.done("prog_run_time".to_owned()).map(|()| 4200)
    }

    fn time_programs(&self) -> io::Result<OwnedFd> {
        self.fd("time_programs".to_owned())
    }

    fn prog_verified(&self, _: BorrowedFd<'_>) -> io::Result<u32> {
        self.done("prog_verified".to_owned()).map(|()| 1234)
    }

    fn link_uprobes(&self, _: BorrowedFd<'_>, link: &MultiLink<'_>) -> io::Result<OwnedFd> {
        let path = if link.path.to_bytes() == b"/" { "/" } else { "FILE" };
        let pid = link.pid.map(|pid| format!(" pid {pid}")).unwrap_or_default();
        let returning = if link.returning { " returning" } else { "" };
        self.fd(format!("link_uprobes {path}{pid} {:x?} {:?}{returning}", link.offsets, link.cookies))
    }

    fn link_no_event(&self, _: BorrowedFd<'_>) -> io::Error {
        self.done("link_no_event".to_owned()).unwrap_err()
    }

    fn event_open(&self, event: Event) -> io::Result<OwnedFd> {
        self.fd(format!("event_open {event:?}"))
    }

    fn event_run(&self, _: BorrowedFd<'_>, _: BorrowedFd<'_>) -> io::Result<()> {
        self.done("event_run".to_owned())
    }

    fn raise_memlock(&self) -> io::Result<()> {
        self.done("raise_memlock".to_owned())
    }

    fn mount_tracefs(&self) -> io::Result<OwnedFd> {
        self.fd("mount_tracefs".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.done(format!("read {}", path.display()))?;
        let found = self.files.iter().find(|(end, _)| path.to_str().unwrap().ends_with(end));
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    fn append(&self, path: &Path, text: &str) -> io::Result<()> {
        self.done(format!("append {} {}", path.display(), text.trim_end()))
    }

    fn map_privately(&self, _: &File) -> io::Result<Witness> {
        self.done("map_privately".to_owned())?;
        Witness::map(File::open("/proc/self/exe").unwrap().as_fd(), 4096)
    }

    fn release(&self) -> String {
        "5.4.0-fake".to_owned()
    }
}

/// A ring as the kernel would map it, with these bytes in it and the kernel's position behind them. What is written to
/// the file shows in the ring.
pub(crate) fn ring_memory(size: usize, data: &[u8]) -> (RingMemory, File) {
    use std::os::unix::fs::FileExt;
    let page = 4096;
    let name = CString::new("ring").unwrap();
    #[allow(unsafe_code, reason = "memfd_create has no safe form")]
    // SAFETY: the name ends with its zero, and the descriptor is ours.
    let mut file = unsafe { File::from_raw_fd(libc::memfd_create(name.as_ptr(), 0)) };
    file.write_all(&vec![0; 2 * page + 2 * size]).unwrap();
    file.write_all_at(&(data.len() as u64).to_ne_bytes(), page as u64).unwrap();
    for copy in 0..2 {
        file.write_all_at(data, (2 * page + copy * size) as u64).unwrap();
    }
    (RingMemory::map(file.as_fd(), page, size).unwrap(), file)
}
