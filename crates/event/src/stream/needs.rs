//! What has to be in the stream before a record, found without decoding it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Item, Process};
use crate::bytes::{DecodeError, u64_at};
use crate::decode::{self, Header};
use crate::fold::{Folded, Snapshot};
use crate::go::interfaces::{Interface, Interfaces};
use crate::go::{self, Printed, Types};
use crate::goroutine::Change;
use crate::record;
use crate::schema::{CallIndex, Fields, PrintedIndex, Row, Schema, Shape};
use crate::value::{Id, IdKind, Value};

/// Something that a record cannot be decoded without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A name.
    Name(Id),
    /// A stack.
    Stack(u64),
    /// Where an executable is in a process, or all executables of the build that it runs. It may be somewhere else than before.
    Process {
        /// The process.
        pid: u32,
        /// The executable and its build.
        of: Option<(usize, u32)>,
    },
    /// The type of an interface table.
    Itab {
        /// The process.
        pid: u32,
        /// Its own number.
        process: u32,
        /// Where the table is.
        address: u64,
    },
}

/// A type in the memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuntimeType {
    /// The process.
    pub pid: u32,
    /// Its own number.
    pub process: u32,
    /// The build of the executable whose values lead there.
    pub build: usize,
    /// The executable's number in it.
    pub binary: u32,
    /// By how much its addresses are greater than those of its file.
    pub bias: u64,
    /// Where the type is.
    pub address: u64,
}

/// Finds what is missing in a stream. Takes all items that tell about records.
#[derive(Debug, Default)]
pub struct Needs {
    schema: Arc<Schema>,
    /// By the number of the row.
    rows: Vec<Option<RowNeeds>>,
    names: HashSet<Id>,
    /// The process of each.
    stacks: HashMap<u64, u32>,
    processes: HashMap<u32, Process>,
    /// Processes that need not be looked at again for the moment.
    fresh: HashSet<(u32, Option<(usize, u32)>)>,
    /// Stacks that need not be asked for again for the moment.
    asked: HashSet<u64>,
    itabs: HashMap<(u32, u64), Option<u64>>,
    types: HashMap<usize, Arc<Types>>,
    interfaces: HashMap<usize, Interfaces>,
    /// Types that the last record leads to and nobody knows.
    unknown: Vec<RuntimeType>,
    /// Room for the interfaces of a record.
    found: Vec<Interface>,
}

/// Where values stand in records of a row that need something.
#[derive(Clone, Debug, Default)]
struct RowNeeds {
    /// Where the fields begin.
    start: usize,
    faults: bool,
    /// The bit in the word of faults, the place, and the kind.
    ids: Vec<(u32, usize, IdKind)>,
    /// Whole values, and where their chunks begin.
    printed: Option<(PrintedIndex, usize)>,
}

impl Needs {
    /// Takes in what an item tells about records that follow. A new schema makes all names uncertain.
    pub fn learn(&mut self, item: &Item<'_>) {
        match item {
            Item::Schema { schema, .. } => {
                self.schema = schema.clone();
                self.names.clear();
            }
            Item::Name(id, _) => drop(self.names.insert(*id)),
            Item::Stack { id, stack } => drop(self.stacks.insert(*id, stack.pid)),
            Item::Process(process) => drop(self.processes.insert(process.pid, process.clone())),
            Item::Itab { process, address, ty } => drop(self.itabs.insert((*process, *address), *ty)),
            Item::Types { addition, types } => drop(self.types.insert(*addition, types.clone())),
            _ => {}
        }
    }

    /// Has all processes looked at again: they may have executed something else meanwhile. Stacks may be there by now.
    pub fn refresh(&mut self) {
        self.fresh.clear();
        self.asked.clear();
    }

