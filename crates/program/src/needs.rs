//! The services of programs to the engine that runs them. Programs have no code for services that it does not need.

use bpf::{Caps, Feature};

/// The services that programs do for their engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EngineNeeds {
    /// A second link may take over from a first one at the same sites ([`crate::Flip`]).
    pub hand_over: bool,
    /// How programs find out at which site they run.
    pub sites: SiteIds,
    /// How programs find out in which process they run.
    pub process_ids: ProcessIds,
}

/// How a program finds out at which site it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteIds {
    /// The engine hands a cookie over with each hit.
    Cookie,
    /// By the address of the instruction, in a table ([`crate::Tables::addresses`]).
    Address,
}

/// The numbers of processes and threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProcessIds {
    /// Those of the kernel.
    Kernel,
    /// Those of the pid namespace that [`crate::engine_control`] names, if it names one.
    Namespace,
    /// The same, and programs may follow the kernel's structures to the number of a process that lives in a pid
    /// namespace below that one ([`crate::engine_control::NAMESPACE`]).
    Walk,
}

impl EngineNeeds {
    /// Those of the kernel engine: uprobes by links with cookies, if the kernel has them.
    #[must_use]
    pub fn of_kernel(caps: Caps) -> EngineNeeds {
        let links = [Feature::UprobeMulti, Feature::UprobeMultiPidFilter, Feature::Cookies];
        let has_links = links.into_iter().all(|feature| caps.has(feature));
        let sites = if has_links { SiteIds::Cookie } else { SiteIds::Address };
        EngineNeeds { hand_over: true, sites, process_ids: ProcessIds::Namespace }
    }

    /// Whether programs read words of the engine ([`crate::engine_control`]).
    #[must_use]
    pub fn has_words(self) -> bool {
        self.hand_over || self.process_ids != ProcessIds::Kernel
    }
}
