//! Functions of a program, one line each: what `gospect list` shows.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use gobin::image::InlinedAt;
use gobin::signature::{Arg, Signature};
use gobin::sites::{Refusal, Sites, Written};
use gobin::{Function, VAddr};
use serde::Serialize;

use crate::source;
use crate::text::{cut, paint, visible};
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
    guess: Option<String>,
    lost_after_growth: Option<bool>,
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
    omitted: Option<bool>,
    rets_omitted: Option<bool>,
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
        Format::Text(look) => {
            let width = style.name_width;
            let (name, into) = (visible(name), inlined_at(at, style.go_sources));
            let line = format!("{name:<width$}  inlined into {into}, code at {}", at.pc());
            writeln!(out, "{}", cut(&line, look.width.unwrap_or(usize::MAX)))
        }
    }
}

/// `main.main.func1 at /src/main.go:33`
#[must_use]
pub fn inlined_at(at: &InlinedAt, go_sources: Option<&str>) -> String {
    format!("{} at {}", visible(at.into.name()), source::place(at.place(), go_sources))
}

fn text(listed: &Listed, style: Style, look: Look, out: &mut dyn Write) -> io::Result<()> {
    match look.width {
        Some(screen) => line(Parts::of(listed, style), screen, look.color, out),
        None => out.write_all(whole_line(listed, style, look.color).as_bytes()),
    }
}

fn push_name(out: &mut String, listed: &Listed, style: Style) {
    let name = visible(listed.function.name());
    out.push_str(&name);
    out.extend(std::iter::repeat_n(' ', style.name_width.saturating_sub(name.chars().count())));
}

fn push_what(out: &mut String, listed: &Listed) {
    let from = out.len();
    // Writing to a String does not fail.
    let _ = match &listed.signature {
        Some(signature) => write!(out, "{signature}"),
        None => write!(out, "({})", listed.function.origin().word()),
    };
    if let Cow::Owned(safe) = visible(&out[from..]) {
        out.truncate(from);
        out.push_str(&safe);
    }
}

/// The same as [`line`] where it may have any length: it is put together in one piece, since large programs have many.
fn whole_line(listed: &Listed, style: Style, color: bool) -> String {
    let paint = |out: &mut String, code: &str| out.push_str(if color { code } else { "" });
    let mut out = String::with_capacity(256);
    push_name(&mut out, listed, style);
    out.push_str("  ");
    push_what(&mut out, listed);
    out.push_str("  ");
    paint(&mut out, "\x1b[2m");
    source::push_place(&mut out, listed.function.place(), style.go_sources);
    paint(&mut out, "\x1b[0m");
    out.push_str("  ");
    let (before, after) = if listed.sites.entry.is_ok() { ("", "") } else { ("\x1b[33m", "\x1b[0m") };
    paint(&mut out, before);
    push_sites(&mut out, &listed.sites);
    paint(&mut out, after);
    out.push('\n');
    out
}

/// The parts of a line: `main.leaf`, `func(a int, b int) int`, `/src/frames.go:8`, `entry+0x0 stepped, 1 return`.
struct Parts {
    name: String,
    what: String,
    place: String,
    sites: String,
    /// Whether a probe can be placed.
    probeable: bool,
}

/// No signature is cut to less than this.
const NARROWEST: usize = 16;

impl Parts {
    fn of(listed: &Listed, style: Style) -> Parts {
        let (mut name, mut what, mut sites) = (String::new(), String::new(), String::new());
        push_name(&mut name, listed, style);
        push_what(&mut what, listed);
        push_sites(&mut sites, &listed.sites);
        let place = source::place(listed.function.place(), style.go_sources);
        Parts { name, what, place, sites, probeable: listed.sites.entry.is_ok() }
    }

    /// Columns of the line, with two between parts.
    fn width(&self) -> usize {
        [&self.name, &self.what, &self.place, &self.sites].iter().map(|part| part.chars().count() + 2).sum::<usize>()
            - 2
    }

    /// Fits the line into a screen as well as it can be: first the directories go, then the end of the signature.
    fn shorten(&mut self, screen: usize) {
        if self.width() > screen {
            self.place = self.place.rsplit('/').next().unwrap_or_default().to_owned();
        }
        let over = self.width().saturating_sub(screen);
        if over > 0 {
            let room = self.what.chars().count().saturating_sub(over);
            self.what = cut(&self.what, room.max(NARROWEST)).into_owned();
        }
    }
}

