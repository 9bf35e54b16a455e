use std::collections::HashMap;

use expect_test::expect;

use super::*;
use crate::bytes::round8;
use crate::decode;
use crate::go::{
    Call, Dynamic, GoField, GoKind, GoMap, GoType, Inlined, MapLayout, Piece, Printed, Root, Slots, Source, Start,
    TypeRow, Types,
};
use crate::record;
use crate::schema::RowId;

const I32: IntType = IntType { signed: true, bits: 32 };

fn types() -> Types {
    let mut types = Types::default();
    let mut add = |name: &str, size, kind| types.add(GoType { name: name.to_owned(), size, kind });
    let int = add("int", 8, GoKind::Int { signed: true });
    let string = add("string", 16, GoKind::String);
    for (name, size, kind) in [
        ("bool", 1, GoKind::Bool),
        ("float64", 8, GoKind::Float),
        ("complex128", 16, GoKind::Complex),
        ("unsafe.Pointer", 8, GoKind::UnsafePointer),
        ("*int", 8, GoKind::Pointer(Some(int))),
        ("*opaque", 8, GoKind::Pointer(None)),
        ("[]string", 24, GoKind::Slice(string)),
        ("[3]int", 24, GoKind::Array { elem: int, len: 3 }),
        ("error", 16, GoKind::Interface { empty: false }),
        ("chan int", 8, GoKind::Chan),
        ("func()", 8, GoKind::Func),
        ("word8", 8, GoKind::Unknown),
    ] {
        add(name, size, kind);
    }
    let field =
        |name: &str, ty, offset| GoField { name: name.to_owned(), ty, offset, embedded: offset == 8, hidden: false };
    add("main.T", 24, GoKind::Struct(vec![field("n", int, 0), field("s", string, 8)]));
    let slots = Slots {
        keys: 8,
        key_stride: 24,
        key_behind_pointer: false,
        elems: 16,
        elem_stride: 24,
        elem_behind_pointer: true,
        size: 200,
    };
    let swiss = MapLayout::Swiss { directory: TypeRow(2), table: TypeRow(3), group: TypeRow(4) };
    for layout in [swiss, MapLayout::Buckets { bucket: TypeRow(5), size: 208 }] {
        let map = GoMap { key: string, elem: int, header: TypeRow(6), layout, slots };
        add("map[string]int", 8, GoKind::Map(Box::new(map)));
    }
    types.add_dynamic(0, 0x4a_0000, Dynamic { ty: int, direct: false });
    types.add_runtime_type(7, 0xc0_0000_1000, Dynamic { ty: string, direct: true });
    types
}

fn root(name: &str, ty: u32, from: [Source; 2]) -> Root {
    let pieces = from.into_iter().enumerate().map(|(n, from)| Piece { at: n as u32 * 8, size: 8, from });
    Root { name: name.to_owned(), ty: TypeRow(ty), pieces: pieces.collect(), lost_if: (ty == 2).then_some(0x40_1234) }
}

/// A schema with a row of each kind, and each kind of everything that rows speak of.
fn schema() -> Schema {
    let mut schema = Schema::new();
    let (form, format) = (schema.add_text("%H:%M:%S"), schema.add_format(Format::parse("%d %v ß\n")));
    let call = Call {
        binary: 1,
        function: 17,
        name: "main.(*Server).Serve".to_owned(),
        returns: false,
        registers: 9,
        stack: 2,
        values: vec![
            root("s", 1, [Source::Record(96), Source::FloatRegister]),
            root("t", 2, [Source::NoPlace, Source::NotLocated]),
            root("u", 2, [Source::BeyondStack, Source::Record(7)]),
        ],
        incomplete: true,
        inlined: Some(Inlined { into: "main.main".to_owned(), file: "/src/main.go".to_owned(), line: 33 }),
        type_args: vec!["int".to_owned()],
    };
    let first = schema.add_calls(vec![call.clone()], types());
    schema.add_calls(vec![Call { returns: true, inlined: None, ..call }], Types::default());
    let starts = vec![
        Start::Here(root("r", 1, [Source::Record(32), Source::Record(40)])),
        Start::At { name: "p".to_owned(), ty: TypeRow(2), word: 48 },
    ];
    let instances = HashMap::from([(0x4b_0000, starts.clone()), (0x4a_0000, Vec::new())]);
    let printed = schema.add_printed(vec![Printed { binary: 0, bytes: 24, values: starts, instances }]);
    let kinds = [
        IdKind::Func,
        IdKind::Probe,
        IdKind::StartFunc,
        IdKind::WaitReason,
        IdKind::GoState,
        IdKind::UserStack,
        IdKind::KernelStack,
        IdKind::UserSymbol,
        IdKind::KernelSymbol,
    ];
    let key = Fields::fallible(kinds.map(Shape::Id).to_vec());
    let steps = Linear::new(-100, 100, 10).expect("these are steps");
    let aggregates = [
        Aggregate::Count,
        Aggregate::Sum(I32),
        Aggregate::Avg(I32),
        Aggregate::Min(I32),
        Aggregate::Max(I32),
        Aggregate::Stats(IntType::U64),
        Aggregate::Hist(Log::PLAIN),
        Aggregate::Lhist(steps),
        Aggregate::Quantiles,
    ];
    let plain = MapValue::Plain(Fields::sure(vec![Shape::Int(IntType::I64)]));
    let values = aggregates.into_iter().map(MapValue::PerCpu).chain([plain]);
    let maps: Vec<MapIndex> = values
        .enumerate()
        .map(|(n, value)| schema.add_map(MapSchema { name: format!("@{n}"), key: key.clone(), value }))
        .collect();
    let (map, parts) = (maps[0], vec![Shape::Bool, Shape::Pointer, Shape::Tuple(vec![Shape::Buf { cap: 3 }])]);
    let args = vec![Shape::Str { cap: 16 }, Shape::Comm, Shape::Time(form), Shape::Tuple(parts)];
    let rows = [
        Row::Printf { format, args: Fields::fallible(args) },
        Row::PrintValue(Fields::sure(vec![Shape::Go { printed, value: 1 }])),
        Row::PrintMap { map, top: 5, div: 1000 },
        Row::PrintEntry { map: maps[9], div: 1 },
        Row::Clear(map),
        Row::Zero(map),
        Row::Time(form),
        Row::Exit,
        Row::Call(first),
        Row::CallStart(first),
        Row::CallEnd,
        Row::CallDropped,
        Row::State { binary: 1, parent: true },
    ];
    rows.into_iter().for_each(|row| {
        schema.append_row(row);
    });
    schema
}

