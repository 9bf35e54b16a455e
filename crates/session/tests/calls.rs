//! `call()` on real programs, on every Go release and by both ways of attaching: each call whose beginning is recorded has
//! one end, as many as the program counts; and what was recorded of its values is what its memory holds.
//!
//! All of it needs the right to load eBPF programs; without that the tests are counted as skipped.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use engine::{Error, Feature};
use event::calls::{Finished, Record};
use event::go::{Call, End, Short, call, chunk};
use event::record;
use event::run::Summary;
use event::stream::{Decoder, Item, Output, Sink, Tally};
use event::{CallIndex, Header, Schema, What};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, versions};
use kernel::loader::Loader;
use session::Subject;
use session::run::{EngineChoice, Limits, Script};

/// What a run has shown.
#[derive(Default)]
struct Shown {
    records: Vec<(Header, What)>,
    schema: Schema,
    summary: Option<Summary>,
    notes: Vec<String>,
}

/// Keeps what is shown, and tells when the probes are in place.
struct Keeper<'k> {
    shown: &'k Mutex<Shown>,
    ready: Sender<()>,
    decoder: Decoder,
}

impl Keeper<'_> {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, of: &Finished) {
        let what = match &of.returned {
            Some(record) => whole(record),
            None => {
                let (id, started, depth, end) = (of.key.id, of.started, of.depth, of.end as u32);
                What::CallEnd(Short { id, started, depth, end, inner_hits: of.inner_hits, function: 0, panic: 0 })
            }
        };
        self.shown().records.push((of.header, what));
    }
}

impl Sink for Keeper<'_> {
    fn take(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Attached(_) => return self.ready.send(()).map_err(io::Error::other),
            Item::Record(bytes) => match self.decoder.read(bytes) {
                Ok(Some(Output::Begins(key))) => {
                    let begun = self.decoder.open(key).unwrap();
                    self.shown().records.push((begun.header, whole(&begun.begun)));
                }
                Ok(Some(Output::Ends(call))) => self.ended(&call),
                _ => {}
            },
            Item::Open(open) => self.decoder.end(open).iter().for_each(|call| self.ended(call)),
            Item::Summary(summary) => self.shown().summary = Some((*summary).clone()),
            Item::Note(note) => self.shown().notes.push((*note).to_owned()),
            item => {
                if let Item::Schema { schema, .. } = item {
                    self.shown().schema = schema.as_ref().clone();
                }
                self.decoder.learn(item);
            }
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rescue(&mut self, _: bool) {}

    fn tally(&self) -> Tally {
        let calls = self.decoder.finished();
        Tally { shown: calls, calls, damaged: 0 }
    }
}

fn whole(record: &Record) -> What {
    What::Call { call: CallIndex(record.call), bytes: record.bytes.clone() }
}

