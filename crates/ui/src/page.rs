//! Pages that are kept as Markdown, laid out for a terminal: `gospect help language` shows the text of
//! `docs/language.md`.
//!
//! Knows as much Markdown as those pages have (headings, paragraphs, lists, code, tables of two columns) and no more. There
//! are no colours and no control characters, so that `| less` shows the same.

/// How far text stands in below its heading.
const STEP: usize = 2;

/// Something on a page.
#[derive(Debug, PartialEq, Eq)]
enum Block<'t> {
    Heading(usize, &'t str),
    Paragraph(String),
    List(Vec<String>),
    Code(Vec<&'t str>),
    Table(Vec<(&'t str, &'t str)>),
}

/// The page in lines of at most `width` characters, as far as words and code allow.
#[must_use]
pub fn lay_out(markdown: &str, width: usize) -> String {
    let mut page = Page { text: String::new(), width, indent: 0 };
    blocks(markdown).iter().for_each(|block| page.block(block));
    page.text
}

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let hashes = line.len() - line.trim_start_matches('#').len();
        let block = match line {
            "" => continue,
            _ if line.starts_with("```") => Block::Code(lines.by_ref().take_while(|line| *line != "```").collect()),
            _ if hashes > 0 && line[hashes..].starts_with(' ') => Block::Heading(hashes, line[hashes..].trim()),
            _ => {
                let mut all = vec![line];
                while let Some(line) = lines.next_if(|next| !next.is_empty()) {
                    all.push(line);
                }
                match () {
                    () if line.starts_with('|') => table(&all),
                    () if line.starts_with(ITEM) => Block::List(items(&all)),
                    () => Block::Paragraph(all.join(" ")),
                }
            }
        };
        blocks.push(block);
    }
    blocks
}

/// What an item of a list begins with.
const ITEM: &str = "- ";

fn items(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (line.strip_prefix(ITEM), items.last_mut()) {
            (None, Some(item)) => *item += &format!(" {}", line.trim()),
            (text, _) => items.push(text.unwrap_or(line).to_owned()),
        }
    }
    items
}

/// What stands below the head and its rule.
fn table<'t>(lines: &[&'t str]) -> Block<'t> {
    let cells =
        |line: &&'t str| line.trim_matches('|').rsplit_once('|').map(|(left, right)| (left.trim(), right.trim()));
    Block::Table(lines.iter().skip(2).filter_map(cells).collect())
}

struct Page {
    text: String,
    width: usize,
    indent: usize,
}

impl Page {
    fn block(&mut self, block: &Block<'_>) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        match block {
            Block::Heading(level, text) => self.heading(*level, text),
            Block::Paragraph(text) => self.wrapped(text, self.indent),
            Block::List(items) => items.iter().for_each(|item| self.item(item)),
            Block::Code(lines) => lines.iter().for_each(|line| self.code(line)),
            Block::Table(rows) => self.table(rows),
        }
    }

    fn heading(&mut self, level: usize, text: &str) {
        let text = text.replace('`', "");
        let text = if level < 3 { text.to_uppercase() } else { text };
        self.line(level.saturating_sub(2) * STEP, &text);
        self.indent = level.saturating_sub(1) * STEP;
    }

    fn line(&mut self, indent: usize, text: &str) {
        let text = format!("{:indent$}{text}", "");
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn wrapped(&mut self, text: &str, indent: usize) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && indent + chars(&line) + 1 + chars(word) > self.width {
                self.line(indent, &std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(indent, &line);
    }

    fn item(&mut self, item: &str) {
        let begin = self.text.len() + self.indent;
        self.wrapped(item, self.indent + ITEM.len());
        self.text.replace_range(begin..begin + ITEM.len(), ITEM);
    }

    /// A line that is too long is broken behind a clause's end, where a script may be, or before its comment, and anywhere
    /// before that.
    fn code(&mut self, code: &str) {
        let indent = self.indent + STEP;
        if indent + chars(code) <= self.width {
            return self.line(indent, code);
        }
        if let Some((first, rest)) = code.split_once(" } ") {
            self.line(indent, &format!("{first} }}"));
            return self.code(rest);
        }
        match code.split_once(" # ") {
            Some((first, comment)) => {
                self.wrapped(first, indent);
                self.wrapped(comment, indent + 2 * STEP);
            }
            None => self.line(indent, code),
        }
    }

    /// In two columns, if both fit; else one below the other.
    fn table(&mut self, rows: &[(&str, &str)]) {
        let rows: Vec<(String, &str)> = rows.iter().map(|(left, right)| (left.replace('`', ""), *right)).collect();
        let left = rows.iter().map(|(left, _)| chars(left)).max().unwrap_or(0);
        let right = rows.iter().map(|(_, right)| chars(right)).max().unwrap_or(0);
        let indent = self.indent;
        for (first, second) in &rows {
            if indent + left + STEP + right <= self.width {
                self.line(indent, &format!("{first:<left$}{:STEP$}{second}", ""));
            } else {
                self.line(indent, first);
                self.wrapped(second, indent + 2 * STEP);
            }
        }
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn lists_hang_and_comments_stand_below() {
        check(
            "- one two\n  three\n- four\n\n```\na: b     # longer than it may be\n```\n",
            16,
            expect![[r"
                - one two three
                - four

                  a: b
                      longer
                      than it
                      may be
            "]],
        );
    }

    fn check(markdown: &str, width: usize, want: Expect) {
        want.assert_eq(&lay_out(markdown, width));
    }

    #[test]
    fn a_page_has_headings_paragraphs_code_and_tables() {
        check(
            "# A page\n\nSome words that\nare a paragraph.\n\n## Part\n\n| a | b |\n|---|---|\n| `x` | one |\n| `yy` | two |\n\
             \n### `f(X)`\n\nDoes it, `x` being one.\n\n```\nf(1) { a } g { b }\n  more\n```\n",
            20,
            expect![[r#"
                A PAGE

                Some words that are
                a paragraph.

                PART

                  x   one
                  yy  two

                  f(X)

                    Does it, `x`
                    being one.

                      f(1) { a }
                      g { b }
                        more
            "#]],
        );
    }

    #[test]
    fn a_table_that_is_too_wide_has_its_columns_below_each_other() {
        check(
            "| a | b |\n|---|---|\n| `x = 1;` | one and two and three |\n",
            16,
            expect![[r#"
                x = 1;
                    one and two
                    and three
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_broken_stays_whole() {
        check(
            "wonderfully\nlong\n\n```\nabcdefghijk\n```",
            5,
            expect![[r#"
            wonderfully
            long

              abcdefghijk
        "#]],
        );
    }
}
