//! The stream of a run: records, and before each of them whatever it takes to decode it.
//!
//! Names, stacks and the memory of processes are there only now, so they are looked up here. Everything is looked up once, but
//! for where executables are in a process: that is asked again for each batch of records, since processes execute other programs.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::Arc;

use engine::{Error, Pid, Tables};
use event::calls::Key;
use event::go::{self, Frame, call};
use event::stream::{Clock, Function, Image, Item, Need, Needs, RuntimeType, Sink};
use event::totals::{Earlier, FinalState};
use event::{Header, Id, IdKind, Row, Schema, Snapshot};
use gobin::{CallAt, VAddr};

use super::names::Known;
use super::runtime_types::{self, RuntimeTypes};
use super::script::Stopped;
use super::values::Values;

/// So many types of a batch of records are looked at.
const MOST_WAITING: usize = 256;

/// Sends the items of a run.
#[derive(Default)]
pub(super) struct Feed {
    needs: Needs,
    /// Room for those of a record.
    needed: Vec<Need>,
    /// How many builds the stream has.
    builds: usize,
    values: Values,
    unix_less_boot: i64,
    types: Option<RuntimeTypes>,
    /// Types that calls began with which have not ended.
    pending: HashMap<Key, Vec<RuntimeType>>,
    /// Types that were seen and are not known, by process and address.
    unknown: HashSet<(u32, u64)>,
    /// Those of them that were not looked at yet.
    waiting: Vec<RuntimeType>,
    /// Of how many calls only the beginning was recorded, by function.
    alone: HashMap<u64, u64>,
}

impl Feed {
    /// Sends nothing yet.
    pub fn new(values: &Values, unix_less_boot: i64) -> Feed {
        Feed { values: values.clone(), unix_less_boot, ..Feed::default() }
    }

    /// Begins the stream, or goes on with it when another build has come.
    pub fn describe(&mut self, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        if self.builds == 0 {
            let clock = Clock { unix_less_boot: self.unix_less_boot, east_of_utc: kernel::clock::east_of_utc };
            self.send(&Item::Clock(clock), sink)?;
        }
        let sent = self.builds;
        self.builds = known.builds.len();
        for (build, of) in known.builds.iter().enumerate().skip(sent) {
            for (binary, executable) in (0..).zip(of.compiled.binaries()) {
                if let Some(image) = executable.shared() {
                    self.send(&Item::Image { build, binary, image: Arc::new(GoImage(image)) }, sink)?;
                }
            }
        }
        if sent == self.builds {
            return Ok(());
        }
        let schema = Arc::new(known.latest().program().schema.clone());
        let limits = go::Limits { depth: Some(self.values.depth.into()), text: self.values.strlen.into() };
        self.send(&Item::Schema { schema, limits }, sink)
    }

    /// Begins a batch of records.
    pub fn batch(&mut self, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.needs.refresh();
        self.describe(known, sink)
    }

    /// Adds what has to be in the stream before a record. Says whether the record can be decoded.
    pub fn prepare(&mut self, record: &[u8], known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<bool> {
        let header = loop {
            let mut needed = std::mem::take(&mut self.needed);
            let header = self.needs.of_record(record, &mut needed);
            let is_complete = needed.is_empty();
            self.provide(needed, known, sink)?;
            match header {
                Ok(header) if is_complete => break header,
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
        };
        let types = self.needs.take_types();
        if !types.is_empty() || !self.pending.is_empty() {
            self.wait_for(types, header, record, &known.latest().program().schema);
        }
        Ok(true)
    }

    /// Sends a map.
    pub fn map(&mut self, map: &Snapshot, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.of_maps(std::slice::from_ref(map), known, sink)?;
        sink.take(&Item::Map(map))
    }

    /// Adds what has to be in the stream before maps.
    pub fn of_maps(&mut self, maps: &[Snapshot], known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let mut needed = std::mem::take(&mut self.needed);
        maps.iter().for_each(|map| self.needs.of_map(map, &mut needed));
        self.provide(needed, known, sink)
    }

    /// Adds what has to be in the stream before goroutines that were there at first.
    pub fn of_earlier(&mut self, of: &[Earlier], known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.of_ids(of.iter().flat_map(|one| [one.start, one.created_at]), known, sink)
    }

    /// Adds what has to be in the stream before states of goroutines.
    pub fn of_states<'s>(
        &mut self,
        of: impl Iterator<Item = &'s FinalState>,
        known: &Known<'_>,
        sink: &mut dyn Sink,
    ) -> io::Result<()> {
        self.of_ids(of.flat_map(|one| [one.start, one.state, one.reason]), known, sink)
    }

    fn of_ids(&mut self, ids: impl Iterator<Item = Id>, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let mut needed = std::mem::take(&mut self.needed);
        ids.for_each(|id| self.needs.of_id(id, &mut needed));
        self.provide(needed, known, sink)
    }

    /// Counts a call of which nothing but its beginning is recorded.
    pub fn begins_alone(&mut self, function: u64) {
        *self.alone.entry(function).or_default() += 1;
    }

    /// Of how many calls only the beginning was recorded, by function.
    pub fn alone(&self) -> &HashMap<u64, u64> {
        &self.alone
    }

    /// Looks at unknown types that interfaces led to, so that values of them can be followed from now on. Returns what
    /// is to be said about it.
    pub fn learn_types(
        &mut self,
        known: &Known<'_>,
        tables: &Tables,
        sink: &mut dyn Sink,
    ) -> Result<Option<String>, Stopped> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let mut types = self.types.take().unwrap_or_else(|| RuntimeTypes::of(&known.builds[0].compiled));
        let mut waiting = std::mem::take(&mut self.waiting).into_iter();
        let said: Result<_, Error> =
            waiting.try_fold(None, |said, ty| Ok(types.learn(ty, known, &self.values, tables)?.or(said)));
        self.send(&Item::Types { addition: runtime_types::BUILD, types: Arc::new(types.types().clone()) }, sink)?;
        self.types = Some(types);
        Ok(said?)
    }

