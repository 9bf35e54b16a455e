//! `gospect info` on every way to build a program.

use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::{Expect, expect};
use gospect_fixtures::{Fixture, Missing, Variant, build, need};
use serde_json::Value;

use crate::ps::unprivileged;
use crate::running::{Running, Scratch, is_root, server};
use crate::{gospect, objects};

fn shapes(variant: Variant) -> Result<PathBuf, Missing> {
    build(&Fixture::new("shapes", "1.26", variant))
}

fn info(args: &[&str]) -> Value {
    let mut all = objects(&[&["info"], args].concat());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn of_file(path: &Path) -> Value {
    info(&[path.to_str().unwrap()])
}

/// How it was built, and what cannot be done with it for want of something that others have.
fn check(variant: Variant, expect: Expect) {
    let info = of_file(&need!(shapes(variant)));
    let form = ["buildmode", "link", "pie", "cgo", "symtab", "dwarf"].map(|field| format!("{field} {}", info[field]));
    let cannot = info["cannot"].as_array().unwrap().iter().map(|c| c["what"].as_str().unwrap());
    let cannot: Vec<&str> = cannot.filter(|what| !what.contains("floating point")).collect();
    expect.assert_eq(&format!("{}; cannot {cannot:?}", form.join(", ")));
    assert_eq!((&info["go"], &info["module"]), (&"go1.26.6".into(), &"example.com/shapes".into()));
    let count = |field: &str| info[field].as_u64().unwrap();
    let kinds = info["kinds"].as_array().unwrap();
    assert_eq!(kinds.iter().map(|k| k["count"].as_u64().unwrap()).sum::<u64>(), count("functions"));
    assert!(kinds.iter().any(|k| k["kind"] == "asm" && k["count"] == count("assembly")));
}

#[test]
fn a_plain_build_has_everything() {
    check(
        Variant::Plain,
        expect![[r#"buildmode "exe", link "internal", pie false, cgo false, symtab true, dwarf true; cannot []"#]],
    );
}

#[test]
fn a_release_that_is_not_tested_has_its_caveat_for_arguments_too() {
    let bytes = std::fs::read(need!(build(&Fixture::new("nameless", "1.21", Variant::Plain)))).unwrap();
    let mut older = bytes.clone();
    let version = b"go1.21.13";
    for at in (0..bytes.len() - version.len()).filter(|&at| bytes[at..].starts_with(version)) {
        older[at..at + version.len()].copy_from_slice(b"go1.20.14");
    }
    let here = Scratch::new();
    let path = here.0.join("older");
    std::fs::write(&path, older).unwrap();
    let seen = gospect(&["info", path.to_str().unwrap()]).seen();
    let untested = seen.lines().map(str::trim).filter(|line| line.contains("untested"));
    expect![[r#"
        + place probes on entries and returns (untested with this version of Go; tested are 1.21 to 1.27)
        + name arguments and results, with types and places (from DWARF 4; untested with this version of Go; tested are 1.21 to 1.27)"#]].assert_eq(&untested.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_the_linker_left_out_is_told() {
    check(
        Variant::Stripped,
        expect![[
            r#"buildmode "exe", link "internal", pie false, cgo false, symtab false, dwarf false; cannot ["name arguments and results, with types and places"]"#
        ]],
    );
    check(
        Variant::NoDwarf,
        expect![[
            r#"buildmode "exe", link "internal", pie false, cgo false, symtab true, dwarf false; cannot ["name arguments and results, with types and places"]"#
        ]],
    );
    check(
        Variant::NoSections,
        expect![[
            r#"buildmode "exe", link null, pie false, cgo false, symtab false, dwarf false; cannot ["name arguments and results, with types and places"]"#
        ]],
    );
}

#[test]
fn position_independence_is_told() {
    check(
        Variant::Pie,
        expect![[r#"buildmode "pie", link "internal", pie true, cgo false, symtab true, dwarf true; cannot []"#]],
    );
    check(
        Variant::PieStripped,
        expect![[
            r#"buildmode "pie", link "internal", pie true, cgo false, symtab false, dwarf false; cannot ["name arguments and results, with types and places"]"#
        ]],
    );
}

#[test]
fn what_came_from_c_and_its_linker_is_told() {
    check(
        Variant::Cgo,
        expect![[r#"buildmode "exe", link "external", pie false, cgo true, symtab true, dwarf true; cannot []"#]],
    );
    check(
        Variant::CShared,
        expect![[r#"buildmode "c-shared", link "external", pie true, cgo true, symtab true, dwarf true; cannot []"#]],
    );
}

#[test]
fn how_the_compiler_was_called_does_not_matter() {
    check(
        Variant::Unoptimised,
        expect![[r#"buildmode "exe", link "internal", pie false, cgo false, symtab true, dwarf true; cannot []"#]],
    );
    check(
        Variant::Trimpath,
        expect![[r#"buildmode "exe", link "internal", pie false, cgo false, symtab true, dwarf true; cannot []"#]],
    );
}

#[test]
fn a_person_reads_it_on_one_screen() {
    let path = need!(shapes(Variant::PieStripped));
    let ran = gospect(&["info", path.to_str().unwrap()]);
    let seen = ran.seen().replace(path.to_str().unwrap(), "…/shapes");
    // Where the tables lie depends on how long the paths of the sources are.
    let words = seen.split_inclusive([' ', ',']);
    let seen: String =
        words.map(|w| if w.starts_with("0x") { w.trim_matches(char::is_alphanumeric) } else { w }).collect();
    expect![[r#"
        …/shapes
          go          go1.26.6, amd64
          module      example.com/shapes (devel)
          package     example.com/shapes
          built as    pie, internal linking, without cgo
          symbols     no symbol table, no DWARF
          runtime     function table at , moduledata at  (found by section .go.module)
          functions   2102, and 991 that exist only inlined into others
                      1467 go, 259 closure, 178 asm, 104 generated, 60 wrapper, 22 deferwrap, 7 method-value, 5 gowrap; besides 2 marks of the linker

        gospect can
          + name every function, with file and line
          + place probes on entries and returns
          + tell goroutines apart (by the table for go1.26)
          + tell what goroutines wait for (by the table for go1.26)
          + find all goroutines of a process (by the code of runtime.allgadd)
          + read the types behind interfaces
        gospect cannot
          - name arguments and results, with types and places: the file has no DWARF (-ldflags=-w or -s, or stripped); methods keep their types, other functions the sizes of their words
          - read floating point arguments in registers: kernel probes do not see those registers

        build settings
          -buildmode=pie
          -compiler=gc
          -ldflags=-s -w
          DefaultGODEBUG=asynctimerchan=1,containermaxprocs=0,cryptocustomrand=1,decoratemappings=0,gotestjsonbuildtext=1,gotypesalias=0,httpcookiemaxnum=0,httplaxcontentlength=1,httpmuxgo121=1,httpservecontentkeepheaders=1,multipathtcp=0,randseednop=0,rsa1024min=0,tls10server=1,tls3des=1,tlsmlkem=0,tlsrsakex=1,tlssecpmlkem=0,tlssha1=1,tlsunsafeekm=1,updatemaxprocs=0,urlmaxqueryparams=0,urlstrictcolons=0,winreadlinkvolume=0,winsymlink=0,x509keypairleaf=0,x509negativeserial=1,x509rsacrt=0,x509sha256skid=0,x509usepolicies=0
          CGO_ENABLED=0
          GOARCH=amd64
          GOOS=linux
          GOAMD64=v1
        (exit status 0)"#]].assert_eq(&seen);
}

#[test]
fn settings_are_shown_as_they_were_given_and_only_if_they_were() {
    let path = need!(shapes(Variant::Cgo));
    let settings = of_file(&path)["settings"].clone();
    let value = |key: &str| settings.as_array().unwrap().iter().find(|s| s["key"] == key).map(|s| s["value"].clone());
    assert_eq!(value("-ldflags"), Some("-linkmode=external".into()));
    assert_eq!(value("CGO_CFLAGS"), Some(Value::Null), "recorded, and empty");
    let text = gospect(&["info", path.to_str().unwrap()]).stdout;
    assert!(text.contains("  -ldflags=-linkmode=external\n") && !text.contains("CGO_CFLAGS"), "{text}");
}

#[test]
fn the_machine_is_named() {
    let path = need!(build(&Fixture::new("shapes", "1.26", Variant::Stripped).on(gospect_fixtures::Arch::Arm64)));
    assert_eq!(of_file(&path)["arch"], "arm64");
}

#[test]
fn a_process_is_as_good_as_its_file() {
    let path = need!(server("1.26", Variant::Stripped));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let running = Running::server(&mut Command::new(&path));
    let pid = running.pid().to_string();
    let file = of_file(&path);
    assert_eq!(info(&["-p", &pid]), file);
    let text = gospect(&["info", "-p", &pid]).stdout;
    assert!(text.starts_with(&format!("PID {pid} ({})\n", path.display())), "{text}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(info(&["-p", &pid]), file, "even if that is gone");
    let heading = || gospect(&["info", "-p", &pid]).stdout.lines().next().unwrap_or_default().to_owned();
    assert_eq!(heading(), format!("PID {pid} ({}, deleted since it was started)", path.display()));
    std::fs::write(&path, "a new build").unwrap();
    assert_eq!(heading(), format!("PID {pid} ({}, replaced since it was started)", path.display()));
}

#[test]
fn a_process_of_somebody_else_is_refused_by_what_is_missing() {
    let path = need!(server("1.26", Variant::Stripped));
    if !is_root() {
        return Missing { why: "only root can start a process that belongs to somebody else".into() }.skip();
    }
    let here = Scratch::new();
    let running = Running::server(&mut Command::new(here.copy(&path, "server")));
    let pid = running.pid().to_string();
    for command in [["info", "-p", &pid].as_slice(), &["list", "-p", &pid], &["explain", "-p", &pid, "main.main"]] {
        expect![[r#"
            gospect: the program of PID … may not be opened, gospect lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: Permission denied (os error 13)
            hint: run as root, or give gospect cap_sys_ptrace,cap_dac_read_search; a user's own processes need nothing; see the line `processes` of `gospect doctor`
            (exit status 3)"#]]
        .assert_eq(&unprivileged(&here, command).seen().replace(&pid, "…"));
    }
}

#[test]
fn nothing_more_can_be_typed() {
    expect![[r#"
        gospect: `main.main` is one argument too many
        hint: `gospect help info` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&gospect(&["info", "x", "main.main"]).seen());
}
