//! Where the Go runtime lets its own events be seen.
//!
//! Each hook is an instruction behind the stack check of a function of the runtime, so that it fires once a call, but
//! for these: a recovered panic is seen where `runtime.recovery` jumps (only there the new stack pointer is known), the
//! end of a goroutine that may have calls open where `runtime.Goexit` and `runtime.coroswitch_m` call what ends it, and a
//! new goroutine of older releases where `runtime.newproc1` returns.

// What hooks take for granted: who is in the first argument, or in the first result, and what is in the others.
//
// +rtype func casgstatus func(gp *g, oldval uint32, newval uint32)
// +rtype func casGToPreemptScan func(gp *g, old uint32, new uint32)
// +rtype func casGFromPreempted func(gp *g, old uint32, new uint32) bool
// +rtype 1.22- func coroswitch_m func(gp *g)
// +rtype 1.21-1.22 func newproc1 func(fn *funcval, callergp *g, callerpc uintptr) *g
// +rtype 1.23- func newproc1 func(fn *funcval, callergp *g, callerpc uintptr, parked bool, waitreason waitReason) *g
// +rtype func minit func()
// +rtype func unminitSignals func()

// Where a goroutine's state changes: every function that reads or writes it. `casgcopystack` puts it back, the scans
// set and clear a bit, and what `allGsSnapshotSortedForGC` changes are leaked goroutines, whose change is not seen.
//
// +rtype 1.21 users g.atomicstatus = casGFromPreempted casGToPreemptScan casfrom_Gscanstatus casgcopystack casgstatus castogscanstatus readgstatus
// +rtype 1.22-1.23 users g.atomicstatus = casGFromPreempted casGToPreemptScan casfrom_Gscanstatus casgcopystack casgstatus castogscanstatus coroswitch_m readgstatus
// +rtype 1.24-1.25 users g.atomicstatus = casGFromPreempted casGToPreemptScan casfrom_Gscanstatus casgstatus castogscanstatus coroswitch_m readgstatus
// +rtype 1.26- users g.atomicstatus = allGsSnapshotSortedForGC casGFromPreempted casGToPreemptScan casfrom_Gscanstatus casgstatus castogscanstatus coroswitch_m exitsyscall readgstatus reentersyscall

// How goroutines end: `goexit`, in assembly, is what their first function returns to, with no call open; all others go
// through Goexit, or are coroutines.
//
// +rtype 1.21- func Goexit func()
// +rtype 1.21- users goexit1 = Goexit
// +rtype 1.21- users goexit0 = goexit1
// +rtype 1.22- users gdestroy = coroswitch_m goexit0
// +rtype 1.22- func gdestroy func(gp *g)

use gobin::insn::{self, Flow};
use gobin::{Function, Image};

use super::{HOOKS, Hook, HookKind};

/// The linker leaves out what nobody calls.
const ONLY_WHERE_USED: [HookKind; 3] = [HookKind::CoroSwitch, HookKind::CoroutineEnd, HookKind::Goexit];

/// The hooks that were found, and why others were not.
pub(super) fn find(image: &Image) -> (Vec<Hook>, Vec<(HookKind, String)>) {
    let (mut hooks, mut missing) = (Vec::new(), Vec::new());
    let release = image.release();
    for (kind, names, needed) in HOOKS {
        if release.is_some_and(|release| !needed(&release)) {
            continue;
        }
        let function = names.iter().find_map(|name| image.runtime_function(name));
        let Some(function) = function else {
            if !ONLY_WHERE_USED.contains(&kind) {
                missing.push((kind, format!("the program has no {}", names.join(" and no "))));
            }
            continue;
        };
        match places(image, kind, &function) {
            Ok(found) => hooks.extend(found),
            Err(why) => missing.push((kind, format!("{}: {why}", function.name()))),
        }
    }
    (hooks, missing)
}

fn places(image: &Image, kind: HookKind, function: &Function<'_>) -> Result<Vec<Hook>, String> {
    match kind {
        HookKind::Recovery => call_of(image, kind, function, "runtime.gogo"),
        HookKind::Goexit => call_of(image, kind, function, "runtime.goexit1"),
        HookKind::CoroutineEnd => call_of(image, kind, function, "runtime.gdestroy"),
        HookKind::Created => {
            let returns = image.sites(function).returns.map_err(|why| why.to_string())?;
            returns.iter().map(|r| hook(image, kind, function, r.offset, r.class, 0)).collect()
        }
        _ => {
            let entry = image.sites(function).entry.map_err(|why| why.to_string())?;
            hook(image, kind, function, entry.offset, entry.class, entry.sp_adjust).map(|hook| vec![hook])
        }
    }
}

fn hook(
    image: &Image,
    kind: HookKind,
    function: &Function<'_>,
    offset: u32,
    class: insn::Class,
    sp_adjust: u32,
) -> Result<Hook, String> {
    let at = function.entry().plus(u64::from(offset));
    let file = image.elf().file_offset(at).ok_or("its code is not in the file")?;
    Ok(Hook { kind, function: function.name().to_owned(), at, file, class, sp_adjust })
}

/// The only call of another function in one.
fn call_of(image: &Image, kind: HookKind, function: &Function<'_>, called: &str) -> Result<Vec<Hook>, String> {
    let calls = |flow| match flow {
        Flow::Call(to) | Flow::Jump(to) => image.function_at(to).is_some_and(|f| f.name() == called),
        _ => false,
    };
    let code = insn::decode(image.arch(), function.entry(), function.code());
    let calls: Vec<_> = code.map_while(Result::ok).filter(|insn| calls(insn.flow)).collect();
    let [call] = calls[..] else { return Err(format!("it calls {called} {} times, not once", calls.len())) };
    let bytes = function.code().get(call.at as usize..).unwrap_or_default();
    let class = insn::price(image.arch(), bytes).map_err(|why| why.to_string())?;
    hook(image, kind, function, call.at, class, 0).map(|hook| vec![hook])
}
