use expect_test::{Expect, expect};
use gobin::Arch;
use plan::Source;

use super::{Checked, compile};
use crate::diagnostic::render;
use crate::fakes::Fake;
use crate::words::{PROBES, ROWS};
use plan::target::HookKind;

mod expressions;
mod foreign;
mod generated;
mod matching;
mod numbered;
mod wrong;

fn source(text: &str) -> Source {
    Source { name: String::new(), text: text.to_owned() }
}

fn run(text: &str, params: &[&str]) -> (Checked, String) {
    let params: Vec<String> = params.iter().map(|p| (*p).to_owned()).collect();
    let source = source(text);
    let checked = compile(&source, &params, &Fake::new(Arch::Amd64));
    let shown = render(&checked.messages, &source);
    (checked, shown)
}

/// The plan and what is told about it.
fn check(text: &str, want: Expect) {
    let (checked, told) = run(text, &[]);
    let plan = checked.plan.map_or_else(String::new, |plan| plan.to_string());
    want.assert_eq(&format!("{told}{plan}"));
}

/// The bodies of the plan, and its maps.
fn check_bodies(text: &str, want: Expect) {
    let (checked, told) = run(text, &["7", "app"]);
    let plan = checked.plan.map_or_else(String::new, |plan| plan.to_string());
    let lines = plan.lines().skip_while(|line| !line.starts_with("map ") && !line.starts_with("body "));
    let lines: Vec<&str> = lines.collect();
    want.assert_eq(&format!("{told}{}", lines.join("\n")));
}

/// The variants, in which places stand.
fn check_places(text: &str, want: Expect) {
    let (checked, told) = run(text, &[]);
    let plan = checked.plan.map_or_else(String::new, |plan| plan.to_string());
    let shown = ["variant ", "  reads ", "save ", "site "];
    let lines = plan.lines().filter(|line| shown.iter().any(|start| line.starts_with(start)));
    want.assert_eq(&format!("{told}{}", lines.collect::<Vec<_>>().join("\n")));
}