    fn send(&mut self, item: &Item<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.needs.learn(item);
        sink.take(item)
    }

    fn provide(&mut self, mut needed: Vec<Need>, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let mut at = 0;
        while let Some(&need) = needed.get(at) {
            match need {
                Need::Name(id) => self.name(id, known, sink)?,
                Need::Stack(id) => {
                    if let Some(stack) = known.stack(id) {
                        self.send(&Item::Stack { id, stack }, sink)?;
                        self.needs.of_id(Id { kind: IdKind::UserStack, number: id, process: 0 }, &mut needed);
                    }
                }
                Need::Process { pid, of } => self.process(pid, of, known, sink)?,
                Need::Itab { pid, process, address } => {
                    let ty = runtime_types::of_itab(known.processes.host(), Pid(pid), address).ok();
                    self.send(&Item::Itab { process, address, ty }, sink)?;
                }
            }
            at += 1;
        }
        needed.clear();
        self.needed = needed;
        Ok(())
    }

    fn name(&mut self, id: Id, known: &Known<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        self.send(&Item::Name(id, known.name(id)), sink)
    }

    /// Sends where executables are in a process, unless the stream has it so.
    fn process(
        &mut self,
        pid: u32,
        of: Option<(usize, u32)>,
        known: &Known<'_>,
        sink: &mut dyn Sink,
    ) -> io::Result<()> {
        let before = self.needs.process(pid);
        let mut process = before.cloned().unwrap_or_default();
        process.pid = pid;
        process.build = known.build_of(Pid(pid));
        process.number = known.number(Pid(pid)).unwrap_or(0);
        let all =
            (0..known.build(process.build).compiled.binaries().len() as u32).map(|binary| (process.build, binary));
        let of: Vec<(usize, u32)> = of.map_or_else(|| all.collect(), |one| vec![one]);
        for (build, binary) in of {
            let Some(executable) = known.executable(build, binary) else { continue };
            let bias = known.bias(Pid(pid), binary, executable);
            process.biases.retain(|(known, _)| *known != binary);
            process.biases.push((binary, bias));
        }
        process.biases.sort_unstable();
        if before == Some(&process) {
            return Ok(());
        }
        self.send(&Item::Process(process), sink)
    }

    /// Keeps types until the value that led to them is shown: of a call until it ends.
    fn wait_for(&mut self, types: Vec<RuntimeType>, header: Header, record: &[u8], schema: &Schema) {
        let id = record.get(call::ID..).and_then(|rest| rest.first_chunk()).map_or(0, |id| u64::from_le_bytes(*id));
        let key = Key { pid: header.pid, goid: header.goid, id }.found_by();
        match schema.row(header.row) {
            Some(Row::Call(index)) if schema.call(*index).is_some_and(|call| !call.returns) => {
                let new: Vec<RuntimeType> = types.into_iter().filter(|ty| !self.is_unknown(ty)).collect();
                if !new.is_empty() {
                    if self.pending.len() >= MOST_WAITING {
                        // The ends of these calls may be lost. Later calls lead to the same types.
                        self.pending.clear();
                    }
                    self.pending.insert(key, new);
                }
                return;
            }
            Some(Row::Call(_) | Row::CallEnd) => {
                let begun = self.pending.remove(&key).unwrap_or_default();
                begun.into_iter().for_each(|ty| self.wait_for_type(ty));
            }
            Some(Row::CallDropped) => drop(self.pending.remove(&key)),
            _ => {}
        }
        types.into_iter().for_each(|ty| self.wait_for_type(ty));
    }

    /// Whether nothing could be learned of a type before.
    fn is_unknown(&self, ty: &RuntimeType) -> bool {
        self.unknown.contains(&(ty.process, ty.address))
    }

    fn wait_for_type(&mut self, ty: RuntimeType) {
        let is_worth_it = ty.build == runtime_types::BUILD && ty.process != 0 && self.waiting.len() < MOST_WAITING;
        if is_worth_it && self.unknown.insert((ty.process, ty.address)) {
            self.waiting.push(ty);
        }
    }
}

/// A Go executable, for decoders of records.
struct GoImage(Arc<gobin::Image>);

impl fmt::Debug for GoImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GoImage")
    }
}

impl Image for GoImage {
    fn function(&self, at: u64) -> Option<Function<'_>> {
        let function = self.0.function_at(VAddr(at))?;
        let (name, entry, inlined) = (function.name(), function.entry().0, function.inlined_at(VAddr(at)));
        Some(Function { name, entry, inlined })
    }

    fn frames(&self, at: u64) -> Vec<Frame> {
        let frame = |call: CallAt<'_>| Frame {
            func: call.name.to_owned(),
            file: call.place.map(|(file, _)| file.to_owned()),
            line: call.place.map(|(_, line)| line),
            inlined: call.inlined,
        };
        self.0
            .function_at(VAddr(at))
            .map_or_else(Vec::new, |of| of.calls_at(VAddr(at)).into_iter().map(frame).collect())
    }

    fn constant(&self, at: u64, most: usize) -> Option<&[u8]> {
        let elf = self.0.elf();
        let never_changes = elf.segment(VAddr(at)).is_some_and(|segment| !segment.writable);
        elf.tail(VAddr(at)).filter(|_| never_changes).map(|bytes| bytes.get(..most).unwrap_or(bytes))
    }
}
