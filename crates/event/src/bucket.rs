//! Which bucket of a histogram a value falls into, and which values a bucket stands for.
//!
//! The one definition for user space; the compiler emits the same arithmetic, and its tests hold that against
//! [`Scale::bucket`]. Numbers of buckets are those of bpftrace.

use std::collections::BTreeMap;
use std::fmt;

/// How values are sorted into buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scale {
    /// By powers of two.
    Log(Log),
    /// In steps.
    Linear(Linear),
}

impl Scale {
    /// The bucket of a value.
    #[must_use]
    pub const fn bucket(self, value: i64) -> u64 {
        match self {
            Scale::Log(log) => log.bucket(value),
            Scale::Linear(linear) => linear.bucket(value),
        }
    }

    /// How many buckets there are; their numbers are below it.
    #[must_use]
    pub const fn buckets(self) -> u64 {
        match self {
            Scale::Log(log) => log.buckets(),
            Scale::Linear(linear) => linear.buckets(),
        }
    }

    /// The values of a bucket; `None` if there is no such bucket.
    #[must_use]
    pub fn range(self, bucket: u64) -> Option<Range> {
        if bucket >= self.buckets() {
            return None;
        }
        Some(match self {
            Scale::Log(log) => log.range(bucket),
            Scale::Linear(linear) => linear.range(bucket),
        })
    }
}

/// The values of a bucket, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least; `None` if there is none.
    pub first: Option<i64>,
    /// The greatest; `None` if there is none.
    pub last: Option<i64>,
}

/// Powers of two, each divided into 2ᵏ buckets of equal width.
///
/// Bucket 0 is for negative values. From bucket 1 on there is one for each value below 2ᵏ⁺¹, then 2ᵏ for each power of
/// two. With k = 0 that is: negative, 0, 1, [2, 4), [4, 8) and so on. Values are signed: what is 2⁶³ and more when
/// taken as unsigned counts as negative, as in bpftrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    bits: u32,
}

impl Log {
    /// One bucket for each power of two: `hist(x)`.
    pub const PLAIN: Log = Log { bits: 0 };
    /// Sixteen: `quantiles(x)`. No bucket is wider than a sixteenth of its least value.
    pub const FINE: Log = Log { bits: 4 };
    /// The greatest k.
    pub const MAX_BITS: u32 = 5;

    /// With that k; `None` above [`Log::MAX_BITS`].
    #[must_use]
    pub const fn new(bits: u32) -> Option<Log> {
        if bits <= Log::MAX_BITS { Some(Log { bits }) } else { None }
    }

    /// The k.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// The bucket of a value.
    #[must_use]
    pub const fn bucket(self, value: i64) -> u64 {
        if value < 0 {
            return 0;
        }
        let value = value as u64;
        if value >> self.bits == 0 {
            return value + 1;
        }
        // The highest bit says which power of two, the next k which part of it. That highest bit is still in what is
        // left after the shift, so it counts one power more; this makes up for the values below 2ᵏ.
        let shift = value.ilog2() - self.bits;
        ((shift as u64) << self.bits) + (value >> shift) + 1
    }

    /// How many buckets there are.
    #[must_use]
    pub const fn buckets(self) -> u64 {
        self.bucket(i64::MAX) + 1
    }

    /// The least value of a bucket above 0, or one more than the greatest of the bucket before.
    pub(crate) const fn low(self, bucket: u64) -> u64 {
        let index = bucket - 1;
        let power = index >> self.bits;
        if power <= 1 {
            return index;
        }
        ((index & ((1 << self.bits) - 1)) | 1 << self.bits) << (power - 1)
    }

    fn range(self, bucket: u64) -> Range {
        if bucket == 0 {
            return Range { first: None, last: Some(-1) };
        }
        // The last bucket ends at 2⁶³ - 1.
        Range { first: Some(self.low(bucket) as i64), last: Some((self.low(bucket + 1) - 1) as i64) }
    }
}

/// Buckets of equal width between two bounds: `lhist(x, min, max, step)`. Bucket 0 is for what is below, the last one
/// for `max` and above. If the width is no divisor of the distance, the last bucket but one is narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    min: i64,
    max: i64,
    step: u64,
}

/// Why there can be no such histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinearError {
    /// The step is 0.
    Step,
    /// The upper bound is not above the lower one.
    Bounds,
    /// It would have that many buckets.
    TooMany(u128),
}

impl fmt::Display for LinearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinearError::Step => f.write_str("the step of lhist() must be at least 1"),
            LinearError::Bounds => f.write_str("the maximum of lhist() must be greater than its minimum"),
            LinearError::TooMany(n) => {
                write!(f, "lhist() can have at most {} buckets, these would be {n}", Linear::MAX_STEPS)
            }
        }
    }
}

impl std::error::Error for LinearError {}

