//! One variant as a function of its program: what stands around the user's code, variables, statements.

use bpf::insn::{AtomicOp, Cond, Reg, Size, Width};
use bpf::{Assembler, Helper, Kind, Label, Source};
use event::Fields;

use super::memory::{Mark, Memory, Mode, Place};
use super::weight::{self, Loops, Weight};
use super::{Refused, Shared, capture, hit, refused, scratch, shapes, taint};
use crate::capture::Print;
use plan::{
    AccessNo, Accessed, BinaryNo, Body, Expr, MapNo, Plan, Pos, Prelude, Recording, Stmt, StmtKind, Type, VarNo,
    Variant, VariantNo,
};
use program::{counter, exit};

pub(super) const R0: Reg = Reg::R0;
pub(super) const R1: Reg = Reg::R1;
pub(super) const R2: Reg = Reg::R2;
pub(super) const R3: Reg = Reg::R3;
pub(super) const R4: Reg = Reg::R4;
pub(super) const R5: Reg = Reg::R5;
/// The context of the program.
pub(super) const CONTEXT: Reg = Reg::R6;
/// The [`hit`].
pub(super) const HIT: Reg = Reg::R7;
/// The record that is being written.
pub(super) const RECORD: Reg = Reg::R8;
/// Scratch memory.
const SCRATCH: Reg = Reg::R9;

/// A variable's place and layout.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) place: Place,
    pub(super) fields: Fields,
    pub(super) ty: Type,
}

/// The variant that is being written.
#[derive(Clone, Copy)]
pub(super) struct Subject<'p> {
    /// The number in the plan, but for what entries keep for returns.
    number: Option<VariantNo>,
    pub(super) variant: &'p Variant,
    pub(super) body: &'p Body,
    /// The executable in which it runs, whose runtime is known.
    pub(super) binary: Option<BinaryNo>,
}

impl<'p> Subject<'p> {
    /// A variant of the plan.
    fn of(plan: &'p Plan, number: usize, binary: Option<BinaryNo>) -> Result<Subject<'p>, Refused> {
        let missing = || Refused { why: format!("the plan has no variant {number}"), at: None };
        let variant = plan.variants.get(number).ok_or_else(missing)?;
        let body = plan.bodies.get(variant.body.index()).ok_or_else(missing)?;
        Ok(Subject { number: Some(VariantNo(number as u32)), variant, body, binary })
    }

    /// Code that entries run to keep values for returns.
    pub(super) fn saving(variant: &'p Variant, body: &'p Body, binary: Option<BinaryNo>) -> Subject<'p> {
        Subject { number: None, variant, body, binary }
    }

    /// What it records of calls.
    pub(super) fn records(self) -> Option<Recording> {
        self.body.records()
    }

    fn body_number(self) -> usize {
        self.variant.body.index()
    }
}

/// The code of one variant in the making.
pub(super) struct Code<'a, 'p> {
    pub(super) asm: &'a mut Assembler,
    pub(super) shared: &'a mut Shared<'p>,
    pub(super) memory: Memory,
    pub(super) subject: Subject<'p>,
    pub(super) vars: Vec<Slot>,
    /// Whether the value that is being computed could not be read.
    pub(super) fault: Place,
    /// The address of this attach point's counters.
    counters: Place,
    leave: Label,
    pub(super) loops: Loops,
    pub(super) pos: Option<Pos>,
    /// Where what the next whole value starts with is written.
    pub(super) start: Place,
    /// The functions that do so, once they are called.
    pub(super) capture: Option<capture::Functions>,
}

/// How many bytes of scratch memory a variant needs, and what it comes to.
pub(super) fn tried(shared: &mut Shared<'_>, variant: usize) -> Result<(u32, Weight), Refused> {
    let mode = mode(shared, variant)?;
    let tried = try_out(shared, variant, mode)?;
    Ok((tried.scratch, tried.weight))
}

