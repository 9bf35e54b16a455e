//! A call: a line for people, an object for programs.
//!
//! ```text
//! TIME             GOID   CALL
//! 21:00:47.123456  42     main.Handle(r=&main.Req{ID: 7}, s="hello") = (13, nil)  1.2µs
//! ```

use std::io::{self, Write};

use event::Names;
use event::calls::{Finished, Key, Told};
use event::go::value::{GoValue, Is};
use event::go::{End, Types, duration_text};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::go::{self, Json, Style};
use crate::graph::{Graph, Line};
use crate::text::visible;
use crate::{Format, json_line};

/// How far behind the beginning of a line frames of a stack stand.
const FRAME: usize = 28;
/// The moment of a line: the time of day with microseconds.
pub(crate) const MOMENT: &str = "%H:%M:%S.%f";

/// How calls are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// A line for each that has ended.
    #[default]
    Ends,
    /// And one for each that begins.
    Both,
    /// One within the other.
    Graph {
        /// Those within so many others are left out.
        depth: Option<usize>,
    },
}

impl View {
    /// Calls within so many others are left out.
    #[must_use]
    pub fn depth(self) -> Option<usize> {
        if let View::Graph { depth } = self { depth } else { None }
    }
}

/// A page of calls: what was shown of them so far.
#[derive(Debug)]
pub struct Page {
    view: View,
    style: Style,
    headed: bool,
    graph: Graph,
    lines: Vec<Line>,
}

impl Page {
    /// Nothing yet.
    #[must_use]
    pub fn new(view: View, style: Style) -> Page {
        Page { view, style, headed: false, graph: Graph::new(view.depth()), lines: Vec::new() }
    }

    /// Whether [`Page::begins`] does anything.
    #[must_use]
    pub fn wants_beginnings(&self) -> bool {
        self.view != View::Ends
    }

    /// How much of each value is shown.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// A call begins that will end.
    ///
    /// # Errors
    /// The writer's.
    pub fn begins(&mut self, shown: &Shown<'_>, names: &dyn Names, to: Format, out: &mut dyn Write) -> io::Result<()> {
        let Shown { call, told, types, style, .. } = shown;
        if to == Format::Json {
            return if self.leaves_out(call) { Ok(()) } else { json_line(out, &Begun(shown)) };
        }
        let head = head(told, types, *style);
        if self.view == View::Both {
            self.heading(out)?;
            return line(call.started, call.key.goid, &format!("{head} {{"), names, out);
        }
        self.graph.begins(call.key, call.started, told.function, &head, &mut self.lines);
        self.write(names, out)
    }

    /// A call has ended; or nothing more will be heard of it.
    ///
    /// # Errors
    /// The writer's.
    pub fn ends(&mut self, shown: &Shown<'_>, names: &dyn Names, to: Format, out: &mut dyn Write) -> io::Result<()> {
        let Shown { call, told, types, style, .. } = shown;
        if to == Format::Json {
            return if self.leaves_out(call) { Ok(()) } else { json_line(out, shown) };
        }
        let tail = format!("{}{}", outcome(call.end, told, types, *style), took(call.elapsed));
        let ended = call.started.saturating_add(call.elapsed.unwrap_or(0));
        if self.graph.ends(call.key, ended, &tail, &mut self.lines) {
            self.write(names, out)?;
        } else {
            self.heading(out)?;
            line(call.started, call.key.goid, &format!("{}{tail}", head(told, types, *style)), names, out)?;
        }
        told.stack.iter().try_for_each(|frame| writeln!(out, "{:>FRAME$}  {}", "", visible(frame)))
    }

    /// A call that began has ended, and is not wanted. Only where calls stand inside of one another that says anything.
    ///
    /// # Errors
    /// The writer's.
    pub fn drops(&mut self, call: Key, boot: u64, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
        self.graph.drops(call, boot, &mut self.lines);
        self.write(names, out)
    }

    /// Within too many others.
    fn leaves_out(&self, call: &Finished) -> bool {
        self.view.depth().is_some_and(|most| call.depth as usize >= most)
    }

    /// There is nothing more for the moment: what was held back is shown.
    ///
    /// # Errors
    /// The writer's.
    pub fn pause(&mut self, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
        self.graph.release(u64::MAX, &mut self.lines);
        self.write(names, out)
    }

    fn write(&mut self, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.heading(out)?;
        }
        self.lines.drain(..).try_for_each(|of| line(of.time, of.goid, &of.text, names, out))
    }

    fn heading(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match std::mem::replace(&mut self.headed, true) {
            true => Ok(()),
            false => writeln!(out, "{:<15}  {:<5}  CALL", "TIME", "GOID"),
        }
    }
}

fn line(time: u64, goid: u64, text: &str, names: &dyn Names, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}  {goid:<5}  {text}", names.time(time, MOMENT))
}

/// A call in values, and what values need to be shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// When and how it was.
    pub call: &'a Finished,
    /// What it was called with, and gave back.
    pub told: &'a Told<'a>,
    /// The types of the values.
    pub types: &'a Types,
    /// When it began, in nanoseconds since 1970.
    pub ts: i64,
    /// How much of each value is shown.
    pub style: Style,
}

/// `main.f(a=1)`.
#[must_use]
pub fn head(told: &Told<'_>, types: &Types, style: Style) -> String {
    let omitted = if told.args_omitted { Some("…".to_owned()) } else { None };
    let args = told.args.iter().map(|(name, value)| named(name, value, types, style)).chain(omitted);
    format!("{}({})", visible(told.function), args.collect::<Vec<_>>().join(", "))
}

