//! Where results go: standard output or the file of `-o`.
//!
//! A file keeps what it has until there is something to write, and one that was made for nothing is taken away again: a
//! command that fails leaves no trace. So a command can also look whether its target is what it would write to, see
//! [`Output::id`].
//!
//! Errors of writing leave here as whole sentences, with the name of what was written to. Nothing is lost silently:
//! [`Output::finish`] has to be called, and says if the last bytes did not fit.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use session::FileId;
use ui::Look;

use crate::typed::Color;

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever may read what others write here.
    All,
    /// Its owner: it has what a program works with, secrets perhaps.
    Owner,
}

/// What standard output is called in sentences.
const STANDARD: &str = "standard output";

/// So much is written at a time, where there is so much.
const BUFFER: usize = 64 << 10;

/// A buffered place for results.
#[derive(Debug)]
pub struct Output {
    to: BufWriter<File>,
    name: String,
    terminal: bool,
    /// What was written last does not end a line.
    in_line: bool,
    /// What the file had before is still there.
    untouched: bool,
    /// Where the file is, if it was not there before.
    made: Option<PathBuf>,
    /// Where results go since they could not go where they should.
    turned_to: Option<&'static str>,
}

impl Output {
    /// Opens standard output, or creates the file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn open(file: Option<&Path>, readers: Readers) -> io::Result<Output> {
        match file {
            Some(path) => Output::create(path, readers),
            None => Output::standard(),
        }
    }

    fn create(path: &Path, readers: Readers) -> io::Result<Output> {
        let name = path.display().to_string();
        let existed = path.exists();
        let mode = if readers == Readers::Owner { 0o600 } else { 0o644 };
        let file = File::options().write(true).create(true).truncate(false).mode(mode).open(path);
        let done = if existed { "written to" } else { "created" };
        let file = file.map_err(|e| said(&e, format!("{name} cannot be {done}: {e}")))?;
        let untouched = file.metadata().is_ok_and(|m| m.is_file());
        // The path may be a link to where the file was made.
        let made = if existed { None } else { path.canonicalize().ok() };
        Ok(Output {
            to: BufWriter::with_capacity(BUFFER, file),
            name,
            terminal: false,
            in_line: false,
            untouched,
            made,
            turned_to: None,
        })
    }

    /// Not [`io::stdout`] itself: it writes at every line end, and takes a closed descriptor for success.
    fn standard() -> io::Result<Output> {
        let name = STANDARD.to_owned();
        let file = io::stdout().as_fd().try_clone_to_owned();
        let file = File::from(file.map_err(|e| said(&e, format!("{name} cannot be opened: {e}")))?);
        Ok(Output {
            terminal: file.is_terminal(),
            in_line: false,
            to: BufWriter::with_capacity(BUFFER, file),
            name,
            untouched: false,
            made: None,
            turned_to: None,
        })
    }

    /// What a text can look like there.
    #[must_use]
    pub fn look(&self, color: Color) -> Look {
        Look { color: colored(color, self.terminal, |name| std::env::var_os(name)), width: self.width() }
    }

    /// The columns of the terminal that it is, as they are now.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        let size = if self.terminal { terminal_size::terminal_size_of(self.to.get_ref()) } else { None };
        size.map(|(width, _)| usize::from(width.0)).filter(|&width| width > 0)
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// As writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        self.flush()
    }

    /// The same place for a command's standard output, behind what was written so far.
    ///
    /// # Errors
    /// As writing.
    pub fn share(&mut self) -> io::Result<Stdio> {
        self.finish()?;
        let file = self.to.get_ref().try_clone().map_err(|e| self.worded(&e))?;
        Ok(file.into())
    }

    /// From now on writes elsewhere: to standard output instead of a file, to standard error instead of that. First what
    /// could not be written, if it is to be `kept`. Once is enough.
    ///
    /// # Errors
    /// As writing.
    pub fn turn_away(&mut self, kept: bool) -> io::Result<()> {
        if self.turned_to.is_some() {
            return Ok(());
        }
        let (fd, name) = match self.name == STANDARD {
            false => (io::stdout().as_fd().try_clone_to_owned(), STANDARD),
            true => (io::stderr().as_fd().try_clone_to_owned(), "standard error"),
        };
        let before = std::mem::replace(&mut self.to, BufWriter::with_capacity(BUFFER, File::from(fd?)));
        (self.name, self.turned_to) = (name.to_owned(), Some(name));
        let (_, unwritten) = before.into_parts();
        if kept { self.write_all(&unwritten.unwrap_or_default()) } else { Ok(()) }
    }

    /// Where results go since they could not go where they should.
    #[must_use]
    pub fn turned_to(&self) -> Option<&'static str> {
        self.turned_to
    }

    /// Whether a terminal shows a line that goes on.
    #[must_use]
    pub fn is_in_line(&self) -> bool {
        self.terminal && self.in_line
    }

    /// Whether it is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Which file it is, whatever it is called.
    ///
    /// # Errors
    /// The kernel's.
    pub fn id(&self) -> io::Result<FileId> {
        FileId::of_file(self.to.get_ref()).map_err(|e| self.worded(&e))
    }

    /// Removes what the file had before.
    fn begin(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.untouched) {
            return self.to.get_ref().set_len(0).map_err(|e| self.worded(&e));
        }
        Ok(())
    }

    fn worded(&self, error: &io::Error) -> io::Error {
        said(error, format!("{} cannot be written to: {error}", self.name))
    }
}

