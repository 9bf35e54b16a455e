//! The run loop on a machine without a kernel: hits, processes and files come when a test says so, and the clock moves only
//! when the loop sleeps.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use bpf::vm::Segments;
use engine::{Pid, SiteCosts};
use event::run::{Cause, Program, Summary};
use event::stream::{Decoder, Extra, Item, Output, Sink, Tally};
use event::{Folded, Int, Snapshot, Value};
use gobin::Arch;
use kernel::proc::{Mapping, Stat, Status};
use kernel::signal::Order;
use kernel::{FileId, Login};
use plan::FuncNo;
use plan::target::HookKind;
use simulator::{Hit, Simulation};

use crate::executable::{Executable, Stamp};
use crate::machine::{Clock, HeldCommand, Host, Machine, Memory, Process};
use crate::run::{Limits, Script, Stopped};
use crate::subject::Subject;
use crate::target::Target as Named;

mod made_up;

use made_up::Fake;

/// Milliseconds.
const MS: u64 = 1_000_000;
/// Where a g is, its stack, and its m.
const G: u64 = 0xc000_0000;
const STACK: u64 = 0xd000_0000;

/// A process of the made-up machine.
#[derive(Clone)]
struct MadeUpProcess {
    pid: Pid,
    file: FileId,
    started: u64,
    ended: Rc<Cell<bool>>,
}

/// Something that happens at a moment.
type Action = Box<dyn FnOnce(&World)>;

/// The made-up machine.
#[derive(Default)]
struct World {
    now: Cell<u64>,
    simulation: Simulation,
    processes: RefCell<BTreeMap<u32, MadeUpProcess>>,
    actions: RefCell<VecDeque<(u64, Action)>>,
    order: Cell<Option<Order>>,
}

impl World {
    /// Hits a function's first site, its entry, in a process that runs a build.
    fn enter(&self, build: usize, function: u32, pid: u32) -> bool {
        self.simulation.hit_entry(build, FuncNo(function), &self.hit(pid))
    }

    /// A hit on a goroutine of a process.
    fn hit(&self, pid: u32) -> Hit {
        let registers = vec![("r14", G), ("sp", STACK + 0x800), ("ax", 7)];
        Hit { pid, tid: pid, time: self.now.get(), ip: 0x40_1106, registers, memory: memory(6) }
    }

    fn start(&self, pid: u32, file: FileId) {
        let process = MadeUpProcess { pid: Pid(pid), file, started: self.now.get(), ended: Rc::default() };
        self.processes.borrow_mut().insert(pid, process);
    }

    fn end(&self, pid: u32) {
        self.processes.borrow_mut().remove(&pid).expect("it was started").ended.set(true);
    }
}

/// Fields of the made-up runtime are 8 bytes each, in the order of `plan::target::FIELDS`.
fn memory(status: u64) -> Segments {
    let words: Vec<u64> = (0..32)
        .map(|n| match plan::target::FIELDS.get(n).copied().unwrap_or_default() {
            "g.stack.lo" => STACK,
            "g.stack.hi" => STACK + 0x1000,
            "g.goid" => 33,
            "g.m" => G + 0x1000,
            "g.atomicstatus" => status,
            "m.curg" => G,
            _ => 0,
        })
        .collect();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Segments::default().with(G, &bytes).with(G + 0x1000, &bytes).with(STACK, &[0; 0x1000])
}

impl Host for World {
    fn pids(&self) -> Vec<Pid> {
        self.processes.borrow().keys().map(|&pid| Pid(pid)).collect()
    }

    fn process(&self, pid: Pid) -> io::Result<Box<dyn Process>> {
        let process = self.processes.borrow().get(&pid.0).cloned();
        process.map(|process| Box::new(process) as Box<dyn Process>).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn hold(&self, _: Command, _: Option<Login>) -> io::Result<Box<dyn HeldCommand>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn order(&self) -> Option<Order> {
        self.order.get()
    }

    fn kernel_function(&self, _: u64) -> Option<String> {
        None
    }
}

impl Process for MadeUpProcess {
    fn executable(&self) -> io::Result<FileId> {
        Ok(self.file)
    }

