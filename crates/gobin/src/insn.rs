//! Machine instructions: how long each is, where it goes next, and what it costs the kernel to have a probe on it.
//!
//! A function is decoded from its first byte to its last, in one pass and without memory for what was passed. What
//! only a few instructions are asked for (price, effect on the caller's values, text) is worked out when it is asked.
//!
//! Not a disassembler of everything: vector arithmetic is told from control flow, not from one another, where nothing
//! here depends on it.

pub mod amd64;
pub mod arm64;

use std::fmt;

use crate::abi;
use crate::addr::VAddr;
use crate::elf::Arch;

/// One decoded instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insn {
    /// Where it starts, counted from the function's first byte.
    pub at: u32,
    /// Its bytes. Only literal pools have more than 15.
    pub len: u32,
    /// What runs after it.
    pub flow: Flow,
}

impl Insn {
    /// Where the next one starts.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.at.saturating_add(self.len)
    }
}

/// What runs after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The next one.
    Next,
    /// The caller.
    Return,
    /// Only the target.
    Jump(VAddr),
    /// The target or the next one.
    Branch(VAddr),
    /// One of the targets in a table, all of them in the same function.
    Switch,
    /// Wherever a register points: a tail call, as far as compiled code is concerned.
    IndirectJump,
    /// The target, and then in most cases the next one.
    Call(VAddr),
    /// Wherever a register points, and then in most cases the next one.
    IndirectCall,
    /// Nothing: the program is stopped here.
    Stop,
    /// It is no instruction at all: filling between functions, or a pool of literals.
    Data,
}

/// What the kernel does about an instruction under a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// It does the instruction's work itself: one trap for each hit.
    Emulated,
    /// It runs a copy of the instruction and traps again behind it: two traps and more.
    Stepped,
}

impl Class {
    /// The word for it in listings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Class::Emulated => "emulated",
            Class::Stepped => "stepped",
        }
    }
}

/// Why the kernel would refuse a probe on an instruction, or do wrong by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unprobeable {
    /// amd64: a prefix that the kernel refuses; `lock` above all.
    Prefix(u8),
    /// amd64: `xchg r8,rax`, which the kernel takes for a nop.
    FalseNop,
    /// amd64: VEX, XOP, EVEX or REX2, named. The kernel looks its opcode up among those of other instructions.
    Encoding(&'static str),
    /// A breakpoint, an interrupt or a halt: it traps by itself.
    Traps,
    /// An instruction for the operating system, or one that the kernel never lists as safe to copy.
    Privileged,
    /// amd64: it loads a segment register, which holds traps back for one instruction.
    MasksTraps,
    /// arm64: an exclusive load or store; a trap between the two makes the pair fail for ever.
    Exclusive,
    /// arm64: it reads a literal relative to its own address, which a copy cannot.
    Literal,
    /// There is no instruction.
    Nothing,
}

impl fmt::Display for Unprobeable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unprobeable::Prefix(0xf0) => write!(f, "it is lock-prefixed, which the kernel refuses"),
            Unprobeable::Prefix(p) => write!(f, "it has the prefix {p:#04x}, which the kernel refuses"),
            Unprobeable::FalseNop => write!(f, "it is an xchg that the kernel takes for a nop"),
            Unprobeable::Encoding(name) => write!(f, "it is {name}-encoded, which no kernel handles safely"),
            Unprobeable::Traps => write!(f, "it traps by itself"),
            Unprobeable::Privileged => write!(f, "it is a system instruction, which the kernel refuses"),
            Unprobeable::MasksTraps => write!(f, "it loads a segment register, which the kernel refuses"),
            Unprobeable::Exclusive => write!(f, "it is an exclusive load or store, which never succeeds under a probe"),
            Unprobeable::Literal => write!(f, "it reads a literal relative to its own address"),
            Unprobeable::Nothing => write!(f, "there is no instruction"),
        }
    }
}

/// Bytes that are no instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undecodable {
    /// Where they start, counted from the function's first byte.
    pub at: u32,
    /// The first of them.
    pub byte: u8,
    /// Whether more bytes might have made them one.
    pub cut: bool,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Undecodable { at, byte, cut } = self;
        let what = if *cut { "starts an instruction that is cut off" } else { "does not decode" };
        write!(f, "byte {byte:#04x} at +{at:#x} {what}")
    }
}

/// A decoder at work on one function. All answers but [`Machine::next`] are about the instruction decoded last.
pub(crate) trait Machine {
    /// Decodes one more; `None` behind the last byte.
    fn next(&mut self) -> Option<Result<Insn, Undecodable>>;

    /// Goes over instructions that only go on, to the next or to another of the function, as long as that is easily told.
    /// `None` if there are none.
    fn pass(&mut self) -> Option<Passed> {
        None
    }

    /// What a probe on it costs.
    fn price(&self) -> Result<Class, Unprobeable>;

    /// How far SP stands below its value at entry once it has run, if it stood `depth` below before; `None` if after it
    /// something that the caller handed over (arguments, context, g, memory) may be no longer what it was.
    fn keeps_arguments(&mut self, depth: u32) -> Option<u32>;

    /// What binds it to its place.
    fn effect(&mut self) -> Effect {
        Effect::Unknown
    }

