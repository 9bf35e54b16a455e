//! What is needed to decode records, as far as it was in the stream.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Clock, Image, Item, Name, Process, Stack};
use crate::decode::{Header, Whole};
use crate::go::redact::Secrets;
use crate::go::{self, Frame, GoValue, Limits, Types, World};
use crate::goroutine::{Change, StateChange};
use crate::names::{Moment, Names};
use crate::schema::Schema;
use crate::value::{Id, IdKind};

/// What a stream has told so far.
#[derive(Debug, Default)]
pub struct Context {
    schema: Arc<Schema>,
    limits: Limits,
    clock: Option<Clock>,
    /// The second that was asked for last, and how far east of UTC it is: lines come by the thousand in each.
    zone: Cell<Option<(i64, i32)>>,
    /// By build and number.
    images: BTreeMap<(usize, u32), Arc<dyn Image>>,
    processes: HashMap<u32, Process>,
    names: HashMap<Id, Name>,
    stacks: HashMap<u64, Stack>,
    itabs: HashMap<(u32, u64), Option<u64>>,
    types: HashMap<usize, Arc<Types>>,
}

impl Context {
    /// Takes in what an item tells, if it tells something of this kind.
    pub fn learn(&mut self, item: &Item<'_>) {
        match item {
            Item::Schema { schema, limits } => (self.schema, self.limits) = (schema.clone(), *limits),
            Item::Clock(clock) => self.clock = Some(*clock),
            Item::Image { build, binary, image } => drop(self.images.insert((*build, *binary), image.clone())),
            Item::Process(process) => drop(self.processes.insert(process.pid, process.clone())),
            Item::Name(id, Some(name)) => drop(self.names.insert(*id, name.clone())),
            Item::Name(id, None) => drop(self.names.remove(id)),
            Item::Stack { id, stack } => drop(self.stacks.insert(*id, stack.clone())),
            Item::Itab { process, address, ty } => drop(self.itabs.insert((*process, *address), *ty)),
            Item::Types { addition, types } => drop(self.types.insert(*addition, types.clone())),
            _ => {}
        }
    }

    /// The shape of records.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// How much of values records hold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The Go types of an addition to the schema.
    pub(super) fn types<'c>(&'c self, addition: usize, of_schema: &'c Types) -> &'c Types {
        self.types.get(&addition).map_or(of_schema, Arc::as_ref)
    }

    /// A name with what stands beside it.
    #[must_use]
    pub fn known(&self, kind: IdKind, number: u64) -> Option<&Name> {
        self.names.get(&Id { kind, number, process: 0 })
    }

