use expect_test::expect;
use program::engine_control;

use super::sketch::*;
use super::*;
use plan::*;

#[test]
fn a_process_that_is_not_ours_leaves_nothing_unless_all_are() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.printf("hit", vec![]);
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    run.vm.task.tgid = 99;
    run.hit(&plan, &World::default());
    assert_eq!(run.outcome(), "");
    let mut open = vec![0; control::SIZE as usize];
    open[control::ARMED as usize] = 1;
    open[control::UNFILTERED as usize] = 1;
    run.vm.put(run.program.tables.control, &[0; 4], &open).unwrap();
    run.hit(&plan, &World::default());
    assert_eq!(run.outcome(), "hit");
}

#[test]
fn a_program_that_is_not_armed_does_nothing() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.printf("hit", vec![]);
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    run.arm(0);
    run.hit(&plan, &World::default());
    assert_eq!((run.outcome(), run.sum(run.program.tables.firings, 0, 0)), (String::new(), 0));
}

#[test]
fn processes_have_the_numbers_of_the_namespace_that_is_asked_for() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.printf("%d %d", vec![word(Word::Pid), word(Word::Tid)]);
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_5_10());
    run.vm.task.tgid = 4711;
    run.vm.task.namespace = bpf::vm::Namespace { device: 4, inode: 40, tgid: TGID, pid: 9 };
    let mut inside = vec![0; engine_control::SIZE as usize];
    inside[engine_control::NAMESPACE_DEVICE as usize] = 4;
    inside[engine_control::NAMESPACE_INODE as usize] = 40;
    run.vm.put(run.program.tables.engine.unwrap(), &[0; 4], &inside).unwrap();
    run.hit(&plan, &World::default());
    assert_eq!(run.outcome(), "7 9");
}

/// So many functions, each with its own clause and one clause for all.
fn many(functions: usize) -> Plan {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let all = sketch.map("@all", vec![Type::Id(Id::Func)], MapValue::Count);
    sketch.stmt(StmtKind::Aggregate { map: all, key: vec![word(Word::Func)], value: None });
    let shared = sketch.end_body(PointNo(0));
    let shared = sketch.plan.groups[shared.index()].runs[0];
    for n in 0..functions {
        let function = if n == 0 { FuncNo(0) } else { sketch.function(&format!("main.f{n}")) };
        let point = sketch.point(&format!("go:main.f{n}"));
        sketch.printf(&format!("f{n} %s"), vec![word(Word::Probe)]);
        let group = sketch.end_body(point);
        sketch.plan.groups[group.index()].runs.insert(0, shared);
        sketch.site(function, group);
    }
    sketch.plan
}

#[test]
fn each_site_finds_its_own_code_also_when_there_are_too_many_for_one_program() {
    for caps in [Caps::linux_7_0(), Caps::linux_5_10()] {
        let plan = many(500);
        let mut run = Trial::new(&plan, caps);
        assert_eq!(run.program.users.len(), 3);
        for n in [0, 1, 198, 199, 200, 201, 498, 499] {
            run.hit(&plan, &World { cookie: n, ..World::default() });
            let outcome = run.outcome();
            let first = outcome.lines().next().unwrap().to_owned();
            assert_eq!(first, format!("f{n} Probe({:#x})", (n + 1) << 32 | n));
        }
        assert_eq!(run.vm.entries(run.program.user_maps[0]).len(), 8);
    }
}

