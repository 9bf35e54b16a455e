//! Signatures as people write them: `main.Fib(n int) int`, in Go's syntax behind a function's name as Go prints it.
//!
//! Text only: which types the names mean, and where values of them are, is said by [`crate::signature`]. Packages may
//! be written with whole import paths or as code writes them; of a method the receiver may be left out.

use std::fmt;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// What a function takes and gives, as somebody says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declaration {
    /// The arguments.
    pub params: Vec<Param>,
    /// The results.
    pub results: Vec<Param>,
    /// The whole of it.
    pub at: Range<usize>,
}

/// An argument or a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its type; of `...T` that is `[]T`.
    pub ty: Spelling,
}

/// A type, and where in the text it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spelling {
    /// What it is.
    pub form: Form,
    /// Where it stands.
    pub at: Range<usize>,
}

/// What a type's text says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// `int`, `main.T`, `net/http.Header`, `main.Set[int]`
    Name(String),
    /// `*T`
    Pointer(Box<Spelling>),
    /// `[]T`
    Slice(Box<Spelling>),
    /// `[4]T`
    Array(u64, Box<Spelling>),
    /// `map[K]V`
    Map(Box<Spelling>, Box<Spelling>),
    /// `chan T`, with the words before `T`.
    Chan(&'static str, Box<Spelling>),
    /// `func(…) …`
    Func(Vec<Param>, Vec<Param>),
    /// `struct{…}`
    Struct(Vec<Member>),
    /// `interface{…}`, with what stands in it.
    Interface(String),
}

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name; of an embedded one that of its type.
    pub name: String,
    /// Its type.
    pub ty: Spelling,
    /// It has no name of its own.
    pub embedded: bool,
}

/// What is wrong with a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Where.
    pub at: Range<usize>,
    /// In a sentence without full stop.
    pub why: String,
    /// What would help.
    pub help: Option<String>,
}

impl Wrong {
    pub(crate) fn new(at: Range<usize>, why: impl Into<String>) -> Wrong {
        Wrong { at, why: why.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Wrong {
        Wrong { help: Some(help.into()), ..self }
    }
}

/// No type is written with more others in it.
const DEEPEST: usize = 32;
/// So many arguments nobody writes.
const MOST: usize = 256;

/// Where a signature begins behind the name of a function, if one does.
///
/// A name has parentheses only around a receiver, which stand behind a dot.
#[must_use]
pub fn begins_at(text: &str) -> Option<usize> {
    if ["type:", "type..", "go:"].iter().any(|made_up| text.starts_with(made_up)) {
        return None;
    }
    let (mut brackets, mut receiver, mut before) = (0usize, false, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            ')' => receiver = false,
            '(' if brackets > 0 || receiver => {}
            '(' if before.is_alphanumeric() || "_]".contains(before) => return Some(at),
            '(' if before == '*' && !text[at + 1..].starts_with('*') => return Some(at),
            '(' => receiver = true,
            _ => {}
        }
        before = c;
    }
    None
}

/// Takes a name and its signature apart; `main.Fib func(n int) int`, as `gospect list` shows it, is the same.
#[must_use]
pub fn split(text: &str) -> Option<(&str, &str)> {
    let (name, signature) = text.split_at(begins_at(text)?);
    let bare = name.strip_suffix("func").filter(|bare| bare.ends_with(char::is_whitespace));
    Some((bare.unwrap_or(name).trim_end(), signature))
}

/// Reads `(n int) int`.
///
/// # Errors
/// What is wrong with it.
pub fn parse(signature: &str) -> Result<Declaration, Wrong> {
    let mut parser = Parser { text: signature, at: 0, depth: 0 };
    let (params, results) = parser.signature()?;
    parser.ends()?;
    Ok(Declaration { params, results, at: 0..signature.len() })
}

/// Reads a type.
///
/// # Errors
/// What is wrong with it.
pub fn parse_type(text: &str) -> Result<Spelling, Wrong> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let ty = parser.ty()?;
    parser.ends()?;
    Ok(ty)
}

