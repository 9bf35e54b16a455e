//! Records of calls, made whole and put into values for whoever shows them.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;

use engine::{Error, Pid, Tables};
use event::calls::{Calls, Finished, Key, Panics, Reader, Record, Told};
use event::decode::Whole;
use event::go::redact::{SECRETS, Secrets};
use event::go::{self, End, Frame, GoValue, Types, World};
use event::{CallIndex, Header, Id, IdKind, Moment, Names, Schema, What};
use gobin::VAddr;
use plan::capture::{Limits, Opaque};
use plan::target::PANIC;

use super::leftovers::Open;
use super::met::{self, Met};
use super::names::Known;
use super::script::Stopped;
use super::show::Show;
use crate::executable::Executable;
use crate::machine::Host;

/// A call, for whoever shows it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// When and where it was, and how it ended; [`End::Open`] where it has just begun.
    pub call: &'a Finished,
    /// Its values.
    pub told: &'a Told<'a>,
    /// What the records are that they were read from.
    pub schema: &'a Schema,
    /// The types of the values.
    pub types: &'a Types,
    /// When it began, in nanoseconds since 1970.
    pub ts: i64,
}

/// How much of values is read, and what of them is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// How many pointers are followed, one behind the other.
    pub depth: u8,
    /// Bytes of a record of a call.
    pub bytes: u32,
    /// Bytes of a string.
    pub strlen: u16,
    /// What has such a name is not shown.
    pub secrets: Vec<String>,
    /// Types into which nobody wants to look, or into which somebody does, besides those that are usual; what comes last
    /// counts.
    pub opaque: Vec<Opaque>,
}

impl Default for Values {
    fn default() -> Values {
        let Limits { depth, bytes, string: strlen, .. } = Limits::default();
        Values { depth, bytes, strlen, secrets: SECRETS.map(str::to_owned).to_vec(), opaque: Vec::new() }
    }
}

impl Values {
    /// The same for the compiler.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits { depth: self.depth, bytes: self.bytes, string: self.strlen, ..Limits::default() };
        limits.opaque.extend(self.opaque.iter().cloned());
        limits
    }
}

/// The calls of a run.
#[derive(Default)]
pub(super) struct Joined {
    calls: Calls,
    panics: Panics,
    secrets: Secrets,
    limits: go::Limits,
    seen: RefCell<Seen>,
    met: Option<Met>,
    /// Of how many calls only the beginning was recorded, by function.
    alone: HashMap<u64, u64>,
}

/// What was found in processes, each of which has a number of its own.
#[derive(Default)]
struct Seen {
    /// The types of itabs that runtimes have made, by process and address; nothing where that could not be read.
    itabs: HashMap<(u32, u64), Option<u64>>,
    /// Types that nobody knows, and those of them that nobody has looked at yet.
    unknown: HashSet<(u32, u64)>,
    waiting: Vec<met::Unknown>,
}

/// What it takes to put them into values.
pub(super) struct Telling<'r, 's> {
    pub schema: &'r Schema,
    pub known: &'r Known<'r>,
    pub show: &'s mut dyn Show,
}

impl Joined {
    /// None yet.
    pub fn new(values: &Values) -> Joined {
        let limits = go::Limits { depth: Some(values.depth.into()), text: values.strlen.into() };
        let secrets = Secrets::like(values.secrets.iter().map(String::as_str));
        Joined { secrets, limits, ..Joined::default() }
    }

    /// Takes a record of a call. Says whether one was shown.
    pub fn record(&mut self, header: Header, what: What, telling: &mut Telling<'_, '_>) -> Result<bool, Stopped> {
        let ended = match what {
            What::Call { call, bytes } => {
                let returns = telling.schema.call(call).is_some_and(|call| call.returns);
                let record = record(call, bytes);
                if !returns {
                    self.begins(header, record, telling)?;
                    return Ok(false);
                }
                self.calls.returns(header, record)
            }
            What::CallStart { call, bytes } => {
                let of = telling.schema.call(call);
                of.into_iter().for_each(|of| *self.alone.entry(of.function).or_default() += 1);
                Calls::begun(header, record(call, bytes))
            }
            What::CallEnd(short) => {
                let end = End::numbered(short.end).unwrap_or(End::Lost);
                self.panics.ends(header, &short);
                if telling.known.is_ours(short.function) {
                    return Ok(false);
                }
                let ended = self.calls.ends(header, short.id, end);
                let panic = ended.as_ref().filter(|_| end == End::Unwound);
                let panic = panic.and_then(|call| self.panics.of(call.key, short.panic));
                ended.map(|call| Finished { panic, ..call })
            }
            What::CallDropped(short) => {
                if let Some(key) = self.calls.dropped(header, short.id) {
                    telling.show.drops(key, header.time, telling.known)?;
                }
                None
            }
            _ => None,
        };
        let Some(call) = ended else { return Ok(false) };
        self.tell(&call, telling, false)?;
        Ok(true)
    }

