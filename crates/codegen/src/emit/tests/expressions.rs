use expect_test::expect;

use super::sketch::*;
use super::*;
use plan::*;
use plan::{BinaryOp, UnaryOp};

/// The numbers that expressions give.
fn numbers(world: &World, make: impl FnOnce(&mut Sketch) -> Vec<Expr>) -> String {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let args = make(&mut sketch);
    let format = vec!["%d"; args.len()].join(" ");
    sketch.printf(&format, args);
    outcome(&sketch.plan(), world)
}

fn check_numbers(world: &World, make: impl FnOnce(&mut Sketch) -> Vec<Expr>, expect: Expect) {
    expect.assert_eq(&numbers(world, make));
}

const OPS: [BinaryOp; 16] = [
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Shl,
    BinaryOp::Shr,
    BinaryOp::Lt,
    BinaryOp::Le,
    BinaryOp::Gt,
    BinaryOp::Ge,
    BinaryOp::Eq,
    BinaryOp::Ne,
    BinaryOp::And,
    BinaryOp::Xor,
    BinaryOp::Or,
];

/// What the plan says that an operator does.
fn meaning(op: BinaryOp, signed: bool, a: u64, b: u64) -> u64 {
    let (x, y) = (a as i64, b as i64);
    let less = if signed { x < y } else { a < b };
    match op {
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div if b == 0 => 0,
        BinaryOp::Div if signed => x.wrapping_div(y) as u64,
        BinaryOp::Div => a / b,
        BinaryOp::Mod if b == 0 => a,
        BinaryOp::Mod if signed => x.wrapping_rem(y) as u64,
        BinaryOp::Mod => a % b,
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Shl => a << (b & 63),
        BinaryOp::Shr if signed => (x >> (b & 63)) as u64,
        BinaryOp::Shr => a >> (b & 63),
        BinaryOp::Lt => u64::from(less),
        BinaryOp::Le => u64::from(less || a == b),
        BinaryOp::Gt => u64::from(!less && a != b),
        BinaryOp::Ge => u64::from(!less),
        BinaryOp::Eq => u64::from(a == b),
        BinaryOp::Ne => u64::from(a != b),
        BinaryOp::And => a & b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Or => a | b,
        BinaryOp::LogicalAnd => u64::from(a != 0 && b != 0),
        BinaryOp::LogicalOr => u64::from(a != 0 || b != 0),
    }
}

#[test]
fn operators_do_what_the_plan_says_with_numbers_known_and_unknown() {
    let interesting = [0, 1, 3, 63, 64, 1000, 1 << 31, 1 << 40, i64::MAX as u64, 1 << 63, u64::MAX, u64::MAX - 6];
    for a in interesting {
        for b in interesting {
            let world = World::with(&[("ax", a), ("bx", b)]);
            for signed in [false, true] {
                let side = |name| cast(signed, 8, reg(name));
                let constant = |n: u64| if signed { int(n as i64) } else { uint(n) };
                let unknown = OPS.map(|op| binary(op, side("ax"), side("bx")));
                let known = OPS.map(|op| binary(op, side("ax"), constant(b)));
                let got = numbers(&world, |_| unknown.into_iter().chain(known).collect());
                let wanted = OPS.map(|op| (meaning(op, signed, a, b) as i64).to_string()).join(" ");
                assert_eq!(got, format!("{wanted} {wanted}"), "{a} {b} {signed}");
            }
        }
    }
}

#[test]
fn logical_operators_look_at_the_right_side_only_where_it_matters() {
    let world = World::with(&[("ax", 2)]);
    check_numbers(
        &world,
        |sketch| {
            let n = sketch.var("n", I64);
            let bump = || expr(ExprKind::VarAdd { var: n, by: 1, before: false }, I64);
            let (yes, no) = (|| cast(true, 8, reg("ax")), || int(0));
            vec![
                binary(BinaryOp::LogicalAnd, yes(), bump()),
                binary(BinaryOp::LogicalAnd, no(), bump()),
                binary(BinaryOp::LogicalOr, yes(), bump()),
                binary(BinaryOp::LogicalOr, no(), bump()),
                binary(BinaryOp::LogicalOr, no(), no()),
                sketch.var_expr(n),
            ]
        },
        expect!["1 0 1 1 0 2"],
    );
}

