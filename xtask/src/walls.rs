//! The structure of the workspace: which crate may depend on which and contain what, the order of modules inside each
//! crate, and sizes. Read from the manifests and sources by a test, because rules without a check decay.

mod modules;
mod sizes;

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use crate::files::{self, entries, read};
use crate::source::{self, Token};
use modules::ModuleGraph;
use sizes::{FunctionSizes, TABLES};

/// The crates of the workspace, and the crates of the workspace each may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("gobin", &[]),
    ("bpf", &[]),
    ("event", &[]),
    ("plan", &["gobin", "event"]),
    ("probe", &["plan", "gobin", "event"]),
    ("program", &["plan", "bpf", "gobin", "event"]),
    ("codegen", &["plan", "program", "bpf", "gobin", "event"]),
    ("engine", &["bpf", "plan", "program", "gobin"]),
    ("kernel", &["bpf", "plan", "program", "engine"]),
    ("simulator", &["bpf", "plan", "program", "gobin", "engine"]),
    ("session", &["gobin", "plan", "probe", "program", "codegen", "engine", "kernel", "event"]),
    ("ui", &["event", "gobin"]),
    ("gospect", &["session", "ui", "event", "gobin"]),
    ("gospect-fixtures", &[]),
    ("xtask", &["gospect-fixtures", "gobin", "probe"]),
];

/// A crate for the tests of any crate.
const FOR_TESTS: &str = "gospect-fixtures";

/// Crates that others may use in their tests only: most plans are easier to read as text.
const TEST_ARROWS: &[(&str, &str)] = &[("codegen", "probe"), ("session", "simulator"), ("session", "bpf")];

/// The only crate with unsafe code.
const UNSAFE: &str = "kernel";

/// Bytes in, values out: these crates touch neither files nor clocks nor the system.
const PURE: [&str; 7] = ["gobin", "bpf", "event", "plan", "probe", "program", "codegen"];

/// Modules of std with access to files, clocks or the system.
const IMPURE: [&str; 7] = ["env", "fs", "net", "os", "process", "thread", "time"];

/// Plain values of those modules.
const HARMLESS: [&str; 1] = ["time::Duration"];

/// The list of direct dependencies, one line each: "- `name`: why this one".
const DEPENDENCIES: &str = "docs/dependencies.md";

/// Known violations of the module order and of sizes, with their reasons. The list may only shrink: a needless line is a
/// violation, too.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// `cargo xtask walls`.
pub fn run(args: &[String]) -> Result<bool, String> {
    crate::no_args(args)?;
    let workspace = Workspace::read(&crate::root())?;
    print!("{}", workspace.outline());
    let broken = workspace.violations();
    broken.iter().for_each(|line| println!("{line}"));
    Ok(broken.is_empty())
}

/// All violations, one sentence each.
pub fn violations(root: &Path) -> Result<Vec<String>, String> {
    Ok(Workspace::read(root)?.violations())
}

/// A broken rule that an exception may excuse by this key.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Violation {
    key: String,
    text: String,
}

/// Manifests and sources under check.
struct Workspace {
    manifest: Table,
    crates: Vec<Crate>,
    listed: Vec<String>,
    /// [`TABLES`] and [`EXCEPTIONS`], with reasons.
    tables: &'static [(&'static str, &'static str)],
    exceptions: &'static [(&'static str, &'static str)],
}

/// One crate.
struct Crate {
    name: String,
    /// Its folder in the workspace.
    dir: String,
    manifest: Table,
    /// Path below the crate and content of its Rust files.
    sources: Vec<(String, String)>,
}

