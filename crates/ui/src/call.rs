//! A call: a line for people, an object for programs.
//!
//! ```text
//! TIME             GOID   CALL
//! 21:00:47.123456  42     main.Handle(r=&main.Req{ID: 7}, s="hello") = (13, nil)  1.2µs
//! ```
//!
//! Once calls of a second process come, lines say whose each is, in a column `PID` below a heading of its own.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use event::Names;
use event::calls::{CallValues, Finished, Key};
use event::go::value::{GoValue, Is};
use event::go::{End, Types, duration_text};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::frame::{Frames, place};
use crate::go::{self, Json, Style, short};
use crate::graph::{Graph, Line};
use crate::strftime;
use crate::text::visible;
use crate::{Format, json_line};

/// How far behind the beginning of a line frames of a stack stand.
const FRAME: usize = 28;
/// How many columns the process takes.
const PROCESS: usize = 9;
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

/// Whose calls a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    None,
    One(u32),
    Several,
}

/// A page of calls: what was shown of them so far.
#[derive(Debug)]
pub struct Page {
    view: View,
    style: Style,
    headed: bool,
    process: Process,
    graph: Graph,
    lines: Vec<Line>,
    /// Room for the next line.
    line: String,
}

impl Page {
    /// Nothing yet.
    #[must_use]
    pub fn new(view: View, style: Style) -> Page {
        let graph = Graph::new(view.depth());
        Page { view, style, headed: false, process: Process::None, graph, lines: Vec::new(), line: String::new() }
    }

    /// Calls are of several processes, so that each says from the start whose it is.
    pub fn of_several(&mut self) {
        self.process = Process::Several;
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

    /// From now on shows values in so many columns, or whole.
    pub fn fit(&mut self, width: Option<usize>) {
        self.style.width = width;
    }

    /// A call begins that will end.
    ///
    /// # Errors
    /// The writer's.
    pub fn begins(&mut self, shown: &Shown<'_>, names: &dyn Names, to: Format, out: &mut dyn Write) -> io::Result<()> {
        let Shown { call, told, .. } = shown;
        if to == Format::Json {
            return if self.leaves_out(call) { Ok(()) } else { json_line(out, &Begun(shown)) };
        }
        let mut head = written(|out| shown.head(out));
        if self.view == View::Both {
            head.push_str(" {");
            return self.line(call.started, call.key, names, out, |line| line.push_str(&head));
        }
        self.graph.begins(call.key, call.started, &called(told), &head, &mut self.lines);
        self.write(names, out)
    }

    /// A call has ended; or nothing more will be heard of it.
    ///
    /// # Errors
    /// The writer's.
    pub fn ends(&mut self, shown: &Shown<'_>, names: &dyn Names, to: Format, out: &mut dyn Write) -> io::Result<()> {
        let Shown { call, told, .. } = shown;
        if to == Format::Json {
            return if self.leaves_out(call) { Ok(()) } else { json_line(out, shown) };
        }
        if self.closes(shown) {
            self.write(names, out)?;
        } else {
            self.line(call.started, call.key, names, out, |line| {
                shown.head(line);
                shown.tail(line);
            })?;
        }
        let indent = FRAME + if self.process == Process::Several { PROCESS } else { 0 };
        told.frames.iter().try_for_each(|frame| writeln!(out, "{:>indent$}  {}", "", place(frame)))
    }

    /// Ends a call where it stands in others, if it does.
    fn closes(&mut self, shown: &Shown<'_>) -> bool {
        let View::Graph { .. } = self.view else { return false };
        let call = shown.call;
        let ended = call.started.saturating_add(call.elapsed.unwrap_or(0));
        self.graph.ends(call.key, ended, &written(|out| shown.tail(out)), &mut self.lines)
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
        let lines = std::mem::take(&mut self.lines);
        lines.iter().try_for_each(|of| {
            let key = Key { pid: of.pid, goid: of.goid, id: 0 };
            self.line(of.time, key, names, out, |line| line.push_str(&of.text))
        })
    }

    fn line(
        &mut self,
        time: u64,
        Key { pid, goid, .. }: Key,
        names: &dyn Names,
        out: &mut dyn Write,
        write: impl FnOnce(&mut String),
    ) -> io::Result<()> {
        self.meet(pid);
        self.heading(out)?;
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        // Writing to a String does not fail.
        let _ = write!(line, "{}  ", strftime::show(MOMENT, names.moment(time)));
        if self.process == Process::Several {
            let _ = write!(line, "{pid:<7}  ");
        }
        let _ = write!(line, "{goid:<5}  ");
        write(&mut line);
        line.push('\n');
        let written = out.write_all(line.as_bytes());
        self.line = line;
        written
    }

    /// From the second process on a heading tells of another column.
    fn meet(&mut self, pid: u32) {
        match self.process {
            Process::None => self.process = Process::One(pid),
            Process::One(one) if one != pid => (self.process, self.headed) = (Process::Several, false),
            Process::One(_) | Process::Several => {}
        }
    }

    fn heading(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match (std::mem::replace(&mut self.headed, true), self.process) {
            (true, _) => Ok(()),
            (false, Process::Several) => writeln!(out, "{:<15}  {:<7}  {:<5}  CALL", "TIME", "PID", "GOID"),
            (false, _) => writeln!(out, "{:<15}  {:<5}  CALL", "TIME", "GOID"),
        }
    }
}

/// A call in values, and what values need to be shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// When and how it was.
    pub call: &'a Finished,
    /// What it was called with, and gave back.
    pub told: &'a CallValues<'a>,
    /// The types of the values.
    pub types: &'a Types,
    /// When it began, in nanoseconds since 1970.
    pub ts: i64,
    /// How much of each value is shown.
    pub style: Style,
}

