//! AArch64: control flow and effects by bit pattern, text by yaxpeax-arm.
//!
//! Every instruction has four bytes and the patterns of control flow are complete, so a word that no table knows
//! still has a length and runs on to the next. Prices follow arch/arm64/kernel/probes of Linux 5.10 to 7.0; where
//! these differ (literal loads, hints), what only some of them allow is refused.

use std::collections::BTreeMap;

use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

use super::{ArgumentRegisters, Class, Flow, Insn, Machine, Prologue, Undecodable, Unprobeable};
use crate::addr::VAddr;

const SP: u32 = 31;
/// R0 to R15 carry integer arguments, R26 the closure context, R28 is g, R30 the return address.
const OF_CALLER: u32 = 0xffff | 1 << 26 | 1 << 28 | 1 << 30;

/// A function being decoded.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    entry: u64,
    at: u32,
    next: u32,
    /// The instruction; 0 for what is none.
    word: u32,
    /// Whether the instruction before this one may run on into it.
    falls: bool,
    /// Registers that were loaded from a table and not used since.
    tables: u32,
    /// Where literals stand that an instruction so far has loaded, with their size.
    literals: BTreeMap<u32, u32>,
    /// A register that holds an address this far below SP at entry: large frames are set up through one.
    frame: Option<(u32, u32)>,
    /// What `adrp` left in a register, for the text.
    page: Option<(u32, u64)>,
}