    fn executable_path(&self) -> io::Result<PathBuf> {
        Ok("/made/up".into())
    }

    fn executable_stamp(&self) -> io::Result<Stamp> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn stat(&self) -> io::Result<Stat> {
        let state = if self.ended.get() { 'Z' } else { 'S' };
        Ok(Stat { state, kernel_thread: false, threads: 1, start_ticks: self.started, stack: 0x7fff_0000 })
    }

    fn status(&self) -> io::Result<Status> {
        Ok(Status { tgid: self.pid, uid: 0, ns_pids: vec![self.pid] })
    }

    fn cgroups(&self) -> io::Result<String> {
        Ok("0::/\n".to_owned())
    }

    fn entry_point(&self) -> io::Result<u64> {
        Ok(ENTRY)
    }

    fn code_of(&self, _: FileId) -> io::Result<Option<Mapping>> {
        Ok(None)
    }

    fn memory(&self) -> io::Result<Box<dyn Memory>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn threads(&self) -> io::Result<Vec<(Pid, Pid)>> {
        Ok(vec![(self.pid, self.pid)])
    }
}

impl Clock for World {
    fn since_boot(&self) -> u64 {
        self.now.get()
    }

    fn unix(&self) -> u64 {
        self.now.get()
    }

    fn unix_less_boot(&self) -> i64 {
        0
    }

    fn spent_here(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.now.get())
    }

    /// Moves on, and does what happens meanwhile.
    fn sleep(&self, time: Duration) {
        let until = self.now.get() + time.as_nanos() as u64;
        loop {
            let is_due = self.actions.borrow().front().is_some_and(|(at, _)| *at <= until);
            let Some((at, action)) = is_due.then(|| self.actions.borrow_mut().pop_front()).flatten() else { break };
            self.now.set(at.max(self.now.get()));
            action(self);
        }
        self.now.set(until);
    }
}

/// The address at which the made-up program begins.
const ENTRY: u64 = 0x40_1000;

