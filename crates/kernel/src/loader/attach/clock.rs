//! A clock on each CPU that is running.

use std::io;
use std::path::Path;

use super::{Attached, Part, event};
use crate::loader::cpus;
use crate::loader::load::Program;
use crate::loader::sys::{Event, Sys};

pub(super) fn attach(sys: &Sys, program: &Program, hz: u64) -> io::Result<Attached> {
    let online = cpus::numbers(&sys.read(Path::new("/sys/devices/system/cpu/online"))?);
    let on = |cpu| Ok(Part { _held: event::run(sys, program, Event::Clock { hz, cpu })?, _event: None });
    let parts = online.into_iter().map(on).collect::<io::Result<Vec<Part>>>()?;
    Ok(Attached { refused: Vec::new(), parts })
}
