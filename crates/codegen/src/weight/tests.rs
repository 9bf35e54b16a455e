use expect_test::{Expect, expect};
use gobin::Arch;
use plan::Source;
use probe::{Diagnostic, render};

use super::{Captures, TooHeavy, too_heavy};
use crate::fakes::Fake;

/// A text that is too much, and the message about it.
fn check(text: &str, want: Expect) {
    let source = Source { name: String::new(), text: text.to_owned() };
    let world = Fake::new(Arch::Amd64);
    let plan = probe::compile(&source, &[], &world).plan.unwrap();
    let heavy = too_heavy(&plan, &Captures::of(&plan, &world)).unwrap();
    want.assert_eq(&render(&[Diagnostic::error(heavy.at, heavy.why).help(TooHeavy::HELP)], &source));
}

#[test]
fn a_clause_may_become_only_so_much_code() {
    check(
        "go:main.handle { unroll (100) { @a[args.s] = max(args.r.ID); @b = args.s; } }",
        expect![[r#"
            error: this becomes 26471 instructions, the kernel takes 15000 of one clause
             --> 1:1
              |
            1 | go:main.handle { unroll (100) { @a[args.s] = max(args.r.ID); @b = args.s; } }
              | ^^^^^^^^^^^^^^
              = help: what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`
        "#]],
    );
}

#[test]
fn what_runs_at_one_place_may_have_only_so_many_ways() {
    let clause = "go:main.handle { unroll (40) { @a[args.s] = max(args.r.ID); } }\n";
    check(
        &clause.repeat(20),
        expect![[r#"
            error: what runs here makes 19220 conditional jumps, the kernel follows 7000 at one place
              --> 20:1
               |
            20 | go:main.handle { unroll (40) { @a[args.s] = max(args.r.ID); } }
               | ^^^^^^^^^^^^^^
               = help: what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`
        "#]],
    );
}
