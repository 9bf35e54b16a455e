//! Types that processes have made themselves, by reflection: read from their memory when a record tells of one, and put
//! into the tables by which programs in the kernel follow pointers, so that the next value of that type is captured.

use std::io;

use codegen::{Captures, Grown};
use engine::{Error, Pid, Table, Tables};
use event::go::Types;
use event::stream::RuntimeType;
use gobin::rtype;
use plan::target::GoTarget;
use program::CaptureTables;
use program::capture::layout;

use super::compile::Compiled;
use super::names::Known;
use super::values::Values;
use crate::machine::Host;

/// The build of the executables that this is about: the tables of those that have replaced them do not grow.
pub(super) const BUILD: usize = 0;

/// The tables as they have grown.
pub(super) struct RuntimeTypes {
    captures: Captures,
    /// There is no room for more.
    full: bool,
}

impl RuntimeTypes {
    /// The tables of a run.
    pub fn of(compiled: &Compiled) -> RuntimeTypes {
        RuntimeTypes { captures: compiled.captures.clone(), full: false }
    }

    /// All types that there are by now.
    pub fn types(&self) -> &Types {
        &self.captures.types
    }

    /// Adds a type, if it can be understood. Answers what is to be said about it.
    pub fn learn(
        &mut self,
        unknown: RuntimeType,
        known: &Known<'_>,
        values: &Values,
        shared: &Tables,
    ) -> Result<Option<String>, Error> {
        if self.full {
            return Ok(None);
        }
        let Some(met) = read(unknown, known) else { return Ok(None) };
        let Some(target) = known.executable(BUILD, unknown.binary).and_then(|of| of.go()).map(GoTarget::new) else {
            return Ok(None);
        };
        let grown = self.captures.meet(met, &values.limits(), &target);
        let tables = known.builds[0].program().tables.captures;
        self.full = match tables {
            Some(tables) => !self.write(&grown, met, &tables, shared)?,
            None => true,
        };
        Ok(self.full.then(|| "the program makes more types than there is room for, the others stay unknown".to_owned()))
    }

    /// Puts what is new into the kernel's tables, what refers to it last; says whether there was room.
    fn write(&self, grown: &Grown, met: codegen::Met, tables: &CaptureTables, shared: &Tables) -> Result<bool, Error> {
        let all = [tables.ops, tables.types, tables.met].map(|id| shared.find(id));
        let [Some(ops), Some(types), Some(all_met)] = all else { return Ok(false) };
        let of = &self.captures.tables;
        let has_room = |map: &dyn Table, most: Option<u32>| most.is_none_or(|most| most < map.capacity());
        if !has_room(ops, grown.ops.clone().last()) || !has_room(types, grown.types.iter().max().copied()) {
            return Ok(false);
        }
        for number in grown.ops.clone() {
            if let Some(op) = of.ops.get(number as usize) {
                ops.put(&number.to_ne_bytes(), &layout::op(op))?;
            }
        }
        for &row in &grown.types {
            if let Some(ty) = of.types.get(row as usize) {
                types.put(&row.to_ne_bytes(), &layout::ty(ty))?;
            }
        }
        // It is full when it has no room for this one.
        Ok(all_met.put(&layout::met(met.process, met.address), &grown.op.to_ne_bytes()).is_ok())
    }
}

/// What a process has at that address, if it is still that process.
fn read(unknown: RuntimeType, known: &Known<'_>) -> Option<codegen::Met> {
    let RuntimeType { pid, process, binary, bias, address, .. } = unknown;
    let pid = Pid(pid);
    let image = known.executable(BUILD, binary)?.go()?;
    let memory = known.processes.host().process(pid).ok()?.memory().ok()?;
    let read = |at: u64, into: &mut [u8]| memory.read(at, into).is_ok();
    let rtype::Met { ty, direct } = image.runtime_types()?.met(address, bias, &read, image.made())?;
    let same = known.number(pid) == Some(process);
    same.then_some(codegen::Met { process, address, binary, ty, direct })
}

/// The type that an itab is about, as the process has it now.
// +rtype 1.21-1.22 itab._type *abi.Type @8 | 1.23- internal/abi.ITab.Type *abi.Type @8
pub(super) fn of_itab(host: &dyn Host, pid: Pid, itab: u64) -> io::Result<u64> {
    host.process(pid)?.memory()?.word(itab.wrapping_add(8))
}
