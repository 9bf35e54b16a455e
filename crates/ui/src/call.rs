//! A call: a line for people, an object for programs.
//!
//! ```text
//! TIME             GOID   CALL
//! 21:00:47.123456  42     main.Handle(r=&main.Req{ID: 7}, s="hello") = (13, nil)  1.2µs
//! ```

use std::io::{self, Write};

use event::Names;
use event::calls::{Finished, Told};
use event::go::call as record;
use event::go::value::GoValue;
use event::go::{End, Types, duration_text};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::go::{self, Json, Style};
use crate::text::visible;
use crate::{Format, json_line};

/// The moment of a line: the time of day with microseconds.
pub(crate) const MOMENT: &str = "%H:%M:%S.%f";

/// Writes the heading of the lines of calls; JSON has none.
///
/// # Errors
/// The writer's.
pub fn heading(format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => Ok(()),
        Format::Text(_) => writeln!(out, "{:<15}  {:<5}  CALL", "TIME", "GOID"),
    }
}

/// A call in values, and what values need to be shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// When and how it was.
    pub call: &'a Finished,
    /// What it was called with, and gave back.
    pub told: &'a Told<'a>,
    /// The types of the values.
    pub types: &'a Types,
    /// When it began, in nanoseconds since 1970.
    pub ts: i64,
    /// How much of each value is shown.
    pub style: Style,
}

/// Shows a call.
///
/// # Errors
/// The writer's.
pub fn show(shown: &Shown<'_>, names: &dyn Names, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let Shown { call, told, types, style, .. } = shown;
    if format == Format::Json {
        return json_line(out, shown);
    }
    let time = names.time(call.started, MOMENT);
    let head = head(told, types, *style);
    let outcome = outcome(call.end, told, types, *style);
    writeln!(out, "{time}  {:<5}  {head}{outcome}{}", call.key.goid, took(call.elapsed))
}

/// `main.f(a=1)`.
#[must_use]
pub fn head(told: &Told<'_>, types: &Types, style: Style) -> String {
    let omitted = if told.args_omitted { Some("…".to_owned()) } else { None };
    let args = told.args.iter().map(|(name, value)| named(name, value, types, style)).chain(omitted);
    format!("{}({})", visible(told.function), args.collect::<Vec<_>>().join(", "))
}

/// How it ended: ` = (1, nil)`, or in a word.
#[must_use]
pub fn outcome(end: End, told: &Told<'_>, types: &Types, style: Style) -> String {
    let word = match end {
        End::Return => return results(told, types, style),
        End::Tail => "left by a jump",
        End::Unwound => "panicked",
        End::Goexit => "goexit",
        End::Switched => "switched away",
        End::Lost => "end not seen",
        End::Open => "still open",
        End::Detached => "detached",
    };
    format!("  {word}")
}

fn results(told: &Told<'_>, types: &Types, style: Style) -> String {
    let Some(rets) = &told.rets else { return String::new() };
    // A name that nobody gave says nothing.
    let one = |(name, value): &(&str, GoValue)| match name.starts_with('~') {
        true => go::text(value, types, style),
        false => named(name, value, types, style),
    };
    let omitted = if told.rets_omitted { Some("…".to_owned()) } else { None };
    let all: Vec<String> = rets.iter().map(one).chain(omitted).collect();
    match (&all[..], &rets[..]) {
        ([], _) => String::new(),
        ([only], [(name, _)]) if name.starts_with('~') => format!(" = {only}"),
        (all, _) => format!(" = ({})", all.join(", ")),
    }
}

fn named(name: &str, value: &GoValue, types: &Types, style: Style) -> String {
    format!("{}={}", visible(name), go::text(value, types, style))
}

/// A duration behind a call.
#[must_use]
pub fn took(elapsed: Option<u64>) -> String {
    elapsed.map_or_else(String::new, |nanos| format!("  {}", rounded(nanos)))
}

/// A duration with as many digits as one reads.
fn rounded(nanos: u64) -> String {
    let unit = match nanos {
        ..10_000 => 1,
        10_000..1_000_000 => 100,
        1_000_000..1_000_000_000 => 10_000,
        _ => 1_000_000,
    };
    duration_text((nanos / unit * unit).try_into().unwrap_or(i64::MAX))
}

/// The JSON object `call`. Its fields are those of docs/json.md, in their order.
impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Shown { call, told, types, ts, style } = self;
        let values = |values| Values { values, types };
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "call")?;
        map.serialize_entry("ts", ts)?;
        map.serialize_entry("pid", &call.key.pid)?;
        map.serialize_entry("tid", &call.header.tid)?;
        map.serialize_entry("goid", &call.key.goid)?;
        map.serialize_entry("func", told.function)?;
        map.serialize_entry("args", &values(&told.args))?;
        map.serialize_entry("rets", &told.rets.as_deref().map(values))?;
        map.serialize_entry("omitted", &(told.args_omitted || told.rets_omitted))?;
        map.serialize_entry("elapsed_ns", &call.elapsed)?;
        map.serialize_entry("depth", &call.depth)?;
        map.serialize_entry("end", call.end.word())?;
        let text = format!("{}{}", head(told, types, *style), outcome(call.end, told, types, *style));
        map.serialize_entry("text", &text)?;
        map.end()
    }
}

struct Values<'a> {
    values: &'a [(&'a str, GoValue)],
    types: &'a Types,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let types = self.types;
        let named = self.values.iter().enumerate().map(|(n, (name, value))| {
            // Several may be called `_`; an object has each name once.
            let again = self.values.iter().take(n).filter(|(before, _)| before == name).count();
            let name = if again == 0 { (*name).to_owned() } else { format!("{name}#{}", again + 1) };
            (name, Json { value, types })
        });
        to.collect_map(named)
    }
}

/// Shows a record of a call on one line.
///
/// # Errors
/// The writer's.
pub fn show_raw(
    header: &event::Header,
    what: &event::What,
    schema: &event::Schema,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (of, bytes, word) = match what {
        event::What::Call { call, bytes } => (schema.call(*call), bytes, "call"),
        event::What::CallStart { call, bytes } => (schema.call(*call), bytes, "start"),
        event::What::CallEnd(short) => return writeln!(out, "{} end {} {}", header.goid, short.id, short.end),
        event::What::CallDropped(short) => return writeln!(out, "{} dropped {}", header.goid, short.id),
        _ => return Ok(()),
    };
    let Some(of) = of else { return Ok(()) };
    let word_at = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |w| u64::from_le_bytes(*w));
    let registers = (0..usize::from(of.registers)).map(|n| format!("{:#x}", word_at(record::REGISTERS + 8 * n)));
    let registers: Vec<String> = registers.collect();
    let what = if of.returns { "returns" } else { "begins" };
    let id = word_at(record::ID);
    writeln!(out, "{} {word} {id} {} {what} {} {} bytes", header.goid, of.name, registers.join(" "), bytes.len())
}
