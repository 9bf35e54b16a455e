//! x86-64: common instructions are read by `form`, all others by iced-x86, and so is whatever is asked about one beyond
//! its length and where it goes.
//!
//! Prices follow arch/x86/kernel/uprobes.c of Linux 5.10 to 7.0. The kernel decides by opcode bytes, not by meaning,
//! so prices are worked out from bytes too.

use iced_x86::{
    Code, Decoder as Iced, DecoderOptions, FlowControl, Formatter, Instruction, InstructionInfoFactory, IntelFormatter,
    Mnemonic, OpAccess, OpKind, Register, UsedMemory, UsedRegister,
};

mod form;

use form::{Common, WINDOW};

use super::{ArgumentRegisters, Class, Effect, Flow, Insn, Machine, Passed, Prologue, Undecodable, Unprobeable};
use crate::addr::VAddr;

/// Registers that carry integer arguments, in the order of ABIInternal.
const ARGUMENTS: [Register; 9] = [
    Register::RAX,
    Register::RBX,
    Register::RCX,
    Register::RDI,
    Register::RSI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
];

const INT3: u8 = 0xcc;

/// How many instructions may lie between the address of a jump table and the jump through it.
const TABLE_WINDOW: u32 = 8;

/// A function being decoded.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    entry: u64,
    /// Where the instruction decoded last starts, and where the next one does.
    at: u32,
    next: u32,
    /// Instructions since the last address relative to RIP was taken.
    since_lea: u32,
    iced: Option<Iced<'a>>,
    /// What iced decoded last.
    insn: Instruction,
    info: Option<InstructionInfoFactory>,
    formatter: Option<Box<IntelFormatter>>,
}

impl<'a> Decoder<'a> {
    /// Starts at a function's first byte.
    #[must_use]
    pub fn new(entry: VAddr, bytes: &'a [u8]) -> Decoder<'a> {
        Decoder {
            bytes,
            entry: entry.0,
            at: 0,
            next: 0,
            since_lea: u32::MAX,
            iced: None,
            insn: Instruction::default(),
            info: None,
            formatter: None,
        }
    }

    fn ip(&self) -> u64 {
        self.entry.wrapping_add(u64::from(self.at))
    }

    /// The bytes from the instruction decoded last on.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at as usize..).unwrap_or_default()
    }

    /// Has iced decode the instruction at `at`, if it was not the last that it decoded.
    fn whole(&mut self) -> &Instruction {
        let ip = self.ip();
        if self.insn.ip() != ip || self.insn.is_invalid() {
            let iced = self.iced.get_or_insert_with(|| Iced::with_ip(64, self.bytes, ip, DecoderOptions::NONE));
            // It refuses only what is behind the last byte, and then there is nothing to decode.
            let _ = iced.set_position(self.at as usize);
            iced.set_ip(ip);
            iced.decode_out(&mut self.insn);
        }
        &self.insn
    }

    fn undecodable(&self) -> Undecodable {
        let byte = self.rest().first().copied().unwrap_or_default();
        let cut = self.iced.as_ref().is_some_and(|iced| iced.last_error() == iced_x86::DecoderError::NoMoreBytes);
        Undecodable { at: self.at, byte, cut }
    }

    /// Goes on to the next instruction, which `read` tells length and flow of.
    #[inline]
    fn advance(
        &mut self,
        read: impl Fn(&mut Self) -> Result<(u32, Flow), Undecodable>,
    ) -> Option<Result<Insn, Undecodable>> {
        self.at = self.next;
        if self.at as usize >= self.bytes.len() {
            return None;
        }
        self.since_lea = self.since_lea.saturating_add(1);
        let insn = read(self).map(|(len, flow)| Insn { at: self.at, len, flow });
        self.next = insn.map_or(self.bytes.len() as u32, |insn| insn.end());
        Some(insn)
    }

    /// Length and flow of the instruction at `at`.
    fn read(&mut self) -> Result<(u32, Flow), Undecodable> {
        let rest = self.rest();
        if let Some(common) = common(rest, VAddr(self.ip())) {
            if common.takes_address {
                self.since_lea = 0;
            }
            return Ok((common.len, common.flow));
        }
        self.by_iced()
    }

