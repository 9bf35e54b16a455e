//! Whole calls: records of registers, words of the stack, and what their pointers lead to.
//!
//! ```text
//! capture(context, hit, end, stack)  takes scratch memory, writes the head, registers and words, and puts the record out
//! capture_take()                     takes scratch memory for a record that somebody else begins
//! capture_rest(slot, hit)            follows what that begins with, and puts the record out
//! capture_run(slot)                  turns until nothing is left to follow
//! capture_step(slot)                 some turns
//! ```
//!
//! The last two are *global* functions: the verifier looks at each once, however many turns there are. They know nothing
//! but the number of a slot, and everything that outlives a turn is in the slot, of which the verifier remembers
//! nothing; so every number that is read from there is compared with a bound before it becomes part of an address.
//!
//! A turn does what the interpreter of the tests does, step by step.
//!
//! Where a record has nothing but registers, its size is known beforehand, and it is made in the ring itself: without
//! scratch memory and turns, and without the wait at the end for the ring's memory, which other CPUs have read, to come
//! here. Reserved at the beginning, it comes while the record is made.

mod printed;
mod short;
mod step;

use std::collections::BTreeSet;

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Assembler, Caps, Entries, FunctionId, Helper, Label, Linkage, MapId, MapKind, MapSpec, Maps, Reg};
use event::go::call;
use event::record;
use event::{CallIndex, PrintedIndex, Row, RowId, Schema};
use gobin::Arch;

use super::memory::{Place, SCRATCH_SLOTS};
use super::{Refused, Shared, hit, refused, scratch};
use crate::capture::Captures;
use plan::machine::Register;
use plan::{BinaryNo, FuncNo, Plan};
use program::CaptureTables;
use program::capture::{BINARY_AT, Hidden, MOST_BYTES, MOST_CHUNK, MOST_STACK, layout};
use program::frames::{self, FRAME_CALL, FRAME_FLAGS, FRAME_HITS, FRAME_NUMBER_AT, FRAME_TIME};
use step::Step;

pub(super) use printed::{Print, begin, instance, record};
pub(super) use short::{Shorts, origin};

use Reg::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};

/// Bytes of stack that the three functions take, as the kernel rounds them.
pub(super) const STACK: i32 = 128;

/// Turns for which the verifier goes through the code: as many for each call of `capture_step`.
const TURNS: i32 = 4;
/// `BPF_RB_NO_WAKEUP`.
const NO_WAKEUP: i32 = 1;

/// Values that wait to be followed.
pub(super) const QUEUE: u32 = 256;
/// Remembered pointers that were followed.
pub(super) const VISITED: u32 = 256;
/// Words of a closure, behind its code, that may be its dictionary.
pub(super) const IN_CLOSURE: u32 = 15;
/// Room for ops that come while programs run.
const LATER_OPS: u32 = 8192;
/// Room for types that come while programs run.
const LATER_TYPES: u32 = 4096;
/// Room for interfaces' types that are in no file.
const LATER_MET: u32 = 4096;

/// How often the machine turns for a record of so many bytes: a chunk or an element each time, or an op.
pub(super) const fn turns(bytes: u32) -> u32 {
    let turns = bytes / 8;
    if turns < 256 { 256 } else { turns }
}

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
    /// The process's number.
    pub(super) const PROCESS: i32 = 88;
    /// The slot's own.
    pub(super) const NUMBER: i32 = 92;
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
    /// Integer registers in a record.
    registers: usize,
    /// Calls are recorded, not only values printed.
    pub(super) records: bool,
    /// The first of the plan's [`Captures::printed`].
    pub(super) printed: PrintedIndex,
    /// Some dictionary is in a closure.
    closures: bool,
    /// Where frames keep which instance of a generic function was called.
    instance: Option<i32>,
}

