//! Nothing in a file makes gobin panic, run for ever, or allocate more than a small multiple of the file: the saved
//! inputs of `fuzz/corpus`, then mutations of them, the same ones on every run.
//!
//! Each target runs in a process of its own, so that one that hangs, overflows its stack or eats the memory is found
//! out by the test and its input kept. With `GOSPECT_FUZZ_SECONDS` (set by `cargo xtask fuzz`) mutation goes on for so
//! long, from another beginning each time.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build};

#[path = "../../../fuzz/targets.rs"]
mod targets;

use targets::{Runner, TARGETS, Target};

/// Names the file in which the child keeps what it is at; only the child has it.
const CHILD: &str = "GOSPECT_FUZZ_CHILD";
/// Asks for so many seconds of mutation instead of the fixed number of inputs.
const SECONDS: &str = "GOSPECT_FUZZ_SECONDS";

/// An input that takes longer hangs. The slowest honest answer takes far less than a second on an idle machine.
const HANG: Duration = Duration::from_secs(20);

/// What may be allocated for a file: so much in any case, and so many times its size.
const MEMORY: u64 = 24 << 20;
const MEMORY_TIMES: u64 = 12;

/// The real programs that inputs are patches of: DWARF 4 and a list of types, DWARF 5 and descriptors in a row.
fn seeds(target: Target) -> Result<Vec<Vec<u8>>, Missing> {
    let program = |go, arch, variant| build(&Fixture::new("shapes", go, variant).on(arch));
    let of = match target {
        Target::File | Target::Code | Target::Names => return Ok(vec![Vec::new()]),
        Target::Patch(targets::Part::Headers) => {
            vec![program("1.27", Arch::Amd64, Variant::RawDwarf)?, program("1.26", Arch::Amd64, Variant::PieStripped)?]
        }
        _ => vec![program("1.24", Arch::Amd64, Variant::RawDwarf)?, program("1.27", Arch::Arm64, Variant::RawDwarf)?],
    };
    Ok(of.iter().map(|path| fs::read(path).expect("the fixture was just built")).collect())
}

/// Saved inputs, sorted by name.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("a directory can be read").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("the corpus can be read")).collect()
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n.max(1)
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    /// A number of the kind that breaks arithmetic.
    fn value(&mut self) -> [u8; 8] {
        let small = self.next() % 300;
        let value = match self.below(8) {
            0 => 0,
            1 => u64::MAX - small,
            2 => small,
            3 => 1 << self.below(64),
            4 => (1 << self.below(64)) - 1,
            5 => 0x40_0000 + (self.next() >> 44),
            6 => u64::from(u32::MAX) - small,
            _ => self.next(),
        };
        value.to_le_bytes()
    }

    /// Some overwritten places.
    fn patches(&mut self) -> Vec<u8> {
        let mut input = Vec::new();
        for _ in 0..=self.below(6) {
            let len = *self.of(&[1, 1, 1, 2, 4, 4, 8, 8]);
            input.extend_from_slice(&self.next().to_le_bytes()[2..5]);
            input.push(len as u8 - 1);
            input.extend_from_slice(&self.value()[..len]);
        }
        input
    }

    /// Bytes changed, put in, taken out or doubled.
    fn mutated(&mut self, from: &[u8]) -> Vec<u8> {
        let mut input = from.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            let len = self.below(9).min(input.len() - at);
            match self.below(5) {
                0 => drop(input.drain(at..at + len)),
                1 => drop(input.splice(at..at, self.value())),
                2 => drop(input.splice(at..at + len, self.value())),
                3 => input.extend_from_within(at..at + len),
                _ if len > 0 => input[at] ^= 1 << self.below(8),
                _ => input.push(self.next() as u8),
            }
        }
        input
    }

    fn input(&mut self, target: Target, corpus: &[Vec<u8>]) -> Vec<u8> {
        match target {
            Target::Patch(_) if self.below(3) > 0 => self.patches(),
            Target::Cut => (self.next() as u32).to_le_bytes().to_vec(),
            Target::Code if self.below(2) > 0 => (0..self.below(300)).map(|_| self.next() as u8).collect(),
            _ if corpus.is_empty() => self.patches(),
            _ => {
                let from = self.below(corpus.len());
                self.mutated(&corpus[from])
            }
        }
    }
}

/// When mutation ends.
enum Until {
    Inputs(usize),
    Time(Instant),
}

impl Until {
    fn asked(inputs: usize) -> Until {
        match std::env::var(SECONDS).ok().and_then(|s| s.parse().ok()) {
            Some(seconds) => Until::Time(Instant::now() + Duration::from_secs(seconds)),
            None => Until::Inputs(inputs),
        }
    }

    fn reached(&self, done: usize) -> bool {
        match *self {
            Until::Inputs(n) => done >= n,
            Until::Time(at) => Instant::now() >= at,
        }
    }

    /// Where the numbers begin.
    fn start(&self) -> u64 {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |t| t.as_nanos() as u64 | 1);
        if let Until::Inputs(_) = self { 0x9e37_79b9_7f4a_7c15 } else { now() }
    }
}

