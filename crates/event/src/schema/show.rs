//! A schema as text: every row and map with the offset of each of its values.

use std::fmt;

use super::{Aggregate, Fields, MapSchema, MapValue, Row, Schema, Shape};
use crate::go::{Call, Source};
use crate::value::{IdKind, IntType};

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, what: &str, line: &mut dyn Iterator<Item = String>| {
            line.enumerate().try_for_each(|(at, line)| writeln!(f, "{what} {at} {line}"))
        };
        lines(f, "text", &mut self.texts.iter().map(|text| format!("{text:?}")))?;
        lines(f, "format", &mut self.formats.iter().map(ToString::to_string))?;
        lines(f, "map", &mut self.maps.iter().map(ToString::to_string))?;
        lines(f, "call", &mut self.calls.iter().map(ToString::to_string))?;
        lines(f, "row", &mut self.rows.iter().map(ToString::to_string))
    }
}

impl fmt::Display for MapSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.name, self.key_size())?;
        match (self.is_keyed(), self.bucket_offset()) {
            (_, Some(at)) => {
                write!(f, " {{{}{at} bucket}}", if self.is_keyed() { inner(&self.key) + ", " } else { String::new() })?
            }
            (true, None) => write!(f, " {}", self.key)?,
            (false, None) => {}
        }
        match &self.value {
            MapValue::Plain(fields) => write!(f, " value {} {fields}", fields.size()),
            MapValue::PerCpu(aggregate) => write!(f, " value {} per cpu, {aggregate}", aggregate.size()),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Printf { format, args } => write!(f, "printf format {} payload {} {args}", format.0, args.size()),
            Row::PrintValue(fields) => write!(f, "print payload {} {fields}", fields.size()),
            Row::PrintMap { map, top, div } => write!(f, "print map {} top {top} div {div}", map.0),
            Row::PrintEntry { map, div } => write!(f, "print entry of map {} div {div}", map.0),
            Row::Clear(map) => write!(f, "clear map {}", map.0),
            Row::Zero(map) => write!(f, "zero map {}", map.0),
            Row::Time(form) => write!(f, "time text {}", form.0),
            Row::Exit => f.write_str("exit payload 8 {0 i64}"),
            Row::Call(call) => write!(f, "call {}", call.0),
            Row::CallStart(call) => write!(f, "start of call {}", call.0),
            Row::CallEnd => f.write_str("end of a call"),
            Row::CallDropped => f.write_str("call not wanted"),
            Row::State { binary, parent } => {
                write!(f, "state of a goroutine of binary {binary}{}", if *parent { ", its parent" } else { "" })
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.returns { "returns" } else { "begins" };
        write!(f, "{} {what}, {} registers, {} words", self.name, self.registers, self.stack)?;
        if !self.type_args.is_empty() {
            write!(f, ", with {}", self.type_args.join(", "))?;
        }
        self.values.iter().try_for_each(|root| {
            let from: Vec<String> = root.pieces.iter().map(|piece| piece.from.to_string()).collect();
            write!(f, ", {} type {} at {}", root.name, root.ty.0, from.join(" "))
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Record(at) => write!(f, "{at}"),
            Source::FloatRegister => f.write_str("float"),
            Source::NoPlace => f.write_str("nowhere"),
            Source::NotLocated => f.write_str("not located"),
            Source::BeyondStack => f.write_str("beyond"),
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", inner(self))
    }
}

fn inner(fields: &Fields) -> String {
    let faults = fields.faults.then(|| "0 faults".to_owned());
    let leaves = fields.leaves().into_iter().map(|leaf| format!("{} {}", leaf.offset, leaf.shape));
    faults.into_iter().chain(leaves).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Int(kind) => kind.fmt(f),
            Shape::Bool => f.write_str("bool"),
            Shape::Pointer => f.write_str("pointer"),
            Shape::Str { cap } => write!(f, "str[{cap}]"),
            Shape::Buf { cap } => write!(f, "buf[{cap}]"),
            Shape::Comm => f.write_str("comm"),
            Shape::Id(kind) => kind.fmt(f),
            Shape::Time(form) => write!(f, "strftime text {}", form.0),
            Shape::Go { printed, value } => write!(f, "go {}.{value}", printed.0),
            Shape::Tuple(shapes) => {
                let shapes: Vec<String> = shapes.iter().map(ToString::to_string).collect();
                write!(f, "({})", shapes.join(", "))
            }
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aggregate::Count => f.write_str("count"),
            Aggregate::Sum(kind) => write!(f, "sum {kind}"),
            Aggregate::Avg(kind) => write!(f, "avg {kind}"),
            Aggregate::Min(kind) => write!(f, "min {kind}"),
            Aggregate::Max(kind) => write!(f, "max {kind}"),
            Aggregate::Stats(kind) => write!(f, "stats {kind}"),
            Aggregate::Hist(log) => write!(f, "hist {}", log.bits()),
            Aggregate::Lhist(linear) => write!(f, "lhist {} {} {}", linear.min(), linear.max(), linear.step()),
            Aggregate::Quantiles => f.write_str("quantiles"),
        }
    }
}

