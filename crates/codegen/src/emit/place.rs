//! Values into memory: the fields of records, keys, maps and variables.

use bpf::insn::{AluOp, Cond, Size};
use event::{Fields, PrintedIndex, Shape};

use super::body::{Code, HIT, R0, R1, R2};
use super::memory::Place;
use super::{Refused, capture, hit, shapes};
use plan::{Access, Expr, ExprKind, StringNo, Type, WholeAt};

/// Where the leaves of fields go, one after the other.
struct Leaves {
    /// The word of faults, if there is one.
    faults: Option<Place>,
    /// The next leaf.
    at: Place,
    bit: u32,
}

impl<'p> Code<'_, 'p> {
    pub(super) fn string(&self, number: StringNo) -> Result<&'p str, Refused> {
        match self.shared.plan.strings.get(number.index()) {
            Some(text) => Ok(text),
            None => self.refuse(format!("the plan has no string {}", number.0)),
        }
    }

    /// The fields that such values make, with a word of faults if one of them can have one.
    pub(super) fn fields_of(&mut self, exprs: &[&Expr]) -> Result<Fields, Refused> {
        let faults = exprs.iter().any(|expr| self.is_tainted(expr));
        let types: Vec<&Type> = exprs.iter().map(|expr| &expr.ty).collect();
        let fields = shapes::fields(self.shared.plan, &types, faults, &mut self.shared.schema);
        let mut fields = fields.map_err(|refused| Refused { at: self.pos, ..refused })?;
        if let Some((number, _)) = self.print_of(exprs)? {
            let first = capture::of(self.shared.captured)?.printed.0;
            let printed = PrintedIndex(first + number as u32);
            let shapes = exprs.iter().zip(&mut fields.shapes).filter(|(expr, _)| expr.whole().is_some());
            shapes.zip(0..).for_each(|((_, shape), value)| *shape = Shape::Go { printed, value });
        }
        Ok(fields)
    }

    /// Puts values where fields of those types are.
    pub(super) fn write_fields(
        &mut self,
        exprs: &[&Expr],
        types: &[&Type],
        fields: &Fields,
        place: Place,
    ) -> Result<(), Refused> {
        if fields.faults {
            self.zero(place, 8);
        }
        let faults = fields.faults.then_some(place);
        let mut leaves = Leaves { faults, at: place.plus(fields.start()), bit: 0 };
        for ((expr, ty), shape) in exprs.iter().zip(types).zip(&fields.shapes) {
            self.write_value(expr, ty, shape, &mut leaves)?;
        }
        Ok(())
    }

    fn write_value(&mut self, expr: &Expr, ty: &Type, shape: &Shape, leaves: &mut Leaves) -> Result<(), Refused> {
        match (ty, &expr.kind, shape) {
            (Type::Tuple(types), ExprKind::Tuple(parts), Shape::Tuple(shapes)) => {
                for ((part, ty), shape) in parts.iter().zip(types).zip(shapes) {
                    self.write_value(part, ty, shape, leaves)?;
                }
                Ok(())
            }
            (Type::Tuple(_), ..) => self.write_tuple(expr, ty, shape, leaves),
            // What came from elsewhere may be of another process.
            (_, ExprKind::Var(_) | ExprKind::Map { .. } | ExprKind::Ternary { .. }, Shape::Id(kind))
                if kind.has_process() =>
            {
                self.write_tuple(expr, ty, shape, leaves)
            }
            _ => self.write_leaf(expr, ty, shape, leaves),
        }
    }

    /// Several words that are somewhere already, or one of two.
    fn write_tuple(&mut self, expr: &Expr, ty: &Type, shape: &Shape, leaves: &mut Leaves) -> Result<(), Refused> {
        let bits = Fields::sure(vec![shape.clone()]).leaves().len() as u32;
        let mark = self.mark();
        match &expr.kind {
            ExprKind::Var(var) => {
                let slot = self.var(*var)?;
                self.same_layout(&slot.fields, shape)?;
                self.move_kept(slot.place, slot.fields.faults, shape.size(), leaves);
            }
            ExprKind::Map { map, key } => {
                let fields = self.plain_fields(*map)?;
                self.same_layout(&fields, shape)?;
                let fresh = self.memory.take(fields.size());
                self.map_copy(*map, key, fresh, fields.size())?;
                self.move_kept(fresh, fields.faults, shape.size(), leaves);
            }
            ExprKind::Ternary { cond, then, otherwise } => {
                let (at, bit, faults) = (leaves.at, leaves.bit, leaves.faults);
                let branch =
                    |expr: &Expr, this: &mut Self| this.write_value(expr, ty, shape, &mut Leaves { faults, at, bit });
                self.either(cond, |this| branch(then, this), |this| branch(otherwise, this))?;
            }
            _ => self.refuse("a tuple of this kind is not made")?,
        }
        self.release(mark);
        leaves.at = leaves.at.plus(shape.size());
        leaves.bit += bits;
        Ok(())
    }

    fn same_layout(&self, fields: &Fields, shape: &Shape) -> Result<(), Refused> {
        if fields.shapes.first().is_some_and(|have| have.size() == shape.size()) {
            return Ok(());
        }
        self.refuse("tuples with texts of different lengths do not fit each other")
    }

    /// Copies values with the word of faults that stands before them, if there is one.
    fn move_kept(&mut self, from: Place, faults: bool, bytes: usize, leaves: &Leaves) {
        self.copy(from.plus(if faults { 8 } else { 0 }), leaves.at, bytes);
        let Some(to) = leaves.faults.filter(|_| faults) else { return };
        self.asm.load(Size::U64, R1, from.base, from.off).alu(AluOp::Lsh, R1, leaves.bit as i32);
        self.asm.load(Size::U64, R2, to.base, to.off).alu(AluOp::Or, R2, R1).store(Size::U64, to.base, to.off, R2);
    }

    fn write_leaf(&mut self, expr: &Expr, ty: &Type, shape: &Shape, leaves: &mut Leaves) -> Result<(), Refused> {
        let tainted = self.is_tainted(expr);
        let mark = self.mark();
        if tainted {
            self.zero(self.fault, 8);
        }
        match ty {
            Type::Str { max } | Type::Buf { max } => self.text(expr, *max, leaves.at)?,
            Type::Go => self.whole_start(expr)?,
            _ => {
                self.number(expr)?;
                self.asm.store(Size::U64, leaves.at.base, leaves.at.off, R0);
                if matches!(shape, Shape::Id(kind) if kind.has_process()) {
                    self.write_process(leaves.at.plus(8));
                }
            }
        }
        if tainted {
            self.put_fault(leaves, shape.size())?;
        }
        self.release(mark);
        leaves.at = leaves.at.plus(shape.size());
        leaves.bit += 1;
        Ok(())
    }

    /// What a whole value of Go starts with, where that belongs.
    fn whole_start(&mut self, expr: &Expr) -> Result<(), Refused> {
        let access = expr.whole().and_then(|access| self.subject.variant.accesses.get(access.index()));
        let whole = match access {
            Some(Access::Go(whole)) => whole,
            Some(Access::Unreadable) => {
                self.mark_fault();
                return Ok(());
            }
            _ => return self.refuse("the plan does not say where a whole value is"),
        };
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("whole"));
        let (start, mut can_fail) = (self.start, false);
        self.start = start.plus(whole.bytes() as usize);
        match &whole.at {
            WholeAt::Registers(parts) => {
                for (n, base) in parts.iter().filter_map(|part| part.base).enumerate() {
                    can_fail |= self.base(base, bad)?;
                    let to = start.plus(8 * n);
                    self.asm.store(Size::U64, to.base, to.off, R0);
                }
            }
            WholeAt::Stack(at) => {
                self.asm.load(Size::U64, R0, HIT, hit::SP).number(R1, at.wrapping_add(8)).add(R0, R1);
                self.asm.store(Size::U64, start.base, start.off, R0);
            }
            WholeAt::Memory(of) => {
                self.locate_address(of, bad)?;
                can_fail = true;
                self.asm.store(Size::U64, start.base, start.off, R0);
            }
        }
        if can_fail {
            self.asm.jump(done).place(bad);
            self.zero(start, whole.bytes() as usize);
            self.mark_fault();
            self.asm.place(done);
        }
        Ok(())
    }

    /// Whose stack or address it is.
    fn write_process(&mut self, place: Place) {
        self.asm.load(Size::U32, R1, HIT, hit::PID_TGID + 4);
        self.asm.store(Size::U64, place.base, place.off, R1);
    }

    /// Takes the fault of a value along: its bit is set, its bytes are zero.
    fn put_fault(&mut self, leaves: &Leaves, bytes: usize) -> Result<(), Refused> {
        let Some(faults) = leaves.faults else {
            return self.refuse("a value that may be unreadable has no place to say so");
        };
        let fine = self.asm.label("readable");
        self.asm.load(Size::U64, R1, self.fault.base, self.fault.off).jump_if(Cond::Eq, R1, 0, fine);
        self.asm.number(R1, 1 << leaves.bit.min(63)).load(Size::U64, R2, faults.base, faults.off);
        self.asm.alu(AluOp::Or, R2, R1).store(Size::U64, faults.base, faults.off, R2);
        self.zero(leaves.at, bytes);
        self.asm.place(fine);
        Ok(())
    }
}
