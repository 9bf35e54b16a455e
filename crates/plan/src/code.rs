//! The code of bodies: statements and expressions whose names are looked up and whose types are known, and the
//! variables and maps that they work on.

use crate::machine::Register;
use crate::numbers::{AccessNo, MapNo, StringNo, VarNo};
use crate::operator::{BinaryOp, UnaryOp};
use crate::source::{Pos, Span};

/// A `$variable`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Var {
    /// Its name, without the sign.
    pub name: String,
    /// What it holds.
    pub ty: Type,
}

/// A `@map`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map {
    /// Its name, with the sign.
    pub name: String,
    /// The parts of its key, none nested; empty for a map of one entry.
    pub key: Vec<Type>,
    /// What it holds.
    pub value: MapValue,
    /// How many entries.
    pub capacity: u32,
    /// Where the text first names it.
    pub span: Span,
}

/// What a map holds.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum MapValue {
    /// A value that is written and read: one for all CPUs.
    Plain(Type),
    /// `count()`; this and all that follow are kept by CPU and only ever added to.
    Count,
    /// `sum(x)`
    Sum {
        /// Whether `x` has a sign.
        signed: bool,
    },
    /// `avg(x)`
    Avg {
        /// Whether `x` has a sign.
        signed: bool,
    },
    /// `min(x)`
    Min {
        /// Whether `x` has a sign.
        signed: bool,
    },
    /// `max(x)`
    Max {
        /// Whether `x` has a sign.
        signed: bool,
    },
    /// `stats(x)`
    Stats {
        /// Whether `x` has a sign.
        signed: bool,
    },
    /// `hist(x)`: by powers of two, `hist(x, k)`: by 2ᵏ steps for each.
    Hist {
        /// k: 0 to 5.
        bits: u32,
    },
    /// `lhist(x, min, max, step)`
    LinearHist {
        /// Where the buckets start.
        min: i64,
        /// Where they end.
        max: i64,
        /// How wide they are.
        step: u64,
    },
    /// `quantiles(x)`: 16 buckets for each power of two.
    Quantiles,
}

/// A type of the language.
#[derive(Clone, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Type {
    /// An integer.
    Int {
        /// Whether it has a sign.
        signed: bool,
        /// How wide it is where it is stored: 1, 2, 4 or 8. In registers, maps and keys it takes 8.
        bytes: u8,
    },
    /// Text of up to `max` bytes; longer text is cut and says so.
    Str {
        /// The most bytes kept.
        max: u32,
    },
    /// Bytes that are no text, shown as hexadecimal.
    Buf {
        /// The most bytes kept.
        max: u32,
    },
    /// A number that user space shows as something else. It compares as an unsigned number of 8 bytes.
    Id(Id),
    /// Several values, none of them a tuple.
    Tuple(Vec<Type>),
    /// A whole value of Go, which can only be printed.
    Go,
}

/// Bytes that a whole value of Go starts with at most: the registers that it can be in.
const WHOLE: u32 = 16 * 8;

impl Type {
    /// Bytes that a value takes in a key or a record: texts with their lengths, everything in words of 8 bytes.
    #[must_use]
    pub fn stored(&self) -> u32 {
        match self {
            Type::Int { .. } => 8,
            Type::Str { max } | Type::Buf { max } => 8 + max.next_multiple_of(8),
            // A stack or address means something only together with its process.
            Type::Id(Id::UStack(_) | Id::Usym) => 16,
            Type::Id(_) => 8,
            Type::Tuple(parts) => parts.iter().map(Type::stored).sum(),
            Type::Go => WHOLE,
        }
    }
}

