//! How long the common instructions of x86-64 are and where they go, by tables over two opcode maps.
//!
//! Nearly all that compilers write is of a few forms, and of most instructions nobody asks more than where the next one
//! starts. These forms are read here; whatever else there is (other prefixes, the maps behind `0f 38`, `0f 3a`, VEX and
//! EVEX, opcodes that are valid with some operands only) is no common instruction and left to a whole decoder. A test
//! holds every combination of prefixes, opcode and operands against that one: no length may differ.
//!
//! Follows the opcode maps of Intel's manual (volume 2, appendix A.3), whose words for operands are kept: E stands for a
//! ModRM byte and what follows from it, Ib for a byte, Iz for a word or four bytes, Iv for up to eight.

use super::Flow;
use crate::addr::VAddr;

/// A common instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Common {
    pub len: u32,
    pub flow: Flow,
    /// It takes an address relative to its own (`lea r,[rip+N]`).
    pub takes_address: bool,
}

/// As many bytes as are looked at; no instruction is longer.
pub(super) const WINDOW: usize = 16;

/// What follows an opcode: in the lowest three bits the operands, in the others what else must be looked at.
type Form = u8;
const OPERANDS: Form = 7;
const NONE: Form = 0;
const IB: Form = 1;
const IZ: Form = 2;
const IV: Form = 3;
const E: Form = 4;
/// The immediate is there only if the ModRM's reg field is 0 or 1: `test` among `not`, `neg`, `mul`, `div`.
const TEST: Form = 1 << 3;
/// Only with such a reg field: 0, up to 1, from 4 on.
const REG_0: Form = 2 << 3;
const REG_TO_1: Form = 3 << 3;
const REG_FROM_4: Form = 4 << 3;
/// Only with memory.
const LEA: Form = 5 << 3;
/// `inc`, `dec`, `call`, `jmp`, `push` by the reg field.
const GROUP_5: Form = 6 << 3;
/// All from here on go elsewhere.
const JCC: Form = 7 << 3;
const JMP: Form = 8 << 3;
const CALL: Form = 9 << 3;
const RET: Form = 10 << 3;
const UD2: Form = 11 << 3;
const UNCOMMON: Form = 12 << 3;

/// The map of opcodes of one byte without prefixes but REX.
const fn one_byte(opcode: u8) -> Form {
    match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => E,
            4 => IB,
            5 => IZ,
            _ => UNCOMMON,
        },
        0x50..=0x5f => NONE,
        0x63 | 0x84..=0x8b | 0xd0..=0xd3 => E,
        0x68 | 0xa9 => IZ,
        0x69 | 0x81 => E | IZ,
        0x6a | 0xa8 | 0xb0..=0xb7 => IB,
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 => E | IB,
        0x70..=0x7f => JCC | IB,
        0x8d => E | LEA,
        0x90..=0x99 | 0xa4 | 0xa5 | 0xaa | 0xab | 0xc9 => NONE,
        0xb8..=0xbf => IV,
        0xc3 => RET,
        0xc6 => E | REG_0 | IB,
        0xc7 => E | REG_0 | IZ,
        0xe8 => CALL | IZ,
        0xe9 => JMP | IZ,
        0xeb => JMP | IB,
        0xf6 => E | TEST | IB,
        0xf7 => E | TEST | IZ,
        0xfe => E | REG_TO_1,
        0xff => E | GROUP_5,
        _ => UNCOMMON,
    }
}

/// The map behind `0f` without prefixes but REX: conditions, bits, and arithmetic on packed singles.
const fn two_byte(opcode: u8) -> Form {
    match opcode {
        0x0b => UD2,
        0x10 | 0x11 | 0x14 | 0x15 | 0x1f | 0x28 | 0x29 | 0x2e | 0x2f | 0x40..=0x4f | 0x51..=0x5f => E,
        0x80..=0x8f => JCC | IZ,
        0x90..=0x9f | 0xa3 | 0xa5 | 0xab | 0xad | 0xaf | 0xb0 | 0xb1 | 0xb3 | 0xb6 | 0xb7 | 0xbb..=0xc1 => E,
        0xa2 | 0xc8..=0xcf => NONE,
        0xa4 | 0xac | 0xc6 => E | IB,
        0xba => E | REG_FROM_4 | IB,
        _ => UNCOMMON,
    }
}

