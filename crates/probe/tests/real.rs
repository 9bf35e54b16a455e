//! Scripts held against real Go programs, of every release: what is found in them, and what is told.

use std::path::Path;

use expect_test::{Expect, expect};
use gobin::name::Origin;
use gobin::pattern::Pattern;
use gobin::{Arch as Machine, Image};
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};
use plan::Source;
use plan::target::{GoTarget, HookKind, Target};
use plan::world::{Field, World};
use probe::{Checked, compile, render};

/// One program is the whole world.
struct Only<'i> {
    target: GoTarget<'i>,
    arch: Machine,
}

impl World for Only<'_> {
    fn arch(&self) -> Machine {
        self.arch
    }

    fn binary(&self, _: &str) -> Result<&dyn Target, String> {
        Ok(&self.target)
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String> {
        Err(format!("the kernel has no tracepoint {category}:{name}"))
    }
}

fn open(path: &Path) -> Image {
    Image::parse(std::fs::read(path).expect("the fixture was just built")).expect("a Go program")
}

fn run(image: &Image, text: &str) -> (Checked, String) {
    let source = Source { name: String::new(), text: text.to_owned() };
    let world = Only { target: GoTarget::new(image), arch: image.arch() };
    let checked = compile(&source, &[], &world);
    let told = render(&checked.messages, &source);
    (checked, told)
}

/// The variants of the plan, with what they read, or what is told.
fn check(fixture: Fixture, text: &str, want: Expect) {
    let path = need!(build(&fixture));
    let (checked, told) = run(&open(&path), text);
    let plan = checked.plan.map_or_else(String::new, |plan| plan.to_string());
    let lines = plan.lines().filter(|line| line.starts_with("variant ") || line.starts_with("  reads "));
    want.assert_eq(&format!("{told}{}", lines.collect::<Vec<_>>().join("\n")));
}

const SERVER: Fixture = Fixture::new("server", "1.26", Variant::Plain);