impl Captured {
    /// Adds what a plan needs; nothing if it records no calls.
    pub(super) fn add(
        (plan, captures): (&Plan, &Captures),
        sleepable: bool,
        frames: Option<&frames::Tables>,
        maps: &mut Maps,
        schema: &mut Schema,
    ) -> Result<Option<Captured>, Refused> {
        if captures.is_empty() {
            return Ok(None);
        }
        let alone = alone(plan, captures);
        let first = schema.add_calls(captures.calls.clone(), captures.types.clone()).0;
        let printed = schema.add_printed(captures.printed.values().map(|print| print.values.clone()).collect());
        let row = |call: u32| match alone.contains(&call) {
            true => Row::CallStart(CallIndex(first + call)),
            false => Row::Call(CallIndex(first + call)),
        };
        let calls = 0..captures.calls.len() as u32;
        let rows: Vec<RowId> = calls.map(|call| schema.append_row(row(call))).collect();
        let tables = &captures.tables;
        let types: Vec<u8> = tables.types.iter().flat_map(layout::ty).collect();
        let ops: Vec<u8> = tables.ops.iter().flat_map(layout::op).collect();
        let mut array = |name: &str, size: u32, contents: Vec<u8>, later: u32| {
            let entries = (contents.len() as u32 / size + later).max(1);
            maps.add(MapSpec::array(name, size, Entries::Fixed(entries)).contents(contents))
        };
        let functions = array("call_functions", layout::FUNCTION, functions(plan, captures, &rows), 0)?;
        let types = array("call_types", layout::TYPE, types, LATER_TYPES)?;
        let ops = array("call_ops", layout::OP, ops, LATER_OPS)?;
        let dynamic = maps.add(dynamic(captures))?;
        let instances = instances(plan, captures).map(|of| maps.add(of)).transpose()?;
        let met = maps.add(MapSpec::hash("call_met", MapKind::Hash, layout::MET, 4, LATER_MET))?;
        let slots = maps.add(MapSpec::array("call_slots", slot::SIZE, Entries::PerCpu(SCRATCH_SLOTS as u32)))?;
        let all = tables.functions.iter().chain(captures.printed.values().map(|print| &print.by));
        let most = all.map(|function| turns(function.bytes)).max().unwrap_or(0);
        Ok(Some(Captured {
            tables: CaptureTables { functions, instances, types, ops, dynamic, met, slots },
            end: schema.add_row(Row::CallEnd),
            dropped: schema.add_row(Row::CallDropped),
            calls: (most / TURNS as u32) as i32,
            sleepable,
            registers: captures.registers.into(),
            records: !captures.rows.is_empty(),
            printed,
            closures: captures.rows.values().any(|of| of.dictionary == Some(Hidden::InClosure)),
            instance: frames.filter(|_| has_returns(plan)).map(frames::Tables::last_saved),
        }))
    }
}

/// Whether there are calls whose beginnings and returns are both recorded: then frames have a word for what the first
/// has found out about the type arguments.
pub(super) fn has_returns(plan: &Plan) -> bool {
    plan.recorded.values().any(|calls| !calls.alone)
}

/// The beginnings of calls of which nothing else is recorded.
fn alone(plan: &Plan, captures: &Captures) -> BTreeSet<u32> {
    let is_alone = |row: u32| plan.recorded.get(&FuncNo(row)).is_some_and(|calls| calls.alone);
    let rows = captures.rows.iter().filter(|(row, _)| is_alone(**row));
    let own = rows.clone().map(|(_, of)| of.begins);
    let instances = rows.flat_map(|(&number, _)| captures.instances.range((number, 0)..=(number, u64::MAX)));
    own.chain(instances.map(|(_, of)| of.begins)).collect()
}

/// The contents of [`CaptureTables::instances`]: in the order of what [`functions`] has behind the plan's functions.
fn instances(plan: &Plan, captures: &Captures) -> Option<MapSpec> {
    let recorded =
        captures.instances.keys().map(|&(function, dictionary)| layout::instance(function.into(), dictionary));
    let printed = captures.printed.values().zip(PRINTED..).flat_map(|(print, number)| {
        print.instances.keys().map(move |&dictionary| layout::instance(number, dictionary))
    });
    let keys: Vec<_> = recorded.chain(printed).collect();
    let pairs = keys.iter().zip(plan.functions.len() as u32..);
    let contents = pairs.flat_map(|(key, pair)| key.iter().copied().chain(pair.to_le_bytes())).collect();
    let spec = MapSpec::hash("call_instances", MapKind::Hash, layout::INSTANCE, 4, keys.len() as u32);
    (!keys.is_empty()).then(|| spec.contents(contents))
}

