use std::fmt::Write;

use expect_test::{Expect, expect};

use super::{decode, price};
use crate::addr::VAddr;
use crate::elf::Arch::{self, Amd64, Arm64};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|b| u8::from_str_radix(b, 16).expect("two hex digits")).collect()
}

/// One instruction a line: its bytes, and what a probe on it costs.
fn check_prices(arch: Arch, instructions: &[&str], expected: Expect) {
    let mut out = String::new();
    for hex in instructions {
        let price = price(arch, &bytes(hex)).map_or_else(|why| format!("refused: {why}"), |c| c.word().to_owned());
        let _ = writeln!(out, "{hex}: {price}");
    }
    expected.assert_eq(&out);
}

fn check_flow(arch: Arch, hex: &str, expected: Expect) {
    let mut out = String::new();
    for next in decode(arch, VAddr(0x1000), &bytes(hex)) {
        let _ = match next {
            Ok(insn) => writeln!(out, "{:x}+{} {:?}", insn.at, insn.len, insn.flow),
            Err(error) => writeln!(out, "{error}"),
        };
    }
    expected.assert_eq(&out);
}

#[test]
fn amd64_prices_follow_the_opcode_tables_of_the_kernel() {
    check_prices(
        Amd64,
        &[
            "55",
            "41 57",
            "66 50",
            "e8 00 00 00 00",
            "66 e8 00 00",
            "eb 00",
            "e9 00 00 00 00",
            "76 00",
            "0f 86 00 00 00 00",
            "90",
            "66 90",
            "41 90",
            "0f 1f 44 00 00",
            "c3",
            "5d",
            "48 89 e5",
            "f0 48 0f b1 0b",
            "2e 90",
            "cc",
            "cd 80",
            "f4",
            "0f 0b",
            "0f 05",
            "0f ae f0",
            "8e d0",
            "62 f1 7c 48 10 00",
            "c5 f8 77",
            "8f e9 78 81 c0",
            "8f 00",
            "64 48 8b 04 25 f8 ff ff ff",
            "",
            "66",
        ],
        expect![[r#"
            55: emulated
            41 57: emulated
            66 50: stepped
            e8 00 00 00 00: emulated
            66 e8 00 00: refused: it has the prefix 0x66, which the kernel refuses
            eb 00: emulated
            e9 00 00 00 00: emulated
            76 00: emulated
            0f 86 00 00 00 00: emulated
            90: emulated
            66 90: emulated
            41 90: refused: it is an xchg that the kernel takes for a nop
            0f 1f 44 00 00: stepped
            c3: stepped
            5d: stepped
            48 89 e5: stepped
            f0 48 0f b1 0b: refused: it is lock-prefixed, which the kernel refuses
            2e 90: refused: it has the prefix 0x2e, which the kernel refuses
            cc: refused: it traps by itself
            cd 80: refused: it traps by itself
            f4: refused: it traps by itself
            0f 0b: refused: it traps by itself
            0f 05: refused: it is a system instruction, which the kernel refuses
            0f ae f0: refused: it is a system instruction, which the kernel refuses
            8e d0: refused: it loads a segment register, which the kernel refuses
            62 f1 7c 48 10 00: refused: it is EVEX-encoded, which no kernel handles safely
            c5 f8 77: refused: it is VEX-encoded, which no kernel handles safely
            8f e9 78 81 c0: refused: it is XOP-encoded, which no kernel handles safely
            8f 00: stepped
            64 48 8b 04 25 f8 ff ff ff: stepped
            : refused: there is no instruction
            66: refused: there is no instruction
        "#]],
    );
}

#[test]
fn arm64_prices_follow_the_decoder_of_the_kernel() {
    check_prices(
        Arm64,
        &[
            "c0 03 5f d6",
            "80 00 5f d6",
            "60 03 1f d6",
            "20 00 3f d6",
            "00 00 00 14",
            "00 00 00 94",
            "89 00 00 54",
            "99 00 00 54",
            "00 02 00 b4",
            "00 00 00 36",
            "05 00 00 90",
            "05 00 00 10",
            "fb 03 00 18",
            "fe 0f 1f f8",
            "1f 20 03 d5",
            "5f 24 03 d5",
            "7f 20 03 d5",
            "bf 3b 03 d5",
            "40 d0 3b d5",
            "01 00 00 d4",
            "00 00 20 d4",
            "03 fc 5f 88",
            "03 fc df 88",
            "ff 0b 5f d6",
            "00 04 00 19",
            "00 00 00 00",
            "60 12 00 00",
            "1f",
        ],
        expect![[r#"
            c0 03 5f d6: emulated
            80 00 5f d6: emulated
            60 03 1f d6: emulated
            20 00 3f d6: emulated
            00 00 00 14: emulated
            00 00 00 94: emulated
            89 00 00 54: emulated
            99 00 00 54: refused: it is a system instruction, which the kernel refuses
            00 02 00 b4: emulated
            00 00 00 36: emulated
            05 00 00 90: emulated
            05 00 00 10: emulated
            fb 03 00 18: refused: it reads a literal relative to its own address
            fe 0f 1f f8: stepped
            1f 20 03 d5: stepped
            5f 24 03 d5: stepped
            7f 20 03 d5: refused: it is a system instruction, which the kernel refuses
            bf 3b 03 d5: stepped
            40 d0 3b d5: refused: it is a system instruction, which the kernel refuses
            01 00 00 d4: refused: it traps by itself
            00 00 20 d4: refused: it traps by itself
            03 fc 5f 88: refused: it is an exclusive load or store, which never succeeds under a probe
            03 fc df 88: stepped
            ff 0b 5f d6: refused: it is a system instruction, which the kernel refuses
            00 04 00 19: refused: it is a system instruction, which the kernel refuses
            00 00 00 00: refused: there is no instruction
            60 12 00 00: refused: there is no instruction
            1f: refused: there is no instruction
        "#]],
    );
}

#[test]
fn amd64_flow_tells_what_comes_back_from_what_does_not() {
    let hex = "90 74 fd eb fb e8 00 00 00 00 ff d0 ff e0 ff 24 c8 0f 05 cd 80 c2 08 00 cb f4 0f 0b cc 90 cc cc cc";
    check_flow(
        Amd64,
        hex,
        expect![[r#"
        0+1 Next
        1+2 Branch(0x1000)
        3+2 Jump(0x1000)
        5+5 Call(0x100a)
        a+2 IndirectCall
        c+2 IndirectJump
        e+3 Switch
        11+2 Next
        13+2 Next
        15+3 Return
        18+1 Stop
        19+1 Stop
        1a+2 Stop
        1c+1 Data
        1d+1 Next
        1e+3 Data
    "#]],
    );
}

#[test]
fn arm64_flow_is_decided_by_bit_patterns() {
    let hex = "01 00 00 d4 9f 20 03 d5 40 00 00 54 e0 ff ff b4 00 00 08 37 fe ff ff 17 01 00 00 94 20 00 3f d6 \
               20 00 1f d6 c0 03 5f d6 20 00 5f d6 ff 0f 5f d6 1b 78 63 f8 60 03 1f d6 1b 00 40 f9 60 03 1f d6 \
               00 00 20 d4 00 00 40 d4 e0 03 9f d6 00 17 a7 be 00 00 00 00 60 12 00 00";
    check_flow(
        Arm64,
        hex,
        expect![[r#"
            0+4 Next
            4+4 Next
            8+4 Branch(0x1010)
            c+4 Branch(0x1008)
            10+4 Branch(0x1010)
            14+4 Jump(0x100c)
            18+4 Call(0x101c)
            1c+4 IndirectCall
            20+4 IndirectJump
            24+4 Return
            28+4 IndirectJump
            2c+4 Return
            30+4 Next
            34+4 Switch
            38+4 Next
            3c+4 IndirectJump
            40+4 Stop
            44+4 Stop
            48+4 Stop
            4c+4 Stop
            50+4 Data
            54+4 Data
        "#]],
    );
}
