//! Probes on a running program count exactly what the program counts, both ways of attaching.

use std::time::{Duration, Instant};

use bpf::{Caps, Feature, Kind};
use engine::{Error, Table};
use gospect_fixtures::{Missing, Variant, need};
use kernel::loader::{Attached, Loader, Map, Maps, Program as Loaded, Site, Uprobes, Way};

use crate::loader;
use crate::programs::{Counting, counting, number, runs};
use crate::target::{Program, Removed, Running};

/// A counting program, loaded.
struct Counter {
    spec: Counting,
    maps: Maps,
    program: Loaded,
}

impl Counter {
    fn load(loader: &Loader, way: Way) -> Counter {
        let spec = counting(way);
        let maps = loader.maps(&spec.maps).unwrap();
        let program = loader.load(&spec.program, &maps).unwrap();
        Counter { spec, maps, program }
    }

    fn counts(&self) -> &Map {
        self.maps.get(self.spec.counts).unwrap()
    }

    fn count(&self, cookie: u64) -> u64 {
        let value = self.counts().get(&(cookie as u32).to_ne_bytes()).unwrap().unwrap();
        self.counts().lanes(&value).map(number).sum()
    }

    /// Tells the program which address has which cookie, as it needs it without cookies of the kernel's.
    fn know(&self, addresses: &[u64], bias: u64) {
        let rows: Vec<([u8; 8], [u8; 8])> =
            (0u64..).zip(addresses).map(|(n, a)| ((a + bias).to_ne_bytes(), n.to_ne_bytes())).collect();
        let cookies = self.maps.get(self.spec.cookies).unwrap();
        cookies.put_all(rows.iter().map(|(key, value)| (&key[..], &value[..]))).unwrap();
    }

    fn attach(&self, loader: &Loader, target: &Program, sites: &[Site], running: Option<&Running>) -> Attached {
        let pid = running.map(Running::pid);
        loader.uprobes(&self.program, &Uprobes { file: &target.file, sites, pid, returning: false }).unwrap()
    }
}

fn entries_and_returns_are_counted_exactly(way: Way, variant: Variant) {
    let loader = need!(engine_for(way));
    let target = need!(Program::counter(variant));
    assert_eq!(loader.way(), way);
    let counter = Counter::load(&loader, way);
    let mut running = target.start();
    let mut addresses = vec![target.entry("main.hit"), target.entry("main.deep")];
    let returns = target.returns("main.hit");
    assert!(returns.len() >= 3, "{returns:x?}");
    addresses.extend(&returns);
    counter.know(&addresses, running.bias(&target));
    let sites = target.sites(&addresses);
    let before = running.work(1, 1000);
    let attached = counter.attach(&loader, &target, &sites, Some(&running));
    assert!(attached.refused.is_empty());
    let during = running.work(4, 20_000);
    attached.detach();
    let after = running.work(2, 1000);
    let (hits, deeps) = (during.0 - before.0, during.1 - before.1);
    assert_eq!((hits, deeps), (80_000, 4 * 200 * 101));
    assert_eq!((counter.count(0), counter.count(1)), (hits, deeps), "entries");
    let counted: u64 = (0..returns.len() as u64).map(|n| counter.count(n + 2)).sum();
    assert_eq!(counted, hits, "returns");
    assert!(after.0 > during.0);
}

fn without_multi(caps: Caps) -> Caps {
    caps.without(Feature::UprobeMulti)
}

#[test]
fn a_multi_link_counts_exactly() {
    entries_and_returns_are_counted_exactly(Way::Multi, Variant::Plain);
}

#[test]
fn a_multi_link_counts_exactly_in_a_position_independent_program() {
    entries_and_returns_are_counted_exactly(Way::Multi, Variant::Pie);
}

#[test]
fn a_tracefs_event_counts_exactly() {
    entries_and_returns_are_counted_exactly(Way::Tracefs, Variant::Plain);
}

#[test]
fn a_tracefs_event_counts_exactly_in_a_position_independent_program() {
    entries_and_returns_are_counted_exactly(Way::Tracefs, Variant::Pie);
}

