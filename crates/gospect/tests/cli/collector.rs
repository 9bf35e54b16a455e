//! `gc:EVENT`, held against what the runtime itself counts.

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};

use crate::gospect;
use crate::run::permitted;

const EVERYTHING: &str = "gc:start { @start = count(); @last = 1; }
    gc:end /@last == 1/ { @end = count(); @last = 0; }
    gc:stw_start { @stops = count(); @stopped = 1; }
    gc:stw_end /@stopped == 1/ { @goes = count(); @stopped = 0; }";

fn collects(go: &'static str, variant: Variant) -> Result<String, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("collects", go, variant).on(arch)).map(|path| path.to_string_lossy().into_owned())
}

/// The number behind this name in what the program and the script say.
fn number(said: &str, name: &str) -> u64 {
    let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {said}"));
    line.trim_start_matches([':', ' ']).parse().unwrap()
}

/// Cycles begin and end as often as the runtime says, in turns, and the world goes on each time that it has stopped.
fn cycles_are_those_of_the_runtime(go: &'static str) {
    for variant in [Variant::Plain, Variant::Stripped] {
        let path = need!(collects(go, variant));
        let ran = gospect(&["run", "-q", "-e", EVERYTHING, "--", &path]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
        let [cycles, start, end, stops, goes] =
            ["cycles", "@start", "@end", "@stops", "@goes"].map(|name| number(&ran.stdout, name));
        assert_eq!((start, end), (cycles, cycles), "go{go} {}", ran.stdout);
        assert_eq!(stops, goes, "go{go} {}", ran.stdout);
        // Each cycle stops it twice, if not more often.
        assert!(cycles >= 10 && stops >= 2 * cycles, "go{go} {}", ran.stdout);
    }
}
on_every_go!(cycles_are_those_of_the_runtime);

#[test]
fn it_stands_beside_other_probes_and_has_conditions() {
    let path = need!(collects("1.26", Variant::Plain));
    let text = "gc:start, gc:end, go:main.main /goid > 0/ { @[probe] = count(); }";
    let ran = gospect(&["run", "-q", "-e", text, "--", &path]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let cycles = number(&ran.stdout, "cycles");
    assert_eq!(number(&ran.stdout, "@[go:runtime.stopTheWorldWithSema]"), cycles, "{}", ran.stdout);
    assert!(ran.stdout.contains("@[go:main.main]: 1\n"), "{}", ran.stdout);
}

#[test]
fn an_event_that_it_does_not_have_is_told_with_those_that_it_has() {
    let path = need!(collects("1.26", Variant::Plain));
    let ran = gospect(&["run", "-q", "-e", "gc:begin { @ = count(); }", "--", &path]);
    assert_eq!(ran.status, 2);
    expect_test::expect![[r#"
        error: the collector has no event `begin`
         --> 1:4
          |
        1 | gc:begin { @ = count(); }
          |    ^^^^^
          = help: there are `start`, `end`, `stw_start` and `stw_end`
    "#]]
    .assert_eq(&ran.stderr);
}
