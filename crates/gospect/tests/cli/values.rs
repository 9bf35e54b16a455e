//! The values of recorded calls, held against what a program says that it called its functions with and what they gave
//! back.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};

use crate::contract::documented;
use crate::run::{Tracing, permitted, summary};
use crate::running::Scratch;
use crate::{command, gospect, objects};

/// Pointers that are followed, bytes of a string and elements that are shown.
struct Limits {
    depth: u8,
    strlen: u16,
    elems: u16,
}

/// What is usual.
const USUAL: Limits = Limits { depth: 2, strlen: 64, elems: 16 };

/// Longer than it takes to look at the last record.
const LOOKED_UP: Duration = Duration::from_millis(500);

/// What a program writes of its own calls.
fn said(program: &mut Command, limits: &Limits) -> Vec<String> {
    said_by(started(program), limits)
}

/// It waits for its limits.
fn started(program: &mut Command) -> Child {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn said_by(mut child: Child, limits: &Limits) -> Vec<String> {
    let Limits { depth, strlen, elems } = limits;
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{depth} {strlen} {elems}").unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines = lines.take_while(|line| line != "done true").filter(|line| line.starts_with("main.")).collect();
    // What its runtime has made is looked up in its memory while it is there.
    std::thread::sleep(LOOKED_UP);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    lines
}

/// The name of the function: parentheses may be part of it.
fn function(line: &str) -> &str {
    let from = if line.starts_with("main.(*") { line.find(')').unwrap() } else { 0 };
    &line[..from + line[from..].find('(').unwrap()]
}

fn fixture(go: &'static str, variant: Variant) -> Result<std::path::PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("values", go, variant).on(arch))
}

/// The functions that the program calls.
fn called(path: &Path) -> BTreeSet<String> {
    let functions: BTreeSet<String> =
        said(&mut Command::new(path), &USUAL).iter().map(|line| function(line).to_owned()).collect();
    assert!(functions.len() > 200, "{}", functions.len());
    functions
}

fn values_are_what_the_program_says(path: &Path, limits: &Limits, flags: &[&str]) {
    shown_as_the_program_says(path, limits, flags, &called(path));
}

fn shown_as_the_program_says(path: &Path, limits: &Limits, flags: &[&str], functions: &BTreeSet<String>) {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    let mut gospect = command(&["trace", "-q", "--json", "--no-redact", "--as-root", "-o", out.to_str().unwrap()]);
    gospect.args(flags).args(functions).arg("--").arg(path);
    let said = said(&mut gospect, limits);
    let lines = fs::read_to_string(out).unwrap();
    let objects: Vec<_> = lines.lines().map(documented).collect();
    let calls = objects.iter().filter(|object| object["type"] == "call");
    let seen: Vec<&str> = calls.map(|call| call["text"].as_str().unwrap()).collect();
    let differ =
        said.iter().zip(&seen).filter(|(said, seen)| said != *seen).map(|(said, seen)| format!("-{said}\n+{seen}"));
    let differ: Vec<String> = differ.take(10).collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert_eq!(said.len(), seen.len());
    let summary = objects.last().unwrap();
    let count = |field: &str| summary[field].as_u64().unwrap();
    assert_eq!(["lost", "damaged", "open", "unended"].map(count), [0; 4]);
    assert_eq!([count("hits"), count("printed")], [said.len() as u64; 2]);
}

fn values_of_every_shape(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie] {
        values_are_what_the_program_says(&need!(fixture(go, variant)), &USUAL, &[]);
    }
}
on_every_go!(values_of_every_shape);

