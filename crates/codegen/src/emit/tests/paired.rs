//! Calls paired with their ends, from the text of a script to what it prints: with the hooks of the runtime, on every
//! kernel's instructions.

use bpf::Caps;
use event::decode;
use event::go::call;
use expect_test::{Expect, expect};
use gobin::Arch;

use super::{Restraint, Trial, World, compiled, what};
use crate::fakes::Fake;
use plan::target::HookKind;
use plan::{Plan, Site};
use program::frames::{Counters, Heads};
use program::{FRAME_RECORDED, counter};

/// The process's number.
const PROCESS: u32 = 1;
/// The goroutine's g, and where the fake runtime has its fields.
const G: u64 = 0xc000_0000;
const SCHED_SP: u64 = 24;
/// Its first stack's end, and how large all of its stacks are.
const HI: u64 = 0x7000_0000;
const STACK: u64 = 0x8000;
/// Where the system stack is.
const SYSTEM_SP: u64 = 0x6000_0000;

/// A goroutine that calls functions.
pub(super) struct Calls {
    plan: Plan,
    pub(super) run: Trial,
    hi: u64,
    goid: u64,
    /// Where it goes on if it is switched to.
    sched_sp: u64,
}

impl Calls {
    fn new(text: &str, caps: Caps) -> Calls {
        Calls::held_back(text, caps, Restraint::default())
    }

    pub(super) fn held_back(text: &str, caps: Caps, restraint: Restraint) -> Calls {
        let (plan, captures) = compiled(text, &Fake::hooked(Arch::Amd64));
        Calls { run: Trial::recording(&plan, &captures, caps, restraint), plan, hi: HI, goid: 42, sched_sp: 0 }
    }

