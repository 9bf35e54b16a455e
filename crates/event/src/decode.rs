//! Bytes to values, as the [`Schema`] says.
//!
//! Takes nothing for granted: the bytes may come from a damaged recording. What does not fit is a [`DecodeError`]; no
//! more memory is taken than the bytes themselves need.

use crate::bytes::{DecodeError, slice, u32_at, u64_at};
use crate::go::{self, Printed, Short};
use crate::goroutine::Change;
use crate::record;
use crate::schema::{
    COMM, CallIndex, Fields, MapIndex, MapSchema, MapValue, PrintedIndex, Row, RowId, Schema, Shape, TextId, text,
};
use crate::value::{Id, Int, Text, Value};

/// What a ring record says, with the numbers of the schema that it was read with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where and when.
    pub header: Header,
    /// What.
    pub what: What,
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Nanoseconds since boot.
    pub time: u64,
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The goroutine; 0 if none.
    pub goid: u64,
    /// The row that describes the payload.
    pub row: RowId,
    /// What happened while the record was made.
    pub stat: u32,
    /// The number of the process's image; 0 if none is known.
    pub process: u32,
    /// The site in the plan at which the probe fired; `None` if at none.
    pub place: Option<u32>,
    /// The address of the goroutine's g; 0 if it is not known.
    pub g: u64,
}

/// What a record asks for, see [`Row`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `printf`.
    Printf {
        /// The format.
        format: crate::schema::FormatId,
        /// Its arguments.
        args: Vec<Value>,
        /// What those are that are whole values of Go, if some are.
        whole: Option<Whole>,
    },
    /// `print` of a value.
    PrintValue {
        /// Which.
        value: Value,
        /// What it is, if it is a whole value of Go.
        whole: Option<Whole>,
    },
    /// `print` of a map.
    PrintMap {
        /// Which one.
        map: MapIndex,
        /// Only so many; 0 for all.
        top: u32,
        /// Divided by; 0 and 1 leave it.
        div: u64,
    },
    /// `print` of an entry.
    PrintEntry {
        /// Of which map.
        map: MapIndex,
        /// The bytes of its key without a bucket's number, to be looked for.
        key: Vec<u8>,
        /// Divided by; 0 and 1 leave it.
        div: u64,
    },
    /// `clear`.
    Clear(MapIndex),
    /// `zero`.
    Zero(MapIndex),
    /// `time`.
    Time(TextId),
    /// `exit` with that status.
    Exit(i64),
    /// `call()`: a call begins or returns, as [`Schema::call`] says. What begins so ends with one of the following, or
    /// is open.
    Call {
        /// What the record is.
        call: CallIndex,
        /// All of the record, laid out as [`crate::go::call`] says.
        bytes: Vec<u8>,
    },
    /// `call()` where calls begin: nothing more is told of it.
    CallStart {
        /// What the record is.
        call: CallIndex,
        /// All of the record.
        bytes: Vec<u8>,
    },
    /// A call has ended without results.
    CallEnd(Short),
    /// A call has returned that a condition does not want.
    CallDropped(Short),
    /// `event()`
    State(Change),
}

/// A record with whole values of Go, which [`go::printed`] reads with what is known of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What they are.
    pub printed: PrintedIndex,
    /// Where its chunks begin.
    pub chunks: usize,
    /// All of the record.
    pub bytes: Vec<u8>,
}

/// Reads a ring record.
///
/// # Errors
/// If the bytes are too few, or say what the schema does not know.
pub fn event(schema: &Schema, bytes: &[u8]) -> Result<Event, DecodeError> {
    let header = header(bytes)?;
    let row = schema.row(header.row).ok_or(DecodeError::NoRow(header.row.0))?;
    Ok(Event { header, what: what(schema, row, bytes)? })
}

/// Reads the head of a ring record, which all kinds have in common.
///
/// # Errors
/// If the bytes are too few.
pub fn header(bytes: &[u8]) -> Result<Header, DecodeError> {
    let ids = u64_at(bytes, record::PID_TGID)?;
    let place = u32_at(bytes, record::PLACE)?;
    Ok(Header {
        time: u64_at(bytes, record::TIME)?,
        pid: (ids >> 32) as u32,
        tid: ids as u32,
        goid: u64_at(bytes, record::GOID)?,
        row: RowId(u32_at(bytes, record::ROW)?),
        stat: u32_at(bytes, record::STAT)?,
        process: u32_at(bytes, record::PROCESS)?,
        place: (place != record::NO_PLACE).then_some(place),
        g: u64_at(bytes, record::G)?,
    })
}

