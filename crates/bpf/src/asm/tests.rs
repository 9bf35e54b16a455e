use super::*;
use crate::map::{Entries, MapKind, MapSpec};
use expect_test::{Expect, expect};

const R0: Reg = Reg::R0;
const R1: Reg = Reg::R1;
const R2: Reg = Reg::R2;
const R6: Reg = Reg::R6;
const R10: Reg = Reg::R10;

fn maps() -> Maps {
    let mut maps = Maps::new();
    maps.add(MapSpec::array("config", 16, Entries::Fixed(1))).unwrap();
    maps.add(MapSpec::hash("heads", MapKind::Hash, 16, 560, 8192)).unwrap();
    maps
}

/// What the writer puts after the first instruction of the program, as a listing or as the error.
fn check(write: impl FnOnce(&mut Assembler), expect: Expect) {
    let source = Source { name: "probe".into(), text: "go:main.f\n{ @n = count() }\n".into() };
    let mut asm = Assembler::new("main", Kind::Uprobe, source);
    write(&mut asm);
    expect.assert_eq(&match asm.finish(&maps()) {
        Ok(program) => program.to_string(),
        Err(error) => format!("error: {error}"),
    });
}

#[test]
fn labels_may_be_placed_before_and_after_their_jumps() {
    check(
        |asm| {
            let (again, end) = (asm.label("again"), asm.label("end"));
            asm.mov(R6, 10).place(again).jump_if(Cond::Eq, R6, 0, end).add(R6, -1).jump(again);
            asm.place(end).mov(R0, 0).exit();
        },
        expect![[r#"
            program main uprobe

            main:
              r6 = 10
            again:
              if r6 == 0x0 goto end
              r6 += -1
              goto again
            end:
              r0 = 0
              exit
        "#]],
    );
}

#[test]
fn labels_of_one_name_are_told_apart() {
    check(
        |asm| {
            for _ in 0..2 {
                let drop = asm.label("drop");
                asm.jump32_if(Cond::Lt, R1, R2, drop).mov(R0, 1).place(drop);
            }
            asm.exit();
        },
        expect![[r#"
            program main uprobe

            main:
              if w1 < w2 goto drop
              r0 = 1
            drop:
              if w1 < w2 goto drop.2
              r0 = 1
            drop.2:
              exit
        "#]],
    );
}

#[test]
fn remarks_and_places_of_the_text_stand_before_their_instructions() {
    check(
        |asm| {
            asm.comment("registers").mov(R6, R1).at(Some(Pos { line: 2, column: 3 })).mov(R0, 0);
            asm.at(None).comment("done").exit();
        },
        expect![[r#"
            program main uprobe

            main:
              ; registers
              r6 = r1
              ; probe:2:3 { @n = count() }
              r0 = 0
              ; done
              exit
        "#]],
    );
}

#[test]
fn what_is_said_of_no_instruction_is_not_told() {
    check(
        |asm| {
            let (end, at) = (asm.label("end"), |column| Some(Pos { line: 1, column }));
            asm.at(at(1)).at(at(2)).mov(R0, 0).at(at(3)).exit().at(at(4)).comment("the end").place(end);
        },
        expect![[r#"
            program main uprobe

            main:
              ; probe:1:2 go:main.f
              r0 = 0
              ; probe:1:3 go:main.f
              exit
        "#]],
    );
}

#[test]
fn functions_are_called_by_name() {
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Global, &["slot"]);
            let turn = asm.declare("turn", Linkage::Static, &["index", "unused"]);
            asm.mov(R1, 4).call(step).mov(R1, 16).function(R2, turn).helper(Helper::LOOP).exit();
            asm.begin(step).store(Size::U64, R10, -32, R1).mov(R0, 1).exit();
            asm.begin(turn).mov(R0, 0).exit();
        },
        expect![[r#"
            program main uprobe

            main:
              r1 = 4
              call step
              r1 = 16
              r2 = func turn
              call bpf_loop#181
              exit

            global step(slot):
              *(u64 *)(r10 -32) = r1
              r0 = 1
              exit

            static turn(index, unused):
              r0 = 0
              exit
        "#]],
    );
}

#[test]
fn maps_are_named_by_id() {
    check(
        |asm| {
            asm.map_value(R1, MapId(0), 8).load(Size::U64, R2, R1, 0).map(R1, MapId(1)).frame(R2, -16);
            asm.helper(Helper::MAP_LOOKUP_ELEM).mov(R0, 0).exit();
        },
        expect![[r#"
            program main uprobe
            map config array key 4 value 16 entries 1
            map heads hash key 16 value 560 entries 8192

            main:
              r1 = map[config][0]+8
              r2 = *(u64 *)(r1 +0)
              r1 = map[heads]
              r2 = r10
              r2 += -16
              call bpf_map_lookup_elem#1
              r0 = 0
              exit
        "#]],
    );
}

#[test]
fn numbers_take_one_slot_where_they_can() {
    check(
        |asm| {
            asm.number(R1, u64::MAX).number(R1, 0x7fff_ffff).number(R1, 0x8000_0000).number(R0, 1 << 40);
            asm.sign_extend(R1, R2, Size::U16).sign_extend(R1, R1, Size::U64).exit();
        },
        expect![[r#"
            program main uprobe

            main:
              r1 = -1
              r1 = 2147483647
              r1 = 0x80000000
              r0 = 0x10000000000
              r1 = r2
              r1 <<= 48
              r1 s>>= 48
              exit
        "#]],
    );
}

#[test]
fn a_label_stands_in_exactly_one_place() {
    check(
        |asm| {
            let label = asm.label("nowhere");
            asm.jump_if(Cond::Eq, R1, 0, label).exit();
        },
        expect!["error: label nowhere is jumped to and stands nowhere"],
    );
    check(
        |asm| {
            let label = asm.label("twice");
            asm.place(label).mov(R0, 0).place(label).exit();
        },
        expect!["error: label twice stands in two places"],
    );
}

#[test]
fn a_jump_reaches_32767_slots_and_no_more() {
    let far = |distance: usize| {
        move |asm: &mut Assembler| {
            let end = asm.label("end");
            asm.jump_if(Cond::Eq, R1, 0, end);
            (0..distance).for_each(|_| {
                asm.mov(R0, 0);
            });
            asm.place(end).exit();
        }
    };
    check(far(32_768), expect!["error: label end is 32768 slots away, over 32767"]);
    let mut asm = Assembler::new("main", Kind::Uprobe, Source::default());
    far(32_767)(&mut asm);
    assert!(asm.finish(&maps()).is_ok());
}

#[test]
fn a_jump_stays_in_its_function() {
    check(
        |asm| {
            let (step, inside) = (asm.declare("step", Linkage::Static, &[]), asm.label("inside"));
            asm.call(step).jump_if(Cond::Eq, R0, 0, inside).exit();
            asm.begin(step).mov(R0, 0).place(inside).exit();
        },
        expect!["error: label inside is not in main"],
    );
    check(
        |asm| {
            let behind = asm.label("behind");
            asm.jump_if(Cond::Eq, R1, 0, behind).exit().place(behind);
        },
        expect!["error: label behind is not in main"],
    );
}

#[test]
fn the_frame_has_512_bytes() {
    check(
        |asm| {
            asm.store(Size::U64, R10, -520, 0).mov(R0, 0).exit();
        },
        expect!["error: main uses its frame at -520; it reaches from -512 to -1"],
    );
    check(
        |asm| {
            asm.store(Size::U64, R10, -4, 0).mov(R0, 0).exit();
        },
        expect!["error: main uses its frame at -4; it reaches from -512 to -1"],
    );
    check(
        |asm| {
            asm.frame(R1, -600).mov(R0, 0).exit();
        },
        expect!["error: main uses its frame at -600; it reaches from -512 to -1"],
    );
    check(
        |asm| {
            asm.store(Size::U64, R10, -12, 0).mov(R0, 0).exit();
        },
        expect!["error: main uses its frame at -12, which is not a multiple of the size"],
    );
}

#[test]
fn a_chain_of_calls_shares_512_bytes_and_8_frames() {
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Global, &[]);
            asm.store(Size::U8, R10, -257, 0).call(step).exit();
            asm.begin(step).frame(R1, -256).mov(R0, 0).exit();
        },
        expect!["error: main → step together use 544 bytes of stack"],
    );
    check(
        |asm| {
            let all: Vec<FunctionId> = (1..=8).map(|n| asm.declare(&format!("f{n}"), Linkage::Static, &[])).collect();
            asm.call(all[0]).exit();
            for (n, &function) in all.iter().enumerate() {
                asm.begin(function).mov(R0, 0);
                all.get(n + 1).into_iter().for_each(|&next| {
                    asm.call(next);
                });
                asm.exit();
            }
        },
        expect!["error: main → f1 → f2 → f3 → f4 → f5 → f6 → f7 → f8 are more than 8 frames"],
    );
}

#[test]
fn no_function_calls_itself() {
    check(
        |asm| {
            let (a, b) = (asm.declare("a", Linkage::Static, &[]), asm.declare("b", Linkage::Static, &[]));
            asm.call(a).exit().begin(a).call(b).exit().begin(b).call(a).exit();
        },
        expect!["error: a calls itself"],
    );
}

#[test]
fn every_instruction_can_be_reached() {
    check(
        |asm| {
            asm.mov(R0, 0).exit().mov(R0, 1).exit();
        },
        expect!["error: nothing leads to `r0 = 1` in main"],
    );
    check(
        |asm| {
            let unused = asm.declare("unused", Linkage::Global, &[]);
            asm.mov(R0, 0).exit().begin(unused).mov(R0, 0).exit();
        },
        expect!["error: nothing leads to `r0 = 0` in unused"],
    );
}

#[test]
fn a_function_ends_with_exit_or_a_jump() {
    check(
        |asm| {
            asm.mov(R0, 0);
        },
        expect!["error: main does not end with exit or a jump"],
    );
    check(|_| (), expect!["error: main does not end with exit or a jump"]);
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Static, &[]);
            asm.call(step).begin(step).mov(R0, 0).exit();
        },
        expect!["error: main does not end with exit or a jump"],
    );
}

#[test]
fn functions_have_one_body_and_a_proper_name() {
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Static, &[]);
            asm.call(step).exit();
        },
        expect!["error: function step is called and has no body"],
    );
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Static, &[]);
            asm.call(step).exit().begin(step).exit().begin(step).exit();
        },
        expect!["error: function step has two bodies"],
    );
    check(
        |asm| {
            asm.declare("main.f", Linkage::Static, &[]);
        },
        expect![[r#"error: "main.f" cannot be the name of a function"#]],
    );
    check(
        |asm| {
            asm.declare("f", Linkage::Static, &["a"; 6]);
        },
        expect!["error: function f has more than 5 arguments"],
    );
    check(
        |asm| {
            let step = asm.declare("step", Linkage::Global, &[]);
            asm.function(R2, step).exit().begin(step).exit();
        },
        expect!["error: step is called back and not static"],
    );
}

#[test]
fn numbers_that_no_kernel_takes_are_refused() {
    check(
        |asm| {
            asm.alu(AluOp::Div, R1, 0).exit();
        },
        expect!["error: main divides by the number 0"],
    );
    check(
        |asm| {
            asm.alu32(AluOp::Lsh, R1, 32).exit();
        },
        expect!["error: main shifts by 32"],
    );
    check(
        |asm| {
            asm.load(Size::U64, R1, R6, 40_000).exit();
        },
        expect!["error: offset 40000 does not fit into 16 bits"],
    );
    check(
        |asm| {
            asm.mov(R10, 0).exit();
        },
        expect!["error: main writes r10"],
    );
    check(
        |asm| {
            asm.atomic(AtomicOp::Exchange, Width::W64, R6, 0, R10).exit();
        },
        expect!["error: main writes r10"],
    );
}

#[test]
fn maps_are_there_and_values_are_inside() {
    check(
        |asm| {
            asm.map(R1, MapId(9)).exit();
        },
        expect!["error: there is no map 9"],
    );
    check(
        |asm| {
            asm.map_value(R1, MapId(1), 0).exit();
        },
        expect!["error: map heads is not an array of one value"],
    );
    check(
        |asm| {
            asm.map_value(R1, MapId(0), 16).exit();
        },
        expect!["error: offset 16 is beyond the value of map config"],
    );
}
