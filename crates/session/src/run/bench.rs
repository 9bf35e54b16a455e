//! What probes cost on this machine: `gospect bench`.
//!
//! The programs are those that `gospect run` makes of the same texts, put in place the same way, in a process that does
//! nothing but call their functions ([`kernel::specimen`]); only what the checker is told about that process is written
//! by hand (`sample`). Costs are the process's own CPU time, so that other load does not count as much, and are
//! measured in turns: all variants are in place at once, each on a function of its own, and every round goes through all.
//!
//! Records are never lost for want of a reader: the process makes no more of them than the ring holds before they are
//! read. So throughput is what probe and reader together sustain.

mod flow;
mod goods;
mod rival;
mod sample;

use std::io;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use event::Folded;
use event::run::Summary;
use event::stream::Sink;
use gobin::Elf;
use kernel::specimen::{self, Specimen};
use kernel::{Pid, Process};

use super::compile::Prepared;
use super::lifetime::Lifetime;
use super::run_loop::Run;
use super::script::{Limits, Script, Stopped};
use crate::check::Line;
use crate::executable::Executable;
use crate::machine::{EngineChoice, Machine};
use crate::refusal::Refusal;
use crate::subject::Subject;
use crate::target::Target;
use flow::{Flow, Paced};
use goods::Goods;
use rival::Rival;
use sample::Sample;

/// What the kernel does with the instruction under a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sited {
    /// It does itself what the instruction does.
    Emulated,
    /// It has the processor run it apart.
    Stepped,
}

/// What a probe does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// Nothing: it is a program that ends at once, without anything that gospect needs.
    Empty,
    /// `@ = count()`
    Count,
    /// A record with the goroutine and four arguments.
    Event4,
    /// `@[goid] = hist(elapsed)`, of which a hit is half of a call: its beginning or its end.
    Hist,
    /// A call is recorded where it begins: an `int` and a `string`.
    Words,
    /// The same: a pointer to a struct of 1 KiB, with seven pointers to strings.
    Struct,
    /// The same: what a handler gets. A context with two values, a request with strings, slice, map and error, and bytes.
    Handler,
}

/// What one hit costs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// Where.
    pub site: Sited,
    /// What it does.
    pub body: Body,
    /// CPU time, in nanoseconds.
    pub ns: f64,
    /// Times the empty probe on an emulated site.
    pub ratio: f64,
}

/// What a hit of another tool's count costs at the first byte of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Versus {
    /// What the tool calls itself, such as "bpftrace v0.17.0".
    pub tool: String,
    /// CPU time, in nanoseconds.
    pub ns: f64,
    /// Times the empty probe on an emulated site.
    pub ratio: f64,
    /// Times gospect's count at the site that gospect would take.
    pub times: f64,
}

/// How long probes take to come and go.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attaching {
    /// At how many sites.
    pub sites: u64,
    /// To put them in place.
    pub attach: Duration,
    /// To take them out.
    pub detach: Duration,
}

/// How many records of [`Body::Event4`] are taken in a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Throughput {
    /// By so many a second.
    pub events_per_s: u64,
    /// And how many there was no room for.
    pub lost: u64,
}

/// How many sites are attached to at once.
const SITES: [u64; 3] = [1, 1_000, 10_000];
/// Rounds there are at least, however little time there is.
const ROUNDS: usize = 5;
/// Times that probes are put in place at least.
const TURNS: usize = 3;
/// Calls of a function in a round.
const CALLS: u64 = 2_000;
/// Calls of a function whose probes are stepped over.
const STEPPED_CALLS: u64 = 500;
/// How often the ring is looked at, as by `gospect run`.
const TICK: Duration = Duration::from_millis(1);
/// The function of throughputs.
const BUSY: usize = 1 + Body::Event4 as usize;
/// A function without probes.
const BARE: usize = sample::STEPPED - 1;
/// The first function, which other tools find by its symbol.
const THEIRS: usize = 0;

