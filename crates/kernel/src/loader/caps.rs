//! Finds out what a kernel can do, by trying: tiny programs are loaded and thrown away, links are asked for that cannot
//! be. Release numbers say nothing, since distributions port features back.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bpf::{
    AluOp, Assembler, AtomicOp, Caps, Entries, Feature, Helper, Insn, Kind, MapFlags, MapKind, MapSpec, Reg, Size,
    Source, Width,
};

use super::load;
use super::sys::{Code, MapShape, MultiLink, Sys};
use engine::{Error, Interface};

/// `bpf_ktime_get_coarse_ns`, which came with maps that are no longer locked memory. Uprobe programs do not get it.
const KTIME_GET_COARSE_NS: Helper = Helper(160);
/// `bpf_for_each_map_elem`, the first helper that calls back.
const FOR_EACH_MAP_ELEM: Helper = Helper(164);
/// `BPF_PROG_TYPE_SOCKET_FILTER`.
const SOCKET_FILTER: u32 = 1;
/// `BPF_F_SLEEPABLE`.
const SLEEPABLE: u32 = 1 << 4;
/// A log for two instructions.
const LOG: usize = 4096;

/// What the kernel has beyond Linux 5.10.
///
/// # Errors
/// When it has not even that, or does not let us try.
pub(super) fn probe(sys: &Sys) -> Result<Caps, Error> {
    let probe = Probe { sys };
    probe.permitted()?;
    let missing = probe.missing()?;
    if !missing.is_empty() {
        return Err(Error::TooOld { missing, release: sys.release() });
    }
    Ok(Feature::all().filter(|&feature| probe.has(feature)).collect())
}

struct Probe<'s> {
    sys: &'s Sys,
}

