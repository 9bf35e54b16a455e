//! What stands before the bodies: whether this firing counts at all, whose it is, which site was hit, which goroutine
//! runs; then the bodies of that site, one after the other.

use std::collections::BTreeMap;

use bpf::caps::Feature;
use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Assembler, FunctionId, Helper, Kind, Label, Linkage, Reg};
use gobin::Arch;
use gobin::insn::Class;

use super::body::{self, CONTEXT, R0, R1, R2, R3, R4};
use super::expr::LOWEST;
use super::ids::Ids;
use super::{Refused, Shared, capture, ends, hit, pairs, refused, threads};
use crate::frames::Frames;
use plan::limits;
use plan::machine::Register;
use plan::target::{Hook, HookKind};
use plan::{Also, BinaryNo, Event, FuncNo, Function, GroupNo, On, Over, Plan, Run, SaveNo, Site, Syscall};
use program::{
    EventProgram, HookProgram, HookSite, ProgramSite, UserProgram, control, counter, exit, firing, process, site,
    starts,
};

/// Where the hit is in the frame of the entry.
pub(super) const HIT: i32 = -hit::SIZE;
/// Words for keys and what is read, below it.
pub(super) const WORD: i32 = HIT - 16;
/// The number of the place that was hit.
const PLACE: i32 = HIT + hit::PLACE;
/// Below the words: where the process's number is kept for the next hit, and behind which changes of the table.
const KEPT: i32 = WORD - 8;
const CHANGES: i32 = WORD - 16;
/// In the cookie of a place of the runtime, above which its address is.
const KIND_BITS: i32 = 8;
/// In the key of [`program::Tables::addresses`]: a place of the runtime, not a site of the text.
pub(super) const OF_A_HOOK: u32 = 1;
/// The site's row.
pub(super) const ROW: Reg = Reg::R8;
/// Which code runs.
const DISPATCH: Reg = Reg::R9;
/// A program has at most 256 functions (`BPF_MAX_SUBPROGS`), and one jump reaches 32 767 slots.
const MOST_VARIANTS: usize = 200;
/// Up to so many instructions it does not matter how often the verifier goes through the bodies.
const SETTLED: u64 = 4_000;

/// What runs at a site. Sites with the same of it have the same number of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Action {
    binary: BinaryNo,
    returning: bool,
    entry: Option<GroupNo>,
    exit: Option<GroupNo>,
    here: Option<GroupNo>,
    syscall: Option<Syscall>,
    /// Calls are recorded.
    enters: bool,
    saves: Option<SaveNo>,
    /// Calls are looked up.
    leaves: bool,
    /// The site where calls that were inlined begin or end, too: no other has the same of it.
    also: Option<usize>,
}

impl Action {
    fn of(plan: &Plan, (number, site): (usize, &Site)) -> Action {
        let function = plan.functions.get(site.function.index());
        let paired = !site.native_return && function.is_some_and(Function::is_paired);
        Action {
            binary: function.map_or(BinaryNo(0), |function| function.binary),
            returning: site.native_return,
            entry: site.entry.as_ref().and_then(|entry| entry.group),
            exit: site.exit.as_ref().and_then(|exit| exit.group),
            here: site.here,
            syscall: site.syscall,
            enters: paired && site.entry.is_some(),
            saves: site.entry.as_ref().filter(|_| paired).and_then(|entry| entry.saves),
            leaves: paired && site.exit.is_some(),
            also: (!site.also.is_empty() || !site.over.is_empty()).then_some(number),
        }
    }

    fn groups(self, plan: &Plan) -> impl Iterator<Item = GroupNo> {
        let also = self.also(plan).iter().map(|also| also.group);
        let over = self.over(plan).iter().map(|over| over.group);
        [self.entry, self.exit, self.here].into_iter().flatten().chain(also).chain(over)
    }

    fn also(self, plan: &Plan) -> &[Also] {
        self.also.and_then(|number| plan.sites.get(number)).map_or(&[], |site| &site.also)
    }

    fn over(self, plan: &Plan) -> &[Over] {
        self.also.and_then(|number| plan.sites.get(number)).map_or(&[], |site| &site.over)
    }

    fn pairs(self, plan: &Plan) -> bool {
        let of_inlined = || self.also(plan).iter().any(|also| is_paired(plan, also.function));
        self.enters || self.leaves || !self.over(plan).is_empty() || of_inlined()
    }
}

