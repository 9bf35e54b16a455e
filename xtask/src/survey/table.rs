//! The survey as a page of documentation.

use std::fmt::Write as _;

use super::{Places, Row};
use crate::page::table;

/// Maximum number of differences of a kind shown for each program.
const SHOWN: usize = 200;

const HEAD: &str = "\
# Survey

What gobin says of large programs, held against what Go's own tools say of them. Made by `cargo xtask survey`, which
builds the programs through the Go module proxy; `cargo xtask survey FILE...` does the same for files at hand.

- **functions = nm**: the functions of the runtime's table against the text symbols of `go tool nm`, by address and by
  name. Names are equal but for what the symbol table adds or replaces: `.abi0`, and a dot for the middle dot of types
  that are declared inside functions. Type arguments are compared as `[...]`.
- **lines = addr2line**: file and line of every entry against `go tool addr2line`.
- **stripped**: whether the build with `-ldflags='-s -w'` gives the same functions at the same places.
- **entries**: sites that the kernel emulates (one trap), and that it has to step; **refused** are listed below.
- **places = DWARF**: arguments that the calling convention puts where DWARF says that they are at entry. *Resliced* are
  slices whose parts DWARF gives from the function's first statement, such as `b = b[:cap(b)]`, which needs no code;
  *different* are listed below: nearly all are arguments that the function overwrites with its first statements, whose
  new register DWARF then gives for the entry, too. *Silent* are those that DWARF gives no place.

";

/// The page.
pub(super) fn render(rows: &[Row]) -> String {
    let columns = [
        "program",
        "Go",
        "MiB",
        "functions",
        "= nm",
        "lines = addr2line",
        "stripped",
        "entries emulated / stepped",
        "returns",
    ];
    let mut text = HEAD.to_owned() + &table(&columns, rows.iter().map(counts));
    let columns = ["program", "places = DWARF", "share", "resliced", "different", "silent"];
    text += &format!("\n{}", table(&columns, rows.iter().map(places)));
    rows.iter().for_each(|row| details(&mut text, row));
    text
}

fn counts(row: &Row) -> [String; 9] {
    let differ = row.only_nm.len() + row.only_gospect.len() + row.renamed.len();
    let nm = match (row.symbols, differ) {
        (false, _) => "no symbols".to_owned(),
        (true, 0) => "all".to_owned(),
        (true, n) => format!("all but {n}"),
    };
    let lines = match row.lines_differ.len() {
        0 => format!("all {}", row.lines_equal),
        n => format!("{}, not {n}", row.lines_equal),
    };
    let stripped = match &row.stripped {
        None => "-",
        Some(Ok(())) => "same",
        Some(Err(_)) => "**differs**",
    };
    let entries = format!("{} / {}", row.emulated, row.stepped);
    let [mib, functions, returns] = [row.mib.to_string(), row.functions.to_string(), row.returns.to_string()];
    [row.name.clone(), row.go.clone(), mib, functions, nm, lines, stripped.to_owned(), entries, returns]
}

fn places(row: &Row) -> [String; 6] {
    let cells = match &row.places {
        None => ["no DWARF", "", "", "", ""].map(str::to_owned),
        Some(p) => {
            let counts = [p.resliced, p.different.len(), p.silent].map(|count| count.to_string());
            let [resliced, different, silent] = counts;
            [p.equal.to_string(), format!("{:.2} %", share(p)), resliced, different, silent]
        }
    };
    let [equal, share, resliced, different, silent] = cells;
    [row.name.clone(), equal, share, resliced, different, silent]
}

/// The share of equal places among arguments placed by DWARF, without resliced ones.
fn share(p: &Places) -> f64 {
    100.0 * p.equal as f64 / (p.equal + p.different.len()).max(1) as f64
}

fn details(text: &mut String, row: &Row) {
    let _ = writeln!(text, "\n## {}\n", row.name);
    if let Some(Err(why)) = &row.stripped {
        let _ = writeln!(text, "The stripped build differs: {why}.\n");
    }
    for (why, n) in &row.refused {
        let _ = writeln!(text, "- refused {n} times: {why}");
    }
    list(text, "only `go tool nm` has", &row.only_nm);
    list(text, "only gospect has", &row.only_gospect);
    list(text, "named otherwise by `go tool nm`", &row.renamed);
    list(text, "another line", &row.lines_differ);
    list(text, "another place", row.places.as_ref().map_or(&[], |p| &p.different));
}

fn list(text: &mut String, what: &str, items: &[String]) {
    for item in items.iter().take(SHOWN) {
        let _ = writeln!(text, "- {what}: {item}");
    }
    if items.len() > SHOWN {
        let _ = writeln!(text, "- {what}: {} more", items.len() - SHOWN);
    }
}
