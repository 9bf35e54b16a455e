//! How a Go runtime changes the states of its goroutines: what must be known of it to see every change.
//!
//! Most changes go through `runtime.casgstatus`. Beside it stand preemption, coroutines and, in newer releases, system
//! calls. Whoever watches goroutines needs all of these places or sees states that never were; so what is missing here
//! is a reason to refuse, not to make do.

use gobin::release::Release;

use super::{Hook, HookKind, Runtime};

/// Reasons that a goroutine gives while it runs on, on the system stack: it only wants its own stack to be left alone.
/// Such a wait begins from the state `running` and ends there, never by being made runnable.
///
/// runtime2.go, `isWaitingForSuspendG`; heapdump.go, `writeheapdump_m`.
pub const NO_WAITS: [&str; 11] = [
    "stopping the world",
    "GC mark termination",
    "garbage collection",
    "garbage collection scan",
    "trace goroutine status",
    "trace proc status",
    "page trace flush",
    "GC assist marking",
    "GC worker (active)",
    "flushing proc caches",
    "dumping heap",
];

/// What is known of one runtime.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduler {
    /// Numbers of states.
    pub states: States,
    /// Offsets in `runtime.g`, and one in `runtime.coro`.
    pub fields: Fields,
    /// By bit: the numbers of reasons that are no waits.
    pub no_waits: u64,
    /// The number of the reason `preempted`.
    pub preempted: u32,
    /// The number of the reason `coroutine`; 0 where there are none.
    pub coroutine: u32,
    /// A new goroutine has its goid only at the hook [`HookKind::Created`].
    pub late_goid: bool,
    /// Every place, by kind.
    pub hooks: Vec<Hook>,
}

/// The states that transitions are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the state of its name")]
pub struct States {
    pub idle: i32,
    pub runnable: i32,
    pub running: i32,
    pub syscall: i32,
    pub waiting: i32,
    pub dead: i32,
    pub preempted: i32,
}

/// Offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub struct Fields {
    pub status: i32,
    pub goid: i32,
    pub wait_reason: i32,
    pub start_pc: i32,
    /// `coroarg` and `coroexit` of `runtime.g`, `gp` of `runtime.coro`; nothing where there are no coroutines.
    pub coroutine: Option<(i32, i32, i32)>,
}

impl Scheduler {
    /// Looks everything up.
    ///
    /// # Errors
    /// What is not known, in a sentence without full stop.
    pub fn of(runtime: &Runtime) -> Result<Scheduler, String> {
        let release = runtime.release.ok_or("the program does not say which Go it was built with")?;
        if !release.is_tested() {
            return Err(format!("how Go 1.{} changes the states of goroutines is not known", release.minor));
        }
        let hooks = hooks(runtime, &release)?;
        let has_coroutines = hooks.iter().any(|hook| hook.kind == HookKind::CoroSwitch);
        let reason = |name: &str| {
            let number = runtime.wait_reasons.iter().position(|known| known == name);
            number.map(|n| n as u32).ok_or_else(|| format!("the runtime has no reason to wait called `{name}`"))
        };
        let at = |name: &str| {
            let offset = runtime.field(name).map_err(|why| format!("where {name} is is not known: {why}"))?;
            i32::try_from(offset).map_err(|_| format!("{name} cannot be at {offset:#x}"))
        };
        let coroutine = match has_coroutines {
            true => Some((at("g.coroarg")?, at("g.coroexit")?, at("coro.gp")?)),
            false => None,
        };
        let fields = Fields {
            status: at("g.atomicstatus")?,
            goid: at("g.goid")?,
            wait_reason: at("g.waitreason")?,
            start_pc: at("g.startpc")?,
            coroutine,
        };
        let no_waits = NO_WAITS.iter().filter_map(|name| reason(name).ok()).filter(|&n| n < 64);
        Ok(Scheduler {
            states: States::of(runtime)?,
            fields,
            no_waits: no_waits.fold(0, |bits, n| bits | 1 << n),
            preempted: reason("preempted")?,
            coroutine: if has_coroutines { reason("coroutine")? } else { 0 },
            late_goid: release.late_goid,
            hooks,
        })
    }
}

