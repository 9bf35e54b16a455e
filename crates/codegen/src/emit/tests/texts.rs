use expect_test::expect;

use super::sketch::*;
use super::*;
use plan::*;

fn printed(world: &World, make: impl FnOnce(&mut Sketch) -> Vec<Expr>, expect: Expect) {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let args = make(&mut sketch);
    let format = args.iter().map(|_| "%s").collect::<Vec<_>>().join("|");
    sketch.printf(&format, args);
    check(&sketch.plan(), world, expect);
}

fn go_string(sketch: &mut Sketch, path: &str, max: u32, data: Location, len: Location) -> Expr {
    sketch.access(path, Type::Str { max }, Access::Str { data: value(data), len: value(len), most: None })
}

#[test]
fn a_string_of_go_is_read_by_its_length_and_cut_at_its_most() {
    for (len, shown) in [(5, "hello"), (8, "hello, w"), (9, "hello, w.."), (12, "hello, w.."), (0, ""), (u64::MAX, "")]
    {
        let world = World::with(&[("ax", 0x5000), ("bx", len)]).memory(0x5000, b"hello, world");
        let mut sketch = Sketch::new(Prelude::GoEntry);
        let text = go_string(&mut sketch, "args.s", 8, location("ax", &[], 8, false), location("bx", &[], 8, true));
        sketch.printf("%s", vec![text]);
        assert_eq!(outcome(&sketch.plan(), &world), shown, "{len}");
    }
}

#[test]
fn the_beginning_that_a_script_asks_for_is_no_cut() {
    for (len, shown) in [(2, "he"), (3, "hel"), (12, "hel")] {
        let world = World::with(&[("ax", 0x5000), ("bx", len)]).memory(0x5000, b"hello, world");
        let mut sketch = Sketch::new(Prelude::GoEntry);
        let word = |register| value(location(register, &[], 8, true));
        // With more room, as in a key.
        let text = Access::Str { data: word("ax"), len: word("bx"), most: Some(3) };
        let text = sketch.access("str(args.s, 3)", Type::Str { max: 8 }, text);
        sketch.printf("%s", vec![text]);
        assert_eq!(outcome(&sketch.plan(), &world), shown, "{len}");
    }
}