/// What stands for the first of [`Captures::printed`] where a key of [`CaptureTables::instances`] has a function.
pub(super) const PRINTED: u64 = 1 << 32;

/// The contents of [`CaptureTables::functions`]. Those whose calls are not recorded have empty rows.
fn functions(plan: &Plan, captures: &Captures, rows: &[RowId]) -> Vec<u8> {
    let none = [0; 2 * layout::FUNCTION as usize].to_vec();
    let both = |number: u32, [begins, returns]: [u32; 2]| {
        let (recorded, calls) = (captures.rows.get(&number)?, plan.recorded.get(&FuncNo(number))?);
        let one = |call: u32| {
            let function = captures.tables.functions.get(call as usize)?;
            let row = rows.get(call as usize)?.0;
            Some(layout::function(function, row, 1 + calls.point.0, recorded.dictionary))
        };
        Some([one(begins)?, one(returns)?].concat())
    };
    let own = (0..plan.functions.len() as u32).map(|number| {
        let of = captures.rows.get(&number)?;
        both(number, [of.begins, of.returns])
    });
    let instances = captures.instances.iter().map(|((number, _), of)| both(*number, [of.begins, of.returns]));
    let printed = captures.printed.values().flat_map(|print| print.instances.values());
    let printed = printed.map(|by| Some([layout::function(by, 0, 0, None); 2].concat()));
    own.chain(instances).chain(printed).flat_map(|both| both.unwrap_or_else(|| none.clone())).collect()
}

fn dynamic(captures: &Captures) -> MapSpec {
    let known = &captures.tables.dynamic;
    let contents = known.iter().flat_map(|(key, op)| key.to_le_bytes().into_iter().chain(op.to_le_bytes())).collect();
    MapSpec::hash("call_dynamic", MapKind::Hash, 8, 4, known.len().max(1) as u32).contents(contents)
}

/// The functions of a program that records calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    capture: Option<FunctionId>,
    /// Those that print values.
    print: Option<Print>,
    run: FunctionId,
    step: FunctionId,
}

impl Functions {
    pub(super) fn declare(asm: &mut Assembler) -> Functions {
        let run = asm.declare("capture_run", Linkage::Global, &["slot"]);
        let step = asm.declare("capture_step", Linkage::Global, &["slot"]);
        Functions { capture: None, print: None, run, step }
    }

    /// `capture`
    pub(super) fn capture(&mut self, asm: &mut Assembler) -> FunctionId {
        *self.capture.get_or_insert_with(|| asm.declare("capture", Linkage::Static, &["ctx", "hit", "end", "stack"]))
    }

    /// `capture_take` and `capture_rest`
    pub(super) fn print(&mut self, asm: &mut Assembler) -> Print {
        *self.print.get_or_insert_with(|| Print::declare(asm))
    }

