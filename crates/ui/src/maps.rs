//! Maps as bpftrace shows them: entries as `@name[key]: value`, histograms with columns of 16, 8 and 52 characters, and
//! the JSON objects `map`, `hist` and `stats`; percentiles, which it does not have, as `quantiles`.

use std::io::{self, Write};

use event::bucket::{Linear, Range, Scale};
use event::fold::{Bar, Histogram, Quantiles, Tally};
use event::{Entry, Folded, Int, Names, Snapshot, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::number::Whole;
use crate::value::{self, Json};
use crate::{Format, json_line};

/// Shows a map; one without entries is not shown.
///
/// # Errors
/// The writer's.
pub fn show(map: &Snapshot, names: &dyn Names, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match (format, map.entries.first()) {
        (_, None) => Ok(()),
        (Format::Json, Some(first)) => json_line(out, &Object { kind: kind(first), map, names }),
        (Format::Text(_), Some(_)) => map.entries.iter().try_for_each(|entry| text(map, entry, names, out)),
    }
}

/// Shows the maps that are left at the end: after a blank line, in the order of their names.
///
/// # Errors
/// The writer's.
pub fn show_rest(maps: &[Snapshot], names: &dyn Names, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let mut maps: Vec<&Snapshot> = maps.iter().filter(|map| !map.entries.is_empty()).collect();
    maps.sort_by(|a, b| a.name.cmp(&b.name));
    if !maps.is_empty() && matches!(format, Format::Text(_)) {
        writeln!(out)?;
    }
    maps.into_iter().try_for_each(|map| show(map, names, format, out))
}

fn text(map: &Snapshot, entry: &Entry, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
    match map.keyed {
        true => write!(out, "{}[{}]:", map.name, key(&entry.key, |parts| value::texts(parts, ", ", names)))?,
        false => write!(out, "{}:", map.name)?,
    }
    match &entry.value {
        Folded::Value(value) => writeln!(out, " {}", value::text(value, names)),
        Folded::Avg(tally) => writeln!(out, " {}", tally.average().value()),
        Folded::Stats(tally) => writeln!(out, " {}", stats(tally)),
        Folded::Quantiles(quantiles, _) => writeln!(out, " {}", percentiles(quantiles)),
        Folded::Hist(hist) => {
            writeln!(out)?;
            histogram(hist, out)?;
            writeln!(out)
        }
    }
}

/// A key that is a tuple is shown without its parentheses, so `@[1, 2]` and `@[(1, 2)]` look the same, as they do in
/// bpftrace.
fn key(parts: &[Value], show: impl Fn(&[Value]) -> String) -> String {
    match parts {
        [Value::Tuple(parts)] => show(parts),
        parts => show(parts),
    }
}

fn stats(tally: &Tally) -> String {
    format!("count {}, average {}, total {}", tally.count, tally.average().value(), tally.total.value())
}

/// Where the true value may be lower it is said by how much at most.
fn percentiles(q: &Quantiles) -> String {
    let all = [("p50", q.p50), ("p90", q.p90), ("p99", q.p99), ("p99.9", q.p999), ("max", q.max)];
    let each =
        all.map(|(name, value)| format!(", {name} {}", value.map_or("<0".to_owned(), |value| value.to_string())));
    let is_exact = all.iter().all(|(_, value)| value.is_none_or(|value| value < FIRST_ROUNDED));
    let error = if is_exact { "" } else { " (at most 6.25% too high)" };
    format!("count {}{}{error}", q.count, each.concat())
}

/// From here on fine buckets have more than one value.
const FIRST_ROUNDED: i64 = 32;

/// Characters of a full bar.
const BAR: usize = 52;

fn histogram(hist: &Histogram, out: &mut dyn Write) -> io::Result<()> {
    let bars = hist.bars();
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    bars.iter().try_for_each(|bar| writeln!(out, "{}", line(&label(hist.scale, bar), bar.count, most)))
}

/// A line of a histogram of which the longest has so many.
pub(crate) fn line(label: &str, count: u64, most: u64) -> String {
    // In single precision and towards zero, as bpftrace does, so that bars are as long as its.
    let length = (count as f32 / most.max(1) as f32 * BAR as f32) as usize;
    format!("{label:<16}{count:>8} |{:<BAR$}|", "@".repeat(length))
}

fn label(scale: Scale, bar: &Bar) -> String {
    let (low, high) = match scale {
        Scale::Log(_) => log_bounds(scale, bar),
        Scale::Linear(linear) => linear_bounds(linear, bar.range),
    };
    match (low, high) {
        (None, high) => format!("(..., {})", high.unwrap_or_default()),
        (Some(low), None) => format!("[{low}, ...)"),
        // Of equal steps bpftrace shows both ends, also where they are one apart.
        (Some(low), Some(_)) if matches!(scale, Scale::Log(_)) && bar.range.first == bar.range.last => {
            format!("[{low}]")
        }
        (Some(low), Some(high)) => format!("[{low}, {high})"),
    }
}

type Bounds = (Option<String>, Option<String>);

/// A bound is shown in units that its bucket is whole multiples of: the lower one in those of this bucket, the upper
/// one in those of the next.
fn log_bounds(scale: Scale, bar: &Bar) -> Bounds {
    let Range { first: Some(first), last: Some(last) } = bar.range else { return (None, Some("0".to_owned())) };
    let (low, high) = (first.cast_unsigned(), last.cast_unsigned() + 1);
    let width = high - low;
    let next = scale.range(bar.bucket + 1).and_then(|next| Some(next.last? - next.first? + 1));
    let next = next.map_or(width * 2, i64::cast_unsigned);
    (Some(in_units(low, width)), Some(in_units(high, next)))
}

fn in_units(bound: u64, width: u64) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let unit = width.max(1).ilog2() / 10;
    format!("{}{}", bound >> (10 * unit), UNITS.get(unit as usize).unwrap_or(&""))
}

