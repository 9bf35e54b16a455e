//! Tests on Debian's kernels, booted by qemu without hardware virtualization, and so also inside virtual machines.
//! `docs/kernels.md` has the table of the last run.
//!
//! An emulated machine is ten to thirty times slower than a real one, so `cargo xtask ci` runs only a part (`--short`).

mod cpio;
mod debian;
mod guest;
mod qemu;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use guest::{MARK, canonical};
use qemu::Qemu;

use crate::args::Args;
use crate::bed::{Process, named};
use crate::cargo::cargo;
use crate::{page, root};

/// Default number of random scripts.
const SCRIPTS: u64 = 300;

/// Time limit of one kernel.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Kernels and number of random scripts of `--short`.
const SHORT: (&[&str], u64) = (&["5.10", "6.1"], 10);

/// The Rust target for static programs.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// A group of tests, and a column of the table.
struct Check {
    column: &'static str,
    /// Whether the tests are in the binary `verifier`, else in `cli`.
    in_verifier: bool,
    /// Whether `--short` includes the check.
    short: bool,
    /// Full names of the tests.
    tests: &'static [&'static str],
}

const CHECKS: [Check; 9] = [
    Check {
        column: "attached by each way",
        in_verifier: false,
        short: true,
        tests: &[
            "run::counts_are_those_of_the_program_by_either_way_and_wherever_it_is_loaded",
            "run::returns_know_their_calls_by_either_way",
        ],
    },
    Check {
        column: "`latency.bt`",
        in_verifier: false,
        short: true,
        tests: &["handed_around::latency_bt_measures_each_statement_on_its_goroutine"],
    },
    Check {
        column: "one-liners for a gin service",
        in_verifier: false,
        short: true,
        tests: &["handed_around::arguments_and_results_are_those_that_the_service_counts"],
    },
    Check {
        column: "`goroutine:*`",
        in_verifier: false,
        short: false,
        tests: &[
            "goroutines::goroutines_do_what_the_program_says::go1_26",
            "goroutines::goid_in_tracepoints_is_whose_thread_it_is::go1_26",
        ],
    },
    Check {
        column: "`gospect doctor`",
        in_verifier: false,
        short: false,
        tests: &[
            "doctor::each_line_is_there_once_and_in_order",
            "doctor::probes_are_tried_by_each_way_and_what_a_hit_costs_is_said",
            "doctor::probes_work_exactly_where_nothing_that_they_need_is_missing",
        ],
    },
    Check {
        column: "`gospect trace`",
        in_verifier: false,
        short: true,
        tests: &[
            "trace::each_call_is_shown_once_with_its_argument_and_its_own_result",
            "trace::what_a_condition_refuses_is_counted_whether_it_was_known_at_once_or_at_the_end",
        ],
    },
    Check {
        column: "recorded calls",
        in_verifier: true,
        short: false,
        tests: &["edges::calls_recorded_by_bodies_of_every_size"],
    },
    Check {
        column: "random scripts",
        in_verifier: true,
        short: true,
        tests: &["scripts::random_scripts_are_emitted_and_loaded"],
    },
    Check {
        column: "scripts at their limits",
        in_verifier: true,
        short: false,
        tests: &[
            "edges::any_kind_of_statement_as_often_as_it_goes",
            "edges::repeated_statements_as_many_as_go",
            "edges::clauses_at_one_place_as_many_as_go",
            "edges::values_chosen_by_conditions_and_asked_for_again",
            "edges::all_limits_at_once",
        ],
    },
];

/// The extent of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    versions: Vec<String>,
    /// Number of random scripts.
    scripts: u64,
    /// Fewer checks, with the test binaries of `cargo test`.
    short: bool,
}

impl Asked {
    fn checks(&self) -> Vec<&'static Check> {
        CHECKS.iter().filter(|check| check.short || !self.short).collect()
    }
}

/// Programs for the machine.
pub struct Programs {
    verifier: PathBuf,
    cli: PathBuf,
    gospect: PathBuf,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Seconds.
    Held(u64),
    Failed,
    /// The machine ended before, or its time was up.
    NotRun,
}

/// The outcomes on a kernel.
#[derive(Debug)]
struct Booted {
    release: String,
    outcomes: Vec<Outcome>,
}

