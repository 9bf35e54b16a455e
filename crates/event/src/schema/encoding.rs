//! Schemas as bytes, in a layout with a version.

use super::{
    Aggregate, CallIndex, Fields, FormatId, MapIndex, MapSchema, MapValue, PrintedIndex, Row, Schema, Shape, TextId,
};
use crate::bucket::{Linear, Log};
use crate::encoding::{Encoded, ReadError, Reader, Writer, encoded_enum, encoded_struct};
use crate::format::Format;
use crate::value::{IdKind, IntType};

/// The first bytes of every schema.
const MAGIC: &[u8; 8] = b"gospect\0";
/// The version of the layout. It changes with every change of what stands here or in `go::encoding`.
const VERSION: u32 = 1;

impl Schema {
    /// Writes it in a layout that [`Schema::from_bytes`] reads. Equal schemas are equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer { bytes: MAGIC.to_vec() };
        VERSION.write(&mut to);
        self.write(&mut to);
        to.bytes
    }

    /// Reads what [`Schema::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes were written by something else or by another version, or are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Schema, ReadError> {
        let mut from = Reader::new(bytes);
        if from.take(MAGIC.len())? != MAGIC {
            return Err(ReadError::Foreign);
        }
        let found = u32::read(&mut from)?;
        if found != VERSION {
            return Err(ReadError::Version { found, known: VERSION });
        }
        let schema = Schema::read(&mut from)?;
        from.finish()?;
        schema.types.is_sorted_by_key(|(first, _)| *first).then_some(schema).ok_or(ReadError::Invalid("order of types"))
    }
}

encoded_struct! {
    Schema { texts, formats, maps, calls, types, printed, rows }
    MapSchema { name, key, value }
    Fields { faults, shapes }
    FormatId { 0 }
    TextId { 0 }
    MapIndex { 0 }
    CallIndex { 0 }
    PrintedIndex { 0 }
    IntType { signed, bits }
}

encoded_enum!(Row {
    0: Printf { format: format, args: args },
    1: PrintValue { 0: fields },
    2: PrintMap { map: map, top: top, div: div },
    3: PrintEntry { map: map, div: div },
    4: Clear { 0: map },
    5: Zero { 0: map },
    6: Time { 0: form },
    7: Exit {},
    8: Call { 0: call },
    9: CallStart { 0: call },
    10: CallEnd {},
    11: CallDropped {},
    12: State { binary: binary, parent: parent },
});

encoded_enum!(Shape {
    0: Int { 0: kind },
    1: Bool {},
    2: Pointer {},
    3: Str { cap: cap },
    4: Buf { cap: cap },
    5: Comm {},
    6: Id { 0: kind },
    7: Time { 0: form },
    8: Tuple { 0: shapes },
    9: Go { printed: printed, value: value },
});

encoded_enum!(MapValue { 0: Plain { 0: fields }, 1: PerCpu { 0: aggregate } });

encoded_enum!(Aggregate {
    0: Count {},
    1: Sum { 0: kind },
    2: Avg { 0: kind },
    3: Min { 0: kind },
    4: Max { 0: kind },
    5: Stats { 0: kind },
    6: Hist { 0: log },
    7: Lhist { 0: linear },
    8: Quantiles {},
});

encoded_enum!(IdKind {
    0: Func {},
    1: Probe {},
    2: StartFunc {},
    3: WaitReason {},
    4: GoState {},
    5: UserStack {},
    6: KernelStack {},
    7: UserSymbol {},
    8: KernelSymbol {},
});

impl Encoded for Format {
    fn write(&self, to: &mut Writer) {
        self.source().to_owned().write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Format, ReadError> {
        String::read(from).map(|source| Format::parse(&source))
    }
}

impl Encoded for Log {
    fn write(&self, to: &mut Writer) {
        self.bits().write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Log, ReadError> {
        Log::new(u32::read(from)?).ok_or(ReadError::Invalid("hist"))
    }
}

impl Encoded for Linear {
    fn write(&self, to: &mut Writer) {
        (self.min(), (self.max(), self.step())).write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Linear, ReadError> {
        let (min, (max, step)) = Encoded::read(from)?;
        Linear::new(min, max, step).map_err(|_| ReadError::Invalid("lhist"))
    }
}

#[cfg(test)]
mod tests;
