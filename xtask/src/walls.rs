//! The walls between the crates: what each may depend on and what it may contain. A wall that only a document knows
//! is gone after a year; these are read from the manifests and sources by a test.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

/// Every crate of the workspace, existing or planned, and the crates of the workspace it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("gobin", &[]),
    ("bpf", &[]),
    ("event", &[]),
    ("probe", &["gobin", "bpf", "event"]),
    ("kernel", &["bpf"]),
    ("session", &["gobin", "probe", "kernel", "event"]),
    ("ui", &["event", "gobin"]),
    ("gospect", &["session", "ui", "event", "gobin"]),
    ("gospect-fixtures", &[]),
    ("xtask", &["gospect-fixtures", "gobin", "probe"]),
];

/// What any crate may use in its tests.
const FOR_TESTS: &str = "gospect-fixtures";

/// The one crate that may contain unsafe code.
const UNSAFE: &str = "kernel";

/// Bytes in, values out: these crates touch neither files nor clocks nor the system.
const PURE: [&str; 4] = ["gobin", "bpf", "event", "probe"];

/// The modules of std that touch what pure crates must not.
const IMPURE: [&str; 7] = ["env", "fs", "net", "os", "process", "thread", "time"];

/// What of those modules is only a value all the same.
const HARMLESS: [&str; 1] = ["time::Duration"];

/// The list of direct dependencies, one line each: "- `name`: why this one".
const DEPENDENCIES: &str = "docs/dependencies.md";

/// `cargo xtask walls`.
pub fn run(args: &[String]) -> Result<bool, String> {
    crate::no_args(args)?;
    let broken = violations(&crate::root())?;
    broken.iter().for_each(|line| println!("{line}"));
    Ok(broken.is_empty())
}

/// All that breaks a wall, one sentence each.
pub fn violations(root: &Path) -> Result<Vec<String>, String> {
    Ok(Workspace::read(root)?.violations())
}

/// What the walls are checked on.
struct Workspace {
    manifest: Table,
    crates: Vec<Crate>,
    listed: Vec<String>,
}

/// One crate.
struct Crate {
    name: String,
    manifest: Table,
    /// Path below the crate and content of its Rust files.
    sources: Vec<(String, String)>,
}

/// A line of a manifest's dependency table.
struct Dependency {
    name: String,
    table: &'static str,
}

impl Workspace {
    fn read(root: &Path) -> Result<Workspace, String> {
        let mut dirs: Vec<_> = entries(&root.join("crates"))?;
        dirs.push(root.join("xtask"));
        let crates = dirs.iter().map(|dir| Crate::read(dir)).collect::<Result<_, _>>()?;
        let listed = listed(&read(&root.join(DEPENDENCIES))?);
        Ok(Workspace { manifest: table(&read(&root.join("Cargo.toml"))?)?, crates, listed })
    }

    fn violations(&self) -> Vec<String> {
        let mut broken: Vec<String> = self.crates.iter().flat_map(|c| self.of_crate(c)).collect();
        if at(&self.manifest, &["workspace", "lints", "rust", "unsafe_code"]).and_then(Value::as_str) != Some("deny") {
            broken.push("the workspace's lints do not deny unsafe_code".to_owned());
        }
        broken.extend(self.unlisted());
        broken
    }

    fn of_crate(&self, one: &Crate) -> Vec<String> {
        let mut broken = self.forbidden_arrows(one);
        let name = &one.name;
        if at(&one.manifest, &["lints", "workspace"]).and_then(Value::as_bool) != Some(true) {
            broken.push(format!("{name} does not take the workspace's lints"));
        }
        if one.manifest.contains_key("features") {
            broken.push(format!("{name} has cargo features"));
        }
        broken.extend(one.unsafe_code());
        broken.extend(one.impurities());
        broken
    }

    fn forbidden_arrows(&self, one: &Crate) -> Vec<String> {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == one.name) else {
            return vec![format!("{} is not in the table of crates in xtask/src/walls.rs", one.name)];
        };
        let arrows = one.dependencies().into_iter().filter(|dependency| self.is_internal(&dependency.name));
        let for_tests = |d: &Dependency| d.name == FOR_TESTS && d.table == "dev-dependencies" && one.name != FOR_TESTS;
        arrows
            .filter(|dependency| !allowed.contains(&&*dependency.name) && !for_tests(dependency))
            .map(|dependency| format!("{} must not have {} in its {}", one.name, dependency.name, dependency.table))
            .collect()
    }

    fn is_internal(&self, name: &str) -> bool {
        ARROWS.iter().any(|(known, _)| *known == name) || self.crates.iter().any(|one| one.name == name)
    }

    /// Third-party crates without their one line, and lines without their crate.
    fn unlisted(&self) -> Vec<String> {
        let declared = at(&self.manifest, &["workspace", "dependencies"]).and_then(Value::as_table);
        let declared = declared.into_iter().flatten().map(|(key, value)| package(key, value));
        let used = self.crates.iter().flat_map(Crate::dependencies).map(|dependency| dependency.name);
        let external: BTreeSet<String> = declared.chain(used).filter(|name| !self.is_internal(name)).collect();
        let count = |name: &String| self.listed.iter().filter(|listed| *listed == name).count();
        let without = external.iter().filter(|name| count(name) != 1);
        let stale = self.listed.iter().filter(|name| !external.contains(*name));
        without
            .map(|name| format!("{name} has {} lines in {DEPENDENCIES}, not one", count(name)))
            .chain(stale.map(|name| format!("{name} stands in {DEPENDENCIES} and in no manifest")))
            .collect()
    }
}

