//! The identity of files, also of those that an overlay file system shows, and program files mapped with it.
//!
//! Containers of one image see its files by an overlay each, under numbers that differ from one to the next, and from
//! what `/proc/PID/maps` says. The kernel's uprobes do not: they are in the file beneath, and so in all of those
//! containers at once. So the identity of a file is that of the file beneath.
//!
//! From Linux 6.6 on a file handle tells (`AT_HANDLE_FID`, `ovl_dentry_to_fid` in `fs/overlayfs/export.c`). Up to 6.7 the
//! memory map of whoever maps the file has the number of the one beneath (`vma_set_file` in `ovl_mmap`; later
//! `file_user_inode` in `fs/proc/task_mmu.c`).

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::file::{FileId, open_file};
use crate::map::{Mapped, map_as_it_is};
use crate::proc::parse_maps;

/// `OVERLAYFS_SUPER_MAGIC` of `linux/magic.h`.
const OVERLAY: u32 = 0x794c_7630;
/// `MAX_HANDLE_SZ`
const LONGEST_HANDLE: usize = 128;
/// In an overlay's handle (`struct ovl_fb` behind three bytes of padding), where its flags are.
const FLAGS: usize = 6;
/// `OVL_FH_FLAG_PATH_UPPER`: the file was made in this overlay.
const MADE_HERE: u8 = 1 << 2;

/// A handle, as the kernel fills it in.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    handle: [u8; LONGEST_HANDLE],
}

impl FileId {
    /// The identity of what is in an open file: where an overlay shows it, that of the file beneath, which is the same
    /// in all containers of one image.
    ///
    /// # Errors
    /// The kernel's.
    pub fn of_file(file: &File) -> io::Result<FileId> {
        match beneath(file)? {
            Some(beneath) => Ok(beneath),
            None => Ok(FileId::of(&file.metadata()?)),
        }
    }

    /// The same of what a path leads to.
    ///
    /// # Errors
    /// Those of [`open_file`].
    pub fn of_path(path: &Path) -> io::Result<FileId> {
        FileId::of_file(&open_file(path)?)
    }
}

/// Opens and maps the file called `path`.
///
/// # Errors
/// The kernel's, or [`NotAFile`](crate::NotAFile) inside an [`io::Error`].
pub fn map_file(path: &Path) -> io::Result<Mapped> {
    map(&open_file(path)?)
}

/// Maps a file that is already open.
///
/// # Errors
/// The kernel's, or [`NotAFile`](crate::NotAFile) inside an [`io::Error`].
pub fn map(file: &File) -> io::Result<Mapped> {
    let mut mapped = map_as_it_is(file)?;
    mapped.id = FileId::of_file(file)?;
    Ok(mapped)
}

/// The file beneath, if this one is shown by an overlay.
fn beneath(file: &File) -> io::Result<Option<FileId>> {
    if !is_in_overlay(file)? {
        return Ok(None);
    }
    if let Some(handle) = handle(file) {
        // A file of the image that was written to is a copy, though its handle stays: but for its time it is the same.
        let copied = if handle.get(FLAGS).is_some_and(|flags| flags & MADE_HERE != 0) {
            None
        } else {
            file.metadata().map(|of| (of.ctime(), of.ctime_nsec())).ok()
        };
        let part = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &handle, copied).hash(&mut hasher);
            hasher.finish()
        };
        return Ok(Some(FileId { device: part(0), inode: part(1) }));
    }
    let mapped = map_as_it_is(file)?;
    let maps = parse_maps(&std::fs::read("/proc/self/maps")?);
    let here = maps.iter().find(|mapping| mapping.start == mapped.address());
    Ok(here.map(|mapping| FileId { device: mapping.device, inode: mapping.inode }))
}

fn is_in_overlay(file: &File) -> io::Result<bool> {
    // SAFETY: a zeroed statfs is a valid one (numbers), and the descriptor is open for the length of the call.
    let (result, found) = unsafe {
        let mut found: libc::statfs = std::mem::zeroed();
        (libc::fstatfs(file.as_raw_fd(), &raw mut found), found)
    };
    // C libraries do not agree whether it has a sign.
    let kind = u32::try_from(found.f_type);
    if result == 0 { Ok(kind == Ok(OVERLAY)) } else { Err(io::Error::last_os_error()) }
}

/// What identifies a file to its file system; nothing where the kernel does not tell that of overlays.
fn handle(file: &File) -> Option<Vec<u8>> {
    let mut handle = Handle { bytes: LONGEST_HANDLE as libc::c_uint, kind: 0, handle: [0; LONGEST_HANDLE] };
    let (mut mount, flags) = (0, libc::AT_EMPTY_PATH | libc::AT_HANDLE_FID);
    // SAFETY: the handle has the fields of `struct file_handle` with as much room behind them as it says, and the path
    // is an empty text.
    let result = unsafe {
        let room = (&raw mut handle).cast::<libc::file_handle>();
        libc::name_to_handle_at(file.as_raw_fd(), c"".as_ptr(), room, &raw mut mount, flags)
    };
    let bytes = usize::try_from(handle.bytes).ok().filter(|_| result == 0)?;
    handle.handle.get(..bytes).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_no_overlay_has_nothing_beneath() {
        let file = File::open("/proc/self/exe").unwrap();
        if !is_in_overlay(&file).unwrap() {
            assert_eq!(beneath(&file).unwrap(), None);
            assert_eq!(FileId::of_file(&file).unwrap(), FileId::of(&file.metadata().unwrap()));
        }
    }
}