#[test]
fn a_call_has_an_entry_site_and_a_body() {
    check(
        "go:main.fib { @[args.n] = count(); }",
        expect![[r#"
            point 0: go:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go
            func 0: main.fib at 0x401100 in binary 0
            site func 0+0x6 file +0x1106 emulated entry group 0
            group 0: variant 0 for point 0
            variant 0: body 0 (ax#0:i64)
            map 0: @[i64] count (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              add to @[args.n:i64]
        "#]],
    );
}

/// What is said before calls are paired in a program with these hooks.
fn check_cautions(text: &str, hooks: &'static [HookKind], want: Expect) {
    let checked = compile(&source(text), &[], &Fake::with_hooks(Arch::Amd64, hooks));
    want.assert_eq(&checked.plan.unwrap().cautions().join("\n"));
}

#[test]
fn a_runtime_that_lacks_what_pairing_needs_is_told_of_beforehand() {
    let all = &[HookKind::Recovery, HookKind::GoroutineEnd, HookKind::CopyStack];
    let paired = "goret:main.fib { @ = hist(elapsed) }";
    check_cautions(paired, all, expect![""]);
    check_cautions(
        paired,
        &[],
        expect![[r#"
        calls that a recovered panic ends are found out late and counted as unended; returns still pair (the program has no runtime.recovery)
        calls that end with their goroutine are found out late and counted as unended or open; returns still pair, but each hit takes longer (the program has no runtime.gdestroy)
        it is not seen when a stack moves; calls still pair, but each hit takes longer (the program has no runtime.copystack)"#]],
    );
    check_cautions(
        "uretprobe:/bin/app:main.fib { @ = hist(elapsed) }",
        &[HookKind::Recovery],
        expect![[r#"
        /bin/app: calls that end with their goroutine are found out late and counted as unended or open; returns still pair, but each hit takes longer (the program has no runtime.gdestroy)
        /bin/app: it is not seen when a stack moves; calls still pair, but each hit takes longer (the program has no runtime.copystack)"#]],
    );
    // Where nothing is paired nothing is missing.
    check_cautions("goret:main.fib { @h = hist(ret) } go:main.fib { @[goid] = count() }", &[], expect![""]);
}

#[test]
fn that_nothing_says_whether_calls_fail_is_told_beforehand() {
    let all = &[HookKind::Recovery, HookKind::GoroutineEnd, HookKind::CopyStack];
    check_cautions(
        "goret:main.undescribed /failed/ { @ = count() }",
        all,
        expect![
            "whether calls of main.undescribed fail is not known, since nothing says what it returns; a signature behind the name does: 'main.undescribed(n int) error'"
        ],
    );
    check_cautions("goret:main.handle, goret:main.fib /failed/ { @ = count() }", all, expect![""]);
}

#[test]
fn what_is_kept_by_thread_from_call_to_return_is_told_of() {
    let all = &[HookKind::Recovery, HookKind::GoroutineEnd, HookKind::CopyStack];
    let check = |text: &str, want: Expect| check_cautions(text, all, want);
    check(
        "go:main.fib { @start[tid] = nsecs } goret:main.fib /@start[tid]/ { @ = hist(nsecs - @start[tid]); delete(@start[tid]) }",
        expect![
            "@start is kept by `tid`, and a goroutine may return on another thread than it called on: `goid` stays the same, and `elapsed` needs no map"
        ],
    );
    check(
        "go:main.fib { @n[func, tid]++; @s[pid, tid % 8] = 1 } goret:main.fib { if (1) { print(@n[func, tid]); delete(@s[pid, tid % 8]) } }",
        expect![
            "@n, @s are kept by `tid`, and a goroutine may return on another thread than it called on: `goid` stays the same, and `elapsed` needs no map"
        ],
    );
    // Who counts by thread wants to know of threads; and calls of the kernel stay on theirs.
    check("go:main.fib { @[tid] = count(); @last[tid] = nsecs; @gap = hist(nsecs - @last[tid]) }", expect![""]);
    check("go:main.fib { @start[goid] = nsecs } goret:main.fib { @ = hist(nsecs - @start[goid]) }", expect![""]);
    check(
        "tracepoint:sched:sched_switch { @start[tid] = nsecs } tracepoint:sched:sched_switch { @ = hist(nsecs - @start[tid]) }",
        expect![""],
    );
}

#[test]
fn a_return_has_a_site_for_each_of_its_ends() {
    check(
        "goret:main.fib /ret > 10/ { printf(\"%d\\n\", ret); }",
        expect![[r#"
            point 0: goret:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go
            func 0: main.fib at 0x401100 in binary 0
            site func 0+0x20 file +0x1120 emulated return group 0
            site func 0+0x40 file +0x1140 stepped return group 0
            group 0: variant 0 for point 0
            variant 0: body 0 (ax:i64)
            body 0: clause 0 on a Go return
              reads ret: i64
              /(ret:i64 > 10):i64/
              printf "%d\n" ret:i64
        "#]],
    );
}

#[test]
fn calls_that_were_inlined_have_a_site_where_each_begins() {
    check(
        "inlined:main.tiny /args.n > 3/ { @ = count() }",
        expect![[r#"
        point 0: inlined:main.tiny: matched 2, attached 1
          skipped main.tiny: where `n` of `main.tiny` is passed is not known
        binary 0: "" go
        func 0: main.tiny at 0x401000 in binary 0 inlined into main.main at /src/main.go:12
        site func 0+0x0 file +0x1000 emulated entry group 0 sp+16
        group 0: variant 0 for point 0
        variant 0: body 0 (dx#9:i64)
        map 0: @[] count (4096)
        body 0: clause 0 on an inlined Go call
          reads args.n: i64
          /(args.n:i64 > 3):i64/
          add to @
    "#]],
    );
}

#[test]
fn an_instruction_where_several_begin_has_one_site() {
    check(
        "go:main.main, inlined:main.tiny, inlined:main.fib { @[func] = count() }",
        expect![[r#"
        point 0: go:main.main: matched 1, attached 1
        point 1: inlined:main.tiny: matched 2, attached 2
        point 2: inlined:main.fib: matched 2, attached 1
          skipped main.fib: inlined into main.main at main.go:30: nothing of it is bound to its place, so its code may run where it is not called
        binary 0: "" go
        func 0: main.main at 0x401000 in binary 0
        func 1: main.tiny at 0x401000 in binary 0 inlined into main.main at /src/main.go:12
        func 2: main.tiny at 0x401000 in binary 0 inlined into main.main at /src/main.go:14
        func 3: main.fib at 0x401000 in binary 0 inlined into main.main at /src/main.go:13
        site func 0+0x6 file +0x1006 emulated entry group 0
        site func 1+0x0 file +0x1000 emulated entry group 1 sp+16
        site func 2+0x4 file +0x1004 emulated entry group 1 sp+16 also func 3 group 2 sp+16
        group 0: variant 0 for point 0
        group 1: variant 1 for point 1
        group 2: variant 1 for point 2
        variant 0: body 0 ()
        variant 1: body 1 ()
        map 0: @[func] count (4096)
        body 0: clause 0 on a Go call
          add to @[func:func]
        body 1: clause 0 on an inlined Go call
          add to @[func:func]
    "#]],
    );
}

#[test]
fn calls_that_return_and_those_that_were_inlined_are_recorded_by_one_clause() {
    check(
        "goret:main.fib, inlined:main.fib { call() }",
        expect![[r#"
            point 0: goret:main.fib: matched 1, attached 1
            point 1: inlined:main.fib: matched 2, attached 1
              skipped main.fib: inlined into main.main at main.go:30: nothing of it is bound to its place, so its code may run where it is not called
            point 2: 
            binary 0: "" go, runtime
            func 0: main.fib at 0x401000 in binary 0 frames inlined into main.main at /src/main.go:13
            func 1: main.fib at 0x401100 in binary 0 frames
            site func 0+0x4 file +0x1004 emulated entry group 0 sp+16
            site func 0+0x10 file +0x1010 emulated return group 1
            site func 0+0x28 file +0x1028 emulated return group 1
            site func 1+0x6 file +0x1106 emulated entry group 2
            site func 1+0x20 file +0x1120 emulated return group 3
            site func 1+0x40 file +0x1140 stepped return group 3
            group 0: variant 2 for point 1
            group 1: variant 1 for point 1
            group 2: variant 3 for point 0
            group 3: variant 0 for point 0
            variant 0: body 0 ()
            variant 1: body 2 ()
            variant 2: body 1 ()
            variant 3: body 3 ()
            body 0: clause 0 on a Go return
              call returns
            body 1: clause 1 on an inlined Go call
              call begins
            body 2: clause 1 on a Go return
              call ends
            body 3: clause 2 on a Go call
              call begins
            records calls of 2 functions
            needs frames, goid
        "#]],
    );
    check(
        "goret:main.tiny, inlined:main.tiny { call() }",
        expect![[r#"
            point 0: goret:main.tiny
            point 1: inlined:main.tiny: matched 2, attached 2
            point 2: 
            binary 0: "" go, runtime
            func 0: main.tiny at 0x401000 in binary 0 inlined into main.main at /src/main.go:12
            func 1: main.tiny at 0x401000 in binary 0 inlined into main.main at /src/main.go:14
            site func 0+0x0 file +0x1000 emulated entry group 0 sp+16
            site func 1+0x4 file +0x1004 emulated entry group 0 sp+16
            group 0: variant 0 for point 1
            variant 0: body 0 ()
            body 0: clause 1 on an inlined Go call
              call
            records calls of 2 functions
            needs goid
        "#]],
    );
}

#[test]
fn a_duration_pairs_calls_with_returns() {
    check(
        "goret:main.fib { @ns[func] = hist(elapsed); }",
        expect![[r#"
            point 0: goret:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go, runtime
            func 0: main.fib at 0x401100 in binary 0 frames
            site func 0+0x6 file +0x1106 emulated entry
            site func 0+0x20 file +0x1120 emulated return group 0
            site func 0+0x40 file +0x1140 stepped return group 0
            group 0: variant 0 for point 0
            variant 0: body 0 ()
            map 0: @ns[func] hist (4096)
            body 0: clause 0 on a Go return
              add to @ns[func:func] elapsed:u64
            needs frames
        "#]],
    );
}

#[test]
fn a_pattern_makes_one_group_of_all_functions() {
    check(
        "go:main.* { @calls[func] = count(); }",
        expect![[r#"
            point 0: go:main.*: matched 18, attached 17
              skipped main.asm: written in assembly: its arguments and its g register follow no rule that gospect knows
              not seen: main.tiny inlined into main.main at /src/main.go:12
              not seen: main.tiny inlined into main.main at /src/main.go:14
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go
            func 0: main.main at 0x401000 in binary 0
            func 1: main.fib at 0x401100 in binary 0
            func 2: main.handle at 0x401200 in binary 0
            func 3: main.small at 0x401300 in binary 0
            func 4: main.other at 0x401400 in binary 0
            func 5: main.floats at 0x401500 in binary 0
            func 6: main.many at 0x401600 in binary 0
            func 7: main.wide at 0x401700 in binary 0
            func 8: main.swapped at 0x401800 in binary 0
            func 9: main.forward at 0x401900 in binary 0
            func 10: main.forever at 0x401a00 in binary 0
            func 11: main.undescribed at 0x401c00 in binary 0
            func 12: main.(*Server).Serve at 0x401d00 in binary 0
            func 13: main.(*Server).Close at 0x401e00 in binary 0
            func 14: main.Map[...] at 0x402000 in binary 0
            func 15: main.worker at 0x402100 in binary 0
            func 16: main.Map[...].func1 at 0x402400 in binary 0
            site func 0+0x6 file +0x1006 emulated entry group 0
            site func 1+0x6 file +0x1106 emulated entry group 0
            site func 2+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
            site func 3+0x6 file +0x1306 emulated entry group 0
            site func 4+0x6 file +0x1406 emulated entry group 0
            site func 5+0x6 file +0x1506 emulated entry group 0
            site func 6+0x6 file +0x1606 emulated entry group 0
            site func 7+0x6 file +0x1706 emulated entry group 0
            site func 8+0x6 file +0x1806 emulated entry group 0
            site func 9+0x6 file +0x1906 emulated entry group 0
            site func 10+0x6 file +0x1a06 emulated entry group 0
            site func 11+0x6 file +0x1c06 emulated entry group 0
            site func 12+0x6 file +0x1d06 emulated entry group 0
            site func 13+0x6 file +0x1e06 emulated entry group 0
            site func 14+0x6 file +0x2006 emulated entry group 0
            site func 15+0x6 file +0x2106 emulated entry group 0
            site func 16+0x6 file +0x2406 emulated entry group 0
            group 0: variant 0 for point 0
            variant 0: body 0 ()
            map 0: @calls[func] count (4096)
            body 0: clause 0 on a Go call
              add to @calls[func:func]
        "#]],
    );
}

#[test]
fn functions_of_equal_types_share_a_body_and_of_equal_places_a_variant() {
    check(
        "go:main.* { @[func] = sum(args.n); }",
        expect![[r#"
            point 0: go:main.*: matched 18, attached 12
              skipped main.asm: written in assembly: its arguments and its g register follow no rule that gospect knows
              skipped main.main: `main.main` has no argument `n`
              skipped main.many: `main.many` has no argument `n`
              skipped main.undescribed: the arguments of `main.undescribed` are not known: DWARF does not describe it
              skipped main.(*Server).Close: `main.(*Server).Close` has no argument `n`
              skipped main.worker: `main.worker` has no argument `n`
              not seen: main.tiny inlined into main.main at /src/main.go:12
              not seen: main.tiny inlined into main.main at /src/main.go:14
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go
            func 0: main.fib at 0x401100 in binary 0
            func 1: main.handle at 0x401200 in binary 0
            func 2: main.small at 0x401300 in binary 0
            func 3: main.other at 0x401400 in binary 0
            func 4: main.floats at 0x401500 in binary 0
            func 5: main.wide at 0x401700 in binary 0
            func 6: main.swapped at 0x401800 in binary 0
            func 7: main.forward at 0x401900 in binary 0
            func 8: main.forever at 0x401a00 in binary 0
            func 9: main.(*Server).Serve at 0x401d00 in binary 0
            func 10: main.Map[...] at 0x402000 in binary 0
            func 11: main.Map[...].func1 at 0x402400 in binary 0
            site func 0+0x6 file +0x1106 emulated entry group 0
            site func 1+0x6 file +0x1206 emulated entry group 1 restored 0b1 behind +0x50
            site func 2+0x6 file +0x1306 emulated entry group 2
            site func 3+0x6 file +0x1406 emulated entry group 3
            site func 4+0x6 file +0x1506 emulated entry group 0
            site func 5+0x6 file +0x1706 emulated entry group 0
            site func 6+0x6 file +0x1806 emulated entry group 0
            site func 7+0x6 file +0x1906 emulated entry group 0
            site func 8+0x6 file +0x1a06 emulated entry group 0
            site func 9+0x6 file +0x1d06 emulated entry group 1
            site func 10+0x6 file +0x2006 emulated entry group 4
            site func 11+0x6 file +0x2406 emulated entry group 0
            group 0: variant 0 for point 0
            group 1: variant 1 for point 0
            group 2: variant 3 for point 0
            group 3: variant 4 for point 0
            group 4: variant 2 for point 0
            variant 0: body 0 (ax#0:i64)
            variant 1: body 0 (di#3:i64)
            variant 2: body 0 (bx#1:i64)
            variant 3: body 1 (ax#0:i8)
            variant 4: body 2 (cx#2:u32)
            map 0: @[func] sum i (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              add to @[func:func] args.n:i64
            body 1: clause 0 on a Go call
              reads args.n: i8
              add to @[func:func] args.n:i8
            body 2: clause 0 on a Go call
              reads args.n: u32
              add to @[func:func] args.n:u32
        "#]],
    );
}

#[test]
fn a_jump_to_another_function_has_no_results_yet() {
    check(
        "goret:main.forward { @[ret] = count(); @ns = sum(elapsed); }",
        expect![[r#"
        point 0: goret:main.forward: matched 1, attached 1
        binary 0: "" go, runtime
        func 0: main.forward at 0x401900 in binary 0 frames
        site func 0+0x6 file +0x1906 emulated entry
        site func 0+0x30 file +0x1930 emulated jump group 1
        group 0: variant 0 for point 0
        group 1: variant 1 for point 0
        variant 0: body 0 (ax:i64)
        variant 1: body 0 (unreadable)
        map 0: @[i64] count (4096)
        map 1: @ns[] sum u (4096)
        body 0: clause 0 on a Go return
          reads ret: i64
          add to @[ret:i64]
          add to @ns elapsed:u64
        needs frames
    "#]],
    );
}

#[test]
fn a_return_keeps_what_the_call_began_with() {
    check(
        "goret:main.handle /args.n > 3 && rets.err != nil/ { printf(\"%d %s %d\\n\", args.n, args.s, args.r.ID); }",
        expect![[r#"
            point 0: goret:main.handle: matched 1, attached 1
            binary 0: "" go, runtime
            func 0: main.handle at 0x401200 in binary 0 frames
            site func 0+0x6 file +0x1206 emulated entry save 0 restored 0b1 behind +0x50
            site func 0+0x20 file +0x1220 emulated return group 0
            site func 0+0x40 file +0x1240 stepped return group 0
            group 0: variant 0 for point 0
            variant 0: body 0 (saved 0, bx:u64, saved text 1, saved 10)
            save 0: di#3:i64, text at bx#1:u64, length cx#2:i64, ax#0→0:i64
            body 0: clause 0 on a Go return
              reads args.n: i64
              reads rets.err == nil: u64
              reads args.s: str64
              reads args.r.ID: i64
              /((args.n:i64 > 3):i64 && (rets.err == nil:u64 != 0):i64):i64/
              printf "%d %s %d\n" args.n:i64, args.s:str64, args.r.ID:i64
            needs frames
        "#]],
    );
}

#[test]
fn clauses_on_one_site_run_in_the_order_of_the_text() {
    check(
        "go:main.fib { @a = count(); } go:main.*b, go:main.fib { @b = count(); } uprobe:/bin/app:main.fib { @c = count(); }",
        expect![[r#"
            point 0: go:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 1: go:main.*b: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 2: go:main.fib: matched 1, attached 0
              skipped main.fib: another attach point of the same clause has it already
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 3: uprobe:/bin/app:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "" go
            func 0: main.fib at 0x401100 in binary 0
            site func 0+0x6 file +0x1106 emulated entry group 0
            group 0: variant 0 for point 0, variant 1 for point 1, variant 2 for point 3
            variant 0: body 0 ()
            variant 1: body 1 ()
            variant 2: body 2 ()
            map 0: @a[] count (4096)
            map 1: @b[] count (4096)
            map 2: @c[] count (4096)
            body 0: clause 0 on a Go call
              add to @a
            body 1: clause 1 on a Go call
              add to @b
            body 2: clause 2 on a Go call
              add to @c
        "#]],
    );
}

#[test]
fn single_instructions_are_sites_too() {
    check(
        "uprobe:/bin/app:main.fib+0x10, uprobe:/bin/app:0x401212, u:/bin/app:0x401200 { @ = count(); }",
        expect![[r#"
            point 0: uprobe:/bin/app:main.fib+0x10: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 1: uprobe:/bin/app:0x401212: matched 1, attached 1
            point 2: u:/bin/app:0x401200: matched 1, attached 1
            binary 0: "/bin/app" go
            func 0: main.fib at 0x401100 in binary 0
            func 1: main.handle at 0x401200 in binary 0
            site func 0+0x10 file +0x1110 stepped here group 0
            site func 1+0x6 file +0x1206 emulated entry group 1 restored 0b1 behind +0x50
            site func 1+0x12 file +0x1212 stepped here group 2
            group 0: variant 0 for point 0
            group 1: variant 1 for point 2
            group 2: variant 0 for point 1
            variant 0: body 0 ()
            variant 1: body 1 ()
            map 0: @[] count (4096)
            body 0: clause 0 on a Go instruction
              add to @
            body 1: clause 0 on a Go call
              add to @
        "#]],
    );
}

#[test]
fn other_programs_have_native_probes() {
    check(
        "uprobe:/lib/libc.so.6:malloc { @[arg0] = count(); } uretprobe:/lib/libc.so.6:malloc { @r = max(retval); }",
        expect![[r#"
            point 0: uprobe:/lib/libc.so.6:malloc: matched 1, attached 1
            point 1: uretprobe:/lib/libc.so.6:malloc: matched 1, attached 1
            binary 0: "/lib/libc.so.6" native
            func 0: malloc at 0x401000 in binary 0
            site func 0+0x0 file +0x1000  entry group 0
            site func 0+0x0 file +0x1000  uretprobe return group 1
            group 0: variant 0 for point 0
            group 1: variant 1 for point 1
            variant 0: body 0 ()
            variant 1: body 1 ()
            map 0: @[u64] count (4096)
            map 1: @r[] max u (4096)
            body 0: clause 0 on native code
              add to @[reg di:u64]
            body 1: clause 1 on a native return
              add to @r reg ax:u64
        "#]],
    );
}

#[test]
fn system_calls_are_seen_where_they_are_made_and_where_they_are_answered() {
    check(
        "syscall:enter { @[args.goid, args.nr] = count(); } syscall:exit /args.ret < 0/ { @ns[probe] = sum(elapsed); }",
        expect![[r#"
            point 0: syscall:enter: matched 1, attached 1
            point 1: syscall:exit: matched 1, attached 1
            binary 0: "" go, runtime
            func 0: main.asm at 0x401b00 in binary 0
            site func 0 at 0x401130 file +0x1130 emulated syscall Enter kept here group 0
            site func 0 at 0x401b14 file +0x1b14 emulated syscall Exit kept here group 1
            site func 0 at 0x402130 file +0x2130 emulated syscall Enter kept here group 0
            group 0: variant 0 for point 0
            group 1: variant 1 for point 1
            variant 0: body 0 ()
            variant 1: body 1 ()
            map 0: @[u64, u64] count (4096)
            map 1: @ns[probe] sum u (4096)
            body 0: clause 0 on system calls Enter
              add to @[event Caller:u64, event Nr:u64]
            body 1: clause 1 on system calls Exit
              /(event Ret:i64 < 0):i64/
              add to @ns[probe:probe] elapsed:u64
            needs goid
        "#]],
    );
    check(
        "syscall:enter { @ = count(); }",
        expect![[r#"
        point 0: syscall:enter: matched 1, attached 1
        binary 0: "" go
        func 0: main.asm at 0x401b00 in binary 0
        site func 0 at 0x401130 file +0x1130 emulated syscall Enter here group 0
        site func 0 at 0x402130 file +0x2130 emulated syscall Enter here group 0
        group 0: variant 0 for point 0
        variant 0: body 0 ()
        map 0: @[] count (4096)
        body 0: clause 0 on system calls Enter
          add to @
    "#]],
    );
}

#[test]
fn events_need_no_site() {
    check(
        "BEGIN { @x = 1; } END { clear(@x); } interval:ms:100 { print(@x); } profile:hz:99 { @s[ustack] = count(); }
         tracepoint:sched:sched_switch { @c[args.prev_comm] = sum(args.prev_state); }
         tracepoint:sched:sched_process_exec { print(args.filename); }
         goroutine:state { @t[args.from, args.to, args.reason] = sum(args.for); }
         goroutine:create { @p[args.parent, args.startfunc] = count(); } goroutine:exit { print(args.goid); }",
        expect![[r#"
            point 0: BEGIN
            point 1: END
            point 2: interval:ms:100
            point 3: profile:hz:99
            point 4: tracepoint:sched:sched_switch
            point 5: tracepoint:sched:sched_process_exec
            point 6: goroutine:state
            point 7: goroutine:create
            point 8: goroutine:exit
            binary 0: "" go, runtime
            event BEGIN: group 0
            event END: group 1
            event interval 100000000ns: group 2
            event profile 99hz: group 3
            event tracepoint sched:sched_switch: group 4
            event tracepoint sched:sched_process_exec: group 5
            event goroutine State of binary 0: group 6
            event goroutine Create of binary 0: group 7
            event goroutine Exit of binary 0: group 8
            group 0: variant 0 for point 0
            group 1: variant 1 for point 1
            group 2: variant 2 for point 2
            group 3: variant 3 for point 3
            group 4: variant 4 for point 4
            group 5: variant 5 for point 5
            group 6: variant 6 for point 6
            group 7: variant 7 for point 7
            group 8: variant 8 for point 8
            variant 0: body 0 ()
            variant 1: body 1 ()
            variant 2: body 2 ()
            variant 3: body 3 ()
            variant 4: body 4 ()
            variant 5: body 5 ()
            variant 6: body 6 ()
            variant 7: body 7 ()
            variant 8: body 8 ()
            map 0: @x[] i64 (4096)
            map 1: @s[ustack32] count (4096)
            map 2: @c[str64] sum i (4096)
            map 3: @t[gostate, gostate, waitreason] sum u (4096)
            map 4: @p[u64, startfunc] count (4096)
            body 0: clause 0 on nothing
              @x = 1
            body 1: clause 1 on nothing
              clear @x
            body 2: clause 2 on an interval
              print @x top 0 div 1
            body 3: clause 3 on a profile
              add to @s[ustack:ustack32]
            body 4: clause 4 on a tracepoint
              add to @c[chars+8[16]:str16] field+32:i64
            body 5: clause 5 on a tracepoint
              print data_loc+8:str256
            body 6: clause 6 on goroutine State
              add to @t[event From:gostate, event To:gostate, event Reason:waitreason] event For:u64
            body 7: clause 7 on goroutine Create
              add to @p[event Parent:u64, event StartFunc:startfunc]
            body 8: clause 8 on goroutine Exit
              print event Goid:u64
            needs goroutines, stacks
        "#]],
    );
}

#[test]
fn what_goroutines_are_compared_with_may_be_patterns() {
    check_bodies(
        r#"goroutine:state /args.reason == "chan *" && args.startfunc == "main.*"/ { event(); }
           goroutine:state /args.to != "run*"/ { event(args.parent); }
           goroutine:exit /args.startfunc != "main.*"/ { @ = count(); }"#,
        expect![[r#"
            map 0: @[] count (4096)
            body 0: clause 0 on goroutine State
              /(((event Reason:waitreason == 1):i64 || (event Reason:waitreason == 2):i64):i64 && ((((event StartFunc:startfunc >= 4198400):i64 && (event StartFunc:startfunc <= 4201984):i64):i64 || ((event StartFunc:startfunc >= 4202496):i64 && (event StartFunc:startfunc <= 4202752):i64):i64):i64 || (event StartFunc:startfunc == 4203520):i64):i64):i64/
              event
            body 1: clause 1 on goroutine State
              /((event To:gostate != 1):i64 && (event To:gostate != 2):i64):i64/
              event, its parent
            body 2: clause 2 on goroutine Exit
              /((((event StartFunc:startfunc < 4198400):i64 || (event StartFunc:startfunc > 4201984):i64):i64 && ((event StartFunc:startfunc < 4202496):i64 || (event StartFunc:startfunc > 4202752):i64):i64):i64 && (event StartFunc:startfunc != 4203520):i64):i64/
              add to @
            needs goroutines"#]],
    );
}

#[test]
fn goroutines_are_known_in_tracepoints_by_their_thread() {
    check_bodies(
        "tracepoint:sched:sched_switch /waitreason == \"chan receive\"/ { @[goid, gostate] = count(); }",
        expect![[r#"
            map 0: @[u64, gostate] count (4096)
            body 0: clause 0 on a tracepoint
              /(waitreason:waitreason == 1):i64/
              add to @[goid:u64, gostate:gostate]
            needs goid, g of thread"#]],
    );
}

#[test]
fn scripts_of_bpftrace_mean_what_they_say() {
    let seed = include_str!("../../tests/scripts/latency.bt");
    let path = "/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server";
    let seed = seed
        .replace(path, "/bin/app")
        .replace("runtime.execute", "main.worker")
        .replace("github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute.func1", "main.handle")
        .replace("github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute", "main.(*Server).Serve")
        .replace("0x1732d60", "0x401210");
    check(
        &seed,
        expect![[r#"
        point 0: BEGIN
        point 1: uprobe:/bin/app:main.worker: matched 1, attached 1
        point 2: tracepoint:sched:sched_process_exit
        point 3: uprobe:/bin/app:"main.(*Server).Serve": matched 1, attached 1
        point 4: uprobe:/bin/app:"main.handle": matched 1, attached 1
        point 5: uprobe:/bin/app:0x401210: matched 1, attached 1
        binary 0: "/bin/app" go
        func 0: main.handle at 0x401200 in binary 0
        func 1: main.(*Server).Serve at 0x401d00 in binary 0
        func 2: main.worker at 0x402100 in binary 0
        site func 0+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
        site func 0+0x10 file +0x1210 stepped here group 1
        site func 1+0x6 file +0x1d06 emulated entry group 2
        site func 2+0x6 file +0x2106 emulated entry group 3
        event BEGIN: group 4
        event tracepoint sched:sched_process_exit: group 5
        group 0: variant 4 for point 4
        group 1: variant 5 for point 5
        group 2: variant 3 for point 3
        group 3: variant 1 for point 1
        group 4: variant 0 for point 0
        group 5: variant 2 for point 2
        variant 0: body 0 ()
        variant 1: body 1 ()
        variant 2: body 2 ()
        variant 3: body 3 ()
        variant 4: body 4 ()
        variant 5: body 5 ()
        map 0: @gids[i64] u64 (4096)
        map 1: @start0[u64, i64] u64 (4096)
        map 2: @durations[str64] hist (4096)
        body 0: clause 0 on nothing
          printf "Hit CTRL+C to end profiling\n" 
        body 1: clause 1 on a Go call
          @gids[tid:u32] = reg ax:u64
        body 2: clause 2 on a tracepoint
          delete @gids[tid:u32]
        body 3: clause 3 on a Go call
          var $gid: u64
          $gid = @gids[tid:u32]:u64
          @start0[$gid:u64, pid:u32] = nsecs:u64
        body 4: clause 4 on a Go call
          var $gid: u64
          $gid = @gids[tid:u32]:u64
          if @start0[$gid:u64, pid:u32]:u64
            printf "gid=%d tid=%d pid=%d...takes %d us\n" $gid:u64, tid:u32, pid:u32, ((nsecs:u64 - @start0[$gid:u64, pid:u32]:u64):u64 / 1000):u64
            add to @durations["dispatch"] ((nsecs:u64 - @start0[$gid:u64, pid:u32]:u64):u64 / 1000):u64
        body 5: clause 5 on a Go instruction
          var $gid: u64
          $gid = @gids[tid:u32]:u64
          if @start0[$gid:u64, pid:u32]:u64
            printf "gid=%d tid=%d pid=%d...takes %d us\n" $gid:u64, tid:u32, pid:u32, ((nsecs:u64 - @start0[$gid:u64, pid:u32]:u64):u64 / 1000):u64
            add to @durations["tso"] ((nsecs:u64 - @start0[$gid:u64, pid:u32]:u64):u64 / 1000):u64
            delete @start0[$gid:u64, pid:u32]
    "#]],
    );
    let seed = include_str!("../../tests/scripts/fibonacci.bt");
    let seed = seed.replace("/root/ebpf-study/fibonacci/main", "/bin/app").replace("main.Fibonacci", "main.fib");
    check(
        &seed,
        expect![[r#"
            point 0: uprobe:/bin/app:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 1: uretprobe:/bin/app:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "/bin/app" go
            func 0: main.fib at 0x401100 in binary 0
            site func 0+0x6 file +0x1106 emulated entry group 0
            site func 0+0x20 file +0x1120 emulated return group 1
            site func 0+0x40 file +0x1140 stepped return group 1
            group 0: variant 0 for point 0
            group 1: variant 1 for point 1
            variant 0: body 0 ()
            variant 1: body 1 (ax:u64)
            body 0: clause 0 on a Go call
              printf "%d \n" reg ax:u64
            body 1: clause 1 on a Go return
              reads retval: u64
              printf "ret %d\n" retval:u64
        "#]],
    );
    check(
        "uprobe:/bin/app:main.fib { @start[tid] = nsecs; } uretprobe:/bin/app:main.fib /@start[tid]/ { @ns[comm] = hist(nsecs - @start[tid]); delete(@start[tid]); }",
        expect![[r#"
            point 0: uprobe:/bin/app:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            point 1: uretprobe:/bin/app:main.fib: matched 1, attached 1
              not seen: main.fib inlined into main.main at /src/main.go:13
              not seen: main.fib inlined into main.main at /src/main.go:30
            binary 0: "/bin/app" go
            func 0: main.fib at 0x401100 in binary 0
            site func 0+0x6 file +0x1106 emulated entry group 0
            site func 0+0x20 file +0x1120 emulated return group 1
            site func 0+0x40 file +0x1140 stepped return group 1
            group 0: variant 0 for point 0
            group 1: variant 1 for point 1
            variant 0: body 0 ()
            variant 1: body 1 ()
            map 0: @start[i64] u64 (4096)
            map 1: @ns[str64] hist (4096)
            body 0: clause 0 on a Go call
              @start[tid:u32] = nsecs:u64
            body 1: clause 1 on a Go return
              /@start[tid:u32]:u64/
              add to @ns[comm:str16] (nsecs:u64 - @start[tid:u32]:u64):u64
              delete @start[tid:u32]
        "#]],
    );
}

#[test]
fn every_word_has_an_example_that_checks() {
    for row in ROWS {
        let (checked, told) = run(row.example, &["7"]);
        assert!(checked.plan.is_some(), "{}: {}\n{told}", row.name, row.example);
        assert!(row.example.contains(row.name.trim_end_matches('N')), "{}", row.name);
    }
    for probe in PROBES {
        let example = probe.example.replace("/usr/bin/app", "/bin/app");
        let (checked, told) = run(&format!("{example} {{ exit(); }}"), &[]);
        assert!(checked.plan.is_some(), "{example}\n{told}");
    }
}

#[test]
fn the_same_text_makes_the_same_plan() {
    let text = "go:main.* { @[func, args.n] = sum(args.n); } goret:main.* { @ns[func] = hist(elapsed); @r[args.n] = count(); }";
    let (first, _) = run(text, &[]);
    let (second, _) = run(text, &[]);
    assert!(first.plan.is_some());
    assert_eq!(first.plan, second.plan);
}

#[test]
fn probes_have_names() {
    let (checked, _) =
        run("go:main.*b { @[probe] = count(); } uprobe:/bin/app:main.fib+0x10 { @b = 1; } BEGIN { @c = 1; }", &[]);
    let plan = checked.plan.unwrap();
    let names: Vec<_> = [0, 1 << 32, 2 << 32 | 0xffff_ffff, 9 << 32].map(|n| plan.probe_name(n)).into_iter().collect();
    assert_eq!(
        names.iter().map(|n| n.as_deref()).collect::<Vec<_>>(),
        [Some("go:main.fib"), Some("uprobe:/bin/app:main.fib+0x10"), Some("BEGIN"), None]
    );
}
