//! The initramfs: tests, traced Go programs, commands, and a script that runs the tests one after the other and prints
//! each exit status on the console.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gospect_fixtures::{Variant, cache_dir, source, toolchain};

use super::cpio::Archive;
use super::{Asked, Programs};
use crate::bed::{FIXTURE_GO, fixture, named};
use crate::files::entries;
use crate::root;

/// Start of the script's lines on the console.
pub const MARK: &str = "gospect-vm: ";

/// The Go programs traced by the tests.
const FIXTURES: [(&str, Variant); 6] = [
    ("counter", Variant::Plain),
    ("counter", Variant::Pie),
    ("statements", Variant::Plain),
    ("gin", Variant::NoInline),
    ("states", Variant::Plain),
    ("states", Variant::PieStripped),
];

/// Commands of the script and the tests. `go` is a script that prints the Go version of the programs.
const COMMANDS: [&str; 5] = ["sh", "mount", "ip", "cp", "kill"];

/// Makes the archive. The error names a missing part.
pub fn archive(programs: &Programs, asked: &Asked) -> Result<Vec<u8>, String> {
    let mut archive = Archive::default();
    ["/proc", "/sys", "/dev", "/tmp"].iter().for_each(|dir| archive.directory(Path::new(dir)));
    archive.file(Path::new("/init"), init(programs, asked).as_bytes());
    for command in COMMANDS {
        let path = which(command).ok_or_else(|| format!("there is no `{command}` in PATH"))?;
        add(&mut archive, &path, &Path::new("/bin").join(command))?;
    }
    for path in [&programs.verifier, &programs.cli, &programs.gospect] {
        add(&mut archive, path, path)?;
    }
    add_fixtures(&mut archive)?;
    Ok(archive.end())
}

/// The script of the first process.
fn init(programs: &Programs, asked: &Asked) -> String {
    let mut script = format!(
        "#!/bin/sh\n\
         export PATH=/bin HOME=/root RUST_BACKTRACE=0 GOSPECT_CACHE={} GOSPECT_RANDOM_SCRIPTS={}\n\
         mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev\n\
         mount -t tracefs none /sys/kernel/tracing; ip link set lo up\n\
         read release < /proc/sys/kernel/osrelease; echo \"{MARK}release $release\"\n",
        cache_dir().display(),
        asked.scripts,
    );
    for (at, check) in asked.checks().into_iter().enumerate() {
        let binary = if check.in_verifier { &programs.verifier } else { &programs.cli };
        let _ = writeln!(
            script,
            "echo '{MARK}begin {at}'; {} --test-threads=1 --nocapture --exact {} 2>&1; echo \"{MARK}end {at} $?\"",
            binary.display(),
            check.tests.join(" "),
        );
    }
    // The first process must not end before the machine does.
    script + "echo o > /proc/sysrq-trigger\nread forever < /dev/console\n"
}

fn add_fixtures(archive: &mut Archive) -> Result<(), String> {
    let go = toolchain(FIXTURE_GO).map_err(|missing| missing.why)?;
    let says = format!("#!/bin/sh\necho {}; echo /go; echo /go; echo /go\n", go.version);
    archive.file(Path::new("/bin/go"), says.as_bytes());
    for (program, variant) in FIXTURES {
        let path = fixture(program, variant)?;
        add(archive, &path, &path)?;
        add_all(archive, &source(program).canonicalize().map_err(named(program))?)?;
    }
    // Tests find the sources from this directory.
    archive.directory(&canonical(&root().join("crates/fixtures"))?);
    Ok(())
}

/// Adds all files below a directory, at the same path.
fn add_all(archive: &mut Archive, dir: &Path) -> Result<(), String> {
    for path in entries(dir)? {
        if path.is_dir() {
            add_all(archive, &path)?;
        } else {
            archive.file(&path, &bytes(&path)?);
        }
    }
    Ok(())
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(named(path.display()))
}

/// Adds a program and its libraries.
fn add(archive: &mut Archive, from: &Path, to: &Path) -> Result<(), String> {
    archive.file(to, &bytes(from)?);
    for library in libraries(from) {
        if !archive.has(&library) {
            archive.file(&library, &bytes(&library)?);
        }
    }
    Ok(())
}

/// The libraries of a program, according to the loader; none for a static program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let said = Command::new("ldd").arg(program).output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn which(command: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/sbin"), PathBuf::from("/usr/sbin")]);
    dirs.map(|dir| dir.join(command)).find(|path| path.is_file())
}

/// The path without links and dots, as compiled into programs.
pub fn canonical(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(named(path.display()))
}