impl<'a> Decoder<'a> {
    /// Starts at a function's first byte.
    #[must_use]
    pub fn new(entry: VAddr, bytes: &'a [u8]) -> Decoder<'a> {
        let entry = entry.0;
        let (tables, literals) = (0, BTreeMap::new());
        Decoder { bytes, entry, at: 0, next: 0, word: 0, falls: true, tables, literals, frame: None, page: None }
    }

    fn pc(&self) -> u64 {
        self.entry.wrapping_add(u64::from(self.at))
    }

    fn relative(&self, offset: i64) -> VAddr {
        VAddr(self.pc().wrapping_add_signed(offset))
    }

    fn undecodable(&self, cut: bool) -> Undecodable {
        Undecodable { at: self.at, byte: self.bytes.get(self.at as usize).copied().unwrap_or_default(), cut }
    }

    /// How many bytes here are no instruction: filling, a literal that an instruction before it loads, or a word that
    /// is no instruction where none would run (the assembler of Go up to 1.22 leaves literals behind that nothing
    /// loads).
    fn data_here(&self, rest: &[u8]) -> Option<u32> {
        let literal = if self.literals.is_empty() { None } else { self.literals.get(&self.at) };
        if let Some(&size) = literal.filter(|&&size| size as usize <= rest.len()) {
            return Some(size);
        }
        match rest.first_chunk() {
            Some([0, 0, 0, 0]) => Some(4),
            Some(word) => (!self.falls && is_unallocated(u32::from_le_bytes(*word))).then_some(4),
            None => rest.iter().all(|&b| b == 0).then_some(rest.len() as u32),
        }
    }

    fn note_literal(&mut self) {
        let target = self.relative(imm19(self.word)).0.wrapping_sub(self.entry);
        let Ok(target) = u32::try_from(target) else { return };
        let size = literal_size(self.word);
        if size > 0 && (target as usize) < self.bytes.len() {
            self.literals.insert(target, size);
        }
    }

    fn flow(&mut self) -> Flow {
        let w = self.word;
        match w >> 24 {
            0x14..=0x17 => Flow::Jump(self.relative(imm26(w))),
            0x94..=0x97 => Flow::Call(self.relative(imm26(w))),
            0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Flow::Branch(self.relative(imm19(w))),
            0x36 | 0x37 | 0xb6 | 0xb7 => Flow::Branch(self.relative(imm14(w))),
            0xd6 | 0xd7 => self.register_flow(),
            0xd4 if w & 0xe0_0000 == 0x20_0000 || w & 0xe0_0000 == 0x40_0000 => Flow::Stop,
            _ if w == UNDEF => Flow::Stop,
            _ => self.plain(),
        }
    }

    fn register_flow(&mut self) -> Flow {
        let from_table = self.tables & 1 << rn(self.word) != 0;
        match self.word >> 21 & 0xf {
            0 if from_table => Flow::Switch,
            1 | 9 => Flow::IndirectCall,
            2 if rn(self.word) == 30 || self.word & 0x800 != 0 => Flow::Return,
            0 | 2 | 8 => Flow::IndirectJump,
            _ => Flow::Stop,
        }
    }

    fn plain(&mut self) -> Flow {
        if is_literal_load(self.word) {
            self.note_literal();
        }
        // ldr xT,[xN,xM,lsl #3]; other loads into xT forget it.
        if self.word & 0xffe0_fc00 == 0xf860_7800 {
            self.tables |= 1 << rd(self.word);
        } else if self.word & 0x3a40_0000 == 0x3840_0000 {
            self.tables &= !(1 << rd(self.word));
        }
        Flow::Next
    }

    /// `sub xD,sp,#N` and `sub xD,xD,#N`: how large frames begin.
    fn prepares_frame(&mut self, depth: u32) {
        let w = self.word;
        let base = match self.frame {
            _ if rn(w) == SP => Some(depth),
            Some((register, below)) if rn(w) == register => Some(below),
            _ => None,
        };
        let below = base.and_then(|b| b.checked_add(add_immediate(w)));
        if w & 0xff80_0000 == SUB_IMMEDIATE {
            self.frame = below.map(|b| (rd(w), b));
        }
    }

    /// Addition and subtraction of a constant.
    fn arithmetic(&mut self, depth: u32) -> Option<u32> {
        let w = self.word;
        let flags_only = w & 1 << 29 != 0 && rd(w) == SP;
        match (rd(w), rn(w)) {
            _ if flags_only => Some(depth),
            (SP, SP) if w & 0xff80_0000 == SUB_IMMEDIATE => depth.checked_add(add_immediate(w)),
            // mov sp,xN
            (SP, n) if w & 0xffff_fc00 == 0x9100_0000 => self.frame.filter(|f| f.0 == n).map(|f| f.1),
            (SP, _) => None,
            (d, _) => {
                self.prepares_frame(depth);
                own(d).then_some(depth)
            }
        }
    }

    fn pair(&self, depth: u32) -> Option<u32> {
        let w = self.word;
        let (load, vector) = (w & 1 << 22 != 0, w & 1 << 26 != 0);
        let mode = w >> 23 & 3;
        let size = 4u32 << if vector { w >> 30 } else { w >> 31 };
        let offset = (((w << 10) as i32) >> 25) * size as i32;
        if load {
            let free = |r: u32| if vector { r >= 16 } else { own(r) };
            let written = free(rd(w)) && free(rt2(w));
            return (mode & 1 == 0 && written).then_some(depth);
        }
        let spills = rd(w) < 16 && rt2(w) < 16;
        self.stores(depth, offset, 2 * size, mode == 3, spills).filter(|_| mode >= 2)
    }

    fn single(&self, depth: u32) -> Option<u32> {
        let w = self.word;
        let vector = w & 1 << 26 != 0;
        let opcode = w >> 22 & 3;
        let loads = if vector { opcode & 1 != 0 } else { opcode != 0 };
        let unsigned = w & 1 << 24 != 0;
        let size = 1u32 << if vector { w >> 30 | (w >> 21 & 4) } else { w >> 30 };
        if loads {
            let writeback = !unsigned && w & 1 << 21 == 0 && w & 1 << 10 != 0;
            let atomic = !unsigned && w & 1 << 21 != 0 && w >> 10 & 3 != 2;
            let written = if vector { rd(w) >= 16 } else { own(rd(w)) };
            return (!writeback && !atomic && written).then_some(depth);
        }
        let spills = rd(w) < 16;
        if unsigned {
            return self.stores(depth, ((w >> 10 & 0xfff) * size) as i32, size, false, spills);
        }
        let offset = ((w << 11) as i32) >> 23;
        match (w >> 21 & 1, w >> 10 & 3) {
            (0, 0) => self.stores(depth, offset, size, false, spills),
            (0, 3) => self.stores(depth, offset, size, true, spills),
            _ => None,
        }
    }

    /// A store at `offset` from its base register. Only the stack is the function's own: what lies below SP at entry,
    /// and above it the places where arguments are spilled.
    fn stores(&self, depth: u32, offset: i32, size: u32, moves: bool, spills: bool) -> Option<u32> {
        let below = match self.frame {
            _ if rn(self.word) == SP => depth,
            Some((register, below)) if rn(self.word) == register && !moves => below,
            _ => return None,
        };
        let end = i64::from(offset) + i64::from(size);
        if !spills && end > i64::from(below) {
            return None;
        }
        if moves { u32::try_from(i64::from(depth) - i64::from(offset)).ok() } else { Some(depth) }
    }

    /// What [`Machine::keeps_arguments`] answers, before it is known what became of `frame`.
    fn effect(&mut self, depth: u32) -> Option<u32> {
        let w = self.word;
        match w >> 25 & 0xf {
            0b1000 | 0b1001 if w & 0x1f00_0000 == 0x1100_0000 => self.arithmetic(depth),
            // Bitwise immediates may write SP.
            0b1000 | 0b1001 => (own(rd(w)) && rd(w) != SP).then_some(depth),
            0b0101 | 0b1101 if w & 0x1fe0_0000 == 0x0b20_0000 && rd(w) == SP => None,
            0b0101 | 0b1101 => own(rd(w)).then_some(depth),
            0b0111 | 0b1111 => is_float_compare(w).then_some(depth).or((16..28).contains(&rd(w)).then_some(depth)),
            _ if w & 0x3a00_0000 == 0x2800_0000 => self.pair(depth),
            _ if is_literal_load(w) => None,
            _ if w & 0x3a00_0000 == 0x3800_0000 => self.single(depth),
            _ if w == NOP => Some(depth),
            _ => None,
        }
    }

    /// What stands behind the `$` of its text: the target of a branch, a literal, an address near the code.
    fn relative_target(&mut self) -> Option<VAddr> {
        match self.flow() {
            Flow::Jump(target) | Flow::Branch(target) | Flow::Call(target) => return Some(target),
            _ if is_literal_load(self.word) => return Some(self.relative(imm19(self.word))),
            _ if self.word & 0x1f00_0000 != 0x1000_0000 => return None,
            _ => {}
        }
        let offset = imm19(self.word) | i64::from(self.word >> 29 & 3);
        if self.word >> 31 == 0 {
            return Some(self.relative(offset));
        }
        let page = (self.pc() & !0xfff).wrapping_add_signed(offset << 12);
        self.page = Some((rd(self.word), page));
        Some(VAddr(page))
    }

    /// The address that it computes or reads through what `adrp` left in a register.
    fn address_in_page(&self) -> Option<VAddr> {
        let w = self.word;
        let (register, page) = self.page?;
        let offset = match w {
            _ if rn(w) != register => return None,
            _ if w & 0xff80_0000 == 0x9100_0000 => add_immediate(w),
            _ if w & 0x3b00_0000 == 0x3900_0000 => (w >> 10 & 0xfff) << (w >> 30),
            _ => return None,
        };
        Some(VAddr(page.wrapping_add(u64::from(offset))))
    }

    fn data_text(&self) -> String {
        let rest = self.bytes.get(self.at as usize..self.next as usize).unwrap_or_default();
        let bytes: String = rest.iter().rev().map(|b| format!("{b:02x}")).collect();
        format!(".data 0x{bytes}")
    }
}

impl Machine for Decoder<'_> {
    fn next(&mut self) -> Option<Result<Insn, Undecodable>> {
        self.at = self.next;
        let rest = self.bytes.get(self.at as usize..).filter(|r| !r.is_empty())?;
        if let Some(len) = self.data_here(rest) {
            self.next = self.at.saturating_add(len);
            self.word = 0;
            return Some(Ok(Insn { at: self.at, len, flow: Flow::Data }));
        }
        let Some(word) = rest.first_chunk() else { return Some(Err(self.undecodable(true))) };
        self.word = u32::from_le_bytes(*word);
        if is_unallocated(self.word) {
            return Some(Err(self.undecodable(false)));
        }
        self.next = self.at.saturating_add(4);
        let flow = self.flow();
        self.falls = !matches!(flow, Flow::Return | Flow::Jump(_) | Flow::IndirectJump | Flow::Switch | Flow::Stop);
        Some(Ok(Insn { at: self.at, len: 4, flow }))
    }

