//! The real kernel.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use bpf::MapKind;
use bpf::btf::{FUNC_INFO_SIZE, LINE_INFO_SIZE};

use super::attr::{
    self, BtfLoad, Element, ElementBatch, EnableStats, LinkCreate, MapCreate, PerfEvent, ProgLoad, TestRun,
};
use super::{Batch, Code, Event, MapFd, MapShape, MultiLink, RingMemory, Syscall, Witness};

/// Helpers that read memory are for programs under the GPL only.
const LICENSE: &CStr = c"Dual MIT/GPL";
/// How often a verifier that a signal has interrupted is asked again.
const TRIES: usize = 8;

/// The kernel we run on, and the one number about it that sizes of buffers depend on.
pub(super) struct Linux {
    cpus: u32,
}

impl Linux {
    pub(super) fn new() -> Linux {
        let list = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
        Linux { cpus: crate::loader::cpus::count(&list) }
    }

    fn made(&self, fd: OwnedFd, shape: &MapShape) -> io::Result<MapFd> {
        let each = shape.value_size as usize;
        let value = match shape.kind {
            kind if kind.is_per_cpu() => each.next_multiple_of(8) * self.cpus as usize,
            MapKind::ArrayOfMaps => 4,
            _ => each,
        };
        Ok(MapFd { fd, kind: shape.kind, key: shape.key_size as usize, value, entries: shape.entries })
    }
}

/// # Safety
/// Every address in `attr` must be that of memory which the kernel may read or write as far as the command says.
unsafe fn bpf<T>(command: i32, attr: &mut T) -> io::Result<i32> {
    // SAFETY: `attr` is valid for its size and has no padding; for what it points to the caller answers.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    checked(result)
}