    /// Makes them. Behind a caller, as all functions.
    pub(super) fn make(self, asm: &mut Assembler, of: Making) {
        if let Some(capture) = self.capture {
            asm.begin(capture);
            Capture { asm, of, functions: self, record: 0 }.capture();
        }
        if let Some(print) = self.print {
            print.make(asm, of, self.run);
        }
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

/// `capture`: R6 is the context, R7 the hit, R8 how the call ends (0 where it begins), R9 the slot, or the record in the
/// ring.
struct Capture<'a> {
    asm: &'a mut Assembler,
    of: Making,
    functions: Functions,
    /// How far behind R9 the record is.
    record: i32,
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
/// Where keys of instances are once these two are in the record.
const KEY: i32 = -32;

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
        self.registers_alone(out);
        self.record = slot::RECORD;
        let key = Place::at(R10, NUMBER);
        scratch::take(self.asm, self.of.caps, self.of.captured.tables.slots, key, R8, R9, taken);
        self.asm.mov(R0, 1).jump(out).place(taken);
        self.head();
        self.registers();
        self.stack(release);
        if let Some(instances) = self.of.captured.tables.instances {
            self.instance(instances);
        }
        self.state();
        self.asm.load(Size::U32, R1, R10, NUMBER).call(self.functions.run);
        put_out(self.asm, self.of.ring, R9, release);
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

    /// Makes the record in the ring if nothing is behind its registers, and goes on to `out`.
    fn registers_alone(&mut self, out: Label) {
        let (more, full) = (self.asm.label("more_than_registers"), self.asm.label("no_room"));
        // Both halves: ops, and words of the stack.
        self.asm.load(Size::U32, R1, R0, layout::OPS).jump_if(Cond::Ne, R1, 0, more);
        self.asm.load(Size::U32, R1, R0, layout::DICTIONARY).jump_if(Cond::Ne, R1, 0, more);
        let bytes = call::REGISTERS + 8 * self.of.captured.registers;
        self.asm.map(R1, self.of.ring).mov(R2, bytes as i32).mov(R3, 0).helper(Helper::RINGBUF_RESERVE);
        self.asm.jump_if(Cond::Eq, R0, 0, full).mov(R9, R0);
        self.head();
        self.registers();
        self.asm.mov(R1, R9).mov(R2, NO_WAKEUP).helper(Helper::RINGBUF_SUBMIT).mov(R0, 0).jump(out);
        self.asm.place(full).mov(R0, 1).jump(out).place(more);
    }

    fn head(&mut self) {
        let start = self.record;
        let field = |at: usize| start + at as i32;
        let (none, have, ends) = (self.asm.label("no_frame"), self.asm.label("frame"), self.asm.label("ends"));
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, R9, field(record::TIME), R0);
        origin(self.asm, R7, Place::at(R9, start));
        self.asm.load(Size::U64, R1, R7, hit::SP).store(Size::U64, R9, field(call::SP), R1);
        self.asm.load(Size::U64, R2, R10, FUNCTION).load(Size::U32, R1, R2, layout::ROW);
        self.asm.store(Size::U32, R9, field(record::ROW), R1);
        self.asm.store(Size::U32, R9, field(record::STAT), 0);
        self.asm.load(Size::U64, R2, R7, hit::FRAME).jump_if(Cond::Eq, R2, 0, none);
        for (from, to) in [(FRAME_CALL, call::ID), (FRAME_TIME, call::STARTED), (FRAME_HITS, call::INNER_HITS)] {
            self.asm.load(Size::U64, R1, R2, from).store(Size::U64, R9, field(to), R1);
        }
        self.asm.load(Size::U32, R1, R2, FRAME_FLAGS).alu(AluOp::Rsh, R1, FRAME_NUMBER_AT).jump(have);
        self.asm.place(none).store(Size::U64, R9, field(call::ID), 0);
        self.asm.store(Size::U64, R9, field(call::STARTED), R0).mov(R1, 0);
        self.asm.place(have).store(Size::U32, R9, field(call::DEPTH), R1);
        self.asm.load(Size::U64, R1, R10, ENDS).store(Size::U32, R9, field(call::END), R1);
        self.asm.jump_if(Cond::Ne, R1, 0, ends).store(Size::U64, R9, field(call::INNER_HITS), 0).place(ends);
        self.asm.load(Size::U64, R1, R10, CALLERS).store(Size::U64, R9, field(call::STACK), R1);
    }

    fn registers(&mut self) {
        let (pc, context) = match self.of.arch {
            Arch::Amd64 => ("ip", "dx"),
            Arch::Arm64 => ("pc", "r26"),
        };
        self.register(Register::named(self.of.arch, pc), call::PC);
        self.register(Register::named(self.of.arch, context), call::CONTEXT);
        for n in 0..self.of.captured.registers {
            self.register(Register::of_value(self.of.arch, n), call::REGISTERS + 8 * n);
        }
    }

    fn register(&mut self, register: Option<Register>, to: usize) {
        let from = register.map_or(0, |register| i32::from(register.offset));
        self.asm.load(Size::U64, R1, R6, from).store(Size::U64, R9, self.record + to as i32, R1);
    }

