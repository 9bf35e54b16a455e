use super::{run, source};
use crate::parse;

#[path = "../../../tests/common/random.rs"]
mod random;

use random::{NAMES, script};

#[test]
fn random_scripts_are_right() {
    for seed in 0..2000 {
        let text = script(seed, NAMES);
        let (checked, told) = run(&text, &["7"]);
        assert!(checked.plan.is_some(), "{text}\n{told}");
    }
}

#[test]
fn random_scripts_read_as_they_are_written() {
    for seed in 0..500 {
        let text = script(seed, NAMES);
        let once = parse(&source(&text)).0.to_string();
        let (again, messages) = parse(&source(&once));
        assert_eq!(messages, [], "{once}");
        assert_eq!(again.to_string(), once);
    }
}

/// Losing, doubling or changing a byte of a right script never makes the checker panic, and never leaves it without
/// both a plan and a reason why there is none.
#[test]
fn damaged_scripts_are_told_about() {
    for seed in 0..3000u64 {
        let mut text = script(seed % 300, NAMES).into_bytes();
        let at = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % text.len();
        match seed % 4 {
            0 => _ = text.remove(at),
            1 => text.insert(at, text[at]),
            2 => text[at] = b" (){}[]@$\"/,;=+-*.x0"[seed as usize / 4 % 20],
            _ => text.truncate(at),
        }
        let text = String::from_utf8(text).expect("scripts are ASCII");
        let (checked, told) = run(&text, &["7"]);
        assert!(checked.plan.is_some() || !told.is_empty(), "{text}");
    }
}
