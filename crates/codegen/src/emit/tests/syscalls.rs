//! System calls, from the text of a script to what it prints: where they are made and where they are answered.

use bpf::Caps;
use expect_test::{Expect, expect};
use gobin::Arch;

use super::{Trial, World};
use crate::fakes::Fake;
use plan::{Plan, SyscallEvent};
use probe::compile;

/// A goroutine's g, and SP where it asks the kernel.
const G: u64 = 0xc000_0000;
const SP: u64 = 0x7000_0000;

const EVERYTHING: &str = r#"
    syscall:enter { printf("%d asks for %d", args.goid, args.nr); }
    syscall:exit { printf("%d was answered %d for %d after %d", args.goid, args.ret, args.nr, elapsed); }"#;

struct Asking {
    plan: Plan,
    run: Trial,
}

impl Asking {
    fn new(text: &str, caps: Caps) -> Asking {
        let source = plan::Source { name: String::new(), text: text.into() };
        let plan = compile(&source, &[], &Fake::new(Arch::Amd64)).plan.unwrap();
        Asking { run: Trial::new(&plan, caps), plan }
    }

    /// A hit at the first site of a kind.
    fn hit(&mut self, event: SyscallEvent, ax: u64, sp: u64) {
        let is_it = |site: &plan::Site| site.syscall.is_some_and(|syscall| syscall.event == event);
        let cookie = self.plan.sites.iter().position(is_it).unwrap() as u64;
        let world = World { cookie, ..World::with(&[("ax", ax), ("r14", G), ("sp", sp)]) };
        self.run.vm.task.boot_ns += 100;
        self.run.hit(&self.plan, &world.words(G, &[0, 0, 0, 0, 0, 0, 42]));
    }

    fn asks(&mut self, nr: u64) {
        self.hit(SyscallEvent::Enter, nr, SP);
    }

    fn is_answered(&mut self, ret: i64) {
        self.hit(SyscallEvent::Exit, ret as u64, SP - 8);
    }
}

/// The same on every kernel's instructions.
fn check(text: &str, what: impl Fn(&mut Asking), want: Expect) {
    for caps in [Caps::linux_5_10(), Caps::linux_6_1(), Caps::linux_7_0()] {
        let mut asking = Asking::new(text, caps);
        what(&mut asking);
        want.assert_eq(&asking.run.outcome());
    }
}

#[test]
fn an_answer_is_that_of_what_was_asked() {
    check(
        EVERYTHING,
        |asking| {
            asking.asks(39);
            asking.is_answered(7);
            asking.asks(257);
            asking.is_answered(-2);
        },
        expect![[r#"
            [goid 42] 42 asks for 39
            [goid 42] 42 was answered 7 for 39 after 100
            [goid 42] 42 asks for 257
            [goid 42] 42 was answered -2 for 257 after 100"#]],
    );
}

#[test]
fn what_nobody_saw_asked_has_no_answer_nor_has_what_is_never_answered() {
    check(
        "syscall:exit { printf(\"%d for %d\", args.ret, args.nr); }",
        |asking| {
            asking.is_answered(1);
            asking.asks(231);
            asking.is_answered(2);
            asking.asks(0);
            asking.is_answered(3);
            asking.is_answered(4);
        },
        expect!["3 for 0"],
    );
}

#[test]
fn other_threads_and_other_stacks_are_told_apart() {
    check(
        "syscall:exit { printf(\"%d for %d\", args.ret, args.nr); }",
        |asking| {
            asking.asks(1);
            asking.hit(SyscallEvent::Enter, 2, SP - 4096);
            asking.run.vm.task.pid += 1;
            asking.asks(3);
            asking.is_answered(30);
            asking.run.vm.task.pid -= 1;
            asking.hit(SyscallEvent::Exit, 20, SP - 4096 - 8);
            asking.is_answered(10);
        },
        expect![[r#"
            30 for 3
            20 for 2
            10 for 1"#]],
    );
}
