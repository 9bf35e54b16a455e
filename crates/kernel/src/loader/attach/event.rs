//! One event with all places, and a program on it. Never one event for each: taking them out would take minutes.
//!
//! The kernel compares each place that is added with all there are, in this event or others: 4000 take 0.3 s, 10 000
//! take 2 s.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::bisect::{self, Found};
use super::{Part, Site, Uprobes, path_of};
use crate::loader::load::Program;
use crate::loader::sys::{Event, Sys};
use crate::loader::tracefs::Tracefs;

pub(super) fn attach(sys: &Sys, tracefs: &Tracefs, program: &Program, uprobes: &Uprobes<'_>) -> io::Result<Found> {
    let path = path_of(uprobes.file);
    bisect::attach(uprobes.sites, |sites: &[Site]| {
        let event = tracefs.uprobe_event(&path, sites, uprobes.returning)?;
        let held = run(sys, program, Event::Trace { id: event.id, pid: uprobes.pid })?;
        Ok(Part { _held: held, _event: Some(event) })
    })
}

/// Opens an event with a program on it.
pub(super) fn run(sys: &Sys, program: &Program, event: Event) -> io::Result<OwnedFd> {
    let opened = sys.event_open(event)?;
    sys.event_run(opened.as_fd(), program.fd())?;
    Ok(opened)
}
