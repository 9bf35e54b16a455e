//! `gospect list` against what the fixtures' sources say, and against Go's own tools.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use expect_test::{Expect, expect};
use gospect_fixtures::claims::claims;
use gospect_fixtures::{Arch, Fixture, Missing, Toolchain, Variant, build, need, source, toolchain};
use serde_json::Value;

use crate::running::{Running, Scratch, server};
use crate::{Ran, command, gospect, objects};

/// What most tests here look at.
const GO: &str = "1.26";

fn shapes(variant: Variant) -> Result<PathBuf, Missing> {
    build(&Fixture::new("shapes", GO, variant))
}

fn list(path: &Path, args: &[&str]) -> Vec<Value> {
    objects(&[&["list", path.to_str().unwrap()], args].concat())
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}"))
}

fn names(functions: &[Value]) -> Vec<&str> {
    functions.iter().map(|f| text(f, "name")).collect()
}

fn address(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_else(|_| panic!("no address: {text}"))
}

fn entry(function: &Value) -> u64 {
    address(text(function, "entry"))
}

/// What a person sees, with the directory of the fixture's sources left out.
fn seen(args: &[&str]) -> String {
    let seen = gospect(args).seen();
    let words = seen.split_inclusive(char::is_whitespace);
    let short = words.map(|w| w.rsplit_once("/shapes/").map_or(w, |(_, file)| file));
    short.collect()
}

/// Arguments and results as the fixture's comments write them.
fn claimed(function: &Value) -> String {
    let values = |field: &str| {
        let all = function[field].as_array().unwrap().iter();
        let shown = all.map(|v| format!("{} {}: {}", text(v, "name"), text(v, "type"), text(v, "place")));
        shown.collect::<Vec<_>>().join("; ")
    };
    format!("{}({}) ({})", text(function, "name"), values("args"), values("rets"))
}