fn is_paired(plan: &Plan, function: FuncNo) -> bool {
    plan.functions.get(function.index()).is_some_and(Function::is_paired)
}

/// All actions with their numbers, those of one binary side by side.
fn actions(plan: &Plan) -> BTreeMap<Action, u32> {
    let mut actions: BTreeMap<Action, u32> =
        plan.sites.iter().enumerate().map(|site| (Action::of(plan, site), 0)).collect();
    actions.values_mut().zip(0..).for_each(|(number, n)| *number = n);
    actions
}

/// The contents of [`program::Tables::sites`].
pub(super) fn site_rows(plan: &Plan) -> Vec<u8> {
    let actions = actions(plan);
    let rows = plan.sites.iter().enumerate().map(|one| {
        let dispatch = actions.get(&Action::of(plan, one)).copied().unwrap_or_default();
        site_row(plan, one.1, dispatch)
    });
    rows.flatten().collect()
}

fn site_row(plan: &Plan, one: &Site, dispatch: u32) -> Vec<u8> {
    let (entry, exit) = (one.entry.as_ref(), one.exit.as_ref());
    let restored = entry.and_then(|entry| entry.restored.as_ref());
    let start = plan.functions.get(one.function.index()).map_or(0, |function| function.entry.0);
    let looping = entry.filter(|entry| entry.loop_head).map_or(0, |_| site::LOOP_HEAD);
    let tail = exit.filter(|exit| exit.tail).map_or(0, |_| site::TAIL);
    let grown = restored.map_or(0, |restored| start.wrapping_add(u64::from(restored.behind_call)));
    let mut row = Vec::with_capacity(site::SIZE as usize);
    row.extend(one.function.0.to_le_bytes());
    row.extend(dispatch.to_le_bytes());
    let sp_adjust = entry.map(|entry| entry.sp_adjust).or(one.syscall.map(Syscall::sp_adjust));
    row.extend(sp_adjust.unwrap_or(0).to_le_bytes());
    row.extend(restored.map_or(u16::MAX, |restored| restored.registers.ints).to_le_bytes());
    row.extend((looping | tail).to_le_bytes());
    row.extend(grown.to_le_bytes());
    for word in pairs::words(plan, one) {
        row.extend(word.to_le_bytes());
    }
    row.extend(one.at.0.to_le_bytes());
    row
}

/// The programs at sites: one for each binary, more if a program would become too large.
pub(super) fn users(shared: &mut Shared<'_>) -> Result<Vec<UserProgram>, Refused> {
    let all: Vec<(Action, u32)> = actions(shared.plan).into_iter().collect();
    let mut programs = Vec::new();
    let mut rest = all.as_slice();
    while let Some((first, _)) = rest.first() {
        let (now, later) = rest.split_at(share(shared, first, rest)?);
        let is_go = shared.plan.binaries.get(first.binary.index()).is_some_and(|binary| binary.go);
        if (first.returning || !is_go) && !shared.has_cookies() {
            alone(shared, now, &mut programs)?;
        } else {
            let sites = sites(shared.plan, now);
            programs.push(user(shared, now, sites, None)?);
        }
        rest = later;
    }
    Ok(programs)
}

/// How many actions go into one program: as many as its number of functions allows, and as the verifier goes through,
/// which does so with a body anew for each action that runs it.
fn share(shared: &Shared<'_>, first: &Action, actions: &[(Action, u32)]) -> Result<usize, Refused> {
    let (mut variants, mut all) = (std::collections::BTreeSet::new(), 0_u64);
    for (n, (action, _)) in actions.iter().enumerate() {
        if (action.binary, action.returning) != (first.binary, first.returning) {
            return Ok(n);
        }
        for group in action.groups(shared.plan) {
            variants.extend(shared.group(group)?.runs.iter().map(|run| (false, run.variant.0)));
        }
        all = all.saturating_add(steps(shared, *action)?);
        variants.extend(action.saves.map(|saves| (true, saves.0)));
        if (variants.len() > MOST_VARIANTS || all > limits::STEPS) && n > 0 {
            return Ok(n);
        }
    }
    Ok(actions.len())
}

/// How many instructions the bodies of an action come to.
fn steps(shared: &Shared<'_>, action: Action) -> Result<u64, Refused> {
    let weight = |run: &Run| shared.weights.get(run.variant.index()).map_or(0, |weight| weight.steps);
    action.groups(shared.plan).map(|group| Ok(shared.group(group)?.runs.iter().map(weight).sum::<u64>())).sum()
}

