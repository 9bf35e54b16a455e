//! Distributions by function: what `gospect hist` makes of its program's maps.
//!
//! ```text
//! main.Handle
//! [1.02µs, 2.05µs)      12 |@@@@@@@@@@@@                                        |
//! count 40  13.3/s  mean 1.9µs  p50 1.85µs  p90 2.3µs  p99 4.1µs  p99.9 4.1µs  max 3.97µs  errors 0  unwound 0
//! ```

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use event::bucket::{Log, Scale};
use event::fold::{Bar, Histogram, Tally};
use event::run::Unwound;
use event::{Folded, Id, IdKind, Names, Snapshot, Value};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::maps::{self, Interval};
use crate::number::Whole;
use crate::table::{Cell, Column, Table};
use crate::text::{visible, visible_lines};
use crate::value::{self, Json};
use crate::{Format, Look, json_line};

/// The maps of the program, by name.
pub mod map {
    /// All values, in fine buckets.
    pub const VALUES: &str = "@values";
    /// Their number and sum.
    pub const TOTAL: &str = "@total";
    /// The greatest.
    pub const MAX: &str = "@max";
    /// How many calls failed.
    pub const ERRORS: &str = "@errors";
    /// All values, in buckets of equal width.
    pub const BARS: &str = "@bars";
}

/// With more rows than these only those with the greatest sums get a histogram.
const HISTOGRAMS: usize = 5;

/// In what durations are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Each in the unit that fits it.
    #[default]
    Fitting,
    /// All in this one: its name, and how many nanoseconds it is.
    Fixed(&'static str, u64),
    /// They are no durations but numbers.
    None,
}

impl Unit {
    /// The values of `--unit`.
    pub const WORDS: &[&str] = &["auto", "ns", "us", "ms", "s"];

    /// One of [`Unit::WORDS`].
    #[must_use]
    pub fn of(word: &str) -> Option<Unit> {
        Some(match word {
            "auto" => Unit::Fitting,
            "ns" => Unit::Fixed("ns", 1),
            "us" => Unit::Fixed("µs", 1_000),
            "ms" => Unit::Fixed("ms", 1_000_000),
            "s" => Unit::Fixed("s", 1_000_000_000),
            _ => return None,
        })
    }

    /// A value with three digits that count, and its unit.
    pub(crate) fn show(self, value: i128) -> String {
        let (name, of) = match self {
            Unit::None => return value.to_string(),
            Unit::Fixed(name, of) => (name, of),
            Unit::Fitting => match value.unsigned_abs() {
                0..1_000 => ("ns", 1),
                1_000..1_000_000 => ("µs", 1_000),
                1_000_000..1_000_000_000 => ("ms", 1_000_000),
                _ => ("s", 1_000_000_000),
            },
        };
        digits(value as f64 / of as f64) + name
    }
}

/// With three digits that count.
fn digits(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let whole = number.abs().log10().floor() as i32 + 1;
    let shown = format!("{number:.*}", usize::try_from(3 - whole).unwrap_or(0));
    match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => shown,
    }
}

/// What the program's maps hold, as rows.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// Calls that did not return, of functions whose rows do not have them.
    left_out: Vec<Unwound>,
    /// How long it took to gather them.
    pub took: Duration,
    /// In what values are shown.
    pub unit: Unit,
    /// The expression, if it is not the duration.
    pub of: Option<String>,
}

/// A function, or what calls of it have in common.
#[derive(Clone, Debug)]
struct Row {
    func: String,
    /// As JSON; nothing without `--by`.
    key: Vec<serde_json::Value>,
    /// As text.
    of: String,
    values: Histogram,
    total: Option<Tally>,
    max: Option<i128>,
    /// `None` if nobody knows.
    errors: Option<u64>,
    bars: Option<Histogram>,
    unwound: Option<u64>,
    /// What a call that does nothing is measured to take.
    floor: Option<u64>,
}

