//! Arithmetic and conditions once more, by their definitions and without regard to speed.

use super::*;
use crate::insn::Operand;

/// A number modulo 2^bits, with its sign or without.
fn number(value: u64, bits: u32, signed: bool) -> i128 {
    let modulus = 1_i128 << bits;
    let low = i128::from(value) % modulus;
    if signed && low >= modulus / 2 { low - modulus } else { low }
}

fn back(value: i128, bits: u32) -> u64 {
    value.rem_euclid(1 << bits) as u64
}

fn bits(width: Width) -> u32 {
    if width == Width::W64 { 64 } else { 32 }
}

fn alu(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    let bits = bits(width);
    let (ua, ub) = (number(a, bits, false), number(b, bits, false));
    let (sa, sb) = (number(a, bits, true), number(b, bits, true));
    let power = 1_i128 << (ub % i128::from(bits));
    let result = match op {
        AluOp::Add => ua + ub,
        AluOp::Sub => ua - ub,
        AluOp::Mul => return back((ua as u128).wrapping_mul(ub as u128) as i128 & ((1 << bits) - 1), bits),
        AluOp::Div => {
            if ub == 0 {
                0
            } else {
                ua / ub
            }
        }
        AluOp::Mod => {
            if ub == 0 {
                ua
            } else {
                ua % ub
            }
        }
        AluOp::SDiv => {
            if sb == 0 {
                0
            } else {
                sa / sb
            }
        }
        AluOp::SMod => {
            if sb == 0 {
                sa
            } else {
                sa % sb
            }
        }
        AluOp::Or => ua | ub,
        AluOp::And => ua & ub,
        AluOp::Xor => ua ^ ub,
        AluOp::Lsh => (0..ub % i128::from(bits)).fold(ua, |n, _| n * 2 % (1 << bits)),
        AluOp::Rsh => ua / power,
        AluOp::Arsh => sa.div_euclid(power),
        AluOp::Mov => ub,
    };
    back(result, bits)
}

fn holds(width: Width, cond: Cond, a: u64, b: u64) -> bool {
    let (ua, ub) = (number(a, bits(width), false), number(b, bits(width), false));
    let (sa, sb) = (number(a, bits(width), true), number(b, bits(width), true));
    match cond {
        Cond::Eq => ua == ub,
        Cond::Ne => ua != ub,
        Cond::Gt => ua > ub,
        Cond::Ge => ua >= ub,
        Cond::Lt => ua < ub,
        Cond::Le => ua <= ub,
        Cond::SGt => sa > sb,
        Cond::SGe => sa >= sb,
        Cond::SLt => sa < sb,
        Cond::SLe => sa <= sb,
        Cond::Set => ua & ub != 0,
    }
}

/// What a straight line of instructions leaves in `R0` to `R4`.
fn model(insns: &[Insn], registers: &mut [u64; 5]) {
    for insn in insns {
        let value = |operand: Operand| match operand {
            Operand::Reg(reg) => registers[usize::from(reg.number())],
            Operand::Imm(imm) => imm as i64 as u64,
        };
        let (dst, result) = match *insn {
            Insn::Alu { width, op, dst, src } => (dst, alu(width, op, value(dst.into()), value(src))),
            Insn::Neg { width, dst } => (dst, alu(width, AluOp::Sub, 0, value(dst.into()))),
            _ => unreachable!("no other instruction is made here"),
        };
        registers[usize::from(dst.number())] = result;
    }
}

const REGISTERS: [Reg; 5] = [R0, R1, R2, R3, R4];

fn random_insn(random: &mut Random) -> Insn {
    let width = random.pick(&[Width::W32, Width::W64]);
    let (op, dst) = (random.pick(&AluOp::ALL), random.pick(&REGISTERS));
    let imm = match random.imm() {
        imm if op.is_shift() => imm & (bits(width) as i32 - 1),
        0 if op.is_division() => 1,
        imm => imm,
    };
    match random.below(9) {
        0 => Insn::Neg { width, dst },
        1..=4 => Insn::Alu { width, op, dst, src: imm.into() },
        _ => Insn::Alu { width, op, dst, src: random.pick(&REGISTERS).into() },
    }
}

#[test]
fn random_arithmetic_gives_what_its_definition_says() {
    let mut random = Random::new(4);
    for round in 0..20_000 {
        let mut registers = [0; 5].map(|_: u64| random.value());
        let insns: Vec<Insn> = (0..random.below(12) + 1).map(|_| random_insn(&mut random)).collect();
        let shown = random.below(5) as usize;
        let mut asm = Assembler::new("main", Kind::Uprobe, Source::default());
        for (reg, value) in REGISTERS.into_iter().zip(registers) {
            asm.number(reg, value);
        }
        insns.iter().for_each(|insn| drop_it(asm.push(*insn)));
        asm.mov(R0, REGISTERS[shown]).exit();
        let program = asm.finish(&Maps::new()).unwrap();
        let mut vm = Vm::new(&Maps::new(), 1).unwrap();
        let image = vm.load(&program).unwrap();
        model(&insns, &mut registers);
        let result = vm.run(&image, &mut [], &mut NoMemory);
        assert_eq!(result, Ok(registers[shown]), "round {round}, register {shown}\n{program}");
    }
}

#[test]
fn conditions_hold_when_their_definition_says() {
    let (mut random, mut vm) = (Random::new(5), Vm::new(&Maps::new(), 1).unwrap());
    for round in 0..40_000 {
        let (width, cond) = (random.pick(&[Width::W32, Width::W64]), random.pick(&Cond::ALL));
        let (a, imm) = (random.value(), random.imm());
        let (b, in_register) = (if random.one_in(2) { random.value() } else { a }, random.one_in(2));
        let (b, right) = if in_register { (b, Operand::Reg(R2)) } else { (imm as i64 as u64, imm.into()) };
        let mut asm = Assembler::new("main", Kind::Uprobe, Source::default());
        let yes = asm.label("yes");
        asm.number(R1, a).number(R2, b).mov(R0, 1);
        match width {
            Width::W64 => asm.jump_if(cond, R1, right, yes),
            Width::W32 => asm.jump32_if(cond, R1, right, yes),
        };
        asm.mov(R0, 0).place(yes).exit();
        let program = asm.finish(&Maps::new()).unwrap();
        let image = vm.load(&program).unwrap();
        let result = vm.run(&image, &mut [], &mut NoMemory);
        assert_eq!(result, Ok(u64::from(holds(width, cond, a, b))), "round {round}\n{program}");
    }
}