/// What a number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Id {
    /// A `FuncNo`: its function's name.
    Func,
    /// A `PointNo` in the upper and a `FuncNo` in the lower 32 bits (all ones without a function): what fired, as
    /// bpftrace writes it.
    Probe,
    /// The address, as the file counts, of a goroutine's start function in the lower 48 bits, a `BinaryNo` above.
    StartFunc,
    /// A goroutine's state, without the scan bit.
    GoState,
    /// Why a goroutine waits: the runtime's number in the lower 32 bits, a `BinaryNo` above, since the numbers
    /// differ from version to version.
    WaitReason,
    /// A user stack of at most that many frames.
    UStack(u32),
    /// An address in the kernel.
    Ksym,
    /// An address in the process.
    Usym,
    /// Nanoseconds since boot, shown by this `strftime` format.
    Time(StringNo),
    /// A number, shown as hexadecimal.
    Hex,
}

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where it stands.
    pub pos: Pos,
}

/// What a statement does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StmtKind {
    /// `$x = e`
    SetVar {
        /// `$x`
        var: VarNo,
        /// `e`, of a type that fits.
        value: Expr,
    },
    /// `@m[k] = e`, of a map that holds plain values
    SetMap {
        /// `@m`
        map: MapNo,
        /// `k`
        key: Vec<Expr>,
        /// `e`, of a type that fits.
        value: Expr,
    },
    /// `@m[k] = hist(e)`, `count()`
    Aggregate {
        /// `@m`: what it holds says what happens.
        map: MapNo,
        /// `k`
        key: Vec<Expr>,
        /// `e`; `None` for `count()`.
        value: Option<Expr>,
    },
    /// An expression for what it does: [`ExprKind::MapAdd`], [`ExprKind::VarAdd`].
    Do(Expr),
    /// `delete(@m[k])`
    Delete {
        /// `@m`
        map: MapNo,
        /// `k`
        key: Vec<Expr>,
    },
    /// `clear(@m)`: user space removes all entries when it reads the record.
    Clear(MapNo),
    /// `zero(@m)`: user space sets all values to 0 when it reads the record.
    Zero(MapNo),
    /// `printf(f, …)`
    Printf {
        /// `f`: checked against the arguments.
        format: StringNo,
        /// `…`
        args: Vec<Expr>,
    },
    /// `print(@m, top, div)`: user space prints the map when it reads the record.
    PrintMap {
        /// `@m`
        map: MapNo,
        /// Only the so many largest; 0 for all.
        top: u32,
        /// Values are divided by this; at least 1.
        div: u32,
    },
    /// `print(e)`, `print(@m[k])`; the entry of a map that is kept by CPU is printed by user space when it reads the
    /// record.
    Print(Expr),
    /// `time(f)`
    Time(StringNo),
    /// `exit(e)`: no body runs on from here, and no other one begins.
    Exit(Option<Expr>),
    /// `if`
    If {
        /// The condition.
        cond: Expr,
        /// If it is not 0.
        then: Vec<Stmt>,
        /// If it is.
        otherwise: Vec<Stmt>,
    },
    /// `unroll(n)`: the same again and again.
    Repeat {
        /// How often: at most 100.
        times: u32,
        /// What.
        body: Vec<Stmt>,
    },
    /// `return`: this body ends here.
    Return,
    /// `call()`: this call is recorded, once.
    Call {
        /// What of it.
        recording: Recording,
        /// With the stack that called, of at most so many frames; 0: without.
        stack: u32,
    },
    /// `event()`: this change of a goroutine's state is recorded.
    Event {
        /// With the goroutine that started it, and where.
        parent: bool,
    },
}

/// What is recorded of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Recording {
    /// That it begins, and nothing else.
    Start,
    /// That it begins; what becomes of it is told where it ends. Put in by the checker for every [`Recording::Return`],
    /// and where calls that were inlined are seen to end.
    Begin,
    /// That it returns. The body runs for calls only whose beginning was recorded, and tells if it does not want one.
    Return,
    /// That a call ends that was inlined, of which nothing else is known. Put in by the checker where it is seen.
    End,
}

impl Recording {
    /// Whether it is of calls that are told when they end, whose beginnings are recorded elsewhere.
    #[must_use]
    pub fn ends(self) -> bool {
        matches!(self, Recording::Return | Recording::End)
    }
}

