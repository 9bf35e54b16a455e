use expect_test::expect;

use super::check;
use crate::elf::Arch::Arm64;

#[test]
fn spills_are_no_cheap_sites() {
    check(
        Arm64,
        "90 0b 40 f9 ff 63 30 eb 49 01 00 54 fe 0f 1e f8 fd 83 1f f8 fd 23 00 d1 e0 17 00 f9 03 5c 40 39 \
         f8 0b 00 94 fd 83 5f f8 fe 07 42 f8 c0 03 5f d6 e0 07 00 f9 e3 03 1e aa f2 03 00 94 e0 07 40 f9 \
         f0 ff ff 17 00 00 00 00",
        expect![[r#"
                 0 ldr x16, [x28, #0x10]
                 4 cmp sp, x16
                 8 b.ls 0x400030
            E    c str x30, [sp, #-0x20]!
                10 stur x29, [sp, #-0x8]
                14 sub x29, sp, #0x8
                18 str x0, [sp, #0x28]
                1c ldrb w3, [x0, #0x17]
                20 bl other
                24 ldur x29, [sp, #-0x8]
                28 ldr x30, [sp], #0x20
            R   2c ret
                30 str x0, [sp, #0x8]
                34 mov x3, x30
                38 bl morestack
                3c ldr x0, [sp, #0x8]
                40 b entry
                44 .data 0x00000000
            entry stepped, behind stack check
            restored 0b1 behind 3c
            code ends at 44
        "#]],
    );
}

#[test]
fn prefers_a_branch_behind_the_frame_and_says_how_far_sp_is_down() {
    check(
        Arm64,
        "90 0b 40 f9 ff 63 30 eb 29 01 00 54 fe 0f 1f f8 fd 83 1f f8 fd 23 00 d1 40 00 00 b4 01 00 40 f9 \
         fd 83 5f f8 fe 07 41 f8 c0 03 5f d6 e0 87 00 a9 e3 03 1e aa f3 03 00 94 e0 87 40 a9 f1 ff ff 17",
        expect![[r#"
                 0 ldr x16, [x28, #0x10]
                 4 cmp sp, x16
                 8 b.ls 0x40002c
                 c str x30, [sp, #-0x10]!
                10 stur x29, [sp, #-0x8]
                14 sub x29, sp, #0x8
            E   18 cbz x0, 0x400020
                1c ldr x1, [x0]
                20 ldur x29, [sp, #-0x8]
                24 ldr x30, [sp], #0x10
            R   28 ret
                2c stp x0, x1, [sp, #0x8]
                30 mov x3, x30
                34 bl morestack
                38 ldp x0, x1, [sp, #0x8]
                3c b entry
            entry emulated, behind stack check, SP 16 down
            restored 0b11 behind 38
            code ends at 40
        "#]],
    );
}

#[test]
fn large_frames_are_made_through_x20() {
    check(
        Arm64,
        "90 0f 40 f9 f1 43 13 d1 3f 02 10 eb 09 01 00 54 f4 43 15 d1 9d fa 3f a9 9f 02 00 91 fd 23 00 d1 \
         1b 00 00 90 e0 03 1b aa c0 03 5f d6 e3 03 1e aa f4 03 00 94 fb e3 10 91 64 17 40 a9 f1 ff ff 17",
        expect![[r#"
                 0 ldr x16, [x28, #0x18]
                 4 sub x17, sp, #0x4d0
                 8 cmp x17, x16
                 c b.ls 0x40002c
                10 sub x20, sp, #0x550
                14 stp x29, x30, [x20, #-0x8]
                18 mov sp, x20
                1c sub x29, sp, #0x8
            E   20 adrp x27, 0x400000
                24 mov x0, x27
            R   28 ret
                2c mov x3, x30
                30 bl morestack
                34 add x27, sp, #0x438
                38 ldp x4, x5, [x27]
                3c b entry
            entry emulated, behind stack check, SP 1360 down
            restored 0b110000 behind 34
            code ends at 40
        "#]],
    );
}

#[test]
fn huge_frames_have_two_ways_to_the_slow_path() {
    check(
        Arm64,
        "90 0b 40 f9 1b f6 83 d2 f1 63 3b eb 03 01 00 54 3f 02 10 eb c9 00 00 54 1b 06 84 d2 f4 63 3b cb \
         9d fa 3f a9 9f 02 00 91 c0 03 5f d6 e3 03 1e aa f4 03 00 94 f3 ff ff 17",
        expect![[r#"
                 0 ldr x16, [x28, #0x10]
                 4 mov x27, #0x1fb0
                 8 subs x17, sp, x27
                 c b.lo 0x40002c
                10 cmp x17, x16
                14 b.ls 0x40002c
            E   18 mov x27, #0x2030
                1c sub x20, sp, x27
                20 stp x29, x30, [x20, #-0x8]
                24 mov sp, x20
            R   28 ret
                2c mov x3, x30
                30 bl morestack
                34 b entry
            entry stepped, behind stack check
            restored 0b0 behind 34
            code ends at 38
        "#]],
    );
}

#[test]
fn huge_frames_may_have_an_immediate_size() {
    check(
        Arm64,
        "90 0b 40 f9 f1 43 3e f1 a3 00 00 54 3f 02 10 eb 69 00 00 54 f4 07 40 d1 c0 03 5f d6 e3 03 1e aa \
         f8 03 00 94 f7 ff ff 17",
        expect![[r#"
                 0 ldr x16, [x28, #0x10]
                 4 subs x17, sp, #0xf90
                 8 b.lo 0x40001c
                 c cmp x17, x16
                10 b.ls 0x40001c
                14 sub x20, sp, #0x1, lsl #12
            ER  18 ret
                1c mov x3, x30
                20 bl morestack
                24 b entry
            entry emulated, behind stack check, exits
            restored 0b0 behind 24
            code ends at 28
        "#]],
    );
}

#[test]
fn huge_frames_may_need_two_instructions_for_their_size() {
    check(
        Arm64,
        "90 0b 40 f9 9b 46 82 d2 3b 00 a0 f2 f1 63 3b eb 83 00 00 54 3f 02 10 eb 49 00 00 54 c0 03 5f d6 \
         e3 03 1e aa f7 03 00 94 f6 ff ff 17",
        expect![[r#"
                 0 ldr x16, [x28, #0x10]
                 4 mov x27, #0x1234
                 8 movk x27, #0x1, lsl #16
                 c subs x17, sp, x27
                10 b.lo 0x400020
                14 cmp x17, x16
                18 b.ls 0x400020
            ER  1c ret
                20 mov x3, x30
                24 bl morestack
                28 b entry
            entry emulated, behind stack check, exits
            restored 0b0 behind 28
            code ends at 2c
        "#]],
    );
}

#[test]
fn ret_through_another_register_is_a_tail_jump() {
    check(
        Arm64,
        "01 00 40 a9 21 0c 40 f9 20 00 5f d6 00 00 00 00",
        expect![[r#"
            E    0 ldp x1, x0, [x0]
                 4 ldr x1, [x1, #0x18]
            T    8 ret x1
                 c .data 0x00000000
            entry stepped, at first byte
            code ends at c
        "#]],
    );
}

#[test]
fn jump_tables_are_no_exits() {
    check(
        Arm64,
        "3f 20 00 f1 e8 00 00 54 02 00 00 90 42 00 01 91 5b 78 61 f8 60 03 1f d6 20 00 80 d2 c0 03 5f d6 \
         00 00 80 d2 c0 03 5f d6",
        expect![[r#"
                 0 cmp x1, #0x8
            E    4 b.hi 0x400020
                 8 adrp x2, 0x400000
                 c add x2, x2, #0x40  // 0x400040
                10 ldr x27, [x2, x1, lsl #3]
                14 br x27
                18 mov x0, #0x1
            R   1c ret
                20 mov x0, #0x0
            R   24 ret
            entry emulated, loop head
            code ends at 28
        "#]],
    );
}

#[test]
fn entry_and_return_may_be_one_instruction() {
    check(
        Arm64,
        "c0 03 5f d6",
        expect![[r#"
        ER   0 ret
        entry emulated, at first byte, exits
        code ends at 4
    "#]],
    );
}

#[test]
fn exclusive_loads_refuse_the_entry() {
    check(
        Arm64,
        "03 fc 5f 88 63 00 01 0b 03 fc 1b 88 bb ff ff 35 c0 03 5f d6",
        expect![[r#"
             0 ldaxr w3, [x0]
             4 add w3, w3, w1
             8 stlxr w27, w3, [x0]
             c cbnz w27, entry
        R   10 ret
        no entry: no probe can be put on the instruction at +0x0: it is an exclusive load or store, which never succeeds under a probe
        code ends at 14
    "#]],
    );
}

#[test]
fn a_literal_that_looks_like_a_return_is_none() {
    check(
        Arm64,
        "7b 00 00 18 00 00 1b 8b c0 03 5f d6 c0 03 5f d6",
        expect![[r#"
                 0 ldr w27, 0x40000c
                 4 add x0, x0, x27
            R    8 ret
                 c .data 0xd65f03c0
            no entry: no probe can be put on the instruction at +0x0: it reads a literal relative to its own address
            code ends at c
        "#]],
    );
}

#[test]
fn words_behind_the_last_jump_may_be_anything() {
    check(
        Arm64,
        "01 00 00 14 c0 03 5f d6 60 12 00 00 00 00 00 00",
        expect![[r#"
            E    0 b 0x400004
            R    4 ret
                 8 .data 0x00001260
                 c .data 0x00000000
            entry emulated, at first byte
            code ends at 8
        "#]],
    );
}

#[test]
fn a_word_that_is_no_instruction_refuses_every_return() {
    check(
        Arm64,
        "20 00 80 d2 60 12 00 00 c0 03 5f d6",
        expect![[r#"
        E    0 mov x0, #0x1
             4 (byte 0x60 at +0x4 does not decode)
        entry stepped, at first byte, loop head
        no returns: byte 0x60 at +0x4 does not decode
        code ends at 4
    "#]],
    );
}

#[test]
fn code_may_be_cut_off() {
    check(
        Arm64,
        "20 00 80 d2 1f 20",
        expect![[r#"
        E    0 mov x0, #0x1
             4 (byte 0x1f at +0x4 starts an instruction that is cut off)
        entry stepped, at first byte, loop head
        no returns: byte 0x1f at +0x4 starts an instruction that is cut off
        code ends at 4
    "#]],
    );
}
