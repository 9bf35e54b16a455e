//! What a Go executable says about itself: functions, lines, inlining, types, argument places, probe sites and
//! the layout of its runtime.
//!
//! Pure: bytes in, facts out. No file is opened here, no clock is read, no kernel asked. Every byte is foreign:
//! nothing in it may make this crate panic, loop for ever, or allocate more than a small multiple of the input.
//!
//! [`Image`] is the door; behind it each module knows one thing, and the ones further down know nothing of the ones
//! further up:
//!
//! ```text
//! image ── signature ── dwarf ──┐
//!   │          └─────── abi     ├── types ── elf ── addr
//!   ├───── sites ── insn        │
//!   ├───── layout ──────────────┤
//!   └───── pclntab ─ moduledata ┴ rtype
//! ```

pub mod abi;
pub mod ability;
pub mod addr;
pub mod arginfo;
pub mod buildinfo;
pub mod declare;
pub mod describe;
pub mod dwarf;
pub mod elf;
pub mod error;
pub mod generic;
pub mod image;
pub mod insn;
pub mod instance;
pub mod layout;
pub mod made;
pub mod maps;
pub mod moduledata;
pub mod name;
pub mod pattern;
pub mod pclntab;
pub mod release;
pub mod rtype;
pub mod signature;
pub mod sites;
pub mod start;
pub mod syscalls;
pub mod types;
pub mod unwind;

pub use addr::{FileOff, VAddr};
pub use buildinfo::BuildInfo;
pub use elf::{Arch, Elf};
pub use error::Error;
pub use image::{CallAt, Function, Image, Summary};
pub use start::Start;
