//! The cost of recording arguments: a few words, a large struct, the arguments of a handler.
//!
//! Measured at emulated entries, where most of the cost is gospect's own program. Calls come in bursts that fit into the
//! ring, with pauses to drain the ring: a dropped record would cost less.

use std::path::Path;
use std::time::Duration;

use gospect_fixtures::Variant;

use crate::bed::{self, Dialog, Tracer, median, trace_command};
use crate::page::table;

/// Functions of the program `captured`, and their arguments.
const FUNCTIONS: [(&str, &str); 3] = [
    ("pair", "an `int` and a `string`"),
    ("block", "a pointer to a struct of 1 KiB, with 7 pointers to strings"),
    ("handle", "a context with two values, a request with strings, slice, map and error, and a `[]byte`"),
];
/// Bodies of the entry probe; the first is the base of the ratio.
const BODIES: [(&str, &str); 2] = [("counted", "{ @ = count(); }"), ("recorded", "{ call(); }")];
/// Calls of a burst, few enough for a ring of the largest records.
const BURST: u64 = 5_000;
/// Bursts of a round.
const BURSTS: u32 = 10;
/// Between bursts.
const PAUSE: Duration = Duration::from_millis(150);

/// A table.
pub fn measure(gospect: &Path, rounds: usize) -> Result<String, String> {
    let path = bed::fixture("captured", Variant::Plain)?;
    let mut rows = Vec::new();
    for (function, about) in FUNCTIONS {
        let mut all = Vec::new();
        for _ in 0..rounds {
            let nothing = bursts(&mut Dialog::start(&path)?, function)?;
            let mut added = [0.0; BODIES.len()];
            for (added, (_, body)) in added.iter_mut().zip(BODIES) {
                *added = traced(gospect, &path, function, body)? - nothing;
            }
            eprintln!("captured {function}: {nothing:.0} ns, added {added:.0?}");
            all.push(added);
        }
        let of = |figure: &dyn Fn(&[f64; BODIES.len()]) -> f64| median(all.iter().map(figure).collect());
        let (counted, recorded) = (of(&|added| added[0]), of(&|added| added[1]));
        let ratio = of(&|added| added[1] / added[0]);
        rows.push([about.to_owned(), format!("{counted:.0}"), format!("{recorded:.0}"), format!("{ratio:.2}")]);
    }
    let head = "What it costs to record a function's arguments, its entry alone, in nanoseconds a call above no probe:";
    let columns = ["arguments", ">counted", ">recorded, with all that pointers lead to", ">times counted"];
    Ok(format!("{head}\n\n{}", table(&columns, rows)))
}

/// Nanoseconds of a call with this probe at its entry.
fn traced(gospect: &Path, path: &Path, function: &str, body: &str) -> Result<f64, String> {
    let mut program = Dialog::start(path)?;
    let mut command = trace_command(gospect, "run", program.process.pid());
    command.args(["-o", "/dev/null", "-e", &format!("go:main.{function} {body}")]);
    let tracer = Tracer::attach(&mut command, (), bed::is_attached)?;
    let nanos = bursts(&mut program, function)?;
    drop(program);
    tracer.wait()?.complete()?;
    Ok(nanos)
}

/// Nanoseconds of a call in the fastest burst, because other processes use the machine, too.
fn bursts(program: &mut Dialog, function: &str) -> Result<f64, String> {
    let mut least = f64::INFINITY;
    for _ in 0..BURSTS {
        std::thread::sleep(PAUSE);
        let answer = program.ask(&format!("{function} {BURST}"))?;
        let nanos: f64 = answer.parse().map_err(|_| format!("it says {answer}"))?;
        least = least.min(nanos / BURST as f64);
    }
    Ok(least)
}
