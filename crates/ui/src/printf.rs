//! What `printf`, `time` and `print` of a value show: in bpftrace's form as text, and as its objects `printf`, `time`
//! and `value` as JSON.

use std::io::{self, Write};

use event::{Names, Value};
use serde::Serialize;

use crate::go::Style;
use crate::strftime;
use crate::value::{self, Json};
use crate::{Format, json_line};

#[derive(Serialize)]
struct Object<T: Serialize> {
    r#type: &'static str,
    data: T,
}

#[derive(Serialize)]
struct Printed<'a> {
    r#type: &'static str,
    data: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<Json<'a>>,
}

/// Shows what a `printf` makes of its arguments.
///
/// # Errors
/// The writer's.
pub fn printf(
    form: &event::Format,
    args: &[Value],
    style: Style,
    names: &dyn Names,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Json => {
            let data = form.fill(args, &|arg| value::styled(arg, names, style));
            let is_whole = |value: &&Value| matches!(value, Value::Go(_));
            let values: Vec<Json<'_>> = args.iter().filter(is_whole).map(|value| Json { value, names }).collect();
            json_line(out, &Printed { r#type: "printf", data, values })
        }
        // What the program's author wrote goes to the terminal as it is; what was captured does not.
        Format::Text(_) => out.write_all(form.fill(args, &|arg| value::shown(arg, names, style)).as_bytes()),
    }
}

/// Shows what a `time` with that form says about a moment.
///
/// # Errors
/// The writer's.
pub fn time(form: &str, boot: u64, names: &dyn Names, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let data = strftime::show(form, names.moment(boot));
    match format {
        Format::Json => json_line(out, &Object { r#type: "time", data }),
        Format::Text(_) => out.write_all(data.as_bytes()),
    }
}

/// Shows a value.
///
/// # Errors
/// The writer's.
pub fn value(value: &Value, style: Style, names: &dyn Names, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => json_line(out, &Object { r#type: "value", data: Json { value, names } }),
        Format::Text(_) => writeln!(out, "{}", value::shown(value, names, style)),
    }
}

#[cfg(test)]
mod tests {
    use event::{Int, Text};
    use expect_test::{Expect, expect};

    use super::*;
    use crate::Look;
    use crate::value::tests::Known;

    fn check(show: impl Fn(Format, &mut dyn Write) -> io::Result<()>, expect: Expect) {
        let mut out = Vec::new();
        show(Format::Text(Look::default()), &mut out).unwrap();
        show(Format::Json, &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap().replace('\x1b', "<ESC>"));
    }

    #[test]
    fn what_the_author_wrote_is_obeyed_and_what_was_captured_is_not() {
        let form = event::Format::parse("\x1b[1m%d\x1b[0m %-8s %c|\n");
        let args = [Value::Int(Int::signed(7)), Value::Str(Text::whole("\x1b[2J")), Value::Int(Int::signed(27))];
        check(
            |format, out| printf(&form, &args, Style::default(), &Known, format, out),
            expect![[r#"
                <ESC>[1m7<ESC>[0m \x1b[2J  \x1b|
                {"type":"printf","data":"\u001b[1m7\u001b[0m \u001b[2J     \u001b|\n"}
            "#]],
        );
    }

    #[test]
    fn times_and_values_have_objects_of_their_own() {
        check(
            |format, out| time("%H:%M:%S\n", 5_000_000_000, &Known, format, out),
            expect![[r#"
            22:13:25
            {"type":"time","data":"22:13:25\n"}
        "#]],
        );
        let tuple = Value::Tuple(vec![Value::Int(Int::signed(1)), Value::Str(Text::whole("b"))]);
        check(
            |format, out| value(&tuple, Style::default(), &Known, format, out),
            expect![[r#"
            (1, b)
            {"type":"value","data":[1,"b"]}
        "#]],
        );
        check(
            |format, out| value(&Value::Unreadable, Style::default(), &Known, format, out),
            expect![[r#"
            <unreadable>
            {"type":"value","data":"<unreadable>"}
        "#]],
        );
    }
}
