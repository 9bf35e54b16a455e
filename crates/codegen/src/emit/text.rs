//! Texts and bytes, in places of the layout of [`event::schema::text`]: length, flags, bytes, zeros.

use bpf::Helper;
use bpf::Label;
use bpf::insn::{AluOp, Cond, Reg, Size};
use event::bytes::round8;
use event::schema::text;

use super::Refused;
use super::body::{CONTEXT, Code, R0, R1, R2, R3, R4};
use super::expr::LOWEST;
use super::memory::Place;
use plan::{Access, AccessNo, Expr, ExprKind, FieldForm, Location, Type, Value, Word};

/// `TASK_COMM_LEN`, the final zero included.
const COMM: usize = 16;

/// Bytes that a text of at most so many takes.
pub(super) fn size(cap: u32) -> usize {
    text::BYTES + round8(cap as usize)
}

fn cap_of(ty: &Type) -> u32 {
    match ty {
        Type::Str { max } | Type::Buf { max } => *max,
        _ => 0,
    }
}

/// The words of a literal in a place for at most `cap` bytes.
fn words(literal: &str, cap: u32) -> Vec<u64> {
    let bytes = literal.as_bytes();
    let kept = &bytes[..bytes.len().min(cap as usize)];
    let cut = if kept.len() < bytes.len() { text::CUT } else { 0 };
    let head = kept.len() as u64 | u64::from(cut) << 32;
    let chunk = |at: usize| {
        let mut word = [0; 8];
        let piece = &kept[at.min(kept.len())..(at + 8).min(kept.len())];
        word[..piece.len()].copy_from_slice(piece);
        u64::from_le_bytes(word)
    };
    [head].into_iter().chain((0..round8(cap as usize)).step_by(8).map(chunk)).collect()
}

