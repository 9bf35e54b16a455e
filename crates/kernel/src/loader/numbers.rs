//! By which numbers programs in the kernel know processes, so that they are those that our `/proc` has.
//!
//! In the first pid namespace they are the kernel's own. In another one a helper gives them, but only for processes that
//! live in that very namespace, not in one below it; for those the kernel's structures are followed: each process has its
//! number in every namespace from the first one down to its own (`struct pid` of `linux/pid.h`).

use std::fs;
use std::os::unix::fs::MetadataExt;

use bpf::btf::Kernel;
use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, Entries, Helper, Kind, MapSpec, Maps, Reg, Source};

use super::Loader;
use crate::proc::Process;
use ::engine::Pid;
use engine::{Error, Table};

/// The inode of the first pid namespace (`PROC_PID_INIT_INO` of `linux/proc_ns.h`).
const FIRST: u64 = 0xEFFF_FFFC;

/// How a program learns the numbers of the process that it runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// The kernel's own numbers are those of our `/proc`.
    pub plain: bool,
    /// The kernel takes our `/proc`'s numbers for processes from us: it is that of our own namespace.
    pub own: bool,
    /// Device and inode of the namespace whose processes a helper tells; nothing for the kernel's own numbers.
    pub namespace: Option<(u64, u64)>,
    /// Where the structures lead that tell of all others.
    pub walk: Option<Walk>,
}

/// The way from a thread to its numbers in one namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// `task_struct.group_leader`
    pub leader: u32,
    /// `task_struct.thread_pid`
    pub pid: u32,
    /// The entry for our namespace in `pid.numbers`: `u32` number, and at 8 the address of the namespace.
    pub number: u32,
    /// That address.
    pub namespace: u64,
}

impl Numbers {
    /// What has to be known here.
    #[must_use]
    pub fn find(engine: &Loader) -> Numbers {
        let plain = Numbers { plain: true, own: true, namespace: None, walk: None };
        let Some((above, own)) = place() else { return plain };
        let (namespace, own) = (Some(own).filter(|_| above == 0), above == 0);
        match walk(engine, above) {
            // We look at the namespace of the kernel's own numbers from below.
            Some(None) => Numbers { own, ..plain },
            Some(walk) => Numbers { plain: false, own, namespace, walk },
            None => Numbers { plain: false, own, namespace, walk: None },
        }
    }

    /// Whether hits of a process can be told from those of others.
    #[must_use]
    pub fn reach(&self, pid: Pid) -> bool {
        let numbers = || Process::open(pid).ok()?.status().ok();
        // One number is the one in the namespace that it lives in.
        let is_below = || numbers().is_some_and(|status| status.ns_pids.len() > 1);
        self.plain || self.walk.is_some() || (self.namespace.is_some() && !is_below())
    }
}

/// How far the namespace of our `/proc` is above our own, and device and inode of our own; nothing in the first one.
fn place() -> Option<(u32, (u64, u64))> {
    let own = fs::metadata("/proc/self/ns/pid").ok().filter(|own| own.ino() != FIRST)?;
    let status = Process::open(Pid(own_number()?)).ok()?.status().ok()?;
    let above = status.ns_pids.len().checked_sub(1).and_then(|above| u32::try_from(above).ok()).unwrap_or(0);
    Some((above, (own.dev(), own.ino())))
}

/// The number that our `/proc` has for us.
fn own_number() -> Option<u32> {
    fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

/// The way to numbers in the namespace so far above ours; inside nothing if that is the first one, and nothing at all if the
/// kernel does not tell.
fn walk(engine: &Loader, above: u32) -> Option<Option<Walk>> {
    let bytes = fs::read("/sys/kernel/btf/vmlinux").ok()?;
    let kernel = Kernel::parse(&bytes)?;
    let [leader, pid] = ["group_leader", "thread_pid"].map(|member| kernel.offset("task_struct", member));
    let (level, numbers, size) =
        (kernel.offset("pid", "level")?, kernel.offset("pid", "numbers")?, kernel.size("upid")?);
    if (kernel.offset("upid", "nr"), kernel.offset("upid", "ns")) != (Some(0), Some(8)) {
        return None;
    }
    let own = Own { pid: pid?, level, numbers, size, above };
    let [level, number, namespace] = own.read(engine).ok()??;
    if level == 0 {
        return Some(None);
    }
    // What was found has to be what we know, or it is something else.
    let number_at = numbers.checked_add(u32::try_from(level).ok()?.checked_mul(size)?)?;
    let is_right = own_number() == u32::try_from(number).ok() && namespace != 0;
    is_right.then_some(Some(Walk { leader: leader?, pid: pid?, number: number_at, namespace }))
}

/// What it takes to look at ourselves.
struct Own {
    pid: u32,
    level: u32,
    numbers: u32,
    size: u32,
    above: u32,
}

impl Own {
    /// The level of the namespace so far above ours, our number there, and its address.
    fn read(&self, engine: &Loader) -> Result<Option<[u64; 3]>, Error> {
        let mut maps = Maps::new();
        let wrong = |error: String| Error::wrong("looking at our own pid namespace", error);
        let found = maps.add(MapSpec::array("own_number", 24, Entries::Fixed(1))).map_err(|e| wrong(e.to_string()))?;
        let program = self.program(found).finish(&maps).map_err(|e| wrong(e.to_string()))?;
        let maps = engine.maps(&maps)?;
        let program = engine.load(&program, &maps)?;
        engine.run(&program, &[])?;
        let Some(map) = maps.get(found) else { return Ok(None) };
        let value = map.get(&0u32.to_ne_bytes())?.unwrap_or_default();
        let word = |n: usize| value.get(8 * n..).and_then(|rest| rest.first_chunk()).map(|b| u64::from_le_bytes(*b));
        let [level, number, namespace] = [0, 1, 2].map(word);
        Ok(level
            .zip(number)
            .zip(namespace)
            .map(|((level, number), namespace)| [level, number & 0xffff_ffff, namespace]))
    }

    fn program(&self, found: bpf::MapId) -> Assembler {
        use Reg::{R0, R1, R2, R3, R6, R7, R10};
        let mut asm = Assembler::new("own_number", Kind::RawTracepoint, Source::default());
        let out = asm.label("out");
        let read = |asm: &mut Assembler, bytes: i32, from: Reg, offset: u32| {
            asm.mov(R3, from).add(R3, offset as i32).frame(R1, -16).mov(R2, bytes);
            asm.helper(Helper::PROBE_READ_KERNEL).jump_if(Cond::Ne, R0, 0, out);
        };
        asm.helper(Helper::GET_CURRENT_TASK).mov(R6, R0);
        read(&mut asm, 8, R6, self.pid);
        asm.load(Size::U64, R6, R10, -16);
        read(&mut asm, 4, R6, self.level);
        asm.load(Size::U32, R7, R10, -16).alu(AluOp::Sub, R7, self.above as i32);
        asm.map_value(R1, found, 0).store(Size::U64, R1, 0, R7);
        asm.alu(AluOp::Mul, R7, self.size as i32).alu(AluOp::Add, R6, R7);
        read(&mut asm, 16, R6, self.numbers);
        asm.map_value(R1, found, 0).load(Size::U64, R2, R10, -16).store(Size::U64, R1, 8, R2);
        asm.load(Size::U64, R2, R10, -8).store(Size::U64, R1, 16, R2);
        asm.place(out).mov(R0, 0).exit();
        asm
    }
}
