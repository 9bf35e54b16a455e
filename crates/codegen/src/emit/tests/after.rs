//! Programs that run beside others: what records and maps of those are keeps its numbers.

use bpf::Caps;
use event::{CallIndex, Schema};
use gobin::Arch;

use super::compiled;
use crate::emit::{Options, Refused, emit_after};
use crate::fakes::Fake;
use program::Program;

fn emitted(text: &str, before: Schema) -> Result<Program, Refused> {
    let (plan, captures) = compiled(text, &Fake::new(Arch::Amd64));
    emit_after(&plan, &captures, Caps::linux_5_10(), &Options::of_kernel(Caps::linux_5_10()), before)
}

#[test]
fn a_program_after_another_one_keeps_what_its_numbers_mean() {
    let emit_after = |text: &str, before: &Schema| {
        let program = emitted(text, before.clone());
        program.map(|program| program.schema).map_err(|refused| refused.why)
    };
    let text = "go:main.fib { printf(\"%d\\n\", args.n); @[args.n] = count() }";
    let first = emit_after(text, &Schema::new()).unwrap();
    assert_eq!(emit_after(text, &first).as_ref(), Ok(&first));
    // What is printed has another type there.
    let more = emit_after("go:main.other { printf(\"%s\\n\", args.s); @[args.n] = count() }", &first).unwrap();
    assert_eq!((more.rows().len(), &more.rows()[..first.rows().len()]), (first.rows().len() + 1, first.rows()));
    assert_eq!(more.maps(), first.maps());
    // A map cannot be of two types.
    let other = emit_after("go:main.other { @[args.s] = count() }", &first);
    assert_eq!(other, Err("@ would hold something else there".to_owned()));
}

#[test]
fn calls_that_are_recorded_after_others_are_read_by_types_of_their_own() {
    let emit_after = |text: &str, before: Schema| emitted(text, before).unwrap().schema;
    let first = emit_after("goret:main.handle { call() }", Schema::new());
    let both = emit_after("goret:main.small { call() }", first.clone());
    let names: Vec<&str> = both.calls().iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["main.handle", "main.handle", "main.small", "main.small"]);
    let own = emit_after("goret:main.small { call() }", Schema::new());
    for n in 0..2 {
        let [earlier, later] = [CallIndex(n), CallIndex(n + 2)];
        assert_eq!((both.call(earlier), both.types_of(earlier)), (first.call(earlier), first.types_of(earlier)));
        assert_eq!((both.call(later), both.types_of(later)), (own.call(earlier), own.types_of(earlier)));
    }
    let rows: Vec<String> = both.rows().iter().map(ToString::to_string).collect();
    assert_eq!(rows, ["call 0", "call 1", "end of a call", "call not wanted", "call 2", "call 3"]);
}
