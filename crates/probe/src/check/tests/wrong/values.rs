//! Arguments, results, words, variables and maps that are none.

use expect_test::expect;

use super::check;

#[test]
fn arguments_are_known_on_functions() {
    check(
        r#"interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }"#,
        expect![[r#"
        error: `args` means nothing here
         --> 1:22
          |
        1 | interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }
          |                      ^^^^^^
          = help: it does where a call of a Go function begins or returns, in tracepoints, `goroutine:EVENT` and `syscall:EVENT`

        error: `func` means nothing here
         --> 1:37
          |
        1 | interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }
          |                                     ^^^^
          = help: it does in probes on programs: `go:FUNC`, `uprobe:BIN:FUNC` and their returns

        error: `goid` means nothing here
         --> 1:50
          |
        1 | interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }
          |                                                  ^^^^
          = help: it does in probes on Go functions, tracepoints, profiles, `goroutine:EVENT` and `syscall:EVENT`

        error: `ustack` means nothing here
         --> 1:63
          |
        1 | interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }
          |                                                               ^^^^^^
          = help: it does where a program runs: in probes on programs, tracepoints and profiles

        error: `reg` means nothing here
         --> 1:78
          |
        1 | interval:s:1 { print(args.n); print(func); print(goid); print(ustack); print(reg("ax")); }
          |                                                                              ^^^^^^^^^
          = help: it does in probes on programs: `go:FUNC`, `uprobe:BIN:FUNC` and their returns
    "#]],
    );
}