/// An expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// What it gives.
    pub ty: Type,
    /// Where it stands.
    pub pos: Pos,
}

impl Expr {
    /// The whole value of Go that it is, if it is one.
    #[must_use]
    pub fn whole(&self) -> Option<AccessNo> {
        match (&self.kind, &self.ty) {
            (ExprKind::Access(access), Type::Go) => Some(*access),
            _ => None,
        }
    }

    /// The expressions that it is made of.
    #[must_use]
    pub fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Map { key, .. } => key.iter().collect(),
            ExprKind::MapAdd { key, by, .. } => key.iter().chain([&**by]).collect(),
            ExprKind::Unary { of, .. } | ExprKind::Cast(of) | ExprKind::Read(of) => vec![of],
            ExprKind::Binary { left, right, .. } | ExprKind::SameText { left, right, .. } => vec![left, right],
            ExprKind::Ternary { cond, then, otherwise } => vec![cond, then, otherwise],
            ExprKind::ReadBytes { at, len } => [&**at].into_iter().chain(len.as_deref()).collect(),
            ExprKind::Tuple(parts) => parts.iter().collect(),
            _ => Vec::new(),
        }
    }
}

impl Stmt {
    /// The expressions that stand in it itself, those of statements in it left out.
    #[must_use]
    pub fn exprs(&self) -> Vec<&Expr> {
        match &self.kind {
            StmtKind::SetVar { value, .. } => vec![value],
            StmtKind::SetMap { key, value, .. } => key.iter().chain([value]).collect(),
            StmtKind::Aggregate { key, value, .. } => key.iter().chain(value).collect(),
            StmtKind::Delete { key, .. } => key.iter().collect(),
            StmtKind::Do(expr) | StmtKind::Print(expr) => vec![expr],
            StmtKind::Printf { args, .. } => args.iter().collect(),
            StmtKind::Exit(code) => code.iter().collect(),
            StmtKind::If { cond, .. } => vec![cond],
            _ => Vec::new(),
        }
    }