    fn by_iced(&mut self) -> Result<(u32, Flow), Undecodable> {
        let rest = self.rest();
        if self.whole().is_invalid() {
            return Err(self.undecodable());
        }
        let len = self.insn.len() as u32;
        // A run of int3 counts for one instruction.
        let filling = || rest[len as usize..].iter().take_while(|&&b| b == INT3).count() as u32;
        Ok(if self.insn.code() == Code::Int3 { (len + filling(), Flow::Data) } else { (len, self.uncommon_flow()) })
    }

    fn uncommon_flow(&mut self) -> Flow {
        match self.insn.code().flow_control() {
            FlowControl::Next => self.plain(),
            FlowControl::ConditionalBranch => Flow::Branch(VAddr(self.insn.near_branch_target())),
            FlowControl::UnconditionalBranch => Flow::Jump(VAddr(self.insn.near_branch_target())),
            FlowControl::Call if self.insn.op0_kind() == OpKind::NearBranch64 => {
                Flow::Call(VAddr(self.insn.near_branch_target()))
            }
            FlowControl::IndirectCall => Flow::IndirectCall,
            FlowControl::IndirectBranch if self.jumps_through_table() => Flow::Switch,
            FlowControl::IndirectBranch => Flow::IndirectJump,
            FlowControl::Return if is_near_return(self.insn.code()) => Flow::Return,
            FlowControl::Return | FlowControl::Exception => Flow::Stop,
            // System calls, software interrupts and transactions come back.
            FlowControl::Call | FlowControl::Interrupt | FlowControl::XbeginXabortXend => Flow::Next,
        }
    }

    fn plain(&mut self) -> Flow {
        match self.insn.code() {
            Code::Lea_r64_m if self.insn.is_ip_rel_memory_operand() => self.since_lea = 0,
            Code::Hlt => return Flow::Stop,
            _ => {}
        }
        Flow::Next
    }

    /// The compiler jumps by `jmp [table+index*8]`; a jump through a register that follows the address of something in
    /// the file is taken for a table as well. Tail calls load their target out of an itab.
    fn jumps_through_table(&self) -> bool {
        let indexed = self.insn.op0_kind() == OpKind::Memory && self.insn.memory_index() != Register::None;
        indexed || self.since_lea <= TABLE_WINDOW
    }

    /// Whether it writes nothing that the caller handed over in registers, and memory only where [`stays_in_frame`].
    fn touches_own_things_only(&mut self, depth: u32) -> bool {
        let info = self.info.get_or_insert_with(InstructionInfoFactory::new).info(&self.insn);
        let registers = info.used_registers().iter().all(|r| !writes(r.access()) || !belongs_to_caller(r));
        let spills = is_argument(self.insn.op1_register());
        registers && info.used_memory().iter().all(|m| !writes(m.access()) || stays_in_frame(m, depth, spills))
    }

    /// How far an addition to or subtraction from RSP of a constant moves it down.
    fn moves_stack_pointer(&self) -> Option<i64> {
        if self.insn.op0_kind() != OpKind::Register || self.insn.op0_register() != Register::RSP {
            return None;
        }
        match self.insn.code() {
            Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 => Some(self.insn.immediate(1) as i64),
            Code::Add_rm64_imm8 | Code::Add_rm64_imm32 => (self.insn.immediate(1) as i64).checked_neg(),
            _ => None,
        }
    }
}