/// A map of Go 1.23 is nothing like one of 1.24.
#[test]
fn calls_of_a_new_build_are_read_by_its_own_types() {
    for (variant, way, builds) in [
        (Variant::Plain, "best", ["1.23", "1.27"]),
        (Variant::Pie, "best", ["1.26", "1.23"]),
        (Variant::Plain, "tracefs", ["1.27", "1.23"]),
    ] {
        let [old, new] = builds.map(|go| fixture(go, variant));
        let [old, new] = [need!(old), need!(new)];
        let functions = |path: &Path| -> BTreeSet<String> {
            said(&mut Command::new(path), &USUAL).iter().map(|line| function(line).to_owned()).collect()
        };
        let functions = &functions(&old) & &functions(&new);
        let scratch = Scratch::new();
        let path = scratch.copy(&old, "values");
        let first = started(&mut Command::new(&path));
        let mut gospect = command(&["trace", "--ready-fd", "1", "--json", "--no-redact", "--way", way]);
        let mut tracing = Tracing::of(gospect.arg(&path).args(&functions));
        fs::rename(scratch.copy(&new, "next"), &path).unwrap();
        assert_eq!(tracing.says(), format!("gospect: {} was replaced, its new file is probed too", path.display()));
        let both = [first, started(&mut Command::new(&path))];
        let pids = both.each_ref().map(Child::id);
        let said = both.map(|child| said_by(child, &USUAL));
        let objects = crate::run::objects(&tracing.stop());
        let mut all = 0;
        for (said, pid) in said.iter().zip(pids) {
            let said: Vec<&str> =
                said.iter().map(String::as_str).filter(|line| functions.contains(function(line))).collect();
            let calls = objects.iter().filter(|object| object["type"] == "call" && object["pid"] == pid);
            let seen: Vec<&str> = calls.map(|call| call["text"].as_str().unwrap()).collect();
            let differ = said.iter().zip(&seen).find(|(said, seen)| said != seen);
            assert_eq!((differ, said.len()), (None, seen.len()), "{builds:?} {variant:?} {way}");
            all += said.len();
        }
        assert!(all > 800, "{all}");
        let count = |field: &str| summary(&objects)[field].as_u64().unwrap();
        assert_eq!(["lost", "damaged", "open", "unended", "unpaired"].map(count), [0; 5], "{builds:?} {way}");
        assert_eq!([count("hits"), count("printed")], [all as u64; 2], "{builds:?} {way}");
    }
}

/// What is shared would be shown where it is too deep for one of those who share it.
const DEEP: [&str; 4] = ["--depth", "6", "--capture", "16000"];

/// What the program says of its calls of generic functions, and what is shown of them, with the summary at the end.
fn calls_of_generic_functions(path: &Path) -> (Vec<String>, Vec<serde_json::Value>) {
    let flags = [&DEEP[..], &["main.gen*", "main.(*gen*"]].concat();
    let (said, mut objects) =
        said_and_seen(&flags, &[path.to_str().unwrap(), "generics"], &Limits { depth: 6, ..USUAL });
    // Where they are used as values they are called by wrappers that have their names.
    let is_wrapper = |object: &serde_json::Value| object["func"].as_str().is_some_and(|f| !f.contains("[go.shape."));
    objects.retain(|object| matches!(object["type"].as_str(), Some("call" | "summary")) && !is_wrapper(object));
    assert!(said.len() > 400, "{}", said.len());
    (said, objects)
}

/// Code that several types share is shown with those that it was called with: by each dictionary that the program has.
fn generic_functions_have_their_types(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie] {
        let path = need!(fixture(go, variant));
        let (said, mut calls) = calls_of_generic_functions(&path);
        let summary = calls.pop().unwrap();
        let seen: Vec<&str> = calls.iter().map(|call| call["text"].as_str().unwrap()).collect();
        let differ = said.iter().zip(&seen).find(|(said, seen)| said != *seen);
        assert_eq!((differ, said.len()), (None, seen.len()), "{go} {variant:?}");
        for call in &calls {
            let all: Vec<&str> =
                call["type_args"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
            let shown = all.join(",").replace("interface {}", "any").replace("]uint8", "]byte");
            assert!(call["text"].as_str().unwrap().contains(&format!("[{shown}]")), "{call}");
        }
        assert_eq!(["lost", "damaged", "open", "unended"].map(|field| summary[field].as_u64()), [Some(0); 4]);
    }
}
on_every_go!(generic_functions_have_their_types);

