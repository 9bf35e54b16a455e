//! Names of types as code has them: with the package's name, not its whole path.

use std::borrow::Cow;

/// `*example.com/pkg.T` as `*pkg.T`, `[]uint8` as `[]byte`, `interface {}` as `any`.
#[must_use]
pub fn short(name: &str) -> Cow<'_, str> {
    // A shape is what stands for type arguments that are made alike: of pointers nothing more is known.
    if name.contains("go.shape.") || name.contains("go%2eshape.") {
        let name = name.replace("go%2eshape.", "go.shape.");
        let plain = name.replace("go.shape.*uint8", "pointer").replace("go.shape.", "");
        return Cow::Owned(short(&plain).into_owned());
    }
    // Most names are short already; the mark of types in functions is no ASCII.
    let is_short = name.bytes().all(|b| b.is_ascii() && !matches!(b, b'/' | b'{'));
    if is_short && !(name.contains(']') && name.contains("]uint8")) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(shortened(name))
    }
}

fn shortened(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(start) = rest.find(is_word) {
        let (between, from) = rest.split_at(start);
        let (word, behind) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        out.push_str(between);
        out.push_str(&bare(word));
        rest = behind;
    }
    out.push_str(rest);
    // The compiler's words for what everybody writes otherwise.
    let out = if out.contains("interface {}") { out.replace("interface {}", "any") } else { out };
    if out.contains("]uint8") { bytes(&out) } else { out }
}

/// What a path and the name behind it are made of. A `-` also stands in `chan<-`, which does no harm.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '%' | '-' | '~' | '+' | '@' | '·')
}

/// A word without its path and without the number of a type that is local to a function.
fn bare(word: &str) -> String {
    let word = word.split('·').next().unwrap_or(word);
    let Some((path, last)) = word.rsplit_once('/') else { return word.to_owned() };
    let last = last.replace("%2e", ".");
    let (package, name) = last.rsplit_once('.').unwrap_or(("", &last));
    // The last element of a path may only be its version: `example.com/yaml/v3`, `gopkg.in/yaml.v2`.
    let package = if is_version(package) { path.rsplit('/').next().unwrap_or(package) } else { package };
    let package = package.rsplit_once('.').filter(|(_, version)| is_version(version)).map_or(package, |(name, _)| name);
    format!("{package}.{name}")
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// `uint8` as the element of a slice or an array is `byte`.
fn bytes(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("]uint8") {
        let (head, tail) = rest.split_at(at + 1);
        let behind = tail.get("uint8".len()..).unwrap_or_default();
        out.push_str(head);
        out.push_str(if behind.starts_with(is_word) { "uint8" } else { "byte" });
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn paths_are_left_out() {
        let all = [
            ("*net/http.Request", "*http.Request"),
            ("map[example.com/a/b.K][]net/url.URL", "map[b.K][]url.URL"),
            ("main.Pair[int,example.com/x.T]", "main.Pair[int,x.T]"),
            ("gopkg.in/yaml%2ev2.Node", "yaml.Node"),
            ("example.com/api/v3.Client", "api.Client"),
            ("math/rand/v2.Rand", "rand.Rand"),
            ("chan<- example.com/x.T", "chan<- x.T"),
            ("<-chan int", "<-chan int"),
            ("func(interface {}, ...interface {}) error", "func(any, ...any) error"),
            ("[]uint8", "[]byte"),
            ("[4]uint8", "[4]byte"),
            ("map[string][]uint8", "map[string][]byte"),
            ("main.local·1", "main.local"),
            ("uint8", "uint8"),
            ("map[go.shape.string]go.shape.*uint8", "map[string]pointer"),
            ("*main.Set[go.shape.[]uint8]", "*main.Set[[]byte]"),
            ("go.shape.struct { a int }", "struct { a int }"),
            ("[]go%2eshape.float64", "[]float64"),
        ];
        for (name, want) in all {
            assert_eq!(short(name), want);
        }
    }
}