fn info(program: BorrowedFd<'_>) -> io::Result<attr::ProgInfo> {
    let mut info = attr::ProgInfo::default();
    let address = std::ptr::from_mut(&mut info) as u64;
    let mut attr = attr::Info { object: number(program), size: size_of_val(&info) as u32, info: address };
    // SAFETY: the kernel writes at most `size` bytes to `info`, and what it reads there (room for lists) is zero.
    unsafe { bpf(attr::OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(info)
}

/// # Safety
/// As [`bpf`], for commands that answer with a new descriptor.
unsafe fn bpf_fd<T>(command: i32, attr: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: what the caller promises.
    let fd = unsafe { bpf(command, attr) }?;
    Ok(owned(fd))
}

fn checked(result: libc::c_long) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

/// Only for what a system call has just answered.
fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the kernel gave this descriptor to us, and nobody else has seen it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn number(fd: impl AsFd) -> u32 {
    fd.as_fd().as_raw_fd() as u32
}

fn address<T>(values: &[T]) -> u64 {
    values.as_ptr() as u64
}

fn address_mut<T>(values: &mut [T]) -> u64 {
    values.as_mut_ptr() as u64
}

fn object_name(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(name.bytes().take(15)).for_each(|(to, from)| *to = from);
    out
}

fn invalid() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

fn count(n: usize) -> io::Result<u32> {
    u32::try_from(n).map_err(|_| invalid())
}

impl Syscall for Linux {
    fn possible_cpus(&self) -> u32 {
        self.cpus
    }

    fn map_create(&self, shape: &MapShape, inner: Option<&MapFd>) -> io::Result<MapFd> {
        if shape.kind.is_per_cpu() && self.cpus == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "/sys does not say how many CPUs there may be"));
        }
        let mut attr = MapCreate {
            kind: shape.kind.number(),
            key_size: shape.key_size,
            value_size: shape.value_size,
            entries: shape.entries,
            flags: shape.flags,
            inner: inner.map_or(0, |map| number(&map.fd)),
            name: object_name(&shape.name),
            ..MapCreate::default()
        };
        // SAFETY: holds no address.
        let fd = unsafe { bpf_fd(attr::MAP_CREATE, &mut attr) }?;
        self.made(fd, shape)
    }

    fn map_lookup(&self, map: &MapFd, key: &[u8], value: &mut [u8]) -> io::Result<()> {
        map.takes(key, Some(value))?;
        let mut attr =
            Element { map: number(&map.fd), key: address(key), value: address_mut(value), ..Element::default() };
        // SAFETY: key and value have the sizes of the map's.
        unsafe { bpf(attr::MAP_LOOKUP_ELEM, &mut attr) }.map(drop)
    }

    fn map_update(&self, map: &MapFd, key: &[u8], value: &[u8], flags: u64) -> io::Result<()> {
        map.takes(key, Some(value))?;
        let (key, value) = (address(key), address(value));
        let mut attr = Element { map: number(&map.fd), key, value, flags, ..Element::default() };
        // SAFETY: key and value have the sizes of the map's, and are only read.
        unsafe { bpf(attr::MAP_UPDATE_ELEM, &mut attr) }.map(drop)
    }

    fn map_put_map(&self, map: &MapFd, index: u32, inner: &MapFd) -> io::Result<()> {
        self.map_update(map, &index.to_ne_bytes(), &number(&inner.fd).to_ne_bytes(), 0)
    }

    fn map_delete(&self, map: &MapFd, key: &[u8]) -> io::Result<()> {
        map.takes(key, None)?;
        let mut attr = Element { map: number(&map.fd), key: address(key), ..Element::default() };
        // SAFETY: the key has the size of the map's.
        unsafe { bpf(attr::MAP_DELETE_ELEM, &mut attr) }.map(drop)
    }

    fn map_next_key(&self, map: &MapFd, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<()> {
        map.takes(next, None)?;
        key.map_or(Ok(()), |key| map.takes(key, None))?;
        let (key, value) = (key.map_or(0, address), address_mut(next));
        let mut attr = Element { map: number(&map.fd), key, value, ..Element::default() };
        // SAFETY: both have the size of the map's keys; 0 asks for the first one.
        unsafe { bpf(attr::MAP_GET_NEXT_KEY, &mut attr) }.map(drop)
    }

    fn map_lookup_batch(
        &self,
        map: &MapFd,
        first: bool,
        position: &mut [u8],
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch> {
        let room = (keys.len() / map.key.max(1)).min(values.len() / map.value.max(1));
        if position.len() < map.key.max(4) || map.kind == MapKind::RingBuf {
            return Err(invalid());
        }
        let to = address_mut(position);
        let (keys, values) = (address_mut(keys), address_mut(values));
        let from = if first { 0 } else { to };
        let mut attr = ElementBatch { from, to, keys, values, ..ElementBatch::default() };
        (attr.count, attr.map) = (count(room)?, number(&map.fd));
        // SAFETY: keys and values have room for `count` of the map's, the position for one key or a u32.
        match unsafe { bpf(attr::MAP_LOOKUP_BATCH, &mut attr) } {
            Ok(_) => Ok(Batch { count: attr.count as usize, more: true }),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                Ok(Batch { count: attr.count as usize, more: false })
            }
            Err(error) => Err(error),
        }
    }

    fn map_update_batch(&self, map: &MapFd, keys: &[u8], values: &[u8]) -> io::Result<()> {
        let entries = keys.len() / map.key.max(1);
        if entries * map.key != keys.len() || entries * map.value != values.len() || map.kind == MapKind::ArrayOfMaps {
            return Err(invalid());
        }
        let (keys, values) = (address(keys), address(values));
        let mut attr = ElementBatch { keys, values, ..ElementBatch::default() };
        (attr.count, attr.map) = (count(entries)?, number(&map.fd));
        // SAFETY: keys and values are `count` of the map's, and are only read.
        unsafe { bpf(attr::MAP_UPDATE_BATCH, &mut attr) }.map(drop)
    }

    fn map_freeze(&self, map: &MapFd) -> io::Result<()> {
        let mut attr = Element { map: number(&map.fd), ..Element::default() };
        // SAFETY: holds no address.
        unsafe { bpf(attr::MAP_FREEZE, &mut attr) }.map(drop)
    }

    fn map_ring(&self, map: &MapFd) -> io::Result<RingMemory> {
        if map.kind != MapKind::RingBuf {
            return Err(invalid());
        }
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        RingMemory::map(map.fd.as_fd(), usize::try_from(page).map_err(|_| invalid())?, map.entries as usize)
    }

    fn btf_load(&self, types: &[u8]) -> io::Result<OwnedFd> {
        let mut attr = BtfLoad { types: address(types), size: count(types.len())?, ..BtfLoad::default() };
        // SAFETY: the types are read, as far as their size; there is no log.
        unsafe { bpf_fd(attr::BTF_LOAD, &mut attr) }
    }

    fn prog_load(&self, code: &Code<'_>, mut log: Option<&mut [u8]>) -> io::Result<OwnedFd> {
        let mut tried = 0;
        loop {
            let mut attr = prog_attr(code, log.as_deref_mut())?;
            // SAFETY: instructions, license and BTF are read as far as their sizes, the log is written as far as its.
            let result = unsafe { bpf_fd(attr::PROG_LOAD, &mut attr) };
            tried += 1;
            match &result {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && tried < TRIES => {}
                _ => return result,
            }
        }
    }

    fn prog_run(&self, program: BorrowedFd<'_>, args: &[u64]) -> io::Result<u32> {
        let (context_in_size, context_in) = (count(size_of_val(args))?, address(args));
        let mut attr = TestRun { program: number(program), context_in_size, ..TestRun::default() };
        attr.context_in = if args.is_empty() { 0 } else { context_in };
        // SAFETY: the arguments are read as far as their size.
        unsafe { bpf(attr::PROG_TEST_RUN, &mut attr) }?;
        Ok(attr.result)
    }

    fn prog_misses(&self, program: BorrowedFd<'_>) -> io::Result<u64> {
        info(program).map(|info| info.misses)
    }

    fn prog_run_time(&self, program: BorrowedFd<'_>) -> io::Result<u64> {
        info(program).map(|info| info.run_time)
    }

    fn time_programs(&self) -> io::Result<OwnedFd> {
        // SAFETY: there is no address in it.
        unsafe { bpf_fd(attr::ENABLE_STATS, &mut EnableStats::default()) }
    }

    fn prog_verified(&self, program: BorrowedFd<'_>) -> io::Result<u32> {
        info(program).map(|info| info.verified)
    }

    fn link_uprobes(&self, program: BorrowedFd<'_>, link: &MultiLink<'_>) -> io::Result<OwnedFd> {
        if link.offsets.len() != link.cookies.len() {
            return Err(invalid());
        }
        let mut attr = LinkCreate {
            program: number(program),
            attach_type: attr::ATTACH_UPROBE_MULTI,
            path: link.path.as_ptr() as u64,
            offsets: address(link.offsets),
            cookies: address(link.cookies),
            count: count(link.offsets.len())?,
            multi_flags: if link.returning { attr::UPROBE_MULTI_RETURN } else { 0 },
            pid: link.pid.unwrap_or(0) as u32,
            ..LinkCreate::default()
        };
        // SAFETY: the path ends with its zero, offsets and cookies are `count` numbers, and all are only read.
        unsafe { bpf_fd(attr::LINK_CREATE, &mut attr) }
    }

    fn link_no_event(&self, program: BorrowedFd<'_>) -> io::Error {
        let attach_type = attr::ATTACH_PERF_EVENT;
        let mut attr = LinkCreate { program: number(program), target: u32::MAX, attach_type, ..LinkCreate::default() };
        // SAFETY: holds no address.
        let made = unsafe { bpf_fd(attr::LINK_CREATE, &mut attr) };
        made.err().unwrap_or_else(|| io::Error::other("a link was made of no event"))
    }

    fn event_open(&self, event: Event) -> io::Result<OwnedFd> {
        let size = size_of::<PerfEvent>() as u32;
        let (attr, pid, cpu) = match event {
            Event::Trace { id, pid } => {
                let attr = PerfEvent { kind: attr::PERF_TRACEPOINT, size, config: id, ..PerfEvent::default() };
                // A program on an event of all processes runs on all CPUs, whichever the event was opened on.
                let (pid, cpu) = pid.map_or((-1, 0), |pid| (pid.0 as i32, -1));
                (attr, pid, cpu)
            }
            Event::Clock { hz, cpu } => {
                let flags = attr::PERF_DISABLED | attr::PERF_BY_FREQUENCY;
                let attr = PerfEvent { kind: attr::PERF_SOFTWARE, size, frequency: hz, flags, ..PerfEvent::default() };
                (attr, -1, cpu as i32)
            }
        };
        let (no_group, flags) = (-1, attr::PERF_CLOEXEC);
        // SAFETY: `attr` is valid for the size that it says.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attr, pid, cpu, no_group, flags) };
        checked(fd).map(owned)
    }

    fn event_run(&self, event: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: both requests take numbers.
        unsafe {
            checked(libc::ioctl(event.as_raw_fd(), attr::PERF_SET_BPF as _, program.as_raw_fd()).into())?;
            checked(libc::ioctl(event.as_raw_fd(), attr::PERF_ENABLE as _, 0).into()).map(drop)
        }
    }

    fn raise_memlock(&self) -> io::Result<()> {
        let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        let mut now = all;
        // SAFETY: reads and writes a limit that is ours.
        unsafe {
            if libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) == 0 {
                return Ok(());
            }
            checked(libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut now).into())?;
            now.rlim_cur = now.rlim_max;
            checked(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const now).into()).map(drop)
        }
    }

    fn mount_tracefs(&self) -> io::Result<OwnedFd> {
        const CLOEXEC: libc::c_uint = 1;
        const CREATE: libc::c_uint = 6;
        let nothing = std::ptr::null::<libc::c_void>();
        // SAFETY: the name ends with its zero; the other arguments are numbers or null, as the command takes them.
        unsafe {
            let context = owned(checked(libc::syscall(libc::SYS_fsopen, c"tracefs".as_ptr(), CLOEXEC))?);
            checked(libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, nothing, nothing, 0))?;
            checked(libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOEXEC, 0)).map(owned)
        }
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn append(&self, path: &Path, text: &str) -> io::Result<()> {
        OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
    }

    fn map_privately(&self, file: &File) -> io::Result<Witness> {
        Witness::map(file.as_fd(), usize::try_from(file.metadata()?.len()).map_err(|_| invalid())?)
    }

    fn release(&self) -> String {
        std::fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| "?".to_owned(), |r| r.trim().to_owned())
    }
}

/// What the kernel is told about a program. The addresses in it are valid as long as `code` and `log` are.
fn prog_attr(code: &Code<'_>, log: Option<&mut [u8]>) -> io::Result<ProgLoad> {
    let mut attr = ProgLoad {
        kind: code.kind,
        count: count(code.insns.len() / 8)?,
        insns: address(code.insns),
        license: LICENSE.as_ptr() as u64,
        flags: code.flags,
        name: object_name(code.name),
        attach_type: code.attach_type,
        ..ProgLoad::default()
    };
    if let Some((fd, btf)) = &code.btf {
        (attr.btf, attr.function_size, attr.line_size) = (number(fd), FUNC_INFO_SIZE, LINE_INFO_SIZE);
        (attr.functions, attr.lines) = (address(&btf.func_info), address(&btf.line_info));
        attr.function_count = count(btf.func_info.len())? / FUNC_INFO_SIZE;
        attr.line_count = count(btf.line_info.len())? / LINE_INFO_SIZE;
    }
    if let Some(log) = log {
        (attr.log_level, attr.log_size, attr.log) = (1, count(log.len())?, address_mut(log));
    }
    Ok(attr)
}
