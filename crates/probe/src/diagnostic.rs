//! What is wrong with a text, or worth telling about it: a sentence, the place, and what to write instead.
//!
//! All that is wrong is said at once; nothing here decides what that is.

use std::fmt::Write;

use plan::{Pos, Source};

use crate::ast::Span;

/// One thing to tell about a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What it is: a sentence in lower case without full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What helps, line by line.
    pub help: Vec<String>,
}

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// The text means nothing.
    Error,
    /// The text means something, but there is no function, process or tracepoint that it could be about.
    NothingMatched,
    /// The text means something that was hardly meant.
    Warning,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error | Severity::NothingMatched => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Diagnostic {
    /// The text means nothing here.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), span, help: Vec::new() }
    }

    /// The text means something that was hardly meant.
    #[must_use]
    pub fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(span, message) }
    }

    /// There is nothing that the text could be about.
    #[must_use]
    pub fn nothing_matched(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::NothingMatched, ..Diagnostic::error(span, message) }
    }

    /// The same with something that helps.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// The same with something that helps, if there is such a thing.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Diagnostic {
        self.help.extend(help);
        self
    }

    /// Whether it keeps the text from running.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity != Severity::Warning
    }
}

/// Brings messages into the order of the text, each once.
pub(crate) fn sort(messages: &mut Vec<Diagnostic>) {
    messages.sort_by(|a, b| (a.span, a.severity, &a.message).cmp(&(b.span, b.severity, &b.message)));
    messages.dedup_by(|a, b| (a.span, a.severity, &a.message) == (b.span, b.severity, &b.message));
}

/// The messages as they are shown, a blank line between them.
#[must_use]
pub fn render(messages: &[Diagnostic], source: &Source) -> String {
    let one: Vec<String> = messages.iter().map(|message| show(message, source)).collect();
    one.join("\n")
}

fn show(message: &Diagnostic, source: &Source) -> String {
    let pos = position(&source.text, message.span.start);
    let line = source.text.lines().nth(pos.line as usize - 1).unwrap_or_default();
    let number = pos.line.to_string();
    let margin = " ".repeat(number.len());
    let name = if source.name.is_empty() { String::new() } else { format!("{}:", source.name) };
    let Excerpt { text: line, before, marked } =
        excerpt(line, pos.column as usize - 1, marked(&source.text, message.span).chars().count());
    let mut text = format!("{}: {}\n", message.severity.word(), message.message);
    let _ = writeln!(text, "{margin}--> {name}{}:{}", pos.line, pos.column);
    let _ = writeln!(text, "{margin} |");
    let _ = writeln!(text, "{number} | {line}");
    let _ = writeln!(text, "{margin} | {}{}", " ".repeat(before), "^".repeat(marked.max(1)));
    for help in &message.help {
        let _ = writeln!(text, "{margin} = help: {help}");
    }
    text
}

/// How many characters of a line are shown, and how many of them before the place if not all fit.
const SHOWN: usize = 120;
const SHOWN_BEFORE: usize = 40;

/// A line as it is shown, and the columns of the place in it.
struct Excerpt {
    text: String,
    before: usize,
    marked: usize,
}

/// As much of a line as people read, around `marked` characters behind `before` others.
fn excerpt(line: &str, before: usize, marked: usize) -> Excerpt {
    let length = line.chars().count();
    let start = if length <= SHOWN { 0 } else { before.saturating_sub(SHOWN_BEFORE).min(length - SHOWN) };
    let end = (start + SHOWN).min(length);
    let columns = |from: usize, to: usize| line.chars().take(to).skip(from).map(width).sum::<usize>();
    let shown: String = line.chars().take(end).skip(start).map(visible).collect();
    let (left, right) = (if start > 0 { "…" } else { "" }, if end < length { "…" } else { "" });
    Excerpt {
        text: format!("{left}{shown}{right}"),
        before: left.chars().count() + columns(start, before),
        marked: columns(before, (before + marked).min(end)),
    }
}