    fn price(&self) -> Result<Class, Unprobeable> {
        price_of(self.word)
    }

    fn keeps_arguments(&mut self, depth: u32) -> Option<u32> {
        let kept = self.effect(depth);
        let rewritten = self.frame.is_some_and(|f| f.0 == rd(self.word));
        if rewritten && self.word & 0xff80_0000 != SUB_IMMEDIATE {
            self.frame = None;
        }
        kept
    }

    fn reloads(&mut self) -> Option<ArgumentRegisters> {
        let w = self.word;
        let pair = w & 0x3a40_0000 == 0x2840_0000;
        let single = w & 0x3a40_0000 == 0x3840_0000 || w & 0x3a80_0000 == 0x3880_0000;
        // Far from SP, addresses are made in x27 first.
        if !(pair || single) || !matches!(rn(w), SP | 27) {
            let makes_address = rd(w) == 27 && matches!(w >> 25 & 0xf, 0b1000 | 0b1001 | 0b0101);
            return (w == NOP || makes_address).then(ArgumentRegisters::default);
        }
        let bit = |r: u32| if r < 16 { 1u16 << r } else { 0 };
        let second = if pair { bit(rt2(w)) } else { 0 };
        let loaded = bit(rd(w)) | second;
        let float = w & 1 << 26 != 0;
        Some(ArgumentRegisters { ints: if float { 0 } else { loaded }, floats: if float { loaded } else { 0 } })
    }

