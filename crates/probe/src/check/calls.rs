//! Whole calls: a clause that records what returns becomes two, one for where calls begin and one for where they return.
//!
//! Of its condition goes to the beginning what can be known there: what a call is refused for then is never recorded.
//! The rest is asked where it returns, and if that refuses the call, its record is taken back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::ast::{
    Attach, AttachPoint, BinaryOp, Block, Clause, Expr, ExprKind as Ast, Script, Span, Spanned, Stmt, StmtKind,
};
use crate::diagnostic::Diagnostic;
use plan::{FuncNo, RecordedCalls};

/// What is known only where a call returns.
const OF_RETURNS: [&str; 5] = ["elapsed", "failed", "ret", "rets", "retval"];
/// What may have changed by then.
const OF_THE_MOMENT: [&str; 7] = ["cpu", "gostate", "nsecs", "reg", "tid", "ustack", "waitreason"];
/// The action.
const CALL: &str = "call";

/// A script, and which of its clauses stand for the beginnings of which.
pub(super) struct Split<'s> {
    pub script: Cow<'s, Script>,
    /// How many clauses the text has. Those behind them are ours.
    pub own: usize,
    /// For each of ours the one that it belongs to.
    pub of: Vec<usize>,
    /// The last one of ours records panics, if there are others.
    pub panics: Option<usize>,
    pub messages: Vec<Diagnostic>,
}

/// Makes two of every clause that records returns.
pub(super) fn split(script: &Script) -> Split<'_> {
    let script = apart(script);
    let own = script.clauses.len();
    let mut split = Split { script: script.clone(), own, of: Vec::new(), panics: None, messages: Vec::new() };
    for (n, clause) in script.clauses.iter().enumerate() {
        let Some(call) = records(&clause.body).filter(|_| clause.points.iter().any(is_return)) else { continue };
        if let Some(other) = clause.points.iter().find(|point| !is_return(point)) {
            let message = Diagnostic::error(other.span, "`call()` here and in a return is not the same");
            split.messages.push(message.help("in a return it records where calls begin, too; write two clauses"));
            continue;
        }
        let (at_begin, at_return) = clause.predicate.as_ref().map_or((None, None), halves);
        let script = split.script.to_mut();
        script.clauses.push(Clause {
            points: Vec::new(),
            except: Vec::new(),
            predicate: at_begin,
            body: Block { stmts: vec![call.clone()], span: clause.body.span },
            span: clause.span,
        });
        script.clauses[n].predicate = at_return;
        split.of.push(n);
    }
    if !split.of.is_empty() {
        split.panics = Some(split.script.clauses.len());
        split.script.to_mut().clauses.push(panics());
    }
    split
}

/// A clause that records calls without their stacks.
fn panics() -> Clause {
    let span = Span::default();
    let name = Spanned { value: CALL.to_owned(), span };
    let call = Expr { kind: Ast::Call { name, args: Vec::new() }, span };
    let body = Block { stmts: vec![Stmt { kind: StmtKind::Expr(call), span }], span };
    Clause { points: Vec::new(), except: Vec::new(), predicate: None, body, span }
}

/// Calls that were inlined have no return: a clause that records them beside others becomes two.
fn apart(script: &Script) -> Cow<'_, Script> {
    let mixed = |clause: &Clause| {
        let has = |which: fn(&AttachPoint) -> bool| clause.points.iter().any(which);
        has(is_inlined) && has(is_return) && records(&clause.body).is_some()
    };
    if !script.clauses.iter().any(mixed) {
        return Cow::Borrowed(script);
    }
    let mut all = Vec::new();
    for clause in &script.clauses {
        let (inlined, others): (Vec<AttachPoint>, Vec<AttachPoint>) = if mixed(clause) {
            clause.points.iter().cloned().partition(is_inlined)
        } else {
            (Vec::new(), clause.points.clone())
        };
        all.push(Clause { points: others, ..clause.clone() });
        all.extend((!inlined.is_empty()).then(|| Clause { points: inlined, ..clause.clone() }));
    }
    Cow::Owned(Script { clauses: all, ..script.clone() })
}

fn is_inlined(point: &AttachPoint) -> bool {
    matches!(&point.attach, Attach::User(user) if user.inlined)
}

fn is_return(point: &AttachPoint) -> bool {
    matches!(&point.attach, Attach::User(user) if user.ret)
}

/// The statement that records calls, if there is one.
pub(super) fn records(block: &Block) -> Option<&Stmt> {
    block.stmts.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Expr(Expr { kind: Ast::Call { name, .. }, .. }) => (name.value == CALL).then_some(stmt),
        StmtKind::If { then, otherwise, .. } => records(then).or_else(|| otherwise.as_ref().and_then(records)),
        StmtKind::Unroll { body, .. } => records(body),
        StmtKind::Block(inner) => records(inner),
        _ => None,
    })
}

/// What of a condition can be asked where a call begins, and what only where it returns.
fn halves(condition: &Expr) -> (Option<Expr>, Option<Expr>) {
    if let Ast::Binary { op: BinaryOp::LogicalAnd, left, right } = &condition.kind {
        let (left, right) = (halves(left), halves(right));
        return (both(left.0, right.0), both(left.1, right.1));
    }
    if can_be_asked_early(condition) { (Some(condition.clone()), None) } else { (None, Some(condition.clone())) }
}

fn both(left: Option<Expr>, right: Option<Expr>) -> Option<Expr> {
    match (left, right) {
        (Some(left), Some(right)) => {
            let span = left.span.to(right.span);
            let (left, right) = (Box::new(left), Box::new(right));
            Some(Expr { kind: Ast::Binary { op: BinaryOp::LogicalAnd, left, right }, span })
        }
        (one, None) | (None, one) => one,
    }
}

fn can_be_asked_early(e: &Expr) -> bool {
    let all = |parts: &[Expr]| parts.iter().all(can_be_asked_early);
    match &e.kind {
        Ast::Word(word) => !OF_RETURNS.contains(&word.as_str()) && !OF_THE_MOMENT.contains(&word.as_str()),
        Ast::Call { name, args } => !OF_THE_MOMENT.contains(&name.value.as_str()) && all(args),
        Ast::Map { key, .. } => all(key),
        Ast::Tuple(parts) => all(parts),
        Ast::Field { of, .. } | Ast::Unary { of, .. } | Ast::Cast { of, .. } => can_be_asked_early(of),
        Ast::Index { of: a, index: b } | Ast::Binary { left: a, right: b, .. } => {
            can_be_asked_early(a) && can_be_asked_early(b)
        }
        Ast::Ternary { cond, then, otherwise } => {
            [cond, then, otherwise].into_iter().all(|part| can_be_asked_early(part))
        }
        Ast::Step { .. } => false,
        _ => true,
    }
}

/// The functions whose calls are recorded, each by one clause.
#[derive(Default)]
pub(super) struct RecordedFunctions {
    all: BTreeMap<FuncNo, (usize, RecordedCalls)>,
}

impl RecordedFunctions {
    /// Notes that a clause records a function's calls; says so if another one does already.
    pub(super) fn add(&mut self, row: FuncNo, clause: usize, calls: RecordedCalls) -> bool {
        self.all.entry(row).or_insert((clause, calls)).0 == clause
    }

    /// The requests, for the plan.
    pub(super) fn requests(self) -> BTreeMap<FuncNo, RecordedCalls> {
        self.all.into_iter().map(|(row, (_, calls))| (row, calls)).collect()
    }
}
