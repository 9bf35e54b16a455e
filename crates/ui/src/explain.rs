//! What a probe on a function does: its instructions, the sites among them, where values are, and the bytes that a
//! running process really has. What `gospect explain` shows.

use std::io::{self, Write};

use gobin::insn::{Class, Line};
use gobin::signature::{Arg, Signature};
use gobin::sites::Sites;
use gobin::{Arch, Function, VAddr};
use serde::Serialize;

use crate::function::{self, Listed, hex};
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
    /// The bytes that the process has in place of the file's, from the function's first on; `None` for a file.
    pub live: Option<Vec<u8>>,
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
            Mark::Entry(class) => format!("entry probe, {}", price(class)),
            Mark::Return(class) => format!("return probe, {}", price(class)),
            Mark::EntryAndReturn(class) => format!("entry and return probe, {}", price(class)),
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

fn price(class: Class) -> &'static str {
    match class {
        Class::Emulated => "emulated: one trap",
        Class::Stepped => "single-stepped: dearer",
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
            head(&explained.listed, look, out)?;
            values(explained.listed.signature.as_ref(), out)?;
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
        live: explained.live.as_ref().map(|live| bytes(part(live, line))),
        text: &line.text,
        file,
        line: number,
        inlined: f.inlined_at(address(f, line.insn.at)),
        mark: mark.map(Mark::word),
        class: mark.and_then(Mark::class).map(Class::word),
    }
}

fn head(listed: &Listed, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &listed.function;
    let place = f.place().map_or(String::new(), |(file, line)| format!("  {}:{line}", visible(file)));
    let kind = f.origin().word();
    writeln!(out, "{}{place}", paint(&visible(f.name()), "1", look.color))?;
    writeln!(out, "  {kind}, {} bytes at {}", f.size(), f.entry())?;
    match &listed.signature {
        Some(s) => writeln!(out, "  {}  (from {})", visible(&s.to_string()), s.source.words()),
        None => writeln!(out, "  its arguments and results are not described anywhere in the file"),
    }
}

/// A table of what is where.
fn values(signature: Option<&Signature>, out: &mut dyn Write) -> io::Result<()> {
    let Some(signature) = signature else { return Ok(()) };
    let width = signature.args.iter().chain(&signature.rets).map(|a| a.name.chars().count()).max().unwrap_or(0);
    let types = signature.args.iter().chain(&signature.rets).map(|a| a.type_name.chars().count()).max().unwrap_or(0);
    let row = |out: &mut dyn Write, when: &str, a: &Arg| {
        let (name, ty) = (visible(&a.name), visible(&a.type_name));
        writeln!(out, "  {when:<9}  {name:<width$}  {ty:<types$}  {}", function::place(&a.place))
    };
    if !(signature.args.is_empty() && signature.rets.is_empty()) {
        writeln!(out)?;
    }
    if let Some(place) = &signature.dictionary {
        writeln!(out, "  at entry   {:<width$}  {:<types$}  {}", "dict", "(hidden)", function::place(place))?;
    }
    signature.args.iter().try_for_each(|a| row(out, "at entry", a))?;
    signature.rets.iter().try_for_each(|a| row(out, "at return", a))
}

fn sites(sites: &Sites, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    match &sites.entry {
        Ok(e) => {
            let check = if e.prologue.checked { "behind the stack check, so once per call" } else { "no stack check" };
            writeln!(out, "  entry    +{:#x}: {}; {check}", e.offset, price(e.class))?;
            if e.loop_head {
                writeln!(
                    out,
                    "           the function jumps back to it, so it may be reached more than once in a call"
                )?;
            }
        }
        Err(why) => writeln!(out, "  entry    none: {why}")?,
    }
    match &sites.returns {
        Ok(returns) => {
            let all: Vec<String> = returns.iter().map(|r| format!("+{:#x}", r.offset)).collect();
            let tails: Vec<String> = sites.tail_jumps.iter().map(|t| format!("+{:#x} (tail jump)", t.offset)).collect();
            writeln!(out, "  returns  {}", [all, tails].concat().join(", "))
        }
        Err(why) => writeln!(out, "  returns  none: {why}"),
    }
}

fn code(explained: &Explained, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &explained.listed.function;
    let own_file = f.place().map(|(file, _)| file);
    let mut shown = String::new();
    for line in &explained.instructions {
        let source = source(f, own_file, address(f, line.insn.at));
        if source != shown {
            writeln!(out, "\n  {}", paint(&source, "2", look.color))?;
            shown = source;
        }
        let mark = Mark::of(&explained.listed.sites, line.insn.at);
        instruction(explained, line, mark, look, out)?;
    }
    Ok(())
}

/// `store.go:41`; code of another file or inlined from another function says so.
fn source(f: &Function, own_file: Option<&str>, at: VAddr) -> String {
    let place = f.file_line(at).map_or_else(
        || "no source".to_owned(),
        |(file, line)| match Some(file) == own_file {
            true => format!("{}:{line}", visible(file.rsplit('/').next().unwrap_or(file))),
            false => format!("{}:{line}", visible(file)),
        },
    );
    let inlined = f.inlined_at(at).map_or(String::new(), |name| format!("  (inlined {})", visible(name)));
    format!("{place}{inlined}")
}

/// `    +0x6  4c3a86  55          push rbp     ; entry probe, emulated: one trap`
fn instruction(e: &Explained, line: &Line, mark: Option<Mark>, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let f = &e.listed.function;
    let file = part(f.code(), line);
    let at = address(f, line.insn.at);
    write!(out, "    +{:<#6x} {:x}  {:<26} {}", line.insn.at, at.0, bytes(file), visible(&line.text))?;
    if let Some(mark) = mark {
        let code = if mark.class().is_some() { "32" } else { "2" };
        write!(out, "  {}", paint(&format!("; {}", mark.remark()), code, look.color))?;
    }
    writeln!(out)?;
    let live = e.live.as_ref().map(|live| part(live, line)).filter(|live| *live != file);
    let Some(live) = live else { return Ok(()) };
    let what =
        if is_breakpoint(e.arch, live) { "a breakpoint: a probe is in place here" } else { "differs from the file" };
    let text = format!("in memory: {} ({what})", bytes(live));
    writeln!(out, "           {}", paint(&text, "31", look.color))
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
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

fn address(f: &Function, at: u32) -> VAddr {
    f.entry().plus(u64::from(at))
}