/// A file of product code.
struct SourceFile<'a> {
    name: String,
    code: Vec<Token<'a>>,
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
        let crates = dirs.iter().map(|dir| Crate::read(root, dir)).collect::<Result<_, _>>()?;
        let listed = listed(&read(&root.join(DEPENDENCIES))?);
        let manifest = table(&read(&root.join("Cargo.toml"))?)?;
        Ok(Workspace { manifest, crates, listed, tables: TABLES, exceptions: EXCEPTIONS })
    }

    /// The module order of each crate, and the sizes of functions.
    fn outline(&self) -> String {
        let layers = |one: &Crate| {
            let graph = ModuleGraph::read(&one.name, &one.product_files());
            let lines = graph.layers(&self.exceptions()).into_iter().map(|layer| format!("  {}\n", layer.join(" ")));
            format!("{}, modules from bottom to top:\n{}", one.name, lines.collect::<String>())
        };
        self.crates.iter().map(layers).collect::<String>() + &self.function_sizes().summary() + "\n"
    }

    fn violations(&self) -> Vec<String> {
        let mut broken: Vec<String> = self.crates.iter().flat_map(|c| self.of_crate(c)).collect();
        if at(&self.manifest, &["workspace", "lints", "rust", "unsafe_code"]).and_then(Value::as_str) != Some("deny") {
            broken.push("the workspace's lints do not deny unsafe_code".to_owned());
        }
        broken.extend(self.unlisted());
        broken.extend(self.structure());
        broken
    }

    /// Violations of the module order and of sizes that no exception excuses, and exceptions that excuse none.
    fn structure(&self) -> Vec<String> {
        let exceptions = self.exceptions();
        let lengths = self.crates.iter().flat_map(|one| {
            one.sources.iter().map(|(file, text)| (format!("{}/{file}", one.dir), text.lines().count()))
        });
        let mut found = sizes::long_files(lengths, self.tables);
        for one in &self.crates {
            let files = one.product_files();
            found.extend(ModuleGraph::read(&one.name, &files).violations(&exceptions));
            found.extend(sizes::large_structs(&one.name, &files));
        }
        found.extend(self.function_sizes().violation());
        let stale = exceptions.iter().filter(|key| found.iter().all(|violation| violation.key != **key)).map(|key| {
            format!("no violation needs the exception \"{key}\" any more: delete its line in EXCEPTIONS of xtask/src/walls.rs")
        });
        let new = found.iter().filter(|violation| !exceptions.contains(&&*violation.key));
        new.map(|violation| violation.text.clone()).chain(stale).collect()
    }

    fn exceptions(&self) -> Vec<&'static str> {
        self.exceptions.iter().map(|(key, _)| *key).collect()
    }

    fn function_sizes(&self) -> FunctionSizes {
        FunctionSizes::new(
            self.crates.iter().flat_map(|one| sizes::functions(&one.dir, &one.product_files())).collect(),
        )
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
        let for_tests = |d: &Dependency| {
            let anywhere = d.name == FOR_TESTS && one.name != FOR_TESTS;
            d.table == "dev-dependencies" && (anywhere || TEST_ARROWS.contains(&(&*one.name, &*d.name)))
        };
        arrows
            .filter(|dependency| !allowed.contains(&&*dependency.name) && !for_tests(dependency))
            .map(|dependency| format!("{} must not have {} in its {}", one.name, dependency.name, dependency.table))
            .collect()
    }

    fn is_internal(&self, name: &str) -> bool {
        ARROWS.iter().any(|(known, _)| *known == name) || self.crates.iter().any(|one| one.name == name)
    }

    /// Third-party crates without a line in the list, and lines without a crate.
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
    fn read(root: &Path, dir: &Path) -> Result<Crate, String> {
        let sources = files::below(dir, "rs")?;
        let name = dir.strip_prefix(root).unwrap_or(dir).display().to_string();
        Crate::parse(&name, &read(&dir.join("Cargo.toml"))?, sources)
    }

    fn parse(dir: &str, manifest: &str, sources: Vec<(String, String)>) -> Result<Crate, String> {
        let manifest = table(manifest)?;
        let name = at(&manifest, &["package", "name"]).and_then(Value::as_str).ok_or("a crate without a name")?;
        Ok(Crate { name: name.to_owned(), dir: dir.to_owned(), manifest, sources })
    }

    /// The sources without tests, and without comments.
    fn product_files(&self) -> Vec<SourceFile<'_>> {
        let for_tests: Vec<String> = self.sources.iter().flat_map(|(file, text)| test_files(file, text)).collect();
        let is_product = |file: &str| file.starts_with("src/") && for_tests.iter().all(|test| !file.starts_with(test));
        let files = self.sources.iter().filter(|(file, _)| is_product(file) && !is_test(file));
        files.map(|(file, text)| SourceFile { name: file.clone(), code: source::product_code(text) }).collect()
    }

    /// Dependencies of all kinds and targets.
    fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.manifest.get("target").and_then(Value::as_table).into_iter().flatten();
        let tables = std::iter::once(&self.manifest).chain(targets.filter_map(|(_, target)| target.as_table()));
        tables.flat_map(dependencies_of).collect()
    }

    fn unsafe_code(&self) -> Vec<String> {
        // In two pieces, otherwise this line matches.
        let levels = ["allow", "expect", "warn"].map(|level| format!("{level}({}", "unsafe_code"));
        let has = |text: &str| levels.iter().any(|level| text.contains(level.as_str()));
        let files = self.sources.iter().filter(|(_, text)| self.name != UNSAFE && has(text));
        files.map(|(file, _)| format!("{} allows unsafe code in {file}; only {UNSAFE} may", self.name)).collect()
    }

    fn impurities(&self) -> Vec<String> {
        if !PURE.contains(&&*self.name) {
            return Vec::new();
        }
        let files = self.product_files();
        let used = files.iter().flat_map(|file| impure_modules(&file.code).into_iter().map(move |path| (file, path)));
        used.map(|(file, module)| format!("{} is pure, but {} uses std::{module}", self.name, file.name)).collect()
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

/// Path prefixes of the test modules declared in a file.
fn test_files(file: &str, text: &str) -> Vec<String> {
    let folder = file.strip_suffix(".rs").unwrap_or(file);
    let folder = folder.strip_suffix("/lib").or(folder.strip_suffix("/main")).unwrap_or(folder);
    let modules = source::test_modules(text).into_iter();
    modules.flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]).collect()
}

/// Modules of std in a file, of those forbidden in a pure crate.
fn impure_modules<'a>(code: &[Token<'a>]) -> BTreeSet<&'a str> {
    let starts = (0..code.len()).filter(|&at| source::starts_with(&code[at..], &["std", "::"]));
    let paths = starts.flat_map(|at| source::paths(&code[at + 2..]));
    let harmful = paths.filter(|path| !HARMLESS.contains(&path.segments.join("::").as_str()));
    harmful.filter_map(|path| path.segments.first().copied().filter(|module| IMPURE.contains(module))).collect()
}

/// Reads the names of lines such as "- `toml`: reads the manifests".
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

#[cfg(test)]
mod tests;