    fn text(&mut self, names: &mut dyn FnMut(VAddr) -> Option<String>) -> String {
        if self.word == 0 {
            return self.data_text();
        }
        let mut named = |target: VAddr| names(target).unwrap_or_else(|| target.to_string());
        let text = plain_text(self.word);
        if let (Some(target), Some(dollar)) = (self.relative_target(), text.find('$')) {
            // A page is only the beginning of an address.
            let name = if self.word & 0x9f00_0000 == 0x9000_0000 { target.to_string() } else { named(target) };
            return format!("{}{name}", &text[..dollar]);
        }
        match self.address_in_page() {
            Some(target) => format!("{text}  // {}", named(target)),
            None => text,
        }
    }
}

const NOP: u32 = 0xd503_201f;
/// What Go's assembler writes for UNDEF (seen in Go 1.21): no instruction of any processor.
const UNDEF: u32 = 0xbea7_1700;
/// sub xD,xN,#N.
const SUB_IMMEDIATE: u32 = 0xd100_0000;

fn plain_text(word: u32) -> String {
    let bytes = word.to_le_bytes();
    match InstDecoder::default().decode(&mut U8Reader::new(&bytes)) {
        Ok(insn) => insn.to_string(),
        Err(_) => format!(".word {word:#010x}"),
    }
}

fn rd(word: u32) -> u32 {
    word & 31
}

fn rn(word: u32) -> u32 {
    word >> 5 & 31
}

fn rt2(word: u32) -> u32 {
    word >> 10 & 31
}

/// Whether a function may write the register before it has looked at what the caller handed over; 31 stands for the
/// register that reads as zero.
fn own(register: u32) -> bool {
    OF_CALLER & 1 << register == 0
}

fn imm26(word: u32) -> i64 {
    i64::from(((word << 6) as i32) >> 4)
}

fn imm19(word: u32) -> i64 {
    i64::from((((word >> 5) << 13) as i32) >> 11)
}

fn imm14(word: u32) -> i64 {
    i64::from((((word >> 5) << 18) as i32) >> 16)
}

/// The constant of an addition, shifted as its bit 22 says.
fn add_immediate(word: u32) -> u32 {
    (word >> 10 & 0xfff) << if word & 1 << 22 != 0 { 12 } else { 0 }
}

/// Permanently undefined, or in a group that has no instruction. A word of zeros fills gaps.
fn is_unallocated(word: u32) -> bool {
    word != 0 && matches!(word >> 25 & 0xf, 0b0000 | 0b0001 | 0b0011)
}

fn is_literal_load(word: u32) -> bool {
    word & 0x3b00_0000 == 0x1800_0000
}

/// Bytes that a literal load reads; 0 for a prefetch.
fn literal_size(word: u32) -> u32 {
    match (word >> 26 & 1, word >> 30) {
        (0, 0 | 2) | (1, 0) => 4,
        (0, 1) | (1, 1) => 8,
        (1, 2) => 16,
        _ => 0,
    }
}

fn is_float_compare(word: u32) -> bool {
    word & 0xff20_fc07 == 0x1e20_2000
}