/// Assembly is described by nothing, so its arguments are not told.
fn functions_are_as_their_comments_say(go: &'static str) {
    let path = need!(build(&Fixture::new("shapes", go, Variant::Plain)));
    let functions = list(&path, &["main.*", "example.com/*"]);
    let of_name = |name: &str| functions.iter().find(|f| f["name"] == name && f["kind"] != "wrapper");
    let mut compared = 0;
    for want in claims("shapes").wants {
        let function = of_name(&want.function).unwrap_or_else(|| panic!("no {}", want.function));
        if function["kind"] == "asm" {
            assert_eq!(function["refused"].as_str().map(|why| why.starts_with("written in assembly")), Some(true));
            continue;
        }
        assert_eq!(claimed(function), want.to_string());
        assert_eq!(function["kind"], "go");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn functions_are_as_their_comments_say_in_go1_22() {
    functions_are_as_their_comments_say("1.22");
}

#[test]
fn functions_are_as_their_comments_say_in_go1_27() {
    functions_are_as_their_comments_say("1.27");
}

#[test]
fn a_signature_is_go() {
    let path = need!(shapes(Variant::Plain));
    let functions = list(&path, &["main.*"]);
    let signature = |name: &str| {
        let found = functions.iter().find(|f| f["name"] == name && f["kind"] == "go");
        found.unwrap_or_else(|| panic!("no {name}"))["signature"].as_str().unwrap().to_owned()
    };
    let check = |name: &str, expected: &str| assert_eq!(signature(name), expected);
    check("main.noArgs", "func()");
    check("main.headers", "func(s string, b []uint8, e error) ([]uint8, error)");
    check("main.namedResults", "func(n int) (double int, text string, half float64)");
    check("main.(*circle).Shape", "func(c *main.circle, n int) int");
    check("main.produce", "func(wg *sync.WaitGroup, out chan<- int, n int)");
    check("main.capture", "func(n int, s string) func(int) int");
}

#[test]
fn each_function_is_of_its_kind() {
    let path = need!(shapes(Variant::Plain));
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for f in list(&path, &["main.*", "type:.eq.main.*"]) {
        kinds.entry(text(&f, "kind").to_owned()).or_default().insert(text(&f, "name").to_owned());
    }
    let has = |kind: &str, name: &str| assert!(kinds[kind].contains(name), "{name} is no {kind}: {:?}", kinds[kind]);
    has("go", "main.fibonacci");
    has("go", "main.(*stack[go.shape.int]).push");
    has("asm", "main.addAssembly");
    has("closure", "main.nestedClosures.func1.1");
    has("closure", "main.init.func1");
    has("method-value", "main.square.Shape-fm");
    has("wrapper", "main.(*square).Shape");
    has("wrapper", "main.leaf");
    has("deferwrap", "main.deferred.deferwrap1");
    has("gowrap", "main.spawn.gowrap1");
    has("go", "main.init.0");
    has("generated", "type:.eq.main.circle");
}

#[test]
fn a_mark_of_the_linker_is_no_function_of_c() {
    let path = need!(shapes(Variant::Plain));
    let marks = list(&path, &["go:textfips*"]);
    assert_eq!(names(&marks), ["go:textfipsstart", "go:textfipsend"]);
    for mark in &marks {
        assert_eq!((text(mark, "kind"), &mark["file"], &mark["signature"]), ("mark", &Value::Null, &Value::Null));
        assert_eq!(mark["refused"], "a mark of the linker between functions, and no code");
    }
    let path = need!(build(&Fixture::new("cgo", GO, Variant::Cgo)));
    let exported = list(&path, &["_cgoexp_*"]);
    assert_eq!(exported.iter().map(|f| text(f, "kind")).collect::<Vec<_>>(), ["go"], "Go that C calls is Go");
}

/// What one of Go's tools says of an executable.
fn tool(go: &Toolchain, args: &[&str], path: &Path, input: &str) -> String {
    let mut child = go.go();
    child.arg("tool").args(args).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let feeds = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A tool that takes no input may end before it has read it.
    let _ = feeds.join().unwrap();
    assert!(output.status.success(), "go tool {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Symbols of code that mark a place and are no functions.
const MARKS: [&str; 2] = ["runtime.text", "runtime.etext"];

fn the_functions_are_those_of_go_tool_nm(arch: Arch) {
    let path = need!(build(&Fixture::new("shapes", GO, Variant::Plain).on(arch)));
    let nm = tool(&need!(toolchain(GO)), &["nm"], &path, "");
    let symbol = |line: &str| {
        let (at, rest) = line.trim_start().split_once(' ')?;
        let name = rest.strip_prefix("T ").or_else(|| rest.strip_prefix("t "))?;
        Some((address(at), name.trim_end_matches(".abi0").to_owned()))
    };
    let symbols: BTreeMap<u64, String> =
        nm.lines().filter_map(symbol).filter(|(_, name)| !MARKS.contains(&name.as_str())).collect();
    // The linker's own symbols have a dot there.
    let name = |f: &Value| text(f, "name").replace('·', ".");
    let functions: BTreeMap<u64, String> = list(&path, &[]).iter().map(|f| (entry(f), name(f))).collect();
    assert!(functions.len() > 2000);
    assert_eq!(functions.keys().collect::<Vec<_>>(), symbols.keys().collect::<Vec<_>>());
    let differ = functions.iter().filter(|(at, name)| symbols[at] != **name);
    assert_eq!(differ.collect::<Vec<_>>(), [], "names");
}

#[test]
fn the_functions_are_those_of_go_tool_nm_on_amd64() {
    the_functions_are_those_of_go_tool_nm(Arch::Amd64);
}

#[test]
fn the_functions_are_those_of_go_tool_nm_on_arm64() {
    the_functions_are_those_of_go_tool_nm(Arch::Arm64);
}

#[test]
fn the_lines_are_those_of_go_tool_addr2line() {
    let path = need!(shapes(Variant::Plain));
    let mut functions = list(&path, &[]);
    // Marks of the linker have an entry and no source.
    functions.retain(|f| !f["file"].is_null());
    let addresses: String = functions.iter().map(|f| format!("{}\n", text(f, "entry"))).collect();
    let answers = tool(&need!(toolchain(GO)), &["addr2line"], &path, &addresses);
    let ours = functions.iter().map(|f| format!("{}\n{}:{}", text(f, "name"), text(f, "file"), f["line"]));
    let theirs = answers.lines().collect::<Vec<_>>();
    let theirs = theirs.chunks(2).map(|two| two.join("\n"));
    let differ: Vec<_> = ours.zip(theirs).filter(|(ours, theirs)| ours != theirs).collect();
    assert_eq!(differ, [], "of {}", functions.len());
    assert_eq!(answers.lines().count(), functions.len() * 2);
}

/// The addresses of return instructions as Go's disassembler finds them.
fn returns_by_objdump(go: &Toolchain, path: &Path) -> BTreeSet<u64> {
    let text = tool(go, &["objdump", "-s", "^main\\."], path, "");
    let lines = text.lines().map(|line| line.split('\t').filter(|word| !word.is_empty()).collect::<Vec<_>>());
    let returns = lines.filter(|words| words.get(3).is_some_and(|text| text.trim() == "RET"));
    returns.map(|words| address(words[1])).collect()
}

fn returns_are_those_of_go_tool_objdump(arch: Arch) {
    let path = need!(build(&Fixture::new("shapes", GO, Variant::Plain).on(arch)));
    let theirs = returns_by_objdump(&need!(toolchain(GO)), &path);
    let functions = list(&path, &["main.*", "--sites"]);
    let mut compared = 0;
    for f in functions.iter().filter(|f| f["kind"] != "asm") {
        let (start, size) = (entry(f), f["size"].as_u64().unwrap());
        let sites = f["sites"]["returns"].as_array().unwrap();
        let ours: Vec<u64> = sites.iter().map(|r| start + r["offset"].as_u64().unwrap()).collect();
        let wanted: Vec<u64> = theirs.range(start..start + size).copied().collect();
        assert_eq!(ours, wanted, "{}", text(f, "name"));
        assert_eq!(f["return_sites"], ours.len());
        assert_eq!(f["returns_refused"].is_null(), !(ours.is_empty() && f["tail_jumps"] == 0), "{f}");
        compared += ours.len();
    }
    assert!(compared > 130, "{compared}");
}

#[test]
fn returns_are_those_of_go_tool_objdump_on_amd64() {
    returns_are_those_of_go_tool_objdump(Arch::Amd64);
}

#[test]
fn returns_are_those_of_go_tool_objdump_on_arm64() {
    returns_are_those_of_go_tool_objdump(Arch::Arm64);
}

/// What does not depend on where the linker put a function.
fn unmoved(f: &Value) -> String {
    let fields = ["name", "kind", "file", "line", "size", "entry_site", "return_sites", "tail_jumps", "refused"];
    fields.map(|field| f[field].to_string()).join(" ")
}

#[test]
fn stripping_takes_nothing_from_names_lines_and_sites() {
    let (plain, stripped) = (need!(shapes(Variant::Plain)), need!(shapes(Variant::Stripped)));
    let of = |path: &Path| list(path, &["main.*"]).iter().map(unmoved).collect::<Vec<_>>();
    assert_eq!(of(&stripped), of(&plain));
    let without_sections = need!(shapes(Variant::NoSections));
    assert_eq!(list(&without_sections, &[]), list(&stripped, &[]));
}

#[test]
fn a_person_reads_one_line_for_each() {
    let path = need!(shapes(Variant::Plain));
    let functions = [
        "main.fibonacci",
        "main.leaf",
        "main.loopHead",
        "main.neverReturns",
        "main.addAssembly",
        "main.(*circle).Shape",
        "main.spawn*",
        "strconv.Itoa",
    ];
    let args = [&["list", path.to_str().unwrap()], functions.as_slice()].concat();
    expect![[r#"
        strconv.Itoa                 func(i int) string  strconv/number.go:214  entry+0x6 emulated, 1 return
        main.spawn                   func(n int) int  closures.go:96  entry+0xa emulated, 1 return
        main.spawn.func1             func()  closures.go:102  entry+0x6 emulated, 2 returns
        main.spawn.func1.deferwrap1  func()  closures.go:103  entry+0x6 emulated, 1 return
        main.spawn.gowrap2           func()  closures.go:101  entry+0x6 emulated, 1 return
        main.spawn.gowrap1           func()  closures.go:100  entry+0x6 emulated, 1 return
        main.leaf                    func(a int, b int) int  frames.go:8  entry+0x0 stepped, 1 return
        main.fibonacci               func(n int) int  frames.go:64  entry+0x6 emulated, 2 returns
        main.loopHead                func(n int) int  frames.go:132  entry+0x0 emulated, 1 return
        main.neverReturns            func(n int)  frames.go:145  entry+0x6 emulated, never returns
        main.(*circle).Shape         func(c *main.circle, n int) int  methods.go:24  entry+0x0 stepped, 1 return
        main.addAssembly             (asm)  asm_amd64.s:5  no probe: written in assembly
        main.leaf                    func(a int, b int) int  <autogenerated>:1  entry+0x0 emulated, 1 return
        (exit status 0)"#]]
    .assert_eq(&seen(&args));
}

#[test]
fn sites_stand_below_their_function() {
    let path = need!(shapes(Variant::Plain));
    let args = ["list", path.to_str().unwrap(), "main.fibonacci", "main.recovered", "main.(*square).Shape", "--sites"];
    expect![[r#"
        main.recovered        func(n int) (result int, err interface {})  closures.go:66  entry+0xa emulated, 2 returns
            entry      +0xa  emulated
            return     +0xa0  stepped
            return     +0xc0  stepped
            deferreturn called at +0xa7
        main.fibonacci        func(n int) int  frames.go:64  entry+0x6 emulated, 2 returns
            entry      +0x6  emulated
            return     +0x19  stepped
            return     +0x47  stepped
        main.(*square).Shape  func(s *main.square, n int) int  <autogenerated>:1  entry+0x6 emulated, 1 return
            entry      +0x6  emulated
            return     +0x20  stepped
        (exit status 0)"#]]
    .assert_eq(&seen(&args));
}

fn check(args: &[&str], expect: Expect) {
    let path = need!(shapes(Variant::Plain));
    let functions = list(&path, args);
    expect.assert_eq(&names(&functions).join(" "));
}

#[test]
fn patterns_choose() {
    check(
        &["main.(*circle).*"],
        expect![
            "main.(*circle).send main.(*circle).send.deferwrap1 main.(*circle).Shape main.(*circle).Anonymous main.(*circle).Shape-fm"
        ],
    );
    check(
        &["*.Shape-fm", "main.leaf", "main.le*"],
        expect!["main.leaf main.(*circle).Shape-fm main.square.Shape-fm main.leaf"],
    );
    check(&["main.sum[*"], expect!["main.sum[go.shape.float64] main.sum[go.shape.int]"]);
}

#[test]
fn functions_come_by_address_or_by_name() {
    let path = need!(shapes(Variant::Plain));
    let by_address = list(&path, &["main.*"]);
    assert!(by_address.is_sorted_by_key(entry));
    let by_name = list(&path, &["main.*", "--by-name"]);
    assert!(names(&by_name).is_sorted());
    let sorted = |functions: Vec<Value>| functions.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    assert_eq!(sorted(by_name), sorted(by_address));
}

#[test]
fn where_a_function_was_inlined_is_told() {
    let path = need!(shapes(Variant::Plain));
    let all = list(&path, &["main.inlined*", "--inlined"]);
    let shown = |v: &Value| {
        let file = text(v, "file").rsplit('/').next().unwrap().to_owned();
        format!("{} into {} at {file}:{}\n", text(v, "name"), text(v, "into"), v["line"])
    };
    assert!(all.iter().all(|v| v["type"] == "inlined"));
    expect![[r#"
        main.inlinedLeaf into main.hasInlined at frames.go:153
        main.inlinedLeaf into main.hasInlined at frames.go:153
        main.inlinedTwice into main.hasInlined at frames.go:162
    "#]]
    .assert_eq(&all.iter().map(shown).collect::<String>());
    let outer = list(&path, &["main.hasInlined"]);
    let inside = entry(&outer[0])..entry(&outer[0]) + outer[0]["size"].as_u64().unwrap();
    assert!(all.iter().all(|v| inside.contains(&address(text(v, "pc")))));
}

#[test]
fn a_function_that_only_exists_inlined_is_told_from_one_that_does_not_exist() {
    let path = need!(shapes(Variant::Plain));
    let check = |pattern: &str, expect: Expect| {
        let seen = seen(&["list", path.to_str().unwrap(), pattern]);
        expect.assert_eq(&seen.replace(path.to_str().unwrap(), "PATH"));
    };
    check(
        "main.inlinedTwice",
        expect![[r#"
        gospect: main.inlinedTwice exists only inlined, into main.hasInlined at frames.go:162
        hint: `gospect list --inlined` shows every such place
        (exit status 1)"#]],
    );
    check(
        "main.fibonaci",
        expect![[r#"
        gospect: no function of PATH matches `main.fibonaci`
        hint: did you mean `main.fibonacci`?
        (exit status 1)"#]],
    );
    check(
        "main.(*circl).Shape",
        expect![[r#"
        gospect: no function of PATH matches `main.(*circl).Shape`
        hint: did you mean `main.(*circle).Shape` or `main.(*circle).Shape-fm`?
        (exit status 1)"#]],
    );
    check(
        "xyzzy.*",
        expect![[r#"
        gospect: no function of PATH matches `xyzzy.*`
        hint: `gospect list` shows every function; `*` stands for any characters
        (exit status 1)"#]],
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_told_beside_others_that_do() {
    let path = need!(shapes(Variant::Plain));
    let check = |patterns: &[&str], expect: Expect| {
        let seen = seen(&[&["list", path.to_str().unwrap()], patterns].concat());
        expect.assert_eq(&seen.replace(path.to_str().unwrap(), "PATH"));
    };
    check(
        &["main.leaf", "main.fibonaci", "fmt.Fprintln", "main.inlinedTwice"],
        expect![[r#"
            fmt.Fprintln  func(w io.Writer, a []interface {}) (n int, err error)  fmt/print.go:303  entry+0xa emulated, 1 return
            main.leaf     func(a int, b int) int  frames.go:8  entry+0x0 stepped, 1 return
            main.leaf     func(a int, b int) int  <autogenerated>:1  entry+0x0 emulated, 1 return
            gospect: main.inlinedTwice exists only inlined, into main.hasInlined at frames.go:162
            hint: `gospect list --inlined` shows every such place
            gospect: no function of PATH matches `main.fibonaci`
            hint: did you mean `main.fibonacci`?
            (exit status 0)"#]],
    );
    check(
        &["main.fibonaci", "main.inlinedTwice"],
        expect![[r#"
        gospect: main.inlinedTwice exists only inlined, into main.hasInlined at frames.go:162
        hint: `gospect list --inlined` shows every such place
        gospect: no function of PATH matches `main.fibonaci`
        hint: did you mean `main.fibonacci`?
        (exit status 1)"#]],
    );
    check(
        &["main.inlinedTwice", "xyzzy", "--inlined"],
        expect![[r#"
        main.inlinedTwice  inlined into main.hasInlined at frames.go:162, code at 0x4a34c6
        gospect: no function of PATH matches `xyzzy`
        hint: `gospect list` shows every function; `*` stands for any characters
        (exit status 0)"#]],
    );
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let path = need!(shapes(Variant::Plain));
    for format in [[].as_slice(), &["--json"]] {
        let args = [&["list", path.to_str().unwrap()], format].concat();
        let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.ends_with('\n'));
        assert_eq!(Ran::of(child.wait_with_output().unwrap()).seen(), "(exit status 0)");
    }
}

#[test]
fn colours_are_for_those_who_ask() {
    let path = need!(shapes(Variant::Plain));
    let list = |when: &str| gospect(&["list", path.to_str().unwrap(), "main.*", "--color", when]).stdout;
    assert!(!list("auto").contains('\x1b') && !list("never").contains('\x1b'));
    assert!(list("always").contains("\x1b[2m") && list("always").contains("\x1b[33mno probe"));
}

#[test]
fn files_of_go_and_of_the_program_are_whole_in_json() {
    let path = need!(shapes(Variant::Plain));
    let file = |pattern: &str| text(&list(&path, &[pattern])[0], "file").to_owned();
    let go = need!(toolchain(GO));
    assert_eq!(Path::new(&file("sync.(*Mutex).Unlock")), go.root.join("src/sync/mutex.go"));
    assert!(file("main.leaf").ends_with("/shapes/frames.go") && source("shapes").join("frames.go").exists());
}

#[test]
fn a_process_has_the_functions_of_its_file_wherever_that_is_now() {
    let path = need!(server(GO, Variant::Plain));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let running = Running::server(&mut Command::new(&path));
    let of_file = list(&path, &["main.*"]);
    std::fs::rename(&path, here.0.join("moved")).unwrap();
    std::fs::write(&path, "something else").unwrap();
    assert_eq!(objects(&["list", "-p", &running.pid().to_string(), "main.*"]), of_file);
}

#[test]
fn a_process_in_another_mount_namespace_has_the_functions_of_the_file_it_sees() {
    let path = need!(server(GO, Variant::Plain));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let inside = here.0.join("inside");
    std::fs::create_dir(&inside).unwrap();
    let mut apart = Command::new("unshare");
    apart.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    apart.arg("mount -t tmpfs none \"$1\" && cp \"$0\" \"$1/hidden\" && exec \"$1/hidden\"").args([&path, &inside]);
    let Some(running) = Running::server_if_it_starts(&mut apart) else {
        return Missing { why: "mount namespaces cannot be made here".into() }.skip();
    };
    assert!(!inside.join("hidden").exists(), "it is only there for the process");
    assert_eq!(objects(&["list", "-p", &running.pid().to_string(), "main.*"]), list(&path, &["main.*"]));
    let text = gospect(&["info", "-p", &running.pid().to_string()]).stdout;
    assert!(text.contains("/inside/hidden)\n"), "as the process calls it: {text}");
}

/// Name, signature, whether something is missing, and places or guesses.
fn described(function: &Value) -> String {
    let place =
        |v: &Value| v["guess"].as_str().map_or_else(|| text(v, "place").to_owned(), |guess| format!("{guess}?"));
    let places = |list: &str| function[list].as_array().unwrap().iter().map(place).collect::<Vec<_>>().join("; ");
    let (args, rets) = (&function["omitted"], &function["rets_omitted"]);
    let signature = text(function, "signature");
    format!("{signature}\nargs: {} (missing: {args})\nrets: {} (missing: {rets})", places("args"), places("rets"))
}

fn check_described(go: &'static str, variant: Variant, function: &str, expect: Expect) {
    let path = need!(build(&Fixture::new("nameless", go, variant)));
    expect.assert_eq(&described(&list(&path, &[function])[0]));
}

#[test]
fn what_is_missing_from_a_signature_is_said() {
    use Variant::{Plain, Stripped};
    check_described(
        "1.21",
        Plain,
        "main.pushed",
        expect![[r#"
            func(…, row int, m [2]int) [2]int
            args: rax; stack+32 (missing: true)
            rets: unknown (missing: false)"#]],
    );
    check_described(
        "1.21",
        Plain,
        "main.many",
        expect![[r#"
            func(a int, b int, c int, d int, e int, f int, g int, h int, i int, last int, …?) int
            args: rax; rbx; rcx; rdi; rsi; r8; r9; r10; r11; unknown (missing: true)
            rets: rax (missing: false)"#]],
    );
    check_described(
        "1.26",
        Plain,
        "main.find",
        expect![[r#"
            func(next iter.Seq2[int,int], want int) ?
            args: rax; rbx (missing: false)
            rets:  (missing: true)"#]],
    );
    check_described(
        "1.26",
        Plain,
        "main.found",
        expect![[r#"
            func(xs []int, want int) (ok bool, …?)
            args: rax, rbx, rcx; rdi (missing: false)
            rets: unknown (missing: true)"#]],
    );
    check_described(
        "1.26",
        Plain,
        "main.tail",
        expect![[r#"
            func(a int, _ [2]int) (r [2]int)
            args: rax; stack+0 (missing: false)
            rets: stack+16 (missing: false)"#]],
    );
    check_described(
        "1.26",
        Stripped,
        "main.many",
        expect![[r#"
            func(word, word, word, word, word, word, word, word, word, {word, …}, …) ?
            args: rax?; rbx?; rcx?; rdi?; rsi?; r8?; r9?; r10?; r11?; unknown (missing: true)
            rets:  (missing: true)"#]],
    );
    check_described(
        "1.26",
        Stripped,
        "main.(*stack[go.shape.string]).push",
        expect![[r#"
            func(…, {word, word}) ?
            args: rcx, rdi? (missing: true)
            rets:  (missing: true)"#]],
    );
    check_described(
        "1.26",
        Stripped,
        "main.pair[go.shape.string].func1",
        expect![[r#"
            func(…, word) ?
            args: unknown (missing: true)
            rets:  (missing: true)"#]],
    );
}
