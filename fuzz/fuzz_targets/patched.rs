//! `GOSPECT_FUZZ_SEED` names a small Go program with uncompressed DWARF, `GOSPECT_FUZZ_PART` one of the parts.
#![no_main]
#[allow(dead_code)]
#[path = "../targets.rs"]
mod targets;

use std::sync::OnceLock;

static PATCHER: OnceLock<targets::Patcher> = OnceLock::new();

fn patcher() -> targets::Patcher {
    let seed = std::env::var_os("GOSPECT_FUZZ_SEED").expect("set GOSPECT_FUZZ_SEED to a Go program");
    let name = std::env::var("GOSPECT_FUZZ_PART").unwrap_or_else(|_| "types".to_owned());
    let part = targets::PARTS.iter().find(|(n, _)| *n == name).expect("GOSPECT_FUZZ_PART: elf, pclntab, types, dwarf, text");
    targets::Patcher::new(std::fs::read(seed).expect("the seed can be read"), part.1)
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| PATCHER.get_or_init(patcher).run(input));