/// What begins a type, and so is no name of an argument.
const KEYWORDS: [&str; 5] = ["chan", "func", "interface", "map", "struct"];

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, what: &str) -> bool {
        self.skip_space();
        let there = self.rest().starts_with(what);
        self.at += if there { what.len() } else { 0 };
        there
    }

    /// A keyword, which no letter follows.
    fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let there = self.rest().strip_prefix(word).is_some_and(|behind| !behind.starts_with(is_name));
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn here(&self) -> Range<usize> {
        let len = self.rest().chars().next().map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    fn expected<T>(&mut self, what: &str) -> Result<T, Wrong> {
        self.skip_space();
        let found = match self.rest().chars().next() {
            Some(c) => format!("`{c}` stands there"),
            None => "the signature ends there".to_owned(),
        };
        Err(Wrong::new(self.here(), format!("{what} is missing, {found}")))
    }

    fn expect(&mut self, what: &str) -> Result<(), Wrong> {
        if self.eat(what) { Ok(()) } else { self.expected(&format!("`{what}`")) }
    }

    fn ends(&mut self) -> Result<(), Wrong> {
        self.skip_space();
        match self.rest() {
            "" => Ok(()),
            more => Err(Wrong::new(self.at..self.text.len(), format!("`{more}` behind the signature means nothing"))),
        }
    }

    fn signature(&mut self) -> Result<(Vec<Param>, Vec<Param>), Wrong> {
        let params = self.params()?;
        self.skip_space();
        let results = match self.rest().chars().next() {
            Some('(') => self.params()?,
            Some(c) if is_identifier(c) || "*[<(".contains(c) => vec![Param { name: None, ty: self.ty()? }],
            _ => Vec::new(),
        };
        Ok((params, results))
    }

    /// `(a, b int, s string)`, `(int, error)`
    fn params(&mut self) -> Result<Vec<Param>, Wrong> {
        self.expect("(")?;
        let mut all = Vec::new();
        while !self.eat(")") {
            all.push(self.param()?);
            if all.len() > MOST {
                return Err(Wrong::new(self.here(), "no function has so many arguments"));
            }
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        grouped(all)
    }

    fn param(&mut self) -> Result<Param, Wrong> {
        let name = self.param_name();
        let start = self.at;
        if self.eat("...") {
            let elem = self.ty()?;
            let ty = Spelling { form: Form::Slice(Box::new(elem)), at: start..self.at };
            return Ok(Param { name, ty });
        }
        Ok(Param { name, ty: self.ty()? })
    }

    /// A word with something of a type behind it.
    fn param_name(&mut self) -> Option<String> {
        self.skip_space();
        let word = self.rest().split(|c| !is_identifier(c)).next().unwrap_or_default();
        let behind = self.rest().get(word.len()..)?;
        let named = !word.is_empty()
            && !KEYWORDS.contains(&word)
            && behind.starts_with(char::is_whitespace)
            && !behind.trim_start().is_empty()
            && !behind.trim_start().starts_with([',', ')']);
        if !named {
            return None;
        }
        self.at += word.len();
        Some(word.to_owned())
    }

    fn ty(&mut self) -> Result<Spelling, Wrong> {
        self.skip_space();
        let start = self.at;
        if self.depth >= DEEPEST {
            return Err(Wrong::new(self.here(), "this type is too deep"));
        }
        self.depth += 1;
        let form = self.form()?;
        self.depth -= 1;
        Ok(Spelling { form, at: start..self.at })
    }

    fn boxed(&mut self) -> Result<Box<Spelling>, Wrong> {
        self.ty().map(Box::new)
    }

    fn form(&mut self) -> Result<Form, Wrong> {
        if self.eat("*") {
            return self.boxed().map(Form::Pointer);
        }
        if self.eat("(") {
            let inner = self.ty()?.form;
            return self.expect(")").map(|()| inner);
        }
        if self.eat("[") {
            return self.sequence();
        }
        if self.eat("<-chan") {
            return Ok(Form::Chan("<-chan ", self.boxed()?));
        }
        if self.eat_word("map") {
            self.expect("[")?;
            let key = self.boxed()?;
            self.expect("]")?;
            return Ok(Form::Map(key, self.boxed()?));
        }
        if self.eat_word("chan") {
            let words = if self.eat("<-") { "chan<- " } else { "chan " };
            return Ok(Form::Chan(words, self.boxed()?));
        }
        if self.eat_word("func") {
            return self.signature().map(|(params, results)| Form::Func(params, results));
        }
        if self.eat_word("struct") {
            return self.members().map(Form::Struct);
        }
        if self.eat_word("interface") {
            self.expect("{")?;
            return self.until_closed().map(Form::Interface);
        }
        self.name()
    }

    /// Behind `[`.
    fn sequence(&mut self) -> Result<Form, Wrong> {
        if self.eat("]") {
            return self.boxed().map(Form::Slice);
        }
        self.skip_space();
        let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
        let at = self.at..self.at + digits.len().max(1);
        let Ok(len) = digits.parse() else {
            return Err(Wrong::new(at, "the length of an array is a number"));
        };
        self.at += digits.len();
        self.expect("]")?;
        Ok(Form::Array(len, self.boxed()?))
    }

    /// `main.T`, with what stands in brackets right behind it.
    fn name(&mut self) -> Result<Form, Wrong> {
        let len = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        if !self.rest().starts_with(is_identifier) {
            return self.expected("a type");
        }
        let mut name = self.rest()[..len].to_owned();
        self.at += len;
        if self.rest().starts_with('[') {
            self.at += 1;
            let mut args = Vec::new();
            loop {
                let from = self.ty()?.at;
                args.push(self.text.get(from).unwrap_or_default().to_owned());
                if !self.eat(",") {
                    break;
                }
            }
            self.expect("]")?;
            name = format!("{name}[{}]", args.join(","));
        }
        Ok(Form::Name(name))
    }

    fn members(&mut self) -> Result<Vec<Member>, Wrong> {
        self.expect("{")?;
        let mut all = Vec::new();
        while !self.eat("}") {
            self.member(&mut all)?;
            if self.eat("\"") {
                let len = self.rest().find('"').map_or(self.rest().len(), |at| at + 1);
                self.at += len;
            }
            if !self.eat(";") {
                self.expect("}")?;
                break;
            }
        }
        Ok(all)
    }

    /// `a, b int`, or an embedded type.
    fn member(&mut self, all: &mut Vec<Member>) -> Result<(), Wrong> {
        let from = self.at;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let word = self.rest().split(|c| !is_identifier(c)).next().unwrap_or_default();
            if word.is_empty() || KEYWORDS.contains(&word) {
                break;
            }
            self.at += word.len();
            names.push(word);
            if !self.eat(",") {
                break;
            }
        }
        self.skip_space();
        if names.is_empty() || names.len() == 1 && self.rest().starts_with(['.', '/', ';', '}', '%', '-', '~']) {
            self.at = from;
            let ty = self.ty()?;
            all.push(Member { name: last_part(&ty), ty, embedded: true });
            return Ok(());
        }
        let ty = self.ty()?;
        all.extend(names.into_iter().map(|name| Member { name: name.to_owned(), ty: ty.clone(), embedded: false }));
        Ok(())
    }

    /// What stands before the brace that closes this one.
    fn until_closed(&mut self) -> Result<String, Wrong> {
        let (start, mut depth) = (self.at, 1);
        while let Some(c) = self.rest().chars().next() {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            self.at += c.len_utf8();
            if depth == 0 {
                return Ok(self.text[start..self.at - 1].trim().to_owned());
            }
        }
        self.expected("`}`")
    }
}