fn linear_bounds(linear: Linear, range: Range) -> Bounds {
    let show = |bound: i128| match linear.step() % 1024 {
        0 if bound != 0 && bound % (1 << 20) == 0 => format!("{}M", bound >> 20),
        0 if bound != 0 && bound % (1 << 10) == 0 => format!("{}K", bound >> 10),
        _ => bound.to_string(),
    };
    (range.first.map(|first| show(first.into())), range.last.map(|last| show(i128::from(last) + 1)))
}

/// What bpftrace calls such a map; averages stand among `stats` there.
fn kind(entry: &Entry) -> &'static str {
    match entry.value {
        Folded::Value(_) => "map",
        Folded::Avg(_) | Folded::Stats(_) => "stats",
        Folded::Hist(_) => "hist",
        Folded::Quantiles(..) => "quantiles",
    }
}

/// `{"type":…,"data":{"@name":…}}`.
struct Object<'a> {
    kind: &'static str,
    map: &'a Snapshot,
    names: &'a dyn Names,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(Some(2))?;
        object.serialize_entry("type", self.kind)?;
        object.serialize_entry("data", &Named(self))?;
        object.end()
    }
}

/// The map under its name.
struct Named<'a>(&'a Object<'a>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (map, names) = (self.0.map, self.0.names);
        let mut data = to.serialize_map(Some(1))?;
        match map.entries.first() {
            Some(entry) if !map.keyed => data.serialize_entry(&map.name, &Content { value: &entry.value, names })?,
            _ => data.serialize_entry(&map.name, &Keyed(self.0))?,
        }
        data.end()
    }
}

/// The entries under their keys.
struct Keyed<'a>(&'a Object<'a>);

impl Serialize for Keyed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let names = self.0.names;
        let joined = |entry: &Entry| key(&entry.key, |parts| value::joined(parts, ",", names));
        to.collect_map(self.0.map.entries.iter().map(|e| (joined(e), Content { value: &e.value, names })))
    }
}

/// One value.
struct Content<'a> {
    value: &'a Folded,
    names: &'a dyn Names,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Folded::Value(value) => Json { value, names: self.names }.serialize(to),
            Folded::Avg(tally) => Whole(tally.average().value()).serialize(to),
            Folded::Stats(tally) => fields(to, &[("average", tally.average()), ("total", tally.total)], tally.count),
            Folded::Hist(hist) => to.collect_seq(hist.bars().iter().map(Interval)),
            Folded::Quantiles(quantiles, _) => json_quantiles(to, quantiles),
        }
    }
}

fn fields<S: Serializer>(to: S, fields: &[(&'static str, Int)], count: u64) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_map(Some(fields.len() + 1))?;
    object.serialize_entry("count", &count)?;
    for (name, int) in fields {
        object.serialize_entry(name, &Whole(int.value()))?;
    }
    object.end()
}

fn json_quantiles<S: Serializer>(to: S, q: &Quantiles) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_map(Some(6))?;
    object.serialize_entry("count", &q.count)?;
    for (name, value) in [("p50", q.p50), ("p90", q.p90), ("p99", q.p99), ("p99.9", q.p999), ("max", q.max)] {
        object.serialize_entry(name, &value.map(|value| Whole(value.into())))?;
    }
    object.end()
}

/// A bucket as JSON: both ends included; one that is open has no such field.
pub(crate) struct Interval<'a>(pub &'a Bar);

impl Serialize for Interval<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        for (name, end) in [("min", self.0.range.first), ("max", self.0.range.last)] {
            if let Some(end) = end {
                object.serialize_entry(name, &Whole(end.into()))?;
            }
        }
        object.serialize_entry("count", &self.0.count)?;
        object.end()
    }
}

#[cfg(test)]
mod tests;