/// A kernel version, and its outcomes or the reason why the kernel is unavailable.
type Row = (String, Result<Booted, String>);

/// `cargo xtask vm [--short] [--scripts N] [KERNEL...]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    let asked = asked(args)?;
    let rows = boot_all(&Qemu::at_hand_or_fetched()?, &asked)?;
    print!("{}", table(&rows, &asked));
    Ok(all_held(&rows))
}

/// The short run for `cargo xtask ci`. Returns the table and the number of unavailable kernels.
pub fn short() -> Result<(String, usize), String> {
    let asked = asked(&["--short".to_owned()])?;
    let qemu = match Qemu::at_hand_or_fetched() {
        Ok(qemu) => qemu,
        Err(why) => return Ok((format!("skipped: {why}"), asked.versions.len())),
    };
    let rows = boot_all(&qemu, &asked)?;
    let text = format!("\n{}", table(&rows, &asked).trim_end());
    let missing = rows.iter().filter(|(_, row)| row.is_err()).count();
    if all_held(&rows) { Ok((text, missing)) } else { Err(text) }
}

fn all_held(rows: &[Row]) -> bool {
    rows.iter().all(|(_, row)| row.as_ref().map_or(true, Booted::held))
}

fn asked(args: &[String]) -> Result<Asked, String> {
    let mut args = Args::new(args);
    let short = args.flag("--short");
    let all = debian::KERNELS.map(|(version, _)| version);
    let (usual, scripts) = if short { SHORT } else { (&all[..], SCRIPTS) };
    let scripts = args.number("--scripts", scripts)?;
    let mut versions = args.rest();
    if versions.is_empty() {
        versions = usual.iter().map(|version| (*version).to_owned()).collect();
    }
    Ok(Asked { versions, scripts, short })
}

/// Builds the tests: debug builds for `--short`, else release builds, static ones if possible.
fn programs(short: bool) -> Result<Programs, String> {
    let how: &[&str] = match (short, has_static()) {
        (true, _) => &[],
        (false, true) => &["--release", "--target", STATIC],
        (false, false) => &["--release"],
    };
    let tests = ["test", "--locked", "--no-run", "-p", "session", "--test", "verifier"];
    let built = cargo(&[&tests[..], &["-p", "gospect", "--test", "cli"], how].concat(), &[])?;
    let built = String::from_utf8_lossy(&built.stderr).into_owned();
    let path = |test: &str| {
        let path = executable(&built, test).ok_or_else(|| format!("cargo does not say where it built `{test}`"))?;
        canonical(&root().join(path))
    };
    let (verifier, cli) = (path("verifier")?, path("cli")?);
    let gospect = cli.parent().and_then(Path::parent).unwrap_or(&cli).join("gospect");
    Ok(Programs { verifier, cli, gospect })
}

fn has_static() -> bool {
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    let installed = installed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    installed.lines().any(|line| line == STATIC)
}

/// `  Executable tests/cli/main.rs (target/release/deps/cli-0123456789abcdef)`.
fn executable<'a>(built: &'a str, test: &str) -> Option<&'a str> {
    let line = built.lines().find(|line| line.contains("Executable") && line.contains(&format!("tests/{test}/")))?;
    line.split_once('(')?.1.strip_suffix(')')
}

/// Boots all kernels at the same time, one machine each: a machine uses one core.
fn boot_all(qemu: &Qemu, asked: &Asked) -> Result<Vec<Row>, String> {
    let kernels: Vec<_> = asked.versions.iter().map(|version| debian::kernel(version)).collect();
    let dir = root().join("target/vm");
    if kernels.iter().any(Result::is_ok) {
        let archive = guest::archive(&programs(asked.short)?, asked)?;
        let written = fs::create_dir_all(&dir).and_then(|()| fs::write(dir.join("initramfs"), archive));
        written.map_err(named(dir.display()))?;
    }
    let (dir, checks) = (&dir, asked.checks().len());
    std::thread::scope(|scope| {
        let boot = |(version, kernel): (&'_ String, Result<PathBuf, String>)| {
            let version = version.clone();
            scope.spawn(move || match kernel {
                Ok(kernel) => boot_twice(qemu, &kernel, dir, &version, checks).map(|booted| (version, Ok(booted))),
                Err(why) => Ok((version, Err(why))),
            })
        };
        let machines: Vec<_> = asked.versions.iter().zip(kernels).map(boot).collect();
        machines.into_iter().map(|one| one.join().map_err(|_| "a machine was lost".to_owned())?).collect()
    })
}

