//! A script's meaning as data, between the language and the code generator.
//!
//! Pure: no text is read here and no instruction written. [`Plan`] says which sites, which code on them, which maps;
//! [`target::World`] is how executables and the kernel are asked for the facts that go into it.

pub mod capture;
pub mod limits;
pub mod machine;
mod operator;
mod plan;
mod source;
pub mod target;

pub use self::operator::{BinaryOp, UnaryOp};
pub use self::plan::{
    Access, AccessNo, Accessed, Also, Base, Binary, BinaryNo, Body, BodyNo, Bound, Entry, Event, EventField, Exit,
    Expr, ExprKind, FieldForm, FuncNo, Function, Generic, GoroutineEvent, Group, GroupNo, Id, Kept, Location, Map,
    MapNo, MapValue, Needs, On, Over, Period, Plan, Point, PointNo, Prelude, RecordedCalls, Recording, RegisterPart,
    Run, SaveNo, Site, Skipped, Start, Stmt, StmtKind, StringNo, Syscall, SyscallEvent, Type, Under, Value, Var, VarNo,
    Variant, VariantNo, Whole, WholeAt, Word,
};
pub use self::source::{Pos, Source, Span};
