//! Real Go programs that run while a test looks at them, and directories for them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// A directory that everybody can look into, gone at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gospect-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        open_to_all(&path);
        Scratch(path)
    }

    pub fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let path = self.0.join(name);
        // By another process: while this one has a file open for writing, a child that another test forks has it too,
        // and nobody can start it (ETXTBSY).
        assert!(Command::new("cp").arg(from).arg(&path).status().unwrap().success());
        open_to_all(&path);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program that runs until it is dropped.
pub struct Running(pub Child);

impl Running {
    /// Starts the fixture `server` and waits until it serves.
    pub fn server(command: &mut Command) -> Running {
        Running::server_if_it_starts(command).expect("the server starts")
    }

    /// The same where something may be in its way.
    pub fn server_if_it_starts(command: &mut Command) -> Option<Running> {
        let mut running = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?);
        let mut address = String::new();
        BufReader::new(running.0.stdout.as_mut()?).read_line(&mut address).ok()?;
        (!address.is_empty()).then_some(running)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn server(go: &'static str, variant: Variant) -> Result<PathBuf, Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "no Go fixtures for this machine".into() })?;
    build(&Fixture::new("server", go, variant).on(arch))
}

/// Whether this test may do what root may.
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|l| l.split_ascii_whitespace().take(3).eq(["Uid:", "0", "0"]))
}

/// A test that is not root is nobody special already.
pub fn as_nobody(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(NOBODY).gid(NOBODY).current_dir("/") } else { command }
}
