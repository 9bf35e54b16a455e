//! Numbers of any size, and identifiers.

use super::{field, field_value, shown};
use crate::go::decode::Decoder;
use crate::go::kinds::Read;
use crate::go::span::Span;
use crate::go::value::{Is, Known};
use crate::go::{GoKind, GoType};

/// So many words of a number are worked out; longer ones are shown as they lie in memory.
const WORDS: usize = 64;

/// `big.Int`, in decimal digits.
// +rtype 1.21- math/big.Int.neg bool @0
// +rtype 1.21- math/big.Int.abs math/big.nat @8
pub(super) fn big(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let (_, _, neg) = field(decoder, ty, span, "neg")?;
    // Its words are part of the number, so they are no further away than it is.
    let abs = decoder.beside(|decoder| field_value(decoder, ty, span, "abs"))?;
    let words = match abs.is {
        Is::Nil => vec![],
        Is::List(list) if !list.is_cut() && list.items.len() <= WORDS => {
            let word =
                |value: &crate::go::value::GoValue| if let Is::Uint(word) = value.is { Some(word) } else { None };
            list.items.iter().map(word).collect::<Option<Vec<u64>>>()?
        }
        _ => return None,
    };
    Some(neg.number(0, 1).map(|neg| {
        let text = if neg == 0 { decimal(words) } else { format!("-{}", decimal(words)) };
        Is::Known(Known { number: text.parse().ok(), ..Known::new(text) })
    }))
}

/// The digits of a number whose least word comes first.
fn decimal(mut words: Vec<u64>) -> String {
    const TEN: u64 = 10_000_000_000_000_000_000;
    let mut parts = Vec::new();
    while words.iter().any(|word| *word != 0) {
        let mut rest = 0_u128;
        for word in words.iter_mut().rev() {
            let part = rest << 64 | u128::from(*word);
            *word = (part / u128::from(TEN)) as u64;
            rest = part % u128::from(TEN);
        }
        parts.push(rest);
    }
    let first = parts.pop().unwrap_or(0);
    parts.iter().rev().fold(first.to_string(), |text, part| format!("{text}{part:019}"))
}

/// Sixteen bytes that are called UUID, as everybody writes them.
pub(super) fn uuid(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let GoKind::Array { elem, len: 16 } = ty.kind else { return None };
    (decoder.types.get(elem)?.size == 1).then_some(())?;
    shown(Some(span.whole(0, 16).map(|()| {
        let hex = |from, to| {
            span.bytes().get(from..to).unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let parts: [String; 5] = [hex(0, 4), hex(4, 6), hex(6, 8), hex(8, 10), hex(10, 16)];
        parts.join("-")
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers_of_several_words() {
        assert_eq!(decimal(vec![]), "0");
        assert_eq!(decimal(vec![42, 0]), "42");
        assert_eq!(decimal(vec![0, 1]), "18446744073709551616");
        assert_eq!(decimal(vec![0, 0, 1]), "340282366920938463463374607431768211456");
        assert_eq!(decimal(vec![10_000_000_000_000_000_000]), "10000000000000000000");
    }
}
