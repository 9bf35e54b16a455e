//! Function tables made by hand: what no linker writes.

use std::time::{Duration, Instant};

use super::*;
use crate::elf::tests::{LOADED_AT, loaded};

/// A table of functions that start at these offsets and end at the last; all of them have the same row, whose tables of
/// lines, files and inlined calls are `values`.
fn table(entries: &[u32], values: &[u8]) -> Elf {
    let (names, units, files) = (b"\0a\0".as_slice(), [0u8; 4], b"f\0");
    let mut at = HEADER;
    let mut parts = Vec::new();
    for part in [names, &units, files, values] {
        parts.push(at);
        at += part.len() as u64;
    }
    let mut bytes = MAGIC_1_20.to_le_bytes().to_vec();
    bytes.extend([0, 0, 1, 8]);
    let words = [entries.len() as u64 - 1, 1, 0, parts[0], parts[1], parts[2], parts[3], at];
    words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    [names, &units, files, values].iter().for_each(|part| bytes.extend(*part));
    let row = 8 * entries.len() as u32;
    entries.iter().for_each(|entry| [*entry, row].iter().for_each(|n| bytes.extend(n.to_le_bytes())));
    for field in [0u32, 1, 0, 0, 0, 1, 1, 3, 0, 1, 0, 1, 1, 1] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(bytes.len() + (*entries.iter().max().expect("there are some") as usize).min(1 << 22), 0);
    Elf::parse(loaded(&bytes)).expect("an ELF file")
}

fn read(elf: &Elf) -> Result<Pclntab<'_>, Error> {
    find(elf).map(|header| Pclntab::new(elf, header))
}

#[test]
fn a_table_made_by_hand_is_read() {
    let elf = table(&[0, 16, 32], &[0, 2, 16, 0]);
    let table = read(&elf).expect("it is found");
    assert_eq!(table.header.addr, LOADED_AT);
    let row = table.row_at(20).expect("there is code");
    assert_eq!((row.name(), row.index, row.file_line(15), row.file_line(16)), ("a", 1, Some(("f", 0)), None));
}

#[test]
fn functions_that_overlap_are_no_table() {
    for entries in [[0, 32, 16, 48], [0, 16, 32, 24], [0, 16, 32, u32::MAX]] {
        let error = read(&table(&entries, &[0, 2, 16, 0])).err().expect("it is refused");
        assert_eq!(error.to_string(), "damaged function table: its functions do not follow one another");
    }
}

/// Asks every function for everything that its tables say.
fn ask(elf: &Elf) -> Duration {
    let table = read(elf).expect("it is found");
    let tree = [0; 1 << 20];
    let start = Instant::now();
    for row in (0..table.len()).filter_map(|i| table.row(i)) {
        let calls = (row.inlined_calls(&tree), row.inlined_name_offsets(&tree).count());
        std::hint::black_box((row.file_line(15), row.inlined_at(&tree, 15), calls));
    }
    start.elapsed()
}

#[test]
fn a_long_table_that_all_functions_share_costs_each_no_more_than_its_own_size() {
    let entries: Vec<u32> = (0..20_000).map(|i| 16 * i).collect();
    for step in [[2, 1], [2, 0], [1, 0x7f]] {
        let took = ask(&table(&entries, &[&[0][..], &step.repeat(500_000)].concat()));
        assert!(took < Duration::from_secs(5), "{step:?}: {took:?}");
    }
}

#[test]
fn a_large_function_with_many_inlined_calls_is_read_once_and_not_once_for_each() {
    let took = ask(&table(&[0, 1 << 20], &[&[0][..], &[2, 1].repeat(1 << 20)].concat()));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
