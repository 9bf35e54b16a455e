use std::fmt::Write as _;

use expect_test::{Expect, expect};
use gobin::Arch;
use gobin::maps::Maps;

use crate::capture::Captures;
use crate::fakes::Fake;
use probe::compile;
use program::capture::{Kind, Op, flag};

fn captures(function: &str, maps: Maps) -> Captures {
    let source = plan::Source { name: String::new(), text: format!("goret:{function} {{ call(); }}") };
    let world = Fake::hooked(Arch::Amd64).with_maps(maps);
    Captures::of(&compile(&source, &[], &world).plan.unwrap(), &world)
}

fn op(captures: &Captures, op: &Op) -> String {
    let name = captures.types.get(op.row).map_or("?", |ty| ty.name.as_str());
    let flags = [(flag::LEAF, " leaf"), (flag::NO_DEPTH, " inner"), (flag::VISIT, " once"), (flag::FREE, " free")];
    let flags: String = flags.into_iter().filter(|(bit, _)| op.flags & bit != 0).map(|(_, word)| word).collect();
    match op.kind {
        Kind::Pointer => format!("{}: {:?} ≤{} × {} {name}{flags}", op.at, op.count, op.max, op.size),
        Kind::Inside => format!("{}: {} × {name}, inside", op.at, op.max),
        kind => format!("{}: {kind:?}{flags}", op.at),
    }
}

/// What is followed of a function's arguments and results, and of each type that they lead to.
fn check(function: &str, maps: Maps, want: Expect) {
    let captures = captures(function, maps);
    let tables = &captures.tables;
    let ops = |first: u32, count: u16| &tables.ops[first as usize..first as usize + usize::from(count)];
    let mut out = String::new();
    for (call, function) in captures.calls.iter().zip(&tables.functions) {
        let _ = writeln!(out, "{call}");
        ops(function.first, function.ops).iter().for_each(|one| out += &format!("  {}\n", op(&captures, one)));
    }
    for (n, ty) in tables.types.iter().enumerate().filter(|(_, ty)| ty.ops > 0) {
        let name = &captures.types.get(event::go::TypeRow(n as u32)).unwrap().name;
        let _ = writeln!(out, "{name} {:?} every {}", ty.mask, ty.stride);
        ops(ty.first, ty.ops).iter().for_each(|one| out += &format!("  {}\n", op(&captures, one)));
    }
    want.assert_eq(&out);
}

#[test]
fn arguments_of_every_kind_lead_to_what_is_behind_them() {
    check(
        "main.many",
        Maps::Swiss { split: false },
        expect![[r#"
            main.many begins, 9 registers, 3 words, a type 1 at 112 120, b type 2 at 128 136 144, e type 3 at 152 160, m type 4 at 168, c type 11 at 176, f type 12 at 184, arr type 13 at 192
              0: Length ≤256 × 1 uint8 leaf free
              16: Length ≤256 × 1 uint8 leaf
              40: Iface
              56: One ≤1 × 48 map header once
              64: One ≤1 × 16 uint8 leaf
              72: One ≤1 × 8 uint8 leaf free
            main.many returns, 9 registers, 0 words
            string None every 16
              0: Length ≤256 × 1 uint8 leaf free
            map slot Group every 24
              8: Length ≤256 × 1 uint8 leaf free
            map group None every 200
              0: 8 × map slot, inside
            map table None every 32
              16: Mask ≤5 × 200 map group inner free
            map directory None every 8
              0: One ≤1 × 32 map table inner once free
            map header None every 48
              16: Only ≤1 × 200 map group inner free
              16: Length ≤8 × 8 map directory inner free
            main.Req None every 88
              8: Length ≤256 × 1 uint8 leaf free
              24: Length ≤64 × 16 string
              48: One ≤1 × 88 main.Req once
              64: One ≤1 × 48 main.User once
            main.User None every 48
              0: Length ≤256 × 1 uint8 leaf free
              16: Iface
              40: One ≤1 × 16 main.Link leaf once
        "#]],
    );
}

#[test]
fn older_maps_have_buckets_in_chains_and_those_from_before_they_grew() {
    check(
        "main.(*Server).Close",
        Maps::Buckets,
        expect![[r#"
            main.(*Server).Close begins, 9 registers, 0 words, s type 1 at 112
              0: One ≤1 × 24 main.Server once
            main.(*Server).Close returns, 9 registers, 0 words
            main.Server None every 24
              0: Length ≤256 × 1 uint8 leaf free
              16: One ≤1 × 48 map header once
            map slot Bucket every 16
              8: Length ≤256 × 1 uint8 leaf free
            map bucket None every 208
              0: 8 × map slot, inside
              200: One ≤1 × 208 map bucket inner once free
            map header None every 48
              16: Buckets ≤4 × 208 map bucket inner free
              24: OldBuckets ≤4 × 208 map bucket inner free
        "#]],
    );
}

#[test]
fn a_struct_that_leads_to_itself_is_listed_once() {
    check(
        "main.swapped",
        Maps::Buckets,
        expect![[r#"
            main.swapped begins, 9 registers, 0 words, n type 1 at 112, s type 2 at 120 128, r type 3 at 136
              8: Length ≤256 × 1 uint8 leaf free
              24: One ≤1 × 88 main.Req once
            main.swapped returns, 9 registers, 0 words
            string None every 16
              0: Length ≤256 × 1 uint8 leaf free
            main.Req None every 88
              8: Length ≤256 × 1 uint8 leaf free
              24: Length ≤64 × 16 string
              48: One ≤1 × 88 main.Req once
              64: One ≤1 × 48 main.User once
            main.User None every 48
              0: Length ≤256 × 1 uint8 leaf free
              16: Iface
              40: One ≤1 × 16 main.Link leaf once
        "#]],
    );
}

#[test]
fn what_is_passed_on_the_stack_is_copied_with_its_pointers() {
    check(
        "main.wide",
        Maps::Buckets,
        expect![[r#"
            main.wide begins, 9 registers, 10 words, w type 1 at 184, n type 2 at 112
            main.wide returns, 9 registers, 0 words
        "#]],
    );
}
