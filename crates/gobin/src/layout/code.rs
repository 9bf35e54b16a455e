//! What the code of a few runtime functions tells about layout: the offsets it uses, the variables it names.
//!
//! For stripped files, and as a check of the version table. Each rule is about one function that every Go release
//! since 1.19 keeps out of line, and looks for an instruction that can only be the one meant; where it is
//! missing the rule answers nothing. Builds with `-N -l` and lock ranking call other lock functions, hence [`LOCKS`].
//!
//! Reads forward without following jumps: enough for offsets and addresses, no claim about control flow.

use iced_x86::{Code as Op, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use crate::addr::VAddr;
use crate::elf::Arch;

/// A function's code and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The machine it is for.
    pub arch: Arch,
    /// Where its first byte is.
    pub entry: VAddr,
    /// All of it.
    pub bytes: &'a [u8],
}

/// The functions that take a runtime mutex, whichever of them a build calls.
pub(super) const LOCKS: [&str; 3] = ["runtime.lock2", "runtime.lock", "runtime.lockWithRank"];

/// What an instruction does that the rules can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Calls this address.
    Call(VAddr),
    /// Computes this address.
    Address(VAddr),
    /// Reads or writes so many bytes there.
    Access(VAddr, u64),
    /// Publishes a value there: an exchange, or a store with release.
    Publish(VAddr),
    /// Writes one byte at this offset from a pointer that is not the stack's.
    StoreByte(u64),
    /// Compares and swaps a 32-bit word at this offset from a pointer.
    CompareAndSwap(u64),
    /// Compares a register with this number.
    Compare(u64),
}

/// `g.atomicstatus`, from `runtime.casgstatus`: what its first compare-and-swap works on.
pub(super) fn status_offset(casgstatus: Code) -> Option<u64> {
    steps(casgstatus).into_iter().find_map(|s| if let Step::CompareAndSwap(offset) = s { Some(offset) } else { None })
}

/// `g.waitreason`, from `runtime.gopark`: its first byte store.
pub(super) fn wait_reason_offset(gopark: Code) -> Option<u64> {
    steps(gopark).into_iter().find_map(|s| if let Step::StoreByte(offset) = s { Some(offset) } else { None })
}

/// `runtime.allgs`, from `runtime.allgadd`: the slice that it appends to once it holds the lock. Its three words stand
/// side by side, and are the first different global words that it uses.
pub(super) fn appended_slice(allgadd: Code, locks: &[VAddr]) -> Option<VAddr> {
    let steps = steps(allgadd);
    let locked = steps.iter().position(|s| is_call_to(s, locks))?;
    let mut words = Vec::with_capacity(3);
    for step in &steps[locked..] {
        if let Step::Access(at, 8) = step
            && words.len() < 3
            && !words.contains(at)
        {
            words.push(*at);
        }
    }
    words.sort_unstable();
    let first = *words.first()?;
    (words == [first, first.plus(8), first.plus(16)]).then_some(first)
}

/// `runtime.allgptr` and `runtime.allglen`, from `runtime.allgadd`: what it publishes, in that order.
pub(super) fn published(allgadd: Code) -> Option<(VAddr, VAddr)> {
    let mut found = steps(allgadd).into_iter().filter_map(|s| if let Step::Publish(at) = s { Some(at) } else { None });
    let pair = (found.next()?, found.next()?);
    found.next().is_none().then_some(pair)
}