/// The map behind `0f` with one of the prefixes that choose another instruction there.
const fn two_byte_prefixed(prefix: u8, opcode: u8) -> Form {
    match (prefix, opcode) {
        (0x66, 0x1f | 0x40..=0x4f | 0xa3 | 0xab | 0xaf | 0xb1 | 0xb3 | 0xb6 | 0xb7 | 0xbb..=0xbf | 0xc1) => E,
        (0x66, 0x10 | 0x11 | 0x14 | 0x15 | 0x28 | 0x29 | 0x2e | 0x2f | 0x51 | 0x54..=0x6f | 0x7e | 0x7f) => E,
        (0x66, 0xd4 | 0xd6 | 0xdb | 0xeb | 0xef | 0xfa | 0xfb | 0xfe) => E,
        (0x66, 0x70) => E | IB,
        (0x66, 0xba) => E | REG_FROM_4 | IB,
        (0xf3, 0x10 | 0x11 | 0x2a | 0x2c | 0x2d | 0x51..=0x53 | 0x58..=0x5f | 0x6f | 0x7e | 0x7f | 0xb8) => E,
        (0xf3, 0xbc | 0xbd) => E,
        (0xf2, 0x10 | 0x11 | 0x2a | 0x2c | 0x2d | 0x51 | 0x58..=0x5a | 0x5c..=0x5f) => E,
        _ => UNCOMMON,
    }
}

/// With 0x66 Iz is a word. What goes elsewhere is uncommon then, since processors disagree on it.
const fn one_byte_prefixed(prefix: u8, opcode: u8) -> Form {
    match (prefix, one_byte(opcode)) {
        (0x66, form) if form < GROUP_5 => form,
        _ => UNCOMMON,
    }
}

/// A prefix's number in the tables; 0 is for none.
const PREFIXES: [u8; 4] = [0, 0x66, 0xf3, 0xf2];

/// For each prefix the map of one byte, then that behind `0f`.
static FORMS: [[[Form; 256]; 2]; 4] = {
    let mut forms = [[[UNCOMMON; 256]; 2]; 4];
    let mut i = 0;
    while i < 4 * 256 {
        let (prefix, opcode) = (i / 256, (i % 256) as u8);
        let [one, two] = match PREFIXES[prefix] {
            0 => [one_byte(opcode), two_byte(opcode)],
            prefix => [one_byte_prefixed(prefix, opcode), two_byte_prefixed(prefix, opcode)],
        };
        forms[prefix][0][i % 256] = one;
        forms[prefix][1][i % 256] = two;
        i += 1;
    }
    forms
};

/// Bytes of a ModRM with SIB and displacement, unless the SIB byte says that there is one more.
static MODRM: [u8; 256] = {
    let mut lengths = [0; 256];
    let mut modrm = 0;
    while modrm < 256 {
        let (mode, rm) = (modrm >> 6, modrm & 7);
        let sib = if mode != 3 && rm == 4 { 1 } else { 0 };
        let displacement = match (mode, rm) {
            (0, 5) | (2, _) => 4,
            (1, _) => 1,
            _ => 0,
        };
        lengths[modrm] = 1 + sib + displacement;
        modrm += 1;
    }
    lengths
};

/// Bytes of an immediate: for REX.W in bit 1 and the prefix 0x66 in bit 0, those of no immediate, Ib, Iz and Iv.
static IMMEDIATES: [[u8; 4]; 4] = [[0, 1, 4, 4], [0, 1, 2, 2], [0, 1, 4, 8], [0, 1, 4, 8]];

/// An instruction behind its prefix, taken apart.
struct Parts {
    form: Form,
    modrm: u8,
    /// There is REX.W.
    wide: bool,
    /// Bytes up to the immediate, and of it.
    head: u32,
    immediate: u32,
}

/// Takes apart what begins with `word`; `prefix` is the number of what stood before it.
#[inline(always)]
fn parts(word: u64, prefix: usize) -> Parts {
    let rex = word & 0xf0 == 0x40;
    let wide = rex && word & 8 != 0;
    let opcode = if rex { word >> 8 } else { word };
    let escaped = opcode & 0xff == 0x0f;
    let opcode = if escaped { opcode >> 8 } else { opcode };
    let form = FORMS[prefix][usize::from(escaped)][usize::from(opcode as u8)];
    let (modrm, sib) = ((opcode >> 8) as u8, (opcode >> 16) as u8);
    let operand = if form & E == 0 { 0 } else { modrm_len(modrm, sib) };
    let immediate = IMMEDIATES[usize::from(wide) << 1 | usize::from(prefix == 1)][usize::from(form & IV)];
    let head = u32::from(rex) + u32::from(escaped) + 1 + u32::from(operand);
    Parts { form, modrm, wide, head, immediate: u32::from(immediate) }
}

