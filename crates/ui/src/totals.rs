//! Time by state: what `gospect states --summary` makes of its program's maps and of the states that have not ended.
//!
//! ```text
//! main.worker  8 goroutines  2 created  2 finished
//!   running       1.2s   2.1%  |@                                       |
//!   runnable      30ms   0.1%  |                                        |  240 times, p50 12.3µs, p99 1.21ms
//!   chan receive 45.3s  97.8%  |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ |  120 times
//! ```

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use event::fold::{Histogram, Tally};
use event::totals::{By, FinalState, Turns};
use event::value::{Id, IdKind};
use event::{Folded, Names, Snapshot, Value};
use gobin::pattern::Pattern;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::hist::Unit;
use crate::table::{Cell, Column, Table};
use crate::text::visible;
use crate::{Format, Look, json_line};

/// The maps of the program, by name.
pub mod map {
    /// How often and how long, by what goroutines are told apart by, the state left, that entered, and the reason.
    pub const TIME: &str = "@time";
    /// How long goroutines were runnable until they ran.
    pub const LATENCY: &str = "@latency";
}

/// With more rows than these only the last ones are shown state by state.
const WHOLE: usize = 5;
/// So many of their states, the longest ones.
const LONGEST: usize = 8;
/// Characters of a full bar.
const BAR: usize = 22;

/// Which goroutines, and which rows; all where nothing is named.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// These goroutines.
    pub goids: Vec<u64>,
    /// Those that began with such functions.
    pub functions: Vec<Pattern>,
    /// Of times by state these rows.
    pub states: Vec<Pattern>,
    /// Of times by reason these rows.
    pub reasons: Vec<Pattern>,
}

impl Only {
    /// Whether a goroutine is meant, that began with this.
    pub(crate) fn means(&self, goid: u64, start: Id, names: &dyn Names) -> bool {
        let is_like = || is_like(&self.functions, &names.start(start).unwrap_or_default());
        (self.goids.is_empty() || self.goids.contains(&goid)) && (self.functions.is_empty() || is_like())
    }

    fn shows(&self, key: &Key) -> bool {
        match key {
            Key::State(state) => is_like(&self.states, state),
            Key::Reason(reason) => is_like(&self.reasons, reason),
            Key::Function(_) | Key::Goid { .. } => true,
        }
    }
}

fn is_like(patterns: &[Pattern], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Function(String),
    Goid { pid: u64, goid: u64, function: String },
    Reason(String),
    State(&'static str),
}

/// What goroutines do, as far as time goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    Running,
    Runnable,
    Syscall,
    Waiting(String),
    /// It is no goroutine: not yet, or no more.
    Nothing,
}

/// The rows that times by state have.
pub const STATES: [&str; 4] = ["running", "runnable", "syscall", "waiting"];

impl Doing {
    /// A state by its name. While its stack grows a goroutine computes; one that the collector has stopped waits for it.
    fn of(state: &str, reason: &str) -> Doing {
        match state {
            "running" | "copystack" => Doing::Running,
            "runnable" => Doing::Runnable,
            "syscall" => Doing::Syscall,
            "idle" | "dead" | "deadextra" => Doing::Nothing,
            "waiting" if reason.is_empty() => Doing::Waiting("waiting".to_owned()),
            "waiting" => Doing::Waiting(reason.to_owned()),
            other => Doing::Waiting(other.to_owned()),
        }
    }

    fn state(&self) -> Option<&'static str> {
        Some(match self {
            Doing::Running => "running",
            Doing::Runnable => "runnable",
            Doing::Syscall => "syscall",
            Doing::Waiting(_) => "waiting",
            Doing::Nothing => return None,
        })
    }
}

/// What the program's maps and the table of goroutines hold, as rows.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    by: By,
    rows: Vec<(Key, Row)>,
}

/// How often, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spent {
    times: u64,
    ns: u64,
}

