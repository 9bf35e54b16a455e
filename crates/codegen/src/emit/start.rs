//! What runs where an executable begins, before the first instruction of its program: makes its process known.
//!
//! So a process counts from its first hit on, wherever it was loaded, and is another one than all before it, also one
//! that had its PID or that executed this program in its place: the kernel comes by here once for each.
//!
//! The number is made of the PID and of a count of starts, so two processes that live at one time never share one, and
//! kernels need no atomic that tells what it found. Processes that began before us have the PID alone.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Assembler, Entries, Feature, Helper, Label, MapError, MapId, MapSpec, Maps, Reg};
use gobin::Arch;

use super::body::{CONTEXT, R0, R1, R2, R3, R4};
use super::entry::{Entry, HIT};
use super::{Refused, Shared, hit};
use plan::machine::Register;
use plan::target::Start;
use plan::{BinaryNo, Plan};
use program::{StartProgram, control, process, starts};

/// What processes are known by is put together here, in the frame of the entry.
const KEY: i32 = HIT - 24;
const VALUE: i32 = KEY - process::SIZE as i32;
/// How far behind the file's addresses the executable is.
const BIAS: Reg = Reg::R8;
/// Control groups are looked for so far below the root.
const DEEPEST: i32 = 16;
/// `-ENOENT`
const NOT_THERE: i32 = -2;
/// The process's number.
const NUMBER: Reg = Reg::R9;

/// One for each Go program. Others pair no calls, and are where their probes are hit.
fn wanted(plan: &Plan) -> impl Iterator<Item = (BinaryNo, Start)> {
    let go = (0..).zip(&plan.binaries).filter(|(_, binary)| binary.go);
    go.filter_map(|(n, binary)| Some((BinaryNo(n), binary.start?)))
}

/// How often executables began, if there is a program that would know.
pub(super) fn table(plan: &Plan, maps: &mut Maps) -> Result<Option<MapId>, MapError> {
    let counts = MapSpec::array("starts", starts::SIZE, Entries::Fixed(1));
    wanted(plan).next().map(|_| maps.add(counts)).transpose()
}

/// The programs.
pub(super) fn programs(shared: &mut Shared<'_>) -> Result<Vec<StartProgram>, Refused> {
    let Some(counts) = shared.tables.starts else { return Ok(Vec::new()) };
    let wanted: Vec<_> = wanted(shared.plan).collect();
    wanted.into_iter().map(|(binary, start)| program(shared, binary, start, counts)).collect()
}

fn program(shared: &mut Shared<'_>, binary: BinaryNo, start: Start, counts: MapId) -> Result<StartProgram, Refused> {
    let kind = shared.kind();
    let (arch, all) = (shared.plan.arch, shared.plan.binaries.len() as u32);
    let (processes, control) = (shared.tables.processes, shared.tables.control);
    let by_group = shared.caps.has(Feature::AncestorCgroup);
    let mut entry = Entry::new(shared, &format!("start_{}", binary.0), kind, Some(binary));
    entry.asm.mov(CONTEXT, Reg::R1);
    entry.ids();
    let out = entry.out;
    let asm = &mut entry.asm;
    is_admitted(asm, control, by_group, out);
    bias(asm, arch, start);
    number(asm, counts);
    // Whatever else it maps is the same process's.
    for other in (0..all).map(BinaryNo) {
        let of_this = other == binary;
        asm.store(Size::U32, Reg::R10, KEY + process::BINARY as i32, other.0 as i32);
        asm.store(Size::U64, Reg::R10, VALUE + process::NUMBER as i32, NUMBER);
        match of_this {
            true => asm.store(Size::U64, Reg::R10, VALUE + process::BIAS as i32, BIAS),
            false => asm.store(Size::U64, Reg::R10, VALUE + process::BIAS as i32, 0),
        };
        put(asm, [processes, control, counts], of_this);
    }
    Ok(StartProgram { binary, program: entry.finish()?, site: start.file })
}

/// Out if the process is none of the user's or the control group's that the control map names. Kernels that do not tell
/// the groups above (before Linux 5.15) are not asked; there nobody may name one.
fn is_admitted(asm: &mut Assembler, control: MapId, by_group: bool, out: Label) {
    let any_user = asm.label("of_the_user");
    asm.comment("admitted?").map_value(R1, control, control::USER).load(Size::U64, BIAS, R1, 0);
    asm.jump_if(Cond::Eq, BIAS, 0, any_user).helper(Helper::GET_CURRENT_UID_GID);
    asm.alu32(AluOp::Add, R0, 1).jump_if(Cond::Ne, R0, BIAS, out).place(any_user);
    if !by_group {
        return;
    }
    let is_in = asm.label("in_the_cgroup");
    asm.map_value(R1, control, control::CGROUP).load(Size::U64, BIAS, R1, 0).jump_if(Cond::Eq, BIAS, 0, is_in);
    for level in 0..DEEPEST {
        asm.mov(R1, level).helper(Helper::GET_CURRENT_ANCESTOR_CGROUP_ID).jump_if(Cond::Eq, R0, BIAS, is_in);
    }
    asm.jump(out).place(is_in);
}

fn bias(asm: &mut Assembler, arch: Arch, start: Start) {
    let ip = Register::named(arch, if arch == Arch::Amd64 { "ip" } else { "pc" });
    asm.comment("bias").load(Size::U64, BIAS, CONTEXT, ip.map_or(0, |ip| i32::from(ip.offset)));
    asm.number(R1, start.at.0).alu(AluOp::Sub, BIAS, R1);
}

/// The PID, and above it a number from 1 on that its next owner will not have.
fn number(asm: &mut Assembler, counts: MapId) {
    asm.comment("number").load(Size::U32, NUMBER, Reg::R10, HIT + hit::PID_TGID + 4);
    asm.store(Size::U32, Reg::R10, KEY + process::TGID as i32, NUMBER);
    asm.map_value(R2, counts, starts::COUNT).mov(R1, 1);
    asm.atomic(AtomicOp::Add, Width::W64, R2, 0, R1).load(Size::U64, R1, R2, 0);
    asm.alu(AluOp::Mod, R1, process::STARTS as i32).add(R1, 1).alu(AluOp::Lsh, R1, process::PID_BITS as i32);
    asm.alu(AluOp::Or, NUMBER, R1);
}

/// A process without room is counted once; one that is not to come in is none.
fn put(asm: &mut Assembler, [processes, control, counts]: [MapId; 3], counted: bool) {
    let known = asm.label("known");
    asm.map_value(R4, control, control::STARTS).load(Size::U64, R4, R4, 0);
    asm.map(R1, processes).frame(R2, KEY).frame(R3, VALUE).helper(Helper::MAP_UPDATE_ELEM);
    if !counted {
        asm.place(known);
        return;
    }
    asm.jump_if(Cond::Eq, R0, 0, known).jump_if(Cond::Eq, R0, NOT_THERE, known);
    asm.map_value(R2, counts, starts::UNKNOWN).mov(R1, 1);
    asm.atomic(AtomicOp::Add, Width::W64, R2, 0, R1).place(known);
}
