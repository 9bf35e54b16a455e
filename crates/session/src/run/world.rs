//! What the checker asks of executables and of the kernel.

use std::cell::RefCell;

use engine::Engine;
use gobin::Arch;
use plan::capture::Limits;
use plan::target::Target as Asked;
use plan::world::{Field, Numbered, World};
use plan::{Binary, FieldForm};

use super::compile::Compiled;
use super::executables::Executables;
use crate::executable::Facts;
use crate::refusal::Refusal;

/// What the checker asks.
pub(super) struct Answers<'r> {
    executables: &'r Executables,
    targets: Vec<Facts<'r>>,
    engine: Result<&'r dyn Engine, String>,
    /// Why we were not allowed to know something.
    refused: RefCell<Option<Refusal>>,
    captured: Limits,
    before: Option<&'r Compiled>,
}

impl<'r> Answers<'r> {
    /// About these executables, and about the kernel's tracepoints if there is an engine; with the numbers that were given
    /// when the same text was compiled `before`.
    pub fn new(
        executables: &'r Executables,
        engine: Result<&'r dyn Engine, String>,
        captured: Limits,
        before: Option<&'r Compiled>,
    ) -> Answers<'r> {
        Answers {
            executables,
            targets: executables.list.iter().map(|executable| executable.facts()).collect(),
            engine,
            refused: RefCell::new(None),
            captured,
            before,
        }
    }
}

impl Answers<'_> {
    /// Why something is not known, if we were not allowed to ask.
    pub fn refused(&self) -> Option<Refusal> {
        self.refused.borrow().clone()
    }
}

impl World for Answers<'_> {
    fn arch(&self) -> Arch {
        if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 }
    }

    fn binary(&self, path: &str) -> Result<&dyn Asked, String> {
        let index = self.executables.find(path)?;
        let target = self.targets.get(index).ok_or_else(|| format!("{path} was not opened"))?;
        let executable = self.executables.list.get(index);
        if let Some(why) = executable.and_then(|executable| executable.unreadable()) {
            return Err(why);
        }
        match executable.map(|e| e.elf().arch) {
            Some(arch) if arch != self.arch() => {
                Err(format!("its code is for {}, this machine is {}", arch.name(), self.arch().name()))
            }
            _ => Ok(target.get()),
        }
    }

    fn captured(&self) -> Limits {
        self.captured.clone()
    }

    fn numbered(&self) -> Option<Numbered<'_>> {
        let before = self.before?;
        let numbers = before.places().iter().zip(&before.plan.binaries);
        let name = |(at, binary): (&usize, &Binary)| self.executables.name_of(&before.executables, *at, &binary.path);
        Some(Numbered { binaries: numbers.map(name).collect(), functions: &before.plan.functions })
    }

    fn targets(&self) -> Vec<String> {
        self.executables.target_names()
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String> {
        let refuse = |refusal| _ = self.refused.borrow_mut().get_or_insert(refusal);
        let engine = self.engine.as_ref().inspect_err(|why| refuse(Refusal::refused(*why))).map_err(Clone::clone)?;
        let point = engine.tracepoint(category, name).map_err(|error| {
            if let engine::Error::NotPermitted { .. } = error {
                refuse(Refusal::from(&error));
            }
            error.to_string()
        })?;
        Ok(point.fields.iter().map(field).collect())
    }
}

fn field(field: &engine::Field) -> Field {
    let is_char = field.type_name.contains("char");
    let form = match (field.dynamic, field.array) {
        (true, _) if is_char => Some(FieldForm::DataLoc),
        (false, true) if is_char => Some(FieldForm::Chars),
        (false, false) if matches!(field.size, 1 | 2 | 4 | 8) => Some(FieldForm::Int),
        _ => None,
    };
    Field {
        name: field.name.clone(),
        type_name: field.type_name.clone(),
        offset: field.offset,
        bytes: field.size,
        form,
        signed: field.signed,
    }
}
