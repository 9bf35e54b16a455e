//! Captured values, as text and as JSON.
//!
//! Text is as bpftrace shows it, with two differences: what a terminal would obey, or is not UTF-8, is written out as Go
//! does in quotes, and what was cut ends with `…`. What could not be read is `<unreadable>` in both.

use event::{Id, IdKind, Names, Text, Value};
use serde::ser::{Serialize, Serializer};

use crate::go::Style;
use crate::number::Whole;
use crate::strftime;
use crate::text::{escape_byte, visible_lines};

/// What stands for a value that could not be read.
pub const UNREADABLE: &str = "<unreadable>";

/// The value for people.
#[must_use]
pub fn text(value: &Value, names: &dyn Names) -> String {
    match value {
        Value::Str(text) => seen(text),
        Value::Tuple(parts) => format!("({})", texts(parts, ", ", names)),
        other => visible_lines(&raw(other, names)).into_owned(),
    }
}

/// Values for people, with something between them.
pub(crate) fn texts(values: &[Value], between: &str, names: &dyn Names) -> String {
    values.iter().map(|value| text(value, names)).collect::<Vec<_>>().join(between)
}

/// The value as text with all its characters.
#[must_use]
pub fn raw(value: &Value, names: &dyn Names) -> String {
    match value {
        Value::Int(int) => int.value().to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Pointer(address) => format!("{address:#x}"),
        Value::Str(text) => string(text),
        Value::Buf(buf) => event::format::escaped(&buf.bytes) + if buf.cut { "…" } else { "" },
        Value::Id(id) => name(*id, names),
        Value::Time { boot, form } => strftime::show(form, names.moment(*boot)),
        Value::Tuple(parts) => format!("({})", joined(parts, ", ", names)),
        Value::Go(number) => go(*number, names, Style::default()),
        Value::Unreadable => UNREADABLE.to_owned(),
    }
}

/// The value for people, with so much of whole values of Go.
pub(crate) fn shown(value: &Value, names: &dyn Names, style: Style) -> String {
    match value {
        Value::Go(_) => visible_lines(&styled(value, names, style)).into_owned(),
        other => text(other, names),
    }
}

/// The value with all its characters, with so much of whole values of Go.
pub(crate) fn styled(value: &Value, names: &dyn Names, style: Style) -> String {
    match value {
        Value::Go(number) => go(*number, names, style),
        _ => raw(value, names),
    }
}

fn go(number: u32, names: &dyn Names, style: Style) -> String {
    names.go(number).map_or_else(|| format!("<value {number}>"), |(value, types)| crate::go::text(value, types, style))
}

/// Values with something between them.
#[must_use]
pub fn joined(values: &[Value], between: &str, names: &dyn Names) -> String {
    values.iter().map(|value| raw(value, names)).collect::<Vec<_>>().join(between)
}

fn string(text: &Text) -> String {
    let mut string = text.lossy().into_owned();
    if text.cut {
        // A character that was cut through is no character that was wrong.
        let whole = string.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        string.truncate(whole);
        string.push('…');
    }
    string
}

/// The same with what is not to be seen, or is no character, written out.
fn seen(text: &Text) -> String {
    let mut out = String::new();
    let mut chunks = text.bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        out.push_str(&visible_lines(chunk.valid()));
        // A character that was cut through is none that was wrong.
        if !text.cut || chunks.peek().is_some() {
            chunk.invalid().iter().for_each(|byte| escape_byte(*byte, &mut out));
        }
    }
    out + if text.cut { "…" } else { "" }
}

fn name(id: Id, names: &dyn Names) -> String {
    let number = id.number;
    match (id.kind, names.name(id)) {
        (IdKind::UserStack | IdKind::KernelStack, stack) => {
            frames(&stack.unwrap_or_else(|| format!("<stack {number}>")))
        }
        (_, Some(name)) => name,
        (IdKind::Func, None) => format!("<func {number}>"),
        (IdKind::Probe, None) => format!("<probe {number}>"),
        (IdKind::WaitReason | IdKind::GoState, None) => number.to_string(),
        (IdKind::StartFunc | IdKind::UserSymbol | IdKind::KernelSymbol, None) => format!("{number:#x}"),
    }
}

/// A stack stands on lines of its own.
fn frames(stack: &str) -> String {
    let lines: String = stack.lines().map(|line| format!("    {line}\n")).collect();
    format!("\n{lines}")
}