#[test]
fn ten_thousand_functions_with_one_body_are_ten_thousand_rows_and_one_small_program() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let all = sketch.map("@all", vec![Type::Id(Id::Func)], MapValue::Count);
    sketch.plan.maps[0].capacity = 10_000;
    sketch.stmt(StmtKind::Aggregate { map: all, key: vec![word(Word::Func)], value: None });
    let group = sketch.end_body(PointNo(0));
    for n in 0..10_000 {
        let function = if n == 0 { FuncNo(0) } else { sketch.function(&format!("main.f{n}")) };
        sketch.plan.sites.push(Site {
            function,
            offset: 0,
            at: gobin::VAddr(0x1000 + 16 * n),
            file: gobin::FileOff(0x1000 + 16 * n),
            class: None,
            entry: Some(Entry { group: Some(group), sp_adjust: 0, loop_head: false, saves: None, restored: None }),
            exit: None,
            here: None,
            syscall: None,
            also: Vec::new(),
            over: Vec::new(),
            native_return: false,
        });
    }
    let plan = sketch.plan;
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    assert!(run.program.users.len() == 1 && run.program.users[0].program.insns().len() < 200);
    for cookie in [0, 5000, 9999] {
        run.hit(&plan, &World { cookie, ..World::default() });
    }
    expect![[r#"
        @all[Func(0x0)] = 1
        @all[Func(0x1388)] = 1
        @all[Func(0x270f)] = 1"#]]
    .assert_eq(&run.outcome());
}

#[test]
fn begin_and_end_run_whether_armed_or_not_clocks_only_if_armed() {
    for (on, runs) in [
        (On::Begin, true),
        (On::End, true),
        (On::Interval { period_ns: 1_000_000_000 }, false),
        (On::Profile { period: Period::Hz(99) }, false),
    ] {
        let prelude = if runs { Prelude::Once } else { Prelude::Interval };
        let mut sketch = Sketch::new(prelude);
        sketch.printf("%s", vec![word(Word::Probe)]);
        let plan = sketch.plan_on(on);
        let mut run = Trial::new(&plan, Caps::linux_5_10());
        run.event(0, &World::default());
        assert_eq!(run.outcome(), "Probe(0xffffffff)");
        run.arm(0);
        run.event(0, &World::default());
        assert_eq!(run.outcome() != "", runs);
    }
}

#[test]
fn a_native_return_has_a_program_of_its_own_where_there_are_no_cookies() {
    let mut sketch = Sketch::new(Prelude::NativeReturn);
    sketch.printf("%s %d", vec![word(Word::Func), reg("ax")]);
    let other = sketch.function("other");
    let group = sketch.end_body(PointNo(0));
    for function in [FuncNo(0), other] {
        let site = sketch.site(function, group);
        site.native_return = true;
        site.entry = None;
        site.exit = Some(Exit { group: Some(group), tail: false });
    }
    let plan = sketch.plan;
    for (caps, programs) in [(Caps::linux_7_0(), 1), (Caps::linux_5_10(), 2)] {
        let mut run = Trial::new(&plan, caps);
        assert!(run.program.users.len() == programs && run.program.users.iter().all(|user| user.returning));
        for cookie in [0, 1] {
            run.hit(&plan, &World { cookie, ..World::with(&[("ax", 30 + cookie)]) });
        }
        assert_eq!(run.outcome(), "Func(0x0) 30\nFunc(0x1) 31");
    }
}

#[test]
fn a_stack_is_kept_once_with_the_caller_that_the_walk_misses() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.plan.needs.stacks = true;
    let map = sketch.map("@s", vec![Type::Id(Id::UStack(32))], MapValue::Count);
    sketch.stmt(StmtKind::Aggregate { map, key: vec![word(Word::UStack)], value: None });
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_5_10());
    let world = World::with(&[("sp", 0x7000)]).words(0x7000, &[0x50_1800]);
    (0..3).for_each(|_| run.hit(&plan, &world));
    let stacks = run.vm.entries(run.program.tables.stacks.unwrap());
    let words: Vec<u64> = stacks[0].1.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(stacks.len(), 1);
    let counts = 32 << 32 | 2;
    assert_eq!(words[..6], [u64::from(TGID) << 32 | 8, 0x50_1800, counts, 0x50_1000, 0x50_2000, 0]);
    expect!["@s[UserStack of 0x7] = 3"].assert_eq(&run.outcome());
}

