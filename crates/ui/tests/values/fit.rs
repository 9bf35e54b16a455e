//! Values in as many columns as there are.

use expect_test::expect;

use crate::record::{Case, words};

/// A struct with others in it, in different widths.
fn shown(width: usize) -> String {
    let mut case = Case::new(
        "type main.In struct{A int; B int}
         type main.Out struct{ID int; Next *main.In; List []int; In main.In; Name string; Last int}
         func f(o main.Out)",
    )
    .args(&[7, 0xc000, 0xc100, 3, 3, 1, 2, 0xc200, 4, 9])
    .chunk(0xc000, "main.In", words(&[3, 4]))
    .chunk(0xc100, "int", words(&[5, 6, 7]))
    .chunk(0xc200, "byte", "name");
    case.style.width = Some(width);
    case.each().remove(0).0
}

#[test]
fn what_is_deepest_is_left_out_first_and_then_what_comes_last() {
    let all = [200, 124, 80, 60, 40, 20].map(|width| format!("{width:>3} {}\n", shown(width)));
    expect![[r#"
        200 main.Out{ID: 7, Next: &main.In{A: 3, B: 4}, List: []int{5, 6, 7}, In: main.In{A: 1, B: 2}, Name: "name", Last: 9}
        124 main.Out{ID: 7, Next: &main.In{A: 3, B: 4}, List: []int{5, 6, 7}, In: main.In{A: 1, B: 2}, Name: "name", Last: 9}
         80 main.Out{ID: 7, Next: &main.In{…}, List: []int{…}, In: main.In{…}, Name: "name", …+1}
         60 main.Out{ID: 7, Next: &main.In{…}, List: []int{…}, In: main.In{…}, …+2}
         40 main.Out{ID: 7, Next: &main.In{…}, List: []int{…}, …+3}
         20 main.Out{ID: 7, Next: &main.In{…}, …+4}
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn what_cannot_be_shortened_otherwise_ends_with_a_mark() {
    let case = |width| {
        let mut case = Case::new("func f(s string)").args(&[0xc000, 60]).chunk(0xc000, "byte", "x".repeat(60));
        case.style.width = Some(width);
        case.each().remove(0).0
    };
    assert_eq!(case(62), format!("\"{}\"", "x".repeat(60)));
    assert_eq!(case(20), format!("\"{}…", "x".repeat(38)));
}
