use std::sync::Arc;

use event::go::Limits;
use event::run::{Attached, Lost, Summary};
use event::schema::{Fields, MapSchema, MapValue, Row, Schema, Shape};
use event::stream::{Clock, Name};
use event::{Entry, Folded, Format, Id, IdKind, Int, Snapshot, Value, record};
use expect_test::{Expect, expect};

use super::*;

/// Results, and everything beside them, in the order in which it was written.
#[derive(Default)]
struct Desk {
    log: String,
    full: bool,
}

impl Write for Desk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.log += &String::from_utf8_lossy(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Place for Desk {
    fn columns(&self) -> Option<usize> {
        None
    }

    fn clear(&mut self) {}

    fn note(&mut self, note: &str) {
        self.log += &format!("<note> {note}\n");
    }

    fn aside(&mut self, text: &str) {
        self.log.extend(text.lines().map(|line| format!("<aside> {line}\n")));
    }

    fn ready(&mut self) {
        self.log += "<ready>\n";
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shows_load(&self) -> bool {
        false
    }

    fn load(&mut self, _: &Load) {}

    fn turn_away(&mut self, _: bool) {
        self.log += "<elsewhere>\n";
        self.full = false;
    }
}

fn id(kind: IdKind, number: u64) -> Id {
    Id { kind, number, process: 0 }
}

fn schema() -> Arc<Schema> {
    let mut schema = Schema::new();
    let format = schema.add_format(Format::parse("%s %d\n"));
    let int = || Shape::Int(event::IntType::I64);
    schema.add_map(MapSchema {
        name: "@x".into(),
        key: Fields::default(),
        value: MapValue::Plain(Fields::sure(vec![int()])),
    });
    schema.append_row(Row::Printf { format, args: Fields::sure(vec![Shape::Id(IdKind::Func), int()]) });
    schema.append_row(Row::State { binary: 0, parent: false });
    Arc::new(schema)
}

/// A record's head and a payload of words.
fn bytes(row: u32, payload: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; record::PAYLOAD];
    bytes[record::PID_TGID..][..8].copy_from_slice(&(42_u64 << 32 | 43).to_le_bytes());
    bytes[record::ROW..][..4].copy_from_slice(&row.to_le_bytes());
    bytes.extend(payload.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

fn screen(open: Open) -> Screen<Desk> {
    let mut screen = Screen::new(open(Options::default()), Desk::default(), Secrets::default());
    let clock = Clock { unix_less_boot: 1_700_000_000_000_000_000, east_of_utc: |_| 0 };
    let work = Name { text: "main.work".into(), ..Name::default() };
    let waiting = Name { text: "waiting".into(), ..Name::default() };
    for item in [
        Item::Clock(clock),
        Item::Schema { schema: schema(), limits: Limits::default() },
        Item::Name(id(IdKind::Func, 3), Some(work)),
        Item::Name(id(IdKind::GoState, 4), Some(waiting)),
    ] {
        screen.take(&item).unwrap();
    }
    screen
}

fn check(open: Open, expect: Expect) {
    let mut screen = screen(open);
    let map = Snapshot {
        name: "@x".into(),
        keyed: false,
        entries: vec![Entry { key: vec![], value: Folded::Value(Value::Int(Int::signed(9))) }],
        damaged: vec![],
    };
    let (attached, summary) = (Attached::default(), Summary { damaged: 2, ..Summary::default() });
    for item in [
        Item::Attached(&attached),
        Item::Record(&bytes(0, &[3, 7])),
        Item::Record(&bytes(0, &[3])),
        Item::Record(&bytes(1, &[u64::from_le_bytes([2, 0, 4, 0, 0, 0, 0, 0]), 1500, 34, 0])),
        Item::Note("something happened"),
        Item::Map(&map),
        Item::Maps(std::slice::from_ref(&map)),
        Item::Lost(&[Lost { probe: "go:main.f".into(), records: 3 }]),
        Item::Summary(&summary),
    ] {
        screen.take(&item).unwrap();
    }
    assert_eq!(screen.tally(), Tally { shown: 3, calls: 0, damaged: 1 });
    expect.assert_eq(&screen.place().log);
}

#[test]
fn text_has_results_and_says_everything_else_beside_them() {
    check(
        text,
        expect![[r#"
        <aside> attached 0 probes at 0 sites
        <ready>
        main.work 7
        TIME     STATE       GOID   PID     TGID    FOR      REASON          FUNCTION
        22:13:20 WAITING(4)  34     43      42      1.5µs    -               -
        <note> something happened
        @x: 9

        @x: 9
        <note> 2 records or entries could not be understood
        <aside> 0 hits, 0 printed
    "#]],
    );
}

#[test]
fn json_has_an_object_for_each_item() {
    check(
        json,
        expect![[r#"
        {"type":"attached","matched":0,"attached":0,"sites":0,"skipped":[],"inlined":[],"inlined_functions":0,"inlined_places":0,"ts":0}
        <ready>
        {"type":"printf","data":"main.work 7\n"}
        {"type":"state","ts":1700000000000000000,"pid":42,"tid":43,"goid":34,"from":"2","to":"waiting","reason":null,"for_ns":1500,"function":null,"program":null,"parent":null,"created_at":null}
        <note> something happened
        {"type":"map","data":{"@x":9}}
        {"type":"map","data":{"@x":9}}
        <note> 2 records or entries could not be understood
        {"type":"summary","matched":0,"attached":0,"skipped":[],"firings":0,"hits":0,"printed":0,"filtered":0,"limited":0,"open":0,"unwound":0,"goexit":0,"unwound_by":[],"switched":0,"lost":0,"lost_by":[],"missed":0,"unpaired":0,"unended":0,"foreign":0,"no_g":0,"unreadable":0,"unreadable_by":[],"no_scratch":0,"damaged":2,"full":[],"detached":[],"calls_detached":0,"turns":null,"exit":null,"ended_by":null}
    "#]],
    );
}

#[test]
fn a_record_that_could_not_be_written_counts_once_it_is_written_elsewhere() {
    let mut screen = screen(text);
    screen.place().full = true;
    assert!(screen.take(&Item::Record(&bytes(0, &[3, 7]))).is_err());
    assert_eq!(screen.tally().shown, 0);
    screen.rescue(true);
    screen.take(&Item::Record(&bytes(0, &[3, 7]))).unwrap();
    assert_eq!(screen.tally().shown, 1);
    expect![[r"
        <elsewhere>
        main.work 7
    "]]
    .assert_eq(&screen.place().log);
}
