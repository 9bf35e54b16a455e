//! Emitted programs run in the machine of `bpf::vm`, with registers and memory made up, on the newest kernel's
//! instructions and on the oldest one's; both must give the same.

mod after;
mod calls;
mod captures;
mod engines;
mod expressions;
mod flips;
mod goroutines;
mod interpret;
mod maps;
mod paired;
mod programs;
mod restraint;
mod sketch;
mod starts;
mod statements;
mod syscalls;
mod texts;

use std::fmt::Write as _;

use bpf::vm::{Segments, Vm};
use bpf::{Caps, MapId};
use event::decode::{self, What};
use event::{CallIndex, Folded, Schema, Snapshot, Value};
use expect_test::Expect;
use gobin::Arch;

use super::{Captures, Options, Restraint, emit};
use crate::fakes::Fake;
use plan::Plan;
use plan::machine::Register;
use program::{Program, control, counter, exit};

const CPUS: u32 = 2;
const TGID: u32 = 7;
const BIAS: u64 = 0x10_0000;

/// A script's plan in a world, and the tables of what it records.
fn compiled(text: &str, world: &Fake) -> (Plan, Captures) {
    let source = plan::Source { name: String::new(), text: text.to_owned() };
    let checked = probe::compile(&source, &[], world);
    let plan = checked.plan.unwrap_or_else(|| panic!("{}", probe::render(&checked.messages, &source)));
    let captures = Captures::of(&plan, world);
    (plan, captures)
}