/// A program that takes orders.
struct Program {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &Path) -> Program {
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Program { child, orders, answers }
    }

    /// Gives it an order, and reads what it says up to `done`.
    fn order(&mut self, order: &str) -> Vec<String> {
        writeln!(self.orders.as_ref().unwrap(), "{order}").unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "it has ended");
            match line.trim_end() {
                "done" => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn permitted() -> Result<(), Missing> {
    match Loader::open() {
        Ok(_) => Ok(()),
        Err(Error::NotPermitted { doing, error, .. }) => {
            Err(Missing { why: format!("{doing} is not permitted: {error}") })
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs a script on a program while `during` gives it orders; then the program ends, and with it the run.
fn run<T>(
    mut program: Program,
    text: &str,
    by_tracefs: bool,
    during: impl FnOnce(&mut Program, &Mutex<Shown>) -> T,
) -> (T, Shown) {
    let shown = Mutex::new(Shown::default());
    let (ready, is_ready) = channel();
    let pid = program.child.id();
    let answer = thread::scope(|scope| {
        let (shown, text) = (&shown, text.to_owned());
        let running = scope.spawn(move || {
            let subject = Some(Subject::processes(&[engine::Pid(pid)]));
            let script = Script {
                text,
                subject,
                engine: EngineChoice { by_tracefs, ..EngineChoice::default() },
                ..Script::default()
            };
            let compiled = script.compile().unwrap_or_else(|stopped| panic!("{stopped}"));
            compiled
                .run(Limits::default(), &mut Keeper { shown, ready, decoder: Decoder::default() })
                .map(|_| ())
                .map_err(|e| e.to_string())
        });
        wait(&is_ready);
        let answer = during(&mut program, shown);
        drop(program);
        running.join().unwrap().unwrap();
        answer
    });
    (answer, shown.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn wait(ready: &Receiver<()>) {
    ready.recv_timeout(Duration::from_secs(60)).expect("the probes were not in place after a minute");
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..][..8].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..][..4].try_into().unwrap())
}

/// How a program's function fared: how often it was called, returned, was unwound, ended with its goroutine.
type Ends = [u64; 4];

/// What the fixture `stress` says of its functions.
fn counted(lines: &[String]) -> BTreeMap<String, Ends> {
    let one = |line: &String| {
        let (name, numbers) = line.split_once(' ').unwrap();
        let numbers: Vec<u64> = numbers.split(' ').take(4).map(|n| n.parse().unwrap()).collect();
        (name.to_owned(), numbers.try_into().unwrap())
    };
    lines.iter().filter(|line| *line != "ready").map(one).collect()
}

/// What the records say of them; each beginning has one end, which comes later.
fn recorded(shown: &Shown) -> BTreeMap<String, Ends> {
    let mut open: HashMap<(u64, u64), (String, u32)> = HashMap::new();
    let mut ends: BTreeMap<String, Ends> = BTreeMap::new();
    for (header, what) in &shown.records {
        let (id, end, depth) = match what {
            What::Call { call: index, bytes } => {
                let of: &Call = shown.schema.call(*index).unwrap();
                let (id, depth) = (word(bytes, call::ID), half(bytes, call::DEPTH));
                assert_eq!(half(bytes, call::END) != 0, of.returns);
                if !of.returns {
                    let before = open.insert((header.goid, id), (of.name.clone(), depth));
                    assert_eq!(before, None, "call {id} of goroutine {} begins twice", header.goid);
                    ends.entry(of.name.clone()).or_default()[0] += 1;
                    continue;
                }
                assert!(word(bytes, call::STARTED) <= header.time);
                (id, half(bytes, call::END), depth)
            }
            What::CallEnd(short) => (short.id, short.end, short.depth),
            other => panic!("{other:?}"),
        };
        let (name, at) = open.remove(&(header.goid, id)).expect("an end without a beginning");
        assert_eq!(at, depth);
        let kind = match End::numbered(end).unwrap() {
            End::Return | End::Tail => 1,
            End::Unwound => 2,
            End::Goexit => 3,
            other => panic!("{name} ended as {other:?}: {:?}", shown.summary),
        };
        ends.entry(name).or_default()[kind] += 1;
    }
    assert!(open.is_empty(), "{open:?}");
    ends
}

/// The variable says how many calls each run makes at least.
const CALLS: &str = "GOSPECT_STRESS_CALLS";
/// The records of so many fit into the ring, even if nobody reads meanwhile.
const FITS: u64 = 10_000;

#[test]
fn every_recorded_call_ends_once_and_as_the_program_counts() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    let least: u64 = std::env::var(CALLS).map_or(5_000, |n| n.parse().unwrap());
    for go in versions() {
        let path = need!(build(&Fixture::new("stress", go, Variant::Plain).on(arch)));
        for by_tracefs in [false, true] {
            let mut stress = Program::start(&path);
            let before = counted(&stress.order("64 4"));
            let returning = before.iter().filter(|(_, ends)| ends[1] > 0);
            let points: Vec<String> = returning.map(|(name, _)| format!("goret:{name}")).collect();
            let text = format!("{} {{ call(); }}", points.join(", "));
            let (after, shown) = run(stress, &text, by_tracefs, |stress, _| {
                let since =
                    |now: &BTreeMap<String, Ends>| now.iter().map(|(f, ends)| ends[0] - before[f][0]).sum::<u64>();
                let mut now = counted(&stress.order("8 4"));
                while since(&now) < least {
                    now = counted(&stress.order("16 4"));
                }
                now
            });
            let summary = shown.summary.as_ref().unwrap();
            let sum = summary.printed + summary.filtered + summary.limited + summary.open + summary.lost;
            assert_eq!(summary.hits, sum, "{go} {by_tracefs}: {summary:?}");
            if summary.lost > 0 && least > FITS {
                println!("{go} {by_tracefs}: {} of {} calls did not fit into the ring", summary.lost, summary.hits);
                continue;
            }
            let seen = recorded(&shown);
            for (name, ends) in after.iter().filter(|(name, _)| before[*name][1] > 0) {
                let counted: Ends = std::array::from_fn(|n| ends[n] - before[name][n]);
                assert_eq!(seen.get(name).copied().unwrap_or_default(), counted, "{go} {by_tracefs} {name}");
            }
            let calls: u64 = seen.values().map(|ends| ends[0]).sum();
            let told = [summary.hits, summary.printed, summary.lost, summary.open, summary.unended, summary.missed];
            assert_eq!(told, [calls, calls, 0, 0, 0, 0], "{go} {by_tracefs}");
            println!("{go}{}: {calls} calls", if by_tracefs { " by tracefs" } else { "" });
        }
    }
}

/// The chunks of a record, with the bytes that could be read.
fn chunks<'a>(of: &Call, bytes: &'a [u8]) -> Vec<(u64, u32, Option<&'a [u8]>)> {
    let mut at = call::REGISTERS + 8 * (usize::from(of.registers) + usize::from(of.stack));
    let mut all = Vec::new();
    while at < bytes.len() {
        let (address, length, row) = (word(bytes, at), half(bytes, at + chunk::LENGTH), half(bytes, at + chunk::ROW));
        at += chunk::BYTES;
        let len = if length & chunk::FAILED == 0 { length as usize } else { 0 };
        all.push((address, row, (length & chunk::FAILED == 0).then(|| &bytes[at..at + len])));
        at += len.next_multiple_of(8);
    }
    assert_eq!(at, bytes.len());
    all
}

/// What a process has in memory.
struct Memory(File);

impl Memory {
    fn of(program: &Program) -> Memory {
        Memory(File::open(format!("/proc/{}/mem", program.child.id())).unwrap())
    }

    fn has(&self, at: u64, bytes: &[u8]) -> bool {
        let mut there = vec![0; bytes.len()];
        self.0.read_exact_at(&mut there, at).is_ok() && there == bytes
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Waits until nothing more is recorded.
fn settled(shown: &Mutex<Shown>) -> usize {
    let count = || shown.lock().unwrap().records.len();
    let (start, mut last) = (Instant::now(), usize::MAX);
    while last != count() && start.elapsed() < Duration::from_secs(20) {
        last = count();
        thread::sleep(Duration::from_millis(300));
    }
    last
}

#[test]
fn what_is_recorded_is_what_memory_holds() {
    need!(permitted());
    let Some(arch) = Arch::native() else { return };
    for go in versions() {
        for (variant, by_tracefs) in [(Variant::Plain, false), (Variant::Pie, false), (Variant::Plain, true)] {
            let path = need!(build(&Fixture::new("kept", go, variant).on(arch)));
            let text = "goret:main.take*, goret:main.(*request).takeReceiver { call(); }";
            let (wants, shown) = run(Program::start(&path), text, by_tracefs, |kept, shown| {
                let wants = kept.order("go");
                settled(shown);
                let (memory, shown) = (Memory::of(kept), shown.lock().unwrap());
                held(&memory, &shown, &format!("{go} {variant:?} {by_tracefs}"));
                wants
            });
            let summary = shown.summary.as_ref().unwrap();
            assert_eq!([summary.lost, summary.open, summary.unreadable], [0; 3], "{go} {variant:?}");
            let waits = !by_tracefs && Loader::open().unwrap().caps().has(Feature::SleepableUprobes);
            let cold = |stat: u32| if waits { call::stat::RETRIED } else { call::stat::FAULT } & stat != 0;
            assert!(stats(&shown, COLD).into_iter().any(cold), "{go} {by_tracefs}: {}", told_of(&shown, COLD));
            for want in wants.iter().filter(|want| waits || !want.contains(COLD)) {
                let (name, text) = want.strip_prefix("want ").unwrap().split_once(' ').unwrap();
                assert!(
                    told(&shown, name, text),
                    "{go} {variant:?} {by_tracefs}: {name} lacks {text:?}\n{}",
                    told_of(&shown, name)
                );
            }
        }
    }
}

/// It is passed a text of which no page is in memory.
const COLD: &str = "main.takeCold";

/// What the records of a function's calls say of how they were made.
fn stats(shown: &Shown, name: &str) -> Vec<u32> {
    let one = |(_, what): &(Header, What)| {
        let What::Call { call: index, bytes } = what else { return None };
        (shown.schema.call(*index)?.name == name).then(|| half(bytes, record::STAT))
    };
    shown.records.iter().filter_map(one).collect()
}

/// Everything that was read at the beginnings of calls is still there. What could not be read was not waited for.
fn held(memory: &Memory, shown: &Shown, whose: &str) {
    let mut compared = 0;
    for (_, what) in &shown.records {
        let What::Call { call: index, bytes } = what else { continue };
        let of = shown.schema.call(*index).unwrap();
        let stat = half(bytes, record::STAT);
        assert_eq!(stat & (call::stat::UNKNOWN | call::stat::TURNS | call::stat::QUEUE), 0, "{whose} {}", of.name);
        for (address, row, read) in chunks(of, bytes) {
            match read {
                Some(read) => assert!(memory.has(address, read), "{whose} {} {address:#x} row {row}", of.name),
                None => assert!(stat & call::stat::FAULT != 0),
            }
            compared += usize::from(read.is_some());
        }
    }
    assert!(compared > 120, "{whose}: {compared} chunks compared");
}

/// Whether a text is among what was recorded of a function's arguments.
fn told(shown: &Shown, name: &str, text: &str) -> bool {
    shown.records.iter().any(|(_, what)| {
        let What::Call { call: index, bytes } = what else { return false };
        let of = shown.schema.call(*index).unwrap();
        of.name == name && !of.returns && contains(bytes, text)
    })
}

/// All records of a function's beginnings.
fn told_of(shown: &Shown, name: &str) -> String {
    let mut out = String::new();
    for (_, what) in &shown.records {
        let What::Call { call: index, bytes } = what else { continue };
        let of = shown.schema.call(*index).unwrap();
        if of.name == name && !of.returns {
            out += &format!("stat {:#x}, {} bytes\n", half(bytes, record::STAT), bytes.len());
            for (address, row, read) in chunks(of, bytes) {
                let ty = shown
                    .schema
                    .types_of(*index)
                    .and_then(|types| types.get(event::go::TypeRow(row)))
                    .map_or("?", |ty| &ty.name);
                out += &format!(
                    "{address:#x} {ty}: {}\n",
                    String::from_utf8_lossy(read.unwrap_or_default()).escape_debug()
                );
            }
        }
    }
    out
}