/// `%v` shows of each argument what a recorded call shows; closures have their dictionaries somewhere else.
fn arguments_of_generic_functions_are_printed_with_their_types(go: &'static str) {
    let path = need!(fixture(go, Variant::Pie));
    let mut calls = calls_of_generic_functions(&path).1;
    calls.pop();
    calls.retain(|call| !call["func"].as_str().unwrap().contains(".func1"));
    calls.sort_by_key(|call| call["ts"].as_u64());
    let (mut seen, mut script) = (BTreeSet::new(), String::new());
    for call in calls.iter().filter(|call| seen.insert(call["func"].as_str().unwrap())) {
        let args = names(call, "args");
        let values: String = args.iter().map(|name| format!(", args.{name}")).collect();
        let _ = writeln!(script, "go:{} {{ printf(\"{}\"{values}); }}", call["func"], "%v".repeat(args.len()));
    }
    let scratch = Scratch::new();
    let [file, out] = ["script", "out"].map(|name| scratch.0.join(name));
    fs::write(&file, script).unwrap();
    let mut gospect = command(&["run", "-q", "--json", "--no-redact", "--as-root", "-o"]);
    said(gospect.arg(&out).args(DEEP).arg(&file).arg("--").arg(&path).arg("generics"), &Limits { depth: 6, ..USUAL });
    let lines = fs::read_to_string(&out).unwrap();
    let printed: Vec<serde_json::Value> = lines.lines().map(documented).filter(|of| of["type"] == "printf").collect();
    assert_eq!(printed.len(), calls.len());
    for (printed, call) in printed.iter().zip(&calls) {
        let args: Vec<_> = names(call, "args").iter().map(|name| call["args"][name].clone()).collect();
        assert_eq!(printed["values"].as_array(), Some(&args), "{call}");
    }
}
on_every_go!(arguments_of_generic_functions_are_printed_with_their_types);

/// The layout of maps before and after, and every depth at which something else is left out.
#[test]
fn values_as_deep_as_asked_for() {
    for go in ["1.23", "1.27"] {
        let path = need!(fixture(go, Variant::Plain));
        for depth in [0, 1, 3, 6] {
            let (limits, typed) = (Limits { depth, ..USUAL }, depth.to_string());
            values_are_what_the_program_says(&path, &limits, &["--capture", "16000", "--depth", &typed]);
        }
        let limits = Limits { strlen: 20, ..USUAL };
        values_are_what_the_program_says(&path, &limits, &["--strlen", "20"]);
    }
}

/// What a command says of its own calls, and all that `gospect trace` shows of them.
fn said_and_seen(flags: &[&str], command_line: &[&str], limits: &Limits) -> (Vec<String>, Vec<serde_json::Value>) {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    let mut gospect = command(&["trace", "-q", "--json", "--no-redact", "--as-root", "-o", out.to_str().unwrap()]);
    gospect.args(flags).arg("--").args(command_line);
    let said = said(&mut gospect, limits);
    let lines = fs::read_to_string(out).unwrap();
    (said, lines.lines().map(documented).collect())
}

/// What gospect shows of a stripped program, without moments and durations.
fn seen_of_stripped(path: &Path, flags: &[&str]) -> (Vec<String>, Vec<String>) {
    let (said, objects) = said_and_seen(flags, &[path.to_str().unwrap()], &USUAL);
    let calls = objects.iter().filter(|object| object["type"] == "call");
    let shown = |call: &serde_json::Value| {
        assert_eq!(call["guess"], call["text"].as_str().unwrap().contains("?"));
        call["text"].as_str().unwrap().to_owned()
    };
    (said, calls.map(shown).collect())
}

