//! Programs do for their engine what it asks for and nothing else; scripts do the same on all engines.

use bpf::Caps;
use expect_test::expect;
use gobin::Arch;

use super::{Options, Trial, World, compiled};
use crate::fakes::Fake;
use program::{EngineNeeds, ProcessIds, SiteIds};

const TEXT: &str = "go:main.fib { printf(\"%d in %d\", args.n, pid); @[args.n] = count(); }";

/// The tables that are there for the engine, how many instructions the program has, and what the script does.
fn trial(engine: EngineNeeds) -> (String, String) {
    let (plan, captures) = compiled(TEXT, &Fake::hooked(Arch::Amd64));
    let caps = Caps::linux_7_0();
    let mut run = Trial::with(&plan, &captures, caps, Options { engine, ..Options::of_kernel(caps) });
    for n in [3, 5, 3] {
        run.hit(&plan, &World::with(&[("ax", n)]));
    }
    let names = run.program.maps.iter().map(|(_, spec)| spec.name.clone());
    let own = names.filter(|name| ["addresses", "engine", "link", "marks"].contains(&name.as_str()));
    let length = run.program.users[0].program.insns().len();
    (format!("{}: {length} instructions", own.collect::<Vec<_>>().join(" ")), run.outcome())
}

#[test]
fn engines_get_the_services_that_they_need() {
    let kernel = EngineNeeds::of_kernel(Caps::linux_7_0());
    let none = EngineNeeds { hand_over: false, sites: SiteIds::Cookie, process_ids: ProcessIds::Kernel };
    let all = [
        none,
        EngineNeeds { sites: SiteIds::Address, ..none },
        EngineNeeds { process_ids: ProcessIds::Namespace, ..none },
        EngineNeeds { hand_over: true, ..none },
        kernel,
        EngineNeeds { process_ids: ProcessIds::Walk, ..kernel },
    ];
    let (services, outcomes): (Vec<String>, Vec<String>) = all.into_iter().map(trial).unzip();
    expect![[r#"
        : 150 instructions
        addresses: 160 instructions
        engine: 165 instructions
        engine link marks: 189 instructions
        engine link marks: 204 instructions
        engine link marks: 272 instructions"#]]
    .assert_eq(&services.join("\n"));
    expect![[r#"
        3 in 7
        5 in 7
        3 in 7
        @[5] = 1
        @[3] = 2"#]]
    .assert_eq(&outcomes[0]);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
}
