//! `printf`: formats as C and bpftrace have them, held against the types of their arguments, and filled in.
//!
//! `%[flags][width][.precision][length]conversion` with the flags `-+#0`, the lengths `hh h l ll j z t` and the
//! conversions `d i u x X o c s p`; `%r`, `%rx` and `%rh` show buffers, `%v` whatever there is. As in bpftrace, what is none of this stands for
//! itself; therefore C's flag of a space is not among them: it would make a conversion of `100% done`.
//!
//! A number is shown whole whatever its conversion, unless `h` or `hh` ask for less; `%u`, `%x` and `%o` take a
//! negative one by the width of its own type. Text is measured in characters.

use std::fmt;
use std::ops::Range;

use crate::value::{Int, Text, Value};

/// A format that was taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// Starts with `%`, is no conversion, stands for itself.
    Odd(Range<usize>),
    Spec(Spec),
}

/// One conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Which bytes of the format it is.
    pub at: Range<usize>,
    /// What it makes of its argument.
    pub conversion: Conversion,
    flags: Flags,
    width: usize,
    precision: Option<usize>,
    length: Length,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    left: bool,
    plus: bool,
    alternate: bool,
    zero: bool,
}

/// How much of a number is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Whole,
    Byte,
    Short,
    /// All 64 bits, also of a narrower type.
    Long,
}

/// What a conversion makes of its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// `%d`, `%i`.
    Signed,
    /// `%u`.
    Unsigned,
    /// `%x`.
    Hex,
    /// `%X`.
    UpperHex,
    /// `%o`.
    Octal,
    /// `%c`: the character with that number.
    Char,
    /// `%s`.
    Str,
    /// `%p`.
    Pointer,
    /// `%r`: printable bytes as they are, others as `\xff`.
    Buf,
    /// `%rx`: all bytes as `\xff`.
    BufEscaped,
    /// `%rh`: all bytes as `ff`, with spaces.
    BufHex,
    /// `%v`: whatever it is, as `print` shows it; values of Go whole.
    Value,
}

/// What an argument is, as far as formats care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// An address.
    Pointer,
    /// A string.
    Text,
    /// Something that is shown by its name: functions, probes, stacks, times.
    Name,
    /// Bytes.
    Buffer,
    /// Several values.
    Tuple,
    /// A whole value of Go.
    Go,
}

impl Kind {
    const fn noun(self) -> &'static str {
        match self {
            Kind::Number => "a number",
            Kind::Bool => "a bool",
            Kind::Pointer => "a pointer",
            Kind::Text => "a string",
            Kind::Name => "shown by its name",
            Kind::Buffer => "a buffer",
            Kind::Tuple => "a tuple",
            Kind::Go => "a value of Go",
        }
    }
}

impl Conversion {
    const fn is_numeric(self) -> bool {
        use Conversion::{Buf, BufEscaped, BufHex, Str, Value};
        !matches!(self, Str | Buf | BufEscaped | BufHex | Value)
    }

    const fn takes(self, kind: Kind) -> bool {
        match self {
            Conversion::Value => true,
            Conversion::Str => matches!(kind, Kind::Text | Kind::Name | Kind::Bool | Kind::Pointer),
            Conversion::Buf | Conversion::BufEscaped | Conversion::BufHex => matches!(kind, Kind::Buffer),
            _ => matches!(kind, Kind::Number | Kind::Bool | Kind::Pointer),
        }
    }

    const fn wants(self) -> &'static str {
        match self {
            Conversion::Value => "any value",
            Conversion::Str => "a string",
            Conversion::Buf | Conversion::BufEscaped | Conversion::BufHex => "a buffer",
            _ => "a number",
        }
    }

    /// What to write instead for an argument that it does not take.
    const fn instead(kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Number | Kind::Bool => Some("%d"),
            Kind::Pointer => Some("%p"),
            Kind::Text | Kind::Name => Some("%s"),
            Kind::Buffer => Some("%r"),
            Kind::Tuple | Kind::Go => Some("%v"),
        }
    }
}

