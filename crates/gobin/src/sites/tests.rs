//! Each case is a function at [`ENTRY`], shown as its disassembly with the sites in the margin: `E`ntry, `R`eturn,
//! `T`ail jump, call to `D`eferreturn; behind it what the margin cannot say.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::{Code, Entry, Refusal, Sites, Written, find};
use crate::addr::VAddr;
use crate::elf::Arch::{self, Amd64, Arm64};
use crate::insn::{self, Line};

mod arm64;

const ENTRY: VAddr = VAddr(0x40_0000);
const MORESTACK: VAddr = VAddr(0x40_1000);
const DEFERRETURN: VAddr = VAddr(0x40_2000);
const OTHER: VAddr = VAddr(0x40_3000);

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|b| u8::from_str_radix(b, 16).expect("two hex digits")).collect()
}

fn sites(arch: Arch, bytes: &[u8], written: Written) -> Sites {
    let (deferreturn, morestack) = (Some(DEFERRETURN), &[MORESTACK]);
    find(&Code { arch, entry: ENTRY, bytes, written, deferreturn, morestack })
}

fn name(addr: VAddr) -> Option<String> {
    let known = [(ENTRY, "entry"), (MORESTACK, "morestack"), (DEFERRETURN, "deferreturn"), (OTHER, "other")];
    known.iter().find(|k| k.0 == addr).map(|k| k.1.to_owned())
}

fn margin(sites: &Sites, at: u32) -> String {
    let entry = sites.entry.as_ref().is_ok_and(|e| e.offset == at);
    let returns = sites.returns.as_ref().is_ok_and(|r| r.iter().any(|r| r.offset == at));
    let tail = sites.tail_jumps.iter().any(|t| t.offset == at);
    let deferred = sites.deferreturn_calls.contains(&at);
    [(entry, 'E'), (returns, 'R'), (tail, 'T'), (deferred, 'D')].iter().filter(|m| m.0).map(|m| m.1).collect()
}

fn entry(entry: &Entry) -> String {
    let Entry { class, sp_adjust, loop_head, prologue, exits, .. } = entry;
    let mut text = format!("entry {}", class.word());
    let adjusted = format!("SP {sp_adjust} down");
    for (holds, word) in [
        (prologue.checked, "behind stack check"),
        (entry.offset == 0, "at first byte"),
        (*sp_adjust > 0, &adjusted),
        (*loop_head, "loop head"),
        (*exits, "exits"),
    ] {
        if holds {
            text += ", ";
            text += word;
        }
    }
    text
}

fn show(arch: Arch, bytes: &[u8]) -> String {
    let sites = sites(arch, bytes, Written::Go);
    let mut out = String::new();
    let mut line = |Line { insn, text }| {
        let _ = writeln!(out, "{:2} {:3x} {text}", margin(&sites, insn.at), insn.at);
    };
    insn::disassemble(arch, ENTRY, bytes, name, &mut line);
    out += &sites.entry.as_ref().map_or_else(|why| format!("no entry: {why}"), entry);
    if let Err(why) = &sites.returns {
        let _ = write!(out, "\nno returns: {why}");
    }
    if let Some(restored) = sites.restored {
        let _ = write!(out, "\nrestored {:#b} behind {:x}", restored.registers.ints, restored.behind_call);
    }
    let _ = writeln!(out, "\ncode ends at {:x}", sites.decoded_to);
    out
}

fn check(arch: Arch, hex: &str, expected: Expect) {
    expected.assert_eq(&show(arch, &bytes(hex)));
}

#[test]
fn a_small_frame_is_entered_behind_its_check_and_a_jump_that_looks_like_filling_is_none() {
    check(
        Amd64,
        "49 3b 66 10 76 13 55 48 89 e5 48 83 ec 10 e8 ed 2f 00 00 48 83 c4 10 5d c3 48 89 44 24 08 48 89 \
         5c 24 10 e8 d8 0f 00 00 48 8b 44 24 08 48 8b 5c 24 10 eb cc cc cc cc",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x400019
            E    6 push rbp
                 7 mov rbp,rsp
                 a sub rsp,0x10
                 e call other
                13 add rsp,0x10
                17 pop rbp
            R   18 ret
                19 mov [rsp+8],rax
                1e mov [rsp+0x10],rbx
                23 call morestack
                28 mov rax,[rsp+8]
                2d mov rbx,[rsp+0x10]
                32 jmp entry
                34 int3
            entry emulated, behind stack check
            restored 0b11 behind 28
            code ends at 34
        "#]],
    );
}