#[test]
fn arguments_lead_into_the_library() {
    check(
        SERVER,
        "go:main.handleFibonacci { print(args.r.Method); print(args.r.URL.Path); print(len(args.r.Header));
           print(args.w != nil); print(args.r.ProtoMajor); print(args.r.TLS == nil); print(args.r.URL.User.username); }",
        expect![[r#"
            variant 0: body 0 (text at cx#2→0:u64, length cx#2→8:i64, text at cx#2→16→56:u64, length cx#2→16→64:i64, cx#2→56→0:i64, ax#0:u64, cx#2→40:i64, cx#2→208:u64, text at cx#2→16→32→0:u64, length cx#2→16→32→8:i64)
              reads args.r.Method: str256
              reads args.r.URL.Path: str256
              reads len(args.r.Header): i64
              reads args.w == nil: u64
              reads args.r.ProtoMajor: i64
              reads args.r.TLS == nil: u64
              reads args.r.URL.User.username: str256"#]],
    );
}

#[test]
fn methods_have_their_receiver() {
    check(
        SERVER,
        "go:main.(*store).put { print(args.key); print(len(args.value)); print(args.s.log != nil); print(str(args.value, 16)); }
         goret:main.(*store).put { print(ret); } goret:main.(*store).get /rets.1 != nil/ { print(elapsed); }",
        expect![[r#"
            variant 0: body 0 (text at bx#1:u64, length cx#2:i64, si#4:i64, ax#0→16:u64, text at di#3:u64, length si#4:i64, at most 16)
            variant 1: body 1 (ax:i64)
            variant 2: body 2 (di:u64)
              reads args.key: str256
              reads len(args.value): i64
              reads args.s.log == nil: u64
              reads str(args.value, 16): str16
              reads ret: i64
              reads rets.1 == nil: u64"#]],
    );
}

on_every_go!(paths_are_found);
on_every_go!(every_function_is_in_one_group);
on_every_go!(hooks_of_the_runtime_are_found);

fn paths_are_found(go: &'static str) {
    let text = "go:main.handleFibonacci { print(args.r.URL.Path); print(args.w != nil); } go:main.fibonacci { @[args.n] = count(); }
         goret:main.fibonacci { @ns[args.n] = hist(elapsed); @[ret] = count(); } goret:main.(*store).get { print(rets.1 == nil); }
         go:net/http.(*conn).serve { print(goid); print(parent_goid); print(startfunc); print(waitreason); print(gostate); }
         goroutine:state /args.reason == \"chan receive\" && args.to == \"waiting\"/ { @w[args.startfunc] = sum(args.for); }";
    for arch in Arch::ALL {
        let path = need!(build(&Fixture::new("server", go, Variant::Plain).on(arch)));
        let (checked, told) = run(&open(&path), text);
        assert!(checked.plan.is_some(), "{}: {told}", arch.goarch());
    }
}

fn every_function_is_in_one_group(go: &'static str) {
    let path = need!(build(&Fixture::new("server", go, Variant::Stripped)));
    let (checked, told) =
        run(&open(&path), "go:* { @[func] = count(); } goret:net/http.* { @ns[func] = hist(elapsed); }");
    let plan = checked.plan.unwrap_or_else(|| panic!("{go}: {told}"));
    assert_eq!((plan.groups.len(), plan.variants.len(), plan.bodies.len()), (2, 2, 2), "{go}");
    let point = &plan.points[0];
    assert_eq!(point.matched as usize, point.attached as usize + point.skipped.len(), "{go}");
    assert!(point.attached > 5000, "{go}: {}", point.attached);
    let sites =
        plan.sites.windows(2).all(|pair| (pair[0].function, pair[0].offset) < (pair[1].function, pair[1].offset));
    assert!(sites, "{go}: sites are in order, and none is there twice");
}

fn hooks_of_the_runtime_are_found(go: &'static str) {
    for arch in Arch::ALL {
        for variant in [Variant::Plain, Variant::Stripped] {
            let path = need!(build(&Fixture::new("shapes", go, variant).on(arch)));
            let image = open(&path);
            let runtime = GoTarget::new(&image).runtime();
            assert_eq!(runtime.missing, [], "{go} {} {}", variant.name(), arch.goarch());
            let unknown: Vec<_> = runtime.fields.iter().filter(|(_, at)| at.is_err()).map(|(name, _)| *name).collect();
            let minor = image.release().map(|release| release.minor);
            let coroutines = minor >= Some(22);
            assert_eq!(unknown, if coroutines { vec![] } else { vec!["g.coroarg", "g.coroexit", "coro.gp"] }, "{go}");
            assert!(runtime.hooks(HookKind::Created).count() > 0 || minor > Some(23), "{go}");
            assert!(runtime.wait_reasons.iter().any(|reason| reason == "chan receive"), "{go}");
            assert_eq!(runtime.g_states.get(4).map(String::as_str), Some("waiting"), "{go}");
        }
    }
}

#[test]
fn hooks_stand_behind_the_stack_check_but_for_recovery() {
    let path = need!(build(&SERVER));
    let image = open(&path);
    let hooks = GoTarget::new(&image).runtime().hooks;
    let shown = hooks.iter().map(|hook| {
        let entry = image.runtime_function(&hook.function).map(|f| f.entry()).unwrap_or_default();
        let offset = hook.at.since(entry).unwrap_or_default();
        format!("{:?}: {}+{offset:#x} {}", hook.kind, hook.function, hook.class.word())
    });
    expect![[r#"
        Recovery: runtime.recovery+0x1e0 emulated
        GoroutineEnd: runtime.gdestroy+0xa emulated
        CopyStack: runtime.copystack+0xf emulated
        Status: runtime.casgstatus+0x0 emulated
        PreemptScan: runtime.casGToPreemptScan+0x6 emulated
        FromPreempted: runtime.casGFromPreempted+0x6 emulated
        SyscallEnter: runtime.reentersyscall+0x0 emulated
        SyscallExit: runtime.exitsyscall+0x0 emulated
        ThreadStart: runtime.minit+0x6 emulated
        ThreadEnd: runtime.unminitSignals+0x0 emulated"#]]
    .assert_eq(&shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_stripped_program_has_functions_but_no_arguments() {
    check(
        Fixture::new("server", "1.26", Variant::Stripped),
        "go:main.fibonacci { @[args.n] = count(); } goret:main.fibonacci { @ns = hist(elapsed); print(retval); }",
        expect![[r#"
            error: the types of what `main.fibonacci` takes and gives are not known: there is no DWARF
             --> 1:23
              |
            1 | go:main.fibonacci { @[args.n] = count(); } goret:main.fibonacci { @ns = hist(elapsed); print(retval); }
              |                       ^^^^^^
              = help: say them where the function is named, as Go does: `"main.fibonacci(n int) error"`
        "#]],
    );
}

#[test]
fn mistakes_are_told_with_what_the_program_has() {
    check(
        SERVER,
        "go:main.fibonaci { exit(); }
         go:main.(*store).get { print(args.ky); $a = args.s.values; $b = args.s.mu; $c = args.s.log.handler; }
         goret:main.(*store).get { print(ret); print(rets.eror); }
         go:fmt.Sprintf { print(args.a); print(args.a[0]); }
         go:main.errMissing { exit(); }
         go:sync.(*Mutex).Unlock { exit(); }
         uprobe:/x:0x1 { exit(); }",
        expect![[r#"
            error: there is no function `main.fibonaci`
             --> 1:4
              |
            1 | go:main.fibonaci { exit(); }
              |    ^^^^^^^^^^^^^
              = help: did you mean `main.fibonacci`?

            error: `main.(*store).get` has no argument `ky`
             --> 2:44
              |
            2 |          go:main.(*store).get { print(args.ky); $a = args.s.values; $b = args.s.mu; $c = args.s.log.handler; }
              |                                            ^^
              = help: it has `s` *main.store, `key` string

            error: `map[string][]uint8` is neither an integer nor text
             --> 2:54
              |
            2 |          go:main.(*store).get { print(args.ky); $a = args.s.values; $b = args.s.mu; $c = args.s.log.handler; }
              |                                                      ^^^^^^^^^^^^^
              = help: its length is `len(…)`, and it can be compared with nil

            error: `sync.Mutex` is neither an integer nor text
             --> 2:74
              |
            2 |          go:main.(*store).get { print(args.ky); $a = args.s.values; $b = args.s.mu; $c = args.s.log.handler; }
              |                                                                          ^^^^^^^^^
              = help: it has `_`, `mu`; `print(…)`, and `%v` of printf, show it whole

            error: `log/slog.Handler` is neither an integer nor text
             --> 2:90
              |
            2 |          go:main.(*store).get { print(args.ky); $a = args.s.values; $b = args.s.mu; $c = args.s.log.handler; }
              |                                                                                          ^^^^^^^^^^^^^^^^^^
              = help: it can be compared with nil: `… != nil`

            error: `main.(*store).get` has 2 results, not one
             --> 3:42
              |
            3 |          goret:main.(*store).get { print(ret); print(rets.eror); }
              |                                          ^^^
              = help: `rets.0` is the first
              = help: it has `0` []uint8, `1` error

            error: `main.(*store).get` has no result `eror`
             --> 3:59
              |
            3 |          goret:main.(*store).get { print(ret); print(rets.eror); }
              |                                                           ^^^^
              = help: it has `0` []uint8, `1` error

            error: there is no function `main.errMissing`
             --> 5:13
              |
            5 |          go:main.errMissing { exit(); }
              |             ^^^^^^^^^^^^^^^

            error: no function of the program contains 0x1
             --> 7:20
              |
            7 |          uprobe:/x:0x1 { exit(); }
              |                    ^^^
        "#]],
    );
}

#[test]
fn a_go_function_and_the_wrapper_by_which_assembly_calls_it_are_one() {
    let image = open(&need!(build(&SERVER)));
    let name = "runtime.wbBufFlush";
    let origins: Vec<Origin> = image.functions().filter(|f| f.name() == name).map(|f| f.origin()).collect();
    assert_eq!(origins, [Origin::Go, Origin::Wrapper]);
    let matching = GoTarget::new(&image).matching(&Pattern::new(name));
    let found = matching.iter().filter_map(|found| image.function(found.index)).filter(|f| f.name() == name);
    assert_eq!(found.map(|f| f.origin()).collect::<Vec<_>>(), [Origin::Go]);
}
