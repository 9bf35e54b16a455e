//! Small programs, assembled by hand.

use bpf::{
    AluOp, Assembler, AtomicOp, Cond, Entries, Helper, Kind, MapId, MapKind, MapSpec, Maps, Reg, Size, Source, Width,
};
use kernel::loader::Way;

/// How many rows [`counting`] counts in; further cookies are not counted.
pub const ROWS: u32 = 32_768;

/// A program, the maps that it uses, and the ones of them that tests look at.
pub struct Counting {
    pub program: bpf::Program,
    pub maps: Maps,
    /// `u64` by cookie, each CPU its own.
    pub counts: MapId,
    /// Address to cookie, for [`Way::Tracefs`].
    pub cookies: MapId,
}

/// The offset of the instruction pointer in `struct pt_regs`.
const IP: i32 = if cfg!(target_arch = "x86_64") { 128 } else { 256 };

/// Counts hits by cookie.
pub fn counting(way: Way) -> Counting {
    let mut maps = Maps::new();
    let counts = maps.add(MapSpec::per_cpu_array("counts", 8, ROWS)).unwrap();
    let cookies = maps.add(MapSpec::hash("cookies", MapKind::Hash, 8, 8, 65_536)).unwrap();
    let mut asm = Assembler::new("counting", way.kind(), Source::default());
    let out = asm.label("out");
    match way {
        Way::Multi => asm.helper(Helper::GET_ATTACH_COOKIE),
        Way::Tracefs => {
            asm.load(Size::U64, Reg::R2, Reg::R1, IP).store(Size::U64, Reg::R10, -8, Reg::R2);
            asm.map(Reg::R1, cookies).frame(Reg::R2, -8).helper(Helper::MAP_LOOKUP_ELEM);
            asm.jump_if(Cond::Eq, Reg::R0, 0, out).load(Size::U64, Reg::R0, Reg::R0, 0)
        }
    };
    asm.store(Size::U32, Reg::R10, -16, Reg::R0);
    asm.map(Reg::R1, counts).frame(Reg::R2, -16).helper(Helper::MAP_LOOKUP_ELEM);
    asm.jump_if(Cond::Eq, Reg::R0, 0, out);
    asm.mov(Reg::R1, 1).atomic(AtomicOp::Add, Width::W64, Reg::R0, 0, Reg::R1);
    asm.place(out).mov(Reg::R0, 0).exit();
    Counting { program: asm.finish(&maps).unwrap(), maps, counts, cookies }
}

/// Counts its runs in the only value of the map `runs`.
pub fn runs(kind: Kind) -> (bpf::Program, Maps, MapId) {
    let mut maps = Maps::new();
    let runs = maps.add(MapSpec::array("runs", 8, Entries::Fixed(1))).unwrap();
    let mut asm = Assembler::new("runs", kind, Source::default());
    asm.map_value(Reg::R1, runs, 0).mov(Reg::R2, 1).atomic(AtomicOp::Add, Width::W64, Reg::R1, 0, Reg::R2);
    asm.mov(Reg::R0, 0).exit();
    (asm.finish(&maps).unwrap(), maps, runs)
}

/// Sends a record of 16 bytes at each hit: a number that counts up, and its complement. What does not fit is counted.
pub struct Sending {
    pub program: bpf::Program,
    pub maps: Maps,
    pub ring: MapId,
    /// `{u64 next number, u64 lost}`.
    pub state: MapId,
}

pub fn sending(kind: Kind, bytes: u32) -> Sending {
    let mut maps = Maps::new();
    let ring = maps.add(MapSpec::ringbuf("ring", Entries::Fixed(bytes))).unwrap();
    let state = maps.add(MapSpec::array("state", 16, Entries::Fixed(1))).unwrap();
    let mut asm = Assembler::new("sending", kind, Source::default());
    let (full, out) = (asm.label("full"), asm.label("out"));
    asm.map(Reg::R1, ring).mov(Reg::R2, 16).mov(Reg::R3, 0).helper(Helper::RINGBUF_RESERVE);
    asm.map_value(Reg::R6, state, 0).mov(Reg::R1, 1).jump_if(Cond::Eq, Reg::R0, 0, full);
    asm.atomic(AtomicOp::FetchAdd, Width::W64, Reg::R6, 0, Reg::R1);
    asm.store(Size::U64, Reg::R0, 0, Reg::R1).alu(AluOp::Xor, Reg::R1, -1).store(Size::U64, Reg::R0, 8, Reg::R1);
    asm.mov(Reg::R1, Reg::R0).mov(Reg::R2, 1).helper(Helper::RINGBUF_SUBMIT).jump(out);
    asm.place(full).atomic(AtomicOp::Add, Width::W64, Reg::R6, 8, Reg::R1);
    asm.place(out).mov(Reg::R0, 0).exit();
    Sending { program: asm.finish(&maps).unwrap(), maps, ring, state }
}

/// The little-endian number in the first 8 bytes.
pub fn number(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes[..8].try_into().unwrap())
}