    /// The statements in it.
    #[must_use]
    pub fn inner(&self) -> Vec<&Stmt> {
        match &self.kind {
            StmtKind::If { then, otherwise, .. } => then.iter().chain(otherwise).collect(),
            StmtKind::Repeat { body, .. } => body.iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// A number, as the 64 bits that it is.
    Int(i64),
    /// Text.
    Str(StringNo),
    /// A word that means something by itself.
    Word(Word),
    /// An argument, result or part of one.
    Access(AccessNo),
    /// A field of a tracepoint's record; of type integer, or string for `char[N]`.
    Field {
        /// Where it is in the record.
        offset: u32,
        /// How many bytes it takes: 1, 2, 4 or 8, or the length of the array.
        bytes: u32,
        /// How it is stored.
        form: FieldForm,
    },
    /// A field of a runtime event.
    Event(EventField),
    /// A register as it is at the site.
    Register(Register),
    /// The word at SP + 8 + this, for `sargN`; the entry's adjustment is added.
    StackWord(u64),
    /// `under("f")`: whether a call of `Plan::unders` with this number is open on this goroutine, 0 or 1. In Go code only.
    Under(u8),
    /// `$x`
    Var(VarNo),
    /// `@m[k]`: 0 or "" if there is none.
    Map {
        /// `@m`: it holds plain values, but in [`StmtKind::Print`].
        map: MapNo,
        /// `k`
        key: Vec<Expr>,
    },
    /// `@m[k] += n` and the like, one atomic addition.
    MapAdd {
        /// `@m`: it holds integers.
        map: MapNo,
        /// `k`
        key: Vec<Expr>,
        /// `n`
        by: Box<Expr>,
        /// Whose value counts, if it is used: that before the addition, or that after it. Without atomics that
        /// return something it is what a read beside the addition finds.
        before: bool,
    },
    /// `$x++` and the like.
    VarAdd {
        /// `$x`: an integer.
        var: VarNo,
        /// How much.
        by: i64,
        /// The value is that before the addition.
        before: bool,
    },
    /// `-x`, `~x`, `!x`; the last gives 0 or 1.
    Unary {
        /// Never [`UnaryOp::Deref`].
        op: UnaryOp,
        /// `x`
        of: Box<Expr>,
    },
    /// `a + b` on integers. The sides have types of equal sign (ids count as unsigned); comparisons and the logical
    /// operators give 0 or 1, and the latter look at the right side only where it matters.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// `a`
        left: Box<Expr>,
        /// `b`
        right: Box<Expr>,
    },
    /// Whether two texts are the same: 0 or 1.
    SameText {
        /// One.
        left: Box<Expr>,
        /// The other.
        right: Box<Expr>,
        /// Only that many bytes count.
        first: Option<u32>,
        /// Whether they differ instead.
        negated: bool,
    },
    /// `c ? a : b`; both sides fit the type.
    Ternary {
        /// `c`
        cond: Box<Expr>,
        /// `a`
        then: Box<Expr>,
        /// `b`
        otherwise: Box<Expr>,
    },
    /// `(uint32)x`: cut to the type's width, then extended by its sign. Also makes a number an id: `usym(x)`.
    Cast(Box<Expr>),
    /// `*(uint32 *)x`: the type's bytes at the address `x` of the process.
    Read(Box<Expr>),
    /// `str(p)`, `str(p, n)`, `buf(p, n)`: the bytes at the address `p` of the process, up to `n`; without `n` up to
    /// a zero byte. The type says how many are kept at most, and whether they end at a zero byte.
    ReadBytes {
        /// `p`
        at: Box<Expr>,
        /// `n`
        len: Option<Box<Expr>>,
    },
    /// `(a, b)`
    Tuple(Vec<Expr>),
}

/// A word that means something by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Word {
    /// Nanoseconds since boot.
    Nsecs,
    /// Nanoseconds since this call began. In returns only.
    Elapsed,
    /// The process.
    Pid,
    /// The thread.
    Tid,
    /// The CPU.
    Cpu,
    /// The thread's name: text of up to 16 bytes.
    Comm,
    /// The goroutine; 0 if none.
    Goid,
    /// The goroutine that started it.
    ParentGoid,
    /// Its state.
    GoState,
    /// Why it waits.
    WaitReason,
    /// Its start function.
    StartFunc,
    /// The function of the site.
    Func,
    /// The attach point with the function of the site.
    Probe,
    /// The user stack.
    UStack,
    /// The address of the instruction that called. In entries and returns of Go functions only.
    Caller,
}

/// How a field of a tracepoint's record is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FieldForm {
    /// A number.
    Int,
    /// An array of characters with zeros behind the text.
    Chars,
    /// A `__data_loc` word: length in the upper, offset in the record in the lower 16 bits, of text that ends with a
    /// zero.
    DataLoc,
}

/// A field of a runtime event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EventField {
    /// `args.goid`: the goroutine concerned.
    Goid,
    /// `args.from`: the state left.
    From,
    /// `args.to`: the state entered.
    To,
    /// `args.reason`: why it waits, if it does.
    Reason,
    /// `args.for`: nanoseconds in the state left.
    For,
    /// `args.spent`: how much of that lies within the run; 0 if it is not known.
    Spent,
    /// `args.startfunc`
    StartFunc,
    /// `args.parent`: the goroutine that started it.
    Parent,
    /// `args.gopc`: where it was started.
    GoPc,
    /// `args.by`: the goroutine that made it ready; 0 if that was the runtime itself.
    By,
    /// `args.goid`: the goroutine whose system call it is.
    Caller,
    /// `args.nr`: which system call.
    Nr,
    /// `args.ret`: what the kernel answered.
    Ret,
}
