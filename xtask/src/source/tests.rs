use expect_test::{Expect, expect};

use super::*;

fn check(source: &str, expect: Expect) {
    let show = |token: &Token| format!("{} {:?} {}", token.line, token.kind, token.text);
    expect.assert_eq(&tokens(source).iter().map(show).collect::<Vec<_>>().join("\n"));
}

fn check_code(source: &str, expect: Expect) {
    let code: Vec<&str> = product_code(source).iter().map(|token| token.text).collect();
    expect.assert_eq(&code.join(" "));
}

#[test]
fn strings_hide_what_looks_like_code() {
    check(
        r####"f("a // \" b", r#"x " // y"#, br"\", '"', '\'', 'a, b'{');"####,
        expect![[r####"
            1 Ident f
            1 Punct (
            1 Str "a // \" b"
            1 Punct ,
            1 Str r#"x " // y"#
            1 Punct ,
            1 Str br"\"
            1 Punct ,
            1 Other '"'
            1 Punct ,
            1 Other '\''
            1 Punct ,
            1 Other 'a
            1 Punct ,
            1 Ident b
            1 Other '{'
            1 Punct )
            1 Punct ;"####]],
    );
}

#[test]
fn lines_are_counted_through_comments_and_strings() {
    check(
        "/* a /* b */\n */ x // c\n\"\n\" r::_y 1",
        expect![[r#"
            1 Comment /* a /* b */
             */
            2 Ident x
            2 Comment // c
            3 Str "
            "
            4 Ident r
            4 Punct ::
            4 Ident _y
            4 Other 1"#]],
    );
}

#[test]
fn broken_text_ends_where_the_file_ends() {
    for text in ["\"a", "'", "r#\"a\"", "/* a", "#[cfg(test)]", "#[cfg(test)] mod x {", "é'é'", "use crate::{a"] {
        product_code(text);
        paths(&tokens(text));
    }
}

#[test]
fn items_for_tests_are_left_out() {
    check_code("a; // b\n#[cfg(test)]\n#[allow(x[1])]\nmod tests { fn f() {} }\nc;", expect!["a ; c ;"]);
    check_code("#[cfg(test)] use a::{b}; c; #[cfg(test)] fn f(x: [u8; 2]) { d; } e", expect!["c ; e"]);
    assert_eq!(
        test_modules("#[cfg(test)]\npub(crate) mod fake;\nmod real;\n#[cfg(test)]\nmod tests;"),
        ["fake", "tests"]
    );
}

#[test]
fn a_use_has_a_path_for_each_leaf() {
    let of = |text: &str| {
        let show = |path: &Path| format!("{} = {}", path.name, path.segments.join("::"));
        paths(&tokens(text)).iter().map(show).collect::<Vec<_>>().join(", ")
    };
    expect!["c = a::b::c"].assert_eq(&of("a::b::c(d::e)"));
    expect!["self = a::self, b = a::b, e = a::c::d, * = a::f::*"].assert_eq(&of("a::{self, b, c::{d as e}, f::*,};"));
    expect!["Vec = Vec"].assert_eq(&of("Vec<a::b>"));
}
