//! One line at the bottom of the terminal that says how it goes, and is gone when anything else is written.

use std::io::{self, Write};

/// The line, on standard error. Dropped, it is taken away.
pub(crate) struct Line {
    live: bool,
    drawn: bool,
}

/// Back to the first column, and nothing to the right of it.
const CLEAR: &str = "\r\x1b[K";

impl Line {
    /// Nothing is shown yet, and never will be if it is not `live`.
    pub fn new(live: bool) -> Line {
        Line { live, drawn: false }
    }

    /// Whether it is shown at all.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Shows this, in place of what was there.
    pub fn draw(&mut self, text: &str) {
        if self.live {
            self.write(&format!("{CLEAR}{text}"));
            self.drawn = true;
        }
    }

    /// Takes it away, so that something else may be written.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.write(CLEAR);
        }
    }

    fn write(&self, text: &str) {
        // A terminal that is gone has nobody to read it.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}