fn what(schema: &Schema, row: &Row, bytes: &[u8]) -> Result<What, DecodeError> {
    let payload = bytes.get(record::PAYLOAD..).unwrap_or_default();
    Ok(match row {
        Row::Printf { format, args } => {
            let (args, whole) = values(schema, args, bytes)?;
            What::Printf { format: *format, args, whole }
        }
        Row::PrintValue(shape) => {
            let (values, whole) = values(schema, shape, bytes)?;
            What::PrintValue { value: one(values)?, whole }
        }
        &Row::PrintMap { map, top, div } => What::PrintMap { map, top, div },
        &Row::PrintEntry { map, div } => {
            let size = known_map(schema, map)?.key.size();
            What::PrintEntry { map, key: slice(payload, 0, size)?.to_vec(), div }
        }
        &Row::Clear(map) => What::Clear(map),
        &Row::Zero(map) => What::Zero(map),
        &Row::Time(form) => What::Time(form),
        Row::Exit => What::Exit(u64_at(payload, 0)? as i64),
        &Row::Call(call) => What::Call { call, bytes: whole_call(schema, call, bytes)? },
        &Row::CallStart(call) => What::CallStart { call, bytes: whole_call(schema, call, bytes)? },
        Row::CallEnd => What::CallEnd(short(bytes)?),
        Row::CallDropped => What::CallDropped(short(bytes)?),
        &Row::State { binary, parent } => What::State(Change::read(binary, parent, payload)?),
    })
}

/// The values of a record, behind what those start with that are whole values of Go.
fn values(schema: &Schema, of: &Fields, bytes: &[u8]) -> Result<(Vec<Value>, Option<Whole>), DecodeError> {
    let Some(printed) = of.printed() else {
        return Ok((fields(schema, of, bytes.get(record::PAYLOAD..).unwrap_or_default())?, None));
    };
    let (known, ..) = schema.printed(printed).ok_or(DecodeError::NoEntry("values", printed.0))?;
    let start = Printed::FROM + known.bytes as usize;
    let values = fields(schema, of, slice(bytes, start, of.size())?)?;
    Ok((values, Some(Whole { printed, chunks: start + of.size(), bytes: bytes.to_vec() })))
}

/// What is in the registers and words is there; what chunks say is the business of whoever makes values of them.
fn whole_call(schema: &Schema, call: CallIndex, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let known = schema.call(call).ok_or(DecodeError::NoEntry("call", call.0))?;
    let words = usize::from(known.registers) + usize::from(known.stack);
    slice(bytes, 0, go::call::REGISTERS + 8 * words)?;
    Ok(bytes.to_vec())
}

fn short(bytes: &[u8]) -> Result<Short, DecodeError> {
    use go::short::{DEPTH, END, FUNCTION, ID, INNER_HITS, PANIC, STARTED};
    Ok(Short {
        id: u64_at(bytes, ID)?,
        started: u64_at(bytes, STARTED)?,
        depth: u32_at(bytes, DEPTH)?,
        end: u32_at(bytes, END)?,
        inner_hits: u64_at(bytes, INNER_HITS)?,
        function: u64_at(bytes, FUNCTION)?,
        panic: u64_at(bytes, PANIC)?,
    })
}

fn known_map(schema: &Schema, map: MapIndex) -> Result<&MapSchema, DecodeError> {
    schema.map(map).ok_or(DecodeError::NoEntry("map", map.0))
}

fn one(mut values: Vec<Value>) -> Result<Value, DecodeError> {
    match values.pop() {
        Some(value) if values.is_empty() => Ok(value),
        Some(_) => Err(DecodeError::NotOneValue(values.len() + 1)),
        None => Err(DecodeError::NotOneValue(0)),
    }
}

/// Reads values that stand one after the other.
///
/// # Errors
/// If the bytes are too few, or no such values.
pub fn fields(schema: &Schema, fields: &Fields, bytes: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let faults = if fields.faults { u64_at(bytes, 0)? } else { 0 };
    let mut reader = Reader { schema, bytes, at: fields.start(), faults };
    fields.shapes.iter().map(|shape| reader.value(shape)).collect()
}

