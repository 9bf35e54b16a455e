//! Maps as they are shown: values of all CPUs made one, buckets gathered into histograms, entries in their order.
//!
//! Entries come in bpftrace's order: the least value first (of a histogram, the number of its values), so that what
//! matters stands at the end, next to the prompt. Values that are no numbers, and equal ones, go by their keys.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::bucket::{Range, Scale, quantile};
use crate::bytes::{DecodeError, u64_at};
use crate::decode;
use crate::schema::{Aggregate, Fields, MapSchema, MapValue, Schema, extreme, tally};
use crate::value::{Int, IntType, Text, Value};

/// A map at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, with its `@`.
    pub name: String,
    /// Whether it has keys; else there is at most one entry.
    pub keyed: bool,
    /// Its entries in their order.
    pub entries: Vec<Entry>,
    /// Why entries are missing.
    pub damaged: Vec<DecodeError>,
}

/// What stands under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's parts; none in a map without keys.
    pub key: Vec<Value>,
    /// The value.
    pub value: Folded,
}

/// A value, of all CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// What was assigned, or a count, sum, minimum or maximum.
    Value(Value),
    /// Average.
    Avg(Tally),
    /// Count, average and total.
    Stats(Tally),
    /// How many values in each bucket.
    Hist(Histogram),
    /// Percentiles, and what they are of.
    Quantiles(Quantiles, Histogram),
}

/// How many values there were and what they add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// The sum.
    pub total: Int,
    /// What the average is divided by to be shown.
    div: u64,
}

impl Tally {
    /// Takes in what another one has.
    pub fn add(&mut self, other: &Tally) {
        self.count = self.count.saturating_add(other.count);
        self.total.bits = self.total.bits.wrapping_add(other.total.bits);
    }

    /// The average, towards zero; 0 without values.
    #[must_use]
    pub fn average(&self) -> Int {
        divide(divide(self.total, self.count), self.div)
    }
}

/// Counts by bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// How values were sorted into buckets.
    pub scale: Scale,
    /// Counts of those that are not empty.
    counts: BTreeMap<u64, u64>,
    div: u64,
}

/// A row of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The number of the bucket.
    pub bucket: u64,
    /// Its values.
    pub range: Range,
    /// How many there were.
    pub count: u64,
}

impl Histogram {
    /// How many values there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// The same in the buckets of another scale, if each of ours is a part of one of those.
    #[must_use]
    pub fn coarser(&self, scale: Scale) -> Histogram {
        let mut counts = BTreeMap::new();
        for (&bucket, count) in &self.counts {
            let first = self.scale.range(bucket).and_then(|range| range.first.or(range.last));
            *counts.entry(first.map_or(0, |first| scale.bucket(first))).or_insert(0) += count;
        }
        Histogram { scale, counts, div: self.div }
    }

    /// Takes in what another one of the same scale has.
    pub fn add(&mut self, other: &Histogram) {
        for (&bucket, count) in &other.counts {
            *self.counts.entry(bucket).or_insert(0) += count;
        }
    }

    /// Percentiles of what is in it.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        quantiles(&self.counts)
    }

    /// The buckets from the first that is not empty to the last that is not; those between too.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let (Some((&first, _)), Some((&last, _))) = (self.counts.first_key_value(), self.counts.last_key_value())
        else {
            return Vec::new();
        };
        let bar = |bucket| {
            let count = self.counts.get(&bucket).copied().unwrap_or(0) / self.div.max(1);
            self.scale.range(bucket).map(|range| Bar { bucket, range, count })
        };
        (first..=last).filter_map(bar).collect()
    }
}

/// What values do not exceed; `None` if only known to be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// How many values there were.
    pub count: u64,
    /// Half of them.
    pub p50: Option<i64>,
    /// Nine of ten.
    pub p90: Option<i64>,
    /// All but one in a hundred.
    pub p99: Option<i64>,
    /// All but one in a thousand.
    pub p999: Option<i64>,
    /// All.
    pub max: Option<i64>,
}

