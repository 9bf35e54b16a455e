//! Words, numbers, strings and signs of the text, one after the other.
//!
//! Whatever does not read is said once, and what comes nearest goes on as a token, so that the parser finds the rest.
//! The text of attach points follows other rules (`net/http.(*conn).serve` is no expression); the parser reads it
//! through [`Lexer::rest`] and [`Lexer::skip`].

use crate::ast::Span;
use crate::diagnostic::Diagnostic;

/// A token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    /// `nsecs`, `if`
    Word(String),
    /// `12`, `0x1f`, `1ms`, `'c'`
    Int(u64),
    /// `"text"`
    Str(String),
    /// `$x`
    Var(String),
    /// `@m`
    Map(String),
    /// `$1`
    Param(u32),
    /// `$#`
    ParamCount,
    /// `+`, `<<=`
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// All signs, those that begin with others before them.
const SIGNS: [&str; 46] = [
    "<<=", ">>=", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "<=", ">=", "==", "!=", "&&",
    "||", "->", "..", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "=", "?", ":", ";", ",", ".", "(",
    ")", "[", "]", "{", "}",
];

/// How many nanoseconds a unit has.
pub(crate) const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads tokens.
#[derive(Debug)]
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    pub(crate) messages: Vec<Diagnostic>,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Lexer<'t> {
        let mut lexer = Lexer { text, at: 0, messages: Vec::new() };
        if text.starts_with("#!") {
            lexer.skip_line();
        }
        lexer
    }

    /// Where the next token is looked for.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes to a place that it was at before, or that [`Lexer::rest`] showed.
    pub(crate) fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from here on.
    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Part of the text.
    pub(crate) fn slice(&self, span: Span) -> &'t str {
        &self.text[span.range()]
    }

    /// Goes on to the next line.
    pub(crate) fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Goes on behind space and comments.
    pub(crate) fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().starts_with("//") {
                self.skip_line();
            } else if self.rest().starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    fn skip_comment(&mut self) {
        match self.rest().find("*/") {
            Some(end) => self.at += end + 2,
            None => {
                let message = Diagnostic::error(Span::new(self.at, self.at + 2), "this comment does not end");
                self.messages.push(message.help("a condition that begins with a star has a space before it: `/ *…/`"));
                self.at = self.text.len();
            }
        }
    }

    fn complain(&mut self, start: usize, end: usize, message: impl Into<String>) {
        self.messages.push(Diagnostic::error(Span::new(start, end), message));
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> (Token, Span) {
        loop {
            self.skip_space();
            let start = self.at;
            if let Some(token) = self.token() {
                return (token, Span::new(start, self.at));
            }
        }
    }

    /// The token here; `None` for characters that begin none, which have been complained about.
    fn token(&mut self) -> Option<Token> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Some(Token::End) };
        if is_word_start(first) {
            return Some(Token::Word(self.word().to_owned()));
        }
        match first {
            '0'..='9' => Some(self.number()),
            '"' => Some(self.string()),
            '\'' => Some(self.character()),
            '$' => Some(self.dollar()),
            '@' => {
                self.at += 1;
                Some(Token::Map(format!("@{}", self.word())))
            }
            _ => self.sign(first),
        }
    }

    /// The longest word from here, maybe none.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn sign(&mut self, first: char) -> Option<Token> {
        let rest = self.rest();
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.at += sign.len();
            return Some(Token::Sign(sign));
        }
        let start = self.at;
        let len = rest.find(|c: char| c.is_ascii() && c != first).unwrap_or(rest.len());
        self.at += len;
        let shown: String = rest[..len].chars().take(8).flat_map(char::escape_debug).collect();
        self.complain(start, self.at, format!("`{shown}` means nothing here"));
        None
    }

    fn dollar(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        if self.rest().starts_with('#') {
            self.at += 1;
            return Token::ParamCount;
        }
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return match word.parse() {
                Ok(number) => Token::Param(number),
                Err(_) => {
                    self.complain(start, self.at, format!("`${word}` is no parameter and no variable"));
                    Token::Param(0)
                }
            };
        }
        if word.is_empty() {
            self.complain(start, self.at, "a variable has a name: `$x`");
        }
        Token::Var(word.to_owned())
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        let word = self.word();
        let fraction = self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit());
        // `rets.0.1` is two fields; only a number that follows no dot can be meant as a fraction.
        if fraction && !self.text[..start].ends_with('.') {
            self.at += 1;
            self.word();
            self.complain(start, self.at, "there are no fractions: numbers are integers");
            return Token::Int(0);
        }
        match integer(word) {
            Ok(value) => Token::Int(value),
            Err(why) => {
                self.messages
                    .push(Diagnostic::error(Span::new(start, self.at), why.message(word)).maybe_help(why.help()));
                Token::Int(0)
            }
        }
    }

    fn string(&mut self) -> Token {
        Token::Str(self.quoted())
    }

    /// The text of the quotes that stand here, its escapes undone.
    pub(crate) fn quoted(&mut self) -> String {
        let start = self.at;
        let bytes = self.between('"', "this string does not end");
        String::from_utf8(bytes).unwrap_or_else(|broken| {
            self.complain(start, self.at, "this string is no UTF-8 text");
            String::from_utf8_lossy(broken.as_bytes()).into_owned()
        })
    }

    fn character(&mut self) -> Token {
        let start = self.at;
        let bytes = self.between('\'', "this character does not end");
        match bytes[..] {
            [byte] => Token::Int(u64::from(byte)),
            _ => {
                self.complain(start, self.at, "between single quotes stands one character of ASCII");
                Token::Int(0)
            }
        }
    }

    /// The bytes up to the closing quote.
    fn between(&mut self, quote: char, unclosed: &str) -> Vec<u8> {
        let start = self.at;
        let mut bytes = Vec::new();
        self.at += 1;
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => break,
                '\\' => self.escape(&mut bytes),
                c if c == quote => {
                    self.at += 1;
                    return bytes;
                }
                c => {
                    self.at += c.len_utf8();
                    bytes.extend(c.to_string().as_bytes());
                }
            }
        }
        self.complain(start, start + 1, unclosed);
        bytes
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let start = self.at;
        let rest = self.rest();
        let (len, byte) = unescape(&rest[1..]);
        self.at += 1 + len;
        match byte {
            Some(byte) => bytes.push(byte),
            None => {
                let shown = &rest[..1 + len];
                self.complain(start, self.at, format!("`{}` is no escape", shown.escape_debug()));
            }
        }
    }
}

