//! What tracefs says about a tracepoint: its number, and where in its record each field is.

use super::tracefs::{Tracefs, parse_id};
use engine::{Error, Field, Interface, Tracepoint};

pub(super) fn read(tracefs: &Tracefs, category: &str, name: &str) -> Result<Tracepoint, Error> {
    let doing = format!("reading tracepoint {category}:{name}");
    if category.contains('*') || name.contains('*') {
        return Err(Error::wrong(doing, "there is none that matches"));
    }
    if !is_name(category) || !is_name(name) {
        return Err(Error::wrong(doing, "names of tracepoints have letters, digits and underscores"));
    }
    let text =
        |file| tracefs.read(category, name, file).map_err(|error| Error::of(Interface::Tracefs, doing.clone(), error));
    let id = parse_id(&text("id")?).map_err(|error| Error::of(Interface::Tracefs, doing.clone(), error))?;
    let fields = parse_fields(&text("format")?);
    Ok(Tracepoint { category: category.to_owned(), name: name.to_owned(), id, fields })
}

pub(super) fn all(tracefs: &Tracefs) -> Result<Vec<(String, String)>, Error> {
    let events =
        tracefs.events().map_err(|error| Error::of(Interface::Tracefs, "reading the list of tracepoints", error))?;
    let named = events.lines().filter_map(|line| line.split_once(':'));
    let mut all: Vec<_> = named.map(|(category, name)| (category.to_owned(), name.to_owned())).collect();
    all.sort_unstable();
    Ok(all)
}

/// The name becomes a part of a path.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn parse_fields(format: &str) -> Vec<Field> {
    format.lines().filter_map(parse_field).collect()
}

/// `field:char comm[16]; offset:8; size:16; signed:0;`
fn parse_field(line: &str) -> Option<Field> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix(':')?.parse().ok();
    let (offset, size, signed): (u32, u32, u32) = (number("offset")?, number("size")?, number("signed")?);
    let (declaration, array) = match declaration.rsplit_once('[') {
        Some((before, _)) if declaration.ends_with(']') => (before, true),
        _ => (declaration, false),
    };
    let (type_name, name) = declaration.trim_end().rsplit_once(' ')?;
    let dynamic = type_name.starts_with("__data_loc");
    // `__data_loc char[] name`: the brackets belong to the type.
    let array = array || dynamic;
    let (type_name, name) = (type_name.trim().to_owned(), name.trim_start_matches('*').to_owned());
    Some(Field { name, type_name, offset, size, signed: signed != 0, array, dynamic })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(format: &str, expect: Expect) {
        let line = |f: &Field| {
            let kind = [(f.signed, " signed"), (f.array, " array"), (f.dynamic, " dynamic")];
            let kind: String = kind.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            format!("{} `{}` {}+{}{kind}\n", f.name, f.type_name, f.offset, f.size)
        };
        expect.assert_eq(&parse_fields(format).iter().map(line).collect::<String>());
    }

    #[test]
    fn fields_are_read_with_their_places() {
        check(
            "name: sched_process_exec\nID: 368\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
             \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n\
             \tfield:char comm[16];\toffset:12;\tsize:16;\tsigned:0;\n\tfield:const char * name;\toffset:32;\tsize:8;\tsigned:0;\n\
             \tfield:unsigned long args[6];\toffset:40;\tsize:48;\tsigned:0;\n\nprint fmt: \"filename=%s\", x\n",
            expect![[r#"
                common_type `unsigned short` 0+2
                common_pid `int` 4+4 signed
                filename `__data_loc char[]` 8+4 array dynamic
                comm `char` 12+16 array
                name `const char *` 32+8
                args `unsigned long` 40+48 array
            "#]],
        );
    }

    #[test]
    fn lines_that_are_no_fields_are_passed_over() {
        check(
            "field:;\noffset:1;\nfield:int x;\toffset:-1;\tsize:4;\tsigned:1;\nfield:int y;\toffset:1\n\n",
            expect![""],
        );
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_directory() {
        assert!(is_name("sched_switch") && !is_name("..") && !is_name("a/b") && !is_name(""));
    }
}
