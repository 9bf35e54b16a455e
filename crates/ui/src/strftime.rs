//! Moments in the forms of `strftime`, with C's English names.
//!
//! Lines come by the thousand, and those of one second differ only in its fraction: the last second is kept as text.

use std::cell::RefCell;
use std::fmt::Write;

use event::Moment;
use event::go::Civil;

/// A moment, taken apart.
struct Parts {
    civil: Civil,
    nanos: i64,
    unix: i64,
    east: i32,
}

/// A second in a form that ends with its fraction, without that.
#[derive(Default)]
struct Second {
    unix: i64,
    east: i32,
    form: String,
    text: String,
}

thread_local! {
    static LAST: RefCell<Second> = RefCell::default();
}

/// Writes a moment in a form. `%f` are microseconds, as in bpftrace; what is no conversion stands for itself.
#[must_use]
pub fn show(form: &str, moment: Moment) -> String {
    let Moment { unix: nanos, east } = moment;
    let Some(whole) = form.strip_suffix("%f").filter(|whole| !whole.ends_with('%')) else {
        return format(form, nanos, east);
    };
    let unix = nanos.div_euclid(1_000_000_000);
    LAST.with_borrow_mut(|last| {
        if (last.unix, last.east, &*last.form) != (unix, east, whole) {
            let text = format(whole, nanos, east);
            *last = Second { unix, east, form: whole.to_owned(), text };
        }
        std::format!("{}{:06}", last.text, nanos.rem_euclid(1_000_000_000) / 1000)
    })
}

fn format(form: &str, unix_nanos: i64, east: i32) -> String {
    let (unix, nanos) = (unix_nanos.div_euclid(1_000_000_000), unix_nanos.rem_euclid(1_000_000_000));
    let parts = Parts { civil: Civil::new(unix, east), nanos, unix, east };
    let mut out = String::new();
    let mut rest = form.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => parts.write(rest.next(), &mut out),
            c => out.push(c),
        }
    }
    out
}

impl Parts {
    fn write(&self, conversion: Option<char>, out: &mut String) {
        // Writing to a String does not fail.
        let _ = self.name(conversion, out) || self.number(conversion, out) || self.compound(conversion, out);
    }

    fn name(&self, conversion: Option<char>, out: &mut String) -> bool {
        let (day, month) = (Civil::DAYS[self.civil.weekday], Civil::MONTHS[self.civil.month - 1]);
        let half = if self.civil.hour < 12 { "AM" } else { "PM" };
        out.push_str(match conversion {
            Some('a') => &day[..3],
            Some('A') => day,
            Some('b' | 'h') => &month[..3],
            Some('B') => month,
            Some('p') => half,
            Some('P') if self.civil.hour < 12 => "am",
            Some('P') => "pm",
            Some('n') => "\n",
            Some('t') => "\t",
            Some('%') | None => "%",
            _ => return false,
        });
        true
    }

    fn number(&self, conversion: Option<char>, out: &mut String) -> bool {
        let hour12 = (self.civil.hour + 11) % 12 + 1;
        let (number, width) = match conversion {
            Some('C') => (self.civil.year.div_euclid(100), 2),
            Some('y') => (self.civil.year.rem_euclid(100), 2),
            Some('Y') => (self.civil.year, 1),
            Some('m') => (self.civil.month as i64, 2),
            Some('d') => (self.civil.day, 2),
            Some('j') => (self.civil.yearday + 1, 3),
            Some('H') => (self.civil.hour, 2),
            Some('I') => (hour12, 2),
            Some('M') => (self.civil.minute, 2),
            Some('S') => (self.civil.second, 2),
            Some('f') => (self.nanos / 1000, 6),
            Some('s') => (self.unix, 1),
            Some('u') => ((self.civil.weekday as i64 + 6) % 7 + 1, 1),
            Some('w') => (self.civil.weekday as i64, 1),
            Some('e') => return spaced(self.civil.day, out),
            Some('k') => return spaced(self.civil.hour, out),
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
    fn the_ends_of_time_are_shown_too() {
        assert_eq!([format("%F", i64::MIN, 0), format("%F", i64::MAX, 0)], ["1677-09-21", "2262-04-11"]);
        assert_eq!(format("100% %", 0, 0), "100% %");
    }
}
