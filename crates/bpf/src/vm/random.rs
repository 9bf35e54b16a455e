//! Random programs that every verifier accepts, to hold this machine against kernels.
//!
//! They use whatever of the instruction set and of the helpers gives the same answer everywhere: arithmetic of all kinds,
//! branches, bounded loops, stack and map memory in all sizes, atomics, functions, hashes, rings, reads of a process's
//! memory at a fixed address. All registers and the stack end up in the map [`OUT`](random_program), so that whoever runs
//! them compares maps, ring and result.

use crate::asm::{Assembler, FunctionId};
use crate::caps::{Caps, Feature};
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Operand, Reg, Size, Width};
use crate::map::{Entries, MapId, MapKind, MapSpec, Maps};
use crate::notes::{Linkage, Source};
use crate::program::{Kind, Program};

/// Pseudo-random numbers (xorshift64*): the same from the same seed, for ever.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Neighbouring seeds give unrelated numbers.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        let mut random = Random { state: seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 };
        random.number();
        random.number();
        random
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.number() >> 16) % end
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Yes in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number as programs have them: often small, often at an edge, sometimes anything.
    pub fn value(&mut self) -> u64 {
        const EDGES: [u64; 10] = [
            0,
            1,
            u64::MAX,
            1 << 63,
            (1 << 63) - 1,
            u32::MAX as u64,
            1 << 31,
            (1 << 31) - 1,
            1 << 32,
            0xffff_ffff_8000_0000,
        ];
        match self.below(4) {
            0 => self.pick(&EDGES),
            1 => self.below(64),
            2 => self.below(64).wrapping_neg(),
            _ => self.number() >> self.below(64),
        }
    }

    /// The same as a number in an instruction.
    pub fn imm(&mut self) -> i32 {
        self.value() as i32
    }
}

/// Where random programs expect a page of a process's memory whose byte n is n × 7 mod 256.
pub const USER_MEMORY: u64 = 0x1000_0000;

/// The registers that hold numbers; `R6` is the context, `R9` the value of `out`.
const SCALARS: [Reg; 8] = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R7, Reg::R8];
const LOST_IN_CALLS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];
const OUT: Reg = Reg::R9;
const CONTEXT: Reg = Reg::R6;
/// Bytes of stack that statements use; above them lie a key and a value, below them a loop counter.
const STACK: i32 = 64;
const KEY: i32 = -(STACK + 8);
const VALUE: i32 = -(STACK + 16);
const COUNTER: i32 = -(STACK + 24);
/// Bytes of the value of `out` that statements use; registers and stack are stored behind them.
const USED_OUT: i32 = 128;
const OUT_SIZE: i32 = 256;

/// Makes a program of kind [`Kind::RawTracepoint`], whose context is three numbers, for a kernel with those features. Its
/// maps are `out` (array, one value), `table` (hash of 2 entries, 8 → 8), `by_cpu` (the same by CPU), `ring` (4096 bytes).
///
/// # Panics
/// If this generator itself has a mistake.
#[must_use]
pub fn random_program(seed: u64, caps: Caps) -> Program {
    let mut maps = Maps::new();
    let mut add = |spec| maps.add(spec).expect("these specifications are constant and right");
    let out = add(MapSpec::array("out", OUT_SIZE as u32, Entries::Fixed(1)));
    let tables = [
        add(MapSpec::hash("table", MapKind::Hash, 8, 8, 2)),
        add(MapSpec::hash("by_cpu", MapKind::PerCpuHash, 8, 8, 2)),
    ];
    let ring = add(MapSpec::ringbuf("ring", Entries::Fixed(4096)));
    let mut asm = Assembler::new("random", Kind::RawTracepoint, Source::default());
    let functions = [
        asm.declare("with_caller", Linkage::Static, &["a", "b"]),
        asm.declare("by_itself", Linkage::Global, &["a", "b"]),
    ];
    let mut writer = Writer { asm, random: Random::new(seed), caps, tables, ring, functions };
    writer.program(out);
    functions.into_iter().for_each(|function| writer.function(function));
    writer.asm.finish(&maps).expect("the generator makes whole programs")
}

struct Writer {
    asm: Assembler,
    random: Random,
    caps: Caps,
    tables: [MapId; 2],
    ring: MapId,
    functions: [FunctionId; 2],
}