/// Writes a line; what does not fit on a screen in spite of everything is cut off.
fn line(mut parts: Parts, screen: usize, color: bool, out: &mut dyn Write) -> io::Result<()> {
    parts.shorten(screen);
    let mut room = screen;
    let sites = if parts.probeable { "" } else { "33" };
    for (before, part, code) in
        [("", parts.name, ""), ("  ", parts.what, ""), ("  ", parts.place, "2"), ("  ", parts.sites, sites)]
    {
        let shown = cut(&part, room.saturating_sub(before.len()));
        if !shown.is_empty() {
            write!(out, "{before}{}", paint(&shown, code, color && !code.is_empty()))?;
            room -= before.len() + shown.chars().count();
        }
    }
    out.write_all(b"\n")
}

/// `entry+0x6 emulated, 2 returns`
fn push_sites(out: &mut String, sites: &Sites) {
    let entry = match &sites.entry {
        Ok(entry) => entry,
        Err(why) => return out.extend(["no probe: ", &brief(why)]),
    };
    // Writing to a String does not fail.
    let _ = write!(out, "entry+{:#x} {}", entry.offset, entry.class.word());
    out.push_str(if entry.loop_head { " (loop head)" } else { "" });
    match &sites.returns {
        Ok(returns) if returns.is_empty() && !sites.tail_jumps.is_empty() => {}
        Ok(returns) => push_counted(out, returns.len(), "return"),
        Err(Refusal::NeverReturns) => out.push_str(", never returns"),
        Err(why) => out.extend([", no returns: ", &brief(why)]),
    }
    if !sites.tail_jumps.is_empty() {
        push_counted(out, sites.tail_jumps.len(), "tail jump");
    }
}

fn push_counted(out: &mut String, n: usize, what: &str) {
    let _ = write!(out, ", {n} {what}{}", if n == 1 { "" } else { "s" });
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
    let args = signature.iter().flat_map(|s| &s.args);
    let rets = signature.iter().flat_map(|s| &s.rets);
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
        omitted: signature.as_ref().map(|s| !s.omitted.is_none()),
        rets_omitted: signature.as_ref().map(|s| s.rets_omitted),
        args: args.map(|arg| json_arg(arg, sites.lost_after_growth(&arg.place))).collect(),
        rets: rets.map(|arg| json_arg(arg, None)).collect(),
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

fn json_arg(arg: &Arg, lost_after_growth: Option<bool>) -> JsonArg<'_> {
    JsonArg {
        name: known(&arg.name),
        ty: known(&arg.type_name),
        place: arg.place.to_string(),
        guess: arg.guess.as_ref().map(ToString::to_string),
        lost_after_growth,
    }
}

/// What JSON has in place of an empty text.
pub(crate) fn known(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

pub(crate) fn hex(at: VAddr) -> String {
    format!("{:#x}", at.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(width: usize, expect: Expect) {
        let mut out = Vec::new();
        for (what, place) in
            [("func(w net/http.ResponseWriter, r *net/http.Request)", "/src/shop/main.go:139"), ("func()", "a.go:1")]
        {
            let parts = Parts {
                name: "main.slow".to_owned(),
                what: what.to_owned(),
                place: place.to_owned(),
                sites: "entry+0xa emulated, 2 returns".to_owned(),
                probeable: true,
            };
            line(parts, width, false, &mut out).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|l| l.chars().count() <= width), "{text}");
        expect.assert_eq(&text);
    }

    #[test]
    fn a_wide_screen_shows_everything() {
        check(
            200,
            expect![[r#"
            main.slow  func(w net/http.ResponseWriter, r *net/http.Request)  /src/shop/main.go:139  entry+0xa emulated, 2 returns
            main.slow  func()  a.go:1  entry+0xa emulated, 2 returns
        "#]],
        );
    }

    #[test]
    fn a_screen_takes_directories_first_then_the_end_of_the_signature_and_of_the_line() {
        check(
            110,
            expect![[r#"
            main.slow  func(w net/http.ResponseWriter, r *net/http.Request)  main.go:139  entry+0xa emulated, 2 returns
            main.slow  func()  a.go:1  entry+0xa emulated, 2 returns
        "#]],
        );
        check(
            80,
            expect![[r#"
            main.slow  func(w net/http.Response…  main.go:139  entry+0xa emulated, 2 returns
            main.slow  func()  a.go:1  entry+0xa emulated, 2 returns
        "#]],
        );
        check(
            40,
            expect![[r#"
                main.slow  func(w net/http…  main.go:139
                main.slow  func()  a.go:1  entry+0xa em…
            "#]],
        );
        check(
            5,
            expect![[r#"
                main…
                main…
            "#]],
        );
    }
}