impl Linear {
    /// As many steps as bpftrace allows.
    pub const MAX_STEPS: u64 = 1000;

    /// From `min` to below `max`.
    ///
    /// # Errors
    /// If these are no bounds, or there are too many steps.
    pub const fn new(min: i64, max: i64, step: u64) -> Result<Linear, LinearError> {
        if step == 0 {
            return Err(LinearError::Step);
        }
        if max <= min {
            return Err(LinearError::Bounds);
        }
        let linear = Linear { min, max, step };
        let steps = linear.steps();
        if steps > Linear::MAX_STEPS { Err(LinearError::TooMany(steps as u128)) } else { Ok(linear) }
    }

    /// The least value that has a bucket of its own.
    #[must_use]
    pub const fn min(self) -> i64 {
        self.min
    }

    /// The least value above all those.
    #[must_use]
    pub const fn max(self) -> i64 {
        self.max
    }

    /// The width of a bucket.
    #[must_use]
    pub const fn step(self) -> u64 {
        self.step
    }

    const fn steps(self) -> u64 {
        self.max.abs_diff(self.min).div_ceil(self.step)
    }

    /// The bucket of a value.
    #[must_use]
    pub const fn bucket(self, value: i64) -> u64 {
        if value < self.min {
            0
        } else if value >= self.max {
            self.steps() + 1
        } else {
            value.abs_diff(self.min) / self.step + 1
        }
    }

    /// How many buckets there are.
    #[must_use]
    pub const fn buckets(self) -> u64 {
        self.steps() + 2
    }

    fn range(self, bucket: u64) -> Range {
        if bucket == 0 {
            return Range { first: None, last: Some(self.min.saturating_sub(1)) };
        }
        let first = self.min.saturating_add_unsigned((bucket - 1).saturating_mul(self.step)).min(self.max);
        if first == self.max {
            return Range { first: Some(first), last: None };
        }
        let next = first.saturating_add_unsigned(self.step).min(self.max);
        Range { first: Some(first), last: Some(next - 1) }
    }
}

/// The value that so many thousandths of all values do not exceed: the greatest one of the bucket in which the value
/// of that rank lies. So it is never too low, and with [`Log::FINE`] at most one sixteenth (6.25 %) too high; values
/// below 32 are exact. `None` where that value is negative, since then only its sign is known, and without values.
#[must_use]
pub fn quantile(counts: &BTreeMap<u64, u64>, thousandths: u64) -> Option<i64> {
    let total: u128 = counts.values().map(|&n| u128::from(n)).sum();
    let rank = (total * u128::from(thousandths)).div_ceil(1000).max(1);
    let mut seen = 0;
    for (&bucket, &count) in counts {
        seen += u128::from(count);
        if seen >= rank {
            return Scale::Log(Log::FINE).range(bucket).filter(|range| range.first.is_some())?.last;
        }
    }
    None
}

