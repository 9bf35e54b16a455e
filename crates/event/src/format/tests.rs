use expect_test::{Expect, expect};

use super::*;
use crate::value::{Id, IdKind, IntType};

fn show(value: &Value) -> String {
    match value {
        Value::Str(text) => text.lossy().into_owned(),
        Value::Id(id) => format!("main.f{}", id.number),
        Value::Unreadable => "<unreadable>".to_owned(),
        other => format!("{other:?}"),
    }
}

fn int(n: i64) -> Value {
    Value::Int(Int::signed(n))
}

fn narrow(n: i64, signed: bool, bits: u8) -> Value {
    Value::Int(Int { bits: n as u64, kind: IntType { signed, bits } })
}

fn str(text: &str) -> Value {
    Value::Str(Text::whole(text))
}

fn buf(bytes: &[u8]) -> Value {
    Value::Buf(Text::whole(bytes))
}

fn check(format: &str, args: &[Value], expect: &str) {
    assert_eq!(Format::parse(format).fill(args, &show), expect, "{format}");
}

fn said(format: &str, args: &[Kind]) -> String {
    let format = Format::parse(format);
    let line = |p: &Problem| {
        let place = p.at.clone().map_or("-".to_owned(), |at| format!("{}..{}", at.start, at.end));
        let arg = p.arg.map_or(String::new(), |arg| format!(" argument {arg}"));
        let help = p.help.as_ref().map_or(String::new(), |help| format!("\n  {help}"));
        format!("{place}{arg}: {}{help}", p.message)
    };
    let lines: Vec<String> = format.check(args).iter().map(line).collect();
    format!("{:?}\n{}", format.source(), lines.join("\n"))
}

fn check_problems(cases: &[(&str, &[Kind])], expect: Expect) {
    expect.assert_eq(&cases.iter().map(|(format, args)| said(format, args)).collect::<Vec<_>>().join("\n\n"));
}

// The answers of the next three tests are those of bpftrace 0.17 (Debian 12), which ran the same formats.

#[test]
fn numbers_are_as_in_bpftrace() {
    let n = [-1, 42, 42, 42].map(int);
    check("[%d|%5d|%-5d|%05d]", &n, "[-1|   42|42   |00042]");
    check("[%o|%x|%X|%lx|%zu|%jd|%zd]", &[8, 255, 255, 1, 6, 7, 8].map(int), "[10|ff|FF|1|6|7|8]");
    check(
        "[%p|%ld|%lld|%hhx|%hd|%llu]",
        &[4096, -1, -1, -1, -1, -1].map(int),
        "[0x1000|-1|-1|ff|-1|18446744073709551615]",
    );
    check(
        "[%hhd|%hx|%.5d|%8.3d|%20p]",
        &[300, 70000, 42, 42, 5].map(int),
        "[44|1170|00042|     042|                 0x5]",
    );
    check("%-05d|%.3x|%.0d|%5p|%-8p|", &[4, 8, 0, 9, 10].map(int), "4    |008||  0x9|0xa     |");
    check("%d %d", &[int(1), Value::Int(Int::unsigned(u64::MAX))], "1 -1");
    let narrows = [narrow(255, false, 8), narrow(-1, true, 32), narrow(-1, true, 32), narrow(200, false, 8)];
    check("%d %u %x %hhd", &narrows, "255 4294967295 ffffffff -56");
    check("%lu %hu", &[narrow(-1, true, 8), int(-1)], "18446744073709551615 65535");
}

#[test]
fn text_is_as_in_bpftrace() {
    check("[%s|%10s|%-10s|%.2s]", &["abc"; 4].map(str), "[abc|       abc|abc       |ab]");
    check("[%c|%5c|%-5c|]", &[65, 66, 67].map(int), "[A|    B|C    |]");
    check("plain %% %5%", &[], "plain % %5%");
    check("%y %n %e", &[], "%y %n %e");
    check("100% done, 5%", &[], "100% done, 5%");
}

#[test]
fn buffers_are_as_in_bpftrace() {
    check("%r|%rh|%rx", &[b"a\x01\xffb\n", &b"a1"[..], b"abc"].map(buf), r"a\x01\xffb\x0a|61 31|\x61\x62\x63");
    check("%r", &[Value::Buf(Text { bytes: b"ab".to_vec(), cut: true })], "ab…");
}

#[test]
fn the_other_flags_are_as_in_c() {
    check("%+d|%+d|%+5d|%+05d|%i", &[1, -1, 2, 3, 4].map(int), "+1|-1|   +2|+0003|4");
    check(
        "%#x|%#X|%#o|%#x|%#6x|%#06x|%-#6x|",
        &[255, 255, 8, 0, 255, 255, 255].map(int),
        "0xff|0XFF|010|0|  0xff|0x00ff|0xff  |",
    );
    check("%05d|%-+5d|%8.3d|%08.3d", &[-42, 7, -5, -5].map(int), "-0042|+7   |    -005|    -005");
}

