//! What the goroutines of processes do at one moment: groups of those that do the same, or each of them.
//!
//! ```text
//! COUNT  STATE    REASON     SINCE  FUNCTION
//! 10000  waiting  chan send  ≥ 3m   main.leaks
//! ```

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::rc::Rc;

use event::census::{Census, Goroutine};
use event::go::Frame;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::frame::{Frames, place};
use crate::table::{Cell, Column, Table};
use crate::{Format, Look, json_line};

/// How goroutines are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Each for itself, instead of how many do the same.
    pub each: bool,
    /// Where they were created, too.
    pub parent: bool,
}

/// Shows what was seen of some processes.
///
/// # Errors
/// The writer's.
pub fn show(all: &[Census], view: View, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => json(all, out),
        Format::Text(_) if all.iter().all(|census| census.goroutines.is_empty()) => Ok(()),
        Format::Text(look) if view.each => each(all, view, look, out),
        Format::Text(look) => groups(all, view, look, out),
    }
}

/// What is said of a process beside the table: `10037 goroutines of PID 42: 10030 waiting, 7 syscall`.
#[must_use]
pub fn sentence(census: &Census) -> String {
    let count = |n: u64| format!("{n} goroutine{}", if n == 1 { "" } else { "s" });
    let mut parts: Vec<String> = states(census).into_iter().map(|(state, n)| format!("{n} {state}")).collect();
    let (own, others) = (census.own, census.others.saturating_sub(census.own));
    parts.extend((others != 0).then(|| format!("{others} not asked for")));
    parts.extend((own != 0).then(|| format!("{own} of the runtime's own, which --func '*' shows")));
    parts.extend((census.unread != 0).then(|| format!("{} could not be read", census.unread)));
    let parts = parts.join(", ");
    let all = count(census.goroutines.len() as u64 + census.others + census.unread);
    format!("{all} of PID {}{}{parts}", census.pid, if parts.is_empty() { "" } else { ": " })
}

/// How many there are in each state.
fn states(census: &Census) -> BTreeMap<&'static str, u64> {
    let mut states = BTreeMap::new();
    census.goroutines.iter().for_each(|one| *states.entry(one.state).or_default() += 1);
    states
}

/// What goroutines of a group have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key<'c> {
    pid: u32,
    state: &'static str,
    reason: Option<&'c str>,
    function: &'c str,
    created: Option<&'c Frame>,
    /// The number of the stack.
    stack: usize,
    cut: Option<&'c str>,
}

/// Goroutines that do the same.
struct Group<'c> {
    key: Key<'c>,
    count: usize,
    since: Option<u64>,
    first: &'c Goroutine,
}

fn groups(all: &[Census], view: View, look: Look, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 7] = [
        Column::right("COUNT"),
        Column::right("PID"),
        Column::left("STATE"),
        Column::left("REASON"),
        Column::left("SINCE"),
        Column::left("FUNCTION"),
        Column::left("CREATED"),
    ];
    let mut table = Table::new(&COLUMNS);
    for group in grouped(all, view) {
        let Key { pid, state, reason, function, created, .. } = &group.key;
        table.row(vec![
            Cell::new(group.count.to_string()),
            Cell::maybe((all.len() > 1).then(|| pid.to_string())),
            Cell::new(state),
            Cell::maybe(*reason),
            Cell::maybe(group.since.map(since)),
            Cell::new(function),
            Cell::maybe(created.map(place)),
        ]);
        stack(&mut table, group.first);
    }
    table.write(look, out)
}

/// Groups, the largest first.
fn grouped(all: &[Census], view: View) -> Vec<Group<'_>> {
    let mut stacks = Stacks::default();
    let mut groups: HashMap<Key<'_>, Group<'_>> = HashMap::new();
    for (census, one) in all.iter().flat_map(|census| census.goroutines.iter().map(move |one| (census, one))) {
        let key = Key {
            pid: census.pid,
            state: one.state,
            reason: one.reason.as_deref(),
            function: &one.function,
            created: one.created.as_deref().filter(|_| view.parent),
            stack: one.stack.as_ref().map_or(0, |stack| stacks.number(stack)),
            cut: one.cut.as_deref(),
        };
        let new = || Group { key: key.clone(), count: 0, since: None, first: one };
        let group = groups.entry(key.clone()).or_insert_with(new);
        group.count += 1;
        group.since = group.since.max(one.since_ns);
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by(|a, b| {
        let names = |g: &Group<'_>| (g.key.function.to_owned(), g.key.pid, g.first.goid);
        (b.count, b.since).cmp(&(a.count, a.since)).then_with(|| names(a).cmp(&names(b)))
    });
    groups
}

/// Numbers for stacks, from 1 on; the same for the same calls.
#[derive(Default)]
struct Stacks<'c> {
    by_place: HashMap<*const Frame, usize>,
    by_calls: HashMap<&'c [Frame], usize>,
}

