//! Attach points: `uprobe:/usr/bin/app:net/http.(*conn).serve+0x12`.
//!
//! Their text ends at a space, a comma or an opening brace, but not inside parentheses, brackets or quotes, since Go's
//! names have all of them: `main.Map[go.shape.int,go.shape.string]`, `main.(*Server).Serve`. Slashes are part of
//! import paths, so a condition behind a function begins with a slash behind a space. A binary or a name with colons,
//! spaces or commas is written in quotes.

use std::ops::Range;

use gobin::declare;

use crate::ast::{Attach, AttachPoint, Clock, Code, Span, Spanned, User};
use crate::diagnostic::Diagnostic;
use crate::lex::integer;
use crate::words::{self, Form};

use super::Parser;

/// A part of an attach point between colons.
#[derive(Clone)]
struct Part {
    /// Where it stands.
    range: Range<usize>,
    /// As written.
    raw: String,
}

impl Part {
    fn span(&self) -> Span {
        Span::new(self.range.start, self.range.end)
    }
}

impl Parser<'_> {
    /// A list of attach points with commas between them, and the names among them that are left out.
    pub(super) fn points(&mut self) -> (Vec<AttachPoint>, Vec<Spanned<String>>) {
        let (mut points, mut except) = (Vec::new(), Vec::new());
        loop {
            self.lexer.skip_space();
            if self.lexer.rest().starts_with('!') && !points.is_empty() {
                except.extend(self.left_out());
            } else {
                points.push(self.point());
            }
            self.lexer.skip_space();
            if !self.lexer.rest().starts_with(',') {
                return (points, except);
            }
            self.lexer.go(self.lexer.at() + 1);
        }
    }

    /// `!NAME`
    fn left_out(&mut self) -> Option<Spanned<String>> {
        let start = self.lexer.at() + 1;
        self.lexer.go(start);
        let len = end(self.lexer.rest(), true, true).unwrap_or_else(|| self.lexer.rest().len());
        self.lexer.go(start + len);
        let value = self.unquoted(start..start + len);
        let span = Span::new(start, start + len);
        if value.is_empty() {
            let message = Diagnostic::error(Span::new(start - 1, start), "which functions to leave out is missing");
            self.lexer.messages.push(message.help("for example `go:main.*, !main.*.func*`"));
            return None;
        }
        Some(Spanned { value, span })
    }

    fn point(&mut self) -> AttachPoint {
        let start = self.lexer.at();
        let (len, balanced) = extent(self.lexer.rest());
        self.lexer.go(start + len);
        let span = Span::new(start, start + len);
        if !balanced {
            let message = Diagnostic::error(span, "a parenthesis or bracket of this name is not closed");
            self.lexer.messages.push(message.help("a name may be written in quotes"));
            return AttachPoint { attach: Attach::Bad, span };
        }
        if len == 0 {
            self.nothing_there(span);
            return AttachPoint { attach: Attach::Bad, span };
        }
        AttachPoint { attach: self.attach(span), span }
    }

    fn nothing_there(&mut self, span: Span) {
        let rest = self.lexer.rest();
        let shown: String = rest.chars().take(1).collect();
        let message = if shown.is_empty() {
            "a probe is missing, the text ends there".to_owned()
        } else {
            format!("a probe is missing, `{shown}` stands there")
        };
        let span = Span::new(span.start as usize, span.end as usize + shown.len());
        let help = "a probe is a place, a condition if need be, and what to do: `go:main.f /args.n > 3/ { … }`";
        self.lexer.messages.push(Diagnostic::error(span, message).help(help));
    }

    fn attach(&mut self, span: Span) -> Attach {
        let mut parts = split(self.lexer.slice(span), span.start as usize);
        let kind = parts.remove(0);
        let Some(probe) = words::probe(&kind.raw) else {
            self.no_such_probe(&kind);
            return Attach::Bad;
        };
        let wanted = match probe.form {
            Form::Begin | Form::End => 0,
            Form::Short { .. } | Form::Inlined | Form::Goroutine | Form::Collector | Form::Syscall => 1,
            Form::User { .. } | Form::Tracepoint | Form::Interval | Form::Profile => 2,
        };
        if matches!(probe.form, Form::Short { .. } | Form::Inlined | Form::User { .. }) {
            join_from(&mut parts, wanted);
        }
        let one_part_clock = matches!(probe.form, Form::Interval | Form::Profile) && parts.len() == 1;
        if parts.len() != wanted && !one_part_clock || parts.iter().any(|p| p.raw.is_empty() && wanted == 1) {
            let message = Diagnostic::error(span, format!("`{}` is written `{}`", kind.raw, probe.usage));
            self.lexer.messages.push(message.help(format!("for example `{}`", probe.example)));
            return Attach::Bad;
        }
        self.made(probe.form, &parts)
    }

    fn made(&mut self, form: Form, parts: &[Part]) -> Attach {
        match (form, parts) {
            (Form::Begin, _) => Attach::Begin,
            (Form::End, _) => Attach::End,
            (Form::Interval, parts) => self.clock(parts).map_or(Attach::Bad, Attach::Interval),
            (Form::Profile, parts) => self.clock(parts).map_or(Attach::Bad, Attach::Profile),
            (Form::Tracepoint, [category, name]) => {
                Attach::Tracepoint { category: self.text(category), name: self.text(name) }
            }
            (Form::Goroutine, [event]) => Attach::Goroutine(self.text(event)),
            (Form::Collector, [event]) => Attach::Collector(self.text(event)),
            (Form::Syscall, [event]) => Attach::Syscall(self.text(event)),
            (Form::Inlined, [code]) => self.inlined(code),
            (Form::User { ret }, [binary, code]) => {
                let binary = self.text(binary);
                self.user(binary, code, ret, false)
            }
            (Form::Short { ret }, [code]) => {
                let at = code.range.start;
                let binary = Spanned { value: String::new(), span: Span::new(at, at) };
                self.user(binary, code, ret, true)
            }
            _ => Attach::Bad,
        }
    }

    /// `FUNC` of `inlined:FUNC`
    fn inlined(&mut self, part: &Part) -> Attach {
        let at = part.range.start;
        let binary = Spanned { value: String::new(), span: Span::new(at, at) };
        match self.user(binary, part, false, true) {
            Attach::User(User { code, .. }) if !is_plain(&code.value) => {
                self.bad(code.span, "only whole functions are inlined, by name")
            }
            Attach::User(user) => Attach::User(User { inlined: true, ..user }),
            other => other,
        }
    }

    fn no_such_probe(&mut self, kind: &Part) {
        let bpftrace = words::FOREIGN_PROBES.contains(&kind.raw.as_str());
        let near = words::near(&kind.raw, words::probe_names());
        let help = if bpftrace {
            Some("gospect probes programs: `uprobe`, `uretprobe`, `go`, `goret`, `goroutine`, `gc`, `syscall`; and tracepoints and clocks".to_owned())
        } else {
            near.or_else(|| Some(format!("there are {}", words::listed(words::probe_names()))))
        };
        let message = format!("there is no kind of probe called `{}`", kind.raw);
        self.lexer.messages.push(Diagnostic::error(kind.span(), message).maybe_help(help));
    }

    /// The part without its quotes.
    fn text(&mut self, part: &Part) -> Spanned<String> {
        let value = self.unquoted(part.range.clone());
        Spanned { value, span: part.span() }
    }

    /// A stretch of the text with its quotes taken away and their escapes undone.
    fn unquoted(&mut self, range: Range<usize>) -> String {
        let behind = self.lexer.at();
        let mut value = String::new();
        self.lexer.go(range.start);
        while self.lexer.at() < range.end {
            let rest = &self.lexer.rest()[..range.end - self.lexer.at()];
            if rest.starts_with('"') {
                value.push_str(&self.lexer.quoted());
                continue;
            }
            let len = rest.find('"').unwrap_or(rest.len());
            value.push_str(&rest[..len]);
            self.lexer.go(self.lexer.at() + len);
        }
        self.lexer.go(behind);
        value
    }

    fn user(&mut self, binary: Spanned<String>, part: &Part, ret: bool, short: bool) -> Attach {
        let span = part.span();
        if let Some(address) = address(&part.raw) {
            let code = match address {
                Ok(at) => Code::Address(at),
                Err(why) => return self.bad(span, why),
            };
            return Attach::User(User { binary, code: Spanned { value: code, span }, ret, short, inlined: false });
        }
        let (name, offset) = split_offset(&part.raw);
        let offset = match offset.map(|text| integer(text).map_err(|_| text)) {
            Some(Err(text)) => return self.bad(span, format!("`{text}` does not fit into 64 bits")),
            Some(Ok(offset)) => Some(offset),
            None => None,
        };
        let text = self.unquoted(part.range.start..part.range.start + name.len());
        let (pattern, signature) = match declare::split(&text) {
            Some((pattern, signature)) => {
                // As long as nothing in it is escaped it stands in the text as it is.
                let start = part.raw.find(signature).map(|at| part.range.start + at);
                let span = start.map_or(span, |start| Span::new(start, start + signature.len()));
                (pattern.to_owned(), Some(Spanned { value: signature.to_owned(), span }))
            }
            None => (text, None),
        };
        if pattern.is_empty() {
            return self.bad(span, "the name of a function is missing");
        }
        if let (Some(signature), Some(_)) = (&signature, offset) {
            return self
                .bad(signature.span, "a signature is that of a whole function, and this is an instruction in one");
        }
        let code = Spanned { value: Code::Function { pattern, signature, offset }, span };
        Attach::User(User { binary, code, ret, short, inlined: false })
    }

    fn bad(&mut self, span: Span, message: impl Into<String>) -> Attach {
        self.lexer.messages.push(Diagnostic::error(span, message));
        Attach::Bad
    }

    /// `s:1`, or `1s`.
    fn clock(&mut self, parts: &[Part]) -> Option<Clock> {
        let (unit, count) = match parts {
            [unit, count] => (Spanned { value: unit.raw.clone(), span: unit.span() }, count),
            [count] if integer(&count.raw).is_ok() && !count.raw.ends_with(|c: char| c.is_ascii_digit()) => {
                (Spanned { value: "ns".to_owned(), span: count.span() }, count)
            }
            [count] => {
                let what = if integer(&count.raw).is_ok() { "a unit is missing" } else { "a number is missing" };
                let help = "for example `s:1`, `ms:100`, `hz:99`, or `1s`";
                let message = Diagnostic::error(count.span(), what).help(help);
                self.lexer.messages.push(message);
                return None;
            }
            _ => return None,
        };
        let known = ["s", "ms", "us", "ns", "hz"];
        if !known.contains(&unit.value.as_str()) {
            let message = format!("`{}` is no unit of a clock", unit.value);
            self.lexer.messages.push(Diagnostic::error(unit.span, message).help("there are s, ms, us and hz"));
            return None;
        }
        match integer(&count.raw) {
            Ok(value) if value > 0 => Some(Clock { unit, count: Spanned { value, span: count.span() } }),
            Ok(_) => {
                self.bad(count.span(), "a clock that never ticks");
                None
            }
            Err(_) => {
                let message = format!("`{}` is no number of times", count.raw);
                self.bad(count.span(), message);
                None
            }
        }
    }
}