/// Both ways, where the kernel has both and tracefs can be used.
fn loaders() -> Result<Vec<(Loader, Way)>, Missing> {
    let best = loader()?;
    let (caps, way) = (best.caps(), best.way());
    let mut all = Vec::new();
    match best.tracepoint("sched", "sched_process_exit") {
        Ok(_) => all.push((loader()?.limited_to(without_multi(caps)), Way::Tracefs)),
        Err(Error::NotPermitted { .. }) if way == Way::Multi => {}
        Err(error) => return Err(Missing { why: error.to_string() }),
    }
    all.extend((way == Way::Multi).then_some((best, Way::Multi)));
    Ok(all)
}

/// One way, or why it cannot be gone here.
pub fn engine_for(wanted: Way) -> Result<Loader, Missing> {
    let found = loaders()?.into_iter().find(|(_, way)| *way == wanted);
    let loader = found.map(|(loader, _)| loader);
    loader.ok_or_else(|| Missing { why: format!("this kernel does not let us attach the way {wanted:?}") })
}

#[test]
fn a_file_is_probed_before_anybody_runs_it_and_for_all_who_do() {
    let target = need!(Program::own_copy("all"));
    let _removed = Removed(&target.path);
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let addresses = [target.entry("main.hit")];
        counter.know(&addresses, 0);
        let attached = counter.attach(&loader, &target, &target.sites(&addresses), None);
        let (mut one, mut other) = (target.start(), target.start());
        let called = one.work(1, 500).0 + other.work(3, 500).0;
        attached.detach();
        assert_eq!(counter.count(0), called, "{way:?}");
    }
}

#[test]
fn a_filter_by_process_leaves_the_others_alone() {
    let target = need!(Program::own_copy("one"));
    let _removed = Removed(&target.path);
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let addresses = [target.entry("main.hit")];
        counter.know(&addresses, 0);
        let (mut one, mut other) = (target.start(), target.start());
        let attached = counter.attach(&loader, &target, &target.sites(&addresses), Some(&one));
        let text = other.bytes(addresses[0], 1);
        let (called, _) = (one.work(2, 700).0, other.work(3, 500).0);
        attached.detach();
        assert_eq!(counter.count(0), called, "{way:?}");
        assert_ne!(text, [0xcc], "{way:?}: the other process has a breakpoint");
    }
}

#[test]
fn a_command_is_probed_before_its_first_instruction() {
    let target = need!(Program::own_copy("held"));
    let _removed = Removed(&target.path);
    for (loader, way) in need!(loaders()) {
        for by_pid in [true, false] {
            let counter = Counter::load(&loader, way);
            let addresses = [target.entry("main.main"), target.entry("main.hit")];
            counter.know(&addresses, 0);
            let held = kernel::command::hold(target.command(), None).unwrap();
            let pid = by_pid.then_some(held.pid());
            let sites = target.sites(&addresses);
            let uprobes = Uprobes { file: &target.file, sites: &sites, pid, returning: false };
            let attached = loader.uprobes(&counter.program, &uprobes).unwrap();
            let mut running = Running::of(held.release().unwrap());
            let called = running.work(2, 300).0;
            drop(running);
            attached.detach();
            assert_eq!((counter.count(0), counter.count(1)), (1, called), "{way:?} by pid: {by_pid}");
        }
    }
}

#[test]
fn two_attachments_on_one_program_both_count_and_the_first_may_go_first() {
    let target = need!(Program::counter(Variant::Plain));
    let all = need!(loaders());
    let mut running = target.start();
    let addresses = [target.entry("main.hit")];
    let sites = target.sites(&addresses);
    let attach = |(loader, way): &(Loader, Way)| {
        let counter = Counter::load(loader, *way);
        counter.know(&addresses, 0);
        let attached = counter.attach(loader, &target, &sites, Some(&running));
        (counter, attached)
    };
    let (one, attached_one) = attach(&all[0]);
    let (other, attached_other) = attach(all.last().unwrap());
    let first = running.work(2, 1000).0;
    attached_one.detach();
    let second = running.work(2, 1000).0;
    attached_other.detach();
    running.work(1, 1000);
    assert_eq!((one.count(0), other.count(0)), (first, second));
}