/// What came of probes that were tried.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trial {
    /// How many calls were made, all of which were seen.
    pub calls: u64,
    /// CPU time that a hit takes where the kernel emulates the instruction, in nanoseconds.
    pub emulated: f64,
    /// And where it steps over it.
    pub stepped: f64,
}

/// Counts calls by probes attached that way, for some hundredths of a second.
///
/// # Errors
/// The kernel's; also when not all calls were seen.
pub fn trial(by_tracefs: bool) -> Result<Trial, Stopped> {
    let mut bench = Bench::start(EngineChoice { by_tracefs, ..EngineChoice::default() })?;
    let sites = [Sited::Emulated, Sited::Stepped];
    let mut cases = vec![Case::without_probes(BARE, CALLS)];
    for site in sites {
        cases.push(bench.case(site, Body::Count)?);
    }
    bench.rounds(&mut cases, Duration::ZERO)?;
    cases.iter().try_for_each(Case::saw_all)?;
    let cost = |case: &Case| median(less(&case.times, &cases[0].times));
    let [_, emulated, stepped] = &cases[..] else { return Err(Refusal::refused("nothing was tried").into()) };
    let calls = emulated.called() + stepped.called();
    Ok(Trial { calls, emulated: cost(emulated), stepped: cost(stepped) })
}

/// What the duration of a call that does nothing is measured as, in nanoseconds: in the middle of many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Floor {
    /// Where the kernel emulates the instruction that the call's beginning is seen at.
    pub emulated: u64,
    /// Where it steps over it.
    pub stepped: u64,
}

/// Measures both, for some hundredths of a second.
///
/// # Errors
/// The kernel's.
pub fn floor() -> Result<Floor, Stopped> {
    let mut bench = Bench::start(EngineChoice::default())?;
    let emulated = bench.floor(Sited::Emulated, CALLS)?;
    Ok(Floor { emulated, stepped: bench.floor(Sited::Stepped, STEPPED_CALLS)? })
}

const BODIES: [Body; 4] = [Body::Empty, Body::Count, Body::Event4, Body::Hist];
/// What is recorded of calls costs the same wherever that is.
const RECORDED: [Body; 3] = [Body::Words, Body::Struct, Body::Handler];

/// All that is measured, in the order in which it is shown.
fn all() -> impl Iterator<Item = (Sited, Body)> {
    let emulated = BODIES.into_iter().chain(RECORDED).map(|body| (Sited::Emulated, body));
    emulated.chain(BODIES.map(|body| (Sited::Stepped, body)))
}

/// Everything that is measured with.
pub struct Bench {
    specimen: Specimen,
    /// What it has in its memory, too.
    goods: Goods,
    engine: EngineChoice,
}

impl Bench {
    /// Starts the process that is to be probed.
    ///
    /// # Errors
    /// Where probes are not permitted, or there is no such process for this machine.
    pub fn start(engine: EngineChoice) -> Result<Bench, Stopped> {
        if !specimen::exists() {
            let why = "gospect carries nothing to measure probes with for this machine, only for amd64";
            return Err(Refusal::refused(why).explained_by(Line::Machine).into());
        }
        Machine::this().engine(engine)?;
        let unstarted = |e| Refusal::refused(format!("the process to be probed cannot be started: {e}"));
        let goods = Goods::new();
        let specimen = Specimen::start().map_err(unstarted)?;
        Ok(Bench { specimen, goods, engine })
    }