/// The times of what has something in common.
#[derive(Clone, Debug, Default)]
struct Row {
    /// How many goroutines are left.
    left: u64,
    /// And how many are gone, but nobody watched when they finished.
    gone: u64,
    created: u64,
    finished: u64,
    running: Spent,
    runnable: Spent,
    syscall: Spent,
    waiting: BTreeMap<String, Spent>,
    latency: Option<Histogram>,
}

/// Rows that are being filled.
struct Filling<'n> {
    by: By,
    rows: HashMap<Key, Row>,
    names: &'n dyn Names,
    known: HashMap<Id, String>,
}

impl Totals {
    /// Reads the maps, and closes what has not ended.
    #[must_use]
    pub fn read(
        by: By,
        only: &Only,
        maps: &[Snapshot],
        turns: &Turns,
        lasting: &[FinalState],
        names: &dyn Names,
    ) -> Totals {
        let mut filling = Filling { by, rows: HashMap::new(), names, known: HashMap::new() };
        let of = |name: &'static str| maps.iter().filter(move |map| map.name == name).flat_map(|map| &map.entries);
        for entry in of(map::TIME) {
            if let Folded::Stats(tally) = &entry.value {
                filling.change(&entry.key, tally);
            }
        }
        for (state, gone) in turns.lasted() {
            filling.lasting(only, &state, |row| row.gone += gone);
        }
        lasting.iter().for_each(|state| filling.lasting(only, state, |row| row.left += 1));
        for entry in of(map::LATENCY) {
            if let Folded::Quantiles(_, values) = &entry.value {
                filling.latency(&entry.key, values);
            }
        }
        let is_shown = |(key, row): &(Key, Row)| !row.is_empty() && only.shows(key);
        let mut rows: Vec<_> = filling.rows.into_iter().filter(is_shown).collect();
        rows.sort_by(|(a, of_a), (b, of_b)| a.order(of_a).cmp(&b.order(of_b)).then_with(|| a.cmp(b)));
        Totals { by, rows }
    }

