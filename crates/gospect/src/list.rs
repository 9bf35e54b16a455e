//! `gospect list`: the functions of a program, one line each.

use std::io::Write;

use gobin::describe::Descriptions;
use gobin::image::InlinedAt;
use gobin::pattern::Pattern;
use gobin::{Function, Image};
use ui::function::{Listed, Style, WIDEST_NAME};
use ui::{Format, Look};

use crate::failure::{Failure, Message};
use crate::{Run, choose};

/// Functions that a worker takes at a time: few enough that the first lines come at once.
const CHUNK: usize = 128;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (target, words) = run.typed.target("list")?;
    let patterns = choose::patterns(words)?;
    let program = run.open(&target)?;
    let image = &program.image;
    let chosen = || choose::functions(image, &patterns);
    let (mut functions, signatures) = session::both(chosen, || Descriptions::of(image));
    let inlined = if run.typed.inlined { choose::inlined(image, &patterns) } else { Vec::new() };
    let missed = missed(&patterns, &functions, &inlined);
    if functions.is_empty() && inlined.is_empty() {
        return Err(choose::nothing(&program, &missed));
    }
    if run.typed.by_name {
        functions.sort_by_key(Function::name);
    }
    let widest = functions.iter().map(|f| f.name().len()).max().unwrap_or(0).min(name_width(run.format));
    let style =
        Style { format: run.format, sites: run.typed.sites, name_width: widest, go_sources: image.go_sources() };
    let lines = |part: &[Function]| lines(image, &signatures, part, style);
    session::ordered(&functions, CHUNK, lines, |text| run.out.write_all(&text))?;
    inlined.iter().try_for_each(|(name, at)| ui::function::show_inlined(name, at, style, &mut run.out))?;
    if !missed.is_empty() {
        run.out.finish()?;
        choose::missed(&program, &missed).iter().for_each(Message::say);
    }
    Ok(())
}

/// Columns for names: on a screen no more than a third of it.
fn name_width(format: Format) -> usize {
    match format {
        Format::Text(Look { width: Some(width), .. }) => WIDEST_NAME.min(width / 3),
        _ => WIDEST_NAME,
    }
}

/// The patterns that chose nothing of what is shown.
fn missed<'p>(patterns: &'p [Pattern], functions: &[Function], inlined: &[(&str, InlinedAt)]) -> Vec<&'p Pattern> {
    let chose =
        |p: &Pattern| functions.iter().any(|f| p.matches(f.name())) || inlined.iter().any(|(name, _)| p.matches(name));
    patterns.iter().filter(|p| !chose(p)).collect()
}

/// Bytes of most lines, at most.
const USUAL_LINE: usize = 256;

/// The lines of some functions.
fn lines(image: &Image, signatures: &Descriptions, functions: &[Function], style: Style) -> Vec<u8> {
    let mut text = Vec::with_capacity(functions.len() * USUAL_LINE);
    for &function in functions {
        let signature = match style.format {
            Format::Text(_) => signatures.outline(&function),
            Format::Json => signatures.signature(&function),
        };
        let listed = Listed { function, signature, sites: image.sites(&function) };
        // Writing to memory does not fail.
        let _ = ui::function::show(&listed, style, &mut text);
    }
    text
}
