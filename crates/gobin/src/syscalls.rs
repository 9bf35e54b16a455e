//! Where a program's own code makes system calls: all that the standard library makes for Go code go through one
//! function in assembly, `Syscall6`.
//!
//! It takes the number in AX, and there are calls of it in few places (`syscall.RawSyscall6` and what the runtime polls
//! the network with), each of them a `call` instruction, which the kernel emulates. What it does itself is known byte by
//! byte: behind `syscall`, while AX still holds what the kernel has answered, every call comes by a conditional jump,
//! which the kernel emulates as well. A program in which it is another function, or may be reached otherwise, is
//! refused.

use crate::addr::VAddr;
use crate::elf::Arch;
use crate::image::{Function, Image};
use crate::insn::{self, Class, Flow};

/// Its instructions, `asm_linux_amd64.s`, as older and as newer assemblers write them.
const CODE: [&[u8]; 2] = [
    &[
        0x49, 0x89, 0xf2, // mov r10, rsi
        0x48, 0x89, 0xfa, // mov rdx, rdi
        0x48, 0x89, 0xce, // mov rsi, rcx
        0x48, 0x89, 0xdf, // mov rdi, rbx
        0x0f, 0x05, // syscall
        0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, // cmp rax, -4095
        0x76, 0x15, // jbe ok
        0x48, 0xf7, 0xd8, // neg rax
        0x48, 0x89, 0xc1, // mov rcx, rax
        0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, // mov rax, -1
        0x48, 0xc7, 0xc3, 0x00, 0x00, 0x00, 0x00, // mov rbx, 0
        0xc3, // ret
        0x48, 0x89, 0xd3, // ok: mov rbx, rdx
        0x48, 0xc7, 0xc1, 0x00, 0x00, 0x00, 0x00, // mov rcx, 0
        0xc3, // ret
    ],
    &[
        0x49, 0x89, 0xf2, // mov r10, rsi
        0x48, 0x89, 0xfa, // mov rdx, rdi
        0x48, 0x89, 0xce, // mov rsi, rcx
        0x48, 0x89, 0xdf, // mov rdi, rbx
        0x0f, 0x05, // syscall
        0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, // cmp rax, -4095
        0x76, 0x13, // jbe ok
        0x48, 0xf7, 0xd8, // neg rax
        0x48, 0x89, 0xc1, // mov rcx, rax
        0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, // mov rax, -1
        0xbb, 0x00, 0x00, 0x00, 0x00, // mov ebx, 0
        0xc3, // ret
        0x48, 0x89, 0xd3, // ok: mov rbx, rdx
        0xb9, 0x00, 0x00, 0x00, 0x00, // mov ecx, 0
        0xc3, // ret
    ],
];

/// Where its `jbe` is.
const ANSWERED: u64 = 20;

/// Where system calls are seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemCalls {
    /// The function through which they go, by its number.
    pub function: u32,
    /// Every call of it, by address. The number of the system call is in AX there.
    pub calls: Vec<VAddr>,
    /// Where the kernel has answered: AX holds what it said, and SP has its value at entry.
    pub answered: VAddr,
}

impl SystemCalls {
    /// What a probe costs there: all are calls and jumps.
    pub const CLASS: Class = Class::Emulated;

    /// Finds them.
    ///
    /// # Errors
    /// Why that cannot be, in a sentence without full stop.
    pub fn of(image: &Image) -> Result<SystemCalls, String> {
        if image.arch() != Arch::Amd64 {
            return Err("on this machine it is not known where Go makes them".to_owned());
        }
        let release = image.release().ok_or("the program does not say which Go it was built with")?;
        let unknown = || format!("where Go 1.{} makes them is not known", release.minor);
        let name = release.syscall6.ok_or_else(unknown)?;
        let found = image.named(name).find(Function::is_assembly);
        let function = found.ok_or_else(|| format!("the program has no {name}"))?;
        if !CODE.iter().any(|code| function.code().starts_with(code)) {
            return Err(format!("the instructions of {name} are not those that it is known by"));
        }
        if is_pointed_to(image, function.entry()) {
            return Err(format!("{name} may be called through a pointer, which is not seen"));
        }
        let calls = calls(image, function.entry())
            .map_err(|at| format!("{name} is reached otherwise than by a call at {at}"))?;
        Ok(SystemCalls { function: function.index(), calls, answered: function.entry().plus(ANSWERED) })
    }
}

/// Whether a word of the program's data is this address.
fn is_pointed_to(image: &Image, entry: VAddr) -> bool {
    let elf = image.elf();
    let words = |bytes: &[u8]| bytes.chunks_exact(8).any(|word| word == entry.0.to_le_bytes());
    let data = elf.segments.iter().filter(|segment| !segment.executable);
    data.map(|segment| elf.segment_bytes(segment)).any(words) || elf.relocations().iter().any(|(_, to)| *to == entry.0)
}

/// Every call of a function; the address of what refers to it in another way, if anything does.
fn calls(image: &Image, entry: VAddr) -> Result<Vec<VAddr>, VAddr> {
    let mut calls = Vec::new();
    for function in image.functions() {
        let (at, code) = (function.entry(), function.code());
        let refers = (4..).zip(code.windows(4)).filter(|(end, word)| leads_to(at.plus(*end), word, entry));
        let ends: Vec<u64> = refers.map(|(end, _)| end).collect();
        if !ends.is_empty() {
            calls_in(image, &function, &ends, entry, &mut calls)?;
        }
    }
    Ok(calls)
}

/// Whether a distance from `from` is that to `entry`.
fn leads_to(from: VAddr, distance: &[u8], entry: VAddr) -> bool {
    let distance = distance.try_into().map_or(0, i32::from_le_bytes);
    from.0.wrapping_add_signed(i64::from(distance)) == entry.0
}

/// The instructions of a function that end at one of some offsets and call `entry`. Where no instruction ends, bytes
/// only look like it.
fn calls_in(
    image: &Image,
    function: &Function<'_>,
    ends: &[u64],
    entry: VAddr,
    calls: &mut Vec<VAddr>,
) -> Result<(), VAddr> {
    let mut ends = ends.iter().copied().peekable();
    for one in insn::decode(image.arch(), function.entry(), function.code()) {
        while let Some(end) = ends.next_if(|&end| one.as_ref().map_or(true, |one| u64::from(one.end()) >= end)) {
            match &one {
                Ok(one) if u64::from(one.end()) > end => {}
                Ok(one) if one.flow == Flow::Call(entry) => calls.push(function.entry().plus(u64::from(one.at))),
                _ => return Err(function.entry().plus(end)),
            }
        }
        if ends.peek().is_none() {
            return Ok(());
        }
    }
    ends.next().map_or(Ok(()), |end| Err(function.entry().plus(end)))
}