/// How it ended: ` = (1, nil)`, or in a word.
#[must_use]
pub fn outcome(end: End, told: &Told<'_>, types: &Types, style: Style) -> String {
    if told.inlined.is_some() {
        return " = <inlined: not available>".to_owned();
    }
    let word = match end {
        End::Return => return results(told, types, style),
        End::Tail => "left by a jump",
        End::Unwound => return about("panicked", told, types, style),
        End::Goexit => "goexit",
        End::Switched => "switched away",
        End::Lost => "end not seen",
        End::Open if told.panic.is_some() => return about("still open, panicking", told, types, style),
        End::Open => "still open",
        End::Detached => "detached",
    };
    format!("  {word}")
}

/// How it ended, and about what.
fn about(word: &str, told: &Told<'_>, types: &Types, style: Style) -> String {
    match &told.panic {
        Some(value) => format!("  {word}: {}", go::text(value, types, style)),
        None => format!("  {word}"),
    }
}

fn results(told: &Told<'_>, types: &Types, style: Style) -> String {
    let Some(rets) = &told.rets else { return String::new() };
    // A name that nobody gave says nothing.
    let one = |(name, value): &(&str, GoValue)| match name.starts_with('~') {
        true => go::text(value, types, style),
        false => named(name, value, types, style),
    };
    let omitted = if told.rets_omitted { Some("…".to_owned()) } else { None };
    let all: Vec<String> = rets.iter().map(one).chain(omitted).collect();
    match (&all[..], &rets[..]) {
        ([], _) => String::new(),
        ([only], [(name, _)]) if name.starts_with('~') => format!(" = {only}"),
        (all, _) => format!(" = ({})", all.join(", ")),
    }
}

fn named(name: &str, value: &GoValue, types: &Types, style: Style) -> String {
    let guess = if is_guess(value, types) { "?" } else { "" };
    format!("{}={}{guess}", visible(name), go::text(value, types, style))
}

/// Whether a value is there that may be another one.
fn is_guess(value: &GoValue, types: &Types) -> bool {
    go::is_raw(value, types) && !matches!(value.is, Is::Missing(_))
}

/// Whether some of the arguments may be others.
fn guesses(told: &Told<'_>, types: &Types) -> bool {
    told.args.iter().any(|(_, value)| is_guess(value, types))
}

/// A duration behind a call.
#[must_use]
pub fn took(elapsed: Option<u64>) -> String {
    elapsed.map_or_else(String::new, |nanos| format!("  {}", rounded(nanos)))
}

/// A duration with as many digits as one reads.
fn rounded(nanos: u64) -> String {
    let unit = match nanos {
        ..10_000 => 1,
        10_000..1_000_000 => 100,
        1_000_000..1_000_000_000 => 10_000,
        _ => 1_000_000,
    };
    duration_text((nanos / unit * unit).try_into().unwrap_or(i64::MAX))
}

/// The JSON object `call`. Its fields are those of docs/json.md, in their order.
impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Shown { call, told, types, ts, style } = self;
        let values = |values| Values { values, types };
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "call")?;
        map.serialize_entry("ts", ts)?;
        map.serialize_entry("pid", &call.key.pid)?;
        map.serialize_entry("tid", &call.header.tid)?;
        map.serialize_entry("goid", &call.key.goid)?;
        map.serialize_entry("func", told.function)?;
        map.serialize_entry("args", &values(&told.args))?;
        map.serialize_entry("rets", &told.rets.as_deref().map(values))?;
        map.serialize_entry("omitted", &(told.args_omitted || told.rets_omitted))?;
        map.serialize_entry("guess", &guesses(told, types))?;
        map.serialize_entry("elapsed_ns", &call.elapsed)?;
        map.serialize_entry("depth", &call.depth)?;
        map.serialize_entry("end", call.end.word())?;
        map.serialize_entry("panic", &told.panic.as_ref().map(|value| Json { value, types }))?;
        map.serialize_entry("stack", &Some(&told.stack).filter(|stack| !stack.is_empty()))?;
        map.serialize_entry("inlined", &told.inlined)?;
        let text = format!("{}{}", head(told, types, *style), outcome(call.end, told, types, *style));
        map.serialize_entry("text", &text)?;
        map.end()
    }
}

/// The JSON object `call_start`.
struct Begun<'a>(&'a Shown<'a>);

impl Serialize for Begun<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Shown { call, told, types, ts, style } = self.0;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "call_start")?;
        map.serialize_entry("ts", ts)?;
        map.serialize_entry("pid", &call.key.pid)?;
        map.serialize_entry("tid", &call.header.tid)?;
        map.serialize_entry("goid", &call.key.goid)?;
        map.serialize_entry("func", told.function)?;
        map.serialize_entry("args", &Values { values: &told.args, types })?;
        map.serialize_entry("omitted", &told.args_omitted)?;
        map.serialize_entry("guess", &guesses(told, types))?;
        map.serialize_entry("depth", &call.depth)?;
        map.serialize_entry("text", &head(told, types, *style))?;
        map.end()
    }
}

struct Values<'a> {
    values: &'a [(&'a str, GoValue)],
    types: &'a Types,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let types = self.types;
        let named = self.values.iter().enumerate().map(|(n, (name, value))| {
            // Several may be called `_`; an object has each name once.
            let again = self.values.iter().take(n).filter(|(before, _)| before == name).count();
            let name = if again == 0 { (*name).to_owned() } else { format!("{name}#{}", again + 1) };
            (name, Json { value, types })
        });
        to.collect_map(named)
    }
}

#[cfg(test)]
mod tests;
