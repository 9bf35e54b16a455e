//! What is refused, and what is said of it.

mod operations;
mod places;
mod values;
mod whole;

use expect_test::Expect;
use gobin::Arch;
use plan::Source;

use crate::check::compile;
use crate::diagnostic::render;
use crate::fakes::Fake;

/// A wrong text, and all that is told about it.
fn check(text: &str, want: Expect) {
    check_in(&Fake::new(Arch::Amd64), text, want);
}

fn check_in(world: &Fake, text: &str, want: Expect) {
    let source = Source { name: String::new(), text: text.to_owned() };
    let checked = compile(&source, &[], world);
    assert!(checked.plan.is_none(), "{text} is not wrong");
    want.assert_eq(&render(&checked.messages, &source));
}