/// What programs find: registers and memory.
#[derive(Clone, Default)]
struct World {
    registers: Vec<(&'static str, u64)>,
    memory: Segments,
    cookie: u64,
    context: Vec<u8>,
}

impl World {
    fn with(registers: &[(&'static str, u64)]) -> World {
        World { registers: registers.to_vec(), ..World::default() }
    }

    fn memory(mut self, at: u64, bytes: &[u8]) -> World {
        self.memory = self.memory.with(at, bytes);
        self
    }

    fn words(self, at: u64, words: &[u64]) -> World {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.memory(at, &bytes)
    }

    /// `struct pt_regs`.
    fn pt_regs(&self, ip: u64) -> Vec<u8> {
        let mut bytes = vec![0; 168];
        for (name, value) in self.registers.iter().chain([&("ip", ip)]) {
            let at = usize::from(Register::named(Arch::Amd64, name).unwrap().offset);
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

/// A run of a program's machine.
struct Trial {
    program: Program,
    vm: Vm,
}

impl Trial {
    /// Runs a plan that records no whole values.
    fn new(plan: &Plan, caps: Caps) -> Trial {
        Trial::recording(plan, &Captures::default(), caps, Restraint::default())
    }

    fn recording(plan: &Plan, captures: &Captures, caps: Caps, restraint: Restraint) -> Trial {
        Trial::with(plan, captures, caps, Options { restraint, ..Options::of_kernel(caps) })
    }

    fn with(plan: &Plan, captures: &Captures, caps: Caps, options: Options) -> Trial {
        let options = Options { ring: 1 << 16, ..options };
        let program = emit(plan, captures, caps, &options).unwrap();
        let again = emit(plan, captures, caps, &options).unwrap();
        let bytes = |program: &Program| program.programs().flat_map(bpf::Program::serialize).collect::<Vec<u8>>();
        assert!(bytes(&program) == bytes(&again) && program == again, "the same plan gave different programs");
        for one in program.programs() {
            assert_eq!(one.lacking(caps), [], "{} needs more than the kernel has", one.name());
        }
        let mut vm = Vm::new(&program.maps, CPUS).unwrap();
        vm.task.tgid = TGID;
        vm.task.pid = 8;
        vm.task.comm = "server".into();
        vm.task.boot_ns = 5_000;
        vm.task.stack = vec![0x50_1000, 0x50_2000];
        let mut run = Trial { program, vm };
        run.arm(1);
        let process = [TGID.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        let value = [1_u64.to_le_bytes(), BIAS.to_le_bytes()].concat();
        run.vm.put(run.program.tables.processes, &process, &value).unwrap();
        run
    }

    /// Hits count from now on, or do not.
    fn arm(&mut self, armed: u8) {
        self.control(armed, 0);
    }

    /// The run is over.
    fn over(&mut self) {
        self.control(0, 1);
    }

    fn control(&mut self, armed: u8, over: u8) {
        let mut control = vec![0; control::SIZE as usize];
        control[control::ARMED as usize] = armed;
        control[control::OVER as usize] = over;
        control[control::ARMED_AT as usize..][..8].copy_from_slice(&self.vm.task.boot_ns.to_le_bytes());
        self.vm.put(self.program.tables.control, &[0; 4], &control).unwrap();
    }

    /// One firing at the site that the world's cookie names.
    fn hit(&mut self, plan: &Plan, world: &World) {
        let cookie = world.cookie;
        let here = |user: &&program::UserProgram| user.sites.iter().any(|site| site.cookie == cookie);
        let user = self.program.users.iter().find(here).unwrap();
        let site = &plan.sites[cookie as usize];
        let ip = site.at.0 + BIAS;
        self.vm.task.cookie = cookie;
        let image = self.vm.load(&user.program).unwrap();
        self.vm.run(&image, &mut world.pt_regs(ip), &mut world.memory.clone()).unwrap();
    }

    fn event(&mut self, number: usize, world: &World) {
        let image = self.vm.load(&self.program.events[number].program).unwrap();
        let mut context = world.context.clone();
        context.resize(context.len().max(64), 0);
        self.vm.run(&image, &mut context, &mut world.memory.clone()).unwrap();
    }

    /// The records, oldest first, then the maps, then counters that are not 0.
    fn outcome(&mut self) -> String {
        let mut out = String::new();
        let schema = self.program.schema.clone();
        self.vm.drain(self.program.tables.ring, |record| {
            let event = decode::event(&schema, record).unwrap();
            assert!(event.header.time >= 5_000, "{}", event.header.time);
            let goid = if event.header.goid == 0 { String::new() } else { format!("[goid {}] ", event.header.goid) };
            let _ = writeln!(out, "{goid}{}", what(&schema, event.what));
        });
        for (map, &id) in schema.maps().iter().zip(&self.program.user_maps) {
            self.map(map, id, &mut out);
        }
        self.counters(&mut out);
        out.trim_end().to_owned()
    }

    fn map(&self, map: &event::MapSchema, id: MapId, out: &mut String) {
        let snapshot: Snapshot = Snapshot::fold(&self.program.schema, map, self.vm.entries(id));
        assert!(snapshot.damaged.is_empty(), "{:?}", snapshot.damaged);
        for entry in snapshot.entries {
            let key: Vec<String> = entry.key.iter().map(show).collect();
            let value = match &entry.value {
                Folded::Value(value) => show(value),
                other => format!("{other:?}"),
            };
            let _ = writeln!(out, "{}[{}] = {value}", snapshot.name, key.join(", "));
        }
    }

    fn counters(&self, out: &mut String) {
        let names = [
            (counter::FILTERED, "filtered"),
            (counter::LIMITED, "held back"),
            (counter::LOST, "lost"),
            (counter::UNREADABLE, "unreadable"),
            (counter::NO_SCRATCH, "without scratch"),
        ];
        for (field, name) in names {
            let n = self.counter(1, field);
            if n > 0 {
                let _ = writeln!(out, "{name}: {n}");
            }
        }
        for n in 0..self.program.user_maps.len() {
            let dropped = self.sum(self.program.tables.counters, self.program.tables.drops + n as u32, 0);
            if dropped > 0 {
                let _ = writeln!(out, "dropped of map {n}: {dropped}");
            }
        }
        let exit = self.vm.get(self.program.tables.exit, &[0; 4]).unwrap();
        if exit[exit::ASKED as usize] != 0 {
            let _ = writeln!(out, "exit {}", exit[exit::CODE as usize]);
        }
    }

    fn counter(&self, entry: u32, field: u32) -> u64 {
        self.sum(self.program.tables.counters, entry, field)
    }

    fn sum(&self, map: MapId, entry: u32, field: u32) -> u64 {
        let size = self.program.maps.get(map).unwrap().value_size as usize;
        let all = self.vm.get(map, &entry.to_le_bytes()).unwrap();
        let one = |cpu: &[u8]| u64::from_le_bytes(cpu[field as usize..][..8].try_into().unwrap());
        all.chunks(size).map(one).sum()
    }
}

fn what(schema: &Schema, what: What) -> String {
    match what {
        What::Printf { format, args, .. } => schema.format(format).unwrap().fill(&args, &show),
        What::PrintValue { value, .. } => format!("print {}", show(&value)),
        What::Call { call, bytes } | What::CallStart { call, bytes } => recorded(schema, call, &bytes),
        What::CallEnd(short) => format!("call {} at {}: {}", short.id, short.depth, ended(short.end)),
        What::CallDropped(short) => format!("call {} at {}: not wanted", short.id, short.depth),
        What::PrintEntry { map, key, .. } => format!("print entry of {map:?} at {key:?}"),
        other => format!("{other:?}"),
    }
}

fn ended(end: u32) -> &'static str {
    event::go::End::numbered(end).map_or("?", event::go::End::word)
}

/// The record of a call, its first register being all that is shown of its values.
fn recorded(schema: &Schema, call: CallIndex, bytes: &[u8]) -> String {
    use event::go::call::{DEPTH, END, ID, REGISTERS, STACK, STARTED};
    let word = |at: usize| u64::from_le_bytes(bytes[at..][..8].try_into().unwrap());
    let half = |at: usize| u32::from_le_bytes(bytes[at..][..4].try_into().unwrap());
    let of = schema.call(call).unwrap();
    assert_eq!((of.returns, half(END) != 0, word(STARTED) >= 5_000), (of.returns, of.returns, true));
    let what = if of.returns { ended(half(END)) } else { "begins" };
    let stack = if word(STACK) == 0 { "" } else { ", and who called" };
    format!("call {} at {}: {} {what} with {}{stack}", word(ID), half(DEPTH), of.name, word(REGISTERS))
}

fn show(value: &Value) -> String {
    match value {
        Value::Int(int) => int.value().to_string(),
        Value::Str(text) | Value::Buf(text) => format!("{}{}", text.lossy(), if text.cut { ".." } else { "" }),
        Value::Tuple(parts) => format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Unreadable => "<unreadable>".into(),
        Value::Id(id) if id.kind.has_process() => format!("{:?} of {:#x}", id.kind, id.process),
        Value::Id(id) => format!("{:?}({:#x})", id.kind, id.number),
        Value::Pointer(at) => format!("{at:#x}"),
        other => format!("{other:?}"),
    }
}

/// What one firing in such a world leaves, the same on all kernels.
fn outcome(plan: &Plan, world: &World) -> String {
    let mut answers = [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()].map(|caps| {
        let mut run = Trial::new(plan, caps);
        match plan.events.len() {
            0 => run.hit(plan, world),
            _ => run.event(0, world),
        }
        run.outcome()
    });
    let first = std::mem::take(&mut answers[0]);
    assert!(answers[1] == first && answers[2] == first, "kernels differ: {first}\n{}\n{}", answers[1], answers[2]);
    first
}

fn check(plan: &Plan, world: &World, expect: Expect) {
    expect.assert_eq(&outcome(plan, world));
}
