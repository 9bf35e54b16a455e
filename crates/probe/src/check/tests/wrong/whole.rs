//! What is wrong with a script as a whole: declarations, keys, sizes, recorded calls, `under`.

use expect_test::expect;
use gobin::Arch;

use super::{check, check_in};
use crate::fakes::Fake;
use plan::target::HookKind;

#[test]
fn a_map_is_declared_once_and_by_kind() {
    check(
        "let @a = hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { @a = 1; }",
        expect![[r#"
            error: `@a` is declared twice
             --> 1:24
              |
            1 | let @a = hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { …
              |                        ^^

            error: maps do not forget entries by themselves here
             --> 1:48
              |
            1 | …= hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { @a = 1;…
              |                                          ^^^^^^^
              = help: `hash(N)` keeps the first N and counts the others

            error: there is no kind of map called `hsh`
             --> 1:70
              |
            1 | …hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { @a = 1; }
              |                                                              ^^^
              = help: did you mean `hash`?

            error: a map holds 1 to 16777216 entries
             --> 1:92
              |
            1 | …hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { @a = 1; }
              |                                                                                    ^

            error: how many entries?
             --> 1:96
              |
            1 | …hash(10); let @a = hash(10); let @b = lruhash(10); let @c = hsh(1); let @d = hash(0); let @e = hash(); BEGIN { @a = 1; }
              |                                                                                        ^^^^^^^^^^^^^^^
              = help: `let @e = hash(10000);`
        "#]],
    );
}

#[test]
fn nothing_is_no_script() {
    check(
        "// nothing",
        expect![[r#"
        error: there is no probe in this script
         --> 1:1
          |
        1 | // nothing
          | ^
    "#]],
    );
}

#[test]
fn everything_is_told_at_once() {
    check(
        "kprobe:x { foo(); }\ngo:main.fib { print(args.m) print(nsec); }\nBEGIN { @x = ; }",
        expect![[r#"
            error: there is no kind of probe called `kprobe`
             --> 1:1
              |
            1 | kprobe:x { foo(); }
              | ^^^^^^
              = help: gospect probes programs: `uprobe`, `uretprobe`, `go`, `goret`, `goroutine`, `gc`, `syscall`; and tracepoints and clocks

            error: `main.fib` has no argument `m`
             --> 2:26
              |
            2 | go:main.fib { print(args.m) print(nsec); }
              |                          ^
              = help: it has `n` int

            error: `print` stands where the statement should end
             --> 2:29
              |
            2 | go:main.fib { print(args.m) print(nsec); }
              |                             ^^^^^
              = help: statements end with `;`

            error: an expression is missing, `;` stands there
             --> 3:14
              |
            3 | BEGIN { @x = ; }
              |              ^
        "#]],
    );
}

#[test]
fn tuples_and_bytes_have_their_places() {
    check(
        "BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }",
        expect![[r#"
        error: there are no tuples in tuples
         --> 1:14
          |
        1 | BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }
          |              ^^^^^^^^^^^

        error: a stored tuple is no part of a key
         --> 1:43
          |
        1 | BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }
          |                                           ^^
          = help: write its parts: `@m[a, b]`

        error: the memory of a program is not there: no program runs here
         --> 1:55
          |
        1 | BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }
          |                                                       ^^^^^^^^^

        error: the memory of a program is not there: no program runs here
         --> 1:76
          |
        1 | BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }
          |                                                                            ^^^^^^^^^

        error: `+` takes integers, and this is a tuple of 2
         --> 1:93
          |
        1 | BEGIN { @a = ((1, 2), 3); $t = (1, 2); @b[$t] = 1; @c[buf(1, 2)] = 1; @d = buf(1, 2); print((1, 2) + 1); }
          |                                                                                             ^^^^^^
    "#]],
    );
}

#[test]
fn nested_keys_have_limits() {
    check(
        "BEGIN { @a[1] = 1; print(@a[@a[@a[@a[@a[1]]]]]); @a[@a[1]++] *= 2; }",
        expect![[r#"
        error: keys are nested more than 4 deep
         --> 1:38
          |
        1 | BEGIN { @a[1] = 1; print(@a[@a[@a[@a[@a[1]]]]]); @a[@a[1]++] *= 2; }
          |                                      ^^^^^

        error: this key is used twice, and must not count anything
         --> 1:50
          |
        1 | BEGIN { @a[1] = 1; print(@a[@a[@a[@a[@a[1]]]]]); @a[@a[1]++] *= 2; }
          |                                                  ^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn what_fits_some_functions_only_is_told_with_one_that_it_does_not_fit() {
    check(
        "go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }",
        expect![[r#"
        error: `main.fib` has no argument `a`
         --> 1:52
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                    ^
          = help: it has `n` int

        error: `main.other` has no argument `a`
         --> 1:52
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                    ^
          = help: it has `s` string, `n` uint32

        error: `main.many` has no argument `n`
         --> 1:68
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                                    ^
          = help: it has `a` string, `b` []byte, `e` error, `m` map[string]int, `c` chan int, `f` func(), `arr` [3]int32

        error: `main.fib` has no argument `s`
         --> 1:78
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                                              ^
          = help: it has `n` int

        error: `main.many` has no argument `s`
         --> 1:78
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                                              ^
          = help: it has `a` string, `b` []byte, `e` error, `m` map[string]int, `c` chan int, `f` func(), `arr` [3]int32

        error: `@` has [text] as key, and here it has [an integer]
         --> 1:95
          |
        1 | go:main.fib, go:main.other, go:main.many { @x[args.a] = 1; @y[args.n] = args.s; } go:main.* { @[args.s] = 1; }
          |                                                                                               ^^^^^^^^^
          = help: it is first used at 1:95
          = help: so it is in `main.(*Server).Serve`
    "#]],
    );
    check(
        "go:main.* { @[args.s + 1] = args.n; }",
        expect![[r#"
        error: `+` takes integers, and this is text
         --> 1:15
          |
        1 | go:main.* { @[args.s + 1] = args.n; }
          |               ^^^^^^
          = help: so it is in `main.handle`
    "#]],
    );
}

#[test]
fn what_unroll_repeats_counts_each_time() {
    check(
        "BEGIN { unroll (100) { unroll (100) { @x++; } } }",
        expect![[r#"
        error: this does 30101 things, the kernel takes about 6000
         --> 1:1
          |
        1 | BEGIN { unroll (100) { unroll (100) { @x++; } } }
          | ^^^^^
          = help: what `unroll` repeats counts each time
    "#]],
    );
}

#[test]
fn an_expression_may_keep_only_so_much() {
    check(
        "BEGIN { $x = 1; print(1 + (2 + (3 + (4 + (5 + (6 + (7 + (8 + (9 + (10 + (11 + (12 + (13 + (14 + (15 + (16 + (17 + $x))))))))))))))))); }",
        expect![[r#"
            error: an expression here keeps 17 values at once, the kernel has room for 16
             --> 1:1
              |
            1 | BEGIN { $x = 1; print(1 + (2 + (3 + (4 + (5 + (6 + (7 + (8 + (9 + (10 + (11 + (12 + (13 + (14 + (15 + (16 + (17 + $x))))…
              | ^^^^^
              = help: variables can hold its parts
        "#]],
    );
    check(
        "BEGIN { $a = 1; $b = 1; $c = 1; $d = 1; $e = 1; $f = 1; $g = 1; $h = 1; $i = 1; $j = 1; $k = 1; $l = 1; $m = 1; $n = 1; $o = 1; $p = 1; $q = 1; $r = 1; $s = 1; $t = 1; $u = 1; $v = 1; $w = 1; $x = 1; $y = 1; }",
        expect![[r#"
            error: this has 25 variables, the kernel has room for 24
             --> 1:1
              |
            1 | BEGIN { $a = 1; $b = 1; $c = 1; $d = 1; $e = 1; $f = 1; $g = 1; $h = 1; $i = 1; $j = 1; $k = 1; $l = 1; $m = 1; $n = 1; …
              | ^^^^^
              = help: a variable may be used again, maps hold any number of values
        "#]],
    );
}

#[test]
fn goroutines_are_not_watched_in_part() {
    check_in(
        &Fake::new(Arch::Amd64).without(HookKind::SyscallExit),
        "goroutine:state { @[args.to] = count(); } goroutine:exit { exit(); }",
        expect![[r#"
            error: goroutines cannot be watched: the program has no runtime.exitsyscall
             --> 1:11
              |
            1 | goroutine:state { @[args.to] = count(); } goroutine:exit { exit(); }
              |           ^^^^^

            error: goroutines cannot be watched: the program has no runtime.exitsyscall
             --> 1:53
              |
            1 | goroutine:state { @[args.to] = count(); } goroutine:exit { exit(); }
              |                                                     ^^^^
        "#]],
    );
}

#[test]
fn goid_is_refused_where_nothing_leads_to_it() {
    check_in(
        &Fake::new(Arch::Amd64).without(HookKind::ThreadStart),
        "tracepoint:sched:sched_switch { @[goid] = count(); } go:main.fib { @[goid] = count(); }",
        expect![[r#"
            error: `goid` cannot be read: the program has no runtime.minit
             --> 1:35
              |
            1 | tracepoint:sched:sched_switch { @[goid] = count(); } go:main.fib { @[goid] = count(); }
              |                                   ^^^^
        "#]],
    );
}

#[test]
fn a_place_of_which_nothing_is_left_is_told() {
    check(
        "go:main.fib, !main.* { exit(); }",
        expect![[r#"
        error: nothing is left of `main.fib`: it is left out
         --> 1:4
          |
        1 | go:main.fib, !main.* { exit(); }
          |    ^^^^^^^^
    "#]],
    );
    check(
        "go:main.(*Server).*, !*.Serve, !*.Close { exit(); }",
        expect![[r#"
        error: nothing is left of `main.(*Server).*`: all its 2 functions are left out
         --> 1:4
          |
        1 | go:main.(*Server).*, !*.Serve, !*.Close { exit(); }
          |    ^^^^^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn what_is_left_out_has_a_name_and_stands_behind_a_place() {
    check(
        "go:main.fib, ! { exit(); }",
        expect![[r#"
        error: which functions to leave out is missing
         --> 1:14
          |
        1 | go:main.fib, ! { exit(); }
          |              ^
          = help: for example `go:main.*, !main.*.func*`
    "#]],
    );
    check(
        "!main.fib, go:main.* { exit(); }",
        expect![[r#"
            error: there is no kind of probe called `!main.fib`
             --> 1:1
              |
            1 | !main.fib, go:main.* { exit(); }
              | ^^^^^^^^^
              = help: there are `go`, `goret`, `inlined`, `uprobe`, `uretprobe`, `goroutine`, `gc`, `syscall`, `tracepoint`, `interval`, `profile`, `BEGIN` and `END`
        "#]],
    );
}

#[test]
fn calls_are_recorded_once_each_where_there_are_calls() {
    check(
        "BEGIN { call(); }",
        expect![[r#"
        error: only calls of Go functions are recorded
         --> 1:9
          |
        1 | BEGIN { call(); }
          |         ^^^^^^
          = help: `goret:FUNC { call() }` records calls, `go:FUNC { call() }` that they begin
    "#]],
    );
    check(
        "go:main.fib, goret:main.handle { call(); }",
        expect![[r#"
        error: `call()` here and in a return is not the same
         --> 1:1
          |
        1 | go:main.fib, goret:main.handle { call(); }
          | ^^^^^^^^^^^
          = help: in a return it records where calls begin, too; write two clauses
    "#]],
    );
    check(
        "goret:main.* { call(); } go:main.fib { call(); }",
        expect![[r#"
        error: calls of `main.fib` are recorded by another clause already
         --> 1:26
          |
        1 | goret:main.* { call(); } go:main.fib { call(); }
          |                          ^^^^^^^^^^^
          = help: each call is recorded once; `call()` in a return records where it begins, too
    "#]],
    );
    check(
        "goret:main.fib { call(7); }",
        expect![[r#"
        error: `call()` takes nothing but the stack that called
         --> 1:23
          |
        1 | goret:main.fib { call(7); }
          |                       ^
          = help: `call(ustack(8))` records it with up to 8 frames
    "#]],
    );
    check(
        "goret:main.fib /args.m > 1 && elapsed > 1/ { call(); }",
        expect![[r#"
        error: `main.fib` has no argument `m`
         --> 1:22
          |
        1 | goret:main.fib /args.m > 1 && elapsed > 1/ { call(); }
          |                      ^
          = help: it has `n` int
    "#]],
    );
}

#[test]
fn whoever_asks_under_what_is_told_why_that_cannot_be_known() {
    check(
        r#"go:main.fib /under("main.handel") || under("nothing.*")/ { @ = count(); }"#,
        expect![[r#"
            error: there is no function `main.handel`
             --> 1:20
              |
            1 | go:main.fib /under("main.handel") || under("nothing.*")/ { @ = count(); }
              |                    ^^^^^^^^^^^^^
              = help: did you mean `main.handle`?

            error: no function matches `nothing.*`
             --> 1:44
              |
            1 | go:main.fib /under("main.handel") || under("nothing.*")/ { @ = count(); }
              |                                            ^^^^^^^^^^^
        "#]],
    );
    check(
        r#"go:main.fib /under("main.asm")/ { @ = count(); }"#,
        expect![[r#"
            error: what is called under `main.asm` cannot be seen: written in assembly: its arguments and its g register follow no rule that gospect knows
             --> 1:20
              |
            1 | go:main.fib /under("main.asm")/ { @ = count(); }
              |                    ^^^^^^^^^^
        "#]],
    );
    check(
        r#"go:main.fib /under("main.tiny")/ { @ = count(); }"#,
        expect![[r#"
            error: `main.tiny` is inlined wherever it is called, there is no function to probe
             --> 1:20
              |
            1 | go:main.fib /under("main.tiny")/ { @ = count(); }
              |                    ^^^^^^^^^^^
              = help: there are 2 places, one is inlined into main.main at main.go:12
              = help: `inlined:main.tiny` sees its calls there; for `gospect trace` that is --inlined
        "#]],
    );
    check(
        r#"interval:s:1 { print(under("main.fib")); } go:main.fib /under(func)/ { @ = under(); }"#,
        expect![[r#"
            error: `under` means nothing here
             --> 1:22
              |
            1 | interval:s:1 { print(under("main.fib")); } go:main.fib /under(func)/ { @ = under(); }
              |                      ^^^^^^^^^^^^^^^^^
              = help: it does in probes on Go functions: `go:FUNC`, `goret:FUNC` and the like

            error: this text has to stand in the script, in quotes
             --> 1:63
              |
            1 | interval:s:1 { print(under("main.fib")); } go:main.fib /under(func)/ { @ = under(); }
              |                                                               ^^^^

            error: `under` is given 0 arguments
             --> 1:76
              |
            1 | interval:s:1 { print(under("main.fib")); } go:main.fib /under(func)/ { @ = under(); }
              |                                                                            ^^^^^^^
              = help: it is written `under("FUNC")`
        "#]],
    );
    let names = ["main", "fib", "handle", "small", "other", "floats", "many", "wide", "swapped"];
    let nine = names.map(|name| format!("under(\"main.{name}\")"));
    check(
        &format!("go:main.worker {{ @ = {}; }}", nine.join(" + ")),
        expect![[r#"
        warning: `main.fib` is also inlined, as in main.main: what is called there is not under it
         --> 1:49
          |
        1 | …worker { @ = under("main.main") + under("main.fib") + under("main.handle") + under("main.small") + under("main.other") +…
          |                                          ^^^^^^^^^^

        error: `under` is asked about more than 8 functions
         --> 1:201
          |
        1 | …mall") + under("main.other") + under("main.floats") + under("main.many") + under("main.wide") + under("main.swapped"); }
          |                                                                                                        ^^^^^^^^^^^^^^
          = help: a pattern counts as one: `under("main.*")`
    "#]],
    );
}

#[test]
fn a_condition_that_assigns_is_told_how_it_compares() {
    check(
        "go:main.fib /args.n = 3/ { @ = count(); }",
        expect![[r#"
        error: `=` assigns, and a condition only asks
         --> 1:21
          |
        1 | go:main.fib /args.n = 3/ { @ = count(); }
          |                     ^
          = help: `==` compares
    "#]],
    );
    check(
        "go:main.fib /pid > 1 && (args.n = 3)/ { @ = count(); }",
        expect![[r#"
        error: `=` assigns, and a condition only asks
         --> 1:33
          |
        1 | go:main.fib /pid > 1 && (args.n = 3)/ { @ = count(); }
          |                                 ^
          = help: `==` compares
    "#]],
    );
}

#[test]
fn a_result_without_a_name_is_told_by_its_number() {
    check(
        "goret:main.(*Server).Serve /rets.err != nil/ { @ = count(); }",
        expect![[r#"
        error: `main.(*Server).Serve` has no result `err`
         --> 1:34
          |
        1 | goret:main.(*Server).Serve /rets.err != nil/ { @ = count(); }
          |                                  ^^^
          = help: it has no name: `rets.0` is the error
          = help: it has `0` error
    "#]],
    );
    check(
        "goret:main.fib /rets.value > 1/ { @ = count(); }",
        expect![[r#"
        error: `main.fib` has no result `value`
         --> 1:22
          |
        1 | goret:main.fib /rets.value > 1/ { @ = count(); }
          |                      ^^^^^
          = help: it has no name: `rets.0` is the int
          = help: it has `0` int
    "#]],
    );
}

#[test]
fn a_condition_that_fits_no_function_of_a_pattern_is_wrong() {
    check(
        r#"go:main.* /args.n == "x"/ { @ = count(); }"#,
        expect![[r#"
        error: an integer is not compared with text
         --> 1:12
          |
        1 | go:main.* /args.n == "x"/ { @ = count(); }
          |            ^^^^^^^^^^^^^
          = help: so it is in `main.fib`
    "#]],
    );
}