impl Shown<'_> {
    /// `main.f(a=1)`.
    pub fn head(&self, out: &mut String) {
        let CallValues { args, args_omitted, .. } = self.told;
        out.push_str(&visible(&called(self.told)));
        out.push('(');
        for (n, (name, value)) in args.iter().enumerate() {
            separate(n, out);
            self.named(name, value, out);
        }
        omit(*args_omitted, args.len(), out);
        out.push(')');
    }

    /// How it ended: ` = (1, nil)`, or in a word.
    fn outcome(&self, out: &mut String) {
        out.push_str(match self.call.end {
            End::Return if self.told.inlined.is_some() => " = <inlined: not available>",
            End::Open if self.told.inlined.is_some() && self.call.alone => " = <inlined: not available>",
            End::Return => return self.results(out),
            End::Tail => "  left by a jump",
            End::Unwound => return self.about("  panicked", out),
            End::Goexit => "  goexit",
            End::Switched => "  switched away",
            End::Lost => "  end not seen",
            End::Open if self.told.panic.is_some() => return self.about("  still open, panicking", out),
            End::Open => "  still open",
            End::Detached => "  detached",
        });
    }

    /// How it ended, and about what.
    fn about(&self, word: &str, out: &mut String) {
        out.push_str(word);
        if let Some(value) = &self.told.panic {
            out.push_str(": ");
            go::write(value, self.types, self.style, out);
        }
    }

    fn results(&self, out: &mut String) {
        let CallValues { rets: Some(rets), rets_omitted, .. } = self.told else { return };
        let alone = match &rets[..] {
            [] if !rets_omitted => return,
            // A name that nobody gave says nothing.
            [(name, _)] => !rets_omitted && name.starts_with('~'),
            _ => false,
        };
        out.push_str(if alone { " = " } else { " = (" });
        for (n, (name, value)) in rets.iter().enumerate() {
            separate(n, out);
            match name.starts_with('~') {
                true => go::write(value, self.types, self.style, out),
                false => self.named(name, value, out),
            }
        }
        omit(*rets_omitted, rets.len(), out);
        if !alone {
            out.push(')');
        }
    }

    fn named(&self, name: &str, value: &GoValue, out: &mut String) {
        out.push_str(&visible(name));
        out.push('=');
        go::write(value, self.types, self.style, out);
        if is_guess(value, self.types) {
            out.push('?');
        }
    }

    /// How it ended, and how long it took.
    fn tail(&self, out: &mut String) {
        self.outcome(out);
        out.push_str(&took(self.call.elapsed));
    }
}

