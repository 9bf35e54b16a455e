use expect_test::{Expect, expect};

use super::*;
use crate::source::product_code;

fn check(sources: &[(&str, &str)], exceptions: &[&str], expect: Expect) {
    let files = sources.iter().map(|(name, text)| SourceFile { name: format!("src/{name}"), code: product_code(text) });
    let graph = ModuleGraph::read("one", &files.collect::<Vec<_>>());
    let layers: Vec<String> = graph.layers(exceptions).iter().map(|layer| layer.join(" ")).collect();
    let violations = graph.violations(exceptions).into_iter().map(|v| format!("\n{}: {}", v.key, v.text));
    expect.assert_eq(&(layers.join(" < ") + &violations.collect::<String>()));
}

#[test]
fn modules_stand_above_those_that_they_use() {
    let sources = [
        ("lib.rs", "mod high; mod mid; mod low; mod free;"),
        ("high.rs", "use crate::mid::X;\nuse crate::{low, mid};"),
        ("mid/inner.rs", "fn f() { super::super::low::g(); super::h(); }"),
        ("mid.rs", "use super::Thing;"),
        (
            "low.rs",
            "// crate::high\nfn g() { println!(\"crate::high\"); }\n#[cfg(test)]\nmod tests { use crate::high::X; }",
        ),
        ("free.rs", ""),
    ];
    check(&sources, &[], expect!["free low < mid < high"]);
}

#[test]
fn a_cycle_is_named_by_its_references() {
    let sources = [
        ("a.rs", "use crate::b;"),
        ("b.rs", "use super::c;"),
        ("c.rs", "vec![crate::a::f()]"),
        ("d.rs", "use crate::c;"),
    ];
    check(
        &sources,
        &[],
        expect![[r#"
            a b c d
            one: a uses b: one: a uses b in src/a.rs, but b depends on a
            one: b uses c: one: b uses c in src/b.rs, but c depends on b
            one: c uses a: one: c uses a in src/c.rs, but a depends on c"#]],
    );
}

#[test]
fn an_exception_stands_for_the_reference_that_closes_a_cycle() {
    let cycle = [("a.rs", "use crate::b;"), ("b.rs", "use crate::a;")];
    check(
        &cycle,
        &["one: a uses b"],
        expect![[r#"
            a < b
            one: a uses b: one: a uses b in src/a.rs, but b depends on a"#]],
    );
    // Needless: without it there is no cycle either.
    check(&[("a.rs", "use crate::b;"), ("b.rs", "")], &["one: a uses b"], expect!["a b"]);
}

#[test]
fn a_name_that_the_root_exports_is_of_its_module() {
    let sources = [
        ("lib.rs", "pub use b::{Thing, Other as Renamed}; use crate::c::Third; use std::a;"),
        ("a.rs", "use crate::Renamed;"),
        ("b.rs", "use crate::Third;"),
        ("c.rs", "use crate::Root;"),
    ];
    check(&sources, &[], expect!["c < b < a"]);
}

#[test]
fn super_in_an_inline_module_is_the_file_itself() {
    let source = "mod inner { use super::b; mod deep { use super::super::super::c; } } use super::d;";
    check(&[("a.rs", source), ("b.rs", ""), ("c.rs", ""), ("d.rs", "")], &[], expect!["b c d < a"]);
}
