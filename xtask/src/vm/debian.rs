//! Debian's kernels and programs, fetched by apt and kept in the cache, without installation.
//!
//! apt runs on a separate directory, independent of the machine's sources and packages. Kernels for cloud machines are
//! small and support probes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Linux versions and their Debian releases.
pub const KERNELS: [(&str, &str); 3] = [("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie")];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGE: &str = "linux-image-cloud-amd64";

/// The path of a kernel, or the reason why there is none.
pub fn kernel(version: &str) -> Result<PathBuf, String> {
    let (_, debian) = KERNELS.iter().find(|(known, _)| *known == version).ok_or_else(|| unknown(version))?;
    kept(&format!("Debian's Linux {version}"), &format!("vmlinuz-{version}"), |work, path| {
        let depends = output_of(apt("apt-cache", debian, work)?.args(["depends", PACKAGE]))?;
        let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
        let package = package.ok_or_else(|| format!("{debian} has no {PACKAGE}"))?;
        output_of(apt("apt-get", debian, work)?.args(["download", package]))?;
        extract(&file(work, ".deb")?, &work.join("root"))?;
        rename(&file(&work.join("root/boot"), "vmlinuz")?, path)
    })
}

/// A directory with a package and its dependencies, laid out as if installed.
pub fn packages(debian: &str, package: &str) -> Result<PathBuf, String> {
    kept(&format!("Debian's {package}"), package, |work, path| {
        let install = ["install", "--download-only", "--no-install-recommends", "--yes", package];
        output_of(apt("apt-get", debian, work)?.args(install))?;
        let root = work.join("root");
        files(&work.join("cache/archives"), ".deb")?.iter().try_for_each(|deb| extract(deb, &root))?;
        rename(&root, path)
    })
}

/// A file or directory of the cache, fetched if absent: `fetch` gets a temporary work directory and the final path.
fn kept(what: &str, name: &str, fetch: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let dir = gospect_fixtures::cache_dir().join("kernels");
    let path = dir.join(name);
    if !path.exists() {
        let work = dir.join(format!("work-{name}-{}", std::process::id()));
        let fetched = ["lists/partial", "cache/archives/partial"]
            .iter()
            .try_for_each(|dir| fs::create_dir_all(work.join(dir)))
            .map_err(|err| format!("{}: {err}", work.display()))
            .and_then(|()| fetch(&work, &path));
        // A remaining work directory is harmless.
        let _ = fs::remove_dir_all(&work);
        fetched.map_err(|why| format!("{what} cannot be had: {why}"))?;
    }
    Ok(path)
}

fn unknown(version: &str) -> String {
    let known = KERNELS.map(|(version, _)| version).join(", ");
    format!("no Debian is known to have Linux {version}, only {known}")
}

fn extract(deb: &Path, root: &Path) -> Result<(), String> {
    output_of(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(root)).map(drop)
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to).map_err(|err| format!("{}: {err}", to.display()))
}

/// An apt program with the lists of a Debian release.
fn apt(program: &str, debian: &str, work: &Path) -> Result<Command, String> {
    let sources = work.join("sources");
    if !sources.exists() {
        let source = format!("deb [signed-by={KEYRING}] http://deb.debian.org/debian {debian} main\n");
        fs::write(&sources, source).map_err(|err| format!("{}: {err}", sources.display()))?;
        output_of(bare("apt-get", work).arg("update"))?;
    }
    Ok(bare(program, work))
}

/// An apt program isolated from the machine's configuration.
fn bare(program: &str, work: &Path) -> Command {
    let mut apt = Command::new(program);
    apt.current_dir(work).args(["-q", "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=root"]);
    // By default, apt only warns when it cannot fetch.
    apt.args(["-o", "APT::Update::Error-Mode=any"]);
    let dirs = [
        ("Etc::sourcelist", "sources"),
        ("Etc::sourceparts", "-"),
        ("State", ""),
        ("State::lists", "lists"),
        ("State::status", "/dev/null"),
        ("Cache", "cache"),
    ];
    for (name, dir) in dirs {
        let dir = if dir == "-" { dir.into() } else { work.join(dir) };
        apt.arg("-o").arg(format!("Dir::{name}={}", dir.display()));
    }
    apt
}

/// The output of a command; the error is the cause in its own words.
fn output_of(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|err| format!("`{program}` could not be started: {err}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(cause(&String::from_utf8_lossy(&output.stderr)).to_owned())
}

/// apt's first error, the cause of the others, or the last line.
fn cause(stderr: &str) -> &str {
    let first = stderr.lines().find_map(|line| line.strip_prefix("E: "));
    first.or_else(|| stderr.lines().rev().find(|line| !line.is_empty())).unwrap_or("it failed without a word")
}

/// The first file of a directory with this part in its name.
fn file(dir: &Path, part: &str) -> Result<PathBuf, String> {
    files(dir, part)?.into_iter().next().ok_or_else(|| format!("there is no {part} in the package"))
}

/// The files of a directory with this part in their names.
fn files(dir: &Path, part: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|err| format!("{}: {err}", dir.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_that_no_debian_has_are_refused() {
        let why = "no Debian is known to have Linux 4.19, only 5.10, 6.1, 6.12".to_owned();
        assert_eq!(kernel("4.19"), Err(why));
    }

    #[test]
    fn the_cause_is_the_first_error_of_apt_or_the_last_line_of_others() {
        let apt =
            "W: old\nE: Failed to fetch http://deb.debian.org: refused\nE: Some index files failed to download.\n";
        assert_eq!(cause(apt), "Failed to fetch http://deb.debian.org: refused");
        assert_eq!(cause("dpkg-deb: error: no such file\n\n"), "dpkg-deb: error: no such file");
        assert_eq!(cause(""), "it failed without a word");
    }
}
