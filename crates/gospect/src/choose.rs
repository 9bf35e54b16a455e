//! Which functions the user means, and what to say if none is there.

use std::ffi::OsString;

use gobin::image::InlinedAt;
use gobin::pattern::{Pattern, suggest};
use gobin::{Function, Image};
use session::Program;

use crate::failure::Failure;

/// Near misses that are suggested.
const SUGGESTED: usize = 3;
/// Places that are named of a function that exists only inlined.
const PLACES: usize = 3;

/// Patterns, as typed.
pub(crate) fn patterns(words: &[OsString]) -> Vec<Pattern> {
    words.iter().map(|w| Pattern::new(&w.to_string_lossy())).collect()
}

/// The functions that match any of the patterns, by address; all if there is no pattern.
pub(crate) fn functions<'i>(image: &'i Image, patterns: &[Pattern]) -> Vec<Function<'i>> {
    let chosen = |f: &Function| patterns.is_empty() || patterns.iter().any(|p| p.matches(f.name()));
    image.functions().filter(chosen).collect()
}

/// The places where functions that match were inlined, by name and address.
pub(crate) fn inlined<'i>(image: &'i Image, patterns: &[Pattern]) -> Vec<(&'i str, InlinedAt<'i>)> {
    let chosen = |name: &str| patterns.is_empty() || patterns.iter().any(|p| p.matches(name));
    let all = image.inlined().into_iter().filter(|(name, _)| chosen(name));
    all.flat_map(|(name, places)| places.into_iter().map(move |at| (name, at))).collect()
}

/// Why nothing matched, and what was probably meant.
pub(crate) fn nothing(program: &Program, patterns: &[Pattern]) -> Failure {
    let image = &program.image;
    if let Some(why) = unreadable(program) {
        return why;
    }
    let typed: Vec<String> = patterns.iter().map(|p| format!("`{}`", p.text())).collect();
    let places = inlined(image, patterns);
    if let Some((name, _)) = places.first() {
        return only_inlined(name, &places, image.go_sources());
    }
    let names = image.functions().map(|f| f.name()).collect::<Vec<_>>();
    let near: Vec<String> = patterns
        .iter()
        .flat_map(|p| suggest(p.text(), names.iter().copied(), SUGGESTED))
        .take(SUGGESTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let hint = match near.as_slice() {
        [] => "`gospect list` shows every function; `*` stands for any characters".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Failure::nothing(format!("no function of {} matches {}", program.name, typed.join(" or ")), Some(hint))
}

/// Why a program shows no functions at all, if so.
pub(crate) fn unreadable(program: &Program) -> Option<Failure> {
    let why = program.image.table().err()?;
    Some(Failure::refused(format!("the functions of {} cannot be read: {why}", program.name)))
}

fn only_inlined(name: &str, places: &[(&str, InlinedAt)], go_sources: Option<&str>) -> Failure {
    let of_name = || places.iter().filter(|(n, _)| *n == name);
    let shown = of_name().take(PLACES).map(|(_, at)| ui::function::inlined_at(at, go_sources));
    let mut shown: Vec<String> = shown.collect();
    let more = of_name().count() - shown.len();
    if more > 0 {
        shown.push(format!("{more} more places"));
    }
    let sentence = format!("{name} exists only inlined, into {}", shown.join(", "));
    Failure::nothing(sentence, Some("`gospect list --inlined` shows every such place".to_owned()))
}