/// The function as code has it: with its type arguments instead of the shapes that share its code.
fn called<'t>(told: &CallValues<'t>) -> Cow<'t, str> {
    let name = told.function;
    let shapes = name.find('[').and_then(|start| Some((start + 1, closing(name, start)?)));
    let (Some((start, end)), Some(all)) = (shapes, type_args(told)) else { return name.into() };
    let all: Vec<Cow<'_, str>> = all.iter().map(|one| short(one)).collect();
    format!("{}{}{}", &name[..start], all.join(","), &name[end..]).into()
}

/// The type arguments, where some are known.
fn type_args<'t>(told: &CallValues<'t>) -> Option<&'t [String]> {
    Some(told.type_args).filter(|all| !all.is_empty())
}

/// Where the bracket is that closes the one there.
fn closing(name: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    name.char_indices().skip_while(|(at, _)| *at < start).find_map(|(at, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

fn separate(n: usize, out: &mut String) {
    if n > 0 {
        out.push_str(", ");
    }
}

/// What is missing, or may be, behind so many that are there.
fn omit(omitted: bool, n: usize, out: &mut String) {
    if omitted {
        separate(n, out);
        out.push('…');
    }
}

/// What one of these writes, as a text of its own.
fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

/// Whether a value is there that may be another one.
fn is_guess(value: &GoValue, types: &Types) -> bool {
    go::is_raw(value, types) && !matches!(value.is, Is::Missing(_))
}

/// Whether some of the arguments may be others.
fn guesses(told: &CallValues<'_>, types: &Types) -> bool {
    told.args.iter().any(|(_, value)| is_guess(value, types))
}

/// A duration behind a call.
#[must_use]
pub fn took(elapsed: Option<u64>) -> String {
    elapsed.map_or_else(String::new, |nanos| format!("  {}", rounded(nanos)))
}

/// A duration with as many digits as one reads.
pub(crate) fn rounded(nanos: u64) -> String {
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
        let Shown { call, told, types, ts, .. } = self;
        let values = |values| Values { values, types };
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "call")?;
        map.serialize_entry("ts", ts)?;
        map.serialize_entry("pid", &call.key.pid)?;
        map.serialize_entry("tid", &call.header.tid)?;
        map.serialize_entry("goid", &call.key.goid)?;
        map.serialize_entry("func", told.function)?;
        map.serialize_entry("type_args", &type_args(told))?;
        map.serialize_entry("program", &told.program)?;
        map.serialize_entry("args", &values(&told.args))?;
        map.serialize_entry("rets", &told.rets.as_deref().map(values))?;
        map.serialize_entry("omitted", &(told.args_omitted || told.rets_omitted))?;
        map.serialize_entry("guess", &guesses(told, types))?;
        map.serialize_entry("elapsed_ns", &call.elapsed)?;
        map.serialize_entry("depth", &call.depth)?;
        map.serialize_entry("end", call.end.word())?;
        map.serialize_entry("panic", &told.panic.as_ref().map(|value| Json { value, types }))?;
        map.serialize_entry("stack", &Some(&told.stack).filter(|stack| !stack.is_empty()))?;
        map.serialize_entry("frames", &Some(Frames(&told.frames)).filter(|frames| !frames.0.is_empty()))?;
        map.serialize_entry("inlined", &told.inlined)?;
        let text = written(|out| {
            self.head(out);
            self.outcome(out);
        });
        map.serialize_entry("text", &text)?;
        map.end()
    }
}

/// The JSON object `call_start`.
struct Begun<'a>(&'a Shown<'a>);

impl Serialize for Begun<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Shown { call, told, types, ts, .. } = self.0;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "call_start")?;
        map.serialize_entry("ts", ts)?;
        map.serialize_entry("pid", &call.key.pid)?;
        map.serialize_entry("tid", &call.header.tid)?;
        map.serialize_entry("goid", &call.key.goid)?;
        map.serialize_entry("func", told.function)?;
        map.serialize_entry("type_args", &type_args(told))?;
        map.serialize_entry("program", &told.program)?;
        map.serialize_entry("args", &Values { values: &told.args, types })?;
        map.serialize_entry("omitted", &told.args_omitted)?;
        map.serialize_entry("guess", &guesses(told, types))?;
        map.serialize_entry("depth", &call.depth)?;
        map.serialize_entry("text", &written(|out| self.0.head(out)))?;
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
