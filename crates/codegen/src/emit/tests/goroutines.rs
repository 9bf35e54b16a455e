//! The runtime prelude, on goroutines that a few lines of text move from state to state.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bpf::Caps;
use bpf::vm::Segments;
use expect_test::{Expect, expect};
use gobin::Arch;
use plan::Source;

use super::{BIAS, TGID, Trial, World};
use crate::fakes::Fake;
use plan::Plan;
use plan::target::{HookKind, Runtime};
use program::{HookSite, gos, process};

/// Where the fields of the fake runtime are.
const M: u64 = 16;
const STATUS: u64 = 40;
const GOID: u64 = 48;
const REASON: u64 = 56;
const PARENT: u64 = 64;
const GOPC: u64 = 72;
const START: u64 = 80;
const COROARG: u64 = 88;
const COROEXIT: u64 = 96;
const CORO_GP: u64 = 104;
const CURG: u64 = 112;
/// Bytes of a g, and of an m.
const G: u64 = 128;

/// The second function of the fake program, `main.fib`.
const FIB: u64 = 0x40_1100;

const EVERYTHING: &str = r#"
    goroutine:create { printf("create %d by %d %s at %s", args.goid, args.parent, args.startfunc, args.gopc); }
    goroutine:state { printf("%d %s > %s (%s) %d %s", args.goid, args.from, args.to, args.reason, args.for, args.startfunc); }
    goroutine:exit { printf("exit %d %s", args.goid, args.startfunc); }"#;

/// A program whose goroutines are called `a` to `z`, and have goids from 10 on.
struct Stage {
    trial: Trial,
    runtime: Runtime,
    memory: BTreeMap<u64, u64>,
    now: u64,
}

fn planned(text: &str, change: impl Fn(&mut Runtime)) -> Plan {
    let source = Source { name: String::new(), text: text.to_owned() };
    let checked = probe::compile(&source, &[], &Fake::new(Arch::Amd64));
    let mut plan = checked.plan.unwrap_or_else(|| panic!("{}", probe::render(&checked.messages, &source)));
    plan.binaries[0].runtime.iter_mut().for_each(change);
    plan
}

fn address(name: &str) -> u64 {
    0x1_0000 * (1 + u64::from(name.as_bytes()[0] - b'a'))
}

impl Stage {
    fn new(plan: &Plan, caps: Caps) -> Stage {
        let runtime = plan.binaries[0].runtime.clone().unwrap();
        let mut stage = Stage { trial: Trial::new(plan, caps), runtime, memory: BTreeMap::new(), now: 5_000 };
        for (n, name) in (0..).zip(b'a'..=b'f') {
            let g = address(&char::from(name).to_string());
            let words = [(GOID, 10 + n), (PARENT, 1), (GOPC, 0x77), (START, FIB + BIAS), (M, g + 0x1000), (STATUS, 6)];
            stage.memory.extend(words.map(|(at, word)| (g + at, word)));
            stage.memory.insert(g + 0x1000 + CURG, g);
        }
        stage
    }

    fn state(&self, name: &str) -> u64 {
        self.runtime.g_states.iter().position(|state| state == name).unwrap_or_else(|| panic!("no state {name}")) as u64
    }

    /// The target's memory as it is now.
    fn segments(&self) -> Segments {
        let mut memory = Segments::default();
        for g in (b'a'..=b'f').map(|name| address(&char::from(name).to_string())) {
            for (start, size) in [(g, G), (g + 0x1000, G), (g + 0x2000, G)] {
                let word = |at: u64| self.memory.get(&(start + at)).copied().unwrap_or(0).to_le_bytes();
                let bytes: Vec<u8> = (0..size).step_by(8).flat_map(word).collect();
                memory = memory.with(start, &bytes);
            }
        }
        memory
    }

