//! eBPF as values: instructions, an assembler with labels, a disassembler, BTF and line information, map
//! specifications, what kernels can do, and a machine that runs such programs without a kernel.
//!
//! Pure: nothing here asks a kernel for anything, so the same calls give the same bytes on every machine. Programs name
//! their maps by [`MapId`]; whoever loads them puts file descriptors in ([`Program::linked`]). Numbers and layouts are
//! those of `include/uapi/linux/bpf.h`; they are append-only there.
//!
//! ```text
//! vm ─┐
//! asm ┼─ program ── btf ── notes
//! disasm  ├── map ── caps
//!         └── insn ── helper
//! ```

pub mod asm;
pub mod btf;
pub mod caps;
pub mod disasm;
pub mod helper;
pub mod insn;
pub mod map;
pub mod notes;
pub mod program;
pub mod vm;

pub use asm::{AsmError, Assembler, FunctionId, Label};
pub use caps::{Caps, Feature};
pub use helper::Helper;
pub use insn::{AluOp, AtomicOp, Cond, Insn, Operand, Reg, Size, Width};
pub use map::{Entries, MapError, MapFlags, MapId, MapKind, MapSpec, Maps};
pub use notes::{Linkage, Pos, Source};
pub use program::{Kind, Program};
