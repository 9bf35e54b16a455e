//! The table of docs/json.md is what is written.

use crate::record::{Case, words};

const DOCS: &str = include_str!("../../../../docs/json.md");

/// Rows of values that are described alike: what they are, and a call that has them as its arguments.
fn rows(what: &str, case: &Case) -> Vec<String> {
    let row = |(text, json): (String, String)| format!("| {what} | `{text}` | `{json}` |");
    case.each().into_iter().map(row).collect()
}

fn table() -> Vec<String> {
    let basic = Case::new("func f(n int; big int; ok bool; x float64; c complex128)").args(&[
        7,
        1 << 60,
        1,
        f64::INFINITY.to_bits(),
        1_f64.to_bits(),
        2_f64.to_bits(),
    ]);
    let text = Case::new("func f(s string; b []byte; c []byte)")
        .args(&[0xc000, 300, 0xc000, 5, 5, 0xc008, 3, 3])
        .chunk(0xc000, "byte", "hello")
        .chunk(0xc008, "byte", [1, 2, 255]);
    let list = Case::new("func f(a []int; b []int)")
        .args(&[0xc000, 2, 2, 0xc100, 9, 9])
        .chunk(0xc000, "int", words(&[1, 2]))
        .chunk(0xc100, "int", words(&[1, 2]));
    let strct = Case::new("type main.Point struct{X int; Y int}\nfunc f(p main.Point; q *main.Point; nil *main.Point)")
        .args(&[1, 2, 0xc000, 0])
        .chunk(0xc000, "main.Point", words(&[3, 4]));
    let slots = [&[0x8080_8080_8080_8001, 0xc300, 1, 5][..], &[0; 21]].concat();
    let ints = [&[0x8080_8080_8080_8001, 7, 5][..], &[0; 14]].concat();
    let map = Case::new("func f(m map[string]int; n map[int]int)")
        .args(&[0xc000, 0xc100])
        .chunk(0xc000, "header of map[string]int", words(&[1, 0, 0xc200, 0, 0, 0]))
        .chunk(0xc200, "group of map[string]int", words(&slots))
        .chunk(0xc300, "byte", "a")
        .chunk(0xc100, "header of map[int]int", words(&[1, 0, 0xc400, 0, 0, 0]))
        .chunk(0xc400, "group of map[int]int", words(&ints));
    let interface =
        Case::new("type errors.errorString struct{s string}\ntype main.Color int\nfunc f(a any; e error; nil error)")
            .dynamic(0x6000, "main.Color")
            .dynamic(0x6001, "*errors.errorString")
            .args(&[0x6000, 0xc000, 0x6001, 0xc010, 0, 0])
            .chunk(0xc000, "main.Color", words(&[3]))
            .chunk(0xc010, "errors.errorString", words(&[0xc020, 3]))
            .chunk(0xc020, "byte", "EOF");
    let other = Case::new("func f(c chan int; g func(); p unsafe.Pointer)")
        .args(&[0xc000, 0xc100, 0xc000])
        .chunk(0xc000, "byte", words(&[1, 5]))
        .chunk(0xc100, "byte", words(&[0x4000]));
    let known = Case::new("type time.Time struct{wall uint64; ext int64; loc *int}\ntype time.Duration int64\ntype net.IP []byte\nfunc f(t time.Time; d time.Duration; ip net.IP)")
        .args(&[0, 63_835_596_800, 0, 1_500_000_000, 0xc000, 4, 4])
        .chunk(0xc000, "byte", [10, 0, 0, 1]);
    let secret = Case::new("func f(token string)").args(&[0xc000, 1]).secrets(&["token"]);
    let missing =
        Case::new("func f(s string; a any; p *int)").args(&[0xc000, 9, 0x9999, 1, 0xc100]).failed(0xc100, "int");
    let all = [
        ("numbers, booleans", &basic),
        ("strings, bytes", &text),
        ("slices, arrays", &list),
        ("structs, pointers", &strct),
        ("maps", &map),
        ("interfaces", &interface),
        ("channels, functions, addresses", &other),
        ("what people know in another form", &known),
        ("secrets", &secret),
        ("what is not there", &missing),
    ];
    all.into_iter().flat_map(|(what, case)| rows(what, case)).collect()
}

#[test]
fn every_row_is_what_is_written() {
    let table = format!("| value | text | JSON |\n|---|---|---|\n{}\n", table().join("\n"));
    assert!(DOCS.contains(&table), "docs/json.md lacks\n{table}");
}
