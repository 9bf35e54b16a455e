//! The kernel functions that there are in the machine, by number.
//!
//! They return what the kernel's return, errors included. Arguments that the verifier would have checked (a buffer that
//! is the program's, a map of the right kind) are faults when wrong.

use super::fault::Reason;
use super::machine::Machine;
use super::maps::Errno;
use crate::helper::Helper;

/// A kernel function: its five arguments to its result.
pub type HelperFn = fn(&mut Machine<'_>, [u64; 5]) -> Result<u64, Reason>;

/// More than that have no number in gospect's table.
const MOST: usize = 256;

/// A table of kernel functions.
#[derive(Clone)]
pub struct Helpers {
    table: [Option<HelperFn>; MOST],
}

impl Default for Helpers {
    /// All that [`Helper`] names.
    fn default() -> Helpers {
        let mut helpers = Helpers { table: [None; MOST] };
        for &(helper, function) in BUILT_IN {
            helpers.set(helper, function);
        }
        helpers
    }
}

impl Helpers {
    /// Puts a function in, or another one in its place. Numbers from 256 on are not kept.
    pub fn set(&mut self, helper: Helper, function: HelperFn) {
        if let Some(entry) = self.table.get_mut(helper.0 as usize) {
            *entry = Some(function);
        }
    }

    /// Takes a function out, as on a kernel that lacks it.
    pub fn remove(&mut self, helper: Helper) {
        if let Some(entry) = self.table.get_mut(helper.0 as usize) {
            *entry = None;
        }
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<HelperFn> {
        self.table.get(number as usize).copied().flatten()
    }
}

/// `bpf_loop` is not here: it runs a function of the program.
const BUILT_IN: &[(Helper, HelperFn)] = &[
    (Helper::MAP_LOOKUP_ELEM, map_lookup),
    (Helper::MAP_UPDATE_ELEM, map_update),
    (Helper::MAP_DELETE_ELEM, map_delete),
    (Helper::KTIME_GET_NS, |m, _| Ok(m.task.ktime_ns)),
    (Helper::GET_PRANDOM_U32, |m, _| Ok(u64::from(next_random(&mut m.task.random)))),
    (Helper::GET_SMP_PROCESSOR_ID, |m, _| Ok(cpu(m) as u64)),
    (Helper::GET_CURRENT_PID_TGID, |m, _| Ok(pair(m.task.tgid, m.task.pid))),
    (Helper::GET_CURRENT_TASK, |m, _| Ok(m.task.address)),
    (Helper::GET_CURRENT_ANCESTOR_CGROUP_ID, |m, [level, ..]| {
        Ok(usize::try_from(level).ok().and_then(|level| m.task.cgroups.get(level)).copied().unwrap_or(0))
    }),
    (Helper::GET_CURRENT_UID_GID, |m, _| Ok(pair(m.task.gid, m.task.uid))),
    (Helper::GET_CURRENT_COMM, current_comm),
    (Helper::GET_STACK, stack),
    (Helper::GET_CURRENT_CGROUP_ID, |m, _| Ok(m.task.cgroup)),
    (Helper::PROBE_READ_USER, |m, [to, len, from, ..]| read_user(m, to, len, from, false)),
    (Helper::PROBE_READ_KERNEL, read_kernel),
    (Helper::PROBE_READ_USER_STR, read_user_text),
    (Helper::PROBE_READ_KERNEL_STR, read_kernel_text),
    (Helper::GET_NS_CURRENT_PID_TGID, namespace_ids),
    (Helper::KTIME_GET_BOOT_NS, |m, _| Ok(m.task.boot_ns)),
    (Helper::RINGBUF_OUTPUT, ring_output),
    (Helper::RINGBUF_RESERVE, ring_reserve),
    (Helper::RINGBUF_SUBMIT, |m, [record, ..]| m.memory.store().finish(record, true).map(|()| 0)),
    (Helper::RINGBUF_DISCARD, |m, [record, ..]| m.memory.store().finish(record, false).map(|()| 0)),
    (Helper::RINGBUF_QUERY, ring_query),
    (Helper::COPY_FROM_USER, |m, [to, len, from, ..]| read_user(m, to, len, from, true)),
    (Helper::GET_FUNC_IP, |m, _| Ok(m.task.ip)),
    (Helper::GET_ATTACH_COOKIE, |m, _| Ok(m.task.cookie)),
    (Helper::STRNCMP, compare_text),
];

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn cpu(machine: &mut Machine<'_>) -> usize {
    let cpus = machine.memory.store().cpus();
    (machine.task.cpu % cpus) as usize
}

/// The next number of the generator (xorshift64*).
fn next_random(state: &mut u64) -> u32 {
    let mut x = *state | 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
}

/// 0, or the error.
fn status(result: Result<(), Errno>) -> u64 {
    result.err().map_or(0, Errno::returned)
}

/// Sizes are 32 bits wide; what is larger than any memory here is caught as out of bounds.
fn size(argument: u64) -> usize {
    argument as u32 as usize
}

/// A copy of an argument of at most 512 bytes, that it may lie in the memory which is about to be changed.
struct Copied {
    bytes: [u8; 512],
    len: usize,
}

impl Copied {
    fn of(machine: &Machine<'_>, addr: u64, len: usize) -> Result<Copied, Reason> {
        let mut copied = Copied { bytes: [0; 512], len };
        let room = copied.bytes.get_mut(..len).ok_or(Reason::OutOfBounds { addr, len })?;
        room.copy_from_slice(machine.memory.bytes(addr, len)?);
        Ok(copied)
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn map_lookup(m: &mut Machine<'_>, [map, key, ..]: [u64; 5]) -> Result<u64, Reason> {
    let (map, cpu) = (m.map(map)?, cpu(m));
    m.memory.look_up(map, key, cpu)
}

fn map_update(m: &mut Machine<'_>, [map, key, value, flags, _]: [u64; 5]) -> Result<u64, Reason> {
    let map = m.map(map)?;
    let (key_size, value_size) = m.memory.store().sizes(map);
    if value_size == 0 {
        return Err(m.memory.store().wrong(map));
    }
    let (key, cpu) = (Copied::of(m, key, key_size)?, cpu(m));
    let value = m.memory.bytes(value, value_size)?.to_vec();
    Ok(status(m.memory.store().update(map, key.get(), &value, flags, cpu)))
}

fn map_delete(m: &mut Machine<'_>, [map, key, ..]: [u64; 5]) -> Result<u64, Reason> {
    let map = m.map(map)?;
    let (key_size, _) = m.memory.store().sizes(map);
    let key = Copied::of(m, key, key_size)?;
    Ok(status(m.memory.store().delete(map, key.get())))
}

fn current_comm(m: &mut Machine<'_>, [to, len, ..]: [u64; 5]) -> Result<u64, Reason> {
    let len = size(len);
    let buffer = m.memory.bytes_mut(to, len)?;
    buffer.fill(0);
    // A thread's name has at most 15 bytes and ends with a zero.
    for (to, from) in buffer.iter_mut().take(len.saturating_sub(1)).zip(m.task.comm.bytes().take(15)) {
        *to = from;
    }
    Ok(0)
}

fn stack(m: &mut Machine<'_>, [_, to, len, flags, _]: [u64; 5]) -> Result<u64, Reason> {
    const USER: u64 = 1 << 8;
    const SKIP: u64 = 0xff;
    let buffer = m.memory.bytes_mut(to, size(len))?;
    if flags & !(USER | SKIP) != 0 || !buffer.len().is_multiple_of(8) {
        buffer.fill(0);
        return Ok(Errno::Invalid.returned());
    }
    let found: Vec<u64> = m.task.stack.iter().copied().skip((flags & SKIP) as usize).take(buffer.len() / 8).collect();
    if flags & USER == 0 || found.is_empty() {
        buffer.fill(0);
        return Ok(Errno::Fault.returned());
    }
    for (to, from) in buffer.chunks_exact_mut(8).zip(&found) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    Ok(found.len() as u64 * 8)
}

fn read_user(m: &mut Machine<'_>, to: u64, len: u64, from: u64, wait: bool) -> Result<u64, Reason> {
    let read = m.copy_in(to, size(len), from, wait)?;
    Ok(if read { 0 } else { Errno::Fault.returned() })
}

/// The only kernel memory here is what the program can reach anyway.
fn read_kernel(m: &mut Machine<'_>, [to, len, from, ..]: [u64; 5]) -> Result<u64, Reason> {
    let len = size(len);
    m.memory.bytes_mut(to, len)?;
    let found = m.memory.bytes(from, len).map(<[u8]>::to_vec).ok();
    let buffer = m.memory.bytes_mut(to, len)?;
    match &found {
        Some(found) => buffer.copy_from_slice(found),
        None => buffer.fill(0),
    }
    Ok(if found.is_some() { 0 } else { Errno::Fault.returned() })
}

/// Pages are the units in which memory is there or not.
const PAGE: u64 = 4096;

fn read_user_text(m: &mut Machine<'_>, [to, len, from, ..]: [u64; 5]) -> Result<u64, Reason> {
    let buffer = m.memory.bytes_mut(to, size(len))?;
    let user = &mut *m.user;
    Ok(read_text(buffer, from, |addr, piece| user.read(addr, piece).is_ok()))
}

fn read_kernel_text(m: &mut Machine<'_>, [to, len, from, ..]: [u64; 5]) -> Result<u64, Reason> {
    let mut text = vec![0; m.memory.bytes_mut(to, size(len))?.len()];
    let memory = &m.memory;
    let read = |addr, piece: &mut [u8]| memory.bytes(addr, piece.len()).map(|from| piece.copy_from_slice(from)).is_ok();
    let result = read_text(&mut text, from, read);
    m.memory.bytes_mut(to, text.len())?.copy_from_slice(&text);
    Ok(result)
}

/// Reads up to a zero or the end of the buffer, which then ends with a zero. The answer is the length with the zero.
fn read_text(buffer: &mut [u8], from: u64, mut read: impl FnMut(u64, &mut [u8]) -> bool) -> u64 {
    let mut done = 0;
    while done < buffer.len() {
        let addr = from.wrapping_add(done as u64);
        let page = (PAGE - addr % PAGE) as usize;
        let rest = &mut buffer[done..];
        let len = rest.len().min(page);
        // What lies behind the end of the text need not be there: then byte by byte.
        let len = if read(addr, &mut rest[..len]) { len } else { 1 };
        if len == 1 && !read(addr, &mut rest[..1]) {
            buffer.fill(0);
            return Errno::Fault.returned();
        }
        if let Some(end) = rest[..len].iter().position(|&b| b == 0) {
            return (done + end + 1) as u64;
        }
        done += len;
    }
    if let Some(last) = buffer.last_mut() {
        *last = 0;
    }
    buffer.len() as u64
}

fn namespace_ids(m: &mut Machine<'_>, [device, inode, to, len, _]: [u64; 5]) -> Result<u64, Reason> {
    let namespace = m.task.namespace;
    let buffer = m.memory.bytes_mut(to, size(len))?;
    if buffer.len() != 8 || (device, inode) != (namespace.device, namespace.inode) {
        buffer.fill(0);
        return Ok(Errno::Invalid.returned());
    }
    buffer[..4].copy_from_slice(&namespace.pid.to_le_bytes());
    buffer[4..].copy_from_slice(&namespace.tgid.to_le_bytes());
    Ok(0)
}

/// `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP`.
const WAKEUP_FLAGS: u64 = 3;

fn ring_output(m: &mut Machine<'_>, [ring, data, len, flags, _]: [u64; 5]) -> Result<u64, Reason> {
    let ring = m.map(ring)?;
    let bytes = m.memory.bytes(data, size(len))?.to_vec();
    if flags & !WAKEUP_FLAGS != 0 {
        return Ok(Errno::Invalid.returned());
    }
    let put = m.memory.store().output(ring, bytes)?;
    Ok(if put { 0 } else { Errno::Again.returned() })
}

fn ring_reserve(m: &mut Machine<'_>, [ring, len, flags, ..]: [u64; 5]) -> Result<u64, Reason> {
    let ring = m.map(ring)?;
    match (flags, usize::try_from(len)) {
        (0, Ok(len)) => m.memory.store().reserve(ring, len),
        _ => Ok(0),
    }
}

fn ring_query(m: &mut Machine<'_>, [ring, what, ..]: [u64; 5]) -> Result<u64, Reason> {
    let ring = m.map(ring)?;
    m.memory.store().query(ring, what)
}

fn compare_text(m: &mut Machine<'_>, [text, len, constant, ..]: [u64; 5]) -> Result<u64, Reason> {
    let text = m.memory.bytes(text, size(len))?;
    for (n, &a) in text.iter().enumerate() {
        let b = m.memory.bytes(constant.wrapping_add(n as u64), 1)?[0];
        if a != b {
            return Ok(if a < b { -1_i64 as u64 } else { 1 });
        }
        if a == 0 {
            break;
        }
    }
    Ok(0)
}
