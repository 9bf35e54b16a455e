//! What is known of a process once its executable has begun.

use bpf::Caps;
use gobin::{Arch, FileOff, VAddr};
use plan::Source;

use super::sketch::Sketch;
use super::{BIAS, TGID, Trial, World};
use crate::fakes::Fake;
use plan::Prelude;
use plan::target::Start;
use probe::compile;
use program::{control, counter, process};

/// What the table has of the process after its executable began: numbers without the PID, and biases.
fn check(caps: Caps) {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.plan.binaries[0].start = Some(Start { at: VAddr(0x1000), file: FileOff(0x200) });
    let mut run = Trial::new(&sketch.plan, caps);
    let mut seen = Vec::new();
    for ip in [0x1000, 0x5555_0000_1000] {
        run.arm(0);
        let image = run.vm.load(&run.program.starts[0].program).unwrap();
        let world = World::default();
        run.vm.run(&image, &mut world.pt_regs(ip), &mut world.memory.clone()).unwrap();
        let key = [TGID.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        let value = run.vm.get(run.program.tables.processes, &key).unwrap();
        let number = u32::from_le_bytes(value[..4].try_into().unwrap());
        assert_eq!(number % (1 << process::PID_BITS), TGID);
        seen.push((number >> process::PID_BITS, u64::from_le_bytes(value[8..16].try_into().unwrap())));
    }
    // Each time another number, though the PID is the same; and where it is loaded.
    assert_eq!(seen, [(2, 0), (3, 0x5555_0000_0000)]);
}

#[test]
fn a_process_has_a_new_number_each_time_an_executable_begins_in_it() {
    check(Caps::linux_7_0());
    check(Caps::linux_5_10());
}

/// How often a probe's code began by then: after hits of the process that the table has, of one that it has not, and of
/// the first again, which was taken out meanwhile, before that was said and behind it, and came back at last.
fn hits(caps: Caps) -> Vec<u64> {
    let source = Source { name: String::new(), text: "go:main.main { @ = count() }".into() };
    let mut plan = compile(&source, &[], &Fake::hooked(Arch::Amd64)).plan.unwrap();
    plan.binaries[0].start = Some(Start { at: VAddr(0x1000), file: FileOff(0x200) });
    let mut run = Trial::new(&plan, caps);
    let tables = run.program.tables;
    let key = |tgid: u32| [tgid.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    let value = [u64::from(TGID).to_le_bytes(), BIAS.to_le_bytes()].concat();
    let mut seen = Vec::new();
    run.vm.put(tables.processes, &key(TGID), &value).unwrap();
    for step in ["hit", "hit", "other", "hit", "out", "said", "back", "hit"] {
        run.vm.task.tgid = if step == "other" { TGID + 1 } else { TGID };
        match step {
            "out" => run.vm.remove(tables.processes, &key(TGID)).unwrap(),
            "back" => run.vm.put(tables.processes, &key(TGID), &value).unwrap(),
            "said" => {
                let mut control = run.vm.get(tables.control, &[0; 4]).unwrap();
                control[control::REPLACED as usize] += 1;
                run.vm.put(tables.control, &[0; 4], &control).unwrap();
            }
            _ => {}
        }
        run.hit(&plan, &World::default());
        seen.push(run.counter(1, counter::HITS));
    }
    seen
}

#[test]
fn whose_a_hit_is_is_remembered_until_processes_are_taken_out() {
    assert_eq!(hits(Caps::linux_7_0()), [1, 2, 2, 3, 4, 4, 5, 6]);
    // Without cookies nothing is remembered.
    assert_eq!(hits(Caps::linux_5_10()), [1, 2, 2, 3, 3, 3, 4, 5]);
}
