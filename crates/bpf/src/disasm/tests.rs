use super::*;
use crate::asm::Assembler;
use crate::helper::Helper;
use crate::map::{Entries, MapKind, MapSpec};
use crate::notes::{Pos, Source};
use crate::program::Kind;
use expect_test::{Expect, expect};

/// One instruction of each form that two registers, an offset and a number can have.
fn check(insns: &[Insn], expect: Expect) {
    let lines: Vec<String> = insns.iter().map(|insn| format!("({:02x}) {}", insn.opcode(), bare(insn))).collect();
    expect.assert_eq(&lines.join("\n"));
}

const DST: Reg = Reg::R1;
const SRC: Reg = Reg::R2;

#[test]
fn arithmetic() {
    let insns = AluOp::ALL.map(|op| Insn::Alu { width: Width::W64, op, dst: DST, src: SRC.into() });
    check(
        &insns,
        expect![[r#"
        (0f) r1 += r2
        (1f) r1 -= r2
        (2f) r1 *= r2
        (3f) r1 /= r2
        (3f) r1 s/= r2
        (9f) r1 %= r2
        (9f) r1 s%= r2
        (4f) r1 |= r2
        (5f) r1 &= r2
        (af) r1 ^= r2
        (6f) r1 <<= r2
        (7f) r1 >>= r2
        (cf) r1 s>>= r2
        (bf) r1 = r2"#]],
    );
    let insns = [AluOp::Mov, AluOp::SMod].map(|op| Insn::Alu { width: Width::W32, op, dst: DST, src: (-7).into() });
    check(
        &insns,
        expect![[r#"
        (b4) w1 = -7
        (94) w1 s%= -7"#]],
    );
    let order = |to, size| Insn::ByteOrder { to, size, dst: DST };
    check(
        &[
            Insn::Neg { width: Width::W32, dst: DST },
            Insn::SignExtend { width: Width::W64, from: Size::U8, dst: DST, src: SRC },
            order(ByteOrder::Big, Size::U16),
            order(ByteOrder::Little, Size::U32),
            order(ByteOrder::Swap, Size::U64),
        ],
        expect![[r#"
            (84) w1 = -w1
            (bf) r1 = (s8)r2
            (dc) r1 = be16 r1
            (d4) r1 = le32 r1
            (d7) r1 = bswap64 r1"#]],
    );
}

#[test]
fn memory() {
    let load = |size, signed| Insn::Load { size, signed, dst: DST, base: SRC, off: 40 };
    let store = |size, value| Insn::Store { size, base: Reg::R10, off: -8, value };
    check(
        &[load(Size::U64, false), load(Size::U8, true), store(Size::U32, SRC.into()), store(Size::U16, (-1).into())],
        expect![[r#"
            (79) r1 = *(u64 *)(r2 +40)
            (91) r1 = *(s8 *)(r2 +40)
            (63) *(u32 *)(r10 -8) = r2
            (6a) *(u16 *)(r10 -8) = -1"#]],
    );
    let insns = AtomicOp::ALL.map(|op| Insn::Atomic { op, width: Width::W64, base: DST, off: 8, src: SRC });
    check(
        &insns,
        expect![[r#"
        (db) lock *(u64 *)(r1 +8) += r2
        (db) lock *(u64 *)(r1 +8) |= r2
        (db) lock *(u64 *)(r1 +8) &= r2
        (db) lock *(u64 *)(r1 +8) ^= r2
        (db) r2 = atomic64_fetch_add((u64 *)(r1 +8), r2)
        (db) r2 = atomic64_fetch_or((u64 *)(r1 +8), r2)
        (db) r2 = atomic64_fetch_and((u64 *)(r1 +8), r2)
        (db) r2 = atomic64_fetch_xor((u64 *)(r1 +8), r2)
        (db) r2 = atomic64_xchg((u64 *)(r1 +8), r2)
        (db) r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)"#]],
    );
    check(
        &[Insn::Atomic { op: AtomicOp::FetchXor, width: Width::W32, base: DST, off: -8, src: SRC }],
        expect!["(c3) r2 = atomic_fetch_xor((u32 *)(r1 -8), r2)"],
    );
}

#[test]
fn jumps() {
    let insns = Cond::ALL.map(|cond| Insn::Branch { width: Width::W64, cond, left: DST, right: (-1).into(), off: 2 });
    check(
        &insns,
        expect![[r#"
        (15) if r1 == 0xffffffff goto pc+2
        (55) if r1 != 0xffffffff goto pc+2
        (25) if r1 > 0xffffffff goto pc+2
        (35) if r1 >= 0xffffffff goto pc+2
        (a5) if r1 < 0xffffffff goto pc+2
        (b5) if r1 <= 0xffffffff goto pc+2
        (65) if r1 s> 0xffffffff goto pc+2
        (75) if r1 s>= 0xffffffff goto pc+2
        (c5) if r1 s< 0xffffffff goto pc+2
        (d5) if r1 s<= 0xffffffff goto pc+2
        (45) if r1 & 0xffffffff goto pc+2"#]],
    );
    check(
        &[
            Insn::Branch { width: Width::W32, cond: Cond::Eq, left: DST, right: SRC.into(), off: -3 },
            Insn::Jump { off: 0 },
            Insn::CallLocal { off: 7 },
            Insn::Call { helper: Helper::KTIME_GET_BOOT_NS },
            Insn::Exit,
        ],
        expect![[r#"
            (1e) if w1 == w2 goto pc-3
            (05) goto pc+0
            (85) call pc+7
            (85) call bpf_ktime_get_boot_ns#125
            (95) exit"#]],
    );
}

#[test]
fn wide_loads() {
    let wide = |value| Insn::LoadWide { dst: DST, value };
    check(
        &[
            wide(Wide::Number(0xffff_ffff_0000_0000)),
            wide(Wide::Map(3)),
            wide(Wide::MapValue { map: 3, offset: 8 }),
            wide(Wide::Function(-4)),
        ],
        expect![[r#"
            (18) r1 = 0xffffffff00000000
            (18) r1 = map[3]
            (18) r1 = map[3][0]+8
            (18) r1 = func pc-4"#]],
    );
}

#[test]
fn a_listing_can_be_laid_beside_a_verifier_log() {
    let mut maps = Maps::new();
    let heads = maps.add(MapSpec::hash("heads", MapKind::Hash, 16, 560, 8192)).unwrap();
    let armed = maps.add(MapSpec::array("armed", 8, Entries::Fixed(1))).unwrap();
    let source = Source { name: "latency.bt".into(), text: "go:main.f {\n  @n = count();\n}\n".into() };
    let mut asm = Assembler::new("latency", Kind::UprobeMulti, source);
    let (out, pop) = (asm.label("out"), asm.declare("pop", Linkage::Global, &["g", "limit"]));
    asm.sleepable().comment("nothing happens before all sites are live");
    asm.mov(Reg::R6, Reg::R1).map_value(Reg::R1, armed, 0).load(Size::U64, Reg::R1, Reg::R1, 0);
    asm.jump_if(Cond::Eq, Reg::R1, 0, out).at(Some(Pos { line: 2, column: 8 }));
    asm.map(Reg::R1, heads).frame(Reg::R2, -16).mov(Reg::R1, 1).mov(Reg::R2, 2).call(pop);
    asm.at(None).place(out).mov(Reg::R0, 0).exit();
    asm.begin(pop).mov(Reg::R0, 0).exit();
    let program = asm.finish(&maps).unwrap();
    expect![[r#"
        program latency uprobe_multi sleepable
        map heads hash key 16 value 560 entries 8192
        map armed array key 4 value 8 entries 1

        latency:
                  ; nothing happens before all sites are live
           0: (bf) r6 = r1
           1: (18) r1 = map[armed][0]+0
           3: (79) r1 = *(u64 *)(r1 +0)
           4: (15) if r1 == 0x0 goto out
                  ; latency.bt:2:8 @n = count();
           5: (18) r1 = map[heads]
           7: (bf) r2 = r10
           8: (07) r2 += -16
           9: (b7) r1 = 1
          10: (b7) r2 = 2
          11: (85) call pop
        out:
          12: (b7) r0 = 0
          13: (95) exit

        global pop(g, limit):
          14: (b7) r0 = 0
          15: (95) exit
    "#]]
    .assert_eq(&listing(&program, Numbers::Yes));
}
