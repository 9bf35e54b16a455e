//! The hooks in real executables, held against Go's own disassembler.

use std::ffi::OsStr;
use std::path::Path;

use gobin::Image;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go, toolchain};

use super::*;
use plan::target::{GoTarget, Target};

/// The kinds that calls are paired by.
const KINDS: [HookKind; 5] =
    [HookKind::Recovery, HookKind::GoroutineEnd, HookKind::CopyStack, HookKind::Goexit, HookKind::CoroutineEnd];

/// Programs of Go 1.22 have no coroutines unless they are built with an experiment, those before none at all.
const COROUTINES_FROM: &str = "1.23";

/// Where the disassembly of a function has an instruction whose text starts so.
fn disassembled(go: &str, path: &Path, function: &str, text: &str) -> Result<Vec<u64>, Missing> {
    let options = [OsStr::new("-s"), OsStr::new(function), path.as_os_str()];
    // `  panic.go:1129  0x4391e5  e8d61f0300  CALL runtime.gogo.abi0(SB)`
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let at = u64::from_str_radix(fields.get(1)?.strip_prefix("0x")?, 16).ok()?;
        fields.get(3..)?.join(" ").starts_with(text).then_some(at)
    };
    Ok(toolchain(go)?.tool("objdump", options).lines().filter_map(line).collect())
}

/// The hooks of a program, in the order of [`KINDS`]; with them all ends are seen.
fn hooks(fixture: &Fixture) -> Result<Vec<Hook>, Missing> {
    let bytes = std::fs::read(build(fixture)?).expect("the fixture was just built");
    let image = Image::parse(bytes).expect("it is a Go program");
    let runtime = GoTarget::new(&image).runtime();
    Gs::of(image.arch(), &runtime).expect("its runtime is known");
    assert!(runtime.sees_exits(), "{fixture}: {:?}", runtime.missing);
    Ok(KINDS.iter().flat_map(|&kind| runtime.hooks(kind).cloned().collect::<Vec<_>>()).collect())
}

fn the_runtime_tells_where_it_does(go: &'static str) {
    let fixture = Fixture::new("stress", go, Variant::Plain);
    let path = need!(build(&fixture));
    let hooks = need!(hooks(&fixture));
    let at: Vec<(HookKind, u64)> = hooks.iter().map(|hook| (hook.kind, hook.at.0)).collect();
    let call = need!(disassembled(go, &path, "^runtime.recovery$", "CALL runtime.gogo"));
    let end = if go == "1.21" { "^runtime.goexit0$" } else { "^runtime.gdestroy$" };
    let pushes = |function| disassembled(go, &path, function, "PUSHQ BP");
    let (end, copy) = (need!(pushes(end)), need!(pushes("^runtime.copystack$")));
    let calls = |function, called: &str| disassembled(go, &path, function, called);
    let goexit = need!(calls("^runtime.Goexit$", "CALL runtime.goexit1"));
    let coroutine = need!(calls("^runtime.coroswitch_m$", "CALL runtime.gdestroy"));
    assert_eq!((call.len(), goexit.len(), coroutine.len()), (1, 1, usize::from(go >= COROUTINES_FROM)));
    let all = [call[0], end[0], copy[0], goexit[0]].into_iter().chain(coroutine);
    assert_eq!(at, KINDS.into_iter().zip(all).collect::<Vec<_>>());
    assert!(hooks.iter().all(|hook| hook.class == Class::Emulated));
}
on_every_go!(the_runtime_tells_where_it_does);

fn stripped_and_moved_executables_and_the_other_machine_tell_too(go: &'static str) {
    let stripped = Fixture::new("stress", go, Variant::Stripped);
    for fixture in [stripped, Fixture::new("shapes", go, Variant::Pie), stripped.on(Arch::Arm64)] {
        let end = if go == "1.21" { "runtime.goexit0" } else { "runtime.gdestroy" };
        let functions: Vec<String> = need!(hooks(&fixture)).into_iter().map(|hook| hook.function).collect();
        let all = ["runtime.recovery", end, "runtime.copystack", "runtime.Goexit", "runtime.coroswitch_m"];
        // What nobody uses is not in the program.
        let there = |name: &&str| functions.iter().any(|function| function == *name);
        assert!(all[..3].iter().all(there), "{fixture}: {functions:?}");
        assert_eq!(functions, all.into_iter().filter(there).collect::<Vec<_>>(), "{fixture}");
        let used = fixture.program == "stress" && go >= COROUTINES_FROM;
        assert!(!used || functions.len() == all.len(), "{fixture}: {functions:?}");
    }
}
on_every_go!(stripped_and_moved_executables_and_the_other_machine_tell_too);
