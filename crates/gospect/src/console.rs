//! Where the output of a run goes, with what goes beside it: notes, the line that says how it goes, and word that all is ready.

use std::fs::File;
use std::io::{self, Write};

use event::run::Load;
use ui::sink::Place;

use crate::line::Line;
use crate::output::Output;
use crate::patience::Patience;
use crate::say;
use crate::typed::Width;

/// Results on an output, everything else on standard error.
pub(crate) struct Console<'r> {
    pub out: &'r mut Output,
    pub width: Width,
    pub quiet: bool,
    pub buffered: bool,
    /// The file descriptor that somebody waits at.
    pub ready: Option<u32>,
    pub line: Line,
    /// Until the probes are in place.
    pub attaching: Option<Patience>,
}

impl Console<'_> {
    /// One that is as quiet as can be.
    pub fn of(out: &mut Output) -> Console<'_> {
        let (width, line) = (Width::default(), Line::new(false));
        Console { out, width, quiet: true, buffered: false, ready: None, line, attaching: None }
    }
}

impl Place for Console<'_> {
    fn columns(&self) -> Option<usize> {
        self.width.columns(self.out.width())
    }

    fn clear(&mut self) {
        self.attaching = None;
        self.line.clear();
    }

    fn note(&mut self, note: &str) {
        self.line.clear();
        if !self.quiet {
            say(note, None);
        }
    }

    fn aside(&mut self, text: &str) {
        if !self.quiet {
            // With standard error closed there is nobody to tell.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Whoever waits may have gone: that is no reason not to trace.
    fn ready(&mut self) {
        if let Some(fd) = self.ready {
            let opened = File::options().write(true).open(format!("/proc/self/fd/{fd}"));
            if opened.and_then(|mut file| file.write_all(b"\n")).is_err() {
                say(&format!("file descriptor {fd} cannot be written to"), None);
            }
        }
    }

    fn pause(&mut self) -> io::Result<()> {
        if self.buffered { Ok(()) } else { self.out.flush() }
    }

    fn shows_load(&self) -> bool {
        self.line.is_live()
    }

    fn load(&mut self, load: &Load) {
        if !self.out.is_in_line() {
            self.line.draw(&ui::run::load(load));
        }
    }

    fn turn_away(&mut self, kept: bool) {
        // If that does not work either there is nothing left to do.
        let _ = self.out.turn_away(kept);
    }
}

impl Write for Console<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
