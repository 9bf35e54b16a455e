use expect_test::{Expect, expect};

use super::*;
use crate::bucket::{Linear, Log};
use crate::format::Format;
use crate::schema::{Aggregate, FormatId, MapValue};
use crate::value::{IdKind, IntType};

const I32: IntType = IntType { signed: true, bits: 32 };

/// A schema with a row of each kind; the rows' numbers are their places here.
fn schema() -> Schema {
    let mut schema = Schema::new();
    let form = schema.add_text("%H:%M:%S");
    let format = schema.add_format(Format::parse("%d %s %s\n"));
    let plain = |fields| MapValue::Plain(fields);
    let number = || Fields::sure(vec![Shape::Int(IntType::I64)]);
    let x = schema.add_map(MapSchema { name: "@x".into(), key: number(), value: plain(number()) });
    let key = Fields::fallible(vec![Shape::Str { cap: 8 }, Shape::Id(IdKind::Func)]);
    let value = MapValue::PerCpu(Aggregate::Hist(Log::PLAIN));
    let h = schema.add_map(MapSchema { name: "@h".into(), key, value });
    let args = vec![Shape::Int(I32), Shape::Str { cap: 16 }, Shape::Comm];
    let tuple =
        Shape::Tuple(vec![Shape::Bool, Shape::Tuple(vec![Shape::Pointer, Shape::Buf { cap: 3 }]), Shape::Time(form)]);
    let rows = [
        Row::Printf { format, args: Fields::fallible(args) },
        Row::PrintValue(Fields::fallible(vec![tuple])),
        Row::PrintMap { map: x, top: 3, div: 1000 },
        Row::PrintEntry { map: h, div: 1 },
        Row::Clear(x),
        Row::Zero(h),
        Row::Time(form),
        Row::Exit,
    ];
    rows.into_iter().for_each(|row| {
        schema.add_row(row);
    });
    schema
}

/// Bytes as the kernel's side writes them.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn record(row: u32) -> Bytes {
        Bytes::default().u64(123).u64(42 << 32 | 43).u64(7).u32(row).u32(0).u32(42).u32(5).u64(0xc000)
    }

    fn u64(mut self, n: u64) -> Bytes {
        self.0.extend(n.to_le_bytes());
        self
    }

    fn u32(mut self, n: u32) -> Bytes {
        self.0.extend(n.to_le_bytes());
        self
    }

    /// A string in `size` bytes.
    fn text(self, text: &str, flags: u32, size: usize) -> Bytes {
        self.u32(text.len() as u32).u32(flags).padded(text, size)
    }

    fn padded(mut self, text: &str, size: usize) -> Bytes {
        self.0.extend(text.bytes().chain(std::iter::repeat(0)).take(size));
        self
    }
}

/// One of each, in the order of the schema's rows.
fn records() -> [Bytes; 8] {
    [
        Bytes::record(0).u64(0).u64(-5i64 as u64).text("hello", 0, 16).padded("server", 16),
        Bytes::record(1).u64(0).u64(1).u64(0xc000).text("\x01ab", text::CUT, 8).u64(99),
        Bytes::record(2),
        Bytes::record(3).u64(0).text("a", 0, 8).u64(5),
        Bytes::record(4),
        Bytes::record(5),
        Bytes::record(6),
        Bytes::record(7).u64(3),
    ]
}

fn check(bytes: &Bytes, expect: Expect) {
    let said = match event(&schema(), &bytes.0) {
        Ok(event) => format!("{:?}", event.what),
        Err(error) => format!("error: {error}"),
    };
    expect.assert_eq(&said);
}

