//! The parts of a Go function's name, and what they say about where the function came from.
//!
//! The linker's names are the only ones that every file has. They are the import path, a dot, and what the compiler
//! made of the declaration: a receiver in parentheses, `.func1` for closures, `-fm` for method values, `[...]` for
//! generic code, `.gowrap1` and `.deferwrap1` for the closures that it makes itself.

use std::borrow::Cow;

/// How a function came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Declared in Go.
    Go,
    /// Written in assembly.
    Asm,
    /// Brought in by cgo.
    C,
    /// A function literal, or the body of a loop over a function.
    Closure,
    /// `x.Method` used as a value.
    MethodValue,
    /// Made by the compiler to adapt one method to another receiver or calling convention.
    Wrapper,
    /// Made by the compiler for a `go` statement with arguments.
    GoWrapper,
    /// Made by the compiler for a `defer` statement with arguments.
    DeferWrapper,
    /// Comparison or hash of a type, package initialisation and the like: nobody wrote it.
    Generated,
    /// No function: a name that the linker gave to a place between functions.
    Mark,
}

impl Origin {
    /// The word for it in lists and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Origin::Go => "go",
            Origin::Asm => "asm",
            Origin::C => "c",
            Origin::Closure => "closure",
            Origin::MethodValue => "method-value",
            Origin::Wrapper => "wrapper",
            Origin::GoWrapper => "gowrap",
            Origin::DeferWrapper => "deferwrap",
            Origin::Generated => "generated",
            Origin::Mark => "mark",
        }
    }
}

/// A function's name, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'n> {
    /// The linker's name, whole.
    pub full: &'n str,
    /// The import path as it stands in the name, with `%2e`; empty for names without one.
    pub package: &'n str,
    /// The receiver's type with its star but without parentheses: `*Server`, `Time`.
    pub receiver: Option<&'n str>,
    /// What follows package and receiver: `Serve`, `main.func1`.
    pub base: &'n str,
}

impl<'n> Name<'n> {
    /// Takes `full` apart.
    #[must_use]
    pub fn parse(full: &'n str) -> Name<'n> {
        let (package, rest) = if is_made_up(full) { ("", full) } else { split_package(full) };
        let (receiver, base) = split_receiver(rest);
        Name { full, package, receiver, base }
    }

    /// The import path as Go source writes it.
    #[must_use]
    pub fn import_path(&self) -> Cow<'n, str> {
        unescape(self.package)
    }

    /// Instantiated from a type parameter.
    #[must_use]
    pub fn generic(&self) -> bool {
        self.full.contains('[') && !is_made_up(self.full)
    }

    /// How the function came to be, as far as the name tells.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let last = self.base.rsplit('.').next().unwrap_or_default();
        let initialises = self.receiver.is_none() && (self.base == "init" || self.base.starts_with("map.init."));
        if is_made_up(self.full) || initialises {
            Origin::Generated
        } else if self.base.ends_with("-fm") {
            Origin::MethodValue
        } else if is_numbered(last, "gowrap") {
            Origin::GoWrapper
        } else if is_numbered(last, "deferwrap") {
            Origin::DeferWrapper
        } else if is_closure(self.base) {
            Origin::Closure
        } else {
            Origin::Go
        }
    }
}

/// Names that the compiler makes for code of no package: `type:.eq.main.T` (`type..eq` up to Go 1.19),
/// `go:struct { … }.Method`. A prefix `go.` would be that of packages such as `go.uber.org/zap`.
fn is_made_up(full: &str) -> bool {
    ["type:", "type..", "go:"].iter().any(|p| full.starts_with(p))
}

/// `.func1`, `.func2.1` of old, `.func1-range2`: a literal somewhere in the chain behind the first part.
fn is_closure(base: &str) -> bool {
    let mut parts = base.split('.').skip(1);
    parts.any(|p| is_numbered(p.split('-').next().unwrap_or(p), "func")) || base.contains("-range")
}

fn is_numbered(part: &str, prefix: &str) -> bool {
    part.strip_prefix(prefix).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The package ends at the first dot behind the last slash; neither counts inside brackets or parentheses.
fn split_package(full: &str) -> (&str, &str) {
    let head = full.find(['[', '(', '{']).map_or(full, |end| &full[..end]);
    let slash = head.rfind('/').map_or(0, |i| i + 1);
    match full[slash..].find('.') {
        Some(dot) if slash + dot < head.len() || head.len() == full.len() => {
            (&full[..slash + dot], &full[slash + dot + 1..])
        }
        _ => ("", full),
    }
}

/// `(*T).M` and `T.M`: the second cannot be told from a closure `F.func1` but by the form of what follows.
fn split_receiver(rest: &str) -> (Option<&str>, &str) {
    if let Some(inner) = rest.strip_prefix('(') {
        if let Some((receiver, base)) = inner.split_once(").") {
            return (Some(receiver), base);
        }
        return (None, rest);
    }
    let end = skip_brackets(rest, rest.find(['.', '[']).unwrap_or(rest.len()));
    let (first, after) = rest.split_at(end);
    let Some(base) = after.strip_prefix('.') else { return (None, rest) };
    let second = base.split(['.', '-']).next().unwrap_or_default();
    let compiler_made = ["func", "gowrap", "deferwrap"].iter().any(|p| is_numbered(second, p));
    if compiler_made
        || second.is_empty()
        || second.bytes().all(|b| b.is_ascii_digit())
        || first == "init"
        || first == "glob"
    {
        return (None, rest);
    }
    (Some(first), base)
}

/// The index behind a bracketed part that starts at `at`, or `at`.
fn skip_brackets(text: &str, at: usize) -> usize {
    let mut depth = 0usize;
    for (i, c) in text[at..].char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return at + i,
            _ => {}
        }
    }
    text.len()
}

