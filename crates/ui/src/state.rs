//! Changes of goroutines' states: a line for people, an object for programs.
//!
//! ```text
//! TIME     STATE       GOID   PID     TGID    FOR      REASON          FUNCTION
//! 21:00:47 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker
//! ```
//!
//! The first five columns are those of the tool that this one grew out of, so that scripts made for it go on working: STATE
//! is the state entered, PID the thread and TGID the process. FOR is the time in the state left.

use std::borrow::Cow;
use std::io::{self, Write};

use event::Names;
use event::go::Frame;
use event::goroutine::StateChange;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::call::rounded;
use crate::strftime;
use crate::text::visible;
use crate::{Format, json_line};

/// How the moment of a line is shown.
const TIME: &str = "%H:%M:%S";
/// What stands where nothing is known, or nothing is to be said.
const NONE: &str = "-";

/// What stands above the columns, and how wide these are at least. What is wider makes its column so from there on.
const COLUMNS: [(&str, usize); 7] =
    [("TIME", 8), ("STATE", 11), ("GOID", 6), ("PID", 7), ("TGID", 7), ("FOR", 8), ("REASON", 15)];

/// A page of changes.
#[derive(Debug)]
pub struct Page {
    headed: bool,
    widths: [usize; COLUMNS.len()],
}

impl Default for Page {
    fn default() -> Page {
        Page { headed: false, widths: COLUMNS.map(|(_, width)| width) }
    }
}

impl Page {
    /// Shows a change.
    ///
    /// # Errors
    /// The writer's.
    pub fn show(&mut self, told: &StateChange, names: &dyn Names, to: Format, out: &mut dyn Write) -> io::Result<()> {
        if to == Format::Json {
            return json_line(out, &Object(told));
        }
        if !std::mem::replace(&mut self.headed, true) {
            self.line(COLUMNS.map(|(title, _)| title.into()), "FUNCTION", out)?;
            out.write_all(b"\n")?;
        }
        let StateChange { change, .. } = told;
        let state = format!("{}({})", told.to.to_uppercase(), change.to);
        let elapsed = change.elapsed.map_or_else(|| NONE.to_owned(), rounded);
        let (reason, function) = (told.reason.as_deref().unwrap_or(NONE), told.function.as_deref().unwrap_or(NONE));
        let time = strftime::show(TIME, names.moment(told.boot));
        let numbers = [change.goid, told.tid.into(), told.pid.into()].map(|number: u64| number.to_string());
        let [goid, tid, pid] = numbers.map(Cow::Owned);
        let cells = [time.into(), visible(&state), goid, tid, pid, elapsed.into(), visible(reason)];
        self.line(cells, &visible(function), out)?;
        told.program.iter().try_for_each(|program| write!(out, " in {}", visible(program)))?;
        if let Some(parent) = change.parent {
            write!(out, "  by {parent}")?;
            told.created_at.iter().try_for_each(|frame| write!(out, " at {}", visible(&short(frame))))?;
        }
        out.write_all(b"\n")
    }
}

impl Page {
    /// Writes a line but for its end, with columns as wide as they have been needed so far.
    fn line(&mut self, cells: [Cow<'_, str>; COLUMNS.len()], last: &str, out: &mut dyn Write) -> io::Result<()> {
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            *width = cell.chars().count().max(*width);
            write!(out, "{cell:<width$} ")?;
        }
        write!(out, "{last}")
    }
}

/// `main.go:33`, or the function where no line is known.
fn short(frame: &Frame) -> String {
    let place = place(frame);
    place.rsplit_once('/').map_or(place.clone(), |(_, name)| name.to_owned())
}

/// The same with the file's whole path.
fn place(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        _ => frame.func.clone(),
    }
}

