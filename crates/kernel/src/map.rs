//! Program files, mapped read-only: only the pages that are looked at are read.
//!
//! The price of a mapping: where another program makes the file shorter, or its disk fails, reading is not an error but
//! a signal, `SIGBUS`. There is no way back from it into the code that read; [`say_before_sigbus`] makes at least a
//! sentence of it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::file::{FileId, regular};

/// A file's bytes, mapped into memory.
pub struct Mapped {
    start: NonNull<u8>,
    len: usize,
    pub(crate) id: FileId,
}

impl Mapped {
    /// Which file it is, as [`FileId::of_file`] has it.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Where it is in our memory.
    pub(crate) fn address(&self) -> u64 {
        self.start.addr().get() as u64
    }
}

/// Maps a file under its own number, without a look beneath an overlay.
pub(crate) fn map_as_it_is(file: &File) -> io::Result<Mapped> {
    let metadata = file.metadata()?;
    regular(&metadata)?;
    let id = FileId::of(&metadata);
    let len = usize::try_from(metadata.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    if len == 0 {
        return Ok(Mapped { start: NonNull::dangling(), len, id });
    }
    // Shared, since the kernel puts the breakpoints of everybody's uprobes into each private mapping of a file, this one
    // too, although nobody runs it (valid_vma in kernel/events/uprobes.c): the file would seem to be full of int3.
    // SAFETY: a new mapping for reading at an address of the kernel's choice touches no memory of ours, and the
    // descriptor is open for the length of the call.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok(Mapped { start, len, id })
}

/// Lets this process end with `message` on standard error and this exit status when a mapped file turns out to be
/// shorter than it was.
pub fn say_before_sigbus(message: &'static str, status: u8) {
    // Only the first call counts; the handler must find both words in place.
    if LAST_WORDS.set((message, status)).is_err() {
        return;
    }
    // SAFETY: a zeroed sigaction is a valid one (no flags, an empty mask), and is filled in with a function of the
    // signature that SA_SIGINFO asks for.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigbus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

static LAST_WORDS: OnceLock<(&str, u8)> = OnceLock::new();

/// Does nothing that a signal handler may not do: a read of what was set before it was installed, write(2), _exit(2).
extern "C" fn on_sigbus(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo_t to a handler with SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    match LAST_WORDS.get() {
        // SAFETY: both are async-signal-safe, and the message is valid for its length.
        Some((message, status)) if code == libc::BUS_ADRERR => unsafe {
            libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
            libc::_exit(i32::from(*status));
        },
        // SAFETY: signal(2) is async-signal-safe. On return the instruction is tried again, and now ends the process.
        _ => unsafe {
            libc::signal(signal, libc::SIG_DFL);
        },
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `start` is a mapping of `len` readable bytes that lives as long as `self` (or dangles, aligned, with
        // `len` 0), and nobody writes through it. Another program that writes to the file can change its bytes under
        // us, as with any mapping of a file; a running program's file cannot be written (ETXTBSY).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: exactly the mapping that `map` made, and with `self` the last reference to it goes.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        }
    }
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only read.
unsafe impl Send for Mapped {}
// SAFETY: as above; shared reads need no order.
unsafe impl Sync for Mapped {}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use super::*;
    use crate::overlay::{map, map_file};
    use expect_test::{Expect, expect};

    fn check(path: &str, expect: Expect) {
        let answer = match map_file(Path::new(path)) {
            Ok(mapped) => format!("{} bytes", mapped.as_ref().len()),
            Err(error) => format!("{:?}: {error}", error.kind()),
        };
        expect.assert_eq(&answer);
    }

    #[test]
    fn a_mapped_file_has_the_bytes_that_reading_gives() {
        let path = Path::new("/proc/self/exe");
        let read = std::fs::read(path).unwrap();
        assert!(map_file(path).unwrap().as_ref() == read);
    }

    #[test]
    fn what_is_no_file_is_refused_by_what_it_is() {
        check("/", expect!["IsADirectory: it is a directory, not a file"]);
        check("/dev/null", expect!["InvalidInput: it is a device, not a file"]);
        check("/nonexistent", expect!["NotFound: No such file or directory (os error 2)"]);
        // Files of /proc have no size.
        check("/proc/self/status", expect!["0 bytes"]);
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_does_not_stop_us() {
        let path = std::env::temp_dir().join(format!("gospect-pipe-{}", std::process::id()));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        check(path.to_str().unwrap(), expect!["InvalidInput: it is a named pipe, not a file"]);
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        assert_eq!(map(&opened).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(FileId::of_path(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_mapping_outlives_its_file_and_moves_between_threads() {
        let path = std::env::temp_dir().join(format!("gospect-map-{}", std::process::id()));
        std::fs::write(&path, b"kept").unwrap();
        let mapped = map_file(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(std::thread::spawn(move || mapped.as_ref().to_vec()).join().unwrap(), b"kept");
    }

    /// Runs itself once more, because the reader does not survive.
    #[test]
    fn a_file_that_shrinks_under_us_is_a_sentence_and_an_exit_status() {
        let path = std::env::temp_dir().join(format!("gospect-shrinks-{}", std::process::id()));
        if std::env::var_os("GOSPECT_TEST_SHRINK").is_some() {
            say_before_sigbus("last words\n", 3);
            std::fs::write(&path, [0; 8192]).unwrap();
            let mapped = map_file(&path).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
            std::fs::remove_file(&path).unwrap();
            let byte = std::hint::black_box(mapped.as_ref())[5000];
            panic!("a byte behind the end was read: {byte}");
        }
        let test = "map::tests::a_file_that_shrinks_under_us_is_a_sentence_and_an_exit_status";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", test, "--nocapture"]).env("GOSPECT_TEST_SHRINK", "1").output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(3), "last words\n"));
    }
}