    /// What hits cost, measured for about that long; beside it bpftrace's count at the first byte, if it is asked for.
    ///
    /// # Errors
    /// The kernel's; also when not all hits were seen, so that there is nothing to say of their cost.
    pub fn hits(&mut self, time: Duration, bpftrace: bool) -> Result<(Vec<Hit>, Option<Versus>), Stopped> {
        let own: Vec<(Sited, Body)> = all().collect();
        let mut cases = vec![Case::without_probes(BARE, CALLS)];
        for &(site, body) in &own {
            cases.push(self.case(site, body)?);
        }
        let rival = if bpftrace { Some(Rival::start(&mut self.specimen)?) } else { None };
        if rival.is_some() {
            cases.push(Case::without_probes(THEIRS, STEPPED_CALLS));
        }
        self.rounds(&mut cases, time)?;
        let bare = std::mem::take(&mut cases[0].times);
        let measured = |case: &Case| less(&case.times, &bare);
        let empty = measured(&cases[1]);
        let hits: Vec<Hit> = own.iter().zip(&cases[1..]).map(|(&of, case)| hit(of, &measured(case), &empty)).collect();
        cases.iter().try_for_each(Case::saw_all)?;
        let (Some(rival), Some(case)) = (rival, cases.last()) else { return Ok((hits, None)) };
        let tool = rival.end(case.called())?;
        let (theirs, ours) = (measured(case), measured(&cases[2]));
        let (ns, ratio) = (median(theirs.clone()), median(over(&theirs, &empty)));
        Ok((hits, Some(Versus { tool, ns, ratio, times: median(over(&theirs, &ours)) })))
    }

    fn floor(&mut self, site: Sited, calls: u64) -> Result<u64, Stopped> {
        let slot = slot(site, Body::Hist);
        let run = attached(self.compile(format!("goret:{} {{ @ = quantiles(elapsed) }}", sample::hot_name(slot)))?)?;
        self.specimen.calls(slot, calls).map_err(|e| gone(&e))?;
        let maps = run.snapshots()?;
        match maps.first().and_then(|map| map.entries.first()).map(|entry| &entry.value) {
            Some(Folded::Quantiles(quantiles, _)) => Ok(quantiles.p50.unwrap_or(0).unsigned_abs()),
            _ => Err(Refusal::refused("no call was measured").into()),
        }
    }

    fn case(&self, site: Sited, body: Body) -> Result<Case, Stopped> {
        let prepared = self.compile(text(slot(site, body), body))?;
        let run = attached(if body == Body::Empty { prepared.emptied()? } else { prepared })?;
        let calls = if site == Sited::Emulated { CALLS } else { STEPPED_CALLS };
        let arguments = self.goods.registers(body).unwrap_or(specimen::ARGUMENTS);
        let (slot, counts) = (slot(site, body), body != Body::Empty);
        Ok(Case { slot, calls, arguments, run: Some(run), counts, times: Vec::new() })
    }

    fn rounds(&mut self, cases: &mut [Case], time: Duration) -> Result<(), Stopped> {
        let start = Instant::now();
        for round in 0.. {
            if round >= ROUNDS && start.elapsed() >= time {
                break;
            }
            for case in cases.iter_mut() {
                let took = self.specimen.calls_with(case.slot, case.calls, case.arguments).map_err(|e| gone(&e))?;
                case.times.push(took.as_nanos() as f64 / case.calls as f64);
                case.run.iter_mut().for_each(|run| _ = run.discard());
            }
        }
        Ok(())
    }

    /// How long it takes to put probes in place and to take them out, for 1, 1 000 and 10 000 sites.
    ///
    /// # Errors
    /// The kernel's.
    pub fn attaching(&mut self, time: Duration) -> Result<Vec<Attaching>, Stopped> {
        let patterns = ["many.0000", "many.0*", "many.*"];
        let compiled = patterns.map(|pattern| self.compile(format!("go:{pattern} {{ @ = count() }}")));
        let mut runs = compiled.into_iter().map(|one| loaded(one?)).collect::<Result<Vec<_>, _>>()?;
        let mut turns = SITES.map(|_| Vec::new());
        let start = Instant::now();
        for turn in 0.. {
            if turn >= TURNS && start.elapsed() >= time {
                break;
            }
            for ((run, life), turns) in runs.iter_mut().zip(&mut turns) {
                turns.push(come_and_go(run, life)?);
            }
        }
        let took = |turns: &[[Duration; 2]], which: usize| {
            Duration::from_secs_f64(median(turns.iter().map(|turn| turn[which].as_secs_f64()).collect()))
        };
        let rows = SITES.into_iter().zip(&turns);
        Ok(rows.map(|(sites, t)| Attaching { sites, attach: took(t, 0), detach: took(t, 1) }).collect())
    }