#[test]
fn casts_cut_and_extend() {
    let world = World::with(&[("ax", 0x1_8000_80ff)]);
    check_numbers(
        &world,
        |_| {
            let widths = [(false, 1), (true, 1), (false, 2), (true, 2), (false, 4), (true, 4), (false, 8)];
            widths.map(|(signed, bytes)| cast(signed, bytes, reg("ax"))).to_vec()
        },
        expect!["255 -1 33023 -32513 2147516671 -2147450625 6442483967"],
    );
}

#[test]
fn unary_operators_and_choices() {
    let world = World::with(&[("ax", 5)]);
    check_numbers(
        &world,
        |_| {
            let five = || cast(true, 8, reg("ax"));
            vec![
                unary(UnaryOp::Neg, five()),
                unary(UnaryOp::BitNot, five()),
                unary(UnaryOp::Not, five()),
                unary(UnaryOp::Not, int(0)),
                ternary(binary(BinaryOp::Gt, five(), int(4)), int(10), int(20)),
                ternary(binary(BinaryOp::Gt, five(), int(5)), int(10), int(20)),
            ]
        },
        expect!["-5 -6 0 1 10 20"],
    );
}

#[test]
fn words_say_where_the_probe_fired() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let words = [Word::Pid, Word::Tid, Word::Cpu, Word::Nsecs, Word::Func, Word::Probe, Word::Comm];
    sketch.printf("%d %d %d %d %s %s %s", words.map(word).to_vec());
    check(&sketch.plan(), &World::default(), expect!["7 8 0 5000 Func(0x0) Probe(0x0) server"]);
}

/// A g at 0x9000 with goid 42, and a g0 at 0xa000 whose m at 0xb000 works for it.
fn goroutines(g: u64) -> World {
    let mut words = vec![0; 64];
    words[152 / 8] = 42;
    words[280 / 8] = 41;
    words[144 / 8] = 0x1004;
    words[176 / 8] = 19;
    words[296 / 8] = BIAS + 0x40_1100;
    let mut system = vec![0; 64];
    system[48 / 8] = 0xb000;
    let mut m = vec![0; 64];
    m[184 / 8] = 0x9000;
    World::with(&[("r14", g)]).words(0x9000, &words).words(0xa000, &system).words(0xb000, &m)
}

fn goroutine_words() -> Plan {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.plan.needs.goid = true;
    let words = [Word::Goid, Word::ParentGoid, Word::GoState, Word::WaitReason, Word::StartFunc];
    sketch.printf("%d %d %s %s %s", words.map(word).to_vec());
    sketch.plan()
}

#[test]
fn the_goroutine_is_read_from_its_g_also_on_the_system_stack() {
    let expect = expect!["[goid 42] 42 41 GoState(0x4) WaitReason(0x13) StartFunc(0x401100)"];
    expect.assert_eq(&outcome(&goroutine_words(), &goroutines(0x9000)));
    expect.assert_eq(&outcome(&goroutine_words(), &goroutines(0xa000)));
}

#[test]
fn without_a_g_the_goroutine_is_0_and_what_is_known_of_it_unreadable() {
    check(&goroutine_words(), &goroutines(0), expect!["0 <unreadable> <unreadable> <unreadable> <unreadable>"]);
}

