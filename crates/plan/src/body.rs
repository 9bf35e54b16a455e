//! One clause's code for one choice of types, and how large it is.

use crate::code::{Expr, ExprKind, Recording, Stmt, StmtKind, Type, Var};
use crate::event::Prelude;
use crate::numbers::BodyNo;
use crate::place::Access;
use crate::source::Span;

/// One clause's code for one choice of types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// Which clause, by position in the text.
    pub clause: u32,
    /// What it runs on: which words mean something.
    pub prelude: Prelude,
    /// Its variables. They are 0 or "" until something is assigned.
    pub vars: Vec<Var>,
    /// The types of what it reads of arguments and results, no two of the same path.
    pub accesses: Vec<Accessed>,
    /// It runs only where this is not 0.
    pub predicate: Option<Expr>,
    /// What it does.
    pub code: Vec<Stmt>,
    /// Where it stands.
    pub span: Span,
}

impl Body {
    /// What it records of calls, if it does.
    #[must_use]
    pub fn records(&self) -> Option<Recording> {
        records(&self.code)
    }
}

fn records(code: &[Stmt]) -> Option<Recording> {
    code.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Call { recording, .. } => Some(*recording),
        StmtKind::If { then, otherwise, .. } => records(then).or_else(|| records(otherwise)),
        StmtKind::Repeat { body, .. } => records(body),
        _ => None,
    })
}

/// An argument, result or part of one, as a body sees it.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Accessed {
    /// As written: `args.r.Tags[0]`, `len(args.s)`.
    pub path: String,
    /// Its type: an integer or a string.
    pub ty: Type,
}

/// A body with places.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Variant {
    /// The code.
    pub body: BodyNo,
    /// Where each of [`Body::accesses`] is.
    pub accesses: Vec<Access>,
    /// It runs where a function jumps to another one, and that matters: calls are recorded.
    pub jump: bool,
}

impl Body {
    /// Expressions and statements, repeated ones counted each time.
    #[must_use]
    pub fn parts(&self) -> u64 {
        let predicate = self.predicate.as_ref().map_or(0, parts_of_expr);
        predicate.saturating_add(parts_of_stmts(&self.code))
    }

    /// How many values wait at most for others while an expression is computed.
    #[must_use]
    pub fn most_waiting(&self) -> u32 {
        let predicate = self.predicate.as_ref().map_or(0, waiting);
        self.code.iter().map(waiting_in).fold(predicate, u32::max)
    }
}

fn parts_of_stmts<'s>(stmts: impl IntoIterator<Item = &'s Stmt>) -> u64 {
    stmts.into_iter().map(parts_of_stmt).fold(0, u64::saturating_add)
}

fn parts_of_stmt(stmt: &Stmt) -> u64 {
    let times = if let StmtKind::Repeat { times, .. } = stmt.kind { u64::from(times) } else { 1 };
    let own = stmt.exprs().into_iter().map(parts_of_expr).sum::<u64>();
    parts_of_stmts(stmt.inner()).saturating_mul(times).saturating_add(own).saturating_add(1)
}

fn parts_of_expr(expr: &Expr) -> u64 {
    1 + expr.parts().into_iter().map(parts_of_expr).sum::<u64>()
}

/// How many values wait for others: the left side of an operator waits for the right one. The parts of a key or tuple go
/// where they belong as they come.
fn waiting(expr: &Expr) -> u32 {
    match &expr.kind {
        ExprKind::Binary { left, right, .. } => waiting(left).max(1 + waiting(right)),
        _ => expr.parts().into_iter().map(waiting).max().unwrap_or(0),
    }
}

fn waiting_in(stmt: &Stmt) -> u32 {
    let own = stmt.exprs().into_iter().map(waiting);
    own.chain(stmt.inner().into_iter().map(waiting_in)).max().unwrap_or(0)
}
