use expect_test::{Expect, expect};
use gobin::Arch;
use plan::Source;

use super::{Checked, compile};
use crate::diagnostic::render;
use crate::fakes::Fake;
use crate::words::{PROBES, ROWS};
use plan::target::HookKind;

mod foreign;
mod generated;
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
fn paths_go_through_pointers_fields_and_slices() {
    check_places(
        "go:main.handle { print(args.r); print(args.r.ID); print(args.r.Name); print(args.r.Tags[1]);
           print(args.r.Next.Next.Small); print(args.r.User.Key); print(args.r.User.Deep); print(args.r.User.Pair[1]);
           print(len(args.s)); print(len(args.r.Tags)); print(args.r == nil); print(str(args.s, 8)); print(args.r.Next == nil); }",
        expect![[r#"
            site func 0+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
            variant 0: body 0 (type Dwarf(0) 0..8 in ax#0, ax#0→0:i64, text at ax#0→8:u64, length ax#0→16:i64, text at if ax#0→32:u64 > 1: ax#0→24→16:u64, length if ax#0→32:u64 > 1: ax#0→24→24:i64, ax#0→48→48→56:u8, ax#0→64→16:i64, ax#0→64→40→8:i64, ax#0→64→28:i32, cx#2:i64, ax#0→32:i64, ax#0:u64, text at bx#1:u64, length cx#2:i64, at most 8, ax#0→48:u64)
              reads whole args.r: go
              reads args.r.ID: i64
              reads args.r.Name: str256
              reads args.r.Tags[1]: str256
              reads args.r.Next.Next.Small: u8
              reads args.r.User.Key: i64
              reads args.r.User.Deep: i64
              reads args.r.User.Pair[1]: i32
              reads len(args.s): i64
              reads len(args.r.Tags): i64
              reads args.r == nil: u64
              reads str(args.s, 8): str8
              reads args.r.Next == nil: u64"#]],
    );
    check_places(
        "go:main.many { print(args.a); print(str(args.b)); print(args.e != nil); print(len(args.m)); print(len(args.c));
           print(args.f == nil); print(args.arr[2]); print(args.b[0]); print(args.b == nil); print(buf(args.b, 4)); }",
        expect![[r#"
            site func 0+0x6 file +0x1606 emulated entry group 0
            variant 0: body 0 (text at ax#0:u64, length bx#1:i64, text at cx#2:u64, length di#3:i64, r8#5:u64, r10#7→0:i64, r11#8→0:i64, stack+0:u64, stack+16:i32, if di#3:u64 > 0: cx#2→0:u8, cx#2:u64, text at cx#2:u64, length di#3:i64, at most 4)
              reads args.a: str256
              reads args.b: str256
              reads args.e == nil: u64
              reads len(args.m): i64
              reads len(args.c): i64
              reads args.f == nil: u64
              reads args.arr[2]: i32
              reads args.b[0]: u8
              reads args.b == nil: u64
              reads buf(args.b, 4): buf4"#]],
    );
    check_places(
        "go:main.wide { print(args.w.A); print(args.w.B[8]); print(args.n); }",
        expect![[r#"
        site func 0+0x6 file +0x1706 emulated entry group 0
        variant 0: body 0 (stack+0:i64, stack+72:i64, ax#0:i64)
          reads args.w.A: i64
          reads args.w.B[8]: i64
          reads args.n: i64"#]],
    );
    check_places(
        "go:main.small { print((args.n, args.ok, *args.p, args.xs[0])); }",
        expect![[r#"
        site func 0+0x6 file +0x1306 emulated entry group 0
        variant 0: body 0 (ax#0:i8, bx#1:u8, cx#2→0:i64, if si#4:u64 > 0: di#3→0:i64)
          reads args.n: i8
          reads args.ok: u8
          reads (*args.p): i64
          reads args.xs[0]: i64"#]],
    );
    check_places(
        "go:main.handle { print(arg0); print(arg4); print(sarg1); }",
        expect![[r#"
        site func 0+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
        variant 0: body 0 (ax#0:u64, si#4:u64, stack+8:u64)
          reads arg0: u64
          reads arg4: u64
          reads sarg1: u64"#]],
    );
}

#[test]
fn types_of_maps_come_from_all_their_uses() {
    check_bodies(
        "BEGIN { @a = @b; @k[@c] = 1; } go:main.fib { @b = args.n; @c = @b + 1; @d = nsecs; @d = 0; @e = 5; @f[1] = comm;
           @f[pid] = \"x\"; @g = (pid, comm); @h++; @i -= args.n; @j *= 2; @j = 3; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @k[i64] i64 (4096)
            map 3: @c[] i64 (4096)
            map 4: @d[] u64 (4096)
            map 5: @e[] i64 (4096)
            map 6: @f[i64] str16 (4096)
            map 7: @g[] (i64, str16) (4096)
            map 8: @h[] i64 (4096)
            map 9: @i[] i64 (4096)
            map 10: @j[] i64 (4096)
            body 0: clause 0 on nothing
              @a = @b:i64
              @k[@c:i64] = 1
            body 1: clause 1 on a Go call
              reads args.n: i64
              @b = args.n:i64
              @c = (@b:i64 + 1):i64
              @d = nsecs:u64
              @d = 0
              @e = 5
              @f[1] = comm:str16
              @f[pid:u32] = "x"
              @g = (pid:u32, comm:str16)
              (@h += 1, value before):i64
              (@i += (-args.n:i64):i64, value after):i64
              @j = (@j:i64 * 2):i64
              @j = 3"#]],
    );
}

#[test]
fn variables_take_the_type_of_all_that_is_assigned() {
    check_bodies(
        "go:main.fib { $x = 0; $x = nsecs; $y = 0; if ($y > 1) { $y = args.n; } $s = \"a\"; $s = comm; $x++; --$y;
           $z = $x++; @a = $y / 2; @b = $x / 2; print($s); print($z); }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] u64 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              var $x: u64
              var $y: i64
              var $s: str16
              var $z: u64
              $x = 0
              $x = nsecs:u64
              $y = 0
              if ($y:i64 > 1):i64
                $y = args.n:i64
              $s = "a"
              $s = comm:str16
              ($x += 1, value before):u64
              ($y += -1, value after):i64
              $z = ($x += 1, value before):u64
              @a = ($y:i64 / 2):i64
              @b = ($x:u64 / 2):u64
              print $s:str16
              print $z:u64"#]],
    );
}

#[test]
fn signs_follow_c() {
    check_bodies(
        "go:main.small { @a = args.n < 5; @b = pid - 1 > args.n; @c = nsecs / 2; @d = -args.n >> 1; @e = nsecs > args.n;
           @f = (uint8)args.n + 1; @g = $1 * 3; @h = ~0; @i = 1 ? args.n : pid; @j = 0xffffffffffffffff; @k = !args.ok; @l = (bool)pid; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @c[] u64 (4096)
            map 3: @d[] i64 (4096)
            map 4: @e[] i64 (4096)
            map 5: @f[] i64 (4096)
            map 6: @g[] i64 (4096)
            map 7: @h[] i64 (4096)
            map 8: @i[] i64 (4096)
            map 9: @j[] u64 (4096)
            map 10: @k[] i64 (4096)
            map 11: @l[] i64 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i8
              reads args.ok: u8
              @a = (args.n:i8 < 5):i64
              @b = ((cast(pid:u32):i64 - 1):i64 > args.n:i8):i64
              @c = (nsecs:u64 / 2):u64
              @d = ((-args.n:i8):i64 >> 1):i64
              @e = (nsecs:u64 > cast(args.n:i8):u64):i64
              @f = (cast(cast(args.n:i8):u8):i64 + 1):i64
              @g = (7 * 3):i64
              @h = (~0):i64
              @i = (1 ? args.n:i8 : cast(pid:u32):i64):i64
              @j = 18446744073709551615
              @k = (!args.ok:u8):i64
              @l = (pid:u32 != 0):u8"#]],
    );
}

#[test]
fn texts_and_names_are_compared() {
    check_bodies(
        "go:main.* /comm == str($2) || func != \"main.fib\"/ { @a = strncmp(comm, \"go\", 2); @b = startfunc == \"main.worker\";
           @c = probe == \"go:main.fib\"; @d = gostate == \"running\"; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @c[] i64 (4096)
            map 3: @d[] i64 (4096)
            body 0: clause 0 on a Go call
              /((comm:str16 is "app"):i64 || (func:func != 1):i64):i64/
              @a = (comm:str16 differs from "go" first 2):i64
              @b = (startfunc:startfunc == 4202752):i64
              @c = (probe:probe == 1):i64
              @d = (gostate:gostate == 2):i64
            needs goid"#]],
    );
}

#[test]
fn memory_and_registers_are_read_by_hand() {
    check_bodies(
        "uprobe:/bin/app:main.fib { @g = *(uint64 *)(reg(\"r14\") + 152); print(str(reg(\"ax\"), reg(\"bx\")));
           print(str(reg(\"ax\"))); print(buf(reg(\"ax\"), 16)); print(usym(reg(\"ip\"))); print(hex(arg0)); }",
        expect![[r#"
            map 0: @g[] u64 (4096)
            body 0: clause 0 on a Go call
              reads arg0: u64
              @g = *((reg r14:u64 + 152):u64):u64
              print bytes(reg ax:u64, reg bx:u64):str256
              print bytes(reg ax:u64):str256
              print bytes(reg ax:u64, 16):buf16
              print cast(reg ip:u64):usym
              print cast(arg0:u64):hex"#]],
    );
}

#[test]
fn aggregations_have_their_own_maps() {
    check_bodies(
        "go:main.fib { @a = sum(args.n); @b = avg(pid); @c = min(nsecs); @d = stats(1); @e = hist(args.n, 2);
           @f = lhist(args.n, -10, 10, 5); @g = quantiles(args.n); print(@a); print(@g, 5, 1000); zero(@a); }
         let @g = hash(10 * 1000); let @a = percpuhash(7);",
        expect![[r#"
            map 0: @g[] quantiles (10000)
            map 1: @a[] sum i (7)
            map 2: @b[] avg i (4096)
            map 3: @c[] min u (4096)
            map 4: @d[] stats i (4096)
            map 5: @e[] hist 2 (4096)
            map 6: @f[] lhist -10 10 5 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              add to @a args.n:i64
              add to @b pid:u32
              add to @c nsecs:u64
              add to @d 1
              add to @e args.n:i64
              add to @f args.n:i64
              add to @g args.n:i64
              print @a top 0 div 1
              print @g top 5 div 1000
              zero @a"#]],
    );
}

#[test]
fn actions_are_what_user_space_does() {
    check_bodies(
        "interval:s:1 { time(); time(\"%H\"); print(@x); print(@y[1]); clear(@y); delete(@y[1]); delete(@y, 2); delete(@x); exit($1);
           printf(\"%s %d %5x %%\\n\", strftime(\"%T\", nsecs), -1, 255); unroll (3) { @x++; if (@x > 2) { return; } else { @y[@x] = 1; } } }",
        expect![[r#"
            map 0: @x[] i64 (4096)
            map 1: @y[i64] i64 (4096)
            body 0: clause 0 on an interval
              time "%H:%M:%S\n"
              time "%H"
              print @x top 0 div 1
              print @y[1]:i64
              clear @y
              delete @y[1]
              delete @y[2]
              delete @x
              exit 7
              printf "%s %d %5x %%\n" cast(nsecs:u64):time "%T", -1, 255
              repeat 3
                (@x += 1, value before):i64
                if (@x:i64 > 2):i64
                  return
                else
                  @y[@x:i64] = 1"#]],
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
