//! All targets by the names of their binaries: `cargo +nightly fuzz run -s none dwarf`, without a
//! sanitizer, since gobin has no unsafe code and runs several times as fast so. Those that patch a
//! real program need it in `GOSPECT_FUZZ_SEED`: a small one with uncompressed DWARF (`-ldflags=-compressdwarf=false`).
#![no_main]

use std::sync::OnceLock;

#[path = "../targets.rs"]
mod targets;

use targets::{Runner, TARGETS, Target};

fn runner() -> Runner {
    let name = env!("CARGO_BIN_NAME");
    let (_, target) = TARGETS.into_iter().find(|(n, _)| *n == name).expect("a binary is called as its target");
    let seed = match target {
        Target::File | Target::Code | Target::Names => Vec::new(),
        Target::Patch(_) | Target::Cut => {
            let path = std::env::var_os("GOSPECT_FUZZ_SEED").expect("GOSPECT_FUZZ_SEED names a Go program");
            std::fs::read(path).expect("the seed can be read")
        }
    };
    Runner::new(target, seed)
}

static RUNNER: OnceLock<Runner> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|input: &[u8]| RUNNER.get_or_init(runner).run(input));
