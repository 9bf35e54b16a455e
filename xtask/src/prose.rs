//! Measures the English of comments, documentation and messages by the words that stand in for a noun. Plain technical
//! prose names things instead.
//!
//! For comparison, stand-in words per 1000 words in comments, docs and strings: ripgrep 61, 38, 15; blazesym 44, 14, 1;
//! samply 38, 26, 15; humility 51, 40, 9. The sentences with the largest share are printed. Mend one by naming the
//! thing, not by deleting a word.

use crate::args::Args;
use crate::source::{self, Kind};
use crate::{files, page, root};

/// Words in place of a noun.
#[rustfmt::skip]
const STAND_INS: [&str; 27] = [
    "what", "whatever", "that", "those", "these", "this", "it", "its", "itself", "they", "them", "their", "who", "whom",
    "whose", "whoever", "nobody", "somebody", "anybody", "everybody", "something", "nothing", "anything", "there", "one",
    "ones", "so",
];
/// Default number of printed sentences.
const SHOWN: usize = 12;
/// Minimum words and stand-ins of a printed sentence.
const WORDS: usize = 6;
const HITS: usize = 3;

/// A text and its file.
struct Paragraph {
    file: String,
    text: String,
}

/// `cargo xtask prose [--top N] [PART-OF-A-PATH...]`. It only reports, so it never fails the tree.
pub fn run(args: &[String]) -> Result<bool, String> {
    let mut args = Args::new(args);
    let shown = args.number("--top", SHOWN)?;
    let parts = args.rest();
    let read = |extension: &str, split: fn(&str) -> Vec<String>| {
        let mut files = files::below(&root(), extension)?;
        files.retain(|(file, _)| parts.is_empty() || parts.iter().any(|part| file.contains(part)));
        let of = |(file, text): (String, String)| {
            split(&text).into_iter().map(move |text| Paragraph { file: file.clone(), text })
        };
        Ok::<Vec<Paragraph>, String>(files.into_iter().flat_map(of).collect())
    };
    let mut messages = read("rs", strings)?;
    messages.retain(|paragraph| !paragraph.file.contains("test"));
    let kinds = [("comments", read("rs", comments)?), ("docs", read("md", docs)?), ("strings", messages)];
    let rows = kinds.iter().map(|(kind, paragraphs)| share(kind, paragraphs));
    print!("{}", page::table(&["", ">words", ">stand-in words per 1000"], rows));
    for (_, file, sentence) in worst(kinds.iter().flat_map(|(_, paragraphs)| paragraphs)).into_iter().take(shown) {
        println!("{file}: {sentence}");
    }
    Ok(true)
}

fn share(kind: &str, paragraphs: &[Paragraph]) -> [String; 3] {
    let counted = paragraphs.iter().map(|paragraph| counts(&paragraph.text));
    let (words, hits) = counted.fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    [kind.to_owned(), words.to_string(), format!("{:.0}", 1000.0 * hits as f64 / words.max(1) as f64)]
}

/// Words, and stand-ins among them.
fn counts(text: &str) -> (usize, usize) {
    let words = text.split(|c: char| !c.is_ascii_alphabetic() && c != '\'').filter(|word| !word.is_empty());
    let is_stand_in = |word: &str| STAND_INS.iter().any(|stand_in| word.eq_ignore_ascii_case(stand_in));
    words.fold((0, 0), |(words, hits), word| (words + 1, hits + usize::from(is_stand_in(word))))
}

/// Sentences by their share of stand-ins, the largest first.
fn worst<'p>(paragraphs: impl Iterator<Item = &'p Paragraph>) -> Vec<(f64, &'p str, &'p str)> {
    let mut found = Vec::new();
    for Paragraph { file, text } in paragraphs {
        let ends = |text: &str| text.ends_with(['.', ';', ':']);
        let mut start = 0;
        for (at, _) in text.match_indices(' ').chain([(text.len(), "")]) {
            let sentence = text[start..at].trim();
            if at < text.len() && !ends(sentence) {
                continue;
            }
            start = at;
            let (words, hits) = counts(sentence);
            if words >= WORDS && hits >= HITS {
                found.push((hits as f64 / words as f64, file.as_str(), sentence));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

/// Comments on lines of their own, without code blocks.
fn comments(text: &str) -> Vec<String> {
    let (mut found, mut paragraph, mut in_code) = (Vec::new(), Vec::new(), false);
    for line in text.lines().chain([""]) {
        let comment = line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']));
        let words = comment.unwrap_or_default();
        in_code = comment.is_some() && in_code != words.trim_start().starts_with("```");
        let is_prose = !in_code && !words.starts_with("     ") && !words.contains("```");
        if is_prose && !words.trim().is_empty() {
            paragraph.push(words.trim());
        } else if !paragraph.is_empty() {
            found.push(std::mem::take(&mut paragraph).join(" "));
        }
    }
    found
}

/// Paragraphs of Markdown, without code blocks and tables.
fn docs(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let paragraphs = prose.split("\n\n").filter(|paragraph| !paragraph.trim_start().starts_with('|'));
    paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// String literals of four words and more.
fn strings(text: &str) -> Vec<String> {
    let tokens = source::tokens(text).into_iter();
    let literals = tokens.filter(|token| token.kind == Kind::Str && token.text.matches(' ').count() >= 3);
    literals.map(|token| token.text.replace("\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[cfg(test)]
mod tests;
