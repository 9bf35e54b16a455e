//! Whole calls: records of registers, words of the stack, and what their pointers lead to.
//!
//! ```text
//! capture(context, hit, end, stack)  takes scratch memory, writes the head, registers and words, and puts the record out
//! capture_run(slot)                  turns until nothing is left to follow
//! capture_step(slot)                 some turns
//! ```
//!
//! The last two are *global* functions: the verifier looks at each once, however many turns there are. They know nothing
//! but the number of a slot, and everything that outlives a turn is in the slot, of which the verifier remembers
//! nothing; so every number that is read from there is compared with a bound before it becomes part of an address.
//!
//! A turn does what [`crate::capture::interpret`] does, step by step.

use std::collections::BTreeSet;

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Assembler, Caps, Entries, Feature, FunctionId, Helper, Label, Linkage, MapId, MapKind, MapSpec, Maps, Reg};
use event::go::{End, call, chunk, short};
use event::schema::record;
use event::{CallIndex, Row, RowId, Schema};
use gobin::{Arch, abi};

use super::memory::{Place, SCRATCH_SLOTS};
use super::{Refused, Shared, has_links, hit, refused, scratch};
use crate::capture::{
    BINARY_AT, Captures, Count, Kind, LEAST_ADDRESS, MOST_BYTES, MOST_CHUNK, MOST_STACK, Mask, QUEUE, VISITED, flag,
    layout, turns,
};
use crate::frames::{Ended, FRAME_CALL, FRAME_FLAGS, FRAME_NUMBER_AT, FRAME_ROW, FRAME_TIME, HEAD_GOID};
use crate::machine::Register;
use crate::plan::{BinaryNo, Plan};
use crate::program::{CaptureTables, FRAME_RECORDED, control, counter};

use Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};

/// Bytes of stack that the three functions take, as the kernel rounds them.
pub(super) const STACK: i32 = 128;

/// Turns for which the verifier goes through the code: as many for each call of `capture_step`.
const TURNS: i32 = 4;
/// `BPF_RB_NO_WAKEUP`.
const NO_WAKEUP: i32 = 1;

/// A slot.
mod slot {
    use super::{MOST_BYTES, MOST_CHUNK, QUEUE, VISITED};

    // `u64`s. The first word says whether the slot is in use.
    pub(super) const BIAS: i32 = 8;
    /// What is added to addresses as the file counts them.
    pub(super) const BINARY: i32 = 16;
    pub(super) const CONTROL: i32 = 24;
    // `u32`s.
    pub(super) const POS: i32 = 32;
    pub(super) const BUDGET: i32 = 36;
    pub(super) const LEFT: i32 = 40;
    /// The next op, and where this value's end.
    pub(super) const OP: i32 = 44;
    pub(super) const OPS_END: i32 = 48;
    /// The ops of the type.
    pub(super) const FIRST: i32 = 52;
    pub(super) const END: i32 = 56;
    /// The value, and how many come behind it.
    pub(super) const AT: i32 = 60;
    pub(super) const MORE: i32 = 64;
    pub(super) const STRIDE: i32 = 68;
    pub(super) const MASK: i32 = 72;
    pub(super) const NEXT: i32 = 76;
    pub(super) const WAITING: i32 = 80;
    /// How often the slot was used.
    pub(super) const EPOCH: i32 = 84;
    /// `u32` each: at, row, count, left.
    pub(super) const QUEUED: i32 = 96;
    /// `u64` address, `u32` row, `u32` epoch.
    pub(super) const SEEN: i32 = QUEUED + 16 * QUEUE as i32;
    pub(super) const RECORD: i32 = SEEN + 16 * VISITED as i32;
    /// Behind the last place where a chunk can begin there is room for a whole one.
    pub(super) const SIZE: u32 = RECORD as u32 + MOST_BYTES + MOST_CHUNK + 64;
}

/// The maps and rows that records of calls need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Captured {
    pub(super) tables: CaptureTables,
    end: RowId,
    dropped: RowId,
    /// How often `capture_run` calls `capture_step`.
    calls: i32,
    /// Programs may wait for pages.
    pub(super) sleepable: bool,
}

impl Captured {
    /// Adds what a plan needs; nothing if it records no calls.
    pub(super) fn add(
        plan: &Plan,
        caps: Caps,
        maps: &mut Maps,
        schema: &mut Schema,
    ) -> Result<Option<Captured>, Refused> {
        let Some(captures) = &plan.captures else { return Ok(None) };
        let alone: BTreeSet<u32> = captures.rows.values().filter(|of| of.alone).map(|of| of.begins).collect();
        let row = |call: u32| match alone.contains(&call) {
            true => Row::CallStart(CallIndex(call)),
            false => Row::Call(CallIndex(call)),
        };
        let calls = 0..captures.calls.len() as u32;
        let rows: Vec<RowId> = calls.map(|call| schema.append_row(row(call))).collect();
        schema.add_calls(captures.calls.clone(), captures.types.clone());
        let tables = &captures.tables;
        let types: Vec<u8> = tables.types.iter().flat_map(layout::ty).collect();
        let ops: Vec<u8> = tables.ops.iter().flat_map(layout::op).collect();
        let mut array = |name: &str, size: u32, contents: Vec<u8>| {
            let entries = (contents.len() as u32 / size).max(1);
            maps.add(MapSpec::array(name, size, Entries::Fixed(entries)).contents(contents))
        };
        let functions = array("call_functions", layout::FUNCTION, functions(plan, captures, &rows))?;
        let (types, ops) = (array("call_types", layout::TYPE, types)?, array("call_ops", layout::OP, ops)?);
        let dynamic = maps.add(dynamic(captures))?;
        let slots = maps.add(MapSpec::array("call_slots", slot::SIZE, Entries::PerCpu(SCRATCH_SLOTS as u32)))?;
        let most = tables.functions.iter().map(|function| turns(function.bytes)).max().unwrap_or(0);
        Ok(Some(Captured {
            tables: CaptureTables { functions, types, ops, dynamic, slots },
            end: schema.add_row(Row::CallEnd),
            dropped: schema.add_row(Row::CallDropped),
            calls: (most / TURNS as u32) as i32,
            sleepable: sleepable(caps),
        }))
    }
}