impl Writer {
    fn program(&mut self, out: MapId) {
        self.asm.mov(CONTEXT, Reg::R1).map_value(OUT, out, 0);
        for at in (8..=STACK + 16).step_by(8) {
            let imm = self.random.imm();
            self.asm.store(Size::U64, Reg::R10, -at, imm);
        }
        SCALARS.into_iter().for_each(|reg| self.fresh(reg));
        for argument in 0..3 {
            self.asm.load(Size::U64, SCALARS[argument + 1], CONTEXT, argument as i32 * 8);
        }
        for _ in 0..self.random.below(50) + 5 {
            self.statement(2);
        }
        // Both are called in any case, since nothing may be unreachable.
        self.functions.into_iter().for_each(|function| self.call(function));
        self.finish();
    }

    /// Stores everything, and answers with one register.
    fn finish(&mut self) {
        for (n, reg) in SCALARS.into_iter().enumerate() {
            self.asm.store(Size::U64, OUT, USED_OUT + n as i32 * 8, reg);
        }
        for n in 0..STACK / 8 {
            self.asm.load(Size::U64, Reg::R1, Reg::R10, -STACK + n * 8);
            self.asm.store(Size::U64, OUT, USED_OUT + 64 + n * 8, Reg::R1);
        }
        let result = self.random.pick(&[Reg::R0, Reg::R7, Reg::R8]);
        self.asm.mov(Reg::R0, result).exit();
    }

    /// A number into a register.
    fn fresh(&mut self, reg: Reg) {
        let value = self.random.value();
        self.asm.number(reg, value);
    }

    fn scalar(&mut self) -> Reg {
        self.random.pick(&SCALARS)
    }

    fn operand(&mut self) -> Operand {
        if self.random.one_in(2) { self.scalar().into() } else { self.random.imm().into() }
    }

    fn width(&mut self) -> Width {
        self.random.pick(&[Width::W32, Width::W64])
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(22) {
            0..=6 => self.arithmetic(&SCALARS),
            7 => self.odd_arithmetic(),
            8 | 9 => self.memory(),
            10 => self.indexed(),
            11 => self.atomic(),
            12 | 13 if depth > 0 => self.branch(depth),
            14 if depth == 2 => self.bounded_loop(),
            15..=17 => self.table(),
            18 => self.record(),
            19 => self.read(),
            20 => {
                let function = self.random.pick(&self.functions);
                self.call(function);
            }
            _ => {
                let reg = self.scalar();
                self.fresh(reg);
            }
        }
    }

    fn arithmetic(&mut self, registers: &[Reg]) {
        let v4 = self.caps.has(Feature::CpuV4);
        let op = loop {
            let op = self.random.pick(&AluOp::ALL);
            if v4 || !matches!(op, AluOp::SDiv | AluOp::SMod) {
                break op;
            }
        };
        let (width, dst) = (self.width(), self.random.pick(registers));
        let src = if self.random.one_in(2) { self.random.pick(registers).into() } else { self.right_side(op, width) };
        self.asm.push(Insn::Alu { width, op, dst, src });
    }

    fn right_side(&mut self, op: AluOp, width: Width) -> Operand {
        let imm = self.random.imm();
        Operand::Imm(match op {
            op if op.is_shift() => imm & if width == Width::W64 { 63 } else { 31 },
            op if op.is_division() && imm == 0 => 7,
            _ => imm,
        })
    }

    fn odd_arithmetic(&mut self) {
        let (width, dst, src) = (self.width(), self.scalar(), self.scalar());
        let size = self.random.pick(&[Size::U16, Size::U32, Size::U64]);
        let v4 = self.caps.has(Feature::CpuV4);
        self.asm.push(match self.random.below(if v4 { 5 } else { 3 }) {
            0 => Insn::Neg { width, dst },
            1 => Insn::ByteOrder { to: ByteOrder::Little, size, dst },
            2 => Insn::ByteOrder { to: ByteOrder::Big, size, dst },
            3 => Insn::ByteOrder { to: ByteOrder::Swap, size, dst },
            _ => {
                let from = self.random.pick(&[Size::U8, Size::U16]);
                Insn::SignExtend { width, from, dst, src }
            }
        });
    }

