//! Functions that are detached under load, so that other links take over from those that had them: every hit of the other
//! functions counts once, and every call is paired. The program's own counters say how many there were.
//!
//! In CI a few times by each way of attaching; the variable GOSPECT_FLIPS says how often.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use engine::{Pid, Progress};
use event::{Folded, Int, Value};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use plan::FuncNo;

use super::super::Run;
use crate::machine::Machine;
use crate::run::lifetime::Lifetime;
use crate::run::{EngineChoice, Limits, Script};
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

/// Functions that are detached one by one and that nobody calls meanwhile.
const BALLAST: &str = "go:fmt.*, go:strconv.* { @ballast = count() } ";

/// Counts all calls, and all returns that are paired with one.
fn script(pid: u32, by_tracefs: bool) -> Script {
    let clause = |f: &str| {
        format!("go:main.{f} {{ @{f} = count() }} goret:main.{f} /elapsed + 1 > 0/ {{ @{f}_returned = count() }} ")
    };
    let (text, engine) =
        (FUNCTIONS.map(clause).concat() + BALLAST, EngineChoice { by_tracefs, ..EngineChoice::default() });
    Script { text, subject: Some(Subject::Processes(vec![Pid(pid)])), engine, ..Script::default() }
}

fn counts(run: &Run) -> BTreeMap<String, i128> {
    let count = |value: &Folded| match value {
        Folded::Value(Value::Int(count)) => Int::value(*count),
        other => panic!("{other:?}"),
    };
    let maps = run.snapshots().unwrap();
    maps.into_iter().map(|map| (map.name, map.entries.first().map_or(0, |entry| count(&entry.value)))).collect()
}

/// What happens to the links while the program works.
fn under_load(by_tracefs: bool, what: impl FnOnce(&mut Run)) -> Result<(), Missing> {
    let machine = Machine::this();
    machine.engine(EngineChoice::default()).map_err(|error| Missing { why: error.to_string() })?;
    let mut busy = Busy::start()?;
    let prepared = script(busy.0.id(), by_tracefs).compile().unwrap();
    let life = Lifetime::begin(&prepared.compiled.script, &machine).unwrap();
    let mut run = Run::load(prepared, Limits::default(), &life, false).unwrap();
    run.attach(&life).unwrap();
    run.arm(true).unwrap();
    busy.order("start 4");
    what(&mut run);
    let called = busy.calls();
    run.arm(false).unwrap();
    run.detach();
    let (counts, summary) = (counts(&run), run.summary().unwrap());
    let open = run.open_calls().unwrap();
    let mut without_end = 0;
    for f in FUNCTIONS.map(|f| format!("@{f}")) {
        let seen = [counts[&f], counts[&(f.clone() + "_returned")]];
        let function = function(&run, &f.replace('@', "main."));
        match run.probes.dropped().contains(&function) {
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

fn function(run: &Run, name: &str) -> FuncNo {
    let functions = &run.probes.first().plan().functions;
    FuncNo(functions.iter().position(|function| function.name == name).unwrap() as u32)
}

/// Detaches functions, until the links are in order again.
fn detach(run: &mut Run, functions: &[FuncNo]) {
    run.probes.engine.drop_functions(functions);
    while !matches!(run.probes.engine.advance().unwrap(), Progress::Idle) {
        sleep(Duration::from_millis(1));
    }
}

fn ballast_again_and_again(by_tracefs: bool) -> Result<(), Missing> {
    let flips = std::env::var(FLIPS).map_or(8, |n| n.parse().expect("a number"));
    under_load(by_tracefs, |run| {
        let functions = &run.probes.first().plan().functions;
        let numbers = (0..).map(FuncNo).zip(functions).filter(|(_, function)| !function.name.starts_with("main."));
        let ballast: Vec<FuncNo> = numbers.map(|(number, _)| number).take(flips).collect();
        assert_eq!(ballast.len(), flips, "there is less ballast");
        for function in ballast {
            sleep(Duration::from_millis(50));
            detach(run, &[function]);
        }
    })
}

#[test]
fn a_link_that_takes_over_neither_misses_nor_doubles_a_hit() {
    need!(ballast_again_and_again(false));
}

#[test]
fn an_event_that_takes_over_neither_misses_nor_doubles_a_hit() {
    need!(ballast_again_and_again(true));
}

/// One function after the other is detached.
fn fewer_and_fewer(by_tracefs: bool) -> Result<(), Missing> {
    under_load(by_tracefs, |run| {
        for names in [&["main.hot"][..], &["main.nest"], &["main.warm", "main.tepid"], &["main.cool"]] {
            sleep(Duration::from_millis(100));
            let functions: Vec<FuncNo> = names.iter().map(|name| function(run, name)).collect();
            detach(run, &functions);
        }
        sleep(Duration::from_millis(100));
    })
}

#[test]
fn functions_that_are_detached_do_not_touch_the_others() {
    need!(fewer_and_fewer(false));
}

#[test]
fn functions_that_are_detached_do_not_touch_the_others_by_tracefs() {
    need!(fewer_and_fewer(true));
}
