//! What is kept by thread from one call of Go code to another: goroutines move between threads, so that is somebody
//! else's by then.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Body, Expr, ExprKind, MapNo, Plan, Stmt, StmtKind, Word};

/// By map the clauses whose code on Go's writes entries of the thread that it runs on, and those that read them.
type Clauses = BTreeMap<MapNo, (BTreeSet<u32>, BTreeSet<u32>)>;

impl Plan {
    /// The maps in which one clause on Go code leaves something by `tid` that another one looks for, in a sentence.
    pub(super) fn kept_by_thread(&self) -> Option<String> {
        let mut clauses = Clauses::new();
        let on_go = self.bodies.iter().filter(|body| body.prelude.is_go_code());
        on_go.for_each(|body| keyed(body, &mut clauses));
        let moved = |(written, read): &(BTreeSet<u32>, BTreeSet<u32>)| {
            read.iter().any(|clause| written.iter().any(|w| w != clause))
        };
        let names =
            clauses.iter().filter(|(_, clauses)| moved(clauses)).filter_map(|(map, _)| self.maps.get(map.index()));
        let names: Vec<&str> = names.map(|map| map.name.as_str()).collect();
        let what = if names.len() == 1 { "is" } else { "are" };
        (!names.is_empty()).then(|| {
            format!(
                "{} {what} kept by `tid`, and a goroutine may return on another thread than it called on: `goid` stays the \
                 same, and `elapsed` needs no map",
                names.join(", ")
            )
        })
    }
}

fn keyed(body: &Body, clauses: &mut Clauses) {
    body.predicate.iter().for_each(|predicate| reads(predicate, body.clause, clauses));
    body.code.iter().for_each(|stmt| in_stmt(stmt, body.clause, clauses));
}

fn in_stmt(stmt: &Stmt, clause: u32, clauses: &mut Clauses) {
    match &stmt.kind {
        StmtKind::SetMap { map, key, .. } if by_thread(key) => {
            clauses.entry(*map).or_default().0.insert(clause);
        }
        StmtKind::Do(Expr { kind: ExprKind::MapAdd { map, key, .. }, .. }) if by_thread(key) => {
            clauses.entry(*map).or_default().0.insert(clause);
        }
        StmtKind::Delete { map, key } if by_thread(key) => {
            clauses.entry(*map).or_default().1.insert(clause);
        }
        _ => {}
    }
    stmt.exprs().into_iter().for_each(|expr| reads(expr, clause, clauses));
    stmt.inner().into_iter().for_each(|stmt| in_stmt(stmt, clause, clauses));
}

fn reads(expr: &Expr, clause: u32, clauses: &mut Clauses) {
    if let ExprKind::Map { map, key } = &expr.kind
        && by_thread(key)
    {
        clauses.entry(*map).or_default().1.insert(clause);
    }
    expr.parts().into_iter().for_each(|part| reads(part, clause, clauses));
}

fn by_thread(key: &[Expr]) -> bool {
    key.iter().any(|part| matches!(part.kind, ExprKind::Word(Word::Tid)) || by_thread_within(part))
}

fn by_thread_within(expr: &Expr) -> bool {
    expr.parts().into_iter().any(|part| matches!(part.kind, ExprKind::Word(Word::Tid)) || by_thread_within(part))
}