/// How long the attach point at the beginning of `rest` is, and whether its parentheses and brackets are closed.
fn extent(rest: &str) -> (usize, bool) {
    let has_names = rest.split_once(':').is_some_and(|(kind, _)| {
        words::probe(kind).is_none_or(|p| matches!(p.form, Form::User { .. } | Form::Short { .. } | Form::Inlined))
    });
    match end(rest, has_names, true) {
        Some(len) => (len, true),
        None => (end(rest, has_names, false).unwrap_or(rest.len()), false),
    }
}

/// Where it ends; `None` if `nested` and something that was opened is not closed on its line.
fn end(rest: &str, has_names: bool, nested: bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (i, c) in rest.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\n' => return (depth == 0).then_some(i),
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' if nested => depth += 1,
            ')' | ']' if nested => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '{' | '}' | ',' | ';' => return Some(i),
            '/' if !has_names => return Some(i),
            c if c.is_whitespace() => return Some(i),
            _ => {}
        }
    }
    (depth == 0).then_some(rest.len())
}

/// The parts between colons that stand outside of quotes.
fn split(text: &str, start: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut quoted = false;
    let ends = text.char_indices().filter(|&(_, c)| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    for end in ends.map(|(i, _)| i).collect::<Vec<_>>().into_iter().chain([text.len()]) {
        parts.push(Part { range: start + from..start + end, raw: text[from..end].to_owned() });
        from = end + 1;
    }
    parts
}

/// Go's own names may have colons: from the `count`th part on all are one.
fn join_from(parts: &mut Vec<Part>, count: usize) {
    while parts.len() > count && count > 0 {
        let Some(last) = parts.pop() else { return };
        let Some(before) = parts.last_mut() else { return };
        before.raw = format!("{}:{}", before.raw, last.raw);
        before.range.end = last.range.end;
    }
}

/// An address, if the part begins like one.
fn address(raw: &str) -> Option<Result<u64, String>> {
    let number = raw.starts_with("0x") || !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_digit());
    number.then(|| integer(raw).map_err(|_| format!("`{raw}` is no address")))
}

/// `name+0x12` is a name and an offset.
fn split_offset(raw: &str) -> (&str, Option<&str>) {
    match raw.rsplit_once('+') {
        Some((name, offset)) if offset.starts_with(|c: char| c.is_ascii_digit()) && !offset.contains('"') => {
            (name, Some(offset))
        }
        _ => (raw, None),
    }
}

fn is_plain(code: &Code) -> bool {
    matches!(code, Code::Function { offset: None, .. })
}