#[test]
fn every_kind_of_record_is_read() {
    let [printf, value, map, entry, clear, zero, time, exit] = &records();
    check(
        printf,
        expect![
            "Printf { format: FormatId(0), args: [Int(Int { bits: 18446744073709551611, kind: IntType { signed: true, bits: 32 } }), Str(Text { bytes: [104, 101, 108, 108, 111], cut: false }), Str(Text { bytes: [115, 101, 114, 118, 101, 114], cut: false })], whole: None }"
        ],
    );
    check(
        value,
        expect![[
            r#"PrintValue { value: Tuple([Bool(true), Tuple([Pointer(49152), Buf(Text { bytes: [1, 97, 98], cut: true })]), Time { boot: 99, form: "%H:%M:%S" }]), whole: None }"#
        ]],
    );
    check(map, expect!["PrintMap { map: MapIndex(0), top: 3, div: 1000 }"]);
    check(
        entry,
        expect![
            "PrintEntry { map: MapIndex(1), key: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 97, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0], div: 1 }"
        ],
    );
    check(clear, expect!["Clear(MapIndex(0))"]);
    check(zero, expect!["Zero(MapIndex(1))"]);
    check(time, expect!["Time(TextId(0))"]);
    check(exit, expect!["Exit(3)"]);
}

#[test]
fn the_head_says_where_and_when() {
    expect![
        "Header { time: 123, pid: 42, tid: 43, goid: 7, row: RowId(4), stat: 0, process: 42, place: Some(5), g: 49152 }"
    ]
    .assert_eq(&format!("{:?}", header(&Bytes::record(4).0).unwrap()));
}

#[test]
fn leaves_that_could_not_be_read_are_told_by_their_bits() {
    check(
        &Bytes::record(0).u64(0b010).u64(1).text("", 0, 16).padded("x", 16),
        expect![
            "Printf { format: FormatId(0), args: [Int(Int { bits: 1, kind: IntType { signed: true, bits: 32 } }), Unreadable, Str(Text { bytes: [120], cut: false })], whole: None }"
        ],
    );
    check(
        &Bytes::record(1).u64(0b1010).u64(1).u64(2).text("", 0, 8).u64(0),
        expect![
            "PrintValue { value: Tuple([Bool(true), Tuple([Unreadable, Buf(Text { bytes: [], cut: false })]), Unreadable]), whole: None }"
        ],
    );
    let (schema, bits) =
        (schema(), |fields: &Fields| fields.leaves().iter().map(|l| (l.bit, l.offset)).collect::<Vec<_>>());
    let Some(Row::PrintValue(fields)) = schema.row(RowId(1)) else { panic!("row 1 is another") };
    assert_eq!((bits(fields), fields.size()), (vec![(0, 8), (1, 16), (2, 24), (3, 40)], 48));
}

#[test]
fn wrong_bytes_are_told() {
    check(&Bytes::default().u64(1), expect!["error: 8 bytes where 16 must be"]);
    check(&Bytes::record(99), expect!["error: its row 99 is not described"]);
    check(&Bytes::record(0).u64(0).u64(1), expect!["error: 16 bytes where 40 must be"]);
    check(
        &Bytes::record(0).u64(0).u64(1).u32(17).u32(0).padded("", 32),
        expect!["error: a string of 17 bytes where 16 is the most"],
    );
    check(&Bytes::record(7), expect!["error: 0 bytes where 8 must be"]);
}

