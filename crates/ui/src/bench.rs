//! What probes cost: what `gospect bench` shows.

use std::io::{self, Write};

use serde::Serialize;

use crate::table::{Cell, Column, Table};
use crate::{Format, Look, json_line};

/// One thing that was measured. Its fields are those of the JSON object `bench`, in their order.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Row {
    /// What a hit costs.
    Hit {
        /// `emulated` or `stepped`.
        site: &'static str,
        /// `empty`, `count`, `event4`, `hist`, `words`, `struct` or `handler`.
        body: &'static str,
        /// Nanoseconds.
        ns: f64,
        /// Times the empty probe on an emulated site.
        ratio: f64,
    },
    /// What a hit of another tool's count costs.
    Vs {
        /// The tool and its version.
        tool: String,
        /// Nanoseconds.
        ns: f64,
        /// Times the empty probe on an emulated site.
        ratio: f64,
        /// Times gospect's count on an emulated site.
        times: f64,
    },
    /// How long it takes to put probes in place.
    Attach {
        /// How many.
        sites: u64,
        /// Milliseconds.
        ms: f64,
    },
    /// How long it takes to take them out.
    Detach {
        /// How many.
        sites: u64,
        /// Milliseconds.
        ms: f64,
    },
    /// How many events go through the ring.
    Ring {
        /// In a second.
        events_per_s: u64,
        /// For want of room.
        lost: u64,
    },
    /// How many are written as text.
    Text {
        /// In a second.
        events_per_s: u64,
        /// For want of room.
        lost: u64,
    },
}

#[derive(Serialize)]
struct Line<'r> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    row: &'r Row,
    /// The engine that attached the probes.
    engine: &'static str,
}

/// Shows what is about the same, under a heading of its own: hits first, then the others, with an empty line between.
///
/// # Errors
/// The writer's.
pub fn show(rows: &[Row], engine: &'static str, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => rows.iter().try_for_each(|row| json_line(out, &Line { kind: "bench", row, engine })),
        Format::Text(look) => text(rows, engine, look, out),
    }
}

fn text(rows: &[Row], engine: &str, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let hit = [Column::left("SITE"), Column::left("BODY"), Column::right("NS A HIT"), Column::right("RATIO")];
    let change = [Column::left("CHANGE"), Column::right("SITES"), Column::right("MS")];
    let flow = [Column::left("EVENTS"), Column::right("A SECOND"), Column::right("LOST")];
    let (before, columns): (&str, &[Column]) = match rows.first() {
        Some(Row::Hit { .. } | Row::Vs { .. }) => ("", &hit),
        Some(Row::Attach { .. } | Row::Detach { .. }) => ("\n", &change),
        Some(Row::Ring { .. } | Row::Text { .. }) => ("\n", &flow),
        None => return Ok(()),
    };
    out.write_all(before.as_bytes())?;
    if let Some(Row::Hit { .. }) = rows.first() {
        writeln!(out, "engine: {engine}")?;
    }
    let mut table = Table::new(columns);
    rows.iter().for_each(|row| table.row(cells(row).map(Cell::new).into_iter().take(columns.len()).collect()));
    table.write(look, out)?;
    for row in rows {
        if let Row::Vs { tool, times, .. } = row {
            writeln!(out, "{tool}: {times:.1} times gospect's count on an emulated site")?;
        }
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 4] {
    let none = String::new;
    match row {
        Row::Hit { site, body, ns, ratio } => {
            [(*site).to_owned(), (*body).to_owned(), format!("{ns:.0}"), format!("{ratio:.2}")]
        }
        Row::Vs { ns, ratio, .. } => {
            ["first byte".to_owned(), "count, bpftrace".to_owned(), format!("{ns:.0}"), format!("{ratio:.2}")]
        }
        Row::Attach { sites, ms } => ["attach".to_owned(), sites.to_string(), format!("{ms:.1}"), none()],
        Row::Detach { sites, ms } => ["detach".to_owned(), sites.to_string(), format!("{ms:.1}"), none()],
        Row::Ring { events_per_s, lost } => {
            ["through the ring".to_owned(), events_per_s.to_string(), lost.to_string(), none()]
        }
        Row::Text { events_per_s, lost } => {
            ["written as text".to_owned(), events_per_s.to_string(), lost.to_string(), none()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(rows: &[Row], expect: Expect) {
        let mut out = Vec::new();
        show(rows, "kernel", Format::Text(Look::default()), &mut out).unwrap();
        show(rows, "kernel", Format::Json, &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn hits_are_a_table() {
        let hit = |site, body, ns, ratio| Row::Hit { site, body, ns, ratio };
        check(
            &[hit("emulated", "empty", 541.25, 1.0), hit("stepped", "hist", 9_511.5, 17.581)],
            expect![[r#"
                engine: kernel
                SITE      BODY   NS A HIT  RATIO
                emulated  empty       541   1.00
                stepped   hist       9512  17.58
                {"type":"bench","what":"hit","site":"emulated","body":"empty","ns":541.25,"ratio":1.0,"engine":"kernel"}
                {"type":"bench","what":"hit","site":"stepped","body":"hist","ns":9511.5,"ratio":17.581,"engine":"kernel"}
            "#]],
        );
    }

    #[test]
    fn another_tool_is_said_in_a_sentence_too() {
        let tool = "bpftrace v0.17.0".to_owned();
        let hit = Row::Hit { site: "emulated", body: "count", ns: 600.0, ratio: 1.1 };
        check(
            &[hit, Row::Vs { tool, ns: 10_022.0, ratio: 18.5, times: 16.7 }],
            expect![[r#"
                engine: kernel
                SITE        BODY             NS A HIT  RATIO
                emulated    count                 600   1.10
                first byte  count, bpftrace     10022  18.50
                bpftrace v0.17.0: 16.7 times gospect's count on an emulated site
                {"type":"bench","what":"hit","site":"emulated","body":"count","ns":600.0,"ratio":1.1,"engine":"kernel"}
                {"type":"bench","what":"vs","tool":"bpftrace v0.17.0","ns":10022.0,"ratio":18.5,"times":16.7,"engine":"kernel"}
            "#]],
        );
    }

    #[test]
    fn coming_and_going_is_a_table() {
        let (attach, detach) = (Row::Attach { sites: 10_000, ms: 37.25 }, Row::Detach { sites: 10_000, ms: 114.0 });
        check(
            &[attach, detach],
            expect![[r#"

                CHANGE  SITES     MS
                attach  10000   37.2
                detach  10000  114.0
                {"type":"bench","what":"attach","sites":10000,"ms":37.25,"engine":"kernel"}
                {"type":"bench","what":"detach","sites":10000,"ms":114.0,"engine":"kernel"}
            "#]],
        );
    }

    #[test]
    fn throughput_is_a_table() {
        let ring = Row::Ring { events_per_s: 1_412_000, lost: 0 };
        check(
            &[ring, Row::Text { events_per_s: 512_000, lost: 3 }],
            expect![[r#"

                EVENTS            A SECOND  LOST
                through the ring   1412000     0
                written as text     512000     3
                {"type":"bench","what":"ring","events_per_s":1412000,"lost":0,"engine":"kernel"}
                {"type":"bench","what":"text","events_per_s":512000,"lost":3,"engine":"kernel"}
            "#]],
        );
    }

    #[test]
    fn nothing_is_nothing() {
        check(&[], expect![""]);
    }
}
