//! The executables of all builds, and where they are in a process.

use kernel::FileId;
use program::process;

use super::super::compile::Compiled;
use super::ProcessFilter;
use crate::executable::Executable;
use crate::machine::Process;

/// An executable of a plan.
pub(super) struct ProbedFile {
    pub id: FileId,
    entry: u64,
    /// A program at its first instruction puts its processes into the table.
    pub announces_itself: bool,
    /// The segment with code: its offset in the file, and its address.
    code: Option<(u64, u64)>,
}

impl ProbedFile {
    fn of(executable: &Executable, announces_itself: bool) -> ProbedFile {
        let elf = executable.elf();
        let code = elf.segment(elf.entry).map(|s| (s.offset.0, s.addr.0));
        ProbedFile { id: executable.id, entry: elf.entry.0, announces_itself, code }
    }

    /// The difference between addresses in a process and in the file. `main` is the file that the process executes.
    pub fn bias(&self, process: &dyn Process, main: Option<FileId>) -> Option<u64> {
        if main == Some(self.id) {
            return Some(process.entry_point().ok()?.wrapping_sub(self.entry));
        }
        let mapping = process.code_of(self.id).ok()??;
        let (offset, address) = self.code?;
        Some(mapping.start.wrapping_sub(mapping.offset).wrapping_sub(address.wrapping_sub(offset)))
    }
}

/// The executables of all builds.
#[derive(Default)]
pub(super) struct ProbedFiles {
    builds: Vec<Vec<ProbedFile>>,
    targets: Vec<FileId>,
}

impl ProbedFiles {
    /// Adds those of a build.
    pub fn add(&mut self, compiled: &Compiled) {
        let announces = |n: u32| compiled.program.starts.iter().any(|start| start.binary.0 == n);
        let binaries = compiled.binaries().into_iter().zip((0..).map(announces));
        self.builds.push(binaries.map(|(executable, announces)| ProbedFile::of(executable, announces)).collect());
        self.targets.extend(compiled.executables.targets().iter().map(|target| target.id));
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &ProbedFile> {
        self.builds.iter().flatten()
    }

    /// Those of a build, by their numbers in its plan.
    pub fn of(&self, build: usize) -> &[ProbedFile] {
        self.builds.get(build).map_or(&[], Vec::as_slice)
    }

    /// How many builds there are.
    pub fn builds(&self) -> usize {
        self.builds.len()
    }

    /// The latest build that a file belongs to.
    pub fn build_of(&self, file: Option<FileId>) -> Option<usize> {
        self.builds.iter().rposition(|build| build.iter().any(|binary| Some(binary.id) == file))
    }

    /// Whether a file is a target, in any build.
    pub fn is_target(&self, file: FileId) -> bool {
        self.targets.contains(&file)
    }

    /// Treats a file as no target any more.
    pub fn remove_target(&mut self, file: FileId) {
        self.targets.retain(|target| *target != file);
    }

    /// Whether no process of a target puts itself into the table.
    pub fn no_target_announces_itself(&self) -> bool {
        self.all().all(|binary| !self.is_target(binary.id))
    }

    /// The bits of [`program::control::UNFILTERED`]: executables whose hits count in all processes, also in those
    /// that are not in the table.
    pub fn unfiltered(&self, filter: &ProcessFilter) -> u64 {
        let open = |binary: &ProbedFile| match filter {
            ProcessFilter::Named(_) | ProcessFilter::Group(_) => false,
            ProcessFilter::Target => !binary.announces_itself && self.is_target(binary.id),
            ProcessFilter::Any => !binary.announces_itself,
        };
        let numbered = self.builds.iter().flat_map(|build| build.iter().zip(0..64u32));
        numbered.filter(|(binary, _)| open(binary)).fold(0, |bits, (_, n)| bits | 1 << n)
    }
}

/// Whether what is stored under a process's number may be removed, given the numbers in the process table: it is none of
/// those, nor the PID of a live process.
pub(in crate::run) fn is_stale(number: u32, in_table: bool, is_alive: impl FnOnce() -> bool) -> bool {
    let announced_itself = number >> process::PID_BITS != 0;
    !in_table && (announced_itself || !is_alive())
}
