//! What a record is, on both sides of the ring: the layout that the compiler writes code for and that everything
//! behind the ring reads, and what becomes of records and maps there.
//!
//! Pure: no clock, no files, no kernel, and nothing about executables. Functions, probes and stacks are numbers here;
//! a run sends their names in its [`stream`]. All bytes are foreign: a recording may be damaged, so wrong ones
//! are errors as values.
//!
//! ```text
//! stream ┬─ fold ── decode ── goroutine ── schema ── go ── record
//!        ├─ calls ────┘                      ├── format    bytes
//!        └─ names  run  totals  census       └── bucket    value  encoding
//! ```

pub mod bucket;
pub mod bytes;
pub mod calls;
pub mod census;
pub mod decode;
pub mod encoding;
pub mod fold;
pub mod format;
pub mod go;
pub mod goroutine;
pub mod names;
pub mod record;
pub mod run;
pub mod schema;
pub mod stream;
pub mod totals;
pub mod value;

pub use bytes::DecodeError;
pub use decode::{Event, Header, What};
pub use encoding::ReadError;
pub use fold::{Entry, Folded, Snapshot};
pub use format::Format;
pub use names::{Moment, Names};
pub use schema::{
    CallIndex, Fields, FormatId, MapIndex, MapSchema, MapValue, PrintedIndex, Row, RowId, Schema, Shape, TextId,
};
pub use value::{Id, IdKind, Int, IntType, Text, Value};