impl Snapshot {
    /// Folds the entries of a map as they are read from the kernel: a key and the values of all CPUs.
    #[must_use]
    pub fn fold<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        schema: &Schema,
        map: &MapSchema,
        raw: impl IntoIterator<Item = (K, V)>,
    ) -> Snapshot {
        let mut folding = Folding { schema, map, buckets: BTreeMap::new(), entries: Vec::new(), damaged: Vec::new() };
        for (key, value) in raw {
            if let Err(error) = folding.add(key.as_ref(), value.as_ref()) {
                folding.damaged.push(error);
            }
        }
        folding.finish()
    }

    /// Keeps only that many of the last entries, which are the greatest; 0 keeps all.
    #[must_use]
    pub fn top(mut self, top: u32) -> Snapshot {
        if top > 0 {
            self.entries.drain(..self.entries.len().saturating_sub(top as usize));
        }
        self
    }

    /// Divides what is shown: numbers, averages, and counts of histograms. Percentiles, as counts and totals of
    /// `stats`, are left as they are; 0 and 1 change nothing.
    #[must_use]
    pub fn divided(mut self, by: u64) -> Snapshot {
        let by = by.max(1);
        for entry in &mut self.entries {
            match &mut entry.value {
                Folded::Value(Value::Int(int)) => *int = divide(*int, by),
                Folded::Avg(tally) | Folded::Stats(tally) => tally.div = by,
                Folded::Hist(hist) => hist.div = by,
                Folded::Value(_) | Folded::Quantiles(..) => {}
            }
        }
        self
    }

    /// The entry whose key has these bytes, alone.
    #[must_use]
    pub fn only(mut self, schema: &Schema, map: &MapSchema, key: &[u8]) -> Snapshot {
        match decode::fields(schema, &map.key, key) {
            Ok(key) => self.entries.retain(|entry| entry.key == key),
            Err(error) => {
                self.entries.clear();
                self.damaged.push(error);
            }
        }
        self
    }
}

/// Towards zero; 0 by 0 is 0.
fn divide(int: Int, by: u64) -> Int {
    let quotient = int.value().checked_div(i128::from(by)).unwrap_or(0);
    Int { bits: quotient as u64, ..int }
}

/// What the parts of a key are, and the counts of its buckets.
type Buckets = (Vec<Value>, BTreeMap<u64, u64>);

/// A map that is being folded.
struct Folding<'a> {
    schema: &'a Schema,
    map: &'a MapSchema,
    /// Counts by bucket, by the bytes of the key in front of the bucket's number.
    buckets: BTreeMap<Vec<u8>, Buckets>,
    entries: Vec<Entry>,
    damaged: Vec<DecodeError>,
}

impl Folding<'_> {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let (parts, bucket) = decode::key(self.schema, self.map, key)?;
        match (&self.map.value, bucket) {
            (MapValue::Plain(fields), _) => self.add_plain(parts, fields, value),
            (MapValue::PerCpu(_), Some(bucket)) => self.add_bucket(key, parts, bucket, value),
            (&MapValue::PerCpu(aggregate), None) => {
                let value = fold_cpus(aggregate, decode::cpus(self.map, value)?)?;
                self.entries.push(Entry { key: parts, value });
                Ok(())
            }
        }
    }

    fn add_plain(&mut self, key: Vec<Value>, fields: &Fields, value: &[u8]) -> Result<(), DecodeError> {
        let value = Folded::Value(decode::plain(self.schema, fields, value)?);
        self.entries.push(Entry { key, value });
        Ok(())
    }

    fn add_bucket(&mut self, key: &[u8], parts: Vec<Value>, bucket: u64, value: &[u8]) -> Result<(), DecodeError> {
        let count = sum(decode::cpus(self.map, value)?, 0)?;
        let prefix = self.map.bucket_offset().and_then(|at| key.get(..at)).unwrap_or_default();
        let (_, counts) = self.buckets.entry(prefix.to_vec()).or_insert_with(|| (parts, BTreeMap::new()));
        // An emptied bucket is no bucket, but its key stays.
        if count > 0 {
            let sum = counts.entry(bucket).or_insert(0);
            *sum = sum.saturating_add(count);
        }
        Ok(())
    }

    fn finish(mut self) -> Snapshot {
        for (key, counts) in std::mem::take(&mut self.buckets).into_values() {
            if let Some(scale) = self.map.value.scale() {
                let hist = Histogram { scale, counts, div: 1 };
                let value = match self.map.value {
                    MapValue::PerCpu(Aggregate::Quantiles) => Folded::Quantiles(hist.quantiles(), hist),
                    _ => Folded::Hist(hist),
                };
                self.entries.push(Entry { key, value });
            }
        }
        self.entries.sort_by(|a, b| order(&a.value, &b.value).then_with(|| keys(&a.key, &b.key)));
        Snapshot {
            name: self.map.name.clone(),
            keyed: self.map.is_keyed(),
            entries: self.entries,
            damaged: self.damaged,
        }
    }
}

