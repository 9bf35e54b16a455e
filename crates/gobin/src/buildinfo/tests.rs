use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expect: Expect) {
    let v = GoVersion::parse(text);
    expect.assert_eq(&format!("{} minor={:?} patch={:?} {:?}", v.short(), v.minor, v.patch, v.experiments));
}

#[test]
fn a_release_has_minor_and_patch() {
    check("go1.24.11", expect!["go1.24.11 minor=Some(24) patch=Some(11) []"]);
}

#[test]
fn the_first_release_of_old_had_no_patch() {
    check("go1.19", expect!["go1.19 minor=Some(19) patch=None []"]);
}

#[test]
fn experiments_follow_a_blank_or_since_1_27_a_dash() {
    check(
        "go1.24.11 X:noswissmap,nosynchashtriemap",
        expect![[r#"go1.24.11 minor=Some(24) patch=Some(11) ["noswissmap", "nosynchashtriemap"]"#]],
    );
    check("go1.27.3-X:mapsplitgroup", expect![[r#"go1.27.3 minor=Some(27) patch=Some(3) ["mapsplitgroup"]"#]]);
}

#[test]
fn a_release_candidate_counts_as_its_release() {
    check("go1.26rc2", expect!["go1.26rc2 minor=Some(26) patch=None []"]);
}

#[test]
fn a_development_version_counts_as_the_coming_release() {
    check(
        "devel go1.28-8b1f5a1 Mon Nov 2 10:00:00 2026 +0000",
        expect!["devel go1.28-8b1f5a1 Mon Nov 2 10:00:00 2026 +0000 minor=Some(28) patch=None []"],
    );
}

#[test]
fn what_is_no_version_has_no_numbers() {
    check("", expect![" minor=None patch=None []"]);
    check("weird", expect!["weird minor=None patch=None []"]);
}

#[test]
fn module_lines_are_read_with_replacements_and_quoted_settings() {
    let mut info = BuildInfo::default();
    let text = "path\texample.com/x/cmd\nmod\texample.com/x\t(devel)\t\ndep\ta.b/c\tv1.2.3\th1:abc=\n=>\t../c\t\t\n\
                build\t-ldflags=\"-s -w -X \\\"main.v=1\\\"\"\nbuild\tGOOS=linux";
    text.lines().for_each(|line| read_line(&mut info, line));
    let c = &info.deps[0];
    assert_eq!((info.path.as_str(), c.path.as_str(), c.version.as_str()), ("example.com/x/cmd", "a.b/c", "v1.2.3"));
    assert_eq!(c.replaced_by.as_ref().map(|m| m.path.as_str()), Some("../c"));
    assert_eq!(info.setting("-ldflags"), Some("-s -w -X \"main.v=1\""));
    assert_eq!(info.setting("GOOS"), Some("linux"));
}

#[test]
fn a_line_without_its_fields_is_passed_over() {
    let mut info = BuildInfo::default();
    for line in ["build", "build\t", "mod", "=>", "dep", "path", "", "\t", "build\tkey=a\tb"] {
        read_line(&mut info, line);
    }
    assert_eq!(info.settings, [("key".to_owned(), "a\tb".to_owned())]);
}

/// The magic of build information where it could be meant, with something else behind it.
#[repr(align(16))]
struct Decoy([u8; 38]);

static DECOY: Decoy = Decoy(*b"\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05hello");

#[test]
fn a_program_that_only_looks_for_the_magic_is_not_gos() {
    assert_eq!(std::hint::black_box(&DECOY).0.len(), 38, "it is in this program");
    let elf = Elf::parse(std::fs::read("/proc/self/exe").unwrap()).unwrap();
    assert!(scan(&elf).any(|at| strings(&elf, at).is_some_and(|(version, _)| version == "hello")));
    assert_eq!(read(&elf), None);
}

#[test]
fn versions_are_known_by_their_first_word() {
    for version in ["go1.26.6", "go1.27.0-X:noswissmap", "devel go1.28-8b1f5a1", "devel +8b1f5a1", "unknown"] {
        assert!(is_version(version), "{version}");
    }
    for other in ["", "hello", "go1.26\n", "(s) violated: ptr::copy", &format!("go1.{}", "1".repeat(2000))] {
        assert!(!is_version(other), "{other}");
    }
}
