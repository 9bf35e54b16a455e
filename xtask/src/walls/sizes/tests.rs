use expect_test::{Expect, expect};

use super::*;
use crate::source::product_code;

fn files(text: &str) -> Vec<SourceFile<'_>> {
    vec![SourceFile { name: "src/x.rs".to_owned(), code: product_code(text) }]
}

fn check_structs(text: &str, expect: Expect) {
    let texts: Vec<String> = large_structs("one", &files(text)).into_iter().map(|violation| violation.text).collect();
    expect.assert_eq(&texts.join("\n"));
}

/// A struct of 13 fields.
fn large(derive: &str, rest: &str) -> String {
    let fields: String =
        (0..13).map(|n| format!("pub f{n}: BTreeMap<a::B, fn(u8, [u8; {{ 2 }}]) -> c::D>,\n")).collect();
    format!("{derive} pub struct Large<'a, T: X> {{ {fields} }}\n{rest}")
}

#[test]
fn functions_count_from_their_name_to_their_brace() {
    let text = "impl X {\n  fn one() -> [u8; 2] { [1; 2] }\n  pub fn four<F: Fn(u8)>(\n    f: F,\n  ) where F: Y {\n    fn inner() {}\n    }\n}\n\
                trait T { fn none(&self); }\ntype P = fn(u8);\n#[cfg(test)]\nmod tests { fn t() {} }";
    let found: Vec<String> =
        functions("one", &files(text)).iter().map(|f| format!("{} {}", f.place, f.lines)).collect();
    assert_eq!(found, ["one/src/x.rs:2 one 1", "one/src/x.rs:3 four 5"]);
}

#[test]
fn few_functions_may_be_long() {
    let of = |lines| (0..200).map(move |n| Function { lines: if n < 3 { lines } else { 3 }, place: format!("f{n}") });
    let sizes = |lines| FunctionSizes::new(of(lines).collect());
    assert_eq!(sizes(40).violation(), None);
    assert_eq!(sizes(41).summary(), "functions: 200, median 3 lines, p99 41");
    assert!(
        sizes(41).violation().is_some_and(|violation| violation.text.contains("over 40; the longest: f2 (41), f1"))
    );
    assert_eq!(FunctionSizes::new(Vec::new()).violation(), None);
}

#[test]
fn files_over_900_lines_are_tables() {
    let of = |lines, tables: &[(&str, &str)]| {
        let files = [("a.rs".to_owned(), lines), ("b.rs".to_owned(), 900)];
        long_files(files.into_iter(), tables).into_iter().map(|violation| violation.text).collect::<Vec<_>>()
    };
    let table = [("a.rs", "rows")];
    assert_eq!(of(901, &[]), ["a.rs has 901 lines, over 900"]);
    assert!(of(901, &table).is_empty() && of(900, &[]).is_empty());
    assert_eq!(
        of(900, &table),
        ["a.rs has no more than 900 lines: delete its line in TABLES of xtask/src/walls/sizes.rs"]
    );
}

#[test]
fn plain_data_may_have_many_fields() {
    check_structs(
        &large("#[derive(Clone, Debug)]\n#[allow(x)]", "impl<T> Large<'_, T> { fn f(&self, x: &mut u8) {} }"),
        expect![""],
    );
    check_structs(
        &large("#[derive(Clone)] enum Other {}", ""),
        expect!["one: Large in src/x.rs has 13 fields, over 12, and derives nothing"],
    );
    check_structs(
        &large(
            "#[derive(Clone)]",
            "impl<'a, T: Fn(u8) -> u8> a::Y<T> for b::Large<'a, T> where T: Z { fn f(&mut self) {} }",
        ),
        expect!["one: Large in src/x.rs has 13 fields, over 12, and has methods with &mut self"],
    );
}

#[test]
fn twelve_fields_are_not_many() {
    check_structs(&large("", "").replacen("pub f0", "//", 1), expect![""]);
    check_structs("struct Unit; struct Tuple(u8, u8);", expect![""]);
}
