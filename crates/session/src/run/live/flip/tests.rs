//! Links that take over from each other under load: every hit counts once, every call is paired. The program's own
//! counters say how many there were.
//!
//! In CI a few times by each way of attaching; the variable GOSPECT_FLIPS says how often.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use event::{Folded, Int, Value};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use kernel::Pid;
use kernel::engine::Engine;
use plan::FuncNo;

use super::super::{Life, Live};
use crate::run::maps::UserMaps;
use crate::run::{Limits, Script, remains};
use crate::subject::Subject;

const FLIPS: &str = "GOSPECT_FLIPS";

/// The fixture `busy`.
struct Busy(Child);

impl Busy {
    fn start() -> Result<Busy, Missing> {
        let arch = Arch::native().ok_or_else(|| Missing { why: "no machine that gospect knows".into() })?;
        let path = build(&Fixture::new("busy", "1.26", Variant::Plain).on(arch))?;
        let started = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut busy = Busy(started);
        assert_eq!(busy.line(), "ready");
        Ok(busy)
    }

    fn order(&mut self, order: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Lets it end; how often it has called its functions.
    fn calls(&mut self) -> BTreeMap<String, i128> {
        self.order("stop");
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        words.chunks(2).skip(1).map(|pair| (pair[0].replace("main.", "@"), pair[1].parse().unwrap())).collect()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FUNCTIONS: [&str; 6] = ["hot", "warm", "tepid", "nest", "cool", "inner"];

/// Counts all calls, and all returns that are paired with one.
fn script(pid: u32, by_tracefs: bool) -> Script {
    let clause = |f: &str| {
        format!("go:main.{f} {{ @{f} = count() }} goret:main.{f} /elapsed + 1 > 0/ {{ @{f}_returned = count() }} ")
    };
    let text = FUNCTIONS.map(clause).concat();
    Script { text, subject: Some(Subject::Processes(vec![Pid(pid)])), by_tracefs, ..Script::default() }
}

fn counts(live: &Live<'_>) -> BTreeMap<String, i128> {
    let maps = UserMaps { program: &live.compiled.program, maps: &live.maps }.all().unwrap();
    let count = |value: &Folded| match value {
        Folded::Value(Value::Int(count)) => Int::value(*count),
        other => panic!("{other:?}"),
    };
    maps.into_iter().map(|map| (map.name, map.entries.first().map_or(0, |entry| count(&entry.value)))).collect()
}

/// What happens to the links while the program works.
fn under_load(by_tracefs: bool, what: impl FnOnce(&mut Live<'_>)) -> Result<(), Missing> {
    Engine::open().map_err(|error| Missing { why: error.to_string() })?;
    let mut busy = Busy::start()?;
    let compiled = script(busy.0.id(), by_tracefs).compile().unwrap();
    let life = Life::begin(&compiled.script).unwrap();
    let mut live = Live::load(&compiled, Limits::default(), &life).unwrap();
    live.attach(&life).unwrap();
    live.arm(true).unwrap();
    busy.order("start 4");
    what(&mut live);
    let called = busy.calls();
    live.arm(false).unwrap();
    live.detach();
    let (counts, summary) = (counts(&live), live.summary().unwrap());
    let (program, gone) = (&compiled.program, |function| live.flips.has(function));
    let open = remains::still_open(&[&compiled.plan], program, &live.maps, &gone).unwrap();
    let mut without_end = 0;
    for f in FUNCTIONS.map(|f| format!("@{f}")) {
        let seen = [counts[&f], counts[&(f.clone() + "_returned")]];
        match live.flips.has(function(&live, &f.replace('@', "main."))) {
            false => assert_eq!(seen, [called[&f]; 2], "{f} {summary:?}"),
            true => assert!(0 < seen[1] && seen[1] <= seen[0] && seen[0] < called[&f], "{f} {seen:?} of {called:?}"),
        }
        without_end += seen[0] - seen[1];
    }
    assert_eq!((open.calls, i128::from(open.detached + summary.calls_detached)), (0, without_end), "{summary:?}");
    let trouble = [summary.unpaired, summary.unended, summary.lost, summary.missed, summary.foreign, summary.no_g];
    assert_eq!(trouble, [0; 6], "{summary:?}");
    println!("{counts:?} {summary:?}");
    Ok(())
}

fn function(live: &Live<'_>, name: &str) -> FuncNo {
    let functions = &live.compiled.plan.functions;
    FuncNo(functions.iter().position(|function| function.name == name).unwrap() as u32)
}

/// Until the links are in order again.
fn settle(live: &mut Live<'_>) {
    while !live.flips.is_over() {
        live.go_on_with_flips().unwrap();
        assert_eq!(live.notes, [""; 0]);
        sleep(Duration::from_millis(1));
    }
}

fn same_sites_again_and_again(by_tracefs: bool) -> Result<(), Missing> {
    let flips = std::env::var(FLIPS).map_or(8, |n| n.parse().expect("a number"));
    under_load(by_tracefs, |live| {
        for _ in 0..flips {
            sleep(Duration::from_millis(50));
            live.flips.waiting.push_back((0, 0));
            settle(live);
        }
    })
}

#[test]
fn a_link_that_takes_over_neither_misses_nor_doubles_a_hit() {
    need!(same_sites_again_and_again(false));
}

#[test]
fn an_event_that_takes_over_neither_misses_nor_doubles_a_hit() {
    need!(same_sites_again_and_again(true));
}

/// One function after the other loses its probes.
fn fewer_and_fewer(by_tracefs: bool) -> Result<(), Missing> {
    under_load(by_tracefs, |live| {
        for gone in [&["main.hot"][..], &["main.nest"], &["main.warm", "main.tepid"], &["main.cool"]] {
            sleep(Duration::from_millis(100));
            let gone: Vec<FuncNo> = gone.iter().map(|name| function(live, name)).collect();
            live.begin_flips(gone);
            settle(live);
        }
        sleep(Duration::from_millis(100));
    })
}

#[test]
fn functions_that_lose_their_probes_do_not_touch_the_others() {
    need!(fewer_and_fewer(false));
}

#[test]
fn functions_that_lose_their_probes_do_not_touch_the_others_by_tracefs() {
    need!(fewer_and_fewer(true));
}