/// For each map, opcode and byte behind it: in the lowest four bits the length of an instruction without prefixes that
/// goes on to the next or jumps, in the others what else must be looked at.
type Length = u8;
const LENGTH: Length = 0xf;
/// With a certain SIB byte it is four longer.
const BY_SIB: Length = 0x10;
/// With REX.W it is four longer.
const BY_WIDTH: Length = 0x20;
/// It ends in a distance that it jumps, to go on or not.
const JUMPS: Length = 0x30;
/// With REX.W it takes an address relative to its own.
const ADDRESS: Length = 0x40;
/// It is something else.
const OTHER: Length = 0xf0;

// As many steps as the table has places.
#[allow(long_running_const_eval)]
static LENGTHS: [[Length; 1 << 16]; 2] = {
    let mut lengths = [[OTHER; 1 << 16]; 2];
    let mut i = 0;
    while i < 1 << 16 {
        lengths[0][i] = length(FORMS[0][0][i >> 8], i & 0xff);
        lengths[1][i] = length(FORMS[0][1][i >> 8], i & 0xff);
        i += 1;
    }
    lengths
};

const fn length(form: Form, modrm: usize) -> Length {
    let operand = if form & E == 0 { 0 } else { MODRM[modrm] };
    let len = 1 + operand + IMMEDIATES[0][(form & IV) as usize];
    let (reg, absolute) = (modrm >> 3 & 7, modrm & 0xc7 == 5);
    let by_sib = form & E != 0 && modrm & 0xc7 == 4;
    match form & !OPERANDS {
        JCC | JMP => JUMPS | len,
        LEA if absolute => ADDRESS | len,
        LEA if modrm >= 0xc0 => OTHER,
        REG_0 if reg != 0 => OTHER,
        TEST | REG_TO_1 if reg > 1 => OTHER,
        REG_FROM_4 if reg < 4 => OTHER,
        GROUP_5 if reg != 0 && reg != 1 && reg != 6 => OTHER,
        CALL | RET | UD2 | UNCOMMON => OTHER,
        _ if form == IV => BY_WIDTH | len,
        _ if by_sib => BY_SIB | len,
        _ => len,
    }
}

/// An instruction that goes on to the next, or to another not far.
pub(super) struct Step {
    pub len: u32,
    /// How far behind its end it may go on too; 0 if only there.
    pub jump: i64,
    pub takes_address: bool,
}

/// Reads such an instruction if it has no prefix but REX: by one look into a table, for most.
#[inline(always)]
pub(super) fn step(bytes: &[u8; WINDOW]) -> Option<Step> {
    let word = first_word(bytes);
    let rex = word & 0xf0 == 0x40;
    let opcode = if rex { word >> 8 } else { word };
    let escaped = opcode as u8 == 0x0f;
    let opcode = if escaped { opcode >> 8 } else { opcode };
    let length = LENGTHS[usize::from(escaped)][usize::from((opcode as u16).swap_bytes())];
    let len = u32::from(rex) + u32::from(escaped) + u32::from(length & LENGTH);
    let plain = Step { len, jump: 0, takes_address: false };
    let wide = rex && word & 8 != 0;
    match length & !LENGTH {
        0 => Some(plain),
        JUMPS => Some(Step { jump: distance(word, len, length & LENGTH == 2), ..plain }),
        ADDRESS => Some(Step { takes_address: wide, ..plain }),
        BY_SIB => Some(Step { len: len + if opcode >> 16 & 7 == 5 { 4 } else { 0 }, ..plain }),
        BY_WIDTH => Some(Step { len: len + if wide { 4 } else { 0 }, ..plain }),
        _ => None,
    }
}

/// Reads the instruction at `ip`; `None` if it is not a common one.
#[inline]
pub(super) fn read(bytes: &[u8; WINDOW], ip: VAddr) -> Option<Common> {
    let prefix = PREFIXES.iter().position(|&p| p == bytes[0]).unwrap_or(0);
    let before = u32::from(prefix != 0);
    let Parts { form, modrm, wide, head, immediate } = parts(first_word(bytes) >> (8 * before), prefix);
    let head = before + head;
    let plain = Common { len: head + immediate, flow: Flow::Next, takes_address: false };
    let target = || {
        let distance = distance(first_word(bytes), plain.len, immediate == 1);
        VAddr(ip.0.wrapping_add(u64::from(plain.len)).wrapping_add_signed(distance))
    };
    match form & !OPERANDS {
        0 => Some(plain),
        TEST if modrm & 0x30 != 0 => Some(Common { len: head, ..plain }),
        LEA if modrm < 0xc0 => Some(Common { takes_address: wide && modrm & 0xc7 == 5, ..plain }),
        kind if kind < GROUP_5 => restricted(kind, modrm).then_some(plain),
        kind => Some(Common { flow: flow(kind, modrm, target)?, ..plain }),
    }
}

