//! Random scripts, each by its seed.

use std::thread;

use gobin::Arch;
use gospect_fixtures::need;
use kernel::loader::Loader;

use crate::fakes::Fake;
use crate::random::{Names, large, script};
use crate::{engine, load, planned};

/// How many are tried unless more are asked for.
const SCRIPTS: u64 = 200;
/// How many of them are large.
const ONE_LARGE_IN: u64 = 20;

const NAMES: Names<'static> = crate::random::NAMES;

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn text(seed: u64) -> String {
    if seed.is_multiple_of(ONE_LARGE_IN) { large(seed, NAMES) } else { script(seed, NAMES) }
}

/// What the checker says of a script that is larger than the kernel takes, which a large one may be.
const TOO_MUCH: &str = "the kernel takes ";

/// What became of the seeds that one thread tried.
#[derive(Default)]
struct Outcome {
    refused: Vec<String>,
    /// How many the checker did not accept, for their size.
    too_large: u64,
    /// The most instructions that the verifier looked at, and for which seed.
    most: (u32, u64),
}

fn tried(engine: &Loader, seeds: impl Iterator<Item = u64>) -> Outcome {
    let mut outcome = Outcome::default();
    for seed in seeds {
        let text = text(seed);
        match planned(&text, &Fake::hooked(Arch::Amd64)) {
            Err(why) if why.contains(TOO_MUCH) => outcome.too_large += 1,
            planned => match planned.and_then(|plan| load(engine, &plan)) {
                Ok(looked) => outcome.most = outcome.most.max((looked, seed)),
                Err(why) => outcome.refused.push(format!("seed {seed}: {why}\n{text}")),
            },
        }
    }
    outcome
}

#[test]
fn random_scripts_are_emitted_and_loaded() {
    let engine = need!(engine());
    let (first, count) = (asked("GOSPECT_RANDOM_SEED", 0), asked("GOSPECT_RANDOM_SCRIPTS", SCRIPTS));
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let all: Vec<Outcome> = thread::scope(|scope| {
        let run = |n| {
            scope.spawn({
                let engine = &engine;
                move || tried(engine, (first + n..first + count).step_by(threads as usize))
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let refused: Vec<&String> = all.iter().flat_map(|outcome| &outcome.refused).collect();
    let (most, seed) = all.iter().map(|outcome| outcome.most).max().unwrap_or_default();
    let too_large: u64 = all.iter().map(|outcome| outcome.too_large).sum();
    println!(
        "{count} scripts from seed {first}, {too_large} of them too large for the checker; the most that the verifier \
         looked at is {most} instructions, seed {seed}"
    );
    assert!(too_large * 100 <= count, "{too_large} of {count} are larger than the kernel takes");
    let shown: Vec<String> = refused.iter().take(5).map(|one| one.chars().take(6000).collect()).collect();
    assert!(refused.is_empty(), "{} of {count} refused:\n{}", refused.len(), shown.join("\n\n"));
}