impl Machine for Decoder<'_> {
    #[inline]
    fn next(&mut self) -> Option<Result<Insn, Undecodable>> {
        self.advance(Decoder::read)
    }

    fn pass(&mut self) -> Option<Passed> {
        let size = self.bytes.len() as u64;
        let (mut end, mut lowest_target, mut since_lea) = (self.next, u64::MAX, self.since_lea);
        while let Some(bytes) = self.bytes.get(end as usize..).and_then(<[u8]>::first_chunk)
            && let Some(step) = form::step(bytes)
        {
            let next = end + step.len;
            let target = u64::from(next).wrapping_add_signed(step.jump);
            if target >= size {
                break; // out of the function, or at its end
            }
            end = next;
            lowest_target = lowest_target.min(if step.jump == 0 { u64::MAX } else { target });
            since_lea = if step.takes_address { 0 } else { since_lea.saturating_add(1) };
        }
        let none = end == self.next;
        (self.next, self.since_lea) = (end, since_lea);
        (!none).then(|| Passed { end, lowest_target: u32::try_from(lowest_target).unwrap_or(u32::MAX) })
    }

    fn price(&self) -> Result<Class, Unprobeable> {
        price(self.rest())
    }

    fn keeps_arguments(&mut self, depth: u32) -> Option<u32> {
        if self.whole().code() == Code::Push_r64 {
            return depth.checked_add(8);
        }
        if let Some(down) = self.moves_stack_pointer() {
            return u32::try_from(i64::from(depth).checked_add(down)?).ok();
        }
        self.touches_own_things_only(depth).then_some(depth)
    }

    fn effect(&mut self) -> Effect {
        self.whole();
        if matches!(self.insn.mnemonic(), Mnemonic::Nop | Mnemonic::Fnop) {
            return Effect::Nothing;
        }
        let chooses = self.insn.rflags_read() != 0 && self.insn.code().flow_control() == FlowControl::Next;
        let info = self.info.get_or_insert_with(InstructionInfoFactory::new).info(&self.insn);
        let in_frame = |m: &UsedMemory| matches!(m.base(), Register::RSP | Register::RBP);
        let writes = info.used_memory().iter().any(|m| writes(m.access()) && !in_frame(m));
        match (writes, chooses) {
            (true, _) => Effect::Writes,
            (false, true) => Effect::Chooses,
            (false, false) => Effect::Computes,
        }
    }

    fn reloads(&mut self) -> Option<ArgumentRegisters> {
        let insn = self.whole();
        if insn.mnemonic() == Mnemonic::Nop {
            return Some(ArgumentRegisters::default());
        }
        let loads = insn.op0_kind() == OpKind::Register
            && insn.op1_kind() == OpKind::Memory
            && insn.op_count() == 2
            && insn.memory_base() == Register::RSP;
        loads.then(|| argument_bits(insn.op0_register()))
    }

    fn text(&mut self, names: &mut dyn FnMut(VAddr) -> Option<String>) -> String {
        self.whole();
        let formatter = self.formatter.get_or_insert_with(|| Box::new(new_formatter()));
        let mut text = String::new();
        if self.insn.op0_kind() == OpKind::NearBranch64 {
            let target = VAddr(self.insn.near_branch_target());
            formatter.format_mnemonic(&self.insn, &mut text);
            let name = names(target).unwrap_or_else(|| target.to_string());
            return format!("{text} {name}");
        }
        formatter.format(&self.insn, &mut text);
        if self.insn.is_ip_rel_memory_operand() {
            let target = VAddr(self.insn.ip_rel_memory_address());
            text += "  # ";
            text += &names(target).unwrap_or_else(|| target.to_string());
        }
        text
    }
}

/// Reads a common instruction. Where fewer bytes are left than are looked at, it must fit into them.
#[inline]
fn common(rest: &[u8], ip: VAddr) -> Option<Common> {
    if let Some(window) = rest.first_chunk() {
        return form::read(window, ip);
    }
    let mut window = [0; WINDOW];
    window[..rest.len()].copy_from_slice(rest);
    form::read(&window, ip).filter(|common| common.len as usize <= rest.len())
}

