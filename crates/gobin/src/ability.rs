//! What gospect can do with a binary and what not, with the reason: the verdict over everything that was found.

use crate::dwarf;
use crate::elf::Placement;
use crate::image::Image;
use crate::layout::RuntimeLayout;
use crate::release;

/// One thing that one may want to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// What, as it follows "gospect can".
    pub what: &'static str,
    /// How, where that is worth saying; or why not.
    pub outcome: Result<String, String>,
}

/// Answers how something can be done, or why not.
type Question = fn(&Image, &RuntimeLayout) -> Result<String, String>;

/// How a file was built, read from its settings and, where they are silent, from its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// `-buildmode`: `exe`, `pie`, `c-shared`, …
    pub buildmode: String,
    /// Who linked it: `internal` (Go's linker alone) or `external`. `None` without section headers.
    pub link: Option<&'static str>,
    /// Position independent.
    pub pie: bool,
    /// Contains C code, or may call it.
    pub cgo: bool,
    /// Has a symbol table.
    pub symtab: bool,
}

/// How the file was built.
#[must_use]
pub fn form(image: &Image) -> Form {
    let elf = image.elf();
    let pie = elf.placement == Placement::Movable;
    let setting = |key| image.build_info().and_then(|b| b.setting(key));
    let buildmode = setting("-buildmode").map_or_else(|| if pie { "pie" } else { "exe" }.to_owned(), str::to_owned);
    // The C compiler's start-up code leaves its name; Go's linker has none of its own.
    let external = elf.section(".comment").is_some() || elf.section(".eh_frame").is_some();
    let link = (!elf.sections.is_empty()).then_some(if external { "external" } else { "internal" });
    let calls_c = || image.functions().any(|f| f.name().starts_with("_cgo_"));
    Form { buildmode, link, pie, cgo: calls_c() || external, symtab: elf.section(".symtab").is_some() }
}

/// Everything that can and cannot be done, in the order in which people ask.
#[must_use]
pub fn abilities(image: &Image) -> Vec<Ability> {
    const ASKED: [(&str, Question); 8] = [
        ("name every function, with file and line", functions),
        ("place probes on entries and returns", probes),
        ("name arguments and results, with types and places", arguments),
        ("tell goroutines apart", goroutines),
        ("tell what goroutines wait for", wait_reasons),
        ("find all goroutines of a process", all_goroutines),
        ("read the types behind interfaces", runtime_types),
        ("read floating point arguments in registers", |_, _| {
            Err("kernel probes do not see those registers".to_owned())
        }),
    ];
    let layout = image.runtime_by_version();
    ASKED.into_iter().map(|(what, ask)| Ability { what, outcome: ask(image, &layout) }).collect()
}

fn functions(image: &Image, _: &RuntimeLayout) -> Result<String, String> {
    image.table().map(|_| String::new()).map_err(ToString::to_string)
}

fn probes(image: &Image, layout: &RuntimeLayout) -> Result<String, String> {
    functions(image, layout)?;
    Ok(untested(image).unwrap_or_default())
}

/// A caveat where the version of Go is none that is tested.
fn untested(image: &Image) -> Option<String> {
    let is_tested = image.release().is_some_and(|release| release.is_tested());
    let tested = || release::to_text(&release::tested());
    (!is_tested).then(|| format!("untested with this version of Go; tested are {}", tested()))
}

fn arguments(image: &Image, _: &RuntimeLayout) -> Result<String, String> {
    if image.dwarf().is_none() {
        let left = "methods keep their types, other functions the sizes of their words";
        return Err(format!("the file has no DWARF (-ldflags=-w or -s, or stripped); {left}"));
    }
    match dwarf::version(image.elf()) {
        Ok(version) => {
            let caveat = untested(image).map_or(String::new(), |caveat| format!("; {caveat}"));
            Ok(format!("from DWARF {version}{caveat}"))
        }
        Err(why) => Err(format!("the DWARF cannot be read: {why}")),
    }
}

fn goroutines(image: &Image, layout: &RuntimeLayout) -> Result<String, String> {
    field(image, layout, "goid")
}

fn wait_reasons(image: &Image, layout: &RuntimeLayout) -> Result<String, String> {
    let named = layout.wait_reason(0).map(|_| ()).ok_or("the names of wait reasons are not known for this version");
    named.map_err(str::to_owned).and(field(image, layout, "waitreason"))
}

fn all_goroutines(_: &Image, layout: &RuntimeLayout) -> Result<String, String> {
    let found = layout.global("runtime.allgs");
    found.map(|at| format!("by {}", at.source)).map_err(|why| why.to_string())
}

/// Whether a field of `runtime.g` is known. DWARF, which takes a while to open, is asked only if nothing else answers.
fn field(image: &Image, by_version: &RuntimeLayout, name: &str) -> Result<String, String> {
    let quick = by_version.offset("runtime.g", name);
    let found = quick.or_else(|_| image.runtime().offset("runtime.g", name));
    found.map(|at| format!("by {}", at.source)).map_err(|why| why.to_string())
}

fn runtime_types(image: &Image, _: &RuntimeLayout) -> Result<String, String> {
    let module = image.module().ok_or("moduledata was not found")?;
    module.data.as_ref().map(|_| String::new()).ok_or_else(|| "moduledata has a layout that is not known".to_owned())
}
