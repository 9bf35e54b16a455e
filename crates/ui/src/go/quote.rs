//! Texts and numbers as Go's package strconv writes them.

use std::fmt::Write;

use crate::text::{self, is_obeyed};

/// The bytes in quotes, with escapes for what is not to be seen, or not UTF-8.
pub(crate) fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        // Most of what is written needs no escape.
        while let Some(at) = rest.find(|c: char| !c.is_ascii_graphic() && c != ' ' || c == '"' || c == '\\') {
            let (plain, from) = rest.split_at(at);
            out.push_str(plain);
            let mut chars = from.chars();
            chars.next().into_iter().for_each(|c| escape(c, out));
            rest = chars.as_str();
        }
        out.push_str(rest);
        chunk.invalid().iter().for_each(|byte| text::escape_byte(*byte, out));
    }
    out.push('"');
}

fn escape(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        c if is_printed(c) => out.push(c),
        c => text::escape(c, out),
    }
}

/// Whether a character can be seen. Of spaces only the usual one can.
fn is_printed(c: char) -> bool {
    c.is_ascii_graphic()
        || c == ' '
        || !c.is_ascii() && !is_obeyed(c) && !c.is_whitespace() && c.escape_debug().len() == 1
}

/// Whether bytes are text that is made to be read, `cut` where more follows.
pub(crate) fn is_text(bytes: &[u8], cut: bool) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may be cut through.
        Err(e) if cut && e.error_len().is_none() => {
            bytes.get(..e.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| is_printed(c) || matches!(c, '\n' | '\t' | '\r'))
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A number as `%v` writes it: the fewest digits that tell it, with an exponent where it would be long.
pub(crate) fn float(number: f64, single: bool) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Rust gives the digits and the exponent; where the point goes is Go's.
    let scientific = if single { format!("{:e}", number as f32) } else { format!("{number:e}") };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return if single { (number as f32).to_string() } else { number.to_string() };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_in_go() {
        let all: [&[u8]; 5] =
            [b"a\"\\\n\x00\x7f", "grün\u{202e}\u{a0}".as_bytes(), b"a\xffb\xc3", "\u{e0001}日本".as_bytes(), b""];
        let want = [r#""a\"\\\n\x00\x7f""#, r#""grün\u202e\u00a0""#, r#""a\xffb\xc3""#, r#""\U000e0001日本""#, r#""""#];
        let quoted = |bytes: &[u8]| {
            let mut out = String::new();
            quote(bytes, &mut out);
            out
        };
        assert_eq!(all.map(quoted), want);
    }

    #[test]
    fn bytes_are_text_if_one_could_read_them() {
        assert!(is_text(b"hello\n", false) && is_text("gr\u{fc}".as_bytes(), false) && is_text(b"gr\xc3", true));
        assert!(!is_text(b"gr\xc3", false) && !is_text(b"\xc3a", true) && !is_text(b"a\0", false));
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_need() {
        let all = [0.0, -0.0, 1.0, 0.1, 1e5, 1e6, 1.5e-5, 0.0001, 123456789.0, f64::MAX, f64::MIN_POSITIVE];
        let want = [
            "0",
            "-0",
            "1",
            "0.1",
            "100000",
            "1e+06",
            "1.5e-05",
            "0.0001",
            "1.23456789e+08",
            "1.7976931348623157e+308",
            "2.2250738585072014e-308",
        ];
        assert_eq!(all.map(|number| float(number, false)), want);
        assert_eq!(
            [f64::NAN, f64::INFINITY, -f64::INFINITY].map(|number| float(number, false)),
            ["NaN", "+Inf", "-Inf"]
        );
        assert_eq!(float(0.1_f32.into(), true), "0.1");
    }
}
