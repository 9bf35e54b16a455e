use std::fmt::Write;

use expect_test::{Expect, expect};

use super::claim::{self, Version};

/// What is wrong with the comments of `source`, if a release answers like this: `question -> answer`, line by line.
fn check(source: &str, release: &str, answers: &str, want: Expect) {
    let answer = |question: &str| {
        let mut pairs = answers.lines().filter_map(|line| line.trim().split_once(" -> "));
        pairs.find(|(q, _)| *q == question).map_or("! nothing", |(_, answer)| answer).replace(" | ", "\t")
    };
    let text = match claim::read_all(&[("a.rs".to_owned(), source.to_owned())]) {
        Err(why) => why,
        Ok(claims) => {
            let version = Version::parse(release).unwrap();
            let mut text = String::new();
            for (claim, question) in claims.iter().flat_map(|c| c.questions(version).into_iter().map(move |q| (c, q))) {
                let verdict = question.wrong(&answer(&question.text)).unwrap_or("holds".to_owned());
                let _ = writeln!(text, "{}: {}: {verdict}", claim.place, question.text);
            }
            text
        }
    };
    want.assert_eq(text.trim_end());
}

const TABLE: &str = r#"
    Struct {
        name: "runtime.m",
        fields: &[
            ("park",     &[since(23, 320), patched(23, 12, 344), gone(26)]), // +rtype 1.23 note | 1.26 other
            ("p.lo",     &[since(19, 8)]), // +rtype puintptr
        ],
"#;

#[test]
fn a_row_is_checked_with_the_number_of_the_release() {
    let answers = "field runtime.m park -> 320 | runtime.note\n field runtime.m p.lo -> 8 | runtime.puintptr";
    check(
        TABLE,
        "1.23.11",
        answers,
        expect![[r#"
            a.rs:5: field runtime.m park: holds
            a.rs:6: field runtime.m p.lo: holds"#]],
    );
    check(
        TABLE,
        "1.23.12",
        answers,
        expect![[r#"
            a.rs:5: field runtime.m park: is said to be at 344, is at 320
            a.rs:6: field runtime.m p.lo: holds"#]],
    );
}

#[test]
fn a_field_that_is_gone_must_not_be_there() {
    let answers = "field runtime.m park -> 320 | runtime.note\n field runtime.m p.lo -> 8 | uint8";
    check(
        TABLE,
        "1.26.6",
        answers,
        expect![[r#"
            a.rs:5: field runtime.m park: is said to be absent, is 320	runtime.note
            a.rs:6: field runtime.m p.lo: is said to be puintptr, is uint8"#]],
    );
}

#[test]
fn constants_types_sizes_and_functions_stand_anywhere() {
    let source = "// +rtype const _Gscan = 0x1000\n// +rtype 1.26- abi.FuncIDWrapper = 23\n// +rtype 1.19-1.22 gone = 1
        // +rtype internal/abi.Type.Str abi.NameOff @40\n// +rtype size internal/abi.Method = 16
        // +rtype moduledata.itablinks []*itab\n// +rtype func f func(gp *g, v any)";
    let answers = "const runtime._Gscan -> 4096\n const internal/abi.FuncIDWrapper -> 24
        field internal/abi.Type Str -> 44 | internal/abi.NameOff\n size internal/abi.Method -> 16
        field runtime.moduledata itablinks -> 360 | []*runtime.itab\n func runtime.f -> func(gp *runtime.g, v interface{})";
    check(
        source,
        "1.27.0",
        answers,
        expect![[r#"
            a.rs:1: const runtime._Gscan: holds
            a.rs:2: const internal/abi.FuncIDWrapper: is said to be 23, is 24
            a.rs:4: field internal/abi.Type Str: is said to be at 40, is at 44
            a.rs:5: size internal/abi.Method: holds
            a.rs:6: field runtime.moduledata itablinks: holds
            a.rs:7: func runtime.f: holds"#]],
    );
}

#[test]
fn a_list_is_compared_from_end_to_end() {
    let source = "// the reasons\n// +rtype list reasons\n (\"\", &[since(19, 0)]),\n (\"send\", &[since(27, 1)]),
        (\"receive\", &[since(26, 1), since(27, 2)]),\n];\n (\"no\", &[since(19, 3)]),";
    check(source, "1.26.0", "array runtime.reasons ->  | receive", expect!["a.rs:2: array runtime.reasons: holds"]);
    check(
        source,
        "1.27.0",
        "array runtime.reasons ->  | receive",
        expect!["a.rs:2: array runtime.reasons: is said to be `send` at 1, is `receive`"],
    );
    check(
        source,
        "1.26.0",
        "array runtime.reasons ->  | receive | more",
        expect!["a.rs:2: array runtime.reasons: is said to be at its end at 2, is `more`"],
    );
}

#[test]
fn a_comment_that_says_nothing_is_refused() {
    check("// +rtype g uint64", "1.26.0", "", expect!["a.rs:1: `g` has no struct and field"]);
    check(
        "// +rtype const x",
        "1.26.0",
        "",
        expect![[r#"a.rs:1: no number follows `=`, and none stands in a row before it"#]],
    );
    check("// +rtype g.goid uint64 @x", "1.26.0", "", expect!["a.rs:1: `x` is no offset"]);
}

#[test]
fn whoever_names_a_function_is_held_against_a_list() {
    let source = "// +rtype 1.22- users gdestroy = coroswitch_m goexit0\n// +rtype users goexit0 = goexit1
        // +rtype users g.atomicstatus = casgstatus";
    check(
        source,
        "1.27.0",
        "users runtime.gdestroy -> coroswitch_m | goexit0 | other\n users runtime.goexit0 -> goexit1
        users runtime.g atomicstatus -> casgstatus | faster",
        expect![[r#"
            a.rs:1: users runtime.gdestroy: is said to be at its end at 2, is `other`
            a.rs:2: users runtime.goexit0: holds
            a.rs:3: users runtime.g atomicstatus: is said to be at its end at 1, is `faster`"#]],
    );
    check("// +rtype users goexit0", "1.27.0", "", expect!["a.rs:1: no functions follow `=`"]);
}