/// Boots once more when the machine dies at its start, which happens and is not the kernel's fault.
fn boot_twice(qemu: &Qemu, kernel: &Path, dir: &Path, version: &str, checks: usize) -> Result<Booted, String> {
    let first = boot(qemu, kernel, dir, version, checks)?;
    if first.release.is_empty() { boot(qemu, kernel, dir, version, checks) } else { Ok(first) }
}

/// Boots a kernel and waits for the outcomes. Keeps the text of the console beside the archive.
fn boot(qemu: &Qemu, kernel: &Path, dir: &Path, version: &str, checks: usize) -> Result<Booted, String> {
    let log = dir.join(format!("{version}.log"));
    let mut qemu = qemu.command();
    // With several threads, qemu executes single-stepped instructions wrongly. CMPXCHG16B, used by the allocator of
    // Linux 6.12, sometimes leaves wrong flags.
    qemu.args("-accel tcg,thread=single -cpu max,cx16=off -smp 2 -m 3000 -nodefaults -no-reboot".split(' '));
    qemu.args("-display none -serial stdio".split(' '));
    qemu.args(["-append", "console=ttyS0 panic=-1 quiet mitigations=off no_timer_check"]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(dir.join("initramfs"));
    let mut machine = Process::start(qemu.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut file = fs::File::create(&log).map_err(named(log.display()))?;
    let (mut console, lines) = (Console::default(), lines(&mut machine));
    let end = Instant::now() + PATIENCE;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                writeln!(file, "{line}").map_err(named(log.display()))?;
                console.line(&line, Instant::now());
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("Linux {version}: not done after {} minutes", PATIENCE.as_secs() / 60);
                break;
            }
        }
    }
    let booted = console.booted(checks);
    if !booted.held() {
        eprintln!("Linux {version}: {} has what the console said", log.display());
    }
    Ok(booted)
}

/// The lines of a machine's console, until it ends.
fn lines(machine: &mut Process) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(stdout) = machine.take_stdout() {
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
            // Sending fails after the time limit.
            lines.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()).try_for_each(|l| sender.send(l))
        });
    }
    receiver
}

/// The state of the checks, read from the console.
#[derive(Default)]
struct Console {
    release: String,
    began: Option<Instant>,
    skipped: bool,
    outcomes: Vec<Outcome>,
}

impl Console {
    fn line(&mut self, line: &str, now: Instant) {
        // A skipped test counts as passed in the harness, and as failed here.
        self.skipped |= line.contains("skipped: ");
        // The line may start with a message of the kernel.
        let Some((_, said)) = line.split_once(MARK) else { return };
        match said.split_whitespace().collect::<Vec<_>>()[..] {
            ["release", release] => release.clone_into(&mut self.release),
            ["begin", _] => (self.began, self.skipped) = (Some(now), false),
            ["end", _, status] => self.end(status == "0", now),
            _ => {}
        }
    }

    fn end(&mut self, passed: bool, now: Instant) {
        let took = self.began.map_or(0, |began| now.duration_since(began).as_secs());
        self.outcomes.push(if passed && !self.skipped { Outcome::Held(took) } else { Outcome::Failed });
    }

    fn booted(mut self, checks: usize) -> Booted {
        self.outcomes.resize(checks, Outcome::NotRun);
        Booted { release: self.release, outcomes: self.outcomes }
    }
}

impl Booted {
    fn held(&self) -> bool {
        self.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Held(_)))
    }
}

