//! Rings: every record arrives, in order, or is counted as lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bpf::{Feature, Kind};
use engine::Table;
use gospect_fixtures::{Missing, Variant, need};
use kernel::loader::{Loader, Site, Uprobes};

use crate::loader as any_loader;
use crate::programs::{number, sending};
use crate::target::Program;

/// The records are numbered, which takes what Linux 5.10 does not have.
fn loader() -> Result<Loader, Missing> {
    let loader = any_loader()?;
    let why = "this kernel has no atomics that return a value".to_owned();
    if loader.caps().has(Feature::Atomics) { Ok(loader) } else { Err(Missing { why }) }
}

#[test]
fn a_million_records_arrive_under_load_with_none_lost() {
    let loader = need!(loader());
    let target = need!(Program::counter(Variant::Plain));
    let spec = sending(loader.way().kind(), 4 << 20);
    let maps = loader.maps(&spec.maps).unwrap();
    let program = loader.load(&spec.program, &maps).unwrap();
    let mut ring = loader.ring(maps.get(spec.ring).unwrap()).unwrap();
    let mut running = target.start();
    let sites = [Site { offset: target.offset(target.entry("main.hit")), cookie: 0 }];
    let uprobes = Uprobes { file: &target.file, sites: &sites, pid: Some(running.pid()), returning: false };
    let attached = loader.uprobes(&program, &uprobes).unwrap();
    let done = AtomicBool::new(false);
    let mut seen = Vec::with_capacity(1_000_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(running.work(2, 500_000).0, 1_000_000);
            done.store(true, Ordering::Release);
        });
        loop {
            let last = done.load(Ordering::Acquire);
            ring.drain(|record| {
                assert!(record.len() == 16 && number(record) == !number(&record[8..]));
                seen.push(number(record));
            });
            if last {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    attached.detach();
    let state = maps.get(spec.state).unwrap().get(&[0; 4]).unwrap().unwrap();
    assert_eq!((seen.len(), number(&state), number(&state[8..])), (1_000_000, 1_000_000, 0));
    seen.sort_unstable();
    assert!(seen.iter().enumerate().all(|(n, &number)| n as u64 == number));
    assert_eq!(ring.waiting(), 0);
}

#[test]
fn what_does_not_fit_is_lost_and_what_does_arrives() {
    let loader = need!(loader());
    let spec = sending(Kind::RawTracepoint, 4096);
    let maps = loader.maps(&spec.maps).unwrap();
    let program = loader.load(&spec.program, &maps).unwrap();
    let mut ring = loader.ring(maps.get(spec.ring).unwrap()).unwrap();
    let (mut sent, mut seen) = (0u64, Vec::new());
    // Rounds of more than fits, so that records lie across the end of the ring.
    for round in 0..50 {
        for _ in 0..100 + round * 7 {
            loader.run(&program, &[]).unwrap();
            sent += 1;
        }
        ring.drain(|record| seen.push(number(record)));
    }
    let state = maps.get(spec.state).unwrap().get(&[0; 4]).unwrap().unwrap();
    let (arrived, lost) = (number(&state), number(&state[8..]));
    assert!(lost > 0 && arrived + lost == sent);
    assert_eq!(seen, (0..arrived).collect::<Vec<_>>());
}
