use expect_test::expect;

use super::sketch::*;
use super::*;
use plan::BinaryOp;
use plan::*;

fn ax() -> Expr {
    cast(true, 8, reg("ax"))
}

#[test]
fn if_takes_one_side() {
    let plan = || {
        let mut sketch = Sketch::new(Prelude::GoEntry);
        let (big, small) = (sketch.text("big"), sketch.text("small"));
        let then = vec![sketch.make(StmtKind::Printf { format: big, args: vec![] })];
        let otherwise = vec![sketch.make(StmtKind::Printf { format: small, args: vec![] })];
        let cond = binary(BinaryOp::Gt, ax(), int(10));
        sketch.stmt(StmtKind::If { cond, then, otherwise });
        sketch.printf("after", vec![]);
        sketch.plan()
    };
    check(&plan(), &World::with(&[("ax", 11)]), expect!["big\nafter"]);
    check(&plan(), &World::with(&[("ax", 10)]), expect!["small\nafter"]);
}

#[test]
fn return_ends_the_body_also_from_inside() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let then = vec![sketch.make(StmtKind::Return)];
    sketch.stmt(StmtKind::If { cond: ax(), then, otherwise: vec![] });
    sketch.printf("not reached", vec![]);
    sketch.stmt(StmtKind::Return);
    sketch.printf("never", vec![]);
    let plan = sketch.plan();
    check(&plan, &World::with(&[("ax", 1)]), expect![""]);
    check(&plan, &World::with(&[]), expect!["not reached"]);
}

#[test]
fn repeats_run_so_often_also_nested() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let n = sketch.var("n", I64);
    let bump = |sketch: &mut Sketch| {
        let add = expr(ExprKind::VarAdd { var: n, by: 1, before: true }, I64);
        sketch.make(StmtKind::Do(add))
    };
    let inner = vec![bump(&mut sketch)];
    let inner = sketch.make(StmtKind::Repeat { times: 100, body: inner });
    let one = bump(&mut sketch);
    sketch.stmt(StmtKind::Repeat { times: 10, body: vec![inner, one] });
    let value = sketch.var_expr(n);
    sketch.printf("%d", vec![value]);
    check(&sketch.plan(), &World::default(), expect!["1010"]);
}

#[test]
fn a_predicate_that_is_not_met_is_counted() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.body.predicate = Some(binary(BinaryOp::LogicalAnd, ax(), binary(BinaryOp::Ne, ax(), int(3))));
    sketch.printf("met", vec![]);
    let plan = sketch.plan();
    check(&plan, &World::with(&[("ax", 4)]), expect!["met"]);
    check(&plan, &World::with(&[("ax", 3)]), expect!["filtered: 1"]);
}

