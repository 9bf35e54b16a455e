//! Types that people know in a form of their own: a time is a moment and not three words.
//!
//! [`TABLE`] is the whole list. A type is known by its name, and only if it is made as its form needs it: parts are found
//! by the names of fields, never by fixed offsets. Otherwise it is shown as any other type is.

mod context;
mod errno;
mod net;
mod number;
mod runtime;
mod sync;
mod time;

pub use time::duration_text;

use super::decode::Decoder;
use super::kinds::{Read, plain};
use super::span::Span;
use super::value::{GoValue, Is, Known, Missing};
use super::{GoKind, GoType, TypeRow};

/// How values of a type are read; `None` if the type is not made as it should be.
type How = for<'a> fn(&mut Decoder<'a>, &GoType, Span<'_>) -> Option<Read>;

/// All of them, by name with the whole import path, in order.
const TABLE: &[(&str, How)] = &[
    ("*context.afterFuncCtx", context::after_func),
    ("*context.cancelCtx", context::cancel),
    ("*context.emptyCtx", context::root),
    ("*context.stopCtx", context::stop),
    ("*context.timerCtx", context::timer),
    ("*context.valueCtx", context::value),
    ("*errors.errorString", error_string),
    ("context.backgroundCtx", context::root),
    ("context.todoCtx", context::root),
    ("context.withoutCancelCtx", context::without_cancel),
    ("internal/sync.Mutex", sync::mutex),
    ("math/big.Int", number::big),
    ("net.IP", net::ip),
    ("net/netip.Addr", net::addr),
    ("net/netip.AddrPort", net::addr_port),
    ("net/netip.Prefix", net::prefix),
    ("reflect.Value", reflect_value),
    ("runtime.boundsError", runtime::bounds_error),
    ("runtime.errorString", runtime::error_string),
    ("runtime.plainError", runtime::plain_error),
    ("sync.Mutex", sync::mutex),
    ("sync.Once", sync::once),
    ("sync.RWMutex", sync::rw_mutex),
    ("sync/atomic.Bool", sync::atomic_bool),
    ("sync/atomic.Int32", sync::atomic),
    ("sync/atomic.Int64", sync::atomic),
    ("sync/atomic.Uint32", sync::atomic),
    ("sync/atomic.Uint64", sync::atomic),
    ("sync/atomic.Uintptr", sync::atomic),
    ("sync/atomic.Value", sync::atomic),
    ("syscall.Errno", errno::read),
    ("time.Duration", time::duration),
    ("time.Month", time::month),
    ("time.Time", time::time),
    ("time.Weekday", time::weekday),
];

/// What is no name, but the end of one: sixteen bytes that are called so.
const UUID: (&str, How) = (".UUID", number::uuid);

/// A place in [`TABLE`]; the one behind its end is [`UUID`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form(u8);

impl Form {
    /// The form that types of that name have.
    pub fn of(name: &str) -> Option<Form> {
        // Types without a package are not in the table, and most are among these.
        if !name.contains('.') || name.ends_with([']', '}']) {
            return None;
        }
        let listed = TABLE.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
        // Where only package names are known, that has to do.
        let by_package = || {
            let is = |(known, _): &(&str, How)| known.rsplit_once('/').is_some_and(|(_, short)| short == name);
            if name.contains('/') { None } else { TABLE.iter().position(is) }
        };
        let by_suffix = || name.ends_with(UUID.0).then_some(TABLE.len());
        let at = listed.or_else(by_package).or_else(by_suffix)?;
        u8::try_from(at).ok().map(Form)
    }

    /// Reads a value that has it, unless its type is not made as it should be.
    pub fn read(self, decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
        let (_, how) = TABLE.get(usize::from(self.0)).unwrap_or(&UUID);
        how(decoder, ty, span)
    }
}

/// A field's type and bytes.
fn field<'s, 't>(
    decoder: &Decoder<'t>,
    ty: &GoType,
    span: Span<'s>,
    name: &str,
) -> Option<(&'t GoType, TypeRow, Span<'s>)> {
    let GoKind::Struct(fields) = &ty.kind else { return None };
    let field = fields.iter().find(|field| field.name == name)?;
    let of = decoder.types.get(field.ty)?;
    Some((of, field.ty, span.part(field.offset as usize, of.size as usize)))
}

/// A field as a value.
fn field_value(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>, name: &str) -> Option<GoValue> {
    let (_, row, span) = field(decoder, ty, span, name)?;
    Some(decoder.value(row, span))
}

/// A number in a field, or in the only field of that name of what stands there, and so on: `state` may be an `int32`, or
/// an `atomic.Int32` with the number in its `v`.
fn field_number(decoder: &Decoder<'_>, ty: &GoType, span: Span<'_>, names: &[&str]) -> Option<Read<i64>> {
    let (name, further) = names.split_first()?;
    let (ty, _, span) = field(decoder, ty, span, name)?;
    match ty.kind {
        GoKind::Int { .. } => Some(number_in(ty, span)),
        GoKind::Struct(_) => field_number(decoder, ty, span, further),
        _ => None,
    }
}

/// A number, widened.
fn number_in(ty: &GoType, span: Span<'_>) -> Read<i64> {
    let GoKind::Int { signed } = ty.kind else { return Err(Missing::NoType) };
    let size = ty.size as usize;
    let number = span.number(0, size)?;
    let shift = 64_u32.saturating_sub(ty.size * 8);
    Ok(if signed { (number << shift).cast_signed() >> shift } else { number.cast_signed() })
}

/// Turns `Option<Read<T>>` about.
fn shown(text: Option<Read<String>>) -> Option<Read> {
    Some(text?.map(|text| Is::Known(Known::new(text))))
}

/// `*errors.errorString` has nothing but its text.
// +rtype 1.21- errors.errorString.s string @0
fn error_string(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let mut value = match plain(decoder, ty, span) {
        Ok(Is::Pointer(value)) => value,
        other => return Some(other),
    };
    Some(Ok(match &mut value.is {
        Is::Struct(fields) if fields.len() == 1 => {
            let text = fields.swap_remove(0);
            Is::Holds { made_by: Some("errors.New"), value: Box::new(text) }
        }
        _ => Is::Pointer(value),
    }))
}

/// What a `reflect.Value` is about nobody can tell from outside.
#[allow(clippy::unnecessary_wraps, reason = "it stands in the table")]
fn reflect_value(_: &mut Decoder<'_>, _: &GoType, _: Span<'_>) -> Option<Read> {
    Some(Err(Missing::Opaque("reflect.Value")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn names_are_whole_or_as_short_as_the_runtime_has_them() {
        let known = |name| Form::of(name).is_some();
        assert!(known("net/netip.Addr") && known("netip.Addr") && known("time.Time"));
        assert!(known("github.com/google/uuid.UUID"));
        assert!(!known("example.com/time.Time") && !known("x/netip.Addr") && !known("[]time.Time") && !known("int"));
    }
}
