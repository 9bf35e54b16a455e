//! The registers of a machine by name, and where the kernel shows them to a probe.
//!
//! Names are those of the kernel's own structures, as bpftrace has them (`reg("ax")`), and the ones that people know
//! from disassemblies (`reg("rax")`). Offsets are into `struct pt_regs` of amd64 and `struct user_pt_regs` of arm64
//! (arch/*/include/uapi/asm/ptrace.h); both are fixed for ever.

use std::fmt;

use gobin::Arch;
use gobin::abi;

/// A register as a probe sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Register {
    /// Its first name.
    pub name: &'static str,
    /// Where it is in what the kernel hands to a probe, 8 bytes wide.
    pub offset: u16,
}

/// Names, the first is shown, and offset.
type Row = (&'static [&'static str], u16);

const AMD64: &[Row] = &[
    (&["ax", "rax"], 80),
    (&["bx", "rbx"], 40),
    (&["cx", "rcx"], 88),
    (&["dx", "rdx"], 96),
    (&["si", "rsi"], 104),
    (&["di", "rdi"], 112),
    (&["bp", "rbp"], 32),
    (&["sp", "rsp"], 152),
    (&["r8"], 72),
    (&["r9"], 64),
    (&["r10"], 56),
    (&["r11"], 48),
    (&["r12"], 24),
    (&["r13"], 16),
    (&["r14"], 8),
    (&["r15"], 0),
    (&["ip", "rip"], 128),
    (&["flags", "eflags"], 144),
    (&["cs"], 136),
    (&["ss"], 160),
    (&["orig_ax", "orig_rax"], 120),
];

const ARM64: &[Row] = &[
    (&["r0", "x0"], 0),
    (&["r1", "x1"], 8),
    (&["r2", "x2"], 16),
    (&["r3", "x3"], 24),
    (&["r4", "x4"], 32),
    (&["r5", "x5"], 40),
    (&["r6", "x6"], 48),
    (&["r7", "x7"], 56),
    (&["r8", "x8"], 64),
    (&["r9", "x9"], 72),
    (&["r10", "x10"], 80),
    (&["r11", "x11"], 88),
    (&["r12", "x12"], 96),
    (&["r13", "x13"], 104),
    (&["r14", "x14"], 112),
    (&["r15", "x15"], 120),
    (&["r16", "x16"], 128),
    (&["r17", "x17"], 136),
    (&["r18", "x18"], 144),
    (&["r19", "x19"], 152),
    (&["r20", "x20"], 160),
    (&["r21", "x21"], 168),
    (&["r22", "x22"], 176),
    (&["r23", "x23"], 184),
    (&["r24", "x24"], 192),
    (&["r25", "x25"], 200),
    (&["r26", "x26"], 208),
    (&["r27", "x27"], 216),
    (&["r28", "x28"], 224),
    (&["r29", "x29", "fp"], 232),
    (&["r30", "x30", "lr"], 240),
    (&["sp"], 248),
    (&["pc"], 256),
    (&["pstate"], 264),
];

/// In which order C passes integers.
const AMD64_C: [&str; 6] = ["di", "si", "dx", "cx", "r8", "r9"];
const ARM64_C: [&str; 8] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];

fn rows(arch: Arch) -> &'static [Row] {
    match arch {
        Arch::Amd64 => AMD64,
        Arch::Arm64 => ARM64,
    }
}

impl Register {
    /// The register of this name.
    #[must_use]
    pub fn named(arch: Arch, name: &str) -> Option<Register> {
        let (names, offset) = rows(arch).iter().find(|(names, _)| names.contains(&name))?;
        Some(Register { name: names.first()?, offset: *offset })
    }

    /// The one that an integer argument of Go is in; `None` for floating point registers, which no probe is shown.
    #[must_use]
    pub fn of_go(register: abi::Register) -> Option<Register> {
        if register.float { None } else { Register::named(register.arch, register.name()) }
    }

    /// The `n`th integer register that values are in, those that carry arguments first.
    #[must_use]
    pub fn of_value(arch: Arch, n: usize) -> Option<Register> {
        Register::of_go(abi::Register { arch, float: false, index: u8::try_from(n).ok()? })
    }

    /// The `n`th integer argument register of Go's convention, or of C's.
    #[must_use]
    pub fn argument(arch: Arch, go: bool, n: usize) -> Option<Register> {
        if go {
            return if n < abi::Register::count(arch, false) { Register::of_value(arch, n) } else { None };
        }
        let c: &[&str] = match arch {
            Arch::Amd64 => &AMD64_C,
            Arch::Arm64 => &ARM64_C,
        };
        Register::named(arch, c.get(n)?)
    }

    /// Where a function's first integer result is, Go's or C's.
    #[must_use]
    pub fn result(arch: Arch) -> Register {
        let name = match arch {
            Arch::Amd64 => "ax",
            Arch::Arm64 => "r0",
        };
        Register::named(arch, name).expect("both stand in the tables above")
    }

    /// All names, the first one of each register.
    pub fn names(arch: Arch) -> impl Iterator<Item = &'static str> {
        rows(arch).iter().filter_map(|(names, _)| names.first().copied())
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_has_a_place_of_its_own() {
        for arch in [Arch::Amd64, Arch::Arm64] {
            let mut offsets: Vec<u16> = rows(arch).iter().map(|row| row.1).collect();
            offsets.sort_unstable();
            offsets.dedup();
            assert_eq!(offsets.len(), rows(arch).len());
            assert!(offsets.iter().all(|at| at % 8 == 0));
        }
    }

    #[test]
    fn arguments_are_in_the_registers_of_each_convention() {
        let names =
            |arch, go| -> Vec<&str> { (0..20).map_while(|n| Some(Register::argument(arch, go, n)?.name)).collect() };
        assert_eq!(names(Arch::Amd64, true), ["ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"]);
        assert_eq!(names(Arch::Amd64, false), ["di", "si", "dx", "cx", "r8", "r9"]);
        assert_eq!(names(Arch::Arm64, true).len(), 16);
        assert_eq!(names(Arch::Arm64, false).len(), 8);
    }

    #[test]
    fn a_register_has_the_names_of_the_kernel_and_of_the_assembler() {
        assert_eq!(Register::named(Arch::Amd64, "rax"), Register::named(Arch::Amd64, "ax"));
        assert_eq!(Register::named(Arch::Arm64, "lr").map(|r| r.offset), Some(240));
        assert_eq!(Register::named(Arch::Arm64, "ax"), None);
    }

    #[test]
    fn floating_point_registers_are_not_shown_to_probes() {
        assert_eq!(Register::of_go(abi::Register { arch: Arch::Amd64, float: true, index: 0 }), None);
    }
}
