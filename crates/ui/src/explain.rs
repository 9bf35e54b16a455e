//! What a probe on a function does: its instructions, the sites among them, where values are, and the bytes that a
//! running process really has. What `gospect explain` shows.

use std::borrow::Cow;
use std::io::{self, Write};

use gobin::abi::Place;
use gobin::insn::{Class, Flow, Line};
use gobin::signature::Arg;
use gobin::sites::{Entry, Sites};
use gobin::{Arch, Function, VAddr};
use serde::Serialize;

use crate::function::{self, Listed, hex};
use crate::source;
use crate::text::{paint, visible};
use crate::{Format, Look, json_line};

/// A function, taken apart.
pub struct Explained<'i> {
    /// The machine that it is for.
    pub arch: Arch,
    /// The function, its signature and sites.
    pub listed: Listed<'i>,
    /// Its instructions in order.
    pub instructions: Vec<Line>,
    /// The process that it was looked at in; `None` for a file.
    pub live: Option<Live<'i>>,
    /// Where the program's Go had its own sources, which text leaves out.
    pub go_sources: Option<&'i str>,
}

/// A function as a process has it.
pub struct Live<'i> {
    /// How to call the process.
    pub name: &'i str,
    /// How far its addresses are from the file's.
    pub bias: u64,
    /// What it has in place of the file's bytes, from the function's first on.
    pub bytes: Vec<u8>,
}

impl Live<'_> {
    /// The address that an instruction of the function has in the process.
    fn address(&self, f: &Function, at: u32) -> VAddr {
        address(f, at).plus(self.bias)
    }
}

/// What an instruction is to gospect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    Entry(Class),
    Return(Class),
    EntryAndReturn(Class),
    TailJump,
    Deferreturn,
    Prologue,
}

impl Mark {
    fn of(sites: &Sites, at: u32) -> Option<Mark> {
        let entry = sites.entry.as_ref().ok();
        let returns = sites.returns.iter().flatten().find(|r| r.offset == at);
        match (entry.filter(|e| e.offset == at), returns) {
            (Some(e), Some(_)) => Some(Mark::EntryAndReturn(e.class)),
            (Some(e), None) => Some(Mark::Entry(e.class)),
            (None, Some(r)) => Some(Mark::Return(r.class)),
            _ if sites.tail_jumps.iter().any(|t| t.offset == at) => Some(Mark::TailJump),
            _ if sites.deferreturn_calls.contains(&at) => Some(Mark::Deferreturn),
            _ if entry.is_some_and(|e| at < e.prologue.end) => Some(Mark::Prologue),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Mark::Entry(_) => "entry",
            Mark::Return(_) => "return",
            Mark::EntryAndReturn(_) => "entry-and-return",
            Mark::TailJump => "tail-jump",
            Mark::Deferreturn => "deferreturn",
            Mark::Prologue => "prologue",
        }
    }

    /// What stands behind the instruction.
    fn remark(self) -> String {
        match self {
            Mark::Entry(class) => format!("entry probe: {}", price(class)),
            Mark::Return(class) => format!("return probe: {}", price(class)),
            Mark::EntryAndReturn(class) => format!("entry and return probe: {}", price(class)),
            Mark::TailJump => "leaves by a tail jump".to_owned(),
            Mark::Deferreturn => "runs deferred calls; goes on here after a recovered panic".to_owned(),
            Mark::Prologue => "stack check".to_owned(),
        }
    }

    fn class(self) -> Option<Class> {
        match self {
            Mark::Entry(c) | Mark::Return(c) | Mark::EntryAndReturn(c) => Some(c),
            _ => None,
        }
    }
}

pub(crate) fn price(class: Class) -> &'static str {
    match class {
        Class::Emulated => "emulated, one trap",
        Class::Stepped => "single-stepped, dearer",
    }
}

/// An instruction in JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename = "instruction")]
struct JsonInstruction<'a> {
    function: &'a str,
    addr: String,
    offset: u32,
    bytes: String,
    live: Option<String>,
    live_addr: Option<String>,
    text: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: Option<&'a str>,
    mark: Option<&'static str>,
    class: Option<&'static str>,
}

/// Shows a function, taken apart.
///
/// # Errors
/// The writer's.
pub fn show(explained: &Explained, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => {
            json_line(out, &function::json(&explained.listed, true))?;
            explained.instructions.iter().try_for_each(|i| json_line(out, &json(explained, i)))
        }
        Format::Text(look) => {
            head(explained, look, out)?;
            process(explained, out)?;
            values(&explained.listed, out)?;
            sites(&explained.listed.sites, out)?;
            code(explained, look, out)
        }
    }
}