/// Without cookies a return cannot tell where it is, nor can code that may be anywhere in whatever process maps it, as
/// libraries are: each site has a program of its own.
fn alone(shared: &mut Shared<'_>, actions: &[(Action, u32)], programs: &mut Vec<UserProgram>) -> Result<(), Refused> {
    for one in sites(shared.plan, actions) {
        programs.push(user(shared, actions, vec![one], Some(one.cookie))?);
    }
    Ok(())
}

fn sites(plan: &Plan, actions: &[(Action, u32)]) -> Vec<ProgramSite> {
    let known: std::collections::BTreeSet<Action> = actions.iter().map(|(action, _)| *action).collect();
    let ours = plan.sites.iter().enumerate().filter(|site| known.contains(&Action::of(plan, *site)));
    ours.map(|(n, site)| ProgramSite { file: site.file, cookie: n as u64, function: site.function }).collect()
}

fn user(
    shared: &mut Shared<'_>,
    actions: &[(Action, u32)],
    sites: Vec<ProgramSite>,
    only: Option<u64>,
) -> Result<UserProgram, Refused> {
    let Some((Action { binary, returning, .. }, _)) = actions.first().copied() else {
        return refused("a program without sites", None);
    };
    let steps = actions.iter().map(|(action, _)| steps(shared, *action)).sum::<Result<u64, Refused>>()?;
    let heavy = steps > SETTLED;
    let kind = shared.kind();
    let name = format!("{}_{}", if returning { "returns" } else { "sites" }, binary.0);
    let mut entry = Entry::new(shared, &name, kind, Some(binary));
    entry.begin(true, true);
    if entry.shared.has_cookies() || only.is_some() {
        // Hits of others cost as much.
        entry.which(binary, only);
        entry.whose(binary, !returning);
    } else {
        entry.whose(binary, false);
        entry.which(binary, only);
    }
    entry.row();
    if !returning {
        entry.where_loaded();
    }
    entry.what();
    let pairs = actions.iter().any(|(action, _)| action.pairs(entry.shared.plan));
    if pairs || entry.shared.plan.asks_marks(binary) {
        entry.pair(binary)?;
    } else {
        entry.goroutine(binary)?;
    }
    if heavy {
        entry.settle();
    }
    entry.dispatch(actions)?;
    Ok(UserProgram { binary, returning, program: entry.finish()?, sites })
}

/// The programs without sites.
pub(super) fn events(shared: &mut Shared<'_>) -> Result<Vec<EventProgram>, Refused> {
    let plan = shared.plan;
    let events = plan.events.iter().enumerate();
    events.filter_map(|(n, event)| event_program(shared, event, n).transpose()).collect()
}

/// The program of an event, unless a prelude runs its bodies.
fn event_program(shared: &mut Shared<'_>, event: &Event, number: usize) -> Result<Option<EventProgram>, Refused> {
    let (kind, name, always) = match &event.on {
        On::Begin => (Kind::RawTracepoint, "begin".to_owned(), true),
        On::End => (Kind::RawTracepoint, "end".to_owned(), true),
        On::Interval { .. } => (Kind::RawTracepoint, format!("interval_{number}"), false),
        On::Profile { .. } => (Kind::PerfEvent, format!("profile_{number}"), false),
        On::Tracepoint { .. } => (Kind::Tracepoint, format!("tracepoint_{number}"), false),
        On::Goroutine { .. } => return Ok(None),
    };
    let of_thread = matches!(event.on, On::Profile { .. } | On::Tracepoint { .. });
    let binary = threads::binary(shared.plan).filter(|_| of_thread);
    let mut entry = Entry::new(shared, &name, kind, binary);
    entry.begin(!always, false);
    entry.nowhere();
    if let Some(binary) = binary {
        entry.goroutine_of_thread(binary)?;
    }
    entry.group(event.group)?;
    Ok(Some(EventProgram { on: event.on.clone(), program: entry.finish()? }))
}

/// The program in the making.
pub(super) struct Entry<'a, 'p> {
    pub(super) shared: &'a mut Shared<'p>,
    pub(super) asm: Assembler,
    /// The shadow stacks, if calls are paired here.
    pub(super) frames: Option<Frames>,
    /// The functions that keep what returns ask for.
    pub(super) saves: BTreeMap<SaveNo, FunctionId>,
    binary: Option<BinaryNo>,
    pub(super) out: Label,
    /// The functions that were called, by variant.
    functions: BTreeMap<u32, FunctionId>,
    /// In [`program::Tables::firings`], of what runs at places of the runtime.
    place: u32,
    /// Other threads may run meanwhile on this CPU.
    preemptible: bool,
}

