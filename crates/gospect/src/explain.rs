//! `gospect explain`: what a probe on a function does, instruction by instruction.

use gobin::describe::Descriptions;
use gobin::image::InlinedAt;
use gobin::insn::{self, Line};
use gobin::pattern::Pattern;
use gobin::{Function, Image, VAddr};
use session::Program;
use ui::explain::{Explained, Live};
use ui::function::Listed;

use crate::failure::Failure;
use crate::{Run, choose};

/// Names that are shown when a pattern means several functions.
const NAMED: usize = 5;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (target, words) = run.typed.target("explain")?;
    let [word] = words else {
        return Err(match words.get(1) {
            Some(extra) => Failure::too_many(extra, "explain"),
            None => Failure::usage(
                "`gospect explain` needs a function: its name, or an address in it",
                "`gospect list TARGET` shows them all",
            ),
        });
    };
    let pattern = choose::pattern(word)?;
    let program = run.open(&target)?;
    let places = program.image.inlined_where(|name| pattern.text() == name).into_values().flatten().collect::<Vec<_>>();
    let functions =
        choose_one(&program, &word.to_string_lossy(), &pattern).or_else(|failure| match places.is_empty() {
            true => Err(failure),
            false => Ok(Vec::new()),
        })?;
    let signatures = Descriptions::of(&program.image);
    for (i, &function) in functions.iter().enumerate() {
        if i > 0 && run.format != ui::Format::Json {
            std::io::Write::write_all(&mut run.out, b"\n")?;
        }
        let explained = Explained {
            arch: program.image.arch(),
            listed: listed(&program.image, &signatures, function),
            instructions: instructions(&program.image, &function),
            live: live(&program, &function)?,
            go_sources: program.image.go_sources(),
        };
        ui::explain::show(&explained, run.format, &mut run.out)?;
    }
    inlined(run, &program, &places, functions.is_empty())
}

/// Where the function was inlined, and what a probe sees there.
fn inlined(run: &mut Run, program: &Program, places: &[InlinedAt], alone: bool) -> Result<(), Failure> {
    for (n, (at, instance)) in places.iter().zip(program.image.instances(places)).enumerate() {
        if (n > 0 || !alone) && run.format != ui::Format::Json {
            std::io::Write::write_all(&mut run.out, b"\n")?;
        }
        ui::instance::show(at, &instance, program.image.go_sources(), run.format, &mut run.out)?;
    }
    Ok(())
}

/// All that is known about a function.
fn listed<'i>(image: &'i Image, signatures: &Descriptions, function: Function<'i>) -> Listed<'i> {
    Listed { function, signature: signatures.signature(&function), sites: image.sites(&function) }
}

/// The function that is meant: several only where an assembly function and its wrapper share a name.
fn choose_one<'p>(program: &'p Program, word: &str, pattern: &Pattern) -> Result<Vec<Function<'p>>, Failure> {
    if let Some(address) = word.strip_prefix("0x") {
        let address = u64::from_str_radix(address, 16)
            .map_err(|_| Failure::usage(format!("`{word}` is no address"), "addresses are written as 0x4a1c20"))?;
        return at(program, VAddr(address))?.map(|f| vec![f]).ok_or_else(|| nothing_at(program, word));
    }
    let found = choose::functions(&program.image, std::slice::from_ref(pattern));
    let same: Vec<Function> = found.iter().copied().filter(|f| f.name() == word).collect();
    let chosen = if same.is_empty() { found } else { same };
    match chosen.first() {
        None => Err(choose::nothing(program, &[pattern])),
        Some(first) if chosen.iter().any(|f| f.name() != first.name()) => Err(several(word, &chosen)),
        Some(_) => Ok(chosen),
    }
}

/// The function at an address as the process counts it, or as the file does: the two never have code in common where
/// they differ.
fn at(program: &Program, address: VAddr) -> Result<Option<Function<'_>>, Failure> {
    let bias = program.bias().transpose()?.unwrap_or(0);
    let in_file = VAddr(address.0.wrapping_sub(bias));
    Ok(program.image.function_at(in_file).or_else(|| program.image.function_at(address)))
}

fn nothing_at(program: &Program, word: &str) -> Failure {
    if let Some(why) = choose::unreadable(program) {
        return Failure::Said(why);
    }
    let first = program.image.functions().next().map(|f| f.entry());
    let end = program.image.functions().last().map(|f| f.entry().plus(u64::from(f.size())));
    let hint = first.zip(end).map(|(first, end)| match program.bias() {
        Some(Ok(bias)) if bias != 0 => format!(
            "its code is at {} to {} in the process, {first} to {end} in the file",
            first.plus(bias),
            end.plus(bias)
        ),
        _ => format!("addresses count as in the file, which has code at {first} to {end}"),
    });
    Failure::nothing(format!("no function of {} lies at {word}", program.name), hint)
}

fn several(word: &str, found: &[Function]) -> Failure {
    let mut names: Vec<String> = found.iter().take(NAMED).map(|f| format!("`{}`", f.name())).collect();
    if found.len() > NAMED {
        names.push(format!("{} more", found.len() - NAMED));
    }
    Failure::usage(
        format!("`{word}` matches {} functions, and `gospect explain` takes one", found.len()),
        format!("they are {}", names.join(", ")),
    )
}

fn instructions(image: &Image, function: &Function) -> Vec<Line> {
    let mut lines = Vec::new();
    let names = |at: VAddr| {
        let target = image.function_at(at)?;
        let offset = at.since(target.entry())?;
        Some(match offset {
            0 => target.name().to_owned(),
            _ if target.index() == function.index() => format!("+{offset:#x}"),
            _ => format!("{}+{offset:#x}", target.name()),
        })
    };
    insn::disassemble(image.arch(), function.entry(), function.code(), names, |line| lines.push(line));
    lines
}

/// What the process really has there.
fn live<'p>(program: &'p Program, function: &Function) -> Result<Option<Live<'p>>, Failure> {
    let mut bytes = vec![0; function.code().len()];
    let Some((bias, read)) = program.bias().zip(program.live(function.entry(), &mut bytes)) else { return Ok(None) };
    read?;
    Ok(Some(Live { name: &program.name, bias: bias?, bytes }))
}
