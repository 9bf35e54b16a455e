//! The reference of the language, made from the table: `docs/language.md` and `gospect help language`. The latter also
//! shows parts of it, a section or a word.

use std::fmt::Write;

use super::{Meaning, PROBES, Probe, ROWS, Row};
use plan::limits;

/// Lines are no longer.
const WIDTH: usize = 100;

const BEGINNING: &str = "\
# The probe language

The language is bpftrace's, for Go: who knows that knows this, and scripts made for it run as they are as far as they
stay within what is listed here. A script is a list of probes, each with what it does:

```
go:main.(*Server).Serve /args.n > 3/ {
    @calls[goid] = count();
}
goret:main.(*Server).Serve {
    @ns[func] = hist(elapsed);
    if (rets.0 != nil) { printf(\"%s failed, %d us\\n\", func, elapsed / 1000); }
}
```

That is: where, separated by commas if there are several places; a condition between slashes, if need be; and
statements in braces. `//` and `/* */` are remarks, a first line `#!…` is skipped. At the end all maps are printed.

Names of functions are written as Go prints them, without quotes: `net/http.(*conn).serve`, `main.Map[...]`,
`main.main.func1`; `*` stands for any characters. Since import paths have slashes, a condition behind a name begins
with a slash *behind a space*. A path or name with spaces, commas or colons is put in quotes. `!NAME` behind a place
leaves functions out: `go:main.*, !main.*.func*`.

What a function takes and gives is read from the executable. Where it does not say, as without DWARF, the text can,
behind the name and in quotes: `go:\"main.Fib(n int) int\"`, `goret:\"main.(*Server).Get(key string) ([]byte, error)\"`.
Types are written as in Go, those with a name with their package: `net/http.Header` or `http.Header`. They are the
ones that the program's runtime describes; any other is written out: `struct{A int; B *main.T}`. A method's receiver may
be left out. What contradicts the executable is refused: its types, or where it knows no more, the sizes of arguments.
";

const STATEMENTS: &str = "\
## Statements

| written | does |
|---|---|
| `$x = 1;` `$x += 2;` `$x++;` | assigns to a variable of this clause; it is 0 or empty before |
| `@m = 1;` `@m[pid, comm] = 1;` `@m[goid]++;` | assigns to a map, or to an entry of it; all probes share it |
| `@m[func] = count();` | adds to an aggregation |
| `if (…) { … } else if (…) { … } else { … }` | chooses |
| `unroll (3) { … }` | repeats |
| `return;` | ends this clause |
| `let @m = hash(100000);` | outside of clauses: how many entries a map has room for |

A map has the type of what is assigned to it, anywhere in the script, and one kind of key. Keys are integers, texts and
whatever has a name, several separated by commas.

## Operators

As in C, with its precedence: `* / %`, `+ -`, `<< >>`, `< <= > >=`, `== !=`, `&`, `^`, `|`, `&&`, `||`, `? :`, and
`- ! ~` before a value. Integers have 64 bits. An unsigned one of 64 bits makes the other side unsigned too; all others
are signed. Division by zero gives 0. Texts are compared by `==` and `!=`. `(uint8)x` cuts an integer, `*(uint64 *)x`
reads memory of the program. `(a, b)` is a tuple.

Numbers are written `12`, `0x1f`, `1_000`, `1e6`, `'c'`, or with a unit of time that makes nanoseconds of them: `100us`,
`5ms`, `2s`. `$1` is the first parameter of the script, `$#` how many there are; one that was not given is 0.

## Values of Go

`args.r.Tags[0]` follows pointers by itself, finds fields of embedded structs, and takes elements of arrays and slices
by number. `*args.p` is what a pointer points to, `len(args.s)` a length, `args.err == nil` whether there is none.
Integers, bools and texts can be computed with; structs as a whole, floats and the inside of maps and interfaces cannot.
`print(args.r)`, and `%v` of printf, show any value whole, with all that its pointers lead to, as `gospect trace` shows
arguments: `printf(\"%v %v\\n\", args.r, args.r.Tags)`. `--depth`, `--strlen`, `--capture`, `--redact` and `--opaque` mean
the same as there; what one printf shows shares one record.
What turns out not to be readable, because a pointer is nil, say, is counted, shown as `<unreadable>`, and 0 or empty
where a script computes with it.

Where a name stands for several functions, those without the argument, or whose calls cannot be probed, are left out,
and it is said which and why.
";

const FORMATS: &str = "\
## Formats of printf

`%d %i %u %x %X %o %c %p` show integers, `%s` texts and everything that has a name, `%r %rx %rh` bytes, `%%` a percent
sign. `%v` shows whatever there is, and values of Go as Go's syntax has them: texts in quotes, durations as `1.5s`,
pointers followed. `%-20s` and `%5d` pad, `%.3s` cuts. `\\n`, `\\t`, `\\\"`, `\\x41` are characters.
";

/// The whole reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = BEGINNING.to_owned();
    text.push_str("\n## Probes\n");
    PROBES.iter().for_each(|probe| describe_probe(probe, &mut text));
    text.push('\n');
    text.push_str(STATEMENTS);
    section(&mut text, "Words", |meaning| matches!(meaning, Meaning::Value(_)));
    section(&mut text, "Functions", |meaning| matches!(meaning, Meaning::Function(_)));
    section(&mut text, "Actions", |meaning| matches!(meaning, Meaning::Action(_)));
    section(&mut text, "Aggregations", |meaning| matches!(meaning, Meaning::Aggregation(_)));
    text.push('\n');
    text.push_str(FORMATS);
    text.push_str(&bounds());
    text
}

