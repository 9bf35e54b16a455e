//! Memory that the kernel writes to. A ring's: a page with how far we have read, a page with how far the kernel has written, and the data, mapped
//! twice one behind the other so that no record is ever in two pieces.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A mapped ring.
#[derive(Debug)]
pub struct RingMemory {
    /// Our page, and how long it is.
    ours: NonNull<u8>,
    page: usize,
    /// The kernel's page, with the data behind it.
    theirs: NonNull<u8>,
    /// Bytes of the data, once; a power of two.
    size: usize,
}

impl RingMemory {
    /// Maps a ring of `size` bytes.
    pub(super) fn map(fd: BorrowedFd<'_>, page: usize, size: usize) -> io::Result<RingMemory> {
        if !size.is_power_of_two() || size < 8 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let ours = mapped(fd, page, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, 0)?;
        let theirs = mapped(fd, page + 2 * size, libc::PROT_READ, libc::MAP_SHARED, page);
        let theirs = theirs.inspect_err(|_| unmap(ours, page))?;
        Ok(RingMemory { ours, page, theirs, size })
    }

    /// How many bytes of records fit.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Up to where the kernel has reserved records.
    #[must_use]
    pub fn produced(&self) -> u64 {
        // SAFETY: the first 8 bytes of the kernel's page, mapped as long as `self` lives and aligned; the kernel writes
        // them atomically. `AtomicU64::load` does not write, so a read-only mapping is enough.
        unsafe { AtomicU64::from_ptr(self.theirs.as_ptr().cast()) }.load(Ordering::Acquire)
    }

    /// Up to where records have been taken.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.our_position().load(Ordering::Relaxed)
    }

    /// Gives the kernel everything before that position back. No record can still be borrowed.
    pub fn consume(&mut self, position: u64) {
        self.our_position().store(position, Ordering::Release);
    }

    fn our_position(&self) -> &AtomicU64 {
        // SAFETY: the first 8 bytes of our page, mapped writable as long as `self` lives and aligned; the kernel only
        // reads them.
        unsafe { AtomicU64::from_ptr(self.ours.as_ptr().cast()) }
    }

    /// The first word of a record's header. Positions of headers are multiples of 8.
    #[must_use]
    pub fn header(&self, position: u64) -> u32 {
        let at = self.data(position & !7);
        // SAFETY: aligned, inside the data, and written atomically by the kernel when a record is submitted.
        unsafe { AtomicU32::from_ptr(at.cast()) }.load(Ordering::Acquire)
    }

    /// Bytes of a record that was submitted and not consumed, which the kernel therefore leaves alone.
    #[must_use]
    pub fn bytes(&self, position: u64, len: usize) -> Option<&[u8]> {
        if len > self.size {
            return None;
        }
        // SAFETY: starts inside the first copy of the data, and ends before the end of the second. The kernel does not
        // write to it until it was consumed, which takes `&mut self`.
        Some(unsafe { std::slice::from_raw_parts(self.data(position), len) })
    }

    fn data(&self, position: u64) -> *mut u8 {
        let at = self.page + (position as usize & (self.size - 1));
        // SAFETY: less than a page and the data's size, which together are less than the mapping.
        unsafe { self.theirs.as_ptr().add(at) }
    }
}

fn mapped(
    fd: BorrowedFd<'_>,
    len: usize,
    protection: libc::c_int,
    flags: libc::c_int,
    offset: usize,
) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd.as_raw_fd(), offset) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: only called with what `mapped` gave, once, when nothing refers to it any more.
    unsafe { libc::munmap(start.as_ptr().cast(), len) };
}

impl Drop for RingMemory {
    fn drop(&mut self) {
        unmap(self.ours, self.page);
        unmap(self.theirs, self.page + 2 * self.size);
    }
}

// SAFETY: the mapping belongs to the process, not to a thread; what is written to it needs `&mut self`.
unsafe impl Send for RingMemory {}

/// A file mapped as the kernel maps programs, so that it puts breakpoints there too and looks at what it replaces.
/// Nobody reads what is in it.
#[derive(Debug)]
pub struct Witness {
    start: NonNull<u8>,
    len: usize,
}

impl Witness {
    pub(super) fn map(fd: BorrowedFd<'_>, len: usize) -> io::Result<Witness> {
        Ok(Witness { start: mapped(fd, len, libc::PROT_READ, libc::MAP_PRIVATE, 0)?, len })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        unmap(self.start, self.len);
    }
}