impl<'p> Code<'_, 'p> {
    /// The text of an expression at a place for at most `cap` bytes.
    pub(super) fn text(&mut self, expr: &Expr, cap: u32, place: Place) -> Result<(), Refused> {
        self.at(expr.pos);
        if cap == 0 || cap > i32::MAX as u32 / 2 {
            return self.refuse("a text of no length, or one that is too long");
        }
        let mark = self.mark();
        match &expr.kind {
            ExprKind::Str(literal) => self.literal(self.string(*literal)?, cap, place),
            ExprKind::Word(Word::Comm) => self.comm(cap, place),
            ExprKind::Access(access) => self.text_access(*access, cap, place)?,
            ExprKind::Field { offset, bytes, form } => self.text_field(*offset, *bytes, *form, cap, place)?,
            ExprKind::Var(var) => {
                let slot = self.var(*var)?;
                if slot.fields.faults {
                    self.take_faults(slot.place);
                }
                self.copy_text(slot.place.plus(slot.fields.start()), cap_of(&slot.ty), place, cap);
            }
            ExprKind::Map { map, key } => {
                let fields = self.plain_fields(*map)?;
                let fresh = self.memory.take(fields.size());
                self.map_copy(*map, key, fresh, fields.size())?;
                if fields.faults {
                    self.take_faults(fresh);
                }
                let have = (fields.size() - fields.start() - text::BYTES) as u32;
                let have = if let event::Shape::Str { cap } | event::Shape::Buf { cap } = fields.shapes[0] {
                    cap
                } else {
                    have
                };
                self.copy_text(fresh.plus(fields.start()), have, place, cap);
            }
            ExprKind::Ternary { cond, then, otherwise } => {
                self.either(cond, |this| this.text(then, cap, place), |this| this.text(otherwise, cap, place))?;
            }
            ExprKind::ReadBytes { at, len } => {
                let is_text = matches!(expr.ty, Type::Str { .. });
                self.read_bytes(at, len.as_deref(), is_text, cap, place)?;
            }
            _ => self.refuse("this is no text")?,
        }
        self.release(mark);
        Ok(())
    }

    fn literal(&mut self, literal: &str, cap: u32, place: Place) {
        for (n, word) in words(literal, cap).into_iter().enumerate() {
            let at = place.plus(8 * n);
            match i32::try_from(word as i64) {
                Ok(small) => self.asm.store(Size::U64, at.base, at.off, small),
                Err(_) => self.asm.number(R1, word).store(Size::U64, at.base, at.off, R1),
            };
        }
    }

    /// A text where there may be less room for it than it has; it is cut then, and says so.
    pub(super) fn copy_text(&mut self, from: Place, have: u32, to: Place, cap: u32) {
        if have <= cap {
            self.copy(from, to, size(have));
            return self.zero(to.plus(size(have)), size(cap) - size(have));
        }
        self.copy(from, to, size(cap));
        let (whole, last) = (self.asm.label("whole"), to.plus(size(cap) - 8));
        self.asm.load(Size::U64, R1, last.base, last.off);
        self.masked(R1, mask(cap as usize, size(cap) - text::BYTES - 8));
        self.asm.store(Size::U64, last.base, last.off, R1);
        self.asm.load(Size::U32, R1, to.base, to.off + text::LEN as i32).jump_if(Cond::Le, R1, cap as i32, whole);
        self.asm.store(Size::U32, to.base, to.off + text::LEN as i32, cap as i32);
        self.asm.store(Size::U32, to.base, to.off + text::FLAGS as i32, text::CUT as i32).place(whole);
    }

    fn comm(&mut self, cap: u32, place: Place) {
        let name = self.memory.take(COMM);
        self.zero(place, size(cap));
        self.address(R1, name);
        self.asm.mov(R2, COMM as i32).helper(Helper::GET_CURRENT_COMM);
        self.address(R3, name);
        self.kernel_text(cap.min(COMM as u32), place);
    }

    /// Text of the kernel at `R3`, up to its final zero, into a place that is all zero.
    fn kernel_text(&mut self, most: u32, place: Place) {
        let done = self.asm.label("no_text");
        self.address(R1, place.plus(text::BYTES));
        self.asm.mov(R2, most as i32).helper(Helper::PROBE_READ_KERNEL_STR);
        self.asm.jump_if(Cond::SLe, R0, 0, done).add(R0, -1);
        self.asm.store(Size::U32, place.base, place.off + text::LEN as i32, R0).place(done);
    }

    fn text_field(&mut self, offset: u32, bytes: u32, form: FieldForm, cap: u32, place: Place) -> Result<(), Refused> {
        if offset < 8 || (form == FieldForm::DataLoc && !offset.is_multiple_of(4)) {
            return self.refuse("the kernel does not let programs read this field");
        }
        self.zero(place, size(cap));
        match form {
            FieldForm::Chars => {
                self.asm.mov(R3, CONTEXT).add(R3, offset as i32);
                self.kernel_text(cap.min(bytes), place);
            }
            FieldForm::DataLoc => {
                self.asm.load(Size::U32, R1, CONTEXT, offset as i32).alu(AluOp::And, R1, 0xffff);
                self.asm.mov(R3, CONTEXT).add(R3, R1);
                self.kernel_text(cap, place);
            }
            FieldForm::Int => self.refuse("this field is no text")?,
        }
        Ok(())
    }

    fn text_access(&mut self, access: AccessNo, cap: u32, place: Place) -> Result<(), Refused> {
        let accessed = self.accessed(access)?;
        self.zero(place, size(cap));
        match self.subject.variant.accesses.get(access.index()) {
            Some(Access::Str { data, len, most }) => self.go_text((data, len), *most, cap, place),
            Some(Access::Unreadable) => {
                self.mark_fault();
                Ok(())
            }
            Some(Access::SavedText(word)) => self.saved_text(*word, cap, place),
            Some(Access::Saved(_) | Access::Int(_) | Access::Go(_) | Access::Zero) => {
                self.refuse(format!("{} is no text", accessed.path))
            }
            None => self.refuse(format!("the plan does not say where {} is", accessed.path)),
        }
    }

    /// A string of Go into a place that is all zero.
    fn go_text(
        &mut self,
        (data, len): (&Value, &Value),
        most: Option<u32>,
        cap: u32,
        place: Place,
    ) -> Result<(), Refused> {
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("text"));
        self.read_go_text((data, len), most, cap, place, bad)?;
        self.asm.jump(done).place(bad);
        self.zero(place, 8);
        self.mark_fault();
        self.asm.place(done);
        Ok(())
    }

    /// The same; on to `bad` where it cannot be read.
    pub(super) fn read_go_text(
        &mut self,
        (data, len): (&Value, &Value),
        most: Option<u32>,
        cap: u32,
        place: Place,
        bad: Label,
    ) -> Result<(), Refused> {
        let (pair, done) = (self.memory.take(16), self.asm.label("text"));
        if let Some(head) = neighbours(data, len) {
            self.locate(&head, bad)?;
            let hop = data.location.hops.last().copied().unwrap_or_default();
            self.follow_into(hop, 16, pair);
            self.asm.jump_if(Cond::Ne, R1, 0, bad);
        } else {
            self.locate(data, bad)?;
            self.asm.store(Size::U64, pair.base, pair.off, R0);
            self.locate(len, bad)?;
            self.asm.store(Size::U64, pair.base, pair.off + 8, R0);
        }
        self.read_clamped(pair, most, cap, place, (bad, done));
        self.asm.place(done);
        Ok(())
    }

    /// So many bytes (second word of `pair`) from an address (first word), up to `cap`; on to `done` if there are none.
    /// What is behind the first `most` is not wanted.
    fn read_clamped(&mut self, pair: Place, most: Option<u32>, cap: u32, place: Place, (bad, done): (Label, Label)) {
        let kept = most.map_or(cap, |most| most.min(cap)) as i32;
        let fits = self.asm.label("fits");
        self.asm.load(Size::U64, R3, pair.base, pair.off).load(Size::U64, R2, pair.base, pair.off + 8);
        self.asm.jump_if(Cond::SLe, R2, 0, done).jump_if(Cond::Lt, R3, LOWEST, bad);
        self.asm.jump_if(Cond::Le, R2, kept, fits).mov(R2, kept);
        if most.is_none_or(|most| most > cap) {
            self.asm.store(Size::U32, place.base, place.off + text::FLAGS as i32, text::CUT as i32);
        }
        self.asm.place(fits);
        self.asm.store(Size::U32, place.base, place.off + text::LEN as i32, R2);
        self.address(R1, place.plus(text::BYTES));
        self.asm.helper(Helper::PROBE_READ_USER).jump_if(Cond::Ne, R0, 0, bad);
    }

    fn read_bytes(
        &mut self,
        at: &Expr,
        len: Option<&Expr>,
        is_text: bool,
        cap: u32,
        place: Place,
    ) -> Result<(), Refused> {
        let pair = self.memory.take(16);
        self.number(at)?;
        self.asm.store(Size::U64, pair.base, pair.off, R0);
        match len {
            Some(len) => self.number(len)?,
            None => {
                self.asm.number(R0, u64::from(cap) + 1);
            }
        }
        self.asm.store(Size::U64, pair.base, pair.off + 8, R0);
        let (bad, done) = (self.asm.label("unreadable"), self.asm.label("bytes"));
        self.zero(place, size(cap));
        if is_text {
            self.read_text(pair, cap, place, bad, done);
        } else {
            self.read_clamped(pair, None, cap, place, (bad, done));
        }
        self.asm.jump(done).place(bad);
        self.zero(place, size(cap));
        self.mark_fault();
        self.asm.place(done);
        Ok(())
    }

    /// Text up to a zero or so many bytes, and never a byte behind those: it may be the first of a page that is not
    /// there. The helper ends what it reads with a zero of its own, so the last byte is looked at by itself.
    fn read_text(&mut self, pair: Place, cap: u32, place: Place, bad: Label, done: Label) {
        let (fits, most) = (self.asm.label("fits"), self.memory.take(8));
        self.asm.load(Size::U64, R3, pair.base, pair.off).load(Size::U64, R2, pair.base, pair.off + 8);
        self.asm.jump_if(Cond::SLe, R2, 0, done).jump_if(Cond::Lt, R3, LOWEST, bad);
        self.asm.jump_if(Cond::Le, R2, cap as i32, fits).mov(R2, cap as i32).place(fits);
        self.asm.store(Size::U64, most.base, most.off, R2);
        self.address(R1, place.plus(text::BYTES));
        self.asm.helper(Helper::PROBE_READ_USER_STR).jump_if(Cond::SLe, R0, 0, bad);
        self.asm.mov(R1, R0).add(R1, -1).store(Size::U32, place.base, place.off + text::LEN as i32, R1);
        self.asm.load(Size::U64, R2, most.base, most.off).jump_if(Cond::Ne, R0, R2, done);
        self.last_byte(pair, most, (place, cap), bad, done);
    }

    /// Whether the text goes on to its last byte that is kept, and behind that.
    fn last_byte(&mut self, pair: Place, most: Place, (place, cap): (Place, u32), bad: Label, done: Label) {
        let (last, fits, cut) = (self.memory.take(8), self.asm.label("fits"), self.asm.label("cut"));
        self.asm.load(Size::U64, R3, pair.base, pair.off).add(R3, R2).add(R3, -1);
        self.read_byte(last).jump_if(Cond::Ne, R0, 0, bad);
        self.asm.load(Size::U8, R1, last.base, last.off).jump_if(Cond::Eq, R1, 0, done);
        self.asm.load(Size::U64, R2, most.base, most.off);
        self.asm.jump_if(Cond::Le, R2, cap as i32, fits).mov(R2, cap as i32).place(fits);
        self.asm.store(Size::U32, place.base, place.off + text::LEN as i32, R2);
        self.address(R1, place.plus(text::BYTES));
        self.asm.load(Size::U64, R3, pair.base, pair.off);
        self.asm.helper(Helper::PROBE_READ_USER).jump_if(Cond::Ne, R0, 0, bad);
        // Fewer bytes were asked for than there are: that is no cut.
        self.asm.load(Size::U64, R2, pair.base, pair.off + 8).jump_if(Cond::SLe, R2, cap as i32, done);
        self.asm.load(Size::U64, R3, pair.base, pair.off).add(R3, cap as i32);
        self.read_byte(last).jump_if(Cond::Ne, R0, 0, cut);
        self.asm.load(Size::U8, R1, last.base, last.off).jump_if(Cond::Eq, R1, 0, done);
        self.asm.place(cut).store(Size::U32, place.base, place.off + text::FLAGS as i32, text::CUT as i32);
    }

    /// Reads the byte at `R3`; `R0 =` 0 or an error.
    fn read_byte(&mut self, to: Place) -> &mut bpf::Assembler {
        self.address(R1, to);
        self.asm.mov(R2, 1).helper(Helper::PROBE_READ_USER)
    }

    /// `R0 =` whether two texts are the same. Both are padded with zeros, so words compare; a literal is in the code.
    pub(super) fn same_text(
        &mut self,
        left: &Expr,
        right: &Expr,
        first: Option<u32>,
        negated: bool,
    ) -> Result<(), Refused> {
        let (left, right) = if matches!(left.kind, ExprKind::Str(_)) { (right, left) } else { (left, right) };
        let one = self.text_somewhere(left)?;
        let (differ, done) = (self.asm.label("differ"), self.asm.label("compared"));
        if let ExprKind::Str(literal) = right.kind {
            self.compare_literal(one, cap_of(&left.ty), self.string(literal)?, first, differ);
        } else {
            let other = self.text_somewhere(right)?;
            self.compare_texts((one, cap_of(&left.ty)), (other, cap_of(&right.ty)), first, differ);
        }
        self.asm.mov(R0, i32::from(!negated)).jump(done).place(differ).mov(R0, i32::from(negated)).place(done);
        Ok(())
    }

    fn text_somewhere(&mut self, expr: &Expr) -> Result<Place, Refused> {
        let cap = cap_of(&expr.ty).max(1);
        let place = self.memory.take(size(cap));
        self.text(expr, cap, place)?;
        Ok(place)
    }

    fn compare_literal(&mut self, place: Place, cap: u32, literal: &str, first: Option<u32>, differ: Label) {
        // A literal that is longer than the other text can be is cut too, and is the same as far as one can know only
        // if that text was cut: the flag says so.
        let words = words(literal, cap.max(1));
        let bytes = first.map_or(usize::MAX, |first| first as usize);
        if first.is_none() {
            self.compare_word(place, 0, words[0], u64::MAX, differ);
        }
        for (n, word) in words.iter().enumerate().skip(1) {
            let mask = mask(bytes, 8 * (n - 1));
            if mask != 0 {
                self.compare_word(place, 8 * n, word & mask, mask, differ);
            }
        }
        if first.is_some() && literal.len().min(bytes) > cap as usize {
            self.compare_word(place, 0, u64::from(text::CUT) << 32, !0 << 32, differ);
        }
    }

    fn compare_word(&mut self, place: Place, at: usize, word: u64, mask: u64, differ: Label) {
        let at = place.plus(at);
        self.asm.load(Size::U64, R1, at.base, at.off);
        self.masked(R1, mask);
        self.asm.number(R2, word).jump_if(Cond::Ne, R1, R2, differ);
    }

    fn masked(&mut self, reg: Reg, mask: u64) {
        if mask != u64::MAX {
            self.asm.number(R3, mask).alu(AluOp::And, reg, R3);
        }
    }

    fn compare_texts(&mut self, one: (Place, u32), other: (Place, u32), first: Option<u32>, differ: Label) {
        let bytes = first.map_or(usize::MAX, |first| first as usize);
        let room = |cap: u32| round8(cap.max(1) as usize);
        let start = if first.is_some() { 8 } else { 0 };
        for at in (start..8 + room(one.1).max(room(other.1))).step_by(8) {
            let mask = if at == 0 { u64::MAX } else { mask(bytes, at - 8) };
            if mask == 0 {
                break;
            }
            for (reg, (place, cap)) in [(R1, one), (R4, other)] {
                if at < 8 + room(cap) {
                    self.asm.load(Size::U64, reg, place.base, place.plus(at).off);
                    self.masked(reg, mask);
                } else {
                    self.asm.mov(reg, 0);
                }
            }
            self.asm.jump_if(Cond::Ne, R1, R4, differ);
        }
    }
}

/// The bits of the word at a byte that are among the first `bytes`.
fn mask(bytes: usize, at: usize) -> u64 {
    match bytes.saturating_sub(at) {
        0 => 0,
        n @ 1..8 => (1 << (8 * n)) - 1,
        _ => u64::MAX,
    }
}

/// If address and length of a string lie side by side behind a pointer: where that pointer is.
fn neighbours(data: &Value, len: &Value) -> Option<Value> {
    let (at, rest) = data.location.hops.split_last()?;
    let (next, same) = len.location.hops.split_last()?;
    let alike = data.bounds == len.bounds && data.location.base == len.location.base && rest == same;
    let words = data.location.bytes == 8 && len.location.bytes == 8 && *next == at.checked_add(8)?;
    let location = Location { hops: rest.to_vec(), bytes: 8, signed: false, base: data.location.base };
    (alike && words).then(|| Value { bounds: data.bounds.clone(), location })
}
