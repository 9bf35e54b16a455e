use expect_test::{Expect, expect};

use super::*;

const ROOT: &str = "[workspace.lints.rust]\nunsafe_code = 'deny'\n[workspace.dependencies]\nmemchr = '2'\n";

/// A workspace of one crate, whose manifest starts with its name and ends as given.
fn check(name: &str, manifest: &str, source: &str, expect: Expect) {
    let manifest = format!("[package]\nname = '{name}'\n[lints]\nworkspace = true\n{manifest}");
    let workspace = workspace(&manifest, &[("src/lib.rs", source)], &[]);
    expect.assert_eq(&workspace.violations().join("\n"));
}

fn workspace(
    manifest: &str,
    sources: &[(&str, &str)],
    exceptions: &'static [(&'static str, &'static str)],
) -> Workspace {
    let sources = sources.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let one = Crate::parse("crates/one", manifest, sources).expect("the manifest is TOML");
    let listed = listed("- `memchr`: finds bytes fast");
    Workspace { manifest: table(ROOT).expect("TOML"), crates: vec![one], listed, tables: &[], exceptions }
}

#[test]
fn the_workspace_keeps_to_its_walls() {
    assert_eq!(violations(&crate::root()), Ok(Vec::new()));
}

#[test]
fn an_allowed_arrow_is_no_violation() {
    check("probe", "[dependencies]\ngobin.workspace = true\nplan.workspace = true\nmemchr = '2'\n", "", expect![""]);
}

#[test]
fn an_arrow_that_is_not_in_the_table_is_named() {
    check(
        "gobin",
        "[dependencies]\nkernel.workspace = true\n[build-dependencies]\nevent = { path = '../event' }\n",
        "",
        expect![[r#"
            gobin must not have kernel in its dependencies
            gobin must not have event in its build-dependencies"#]],
    );
}

#[test]
fn neither_a_target_nor_another_name_hides_an_arrow() {
    check(
        "ui",
        "[target.'cfg(unix)'.dependencies]\nk = { package = 'kernel', path = '../kernel' }\n",
        "",
        expect!["ui must not have kernel in its dependencies"],
    );
}

#[test]
fn the_code_generator_reads_text_in_its_tests_only() {
    check("codegen", "[dev-dependencies]\nprobe.workspace = true\n", "", expect![""]);
    check(
        "codegen",
        "[dependencies]\nprobe.workspace = true\n",
        "",
        expect!["codegen must not have probe in its dependencies"],
    );
}

#[test]
fn fixtures_are_for_tests_of_any_crate_and_for_nothing_else() {
    check("ui", "[dev-dependencies]\ngospect-fixtures.workspace = true\n", "", expect![""]);
    check(
        "ui",
        "[dependencies]\ngospect-fixtures.workspace = true\n",
        "",
        expect!["ui must not have gospect-fixtures in its dependencies"],
    );
}

#[test]
fn a_crate_that_nobody_knows_is_a_violation() {
    check("helpers", "", "", expect!["helpers is not in the table of crates in xtask/src/walls.rs"]);
}

#[test]
fn features_are_a_violation() {
    check("event", "[features]\ndefault = []\n", "", expect!["event has cargo features"]);
}

#[test]
fn lints_that_do_not_come_from_the_workspace_are_a_violation() {
    let one = Crate::parse("", "[package]\nname = 'event'\n[lints.rust]\nunsafe_code = 'allow'\n", Vec::new());
    let crates = vec![one.expect("TOML")];
    let workspace = Workspace { manifest: Table::new(), crates, listed: Vec::new(), tables: &[], exceptions: &[] };
    expect![[r#"
        event does not take the workspace's lints
        the workspace's lints do not deny unsafe_code"#]]
    .assert_eq(&workspace.violations().join("\n"));
}

#[test]
fn unsafe_code_is_allowed_in_the_kernel_crate_alone() {
    let source = format!("#![allow({})]", "unsafe_code");
    check("kernel", "", &source, expect![""]);
    check("ui", "", &source, expect!["ui allows unsafe code in src/lib.rs; only kernel may"]);
}

#[test]
fn a_pure_crate_uses_neither_files_nor_clocks() {
    let source = "use std::{fmt, fs::{self, File}, time::Duration};\nfn f() { std::env::args(); zstd::fs(); }\n";
    check(
        "gobin",
        "",
        source,
        expect![[r#"
            gobin is pure, but src/lib.rs uses std::env
            gobin is pure, but src/lib.rs uses std::fs"#]],
    );
    check("session", "", source, expect![""]);
}

#[test]
fn tests_and_comments_of_a_pure_crate_may_name_files() {
    check("gobin", "", "// std::fs\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", expect![""]);
}

#[test]
fn every_dependency_has_one_line_and_every_line_a_dependency() {
    check("event", "[dev-dependencies]\nfoo = '1'\n", "", expect!["foo has 0 lines in docs/dependencies.md, not one"]);
    let manifest = table("[workspace.lints.rust]\nunsafe_code = 'deny'\n").expect("TOML");
    let workspace =
        Workspace { manifest, crates: Vec::new(), listed: listed("- `gone`: was fast"), tables: &[], exceptions: &[] };
    assert_eq!(workspace.violations(), ["gone stands in docs/dependencies.md and in no manifest"]);
}

#[test]
fn exceptions_excuse_violations_and_end_with_them() {
    let manifest = "[package]\nname = 'ui'\n[lints]\nworkspace = true\n";
    let cycle = [("src/a.rs", "use crate::b;"), ("src/b.rs", "use crate::a;"), ("src/a/tests.rs", "use crate::c;")];
    let excused = workspace(manifest, &cycle, &[("ui: a uses b", "why")]);
    assert_eq!(excused.violations(), Vec::<String>::new());
    expect![[r#"
        ui, modules from bottom to top:
          a
          b
        functions: 0, median 0 lines, p99 0
    "#]]
    .assert_eq(&excused.outline());
    expect![[r#"
        no violation needs the exception "ui: a uses b" any more: delete its line in EXCEPTIONS of xtask/src/walls.rs"#]]
    .assert_eq(&workspace(manifest, &cycle[..1], &[("ui: a uses b", "why")]).violations().join("\n"));
}

#[test]
fn a_module_for_tests_is_no_product_code() {
    let sources = [
        ("src/lib.rs", ""),
        ("src/a.rs", "#[cfg(test)]\nmod fake;\nmod real;"),
        ("src/a/fake.rs", ""),
        ("src/a/real.rs", ""),
    ];
    let workspace = workspace("[package]\nname = 'ui'\n", &sources, &[]);
    let files: Vec<String> = workspace.crates[0].product_files().into_iter().map(|file| file.name).collect();
    assert_eq!(files, ["src/lib.rs", "src/a.rs", "src/a/real.rs"]);
}