    /// A process as the stream has it.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// Adds what a record needs and the stream lacks. When all of that is there the record has to be asked about again, as long
    /// as that brings more.
    ///
    /// # Errors
    /// Its bytes are too few, or the schema has no such row.
    pub fn of_record(&mut self, bytes: &[u8], needs: &mut Vec<Need>) -> Result<Header, DecodeError> {
        self.unknown.clear();
        let header = decode::header(bytes)?;
        if let Some(Some(of)) = self.rows.get(header.row.0 as usize)
            && of.is_none()
        {
            return Ok(header);
        }
        let schema = self.schema.clone();
        match schema.row(header.row).ok_or(DecodeError::NoRow(header.row.0))? {
            Row::Printf { args: fields, .. } | Row::PrintValue(fields) => {
                self.of_fields(header, fields, bytes, needs)?
            }
            Row::Call(call) | Row::CallStart(call) => self.of_call(header, *call, bytes, needs),
            Row::State { binary, parent } => self.of_state(header, (*binary, *parent), bytes, needs)?,
            _ => {}
        }
        Ok(header)
    }

    /// Takes the types that the last record leads to and nobody knows. It can be decoded without, but shows less.
    pub fn take_types(&mut self) -> Vec<RuntimeType> {
        std::mem::take(&mut self.unknown)
    }

    /// Adds what a number needs to be shown by its name.
    pub fn of_id(&mut self, id: Id, needs: &mut Vec<Need>) {
        match id.kind {
            IdKind::UserStack => match self.stacks.get(&id.number) {
                Some(pid) => self.of_process(*pid, None, needs),
                None => needs.extend(self.asked.insert(id.number).then_some(Need::Stack(id.number))),
            },
            IdKind::UserSymbol => self.of_process(id.process as u32, None, needs),
            IdKind::KernelStack => {}
            _ => needs.extend((!self.names.contains(&id)).then_some(Need::Name(id))),
        }
    }

    /// Adds what a map needs.
    pub fn of_map(&mut self, map: &Snapshot, needs: &mut Vec<Need>) {
        for entry in &map.entries {
            entry.key.iter().for_each(|part| self.of_value(part, needs));
            if let Folded::Value(value) = &entry.value {
                self.of_value(value, needs);
            }
        }
    }

    fn of_value(&mut self, value: &Value, needs: &mut Vec<Need>) {
        match value {
            Value::Id(id) => self.of_id(*id, needs),
            Value::Tuple(parts) => parts.iter().for_each(|part| self.of_value(part, needs)),
            _ => {}
        }
    }

    fn of_process(&mut self, pid: u32, of: Option<(usize, u32)>, needs: &mut Vec<Need>) {
        needs.extend(self.fresh.insert((pid, of)).then_some(Need::Process { pid, of }));
    }

    fn of_fields(
        &mut self,
        header: Header,
        fields: &Fields,
        bytes: &[u8],
        needs: &mut Vec<Need>,
    ) -> Result<(), DecodeError> {
        let row = header.row.0 as usize;
        if self.rows.len() <= row {
            self.rows.resize(row + 1, None);
        }
        let of = self.rows[row].take().unwrap_or_else(|| RowNeeds::of(&self.schema, fields));
        let done = self.of_row(header, &of, bytes, needs);
        self.rows[row] = Some(of);
        done
    }

    fn of_row(
        &mut self,
        header: Header,
        of: &RowNeeds,
        bytes: &[u8],
        needs: &mut Vec<Need>,
    ) -> Result<(), DecodeError> {
        let faults = if of.faults && !of.ids.is_empty() { u64_at(bytes, of.start)? } else { 0 };
        let is_there = |bit: u32| faults.checked_shr(bit).is_none_or(|bits| bits & 1 == 0);
        for (_, at, kind) in of.ids.iter().filter(|(bit, ..)| is_there(*bit)) {
            let process = if kind.has_process() { u64_at(bytes, at + 8)? } else { 0 };
            self.of_id(Id { kind: *kind, number: u64_at(bytes, *at)?, process }, needs);
        }
        if let Some((printed, chunks)) = of.printed {
            self.of_printed(header, printed, (bytes, chunks), needs);
        }
        Ok(())
    }