    /// An aligned place on the stack or in the map.
    fn place(&mut self, size: Size) -> (Reg, i16) {
        let bytes = size.bytes() as u64;
        if self.random.one_in(2) {
            let count = STACK as u64 / bytes;
            (Reg::R10, -((1 + self.random.below(count)) as i16 * bytes as i16))
        } else {
            (OUT, (self.random.below(USED_OUT as u64 / bytes) * bytes) as i16)
        }
    }

    fn memory(&mut self) {
        let size = self.random.pick(&Size::ALL);
        let (base, off) = self.place(size);
        let insn = if self.random.one_in(2) {
            Insn::Store { size, base, off, value: self.operand() }
        } else {
            let signed = self.caps.has(Feature::CpuV4) && size != Size::U64 && self.random.one_in(3);
            Insn::Load { size, signed, dst: self.scalar(), base, off }
        };
        self.asm.push(insn);
    }

    /// The map's value at a computed place, aligned or not.
    fn indexed(&mut self) {
        let (index, size) = (self.scalar(), self.random.pick(&Size::ALL));
        self.asm.mov(Reg::R1, index).alu(AluOp::And, Reg::R1, USED_OUT - 8).alu(AluOp::Add, Reg::R1, OUT);
        let off = self.random.below(9 - size.bytes() as u64) as i32;
        if self.random.one_in(2) {
            let value = self.random.pick(&[Reg::R0, Reg::R2, Reg::R7, Reg::R8]);
            self.asm.store(size, Reg::R1, off, value);
        } else {
            self.asm.load(size, Reg::R8, Reg::R1, off);
        }
        self.fresh(Reg::R1);
    }

    fn atomic(&mut self) {
        let (size, width) = self.random.pick(&[(Size::U32, Width::W32), (Size::U64, Width::W64)]);
        let op = if self.caps.has(Feature::Atomics) { self.random.pick(&AtomicOp::ALL) } else { AtomicOp::Add };
        let ((base, off), src) = (self.place(size), self.scalar());
        if op == AtomicOp::CompareExchange && self.random.one_in(2) {
            self.asm.load(size, Reg::R0, base, i32::from(off));
        }
        self.asm.push(Insn::Atomic { op, width, base, off, src });
    }

    fn branch(&mut self, depth: u32) {
        let (over, cond) = (self.asm.label("over"), self.random.pick(&Cond::ALL));
        let (left, right) = (self.scalar(), self.operand());
        if self.random.one_in(2) {
            self.asm.jump_if(cond, left, right, over);
        } else {
            self.asm.jump32_if(cond, left, right, over);
        }
        for _ in 0..self.random.below(5) + 1 {
            self.statement(depth - 1);
        }
        self.asm.place(over);
    }

    fn bounded_loop(&mut self) {
        let (again, turns) = (self.asm.label("again"), self.random.below(5) as i32 + 1);
        self.asm.store(Size::U64, Reg::R10, COUNTER, turns).place(again);
        for _ in 0..self.random.below(4) + 1 {
            self.statement(0);
        }
        self.asm.load(Size::U64, Reg::R1, Reg::R10, COUNTER).add(Reg::R1, -1);
        self.asm.store(Size::U64, Reg::R10, COUNTER, Reg::R1).jump_if(Cond::Ne, Reg::R1, 0, again);
    }

    /// The argument registers hold nothing after a call.
    fn after_call(&mut self) {
        LOST_IN_CALLS.into_iter().for_each(|reg| self.fresh(reg));
    }

    /// One of three keys of a table that has room for two.
    fn table(&mut self) {
        let (table, from, helper) = (self.random.pick(&self.tables), self.scalar(), self.random.below(3));
        self.asm.store(Size::U64, Reg::R10, VALUE, from);
        self.asm.mov(Reg::R1, from).alu(AluOp::Mod, Reg::R1, 3).store(Size::U64, Reg::R10, KEY, Reg::R1);
        self.asm.map(Reg::R1, table).frame(Reg::R2, KEY);
        match helper {
            0 => {
                let flags = self.random.below(3) as i32;
                self.asm.frame(Reg::R3, VALUE).mov(Reg::R4, flags).helper(Helper::MAP_UPDATE_ELEM);
            }
            1 => {
                self.asm.helper(Helper::MAP_DELETE_ELEM);
            }
            _ => self.look_up(),
        }
        self.after_call();
    }

