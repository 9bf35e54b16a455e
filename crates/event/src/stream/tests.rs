use expect_test::{Expect, expect};

use super::*;
use crate::calls::Finished;
use crate::format::Format;
use crate::go::value::Is;
use crate::go::{Call, Dynamic, GoKind, GoType, Piece, Root, Source, call};
use crate::names::Names;
use crate::record;
use crate::schema::{CallIndex, Fields, Row, Shape};
use crate::value::{IdKind, Value};

/// An executable with `main.work` at 0x1000 and, inlined in it from 0x1010 on, `main.helper`.
#[derive(Debug)]
struct Work;

impl Image for Work {
    fn function(&self, at: u64) -> Option<Function<'_>> {
        let inlined = (0x1010..0x1020).contains(&at).then_some("main.helper");
        (0x1000..0x1100).contains(&at).then_some(Function { name: "main.work", entry: 0x1000, inlined })
    }

    fn frames(&self, at: u64) -> Vec<Frame> {
        vec![Frame {
            func: "main.work".to_owned(),
            file: Some("main.go".to_owned()),
            line: Some(at as u32),
            inlined: false,
        }]
    }

    fn constant(&self, _: u64, _: usize) -> Option<&[u8]> {
        None
    }
}

const PID: u32 = 42;
const BIAS: u64 = 0x55_0000_0000;

fn id(kind: IdKind, number: u64) -> Id {
    Id { kind, number, process: 0 }
}

fn named(text: &str) -> Option<Name> {
    Some(Name { text: text.to_owned(), ..Name::default() })
}

