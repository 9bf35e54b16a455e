//! Twenty thousand functions at once: Go's own compiler, every function of it probed while it compiles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gospect_fixtures::{Arch, Missing, need, toolchain};
use serde_json::Value;

use crate::command;
use crate::run::{Tracing, objects, permitted, summary};
use crate::running::Scratch;

/// What it compiles: something of everything, and nothing imported.
const SOURCE: &str = "
package p

type T struct{ A, B int; M map[string][]int }

func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }

func (t *T) Add(s string, xs ...int) int {
	t.M[s] = append(t.M[s], xs...)
	for k, v := range t.M { if k > s { return len(v) } }
	return fib(t.A)
}
";

/// Letters that names of its functions begin with, in two halves.
const HALVES: [&str; 2] = ["bcefghil", "mnoprstuw"];

/// Packages that do the same in each run.
const SAME: [&str; 3] =
    ["cmd/compile/internal/ssa.", "cmd/compile/internal/syntax.", "cmd/compile/internal/typecheck."];

fn compiler() -> Result<PathBuf, Missing> {
    permitted()?;
    let machine = Arch::native().map_or("", Arch::goarch);
    Ok(toolchain("1.26")?.root.join("pkg/tool").join(format!("linux_{machine}/compile")))
}

/// Compiles with one thread under these probes; how often each function was called, by map, and the summary.
fn compiled(compiler: &Path, text: &str) -> (BTreeMap<String, BTreeMap<String, u64>>, Value) {
    let scratch = Scratch::new();
    std::fs::write(scratch.0.join("p.go"), SOURCE).unwrap();
    let compiler = compiler.to_str().unwrap();
    let args =
        ["run", "--json", "--target", compiler, "-e", text, "--", compiler, "-p", "p", "-c=1", "-o", "p.a", "p.go"];
    let one_thread = [("GOMAXPROCS", "1"), ("GOGC", "off"), ("GODEBUG", "asyncpreemptoff=1")];
    let ran = crate::Ran::of(command(&args).envs(one_thread).current_dir(&scratch.0).output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let all = objects(&ran);
    let maps =
        all.iter().filter(|object| object["type"] == "map").flat_map(|object| object["data"].as_object().unwrap());
    let counted =
        |map: &Value| map.as_object().unwrap().iter().map(|(f, n)| (f.clone(), n.as_u64().unwrap())).collect();
    (maps.map(|(name, map)| (name.clone(), counted(map))).collect(), summary(&all).clone())
}

fn halves() -> [String; 2] {
    HALVES.map(|letters| letters.chars().map(|letter| format!("go:{letter}*")).collect::<Vec<_>>().join(", "))
}

#[test]
fn counts_of_twenty_thousand_functions_are_the_same_however_the_pattern_is_written() {
    let compiler = need!(compiler());
    let [one, two] = halves();
    let text = format!(
        "let @all = hash(30000); let @one = hash(30000); let @two = hash(30000); \
         go:* {{ @all[func] = count() }} {one} {{ @one[func] = count() }} {two} {{ @two[func] = count() }}"
    );
    let (mut maps, summary) = compiled(&compiler, &text);
    let mut parts = maps.remove("@one").unwrap();
    parts.extend(maps.remove("@two").unwrap());
    let all = maps.remove("@all").unwrap();
    assert_eq!(all, parts);
    assert_eq!(summary["hits"], 2 * all.values().sum::<u64>());
    assert_eq!((&summary["lost"], &summary["missed"], &summary["exit"]), (&0.into(), &0.into(), &0.into()));
    // Another run: what the runtime does may differ, and how often what is sorted is compared, since maps have no order.
    let (mut maps, _) = compiled(&compiler, "let @all = hash(30000); go:* { @all[func] = count() }");
    let same = |name: &&String| SAME.iter().any(|package| name.starts_with(package)) && !name.contains(".func");
    let (first, again) = (&all, &maps.remove("@all").unwrap());
    let names: Vec<&String> = first.keys().filter(same).collect();
    assert!(names.len() > 500, "{} functions of the compiler were called", names.len());
    assert_eq!(names, again.keys().filter(same).collect::<Vec<_>>());
    let differ = names.iter().filter(|name| first[**name] != again[**name]);
    assert_eq!(differ.collect::<Vec<_>>(), Vec::<&&String>::new());
}

#[test]
fn the_ready_line_comes_between_two_objects_even_where_they_share_a_pipe() {
    // With some hundred skipped functions the first object is longer than what is buffered.
    let compiler = need!(compiler());
    let tracing = Tracing::start(&["--json", "--target", compiler.to_str().unwrap(), "-e", "go:* { @ = count() }"]);
    let all = objects(&tracing.stop());
    assert!(summary(&all)["attached"].as_u64() > Some(20_000));
}