#[test]
fn numbers_are_never_cut_to_32_bits() {
    check("%d %u %x", &[5_000_000_000; 3].map(int), "5000000000 5000000000 12a05f200");
    check("%u %x", &[int(-1), narrow(-1, true, 8)], "18446744073709551615 ff");
}

#[test]
fn what_could_not_be_read_says_so_in_its_place() {
    check("%d|%-14s|%5x|", &[Value::Unreadable, Value::Unreadable, int(1)], "<unreadable>|<unreadable>  |    1|");
    check("%d %d", &[int(1)], "1 <missing>");
    check("%s %d", &[Value::Id(Id { kind: IdKind::Func, number: 3, process: 0 }), Value::Bool(true)], "main.f3 1");
}

#[test]
fn widths_count_characters() {
    check("[%6s][%.3s]", &["größe"; 2].map(str), "[ größe][grö]");
    check("[%c]", &[int(0x4e16)], "[世]");
    check("[%c]", &[int(-1)], "[\u{fffd}]");
}

#[test]
fn the_answer_has_no_more_than_the_widest_field() {
    let wide = Format::parse("%999999999999999999999999d%.4294967295x").fill(&[int(1), int(1)], &show);
    assert_eq!(wide.len(), 2 * MAX_WIDTH);
}

#[test]
fn counts_that_differ_are_shown_at_the_first_conversion_without_argument() {
    check_problems(
        &[
            ("%d and %s\n", &[Kind::Number]),
            ("%d", &[]),
            ("nothing", &[Kind::Number]),
            ("%d", &[Kind::Number, Kind::Text]),
        ],
        expect![[r#"
            "%d and %s\n"
            7..9: the format takes 2 arguments, but 1 is given
              nothing is there for `%s`; a percent sign is `%%`

            "%d"
            0..2: the format takes 1 argument, but 0 are given
              nothing is there for `%d`; a percent sign is `%%`

            "nothing"
            - argument 0: the format takes 0 arguments, but 1 is given

            "%d"
            - argument 1: the format takes 1 argument, but 2 are given"#]],
    );
}

#[test]
fn an_argument_of_another_type_is_named_with_the_conversion_that_fits() {
    check_problems(
        &[
            ("%d %s", &[Kind::Text, Kind::Number]),
            ("%r %5.2x", &[Kind::Text, Kind::Buffer]),
            ("%r %s", &[Kind::Pointer, Kind::Tuple]),
            ("%c %d", &[Kind::Name, Kind::Name]),
        ],
        expect![[r#"
            "%d %s"
            0..2 argument 0: `%d` takes a number, this is a string
              write `%s`
            3..5 argument 1: `%s` takes a string, this is a number
              write `%d`

            "%r %5.2x"
            0..2 argument 0: `%r` takes a buffer, this is a string
              write `%s`
            3..8 argument 1: `%5.2x` takes a number, this is a buffer
              write `%r`

            "%r %s"
            0..2 argument 0: `%r` takes a buffer, this is a pointer
              write `%p`
            3..5 argument 1: `%s` takes a string, this is a tuple
              write `%v`

            "%c %d"
            0..2 argument 0: `%c` takes a number, this is shown by its name
              write `%s`
            3..5 argument 1: `%d` takes a number, this is shown by its name
              write `%s`"#]],
    );
    check_problems(
        &[("%s %d %p %s %s", &[Kind::Bool, Kind::Bool, Kind::Number, Kind::Name, Kind::Pointer])],
        expect![[r#"
            "%s %d %p %s %s"
        "#]],
    );
}

#[test]
fn what_only_looks_like_a_conversion_is_named_when_arguments_are_left_over() {
    check_problems(
        &[
            ("%f", &[Kind::Number]),
            ("%*d", &[Kind::Number, Kind::Number]),
            ("%hhs %lc", &[Kind::Text, Kind::Number]),
            ("%5000d", &[Kind::Number]),
            ("100% done", &[]),
        ],
        expect![[r#"
            "%f"
            0..2: `%f` is no conversion that gospect knows
              there are %d %i %u %x %X %o %c %s %p %r %v; a percent sign is `%%`

            "%*d"
            0..2: `%*` is no conversion that gospect knows
              there are %d %i %u %x %X %o %c %s %p %r %v; a percent sign is `%%`

            "%hhs %lc"
            0..4: `%hhs` is no conversion that gospect knows
              there are %d %i %u %x %X %o %c %s %p %r %v; a percent sign is `%%`
            5..8: `%lc` is no conversion that gospect knows
              there are %d %i %u %x %X %o %c %s %p %r %v; a percent sign is `%%`

            "%5000d"
            0..6: `%5000d` is wider than 1024 characters

            "100% done"
        "#]],
    );
}
