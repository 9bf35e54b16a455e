use event::Header;
use event::calls::{Key, Record};
use event::go::value::{Bytes, Is};
use event::go::{GoKind, GoType, Inlined, TypeRow};
use event::schema::RowId;
use expect_test::{Expect, expect};

use super::*;
use crate::Look;
use crate::value::tests::Known;

const INT: TypeRow = TypeRow(1);
const STRING: TypeRow = TypeRow(2);
const ERROR: TypeRow = TypeRow(3);

fn types() -> Types {
    let mut types = Types::default();
    let mut add = |name: &str, size, kind| types.add(GoType { name: name.to_owned(), size, kind });
    add("int", 8, GoKind::Int { signed: true });
    add("string", 16, GoKind::String);
    add("error", 16, GoKind::Interface { empty: false });
    types
}

fn int(number: i64) -> GoValue {
    GoValue { ty: INT, is: Is::Int(number) }
}

fn text(text: &str) -> GoValue {
    GoValue { ty: STRING, is: Is::String(Bytes::whole(text)) }
}

fn nil() -> GoValue {
    GoValue { ty: ERROR, is: Is::Nil }
}

fn finished(end: End, elapsed: Option<u64>) -> Finished {
    Finished {
        key: Key { pid: 10, goid: 42, id: 7 },
        header: Header {
            time: 5_000_000_000,
            pid: 10,
            tid: 11,
            goid: 42,
            row: RowId(0),
            stat: 0,
            process: 10,
            place: Some(0),
            g: 0,
        },
        started: 4_999_999_000,
        elapsed,
        inner_hits: 0,
        depth: 1,
        end,
        alone: false,
        begun: Record { call: 0, bytes: vec![] },
        returned: None,
        panic: None,
    }
}

fn told(args: Vec<(&'static str, GoValue)>, rets: Option<Vec<(&'static str, GoValue)>>) -> CallValues<'static> {
    CallValues {
        function: "main.Handle",
        program: None,
        type_args: &[],
        args,
        args_omitted: false,
        rets,
        rets_omitted: false,
        panic: None,
        stack: Vec::new(),
        inlined: None,
        frames: Vec::new(),
    }
}