/// The contents of [`CaptureTables::functions`]. Those whose calls are not recorded have empty rows.
fn functions(plan: &Plan, captures: &Captures, rows: &[RowId]) -> Vec<u8> {
    let none = [0; 2 * layout::FUNCTION as usize].to_vec();
    let both = |number: usize| {
        let recorded = captures.rows.get(&(number as u32))?;
        let one = |call: u32| {
            let function = captures.tables.functions.get(call as usize)?;
            let row = rows.get(call as usize)?.0;
            Some(layout::function(function, row, 1 + recorded.point.0))
        };
        Some([one(recorded.begins)?, one(recorded.returns)?].concat())
    };
    (0..plan.functions.len()).flat_map(|number| both(number).unwrap_or_else(|| none.clone())).collect()
}

/// Room for so many types that are met only at run time.
const LATER: usize = 4096;

fn dynamic(captures: &Captures) -> MapSpec {
    let known = &captures.tables.dynamic;
    let contents = known.iter().flat_map(|(key, op)| key.to_le_bytes().into_iter().chain(op.to_le_bytes())).collect();
    MapSpec::hash("call_dynamic", MapKind::Hash, 8, 4, (known.len() + LATER) as u32).contents(contents)
}

/// The functions of a program that records calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    pub(super) capture: FunctionId,
    run: FunctionId,
    step: FunctionId,
}

impl Functions {
    pub(super) fn declare(asm: &mut Assembler) -> Functions {
        let capture = asm.declare("capture", Linkage::Static, &["ctx", "hit", "end", "stack"]);
        let run = asm.declare("capture_run", Linkage::Global, &["slot"]);
        let step = asm.declare("capture_step", Linkage::Global, &["slot"]);
        Functions { capture, run, step }
    }

    /// Makes them. Behind a caller, as all functions.
    pub(super) fn make(self, asm: &mut Assembler, of: Making) {
        asm.begin(self.capture);
        Capture { asm, of, functions: self }.capture();
        asm.begin(self.run);
        run(asm, of.captured, self.step);
        asm.begin(self.step);
        Step::new(asm, of.captured).make();
    }
}

/// What the functions must know.
#[derive(Clone, Copy)]
pub(super) struct Making {
    pub(super) captured: Captured,
    pub(super) ring: MapId,
    pub(super) caps: Caps,
    pub(super) arch: Arch,
    pub(super) binary: BinaryNo,
}

/// `capture`: R6 is the context, R7 the hit, R8 how the call ends (0 where it begins), R9 the slot.
struct Capture<'a> {
    asm: &'a mut Assembler,
    of: Making,
    functions: Functions,
}

// The stack of `capture`.
/// The row of the function.
const FUNCTION: i32 = -8;
/// The number of the slot, and before that of the row.
const NUMBER: i32 = -16;
/// How the call ends.
const ENDS: i32 = -24;
/// The number of the stack that called.
const CALLERS: i32 = -32;