/// Nothing behind the eighth byte is needed for a length.
#[inline(always)]
fn first_word(bytes: &[u8; WINDOW]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("a window has more than eight bytes"))
}

fn modrm_len(modrm: u8, sib: u8) -> u8 {
    let no_base = modrm & 0xc7 == 4 && sib & 7 == 5;
    MODRM[usize::from(modrm)] + if no_base { 4 } else { 0 }
}

/// Whether the reg field is one with which this is an instruction.
fn restricted(kind: Form, modrm: u8) -> bool {
    let reg = modrm >> 3 & 7;
    match kind {
        TEST => true,
        REG_0 => reg == 0,
        REG_TO_1 => reg < 2,
        REG_FROM_4 => reg >= 4,
        _ => false,
    }
}

fn flow(kind: Form, modrm: u8, target: impl Fn() -> VAddr) -> Option<Flow> {
    match (kind, modrm >> 3 & 7) {
        (GROUP_5, 0 | 1 | 6) => Some(Flow::Next),
        (GROUP_5, 2) => Some(Flow::IndirectCall),
        (JCC, _) => Some(Flow::Branch(target())),
        (JMP, _) => Some(Flow::Jump(target())),
        (CALL, _) => Some(Flow::Call(target())),
        (RET, _) => Some(Flow::Return),
        (UD2, _) => Some(Flow::Stop),
        _ => None,
    }
}

/// How far behind its end an instruction of `len` bytes, up to seven, goes by the distance that it ends in.
#[inline(always)]
fn distance(word: u64, len: u32, short: bool) -> i64 {
    let end = word << (64 - 8 * (len & 7));
    (end as i64) >> if short { 56 } else { 32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insn::amd64::Decoder;

    /// Bytes of operands that no instruction is invalid for: they differ, so that a wrong length shows elsewhere too.
    const REST: [u8; 16] =
        [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08, 0x19, 0x2a, 0x3b, 0x4c, 0x5d, 0x6e, 0x7f, 1];

    /// Compares one instruction; whether it is a common one.
    fn same(head: &[u8]) -> bool {
        let mut bytes = REST;
        bytes[..head.len()].copy_from_slice(head);
        let ip = VAddr(0x1000);
        let Some(common) = read(&bytes, ip) else {
            assert!(step(&bytes).is_none(), "{head:x?}");
            return false;
        };
        if let Some(step) = step(&bytes) {
            let target = match common.flow {
                Flow::Next => 0,
                Flow::Branch(target) | Flow::Jump(target) => target.0 as i64 - (ip.0 + u64::from(step.len)) as i64,
                other => panic!("{head:x?} is {other:?}"),
            };
            let expected = (common.len, target, common.takes_address);
            assert_eq!((step.len, step.jump, step.takes_address), expected, "{head:x?}");
        }
        let mut decoder = Decoder::new(ip, &bytes);
        let whole = decoder.by_iced().map(|(len, flow)| Common { len, flow, takes_address: decoder.since_lea == 0 });
        assert_eq!(whole, Ok(common), "{head:x?}");
        true
    }

    /// Every opcode behind these prefixes, with every ModRM and those SIB bytes that matter; how many are common.
    fn all_behind(prefixes: &[u8]) -> u32 {
        let mut common = 0;
        for (opcode, escaped) in (0..=0xff).flat_map(|op| [(op, false), (op, true)]) {
            for modrm in 0..=0xff {
                for sib in [0x24, 0x25, 0xe5] {
                    let head = [prefixes, if escaped { &[0x0f] } else { &[] }, &[opcode, modrm, sib]].concat();
                    common += u32::from(same(&head));
                }
            }
        }
        common
    }

    /// The numbers are those of the test's own cases, the same with every REX.
    #[test]
    fn every_common_instruction_is_what_iced_makes_of_it() {
        let behind = |rex: &[u8]| [&[][..], &[0x66], &[0xf3], &[0xf2]].map(|p| all_behind(&[p, rex].concat()));
        assert_eq!(behind(&[]), [195_858, 160_253, 16_962, 10_023]);
        for rex in 0x40..=0x4f {
            assert_eq!(behind(&[rex]), [188_661, 154_413, 16_962, 10_023], "{rex:x}");
        }
    }

    #[test]
    fn every_operand_in_memory_has_the_length_that_iced_gives_it() {
        let operands = (0..=0xff).flat_map(|modrm| (0..=0xff).map(move |sib| (modrm, sib)));
        assert_eq!(operands.filter(|&(modrm, sib)| same(&[0x8b, modrm, sib])).count(), 0x1_0000);
    }
}