#[test]
fn a_medium_frame_compares_through_r12() {
    check(
        Amd64,
        "4c 8d 64 24 80 4d 3b 66 10 0f 86 0e 00 00 00 55 48 89 e5 48 83 c4 80 48 83 ec 80 5d c3 e8 de 0f \
         00 00 eb dc",
        expect![[r#"
                 0 lea r12,[rsp-0x80]
                 5 cmp r12,[r14+0x10]
                 9 jbe 0x40001d
            E    f push rbp
                10 mov rbp,rsp
                13 add rsp,-0x80
                17 sub rsp,-0x80
                1b pop rbp
            R   1c ret
                1d call morestack
                22 jmp entry
            entry emulated, behind stack check
            restored 0b0 behind 22
            code ends at 24
        "#]],
    );
}

#[test]
fn a_medium_frame_may_be_far_and_on_the_system_stack() {
    check(
        Amd64,
        "4c 8d a4 24 00 f0 ff ff 4d 3b 66 18 76 03 55 5d c3 e8 ea 0f 00 00 eb e8",
        expect![[r#"
             0 lea r12,[rsp-0x1000]
             8 cmp r12,[r14+0x18]
             c jbe 0x400011
        E    e push rbp
             f pop rbp
        R   10 ret
            11 call morestack
            16 jmp entry
        entry emulated, behind stack check
        restored 0b0 behind 16
        code ends at 18
    "#]],
    );
}

#[test]
fn a_huge_frame_has_two_ways_to_the_slow_path() {
    check(
        Amd64,
        "49 89 e4 49 81 ec 40 9c 00 00 72 09 4d 3b 66 10 76 03 55 5d c3 e8 e6 0f 00 00 eb e4",
        expect![[r#"
             0 mov r12,rsp
             3 sub r12,0x9c40
             a jb 0x400015
             c cmp r12,[r14+0x10]
            10 jbe 0x400015
        E   12 push rbp
            13 pop rbp
        R   14 ret
            15 call morestack
            1a jmp entry
        entry emulated, behind stack check
        restored 0b0 behind 1a
        code ends at 1c
    "#]],
    );
}

#[test]
fn the_panic_block_of_old_wrappers_is_not_the_stack_check() {
    check(
        Amd64,
        "49 3b 66 10 76 1c 55 48 89 e5 48 83 ec 08 4d 8b 66 20 4d 85 e4 75 1e e8 e4 2f 00 00 48 83 c4 08 \
         5d c3 48 89 44 24 08 e8 d4 0f 00 00 48 8b 44 24 08 66 90 eb cb 4c 8d 6c 24 18 4d 39 2c 24 75 d7 \
         49 89 24 24 eb d1",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x400022
            E    6 push rbp
                 7 mov rbp,rsp
                 a sub rsp,8
                 e mov r12,[r14+0x20]
                12 test r12,r12
                15 jne 0x400035
                17 call other
                1c add rsp,8
                20 pop rbp
            R   21 ret
                22 mov [rsp+8],rax
                27 call morestack
                2c mov rax,[rsp+8]
                31 xchg ax,ax
                33 jmp entry
                35 lea r13,[rsp+0x18]
                3a cmp [r12],r13
                3e jne 0x400017
                40 mov [r12],rsp
                44 jmp 0x400017
            entry emulated, behind stack check
            restored 0b1 behind 2c
            code ends at 46
        "#]],
    );
}

#[test]
fn arguments_that_are_not_loaded_again_are_dead() {
    check(
        Amd64,
        "49 3b 66 10 76 08 55 e8 f4 2f 00 00 5d c3 e8 ed 0f 00 00 0f 1f 00 eb e8",
        expect![[r#"
             0 cmp rsp,[r14+0x10]
             4 jbe 0x40000e
        E    6 push rbp
             7 call other
             c pop rbp
        R    d ret
             e call morestack
            13 nop [rax]
            16 jmp entry
        entry emulated, behind stack check
        restored 0b0 behind 13
        code ends at 18
    "#]],
    );
}

#[test]
fn floats_and_small_integers_come_back_too() {
    check(
        Amd64,
        "49 3b 66 10 76 08 55 e8 f4 2f 00 00 5d c3 e8 ed 0f 00 00 f2 0f 10 44 24 08 0f b6 4c 24 10 eb e0",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x40000e
            E    6 push rbp
                 7 call other
                 c pop rbp
            R    d ret
                 e call morestack
                13 movsd xmm0,[rsp+8]
                19 movzx ecx,byte ptr [rsp+0x10]
                1e jmp entry
            entry emulated, behind stack check
            restored 0b100 behind 13
            code ends at 20
        "#]],
    );
}

#[test]
fn without_a_push_a_later_call_is_cheap_if_arguments_are_only_spilled() {
    check(
        Amd64,
        "49 3b 66 10 76 22 48 83 ec 18 48 89 6c 24 10 48 8d 6c 24 10 48 89 44 24 20 e8 e2 2f 00 00 48 8b \
         6c 24 10 48 83 c4 18 c3 48 89 44 24 08 e8 ce 0f 00 00 48 8b 44 24 08 eb c7",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x400028
                 6 sub rsp,0x18
                 a mov [rsp+0x10],rbp
                 f lea rbp,[rsp+0x10]
                14 mov [rsp+0x20],rax
            E   19 call other
                1e mov rbp,[rsp+0x10]
                23 add rsp,0x18
            R   27 ret
                28 mov [rsp+8],rax
                2d call morestack
                32 mov rax,[rsp+8]
                37 jmp entry
            entry emulated, behind stack check, SP 24 down
            restored 0b1 behind 32
            code ends at 39
        "#]],
    );
}

#[test]
fn a_leaf_is_entered_at_its_first_branch() {
    check(
        Amd64,
        "48 85 c0 74 06 b8 01 00 00 00 c3 31 c0 c3 cc cc",
        expect![[r#"
             0 test rax,rax
        E    3 je 0x40000b
             5 mov eax,1
        R    a ret
             b xor eax,eax
        R    d ret
             e int3
        entry emulated
        code ends at e
    "#]],
    );
}

#[test]
fn an_argument_register_that_is_written_ends_the_search() {
    check(
        Amd64,
        "48 8b 00 48 85 c0 74 01 c3 31 c0 c3",
        expect![[r#"
        E    0 mov rax,[rax]
             3 test rax,rax
             6 je 0x400009
        R    8 ret
             9 xor eax,eax
        R    b ret
        entry stepped, at first byte
        code ends at c
    "#]],
    );
}

#[test]
fn a_store_to_memory_ends_the_search() {
    check(
        Amd64,
        "48 89 18 48 85 db 74 00 c3",
        expect![[r#"
        E    0 mov [rax],rbx
             3 test rbx,rbx
             6 je 0x400008
        R    8 ret
        entry stepped, at first byte
        code ends at 9
    "#]],
    );
}

#[test]
fn a_loop_on_the_first_byte_makes_the_entry_a_loop_head() {
    check(
        Amd64,
        "ff 08 83 38 00 7f f9 c3",
        expect![[r#"
        E    0 dec dword ptr [rax]
             2 cmp dword ptr [rax],0
             5 jg entry
        R    7 ret
        entry stepped, at first byte, loop head
        code ends at 8
    "#]],
    );
}

#[test]
fn scratch_registers_are_no_arguments_but_the_closure_context_is() {
    check(
        Amd64,
        "31 d2 45 31 e4 c3",
        expect![[r#"
        E    0 xor edx,edx
             2 xor r12d,r12d
        R    5 ret
        entry stepped, at first byte
        code ends at 6
    "#]],
    );
}

#[test]
fn a_dear_entry_outside_a_loop_beats_a_cheap_one_inside() {
    check(
        Amd64,
        "45 31 e4 49 39 dc 7d 05 49 ff c4 eb f6 c3",
        expect![[r#"
        E    0 xor r12d,r12d
             3 cmp r12,rbx
             6 jge 0x40000d
             8 inc r12
             b jmp 0x400003
        R    d ret
        entry stepped, at first byte
        code ends at e
    "#]],
    );
}

#[test]
fn entry_and_return_may_be_one_instruction() {
    check(
        Amd64,
        "c3 cc cc cc",
        expect![[r#"
        ER   0 ret
             1 int3
        entry stepped, at first byte, exits
        code ends at 1
    "#]],
    );
}

#[test]
fn a_jump_out_of_the_function_is_a_tail_jump() {
    check(
        Amd64,
        "48 83 c0 08 e9 f7 2f 00 00 cc",
        expect![[r#"
        E    0 add rax,8
        T    4 jmp other
             9 int3
        entry stepped, at first byte
        code ends at 9
    "#]],
    );
}

#[test]
fn a_nop_is_emulated() {
    check(
        Amd64,
        "90 e9 fa 2f 00 00",
        expect![[r#"
        E    0 nop
        T    1 jmp other
        entry emulated, at first byte
        code ends at 6
    "#]],
    );
}

#[test]
fn a_jump_through_a_register_is_a_tail_jump() {
    check(
        Amd64,
        "48 8b 08 48 8b 40 08 48 8b 49 18 ff e1",
        expect![[r#"
        E    0 mov rcx,[rax]
             3 mov rax,[rax+8]
             7 mov rcx,[rcx+0x18]
        T    b jmp rcx
        entry stepped, at first byte
        code ends at d
    "#]],
    );
}

#[test]
fn a_jump_table_is_no_exit() {
    check(
        Amd64,
        "48 83 fb 03 77 10 48 8d 15 f3 2f 00 00 ff 24 da b8 01 00 00 00 c3 31 c0 c3",
        expect![[r#"
             0 cmp rbx,3
        E    4 ja 0x400016
             6 lea rdx,[rip+0x2ff3]  # other
             d jmp qword ptr [rdx+rbx*8]
            10 mov eax,1
        R   15 ret
            16 xor eax,eax
        R   18 ret
        entry emulated, loop head
        code ends at 19
    "#]],
    );
}

#[test]
fn a_jump_table_with_relative_targets_is_no_exit() {
    check(
        Amd64,
        "49 3b 66 10 76 13 55 48 8d 15 f2 2f 00 00 48 63 0c 9a 48 01 d1 ff e1 5d c3 e8 e2 0f 00 00 eb e0",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x400019
            E    6 push rbp
                 7 lea rdx,[rip+0x2ff2]  # other
                 e movsxd rcx,[rdx+rbx*4]
                12 add rcx,rdx
                15 jmp rcx
                17 pop rbp
            R   18 ret
                19 call morestack
                1e jmp entry
            entry emulated, behind stack check
            restored 0b0 behind 1e
            code ends at 20
        "#]],
    );
}

#[test]
fn calls_to_deferreturn_are_listed() {
    check(
        Amd64,
        "49 3b 66 10 76 14 55 e8 f4 2f 00 00 e8 ef 1f 00 00 5d c3 e8 e8 1f 00 00 5d c3 e8 e1 0f 00 00 eb \
         df",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x40001a
            E    6 push rbp
                 7 call other
            D    c call deferreturn
                11 pop rbp
            R   12 ret
            D   13 call deferreturn
                18 pop rbp
            R   19 ret
                1a call morestack
                1f jmp entry
            entry emulated, behind stack check
            restored 0b0 behind 1f
            code ends at 21
        "#]],
    );
}

#[test]
fn a_function_without_a_way_out_never_returns() {
    check(
        Amd64,
        "49 3b 66 10 76 07 55 e8 f4 2f 00 00 90 e8 ee 0f 00 00 eb ec",
        expect![[r#"
             0 cmp rsp,[r14+0x10]
             4 jbe 0x40000d
        E    6 push rbp
             7 call other
             c nop
             d call morestack
            12 jmp entry
        entry emulated, behind stack check
        no returns: never returns: every path ends in a call that does not come back, or loops
        restored 0b0 behind 12
        code ends at 14
    "#]],
    );
}

#[test]
fn a_locked_first_instruction_refuses_the_entry() {
    check(
        Amd64,
        "f0 08 18 c3",
        expect![[r#"
             0 lock or [rax],bl
        R    3 ret
        no entry: no probe can be put on the instruction at +0x0: it is lock-prefixed, which the kernel refuses
        code ends at 4
    "#]],
    );
}

#[test]
fn an_evex_first_instruction_refuses_the_entry() {
    check(
        Amd64,
        "62 f1 7c 48 10 00 c3",
        expect![[r#"
                 0 vmovups zmm0,[rax]
            R    6 ret
            no entry: no probe can be put on the instruction at +0x0: it is EVEX-encoded, which no kernel handles safely
            code ends at 7
        "#]],
    );
}

#[test]
fn a_vex_first_instruction_refuses_the_entry() {
    check(
        Amd64,
        "c5 fe 6f 00 c5 f8 77 c3",
        expect![[r#"
                 0 vmovdqu ymm0,[rax]
                 4 vzeroupper
            R    7 ret
            no entry: no probe can be put on the instruction at +0x0: it is VEX-encoded, which no kernel handles safely
            code ends at 8
        "#]],
    );
}

#[test]
fn code_that_is_cut_off_has_no_returns_but_an_entry() {
    check(
        Amd64,
        "49 3b 66 10 76 20 55 48 89 e5 48 8b",
        expect![[r#"
                 0 cmp rsp,[r14+0x10]
                 4 jbe 0x400026
            E    6 push rbp
                 7 mov rbp,rsp
                 a (byte 0x48 at +0xa starts an instruction that is cut off)
            entry emulated, behind stack check
            no returns: byte 0x48 at +0xa starts an instruction that is cut off
            code ends at a
        "#]],
    );
}

#[test]
fn bytes_that_do_not_decode_refuse_every_return() {
    check(
        Amd64,
        "55 5d c3 06 c3",
        expect![[r#"
        E    0 push rbp
             1 pop rbp
             2 ret
             3 (byte 0x06 at +0x3 does not decode)
        entry emulated, at first byte
        no returns: byte 0x06 at +0x3 does not decode
        code ends at 3
    "#]],
    );
}

#[test]
fn a_conditional_branch_out_of_the_function_refuses_the_returns() {
    check(
        Amd64,
        "48 85 c0 0f 84 f7 2f 00 00 c3",
        expect![[r#"
             0 test rax,rax
        E    3 je other
             9 ret
        entry emulated
        no returns: the conditional branch at +0x3 leaves the function
        code ends at a
    "#]],
    );
}

#[test]
fn a_wrapper_for_assembly_is_entered_behind_the_load_of_g() {
    check(
        Amd64,
        "45 0f 57 ff 64 4c 8b 34 25 f8 ff ff ff e9 ee 2f 00 00",
        expect![[r#"
                 0 xorps xmm15,xmm15
                 4 mov r14,fs:[0xfffffffffffffff8]
            ET   d jmp other
            entry emulated, exits
            code ends at 12
        "#]],
    );
}

#[test]
fn a_position_independent_load_of_g_may_stand_before_the_check() {
    check(
        Amd64,
        "49 c7 c6 f8 ff ff ff 64 4d 8b 36 49 3b 66 10 76 03 55 5d c3 e8 e7 0f 00 00 eb e5",
        expect![[r#"
                 0 mov r14,-8
                 7 mov r14,fs:[r14]
                 b cmp rsp,[r14+0x10]
                 f jbe 0x400014
            E   11 push rbp
                12 pop rbp
            R   13 ret
                14 call morestack
                19 jmp entry
            entry emulated, behind stack check
            restored 0b0 behind 19
            code ends at 1b
        "#]],
    );
}

#[test]
fn a_return_that_pops_is_a_return() {
    check(
        Amd64,
        "c2 10 00",
        expect![[r#"
        ER   0 ret 0x10
        entry stepped, at first byte, exits
        code ends at 3
    "#]],
    );
}

#[test]
fn only_go_gets_sites() {
    let push = bytes("55 5d c3");
    let refused = |written| format!("{}\n", sites(Amd64, &push, written).entry.expect_err("not Go"));
    expect![[r#"
        written in assembly: its arguments and its g register follow no rule that gospect knows
        written in C: it has no g and no Go arguments
    "#]]
    .assert_eq(&(refused(Written::Assembly) + &refused(Written::C)));
}

#[test]
fn filling_alone_is_no_function() {
    for (arch, hex) in [(Amd64, "cc cc cc"), (Arm64, "00 00 00 00 00"), (Amd64, ""), (Arm64, "")] {
        let found = sites(arch, &bytes(hex), Written::Go);
        assert_eq!((found.entry, found.returns), (Err(Refusal::Empty), Err(Refusal::Empty)), "{hex}");
    }
}

/// Not a fuzzer, but every prefix of real code and every byte value at every place of it has been through.
#[test]
fn damaged_code_never_panics() {
    let amd64 = bytes("49 3b 66 10 76 0a 55 48 89 e5 48 8d 05 00 00 00 00 c3 e8 e9 0f 00 00 eb e7");
    let arm64 = bytes("90 0b 40 f9 ff 63 30 eb 89 00 00 54 fe 0f 1f f8 fe 07 41 f8 c0 03 5f d6 fb 03 00 58");
    for (arch, code) in [(Amd64, amd64), (Arm64, arm64)] {
        for at in 0..code.len() {
            let _ = show(arch, &code[..at]);
            for byte in 0..=255 {
                let mut damaged = code.clone();
                damaged[at] = byte;
                assert!(sites(arch, &damaged, Written::Go).decoded_to as usize <= damaged.len());
            }
        }
    }
}