impl Rows {
    /// Reads the maps.
    #[must_use]
    pub fn read(maps: &[Snapshot], names: &dyn Names) -> Rows {
        let mut rows = Vec::<Row>::new();
        let mut by_text = BTreeMap::<String, usize>::new();
        let of = |name: &'static str| maps.iter().filter(move |map| map.name == name).flat_map(|map| &map.entries);
        for entry in of(map::VALUES) {
            let (Folded::Quantiles(_, values), Some((func, key))) = (&entry.value, entry.key.split_first()) else {
                continue;
            };
            let text = title(&entry.key, names);
            match by_text.get(&text) {
                Some(&at) => rows[at].values.add(values),
                None => {
                    by_text.insert(text.clone(), rows.len());
                    let func = value::raw(func, names);
                    let key = key.iter().map(|part| json(part, names)).collect();
                    let errors = Some(0);
                    let (values, of) = (values.clone(), text);
                    rows.push(Row {
                        func,
                        key,
                        of,
                        values,
                        total: None,
                        max: None,
                        errors,
                        bars: None,
                        unwound: None,
                        floor: None,
                    });
                }
            }
        }
        for name in [map::TOTAL, map::MAX, map::ERRORS, map::BARS] {
            for entry in of(name) {
                let Some(&at) = by_text.get(&title(&entry.key, names)) else { continue };
                rows[at].take(name, &entry.value);
            }
        }
        rows.sort_by_key(Row::sum);
        Rows { rows, ..Rows::default() }
    }

    /// Takes how many calls did not return. Which row one would have been in is known of a function as a whole, not by key.
    pub fn unwound(&mut self, unwound: &[Unwound]) {
        let has_row = |of: &&Unwound| self.rows.iter().any(|row| row.key.is_empty() && row.func == of.func);
        self.left_out = unwound.iter().filter(|of| !has_row(of)).cloned().collect();
        for row in &mut self.rows {
            let of = unwound.iter().find(|of| of.func == row.func).map_or(0, |of| of.unwound);
            row.unwound = row.key.is_empty().then_some(of);
        }
    }

    /// Takes what a call that does nothing is measured to take, by function, and where nobody knows whether calls fail.
    pub fn about(&mut self, floor: impl Fn(&str) -> Option<u64>, unknown: impl Fn(&str) -> bool) {
        for row in &mut self.rows {
            row.floor = floor(&row.func);
            row.errors = row.errors.filter(|_| !unknown(&row.func));
        }
    }