    fn of_printed(&mut self, header: Header, index: PrintedIndex, of: (&[u8], usize), needs: &mut Vec<Need>) {
        let schema = self.schema.clone();
        let Some((printed, types, build)) = schema.printed(index) else { return };
        self.of_process(header.pid, Some((build, printed.binary)), needs);
        if needs.is_empty() {
            let grown = self.types.get(&build).cloned();
            let (types, found) = (grown.as_deref().unwrap_or(types), &mut self.found);
            self.interfaces.entry(build).or_default().in_printed(types, printed, of, &mut |one| found.push(one));
            self.of_interfaces(header.pid, (build, printed.binary), types, needs);
        }
    }

    fn of_call(&mut self, header: Header, index: CallIndex, bytes: &[u8], needs: &mut Vec<Need>) {
        let schema = self.schema.clone();
        let (Some(call), Some(types)) = (schema.call(index), schema.types_of(index)) else { return };
        let (build, id) = (schema.addition(index), |kind, number| Id { kind, number, process: 0 });
        self.of_id(id(IdKind::Func, call.function), needs);
        if let Some(stack) = u64_at(bytes, go::call::STACK).ok().filter(|&stack| stack != 0) {
            self.of_id(id(IdKind::UserStack, stack), needs);
        }
        self.of_process(header.pid, Some((build, call.binary)), needs);
        if needs.is_empty() {
            let grown = self.types.get(&build).cloned();
            let (types, found) = (grown.as_deref().unwrap_or(types), &mut self.found);
            self.interfaces.entry(build).or_default().in_call(types, call, bytes, &mut |one| found.push(one));
            self.of_interfaces(header.pid, (build, call.binary), types, needs);
        }
    }

    /// Adds what the interfaces need that were found last, as decoding follows them.
    fn of_interfaces(&mut self, pid: u32, (build, binary): (usize, u32), types: &Types, needs: &mut Vec<Need>) {
        let (bias, process) = self.processes.get(&pid).map_or((0, 0), |known| (known.bias(binary), known.number));
        let is_of_file = |address: u64| types.dynamic(binary, address.wrapping_sub(bias)).is_some();
        for Interface { word, empty } in self.found.drain(..).filter(|interface| !is_of_file(interface.word)) {
            let address = if empty { Some(Some(word)) } else { self.itabs.get(&(process, word)).copied() };
            match address {
                None => needs.push(Need::Itab { pid, process, address: word }),
                Some(Some(address)) if !is_of_file(address) && types.runtime_type(process, address).is_none() => {
                    self.unknown.push(RuntimeType { pid, process, build, binary, bias, address });
                }
                Some(_) => {}
            }
        }
    }

    fn of_state(
        &mut self,
        header: Header,
        (binary, has_parent): (u32, bool),
        bytes: &[u8],
        needs: &mut Vec<Need>,
    ) -> Result<(), DecodeError> {
        let payload = bytes.get(record::PAYLOAD..).unwrap_or_default();
        let change = Change::read(binary, has_parent, payload)?;
        let state = |number: u8| Id { kind: IdKind::GoState, number: number.into(), process: 0 };
        let ids = [Some(state(change.from)), Some(state(change.to)), change.reason, change.start];
        ids.into_iter().flatten().for_each(|id| self.of_id(id, needs));
        if change.created_at.is_some() {
            self.of_process(header.pid, None, needs);
        }
        Ok(())
    }
}

impl RowNeeds {
    /// Records can be decoded without anything else.
    fn is_none(&self) -> bool {
        self.ids.is_empty() && self.printed.is_none()
    }

    fn of(schema: &Schema, fields: &Fields) -> RowNeeds {
        let printed = fields.printed();
        let before = printed.and_then(|index| schema.printed(index)).map_or(0, |(printed, ..)| printed.bytes as usize);
        let start = if printed.is_some() { Printed::FROM } else { record::PAYLOAD } + before;
        let ids = fields.leaves().into_iter().filter_map(|leaf| match leaf.shape {
            Shape::Id(kind) => Some((leaf.bit, start + leaf.offset, *kind)),
            _ => None,
        });
        RowNeeds {
            start,
            faults: fields.faults,
            ids: ids.collect(),
            printed: printed.map(|index| (index, start + fields.size())),
        }
    }
}
