//! Maps and programs on the real kernel.

use bpf::{
    AluOp, Assembler, Caps, Cond, Entries, Helper, Kind, MapFlags, MapKind, MapSpec, Maps, Pos, Reg, Size, Source,
};
use engine::{Error, Table};
use gospect_fixtures::need;

use crate::loader;
use crate::programs::{number, runs};

#[test]
fn this_kernel_has_what_a_kernel_of_its_release_has() {
    let loader = need!(loader());
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|n| n.trim().parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
    // Distributions add features, and take none away.
    let expected = Caps::since(major, minor);
    let lacking: Vec<String> = expected.iter().filter(|&f| !loader.caps().has(f)).map(|f| f.to_string()).collect();
    assert!(lacking.is_empty(), "{release} lacks {lacking:?}");
    eprintln!("{} has {:?}", release.trim(), loader.caps().iter().map(|f| f.to_string()).collect::<Vec<_>>());
}

#[test]
fn maps_of_all_kinds_hold_what_they_were_given() {
    let loader = need!(loader());
    let mut specs = Maps::new();
    let array = specs.add(MapSpec::array("array", 8, Entries::Fixed(3)).contents([7u8; 16].to_vec())).unwrap();
    let mut pairs = vec![1, 0, 0, 0, 9];
    pairs.extend([2, 0, 0, 0, 8]);
    let hash = specs.add(MapSpec::hash("hash", MapKind::Hash, 4, 1, 10).contents(pairs)).unwrap();
    let constant = MapSpec::array("const", 4, Entries::Fixed(1)).contents(vec![5; 4]).flags(MapFlags::READ_ONLY);
    let constant = specs.add(constant).unwrap();
    let ring = specs.add(MapSpec::ringbuf("ring", Entries::PerCpu(4096))).unwrap();
    let rings = specs.add(MapSpec::array_of_maps("rings", vec![ring])).unwrap();
    let lru = specs.add(MapSpec::hash("lru", MapKind::LruHash, 8, 8, 64)).unwrap();
    let maps = loader.maps(&specs).unwrap();
    let map = |id| maps.get(id).unwrap();
    let key = |n: u32| n.to_ne_bytes();
    assert_eq!(map(array).get(&key(1)).unwrap().unwrap(), [7; 8]);
    assert_eq!(map(array).get(&key(2)).unwrap().unwrap(), [0; 8]);
    assert_eq!(map(array).get(&key(3)).unwrap(), None);
    let mut entries = map(hash).entries().unwrap();
    entries.sort();
    assert_eq!(entries, [(key(1).to_vec(), vec![9]), (key(2).to_vec(), vec![8])]);
    assert!(map(hash).remove(&key(1)).unwrap() && !map(hash).remove(&key(1)).unwrap());
    let frozen = map(constant).put(&key(0), &[1; 4]).unwrap_err().to_string();
    assert_eq!(frozen, "writing map const was not permitted: Operation not permitted (os error 1)");
    assert!(map(rings).get(&key(0)).unwrap().is_some());
    assert!(map(ring).capacity() >= 4096 && map(lru).entries().unwrap().is_empty());
    map(array).clear().unwrap();
    assert_eq!(map(array).get(&key(1)).unwrap().unwrap(), [0; 8]);
}

#[test]
fn buffers_of_other_sizes_are_refused() {
    let loader = need!(loader());
    let mut specs = Maps::new();
    let hash = specs.add(MapSpec::hash("hash", MapKind::PerCpuHash, 8, 8, 10)).unwrap();
    let maps = loader.maps(&specs).unwrap();
    let hash = maps.get(hash).unwrap();
    let bytes = 8 * loader.cpus() as usize;
    assert!(hash.put(&[0; 8], &[0; 8][..bytes.min(7)]).is_err() && hash.put(&[0; 7], &vec![0; bytes]).is_err());
    assert!(hash.get(&[0; 9]).is_err() && hash.remove(&[0; 4]).is_err());
    hash.put(&[0; 8], &vec![1; bytes]).unwrap();
    assert_eq!(hash.lanes(&hash.get(&[0; 8]).unwrap().unwrap()).count(), loader.cpus() as usize);
}

#[test]
fn a_full_map_says_so_and_keeps_what_it_has() {
    let loader = need!(loader());
    let mut specs = Maps::new();
    let id = specs.add(MapSpec::hash("small", MapKind::Hash, 8, 8, 4)).unwrap();
    let maps = loader.maps(&specs).unwrap();
    let map = maps.get(id).unwrap();
    let full = (0u64..100).find_map(|n| map.put(&n.to_ne_bytes(), &n.to_ne_bytes()).err()).unwrap();
    assert_eq!(full.to_string(), "writing map small failed: Argument list too long (os error 7)");
    assert_eq!(map.entries().unwrap().len(), 4);
    map.clear().unwrap();
    assert!(map.entries().unwrap().is_empty());
}