#[test]
fn a_string_in_memory_is_read_with_its_length_in_one() {
    let world = World::with(&[("ax", 0x5000)]).words(0x5000, &[9, 0x6000, 3]).memory(0x6000, b"abcdef");
    printed(
        &world,
        |sketch| {
            let at = |hop| location("ax", &[hop], 8, false);
            let fine = go_string(sketch, "args.p.s", 16, at(8), at(16));
            let gone = go_string(sketch, "args.p.t", 16, at(0), at(8));
            vec![fine, gone]
        },
        expect![[r#"
            abc|<unreadable>
            unreadable: 1"#]],
    );
}

#[test]
fn str_reads_up_to_a_zero_or_so_many_bytes() {
    let world = World::with(&[("ax", 0x5000), ("bx", 0x6000)])
        .memory(0x5000, b"exactly8\0more")
        .memory(0x6000, b"longer than that");
    printed(
        &world,
        |_| {
            vec![
                str_at(reg("ax"), None, 16),
                str_at(reg("ax"), None, 8),
                str_at(reg("ax"), None, 5),
                str_at(reg("bx"), None, 8),
                str_at(reg("bx"), Some(int(3)), 8),
                str_at(reg("bx"), Some(int(7)), 8),
                str_at(reg("bx"), Some(int(8)), 8),
                str_at(reg("bx"), Some(int(9)), 8),
                str_at(reg("ax"), Some(int(12)), 16),
                str_at(reg("bx"), Some(int(0)), 8),
                str_at(reg("cx"), None, 8),
            ]
        },
        expect![[r#"
            exactly8|exactly8|exact..|longer t..|lon|longer |longer t|longer t..|exactly8||<unreadable>
            unreadable: 1"#]],
    );
}

/// Behind a text there may be nothing at all.
#[test]
fn str_reads_no_byte_behind_those_it_was_asked_for() {
    let world = World::with(&[("ax", 0x5000)]).memory(0x5000, b"exactly8");
    let text = |n: i64, most| str_at(reg("ax"), Some(int(n)), most);
    printed(
        &world,
        |_| vec![text(8, 16), text(8, 8), text(1, 8), text(7, 7), text(9, 16)],
        expect![[r#"
        exactly8|exactly8|e|exactly|<unreadable>
        unreadable: 1"#]],
    );
    printed(
        &world,
        |_| vec![text(9, 8), str_at(reg("ax"), None, 8), text(8, 7)],
        expect!["exactly8..|exactly8..|exactly.."],
    );
}

#[test]
fn a_kept_text_is_cut_where_there_is_less_room_for_it() {
    for (text, shown) in
        [("0123456", "0123456"), ("01234567", "01234567"), ("012345678", "012345678"), ("0123456789", "012345678..")]
    {
        let mut sketch = Sketch::new(Prelude::GoEntry);
        let name = sketch.var("name", Type::Str { max: 16 });
        let literal = sketch.literal(text);
        sketch.stmt(StmtKind::SetVar { var: name, value: literal });
        let kept = sketch.var_expr(name);
        let key = Type::Str { max: 9 };
        let map = sketch.map("@m", vec![key], MapValue::Plain(U64));
        sketch.stmt(StmtKind::SetMap { map, key: vec![kept], value: int(1) });
        assert_eq!(outcome(&sketch.plan(), &World::default()), format!("@m[{shown}] = 1"));
    }
}

#[test]
fn buf_takes_zeros_too() {
    let world = World::with(&[("ax", 0x5000)]).memory(0x5000, b"a\0b\0cdef");
    printed(&world, |_| vec![buf_at(reg("ax"), int(4), 6), buf_at(reg("ax"), int(8), 6)], expect!["a\0b\0|a\0b\0cd.."]);
}

#[test]
fn texts_compare_with_literals_and_each_other() {
    let world =
        World::with(&[("ax", 0x5000), ("bx", 0x6000)]).memory(0x5000, b"GET /users\0").memory(0x6000, b"GET /\0");
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let (one, other) = (|| str_at(reg("ax"), None, 32), || str_at(reg("bx"), None, 16));
    let whole = sketch.literal("GET /users");
    let start = sketch.literal("GET /");
    let long = sketch.literal("GET /users and much more that does not fit");
    let args = vec![
        same(one(), whole.clone(), None),
        same(one(), start.clone(), None),
        same(one(), start.clone(), Some(5)),
        same(one(), long.clone(), Some(10)),
        same(one(), long.clone(), Some(11)),
        same(one(), long, None),
        same(other(), one(), None),
        same(one(), other(), Some(5)),
        same(one(), other(), Some(6)),
        same(other(), start, None),
        same(one(), one(), None),
        expr(ExprKind::SameText { left: Box::new(one()), right: Box::new(whole), first: None, negated: true }, U64),
    ];
    sketch.printf(&["%d"; 12].join(" "), args);
    check(&sketch.plan(), &world, expect!["1 0 1 1 0 0 0 1 0 1 1 0"]);
}

#[test]
fn texts_are_chosen_kept_and_printed() {
    let world = World::with(&[("ax", 1)]);
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let name = sketch.var("name", Type::Str { max: 16 });
    let (yes, no) = (sketch.literal("yes, it is"), sketch.literal("no"));
    let chosen = ternary(reg("ax"), yes, no);
    sketch.stmt(StmtKind::SetVar { var: name, value: chosen });
    let text = sketch.var_expr(name);
    let (mine, other) = (sketch.var_expr(name), sketch.literal("x"));
    let again = ternary(int(1), mine, other);
    sketch.stmt(StmtKind::SetVar { var: name, value: again });
    let text_again = sketch.var_expr(name);
    sketch.printf("%s %s", vec![text, text_again]);
    check(&sketch.plan(), &world, expect!["yes, it is yes, it is"]);
}

#[test]
fn large_texts_go_through_scratch_memory_that_is_given_back() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let one = sketch.var("one", Type::Str { max: 512 });
    let other = sketch.var("other", Type::Str { max: 512 });
    sketch.stmt(StmtKind::SetVar { var: one, value: str_at(reg("ax"), None, 512) });
    let copy = sketch.var_expr(one);
    sketch.stmt(StmtKind::SetVar { var: other, value: copy });
    let (a, b) = (sketch.var_expr(one), sketch.var_expr(other));
    sketch.printf("%d %s", vec![same(a, b.clone(), None), b]);
    let plan = sketch.plan();
    let world = World::with(&[("ax", 0x5000)]).memory(0x5000, b"a long text\0");
    for caps in [Caps::linux_7_0(), Caps::linux_5_10()] {
        let mut run = Trial::new(&plan, caps);
        for _ in 0..10 {
            run.hit(&plan, &world);
        }
        assert_eq!(run.outcome(), ["1 a long text"; 10].join("\n"));
    }
}

#[test]
fn a_body_without_free_scratch_memory_does_not_run_and_is_counted() {
    let mut sketch = Sketch::new(Prelude::GoEntry);
    let one = sketch.var("one", Type::Str { max: 512 });
    sketch.stmt(StmtKind::SetVar { var: one, value: str_at(reg("ax"), None, 512) });
    sketch.printf("ran", vec![]);
    let plan = sketch.plan();
    let mut run = Trial::new(&plan, Caps::linux_7_0());
    let scratch = run.program.maps.find("scratch").unwrap();
    let size = run.program.maps.get(scratch).unwrap().value_size as usize;
    for slot in 0..4_u32 {
        let mut busy = vec![0; size];
        busy[0] = 1;
        run.vm.put(scratch, &slot.to_le_bytes(), &busy).unwrap();
    }
    run.hit(&plan, &World::default());
    expect!["without scratch: 1"].assert_eq(&run.outcome());
}

#[test]
fn fields_of_tracepoints_are_numbers_and_texts() {
    let mut sketch = Sketch::new(Prelude::Tracepoint);
    let field = |offset, bytes, form, ty| expr(ExprKind::Field { offset, bytes, form }, ty);
    let args = vec![
        field(8, 4, FieldForm::Int, Type::Int { signed: true, bytes: 4 }),
        field(16, 8, FieldForm::Chars, Type::Str { max: 8 }),
        field(12, 4, FieldForm::DataLoc, Type::Str { max: 16 }),
    ];
    sketch.printf("%d %s %s", args);
    let plan = sketch.plan_on(On::Tracepoint { category: "sched".into(), name: "sched_process_exit".into() });
    let mut context = vec![0; 40];
    context[8..12].copy_from_slice(&(-3_i32).to_le_bytes());
    context[12..16].copy_from_slice(&(8 << 16 | 24_u32).to_le_bytes());
    context[16..20].copy_from_slice(b"comm");
    context[24..32].copy_from_slice(b"dynamic\0");
    check(&plan, &World { context, ..World::default() }, expect!["-3 comm dynamic"]);
}
