//! One file that runs on any Linux: gospect, linked statically against musl.
//!
//! The build is tested: the file asks for no loader, and runs in an empty root directory with an empty environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gospect_fixtures::{Fixture, Variant, build};

use crate::cargo::{cargo, output_text};
use crate::{no_args, root};

/// The Rust target of the build.
pub const TARGET: &str = "x86_64-unknown-linux-musl";

/// `cargo xtask dist`.
pub fn run(args: &[String]) -> Result<bool, String> {
    no_args(args)?;
    if !is_installed() {
        install()?;
    }
    cargo(&["build", "--release", "--locked", "-p", "gospect", "--target", TARGET], &[])?;
    let built = root().join("target").join(TARGET).join("release/gospect");
    let bytes = fs::read(&built).map_err(|err| format!("{}: {err}", built.display()))?;
    is_static(&bytes)?;
    let ran = alone(&built)?;
    let kept = root().join("target/dist");
    let name = kept.join(format!("gospect-{}-{TARGET}", env!("CARGO_PKG_VERSION")));
    let copied = fs::create_dir_all(&kept).and_then(|()| fs::copy(&built, &name));
    copied.map_err(|err| format!("{}: {err}", name.display()))?;
    println!("{}: {} KiB, static; {ran}", name.display(), bytes.len() >> 10);
    Ok(true)
}

/// Whether Rust's library for the target is installed.
pub fn is_installed() -> bool {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.current_dir(root()).args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = output.ok().filter(|output| output.status.success());
    output.is_some_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn install() -> Result<(), String> {
    let missing = format!("Rust has no library for {TARGET} here");
    let output = Command::new("rustup").current_dir(root()).args(["target", "add", TARGET]).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{missing}, and `rustup target add` fails: {}", output_text(&output).trim())),
        Err(err) => Err(format!("{missing}, and rustup, which would fetch it, cannot be started: {err}")),
    }
}

/// Fails on a program header `PT_INTERP`, which asks for a loader.
fn is_static(elf: &[u8]) -> Result<(), String> {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at + size).ok_or("it ends too soon")?;
        Ok::<usize, String>(bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    };
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for header in 0..count {
        if number(start + header * size, 4)? == PT_INTERP as usize {
            return Err("it asks for a loader, so it is not static".to_owned());
        }
    }
    Ok(())
}

/// Runs the file in an empty root directory. Returns a note of the result.
fn alone(built: &Path) -> Result<String, String> {
    let dir = Scratch::new()?;
    let into = |from: &Path, name: &str| {
        fs::copy(from, dir.0.join(name)).map(drop).map_err(|err| format!("{}: {err}", from.display()))
    };
    into(built, "gospect")?;
    let version = answered(&dir.0, &["--version"])?;
    let Ok(app) = build(&Fixture::new("server", "local", Variant::Plain)) else {
        return Ok(format!("in an empty root it is {}", version.trim()));
    };
    into(&app, "app")?;
    let listed = answered(&dir.0, &["list", "/app", "main.fibonacci"])?;
    match listed.starts_with("main.fibonacci ") {
        true => Ok(format!("in an empty root it is {} and reads a Go program", version.trim())),
        false => Err(format!("in an empty root it says of a Go program: {listed}")),
    }
}

/// The output of a command in a root directory. `unshare -r` allows chroot to users other than root.
fn answered(dir: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("unshare");
    command.arg("-r").args(["chroot"]).arg(dir).arg("/gospect").args(args);
    let path = std::env::var_os("PATH").unwrap_or_default();
    // PATH is for unshare and chroot. The new root has no programs for gospect.
    let output = command.env_clear().env("PATH", path).output().map_err(|err| format!("unshare: {err}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("`gospect {}` in an empty root: {}", args.join(" "), output_text(&output).trim())),
    }
}

/// A directory, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, String> {
        let path = std::env::temp_dir().join(format!("gospect-dist-{}", std::process::id()));
        fs::create_dir(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_asks_for_a_loader_is_not_static() {
        let of_this_test = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&of_this_test).is_ok(), cfg!(target_feature = "crt-static"));
        let mut elf = vec![0; 64 + 56];
        (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 1, 1);
        assert_eq!(is_static(&elf), Ok(()));
        elf[64] = 3;
        assert!(is_static(&elf).is_err() && is_static(&elf[..66]).is_err());
    }
}
