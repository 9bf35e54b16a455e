//! How values of the language's types look in records and maps.

use event::bucket::{Linear, Log};
use event::schema::{Aggregate, MAX_LEAVES, MapValue, Shape};
use event::{Fields, IdKind, IntType, MapSchema, PrintedIndex, Schema};

use super::taint::Taints;
use super::{Refused, refused};
use plan::{Id, Map, Plan, Type};

/// A value of that type.
pub(super) fn shape(plan: &Plan, ty: &Type, schema: &mut Schema) -> Shape {
    match ty {
        Type::Int { signed, bytes } => Shape::Int(IntType { signed: *signed, bits: bytes.saturating_mul(8) }),
        Type::Str { max } => Shape::Str { cap: *max },
        Type::Buf { max } => Shape::Buf { cap: *max },
        Type::Id(Id::Hex) => Shape::Pointer,
        Type::Id(Id::Time(format)) => {
            let format = plan.strings.get(format.index()).map_or("", String::as_str);
            Shape::Time(schema.add_text(format))
        }
        Type::Id(id) => Shape::Id(kind(*id)),
        // Which one is known only where it is printed.
        Type::Go => Shape::Go { printed: PrintedIndex(u32::MAX), value: 0 },
        Type::Tuple(parts) => Shape::Tuple(parts.iter().map(|part| shape(plan, part, schema)).collect()),
    }
}

fn kind(id: Id) -> IdKind {
    match id {
        Id::Func => IdKind::Func,
        Id::Probe => IdKind::Probe,
        Id::StartFunc => IdKind::StartFunc,
        Id::GoState => IdKind::GoState,
        Id::WaitReason => IdKind::WaitReason,
        Id::UStack(_) => IdKind::UserStack,
        Id::Ksym => IdKind::KernelSymbol,
        Id::Usym | Id::Time(_) | Id::Hex => IdKind::UserSymbol,
    }
}

/// Values one after the other, some of which may be unreadable.
pub(super) fn fields(plan: &Plan, types: &[&Type], faults: bool, schema: &mut Schema) -> Result<Fields, Refused> {
    let fields = Fields { faults, shapes: types.iter().map(|ty| shape(plan, ty, schema)).collect() };
    let leaves = fields.leaves().len();
    if leaves > MAX_LEAVES {
        return refused(format!("{leaves} values at once are more than {MAX_LEAVES}"), None);
    }
    Ok(fields)
}

/// A map of the text.
pub(super) fn map(
    plan: &Plan,
    map: &Map,
    number: usize,
    taints: &Taints,
    schema: &mut Schema,
) -> Result<MapSchema, Refused> {
    let parts: Vec<&Type> = map.key.iter().collect();
    let key = fields(plan, &parts, taints.key(number), schema)?;
    let value = match &map.value {
        plan::MapValue::Plain(ty) => MapValue::Plain(fields(plan, &[ty], taints.value(number), schema)?),
        other => MapValue::PerCpu(aggregate(other)?),
    };
    Ok(MapSchema { name: map.name.clone(), key, value })
}

fn aggregate(value: &plan::MapValue) -> Result<Aggregate, Refused> {
    let int = |signed: &bool| IntType { signed: *signed, bits: 64 };
    Ok(match value {
        plan::MapValue::Plain(_) | plan::MapValue::Count => Aggregate::Count,
        plan::MapValue::Sum { signed } => Aggregate::Sum(int(signed)),
        plan::MapValue::Avg { signed } => Aggregate::Avg(int(signed)),
        plan::MapValue::Min { signed } => Aggregate::Min(int(signed)),
        plan::MapValue::Max { signed } => Aggregate::Max(int(signed)),
        plan::MapValue::Stats { signed } => Aggregate::Stats(int(signed)),
        plan::MapValue::Hist { bits } => Aggregate::Hist(Log::new(*bits).unwrap_or(Log::PLAIN)),
        plan::MapValue::LinearHist { min, max, step } => Aggregate::Lhist(linear(*min, *max, *step)?),
        plan::MapValue::Quantiles => Aggregate::Quantiles,
    })
}

fn linear(min: i64, max: i64, step: u64) -> Result<Linear, Refused> {
    Linear::new(min, max, step).or_else(|error| refused(error.to_string(), None))
}