impl States {
    fn of(runtime: &Runtime) -> Result<States, String> {
        let state = |name: &str| {
            let number = runtime.g_states.iter().position(|known| known == name);
            number.map(|n| n as i32).ok_or_else(|| format!("the runtime has no state called `{name}`"))
        };
        Ok(States {
            idle: state("idle")?,
            runnable: state("runnable")?,
            running: state("running")?,
            syscall: state("syscall")?,
            waiting: state("waiting")?,
            dead: state("dead")?,
            preempted: state("preempted")?,
        })
    }
}

/// The places where states change. A program that uses no coroutines has no place for them.
fn hooks(runtime: &Runtime, release: &Release) -> Result<Vec<Hook>, String> {
    use HookKind::{CoroSwitch, Created, FromPreempted, PreemptScan, Status, SyscallEnter, SyscallExit};
    let kinds = [Status, PreemptScan, FromPreempted, CoroSwitch, SyscallEnter, SyscallExit, Created];
    let mut hooks = Vec::new();
    for kind in kinds.into_iter().filter(|kind| kind.is_of(release)) {
        if let Some((_, why)) = runtime.missing.iter().find(|(missing, _)| *missing == kind) {
            return Err(why.clone());
        }
        let before = hooks.len();
        hooks.extend(runtime.hooks(kind).cloned());
        if hooks.len() == before && kind != CoroSwitch {
            return Err(format!("where the runtime does {kind:?} is not known"));
        }
    }
    Ok(hooks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::Fake;
    use crate::world::World;

    fn runtime() -> Runtime {
        Fake::new(gobin::Arch::Amd64).binary("").expect("the fake program is there").runtime()
    }

    fn refused(change: impl FnOnce(&mut Runtime)) -> String {
        let mut runtime = runtime();
        change(&mut runtime);
        Scheduler::of(&runtime).map_or_else(|why| why, |_| "nothing is wrong".to_owned())
    }

    #[test]
    fn what_is_missing_is_a_reason_to_refuse() {
        let gone = |kind, why: &str| {
            refused(|runtime| {
                runtime.hooks.retain(|hook| hook.kind != kind);
                runtime.missing.push((kind, why.to_owned()));
            })
        };
        let told = [
            refused(|_| ()),
            refused(|runtime| runtime.release = None),
            refused(|runtime| runtime.release = Some(Release::of(99))),
            gone(HookKind::SyscallExit, "runtime.exitsyscall: its code does not decode"),
            gone(HookKind::CoroSwitch, "runtime.coroswitch_m: its code does not decode"),
            refused(|runtime| runtime.hooks.retain(|hook| hook.kind != HookKind::PreemptScan)),
            refused(|runtime| runtime.wait_reasons.retain(|reason| reason != "preempted")),
            refused(|runtime| runtime.g_states.truncate(4)),
            refused(|runtime| runtime.fields.retain(|(name, _)| *name != "g.startpc")),
        ];
        expect_test::expect![[r#"
            nothing is wrong
            the program does not say which Go it was built with
            how Go 1.99 changes the states of goroutines is not known
            runtime.exitsyscall: its code does not decode
            runtime.coroswitch_m: its code does not decode
            where the runtime does PreemptScan is not known
            the runtime has no reason to wait called `preempted`
            the runtime has no state called `waiting`
            where g.startpc is is not known: nobody asked where g.startpc is"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn a_goroutine_that_runs_on_the_system_stack_does_not_wait() {
        let mut runtime = runtime();
        runtime.wait_reasons =
            ["", "GC assist marking", "chan receive", "dumping heap", "preempted"].map(str::to_owned).to_vec();
        assert_eq!(Scheduler::of(&runtime).expect("nothing is missing").no_waits, 0b1010);
    }
}