    /// Shows them: the greatest sum last, next to the prompt.
    ///
    /// # Errors
    /// The writer's.
    pub fn show(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Json => self.rows.iter().try_for_each(|row| json_line(out, &Object { row, of: self })),
            Format::Text(look) => self.text(look, out),
        }
    }

    fn text(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let few = self.rows.len().saturating_sub(HISTOGRAMS);
        self.rows[few..].iter().try_for_each(|row| self.histogram(row, out))?;
        if self.rows.len() > 1 {
            self.table(look, out)?;
        }
        self.left_out.iter().try_for_each(|of| writeln!(out, "in no row: {}", left_out(of)))?;
        let mut near: Vec<u64> =
            self.rows[few..].iter().filter(|row| self.has_near(row)).filter_map(|row| row.floor).collect();
        near.sort_unstable();
        near.dedup();
        if near.is_empty() {
            return Ok(());
        }
        let floors: Vec<String> = near.iter().map(|floor| self.unit.show((*floor).into())).collect();
        let floors = floors.join(" or, where the entry is stepped over, ");
        writeln!(out, "~ near what probing itself takes: a call that does nothing is measured as {floors} here")
    }

    /// The counts as they are shown: in powers of two, or as was asked for.
    fn bars(&self, row: &Row) -> Histogram {
        row.bars.clone().unwrap_or_else(|| row.values.coarser(Scale::Log(Log::PLAIN)))
    }

    fn has_near(&self, row: &Row) -> bool {
        self.bars(row).bars().iter().any(|bar| row.is_near(bar))
    }

    fn histogram(&self, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", visible_lines(&row.of))?;
        let hist = self.bars(row);
        let bars = hist.bars();
        let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
        for bar in &bars {
            let mark = if row.is_near(bar) { " ~" } else { "" };
            writeln!(out, "{}{mark}", maps::line(&self.label(bar), bar.count, most))?;
        }
        let cells = self.cells(row);
        let line: Vec<String> = cells.iter().filter(|(_, cell)| !cell.is_empty()).map(said).collect();
        writeln!(out, "{}\n", line.join("  "))
    }

    fn label(&self, bar: &Bar) -> String {
        let show = |value: i128| self.unit.show(value);
        match (bar.range.first, bar.range.last) {
            (None, last) => format!("(..., {})", show(last.map_or(0, i128::from) + 1)),
            (Some(first), None) => format!("[{}, ...)", show(first.into())),
            (Some(first), Some(last)) => format!("[{}, {})", show(first.into()), show(i128::from(last) + 1)),
        }
    }

    /// What is said of a row, in order.
    fn cells(&self, row: &Row) -> Vec<(&'static str, String)> {
        let q = row.values.quantiles();
        let show = |value: Option<i64>| value.map_or(String::new(), |value| self.unit.show(value.into()));
        let number = |n: Option<u64>| n.map_or(String::new(), |n| n.to_string());
        // What a bucket does not exceed may be more than any value was.
        let least = |value: Option<i64>| match (value, row.max) {
            (Some(value), Some(max)) => Some(i64::try_from(max).map_or(value, |max| value.min(max))),
            (value, _) => value,
        };
        let mean = row.total.map_or(String::new(), |total| self.unit.show(total.average().value()));
        vec![
            ("COUNT", q.count.to_string()),
            ("PER S", per_second(q.count, self.took)),
            ("MEAN", mean),
            ("P50", show(least(q.p50))),
            ("P90", show(least(q.p90))),
            ("P99", show(least(q.p99))),
            ("P99.9", show(least(q.p999))),
            ("MAX", row.max.map_or(String::new(), |max| self.unit.show(max))),
            ("ERRORS", number(row.errors)),
            ("UNWOUND", number(row.unwound)),
        ]
    }

    fn table(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let Some(first) = self.rows.first() else { return Ok(()) };
        let columns = self.cells(first).into_iter().map(|(title, _)| Column::right(title));
        let mut table = Table::new(&columns.chain([Column::left("FUNCTION")]).collect::<Vec<_>>());
        for row in &self.rows {
            let cells = self.cells(row).into_iter().map(|(_, cell)| Cell::new(cell));
            table.row(cells.chain([Cell::new(row.of.replace('\n', " "))]).collect());
        }
        table.write(look, out)
    }
}

/// `10 calls of main.f that a panic ended, 2 that ended with their goroutine`
fn left_out(Unwound { func, unwound, goexit }: &Unwound) -> String {
    let counted = [(unwound, "that a panic ended"), (goexit, "that ended with their goroutine")];
    let counted = counted.into_iter().filter(|(n, _)| **n > 0);
    let all = counted.enumerate().map(|(at, (n, how))| match at {
        0 => format!("{n} call{} of {} {how}", if *n == 1 { "" } else { "s" }, visible(func)),
        _ => format!("{n} {how}"),
    });
    all.collect::<Vec<_>>().join(", ")
}

