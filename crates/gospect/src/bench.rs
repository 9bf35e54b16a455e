//! `gospect bench`: what probes cost on this machine.

use std::time::Duration;

use event::go::redact::Secrets;
use session::run::bench::{Attaching, Bench, Body, Hit, Sited, Throughput, Versus};
use ui::bench::Row;
use ui::sink::{Options, Screen};

use crate::Run;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{Output, Readers};

/// How long it measures if nothing else is said, and with `--quick`.
const SECONDS: Duration = Duration::from_secs(30);
/// With `--quick`.
pub(crate) const QUICK: Duration = Duration::from_secs(8);

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let typed = &run.typed.bench;
    let (time, bpftrace) = (typed.time.unwrap_or(SECONDS), typed.bpftrace);
    let mut bench = Bench::start(run.typed.run.engine)?;
    let (hits, versus) = bench.hits(time.mul_f64(0.5), bpftrace)?;
    show(run, hits.into_iter().map(hit).chain(versus.map(vs)).collect())?;
    let attaching = bench.attaching(time.mul_f64(0.2))?;
    show(run, attaching.iter().map(attach).chain(attaching.iter().map(detach)).collect())?;
    let ring = bench.ring(time.mul_f64(0.15))?;
    let text = text(&mut bench, time.mul_f64(0.15))?;
    let Throughput { events_per_s, lost } = ring;
    show(run, vec![Row::Ring { events_per_s, lost }, Row::Text { events_per_s: text.events_per_s, lost: text.lost }])
}

/// What was measured so far is there for whoever waits for the rest.
fn show(run: &mut Run, rows: Vec<Row>) -> Result<(), Failure> {
    ui::bench::show(&rows, run.typed.run.engine.name.name(), run.format, &mut run.out)?;
    Ok(run.out.finish()?)
}

/// Events are written as by `gospect run -o FILE`, to a file that is gone when they are.
fn text(bench: &mut Bench, time: Duration) -> Result<Throughput, Failure> {
    let path = std::env::temp_dir().join(format!("gospect-bench-{}", std::process::id()));
    let mut out = Output::open(Some(&path), Readers::Owner)?;
    // It stays open.
    let _ = std::fs::remove_file(&path);
    let layout = ui::sink::text(Options::default());
    let mut screen = Screen::new(layout, Console::of(&mut out), Secrets::default());
    Ok(bench.text(time, &mut screen)?)
}

fn hit(Hit { site, body, ns, ratio }: Hit) -> Row {
    let site = match site {
        Sited::Emulated => "emulated",
        Sited::Stepped => "stepped",
    };
    let body = match body {
        Body::Empty => "empty",
        Body::Count => "count",
        Body::Event4 => "event4",
        Body::Hist => "hist",
        Body::Words => "words",
        Body::Struct => "struct",
        Body::Handler => "handler",
    };
    Row::Hit { site, body, ns: rounded(ns, 10.0), ratio: rounded(ratio, 1000.0) }
}

fn vs(Versus { tool, ns, ratio, times }: Versus) -> Row {
    Row::Vs { tool, ns: rounded(ns, 10.0), ratio: rounded(ratio, 1000.0), times: rounded(times, 1000.0) }
}

fn attach(row: &Attaching) -> Row {
    Row::Attach { sites: row.sites, ms: milliseconds(row.attach) }
}

fn detach(row: &Attaching) -> Row {
    Row::Detach { sites: row.sites, ms: milliseconds(row.detach) }
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3, 1000.0)
}

/// No more digits than there is truth in them.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}