#[test]
fn stacks_that_find_no_room_are_counted() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.plan.needs.stacks = true;
    let map = sketch.map("@s", vec![Type::Id(Id::UStack(2))], MapValue::Count);
    sketch.stmt(StmtKind::Aggregate { map, key: vec![word(Word::UStack)], value: None });
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    for n in 0..u64::from(crate::emit::STACKS) + 3 {
        run.vm.task.stack = vec![0x50_1000 + n];
        run.hit(&plan, &World::default());
    }
    assert_eq!(run.sum(run.program.tables.counters, run.program.tables.drops + 1, 0), 3);
}

fn refusal(plan: &Plan) -> String {
    emit(plan, &Captures::default(), Caps::linux_7_0(), &Options::of_kernel(Caps::linux_7_0())).unwrap_err().to_string()
}

#[test]
fn what_is_not_made_is_refused_with_a_reason() {
    let answers = [
        {
            let sketch = Sketch::new(Prelude::Goroutine(GoroutineEvent::Exit));
            refusal(&sketch.plan_on(On::Goroutine { binary: BinaryNo(0), event: GoroutineEvent::Exit }))
        },
        {
            let mut sketch = Sketch::new(Prelude::Tracepoint);
            sketch.plan.needs.g_of_thread = true;
            sketch.plan.binaries[0].runtime = None;
            refusal(&sketch.plan_on(On::Tracepoint { category: "a".into(), name: "b".into() }))
        },
        {
            let mut sketch = Sketch::new(Prelude::GoEntry);
            sketch.printf("%d", vec![word(Word::Elapsed)]);
            refusal(&sketch.plan())
        },
        {
            let mut sketch = Sketch::new(Prelude::Tracepoint);
            let kind = ExprKind::Field { offset: 2, bytes: 1, form: FieldForm::Int };
            sketch.printf("%d", vec![expr(kind, U64)]);
            refusal(&sketch.plan_on(On::Tracepoint { category: "a".into(), name: "b".into() }))
        },
        {
            let mut sketch = Sketch::new(Prelude::GoEntry);
            let args = (0..65).map(int).collect();
            sketch.printf("%d", args);
            refusal(&sketch.plan())
        },
        {
            let mut sketch = Sketch::new(Prelude::GoEntry);
            sketch.var("x", Type::Str { max: 40_000 });
            refusal(&sketch.plan())
        },
    ];
    expect![[r#"
        where the runtime does Status is not known
        threads are known only where the Go runtime is
        1:1: the plan asks for the begin of a call and says that calls are not paired
        1:1: the kernel does not let programs read this field
        2:3: 65 values at once are more than 64
        this code keeps more at a time than fits into 32 000 bytes"#]]
    .assert_eq(&answers.join("\n"));
}

#[test]
fn the_listing_of_a_count() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@", vec![Type::Id(Id::Func)], MapValue::Count);
    sketch.stmt(StmtKind::Aggregate { map, key: vec![word(Word::Func)], value: None });
    let plan = sketch.plan();
    let program = emit(&plan, &Captures::default(), Caps::linux_7_0(), &Options::of_kernel(Caps::linux_7_0())).unwrap();
    expect![[r#"
        map ring ringbuf 4194304 bytes
        map control array key 4 value 56 entries 1
        map engine array key 4 value 48 entries 1
        map exit array key 4 value 16 entries 1
        map processes hash key 8 value 16 entries 16384
        map counters percpu_array key 4 value 64 entries 6
        map firings percpu_array key 4 value 16 entries 8
        map link array key 4 value 4 entries 1 holds 1
        map marks hash key 8 value 16 entries 65536 no_prealloc
        map sites array key 4 value 48 entries 1 holds 1
        map @ percpu_hash key 8 value 8 entries 16

        binary 0, 1 sites
        site 0 at 0x1000 in function 0
        program sites_0 uprobe_multi
        map control array key 4 value 56 entries 1
        map engine array key 4 value 48 entries 1
        map processes hash key 8 value 16 entries 16384
        map counters percpu_array key 4 value 64 entries 6
        map firings percpu_array key 4 value 16 entries 8
        map link array key 4 value 4 entries 1 holds 1
        map marks hash key 8 value 16 entries 65536 no_prealloc
        map sites array key 4 value 48 entries 1 holds 1
        map @ percpu_hash key 8 value 8 entries 16

        sites_0:
          r6 = r1
          ; armed?
          r1 = map[control][0]+0
          r0 = *(u32 *)(r1 +0)
          if r0 == 0x0 goto out
          ; which link?
          r1 = map[link][0]+0
          r2 = *(u32 *)(r1 +0)
          r1 = map[engine][0]+0
          r8 = *(u32 *)(r1 +40)
          if r2 == r8 goto newer_link
          r0 = *(u32 *)(r1 +36)
          if r2 != r0 goto our_hit
        older_link:
          r0 = *(u32 *)(r1 +44)
          if r0 == 0x0 goto our_hit
          if r0 == 0x3 goto out
          r9 = *(u64 *)(r6 +128)
          call bpf_get_current_pid_tgid#14
          *(u64 *)(r10 -96) = r0
          r1 = map[marks]
          r2 = r10
          r2 += -96
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto our_hit
          r1 = *(u64 *)(r0 +0)
          if r1 != r9 goto our_hit
          r1 = *(u64 *)(r0 +8)
          if r1 != r8 goto our_hit
          goto out
        newer_link:
          r0 = *(u32 *)(r1 +44)
          if r0 == 0x3 goto our_hit
          if r0 != 0x2 goto out
          r9 = *(u64 *)(r6 +128)
          call bpf_get_current_pid_tgid#14
          *(u64 *)(r10 -96) = r0
          *(u64 *)(r10 -112) = r9
          *(u64 *)(r10 -104) = r8
          r1 = map[marks]
          r2 = r10
          r2 += -96
          r3 = r10
          r3 += -112
          r4 = 0
          call bpf_map_update_elem#2
          if r0 != 0x0 goto out
        our_hit:
          ; pid, tid
          r3 = map[engine][0]+0
          r1 = *(u64 *)(r3 +0)
          if r1 == 0x0 goto own_numbers
          r2 = *(u64 *)(r3 +8)
          r3 = r10
          r3 += -96
          r4 = 8
          *(u64 *)(r10 -96) = 0
          call bpf_get_ns_current_pid_tgid#120
          if r0 != 0x0 goto out
          r0 = *(u32 *)(r10 -92)
          r0 <<= 32
          r1 = *(u32 *)(r10 -96)
          r0 |= r1
          goto have_ids
        own_numbers:
        kernels_numbers:
          call bpf_get_current_pid_tgid#14
        have_ids:
          *(u64 *)(r10 -64) = r0
          ; which site?
          r1 = r6
          call bpf_get_attach_cookie#174
          *(u32 *)(r10 -68) = r0
          r1 = map[firings]
          r2 = r10
          r2 += -68
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto out
          r1 = 1
          lock *(u64 *)(r0 +0) += r1
          ; ours?
          r1 = *(u32 *)(r10 -60)
          *(u32 *)(r10 -96) = r1
          *(u32 *)(r10 -92) = 0
          r1 = map[processes]
          r2 = r10
          r2 += -96
          call bpf_map_lookup_elem#1
          if r0 != 0x0 goto known
          r1 = map[control][0]+16
          r1 = *(u64 *)(r1 +0)
          r2 = 1
          r1 &= r2
          if r1 == 0x0 goto out
          r1 = *(u32 *)(r10 -96)
          *(u64 *)(r10 -16) = r1
          *(u64 *)(r10 -24) = 0
          goto ours
        known:
          r1 = *(u32 *)(r0 +0)
          *(u64 *)(r10 -16) = r1
          r1 = *(u64 *)(r0 +8)
          *(u64 *)(r10 -24) = r1
        ours:
          r1 = map[sites]
          r2 = r10
          r2 += -68
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto out
          r8 = r0
          r1 = *(u64 *)(r6 +128)
          r2 = *(u64 *)(r8 +40)
          r1 -= r2
          *(u64 *)(r10 -24) = r1
          r1 = *(u32 *)(r8 +0)
          *(u64 *)(r10 -80) = r1
          r9 = *(u32 *)(r8 +4)
          r1 = *(u32 *)(r8 +8)
          r2 = *(u64 *)(r6 +152)
          r1 += r2
          *(u64 *)(r10 -32) = r1
          *(u64 *)(r10 -56) = 0
          *(u32 *)(r10 -8) = -1
          *(u32 *)(r10 -4) = 0
          *(u64 *)(r10 -48) = 0
          *(u64 *)(r10 -40) = 0
          *(u32 *)(r10 -72) = 0
          r1 = r6
          r2 = r10
          r2 += -80
          call body_0
        no_call:
        unknown_call:
          goto out
        out:
          r0 = 0
          ; on the thread's own stack
          if r0 == 0x0 goto done
          call bpf_tail_call#12
          r0 = 0
        done:
          exit

        static body_0(ctx, hit):
          r6 = r1
          r7 = r2
          r1 = *(u32 *)(r7 +8)
          r1 += 1
          *(u32 *)(r10 -16) = r1
          r1 = map[counters]
          r2 = r10
          r2 += -16
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto aggregated
          *(u64 *)(r10 -8) = r0
          r1 = 1
          lock *(u64 *)(r0 +8) += r1
          ; test:1:1 go:main.f { … }
          r0 = *(u64 *)(r7 +0)
          *(u64 *)(r10 -32) = r0
          r1 = map[@]
          r2 = r10
          r2 += -32
          call bpf_map_lookup_elem#1
          if r0 != 0x0 goto found
          *(u64 *)(r10 -40) = 0
          r1 = map[@]
          r2 = r10
          r2 += -32
          r3 = r10
          r3 += -40
          r4 = 1
          call bpf_map_update_elem#2
          r1 = map[@]
          r2 = r10
          r2 += -32
          call bpf_map_lookup_elem#1
          if r0 != 0x0 goto found
          *(u32 *)(r10 -48) = 2
          r1 = map[counters]
          r2 = r10
          r2 += -48
          call bpf_map_lookup_elem#1
          if r0 == 0x0 goto dropped
          r1 = 1
          lock *(u64 *)(r0 +0) += r1
        dropped:
          goto aggregated
        found:
          r1 = 1
          lock *(u64 *)(r0 +0) += r1
        aggregated:
        leave:
        out.2:
          r0 = 0
          exit
    "#]]
    .assert_eq(&program.to_string());
}

#[test]
fn a_predicate_decides_before_values_are_put_into_a_record() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let n = sketch.access("args.n", I64, Access::Int(value(location("ax", &[], 8, true))));
    let text = Access::Str {
        data: value(location("bx", &[], 8, false)),
        len: value(location("cx", &[], 8, true)),
        most: None,
    };
    let text = sketch.access("args.s", Type::Str { max: 16 }, text);
    sketch.body.predicate = Some(binary(plan::BinaryOp::Gt, n.clone(), int(10)));
    sketch.printf("%d %s\n", vec![n, text]);
    let plan = sketch.plan();
    for caps in [Caps::linux_7_0(), Caps::linux_5_10()] {
        let mut run = Trial::new(&plan, caps);
        for n in [11, 10, 12] {
            let world = World::with(&[("ax", n), ("bx", 0x9000), ("cx", 5)]).memory(0x9000, b"hello, world");
            run.hit(&plan, &world);
        }
        expect![[r#"
            11 hello

            12 hello

            filtered: 1"#]]
        .assert_eq(&run.outcome());
        expect![[r#"
            format 0 "%d %s\n"
            row 0 printf format 0 payload 40 {0 faults, 8 i64, 16 str[16]}
        "#]]
        .assert_eq(&run.program.schema.to_string());
    }
}