fn json<'a>(explained: &'a Explained, line: &'a Line) -> JsonInstruction<'a> {
    let f = &explained.listed.function;
    let mark = Mark::of(&explained.listed.sites, line.insn.at);
    let (file, number) = f.file_line(address(f, line.insn.at)).unzip();
    JsonInstruction {
        function: f.name(),
        addr: hex(address(f, line.insn.at)),
        offset: line.insn.at,
        bytes: bytes(part(f.code(), line)),
        live: explained.live.as_ref().map(|live| bytes(part(&live.bytes, line))),
        live_addr: explained.live.as_ref().map(|live| hex(live.address(f, line.insn.at))),
        text: &line.text,
        file,
        line: number,
        inlined: f.inlined_at(address(f, line.insn.at)),
        mark: mark.map(Mark::word),
        class: mark.and_then(Mark::class).map(Class::word),
    }
}

fn head(e: &Explained, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &e.listed.function;
    writeln!(out, "{}", paint(&visible(f.name()), "1", look.color))?;
    writeln!(out, "  source     {}", source::place(f.place(), e.go_sources))?;
    writeln!(out, "  code       {} bytes at {}, {}", f.size(), f.entry(), f.origin().word())?;
    match &e.listed.signature {
        Some(s) => writeln!(out, "  signature  {}  (from {})", visible(&s.to_string()), s.source.words()),
        None => writeln!(out, "  signature  unknown: the file does not describe this function's arguments and results"),
    }
}

/// Which process it was looked at in, where it has the function, and whether as in the file.
fn process(e: &Explained, out: &mut dyn Write) -> io::Result<()> {
    let Some(live) = &e.live else { return Ok(()) };
    writeln!(out, "  process    {}", visible(live.name))?;
    let place = match live.bias {
        0 => String::new(),
        _ => format!("at {}, ", live.address(&e.listed.function, 0)),
    };
    let state = match e.instructions.iter().filter(|line| changed(e, line).is_some()).count() {
        0 => "the same as the file".to_owned(),
        1 => "differs from the file in 1 instruction".to_owned(),
        n => format!("differs from the file in {n} instructions"),
    };
    writeln!(out, "  in memory  {place}{state}")
}

/// A table of what is where.
fn values(listed: &Listed, out: &mut dyn Write) -> io::Result<()> {
    let Some(signature) = &listed.signature else { return Ok(()) };
    let hidden = signature.dictionary.as_ref().map(|place| row("at entry", "dict", "(hidden)", place));
    let args = signature.args.iter().map(|a| {
        let lost = listed.sites.lost_after_growth(&a.place) == Some(true);
        Row { lost, ..of_arg("at entry", a) }
    });
    let rets = signature.rets.iter().map(|a| of_arg("at return", a));
    let rows: Vec<Row> = hidden.into_iter().chain(args).chain(rets).collect();
    let name_width = rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
    let type_width = rows.iter().map(|r| r.ty.chars().count()).max().unwrap_or(0);
    if !rows.is_empty() {
        out.write_all(b"\n")?;
    }
    rows.iter().try_for_each(|Row { when, name, ty, place, lost }| {
        let remark = if *lost { "  (lost when the stack has just grown)" } else { "" };
        writeln!(out, "  {when:<9}  {name:<name_width$}  {ty:<type_width$}  {place}{remark}")
    })
}

/// Where a value is.
struct Row<'a> {
    when: &'static str,
    name: Cow<'a, str>,
    ty: Cow<'a, str>,
    place: String,
    /// A register that holds it is not loaded again when the stack had to grow.
    lost: bool,
}

fn row<'a>(when: &'static str, name: &'a str, ty: &'a str, place: &Place) -> Row<'a> {
    Row { when, name: visible(name), ty: visible(ty), place: place.to_string(), lost: false }
}

/// A guess has a question mark.
fn of_arg<'a>(when: &'static str, arg: &'a Arg) -> Row<'a> {
    let known = row(when, &arg.name, &arg.type_name, &arg.place);
    match &arg.guess {
        Some(guess) => Row { place: format!("{guess}?"), ..known },
        None => known,
    }
}

fn sites(sites: &Sites, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\n")?;
    if let (Err(why), Err(same)) = (&sites.entry, &sites.returns)
        && why == same
    {
        return writeln!(out, "  no probe   {why}");
    }
    match &sites.entry {
        Ok(e) => entry(e, out)?,
        Err(why) => writeln!(out, "  entry      no probe: {why}")?,
    }
    match &sites.returns {
        Ok(returns) => {
            for class in [Class::Emulated, Class::Stepped] {
                let offsets = returns.iter().filter(|r| r.class == class).map(|r| r.offset);
                exits("returns", &offsets.collect::<Vec<_>>(), price(class), out)?;
            }
        }
        Err(why) => writeln!(out, "  returns    no probe: {why}")?,
    }
    let tails: Vec<u32> = sites.tail_jumps.iter().map(|t| t.offset).collect();
    exits("tails", &tails, "jumps that leave the function without a return", out)
}

