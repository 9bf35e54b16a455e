//! Places that are not there, or have not what is asked of them.

use expect_test::expect;

use super::check;

#[test]
fn a_misspelt_argument_is_told_with_those_that_there_are() {
    check(
        "go:main.(*Server).Serve { print(args.addrs) }",
        expect![[r#"
        error: `main.(*Server).Serve` has no argument `addrs`
         --> 1:38
          |
        1 | go:main.(*Server).Serve { print(args.addrs) }
          |                                      ^^^^^
          = help: did you mean `addr`?
          = help: it has `s` *main.Server, `addr` string, `n` int
    "#]],
    );
}

#[test]
fn a_misspelt_function_is_told_with_near_ones() {
    check(
        "go:main.handel { @ = count(); } goret:http.(*conn).serve { @ = count(); }",
        expect![[r#"
        error: there is no function `main.handel`
         --> 1:4
          |
        1 | go:main.handel { @ = count(); } goret:http.(*conn).serve { @ = count(); }
          |    ^^^^^^^^^^^
          = help: did you mean `main.handle`?

        error: there is no function `http.(*conn).serve`
         --> 1:39
          |
        1 | go:main.handel { @ = count(); } goret:http.(*conn).serve { @ = count(); }
          |                                       ^^^^^^^^^^^^^^^^^^
          = help: did you mean `net/http.(*conn).serve`?
    "#]],
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_told() {
    check(
        "go:github.com/none/* { @ = count(); }",
        expect![[r#"
        error: no function matches `github.com/none/*`
         --> 1:4
          |
        1 | go:github.com/none/* { @ = count(); }
          |    ^^^^^^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn what_cannot_be_known_of_an_inlined_call_is_told() {
    check(
        "inlined:main.tiny /rets.0 > 1/ { @ = count() }",
        expect![[r#"
        error: `rets` means nothing here
         --> 1:20
          |
        1 | inlined:main.tiny /rets.0 > 1/ { @ = count() }
          |                    ^^^^^^
          = help: it does where a call of a Go function returns: `goret:FUNC`
    "#]],
    );
    check(
        "inlined:main.tiny /elapsed > 1ms/ { call() }",
        expect![[r#"
        error: `elapsed` means nothing here
         --> 1:20
          |
        1 | inlined:main.tiny /elapsed > 1ms/ { call() }
          |                    ^^^^^^^
          = help: it does where a call of a Go function returns, `goret:FUNC`, and in `syscall:exit`
    "#]],
    );
    check(
        "inlined:main.tiny { @[arg0] = count() }",
        expect![[r#"
        error: `arg0` means nothing here
         --> 1:23
          |
        1 | inlined:main.tiny { @[arg0] = count() }
          |                       ^^^^
          = help: it does where a call begins: `go:FUNC`, `uprobe:BIN:FUNC`
    "#]],
    );
    check(
        "inlined:main.tiny+4 { @ = count() }",
        expect![[r#"
        error: only whole functions are inlined, by name
         --> 1:9
          |
        1 | inlined:main.tiny+4 { @ = count() }
          |         ^^^^^^^^^^^
    "#]],
    );
    check(
        "inlined:main.handle { @ = count() }",
        expect![[r#"
        error: `main.handle` is inlined nowhere
         --> 1:9
          |
        1 | inlined:main.handle { @ = count() }
          |         ^^^^^^^^^^^
          = help: `go:main.handle` sees its calls
    "#]],
    );
    check(
        "inlined:main.nothing { @ = count() }",
        expect![[r#"
        error: there is no function `main.nothing`
         --> 1:9
          |
        1 | inlined:main.nothing { @ = count() }
          |         ^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn a_variable_with_a_wrong_value_is_told_of_once() {
    check(
        "go:main.fib { $x = args.nope; @ = sum($x); printf(\"%d\", $x + 1); }",
        expect![[r#"
            error: `main.fib` has no argument `nope`
             --> 1:25
              |
            1 | go:main.fib { $x = args.nope; @ = sum($x); printf("%d", $x + 1); }
              |                         ^^^^
              = help: it has `n` int
        "#]],
    );
}

#[test]
fn a_function_that_is_only_inlined_is_told() {
    check(
        "go:main.tiny { @ = count(); }",
        expect![[r#"
            error: `main.tiny` is inlined wherever it is called, there is no function to probe
             --> 1:4
              |
            1 | go:main.tiny { @ = count(); }
              |    ^^^^^^^^^
              = help: there are 2 places, one is inlined into main.main at main.go:12
              = help: `inlined:main.tiny` sees its calls there; for `gospect trace` that is --inlined
        "#]],
    );
}

#[test]
fn assembly_has_no_probes() {
    check(
        "go:main.asm { @ = count(); }",
        expect![[r#"
        error: `main.asm` cannot be probed here: written in assembly: its arguments and its g register follow no rule that gospect knows
         --> 1:4
          |
        1 | go:main.asm { @ = count(); }
          |    ^^^^^^^^
    "#]],
    );
}

#[test]
fn a_function_that_never_returns_has_no_returns() {
    check(
        "goret:main.forever { @ = count(); }",
        expect![[r#"
        error: `main.forever` cannot be probed here: never returns: every path ends in a call that does not come back, or loops
         --> 1:7
          |
        1 | goret:main.forever { @ = count(); }
          |       ^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn a_function_without_description_has_no_arguments() {
    check(
        "go:main.undescribed { print(args.n); }",
        expect![[r#"
        error: the arguments of `main.undescribed` are not known: DWARF does not describe it
         --> 1:29
          |
        1 | go:main.undescribed { print(args.n); }
          |                             ^^^^^^
    "#]],
    );
}

#[test]
fn no_function_of_a_pattern_has_the_argument() {
    check(
        "go:main.(*Server).* { print(args.m); }",
        expect![[r#"
            error: `main.(*Server).Serve` has no argument `m`
             --> 1:34
              |
            1 | go:main.(*Server).* { print(args.m); }
              |                                  ^
              = help: it has `s` *main.Server, `addr` string, `n` int
              = help: it is no better with the other function that matches
        "#]],
    );
}

#[test]
fn a_file_that_is_not_there_is_told() {
    check(
        "uprobe:/bin/none:main.f { exit(); } uretprobe:/bin/none:main.g { exit(); }",
        expect![[r#"
        error: /bin/none cannot be opened: No such file or directory (os error 2)
         --> 1:8
          |
        1 | uprobe:/bin/none:main.f { exit(); } uretprobe:/bin/none:main.g { exit(); }
          |        ^^^^^^^^^

        error: /bin/none cannot be opened: No such file or directory (os error 2)
         --> 1:47
          |
        1 | uprobe:/bin/none:main.f { exit(); } uretprobe:/bin/none:main.g { exit(); }
          |                                               ^^^^^^^^^
    "#]],
    );
}

#[test]
fn a_tracepoint_that_is_not_there_is_told() {
    check(
        "tracepoint:sched:sched_nothing { exit(); }",
        expect![[r#"
        error: the kernel has no tracepoint sched:sched_nothing
         --> 1:12
          |
        1 | tracepoint:sched:sched_nothing { exit(); }
          |            ^^^^^^^^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn a_field_of_a_tracepoint_is_told() {
    check(
        "tracepoint:sched:sched_switch { print(args.prev_com); print(args.x.y); }",
        expect![[r#"
        error: this tracepoint has no field `prev_com`
         --> 1:44
          |
        1 | tracepoint:sched:sched_switch { print(args.prev_com); print(args.x.y); }
          |                                            ^^^^^^^^
          = help: did you mean `prev_comm`?
          = help: it has `prev_comm`, `prev_pid` and `prev_state`

        error: here `args` has fields that are numbers and texts, no more
         --> 1:61
          |
        1 | tracepoint:sched:sched_switch { print(args.prev_com); print(args.x.y); }
          |                                                             ^^^^^^^^
          = help: it has `prev_comm`, `prev_pid` and `prev_state`
    "#]],
    );
}

#[test]
fn a_field_that_is_neither_number_nor_text_is_told() {
    check(
        "tracepoint:sched:sched_process_exec { print(args.mask); }",
        expect![[r#"
        error: `mask` is cpumask_t, which is neither a number nor text
         --> 1:50
          |
        1 | tracepoint:sched:sched_process_exec { print(args.mask); }
          |                                                  ^^^^
    "#]],
    );
}

#[test]
fn an_event_of_goroutines_that_is_not_there_is_told() {
    check(
        "goroutine:crate { exit(); }",
        expect![[r#"
        error: goroutines have no event `crate`
         --> 1:11
          |
        1 | goroutine:crate { exit(); }
          |           ^^^^^
          = help: did you mean `create` or `state`?
    "#]],
    );
}

#[test]
fn what_system_calls_do_not_have_is_told() {
    check(
        "syscall:foo { exit(); }",
        expect![[r#"
        error: system calls have no event `foo`
         --> 1:9
          |
        1 | syscall:foo { exit(); }
          |         ^^^
          = help: there are `enter` and `exit`
    "#]],
    );
    check(
        "syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }",
        expect![[r#"
        error: this event has no field `ret`
         --> 1:28
          |
        1 | syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }
          |                            ^^^
          = help: it has `goid` and `nr`

        error: this event has no field `rn`
         --> 1:45
          |
        1 | syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }
          |                                             ^^
          = help: it has `goid` and `nr`

        error: `elapsed` means nothing here
         --> 1:56
          |
        1 | syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }
          |                                                        ^^^^^^^
          = help: it does where a call of a Go function returns, `goret:FUNC`, and in `syscall:exit`

        error: `func` means nothing here
         --> 1:72
          |
        1 | syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }
          |                                                                        ^^^^
          = help: it does in probes on programs: `go:FUNC`, `uprobe:BIN:FUNC` and their returns

        error: `arg0` means nothing here
         --> 1:85
          |
        1 | syscall:enter { print(args.ret); print(args.rn); print(elapsed); print(func); print(arg0); }
          |                                                                                     ^^^^
          = help: it does where a call begins: `go:FUNC`, `uprobe:BIN:FUNC`
    "#]],
    );
    check(
        "syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under(\"main.fib\")); }",
        expect![[r#"
        error: here `args` has fields that are numbers and texts, no more
         --> 1:22
          |
        1 | syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under("main.fib")); }
          |                      ^^^^^^^^^^^^
          = help: it has `goid`, `nr` and `ret`

        error: `ret` means nothing here
         --> 1:43
          |
        1 | syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under("main.fib")); }
          |                                           ^^^
          = help: it does where a call of a Go function returns: `goret:FUNC`

        error: only calls of Go functions are recorded
         --> 1:49
          |
        1 | syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under("main.fib")); }
          |                                                 ^^^^^^
          = help: `goret:FUNC { call() }` records calls, `go:FUNC { call() }` that they begin

        error: only changes of goroutines are recorded
         --> 1:57
          |
        1 | syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under("main.fib")); }
          |                                                         ^^^^^^^
          = help: `goroutine:state { event(); }` records what `gospect states` shows

        error: `under` means nothing here
         --> 1:72
          |
        1 | syscall:exit { print(args.foo.bar); print(ret); call(); event(); print(under("main.fib")); }
          |                                                                        ^^^^^^^^^^^^^^^^^
          = help: it does in probes on Go functions: `go:FUNC`, `goret:FUNC` and the like
    "#]],
    );
    check(
        "uprobe::main.fib+0x30 { exit(); } syscall:enter { exit(); }",
        expect![[r#"
        error: `syscall:enter` or `syscall:exit` has its probe on this instruction
         --> 1:1
          |
        1 | uprobe::main.fib+0x30 { exit(); } syscall:enter { exit(); }
          | ^^^^^^^^^^^^^^^^^^^^^
    "#]],
    );
    check(
        "syscall { exit(); }",
        expect![[r#"
        error: `syscall` is written `syscall:EVENT`
         --> 1:1
          |
        1 | syscall { exit(); }
          | ^^^^^^^
          = help: for example `syscall:enter`
    "#]],
    );
}

#[test]
fn only_goroutines_have_events_to_record() {
    check(
        "go:main.fib { event(); } goroutine:state { event(args.goid); event(args.parent, 1); event(args.parnet); }",
        expect![[r#"
            error: only changes of goroutines are recorded
             --> 1:15
              |
            1 | go:main.fib { event(); } goroutine:state { event(args.goid); event(args.parent, 1); event(args.parnet); }
              |               ^^^^^^^
              = help: `goroutine:state { event(); }` records what `gospect states` shows

            error: `event()` takes nothing but the goroutine's parent
             --> 1:50
              |
            1 | go:main.fib { event(); } goroutine:state { event(args.goid); event(args.parent, 1); event(args.parnet); }
              |                                                  ^^^^^^^^^
              = help: `event(args.parent)` records it with the place of its `go` statement

            error: `event` is given 2 arguments
             --> 1:62
              |
            1 | go:main.fib { event(); } goroutine:state { event(args.goid); event(args.parent, 1); event(args.parnet); }
              |                                                              ^^^^^^^^^^^^^^^^^^^^^
              = help: it is written `event([args.parent])`

            error: this event has no field `parnet`
             --> 1:96
              |
            1 | go:main.fib { event(); } goroutine:state { event(args.goid); event(args.parent, 1); event(args.parnet); }
              |                                                                                                ^^^^^^
              = help: did you mean `parent`?
              = help: it has `goid`, `parent`, `startfunc`, `gopc`, `from`, `to`, `reason`, `for` and `spent`
        "#]],
    );
}

#[test]
fn patterns_that_nothing_is_like_are_told() {
    check(
        r#"goroutine:state /args.startfunc == "nope.*" || args.reason == "nope*" || args.to == "w*g*g"/ { event(); }"#,
        expect![[r#"
            error: no function is called like `nope.*`
             --> 1:36
              |
            1 | goroutine:state /args.startfunc == "nope.*" || args.reason == "nope*" || args.to == "w*g*g"/ { event(); }
              |                                    ^^^^^^^^

            error: `nope*` is no reason to wait of this Go version
             --> 1:63
              |
            1 | goroutine:state /args.startfunc == "nope.*" || args.reason == "nope*" || args.to == "w*g*g"/ { event(); }
              |                                                               ^^^^^^^
              = help: there are `chan receive`, `chan send`, `sleep`, `preempted` and `GC assist marking`

            error: `w*g*g` is no state of goroutines of this Go version
             --> 1:85
              |
            1 | goroutine:state /args.startfunc == "nope.*" || args.reason == "nope*" || args.to == "w*g*g"/ { event(); }
              |                                                                                     ^^^^^^^
              = help: there are `idle`, `runnable`, `running`, `syscall`, `waiting`, `moribund_unused`, `dead`, `enqueue_unused`, `copystack` and `preempted`
        "#]],
    );
}

#[test]
fn a_field_of_an_event_is_told() {
    check(
        "goroutine:exit { print(args.form); }",
        expect![[r#"
            error: this event has no field `form`
             --> 1:29
              |
            1 | goroutine:exit { print(args.form); }
              |                             ^^^^
              = help: it has `goid`, `parent`, `startfunc` and `gopc`
        "#]],
    );
}

#[test]
fn an_instruction_starts_at_its_start() {
    check(
        "uprobe:/bin/app:main.fib+0x11 { exit(); } uprobe:/bin/app:0x401165 { exit(); } uprobe:/bin/app:0x99 { exit(); }",
        expect![[r#"
        error: `main.fib` cannot be probed here: +0x11: no instruction starts there; one does at +0x10, the next at +0x12
         --> 1:17
          |
        1 | uprobe:/bin/app:main.fib+0x11 { exit(); } uprobe:/bin/app:0x401165 { exit(); } uprobe:/bin/app:0x99 { exit(); }
          |                 ^^^^^^^^^^^^^

        error: `main.fib` cannot be probed here: +0x65: the function has 0x60 bytes
         --> 1:59
          |
        1 | uprobe:/bin/app:main.fib+0x11 { exit(); } uprobe:/bin/app:0x401165 { exit(); } uprobe:/bin/app:0x99 { exit(); }
          |                                                           ^^^^^^^^

        error: no function of the program contains 0x99
         --> 1:96
          |
        1 | uprobe:/bin/app:main.fib+0x11 { exit(); } uprobe:/bin/app:0x401165 { exit(); } uprobe:/bin/app:0x99 { exit(); }
          |                                                                                                ^^^^
    "#]],
    );
}

#[test]
fn an_instruction_does_not_return() {
    check(
        "uretprobe:/bin/app:main.fib+0x10 { exit(); }",
        expect![[r#"
        error: an instruction does not return; the whole function does
         --> 1:20
          |
        1 | uretprobe:/bin/app:main.fib+0x10 { exit(); }
          |                    ^^^^^^^^^^^^^
          = help: leave the offset out, or write `uprobe`
    "#]],
    );
}

#[test]
fn durations_are_known_in_returns() {
    check(
        "go:main.fib { @ = hist(elapsed); print(ret); print(rets.0); print(retval); }",
        expect![[r#"
        error: `elapsed` means nothing here
         --> 1:24
          |
        1 | go:main.fib { @ = hist(elapsed); print(ret); print(rets.0); print(retval); }
          |                        ^^^^^^^
          = help: it does where a call of a Go function returns, `goret:FUNC`, and in `syscall:exit`

        error: `ret` means nothing here
         --> 1:40
          |
        1 | go:main.fib { @ = hist(elapsed); print(ret); print(rets.0); print(retval); }
          |                                        ^^^
          = help: it does where a call of a Go function returns: `goret:FUNC`

        error: `rets` means nothing here
         --> 1:52
          |
        1 | go:main.fib { @ = hist(elapsed); print(ret); print(rets.0); print(retval); }
          |                                                    ^^^^^^
          = help: it does where a call of a Go function returns: `goret:FUNC`

        error: `retval` means nothing here
         --> 1:67
          |
        1 | go:main.fib { @ = hist(elapsed); print(ret); print(rets.0); print(retval); }
          |                                                                   ^^^^^^
          = help: it does where a call returns: `goret:FUNC`, `uretprobe:BIN:FUNC`
    "#]],
    );
}
