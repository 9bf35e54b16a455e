//! Functions of a program, one line each: what `gospect list` shows.

use std::io::{self, Write};

use gobin::image::InlinedAt;
use gobin::signature::{Arg, Signature};
use gobin::sites::{Refusal, Sites, Written};
use gobin::{Function, VAddr};
use serde::Serialize;

use crate::source;
use crate::text::{paint, visible};
use crate::{Format, Look, json_line};

/// A function with what is known about it.
pub struct Listed<'i> {
    /// The function.
    pub function: Function<'i>,
    /// What it takes and gives, if anything describes it.
    pub signature: Option<Signature>,
    /// Where probes can go.
    pub sites: Sites,
}

/// How to show functions.
#[derive(Clone, Copy, Debug)]
pub struct Style<'i> {
    /// Text or JSON.
    pub format: Format,
    /// Show every site, not only how many there are.
    pub sites: bool,
    /// Columns for the name in text; longer names push the rest aside.
    pub name_width: usize,
    /// Where the program's Go had its own sources, which text leaves out.
    pub go_sources: Option<&'i str>,
}

/// Names longer than this are not lined up with.
pub const WIDEST_NAME: usize = 48;

/// One argument or result in JSON.
#[derive(Serialize)]
pub(crate) struct JsonArg<'a> {
    name: Option<&'a str>,
    #[serde(rename = "type")]
    ty: Option<&'a str>,
    place: String,
}

/// An entry site in JSON.
#[derive(Serialize)]
pub(crate) struct JsonEntry {
    offset: u32,
    class: &'static str,
    sp_adjust: u32,
    loop_head: bool,
}

/// A return or tail jump in JSON.
#[derive(Serialize)]
pub(crate) struct JsonExit {
    offset: u32,
    class: Option<&'static str>,
}

/// Every site, in JSON.
#[derive(Serialize)]
struct JsonSites {
    returns: Vec<JsonExit>,
    tail_jumps: Vec<JsonExit>,
    deferreturn_calls: Vec<u32>,
}

/// The JSON object `function`. Its fields are those of docs/json.md, in their order.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
pub(crate) struct JsonFunction<'a> {
    name: &'a str,
    package: Option<String>,
    receiver: Option<&'a str>,
    kind: &'static str,
    generic: bool,
    entry: String,
    size: u32,
    file: Option<&'a str>,
    line: Option<u32>,
    decl_line: Option<u32>,
    signature: Option<String>,
    signature_source: Option<&'static str>,
    args: Vec<JsonArg<'a>>,
    rets: Vec<JsonArg<'a>>,
    entry_site: Option<JsonEntry>,
    return_sites: usize,
    tail_jumps: usize,
    refused: Option<String>,
    returns_refused: Option<String>,
    sites: Option<JsonSites>,
}

/// The JSON object `inlined`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "inlined")]
struct JsonInlined<'a> {
    name: &'a str,
    into: &'a str,
    pc: String,
    file: Option<&'a str>,
    line: Option<u32>,
}

/// Shows one function.
///
/// # Errors
/// The writer's.
pub fn show(listed: &Listed, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match style.format {
        Format::Json => json_line(out, &json(listed, style.sites)),
        Format::Text(look) => {
            text(listed, style, look, out)?;
            if style.sites { text_sites(&listed.sites, out) } else { Ok(()) }
        }
    }
}

/// Shows one place where a function was inlined.
///
/// # Errors
/// The writer's.
pub fn show_inlined(name: &str, at: &InlinedAt, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (file, line) = at.place().unzip();
    match style.format {
        Format::Json => {
            let into = at.into.name();
            json_line(out, &JsonInlined { name, into, pc: hex(at.pc()), file, line })
        }
        Format::Text(_) => {
            let width = style.name_width;
            let (name, into) = (visible(name), inlined_at(at, style.go_sources));
            writeln!(out, "{name:<width$}  inlined into {into}, code at {}", at.pc())
        }
    }
}

/// `main.main.func1 at /src/main.go:33`
#[must_use]
pub fn inlined_at(at: &InlinedAt, go_sources: Option<&str>) -> String {
    format!("{} at {}", visible(at.into.name()), source::place(at.place(), go_sources))
}

/// `main.leaf  func(a int, b int) int  /src/frames.go:8  entry+0x0 stepped, 1 return`
fn text(listed: &Listed, style: Style, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &listed.function;
    let (name, width) = (visible(f.name()), style.name_width);
    write!(out, "{name:<width$}  ")?;
    match &listed.signature {
        Some(signature) => out.write_all(visible(&signature.to_string()).as_bytes())?,
        None => write!(out, "({})", f.origin().word())?,
    }
    let place = source::place(f.place(), style.go_sources);
    write!(out, "  {}  ", paint(&place, "2", look.color))?;
    summary(&listed.sites, look, out)?;
    out.write_all(b"\n")
}

