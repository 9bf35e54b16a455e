//! Errors that the runtime itself panics with, as they say what they are.

use super::{field, field_number};
use crate::go::decode::Decoder;
use crate::go::kinds::{Read, plain};
use crate::go::span::Span;
use crate::go::value::{Is, Known};
use crate::go::{GoKind, GoType};

/// `runtime.errorString`: a string.
pub(super) fn error_string(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    text(decoder, ty, span, "runtime error: ")
}

/// `runtime.plainError`: a string that is said as it is.
pub(super) fn plain_error(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    text(decoder, ty, span, "")
}

fn text(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>, before: &str) -> Option<Read> {
    if ty.kind != GoKind::String {
        return None;
    }
    Some(match plain(decoder, ty, span) {
        Ok(Is::String(text)) if text.len == text.bytes.len() as u64 => {
            Ok(said(format!("{before}{}", String::from_utf8_lossy(&text.bytes))))
        }
        other => other,
    })
}

/// What is wrong, by its code: with `x` and `y` in it. If `x` is negative `y` does not matter, and is not said.
const BOUNDS: [(&str, &str); 9] = [
    ("index out of range [%x] with length %y", "index out of range [%x]"),
    ("slice bounds out of range [:%x] with length %y", "slice bounds out of range [:%x]"),
    ("slice bounds out of range [:%x] with capacity %y", "slice bounds out of range [:%x]"),
    ("slice bounds out of range [%x:%y]", "slice bounds out of range [%x:]"),
    ("slice bounds out of range [::%x] with length %y", "slice bounds out of range [::%x]"),
    ("slice bounds out of range [::%x] with capacity %y", "slice bounds out of range [::%x]"),
    ("slice bounds out of range [:%x:%y]", "slice bounds out of range [:%x:]"),
    ("slice bounds out of range [%x:%y:]", "slice bounds out of range [%x::]"),
    ("cannot convert slice with length %x to array or pointer to array with length %y", ""),
];

/// `runtime.boundsError`
// +rtype boundsError.x int64 @0
// +rtype boundsError.y int @8
// +rtype boundsError.signed bool @16
pub(super) fn bounds_error(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let number = |name: &str| field_number(decoder, ty, span, &[name])?.ok();
    let (x, y, code) = (number("x")?, number("y")?, number("code")?);
    let (_, _, signed) = field(decoder, ty, span, "signed")?;
    let (both, negative) = BOUNDS.get(usize::try_from(code).ok()?)?;
    let signed = signed.number(0, 1).ok()? != 0;
    let form = if signed && x < 0 { negative } else { both };
    let x = if signed { x.to_string() } else { x.cast_unsigned().to_string() };
    let what = form.replace("%x", &x).replace("%y", &y.to_string());
    (!form.is_empty()).then(|| Ok(said(format!("runtime error: {what}"))))
}

/// It says itself what it is.
fn said(text: String) -> Is {
    Is::Known(Known { typed: true, ..Known::new(text) })
}
