//! What the engine does when the kernel says no, against a kernel that says no.

use std::fs::File;
use std::sync::Arc;

use bpf::{Assembler, Caps, Entries, Feature, Kind, MapFlags, MapKind, MapSpec, Maps, Reg, Source};
use expect_test::{Expect, expect};

use super::sys::fake::{Fake, ring_memory};
use super::*;
use ::engine::Pid;

fn loader(fake: Fake) -> (Loader, Arc<Fake>) {
    let (sys, fake) = fake.sys();
    let loader = Loader::on(sys).unwrap();
    fake.asked();
    (loader, fake)
}

fn refusal(fake: Fake) -> String {
    Loader::on(fake.sys().0).err().expect("the kernel refused").to_string()
}

fn program(kind: Kind) -> (bpf::Program, Maps) {
    let mut asm = Assembler::new("count", kind, Source::default());
    asm.mov(Reg::R0, 0).exit();
    (asm.finish(&Maps::new()).unwrap(), Maps::new())
}

fn loaded(loader: &Loader, kind: Kind) -> Program {
    let (program, maps) = program(kind);
    loader.load(&program, &loader.maps(&maps).unwrap()).unwrap()
}

fn this_file() -> File {
    File::open(std::env::current_exe().unwrap()).unwrap()
}

fn sites(offsets: &[u64]) -> Vec<Site> {
    offsets.iter().map(|&offset| Site { offset, cookie: offset * 10 }).collect()
}

/// What is asked when these sites are attached, with what came of it, and what is asked when they are detached.
fn check_attach(fake: Fake, kind: Kind, offsets: &[u64], pid: Option<u32>, expect: Expect) {
    let (loader, fake) = loader(fake);
    let program = loaded(&loader, kind);
    let (file, sites) = (this_file(), sites(offsets));
    fake.asked();
    let uprobes = Uprobes { file: &file, sites: &sites, pid: pid.map(Pid), returning: false };
    let attached = loader.uprobes(&program, &uprobes);
    let mut text = anonymous(&fake.asked());
    match attached {
        Err(error) => text += &format!("\n= {error}"),
        Ok(attached) => {
            let refused = attached.refused.iter().map(|r| format!(" {:#x} {}", r.site.offset, r.error));
            text += &format!("\n= {} pieces, refused:{}\n", attached.pieces(), refused.collect::<Vec<_>>().join(","));
            attached.detach();
            text += &anonymous(&fake.asked());
        }
    }
    expect.assert_eq(&text);
}