/// Where some have names, one that has none is a name itself, of the type that follows.
fn grouped(mut all: Vec<Param>) -> Result<Vec<Param>, Wrong> {
    if all.iter().all(|param| param.name.is_none()) {
        return Ok(all);
    }
    let mut ty: Option<Spelling> = None;
    for param in all.iter_mut().rev() {
        if param.name.is_some() {
            ty = Some(param.ty.clone());
            continue;
        }
        let at = param.ty.at.clone();
        match (&param.ty.form, &ty) {
            (Form::Name(name), Some(ty)) if name.chars().all(is_identifier) => {
                *param = Param { name: Some(name.clone()), ty: ty.clone() };
            }
            (Form::Name(name), None) if name.chars().all(is_identifier) => {
                return Err(Wrong::new(at, format!("the type of `{name}` is missing")));
            }
            _ => return Err(Wrong::new(at, "either all have names or none").help("`_` is a name, too")),
        }
    }
    Ok(all)
}

/// The name by which an embedded type is a field.
fn last_part(ty: &Spelling) -> String {
    match &ty.form {
        Form::Pointer(to) => last_part(to),
        Form::Name(name) => {
            let name = name.split('[').next().unwrap_or(name);
            name.rsplit('.').next().unwrap_or(name).to_owned()
        }
        _ => "_".to_owned(),
    }
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What paths and the names behind them are made of.
fn is_name(c: char) -> bool {
    is_identifier(c) || "./-~%@+·".contains(c)
}

impl Spelling {
    /// Whether this, as a user says it, is the other type, as an executable names it.
    #[must_use]
    pub fn means(&self, real: &Spelling) -> bool {
        let all = |mine: &[Param], theirs: &[Param]| {
            mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(mine, theirs)| mine.ty.means(&theirs.ty))
        };
        match (&self.form, &real.form) {
            (Form::Name(mine), Form::Name(theirs)) => same_name(mine, theirs),
            (Form::Name(any), Form::Interface(asked)) | (Form::Interface(asked), Form::Name(any)) => {
                any == "any" && asked.is_empty()
            }
            (Form::Pointer(mine), Form::Pointer(theirs)) | (Form::Slice(mine), Form::Slice(theirs)) => {
                mine.means(theirs)
            }
            (Form::Array(n, mine), Form::Array(m, theirs)) => n == m && mine.means(theirs),
            (Form::Map(key, elem), Form::Map(their_key, their_elem)) => key.means(their_key) && elem.means(their_elem),
            (Form::Chan(words, mine), Form::Chan(their_words, theirs)) => words == their_words && mine.means(theirs),
            (Form::Func(a, b), Form::Func(c, d)) => all(a, c) && all(b, d),
            (Form::Interface(mine), Form::Interface(theirs)) => {
                let plain = |text: &str| text.split_whitespace().collect::<String>();
                plain(mine) == plain(theirs)
            }
            (Form::Struct(mine), Form::Struct(theirs)) => {
                let same = |(mine, theirs): (&Member, &Member)| mine.name == theirs.name && mine.ty.means(&theirs.ty);
                mine.len() == theirs.len() && mine.iter().zip(theirs).all(same)
            }
            _ => false,
        }
    }
}

