//! Names for the numbers that programs in the kernel send: functions, probes, stacks, moments.

use engine::{Pid, Table};
use event::stream::{Name, Stack};
use event::value::{Id, IdKind};
use gobin::VAddr;
use gobin::elf::Placement;
use plan::Plan;
use program::stack;

use super::probes::Build;
use super::processes::{ProcessRows, Processes};
use crate::executable::Executable;

/// What numbers mean at this moment.
#[derive(Clone, Copy)]
pub(super) struct Known<'r> {
    /// All builds; the plan of the last one knows all functions.
    pub builds: &'r [Build],
    /// Where executables are loaded.
    pub processes: &'r Processes,
    /// The same as programs know it.
    pub rows: ProcessRows<'r>,
    /// User stacks, if there are any.
    pub stacks: Option<&'r dyn Table>,
}

/// The function that goroutines were started with at an address.
fn start(build: &Build, binary: usize, at: VAddr) -> Option<String> {
    let runtime = build.plan().binaries.get(binary).and_then(|binary| binary.runtime.as_ref());
    if let Some(name) = runtime.and_then(|runtime| runtime.start_name(at)) {
        return Some(name.to_owned());
    }
    let binaries = build.compiled.binaries();
    let function = binaries.get(binary)?.go()?.function_at(at)?;
    Some(function.name().to_owned())
}

impl Known<'_> {
    /// The name of a number. Symbols and stacks are named by the stream's processes.
    pub fn name(&self, id: Id) -> Option<Name> {
        let named = |text| Name { text, ..Name::default() };
        match id.kind {
            IdKind::Func => {
                let text = self.plan().function_name(id.number)?;
                Some(Name { text, program: self.program_of(id.number), own: self.is_own(id.number) })
            }
            IdKind::Probe => self.plan().probe_name(id.number).map(named),
            IdKind::StartFunc => {
                let binary = usize::try_from(id.number >> 48).ok()?;
                let text = self.agreed(binary, |build| start(build, binary, VAddr(id.number << 16 >> 16)))?;
                Some(Name { text, program: self.path_of(binary).map(ToOwned::to_owned), own: false })
            }
            IdKind::WaitReason => self.wait_reason(id.number).map(named),
            // The states of a goroutine are the same in all versions.
            IdKind::GoState => {
                let runtime = self.plan().binaries.iter().find_map(|b| b.runtime.as_ref())?;
                let state = runtime.g_states.get(usize::try_from(id.number).ok()?);
                state.filter(|name| !name.is_empty()).cloned().map(named)
            }
            IdKind::KernelSymbol => self.processes.host().kernel_function(id.number).map(named),
            IdKind::UserStack | IdKind::KernelStack | IdKind::UserSymbol => None,
        }
    }

    fn wait_reason(&self, number: u64) -> Option<String> {
        let binary = usize::try_from(number >> 32).ok()?;
        self.agreed(binary, |build| {
            let runtime = build.plan().binaries.get(binary)?.runtime.as_ref()?;
            runtime.wait_reasons.get((number & 0xffff_ffff) as usize).cloned()
        })
    }

    /// The build that came last.
    pub fn latest(&self) -> &Build {
        self.builds.last().unwrap_or(&self.builds[0])
    }

    /// The last plan has all functions of those before it, by the same numbers.
    fn plan(&self) -> &Plan {
        self.latest().plan()
    }

    /// The executable of a function, where another one has a function of that name.
    fn program_of(&self, function: u64) -> Option<String> {
        let plan = self.plan();
        let function = plan.functions.get(usize::try_from(function).ok()?).filter(|function| function.elsewhere)?;
        plan.binaries.get(function.binary.index()).map(|binary| binary.path.clone())
    }

    /// Whether gospect itself records a function's calls, for what is told with others.
    fn is_own(&self, function: u64) -> bool {
        let function = usize::try_from(function).ok().and_then(|n| self.plan().functions.get(n));
        function.is_some_and(|function| function.panics)
    }

    /// What tells the goroutines of an executable from those of others, where several are watched.
    fn path_of(&self, binary: usize) -> Option<&str> {
        let plan = self.plan();
        let watched = plan.binaries.iter().filter(|binary| binary.runtime.is_some()).count();
        plan.binaries.get(binary).filter(|_| watched > 1).map(|binary| binary.path.as_str())
    }

    /// What a number means that does not say which build of an executable it is about: what it means in all of them.
    fn agreed(&self, binary: usize, name: impl Fn(&Build) -> Option<String>) -> Option<String> {
        let mut names = self.builds.iter().filter(|build| binary < build.plan().binaries.len()).map(name);
        let first = names.next()??;
        names.all(|name| name.as_ref() == Some(&first)).then_some(first)
    }

    /// An executable of a plan, in some build.
    pub fn executable(&self, build: usize, binary: u32) -> Option<&Executable> {
        self.build(build).compiled.binary(binary)
    }

    /// By how much the addresses of an executable of the plan are greater in a process than in its file.
    pub fn bias(&self, pid: Pid, binary: u32, executable: &Executable) -> u64 {
        if executable.elf().placement == Placement::Fixed {
            return 0;
        }
        self.processes.bias(pid, binary, &self.rows)
    }

    /// The number that a process has in this run.
    pub fn number(&self, pid: Pid) -> Option<u32> {
        self.processes.number(pid, &self.rows)
    }

    /// The build that a process runs.
    pub fn build_of(&self, pid: Pid) -> usize {
        self.processes.build_of(pid)
    }

    /// A build by its number.
    pub fn build(&self, build: usize) -> &Build {
        self.builds.get(build).unwrap_or(&self.builds[0])
    }

    /// A recorded stack.
    pub fn stack(&self, stack: u64) -> Option<Stack> {
        let value = self.stacks?.get(&stack.to_le_bytes()).ok()??;
        let word = |at: usize| value.get(at..at + 8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i])));
        let half = |at: u32| Some((word(at as usize & !7)? >> (8 * (at & 4)) & 0xffff_ffff) as usize);
        let count = half(stack::COUNT)?.min(stack::MAX_FRAMES as usize);
        let mut frames: Vec<u64> = (0..count).map_while(|n| word(stack::FRAMES as usize + 8 * n)).collect();
        let caller = word(stack::CALLER as usize)?;
        // From Linux 6.12 on the kernel finds the caller itself at `push %rbp`.
        if caller != 0 && !frames.is_empty() && frames.get(1) != Some(&caller) {
            frames.insert(1, caller);
        }
        frames.truncate(half(stack::WANTED)?);
        Some(Stack { pid: (word(stack::PID_TGID as usize)? >> 32) as u32, pcs: frames })
    }
}
