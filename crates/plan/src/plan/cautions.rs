//! What will be less exact than usual, because the runtime of a program lacks a place where something is seen, the
//! program does not say what is asked, or what is asked is about threads and not goroutines. Nothing here is wrong with
//! the text, and it runs: it is said beforehand, since counters alone do not tell why they are as they are.

use crate::target::{HookKind, Runtime};
use crate::{Binary, BinaryNo, Plan};

/// The hooks of pairing, and what becomes of calls without each.
const WITHOUT: [(HookKind, &str); 3] = [
    (
        HookKind::Recovery,
        "calls that a recovered panic ends are found out late and counted as unended; returns still pair",
    ),
    (
        HookKind::GoroutineEnd,
        "calls that end with their goroutine are found out late and counted as unended or open; returns still pair, but \
         each hit takes longer",
    ),
    (HookKind::CopyStack, "it is not seen when a stack moves; calls still pair, but each hit takes longer"),
];

/// How the names of the runtime's functions begin.
const RUNTIME: [&str; 3] = ["runtime.", "runtime/internal/", "internal/runtime/"];

impl Plan {
    /// What to say before the run, in sentences.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        let numbered = self.binaries.iter().zip(0..).map(|(binary, n)| (binary, BinaryNo(n)));
        let lacking = numbered.filter(|(_, n)| self.pairs_calls_of(*n)).flat_map(|(binary, _)| lacking(binary));
        let unknown = self.unknown_failures().into_iter().map(|(_, function)| function).collect();
        lacking.chain(self.unknown_failure(&unknown)).chain(self.kept_by_thread()).collect()
    }

    /// Whether calls in an executable are paired with their returns.
    pub fn pairs_calls_of(&self, binary: BinaryNo) -> bool {
        self.needs.frames && self.functions.iter().any(|function| function.is_paired() && function.binary == binary)
    }

    /// Whether calls in an executable are paired without knowing whose they are. The runtime's own do not all return before
    /// their goroutine ends, and run on stacks that are none of a goroutine's.
    pub fn pairs_anonymously(&self, binary: BinaryNo) -> bool {
        let runtime = self.binaries.get(binary.index()).and_then(|binary| binary.runtime.as_ref());
        let ours = |name: &str| RUNTIME.iter().any(|package| name.starts_with(package));
        let mut paired = self.functions.iter().filter(|function| function.is_paired() && function.binary == binary);
        !self.needs.goid
            && self.unders.is_empty()
            && runtime.is_some_and(Runtime::sees_exits)
            && !paired.any(|function| ours(&function.name))
    }

    /// Whether code at places of an executable may ask which calls are open.
    pub fn asks_marks(&self, binary: BinaryNo) -> bool {
        !self.unders.is_empty() && self.pairs_calls_of(binary)
    }
}

fn lacking(binary: &Binary) -> Vec<String> {
    let Some(runtime) = &binary.runtime else { return Vec::new() };
    let of = if binary.path.is_empty() { String::new() } else { format!("{}: ", binary.path) };
    let without = WITHOUT.iter().filter(|(kind, _)| runtime.hooks(*kind).next().is_none());
    let why = |kind| runtime.missing.iter().find(|(missing, _)| *missing == kind).map(|(_, why)| why.as_str());
    without.map(|(kind, what)| format!("{of}{what} ({})", why(*kind).unwrap_or("its place is not known"))).collect()
}