/// What is wrong between a format and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which bytes of the format it is about.
    pub at: Option<Range<usize>>,
    /// Which argument it is about, counted from 0 behind the format.
    pub arg: Option<usize>,
    /// What is wrong, in words.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// The widest field.
pub const MAX_WIDTH: usize = 1024;

impl Format {
    /// Takes a format apart. Escapes such as `\n` have become characters before.
    #[must_use]
    pub fn parse(source: &str) -> Format {
        let mut pieces = Vec::new();
        let mut cursor = Cursor { source, at: 0 };
        while let Some(c) = cursor.peek() {
            if c != '%' {
                push_literal(&mut pieces, cursor.bump(c));
            } else if cursor.eat("%%") {
                push_literal(&mut pieces, '%');
            } else {
                pieces.push(cursor.spec());
            }
        }
        Format { source: source.to_owned(), pieces }
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its conversions in order, one for each argument.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Spec(spec) => Some(spec),
            _ => None,
        })
    }

    /// Everything that is wrong between this format and such arguments.
    #[must_use]
    pub fn check(&self, args: &[Kind]) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.specs().filter_map(|spec| self.too_wide(spec)).collect();
        let wanted = self.specs().count();
        if wanted != args.len() {
            problems.extend(self.miscounted(wanted, args.len()));
        }
        let pairs = self.specs().zip(args).enumerate();
        problems.extend(pairs.filter_map(|(arg, (spec, &kind))| self.mismatch(spec, arg, kind)));
        problems
    }

    fn too_wide(&self, spec: &Spec) -> Option<Problem> {
        let widest = spec.width.max(spec.precision.unwrap_or(0));
        (widest > MAX_WIDTH).then(|| Problem {
            at: Some(spec.at.clone()),
            arg: None,
            message: format!("`{}` is wider than {MAX_WIDTH} characters", &self.source[spec.at.clone()]),
            help: None,
        })
    }

    fn mismatch(&self, spec: &Spec, arg: usize, kind: Kind) -> Option<Problem> {
        let written = &self.source[spec.at.clone()];
        (!spec.conversion.takes(kind)).then(|| Problem {
            at: Some(spec.at.clone()),
            arg: Some(arg),
            message: format!("`{written}` takes {}, this is {}", spec.conversion.wants(), kind.noun()),
            help: match Conversion::instead(kind) {
                Some(instead) => Some(format!("write `{instead}`")),
                None => Some("give its parts one by one, or use print()".to_owned()),
            },
        })
    }

    fn miscounted(&self, wanted: usize, given: usize) -> Vec<Problem> {
        // Something that looks like a conversion and is none is the likely reason for too many arguments.
        let odd: Vec<Problem> = self.odd().map(|at| self.no_conversion(at)).collect();
        if given > wanted && !odd.is_empty() {
            return odd;
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (at, arg, help) = match given < wanted {
            true => {
                let at = self.specs().nth(given).map(|spec| spec.at.clone());
                let help =
                    at.clone().map(|at| format!("nothing is there for `{}`; a percent sign is `%%`", &self.source[at]));
                (at, None, help)
            }
            false => (None, Some(wanted), None),
        };
        let message =
            format!("the format takes {wanted} argument{}, but {given} {} given", plural(wanted), were(given));
        vec![Problem { at, arg, message, help }]
    }

    fn odd(&self) -> impl Iterator<Item = &Range<usize>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Odd(at) => Some(at),
            _ => None,
        })
    }

    fn no_conversion(&self, at: &Range<usize>) -> Problem {
        Problem {
            at: Some(at.clone()),
            arg: None,
            message: format!("`{}` is no conversion that gospect knows", &self.source[at.clone()]),
            help: Some("there are %d %i %u %x %X %o %c %s %p %r %v; a percent sign is `%%`".to_owned()),
        }
    }

    /// The text with its arguments; `show` makes text of everything that is no number.
    pub fn fill(&self, args: &[Value], show: &dyn Fn(&Value) -> String) -> String {
        let mut args = args.iter();
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Odd(at) => out.push_str(self.source.get(at.clone()).unwrap_or_default()),
                Piece::Spec(spec) => {
                    out.push_str(&args.next().map_or("<missing>".to_owned(), |arg| spec.fill(arg, show)))
                }
            }
        }
        out
    }
}