/// What was learnt from writing a variant into nothing.
struct Tried {
    overflow: bool,
    scratch: u32,
    weight: Weight,
}

/// So often a body's values may depend on conditions for it to keep them on the stack.
const FORKS: u64 = 6;

/// Whether a variant gets along with its stack.
fn mode(shared: &mut Shared<'_>, variant: usize) -> Result<Mode, Refused> {
    let plan = shared.plan;
    let body = plan.variants.get(variant).and_then(|variant| plan.bodies.get(variant.body.index()));
    let simple = body.is_some_and(|body| weight::forks(body) <= FORKS);
    if simple && !try_out(shared, variant, Mode::Stack)?.overflow {
        return Ok(Mode::Stack);
    }
    if try_out(shared, variant, Mode::Scratch)?.overflow {
        return refused("this code keeps more at a time than fits into 32 000 bytes", None);
    }
    Ok(Mode::Scratch)
}

fn try_out(shared: &mut Shared<'_>, variant: usize, mode: Mode) -> Result<Tried, Refused> {
    let mut asm = Assembler::new("trial", Kind::Uprobe, Source::default());
    let mut code = Code::new(&mut asm, shared, variant, None, mode)?;
    code.write()?;
    let (overflow, scratch, weight) = (code.memory.has_overflowed(), code.memory.scratch(), code.loops.weigh(code.asm));
    Ok(Tried { overflow, scratch, weight })
}

/// Writes a variant where the assembler stands.
pub(super) fn write(
    asm: &mut Assembler,
    shared: &mut Shared<'_>,
    variant: usize,
    binary: Option<BinaryNo>,
    capture: &mut Option<capture::Functions>,
) -> Result<(), Refused> {
    let mode = mode(shared, variant)?;
    let mut code = Code::new(asm, shared, variant, binary, mode)?;
    code.capture = *capture;
    code.write()?;
    *capture = code.capture;
    Ok(())
}

impl<'a, 'p> Code<'a, 'p> {
    fn new(
        asm: &'a mut Assembler,
        shared: &'a mut Shared<'p>,
        variant: usize,
        binary: Option<BinaryNo>,
        mode: Mode,
    ) -> Result<Code<'a, 'p>, Refused> {
        let subject = Subject::of(shared.plan, variant, binary)?;
        Ok(Code::of(asm, shared, subject, mode))
    }

    /// The code of a variant of a body.
    pub(super) fn of(
        asm: &'a mut Assembler,
        shared: &'a mut Shared<'p>,
        subject: Subject<'p>,
        mode: Mode,
    ) -> Code<'a, 'p> {
        let captures =
            subject.records().is_some() || subject.body.accesses.iter().any(|accessed| accessed.ty == Type::Go);
        let mut memory = Memory::new(mode, if captures { capture::STACK } else { 0 });
        let (counters, fault) = (memory.take_word_of_stack(), memory.take_word_of_stack());
        let leave = asm.label("leave");
        let (vars, loops, pos, capture) = (Vec::new(), Loops::default(), None, None);
        Code {
            asm,
            shared,
            memory,
            subject,
            vars,
            fault,
            counters,
            leave,
            loops,
            pos,
            start: Place::at(RECORD, 0),
            capture,
        }
    }