/// The part of it with this name: of a section, however it is spelled, of a word or of a kind of probe.
#[must_use]
pub fn part(name: &str) -> Option<String> {
    section_of(name).or_else(|| word_of(name))
}

fn section_of(name: &str) -> Option<String> {
    let text = reference();
    let is_it = |section: &&str| section.lines().next().is_some_and(|title| title.eq_ignore_ascii_case(name));
    let section = text.split("\n## ").skip(1).find(is_it)?;
    Some(format!("## {}\n", section.trim_end()))
}

fn word_of(name: &str) -> Option<String> {
    let mut text = String::new();
    ROWS.iter().filter(|row| row.name == name || row.covers(name)).for_each(|row| describe(row, &mut text));
    PROBES.iter().filter(|probe| probe.names.contains(&name)).for_each(|probe| describe_probe(probe, &mut text));
    (!text.is_empty()).then(|| text.trim_start().to_owned())
}

/// The names of all parts.
#[must_use]
pub fn parts() -> Vec<String> {
    let text = reference();
    let sections = text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase);
    let words = ROWS.iter().map(|row| row.name).chain(PROBES.iter().flat_map(|probe| probe.names.iter().copied()));
    sections.chain(words.map(str::to_owned)).collect()
}

fn describe_probe(probe: &Probe, text: &mut String) {
    let short: Vec<String> = probe.names.iter().skip(1).map(|name| format!("`{name}`")).collect();
    let short = if short.is_empty() { String::new() } else { format!(", or {} for short", short.join(", ")) };
    let short = if probe.names.iter().any(|name| name.eq_ignore_ascii_case(probe.usage)) { "" } else { &short };
    let _ = writeln!(text, "\n### `{}`{short}\n", probe.usage);
    wrap(probe.doc, text);
    let _ = writeln!(text, "\nFor example `{}`. Since {}.", probe.example, probe.since);
}

fn section(text: &mut String, title: &str, has: fn(Meaning) -> bool) {
    let _ = writeln!(text, "\n## {title}");
    ROWS.iter().filter(|row| has(row.meaning)).for_each(|row| describe(row, text));
}

fn describe(row: &Row, text: &mut String) {
    let _ = writeln!(text, "\n### `{}`\n", row.usage);
    let place = match row.places {
        super::Places::Everywhere => String::new(),
        places => format!(" Means something {}.", places.words()),
    };
    wrap(&format!("{}{place} Since {}.", row.doc, row.since), text);
    let _ = writeln!(text, "\n```\n{}\n```", row.example);
}

/// Writes a paragraph in lines.
fn wrap(paragraph: &str, text: &mut String) {
    let mut width = 0;
    for word in paragraph.split_whitespace() {
        let len = word.chars().count();
        if width > 0 && width + 1 + len > WIDTH {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += len;
    }
    text.push('\n');
}

fn bounds() -> String {
    let rows = [
        ("bytes kept of a text", limits::STRING.to_string()),
        ("the same, if the script says `str(…, N)`", limits::LONGEST_STRING.to_string()),
        ("bytes kept of a text in a key", limits::KEY_STRING.to_string()),
        ("bytes of a key", limits::KEY.to_string()),
        ("entries of a map, unless it is declared with more", limits::ENTRIES.to_string()),
        ("values of one `printf`", limits::PRINTF_VALUES.to_string()),
        ("bytes of what is printed at once", limits::RECORD.to_string()),
        ("parts of a tuple", limits::TUPLE.to_string()),
        ("variables of a clause", limits::VARS.to_string()),
        ("turns of `unroll`", limits::UNROLL.to_string()),
        ("expressions and statements of a clause, repeated ones counted each time", limits::PARTS.to_string()),
        ("instructions that a clause becomes", limits::CODE.to_string()),
        ("instructions of all that runs at one place", limits::STEPS.to_string()),
        ("conditional jumps of all that runs at one place", limits::BRANCHES.to_string()),
        ("values that a return knows of the call's beginning", limits::SAVES.to_string()),
        ("frames of a stack", limits::FRAMES.to_string()),
        ("buckets of an `lhist`", limits::BUCKETS.to_string()),
    ];
    let rows: String = rows.iter().map(|(what, limit)| format!("| {what} | {limit} |\n")).collect();
    format!(
        "\n## Limits\n\nWhat is within them, the kernel takes; what is not, is refused with the place and the reason.\n\n\
         | what | at most |\n|---|---|\n{rows}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_it() {
        let text = reference();
        for row in ROWS {
            assert!(text.contains(&format!("### `{}`", row.usage)), "{}", row.name);
        }
        for probe in PROBES {
            assert!(text.contains(&format!("### `{}`", probe.usage)), "{}", probe.usage);
        }
    }

    #[test]
    fn every_part_can_be_shown_alone() {
        for name in parts() {
            let part = part(&name).unwrap_or_default();
            assert!(part.starts_with("##") && part.lines().count() > 2, "{name}: {part}");
        }
        assert_eq!(part("arg3"), part("argN"));
        assert_eq!(part("nothing"), None);
    }

    #[test]
    fn it_is_text_for_people() {
        for line in reference().lines() {
            let example = line.contains('{') || line.starts_with('|');
            assert!(line.chars().count() <= 120 || example, "{line}");
            assert!(!line.ends_with(' '), "{line:?}");
        }
        for row in ROWS {
            assert!(row.doc.ends_with(['.', ')']), "{}", row.name);
        }
    }
}