#[test]
fn every_kind_of_row_is_read_as_it_was_written() {
    let schema = schema();
    let bytes = schema.to_bytes();
    let read = Schema::from_bytes(&bytes).unwrap();
    assert_eq!(read, schema);
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(Schema::from_bytes(&Schema::new().to_bytes()), Ok(Schema::new()));
}

#[test]
fn layout_of_version_1_does_not_change() {
    let mut schema = Schema::new();
    let format = schema.add_format(Format::parse("%d\n"));
    schema.add_row(Row::Printf { format, args: Fields::fallible(vec![Shape::Int(I32)]) });
    schema.add_row(Row::Exit);
    expect![[r#""gospect\0\u{1}\0\u{1}\u{3}%d\n\0\0\0\0\u{2}\0\0\u{1}\u{1}\0\u{1} \u{7}""#]]
        .assert_eq(&format!("{:?}", String::from_utf8_lossy(&schema.to_bytes())));
    // A hash stands for the bytes of a schema with everything.
    let hash = schema_hash(&self::schema().to_bytes());
    expect!["0x4357ca0e01c62810"].assert_eq(&format!("{hash:#x}"));
}

/// FNV-1a
fn schema_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn another_version_and_other_files_are_refused_by_name() {
    let mut newer = schema().to_bytes();
    newer[MAGIC.len()] = 2;
    let foreign = b"\x7fELF\x02\x01\x01\0\0\0";
    let mut longer = schema().to_bytes();
    longer.push(0);
    let said =
        [&newer[..], foreign, &longer, b"gospect\0"].map(|bytes| Schema::from_bytes(bytes).unwrap_err().to_string());
    expect![[r#"
        its layout has version 2, this gospect reads version 1
        it was not written by gospect
        1 bytes follow its end
        it ends too early"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn a_schema_that_is_cut_is_an_error() {
    let bytes = schema().to_bytes();
    for len in 0..bytes.len() {
        assert_eq!(Schema::from_bytes(&bytes[..len]), Err(ReadError::Cut), "{len}");
    }
}

/// xorshift64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Uses a schema as a reader of a recording would.
fn read_with(schema: &Schema, random: &mut Random) {
    let _ = schema.to_string();
    for row in 0..schema.rows().len() as u32 {
        let mut bytes: Vec<u8> = (0..40).flat_map(|_| (random.next() >> (random.next() & 63)).to_le_bytes()).collect();
        bytes[record::ROW..][..4].copy_from_slice(&RowId(row).0.to_le_bytes());
        bytes.truncate(round8((random.next() % 320) as usize));
        let _ = decode::event(schema, &bytes);
    }
}

#[test]
fn changed_and_random_bytes_are_an_error_or_a_schema_that_can_be_used() {
    let (whole, mut random) = (schema().to_bytes(), Random(0x9e37_79b9_7f4a_7c15));
    let mut readable = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.next() % 3 {
            let at = MAGIC.len() + 1 + (random.next() as usize) % (bytes.len() - MAGIC.len() - 1);
            bytes[at] = random.next() as u8;
        }
        if let Ok(schema) = Schema::from_bytes(&bytes) {
            readable += 1;
            read_with(&schema, &mut random);
        }
    }
    assert!(readable > 1000, "{readable}");
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = MAGIC.iter().copied().chain([VERSION as u8]).collect();
        bytes.extend((0..random.next() % 200).map(|_| (random.next() % 16) as u8));
        let _ = Schema::from_bytes(&bytes).map(|schema| read_with(&schema, &mut random));
    }
}

#[test]
fn shapes_within_shapes_end_somewhere() {
    let mut schema = Schema::new();
    let fields = |shape| Fields::sure(vec![shape]);
    // Shapes of a script are never as deep.
    let deep = |levels: usize| (0..levels).fold(Shape::Bool, |inner, _| Shape::Tuple(vec![inner]));
    schema.append_row(Row::PrintValue(fields(deep(70))));
    assert_eq!(Schema::from_bytes(&schema.to_bytes()).as_ref(), Ok(&schema));
    schema.append_row(Row::PrintValue(fields(deep(100))));
    assert_eq!(Schema::from_bytes(&schema.to_bytes()), Err(ReadError::Invalid("nesting")));
}