#[test]
fn a_target_that_has_exited_or_exits_meanwhile_is_no_harm() {
    let target = need!(Program::counter(Variant::Plain));
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let sites = target.sites(&[target.entry("main.hit")]);
        let mut running = target.start();
        let attached = counter.attach(&loader, &target, &sites, Some(&running));
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        let uprobes = Uprobes { file: &target.file, sites: &sites, pid: Some(running.pid()), returning: false };
        let error = loader.uprobes(&counter.program, &uprobes).err().expect("nobody is there");
        let by = if way == Way::Tracefs { " by an event in tracefs" } else { "" };
        assert_eq!(error.to_string(), format!("attaching counting{by} failed: No such process (os error 3)"));
        attached.detach();
        // Whichever comes first, neither hangs.
        for _ in 0..20 {
            let mut running = target.start();
            let killer = std::thread::spawn(move || {
                running.child.kill().unwrap();
                running
            });
            let _either = loader
                .uprobes(&counter.program, &Uprobes { file: &target.file, sites: &sites, pid: None, returning: false });
            killer.join().unwrap();
        }
    }
}

#[test]
fn ten_thousand_sites_go_in_and_out_in_time() {
    let target = need!(Program::own_copy("many"));
    let _removed = Removed(&target.path);
    let mut addresses = target.matching(".", &["CALL", "PUSHQ BP", "MOVD.W R30"]);
    addresses.truncate(10_000);
    let sites = target.sites(&addresses);
    let running = target.start();
    for (loader, way) in need!(loaders()) {
        for pid in [Some(&running), None] {
            let counter = Counter::load(&loader, way);
            let start = Instant::now();
            let attached = counter.attach(&loader, &target, &sites, pid);
            let attaching = start.elapsed();
            assert!(attached.refused.is_empty() && sites.len() == 10_000);
            attached.detach();
            let detaching = start.elapsed() - attaching;
            eprintln!("{way:?}, by pid {}: in {attaching:?}, out {detaching:?}", pid.is_some());
            // Far above what it takes on a machine that does nothing else, far below one event for each site.
            let bound = if way == Way::Multi { Duration::from_secs(3) } else { Duration::from_secs(30) };
            assert!(attaching < bound && detaching < bound);
        }
    }
}

#[test]
fn instructions_that_the_kernel_does_not_take_are_reported_and_the_others_attached() {
    let target = need!(Program::own_copy("refused"));
    let _removed = Removed(&target.path);
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let breakpoints = target.matching("^runtime\\.abort", &["INT", "BRK"]);
        let hit = target.entry("main.hit");
        // A breakpoint of the program's own cannot be stepped over.
        let bad = breakpoints[0];
        let addresses = [hit, bad, target.entry("main.deep")];
        counter.know(&addresses, 0);
        // Nobody runs the file: the kernel has to be made to look.
        let attached = counter.attach(&loader, &target, &target.sites(&addresses), None);
        let refused: Vec<u64> = attached.refused.iter().map(|refused| refused.site.cookie).collect();
        assert_eq!(refused, [1], "{way:?}");
        assert_eq!(attached.refused[0].error.raw_os_error(), Some(524));
        let (hits, deeps) = target.start().work(1, 400);
        attached.detach();
        assert_eq!([counter.count(0), counter.count(2)], [hits, deeps], "{way:?}");
    }
}

#[test]
fn what_we_have_mapped_for_reading_is_the_file_and_not_its_breakpoints() {
    let target = need!(Program::own_copy("mapped"));
    let _removed = Removed(&target.path);
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let sites = target.sites(&[target.entry("main.hit")]);
        let mapped = kernel::map(&target.file).unwrap();
        let byte = || std::hint::black_box(mapped.as_ref())[sites[0].offset as usize];
        let before = byte();
        let _attached = counter.attach(&loader, &target, &sites, None);
        assert_eq!(byte(), before, "{way:?}");
    }
}