/// Without what is different in each run.
fn anonymous(asked: &str) -> String {
    let word = |word: &str| {
        let (kind, rest) = word.split_once(':').unwrap_or(("", word));
        match rest.strip_prefix("gospect_") {
            Some(_) => format!("{kind}:GROUP/EVENT"),
            None if word.starts_with("/proc/self/fd/") => {
                format!("FILE:{}", word.rsplit(':').next().unwrap_or_default())
            }
            None if word.contains("/gospect_") => "EVENT/id".to_owned(),
            None => word.to_owned(),
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    asked.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_kernel_below_5_10_is_refused_with_what_it_lacks() {
    let fake = Fake::new().refusing("map_create probe ringbuf", libc::EINVAL);
    let fake = fake.rejecting("call 125", "invalid func unknown#125\n").refusing("prog_run", libc::ENOTSUP);
    assert_eq!(
        refusal(fake),
        "Linux 5.10 or later is needed: this kernel (5.4.0-fake) has no ring buffers, no bpf_ktime_get_boot_ns, \
         no test runs of raw tracepoint programs"
    );
}

#[test]
fn without_privilege_the_kernel_is_not_called_old() {
    let refused = "loading an eBPF program was not permitted: Operation not permitted (os error 1)";
    assert_eq!(refusal(Fake::new().refusing("prog_load", libc::EPERM)), refused);
    // With CAP_BPF and without CAP_PERFMON.
    assert_eq!(refusal(Fake::new().refusing("prog_load probe 2/", libc::EPERM)), refused);
    let without = "loading an eBPF program failed: Function not implemented (os error 38)";
    assert_eq!(refusal(Fake::new().refusing("prog_load", libc::ENOSYS)), without);
}

#[test]
fn a_kernel_without_memory_for_us_is_not_called_old() {
    let refused = "making a ring buffer was not permitted: Operation not permitted (os error 1)";
    assert_eq!(refusal(Fake::new().refusing("map_create probe ringbuf", libc::EPERM)), refused);
}

#[test]
fn a_limit_of_memory_that_cannot_be_raised_is_no_reason_to_stop() {
    assert!(Loader::on(Fake::new().refusing("raise_memlock", libc::EPERM).sys().0).is_ok());
}

#[test]
fn each_feature_is_asked_for_and_its_refusal_understood() {
    let unknown = "program of this type cannot use helper bpf_x#1\n";
    let lacking = |fake: Fake| {
        let caps = loader(fake).0.caps();
        Feature::all().filter(|&f| !caps.has(f)).collect::<Vec<_>>()
    };
    use Feature::*;
    assert_eq!(lacking(Fake::new()), []);
    assert_eq!(lacking(Fake::new().refusing("atomic", libc::EINVAL)), [Atomics]);
    assert_eq!(lacking(Fake::new().rejecting("call 160", unknown)), [MemcgAccounting]);
    assert_eq!(lacking(Fake::new().rejecting("call 164", unknown)), [Callbacks]);
    assert_eq!(lacking(Fake::new().rejecting("call 174", unknown)), [Cookies]);
    assert_eq!(lacking(Fake::new().rather_refusing("link_no_event", libc::EINVAL)), [PerfLink]);
    assert_eq!(lacking(Fake::new().rejecting("call 123", unknown)), [AncestorCgroup]);
    assert_eq!(lacking(Fake::new().rejecting("call 181", "invalid func unknown#181")), [Loop]);
    assert_eq!(lacking(Fake::new().rejecting("call 182", unknown)), [Strncmp]);
    assert_eq!(lacking(Fake::new().refusing("sign-extend", libc::EINVAL)), [CpuV4]);
    assert_eq!(lacking(Fake::new().refusing("write-context", libc::EACCES)), [RegisterWrite]);
    let sleepable = Fake::new().refusing("prog_load probe 2/0/16", libc::EINVAL);
    assert_eq!(lacking(sleepable), [SleepableUprobes, NoPreallocInTracing]);
    let late_hash = Fake::new().refusing("prog_load probe 2/0/16 log 0 call 1", libc::EINVAL);
    assert_eq!(lacking(late_hash), [NoPreallocInTracing]);
}

#[test]
fn a_helper_that_is_known_complains_about_its_arguments() {
    let fake = Fake::new().rejecting("call", "0: (85) call bpf_x#1\nR1 type=ctx expected=fp\n");
    let caps = loader(fake).0.caps();
    assert!(caps.has(Feature::Loop) && caps.has(Feature::Cookies));
}

#[test]
fn the_bug_of_filters_by_thread_is_found_without_a_target() {
    let none = loader(Fake::new().rather_refusing("link_uprobes", libc::EINVAL)).0;
    assert!(!none.caps().has(Feature::UprobeMulti) && none.way() == Way::Tracefs);
    let broken = loader(Fake::new().rather_refusing("link_uprobes", libc::EBADF)).0;
    assert!(broken.caps().has(Feature::UprobeMulti) && !broken.caps().has(Feature::UprobeMultiPidFilter));
    assert_eq!(broken.way(), Way::Tracefs);
    assert_eq!(loader(Fake::new()).0.way(), Way::Multi);
}

fn check_maps(fake: Fake, maps: &Maps, expect: Expect) {
    let (loader, fake) = loader(fake);
    let result = loader.maps(maps).map_or_else(|error| format!("\n= {error}"), |_| String::new());
    expect.assert_eq(&format!("{}{result}", fake.asked()));
}

fn some_maps() -> Maps {
    let mut maps = Maps::new();
    let mut add = |spec| maps.add(spec).unwrap();
    let ring = add(MapSpec::ringbuf("ring", Entries::PerCpu(4096)));
    add(MapSpec::array_of_maps("rings", vec![ring]));
    add(MapSpec::hash("@by name", MapKind::Hash, 1, 2, 9)
        .flags(MapFlags::NO_PREALLOC)
        .contents(vec![1, 2, 3, 4, 5, 6]));
    add(MapSpec::array("const", 1, Entries::Fixed(2)).flags(MapFlags::READ_ONLY).contents(vec![7]));
    maps
}

#[test]
fn maps_are_made_in_order_filled_and_closed() {
    check_maps(
        Fake::new(),
        &some_maps(),
        expect![[r#"
        map_create ring ringbuf 0→0 × 16384 flags 0
        map_create rings array_of_maps 4→4 × 1 flags 0 holds maps
        map_put_map 0
        map_create by_name hash 1→2 × 9 flags 1
        map_update [1] [2, 3]
        map_update [4] [5, 6]
        map_create const array 4→1 × 2 flags 128
        map_update [0, 0, 0, 0] [7]
        map_freeze"#]],
    );
}

#[test]
fn a_kernel_that_is_afraid_of_allocating_gets_maps_that_have_allocated() {
    let fake = Fake::new().refusing("prog_load probe 2/0/16", libc::EINVAL).refusing("map_freeze", libc::EPERM);
    check_maps(
        fake,
        &some_maps(),
        expect![[r#"
        map_create ring ringbuf 0→0 × 16384 flags 0
        map_create rings array_of_maps 4→4 × 1 flags 0 holds maps
        map_put_map 0
        map_create by_name hash 1→2 × 9 flags 0
        map_update [1] [2, 3]
        map_update [4] [5, 6]
        map_create const array 4→1 × 2 flags 128
        map_update [0, 0, 0, 0] [7]
        map_freeze
        = filling map const was not permitted: Operation not permitted (os error 1)"#]],
    );
}

#[test]
fn a_second_program_makes_only_its_own_maps_beside_those_of_the_first() {
    let (loader, fake) = loader(Fake::new());
    let (mut specs, mut others) = (Maps::new(), Maps::new());
    let shared = MapSpec::hash("shared", MapKind::Hash, 1, 2, 9);
    specs.add(shared.clone()).unwrap();
    let own = specs.add(MapSpec::array("own", 8, Entries::Fixed(2))).unwrap();
    let first = loader.maps(&specs).unwrap();
    fake.asked();
    others.add(shared).unwrap();
    others.add(MapSpec::array("own", 8, Entries::Fixed(5))).unwrap();
    assert!(loader.maps_beside(&others, &first, &[own]).unwrap().is_some());
    assert_eq!(fake.asked(), "map_create own array 4→8 × 5 flags 0");
    // A map of another shape is none to share.
    assert!(loader.maps_beside(&others, &first, &[]).unwrap().is_none());
    // Nor is one that the first does not have; fewer are none too few.
    let third = others.add(MapSpec::array("third", 8, Entries::Fixed(1))).unwrap();
    assert!(loader.maps_beside(&others, &first, &[own]).unwrap().is_none());
    assert!(loader.maps_beside(&others, &first, &[own, third]).unwrap().is_some());
    assert!(loader.maps_beside(&Maps::new(), &first, &[]).unwrap().is_some());
}

#[test]
fn a_map_that_cannot_be_is_named() {
    let fake = Fake::new().refusing("map_create rings", libc::E2BIG);
    check_maps(
        fake,
        &some_maps(),
        expect![[r#"
        map_create ring ringbuf 0→0 × 16384 flags 0
        map_create rings array_of_maps 4→4 × 1 flags 0 holds maps
        = making map rings failed: Argument list too long (os error 7)"#]],
    );
}

fn check_load(fake: Fake, expect: Expect) {
    let (loader, fake) = loader(fake);
    let (program, maps) = program(Kind::UprobeMulti);
    let result = loader.load(&program, &loader.maps(&maps).unwrap());
    let result = result.map_or_else(|error| format!("\n= {error}"), |_| String::new());
    expect.assert_eq(&format!("{}{result}", fake.asked()));
}

#[test]
fn a_program_is_loaded_without_a_log() {
    check_load(
        Fake::new(),
        expect![[r#"
        btf_load types
        prog_load count 2/48/0 log 0"#]],
    );
}

#[test]
fn the_verifier_is_asked_to_explain_itself_and_given_room_for_it() {
    check_load(
        Fake::new().rejecting("prog_load count", "; x @ a:1\n3: (85) call 1\nbad\nprocessed 3 insns\n"),
        expect![[r#"
            btf_load types
            prog_load count 2/48/0 log 0
            prog_load count 2/48/0 log 1048576
            = the kernel's verifier rejected count: bad (Invalid argument (os error 22))
              at: 3: (85) call 1
              for: x @ a:1"#]],
    );
    let fake = Fake::new().refusing("prog_load count 2/48/0 log 1048576", libc::ENOSPC);
    check_load(
        fake.rejecting("prog_load count", "bad\n"),
        expect![[r#"
        btf_load types
        prog_load count 2/48/0 log 0
        prog_load count 2/48/0 log 1048576
        prog_load count 2/48/0 log 33554432
        = the kernel's verifier rejected count: bad (Invalid argument (os error 22))"#]],
    );
}

#[test]
fn a_refusal_without_a_word_of_the_verifier_is_the_systems() {
    check_load(
        Fake::new().refusing("prog_load count", libc::ENOMEM),
        expect![[r#"
        btf_load types
        prog_load count 2/48/0 log 0
        prog_load count 2/48/0 log 1048576
        = loading count failed: Cannot allocate memory (os error 12)"#]],
    );
    check_load(
        Fake::new().refusing("prog_load count", libc::EPERM),
        expect![[r#"
        btf_load types
        prog_load count 2/48/0 log 0
        prog_load count 2/48/0 log 1048576
        = loading count was not permitted: Operation not permitted (os error 1)"#]],
    );
    check_load(
        Fake::new().refusing("btf_load", libc::EINVAL),
        expect![[r#"
        btf_load types
        = loading count: its types failed: Invalid argument (os error 22)"#]],
    );
}

#[test]
fn runs_that_were_missed_are_asked_for() {
    let (ours, _) = loader(Fake::new());
    assert_eq!(ours.missed(&loaded(&ours, Kind::Uprobe)).unwrap(), 7);
    let (ours, _) = loader(Fake::new().refusing("prog_misses", libc::EINVAL));
    let error = ours.missed(&loaded(&ours, Kind::Uprobe)).unwrap_err();
    assert_eq!(error.to_string(), "asking how often count was missed failed: Invalid argument (os error 22)");
}

#[test]
fn programs_are_timed_as_long_as_somebody_wants_it() {
    let (ours, _) = loader(Fake::new());
    let timing = ours.time_programs().unwrap();
    assert_eq!(ours.run_time(&loaded(&ours, Kind::Uprobe)).unwrap(), std::time::Duration::from_nanos(4200));
    drop(timing);
    let (ours, _) = loader(Fake::new().refusing("time_programs", libc::EPERM));
    let error = ours.time_programs().unwrap_err();
    assert_eq!(error.to_string(), "having programs timed was not permitted: Operation not permitted (os error 1)");
}

#[test]
fn what_the_verifier_did_is_asked_for() {
    let (ours, _) = loader(Fake::new());
    assert_eq!(ours.verified(&loaded(&ours, Kind::Uprobe)).unwrap(), 1234);
    let (ours, _) = loader(Fake::new().refusing("prog_verified", libc::EINVAL));
    let error = ours.verified(&loaded(&ours, Kind::Uprobe)).unwrap_err();
    assert_eq!(error.to_string(), "asking what the verifier did with count failed: Invalid argument (os error 22)");
}

#[test]
fn a_multi_link_is_one_call() {
    check_attach(
        Fake::new(),
        Kind::UprobeMulti,
        &[16, 32],
        Some(7),
        expect![[r#"
        link_uprobes FILE pid 7 [10, 20] [160, 320]
        = 1 pieces, refused:
    "#]],
    );
    check_attach(
        Fake::new(),
        Kind::UprobeMulti,
        &[16],
        None,
        expect![[r#"
        map_privately
        link_uprobes FILE [10] [160]
        = 1 pieces, refused:
    "#]],
    );
}

#[test]
fn a_link_that_is_refused_for_one_site_goes_in_without_it() {
    let fake = Fake::new().refusing("[10, 20, 30]", 524).refusing("[20, 30]", 524).refusing("[20]", 524);
    check_attach(
        fake,
        Kind::UprobeMulti,
        &[16, 32, 48],
        None,
        expect![[r#"
        map_privately
        link_uprobes FILE [10, 20, 30] [160, 320, 480]
        link_uprobes FILE [10] [160]
        link_uprobes FILE [20, 30] [320, 480]
        link_uprobes FILE [20] [320]
        link_uprobes FILE [30] [480]
        = 2 pieces, refused: 0x20 Unknown error 524 (os error 524)
    "#]],
    );
}

#[test]
fn a_link_that_is_refused_as_a_whole_is_an_error() {
    check_attach(
        Fake::new().refusing("link_uprobes FILE", libc::ESRCH),
        Kind::UprobeMulti,
        &[16, 32],
        Some(7),
        expect![[r#"
            link_uprobes FILE pid 7 [10, 20] [160, 320]
            = attaching count failed: No such process (os error 3)"#]],
    );
    check_attach(
        Fake::new().refusing("link_uprobes FILE", libc::EPERM),
        Kind::UprobeMulti,
        &[16],
        Some(7),
        expect![[r#"
            link_uprobes FILE pid 7 [10] [160]
            = attaching count was not permitted: Operation not permitted (os error 1)"#]],
    );
}

#[test]
fn an_event_is_made_opened_and_taken_out_again() {
    check_attach(
        Fake::new(),
        Kind::Uprobe,
        &[16, 32],
        Some(7),
        expect![[r#"
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            p:GROUP/EVENT FILE:0x20
            read EVENT/id
            event_open Trace { id: 42, pid: Some(Pid(7)) }
            event_run
            = 1 pieces, refused:
            append /t/uprobe_events -:GROUP/EVENT"#]],
    );
}

#[test]
fn an_event_that_cannot_be_used_is_taken_out_at_once() {
    check_attach(
        Fake::new().refusing("event_open", libc::EACCES),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            read EVENT/id
            event_open Trace { id: 42, pid: None }
            append /t/uprobe_events -:GROUP/EVENT
            = attaching count by an event in tracefs was not permitted: Permission denied (os error 13)"#]],
    );
    check_attach(
        Fake::new().refusing("event_run", libc::EEXIST),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            read EVENT/id
            event_open Trace { id: 42, pid: None }
            event_run
            append /t/uprobe_events -:GROUP/EVENT
            = attaching count by an event in tracefs failed: File exists (os error 17)"#]],
    );
    check_attach(
        Fake::new().refusing("p:gospect", libc::ENOMEM),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            append /t/uprobe_events -:GROUP/EVENT
            = attaching count by an event in tracefs failed: Cannot allocate memory (os error 12)"#]],
    );
    check_attach(
        Fake::new().with("/id", "none\n"),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            read EVENT/id
            append /t/uprobe_events -:GROUP/EVENT
            = attaching count by an event in tracefs failed: the event's id is no number"#]],
    );
}

#[test]
fn an_event_that_is_refused_for_a_site_goes_in_without_it() {
    // The fake cannot know which sites an event has: it refuses all, and each is reported.
    check_attach(
        Fake::new().refusing("event_open", 524),
        Kind::Uprobe,
        &[16, 32],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            read /t/uprobe_events
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            p:GROUP/EVENT FILE:0x20
            read EVENT/id
            event_open Trace { id: 42, pid: None }
            append /t/uprobe_events -:GROUP/EVENT
            append /t/uprobe_events p:GROUP/EVENT FILE:0x10
            read EVENT/id
            event_open Trace { id: 42, pid: None }
            append /t/uprobe_events -:GROUP/EVENT
            append /t/uprobe_events p:GROUP/EVENT FILE:0x20
            read EVENT/id
            event_open Trace { id: 42, pid: None }
            append /t/uprobe_events -:GROUP/EVENT
            = 0 pieces, refused: 0x10 Unknown error 524 (os error 524), 0x20 Unknown error 524 (os error 524)
        "#]],
    );
}

#[test]
fn tracefs_is_mounted_for_us_alone_or_missed_in_a_sentence() {
    let nowhere = || Fake::new().with("/proc/self/mounts", "proc /proc proc rw 0 0\n");
    check_attach(
        nowhere().refusing("mount_tracefs", libc::EPERM),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
        map_privately
        read /proc/self/mounts
        mount_tracefs
        = mounting tracefs was not permitted: Operation not permitted (os error 1)"#]],
    );
    check_attach(
        Fake::new().refusing("read /t/current_tracer", libc::ENOENT),
        Kind::Uprobe,
        &[16],
        None,
        expect![[r#"
            map_privately
            read /proc/self/mounts
            read /t/current_tracer
            = reading tracefs was not permitted: it is empty, as where the kernel is locked down for confidentiality"#]],
    );
    let (loader, fake) = loader(nowhere());
    loader.tracepoint("sched", "sched_switch").unwrap_err();
    assert!(fake.asked().contains("mount_tracefs\nread /proc/self/fd/"));
}

#[test]
fn what_dead_gospects_left_is_swept_out_before_tracefs_is_used() {
    let (loader, fake) = loader(Fake::new().with("/uprobe_events", "p:gospect_1_2_3/e0 /a:0x1\n"));
    drop(loader.tracepoint("sched", "sched_switch"));
    // The namespace is not ours.
    assert!(!fake.asked().contains("-:"));
}

#[test]
fn programs_of_the_wrong_kind_are_refused() {
    let (loader, _) = loader(Fake::new().with("/format", ""));
    let program = loaded(&loader, Kind::RawTracepoint);
    let (file, sites) = (this_file(), sites(&[16]));
    let point = loader.tracepoint("sched", "sched_switch").unwrap();
    let errors = [
        loader.uprobes(&program, &Uprobes { file: &file, sites: &sites, pid: None, returning: false }).err(),
        loader.on_tracepoint(&program, &point).err(),
        loader.on_clock(&program, 99).err(),
    ];
    let text: Vec<String> = errors.map(|error| error.unwrap().to_string()).into();
    expect![[r#"
        attaching count: a raw_tracepoint program runs at no place in a file
        attaching count to tracepoint sched:sched_switch: it is a raw_tracepoint program
        running count 99 times a second: it is a raw_tracepoint program"#]]
    .assert_eq(&text.join("\n"));
}

#[test]
fn a_clock_runs_on_each_cpu_that_is_on() {
    let (loader, fake) = loader(Fake::new());
    let program = loaded(&loader, Kind::PerfEvent);
    fake.asked();
    assert_eq!(loader.on_clock(&program, 99).unwrap().pieces(), 3);
    expect![[r#"
        read /sys/devices/system/cpu/online
        event_open Clock { hz: 99, cpu: 0 }
        event_run
        event_open Clock { hz: 99, cpu: 1 }
        event_run
        event_open Clock { hz: 99, cpu: 2 }
        event_run"#]]
    .assert_eq(&fake.asked());
}

#[test]
fn a_bucket_that_does_not_fit_gets_more_room_but_not_without_end() {
    let mut maps = Maps::new();
    let id = maps.add(MapSpec::hash("h", MapKind::Hash, 8, 8, 9)).unwrap();
    let read = |fake: Fake| {
        let (loader, fake) = loader(fake);
        let maps = loader.maps(&maps).unwrap();
        fake.asked();
        let read = maps.get(id).unwrap().entries().map(|entries| entries.len()).map_err(|error| error.to_string());
        (read, fake.asked().lines().count())
    };
    assert_eq!(read(Fake::new()), (Ok(2), 2));
    assert_eq!(read(Fake::new().refusing("room 1024", libc::ENOSPC)), (Ok(2), 3));
    let full = "reading map h failed: No space left on device (os error 28)";
    assert_eq!(read(Fake::new().refusing("room", libc::ENOSPC)), (Err(full.to_owned()), 13));
    // One by one instead, and keys that count up for ever come to an end.
    let walked = read(Fake::new().refusing("map_lookup_batch", libc::EINVAL));
    assert_eq!(walked, (Ok(18), 1 + 2 * 18));
}

fn header(len: u32, flags: u32) -> [u8; 8] {
    (u64::from(len | flags)).to_ne_bytes()
}

fn check_ring(records: &[(u32, u32)], expect: Expect) {
    let mut data = Vec::new();
    for (n, &(len, flags)) in (1u8..).zip(records) {
        data.extend(header(len, flags));
        data.extend(vec![n; (len as usize).min(64).next_multiple_of(8)]);
    }
    let (memory, _file) = ring_memory(4096, &data);
    let mut ring = Ring::of(memory);
    let mut seen = Vec::new();
    let count = ring.drain(|record| seen.push(format!("{}×{}", record.first().copied().unwrap_or(0), record.len())));
    expect.assert_eq(&format!("{count}: {} ({} wait)", seen.join(" "), ring.waiting()));
}

#[test]
fn records_are_given_in_order_and_discarded_ones_passed_over() {
    const DISCARDED: u32 = 1 << 30;
    check_ring(&[], expect!["0:  (0 wait)"]);
    check_ring(&[(16, 0), (3, 0), (8, DISCARDED), (8, 0)], expect!["3: 1×16 2×3 4×8 (0 wait)"]);
}

#[test]
fn a_record_that_is_being_written_holds_up_those_behind_it() {
    check_ring(&[(16, 0), (8, 1 << 31), (8, 0)], expect!["1: 1×16 (32 wait)"]);
}

#[test]
fn a_broken_header_ends_the_reading() {
    check_ring(&[(8, 0), (4097, 0)], expect!["1: 1×8 (72 wait)"]);
    check_ring(&[(8, 0), ((1 << 30) - 1, 1 << 30)], expect!["1: 1×8 (0 wait)"]);
}

#[test]
fn a_kernel_that_has_less_is_imagined_but_not_one_that_has_more() {
    let without_loop = Fake::new().rejecting("call 181", "invalid func unknown#181");
    let caps = loader(without_loop).0.limited_to(Caps::linux_6_8()).caps();
    assert_eq!(caps, Caps::linux_6_8().without(Feature::Loop));
}

#[test]
fn events_that_a_dead_gospect_left_are_swept_out_of_the_real_tracefs() {
    let sys = linux();
    let tracefs = match Tracefs::open(&sys) {
        Ok(tracefs) => tracefs,
        Err(error) => {
            return gospect_fixtures::Missing { why: error.to_string() }.skip();
        }
    };
    let alive = tracefs.uprobe_event("/proc/self/exe".as_ref(), &sites(&[0x1000]), false);
    let alive = match alive {
        Ok(event) => event,
        Err(error) => return gospect_fixtures::Missing { why: format!("no uprobe event can be made: {error}") }.skip(),
    };
    let left = tracefs.leave_behind();
    assert!(tracefs.listed().contains(&left));
    tracefs.sweep();
    let listed = tracefs.listed();
    assert!(!listed.contains(&left) && listed.contains(&alive.name()), "{listed}");
    drop(alive);
    assert!(!tracefs.listed().contains(&format!("_{}_", std::process::id())));
}

#[test]
fn a_panic_takes_the_probes_out() {
    let (loader, fake) = loader(Fake::new());
    let program = loaded(&loader, Kind::Uprobe);
    let (file, sites) = (this_file(), sites(&[16]));
    let uprobes = Uprobes { file: &file, sites: &sites, pid: None, returning: false };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = loader.uprobes(&program, &uprobes).unwrap();
        fake.asked();
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(anonymous(&fake.asked()), "append /t/uprobe_events -:GROUP/EVENT");
}

/// Whoever reads rings does it in a thread of its own.
const fn shared_between_threads<T: Send + Sync>() {}
const fn moved_between_threads<T: Send>() {}
const _: () = {
    shared_between_threads::<Loader>();
    shared_between_threads::<super::map::Maps>();
    shared_between_threads::<Program>();
    moved_between_threads::<Ring>();
    moved_between_threads::<Attached>();
};
