//! Names for the numbers that programs in the kernel send: functions, probes, stacks, moments.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use engine::{Pid, Table};
use event::go::Frame;
use event::goroutine::{Change, Told};
use event::value::{Id, IdKind};
use event::{Header, Moment, Names};
use gobin::elf::Placement;
use gobin::{CallAt, Function, VAddr};
use kernel::clock;
use plan::Plan;
use program::stack;

use super::probes::Build;
use super::processes::{ProcessRows, Processes};
use crate::executable::Executable;

/// What numbers mean at this moment.
pub(super) struct Known<'r> {
    /// All builds; the plan of the last one knows all functions.
    pub builds: &'r [Build],
    /// Where executables are loaded.
    pub processes: &'r Processes,
    /// The same as programs know it.
    pub rows: ProcessRows<'r>,
    /// User stacks, if there are any.
    pub stacks: Option<&'r dyn Table>,
    /// What makes boot time the time of day.
    pub unix_less_boot: i64,
    /// The time zone.
    pub clock: &'r Clock,
    /// By how much addresses are greater than the file's, by process and binary, as far as it was asked for.
    pub biases: RefCell<HashMap<(Pid, u32), u64>>,
}

/// The time zone. Lines come by the thousand in each second.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// A second since 1970, and how far east of UTC it is.
    last: Cell<Option<(i64, i32)>>,
}

impl Clock {
    fn east_of_utc(&self, second: i64) -> i32 {
        let known = self.last.get().filter(|(known, _)| *known == second);
        let (_, east) = known.unwrap_or_else(|| (second, clock::east_of_utc(second)));
        self.last.set(Some((second, east)));
        east
    }
}

impl Names for Known<'_> {
    fn start(&self, id: Id) -> Option<String> {
        self.start_of(usize::try_from(id.number >> 48).ok()?, id.number)
    }

    fn name(&self, id: Id) -> Option<String> {
        match id.kind {
            IdKind::Func => self.plan().function_name(id.number),
            IdKind::Probe => self.plan().probe_name(id.number),
            IdKind::StartFunc => {
                let name = self.start(id)?;
                let path = usize::try_from(id.number >> 48).ok().and_then(|binary| self.path_of(binary));
                Some(path.map_or_else(|| name.clone(), |path| format!("{name} in {path}")))
            }
            IdKind::WaitReason => {
                let binary = usize::try_from(id.number >> 32).ok()?;
                self.agreed(binary, |build| {
                    let runtime = build.plan().binaries.get(binary)?.runtime.as_ref()?;
                    runtime.wait_reasons.get((id.number & 0xffff_ffff) as usize).cloned()
                })
            }
            // The states of a goroutine are the same in all versions.
            IdKind::GoState => {
                let runtime = self.plan().binaries.iter().find_map(|b| b.runtime.as_ref())?;
                runtime.g_states.get(usize::try_from(id.number).ok()?).filter(|name| !name.is_empty()).cloned()
            }
            IdKind::UserSymbol => Some(self.symbol(id.process, id.number, false)),
            IdKind::UserStack => self.stack(id),
            IdKind::KernelSymbol => self.processes.host().kernel_function(id.number),
            IdKind::KernelStack => None,
        }
    }

    fn moment(&self, boot: u64) -> Moment {
        let unix = boot.cast_signed().wrapping_add(self.unix_less_boot);
        Moment { unix, east: self.clock.east_of_utc(unix.div_euclid(1_000_000_000)) }
    }
}

