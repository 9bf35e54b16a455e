//! Function names as people write them: whole, or with `*` for any run of characters.
//!
//! `*` crosses dots and slashes, and `[...]` stands for any type arguments, as tracebacks print them. The star of a
//! receiver, as in `main.(*T).M`, is itself, and so is everything else, case included.

use crate::name::unescape;

/// A pattern for function names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The text with [`ANY`] where any characters may stand.
    glob: String,
}

impl Pattern {
    /// Takes the text as typed.
    #[must_use]
    pub fn new(text: &str) -> Pattern {
        Pattern { text: text.to_owned(), glob: with_wildcards(text) }
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it can only match one name.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.glob.contains(ANY)
    }

    /// Whether it matches the linker's name, or that name with its escapes undone.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        glob(&self.glob, name) || name.contains('%') && glob(&self.glob, &unescape(name))
    }
}

/// Stands for any characters in a prepared pattern; no linker's name has it.
const ANY: char = '\0';

fn with_wildcards(text: &str) -> String {
    let mut glob = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().filter(|&c| c != ANY).peekable();
    while let Some(c) = rest.next() {
        let receiver = before == Some('(') && rest.peek().is_some_and(|n| n.is_alphanumeric() || *n == '_');
        glob.push(if c == '*' && !receiver { ANY } else { c });
        before = Some(c);
    }
    glob.replace("[...]", "[\0]")
}

/// Greedy matching with one point to go back to: linear but for the last star.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(0) => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (p, n) = (star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|&b| b == 0)
}

/// The names closest to `wanted`, best first, at most `most`: what to suggest when nothing matched.
///
/// Close is: the same but for case, or without the package or the receiver's star; else few edits apart.
#[must_use]
pub fn suggest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>, most: usize) -> Vec<&'n str> {
    let wanted = wanted.trim_matches('*');
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut scored: Vec<(usize, &str)> = names.filter_map(|name| Some((distance(wanted, name)?, name))).collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(most).map(|(_, name)| name).collect()
}

/// The pattern of a generic function, if that is what was wanted with type arguments as the source has them, or without:
/// names have the shapes of type arguments in their place.
#[must_use]
pub fn generic<'n>(wanted: &str, mut names: impl Iterator<Item = &'n str>) -> Option<String> {
    let around = |name: &str| {
        let (open, close) = (name.find('[')?, name.rfind(']')?);
        (open < close).then(|| (name[..open].to_owned(), name[close + 1..].to_owned()))
    };
    let wanted = around(wanted).unwrap_or_else(|| (wanted.to_owned(), String::new()));
    names.any(|name| around(name).as_ref() == Some(&wanted)).then(|| format!("{}[...]{}", wanted.0, wanted.1))
}

/// How far a name is from what was wanted; `None` if too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let (a, b) = (plain(wanted), plain(name));
    if a == b {
        return Some(0);
    }
    if b.strip_suffix(a.as_str()).is_some_and(|rest| rest.ends_with(['.', '/'])) {
        return Some(1);
    }
    let last = b.rsplit('/').next().unwrap_or(&b);
    let edits = edits(&a, &b).min(edits(&a, last) + 1);
    (edits <= a.len() / 5 + 1).then_some(edits + 1)
}

/// Lower case, without the signs that are easily left out.
fn plain(name: &str) -> String {
    let name = unescape(name);
    name.chars().filter(|c| !matches!(c, '(' | ')' | '*')).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two texts; a large number if they differ much
/// in length.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > a.len() / 5 + 1 {
        return usize::MAX / 2;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 10] = [
        "main.main",
        "main.main.func1",
        "main.(*Server).Serve",
        "main.Map[go.shape.[]int]",
        "net/http.(*conn).serve",
        "net/http.(*Server).Serve",
        "net/http.HandlerFunc.ServeHTTP",
        "gopkg.in/yaml%2ev3.Unmarshal",
        "runtime.gopanic",
        "github.com/a/b.Handle",
    ];

    fn check(pattern: &str, expect: &[&str]) {
        let pattern = Pattern::new(pattern);
        let found: Vec<&str> = NAMES.into_iter().filter(|n| pattern.matches(n)).collect();
        assert_eq!(found, expect, "{}", pattern.text());
    }

    fn check_near(wanted: &str, expect: &[&str]) {
        assert_eq!(suggest(wanted, NAMES.into_iter(), 3), expect, "{wanted}");
    }

    #[test]
    fn a_name_without_stars_matches_itself() {
        check("main.main", &["main.main"]);
        check("main.Map[go.shape.[]int]", &["main.Map[go.shape.[]int]"]);
        check("Main.main", &[]);
    }

    #[test]
    fn three_dots_stand_for_any_type_arguments() {
        check("main.Map[...]", &["main.Map[go.shape.[]int]"]);
        assert!(!Pattern::new("main.Map[...]").is_literal());
    }

    #[test]
    fn a_receivers_star_matches_itself() {
        check("net/http.(*conn).serve", &["net/http.(*conn).serve"]);
        check("net/http.(*onn).serve", &[]);
        check("net/http.(*c*).s*", &["net/http.(*conn).serve"]);
        check("*.(*).Serve", &["main.(*Server).Serve", "net/http.(*Server).Serve"]);
        assert!(Pattern::new("net/http.(*conn).serve").is_literal());
        assert!(!Pattern::new("net/http.*").is_literal());
    }

    #[test]
    fn a_star_crosses_dots_and_slashes() {
        check("main.*", &["main.main", "main.main.func1", "main.(*Server).Serve", "main.Map[go.shape.[]int]"]);
        check("*.ServeHTTP", &["net/http.HandlerFunc.ServeHTTP"]);
        check("*Serve", &["main.(*Server).Serve", "net/http.(*Server).Serve"]);
        check("*http*.serve", &["net/http.(*conn).serve"]);
        assert_eq!(NAMES.into_iter().filter(|n| Pattern::new("*").matches(n)).count(), NAMES.len());
    }

    #[test]
    fn an_import_path_is_written_as_in_source_or_as_the_linker_has_it() {
        check("gopkg.in/yaml.v3.Unmarshal", &["gopkg.in/yaml%2ev3.Unmarshal"]);
        check("gopkg.in/yaml%2ev3.*", &["gopkg.in/yaml%2ev3.Unmarshal"]);
    }

    #[test]
    fn many_stars_end_in_reasonable_time() {
        let name = "a".repeat(2000);
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(200))).matches(&name));
    }

    #[test]
    fn near_misses_are_suggested() {
        check_near("main.man", &["main.main"]);
        check_near("Main.Main", &["main.main"]);
        check_near("main.Server.Serve", &["main.(*Server).Serve"]);
        check_near("http.(*conn).serve", &["net/http.(*conn).serve"]);
        check_near("b.Handle", &["github.com/a/b.Handle"]);
        check_near("runtime.gopnaic", &["runtime.gopanic"]);
        check_near("nothing.like.this.at.all", &[]);
        check_near("*", &[]);
    }

    #[test]
    fn generic_functions_are_found_by_what_the_source_says() {
        let names = ["main.Map[go.shape.int,go.shape.string]", "main.(*Set[go.shape.int]).Add", "main.f"];
        let found = |wanted: &str| generic(wanted, names.into_iter());
        assert_eq!(found("main.Map[int,string]").as_deref(), Some("main.Map[...]"));
        assert_eq!(found("main.Map").as_deref(), Some("main.Map[...]"));
        assert_eq!(found("main.(*Set[int]).Add").as_deref(), Some("main.(*Set[...]).Add"));
        assert_eq!(found("main.f[int]"), None);
        assert_eq!(found("main.g"), None);
    }
}