/// The part of the span that stands on its first line.
fn marked(text: &str, span: Span) -> &str {
    let end = floor(text, span.end as usize);
    let start = floor(text, span.start as usize).min(end);
    text[start..end].lines().next().unwrap_or_default()
}

/// Columns that a character takes. A tab is shown as one space; East Asian wide characters take two.
fn width(c: char) -> usize {
    let wide = matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

/// Text is shown to terminals: what would move the cursor is not sent there.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Line and column, both from 1 and in characters, of a byte of the text.
#[must_use]
pub fn position(text: &str, at: u32) -> Pos {
    let before = &text[..floor(text, at as usize)];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Pos { line: count(before.matches('\n').count() + 1), column: count(before[start..].chars().count() + 1) }
}

/// The nearest boundary of characters at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The message stands where `«…»` is.
    fn check(name: &str, marked: &str, help: &[&str], want: Expect) {
        let start = marked.find('«').unwrap();
        let text = marked.replacen('«', "", 1);
        let end = text.find('»').unwrap();
        let text = text.replacen('»', "", 1);
        let message = Diagnostic::error(Span::new(start, end), "this is wrong");
        let message = help.iter().fold(message, |m, &h| m.help(h));
        want.assert_eq(&render(&[message], &Source { name: name.to_owned(), text }));
    }

    #[test]
    fn a_message_shows_the_place_and_what_helps() {
        check(
            "",
            "go:main.f { print(args.«addrs») }",
            &["it has `addr` string"],
            expect![[r#"
                error: this is wrong
                 --> 1:24
                  |
                1 | go:main.f { print(args.addrs) }
                  |                        ^^^^^
                  = help: it has `addr` string
            "#]],
        );
    }

    #[test]
    fn a_script_has_its_name_and_lines_their_numbers() {
        let lines = "\n".repeat(98);
        check(
            "latency.bt",
            &format!("{lines}\tgo:main.f {{\n\t\t«größe»\n}}"),
            &[],
            expect![[r#"
                error: this is wrong
                   --> latency.bt:100:3
                    |
                100 |   größe
                    |   ^^^^^
            "#]],
        );
    }

    #[test]
    fn only_the_first_line_of_a_place_is_marked() {
        check(
            "",
            "BEGIN «{\n  x\n}»",
            &[],
            expect![[r#"
                error: this is wrong
                 --> 1:7
                  |
                1 | BEGIN {
                  |       ^
            "#]],
        );
    }

    #[test]
    fn the_end_of_the_text_is_a_place_too() {
        check(
            "",
            "BEGIN {«»",
            &[],
            expect![[r#"
                error: this is wrong
                 --> 1:8
                  |
                1 | BEGIN {
                  |        ^
            "#]],
        );
    }

    #[test]
    fn of_a_long_line_only_what_is_around_the_place_is_shown() {
        let many = "@a = 1; ".repeat(40);
        check(
            "",
            &format!("BEGIN {{ {many}«nonsense» {many} }}"),
            &[],
            expect![[r#"
                error: this is wrong
                 --> 1:329
                  |
                1 | …@a = 1; @a = 1; @a = 1; @a = 1; @a = 1; nonsense @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1;…
                  |                                          ^^^^^^^^
            "#]],
        );
        check(
            "",
            &format!("BEGIN {{ {many} }} «{many}»"),
            &[],
            expect![[r#"
            error: this is wrong
             --> 1:332
              |
            1 | …= 1; @a = 1; @a = 1; @a = 1; @a = 1;  } @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; @a = 1; …
              |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
        );
    }

    #[test]
    fn wide_and_dangerous_characters_keep_the_mark_in_its_place() {
        check(
            "",
            "\u{1b}[2J \"追踪\" «x»",
            &[],
            expect![[r#"
                error: this is wrong
                 --> 1:11
                  |
                1 | �[2J "追踪" x
                  |             ^
            "#]],
        );
    }
}
