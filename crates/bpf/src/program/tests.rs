use super::*;
use crate::asm::Assembler;
use crate::helper::Helper;
use crate::insn::{Reg, Size, decode_all};
use crate::map::{Entries, MapFlags, MapKind};
use crate::notes::Pos;
use expect_test::{Expect, expect};

fn maps() -> Maps {
    let mut maps = Maps::new();
    maps.add(MapSpec::ringbuf("other", Entries::Fixed(4096))).unwrap();
    maps.add(MapSpec::array("config", 16, Entries::Fixed(1)).contents(vec![7; 16])).unwrap();
    maps.add(MapSpec::hash("table", MapKind::Hash, 8, 8, 16).flags(MapFlags::NO_PREALLOC)).unwrap();
    maps
}

fn program(change: impl FnOnce(&mut Assembler)) -> Program {
    let source = Source { name: "probe".into(), text: "go:main.f { @n++ }".into() };
    let mut asm = Assembler::new("main", Kind::Uprobe, source);
    asm.map(Reg::R1, MapId(2)).number(Reg::R3, 1 << 40).map_value(Reg::R2, MapId(1), 8);
    change(&mut asm);
    asm.load(Size::U64, Reg::R0, Reg::R2, 0).exit();
    asm.finish(&maps()).unwrap()
}

fn check(program: &Program, expect: Expect) {
    let needs: Vec<String> = program.needs().iter().map(Feature::to_string).collect();
    let relocations: Vec<String> = program.relocations().iter().map(|(at, map)| format!("{at}: {}", map.0)).collect();
    expect.assert_eq(&format!("relocations {}\nneeds {}", relocations.join(", "), needs.join(", ")));
}

#[test]
fn maps_are_found_by_slot() {
    check(
        &program(|_| ()),
        expect![[r#"
        relocations 0: 2, 4: 1
        needs "#]],
    );
}

#[test]
fn needs_come_from_instructions_maps_and_kind() {
    let asks_for_more = |asm: &mut Assembler| {
        asm.sleepable()
            .helper(Helper::GET_ATTACH_COOKIE)
            .helper(Helper::GET_ATTACH_COOKIE)
            .helper(Helper::COPY_FROM_USER);
    };
    let program = program(asks_for_more);
    check(
        &program,
        expect![[r#"
        relocations 0: 2, 4: 1
        needs attach cookies, sleepable uprobes, hash maps without preallocation in tracing"#]],
    );
    assert_eq!(program.lacking(Caps::linux_6_1()), []);
    assert_eq!(program.lacking(Caps::linux_5_15()), [Feature::SleepableUprobes, Feature::NoPreallocInTracing]);
}

#[test]
fn linking_changes_nothing_but_map_ids() {
    let program = program(|_| ());
    let linked = decode_all(&program.linked(|map| 100 + map.0)).unwrap();
    assert_eq!(linked[0], Insn::LoadWide { dst: Reg::R1, value: Wide::Map(102) });
    assert_eq!(linked[1], program.insns()[1]);
    assert_eq!(linked[2], Insn::LoadWide { dst: Reg::R2, value: Wide::MapValue { map: 101, offset: 8 } });
    assert_eq!(linked[3..], program.insns()[3..]);
    assert_eq!(program.linked(|map| map.0), encode_all(program.insns()));
}

#[test]
fn maps_of_other_programs_are_not_used() {
    assert_eq!(program(|_| ()).used_maps(), [MapId(1), MapId(2)]);
}

#[test]
fn the_same_program_is_the_same_bytes_and_another_is_not() {
    let bytes = program(|_| ()).serialize();
    assert_eq!(bytes, program(|_| ()).serialize());
    let changes: [fn(&mut Assembler); 5] = [
        |asm| {
            asm.mov(Reg::R1, 0);
        },
        |asm| {
            asm.comment("a remark");
        },
        |asm| {
            asm.at(Some(Pos { line: 1, column: 2 }));
        },
        |asm| {
            asm.sleepable();
        },
        |asm| {
            let label = asm.label("here");
            asm.place(label);
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert_ne!(bytes, program(change).serialize(), "change {n}");
    }
}

#[test]
fn a_line_of_the_text_is_given_by_its_number() {
    let source = Source { name: String::new(), text: "a\n  b\n".into() };
    assert_eq!([0, 1, 2, 3].map(|n| source.line(n)), ["", "a", "b", ""]);
}