    fn hit(&mut self, kind: HookKind, registers: &[(&'static str, u64)]) {
        let program = self.trial.program.clone();
        let is_it = |site: &&HookSite| site.cookie & 0xff == kind as u64;
        let mut all = program.hooks.iter().filter_map(|hook| Some((hook, hook.sites.iter().find(is_it)?)));
        let (hook, site) = all.next().unwrap();
        self.trial.vm.task.cookie = site.cookie;
        self.trial.vm.task.boot_ns = self.now;
        let at = self.runtime.hooks(kind).next().unwrap().at.0;
        let image = self.trial.vm.load(&hook.program).unwrap();
        let mut context = World::with(registers).pt_regs(at + BIAS);
        self.trial.vm.run(&image, &mut context, &mut self.segments()).unwrap();
        self.trial.vm.task.boot_ns = 5_000;
    }

    fn step(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let g = |n: usize| address(words[n]);
        match words[0] {
            "after" => self.now += words[1].parse::<u64>().unwrap(),
            "arm" => {
                self.trial.vm.task.boot_ns = self.now;
                self.trial.arm(1);
            }
            "disarm" => self.trial.arm(0),
            "over" => self.trial.over(),
            "starts" => {
                let at = u64::from_str_radix(words[2], 16).unwrap();
                self.memory.insert(g(1) + START, if at == 0 { 0 } else { at + BIAS });
            }
            "reason" => {
                let reason = words[2..].join(" ");
                let number = self.runtime.wait_reasons.iter().position(|known| *known == reason).unwrap();
                self.memory.insert(g(1) + REASON, number as u64);
            }
            "casgstatus" => {
                let (from, to) = (self.state(words[2]), self.state(words[3]));
                self.hit(HookKind::Status, &[("ax", g(1)), ("bx", from), ("cx", to), ("r14", address("f"))]);
            }
            "newproc" => {
                let status = self.state(words[2]);
                self.memory.insert(g(1) + STATUS, status);
                self.hit(HookKind::Created, &[("ax", g(1))]);
            }
            "preempt" => self.hit(HookKind::PreemptScan, &[("ax", g(1))]),
            "suspend" => {
                let status = self.state(words[2]);
                self.memory.insert(g(1) + STATUS, 0x1000 | status);
                self.hit(HookKind::FromPreempted, &[("ax", g(1))]);
            }
            "entersyscall" => self.hit(HookKind::SyscallEnter, &[("r14", g(1))]),
            "exitsyscall" => self.hit(HookKind::SyscallExit, &[("r14", g(1))]),
            "coroswitch" => {
                self.memory.extend([(g(1) + COROARG, g(1) + 0x2000), (g(1) + 0x2000 + CORO_GP, g(2))]);
                self.memory.insert(g(1) + COROEXIT, u64::from(words.get(3) == Some(&"exit")));
                self.hit(HookKind::CoroSwitch, &[("ax", g(1))]);
            }
            other => panic!("{other}?"),
        }
    }
}

/// What numbers of the fake runtime mean.
const NAMES: [(&str, &str); 13] = [
    ("GoState(0x1)", "runnable"),
    ("GoState(0x2)", "running"),
    ("GoState(0x3)", "syscall"),
    ("GoState(0x4)", "waiting"),
    ("GoState(0x6)", "dead"),
    ("GoState(0x9)", "preempted"),
    ("StartFunc(0x401100)", "main.fib"),
    ("StartFunc(0x402100)", "main.worker"),
    ("WaitReason(0x0)", ""),
    ("WaitReason(0x1)", "chan receive"),
    ("WaitReason(0x2)", "chan send"),
    ("WaitReason(0x4)", "preempted"),
    ("WaitReason(0x6)", "coroutine"),
];

/// What a script says while goroutines move so, on all kernels alike.
fn play(plan: &Plan, steps: &str) -> String {
    let mut said = [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()].map(|caps| {
        let mut stage = Stage::new(plan, caps);
        steps.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| stage.step(line));
        let mut said = stage.trial.outcome();
        let gos = stage.trial.vm.entries(stage.trial.program.tables.gos.unwrap());
        let _ = write!(said, "\n{} known", gos.len());
        said
    });
    let first = std::mem::take(&mut said[0]);
    assert!(said[1] == first && said[2] == first, "kernels differ: {first}\n{}\n{}", said[1], said[2]);
    NAMES.iter().fold(first, |said, (number, name)| said.replace(number, name))
}

fn check(steps: &str, expect: Expect) {
    expect.assert_eq(&play(&planned(EVERYTHING, |_| ()), steps));
}

/// A runtime with coroutines.
fn with_coroutines(runtime: &mut Runtime) {
    let hook = runtime.hooks(HookKind::Status).next().unwrap().clone();
    let at = gobin::VAddr(0x40_0500);
    runtime.hooks.push(plan::target::Hook { kind: HookKind::CoroSwitch, at, ..hook });
    runtime.fields.iter_mut().filter(|(name, _)| *name == "g.coroarg").for_each(|(_, at)| *at = Ok(COROARG));
    runtime.wait_reasons.push("coroutine".to_owned());
}

fn check_coroutines(steps: &str, expect: Expect) {
    expect.assert_eq(&play(&planned(EVERYTHING, with_coroutines), steps));
}

#[test]
fn a_goroutine_is_followed_from_its_creation_to_its_end() {
    check(
        "casgstatus a idle dead
         casgstatus a dead runnable
         after 10
         casgstatus a runnable running
         after 100
         reason a chan receive
         casgstatus a running waiting
         after 1000
         casgstatus a waiting runnable
         after 10
         casgstatus a runnable running
         after 1
         casgstatus a running dead",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 10 main.fib
            10 running > waiting (chan receive) 100 main.fib
            10 waiting > runnable (chan receive) 1000 main.fib
            10 runnable > running () 10 main.fib
            10 running > dead () 1 main.fib
            exit 10 main.fib
            0 known"#]],
    );
}

#[test]
fn how_long_a_state_was_is_unknown_if_nobody_saw_it_begin() {
    check(
        "casgstatus b waiting runnable
         after 5
         casgstatus b runnable running
         after 5
         casgstatus b waiting runnable",
        expect![[r#"
            11 waiting > runnable () <unreadable> main.fib
            11 runnable > running () 5 main.fib
            11 waiting > runnable () <unreadable> main.fib
            1 known"#]],
    );
}

#[test]
fn who_runs_on_while_the_collector_looks_at_its_stack_does_not_wait() {
    check(
        "casgstatus a dead runnable
         casgstatus a runnable running
         after 10
         reason a GC assist marking
         casgstatus a running waiting
         after 10
         casgstatus a waiting running
         after 10
         reason a chan receive
         casgstatus a running waiting",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 0 main.fib
            10 running > waiting (chan receive) 30 main.fib
            1 known"#]],
    );
}

#[test]
fn a_system_call_is_seen_where_the_runtime_changes_the_state_by_itself_and_only_once() {
    check(
        "casgstatus a dead runnable
         casgstatus a runnable running
         after 10
         entersyscall a
         after 7
         exitsyscall a
         after 10
         entersyscall a
         casgstatus a running syscall
         after 9
         exitsyscall a
         casgstatus a syscall running
         after 1
         casgstatus a running runnable",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 0 main.fib
            10 running > syscall () 10 main.fib
            10 syscall > running () 7 main.fib
            10 running > syscall () 10 main.fib
            10 syscall > running () 9 main.fib
            10 running > runnable () 1 main.fib
            1 known"#]],
    );
}

#[test]
fn preemption_is_seen_and_only_the_suspension_that_succeeds() {
    check(
        "casgstatus a dead runnable
         casgstatus a runnable running
         preempt a
         after 3
         suspend a preempted
         suspend a waiting
         casgstatus a waiting runnable
         suspend a runnable",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 0 main.fib
            10 running > preempted () 0 main.fib
            10 preempted > waiting (preempted) 3 main.fib
            10 waiting > runnable (preempted) 0 main.fib
            1 known"#]],
    );
}

#[test]
fn a_coroutine_and_its_caller_change_places() {
    check_coroutines(
        "casgstatus a dead runnable
         casgstatus a runnable running
         casgstatus b dead waiting
         after 10
         coroswitch a b
         after 20
         coroswitch b a
         after 30
         coroswitch a b
         after 40
         coroswitch b a exit
         casgstatus b running dead
         after 50
         casgstatus a running runnable",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 0 main.fib
            create 11 by 1 main.fib at UserSymbol of 0x7
            11 dead > waiting () 0 main.fib
            10 running > waiting (coroutine) 10 main.fib
            11 waiting > running (coroutine) 10 main.fib
            11 running > waiting (coroutine) 20 main.fib
            10 waiting > running (coroutine) 20 main.fib
            10 running > waiting (coroutine) 30 main.fib
            11 waiting > running (coroutine) 30 main.fib
            10 waiting > running (coroutine) 40 main.fib
            11 running > dead () 40 main.fib
            exit 11 main.fib
            10 running > runnable () 50 main.fib
            1 known"#]],
    );
}

#[test]
fn a_switch_that_needs_casgstatus_after_all_is_one_switch() {
    check_coroutines(
        "casgstatus a dead runnable
         casgstatus a runnable running
         casgstatus b dead waiting
         after 10
         coroswitch a b
         reason a coroutine
         casgstatus a running waiting
         casgstatus b waiting runnable
         casgstatus b runnable running
         after 20
         casgstatus b running runnable
         casgstatus b runnable running",
        expect![[r#"
            create 10 by 1 main.fib at UserSymbol of 0x7
            10 dead > runnable () 0 main.fib
            10 runnable > running () 0 main.fib
            create 11 by 1 main.fib at UserSymbol of 0x7
            11 dead > waiting () 0 main.fib
            10 running > waiting (coroutine) 10 main.fib
            11 waiting > running (coroutine) 10 main.fib
            11 running > runnable () 20 main.fib
            11 runnable > running () 0 main.fib
            2 known"#]],
    );
}

#[test]
fn up_to_go_1_23_a_new_goroutine_is_seen_when_it_has_its_goid() {
    let old = |runtime: &mut Runtime| {
        runtime.release = Some(gobin::release::Release::of(23));
        let hook = runtime.hooks(HookKind::Status).next().unwrap().clone();
        let at = gobin::VAddr(0x40_0600);
        runtime.hooks.push(plan::target::Hook { kind: HookKind::Created, at, ..hook });
    };
    let steps = "casgstatus a dead runnable
         newproc a runnable
         casgstatus b dead waiting
         reason b preempted
         newproc b waiting
         after 4
         casgstatus a runnable running
         casgstatus c dead syscall";
    expect![[r#"
        create 10 by 1 main.fib at UserSymbol of 0x7
        10 dead > runnable () 0 main.fib
        create 11 by 1 main.fib at UserSymbol of 0x7
        11 dead > waiting (preempted) 0 main.fib
        10 runnable > running () 4 main.fib
        12 dead > syscall () 0 main.fib
        3 known"#]]
    .assert_eq(&play(&planned(EVERYTHING, old), steps));
}

#[test]
fn the_table_is_kept_while_hits_do_not_count() {
    check(
        "disarm
         casgstatus a dead runnable
         casgstatus b dead runnable
         casgstatus b runnable running
         after 6
         arm
         casgstatus a runnable running
         disarm
         casgstatus b running dead",
        expect![[r#"
            10 runnable > running () 6 main.fib
            1 known"#]],
    );
}

#[test]
fn states_and_reasons_compare_with_their_names_and_words_mean_whose_code_runs() {
    let text = r#"goroutine:state /args.to == "waiting" && args.reason == "chan receive"/ { @w[args.goid] = count(); }
        goroutine:state /args.from == "waiting"/ { @woken[args.goid, goid] = sum(args.for); }
        goroutine:create /args.startfunc == "main.fib"/ { @fib = count(); }
        goroutine:create /args.startfunc == "main.handle"/ { @handle = count(); }"#;
    let steps = "casgstatus a dead runnable
        casgstatus a runnable running
        reason a chan receive
        casgstatus a running waiting
        after 12
        casgstatus a waiting runnable
        casgstatus a runnable running
        reason a chan send
        casgstatus a running waiting
        after 30
        casgstatus a waiting runnable
        casgstatus b waiting runnable";
    expect![[r#"
        @w[10] = 1
        @woken[10, 15] = 42
        @fib[] = 1
        filtered: 7
        2 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), steps));
}

#[test]
fn waits_begin_and_end_with_whoever_ended_them() {
    let text = r#"goroutine:park { printf("%d parks (%s)", args.goid, args.reason); }
        goroutine:ready { printf("%d ready by %d (%s) %d", args.goid, args.by, args.reason, args.for); }"#;
    let steps = "casgstatus a dead runnable
        casgstatus a runnable running
        reason a chan receive
        casgstatus a running waiting
        after 12
        casgstatus a waiting runnable
        casgstatus a runnable running
        reason a GC assist marking
        casgstatus a running waiting
        casgstatus a waiting running
        casgstatus a running runnable
        reason b coroutine
        casgstatus b dead waiting
        after 7
        coroswitch a b
        casgstatus b running dead";
    expect![[r#"
        [goid 15] 10 parks (chan receive)
        [goid 15] 10 ready by 15 (chan receive) 12
        [goid 15] 11 parks (coroutine)
        10 parks (coroutine)
        11 ready by 0 (coroutine) 7
        1 known"#]]
    .assert_eq(&play(&planned(text, with_coroutines), steps));
}

#[test]
fn a_wrapper_is_counted_and_compared_as_what_it_starts() {
    let text = r#"goroutine:create { @[args.startfunc] = count(); } goroutine:state { @now[startfunc] = count(); }
        goroutine:create /args.startfunc == "main.worker"/ { @worker = count(); }
        goroutine:create /args.startfunc == "main.gone"/ { @gone = count(); }"#;
    let steps = "starts a 401600
        starts b 402100
        starts c 401700
        starts f 401600
        casgstatus a dead runnable
        casgstatus b dead runnable
        casgstatus c dead runnable
        casgstatus d dead runnable";
    expect![[r#"
        @[main.fib] = 1
        @[StartFunc(0x401700)] = 1
        @[main.worker] = 2
        @now[main.worker] = 4
        @worker[] = 2
        @gone[] = 1
        4 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), steps));
}

#[test]
fn a_thread_of_c_brings_a_goroutine_that_nobody_started() {
    let text = r#"goroutine:create { print(args.goid); } goroutine:exit { print(args.goid); }
        goroutine:state { printf("%d %s > %s %d %s", args.goid, args.from, args.to, args.for, args.startfunc); }"#;
    let steps = "starts e 0
        casgstatus e dead syscall
        after 3
        exitsyscall e
        after 4
        entersyscall e
        after 5
        casgstatus e syscall dead";
    expect![[r#"
        14 dead > syscall 0 StartFunc(0x0)
        14 syscall > running 3 StartFunc(0x0)
        14 running > syscall 4 StartFunc(0x0)
        14 syscall > dead 5 StartFunc(0x0)
        0 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), steps));
}

#[test]
fn after_exit_nothing_is_said() {
    let text = r#"goroutine:state { printf("%d %s", args.goid, args.to); exit(); } goroutine:exit { print(1); }"#;
    let steps = "casgstatus a dead runnable\ncasgstatus a runnable running\ncasgstatus a running dead";
    expect![[r#"
        10 runnable
        Exit(0)
        exit 0
        0 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), steps));
}

#[test]
fn of_a_time_that_is_spent_counts_which_lies_within_the_run() {
    let text = r#"goroutine:state { printf("%s > %s for %d spent %d", args.from, args.to, args.for, args.spent); }"#;
    let steps = "disarm
        casgstatus a dead runnable
        after 100
        arm
        after 10
        casgstatus a runnable running
        after 200
        casgstatus a running runnable";
    expect![[r#"
        runnable > running for 110 spent 10
        running > runnable for 200 spent 200
        1 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), steps));
}

#[test]
fn what_nobody_saw_begin_is_no_time_that_is_spent_and_counts_all_the_same() {
    let text = "goroutine:state { @[args.from, args.to] = stats(args.spent); }";
    expect![[r#"
        @[running, waiting] = Stats(Tally { count: 1, total: Int { bits: 0, kind: IntType { signed: false, bits: 64 } }, div: 1 })
        1 known"#]]
    .assert_eq(&play(&planned(text, |_| ()), "reason a chan receive\ncasgstatus a running waiting"));
}

#[test]
fn once_the_run_is_over_the_table_stays_as_it_is_and_says_why_a_goroutine_waits() {
    let plan = planned(EVERYTHING, |_| ());
    let mut stage = Stage::new(&plan, Caps::linux_7_0());
    let steps = "casgstatus a dead runnable
        casgstatus a runnable running
        reason a chan send
        after 40
        casgstatus a running waiting
        after 50
        over
        casgstatus a waiting runnable
        casgstatus b dead runnable";
    steps.lines().map(str::trim).for_each(|line| stage.step(line));
    let gos = stage.trial.vm.entries(stage.trial.program.tables.gos.unwrap());
    let [(_, value)] = &gos[..] else { panic!("{gos:?}") };
    let word = |at: u32| u64::from_le_bytes(std::array::from_fn(|n| value[at as usize + n]));
    let (state, flags) = (word(gos::STATE) as u32, (word(gos::STATE) >> 32) as u32);
    assert_eq!((word(gos::SINCE), state, flags >> gos::REASON_AT), (5_040, 4, 2));
}

#[test]
fn goroutines_of_the_next_image_are_none_of_the_last_ones() {
    let mut plan = planned(EVERYTHING, |_| ());
    plan.binaries[0].start = Some(plan::target::Start { at: gobin::VAddr(0x1000), file: gobin::FileOff(0x200) });
    for caps in [Caps::linux_7_0(), Caps::linux_6_1(), Caps::linux_5_10()] {
        let mut stage = Stage::new(&plan, caps);
        let tables = stage.trial.program.tables;
        let process = [TGID.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        let value = [u64::from(TGID).to_le_bytes(), BIAS.to_le_bytes()].concat();
        stage.trial.vm.put(tables.processes, &process, &value).unwrap();
        ["casgstatus a dead runnable", "casgstatus b dead runnable"].iter().for_each(|line| stage.step(line));
        let image = stage.trial.vm.load(&stage.trial.program.starts[0].program).unwrap();
        let mut context = World::default().pt_regs(0x1000 + BIAS);
        stage.trial.vm.run(&image, &mut context, &mut stage.segments()).unwrap();
        stage.step("casgstatus a dead runnable");
        let number = |(key, _): (Vec<u8>, Vec<u8>)| u32::from_le_bytes(key[..4].try_into().unwrap());
        let mut numbers: Vec<u32> = stage.trial.vm.entries(tables.gos.unwrap()).into_iter().map(number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [TGID, TGID, 2 << process::PID_BITS | TGID]);
    }
}

#[test]
fn why_a_goroutine_has_waited_is_read_only_where_its_wait_was_not_seen_to_begin() {
    check(
        "reason a chan receive
         casgstatus a waiting runnable
         casgstatus a runnable running
         reason a chan send
         casgstatus a running waiting
         reason a chan receive
         casgstatus a waiting runnable
         casgstatus a running waiting
         reason a chan send
         casgstatus a runnable running
         casgstatus a waiting runnable",
        expect![[r#"
            10 waiting > runnable (chan receive) <unreadable> main.fib
            10 runnable > running () 0 main.fib
            10 running > waiting (chan send) 0 main.fib
            10 waiting > runnable (chan send) 0 main.fib
            10 running > waiting (chan receive) <unreadable> main.fib
            10 runnable > running () <unreadable> main.fib
            10 waiting > runnable (chan send) <unreadable> main.fib
            1 known"#]],
    );
}
