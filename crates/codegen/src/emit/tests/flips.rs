//! One link takes over from another: whatever the two see of that, a hit counts once.

use bpf::Caps;
use gobin::Arch;

use super::{Trial, World};
use crate::fakes::Fake;
use plan::Plan;
use probe::compile;
use program::{Phase, counter, engine_control};

const OLD: u32 = 1;
const NEW: u32 = 2;
const PHASES: [Phase; 4] = [Phase::Coming, Phase::Both, Phase::Handing, Phase::Going];

/// Two links of one program, in turns.
struct Links {
    plan: Plan,
    run: Trial,
}

impl Links {
    fn new(caps: Caps) -> Links {
        let source = plan::Source { name: String::new(), text: "go:main.main { @ = count() }".into() };
        let plan = compile(&source, &[], &Fake::hooked(Arch::Amd64)).plan.unwrap();
        Links { run: Trial::new(&plan, caps), plan }
    }

    /// One link's program at a hit, as a thread of that number; how often the script's code began by then.
    fn hit(&mut self, thread: u32, link: u32, [old, new]: [u32; 2], phase: Phase) -> u64 {
        let mut words = vec![0; engine_control::SIZE as usize];
        for (at, word) in
            [(engine_control::LINK_OLD, old), (engine_control::LINK_NEW, new), (engine_control::PHASE, phase as u32)]
        {
            words[at as usize..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let tables = self.run.program.tables;
        self.run.vm.put(tables.engine.unwrap(), &[0; 4], &words).unwrap();
        self.run.vm.put(tables.flip.unwrap().link, &[0; 4], &link.to_le_bytes()).unwrap();
        self.run.vm.task.pid = thread;
        self.run.hit(&self.plan, &World::default());
        self.run.counter(1, counter::HITS)
    }
}

fn each(check: impl Fn(Links)) {
    [Caps::linux_7_0(), Caps::linux_5_10()].into_iter().for_each(|caps| check(Links::new(caps)));
}

#[test]
fn a_hit_of_both_counts_once_though_they_see_different_phases() {
    each(|mut links| {
        let mut hits = 0;
        for (n, phase) in PHASES.into_iter().enumerate() {
            for later in PHASES.iter().skip(n).take(2) {
                // Twice by the same thread: what the first has left behind must not matter.
                for thread in [8, 9, 8] {
                    links.hit(thread, NEW, [OLD, NEW], phase);
                    hits += 1;
                    assert_eq!(links.hit(thread, OLD, [OLD, NEW], *later), hits, "{phase:?} {later:?}");
                }
            }
        }
    });
}

#[test]
fn where_the_new_one_is_not_the_old_one_counts_until_it_goes() {
    each(|mut links| {
        let seen = PHASES.map(|phase| links.hit(8, OLD, [OLD, NEW], phase));
        assert_eq!(seen, [1, 2, 3, 3]);
    });
}

#[test]
fn when_it_is_over_only_the_new_one_counts_and_so_it_stays() {
    each(|mut links| {
        // Marks of before are no marks of this one.
        links.hit(8, NEW, [OLD, NEW], Phase::Handing);
        assert_eq!(links.hit(8, NEW, [0, 0], Phase::Going), 2);
        assert_eq!(links.hit(8, NEW, [0, 0], Phase::Coming), 3);
        assert_eq!(links.hit(8, NEW, [NEW, 3], Phase::Handing), 4);
        assert_eq!(links.hit(8, 3, [NEW, 3], Phase::Handing), 5);
        assert_eq!(links.hit(8, NEW, [NEW, 3], Phase::Handing), 5);
    });
}

#[test]
fn others_count_all_the_time() {
    each(|mut links| {
        let seen = PHASES.map(|phase| links.hit(8, 7, [OLD, NEW], phase));
        assert_eq!(seen, [1, 2, 3, 4]);
    });
}

#[test]
fn places_are_counted_by_their_number() {
    each(|mut links| {
        links.hit(8, OLD, [0, 0], Phase::Coming);
        links.hit(8, OLD, [0, 0], Phase::Coming);
        let firings = links.run.program.tables.firings;
        assert_eq!((links.run.sum(firings, 0, 0), links.run.counter(0, counter::FIRINGS)), (2, 0));
    });
}
