//! Pages of `docs/` that measurements write.

use std::fmt::Write as _;
use std::process::Command;

use crate::bed::named;
use crate::root;

/// The machine at this moment.
pub struct Machine {
    pub date: String,
    pub cores: usize,
    pub model: String,
    pub kernel: String,
    pub load: String,
}

impl Machine {
    pub fn now() -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let model =
            read("/proc/cpuinfo").lines().find_map(|line| Some(line.strip_prefix("model name\t: ")?.to_owned()));
        // The distribution's build number follows the version.
        let first = |path: &str, end: char| read(path).trim().split(end).next().unwrap_or_default().to_owned();
        Machine {
            date: first_line("date", &["-u", "+%-d %B %Y"], ""),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            model: model.unwrap_or_else(|| "an unnamed processor".to_owned()),
            kernel: first("/proc/sys/kernel/osrelease", '-'),
            load: first("/proc/loadavg", ' '),
        }
    }
}

/// The rest of the first output line with this start; empty if the command fails.
pub fn first_line(program: &str, args: &[&str], start: &str) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default().trim().to_owned()
}

/// A table. A column that starts with `>` is aligned right.
pub fn table(columns: &[&str], rows: impl IntoIterator<Item = impl AsRef<[String]>>) -> String {
    let names: Vec<String> = columns.iter().map(|column| column.trim_start_matches('>').to_owned()).collect();
    let line = |column: &&str| if column.starts_with('>') { "---:|" } else { "---|" };
    let mut text = row(&names) + "|" + &columns.iter().map(line).collect::<String>() + "\n";
    rows.into_iter().for_each(|cells| text += &row(cells.as_ref()));
    text
}

fn row(cells: &[String]) -> String {
    let mut text = String::from("|");
    for cell in cells {
        let space = if cell.is_empty() { "" } else { " " };
        // Writing to a String does not fail.
        let _ = write!(text, "{space}{cell} |");
    }
    text + "\n"
}

/// Writes the whole page, or prints a part.
pub fn publish(file: &str, text: &str, whole: bool) -> Result<(), String> {
    if !whole {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(root().join(file), text).map_err(named(file))?;
    println!("{file} written");
    Ok(())
}

/// Replaces the text between the marks of the chore `name`.
pub fn between_marks(page: &str, name: &str, text: &str) -> Result<String, String> {
    let [begin, end] = ["begin", "end"].map(|side| format!("<!-- cargo xtask {name}: {side} -->\n"));
    let marked = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = marked.ok_or_else(|| format!("the page has lost its marks `{}`", begin.trim_end()))?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_between_the_marks_is_replaced() {
        let page = |text: &str| format!("a\n<!-- cargo xtask x: begin -->\n{text}<!-- cargo xtask x: end -->\nb\n");
        assert_eq!(between_marks(&page("old\n"), "x", "new\n\n"), Ok(page("\nnew\n")));
        assert!(between_marks("none", "x", "").is_err());
    }

    #[test]
    fn a_table_aligns_numbers_right() {
        let rows = [["a", "1"], ["b", ""]].map(|cells| cells.map(str::to_owned));
        assert_eq!(table(&["name", ">count"], rows), "| name | count |\n|---|---:|\n| a | 1 |\n| b | |\n");
    }
}
