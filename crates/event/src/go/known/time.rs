//! Moments and durations.

use super::{field, field_number, number_in};
use crate::go::civil::{self, Civil};
use crate::go::decode::Decoder;
use crate::go::kinds::Read;
use crate::go::span::Span;
use crate::go::value::{Is, Known};
use crate::go::{BYTES, GoKind, GoType};

/// Seconds from the year 1 to 1970.
const UNIX: i64 = 62_135_596_800;
/// Seconds from the year 1 to 1885, from which a time with a clock reading counts.
// +rtype 1.21- const time.wallToInternal = 59453308800
const WALL: i64 = 59_453_308_800;
/// The bit that says that there is one.
// +rtype 1.21- const time.hasMonotonic = 0x8000000000000000
const HAS_MONOTONIC: u64 = 1 << 63;

/// `time.Time` in the words of RFC 3339, in UTC, with the name of its location if that is another.
// +rtype 1.21- time.Time.wall uint64 @0
// +rtype 1.21- time.Time.ext int64 @8
// +rtype 1.21- time.Time.loc *time.Location @16
pub(super) fn time(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let wall = field_number(decoder, ty, span, &["wall"])?;
    let ext = field_number(decoder, ty, span, &["ext"])?;
    let text = wall.and_then(|wall| Ok(rfc3339(wall.cast_unsigned(), ext?)));
    let note = location(decoder, ty, span).filter(|name| name != "UTC");
    Some(text.map(|text| Is::Known(Known { note, ..Known::new(text) })))
}

/// The name of the location, if it was captured.
// +rtype 1.21- time.Location.name string @0
fn location(decoder: &Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<String> {
    let (loc, _, span) = field(decoder, ty, span, "loc")?;
    let GoKind::Pointer(Some(row)) = loc.kind else { return None };
    let location = decoder.types.get(row)?;
    let there = decoder.memory(span.word(0).ok().filter(|start| *start != 0)?, row, location.size as usize).ok()?;
    let (_, _, name) = field(decoder, location, there, "name")?;
    let (start, len) = (name.word(0).ok()?, name.word(8).ok()?);
    let bytes = decoder.text(start, BYTES, len).ok().filter(|bytes| bytes.len() as u64 == len && len > 0)?;
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn rfc3339(wall: u64, ext: i64) -> String {
    let nanos = (wall & ((1 << 30) - 1)) as u32;
    let seconds =
        if wall & HAS_MONOTONIC == 0 { ext.wrapping_sub(UNIX) } else { (wall << 1 >> 31).cast_signed() + WALL - UNIX };
    civil::rfc3339(seconds, nanos)
}

/// `time.Duration` as Go's own `String` writes it.
pub(super) fn duration(_: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    matches!(ty.kind, GoKind::Int { signed: true }).then(|| {
        let nanos = number_in(ty, span)?;
        Ok(Is::Known(Known { number: Some(nanos.into()), ..Known::new(duration_text(nanos)) }))
    })
}

/// A duration in Go's words: `1.5s`, `2m0.25s`, `1.2µs`.
#[must_use]
pub fn duration_text(nanos: i64) -> String {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let text = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => fraction(nanos, 1_000) + "µs",
        1_000_000..1_000_000_000 => fraction(nanos, 1_000_000) + "ms",
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    sign.to_owned() + &text
}

fn fraction(n: u64, unit: u64) -> String {
    let whole = n / unit;
    let digits = unit.ilog10() as usize;
    match n % unit {
        0 => whole.to_string(),
        rest => format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0')),
    }
}

/// `time.Month`, from 1.
pub(super) fn month(_: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    named(ty, span, &Civil::MONTHS, 1)
}

/// `time.Weekday`, from 0.
pub(super) fn weekday(_: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    named(ty, span, &Civil::DAYS, 0)
}

fn named(ty: &GoType, span: Span<'_>, names: &[&str], first: i64) -> Option<Read> {
    let number = match number_in(ty, span) {
        Ok(number) => number,
        Err(why) => return Some(Err(why)),
    };
    // What has no name is shown as any number.
    let name = names.get(usize::try_from(number.checked_sub(first)?).ok()?)?;
    Some(Ok(Is::Known(Known { typed: true, ..Known::new(format!("time.{name}")) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_with_and_without_a_clock_reading() {
        assert_eq!(rfc3339(0, 0), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(123_000_000, UNIX + 1_700_000_000), "2023-11-14T22:13:20.123Z");
        let wall = HAS_MONOTONIC | ((1_700_000_000 + UNIX - WALL).cast_unsigned() << 30) | 1;
        assert_eq!(rfc3339(wall, 77), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(rfc3339(0, UNIX - 1), "1969-12-31T23:59:59Z");
        // Whatever stands there is shown somehow.
        for (wall, ext) in [(u64::MAX, i64::MIN), (0, i64::MAX), (0, i64::MIN), (1 << 63, 0)] {
            assert!(rfc3339(wall, ext).ends_with('Z'));
        }
    }

    #[test]
    fn durations_in_the_words_of_go() {
        let all = [0, 1, 999, 1_200, 1_000_000, 1_500_000_000, 60_000_000_000, 3_723_000_000_004, -90_000_000_000];
        let texts = ["0s", "1ns", "999ns", "1.2µs", "1ms", "1.5s", "1m0s", "1h2m3.000000004s", "-1m30s"];
        assert_eq!(all.map(duration_text), texts);
        assert_eq!(duration_text(i64::MIN), "-2562047h47m16.854775808s");
    }
}
