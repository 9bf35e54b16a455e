//! Moments in the forms of `strftime`, with C's English names.
//!
//! Knows neither clock nor time zones: the caller says how far the zone is from UTC at that moment.

use std::fmt::Write;

/// A moment, taken apart.
struct Civil {
    year: i64,
    /// From 1.
    month: usize,
    day: i64,
    /// From 0.
    yearday: i64,
    /// 0 is Sunday.
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    unix: i64,
    east: i32,
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
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

const DAY: i64 = 86_400;

/// A moment, in nanoseconds since 1970, in a zone so many seconds east of UTC. `%f` are microseconds, as in bpftrace;
/// what is no conversion stands for itself.
#[must_use]
pub fn format(form: &str, unix_nanos: i64, east: i32) -> String {
    let civil = Civil::new(unix_nanos.div_euclid(1_000_000_000), unix_nanos.rem_euclid(1_000_000_000), east);
    let mut out = String::new();
    let mut rest = form.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => civil.write(rest.next(), &mut out),
            c => out.push(c),
        }
    }
    out
}

/// A moment in UTC as RFC 3339 has it, with as many digits behind the second as it needs.
#[must_use]
pub fn rfc3339(unix_seconds: i64, nanos: u32) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::new(unix_seconds, 0, 0);
    let (sign, year) = (if year < 0 { "-" } else { "" }, year.unsigned_abs());
    let mut out = format!("{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        let digits = format!(".{nanos:09}");
        out.push_str(digits.trim_end_matches('0'));
    }
    out + "Z"
}

impl Civil {
    fn new(unix: i64, nanos: i64, east: i32) -> Civil {
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
            nanos,
            unix,
            east,
        }
    }

    fn write(&self, conversion: Option<char>, out: &mut String) {
        // Writing to a String does not fail.
        let _ = self.name(conversion, out) || self.number(conversion, out) || self.compound(conversion, out);
    }

    fn name(&self, conversion: Option<char>, out: &mut String) -> bool {
        let (day, month) = (DAYS[self.weekday], MONTHS[self.month - 1]);
        let half = if self.hour < 12 { "AM" } else { "PM" };
        out.push_str(match conversion {
            Some('a') => &day[..3],
            Some('A') => day,
            Some('b' | 'h') => &month[..3],
            Some('B') => month,
            Some('p') => half,
            Some('P') if self.hour < 12 => "am",
            Some('P') => "pm",
            Some('n') => "\n",
            Some('t') => "\t",
            Some('%') | None => "%",
            _ => return false,
        });
        true
    }

    fn number(&self, conversion: Option<char>, out: &mut String) -> bool {
        let hour12 = (self.hour + 11) % 12 + 1;
        let (number, width) = match conversion {
            Some('C') => (self.year.div_euclid(100), 2),
            Some('y') => (self.year.rem_euclid(100), 2),
            Some('Y') => (self.year, 1),
            Some('m') => (self.month as i64, 2),
            Some('d') => (self.day, 2),
            Some('j') => (self.yearday + 1, 3),
            Some('H') => (self.hour, 2),
            Some('I') => (hour12, 2),
            Some('M') => (self.minute, 2),
            Some('S') => (self.second, 2),
            Some('f') => (self.nanos / 1000, 6),
            Some('s') => (self.unix, 1),
            Some('u') => ((self.weekday as i64 + 6) % 7 + 1, 1),
            Some('w') => (self.weekday as i64, 1),
            Some('e') => return spaced(self.day, out),
            Some('k') => return spaced(self.hour, out),
            Some('l') => return spaced(hour12, out),
            _ => return false,
        };
        write!(out, "{number:0width$}").is_ok()
    }

    fn compound(&self, conversion: Option<char>, out: &mut String) -> bool {
        let form = match conversion {
            Some('c') => "%a %b %e %H:%M:%S %Y",
            Some('D' | 'x') => "%m/%d/%y",
            Some('F') => "%Y-%m-%d",
            Some('r') => "%I:%M:%S %p",
            Some('R') => "%H:%M",
            Some('T' | 'X') => "%H:%M:%S",
            Some('z') => return self.zone(out),
            other => {
                out.push('%');
                out.extend(other);
                return true;
            }
        };
        out.push_str(&self::format(form, self.unix.saturating_mul(1_000_000_000), self.east));
        true
    }

    fn zone(&self, out: &mut String) -> bool {
        let (sign, minutes) = (if self.east < 0 { '-' } else { '+' }, self.east.unsigned_abs() / 60);
        write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60).is_ok()
    }
}

fn spaced(number: i64, out: &mut String) -> bool {
    write!(out, "{number:2}").is_ok()
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
    use expect_test::{Expect, expect};

    const ALL: &str = "%a %A %b %B %C %d %D %e %f %F %H %I %j %k %l %m %M %p %P %r %R %s %S %T %u %w %y %Y %z %% %c %q";

    fn check(unix_nanos: i64, east: i32, expect: Expect) {
        expect.assert_eq(&format(ALL, unix_nanos, east));
    }

    #[test]
    fn every_conversion_is_as_in_c() {
        check(
            0,
            0,
            expect![
                "Thu Thursday Jan January 19 01 01/01/70  1 000000 1970-01-01 00 12 001  0 12 01 00 AM am 12:00:00 AM 00:00 0 00 00:00:00 4 4 70 1970 +0000 % Thu Jan  1 00:00:00 1970 %q"
            ],
        );
        check(
            1_709_210_096_123_456_789,
            19_800,
            expect![
                "Thu Thursday Feb February 20 29 02/29/24 29 123456 2024-02-29 18 06 060 18  6 02 04 PM pm 06:04:56 PM 18:04 1709210096 56 18:04:56 4 4 24 2024 +0530 % Thu Feb 29 18:04:56 2024 %q"
            ],
        );
        check(
            -1,
            -5 * 3600,
            expect![
                "Wed Wednesday Dec December 19 31 12/31/69 31 999999 1969-12-31 18 06 365 18  6 12 59 PM pm 06:59:59 PM 18:59 -1 59 18:59:59 3 3 69 1969 -0500 % Wed Dec 31 18:59:59 1969 %q"
            ],
        );
    }

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

    #[test]
    fn the_ends_of_time_are_shown_too() {
        assert_eq!([format("%F", i64::MIN, 0), format("%F", i64::MAX, 0)], ["1677-09-21", "2262-04-11"]);
        assert_eq!(format("100% %", 0, 0), "100% %");
    }
}
