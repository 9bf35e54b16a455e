//! The layout of the runtime: what the version table and the code say against DWARF and symbols, for every Go release
//! and both machines.

use std::path::Path;

use expect_test::expect;
use gobin::buildinfo::GoVersion;
use gobin::layout::{Code, Inputs, Offset, RuntimeLayout, Source, Structs, Unknown};
use gobin::{Image, VAddr};
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};

fn open(path: &Path) -> Image {
    Image::parse(std::fs::read(path).expect("the fixture was just built")).expect("a Go program")
}

/// What the file's code says, and what the table does if it is given a version.
fn without_symbols<'i>(image: &'i Image, version: Option<&'i GoVersion>) -> RuntimeLayout<'i> {
    let code = |name: &str| {
        let f = image.runtime_function(name)?;
        Some(Code { arch: image.arch(), entry: f.entry(), bytes: f.code() })
    };
    let inputs =
        Inputs { elf: image.elf(), version, structs: None, code: Box::new(code), symbol: Box::new(|_: &str| None) };
    RuntimeLayout::new(inputs)
}

/// Every field that the table knows and DWARF too, in a real program.
fn the_table_equals_dwarf(go: &'static str) {
    for arch in Arch::ALL {
        let image = open(&need!(build(&Fixture::new("server", go, Variant::Plain).on(arch))));
        let dwarf = image.dwarf().expect("it has DWARF");
        let layout = without_symbols(&image, image.go());
        assert_eq!(layout.why_no_table(), None, "{go} {arch:?}");
        for (strct, field) in layout.fields() {
            let want =
                dwarf.field_offset(strct, field).unwrap_or_else(|| panic!("DWARF has no {strct}.{field} in go{go}"));
            let offset = layout.offset(strct, field).expect("it is among the known fields");
            assert_eq!(offset.value, want, "{strct}.{field} in go{go} {arch:?}");
            assert!(matches!(offset.source, Source::Table { .. }));
        }
    }
}
on_every_go!(the_table_equals_dwarf);

/// Without a version three fields of g are left, and they are right.
fn code_alone_knows_three_fields(go: &'static str) {
    for arch in Arch::ALL {
        let image = open(&need!(build(&Fixture::new("server", go, Variant::Stripped).on(arch))));
        let (by_code, by_table) = (without_symbols(&image, None), image.runtime_by_version());
        for field in ["atomicstatus", "goid", "waitreason"] {
            let code = by_code.offset("runtime.g", field).unwrap_or_else(|why| panic!("go{go} {arch:?}: {why}"));
            assert!(matches!(code.source, Source::Code(_)));
            assert_eq!(
                Ok(code.value),
                by_table.offset("runtime.g", field).map(|o| o.value),
                "{field} in go{go} {arch:?}"
            );
        }
        assert!(by_code.offset("runtime.m", "curg").is_err());
        assert_eq!(by_code.wait_reason(2), Some("IO wait"));
        let names = |layout: &RuntimeLayout| {
            (0..=u8::MAX).map_while(|n| layout.wait_reason(n).map(str::to_owned)).collect::<Vec<_>>()
        };
        let listed = RuntimeLayout::new(Inputs {
            elf: image.elf(),
            version: image.go(),
            structs: None,
            code: Box::new(|_: &str| None),
            symbol: Box::new(|_: &str| None),
        });
        assert_eq!(names(&by_code), names(&listed), "the file's own wait reasons in go{go} {arch:?}");
    }
}
on_every_go!(code_alone_knows_three_fields);

/// The variables that are found by code are where symbols have them, however the program was linked.
fn code_finds_the_runtimes_variables(go: &'static str) {
    let plain = Arch::ALL.map(|arch| Fixture::new("server", go, Variant::Plain).on(arch));
    let linked = [Fixture::new("shapes", go, Variant::Pie), Fixture::new("shapes", go, Variant::Unoptimised)];
    for fixture in plain.into_iter().chain(linked) {
        let image = open(&need!(build(&fixture)));
        let layout = without_symbols(&image, image.go());
        for name in ["allgs", "allgptr", "allglen", "allm"] {
            let name = format!("runtime.{name}");
            let symbol = image.elf().symbols().find(|s| s.name == name).map(|s| s.addr);
            match layout.global(&name) {
                Ok(found) => assert_eq!(Some(found.addr), symbol, "{name} in {fixture}"),
                Err(_) => assert_eq!(fixture.variant, Variant::Unoptimised, "{name} in {fixture}"),
            }
        }
    }
}
on_every_go!(code_finds_the_runtimes_variables);