    fn look_up(&mut self) {
        let missing = self.asm.label("missing");
        self.asm.helper(Helper::MAP_LOOKUP_ELEM).mov(Reg::R1, 0).jump_if(Cond::Eq, Reg::R0, 0, missing);
        self.asm.load(Size::U64, Reg::R1, Reg::R0, 0).mov(Reg::R2, 3);
        self.asm.atomic(AtomicOp::Add, Width::W64, Reg::R0, 0, Reg::R2);
        self.asm.place(missing).mov(Reg::R0, Reg::R1);
    }

    fn record(&mut self) {
        let size = self.random.below(STACK as u64) as i32 + 1;
        if self.random.one_in(2) {
            self.asm.map(Reg::R1, self.ring).frame(Reg::R2, -STACK).mov(Reg::R3, size).mov(Reg::R4, 1);
            self.asm.helper(Helper::RINGBUF_OUTPUT);
        } else {
            self.reserved_record();
        }
        self.after_call();
    }

    fn reserved_record(&mut self) {
        let (full, value) = (self.asm.label("full"), self.random.pick(&[Reg::R7, Reg::R8]));
        // Large ones fill the ring; they are not shown, since they are not written to their end.
        let (size, end) = self.random.pick(&[
            (16, Helper::RINGBUF_SUBMIT),
            (16, Helper::RINGBUF_DISCARD),
            (2040, Helper::RINGBUF_DISCARD),
            (2024, Helper::RINGBUF_DISCARD),
        ]);
        self.asm.map(Reg::R1, self.ring).mov(Reg::R2, size).mov(Reg::R3, 0).helper(Helper::RINGBUF_RESERVE);
        self.asm.mov(Reg::R1, Reg::R0).mov(Reg::R0, 0).jump_if(Cond::Eq, Reg::R1, 0, full);
        self.asm.store(Size::U64, Reg::R1, 0, value).store(Size::U64, Reg::R1, 8, 77);
        self.asm.mov(Reg::R2, 1).helper(end).place(full).mov(Reg::R0, 5);
    }

    /// Memory that is there, that ends too early, or that is not there.
    fn read(&mut self) {
        let helper = self.random.pick(&[Helper::PROBE_READ_USER, Helper::PROBE_READ_USER_STR]);
        // Texts are short and near a zero, of which there is one in 256 bytes; what lies behind their end is unspecified.
        let (at, len) = match helper {
            Helper::PROBE_READ_USER => (self.random.below(5000), self.random.below(STACK as u64 + 1) as i32),
            _ => (self.random.below(17) * 256 + 250 + self.random.below(8), 8),
        };
        self.asm.frame(Reg::R1, -STACK).mov(Reg::R2, len).number(Reg::R3, USER_MEMORY + at).helper(helper);
        if helper == Helper::PROBE_READ_USER_STR {
            self.asm.store(Size::U64, Reg::R10, -STACK, 0);
        }
        self.after_call();
    }

    fn call(&mut self, function: FunctionId) {
        let (a, b) = (self.scalar(), self.random.pick(&[Reg::R0, Reg::R7, Reg::R8]));
        self.asm.mov(Reg::R1, a).mov(Reg::R2, b).call(function);
        self.after_call();
    }

    /// Arithmetic on two arguments, with registers that the caller must find unchanged.
    fn function(&mut self, function: FunctionId) {
        const REGISTERS: [Reg; 5] = [Reg::R0, Reg::R1, Reg::R2, Reg::R6, Reg::R9];
        self.asm.begin(function);
        self.asm.mov(Reg::R0, Reg::R1).mov(Reg::R6, Reg::R2).mov(Reg::R9, 9).store(Size::U64, Reg::R10, -8, Reg::R1);
        for _ in 0..self.random.below(8) + 1 {
            self.arithmetic(&REGISTERS);
        }
        // The result of a function is an `int`, but all of the register comes back.
        self.asm.load(Size::U64, Reg::R1, Reg::R10, -8).alu(AluOp::Xor, Reg::R0, Reg::R1).exit();
    }
}
