//! Files by identity, opened without waiting: what is no regular file is refused by what it is, and no device is woken.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Which file it is, whatever names it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FileId {
    /// The device that it is on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

impl FileId {
    /// The identity in what `stat` said.
    #[must_use]
    pub fn of(metadata: &Metadata) -> FileId {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Why something with a name is no file that could be mapped; the payload of the [`io::Error`] that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAFile {
    /// What it is, with its article.
    pub what: &'static str,
}

impl fmt::Display for NotAFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is {}, not a file", self.what)
    }
}

impl std::error::Error for NotAFile {}

/// Opens the file called `path`, whoever may have put something else there.
///
/// # Errors
/// The kernel's, or [`NotAFile`] inside an [`io::Error`].
pub fn open_file(path: &Path) -> io::Result<File> {
    // Looked at before it is opened, because opening a device can do things; the second look is the one that holds, and
    // O_NONBLOCK keeps a FIFO put there in between from stopping us.
    regular(&path.metadata()?)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Refuses what is no regular file.
pub(crate) fn regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let (error, what) = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => (io::ErrorKind::IsADirectory, "a directory"),
        () if kind.is_fifo() => (io::ErrorKind::InvalidInput, "a named pipe"),
        () if kind.is_socket() => (io::ErrorKind::InvalidInput, "a socket"),
        () => (io::ErrorKind::InvalidInput, "a device"),
    };
    Err(io::Error::new(error, NotAFile { what }))
}