/// A row per kernel, a column per check.
fn table(rows: &[Row], asked: &Asked) -> String {
    let checks = asked.checks();
    let random = format!("{} random scripts", asked.scripts);
    let column =
        |check: &&Check| if check.column == "random scripts" { random.clone() } else { check.column.to_owned() };
    let columns: Vec<String> = std::iter::once("kernel".to_owned()).chain(checks.iter().map(column)).collect();
    let row = |(version, row): &Row| match row {
        Ok(booted) => {
            let release = if booted.release.is_empty() { version } else { &booted.release };
            std::iter::once(release.clone()).chain(booted.outcomes.iter().map(Outcome::cell)).collect()
        }
        Err(why) => {
            let mut cells = vec![version.clone(), format!("skipped: {why}")];
            cells.resize(columns.len(), String::new());
            cells
        }
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    page::table(&columns.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

impl Outcome {
    fn cell(&self) -> String {
        match self {
            Outcome::Held(seconds) => format!("ok, {seconds} s"),
            Outcome::Failed => "FAILED".to_owned(),
            Outcome::NotRun => "NOT RUN".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn console(lines: &[&str]) -> Booted {
        let (mut console, start) = (Console::default(), Instant::now());
        for (second, line) in lines.iter().enumerate() {
            console.line(line, start + Duration::from_secs(second as u64));
        }
        console.booted(CHECKS.len())
    }

    #[test]
    fn what_the_console_says_is_a_row_of_the_table() {
        let booted = console(&[
            "gospect-vm: release 5.10.0-32-cloud-amd64",
            "gospect-vm: begin 0",
            "running 2 tests",
            "[   12.345678] random: crng init donegospect-vm: end 0 0",
            "gospect-vm: begin 1",
            "gospect-vm: end 1 101",
            "gospect-vm: begin 2",
            "test a::b ... skipped: a::b: there is no `go` command in PATH",
            "gospect-vm: end 2 0",
            "gospect-vm: begin 3",
            "gospect-vm: end 3 0",
            "gospect-vm: begin 4",
        ]);
        assert!(!booted.held());
        let none = Err("no Debian is known to have Linux 4.19, only 5.10".to_owned());
        expect![[r#"
            | kernel | attached by each way | `latency.bt` | one-liners for a gin service | `goroutine:*` | `gospect doctor` | `gospect trace` | recorded calls | 300 random scripts | scripts at their limits |
            |---|---|---|---|---|---|---|---|---|---|
            | 5.10.0-32-cloud-amd64 | ok, 2 s | FAILED | FAILED | ok, 1 s | NOT RUN | NOT RUN | NOT RUN | NOT RUN | NOT RUN |
            | 4.19 | skipped: no Debian is known to have Linux 4.19, only 5.10 | | | | | | | | |
        "#]].assert_eq(&table(&[("5.10".to_owned(), Ok(booted)), ("4.19".to_owned(), none)], &of(&[])));
    }

    #[test]
    fn a_machine_that_says_nothing_holds_nothing() {
        assert_eq!(console(&["Kernel panic"]).outcomes, vec![Outcome::NotRun; CHECKS.len()]);
    }

    #[test]
    fn test_programs_are_found_in_what_cargo_says() {
        let built = "    Finished `release` profile\n  Executable tests/cli/main.rs (target/release/deps/cli-0123)\n";
        assert_eq!(executable(built, "cli"), Some("target/release/deps/cli-0123"));
        assert_eq!(executable(built, "verifier"), None);
    }

    fn asked_by(args: &[&str]) -> Result<Asked, String> {
        asked(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    fn of(args: &[&str]) -> Asked {
        asked_by(args).expect("right arguments")
    }

    #[test]
    fn all_kernels_and_300_scripts_unless_said() {
        assert_eq!((&of(&[]).versions[..], of(&[]).scripts), (&["5.10", "6.1", "6.12"].map(str::to_owned)[..], 300));
        let said = of(&["6.1", "--scripts", "20"]);
        assert_eq!(said, Asked { versions: vec!["6.1".to_owned()], scripts: 20, short: false });
        assert_eq!(asked_by(&["--scripts", "0"]), Err("`--scripts` needs a number above 0, not `0`".to_owned()));
    }

    #[test]
    fn in_short_there_are_fewer_kernels_scripts_and_checks() {
        let short = of(&["--short"]);
        assert_eq!((short.versions.len(), short.scripts, short.checks().len()), (2, 10, 5));
        assert_eq!(of(&["--short", "6.12"]).versions, ["6.12"]);
    }
}
