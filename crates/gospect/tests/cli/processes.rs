//! `gospect run` and processes that come and go: what it counts of them, and what it says at its end.

use std::path::PathBuf;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::{Value, json};

use crate::run::{Tracing, WAYS, counter_path, objects, permitted, summary};

fn brief_path(go: &'static str, variant: Variant) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("brief", go, variant).on(arch))
}

/// What a map held at the end.
fn map(all: &[Value], name: &str) -> Value {
    let maps = all.iter().filter(|object| object["type"] == "map");
    maps.filter_map(|object| object["data"].get(name)).next_back().cloned().unwrap_or(Value::Null)
}

#[test]
fn calls_that_have_not_returned_are_open_at_the_end() {
    let path = need!(brief_path("1.26", Variant::Plain));
    let text = "goret:main.stay /elapsed > 0/ { @stay = count() } goret:main.hit /elapsed > 0/ { @hit = count() }";
    for way in WAYS {
        let args = ["run", "--json", "--way", way, "-e", text, "--", path.to_str().unwrap(), "100", "7"];
        let all = objects(&crate::gospect(&args[..]).without_its("100\n"));
        assert_eq!((map(&all, "@hit"), map(&all, "@stay")), (json!(100), Value::Null), "{way}");
        // Seven goroutines, each in 21 calls: more than a head holds without chunks.
        assert_eq!(summary(&all)["open"], json!(7 * 21), "{way} {:?}", summary(&all));
        let none = ["unpaired", "unended", "foreign", "no_g", "unreadable", "no_scratch", "damaged", "lost", "missed"];
        assert!(none.iter().all(|field| summary(&all)[field] == json!(0)), "{way} {:?}", summary(&all));
        assert_eq!((&summary(&all)["full"], &summary(&all)["detached"]), (&json!([]), &json!([])));
    }
}

#[test]
fn a_call_that_ended_before_the_probes_were_there_is_unpaired() {
    let path = need!(counter_path(Variant::Plain));
    let mut counter = crate::run::Counter::start(&path);
    let tracing = Tracing::start(&["-p", &counter.pid(), "--json", "-e", "goret:main.main { @ = sum(elapsed) }"]);
    counter.end();
    let all = objects(&tracing.ended());
    assert_eq!((&summary(&all)["unpaired"], &summary(&all)["open"]), (&json!(1), &json!(0)));
}

#[test]
fn each_full_map_is_named_with_what_it_had_no_room_for() {
    need!(permitted());
    // Regression: only the first map of a text was looked at.
    let text = "let @a = hash(2); let @b = hash(3); BEGIN { @a[1] = 1; unroll(8) { @i++; @b[@i] = @i; } exit() }";
    let all = objects(&crate::gospect(&["run", "--json", "-q", "-e", text]));
    assert_eq!(summary(&all)["full"], json!([{"map": "@b", "times": 5}]));
    let ran = crate::gospect(&["run", "-e", text]);
    expect_test::expect![[r#"
        attached 1 probe at 0 sites
        gospect: @b is full: 5 times there was no room for a new key
        0 hits, 0 printed
    "#]]
    .assert_eq(&ran.stderr);
}
