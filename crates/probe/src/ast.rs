//! What was typed, as a tree: names are not looked up, types are not known, and nothing says that it makes sense.
//!
//! Every node has its [`Span`], so that whatever is found wrong with it later can be shown where it stands. What could
//! not be read is there too, as [`ExprKind::Bad`] or [`Attach::Bad`]: a message about it exists already, and nobody
//! says a second thing about it.

mod text;

pub use plan::{BinaryOp, Span, UnaryOp};
pub use text::quoted;

/// Something at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// What.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// A whole text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// `let @name = …(N)`, in order.
    pub maps: Vec<MapDecl>,
    /// The probes with what they do, in order.
    pub clauses: Vec<Clause>,
}

/// `let @name = hash(N)`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapDecl {
    /// `@name`, with the sign.
    pub name: Spanned<String>,
    /// The kind of map: `hash`, `percpuhash`, …
    pub kind: Spanned<String>,
    /// How many entries it shall hold.
    pub capacity: Option<Expr>,
    /// The whole of it.
    pub span: Span,
}

/// Attach points, a condition, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause {
    /// Where: at least one.
    pub points: Vec<AttachPoint>,
    /// `!main.*.func*`: functions that are left out, whichever point matches them.
    pub except: Vec<Spanned<String>>,
    /// `/condition/`
    pub predicate: Option<Expr>,
    /// What.
    pub body: Block,
    /// The whole of it.
    pub span: Span,
}

/// One attach point of a clause's list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttachPoint {
    /// What it says.
    pub attach: Attach,
    /// The whole of it.
    pub span: Span,
}

/// Where to attach, by the words used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attach {
    /// `BEGIN`
    Begin,
    /// `END`
    End,
    /// `interval:s:1`
    Interval(Clock),
    /// `profile:hz:99`
    Profile(Clock),
    /// `tracepoint:sched:sched_switch`
    Tracepoint {
        /// Its category.
        category: Spanned<String>,
        /// Its name.
        name: Spanned<String>,
    },
    /// `uprobe:BIN:FUNC+OFF`, `uretprobe:BIN:FUNC`, `go:FUNC`, `goret:FUNC`, `inlined:FUNC`
    User(User),
    /// `goroutine:state`
    Goroutine(Spanned<String>),
    /// `gc:start`
    Collector(Spanned<String>),
    /// `syscall:enter`
    Syscall(Spanned<String>),
    /// What could not be read.
    Bad,
}

/// `s:1`, `ms:100`, `us:50`, `hz:99`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The unit's word.
    pub unit: Spanned<String>,
    /// How many; 0 where it could not be read.
    pub count: Spanned<u64>,
}

/// A place in a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The file, as written without its quotes; empty for the target of the command line.
    pub binary: Spanned<String>,
    /// Which code.
    pub code: Spanned<Code>,
    /// Where it returns, not where it is entered.
    pub ret: bool,
    /// Written `go:`, `goret:` or `inlined:`.
    pub short: bool,
    /// Not the function itself, but where it was inlined.
    pub inlined: bool,
}

/// Code by name or address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Code {
    /// Functions matching a pattern.
    Function {
        /// The pattern, without quotes.
        pattern: String,
        /// `(n int) int`: what the function takes and gives.
        signature: Option<Spanned<String>>,
        /// `+OFF`: bytes behind the function's first one.
        offset: Option<u64>,
    },
    /// An address as the file's headers count.
    Address(u64),
}

/// `{ … }`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Its statements.
    pub stmts: Vec<Stmt>,
    /// With its braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Without its semicolon.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StmtKind {
    /// An expression for what it does: a call, `@n++`.
    Expr(Expr),
    /// `$x = e`, `@m[k] += e`
    Assign {
        /// A variable or a map's entry.
        to: Expr,
        /// The operator of a compound assignment.
        op: Option<BinaryOp>,
        /// The right side.
        value: Expr,
    },
    /// `if (c) { … } else { … }`; `else if` is an `If` alone in the `otherwise` block.
    If {
        /// The condition.
        cond: Expr,
        /// If it holds.
        then: Block,
        /// If not.
        otherwise: Option<Block>,
    },
    /// `unroll(N) { … }`
    Unroll {
        /// How often.
        times: Expr,
        /// What.
        body: Block,
    },
    /// `return`
    Return,
    /// `{ … }` for itself.
    Block(Block),
}

/// An expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The whole of it.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// `12`, `0x1f`, `1ms`, `'c'`
    Int(u64),
    /// `"text"`, its escapes undone.
    Str(String),
    /// `$1`; 0 is `$0`.
    Param(u32),
    /// `$#`
    ParamCount,
    /// `nsecs`, `args`, `nil`
    Word(String),
    /// `$x`, without the sign.
    Var(String),
    /// `@m[a, b]`; `@` alone is a name too.
    Map {
        /// The name with its sign.
        name: Spanned<String>,
        /// What stands in brackets.
        key: Vec<Expr>,
    },
    /// `f(a, b)`
    Call {
        /// `f`
        name: Spanned<String>,
        /// `a, b`
        args: Vec<Expr>,
    },
    /// `x.name`, `x.0`, `x->name`
    Field {
        /// `x`
        of: Box<Expr>,
        /// `name` or `0`
        name: Spanned<String>,
    },
    /// `x[i]` where `x` is no map.
    Index {
        /// `x`
        of: Box<Expr>,
        /// `i`
        index: Box<Expr>,
    },
    /// `-x`, `!x`, `~x`, `*x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// `x`
        of: Box<Expr>,
    },
    /// `x++`, `--x`
    Step {
        /// `$x` or `@m[k]`
        of: Box<Expr>,
        /// `++`, not `--`.
        up: bool,
        /// Written before: the value is that after the step.
        prefix: bool,
    },
    /// `a + b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// `a`
        left: Box<Expr>,
        /// `b`
        right: Box<Expr>,
    },
    /// `c ? a : b`; `c ?: b` has `c` twice.
    Ternary {
        /// `c`
        cond: Box<Expr>,
        /// `a`
        then: Box<Expr>,
        /// `b`
        otherwise: Box<Expr>,
    },
    /// `(uint32)x`, `(int8 *)x`
    Cast {
        /// `uint32`
        to: Spanned<String>,
        /// How many stars follow the name.
        stars: u32,
        /// `x`
        of: Box<Expr>,
    },
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// What could not be read.
    Bad,
}