impl Capture<'_> {
    /// Answers 0 if the record is in the ring.
    fn capture(mut self) {
        let (out, taken, release) = (self.asm.label("out"), self.asm.label("slot_taken"), self.asm.label("release"));
        self.asm.comment("records a call").mov(R6, R1).mov(R7, R2).store(Size::U64, R10, ENDS, R3).store(
            Size::U64,
            R10,
            CALLERS,
            R4,
        );
        self.function(out);
        let key = Place::at(R10, NUMBER);
        scratch::take(self.asm, self.of.caps, self.of.captured.tables.slots, key, R8, R9, taken);
        self.asm.mov(R0, 1).jump(out).place(taken);
        self.head();
        self.registers();
        self.stack(release);
        self.state();
        self.asm.load(Size::U32, R1, R10, NUMBER).call(self.functions.run);
        self.put_out(release);
        self.asm.place(release).store(Size::U64, R9, 0, 0).place(out).exit();
    }

    /// Finds the function's row.
    fn function(&mut self, out: Label) {
        let begins = self.asm.label("begins");
        self.asm.load(Size::U64, R1, R7, hit::FUNCTION).alu(AluOp::Lsh, R1, 1).jump_if(Cond::Eq, R3, 0, begins);
        self.asm.add(R1, 1).place(begins).store(Size::U32, R10, NUMBER, R1);
        look_up(self.asm, self.of.captured.tables.functions, NUMBER);
        let found = self.asm.label("function");
        self.asm.jump_if(Cond::Ne, R0, 0, found).mov(R0, 1).jump(out).place(found);
        self.asm.store(Size::U64, R10, FUNCTION, R0);
    }

    fn head(&mut self) {
        let (none, have) = (self.asm.label("no_frame"), self.asm.label("frame"));
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, R9, field(record::TIME), R0);
        for (from, to) in [(hit::PID_TGID, record::PID_TGID), (hit::GOID, record::GOID), (hit::SP, call::SP)] {
            self.asm.load(Size::U64, R1, R7, from).store(Size::U64, R9, field(to), R1);
        }
        self.asm.load(Size::U64, R2, R10, FUNCTION).load(Size::U32, R1, R2, layout::ROW);
        self.asm.store(Size::U32, R9, field(record::ROW), R1);
        self.asm.store(Size::U32, R9, field(record::STAT), 0);
        self.asm.load(Size::U64, R2, R7, hit::FRAME).jump_if(Cond::Eq, R2, 0, none);
        for (from, to) in [(FRAME_CALL, call::ID), (FRAME_TIME, call::STARTED)] {
            self.asm.load(Size::U64, R1, R2, from).store(Size::U64, R9, field(to), R1);
        }
        self.asm.load(Size::U32, R1, R2, FRAME_FLAGS).alu(AluOp::Rsh, R1, FRAME_NUMBER_AT).jump(have);
        self.asm.place(none).store(Size::U64, R9, field(call::ID), 0);
        self.asm.store(Size::U64, R9, field(call::STARTED), R0).mov(R1, 0);
        self.asm.place(have).store(Size::U32, R9, field(call::DEPTH), R1);
        self.asm.load(Size::U64, R1, R10, ENDS).store(Size::U32, R9, field(call::END), R1);
        self.asm.load(Size::U64, R1, R10, CALLERS).store(Size::U64, R9, field(call::STACK), R1);
    }

    fn registers(&mut self) {
        let (pc, context) = match self.of.arch {
            Arch::Amd64 => ("ip", "dx"),
            Arch::Arm64 => ("pc", "r26"),
        };
        self.register(Register::named(self.of.arch, pc), call::PC);
        self.register(Register::named(self.of.arch, context), call::CONTEXT);
        for n in 0..register_count(self.of.arch) {
            self.register(Register::argument(self.of.arch, true, n), call::REGISTERS + 8 * n);
        }
    }

    fn register(&mut self, register: Option<Register>, to: usize) {
        let from = register.map_or(0, |register| i32::from(register.offset));
        self.asm.load(Size::U64, R1, R6, from).store(Size::U64, R9, field(to), R1);
    }

    /// The words of the stack, from the first argument's place on.
    fn stack(&mut self, release: Label) {
        let (none, fine, read) = (self.asm.label("no_words"), self.asm.label("words_fit"), self.asm.label("words"));
        let words = field(call::REGISTERS + 8 * register_count(self.of.arch));
        self.asm.load(Size::U64, R3, R10, FUNCTION).load(Size::U16, R2, R3, layout::STACK);
        self.asm.jump_if(Cond::Eq, R2, 0, none).jump_if(Cond::Le, R2, i32::from(MOST_STACK), fine);
        self.asm.mov(R0, 1).jump(release).place(fine);
        self.asm.alu(AluOp::Lsh, R2, 3).mov(R1, R9).add(R1, words).load(Size::U64, R3, R7, hit::SP).add(R3, 8);
        self.asm.mov(R8, R2).helper(Helper::PROBE_READ_USER).jump_if(Cond::Eq, R0, 0, read);
        if self.of.captured.sleepable {
            self.asm.mov(R1, R9).add(R1, words).mov(R2, R8).load(Size::U64, R3, R7, hit::SP).add(R3, 8);
            self.asm.helper(Helper::COPY_FROM_USER).jump_if(Cond::Eq, R0, 0, read);
        }
        self.asm.mov(R0, 1).jump(release).place(read).place(none);
    }

    /// What the turns start with.
    fn state(&mut self) {
        let words = call::REGISTERS + 8 * register_count(self.of.arch);
        self.asm.load(Size::U64, R3, R10, FUNCTION);
        self.asm.load(Size::U16, R1, R3, layout::STACK).alu(AluOp::Lsh, R1, 3).add(R1, words as i32);
        self.asm.store(Size::U32, R9, slot::POS, R1);
        self.asm.load(Size::U32, R1, R3, layout::BYTES).store(Size::U32, R9, slot::BUDGET, R1);
        self.asm.load(Size::U32, R1, R3, layout::DEPTH).store(Size::U32, R9, slot::LEFT, R1);
        self.asm.load(Size::U32, R1, R3, layout::FIRST).store(Size::U32, R9, slot::OP, R1);
        self.asm.load(Size::U16, R2, R3, layout::OPS).add(R1, R2).store(Size::U32, R9, slot::OPS_END, R1);
        self.asm.store(Size::U32, R9, slot::AT, call::REGISTERS as i32);
        for field in [slot::MORE, slot::MASK, slot::NEXT, slot::WAITING] {
            self.asm.store(Size::U32, R9, field, 0);
        }
        self.asm.load(Size::U32, R1, R9, slot::EPOCH).add(R1, 1).store(Size::U32, R9, slot::EPOCH, R1);
        self.asm.load(Size::U64, R1, R7, hit::BIAS).store(Size::U64, R9, slot::BIAS, R1);
        self.asm.number(R1, u64::from(self.of.binary.0) << BINARY_AT).store(Size::U64, R9, slot::BINARY, R1);
    }

    fn put_out(&mut self, release: Label) {
        let fits = self.asm.label("fits");
        let most = (MOST_BYTES + MOST_CHUNK) as i32;
        self.asm.load(Size::U32, R3, R9, slot::POS).jump_if(Cond::Le, R3, most, fits).mov(R0, 1).jump(release);
        self.asm.place(fits).map(R1, self.of.ring).mov(R2, R9).add(R2, slot::RECORD).mov(R4, NO_WAKEUP);
        self.asm.helper(Helper::RINGBUF_OUTPUT);
    }
}