impl<'c> Stacks<'c> {
    /// Most are not only the same but one and the same.
    fn number(&mut self, stack: &'c Rc<[Frame]>) -> usize {
        let next = self.by_calls.len() + 1;
        let calls = &mut self.by_calls;
        *self.by_place.entry(stack.as_ptr()).or_insert_with(|| *calls.entry(stack).or_insert(next))
    }
}

fn each(all: &[Census], view: View, look: Look, out: &mut dyn Write) -> io::Result<()> {
    const COLUMNS: [Column; 9] = [
        Column::right("GOID"),
        Column::right("PID"),
        Column::left("STATE"),
        Column::left("REASON"),
        Column::left("SINCE"),
        Column::right("TID"),
        Column::left("FUNCTION"),
        Column::right("PARENT"),
        Column::left("CREATED"),
    ];
    let mut table = Table::new(&COLUMNS);
    for (census, one) in all.iter().flat_map(|census| sorted(census).into_iter().map(move |one| (census, one))) {
        table.row(vec![
            Cell::new(one.goid.to_string()),
            Cell::maybe((all.len() > 1).then(|| census.pid.to_string())),
            Cell::new(one.state),
            Cell::maybe(one.reason.as_deref()),
            Cell::maybe(one.since_ns.map(since)),
            Cell::maybe(one.tid.map(|tid| tid.to_string())),
            Cell::new(&one.function),
            Cell::maybe(one.parent.filter(|_| view.parent).map(|parent| parent.to_string())),
            Cell::maybe(one.created.as_deref().filter(|_| view.parent).map(place)),
        ]);
        stack(&mut table, one);
    }
    table.write(look, out)
}

/// By number.
fn sorted(census: &Census) -> Vec<&Goroutine> {
    let mut all: Vec<&Goroutine> = census.goroutines.iter().collect();
    all.sort_by_key(|one| one.goid);
    all
}

/// The calls that a goroutine is in, below its row. Recursion is one line.
fn stack(table: &mut Table, one: &Goroutine) {
    let calls = one.stack.as_deref().unwrap_or_default();
    for same in calls.chunk_by(|a, b| a == b) {
        let times = if same.len() == 1 { String::new() } else { format!("  × {}", same.len()) };
        table.below(format!("       {}{times}", place(&same[0])));
    }
    one.cut.iter().for_each(|why| table.below(format!("       … {why}")));
}

/// How long at least: `≥ 3m`.
fn since(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    let two = |large: u64, of: &str, small: u64, unit: &str| match small {
        0 => format!("≥ {large}{of}"),
        small => format!("≥ {large}{of}{small}{unit}"),
    };
    match seconds {
        0 => format!("≥ {}ms", nanos / 1_000_000),
        1..60 => format!("≥ {seconds}s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// File and line.
fn at(frame: &Frame) -> Option<String> {
    Some(format!("{}:{}", frame.file.as_ref()?, frame.line?))
}

/// The JSON object `snapshot`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "snapshot")]
struct Summary {
    ts: u64,
    pid: u32,
    goroutines: u64,
    states: BTreeMap<&'static str, u64>,
    others: u64,
    own: u64,
    unread: u64,
}

fn json(all: &[Census], out: &mut dyn Write) -> io::Result<()> {
    for census in all {
        for one in sorted(census) {
            json_line(out, &Object { pid: census.pid, one })?;
        }
    }
    for census in all {
        let Census { ts, pid, ref goroutines, others, own, unread } = *census;
        let (goroutines, states) = (goroutines.len() as u64, states(census));
        json_line(out, &Summary { ts, pid, goroutines, states, others, own, unread })?;
    }
    Ok(())
}

/// The JSON object `goroutine`. Its fields are those of docs/json.md, in their order.
struct Object<'c> {
    pid: u32,
    one: &'c Goroutine,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let one = self.one;
        let names = one.stack.as_ref().map(|stack| stack.iter().map(|frame| &*frame.func).collect::<Vec<_>>());
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "goroutine")?;
        map.serialize_entry("pid", &self.pid)?;
        map.serialize_entry("goid", &one.goid)?;
        map.serialize_entry("state", one.state)?;
        map.serialize_entry("reason", &one.reason.as_deref())?;
        map.serialize_entry("since_ns", &one.since_ns)?;
        map.serialize_entry("function", &*one.function)?;
        map.serialize_entry("parent", &one.parent)?;
        map.serialize_entry("created_by", &one.created.as_deref().map(|frame| &*frame.func))?;
        map.serialize_entry("created_at", &one.created.as_deref().and_then(at))?;
        map.serialize_entry("tid", &one.tid)?;
        map.serialize_entry("locked", &one.locked)?;
        map.serialize_entry("system", &one.system)?;
        map.serialize_entry("stack", &names)?;
        map.serialize_entry("frames", &one.stack.as_deref().map(Frames))?;
        map.serialize_entry("cut", &one.cut.as_deref())?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
