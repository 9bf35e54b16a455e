//! What is not in a record says why, and is never 0 or "".

use event::go::{Piece, Source, call::stat};
use expect_test::expect;

use crate::record::{BIAS, Case, words};

#[test]
fn the_reason_is_in_what_happened_to_the_record() {
    let go = "type main.T struct{P *int; S string; L []int; B []byte; M map[string]int; F func(); C chan int}
              func f(t main.T)";
    let args = [0xc000, 0xc100, 5, 0xc200, 3, 3, 0xc300, 2, 2, 0xc400, 0xc500, 0xc600];
    let case = || Case::new(go).args(&args);
    case().check(expect![[r#"
        t = main.T{P: &<not captured>, S: <not captured>…+5, L: []int{<not captured>…+3}, B: []byte(<not captured>…+2), M: <not captured>, F: <not captured>, C: <not captured>}
            {"P":{"@unreadable":"not captured"},"S":{"@unreadable":"not captured","len":5},"L":{"@unreadable":"not captured","len":3},"B":{"@unreadable":"not captured","len":2},"M":{"@unreadable":"not captured"},"F":{"@unreadable":"not captured"},"C":{"@unreadable":"not captured"}}
    "#]]);
    case().stat(stat::DEPTH).check(expect![[r#"
        t = main.T{P: &<not captured: depth>, S: <not captured: depth>…+5, L: []int{<not captured: depth>…+3}, B: []byte(<not captured: depth>…+2), M: <not captured: depth>, F: <not captured: depth>, C: <not captured: depth>}
            {"P":{"@unreadable":"not captured: depth"},"S":{"@unreadable":"not captured: depth","len":5},"L":{"@unreadable":"not captured: depth","len":3},"B":{"@unreadable":"not captured: depth","len":2},"M":{"@unreadable":"not captured: depth"},"F":{"@unreadable":"not captured: depth"},"C":{"@unreadable":"not captured: depth"}}
    "#]]);
    for (stat, word) in [
        (stat::BUDGET, "no room"),
        (stat::BUDGET | stat::DEPTH, "depth or room"),
        (stat::QUEUE, "too much to follow"),
        (stat::TURNS, "too much to follow"),
        (stat::UNKNOWN, "type was new"),
    ] {
        let case = case().stat(stat);
        let (text, _) = case.shown(&case.record());
        assert_eq!(text.matches(word).count(), 7, "{text}");
    }
}

#[test]
fn where_the_depth_is_known_it_is_not_mistaken_for_room() {
    let go = "type main.N struct{P *main.N}
              func f(n *main.N; s string)";
    let mut case = Case::new(go)
        .args(&[0xc000, 0xd000, 4])
        .chunk(0xc000, "main.N", words(&[0xc100]))
        .stat(stat::BUDGET | stat::DEPTH);
    case.limits.depth = Some(1);
    case.check(expect![[r#"
        n = &main.N{P: &<not captured: depth>}
            {"P":{"@unreadable":"not captured: depth"}}
        s = <not captured: no room>…+4
            {"@unreadable":"not captured: no room","len":4}
    "#]]);
}

#[test]
fn memory_that_cannot_be_read() {
    let go = "type main.T struct{N int; S string}
              func f(p *main.T; s string; i any; c string)";
    Case::new(go)
        .dynamic(0x6000, "main.T")
        .args(&[0xc000, 0xc100, 9, 0x6000, 0xc200, 0x5000, 8])
        .failed(0xc000, "main.T")
        .failed(0xc100, "byte")
        .failed(0xc200, "main.T")
        // The file has this one.
        .failed(0x5000, "byte")
        .check(expect![[r#"
            p = &<unreadable: page not present>
                {"@unreadable":"unreadable: page not present"}
            s = <unreadable: page not present>…+9
                {"@unreadable":"unreadable: page not present","len":9}
            i = main.T(<unreadable: page not present>)
                {"@type":"main.T","value":{"@unreadable":"unreadable: page not present"}}
            c = "constant"
                "constant"
        "#]]);
}

#[test]
fn what_no_probe_sees() {
    let go = "type main.M struct{N int; F float64; S string}
              func f(x float32; z complex64; m main.M; u int; far int; lost int)";
    Case::new(go)
        .args(&[1, 2, 0xc000, 1, 3])
        .chunk(0xc000, "byte", "s")
        .places(|roots| {
            let record = |n: usize| Source::Record((event::go::call::REGISTERS + 8 * n) as u32);
            let piece = |at, size, from| Piece { at, size, from };
            roots[0].pieces = vec![piece(0, 4, Source::FloatRegister)];
            roots[1].pieces = vec![piece(0, 4, Source::FloatRegister), piece(4, 4, Source::FloatRegister)];
            let m = [(0, record(0)), (8, Source::FloatRegister), (16, record(2)), (24, record(3))];
            roots[2].pieces = m.map(|(at, from)| piece(at, 8, from)).to_vec();
            roots[3].pieces = vec![];
            roots[4].pieces = vec![piece(0, 8, Source::BeyondStack)];
            roots[5].pieces = vec![piece(0, 8, record(4))];
            // The second register has the address behind the call that grows the stack.
            roots[5].lost_if = Some(2_u64.wrapping_sub(BIAS));
        })
        .check(expect![[r#"
            x = <float32 in a register>
                {"@unreadable":"float32 in a register"}
            z = <complex64 in a register>
                {"@unreadable":"complex64 in a register"}
            m = main.M{N: 1, F: <float64 in a register>, S: "s"}
                {"N":1,"F":{"@unreadable":"float64 in a register"},"S":"s"}
            u = <unknown: place not described>
                {"@unreadable":"unknown: place not described"}
            far = <not captured: far up the stack>
                {"@unreadable":"not captured: far up the stack"}
            lost = <unknown: lost when the stack grew>
                {"@unreadable":"unknown: lost when the stack grew"}
        "#]]);
}

#[test]
fn a_struct_of_which_only_the_beginning_was_read() {
    let go = "type main.T struct{A int; B [3]int; C string}
              func f(p *main.T)";
    let case = Case::new(go).args(&[0xc000]).chunk(0xc000, "main.T", words(&[1, 2, 3]));
    case.check(expect![[r#"
        p = &main.T{A: 1, B: [3]int{2, 3, …+1}, C: <not captured: too large>}
            {"A":1,"B":{"@cut":[2,3],"len":3},"C":{"@unreadable":"not captured: too large"}}
    "#]]);
    case.stat(stat::BUDGET).check(expect![[r#"
        p = &main.T{A: 1, B: [3]int{2, 3, …+1}, C: <not captured: no room>}
            {"A":1,"B":{"@cut":[2,3],"len":3},"C":{"@unreadable":"not captured: no room"}}
    "#]]);
}

#[test]
fn words_that_make_no_sense() {
    Case::new("func f(s string; t string; b []int; c []int)")
        .args(&[0, 5, 0xc000, u64::MAX, 0, 3, 0, 0xc000, 1 << 60, 0])
        .check(expect![[r#"
            s = <unreadable: makes no sense>
                {"@unreadable":"unreadable: makes no sense"}
            t = <unreadable: makes no sense>
                {"@unreadable":"unreadable: makes no sense"}
            b = <unreadable: makes no sense>
                {"@unreadable":"unreadable: makes no sense"}
            c = <unreadable: makes no sense>
                {"@unreadable":"unreadable: makes no sense"}
        "#]]);
}

#[test]
fn an_interface_whose_type_is_not_known() {
    // What the runtime made itself is asked for, if it has methods.
    let made = Case::new("func f(a any; e error)").dynamic(0x6000, "*int").args(&[0x3000, 1, 0x3000, 0]);
    made.check(expect![[r#"
        a = <unknown type 0x3000>
            {"@unreadable":"unknown type 0x3000"}
        e = (*int)(nil)
            {"@type":"*int","value":null}
    "#]]);
    Case::new("func f(a any; e error)").args(&[0x9999, 1, 0x8888, 2]).check(expect![[r#"
        a = <unknown type 0x9999>
            {"@unreadable":"unknown type 0x9999"}
        e = <unknown type 0x8888>
            {"@unreadable":"unknown type 0x8888"}
    "#]]);
}