#[test]
fn instructions_have_no_arguments() {
    check(
        "uprobe:/bin/app:main.fib+0x10 { print(args.n); print(arg0); }",
        expect![[r#"
        error: `args` means nothing here
         --> 1:39
          |
        1 | uprobe:/bin/app:main.fib+0x10 { print(args.n); print(arg0); }
          |                                       ^^^^^^
          = help: it does where a call of a Go function begins or returns, in tracepoints, `goroutine:EVENT` and `syscall:EVENT`

        error: `arg0` means nothing here
         --> 1:54
          |
        1 | uprobe:/bin/app:main.fib+0x10 { print(args.n); print(arg0); }
          |                                                      ^^^^
          = help: it does where a call begins: `go:FUNC`, `uprobe:BIN:FUNC`
    "#]],
    );
}

#[test]
fn programs_that_are_not_go_have_no_goroutines() {
    check(
        "uprobe:/lib/libc.so.6:malloc { print(goid); print(args.size); print(nil); }",
        expect![[r#"
        error: `goid` means nothing here
         --> 1:38
          |
        1 | uprobe:/lib/libc.so.6:malloc { print(goid); print(args.size); print(nil); }
          |                                      ^^^^
          = help: it does in probes on Go functions, tracepoints, profiles, `goroutine:EVENT` and `syscall:EVENT`

        error: `args` means nothing here
         --> 1:51
          |
        1 | uprobe:/lib/libc.so.6:malloc { print(goid); print(args.size); print(nil); }
          |                                                   ^^^^^^^^^
          = help: it does where a call of a Go function begins or returns, in tracepoints, `goroutine:EVENT` and `syscall:EVENT`

        error: nil is only compared with
         --> 1:69
          |
        1 | uprobe:/lib/libc.so.6:malloc { print(goid); print(args.size); print(nil); }
          |                                                                     ^^^
          = help: `args.p != nil`
    "#]],
    );
}

#[test]
fn bytes_and_whole_values_of_the_arguments_are_not_known_in_the_return() {
    check(
        "goret:main.handle { printf(\"%r %v\", buf(args.s, 8), args.r); }",
        expect![[r#"
        error: of what a call began with, its return knows integers and texts only
         --> 1:41
          |
        1 | goret:main.handle { printf("%r %v", buf(args.s, 8), args.r); }
          |                                         ^^^^^^
          = help: keep bytes where the call begins: `@b[goid] = …`

        error: of what a call began with, its return knows integers and texts only
         --> 1:53
          |
        1 | goret:main.handle { printf("%r %v", buf(args.s, 8), args.r); }
          |                                                     ^^^^^^
          = help: print it where the call begins, or say `call()`, which records both
    "#]],
    );
}

#[test]
fn one_of_several_results_is_named() {
    check(
        "goret:main.handle { print(ret); print(rets.2); print(rets.er); print(rets); }",
        expect![[r#"
        error: `main.handle` has 2 results, not one
         --> 1:27
          |
        1 | goret:main.handle { print(ret); print(rets.2); print(rets.er); print(rets); }
          |                           ^^^
          = help: `rets.0` is the first
          = help: it has `count` int, `err` error

        error: `main.handle` has no result `2`
         --> 1:44
          |
        1 | goret:main.handle { print(ret); print(rets.2); print(rets.er); print(rets); }
          |                                            ^
          = help: it has `count` int, `err` error

        error: `main.handle` has no result `er`
         --> 1:59
          |
        1 | goret:main.handle { print(ret); print(rets.2); print(rets.er); print(rets); }
          |                                                           ^^
          = help: it has `count` int, `err` error

        error: which of the results of `main.handle`?
         --> 1:70
          |
        1 | goret:main.handle { print(ret); print(rets.2); print(rets.er); print(rets); }
          |                                                                      ^^^^
          = help: it has `count` int, `err` error
    "#]],
    );
}

#[test]
fn floats_are_not_computed_with() {
    check(
        "go:main.floats { $f = args.f; } go:main.handle { $f = args.r.F; }",
        expect![[r#"
            error: `float64` is neither an integer nor text
             --> 1:23
              |
            1 | go:main.floats { $f = args.f; } go:main.handle { $f = args.r.F; }
              |                       ^^^^^^
              = help: scripts compute with integers only; `print(…)`, and `%v` of printf, show it whole

            error: `float64` is neither an integer nor text
             --> 1:55
              |
            1 | go:main.floats { $f = args.f; } go:main.handle { $f = args.r.F; }
              |                                                       ^^^^^^^^
              = help: scripts compute with integers only; `print(…)`, and `%v` of printf, show it whole
        "#]],
    );
}

#[test]
fn structs_and_slices_are_not_computed_with() {
    check(
        "go:main.handle { $a = args.r.Tags; $b = *args.r; printf(\"%s\", args.r.User.Err); print(args); } goret:main.handle { print(*args.r); }",
        expect![[r#"
            error: `[]string` is neither an integer nor text
             --> 1:23
              |
            1 | go:main.handle { $a = args.r.Tags; $b = *args.r; printf("%s", args.r.User.Err); print(args); } goret:main.handle { print…
              |                       ^^^^^^^^^^^
              = help: an element is `…[0]`, its length `len(…)`

            error: `main.Req` is neither an integer nor text
             --> 1:41
              |
            1 | go:main.handle { $a = args.r.Tags; $b = *args.r; printf("%s", args.r.User.Err); print(args); } goret:main.handle { print…
              |                                         ^^^^^^^
              = help: it has `ID`, `Name`, `Tags`, `Next`, `Small`, `User`, `F`; `print(…)`, and `%v` of printf, show it whole

            error: `error` is neither an integer nor text
             --> 1:63
              |
            1 | …le { $a = args.r.Tags; $b = *args.r; printf("%s", args.r.User.Err); print(args); } goret:main.handle { print(*args.r); }
              |                                                    ^^^^^^^^^^^^^^^
              = help: it can be compared with nil: `… != nil`

            error: which of the arguments of `main.handle`?
             --> 1:87
              |
            1 | …le { $a = args.r.Tags; $b = *args.r; printf("%s", args.r.User.Err); print(args); } goret:main.handle { print(*args.r); }
              |                                                                            ^^^^
              = help: it has `r` *main.Req, `s` string, `n` int

            error: `main.Req` is neither an integer nor text
             --> 1:122
              |
            1 | …le { $a = args.r.Tags; $b = *args.r; printf("%s", args.r.User.Err); print(args); } goret:main.handle { print(*args.r); }
              |                                                                                                               ^^^^^^^
              = help: it has `ID`, `Name`, `Tags`, `Next`, `Small`, `User`, `F`; `print(…)`, and `%v` of printf, show it whole
        "#]],
    );
}

#[test]
fn fields_and_elements_that_are_not_there() {
    check(
        "go:main.handle { print(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Tags[$1]); }\ngo:main.many { print(args.arr[3]); print(args.m[0]); print(len(args.arr)); print(args.e.x); }",
        expect![[r#"
            error: `main.Req` has no field `id`
             --> 1:31
              |
            1 | go:main.handle { print(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(a…
              |                               ^^
              = help: it has `ID`, `Name`, `Tags`, `Next`, `Small`, `User`, `F`

            error: `int` is no struct, it has no field `x`
             --> 1:49
              |
            1 | …handle { print(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Ta…
              |                                          ^

            error: `string` is no struct, it has no field `x`
             --> 1:74
              |
            1 | …rint(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Tags[$1]); }
              |                                                         ^

            error: `int` has no elements
             --> 1:91
              |
            1 | …rint(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Tags[$1]); }
              |                                                                          ^

            error: `string` has no elements
             --> 1:109
              |
            1 | …rint(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Tags[$1]); }
              |                                                                                            ^
              = help: `str(…)` is a string's text

            error: only numbers are possible as index here
             --> 1:132
              |
            1 | …rint(args.r.id); print(args.n.x); print(args.r.Tags[0].x); print(args.n[0]); print(args.s[0]); print(args.r.Tags[$1]); }
              |                                                                                                                   ^^
              = help: an index is a number: `args.xs[0]`

            error: `[3]int32` has 3 elements, from 0 on
             --> 2:31
              |
            2 | go:main.many { print(args.arr[3]); print(args.m[0]); print(len(args.arr)); print(args.e.x); }
              |                               ^

            error: maps of Go cannot be looked into by a script
             --> 2:49
              |
            2 | go:main.many { print(args.arr[3]); print(args.m[0]); print(len(args.arr)); print(args.e.x); }
              |                                                 ^

            error: the length of an array is not passed
             --> 2:64
              |
            2 | go:main.many { print(args.arr[3]); print(args.m[0]); print(len(args.arr)); print(args.e.x); }
              |                                                                ^^^^^^^^
              = help: it is 3, always

            error: `error` is no struct, it has no field `x`
             --> 2:89
              |
            2 | go:main.many { print(args.arr[3]); print(args.m[0]); print(len(args.arr)); print(args.e.x); }
              |                                                                                         ^
              = help: what an interface holds is only known when it runs
        "#]],
    );
}

#[test]
fn integers_are_never_nil() {
    check(
        "go:main.handle { print(args.n == nil); print(nil); print(args.r < nil); print(len(args.n)); print(str(args.n == 1)); }",
        expect![[r#"
        error: `int` is never nil
         --> 1:24
          |
        1 | go:main.handle { print(args.n == nil); print(nil); print(args.r < nil); print(len(args.n)); print(str(args.n == 1)); }
          |                        ^^^^^^

        error: nil is only compared with
         --> 1:46
          |
        1 | go:main.handle { print(args.n == nil); print(nil); print(args.r < nil); print(len(args.n)); print(str(args.n == 1)); }
          |                                              ^^^
          = help: `args.p != nil`

        error: nil is neither small nor large
         --> 1:58
          |
        1 | go:main.handle { print(args.n == nil); print(nil); print(args.r < nil); print(len(args.n)); print(str(args.n == 1)); }
          |                                                          ^^^^^^^^^^^^

        error: `int` has no length
         --> 1:83
          |
        1 | go:main.handle { print(args.n == nil); print(nil); print(args.r < nil); print(len(args.n)); print(str(args.n == 1)); }
          |                                                                                   ^^^^^^
    "#]],
    );
}

#[test]
fn unknown_words_are_told() {
    check(
        "BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }",
        expect![[r#"
        error: there is no word `nsec`
         --> 1:15
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |               ^^^^
          = help: did you mean `nsecs`?

        error: there is no function `pid`
         --> 1:28
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                            ^^^
          = help: `pid` stands without parentheses

        error: there is no function `prinft`
         --> 1:42
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                                          ^^^^^^
          = help: did you mean `print` or `printf`?

        error: there is no function `foo`
         --> 1:54
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                                                      ^^^

        error: there is no word `x`
         --> 1:75
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                                                                           ^
          = help: did you mean `$x`?

        error: there is no word `str`
         --> 1:85
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                                                                                     ^^^
          = help: it is written `str(TEXT [, LENGTH])`

        error: there is no word `a`
         --> 1:105
          |
        1 | BEGIN { print(nsec); print(pid()); print(prinft(1)); foo(); $x = 1; print(x); print(str); @a = 1; print(a); }
          |                                                                                                         ^
          = help: did you mean `@a`?
    "#]],
    );
}

#[test]
fn variables_get_a_value_before_they_are_read() {
    check(
        "BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }",
        expect![[r#"
            error: `$y` has no value here
             --> 1:8
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |        ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: `$x` has no value here
             --> 1:20
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |                    ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: `$count` has no value here
             --> 1:43
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |                                           ^^^^^^
              = help: did you mean `$cuont`?

            error: `$y` has no value here
             --> 1:65
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |                                                                 ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: `$z` has no value here
             --> 1:73
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |                                                                         ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: `$w` has no value here
             --> 1:82
              |
            1 | BEGIN /$y/ { print($x); $cuont = 1; print($count); $x = 1; $y = $y + 1; $z += 1; $w++; }
              |                                                                                  ^^
              = help: a variable belongs to one clause, and is assigned before it is read
        "#]],
    );
}

#[test]
fn maps_get_a_value_somewhere() {
    check(
        "BEGIN { print(@x); print(@y[1]); clear(@z); @start = 1; delete(@strat); }",
        expect![[r#"
        error: nothing is ever assigned to `@x`
         --> 1:15
          |
        1 | BEGIN { print(@x); print(@y[1]); clear(@z); @start = 1; delete(@strat); }
          |               ^^

        error: nothing is ever assigned to `@y`
         --> 1:26
          |
        1 | BEGIN { print(@x); print(@y[1]); clear(@z); @start = 1; delete(@strat); }
          |                          ^^

        error: nothing is ever assigned to `@z`
         --> 1:40
          |
        1 | BEGIN { print(@x); print(@y[1]); clear(@z); @start = 1; delete(@strat); }
          |                                        ^^

        error: nothing is ever assigned to `@strat`
         --> 1:64
          |
        1 | BEGIN { print(@x); print(@y[1]); clear(@z); @start = 1; delete(@strat); }
          |                                                                ^^^^^^
          = help: did you mean `@start`?
    "#]],
    );
}

#[test]
fn keys_are_alike_everywhere() {
    check(
        r#"BEGIN { @a[1] = 1; @a["x"] = 2; @a[1, 2] = 3; print(@a[1]); @a = 4; }"#,
        expect![[r#"
        error: `@a` has [an integer] as key, and here it has [text]
         --> 1:20
          |
        1 | BEGIN { @a[1] = 1; @a["x"] = 2; @a[1, 2] = 3; print(@a[1]); @a = 4; }
          |                    ^^^^^^^
          = help: it is first used at 1:9

        error: `@a` has [an integer] as key, and here it has [an integer, an integer]
         --> 1:33
          |
        1 | BEGIN { @a[1] = 1; @a["x"] = 2; @a[1, 2] = 3; print(@a[1]); @a = 4; }
          |                                 ^^^^^^^^
          = help: it is first used at 1:9

        error: `@a` has [an integer] as key, and here it has no key
         --> 1:61
          |
        1 | BEGIN { @a[1] = 1; @a["x"] = 2; @a[1, 2] = 3; print(@a[1]); @a = 4; }
          |                                                             ^^
          = help: it is first used at 1:9
    "#]],
    );
}

#[test]
fn values_are_alike_everywhere() {
    check(
        r#"go:main.fib { @a = 1; @a = "x"; @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, 0, 20, 1); $x = 1; $x = comm; }"#,
        expect![[r#"
            error: `@a` holds an integer, and this is text
             --> 1:23
              |
            1 | go:main.fib { @a = 1; @a = "x"; @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, …
              |                       ^^^^^^^^
              = help: it is first used at 1:15

            error: `@b` holds count(), and this is an integer
             --> 1:47
              |
            1 | …n.fib { @a = 1; @a = "x"; @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, 0, 20,…
              |                                          ^^^^^^
              = help: it is first used at 1:33

            error: `@c` holds hist(…), and this is sum(…)
             --> 1:69
              |
            1 | …x"; @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, 0, 20, 1); $x = 1; $x = comm…
              |                                          ^^^^^^^^^^^
              = help: it is first used at 1:55

            error: `@d` holds lhist(…, 0, 10, 1), and this is lhist(…, 0, 20, 1)
             --> 1:107
              |
            1 | … @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, 0, 20, 1); $x = 1; $x = comm; }
              |                                                                             ^^^^^^^^^^^^^^^^^^^^^^^
              = help: it is first used at 1:82

            error: `$x` is an integer, and this is text
             --> 1:140
              |
            1 | … @b = count(); @b = 2; @c = hist(1); @c = sum(1); @d = lhist(1, 0, 10, 1); @d = lhist(1, 0, 20, 1); $x = 1; $x = comm; }
              |                                                                                                              ^^^^^^^^^
        "#]],
    );
}

#[test]
fn aggregations_are_not_read() {
    check(
        "go:main.fib { @c = count(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }",
        expect![[r#"
            error: `@c` holds count(), which is added up by CPU and cannot be read by a script
             --> 1:33
              |
            1 | go:main.fib { @c = count(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1);…
              |                                 ^^
              = help: `print(@c)` shows it; `@c++` makes a number that can be read

            error: `@c` holds count(), which is added up by CPU and cannot be read by a script
             --> 1:60
              |
            1 | …count(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1);…
              |                                          ^^
              = help: `print(@c)` shows it; `@c++` makes a number that can be read

            error: `count()` is what is assigned to a map
             --> 1:74
              |
            1 | …unt(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }
              |                                                      ^^^^^^^
              = help: `@name = count();`

            error: `@c` holds count(), and this is an integer
             --> 1:83
              |
            1 | …unt(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }
              |                                                               ^^^^^^^
              = help: it is first used at 1:15

            error: `hist(INT [, K])` is what is assigned to a map
             --> 1:98
              |
            1 | …unt(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }
              |                                                                              ^^^^^^^
              = help: `@name = hist(INT [, K]);`

            error: `sum(INT)` is assigned with `=`, not with `+=`
             --> 1:108
              |
            1 | …unt(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }
              |                                                                                        ^^^^^^^^^^^^

            error: `@e` holds an integer, and this is max(…)
             --> 1:128
              |
            1 | …unt(); if (@c > 10) { exit(); } print(@c + 1); $x = count(); @c += 1; print(hist(1)); @d += sum(1); @e++; @e = max(1); }
              |                                                                                                            ^^^^^^^^^^^
              = help: it is first used at 1:122
        "#]],
    );
}