/// A captured value on its way to JSON. Numbers beyond 2⁵³ become strings, since many readers lose their digits.
pub(crate) struct Json<'a> {
    pub value: &'a Value,
    pub names: &'a dyn Names,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Int(int) => Whole(int.value()).serialize(to),
            Value::Bool(b) => to.serialize_bool(*b),
            Value::Pointer(address) => Whole((*address).into()).serialize(to),
            Value::Go(number) => match self.names.go(*number) {
                Some((value, types)) => crate::go::Json { value, types }.serialize(to),
                None => to.serialize_none(),
            },
            Value::Tuple(parts) => to.collect_seq(parts.iter().map(|value| Json { value, names: self.names })),
            other => to.serialize_str(&raw(other, self.names)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use event::Int;
    use expect_test::{Expect, expect};

    /// Names for the tests of this crate.
    pub struct Known;

    impl Names for Known {
        fn name(&self, id: Id) -> Option<String> {
            match (id.kind, id.number) {
                (IdKind::Func, 1) => Some("main.work".to_owned()),
                (IdKind::Func, 2) => Some("main.(*Server).Serve".to_owned()),
                (IdKind::UserStack, 7) => Some("main.work+4\nmain.main+30".to_owned()),
                (IdKind::WaitReason, 14) => Some("chan receive".to_owned()),
                _ => None,
            }
        }

        fn moment(&self, boot: u64) -> event::Moment {
            event::Moment { unix: 1_700_000_000_000_000_000 + boot as i64, east: 0 }
        }
    }

    fn check(values: &[Value], expect: Expect) {
        let json = |value| serde_json::to_string(&Json { value, names: &Known }).unwrap();
        let both = values.iter().map(|value| format!("{} | {}", text(value, &Known), json(value)));
        expect.assert_eq(&both.collect::<Vec<_>>().join("\n"));
    }

    fn str(text: &str) -> Value {
        Value::Str(Text::whole(text))
    }

    fn cut(bytes: &[u8]) -> Value {
        Value::Str(Text { bytes: bytes.to_vec(), cut: true })
    }

    #[test]
    fn numbers_that_readers_of_json_would_change_are_strings() {
        let exact = 1 << 53;
        check(
            &[5, -5, exact, -exact, exact + 1, -exact - 1].map(|n| Value::Int(Int::signed(n))),
            expect![[r#"
            5 | 5
            -5 | -5
            9007199254740992 | 9007199254740992
            -9007199254740992 | -9007199254740992
            9007199254740993 | "9007199254740993"
            -9007199254740993 | "-9007199254740993""#]],
        );
        check(
            &[Value::Int(Int::unsigned(u64::MAX)), Value::Pointer(0xc000), Value::Pointer(u64::MAX)],
            expect![[r#"
            18446744073709551615 | "18446744073709551615"
            0xc000 | 49152
            0xffffffffffffffff | "18446744073709551615""#]],
        );
    }

    #[test]
    fn text_shows_what_it_is_and_where_it_was_cut() {
        check(
            &[
                str("hello\nw"),
                str(""),
                str("\x1b[2J\"q\""),
                cut(b"grun"),
                cut("grü".as_bytes().split_last().unwrap().1),
            ],
            expect![[r#"
                hello
                w | "hello\nw"
                 | ""
                \x1b[2J"q" | "\u001b[2J\"q\""
                grun… | "grun…"
                gr… | "gr…""#]],
        );
        check(
            &[Value::Str(Text::whole(&b"a\xffb"[..])), Value::Buf(Text::whole(&b"a\x01\xff"[..]))],
            expect![[r#"
                a\xffb | "a�b"
                a\x01\xff | "a\\x01\\xff""#]],
        );
    }

    #[test]
    fn tuples_bools_times_and_the_unreadable() {
        let inner = Value::Tuple(vec![Value::Int(Int::signed(2)), Value::Bool(true)]);
        check(
            &[Value::Tuple(vec![Value::Int(Int::signed(1)), str("b"), inner]), Value::Unreadable],
            expect![[r#"
            (1, b, (2, true)) | [1,"b",[2,true]]
            <unreadable> | "<unreadable>""#]],
        );
        check(&[Value::Time { boot: 1_000_000_000, form: "%H:%M:%S".into() }], expect![[r#"22:13:21 | "22:13:21""#]]);
    }

    #[test]
    fn things_without_a_name_show_their_number() {
        let id = |kind, number| Value::Id(Id { kind, number, process: 0 });
        check(
            &[id(IdKind::Func, 1), id(IdKind::UserStack, 7), id(IdKind::WaitReason, 14)],
            expect![[r#"
            main.work | "main.work"

                main.work+4
                main.main+30
             | "\n    main.work+4\n    main.main+30\n"
            chan receive | "chan receive""#]],
        );
        let unknown = [IdKind::Func, IdKind::Probe, IdKind::StartFunc, IdKind::GoState, IdKind::KernelStack];
        check(
            &unknown.map(|kind| id(kind, 99)),
            expect![[r#"
            <func 99> | "<func 99>"
            <probe 99> | "<probe 99>"
            0x63 | "0x63"
            99 | "99"

                <stack 99>
             | "\n    <stack 99>\n""#]],
        );
    }
}
