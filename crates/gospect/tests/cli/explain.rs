//! `gospect explain` on files, and on a process in which somebody else has placed a probe.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use expect_test::{Expect, expect};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};
use serde_json::Value;

use crate::running::{Running, Scratch, is_root, server};
use crate::{gospect, objects};

const GO: &str = "1.26";

fn shapes(arch: Arch) -> Result<PathBuf, Missing> {
    build(&Fixture::new("shapes", GO, Variant::Plain).on(arch))
}

/// What a person sees of a function, without the directory of the fixture's sources.
fn seen(path: &Path, function: &str) -> String {
    let seen = gospect(&["explain", path.to_str().unwrap(), function]).seen().replace(path.to_str().unwrap(), "PATH");
    let words = seen.split_inclusive(char::is_whitespace);
    words.map(|w| w.rsplit_once("/shapes/").map_or(w, |(_, file)| file)).collect()
}

fn check(arch: Arch, function: &str, expect: Expect) {
    expect.assert_eq(&seen(&need!(shapes(arch)), function));
}

#[test]
fn a_function_is_taken_apart() {
    check(
        Arch::Amd64,
        "main.fibonacci",
        expect![[r#"
        main.fibonacci
          source     frames.go:64
          code       96 bytes at 0x4a3200, go
          signature  func(n int) int  (from DWARF)

          at entry   n    int  rax
          at return  ~r0  int  rax

          entry      +0x6, behind the stack check: emulated, one trap
          returns    +0x19, +0x47: single-stepped, dearer

          frames.go:64
            +0x0    4a3200  493b6610                cmp rsp,[r14+0x10]              ; stack check
            +0x4    4a3204  7642                    jbe +0x48                       ; stack check
            +0x6    4a3206  55                      push rbp                        ; entry probe: emulated, one trap
            +0x7    4a3207  4889e5                  mov rbp,rsp
            +0xa    4a320a  4883ec10                sub rsp,0x10
          frames.go:65
            +0xe    4a320e  4883f802                cmp rax,2
            +0x12   4a3212  7d06                    jge +0x1a
          frames.go:66
            +0x14   4a3214  4883c410                add rsp,0x10
            +0x18   4a3218  5d                      pop rbp
            +0x19   4a3219  c3                      ret                             ; return probe: single-stepped, dearer
          frames.go:65
            +0x1a   4a321a  4889442420              mov [rsp+0x20],rax
          frames.go:68
            +0x1f   4a321f  48ffc8                  dec rax
            +0x22   4a3222  e8d9ffffff              call main.fibonacci
            +0x27   4a3227  4889442408              mov [rsp+8],rax
            +0x2c   4a322c  488b442420              mov rax,[rsp+0x20]
            +0x31   4a3231  4883c0fe                add rax,-2
            +0x35   4a3235  e8c6ffffff              call main.fibonacci
            +0x3a   4a323a  488b4c2408              mov rcx,[rsp+8]
            +0x3f   4a323f  4801c8                  add rax,rcx
            +0x42   4a3242  4883c410                add rsp,0x10
            +0x46   4a3246  5d                      pop rbp
            +0x47   4a3247  c3                      ret                             ; return probe: single-stepped, dearer
          frames.go:64
            +0x48   4a3248  4889442408              mov [rsp+8],rax
            +0x4d   4a324d  e80ed4fdff              call runtime.morestack_noctxt
            +0x52   4a3252  488b442408              mov rax,[rsp+8]
            +0x57   4a3257  eba7                    jmp main.fibonacci
          7 bytes of padding
        (exit status 0)"#]],
    );
}

#[test]
fn a_function_for_arm64_is_taken_apart() {
    check(
        Arch::Arm64,
        "main.nosplit",
        expect![[r#"
        main.nosplit
          source     frames.go:16
          code       64 bytes at 0xaa8e0, go
          signature  func(a int, b int) int  (from DWARF)

          at entry   a    int  x0
          at entry   b    int  x1
          at return  ~r0  int  x0

          entry      +0x0: single-stepped, dearer
          returns    +0x3c: emulated, one trap

          frames.go:16
            +0x0    aa8e0  fe0f1cf8                str x30, [sp, #-0x40]!          ; entry probe: single-stepped, dearer
            +0x4    aa8e4  fd831ff8                stur x29, [sp, #-0x8]
            +0x8    aa8e8  fd2300d1                sub x29, sp, #0x8
          frames.go:17
            +0xc    aa8ec  e2630091                add x2, sp, #0x18
            +0x10   aa8f0  5f7c00a9                stp xzr, xzr, [x2]
            +0x14   aa8f4  5f7c01a9                stp xzr, xzr, [x2, #0x10]
          frames.go:18
            +0x18   aa8f8  03044092                and x3, x0, #0x3
            +0x1c   aa8fc  417823f8                str x1, [x2, x3, lsl #3]
          frames.go:19
            +0x20   aa900  23044092                and x3, x1, #0x3
            +0x24   aa904  427863f8                ldr x2, [x2, x3, lsl #3]
            +0x28   aa908  e10300aa                mov x1, x0
            +0x2c   aa90c  e00302aa                mov x0, x2
            +0x30   aa910  f0ffff97                bl main.leaf
            +0x34   aa914  fd835ff8                ldur x29, [sp, #-0x8]
            +0x38   aa918  fe0744f8                ldr x30, [sp], #0x40
            +0x3c   aa91c  c0035fd6                ret                             ; return probe: emulated, one trap
        (exit status 0)"#]],
    );
}

#[test]
fn what_no_probe_can_be_put_on_is_explained_too() {
    check(
        Arch::Amd64,
        "main.addAssembly",
        expect![[r#"
            main.addAssembly
              source     asm_amd64.s:5
              code       32 bytes at 0x4a4d00, asm
              signature  unknown: the file does not describe this function's arguments and results

              no probe   written in assembly: its arguments and its g register follow no rule that gospect knows

              asm_amd64.s:5
                +0x0    4a4d00  488b442408              mov rax,[rsp+8]
              asm_amd64.s:6
                +0x5    4a4d05  4803442410              add rax,[rsp+0x10]
              asm_amd64.s:7
                +0xa    4a4d0a  4889442418              mov [rsp+0x18],rax
              asm_amd64.s:8
                +0xf    4a4d0f  c3                      ret
              16 bytes of padding
            (exit status 0)"#]],
    );
}

#[test]
fn arguments_that_do_not_outlive_the_growth_of_the_stack_are_told() {
    let path = need!(build(&Fixture::new("server", GO, Variant::Plain)));
    let seen = seen(&path, "main.main.func1");
    let values: Vec<&str> = seen.lines().map(str::trim).filter(|line| line.starts_with("at entry")).collect();
    expect![[r#"
          at entry   ~p0  net/http.ResponseWriter  rax, rbx  (lost when the stack has just grown)
          at entry   ~p1  *net/http.Request        rcx  (lost when the stack has just grown)"#]]
    .assert_eq(&values.join("\n"));
}

#[test]
fn scripts_are_told_what_does_not_outlive_the_growth_of_the_stack_floats_too() {
    let path = need!(build(&Fixture::new("nameless", GO, Variant::Plain)));
    let lost = |name: &str| {
        let function = &objects(&["explain", path.to_str().unwrap(), name])[0];
        let values = ["args", "rets"].iter().flat_map(|list| function[list].as_array().unwrap());
        let told = values.map(|v| format!("{} {}: {}", v["name"], v["place"], v["lost_after_growth"]));
        told.collect::<Vec<_>>().join("\n")
    };
    expect![[r#"
        "x" "xmm0": true
        "n" "rax": true
        "onStack" "stack+0": false"#]]
    .assert_eq(&lost("main.ignores"));
    expect![[r#"
        "~p0" "xmm0": false
        "x" "xmm1": false
        "n" "rax": false
        "~r0" "xmm0": null"#]]
    .assert_eq(&lost("main.grows"));
}

#[test]
fn a_place_that_is_guessed_has_a_question_mark() {
    let path = need!(build(&Fixture::new("nameless", GO, Variant::Stripped)));
    let all = ["main.float", "main.(*stack[go.shape.string]).push", "main.pair[go.shape.int].func1"].map(|name| {
        let text = seen(&path, name);
        let lines = text.lines().map(str::trim).filter(|l| l.starts_with("signature") || l.starts_with("at entry"));
        lines.collect::<Vec<_>>().join("\n")
    });
    expect![[r#"
          signature  func(word, word, word) ?  (from the words of tracebacks; places are guesses, and results are unknown)
          at entry   ~p0  word  rax?
          at entry   ~p1  word  rbx?
          at entry   ~p2  word  rcx?
          signature  func(…, {word, word}) ?  (from the words of tracebacks; places are guesses, and results are unknown)
          at entry   ~p1  {word, word}  rcx, rdi?
          signature  func(…, word) ?  (from the words of tracebacks; places are guesses, and results are unknown)
          at entry   ~p1  word  unknown"#]].assert_eq(&all.join("\n"));
}

#[test]
fn what_cannot_be_explained_is_said() {
    check(
        Arch::Amd64,
        "main.fibonaci",
        expect![[r#"
        gospect: no function of PATH matches `main.fibonaci`
        hint: did you mean `main.fibonacci`?
        (exit status 1)"#]],
    );
    check(
        Arch::Amd64,
        "main.nested*",
        expect![[r#"
        gospect: `main.nested*` matches 3 functions, and `gospect explain` takes one
        hint: they are `main.nestedClosures`, `main.nestedClosures.func1`, `main.nestedClosures.func1.1`
        (exit status 2)"#]],
    );
    check(
        Arch::Amd64,
        "main.*",
        expect![[r#"
        gospect: `main.*` matches 113 functions, and `gospect explain` takes one
        hint: they are `main.init.func1`, `main.noArgs`, `main.ints`, `main.elevenInts`, `main.stringSpills`, 108 more
        (exit status 2)"#]],
    );
    check(
        Arch::Amd64,
        "main.inlinedTwice",
        expect![[r#"
        main.inlinedTwice inlined into main.hasInlined at frames.go:162
          no probe: nothing of it is bound to its place, so its code may run where it is not called
        (exit status 0)"#]],
    );
    check(
        Arch::Amd64,
        "0x10",
        expect![[r#"
            gospect: no function of PATH lies at 0x10
            hint: addresses count as in the file, which has code at 0x401000 to 0x4a6261
            (exit status 1)"#]],
    );
    check(
        Arch::Amd64,
        "0xyz",
        expect![[r#"
        gospect: `0xyz` is no address
        hint: addresses are written as 0x4a1c20
        (exit status 2)"#]],
    );
}

#[test]
fn an_address_means_the_function_around_it() {
    let path = need!(shapes(Arch::Amd64));
    let by_name = objects(&["explain", path.to_str().unwrap(), "main.fibonacci"]);
    let entry = by_name[0]["entry"].as_str().unwrap();
    let inside = u64::from_str_radix(&entry[2..], 16).unwrap() + by_name[0]["size"].as_u64().unwrap() - 1;
    for address in [entry, &format!("{inside:#x}")] {
        assert_eq!(objects(&["explain", path.to_str().unwrap(), address]), by_name);
    }
}

/// What a person sees of a process of this variant: all lines above the code, and the first of it. Numbers of the
/// process and paths are left out.
fn of_process(variant: Variant, expect: Expect) {
    let path = need!(server(GO, variant));
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let running = Running::server(&mut Command::new(&path));
    let pid = running.pid().to_string();
    let explain = |function: &str| objects(&["explain", "-p", &pid, function]);
    let by_name = explain("main.handleFibonacci");
    let first = instructions(&by_name).next().unwrap();
    let (addr, live) = (first["addr"].as_str().unwrap(), first["live_addr"].as_str().unwrap());
    assert_eq!(explain(addr), by_name, "as the file counts");
    assert_eq!(explain(live), by_name, "as the process counts");
    let text = gospect(&["explain", "-p", &pid, live]).stdout.replace(live, "LIVE").replace(addr, "ADDR");
    let text = text.replace(&live[2..], "live").replace(&addr[2..], "addr");
    let text = text.replace(path.to_str().unwrap(), "PATH").replace(&format!("PID {pid} "), "PID … ");
    let lines = text
        .lines()
        .filter(|l| ["main.handle", "process", "in memory", "code", "+0x0 "].iter().any(|w| l.trim().starts_with(w)));
    let lines: Vec<&str> = lines.map(|l| l.split("cmp").next().unwrap_or(l).trim_end()).collect();
    expect.assert_eq(&lines.join("\n"));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_process_is_told_with_what_its_memory_has() {
    of_process(
        Variant::Plain,
        expect![[r#"
            main.handleFibonacci
              code       608 bytes at LIVE, go
              process    PID … (PATH)
              in memory  the same as the file
                +0x0    live  4c8da42478ffffff        lea r12,[rsp-0x88]              ; stack check"#]],
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_process_that_was_moved_is_told_with_both_addresses() {
    of_process(
        Variant::PieStripped,
        expect![[r#"
            main.handleFibonacci
              code       608 bytes at ADDR, go
              process    PID … (PATH)
              in memory  at LIVE, the same as the file
                +0x0    addr  live  4c8da42478ffffff        lea r12,[rsp-0x88]              ; stack check"#]],
    );
}

#[test]
fn an_address_outside_the_code_is_told_where_that_is() {
    let path = need!(server(GO, Variant::PieStripped));
    let here = Scratch::new();
    let running = Running::server(&mut Command::new(here.copy(&path, "server")));
    let pid = running.pid().to_string();
    let seen = gospect(&["explain", "-p", &pid, "0x10"]).seen();
    let main = objects(&["explain", "-p", &pid, "main.main"]);
    let main = instructions(&main).next().unwrap();
    let hint = seen.lines().find_map(|l| l.strip_prefix("hint: its code is at ")).expect("a hint");
    let (live, file) = hint.strip_suffix(" in the file").unwrap().split_once(" in the process, ").unwrap();
    let holds = |range: &str, address: &Value| {
        let number = |text: &str| u64::from_str_radix(&text[2..], 16).unwrap();
        let (first, end) = range.split_once(" to ").unwrap();
        (number(first)..number(end)).contains(&number(address.as_str().unwrap()))
    };
    assert!(holds(file, &main["addr"]) && holds(live, &main["live_addr"]), "{seen}");
    assert!(!holds(file, &main["live_addr"]), "{seen}");
}

#[test]
fn a_name_means_itself_before_it_means_a_pattern() {
    let path = need!(shapes(Arch::Amd64));
    let found = objects(&["explain", path.to_str().unwrap(), "main.(*circle).Shape"]);
    assert_eq!(found.iter().filter(|o| o["type"] == "function").count(), 1);
    assert_eq!(found[0]["name"], "main.(*circle).Shape");
    let by_pattern = objects(&["explain", path.to_str().unwrap(), "*.jumpTable"]);
    assert_eq!(by_pattern[0]["name"], "main.jumpTable");
}

fn instructions(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|o| o["type"] == "instruction")
}

#[test]
fn instructions_cover_the_function_and_carry_its_sites() {
    let path = need!(shapes(Arch::Amd64));
    for function in ["main.jumpTable", "main.recovered", "main.bigFrame", "main.(*square).Shape"] {
        let found = objects(&["explain", path.to_str().unwrap(), function]);
        let mut next = 0;
        for i in instructions(&found) {
            assert_eq!(i["offset"], next);
            next += i["bytes"].as_str().unwrap().len() as u64 / 2;
            assert_eq!(
                (i["function"].as_str(), &i["live"], &i["live_addr"]),
                (Some(function), &Value::Null, &Value::Null)
            );
        }
        assert_eq!(found[0]["size"], next);
        let marked = |mark: &str| instructions(&found).filter(|i| i["mark"] == mark).map(|i| &i["offset"]).collect();
        let of = |field: &str| found[0]["sites"][field].as_array().unwrap().iter().map(|s| &s["offset"]);
        let (entries, returns): (Vec<_>, Vec<_>) = (marked("entry"), marked("return"));
        assert_eq!((entries, returns), (vec![&found[0]["entry_site"]["offset"]], of("returns").collect()));
    }
}

#[test]
fn colours_are_for_those_who_ask() {
    let path = need!(shapes(Arch::Amd64));
    let explain = |when: &str| gospect(&["explain", path.to_str().unwrap(), "main.leaf", "--color", when]).stdout;
    assert!(!explain("auto").contains('\x1b') && !explain("never").contains('\x1b'));
    assert!(explain("always").contains("\x1b[32m; entry probe"));
}

#[test]
fn one_function_has_to_be_named() {
    expect![[r#"
        gospect: `gospect explain` needs a function: its name, or an address in it
        hint: `gospect list TARGET` shows them all
        (exit status 2)"#]]
    .assert_eq(&gospect(&["explain", "./app"]).seen());
    expect![[r#"
        gospect: `main.b` is one argument too many
        hint: `gospect help explain` shows what can be typed
        (exit status 2)"#]]
    .assert_eq(&gospect(&["explain", "./app", "main.a", "main.b"]).seen());
}

/// The kernel's tracing directory: where it is mounted already, else mounted in a directory that is removed at the end.
/// What others have mounted stays, and so do their probes: only groups of this test's name are touched.
struct Tracefs {
    path: PathBuf,
    own: Option<Scratch>,
}

/// How the groups of these tests' probes begin; the number of the process that placed them follows, and `_`.
const GROUP: &str = "gospect_explain_";

impl Tracefs {
    fn open() -> Result<Tracefs, Missing> {
        if !is_root() {
            return Err(Missing { why: "placing a uprobe needs root".into() });
        }
        let mounted = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].map(PathBuf::from);
        let tracefs = mounted.into_iter().find(|path| path.join("uprobe_events").exists());
        let tracefs = tracefs.map_or_else(Tracefs::mount, |path| Ok(Tracefs { path, own: None }))?;
        match fs::OpenOptions::new().append(true).open(tracefs.path.join("uprobe_events")) {
            Ok(_) => {
                tracefs.remove_what_the_dead_left();
                Ok(tracefs)
            }
            Err(err) => Err(Missing { why: format!("uprobes cannot be placed here: {err}") }),
        }
    }

    fn mount() -> Result<Tracefs, Missing> {
        let own = Scratch::new();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tracefs", "none"]).arg(&own.0);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Tracefs { path: own.0.clone(), own: Some(own) }),
            _ => Err(Missing { why: "tracefs cannot be mounted here".into() }),
        }
    }

    fn write(&self, file: &str, text: &str) -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().append(true).open(self.path.join(file))?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    }

    /// A test that is killed cannot remove its probe, and the kernel keeps it for ever. Inside a container the living
    /// outside of it would look dead.
    fn remove_what_the_dead_left(&self) {
        if is_in_a_pid_namespace() {
            return;
        }
        let events = fs::read_to_string(self.path.join("uprobe_events")).unwrap();
        events.lines().filter_map(left_by_the_dead).for_each(|event| self.remove(event));
    }

    /// Takes a probe away. Another test may be doing the same.
    fn remove(&self, event: &str) {
        let _ = self.write(&format!("events/{event}/enable"), "0");
        let _ = self.write("uprobe_events", &format!("-:{event}\n"));
    }
}

/// The first pid namespace has the same inode on every machine (`PROC_PID_INIT_INO` of `linux/proc_ns.h`).
fn is_in_a_pid_namespace() -> bool {
    fs::read_link("/proc/self/ns/pid").unwrap() != Path::new("pid:[4026531836]")
}

/// The `GROUP/EVENT` of a line of `uprobe_events`, if a test placed it that is no more.
fn left_by_the_dead(line: &str) -> Option<&str> {
    let event = line.split_once(':')?.1.split(' ').next()?;
    let pid: u32 = event.strip_prefix(GROUP)?.split_once('_')?.0.parse().ok()?;
    (!Path::new("/proc").join(pid.to_string()).exists()).then_some(event)
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        let Some(own) = self.own.take() else { return };
        // Whoever opened a file there keeps it, but the directory is ours again.
        let unmounted = Command::new("umount").arg("--lazy").arg(&own.0).status().is_ok_and(|s| s.success());
        if !unmounted {
            // To remove the directory with all that is in it would remove other people's tracing instances.
            std::mem::forget(own);
        }
    }
}

/// A uprobe that is none of gospect's, gone at the end.
struct Uprobe {
    tracefs: Tracefs,
    event: String,
}

impl Uprobe {
    fn place(tracefs: Tracefs, path: &Path, offset: u64) -> Uprobe {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let event = format!("{GROUP}{}_{number}/e{offset:x}", std::process::id());
        tracefs.write("uprobe_events", &format!("p:{event} {}:{offset:#x}\n", path.display())).unwrap();
        let probe = Uprobe { tracefs, event };
        probe.tracefs.write(&format!("events/{}/enable", probe.event), "1").unwrap();
        probe
    }
}

impl Drop for Uprobe {
    fn drop(&mut self) {
        self.tracefs.remove(&self.event);
    }
}

#[test]
fn only_probes_of_dead_tests_are_removed() {
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let (dead, alive) = (ended.id(), std::process::id());
    let line = |group: &str| format!("p:{group}/e10 /tmp/server:0x0000000000000010");
    assert_eq!(left_by_the_dead(&line(&format!("{GROUP}{dead}_0"))), Some(format!("{GROUP}{dead}_0/e10").as_str()));
    for other in [format!("{GROUP}{alive}_0"), format!("{GROUP}_0"), format!("other_{dead}_0"), "uprobes".into()] {
        assert_eq!(left_by_the_dead(&line(&other)), None, "{other}");
    }
    assert_eq!(left_by_the_dead(""), None);
}

#[test]
fn what_a_killed_test_left_is_removed() {
    let path = need!(server(GO, Variant::Plain));
    let tracefs = need!(Tracefs::open());
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let event = format!("{GROUP}{}_0/e1000", ended.id());
    tracefs.write("uprobe_events", &format!("p:{event} {}:0x1000\n", path.display())).unwrap();
    // Another test may have removed it by now.
    let _ = tracefs.write(&format!("events/{event}/enable"), "1");
    if is_in_a_pid_namespace() {
        tracefs.remove(&event);
        return Missing { why: "in a container nobody knows who is dead".into() }.skip();
    }
    drop(tracefs);
    let tracefs = need!(Tracefs::open());
    let left = fs::read_to_string(tracefs.path.join("uprobe_events")).unwrap();
    assert!(!left.contains(&event), "{left}");
}

/// Where the file has the byte for an address: a reading of the program headers of its own.
fn file_offset(path: &Path, address: u64) -> u64 {
    let file = fs::read(path).unwrap();
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let (first, count) = (word(0x20) as usize, usize::from(u16::from_le_bytes([file[0x38], file[0x39]])));
    let headers = (0..count).map(|i| first + i * 56).filter(|&at| file[at..at + 4] == [1, 0, 0, 0]);
    let inside = headers.map(|at| (word(at + 8), word(at + 16), word(at + 32)));
    let found = inside.into_iter().find(|&(_, start, size)| (start..start + size).contains(&address));
    let (offset, start, _) = found.expect("code is loaded from the file");
    address - start + offset
}

fn a_probe_of_somebody_else_is_seen(variant: Variant) {
    let path = need!(server(GO, variant));
    let tracefs = need!(Tracefs::open());
    let here = Scratch::new();
    let path = here.copy(&path, "server");
    let running = Running::server(&mut Command::new(&path));
    let pid = running.pid().to_string();
    let explain = || objects(&["explain", "-p", &pid, "main.handleFibonacci"]);
    let before = explain();
    assert!(instructions(&before).all(|i| i["live"] == i["bytes"]), "nothing is in memory but the program");
    let entry = instructions(&before).find(|i| i["mark"] == "entry").expect("an entry site");
    let address = u64::from_str_radix(&entry["addr"].as_str().unwrap()[2..], 16).unwrap();
    let probe = Uprobe::place(tracefs, &path, file_offset(&path, address));
    let with = explain();
    let changed: Vec<&Value> = instructions(&with).filter(|i| i["live"] != i["bytes"]).collect();
    assert_eq!(changed.iter().map(|i| &i["offset"]).collect::<Vec<_>>(), [&entry["offset"]]);
    let breakpoint = if cfg!(target_arch = "x86_64") { "cc" } else { "a00020d4" };
    assert!(changed[0]["live"].as_str().unwrap().starts_with(breakpoint), "{}", changed[0]);
    let text = gospect(&["explain", "-p", &pid, "main.handleFibonacci"]).stdout;
    assert!(text.contains("differs from the file in 1 instruction\n"), "{text}");
    let remarks: Vec<&str> = text.lines().filter(|line| line.contains("in memory:")).collect();
    assert_eq!(remarks.len(), 1, "{text}");
    assert!(remarks[0].ends_with("(a breakpoint: a probe is in place here)"), "{text}");
    drop(probe);
    assert_eq!(explain(), before);
}

#[test]
fn a_probe_of_somebody_else_is_seen_in_a_program() {
    a_probe_of_somebody_else_is_seen(Variant::Plain);
}

#[test]
fn a_probe_of_somebody_else_is_seen_wherever_the_loader_put_the_program() {
    a_probe_of_somebody_else_is_seen(Variant::PieStripped);
}