#[test]
fn arguments_are_read_where_the_plan_says() {
    let world = World::with(&[("ax", 0x5000), ("bx", 0xffff_ff85), ("sp", 0x7000)])
        .words(0x5000, &[1, 0x6000])
        .words(0x6000, &[0, 0, 0xfeff_ffff_8001])
        .words(0x7008, &[11, 12]);
    check_numbers(
        &world,
        |sketch| {
            let mut at = |path, location: Location| sketch.access(path, I64, Access::Int(value(location)));
            let stack = Location { base: Base::Stack(8), hops: vec![], bytes: 8, signed: false };
            vec![
                at("args.n", location("bx", &[], 1, true)),
                at("args.p.a", location("ax", &[0], 8, false)),
                at("args.p.q.c", location("ax", &[8, 16], 2, true)),
                at("args.p.q.d", location("ax", &[8, 16], 8, true)),
                at("args.s", stack),
            ]
        },
        expect!["-123 1 -32767 280375465050113 12"],
    );
}

#[test]
fn what_cannot_be_read_is_shown_so_and_counted() {
    let world = World::with(&[("ax", 0), ("bx", 0x5000)]).words(0x5000, &[0, 3]);
    check_numbers(
        &world,
        |sketch| {
            let mut at = |path, location: Location| sketch.access(path, I64, Access::Int(value(location)));
            let null = at("args.p.a", location("ax", &[0], 8, false));
            let inner = at("args.q.a", location("bx", &[0, 8], 8, false));
            let fine = at("args.q.b", location("bx", &[8], 8, false));
            let gone = at("args.q.z", location("bx", &[4096], 8, false));
            let sum = binary(BinaryOp::Add, fine.clone(), gone.clone());
            vec![null, inner, fine, gone, sum]
        },
        expect![[r#"
            <unreadable> <unreadable> 3 <unreadable> <unreadable>
            unreadable: 4"#]],
    );
}

#[test]
fn an_index_beyond_the_length_is_unreadable() {
    let world = World::with(&[("ax", 0x5000), ("bx", 2)]).words(0x5000, &[7, 8, 9]);
    check_numbers(
        &world,
        |sketch| {
            let mut at = |index: u64| {
                let bounds = vec![Bound { len: location("bx", &[], 8, true), index }];
                let location = location("ax", &[8 * index], 8, true);
                sketch.access(&format!("args.s[{index}]"), I64, Access::Int(plan::Value { bounds, location }))
            };
            vec![at(0), at(1), at(2)]
        },
        expect![[r#"
            7 8 <unreadable>
            unreadable: 1"#]],
    );
}

#[test]
fn an_argument_that_did_not_come_back_when_the_stack_grew_is_unreadable() {
    let plan = || {
        let mut sketch = Sketch::new(Prelude::GoEntry);
        let a = sketch.access("args.a", I64, Access::Int(value(location("ax", &[], 8, true))));
        let c = sketch.access("args.c", I64, Access::Int(value(location("cx", &[], 8, true))));
        sketch.printf("%d %d", vec![a, c]);
        sketch.plan_grown(0b001)
    };
    let grown = BIAS + 0x40_1040;
    check(&plan(), &World::with(&[("ax", 1), ("bx", 9), ("cx", 3)]), expect!["1 3"]);
    check(
        &plan(),
        &World::with(&[("ax", 1), ("bx", grown), ("cx", 3)]),
        expect![[r#"
            1 <unreadable>
            unreadable: 1"#]],
    );
}

#[test]
fn memory_and_stack_words_are_read_by_address() {
    let world =
        World::with(&[("ax", 0x5000), ("sp", 0x7000)]).words(0x5000, &[0xffff_ffff_ffff_fffe]).words(0x7010, &[77]);
    check_numbers(
        &world,
        |_| {
            let read = |signed, bytes, at: Expr| expr(ExprKind::Read(Box::new(at)), Type::Int { signed, bytes });
            let word = expr(ExprKind::StackWord(8), U64);
            vec![read(true, 4, reg("ax")), read(false, 2, reg("ax")), read(true, 8, reg("cx")), word]
        },
        expect![[r#"
            -2 65534 <unreadable> 77
            unreadable: 1"#]],
    );
}
