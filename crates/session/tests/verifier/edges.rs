//! Scripts as large as the checker lets them be: each kind of statement as often as it goes, side by side, repeated, and
//! in many clauses at one place; and one that is at all limits at once.

use std::fmt::Write as _;

use codegen::weigh;
use gobin::Arch;
use gospect_fixtures::need;
use program::Caps;

use crate::fakes::Fake;
use crate::{engine, load, planned};

/// The script with nearly as many of something as the checker takes, which is looked for in such steps, halved each time.
fn largest(steps: std::ops::RangeInclusive<usize>, make: &dyn Fn(usize) -> String) -> (usize, String) {
    let world = Fake::hooked(Arch::Amd64);
    let fits = |n: usize| planned(&make(n), &world).is_ok();
    if let Err(why) = planned(&make(1), &world) {
        panic!("{why}");
    }
    let (least, mut step) = steps.into_inner();
    let mut most = 1;
    while step >= least {
        if fits(most + step) {
            most += step;
        }
        step /= 2;
    }
    (most, make(most))
}

/// Loads the largest script of a kind. What it came to is printed.
fn check(name: &str, make: &dyn Fn(usize) -> String) {
    check_in(8..=512, name, make);
}

fn check_in(steps: std::ops::RangeInclusive<usize>, name: &str, make: &dyn Fn(usize) -> String) {
    let engine = need!(engine());
    let (most, text) = largest(steps, make);
    let plan = planned(&text, &Fake::hooked(Arch::Amd64)).unwrap();
    let weights = weigh(&plan.0, &plan.1, Caps::linux_5_10()).unwrap();
    let heaviest = weights.into_iter().max_by_key(|weight| weight.steps).unwrap();
    let looked =
        load(&engine, &plan).unwrap_or_else(|why| panic!("{name}, {most} times, {heaviest:?}: {}", start(&why)));
    println!("{name}: {most} times, {heaviest:?}, the verifier looked at {looked}");
}

fn start(why: &str) -> String {
    why.chars().take(3000).collect()
}

const BEGIN: &str = "BEGIN { @k[0] = 0; @t[0] = \"\"; @s = \"\"; @c[\"\"] = count(); }\n";

fn clause(code: &str) -> String {
    format!("go:main.handle {{ $x = 0; $s = \"\"; {code} }}\n")
}

const KINDS: [&str; 13] = [
    "$x = $x + 1;",
    "$x = args.r.User.Link.Deep + args.n;",
    "if (args.r.ID) { $x = 1; } else { $x = 2; }",
    "@k[args.n] += args.r.ID;",
    "$s = args.s;",
    "$x = (args.s == @s);",
    "@t[$x] = str(arg0, arg1);",
    "printf(\"%s %s %d\", args.s, $s, args.r.ID);",
    "@h[args.n] = hist(args.r.ID);",
    "@max[args.s] = max(args.r.ID);",
    "@c[args.s] = count(); delete(@c[@s]);",
    "$x = ($x < args.r.ID ? $x / args.r.ID : args.n && $x); @st[ustack] = count();",
    "printf(\"%v %d %v\", args.r, args.n, args.s); print(args.r.User);",
];

#[test]
fn any_kind_of_statement_as_often_as_it_goes() {
    for kind in KINDS {
        check(kind, &|n| format!("{BEGIN}{}", clause(&kind.repeat(n))));
    }
}

#[test]
fn repeated_statements_as_many_as_go() {
    for kind in [KINDS[1], KINDS[8]] {
        check(kind, &|n| format!("{BEGIN}{}", clause(&format!("unroll ({}) {{ {kind} }}", n.min(100)))));
    }
}

#[test]
fn clauses_at_one_place_as_many_as_go() {
    check(KINDS[9], &|n| format!("{BEGIN}{}", clause(&KINDS[9].repeat(20)).repeat(n)));
}

/// What is chosen by conditions makes the most ways through a program if it is asked for again.
#[test]
fn values_chosen_by_conditions_and_asked_for_again() {
    let make = |n: usize| {
        let mut code = String::new();
        for i in 0..n {
            let _ = write!(code, "if (args.n > {i}) {{ $v{0} = {i}; }} else {{ $v{0} = 0; }}", i % 20);
            let _ = write!(code, "if ($v{} == 3) {{ @k[$v{}]++; }}", i % 20, i % 7 % n);
        }
        clause(&format!("@k[0] = 0; {code}"))
    };
    check("chosen", &make);
}

/// 24 variables, keys in keys, large keys, a printf of 32 values and 8 KiB, tuples, long texts, deep stacks, 6 saved
/// values; and the rest of the room filled up.
#[test]
fn all_limits_at_once() {
    let make = |n: usize| {
        let vars: String = (0..22).map(|v| format!("$v{v} = args.r.ID; ")).collect();
        let ints = |n: usize| vec!["args.r.ID"; n].join(", ");
        let texts = vec!["str(args.s, 256)"; 30].join(", ");
        let formats = "%s".repeat(30);
        let code = format!(
            "{vars} @key[{}, args.s, args.s, args.s] = lhist(args.n, 0, 1000, 1);
             @k[@k[@k[@k[args.n]]]] = 1; printf(\"{formats}%d%d\", {texts}, args.n, args.r.ID);
             print(({})); $s = str(args.s, 1024); @big = $s; print(ustack(127)); unroll (100) {{ $x++; }}",
            ints(8),
            ints(16),
        );
        let returns = "goret:main.many { print((args.arr[0], args.arr[1], args.arr[2], len(args.a), len(args.b), len(args.m), elapsed)); }";
        format!("{BEGIN}{}{returns}\n", clause(&format!("{code} {}", KINDS.concat().repeat(n))))
    };
    // Each time is large: a few fill the room, and the checker would take minutes for hundreds where it is emulated.
    check_in(1..=8, "all at once", &make);
}

/// Recorded calls, alone, at all exits, and beside bodies of every size; the record of a call is made by functions of
/// their own, for which bodies leave room on the stack.
#[test]
fn calls_recorded_by_bodies_of_every_size() {
    let engine = need!(engine());
    for text in [
        "go:main.fib { call(); }",
        "goret:main.* { call(); }",
        "goret:main.* { call(ustack(127)); }",
        "goret:main.handle /args.n > 1 && args.s == \"x\" && elapsed > 10 && rets.count == 3/ { call(); }",
        "go:\"main.Map[...]\" { printf(\"%v %v\", args.n, args.n); call(); }",
        "goret:\"main.Map[...]*\" { call(); } go:\"main.Map[...]\" { printf(\"%d %v\", @n++, args.n); }",
        "goret:main.forward, goret:main.fib { if (elapsed > 10) { call(); } else { @ = count(); call(); } @k = 1; }",
    ] {
        let plan = planned(text, &Fake::hooked(Arch::Amd64)).unwrap();
        load(&engine, &plan).unwrap_or_else(|why| panic!("{text}: {}", start(&why)));
    }
    for kind in [KINDS[0], KINDS[7], KINDS[10]] {
        check(kind, &|n| format!("{BEGIN}{}", clause(&format!("{} call();", kind.repeat(n)))));
    }
    let large = |n: usize| {
        let code = "if (elapsed > 5) { @h[args.n] = hist(rets.count); } $s = \"abc\"; @t[$s] = 1;".repeat(n);
        format!("goret:main.handle /args.n > 3/ {{ {code} call(); {code} }}")
    };
    check("in a return", &large);
}
