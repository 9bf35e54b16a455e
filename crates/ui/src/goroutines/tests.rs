use expect_test::{Expect, expect};

use super::*;

fn frame(func: &str, line: u32, inlined: bool) -> Frame {
    Frame { func: func.to_owned(), file: Some("/src/app/main.go".to_owned()), line: Some(line), inlined }
}

fn leaked(goid: u64, stack: &Rc<[Frame]>) -> Goroutine {
    Goroutine {
        goid,
        state: "waiting",
        reason: Some("chan send".into()),
        since_ns: Some(goid * 1_000_000_000),
        function: "main.leaks".into(),
        parent: Some(1),
        created: Some(Rc::new(frame("main.leak", 31, false))),
        tid: None,
        locked: false,
        system: false,
        stack: Some(stack.clone()),
        cut: None,
    }
}

/// Leaks, one of which has another stack, and one that runs.
fn census() -> Census {
    let deep = [frame("main.leaks", 12, true), frame("main.deep", 20, false), frame("main.deep", 20, false)];
    let [one, same, other]: [Rc<[Frame]>; 3] =
        [deep.clone().into(), deep.into(), [frame("main.leaks", 13, false)].into()];
    let running = Goroutine {
        state: "running",
        reason: None,
        since_ns: None,
        function: "main.spin".into(),
        parent: None,
        created: None,
        tid: Some(4711),
        stack: None,
        cut: Some("it is running".into()),
        ..leaked(7, &one)
    };
    let goroutines = vec![leaked(200, &one), leaked(5, &same), leaked(61, &other), running];
    Census { pid: 42, ts: 1_700_000_000_000_000_000, goroutines, others: 5, own: 3, unread: 1 }
}

fn check(all: &[Census], view: View, expect: Expect) {
    let mut out = Vec::new();
    show(all, view, Format::Text(Look::default()), &mut out).expect("memory takes everything");
    expect.assert_eq(&String::from_utf8(out).expect("text"));
}

fn without_stacks() -> Census {
    let mut census = census();
    census.goroutines.iter_mut().for_each(|one| (one.stack, one.cut) = (None, None));
    census
}

#[test]
fn those_that_do_the_same_are_one_line() {
    check(
        &[without_stacks()],
        View::default(),
        expect![[r#"
        COUNT  STATE    REASON     SINCE    FUNCTION
            3  waiting  chan send  ≥ 3m20s  main.leaks
            1  running  -          -        main.spin
    "#]],
    );
}

#[test]
fn stacks_tell_groups_apart_by_what_they_are() {
    check(
        &[census()],
        View { parent: true, ..View::default() },
        expect![[r#"
        COUNT  STATE    REASON     SINCE    FUNCTION    CREATED
            2  waiting  chan send  ≥ 3m20s  main.leaks  main.leak  main.go:31
               main.leaks  main.go:12 (inlined)
               main.deep  main.go:20  × 2
            1  waiting  chan send  ≥ 1m1s   main.leaks  main.leak  main.go:31
               main.leaks  main.go:13
            1  running  -          -        main.spin   -
               … it is running
    "#]],
    );
}

#[test]
fn each_has_a_line_of_its_own_if_that_is_asked_for() {
    let other = Census { pid: 43, ..without_stacks() };
    check(
        &[without_stacks(), other],
        View { each: true, parent: true },
        expect![[r#"
        GOID  PID  STATE    REASON     SINCE     TID  FUNCTION    PARENT  CREATED
           5   42  waiting  chan send  ≥ 5s        -  main.leaks       1  main.leak  main.go:31
           7   42  running  -          -        4711  main.spin        -  -
          61   42  waiting  chan send  ≥ 1m1s      -  main.leaks       1  main.leak  main.go:31
         200   42  waiting  chan send  ≥ 3m20s     -  main.leaks       1  main.leak  main.go:31
           5   43  waiting  chan send  ≥ 5s        -  main.leaks       1  main.leak  main.go:31
           7   43  running  -          -        4711  main.spin        -  -
          61   43  waiting  chan send  ≥ 1m1s      -  main.leaks       1  main.leak  main.go:31
         200   43  waiting  chan send  ≥ 3m20s     -  main.leaks       1  main.leak  main.go:31
    "#]],
    );
}

#[test]
fn objects_have_what_their_documentation_says() {
    let mut census = census();
    census.goroutines.drain(1..3);
    let mut out = Vec::new();
    show(&[census], View::default(), Format::Json, &mut out).expect("memory takes everything");
    expect![[r#"
        {"type":"goroutine","pid":42,"goid":7,"state":"running","reason":null,"since_ns":null,"function":"main.spin","parent":null,"created_by":null,"created_at":null,"tid":4711,"locked":false,"system":false,"stack":null,"frames":null,"cut":"it is running"}
        {"type":"goroutine","pid":42,"goid":200,"state":"waiting","reason":"chan send","since_ns":200000000000,"function":"main.leaks","parent":1,"created_by":"main.leak","created_at":"/src/app/main.go:31","tid":null,"locked":false,"system":false,"stack":["main.leaks","main.deep","main.deep"],"frames":[{"func":"main.leaks","file":"/src/app/main.go","line":12,"inlined":true},{"func":"main.deep","file":"/src/app/main.go","line":20,"inlined":false},{"func":"main.deep","file":"/src/app/main.go","line":20,"inlined":false}],"cut":null}
        {"type":"snapshot","ts":1700000000000000000,"pid":42,"goroutines":2,"states":{"running":1,"waiting":1},"others":5,"own":3,"unread":1}
    "#]].assert_eq(&String::from_utf8(out).expect("text"));
}

#[test]
fn what_is_said_beside_the_table_adds_up() {
    let all = [census(), Census { pid: 7, unread: 1, ..Census::default() }];
    expect![[r#"
        10 goroutines of PID 42: 1 running, 3 waiting, 2 not asked for, 3 of the runtime's own, which --func '*' shows, 1 could not be read
        1 goroutine of PID 7: 1 could not be read"#]]
    .assert_eq(&all.each_ref().map(sentence).join("\n"));
}

#[test]
fn times_have_two_units_at_most() {
    let all = [0, 1_500_000, 59_999_999_999, 60_000_000_000, 3_600_000_000_000, 7_500_000_000_000, 90_000_000_000_000];
    assert_eq!(all.map(since).join(", "), "≥ 0ms, ≥ 1ms, ≥ 59s, ≥ 1m, ≥ 1h, ≥ 2h5m, ≥ 1d1h");
}