    fn world(&self, registers: &[(&'static str, u64)]) -> World {
        let g = [self.hi - STACK, self.hi, 0, self.sched_sp, 0, 0, self.goid];
        World::with(registers).words(G, &g).words(SYSTEM_SP, &[G + SCHED_SP])
    }

    /// One hit at the only site of a function that is such a one, SP at its first byte that far from the stack's end.
    fn hit(&mut self, function: &str, is: fn(&Site) -> bool, depth: u64, registers: &[(&'static str, u64)]) {
        let of = |site: &Site| self.plan.functions[site.function.index()].name == function && is(site);
        let cookie = self.plan.sites.iter().position(of).unwrap();
        let below = self.plan.sites[cookie].entry.as_ref().map_or(0, |entry| u64::from(entry.sp_adjust));
        let fixed = [("r14", G), ("sp", self.hi - depth - below)];
        let world = World { cookie: cookie as u64, ..self.world(&[&fixed, registers].concat()) };
        self.run.vm.task.boot_ns += 100;
        self.run.hit(&self.plan, &world);
    }

    pub(super) fn enter(&mut self, function: &str, depth: u64, n: u64) {
        self.hit(function, |site| site.entry.is_some(), depth, &[("ax", n)]);
    }

    /// Leaves by a return instruction, with this result.
    pub(super) fn leave(&mut self, function: &str, depth: u64, result: u64) {
        self.hit(function, |site| site.exit.as_ref().is_some_and(|exit| !exit.tail), depth, &[("ax", result)]);
    }

    /// Leaves by a jump to another function.
    fn jump(&mut self, function: &str, depth: u64) {
        self.hit(function, |site| site.exit.as_ref().is_some_and(|exit| exit.tail), depth, &[("ax", 0)]);
    }

    fn hook(&mut self, kind: HookKind, registers: &[(&'static str, u64)]) {
        let hook = self.run.program.hooks.iter().find(|hook| hook.kind == kind).unwrap();
        let image = self.run.vm.load(&hook.program).unwrap();
        let world = self.world(registers);
        self.run.vm.run(&image, &mut world.pt_regs(0), &mut world.memory.clone()).unwrap();
    }

    /// A panic is recovered by the function whose body has its SP there.
    fn recover(&mut self, depth: u64) {
        self.sched_sp = self.hi - depth;
        self.hook(HookKind::Recovery, &[("sp", SYSTEM_SP)]);
    }

    /// The goroutine is over.
    fn end(&mut self) {
        let all = self.run.program.hooks.iter().any(|hook| hook.kind == HookKind::GoroutineEnd);
        self.hook(if all { HookKind::GoroutineEnd } else { HookKind::Goexit }, &[("ax", G), ("r14", G)]);
    }

    /// Its stack moves, and somebody else's may stand where it was.
    fn grow(&mut self) {
        self.hook(HookKind::CopyStack, &[("ax", G)]);
        self.hi += 0x10_0000;
    }

    /// How many calls are open whose beginning was recorded.
    fn recorded(&self) -> u64 {
        let tables = self.run.program.tables.frames.unwrap();
        let [heads, chunks] = [tables.heads, tables.chunks].map(|map| self.run.vm.entries(map));
        let heads = Heads::new(&tables, heads, chunks);
        heads.open().filter(|call| call.flags & FRAME_RECORDED != 0).count() as u64
    }

    /// What was printed, and how calls ended.
    pub(super) fn outcome(&mut self) -> String {
        let (mut out, schema) = (String::new(), self.run.program.schema.clone());
        self.run.vm.drain(self.run.program.tables.ring, |record| {
            out += &(what(&schema, decode::event(&schema, record).unwrap().what) + "\n");
        });
        let counters = self.run.program.tables.frames.unwrap().counters;
        let counters = Counters::read(&self.run.vm.get(counters, &[0; 4]).unwrap());
        format!("{out}{counters:?}")
    }
}

/// What a script says of these calls, the same on all kernels.
fn check(text: &str, calls: impl Fn(&mut Calls), expect: Expect) {
    let outcomes = [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()].map(|caps| {
        let mut goroutine = Calls::new(text, caps);
        calls(&mut goroutine);
        goroutine.outcome()
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "kernels differ: {outcomes:#?}");
    expect.assert_eq(&outcomes[0]);
}

const FIB: &str = r#"goret:main.fib { printf("fib(%d) = %d in %d on %d", args.n, ret, elapsed, goid) }"#;

#[test]
fn a_return_has_what_its_call_began_with_and_how_long_it_took() {
    check(
        FIB,
        |calls| {
            calls.enter("main.fib", 64, 7);
            calls.leave("main.fib", 64, 13);
        },
        expect![[r#"
            fib(7) = 13 in 100 on 42
            Counters { unwound: 0, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn each_return_of_a_recursion_has_its_own_call_also_after_the_stack_has_moved() {
    check(
        FIB,
        |calls| {
            for n in 0..20 {
                calls.enter("main.fib", 64 * (n + 1), 20 - n);
                if n == 12 {
                    calls.grow();
                }
            }
            for n in (0..20).rev() {
                calls.leave("main.fib", 64 * (n + 1), 1000 + n);
                if n == 5 {
                    calls.grow();
                }
            }
        },
        expect![[r#"
            fib(1) = 1019 in 100 on 42
            fib(2) = 1018 in 300 on 42
            fib(3) = 1017 in 500 on 42
            fib(4) = 1016 in 700 on 42
            fib(5) = 1015 in 900 on 42
            fib(6) = 1014 in 1100 on 42
            fib(7) = 1013 in 1300 on 42
            fib(8) = 1012 in 1500 on 42
            fib(9) = 1011 in 1700 on 42
            fib(10) = 1010 in 1900 on 42
            fib(11) = 1009 in 2100 on 42
            fib(12) = 1008 in 2300 on 42
            fib(13) = 1007 in 2500 on 42
            fib(14) = 1006 in 2700 on 42
            fib(15) = 1005 in 2900 on 42
            fib(16) = 1004 in 3100 on 42
            fib(17) = 1003 in 3300 on 42
            fib(18) = 1002 in 3500 on 42
            fib(19) = 1001 in 3700 on 42
            fib(20) = 1000 in 3900 on 42
            Counters { unwound: 0, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn what_a_recovered_panic_ends_does_not_return() {
    check(
        FIB,
        |calls| {
            for n in 1..=4 {
                calls.enter("main.fib", 64 * n, n);
            }
            calls.recover(64 + 40);
            calls.enter("main.fib", 128, 5);
            calls.leave("main.fib", 128, 50);
            calls.leave("main.fib", 64, 10);
        },
        expect![[r#"
            fib(5) = 50 in 100 on 42
            fib(1) = 10 in 600 on 42
            Counters { unwound: 3, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn what_ends_with_its_goroutine_does_not_return_nor_is_it_the_next_ones() {
    check(
        FIB,
        |calls| {
            calls.enter("main.fib", 64, 1);
            calls.enter("main.fib", 128, 2);
            calls.end();
            // The same g and stack, for another goroutine.
            calls.goid = 43;
            calls.enter("main.fib", 96, 3);
            calls.leave("main.fib", 96, 30);
        },
        expect![[r#"
            fib(3) = 30 in 100 on 43
            Counters { unwound: 0, goexit: 2, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

/// The places of the runtime that a script's programs are at.
fn hooks(text: &str) -> Vec<HookKind> {
    Calls::new(text, Caps::linux_7_0()).run.program.hooks.iter().map(|hook| hook.kind).collect()
}

#[test]
fn who_asks_for_no_goroutine_is_told_of_those_alone_that_end_with_calls_open() {
    use HookKind::{CopyStack, CoroutineEnd, Goexit, GoroutineEnd, Recovery};
    let text = r#"goret:main.fib { printf("fib(%d) = %d in %d", args.n, ret, elapsed) }"#;
    assert_eq!(hooks(text), [Recovery, Goexit, CoroutineEnd, CopyStack]);
    let asking = [FIB, "goret:main.fib { call(); }", r#"goret:main.fib /under("main.handle")/ { @ = max(elapsed) }"#];
    assert!(asking.iter().all(|text| hooks(text) == [Recovery, GoroutineEnd, CopyStack]));
    check(
        text,
        |calls| {
            calls.enter("main.fib", 64, 1);
            calls.enter("main.fib", 128, 2);
            calls.grow();
            calls.enter("main.fib", 192, 3);
            calls.leave("main.fib", 192, 3);
            calls.recover(64 + 40);
            calls.leave("main.fib", 64, 1);
            // The next one has the g, and another stack.
            calls.hi -= 0x5000;
            calls.enter("main.fib", 32, 4);
            calls.enter("main.fib", 96, 5);
            calls.hook(Goexit, &[("r14", G)]);
            calls.enter("main.fib", 32, 6);
            calls.hook(CoroutineEnd, &[("ax", G)]);
            calls.enter("main.fib", 96, 7);
            calls.leave("main.fib", 96, 7);
        },
        expect![[r#"
            fib(3) = 3 in 100
            fib(1) = 1 in 400
            fib(7) = 7 in 100
            Counters { unwound: 1, goexit: 3, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

/// The return of a call that was open then is not seen any more, so its goroutine may end, or recover, as if in it.
#[test]
fn what_is_open_when_the_run_ends_stays_open_whatever_becomes_of_its_goroutine() {
    for ends in [Calls::end, |calls: &mut Calls| calls.recover(32)] {
        check_recorded(
            "goret:main.fib { call(); }",
            2,
            |calls| {
                calls.enter("main.fib", 64, 1);
                calls.enter("main.fib", 128, 2);
                calls.run.arm(0);
                calls.leave("main.fib", 128, 20);
                ends(calls);
            },
            expect![[r#"
                call 1 at 0: main.fib begins with 1
                call 2 at 1: main.fib begins with 2
                2 hits, 0 printed, 0 filtered, 0 lost, 2 open"#]],
        );
    }
    // So it is once a script has asked for the end.
    check_recorded(
        "goret:main.fib { call(); } go:main.handle { exit(); }",
        1,
        |calls| {
            calls.enter("main.fib", 64, 1);
            calls.enter("main.handle", 128, 2);
            calls.end();
        },
        expect![[r#"
            call 1 at 0: main.fib begins with 1
            Exit(0)
            1 hits, 0 printed, 0 filtered, 0 lost, 1 open"#]],
    );
}

#[test]
fn a_jump_to_another_function_ends_the_call_and_has_no_results_yet() {
    check(
        r#"goret:main.forward { printf("%d in %d", args.n, elapsed) } goret:main.fib { printf("fib(%d) %d", args.n, elapsed) }"#,
        |calls| {
            calls.enter("main.forward", 64, 8);
            calls.jump("main.forward", 64);
            calls.enter("main.fib", 64, 9);
            calls.leave("main.fib", 64, 90);
        },
        expect![[r#"
            8 in 100
            fib(9) 100
            Counters { unwound: 0, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 0, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn a_return_whose_call_nobody_saw_runs_only_what_asks_nothing_of_it() {
    check(
        r#"goret:main.fib { printf("ret %d", ret) } goret:main.fib { printf("elapsed %d", elapsed) }"#,
        |calls| calls.leave("main.fib", 64, 13),
        expect![[r#"
            ret 13
            Counters { unwound: 0, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 1, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn what_is_called_under_a_function_knows_it_through_recursion_panics_and_other_goroutines() {
    check(
        r#"go:main.fib { printf("%d: %d", args.n, under("main.handle")) }
           goret:main.fib { printf("fib %d %d", under("main.handle"), under("main.*Serve")) }"#,
        |calls| {
            calls.enter("main.fib", 64, 1);
            calls.leave("main.fib", 64, 0);
            calls.enter("main.handle", 64, 0);
            calls.enter("main.fib", 128, 2);
            calls.grow();
            calls.enter("main.handle", 192, 0);
            calls.enter("main.fib", 256, 3);
            calls.leave("main.handle", 192, 0);
            calls.enter("main.(*Server).Serve", 192, 0);
            calls.leave("main.fib", 256, 0);
            // Of the outer one that recovers all is left, of what it called nothing.
            calls.recover(64 + 40);
            calls.enter("main.fib", 128, 4);
            calls.leave("main.fib", 128, 0);
            calls.leave("main.handle", 64, 0);
            calls.enter("main.fib", 64, 5);
            calls.enter("main.handle", 128, 0);
            calls.end();
            calls.goid = 43;
            calls.enter("main.fib", 192, 6);
            // Its beginning was not seen, so nobody knows of it.
            calls.leave("main.handle", 96, 0);
        },
        expect![[r#"
            1: 0
            fib 0 0
            2: 1
            3: 1
            fib 1 1
            4: 1
            fib 1 0
            5: 0
            6: 0
            Counters { unwound: 0, goexit: 0, switched: 0, lost: 0, detached: 0, unpaired: 1, full: 0, foreign: 0, no_g: 0 }"#]],
    );
}

#[test]
fn only_what_is_called_under_a_function_is_recorded() {
    check_recorded(
        r#"goret:main.fib /under("main.handle") && args.n > 1/ { call(); }"#,
        0,
        |calls| {
            calls.enter("main.fib", 64, 5);
            calls.leave("main.fib", 64, 0);
            calls.enter("main.handle", 64, 9);
            for n in [1, 2] {
                calls.enter("main.fib", 128, n);
                calls.leave("main.fib", 128, 0);
            }
            calls.leave("main.handle", 64, 0);
            calls.enter("main.fib", 64, 6);
            calls.leave("main.fib", 64, 0);
        },
        expect![[r#"
            call 4 at 0: main.fib begins with 2
            call 4 at 0: main.fib return with 0
            4 hits, 1 printed, 3 filtered, 0 lost, 0 open"#]],
    );
}

/// What a script records of these calls, the same on all kernels, and that nothing is missing: of every call that was hit
/// it is known what became of it.
fn check_recorded(text: &str, open: u64, calls: impl Fn(&mut Calls), expect: Expect) {
    let outcomes = [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()].map(|caps| {
        let mut goroutine = Calls::new(text, caps);
        calls(&mut goroutine);
        let count = |field| goroutine.run.counter(1, field);
        let [hits, printed, filtered, lost] =
            [counter::HITS, counter::PRINTED, counter::FILTERED, counter::LOST].map(count);
        let told = format!("{hits} hits, {printed} printed, {filtered} filtered, {lost} lost, {open} open");
        assert_eq!(hits, printed + filtered + lost + open, "{told}");
        let (out, heads) = (goroutine.outcome(), goroutine.recorded());
        assert_eq!(heads, open, "{told}");
        let (records, _) = out.rsplit_once('\n').unwrap_or_default();
        format!("{records}\n{told}")
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "kernels differ: {outcomes:#?}");
    expect.assert_eq(&outcomes[0]);
}

#[test]
fn recorded_calls_end_once_each_in_their_own_way() {
    check_recorded(
        "goret:main.fib { call(); }",
        1,
        |calls| {
            calls.enter("main.fib", 32, 9);
            for n in 1..=4 {
                calls.enter("main.fib", 64 * n, n);
            }
            calls.leave("main.fib", 256, 40);
            calls.recover(64 + 40);
            calls.leave("main.fib", 64, 10);
            calls.end();
            calls.goid = 43;
            calls.enter("main.fib", 64, 1);
        },
        expect![[r#"
            call 1 at 0: main.fib begins with 9
            call 2 at 1: main.fib begins with 1
            call 3 at 2: main.fib begins with 2
            call 4 at 3: main.fib begins with 3
            call 5 at 4: main.fib begins with 4
            call 5 at 4: main.fib return with 40
            call 4 at 3: unwound
            call 3 at 2: unwound
            call 2 at 1: main.fib return with 10
            call 1 at 0: goexit
            call 6 at 0: main.fib begins with 1
            6 hits, 5 printed, 0 filtered, 0 lost, 1 open"#]],
    );
}

#[test]
fn a_condition_is_asked_where_it_can_be_and_what_it_refuses_then_is_taken_back() {
    check_recorded(
        "goret:main.fib /args.n > 1 && ret > 20 && goid == 42/ { call(); }",
        0,
        |calls| {
            for (n, result) in [(1, 30), (2, 30), (3, 10)] {
                calls.enter("main.fib", 64, n);
                calls.leave("main.fib", 64, result);
            }
        },
        expect![[r#"
            call 2 at 0: main.fib begins with 2
            call 2 at 0: main.fib return with 30
            call 3 at 0: main.fib begins with 3
            call 3 at 0: not wanted
            3 hits, 1 printed, 2 filtered, 0 lost, 0 open"#]],
    );
}

#[test]
fn a_body_may_record_a_call_and_go_on_or_not_record_it() {
    check_recorded(
        "goret:main.fib { if (ret == 1) { return; } call(); call(); if (ret == 2) { @ = count(); } }",
        0,
        |calls| {
            for result in 1..=3 {
                calls.enter("main.fib", 64, 7);
                calls.leave("main.fib", 64, result);
            }
            // Its beginning was not seen.
            calls.leave("main.fib", 64, 2);
        },
        expect![[r#"
            call 1 at 0: main.fib begins with 7
            call 1 at 0: not wanted
            call 2 at 0: main.fib begins with 7
            call 2 at 0: main.fib return with 2
            call 3 at 0: main.fib begins with 7
            call 3 at 0: main.fib return with 3
            3 hits, 2 printed, 1 filtered, 0 lost, 0 open"#]],
    );
}

#[test]
fn a_recorded_jump_to_another_function_is_the_end_of_a_call() {
    check_recorded(
        "goret:main.f* { call(); }",
        0,
        |calls| {
            calls.enter("main.forward", 64, 8);
            calls.jump("main.forward", 64);
            calls.enter("main.fib", 64, 9);
            calls.leave("main.fib", 64, 90);
        },
        expect![[r#"
            call 1 at 0: main.forward begins with 8
            call 1 at 0: tail
            call 2 at 0: main.fib begins with 9
            call 2 at 0: main.fib return with 90
            2 hits, 2 printed, 0 filtered, 0 lost, 0 open"#]],
    );
}

#[test]
fn where_calls_begin_that_is_all() {
    check_recorded(
        "go:main.fib /args.n > 1/ { call(); } goret:main.fib { print(elapsed); }",
        0,
        |calls| {
            for n in 1..=3 {
                calls.enter("main.fib", 64, n);
            }
            calls.leave("main.fib", 64, 90);
        },
        expect![[r#"
            call 2 at 0: main.fib begins with 2
            call 3 at 0: main.fib begins with 3
            print 100
            3 hits, 2 printed, 1 filtered, 0 lost, 0 open"#]],
    );
}

#[test]
fn the_stack_that_called_is_recorded_where_a_call_begins() {
    check_recorded(
        "goret:main.fib /ret > 1/ { call(ustack(4)); } go:main.forward { call(ustack); }",
        0,
        |calls| {
            calls.enter("main.fib", 64, 7);
            calls.leave("main.fib", 64, 13);
        },
        expect![[r#"
            call 1 at 0: main.fib begins with 7, and who called
            call 1 at 0: main.fib return with 13
            1 hits, 1 printed, 0 filtered, 0 lost, 0 open"#]],
    );
}

#[test]
fn what_does_not_fit_into_the_ring_is_counted_and_has_no_end() {
    let mut calls = Calls::new("goret:main.fib { call(); }", Caps::linux_7_0());
    for n in 1..=600 {
        calls.enter("main.fib", 64 * (n % 300 + 1), n);
        if n % 2 == 0 {
            calls.leave("main.fib", 64 * (n % 300 + 1), n);
        }
    }
    let count = |field| calls.run.counter(1, field);
    let [hits, printed, lost] = [counter::HITS, counter::PRINTED, counter::LOST].map(count);
    assert!(lost > 100 && printed > 10, "{printed} printed, {lost} lost");
    assert_eq!(hits, printed + lost + calls.recorded());
}

/// Which call a record is of, and what its head and end say: place, process, g, and hits inside.
fn ends(calls: &mut Calls) -> Vec<(u64, Option<u32>, u32, u64, u64)> {
    let (mut ends, schema) = (Vec::new(), calls.run.program.schema.clone());
    calls.run.vm.drain(calls.run.program.tables.ring, |record| {
        let event = decode::event(&schema, record).unwrap();
        let word = |at: usize| u64::from_le_bytes(record[at..][..8].try_into().unwrap());
        let header = event.header;
        assert_eq!(header.goid, 42);
        ends.push((word(call::ID), header.place, header.process, header.g, word(call::INNER_HITS)));
    });
    ends
}

fn sites(calls: &Calls, is: fn(&Site) -> bool) -> Option<u32> {
    calls.plan.sites.iter().position(is).map(|site| site as u32)
}

/// How many calls of itself a call of `fib(n)` leads to.
fn fib(calls: &mut Calls, n: u64, depth: u64) -> u64 {
    calls.enter("main.fib", depth, n);
    let inside = if n < 2 { 0 } else { 2 + fib(calls, n - 1, depth + 64) + fib(calls, n - 2, depth + 64) };
    calls.leave("main.fib", depth, n);
    inside
}

#[test]
fn a_record_says_where_and_for_whom_the_probe_fired_and_how_often_inside_the_call() {
    for caps in [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()] {
        let mut calls = Calls::new("goret:main.fib { call(); }", caps);
        let inside = fib(&mut calls, 7, 64);
        assert_eq!(inside, 40);
        let [entry, exit] = [sites(&calls, |site| site.entry.is_some()), sites(&calls, |site| site.exit.is_some())];
        let ends = ends(&mut calls);
        assert!(entry.is_some() && exit.is_some() && entry != exit);
        assert_eq!(ends[0], (1, entry, PROCESS, G, 0));
        assert_eq!(ends.last(), Some(&(1, exit, PROCESS, G, 2 * inside)));
        // Each call but the outer one is inside of another one: of those that return in between, every leaf has none.
        let hits: Vec<u64> = ends.iter().filter(|end| end.1 == exit).map(|end| end.4).collect();
        assert_eq!((hits.len(), hits.iter().filter(|hits| **hits == 0).count()), (41, 21));
    }
}

#[test]
fn hits_inside_of_calls_that_no_return_sees_are_those_until_then() {
    let mut calls = Calls::new("goret:main.fib { call(); }", Caps::linux_7_0());
    calls.enter("main.fib", 64, 3);
    calls.enter("main.fib", 128, 2);
    calls.enter("main.fib", 192, 1);
    calls.leave("main.fib", 192, 1);
    calls.recover(100);
    // This entry is at the place of the first call, which is lost, and not inside of it.
    calls.enter("main.fib", 64, 0);
    let ends = ends(&mut calls).split_off(3);
    let entry = sites(&calls, |site| site.entry.is_some());
    let hits: Vec<_> = ends.iter().map(|end| (end.0, end.1, end.3, end.4)).collect();
    let exit = sites(&calls, |site| site.exit.is_some());
    assert_eq!(hits, [(3, exit, G, 0), (2, None, G, 2), (1, None, G, 3), (4, entry, G, 0)]);
    assert!(ends.iter().all(|end| end.2 == PROCESS));
}
