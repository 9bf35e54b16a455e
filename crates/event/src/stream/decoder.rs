//! Records to what they say: values with their names, calls from their beginning to their end.

use super::context::{Context, Named};
use super::{Item, OpenCalls};
use crate::bytes::DecodeError;
use crate::calls::{CallValues, Calls, Finished, Key, Panics, Reader, Record};
use crate::decode::{self, Event, Header, What, Whole};
use crate::format::Format;
use crate::go::redact::Secrets;
use crate::go::{End, Types};
use crate::goroutine;
use crate::names::{Moment, Names};
use crate::schema::{CallIndex, FormatId, Schema, TextId};
use crate::value::{IdKind, Value};

/// The call of Go's runtime with which every panic begins.
const PANIC: &str = "runtime.gopanic";

/// Takes the items of a stream and decodes its records.
#[derive(Debug, Default)]
pub struct Decoder {
    context: Context,
    calls: Calls,
    panics: Panics,
    secrets: Secrets,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Output {
    /// `printf`
    Printf {
        /// The format, see [`Decoder::format`].
        format: FormatId,
        /// Its arguments.
        args: Vec<Value>,
        /// Their whole values of Go, see [`Decoder::named`].
        whole: Captured,
    },
    /// `print` of a value
    Value {
        /// The value.
        value: Value,
        /// Its whole value of Go, if it is one.
        whole: Captured,
    },
    /// `time`
    Time {
        /// The form, see [`Decoder::form`].
        form: TextId,
        /// Nanoseconds since boot.
        boot: u64,
    },
    /// A call begins, and its end will follow.
    Begins(Key),
    /// A call has ended, or its beginning is all that was asked for.
    Ends(Box<Finished>),
    /// A call that began has ended at so many nanoseconds since boot, and a condition does not want it.
    Drops(Key, u64),
    /// `event()`
    State(Box<goroutine::StateChange>),
}

/// Whole values of Go as they were captured.
#[derive(Clone, Debug)]
pub struct Captured {
    header: Header,
    whole: Option<Whole>,
}

impl Decoder {
    /// Takes secrets out of all values.
    #[must_use]
    pub fn new(secrets: Secrets) -> Decoder {
        Decoder { secrets, ..Decoder::default() }
    }

    /// Takes in what an item tells about records that follow.
    pub fn learn(&mut self, item: &Item<'_>) {
        self.context.learn(item);
    }

    /// Names for numbers outside of records.
    #[must_use]
    pub fn names(&self) -> &Context {
        &self.context
    }

    /// Decodes a record. Nothing comes of one that only helps to decode others.
    ///
    /// # Errors
    /// Its bytes are too few, or say what the schema does not know.
    pub fn read(&mut self, record: &[u8]) -> Result<Option<Output>, DecodeError> {
        let Event { header, what } = decode::event(self.context.schema(), record)?;
        Ok(match what {
            What::Printf { format, args, whole } => {
                Some(Output::Printf { format, args, whole: Captured { header, whole } })
            }
            What::PrintValue { value, whole } => Some(Output::Value { value, whole: Captured { header, whole } }),
            What::Time(form) => Some(Output::Time { form, boot: header.time }),
            What::State(change) => Some(Output::State(Box::new(self.context.state_change(header, change)))),
            What::PrintMap { .. } | What::PrintEntry { .. } | What::Clear(_) | What::Zero(_) | What::Exit(_) => None,
            call => self.call_record(header, call),
        })
    }

    /// A format by its number.
    #[must_use]
    pub fn format(&self, id: FormatId) -> Option<&Format> {
        self.schema().format(id)
    }

    /// A form of `time` by its number.
    #[must_use]
    pub fn form(&self, id: TextId) -> &str {
        self.schema().text(id).unwrap_or_default()
    }

    /// Names for the values of a record, and its whole values of Go without their secrets.
    #[must_use]
    pub fn named(&self, captured: &Captured) -> Named<'_> {
        self.context.named(captured.header, captured.whole.as_ref(), &self.secrets)
    }

    fn call_record(&mut self, header: Header, what: What) -> Option<Output> {
        let ended = match what {
            What::Call { call, bytes } => {
                let returns = self.schema().call(call).is_some_and(|call| call.returns);
                let record = record(call, bytes);
                if !returns {
                    return self.begins(header, record).map(Output::Begins);
                }
                self.calls.returns(header, record)
            }
            What::CallStart { call, bytes } => Calls::begun(header, record(call, bytes)),
            What::CallEnd(short) => {
                let end = End::numbered(short.end).unwrap_or(End::Lost);
                self.panics.ends(header, &short);
                let ended = self.calls.ends(header, &short, end);
                let panic = ended.as_ref().filter(|_| end == End::Unwound);
                let panic = panic.and_then(|call| self.panics.of(call.key, short.panic));
                ended.map(|call| Finished { panic, ..call })
            }
            What::CallDropped(short) => {
                return self.calls.dropped(header, short.id).map(|key| Output::Drops(key, header.time));
            }
            _ => None,
        };
        ended.map(|call| Output::Ends(Box::new(call)))
    }

    fn begins(&mut self, header: Header, record: Record) -> Option<Key> {
        let of = self.schema().calls().get(record.call as usize);
        let is_panic = of.is_some_and(|of| of.name == PANIC);
        let name = of.and_then(|of| self.context.known(IdKind::Func, of.function));
        let is_own = name.is_some_and(|name| name.own);
        if is_panic {
            self.panics.begins(header, record.clone());
        }
        if is_own { None } else { self.calls.begins(header, record) }
    }

    /// A call that has not ended, as it would be if the run ended now.
    #[must_use]
    pub fn open(&self, key: Key) -> Option<Finished> {
        self.calls.get(key)
    }

    /// How many calls have ended.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.calls.tally().finished
    }

    /// Ends all calls: the run is over. What began last comes first, since it stands within what began before.
    pub fn end(&mut self, open: &OpenCalls) -> Vec<Finished> {
        let is_open = |key: &Key, started| open.panics.contains(&(key.goid, key.id, started));
        let panics = self.panics.on_their_way(is_open);
        let mut unended = self.calls.close(End::Lost, |_, _| true);
        unended.reverse();
        for call in &mut unended {
            let which = (call.key.found_by().goid, call.key.id, call.started);
            call.end = open.calls.get(&which).copied().unwrap_or(End::Lost);
            let panic = panics.get(&(call.key.pid, call.key.goid)).filter(|(id, _)| *id > call.key.id);
            call.panic = panic.filter(|_| call.end == End::Open).map(|(_, record)| record.clone());
        }
        unended
    }

    /// The values of a call without their secrets, and their types.
    #[must_use]
    pub fn values(&self, call: &Finished) -> Option<(CallValues<'_>, &Types)> {
        let (schema, index) = (self.schema(), CallIndex(call.begun.call));
        let (binary, addition) = (schema.call(index).map_or(0, |of| of.binary), schema.addition(index));
        let types = self.context.types(addition, schema.types_of(index)?);
        let world = self.context.world(call.key.pid, addition, binary);
        let reader = Reader { types, calls: schema.calls(), secrets: &self.secrets, limits: self.context.limits() };
        Some((reader.read(call, &world)?, types))
    }

    /// The time of day at so many nanoseconds since boot.
    #[must_use]
    pub fn moment(&self, boot: u64) -> Moment {
        self.context.moment(boot)
    }

    fn schema(&self) -> &Schema {
        self.context.schema()
    }
}

fn record(CallIndex(call): CallIndex, bytes: Vec<u8>) -> Record {
    Record { call, bytes }
}