impl<'a, 'p> Entry<'a, 'p> {
    pub(super) fn new(shared: &'a mut Shared<'p>, name: &str, kind: Kind, binary: Option<BinaryNo>) -> Entry<'a, 'p> {
        let plan::Source { name: text_name, text } = shared.plan.source.clone();
        let mut asm = Assembler::new(name, kind, bpf::Source { name: text_name, text });
        let out = asm.label("out");
        let (saves, functions) = (BTreeMap::new(), BTreeMap::new());
        let preemptible = matches!(kind, Kind::Uprobe | Kind::UprobeMulti);
        Entry { shared, asm, frames: None, saves, binary, out, functions, place: 0, preemptible }
    }

    /// A program at places of the runtime: it counts that it runs, armed or not, and is out if that is in no process of
    /// ours.
    pub(super) fn at_hooks(shared: &'a mut Shared<'p>, name: &str, binary: BinaryNo) -> Entry<'a, 'p> {
        let kind = shared.kind();
        let place = shared.place_of_hook();
        let mut entry = Entry::new(shared, &format!("{name}_{}", binary.0), kind, Some(binary));
        entry.place = place;
        entry.asm.mov(CONTEXT, R1);
        entry.ids();
        entry.asm.store(Size::U32, Reg::R10, PLACE, place as i32);
        entry.count_here();
        entry.whose(binary, true);
        entry
    }

    /// The program at places of the runtime, with what the kernel shall hand to it at each.
    pub(super) fn hooked(
        self,
        kind: HookKind,
        at: &[&Hook],
        cookie: impl Fn(&Hook) -> u64,
    ) -> Result<HookProgram, Refused> {
        let (binary, place) = (self.binary.unwrap_or(BinaryNo(0)), self.place);
        let stepped = at.iter().any(|hook| hook.class == Class::Stepped);
        let class = if stepped { Class::Stepped } else { Class::Emulated };
        let sites = at.iter().map(|hook| HookSite { file: hook.file, cookie: cookie(hook) }).collect();
        Ok(HookProgram { binary, kind, program: self.finish()?, place, class, sites })
    }

    /// Looks whether firings count now, counts this one, unless its place will, and asks whose it is.
    fn begin(&mut self, stoppable: bool, at_sites: bool) {
        self.asm.mov(CONTEXT, R1);
        if stoppable {
            self.if_armed(self.out);
        }
        match at_sites {
            true => self.one_link(),
            false => self.count_firing(),
        }
        self.ids();
    }

    /// On to `not` while hits do not count.
    pub(super) fn if_armed(&mut self, not: Label) {
        self.asm.comment("armed?").map_value(R1, self.shared.tables.control, control::ARMED);
        self.asm.load(Size::U32, R0, R1, 0).jump_if(Cond::Eq, R0, 0, not);
        if self.shared.exits {
            self.asm.map_value(R1, self.shared.tables.exit, exit::ASKED);
            self.asm.load(Size::U32, R0, R1, 0).jump_if(Cond::Ne, R0, 0, not);
        }
    }

