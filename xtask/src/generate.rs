//! Generated files of the repository. `cargo xtask generate` writes them, `cargo xtask ci` fails on a stale file.

use std::fmt::Write;

use gospect_fixtures::{Fixture, PROGRAMS, VERSIONS, Variant, source};

use crate::root;

/// A file and its generator.
struct Generated {
    /// Path below the root of the workspace.
    file: &'static str,
    make: fn() -> Result<String, String>,
}

/// All generated files.
const GENERATED: &[Generated] =
    &[Generated { file: "fixtures/README.md", make: fixtures }, Generated { file: "docs/language.md", make: language }];

/// `cargo xtask generate [--check]`.
pub fn run(args: &[String]) -> Result<bool, String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write().map(|()| true),
        ["--check"] => {
            let stale = stale()?;
            stale.iter().for_each(|file| println!("stale: {file}"));
            Ok(stale.is_empty())
        }
        _ => Err(format!("`--check` or nothing, not `{}`", args.join(" "))),
    }
}

/// The files whose content differs from the generator's.
pub fn stale() -> Result<Vec<&'static str>, String> {
    let mut stale = Vec::new();
    for generated in GENERATED {
        let wanted = (generated.make)()?;
        // A missing file, or one with other than text, is stale, too.
        if std::fs::read_to_string(root().join(generated.file)).ok() != Some(wanted) {
            stale.push(generated.file);
        }
    }
    Ok(stale)
}

fn write() -> Result<(), String> {
    for generated in GENERATED {
        let text = (generated.make)()?;
        std::fs::write(root().join(generated.file), text).map_err(|err| format!("{}: {err}", generated.file))?;
    }
    Ok(())
}

fn language() -> Result<String, String> {
    let note = "\n\nMade by `cargo xtask generate` from the table of words; do not edit.\n";
    Ok(probe::words::reference().replacen('\n', note, 1))
}

fn fixtures() -> Result<String, String> {
    let mut text = String::from(
        "# Go programs for the tests\n\n\
         Made by `cargo xtask generate` from `crates/fixtures`; do not edit.\n\n\
         Each program says in its comments what must be found in it. Tests ask for it in a version and a variant; it is\n\
         built then and kept outside the tree, under `$GOSPECT_CACHE`, else `$XDG_CACHE_HOME/gospect`, else\n\
         `~/.cache/gospect`. Other Go versions, and the modules of `gin`, are fetched by the `go` in PATH through the Go module\n\
         proxy; a test whose Go, modules or C compiler cannot be had is counted as skipped. `cargo xtask fixtures` builds all\n\
         of them ahead.\n\n\
         ## Programs\n\n",
    );
    for program in PROGRAMS {
        let path = source(program).join("main.go");
        let main = std::fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        line(&mut text, format_args!("- `go/{program}`: {}", first_sentence(&main)));
    }
    line(&mut text, format_args!("\n## Variants\n\n| name | `go build` with | C compiler |\n|---|---|---|"));
    for variant in Variant::ALL {
        let c = if Fixture::new("shapes", "local", variant).uses_c() { "needed" } else { "" };
        line(&mut text, format_args!("| {} | {} | {c} |", variant.name(), flags(variant)));
    }
    line(&mut text, format_args!("\n## Go versions\n"));
    let versions: Vec<&str> = VERSIONS.iter().map(|&(_, full)| full).collect();
    line(&mut text, format_args!("{}, each for amd64 and arm64.", versions.join(", ")));
    Ok(text)
}

fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    writeln!(text, "{args}").expect("a String takes everything");
}

fn flags(variant: Variant) -> String {
    let quoted: Vec<String> = variant.flags().iter().map(|flag| format!("`{flag}`")).collect();
    let after = if variant == Variant::NoSections { ", then no section headers" } else { "" };
    quoted.join(" ") + after
}

/// The first sentence of the comment at the start of a Go file.
fn first_sentence(file: &str) -> String {
    let comment: Vec<&str> = file.lines().map_while(|line| line.strip_prefix("// ")).collect();
    let text = comment.join(" ");
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}
