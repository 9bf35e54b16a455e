//! Delve, which no distribution has in time: the one in PATH, else its module, built once into a directory of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed where there is none.
const MODULE: &str = "github.com/go-delve/delve/cmd/dlv@v1.27.2";

/// Where it is, or why there is none.
pub fn dlv(scratch: &Path) -> Result<PathBuf, String> {
    let there = |path: &Path| Command::new(path).arg("version").output().is_ok_and(|said| said.status.success());
    let (in_path, own) = (PathBuf::from("dlv"), scratch.join("bin/dlv"));
    if let Some(dlv) = [in_path, own.clone()].into_iter().find(|path| there(path)) {
        return Ok(dlv);
    }
    let bin = std::path::absolute(scratch.join("bin")).map_err(|e| e.to_string())?;
    let built = Command::new("go").args(["install", MODULE]).env("GOBIN", bin).output();
    match built {
        Ok(output) if output.status.success() => Ok(own),
        Ok(output) => Err(format!("{MODULE} cannot be built: {}", last_line(&output.stderr))),
        Err(error) => Err(format!("go cannot be started: {error}")),
    }
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().last().unwrap_or_default().to_owned()
}
