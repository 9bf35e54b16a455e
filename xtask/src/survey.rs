//! Compares gobin with Go's own tools on large programs.
//!
//! For each program: every function against `go tool nm`, file and line of every entry against `go tool addr2line`,
//! the same functions once more in the stripped build, every function decoded or refused with a reason, and the
//! places of arguments against DWARF's. `cargo xtask survey` builds the set through the Go module proxy, which takes
//! long, and writes `docs/survey.md`; `cargo xtask survey FILE...` prints the table for files at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use gobin::insn::Class;
use gobin::{Function, Image};

use crate::bed::{filter, go_program, named};
use crate::page;

mod table;

/// Large or unusual programs.
const PROGRAMS: [&str; 6] = [
    "github.com/go-delve/delve/cmd/dlv@v1.26.0",
    "github.com/caddyserver/caddy/v2/cmd/caddy@v2.10.0",
    "github.com/rclone/rclone@v1.70.3",
    "github.com/coredns/coredns@v1.12.2",
    "go.etcd.io/etcd/server/v3@v3.6.4",
    "github.com/prometheus/prometheus/cmd/prometheus@v0.305.0",
];

/// Programs of the toolchain.
const TOOLS: [&str; 5] = ["cmd/go", "cmd/gofmt", "cmd/compile", "cmd/link", "cmd/vet"];

/// The results for one program.
#[derive(Default)]
struct Row {
    name: String,
    go: String,
    mib: u64,
    functions: usize,
    /// Whether the program has symbols.
    symbols: bool,
    only_nm: Vec<String>,
    only_gospect: Vec<String>,
    renamed: Vec<String>,
    lines_equal: usize,
    lines_differ: Vec<String>,
    stripped: Option<Result<(), String>>,
    emulated: usize,
    stepped: usize,
    returns: usize,
    refused: BTreeMap<String, usize>,
    places: Option<Places>,
}

/// Argument places compared with DWARF's.
#[derive(Default)]
struct Places {
    equal: usize,
    resliced: usize,
    silent: usize,
    different: Vec<String>,
}

/// `cargo xtask survey [FILE...]`. Returns whether everything was equal.
pub fn run(args: &[String]) -> Result<bool, String> {
    let rows = if args.is_empty() {
        survey_set()?
    } else {
        args.iter().map(|a| survey(Path::new(a), None)).collect::<Result<_, _>>()?
    };
    page::publish("docs/survey.md", &table::render(&rows), args.is_empty())?;
    Ok(rows.iter().all(Row::is_equal))
}

impl Row {
    fn is_equal(&self) -> bool {
        let same = self.only_nm.is_empty() && self.only_gospect.is_empty() && self.renamed.is_empty();
        same && self.lines_differ.is_empty() && !matches!(self.stripped, Some(Err(_)))
    }
}

fn survey_set() -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for package in TOOLS.iter().chain(&PROGRAMS) {
        match go_program(package, "").and_then(|plain| Ok((plain, go_program(package, "-s -w")?))) {
            Ok((plain, stripped)) => {
                eprintln!("reading {package}");
                rows.push(survey(&plain, Some(&stripped))?);
            }
            Err(why) => eprintln!("{package}: left out: {why}"),
        }
    }
    Ok(rows)
}

fn survey(path: &Path, stripped: Option<&Path>) -> Result<Row, String> {
    let image = open(path)?;
    let functions: Vec<Function> = image.functions().collect();
    let mut row = Row {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        go: image.go().map_or("?", |go| go.short()).to_owned(),
        mib: image.elf().bytes().len() as u64 >> 20,
        functions: functions.len(),
        ..Row::default()
    };
    compare_names(&mut row, path, &image)?;
    compare_lines(&mut row, path, &functions)?;
    count_sites(&mut row, &image);
    row.places = compare_places(&image);
    row.stripped = stripped.map(|other| open(other).and_then(|other| same_functions(&image, &other)));
    Ok(row)
}

fn open(path: &Path) -> Result<Image, String> {
    let bytes = std::fs::read(path).map_err(named(path.display()))?;
    Image::parse(bytes).map_err(named(path.display()))
}

fn compare_names(row: &mut Row, path: &Path, image: &Image) -> Result<(), String> {
    let symbols = nm(path)?;
    row.symbols = !symbols.is_empty();
    let Some(module) = image.module().filter(|_| row.symbols) else { return Ok(()) };
    let mine: BTreeMap<u64, &str> = image.functions().map(|f| (f.entry().0, f.name())).collect();
    for (&at, names) in symbols.range(module.text.0..module.etext.0) {
        match mine.get(&at) {
            None => row.only_nm.push(names.join(" = ")),
            Some(name) if !names.iter().any(|n| spelled(n) == spelled(name)) => {
                row.renamed.push(format!("{name} / {}", names.join(" = ")));
            }
            Some(_) => {}
        }
    }
    row.only_gospect = mine.iter().filter(|(at, _)| !symbols.contains_key(at)).map(|(_, n)| (*n).to_owned()).collect();
    Ok(())
}

