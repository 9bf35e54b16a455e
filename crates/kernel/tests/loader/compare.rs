//! The machine in `bpf` does what the kernel does: the same random programs in both, and the same maps, records and
//! results after them.

use bpf::vm::{Segments, USER_MEMORY, Vm, random_program};
use bpf::{Feature, MapKind};
use engine::{Entry, Table};
use gospect_fixtures::{Missing, need};
use kernel::loader::Loader;

use crate::fork::map_page;
use crate::loader;
use crate::programs::number;

/// How many programs are compared.
const PROGRAMS: u64 = 300;

/// What a run leaves: its result, and each map's entries or records.
type Left = (u32, Vec<Vec<Entry>>);

fn page() -> Vec<u8> {
    (0..4096u32).map(|n| (n * 7) as u8).collect()
}

fn arguments(seed: u64) -> [u64; 3] {
    [seed, !seed, seed << 32]
}

/// In a fixed order, and of values by CPU the sum: which CPU we are on is the kernel's business, the others have zeros.
fn comparable(kind: MapKind, entries: Vec<Entry>) -> Vec<Entry> {
    let sum = |value: &[u8]| value.chunks_exact(8).map(number).fold(0, u64::wrapping_add).to_ne_bytes().to_vec();
    let fold = |(key, value): Entry| if kind.is_per_cpu() { (key, sum(&value)) } else { (key, value) };
    let mut entries: Vec<Entry> = entries.into_iter().map(fold).collect();
    if kind != MapKind::RingBuf {
        entries.sort();
    }
    entries
}

fn in_the_kernel(loader: &Loader, program: &bpf::Program, seed: u64) -> Left {
    let maps = loader.maps(program.maps()).unwrap();
    let loaded = loader.load(program, &maps).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{program}"));
    let result = loader.run(&loaded, &arguments(seed)).unwrap();
    let left = program.maps().iter().map(|(id, spec)| {
        let map = maps.get(id).unwrap();
        let entries = match spec.kind {
            MapKind::RingBuf => {
                let mut records = Vec::new();
                loader.ring(map).unwrap().drain(|record| records.push((Vec::new(), record.to_vec())));
                records
            }
            _ => map.entries().unwrap(),
        };
        comparable(spec.kind, entries)
    });
    (result, left.collect())
}

fn in_the_machine(loader: &Loader, program: &bpf::Program, seed: u64) -> Left {
    let mut vm = Vm::new(program.maps(), loader.cpus()).unwrap();
    let image = vm.load(program).unwrap();
    let mut context: Vec<u8> = arguments(seed).iter().flat_map(|argument| argument.to_ne_bytes()).collect();
    let mut user = Segments::default().with(USER_MEMORY, &page());
    let result = vm.run(&image, &mut context, &mut user);
    let result = result.unwrap_or_else(|fault| panic!("seed {seed}: {fault}\n{program}"));
    let left = program.maps().iter().map(|(id, spec)| {
        let mut entries = vm.entries(id);
        if spec.kind == MapKind::RingBuf {
            entries.clear();
            vm.drain(id, |record| entries.push((Vec::new(), record.to_vec())));
        }
        comparable(spec.kind, entries)
    });
    let left = left.collect();
    (result as u32, left)
}

#[test]
fn random_programs_leave_the_same_in_the_kernel_and_in_the_machine() {
    let loader = need!(loader());
    // Up to Linux 6.3 a verified program calls the map's own function, whose result has 32 bits: an error of
    // map_update_elem is 0x00000000fffffffe in R0 there, not −2.
    if !loader.caps().has(Feature::UprobeMulti) {
        let why = "this kernel does not extend what map_update_elem returns".to_owned();
        return need!(Err(Missing { why }));
    }
    need!(
        map_page(USER_MEMORY, &page())
            .map_err(|error| Missing { why: format!("no page at {USER_MEMORY:#x}: {error}") })
    );
    let mut entries = 0;
    for seed in 0..PROGRAMS {
        let program = random_program(seed, loader.caps());
        let (kernel, machine) = (in_the_kernel(&loader, &program, seed), in_the_machine(&loader, &program, seed));
        assert_eq!(kernel, machine, "seed {seed}: kernel left, machine right\n{program}");
        entries += kernel.1.iter().map(Vec::len).sum::<usize>();
    }
    // One value is always there; further ones show that tables and rings were used.
    assert!(entries as u64 > PROGRAMS * 3 / 2, "{entries}");
}