impl fmt::Display for IntType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.signed { 'i' } else { 'u' }, self.bits)
    }
}

/// The word of the language.
impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdKind::Func => "func",
            IdKind::Probe => "probe",
            IdKind::StartFunc => "startfunc",
            IdKind::WaitReason => "waitreason",
            IdKind::GoState => "gostate",
            IdKind::UserStack => "ustack",
            IdKind::KernelStack => "kstack",
            IdKind::UserSymbol => "usym",
            IdKind::KernelSymbol => "ksym",
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::bucket::{Linear, Log};
    use crate::format::Format;

    fn maps() -> [MapSchema; 5] {
        let map = |name: &str, key, value| MapSchema { name: name.to_owned(), key, value };
        let number = || vec![Shape::Int(IntType::I64)];
        let texts = Fields::fallible(vec![Shape::Str { cap: 60 }, Shape::Id(IdKind::Func)]);
        let steps = Linear::new(0, 100, 10).expect("these are steps");
        [
            map("@x", Fields::default(), MapValue::Plain(Fields::sure(number()))),
            map(
                "@t",
                Fields::sure(number()),
                MapValue::Plain(Fields::fallible(vec![Shape::Tuple(vec![Shape::Bool, Shape::Pointer])])),
            ),
            map("@n", texts.clone(), MapValue::PerCpu(Aggregate::Avg(IntType::U64))),
            map("@h", texts, MapValue::PerCpu(Aggregate::Hist(Log::PLAIN))),
            map("@l", Fields::default(), MapValue::PerCpu(Aggregate::Lhist(steps))),
        ]
    }

    #[test]
    fn every_value_is_shown_with_its_place() {
        let mut schema = Schema::new();
        let form = schema.add_text("%H:%M\n");
        let format = schema.add_format(Format::parse("%s %d\n"));
        let [map, ..] = maps().map(|map| schema.add_map(map));
        let args = Fields::fallible(vec![Shape::Str { cap: 16 }, Shape::Int(IntType { signed: true, bits: 32 })]);
        let value = Shape::Tuple(vec![Shape::Comm, Shape::Tuple(vec![Shape::Time(form), Shape::Buf { cap: 3 }])]);
        let rows = [
            Row::Printf { format, args },
            Row::PrintValue(Fields::sure(vec![value])),
            Row::PrintMap { map, top: 5, div: 1 },
            Row::PrintEntry { map, div: 10 },
            Row::Clear(map),
            Row::Zero(map),
            Row::Time(form),
            Row::Exit,
            Row::State { binary: 0, parent: false },
            Row::State { binary: 1, parent: true },
        ];
        rows.into_iter().for_each(|row| {
            schema.add_row(row);
        });
        expect![[r#"
            text 0 "%H:%M\n"
            format 0 "%s %d\n"
            map 0 @x key 8 value 8 {0 i64}
            map 1 @t key 8 {0 i64} value 24 {0 faults, 8 bool, 16 pointer}
            map 2 @n key 88 {0 faults, 8 str[60], 80 func} value 16 per cpu, avg u64
            map 3 @h key 96 {0 faults, 8 str[60], 80 func, 88 bucket} value 8 per cpu, hist 0
            map 4 @l key 8 {0 bucket} value 8 per cpu, lhist 0 100 10
            row 0 printf format 0 payload 40 {0 faults, 8 str[16], 32 i32}
            row 1 print payload 40 {0 comm, 16 strftime text 0, 24 buf[3]}
            row 2 print map 0 top 5 div 1
            row 3 print entry of map 0 div 10
            row 4 clear map 0
            row 5 zero map 0
            row 6 time text 0
            row 7 exit payload 8 {0 i64}
            row 8 state of a goroutine of binary 0
            row 9 state of a goroutine of binary 1, its parent
        "#]]
        .assert_eq(&schema.to_string());
    }
}