/// How many bytes behind a backslash belong to it, and what they mean.
fn unescape(rest: &str) -> (usize, Option<u8>) {
    let digits = |text: &str, radix: u32, most: usize| {
        let len = text.chars().take(most).take_while(|c| c.is_digit(radix)).count();
        (len, u32::from_str_radix(&text[..len], radix).ok().and_then(|n| u8::try_from(n).ok()))
    };
    let Some(first) = rest.chars().next() else { return (0, None) };
    let one = |byte: u8| (1, Some(byte));
    match first {
        'n' => one(b'\n'),
        't' => one(b'\t'),
        'r' => one(b'\r'),
        'a' => one(7),
        'e' => one(0x1b),
        '\\' | '"' | '\'' => one(first as u8),
        '0'..='7' => digits(rest, 8, 3),
        'x' => {
            let (len, byte) = digits(&rest[1..], 16, 2);
            (len + 1, byte)
        }
        '\n' => (0, None),
        other => (other.len_utf8(), None),
    }
}

/// Why a word that begins with a digit is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotANumber {
    TooLarge,
    Digits,
    Unit,
}

impl NotANumber {
    fn message(self, word: &str) -> String {
        match self {
            NotANumber::TooLarge => format!("`{word}` does not fit into 64 bits"),
            NotANumber::Digits => format!("`{word}` is no number"),
            NotANumber::Unit => format!("`{word}` has no unit that there is"),
        }
    }

    fn help(self) -> Option<String> {
        (self == NotANumber::Unit).then(|| {
            let units: Vec<&str> = UNITS.iter().map(|unit| unit.0).collect();
            format!("units of time are {}; they make nanoseconds", units.join(", "))
        })
    }
}

/// What a number means: decimal, `0x`, `0b`, octal with a leading zero, `1e6`, with `_` anywhere, a suffix of C, or a
/// unit of time.
pub(crate) fn integer(word: &str) -> Result<u64, NotANumber> {
    let plain = word.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return parse(without_suffix(digits), radix);
        }
    }
    let end = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(end);
    let octal = digits.len() > 1 && digits.starts_with('0');
    let value = parse(digits, if octal { 8 } else { 10 })?;
    if let Some(exponent) = unit.strip_prefix('e').and_then(|e| e.parse::<u32>().ok()) {
        return 10u64.checked_pow(exponent).and_then(|power| value.checked_mul(power)).ok_or(NotANumber::TooLarge);
    }
    if without_suffix(unit).is_empty() {
        return Ok(value);
    }
    let (_, nanos) = UNITS.iter().find(|row| row.0 == unit).ok_or(NotANumber::Unit)?;
    value.checked_mul(*nanos).ok_or(NotANumber::TooLarge)
}

