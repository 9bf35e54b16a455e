//! The releases that gobin supports are those that the tests run with and the documentation names.

use std::path::Path;

use gobin::release;

fn document(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    std::fs::read_to_string(&path).expect("the file is in the repository")
}

#[test]
fn every_supported_release_has_a_toolchain() {
    let supported: Vec<String> = release::tested().map(|minor| format!("1.{minor}")).collect();
    assert_eq!(gospect_fixtures::versions().collect::<Vec<_>>(), supported);
}

#[test]
fn the_documentation_names_the_toolchains() {
    let toolchains: Vec<&str> = gospect_fixtures::VERSIONS.iter().map(|(_, full)| *full).collect();
    let text = document("docs/limits.md");
    assert!(text.contains(&toolchains.join(", ")), "docs/limits.md names other toolchains than {toolchains:?}");
}

#[test]
fn the_documentation_names_the_supported_releases() {
    let tested = release::tested();
    let (oldest, range) = (format!("1.{} to 1.", tested.start()), release::to_text(&tested));
    for file in ["README.md", "docs/limits.md"] {
        let text = document(file);
        let named = text.matches(&oldest).count();
        assert!(named > 0 && text.matches(&range).count() == named, "{file} names other releases than {range}");
    }
}