/// Whether two names are of one type: the first with or without the path of its package.
fn same_name(mine: &str, theirs: &str) -> bool {
    let (mine, theirs) = (canonical(mine), canonical(theirs));
    let short = |name: &str| {
        let end = name.find('[').unwrap_or(name.len());
        let slash = name[..end].rfind('/').map_or(0, |at| at + 1);
        name[slash..].to_owned()
    };
    mine == theirs || mine == short(&theirs)
}

/// Without the other names of predeclared types, without the numbers of types that are local to functions.
pub(crate) fn canonical(name: &str) -> String {
    match name {
        "byte" => return "uint8".to_owned(),
        "rune" => return "int32".to_owned(),
        _ => {}
    }
    let end = name.find('[').unwrap_or(name.len());
    let local = name[..end].split('·').next().unwrap_or_default();
    let all = format!("{}{}", crate::name::unescape(local), &name[end..]);
    all.chars().filter(|c| !c.is_whitespace()).collect()
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Name(name) => f.write_str(name),
            Form::Pointer(to) => write!(f, "*{to}"),
            Form::Slice(elem) => write!(f, "[]{elem}"),
            Form::Array(len, elem) => write!(f, "[{len}]{elem}"),
            Form::Map(key, elem) => write!(f, "map[{key}]{elem}"),
            Form::Chan(words, elem) => write!(f, "{words}{elem}"),
            Form::Func(params, results) => write!(f, "func{}", Both(params, results)),
            Form::Struct(members) if members.is_empty() => f.write_str("struct {}"),
            Form::Struct(members) => {
                f.write_str("struct { ")?;
                for (n, member) in members.iter().enumerate() {
                    f.write_str(if n > 0 { "; " } else { "" })?;
                    match member.embedded {
                        true => write!(f, "{}", member.ty)?,
                        false => write!(f, "{} {}", member.name, member.ty)?,
                    }
                }
                f.write_str(" }")
            }
            Form::Interface(asked) if asked.is_empty() => f.write_str("interface {}"),
            Form::Interface(asked) => write!(f, "interface {{ {asked} }}"),
        }
    }
}

/// Arguments and results.
struct Both<'p>(&'p [Param], &'p [Param]);

impl fmt::Display for Both<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |all: &[Param]| all.iter().map(|param| param.ty.to_string()).collect::<Vec<_>>().join(", ");
        write!(f, "({})", list(self.0))?;
        match self.1 {
            [] => Ok(()),
            [one] => write!(f, " {}", one.ty),
            several => write!(f, " ({})", list(several)),
        }
    }
}

impl fmt::Display for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Both(&self.params, &self.results).fmt(f)
    }
}
