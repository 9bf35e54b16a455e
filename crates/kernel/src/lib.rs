//! The Linux kernel as gospect meets it: what `/proc` says about processes, which rights gospect itself has,
//! program files mapped into memory, and the [`engine`] that runs eBPF programs at probes.
//!
//! Knows nothing of Go: a file is bytes, a process is a number, an address is a `u64`. Errors are the kernel's own
//! ([`std::io::Error`]); whoever asked knows what for, and makes the sentence.
//!
//! The only crate with `unsafe`, and in it only the modules that say so.

pub mod cgroup;
#[allow(unsafe_code, reason = "pre_exec runs between fork and exec, and prctl(2) has no safe form")]
pub mod child;
#[allow(unsafe_code, reason = "clock_gettime(2) and localtime_r(3) have no safe form")]
pub mod clock;
pub mod command;
pub mod engine;
mod file;
pub mod kallsyms;
pub mod loader;
#[allow(unsafe_code, reason = "getpwuid_r(3), getgrouplist(3) and setuid(2) have no safe form")]
pub mod login;
pub mod machine;
#[allow(unsafe_code, reason = "mmap(2) and sigaction(2) have no safe form; the module keeps the pointers to itself")]
mod map;
#[allow(unsafe_code, reason = "fstatfs(2) and name_to_handle_at(2) have no safe form")]
mod overlay;
pub mod privilege;
pub mod proc;
#[allow(unsafe_code, reason = "sigaction(2) and kill(2) have no safe form")]
pub mod signal;
#[allow(unsafe_code, reason = "fork(2) and code for probes to be tried on have no safe form")]
pub mod specimen;
pub mod users;

pub use ::engine::Pid;
pub use file::{FileId, NotAFile, open_file};
pub use login::Login;
pub use map::{Mapped, say_before_sigbus};
pub use overlay::{map, map_file};
pub use proc::{Memory, Process};
