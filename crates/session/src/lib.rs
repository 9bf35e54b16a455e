//! The glue: opens what the user named, asks the kernel and the binary, and hands back facts.
//!
//! Each command of gospect is one call here. What comes back is values ([`processes::Processes`], [`target::Program`])
//! or a [`Refusal`]: a sentence, what would help, and how bad it is. Nothing is printed.

pub mod check;
pub mod demo;
pub mod doctor;
mod executable;
pub mod group;
mod invoker;
mod library;
mod machine;
pub mod ordered;
pub mod privilege;
pub mod processes;
pub mod ready;
pub mod reference;
pub mod refusal;
pub mod run;
pub mod snapshot;
pub mod subject;
pub mod target;

pub use group::{Choice, Group};
pub use kernel::signal::wait_for_orders;
pub use kernel::{FileId, Pid, say_before_sigbus};
pub use ordered::{both, ordered};
pub use processes::processes;
pub use refusal::{Class, Refusal};
pub use subject::Subject;
pub use target::{Program, Target};
