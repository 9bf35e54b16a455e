//! A program as a whole: what `gospect info` shows.

use std::io::{self, Write};

use gobin::ability::{self, Ability};
use gobin::{Image, Summary};
use serde::Serialize;

use crate::function::known;
use crate::text::{cut, paint, visible};
use crate::{Format, Look, json_line};

/// A program and how the user named it.
pub struct Info<'i> {
    /// How to call it: its path, or the process and its path.
    pub name: &'i str,
    /// The path of its file.
    pub path: &'i str,
    /// What the file says.
    pub image: &'i Image,
    /// Its functions, counted.
    pub summary: Summary,
    /// What can be done with it, and what not.
    pub abilities: Vec<Ability>,
}

/// Something that cannot be done, in JSON.
#[derive(Serialize)]
struct JsonCannot<'a> {
    what: &'static str,
    why: &'a str,
}

/// A module, in JSON.
#[derive(Serialize)]
struct JsonModule<'a> {
    path: &'a str,
    version: Option<&'a str>,
    replaced_by: Option<&'a str>,
}

/// How many functions there are of a kind, in JSON.
#[derive(Serialize)]
struct JsonKind {
    kind: &'static str,
    count: u32,
}

/// A setting of the build, in JSON.
#[derive(Serialize)]
struct JsonSetting<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

/// The JSON object `info`. Its fields are those of docs/json.md, in their order.
#[derive(Serialize)]
#[serde(tag = "type", rename = "info")]
struct JsonInfo<'a> {
    path: &'a str,
    go: Option<&'a str>,
    module: Option<&'a str>,
    module_version: Option<&'a str>,
    package: Option<&'a str>,
    arch: &'static str,
    buildmode: String,
    link: Option<&'static str>,
    pie: bool,
    cgo: bool,
    symtab: bool,
    dwarf: bool,
    pclntab: Option<String>,
    moduledata: Option<String>,
    functions: u32,
    assembly: u32,
    inlined_only: u32,
    marks: u32,
    kinds: Vec<JsonKind>,
    settings: Vec<JsonSetting<'a>>,
    deps: Vec<JsonModule<'a>>,
    can: Vec<&'static str>,
    cannot: Vec<JsonCannot<'a>>,
}

/// Shows a program.
///
/// # Errors
/// The writer's.
pub fn show(info: &Info, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => json_line(out, &json(info)),
        Format::Text(look) => {
            writeln!(out, "{}", paint(&visible(info.name), "1", look.color))?;
            facts(info).iter().try_for_each(|(name, text)| writeln!(out, "  {name:<11} {}", visible(text)))?;
            abilities(&info.abilities, look, out)?;
            settings(info.image, look, out)
        }
    }
}

fn json<'a>(info: &'a Info) -> JsonInfo<'a> {
    let (image, build) = (info.image, info.image.build_info());
    let module = build.and_then(|b| b.main.as_ref());
    let form = ability::form(image);
    JsonInfo {
        path: info.path,
        go: image.go().map(|go| go.text.as_str()),
        module: module.map(|m| m.path.as_str()),
        module_version: module.and_then(|m| known(&m.version)),
        package: build.and_then(|b| known(&b.path)),
        arch: image.arch().name(),
        buildmode: form.buildmode,
        link: form.link,
        pie: form.pie,
        cgo: form.cgo,
        symtab: form.symtab,
        dwarf: image.dwarf().is_some(),
        pclntab: image.table().ok().map(|t| t.header.addr.to_string()),
        moduledata: image.module().map(|m| m.addr.to_string()),
        functions: info.summary.functions,
        assembly: info.summary.assembly(),
        inlined_only: info.summary.inlined_only,
        marks: info.summary.marks,
        kinds: info.summary.kinds.iter().map(|(kind, &count)| JsonKind { kind: kind.word(), count }).collect(),
        settings: build.iter().flat_map(|b| &b.settings).map(json_setting).collect(),
        deps: build.iter().flat_map(|b| &b.deps).map(json_module).collect(),
        can: info.abilities.iter().filter(|a| a.outcome.is_ok()).map(|a| a.what).collect(),
        cannot: info
            .abilities
            .iter()
            .filter_map(|a| Some(JsonCannot { what: a.what, why: a.outcome.as_ref().err()? }))
            .collect(),
    }
}

fn json_module(module: &gobin::buildinfo::Module) -> JsonModule<'_> {
    let replaced_by = module.replaced_by.as_ref().map(|m| m.path.as_str());
    JsonModule { path: &module.path, version: known(&module.version), replaced_by }
}

fn json_setting((key, value): &(String, String)) -> JsonSetting<'_> {
    JsonSetting { key, value: known(value) }
}

