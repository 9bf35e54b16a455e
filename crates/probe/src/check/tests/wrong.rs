use bpf::Source;
use expect_test::{Expect, expect};
use gobin::Arch;

use crate::check::compile;
use crate::diagnostic::render;
use crate::target::HookKind;
use crate::target::fake::Fake;

/// A wrong text, and all that is told about it.
fn check(text: &str, want: Expect) {
    check_in(&Fake::new(Arch::Amd64), text, want);
}

fn check_in(world: &Fake, text: &str, want: Expect) {
    let source = Source { name: String::new(), text: text.to_owned() };
    let checked = compile(&source, &[], world);
    assert!(checked.plan.is_none(), "{text} is not wrong");
    want.assert_eq(&render(&checked.messages, &source));
}

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

#[test]
fn functions_take_what_they_take() {
    check(
        r#"BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }"#,
        expect![[r#"
            error: `printf` is given 0 arguments
             --> 1:9
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |         ^^^^^^^^
              = help: it is written `printf("FORMAT", VALUE, …)`

            error: `str` is given 0 arguments
             --> 1:25
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |                         ^^^^^
              = help: it is written `str(TEXT [, LENGTH])`

            error: `hist` is given 0 arguments
             --> 1:38
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |                                      ^^^^^^
              = help: it is written `hist(INT [, K])`

            error: `lhist` is given 2 arguments
             --> 1:51
              |
            1 | …intf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000…
              |                                          ^^^^^^^^^^^
              = help: it is written `lhist(INT, MIN, MAX, STEP)`

            error: `exit` is given 2 arguments
             --> 1:64
              |
            1 | …(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e =…
              |                                          ^^^^^^^^^^
              = help: it is written `exit([STATUS])`

            error: this text has to stand in the script, in quotes
             --> 1:81
              |
            1 | …t(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f =…
              |                                          ^

            error: the smallest value lies below the largest
             --> 1:99
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                ^^^^^^^^

            error: this makes 1000000 buckets, at most 1000 are possible
             --> 1:124
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                         ^^^^^^^^^^^^^

            error: this has to lie between 0 and 5
             --> 1:153
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                                                      ^

            error: what `sum` is given is an integer, and this is text
             --> 1:166
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                                                                   ^^^
        "#]],
    );
}

#[test]
fn formats_fit_their_values() {
    check(
        r#"go:main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }"#,
        expect![[r#"
            error: `%d` takes a number, this is a string
             --> 1:36
              |
            1 | go:main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2))…
              |                                    ^^^^^^
              = help: write `%s`

            error: `%s` takes a string, this is a number
             --> 1:44
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                          ^^^^^^
              = help: write `%d`

            error: the format takes 1 argument, but 0 are given
             --> 1:60
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                          ^^^^^^
              = help: nothing is there for `%d`; a percent sign is `%%`

            error: the format takes 0 arguments, but 1 is given
             --> 1:81
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                               ^

            error: this text has to stand in the script, in quotes
             --> 1:92
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                                          ^^^^^^

            error: `%d` takes a number, this is a tuple
             --> 1:114
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                                                                ^^^^^^
              = help: write `%v`
        "#]],
    );
}

#[test]
fn operators_take_integers() {
    check(
        r#"go:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }"#,
        expect![[r#"
            error: `+` takes integers, and this is text
             --> 1:24
              |
            1 | go:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + c…
              |                        ^^^^^^

            error: `<` does not compare text with text, `==` and `!=` do
             --> 1:43
              |
            1 | …:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + com…
              |                                          ^^^^^^^^^^

            error: text is not compared with an integer
             --> 1:62
              |
            1 | …t(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $…
              |                                          ^^^^^^^^^

            error: what follows `-` is an integer, and this is text
             --> 1:81
              |
            1 | …t(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << …
              |                                          ^^^^

            error: a condition is an integer, and this is text
             --> 1:95
              |
            1 | … print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm)…
              |                                          ^^^^
              = help: texts are compared: `… == "…"`

            error: `+` takes integers, and this is text
             --> 1:120
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                             ^^^^

            error: this divides by zero
             --> 1:137
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                              ^

            error: `$x` has no value here
             --> 1:141
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                  ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: integers have 64 bits: they are shifted by 0 to 63
             --> 1:161
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                                      ^^

            error: a condition is an integer, and this is text
             --> 1:169
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                                              ^^^^^^
              = help: texts are compared: `… == "…"`
        "#]],
    );
}

#[test]
fn names_are_compared_with_what_there_is() {
    check(
        r#"go:main.fib { print(waitreason == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }"#,
        expect![[r#"
            error: `chan recieve` is no reason to wait of this Go version
             --> 1:35
              |
            1 | go:main.fib { print(waitreason == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); prin…
              |                                   ^^^^^^^^^^^^^^
              = help: did you mean `chan receive`?

            error: `sleeping` is no state of goroutines of this Go version
             --> 1:69
              |
            1 | …on == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustac…
              |                                          ^^^^^^^^^^
              = help: there are `idle`, `runnable`, `running`, `syscall`, `waiting`, `moribund_unused`, `dead`, `enqueue_unused`, `copystack` and `preempted`

            error: there is no function `main.wroker`
             --> 1:101
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                              ^^^^^^^^^^^^^
              = help: did you mean `main.worker`?

            error: a function is compared with a text that stands in the script
             --> 1:131
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                                                            ^^^^

            error: a stack is not compared with text
             --> 1:154
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                                                                                   ^^^
        "#]],
    );
}

#[test]
fn casts_are_to_integers() {
    check(
        r#"BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }"#,
        expect![[r#"
        error: there is no word `uint23`
         --> 1:15
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |               ^^^^^^^^

        error: `)` is missing behind the arguments, `1` stands there
         --> 1:23
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                       ^

        error: to what this points is not known
         --> 1:33
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                 ^^
          = help: say what it points to: `*(uint64 *)…`

        error: only integers are cast, and this is text
         --> 1:51
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                   ^^^

        error: this is no pointer
         --> 1:65
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                                 ^^^^^
          = help: `*(uint8 *)…` reads one

        error: the memory of a program is not there: no program runs here
         --> 1:81
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                                                 ^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn what_does_nothing_is_told() {
    check(
        r#"BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }"#,
        expect![[r#"
        error: this does nothing
         --> 1:9
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |         ^
          = help: `print(…)` shows a value

        error: this does nothing
         --> 1:12
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |            ^^^
          = help: `print(…)` shows a value

        error: nothing is ever assigned to `@x`
         --> 1:17
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                 ^^^^^

        error: this does nothing
         --> 1:24
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                        ^^^^^^^^
          = help: `print(…)` shows a value

        error: only variables and maps are assigned to
         --> 1:34
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                                  ^
          = help: `$x = …`, `@m[key] = …`

        error: only variables and maps are counted
         --> 1:41
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                                         ^^^
          = help: `$x++`, `@m[k]--`
    "#]],
    );
}

#[test]
fn limits_are_told() {
    check(
        "BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }\ngo:main.handle { @[str(args.s), comm, args.r.Name, str(args.r.Name, 1), str(args.s, 2), str(args.s, 3), str(args.s, 4), str(args.s, 5)] = count(); }",
        expect![[r#"
            error: this has to lie between 1 and 100
             --> 1:16
              |
            1 | BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }
              |                ^^^^^

            error: the memory of a program is not there: no program runs here
             --> 1:72
              |
            1 | BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }
              |                                                                        ^^^^^^^^^^^^

            error: this key has 576 bytes, and at most 512 are possible
             --> 2:18
              |
            2 | go:main.handle { @[str(args.s), comm, args.r.Name, str(args.r.Name, 1), str(args.s, 2), str(args.s, 3), str(args.s, 4), …
              |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
}

#[test]
fn registers_have_names() {
    check(
        r#"go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }"#,
        expect![[r#"
        error: amd64 has no register `eax` that a probe is shown
         --> 1:25
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                         ^^^^^
          = help: did you mean `ax`?

        error: amd64 has no register `x0` that a probe is shown
         --> 1:44
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                            ^^^^
          = help: there are `ax`, `bx`, `cx`, `dx`, `si`, `di`, `bp`, `sp`, `r8`, `r9`, `r10`, `r11`, `r12`, `r13`, `r14`, `r15`, `ip`, `flags`, `cs`, `ss` and `orig_ax`

        error: this text has to stand in the script, in quotes
         --> 1:62
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                              ^^^^

        error: there is no register for argument 9
         --> 1:76
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                                            ^^^^
          = help: arguments without a register are on the stack: sarg0, …

        error: no function has so many arguments
         --> 1:89
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                                                         ^^^^^^^
    "#]],
    );
}

#[test]
fn too_much_is_kept_for_returns() {
    check(
        "goret:main.small { print(args.n); print(args.ok); print(args.p); print(*args.p); print(args.xs[0]); print(args.xs[1]); print(args.xs[2]); }",
        expect![[r#"
            error: returns of `main.small` want 7 values of the call's beginning, at most 6 are kept
             --> 1:1
              |
            1 | goret:main.small { print(args.n); print(args.ok); print(args.p); print(*args.p); print(args.xs[0]); print(args.xs[1]); p…
              | ^^^^^^^^^^^^^^^^
              = help: keep others in maps where the call begins: `@x[goid] = …`
        "#]],
    );
}

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
fn a_clause_may_become_only_so_much_code() {
    check(
        "go:main.handle { unroll (100) { @a[args.s] = max(args.r.ID); @b = args.s; } }",
        expect![[r#"
            error: this becomes 26471 instructions, the kernel takes 15000 of one clause
             --> 1:1
              |
            1 | go:main.handle { unroll (100) { @a[args.s] = max(args.r.ID); @b = args.s; } }
              | ^^^^^^^^^^^^^^
              = help: what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`
        "#]],
    );
}

#[test]
fn what_runs_at_one_place_may_have_only_so_many_ways() {
    let clause = "go:main.handle { unroll (40) { @a[args.s] = max(args.r.ID); } }\n";
    check(
        &clause.repeat(20),
        expect![[r#"
            error: what runs here makes 19220 conditional jumps, the kernel follows 7000 at one place
              --> 20:1
               |
            20 | go:main.handle { unroll (40) { @a[args.s] = max(args.r.ID); } }
               | ^^^^^^^^^^^^^^
               = help: what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`
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