/// Runs the inputs of a target one after the other; `state` always has the one at work.
fn work(name: &str, target: Target, inputs: usize, state: &Path) {
    let seeds = seeds(target).expect("the test has built them");
    let runners: Vec<Runner> = seeds.into_iter().map(|seed| Runner::new(target, seed)).collect();
    let corpus = corpus(name);
    let mut done = 0;
    let mut one = |runner: &Runner, input: &[u8]| {
        fs::write(state, input).expect("the state can be kept");
        done += 1;
        measured(runner, input);
        done
    };
    for input in runners.iter().flat_map(|r| corpus.iter().map(move |input| (r, input))) {
        one(input.0, input.1);
    }
    if target == Target::Cut {
        let cuts = runners.iter().flat_map(|r| r.boundaries().into_iter().map(move |at| (r, at)));
        for (runner, at) in cuts {
            one(runner, &(at as u32).to_le_bytes());
        }
    }
    let until = Until::asked(inputs);
    let mut random = Random(until.start());
    let mut mutated = 0;
    while !until.reached(mutated) {
        mutated += 1;
        one(random.of(&runners), &random.input(target, &corpus));
    }
    eprintln!("{name}: {} inputs of the corpus, {mutated} mutations, {done} in all", corpus.len());
}

/// Runs one input and looks how much memory that took at its peak.
fn measured(runner: &Runner, input: &[u8]) {
    // Resets the peak to what is used now; proc(5).
    let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status("VmRSS");
    runner.run(input);
    let took = status("VmHWM").saturating_sub(before);
    let limit = MEMORY + MEMORY_TIMES * runner.size(input) as u64;
    assert!(!reset || took <= limit, "{} bytes of input took {took} bytes of memory", runner.size(input));
}

/// A number of `/proc/self/status`, in bytes.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is there");
    let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':')).expect("Linux has this field");
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

/// Runs a target in a process of its own. `test` is the test that calls this: the child runs it again.
fn check(test: &str, name: &str, inputs: usize) {
    let (_, target) = TARGETS.into_iter().find(|(n, _)| *n == name).expect("there is such a target");
    if let Some(state) = std::env::var_os(CHILD) {
        return work(name, target, inputs, Path::new(&state));
    }
    if let Err(missing) = seeds(target) {
        return missing.skip();
    }
    let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}-{}", std::process::id()));
    let mut again = Command::new(std::env::current_exe().expect("this test has a file"));
    again.args(["--exact", test, "--nocapture"]).env(CHILD, &state).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = again.spawn().expect("this test starts");
    let hung = watch(&mut child, &state);
    let output = child.wait_with_output().expect("the child has ended");
    let said = String::from_utf8_lossy(&output.stderr);
    // Seen with --nocapture.
    let _ = std::io::stderr().write_all(said.as_bytes());
    let input = fs::read(&state).unwrap_or_default();
    let _ = fs::remove_file(&state);
    if hung || !output.status.success() {
        let kept = keep(name, &input);
        let what = if hung { "does not end" } else { "fails" };
        panic!("{name} {what} ({}) with the input {}:\n{said}", output.status, kept.display());
    }
}

/// Waits for the child; true if it had to be stopped because it was at one input for too long.
fn watch(child: &mut Child, state: &Path) -> bool {
    let mut since = (Instant::now(), None);
    while child.try_wait().expect("it is our child").is_none() {
        let at = fs::metadata(state).and_then(|m| m.modified()).ok();
        if at != since.1 {
            since = (Instant::now(), at);
        }
        if since.0.elapsed() > HANG {
            child.kill().expect("it is our child");
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Keeps an input under the name of its content.
fn keep(name: &str, input: &[u8]) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-found").join(name);
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |h: u64, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let path = dir.join(format!("{hash:016x}"));
    fs::create_dir_all(&dir).and_then(|()| fs::write(&path, input)).expect("what was found can be kept");
    path
}

#[test]
fn a_file_of_any_bytes_is_answered() {
    check("a_file_of_any_bytes_is_answered", "file", 2000);
}

#[test]
fn damaged_headers_are_answered() {
    check("damaged_headers_are_answered", "elf", 300);
}

#[test]
fn damaged_build_information_is_answered() {
    check("damaged_build_information_is_answered", "buildinfo", 40);
}

#[test]
fn a_damaged_function_table_is_answered() {
    check("a_damaged_function_table_is_answered", "pclntab", 150);
}

#[test]
fn damaged_moduledata_and_types_are_answered() {
    check("damaged_moduledata_and_types_are_answered", "types", 150);
}

#[test]
fn damaged_dwarf_is_answered() {
    check("damaged_dwarf_is_answered", "dwarf", 250);
}

#[test]
fn damaged_code_is_answered() {
    check("damaged_code_is_answered", "text", 40);
}

#[test]
fn a_program_cut_off_anywhere_is_answered() {
    check("a_program_cut_off_anywhere_is_answered", "cut", 100);
}

#[test]
fn any_machine_code_is_answered() {
    check("any_machine_code_is_answered", "code", 5000);
}

#[test]
fn any_names_are_answered() {
    check("any_names_are_answered", "names", 5000);
}

#[test]
fn every_target_has_a_test_and_a_corpus() {
    let own = include_str!("foreign_bytes.rs");
    for (name, _) in TARGETS {
        assert!(own.contains(&format!("\", \"{name}\", ")), "{name} has no test");
        assert!(!corpus(name).is_empty(), "{name} has no corpus");
    }
}