/// Where in a slot something of the record is.
const fn field(at: usize) -> i32 {
    slot::RECORD + at as i32
}

/// `capture_run`: turns until all is done, or it took too many.
fn run(asm: &mut Assembler, captured: Captured, step: FunctionId) {
    let (again, done) = (asm.label("again"), asm.label("done"));
    asm.comment("follows pointers").mov(R6, R1).mov(R7, captured.calls);
    asm.place(again).mov(R1, R6).call(step).jump_if(Cond::Ne, R0, 0, done);
    asm.add(R7, -1).jump_if(Cond::Ne, R7, 0, again);
    asm.store(Size::U32, R10, -8, R6);
    look_up(asm, captured.tables.slots, -8);
    asm.jump_if(Cond::Eq, R0, 0, done);
    or_stat(asm, R0, call::stat::TURNS);
    asm.place(done).mov(R0, 0).exit();
}

fn look_up(asm: &mut Assembler, map: MapId, key: i32) {
    asm.map(R1, map).frame(R2, key).helper(Helper::MAP_LOOKUP_ELEM);
}

fn or_stat(asm: &mut Assembler, slot: Reg, bit: u32) {
    let stat = slot::RECORD + record::STAT as i32;
    asm.load(Size::U32, R1, slot, stat).alu(AluOp::Or, R1, bit as i32).store(Size::U32, slot, stat, R1);
}

fn register_count(arch: Arch) -> usize {
    abi::Register::count(arch, false)
}

/// `capture_step`: R6 is the slot, R7 where a pointer is, R8 its op, R9 the turns left.
struct Step<'a> {
    asm: &'a mut Assembler,
    captured: Captured,
    /// This turn is over.
    next: Label,
}

// The stack of `capture_step`.
/// A number, as key.
const KEY: i32 = -8;
/// What an interface's first word is looked up by.
const DYNAMIC: i32 = -16;
const ADDRESS: i32 = -24;
/// How deep what is behind the pointer may go on.
const LEFT: i32 = -32;
const COUNT: i32 = -40;

impl<'a> Step<'a> {
    fn new(asm: &'a mut Assembler, captured: Captured) -> Step<'a> {
        let next = asm.label("next");
        Step { asm, captured, next }
    }

    fn make(mut self) {
        let (turn, over) = (self.asm.label("turn"), self.asm.label("over"));
        self.asm.comment("follows some pointers").store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.slots, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, over).mov(R6, R0).mov(R9, TURNS);
        self.asm.place(turn);
        self.value(over);
        self.op();
        self.pointer();
        self.visited();
        self.room();
        self.read();
        self.push();
        self.asm.place(self.next).add(R9, -1).jump_if(Cond::Ne, R9, 0, turn).mov(R0, 0).exit();
        self.asm.place(over).mov(R0, 1).exit();
    }

    fn get(&mut self, dst: Reg, field: i32) {
        self.asm.load(Size::U32, dst, R6, field);
    }

    fn set(&mut self, field: i32, value: impl Into<bpf::Operand>) {
        self.asm.store(Size::U32, R6, field, value);
    }

    fn stat(&mut self, bit: u32) {
        or_stat(self.asm, R6, bit);
    }

    /// `dst =` the address of the byte of the record whose number is in `at`; an access adds [`slot::RECORD`].
    fn byte(&mut self, dst: Reg, at: Reg) {
        self.asm.mov(dst, R6).add(dst, at);
    }

    /// The number of the next op in `R1`: of this value, of the one behind it, or of the next that waits.
    fn value(&mut self, over: Label) {
        let [have, behind, begin, there] = ["op", "behind", "begin", "there"].map(|name| self.asm.label(name));
        self.get(R1, slot::OP);
        self.get(R2, slot::OPS_END);
        self.asm.jump_if(Cond::Ne, R1, R2, have);
        self.get(R3, slot::MORE);
        self.asm.jump_if(Cond::Ne, R3, 0, behind);
        self.waiting(over);
        self.asm.jump(begin);
        self.asm.place(behind).add(R3, -1);
        self.set(slot::MORE, R3);
        self.get(R1, slot::AT);
        self.get(R2, slot::STRIDE);
        self.asm.add(R1, R2);
        self.set(slot::AT, R1);
        self.asm.place(begin);
        self.masked(there);
        self.asm.place(there);
        self.get(R1, slot::FIRST);
        self.get(R2, slot::END);
        self.set(slot::OP, R1);
        self.set(slot::OPS_END, R2);
        self.asm.jump_if(Cond::Eq, R1, R2, self.next).place(have);
    }

