//! Reading common instructions by a table, and passing over them, must not change what is found. Here the same functions
//! are swept once more with iced alone.

use super::{Code, Sites, Sweep, Written, find};
use crate::addr::VAddr;
use crate::elf::Arch;
use crate::insn::amd64::{ByIced, Decoder};

const ENTRY: VAddr = VAddr(0x40_1000);
/// Where calls go that mean something.
const MORESTACK: VAddr = VAddr(ENTRY.0 + 0x1000);
const DEFERRETURN: VAddr = VAddr(ENTRY.0 + 0x2000);

fn check(bytes: &[u8]) -> Sites {
    let code = Code {
        arch: Arch::Amd64,
        entry: ENTRY,
        bytes,
        written: Written::Go,
        deferreturn: Some(DEFERRETURN),
        morestack: &[MORESTACK],
    };
    let found = find(&code);
    assert_eq!(found, Sweep::new(&code).run(ByIced(Decoder::new(ENTRY, bytes))), "{bytes:x?}");
    found
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// What functions are made of; `?` is a byte of any value.
const PIECES: [&str; 24] = [
    "49 3b 66 10 76 ?",
    "55 48 89 e5",
    "48 83 ec 18",
    "48 8b 44 24 ?",
    "48 89 44 24 ?",
    "48 8d 05 ? 00 00 00",
    "48 63 0c ca",
    "ff e1",
    "ff 24 c5 ? ? ? ?",
    "ff d1",
    "48 b8 ? ? ? ? ? ? ? ?",
    "66 0f ef c0",
    "f2 0f 10 44 24 ?",
    "c5 f9 6f 00",
    "f0 48 0f b1 0b",
    "48 f7 c1 ? ? ? ?",
    "48 f7 d9",
    "0f 84 ? 00 00 00",
    "7e ?",
    "eb ?",
    "0f 1f 44 00 00",
    "5d c3",
    "cc cc cc",
    "? ? ?",
];

fn piece(random: &mut Random, at: usize) -> Vec<u8> {
    let call = |to: VAddr| (to.0 - ENTRY.0) as u32 - at as u32 - 5;
    let jump = |distance: u32| [&[0xe9][..], &distance.to_le_bytes()].concat();
    match random.below(PIECES.len() + 3) {
        24 => [&[0xe8][..], &call(MORESTACK).to_le_bytes()].concat(),
        25 => [&[0xe8][..], &call(DEFERRETURN).to_le_bytes()].concat(),
        26 => jump(0u32.wrapping_sub(at as u32 + 5)),
        i => PIECES[i].split(' ').map(|b| u8::from_str_radix(b, 16).unwrap_or(random.next() as u8)).collect(),
    }
}

#[test]
fn functions_made_of_pieces_have_the_sites_that_iced_alone_finds() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut entries, mut returns) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.below(40) {
            bytes.extend(piece(&mut random, bytes.len()));
        }
        bytes.truncate(bytes.len() - random.below(4).min(bytes.len()));
        let found = check(&bytes);
        entries += usize::from(found.entry.is_ok());
        returns += usize::from(found.returns.is_ok());
    }
    assert_eq!((entries, returns), (16_753, 1_054));
}

#[test]
fn random_bytes_have_the_sites_that_iced_alone_finds() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let decoded: usize = (0..20_000)
        .map(|_| {
            let bytes: Vec<u8> = (0..random.below(100)).map(|_| random.next() as u8).collect();
            check(&bytes).decoded_to as usize
        })
        .sum();
    assert_eq!(decoded, 296_091);
}
