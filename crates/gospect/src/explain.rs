//! `gospect explain`: what a probe on a function does, instruction by instruction.

use gobin::describe::Descriptions;
use gobin::insn::{self, Line};
use gobin::pattern::Pattern;
use gobin::{Function, Image, VAddr};
use session::Program;
use ui::explain::Explained;

use crate::failure::Failure;
use crate::{Run, choose, list};

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
    let functions = choose_one(&program, &word.to_string_lossy(), &pattern)?;
    let signatures = Descriptions::of(&program.image);
    for (i, &function) in functions.iter().enumerate() {
        if i > 0 && run.format != ui::Format::Json {
            std::io::Write::write_all(&mut run.out, b"\n")?;
        }
        let explained = Explained {
            arch: program.image.arch(),
            listed: list::listed(&program.image, &signatures, function),
            instructions: instructions(&program.image, &function),
            live: live(&program, &function)?,
            go_sources: program.image.go_sources(),
        };
        ui::explain::show(&explained, run.format, &mut run.out)?;
    }
    Ok(())
}

/// The function that is meant: several only where an assembly function and its wrapper share a name.
fn choose_one<'p>(program: &'p Program, word: &str, pattern: &Pattern) -> Result<Vec<Function<'p>>, Failure> {
    if let Some(address) = word.strip_prefix("0x") {
        let address = u64::from_str_radix(address, 16)
            .map_err(|_| Failure::usage(format!("`{word}` is no address"), "addresses are written as 0x4a1c20"))?;
        let none = || Failure::nothing(format!("no function of {} lies at {word}", program.name), None);
        let at = program.image.function_at(VAddr(address));
        return at.map(|f| vec![f]).ok_or_else(|| choose::unreadable(program).map_or_else(none, Failure::Said));
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
fn live(program: &Program, function: &Function) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = vec![0; function.code().len()];
    match program.live(function.entry(), &mut bytes) {
        None => Ok(None),
        Some(read) => read.map(|()| Some(bytes)).map_err(Failure::from),
    }
}