    /// Takes what waits next.
    fn waiting(&mut self, over: Label) {
        self.get(R1, slot::NEXT);
        self.get(R2, slot::WAITING);
        self.asm.jump_if(Cond::Eq, R1, R2, over).jump_if(Cond::Ge, R1, QUEUE as i32, over).mov(R8, R1).add(R1, 1);
        self.set(slot::NEXT, R1);
        self.asm.alu(AluOp::Lsh, R8, 4).add(R8, R6);
        self.asm.load(Size::U32, R1, R8, slot::QUEUED + 4).store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.types, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, self.next);
        self.asm.load(Size::U32, R2, R8, slot::QUEUED + 8).add(R2, -1);
        self.set(slot::MORE, R2);
        self.asm.load(Size::U32, R2, R8, slot::QUEUED + 12);
        self.set(slot::LEFT, R2);
        self.asm.load(Size::U32, R2, R0, layout::FIRST);
        self.set(slot::FIRST, R2);
        self.asm.load(Size::U16, R3, R0, layout::OPS).add(R3, R2);
        self.set(slot::END, R3);
        self.asm.load(Size::U8, R2, R0, layout::MASK);
        self.set(slot::MASK, R2);
        self.asm.load(Size::U32, R2, R0, layout::STRIDE);
        self.set(slot::STRIDE, R2);
        self.asm.load(Size::U32, R1, R8, slot::QUEUED);
        self.set(slot::AT, R1);
        self.asm.jump_if(Cond::Gt, R1, MOST_BYTES as i32, self.next);
        self.byte(R2, R1);
        self.asm.load(Size::U64, R1, R2, slot::RECORD).store(Size::U64, R6, slot::CONTROL, R1);
    }

    /// On to `there` if there is a value, else this turn is over.
    fn masked(&mut self, there: Label) {
        let bucket = self.asm.label("bucket");
        let least = i32::from(gobin::maps::buckets::LEAST_USED);
        self.get(R3, slot::MASK);
        self.asm.jump_if(Cond::Eq, R3, Mask::None as i32, there);
        self.asm.load(Size::U64, R1, R6, slot::CONTROL).mov(R2, R1).alu(AluOp::Rsh, R1, 8);
        self.asm.store(Size::U64, R6, slot::CONTROL, R1).alu(AluOp::And, R2, 0xff);
        self.asm.jump_if(Cond::Ne, R3, Mask::Group as i32, bucket);
        self.asm.jump_if(Cond::Ge, R2, 128, self.next).jump(there);
        self.asm.place(bucket).jump_if(Cond::Lt, R2, least, self.next);
    }

    /// The op with the number in `R1`: in `R8`, where its pointer is in `R7`. Values that are in the record already are
    /// put among those that wait.
    fn op(&mut self) {
        let pointer = self.asm.label("pointer");
        self.asm.mov(R2, R1).add(R2, 1);
        self.set(slot::OP, R2);
        self.op_number();
        self.get(R7, slot::AT);
        self.asm.load(Size::U16, R1, R8, layout::AT).add(R7, R1);
        self.asm.jump_if(Cond::Gt, R7, MOST_BYTES as i32, self.next);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Ne, R1, Kind::Inside as i32, pointer);
        self.get(R4, slot::LEFT);
        self.asm.load(Size::U16, R3, R8, layout::MAX);
        self.wait();
        self.asm.jump(self.next).place(pointer);
    }

    /// `R8 =` the op with the number in `R1`.
    fn op_number(&mut self) {
        self.asm.store(Size::U32, R10, KEY, R1);
        look_up(self.asm, self.captured.tables.ops, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, self.next).mov(R8, R0);
    }

    /// Whether the pointer is followed; then its value is in [`ADDRESS`], and how many values are behind it in `R3`.
    fn pointer(&mut self) {
        let [deep, kept, plain] = ["deep_enough", "kept", "plain"].map(|name| self.asm.label(name));
        self.byte(R1, R7);
        self.asm.load(Size::U64, R2, R1, slot::RECORD).jump_if(Cond::Lt, R2, LEAST_ADDRESS as i32, self.next);
        self.asm.store(Size::U64, R10, ADDRESS, R2);
        self.asm.load(Size::U8, R3, R8, layout::FLAGS);
        self.get(R4, slot::LEFT);
        self.asm.jump_if(Cond::Ne, R4, 0, deep).mov(R5, R3).alu(AluOp::And, R5, i32::from(flag::FREE));
        self.asm.jump_if(Cond::Ne, R5, 0, deep);
        self.stat(call::stat::DEPTH);
        self.asm.jump(self.next).place(deep);
        self.asm.alu(AluOp::And, R3, i32::from(flag::NO_DEPTH)).jump_if(Cond::Ne, R3, 0, kept);
        self.asm.jump_if(Cond::Eq, R4, 0, kept).add(R4, -1);
        self.asm.place(kept).store(Size::U64, R10, LEFT, R4);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Lt, R1, Kind::Eface as i32, plain);
        self.dynamic();
        self.asm.place(plain);
        self.count();
    }

    /// Finds the op of what an interface holds; where its pointer is in `R7`.
    fn dynamic(&mut self) {
        let [found, unknown] = ["found", "unknown"].map(|name| self.asm.label(name));
        self.look_up_dynamic(ADDRESS);
        self.asm.jump_if(Cond::Ne, R0, 0, found);
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Ne, R1, Kind::Iface as i32, unknown);
        let read = self.asm.label("itab");
        self.itab(Helper::PROBE_READ_USER);
        self.asm.jump_if(Cond::Eq, R0, 0, read);
        if self.captured.sleepable {
            self.itab(Helper::COPY_FROM_USER);
            self.asm.jump_if(Cond::Eq, R0, 0, read);
        }
        self.asm.jump(unknown).place(read);
        self.look_up_dynamic(DYNAMIC);
        self.asm.jump_if(Cond::Ne, R0, 0, found).place(unknown);
        self.stat(call::stat::UNKNOWN);
        self.asm.jump(self.next).place(found).load(Size::U32, R1, R0, 0);
        self.op_number();
        self.asm.load(Size::U8, R1, R8, layout::KIND).jump_if(Cond::Eq, R1, Kind::Nothing as i32, self.next);
        self.asm.add(R7, 8);
        self.byte(R1, R7);
        self.asm.load(Size::U64, R2, R1, slot::RECORD).jump_if(Cond::Lt, R2, LEAST_ADDRESS as i32, self.next);
        self.asm.store(Size::U64, R10, ADDRESS, R2);
    }

    /// Looks up the address that stands there in the stack.
    fn look_up_dynamic(&mut self, at: i32) {
        self.asm.load(Size::U64, R2, R10, at).load(Size::U64, R1, R6, slot::BIAS).alu(AluOp::Sub, R2, R1);
        self.asm.load(Size::U64, R1, R6, slot::BINARY).add(R2, R1).store(Size::U64, R10, DYNAMIC, R2);
        look_up(self.asm, self.captured.tables.dynamic, DYNAMIC);
    }

    /// The type that an itab is about.
    // +rtype 1.21-1.22 itab._type *abi.Type @8 | 1.23- internal/abi.ITab.Type *abi.Type @8
    fn itab(&mut self, by: Helper) {
        self.asm.load(Size::U64, R3, R10, ADDRESS).add(R3, 8).mov(R2, 8).frame(R1, DYNAMIC).helper(by);
    }

    /// How many values there are, in `R3`.
    fn count(&mut self) {
        let [counted, buckets, old, few] =
            ["counted", "buckets", "old_buckets", "few"].map(|name| self.asm.label(name));
        let is = |count: Count| count as i32;
        self.byte(R1, R7);
        self.asm.load(Size::U8, R2, R8, layout::COUNT).mov(R3, 1).jump_if(Cond::Eq, R2, is(Count::One), counted);
        self.asm.jump_if(Cond::Eq, R2, is(Count::Buckets), buckets);
        self.asm.jump_if(Cond::Eq, R2, is(Count::OldBuckets), old);
        self.asm.load(Size::U64, R4, R1, slot::RECORD + 8);
        let many = self.asm.label("many");
        self.asm.jump_if(Cond::Ne, R2, is(Count::Only), many);
        self.asm.jump_if(Cond::Ne, R4, 0, self.next).jump(counted);
        self.asm.place(many).mov(R3, R4).jump_if(Cond::Eq, R2, is(Count::Length), counted).add(R3, 1).jump(counted);
        self.asm.place(buckets).load(Size::U8, R4, R1, slot::RECORD - 7);
        self.asm.alu(AluOp::And, R4, 63).alu(AluOp::Lsh, R3, R4).jump(counted);
        self.asm.place(old).load(Size::U8, R4, R1, slot::RECORD - 15);
        self.asm.alu(AluOp::And, R4, 63).alu(AluOp::Lsh, R3, R4).load(Size::U8, R4, R1, slot::RECORD - 16);
        let same = gobin::maps::buckets::SAME_SIZE;
        self.asm.alu(AluOp::And, R4, i32::from(same)).jump_if(Cond::Ne, R4, 0, counted).alu(AluOp::Rsh, R3, 1);
        self.asm.place(counted).load(Size::U16, R1, R8, layout::MAX).jump_if(Cond::Le, R3, R1, few).mov(R3, R1);
        self.asm.place(few).store(Size::U64, R10, COUNT, R3);
    }

    /// Their bytes in `R7`; over if there are none, or they were read before.
    fn visited(&mut self) {
        let [fresh, unvisited] = ["fresh", "unvisited"].map(|name| self.asm.label(name));
        self.asm.load(Size::U32, R7, R8, layout::SIZE).alu(AluOp::Mul, R7, R3).jump_if(Cond::Eq, R7, 0, self.next);
        self.asm.load(Size::U8, R1, R8, layout::FLAGS).alu(AluOp::And, R1, i32::from(flag::VISIT));
        self.asm.jump_if(Cond::Eq, R1, 0, unvisited);
        self.asm.load(Size::U64, R1, R10, ADDRESS).load(Size::U32, R5, R8, layout::OP_ROW);
        self.asm.mov(R2, R1).alu(AluOp::Rsh, R2, 3).mov(R4, R5).alu(AluOp::Mul, R4, 31).add(R2, R4);
        self.asm.mov(R4, R2).alu(AluOp::Rsh, R4, 8).alu(AluOp::Xor, R2, R4);
        self.asm.alu(AluOp::And, R2, VISITED as i32 - 1).alu(AluOp::Lsh, R2, 4).add(R2, R6);
        self.get(R3, slot::EPOCH);
        self.asm.load(Size::U64, R4, R2, slot::SEEN).jump_if(Cond::Ne, R4, R1, fresh);
        self.asm.load(Size::U32, R4, R2, slot::SEEN + 8).jump_if(Cond::Ne, R4, R5, fresh);
        self.asm.load(Size::U32, R4, R2, slot::SEEN + 12).jump_if(Cond::Eq, R4, R3, self.next);
        self.asm.place(fresh).store(Size::U64, R2, slot::SEEN, R1).store(Size::U32, R2, slot::SEEN + 8, R5);
        self.asm.store(Size::U32, R2, slot::SEEN + 12, R3).place(unvisited);
    }

    /// Cuts what is read to what fits, in whole values.
    fn room(&mut self) {
        let [some, fits] = ["some_room", "fits"].map(|name| self.asm.label(name));
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32);
        self.get(R2, slot::BUDGET);
        self.asm.mov(R3, 0).jump_if(Cond::Lt, R2, R1, some).mov(R3, R2).alu(AluOp::Sub, R3, R1).place(some);
        self.asm.jump_if(Cond::Le, R7, R3, fits);
        self.stat(call::stat::BUDGET);
        self.asm.load(Size::U32, R2, R8, layout::SIZE).alu(AluOp::Div, R3, R2).store(Size::U64, R10, COUNT, R3);
        self.asm.mov(R7, R3).alu(AluOp::Mul, R7, R2).jump_if(Cond::Eq, R7, 0, self.next).place(fits);
        self.asm.jump_if(Cond::Gt, R7, MOST_CHUNK as i32, self.next);
    }

    /// `R1 =` where the record ends, less [`slot::RECORD`].
    fn end(&mut self) {
        self.get(R1, slot::POS);
        self.asm.jump_if(Cond::Gt, R1, MOST_BYTES as i32, self.next).add(R1, R6);
    }

    /// Adds a chunk of `R7` bytes; over if nothing in it is followed.
    fn read(&mut self) {
        let fine = self.asm.label("read");
        self.end();
        self.asm.load(Size::U64, R2, R10, ADDRESS).store(Size::U64, R1, field(chunk::ADDRESS), R2);
        self.asm.store(Size::U32, R1, field(chunk::LENGTH), R7);
        self.asm.load(Size::U32, R2, R8, layout::OP_ROW).store(Size::U32, R1, field(chunk::ROW), R2);
        // The last word may be only partly overwritten.
        self.asm.mov(R2, R7).add(R2, -1).alu(AluOp::And, R2, MOST_CHUNK as i32 - 8).add(R2, R1);
        self.asm.store(Size::U64, R2, field(chunk::BYTES), 0);
        self.read_by(Helper::PROBE_READ_USER);
        self.asm.jump_if(Cond::Eq, R0, 0, fine);
        if self.captured.sleepable {
            let failed = self.asm.label("failed");
            self.end();
            self.read_by(Helper::COPY_FROM_USER);
            self.asm.jump_if(Cond::Ne, R0, 0, failed);
            self.stat(call::stat::RETRIED);
            self.asm.jump(fine).place(failed);
        }
        self.stat(call::stat::FAULT);
        self.end();
        self.asm.mov(R2, R7).number(R3, u64::from(chunk::FAILED)).alu(AluOp::Or, R2, R3);
        self.asm.store(Size::U32, R1, field(chunk::LENGTH), R2);
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32);
        self.set(slot::POS, R1);
        self.asm.jump(self.next).place(fine);
        self.asm.add(R7, 7).alu(AluOp::And, R7, -8);
        self.get(R1, slot::POS);
        self.asm.add(R1, chunk::BYTES as i32).add(R7, R1);
        self.set(slot::POS, R7);
        self.asm.mov(R7, R1);
        self.asm.load(Size::U8, R2, R8, layout::FLAGS).alu(AluOp::And, R2, i32::from(flag::LEAF));
        self.asm.jump_if(Cond::Ne, R2, 0, self.next);
    }

    /// Reads `R7` bytes to where the record ends, which is in `R1`.
    fn read_by(&mut self, helper: Helper) {
        self.asm.add(R1, slot::RECORD + chunk::BYTES as i32).mov(R2, R7).load(Size::U64, R3, R10, ADDRESS);
        self.asm.helper(helper);
    }

    /// Puts the chunk, whose bytes begin at `R7`, among what waits.
    fn push(&mut self) {
        self.asm.load(Size::U64, R3, R10, COUNT).load(Size::U64, R4, R10, LEFT);
        self.wait();
    }

    /// Puts values at `R7`, as many as `R3` says, among what waits; `R4` is how deep they may go on.
    fn wait(&mut self) {
        let [fits, done] = ["waits", "queued"].map(|name| self.asm.label(name));
        self.get(R1, slot::WAITING);
        self.asm.jump_if(Cond::Lt, R1, QUEUE as i32, fits);
        self.stat(call::stat::QUEUE);
        self.asm.jump(done).place(fits).mov(R5, R1).add(R1, 1);
        self.set(slot::WAITING, R1);
        self.asm.alu(AluOp::Lsh, R5, 4).add(R5, R6).store(Size::U32, R5, slot::QUEUED, R7);
        self.asm.load(Size::U32, R1, R8, layout::OP_ROW).store(Size::U32, R5, slot::QUEUED + 4, R1);
        self.asm.store(Size::U32, R5, slot::QUEUED + 8, R3).store(Size::U32, R5, slot::QUEUED + 12, R4);
        self.asm.place(done);
    }
}

