//! The emulator in PATH, or Debian's, which runs unpacked, with its own loader and libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;

const PROGRAM: &str = "qemu-system-x86_64";

/// Debian release and package of the emulator.
const DEBIAN: (&str, &str) = ("bookworm", "qemu-system-x86");

/// Debian's library folders for amd64.
const LIBRARIES: [&str; 3] =
    ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio"];

/// An available emulator.
pub enum Qemu {
    InPath,
    /// Unpacked below this directory, with libraries and firmware.
    Unpacked(PathBuf),
}

impl Qemu {
    /// Finds or fetches the emulator.
    pub fn at_hand_or_fetched() -> Result<Qemu, String> {
        if cfg!(not(target_arch = "x86_64")) {
            return Err("the kernels are for amd64, and this machine is not".to_owned());
        }
        let Err(err) = Command::new(PROGRAM).arg("--version").output() else { return Ok(Qemu::InPath) };
        let fetched = debian::packages(DEBIAN.0, DEBIAN.1).map(Qemu::Unpacked);
        fetched.map_err(|why| format!("`{PROGRAM}` could not be started: {err}; and {why}"))
    }

    /// The command without arguments for the machine.
    pub fn command(&self) -> Command {
        match self {
            Qemu::InPath => Command::new(PROGRAM),
            Qemu::Unpacked(root) => unpacked(root),
        }
    }
}

/// Started by the loader, qemu cannot find its modules and firmware, so the command names them.
fn unpacked(root: &Path) -> Command {
    let libraries = LIBRARIES.map(|dir| root.join(dir).display().to_string()).join(":");
    let mut qemu = Command::new(root.join("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"));
    qemu.arg("--library-path").arg(libraries).arg(root.join("usr/bin").join(PROGRAM));
    qemu.env("QEMU_MODULE_DIR", root.join("usr/lib/x86_64-linux-gnu/qemu"));
    for firmware in ["usr/share/qemu", "usr/share/seabios"] {
        qemu.arg("-L").arg(root.join(firmware));
    }
    qemu
}
