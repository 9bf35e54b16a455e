//! Moments as dates and times of day.
//!
//! Knows neither clock nor time zones: the caller says how far the zone is from UTC at that moment.

/// A moment as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// From 1.
    pub month: usize,
    /// From 1.
    pub day: i64,
    /// From 0.
    pub yearday: i64,
    /// 0 is Sunday.
    pub weekday: usize,
    /// From 0.
    pub hour: i64,
    /// From 0.
    pub minute: i64,
    /// From 0.
    pub second: i64,
}

const DAY: i64 = 86_400;

impl Civil {
    /// The months, January first.
    pub const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    /// The days of the week, Sunday first.
    pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

    /// A moment in seconds since 1970, in a zone so many seconds east of UTC.
    #[must_use]
    pub fn new(unix: i64, east: i32) -> Civil {
        let local = unix.saturating_add(i64::from(east));
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            yearday: days - days_until(year),
            // 1970 began on a Thursday.
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// Writes a moment in UTC in the form of RFC 3339, with as many digits behind the second as it needs.
pub(super) fn rfc3339(unix_seconds: i64, nanos: u32) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::new(unix_seconds, 0);
    let (sign, year) = (if year < 0 { "-" } else { "" }, year.unsigned_abs());
    let mut out = format!("{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        let digits = format!(".{nanos:09}");
        out.push_str(digits.trim_end_matches('0'));
    }
    out + "Z"
}

/// Days from 1970 to the start of a year.
fn days_until(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// Year, month and day so many days after 1970 began.
fn date(days: i64) -> (i64, usize, i64) {
    // 400 years have 146 097 days; the estimate is at most one year off.
    let mut year = 1970 + (days * 400).div_euclid(146_097);
    while days_until(year) > days {
        year -= 1;
    }
    while days_until(year + 1) <= days {
        year += 1;
    }
    let leap = days_until(year + 1) - days_until(year) == 366;
    let mut day = days - days_until(year);
    for (month, length) in
        [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
    {
        if day < length {
            return (year, month + 1, day + 1);
        }
        day -= length;
    }
    // Not reached: the months have as many days as the year.
    (year, 12, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_one_another() {
        let mut before = date(-1_000_000);
        for days in -999_999..1_000_000 {
            let (year, month, day) = date(days);
            let follows = (year, month, day) == (before.0, before.1, before.2 + 1)
                || (day == 1 && (year, month) == (before.0, before.1 + 1))
                || (day == 1 && month == 1 && year == before.0 + 1);
            assert!(follows, "{before:?} {:?}", (year, month, day));
            before = (year, month, day);
        }
        assert_eq!((date(0), date(11_016), date(-1)), ((1970, 1, 1), (2000, 2, 29), (1969, 12, 31)));
    }

    #[test]
    fn moments_in_utc_far_from_now() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(-62_135_596_800, 120_000_000), "0001-01-01T00:00:00.12Z");
        assert_eq!(rfc3339(i64::MAX, 1), "292277026596-12-04T15:30:07.000000001Z");
        assert!(rfc3339(-70_000_000_000, 0).starts_with("-0249-") && rfc3339(i64::MIN, 0).starts_with('-'));
    }
}
