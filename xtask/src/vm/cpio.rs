//! An initramfs: a cpio archive in the format `newc`, with files and directories of root.
//!
//! No links and no devices: the init script mounts a devtmpfs. Follows the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DIRECTORY: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const END: &str = "TRAILER!!!";

/// An unfinished archive.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    paths: BTreeSet<PathBuf>,
}

impl Archive {
    /// Adds an executable file and the directories above, unless the path exists.
    pub fn file(&mut self, path: &Path, content: &[u8]) {
        path.parent().into_iter().for_each(|parent| self.directory(parent));
        if self.paths.insert(path.to_owned()) {
            self.entry(&name(path), EXECUTABLE, content);
        }
    }

    /// Adds a directory and the directories above.
    pub fn directory(&mut self, path: &Path) {
        let Some(parent) = path.parent() else { return };
        self.directory(parent);
        if self.paths.insert(path.to_owned()) {
            self.entry(&name(path), DIRECTORY, &[]);
        }
    }

    pub fn has(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    /// The finished archive.
    pub fn end(mut self) -> Vec<u8> {
        self.entry(END, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        let (size, with_nul) = (content.len(), name.len() + 1);
        // Number, mode, owner, group, links, time, size, two devices of two numbers, length of the name, checksum.
        let fields = [self.paths.len(), mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, with_nul, 0];
        self.bytes.extend(b"070701");
        fields.iter().for_each(|field| self.bytes.extend(format!("{field:08x}").bytes()));
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The path without the slash at its start.
fn name(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn archive_has_each_path_once_behind_its_directory() {
        let mut archive = Archive::default();
        archive.file(Path::new("/bin/sh"), b"#!");
        archive.file(Path::new("/bin/sh"), b"another");
        archive.directory(Path::new("/bin"));
        let text = String::from_utf8_lossy(&archive.end()).replace('\0', ".").replace("070701", "\n070701 ");
        expect![[r#"

            070701 00000001000041ed0000000000000000000000010000000000000000000000000000000000000000000000000000000400000000bin...
            070701 00000002000081ed0000000000000000000000010000000000000002000000000000000000000000000000000000000700000000bin/sh....#!..
            070701 00000002000000000000000000000000000000010000000000000000000000000000000000000000000000000000000b00000000TRAILER!!!...."#]]
        .assert_eq(&text);
    }
}
