use super::*;
use crate::vm::Random;
use expect_test::{Expect, expect};

/// Bytes to the instruction's text and back.
fn check(bytes: &str, expect: Expect) {
    let raw: Vec<u8> = bytes.split(' ').map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
    match decode_all(&raw) {
        Ok(insns) => {
            assert_eq!(encode_all(&insns), raw, "{bytes}");
            let text: Vec<String> = insns.iter().map(crate::disasm::bare).collect();
            expect.assert_eq(&text.join("; "));
        }
        Err(error) => expect.assert_eq(&format!("error: {error}")),
    }
}

#[test]
fn bytes_are_read_as_the_kernel_reads_them() {
    check("79 61 28 00 00 00 00 00", expect!["r1 = *(u64 *)(r6 +40)"]);
    check("07 02 00 00 f8 ff ff ff", expect!["r2 += -8"]);
    check("bc 21 00 00 00 00 00 00", expect!["w1 = w2"]);
    check("7b 1a f8 ff 00 00 00 00", expect!["*(u64 *)(r10 -8) = r1"]);
    check("62 0a fc ff 2a 00 00 00", expect!["*(u32 *)(r10 -4) = 42"]);
    check("18 11 00 00 07 00 00 00 00 00 00 00 00 00 00 00", expect!["r1 = map[7]"]);
    check("18 21 00 00 07 00 00 00 00 00 00 00 10 00 00 00", expect!["r1 = map[7][0]+16"]);
    check("18 03 00 00 ef cd ab 89 00 00 00 00 67 45 23 01", expect!["r3 = 0x123456789abcdef"]);
    check("85 00 00 00 70 00 00 00", expect!["call bpf_probe_read_user#112"]);
    check("85 10 00 00 02 00 00 00 95 00 00 00 00 00 00 00", expect!["call pc+2; exit"]);
    check("15 00 03 00 00 00 00 00", expect!["if r0 == 0x0 goto pc+3"]);
    check("6d 21 fd ff 00 00 00 00", expect!["if r1 s> r2 goto pc-3"]);
    check("46 03 01 00 00 00 00 80", expect!["if w3 & 0x80000000 goto pc+1"]);
    check("05 00 05 00 00 00 00 00", expect!["goto pc+5"]);
    check("87 04 00 00 00 00 00 00", expect!["r4 = -r4"]);
    check("dc 01 00 00 10 00 00 00", expect!["r1 = be16 r1"]);
}

#[test]
fn atomics_are_told_apart_by_their_number() {
    check("db 21 00 00 00 00 00 00", expect!["lock *(u64 *)(r1 +0) += r2"]);
    check("db 21 08 00 01 00 00 00", expect!["r2 = atomic64_fetch_add((u64 *)(r1 +8), r2)"]);
    check("c3 21 00 00 e1 00 00 00", expect!["r2 = atomic_xchg((u32 *)(r1 +0), r2)"]);
    check("db 21 00 00 f1 00 00 00", expect!["r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)"]);
    check("db 21 00 00 11 00 00 00", expect!["error: no instruction: [db, 21, 00, 00, 11, 00, 00, 00]"]);
}

#[test]
fn the_instructions_of_cpu_v4_are_known() {
    check("bf 21 08 00 00 00 00 00", expect!["r1 = (s8)r2"]);
    check("bc 21 10 00 00 00 00 00", expect!["w1 = (s16)w2"]);
    check("91 21 00 00 00 00 00 00", expect!["r1 = *(s8 *)(r2 +0)"]);
    check("3f 21 01 00 00 00 00 00", expect!["r1 s/= r2"]);
    check("97 01 01 00 07 00 00 00", expect!["r1 s%= 7"]);
    check("d7 01 00 00 40 00 00 00", expect!["r1 = bswap64 r1"]);
}

#[test]
fn what_is_not_of_the_set_is_refused() {
    check("79 61 28 00 00 00 00", expect!["error: the program ends inside an instruction"]);
    check("18 01 00 00 07 00 00 00", expect!["error: the program ends inside an instruction"]);
    check(
        "79 61 28 00 01 00 00 00",
        expect!["error: a field that must be zero is not: [79, 61, 28, 00, 01, 00, 00, 00]"],
    );
    check("79 6b 28 00 00 00 00 00", expect!["error: no instruction: [79, 6b, 28, 00, 00, 00, 00, 00]"]);
    check("20 00 00 00 00 00 00 00", expect!["error: the program ends inside an instruction"]);
    check("06 00 00 00 05 00 00 00", expect!["error: no instruction: [06, 00, 00, 00, 05, 00, 00, 00]"]);
    check("bc 21 20 00 00 00 00 00", expect!["error: no instruction: [bc, 21, 20, 00, 00, 00, 00, 00]"]);
    check("99 21 00 00 00 00 00 00", expect!["error: no instruction: [99, 21, 00, 00, 00, 00, 00, 00]"]);
    check("d4 01 00 00 08 00 00 00", expect!["error: no instruction: [d4, 01, 00, 00, 08, 00, 00, 00]"]);
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    let (mut random, mut read) = (Random::new(1), 0);
    for _ in 0..400_000 {
        // Mostly few bits set, since fields that must be zero are many.
        let noise = random.number();
        let word =
            if random.one_in(2) { random.number() & 0xffff | 0xff << 32 & noise } else { noise & 0x0001_0008_ffff };
        let slots =
            [Slot::from_bytes(word.to_le_bytes()), Slot::from_bytes((noise & 0xffff_ffff_0000_0000).to_le_bytes())];
        if let Ok(insn) = Insn::decode(&slots) {
            let (one, two) = insn.encode();
            assert_eq!((one, two.unwrap_or(slots[1])), (slots[0], slots[1]));
            read += 1;
        }
    }
    assert!(read > 10_000, "{read} of the words were instructions");
}

#[test]
fn newer_instructions_say_what_they_need() {
    let atomic = |op| Insn::Atomic { op, width: Width::W64, base: Reg::R1, off: 0, src: Reg::R2 };
    assert_eq!(atomic(AtomicOp::Add).needs(), None);
    assert_eq!(atomic(AtomicOp::Exchange).needs(), Some(Feature::Atomics));
    assert_eq!(atomic(AtomicOp::Or).needs(), Some(Feature::Atomics));
    assert_eq!(Insn::Call { helper: Helper::GET_ATTACH_COOKIE }.needs(), Some(Feature::Cookies));
    let extend = Insn::SignExtend { width: Width::W64, from: Size::U8, dst: Reg::R1, src: Reg::R2 };
    assert_eq!(extend.needs(), Some(Feature::CpuV4));
    assert_eq!(Insn::Exit.needs(), None);
}

#[test]
fn the_opposite_of_a_condition_holds_when_it_does_not() {
    for cond in Cond::ALL {
        assert_eq!(cond.opposite().and_then(Cond::opposite), (cond != Cond::Set).then_some(cond));
    }
}
