//! Text that came from elsewhere, made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything in it that a terminal would obey, or that would hide or turn round what stands next to
/// it, written out as `\u{1b}`. Names in a binary are its author's to choose.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b)) || !text.chars().any(is_obeyed);
    if plain {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_obeyed(c) {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
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
        assert_eq!(visible("a\x1b[2Jb\nc\u{9b}\u{202e}"), r"a\u{1b}[2Jb\u{a}c\u{9b}\u{202e}");
    }

    #[test]
    fn lines_may_stay_lines() {
        assert_eq!(visible_lines("a\n\n\tb\x1b[2Jc\r\n\u{202e}\n"), "a\n\n\tb\\u{1b}[2Jc\\u{d}\n\\u{202e}\n");
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
