//! The shape of everything that comes out of the kernel: ring records, and keys and values of maps.
//!
//! Plain data, made by the compiler next to the code that writes such bytes and used by decoders. A [`Schema`] only
//! grows: a number that was given out keeps its meaning, so that what is met at run time can be added while records
//! are on their way, and a recording can be read with its last state.
//!
//! The offsets that both sides share are constants here: [`crate::record`] for the head of every record, [`text`] for strings,
//! [`tally`] and [`extreme`] for values by CPU. All numbers are little endian, everything starts at multiples of 8.

mod encoding;
mod show;

use crate::bucket::{Linear, Log, Scale};
use crate::bytes::round8;
use crate::format::{Format, Kind};
use crate::go::{Call, Printed, Types};
use crate::value::{IdKind, IntType};

/// `event()`: a goroutine leaves a state and enters another one. The payload of [`Row::State`].
pub mod state {
    /// `u8`: the state left, as the runtime numbers them.
    pub const FROM: usize = 0;
    /// `u8`: the state entered.
    pub const TO: usize = 2;
    /// `u8`: [`BEFORE`] or 0.
    pub const FLAGS: usize = 3;
    /// `u32`: why it waits, or has waited; 0 if that is not so.
    pub const REASON: usize = 4;
    /// `u64`: nanoseconds in the state left; [`UNKNOWN`] if nobody saw it enter that.
    pub const FOR: usize = 8;
    /// `u64`: the goroutine.
    pub const GOID: usize = 16;
    /// `u64`: its start function, as [`crate::IdKind::StartFunc`] has it; 0 for what a thread of C brings.
    pub const START: usize = 24;
    /// `u64`: the goroutine that started it, 0 if none did; if the row has that.
    pub const PARENT: usize = 32;
    /// `u64`: where it was started: a return address, 0 if it is not known. With the one before.
    pub const GOPC: usize = 40;
    /// Bytes of it, without the last two.
    pub const SIZE: usize = 32;
    /// And with them.
    pub const SIZE_WITH_PARENT: usize = 48;
    /// In [`FLAGS`]: it was in that state before anybody looked, so that [`FOR`] is the least that it can be.
    pub const BEFORE: u8 = 1;
    /// A time that is not known.
    pub const UNKNOWN: u64 = u64::MAX;
}

/// A string or a buffer of at most so many bytes. What is behind its bytes is zero, so that keys compare.
pub mod text {
    /// `u32`: how many bytes there are.
    pub const LEN: usize = 0;
    /// `u32`: [`CUT`] or 0.
    pub const FLAGS: usize = 4;
    /// The bytes.
    pub const BYTES: usize = 8;
    /// The original goes on behind these bytes.
    pub const CUT: u32 = 1;
}

/// The value of `avg` and `stats`, one for each CPU.
pub mod tally {
    /// `u64`: how many values.
    pub const COUNT: usize = 0;
    /// `u64`: their sum, wrapping.
    pub const TOTAL: usize = 8;
    /// Bytes of it.
    pub const SIZE: usize = 16;
}

/// The value of `min` and `max`, one for each CPU.
pub mod extreme {
    /// `u64`: 0 while there is no value yet.
    pub const SET: usize = 0;
    /// `u64`: the least or the greatest so far, xor [`blank`]. That way 0 stands for no value yet, and of two words the
    /// greater one is always the one to keep, so that one word can be exchanged for another at once.
    pub const VALUE: usize = 8;
    /// Bytes of it.
    pub const SIZE: usize = 16;

    /// The number that any other is preferred to, where the least is kept or else the greatest.
    #[must_use]
    pub const fn blank(least: bool, signed: bool) -> u64 {
        match (least, signed) {
            (true, true) => i64::MAX as u64,
            (true, false) => u64::MAX,
            (false, true) => i64::MIN as u64,
            (false, false) => 0,
        }
    }
}

/// Bytes of `comm`.
pub const COMM: usize = 16;
/// The key of a map without keys: one `u64`, 0.
pub const NO_KEY: usize = 8;
/// Bytes of the bucket's number at the end of a histogram's key: a `u64`.
pub const BUCKET: usize = 8;
/// How many leaves [`Fields`] can have: one bit each says that it could not be read.
pub const MAX_LEAVES: usize = 64;

