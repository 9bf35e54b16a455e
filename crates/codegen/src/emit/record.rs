//! Records into the ring: printed text, and what else user space does in the order of the ring.

use bpf::Helper;
use bpf::insn::{Cond, Size};
use event::go::Printed;
use event::record;
use event::schema::state;
use event::{Format, Row};

use super::body::{Code, HIT, R0, R1, R2, R3, RECORD};
use super::memory::Place;
use super::{Refused, capture, hit, taint};
use crate::capture::Print;
use plan::{Base, BinaryNo, Expr, ExprKind, StringNo, Type};
use program::capture::{MOST_BYTES, layout};
use program::counter;

/// `BPF_RB_NO_WAKEUP`.
const NO_WAKEUP: i32 = 1;
/// Offsets in instructions have 16 bits.
const MOST: usize = 32_000;

impl<'p> Code<'_, 'p> {
    /// A record without payload.
    pub(super) fn signal(&mut self, row: Row) -> Result<(), Refused> {
        self.record(row, 0, |_, _| Ok(()))
    }

    pub(super) fn printf(&mut self, format: StringNo, args: &[Expr]) -> Result<(), Refused> {
        let args: Vec<&Expr> = args.iter().collect();
        let fields = self.fields_of(&args)?;
        let format = Format::parse(self.string(format)?);
        let format = self.shared.schema.add_format(format);
        self.values(Row::Printf { format, args: fields.clone() }, &args, &fields)
    }

    /// `print(e)`; of an entry that is kept by CPU, user space reads the value.
    pub(super) fn print(&mut self, expr: &'p Expr) -> Result<(), Refused> {
        if let ExprKind::Map { map, key } = &expr.kind
            && matches!(self.described(*map)?.value, event::MapValue::PerCpu(_))
        {
            let place = self.key(*map, key)?;
            let bytes = self.described(*map)?.key.size();
            let row = Row::PrintEntry { map: event::MapIndex(map.0), div: 1 };
            return self.record(row, bytes, |this, payload| {
                this.copy(place, payload, bytes);
                Ok(())
            });
        }
        let fields = self.fields_of(&[expr])?;
        self.values(Row::PrintValue(fields.clone()), &[expr], &fields)
    }

    /// A record of values. They are made in the record itself, but for those that change something: they must do so
    /// also if there is no room for the record.
    fn values(&mut self, row: Row, exprs: &[&Expr], fields: &event::Fields) -> Result<(), Refused> {
        if let Some((number, print)) = self.print_of(exprs)? {
            return self.whole_values(row, exprs, fields, (number, print));
        }
        let types: Vec<&Type> = exprs.iter().map(|expr| &expr.ty).collect();
        if !exprs.iter().any(|expr| taint::has_effect(expr)) {
            return self.record(row, fields.size(), |this, payload| this.write_fields(exprs, &types, fields, payload));
        }
        let place = self.memory.take(fields.size());
        self.write_fields(exprs, &types, fields, place)?;
        self.record(row, fields.size(), |this, payload| {
            this.copy(place, payload, fields.size());
            Ok(())
        })
    }

    /// A record with whole values of Go among others.
    fn whole_values(
        &mut self,
        row: Row,
        exprs: &[&Expr],
        fields: &event::Fields,
        (number, print): (usize, &Print),
    ) -> Result<(), Refused> {
        let types: Vec<&Type> = exprs.iter().map(|expr| &expr.ty).collect();
        let start = print.values.bytes as usize;
        let chunks = (Printed::FROM + start + fields.size()) as u32;
        let most = print.by.bytes.saturating_add(fields.size() as u32).clamp(chunks, MOST_BYTES.max(chunks));
        if chunks > MOST_BYTES {
            return self.refuse(format!("a record of {chunks} bytes is more than {MOST_BYTES}"));
        }
        // What changes something must do so also if there is no room for the record.
        let mut kept = None;
        if exprs.iter().any(|expr| taint::has_effect(expr)) {
            let place = self.memory.take(start + fields.size());
            if print.dictionary.is_some() {
                self.zero(place.plus(start - 8), 8);
            }
            self.start = place;
            self.write_fields(exprs, &types, fields, place.plus(start))?;
            kept = Some(place);
        }
        let row = self.shared.schema.add_row(row);
        let functions = self.capture.get_or_insert_with(|| capture::Functions::declare(self.asm)).print(self.asm);
        let (none, done) = (self.asm.label("no_slot"), self.asm.label("recorded"));
        self.asm.call(functions.take).jump_if(Cond::Eq, R0, 0, none).mov(RECORD, R0);
        let record = capture::record(RECORD);
        self.head(record, row.0);
        let first = record.plus(Printed::FROM);
        match kept {
            Some(place) => self.copy(place, first, start + fields.size()),
            None => {
                self.start = first;
                self.write_fields(exprs, &types, fields, first.plus(start))?;
            }
        }
        capture::begin(self.asm, RECORD, &print.by, chunks, most);
        if let Some(dictionary) = print.dictionary {
            self.dictionary(dictionary, number, first.plus(start - 8))?;
        }
        self.asm.mov(R1, RECORD).mov(R2, HIT).call(functions.rest);
        self.count_outcome();
        self.asm.jump(done).place(none);
        self.count(counter::NO_SCRATCH);
        self.count(counter::LOST);
        self.asm.place(done);
        Ok(())
    }

    /// Writes the dictionary of a generic function, and goes on as it says.
    fn dictionary(&mut self, from: Base, number: usize, to: Place) -> Result<(), Refused> {
        let captured = capture::of(self.shared.captured)?;
        let unknown = self.asm.label("no_dictionary");
        let mark = self.mark();
        let key = self.memory.take(layout::INSTANCE as usize);
        self.zero(to, 8);
        self.base(from, unknown)?;
        self.asm.store(Size::U64, to.base, to.off, R0);
        let binary = self.subject.binary.unwrap_or(BinaryNo(0));
        capture::instance(self.asm, [RECORD, HIT], captured, (binary, number), key, unknown);
        self.asm.place(unknown);
        self.release(mark);
        Ok(())
    }

    /// A record with what `payload` writes behind its head.
    pub(super) fn record(
        &mut self,
        row: Row,
        bytes: usize,
        payload: impl FnOnce(&mut Self, Place) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let size = record::PAYLOAD + bytes;
        if size > MOST {
            return self.refuse(format!("a record of {size} bytes is more than {MOST}"));
        }
        let row = self.shared.schema.add_row(row);
        let (full, done) = (self.asm.label("ring_full"), self.asm.label("recorded"));
        self.asm.map(R1, self.shared.tables.ring).mov(R2, size as i32).mov(R3, 0);
        self.asm.helper(Helper::RINGBUF_RESERVE).jump_if(Cond::Eq, R0, 0, full).mov(RECORD, R0);
        self.head(Place::at(RECORD, 0), row.0);
        payload(self, Place::at(RECORD, record::PAYLOAD as i32))?;
        self.asm.mov(R1, RECORD).mov(R2, NO_WAKEUP).helper(Helper::RINGBUF_SUBMIT);
        self.count(counter::PRINTED);
        self.asm.jump(done).place(full);
        self.count(counter::LOST);
        self.asm.place(done);
        Ok(())
    }

    /// A change of a goroutine's state: the words that the prelude tells, and what of its g was asked for.
    pub(super) fn event_record(&mut self, parent: bool) -> Result<(), Refused> {
        let binary = self.subject.binary.map_or(0, |binary| binary.0);
        let told = [
            (hit::EVENT_SINCE, -(record::PAYLOAD as i32) + record::TIME as i32),
            (hit::EVENT_FROM, state::FROM as i32),
            (hit::EVENT_FOR, state::FOR as i32),
            (hit::EVENT_GOID, state::GOID as i32),
            (hit::EVENT_START, state::START as i32),
        ];
        let asked = [("g.parentGoid", state::PARENT), ("g.gopc", state::GOPC)];
        let bytes = if parent { state::SIZE_WITH_PARENT } else { state::SIZE };
        self.record(Row::State { binary, parent }, bytes, |this, payload| {
            for (from, to) in told {
                this.asm.load(Size::U64, R1, HIT, from).store(Size::U64, payload.base, payload.off + to, R1);
            }
            for (field, to) in asked.into_iter().filter(|_| parent) {
                let mark = this.mark();
                this.of_g(hit::EVENT_G, field, 8)?;
                this.asm.store(Size::U64, payload.base, payload.plus(to).off, R0);
                this.release(mark);
            }
            Ok(())
        })
    }

    fn head(&mut self, at: Place, row: u32) {
        let field = |field: usize| at.off + field as i32;
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).store(Size::U64, at.base, field(record::TIME), R0);
        capture::origin(self.asm, HIT, at);
        self.asm.store(Size::U32, at.base, field(record::ROW), row as i32);
        self.asm.store(Size::U32, at.base, field(record::STAT), 0);
    }
}