    fn write(&mut self) -> Result<(), Refused> {
        let out = self.asm.label("out");
        let returns = self.subject.records().is_some_and(Recording::ends);
        self.asm.mov(CONTEXT, R1).mov(HIT, R2);
        if returns {
            self.only_recorded(out);
        } else {
            self.stop_after_exit(out);
        }
        if self.needs_frame() {
            self.asm.load(Size::U64, R0, HIT, hit::FRAME).jump_if(Cond::Eq, R0, 0, out);
        }
        self.find_counters(out);
        if self.memory.mode == Mode::Scratch {
            self.take_scratch(out);
        }
        self.make_vars()?;
        let mut refused = Vec::new();
        if let Some(predicate) = &self.subject.body.predicate {
            let not_met = if returns { self.leave } else { self.asm.label("not_met") };
            self.branch(predicate, not_met)?;
            refused.extend((!returns).then_some((not_met, counter::FILTERED)));
        }
        if self.is_restrained() {
            let held = self.asm.label("held_back");
            self.restrain(held);
            refused.push((held, counter::LIMITED));
        }
        self.statements(&self.subject.body.code)?;
        self.asm.at(None);
        self.count_refused(&refused);
        self.asm.place(self.leave);
        if returns {
            self.drop_call()?;
        }
        if self.memory.mode == Mode::Scratch {
            self.asm.store(Size::U64, SCRATCH, 0, 0);
        }
        self.asm.place(out).mov(R0, 0).exit();
        Ok(())
    }

    /// After `exit()` no body begins, but for those of `END`.
    fn stop_after_exit(&mut self, out: Label) {
        if self.shared.exits && self.subject.body.prelude != Prelude::Once {
            self.asm.map_value(R1, self.shared.tables.exit, exit::ASKED);
            self.asm.load(Size::U32, R0, R1, 0).jump_if(Cond::Ne, R0, 0, out);
        }
    }

