//! What is known of a process once its executable has begun.

use bpf::Caps;

use super::sketch::Sketch;
use super::{TGID, Trial, World};
use crate::plan::{Prelude, Start};
use crate::program::process;
use gobin::{FileOff, VAddr};

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