impl Probe<'_> {
    /// Everything below takes refusals for answers, so whether we may ask at all is settled first.
    fn permitted(&self) -> Result<(), Error> {
        let tried = [self.trivial(Kind::RawTracepoint), self.trivial(Kind::Uprobe)];
        tried.into_iter().try_for_each(|tried| match tried {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Error::NotPermitted {
                doing: "loading an eBPF program".to_owned(),
                interface: Interface::Programs,
                error,
            }),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Err(Error::Refused {
                doing: "loading an eBPF program".to_owned(),
                interface: Interface::Programs,
                error,
            }),
            _ => Ok(()),
        })
    }

    /// What Linux 5.10 has and this kernel lacks.
    fn missing(&self) -> Result<Vec<&'static str>, Error> {
        let floor = [
            ("ring buffers", self.rings()?),
            ("bpf_probe_read_user", self.helper(Helper::PROBE_READ_USER)),
            ("bpf_ktime_get_boot_ns", self.helper(Helper::KTIME_GET_BOOT_NS)),
            ("bpf_get_ns_current_pid_tgid", self.helper(Helper::GET_NS_CURRENT_PID_TGID)),
            ("test runs of raw tracepoint programs", self.runs()),
        ];
        Ok(floor.into_iter().filter_map(|(name, there)| (!there).then_some(name)).collect())
    }

    /// There may be rings and no memory for them: before Linux 5.11 it is locked memory.
    fn rings(&self) -> Result<bool, Error> {
        match self.map(&MapSpec::ringbuf("probe", Entries::Fixed(1 << 16))) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
            Err(error) => Err(Error::of(Interface::Maps, "making a ring buffer", error)),
        }
    }

    fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::Atomics => self.loads(Kind::Uprobe, 0, exchange),
            Feature::MemcgAccounting => self.helper_of(SOCKET_FILTER, KTIME_GET_COARSE_NS),
            Feature::Callbacks => self.helper(FOR_EACH_MAP_ELEM),
            Feature::Cookies => self.helper(Helper::GET_ATTACH_COOKIE),
            Feature::PerfLink => self.perf_links(),
            Feature::AncestorCgroup => self.helper(Helper::GET_CURRENT_ANCESTOR_CGROUP_ID),
            Feature::Loop => self.helper(Helper::LOOP),
            Feature::Strncmp => self.helper(Helper::STRNCMP),
            Feature::SleepableUprobes => self.loads(Kind::Uprobe, SLEEPABLE, nothing),
            Feature::NoPreallocInTracing => self.sleeps_with_late_hash(),
            Feature::UprobeMulti => self.multi(None) == Some(libc::EBADF),
            // The kernels whose filter is by process look at its number first.
            Feature::UprobeMultiPidFilter => {
                self.multi(None) == Some(libc::EBADF) && self.multi(Some(-1)) == Some(libc::EINVAL)
            }
            Feature::CpuV4 => self.loads(Kind::Uprobe, 0, signed_move),
            Feature::RegisterWrite => self.loads(Kind::Uprobe, 0, register_write),
        }
    }

    fn map(&self, spec: &MapSpec) -> io::Result<super::sys::MapFd> {
        let (kind, flags, Entries::Fixed(entries) | Entries::PerCpu(entries)) = (spec.kind, spec.flags.0, spec.entries);
        let (key_size, value_size) = (spec.key_size, spec.value_size);
        let shape = MapShape { name: spec.kernel_name(), kind, key_size, value_size, entries, flags };
        self.sys.map_create(&shape, None)
    }

    fn load(&self, kind: Kind, flags: u32, insns: &[u8]) -> io::Result<OwnedFd> {
        let (number, attach_type) = (kind.number(), kind.attach_type());
        self.sys.prog_load(&Code { name: "probe", kind: number, attach_type, flags, insns, btf: None }, None)
    }

    fn trivial(&self, kind: Kind) -> io::Result<OwnedFd> {
        self.load(kind, 0, &code(kind, nothing))
    }

    fn loads(&self, kind: Kind, flags: u32, body: fn(&mut Assembler)) -> bool {
        self.load(kind, flags, &code(kind, body)).is_ok()
    }

    /// Whether uprobe programs may call a helper.
    fn helper(&self, helper: Helper) -> bool {
        self.helper_of(Kind::Uprobe.number(), helper)
    }

    /// It is called without arguments: a verifier that knows it complains about those.
    fn helper_of(&self, kind: u32, helper: Helper) -> bool {
        let insns = code(Kind::Uprobe, |asm| {
            asm.helper(helper);
        });
        let code = Code { name: "probe", kind, attach_type: 0, flags: 0, insns: &insns, btf: None };
        let mut log = [0; LOG];
        if self.sys.prog_load(&code, Some(&mut log)).is_ok() {
            return true;
        }
        let log = load::text(&log);
        let unknown = ["invalid func ", "unknown func ", "program of this type cannot use helper "];
        !log.is_empty() && !unknown.iter().any(|said| log.contains(said))
    }

    fn runs(&self) -> bool {
        let program = self.trivial(Kind::RawTracepoint);
        program.is_ok_and(|program| self.sys.prog_run(program.as_fd(), &[0]).is_ok())
    }

    /// A kernel without such links does not look at the event.
    fn perf_links(&self) -> bool {
        let program = self.trivial(Kind::Tracepoint);
        program.is_ok_and(|program| self.sys.link_no_event(program.as_fd()).raw_os_error() == Some(libc::EBADF))
    }

    fn sleeps_with_late_hash(&self) -> bool {
        let spec = MapSpec::hash("probe", MapKind::Hash, 8, 8, 1).flags(MapFlags::NO_PREALLOC);
        let (Ok(map), mut maps) = (self.map(&spec), bpf::Maps::new()) else { return false };
        let Ok(id) = maps.add(spec) else { return false };
        let mut asm = Assembler::new("probe", Kind::Uprobe, Source::default());
        asm.store(Size::U64, Reg::R10, -8, 0).frame(Reg::R2, -8).map(Reg::R1, id).helper(Helper::MAP_LOOKUP_ELEM);
        asm.mov(Reg::R0, 0).exit();
        let insns = asm.finish(&maps).map(|program| program.linked(|_| map.as_raw_fd() as u32));
        insns.is_ok_and(|insns| self.load(Kind::Uprobe, SLEEPABLE, &insns).is_ok())
    }

    /// The error of a link on a file that cannot have one: a directory.
    fn multi(&self, pid: Option<i32>) -> Option<i32> {
        let program = self.trivial(Kind::UprobeMulti).ok()?;
        let link = MultiLink { path: c"/", offsets: &[0], cookies: &[0], pid, returning: false };
        self.sys.link_uprobes(program.as_fd(), &link).err()?.raw_os_error()
    }
}

fn code(kind: Kind, body: impl FnOnce(&mut Assembler)) -> Vec<u8> {
    let mut asm = Assembler::new("probe", kind, Source::default());
    body(&mut asm);
    asm.mov(Reg::R0, 0).exit();
    let program = asm.finish(&bpf::Maps::new()).expect("the bodies in this module jump nowhere and end");
    program.linked(|_| 0)
}

fn nothing(_: &mut Assembler) {}

fn exchange(asm: &mut Assembler) {
    asm.store(Size::U64, Reg::R10, -8, 0).mov(Reg::R2, 1);
    asm.atomic(AtomicOp::Exchange, Width::W64, Reg::R10, -8, Reg::R2);
}

fn signed_move(asm: &mut Assembler) {
    asm.mov(Reg::R2, 1);
    asm.push(Insn::SignExtend { width: Width::W64, from: Size::U8, dst: Reg::R2, src: Reg::R2 });
    asm.alu(AluOp::And, Reg::R2, 1);
}

/// Any register will do: kernels allow all of them or none.
fn register_write(asm: &mut Assembler) {
    asm.mov(Reg::R2, 0).store(Size::U64, Reg::R1, 0, Reg::R2);
}