/// Undoes the linker's escapes: `gopkg.in/yaml%2ev3` is `gopkg.in/yaml.v3`.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escape.filter(|_| byte == b'%') {
            Some(meant) => {
                out.push(meant);
                rest = &tail[2..];
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(full: &str, expect: Expect) {
        let n = Name::parse(full);
        let generic = if n.generic() { " generic" } else { "" };
        let receiver = n.receiver.map_or(String::new(), |r| format!(" ({r})"));
        expect.assert_eq(&format!("{}{receiver} {} {}{generic}", n.import_path(), n.base, n.origin().word()));
    }

    #[test]
    fn a_function_has_a_package_and_a_name() {
        check("main.main", expect!["main main go"]);
        check("runtime.gopanic", expect!["runtime gopanic go"]);
        check("github.com/gin-gonic/gin.New", expect!["github.com/gin-gonic/gin New go"]);
    }

    #[test]
    fn a_method_has_a_receiver() {
        check("net/http.(*conn).serve", expect!["net/http (*conn) serve go"]);
        check("time.Time.String", expect!["time (Time) String go"]);
        check("net/http.HandlerFunc.ServeHTTP", expect!["net/http (HandlerFunc) ServeHTTP go"]);
    }

    #[test]
    fn dots_of_an_import_path_are_escaped_by_the_linker() {
        check("gopkg.in/yaml%2ev3.(*Decoder).Decode", expect!["gopkg.in/yaml.v3 (*Decoder) Decode go"]);
        check("example.com/a.b/c%2e%2ed.F", expect!["example.com/a.b/c..d F go"]);
    }

    #[test]
    fn closures_are_told_from_methods() {
        check("main.main.func1", expect!["main main.func1 closure"]);
        check("main.main.func1.2", expect!["main main.func1.2 closure"]);
        check("main.(*T).M.func3", expect!["main (*T) M.func3 closure"]);
        check("main.T.M.func3", expect!["main (T) M.func3 closure"]);
        check("main.glob..func1", expect!["main glob..func1 closure"]);
        check("main.init.func2", expect!["main init.func2 closure"]);
        check("main.seq-range1", expect!["main seq-range1 closure"]);
        check("main.seq.func1-range2", expect!["main seq.func1-range2 closure"]);
    }

    #[test]
    fn wrappers_of_statements_and_method_values_are_known_by_their_ends() {
        check("main.main.gowrap1", expect!["main main.gowrap1 gowrap"]);
        check("main.(*T).run.deferwrap2", expect!["main (*T) run.deferwrap2 deferwrap"]);
        check("main.(*T).M-fm", expect!["main (*T) M-fm method-value"]);
    }

    #[test]
    fn generic_code_carries_brackets() {
        check("main.Map[...]", expect!["main Map[...] go generic"]);
        check("main.(*List[...]).Push", expect!["main (*List[...]) Push go generic"]);
        check("main.Pair[...].Swap", expect!["main (Pair[...]) Swap go generic"]);
        check("main.Map[...].func1", expect!["main Map[...].func1 closure generic"]);
        check(
            "slices.SortFunc[go.shape.[]a/b.T,go.shape.int]",
            expect!["slices SortFunc[go.shape.[]a/b.T,go.shape.int] go generic"],
        );
    }

    #[test]
    fn what_the_compiler_makes_belongs_to_nobody() {
        check("type:.eq.main.T", expect![" (type:) eq.main.T generated"]);
        check("go:struct { main.Inner }.Name", expect![" (go:struct { main) Inner }.Name generated"]);
        check("main.init", expect!["main init generated"]);
        check("main.init.0", expect!["main init.0 go"]);
        check("internal/sync.(*HashTrieMap[...]).init", expect!["internal/sync (*HashTrieMap[...]) init go generic"]);
        check("go.uber.org/zap.(*Logger).Info", expect!["go.uber.org/zap (*Logger) Info go"]);
        check("main.map.init.0", expect!["main (map) init.0 go"]);
    }

    #[test]
    fn a_name_without_a_package_is_all_base() {
        check("_rt0_amd64_linux", expect![" _rt0_amd64_linux go"]);
        check("gogo", expect![" gogo go"]);
        check("", expect!["  go"]);
    }
}