/// How far a [`quantile`] can be above the value.
pub const QUANTILE_ERROR: f64 = 0.0625;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn show(scale: Scale, bucket: u64) -> String {
        let range = scale.range(bucket).unwrap();
        let end = |end: Option<i64>| end.map_or("…".to_owned(), |n| n.to_string());
        format!("{bucket}: {}..={}", end(range.first), end(range.last))
    }

    fn check(scale: Scale, buckets: impl IntoIterator<Item = u64>, expect: Expect) {
        expect.assert_eq(&buckets.into_iter().map(|bucket| show(scale, bucket)).collect::<Vec<_>>().join("\n"));
    }

    /// Values at and next to all bounds that a scale could have, and others.
    fn values() -> Vec<i64> {
        let mut seed = 1u64;
        let random = std::iter::repeat_with(move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed ^ seed >> 29) as i64) >> (seed >> 58)
        });
        let powers = (0..64).flat_map(|bit| [-1, 0, 1].map(|d| (1i64 << bit).wrapping_add(d)));
        random.take(20_000).chain(-3000..3000).chain(powers).chain([i64::MIN, i64::MAX]).collect()
    }

    fn holds(scale: Scale) {
        for value in values() {
            let bucket = scale.bucket(value);
            let range = scale.range(bucket).unwrap_or_else(|| panic!("{scale:?} {value}: no bucket {bucket}"));
            let inside = range.first.is_none_or(|first| first <= value) && range.last.is_none_or(|last| value <= last);
            assert!(inside, "{scale:?}: {value} is in bucket {bucket}, which is {range:?}");
        }
    }

    fn is_without_gaps(scale: Scale) {
        assert_eq!(scale.range(scale.buckets()), None);
        for bucket in 1..scale.buckets() {
            let before = scale.range(bucket - 1).unwrap().last.unwrap();
            assert_eq!(scale.range(bucket).unwrap().first, Some(before + 1), "{scale:?} {bucket}");
        }
    }

    fn linears() -> Vec<Linear> {
        let bounds = [
            (0, 100, 10),
            (10, 100, 7),
            (-1000, 1000, 3),
            (0, 1, 1),
            (i64::MIN, i64::MAX, u64::MAX / 600),
            (i64::MIN + 5, i64::MIN + 9, u64::MAX),
        ];
        bounds.into_iter().map(|(min, max, step)| Linear::new(min, max, step).unwrap()).collect()
    }

    #[test]
    fn every_value_lies_in_the_range_of_its_bucket_and_ranges_touch() {
        let logs = (0..=Log::MAX_BITS).map(|bits| Scale::Log(Log::new(bits).unwrap()));
        for scale in logs.chain(linears().into_iter().filter(|l| l.min() > i64::MIN).map(Scale::Linear)) {
            holds(scale);
            is_without_gaps(scale);
        }
        linears().into_iter().for_each(|linear| holds(Scale::Linear(linear)));
    }

    #[test]
    fn a_fine_bucket_is_no_wider_than_a_sixteenth_of_its_values() {
        for bucket in 1..Log::FINE.buckets() {
            let range = Scale::Log(Log::FINE).range(bucket).unwrap();
            let (first, last) = (range.first.unwrap(), range.last.unwrap());
            assert!((last - first) as f64 <= QUANTILE_ERROR * first as f64, "{bucket}: {range:?}");
        }
    }

    #[test]
    fn powers_of_two_are_bounds() {
        check(
            Scale::Log(Log::PLAIN),
            (0..6).chain([62, 63, 64]),
            expect![[r#"
                0: …..=-1
                1: 0..=0
                2: 1..=1
                3: 2..=3
                4: 4..=7
                5: 8..=15
                62: 1152921504606846976..=2305843009213693951
                63: 2305843009213693952..=4611686018427387903
                64: 4611686018427387904..=9223372036854775807"#]],
        );
        check(
            Scale::Log(Log::new(2).unwrap()),
            (0..14).chain([248]),
            expect![[r#"
                0: …..=-1
                1: 0..=0
                2: 1..=1
                3: 2..=2
                4: 3..=3
                5: 4..=4
                6: 5..=5
                7: 6..=6
                8: 7..=7
                9: 8..=9
                10: 10..=11
                11: 12..=13
                12: 14..=15
                13: 16..=19
                248: 8070450532247928832..=9223372036854775807"#]],
        );
    }

    #[test]
    fn a_last_step_that_is_too_short_has_its_own_bucket() {
        check(
            Scale::Linear(Linear::new(10, 31, 7).unwrap()),
            0..5,
            expect![[r#"
            0: …..=9
            1: 10..=16
            2: 17..=23
            3: 24..=30
            4: 31..=…"#]],
        );
        check(
            Scale::Linear(Linear::new(10, 33, 7).unwrap()),
            0..6,
            expect![[r#"
            0: …..=9
            1: 10..=16
            2: 17..=23
            3: 24..=30
            4: 31..=32
            5: 33..=…"#]],
        );
    }

    #[test]
    fn impossible_steps_are_refused() {
        let said = |min, max, step| Linear::new(min, max, step).unwrap_err().to_string();
        expect![[r#"
            the step of lhist() must be at least 1
            the maximum of lhist() must be greater than its minimum
            lhist() can have at most 1000 buckets, these would be 18446744073709551615"#]]
        .assert_eq(&[said(0, 10, 0), said(5, 5, 1), said(i64::MIN, i64::MAX, 1)].join("\n"));
    }

    fn quantiles(values: impl Iterator<Item = i64>) -> Vec<Option<i64>> {
        let mut counts = BTreeMap::new();
        values.for_each(|value| *counts.entry(Log::FINE.bucket(value)).or_insert(0) += 1);
        [500, 900, 990, 999, 1000].map(|p| quantile(&counts, p)).to_vec()
    }

    #[test]
    fn quantiles_are_never_too_low_and_at_most_a_sixteenth_too_high() {
        for step in [1, 37, 12_345] {
            let shown = quantiles((1..=10_000).map(|n| n * step));
            for (shown, exact) in shown.into_iter().zip([5000, 9000, 9900, 9990, 10_000]) {
                let (shown, exact) = (shown.unwrap(), exact * step);
                assert!(exact <= shown && shown as f64 <= exact as f64 * 1.0625, "{exact}: {shown}");
            }
        }
    }

    #[test]
    fn small_values_are_exact_and_negative_ones_unknown() {
        assert_eq!(quantiles(1..=10), [5, 9, 10, 10, 10].map(Some));
        assert_eq!(quantiles(-50..=2), [None, None, Some(2), Some(2), Some(2)]);
        assert_eq!(quantiles(std::iter::empty()), [None; 5]);
    }
}