/// What one captured value is and which bytes it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of that type, widened to 8 bytes according to its sign.
    Int(IntType),
    /// 8 bytes, false if 0.
    Bool,
    /// An address, or another number that is shown in hexadecimal, 8 bytes.
    Pointer,
    /// A string: [`text`] with at most `cap` bytes.
    Str {
        /// The most it holds.
        cap: u32,
    },
    /// Bytes that are no text: the same layout.
    Buf {
        /// The most it holds.
        cap: u32,
    },
    /// The thread's name: [`COMM`] bytes that end at the first zero.
    Comm,
    /// Something that user space has a name for: its number in 8 bytes, then, for those kinds whose numbers need it, the
    /// process in another 8.
    Id(IdKind),
    /// `strftime`: nanoseconds since boot in 8 bytes, to be shown in this form.
    Time(TextId),
    /// Values one after the other.
    Tuple(Vec<Shape>),
    /// A whole value of Go, in records only. What it starts with stands in front of the fields: it takes nothing here but
    /// its bit among those that say what could not be read.
    Go {
        /// Which values the record has.
        printed: PrintedIndex,
        /// Which of them.
        value: u32,
    },
}

impl Shape {
    /// Bytes that it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Shape::Id(kind) if kind.has_process() => 16,
            Shape::Int(_) | Shape::Bool | Shape::Pointer | Shape::Id(_) | Shape::Time(_) => 8,
            Shape::Str { cap } | Shape::Buf { cap } => text::BYTES + round8(*cap as usize),
            Shape::Comm => COMM,
            Shape::Tuple(shapes) => shapes.iter().map(Shape::size).sum(),
            Shape::Go { .. } => 0,
        }
    }
}

impl Kind {
    /// That of a captured value.
    #[must_use]
    pub fn of(shape: &Shape) -> Kind {
        match shape {
            Shape::Int(_) => Kind::Number,
            Shape::Bool => Kind::Bool,
            Shape::Pointer => Kind::Pointer,
            Shape::Str { .. } | Shape::Comm => Kind::Text,
            Shape::Buf { .. } => Kind::Buffer,
            Shape::Id(_) | Shape::Time(_) => Kind::Name,
            Shape::Tuple(_) => Kind::Tuple,
            Shape::Go { .. } => Kind::Go,
        }
    }
}

/// Values one after the other: the payload of a record, the key or the value of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Whether a `u64` stands in front of which bit *n* says that leaf *n* could not be read; its bytes are zero then.
    pub faults: bool,
    /// The values.
    pub shapes: Vec<Shape>,
}

/// A value that is not a tuple, in its place within [`Fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// Its bit in the word of faults.
    pub bit: u32,
    /// Where it starts, from the start of the fields.
    pub offset: usize,
    /// What it is.
    pub shape: &'a Shape,
}

impl Fields {
    /// Values that are always there.
    #[must_use]
    pub fn sure(shapes: Vec<Shape>) -> Fields {
        Fields { faults: false, shapes }
    }

    /// Values of which some may be unreadable.
    #[must_use]
    pub fn fallible(shapes: Vec<Shape>) -> Fields {
        Fields { faults: true, shapes }
    }

    /// Bytes in all.
    #[must_use]
    pub fn size(&self) -> usize {
        self.start() + self.shapes.iter().map(Shape::size).sum::<usize>()
    }

    /// Where the first value starts.
    #[must_use]
    pub fn start(&self) -> usize {
        if self.faults { 8 } else { 0 }
    }

    /// The whole values of Go that are among them, if there are any: then they stand behind what those start with, and
    /// chunks follow.
    #[must_use]
    pub fn printed(&self) -> Option<PrintedIndex> {
        self.shapes.iter().find_map(|shape| match shape {
            Shape::Go { printed, .. } => Some(*printed),
            _ => None,
        })
    }

    /// All values that are no tuples, in order; those inside tuples too.
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        let mut offset = self.start();
        for shape in &self.shapes {
            add_leaves(shape, &mut offset, &mut leaves);
        }
        leaves
    }
}

fn add_leaves<'a>(shape: &'a Shape, offset: &mut usize, leaves: &mut Vec<Leaf<'a>>) {
    if let Shape::Tuple(shapes) = shape {
        return shapes.iter().for_each(|shape| add_leaves(shape, offset, leaves));
    }
    leaves.push(Leaf { bit: leaves.len() as u32, offset: *offset, shape });
    *offset += shape.size();
}

/// A row of [`Schema::rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// A map of [`Schema::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapIndex(pub u32);

/// A format of [`Schema::formats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatId(pub u32);

/// A text of [`Schema::texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId(pub u32);

/// What a record of a whole call is: one of [`Schema::calls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallIndex(pub u32);

/// What the whole values of Go in a record are: one of [`Schema::printed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrintedIndex(pub u32);