/// Methods that the runtime knows have types, other functions words.
#[test]
fn stripped_programs_show_what_is_known() {
    let path = need!(fixture("1.26", Variant::Stripped));
    let functions = ["main.(*tree).Insert", "main.twoResults", "main.color.String", "main.(*codeError).Error"];
    let (_, seen) = seen_of_stripped(&path, &functions);
    let typed: Vec<&String> = seen.iter().filter(|line| !line.contains("?")).collect();
    expect_test::expect![[r#"
        [
            "main.color.String(arg0=1) = \"color1\"",
            "main.(*codeError).Error(arg0=&main.codeError{Code: 1, Text: \"one\"}) = \"one\"",
        ]
    "#]]
    .assert_debug_eq(&typed);
    let [words, _, _, method] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(words, "main.twoResults(arg0=0x5?) = (…)");
    assert!(method.starts_with("main.(*tree).Insert(arg0=0x") && method.ends_with("?, arg1=0x9?) = (…)"), "{method}");
}

/// `-1` as the words of so many bytes have it.
fn raw(number: &str, bytes: u32) -> String {
    let number: i128 = number.parse().unwrap();
    format!("{:#x}", number as u128 & ((1 << (8 * bytes)) - 1))
}

fn raw_words_are_the_arguments(go: &'static str) {
    let path = need!(fixture(go, Variant::Stripped));
    let sizes =
        [("main.oneInt", 8), ("main.oneInt8", 1), ("main.oneInt16", 2), ("main.oneInt32", 4), ("main.oneUint64", 8)];
    let (said, seen) = seen_of_stripped(&path, &sizes.map(|(name, _)| name));
    let words = said.iter().filter_map(|line| {
        let (name, size) = sizes.into_iter().find(|(name, _)| function(line) == *name)?;
        let (_, number) = line.split_once("(a=")?;
        Some(format!("{name}(arg0={}?) = (…)", raw(number.split_once(')')?.0, size)))
    });
    assert_eq!(seen, words.collect::<Vec<_>>(), "{go}");
    assert_eq!(seen.len(), 11, "{seen:?}");
}
on_every_go!(raw_words_are_the_arguments);

/// The functions with their signatures, as `gospect list` shows them.
fn with_signatures(path: &Path) -> BTreeSet<String> {
    let (path_text, called) = (path.to_str().unwrap(), called(path));
    let functions = objects(&["list", path_text, "main.*"]);
    let signatures = functions.iter().filter_map(|of| {
        let (name, signature) = (of["name"].as_str()?, of["signature"].as_str()?);
        called.contains(name).then(|| format!("{name}{}", signature.trim_start_matches("func")))
    });
    let signatures: BTreeSet<String> = signatures.collect();
    assert_eq!(signatures.len(), called.len());
    signatures
}

/// What a user says of a stripped program's functions is all that it takes to show their values.
fn values_of_stripped_programs_whose_signatures_are_said(go: &'static str) {
    let (plain, stripped) = (need!(fixture(go, Variant::Plain)), need!(fixture(go, Variant::Stripped)));
    let signatures = with_signatures(&plain);
    shown_as_the_program_says(&stripped, &USUAL, &[], &signatures);
    // The one with DWARF says the same.
    shown_as_the_program_says(&plain, &USUAL, &[], &signatures);
}
on_every_go!(values_of_stripped_programs_whose_signatures_are_said);

#[test]
fn wrong_signatures_are_refused_with_what_is_known() {
    let path = need!(fixture("1.26", Variant::Stripped));
    let mut out = String::new();
    for wrong in [
        "main.oneInt(a string) int",
        "main.oneInt(a, b int) int",
        "main.oneInt(a itn) int",
        "main.toTree(a *tree) *main.tree",
        "main.oneInt(a int",
        "main.oneInt(a int) int string",
        "main.one*(a int)",
        "main.color.String() int",
    ] {
        let ran = gospect(&["trace", "--as-root", wrong, "--", path.to_str().unwrap()]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{wrong}");
        let said = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error") || line.contains("^") || line.contains("= help"));
        said.for_each(|line| out += &format!("{line}\n"));
    }
    expect_test::expect![[r#"
        error: `main.oneInt` does not take and give this
          |                   ^^^^^^^^^^^^^^
          = help: what is known of it is `func(word) ?`
        error: `main.oneInt` does not take and give this
          |                   ^^^^^^^^^^^^^^
          = help: what is known of it is `func(word) ?`
        error: the program's runtime knows no type `itn`
          |                      ^^^
          = help: did you mean `int`?
        error: the program's runtime knows no type `tree`
          |                       ^^^^
          = help: did you mean `main.tree`?
        error: `)` is missing, the signature ends there
          |                         ^
        error: `string` behind the signature means nothing
          |                               ^^^^^^
        error: a signature is that of one function, and `main.one*` may be several
          |                 ^^^^^^^
          = help: leave it out, or name the function
        error: `main.color.String` does not take and give this
          |                         ^^^^^^
          = help: it is `func(arg0 main.color) string`
    "#]]
    .assert_eq(&out);
}

#[test]
fn conditions_speak_of_what_a_signature_says() {
    let path = need!(fixture("1.26", Variant::Stripped));
    let (_, seen) = seen_of_stripped(&path, &["main.oneInt(number int) int", "--if", "args.number < 0 && ret != -1"]);
    assert_eq!(seen, ["main.oneInt(number=-9223372036854775808) = -9223372036854775808"]);
}

#[test]
fn types_are_left_alone_or_looked_into_as_asked() {
    let path = need!(fixture("1.26", Variant::Plain));
    let seen = |flags: &[&str]| {
        let calls = seen_of_stripped(&path, &[&["main.(*point).Move"], flags].concat()).1;
        calls.iter().map(|call| call.split(" = ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let whole = "main.(*point).Move(p=&main.point{X: 1, Y: 2}, dx=3, dy=4)";
    assert_eq!(seen(&[]), [whole]);
    assert_eq!(seen(&["--opaque", "main.p*:Y"]), ["main.(*point).Move(p=&main.point{Y: 2, …}, dx=3, dy=4)"]);
    assert_eq!(seen(&["--opaque", "*main.point"]), ["main.(*point).Move(p=&main.point{…}, dx=3, dy=4)"]);
    assert_eq!(seen(&["--opaque", "main.*", "--follow", "main.point"]), [whole]);
    let shown =
        gospect(&["trace", path.to_str().unwrap(), "main.main", "--show-program", "--opaque", "a.B:c", "--depth", "3"]);
    let with = "// with: gospect run --depth 3 --opaque 'a.B:c'";
    assert_eq!(shown.stdout, format!("goret:main.main {{ call(); }}\n{with}\n"));
}

#[test]
fn generic_functions_are_suggested_for_what_the_source_says() {
    let path = need!(fixture("1.26", Variant::Plain));
    let path = path.to_str().unwrap();
    for (wanted, status) in [("main.copied[int]", 1), ("main.copied", 1), ("main.copied[...]", 0)] {
        let ran = gospect(&["list", path, wanted]);
        assert_eq!(
            (ran.status, ran.stderr.contains("did you mean `main.copied[...]`?")),
            (status, status == 1),
            "{wanted}"
        );
        let traced = gospect(&["trace", "--as-root", wanted, "--", path]);
        let suggests = traced.stderr.contains("= help: did you mean `main.copied[...]`?");
        assert_eq!((traced.status, suggests), (status, status == 1), "{wanted}: {}", traced.stderr);
    }
}

/// The names of a call's arguments or results, in the order of the line that shows it: objects have theirs sorted.
fn names(call: &serde_json::Value, of: &str) -> Vec<String> {
    let text = call["text"].as_str().unwrap();
    let place = |name: &String| [format!("({name}="), format!(", {name}=")].iter().find_map(|start| text.find(start));
    let mut names: Vec<String> = call[of].as_object().map_or_else(Vec::new, |of| of.keys().cloned().collect());
    let number = |name: &String| name.trim_start_matches("~r").parse::<usize>().unwrap_or(0);
    names.sort_by_key(|name| (place(name), number(name)));
    names
}

/// A script that prints what each function is called with and gives back, as calls are shown, and the lines it prints.
fn printing(calls: &[&serde_json::Value]) -> String {
    let mut seen = BTreeSet::new();
    let mut script = String::new();
    for call in calls {
        let function = call["func"].as_str().unwrap();
        if !seen.insert(function) {
            continue;
        }
        let [args, rets] = ["args", "rets"].map(|of| names(call, of));
        let shown: Vec<String> = args.iter().map(|name| format!("{name}=%v")).collect();
        let values: String = args.iter().map(|name| format!(", args.{name}")).collect();
        let _ = writeln!(script, "go:\"{function}\" {{ printf(\"{function}({})\"{values}); }}", shown.join(", "));
        let shown: Vec<String> = rets
            .iter()
            .map(|name| if name.starts_with('~') { "%v".to_owned() } else { format!("{name}=%v") })
            .collect();
        let values: String = (0..rets.len()).map(|n| format!(", rets.{n}")).collect();
        let alone = matches!(&rets[..], [name] if name.starts_with('~'));
        let shown = match shown.join(", ") {
            none if none.is_empty() => String::new(),
            shown if alone => format!(" = {shown}"),
            shown => format!(" = ({shown})"),
        };
        let _ = writeln!(script, "goret:\"{function}\" {{ printf(\"{shown}\\n\"{values}); }}");
    }
    script
}

/// `%v` shows of each argument and result what a recorded call shows.
fn printed_values_are_those_of_calls(go: &'static str) {
    let path = need!(fixture(go, Variant::Plain));
    let functions = called(&path);
    let calls = traced(&path, &functions);
    let calls: Vec<&serde_json::Value> = calls.iter().collect();
    let scratch = Scratch::new();
    let script = scratch.0.join("script");
    fs::write(&script, printing(&calls)).unwrap();
    let out = scratch.0.join("printed");
    let mut gospect = command(&["run"]);
    gospect.args(["-q", "--json", "--no-redact", "--as-root", "-o"]).arg(&out).arg(&script).arg("--").arg(&path);
    let said = said(&mut gospect, &USUAL);
    let lines = fs::read_to_string(&out).unwrap();
    let objects: Vec<serde_json::Value> = lines.lines().map(documented).collect();
    let printed = objects.iter().filter(|object| object["type"] == "printf");
    let text: String = printed.clone().map(|object| object["data"].as_str().unwrap()).collect();
    let seen: Vec<&str> = text.lines().collect();
    let differ: Vec<_> = said.iter().zip(&seen).filter(|(said, seen)| said != *seen).take(5).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(said.len(), seen.len());
    // The same values in JSON.
    let values = printed.flat_map(|object| object["values"].as_array().cloned().unwrap_or_default());
    let of_calls = calls.iter().flat_map(|call| {
        let values = |of: &str| names(call, of).iter().map(|name| call[of][name].clone()).collect::<Vec<_>>();
        [values("args"), values("rets")].concat()
    });
    let (values, of_calls): (Vec<_>, Vec<_>) = (values.collect(), of_calls.collect());
    assert_eq!(values.len(), of_calls.len());
    // A record of a call has room for so many words of the stack; what is printed is read where it is.
    let beyond = |value: &serde_json::Value| value.to_string().contains("far up the stack");
    // The program looks at the clock, and runs twice.
    let moment =
        |value: &serde_json::Value| value.as_str().is_some_and(|text| text.starts_with("20") && text.ends_with('Z'));
    let same = |printed: &serde_json::Value, of_call| printed == of_call || moment(printed) && moment(of_call);
    let differ = values.iter().zip(&of_calls).find(|(printed, of_call)| !same(printed, of_call) && !beyond(of_call));
    assert_eq!(differ, None);
    assert!(!values.iter().any(beyond));
    let count = |field: &str| summary(&objects)[field].as_u64().unwrap();
    assert_eq!(["lost", "damaged"].map(count), [0; 2]);
}
on_every_go!(printed_values_are_those_of_calls);

/// The calls that `gospect trace` shows of functions of a program.
fn traced(path: &Path, functions: &BTreeSet<String>) -> Vec<serde_json::Value> {
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    let (_, objects) = said_and_seen(&functions, &[path.to_str().unwrap()], &USUAL);
    objects.into_iter().filter(|object| object["type"] == "call").collect()
}

/// What a script prints of a build that came later is read by that build's types.
#[test]
fn values_of_a_new_build_are_printed_by_its_own_types() {
    let [old, new] = ["1.23", "1.27"].map(|go| fixture(go, Variant::Plain));
    let [old, new] = [need!(old), need!(new)];
    let functions = &called(&old) & &called(&new);
    let mut seen = BTreeSet::new();
    let mut text = String::new();
    for call in traced(&old, &functions) {
        let function = call["func"].as_str().unwrap().to_owned();
        let args = names(&call, "args");
        if seen.insert(function.clone()) {
            let shown: Vec<String> = args.iter().map(|name| format!("{name}=%v")).collect();
            let values: String = args.iter().map(|name| format!(", args.{name}")).collect();
            let shown = shown.join(", ");
            let _ = writeln!(text, "go:\"{function}\" {{ printf(\"%d {function}({shown})\\n\", pid{values}); }}");
        }
    }
    let scratch = Scratch::new();
    let (script, path) = (scratch.0.join("script"), scratch.copy(&old, "values"));
    fs::write(&script, text).unwrap();
    let first = started(&mut Command::new(&path));
    let mut gospect = command(&["run", "--ready-fd", "1", "--json", "--no-redact", "--target", path.to_str().unwrap()]);
    let mut tracing = Tracing::of(gospect.arg(&script));
    fs::rename(scratch.copy(&new, "next"), &path).unwrap();
    assert_eq!(tracing.says(), format!("gospect: {} was replaced, its new file is probed too", path.display()));
    let both = [first, started(&mut Command::new(&path))];
    let pids = both.each_ref().map(Child::id);
    let said = both.map(|child| said_by(child, &USUAL));
    let objects = crate::run::objects(&tracing.stop());
    let printed = objects.iter().filter(|object| object["type"] == "printf");
    let printed: Vec<&str> = printed.map(|object| object["data"].as_str().unwrap().trim_end()).collect();
    for (said, pid) in said.iter().zip(pids) {
        let said: Vec<&String> = said.iter().filter(|line| functions.contains(function(line))).collect();
        let of = format!("{pid} ");
        let seen: Vec<&str> = printed.iter().filter_map(|line| line.strip_prefix(&of)).collect();
        let is_head = |(said, seen): &(&&String, &&str)| {
            said.strip_prefix(**seen).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ']))
        };
        assert_eq!(said.iter().zip(&seen).find(|pair| !is_head(pair)), None);
        assert_eq!(said.len(), seen.len());
        assert!(seen.len() > 400, "{}", seen.len());
    }
    let count = |field: &str| summary(&objects)[field].as_u64().unwrap();
    assert_eq!(["lost", "damaged"].map(count), [0; 2]);
    assert_eq!(count("printed"), printed.len() as u64);
}

/// What has the name of a secret is none of what is printed as a whole, and depth is what was asked for.
#[test]
fn printed_values_are_redacted_and_as_deep_as_asked_for() {
    let path = need!(fixture("1.26", Variant::Plain));
    let scratch = Scratch::new();
    let out = scratch.0.join("printed");
    let mut gospect = command(&["run", "-q", "--json", "--as-root", "--redact", "a", "--depth", "0", "-o"]);
    let script = r#"go:main.oneString { print(args.a); printf("%v", args.a); } go:main.oneChan { print(args.a); }
        goret:main.oneChan { print(ret); }"#;
    gospect.arg(&out).arg("-e").arg(script).arg("--").arg(&path);
    let said = said(&mut gospect, &USUAL);
    let calls = |name: &str| said.iter().filter(|line| function(line) == name).count();
    let lines = fs::read_to_string(&out).unwrap();
    let objects: Vec<serde_json::Value> = lines.lines().map(documented).collect();
    let count = |is: &dyn Fn(&serde_json::Value) -> bool| objects.iter().filter(|object| is(object)).count();
    // A text by itself is what a script asked for.
    assert_eq!(count(&|object| object["type"] == "value" && object["data"] == "hello"), 1);
    assert_eq!(count(&|object| object["type"] == "printf"), calls("main.oneString"));
    assert_eq!(count(&|object| object["type"] == "printf" && object["data"] == "<redacted>"), calls("main.oneString"));
    let deep = |object: &serde_json::Value| object["data"]["@unreadable"] == "not captured: depth";
    assert!(count(&deep) > 0, "{lines}");
}
