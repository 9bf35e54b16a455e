//! Files of the project, read as text.

use std::path::{Path, PathBuf};

use crate::bed::named;

pub fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(named(path.display()))
}

/// The entries of a folder by name.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let all: Result<Vec<_>, _> = std::fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    let mut all = all.map_err(named(dir.display()))?;
    all.sort();
    Ok(all)
}

/// Relative path and content of all files with this extension, except hidden folders and cargo's `target`.
pub fn below(dir: &Path, extension: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_build = name == "target" && folder.join("Cargo.toml").exists();
            if name.starts_with('.') || is_build {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push((path.strip_prefix(dir).unwrap_or(&path).display().to_string(), read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_module_may_be_called_target() {
        let all = super::below(&crate::root(), "rs").unwrap();
        assert!(all.iter().any(|(name, _)| name.starts_with("crates/plan/src/target/")));
        assert!(!all.iter().any(|(name, _)| name.starts_with("target/") || name.starts_with("fuzz/target/")));
    }
}