const fn were(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

fn push_literal(pieces: &mut Vec<Piece>, c: char) {
    match pieces.last_mut() {
        Some(Piece::Literal(text)) => text.push(c),
        _ => pieces.push(Piece::Literal(c.to_string())),
    }
}

/// A place in a format that is being taken apart.
struct Cursor<'a> {
    source: &'a str,
    at: usize,
}

/// Longer ones first, since the shorter are their beginnings.
const LENGTHS: [(&str, Length); 7] = [
    ("hh", Length::Byte),
    ("h", Length::Short),
    ("ll", Length::Long),
    ("l", Length::Long),
    ("j", Length::Long),
    ("z", Length::Long),
    ("t", Length::Long),
];

const CONVERSIONS: [(&str, Conversion); 13] = [
    ("d", Conversion::Signed),
    ("i", Conversion::Signed),
    ("u", Conversion::Unsigned),
    ("x", Conversion::Hex),
    ("X", Conversion::UpperHex),
    ("o", Conversion::Octal),
    ("c", Conversion::Char),
    ("s", Conversion::Str),
    ("p", Conversion::Pointer),
    ("rx", Conversion::BufEscaped),
    ("rh", Conversion::BufHex),
    ("r", Conversion::Buf),
    ("v", Conversion::Value),
];

impl Cursor<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self, c: char) -> char {
        self.at += c.len_utf8();
        c
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn one_of<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        table.iter().find(|(text, _)| self.eat(text)).map(|&(_, meaning)| meaning)
    }

    /// A number of decimal digits, 0 if there are none. What is too great stays too great.
    fn number(&mut self) -> usize {
        let mut number = 0usize;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit as usize);
            self.at += 1;
        }
        number
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some('-') => flags.left = true,
                Some('+') => flags.plus = true,
                Some('#') => flags.alternate = true,
                Some('0') => flags.zero = true,
                _ => return flags,
            }
            self.at += 1;
        }
    }

    /// From a `%` on. What is no conversion goes as far as it could have been one.
    fn spec(&mut self) -> Piece {
        let start = self.at;
        self.at += 1;
        let flags = self.flags();
        let width = self.number();
        let precision = self.eat(".").then(|| self.number());
        let length = self.one_of(&LENGTHS);
        let takes_length = |c: &Conversion| length.is_none() || (c.is_numeric() && *c != Conversion::Char);
        let before = self.at;
        match self.one_of(&CONVERSIONS).filter(takes_length) {
            Some(conversion) => {
                let length = length.unwrap_or(Length::Whole);
                Piece::Spec(Spec { at: start..self.at, conversion, flags, width, precision, length })
            }
            None => {
                self.at = before;
                if let Some(c) = self.peek().filter(|&c| c != '%' && !c.is_whitespace()) {
                    self.bump(c);
                }
                Piece::Odd(start..self.at)
            }
        }
    }
}