    /// Shows them: what goroutines spent most time with last, next to the prompt.
    ///
    /// # Errors
    /// The writer's.
    pub fn show(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Json => self.rows.iter().try_for_each(|(key, row)| json_line(out, &Object { key, row })),
            Format::Text(look) => match self.by {
                By::Function | By::Goid => self.goroutines(look, out),
                By::Reason | By::State => self.kinds(look, out),
            },
        }
    }

    fn goroutines(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let (few, several) = (self.rows.len().saturating_sub(WHOLE), self.are_of_several());
        self.rows[few..].iter().try_for_each(|(key, row)| row.whole(&key.title(several), look, out))?;
        if self.rows.len() < 2 {
            return Ok(());
        }
        let titles = ["COUNT", "NEW", "OVER", "RUNNING", "RUNNABLE", "SYSCALL", "WAITING", "SCHED P50", "P99", "GOID"];
        let pid = several.then(|| Column::right("PID"));
        let columns = titles.map(Column::right).into_iter().chain(pid).chain([Column::left("FUNCTION")]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for (key, row) in &self.rows {
            let (goid, pid, function) = match key {
                Key::Goid { goid, pid, function } => (goid.to_string(), Some(pid.to_string()), function.as_str()),
                Key::Function(name) | Key::Reason(name) => (String::new(), None, name.as_str()),
                Key::State(name) => (String::new(), None, *name),
            };
            let pid = several.then(|| pid.unwrap_or_default());
            let [p50, p99] = row.latencies();
            let times = [row.running, row.runnable, row.syscall, row.all_waiting()].map(|spent| positive(spent.ns));
            let counts = [row.goroutines(), row.created, row.finished].map(|n| n.to_string());
            let cells = counts.into_iter().chain(times).chain([p50, p99].map(|ns| ns.map_or(String::new(), shown)));
            table.row(cells.chain([goid]).chain(pid).chain([function.to_owned()]).map(Cell::new).collect());
        }
        table.write(look, out)
    }

    /// Whether goroutines of several processes are told apart, which may have the same numbers.
    fn are_of_several(&self) -> bool {
        let mut pids = self.rows.iter().filter_map(|(key, _)| match key {
            Key::Goid { pid, .. } => Some(pid),
            _ => None,
        });
        let first = pids.next();
        pids.any(|pid| Some(pid) != first)
    }

    /// By state or reason.
    fn kinds(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let all: u64 = self.rows.iter().map(|(_, row)| row.total()).sum();
        let titles = ["NOW IN IT", "TIMES", "TIME", "SHARE", "SCHED P50", "P99"];
        let last = if self.by == By::State { "STATE" } else { "REASON" };
        let columns = titles.map(Column::right).into_iter().chain([Column::left(last)]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for (key, row) in &self.rows {
            let latencies = row.latencies().map(|ns| ns.map_or(String::new(), shown));
            let cells = [row.left.to_string(), row.times().to_string(), shown(row.total()), share(row.total(), all)];
            table.row(cells.into_iter().chain(latencies).chain([key.title(false)]).map(Cell::new).collect());
        }
        table.write(look, out)
    }
}

impl Filling<'_> {
    /// Goroutines left a state for another one, so and so often.
    fn change(&mut self, key: &[Value], tally: &Tally) {
        let by = self.by.parts();
        let (Some(head), Some([from, to, reason])) = (key.get(..by), key.get(by..)) else { return };
        let [from, to, reason] = [from, to, reason].map(|part| self.text(part));
        let (left, entered) = (Doing::of(&from, &reason), Doing::of(&to, &reason));
        let ns = u64::try_from(tally.total.value()).unwrap_or(0);
        if let Some(row) = self.row(head, &left) {
            row.spent(&left).ns += ns;
            row.finished += if (&left, to.as_str()) == (&Doing::Running, "dead") { tally.count } else { 0 };
        }
        // The stack that has grown, and what the collector has stopped and makes wait: it goes on doing the same.
        if left == entered {
            return;
        }
        if let Some(row) = self.row(head, &entered) {
            row.spent(&entered).times += tally.count;
            let is_new = from == "dead" && matches!(entered, Doing::Runnable | Doing::Waiting(_));
            row.created += if is_new { tally.count } else { 0 };
        }
    }

    /// A goroutine is in a state, or some were when a turn ended, and are counted.
    fn lasting(&mut self, only: &Only, state: &FinalState, count: impl Fn(&mut Row)) {
        if !only.means(state.goid, state.start, self.names) {
            return;
        }
        let [name, reason] = [state.state, state.reason].map(|id| self.name(id));
        let doing = Doing::of(&name, &reason);
        let head = [
            Value::Int(event::Int::unsigned(state.pid.into())),
            Value::Int(event::Int::unsigned(state.goid)),
            Value::Id(state.start),
        ];
        let head = match self.by {
            By::Function => &head[2..],
            By::Goid => &head[..],
            By::Reason | By::State => &[],
        };
        if let Some(row) = self.row(head, &doing) {
            count(row);
            row.spent(&doing).ns += state.spent;
        }
    }

    fn latency(&mut self, key: &[Value], values: &Histogram) {
        if let Some(row) = self.row(key, &Doing::Runnable) {
            match &mut row.latency {
                Some(all) => all.add(values),
                none => *none = Some(values.clone()),
            }
        }
    }

    /// The row of what is told apart by the first parts of a key, if this is time of a goroutine at all.
    fn row(&mut self, head: &[Value], doing: &Doing) -> Option<&mut Row> {
        let state = doing.state()?;
        let key = match (self.by, head, doing) {
            (By::Function, [function], _) => Key::Function(self.text(function)),
            (By::Goid, [Value::Int(pid), Value::Int(goid), function], _) => {
                Key::Goid { pid: pid.bits, goid: goid.bits, function: self.text(function) }
            }
            (By::Reason, _, Doing::Waiting(reason)) => Key::Reason(reason.clone()),
            (By::State, ..) => Key::State(state),
            _ => return None,
        };
        Some(self.rows.entry(key).or_default())
    }

    fn text(&mut self, part: &Value) -> String {
        match part {
            Value::Id(id) => self.name(*id),
            other => crate::value::raw(other, self.names),
        }
    }

    fn name(&mut self, id: Id) -> String {
        let names = self.names;
        let name = || match (id.kind, id.number << 16) {
            // Nobody started what a thread of C brings.
            (IdKind::StartFunc, 0) => "(thread of C)".to_owned(),
            _ => crate::value::raw(&Value::Id(id), names),
        };
        self.known.entry(id).or_insert_with(name).clone()
    }
}