/// `runtime.allm`, from `runtime.mexit`: the one address that it takes when it has taken a mutex, but for the mutex's
/// own, which it takes to let go.
pub(super) fn address_behind_lock(mexit: Code, locks: &[VAddr]) -> Option<VAddr> {
    let steps = steps(mexit);
    let address = |step: &Step| if let Step::Address(at) = step { Some(*at) } else { None };
    let calls = (0..steps.len()).filter(|&n| is_call_to(&steps[n], locks));
    let mut found = calls.filter_map(|call| {
        let mutex = steps[..call].iter().rev().find_map(address)?;
        steps[call..].iter().find_map(address).filter(|at| *at != mutex)
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// `runtime.waitReasonStrings` and its length, from `runtime.waitReason.String`.
pub(super) fn string_table(string: Code) -> Option<(VAddr, u64)> {
    let steps = steps(string);
    let count = steps.iter().find_map(|s| if let Step::Compare(n) = s { Some(*n) } else { None })?;
    let table = steps.iter().rev().find_map(|s| if let Step::Address(at) = s { Some(*at) } else { None })?;
    Some((table, count))
}

fn is_call_to(step: &Step, functions: &[VAddr]) -> bool {
    matches!(step, Step::Call(target) if functions.contains(target))
}

fn steps(code: Code) -> Vec<Step> {
    match code.arch {
        Arch::Amd64 => amd64(code),
        Arch::Arm64 => arm64(code),
    }
}

fn amd64(code: Code) -> Vec<Step> {
    let mut found = Vec::new();
    let mut addresses = [None; 16];
    for instruction in Decoder::with_ip(64, code.bytes, code.entry.0, DecoderOptions::NONE).iter() {
        if instruction.is_invalid() {
            break;
        }
        if let Some(step) = amd64_step(&instruction, &addresses) {
            found.push(step);
        }
        if instruction.op0_kind() == OpKind::Register && instruction.op0_register().is_gpr() {
            let address = (instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand())
                .then(|| VAddr(instruction.ip_rel_memory_address()));
            addresses[instruction.op0_register().full_register().number() % 16] = address;
        }
    }
    found
}

fn amd64_step(i: &Instruction, addresses: &[Option<VAddr>; 16]) -> Option<Step> {
    if i.is_call_near() {
        return Some(Step::Call(VAddr(i.near_branch_target())));
    }
    if i.mnemonic() == Mnemonic::Cmp && i.op0_kind() == OpKind::Register && i.op1_kind() == OpKind::Immediate8 {
        return Some(Step::Compare(i.immediate(1)));
    }
    let memory = (0..i.op_count()).any(|n| i.op_kind(n) == OpKind::Memory);
    if !memory {
        return None;
    }
    if i.is_ip_rel_memory_operand() {
        let at = VAddr(i.ip_rel_memory_address());
        return Some(match i.mnemonic() {
            Mnemonic::Lea => Step::Address(at),
            Mnemonic::Xchg => Step::Publish(at),
            _ => Step::Access(at, i.memory_size().size() as u64),
        });
    }
    if i.memory_index() != Register::None || i.memory_base() == Register::RSP || !i.memory_base().is_gpr64() {
        return None;
    }
    let offset = i.memory_displacement64();
    match i.code() {
        Op::Cmpxchg_rm32_r32 if i.has_lock_prefix() => Some(Step::CompareAndSwap(offset)),
        Op::Mov_rm8_r8 => Some(Step::StoreByte(offset)),
        Op::Xchg_rm64_r64 if offset == 0 => addresses[i.memory_base().number() % 16].map(Step::Publish),
        _ => None,
    }
}

/// What an arm64 register is known to hold.
#[derive(Clone, Copy)]
enum Held {
    Unknown,
    Address(VAddr),
    /// Another register plus this.
    Offset(u64),
}

impl Held {
    fn address(self, plus: u64) -> Option<VAddr> {
        if let Held::Address(at) = self { Some(at.plus(plus)) } else { None }
    }

    fn offset(self) -> Option<u64> {
        if let Held::Offset(offset) = self { Some(offset) } else { None }
    }
}

fn arm64(code: Code) -> Vec<Step> {
    let mut found = Vec::new();
    let mut held = [Held::Unknown; 32];
    let mut pc = code.entry;
    for word in code.bytes.chunks_exact(4) {
        arm64_step(crate::elf::u32_at(word), pc, &mut held, &mut found);
        pc = pc.plus(4);
    }
    found
}

/// Patterns follow the Arm Architecture Reference Manual, C4.1.
fn arm64_step(word: u32, pc: VAddr, held: &mut [Held; 32], found: &mut Vec<Step>) {
    let d = (word & 31) as usize;
    let base = held[(word >> 5 & 31) as usize];
    let imm12 = u64::from(word >> 10 & 0xfff);
    let is = |mask: u32, value: u32| word & mask == value;

    if is(0xfc00_0000, 0x9400_0000) {
        found.push(Step::Call(branch_target(word, pc)));
    } else if is(0x9f00_0000, 0x9000_0000) {
        held[d] = Held::Address(page(word, pc));
    } else if is(0xff80_0000, 0x9100_0000) {
        let by = if word & 0x40_0000 == 0 { imm12 } else { imm12 << 12 };
        held[d] = base.address(by).map_or(Held::Offset(by), Held::Address);
        found.extend(base.address(by).map(Step::Address));
    } else if is(0xffc0_0000, 0xa940_0000) {
        let by = (sign_extend(word >> 15 & 0x7f, 7) * 8).cast_unsigned();
        found.extend(base.address(by).map(|at| Step::Access(at, 8)));
        found.extend(base.address(by.wrapping_add(8)).map(|at| Step::Access(at, 8)));
        held[d] = Held::Unknown;
        held[(word >> 10 & 31) as usize] = Held::Unknown;
    } else if is(0x3f00_0000, 0x3900_0000) {
        found.extend(arm64_load_or_store(word, base));
        if word & 0xc0_0000 != 0 {
            held[d] = Held::Unknown;
        }
    } else if is(0xffff_fc00, 0xc89f_fc00) {
        found.extend(base.address(0).map(Step::Publish)); // stlr
    } else if is(0xffe0_fc00, 0x88e0_fc00) || is(0xffff_fc00, 0x885f_fc00) {
        found.extend(base.offset().map(Step::CompareAndSwap)); // casal, ldaxr
    } else if is(0xffc0_001f, 0x7100_001f) {
        found.push(Step::Compare(imm12));
    }
}

/// `ldr` and `str` of an integer of any width, with an unsigned offset.
fn arm64_load_or_store(word: u32, base: Held) -> Option<Step> {
    let width = 1u64 << (word >> 30);
    let imm12 = u64::from(word >> 10 & 0xfff);
    let store = word & 0xc0_0000 == 0;
    let stack = word >> 5 & 31 == 31;
    match base.address(imm12 * width) {
        Some(at) => Some(Step::Access(at, width)),
        None => (store && width == 1 && !stack).then_some(Step::StoreByte(imm12)),
    }
}

fn branch_target(word: u32, pc: VAddr) -> VAddr {
    pc.plus((sign_extend(word & 0x3ff_ffff, 26) * 4).cast_unsigned())
}

fn page(word: u32, pc: VAddr) -> VAddr {
    let pages = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
    VAddr(pc.0 & !0xfff).plus((sign_extend(pages, 21) << 12).cast_unsigned())
}

fn sign_extend(value: u32, bits: u32) -> i64 {
    (i64::from(value) << (64 - bits)) >> (64 - bits)
}