/// A record's head and a payload of words.
fn bytes(row: u32, payload: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; record::PAYLOAD];
    bytes[record::TIME..][..8].copy_from_slice(&5_000_u64.to_le_bytes());
    bytes[record::PID_TGID..][..8].copy_from_slice(&(u64::from(PID) << 32 | 43).to_le_bytes());
    bytes[record::GOID..][..8].copy_from_slice(&7_u64.to_le_bytes());
    bytes[record::ROW..][..4].copy_from_slice(&row.to_le_bytes());
    bytes.extend(payload.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// A producer's and a sink's side of a stream.
#[derive(Default)]
struct Both {
    needs: Needs,
    decoder: Decoder,
}

impl Both {
    /// Of a schema with such rows; calls are of `main.f`, whose argument is an `any` in two registers.
    fn of(rows: impl FnOnce(&mut Schema) -> Vec<Row>) -> Both {
        let mut both = Both::default();
        let mut schema = Schema::new();
        rows(&mut schema).into_iter().for_each(|row| {
            schema.append_row(row);
        });
        both.take(Item::Schema { schema: Arc::new(schema), limits: Limits::default() });
        both.take(Item::Image { build: 0, binary: 0, image: Arc::new(Work) });
        both.take(Item::Process(Process { pid: PID, number: 9, build: 0, biases: vec![(0, BIAS)] }));
        both
    }

    fn take(&mut self, item: Item<'_>) {
        self.needs.learn(&item);
        self.decoder.learn(&item);
    }

    fn needs(&mut self, record: &[u8]) -> Vec<Need> {
        self.needs.refresh();
        self.further(record)
    }

    /// What is needed besides once processes were looked at.
    fn further(&mut self, record: &[u8]) -> Vec<Need> {
        let mut needs = Vec::new();
        self.needs.of_record(record, &mut needs).unwrap();
        needs
    }

    fn read(&mut self, record: &[u8]) -> Option<Output> {
        self.decoder.read(record).unwrap()
    }

    fn check(&self, ids: &[Id], expect: Expect) {
        let names: Vec<String> = ids.iter().map(|id| format!("{:?}", self.decoder.names().name(*id))).collect();
        expect.assert_eq(&names.join("\n"));
    }
}

fn calls(schema: &mut Schema) -> Vec<Row> {
    let mut types = Types::default();
    let any = types.add(GoType { name: "any".into(), size: 16, kind: GoKind::Interface { empty: true } });
    let error = types.add(GoType { name: "error".into(), size: 16, kind: GoKind::Interface { empty: false } });
    let of = |function, name: &str, returns, ty| {
        let piece = |n: u32| Piece { at: n * 8, size: 8, from: Source::Record(call::REGISTERS as u32 + n * 8) };
        Call {
            binary: 0,
            function,
            name: name.to_owned(),
            returns,
            registers: 2,
            stack: 0,
            values: vec![Root { name: "v".to_owned(), ty, pieces: vec![piece(0), piece(1)], lost_if: None }],
            incomplete: false,
            inlined: None,
            type_args: Vec::new(),
        }
    };
    let all = vec![of(1, "main.f", false, any), of(1, "main.f", true, error), of(2, "runtime.gopanic", false, any)];
    let first = schema.add_calls(all, types).0;
    let calls = (first..first + 3).map(|n| Row::Call(CallIndex(n)));
    calls.chain([Row::CallEnd, Row::CallDropped]).collect()
}

/// A record of a call: its number, how it ended, its stack, and two registers.
fn call_bytes(row: u32, id: u64, end: End, stack: u64, registers: [u64; 2]) -> Vec<u8> {
    let end = if row == 0 || row == 2 { 0 } else { (end as u64) << 32 };
    bytes(row, &[id, 4_000 + id, end, 0, 0, stack, 0, 0, registers[0], registers[1]])
}

fn short(row: u32, id: u64, end: End, function: u64, panic: u64) -> Vec<u8> {
    bytes(row, &[id, 4_000 + id, (end as u64) << 32, 0, function, panic])
}

fn ended(output: Option<Output>) -> Finished {
    match output {
        Some(Output::Ends(call)) => *call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn decoding_can_leave_its_thread() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
    is_send::<Needs>();
}

#[test]
fn names_of_a_record_are_needed_and_then_known() {
    let mut both = Both::of(|schema| {
        let format = schema.add_format(Format::parse("%s %s\n"));
        let shapes = [IdKind::Func, IdKind::UserSymbol].map(Shape::Id).to_vec();
        vec![
            Row::Printf { format, args: Fields::fallible(shapes.clone()) },
            Row::PrintValue(Fields::sure(shapes[..1].to_vec())),
        ]
    });
    let symbol = Id { kind: IdKind::UserSymbol, number: BIAS + 0x1004, process: u64::from(PID) };
    let record = bytes(0, &[0, 3, symbol.number, symbol.process]);
    assert_eq!(both.needs(&record), [Need::Name(id(IdKind::Func, 3)), Need::Process { pid: PID, of: None }]);
    both.take(Item::Name(id(IdKind::Func, 3), named("main.work")));
    let Some(Output::Printf { args, whole, .. }) = both.read(&record) else { panic!() };
    assert_eq!(args, [Value::Id(id(IdKind::Func, 3)), Value::Id(symbol)]);
    assert_eq!(both.decoder.named(&whole).name(symbol).as_deref(), Some("main.work+4"));
    // A value that could not be read has no number.
    assert_eq!(both.needs(&bytes(0, &[1, 0, symbol.number, symbol.process])), [Need::Process { pid: PID, of: None }]);
    assert!(matches!(both.read(&bytes(1, &[3])), Some(Output::Value { .. })));
    let (start, gone) = (id(IdKind::StartFunc, 1), id(IdKind::Func, 3));
    both.take(Item::Name(start, Some(Name { text: "main.main".into(), program: Some("/bin/a".into()), own: false })));
    both.take(Item::Name(gone, None));
    assert_eq!(both.decoder.names().start(start).as_deref(), Some("main.main"));
    both.check(
        &[start, gone],
        expect![[r#"
        Some("main.main in /bin/a")
        None"#]],
    );
}

#[test]
fn stacks_are_lines_with_inlined_calls() {
    let mut both = Both::of(|_| vec![Row::PrintValue(Fields::sure(vec![Shape::Id(IdKind::UserStack)]))]);
    assert_eq!(both.needs(&bytes(0, &[77, u64::from(PID)])), [Need::Stack(77)]);
    let pcs = vec![BIAS + 0x1012, BIAS + 0x1020, 0x99];
    both.take(Item::Stack { id: 77, stack: Stack { pid: PID, pcs } });
    both.check(
        &[id(IdKind::UserStack, 77), id(IdKind::UserStack, 78)],
        expect![[r#"
        Some("main.helper (inlined)\nmain.work+18\nmain.helper (inlined)\nmain.work+32\n0x99")
        None"#]],
    );
}

#[test]
fn a_call_is_joined_and_its_interfaces_lead_to_types_of_the_stream() {
    let mut both = Both::of(calls);
    let begins = call_bytes(0, 5, End::Return, 0, [0xc0_1000, 0xc0_2000]);
    let returns = call_bytes(1, 5, End::Return, 0, [0xc0_3000, 0xc0_2000]);
    let (func, of) = (id(IdKind::Func, 1), Need::Process { pid: PID, of: Some((0, 0)) });
    assert_eq!(both.needs(&call_bytes(0, 6, End::Return, 33, [0, 0])), [Need::Name(func), Need::Stack(33), of]);
    both.take(Item::Name(func, named("main.f")));
    assert_eq!(both.needs(&begins), [of]);
    let ty = RuntimeType { pid: PID, process: 9, build: 0, binary: 0, bias: BIAS, address: 0xc0_1000 };
    assert_eq!((both.further(&begins), both.needs.take_types()), (vec![], vec![ty]));
    assert_eq!(both.further(&returns), [Need::Itab { pid: PID, process: 9, address: 0xc0_3000 }]);
    let mut types = both.decoder.names().schema().types_of(CallIndex(0)).unwrap().clone();
    let made = types.add(GoType { name: "main.T".into(), size: 8, kind: GoKind::Pointer(None) });
    types.add_runtime_type(9, 0xc0_1000, Dynamic { ty: made, direct: true });
    both.take(Item::Types { addition: 0, types: Arc::new(types) });
    both.take(Item::Itab { process: 9, address: 0xc0_3000, ty: Some(0xc0_1000) });
    assert_eq!([both.further(&begins), both.further(&returns)], [[], []]);
    assert_eq!(both.needs.take_types(), []);
    assert!(matches!(both.read(&begins), Some(Output::Begins(_))));
    let call = ended(both.read(&returns));
    assert_eq!((call.end, call.elapsed), (End::Return, Some(995)));
    let (values, types) = both.decoder.values(&call).unwrap();
    let dynamic = |is: &Is| match is {
        Is::Interface(value) => types.get(value.ty).map(|ty| ty.name.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(dynamic(&values.args[0].1.is).as_deref(), Some("main.T"));
    assert_eq!(dynamic(&values.rets.as_ref().unwrap()[0].1.is).as_deref(), Some("main.T"));
    assert_eq!(both.decoder.finished(), 1);
}

#[test]
fn what_gospect_records_itself_is_not_shown_but_told() {
    let mut both = Both::of(calls);
    both.take(Item::Name(id(IdKind::Func, 2), Some(Name { own: true, ..Name::default() })));
    both.read(&call_bytes(0, 5, End::Return, 0, [0, 0]));
    assert!(both.read(&call_bytes(2, 6, End::Return, 0, [0, 0])).is_none());
    assert!(both.read(&short(3, 6, End::Unwound, 2, 6)).is_none());
    let call = ended(both.read(&short(3, 5, End::Unwound, 1, 6)));
    assert_eq!((call.end, call.panic.map(|record| record.call)), (End::Unwound, Some(2)));
}

#[test]
fn calls_that_have_not_ended_end_with_the_run() {
    let mut both = Both::of(calls);
    for id in [5, 6, 8] {
        both.read(&call_bytes(0, id, End::Return, 0, [0, 0]));
    }
    assert!(matches!(both.read(&short(4, 8, End::Return, 1, 0)), Some(Output::Drops(..))));
    let open = OpenCalls { calls: HashMap::from([((7, 5, 4_005), End::Open)]), panics: HashSet::new() };
    let ends: Vec<_> = both.decoder.end(&open).iter().map(|call| (call.key.id, call.end)).collect();
    assert_eq!(ends, [(6, End::Lost), (5, End::Open)]);
}

#[test]
fn damaged_records_are_errors() {
    let mut both = Both::of(calls);
    let whole = call_bytes(0, 5, End::Return, 0, [1, 2]);
    for len in 0..whole.len() {
        assert!(both.decoder.read(&whole[..len]).is_err(), "{len}");
        let _ = both.needs.of_record(&whole[..len], &mut Vec::new());
    }
    assert!(both.decoder.read(&bytes(99, &[])).is_err());
    assert!(both.needs.of_record(&bytes(99, &[]), &mut Vec::new()).is_err());
}

#[test]
fn a_moment_has_the_zone_of_the_traced_machine() {
    let mut both = Both::default();
    both.take(Item::Clock(Clock { unix_less_boot: 1_000_000_000, east_of_utc: |second| second as i32 * 3600 }));
    let moment = both.decoder.moment(1_500_000_000);
    assert_eq!((moment.unix, moment.east), (2_500_000_000, 7200));
}