/// What the short records of a program need.
#[derive(Clone, Copy)]
pub(super) struct Shorts {
    pub(super) captured: Captured,
    pub(super) ring: MapId,
    pub(super) counters: MapId,
    pub(super) control: MapId,
}

impl Shorts {
    /// A call has ended that no exit site saw: tells it, if its beginning is in the ring.
    pub(super) fn ended(self, asm: &mut Assembler, ended: Ended) {
        let (over, full) = (asm.label("not_recorded"), asm.label("ring_full"));
        let (counters, ids, key) = (ended.stack - 8, ended.stack - 16, ended.stack - 24);
        asm.load(Size::U32, R1, ended.frame, FRAME_FLAGS).mov(R2, R1).alu(AluOp::And, R2, FRAME_RECORDED as i32);
        asm.jump_if(Cond::Eq, R2, 0, over).alu(AluOp::Xor, R1, R2).store(Size::U32, ended.frame, FRAME_FLAGS, R1);
        self.find_counters(asm, ended, key, over);
        asm.store(Size::U64, R10, counters, R0);
        self.ids(asm, ids);
        asm.store(Size::U64, R10, ids, R0);
        asm.map(R1, self.ring).mov(R2, short::SIZE as i32).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
        asm.jump_if(Cond::Eq, R0, 0, full).mov(ended.free, R0);
        time(asm, ended.free);
        fill(asm, ended.free, ended.frame, self.captured.end);
        // The process is the one that the goroutine is of; the thread is whichever runs here.
        asm.load(Size::U64, R1, R10, ids).store(Size::U64, ended.free, record::PID_TGID as i32, R1);
        asm.load(Size::U64, R1, ended.head, HEAD_GOID).store(Size::U64, ended.free, record::GOID as i32, R1);
        asm.store(Size::U32, ended.free, short::END as i32, ended.end);
        submit(asm, ended.free);
        count(asm, R10, counters, counter::PRINTED);
        asm.jump(over).place(full);
        count(asm, R10, counters, counter::LOST);
        asm.place(over);
    }

