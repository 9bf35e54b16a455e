//! Descriptors made by hand: what no compiler writes.

use std::time::{Duration, Instant};

use super::*;
use crate::elf::tests::{LOADED_AT, loaded};

/// Bytes of descriptors, at [`LOADED_AT`] and with it as the start of types.
struct Made {
    bytes: Vec<u8>,
}

impl Made {
    fn new(size: usize) -> Made {
        Made { bytes: vec![0; size] }
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&mut self, at: usize, word: u64) {
        self.put(at, &word.to_le_bytes());
    }

    fn pointer(&mut self, at: usize, to: usize) {
        self.word(at, LOADED_AT.0 + to as u64);
    }

    /// A descriptor's header; its name stands at the same place for all.
    fn descriptor(&mut self, at: usize, kind: u8, flags: u8) {
        self.word(at, 8);
        self.bytes[at + TFLAG] = flags;
        self.bytes[at + KIND] = kind;
        self.put(at + STR, &8u32.to_le_bytes());
        self.put(8, b"\0\x01T");
    }

    fn list(&mut self, at: usize, first: usize, len: u64) {
        self.pointer(at, first);
        self.word(at + 8, len);
    }

    fn check<T>(self, itabs: Option<(usize, u64)>, ask: impl FnOnce(RuntimeTypes) -> T) -> T {
        let end = LOADED_AT.plus(self.bytes.len() as u64);
        let elf = Elf::parse(loaded(&self.bytes)).expect("an ELF file");
        let at = |n: usize| LOADED_AT.plus(n as u64);
        let data = DataLayout {
            types: LOADED_AT,
            etypes: end,
            gofunc: LOADED_AT,
            typelinks: Some((at(16), 1)),
            itablinks: itabs.map(|(first, count)| (at(first), count)),
            typedesc_len: None,
            itabs: None,
        };
        let module = Moduledata { addr: LOADED_AT, found_by: "", text: LOADED_AT, etext: end, data: Some(data) };
        let go = GoVersion::parse("go1.26.1");
        let start = Instant::now();
        let answer = ask(RuntimeTypes::new(&elf, &module, Some(&go)).expect("there are types"));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        answer
    }
}

#[test]
fn fields_that_share_one_long_name_are_not_kept() {
    let mut made = Made::new(1 << 21);
    made.descriptor(64, kind::STRUCT, 0);
    made.list(64 + LIST as usize, 4096, MOST);
    for field in 0..MOST as usize {
        made.pointer(4096 + 24 * field, 200);
        made.pointer(4096 + 24 * field + 8, 64);
    }
    made.put(200, &[0, 0xff, 0x7f]);
    made.put(203, &[b'x'; 3000]);
    assert_eq!(made.check(None, |types| types.resolve(TypeRef::Runtime(LOADED_AT.plus(64)))), None);
}

#[test]
fn functions_whose_parameters_are_such_functions_have_a_name_soon() {
    let mut made = Made::new(1 << 16);
    for depth in 0..10 {
        let at = 64 + 4096 * depth;
        made.descriptor(at, kind::FUNC, 0);
        made.put(at + 48, &300u16.to_le_bytes());
        (0..300).for_each(|i| made.pointer(at + 56 + 8 * i, 64 + 4096 * (depth + 1)));
    }
    made.descriptor(64 + 40960, kind::INT, NAMED);
    let name = made.check(None, |types| types.full_name(LOADED_AT.plus(64)));
    assert_eq!(name.as_deref(), Some("T"), "the runtime's own name stands for one that is too long");
}

#[test]
fn a_function_of_more_parameters_than_anybody_writes_is_none() {
    let mut made = Made::new(1 << 20);
    made.descriptor(64, kind::FUNC, 0);
    made.put(64 + 48, &[0xff, 0xff]);
    (0..70_000).for_each(|i| made.pointer(64 + 56 + 8 * i, 64));
    assert_eq!(made.check(None, |types| types.func(LOADED_AT.plus(64))), None);
}

#[test]
fn descriptors_that_all_claim_the_same_long_list_cost_no_more_than_the_file() {
    const SIZE: usize = 1 << 21;
    let mut made = Made::new(SIZE);
    made.put(16, &64u32.to_le_bytes());
    for i in 0..10_000 {
        let at = 64 + 80 * i;
        made.descriptor(at, kind::INTERFACE, 0);
        made.list(at + LIST as usize, 1 << 20, MOST);
        // The next one is reached from this one.
        made.put(at + POINTER_TO_THIS, &(at as u32 + 80).to_le_bytes());
    }
    for i in 0..MOST as usize {
        made.put((1 << 20) + 8 * i, &[8, 0, 0, 0, 64, 0, 0, 0]);
    }
    assert!(made.check(None, |types| types.all().len()) <= SIZE / 8 / MOST as usize + 1);
}

#[test]
fn itabs_that_all_have_the_same_long_list_are_not_all_kept() {
    const SIZE: usize = 1 << 21;
    let mut made = Made::new(SIZE);
    made.descriptor(64, kind::INTERFACE, 0);
    made.list(64 + LIST as usize, 1 << 20, MOST);
    (0..MOST as usize).for_each(|i| made.put((1 << 20) + 8 * i, &[8, 0, 0, 0, 64, 0, 0, 0]));
    (0..2).for_each(|i| made.pointer(4096 + 8 * i, 64));
    (0..MOST as usize).for_each(|i| made.pointer(4096 + 24 + 8 * i, 64));
    (0..1000).for_each(|i| made.pointer((3 << 19) + 8 * i, 4096));
    let kept = made.check(Some((3 << 19, 1000)), |types| {
        types.itabs().iter().map(|itab| itab.methods.len()).sum::<usize>() + types.method_signatures(None).len()
    });
    assert!((1..=SIZE / 8 + 1).contains(&kept), "{kept}");
}
