//! `docs/real.md`.

use std::fmt::Write as _;
use std::process::Command;

use super::lived::Lives;
use super::{Row, Served, Watched, Work};

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

/// All of it.
pub fn render(rows: &[Row]) -> String {
    let mut out = ABOUT.to_owned();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let date = Command::new("date").args(["-u", "+%-d %B %Y"]).output();
    let date = date.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "The last result, of {date}, on {} cores, Linux {}, load {} when it ended:\n",
        std::thread::available_parallelism().map_or(1, usize::from),
        kernel.split('-').next().unwrap_or_default(),
        load.split(' ').next().unwrap_or_default(),
    );
    out += "| program | functions | sites | work without probes | work with them | calls | shown | open | lost | adds up |\n";
    out += "|---|---:|---:|---|---|---:|---:|---:|---:|---|\n";
    rows.iter().for_each(|row| out += &line(row));
    out += "\n| program | changes of state | goroutines that began and ended | further apart | there all the time | times add up | worked as usual |\n";
    out += "|---|---:|---:|---|---:|---|---|\n";
    rows.iter().for_each(|row| out += &lives(row));
    for row in rows {
        out += &about(row);
    }
    out
}

fn lives(Row { program, watched: Watched { lives, right }, .. }: &Row) -> String {
    let yes = |right| if right { "yes" } else { "**no**" };
    let Lives { whole, throughout, changes, apart, furthest, .. } = lives;
    let apart = match apart {
        0 => "none".to_owned(),
        _ => format!("{apart}, by {} µs at most", furthest.div_ceil(1000)),
    };
    let (adds_up, right) = (yes(lives.add_up()), yes(*right));
    format!("| {} | {changes} | {whole} | {apart} | {throughout} | {adds_up} | {right} |\n", program.name)
}

fn line(Row { program, work, told, .. }: &Row) -> String {
    let (before, during) = match work {
        Work::Served { before, during, .. } => (requests(before), requests(during)),
        Work::Made { times: [before, during], same } => {
            let same = if *same { "the same" } else { "**not the same**" };
            (format!("{:.1} s", before.as_secs_f64()), format!("{:.1} s, {same}", during.as_secs_f64()))
        }
    };
    let of = |name: &str| told.rest.get(name).copied().unwrap_or(0);
    format!(
        "| {} | {} | {} | {before} | {during} | {} | {} | {} | {} | {} |\n",
        program.name,
        told.probes,
        told.sites,
        told.hits,
        told.printed,
        of("still open"),
        of("lost"),
        if told.adds_up() { "yes" } else { "**no**" },
    )
}

fn requests(Served { requests, right, time }: &Served) -> String {
    let each = *requests as f64 / time.as_secs_f64();
    match requests == right {
        true => format!("{requests} requests, all right, {each:.0}/s"),
        false => format!("{requests} requests, **{} wrong**, {each:.0}/s", requests - right),
    }
}

fn about(Row { program, work, told, watched }: &Row) -> String {
    let mut out = format!("\n## {}\n\nIt {}.", program.name, program.about);
    let patterns = |patterns: &[&str]| patterns.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    let _ = write!(out, " Traced: {}", patterns(program.functions));
    if !program.except.is_empty() {
        let _ = write!(out, ", but {}", patterns(program.except));
    }
    let bytes = told.lines.bytes.checked_div(told.lines.calls).unwrap_or(0);
    let _ = write!(out, ". A line has {bytes} bytes on average.");
    if let Work::Served { after, .. } = work {
        let _ = write!(out, " When the probes were gone: {}.", requests(after));
    }
    out.push('\n');
    let parts = told.lines.ends.iter().map(|(end, n)| format!("{n} {end}"));
    let parts: Vec<String> = parts.collect();
    if !parts.is_empty() {
        let _ = write!(out, "\nCalls that did not end by a return: {}.\n", parts.join(", "));
    }
    if !told.lines.missing.is_empty() {
        out += "\n| what stands in place of values | how often | in a hundred calls |\n|---|---:|---:|\n";
    }
    for (why, n) in &told.lines.missing {
        let share = *n as f64 / told.lines.calls as f64 * 100.0;
        let _ = writeln!(out, "| {why} | {n} | {share:.2} |");
    }
    for wrong in &watched.lives.wrong {
        let _ = writeln!(out, "\n**{wrong}**");
    }
    if !told.notes.is_empty() {
        out.push('\n');
    }
    told.notes.iter().for_each(|note| {
        let _ = writeln!(out, "* gospect says: {note}");
    });
    out
}
