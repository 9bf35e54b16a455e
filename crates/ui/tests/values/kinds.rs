//! Values by the kinds of Go's types.

use expect_test::expect;

use crate::record::{Case, words};

#[test]
fn numbers_and_booleans() {
    Case::new("func f(a int; b int8; c uint16; d uintptr; e bool; g uint64)")
        .args(&[u64::MAX, 0x1f0, 0xffff_ffff, 0xc000, 1, 1 << 60])
        .check(expect![[r#"
            a = -1
                -1
            b = -16
                -16
            c = 65535
                65535
            d = 0xc000
                49152
            e = true
                true
            g = 1152921504606846976
                "1152921504606846976"
        "#]]);
    Case::new("func f(a float64; b float32; c float64; d complex128; e float64)")
        .args(&[
            1.5_f64.to_bits(),
            0.1_f32.to_bits().into(),
            f64::NAN.to_bits(),
            1_f64.to_bits(),
            (-2_f64).to_bits(),
            4_f64.to_bits(),
        ])
        .check(expect![[r#"
            a = 1.5
                1.5
            b = 0.1
                0.1
            c = NaN
                "NaN"
            d = (1-2i)
                "(1-2i)"
            e = 4
                4.0
        "#]]);
}

#[test]
fn strings_are_cut_with_their_true_length() {
    let case = |args: &[u64]| Case::new("func f(s string)").args(args);
    case(&[0, 0]).check(expect![[r#"
        s = ""
            ""
    "#]]);
    case(&[0xc000, 5]).chunk(0xc000, "byte", "hello").check(expect![[r#"
        s = "hello"
            "hello"
    "#]]);
    case(&[0xc000, 300]).chunk(0xc000, "byte", "x".repeat(64)).check(expect![[r#"
        s = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"…+236
            {"@cut":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","len":300}
    "#]]);
    // Of two that start there the longer one was captured; a character is not cut through.
    case(&[0xc000, 2]).chunk(0xc000, "byte", "hello").check(expect![[r#"
        s = "he"
            "he"
    "#]]);
    case(&[0xc000, 9]).chunk(0xc000, "byte", &"grünes".as_bytes()[..3]).check(expect![[r#"
        s = "gr"…+7
            {"@cut":"gr","len":9}
    "#]]);
    case(&[0xc000, 5]).chunk(0xc000, "byte", "a\"\n\x1b\x7f").check(expect![[r#"
        s = "a\"\n\x1b\x7f"
            "a\"\n\u001b"
    "#]]);
    case(&[0xc000, 3]).chunk(0xc000, "byte", b"a\xffb").check(expect![[r#"
        s = "a\xffb"
            "a�b"
    "#]]);
}

#[test]
fn bytes_are_text_if_they_can_be_read() {
    let case = |args: &[u64]| Case::new("func f(b []byte)").args(args);
    case(&[0, 0, 0]).check(expect![[r#"
        b = nil
            null
    "#]]);
    case(&[0xc000, 0, 0]).check(expect![[r#"
        b = []byte{}
            ""
    "#]]);
    case(&[0xc000, 5, 8]).chunk(0xc000, "byte", "hello").check(expect![[r#"
        b = []byte("hello")
            "hello"
    "#]]);
    case(&[0xc000, 3, 8]).chunk(0xc000, "byte", [1, 2, 255]).check(expect![[r#"
        b = []byte(0x0102ff)
            {"@hex":"0102ff"}
    "#]]);
    case(&[0xc000, 100, 100]).chunk(0xc000, "byte", [1, 2, 255]).check(expect![[r#"
        b = []byte(0x0102ff…+97)
            {"@cut":{"@hex":"0102ff"},"len":100}
    "#]]);
    case(&[0xc000, 100, 100]).chunk(0xc000, "byte", "hel").check(expect![[r#"
        b = []byte("hel"…+97)
            {"@cut":"hel","len":100}
    "#]]);
    Case::new("type main.ID [4]byte\nfunc f(a [4]byte; b main.ID)")
        .args(&[0x0403_0201, u64::from(u32::from_le_bytes(*b"abcd"))])
        .check(expect![[r#"
            a = [4]byte(0x01020304)
                {"@hex":"01020304"}
            b = main.ID("abcd")
                "abcd"
        "#]]);
}

#[test]
fn slices_arrays_and_what_is_in_them() {
    Case::new("func f(s []int; t []string; a [3]int16)")
        .args(&[0xc000, 3, 4, 0xc100, 2, 2, 0x3_0002_0001])
        .chunk(0xc000, "int", words(&[1, 2, 3]))
        .chunk(0xc100, "string", words(&[0xc200, 1, 0, 0]))
        .chunk(0xc200, "byte", "a")
        .check(expect![[r#"
            s = []int{1, 2, 3}
                [1,2,3]
            t = []string{"a", ""}
                ["a",""]
            a = [3]int16{1, 2, 3}
                [1,2,3]
        "#]]);
    // 100 elements, of which two were captured.
    Case::new("func f(s []int)").args(&[0xc000, 100, 100]).chunk(0xc000, "int", words(&[1, 2])).check(expect![[r#"
        s = []int{1, 2, …+98}
            {"@cut":[1,2],"len":100}
    "#]]);
    let mut case = Case::new("func f(s []int)").args(&[0xc000, 4, 4]).chunk(0xc000, "int", words(&[1, 2, 3, 4]));
    case.style.elems = 2;
    case.check(expect![[r#"
        s = []int{1, 2, …+2}
            [1,2,3,4]
    "#]]);
    Case::new("func f(s []struct{}; z [9]struct{})").args(&[0xc000, 1 << 40, 1 << 40]).check(expect![[r#"
        s = []struct{}{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, …+1099511627760}
            {"@cut":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}],"len":1099511627776}
        z = [9]struct{}{{}, {}, {}, {}, {}, {}, {}, {}, {}}
            [{},{},{},{},{},{},{},{},{}]
    "#]]);
}

#[test]
fn structs_have_names_and_elements_do_not_repeat_them() {
    let go = "type main.Point struct{X int; Y int}
              type main.Line struct{main.Point; To *main.Point; _ int; Tags []string; In struct{Ok bool}}
              func f(l main.Line; s []main.Point)";
    Case::new(go)
        .args(&[1, 2, 0xc000, 9, 0, 0, 0, 1, 0xc100, 2, 2])
        .chunk(0xc000, "main.Point", words(&[3, 4]))
        .chunk(0xc100, "main.Point", words(&[5, 6, 7, 8]))
        .check(expect![[r#"
            l = main.Line{Point: main.Point{X: 1, Y: 2}, To: &main.Point{X: 3, Y: 4}, Tags: nil, In: struct{Ok bool}{Ok: true}}
                {"Point":{"X":1,"Y":2},"To":{"X":3,"Y":4},"Tags":null,"In":{"Ok":true}}
            s = []main.Point{{X: 5, Y: 6}, {X: 7, Y: 8}}
                [{"X":5,"Y":6},{"X":7,"Y":8}]
        "#]]);
}

#[test]
fn pointers_are_followed() {
    let go = "type main.Node struct{V int; Next *main.Node}
              type main.Color int
              func f(n *main.Node; p **int; c *main.Color; z *struct{}; s *string)";
    Case::new(go)
        .args(&[0xc000, 0xc100, 0xc200, 0xc300, 0xc400])
        .chunk(0xc000, "main.Node", words(&[1, 0xc010]))
        .chunk(0xc010, "main.Node", words(&[2, 0xc000]))
        .chunk(0xc100, "*int", words(&[0xc108]))
        .chunk(0xc108, "int", words(&[7]))
        .chunk(0xc200, "main.Color", words(&[3]))
        .chunk(0xc400, "string", words(&[0xc408, 2]))
        .chunk(0xc408, "byte", "hi")
        .check(expect![[r#"
            n = &main.Node{V: 1, Next: &main.Node{V: 2, Next: &<cycle>}}
                {"V":1,"Next":{"V":2,"Next":{"@unreadable":"cycle"}}}
            p = &&7
                7
            c = &main.Color(3)
                3
            z = &struct{}{}
                {}
            s = &"hi"
                "hi"
        "#]]);
}

#[test]
fn what_is_shared_is_shown_wherever_it_is() {
    let go = "type main.Pair struct{A *int; B *int}
              func f(p main.Pair; q *main.Pair)";
    Case::new(go)
        .args(&[0xc000, 0xc000, 0xc100])
        .chunk(0xc000, "int", words(&[1]))
        .chunk(0xc100, "main.Pair", words(&[0xc000, 0]))
        .check(expect![[r#"
            p = main.Pair{A: &1, B: &1}
                {"A":1,"B":1}
            q = &main.Pair{A: &1, B: nil}
                {"A":1,"B":null}
        "#]]);
    // A struct and its first field have one address.
    let go = "type main.In struct{N int}
              type main.Out struct{In main.In; P *main.Out}
              func f(p *main.Out; q *main.In)";
    Case::new(go)
        .args(&[0xc000, 0xc000])
        .chunk(0xc000, "main.Out", words(&[1, 0]))
        .chunk(0xc000, "main.In", words(&[1]))
        .check(expect![[r#"
            p = &main.Out{In: main.In{N: 1}, P: nil}
                {"In":{"N":1},"P":null}
            q = &main.In{N: 1}
                {"N":1}
        "#]]);
    // A slice within itself.
    Case::new("func f(a []any)")
        .args(&[0xc000, 1, 1])
        .dynamic(0x6000, "[]any")
        .chunk(0xc000, "any", words(&[0x6000, 0xc100]))
        .chunk(0xc100, "[]any", words(&[0xc000, 1, 1]))
        .check(expect![[r#"
            a = []any{[]any(<cycle>)}
                [{"@type":"[]any","value":{"@unreadable":"cycle"}}]
        "#]]);
}

#[test]
fn interfaces_show_what_they_hold_with_its_type() {
    let go = "type main.Color uint8
              type main.T struct{N int}
              func f(a any; b any; c any; d any; e any; g error; h any; i any; j any; k any)";
    let held = [("int", 0xc000), ("main.Color", 0xc010), ("string", 0xc020), ("*main.T", 0xc030), ("main.T", 0xc030)];
    let case = held.iter().zip(0x6000..).fold(Case::new(go), |case, ((ty, _), word)| case.dynamic(word, ty));
    case.dynamic(0x7000, "*main.T")
        .dynamic(0x7001, "float64")
        .dynamic(0x7002, "[]int")
        .args(&[
            0x6000, 0xc000, 0x6001, 0xc010, 0x6002, 0xc020, 0x6003, 0xc030, 0x6004, 0xc030, 0, 0, 0x7000, 0, 0x7001,
            0xc040, 0x7002, 0xc050, 0x7777, 1,
        ])
        .chunk(0xc000, "int", words(&[5]))
        .chunk(0xc010, "main.Color", [6])
        .chunk(0xc020, "string", words(&[0xc028, 1]))
        .chunk(0xc028, "byte", "s")
        .chunk(0xc030, "main.T", words(&[8]))
        .chunk(0xc040, "float64", words(&[2_f64.to_bits()]))
        .chunk(0xc050, "[]int", words(&[0, 0, 0]))
        .check(expect![[r#"
            a = 5
                {"@type":"int","value":5}
            b = main.Color(6)
                {"@type":"main.Color","value":6}
            c = "s"
                {"@type":"string","value":"s"}
            d = &main.T{N: 8}
                {"@type":"*main.T","value":{"N":8}}
            e = main.T{N: 8}
                {"@type":"main.T","value":{"N":8}}
            g = nil
                null
            h = (*main.T)(nil)
                {"@type":"*main.T","value":null}
            i = float64(2)
                {"@type":"float64","value":2.0}
            j = []int(nil)
                {"@type":"[]int","value":null}
            k = <unknown type 0x7777>
                {"@unreadable":"unknown type 0x7777"}
        "#]]);
}

#[test]
fn channels_functions_and_bare_addresses() {
    let go = "type main.Handler func(int)
              func f(c chan int; d chan int; g func(int) string; h func(); i func(); p unsafe.Pointer; q any)";
    Case::new(go)
        .dynamic(0x6000, "main.Handler")
        .args(&[0xc000, 0, 0xc100, 0xc108, 0, 0xc200, 0x6000, 0xc100])
        .chunk(0xc000, "byte", words(&[1, 5]))
        .chunk(0xc100, "byte", words(&[0x4000]))
        .chunk(0xc108, "byte", words(&[0x4444]))
        .check(expect![[r#"
            c = chan int(len 1, cap 5)
                {"@chan":"chan int","len":1,"cap":5}
            d = nil
                null
            g = main.handle
                {"@func":"main.handle"}
            h = func(0x4444)
                {"@func":"0x4444"}
            i = nil
                null
            p = 0xc200
                "0xc200"
            q = main.Handler(main.handle)
                {"@type":"main.Handler","value":{"@func":"main.handle"}}
        "#]]);
}

#[test]
fn names_that_come_twice_are_told_apart() {
    Case::new("func f(_ int; _ int; n int)").args(&[1, 2, 3]).check(expect![[r#"
        _ = 1
            1
        _ = 2
            2
        n = 3
            3
    "#]]);
}

#[test]
fn secrets_are_taken_out_by_name() {
    let go = "type main.Login struct{User string; Password string; Nested *main.Login}
              func f(l main.Login; token []byte; m map[string]string; cookie *int; hasToken bool)";
    let group = [&[0x8080_8080_8080_0101, 0xc300, 13, 0xc310, 3, 0xc320, 4, 0xc330, 2][..], &[0; 24]].concat();
    Case::new(go)
        .secrets(&event::go::redact::SECRETS)
        .args(&[0xc000, 3, 0xc010, 6, 0xc100, 0xc010, 6, 6, 0xc200, 0, 1])
        .chunk(0xc000, "byte", "ada")
        .chunk(0xc010, "byte", "hunter")
        .chunk(0xc100, "main.Login", words(&[0xc000, 3, 0xc010, 6, 0]))
        .chunk(0xc200, "header of map[string]string", words(&[2, 0, 0xc280, 0, 0, 0]))
        .chunk(0xc280, "group of map[string]string", words(&group))
        .chunk(0xc300, "byte", "Authorization")
        .chunk(0xc310, "byte", "abc")
        .chunk(0xc320, "byte", "Host")
        .chunk(0xc330, "byte", "me")
        .check(expect![[r#"
            l = main.Login{User: "ada", Password: <redacted>, Nested: &main.Login{User: "ada", Password: <redacted>, Nested: nil}}
                {"User":"ada","Password":"<redacted>","Nested":{"User":"ada","Password":"<redacted>","Nested":null}}
            token = <redacted>
                "<redacted>"
            m = map[string]string{"Authorization": <redacted>, "Host": "me"}
                {"Authorization":"<redacted>","Host":"me"}
            cookie = nil
                null
            hasToken = true
                true
        "#]]);
}
