//! Values by the kinds of Go's types, as the language lays them out.

use super::decode::Decoder;
use super::span::Span;
use super::value::{Bytes, GoValue, Is, List, Missing};
use super::{BYTES, GoField, GoKind, GoType, TypeRow, maps};

/// What was found, or why nothing was.
pub(super) type Read<T = Is> = Result<T, Missing>;

/// So many elements without bytes are shown.
const NOTHINGS: u64 = 64;

/// The value of that type whose bytes these are.
pub(super) fn read(decoder: &mut Decoder<'_>, row: TypeRow, span: Span<'_>) -> Read {
    let ty = decoder.types.get(row).ok_or(Missing::NoType)?;
    let known = decoder.types.form(row).and_then(|form| form.read(decoder, ty, span));
    known.unwrap_or_else(|| plain(decoder, ty, span))
}

/// The same, whatever else is known of types with that name.
pub(super) fn plain(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Read {
    let size = ty.size as usize;
    match &ty.kind {
        GoKind::Bool => span.number(0, 1).map(|byte| Is::Bool(byte != 0)),
        GoKind::Int { signed } => integer(span, size, *signed),
        GoKind::Float => float(span, 0, size).map(Is::Float),
        GoKind::Complex => complex(span, size),
        GoKind::String => string(decoder, span),
        GoKind::UnsafePointer | GoKind::Pointer(None) => span.word(0).map(address),
        GoKind::Pointer(Some(to)) => pointer(decoder, *to, span),
        GoKind::Slice(elem) => slice(decoder, *elem, span),
        GoKind::Array { elem, len } => array(decoder, *elem, (*len).into(), span),
        GoKind::Struct(fields) => Ok(Is::Struct(fields.iter().map(|field| of_field(decoder, field, span)).collect())),
        GoKind::Interface { empty } => interface(decoder, *empty, span),
        GoKind::Map(map) => maps::read(decoder, map, span),
        GoKind::Chan => channel(decoder, span),
        GoKind::Func => function(decoder, span),
        GoKind::Unknown => Err(Missing::NoType),
    }
}

fn of_field(decoder: &mut Decoder<'_>, field: &GoField, span: Span<'_>) -> GoValue {
    let size = decoder.types.get(field.ty).map_or(0, |ty| ty.size as usize);
    decoder.value(field.ty, span.part(field.offset as usize, size))
}

fn integer(span: Span<'_>, size: usize, signed: bool) -> Read {
    if !matches!(size, 1 | 2 | 4 | 8) {
        return Err(Missing::NoType);
    }
    let number = span.number(0, size)?;
    let shift = 64 - size as u32 * 8;
    Ok(if signed { Is::Int((number << shift).cast_signed() >> shift) } else { Is::Uint(number) })
}

fn float(span: Span<'_>, at: usize, size: usize) -> Read<f64> {
    match size {
        4 => Ok(f32::from_bits(span.number(at, 4)? as u32).into()),
        8 => Ok(f64::from_bits(span.number(at, 8)?)),
        _ => Err(Missing::NoType),
    }
}

fn complex(span: Span<'_>, size: usize) -> Read {
    let name = if size == 8 { "complex64" } else { "complex128" };
    let part = |at| {
        float(span, at, size / 2).map_err(|why| match why {
            Missing::Register(_) => Missing::Register(name),
            why => why,
        })
    };
    Ok(Is::Complex(part(0)?, part(size / 2)?))
}

fn address(word: u64) -> Is {
    if word == 0 { Is::Nil } else { Is::Address(word) }
}

/// Lengths that no memory has.
fn plausible(len: u64) -> Read<u64> {
    if len > 1 << 47 { Err(Missing::Torn) } else { Ok(len) }
}

fn string(decoder: &Decoder<'_>, span: Span<'_>) -> Read {
    let (start, len) = (span.word(0)?, plausible(span.word(8)?)?);
    if len > 0 && start == 0 {
        return Err(Missing::Torn);
    }
    Ok(Is::String(text(decoder, start, BYTES, len)))
}

fn text(decoder: &Decoder<'_>, start: u64, row: TypeRow, len: u64) -> Bytes {
    match decoder.text(start, row, len) {
        Ok(bytes) => Bytes { bytes: bytes.to_vec(), len, rest: Some(decoder.cut()) },
        Err(why) => Bytes { bytes: vec![], len, rest: Some(why) },
    }
}

fn pointer(decoder: &mut Decoder<'_>, to: TypeRow, span: Span<'_>) -> Read {
    match span.word(0)? {
        0 => Ok(Is::Nil),
        start => Ok(Is::Pointer(Box::new(decoder.pointee(start, to)))),
    }
}

/// Whether a value of the type is one byte.
fn is_byte(decoder: &Decoder<'_>, row: TypeRow) -> bool {
    decoder.types.get(row).is_some_and(|ty| ty.size == 1 && ty.kind == GoKind::Int { signed: false })
}

fn slice(decoder: &mut Decoder<'_>, elem: TypeRow, span: Span<'_>) -> Read {
    let (start, len) = (span.word(0)?, plausible(span.word(8)?)?);
    match (start, len) {
        (0, 0) => return Ok(Is::Nil),
        (0, _) => return Err(Missing::Torn),
        _ => {}
    }
    if is_byte(decoder, elem) {
        return decoder.follow(start, elem, |decoder| Ok(Is::Bytes(text(decoder, start, elem, len))));
    }
    decoder.follow(start, elem, |decoder| Ok(Is::List(elements(decoder, elem, start, len))))
}

fn elements(decoder: &mut Decoder<'_>, elem: TypeRow, start: u64, len: u64) -> List<GoValue> {
    let size = decoder.types.get(elem).map_or(0, |ty| ty.size as usize);
    let whole = usize::try_from(len).unwrap_or(usize::MAX).saturating_mul(size);
    match decoder.memory(start, elem, whole) {
        Ok(span) => list(decoder, elem, len, span),
        Err(why) => List { items: vec![], len, rest: Some(why) },
    }
}

/// Values one after the other, as many of them as there are bytes for.
fn list(decoder: &mut Decoder<'_>, elem: TypeRow, len: u64, span: Span<'_>) -> List<GoValue> {
    let size = decoder.types.get(elem).map_or(0, |ty| ty.size as usize);
    let there = span.len().checked_div(size).map_or(NOTHINGS, |n| n as u64);
    let at = |n| span.part(n as usize * size, size);
    let items: Vec<_> = (0..len.min(there)).map(|n| decoder.value(elem, at(n))).collect();
    let rest = if size == 0 { Missing::Large } else { span.why(items.len() * size) };
    List { items, len, rest: Some(rest) }
}

fn array(decoder: &mut Decoder<'_>, elem: TypeRow, len: u64, span: Span<'_>) -> Read {
    if !is_byte(decoder, elem) {
        return Ok(Is::List(list(decoder, elem, len, span)));
    }
    let bytes = span.bytes();
    let bytes = bytes.get(..len as usize).unwrap_or(bytes).to_vec();
    Ok(Is::Bytes(Bytes { len, rest: Some(span.why(bytes.len())), bytes }))
}

fn interface(decoder: &mut Decoder<'_>, empty: bool, span: Span<'_>) -> Read {
    let word = span.word(0)?;
    if word == 0 {
        return Ok(Is::Nil);
    }
    let dynamic = decoder.dynamic(word, empty).ok_or(Missing::UnknownType(word))?;
    let value = if dynamic.direct {
        decoder.value(dynamic.ty, span.part(8, 8))
    } else {
        decoder.pointee(span.word(8)?, dynamic.ty)
    };
    Ok(Is::Interface(Box::new(value)))
}

/// `len` and `cap` of a channel are its first two words.
// +rtype 1.21- runtime.hchan.qcount uint @0
// +rtype 1.21- runtime.hchan.dataqsiz uint @8
fn channel(decoder: &mut Decoder<'_>, span: Span<'_>) -> Read {
    let start = span.word(0)?;
    if start == 0 {
        return Ok(Is::Nil);
    }
    decoder.follow(start, BYTES, |decoder| {
        let header = decoder.memory(start, BYTES, 16)?;
        Ok(Is::Chan { len: header.word(0)?, cap: header.word(8)? })
    })
}

/// A function value points at a closure, which starts with the address of its code.
fn function(decoder: &Decoder<'_>, span: Span<'_>) -> Read {
    let start = span.word(0)?;
    if start == 0 {
        return Ok(Is::Nil);
    }
    let closure = decoder.memory(start, BYTES, 8).map_err(|why| match why {
        // Code is looked for at any depth, but not in an interface.
        Missing::NotFollowed if decoder.is_deepest() => Missing::Depth,
        why => why,
    });
    let address = closure?.word(0)?;
    Ok(Is::Func { address, name: decoder.function(address) })
}