/// What a record asks user space to do. Everything is done in the order of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// `printf`: the payload are its arguments.
    Printf {
        /// How to show them.
        format: FormatId,
        /// What they are.
        args: Fields,
    },
    /// `print` of a value: the payload.
    PrintValue(Fields),
    /// `print` of a whole map; no payload.
    PrintMap {
        /// Which one.
        map: MapIndex,
        /// Only so many of its greatest entries; 0 for all.
        top: u32,
        /// Divide what is shown by this; 0 and 1 leave it.
        div: u64,
    },
    /// `print` of one entry of a map: the payload is its key, without a bucket's number.
    PrintEntry {
        /// Which map.
        map: MapIndex,
        /// What is shown is divided by this; 0 and 1 leave it.
        div: u64,
    },
    /// `clear`: all entries go; no payload.
    Clear(MapIndex),
    /// `zero`: all values become 0; no payload.
    Zero(MapIndex),
    /// `time`: the record's time in this form; no payload.
    Time(TextId),
    /// `exit`: the payload is an `i64`, the exit status that the program asks for.
    Exit,
    /// `call()`: a call begins or returns. The payload is laid out as [`crate::go::call`] says. What begins so ends with
    /// one of the following, or is open.
    Call(CallIndex),
    /// `call()` where calls begin: nothing more is told of it. The same payload.
    CallStart(CallIndex),
    /// A recorded call has ended in a way that leaves no results: [`crate::go::short`].
    CallEnd,
    /// A recorded call has returned, and a condition does not want it: [`crate::go::short`].
    CallDropped,
    /// `event()`: the payload is laid out as [`state`] says. The record's time is that of the change.
    State {
        /// The executable that the reason's number is of.
        binary: u32,
        /// Whether it is told who started the goroutine, and where.
        parent: bool,
    },
}

/// What a map holds under a key, and so how its values by CPU become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `u64`, added.
    Count,
    /// `u64`, added, wrapping.
    Sum(IntType),
    /// [`tally`], shown as the average.
    Avg(IntType),
    /// [`extreme`]: the least.
    Min(IntType),
    /// [`extreme`]: the greatest.
    Max(IntType),
    /// [`tally`], shown as count, average and total.
    Stats(IntType),
    /// Buckets by powers of two: number of the bucket in the key, `u64` as value.
    Hist(Log),
    /// Buckets of equal width, the same layout.
    Lhist(Linear),
    /// Fine buckets, the same layout, shown as percentiles. Its scale is [`Log::FINE`].
    Quantiles,
}

impl Aggregate {
    /// Bytes of one CPU's value.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Aggregate::Count | Aggregate::Sum(_) => 8,
            Aggregate::Avg(_) | Aggregate::Stats(_) => tally::SIZE,
            Aggregate::Min(_) | Aggregate::Max(_) => extreme::SIZE,
            Aggregate::Hist(_) | Aggregate::Lhist(_) | Aggregate::Quantiles => 8,
        }
    }

    /// The scale of those that count by bucket.
    #[must_use]
    pub const fn scale(&self) -> Option<Scale> {
        match *self {
            Aggregate::Hist(log) => Some(Scale::Log(log)),
            Aggregate::Lhist(linear) => Some(Scale::Linear(linear)),
            Aggregate::Quantiles => Some(Scale::Log(Log::FINE)),
            _ => None,
        }
    }
}

/// What a map's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapValue {
    /// Assigned with `=`: one value for all CPUs, one shape.
    Plain(Fields),
    /// One value for each CPU, folded when read.
    PerCpu(Aggregate),
}

impl MapValue {
    /// Bytes of a value (of one CPU).
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            MapValue::Plain(fields) => fields.size(),
            MapValue::PerCpu(aggregate) => aggregate.size(),
        }
    }

    /// The scale of those that count by bucket.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        match self {
            MapValue::Plain(_) => None,
            MapValue::PerCpu(aggregate) => aggregate.scale(),
        }
    }
}

/// A map of the program: the bytes of its keys and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSchema {
    /// As the program's text calls it, with its `@`.
    pub name: String,
    /// The key; no shapes for a map without keys.
    pub key: Fields,
    /// What is found there.
    pub value: MapValue,
}

