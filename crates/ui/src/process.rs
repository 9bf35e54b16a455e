//! Running Go processes: what `gospect ps` shows.

use std::io::{self, Write};

use serde::Serialize;

use crate::table::{Cell, Column, Table, Tone};
use crate::{Format, Look, json_line};

/// One running Go process. Its fields are those of the JSON object `process`, in their order.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "process")]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its effective user.
    pub user: String,
    /// The whole id of its container.
    pub container: Option<String>,
    /// The uid of its pod.
    pub pod: Option<String>,
    /// Its Go version.
    pub go: Option<String>,
    /// Its main module or package.
    pub module: Option<String>,
    /// The path of its program.
    pub path: String,
    /// Whether that path now leads to another file, or to none.
    pub deleted: bool,
    /// Whether it leads to another file.
    pub replaced: bool,
    /// Whether it has no symbol table.
    pub stripped: bool,
    /// Whether gospect could trace it.
    pub traceable: bool,
    /// If not, why.
    pub why: Option<String>,
}

/// Characters of a container's id that its runtime shows, too.
const SHORT_ID: usize = 12;

/// Shows processes.
///
/// # Errors
/// The writer's.
pub fn show(processes: &[Process], format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => processes.iter().try_for_each(|p| json_line(out, p)),
        Format::Text(look) => text(processes, look, out),
    }
}

fn text(processes: &[Process], look: Look, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 8] = [
        Column::right("PID"),
        Column::left("USER"),
        Column::left("CONTAINER"),
        Column::left("POD"),
        Column::left("GO"),
        Column::left("MODULE"),
        Column::left("STRIPPED"),
        Column::left("TRACE"),
    ];
    let mut table = Table::new(&COLUMNS);
    processes.iter().for_each(|p| table.row(row(p)));
    table.write(look, out)
}

fn row(p: &Process) -> Vec<Cell> {
    let trace = match &p.why {
        None => Cell::new("yes").tone(Tone::Good),
        Some(why) => Cell::new(format!("no: {why}")).tone(Tone::Bad),
    };
    vec![
        Cell::new(p.pid.to_string()),
        Cell::new(&p.user),
        Cell::maybe(p.container.as_ref().map(|id| id.get(..SHORT_ID).unwrap_or(id))),
        Cell::maybe(p.pod.as_ref()),
        Cell::maybe(p.go.as_ref()),
        Cell::maybe(module(p)),
        Cell::new(if p.stripped { "yes" } else { "no" }),
        trace,
    ]
}

/// The module, and what became of the program's file: a new build in its place is what will run next time.
fn module(p: &Process) -> Option<String> {
    let file = match p {
        Process { replaced: true, .. } => "(replaced)",
        Process { deleted: true, .. } => "(deleted)",
        _ => return p.module.clone(),
    };
    Some([p.module.as_deref().unwrap_or("-"), file].join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn plain() -> Process {
        Process {
            pid: 42,
            user: "web".into(),
            container: None,
            pod: None,
            go: Some("go1.26.8".into()),
            module: Some("example.com/shop".into()),
            path: "/usr/bin/shop".into(),
            deleted: false,
            replaced: false,
            stripped: false,
            traceable: true,
            why: None,
        }
    }

    fn in_pod() -> Process {
        Process {
            pid: 1234,
            container: Some("4f1c5a0e3b7d29868a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778".into()),
            pod: Some("2f7c1a9e-5b1d-4b1e-9c2a-0123456789ab".into()),
            go: None,
            module: None,
            stripped: true,
            traceable: false,
            why: Some("its Go version is not recorded".into()),
            ..plain()
        }
    }

    #[test]
    fn a_program_whose_file_is_gone_or_another_is_marked() {
        let gone = Process { deleted: true, ..plain() };
        let replaced = Process { deleted: true, replaced: true, ..plain() };
        let nameless = Process { module: None, ..gone.clone() };
        check(
            &[gone, replaced, nameless],
            Format::Text(Look::default()),
            expect![[r#"
            PID  USER  GO        MODULE                       STRIPPED  TRACE
             42  web   go1.26.8  example.com/shop (deleted)   no        yes
             42  web   go1.26.8  example.com/shop (replaced)  no        yes
             42  web   go1.26.8  - (deleted)                  no        yes
        "#]],
        );
    }

    fn check(processes: &[Process], format: Format, expect: Expect) {
        let mut out = Vec::new();
        show(processes, format, &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn containers_are_a_column_only_where_there_are_some() {
        let text = Format::Text(Look::default());
        check(
            &[plain()],
            text,
            expect![[r#"
            PID  USER  GO        MODULE            STRIPPED  TRACE
             42  web   go1.26.8  example.com/shop  no        yes
        "#]],
        );
        check(
            &[plain(), in_pod()],
            text,
            expect![[r#"
             PID  USER  CONTAINER     POD                                   GO        MODULE            STRIPPED  TRACE
              42  web   -             -                                     go1.26.8  example.com/shop  no        yes
            1234  web   4f1c5a0e3b7d  2f7c1a9e-5b1d-4b1e-9c2a-0123456789ab  -         -                 yes       no: its Go version is not recorded
        "#]],
        );
    }

    #[test]
    fn json_has_every_field_in_every_object() {
        check(
            &[plain(), in_pod()],
            Format::Json,
            expect![[r#"
                {"type":"process","pid":42,"user":"web","container":null,"pod":null,"go":"go1.26.8","module":"example.com/shop","path":"/usr/bin/shop","deleted":false,"replaced":false,"stripped":false,"traceable":true,"why":null}
                {"type":"process","pid":1234,"user":"web","container":"4f1c5a0e3b7d29868a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778","pod":"2f7c1a9e-5b1d-4b1e-9c2a-0123456789ab","go":null,"module":null,"path":"/usr/bin/shop","deleted":false,"replaced":false,"stripped":true,"traceable":false,"why":"its Go version is not recorded"}
            "#]],
        );
    }
}