impl Key {
    fn title(&self, several: bool) -> String {
        match self {
            Key::Function(name) | Key::Reason(name) => name.clone(),
            Key::Goid { pid, goid, function } if several => format!("goroutine {goid} of PID {pid} {function}"),
            Key::Goid { goid, function, .. } => format!("goroutine {goid} {function}"),
            Key::State(name) => (*name).to_owned(),
        }
    }

    /// What the runtime keeps for itself stands first, then what took little time.
    fn order(&self, row: &Row) -> (bool, u64) {
        let function = match self {
            Key::Function(function) | Key::Goid { function, .. } => function.as_str(),
            Key::Reason(_) | Key::State(_) => "",
        };
        let is_own = function.starts_with("runtime.") && function != "runtime.main";
        (!is_own, row.total())
    }
}

impl Row {
    fn spent(&mut self, doing: &Doing) -> &mut Spent {
        match doing {
            Doing::Running | Doing::Nothing => &mut self.running,
            Doing::Runnable => &mut self.runnable,
            Doing::Syscall => &mut self.syscall,
            Doing::Waiting(reason) => self.waiting.entry(reason.clone()).or_default(),
        }
    }

    fn goroutines(&self) -> u64 {
        self.left + self.finished + self.gone
    }

    fn is_empty(&self) -> bool {
        self.goroutines() == 0 && self.times() == 0 && self.total() == 0
    }

    fn all_waiting(&self) -> Spent {
        let add = |sum: Spent, of: &Spent| Spent { times: sum.times + of.times, ns: sum.ns + of.ns };
        self.waiting.values().fold(Spent::default(), add)
    }

    fn total(&self) -> u64 {
        self.running.ns + self.runnable.ns + self.syscall.ns + self.all_waiting().ns
    }

    fn times(&self) -> u64 {
        self.running.times + self.runnable.times + self.syscall.times + self.all_waiting().times
    }

    /// p50 and p99 of the time from runnable to running.
    fn latencies(&self) -> [Option<u64>; 2] {
        let quantiles = self.latency.as_ref().map(Histogram::quantiles);
        // What a bucket does not exceed may be more than all were together.
        let of = |ns: Option<i64>| ns.and_then(|ns| u64::try_from(ns).ok()).map(|ns| ns.min(self.runnable.ns));
        quantiles.map_or([None, None], |q| [of(q.p50), of(q.p99)])
    }