impl MapSchema {
    /// Whether the program gives it keys.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !self.key.shapes.is_empty()
    }

    /// Bytes of a key in the kernel: the fields, then the number of the bucket if there are buckets. A map with
    /// neither has a key of [`NO_KEY`] bytes.
    #[must_use]
    pub fn key_size(&self) -> usize {
        match self.bucket_offset() {
            Some(at) => at + BUCKET,
            None if self.is_keyed() => self.key.size(),
            None => NO_KEY,
        }
    }

    /// Where in a key the number of the bucket stands.
    #[must_use]
    pub fn bucket_offset(&self) -> Option<usize> {
        self.value.scale().map(|_| if self.is_keyed() { self.key.size() } else { 0 })
    }
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    rows: Vec<Row>,
    maps: Vec<MapSchema>,
    formats: Vec<Format>,
    texts: Vec<String>,
    calls: Vec<Call>,
    /// The types that calls speak of, each for those from this number on.
    types: Vec<(u32, Types)>,
    /// Whole values in other records, each with the number of the addition whose types they speak of.
    printed: Vec<(usize, Printed)>,
}

impl Schema {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Schema {
        Schema::default()
    }

    /// Adds a row; one that is there already is found again.
    pub fn add_row(&mut self, row: Row) -> RowId {
        RowId(add(&mut self.rows, row))
    }

    /// Adds a row that is not there yet.
    pub fn append_row(&mut self, row: Row) -> RowId {
        self.rows.push(row);
        RowId(self.rows.len() as u32 - 1)
    }

    /// Adds a map.
    pub fn add_map(&mut self, map: MapSchema) -> MapIndex {
        self.maps.push(map);
        MapIndex(self.maps.len() as u32 - 1)
    }

    /// Adds a format; one that is there already is found again.
    pub fn add_format(&mut self, format: Format) -> FormatId {
        FormatId(add(&mut self.formats, format))
    }

    /// Adds a text; one that is there already is found again.
    pub fn add_text(&mut self, text: impl Into<String>) -> TextId {
        TextId(add(&mut self.texts, text.into()))
    }

    /// Adds what records of the calls of some functions are, and the types that they speak of. The number of the first.
    pub fn add_calls(&mut self, calls: Vec<Call>, types: Types) -> CallIndex {
        let first = self.calls.len() as u32;
        self.calls.extend(calls);
        self.types.push((first, types));
        CallIndex(first)
    }

    /// What a record of a whole call is.
    #[must_use]
    pub fn call(&self, index: CallIndex) -> Option<&Call> {
        self.calls.get(index.0 as usize)
    }

    /// All of these, in the order of their numbers.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The Go types that records of a call speak of.
    #[must_use]
    pub fn types_of(&self, index: CallIndex) -> Option<&Types> {
        self.types.get(self.addition(index)).map(|(_, types)| types)
    }

    /// By which [`Schema::add_calls`] it came, counted from 0.
    #[must_use]
    pub fn addition(&self, index: CallIndex) -> usize {
        self.types.partition_point(|(first, _)| *first <= index.0).saturating_sub(1)
    }

    /// Adds what whole values are that other records have. They speak of the types that were added last.
    pub fn add_printed(&mut self, printed: Vec<Printed>) -> PrintedIndex {
        let (first, addition) = (self.printed.len() as u32, self.types.len().saturating_sub(1));
        self.printed.extend(printed.into_iter().map(|one| (addition, one)));
        PrintedIndex(first)
    }

    /// What the whole values of a record are, with the types that they speak of, and by which [`Schema::add_calls`] those
    /// came, counted from 0.
    #[must_use]
    pub fn printed(&self, index: PrintedIndex) -> Option<(&Printed, &Types, usize)> {
        let (addition, printed) = self.printed.get(index.0 as usize)?;
        let (_, types) = self.types.get(*addition)?;
        Some((printed, types, *addition))
    }

    /// A row by its number.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(id.0 as usize)
    }

    /// A map by its number.
    #[must_use]
    pub fn map(&self, index: MapIndex) -> Option<&MapSchema> {
        self.maps.get(index.0 as usize)
    }

    /// A map by its name.
    #[must_use]
    pub fn find_map(&self, name: &str) -> Option<MapIndex> {
        self.maps.iter().position(|map| map.name == name).map(|at| MapIndex(at as u32))
    }

    /// A format by its number.
    #[must_use]
    pub fn format(&self, id: FormatId) -> Option<&Format> {
        self.formats.get(id.0 as usize)
    }

    /// A text by its number.
    #[must_use]
    pub fn text(&self, id: TextId) -> Option<&str> {
        self.texts.get(id.0 as usize).map(String::as_str)
    }

    /// All rows in the order of their numbers.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All maps in the order of their numbers.
    #[must_use]
    pub fn maps(&self) -> &[MapSchema] {
        &self.maps
    }

    /// All formats in the order of their numbers.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// All texts in the order of their numbers.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) -> u32 {
    let at = list.iter().position(|have| *have == item).unwrap_or(list.len());
    if at == list.len() {
        list.push(item);
    }
    at as u32
}