    /// The counters of the attach point that records the function's calls.
    fn find_counters(self, asm: &mut Assembler, ended: Ended, key: i32, over: Label) {
        asm.load(Size::U32, R1, ended.frame, FRAME_ROW).alu(AluOp::Lsh, R1, 1).store(Size::U32, R10, key, R1);
        look_up(asm, self.captured.tables.functions, key);
        asm.jump_if(Cond::Eq, R0, 0, over).load(Size::U32, R1, R0, layout::COUNTERS).store(Size::U32, R10, key, R1);
        look_up(asm, self.counters, key);
        asm.jump_if(Cond::Eq, R0, 0, over);
    }

    /// `R0 =` process and thread, as [`control`] numbers them.
    fn ids(self, asm: &mut Assembler, at: i32) {
        let (plain, have) = (asm.label("own_numbers"), asm.label("have_ids"));
        asm.map_value(R3, self.control, 0).load(Size::U64, R1, R3, control::NAMESPACE_DEVICE as i32);
        asm.jump_if(Cond::Eq, R1, 0, plain).load(Size::U64, R2, R3, control::NAMESPACE_INODE as i32);
        asm.store(Size::U64, R10, at, 0).frame(R3, at).mov(R4, 8).helper(Helper::GET_NS_CURRENT_PID_TGID);
        asm.load(Size::U32, R0, R10, at + 4).alu(AluOp::Lsh, R0, 32);
        asm.load(Size::U32, R1, R10, at).alu(AluOp::Or, R0, R1).jump(have);
        asm.place(plain).helper(Helper::GET_CURRENT_PID_TGID).place(have);
    }