/// `entry+0x6 emulated, 2 returns`
fn summary(sites: &Sites, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let entry = match &sites.entry {
        Ok(entry) => entry,
        Err(why) => return out.write_all(paint(&format!("no probe: {}", brief(why)), "33", look.color).as_bytes()),
    };
    let head = if entry.loop_head { " (loop head)" } else { "" };
    write!(out, "entry+{:#x} {}{head}", entry.offset, entry.class.word())?;
    match &sites.returns {
        Ok(returns) if returns.is_empty() && !sites.tail_jumps.is_empty() => {}
        Ok(returns) => counted(returns.len(), "return", out)?,
        Err(Refusal::NeverReturns) => out.write_all(b", never returns")?,
        Err(why) => write!(out, ", no returns: {}", brief(why))?,
    }
    match sites.tail_jumps.len() {
        0 => Ok(()),
        n => counted(n, "tail jump", out),
    }
}

fn counted(n: usize, what: &str, out: &mut dyn Write) -> io::Result<()> {
    write!(out, ", {n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The reason without what is the same for every function of the kind; all of it stands in JSON and in `explain`.
fn brief(why: &Refusal) -> String {
    match why {
        Refusal::Foreign(Written::C) => "written in C".to_owned(),
        Refusal::Foreign(Written::Assembly) => "written in assembly".to_owned(),
        Refusal::Unprobeable { offset, why } => format!("the instruction at +{offset:#x}: {why}"),
        other => other.to_string(),
    }
}

/// Every site on an indented line below.
fn text_sites(sites: &Sites, out: &mut dyn Write) -> io::Result<()> {
    if let Ok(entry) = &sites.entry {
        writeln!(out, "    entry      +{:#x}  {}", entry.offset, entry.class.word())?;
    }
    for exit in sites.returns.iter().flatten() {
        writeln!(out, "    return     +{:#x}  {}", exit.offset, exit.class.word())?;
    }
    for exit in &sites.tail_jumps {
        let to = exit.target.map_or_else(|| "a register's target".to_owned(), |to| to.to_string());
        let class = exit.class.map_or_else(|why| format!("no probe: {why}"), |c| c.word().to_owned());
        writeln!(out, "    tail jump  +{:#x}  {class}  to {to}", exit.offset)?;
    }
    for at in &sites.deferreturn_calls {
        writeln!(out, "    deferreturn called at +{at:#x}")?;
    }
    Ok(())
}

pub(crate) fn json<'a>(listed: &'a Listed, all_sites: bool) -> JsonFunction<'a> {
    let Listed { function: f, signature, sites } = listed;
    let parts = f.parts();
    let (file, line) = f.place().unzip();
    let of = |get: fn(&Signature) -> &Vec<Arg>| signature.iter().flat_map(get).map(json_arg).collect();
    JsonFunction {
        name: f.name(),
        package: known(&parts.import_path()).map(str::to_owned),
        receiver: parts.receiver,
        kind: f.origin().word(),
        generic: parts.generic(),
        entry: hex(f.entry()),
        size: f.size(),
        file,
        line,
        decl_line: f.row().start_line(),
        signature: signature.as_ref().map(ToString::to_string),
        signature_source: signature.as_ref().map(|s| s.source.word()),
        args: of(|s| &s.args),
        rets: of(|s| &s.rets),
        entry_site: sites.entry.as_ref().ok().map(|e| JsonEntry {
            offset: e.offset,
            class: e.class.word(),
            sp_adjust: e.sp_adjust,
            loop_head: e.loop_head,
        }),
        return_sites: sites.returns.as_ref().map_or(0, Vec::len),
        tail_jumps: sites.tail_jumps.len(),
        refused: sites.entry.as_ref().err().map(ToString::to_string),
        returns_refused: sites.returns.as_ref().err().map(ToString::to_string),
        sites: all_sites.then(|| json_sites(sites)),
    }
}

fn json_sites(sites: &Sites) -> JsonSites {
    let returns = sites.returns.iter().flatten();
    JsonSites {
        returns: returns.map(|r| JsonExit { offset: r.offset, class: Some(r.class.word()) }).collect(),
        tail_jumps: sites
            .tail_jumps
            .iter()
            .map(|t| JsonExit { offset: t.offset, class: t.class.ok().map(|c| c.word()) })
            .collect(),
        deferreturn_calls: sites.deferreturn_calls.clone(),
    }
}

fn json_arg(arg: &Arg) -> JsonArg<'_> {
    JsonArg { name: known(&arg.name), ty: known(&arg.type_name), place: arg.place.to_string() }
}

/// What JSON has in place of an empty text.
pub(crate) fn known(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

pub(crate) fn hex(at: VAddr) -> String {
    format!("{:#x}", at.0)
}