fn shown(call: &Finished, told: &CallValues<'_>, to: Format) -> String {
    let (types, mut out) = (types(), Vec::new());
    let shown = Shown { call, told, types: &types, ts: 9, style: Style::default() };
    Page::new(View::Ends, shown.style).ends(&shown, &Known, to, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Calls as text, and as JSON.
fn check(call: &Finished, told: &CallValues<'_>, expect: Expect) {
    let (text, json) = (shown(call, told, Format::Text(Look::default())), shown(call, told, Format::Json));
    expect.assert_eq(&format!("{text}{json}"));
}

#[test]
fn a_call_is_a_line_and_an_object() {
    check(
        &finished(End::Return, Some(1_234)),
        &told(vec![("n", int(7)), ("s", text("hello"))], Some(vec![("~r0", int(13)), ("~r1", nil())])),
        expect![[r#"
            TIME             GOID   CALL
            22:13:24.999999  42     main.Handle(n=7, s="hello") = (13, nil)  1.234µs
            {"type":"call","ts":9,"pid":10,"tid":11,"goid":42,"func":"main.Handle","type_args":null,"program":null,"args":{"n":7,"s":"hello"},"rets":{"~r0":13,"~r1":null},"omitted":false,"guess":false,"elapsed_ns":1234,"depth":1,"end":"return","panic":null,"stack":null,"frames":null,"inlined":null,"text":"main.Handle(n=7, s=\"hello\") = (13, nil)"}
        "#]],
    );
}

#[test]
fn results_have_their_names_if_somebody_gave_them() {
    let line = |rets| {
        let all = shown(&finished(End::Return, Some(1)), &told(vec![], rets), Format::Text(Look::default()));
        all.lines().nth(1).unwrap().split_once("  42     ").unwrap().1.to_owned()
    };
    assert_eq!(line(Some(vec![])), "main.Handle()  1ns");
    assert_eq!(line(None), "main.Handle()  1ns");
    assert_eq!(line(Some(vec![("~r0", int(1))])), "main.Handle() = 1  1ns");
    assert_eq!(line(Some(vec![("n", int(1))])), "main.Handle() = (n=1)  1ns");
    assert_eq!(line(Some(vec![("n", int(1)), ("err", nil())])), "main.Handle() = (n=1, err=nil)  1ns");
}

#[test]
fn what_is_missing_from_the_signature_is_not_hidden() {
    let told =
        CallValues { args_omitted: true, rets_omitted: true, ..told(vec![("n", int(7))], Some(vec![("~r0", int(1))])) };
    check(
        &finished(End::Return, Some(1)),
        &told,
        expect![[r#"
            TIME             GOID   CALL
            22:13:24.999999  42     main.Handle(n=7, …) = (1, …)  1ns
            {"type":"call","ts":9,"pid":10,"tid":11,"goid":42,"func":"main.Handle","type_args":null,"program":null,"args":{"n":7},"rets":{"~r0":1},"omitted":true,"guess":false,"elapsed_ns":1,"depth":1,"end":"return","panic":null,"stack":null,"frames":null,"inlined":null,"text":"main.Handle(n=7, …) = (1, …)"}
        "#]],
    );
}

#[test]
fn a_name_that_comes_twice_is_there_twice() {
    let told = told(vec![("_", int(1)), ("_", int(2)), ("n", int(3)), ("_", int(4))], None);
    let json = shown(&finished(End::Tail, Some(1)), &told, Format::Json);
    assert!(json.contains(r#""args":{"_":1,"_#2":2,"n":3,"_#3":4},"rets":null"#), "{json}");
}

#[test]
fn every_end_has_a_word() {
    let all = End::SEEN.into_iter().chain([End::Open]);
    let lines = all.map(|end| {
        let (call, told) = (finished(end, Some(2_000_000_000)), told(vec![], None));
        let text = shown(&call, &told, Format::Text(Look::default()));
        let json: serde_json::Value = serde_json::from_str(&shown(&call, &told, Format::Json)).unwrap();
        format!("{} {}\n", json["end"], text.lines().nth(1).unwrap().split_once("  42     ").unwrap().1)
    });
    expect![[r#"
        "return" main.Handle()  2s
        "tail" main.Handle()  left by a jump  2s
        "unwound" main.Handle()  panicked  2s
        "goexit" main.Handle()  goexit  2s
        "switched" main.Handle()  switched away  2s
        "lost" main.Handle()  end not seen  2s
        "detached" main.Handle()  detached  2s
        "open" main.Handle()  still open  2s
    "#]]
    .assert_eq(&lines.collect::<String>());
}

#[test]
fn that_an_inlined_call_is_open_is_shown_where_its_end_would_be_seen() {
    let at = Inlined { into: "main.main".into(), file: "/src/main.go".into(), line: 7 };
    let told = CallValues { inlined: Some(&at), ..told(vec![("n", int(1))], None) };
    let line = |call: &Finished, told: &CallValues<'_>| {
        let text = shown(call, told, Format::Text(Look::default()));
        text.lines().nth(1).unwrap().split_once("  42     ").unwrap().1.to_owned()
    };
    let open = finished(End::Open, None);
    let panicking = CallValues { panic: Some(text("boom")), ..told.clone() };
    assert_eq!(line(&open, &told), "main.Handle(n=1)  still open");
    assert_eq!(line(&open, &panicking), "main.Handle(n=1)  still open, panicking: \"boom\"");
    assert_eq!(line(&Finished { alone: true, ..open }, &told), "main.Handle(n=1) = <inlined: not available>");
}

#[test]
fn durations_have_as_many_digits_as_one_reads() {
    let all = [0, 999, 1_234, 9_999, 12_345, 999_999, 1_234_567, 987_654_321, 1_234_567_890, 61_234_567_890];
    expect!["0s 999ns 1.234µs 9.999µs 12.3µs 999.9µs 1.23ms 987.65ms 1.234s 1m1.234s"]
        .assert_eq(&all.map(|nanos| took(Some(nanos)).trim().to_owned()).join(" "));
    assert_eq!(took(None), "");
}

#[test]
fn type_arguments_take_the_place_of_shapes() {
    let type_args = ["example.com/a/b.T".to_owned(), "[]interface {}".to_owned()];
    let check = |function, want: &str| {
        let told = CallValues { function, type_args: &type_args, ..told(vec![], None) };
        let text = shown(&finished(End::Return, None), &told, Format::Text(Look::default()));
        assert!(text.contains(&format!("  {want}()")), "{text}");
    };
    check("main.Map[go.shape.int,go.shape.[]interface {}]", "main.Map[b.T,[]any]");
    check("main.(*Set[go.shape.int,go.shape.[]int]).Add", "main.(*Set[b.T,[]any]).Add");
    check("main.Map[go.shape.int,go.shape.int].func1", "main.Map[b.T,[]any].func1");
    check("main.odd[", "main.odd[");
}

#[test]
fn calls_of_several_processes_say_whose_they_are() {
    let (types, told, one) = (types(), told(vec![("n", int(1))], Some(vec![])), finished(End::Return, Some(1_234)));
    let of = |pid: u32, id: u64| Finished { key: Key { pid, id, ..one.key }, ..one.clone() };
    let check = |view: View, from_the_start: bool, expect: Expect| {
        let (mut page, mut out) = (Page::new(view, Style::default()), Vec::new());
        if from_the_start {
            page.of_several();
        }
        for call in [of(10, 1), of(10, 2), of(1_234_567, 1), of(10, 3)] {
            let shown = Shown { call: &call, told: &told, types: &types, ts: 9, style: Style::default() };
            page.begins(&shown, &Known, Format::Text(Look::default()), &mut out).unwrap();
            page.ends(&shown, &Known, Format::Text(Look::default()), &mut out).unwrap();
        }
        expect.assert_eq(&String::from_utf8(out).unwrap());
    };
    check(
        View::Both,
        false,
        expect![[r#"
        TIME             GOID   CALL
        22:13:24.999999  42     main.Handle(n=1) {
        22:13:24.999999  42     main.Handle(n=1)  1.234µs
        22:13:24.999999  42     main.Handle(n=1) {
        22:13:24.999999  42     main.Handle(n=1)  1.234µs
        TIME             PID      GOID   CALL
        22:13:24.999999  1234567  42     main.Handle(n=1) {
        22:13:24.999999  1234567  42     main.Handle(n=1)  1.234µs
        22:13:24.999999  10       42     main.Handle(n=1) {
        22:13:24.999999  10       42     main.Handle(n=1)  1.234µs
    "#]],
    );
    check(
        View::Graph { depth: None },
        false,
        expect![[r#"
        TIME             GOID   CALL
        22:13:24.999999  42     main.Handle(n=1)  1.234µs
        22:13:24.999999  42     main.Handle(n=1)  1.234µs
        TIME             PID      GOID   CALL
        22:13:24.999999  1234567  42     main.Handle(n=1)  1.234µs
        22:13:24.999999  10       42     main.Handle(n=1)  1.234µs
    "#]],
    );
    check(
        View::Graph { depth: None },
        true,
        expect![[r#"
        TIME             PID      GOID   CALL
        22:13:24.999999  10       42     main.Handle(n=1)  1.234µs
        22:13:24.999999  10       42     main.Handle(n=1)  1.234µs
        22:13:24.999999  1234567  42     main.Handle(n=1)  1.234µs
        22:13:24.999999  10       42     main.Handle(n=1)  1.234µs
    "#]],
    );
}
