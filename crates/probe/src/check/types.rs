//! The types of maps and variables, worked out from all their uses.
//!
//! Nothing is declared: a map has the type of what is assigned to it, anywhere in the text, also of what comes from
//! maps whose own type shows only further down. So the text is gone through again and again until nothing new is
//! learnt; only the last time what does not fit is told.

use std::collections::HashMap;

use crate::ast::Span;
use plan::limits;
use plan::{Id, MapValue, Type};

/// How much is known of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(super) enum Sure {
    /// Nothing: it stands for whatever else shows.
    Unknown,
    /// An integer that takes the sign of what it meets.
    Literal,
    /// All.
    Known,
}

/// A type and how much is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub ty: Type,
    pub sure: Sure,
}

/// A signed integer of 8 bytes, which is what nothing else is known of.
pub(super) const INT: Type = Type::Int { signed: true, bytes: 8 };
/// An unsigned integer of 8 bytes.
pub(super) const UINT: Type = Type::Int { signed: false, bytes: 8 };

impl Slot {
    /// What both are; `None` if they are different things.
    pub(super) fn join(&self, other: &Slot) -> Option<Slot> {
        match (self.sure.min(other.sure), self.sure.max(other.sure)) {
            (Sure::Unknown, Sure::Unknown) => Some(self.clone()),
            (Sure::Unknown, _) => Some(if self.sure == Sure::Unknown { other } else { self }.clone()),
            (Sure::Literal, Sure::Known) => {
                let (literal, known) = if self.sure == Sure::Literal { (self, other) } else { (other, self) };
                join_types(&literal.ty, &known.ty)?;
                Some(known.clone())
            }
            (_, sure) => Some(Slot { ty: join_types(&self.ty, &other.ty)?, sure }),
        }
    }
}

/// The type that values of both types fit.
pub(super) fn join_types(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Int { signed: a, .. }, Type::Int { signed: b, .. }) => Some(Type::Int { signed: *a || *b, bytes: 8 }),
        (Type::Str { max: a }, Type::Str { max: b }) => Some(Type::Str { max: *a.max(b) }),
        (Type::Buf { max: a }, Type::Buf { max: b }) => Some(Type::Buf { max: *a.max(b) }),
        (Type::Id(Id::UStack(a)), Type::Id(Id::UStack(b))) => Some(Type::Id(Id::UStack(*a.max(b)))),
        (Type::Id(a), Type::Id(b)) => (a == b).then_some(Type::Id(*a)),
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            a.iter().zip(b).map(|(a, b)| join_types(a, b)).collect::<Option<_>>().map(Type::Tuple)
        }
        _ => None,
    }
}

/// What a type is, in a sentence.
pub(super) fn describe(ty: &Type) -> String {
    match ty {
        Type::Int { .. } => "an integer".to_owned(),
        Type::Str { .. } => "text".to_owned(),
        Type::Buf { .. } => "bytes".to_owned(),
        Type::Tuple(parts) => format!("a tuple of {}", parts.len()),
        Type::Go => "a value of Go".to_owned(),
        Type::Id(id) => match id {
            Id::Func => "a function",
            Id::Probe => "a probe",
            Id::StartFunc => "a start function",
            Id::GoState => "a state",
            Id::WaitReason => "a reason to wait",
            Id::UStack(_) => "a stack",
            Id::Ksym | Id::Usym => "a symbol",
            Id::Time(_) => "a time",
            Id::Hex => "a hexadecimal number",
        }
        .to_owned(),
    }
}

/// What a map holds, in a sentence.
pub(super) fn describe_value(value: &MapValue) -> String {
    match value {
        MapValue::Plain(ty) => describe(ty),
        MapValue::Count => "count()".to_owned(),
        MapValue::Sum { .. } => "sum(…)".to_owned(),
        MapValue::Avg { .. } => "avg(…)".to_owned(),
        MapValue::Min { .. } => "min(…)".to_owned(),
        MapValue::Max { .. } => "max(…)".to_owned(),
        MapValue::Stats { .. } => "stats(…)".to_owned(),
        MapValue::Hist { bits: 0 } => "hist(…)".to_owned(),
        MapValue::Hist { bits } => format!("hist(…, {bits})"),
        MapValue::LinearHist { min, max, step } => format!("lhist(…, {min}, {max}, {step})"),
        MapValue::Quantiles => "quantiles(…)".to_owned(),
    }
}

/// What a map holds, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Holding {
    Plain(Slot),
    Aggregate(MapValue),
}

/// A map, as far as it is known.
#[derive(Clone, Debug)]
pub(super) struct MapRow {
    pub name: String,
    /// Where the text first names it.
    pub first: Span,
    pub key: Option<Vec<Slot>>,
    pub value: Option<Holding>,
    pub capacity: u32,
    /// Something is assigned to it, even if what that is could not be made out.
    pub assigned: bool,
}

/// All maps of a text.
#[derive(Default, Debug)]
pub(super) struct MapTypes {
    pub rows: Vec<MapRow>,
    by_name: HashMap<String, usize>,
    /// Something new was learnt.
    pub changed: bool,
}

impl MapTypes {
    /// The map of this name, new if there was none.
    pub(super) fn add(&mut self, name: &str, first: Span) -> usize {
        if let Some(&at) = self.by_name.get(name) {
            return at;
        }
        self.by_name.insert(name.to_owned(), self.rows.len());
        let capacity = limits::ENTRIES;
        self.rows.push(MapRow { name: name.to_owned(), first, key: None, value: None, capacity, assigned: false });
        self.rows.len() - 1
    }

    /// The map of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Learns from a key; `false` if it does not fit what is known.
    pub(super) fn learn_key(&mut self, map: usize, key: &[Slot]) -> bool {
        let row = &mut self.rows[map];
        let joined = match &row.key {
            None => Some(key.to_vec()),
            Some(known) if known.len() != key.len() => None,
            Some(known) => known.iter().zip(key).map(|(a, b)| a.join(b)).collect(),
        };
        self.changed |= joined.is_some() && row.key != joined;
        let fits = joined.is_some();
        row.key = joined.or_else(|| row.key.take());
        fits
    }

    /// Learns from a value; `false` if it does not fit what is known.
    pub(super) fn learn_value(&mut self, map: usize, value: &Holding) -> bool {
        let row = &mut self.rows[map];
        let joined = match (&row.value, value) {
            (None, value) => Some(value.clone()),
            (Some(Holding::Plain(a)), Holding::Plain(b)) => a.join(b).map(Holding::Plain),
            (Some(Holding::Aggregate(a)), Holding::Aggregate(b)) => join_values(a, b).map(Holding::Aggregate),
            _ => None,
        };
        self.changed |= joined.is_some() && row.value != joined;
        let fits = joined.is_some();
        row.value = joined.or_else(|| row.value.take());
        fits
    }
}

fn join_values(a: &MapValue, b: &MapValue) -> Option<MapValue> {
    use MapValue::{Avg, Max, Min, Stats, Sum};
    match (a, b) {
        (Sum { signed: a }, Sum { signed: b }) => Some(Sum { signed: *a || *b }),
        (Avg { signed: a }, Avg { signed: b }) => Some(Avg { signed: *a || *b }),
        (Min { signed: a }, Min { signed: b }) => Some(Min { signed: *a || *b }),
        (Max { signed: a }, Max { signed: b }) => Some(Max { signed: *a || *b }),
        (Stats { signed: a }, Stats { signed: b }) => Some(Stats { signed: *a || *b }),
        _ => (a == b).then(|| a.clone()),
    }
}