fn quantiles(counts: &BTreeMap<u64, u64>) -> Quantiles {
    let of = |thousandths| quantile(counts, thousandths);
    Quantiles {
        count: counts.values().fold(0, |sum, &n| sum.saturating_add(n)),
        p50: of(500),
        p90: of(900),
        p99: of(990),
        p999: of(999),
        max: of(1000),
    }
}

type Cpus<'a> = std::slice::ChunksExact<'a, u8>;

fn fold_cpus(aggregate: Aggregate, cpus: Cpus<'_>) -> Result<Folded, DecodeError> {
    let number = |bits, kind| Folded::Value(Value::Int(Int { bits, kind }));
    Ok(match aggregate {
        Aggregate::Count => number(sum(cpus, 0)?, IntType::U64),
        Aggregate::Sum(kind) => number(sum(cpus, 0)?, kind),
        Aggregate::Avg(kind) => Folded::Avg(total(cpus, kind)?),
        Aggregate::Stats(kind) => Folded::Stats(total(cpus, kind)?),
        Aggregate::Min(kind) => number(most(cpus, extreme::blank(true, kind.signed))?, kind),
        Aggregate::Max(kind) => number(most(cpus, extreme::blank(false, kind.signed))?, kind),
        // Those have a bucket in their key.
        Aggregate::Hist(_) | Aggregate::Lhist(_) | Aggregate::Quantiles => return Err(DecodeError::NoBucket(0)),
    })
}

fn sum(cpus: Cpus<'_>, at: usize) -> Result<u64, DecodeError> {
    cpus.map(|cpu| u64_at(cpu, at)).try_fold(0u64, |sum, n| Ok(sum.wrapping_add(n?)))
}

fn total(cpus: Cpus<'_>, kind: IntType) -> Result<Tally, DecodeError> {
    let (count, bits) = (sum(cpus.clone(), tally::COUNT)?, sum(cpus, tally::TOTAL)?);
    Ok(Tally { count, total: Int { bits, kind }, div: 1 })
}

/// The greatest word, as a value, of the CPUs that have one; 0 if none has, as after `zero()`.
fn most(cpus: Cpus<'_>, blank: u64) -> Result<u64, DecodeError> {
    let mut best = None;
    for cpu in cpus {
        let (is_set, word) = (u64_at(cpu, extreme::SET)? != 0, u64_at(cpu, extreme::VALUE)?);
        best = best.max(is_set.then_some(word));
    }
    Ok(best.map_or(0, |word| word ^ blank))
}

fn order(a: &Folded, b: &Folded) -> Ordering {
    match (a, b) {
        (Folded::Value(Value::Int(a)), Folded::Value(Value::Int(b))) => a.value().cmp(&b.value()),
        (Folded::Avg(a) | Folded::Stats(a), Folded::Avg(b) | Folded::Stats(b)) => {
            a.average().value().cmp(&b.average().value())
        }
        (Folded::Hist(a), Folded::Hist(b)) => a.total().cmp(&b.total()),
        (Folded::Quantiles(a, _), Folded::Quantiles(b, _)) => a.count.cmp(&b.count),
        _ => Ordering::Equal,
    }
}

fn keys(a: &[Value], b: &[Value]) -> Ordering {
    let different = a.iter().zip(b).map(|(a, b)| parts(a, b)).find(|order| order.is_ne());
    different.unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn parts(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.value().cmp(&b.value()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Pointer(a), Value::Pointer(b)) => a.cmp(b),
        (Value::Str(a) | Value::Buf(a), Value::Str(b) | Value::Buf(b)) => Text::cmp(a, b),
        (Value::Id(a), Value::Id(b)) => a.cmp(b),
        (Value::Time { boot: a, .. }, Value::Time { boot: b, .. }) => a.cmp(b),
        (Value::Tuple(a), Value::Tuple(b)) => keys(a, b),
        // What could not be read stands first.
        (a, b) => (*b == Value::Unreadable).cmp(&(*a == Value::Unreadable)),
    }
}

#[cfg(test)]
mod tests;
