//! Somebody whose processes a command can be among: user, groups, name and home.
//!
//! The C library is asked, and through it whatever directory service the machine has (LDAP, sssd): a user who logs in by
//! one has groups that stand in no file. A static build without one knows the files only.
//!
//! Says who somebody is. Which of them gospect should be is not decided here.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A user as a process has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// The user's number.
    pub uid: u32,
    /// The group that files of the user get.
    pub gid: u32,
    /// All groups of the user, that one among them.
    pub groups: Vec<u32>,
    /// The user's name, else the number.
    pub name: String,
    /// The user's home, if it is known.
    pub home: Option<PathBuf>,
}

/// Nobody is in more groups (`NGROUPS_MAX`).
const MOST_GROUPS: usize = 65536;
/// No entry of a user is longer.
const LONGEST_ENTRY: usize = 1 << 20;

/// The user that this process acts as.
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid(2) takes nothing and always succeeds.
    unsafe { libc::geteuid() }
}

impl Login {
    /// The user of this number, in this group. Without an entry anywhere a user has no further groups.
    ///
    /// # Errors
    /// When those who know cannot be asked.
    pub fn of(uid: u32, gid: u32) -> io::Result<Login> {
        let Some((name, home)) = entry(uid)? else {
            return Ok(Login { uid, gid, groups: vec![gid], name: uid.to_string(), home: None });
        };
        let groups = groups(&name, gid)?;
        let shown = name.to_string_lossy().into_owned();
        let home = Some(PathBuf::from(OsStr::from_bytes(home.as_bytes()))).filter(|home| home.is_absolute());
        Ok(Login { uid, gid, groups, name: shown, home })
    }

    /// Becomes this user for good, groups first: once the user is another one they could not be changed any more.
    ///
    /// Allocates nothing and takes no lock, so that it can be done between fork and exec.
    ///
    /// # Errors
    /// The kernel's: we are not allowed to.
    pub(crate) fn assume(&self) -> io::Result<()> {
        let done = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        // SAFETY: the pointer is to as many numbers as are named; the other two take numbers alone.
        unsafe {
            done(libc::setgroups(self.groups.len(), self.groups.as_ptr()))?;
            done(libc::setgid(self.gid))?;
            done(libc::setuid(self.uid))
        }
    }
}

/// The name and the home of a user, if there is an entry.
fn entry(uid: u32) -> io::Result<Option<(CString, CString)>> {
    let mut buffer = vec![0_u8; 1024];
    loop {
        // SAFETY: a zeroed passwd is a valid one (null pointers and numbers); the buffer is as long as it is said to be.
        let (result, found) = unsafe {
            let mut user: libc::passwd = std::mem::zeroed();
            let mut found = std::ptr::null_mut();
            let start = buffer.as_mut_ptr().cast();
            let result = libc::getpwuid_r(uid, &raw mut user, start, buffer.len(), &raw mut found);
            // What it points to lies in the buffer, which is still there.
            (result, (!found.is_null()).then(|| (text(user.pw_name), text(user.pw_dir))))
        };
        match result {
            libc::ERANGE if buffer.len() < LONGEST_ENTRY => buffer.resize(buffer.len() * 4, 0),
            // What POSIX leaves open: that there is no such user is an error to some.
            0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(found),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// # Safety
/// The pointer is null or leads to a text with a zero at its end.
unsafe fn text(pointer: *const libc::c_char) -> CString {
    if pointer.is_null() {
        return CString::default();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(pointer) }.to_owned()
}

fn groups(name: &CStr, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; 32];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).map_err(io::Error::other)?;
        // SAFETY: the name ends with a zero, and there is room for as many numbers as are said to have it.
        let result = unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        if result >= 0 {
            groups.truncate(usize::try_from(count).unwrap_or_default());
            return Ok(groups);
        }
        if groups.len() >= MOST_GROUPS {
            return Err(io::Error::other("there is no end of the user's groups"));
        }
        groups.resize(groups.len() * 4, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_an_entry_has_a_name_a_home_and_groups() {
        let root = Login::of(0, 0).unwrap();
        assert_eq!((root.name.as_str(), root.gid), ("root", 0));
        assert!(root.groups.contains(&0) && root.home.is_some(), "{root:?}");
    }

    #[test]
    fn who_has_none_is_a_number_in_one_group() {
        let nobody_knows = Login::of(4_000_000_001, 4_000_000_002).unwrap();
        let expected = Login {
            uid: 4_000_000_001,
            gid: 4_000_000_002,
            groups: vec![4_000_000_002],
            name: "4000000001".to_owned(),
            home: None,
        };
        assert_eq!(nobody_knows, expected);
    }
}