#[test]
fn a_schema_that_does_not_fit_itself_is_told() {
    let mut schema = Schema::new();
    let rows = [
        Row::PrintEntry { map: MapIndex(5), div: 1 },
        Row::PrintValue(Fields::sure(vec![])),
        Row::PrintValue(Fields::sure(vec![Shape::Bool, Shape::Bool])),
        Row::PrintValue(Fields::sure(vec![Shape::Time(TextId(3))])),
    ];
    let ids = rows.map(|row| schema.add_row(row).0);
    let said = ids.map(|row| event(&schema, &Bytes::record(row).u64(0).u64(0).0).unwrap_err().to_string());
    expect![[r#"
        its map 5 is not described
        0 values where one must be
        2 values where one must be
        its text 3 is not described"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn no_part_of_a_record_and_no_changed_byte_brings_more_than_an_error() {
    let schema = schema();
    for record in &records() {
        (0..record.0.len()).for_each(|len| drop(event(&schema, &record.0[..len])));
        for at in 0..record.0.len() {
            for to in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = record.0.clone();
                changed[at] = to;
                drop(event(&schema, &changed));
            }
        }
    }
}

fn check_key(map: &str, bytes: &Bytes, expect: Expect) {
    let schema = schema();
    let map = schema.map(schema.find_map(map).unwrap()).unwrap();
    assert!(bytes.0.len() <= map.key_size(), "{} bytes are more than {}", bytes.0.len(), map.key_size());
    let said = match key(&schema, map, &bytes.0) {
        Ok(key) => format!("{key:?}"),
        Err(error) => format!("error: {error}"),
    };
    expect.assert_eq(&said);
}

#[test]
fn keys_of_histograms_end_with_the_number_of_the_bucket() {
    check_key(
        "@x",
        &Bytes::default().u64(-3i64 as u64),
        expect!["([Int(Int { bits: 18446744073709551613, kind: IntType { signed: true, bits: 64 } })], None)"],
    );
    check_key(
        "@h",
        &Bytes::default().u64(1).text("", 0, 8).u64(5).u64(11),
        expect!["([Unreadable, Id(Id { kind: Func, number: 5, process: 0 })], Some(11))"],
    );
    check_key("@h", &Bytes::default().u64(0).text("", 0, 8).u64(5).u64(65), expect!["error: there is no bucket 65"]);
    check_key("@h", &Bytes::default().u64(0).text("", 0, 8).u64(5), expect!["error: 32 bytes where 40 must be"]);
}

#[test]
fn stacks_and_addresses_come_with_their_process() {
    let shape = Fields::sure(vec![Shape::Id(IdKind::UserSymbol), Shape::Id(IdKind::Func)]);
    let values = fields(&Schema::new(), &shape, &Bytes::default().u64(0x4a_1c20).u64(42).u64(7).0).unwrap();
    let id = |kind, number, process| Value::Id(Id { kind, number, process });
    assert_eq!(values, [id(IdKind::UserSymbol, 0x4a_1c20, 42), id(IdKind::Func, 7, 0)]);
}

#[test]
fn sizes_of_keys_and_values_are_what_the_kernel_is_told() {
    let size = |shapes: Vec<Shape>, value: MapValue| {
        let map = MapSchema { name: "@".into(), key: Fields::sure(shapes), value };
        (map.key_size(), map.value.size())
    };
    let number = || MapValue::Plain(Fields::sure(vec![Shape::Int(IntType::I64)]));
    assert_eq!(size(vec![], number()), (8, 8));
    assert_eq!(size(vec![Shape::Id(IdKind::Func), Shape::Id(IdKind::UserStack)], number()), (8 + 16, 8));
    assert_eq!(size(vec![Shape::Comm, Shape::Str { cap: 64 }], number()), (16 + 72, 8));
    assert_eq!(size(vec![], MapValue::PerCpu(Aggregate::Lhist(Linear::new(0, 9, 1).unwrap()))), (8, 8));
    assert_eq!(size(vec![Shape::Bool], MapValue::PerCpu(Aggregate::Quantiles)), (16, 8));
    assert_eq!(size(vec![], MapValue::PerCpu(Aggregate::Stats(IntType::I64))), (8, 16));
    assert_eq!(size(vec![], MapValue::Plain(Fields::fallible(vec![Shape::Str { cap: 60 }]))), (8, 8 + 8 + 64));
}

#[test]
fn a_number_of_the_schema_never_changes_its_meaning() {
    let mut schema = schema();
    let before: Vec<Row> = schema.rows().to_vec();
    assert_eq!(schema.add_format(Format::parse("%d %s %s\n")), FormatId(0));
    assert_eq!(schema.add_row(Row::Exit), RowId(7));
    assert_eq!(schema.add_row(Row::Time(TextId(1))), RowId(8));
    assert_eq!(schema.rows()[..8], before);
}
