//! How much a script may want. What is within these limits, every kernel from 5.10 on takes.

use crate::plan::{Body, Expr, ExprKind, Stmt, StmtKind, Type};

/// Bytes that are kept of a text, unless the script says otherwise.
pub const STRING: u32 = 256;
/// Bytes that are kept of a text if the script asks for more.
pub const LONGEST_STRING: u32 = 1024;
/// Bytes that are kept of a text in a key.
pub const KEY_STRING: u32 = 64;
/// Keys made while others are being made.
pub const KEY_DEPTH: u32 = 4;
/// Bytes of a key, lengths and padding included.
pub const KEY: u32 = 512;
/// Values of one `printf`.
pub const PRINTF_VALUES: usize = 32;
/// Bytes of the values of one `printf` or `print`.
pub const RECORD: u32 = 8192;
/// Parts of a tuple.
pub const TUPLE: usize = 16;
/// How often `unroll` repeats.
pub const UNROLL: u32 = 100;
/// Expressions and statements of one clause, repeated ones counted each time.
pub const PARTS: u64 = 6000;
/// Instructions of one clause as a program. One jump reaches 32 767, and the kernel puts more in their place where it
/// knows what a helper does.
pub const CODE: u64 = 15_000;
/// Conditional jumps of what runs at one place. The verifier keeps at most 8 192 ways in mind that it has not followed
/// yet, those of the program around the clauses among them.
pub const BRANCHES: u64 = 7_000;
/// Instructions of what runs at one place, each as often as loops repeat it. The verifier looks at a million, and at some
/// of them several times.
pub const STEPS: u64 = 200_000;
/// Variables of one clause.
pub const VARS: usize = 24;
/// Values that an entry keeps for the return.
pub const SAVES: usize = 6;
/// Bytes of each text among them.
pub const KEPT_STRING: u32 = KEY_STRING;
/// Values that wait for others while an expression is computed.
pub const WAITING: u32 = 16;
/// Different functions or patterns that `under` is asked about: bits of a byte.
pub const UNDERS: usize = 8;
/// Runs of neighbouring functions that a start function is compared with at once.
pub const RUNS_OF_FUNCTIONS: usize = 64;
/// Bytes of a function's own stack frame where its entries are seen.
pub const FRAME: u32 = (1 << 19) - 8;
/// Frames of a user stack.
pub const FRAMES: u32 = 127;
/// Entries of a map, unless the script says otherwise.
pub const ENTRIES: u32 = 4096;
/// Entries of a map if the script asks for more.
pub const MOST_ENTRIES: u32 = 1 << 24;
/// Buckets of an `lhist`.
pub const BUCKETS: u64 = 1000;

/// Bytes that a whole value of Go starts with at most: the registers that it can be in.
const WHOLE: u32 = 16 * 8;

impl Type {
    /// Bytes that a value takes in a key or a record: texts with their lengths, everything in words of 8 bytes.
    #[must_use]
    pub fn stored(&self) -> u32 {
        use crate::plan::Id;
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

/// Expressions and statements of a body, repeated ones counted each time.
#[must_use]
pub fn parts(body: &Body) -> u64 {
    let predicate = body.predicate.as_ref().map_or(0, of_expr);
    predicate.saturating_add(of_stmts(&body.code))
}

fn of_stmts(stmts: &[Stmt]) -> u64 {
    stmts.iter().map(of_stmt).fold(0, u64::saturating_add)
}

fn of_stmt(stmt: &Stmt) -> u64 {
    let inner = match &stmt.kind {
        StmtKind::If { cond, then, otherwise } => {
            of_expr(cond).saturating_add(of_stmts(then)).saturating_add(of_stmts(otherwise))
        }
        StmtKind::Repeat { times, body } => of_stmts(body).saturating_mul(u64::from(*times)),
        other => exprs(other).map(of_expr).sum(),
    };
    inner.saturating_add(1)
}

/// The expressions that stand directly in a statement without blocks.
pub fn exprs(stmt: &StmtKind) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match stmt {
        StmtKind::SetVar { value, .. } | StmtKind::Do(value) | StmtKind::Print(value) => {
            Box::new(std::iter::once(value))
        }
        StmtKind::SetMap { key, value, .. } => Box::new(key.iter().chain([value])),
        StmtKind::Aggregate { key, value, .. } => Box::new(key.iter().chain(value)),
        StmtKind::Delete { key: exprs, .. } | StmtKind::Printf { args: exprs, .. } => Box::new(exprs.iter()),
        StmtKind::Exit(value) => Box::new(value.iter()),
        StmtKind::If { cond, .. } => Box::new(std::iter::once(cond)),
        _ => Box::new(std::iter::empty()),
    }
}

fn of_expr(expr: &Expr) -> u64 {
    1 + inner(expr).map(of_expr).sum::<u64>()
}

/// The expressions that stand directly in an expression.
pub fn inner(expr: &Expr) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match &expr.kind {
        ExprKind::Map { key: exprs, .. } | ExprKind::Tuple(exprs) => Box::new(exprs.iter()),
        ExprKind::MapAdd { key, by, .. } => Box::new(key.iter().chain([&**by])),
        ExprKind::Unary { of, .. } | ExprKind::Cast(of) | ExprKind::Read(of) => Box::new(std::iter::once(&**of)),
        ExprKind::Binary { left, right, .. } | ExprKind::SameText { left, right, .. } => {
            Box::new([&**left, &**right].into_iter())
        }
        ExprKind::Ternary { cond, then, otherwise } => Box::new([&**cond, &**then, &**otherwise].into_iter()),
        ExprKind::ReadBytes { at, len } => Box::new(std::iter::once(&**at).chain(len.as_deref())),
        _ => Box::new(std::iter::empty()),
    }
}

/// How many values wait at most for others while an expression is computed: the left side of an operator waits for
/// the right one. The parts of a key or tuple go where they belong as they come.
#[must_use]
pub fn waiting(expr: &Expr) -> u32 {
    match &expr.kind {
        ExprKind::Binary { left, right, .. } => waiting(left).max(1 + waiting(right)),
        _ => inner(expr).map(waiting).max().unwrap_or(0),
    }
}

/// The most that [`waiting`] is for any expression of a body.
#[must_use]
pub fn most_waiting(body: &Body) -> u32 {
    let predicate = body.predicate.as_ref().map_or(0, waiting);
    predicate.max(waiting_in(&body.code))
}

fn waiting_in(stmts: &[Stmt]) -> u32 {
    let one = |stmt: &Stmt| {
        let own = exprs(&stmt.kind).map(waiting).max().unwrap_or(0);
        own.max(match &stmt.kind {
            StmtKind::If { then, otherwise, .. } => waiting_in(then).max(waiting_in(otherwise)),
            StmtKind::Repeat { body, .. } => waiting_in(body),
            _ => 0,
        })
    };
    stmts.iter().map(one).max().unwrap_or(0)
}
