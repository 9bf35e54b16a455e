//! Containers made by hand: what no linker writes.

use std::io::Write as _;

use super::*;

/// Where [`loaded`] puts its bytes.
pub(crate) const LOADED_AT: VAddr = VAddr(0x40_0078);

/// A program of these bytes, mapped at [`LOADED_AT`], without sections.
pub(crate) fn loaded(bytes: &[u8]) -> Vec<u8> {
    file(&[(0, 120 + bytes.len() as u64)], &[], b"", bytes)
}

/// A file with these loaded segments (offset, size), sections (name, flags, offset, size), section names and content.
fn file(segments: &[(u64, u64)], sections: &[(u32, u64, u64, u64)], names: &[u8], content: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    let behind = 64 + 56 * segments.len() + content.len();
    for word in [0x40_0000, 64, behind as u64 + names.len() as u64] {
        file.extend(word.to_le_bytes());
    }
    let counts = [64, 56, segments.len() as u16, 64, sections.len() as u16 + 1, sections.len() as u16];
    file.extend([0; 4]);
    counts.iter().for_each(|n| file.extend(n.to_le_bytes()));
    for &(offset, size) in segments {
        file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        [offset, 0x40_0000 + offset, 0, size, size, 0].iter().for_each(|word| file.extend(word.to_le_bytes()));
    }
    file.extend(content);
    file.extend(names);
    for &(name, flags, offset, size) in sections.iter().chain([&(0, 0, behind as u64, names.len() as u64)]) {
        [name, 1].iter().for_each(|word| file.extend(word.to_le_bytes()));
        [flags, 0, offset, size, 0, 0, 0].iter().for_each(|word| file.extend(word.to_le_bytes()));
    }
    file
}

fn refused(file: Vec<u8>) -> String {
    Elf::parse(file).err().expect("it is refused").to_string()
}

#[test]
fn segments_that_all_map_the_whole_file_are_refused() {
    let whole = |n: usize| file(&vec![(0, 100_000); n], &[], b"", &[0; 100_000]);
    assert_eq!(refused(whole(3)), "damaged program headers: the loaded segments are larger than the file");
    let none = file(&[(0, 0); 5000], &[], b"", &[]);
    assert_eq!(refused(none), "damaged program headers: there are 5000 loaded segments");
}

#[test]
fn a_section_name_without_an_end_is_not_kept_once_for_each_section() {
    let names = [&[b'a'; 100_000][..], b"\0.text\0"].concat();
    let elf = Elf::parse(file(&[], &[(0, 0, 0, 0), (100_001, 0, 0, 0)], &names, &[])).expect("an ELF file");
    assert_eq!(elf.sections.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["", ".text", ""]);
}

#[test]
fn a_small_section_does_not_decompress_to_a_thousand_times_the_file() {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&vec![0; 8 << 20]).expect("memory takes all");
    let body = zlib.finish().expect("memory takes all");
    let header: Vec<u8> = [1u64, 8 << 20, 1].iter().flat_map(|word| word.to_le_bytes()).collect();
    let content = [header, body].concat();
    let elf = Elf::parse(file(&[], &[(0, 0x800, 64, content.len() as u64)], b"x\0", &content)).expect("an ELF file");
    let error = elf.section_data(elf.section("x").expect("it is there")).expect_err("it is refused");
    assert_eq!(error.to_string(), "damaged compressed section: it claims far more bytes than the file has");
    assert_eq!(elf.section_head(&elf.sections[0], 6), Err(error), "its head is refused too");
}

#[test]
fn a_name_that_runs_on_for_ever_is_none() {
    let long = [b'x'; 1 << 17];
    assert_eq!(c_str(&long, 0), None);
    assert_eq!(c_str(&[&long[..LONGEST_NAME], b"\0"].concat(), 0).map(str::len), Some(LONGEST_NAME));
}
