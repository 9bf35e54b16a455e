//! What calls were ended by: the value of the panic that a caller recovered from, however panics follow one another.

use std::io::Write;

use expect_test::{Expect, expect};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};
use serde_json::Value;

use crate::command;
use crate::run::{Counter, Tracing, WAYS, objects, permitted, summary};

/// The fixture `panics`, running.
fn panics(go: &'static str, variant: Variant) -> Result<Counter, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    Ok(Counter::start(&build(&Fixture::new("panics", go, variant).on(arch))?))
}

/// What is shown of a trace of what it does.
fn traced(program: &mut Counter, ways: &[&str], flags: &[&str]) -> Vec<Value> {
    let pid = program.pid();
    let functions = ["main.inner", "main.outer", "main.try", "main.replace", "main.repeat"];
    let args = [&["trace", "--json", "--ready-fd", "1", "-p", &pid][..], &functions, flags].concat();
    let tracing = Tracing::of(&mut command(&args));
    for way in ways {
        writeln!(program.orders.as_ref().unwrap(), "{way}").unwrap();
        assert_eq!(program.answer(), if *way == "die" { "" } else { "done" });
    }
    objects(&if ways.contains(&"die") { tracing.ended() } else { tracing.stop() })
}

fn texts(all: &[Value]) -> String {
    let calls = all.iter().filter(|object| object["type"] == "call");
    calls.map(|call| format!("{}\n", call["text"].as_str().unwrap())).collect()
}

fn check(go: &'static str, way: &str, ways: &[&str], expect: &Expect) {
    let mut program = panics(go, Variant::Plain).unwrap_or_else(|missing| panic!("{}", missing.why));
    let all = traced(&mut program, ways, &["--way", way]);
    expect.assert_eq(&texts(&all));
    let sum = summary(&all);
    let of = |name: &str| sum[name].as_u64().unwrap();
    assert_eq!(of("hits"), of("printed") + of("open"), "{go} {way} {sum}");
    let end = |end: &str| all.iter().filter(|call| call["end"] == end).count() as u64;
    assert_eq!((of("unwound"), of("goexit"), of("open")), (end("unwound"), end("goexit"), end("open")), "{go} {sum}");
    assert_eq!((of("matched"), of("attached"), of("lost")), (5, 5, 0), "{go} {way} {sum}");
}

#[test]
fn each_call_is_ended_by_what_was_recovered_from_on_every_release() {
    need!(permitted());
    let values = expect![[r#"
        main.inner(way="text")  panicked: "boom"
        main.outer(way="text")  panicked: "boom"
        main.try(way="text")
        main.inner(way="number")  panicked: 42
        main.outer(way="number")  panicked: 42
        main.try(way="number")
        main.inner(way="error")  panicked: errors.New("bad")
        main.outer(way="error")  panicked: errors.New("bad")
        main.try(way="error")
        main.inner(way="fields")  panicked: &main.Failure{Code: 7, Why: "seven"}
        main.outer(way="fields")  panicked: &main.Failure{Code: 7, Why: "seven"}
        main.try(way="fields")
        main.inner(way="nil")  panicked: nil
        main.outer(way="nil")  panicked: nil
        main.try(way="nil")
        main.inner(way="pointer")  panicked: runtime error: invalid memory address or nil pointer dereference
        main.outer(way="pointer")  panicked: runtime error: invalid memory address or nil pointer dereference
        main.try(way="pointer")
        main.inner(way="divide")  panicked: runtime error: integer divide by zero
        main.outer(way="divide")  panicked: runtime error: integer divide by zero
        main.try(way="divide")
        main.inner(way="index")  panicked: runtime error: index out of range [5] with length 3
        main.outer(way="index")  panicked: runtime error: index out of range [5] with length 3
        main.try(way="index")
        main.inner(way="slice")  panicked: runtime error: slice bounds out of range [:5] with capacity 3
        main.outer(way="slice")  panicked: runtime error: slice bounds out of range [:5] with capacity 3
        main.try(way="slice")
        main.inner(way="map")  panicked: assignment to entry in nil map
        main.outer(way="map")  panicked: assignment to entry in nil map
        main.try(way="map")
        main.inner(way="type")  panicked: &runtime.TypeAssertionError{…}
        main.outer(way="type")  panicked: &runtime.TypeAssertionError{…}
        main.try(way="type")
    "#]];
    let ways = expect![[r#"
        main.inner(way="text")  panicked: "boom"
        main.outer(way="text")  panicked: "boom"
        main.try(way="text")
        main.inner(way="within")  panicked: "outermost"
        main.outer(way="within")  panicked: "outermost"
        main.try(way="within")
        main.replace(by="second")  panicked: "second"
        main.inner(way="instead")  panicked: "second"
        main.outer(way="instead")  panicked: "second"
        main.try(way="instead")
        main.repeat()  panicked: "repeated"
        main.inner(way="again")  panicked: "repeated"
        main.outer(way="again")  panicked: "repeated"
        main.try(way="again")
        main.inner(way="goexit")  goexit
        main.outer(way="goexit")  goexit
        main.try(way="goexit")  goexit
        main.inner(way="quitting")  goexit
        main.outer(way="quitting")  goexit
        main.try(way="quitting")  goexit
        main.inner(way="text")  panicked: "boom"
        main.outer(way="text")  panicked: "boom"
        main.try(way="text")
    "#]];
    for go in versions() {
        for way in WAYS {
            let all =
                ["text", "number", "error", "fields", "nil", "pointer", "divide", "index", "slice", "map", "type"];
            check(go, way, &all, &values);
            check(go, way, &["within", "instead", "again", "goexit", "quitting", "text"], &ways);
        }
    }
}

#[test]
fn calls_in_which_a_program_dies_tell_what_of() {
    need!(permitted());
    let dies = expect![[r#"
        main.inner(way="die")  still open, panicking: &main.Failure{Code: 9, Why: "nine"}
        main.outer(way="die")  still open, panicking: &main.Failure{Code: 9, Why: "nine"}
    "#]];
    for go in versions() {
        check(go, WAYS[0], &["die"], &dies);
    }
}

#[test]
fn whoever_traces_panics_themselves_gets_both() {
    let mut program = need!(panics("1.26", Variant::Plain));
    let all = traced(&mut program, &["text"], &["runtime.gopanic"]);
    expect![[r#"
        runtime.gopanic(e="boom")  panicked: "boom"
        main.inner(way="text")  panicked: "boom"
        main.outer(way="text")  panicked: "boom"
        main.try(way="text")
    "#]]
    .assert_eq(&texts(&all));
    let calls: Vec<&Value> = all.iter().filter(|object| object["type"] == "call").map(|call| &call["panic"]).collect();
    expect![[r#"[Object {"@type": String("string"), "value": String("boom")}, Object {"@type": String("string"), "value": String("boom")}, Object {"@type": String("string"), "value": String("boom")}, Null]"#]].assert_eq(&format!("{calls:?}"));
}

#[test]
fn of_stripped_programs_the_value_is_known_too() {
    let mut program = need!(panics("1.26", Variant::Stripped));
    let all = traced(&mut program, &["text", "index"], &[]);
    let ends: Vec<String> =
        texts(&all).lines().filter_map(|text| Some(text.split_once("  panicked: ")?.1.to_owned())).collect();
    let index = "runtime error: index out of range [5] with length 3";
    assert_eq!(ends, ["\"boom\"", "\"boom\"", index, index]);
}
