//! Where the runtime tells what no return instruction does: found in its code, by the names of the function table.
//!
//! * **Recovery.** `recover()` only marks the panic; when the deferred function has returned, `runtime.recovery` computes
//!   where to go on, stores it in `gp.sched`, and calls `runtime.gogo(&gp.sched)`, once and for good. At that call, and
//!   not before, it is known which frames are gone. The argument is on the stack, since gogo is assembly.
//! * **The end of a goroutine.** `runtime.gdestroy(gp)`, in Go 1.21 `goexit0(gp)`: also that of coroutines, which never
//!   see goexit0 later on.
//! * **A moved stack.** `runtime.copystack(gp, …)`.

use gobin::image::{Function, Image};
use gobin::insn::{self, Flow};

use crate::target::{Hook, HookKind};

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// Why others were not found.
    pub missing: Vec<(HookKind, String)>,
}

impl Found {
    /// Whether what is read of a g can be kept: both hooks that say when to forget it are there.
    #[must_use]
    pub fn can_cache(&self) -> bool {
        can_cache(&self.hooks)
    }
}

/// Whether what is read of a g can be kept: both hooks that say when to forget it are there.
#[must_use]
pub fn can_cache(hooks: &[Hook]) -> bool {
    [HookKind::GoroutineEnd, HookKind::CopyStack].iter().all(|&kind| hooks.iter().any(|hook| hook.kind == kind))
}

/// Looks for the three hooks.
#[must_use]
pub fn find(image: &Image) -> Found {
    let end = if image.runtime_function("runtime.gdestroy").is_some() { "runtime.gdestroy" } else { "runtime.goexit0" };
    let answers = [
        (HookKind::Recovery, recovery(image)),
        (HookKind::GoroutineEnd, entry(image, HookKind::GoroutineEnd, end)),
        (HookKind::CopyStack, entry(image, HookKind::CopyStack, "runtime.copystack")),
    ];
    let mut found = Found::default();
    for (kind, answer) in answers {
        match answer {
            Ok(hook) => found.hooks.push(hook),
            Err(why) => found.missing.push((kind, why)),
        }
    }
    found
}

/// The only call of `runtime.gogo` in `runtime.recovery`.
fn recovery(image: &Image) -> Result<Hook, String> {
    let gogo = function(image, "runtime.gogo")?.entry();
    let recovery = function(image, "runtime.recovery")?;
    let decoded = insn::decode(image.arch(), recovery.entry(), recovery.code());
    let calls = decoded.map_while(Result::ok).filter(|insn| insn.flow == Flow::Call(gogo));
    match calls.map(|insn| insn.at).collect::<Vec<u32>>()[..] {
        [at] => hook(image, HookKind::Recovery, &recovery, at, 0),
        ref calls => Err(format!("runtime.recovery calls runtime.gogo in {} places", calls.len())),
    }
}

/// Where calls of a function are seen.
fn entry(image: &Image, kind: HookKind, name: &str) -> Result<Hook, String> {
    let function = function(image, name)?;
    let entry = image.sites(&function).entry.map_err(|why| format!("{name}: {why}"))?;
    if entry.loop_head {
        return Err(format!("{name} jumps back to where its calls are seen"));
    }
    hook(image, kind, &function, entry.offset, entry.sp_adjust)
}

fn function<'i>(image: &'i Image, name: &str) -> Result<Function<'i>, String> {
    image.runtime_function(name).ok_or_else(|| format!("there is no {name}"))
}

fn hook(image: &Image, kind: HookKind, function: &Function, at: u32, sp_adjust: u32) -> Result<Hook, String> {
    let name = function.name();
    let bytes = function.code().get(at as usize..).unwrap_or_default();
    let class = insn::price(image.arch(), bytes).map_err(|why| format!("{name}+{at:#x} cannot be probed: {why}"))?;
    let at = function.entry().plus(u64::from(at));
    let file = image.elf().file_offset(at).ok_or_else(|| format!("{name} is not in the file"))?;
    Ok(Hook { kind, function: name.to_owned(), at, file, class, sp_adjust })
}