/// Reads the key of a map, and the number of the bucket if it has buckets.
///
/// # Errors
/// If the bytes are too few, or no such values.
pub fn key(schema: &Schema, map: &MapSchema, bytes: &[u8]) -> Result<(Vec<Value>, Option<u64>), DecodeError> {
    let bucket = match (map.bucket_offset(), map.value.scale()) {
        (Some(at), Some(scale)) => {
            let bucket = u64_at(bytes, at)?;
            if bucket >= scale.buckets() {
                return Err(DecodeError::NoBucket(bucket));
            }
            Some(bucket)
        }
        _ => None,
    };
    Ok((fields(schema, &map.key, bytes)?, bucket))
}

/// Reads the value of a map that has one value for all CPUs.
///
/// # Errors
/// If the bytes are too few, or no such value.
pub fn plain(schema: &Schema, shape: &Fields, bytes: &[u8]) -> Result<Value, DecodeError> {
    one(fields(schema, shape, bytes)?)
}

/// The values of the CPUs, each of which starts at a multiple of 8.
///
/// # Errors
/// If the bytes are no whole number of such values, or none.
pub fn cpus<'a>(map: &MapSchema, bytes: &'a [u8]) -> Result<std::slice::ChunksExact<'a, u8>, DecodeError> {
    let size = match &map.value {
        MapValue::PerCpu(aggregate) => aggregate.size(),
        MapValue::Plain(_) => bytes.len().max(1),
    };
    let chunks = bytes.chunks_exact(size);
    if bytes.is_empty() || !chunks.remainder().is_empty() {
        return Err(DecodeError::Short { need: bytes.len().next_multiple_of(size).max(size), have: bytes.len() });
    }
    Ok(chunks)
}

/// A place in [`Fields`].
struct Reader<'a> {
    schema: &'a Schema,
    bytes: &'a [u8],
    at: usize,
    /// The bit of the next leaf is the lowest.
    faults: u64,
}

impl Reader<'_> {
    fn value(&mut self, shape: &Shape) -> Result<Value, DecodeError> {
        if let Shape::Tuple(shapes) = shape {
            return Ok(Value::Tuple(shapes.iter().map(|shape| self.value(shape)).collect::<Result<_, _>>()?));
        }
        let (at, fault) = (self.at, self.faults & 1 != 0);
        self.at += shape.size();
        self.faults >>= 1;
        slice(self.bytes, at, shape.size())?;
        if fault { Ok(Value::Unreadable) } else { self.leaf(shape, at) }
    }

    fn leaf(&self, shape: &Shape, at: usize) -> Result<Value, DecodeError> {
        Ok(match shape {
            Shape::Int(kind) => Value::Int(Int { bits: u64_at(self.bytes, at)?, kind: *kind }),
            Shape::Bool => Value::Bool(u64_at(self.bytes, at)? != 0),
            Shape::Pointer => Value::Pointer(u64_at(self.bytes, at)?),
            Shape::Str { cap } => Value::Str(self.text(at, *cap)?),
            Shape::Buf { cap } => Value::Buf(self.text(at, *cap)?),
            Shape::Comm => Value::Str(Text::whole(until_zero(slice(self.bytes, at, COMM)?))),
            &Shape::Id(kind) => {
                let process = if kind.has_process() { u64_at(self.bytes, at + 8)? } else { 0 };
                Value::Id(Id { kind, number: u64_at(self.bytes, at)?, process })
            }
            Shape::Time(form) => Value::Time { boot: u64_at(self.bytes, at)?, form: self.form(*form)? },
            Shape::Tuple(_) => Value::Tuple(Vec::new()),
            &Shape::Go { value, .. } => Value::Go(value),
        })
    }

    fn text(&self, at: usize, cap: u32) -> Result<Text, DecodeError> {
        let len = u32_at(self.bytes, at + text::LEN)?;
        if len > cap {
            return Err(DecodeError::TextTooLong { len, cap });
        }
        let bytes = slice(self.bytes, at + text::BYTES, len as usize)?.to_vec();
        Ok(Text { bytes, cut: u32_at(self.bytes, at + text::FLAGS)? & text::CUT != 0 })
    }

    fn form(&self, form: TextId) -> Result<String, DecodeError> {
        self.schema.text(form).map(str::to_owned).ok_or(DecodeError::NoEntry("text", form.0))
    }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