    pub(super) fn count_firing(&mut self) {
        self.asm.comment("firings += 1").store(Size::U32, Reg::R10, WORD, 0);
        self.look_up(self.shared.tables.counters, WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, self.out);
        self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, counter::FIRINGS as i32, R1);
    }

    /// Process and thread.
    pub(super) fn ids(&mut self) {
        let numbers = self.shared.numbers();
        // The bias is not known yet.
        let (task, ids) = (HIT + hit::BIAS, HIT + hit::PID_TGID);
        Ids { numbers, words: WORD, task, ids }.find(&mut self.asm, self.out);
    }

    pub(super) fn put(&mut self, field: i32, value: impl Into<bpf::Operand>) {
        self.asm.store(Size::U64, Reg::R10, HIT + field, value);
    }

    pub(super) fn look_up(&mut self, map: bpf::MapId, key: i32) {
        self.asm.map(R1, map).frame(R2, key).helper(Helper::MAP_LOOKUP_ELEM);
    }

    /// What a body finds where no site was hit.
    fn nowhere(&mut self) {
        self.no_site();
        for field in [hit::FRAME, hit::GOID, hit::G, hit::SP, hit::BIAS, hit::PROCESS] {
            self.put(field, 0);
        }
        self.all_live();
    }

    /// No site of the plan was hit.
    pub(super) fn no_site(&mut self) {
        self.put(hit::FUNCTION, hit::NO_FUNCTION);
        self.put(hit::POINT, -1);
    }

    /// The process's number and bias; out if it is none of ours. `remembered`: `R0` is the value of
    /// [`program::Tables::firings`] of this place, where the number is kept for the next hit; the bias is then
    /// somebody else's business.
    ///
    /// Nearly always it is the same process that hits a place on a CPU, and the look into the table is a twentieth of what a
    /// hit costs. What is kept is one word, so that it is never half of one process and half of another: the
    /// number, which has the PID in it, and behind which [changes](control::REPLACED) of the table it was looked up.
    pub(super) fn whose(&mut self, binary: BinaryNo, remembered: bool) {
        let (known, have) = (self.asm.label("known"), self.asm.label("ours"));
        self.asm.comment("ours?").load(Size::U32, R1, Reg::R10, HIT + hit::PID_TGID + 4);
        let starts = self.shared.tables.starts.filter(|_| remembered && self.shared.has_cookies());
        if let Some(starts) = starts {
            self.as_before(starts, have);
        }
        self.asm.store(Size::U32, Reg::R10, WORD, R1);
        self.asm.store(Size::U32, Reg::R10, WORD + process::BINARY as i32, binary.0 as i32);
        self.look_up(self.shared.tables.processes, WORD);
        self.asm.jump_if(Cond::Ne, R0, 0, known);
        let Some(bit) = 1_u64.checked_shl(binary.0) else {
            self.asm.jump(self.out).place(known);
            return self.put_process();
        };
        self.asm.map_value(R1, self.shared.tables.control, control::UNFILTERED).load(Size::U64, R1, R1, 0);
        self.asm.number(R2, bit).alu(AluOp::And, R1, R2).jump_if(Cond::Eq, R1, 0, self.out);
        self.asm.load(Size::U32, R1, Reg::R10, WORD);
        self.put(hit::PROCESS, R1);
        self.put(hit::BIAS, 0);
        self.asm.jump(have).place(known);
        self.put_process();
        if starts.is_some() {
            self.remember();
        }
        self.asm.place(have);
    }

    /// On to `have` if the process, whose PID is in `R1`, is that of the last hit here.
    fn as_before(&mut self, starts: bpf::MapId, have: Label) {
        let other = self.asm.label("another_one");
        self.asm.map_value(R2, self.shared.tables.control, control::REPLACED).load(Size::U32, R2, R2, 0);
        self.asm.map_value(R3, starts, starts::COUNT).load(Size::U64, R3, R3, 0).add(R3, R2);
        self.asm.alu(AluOp::Lsh, R3, 32).load(Size::U64, R4, R0, firing::WHOSE as i32);
        self.asm.mov(R2, R4).alu(AluOp::And, R2, (1 << process::PID_BITS) - 1).jump_if(Cond::Ne, R2, R1, other);
        self.asm.mov(R2, R4).alu(AluOp::Rsh, R2, 32).alu(AluOp::Lsh, R2, 32).jump_if(Cond::Ne, R2, R3, other);
        self.asm.alu32(AluOp::Mov, R4, R4);
        self.put(hit::PROCESS, R4);
        self.put(hit::BIAS, 0);
        self.asm.jump(have).place(other);
        self.asm.store(Size::U64, Reg::R10, KEPT, R0).store(Size::U64, Reg::R10, CHANGES, R3);
    }

    /// Keeps the number for the next hit here.
    fn remember(&mut self) {
        self.asm.load(Size::U64, R1, Reg::R10, HIT + hit::PROCESS).load(Size::U64, R2, Reg::R10, CHANGES);
        self.asm.alu(AluOp::Or, R1, R2).load(Size::U64, R2, Reg::R10, KEPT);
        self.asm.store(Size::U64, R2, firing::WHOSE as i32, R1);
    }

    pub(super) fn put_process(&mut self) {
        self.asm.load(Size::U32, R1, R0, process::NUMBER as i32);
        self.put(hit::PROCESS, R1);
        self.asm.load(Size::U64, R1, R0, process::BIAS as i32);
        self.put(hit::BIAS, R1);
    }

    /// Which site it is.
    fn which(&mut self, binary: BinaryNo, only: Option<u64>) {
        self.asm.comment("which site?");
        match only {
            Some(cookie) => {
                self.asm.mov(R0, cookie as i32);
            }
            None => self.cookie(binary, 0),
        }
        self.asm.store(Size::U32, Reg::R10, PLACE, R0);
        self.count_here();
    }

    /// Its row.
    fn row(&mut self) {
        self.look_up(self.shared.tables.sites, PLACE);
        self.asm.jump_if(Cond::Eq, R0, 0, self.out).mov(ROW, R0);
    }

    /// Counts this firing at the place whose number is in [`PLACE`], and leaves that place's value in `R0`.
    fn count_here(&mut self) {
        self.look_up(self.shared.tables.firings, PLACE);
        self.asm.jump_if(Cond::Eq, R0, 0, self.out).mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, 0, R1);
    }

    /// Which place of the runtime this is, as [`plan::target::HookKind`], in `R0`. Where it is in the file tells the bias,
    /// if the cookie says so ([`Entry::cookie_of_hook`]).
    pub(super) fn which_hook(&mut self, binary: BinaryNo) {
        self.asm.comment("which place?");
        self.cookie(binary, OF_A_HOOK);
        if self.shared.has_cookies() {
            self.load_register(R1, self.instruction_pointer());
            self.asm.mov(R2, R0).alu(AluOp::Rsh, R2, KIND_BITS).alu(AluOp::Sub, R1, R2);
            self.put(hit::BIAS, R1);
            self.asm.alu(AluOp::And, R0, (1 << KIND_BITS) - 1);
        }
    }

    /// What [`Entry::which_hook`] finds.
    pub(super) fn cookie_of_hook(hook: &Hook) -> u64 {
        hook.at.0 << KIND_BITS | hook.kind as u64
    }

    fn cookie(&mut self, binary: BinaryNo, whose: u32) {
        if self.shared.has_cookies() {
            self.asm.mov(R1, CONTEXT).helper(Helper::GET_ATTACH_COOKIE);
        } else {
            self.by_address(binary, whose);
        }
    }

    fn by_address(&mut self, binary: BinaryNo, whose: u32) {
        self.load_register(R0, self.instruction_pointer());
        self.asm.load(Size::U64, R1, Reg::R10, HIT + hit::BIAS).alu(AluOp::Sub, R0, R1);
        self.asm.store(Size::U64, Reg::R10, WORD, R0).store(Size::U32, Reg::R10, WORD + 8, binary.0 as i32);
        self.asm.store(Size::U32, Reg::R10, WORD + 12, whose as i32);
        let addresses = self.shared.tables.addresses.unwrap_or(self.shared.tables.sites);
        self.look_up(addresses, WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, self.out).load(Size::U32, R0, R0, 0);
    }

    pub(super) fn load_register(&mut self, dst: Reg, name: &str) {
        let register = Register::named(self.shared.plan.arch, name);
        self.asm.load(Size::U64, dst, CONTEXT, register.map_or(0, |register| i32::from(register.offset)));
    }

    /// The bias: the row says where the instruction is in the file.
    fn where_loaded(&mut self) {
        self.load_register(R1, self.instruction_pointer());
        self.asm.load(Size::U64, R2, ROW, site::ADDRESS as i32).alu(AluOp::Sub, R1, R2);
        self.put(hit::BIAS, R1);
    }

    pub(super) fn instruction_pointer(&self) -> &'static str {
        match self.shared.plan.arch {
            Arch::Amd64 => "ip",
            Arch::Arm64 => "pc",
        }
    }

    /// What the row says of this hit.
    fn what(&mut self) {
        self.asm.load(Size::U32, R1, ROW, site::FUNCTION as i32);
        self.put(hit::FUNCTION, R1);
        self.asm.load(Size::U32, DISPATCH, ROW, site::DISPATCH as i32);
        self.asm.load(Size::U32, R1, ROW, site::SP_ADJUST as i32);
        self.load_register(R2, "sp");
        self.asm.add(R1, R2);
        self.put(hit::SP, R1);
        self.put(hit::FRAME, 0);
        self.all_live();
        if self.shared.taints.garbage != 0 && self.shared.plan.arch == Arch::Amd64 {
            self.live();
        }
    }

    /// Nothing is known against any argument register, and no call is known to be open.
    fn all_live(&mut self) {
        self.asm.store(Size::U32, Reg::R10, HIT + hit::LIVE, -1).store(Size::U32, Reg::R10, HIT + hit::MARKS, 0);
    }

    /// Behind a growth of the stack RBX, unless it is an argument that came back, holds where that returned to.
    fn live(&mut self) {
        let all = self.asm.label("not_grown");
        self.asm.load(Size::U64, R1, ROW, site::GROWN as i32).jump_if(Cond::Eq, R1, 0, all);
        self.asm.load(Size::U64, R2, Reg::R10, HIT + hit::BIAS).add(R1, R2);
        self.load_register(R2, "bx");
        self.asm.jump_if(Cond::Ne, R1, R2, all).load(Size::U16, R1, ROW, site::RESTORED as i32);
        self.put(hit::LIVE, R1);
        self.asm.place(all);
    }

    /// The goroutine: g is in a register; on a system stack that is g0, whose id is 0, and m says whom it works for.
    pub(super) fn goroutine(&mut self, binary: BinaryNo) -> Result<(), Refused> {
        self.put(hit::GOID, 0);
        self.put(hit::G, 0);
        let runtime = self.shared.plan.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
        if runtime.is_none() || !self.shared.plan.needs.goid {
            return Ok(());
        }
        let field = |name| self.field_of(binary, name);
        let (goid, m, curg) = (field("g.goid")?, field("g.m")?, field("m.curg")?);
        let (none, have) = (self.asm.label("no_goroutine"), self.asm.label("goroutine"));
        self.asm.comment("goid");
        self.own_g(R3);
        self.put(hit::G, R3);
        self.read_word(goid, none);
        self.asm.jump_if(Cond::Ne, R0, 0, have).load(Size::U64, R3, Reg::R10, HIT + hit::G);
        self.read_word(m, none);
        self.asm.mov(R3, R0);
        self.read_word(curg, none);
        self.asm.mov(R3, R0);
        self.put(hit::G, R3);
        self.read_word(goid, none);
        self.asm.place(have);
        self.put(hit::GOID, R0);
        let done = self.asm.label("have_goid");
        self.asm.jump(done).place(none);
        self.put(hit::G, 0);
        self.asm.place(done);
        Ok(())
    }

    /// The g whose code runs, or that of the system stack in use.
    pub(super) fn own_g(&mut self, dst: Reg) {
        let register = match self.shared.plan.arch {
            Arch::Amd64 => "r14",
            Arch::Arm64 => "r28",
        };
        self.load_register(dst, register);
    }

    /// `R0 =` the word at `R3 + offset`, or on to `none`.
    pub(super) fn read_word(&mut self, offset: i32, none: Label) {
        self.asm.jump_if(Cond::Lt, R3, LOWEST, none).add(R3, offset).frame(R1, WORD).mov(R2, 8);
        self.asm.helper(Helper::PROBE_READ_USER).jump_if(Cond::Ne, R0, 0, none).load(Size::U64, R0, Reg::R10, WORD);
    }

    /// Makes the hit the same to the verifier, whatever way led here: else it would go through all bodies once for each. A
    /// number xor itself is nothing it knows of.
    fn settle(&mut self) {
        self.load_register(R1, "sp");
        self.asm.comment("one way from here").mov(R2, R1).alu(AluOp::Xor, R1, R2);
        for field in [hit::PID_TGID, hit::GOID, hit::G, hit::BIAS, hit::PROCESS, hit::LIVE] {
            self.asm.load(Size::U64, R2, Reg::R10, HIT + field).alu(AluOp::Xor, R2, R1);
            self.put(field, R2);
        }
    }

    /// Finds the code for the number in [`DISPATCH`], halving.
    fn dispatch(&mut self, leaves: &[(Action, u32)]) -> Result<(), Refused> {
        match leaves {
            [] => Ok(()),
            [(action, _)] => {
                self.act(*action)?;
                self.asm.jump(self.out);
                Ok(())
            }
            _ => {
                let (low, high) = leaves.split_at(leaves.len() / 2);
                let lower = self.asm.label("lower");
                let first = high.first().map_or(0, |(_, number)| *number);
                self.asm.jump_if(Cond::Lt, DISPATCH, first as i32, lower);
                self.dispatch(high)?;
                self.asm.place(lower);
                self.dispatch(low)
            }
        }
    }

    /// What runs at one kind of site: calls begin before they end, but for those that were inlined.
    fn act(&mut self, action: Action) -> Result<(), Refused> {
        let plan = self.shared.plan;
        action.over(plan).iter().try_for_each(|over| self.inlined_over(over))?;
        if !action.over(plan).is_empty() {
            self.asm.load(Size::U32, R1, ROW, site::FUNCTION as i32);
            self.put(hit::FUNCTION, R1);
            self.put(hit::FRAME, 0);
        }
        if self.frames.is_some() && !action.enters && !action.leaves {
            self.ask_goid();
        }
        let again = self.asm.label("no_call");
        if action.enters {
            self.enter(action.saves, again);
        }
        action.entry.map_or(Ok(()), |group| self.group(group))?;
        self.asm.place(again);
        if action.leaves {
            self.leave();
        }
        action.exit.map_or(Ok(()), |group| self.group(group))?;
        let unknown = self.asm.label("unknown_call");
        if let Some(syscall) = action.syscall {
            self.system_call(syscall, unknown);
        }
        action.here.map_or(Ok(()), |group| self.group(group))?;
        self.asm.place(unknown);
        action.also(plan).iter().try_for_each(|also| self.also(also))
    }

    /// A call that was inlined has ended before this instruction.
    fn inlined_over(&mut self, over: &Over) -> Result<(), Refused> {
        self.put(hit::FUNCTION, over.function.0 as i32);
        self.inlined(over.function, false);
        self.group(over.group)
    }

    /// Calls of another function that begin at this very instruction.
    fn also(&mut self, also: &Also) -> Result<(), Refused> {
        self.put(hit::FUNCTION, also.function.0 as i32);
        self.load_register(R1, "sp");
        self.asm.add(R1, also.sp_adjust as i32);
        self.put(hit::SP, R1);
        self.put(hit::FRAME, 0);
        // The other half of that word are the marks, which are those of the goroutine.
        self.asm.store(Size::U32, Reg::R10, HIT + hit::LIVE, -1);
        if is_paired(self.shared.plan, also.function) {
            self.inlined(also.function, true);
        }
        self.group(also.group)
    }

    pub(super) fn group(&mut self, group: GroupNo) -> Result<(), Refused> {
        for run in &self.shared.group(group)?.runs {
            self.run(run);
        }
        Ok(())
    }

    fn run(&mut self, run: &Run) {
        let asm = &mut self.asm;
        let declare = || asm.declare(&format!("body_{}", run.variant.0), Linkage::Static, &["ctx", "hit"]);
        let function = *self.functions.entry(run.variant.0).or_insert_with(declare);
        self.asm.store(Size::U32, Reg::R10, HIT + hit::POINT, run.point.0 as i32);
        self.asm.mov(R1, CONTEXT).frame(R2, HIT).call(function);
    }

    pub(super) fn finish(self) -> Result<bpf::Program, Refused> {
        let Entry { shared, mut asm, frames, saves, binary, out, functions, preemptible, .. } = self;
        let mut capture = None;
        asm.place(out).mov(R0, 0);
        if preemptible && shared.caps.has(Feature::UprobeMulti) {
            on_the_threads_stack(&mut asm);
        }
        asm.exit();
        for (variant, function) in functions {
            asm.begin(function);
            body::write(&mut asm, shared, variant as usize, binary, &mut capture)?;
        }
        for (save, function) in saves {
            asm.begin(function);
            pairs::write_saves(&mut asm, shared, save, binary)?;
        }
        capture::finish(&mut asm, shared, binary, capture);
        if let Some(frames) = frames {
            let (shorts, ends) = (shared.shorts(), shared.tables.ends);
            let mut ended = |asm: &mut Assembler, ended| {
                ends.into_iter().for_each(|table| ends::count(asm, table, ended));
                shorts.into_iter().for_each(|shorts| shorts.ended(asm, ended));
            };
            frames.finish(&mut asm, Some(&mut ended));
        }
        Ok(asm.finish(&shared.maps.all)?)
    }
}

/// Keeps the program on the stack of the thread that it runs in.
///
/// From Linux 6.13 on programs may be given stacks that belong to a CPU (`bpf_enable_priv_stack`, kernel/bpf/verifier.c),
/// also those at uprobes, which may wait for a page or be preempted: then the next thread on that CPU overwrites what this
/// one goes on with. A program with a tail call has no such stack, even with one that is never reached. `R0` is 0.
fn on_the_threads_stack(asm: &mut Assembler) {
    let done = asm.label("done");
    asm.comment("on the thread's own stack").jump_if(Cond::Eq, R0, 0, done).helper(Helper::TAIL_CALL).mov(R0, 0);
    asm.place(done);
}
