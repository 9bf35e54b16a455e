//! Numbers: an expression's value is left in `R0`.

use bpf::insn::{AluOp, Cond, Size};
use bpf::{Helper, Label};

use super::body::{CONTEXT, Code, HIT, R0, R1, R2, R3};
use super::memory::Place;
use super::{Refused, hit, taint};
use plan::machine::Register;
use plan::{Access, AccessNo, Base, EventField, Expr, ExprKind, FieldForm, Id, Location, Prelude, Type, Value, Word};
use plan::{BinaryOp, UnaryOp};
use program::{control, counter};

/// What lies below is never mapped: a read there would only cost the time of a fault.
pub(super) const LOWEST: i32 = 4096;

pub(super) fn is_signed(ty: &Type) -> bool {
    matches!(ty, Type::Int { signed: true, .. })
}

impl<'p> Code<'_, 'p> {
    /// `R0 =` the expression.
    pub(super) fn number(&mut self, expr: &Expr) -> Result<(), Refused> {
        self.at(expr.pos);
        let mark = self.mark();
        match &expr.kind {
            ExprKind::Int(number) => {
                self.asm.number(R0, *number as u64);
            }
            ExprKind::Word(word) => self.word(*word, &expr.ty)?,
            ExprKind::Access(access) => self.access(*access)?,
            ExprKind::Field { offset, bytes, form: FieldForm::Int } => self.field(*offset, *bytes, &expr.ty)?,
            ExprKind::Under(under) => self.under(*under),
            ExprKind::Register(register) => {
                self.asm.load(Size::U64, R0, CONTEXT, i32::from(register.offset));
            }
            ExprKind::StackWord(off) => {
                self.stack_word(*off);
                self.or_fault(|_| {});
            }
            ExprKind::Var(var) => {
                let slot = self.var(*var)?;
                self.load_kept(slot.place, slot.fields.faults);
            }
            ExprKind::VarAdd { var, by, before } => self.var_add(*var, *by, *before)?,
            ExprKind::Map { map, key } => self.map_number(*map, key)?,
            ExprKind::MapAdd { map, key, by, before } => self.map_add(*map, key, by, Some(*before))?,
            ExprKind::Unary { op, of } => self.unary(*op, of)?,
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right)?,
            ExprKind::SameText { left, right, first, negated } => self.same_text(left, right, *first, *negated)?,
            ExprKind::Ternary { cond, then, otherwise } => {
                self.either(cond, |this| this.number(then), |this| this.number(otherwise))?;
            }
            ExprKind::Cast(of) => {
                self.number(of)?;
                self.fit(&expr.ty);
            }
            ExprKind::Read(at) => self.read_at(at, &expr.ty)?,
            ExprKind::Event(field) => self.event(*field)?,
            ExprKind::Str(_) | ExprKind::ReadBytes { .. } | ExprKind::Tuple(_) | ExprKind::Field { .. } => {
                self.refuse("this is no number")?;
            }
        }
        self.release(mark);
        Ok(())
    }

    /// One of two, by a condition.
    pub(super) fn either(
        &mut self,
        cond: &Expr,
        then: impl FnOnce(&mut Self) -> Result<(), Refused>,
        otherwise: impl FnOnce(&mut Self) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let (no, done) = (self.asm.label("no"), self.asm.label("chosen"));
        self.branch(cond, no)?;
        then(self)?;
        self.asm.jump(done).place(no);
        otherwise(self)?;
        self.asm.place(done);
        Ok(())
    }

    /// `R0` as a type keeps it: cut, and extended by its sign.
    pub(super) fn fit(&mut self, ty: &Type) {
        let Type::Int { signed, bytes } = *ty else { return };
        let Some(size) = size(u32::from(bytes)).filter(|size| *size != Size::U64) else { return };
        if signed {
            self.asm.sign_extend(R0, R0, size);
            return;
        }
        let by = 64 - size.bits() as i32;
        self.asm.alu(AluOp::Lsh, R0, by).alu(AluOp::Rsh, R0, by);
    }

    /// The number behind a word of faults, and its fault.
    pub(super) fn load_kept(&mut self, place: Place, faults: bool) {
        if faults {
            self.take_faults(place);
        }
        self.asm.load(Size::U64, R0, place.base, place.off + if faults { 8 } else { 0 });
    }

    /// The value that is computed has a fault if the word at `place` is not 0.
    pub(super) fn take_faults(&mut self, place: Place) {
        let fine = self.asm.label("readable");
        self.asm.load(Size::U64, R1, place.base, place.off).jump_if(Cond::Eq, R1, 0, fine);
        self.asm.store(Size::U64, self.fault.base, self.fault.off, 1).place(fine);
    }

    /// Marks the value that is computed as unreadable, and counts it.
    pub(super) fn mark_fault(&mut self) {
        self.asm.store(Size::U64, self.fault.base, self.fault.off, 1);
        self.count(counter::UNREADABLE);
    }

    /// Behind something that leaves 0 in `R1` if all went well: if not, the value is unreadable, and `R0` 0.
    fn or_fault(&mut self, then: impl FnOnce(&mut Self)) {
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("read"));
        self.asm.jump_if(Cond::Ne, R1, 0, bad);
        then(self);
        self.asm.jump(done).place(bad);
        self.mark_fault();
        self.asm.mov(R0, 0).place(done);
    }

    fn word(&mut self, word: Word, ty: &Type) -> Result<(), Refused> {
        match word {
            Word::Nsecs => {
                self.asm.helper(Helper::KTIME_GET_BOOT_NS);
            }
            Word::Pid => {
                self.asm.load(Size::U32, R0, HIT, hit::PID_TGID + 4);
            }
            Word::Tid => {
                self.asm.load(Size::U32, R0, HIT, hit::PID_TGID);
            }
            Word::Cpu => {
                self.asm.helper(Helper::GET_SMP_PROCESSOR_ID);
            }
            Word::Goid => {
                self.asm.load(Size::U64, R0, HIT, hit::GOID);
            }
            Word::Func => {
                self.asm.load(Size::U64, R0, HIT, hit::FUNCTION);
            }
            Word::Probe => {
                self.asm.load(Size::U32, R0, HIT, hit::POINT).alu(AluOp::Lsh, R0, 32);
                self.asm.load(Size::U32, R1, HIT, hit::FUNCTION).alu(AluOp::Or, R0, R1);
            }
            Word::ParentGoid => self.of_goroutine("g.parentGoid", 8)?,
            Word::GoState => {
                self.of_goroutine("g.atomicstatus", 4)?;
                // _Gscan
                self.asm.alu(AluOp::And, R0, !0x1000);
            }
            Word::WaitReason => {
                self.of_goroutine("g.waitreason", 1)?;
                self.name_binary(32);
            }
            Word::StartFunc => {
                let nowhere = self.asm.label("of_a_c_thread");
                self.of_goroutine("g.startpc", 8)?;
                self.asm.jump_if(Cond::Eq, R0, 0, nowhere);
                self.asm.load(Size::U64, R1, HIT, hit::BIAS).alu(AluOp::Sub, R0, R1).place(nowhere);
                self.name_binary(48);
                self.stand_for_wrapper();
            }
            Word::UStack => self.user_stack(if let Type::Id(Id::UStack(frames)) = ty { *frames } else { 0 })?,
            Word::Elapsed if matches!(self.subject.body.prelude, Prelude::Syscall(_)) => self.asked_since(),
            Word::Elapsed => self.elapsed()?,
            Word::Caller => self.caller(),
            Word::Comm => self.refuse("`comm` is no number")?,
        }
        Ok(())
    }

    /// The start function in `R0`, or what stands for it.
    fn stand_for_wrapper(&mut self) {
        let Some(wrappers) = self.shared.tables.wrappers else { return };
        let (start, itself) = (self.keep(), self.asm.label("no_wrapper"));
        self.look_up(wrappers, start);
        self.asm.jump_if(Cond::Eq, R0, 0, itself).load(Size::U64, R0, R0, 0);
        self.asm.store(Size::U64, start.base, start.off, R0).place(itself);
        self.asm.load(Size::U64, R0, start.base, start.off);
    }

    /// Puts the binary's number above so many bits of `R0`.
    fn name_binary(&mut self, bits: i32) {
        let binary = u64::from(self.subject.binary.map_or(0, |binary| binary.0)) << bits;
        self.asm.number(R1, binary).alu(AluOp::Lsh, R0, 64 - bits).alu(AluOp::Rsh, R0, 64 - bits);
        self.asm.alu(AluOp::Or, R0, R1);
    }

    /// A field of the goroutine whose code runs.
    fn of_goroutine(&mut self, field: &str, bytes: u32) -> Result<(), Refused> {
        self.of_g(hit::G, field, bytes)
    }

    /// A field of the `g` whose address is at a place in the hit.
    pub(super) fn of_g(&mut self, g: i32, field: &str, bytes: u32) -> Result<(), Refused> {
        // Whether the offset is known matters only where the code really runs.
        let offset = match self.subject.binary {
            None => 0,
            Some(binary) => {
                let runtime = self.shared.plan.binaries.get(binary.index()).and_then(|b| b.runtime.as_ref());
                match runtime.map(|runtime| runtime.field(field)) {
                    Some(Ok(offset)) => offset,
                    Some(Err(why)) => return self.refuse(format!("{field} is not known: {why}")),
                    None => return self.refuse(format!("{field} is not known: no Go runtime")),
                }
            }
        };
        let (some, none) = (self.asm.label("some_g"), self.asm.label("no_g"));
        let ty = Type::Int { signed: false, bytes: bytes as u8 };
        self.asm.load(Size::U64, R0, HIT, g).jump_if(Cond::Ne, R0, 0, some);
        // Where there is no goroutine there is nothing to read, and nothing failed.
        self.asm.store(Size::U64, self.fault.base, self.fault.off, 1).jump(none).place(some);
        self.follow(offset, bytes);
        self.or_fault(|this| this.fit(&ty));
        self.asm.place(none);
        Ok(())
    }

    /// `R0 =` what is at `R0 + offset`, and `R1 =` whether that failed. Leaves a slot in use.
    fn follow(&mut self, offset: u64, bytes: u32) {
        let slot = self.memory.take(8);
        self.follow_into(offset, bytes, slot);
        let (bad, done) = (self.asm.label("bad"), self.asm.label("followed"));
        self.asm.jump_if(Cond::Ne, R1, 0, bad);
        let size = size(bytes).unwrap_or(Size::U64);
        self.asm.load(size, R0, slot.base, slot.off).mov(R1, 0).jump(done);
        self.asm.place(bad).mov(R0, 0).mov(R1, 1).place(done);
    }

    /// Reads so many bytes at `R0 + offset`; `R1 =` whether that failed.
    pub(super) fn follow_into(&mut self, offset: u64, bytes: u32, to: Place) {
        let (low, done) = (self.asm.label("low"), self.asm.label("tried"));
        self.asm.jump_if(Cond::Lt, R0, LOWEST, low).mov(R3, R0);
        if let Ok(offset) = i32::try_from(offset) {
            self.asm.add(R3, offset);
        } else {
            self.asm.number(R2, offset).add(R3, R2);
        }
        self.address(R1, to);
        self.asm.mov(R2, bytes as i32).helper(Helper::PROBE_READ_USER).mov(R1, R0).jump(done);
        self.asm.place(low).mov(R1, 1).place(done);
    }

    /// `R0 =` the last byte of the instruction that called; what it returns to is below the first stack argument.
    fn caller(&mut self) {
        self.stack_word(8u64.wrapping_neg());
        self.or_fault(|_| {});
        self.asm.add(R0, -1);
    }

    /// The word so far behind the first stack argument: `R0`, and in `R1` whether that failed.
    fn stack_word(&mut self, off: u64) {
        self.asm.load(Size::U64, R0, HIT, hit::SP);
        self.follow(off.wrapping_add(8), 8);
    }

    fn access(&mut self, access: AccessNo) -> Result<(), Refused> {
        let accessed = self.accessed(access)?;
        let Some(place) = self.subject.variant.accesses.get(access.index()) else {
            return self.refuse(format!("the plan does not say where {} is", accessed.path));
        };
        match place {
            Access::Int(value) => self.value(value),
            Access::Saved(word) => self.saved(*word),
            Access::Unreadable => {
                self.mark_fault();
                self.asm.mov(R0, 0);
                Ok(())
            }
            Access::Zero => {
                self.asm.mov(R0, 0);
                Ok(())
            }
            Access::Str { .. } | Access::SavedText(_) | Access::Go(_) => {
                self.refuse(format!("{} is no number", accessed.path))
            }
        }
    }

    /// `R0 =` the value; 0 with its fault if it cannot be read.
    pub(super) fn value(&mut self, value: &Value) -> Result<(), Refused> {
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("value"));
        let can_fail = self.locate(value, bad)?;
        if can_fail {
            self.asm.jump(done).place(bad);
            self.mark_fault();
            self.asm.mov(R0, 0);
        }
        self.asm.place(done);
        Ok(())
    }

    /// `R0 =` the value, or on to `bad`; whether anything leads there.
    pub(super) fn locate(&mut self, value: &Value, bad: Label) -> Result<bool, Refused> {
        self.within_bounds(value, bad)?;
        Ok(self.locate_in(&value.location, bad)? || !value.bounds.is_empty())
    }

    /// `R0 =` where a value is that is in memory.
    pub(super) fn locate_address(&mut self, value: &Value, bad: Label) -> Result<(), Refused> {
        self.within_bounds(value, bad)?;
        let Location { base, hops, .. } = &value.location;
        let Some((last, hops)) = hops.split_last() else { return self.refuse("this is nowhere in memory") };
        let mark = self.mark();
        self.base(*base, bad)?;
        for hop in hops {
            self.follow(*hop, 8);
            self.asm.jump_if(Cond::Ne, R1, 0, bad);
        }
        self.release(mark);
        self.asm.jump_if(Cond::Lt, R0, LOWEST, bad).number(R1, *last).add(R0, R1);
        Ok(())
    }

    fn within_bounds(&mut self, value: &Value, bad: Label) -> Result<(), Refused> {
        for bound in &value.bounds {
            self.locate_in(&bound.len, bad)?;
            if let Ok(index) = i32::try_from(bound.index) {
                self.asm.jump_if(Cond::SLe, R0, index, bad);
            } else {
                self.asm.number(R1, bound.index).jump_if(Cond::SLe, R0, R1, bad);
            }
        }
        Ok(())
    }

    fn locate_in(&mut self, location: &Location, bad: Label) -> Result<bool, Refused> {
        let mark = self.mark();
        let mut can_fail = self.base(location.base, bad)?;
        for (n, hop) in location.hops.iter().enumerate() {
            let last = n + 1 == location.hops.len();
            self.follow(*hop, if last { u32::from(location.bytes) } else { 8 });
            self.asm.jump_if(Cond::Ne, R1, 0, bad);
            can_fail = true;
        }
        self.fit(&Type::Int { signed: location.signed, bytes: location.bytes });
        self.release(mark);
        Ok(can_fail)
    }

    /// `R0 =` the word a location starts with.
    pub(super) fn base(&mut self, base: Base, bad: Label) -> Result<bool, Refused> {
        match base {
            Base::Register { register, argument } => {
                let garbage = taint::may_be_garbage(base, self.subject.body.prelude, self.shared.taints.garbage);
                if garbage {
                    self.asm.load(Size::U32, R1, HIT, hit::LIVE).number(R2, 1 << argument.unwrap_or(0).min(63));
                    self.asm.alu(AluOp::And, R1, R2).jump_if(Cond::Eq, R1, 0, bad);
                }
                self.asm.load(Size::U64, R0, CONTEXT, i32::from(register.offset));
                Ok(garbage)
            }
            Base::Stack(off) => {
                self.stack_word(off);
                self.asm.jump_if(Cond::Ne, R1, 0, bad);
                Ok(true)
            }
        }
    }

    fn read_at(&mut self, at: &Expr, ty: &Type) -> Result<(), Refused> {
        let bytes = if let Type::Int { bytes, .. } = ty { u32::from(*bytes) } else { 8 };
        self.number(at)?;
        self.follow(0, bytes);
        self.or_fault(|this| this.fit(ty));
        Ok(())
    }

    /// Whether a call is open, as far as that is still seen.
    fn under(&mut self, under: u8) {
        self.asm.map_value(R1, self.shared.tables.control, control::UNDER_GONE).load(Size::U32, R1, R1, 0);
        self.asm.alu(AluOp::Xor, R1, -1).load(Size::U32, R0, HIT, hit::MARKS).alu(AluOp::And, R0, R1);
        self.asm.alu(AluOp::Rsh, R0, i32::from(under)).alu(AluOp::And, R0, 1);
    }

    /// A field of a runtime event: what the prelude tells, or what it left in g.
    fn event(&mut self, field: EventField) -> Result<(), Refused> {
        match field {
            EventField::Goid => self.told(Size::U64, hit::EVENT_GOID),
            EventField::By | EventField::Caller => self.told(Size::U64, hit::GOID),
            EventField::Nr => self.told(Size::U64, hit::SYSCALL_NR),
            EventField::Ret => {
                let register = Register::argument(self.shared.plan.arch, true, 0);
                self.asm.load(Size::U64, R0, CONTEXT, register.map_or(0, |register| i32::from(register.offset)));
            }
            EventField::From => self.told(Size::U8, hit::EVENT_FROM),
            EventField::To => self.told(Size::U8, hit::EVENT_TO),
            EventField::StartFunc => self.told(Size::U64, hit::EVENT_START),
            EventField::Reason => {
                self.told(Size::U32, hit::EVENT_REASON);
                self.name_binary(32);
            }
            EventField::For => self.time_in_state(),
            EventField::Spent => self.time_within_run(),
            EventField::Parent => self.of_g(hit::EVENT_G, "g.parentGoid", 8)?,
            EventField::GoPc => self.of_g(hit::EVENT_G, "g.gopc", 8)?,
        }
        Ok(())
    }

    fn told(&mut self, size: Size, at: i32) {
        self.asm.load(size, R0, HIT, at);
    }

    fn time_in_state(&mut self) {
        let known = self.asm.label("known");
        self.told(Size::U64, hit::EVENT_FOR);
        self.asm.jump_if(Cond::Ne, R0, hit::UNKNOWN, known);
        self.mark_fault();
        self.asm.mov(R0, 0).place(known);
    }

    /// What lies before the run is no time of it. Nor is a time that is not known: 0 keeps what is counted beside it.
    fn time_within_run(&mut self) {
        let [none, done] = ["no_time", "have_time"].map(|name| self.asm.label(name));
        self.told(Size::U64, hit::EVENT_FOR);
        self.asm.jump_if(Cond::Eq, R0, hit::UNKNOWN, none);
        self.asm.map_value(R1, self.shared.tables.control, control::ARMED_AT).load(Size::U64, R2, R1, 0);
        self.asm.load(Size::U64, R1, HIT, hit::EVENT_SINCE).alu(AluOp::Sub, R1, R2);
        self.asm.jump_if(Cond::SLt, R0, R1, done).mov(R0, R1);
        // The clock was asked before the run began.
        self.asm.jump_if(Cond::SGe, R0, 0, done).place(none).mov(R0, 0).place(done);
    }

    fn field(&mut self, offset: u32, bytes: u32, ty: &Type) -> Result<(), Refused> {
        let Some(size) = size(bytes).filter(|_| offset >= 8 && offset.is_multiple_of(bytes)) else {
            return self.refuse("the kernel does not let programs read this field");
        };
        self.asm.load(size, R0, CONTEXT, offset as i32);
        self.fit(ty);
        Ok(())
    }

    fn var_add(&mut self, var: plan::VarNo, by: i64, before: bool) -> Result<(), Refused> {
        let slot = self.var(var)?;
        self.load_kept(slot.place, slot.fields.faults);
        let number = slot.place.plus(slot.fields.start());
        self.asm.number(R1, by as u64).add(R1, R0);
        if !before {
            self.asm.mov(R0, R1);
            self.fit(&slot.ty);
            self.asm.store(Size::U64, number.base, number.off, R0);
            return Ok(());
        }
        self.asm.store(Size::U64, number.base, number.off, R1);
        Ok(())
    }

    fn unary(&mut self, op: UnaryOp, of: &Expr) -> Result<(), Refused> {
        self.number(of)?;
        match op {
            UnaryOp::Neg => {
                self.asm.neg(R0);
            }
            UnaryOp::BitNot => {
                self.asm.alu(AluOp::Xor, R0, -1);
            }
            UnaryOp::Not => {
                let done = self.asm.label("not");
                self.asm.mov(R1, R0).mov(R0, 1).jump_if(Cond::Eq, R1, 0, done).mov(R0, 0).place(done);
            }
            UnaryOp::Deref => self.refuse("the plan has a pointer where it should have a read")?,
        }
        Ok(())
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<(), Refused> {
        if condition(op, false).is_some() || matches!(op, BinaryOp::LogicalAnd | BinaryOp::LogicalOr) {
            return self.truth(op, left, right);
        }
        self.operands(left, right)?;
        let signed = is_signed(&left.ty);
        match op {
            BinaryOp::Mul => self.asm.alu(AluOp::Mul, R0, R1),
            BinaryOp::Add => self.asm.alu(AluOp::Add, R0, R1),
            BinaryOp::Sub => self.asm.alu(AluOp::Sub, R0, R1),
            BinaryOp::Shl => self.asm.alu(AluOp::And, R1, 63).alu(AluOp::Lsh, R0, R1),
            BinaryOp::Shr => {
                self.asm.alu(AluOp::And, R1, 63).alu(if signed { AluOp::Arsh } else { AluOp::Rsh }, R0, R1)
            }
            BinaryOp::And => self.asm.alu(AluOp::And, R0, R1),
            BinaryOp::Xor => self.asm.alu(AluOp::Xor, R0, R1),
            BinaryOp::Or => self.asm.alu(AluOp::Or, R0, R1),
            BinaryOp::Div | BinaryOp::Mod if signed => {
                self.divide_signed(op == BinaryOp::Div);
                return Ok(());
            }
            BinaryOp::Div => self.asm.alu(AluOp::Div, R0, R1),
            BinaryOp::Mod => self.asm.alu(AluOp::Mod, R0, R1),
            _ => return self.refuse("an operator that makes no number"),
        };
        Ok(())
    }

    /// `R0 =` the left, `R1 =` the right side.
    fn operands(&mut self, left: &Expr, right: &Expr) -> Result<(), Refused> {
        self.number(left)?;
        if let ExprKind::Int(number) = right.kind {
            self.asm.number(R1, number as u64);
            return Ok(());
        }
        let mark = self.mark();
        let kept = self.keep();
        self.number(right)?;
        self.asm.mov(R1, R0).load(Size::U64, R0, kept.base, kept.off);
        self.release(mark);
        Ok(())
    }

    /// Signed division is not in every kernel: by magnitudes, with the sign put back. The remainder has the sign of the
    /// left side.
    fn divide_signed(&mut self, quotient: bool) {
        let sign = super::body::R4;
        self.asm.mov(sign, R0);
        if quotient {
            self.asm.alu(AluOp::Xor, sign, R1);
        }
        for side in [R0, R1] {
            let positive = self.asm.label("positive");
            self.asm.jump_if(Cond::SGe, side, 0, positive).neg(side).place(positive);
        }
        self.asm.alu(if quotient { AluOp::Div } else { AluOp::Mod }, R0, R1);
        let done = self.asm.label("divided");
        self.asm.jump_if(Cond::SGe, sign, 0, done).neg(R0).place(done);
    }

    /// A comparison or logical operator as 0 or 1.
    fn truth(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Result<(), Refused> {
        let (no, done) = (self.asm.label("false"), self.asm.label("truth"));
        self.branch_on(op, left, right, no)?;
        self.asm.mov(R0, 1).jump(done).place(no).mov(R0, 0).place(done);
        Ok(())
    }

    /// Goes on if the expression is not 0, else at the label.
    pub(super) fn branch(&mut self, expr: &Expr, no: Label) -> Result<(), Refused> {
        if let ExprKind::Binary { op, left, right } = &expr.kind {
            let logical = matches!(op, BinaryOp::LogicalAnd | BinaryOp::LogicalOr);
            if logical || condition(*op, false).is_some() {
                self.at(expr.pos);
                return self.branch_on(*op, left, right, no);
            }
        }
        self.number(expr)?;
        self.asm.jump_if(Cond::Eq, R0, 0, no);
        Ok(())
    }

    fn branch_on(&mut self, op: BinaryOp, left: &Expr, right: &Expr, no: Label) -> Result<(), Refused> {
        match op {
            BinaryOp::LogicalAnd => {
                self.branch(left, no)?;
                self.branch(right, no)
            }
            BinaryOp::LogicalOr => {
                let (other, yes) = (self.asm.label("or"), self.asm.label("yes"));
                self.branch(left, other)?;
                self.asm.jump(yes).place(other);
                self.branch(right, no)?;
                self.asm.place(yes);
                Ok(())
            }
            _ => self.compare(op, left, right, no),
        }
    }

    fn compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr, no: Label) -> Result<(), Refused> {
        let Some(opposite) = condition(op, is_signed(&left.ty)).and_then(Cond::opposite) else {
            return self.refuse("an operator that does not compare");
        };
        if let ExprKind::Int(number) = right.kind
            && let Ok(small) = i32::try_from(number)
        {
            self.number(left)?;
            self.asm.jump_if(opposite, R0, small, no);
            return Ok(());
        }
        self.operands(left, right)?;
        self.asm.jump_if(opposite, R0, R1, no);
        Ok(())
    }
}

/// What a comparison asks.
fn condition(op: BinaryOp, signed: bool) -> Option<Cond> {
    Some(match (op, signed) {
        (BinaryOp::Lt, false) => Cond::Lt,
        (BinaryOp::Le, false) => Cond::Le,
        (BinaryOp::Gt, false) => Cond::Gt,
        (BinaryOp::Ge, false) => Cond::Ge,
        (BinaryOp::Lt, true) => Cond::SLt,
        (BinaryOp::Le, true) => Cond::SLe,
        (BinaryOp::Gt, true) => Cond::SGt,
        (BinaryOp::Ge, true) => Cond::SGe,
        (BinaryOp::Eq, _) => Cond::Eq,
        (BinaryOp::Ne, _) => Cond::Ne,
        _ => return None,
    })
}

/// The size of that many bytes.
pub(super) fn size(bytes: u32) -> Option<Size> {
    Size::ALL.into_iter().find(|size| size.bytes() == bytes as usize)
}
