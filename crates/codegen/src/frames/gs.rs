//! Where a Go runtime keeps what the shadow stacks need to know of a goroutine: registers, and offsets in its structs.

use gobin::Arch;
use plan::machine::Register;
use plan::target::{HookKind, Runtime};

/// Where a program finds the goroutine that it runs for, in one executable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gs {
    pub(super) arch: Arch,
    /// `g.stack`: lo, and hi behind it.
    pub(super) stack: i32,
    pub(super) goid: i32,
    pub(super) m: i32,
    pub(super) curg: i32,
    /// `g.sched`, whose first word is sp.
    pub(super) sched: i32,
    /// What is read of a g may be kept until a hook says that it changes.
    pub(super) cached: bool,
    /// [`Gs::anonymous`]
    pub(super) anonymous: bool,
}

/// Farther than any field of the structs that are read.
const FARTHEST: u64 = 1 << 15;

impl Gs {
    /// Looks up what is needed of a runtime. With the hooks missing that say when a g changes, nothing of it is kept:
    /// every hit reads it.
    ///
    /// # Errors
    /// What is not known, in words.
    pub fn of(arch: Arch, runtime: &Runtime) -> Result<Gs, String> {
        let at = |name| match runtime.field(name)? {
            offset if offset < FARTHEST => Ok(offset as i32),
            offset => Err(format!("{name} cannot be at {offset:#x}")),
        };
        let stack = at("g.stack.lo")?;
        if at("g.stack.hi")? != stack + 8 {
            return Err("g.stack.hi does not follow g.stack.lo".to_owned());
        }
        let has = |kind| runtime.hooks(kind).next().is_some();
        let cached = has(HookKind::GoroutineEnd) && has(HookKind::CopyStack);
        let (goid, m, curg, sched) = (at("g.goid")?, at("g.m")?, at("m.curg")?, at("g.sched.sp")?);
        Ok(Gs { arch, stack, goid, m, curg, sched, cached, anonymous: false })
    }

    /// The same where nobody asks which goroutine it is: a hit reads nothing, and need not be told when a goroutine ends
    /// that has no calls open. All other ends must be, and that stacks move.
    #[must_use]
    pub const fn anonymous(self, anonymous: bool) -> Gs {
        Gs { anonymous, ..self }
    }

    /// The machine.
    #[cfg(test)]
    pub(super) const fn arch(&self) -> Arch {
        self.arch
    }

    fn register(&self, amd64: &str, arm64: &str) -> i32 {
        let name = if self.arch == Arch::Amd64 { amd64 } else { arm64 };
        let register = Register::named(self.arch, name).expect("callers name registers that there are");
        i32::from(register.offset)
    }

    pub(super) fn g(&self) -> i32 {
        self.register("r14", "r28")
    }

    pub(super) fn sp(&self) -> i32 {
        self.register("sp", "sp")
    }

    pub(super) fn first_argument(&self) -> i32 {
        self.register("ax", "r0")
    }

    /// Where behind SP the first argument of assembly is at a call.
    pub(super) fn stack_argument(&self) -> i32 {
        if self.arch == Arch::Amd64 { 0 } else { 8 }
    }
}