    /// If it loads registers from the stack or does nothing: which of those that carry arguments it loads.
    fn reloads(&mut self) -> Option<ArgumentRegisters>;

    /// Its text; `names` knows symbols by their address.
    fn text(&mut self, names: &mut dyn FnMut(VAddr) -> Option<String>) -> String;
}

/// What an instruction does that says something about where a compiler may put it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// It computes, or loads: no matter where, as long as that is before its value is used.
    Computes,
    /// It does nothing.
    Nothing,
    /// It writes memory other than the frame: that may be neither early nor late nor in vain.
    Writes,
    /// What it gives depends on a condition, without a jump.
    Chooses,
    /// Nobody has looked.
    Unknown,
}

/// What the first instruction of `bytes` does.
pub(crate) fn effect(arch: Arch, at: VAddr, bytes: &[u8]) -> Effect {
    let mut decoder = match arch {
        Arch::Amd64 => amd64::Decoder::new(at, bytes),
        Arch::Arm64 => return Effect::Unknown,
    };
    match decoder.next() {
        Some(Ok(_)) => decoder.effect(),
        _ => Effect::Unknown,
    }
}

/// What there is to know of instructions that only go on.
pub(crate) struct Passed {
    /// Where the last of them ends.
    pub end: u32,
    /// The lowest offset that one of them jumps to, but for the next one's; the highest number if none does.
    pub lowest_target: u32,
}

/// A set of registers that carry arguments: bits in the order of arguments, so bit 0 is RAX or R0, and X0 or F0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArgumentRegisters {
    /// The integer registers.
    pub ints: u16,
    /// The floating point registers.
    pub floats: u16,
}

impl ArgumentRegisters {
    /// Whether this register is among them.
    #[must_use]
    pub fn contains(self, register: abi::Register) -> bool {
        let bits = if register.float { self.floats } else { self.ints };
        bits.checked_shr(register.index.into()).is_some_and(|bits| bits & 1 == 1)
    }
}

impl std::ops::BitOrAssign for ArgumentRegisters {
    fn bitor_assign(&mut self, other: ArgumentRegisters) {
        self.ints |= other.ints;
        self.floats |= other.floats;
    }
}

/// The fixed code that a function starts with, before anything of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prologue {
    /// Where it ends: the offset of the instruction behind it.
    pub end: u32,
    /// It looks whether the stack has room, and has it enlarged if not.
    pub checked: bool,
}

/// Reads the start of a function; a prologue of no bytes if it has none.
#[must_use]
pub fn prologue(arch: Arch, bytes: &[u8]) -> Prologue {
    match arch {
        Arch::Amd64 => amd64::prologue(bytes),
        Arch::Arm64 => arm64::prologue(bytes),
    }
}

/// Decodes a function's instructions, in order. Ends behind the last byte or with the first error.
pub fn decode(arch: Arch, entry: VAddr, bytes: &[u8]) -> impl Iterator<Item = Result<Insn, Undecodable>> {
    let mut machine: Box<dyn Machine> = match arch {
        Arch::Amd64 => Box::new(amd64::Decoder::new(entry, bytes)),
        Arch::Arm64 => Box::new(arm64::Decoder::new(entry, bytes)),
    };
    let mut failed = false;
    std::iter::from_fn(move || {
        let next = if failed { None } else { machine.next() };
        failed = matches!(next, Some(Err(_)));
        next
    })
}

/// What a probe on the first instruction of `bytes` costs.
///
/// # Errors
/// Why there can be none.
pub fn price(arch: Arch, bytes: &[u8]) -> Result<Class, Unprobeable> {
    match arch {
        Arch::Amd64 => amd64::price(bytes),
        Arch::Arm64 => arm64::price(bytes),
    }
}

/// A line of disassembly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The instruction.
    pub insn: Insn,
    /// It in words: Intel syntax on amd64, ARM's own on arm64.
    pub text: String,
}

/// Turns a function into text, an instruction a line. `names` is asked for the name of every address that is called,
/// jumped to or computed relative to the code; bytes that do not decode end the text with a line that says so.
pub fn disassemble(
    arch: Arch,
    entry: VAddr,
    bytes: &[u8],
    mut names: impl FnMut(VAddr) -> Option<String>,
    mut line: impl FnMut(Line),
) {
    match arch {
        Arch::Amd64 => print(amd64::Decoder::new(entry, bytes), bytes, &mut names, &mut line),
        Arch::Arm64 => print(arm64::Decoder::new(entry, bytes), bytes, &mut names, &mut line),
    }
}

fn print(
    mut machine: impl Machine,
    bytes: &[u8],
    names: &mut dyn FnMut(VAddr) -> Option<String>,
    line: &mut dyn FnMut(Line),
) {
    while let Some(next) = machine.next() {
        match next {
            Ok(insn) => line(Line { insn, text: machine.text(names) }),
            Err(error) => {
                let len = (bytes.len() as u32).saturating_sub(error.at);
                let insn = Insn { at: error.at, len, flow: Flow::Data };
                return line(Line { insn, text: format!("({error})") });
            }
        }
    }
}

#[cfg(test)]
mod tests;