fn entry(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let check = if entry.prologue.checked { ", behind the stack check" } else { "" };
    writeln!(out, "  entry      +{:#x}{check}: {}", entry.offset, price(entry.class))?;
    if entry.loop_head {
        writeln!(out, "             the function jumps back to it, so a call may reach it more than once")?;
    }
    Ok(())
}

/// Offsets on a line of their own for every eight.
fn exits(what: &str, offsets: &[u32], remark: &str, out: &mut dyn Write) -> io::Result<()> {
    let lines: Vec<String> = offsets
        .chunks(8)
        .map(|line| line.iter().map(|at| format!("+{at:#x}")).collect::<Vec<_>>().join(", "))
        .collect();
    if lines.is_empty() { Ok(()) } else { writeln!(out, "  {what:<9}  {}: {remark}", lines.join(",\n             ")) }
}

fn code(explained: &Explained, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let (instructions, padding) = explained.instructions.split_at(padding_from(explained));
    let mut shown = String::new();
    out.write_all(b"\n")?;
    for line in instructions {
        let source = source_of(explained, line);
        if source != shown {
            writeln!(out, "  {}", paint(&source, "2", look.color))?;
            shown = source;
        }
        instruction(explained, line, look, out)?;
    }
    match padding.iter().map(|line| line.insn.len).sum::<u32>() {
        0 => Ok(()),
        n => writeln!(out, "  {n} bytes of padding"),
    }
}

/// Where the lines begin that only fill the gap before the next function, as long as nobody wrote there.
fn padding_from(e: &Explained) -> usize {
    let code = e.listed.function.code();
    let filling = |line: &&Line| {
        let uniform = part(code, line).iter().all(|byte| Some(byte) == code.last());
        line.insn.flow == Flow::Data && uniform && changed(e, line).is_none()
    };
    e.instructions.len() - e.instructions.iter().rev().take_while(filling).count()
}

/// `store.go:41`; code of another file or inlined from another function says so.
fn source_of(e: &Explained, line: &Line) -> String {
    let f = &e.listed.function;
    let at = address(f, line.insn.at);
    let own = f.place().map(|(file, _)| file);
    let place = match f.file_line(at) {
        Some((file, line)) if Some(file) == own => {
            format!("{}:{line}", visible(file.rsplit('/').next().unwrap_or(file)))
        }
        Some(place) => source::place(Some(place), e.go_sources),
        None => "no source".to_owned(),
    };
    let inlined = f.inlined_at(at).map_or(String::new(), |name| format!("  (inlined {})", visible(name)));
    format!("{place}{inlined}")
}

/// `    +0x6     4c3a86  55                      push rbp                        ; entry probe: emulated, one trap`
/// Where the loader has moved the program, the address in the process stands behind that of the file.
fn instruction(e: &Explained, line: &Line, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &e.listed.function;
    let at = address(f, line.insn.at);
    let bytes = bytes(part(f.code(), line));
    let text = visible(&line.text);
    write!(out, "    +{:<#6x} {:x}  ", line.insn.at, at.0)?;
    if let Some(live) = e.live.as_ref().filter(|live| live.bias != 0) {
        write!(out, "{:x}  ", live.address(f, line.insn.at).0)?;
    }
    write!(out, "{bytes:<22}  ")?;
    match Mark::of(&e.listed.sites, line.insn.at) {
        Some(mark) => {
            let code = if mark.class().is_some() { "32" } else { "2" };
            writeln!(out, "{text:<30}  {}", paint(&format!("; {}", mark.remark()), code, look.color))?;
        }
        None => writeln!(out, "{text}")?,
    }
    changed(e, line).map_or(Ok(()), |live| in_memory(e.arch, live, look, out))
}

/// The bytes in memory, where they are not those of the file.
fn changed<'e>(e: &'e Explained, line: &Line) -> Option<&'e [u8]> {
    let live = part(&e.live.as_ref()?.bytes, line);
    (live != part(e.listed.function.code(), line)).then_some(live)
}

fn in_memory(arch: Arch, live: &[u8], look: Look, out: &mut dyn Write) -> io::Result<()> {
    let what = if is_breakpoint(arch, live) { "a breakpoint: a probe is in place here" } else { "not as in the file" };
    let text = format!("in memory: {} ({what})", bytes(live));
    writeln!(out, "            {}", paint(&text, "31", look.color))
}

/// What the kernel writes in place of an instruction under a probe: `int3`, or `brk #5`.
fn is_breakpoint(arch: Arch, bytes: &[u8]) -> bool {
    match arch {
        Arch::Amd64 => bytes.starts_with(&[0xcc]),
        Arch::Arm64 => bytes.starts_with(&[0xa0, 0x00, 0x20, 0xd4]),
    }
}

fn part<'b>(bytes: &'b [u8], line: &Line) -> &'b [u8] {
    bytes.get(line.insn.at as usize..(line.insn.at + line.insn.len) as usize).unwrap_or_default()
}

fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn address(f: &Function, at: u32) -> VAddr {
    f.entry().plus(u64::from(at))
}