#[test]
fn wrong_sites_are_refused_without_asking_the_kernel() {
    let target = need!(Program::counter(Variant::Plain));
    for (loader, way) in need!(loaders()) {
        let counter = Counter::load(&loader, way);
        let try_sites = |offsets: &[u64]| {
            let sites: Vec<Site> = offsets.iter().map(|&offset| Site { offset, cookie: 0 }).collect();
            let uprobes = Uprobes { file: &target.file, sites: &sites, pid: None, returning: false };
            loader.uprobes(&counter.program, &uprobes).err().map(|error| error.to_string())
        };
        assert!(try_sites(&[0x1000, 0x1000]).unwrap().ends_with(": there are two sites at 0x1000"));
        assert!(try_sites(&[1 << 40]).unwrap().contains("is behind the end of the file"));
        assert_eq!(try_sites(&[]), None);
    }
}

#[test]
fn a_real_uretprobe_fires_when_a_c_function_returns() {
    // Our own process is no Go program, so its stack can bear it.
    for (loader, way) in need!(loaders()) {
        let (spec, maps, counts) = runs(way.kind());
        let maps = loader.maps(&maps).unwrap();
        let program = loader.load(&spec, &maps).unwrap();
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let site = Site { offset: own_offset(returns_one as *const () as u64), cookie: 0 };
        let uprobes =
            Uprobes { file: &file, sites: &[site], pid: Some(kernel::Pid(std::process::id())), returning: true };
        let attached = loader.uprobes(&program, &uprobes).unwrap();
        let sum: u64 = (0..50).map(|n| returns_one(std::hint::black_box(n))).sum();
        attached.detach();
        let counted = maps.get(counts).unwrap().get(&[0; 4]).unwrap().unwrap();
        assert_eq!((sum, number(&counted)), (50, 50), "{way:?}");
    }
}

#[inline(never)]
extern "C" fn returns_one(n: u64) -> u64 {
    std::hint::black_box(n) / std::hint::black_box(n).max(1) + u64::from(n == 0)
}

/// The file offset of an address in our own code.
fn own_offset(address: u64) -> u64 {
    let maps = kernel::Process::open(kernel::Pid(std::process::id())).unwrap().maps().unwrap();
    let mapping = maps.iter().find(|m| (m.start..m.end).contains(&address)).unwrap();
    address - mapping.start + mapping.offset
}

#[test]
fn a_tracepoint_runs_its_program_and_says_where_its_fields_are() {
    let loader = need!(loader());
    let point = loader.tracepoint("sched", "sched_process_exit").unwrap();
    let (comm, pid) = (point.field("comm").unwrap(), point.field("pid").unwrap());
    assert!(comm.array && comm.size == 16 && pid.size == 4 && pid.signed && pid.offset >= 8, "{point:?}");
    let (spec, maps, counts) = runs(Kind::Tracepoint);
    let maps = loader.maps(&maps).unwrap();
    let program = loader.load(&spec, &maps).unwrap();
    let attached = loader.on_tracepoint(&program, &point).unwrap();
    for _ in 0..5 {
        assert!(std::process::Command::new("true").status().unwrap().success());
    }
    attached.detach();
    let counted = number(&maps.get(counts).unwrap().get(&[0; 4]).unwrap().unwrap());
    // Others may exit, too.
    assert!(counted >= 5, "{counted}");
    let error = loader.tracepoint("sched", "no_such_point").unwrap_err().to_string();
    assert_eq!(error, "reading tracepoint sched:no_such_point failed: No such file or directory (os error 2)");
}

#[test]
fn a_clock_ticks_on_a_busy_cpu() {
    let loader = need!(loader());
    let (spec, maps, counts) = runs(Kind::PerfEvent);
    let maps = loader.maps(&maps).unwrap();
    let program = loader.load(&spec, &maps).unwrap();
    let attached = loader.on_clock(&program, 100).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        std::hint::spin_loop();
    }
    attached.detach();
    let counted = number(&maps.get(counts).unwrap().get(&[0; 4]).unwrap().unwrap());
    assert!((10..=60 * u64::from(loader.cpus())).contains(&counted), "{counted}");
}