    /// State by state, the longest ones.
    fn whole(&self, title: &str, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let number = |n: u64, of: &str| format!("{n} {of}");
        let goroutines = if self.goroutines() == 1 { "goroutine" } else { "goroutines" };
        let mut counts = vec![number(self.goroutines(), goroutines)];
        counts.extend((self.created > 0).then(|| number(self.created, "created")));
        counts.extend((self.finished > 0).then(|| number(self.finished, "finished")));
        writeln!(out, "{}  {}", visible(title), counts.join(", "))?;
        let own = [("running", self.running), ("runnable", self.runnable), ("syscall", self.syscall)];
        let waits = self.waiting.iter().map(|(reason, spent)| (reason.as_str(), *spent));
        let mut states: Vec<(&str, Spent)> = own.into_iter().chain(waits).filter(|(_, spent)| spent.ns > 0).collect();
        states.sort_by(|(a, of_a), (b, of_b)| of_b.ns.cmp(&of_a.ns).then(a.cmp(b)));
        let (all, more) = (self.total(), states.len().saturating_sub(LONGEST));
        let room = look.width.map_or(BAR, |width| width.saturating_sub(78).clamp(8, BAR));
        for (name, spent) in states.iter().take(LONGEST) {
            let length = (spent.ns as f64 / all.max(1) as f64 * room as f64).round() as usize;
            let bar = "@".repeat(length);
            let (time, part) = (shown(spent.ns), share(spent.ns, all));
            let said = format!("  {name:<18} {time:>7} {part:>6} |{bar:<room$}|{}", self.said(name, *spent));
            writeln!(out, "{}", said.trim_end())?;
        }
        if more > 0 {
            let rest = states.iter().skip(LONGEST).map(|(_, spent)| spent.ns).sum();
            writeln!(out, "  {:<18} {:>7} {:>6}", format!("{more} more"), shown(rest), share(rest, all))?;
        }
        writeln!(out)
    }

    /// How often it was so.
    fn said(&self, state: &str, spent: Spent) -> String {
        let latency = match (state, self.latencies()) {
            ("runnable", [Some(p50), Some(p99)]) => format!(", p50 {}, p99 {}", shown(p50), shown(p99)),
            _ => String::new(),
        };
        match spent.times {
            0 => String::new(),
            1 => format!(" once{latency}"),
            times => format!(" {times} times{latency}"),
        }
    }
}

fn shown(ns: u64) -> String {
    Unit::Fitting.show(ns.into())
}

/// Nothing for 0.
fn positive(ns: u64) -> String {
    if ns == 0 { String::new() } else { shown(ns) }
}

fn share(part: u64, all: u64) -> String {
    if all == 0 { String::new() } else { format!("{:.1}%", part as f64 / all as f64 * 100.0) }
}

/// A row on its way to JSON.
struct Object<'a> {
    key: &'a Key,
    row: &'a Row,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Object { key, row } = *self;
        let is_kind = matches!(key, Key::Reason(_) | Key::State(_));
        let known = |n: u64| (!is_kind).then_some(n);
        let waits = |of: fn(&Spent) -> u64| -> BTreeMap<&str, u64> {
            row.waiting.iter().map(|(reason, spent)| (reason.as_str(), of(spent))).collect()
        };
        let [p50, p99] = row.latencies();
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "state_total")?;
        map.serialize_entry("by", key)?;
        map.serialize_entry("goroutines", &if is_kind { row.left } else { row.goroutines() })?;
        map.serialize_entry("created", &known(row.created))?;
        map.serialize_entry("finished", &known(row.finished))?;
        map.serialize_entry("running_ns", &row.running.ns)?;
        map.serialize_entry("runnable_ns", &row.runnable.ns)?;
        map.serialize_entry("syscall_ns", &row.syscall.ns)?;
        map.serialize_entry("waiting_ns", &waits(|spent| spent.ns))?;
        map.serialize_entry("waits", &waits(|spent| spent.times))?;
        map.serialize_entry("syscalls", &row.syscall.times)?;
        map.serialize_entry("sched_p50_ns", &p50)?;
        map.serialize_entry("sched_p99_ns", &p99)?;
        map.end()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self {
            Key::Function(name) => map.serialize_entry("function", name)?,
            Key::Reason(name) => map.serialize_entry("reason", name)?,
            Key::State(name) => map.serialize_entry("state", name)?,
            Key::Goid { pid, goid, function } => {
                map.serialize_entry("goid", goid)?;
                map.serialize_entry("pid", pid)?;
                map.serialize_entry("function", function)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