/// The JSON object `state`.
struct Object<'a>(&'a StateChange);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Object(told) = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "state")?;
        map.serialize_entry("ts", &told.ts)?;
        map.serialize_entry("pid", &told.pid)?;
        map.serialize_entry("tid", &told.tid)?;
        map.serialize_entry("goid", &told.change.goid)?;
        map.serialize_entry("from", &told.from)?;
        map.serialize_entry("to", &told.to)?;
        map.serialize_entry("reason", &told.reason)?;
        map.serialize_entry("for_ns", &told.change.elapsed)?;
        map.serialize_entry("function", &told.function)?;
        map.serialize_entry("program", &told.program)?;
        map.serialize_entry("parent", &told.change.parent)?;
        map.serialize_entry("created_at", &told.created_at.as_ref().map(place))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Look;
    use crate::value::tests::Known;
    use event::goroutine::Change;
    use expect_test::{Expect, expect};

    fn change() -> StateChange {
        let change = Change {
            goid: 34,
            from: 2,
            to: 4,
            reason: None,
            elapsed: Some(12_143),
            start: None,
            parent: None,
            created_at: None,
        };
        StateChange {
            boot: 0,
            ts: 1_700_000_000_000_000_000,
            pid: 2_542_844,
            tid: 2_542_847,
            change,
            from: "running".to_owned(),
            to: "waiting".to_owned(),
            reason: Some("chan receive".to_owned()),
            function: Some("main.worker".to_owned()),
            program: None,
            created_at: None,
        }
    }

    fn check(told: &[StateChange], expect: Expect) {
        let (mut text, mut json) = (Vec::new(), Vec::new());
        let mut page = Page::default();
        for told in told {
            page.show(told, &Known, Format::Text(Look::default()), &mut text).unwrap();
            Page::default().show(told, &Known, Format::Json, &mut json).unwrap();
        }
        text.extend(json);
        expect.assert_eq(&String::from_utf8(text).unwrap());
    }

    #[test]
    fn a_line_begins_with_the_five_columns_that_scripts_know() {
        let unknown = StateChange { reason: None, function: None, to: "runnable".to_owned(), ..change() };
        let unknown = StateChange { change: Change { elapsed: None, to: 1, ..unknown.change }, ..unknown };
        check(
            &[change(), unknown],
            expect![[r#"
                TIME     STATE       GOID   PID     TGID    FOR      REASON          FUNCTION
                22:13:20 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker
                22:13:20 RUNNABLE(1) 34     2542847 2542844 -        -               -
                {"type":"state","ts":1700000000000000000,"pid":2542844,"tid":2542847,"goid":34,"from":"running","to":"waiting","reason":"chan receive","for_ns":12143,"function":"main.worker","program":null,"parent":null,"created_at":null}
                {"type":"state","ts":1700000000000000000,"pid":2542844,"tid":2542847,"goid":34,"from":"running","to":"runnable","reason":null,"for_ns":null,"function":null,"program":null,"parent":null,"created_at":null}
            "#]],
        );
    }

    #[test]
    fn what_is_wider_than_its_column_makes_it_so_from_there_on() {
        let of = |reason: &str, to: &str, elapsed| StateChange {
            reason: Some(reason.to_owned()),
            to: to.to_owned(),
            change: Change { to: 9, elapsed: Some(elapsed), ..change().change },
            ..change()
        };
        let long = of("sync.WaitGroup.Wait (durable)", "preempted", 3_723_456_000_000);
        let mut out = Vec::new();
        let mut page = Page::default();
        for told in [change(), long, change()] {
            page.show(&told, &Known, Format::Text(Look::default()), &mut out).unwrap();
        }
        expect![[r#"
            TIME     STATE       GOID   PID     TGID    FOR      REASON          FUNCTION
            22:13:20 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker
            22:13:20 PREEMPTED(9) 34     2542847 2542844 1h2m3.456s sync.WaitGroup.Wait (durable) main.worker
            22:13:20 WAITING(4)   34     2542847 2542844 12.1µs     chan receive                  main.worker
        "#]]
        .assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn who_started_it_and_in_which_program_stand_behind() {
        let frame =
            Frame { func: "main.main".into(), file: Some("/src/app/main.go".into()), line: Some(33), inlined: false };
        let of = |created_at| StateChange {
            change: Change { parent: Some(1), ..change().change },
            program: Some("/bin/\x1bapp".to_owned()),
            created_at,
            ..change()
        };
        check(
            &[of(Some(frame.clone())), of(Some(Frame { file: None, ..frame })), of(None)],
            expect![[r#"
                TIME     STATE       GOID   PID     TGID    FOR      REASON          FUNCTION
                22:13:20 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker in /bin/\x1bapp  by 1 at main.go:33
                22:13:20 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker in /bin/\x1bapp  by 1 at main.main
                22:13:20 WAITING(4)  34     2542847 2542844 12.1µs   chan receive    main.worker in /bin/\x1bapp  by 1
                {"type":"state","ts":1700000000000000000,"pid":2542844,"tid":2542847,"goid":34,"from":"running","to":"waiting","reason":"chan receive","for_ns":12143,"function":"main.worker","program":"/bin/\u001bapp","parent":1,"created_at":"/src/app/main.go:33"}
                {"type":"state","ts":1700000000000000000,"pid":2542844,"tid":2542847,"goid":34,"from":"running","to":"waiting","reason":"chan receive","for_ns":12143,"function":"main.worker","program":"/bin/\u001bapp","parent":1,"created_at":"main.main"}
                {"type":"state","ts":1700000000000000000,"pid":2542844,"tid":2542847,"goid":34,"from":"running","to":"waiting","reason":"chan receive","for_ns":12143,"function":"main.worker","program":"/bin/\u001bapp","parent":1,"created_at":null}
            "#]],
        );
    }
}