impl Drop for Output {
    /// Takes away the file that was made and never written to, unless another is in its place.
    fn drop(&mut self) {
        let Some(path) = self.made.take().filter(|_| self.untouched) else { return };
        let ours = self.to.get_ref().metadata().map(|m| FileId::of(&m)).ok();
        let empty = std::fs::metadata(&path).is_ok_and(|m| m.len() == 0 && ours == Some(FileId::of(&m)));
        if empty {
            // Where it cannot be removed it stays, empty.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin()?;
        self.in_line = bytes.last().map_or(self.in_line, |&last| last != b'\n');
        self.to.write(bytes).map_err(|e| self.worded(&e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().map_err(|e| self.worded(&e))
    }
}

/// The same kind of error with a sentence for the user.
fn said(error: &io::Error, sentence: String) -> io::Error {
    io::Error::new(error.kind(), sentence)
}

/// Whether notes and errors have colours, as far as the arguments say before they are understood.
#[must_use]
pub fn colors_of_notes(args: &[OsString]) -> bool {
    let before = args.iter().take_while(|arg| *arg != "--");
    let words: Vec<&str> = before.filter_map(|arg| arg.to_str()).collect();
    let behind = |at: usize| {
        words[at].strip_prefix("--color=").or((words[at] == "--color").then(|| words.get(at + 1).copied()).flatten())
    };
    let wanted = (0..words.len()).rev().find_map(|at| Color::of(OsStr::new(behind(at)?))).unwrap_or_default();
    colored(wanted, io::stderr().is_terminal(), |name| std::env::var_os(name))
}

/// Whether to write colours. What was typed goes first, then `NO_COLOR` (no-color.org), then whether anybody sees them.
fn colored(wanted: Color, terminal: bool, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let refused = variable("NO_COLOR").is_some_and(|v| !v.is_empty()) || variable("TERM").is_some_and(|v| v == "dumb");
    match wanted {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(color: Color, terminal: bool, variables: &[(&str, &str)]) -> bool {
        colored(color, terminal, |name| variables.iter().find(|v| v.0 == name).map(|v| v.1.into()))
    }

    #[test]
    fn the_last_word_on_colours_counts_for_notes_too() {
        let notes = |line: &str| colors_of_notes(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(notes("gospect --color never ps --color=always") && notes("gospect --color always"));
        assert!(!notes("gospect --color=always --color never") && !notes("gospect run -- x --color=always"));
    }

    #[test]
    fn colours_are_for_terminals_unless_asked_for() {
        assert!(check(Color::Auto, true, &[("TERM", "xterm"), ("NO_COLOR", "")]));
        assert!(!check(Color::Auto, false, &[]));
        assert!(!check(Color::Auto, true, &[("NO_COLOR", "1")]));
        assert!(!check(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(check(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!check(Color::Never, true, &[]));
    }
}