    fn begins(&mut self, header: Header, record: Record, telling: &mut Telling<'_, '_>) -> Result<(), Stopped> {
        let of = telling.schema.calls().get(record.call as usize);
        if of.is_some_and(|of| of.name == PANIC) {
            self.panics.begins(header, record.clone());
        }
        if of.is_some_and(|of| telling.known.is_ours(of.function)) {
            return Ok(());
        }
        let key = self.calls.begins(header, record);
        let begun = key.filter(|_| telling.show.wants_beginnings()).and_then(|key| self.calls.get(key));
        Ok(begun.map_or(Ok(()), |call| self.tell(&call, telling, true))?)
    }

    /// Gives out those that have not ended: the run is over. Of what the program in the kernel does not know as open the
    /// end was lost.
    pub fn unended(&mut self, open: &Open) -> Vec<Finished> {
        let is_open = |key: &Key, started| open.panics.contains(&(key.goid, key.id, started));
        let panics = self.panics.on_their_way(is_open);
        let mut unended = self.calls.close(End::Lost, |_, _| true);
        // What began last stands within what began before.
        unended.reverse();
        for call in &mut unended {
            let which = (call.key.found_by().goid, call.key.id, call.started);
            call.end = open.recorded.get(&which).copied().unwrap_or(End::Lost);
            let panic = panics.get(&(call.key.pid, call.key.goid)).filter(|(id, _)| *id > call.key.id);
            call.panic = panic.filter(|_| call.end == End::Open).map(|(_, record)| record.clone());
        }
        unended
    }

    /// Looks at the types that interfaces held and nobody knew, so that what they hold next can be followed.
    pub fn meet(&mut self, known: &Known<'_>, values: &Values, tables: &Tables) -> Result<Option<String>, Error> {
        let waiting = std::mem::take(&mut self.seen.get_mut().waiting);
        if waiting.is_empty() {
            return Ok(None);
        }
        let met = self.met.get_or_insert_with(|| Met::of(&known.builds[0].compiled));
        waiting.into_iter().try_fold(None, |said, unknown| Ok(met.meet(unknown, known, values, tables)?.or(said)))
    }

    /// Of how many only the beginning was recorded, by function.
    pub fn alone(&self) -> &HashMap<u64, u64> {
        &self.alone
    }

    /// How many have ended.
    pub fn finished(&self) -> u64 {
        self.calls.tally().finished
    }

    /// The whole values of a record that is none of a call, without their secrets, and names for everything else.
    pub fn named<'k, 'r>(
        &'k self,
        header: Header,
        whole: Option<&Whole>,
        schema: &'k Schema,
        known: &'k Known<'r>,
    ) -> Named<'k, 'r> {
        let Some((whole, (printed, types, build))) =
            whole.and_then(|whole| Some((whole, schema.printed(whole.printed)?)))
        else {
            return Named { known, values: Vec::new(), types: None };
        };
        let types = self.types(build, types);
        let place = InProcess::new(known, Pid(header.pid), (build, printed.binary), &self.seen);
        let values = go::printed(types, printed, (&whole.bytes, whole.chunks), &place, self.limits);
        let values = values.into_iter().map(|(name, mut value)| {
            self.secrets.redact(name, &mut value, types);
            value
        });
        Named { known, values: values.collect(), types: Some(types) }
    }

    /// The types of a build, with those that were met.
    fn types<'k>(&'k self, build: usize, types: &'k Types) -> &'k Types {
        self.met.as_ref().filter(|_| build == met::BUILD).map_or(types, Met::types)
    }

    /// Shows a call, which begins or ends.
    pub fn tell(&self, call: &Finished, telling: &mut Telling<'_, '_>, begins: bool) -> io::Result<()> {
        let Telling { schema, known, show } = telling;
        let (Some(types), calls) = (schema.types_of(CallIndex(call.begun.call)), schema.calls()) else { return Ok(()) };
        let binary = calls.get(call.begun.call as usize).map_or(0, |of| of.binary);
        // Each build's calls were added when it was compiled.
        let build = schema.addition(CallIndex(call.begun.call));
        let types = self.types(build, types);
        let place = InProcess::new(known, Pid(call.key.pid), (build, binary), &self.seen);
        let reader = Reader { types, calls, secrets: &self.secrets, limits: self.limits };
        let Some(told) = reader.read(call, &place) else { return Ok(()) };
        let ts = call.started.cast_signed().wrapping_add(known.unix_less_boot);
        let shown = Call { call, told: &told, schema, types, ts };
        if begins { show.begins(&shown, *known) } else { show.call(&shown, *known) }
    }
}