/// What a goroutine was started with.
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
    /// The last plan has all functions of those before it, by the same numbers.
    fn plan(&self) -> &Plan {
        self.builds.last().unwrap_or(&self.builds[0]).plan()
    }

    /// The executable of a function, where another one has a function of that name.
    pub fn program_of(&self, function: u64) -> Option<String> {
        let plan = self.plan();
        let function = plan.functions.get(usize::try_from(function).ok()?).filter(|function| function.elsewhere)?;
        plan.binaries.get(function.binary.index()).map(|binary| binary.path.clone())
    }

    /// A change of a goroutine's state in names.
    pub fn told(&self, header: Header, change: Change) -> Told {
        let state = |number: u8| {
            let id = Id { kind: IdKind::GoState, number: number.into(), process: 0 };
            self.name(id).unwrap_or_else(|| number.to_string())
        };
        let start = change.start.and_then(|id| Some((usize::try_from(id.number >> 48).ok()?, id.number)));
        let created_at = change.created_at.and_then(|pc| self.calls_at(header.pid.into(), pc, true).into_iter().next());
        // What starts the first goroutine stands in no file.
        let created_at = created_at.filter(|frame| frame.file.as_ref().is_none_or(|file| !file.starts_with('<')));
        Told {
            boot: header.time,
            ts: header.time.cast_signed().wrapping_add(self.unix_less_boot),
            pid: header.pid,
            tid: header.tid,
            change,
            from: state(change.from),
            to: state(change.to),
            reason: change.reason.and_then(|id| self.name(id)),
            function: start.and_then(|(binary, at)| self.start_of(binary, at)),
            program: start.and_then(|(binary, _)| self.path_of(binary)).map(ToOwned::to_owned),
            created_at,
        }
    }

    /// The function that goroutines begin with whose [`IdKind::StartFunc`] this is.
    fn start_of(&self, binary: usize, number: u64) -> Option<String> {
        self.agreed(binary, |build| start(build, binary, VAddr(number << 16 >> 16)))
    }

    /// Whether gospect itself records a function's calls, for what is told with others.
    pub fn is_ours(&self, function: u64) -> bool {
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
        let ask = || self.processes.bias(pid, binary, &self.rows);
        *self.biases.borrow_mut().entry((pid, binary)).or_insert_with(ask)
    }

    fn build(&self, build: usize) -> &Build {
        self.builds.get(build).unwrap_or(&self.builds[0])
    }

    /// One line for each frame; functions that were inlined have lines of their own.
    fn stack(&self, id: Id) -> Option<String> {
        let (process, pcs) = self.pcs(id.number)?;
        let lines = pcs.iter().enumerate().map(|(n, &pc)| self.symbol(process, pc, n > 0));
        Some(lines.collect::<Vec<_>>().join("\n"))
    }

    /// The calls of a stack with their places in the sources, the innermost first, inlined ones among them.
    pub fn frames(&self, stack: u64) -> Vec<Frame> {
        let (process, pcs) = self.pcs(stack).unwrap_or_default();
        pcs.iter().enumerate().flat_map(|(n, &pc)| self.calls_at(process, pc, n > 0)).collect()
    }

    fn calls_at(&self, process: u64, pc: u64, is_return: bool) -> Vec<Frame> {
        let at = pc.wrapping_sub(u64::from(is_return));
        let Some((function, at, _)) = self.code(process, at) else {
            return vec![Frame { func: format!("{pc:#x}"), ..Frame::default() }];
        };
        let frame = |call: CallAt<'_>| Frame {
            func: call.name.to_owned(),
            file: call.place.map(|(file, _)| file.to_owned()),
            line: call.place.map(|(_, line)| line),
            inlined: call.inlined,
        };
        function.calls_at(at).into_iter().map(frame).collect()
    }

    /// The process of a stack, and its addresses, the innermost first.
    fn pcs(&self, stack: u64) -> Option<(u64, Vec<u64>)> {
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
        let process = word(stack::PID_TGID as usize)? >> 32;
        Some((process, frames))
    }

    /// `main.hit+12`. A return address belongs to the call before it.
    fn symbol(&self, process: u64, pc: u64, is_return: bool) -> String {
        let at = pc.wrapping_sub(u64::from(is_return));
        let Some((function, at, bias)) = self.code(process, at) else { return format!("{pc:#x}") };
        let inside = pc.wrapping_sub(bias).wrapping_sub(function.entry().0);
        let inlined = function.inlined_at(at).map(|name| format!("{name} (inlined)\n")).unwrap_or_default();
        format!("{inlined}{}+{inside}", function.name())
    }

    /// The Go function at an address of a process, the address as its file counts, and what was taken off it.
    fn code(&self, process: u64, at: u64) -> Option<(Function<'_>, VAddr, u64)> {
        let pid = u32::try_from(process).map_or(Pid(0), Pid);
        let mut binaries = (0..).zip(self.build(self.processes.build_of(pid)).compiled.binaries());
        binaries.find_map(|(n, executable)| {
            let bias = self.bias(pid, n, executable);
            let at = VAddr(at.wrapping_sub(bias));
            Some((executable.go()?.function_at(at)?, at, bias))
        })
    }
}