    fn find_counters(&mut self, out: Label) {
        let key = self.fault;
        self.asm.load(Size::U32, R1, HIT, hit::POINT).add(R1, 1).store(Size::U32, key.base, key.off, R1);
        self.asm.map(R1, self.shared.tables.counters);
        self.address(R2, key);
        self.asm.helper(Helper::MAP_LOOKUP_ELEM).jump_if(Cond::Eq, R0, 0, out);
        self.asm.store(Size::U64, self.counters.base, self.counters.off, R0);
        // Recorded calls are counted where they begin.
        if !self.subject.records().is_some_and(Recording::ends) {
            self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, counter::HITS as i32, R1);
        }
    }

    fn take_scratch(&mut self, out: Label) {
        let taken = self.asm.label("scratch_taken");
        let map = self.shared.maps.scratch.unwrap_or(bpf::MapId(0));
        scratch::take(self.asm, self.shared.caps, map, self.fault, RECORD, SCRATCH, taken);
        self.count(counter::NO_SCRATCH);
        if self.subject.records().is_some() {
            self.count(counter::LOST);
        }
        self.asm.jump(out).place(taken);
    }

    fn make_vars(&mut self) -> Result<(), Refused> {
        for (n, var) in self.subject.body.vars.iter().enumerate() {
            let tainted = self.shared.taints.var(self.subject.body_number(), n);
            let fields = shapes::fields(self.shared.plan, &[&var.ty], tainted, &mut self.shared.schema)?;
            let place = self.memory.take_lasting(fields.size());
            self.zero(place, fields.size());
            self.vars.push(Slot { place, fields, ty: var.ty.clone() });
        }
        Ok(())
    }

    /// Where hits end up that are refused, each with its counter.
    fn count_refused(&mut self, refused: &[(Label, u32)]) {
        for (n, &(label, counter)) in refused.iter().enumerate() {
            if n > 0 || !self.subject.body.code.iter().any(ends) {
                self.asm.jump(self.leave);
            }
            self.asm.place(label);
            self.count(counter);
        }
    }

    /// Adds one to a counter of this attach point.
    pub(super) fn count(&mut self, counter: u32) {
        self.asm.load(Size::U64, R1, self.counters.base, self.counters.off);
        self.asm.mov(R2, 1).atomic(AtomicOp::Add, Width::W64, R1, counter as i32, R2);
    }

    /// `dst =` the address of a place.
    pub(super) fn address(&mut self, dst: Reg, place: Place) {
        self.asm.mov(dst, place.base).add(dst, place.off);
    }

    /// Fills with zeros, 8 bytes at a time.
    pub(super) fn zero(&mut self, place: Place, bytes: usize) {
        for at in (0..bytes).step_by(8) {
            self.asm.store(Size::U64, place.base, place.plus(at).off, 0);
        }
    }

    /// Copies words from an address in a register.
    pub(super) fn copy(&mut self, from: Place, to: Place, bytes: usize) {
        for at in (0..bytes).step_by(8) {
            self.asm.load(Size::U64, R1, from.base, from.plus(at).off);
            self.asm.store(Size::U64, to.base, to.plus(at).off, R1);
        }
    }

    /// Keeps `R0` in a slot.
    pub(super) fn keep(&mut self) -> Place {
        let slot = self.memory.take(8);
        self.asm.store(Size::U64, slot.base, slot.off, R0);
        slot
    }

    pub(super) fn mark(&self) -> Mark {
        self.memory.mark()
    }

    pub(super) fn release(&mut self, mark: Mark) {
        self.memory.release(mark);
    }

    pub(super) fn at(&mut self, pos: Pos) {
        self.pos = Some(pos);
        self.asm.at(Some(bpf::Pos { line: pos.line, column: pos.column }));
    }

    pub(super) fn refuse<T>(&self, why: impl Into<String>) -> Result<T, Refused> {
        refused(why, self.pos)
    }

    /// The whole values of Go that are among some that are printed together, with their number among all that are.
    pub(super) fn print_of(&self, exprs: &[&Expr]) -> Result<Option<(usize, &'p Print)>, Refused> {
        let accesses: Vec<AccessNo> = exprs.iter().filter_map(|expr| expr.whole()).collect();
        if accesses.is_empty() {
            return Ok(None);
        }
        let key = self.subject.number.map(|number| (number, accesses));
        let mut all = self.shared.captures.printed.iter().enumerate();
        match all.find(|(_, (known, _))| Some(*known) == key.as_ref()) {
            Some((number, (_, print))) => Ok(Some((number, print))),
            None => self.refuse("the plan does not say how a whole value is printed"),
        }
    }

    pub(super) fn is_tainted(&self, expr: &Expr) -> bool {
        self.shared.taints.expr(self.subject.body_number(), expr)
    }

    pub(super) fn var(&self, var: VarNo) -> Result<Slot, Refused> {
        match self.vars.get(var.index()) {
            Some(slot) => Ok(slot.clone()),
            None => self.refuse(format!("the plan has no variable {}", var.0)),
        }
    }

    pub(super) fn accessed(&self, access: plan::AccessNo) -> Result<&'p Accessed, Refused> {
        match self.subject.body.accesses.get(access.index()) {
            Some(accessed) => Ok(accessed),
            None => self.refuse(format!("the plan has no access {}", access.0)),
        }
    }

    pub(super) fn user_map(&self, map: MapNo) -> Result<bpf::MapId, Refused> {
        match self.shared.maps.user.get(map.index()) {
            Some(id) => Ok(*id),
            None => self.refuse(format!("the plan has no map {}", map.0)),
        }
    }

    fn statements(&mut self, stmts: &'p [Stmt]) -> Result<(), Refused> {
        for (n, stmt) in stmts.iter().enumerate() {
            let mark = self.mark();
            self.at(stmt.pos);
            self.statement(stmt)?;
            self.release(mark);
            // Nothing leads to what stands behind these.
            if n + 1 < stmts.len() && ends(stmt) {
                break;
            }
        }
        Ok(())
    }

    fn statement(&mut self, stmt: &'p Stmt) -> Result<(), Refused> {
        match &stmt.kind {
            StmtKind::SetVar { var, value } => self.set_var(*var, value),
            StmtKind::SetMap { map, key, value } => self.set_map(*map, key, value),
            StmtKind::Aggregate { map, key, value } => self.aggregate(*map, key, value.as_ref()),
            StmtKind::Do(expr) => self.effect(expr),
            StmtKind::Delete { map, key } => self.delete(*map, key),
            StmtKind::Clear(map) => self.signal(event::Row::Clear(event::MapIndex(map.0))),
            StmtKind::Zero(map) => self.signal(event::Row::Zero(event::MapIndex(map.0))),
            StmtKind::Printf { format, args } => self.printf(*format, args),
            StmtKind::PrintMap { map, top, div } => {
                let (map, top, div) = (event::MapIndex(map.0), *top, u64::from(*div));
                self.signal(event::Row::PrintMap { map, top, div })
            }
            StmtKind::Print(expr) => self.print(expr),
            StmtKind::Time(format) => {
                let text = self.string(*format)?;
                let text = self.shared.schema.add_text(text);
                self.signal(event::Row::Time(text))
            }
            StmtKind::Exit(code) => self.exit(code.as_ref()),
            StmtKind::If { cond, then, otherwise } => self.choose(cond, then, otherwise),
            StmtKind::Repeat { times, body } => self.repeat(*times, body),
            StmtKind::Return => {
                self.asm.jump(self.leave);
                Ok(())
            }
            StmtKind::Call { recording, stack } => self.call(*recording, *stack),
            StmtKind::Event { parent } => self.event_record(*parent),
        }
    }

    fn set_var(&mut self, var: VarNo, value: &Expr) -> Result<(), Refused> {
        let slot = self.var(var)?;
        if !taint::mentions(value, var) {
            return self.write_fields(&[value], &[&slot.ty], &slot.fields, slot.place);
        }
        let fresh = self.memory.take(slot.fields.size());
        self.write_fields(&[value], &[&slot.ty], &slot.fields, fresh)?;
        self.copy(fresh, slot.place, slot.fields.size());
        Ok(())
    }

    fn effect(&mut self, expr: &Expr) -> Result<(), Refused> {
        match &expr.kind {
            plan::ExprKind::MapAdd { map, key, by, .. } => self.map_add(*map, key, by, None),
            _ => self.number(expr),
        }
    }

    fn choose(&mut self, cond: &Expr, then: &'p [Stmt], otherwise: &'p [Stmt]) -> Result<(), Refused> {
        let (no, done) = (self.asm.label("else"), self.asm.label("end_if"));
        self.branch(cond, no)?;
        self.statements(then)?;
        if !then.last().is_some_and(ends) && !then.iter().any(ends) {
            self.asm.jump(done);
        }
        self.asm.place(no);
        self.statements(otherwise)?;
        self.asm.place(done);
        Ok(())
    }

    /// Each turn stands there by itself: in a loop the verifier seldom stops to compare where it is with where it was, and
    /// what depends on conditions makes ever more ways then.
    fn repeat(&mut self, times: u32, body: &'p [Stmt]) -> Result<(), Refused> {
        let turns = if body.iter().any(ends) { times.min(1) } else { times };
        (0..turns).try_for_each(|_| self.statements(body))
    }

    /// `exit(e)`: the word first, since the ring may be full.
    fn exit(&mut self, code: Option<&Expr>) -> Result<(), Refused> {
        match code {
            Some(code) => self.number(code)?,
            None => {
                self.asm.mov(R0, 0);
            }
        }
        let code = self.keep();
        self.asm.map_value(R1, self.shared.tables.exit, 0);
        self.asm.store(Size::U64, R1, exit::CODE as i32, R0).store(Size::U32, R1, exit::ASKED as i32, 1);
        self.record(event::Row::Exit, 8, |this, payload| {
            this.copy(code, payload, 8);
            Ok(())
        })?;
        self.asm.jump(self.leave);
        Ok(())
    }
}

/// Whether what stands behind a statement never runs.
fn ends(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Exit(_) | StmtKind::Return => true,
        StmtKind::If { then, otherwise, .. } => then.iter().any(ends) && otherwise.iter().any(ends),
        StmtKind::Repeat { times, body } => *times > 0 && body.iter().any(ends),
        _ => false,
    }
}