/// Names, and the whole values of a record.
pub(super) struct Named<'k, 'r> {
    known: &'k Known<'r>,
    values: Vec<GoValue>,
    types: Option<&'k Types>,
}

impl Names for Named<'_, '_> {
    fn name(&self, id: Id) -> Option<String> {
        self.known.name(id)
    }

    fn start(&self, id: Id) -> Option<String> {
        self.known.start(id)
    }

    fn go(&self, value: u32) -> Option<(&GoValue, &Types)> {
        Some((self.values.get(value as usize)?, self.types?))
    }

    fn moment(&self, boot: u64) -> Moment {
        self.known.moment(boot)
    }
}

fn record(call: CallIndex, bytes: Vec<u8>) -> Record {
    Record { call: call.0, bytes }
}

/// The type that an itab is about, as the process has it now.
// +rtype 1.21-1.22 itab._type *abi.Type @8 | 1.23- internal/abi.ITab.Type *abi.Type @8
fn type_of_itab(host: &dyn Host, pid: Pid, itab: u64) -> io::Result<u64> {
    host.process(pid)?.memory()?.word(itab.wrapping_add(8))
}

/// An executable in a process.
struct InProcess<'k, 'r> {
    known: &'k Known<'r>,
    pid: Pid,
    executable: Option<&'k Executable>,
    /// By how much its addresses are greater than the file's.
    bias: u64,
    build: usize,
    binary: u32,
    number: OnceCell<u32>,
    seen: &'k RefCell<Seen>,
}

/// No more types wait to be looked at.
const MOST_WAITING: usize = 256;

impl<'k, 'r> InProcess<'k, 'r> {
    /// Of a build the executable of this number.
    fn new(
        known: &'k Known<'r>,
        pid: Pid,
        (build, binary): (usize, u32),
        seen: &'k RefCell<Seen>,
    ) -> InProcess<'k, 'r> {
        let executable = known.executable(build, binary);
        let bias = executable.map_or(0, |executable| known.bias(pid, binary, executable));
        InProcess { known, pid, executable, bias, build, binary, number: OnceCell::new(), seen }
    }
}

impl World for InProcess<'_, '_> {
    fn bias(&self) -> u64 {
        self.bias
    }

    fn function(&self, address: u64) -> Option<String> {
        let image = self.executable?.go()?;
        let function = image.function_at(VAddr(address.wrapping_sub(self.bias)))?;
        Some(function.name().to_owned())
    }

    fn itab(&self, address: u64) -> Option<u64> {
        let key = (self.process(), address);
        let known = self.seen.borrow().itabs.get(&key).copied();
        // One that could not be read is not asked for again either.
        known.unwrap_or_else(|| {
            let ty = type_of_itab(self.known.processes.host(), self.pid, address).ok();
            self.seen.borrow_mut().itabs.insert(key, ty);
            ty
        })
    }

    fn process(&self) -> u32 {
        *self.number.get_or_init(|| self.known.processes.number(self.pid, &self.known.rows).unwrap_or(0))
    }

    fn unknown(&self, address: u64) {
        let (process, mut seen) = (self.process(), self.seen.borrow_mut());
        if self.build == met::BUILD
            && process != 0
            && seen.waiting.len() < MOST_WAITING
            && seen.unknown.insert((process, address))
        {
            let (pid, binary, bias) = (self.pid, self.binary, self.bias);
            seen.waiting.push(met::Unknown { pid, process, binary, bias, address });
        }
    }

    fn stack(&self, id: u64) -> Vec<String> {
        let id = Id { kind: IdKind::UserStack, number: id, process: 0 };
        self.known.name(id).map_or_else(Vec::new, |lines| lines.lines().map(ToOwned::to_owned).collect())
    }

    fn program(&self, function: u64) -> Option<String> {
        self.known.program_of(function)
    }

    fn frames(&self, stack: u64) -> Vec<Frame> {
        self.known.frames(stack)
    }

    fn constant(&self, address: u64, most: usize) -> Option<&[u8]> {
        let elf = self.executable?.elf();
        let at = VAddr(address.wrapping_sub(self.bias));
        let never_changes = elf.segment(at).is_some_and(|segment| !segment.writable);
        elf.tail(at).filter(|_| never_changes).map(|bytes| bytes.get(..most).unwrap_or(bytes))
    }
}