fn parse(digits: &str, radix: u32) -> Result<u64, NotANumber> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(NotANumber::Digits);
    }
    u64::from_str_radix(digits, radix).map_err(|_| NotANumber::TooLarge)
}

/// Without `u`, `l`, `ul`, `lu`, `ll`, `ull`, `llu`.
fn without_suffix(text: &str) -> &str {
    ["ull", "llu", "ll", "ul", "lu", "u", "l"].iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text)
}

/// Go's identifiers, so letters of every language.
pub(crate) fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, want: Expect) {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            let (token, span) = lexer.next();
            if token == Token::End {
                break;
            }
            out.push(format!("{token:?} {}", lexer.slice(span)));
        }
        out.extend(lexer.messages.iter().map(|m| format!("{:?} {}", lexer.slice(m.span), m.message)));
        want.assert_eq(&out.join("\n"));
    }

    #[test]
    fn words_variables_maps_and_parameters() {
        check(
            "nsecs $x $1 $# @ @start0 größe",
            expect![[r#"
            Word("nsecs") nsecs
            Var("x") $x
            Param(1) $1
            ParamCount $#
            Map("@") @
            Map("@start0") @start0
            Word("größe") größe"#]],
        );
    }

    #[test]
    fn numbers_of_c_and_of_time() {
        check(
            "12 0x1F 0b101 017 1_000 1e6 5ul 1ms 100us 2h 'a' '\\n'",
            expect![[r#"
            Int(12) 12
            Int(31) 0x1F
            Int(5) 0b101
            Int(15) 017
            Int(1000) 1_000
            Int(1000000) 1e6
            Int(5) 5ul
            Int(1000000) 1ms
            Int(100000) 100us
            Int(7200000000000) 2h
            Int(97) 'a'
            Int(10) '\n'"#]],
        );
    }

    #[test]
    fn numbers_that_are_none() {
        check(
            "0x 08 99999999999999999999 1e30 3x 1.5 20000000d 0xfg ''",
            expect![[r#"
            Int(0) 0x
            Int(0) 08
            Int(0) 99999999999999999999
            Int(0) 1e30
            Int(0) 3x
            Int(0) 1.5
            Int(0) 20000000d
            Int(0) 0xfg
            Int(0) ''
            "0x" `0x` is no number
            "08" `08` is no number
            "99999999999999999999" `99999999999999999999` does not fit into 64 bits
            "1e30" `1e30` does not fit into 64 bits
            "3x" `3x` has no unit that there is
            "1.5" there are no fractions: numbers are integers
            "20000000d" `20000000d` does not fit into 64 bits
            "0xfg" `0xfg` is no number
            "''" between single quotes stands one character of ASCII"#]],
        );
    }

    #[test]
    fn the_longest_sign_wins() {
        check(
            "a<<=b++ +c->d&&e.f<=-1",
            expect![[r#"
            Word("a") a
            Sign("<<=") <<=
            Word("b") b
            Sign("++") ++
            Sign("+") +
            Word("c") c
            Sign("->") ->
            Word("d") d
            Sign("&&") &&
            Word("e") e
            Sign(".") .
            Word("f") f
            Sign("<=") <=
            Sign("-") -
            Int(1) 1"#]],
        );
    }

    #[test]
    fn strings_have_escapes() {
        check(
            r#""a\tb\n\"\\ \x41\101 é \xc3\xa9""#,
            expect![[r#"Str("a\tb\n\"\\ AA é é") "a\tb\n\"\\ \x41\101 é \xc3\xa9""#]],
        );
    }

    #[test]
    fn broken_strings_are_said_once_each() {
        check(
            "\"\\q\" \"\\xff\" \"open\n\"next\" 'open",
            expect![[r#"
            Str("") "\q"
            Str("�") "\xff"
            Str("open") "open
            Str("next") "next"
            Int(0) 'open
            "\\q" `\\q` is no escape
            "\"\\xff\"" this string is no UTF-8 text
            "\"" this string does not end
            "'" this character does not end
            "'open" between single quotes stands one character of ASCII"#]],
        );
    }

    #[test]
    fn comments_and_the_first_line_are_skipped() {
        check(
            "#!/usr/bin/env -S gospect run\na /* b\n c */ d // e\nf /* g",
            expect![[r#"
            Word("a") a
            Word("d") d
            Word("f") f
            "/*" this comment does not end"#]],
        );
    }

    #[test]
    fn what_means_nothing_is_said() {
        check(
            "a # ` € b",
            expect![[r##"
            Word("a") a
            Word("b") b
            "#" `#` means nothing here
            "`" ``` means nothing here
            "€" `€` means nothing here"##]],
        );
    }
}