impl Crate {
    fn read(dir: &Path) -> Result<Crate, String> {
        let mut sources = Vec::new();
        read_sources(dir, dir, &mut sources)?;
        Crate::parse(&read(&dir.join("Cargo.toml"))?, sources)
    }

    fn parse(manifest: &str, sources: Vec<(String, String)>) -> Result<Crate, String> {
        let manifest = table(manifest)?;
        let name = at(&manifest, &["package", "name"]).and_then(Value::as_str).ok_or("a crate without a name")?;
        Ok(Crate { name: name.to_owned(), manifest, sources })
    }

    /// Of all kinds, also those for some targets only.
    fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.manifest.get("target").and_then(Value::as_table).into_iter().flatten();
        let tables = std::iter::once(&self.manifest).chain(targets.filter_map(|(_, target)| target.as_table()));
        tables.flat_map(dependencies_of).collect()
    }

    fn unsafe_code(&self) -> Vec<String> {
        // In two pieces, so that this line does not find itself.
        let levels = ["allow", "expect", "warn"].map(|level| format!("{level}({}", "unsafe_code"));
        let has = |text: &str| levels.iter().any(|level| text.contains(level.as_str()));
        let files = self.sources.iter().filter(|(_, text)| self.name != UNSAFE && has(text));
        files.map(|(file, _)| format!("{} allows unsafe code in {file}; only {UNSAFE} may", self.name)).collect()
    }

    fn impurities(&self) -> Vec<String> {
        if !PURE.contains(&&*self.name) {
            return Vec::new();
        }
        let files = self.sources.iter().filter(|(file, _)| file.starts_with("src/") && !is_test(file));
        let used = files.flat_map(|(file, text)| impure_paths(text).into_iter().map(move |path| (file, path)));
        used.map(|(file, path)| format!("{} is pure, but {file} uses std::{path}", self.name)).collect()
    }
}

fn dependencies_of(manifest: &Table) -> Vec<Dependency> {
    let mut all = Vec::new();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let rows = manifest.get(table).and_then(Value::as_table).into_iter().flatten();
        all.extend(rows.map(|(key, value)| Dependency { name: package(key, value), table }));
    }
    all
}

/// The crate's own name, which `package = …` gives if the key is another.
fn package(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

/// `foo/tests.rs`, `foo/tests/…`.
fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// Uses of std's impure modules outside comments and the module of tests, which ends a file.
fn impure_paths(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let ends =
        code.match_indices("std::").filter(|(at, _)| !code[..*at].ends_with(is_name)).map(|(at, m)| at + m.len());
    ends.flat_map(|end| paths(&code[end..])).filter(|path| is_impure(path)).collect()
}

fn is_impure(path: &str) -> bool {
    let module = path.split("::").next().unwrap_or_default();
    IMPURE.contains(&module) && !HARMLESS.contains(&path)
}

/// The paths that follow `std::`: one, or those in braces with their inner groups left as they are.
fn paths(text: &str) -> Vec<String> {
    let Some(group) = text.strip_prefix('{') else {
        let end = text.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).unwrap_or(text.len());
        return vec![text[..end].trim_end_matches(':').to_owned()];
    };
    let (mut depth, mut all) = (0i32, vec![String::new()]);
    for c in group.chars().filter(|c| !c.is_whitespace()) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (depth, c) {
            (..0, _) => break,
            (0, ',') => all.push(String::new()),
            _ => all.iter_mut().next_back().into_iter().for_each(|last| last.push(c)),
        }
    }
    all
}

/// The names in lines such as "- `toml`: reads the manifests".
fn listed(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("- `")?.split_once("`: ")?.0.to_owned());
    text.lines().filter_map(name).collect()
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

fn table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|err| format!("a manifest does not parse: {err}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|err| format!("{}: {err}", path.display()))
}

fn entries(dir: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let all: Result<Vec<_>, _> = std::fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    let mut all = all.map_err(|err| format!("{}: {err}", dir.display()))?;
    all.sort();
    Ok(all)
}

fn read_sources(base: &Path, dir: &Path, sources: &mut Vec<(String, String)>) -> Result<(), String> {
    for path in entries(dir)? {
        if path.is_dir() {
            read_sources(base, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(base).unwrap_or(&path).display().to_string();
            sources.push((name, read(&path)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