#[test]
fn a_variable_remembers_that_its_value_was_unreadable() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let var = sketch.var("x", I64);
    let show = |sketch: &mut Sketch| {
        let value = sketch.var_expr(var);
        sketch.printf("%d", vec![value]);
    };
    show(&mut sketch);
    sketch.stmt(StmtKind::SetVar { var, value: expr(ExprKind::Read(Box::new(reg("ax"))), I64) });
    show(&mut sketch);
    let sum = binary(BinaryOp::Add, sketch.var_expr(var), int(1));
    sketch.stmt(StmtKind::SetVar { var, value: sum });
    show(&mut sketch);
    sketch.stmt(StmtKind::SetVar { var, value: int(4) });
    show(&mut sketch);
    check(
        &sketch.plan(),
        &World::default(),
        expect![[r#"
            0
            <unreadable>
            <unreadable>
            4
            unreadable: 1"#]],
    );
}

#[test]
fn what_user_space_does_comes_in_the_order_of_the_text() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@n", vec![I64], MapValue::Count);
    let time = sketch.text("%H:%M:%S\n");
    sketch.stmt(StmtKind::Aggregate { map, key: vec![int(7)], value: None });
    sketch.stmt(StmtKind::Time(time));
    sketch.stmt(StmtKind::PrintMap { map, top: 5, div: 2 });
    sketch.stmt(StmtKind::Print(expr(ExprKind::Map { map, key: vec![int(7)] }, I64)));
    sketch.stmt(StmtKind::Print(ax()));
    sketch.stmt(StmtKind::Clear(map));
    sketch.stmt(StmtKind::Zero(map));
    sketch.stmt(StmtKind::Exit(Some(int(3))));
    sketch.printf("not reached", vec![]);
    check(
        &sketch.plan(),
        &World::with(&[("ax", 5)]),
        expect![[r#"
        Time(TextId(0))
        PrintMap { map: MapIndex(0), top: 5, div: 2 }
        print entry of MapIndex(0) at [7, 0, 0, 0, 0, 0, 0, 0]
        print 5
        Clear(MapIndex(0))
        Zero(MapIndex(0))
        Exit(3)
        @n[7] = 1
        exit 3"#]],
    );
}

#[test]
fn after_exit_nothing_begins() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    sketch.printf("once", vec![]);
    sketch.stmt(StmtKind::Exit(None));
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    (0..3).for_each(|_| run.hit(&plan, &World::default()));
    expect![[r#"
        once
        Exit(0)
        exit 0"#]]
    .assert_eq(&run.outcome());
    assert_eq!(run.sum(run.program.tables.firings, 0, 0), 1);
}

#[test]
fn records_that_do_not_fit_are_lost_and_counted_and_their_effects_stay() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let map = sketch.map("@n", vec![], MapValue::Plain(I64));
    let add = expr(ExprKind::MapAdd { map, key: vec![], by: Box::new(int(1)), before: false }, I64);
    sketch.printf("%d", vec![add]);
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    (0..3000).for_each(|_| run.hit(&plan, &World::default()));
    let (printed, lost) = (run.counter(1, counter::PRINTED), run.counter(1, counter::LOST));
    assert!(lost > 0 && printed + lost == 3000 && run.counter(1, counter::HITS) == 3000);
    assert!(run.outcome().contains("@n[] = 3000"));
}

#[test]
fn long_bodies_with_many_branches_and_loops_are_made() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let hist = sketch.map("@h", vec![I64], MapValue::Quantiles);
    let plain = sketch.map("@m", vec![I64, Type::Str { max: 64 }], MapValue::Plain(I64));
    let n = sketch.var("n", I64);
    let format = sketch.text("%d %s");
    for k in 0..20 {
        let key = || vec![int(k), str_at(reg("bx"), None, 64)];
        let add = ExprKind::MapAdd { map: plain, key: key(), by: Box::new(ax()), before: false };
        let then = vec![
            sketch.make(StmtKind::Aggregate { map: hist, key: vec![int(k)], value: Some(ax()) }),
            sketch.make(StmtKind::SetVar { var: n, value: expr(add, I64) }),
        ];
        let read = expr(ExprKind::Read(Box::new(reg("ax"))), I64);
        let otherwise = vec![sketch.make(StmtKind::SetVar { var: n, value: read })];
        let number = sketch.var_expr(n);
        let cond =
            binary(BinaryOp::LogicalOr, binary(BinaryOp::Gt, number, int(k)), binary(BinaryOp::Lt, ax(), int(k)));
        sketch.stmt(StmtKind::If { cond, then, otherwise });
    }
    let args = vec![sketch.var_expr(n), str_at(reg("bx"), None, 64)];
    let print = sketch.make(StmtKind::Printf { format, args });
    let quotient = binary(BinaryOp::Div, sketch.var_expr(n), int(3));
    let cond = binary(BinaryOp::Ne, binary(BinaryOp::Mod, ax(), int(2)), int(0));
    let then = vec![sketch.make(StmtKind::Aggregate { map: hist, key: vec![int(-1)], value: Some(quotient) })];
    let choose = sketch.make(StmtKind::If { cond, then, otherwise: vec![print] });
    sketch.stmt(StmtKind::Repeat { times: 20, body: vec![choose] });
    let world = World::with(&[("ax", 7), ("bx", 0x5000)]).memory(0x5000, b"text\0");
    let outcome = outcome(&sketch.plan(), &world);
    assert!(outcome.contains("@m[19, text] = 7"), "{outcome}");
}
