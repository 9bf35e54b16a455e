//! Rows under headings, aligned.
//!
//! A column whose cells are all empty is left out; an empty cell in a column that stays is `-`. Widths are counted in
//! characters, so wide (East Asian) ones shift what follows.

use std::io::{self, Write};

use crate::Look;
use crate::text::{cut, visible};

/// A table that is being filled.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    /// Lines below rows, with how many rows stand above them.
    below: Vec<(usize, String)>,
}

/// A heading and what to do with its cells.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The heading.
    pub title: &'static str,
    /// Whether its cells stand at the right edge, as numbers do.
    pub right: bool,
}

/// One entry of a row.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// What a cell means, where that is worth a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As one wishes it.
    Good,
    /// Something is in the way.
    Bad,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub const fn left(title: &'static str) -> Column {
        Column { title, right: false }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn right(title: &'static str) -> Column {
        Column { title, right: true }
    }
}

impl Cell {
    /// A cell; the text may come from anywhere.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: visible(text.as_ref()).into_owned(), tone: Tone::Plain }
    }

    /// A cell that may be empty.
    #[must_use]
    pub fn maybe(text: Option<impl AsRef<str>>) -> Cell {
        text.map(Cell::new).unwrap_or_default()
    }

    /// The same cell with a meaning.
    #[must_use]
    pub fn tone(self, tone: Tone) -> Cell {
        Cell { tone, ..self }
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[Column]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new(), below: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Adds a line that stands below the last row, whatever the columns.
    pub fn below(&mut self, line: impl Into<String>) {
        self.below.push((self.rows.len(), visible(&line.into()).into_owned()));
    }

    /// Writes it.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|i| self.width(i)).collect();
        let heading = self.columns.iter().map(|c| Cell::new(c.title)).collect::<Vec<_>>();
        self.write_row(&heading, &widths, look, true, out)?;
        let mut below = self.below.iter().peekable();
        for (n, row) in (1..).zip(&self.rows) {
            self.write_row(row, &widths, look, false, out)?;
            while let Some((_, line)) = below.next_if(|(row, _)| *row == n) {
                writeln!(out, "{}", cut(line, look.width.unwrap_or(usize::MAX)))?;
            }
        }
        Ok(())
    }

    /// The width of a column; 0 if it is left out.
    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.chars().count());
        match cells.max() {
            None | Some(0) => 0,
            Some(widest) => widest.max(self.columns[column].title.chars().count()),
        }
    }

    fn write_row(
        &self,
        row: &[Cell],
        widths: &[usize],
        look: Look,
        heading: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let last = widths.iter().rposition(|&w| w > 0);
        let mut room = look.width.unwrap_or(usize::MAX);
        for (i, (cell, &width)) in row.iter().zip(widths).enumerate().filter(|(_, (_, w))| **w > 0) {
            let text = if cell.text.is_empty() { "-" } else { &cell.text };
            let text = match (self.columns[i].right, Some(i) == last) {
                (true, _) => format!("{text:>width$}"),
                (false, false) => format!("{text:<width$}"),
                (false, true) => text.to_owned(),
            };
            let text = if Some(i) == last { text } else { text + "  " };
            let shown = cut(&text, room);
            room -= shown.chars().count();
            write!(out, "{}", paint(&shown, cell.tone, heading, look.color))?;
        }
        writeln!(out)
    }
}

/// Bold headings; green and yellow stay readable on light and dark.
fn paint(text: &str, tone: Tone, heading: bool, color: bool) -> String {
    let code = match (color, heading, tone) {
        (true, true, _) => "1",
        (true, false, Tone::Good) => "32",
        (true, false, Tone::Bad) => "33",
        _ => return text.to_owned(),
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(rows: &[[&str; 3]], look: Look, expect: Expect) {
        let mut table = Table::new(&[Column::right("N"), Column::left("NAME"), Column::left("NOTE")]);
        for row in rows {
            let tone = if row[2] == "bad" { Tone::Bad } else { Tone::Plain };
            table.row(row.map(|c| Cell::new(c).tone(tone)).to_vec());
        }
        let mut out = Vec::new();
        table.write(look, &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap().replace('\x1b', "ESC"));
    }

    #[test]
    fn columns_are_aligned_and_nothing_stands_behind_the_last() {
        check(
            &[["1", "a", "x"], ["23", "long name", "yy"]],
            Look::default(),
            expect![[r#"
             N  NAME       NOTE
             1  a          x
            23  long name  yy
        "#]],
        );
    }

    #[test]
    fn an_empty_column_is_left_out_and_an_empty_cell_is_a_dash() {
        check(
            &[["1", "", "x"], ["2", "", ""]],
            Look::default(),
            expect![[r#"
            N  NOTE
            1  x
            2  -
        "#]],
        );
    }

    #[test]
    fn a_screen_cuts_lines_and_a_file_does_not() {
        check(
            &[["1", "a name", "a long note"]],
            Look { width: Some(16), color: false },
            expect![[r#"
            N  NAME    NOTE
            1  a name  a lo…
        "#]],
        );
        check(
            &[["1", "a name", "a long note"]],
            Look { width: Some(5), color: false },
            expect![[r#"
            N  N…
            1  a…
        "#]],
        );
    }

    #[test]
    fn colours_are_only_there_where_wanted() {
        check(
            &[["1", "a", "bad"]],
            Look { color: true, width: None },
            expect![[r#"
            ESC[1mN  ESC[0mESC[1mNAME  ESC[0mESC[1mNOTEESC[0m
            ESC[33m1  ESC[0mESC[33ma     ESC[0mESC[33mbadESC[0m
        "#]],
        );
    }

    #[test]
    fn foreign_text_cannot_command_the_terminal() {
        check(
            &[["1", "\x1b[2Ja", "x"]],
            Look::default(),
            expect![[r#"
                N  NAME      NOTE
                1  \x1b[2Ja  x
            "#]],
        );
    }
}