/// A stripped file of a Go release, taken for one of `version`.
fn taken_for(version: &str, ask: impl Fn(&RuntimeLayout) -> String) -> Option<String> {
    let fixture = Fixture::new("server", "1.26", Variant::Stripped).on(Arch::Amd64);
    let image = open(&build(&fixture).inspect_err(|missing| missing.skip()).ok()?);
    let version = GoVersion::parse(version);
    Some(ask(&without_symbols(&image, Some(&version))))
}

fn said(answer: Result<Offset, Unknown>) -> String {
    answer.map_or_else(|why| why.to_string(), |offset| format!("{} by {}", offset.value, offset.source))
}

#[test]
fn a_file_that_is_not_of_its_version_is_not_believed() {
    let curg = |layout: &RuntimeLayout| said(layout.offset("runtime.m", "curg"));
    let Some(text) = taken_for("go1.24.3", curg) else { return };
    expect![
        "the file is not what its version says: g.atomicstatus is at 152 in that version, runtime.casgstatus has 144"
    ]
    .assert_eq(&text);
}

#[test]
fn versions_that_the_table_does_not_have_are_refused_in_words() {
    let versions = [
        "go1.99.0",
        "go1.17.2",
        "go1.27rc1",
        "devel go1.99-abc123 Mon",
        "weekly",
        "",
        "go1.26.1 X:nogreenteagc",
        "go1.26.1 X:nodwarf5,warpdrive",
        "go1.26.99",
    ];
    let mut text = String::new();
    for version in versions {
        let ask = |layout: &RuntimeLayout| format!("{version}: m.curg: {}\n", said(layout.offset("runtime.m", "curg")));
        let Some(line) = taken_for(version, ask) else { return };
        text += &line;
    }
    expect![[r#"
        go1.99.0: m.curg: go1.99.0 is not one of Go 1.19 to 1.27: only DWARF can say how its runtime is laid out
        go1.17.2: m.curg: go1.17.2 is not one of Go 1.19 to 1.27: only DWARF can say how its runtime is laid out
        go1.27rc1: m.curg: go1.27rc1 is no release: only DWARF can say how its runtime is laid out
        devel go1.99-abc123 Mon: m.curg: devel go1.99-abc123 Mon is no release: only DWARF can say how its runtime is laid out
        weekly: m.curg: `weekly` names no release of Go, and there is no DWARF
        : m.curg: the file has no Go version and no DWARF
        go1.26.1 X:nogreenteagc: m.curg: 184 by the table for go1.26
        go1.26.1 X:nodwarf5,warpdrive: m.curg: the experiment warpdrive is not known: only DWARF can say how it lays out the runtime
        go1.26.99: m.curg: 184 by the table for go1.26
    "#]].assert_eq(&text);
}

#[test]
fn patch_releases_that_moved_fields_have_columns_of_their_own() {
    let go = |text: &str| GoVersion::parse(text);
    let image = open(&need!(build(&Fixture::new("server", "1.23", Variant::Stripped))));
    let mut text = String::new();
    for version in ["go1.23", "go1.23.11", "go1.23.12", "go1.23.12-custom"] {
        let version = go(version);
        let layout = without_symbols(&image, Some(&version));
        text += &format!("{version}: alllink {}\n", said(layout.offset("runtime.m", "alllink")));
    }
    expect![[r#"
        go1.23: alllink 328 by the table for go1.23
        go1.23.11: alllink 328 by the table for go1.23
        go1.23.12: alllink 352 by the table for go1.23.12
        go1.23.12-custom: alllink 352 by the table for go1.23.12
    "#]]
    .assert_eq(&text);
}

#[test]
fn numbers_have_names() {
    let image = open(&need!(build(&Fixture::new("server", "1.26", Variant::Stripped))));
    let layout = image.runtime_by_version();
    let text = format!(
        "{:?} {:?} {:?} {:?}",
        layout.g_state(4),
        layout.g_state(0x1002),
        layout.g_state(77),
        layout.wait_reason(18),
    );
    expect![[r#"Some("waiting") Some("running") None Some("select")"#]].assert_eq(&text);
}

#[test]
fn addresses_are_none_where_no_code_names_them() {
    let image = open(&need!(build(&Fixture::new("server", "1.26", Variant::Stripped))));
    let why = image.runtime_by_version().global("runtime.work").map(|g| g.addr.max(VAddr(1)));
    expect!["runtime.work has no symbol here, and no function in the file names it in a known way"]
        .assert_eq(&why.map_or_else(|why| why.to_string(), |at| at.to_string()));
}
