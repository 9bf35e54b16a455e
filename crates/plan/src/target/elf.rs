//! Answers from an executable that is no Go program: functions by its symbol tables, and nothing about arguments.

use std::sync::Arc;

use gobin::elf::Elf;
use gobin::insn::Class;
use gobin::pattern::{self, Pattern};
use gobin::signature::Signature;
use gobin::sites::Sites;
use gobin::types::{Type, TypeRef};
use gobin::{FileOff, VAddr};

use super::go::SUGGESTED;
use super::{Found, Runtime, Start, Target};

/// An executable or library in any language.
pub struct ElfTarget<'e> {
    elf: &'e Elf,
    /// By address, then name.
    functions: Vec<(VAddr, &'e str, u64)>,
}

impl<'e> ElfTarget<'e> {
    /// Reads its symbols.
    #[must_use]
    pub fn new(elf: &'e Elf) -> ElfTarget<'e> {
        let functions = elf.symbols().chain(elf.dynamic_symbols()).filter(|s| s.function && s.addr.0 != 0);
        let mut functions: Vec<_> = functions.map(|s| (s.addr, s.name, s.size)).collect();
        functions.sort_unstable();
        functions.dedup();
        ElfTarget { elf, functions }
    }

    fn found(&self, index: usize) -> Option<Found> {
        let (entry, name, _) = *self.functions.get(index)?;
        Some(Found { index: u32::try_from(index).ok()?, name: name.to_owned(), entry, inlined: None })
    }
}

/// Where its header says that it begins.
pub(super) fn start(elf: &Elf) -> Option<Start> {
    let at = Some(elf.entry).filter(|at| at.0 != 0)?;
    Some(Start { at, file: elf.file_offset(at)? })
}

impl Target for ElfTarget<'_> {
    fn is_go(&self) -> bool {
        false
    }

    fn runtime(&self) -> Runtime {
        Runtime::default()
    }

    fn matching(&self, pattern: &Pattern) -> Vec<Found> {
        let matches = |&i: &usize| self.functions.get(i).is_some_and(|f| pattern.matches(f.1));
        (0..self.functions.len()).filter(matches).filter_map(|i| self.found(i)).collect()
    }

    fn function_at(&self, at: VAddr) -> Option<Found> {
        let index = self.functions.partition_point(|f| f.0 <= at).checked_sub(1)?;
        let (entry, _, size) = self.functions.get(index)?;
        at.since(*entry).filter(|&n| n < (*size).max(1))?;
        self.found(index)
    }

    fn suggest(&self, wanted: &str) -> Vec<String> {
        let names = pattern::suggest(wanted, self.functions.iter().map(|f| f.1), SUGGESTED);
        names.into_iter().map(str::to_owned).collect()
    }

    fn sites(&self, _: &Found) -> Option<Sites> {
        None
    }

    fn instruction(&self, function: &Found, offset: u64) -> Result<Option<Class>, String> {
        match self.functions.get(function.index as usize) {
            Some(&(_, _, size)) if offset != 0 && offset >= size => Err(format!("the function has {size:#x} bytes")),
            _ => Ok(None),
        }
    }

    fn signature(&self, _: &Found) -> Result<Arc<Signature>, String> {
        Err("it is no function of a Go program; its arguments are arg0, arg1 and so on".to_owned())
    }

    fn resolve(&self, _: TypeRef) -> Option<Arc<Type>> {
        None
    }

    fn start(&self) -> Option<Start> {
        start(self.elf)
    }

    fn file_offset(&self, at: VAddr) -> Option<FileOff> {
        self.elf.file_offset(at)
    }
}
