//! `docs/real.md`.

use super::{Row, Served, Watched, Work};
use crate::page::{Machine, table};

const ABOUT: &str = "\
# Real programs under load

`cargo xtask real`, as root, builds programs that others wrote, puts each under load, and traces a hundred and more of their
functions at once with `gospect trace --max-overhead off`: every call with its arguments and results, as text that is read
and counted. It needs Rust, Go, its module proxy, and nothing else; `cargo xtask real NAME` traces one and prints this page.

* Services are asked on four connections as fast as they answer, without probes, with them, and without them again; every
  answer is held against the right one.
* Commands are run without probes and with them; what they make must be the same to the byte.
* *Adds up*: hits = printed + filtered + limited + open + lost, and as many lines were read as gospect says it has shown.

Then, while they do the same once more, `gospect states --summary --by goid` adds up how long each goroutine was in which
state, and another gospect tells when goroutines begin and end. For each that begins and ends meanwhile the times by state
must add up to its life, to one in a hundred or 20 µs: the two have probes of their own at the same places. Of one goroutine
in a thousand they may be further apart (the machine does something else between them), which is told. For those that are
there all the time they must come to no less than that time.

";

/// The page.
pub fn render(rows: &[Row]) -> String {
    let Machine { date, cores, kernel, load, .. } = Machine::now();
    let mut out =
        format!("{ABOUT}The last result, of {date}, on {cores} cores, Linux {kernel}, load {load} when it ended:\n\n");
    let columns = [
        "program",
        ">functions",
        ">sites",
        "work without probes",
        "work with them",
        ">calls",
        ">shown",
        ">open",
        ">lost",
        "adds up",
    ];
    out += &table(&columns, rows.iter().map(calls));
    let columns = [
        "program",
        ">changes of state",
        ">goroutines that began and ended",
        "further apart",
        ">there all the time",
        "times add up",
        "worked as usual",
    ];
    out += &format!("\n{}", table(&columns, rows.iter().map(lives)));
    rows.iter().for_each(|row| out += &about(row));
    out
}

fn yes(right: bool) -> String {
    if right { "yes" } else { "**no**" }.to_owned()
}

fn lives(Row { program, watched: Watched { lives, right }, .. }: &Row) -> [String; 7] {
    let apart = match lives.apart {
        0 => "none".to_owned(),
        n => format!("{n}, by {} µs at most", lives.furthest.div_ceil(1000)),
    };
    let [changes, whole, throughout] = [lives.changes, lives.whole, lives.throughout].map(|n| n.to_string());
    [program.name.to_owned(), changes, whole, apart, throughout, yes(lives.add_up()), yes(*right)]
}

fn calls(Row { program, work, report, .. }: &Row) -> [String; 10] {
    let (before, during) = match work {
        Work::Served { before, during, .. } => (requests(before), requests(during)),
        Work::Made { times: [before, during], same } => {
            let same = if *same { "the same" } else { "**not the same**" };
            (format!("{:.1} s", before.as_secs_f64()), format!("{:.1} s, {same}", during.as_secs_f64()))
        }
    };
    let of = |name: &str| report.rest.get(name).copied().unwrap_or(0);
    let [probes, sites] = [report.probes, report.sites].map(|n| n.to_string());
    let counts = [report.hits, report.printed, of("still open"), of("lost")];
    let [hits, printed, open, lost] = counts.map(|n| n.to_string());
    let adds_up = yes(report.adds_up());
    [program.name.to_owned(), probes, sites, before, during, hits, printed, open, lost, adds_up]
}

fn requests(Served { requests, right, time }: &Served) -> String {
    let each = *requests as f64 / time.as_secs_f64();
    match requests == right {
        true => format!("{requests} requests, all right, {each:.0}/s"),
        false => format!("{requests} requests, **{} wrong**, {each:.0}/s", requests - right),
    }
}

fn about(Row { program, work, report, watched }: &Row) -> String {
    let patterns = |patterns: &[&str]| patterns.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    let mut out = format!("\n## {}\n\nIt {}. Traced: {}", program.name, program.about, patterns(program.functions));
    if !program.except.is_empty() {
        out += &format!(", but {}", patterns(program.except));
    }
    let bytes = report.lines.bytes.checked_div(report.lines.calls).unwrap_or(0);
    out += &format!(". A line has {bytes} bytes on average.");
    if let Work::Served { after, .. } = work {
        out += &format!(" When the probes were gone: {}.", requests(after));
    }
    out.push('\n');
    let ends: Vec<String> = report.lines.ends.iter().map(|(end, n)| format!("{n} {end}")).collect();
    if !ends.is_empty() {
        out += &format!("\nCalls that did not end by a return: {}.\n", ends.join(", "));
    }
    if !report.lines.missing.is_empty() {
        let share = |n: u64| format!("{:.2}", n as f64 / report.lines.calls as f64 * 100.0);
        let rows = report.lines.missing.iter().map(|(why, n)| [why.clone(), n.to_string(), share(*n)]);
        let columns = ["what stands in place of values", ">how often", ">in a hundred calls"];
        out += &format!("\n{}", table(&columns, rows));
    }
    watched.lives.wrong.iter().for_each(|wrong| out += &format!("\n**{wrong}**\n"));
    if !report.notes.is_empty() {
        out.push('\n');
    }
    report.notes.iter().for_each(|note| out += &format!("* gospect says: {note}\n"));
    out
}