    /// A short record of the hit in `hit`, whose frame is there; on to `full` if there is no room. `to` is lost.
    pub(super) fn of_hit(self, asm: &mut Assembler, hit: Reg, to: Reg, end: End, dropped: bool, full: Label) {
        let row = if dropped { self.captured.dropped } else { self.captured.end };
        asm.map(R1, self.ring).mov(R2, short::SIZE as i32).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
        asm.jump_if(Cond::Eq, R0, 0, full).mov(to, R0);
        time(asm, to);
        asm.load(Size::U64, R5, hit, hit::FRAME);
        fill(asm, to, R5, row);
        for (from, field) in [(hit::PID_TGID, record::PID_TGID), (hit::GOID, record::GOID)] {
            asm.load(Size::U64, R1, hit, from).store(Size::U64, to, field as i32, R1);
        }
        asm.store(Size::U32, to, short::END as i32, end as i32);
        submit(asm, to);
    }
}

fn time(asm: &mut Assembler, to: Reg) {
    asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, to, record::TIME as i32, R0);
}

/// All of a short record but for time, ids, goroutine and end.
fn fill(asm: &mut Assembler, to: Reg, frame: Reg, row: RowId) {
    asm.store(Size::U32, to, record::ROW as i32, row.0 as i32).store(Size::U32, to, record::STAT as i32, 0);
    asm.load(Size::U64, R1, frame, FRAME_CALL).store(Size::U64, to, short::ID as i32, R1);
    asm.load(Size::U64, R1, frame, FRAME_TIME).store(Size::U64, to, short::STARTED as i32, R1);
    asm.load(Size::U32, R1, frame, FRAME_FLAGS).alu(AluOp::Rsh, R1, FRAME_NUMBER_AT);
    asm.store(Size::U32, to, short::DEPTH as i32, R1);
    asm.load(Size::U32, R1, frame, FRAME_ROW).store(Size::U64, to, short::FUNCTION as i32, R1);
}

fn submit(asm: &mut Assembler, record: Reg) {
    asm.mov(R1, record).mov(R2, NO_WAKEUP).helper(Helper::RINGBUF_SUBMIT);
}

/// Adds one to a counter of the counters whose address stands there.
fn count(asm: &mut Assembler, base: Reg, at: i32, counter: u32) {
    asm.load(Size::U64, R1, base, at).mov(R2, 1).atomic(AtomicOp::Add, Width::W64, R1, counter as i32, R2);
}

/// Makes the functions that bodies of a program called, if they did.
pub(super) fn finish(asm: &mut Assembler, shared: &Shared<'_>, binary: Option<BinaryNo>, called: Option<Functions>) {
    let (Some(functions), Some(captured)) = (called, shared.captured) else { return };
    if captured.sleepable {
        asm.sleepable();
    }
    let (ring, caps, arch) = (shared.tables.ring, shared.caps, shared.plan.arch);
    functions.make(asm, Making { captured, ring, caps, arch, binary: binary.unwrap_or(BinaryNo(0)) });
}

/// Without this no call can be recorded.
pub(super) fn of(captured: Option<Captured>) -> Result<Captured, Refused> {
    match captured {
        Some(captured) => Ok(captured),
        None => refused("the plan records calls and does not say how", None),
    }
}

/// Whether programs that record calls may sleep, so that they can wait for pages.
fn sleepable(caps: Caps) -> bool {
    has_links(caps) && caps.has(Feature::SleepableUprobes) && caps.has(Feature::NoPreallocInTracing)
}