fn new_formatter() -> IntelFormatter {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_signed_immediate_operands(true);
    options.set_rip_relative_addresses(true);
    options.set_space_after_operand_separator(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    formatter
}

fn is_near_return(code: Code) -> bool {
    matches!(code, Code::Retnq | Code::Retnq_imm16)
}

fn writes(access: OpAccess) -> bool {
    use OpAccess as A;
    matches!(access, A::Write | A::CondWrite | A::ReadWrite | A::ReadCondWrite)
}

fn argument_index(register: Register) -> Option<usize> {
    let full = register.full_register();
    ARGUMENTS.iter().position(|&a| a == full)
}

fn argument_bits(register: Register) -> ArgumentRegisters {
    let floats = if is_float_argument(register) { 1 << register.number() } else { 0 };
    ArgumentRegisters { ints: argument_index(register).map_or(0, |i| 1 << i), floats }
}

fn is_argument(register: Register) -> bool {
    argument_index(register).is_some() || is_float_argument(register)
}

/// X0 to X14; X15 is the zero of ABIInternal.
fn is_float_argument(register: Register) -> bool {
    register.is_vector_register() && register.number() < 15
}

/// Arguments, SP, the closure context in RDX and g in R14.
fn belongs_to_caller(used: &UsedRegister) -> bool {
    let register = used.register();
    is_argument(register) || matches!(register.full_register(), Register::RSP | Register::RDX | Register::R14)
}

/// A frame may write below the SP that it was entered with, and spill arguments above it.
fn stays_in_frame(memory: &UsedMemory, depth: u32, spills: bool) -> bool {
    let on_stack = memory.base() == Register::RSP && memory.index() == Register::None;
    let size = memory.memory_size().size() as i64;
    let end = (memory.displacement() as i64).checked_add(size);
    let spilled = spills && memory.access() == OpAccess::Write;
    on_stack && size > 0 && (spilled || end.is_some_and(|end| end <= i64::from(depth)))
}

/// What a probe on the first instruction of `bytes` costs.
///
/// # Errors
/// Why there can be none.
pub fn price(bytes: &[u8]) -> Result<Class, Unprobeable> {
    let mut rest = bytes;
    let mut prefixed_66 = false;
    let opcode = loop {
        let (&byte, tail) = rest.split_first().ok_or(Unprobeable::Nothing)?;
        match byte {
            0x26 | 0x2e | 0x36 | 0x3e | 0xf0 => return Err(Unprobeable::Prefix(byte)),
            0x64 | 0x65 | 0x67 | 0xf2 | 0xf3 => {}
            0x66 => prefixed_66 = true,
            _ => break byte,
        }
        rest = tail;
    };
    let prefixes = bytes.len() - rest.len();
    let rex = if opcode & 0xf0 == 0x40 { opcode } else { 0 };
    let body = if rex != 0 { rest.get(1..).unwrap_or_default() } else { rest };
    let (&opcode, operands) = body.split_first().ok_or(Unprobeable::Nothing)?;
    let second = operands.first().copied().unwrap_or_default();
    let simple_push = prefixes == 0 && (rex == 0 || rex == 0x41);
    match opcode {
        0x50..=0x57 if simple_push => Ok(Class::Emulated),
        0x90 if rex & 1 != 0 => Err(Unprobeable::FalseNop),
        0x90 => Ok(Class::Emulated),
        0xe8 | 0xe9 | 0xeb | 0x70..=0x7f => jump_price(prefixed_66),
        0x0f => two_byte_price(second, prefixed_66),
        _ => one_byte_price(opcode, second),
    }
}

/// With the prefix 0x66 processors disagree on what a jump is.
fn jump_price(prefixed_66: bool) -> Result<Class, Unprobeable> {
    if prefixed_66 { Err(Unprobeable::Prefix(0x66)) } else { Ok(Class::Emulated) }
}

fn two_byte_price(opcode: u8, prefixed_66: bool) -> Result<Class, Unprobeable> {
    match opcode {
        0x80..=0x8f => jump_price(prefixed_66),
        0x0b => Err(Unprobeable::Traps),
        0x00 | 0x01 | 0x05..=0x09 | 0x0c | 0x30 | 0x34 | 0x35 | 0x37 | 0x78 | 0x79 | 0xae => {
            Err(Unprobeable::Privileged)
        }
        0xa1 | 0xa9 | 0xb2 => Err(Unprobeable::MasksTraps),
        _ => Ok(Class::Stepped),
    }
}

fn one_byte_price(opcode: u8, modrm: u8) -> Result<Class, Unprobeable> {
    match opcode {
        0x62 => Err(Unprobeable::Encoding("EVEX")),
        0xc4 | 0xc5 => Err(Unprobeable::Encoding("VEX")),
        0xd5 => Err(Unprobeable::Encoding("REX2")),
        // pop r/m is XOP unless its reg field is 0.
        0x8f if modrm & 0x38 != 0 => Err(Unprobeable::Encoding("XOP")),
        0x8e => Err(Unprobeable::MasksTraps),
        0xcc..=0xce | 0xf1 | 0xf4 => Err(Unprobeable::Traps),
        0x6c..=0x6f | 0xcf | 0xe4..=0xe7 | 0xec..=0xef | 0xfa | 0xfb => Err(Unprobeable::Privileged),
        0x06 | 0x07 | 0x0e | 0x16 | 0x17 | 0x1e | 0x1f | 0x27 | 0x2f | 0x37 | 0x3f => Err(Unprobeable::Nothing),
        0x60 | 0x61 | 0x82 | 0x9a | 0xd4 | 0xd6 | 0xea => Err(Unprobeable::Nothing),
        _ => Ok(Class::Stepped),
    }
}

/// Reads the fixed code that a function starts with:
///
/// ```text
/// if assembly may call it: [xorps xmm15,xmm15]; mov r14,fs:[-8]  or  mov r14,offset of g; mov r14,fs:[r14]
/// small frame:             cmp rsp,[r14+16]; jbe
/// medium frame:            lea r12,[rsp-N]; cmp r12,[r14+16]; jbe
/// huge frame:              mov r12,rsp; sub r12,N; jb; cmp r12,[r14+16]; jbe
/// ```
///
/// 24 stands for 16 in functions that run on the system stack. Nothing but R12, R14, X15 and flags is written.
#[must_use]
pub fn prologue(bytes: &[u8]) -> Prologue {
    let start = load_of_g(bytes).unwrap_or(0);
    let check = bytes.get(start..).and_then(stack_check);
    Prologue { end: (start + check.unwrap_or(0)) as u32, checked: check.is_some() }
}

fn load_of_g(bytes: &[u8]) -> Option<usize> {
    let zero = if bytes.starts_with(&[0x45, 0x0f, 0x57, 0xff]) { 4 } else { 0 };
    match bytes.get(zero..)? {
        [0x64, 0x4c, 0x8b, 0x34, 0x25, _, _, _, _, ..] => Some(zero + 9),
        [0x49, 0xc7, 0xc6, _, _, _, _, 0x64, 0x4d, 0x8b, 0x36, ..] => Some(zero + 11),
        [0x4c, 0x8b, 0x35, _, _, _, _, 0x64, 0x4d, 0x8b, 0x36, ..] => Some(zero + 11),
        _ => None,
    }
}

fn stack_check(bytes: &[u8]) -> Option<usize> {
    let compare = small_frame(bytes).or_else(|| medium_frame(bytes)).or_else(|| huge_frame(bytes))?;
    Some(compare + conditional(bytes.get(compare..)?, 0x76)?)
}

fn small_frame(bytes: &[u8]) -> Option<usize> {
    matches!(bytes, [0x49, 0x3b, 0x66, 0x10 | 0x18, ..]).then_some(4)
}

fn medium_frame(bytes: &[u8]) -> Option<usize> {
    let lea = match bytes {
        [0x4c, 0x8d, 0x64, 0x24, ..] => 5,
        [0x4c, 0x8d, 0xa4, 0x24, ..] => 8,
        _ => return None,
    };
    compare_r12(bytes, lea)
}

fn huge_frame(bytes: &[u8]) -> Option<usize> {
    let [0x49, 0x89, 0xe4, 0x49, 0x81, 0xec, _, _, _, _, rest @ ..] = bytes else { return None };
    compare_r12(bytes, 10 + conditional(rest, 0x72)?)
}

fn compare_r12(bytes: &[u8], at: usize) -> Option<usize> {
    matches!(bytes.get(at..)?, [0x4d, 0x3b, 0x66, 0x10 | 0x18, ..]).then_some(at + 4)
}

/// Length of the jump on condition `short` that `bytes` start with, near or far.
fn conditional(bytes: &[u8], short: u8) -> Option<usize> {
    match bytes {
        [op, _, ..] if *op == short => Some(2),
        [0x0f, op, _, _, _, _, ..] if *op == short + 0x10 => Some(6),
        _ => None,
    }
}

/// A decoder that leaves all instructions to iced and passes over none.
#[cfg(test)]
pub(crate) struct ByIced<'a>(pub Decoder<'a>);

#[cfg(test)]
impl Machine for ByIced<'_> {
    fn next(&mut self) -> Option<Result<Insn, Undecodable>> {
        self.0.advance(Decoder::by_iced)
    }

    fn price(&self) -> Result<Class, Unprobeable> {
        self.0.price()
    }

    fn keeps_arguments(&mut self, depth: u32) -> Option<u32> {
        self.0.keeps_arguments(depth)
    }

    fn reloads(&mut self) -> Option<ArgumentRegisters> {
        self.0.reloads()
    }

    fn text(&mut self, names: &mut dyn FnMut(VAddr) -> Option<String>) -> String {
        self.0.text(names)
    }
}