/// An executable file for amd64 that is no Go program: one segment of code at 0x400000.
fn elf(filling: u8) -> Vec<u8> {
    let mut bytes = vec![filling; 0x4000];
    let header: [(usize, &[u8]); 8] = [
        (0, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
        (16, &[2, 0, 62, 0, 1, 0, 0, 0]),
        (24, &ENTRY.to_le_bytes()),
        (32, &64u64.to_le_bytes()),
        (40, &[0; 12]),
        (52, &[64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        (64, &[1, 0, 0, 0, 5, 0, 0, 0]),
        (72, &[0; 8]),
    ];
    header.iter().for_each(|(at, part)| bytes[*at..*at + part.len()].copy_from_slice(part));
    let words = [0x40_0000u64, 0x40_0000, 0x4000, 0x4000, 0x1000];
    (80..).step_by(8).zip(words).for_each(|(at, word)| bytes[at..at + 8].copy_from_slice(&word.to_le_bytes()));
    bytes
}

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("gospect-simulated-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    /// Puts an executable there, in the place of another one.
    fn deploy(&self, filling: u8) -> (PathBuf, FileId) {
        let (new, path) = (self.0.join("new"), self.0.join("app"));
        std::fs::write(&new, elf(filling)).unwrap();
        std::fs::rename(new, &path).unwrap();
        let id = Executable::open(&Named::Path(path.clone())).unwrap().id;
        (path, id)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run has put out.
#[derive(Default)]
struct Shown {
    lines: Vec<String>,
    notes: Vec<String>,
    programs: Vec<Program>,
    maps: BTreeMap<String, i128>,
    turns: usize,
    summary: Option<Summary>,
    wants_goroutines: bool,
    decoder: Decoder,
    tally: Tally,
}

impl Shown {
    fn show(&mut self, output: &Output) {
        match output {
            Output::Printf { format, args, .. } => {
                let show = |value: &Value| match value {
                    Value::Int(int) => Int::value(*int).to_string(),
                    other => format!("{other:?}"),
                };
                let text = self.decoder.format(*format).unwrap().fill(args, &show);
                self.lines.push(text.trim_end().to_owned());
            }
            Output::Ends(call) => self.lines.push(format!("call {:?}", call.end)),
            _ => {}
        }
    }
}

impl Sink for Shown {
    fn take(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Attached(_) => self.lines.push("attached".to_owned()),
            Item::Program(program) => self.programs.push((*program).clone()),
            Item::Record(bytes) => {
                if let Some(output) = self.decoder.read(bytes).unwrap() {
                    self.show(&output);
                    self.tally.shown += u64::from(!matches!(output, Output::Begins(_) | Output::Drops(..)));
                }
            }
            Item::Map(_) => self.tally.shown += 1,
            Item::Open(open) => {
                self.decoder.end(open).into_iter().for_each(|call| self.show(&Output::Ends(Box::new(call))));
            }
            Item::Gap(_) => self.turns += 1,
            Item::Maps(maps) => {
                let count = |value: &Folded| match value {
                    Folded::Value(Value::Int(count)) => Int::value(*count),
                    _ => -1,
                };
                let sum = |map: &Snapshot| map.entries.iter().map(|entry| count(&entry.value)).sum();
                self.maps = maps.iter().map(|map| (map.name.clone(), sum(map))).collect();
            }
            Item::Summary(summary) => self.summary = Some((*summary).clone()),
            Item::Note(note) => self.notes.push((*note).to_owned()),
            item => self.decoder.learn(item),
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
        Tally { calls: self.decoder.finished(), ..self.tally }
    }

    fn wants(&self, extra: Extra) -> bool {
        extra == Extra::Goroutines && self.wants_goroutines
    }
}

/// A test: a script about a file, and what happens while it runs.
struct Test {
    folder: Rc<Folder>,
    world: Rc<World>,
    path: PathBuf,
    file: FileId,
    limits: Limits,
    shown: Shown,
}

impl Test {
    /// One process, PID 7, runs the file.
    fn new(name: &str) -> Test {
        let (folder, world) = (Rc::new(Folder::new(name)), Rc::new(World::default()));
        world.now.set(1_000_000 * MS);
        let (path, file) = folder.deploy(0);
        world.start(7, file);
        let limits = Limits { duration: Some(Duration::from_secs(10)), ..Limits::default() };
        Test { folder, world, path, file, limits, shown: Shown::default() }
    }

    /// Lets something happen so many milliseconds after the start. Calls come in the order of time.
    fn at(&self, ms: u64, action: impl FnOnce(&World) + 'static) {
        let at = self.world.now.get() + ms * MS;
        self.world.actions.borrow_mut().push_back((at, Box::new(action)));
    }

    /// Lets a function be entered again and again in PID 7.
    fn at_each(&self, range: std::ops::Range<u64>, step: usize, times: u32, function: u32) {
        for ms in range.step_by(step) {
            self.at(ms, move |world| (0..times).for_each(|_| _ = world.enter(0, function, 7)));
        }
    }

    fn machine(&self) -> Machine {
        let (engine, path) = (self.world.simulation.clone(), self.path.clone());
        let open = move |target: &Named| {
            let path = target.path().map_or_else(|| path.clone(), ToOwned::to_owned);
            Ok(Executable::open(&Named::Path(path))?.described(Rc::new(Fake::hooked(Arch::Amd64))))
        };
        let world = self.world.clone();
        Machine::made_of(world.clone(), world, move |_| Ok(engine.engine())).with_files(open)
    }

    fn run_about(&mut self, text: &str, subject: Subject) -> Result<i64, Stopped> {
        let script = Script { text: text.to_owned(), subject: Some(subject), ..Script::default() };
        // Actions are due in order of time.
        self.world.actions.borrow_mut().make_contiguous().sort_by_key(|(at, _)| *at);
        let prepared = script.compile_on(self.machine())?;
        let ended = prepared.run(self.limits, &mut self.shown);
        assert!(!self.world.simulation.is_attached(), "a run leaves nothing attached");
        ended.map(|ended| ended.status)
    }

    fn run(&mut self, text: &str) -> Summary {
        let subject = Subject::Path(self.path.clone());
        self.run_about(text, subject).unwrap_or_else(|stopped| panic!("{stopped}"));
        self.shown.summary.clone().expect("a run ends with a summary")
    }
}

#[test]
fn hits_count_from_the_attach_to_the_end() {
    let mut test = Test::new("arming");
    test.at_each(100..200, 1, 10, 0);
    test.at(10_500, |world| assert!(!world.enter(0, 0, 7), "the probe is still attached"));
    let summary = test.run("go:main.fib { @ = count() }");
    assert_eq!((summary.hits, summary.ended_by, test.shown.maps["@"]), (1000, Some(Cause::Duration), 1000));
}

#[test]
fn begin_runs_before_the_attach_and_end_after_the_detach() {
    let mut test = Test::new("begin");
    test.at_each(5..10, 1, 1, 0);
    test.run("BEGIN { printf(\"begin\") } go:main.fib { printf(\"hit\") } END { printf(\"end\") }");
    let mut lines = vec!["attached", "begin"];
    lines.extend(["hit"; 5]);
    lines.push("end");
    assert_eq!(test.shown.lines, lines);
}

#[test]
fn exit_in_begin_attaches_nothing_and_sets_the_status() {
    let mut test = Test::new("exit-begin");
    test.at_each(5..10, 1, 1, 0);
    let subject = Subject::Path(test.path.clone());
    let status = test.run_about("BEGIN { exit(3) } go:main.fib { @ = count() }", subject).unwrap();
    assert_eq!((status, test.shown.summary.unwrap().hits), (3, 0));
}

#[test]
fn exit_ends_a_run_with_its_status_and_nothing_counts_after_it() {
    let mut test = Test::new("exit");
    test.at_each(100..200, 1, 1, 0);
    let subject = Subject::Path(test.path.clone());
    let text = "go:main.fib { @ = count(); @seen++; if (@seen == 42) { exit(7) } }";
    let status = test.run_about(text, subject).unwrap();
    let summary = test.shown.summary.unwrap();
    assert_eq!((status, summary.hits, summary.ended_by, test.shown.maps["@"]), (7, 42, Some(Cause::Exit), 42));
}

#[test]
fn intervals_keep_to_the_clock() {
    let mut test = Test::new("intervals");
    test.run("interval:s:1 { @seconds = count() } interval:ms:100 { @tenths = count() } go:main.fib { }");
    assert_eq!((test.shown.maps["@seconds"], test.shown.maps["@tenths"]), (9, 99));
}

#[test]
fn a_limit_of_output_ends_a_run() {
    let mut test = Test::new("limit");
    test.limits.printed = Some(5);
    test.at_each(100..200, 1, 1, 0);
    let summary = test.run("go:main.fib { printf(\"%d\", pid) }");
    assert_eq!((summary.printed, summary.ended_by), (5, Some(Cause::Printed)));
    assert_eq!(test.shown.lines, ["attached", "7", "7", "7", "7", "7"]);
}

#[test]
fn a_signal_ends_a_run_and_what_was_gathered_is_shown() {
    let mut test = Test::new("signal");
    test.at_each(100..200, 1, 1, 0);
    test.at(150, |world| world.order.set(Some(Order::Interrupt)));
    let summary = test.run("go:main.fib { @ = count() }");
    assert_eq!(summary.ended_by, Some(Cause::Interrupt));
    assert_eq!(test.shown.maps["@"], i128::from(summary.hits));
}

#[test]
fn records_that_a_full_ring_lost_are_counted() {
    let mut test = Test::new("full-ring");
    test.at(100, |world| (0..100_000).for_each(|_| _ = world.enter(0, 0, 7)));
    let summary = test.run("go:main.fib { printf(\"%d\", pid) }");
    let shown = test.shown.lines.len() as u64 - 1;
    assert!(summary.lost > 0 && shown > 0, "{summary:?}");
    assert_eq!((summary.hits, summary.printed, summary.hits), (100_000, shown, shown + summary.lost));
}

/// What a hit costs on the made-up machine: a tenth of a millisecond, or one.
const COSTS: SiteCosts = SiteCosts { emulated: 100_000.0, stepped: 1_000_000.0 };

#[test]
fn the_budget_detaches_the_dearest_function_after_three_seconds_and_keeps_the_others() {
    let mut test = Test::new("budget");
    test.limits.overhead = Some(0.25);
    test.world.simulation.set_site_costs(COSTS);
    // 4 000 and 1 000 hits a second: 40 % and 10 % of a CPU.
    for ms in (1..9_000).step_by(10) {
        test.at(ms, |world| {
            (0..40).for_each(|_| _ = world.enter(0, 0, 7));
            (0..10).for_each(|_| _ = world.enter(0, 1, 7));
        });
    }
    let summary = test.run("go:main.fib { @fib = count() } go:main.other { @other = count() }");
    let [detached] = &summary.detached[..] else { panic!("{:?}", summary.detached) };
    assert_eq!((&*detached.func, detached.overhead, detached.hits), ("main.fib", 40, test.shown.maps["@fib"] as u64));
    assert_eq!(test.shown.maps["@other"], 9_000);
    // Three seconds of a load that is first measured over one.
    assert!((12_000..18_000).contains(&test.shown.maps["@fib"]), "{}", test.shown.maps["@fib"]);
    assert!(test.shown.notes[0].starts_with("main.fib is not probed any more: its "), "{:?}", test.shown.notes);
    assert_eq!(summary.hits, detached.hits + 9_000);
}

#[test]
fn a_detach_in_many_steps_is_weighed_when_it_is_done() {
    let mut test = Test::new("steps");
    test.limits.overhead = Some(0.25);
    test.world.simulation.set_site_costs(COSTS);
    // Two functions that are too dear, and a detach takes about a second of steps.
    for ms in (1..9_500).step_by(10) {
        test.at(ms, |world| (0..2).for_each(|f| (0..40).for_each(|_| _ = world.enter(0, f, 7))));
    }
    test.world.simulation.set_steps(100);
    let summary = test.run("go:main.fib { @ = count() } go:main.other { @ = count() }");
    assert_eq!(summary.detached.len(), 2, "{:?}", summary.detached);
}

#[test]
fn a_detach_that_fails_is_told_and_the_run_goes_on() {
    let mut test = Test::new("abandoned");
    test.limits.overhead = Some(0.25);
    test.world.simulation.set_site_costs(COSTS);
    test.at_each(1..4_500, 10, 40, 0);
    test.at(1_000, |world| world.simulation.abandon("the machine is made up"));
    test.run("go:main.fib { @ = count() }");
    let told = "probes that cost too much could not be taken out: simulating: the machine is made up";
    assert!(test.shown.notes.iter().any(|note| note == told), "{:?}", test.shown.notes);
}

#[test]
fn without_a_limit_nothing_is_detached() {
    let mut test = Test::new("no-budget");
    test.world.simulation.set_site_costs(COSTS);
    test.at_each(1..9_000, 10, 40, 0);
    let summary = test.run("go:main.fib { @ = count() }");
    assert_eq!((summary.detached.len(), summary.hits, test.shown.notes.len()), (0, 36_000, 0));
}

#[test]
fn a_duty_cycle_rests_after_each_turn_that_is_too_dear() {
    let mut test = Test::new("duty-cycle");
    test.limits.overhead = Some(0.25);
    test.shown.wants_goroutines = true;
    test.world.simulation.set_site_costs(COSTS);
    let seen = Rc::new(Cell::new(0));
    for ms in (1..9_000).step_by(10) {
        let seen = seen.clone();
        test.at(ms, move |world| {
            for _ in 0..100 {
                let mut hit = world.hit(7);
                // A goroutine that runs begins to wait, and runs again.
                hit.registers = vec![("r14", G), ("ax", G), ("bx", 2), ("cx", 4), ("sp", STACK + 0x800)];
                seen.set(seen.get() + world.simulation.hit_hooks(0, HookKind::Status, &hit));
            }
        });
    }
    let summary = test.run("goroutine:state { @ = count() }");
    let turns = summary.turns.expect("goroutines are watched by turns");
    assert!(turns.turns > 1 && turns.watched_ns < turns.of_ns / 4, "{turns:?}");
    assert_eq!(test.shown.turns as u64, turns.turns - 1);
    assert!(0 < seen.get() && seen.get() < 45_000, "{} of 90000 changes were seen", seen.get());
    assert!(test.shown.notes.iter().any(|note| note.contains("it is done by turns from here on")));
}

#[test]
fn a_new_build_at_the_path_is_probed_and_the_old_one_released_with_its_last_process() {
    let mut test = Test::new("replaced");
    test.at_each(100..200, 1, 1, 0);
    let folder = test.folder.clone();
    test.at(1_000, move |world| world.start(8, folder.deploy(1).1));
    test.at(2_000, |world| assert!(world.enter(0, 0, 7) && world.enter(1, 0, 8), "both builds are probed"));
    test.at(3_000, |world| world.end(7));
    test.at(4_000, |world| assert!(!world.enter(0, 0, 7) && world.enter(1, 0, 8), "only the new build is probed"));
    let summary = test.run("go:main.fib { @ = count() }");
    assert_eq!((summary.hits, test.shown.maps["@"]), (103, 103));
    let [program] = &test.shown.programs[..] else { panic!("{:?}", test.shown.programs) };
    assert!(program.probed && program.replaces && program.sites == 1, "{program:?}");
    let released = "its probes are taken out";
    assert!(test.shown.notes.iter().any(|note| note.ends_with(released)), "{:?}", test.shown.notes);
}

#[test]
fn only_hits_of_named_processes_count() {
    let mut test = Test::new("named");
    test.world.start(9, test.file);
    for ms in 100..200 {
        test.at(ms, |world| {
            assert!(world.enter(0, 0, 7) && world.enter(0, 0, 9));
        });
    }
    test.run_about("go:main.fib { @[pid] = count() }", Subject::processes(&[Pid(7)])).unwrap();
    assert_eq!((test.shown.summary.unwrap().hits, test.shown.maps["@"]), (100, 100));
}

#[test]
fn a_run_about_one_process_ends_with_it() {
    let mut test = Test::new("one-process");
    test.at_each(100..200, 1, 1, 0);
    test.at(300, |world| world.end(7));
    test.run_about("go:main.fib { @ = count() }", Subject::processes(&[Pid(7)])).unwrap();
    let summary = test.shown.summary.unwrap();
    assert_eq!((summary.hits, summary.ended_by), (100, Some(Cause::Process)));
}

#[test]
fn calls_that_are_open_in_a_process_that_ends_are_counted_as_open() {
    let mut test = Test::new("process-ends");
    test.at(100, |world| _ = world.enter(0, 0, 7));
    test.at(1_000, |world| world.end(7));
    let summary = test.run("goret:main.fib { @ = hist(elapsed) }");
    assert_eq!((summary.open, summary.ended_by), (1, Some(Cause::Duration)));
}

#[test]
fn a_run_without_hits_says_so() {
    let mut test = Test::new("silence");
    test.run("go:main.fib { @ = count() }");
    assert_eq!(test.shown.notes[0], "nothing was hit in the first 5 seconds");
    assert!(test.shown.notes[1].starts_with("main.fib: no call so far; it was inlined into main.main"));
}

#[test]
fn calls_that_are_open_at_the_end_are_counted_as_open() {
    let mut test = Test::new("open");
    test.at(100, |world| {
        world.enter(0, 0, 7);
    });
    let summary = test.run("goret:main.fib { @ = hist(elapsed) }");
    assert_eq!((summary.open, summary.hits, summary.unpaired), (1, 0, 0));
}