/// What a probe on the first instruction of `bytes` costs.
///
/// # Errors
/// Why there can be none.
pub fn price(bytes: &[u8]) -> Result<Class, Unprobeable> {
    bytes.first_chunk().map_or(Err(Unprobeable::Nothing), |w| price_of(u32::from_le_bytes(*w)))
}

fn price_of(word: u32) -> Result<Class, Unprobeable> {
    match word >> 25 & 0xf {
        0b1010 | 0b1011 => price_of_branch_or_system(word),
        _ if word == 0 || is_unallocated(word) => Err(Unprobeable::Nothing),
        _ if word == UNDEF => Err(Unprobeable::Traps),
        // adr and adrp.
        _ if word & 0x1f00_0000 == 0x1000_0000 => Ok(Class::Emulated),
        _ if is_literal_load(word) => Err(Unprobeable::Literal),
        _ if word & 0x3f80_0000 == 0x0800_0000 => Err(Unprobeable::Exclusive),
        // The three steps of a memory copy or fill must follow one another.
        _ if word & 0x3b20_0c00 == 0x1900_0400 => Err(Unprobeable::Privileged),
        _ => Ok(Class::Stepped),
    }
}

fn price_of_branch_or_system(word: u32) -> Result<Class, Unprobeable> {
    match word >> 24 {
        0x14..=0x17 | 0x94..=0x97 | 0x34..=0x37 | 0xb4..=0xb7 => Ok(Class::Emulated),
        0x54 if word & 1 << 4 == 0 => Ok(Class::Emulated),
        // br, blr, ret; the kinds that check a signature are not simulated.
        0xd6 if word & 0xff9f_fc1f == 0xd61f_0000 && word & 0x60_0000 != 0x60_0000 => Ok(Class::Emulated),
        0xd4 => Err(Unprobeable::Traps),
        0xd5 if is_harmless_system(word) => Ok(Class::Stepped),
        _ => Err(Unprobeable::Privileged),
    }
}

/// nop, bti, paciasp, pacibsp, and barriers.
fn is_harmless_system(word: u32) -> bool {
    let hint = word & 0xffff_f01f == 0xd503_201f;
    let number = word >> 5 & 0x7f;
    let barrier = word & 0xffff_f01f == 0xd503_301f && word >> 5 & 7 >= 4;
    barrier || hint && matches!(number, 0 | 25 | 27 | 32 | 34 | 36 | 38)
}

/// Reads the fixed code that a function starts with:
///
/// ```text
/// small frame:  ldr x16,[x28,#16]; cmp sp,x16; b.ls
/// medium frame: ldr x16,[x28,#16]; sub x17,sp,#N; cmp x17,x16; b.ls
/// huge frame:   ldr x16,[x28,#16]; mov x27,#N; subs x17,sp,x27; b.lo; cmp x17,x16; b.ls
/// ```
///
/// 24 stands for 16 in functions that run on the system stack. Nothing but x16, x17, x27 and flags is written.
#[must_use]
pub fn prologue(bytes: &[u8]) -> Prologue {
    let check = stack_check(bytes);
    Prologue { end: check.unwrap_or(0), checked: check.is_some() }
}

fn stack_check(bytes: &[u8]) -> Option<u32> {
    let word = |i: usize| bytes.get(4 * i..)?.first_chunk().map(|w| u32::from_le_bytes(*w));
    if !matches!(word(0)?, 0xf940_0b90 | 0xf940_0f90) {
        return None;
    }
    let mut at = 1;
    while at < 7 && is_frame_arithmetic(word(at)?) {
        at += 1;
    }
    // Frames so large that the subtraction may wrap.
    if word(at)? & 0xff00_001f == 0x5400_0003 {
        at += 1;
    }
    let compares = matches!(word(at)?, 0xeb30_63ff | 0xeb10_023f);
    let leaves = word(at + 1)? & 0xff00_001f == 0x5400_0009;
    (compares && leaves).then_some(4 * (at as u32 + 2))
}

/// What may stand between the load of the limit and the comparison: the frame's size into x27, SP less that into x17.
fn is_frame_arithmetic(word: u32) -> bool {
    let into_x27 = word & 31 == 27 && matches!(word & 0x1f80_0000, 0x1280_0000 | 0x1200_0000);
    let into_x17 = word & 31 == 17
        && (word & 0xdf80_0000 == 0xd100_0000 && matches!(rn(word), SP | 17) || word & 0xdfe0_0000 == 0xcb20_0000);
    into_x27 || into_x17
}