impl Spec {
    fn fill(&self, value: &Value, show: &dyn Fn(&Value) -> String) -> String {
        let text = match (self.conversion, value) {
            (Conversion::Str | Conversion::Value, _) | (_, Value::Unreadable) => self.cut(show(value)),
            (Conversion::Char, _) => char_of(value).map_or_else(|| show(value), |c| plain_or_shown(c, show)),
            (Conversion::Buf | Conversion::BufEscaped | Conversion::BufHex, Value::Buf(buf)) => self.buf(buf),
            _ => return int_of(value).map_or_else(|| self.pad(&show(value), ' '), |int| self.number(int)),
        };
        self.pad(&text, ' ')
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        }
    }

    fn pad(&self, text: &str, with: char) -> String {
        let missing = self.width.min(MAX_WIDTH).saturating_sub(text.chars().count());
        let padding: String = std::iter::repeat_n(if self.flags.left { ' ' } else { with }, missing).collect();
        if self.flags.left { format!("{text}{padding}") } else { format!("{padding}{text}") }
    }

    fn number(&self, int: Int) -> String {
        let (sign, digits) = match self.conversion {
            Conversion::Signed => self.signed(int),
            _ => ("", self.digits(self.unsigned(int))),
        };
        let prefix = format!("{sign}{}", self.prefix(&digits));
        let digits = self.at_least(digits);
        // As in C, zeros fill the field from the sign on, unless a precision already says how many digits there are.
        if self.flags.zero && !self.flags.left && self.precision.is_none() {
            let missing = self.width.min(MAX_WIDTH).saturating_sub(prefix.len() + digits.len());
            return format!("{prefix}{}{digits}", "0".repeat(missing));
        }
        self.pad(&format!("{prefix}{digits}"), ' ')
    }

    fn signed(&self, int: Int) -> (&'static str, String) {
        let value = match self.length {
            Length::Byte => i64::from(int.bits as i8),
            Length::Short => i64::from(int.bits as i16),
            Length::Whole | Length::Long => int.bits as i64,
        };
        let sign = match (value < 0, self.flags.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        (sign, value.unsigned_abs().to_string())
    }

    fn unsigned(&self, int: Int) -> u64 {
        match (self.length, int.kind.bits) {
            (Length::Byte, _) | (Length::Whole, 8) => int.bits & 0xff,
            (Length::Short, _) | (Length::Whole, 16) => int.bits & 0xffff,
            (Length::Whole, 32) => int.bits & 0xffff_ffff,
            (Length::Whole | Length::Long, _) => int.bits,
        }
    }

    fn digits(&self, value: u64) -> String {
        match self.conversion {
            Conversion::Hex | Conversion::Pointer => format!("{value:x}"),
            Conversion::UpperHex => format!("{value:X}"),
            Conversion::Octal => format!("{value:o}"),
            _ => value.to_string(),
        }
    }

    fn prefix(&self, digits: &str) -> &'static str {
        match self.conversion {
            Conversion::Pointer => "0x",
            Conversion::Hex if self.flags.alternate && digits != "0" => "0x",
            Conversion::UpperHex if self.flags.alternate && digits != "0" => "0X",
            Conversion::Octal if self.flags.alternate && digits != "0" => "0",
            _ => "",
        }
    }

    /// Precision: so many digits at least; none at all for zero with a precision of zero.
    fn at_least(&self, digits: String) -> String {
        match self.precision {
            Some(0) if digits == "0" => String::new(),
            Some(least) => format!("{}{digits}", "0".repeat(least.min(MAX_WIDTH).saturating_sub(digits.len()))),
            None => digits,
        }
    }

    fn buf(&self, buf: &Text) -> String {
        let text = match self.conversion {
            Conversion::BufHex => buf.bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
            Conversion::BufEscaped => buf.bytes.iter().map(|b| format!("\\x{b:02x}")).collect(),
            _ => escaped(&buf.bytes),
        };
        if buf.cut { text + "…" } else { text }
    }
}

/// Bytes with those that are not printable ASCII as `\xff`: how a buffer is shown.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let show = |&b: &u8| if (0x20..0x7f).contains(&b) { char::from(b).to_string() } else { format!("\\x{b:02x}") };
    bytes.iter().map(show).collect()
}

fn int_of(value: &Value) -> Option<Int> {
    match *value {
        Value::Int(int) => Some(int),
        Value::Bool(b) => Some(Int::unsigned(u64::from(b))),
        Value::Pointer(address) => Some(Int::unsigned(address)),
        _ => None,
    }
}

fn char_of(value: &Value) -> Option<char> {
    let number = u32::try_from(int_of(value)?.bits).ok();
    Some(number.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// A character that a captured number stands for is as foreign as captured text.
fn plain_or_shown(c: char, show: &dyn Fn(&Value) -> String) -> String {
    show(&Value::Str(Text::whole(c.to_string())))
}

#[cfg(test)]
mod tests;