    /// The words of the stack, from the first argument's place on.
    fn stack(&mut self, release: Label) {
        let (none, fine, read) = (self.asm.label("no_words"), self.asm.label("words_fit"), self.asm.label("words"));
        let words = field(call::REGISTERS + 8 * self.of.captured.registers);
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

    /// If the function is generic, and its dictionary one that is known, goes on with the row for those type arguments.
    /// Where it returns nobody has the dictionary any more: the frame remembers.
    fn instance(&mut self, instances: MapId) {
        let [returns, chosen, row, done] =
            ["of_return", "instance", "row", "type_arguments"].map(|name| self.asm.label(name));
        self.asm.comment("type arguments").load(Size::U64, R2, R10, FUNCTION);
        self.asm.load(Size::U32, R8, R2, layout::DICTIONARY).jump_if(Cond::Eq, R8, 0, done);
        self.asm.load(Size::U32, R1, R9, field(call::END)).jump_if(Cond::Ne, R1, 0, returns);
        self.find_instance(instances);
        if let Some(kept) = self.of.captured.instance {
            self.asm.load(Size::U64, R2, R7, hit::FRAME).jump_if(Cond::Eq, R2, 0, chosen);
            self.asm.store(Size::U64, R2, kept, R8);
        }
        self.asm.jump(chosen).place(returns);
        match self.of.captured.instance {
            Some(kept) => {
                self.asm.load(Size::U64, R2, R7, hit::FRAME).jump_if(Cond::Eq, R2, 0, done);
                self.asm.load(Size::U64, R8, R2, kept)
            }
            None => self.asm.jump(done),
        };
        self.asm.place(chosen).jump_if(Cond::Eq, R8, 0, done).alu(AluOp::Lsh, R8, 1);
        self.asm.load(Size::U32, R1, R9, field(call::END)).jump_if(Cond::Eq, R1, 0, row).add(R8, 1);
        self.asm.place(row).store(Size::U32, R10, KEY, R8);
        look_up(self.asm, self.of.captured.tables.functions, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, done).store(Size::U64, R10, FUNCTION, R0);
        self.asm.load(Size::U32, R1, R0, layout::ROW).store(Size::U32, R9, field(record::ROW), R1).place(done);
    }

    /// `R8 =` half the place of the row for what the dictionary says, 0 if that is not known. At first it is where the
    /// dictionary is, and `R2` the function's row.
    fn find_instance(&mut self, instances: MapId) {
        let [fine, none, done] = ["not_lost", "no_instance", "instance_found"].map(|name| self.asm.label(name));
        self.asm.load(Size::U64, R1, R7, hit::FUNCTION).store(Size::U64, R10, KEY + layout::DICTIONARY_OF, R1);
        if self.of.captured.closures {
            self.find_in_closure(instances, none, done);
        }
        self.asm.load(Size::U64, R1, R2, layout::LOST_IF).jump_if(Cond::Eq, R1, 0, fine);
        self.asm.load(Size::U64, R3, R9, field(call::REGISTERS + 8)).load(Size::U64, R4, R7, hit::BIAS);
        self.asm.alu(AluOp::Sub, R3, R4).jump_if(Cond::Eq, R3, R1, none).place(fine);
        let most = 8 * (self.of.captured.registers as i32 + i32::from(MOST_STACK));
        self.asm.jump_if(Cond::Gt, R8, most, none).mov(R1, R9).add(R1, R8).load(
            Size::U64,
            R1,
            R1,
            field(call::CONTEXT),
        );
        self.look_up_instance(instances, none);
        self.asm.jump(done).place(none).mov(R8, 0).place(done);
    }

    /// The same for a dictionary that is in a closure, behind what else it keeps: nothing but a dictionary has the address
    /// of one.
    fn find_in_closure(&mut self, instances: MapId, none: Label, done: Label) {
        let (passed, word) = (self.asm.label("passed"), slot::QUEUED);
        self.asm.jump_if(Cond::Ne, R8, layout::IN_CLOSURE as i32, passed);
        // One after the other: what is behind the closure may be on a page that is not there.
        for number in 1..=IN_CLOSURE as i32 {
            let next = self.asm.label("next_word");
            self.asm.mov(R1, R9).add(R1, word).mov(R2, 8);
            self.asm.load(Size::U64, R3, R9, field(call::CONTEXT)).add(R3, 8 * number);
            self.asm.helper(Helper::PROBE_READ_USER).jump_if(Cond::Ne, R0, 0, none);
            self.asm.load(Size::U64, R1, R9, word);
            self.look_up_instance(instances, next);
            self.asm.jump(done).place(next);
        }
        self.asm.jump(none).place(passed);
    }

    /// `R8 =` what is known of the dictionary whose address is in `R1`; on to `not` if nothing is.
    fn look_up_instance(&mut self, instances: MapId, not: Label) {
        self.asm.load(Size::U64, R2, R7, hit::BIAS).alu(AluOp::Sub, R1, R2);
        self.asm.number(R2, u64::from(self.of.binary.0) << BINARY_AT).add(R1, R2);
        self.asm.store(Size::U64, R10, KEY + layout::DICTIONARY_AT, R1);
        look_up(self.asm, instances, KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, not).load(Size::U32, R8, R0, 0);
    }

    /// What the turns start with.
    fn state(&mut self) {
        let words = call::REGISTERS + 8 * self.of.captured.registers;
        self.asm.load(Size::U64, R3, R10, FUNCTION);
        self.asm.load(Size::U16, R1, R3, layout::STACK).alu(AluOp::Lsh, R1, 3).add(R1, words as i32);
        self.asm.store(Size::U32, R9, slot::POS, R1);
        self.asm.load(Size::U32, R1, R3, layout::BYTES).store(Size::U32, R9, slot::BUDGET, R1);
        self.asm.load(Size::U32, R1, R3, layout::DEPTH).store(Size::U32, R9, slot::LEFT, R1);
        self.asm.load(Size::U32, R1, R3, layout::FIRST).store(Size::U32, R9, slot::OP, R1);
        self.asm.load(Size::U16, R2, R3, layout::OPS).add(R1, R2).store(Size::U32, R9, slot::OPS_END, R1);
        self.asm.store(Size::U32, R9, slot::AT, call::REGISTERS as i32);
        beginning(self.asm, R9, R7, self.of.binary);
    }
}

/// Puts the record of a slot out; answers 0 in `R0` if it is in the ring.
fn put_out(asm: &mut Assembler, ring: MapId, slot: Reg, release: Label) {
    let fits = asm.label("fits");
    let most = (MOST_BYTES + MOST_CHUNK) as i32;
    asm.load(Size::U32, R3, slot, slot::POS).jump_if(Cond::Le, R3, most, fits).mov(R0, 1).jump(release);
    asm.place(fits).map(R1, ring).mov(R2, slot).add(R2, slot::RECORD).mov(R4, NO_WAKEUP);
    asm.helper(Helper::RINGBUF_OUTPUT);
}

/// What the turns of any record start with.
fn beginning(asm: &mut Assembler, slot: Reg, hit: Reg, binary: BinaryNo) {
    for field in [slot::MORE, slot::MASK, slot::NEXT, slot::WAITING] {
        asm.store(Size::U32, slot, field, 0);
    }
    asm.load(Size::U32, R1, slot, slot::EPOCH).add(R1, 1).store(Size::U32, slot, slot::EPOCH, R1);
    asm.load(Size::U64, R1, hit, hit::BIAS).store(Size::U64, slot, slot::BIAS, R1);
    asm.load(Size::U64, R1, hit, hit::PROCESS).store(Size::U32, slot, slot::PROCESS, R1);
    asm.number(R1, u64::from(binary.0) << BINARY_AT).store(Size::U64, slot, slot::BINARY, R1);
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

pub(super) fn look_up(asm: &mut Assembler, map: MapId, key: i32) {
    asm.map(R1, map).frame(R2, key).helper(Helper::MAP_LOOKUP_ELEM);
}

fn or_stat(asm: &mut Assembler, slot: Reg, bit: u32) {
    let stat = slot::RECORD + record::STAT as i32;
    asm.load(Size::U32, R1, slot, stat).alu(AluOp::Or, R1, bit as i32).store(Size::U32, slot, stat, R1);
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
