//! Reads Rust sources as tokens, for checks of the project's own code.
//!
//! Not a parser: it knows strings, comments and brackets, `#[cfg(test)]`, and paths with their braces. Comments stay in
//! the stream because `prose` reads them; [`product_code`] drops them together with the tests.

/// A piece of a source file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Line of its first character, counted from 1.
    pub line: usize,
}

/// Classes of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ident,
    /// One character, or `::`.
    Punct,
    /// With its quotes.
    Str,
    Comment,
    /// Numbers, characters and lifetimes.
    Other,
}

impl Token<'_> {
    fn is(&self, text: &str) -> bool {
        self.text == text && matches!(self.kind, Kind::Ident | Kind::Punct)
    }
}

/// All tokens of a file. Text that is not Rust gives some tokens, never an error.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    loop {
        let start = rest.trim_start();
        line += newlines(&rest[..rest.len() - start.len()]);
        let Some(first) = start.chars().next() else { return tokens };
        let (kind, length) = next(start, first);
        let (text, behind) = start.split_at(length);
        tokens.push(Token { kind, text, line });
        line += newlines(text);
        rest = behind;
    }
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// The first token's kind and length.
fn next(text: &str, first: char) -> (Kind, usize) {
    let name = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment(text));
    }
    if let Some(length) = raw_string(text) {
        return (Kind::Str, length);
    }
    match first {
        '"' => (Kind::Str, quoted(text, '"')),
        '\'' if is_char(text) => (Kind::Other, quoted(text, '\'')),
        '\'' => (Kind::Other, 1 + text[1..].find(|c: char| !is_name(c)).unwrap_or(text.len() - 1)),
        '0'..='9' => (Kind::Other, name),
        _ if name > 0 => (Kind::Ident, name),
        _ if text.starts_with("::") => (Kind::Punct, 2),
        _ => (Kind::Punct, first.len_utf8()),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0usize);
    while at < text.len() {
        let two = text.as_bytes().get(at..at + 2).unwrap_or_default();
        match two {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `br#"…"#`
fn raw_string(text: &str) -> Option<usize> {
    let behind = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let quoted = behind.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(behind.len() - quoted.len()));
    let body = quoted.strip_prefix('"')?;
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

/// Whether a quote begins a character, not a lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = true;
    let end = text.char_indices().find(|&(_, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The tokens of a file without comments and without items behind `#[cfg(test)]`.
pub fn product_code(text: &str) -> Vec<Token<'_>> {
    let mut rest = tokens(text);
    rest.retain(|token| token.kind != Kind::Comment);
    let mut code = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        if is_test_attribute(&rest[at..]) {
            at += item_length(&rest[at..]);
        } else {
            code.push(rest[at]);
            at += 1;
        }
    }
    code
}

/// Modules declared for tests only: `#[cfg(test)] mod fake;`.
pub fn test_modules(text: &str) -> Vec<&str> {
    let mut all = tokens(text);
    all.retain(|token| token.kind != Kind::Comment);
    let items = (0..all.len()).filter(|&at| is_test_attribute(&all[at..]));
    items.filter_map(|at| find(&all[at..at + item_length(&all[at..])], &["mod"])).map(|rest| rest[0].text).collect()
}

const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_test_attribute(tokens: &[Token]) -> bool {
    starts_with(tokens, &TEST)
}

/// Tokens from an item's first attribute to its end: a semicolon or a closing brace.
fn item_length(tokens: &[Token]) -> usize {
    let mut at = 0;
    while starts_with(&tokens[at..], &["#"]) {
        at += 1 + group_length(&tokens[at + 1..]);
    }
    let body = at + head_length(&tokens[at..]);
    let end = body + group_length(&tokens[body..]);
    // As behind `use a::{b, c}`.
    end + usize::from(tokens.get(end).is_some_and(|token| token.is(";")))
}

/// Tokens up to the first brace or semicolon outside parentheses and brackets, or the end of the enclosing block.
pub fn head_length(tokens: &[Token]) -> usize {
    let mut at = 0;
    while let Some(token) = tokens.get(at).filter(|token| !["{", "}", ";"].iter().any(|end| token.is(end))) {
        at += if token.is("(") || token.is("[") { group_length(&tokens[at..]) } else { 1 };
    }
    at
}

/// Tokens of the group opened by the first token; 1 for other tokens.
pub fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        let is_any = |of: [&str; 3]| token.kind == Kind::Punct && of.contains(&token.text);
        depth += usize::from(is_any(["(", "[", "{"]));
        depth = depth.saturating_sub(usize::from(is_any([")", "]", "}"])));
        if depth == 0 {
            return (at + 1).min(tokens.len());
        }
    }
    tokens.len()
}

pub fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.is(text))
}

/// The tokens behind the first match, if any follow.
pub fn find<'t, 'a>(tokens: &'t [Token<'a>], texts: &[&str]) -> Option<&'t [Token<'a>]> {
    let at = (0..tokens.len()).find(|&at| starts_with(&tokens[at..], texts))?;
    Some(&tokens[at + texts.len()..]).filter(|rest| !rest.is_empty())
}

/// A path in a source, and the name under which `use` imports the item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'a> {
    pub segments: Vec<&'a str>,
    pub name: &'a str,
}

/// The path at the start, or all paths of a `use` with braces.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Path<'a>> {
    let mut found = Vec::new();
    tree(tokens, &[], &mut found);
    found
}

/// Reads one tree and returns its length.
fn tree<'a>(tokens: &[Token<'a>], prefix: &[&'a str], found: &mut Vec<Path<'a>>) -> usize {
    let (mut segments, mut at) = (prefix.to_vec(), 0);
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            let end = at + group_length(&tokens[at..]);
            let mut inner = at + 1;
            while inner + 1 < end {
                inner += tree(&tokens[inner..end - 1], &segments, found) + 1;
            }
            return end;
        }
        if token.kind != Kind::Ident && !token.is("*") {
            break;
        }
        segments.push(token.text);
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is("::")) {
            break;
        }
        at += 1;
    }
    let alias = tokens.get(at).filter(|token| token.is("as")).and_then(|_| tokens.get(at + 1));
    let last = segments.last().copied().unwrap_or_default();
    found.push(Path { name: alias.map_or(last, |token| token.text), segments });
    at + if alias.is_some() { 2 } else { 0 }
}

#[cfg(test)]
mod tests;