/// Text symbols by address.
fn nm(path: &Path) -> Result<BTreeMap<u64, Vec<String>>, String> {
    let output = Command::new("go").args(["tool", "nm"]).arg(path).output().map_err(named("go tool nm"))?;
    let mut symbols: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut fields = line.trim_start().splitn(3, ' ');
        let (at, kind, name) = (fields.next(), fields.next(), fields.next());
        if let (Some(at), Some("T" | "t"), Some(name)) = (at.and_then(|a| u64::from_str_radix(a, 16).ok()), kind, name)
        {
            symbols.entry(at).or_default().push(name.to_owned());
        }
    }
    Ok(symbols)
}

/// The common form of a name. The function table writes `[...]` for type arguments and has no `.abi0`; the symbol
/// table writes a dot for the middle dot by which the compiler numbers types declared inside functions.
fn spelled(name: &str) -> String {
    let name = name.strip_suffix(".abi0").unwrap_or(name);
    let (mut out, mut depth) = (String::new(), 0usize);
    for c in name.chars() {
        match c {
            '[' => {
                if depth == 0 {
                    out.push_str("[...");
                }
                depth += 1;
            }
            ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    out.push(']');
                }
            }
            '·' if depth == 0 => out.push('.'),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

fn compare_lines(row: &mut Row, path: &Path, functions: &[Function]) -> Result<(), String> {
    let theirs = addr2line(path, functions)?;
    for (f, theirs) in functions.iter().zip(&theirs) {
        let mine = f.place().map_or(":-1".to_owned(), |(file, line)| format!("{file}:{line}"));
        if mine == *theirs {
            row.lines_equal += 1;
        } else {
            row.lines_differ.push(format!("{}: {mine} / {theirs}", f.name()));
        }
    }
    Ok(())
}

fn addr2line(path: &Path, functions: &[Function]) -> Result<Vec<String>, String> {
    let questions = functions.iter().map(|f| format!("{:x}\n", f.entry().0)).collect();
    let lines = filter(Command::new("go").args(["tool", "addr2line"]).arg(path), questions)?;
    Ok(lines.into_iter().skip(1).step_by(2).collect())
}

/// The stripped build must have the same functions in the same order at the same distance from the start of the code.
fn same_functions(plain: &Image, stripped: &Image) -> Result<(), String> {
    let list = |image: &Image| -> BTreeSet<(u32, String)> {
        image.functions().map(|f| (f.row().entry, f.name().to_owned())).collect()
    };
    let (a, b) = (list(plain), list(stripped));
    if a == b {
        return Ok(());
    }
    let example = a.symmetric_difference(&b).next().map_or(String::new(), |(at, name)| format!("{name} at +{at:#x}"));
    Err(format!("{} functions, {} in the stripped build; for instance {example}", a.len(), b.len()))
}

fn count_sites(row: &mut Row, image: &Image) {
    for f in image.functions() {
        let sites = image.sites(&f);
        match &sites.entry {
            Ok(entry) if entry.class == Class::Emulated => row.emulated += 1,
            Ok(_) => row.stepped += 1,
            Err(why) => *row.refused.entry(format!("entry: {}", general(&why.to_string()))).or_default() += 1,
        }
        match &sites.returns {
            Ok(returns) => row.returns += returns.len(),
            Err(why) if sites.entry.is_ok() => {
                *row.refused.entry(format!("returns: {}", general(&why.to_string()))).or_default() += 1;
            }
            Err(_) => {}
        }
    }
}

/// A reason without its offsets, as a key for counting.
fn general(reason: &str) -> String {
    reason.split(' ').map(|word| if word.starts_with("+0x") { "+…" } else { word }).collect::<Vec<_>>().join(" ")
}

fn compare_places(image: &Image) -> Option<Places> {
    let signatures = image.dwarf_signatures()?;
    let mut places = Places::default();
    for f in image.functions() {
        let Some(found) = signatures.compare(&f.compiled()) else { continue };
        places.equal += found.equal;
        places.resliced += found.resliced;
        places.silent += found.silent;
        for d in found.different {
            places.different.push(format!("{} `{}`: {}, DWARF {}", f.name(), d.arg, d.place, d.location));
        }
    }
    Some(places)
}
