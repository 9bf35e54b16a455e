//! Which functions the user means, and what to say if none is there.

use std::ffi::OsString;

use gobin::image::InlinedAt;
use gobin::pattern::{Pattern, generic, suggest};
use gobin::{Function, Image};
use session::Program;

use crate::failure::{Failure, Message};

/// Near misses that are suggested.
const SUGGESTED: usize = 3;
/// Patterns that are named of those that nothing matches.
const NAMED: usize = 10;
/// Places that are named of a function that exists only inlined.
const PLACES: usize = 3;

/// Patterns, as typed.
pub(crate) fn patterns(words: &[OsString]) -> Result<Vec<Pattern>, Failure> {
    words.iter().map(pattern).collect()
}

/// A pattern, as typed. Nothing has an empty name, but a variable of the shell may be empty.
pub(crate) fn pattern(word: &OsString) -> Result<Pattern, Failure> {
    if word.is_empty() {
        return Err(Failure::usage("the name of a function is empty", "`gospect list TARGET` shows every function"));
    }
    Ok(Pattern::new(&word.to_string_lossy()))
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

/// What to tell of patterns that no function matches: where functions of these names were inlined, or what was
/// probably meant. At least one message, if there is a pattern or no function at all.
pub(crate) fn missed(program: &Program, patterns: &[&Pattern]) -> Vec<Message> {
    if let Some(why) = unreadable(program) {
        return vec![why];
    }
    if patterns.is_empty() {
        return vec![Message::nothing(format!("{} has no functions", program.name), None)];
    }
    let image = &program.image;
    let all_inlined = image.inlined();
    let mut nowhere = Vec::new();
    let mut messages = Vec::new();
    for pattern in patterns {
        match all_inlined.iter().find(|(name, _)| pattern.matches(name)) {
            Some((name, places)) => messages.push(only_inlined(name, places, image.go_sources())),
            None => nowhere.push(*pattern),
        }
    }
    messages.dedup();
    messages.extend((!nowhere.is_empty()).then(|| is_nowhere(program, &nowhere)));
    messages
}

/// The same where nothing at all was found, so that it ends the command.
pub(crate) fn nothing(program: &Program, patterns: &[&Pattern]) -> Failure {
    let mut messages = missed(program, patterns);
    let last = messages.pop().expect("it always has something to tell");
    messages.iter().for_each(Message::say);
    Failure::Said(last)
}

/// None of the patterns fits any name. Of several only the nearest miss of each is suggested.
fn is_nowhere(program: &Program, patterns: &[&Pattern]) -> Message {
    let names: Vec<&str> = program.image.functions().map(|f| f.name()).collect();
    let each = if patterns.len() == 1 { SUGGESTED } else { 1 };
    let near = |pattern: &&Pattern| match generic(pattern.text(), names.iter().copied()) {
        Some(generic) => vec![generic],
        None => suggest(pattern.text(), names.iter().copied(), each).into_iter().map(str::to_owned).collect(),
    };
    let misses = patterns.iter().flat_map(near);
    let near: Vec<String> = misses.take(SUGGESTED).map(|name| format!("`{name}`")).collect();
    let hint = match near.as_slice() {
        [] => "`gospect list` shows every function; `*` stands for any characters".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    let mut typed: Vec<String> = patterns.iter().take(NAMED).map(|p| format!("`{}`", p.text())).collect();
    if patterns.len() > NAMED {
        typed.push(format!("{} more", patterns.len() - NAMED));
    }
    Message::nothing(format!("no function of {} matches {}", program.name, typed.join(" or ")), Some(hint))
}

/// Why a program shows no functions at all, if so.
pub(crate) fn unreadable(program: &Program) -> Option<Message> {
    let why = program.image.table().err()?;
    Some(Message::refused(format!("the functions of {} cannot be read: {why}", program.name)))
}

fn only_inlined(name: &str, places: &[InlinedAt], go_sources: Option<&str>) -> Message {
    let shown = places.iter().take(PLACES).map(|at| ui::function::inlined_at(at, go_sources));
    let mut shown: Vec<String> = shown.collect();
    let more = places.len() - shown.len();
    if more > 0 {
        shown.push(format!("{more} more places"));
    }
    let sentence = format!("{name} exists only inlined, into {}", shown.join(", "));
    Message::nothing(sentence, Some("`gospect list --inlined` shows every such place".to_owned()))
}
