//! Text that came from elsewhere, made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything in it that a terminal would obey, or that would hide or turn round what stands next to
/// it, written out as Go's `%q` does, `\x1b`. Names in a binary are its author's to choose.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b)) || !text.chars().any(is_obeyed);
    if plain {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_obeyed(c) {
            escape(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The same, but lines and tabs stay as they are: for captured text, which may well have several lines.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    if visible(text) == text {
        return Cow::Borrowed(text);
    }
    let keep = |c: char| c == '\n' || c == '\t';
    Cow::Owned(
        text.split_inclusive(keep)
            .map(|piece| {
                let line = piece.trim_end_matches(keep);
                format!("{}{}", visible(line), &piece[line.len()..])
            })
            .collect(),
    )
}

/// A character as Go's package strconv writes one that is not to be seen.
pub(crate) fn escape(c: char, out: &mut String) {
    let short = match c {
        '\n' => "\\n",
        '\t' => "\\t",
        '\r' => "\\r",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        c => {
            let code = u32::from(c);
            // Writing to a String does not fail.
            let _ = match code {
                ..0x80 => write!(out, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
            return;
        }
    };
    out.push_str(short);
}

/// A byte that is no part of a character, as Go writes it.
pub(crate) fn escape_byte(byte: u8, out: &mut String) {
    // Writing to a String does not fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Control characters, and those that change the direction of writing (CVE-2021-42574).
pub(crate) fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text in the colour or style of an SGR `code`, where colours are wanted.
#[must_use]
pub fn paint<'t>(text: &'t str, code: &str, color: bool) -> Cow<'t, str> {
    if color { Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m")) } else { Cow::Borrowed(text) }
}

/// The first `width` characters; where that cuts something off, the last of them is `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    match (text.char_indices().nth(width.saturating_sub(1)), text.char_indices().nth(width)) {
        (Some((keep, _)), Some(_)) if width > 0 => Cow::Owned(format!("{}…", &text[..keep])),
        (_, Some(_)) => Cow::Borrowed(""),
        (_, None) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(visible("main.(*T).é"), "main.(*T).é");
        assert_eq!(visible("a\x1b[2Jb\nc\u{9b}\u{202e}"), r"a\x1b[2Jb\nc\u009b\u202e");
    }

    #[test]
    fn lines_may_stay_lines() {
        assert_eq!(visible_lines("a\n\n\tb\x1b[2Jc\r\n\u{202e}\n"), "a\n\n\tb\\x1b[2Jc\\r\n\\u202e\n");
        assert_eq!(visible_lines("SELECT *"), "SELECT *");
    }

    #[test]
    fn a_cut_is_seen() {
        assert_eq!(
            [cut("wörter", 6), cut("wörter", 4), cut("wörter", 1), cut("wörter", 0)],
            ["wörter", "wör…", "…", ""]
        );
    }
}
