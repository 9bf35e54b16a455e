//! Which functions attach points mean.

use expect_test::expect;

use super::{check, check_places, run};

#[test]
fn functions_behind_a_bang_are_left_out() {
    check_places(
        "goret:main.(*Server).*, goret:main.fib, !*.Close, !main.mian { @ = count(); }",
        expect![[r#"
        warning: no function is left out by `!main.mian`
         --> 1:52
          |
        1 | goret:main.(*Server).*, goret:main.fib, !*.Close, !main.mian { @ = count(); }
          |                                                    ^^^^^^^^^
        site func 0+0x20 file +0x1120 emulated return group 0
        site func 0+0x40 file +0x1140 stepped return group 0
        site func 1+0x20 file +0x1d20 emulated return group 1
        site func 1+0x40 file +0x1d40 stepped return group 1
        variant 0: body 0 ()"#]],
    );
}

#[test]
fn a_function_that_never_returns_is_recorded_from_its_entry_to_whatever_ends_it() {
    check_places(
        "goret:main.forever { call(); }",
        expect![[r#"
        site func 0+0x6 file +0x1a06 emulated entry group 0
        variant 0: body 0 ()
        variant 1: body 1 ()"#]],
    );
}

#[test]
fn functions_that_others_are_called_under_are_paired_for_that_alone() {
    check(
        r#"go:main.small /under("main.fib") || under("main.*Serve")/ { @ = count(); } goret:main.fib { @r = count(); }"#,
        expect![[r#"
            warning: `main.fib` is also inlined, as in main.main: what is called there is not under it
             --> 1:22
              |
            1 | go:main.small /under("main.fib") || under("main.*Serve")/ { @ = count(); } goret:main.fib { @r = count(); }
              |                      ^^^^^^^^^^
            point 0: go:main.small: matched 1, attached 1
            point 1: goret:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go, runtime
            func 0: main.fib at 0x401100 in binary 0 marks 0b1
            func 1: main.small at 0x401300 in binary 0
            func 2: main.(*Server).Serve at 0x401d00 in binary 0 marks 0b10
            site func 0+0x6 file +0x1106 emulated entry
            site func 0+0x20 file +0x1120 emulated return group 0
            site func 0+0x40 file +0x1140 stepped return group 0
            site func 1+0x6 file +0x1306 emulated entry group 1
            site func 2+0x6 file +0x1d06 emulated entry
            site func 2+0x20 file +0x1d20 emulated return
            site func 2+0x40 file +0x1d40 stepped return
            group 0: variant 1 for point 1
            group 1: variant 0 for point 0
            variant 0: body 0 ()
            variant 1: body 1 ()
            map 0: @[] count (4096)
            map 1: @r[] count (4096)
            body 0: clause 0 on a Go call
              /(under("main.fib"):i64 || under("main.*Serve"):i64):i64/
              add to @
            body 1: clause 1 on a Go return
              add to @r
            needs frames
        "#]],
    );
}

#[test]
fn of_functions_that_a_pattern_means_some_may_not_be_seen() {
    let (checked, told) = run(r#"go:main.small /under("main.*s*")/ { @ = count(); }"#, &[]);
    let marked = checked.plan.map_or(0, |plan| plan.functions.iter().filter(|function| function.marks != 0).count());
    expect![[r#"
        warning: what is called under `main.asm` is not seen: written in assembly: its arguments and its g register follow no rule that gospect knows
         --> 1:22
          |
        1 | go:main.small /under("main.*s*")/ { @ = count(); }
          |                      ^^^^^^^^^^
        5"#]].assert_eq(&format!("{told}{marked}"));
}

#[test]
fn functions_that_a_condition_does_not_fit_are_left_out_if_it_fits_others() {
    let told = |text: &str| {
        let (checked, told) = run(text, &[]);
        let points = checked.plan.map(|plan| plan.points).unwrap_or_default();
        let skipped = points.iter().flat_map(|point| &point.skipped).filter(|s| s.why.contains("compared"));
        let skipped: String = skipped.map(|s| format!("{}: {}\n", s.function, s.why)).collect();
        format!("{told}{} attached\n{skipped}", points.iter().map(|point| point.attached).sum::<u32>())
    };
    expect![[r#"
        2 attached
        main.handle: text is not compared with an integer
        main.other: text is not compared with an integer
        main.swapped: text is not compared with an integer
    "#]]
    .assert_eq(&told("go:main.* /args.s == 0/ { @ = count(); }"));
    expect![[r#"
        2 attached
        main.handle: text is not compared with an integer
        main.other: text is not compared with an integer
        main.swapped: text is not compared with an integer
    "#]]
    .assert_eq(&told("goret:main.* /args.s == 0 && elapsed > 3/ { call(); }"));
}
