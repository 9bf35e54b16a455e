//! The engine on the kernel that the tests run on, against a Go program that counts its own calls.
//!
//! All of it needs the right to load eBPF programs; without that the tests are counted as skipped.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

mod attach;
mod compare;
mod fork;
mod load;
mod programs;
mod ring;
mod target;

use engine::Error;
use gospect_fixtures::Missing;
use kernel::loader::Loader;

/// The loader, where it is permitted.
fn loader() -> Result<Loader, Missing> {
    match Loader::open() {
        Ok(loader) => Ok(loader),
        Err(Error::NotPermitted { doing, error, .. }) => {
            Err(Missing { why: format!("{doing} is not permitted: {error}") })
        }
        Err(error) => panic!("{error}"),
    }
}
