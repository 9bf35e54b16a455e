//! Random scripts, each by its seed.

use std::thread;

use gobin::Arch;
use gospect_fixtures::need;
use kernel::engine::Engine;

use crate::random::{Names, large, script};
use crate::target::fake::Fake;
use crate::{engine, load, planned};

/// How many are tried unless more are asked for.
const SCRIPTS: u64 = 200;
/// How many of them are large.
const ONE_LARGE_IN: u64 = 20;

const NAMES: Names<'static> = Names { goroutines: false, ..crate::random::NAMES };

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn text(seed: u64) -> String {
    if seed.is_multiple_of(ONE_LARGE_IN) { large(seed, NAMES) } else { script(seed, NAMES) }
}

/// The seeds that one thread tries: what is refused, and the most that the verifier looked at.
fn tried(engine: &Engine, seeds: impl Iterator<Item = u64>) -> (Vec<String>, (u32, u64)) {
    let (mut refused, mut most) = (Vec::new(), (0, 0));
    for seed in seeds {
        let text = text(seed);
        match planned(&text, &Fake::hooked(Arch::Amd64)).and_then(|plan| load(engine, &plan)) {
            Ok(looked) => most = most.max((looked, seed)),
            Err(why) => refused.push(format!("seed {seed}: {why}\n{text}")),
        }
    }
    (refused, most)
}

#[test]
fn random_scripts_are_emitted_and_loaded() {
    let engine = need!(engine());
    let (first, count) = (asked("GOSPECT_RANDOM_SEED", 0), asked("GOSPECT_RANDOM_SCRIPTS", SCRIPTS));
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let all: Vec<_> = thread::scope(|scope| {
        let run = |n| {
            scope.spawn({
                let engine = &engine;
                move || tried(engine, (first + n..first + count).step_by(threads as usize))
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let refused: Vec<&String> = all.iter().flat_map(|(refused, _)| refused).collect();
    let (most, seed) = all.iter().map(|(_, most)| *most).max().unwrap_or_default();
    println!(
        "{count} scripts from seed {first}; the most that the verifier looked at is {most} instructions, seed {seed}"
    );
    let shown: Vec<String> = refused.iter().take(5).map(|one| one.chars().take(6000).collect()).collect();
    assert!(refused.is_empty(), "{} of {count} refused:\n{}", refused.len(), shown.join("\n\n"));
}