    /// The memory of a process as an executable of a build sees it.
    pub(super) fn world(&self, pid: u32, build: usize, binary: u32) -> InProcess<'_> {
        let process = self.processes.get(&pid);
        let bias = process.map_or(0, |process| process.bias(binary));
        InProcess { context: self, image: self.images.get(&(build, binary)).map(Arc::as_ref), process, bias }
    }

    /// Names, and the whole values of a record without their secrets.
    pub(super) fn named(&self, header: Header, whole: Option<&Whole>, secrets: &Secrets) -> Named<'_> {
        let found = whole.and_then(|whole| Some((whole, self.schema.printed(whole.printed)?)));
        let Some((whole, (printed, types, addition))) = found else {
            return Named { context: self, values: Vec::new(), types: None };
        };
        let (types, world) = (self.types(addition, types), self.world(header.pid, addition, printed.binary));
        let values = go::printed(types, printed, (&whole.bytes, whole.chunks), &world, self.limits);
        let redacted = values.into_iter().map(|(name, mut value)| {
            secrets.redact(name, &mut value, types);
            value
        });
        Named { context: self, values: redacted.collect(), types: Some(types) }
    }

    /// A change of a goroutine's state in names.
    pub(super) fn state_change(&self, header: Header, change: Change) -> StateChange {
        let state = |number: u8| {
            let known = self.known(IdKind::GoState, number.into());
            known.map_or_else(|| number.to_string(), |name| name.text.clone())
        };
        let start = change.start.and_then(|id| self.names.get(&id));
        let created_at = change.created_at.and_then(|pc| self.frames_at(header.pid, pc, true).into_iter().next());
        // The first goroutine is started by code without a file.
        let created_at = created_at.filter(|frame| frame.file.as_ref().is_none_or(|file| !file.starts_with('<')));
        StateChange {
            boot: header.time,
            ts: self.moment(header.time).unix,
            pid: header.pid,
            tid: header.tid,
            change,
            from: state(change.from),
            to: state(change.to),
            reason: change.reason.and_then(|id| self.name(id)),
            function: start.map(|name| name.text.clone()),
            program: start.and_then(|name| name.program.clone()),
            created_at,
        }
    }

    /// The function at an address of a process, and the address as its file counts.
    fn code(&self, pid: u32, at: u64) -> Option<(&dyn Image, super::Function<'_>, u64)> {
        let process = self.processes.get(&pid)?;
        self.images.range((process.build, 0)..=(process.build, u32::MAX)).find_map(|((_, binary), image)| {
            let at = at.wrapping_sub(process.bias(*binary));
            Some((image.as_ref(), image.function(at)?, at))
        })
    }

    fn frames_at(&self, pid: u32, pc: u64, is_return: bool) -> Vec<Frame> {
        match self.code(pid, pc.wrapping_sub(u64::from(is_return))) {
            Some((image, _, at)) => image.frames(at),
            None => vec![Frame { func: format!("{pc:#x}"), ..Frame::default() }],
        }
    }

    /// `main.hit+12`. A return address belongs to the call before it.
    fn symbol(&self, pid: u32, pc: u64, is_return: bool) -> String {
        let before = u64::from(is_return);
        let Some((_, function, at)) = self.code(pid, pc.wrapping_sub(before)) else { return format!("{pc:#x}") };
        let inside = at.wrapping_add(before).wrapping_sub(function.entry);
        let inlined = function.inlined.map(|name| format!("{name} (inlined)\n")).unwrap_or_default();
        format!("{inlined}{}+{inside}", function.name)
    }

    /// One line for each call of a stack; inlined functions have lines of their own.
    fn stack_lines(&self, id: u64) -> Option<String> {
        let Stack { pid, pcs } = self.stacks.get(&id)?;
        let lines = pcs.iter().enumerate().map(|(n, &pc)| self.symbol(*pid, pc, n > 0));
        Some(lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Process {
    /// By how much the addresses of an executable are greater than those of its file.
    #[must_use]
    pub fn bias(&self, binary: u32) -> u64 {
        self.biases.iter().find(|(of, _)| *of == binary).map_or(0, |(_, bias)| *bias)
    }
}

impl Names for Context {
    fn name(&self, id: Id) -> Option<String> {
        match id.kind {
            IdKind::UserStack => self.stack_lines(id.number),
            IdKind::UserSymbol => Some(self.symbol(id.process as u32, id.number, false)),
            kind => {
                let Name { text, program, .. } = self.names.get(&id)?;
                let program = program.as_ref().filter(|_| kind == IdKind::StartFunc);
                Some(program.map_or_else(|| text.clone(), |program| format!("{text} in {program}")))
            }
        }
    }

    fn start(&self, id: Id) -> Option<String> {
        self.names.get(&id).map(|name| name.text.clone())
    }

    fn moment(&self, boot: u64) -> Moment {
        let Some(clock) = self.clock else { return Moment { unix: boot.cast_signed(), east: 0 } };
        let unix = boot.cast_signed().wrapping_add(clock.unix_less_boot);
        let second = unix.div_euclid(1_000_000_000);
        let known = self.zone.get().filter(|(known, _)| *known == second);
        let (_, east) = known.unwrap_or_else(|| (second, (clock.east_of_utc)(second)));
        self.zone.set(Some((second, east)));
        Moment { unix, east }
    }
}

/// Names, and the whole values of a record.
#[derive(Debug)]
pub struct Named<'c> {
    context: &'c Context,
    values: Vec<GoValue>,
    types: Option<&'c Types>,
}

impl Names for Named<'_> {
    fn name(&self, id: Id) -> Option<String> {
        self.context.name(id)
    }

    fn start(&self, id: Id) -> Option<String> {
        self.context.start(id)
    }

    fn go(&self, value: u32) -> Option<(&GoValue, &Types)> {
        Some((self.values.get(value as usize)?, self.types?))
    }

    fn moment(&self, boot: u64) -> Moment {
        self.context.moment(boot)
    }
}

/// A process that a record comes from, and the executable whose types it speaks of.
pub(super) struct InProcess<'c> {
    context: &'c Context,
    image: Option<&'c dyn Image>,
    process: Option<&'c Process>,
    bias: u64,
}

impl World for InProcess<'_> {
    fn bias(&self) -> u64 {
        self.bias
    }

    fn function(&self, address: u64) -> Option<String> {
        self.image?.function(address.wrapping_sub(self.bias)).map(|function| function.name.to_owned())
    }

    fn itab(&self, address: u64) -> Option<u64> {
        *self.context.itabs.get(&(self.process(), address))?
    }

    fn program(&self, function: u64) -> Option<String> {
        self.context.known(IdKind::Func, function)?.program.clone()
    }

    fn process(&self) -> u32 {
        self.process.map_or(0, |process| process.number)
    }

    fn stack(&self, id: u64) -> Vec<String> {
        self.context.stack_lines(id).map_or_else(Vec::new, |lines| lines.lines().map(str::to_owned).collect())
    }

    fn frames(&self, stack: u64) -> Vec<Frame> {
        let Some(Stack { pid, pcs }) = self.context.stacks.get(&stack) else { return Vec::new() };
        pcs.iter().enumerate().flat_map(|(n, &pc)| self.context.frames_at(*pid, pc, n > 0)).collect()
    }

    fn constant(&self, address: u64, most: usize) -> Option<&[u8]> {
        self.image?.constant(address.wrapping_sub(self.bias), most)
    }
}