    /// How many records go through the ring, read and thrown away.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ring(&mut self, time: Duration) -> Result<Throughput, Stopped> {
        let mut run = attached(self.compile(text(BUSY, Body::Event4))?)?;
        let (start, mut taken, mut flow) = (Instant::now(), 0, Flow::new(&mut self.specimen));
        while start.elapsed() < time {
            flow.fill(taken).map_err(|e| gone(&e))?;
            sleep(TICK);
            taken += run.discard() as u64;
        }
        let took = start.elapsed();
        Ok(Throughput { events_per_s: per_second(taken, took), lost: run.summary()?.lost })
    }

    /// How many of its records are shown, as `gospect run` does it.
    ///
    /// # Errors
    /// The kernel's, and those of who shows.
    pub fn text(&mut self, time: Duration, sink: &mut dyn Sink) -> Result<Throughput, Stopped> {
        let compiled = self.compile(text(BUSY, Body::Event4))?;
        let mut paced = Paced::new(sink, Flow::new(&mut self.specimen));
        compiled.run(Limits { duration: Some(time), ..Limits::default() }, &mut paced)?;
        Ok(Throughput { events_per_s: per_second(paced.shown, paced.took), lost: paced.lost })
    }

    /// Compiles a text as `gospect run` does, with the specimen as a program of Go.
    fn compile(&self, text: String) -> Result<Prepared, Stopped> {
        let subject = Some(Subject::Processes(vec![self.specimen.pid()]));
        let script = Script { text, subject, engine: self.engine, ..Script::default() };
        script.compile_on(Machine::this().with_files(|_| own_executable()))
    }
}

/// Gospect's own executable, described as a program of Go with the functions of the specimen.
fn own_executable() -> Result<Executable, Refusal> {
    let own = Executable::open(&Target::Path("/proc/self/exe".into()))?;
    let unreadable = |why: String| Refusal::refused(format!("gospect's own executable cannot be read: {why}"));
    let file = kernel::map_file("/proc/self/exe".as_ref()).map_err(|e| unreadable(e.to_string()))?;
    let elf = Elf::parse(file).map_err(|e| unreadable(e.to_string()))?;
    let bias = bias(elf.entry.0)?;
    Ok(own.described(Rc::new(Sample::new(elf, bias))))
}

/// How far behind the addresses of its file gospect is loaded.
fn bias(entry: u64) -> Result<u64, Refusal> {
    let own = Process::open(Pid(std::process::id())).and_then(|own| own.entry_point());
    let own = own.map_err(|e| Refusal::refused(format!("gospect cannot find out where it is loaded itself: {e}")))?;
    Ok(own.wrapping_sub(entry))
}

fn slot(site: Sited, body: Body) -> usize {
    body as usize + if site == Sited::Emulated { 1 } else { sample::STEPPED }
}

/// What a user would type.
fn text(slot: usize, body: Body) -> String {
    let name = sample::hot_name(slot);
    match body {
        Body::Empty | Body::Count => format!("go:{name} {{ @ = count() }}"),
        Body::Event4 => format!(
            "go:{name} {{ printf(\"%d {name}(a=%d, b=%d, c=%d, d=%d)\\n\", goid, args.a, args.b, args.c, args.d) }}"
        ),
        Body::Hist => format!("goret:{name} {{ @[goid] = hist(elapsed) }}"),
        Body::Words | Body::Struct | Body::Handler => format!("go:{name} {{ call() }}"),
    }
}