/// What is known, a name and a sentence each; what is unknown is said to be.
fn facts(info: &Info) -> Vec<(&'static str, String)> {
    let (image, form) = (info.image, ability::form(info.image));
    let build = image.build_info();
    let mut facts = vec![("go", version(image))];
    if let Some(build) = build {
        facts.push(("module", module(build)));
        facts.push(("package", build.path.clone()));
        facts.extend(revision(build).map(|text| ("source", text)));
    }
    let link =
        form.link.map_or_else(|| "linked unknown how (no section headers)".to_owned(), |l| format!("{l} linking"));
    let cgo = if form.cgo { "with cgo" } else { "without cgo" };
    facts.push(("built as", format!("{}, {link}, {cgo}", form.buildmode)));
    facts.push(("symbols", symbols(image, form.symtab)));
    facts.push(("runtime", runtime_tables(image)));
    facts.extend(functions(&info.summary));
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

fn module(build: &gobin::BuildInfo) -> String {
    let module = match (&build.main, build.path.as_str()) {
        (Some(m), _) => format!("{} {}", m.path, m.version).trim_end().to_owned(),
        (None, "command-line-arguments") => "none, built from files".to_owned(),
        (None, path) if path.starts_with("cmd/") => "none, part of Go itself".to_owned(),
        (None, _) => "none recorded".to_owned(),
    };
    match build.deps.len() {
        0 => module,
        1 => format!("{module}, with 1 dependency"),
        n => format!("{module}, with {n} dependencies"),
    }
}

fn version(image: &Image) -> String {
    let version = image.go().map_or("unknown: the file has no build information", |go| go.text.as_str());
    format!("{version}, {}", image.arch().name())
}

fn revision(build: &gobin::BuildInfo) -> Option<String> {
    let revision = build.setting("vcs.revision")?;
    let time = build.setting("vcs.time").map_or(String::new(), |t| format!(" of {t}"));
    let modified = if build.setting("vcs.modified") == Some("true") { ", with local changes" } else { "" };
    Some(format!("{} {revision}{time}{modified}", build.setting("vcs").unwrap_or("revision")))
}

fn symbols(image: &Image, symtab: bool) -> String {
    let symtab = if symtab { "symbol table" } else { "no symbol table" };
    match (image.dwarf(), gobin::dwarf::version(image.elf())) {
        (None, _) => format!("{symtab}, no DWARF"),
        (Some(_), Ok(version)) => format!("{symtab}, DWARF {version}"),
        (Some(_), Err(_)) => format!("{symtab}, DWARF that cannot be read"),
    }
}

fn runtime_tables(image: &Image) -> String {
    let table = match image.table() {
        Ok(table) => format!("function table at {}", table.header.addr),
        Err(why) => format!("no function table: {why}"),
    };
    match image.module() {
        Some(m) => format!("{table}, moduledata at {} (found by {})", m.addr, m.found_by),
        None => format!("{table}, moduledata not found"),
    }
}

/// How many, and in a line of its own how many of each kind, most first.
fn functions(summary: &Summary) -> Vec<(&'static str, String)> {
    if summary.functions == 0 {
        return vec![("functions", "none that can be read".to_owned())];
    }
    let mut kinds: Vec<_> = summary.kinds.iter().map(|(kind, &n)| (n, kind.word())).collect();
    kinds.sort_by_key(|&(n, _)| std::cmp::Reverse(n));
    let kinds: Vec<String> = kinds.iter().map(|(n, word)| format!("{n} {word}")).collect();
    let all = format!("{}, and {} that exist only inlined into others", summary.functions, summary.inlined_only);
    let marks = match summary.marks {
        0 => String::new(),
        1 => "; besides 1 mark of the linker".to_owned(),
        n => format!("; besides {n} marks of the linker"),
    };
    vec![("functions", all), ("", kinds.join(", ") + &marks)]
}

fn abilities(abilities: &[Ability], look: Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\ngospect can")?;
    for ability in abilities {
        if let Ok(how) = &ability.outcome {
            let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
            writeln!(out, "  {} {}{}", paint("+", "32", look.color), ability.what, visible(&how))?;
        }
    }
    if abilities.iter().any(|a| a.outcome.is_err()) {
        writeln!(out, "gospect cannot")?;
    }
    for ability in abilities {
        if let Err(why) = &ability.outcome {
            writeln!(out, "  {} {}: {}", paint("-", "33", look.color), ability.what, visible(why))?;
        }
    }
    Ok(())
}

/// A setting as it was given. On a screen a glance is enough of what the Go version switched by itself.
fn setting(key: &str, value: &str, look: Look) -> String {
    let line = format!("  {}={}", visible(key), visible(value));
    match look.width {
        Some(width) if key == "DefaultGODEBUG" => cut(&line, width).into_owned(),
        _ => line,
    }
}

/// Those that have a value and are not shown as the source's revision above.
fn settings(image: &Image, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let Some(build) = image.build_info().filter(|b| !b.settings.is_empty()) else { return Ok(()) };
    writeln!(out, "\nbuild settings")?;
    let given = build.settings.iter().filter(|(key, value)| !value.is_empty() && !key.starts_with("vcs"));
    given.into_iter().try_for_each(|(key, value)| writeln!(out, "{}", setting(key, value, look)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_switched_by_itself_is_cut_on_a_screen_and_only_there() {
        let screen = Look { width: Some(24), color: false };
        let (key, value) = ("DefaultGODEBUG", "asynctimerchan=1,x=2");
        assert_eq!(setting(key, value, screen), "  DefaultGODEBUG=asynct…");
        assert_eq!(setting(key, value, Look::default()), "  DefaultGODEBUG=asynctimerchan=1,x=2");
        assert_eq!(setting("-ldflags", "-s -w -X main.version=1", screen), "  -ldflags=-s -w -X main.version=1");
    }
}