#[test]
fn many_entries_go_in_and_come_out_of_every_kind_of_map() {
    let loader = need!(loader());
    let mut specs = Maps::new();
    let cpus = loader.cpus() as usize;
    let ids = [
        specs.add(MapSpec::hash("hash", MapKind::Hash, 8, 16, 20_000)).unwrap(),
        specs.add(MapSpec::hash("late", MapKind::Hash, 8, 16, 20_000).flags(MapFlags::NO_PREALLOC)).unwrap(),
        specs.add(MapSpec::hash("by_cpu", MapKind::PerCpuHash, 8, 12, 20_000)).unwrap(),
    ];
    let maps = loader.maps(&specs).unwrap();
    for id in ids {
        let map = maps.get(id).unwrap();
        let size = if id == ids[2] { 16 * cpus } else { 16 };
        let entries: Vec<([u8; 8], Vec<u8>)> = (0u64..20_000).map(|n| (n.to_ne_bytes(), vec![n as u8; size])).collect();
        map.put_all(entries.iter().map(|(key, value)| (&key[..], &value[..]))).unwrap();
        let read = map.entries().unwrap();
        assert_eq!(read.len(), 20_000, "{}", map.name());
        // Of 12 bytes the kernel copies 12, or 16 with its own padding.
        assert!(read.iter().all(|(key, value)| value.len() == size && value[..12].iter().all(|&b| b == key[0])));
    }
    let mut specs = Maps::new();
    let id = specs.add(MapSpec::per_cpu_array("array", 8, 3000)).unwrap();
    let maps = loader.maps(&specs).unwrap();
    assert_eq!(maps.get(id).unwrap().entries().unwrap().len(), 3000);
}

#[test]
fn a_program_is_run_on_request() {
    let loader = need!(loader());
    let (spec, maps, counts) = runs(Kind::RawTracepoint);
    let maps = loader.maps(&maps).unwrap();
    let program = loader.load(&spec, &maps).unwrap();
    for _ in 0..10 {
        assert_eq!(loader.run(&program, &[]).unwrap(), 0);
    }
    assert_eq!(number(&maps.get(counts).unwrap().get(&[0; 4]).unwrap().unwrap()), 10);
    assert_eq!(loader.missed(&program).unwrap(), 0);
}

#[test]
fn a_rejected_program_is_explained_with_the_users_line() {
    let loader = need!(loader());
    let source = Source { name: "bad.gs".into(), text: "BEGIN {\n  print(args.x)\n}\n".into() };
    let mut asm = Assembler::new("bad", Kind::RawTracepoint, source);
    asm.at(Some(Pos { line: 1, column: 1 })).mov(Reg::R2, 0).at(Some(Pos { line: 2, column: 3 }));
    asm.load(Size::U64, Reg::R0, Reg::R2, 0).exit();
    let program = asm.finish(&Maps::new()).unwrap();
    let Err(Error::Rejected(rejection)) = loader.load(&program, &loader.maps(&Maps::new()).unwrap()) else {
        panic!("the verifier took a read of address 0");
    };
    assert!(rejection.source.as_ref().unwrap().starts_with("print(args.x)"), "{rejection:?}");
    assert!(rejection.insn.as_ref().unwrap().starts_with("1: "), "{rejection:?}");
    assert!(rejection.reason.contains("R2 invalid mem access"), "{rejection:?}");
}

#[test]
fn a_program_too_large_is_explained_although_the_log_is_long() {
    let loader = need!(loader());
    // Each branch doubles what the verifier has to go through, since the sum is used at the end.
    let mut specs = Maps::new();
    let room = specs.add(MapSpec::array("room", 1 << 20, Entries::Fixed(1))).unwrap();
    let mut asm = Assembler::new("large", Kind::RawTracepoint, Source::default());
    asm.mov(Reg::R6, 0).helper(Helper::KTIME_GET_NS).mov(Reg::R7, Reg::R0);
    for bit in 0..20 {
        let over = asm.label("over");
        asm.mov(Reg::R1, Reg::R7).alu(AluOp::And, Reg::R1, 1 << bit).jump_if(Cond::Eq, Reg::R1, 0, over);
        asm.add(Reg::R6, 1 << bit).place(over);
    }
    asm.map_value(Reg::R1, room, 0).alu(AluOp::Add, Reg::R1, Reg::R6).load(Size::U8, Reg::R0, Reg::R1, 0).exit();
    let program = asm.finish(&specs).unwrap();
    let Err(Error::Rejected(rejection)) = loader.load(&program, &loader.maps(&specs).unwrap()) else {
        panic!("the verifier took a million ways");
    };
    assert!(rejection.reason.contains("too large"), "{}", rejection.reason);
    assert!(rejection.log.len() <= 64 << 10);
}

#[test]
fn a_program_that_needs_what_the_kernel_lacks_is_not_loaded() {
    let loader = need!(loader()).limited_to(Caps::linux_5_10());
    let mut asm = Assembler::new("late", Kind::Uprobe, Source::default());
    asm.helper(Helper::GET_ATTACH_COOKIE).mov(Reg::R0, 0).exit();
    let program = asm.finish(&Maps::new()).unwrap();
    let error = loader.load(&program, &loader.maps(&Maps::new()).unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "late needs what this kernel does not have: attach cookies");
}