fn gone(error: &io::Error) -> Refusal {
    Refusal::refused(format!("the process to be probed has ended: {error}"))
}

/// A function and its probe.
struct Case {
    slot: usize,
    /// In a round.
    calls: u64,
    arguments: [u64; 6],
    run: Option<Run>,
    /// Whether its probe counts calls.
    counts: bool,
    /// Nanoseconds a call, by round.
    times: Vec<f64>,
}

impl Case {
    fn without_probes(slot: usize, calls: u64) -> Case {
        Case { slot, calls, arguments: specimen::ARGUMENTS, run: None, counts: false, times: Vec::new() }
    }

    fn called(&self) -> u64 {
        self.calls * self.times.len() as u64
    }

    fn saw_all(&self) -> Result<(), Stopped> {
        match self.run.as_ref().filter(|_| self.counts) {
            Some(run) => Ok(all_seen(&sample::hot_name(self.slot), self.called(), &run.summary()?)?),
            None => Ok(()),
        }
    }
}

fn all_seen(name: &str, called: u64, summary: &Summary) -> Result<(), Refusal> {
    let Summary { hits, lost, unpaired, foreign, no_g, .. } = *summary;
    if hits == called && [lost, unpaired, foreign, no_g] == [0; 4] {
        return Ok(());
    }
    let of_them = format!("{lost} of them lost, {} not paired", unpaired + foreign + no_g);
    let why = format!("{hits} of {called} calls of {name} were seen, {of_them}");
    Err(Refusal::refused(format!("what probes cost cannot be said: {why}")))
}

fn loaded(prepared: Prepared) -> Result<(Run, Lifetime), Stopped> {
    let life = Lifetime::begin(&prepared.compiled.script, &prepared.machine)?;
    Ok((Run::load(prepared, Limits::default(), &life, false)?, life))
}

fn attached(prepared: Prepared) -> Result<Run, Stopped> {
    let (mut run, life) = loaded(prepared)?;
    run.attach(&life)?;
    run.arm(true)?;
    match run.summary()?.skipped.first() {
        Some(skipped) => Err(Refusal::refused(skipped.why.clone()).into()),
        None => Ok(run),
    }
}

/// How long it takes to attach a script's probes, and to detach them.
fn come_and_go(run: &mut Run, life: &Lifetime) -> Result<[Duration; 2], Stopped> {
    let start = Instant::now();
    run.attach(life)?;
    let came = start.elapsed();
    let start = Instant::now();
    run.detach();
    let went = start.elapsed();
    match run.summary()?.skipped.first() {
        Some(skipped) => Err(Refusal::refused(format!("{} was not probed: {}", skipped.func, skipped.why)).into()),
        None => Ok([came, went]),
    }
}

fn hit((site, body): (Sited, Body), times: &[f64], empty: &[f64]) -> Hit {
    let hits = if body == Body::Hist { 2.0 } else { 1.0 };
    Hit { site, body, ns: median(times.to_vec()) / hits, ratio: median(over(times, empty)) / hits }
}

/// By round, what is more than that.
fn less(times: &[f64], bare: &[f64]) -> Vec<f64> {
    times.iter().zip(bare).map(|(time, bare)| time - bare).collect()
}

/// By round, how many times that.
fn over(times: &[f64], of: &[f64]) -> Vec<f64> {
    times.iter().zip(of).map(|(time, of)| time / of).collect()
}

/// The one in the middle, or between those that are.
pub(super) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let middle = [all.len().saturating_sub(1) / 2, all.len() / 2].map(|at| all.get(at).copied().unwrap_or(f64::NAN));
    (middle[0] + middle[1]) / 2.0
}

fn per_second(events: u64, took: Duration) -> u64 {
    (events as f64 / took.as_secs_f64().max(1e-9)).round() as u64
}

#[cfg(test)]
mod tests;
