//! Go in a process whose program is not Go's: a library that was built with `-buildmode=c-shared`.
//!
//! Only looked for where the program itself turned out to have no Go, and only to say which file to look at: such a
//! process is no target yet.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kernel::Process;
use kernel::proc::Mapping;

use crate::processes;

/// Libraries that are looked into. Few programs have more, and each costs a look at its headers.
const MOST: usize = 256;

/// The first library with Go in it that the process has mapped, under a name by which this gospect can open it.
pub(crate) fn of_go(process: &Process) -> Option<PathBuf> {
    let maps = process.maps().ok()?;
    let mut seen = HashSet::new();
    let files = maps.iter().filter(|m| m.executable && m.inode != 0 && m.path.is_absolute());
    let files = files.filter(|m| seen.insert((m.inode, m.path.as_path()))).take(MOST);
    files.into_iter().find(|m| is_go(process, m)).map(|m| name(process, m))
}

/// What to do about it.
pub(crate) fn hint(library: &Path) -> String {
    format!("it has Go code in {}: name that file", library.display())
}

fn is_go(process: &Process, mapping: &Mapping) -> bool {
    let file = kernel::map_file(&process.as_seen_by_it(&mapping.path)).ok();
    // The name may lead to another file by now.
    file.filter(|f| f.id().inode == mapping.inode).and_then(processes::read).is_some()
}

/// As the process calls it, if that is the same file here; a process in a container has directories of its own.
fn name(process: &Process, mapping: &Mapping) -> PathBuf {
    let same = mapping.path.metadata().is_ok_and(|m| m.ino() == mapping.inode);
    let inside = mapping.path.strip_prefix("/").unwrap_or(&mapping.path);
    if same { mapping.path.clone() } else { Path::new("/proc").join(process.pid.to_string()).join("root").join(inside) }
}