/// `count 40`, `13.3/s`
fn said((title, cell): &(&'static str, String)) -> String {
    if *title == "PER S" { format!("{cell}/s") } else { format!("{} {cell}", title.to_lowercase()) }
}

fn per_second(count: u64, took: Duration) -> String {
    if took.is_zero() { String::new() } else { digits(count as f64 / took.as_secs_f64()) }
}

/// `main.Handle[7, "x"]`
fn title(key: &[Value], names: &dyn Names) -> String {
    match key {
        [func] => value::raw(func, names),
        [func, by @ ..] => {
            let by: Vec<String> = by.iter().map(|part| shown(part, names)).collect();
            format!("{}[{}]", value::raw(func, names), by.join(", "))
        }
        [] => String::new(),
    }
}

/// Of an address in code the function: where in it makes no difference here.
fn shown(part: &Value, names: &dyn Names) -> String {
    let text = value::raw(part, names);
    match (part, text.rsplit_once('+')) {
        (Value::Id(Id { kind: IdKind::UserSymbol, .. }), Some((function, _))) => function.to_owned(),
        _ => text,
    }
}

fn json(value: &Value, names: &dyn Names) -> serde_json::Value {
    if let Value::Id(Id { kind: IdKind::UserSymbol, .. }) = value {
        return shown(value, names).into();
    }
    serde_json::to_value(Json { value, names }).unwrap_or(serde_json::Value::Null)
}

impl Row {
    /// Whether calls of a bar may have been any shorter.
    fn is_near(&self, bar: &Bar) -> bool {
        let floor = self.floor.and_then(|floor| i64::try_from(floor).ok());
        floor.is_some_and(|floor| bar.count > 0 && bar.range.first.is_none_or(|first| first < floor))
    }

    fn take(&mut self, name: &str, value: &Folded) {
        match (name, value) {
            (map::TOTAL, Folded::Stats(tally)) => match &mut self.total {
                Some(total) => total.add(tally),
                none => *none = Some(*tally),
            },
            (map::MAX, Folded::Value(Value::Int(max))) => self.max = self.max.max(Some(max.value())),
            (map::ERRORS, Folded::Value(Value::Int(errors))) => {
                self.errors = self.errors.map(|sum| sum + u64::try_from(errors.value()).unwrap_or(0));
            }
            (map::BARS, Folded::Hist(bars)) => match &mut self.bars {
                Some(all) => all.add(bars),
                none => *none = Some(bars.clone()),
            },
            _ => {}
        }
    }

    fn sum(&self) -> i128 {
        self.total.map_or(0, |total| total.total.value())
    }
}

/// A row on its way to JSON.
struct Object<'a> {
    row: &'a Row,
    of: &'a Rows,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Object { row, of } = *self;
        let (q, hist) = (row.values.quantiles(), of.bars(row));
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "func_hist")?;
        map.serialize_entry("func", &row.func)?;
        match row.key.as_slice() {
            [] => map.serialize_entry("key", &())?,
            [one] => map.serialize_entry("key", one)?,
            several => map.serialize_entry("key", several)?,
        }
        map.serialize_entry("of", &of.of)?;
        map.serialize_entry("count", &q.count)?;
        map.serialize_entry("errors", &row.errors)?;
        map.serialize_entry("unwound", &row.unwound)?;
        let ns = if of.unit == Unit::None { "" } else { "_ns" };
        let whole = |value: Option<i128>| value.map(Whole);
        let least = |value: Option<i64>| {
            whole(value.map(|value| row.max.map_or(i128::from(value), |max| max.min(value.into()))))
        };
        map.serialize_entry(&format!("mean{ns}"), &whole(row.total.map(|total| total.average().value())))?;
        for (name, value) in [("p50", q.p50), ("p90", q.p90), ("p99", q.p99), ("p999", q.p999)] {
            map.serialize_entry(&format!("{name}{ns}"), &least(value))?;
        }
        map.serialize_entry(&format!("max{ns}"), &whole(row.max))?;
        map.serialize_entry("floor_ns", &row.floor)?;
        map.serialize_entry("seconds", &of.took.as_secs_f64())?;
        map.serialize_entry("buckets", &hist.bars().iter().map(Interval).collect::<Vec<_>>())?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
