//! A script's meaning as data, between the language and the code generator.
//!
//! Pure: no text is read here and no instruction written. [`Plan`] says which sites, which code on them, which maps;
//! [`world::World`] is how executables and the kernel are asked for the facts that go into it.

mod body;
pub mod capture;
mod code;
mod event;
#[cfg(test)]
mod fakes;
pub mod limits;
pub mod machine;
mod numbers;
mod operator;
mod place;
mod plan;
mod source;
pub mod target;
pub mod world;

pub use self::body::{Accessed, Body, Variant};
pub use self::code::{
    EventField, Expr, ExprKind, FieldForm, Id, Map, MapValue, Recording, Stmt, StmtKind, Type, Var, Word,
};
pub use self::event::{Event, GoroutineEvent, On, Period, Prelude, SyscallEvent};
pub use self::numbers::{
    AccessNo, BinaryNo, BodyNo, FuncNo, GroupNo, MapNo, PointNo, SaveNo, StringNo, VarNo, VariantNo,
};
pub use self::operator::{BinaryOp, UnaryOp};
pub use self::place::{Access, Base, Bound, Generic, Kept, Location, RegisterPart, Value, Whole, WholeAt};
pub use self::plan::{
    Also, Binary, Entry, Exit, Function, Group, Needs, Over, Plan, Point, RecordedCalls, Run, Site, Skipped, Syscall,
    Under,
};
pub use self::source::{Pos, Source, Span};
